"""A failure inside a living worker is one incident: stored with who and what, counted when it comes again, shown once.
"""

import json
import os
import subprocess
import sys

import pytest

from python_worker import hooks, worker  # noqa: F401

LOAD = """
import firstfix, logging, sys
def load():
    with firstfix.model_load("acme/model"): raise OSError(28, "No space left on device")
"""


def incidents(worker):  # noqa: F811
    """Every stored incident, whole."""
    def ask(*words):
        done = subprocess.run(
            [worker.program, "incidents", *words, "--json", "--dir", worker.state],
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)
    return [ask("show", row["id"]) for row in ask()["incidents"]]


def supervised(worker, script, **more):  # noqa: F811
    worker.env = {"FIRSTFIX_HOOKS": str(worker.hooks), **more}
    return subprocess.run(
        [worker.program, "run", "--report", "off", "--", sys.executable, "-c", script],
        env=worker.environment(),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_a_failed_request_is_stored_with_who_and_what(worker):  # noqa: F811
    done = worker.run("""
        import firstfix, os, sys
        from firstfix._request import Request
        os.environ["HF_HOME"] = "/set/since"
        def inner(): raise ValueError("no such adapter")
        req = Request("r-7", "mixtral")
        req.fields = {"http.request.method": "POST", "url.path": "/generate"}
        try:
            with req: inner()
        except ValueError: print(os.getpid())
    """, FIRSTFIX_WORKER="pod-9")
    one, = incidents(worker)
    assert one["how"] == "failure" and one["phase"] == "request" and one["count"] == 1
    assert one["pid"] == int(done.stdout) and one["worker"] == "pod-9" and one["model"] == "mixtral"
    assert one["request"] == {"id": "r-7", "method": "POST", "path": "/generate", "phase_id": 1}
    assert one["exception"]["type"] == "ValueError" and [f["func"] for f in one["exception"]["frames"]] == [
        "<module>",
        "inner",
    ]
    assert one["facts"]["failure"]["env"]["HF_HOME"] == "/set/since", "the variables of now"
    for said in (f"pid {one['pid']}, worker pod-9", "r-7 POST /generate, model mixtral", "in inner", one["id"]):
        assert said in done.stderr, (said, done.stderr)


def test_what_comes_again_is_counted_and_not_shown(worker):  # noqa: F811
    done = worker.run("""
        import firstfix
        @firstfix.request
        def handler(job): raise ValueError(f"job {job}")
        for i in range(20):
            try: handler(i)
            except ValueError: pass
    """)
    one, = incidents(worker)
    assert one["count"] == 20 and done.stderr.count("Error Message") == 1


def test_the_end_refers_to_what_was_told(worker):  # noqa: F811
    """Raised to the top, raised anew from it, or caught, logged and left by sys.exit(): one incident, one block."""
    ends = {
        "load()": 1,
        "try: load()\nexcept OSError as why: raise RuntimeError('no model') from why": 1,
        "try: load()\nexcept OSError: logging.exception('no model'); sys.exit(3)": 3,
    }
    for n, (end, code) in enumerate(ends.items()):
        worker.state = worker.state.parent / f"state{n}"
        done = supervised(worker, LOAD + end)
        one, = incidents(worker)
        assert done.returncode == code and one["count"] == 1 and one["exit"] == {"code": code}, done.stderr
        assert one["exception"]["type"] == "OSError" and one["phase"] == "model.load"
        assert done.stderr.count("Error Message") == 1 and done.stderr.count("ROOT CAUSE") == 1, done.stderr
        assert "By the failure shown above: OSError: [Errno 28]" in done.stderr and done.stderr.count("\n") < 80


@pytest.mark.parametrize("end", ["load()", "try: load()\nexcept OSError: logging.exception('no model'); sys.exit(1)"])
def test_the_end_is_whole_where_the_block_was_not_shown(worker, tmp_path, end):  # noqa: F811
    for n, where in enumerate(({"FIRSTFIX_LOG": "off"}, {"FIRSTFIX_LOG_FILE": str(tmp_path / "log")})):
        worker.state = worker.state.parent / f"state{n}"
        done = supervised(worker, LOAD + end, **where)
        one, = incidents(worker)
        assert one["count"] == 1 and done.stderr.count("ROOT CAUSE") == 1 and "Error Message" in done.stderr, (
            done.stderr
        )


CHILDREN = """
import multiprocessing, time, firstfix
from firstfix import _incident
def work(i):
    for _ in range(2):
        try:
            with firstfix.request(id=str(i)): raise ValueError("the same")
        except ValueError: pass
    {last}
if __name__ == "__main__":
    for i in range(3):
        p = multiprocessing.get_context("fork").Process(target=work, args=(i,)); p.start(); p.join()
"""


def test_other_processes_of_a_run_say_it_in_a_line(worker):  # noqa: F811
    done = supervised(worker, CHILDREN.format(last=""))
    one, = incidents(worker)
    assert one["count"] == 6 and done.stderr.count("Error Message") == 1, done.stderr
    assert done.stderr.count("Again: ValueError: the same") == 2 and "Process-3" in done.stderr


def test_a_count_under_way_is_waited_for(worker):  # noqa: F811
    """The process ends just as its thread has taken the count and not yet told it."""
    taken = """
    end = time.monotonic() + 20
    while time.monotonic() < end and any(each.more for each in _incident._known.values()): time.sleep(0.0001)
"""
    done = supervised(worker, CHILDREN.format(last=taken))
    one, = incidents(worker)
    assert one["count"] == 6, done.stderr


def test_a_failure_that_the_thread_has_just_taken_is_waited_for(worker):  # noqa: F811
    """The process ends where the thread has taken it from those that wait and not yet begun to tell."""
    done = worker.run("""
        import collections, firstfix, time
        from firstfix import _incident
        class Slow(collections.deque):
            def popleft(self):
                got = super().popleft()
                time.sleep(1)
                return got
        _incident._waiting = Slow()
        try:
            with firstfix.request(): raise ValueError("taken")
        except ValueError: pass
        while _incident._waiting: time.sleep(0.001)
    """)
    assert [one["count"] for one in incidents(worker)] == [1] and "taken" in done.stderr, done.stderr


def test_many_kinds_of_failure_forget_no_count(worker):  # noqa: F811
    """Only so many are known at once, and each of them may have counts that are not told yet."""
    done = worker.run("""
        import firstfix
        from firstfix import _incident
        _incident.KNOWN_MAX = 2
        def fail(kind):
            try:
                with firstfix.request(): raise kind("x")
            except kind: pass
        fail(KeyError)
        _incident.finish(60)
        for kind in (ValueError, KeyError, KeyError, TypeError): fail(kind)
        _incident.finish(60)
    """)
    assert sorted(one["count"] for one in incidents(worker)) == [1, 1, 3], done.stderr


def test_one_run_of_the_program(worker, tmp_path):  # noqa: F811
    """The program is heavy: a failure starts it once, whatever the process has imported."""
    (tmp_path / "count.c").write_text("""
        #include <fcntl.h>
        #include <unistd.h>
        int main(int argc, char **argv) {
            int fd = open(LOG, O_WRONLY | O_CREAT | O_APPEND, 0600);
            if (write(fd, ".", 1) == 1) execv(PROGRAM, argv);
            return argc;
        }""")
    log = tmp_path / "runs"
    subprocess.run(
        ["cc", f'-DLOG="{log}"', f'-DPROGRAM="{worker.program}"', "-o", tmp_path / "count", tmp_path / "count.c"],
        check=True,
    )
    done = worker.run("import firstfix; firstfix.install(); import multiprocessing.process\nopen('/nowhere/x')",
                      FIRSTFIX_PROGRAM=str(tmp_path / "count"))
    assert done.returncode == 1 and "PROCESS FAILED" in done.stderr and log.read_text() == "."


def test_a_failure_after_a_fork_is_the_child_s_own(worker):  # noqa: F811
    done = worker.run("""
        import os, firstfix
        firstfix.install()
        def fail(word):
            try:
                with firstfix.request(): raise KeyError(word)
            except KeyError: pass
        fail("parent")
        from firstfix import _incident
        pid = os.fork()
        if pid == 0:
            fail("child"); _incident.finish(); os._exit(0)
        os.waitpid(pid, 0)
    """)
    assert sum(one["count"] for one in incidents(worker)) == 2, done.stderr


def test_without_a_state_folder_it_is_shown_all_the_same(worker):  # noqa: F811
    worker.state = worker.state.parent / "file"
    worker.state.write_text("in the way")
    done = worker.run("""
        import firstfix, os
        firstfix.install()
        try:
            with firstfix.request(): raise OSError(28, "No space left on device")
        except OSError: pass
        from firstfix import _incident, _ring
        _incident.finish()
        os.unlink(_ring.where()[0])
    """)
    assert done.returncode == 0 and "disk.full" in done.stderr and "could not be stored" in done.stderr
    assert not os.path.isdir(worker.state)
