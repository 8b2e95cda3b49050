"""Servers, loops, shells and type checkers of today with the real packages: Gradio, uvicorn, uvloop, gevent, IPython,
rich, mypy.
"""

import http.client
import socket
import subprocess
import time

import pytest

from python_libraries import SOURCE, ends, hooks, real_today, today, worker  # noqa: F401

GRADIO = """
import gradio
from gradio_client import Client
import firstfix
def echo(text):
    firstfix.current_request().tokens(input=1, output=2)
    return text.upper()
def stream(text):
    for i in range(3): yield text[:i + 1]
async def coroutine(text): return text
def fails(text): raise RuntimeError("CUDA error: device-side assert triggered")
def fails_late(text):
    yield "a"
    raise ValueError("late")
with gradio.Blocks(analytics_enabled=False) as app:
    box, out = gradio.Textbox(), gradio.Textbox()
    for function in (echo, stream, coroutine, fails, fails_late):
        gradio.Button().click(function, box, out, api_name=function.__name__)
app.queue().launch(prevent_thread_lock=True, quiet=True, show_error=True)
client = Client(app.local_url, verbose=False)
print(client.predict("hello", api_name="/echo"), client.submit("hello", api_name="/stream").result(),
      client.predict("x", api_name="/coroutine"))
for name in ("/fails", "/fails_late"):
    try: client.predict("x", api_name=name)
    except Exception as error: print(error)
app.close()
"""


def test_gradio(real_today):  # noqa: F811
    """Served on loopback and asked by gradio's own client: one request for each event, streams included."""
    done = real_today.run(GRADIO, GRADIO_ANALYTICS_ENABLED="False")
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if not line.startswith("Closing")]
    assert said == ["HELLO hel x", "CUDA error: device-side assert triggered", "late"], done.stdout
    rows = real_today.events("firstfix.phase.end")
    assert [(row["http.route"], row["firstfix.outcome"]) for row in rows] == [
        ("/echo", "ok"), ("/stream", "ok"), ("/coroutine", "ok"), ("/fails", "error"), ("/fails_late", "error")]
    assert rows[0]["gen_ai.usage.output_tokens"] == 2
    assert [row["exception.type"] for row in real_today.events("exception")] == ["RuntimeError", "ValueError"]
    begins = real_today.events("firstfix.phase.begin")
    assert len({row["firstfix.request.id"] for row in begins}) == 5
    assert "[Gradio] REQUEST FAILED" in done.stderr and "cuda.device-assert" in done.stderr


def test_gradio_without_us_is_the_same(real_today):  # noqa: F811
    script = GRADIO.replace("firstfix.current_request().tokens(input=1, output=2)", "pass")
    with_us, without = real_today.run(script), real_today.run(script, FIRSTFIX_DISABLE="all")
    assert with_us.stdout.splitlines()[:3] == without.stdout.splitlines()[:3] and without.returncode == 0, (
        without.stderr
    )


SERVED = """
import asyncio, fastapi, firstfix
from fastapi.responses import StreamingResponse
from firstfix.integrations.asgi import Middleware
app = fastapi.FastAPI()
app.add_middleware(Middleware, model="m")
@app.get("/ok")
def ok(): return {"loop": True}
@app.get("/missing")
async def missing(): raise fastapi.HTTPException(404)
@app.get("/bad")
async def bad(): raise OSError(28, "No space left on device")
async def pieces(n):
    for i in range(n):
        yield b"x" * 1000
        await asyncio.sleep(0.05)
@app.get("/stream")
async def stream(n: int): return StreamingResponse(pieces(n))
"""


def test_fastapi_under_uvicorn_and_the_supervisor(real_today, tmp_path):  # noqa: F811
    """`firstfix run -- uvicorn`: not a line in the worker but the middleware; streams, a client that leaves, SIGTERM.
    """
    (tmp_path / "app.py").write_text(SERVED)
    real_today.env = {"FIRSTFIX_HOOKS": str(real_today.hooks), "PYTHONPATH": str(tmp_path)}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        real_today.program,
        "run",
        "--report",
        "off",
        "--",
        real_today.python,
        "-m",
        "uvicorn",
        "app:app",
        "--port",
        str(port),
    ]
    log = tmp_path / "log"
    with (
        log.open("wb") as file,
        subprocess.Popen(command, env=real_today.environment(), stdout=file, stderr=file) as server,
    ):
        try:
            wait_for(port)
            assert [status(port, path) for path in ("/ok", "/missing", "/bad", "/stream?n=3")] == [200, 404, 500, 200]
            with socket.create_connection(("127.0.0.1", port)) as client:
                began = f"t={time.time() - 2:.3f}"  # a proxy says that it took it two seconds ago
                client.sendall(f"GET /stream?n=200 HTTP/1.1\r\nHost: x\r\nX-Request-Start: {began}\r\n\r\n".encode())
                assert client.recv(100).startswith(b"HTTP/1.1 200")
            time.sleep(0.5)
        finally:
            server.terminate()
    said = log.read_text()
    assert server.returncode in (0, 128 + 15), said
    rows = [(row["url.path"], row["firstfix.outcome"]) for row in real_today.events("firstfix.phase.end")]
    assert rows[:4] == [("/ok", "ok"), ("/missing", "ok"), ("/bad", "error"), ("/stream", "ok")] and len(rows) == 5, (
        rows
    )
    waited = [row.get("firstfix.request.queue_ms") for row in real_today.events("firstfix.phase.end")]
    assert waited[:4] == [None] * 4 and 1900 < waited[4] < 60000, waited
    assert "REQUEST FAILED" in said and "disk.full" in said
    assert [row["exception.type"] for row in real_today.events("exception")] == ["OSError"]


