"""Failures of this process as incidents: one run of the program each, from a thread where an event loop must not stand
still.

The program collects the facts of this process, diagnoses, stores and counts, and gives back the block to show. What
comes again is counted here and told at once, then every few seconds. Each exception and each telling has a number in
the lane: what a process that is killed had no time to tell, whoever finds it dead tells (src/incident/untold.h).
Callable from signal handlers: no lock is taken.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from typing import Any, Callable, Optional, Union

from firstfix import _mask, _program, _ring, _say
from firstfix._settings import settings

AGAIN_S = 2.0      # counts are told no more often
REMINDER_S = 60.0  # a failure that goes on is said in one line this often
WAITING_MAX = 64
KNOWN_MAX = 256
WORKER_NAMES = ("FIRSTFIX_WORKER", "RUNPOD_POD_ID", "POD_NAME", "HOSTNAME")


def _lane_key(key: str) -> str:
    """Of this fingerprint from now on: a process that forgets one and meets it again counts from 1."""
    from binascii import crc32

    return f"{crc32(f'{key} {time.time_ns()}'.encode('utf-8', 'replace')):08x}"


class Known:
    """A failure that was told: its incident, and how often it came since."""

    __slots__ = ("incident", "what", "key", "lane_key", "came", "told", "more", "since", "said_at")

    def __init__(self, key: str) -> None:
        """`what`, the error in a line, is for whoever tells of it to say."""
        self.incident = ""
        self.what = ""
        self.key = key
        self.lane_key = _lane_key(key)
        self.came = 0
        self.told = 1   # of these, once `incident` is known
        self.more = 0   # not yet told to the program
        self.since = 0  # not yet said
        self.said_at = time.monotonic()


class Telling:
    """A failure on its way: what the program gets, and the block to show where it gives no answer."""

    __slots__ = ("failure", "plain", "about", "shown", "show_with")

    def __init__(
        self,
        failure: Union[dict[str, Any], Callable[[], Optional[dict[str, Any]]]],
        plain: Callable[[], str],
        about: Optional[Known] = None,
        show_with: Optional[Callable[[dict[str, Any], str], None]] = None,
    ) -> None:
        """`failure` may be a function, which the thread calls and which may have told by itself. `about` gets the
        incident's id; show_with(answer, text) shows it instead of stderr."""
        self.failure, self.plain, self.about, self.shown, self.show_with = failure, plain, about, False, show_with

    def show_plain(self) -> None:
        """Once, and nothing where the program has answered."""
        if not self.shown:
            self.shown = True
            if settings.log == "text":
                _say.say("exception", self.plain(), {})


_known: dict[str, Known] = {}
_waiting: deque[Telling] = deque()
_at_work: list[Telling] = []
# The thread is `busy` from before it takes something until that is told; nothing is between two places while it is not.
# While somebody is `ending` the thread begins no count.
_state: dict[str, Any] = {"pid": 0, "running": False, "busy": False, "ending": False, "counted": 0.0}


def _own() -> None:
    """A child by fork() has none of its parent's work."""
    if _state["pid"] != os.getpid():
        _known.clear()
        _waiting.clear()
        _at_work.clear()
        _state.update(pid=os.getpid(), running=False, busy=False, ending=False)


def came(key: str) -> tuple[Known, int]:
    """The failure of this fingerprint and how often it came with this time: of several threads that fail alike one gets
    the 1, and tells of it.
    """
    _own()
    found = _known.get(key)
    if found is None:
        if len(_known) >= KNOWN_MAX:
            _forget()
        found = _known.setdefault(key, Known(key))
    found.came = number = found.came + 1
    return found, number


def _forget() -> None:
    """The oldest of which nothing is to be counted makes room."""
    told = (key for key, each in list(_known.items()) if not each.more)
    _known.pop(next(told, next(iter(_known))), None)


def again(found: Known) -> None:
    """Count it; somebody tells of it already."""
    found.more += 1
    found.since += 1
    if time.monotonic() - found.said_at >= REMINDER_S:
        _say.say(
            "firstfix.again",
            f"firstfix: again, {found.since} times: {found.what} (incident {found.incident})",
            {"firstfix.incident": found.incident, "firstfix.count": found.since},
        )
        found.said_at, found.since = time.monotonic(), 0
    _start()


