"""Secrets out of text that this process prints itself; what the programs print is masked by them.

Two ways: the values of environment variables whose names speak of secrets, and the forms of rules/data/secrets.tsv,
which the extension holds, so that they are the program's own. The patterns are bytes, as there.
"""

from __future__ import annotations

import os

from firstfix import _ring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Pattern

PIECE_MAX = 1 << 16  # Python's patterns have no limit of steps
PEM_LINES = 200


class Form:
    """A row of the table; its pattern is compiled when one of its hints is met."""

    __slots__ = ("number", "kind", "pattern")

    def __init__(self, number: int) -> None:
        """By its number in the table."""
        import re

        self.number = number
        self.kind, text = _ring.secret_form(number)
        self.pattern: Pattern[bytes] = re.compile(text)

    def mask(self, text: bytes) -> bytes:
        """The last group that matched is the secret, without groups the whole match; a first one before it is its name.
        """
        out, done, at = [], 0, 0
        while at <= len(text):
            match = self.pattern.search(text, at)
            if match is None:
                break
            group = max((i for i in range(1, self.pattern.groups + 1) if match.start(i) >= 0), default=0)
            start, end = match.span(group)
            name = match[1] or b"" if group else b""
            quoted = text[start - 1:start] in (b"'", b'"')
            if (
                end > start
                and not _masked_already(text, start)
                and _ring.is_secret(self.number, name, text[start:end], quoted)
            ):
                out += [text[done:start], _instead(self.kind, end - start)]
                done = end
            at = end if end > at else at + 1
        return b"".join(out) + text[done:]


def _instead(kind: bytes, length: int) -> bytes:
    return b"[masked:%s:%d]" % (kind, length)


def _masked_already(text: bytes, at: int) -> bool:
    opened = text.rfind(b"[masked:", max(0, at - 40), at)
    return opened >= 0 and b"]" not in text[opened:at]


_forms: dict[int, Form] = {}


def _form(number: int) -> Form:
    found = _forms.get(number)
    if found is None:
        found = _forms[number] = Form(number)
    return found


def _pieces(text: bytes) -> Iterator[bytes]:
    """Lines; a private key is the one secret that spans several."""
    waiting: list[bytes] = []
    for line in text.splitlines(keepends=True):
        waiting.append(line)
        inside = len(waiting) > 1 or (b"-----BEGIN " in line and b"PRIVATE KEY" in line)
        if not inside or b"-----END " in line or len(waiting) >= PEM_LINES:
            yield b"".join(waiting)
            waiting = []
    yield b"".join(waiting)


def _mask_piece(piece: bytes) -> bytes:
    numbers = _ring.suspects(piece)
    if numbers and len(piece) > PIECE_MAX:
        return _instead(b"unchecked", len(piece)) + (b"\n" if piece.endswith(b"\n") else b"")
    for number in numbers:
        piece = _form(number).mask(piece)
    return piece


def mask(text: str) -> str:
    """The text with each secret as [masked:kind:length]."""
    raw = text.encode("utf-8", "surrogatepass")
    for name, value in list(os.environb.items()):
        if len(value) >= 8 and value in raw and _ring.is_secret(-1, name, value, True):
            raw = raw.replace(value, _instead(b"env", len(value)))
    if _ring.suspects(raw):
        raw = b"".join(map(_mask_piece, _pieces(raw)))
    return raw.decode("utf-8", "surrogatepass")
