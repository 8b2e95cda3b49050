"""What the environment asks for, read once by install().

FIRSTFIX_LOG=text|json|off, FIRSTFIX_LOG_FILE=path, FIRSTFIX_DISABLE=all or names of hooks, FIRSTFIX_GPU_READS=0.
"""
from __future__ import annotations

import os

MODES = ("text", "json", "off")


class Settings:
    """The switches of this process; one object, `settings`, that every module looks at."""

    __slots__ = ("log", "log_file", "disabled", "gpu_reads", "capture_inputs", "supervised")

    def __init__(self) -> None:
        """Defaults; read() fills them from the environment."""
        self.log = "text"
        self.log_file = ""
        self.disabled: frozenset[str] = frozenset()
        self.gpu_reads = True
        self.capture_inputs = False
        self.supervised = False

    def read(self) -> None:
        """Take the environment's word; a value that makes no sense is the default."""
        get = os.environ.get
        mode = get("FIRSTFIX_LOG", "text").strip().lower()
        self.log = mode if mode in MODES else "text"
        self.log_file = get("FIRSTFIX_LOG_FILE", "")
        self.disabled = frozenset(name.strip() for name in get("FIRSTFIX_DISABLE", "").split(",") if name.strip())
        self.gpu_reads = get("FIRSTFIX_GPU_READS", "1") != "0"
        self.supervised = bool(get("FIRSTFIX_RUN_ID"))

    def on(self, hook: str) -> bool:
        """Whether the hook of this name may be used."""
        return hook not in self.disabled and "all" not in self.disabled


settings = Settings()
