"""Forks, spawned children, threads, sub-interpreters and builds without the GIL: each process has its own lane, nothing
is lost.
"""

import ast
import collections
import subprocess

import pytest

from python_worker import SOURCE, hooks, pythons, worker  # noqa: F401


def test_install_after_fork(worker):
    """A server forks first and its children install: the parent is left as it was."""
    done = worker.run("""
        import os, sys
        sys.path.insert(0, sys.argv[1])
        import firstfix
        for i in range(3):
            if os.fork() == 0:
                assert firstfix.install() and firstfix.install()
                assert sys.excepthook.__module__ == "firstfix._ends"
                with firstfix.request(id=f"child {i}"): pass
                os._exit(0)
        assert [os.wait()[1] for i in range(3)] == [0, 0, 0]
        assert sys.excepthook is sys.__excepthook__
    """, str(worker.hooks), PYTHONPATH="")
    assert (done.returncode, done.stderr) == (0, "")
    begins = worker.events("firstfix.phase.begin")
    assert sorted(row["firstfix.request.id"] for row in begins) == ["child 0", "child 1", "child 2"]
    assert len({row["process.pid"] for row in begins}) == 3


def test_fork_inside_a_request_with_threads(worker):
    """Other threads record while one forks: no lock of theirs may hang the child."""
    done = worker.run("""
        import firstfix, os, threading
        stop = threading.Event()
        def busy():
            while not stop.is_set():
                with firstfix.request(id="busy"): pass
        threads = [threading.Thread(target=busy) for i in range(4)]
        for thread in threads: thread.start()
        for i in range(50):
            with firstfix.request(id="forks"):
                if os.fork() == 0:
                    firstfix.event("child", number=i); os._exit(0)
                assert os.wait()[1] == 0
        stop.set()
        for thread in threads: thread.join()
    """)
    assert (done.returncode, done.stderr) == (0, "")
    children = worker.events("firstfix.custom")
    assert (
        sorted(row["app.number"] for row in children) == list(range(50))
        and len({row["process.pid"] for row in children}) == 50
    )


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing(worker, tmp_path, how):
    """Each kind of child records on its own, and its failure is recorded and shown there."""
    script = tmp_path / "main.py"
    script.write_text(f"""import multiprocessing, firstfix
@firstfix.request(id="in the child")
def work(n): return 1 // n
if __name__ == "__main__":
    context = multiprocessing.get_context({how!r})
    processes = [context.Process(target=work, args=(n,)) for n in (1, 0)]
    for process in processes: process.start()
    for process in processes: process.join()
    assert [process.exitcode for process in processes] == [0, 1]
    with context.Pool(2) as pool:
        try: pool.map(work, [1, 0, 1])
        except ZeroDivisionError: print("raised")
""")
    done = subprocess.run(
        [worker.python, str(script)], env=worker.environment(), capture_output=True, text=True, timeout=90, check=False
    )
    assert (done.returncode, done.stdout) == (0, "raised\n"), done.stderr
    ends = worker.events("firstfix.phase.end")
    assert collections.Counter(row["firstfix.outcome"] for row in ends) == {"ok": 3, "error": 2}
    assert [row["exception.type"] for row in worker.events("exception")] == ["ZeroDivisionError"] * 2
    assert worker.events()[0]["process.pid"] not in {row["process.pid"] for row in ends}
    assert "ZeroDivisionError" in done.stderr


def test_threads_record_every_request(worker):
    done = worker.run("""
        import firstfix, threading
        def work(n):
            for i in range(200):
                with firstfix.request(id=f"{n}.{i}") as req: req.tokens(output=i)
        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert firstfix._ring.dropped() == 0
        assert firstfix._ring.working(0) == 0
    """)
    assert (done.returncode, done.stderr) == (0, "")
    begins, ends = worker.events("firstfix.phase.begin"), worker.events("firstfix.phase.end")
    assert len({row["firstfix.request.id"] for row in begins}) == len(ends) == 1600
    assert {row["firstfix.phase.id"] for row in begins} == {row["firstfix.phase.id"] for row in ends}


def test_asyncio_tasks_have_their_own_request(worker):
    """Cancelled and timed-out tasks are no failures; an exception belongs to the request of its own task."""
    done = worker.run("""
        import asyncio, firstfix
        async def handler(name, seconds, fails=False):
            async with firstfix.request(id=name):
                await asyncio.sleep(seconds)
                assert firstfix.current_request().id == name
                if fails: raise ValueError(name)
        async def main():
            slow = asyncio.ensure_future(handler("cancelled", 60))
            done = await asyncio.gather(*(handler(f"ok {i}", 0.01 * i) for i in range(5)), handler("bad", 0.02, True),
                                        asyncio.wait_for(handler("late", 60), 0.05), return_exceptions=True)
            slow.cancel()
            await asyncio.gather(slow, return_exceptions=True)
            assert [type(x).__name__ for x in done] == ["NoneType"] * 5 + ["ValueError", "TimeoutError"], done
        asyncio.run(main())
    """)
    assert done.returncode == 0, done.stderr
    names = {row["firstfix.phase.id"]: row["firstfix.request.id"] for row in worker.events("firstfix.phase.begin")}
    outcomes = {names[row["firstfix.phase.id"]]: row["firstfix.outcome"] for row in worker.events("firstfix.phase.end")}
    assert outcomes == {
        **{f"ok {i}": "ok" for i in range(5)},
        "bad": "error",
        "late": "cancelled",
        "cancelled": "cancelled",
    }
    assert [row["firstfix.request.id"] for row in worker.events("exception")] == ["bad"]


