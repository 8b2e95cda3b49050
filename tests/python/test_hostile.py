"""Bad input: the worker behaves as it would without us, and what is recorded is as complete as can be."""
import os
import re
import subprocess

import pytest

from python_worker import hooks, worker  # noqa: F401


def quiet(done):
    """Exit code 0 and nothing on stderr."""
    return (done.returncode, done.stderr) == (0, "")


def test_install_twice_and_after_fork(worker):
    done = worker.run("""
        import firstfix, os, sys
        hook, finders = sys.excepthook, list(sys.meta_path)
        assert firstfix.install() and firstfix.install()
        assert sys.excepthook is hook and sys.meta_path == finders
        if os.fork() == 0:
            assert firstfix.install()
            firstfix.event("child"); os._exit(0)
        assert os.wait()[1] == 0
        firstfix.event("parent")
    """)
    assert quiet(done), done.stderr
    assert sorted(row["firstfix.event"] for row in worker.events("firstfix.custom")) == ["child", "parent"]


def test_a_lane_that_is_cut_kills_nobody(worker):
    done = worker.run("""
        import os, firstfix
        from firstfix import _ring
        firstfix.install()
        firstfix.event("before")
        os.truncate(_ring.where()[0], 0)
        for _ in range(1000):
            firstfix.event("behind")
        assert _ring.dropped() >= 1000, _ring.dropped()
    """)
    assert quiet(done), done.stderr


def test_a_lane_that_is_cut_again_and_again_kills_nobody(worker):
    done = worker.run("""
        import os, random, threading, time, firstfix
        from firstfix import _ring
        firstfix.install()
        firstfix.event("before")  # imported before there are threads
        with firstfix.request(): pass
        path, size, end = _ring.where()[0], os.path.getsize(_ring.where()[0]), time.monotonic() + 1
        if os.fork() == 0:
            while time.monotonic() < end + 0.2:
                os.truncate(path, random.randrange(size))
                os.truncate(path, random.choice((0, size)))
            os._exit(0)
        def write():
            while time.monotonic() < end:
                firstfix.event("still here", number=random.random())
                with firstfix.request(): pass
        threads = [threading.Thread(target=write) for _ in range(4)]
        for each in threads: each.start()
        while time.monotonic() < end:
            if os.fork() == 0:
                firstfix.event("of a child"); os._exit(0)
            assert os.wait()[1] == 0
        for each in threads: each.join()
    """)
    assert quiet(done), done.stderr


BAD = {
    "raises": "class Bad(Exception):\n    def __str__(self): raise KeyboardInterrupt",
    "no text": "class Bad(Exception):\n    def __str__(self): return 7",
    "long": "class Bad(Exception):\n    def __str__(self): return 'x' * 100_000_000",
    "bytes": "class Bad(Exception):\n    def __str__(self): return '\\udcff\\ud800 \\x00'",
    "recursive": "class Bad(Exception):\n    def __str__(self): return str(self)",
    "no attributes": "class Bad(Exception):\n    def __setattr__(self, *a): raise RuntimeError",
    "base": "class Bad(BaseException): pass",
}


@pytest.mark.parametrize("how", BAD)
def test_exceptions_that_cannot_say_what_they_are(worker, how):
    done = worker.run(BAD[how] + """
import firstfix
@firstfix.request
def handler(): raise Bad("x")
try: handler()
except Bad as exc: assert exc.__context__ is None and type(exc) is Bad
else: raise SystemExit(3)
""")
    assert done.returncode == 0, done.stderr
    assert "REQUEST FAILED" in done.stderr and len(done.stderr) < 100_000
    row, = worker.events("exception")
    assert row["exception.type"] == "Bad" and len(row["exception.message"]) < 10_000


