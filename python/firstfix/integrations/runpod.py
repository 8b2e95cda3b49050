"""RunPod serverless: runpod.serverless.start({"handler": f}) gets a handler that records each job. No change of code.

Handlers are plain functions, coroutines or generators of either kind; the wrapped one stays of its kind, because runpod
looks at that. A failed request has the heading that people search their logs for: "[RunPod] REQUEST FAILED".
"""
from __future__ import annotations

import functools
from typing import Any, Callable

from firstfix import _imports
from firstfix._request import Request, wrap
from firstfix._table import Row

HEADING = "[RunPod] REQUEST FAILED"


def _told(job: Any, name: str) -> dict[str, Any]:
    """RunPod hands no headers on: a caller puts trace context and the time of sending into the job, its headers or its
    input. The one of these that has this name.
    """
    for place in (job, job.get("headers"), job.get("input")) if isinstance(job, dict) else ():
        if isinstance(place, dict) and name in place:
            return place
    return {}


def handler(function: Callable[..., Any]) -> Callable[..., Any]:
    """The handler as a request whose id is the job's."""
    def make(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request:
        job = args[0] if args else kwargs.get("job", kwargs.get("event"))
        named = job.get("id") if isinstance(job, dict) else None
        made = Request(str(named)[:128] if named is not None else None, heading=HEADING)
        trace = _told(job, "traceparent")
        made.came_with(trace.get("traceparent"), trace.get("tracestate"))
        made.waited_since(_told(job, "x-request-start").get("x-request-start"))
        return made
    return wrap(function, make)


def wrap_start(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """runpod.serverless.start(config): the same with config["handler"] recorded."""
    @functools.wraps(original)
    def start(config: Any, *args: Any, **kwargs: Any) -> Any:
        if not row.broken:
            try:
                function = config.get("handler")
                if callable(function):
                    config = {**config, "handler": handler(function)}
            except Exception as failure:
                _imports.disable(row, failure)
        return original(config, *args, **kwargs)
    return start
