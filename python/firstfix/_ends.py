"""What ends a process: exceptions that nobody catches (main thread, threads, event loops, children), crashes, hangs.

Each hook records and then calls the one that was there before, so a worker's own hooks work on. Modules are imported
only when something ends.
"""
from __future__ import annotations

import sys

from firstfix import _ring
from firstfix._settings import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Callable, Optional

    from firstfix._table import Row

SIGNALS_TRIED = 8
_marker = ""


def _handle(exc: BaseException, where: str, heading: str, wait: bool) -> None:
    """Show and record it; under `firstfix run` the supervisor shows a death, so it is only recorded here."""
    settings.give_spare(exc)
    try:
        from firstfix import _exceptions, _failure

        told = _exceptions.is_failure(exc) and where == "process" and _failure.ended_by(exc)
        if _exceptions.is_failure(exc) and not told and not _failure.seen(exc):
            if where == "process" and settings.supervised:
                _failure.guarded(_failure.last_words, exc, where)
            else:
                _failure.handle(exc, where, heading, None, wait)
    except Exception:
        pass  # no memory, or an interpreter that is half gone: the hook before us still prints the traceback


def _excepthook(kind: type[BaseException], exc: BaseException, traceback: Optional[TracebackType]) -> None:
    # Not even an import may happen for Ctrl-C: an eval() in it would make CPython forget to end by SIGINT.
    if exc is not None and not isinstance(exc, KeyboardInterrupt):
        _handle(exc, "process", "PROCESS FAILED", True)
    _previous(kind, exc, traceback)


def _unraisable(args: Any) -> None:
    exc = getattr(args, "exc_value", None)
    if exc is not None and not sys.is_finalizing():
        _handle_recorded(exc, "unraisable")
    _previous_unraisable(args)


def _handle_recorded(exc: BaseException, where: str) -> None:
    try:
        from firstfix import _exceptions, _failure

        if _exceptions.is_failure(exc):
            _failure.record(exc, where)
    except Exception:
        pass


_previous: Callable[..., Any] = sys.excepthook
_previous_unraisable: Callable[..., Any] = sys.unraisablehook


def wrap_thread_hook(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """threading.excepthook: an exception that ends a thread."""
    def hook(args: Any) -> Any:
        exc = getattr(args, "exc_value", None)
        if exc is not None and not isinstance(exc, SystemExit):
            _handle(exc, "thread", "THREAD FAILED", False)
        return original(args)
    return hook


def wrap_loop_handler(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """BaseEventLoop.call_exception_handler(): a task's exception that nobody awaited."""
    def call_exception_handler(self: Any, context: Any) -> Any:
        exc = context.get("exception") if isinstance(context, dict) else None
        if isinstance(exc, BaseException):
            _handle(exc, "asyncio", "TASK FAILED", False)
        return original(self, context)
    call_exception_handler.__wrapped__ = original  # type: ignore[attr-defined]
    return call_exception_handler


def _of_this_process(process: Any) -> bool:
    """True in the child that multiprocessing made for it; a test may call run() where it stands."""
    module = sys.modules.get(type(process).__module__.partition(".")[0] + ".process") or sys.modules.get(
        "multiprocessing.process"
    )
    return getattr(module, "current_process", lambda: None)() is process


def _leave(process: Any) -> None:
    """A child of multiprocessing ends by os._exit(): that all is told of it nobody else could note."""
    _finish()
    if _of_this_process(process):
        _ring.stop()


def wrap_process_run(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """BaseProcess.run(): multiprocessing catches and prints what its target raises; excepthook never sees it."""
    def run(self: Any) -> Any:
        try:
            done = original(self)
        except BaseException as exc:
            _handle(exc, "child", f"CHILD PROCESS FAILED: {getattr(self, 'name', '')}", True)
            _leave(self)
            raise
        _leave(self)
        return done
    run.__wrapped__ = original  # type: ignore[attr-defined]
    return run


def wrap_showwarning(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """warnings.showwarning(): a warning of a GPU library often names the cause of a later failure."""
    def showwarning(message: Any, category: Any, filename: str, lineno: int, *rest: Any, **named: Any) -> Any:
        try:
            _warning(message, category, filename, lineno)
        except Exception:
            pass
        return original(message, category, filename, lineno, *rest, **named)
    return showwarning


def _warning(message: Any, category: Any, filename: str, lineno: int) -> None:
    from firstfix import _exceptions

    text = _exceptions.cut(str(message), 2000)
    name = getattr(category, "__name__", "Warning")
    _ring.event(_ring.LOG, {"body": text, "severity_text": "WARN", "severity_number": 13, "log.logger": "py.warnings",
                            "exception.type": name, "code.file.path": filename, "code.line.number": lineno})
    if any(part in filename for part in ("/torch/", "/bitsandbytes/", "/transformers/", "/accelerate/", "/vllm/")):
        from firstfix import _failure

        _failure.hints.append(f"{filename}:{lineno}: {name}: {text}")


def stacks_on_crash() -> None:
    """Python stacks on a crash go to stderr, and so into the incident."""
    import faulthandler

    try:
        if settings.on("faulthandler") and sys.stderr is not None and not faulthandler.is_enabled():
            faulthandler.enable()
    except (OSError, ValueError, RuntimeError, AttributeError):
        pass  # stderr without a descriptor


def _stacks_on_hang() -> None:
    """The same when the supervisor asks for them.

    It asks with a signal that nobody uses, whose number stands in armed/armed-PID of the state folder.
    """
    import faulthandler

    global _marker
    if sys.stderr is None:
        return
    try:
        lane, _ = _ring.where()
        if not settings.supervised or not lane or "/lanes/" not in lane:
            return
        import os
        import signal

        last = int(signal.SIGRTMAX)
        free = [n for n in range(last - 1, last - 1 - SIGNALS_TRIED, -1) if signal.getsignal(n) == signal.SIG_DFL]
        if not free:
            return
        folder = os.path.join(lane.rpartition("/lanes/")[0], "armed")
        os.makedirs(folder, 0o700, exist_ok=True)
        faulthandler.register(free[0], all_threads=True, chain=False)
        marker = os.path.join(folder, f"armed-{os.getpid()}")
        fd = os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        os.write(fd, f"{free[0]}\n".encode())
        os.close(fd)
        _marker = marker
    except (OSError, ValueError, RuntimeError, AttributeError):
        pass  # stderr without a descriptor, a folder that refuses: no stacks then


def _finish() -> None:
    incident = sys.modules.get("firstfix._incident")
    if incident is not None:
        incident.finish()


def _at_exit() -> None:
    try:
        import os

        _finish()
        if _marker.endswith(f"-{os.getpid()}"):
            os.unlink(_marker)
    except Exception:
        pass
    _ring.stop()


def install() -> None:
    """Chain to what is there. A worker that sets its own hook later replaces ours, as it would without us."""
    import atexit

    global _previous, _previous_unraisable
    if settings.on("excepthook") and sys.excepthook is not _excepthook:
        _previous, sys.excepthook = sys.excepthook, _excepthook
    if settings.on("unraisable") and sys.unraisablehook is not _unraisable:
        _previous_unraisable, sys.unraisablehook = sys.unraisablehook, _unraisable
    if settings.on("faulthandler"):
        _stacks_on_hang()
    atexit.register(_at_exit)
