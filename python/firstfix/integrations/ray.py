"""Ray: each run of a task and each call of an actor is a request, and a worker process that dies is told of. No change
of code.

Workers are children of raylet, which is no Python: nobody of ours reaps them. Who learns of a death is whoever waits
for the result: its error names the task, which is the id of the request in the dead worker's lane. What the worker
printed last, with the stack of a crash, lies in Ray's session folder.
"""

from __future__ import annotations

import functools
import glob
import inspect
import os
import re
import sys
from typing import Any, Callable, Optional

from firstfix import _deaths, _imports, _incident
from firstfix._request import Request, wrap
from firstfix._table import Row

HEADING = "[Ray] TASK FAILED"
DEATHS = {"WorkerCrashedError", "ActorDiedError", "OutOfMemoryError"}
# By these words of Ray's the end was meant to be, or was an exception, which the worker has told of.
MEANT = ("INTENDED_", "ray.kill", "out of scope", "raised in its creation task")
MONITOR = "Ray's memory monitor, because memory was nearly used up"
LOG_MAX = 32768
_told: set[str] = set()


def _ours(function: Any, name: str) -> bool:
    """Of Ray itself: Serve's controllers, the resource tracker and the like."""
    module = str(getattr(function, "__module__", "") or "")
    return module.partition(".")[0] == "ray" or name.startswith("__ray")


def _make(manager: Any, name: str) -> Callable[[tuple[Any, ...], dict[str, Any]], Request]:
    def make(_: tuple[Any, ...], __: dict[str, Any]) -> Request:
        made = Request(manager._worker.current_task_id.hex()[:128], heading=HEADING)
        made.fields = {"code.function.name": name[:256]}
        return made
    return make


def _recorded(manager: Any, descriptor: Any, info: Any) -> Any:
    """The same information with a function that records; made once."""
    executor = info.function
    function = getattr(executor, "method", executor)
    name = ".".join(part for part in (descriptor.class_name, descriptor.function_name) if part)
    if (
        getattr(executor, "__firstfix__", None)
        or _ours(function, str(descriptor.function_name))
        or inspect.ismethod(function)
    ):
        return info
    made = wrap(function, _make(manager, name))
    if executor is not function:
        made = manager._make_actor_method_executor(executor.name, made)
    made.__firstfix__ = "request"
    info = info._replace(function=made)
    manager._function_execution_info[descriptor.function_id] = info
    return info


def wrap_info(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """FunctionActorManager.get_execution_info(job_id, function_descriptor), asked in a worker before each task."""
    @functools.wraps(original)
    def get_execution_info(self: Any, job_id: Any, function_descriptor: Any) -> Any:
        info = original(self, job_id, function_descriptor)
        if not row.broken:
            try:
                info = _recorded(self, function_descriptor, info)
            except Exception as failure:
                _imports.disable(row, failure)
        return info
    return get_execution_info


def wrap_deserialize(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """SerializationContext._deserialize_object(data, metadata, object_ref, ...): what a result is made of; an error is
    one, too.
    """
    @functools.wraps(original)
    def _deserialize_object(self: Any, data: Any, metadata: Any, object_ref: Any, *more: Any) -> Any:
        value = original(self, data, metadata, object_ref, *more)
        if isinstance(value, BaseException) and not row.broken:
            try:
                _seen(value, object_ref)
            except Exception as failure:
                _imports.disable(row, failure)
        return value
    return _deserialize_object


def _seen(error: BaseException, object_ref: Any) -> None:
    kind, text = type(error).__name__, str(error)
    if kind not in DEATHS or any(words in text for words in MEANT):
        return
    task = object_ref.task_id().hex()
    key = getattr(error, "actor_id", None) or task
    if key in _told:
        return
    if len(_told) > 4096:
        _told.clear()
    _told.add(key)
    failure = _incident.about_process()
    _incident.later(_incident.Telling(lambda: _about(failure, kind, text, task), lambda: f"firstfix: {kind}: {text}"))


def _about(failure: dict[str, Any], kind: str, text: str, task: str) -> dict[str, Any]:
    """firstfix.failure/1 of the dead worker; from the thread, because it reads all that was recorded."""
    from firstfix import _api, _install

    pid, what = None, None
    for row in _api.events(f"@{int(_install.began)}"):
        if row.get("firstfix.request.id") == task and row.get("event.name") == "firstfix.phase.begin":
            pid, what = int(row["process.pid"]), row.get("code.function.name")
    log = _last_words(pid)
    signal = re.search(r"^\*\*\* (SIG[A-Z]+) received", log, re.M)
    lane = _deaths.lane_of(pid) if pid else None
    failure.update({
        "how": "signal", "title": "WORKER PROCESS DIED", "pid": pid, "pids": [pid] if pid else None, "lane": lane,
        "process": f"Ray worker{f' of {what}' if what else ''}"[:128], "exit": {"name": signal[1]} if signal else {},
        "sent_by": MONITOR if kind == "OutOfMemoryError" else None if signal else _deaths.memory_killed(),
        "log": f"{log}\nray.exceptions.{kind}: {text}",
        "exception": {"type": f"ray.exceptions.{kind}", "message": text[:4096]}})
    return failure


def _last_words(pid: Optional[int]) -> str:
    """The end of the dead worker's stderr, which Ray keeps in its session folder."""
    worker = sys.modules.get("ray._private.worker")
    node = getattr(worker, "_global_node", None)
    if pid is None or node is None:
        return ""
    for path in glob.glob(os.path.join(glob.escape(node.get_logs_dir_path()), f"worker-*-{pid}.err")):
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LOG_MAX))
            return file.read(LOG_MAX).decode("utf-8", "replace")
    return ""
