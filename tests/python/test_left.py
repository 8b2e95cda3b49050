"""Processes that end without a word and with nobody beside them: the next start tells of them, once."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import pytest

from python_worker import hooks, worker  # noqa: F401
from test_incidents_inside import incidents

AT_WORK = """
import firstfix, os, signal, sys
firstfix.install()
with firstfix.request(id="r-5", model="mixtral"): {end}
"""
NEXT = "import firstfix; firstfix.install()"


def supervised(worker, *command, **more):  # noqa: F811
    """`firstfix run` with a command; what is left is told of beside it."""
    env = {**worker.environment(), "FIRSTFIX_HOOKS": str(worker.hooks), "FIRSTFIX_NVML": "", "FIRSTFIX_CUDA": ""}
    return subprocess.run([worker.program, "run", "--report", "off", "--", *command], env=env, capture_output=True,
                          text=True, timeout=120, check=False, **more)


def until_told(worker, n):  # noqa: F811
    for seconds in (0.5, 2, 8, 32):  # it is told at the lowest priority, and for as long as the command runs
        supervised(worker, "sleep", str(seconds))
        with contextlib.suppress(subprocess.CalledProcessError):  # nothing is stored yet
            if sum(one["count"] for one in incidents(worker)) >= n:
                return


@pytest.mark.parametrize(
    "end", ["os.kill(os.getpid(), signal.SIGKILL)", "os._exit(0)", "os.kill(os.getpid(), signal.SIGTERM)"]
)
def test_the_next_start_tells_of_a_process_that_died_at_work(worker, end):  # noqa: F811
    worker.run(AT_WORK.format(end=end))
    until_told(worker, 1)
    one, = incidents(worker)
    assert (one["how"], one["request"]["id"], one["model"], one["count"]) == ("vanished", "r-5", "mixtral", 1)
    assert "nobody was beside it" in one["error"] and one["last_sign_at"] and one["facts"]["failure"]["schema"]
    assert one["command"] == worker.python, "a program on the command line is no part of it"
    supervised(worker, "sleep", "1")
    assert incidents(worker)[0]["count"] == 1, "once"


def test_who_is_killed_at_telling_leaves_nothing_to_count_twice(worker):  # noqa: F811
    worker.run(AT_WORK.format(end="os.kill(os.getpid(), 9)"))
    lane, = (worker.state / "lanes").glob("*.ring")
    unclosed = lane.read_bytes()
    words = [worker.program, "incident", "--left", "--dir", worker.state]
    for shown in (1, 0, 0):  # stored, and killed before it closed the lane
        told = subprocess.run(words, env=worker.environment(), capture_output=True, text=True, timeout=60, check=True)
        assert (told.stdout + told.stderr).count("WITHOUT A WORD") == shown
        assert lane.read_bytes() != unclosed, "it is closed"
        lane.write_bytes(unclosed)
    assert [one["count"] for one in incidents(worker)] == [1]


def test_a_recorder_tells_of_it_and_shows_it(worker):  # noqa: F811
    worker.run(AT_WORK.format(end="os.kill(os.getpid(), 9)"))
    done = worker.run(NEXT)
    assert "PROCESS ENDED WITHOUT A WORD" in done.stderr and "Request: r-5, model mixtral" in done.stderr, done.stderr
    assert done.stderr.count("WITHOUT A WORD") == 1 and len(incidents(worker)) == 1
    assert worker.run(NEXT).stderr == ""
    worker.run(AT_WORK.format(end="os.kill(os.getpid(), 9)"))
    line, = worker.run(NEXT, FIRSTFIX_LOG="json").stderr.splitlines()
    assert json.loads(line)["event.name"] == "firstfix.incident"


def test_what_a_shell_starts_again_and_again(worker, tmp_path):  # noqa: F811
    """It sees its worker die and goes on: nobody else knows."""
    (tmp_path / "w.py").write_text(AT_WORK.format(end="os.kill(os.getpid(), 9)"))
    again = f"for i in 1 2; do {sys.executable} {tmp_path}/w.py --key sk-abcdef; done; true"
    done = supervised(worker, "sh", "-c", again)
    assert done.returncode == 0
    until_told(worker, 2)
    one, = incidents(worker)
    assert (one["how"], one["count"], one["command"]) == ("vanished", 2, f"{sys.executable} {tmp_path}/w.py")


@pytest.mark.parametrize("what", ["idle", "stopped", "died", "lives", "told"])
def test_of_others_it_tells_nothing(worker, tmp_path, what):  # noqa: F811
    """Idle; stopped under its supervisor; an incident already; alive; a child that its parent tells of."""
    script = {
        "idle": "import firstfix, os; firstfix.install()\nwith firstfix.request(): pass\nos.kill(os.getpid(), 9)",
        "told": AT_WORK.format(end="0 if os.fork() == 0 else os.wait()").replace("os.fork()", "child()").replace(
            "with", "def child():\n    pid = os.fork()\n    if pid == 0:\n        with firstfix.request(id='c'):"
            " os.kill(os.getpid(), 9)\n    return pid\nwith"),
    }.get(what, AT_WORK.format(end="import time; print('up', flush=True); time.sleep(60)"))
    lives = None
    if what in ("idle", "told"):
        worker.run(script)
    elif what == "lives":
        lives = subprocess.Popen([worker.python, "-c", script], env=worker.environment(), stdout=subprocess.PIPE)
        assert lives.stdout.readline()
    else:
        env = {**worker.environment(), "FIRSTFIX_HOOKS": str(worker.hooks)}
        run = subprocess.Popen([worker.program, "run", "--report", "off", "--", worker.python, "-c", script], env=env,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert run.stdout.readline() == "up\n"
        if what == "stopped":
            run.terminate()
        else:
            pid, = subprocess.run(["pgrep", "-P", str(run.pid)], capture_output=True, text=True).stdout.split()[:1]
            os.kill(int(pid), signal.SIGSEGV)
        run.communicate(timeout=60)
    before = [(one["id"], one["count"]) for one in incidents(worker)] if (worker.state / "firstfix.db").exists() else []
    assert len(before) == (what in ("died", "told"))
    done = worker.run(f"{NEXT}; import time; time.sleep(1)")
    if lives:
        lives.kill()
        lives.wait()
    assert "WITHOUT A WORD" not in done.stderr
    assert ([(one["id"], one["count"]) for one in incidents(worker)] if before else []) == before


def test_hostile_lanes_hurt_nobody(worker, tmp_path):  # noqa: F811
    worker.run(AT_WORK.format(end="os.kill(os.getpid(), 9)"))
    lane, = (worker.state / "lanes").iterdir()
    content = lane.read_bytes()
    lane.unlink()
    for n, made in enumerate([b"", b"FFLANE1\n", content[:600], content[:100] + os.urandom(1000) + content[1100:],
                              content[:1024] + os.urandom(len(content) - 1024)], 90001):
        (worker.state / f"lanes/{n}-1.ring").write_bytes(made)
    (worker.state / "lanes/90009-1.ring").symlink_to("/etc/passwd")
    os.mkfifo(worker.state / "lanes/90010-1.ring")
    done = subprocess.run([worker.program, "incident", "--left", "--dir", worker.state], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0 and "root:" not in done.stdout, done.stderr
