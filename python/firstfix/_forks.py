"""Before a fork: no import of ours is under way.

Much of this package is imported at its first use, so that install() stays quick. A fork while another thread is in such
an import gives the child a lock that nobody will ever open: its own first use would wait for ever. So where other
threads are, all of it is imported before the first fork; whoever is in the middle of that is waited for.
"""
from __future__ import annotations

import _thread
import os

# Whatever a function of this package imports by itself (tests/python/test_processes.py looks).
LATE = (
    "atexit", "binascii", "difflib", "faulthandler", "fcntl", "hashlib", "html", "importlib.metadata", "json",
    "linecache", "re", "shlex", "signal", "sysconfig", "time",
    "firstfix._api", "firstfix._children", "firstfix._exceptions", "firstfix._failure", "firstfix._gpu",
    "firstfix._incident", "firstfix._install", "firstfix._leak", "firstfix._load", "firstfix._mask",
    "firstfix._program", "firstfix._quarantine", "firstfix._request",
    "firstfix._say", "firstfix._table", "firstfix.integrations.llama_cpp",
)
_state = {"settled": False}


def _settle() -> None:
    if _state["settled"] or not _thread._count():
        return
    _state["settled"] = True
    for name in LATE:
        try:
            __import__(name)
        except Exception:
            pass  # its first use says so


def install() -> None:
    """Nothing is imported yet: most processes never fork beside threads."""
    os.register_at_fork(before=_settle)
