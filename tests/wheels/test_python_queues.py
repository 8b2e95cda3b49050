"""Real Celery (eager, and a worker of its own over files) and real Ray Serve: each run of a task, each call of a
replica is a request.
"""

import json
import subprocess
import sys

import pytest

from python_libraries import environment, hooks, pip, worker  # noqa: F401
from test_incidents_inside import incidents

QUEUES = ["celery", "ray[serve]"]
APP = """
import celery, sys, time
folder = sys.argv[-1] if __name__ == "__main__" else {folder!r}
app = celery.Celery("tasks", broker="filesystem://", backend="file://" + folder)
app.conf.broker_transport_options = dict.fromkeys(("data_folder_in", "data_folder_out", "control_folder"), folder)

@app.task
def add(a, b): return a + b

@app.task
def bad(): raise ValueError("bad")

@app.task
def busy(seconds): time.sleep(seconds)

@app.task(bind=True, max_retries=1)
def again(self):
    try:
        raise OSError("busy")
    except OSError as error:
        raise self.retry(exc=error, countdown=0)
"""
SERVE = """
import ray
from ray import serve

@serve.deployment
class Model:
    def __call__(self, x): return x * 2
    def fail(self): raise ValueError("bad")
    def stream(self, n): yield from range(n)

ray.init(num_cpus=2, include_dashboard=False, object_store_memory=100_000_000, log_to_driver=False)
serve.start(proxy_location="Disabled")  # nobody asks over HTTP, and a busy machine starts no proxy in time
handle = serve.run(Model.bind(), route_prefix=None)
assert handle.remote(21).result() == 42
try: handle.fail.remote().result()
except ValueError: pass
assert list(handle.options(stream=True).stream.remote(3)) == [0, 1, 2]
serve.shutdown()
"""


@pytest.fixture(scope="session")
def queues():
    return environment("queues", sys.executable, QUEUES, lambda python: pip(python, *QUEUES))


@pytest.fixture
def tasks(worker, queues, tmp_path):  # noqa: F811
    """The folder with tasks.py and the queue; the worker's interpreter has Celery."""
    folder = tmp_path / "queue"
    folder.mkdir()
    (folder / "tasks.py").write_text(APP.format(folder=str(folder)))
    worker.python = queues
    return folder


def requests(worker):  # noqa: F811
    begun = {(row["process.pid"], row["firstfix.phase.id"]): row for row in worker.events("firstfix.phase.begin")}
    rows = [row for row in worker.events("firstfix.phase.end") if row["firstfix.phase"] == "request"]
    assert all(begun[row["process.pid"], row["firstfix.phase.id"]].get("firstfix.request.id") for row in rows)
    return [(row["code.function.name"], row["firstfix.outcome"], row.get("error.type")) for row in rows]


def test_celery_eager(worker, tasks):  # noqa: F811
    done = worker.run(f"""
        import inspect, sys; sys.path.insert(0, {str(tasks)!r})
        import tasks
        tasks.app.conf.task_always_eager = True
        assert tasks.add.delay(1, 2).get() == 3 and tasks.again.apply_async().state == "FAILURE"
        assert isinstance(tasks.bad.delay().result, ValueError) and str(inspect.signature(tasks.add.run)) == "(a, b)"
    """)
    assert done.returncode == 0 and done.stderr.count("[Celery] TASK FAILED") == 2, done.stderr
    assert requests(worker) == [
        ("tasks.add", "ok", None),
        ("tasks.again", "cancelled", "Retry"),
        ("tasks.again", "error", "OSError"),
        ("tasks.bad", "error", "ValueError"),
    ]


