"""install(): the lane, the import hooks and the hooks on the process' end. Quick: nothing large is imported here."""
from __future__ import annotations

from time import time

from firstfix import _ring
from firstfix._settings import settings

_done = False
began = 0.0  # time.time() of install(); what was recorded earlier is not of this process


def install(capture_inputs: bool = False) -> bool:
    """See firstfix.install()."""
    global _done, began
    settings.capture_inputs = settings.capture_inputs or capture_inputs
    if _done:
        return True
    settings.read()
    settings.capture_inputs = capture_inputs
    if not settings.on("all"):
        return False
    try:
        began = time()
        _ring.start(None)
        from firstfix import _deaths, _ends, _imports

        _deaths.remember()
        _ends.install()
        _imports.install()
        settings.keep_spare()
    except Exception as failure:
        from firstfix import _say

        _say.once(f"does not record: {type(failure).__name__}: {failure}")
        return False
    _done = True
    return True
