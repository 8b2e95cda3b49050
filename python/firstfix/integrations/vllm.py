"""vLLM: how long the engine let a request wait before it worked on it, and its tokens.

AsyncLLM.generate() gives outputs; the last one carries the engine's own times (RequestStateStats of V1: queued_ts and
scheduled_ts, monotonic seconds of the engine's process), unless `--disable-log-stats` is given. They belong to the
request that asks: one of the HTTP server, a RunPod job, or the program's own.
"""
from __future__ import annotations

import functools
from typing import Any, AsyncIterator, Callable, Optional

from firstfix import _imports
from firstfix._request import Request, current
from firstfix._table import Row

QUEUE, INPUT, OUTPUT = "firstfix.request.queue_ms", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"


def _told(request: Request, name: str) -> float:
    return (request.fields or {}).get(name) or 0


def _tell(request: Request, output: Any, before: float) -> None:
    """One of a request's prompts is done. Prompts that are worked on together wait together; what came before the
    engine (a proxy, an earlier prompt) is waited besides.
    """
    stats = output.metrics
    request.tokens(int(_told(request, INPUT)) + len(output.prompt_token_ids or ()),
                   int(_told(request, OUTPUT)) + (stats.num_generation_tokens if stats else 0) or None)
    if stats and 0 < stats.queued_ts <= stats.scheduled_ts:
        waited = round((stats.scheduled_ts - stats.queued_ts) * 1e3, 3)
        request.set(**{QUEUE: max(_told(request, QUEUE), round(before + waited, 3))})


def wrap_generate(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """The same outputs; whoever leaves before the last one ends the engine's work on it at once, as without us."""
    @functools.wraps(original)
    async def generate(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        request: Optional[Request] = None if row.broken else current.get()
        before = _told(request, QUEUE) if request else 0
        outputs = original(self, *args, **kwargs)
        try:
            async for output in outputs:
                if request and output.finished:
                    try:
                        _tell(request, output, before)
                    except Exception as failure:
                        _imports.disable(row, failure)
                yield output
        finally:
            await outputs.aclose()
    return generate