def test_celery_worker(worker, tasks):  # noqa: F811
    """The prefork pool: tasks run in children of the worker."""
    served = subprocess.Popen(
        [worker.python, "-m", "celery", "-A", "tasks", "worker", "-c", "1", "-l", "warning"],
        cwd=tasks,
        env={**worker.environment(), "C_FORCE_ROOT": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        done = worker.run(f"""
            import sys; sys.path.insert(0, {str(tasks)!r})
            import tasks
            assert tasks.add.delay(1, 2).get(timeout=60) == 3
            try: tasks.bad.delay().get(timeout=60)
            except ValueError: pass
            tasks.app.control.shutdown()
        """, FIRSTFIX_DISABLE="all")
        assert done.returncode == 0, done.stderr
        said = served.communicate(timeout=60)[1]
    finally:
        served.kill()
    assert requests(worker) == [("tasks.add", "ok", None), ("tasks.bad", "error", "ValueError")]
    failed, = worker.events("exception")
    assert failed["process.pid"] != served.pid and "in bad" in failed["exception.stacktrace"]
    assert "[Celery] TASK FAILED" in said, said  # Celery sends what a task writes to stderr into its log


def test_how_long_a_task_waited(worker, tasks):  # noqa: F811
    """Behind a task that takes its time, by what a caller says or Celery's own eta; a message alone has no date."""
    served = subprocess.Popen(
        [worker.python, "-m", "celery", "-A", "tasks", "worker", "-c", "1", "-l", "warning"],
        cwd=tasks,
        env={**worker.environment(), "C_FORCE_ROOT": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        done = worker.run(f"""
            import sys, time; sys.path.insert(0, {str(tasks)!r})
            import tasks
            first = tasks.busy.delay(3)
            time.sleep(0.05)  # the queue is a folder, read in the order of names: a millisecond, then a random number
            told = tasks.add.apply_async((1, 2), headers={{"x-request-start": str(time.time())}})
            eta = tasks.add.apply_async((3, 4), countdown=0.1)
            assert (told.get(timeout=120), eta.get(timeout=120), first.get(timeout=120)) == (3, 7, None)
            tasks.app.control.shutdown()
        """, FIRSTFIX_DISABLE="all", timeout=180)
        assert done.returncode == 0, done.stderr
        served.wait(60)
    finally:
        served.kill()
        served.wait()
    rows = [row for row in worker.events("firstfix.phase.end") if row["firstfix.phase"] == "request"]
    waits = [row.get("firstfix.request.queue_ms") for row in rows]
    assert waits[0] is None and len(waits) == 3 and all(2500 < wait < 120000 for wait in waits[1:]), waits


def test_ray_serve(worker, queues, tmp_path):  # noqa: F811
    script = tmp_path / "serve.py"
    script.write_text(SERVE)
    env = {**worker.environment(), "RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "120"}
    done = subprocess.run([queues, script], env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert requests(worker) == [
        ("Model.__call__", "ok", None),
        ("Model.fail", "error", "ValueError"),
        ("Model.stream", "ok", None),
    ]


RAY = """
import asyncio, ctypes, json, os, ray, signal, subprocess, time
ray.init(num_cpus=2, include_dashboard=False, object_store_memory=100_000_000)

@ray.remote(max_retries=0)
def add(a, b): return a + b
@ray.remote(max_retries=0)
def full(): raise OSError(28, "No space left on device")
@ray.remote(max_retries=0)
def crash(): ctypes.string_at(0)

@ray.remote
class Model:
    def __init__(self): self.calls = 0
    def answer(self): self.calls += 1; return self.calls
    def bad(self): raise ValueError("no adapter")
    def stream(self, n):
        for i in range(n): yield i
    def die(self): os.kill(os.getpid(), signal.SIGKILL)
    @staticmethod
    def seven(): return 7
    @classmethod
    def name(cls): return cls.__name__

@ray.remote
class Loop:
    async def answer(self): await asyncio.sleep(0.01); return 1
    async def bad(self): await asyncio.sleep(0.01); raise KeyError("late")

def stored(n):  # what a worker tells of, it tells from a thread, and the next task may come to the same worker
    words, end = [os.environ["FIRSTFIX_PROGRAM"], "incidents", "--json"], time.monotonic() + 120
    while time.monotonic() < end:
        told = subprocess.run(words, capture_output=True)
        if told.returncode == 0 and len(json.loads(told.stdout)["incidents"]) >= n: return
        time.sleep(0.2)
    raise AssertionError(f"not {n} incidents")

def fails(ref, *names):
    try: ray.get(ref)
    except Exception as error: assert type(error).__name__ in names, type(error)
    else: raise AssertionError("no error")
assert ray.get(add.remote(1, 2)) == 3
fails(full.remote(), "RayTaskError(OSError)")
stored(1)
fails(crash.remote(), "WorkerCrashedError")
model, loop = Model.remote(), Loop.remote()
assert [ray.get(model.answer.remote()) for _ in range(3)] == [1, 2, 3] and ray.get(loop.answer.remote()) == 1
assert [ray.get(ref) for ref in model.stream.options(num_returns="streaming").remote(3)] == [0, 1, 2]
assert ray.get(model.seven.remote()) == 7 and ray.get(model.name.remote()) == "Model"
fails(model.bad.remote(), "RayTaskError(ValueError)")
fails(loop.bad.remote(), "RayTaskError(KeyError)")
stored(4)
for _ in range(3): fails(model.die.remote(), "ActorDiedError")
ray.kill(loop)
fails(loop.answer.remote(), "ActorDiedError")
from firstfix import _incident
_incident.finish(60)
"""


def test_ray_tasks_and_actors(worker, queues, tmp_path):  # noqa: F811
    """What raises is an incident of its worker, what dies one of whoever waited for it; an actor that was killed on
    purpose is none.
    """
    script = tmp_path / "driver.py"
    script.write_text(RAY)
    worker.env = {
        "FIRSTFIX_HOOKS": str(worker.hooks),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_raylet_start_wait_time_s": "120",
    }
    done = subprocess.run(
        [worker.program, "run", "--report", "off", "--", queues, script],
        env=worker.environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ended = [row[:2] for row in requests(worker)]
    assert ended.count(("Model.answer", "ok")) == 3 and {
        ("add", "ok"),
        ("full", "error"),
        ("Model.__init__", "ok"),
        ("Model.bad", "error"),
        ("Model.stream", "ok"),
        ("Loop.answer", "ok"),
        ("Loop.bad", "error"),
    } <= set(ended)
    found = {one["request"]["function"]: one for one in incidents(worker)}
    assert set(found) == {"full", "crash", "Model.bad", "Loop.bad", "Model.die"}, done.stderr
    assert (
        found["full"]["diagnosis"]["diagnoses"][0]["cause"] == "disk.full"
        and found["Loop.bad"]["exception"]["type"] == "KeyError"
    )
    crash, killed = found["crash"], found["Model.die"]
    assert (
        crash["exit"]["name"] == "SIGSEGV"
        and "in crash" in crash["crash_stack"]
        and crash["count"] == killed["count"] == 1
    )
    assert (
        killed["exception"]["type"] == "ray.exceptions.ActorDiedError"
        and "Ray worker of Model.die" == killed["process"]
    )
    assert "oom.host" not in json.dumps(killed["diagnosis"]) and killed["pid"] != crash["pid"]
