"""IPython and Jupyter: a cell that fails is recorded, and explained below its traceback where something is to be said.

The shell catches what a cell raises and prints it by showtraceback(). A name that was mistyped needs no explanation:
only a failure whose cause is known is shown, as HTML in a notebook.
"""

from __future__ import annotations

import functools
import sys
from importlib import import_module
from typing import Any, Callable

from firstfix import _exceptions, _failure, _incident, _say
from firstfix._table import Row


def wrap_show(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """InteractiveShell.showtraceback(self, exc_tuple=None, ...)."""
    @functools.wraps(original)
    def showtraceback(self: Any, *args: Any, **kwargs: Any) -> Any:
        shown = original(self, *args, **kwargs)
        if not row.broken:
            _failure.guarded(_cell, self, args[0] if args else kwargs.get("exc_tuple"))
        return shown
    return showtraceback


def _cell(shell: Any, exc_tuple: Any) -> None:
    exc = (exc_tuple or sys.exc_info())[1]
    if exc is not None and _exceptions.is_failure(exc):
        about = {"firstfix.request.id": f"In[{getattr(shell, 'execution_count', '?')}]"}
        notebook = hasattr(shell, "kernel")
        _failure.handle(exc, "cell", "CELL FAILED", about, show_with=_show_html if notebook else _show_text)


def _known(answer: dict[str, Any]) -> bool:
    return bool(answer.get("cause"))


def _show_text(answer: dict[str, Any], text: str) -> None:
    if _known(answer):
        _say.say("firstfix.diagnosis", text, {})


def _show_html(answer: dict[str, Any], text: str) -> None:
    if _known(answer):
        import_module("IPython.display").publish_display_data({"text/plain": text, "text/html": _incident.html(text)})
