"""Celery: each run of a task is a request whose id is the task's. No change of code, in a worker of any pool or eager.

build_tracer() is where Celery looks up what a task runs, in the process that runs it. A task that asks to be tried
again (Retry) or not to be counted (Ignore, Reject) has not failed.
"""

from __future__ import annotations

import datetime
import functools
import sys
from typing import Any, Callable

from firstfix import _imports
from firstfix._request import Request, wrap
from firstfix._table import Row


class TaskRun(Request):
    """A request that knows Celery's exceptions that are no failures."""

    __slots__ = ()

    def _failed(self, exc: BaseException, row: dict[str, Any]) -> None:
        predicate = getattr(sys.modules.get("celery.exceptions"), "TaskPredicate", ())
        if isinstance(exc, predicate):
            row["firstfix.outcome"] = "cancelled"
            row["error.type"] = type(exc).__name__
        else:
            super()._failed(exc, row)


def _sent(request: Any) -> object:
    """When a message was sent, or could be run at the earliest. Celery says no more than `eta`; a caller says it with
    apply_async(headers={"x-request-start": time.time()}), RabbitMQ's plugin for time stamps with timestamp_in_ms.
    """
    headers = getattr(request, "headers", None)
    for name in ("x-request-start", "timestamp_in_ms"):
        sent = getattr(request, name, None) or (headers.get(name) if isinstance(headers, dict) else None)
        if sent is not None:
            return sent
    eta = getattr(request, "eta", None)
    try:
        return datetime.datetime.fromisoformat(eta.replace("Z", "+00:00")).timestamp() if eta else None
    except (AttributeError, ValueError):
        return None


def wrap_tracer(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """build_tracer(name, task, ...): the same with task.run recorded; it is asked more than once for a task."""
    @functools.wraps(original)
    def build_tracer(name: Any, task: Any, *args: Any, **kwargs: Any) -> Any:
        def make(_: tuple[Any, ...], __: dict[str, Any]) -> Request:
            made = TaskRun(getattr(task.request, "id", None), heading="[Celery] TASK FAILED")
            made.fields = {"code.function.name": str(name)[:256]}
            made.came_with(getattr(task.request, "traceparent", None), getattr(task.request, "tracestate", None))
            made.waited_since(_sent(task.request))
            return made
        if not row.broken:
            try:
                task.run = wrap(task.run, make)
            except Exception as failure:
                _imports.disable(row, failure)
        return original(name, task, *args, **kwargs)
    return build_tracer