def number(about: Known, count: int) -> dict[str, Any]:
    """For the lane: which failure, and how often it came."""
    return {"firstfix.failure.key": about.lane_key, "firstfix.failure.count": count}


def _begin(about: Known, count: int) -> str:
    """The token of a telling that is noted in the lane: who finds this process dead at it tells the same once more."""
    token = f"{os.getpid():x}-{time.time_ns():x}"
    _ring.event(
        _ring.CUSTOM, {"firstfix.event": "telling", "firstfix.failure.token": token, **number(about, count)}
    )
    return token


def peek(key: str) -> Optional[Known]:
    """The failure of this fingerprint when this process told of it, not counted."""
    return _known.get(key)


def later(telling: Telling) -> None:
    """Have it told by the thread; with very many waiting it is dropped, and told when it comes again."""
    _own()
    if len(_waiting) < WAITING_MAX:
        _waiting.append(telling)
        _start()
    elif telling.about is not None:
        _known.pop(telling.about.key, None)


def _start() -> None:
    if not _state["running"]:
        _state["running"] = True
        try:
            import _thread

            _thread.start_new_thread(_work, ())
        except RuntimeError:  # no thread can be had, or the interpreter ends: finish() does it
            _state["running"] = False


def _work() -> None:
    while _waiting or _uncounted():
        _state["busy"] = True
        if _waiting:
            _do_next()
        elif not _state["ending"] and time.monotonic() >= _state["counted"] + AGAIN_S:
            _tell_again()
        _state["busy"] = False
        if not _waiting:
            time.sleep(0.05)
    _state["running"] = False
    if _waiting or _uncounted():  # came while we were leaving
        _start()


def _do_next() -> None:
    try:
        telling = _waiting.popleft()
    except IndexError:  # somebody else took it
        return
    _at_work.append(telling)
    try:
        tell(telling)
    except Exception as failure:
        _say.once(f"could not diagnose a failure: {type(failure).__name__}")
    finally:
        if telling in _at_work:
            _at_work.remove(telling)


def _uncounted() -> bool:
    return any(each.more and each.incident for each in list(_known.values()))


def _tell_again() -> None:
    _state["counted"] = time.monotonic()
    for each in list(_known.values()):
        if not each.more or not each.incident:
            continue
        times, each.more = each.more, 0
        try:
            token = _begin(each, each.told + times)
            _program.run(["incident", "--again", each.incident, "--times", str(times), "--token", token])
            each.told += times
            _ring.event(_ring.CUSTOM, {"firstfix.event": "incident.again", "firstfix.incident": each.incident,
                                       **number(each, each.told)})
        except Exception as error:
            _say.once(f"a failure that came again is not counted: {error}")


def finish(timeout: float = 5.0) -> None:
    """Let what is under way come to its end, for a moment, and tell the last counts."""
    if _state["pid"] != os.getpid():
        return
    end = time.monotonic() + timeout
    _state["ending"] = True
    try:
        while time.monotonic() < end and (_waiting or _state["busy"]):
            if _waiting and not _state["running"]:
                _do_next()
            else:
                time.sleep(0.01)
        for late in [*_at_work, *_waiting]:
            late.show_plain()
        if not _state["busy"]:
            _tell_again()
    finally:
        _state["ending"] = False


def _arguments(pid: object) -> list[str]:
    """What a process was started with. What one that renames itself (Ray, gunicorn) leaves of it is empty."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return [w.decode("utf-8", "replace") for w in file.read(1 << 16).rstrip(b"\0").split(b"\0")]
    except OSError:
        return []


def _started_as() -> list[str]:
    """A child of multiprocessing was started by "-c from multiprocessing.spawn ...", which nobody gave: its parent's.
    """
    module = sys.modules.get("multiprocessing.process")
    parent = module.parent_process() if module is not None else None
    for pid in ("self", parent.pid) if parent is not None else ("self",):
        words = _arguments(pid)
        if words and not any("from multiprocessing" in word or "loky" in word for word in words[:6]):
            return words
    return [sys.executable or "python", *sys.argv]


def _command() -> dict[str, Any]:
    """What was started, as the supervisor names it."""
    import shlex

    words = _started_as()
    try:
        folder = os.getcwd()
    except OSError:
        folder = ""
    return {"argv": words, "command": " ".join(map(shlex.quote, words))[:4096], "cwd": folder,
            "command_key": os.environ.get("FIRSTFIX_COMMAND_KEY") or _key([folder, *words])}


def _key(words: list[str]) -> str:
    """16 digits that are the same for the same folder and words: FNV-1a, as the supervisor's."""
    value = 0xcbf29ce484222325
    for byte in b"\0".join(w.encode("utf-8", "replace") for w in words) + b"\0":
        value = ((value ^ byte) * 0x100000001b3) & 0xffffffffffffffff
    return f"{value:016x}"


