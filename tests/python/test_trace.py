"""The trace that a request belongs to: from the headers of whoever sent it, or from the span that the worker itself has
begun.
"""

import json
import textwrap

import pytest

from python_worker import hooks, worker  # noqa: F401

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = f"00-{TRACE}-{SPAN}-01"

ASKS = {
    "asgi": (
        """
        import asyncio
        from firstfix.integrations.asgi import Middleware
        async def app(scope, receive, send): await send({"type": "http.response.start", "status": 200})
        async def send(message): pass
        scope = {"type": "http", "method": "POST", "path": "/",
            "headers": [(b"Traceparent", HEADER.encode()), (b"tracestate", b"a=1")]}
        asyncio.run(Middleware(app)(scope, None, send))
        """
    ),
    "wsgi": (
        """
        from firstfix.integrations.wsgi import Middleware
        body = Middleware(lambda environ, start: start("200 OK", []) or [b"x"])(
            {"HTTP_TRACEPARENT": HEADER, "HTTP_TRACESTATE": "a=1"}, lambda *a: None)
        list(body); body.close()
        """
    ),
    "runpod, input": (
        """
        from firstfix.integrations.runpod import handler
        handler(lambda job: 1)({"id": "1", "input": {"traceparent": HEADER, "tracestate": "a=1"}})
        """
    ),
    "runpod, headers": (
        """
        from firstfix.integrations.runpod import handler
        handler(lambda job: 1)({"id": "1", "headers": {"traceparent": HEADER, "tracestate": "a=1"}, "input": 7})
        """
    ),
    "celery": (
        """
        from firstfix.integrations import celery
        class Task:
            class request: id, traceparent, tracestate = "1", HEADER, "a=1"
            def run(self): return 1
        class row: broken = False
        task = Task()
        celery.wrap_tracer(lambda name, task: task.run, row)("name", task)()
        """
    ),
}


@pytest.mark.parametrize("way", ASKS)
def test_headers_are_kept_at_begin_and_end(worker, way):
    done = worker.run(f"import firstfix\nHEADER = {HEADER!r}\n" + textwrap.dedent(ASKS[way]))
    assert (done.returncode, done.stderr) == (0, "")
    for event in (*worker.events("firstfix.phase.begin"), *worker.events("firstfix.phase.end")):
        assert (event["trace_id"], event["parent_span_id"], event["trace_flags"], event["trace_state"]) == (
            TRACE,
            SPAN,
            1,
            "a=1",
        )
    assert len(worker.events("firstfix.phase.end")) == 1


def test_what_is_no_context_is_none(worker):
    bad = [
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01" + "x" * 5000,
        None,
        7,
        b"00",
        ["00"],
    ]
    done = worker.run(f"""
        import json, sys
        from firstfix._trace import parent
        print(json.dumps([parent(each) for each in {bad!r}]),
            json.dumps(parent("01-{TRACE}-{SPAN}-00-later", "x" * 300)), sep="\\n")
    """)
    none, later = map(json.loads, done.stdout.splitlines())
    assert none == [{}] * len(bad)
    assert later == {
        "trace_id": TRACE,
        "parent_span_id": SPAN,
        "trace_flags": 0,
    }  # a later version is read as this one; a state too long is left out


def test_a_span_of_the_worker_is_the_parent(worker):
    """OpenTelemetry's SDK is not imported by us; what stands for it here has its interface."""
    done = worker.run(f"""
        import sys, types
        import firstfix
        context = types.SimpleNamespace(trace_id=int("{TRACE}", 16), span_id=int("{SPAN}", 16), trace_flags=0)
        span = types.SimpleNamespace(get_span_context=lambda: context)
        sys.modules["opentelemetry.trace"] = types.SimpleNamespace(get_current_span=lambda: span)
        with firstfix.request(id="1"): pass
        span.get_span_context = None
        with firstfix.request(id="2"): pass
    """)
    assert (done.returncode, done.stderr) == (0, "")
    one, two = worker.events("firstfix.phase.begin")
    assert (one["trace_id"], one["parent_span_id"], one["trace_flags"]) == (TRACE, SPAN, 0) and "trace_id" not in two
