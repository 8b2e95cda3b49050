"""Web frameworks and prefork servers by themselves: `firstfix run -- uvicorn --workers 2`, gunicorn, Celery, and not a
line of ours in the worker. What a framework catches is recorded, what a dying process was working on is known, and
nothing is shown twice.
"""

import json
import subprocess
import sys
import time

import pytest

from python_libraries import environment, hooks, pip, worker  # noqa: F401
from test_python_servers import wait_for
from wheelhouse import wheelhouse  # noqa: F401

PINNED = [
    "flask==3.1.1",
    "django==5.2",
    "fastapi==0.115.12",
    "starlette==0.46.2",
    "uvicorn==0.34.2",
    "gunicorn==23.0.0",
    "celery==5.5.2",
    "ipython==9.2.0",
    "ipykernel==6.29.5",
    "nbclient==0.10.2",
    "gevent==25.5.1",
]
FASTAPI = """
import os, signal, fastapi
app = fastapi.FastAPI()
@app.get("/ok")
def ok(): return {}
@app.get("/bad")
async def bad(): raise OSError(28, "No space left on device")
@app.get("/other")
def other(): raise ValueError("another")
@app.get("/crash")
async def crash(): os.kill(os.getpid(), signal.SIGSEGV)
"""
FLASK = """
import os, signal, time, flask
app = flask.Flask(__name__)
@app.get("/ok")
def ok(): return "ok"
@app.get("/bad")
def bad(): raise OSError(28, "No space left on device")
@app.get("/handled")
def handled(): raise LookupError("told by an errorhandler")
@app.errorhandler(LookupError)
def lookup(error): return "gone", 500
@app.get("/abort")
def abort(): flask.abort(503)
@app.get("/crash")
def crash(): os.kill(os.getpid(), signal.SIGSEGV)
@app.get("/slow")
def slow(): time.sleep(600)
"""
DJANGO = """
import django
from django.conf import settings
settings.configure(DEBUG=False, SECRET_KEY="x" * 50, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"])
django.setup()
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
def bad(request): raise OSError(28, "No space left on device")
async def abad(request): raise LookupError("no adapter")
urlpatterns = [path("bad", bad), path("abad", abad), path("ok", lambda request: HttpResponse("ok"))]
app, asgi = get_wsgi_application(), get_asgi_application()
"""
CELERY = """
import celery, os, signal
app = celery.Celery("tasks", broker="filesystem://", broker_transport_options={
    "data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"})
@app.task
def crash(): os.kill(os.getpid(), signal.SIGSEGV)
"""


@pytest.fixture(scope="session")
def web():
    """An interpreter with the frameworks and servers, pinned."""
    return environment("python-web", sys.executable, PINNED, lambda python: pip(python, *PINNED))


class Server:
    """A server under `firstfix run`, its answers and what it left."""

    def __init__(self, worker, python, folder, name, source, *command):  # noqa: F811
        self.worker, self.folder = worker, folder
        (folder / f"{name}.py").write_text(source)
        worker.env = {"FIRSTFIX_HOOKS": str(worker.hooks), "PYTHONPATH": str(folder)}
        self.command = [worker.program, "run", "--report", "off", "--", python, "-m", *command]

    def ask(self, port, *paths, pause=0.0):
        import urllib.error
        import urllib.request
        codes = []
        with (self.folder / "log").open("wb") as log, subprocess.Popen(
                self.command, env=self.worker.environment(), cwd=self.folder, stdout=log, stderr=log) as server:
            try:
                wait_for(port)
                time.sleep(0.5)
                for path in paths:
                    url = urllib.request.Request(
                        f"http://127.0.0.1:{port}{path}", headers={"X-Request-ID": f"id-{path[1:]}"}
                    )
                    try:
                        codes.append(urllib.request.urlopen(url, timeout=30).status)
                    except urllib.error.HTTPError as error:
                        codes.append(error.code)
                    except OSError:
                        codes.append(0)
                    time.sleep(pause)
                self.until_quiet()
            finally:
                server.terminate()
        return codes, (self.folder / "log").read_text()

    def until_quiet(self, seconds=60):
        """What a process tells of, it tells from a thread: until nothing was printed for four seconds."""
        end, size, since = time.monotonic() + seconds, -1, time.monotonic()
        while time.monotonic() < min(end, since + 4):
            now = (self.folder / "log").stat().st_size
            if now != size:
                size, since = now, time.monotonic()
            time.sleep(0.1)

    def incidents(self):
        def ask(*words):
            done = subprocess.run(
                [self.worker.program, "incidents", *words, "--json", "--dir", self.worker.state],
                capture_output=True,
                text=True,
                check=True,
            )
            return json.loads(done.stdout)
        return [ask("show", row["id"]) for row in ask()["incidents"]][::-1]


