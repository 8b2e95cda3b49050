"""Whatever ends a process is recorded, and the worker ends as it would without us: same exit code, same last words."""
import os
import signal
import subprocess

import pytest

from python_worker import hooks, worker  # noqa: F401


def exceptions(worker):
    return [(row["firstfix.phase"], row["exception.type"]) for row in worker.events("exception")]


def test_uncaught_exception(worker):
    done = worker.run("raise OSError(28, 'No space left on device')")
    assert done.returncode == 1
    assert "PROCESS FAILED" in done.stderr and "disk.full" in done.stderr
    assert done.stderr.rstrip().endswith("OSError: [Errno 28] No space left on device")
    assert exceptions(worker) == [("process", "OSError")]


def test_under_the_supervisor_it_is_only_recorded(worker):
    done = worker.run("raise OSError(28, 'No space left on device')", FIRSTFIX_RUN_ID="run-1")
    assert "PROCESS FAILED" not in done.stderr and exceptions(worker) == [("process", "OSError")]


def test_a_hook_of_the_worker_wins(worker):
    done = worker.run("import sys; sys.excepthook = lambda *a: print('mine', a[1]); raise ValueError(3)")
    assert (done.returncode, done.stdout, done.stderr) == (1, "mine 3\n", "")


def test_a_hook_of_the_worker_that_calls_ours(worker):
    done = worker.run(
        "import sys; ours = sys.excepthook\n"
        "def hook(*args): print('mine'); ours(*args)\nsys.excepthook = hook; import firstfix; firstfix.install()\n"
        "raise ValueError(3)"
    )
    assert (done.returncode, done.stdout) == (1, "mine\n") and done.stderr.count("PROCESS FAILED") == 1, done.stderr
    assert done.stderr.rstrip().endswith("ValueError: 3") and exceptions(worker) == [("process", "ValueError")]


@pytest.mark.parametrize(
    "end, code", [("raise SystemExit(7)", 7), ("raise KeyboardInterrupt", -2), ("import os; os._exit(3)", 3)]
)
def test_good_ends_are_no_failures(worker, end, code):
    done = worker.run(end)
    assert done.returncode == code
    assert exceptions(worker) == []
    assert "FAILED" not in done.stderr


def test_thread_task_child_and_unraisable(worker):
    done = worker.run("""
        import asyncio, multiprocessing, threading
        def fail(): raise ValueError("thread")
        thread = threading.Thread(target=fail); thread.start(); thread.join()
        async def task(): raise KeyError("task")
        async def main():
            lost = asyncio.ensure_future(task()); await asyncio.sleep(0.01); del lost
            import gc; gc.collect()
        asyncio.run(main())
        def child(): raise IndexError("child")
        process = multiprocessing.get_context("fork").Process(target=child); process.start(); process.join()
        assert process.exitcode == 1
        class Bad:
            def __del__(self): raise TypeError("del")
        Bad()
    """)
    assert done.returncode == 0, done.stderr
    assert sorted(exceptions(worker)) == [("asyncio", "KeyError"), ("child", "IndexError"), ("thread", "ValueError"),
                                          ("unraisable", "TypeError")]
    child, = [row for row in worker.events("exception") if row["firstfix.phase"] == "child"]
    assert (
        len({row["process.pid"] for row in worker.events()}) == 2
        and child["process.pid"] != worker.events()[0]["process.pid"]
    )
    for last in ("ValueError: thread", "KeyError: 'task'", "IndexError: child", "TypeError: del"):
        assert last in done.stderr


def test_spawned_child_with_the_hooks(worker, tmp_path):
    script = tmp_path / "main.py"
    script.write_text("""import multiprocessing
def child(): raise IndexError("child")
if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=child); process.start(); process.join()
    assert process.exitcode == 1
""")
    done = subprocess.run(
        [worker.python, str(script)], env=worker.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert ("child", "IndexError") in exceptions(worker)


def test_sigkill_leaves_the_events(worker):
    done = worker.run("""
        import firstfix, os, signal
        with firstfix.request(id="last"): os.kill(os.getpid(), signal.SIGKILL)
    """)
    assert done.returncode == -signal.SIGKILL
    assert worker.events()[-1]["firstfix.request.id"] == "last"


def test_crash_prints_python_stacks(worker):
    done = worker.run("def boom():\n import ctypes; ctypes.string_at(0)\nboom()")
    assert done.returncode == -signal.SIGSEGV and "Segmentation fault" in done.stderr and "in boom" in done.stderr


def test_stacks_on_the_armed_signal(worker):
    done = worker.run("""
        import os, signal, glob
        marker = os.path.join(os.environ["FIRSTFIX_DIR"], "armed", f"armed-{os.getpid()}")
        def waiting(): os.kill(os.getpid(), int(open(marker).read()))
        waiting()
        print("alive")
    """, FIRSTFIX_RUN_ID="run-1")
    assert done.stdout == "alive\n" and "in waiting" in done.stderr
    assert not os.listdir(worker.state / "armed")


def test_warnings_of_libraries_are_kept(worker):
    done = worker.run(
        "import warnings; warnings.warn('sm_120 is not compatible with the current PyTorch installation')"
    )
    assert "sm_120 is not compatible" in done.stderr
    row, = worker.events("log")
    assert row["severity_text"] == "WARN" and "sm_120" in row["body"]
