"""Flask, Django and every other WSGI application: app.wsgi_app = firstfix.integrations.wsgi.Middleware(app.wsgi_app)."""
from __future__ import annotations

import sys
from typing import Any, Callable, Iterable, Iterator, Optional

from firstfix._request import Request


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
        named = environ.get("HTTP_X_REQUEST_ID")
        req = Request(str(named)[:128] if named else None, self.model)
        req.fields = {"http.request.method": str(environ.get("REQUEST_METHOD", "")),
                      "url.path": str(environ.get("PATH_INFO", ""))[:512]}

        def start(status: str, *rest: Any, **named: Any) -> Any:
            code = int(status[:3]) if status[:3].isdigit() else 0
            req.set(**{"http.response.status_code": code})
            if code >= 500:
                req.failed(str(code))
            return start_response(status, *rest, **named)

        req.__enter__()
        try:
            body = self.app(environ, start)
        except BaseException:
            req.__exit__(*sys.exc_info())
            raise
        return _Body(req, body)