def _process_name() -> Optional[str]:
    """The name that multiprocessing gave this process."""
    module = sys.modules.get("multiprocessing.process")
    try:
        name = module.current_process().name if module is not None else None
    except Exception:
        return None
    return None if name in (None, "MainProcess") else str(name)[:128]


def about_process() -> dict[str, Any]:
    """What of a firstfix.failure/1 is the same for every failure of this process."""
    lane, _ = _ring.where()
    worker = next((os.environ[name] for name in WORKER_NAMES if os.environ.get(name)), os.uname().nodename)
    return {
        "schema": "firstfix.failure/1",
        "how": "failure",
        "pid": os.getpid(),
        "pids": [os.getpid()],
        "process": _process_name(),
        "worker": worker[:128],
        "run_id": os.environ.get("FIRSTFIX_RUN_ID"),
        "lane": lane if lane and lane.startswith("/") else None,
        "python": sys.executable if os.path.isabs(sys.executable or "") else None,
        **_command(),
    }


def record(failure: dict[str, Any]) -> dict[str, Any]:
    """firstfix.recorded/1 of a firstfix.failure/1; ProgramError where the program cannot be had."""
    import json

    words = ["incident", "--failure", "-"]
    with _program.environment() as (fd, path):
        text = json.dumps(
            {k: v for k, v in {**failure, "environ": path}.items() if v is not None}, default=str, ensure_ascii=False
        )
        _, answer = _program.run(words, text.encode("utf-8", "replace"), fd)
    parsed = json.loads(answer)
    if parsed.get("unstored"):
        _say.once(f"the incident could not be stored: {parsed['unstored']}")
    return dict(parsed)


def tell(telling: Telling) -> None:
    """Store it and show what the program says of it."""
    failure = telling.failure() if callable(telling.failure) else telling.failure
    if failure is None:
        return  # it was no failure of ours
    if telling.about is not None:
        failure = {**failure, "token": _begin(telling.about, 1)}
    try:
        answer = record(failure)
    except (_program.ProgramError, ValueError) as error:
        telling.show_plain()
        _say.once(f"no diagnosis: {error}")
        return
    if "text" not in answer:
        return  # nothing that anybody wants to know
    exception, incident = failure.get("exception", {}), str(answer.get("incident") or "")
    if telling.about is not None:
        telling.about.incident = incident
    _ring.event(_ring.CUSTOM, {"firstfix.event": "incident", "firstfix.incident": incident,
                               "firstfix.shown": _say.is_shown() and telling.show_with is None,
                               "exception.type": exception.get("type"), "exception.message": exception.get("message"),
                               **(number(telling.about, 1) if telling.about is not None else {})})
    if telling.shown:
        return
    telling.shown = True
    if telling.show_with is not None and settings.log == "text":
        telling.show_with(answer, _mask.mask(str(answer.get("text", ""))))
    else:
        _say.say("firstfix.diagnosis", _mask.mask(str(answer.get("text", ""))), {
            "firstfix.incident": incident or None, "firstfix.count": answer.get("count"),
            "firstfix.diagnosis": answer.get("diagnosis")})


def _tell_of_left() -> None:
    _, text = _program.run(["incident", "--left"])
    if text and settings.log == "json":
        _say.raw(text)
    elif text:
        _say.say("firstfix.incident", text, {})


def tell_of_left() -> None:
    """Have those told of that ended here without a word before we began."""
    telling = Telling(_tell_of_left, lambda: "")
    telling.shown = True
    later(telling)


def html(text: str) -> str:
    """The page for a notebook: what is a title there is one here, the rest keeps its columns."""
    import html as escaping

    out, box = [], False
    for line in text.splitlines():
        if line.strip("=-") == "" and len(line) >= 60:
            box = not box
        elif box:
            out.append(f"<b>{escaping.escape(line)}</b>")
        else:
            out.append(escaping.escape(line))
    return f'<pre style="line-height:1.3;white-space:pre-wrap">{chr(10).join(out)}</pre>'