def test_recursion_and_memory_errors(worker):
    done = worker.run("""
        import firstfix
        @firstfix.request
        def deep(n): return deep(n + 1)
        try: deep(0)
        except RecursionError as exc: print("RecursionError")
        @firstfix.request
        def big(): raise MemoryError
        try: big()
        except MemoryError: print("MemoryError")
    """)
    assert done.returncode == 0 and done.stdout == "RecursionError\nMemoryError\n", done.stderr
    assert {row["exception.type"] for row in worker.events("exception")} == {"RecursionError", "MemoryError"}


@pytest.mark.parametrize("spare", [0, 64 << 10, 1 << 20, 8 << 20])
def test_out_of_memory_while_reporting_it(worker, spare):
    """The heap is full when the exception is on its way, and there is hardly any room for the report, or none."""
    done = worker.run("""
        import resource, sys, firstfix
        with firstfix.request(id="before"): pass
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[1]), used + int(sys.argv[1])))
        @firstfix.request(id="full")
        def fill(kept):
            size = 1 << 20
            while True:
                try: kept.append(bytearray(size))
                except MemoryError:
                    if size < 64: raise
                    size //= 2
        kept = []
        try: fill(kept)
        except MemoryError as error: seen = error
        del kept
        print(type(seen).__name__, seen.__context__ is None)
    """, str(spare))
    assert done.returncode == 0 and done.stdout == "MemoryError True\n", done.stderr
    assert [row["firstfix.outcome"] for row in worker.events("firstfix.phase.end")] == ["ok", "error"]
    assert [(row["exception.type"], row["firstfix.request.id"]) for row in worker.events("exception")] == [
        ("MemoryError", "full")
    ]
    assert "REQUEST FAILED" in done.stderr


def test_out_of_memory_under_a_limit(worker):
    done = worker.run("""
        import resource, firstfix
        resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
        @firstfix.request
        def load(): return bytearray(1 << 30)
        try: load()
        except MemoryError: print("MemoryError")
    """)
    assert done.returncode == 0 and done.stdout == "MemoryError\n", done.stderr
    assert [row["exception.type"] for row in worker.events("exception")] == ["MemoryError"]


def test_chains_and_groups_are_bounded(worker):
    done = worker.run("""
        from firstfix import _exceptions
        a, b = ValueError("a"), ValueError("b")
        a.__context__, b.__context__ = b, a
        assert _exceptions.text(a).count("ValueError") == 2
        last = None
        for i in range(1000):
            new = RuntimeError(str(i)); new.__cause__ = last; last = new
        assert _exceptions.text(last).count("RuntimeError") == _exceptions.CHAIN_MAX
        def deep(n):
            if n: return deep(n - 1)
            raise ValueError
        try: deep(900)
        except ValueError as exc: text = _exceptions.text(exc)
        assert "841 frames left out" in text or "842 frames left out" in text, text[:2000]
    """)
    assert quiet(done), done.stderr


def test_shutdown_and_closed_stderr(worker):
    assert worker.run("import sys; sys.stderr.close(); raise ValueError").returncode == 1
    done = worker.run("import sys; sys.stderr = None; raise ValueError")
    assert done.returncode == 1
    done = worker.run("""
        import atexit, firstfix
        class Late:
            def __del__(self, request=firstfix.request):
                with request(): pass
        keep = Late(); import builtins; builtins.keep = keep
        atexit.register(lambda: firstfix.event("late"))
    """)
    assert quiet(done), done.stderr
    assert worker.events("firstfix.custom")[-1]["firstfix.event"] == "late"


SHUTDOWN = {
    "a thread that still works": (
        "import threading, time\ndef busy():\n while True:\n  with firstfix.request(): time.sleep(0)\n"
        "threading.Thread(target=busy, daemon=True).start(); time.sleep(0.1)"
    ),
    "a failure at exit": "import atexit\n@atexit.register\n@firstfix.request\ndef late(): raise ValueError('late')",
    "a failure in a finalizer": (
        "class Bad:\n def __del__(self):\n  with firstfix.request(): raise ValueError('late')\nkeep = Bad()"
    ),
    "an event loop left open": (
        "import asyncio\nasync def task():\n async with firstfix.request(): await asyncio.sleep(60)\n"
        "loop = asyncio.new_event_loop(); keep = loop.create_task(task())\n"
        "loop.run_until_complete(asyncio.sleep(0.01))"
    ),
    "a generator left open": "@firstfix.request\ndef stream():\n yield 1\nkeep = stream(); next(keep)",
}


