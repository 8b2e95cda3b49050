"""The logging module and structlog: records go to the lane; a JSON formatter adds the request's id and the trace's.

    logging.getLogger().addHandler(firstfix.logs.Handler(logging.WARNING))
    handler.setFormatter(firstfix.logs.JsonFormatter())
    structlog.configure(processors=[firstfix.logs.structlog_processor, ...])
"""
from __future__ import annotations

import json
import logging
import time
from typing import Any, MutableMapping

from firstfix import _exceptions, _ring, _trace
from firstfix._request import current

BODY_MAX = 8192
SEVERITY = ((50, 21, "FATAL"), (40, 17, "ERROR"), (30, 13, "WARN"), (20, 9, "INFO"), (0, 5, "DEBUG"))


def severity(level: int) -> tuple[int, str]:
    """OpenTelemetry's number and text of a level of logging."""
    return next(((number, text) for least, number, text in SEVERITY if level >= least), (1, "TRACE"))


def _fields(body: str, level: int, logger: str) -> dict[str, Any]:
    number, text = severity(level)
    trace, span, _ = _trace.current()
    req = current.get()
    return {"body": body[:BODY_MAX], "severity_text": text, "severity_number": number, "log.logger": logger,
            "firstfix.request.id": req.id if req else None, "firstfix.phase.id": req.phase if req else None,
            "trace_id": trace, "span_id": span}


class Handler(logging.Handler):
    """Records each log record in the lane; takes no lock beyond logging's own and writes no file of its own."""

    def emit(self, record: logging.LogRecord) -> None:
        """One record."""
        try:
            row = _fields(record.getMessage(), record.levelno, record.name)
            row["code.file.path"], row["code.line.number"] = record.pathname, record.lineno
            row["code.function.name"], row["thread.name"] = record.funcName, record.threadName
            if record.exc_info and record.exc_info[1] is not None:
                row["exception.type"] = _exceptions.type_name(record.exc_info[1])
                row["exception.message"] = _exceptions.message(record.exc_info[1])
                row["exception.stacktrace"] = _exceptions.text(record.exc_info[1])
            _ring.event(_ring.LOG, row)
        except Exception:
            self.handleError(record)


class JsonFormatter(logging.Formatter):
    """One firstfix.event/1 object a line, secrets masked."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its newline."""
        from firstfix._mask import mask

        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        row: dict[str, Any] = {"schema": "firstfix.event/1", "timestamp": stamp, "event.name": "log",
                               "process.pid": record.process}
        row.update(_fields(mask(record.getMessage()), record.levelno, record.name))
        if record.exc_info and record.exc_info[1] is not None:
            row["exception.type"] = _exceptions.type_name(record.exc_info[1])
            row["exception.message"] = mask(_exceptions.message(record.exc_info[1]))
            row["exception.stacktrace"] = mask(_exceptions.text(record.exc_info[1]))
        return json.dumps({key: value for key, value in row.items() if value is not None}, default=str)


def structlog_processor(logger: Any, method: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: records the event and adds the request's and the trace's ids to it."""
    try:
        level = logging.getLevelName(method.upper())
        row = _fields(
            str(event_dict.get("event", "")), level if isinstance(level, int) else 20, str(event_dict.get("logger", ""))
        )
        for key, value in list(event_dict.items())[:32]:
            if key != "event" and isinstance(value, (str, int, float)):
                row[f"app.{key}"] = value
        _ring.event(_ring.LOG, row)
        for name in ("firstfix.request.id", "trace_id", "span_id"):
            if row.get(name) is not None:
                event_dict.setdefault(name, row[name])
    except Exception:
        pass
    return event_dict
