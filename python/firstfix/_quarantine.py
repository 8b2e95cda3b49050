"""Inputs that have killed workers: `firstfix run --quarantine N` refuses what was in work when N of them died.

An input is known by a hash with a key of the state folder; it stands in the lane, and whoever looks into a death counts
it (src/store/quarantine.h). Nothing of the input itself is kept.
"""

from __future__ import annotations

import json
import os
from typing import Any, Optional

from firstfix import _ring
from firstfix._settings import settings

FIELD = "firstfix.request.input"
KEY_BYTES = 32
AGE_S = 7 * 86400
_state: dict[str, Any] = {}


class Quarantined(RuntimeError):
    """The input of this request was in work when workers died; it is refused before it kills the next."""


def _folder() -> Optional[str]:
    lane, _ = _ring.where()
    if not lane or "/lanes/" not in lane:
        return os.environ.get("FIRSTFIX_DIR") or None
    return lane.rpartition("/lanes/")[0]


def _key(folder: str) -> bytes:
    """The key of the state folder; made by the first who needs it."""
    path = os.path.join(folder, "quarantine", "key")
    if os.path.exists(path):
        with open(path, "rb") as file:
            return file.read(KEY_BYTES)
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    # A name that nobody has: threads come here at once, and in a container the one before us had our number too.
    new = f"{path}.{os.urandom(8).hex()}"
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(fd, os.urandom(KEY_BYTES))
        os.link(new, path)  # who comes second takes that of the first
    except FileExistsError:
        pass
    finally:
        os.close(fd)
        os.unlink(new)
    with open(path, "rb") as file:
        return file.read(KEY_BYTES)


def _text(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """What is the same for the same input: a job's id is not part of it."""
    def plain(value: Any) -> Any:
        return value["input"] if isinstance(value, dict) and "input" in value and "id" in value else value

    value = [[plain(each) for each in args], {name: plain(each) for name, each in kwargs.items()}]
    return json.dumps(value, sort_keys=True, default=repr).encode("utf-8", "backslashreplace")


def digest(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Optional[str]:
    """The hash of an input; None where there is no folder to share a key in."""
    from hashlib import blake2b

    if "key" not in _state:
        folder = _folder()
        _state["folder"] = folder
        _state["key"] = _key(folder) if folder else b""
    if len(_state["key"]) != KEY_BYTES:
        return None
    return blake2b(_text(args, kwargs), key=_state["key"], digest_size=16).hexdigest()


def check(name: str) -> None:
    """Refuse the input of this hash when it has killed as many workers as it may."""
    import time

    path = os.path.join(_state["folder"], "quarantine", name)
    try:
        with open(path, "rb") as file:
            age = time.time() - os.fstat(file.fileno()).st_mtime
            known = json.loads(file.read(8192))
        kills = int(known["kills"])
    except (OSError, ValueError, KeyError, TypeError):
        return  # not there, as for nearly every input; or damaged, which refuses nobody
    if kills >= settings.quarantine and age < AGE_S:
        raise Quarantined(
            f"this input was in work when {kills} workers died (last: {known.get('last', '?')},"
            f" {known.get('how', '?')}) and is refused; let it through again with: firstfix quarantine --release {name}"
        )
