"""Real Celery (eager, and a worker of its own over files) and real Ray Serve: each run of a task, each call of a replica is a request."""
import subprocess
import sys

import pytest

from python_libraries import environment, hooks, pip, worker  # noqa: F401

QUEUES = ["celery", "ray[serve]"]
APP = """
import celery, sys
folder = sys.argv[-1] if __name__ == "__main__" else {folder!r}
app = celery.Celery("tasks", broker="filesystem://", backend="file://" + folder)
app.conf.broker_transport_options = dict.fromkeys(("data_folder_in", "data_folder_out", "control_folder"), folder)

@app.task
def add(a, b): return a + b

@app.task
def bad(): raise ValueError("bad")

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
    assert requests(worker) == [("tasks.add", "ok", None), ("tasks.again", "cancelled", "Retry"), ("tasks.again", "error", "OSError"),
                                ("tasks.bad", "error", "ValueError")]


def test_celery_worker(worker, tasks):  # noqa: F811
    """The prefork pool: tasks run in children of the worker."""
    served = subprocess.Popen([worker.python, "-m", "celery", "-A", "tasks", "worker", "-c", "1", "-l", "warning"], cwd=tasks,
                              env={**worker.environment(), "C_FORCE_ROOT": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
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


def test_ray_serve(worker, queues, tmp_path):  # noqa: F811
    script = tmp_path / "serve.py"
    script.write_text(SERVE)
    env = {**worker.environment(), "RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "120"}
    done = subprocess.run([queues, script], env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert requests(worker) == [("Model.__call__", "ok", None), ("Model.fail", "error", "ValueError"), ("Model.stream", "ok", None)]