def free_port():
    import socket
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def test_fastapi_under_uvicorn_s_workers(worker, web, tmp_path):  # noqa: F811
    port = free_port()
    server = Server(worker, web, tmp_path, "app", FASTAPI, "uvicorn", "app:app", "--workers", "2", "--port", str(port))
    codes, said = server.ask(port, "/ok", "/bad", "/bad", "/other", "/crash", "/ok", pause=1.0)
    assert codes == [200, 500, 500, 500, 0, 200]
    found = {(one["request"]["id"], one["request"]["path"], one["how"]): one for one in server.incidents()}
    assert {key: one["count"] for key, one in found.items()} == {
        ("id-bad", "/bad", "failure"): 2,
        ("id-other", "/other", "failure"): 1,
        ("id-crash", "/crash", "signal"): 1,
    }, said
    assert found["id-crash", "/crash", "signal"]["exit"]["name"] == "SIGSEGV"
    ours = [part for part in said.split("=" * 70 + "\n") if part.startswith(("REQUEST FAILED", "WORKER PROCESS DIED"))]
    assert len(ours) == 3 and said.count("ROOT CAUSE") == 1 and "in bad" in said and "SpawnProcess-" in said
    assert said.count("\n    File ") <= 8, "uvicorn prints the whole traceback, we the worker's own frames"


def test_flask_under_gunicorn(worker, web, tmp_path):  # noqa: F811
    port = free_port()
    server = Server(
        worker, web, tmp_path, "app", FLASK, "gunicorn", "app:app", "--workers", "2", "-b", f"127.0.0.1:{port}"
    )
    codes, said = server.ask(port, "/ok", "/bad", "/handled", "/abort", "/crash", "/ok", pause=1.0)
    assert codes == [200, 500, 500, 503, 0, 200]
    found = [
        (one["request"]["path"], one.get("exception", {}).get("type"), one["exit"]["name"] if "exit" in one else None)
        for one in server.incidents()
    ]
    assert found == [("/bad", "OSError", None), ("/handled", "LookupError", None), ("/crash", None, "SIGSEGV")], said
    failed = [row["error.type"] for row in worker.events("firstfix.phase.end") if row["firstfix.outcome"] == "error"]
    assert failed == ["OSError", "LookupError", "503"]


def test_a_request_that_gunicorn_ends_by_its_timeout(worker, web, tmp_path):  # noqa: F811
    """Its worker gets SIGABRT, leaves by sys.exit() and is replaced: the request is told, with where it stood."""
    port = free_port()
    words = ("gunicorn", "app:app", "--workers", "1", "--timeout", "3", "-b", f"127.0.0.1:{port}")
    server = Server(worker, web, tmp_path, "app", FLASK, *words)
    codes, said = server.ask(port, "/ok", "/slow", "/ok", pause=1.0)
    assert codes[0] == codes[2] == 200 and codes[1] != 200
    one, = server.incidents()
    assert (one["request"]["path"], one["exception"]["type"]) == ("/slow", "SystemExit"), said
    functions = [frame["func"] for frame in one["exception"]["frames"]]
    assert "slow" in functions and functions[-1] == "handle_abort"
    [ended] = [row for row in worker.events("firstfix.phase.end") if row.get("url.path") == "/slow"]
    assert ended["firstfix.outcome"] == "error"


