"""The C program `firstfix`: where it lies, and its answers as dictionaries of the contract.

A child with a deadline, so nothing that it meets (a driver that hangs) can hold the worker up for longer.
"""
from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import contextmanager
from typing import Any, ContextManager, Iterable, Iterator, Optional

DEADLINE_S = 20.0
KEPT = 9  # descriptor under which a child finds the one that it is given
_found: list[str] = []


class ProgramError(RuntimeError):
    """The program is not there, does not start, is too late, or says that it was used wrongly."""


def _candidates() -> Iterable[str]:
    import sysconfig

    yield os.environ.get("FIRSTFIX_PROGRAM", "")
    here = os.path.dirname(os.path.abspath(__file__))
    yield os.path.join(sysconfig.get_path("scripts"), "firstfix")
    yield os.path.join(os.path.dirname(sys.executable or ""), "firstfix")
    yield os.path.join(here, "..", "bin", "firstfix")               # pip install --target
    yield os.path.join(here, "..", "..", "..", "..", "bin", "firstfix")  # pip --user, and <prefix>/lib/firstfix/hooks
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        yield os.path.join(folder, "firstfix")


def _is_program(path: str) -> bool:
    """True for the ELF file, not for a script that would start us again."""
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"\x7fELF" and os.access(path, os.X_OK)
    except OSError:
        return False


def path() -> str:
    """Path of the program; ProgramError when there is none."""
    if not _found:
        _found.extend([p for p in _candidates() if p and _is_program(p)][:1])
    if not _found:
        raise ProgramError("the program `firstfix` is neither beside this Python nor in PATH; set FIRSTFIX_PROGRAM")
    return _found[0]


def run(words: list[str], text: Optional[bytes] = None, keep: Optional[int] = None,
        deadline: float = DEADLINE_S) -> tuple[int, str]:
    """Exit code and standard output of `firstfix WORDS`; 0 and 1 are answers, all else is a ProgramError.

    `keep` is there as descriptor KEPT. No pipes: a server that forks its next worker meanwhile would hold their ends
    open.
    """
    # Variables that change what a program loads were meant for the worker; the report reads them from the worker
    # itself.
    env = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "LD_LIBRARY_PATH")}
    files: list[int] = []
    try:
        for content in (text or b"", b"", b""):
            files.append(_memory(content))
        actions = [(os.POSIX_SPAWN_DUP2, fd, n) for n, fd in enumerate(files)]
        if keep is not None:
            actions.append((os.POSIX_SPAWN_DUP2, keep, KEPT))
        pid = os.posix_spawn(
            path(), [path(), *words], env, file_actions=actions, setsigmask=(), setsigdef=(signal.SIGPIPE,)
        )
        code = _wait(pid, words[0], deadline)
        said, errors = (_content(fd).decode("utf-8", "replace") for fd in files[1:])
    except OSError as error:
        raise ProgramError(f"{path()}: {error.strerror}") from None
    finally:
        for fd in files:
            os.close(fd)
    if code is None:  # somebody who reaps every child was quicker; what it printed tells whether it was an answer
        code = 0 if said else -1
    if code != 0 and (code != 1 or not said):  # 1 and silence: the loader, of a glibc too old
        raise ProgramError(f"`firstfix {words[0]}` ended with {code}: {errors.strip()[-500:]}")
    return code, said


def _memory(content: bytes) -> int:
    """A file in memory, above every descriptor that a child is given."""
    import fcntl

    low = os.memfd_create("firstfix", os.MFD_CLOEXEC)
    try:
        _write(low, content)
        os.lseek(low, 0, os.SEEK_SET)
        return fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, KEPT + 1)
    finally:
        os.close(low)


def _write(fd: int, content: bytes) -> None:
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(content)


def _content(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)


def _wait(pid: int, word: str, deadline: float) -> Optional[int]:
    """Its exit code, -N for signal N; None when somebody else reaped it."""
    end, pause = time.monotonic() + deadline, 0.001
    while True:
        try:
            done, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return None
        if done:
            return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            _wait(pid, word, 5.0)
            raise ProgramError(f"`firstfix {word}` took longer than {deadline:g} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)


def document(words: list[str], text: Optional[bytes] = None, keep: Optional[int] = None) -> dict[str, Any]:
    """The answer to WORDS --json as a dictionary."""
    _, answer = run([words[0], "--json", *words[1:]], text, keep)
    try:
        parsed = json.loads(answer)
    except ValueError as error:
        raise ProgramError(f"`firstfix {words[0]} --json` printed no JSON: {error}") from None
    return dict(parsed)


@contextmanager
def kept(content: bytes) -> Iterator[tuple[int, str]]:
    """A file in memory for a child: its descriptor here, its path there."""
    fd = _memory(content)
    try:
        yield fd, f"/proc/self/fd/{KEPT}"
    finally:
        os.close(fd)


def environment() -> ContextManager[tuple[int, str]]:
    """The variables of this process as they are now: /proc/PID/environ holds those of its start, and a worker sets many
    by os.environ.
    """
    return kept(b"".join(name + b"=" + value + b"\0" for name, value in list(os.environb.items())))


def this_process() -> list[str]:
    """The words by which `firstfix report` looks at this process; its Python by name, as setproctitle hides a venv's.
    """
    known = os.path.isabs(sys.executable or "")
    return ["--pid", str(os.getpid())] + (["--python", sys.executable] if known else [])


def report_self(trigger: str, only: str = "") -> str:
    """firstfix.facts/1 of this very process, as JSON text."""
    return report(["--json", "--trigger", trigger] + (["--only", only] if only else []))


def report(words: list[str]) -> str:
    """What `firstfix report WORDS` says of this very process."""
    with environment() as (fd, path):
        return run(["report", *this_process(), "--environ", path, *words], None, fd)[1]


def explain(log: str, facts: Optional[str], as_json: bool) -> str:
    """What `firstfix explain` says of this log with these facts (JSON text; None: the log alone)."""
    words = ["explain"] + (["--json"] if as_json else [])
    if facts is None:
        return run([*words, "--no-facts", "-"], log.encode("utf-8", "backslashreplace"))[1]
    with kept(facts.encode("utf-8", "backslashreplace")) as (fd, path_):
        return run([*words, "--facts", path_, "-"], log.encode("utf-8", "backslashreplace"), fd)[1]
