"""Celery: each run of a task is a request whose id is the task's. No change of code, in a worker of any pool or eager.

build_tracer() is where Celery looks up what a task runs, in the process that runs it. A task that asks to be tried
again (Retry) or not to be counted (Ignore, Reject) has not failed.
"""

from __future__ import annotations

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


def wrap_tracer(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """build_tracer(name, task, ...): the same with task.run recorded; it is asked more than once for a task."""
    @functools.wraps(original)
    def build_tracer(name: Any, task: Any, *args: Any, **kwargs: Any) -> Any:
        def make(_: tuple[Any, ...], __: dict[str, Any]) -> Request:
            made = TaskRun(getattr(task.request, "id", None), heading="[Celery] TASK FAILED")
            made.fields = {"code.function.name": str(name)[:256]}
            made.came_with(getattr(task.request, "traceparent", None), getattr(task.request, "tracestate", None))
            return made
        if not row.broken:
            try:
                task.run = wrap(task.run, make)
            except Exception as failure:
                _imports.disable(row, failure)
        return original(name, task, *args, **kwargs)
    return build_tracer
