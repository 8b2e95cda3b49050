"""A failure inside the worker: one event in the lane, one block for people, and the diagnosis.

Everything here is called while the worker's own exception is on its way; nothing here may replace it. The event comes
first, because it survives whatever follows.
"""
from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any, Callable, Optional, Sequence

from firstfix import _children, _exceptions, _gpu, _mask, _program, _ring, _say
from firstfix._settings import settings

SAME_FAILURE_S = 60.0
MARK = "_firstfix_reported"
# What the first cause's family wants to see of the machine, as the seed's failure blocks do.
SECTIONS = (
    ("bnb.", "BITSANDBYTES FAILURE DIAGNOSTICS", "bitsandbytes,bitsandbytes_choice,torch,cuda"),
    ("oom.host", "MEMORY DIAGNOSTICS", "memory,limits,disks"),
    ("hf.", "MODEL FILES DIAGNOSTICS", "transformers,disks"),
    ("disk.", "DISK DIAGNOSTICS", "disks"),
    ("torch.", "PYTORCH/CUDA DIAGNOSTICS", "torch,driver,cuda,gpus"),
    ("cuda.", "PYTORCH/CUDA DIAGNOSTICS", "torch,driver,cuda,gpus"),
)
hints: deque[str] = deque(maxlen=20)  # warnings that matter for a later failure
_recent: dict[str, list[float]] = {}  # fingerprint -> when last shown, how often since
_busy = threading.local()
_threads: list[threading.Thread] = []


def seen(exc: BaseException) -> bool:
    """True when this very exception was reported before, on its way through an inner call."""
    return bool(getattr(exc, MARK, False))


def _mark(exc: BaseException) -> None:
    try:
        setattr(exc, MARK, True)
    except Exception:
        pass  # an exception with slots: it is said twice


def record(exc: BaseException, where: str, fields: Optional[dict[str, Any]] = None) -> None:
    """The event of this exception in the lane."""
    row: dict[str, Any] = {"exception.type": _exceptions.type_name(exc), "firstfix.phase": where}
    row.update(fields or {})
    row["exception.message"] = _exceptions.message(exc)
    row["exception.stacktrace"] = _exceptions.text(exc)
    _ring.event(_ring.EXCEPTION, row)
    if _out_of_memory(exc):
        guarded(_record_memory)


def _out_of_memory(exc: BaseException) -> bool:
    return "OutOfMemory" in type(exc).__name__ or "out of memory" in _exceptions.message(exc)


def _record_memory() -> None:
    """What torch's allocator holds at that moment, beside the exception."""
    for reading in _gpu.read():
        _ring.event(_ring.MEMORY, reading.fields())


def _repeated(exc: BaseException) -> int:
    """How often this failure came again within a minute; 0 the first time."""
    key, now = _exceptions.fingerprint(exc), time.monotonic()
    entry = _recent.get(key)
    if entry and now - entry[0] < SAME_FAILURE_S:
        entry[1] += 1
        return int(entry[1])
    if len(_recent) > 256:
        _recent.clear()
    _recent[key] = [now, 0]
    return 0


def handle(exc: BaseException, where: str, heading: str, fields: Optional[dict[str, Any]] = None,
           wait: bool = True, said: Sequence[str] = (), show: bool = True) -> None:
    """Record, show and diagnose. wait=False: the diagnosis follows from a thread, since an event loop must not stand still.
    `said` are lines that a library printed before it failed. show=False: recorded, and not shown further up either.

    Raises nothing, but Ctrl-C passes through. A failure inside of this is said in one line.
    """
    if getattr(_busy, "on", False) or seen(exc):
        return
    _busy.on = True
    try:
        _mark(exc)
        record(exc, where, fields)
        repeated = _repeated(exc)
        if repeated or not show or settings.log == "off":
            return
        _show(exc, heading, fields or {}, wait, said)
    except Exception as failure:
        _say.once(f"could not report a failure: {type(failure).__name__}")
    finally:
        _busy.on = False
        settings.keep_spare()


def last_words(exc: BaseException, where: str) -> None:
    """The end of a process that `firstfix run` will diagnose: the event, and what this process alone knows of the GPU's memory."""
    record(exc, where)
    memory = _memory_lines(exc)
    if memory and settings.log != "off":
        _say.say("firstfix.memory", "\n".join([_say.section("GPU MEMORY DIAGNOSTICS"), *memory]), {"body": "\n".join(memory)})


def _memory_lines(exc: BaseException) -> list[str]:
    if not _out_of_memory(exc):
        return []
    try:
        return _gpu.oom_lines()
    except Exception:
        return []


def _show(exc: BaseException, heading: str, fields: dict[str, Any], wait: bool, said: Sequence[str]) -> None:
    trace = _mask.mask(_exceptions.text(exc))
    kind, message = _exceptions.type_name(exc), _mask.mask(_exceptions.message(exc))
    memory = _memory_lines(exc)
    lines = [_say.title(heading), f"Error Type: {kind}", f"Error Message: {message}", "", "Full Traceback:", trace.rstrip()]
    if memory:
        lines += ["", _say.section("GPU MEMORY DIAGNOSTICS"), *memory]
    record_ = dict(fields, **{"exception.type": kind, "exception.message": message, "exception.stacktrace": trace})
    _say.say("exception", "\n".join(lines), record_)
    log = "\n".join([*hints, *said, trace, *memory])
    if wait:
        diagnose(log)
    else:
        thread = threading.Thread(target=_diagnose_quietly, args=(log,), name="firstfix", daemon=True)
        _threads[:] = [t for t in _threads if t.is_alive()]
        if len(_threads) < 2:
            _threads.append(thread)
            thread.start()


def _diagnose_quietly(log: str) -> None:
    try:
        diagnose(log)
    except Exception as failure:
        _say.once(f"could not diagnose a failure: {type(failure).__name__}")


def diagnose(log: str) -> None:
    """Join the traceback with those of the processes below and the facts of this one; show cause, evidence and fix."""
    import json

    try:
        log = "\n".join([*_children.failures(), log])
        facts = _program.report_self("failure")
        answer = json.loads(_program.explain(log, facts, True))
        if settings.log == "json":
            _say.say("firstfix.diagnosis", "", {"firstfix.diagnosis": answer})
            return
        _say.say("firstfix.diagnosis", _sections(answer) + _program.explain(log, facts, False), {})
    except _program.ProgramError as error:
        _say.once(f"no diagnosis: {error}")


def _sections(answer: dict[str, Any]) -> str:
    """The part of the report that the first cause is about."""
    causes = [str(d.get("cause", "")) for d in answer.get("diagnoses", ())][:1]
    for prefix, heading, probes in SECTIONS:
        if causes and causes[0].startswith(prefix):
            try:
                page = _program.run(["report", *_program.this_process(), "--only", probes])[1]
                return f"{_say.section(heading)}\n{page[page.find(_say.LIGHT):]}"
            except _program.ProgramError:
                return ""
    return ""


def finish(timeout: float = 5.0) -> None:
    """At exit: let a diagnosis that is under way come to its end, for a moment."""
    end = time.monotonic() + timeout
    for thread in _threads:
        thread.join(max(0.0, end - time.monotonic()))


def guarded(call: Callable[..., Any], *args: Any) -> Any:
    """Call ours from the worker's path: what fails is said once and None is returned."""
    try:
        return call(*args)
    except Exception as failure:
        _say.once(f"{getattr(call, '__name__', 'a hook')} failed ({type(failure).__name__}: {_exceptions.message(failure)})")
        return None
