"""How long a request waited before its worker saw it: from the header that proxies write, or whoever sent the job."""
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
    "runpod": """
        from firstfix.integrations.runpod import handler
        handler(lambda job: 1)({"id": "1", "input": {"prompt": "x", "x-request-start": HEADER}})
        """,
    "celery": """
        from firstfix.integrations import celery
        class Task:
            class request: id, headers = "1", {"x-request-start": HEADER}
            def run(self): return 1
        class row: broken = False
        task = Task()
        celery.wrap_tracer(lambda name, task: task.run, row)("name", task)()
        """,
    "celery, eta": """
        import datetime
        from firstfix.integrations import celery
        try: ETA = datetime.datetime.fromtimestamp(float(HEADER.strip("t=")) % 1e10, datetime.timezone.utc).isoformat()
        except (ValueError, OverflowError): ETA = HEADER
        class Task:
            class request: id, headers, eta = "1", None, ETA
            def run(self): return 1
        class row: broken = False
        task = Task()
        celery.wrap_tracer(lambda name, task: task.run, row)("name", task)()
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


CASES = [(way, form) for way in ASKS for form in (FORMS if way != "celery, eta" else FORMS[:1])]


@pytest.mark.parametrize(("way", "form"), CASES)
def test_every_form_of_the_header(worker, way, form):
    assert 1900 < queued(worker, way, form) < 60000


@pytest.mark.parametrize("way", ASKS)
@pytest.mark.parametrize("header", WRONG)
def test_what_is_no_time_or_of_another_clock_is_none(worker, way, header):
    assert queued(worker, way, header) is None


ENGINE = """
import asyncio, types, firstfix
from firstfix.integrations import vllm
class row: broken, name = False, "vllm"
left = []
async def generate(self, prompt, stats=True):
    try:
        for finished in (False, True):
            await asyncio.sleep(0)
            yield types.SimpleNamespace(finished=finished, prompt_token_ids=[1, 2], metrics=stats and
                types.SimpleNamespace(queued_ts=10.0, scheduled_ts=10.0 + prompt, num_generation_tokens=5))
    finally:
        left.append(prompt)
generate = vllm.wrap_generate(generate, row)
async def ask(prompt, **more):
    return [output.finished async for output in generate(None, prompt, **more)]
async def leave(prompt):
    outputs = generate(None, prompt)
    async for output in outputs:
        break
    await outputs.aclose()
async def main():
    with firstfix.request():
        WORK
    assert not row.broken and left
asyncio.run(main())
"""


@pytest.mark.parametrize(("work", "queue", "output"), [
    ("await ask(0.25)", 250, 5),
    ("await asyncio.gather(ask(0.25), ask(0.75))", 750, 10),  # two prompts of one request wait at the same time
    ("await ask(0.25); await ask(0.75)", 1000, 10),
    ("await ask(0.25, stats=None)", None, None),  # --disable-log-stats
    ("await leave(0.25); assert left == [0.25]", None, None),  # the engine is told at once that nobody listens
])
def test_an_engine_tells_how_long_it_let_a_request_wait(worker, work, queue, output):
    done = worker.run(ENGINE.replace("WORK", work))
    assert (done.returncode, done.stderr) == (0, "")
    [end] = worker.events("firstfix.phase.end")
    assert (end.get("firstfix.request.queue_ms"), end.get("gen_ai.usage.output_tokens")) == (queue, output)
