"""Gradio: each event of a Blocks app, queued or not, passes Blocks.process_api(); that is the request."""
from __future__ import annotations

import functools
from typing import Any, Callable

from firstfix._request import Request
from firstfix._table import Row


def wrap_process(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """A coroutine method that stays one."""
    @functools.wraps(original)
    async def process_api(*args: Any, **kwargs: Any) -> Any:
        if row.broken:
            return await original(*args, **kwargs)
        with Request(heading="[Gradio] REQUEST FAILED"):
            return await original(*args, **kwargs)
    return process_api
