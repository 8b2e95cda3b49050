"""Flask and Django by themselves; every other WSGI application: firstfix.integrations.wsgi.Middleware(app).

Both catch what a view raises and answer with 500: their own hooks tell what it was.
"""
from __future__ import annotations

import functools
import sys
from typing import Any, Callable, Iterable, Iterator, Optional

from firstfix import _imports
from firstfix._request import Request, current
from firstfix._table import Row

MARK = "firstfix.request"  # in the environ: one request is recorded once, however many of us stand around it


class _Body:
    """The answer's body: the request ends when it is closed, as WSGI demands, or with the exception that it raises."""

    def __init__(self, req: Request, body: Iterable[bytes]) -> None:
        self._req: Optional[Request] = req
        self._body = body
        self._rows: Optional[Iterator[bytes]] = None

    def __iter__(self) -> "_Body":
        return self

    def __next__(self) -> bytes:
        try:
            if self._rows is None:
                self._rows = iter(self._body)
            return next(self._rows)
        except StopIteration:
            raise
        except BaseException:
            self._end(*sys.exc_info())
            raise

    def _end(self, *exc: Any) -> None:
        if self._req is not None:
            req, self._req = self._req, None
            req.__exit__(*exc)

    def close(self) -> None:
        """End the request and close the application's own body."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._end(None, None, None)


class Middleware:
    """Each request until its answer's body is closed; a status of 500 or more counts as failed."""

    def __init__(self, app: Callable[..., Iterable[bytes]], model: Optional[str] = None) -> None:
        """`model` stands in each request's events."""
        self.app = app
        self.model = model

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """One request."""
        outer = environ.get(MARK)
        if outer is not None:
            if self.model is not None:
                outer.model = self.model
            return self.app(environ, start_response)
        named = environ.get("HTTP_X_REQUEST_ID")
        req = Request(str(named)[:128] if named else None, self.model)
        req.fields = {"http.request.method": str(environ.get("REQUEST_METHOD", "")),
                      "url.path": str(environ.get("PATH_INFO", ""))[:512]}
        req.came_with(environ.get("HTTP_TRACEPARENT"), environ.get("HTTP_TRACESTATE"))
        req.waited_since(environ.get("HTTP_X_REQUEST_START"))

        def start(status: str, *rest: Any, **named: Any) -> Any:
            req.answered(int(status[:3]) if status[:3].isdigit() else 0)
            return start_response(status, *rest, **named)

        environ[MARK] = req
        req.__enter__()
        try:
            body = self.app(environ, start)
        except BaseException:
            req.__exit__(*sys.exc_info())
            raise
        return _Body(req, body)


def wrap_call(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """Flask.__call__(), WSGIHandler.__call__(): every application of theirs with the middleware around it."""
    @functools.wraps(original)
    def __call__(self: Any, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        app = functools.partial(original, self)
        body: Iterable[bytes] = app(environ, start_response) if row.broken else Middleware(app)(environ, start_response)
        return body
    return __call__


def _caught(exc: Any) -> None:
    req = current.get()
    answer = hasattr(exc, "get_response") and isinstance(getattr(exc, "code", None), int)  # flask.abort(503)
    if req is not None and isinstance(exc, BaseException) and not answer:
        req.caught = exc


def wrap_caught(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """Flask.handle_user_exception(e), Flask.handle_exception(e): e is an argument, which one depends on the version."""
    @functools.wraps(original)
    def handle(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            _caught(next((each for each in [*args, *kwargs.values()] if isinstance(each, BaseException)), None))
        except Exception as failure:
            _imports.disable(row, failure)
        return original(self, *args, **kwargs)
    return handle


def wrap_signal(original: Any, row: Row) -> Any:
    """django.core.signals.got_request_exception: sent while the exception is in hand, in a view of either kind."""
    def received(*args: Any, **kwargs: Any) -> None:
        _caught(sys.exc_info()[1])
    original.connect(received, weak=False, dispatch_uid="firstfix")
    return original