@pytest.mark.parametrize(
    "command", [("gunicorn", "app:app", "-b", "127.0.0.1:{}"), ("uvicorn", "app:asgi", "--port", "{}")]
)
def test_django(worker, web, tmp_path, command):  # noqa: F811
    port = free_port()
    server = Server(worker, web, tmp_path, "app", DJANGO, *(word.format(port) for word in command))
    codes, said = server.ask(port, "/ok", "/bad", "/abad")
    assert codes == [200, 500, 500]
    found = [(one["request"]["path"], one["exception"]["type"]) for one in server.incidents()]
    assert found == [("/bad", "OSError"), ("/abad", "LookupError")], said


def test_celery_s_prefork_pool(worker, web, tmp_path):  # noqa: F811
    for name in ("queue", "control"):
        (tmp_path / name).mkdir()
    server = Server(worker, web, tmp_path, "tasks", CELERY, "celery", "-A", "tasks", "worker", "-c", "1")
    subprocess.run([web, "-c", "import tasks; tasks.crash.delay()"], cwd=tmp_path, check=True)
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(server.command, env=worker.environment(), cwd=tmp_path, stdout=log, stderr=log) as process,
    ):
        for _ in range(600):
            time.sleep(0.1)
            if "Stored: firstfix incidents" in (tmp_path / "log").read_text():
                break
        process.terminate()  # the worker and its pool, too
    one, = server.incidents()
    assert (
        one["exit"]["name"] == "SIGSEGV"
        and one["request"]["function"] == "tasks.crash"
        and one["process"] == "ForkPoolWorker-1"
    )


def test_a_cell_that_fails(worker, web):  # noqa: F811
    """IPython in a terminal: explained where a rule knows it, recorded in any case."""
    worker.python = web
    done = worker.run("""
        import firstfix; firstfix.install()
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        shell.run_cell("nmae")
        shell.run_cell("raise OSError(28, 'No space left on device')")
        from firstfix import _incident
        _incident.finish()
    """, HOME=str(worker.state.parent))
    assert done.stderr.count("CELL FAILED") == 1 and "disk.full" in done.stderr and "NameError" in done.stdout, (
        done.stderr
    )
    assert [row["exception.type"] for row in worker.events("exception")] == ["NameError", "OSError"]


def test_a_notebook_shows_html(worker, web):  # noqa: F811
    worker.python = web
    done = worker.run(
        """
        import nbformat, nbclient
        cells = ["import firstfix; firstfix.install()", "raise OSError(28, 'No space left on device')",
            "firstfix.report(only='os')"]
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        nbclient.NotebookClient(book, allow_errors=True, timeout=120).execute()
        pages = [out["data"]["text/html"] for cell in book.cells for out in cell.outputs
            if "text/html" in out.get("data", {})]
        assert len(pages) == 2, book.cells
        assert "<b>ROOT CAUSE" in pages[0] and "disk.full" in pages[0] and "Operating system" in pages[1], pages
        assert not any("CELL FAILED" in out.get("text", "") for cell in book.cells for out in cell.outputs)
    """,
        HOME=str(worker.state.parent),
        timeout=200,
    )
    assert done.returncode == 0, done.stderr


def test_gevent_under_gunicorn(worker, web, tmp_path):  # noqa: F811
    """Our thread is a greenlet there: nothing in it may block the others."""
    port = free_port()
    server = Server(
        worker, web, tmp_path, "app", FLASK, "gunicorn", "app:app", "-k", "gevent", "-b", f"127.0.0.1:{port}"
    )
    codes, said = server.ask(port, "/bad", "/bad", "/ok", "/bad")
    assert codes == [500, 500, 200, 500]
    one, = server.incidents()
    assert one["count"] == 3 and said.count("Error Message") == 1, said
