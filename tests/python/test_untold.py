"""Failures that a process survived and had no time to tell of before it was killed: whoever finds it dead stores and
counts them, each once, and its end is not blamed on them."""

import os
import signal
import subprocess
import sys

import pytest

from python_worker import hooks, worker  # noqa: F401
from test_incidents_inside import incidents, supervised

FAILS = """
import firstfix, os, signal, sys, time, traceback
@firstfix.request
def handler(job): raise OSError(28, "No space left on device")
def fail(times):
    for i in range(times):
        try: handler(i)
        except OSError: traceback.print_exc()
"""


@pytest.mark.parametrize("pause", [0, 0.02, 0.1, 0.3, 1.0])
@pytest.mark.parametrize("end", ["SIGKILL", "SIGTERM"])
def test_what_a_killed_process_had_no_time_to_tell(worker, pause, end):  # noqa: F811
    done = supervised(worker, FAILS + f"fail(3); time.sleep({pause}); fail(4); os.kill(os.getpid(), signal.{end})")
    by_how = {one["how"]: one for one in incidents(worker)}
    failed, killed = by_how.pop("failure"), by_how.pop("signal")
    assert not by_how and killed["count"] == 1 and failed["count"] == 7, done.stderr
    assert (
        failed["title"] == "REQUEST FAILED" and failed["exception"]["message"] == "[Errno 28] No space left on device"
    )
    assert failed["diagnosis"]["diagnoses"][0]["cause"] == "disk.full" and failed["run_id"] == killed["run_id"]
    causes = [one["cause"] for one in killed["diagnosis"]["diagnoses"]]
    told = ["stopped.outside"] if end == "SIGTERM" else []  # a SIGTERM says itself that nothing failed
    assert "exception" not in killed and causes == told, "it survived the failures"
    assert (
        not [run for run in killed["diagnosis"].get("runs", []) if run["end"] == "running"]
        and "\u2705 Run" not in done.stderr
    )
    assert {row["incident"] for row in killed.get("untold", [])} <= {failed["id"]}


def test_it_is_the_same_incident_whoever_tells(worker):  # noqa: F811
    """Told by the process itself, told for it, and counted in another run."""
    script = (
        FAILS
        + "fail(int(os.environ['TIMES'])); time.sleep(float(os.environ['PAUSE'])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    supervised(worker, script, TIMES="1", PAUSE="3")
    supervised(worker, script, TIMES="2", PAUSE="0")
    failed, = (one for one in incidents(worker) if one["how"] == "failure")
    assert failed["count"] == 3


def test_a_child_that_its_parent_finds_dead(worker):  # noqa: F811
    worker.run(FAILS + """
firstfix.install()
if os.fork() == 0:
    fail(3); os.kill(os.getpid(), signal.SIGSEGV)
os.wait(); firstfix._incident.finish(60)
""")
    counts = {one["how"]: one["count"] for one in incidents(worker)}
    assert counts == {"failure": 3, "signal": 1}


def test_the_end_of_a_crash_may_be_what_it_had_told(worker):  # noqa: F811
    """Nobody outside ended it: what it printed last may be why."""
    done = supervised(worker, FAILS + "fail(1); time.sleep(1); os.abort()")
    died, = (one for one in incidents(worker) if one.get("exit"))
    assert died["exit"]["name"] == "SIGABRT" and "disk.full" in done.stderr


def vanish(worker, script, processes):  # noqa: F811
    """Supervisor and worker are gone at once, with so many processes, each of which has said its number."""
    worker.env = {"FIRSTFIX_HOOKS": str(worker.hooks)}
    run = subprocess.Popen(
        [worker.program, "run", "--report", "off", "--", sys.executable, "-c", FAILS + script],
        env=worker.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    pids = [int(run.stdout.readline()) for _ in range(processes)]
    run.send_signal(signal.SIGSTOP)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    run.kill()
    run.communicate()


def test_the_next_start_tells_for_a_run_that_vanished(worker, tmp_path):  # noqa: F811
    """Supervisor, worker and the worker's child are gone at once; both had failed."""
    script = "fail(2); firstfix.install(); os.fork() or fail(3); print(os.getpid(), flush=True); time.sleep(60)"
    vanish(worker, script, 2)
    for seconds in (1, 5, 25):  # it is told at the lowest priority, and hardly longer than the next command runs
        supervised(worker, f"import time; time.sleep({seconds})")
        if any(one["how"] == "vanished" for one in incidents(worker)):
            break
    counts = {one["how"]: one["count"] for one in incidents(worker)}
    assert counts == {"failure": 5, "vanished": 1}


def test_a_run_knows_nothing_of_an_earlier_one_with_its_pid(worker):  # noqa: F811
    """In a container each start has the same pids; lanes of the last one lie beside."""
    if subprocess.run(["unshare", "-rpf", "--mount-proc", "true"], capture_output=True, check=False).returncode:
        pytest.skip("NO NAMESPACE: unshare is refused")
    worker.env = {"FIRSTFIX_HOOKS": str(worker.hooks)}
    for script in (
        FAILS + "fail(2); os.kill(os.getpid(), signal.SIGKILL)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    ):
        subprocess.run(
            [
                "unshare",
                "-rpf",
                "--mount-proc",
                worker.program,
                "run",
                "--report",
                "off",
                "--",
                sys.executable,
                "-c",
                script,
            ],
            env=worker.environment(),
            capture_output=True,
            timeout=60,
            check=False,
        )
    rows = [
        (one["how"], one["count"], [e["event.name"] for e in one.get("events", []) if e["event.name"] == "exception"])
        for one in incidents(worker)
    ]
    assert sorted(rows)[0][:2] == ("failure", 2) and len(rows) == 3, rows
    assert sorted(len(row[2]) for row in rows if row[0] == "signal") == [0, 2], (
        "one that failed before, one that did not"
    )


def test_threads_that_fail_at_once_are_each_counted(worker):  # noqa: F811
    """One of them tells, and their events come into the lane in any order."""
    done = supervised(worker, """
import firstfix, os, threading, time
gate = threading.Barrier(8)
class Late(Exception):
    def __str__(self): time.sleep(self.args[0]); return "late"
@firstfix.request
def handler(n):
    gate.wait()
    raise Late(n / 20)
def work(n):
    try: handler(n)
    except Late: pass
threads = [threading.Thread(target=work, args=(n % 4,)) for n in range(8)]
for each in threads: each.start()
for each in threads: each.join()
os.kill(os.getpid(), 9)
""")
    failed, = (one for one in incidents(worker) if one["how"] == "failure")
    assert failed["count"] == 8 and done.stderr.count("REQUEST FAILED") <= 1, done.stderr


def test_who_tells_for_the_dead_may_be_killed_and_told_again(worker):  # noqa: F811
    """Whoever goes on has the same document and lane: what was stored is not counted twice."""
    script = "fail(3)\ntry: handler(0)\nexcept OSError: pass\nprint(os.getpid(), flush=True); time.sleep(60)"
    vanish(worker, script, 1)
    [document] = (worker.state / "open").glob("*.json")
    for _ in range(3):  # as if the one before had been killed after its last store
        subprocess.run(
            [worker.program, "incident", "--from", document], env=worker.environment(), capture_output=True, check=True
        )
    assert {one["how"]: one["count"] for one in incidents(worker)} == {"failure": 4, "vanished": 1}
