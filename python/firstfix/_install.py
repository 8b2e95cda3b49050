"""install(): the lane, the import hooks and the hooks on the process' end. Quick: nothing large is imported here."""
from __future__ import annotations

from time import time

from firstfix import _ring
from firstfix._settings import settings

_done = _reported = False
began = 0.0  # time.time() of install(); what was recorded earlier is not of this process


def _report() -> None:
    """What `firstfix run` shows of its worker's start, for a process that it did not start."""
    from firstfix import _program, _say

    try:
        with _program.environment() as (fd, path):
            words = ["report", *_program.this_process(), "--environ", path, "--trigger", "startup"]
            if settings.log == "json":
                import json

                _say.say(
                    "firstfix.report",
                    "",
                    {"firstfix.report": json.loads(_program.run([*words, "--json"], None, fd)[1])},
                )
            elif settings.log == "text":
                _say.say("firstfix.report", _program.run(words, None, fd)[1], {})
    except (_program.ProgramError, ValueError) as error:
        _say.once(f"no start-up report: {error}")


def install(capture_inputs: bool = False, report: bool = False) -> bool:
    """See firstfix.install()."""
    global _reported
    done = _record(capture_inputs)
    if done and report and not _reported and not settings.supervised:
        _reported = True
        _report()
    return done


def _record(capture_inputs: bool) -> bool:
    global _done, began
    settings.capture_inputs = settings.capture_inputs or capture_inputs
    if _done:
        return True
    settings.read()
    settings.capture_inputs = capture_inputs
    if not settings.on("all"):
        return False
    for said in [*settings.misspelt(), *settings.wrong_values()]:
        from firstfix import _say

        _say.once(said)
    try:
        began = time()
        from firstfix import _deaths, _ends, _forks, _imports

        _ends.stacks_on_crash()  # before the recorder, whose guard against cut files must be asked first
        _ring.start(None)
        _deaths.remember()
        _ends.install()
        _imports.install()
        _forks.install()
        settings.keep_spare()
        if _ring.left() and not settings.supervised:
            from firstfix import _incident

            _incident.tell_of_left()
    except Exception as failure:
        from firstfix import _say

        _say.once(f"does not record: {type(failure).__name__}: {failure}")
        return False
    _done = True
    return True
