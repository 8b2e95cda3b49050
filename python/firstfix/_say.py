"""What a person or a log collector sees: blocks of text in the look of `firstfix`, or one JSON object a line.

Goes to stderr or to FIRSTFIX_LOG_FILE. Never raises: a closed or full stderr is the worker's business, not ours.
"""
from __future__ import annotations

import os
import sys
from typing import Any, Mapping

from firstfix import _forks, _ring
from firstfix._settings import settings

HEAVY = "=" * 70
LIGHT = "-" * 70
_said: set[str] = set()


def title(text: str) -> str:
    """The heading of a block."""
    return f"{HEAVY}\n{text}\n{HEAVY}"


def section(text: str) -> str:
    """A heading inside a block."""
    return f"{LIGHT}\n{text}\n{LIGHT}"


def _safe(text: str) -> str:
    """Line by line without anything that acts on a terminal, as the program's own output."""
    lines = [_ring.clean(line.encode("utf-8", "surrogatepass")) for line in text.split("\n")]
    return b"\n".join(lines).decode("utf-8", "replace")


def _write(text: str) -> None:
    try:
        text = _safe(text)
        if settings.log_file:
            fd = os.open(settings.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                os.write(fd, text.encode("utf-8", "backslashreplace"))
            finally:
                os.close(fd)
            return
        stream = sys.stderr
        if stream is not None:
            encoding = getattr(stream, "encoding", None) or "utf-8"
            text = text.encode(encoding, "backslashreplace").decode(encoding, "replace")
            with _forks.writing:
                stream.write(text)
                stream.flush()
    except Exception:
        pass


def say(event: str, text: str, fields: Mapping[str, Any]) -> None:
    """Show `text`, or with FIRSTFIX_LOG=json the fields as one line; `event` names what happened."""
    if settings.log == "text":
        _write(text if text.endswith("\n") else text + "\n")
    elif settings.log == "json":
        _write(json_line(event, fields))


def raw(text: str) -> None:
    """Show objects that the program has made, a line each."""
    _write(text if text.endswith("\n") else text + "\n")


def is_shown() -> bool:
    """Whether blocks stand where the worker's own output stands."""
    return settings.log == "text" and not settings.log_file


def json_line(event: str, fields: Mapping[str, Any]) -> str:
    """One firstfix.event/1 object and a newline."""
    import json
    import time

    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    record: dict[str, Any] = {"schema": "firstfix.event/1", "timestamp": stamp, "event.name": event,
                              "process.pid": os.getpid()}
    record.update((key, value) for key, value in fields.items() if value is not None)
    return json.dumps(record, default=str, ensure_ascii=True) + "\n"


def once(text: str) -> None:
    """One line on what of ours does not work; the same line is said once per process."""
    if text not in _said and len(_said) < 64:
        _said.add(text)
        say("firstfix.notice", f"firstfix: {text}", {"body": text})


def size(n: float) -> str:
    """Bytes for a person: 13.45 GB, 12.0 MB."""
    for unit, scale, places in (("GB", 1 << 30, 2), ("MB", 1 << 20, 1), ("kB", 1 << 10, 1)):
        if abs(n) >= scale:
            return f"{n / scale:.{places}f} {unit}"
    return f"{int(n)} bytes"
