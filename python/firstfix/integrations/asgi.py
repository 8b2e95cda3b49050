"""FastAPI, Starlette and Django by themselves; every other ASGI application:
firstfix.integrations.asgi.Middleware(app).

app.add_middleware(firstfix.integrations.asgi.Middleware, model="mixtral") names the model as well.
"""

from __future__ import annotations

import functools
from typing import Any, Awaitable, Callable, MutableMapping, Optional

from firstfix._request import Request
from firstfix._table import Row

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


WANTED = (b"x-request-id", b"traceparent", b"tracestate", b"x-request-start")


def _wanted(scope: Scope) -> list[Optional[str]]:
    """The headers of WANTED, each once, in one walk."""
    found: dict[bytes, str] = {}
    for key, value in scope.get("headers") or ():
        name = key.lower()
        if name in WANTED and name not in found:
            found[name] = str(value.decode("latin-1"))
    return [found.get(name) for name in WANTED]


MARK = "firstfix.request"  # in the scope: one request is recorded once, however many of us stand around it


class Middleware:
    """Each HTTP request from its first byte to the last of its answer; an answer of 500 or more counts as failed."""

    def __init__(self, app: App, model: Optional[str] = None) -> None:
        """`model` stands in each request's events."""
        self.app = app
        self.model = model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; web sockets and lifespan pass through."""
        outer = scope.get(MARK)
        if scope.get("type") != "http" or outer is not None:
            if outer is not None and self.model is not None:
                outer.model = self.model
            await self.app(scope, receive, send)
            return
        named, traceparent, tracestate, began = _wanted(scope)
        req = Request(named[:128] if named else named, self.model)
        req.fields = {"http.request.method": str(scope.get("method", "")), "url.path": str(scope.get("path", ""))[:512]}
        req.came_with(traceparent, tracestate)
        req.waited_since(began)
        scope[MARK] = req
        with req:
            async def answer(message: Message) -> None:
                if message.get("type") == "http.response.start":
                    route = getattr(scope.get("route"), "path", None)
                    req.set(**{"http.route": route if isinstance(route, str) else None})
                    req.answered(int(message.get("status", 0)))
                await send(message)

            await self.app(scope, receive, answer)


def _has_its_own(app: object) -> bool:
    """Gradio's application: its requests are events, and each comes in several calls of HTTP (join the queue, read the
    stream).
    """
    return type(app).__module__.partition(".")[0] == "gradio"


def wrap_call(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """Starlette.__call__(), ASGIHandler.__call__(): every application of theirs with the middleware around it."""
    @functools.wraps(original)
    async def __call__(self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        if row.broken or scope.get("type") != "http" or _has_its_own(self):
            await original(self, scope, receive, send)
        else:
            await Middleware(functools.partial(original, self))(scope, receive, send)
    return __call__
