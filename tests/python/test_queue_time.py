"""How long a request waited before its worker saw it: from the header that proxies write."""
import textwrap

import pytest

from python_worker import hooks, worker  # noqa: F401

ASKS = {
    "asgi": """
        import asyncio
        from firstfix.integrations.asgi import Middleware
        async def app(scope, receive, send): await send({"type": "http.response.start", "status": 200})
        async def send(message): pass
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"x-request-start", HEADER.encode())]}
        asyncio.run(Middleware(app)(scope, None, send))
        """,
    "wsgi": """
        from firstfix.integrations.wsgi import Middleware
        body = Middleware(lambda environ, start: start("200 OK", []) or [b"x"])(
            {"HTTP_X_REQUEST_START": HEADER}, lambda *a: None)
        list(body); body.close()
        """,
}
FORMS = ["f't={then:.3f}'", "f'{then:.6f}'", "str(int(then * 1e3))", "f't={int(then * 1e6)}'", "str(int(then * 1e9))"]

WRONG = ["'x'", "''", "'t='", "'nan'", "'inf'", "'-1'", "'1e400'", "str(then + 3600)", "str(then - 86400)"]


def queued(worker, way, header):
    """What one request's end tells of its wait, in milliseconds."""
    done = worker.run(
        f"import firstfix, time\nthen = time.time() - 2\nHEADER = {header}\n" + textwrap.dedent(ASKS[way])
    )
    assert (done.returncode, done.stderr) == (0, "")
    [end] = worker.events("firstfix.phase.end")
    return end.get("firstfix.request.queue_ms", end.get("attributes", {}).get("firstfix.request.queue_ms"))


@pytest.mark.parametrize("way", ASKS)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_header(worker, way, form):
    assert 1900 < queued(worker, way, form) < 60000


@pytest.mark.parametrize("way", ASKS)
@pytest.mark.parametrize("header", WRONG)
def test_what_is_no_time_or_of_another_clock_is_none(worker, way, header):
    assert queued(worker, way, header) is None
