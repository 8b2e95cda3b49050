"""A failure inside the worker: one event in the lane, one incident, one block for people.

Everything here is called while the worker's own exception is on its way; nothing here may replace it. The event comes
first, because it survives whatever follows.
"""
from __future__ import annotations

import sys
import threading
from collections import deque
from typing import Any, Callable, Optional, Sequence

from firstfix import _exceptions, _gpu, _incident, _install, _mask, _ring, _say
from firstfix._settings import settings

MARK = "_firstfix_reported"
hints: deque[str] = deque(maxlen=20)  # warnings that matter for a later failure
_busy = threading.local()
_REQUEST = (("id", "firstfix.request.id"), ("method", "http.request.method"), ("path", "url.path"),
            ("function", "code.function.name"), ("phase_id", "firstfix.phase.id"))


def seen(exc: BaseException) -> bool:
    """True when this very exception was reported before, on its way through an inner call."""
    return bool(getattr(exc, MARK, False))


def _mark(exc: BaseException, key: str) -> None:
    try:
        setattr(exc, MARK, key)
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


def handle(exc: BaseException, where: str, heading: str, fields: Optional[dict[str, Any]] = None,
           wait: bool = True, said: Sequence[str] = (), show: bool = True,
           show_with: Optional[Callable[[dict[str, Any], str], None]] = None) -> None:
    """Record, store, show and diagnose. wait=False: that follows from a thread, since an event loop must not stand
    still. `said` are lines that a library printed before it failed. show=False: recorded, and not shown further up
    either. show_with(answer, text) shows it instead of stderr.

    Raises nothing, but Ctrl-C passes through. A failure inside of this is said in one line.
    """
    if getattr(_busy, "on", False) or seen(exc):
        return
    _busy.on = True
    try:
        key = _exceptions.fingerprint(exc)
        _mark(exc, key)
        if not show:
            record(exc, where, fields)
            return
        about, count = _incident.came(key)
        record(exc, where, {**(fields or {}), **_incident.number(about, count), "firstfix.title": heading})
        if count > 1:
            _incident.again(about)
        else:
            telling = _telling(exc, about, where, heading, fields or {}, said)
            telling.show_with = show_with
            if wait:
                _incident.tell(telling)
            else:
                _incident.later(telling)
    except Exception as failure:
        _say.once(f"could not report a failure: {type(failure).__name__}")
    finally:
        _busy.on = False
        settings.keep_spare()


def _telling(exc: BaseException, about: _incident.Known, where: str, heading: str, fields: dict[str, Any],
             said: Sequence[str]) -> _incident.Telling:
    kind, message = _exceptions.type_name(exc), _exceptions.message(exc)
    memory, trace = _memory_lines(exc), _exceptions.text(exc)
    if settings.log == "json":
        _say.say("exception", "", dict(fields, **{"exception.type": kind, "exception.message": _mask.mask(message),
                                                  "exception.stacktrace": _mask.mask(trace)}))
    failure = _incident.about_process()
    failure.update({
        "title": heading, "phase": where, "model": fields.get("gen_ai.request.model"), "gpu_memory": memory or None,
        "request": {name: fields[field] for name, field in _REQUEST if fields.get(field) is not None} or None,
        "lasted_ms": round(fields["firstfix.duration_ms"]) if "firstfix.duration_ms" in fields else None,
        "exception": _exceptions.document(exc), "log": "\n".join([*hints, *said, trace, *memory]),
        "children_since_ns": int(_install.began * 1e9) if "multiprocessing.process" in sys.modules else None,
    })
    about.what = _exceptions.cut(f"{kind}: {message}".partition("\n")[0], 300)

    def plain() -> str:
        lines = [
            _say.title(heading),
            f"Error Type: {kind}",
            f"Error Message: {message}",
            "",
            "Full Traceback:",
            trace.rstrip(),
        ]
        return _mask.mask("\n".join(lines + (["", _say.section("GPU MEMORY DIAGNOSTICS"), *memory] if memory else [])))

    return _incident.Telling(failure, plain, about)


def last_words(exc: BaseException, where: str) -> None:
    """The end of a process that `firstfix run` will diagnose: the event, and what this process alone knows of the GPU's
    memory.
    """
    record(exc, where)
    memory = _memory_lines(exc)
    if memory and settings.log != "off":
        _say.say(
            "firstfix.memory", "\n".join([_say.section("GPU MEMORY DIAGNOSTICS"), *memory]), {"body": "\n".join(memory)}
        )


def ended_by(exc: BaseException) -> bool:
    """True when this exception, or one that led to it, was told already: then the end of the process refers to that."""
    for each in _exceptions.chain(exc):
        if seen(each):
            _incident.finish()
            known = _incident.peek(str(getattr(each, MARK)))
            if known is not None and known.incident:
                if each is not exc:
                    record(exc, "process")
                _ring.event(_ring.CUSTOM, {"firstfix.event": "ended.by", "firstfix.incident": known.incident,
                                            "firstfix.shown": _say.is_shown()})
                return True
    return False


def _memory_lines(exc: BaseException) -> list[str]:
    if not _out_of_memory(exc):
        return []
    try:
        return _gpu.oom_lines()
    except Exception:
        return []


def guarded(call: Callable[..., Any], *args: Any) -> Any:
    """Call ours from the worker's path: what fails is said once and None is returned."""
    try:
        return call(*args)
    except Exception as failure:
        _say.once(
            f"{getattr(call, '__name__', 'a hook')} failed ({type(failure).__name__}: {_exceptions.message(failure)})"
        )
        return None
