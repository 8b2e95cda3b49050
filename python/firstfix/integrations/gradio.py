"""Gradio: one event of a Blocks app is one request, whether it waits in the queue or not.

A queued event passes Queue.process_events(), which calls Blocks.process_api() once for every piece that a generator
yields and catches what that raises; an event without the queue calls Blocks.process_api() alone.
"""
from __future__ import annotations

import functools
from typing import Any, Callable

from firstfix import _imports
from firstfix._request import Request, current
from firstfix._table import Row

HEADING = "[Gradio] REQUEST FAILED"


def _queued(events: Any) -> Request:
    """The request of the events that are handled together; their first one names it."""
    req = Request(str(events[0]._id)[:128], heading=HEADING)
    name = getattr(getattr(events[0], "fn", None), "api_name", None)
    if isinstance(name, str):
        req.fields = {"http.route": f"/{name}"[:512]}
    return req


def wrap_events(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """Queue.process_events(self, events, ...)."""
    @functools.wraps(original)
    async def process_events(self: Any, events: Any, *args: Any, **kwargs: Any) -> Any:
        req = None
        if not row.broken:
            try:
                req = _queued(events)
            except Exception as failure:
                _imports.disable(row, failure)
        if req is None:
            return await original(self, events, *args, **kwargs)
        with req:
            return await original(self, events, *args, **kwargs)
    return process_events


def wrap_process(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """Blocks.process_api(): inside of a queued event it tells the failure that the queue will catch."""
    @functools.wraps(original)
    async def process_api(*args: Any, **kwargs: Any) -> Any:
        queued = current.get()
        if queued is None or queued.heading != HEADING:
            with Request(heading=HEADING):
                return await original(*args, **kwargs)
        try:
            return await original(*args, **kwargs)
        except Exception as exc:
            queued.failed(exc)
            raise
    return process_api
