"""Exceptions as bounded text, whatever their __str__ does: raise, return 100 MB, return no text, recurse.

Values of local variables are never read.
"""
from __future__ import annotations

import sys
from collections import deque
from types import TracebackType
from typing import Optional

MESSAGE_MAX = 8192
FRAMES_FIRST, FRAMES_LAST = 10, 50
CHAIN_MAX = 8
TEXT_MAX = 24 * 1024


def type_name(exc: BaseException) -> str:
    """torch.OutOfMemoryError, ValueError: as a traceback prints it."""
    kind = type(exc)
    module = getattr(kind, "__module__", "")
    name = getattr(kind, "__qualname__", "") or kind.__name__
    return name if module in ("builtins", "__main__", "") or not isinstance(module, str) else f"{module}.{name}"


def cut(text: str, limit: int = MESSAGE_MAX) -> str:
    """At most `limit` characters: the beginning, how much is missing, and the end."""
    if len(text) <= limit:
        return text
    head, tail = limit * 2 // 3, limit // 3
    return f"{text[:head]} ... [{len(text) - head - tail} characters left out] ... {text[-tail:]}"


def message(exc: BaseException) -> str:
    """str(exc), bounded. Exceptions that cannot say what they are get a stand-in."""
    try:
        text = str(exc)
        return cut(text) if isinstance(text, str) else "<no text>"
    except BaseException as failure:  # noqa: a worker's __str__ may raise anything; none of it is ours to pass on
        return f"<its __str__ raised {type(failure).__name__}>"


def frames(traceback: Optional[TracebackType]) -> list[tuple[str, int, str]]:
    """File, line and function from the outermost call on; the middle of a deep stack is left out."""
    first: list[tuple[str, int, str]] = []
    last: deque[tuple[str, int, str]] = deque(maxlen=FRAMES_LAST)
    while traceback is not None:
        code = traceback.tb_frame.f_code
        row = (code.co_filename, traceback.tb_lineno or 0, code.co_name)
        (first if len(first) < FRAMES_FIRST else last).append(row)
        traceback = traceback.tb_next
    return first + list(last)


def _one(exc: BaseException) -> list[str]:
    import linecache

    lines = ["Traceback (most recent call last):\n"] if exc.__traceback__ else []
    depth = 0
    step = exc.__traceback__
    while step is not None:
        depth, step = depth + 1, step.tb_next
    for i, (file, line, name) in enumerate(frames(exc.__traceback__)):
        if i == FRAMES_FIRST and depth > FRAMES_FIRST + FRAMES_LAST:
            lines.append(f"  [{depth - FRAMES_FIRST - FRAMES_LAST} frames left out]\n")
        lines.append(f'  File "{file}", line {line}, in {name}\n')
        source = linecache.getline(file, line).strip()
        if source:
            lines.append(f"    {cut(source, 400)}\n")
    text = message(exc)
    lines.append(f"{type_name(exc)}: {text}\n" if text else f"{type_name(exc)}\n")
    for note in list(getattr(exc, "__notes__", ()))[:10]:
        lines.append(f"{cut(str(note), 1000)}\n")
    return lines


def _chain(exc: BaseException) -> list[tuple[BaseException, str]]:
    """The exception and what led to it, the oldest first, with the sentence that joins it to the one before."""
    chain: list[tuple[BaseException, str]] = []
    seen: set[int] = set()
    current: Optional[BaseException] = exc
    while current is not None and id(current) not in seen and len(chain) < CHAIN_MAX:
        seen.add(id(current))
        if current.__cause__ is not None:
            chain.append((current, "The above exception was the direct cause of the following exception:"))
            current = current.__cause__
        elif current.__context__ is not None and not current.__suppress_context__:
            chain.append((current, "During handling of the above exception, another exception occurred:"))
            current = current.__context__
        else:
            chain.append((current, ""))
            current = None
    return chain[::-1]


def text(exc: BaseException) -> str:
    """The whole traceback with its chain and the first members of a group, at most TEXT_MAX characters."""
    lines: list[str] = []
    for i, (each, joint) in enumerate(_chain(exc)):
        if i > 0:
            lines.append(f"\n{joint}\n\n")
        lines += _one(each)
    for member in list(getattr(exc, "exceptions", ()))[:5]:
        if isinstance(member, BaseException):
            lines.append("  +---------------- of the group\n")
            lines += ["  | " + line for line in _one(member)]
    return cut("".join(lines), TEXT_MAX)


def chain(exc: BaseException) -> list[BaseException]:
    """The exception and what led to it, the newest first."""
    return [each for each, _ in _chain(exc)][::-1]


def document(exc: BaseException) -> dict[str, object]:
    """As an incident holds it: type, message, frames with their functions, and what led to it."""
    rows = [{"file": file, "line": line, "func": name} for file, line, name in frames(exc.__traceback__)]
    led = [{"type": type_name(each), "message": cut(message(each), 1000)} for each in chain(exc)[1:]]
    made: dict[str, object] = {"type": type_name(exc), "message": message(exc), "frames": rows}
    return {**made, "led_to_it": led} if led else made


def fingerprint(exc: BaseException) -> str:
    """The same failure has the same one: type and innermost frames."""
    rows = frames(exc.__traceback__)[-3:]
    return "|".join([type_name(exc)] + [f"{file}:{name}:{line}" for file, line, name in rows])


def is_failure(exc: BaseException) -> bool:
    """False for what ends a thing in good order: exit, Ctrl-C, a cancelled task, a closed generator."""
    if isinstance(exc, SystemExit):
        return exc.code not in (None, 0)
    if isinstance(exc, (KeyboardInterrupt, GeneratorExit)):
        return False
    asyncio = sys.modules.get("asyncio.exceptions")
    return not (asyncio is not None and isinstance(exc, asyncio.CancelledError))
