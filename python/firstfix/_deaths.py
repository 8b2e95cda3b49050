"""Children that die by a signal, or leave with a code in the middle of their work: prefork servers, task queues and
data loaders reap theirs by os.waitpid() and go on.

What the child was working on stands in its lane as a begin without an end. A signal that this process sent itself (a
stop, a worker that is late) and an exit code are its own business, unless they cost a request.
"""

from __future__ import annotations

import os
import sys

from firstfix import _ring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional

    from firstfix._table import Row

# By these a child is told to end in good order.
STOPS = {1, 2, 3, 13, 14, 15}
SIGKILL = 9
CLOCK_S = 1.0  # how coarse the times of files may be
_sent: dict[int, int] = {}  # pid -> the last signal that this process sent it
_oom_kills_before: list[int] = []


def _small(path: str) -> bytes:
    """A small file of /proc or /sys; empty where there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, 8192)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _oom_kills() -> int:
    """How often the kernel's OOM killer struck in this process' control group (of version 2, or memory's of version 1).
    """
    for line in _small("/proc/self/cgroup").splitlines():
        _, controllers, group = os.fsdecode(line).split(":", 2)
        if controllers not in ("", "memory"):
            continue
        root, name = (
            ("/sys/fs/cgroup/memory", "memory.oom_control") if controllers else ("/sys/fs/cgroup", "memory.events")
        )
        for folder in (
            root + group.rstrip("/"),
            root,
        ):  # a container sees its own group as the root, under a longer name
            for row in _small(f"{folder}/{name}").splitlines():
                if row.startswith(b"oom_kill "):
                    return int(row[9:])
    return 0


def remember() -> None:
    """The count that a later one is compared with."""
    _oom_kills_before[:] = [_oom_kills()]


def _killed_by(signal: int, by_us: bool) -> Optional[str]:
    """Who sent SIGKILL, as far as something speaks for it."""
    if signal != SIGKILL or by_us:
        return None
    return memory_killed() or "somebody outside; nothing points to memory"


def memory_killed() -> Optional[str]:
    """The kernel's OOM killer, where its count has grown since it was asked last; None without evidence."""
    before, now = (_oom_kills_before or [0])[0], _oom_kills()
    _oom_kills_before[:] = [now]
    return "the kernel's OOM killer" if now > before else None


def _like(ours: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    """What functools.wraps() does, without the millisecond of its import at every start of Python."""
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        setattr(ours, name, getattr(original, name, None))
    vars(ours)["__wrapped__"] = original
    return ours


def wrap_wait(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """os.waitpid() and its likes: what they return begins with pid and status. Called in signal handlers, too."""
    def wait(*args: Any, **kwargs: Any) -> Any:
        got = original(*args, **kwargs)
        pid, status = got[0], got[1]
        if pid > 0:
            signal, sent = status & 0x7f, _sent.pop(pid, 0)
            if not row.broken and (status >> 8 if not signal else 0 < signal < 0x7f and signal not in STOPS):
                try:
                    _died(pid, status, sent == signal)
                except Exception as failure:
                    _give_up(row, failure)
        return got
    return _like(wait, original)


def wrap_kill(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """os.kill(), os.killpg() (whose leader it is then): who sent it, when a child dies by it."""
    def kill(pid: int, signal: int) -> Any:
        if not signal or type(pid) is not int or pid <= 0:
            return original(pid, signal)
        if len(_sent) > 4096:
            _sent.clear()
        before, _sent[pid] = _sent.get(pid, 0), int(signal)  # another thread may reap it before we are back
        try:
            return original(pid, signal)
        except BaseException:
            _sent[pid] = before
            raise
    return _like(kill, original)


def _give_up(row: Row, failure: BaseException) -> None:
    from firstfix import _imports

    _imports.disable(row, failure)


def _name_of(pid: int) -> Optional[str]:
    """The name of a child that multiprocessing or billiard started; None for any other."""
    for library in ("multiprocessing.process", "billiard.process"):
        children = getattr(sys.modules.get(library), "_children", ())
        for child in list(children):
            if getattr(getattr(child, "_popen", None), "pid", None) == pid:
                return str(getattr(child, "name", ""))[:128]
    return None


def lane_of(pid: int) -> Optional[str]:
    """The file in which the child recorded; one that was written last before we began is of an earlier process with its
    number.
    """
    from firstfix import _install
    ours, _ = _ring.where()
    if not ours or not ours.startswith("/"):
        return None
    folder = os.path.dirname(ours)
    lanes = [
        (os.path.getmtime(os.path.join(folder, name)), os.path.join(folder, name))
        for name in os.listdir(folder)
        if name.startswith(f"{pid}-") and name.endswith(".ring")
    ]
    changed, newest = max(lanes, default=(0.0, None))
    return newest if changed >= _install.began - CLOCK_S else None


def _signal_name(number: int) -> str:
    import signal

    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"


def _how(status: int, by_us: bool) -> tuple[str, dict[str, Any]]:
    """How it ended in words, and for a firstfix.failure/1. A code says nothing where no work was cut off."""
    signal, code = status & 0x7f, status >> 8 & 0xff
    if not signal:
        return f"left with exit code {code}", {"how": "exit", "exit": {"code": code}, "only_at_work": True}
    name = _signal_name(signal)
    return f"died by {name}", {
        "how": "signal",
        "exit": {"signal": signal, "name": name, "core": bool(status & 0x80)},
        "sent_by": f"pid {os.getpid()}, its parent" if by_us else _killed_by(signal, by_us),
        "only_at_work": by_us or None,
    }


def _died(pid: int, status: int, by_us: bool) -> None:
    name, lane = _name_of(pid), lane_of(pid)
    if name is None and lane is None:
        return  # some program that this process ran: its exit status is its caller's business
    if not status & 0x7f and lane is None:
        return  # nothing tells that it was at work
    from firstfix import _incident
    key, value = ("firstfix.signal", status & 0x7f) if status & 0x7f else ("process.exit.code", status >> 8 & 0xff)
    _ring.event(_ring.CHILD_EXIT, {"firstfix.child.pid": pid, key: value})
    said, ended = _how(status, by_us)
    failure = {
        **_incident.about_process(),
        "title": "WORKER PROCESS DIED",
        "pid": pid,
        "pids": [pid],
        "process": name,
        "lane": lane,
        **ended,
    }
    _incident.later(_incident.Telling(failure, lambda: f"firstfix: worker process {pid} {said}"))
