"""FastAPI, Starlette and every other ASGI application: app.add_middleware(firstfix.integrations.asgi.Middleware)."""
from __future__ import annotations

from typing import Any, Awaitable, Callable, MutableMapping, Optional

from firstfix._request import Request

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def header(scope: Scope, name: bytes) -> Optional[str]:
    """A header of the request, cut to 128 characters."""
    for key, value in scope.get("headers") or ():
        if key.lower() == name:
            return str(value.decode("latin-1"))[:128]
    return None


class Middleware:
    """Each HTTP request from its first byte to the last of its answer; an answer of 500 or more counts as failed."""

    def __init__(self, app: App, model: Optional[str] = None) -> None:
        """`model` stands in each request's events."""
        self.app = app
        self.model = model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; web sockets and lifespan pass through."""
        if scope.get("type") != "http":
            await self.app(scope, receive, send)
            return
        with Request(header(scope, b"x-request-id"), self.model) as req:
            req.fields = {"http.request.method": str(scope.get("method", "")), "url.path": str(scope.get("path", ""))[:512]}

            async def answer(message: Message) -> None:
                if message.get("type") == "http.response.start":
                    status = int(message.get("status", 0))
                    route = getattr(scope.get("route"), "path", None)
                    req.set(**{"http.response.status_code": status, "http.route": route if isinstance(route, str) else None})
                    if status >= 500:
                        req.failed(str(status))
                await send(message)

            await self.app(scope, receive, answer)
