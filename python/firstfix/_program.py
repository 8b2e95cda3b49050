"""The C program `firstfix`: where it lies, and its answers as dictionaries of the contract.

A child with a deadline, so nothing that it meets (a driver that hangs) can hold the worker up for longer.
"""
from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from typing import Any, Iterable, Iterator, Optional

DEADLINE_S = 20.0
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


def run(words: list[str], text: Optional[bytes] = None, keep: tuple[int, ...] = (),
        deadline: float = DEADLINE_S) -> tuple[int, str]:
    """Exit code and standard output of `firstfix WORDS`; 0 and 1 are answers, all else is a ProgramError."""
    import subprocess

    # Variables that change what a program loads were meant for the worker; the report reads them from the worker itself.
    env = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "LD_LIBRARY_PATH")}
    command = [path(), *words]
    try:
        done = subprocess.run(command, input=text if text is not None else b"", stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=deadline, pass_fds=keep, env=env, check=False)
    except subprocess.TimeoutExpired:
        raise ProgramError(f"`firstfix {words[0]}` took longer than {deadline:g} s") from None
    except OSError as error:
        raise ProgramError(f"{command[0]}: {error.strerror}") from None
    if done.returncode != 0 and (done.returncode != 1 or not done.stdout):  # 1 and silence: the loader, of a glibc too old
        said = done.stderr.decode("utf-8", "replace").strip()[-500:]
        raise ProgramError(f"`firstfix {words[0]}` ended with {done.returncode}: {said}")
    return done.returncode, done.stdout.decode("utf-8", "replace")


def document(words: list[str], text: Optional[bytes] = None, keep: tuple[int, ...] = ()) -> dict[str, Any]:
    """The answer to WORDS --json as a dictionary."""
    _, answer = run([words[0], "--json", *words[1:]], text, keep)
    try:
        parsed = json.loads(answer)
    except ValueError as error:
        raise ProgramError(f"`firstfix {words[0]} --json` printed no JSON: {error}") from None
    return dict(parsed)


@contextmanager
def environment() -> Iterator[tuple[int, str]]:
    """A descriptor, and its path in a child that is given it: the variables of this process as they are now.

    /proc/PID/environ holds those of its start, and a worker sets many by os.environ.
    """
    fd = os.memfd_create("firstfix-environ", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(fd), "wb") as file:
            file.write(b"".join(name + b"=" + value + b"\0" for name, value in list(os.environb.items())))
        yield fd, f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


def this_process() -> list[str]:
    """The words by which `firstfix report` looks at this process; its Python by name, as setproctitle hides a venv's."""
    known = os.path.isabs(sys.executable or "")
    return ["--pid", str(os.getpid())] + (["--python", sys.executable] if known else [])


def report_self(trigger: str, only: str = "") -> str:
    """firstfix.facts/1 of this very process, as JSON text."""
    return report(["--json", "--trigger", trigger] + (["--only", only] if only else []))


def report(words: list[str]) -> str:
    """What `firstfix report WORDS` says of this very process."""
    with environment() as (fd, path):
        return run(["report", *this_process(), "--environ", path, *words], None, (fd,))[1]


def explain(log: str, facts: Optional[str], as_json: bool) -> str:
    """What `firstfix explain` says of this log with these facts (JSON text; None: the log alone)."""
    words = ["explain"] + (["--json"] if as_json else [])
    if facts is None:
        return run([*words, "--no-facts", "-"], log.encode("utf-8", "backslashreplace"))[1]
    fd = os.memfd_create("firstfix-facts", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(fd), "wb") as file:
            file.write(facts.encode("utf-8", "backslashreplace"))
        words += ["--facts", f"/proc/self/fd/{fd}", "-"]
        return run(words, log.encode("utf-8", "backslashreplace"), (fd,))[1]
    finally:
        os.close(fd)