@pytest.mark.parametrize("what", SHUTDOWN)
def test_interpreter_shutdown(worker, what):
    """The same exit code and the same last words as without us."""
    script = "import firstfix\nwith firstfix.request(): pass\n" + SHUTDOWN[what] + "\nraise SystemExit(5)"
    done, without = worker.run(script, FIRSTFIX_LOG="off"), worker.run(script, FIRSTFIX_DISABLE="all")
    assert done.returncode == without.returncode == 5, done.stderr
    assert re.sub("0x[0-9a-f]+", "0x", done.stderr) == re.sub("0x[0-9a-f]+", "0x", without.stderr)
    assert worker.events("firstfix.process.stop")


@pytest.mark.parametrize("folder", ["/proc/nowhere", "/dev/null"])
def test_state_folder_that_refuses(worker, folder):
    done = worker.run("""
        import firstfix, os
        from firstfix import _ring
        assert firstfix.install(); firstfix.event("x")
        path, why = _ring.where()
        assert why, path
        if path.startswith("/dev/shm"): os.unlink(path)
    """, FIRSTFIX_DIR=folder)
    assert quiet(done), done.stderr


FAILING = """
import firstfix
try:
    with firstfix.request(): raise ValueError("x")
except ValueError: pass
"""


def test_program_missing(worker):
    done = worker.run(FAILING + """
try: firstfix.report()
except firstfix.ProgramError as error: print("ProgramError", error)
""", FIRSTFIX_PROGRAM="/nowhere", PATH="/nowhere")
    assert done.returncode == 0 and "ProgramError the program `firstfix`" in done.stdout
    assert "no diagnosis: the program `firstfix`" in done.stderr


@pytest.mark.parametrize(
    "body, said",
    [
        ("sleep(20);", ""),
        ("abort();", "no diagnosis: `firstfix incident` ended with -6"),
        ('fputs("version `GLIBC_2.99\' not found", stderr); return 1;', "GLIBC_2.99' not found"),
        ('puts("nonsense");', "no diagnosis"),
    ],
)
def test_program_that_hangs_crashes_or_talks_nonsense(worker, tmp_path, body, said):
    """The exception is shown and recorded all the same, and the worker's end waits 5 seconds at most."""
    (tmp_path / "bad.c").write_text(
        f"#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\nint main(void) {{ {body} return 0; }}\n"
    )
    subprocess.run(["cc", "-o", tmp_path / "bad", tmp_path / "bad.c"], check=True)
    done = worker.run(FAILING, FIRSTFIX_PROGRAM=str(tmp_path / "bad"), timeout=15)
    assert done.returncode == 0 and "Error Message: x" in done.stderr and said in done.stderr, done.stderr
    assert [row["exception.type"] for row in worker.events("exception")] == ["ValueError"]


def test_disable(worker):
    done = worker.run("import sys, firstfix; assert not firstfix.install(); raise ValueError", FIRSTFIX_DISABLE="all")
    assert done.returncode == 1 and "FAILED" not in done.stderr and not (worker.state / "lanes").exists()
    done = worker.run(
        "import threading as t; assert not hasattr(t.excepthook, '__firstfix__')\n"
        "import asyncio.base_events as b; assert b.BaseEventLoop.call_exception_handler.__firstfix__ == 'asyncio'",
        FIRSTFIX_DISABLE="threading, excepthook",
    )
    assert quiet(done), done.stderr
