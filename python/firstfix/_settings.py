"""What the environment asks for, read once by install().

FIRSTFIX_LOG=text|json|off, FIRSTFIX_LOG_FILE=path, FIRSTFIX_DISABLE=all or names of hooks, FIRSTFIX_GPU_READS=0,
FIRSTFIX_QUARANTINE=N.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

MODES = ("text", "json", "off")
SPARE = 8 << 20
NAMES = (
    "LOG",
    "LOG_FILE",
    "DISABLE",
    "GPU_READS",
    "DIR",
    "MAX_MIB",
    "PROGRAM",
    "QUARANTINE",
    "RULES",
    "WORKER",
)  # FIRSTFIX_<NAME>
HOOKS = ("all", "excepthook", "faulthandler", "unraisable")  # beside those of _table.py
LIKENESS = 0.66  # two letters exchanged in a name of three


class Settings:
    """The switches of this process; one object, `settings`, that every module looks at."""

    __slots__ = ("log", "log_file", "disabled", "gpu_reads", "capture_inputs", "supervised", "quarantine", "_spare")

    def __init__(self) -> None:
        """Defaults; read() fills them from the environment."""
        self.log = "text"
        self.log_file = ""
        self.disabled: frozenset[str] = frozenset()
        self.gpu_reads = True
        self.capture_inputs = False
        self.supervised = False
        self.quarantine = 0
        self._spare: Optional[bytes] = None

    def read(self) -> None:
        """Take the environment's word; a value that makes no sense is the default."""
        get = os.environ.get
        self.disabled = frozenset(name.strip() for name in get("FIRSTFIX_DISABLE", "").split(",") if name.strip())
        mode = get("FIRSTFIX_LOG", "text").strip().lower()
        self.log = "off" if not self.on("all") else mode if mode in MODES else "text"
        self.log_file = get("FIRSTFIX_LOG_FILE", "")
        self.gpu_reads = get("FIRSTFIX_GPU_READS", "1") != "0"
        self.supervised = bool(get("FIRSTFIX_RUN_ID"))
        wanted = get("FIRSTFIX_QUARANTINE", "")
        self.quarantine = int(wanted) if wanted.isdigit() else 0

    def wrong_values(self) -> list[str]:
        """What of the settings makes no sense and is passed over; `firstfix run` has said it where there is one."""
        from firstfix import _table

        said, get = [], os.environ.get
        for name, usual in (("LOG", MODES), ("GPU_READS", ("0", "1"))):
            value = get(f"FIRSTFIX_{name}", "").strip().lower()
            if value and value not in usual:
                said.append(f"FIRSTFIX_{name} wants {'|'.join(usual)}, not '{value[:40]}'; ignored")
        wanted = get("FIRSTFIX_QUARANTINE", "")
        if wanted and not wanted.isdigit():
            said.append(f"FIRSTFIX_QUARANTINE wants a number, not '{wanted[:40]}'; ignored")
        known = {row.name for row in _table.ROWS}.union(HOOKS)
        said.extend(
            f"FIRSTFIX_DISABLE names no hook by '{name[:40]}': {', '.join(sorted(known))}"
            for name in sorted(self.disabled - known)[:4]
        )
        return [] if self.supervised else said

    def misspelt(self) -> list[str]:
        """What of FIRSTFIX_* is like the name of a setting and none; `firstfix run` has said it to whoever it
        supervises.
        """
        wrong = [name for name in os.environ if name.startswith("FIRSTFIX_") and name[9:] not in NAMES]
        if self.supervised or not wrong:
            return []
        from difflib import get_close_matches

        near = [(name, get_close_matches(name[9:].upper(), NAMES, 1, LIKENESS)) for name in wrong]
        return [f"{name} is no setting: FIRSTFIX_{best[0]}?" for name, best in near if best]

    def keep_spare(self) -> None:
        """Hold back address space (hardly a page of it is ever touched) for the report of a MemoryError."""
        try:
            self._spare = self._spare or bytes(SPARE)
        except MemoryError:
            pass

    def give_spare(self, exc: BaseException) -> None:
        """The worker has no memory left: what was held back is for what comes now."""
        if isinstance(exc, MemoryError):
            self._spare = None

    def on(self, hook: str) -> bool:
        """Whether the hook of this name may be used."""
        return hook not in self.disabled and "all" not in self.disabled


settings = Settings()
