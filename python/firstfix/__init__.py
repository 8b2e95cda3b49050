"""firstfix: a flight recorder and diagnostician inside a Python inference worker.

    import firstfix; firstfix.install()          # or nothing at all: firstfix run -- python handler.py

Model loads, requests and whatever ends the process are recorded in a file that outlives it, shown with their context,
and diagnosed on the spot. torch is never imported by this package. See doc/PYTHON.md.
"""
from __future__ import annotations

import sys as _sys

try:
    from firstfix import _ring
except ImportError as _error:
    if not getattr(_sys, "_is_gil_enabled", lambda: True)() or "t" in getattr(_sys, "abiflags", ""):
        raise ImportError("firstfix does not support free-threaded Python (no GIL): use the ordinary build") from _error
    raise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firstfix._api import check as check
    from firstfix._api import event as event
    from firstfix._api import events as events
    from firstfix._api import explain as explain
    from firstfix._api import report as report
    from firstfix._load import model_load as model_load
    from firstfix._program import ProgramError as ProgramError
    from firstfix._quarantine import Quarantined as Quarantined
    from firstfix._request import Request as Request
    from firstfix._request import current_request as current_request
    from firstfix._request import request as request

__version__: str = _ring.VERSION
__all__ = [
    "install",
    "report",
    "explain",
    "check",
    "events",
    "event",
    "model_load",
    "request",
    "current_request",
    "Request",
    "ProgramError",
    "Quarantined",
]

# Loaded when first asked for, so that install() stays quick.
_LATER = {
    "report": "_api", "explain": "_api", "check": "_api", "events": "_api", "event": "_api", "model_load": "_load",
    "request": "_request", "current_request": "_request", "Request": "_request", "ProgramError": "_program",
    "Quarantined": "_quarantine",
}


def __getattr__(name: str) -> Any:
    """Bring a name of the public interface in from its module."""
    if name not in _LATER:
        raise AttributeError(f"module 'firstfix' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"firstfix.{_LATER[name]}"), name)
    globals()[name] = value
    return value


def install(*, capture_inputs: bool = False, report: bool = False) -> bool:
    """Record this process and hook in. Twice is once. False, and one line on stderr, where that is not possible.

    report=True shows the start-up report on stderr, unless `firstfix run` does.
    FIRSTFIX_DISABLE=all turns everything off, FIRSTFIX_DISABLE=transformers,runpod these hooks.
    """
    from firstfix import _install

    return _install.install(capture_inputs, report)
