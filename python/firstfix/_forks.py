"""Before a fork: no import of ours is under way, and no line of ours on its way out.

Much of this package is imported at its first use, so that install() stays quick. A fork while another thread is in such
an import gives the child a lock that nobody will ever open: its own first use would wait for ever. So where other
threads are, all of it is imported before the first fork; whoever is in the middle of that is waited for.

A stream has a lock too, which CPython does not renew in a child: sys.stderr's is held while the kernel takes a line. So
whoever of ours writes there holds `writing`, and a fork waits for it.
"""
from __future__ import annotations

import _thread
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Whatever a function of this package imports by itself (tests/python/test_processes.py looks).
LATE = (
    "atexit", "binascii", "difflib", "faulthandler", "fcntl", "hashlib", "html", "importlib.metadata", "json",
    "linecache", "re", "shlex", "signal", "sysconfig", "time",
    "firstfix._api", "firstfix._children", "firstfix._exceptions", "firstfix._failure", "firstfix._gpu",
    "firstfix._incident", "firstfix._install", "firstfix._leak", "firstfix._load", "firstfix._mask",
    "firstfix._program", "firstfix._quarantine", "firstfix._request",
    "firstfix._say", "firstfix._table", "firstfix.integrations.llama_cpp",
)
WRITE_S = 2.0  # a stderr that nobody reads holds no fork for longer
writing: Any = _thread.RLock()  # a signal handler may write in the middle of a line
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


def _before() -> None:
    _settle()
    writing.acquire(timeout=WRITE_S)


def _in_parent() -> None:
    if writing._is_owned():
        writing.release()


def _in_child() -> None:
    if writing._is_owned():
        writing.release()
    else:
        writing._at_fork_reinit()


def install() -> None:
    """Nothing is imported yet: most processes never fork beside threads."""
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