def wait_for(port):
    for _ in range(600):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
    raise AssertionError("no server")


def status(port, path):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    client.request("GET", path)
    answer = client.getresponse()
    answer.read()
    client.close()
    return answer.status


def test_uvloop(real_today):  # noqa: F811
    """Requests as on asyncio's own loop; a task's exception that nobody awaits goes to uvloop's C handler, as before.
    """
    done = real_today.run("""
        import asyncio, uvloop, firstfix
        @firstfix.request(id="r")
        async def handler(n):
            await asyncio.sleep(0.01)
            return 1 // n
        async def main():
            assert type(asyncio.get_running_loop()).__module__.startswith("uvloop")
            return await asyncio.gather(handler(1), handler(0), handler(1), return_exceptions=True)
        done = uvloop.run(main())
        print([type(x).__name__ for x in done])
    """)
    assert done.returncode == 0 and done.stdout == "['int', 'ZeroDivisionError', 'int']\n", done.stderr
    assert sorted(row["firstfix.outcome"] for row in real_today.events("firstfix.phase.end")) == ["error", "ok", "ok"]
    assert [row["firstfix.request.concurrent"] for row in real_today.events("firstfix.phase.begin")] == [1, 2, 3]


ORDER = {"gevent": "import sys; sys.path.insert(0, sys.argv[1]); from gevent import monkey; monkey.patch_all()\n"
                   "import firstfix; firstfix.install()",
         "firstfix": "import firstfix; from gevent import monkey; monkey.patch_all()"}


@pytest.mark.parametrize("first", ORDER)
def test_gevent(real_today, first):  # noqa: F811
    """Patched before or after us: greenlets keep their own requests, and a failed one is shown and recorded."""
    done = real_today.run(ORDER[first] + """
import gevent, threading
def handler(n):
    with firstfix.request(id=str(n)):
        gevent.sleep(0.01 * (3 - n))
        assert firstfix.current_request().id == str(n)
        if n == 1: raise OSError(28, "No space left on device")
greenlets = [gevent.spawn(handler, n) for n in range(3)]
gevent.joinall(greenlets)
assert [type(g.exception).__name__ for g in greenlets] == ["NoneType", "OSError", "NoneType"]
thread = threading.Thread(target=handler, args=(2,)); thread.start(); thread.join()
print("done")
""", str(real_today.hooks), PYTHONPATH=str(real_today.hooks) if first == "firstfix" else "")
    assert done.returncode == 0 and done.stdout == "done\n", done.stderr
    names = {row["firstfix.phase.id"]: row["firstfix.request.id"] for row in real_today.events("firstfix.phase.begin")}
    rows = [
        (names[row["firstfix.phase.id"]], row["firstfix.outcome"]) for row in real_today.events("firstfix.phase.end")
    ]
    assert sorted(rows) == [("0", "ok"), ("1", "error"), ("2", "ok"), ("2", "ok")]
    assert "REQUEST FAILED" in done.stderr and "disk.full" in done.stderr


def test_ipython_and_rich_show_the_page(real_today):  # noqa: F811
    done = real_today.run("""
        import io, firstfix, rich.console
        from IPython.core.formatters import DisplayFormatter
        said = firstfix.explain("OSError: [Errno 28] No space left on device: '[cache]'",
            facts={"schema": "firstfix.facts/1"})
        shown, _ = DisplayFormatter().format(said)
        assert shown["text/plain"] == said.text and "ROOT CAUSE" in said.text
        out = io.StringIO()
        rich.console.Console(file=out, width=200, color_system=None, emoji=False).print(said)
        assert out.getvalue().strip() == said.text.strip(), out.getvalue()
        print(said["diagnoses"][0]["cause"])
    """)
    assert done.returncode == 0 and done.stdout == "disk.full\n", done.stderr


def test_types(today, tmp_path):  # noqa: F811
    """mypy --strict on the package, and on a worker that uses it."""
    user = tmp_path / "worker.py"
    user.write_text("""import firstfix
from firstfix import logs
from firstfix.integrations import asgi, wsgi

firstfix.install(capture_inputs=False)

@firstfix.request
def handler(job: dict[str, str]) -> int:
    return len(job)

@firstfix.request(model="m")
async def later(n: int) -> str:
    return str(n)

with firstfix.request(id="1") as req:
    req.tokens(input=1, output=2)
    req.failed(ValueError())
with firstfix.model_load("m") as load:
    load.result = None
number: int = handler({})
cause: str = firstfix.explain(ValueError())["diagnoses"][0]["cause"]
handler(3)
""")
    done = subprocess.run(
        [today, "-m", "mypy", "--strict", "--no-incremental", SOURCE / "firstfix", user],
        capture_output=True,
        text=True,
        check=False,
        env={"MYPYPATH": str(SOURCE), "PATH": ""},
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2 and 'error: Argument 1 to "handler" has incompatible type "int"' in lines[0], (
        done.stdout + done.stderr
    )
