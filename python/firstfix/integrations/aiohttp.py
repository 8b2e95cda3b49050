"""aiohttp servers: web.Application(middlewares=[firstfix.integrations.aiohttp.middleware])."""
from __future__ import annotations

from typing import Any, Awaitable, Callable

from firstfix._request import Request


async def middleware(request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
    """One request; aiohttp's own HTTPException is an answer like any other, a failure from status 500 on."""
    named = request.headers.get("X-Request-ID")
    raised = None
    req = Request(named[:128] if named else None)
    req.came_with(request.headers.get("traceparent"), request.headers.get("tracestate"))
    with req:
        req.set(**{"http.request.method": request.method, "url.path": request.path[:512]})
        try:
            answer = await handler(request)
        except Exception as exc:
            if not isinstance(getattr(exc, "status", None), int) or not hasattr(exc, "reason"):
                raise
            answer = raised = exc
        status = int(getattr(answer, "status", 0))
        req.set(**{"http.response.status_code": status})
        if status >= 500:
            req.failed(str(status))
    if raised is not None:
        raise raised
    return answer


middleware.__middleware_version__ = 1  # type: ignore[attr-defined]  # what aiohttp.web.middleware() sets