SUB = """
import sys
if sys.version_info >= (3, 13): import _interpreters as sub
else: import _xxsubinterpreters as sub
config = sys.argv[1]
id = sub.create(config) if sys.version_info >= (3, 13) else sub.create(isolated=config == "isolated") \\
    if sys.version_info >= (3, 10) else sub.create()
try: failure = sub.run_string(id, "import firstfix")
except Exception as error: failure = error
print(failure)
import firstfix
firstfix.event("main goes on")
"""


@pytest.mark.parametrize("config", ["legacy", "isolated"])
@pytest.mark.parametrize(
    "version, python", pythons().items(), ids=lambda v: ".".join(map(str, v)) if isinstance(v, tuple) else ""
)
def test_sub_interpreters_are_refused_clearly(worker, version, python, config):
    worker.python = python
    done = worker.run(SUB, config)
    assert done.returncode == 0, done.stderr
    # From 3.12 on CPython itself refuses a module that does not say it supports an interpreter with its own GIL.
    assert "main interpreter only" in done.stdout or "does not support loading in subinterpreters" in done.stdout, (
        done.stdout
    )
    assert [row["firstfix.event"] for row in worker.events("firstfix.custom")] == ["main goes on"]


def test_a_build_without_the_gil_is_refused_clearly(worker, tmp_path):
    """No such Python is at hand. There the extension's name (.abi3.so) is none that the import system looks for, as
    here.
    """
    package = tmp_path / "without" / "firstfix"
    package.mkdir(parents=True)
    for path in (worker.hooks / "firstfix").glob("*.py"):
        (package / path.name).write_bytes(path.read_bytes())
    script = (
        "import sys; sys._is_gil_enabled = lambda: False\ntry: import firstfix\nexcept ImportError as error:"
        " print(error)"
    )
    done = worker.run(script, PYTHONPATH=str(package.parent))
    assert done.stdout == "firstfix does not support free-threaded Python (no GIL): use the ordinary build\n", (
        done.stderr
    )


def test_a_fork_while_another_thread_imports_us(worker):
    """The child finds no lock of an import that was under way."""
    done = worker.run("""
        import firstfix, os, signal, sys, threading, time
        class Slow:
            def find_spec(name, path=None, target=None):
                if name == "firstfix._api": started.set(); time.sleep(1)
        started = threading.Event()
        sys.meta_path.insert(0, Slow)
        thread = threading.Thread(target=lambda: firstfix.event("x", who="parent"))
        thread.start()
        started.wait()
        if os.fork() == 0:
            signal.alarm(20)
            firstfix.event("x", who="child"); os._exit(0)
        thread.join()
        assert os.wait()[1] == 0
    """)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(row["app.who"] for row in worker.events("firstfix.custom")) == ["child", "parent"]


def late_imports():
    """What functions of the package import, of itself and of the standard library; mcp.py is in no worker."""
    for path in set(SOURCE.glob("firstfix/**/*.py")) - {SOURCE / "firstfix/mcp.py"}:
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Import):
                    yield from (name.name for name in node.names)
                elif isinstance(node, ast.ImportFrom):
                    package = node.module in ("firstfix", "importlib", "firstfix.integrations")
                    yield from (f"{node.module}.{name.name}" if package else node.module for name in node.names)


def test_a_fork_while_another_thread_writes(worker):
    """The lock of a stream that takes a line of ours just then is not left closed in the child."""
    done = worker.run("""
        import fcntl, os, sys, threading, time
        import firstfix
        from firstfix import _say
        assert firstfix.install()
        out, full = os.pipe()
        fcntl.fcntl(full, fcntl.F_SETPIPE_SZ, 4096); os.write(full, b"x" * 4096)
        sys.stderr = open(full, "w", buffering=1)
        says = threading.Thread(target=_say.raw, args=("ours",))
        says.start(); time.sleep(0.2); assert says.is_alive()
        def drain(): time.sleep(0.3); os.read(out, 4096)
        threading.Thread(target=drain).start()
        child = os.fork()
        if child == 0:
            print("child", file=sys.stderr); os._exit(0)
        end = time.monotonic() + 10
        while os.waitpid(child, os.WNOHANG) == (0, 0) and time.monotonic() < end: time.sleep(0.01)
        late = time.monotonic() >= end
        if late: os.kill(child, 9)
        says.join(); print(late, os.read(out, 4096))
    """)
    assert (done.returncode, done.stdout) == (0, "False b'ours\\nchild\\n'\n"), done.stderr


def test_everything_imported_late_is_imported_before_a_fork():
    at_once = {"os", "_thread", "importlib.import_module"}
    at_once |= {f"firstfix.{name}" for name in ("_deaths", "_ends", "_forks", "_imports")}  # by install()
    late = set(late_imports()) - at_once
    forks = ast.parse((SOURCE / "firstfix/_forks.py").read_text())
    known = {node.value for node in ast.walk(forks) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert len(late) > 15 and late <= known, late - known
