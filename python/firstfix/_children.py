"""What the processes below this one recorded of their failures.

An engine's parent learns that a child died and not of what: vLLM's says "See root cause above". The child's lane has
it.
"""

from __future__ import annotations

import os
import sys

KEPT = 4


def failures() -> list[str]:
    """The tracebacks of processes below this one, oldest first; a process recorded its start before it started others.
    """
    if "multiprocessing.process" not in sys.modules:
        return []
    from firstfix import _api, _install

    below, found = {os.getpid()}, []
    for row in _api.events(f"@{int(_install.began)}"):
        pid = row.get("process.pid")
        if row.get("event.name") == "firstfix.process.start" and row.get("process.parent_pid") in below:
            below.add(int(pid or 0))
        elif row.get("event.name") == "exception" and pid in below and pid != os.getpid():
            found.append(str(row.get("exception.stacktrace", "")))
    return found[:KEPT]
