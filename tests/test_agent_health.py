"""/livez, /readyz, /startupz and `firstfix health`: every state, each with a real process in it."""
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from agent_client import WORKER, until

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "python"))

from python_worker import hooks  # noqa: E402,F401 (found through the path set above)

KEYS = ("live", "ready", "started")


def is_(health):
    return health["state"], *[health[key] for key in KEYS]


def test_from_start_to_load_to_ready_to_work_to_idle(agents):
    worker = agents.run(WORKER, "--report", "off")
    assert is_(agents.state_is("starting")) == ("starting", True, False, False)
    agents.tell(worker, "hold big")
    assert is_(agents.state_is("loading")) == ("loading", True, False, False)
    assert agents.health("startupz")["status"] == 503 and agents.health("livez")["status"] == 200
    agents.tell(worker, "end big")
    assert is_(agents.state_is("ready")) == ("ready", True, True, True)
    agents.tell(worker, "begin a")
    assert is_(agents.state_is("busy")) == ("busy", True, True, True)
    agents.tell(worker, "end a")
    assert is_(agents.state_is("ready")) == ("ready", True, True, True)


def test_idle_after_a_while(agents):
    agents.env["FIRSTFIX_IDLE_AFTER"] = "1"
    worker = agents.run(WORKER)
    agents.tell(worker, "request a")
    assert is_(agents.state_is("idle")) == ("idle", True, True, True)


def test_a_request_without_progress_is_a_stall_and_one_that_computes_is_not(agents):
    agents.env["FIRSTFIX_STALL_AFTER"] = "2"
    worker = agents.run(WORKER)
    agents.tell(worker, "begin quiet")
    got = agents.state_is("stalled")
    assert is_(got)[1:3] == (False, False) and got["started"]
    assert "1 request in work" in got["why"] and agents.ask("/livez")[0] == 503
    agents.tell(worker, "end quiet")
    agents.state_is("ready", "idle")
    agents.tell(worker, "python threading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()")
    agents.tell(worker, "begin long")
    agents.state_is("busy")
    time.sleep(4)  # twice as long as a stall takes
    assert agents.health()["state"] == "busy"


def test_a_request_may_have_an_upper_bound(agents):
    agents.env["FIRSTFIX_REQUEST_MAX"] = "1"
    worker = agents.run(WORKER)
    agents.tell(worker, "python threading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()")
    agents.tell(worker, "begin long")
    assert "longer than any may take" in agents.state_is("stalled")["why"]


def test_saturated_when_as_many_run_as_it_takes(agents):
    agents.env["FIRSTFIX_MAX_IN_FLIGHT"] = "2"
    worker = agents.run(WORKER)
    agents.tell(worker, "begin a")
    agents.state_is("busy")
    agents.tell(worker, "begin b")
    got = agents.state_is("saturated")
    assert is_(got) == ("saturated", True, True, True) and "as many as it takes" in got["why"]


def test_a_lost_gpu(agents):
    agents.gpus()
    worker = agents.run(WORKER)
    agents.tell(worker, "request a")
    agents.state_is("ready")
    until(lambda: agents.metrics().get("firstfix_gpu_driver_up") == 1, "a driver that answers")
    agents.gpus(lambda s: s["gpus"][0].update(handle_error=15))
    got = agents.state_is("gpu-lost")
    assert is_(got) == ("gpu-lost", False, False, True) and "1 GPU is lost" in got["why"]
    agents.gpus()
    assert agents.state_is("ready", "idle")["live"]


def test_a_driver_that_hangs_and_comes_back_costs_only_the_helper(agents):
    agents.gpus()
    worker = agents.run(WORKER)
    agents.tell(worker, "request a")
    agents.state_is("ready")
    until(lambda: agents.metrics().get("firstfix_gpu_driver_up") == 1, "a driver that answers")
    agents.gpus(lambda s: s.update(behave={"nvmlDeviceGetUtilizationRates": "hang"}))
    got = agents.state_is("driver-hung")
    assert not got["ready"] and "has not answered" in got["why"]
    before = time.monotonic()
    assert agents.ask("/metrics")[0] == 200 and time.monotonic() - before < 15
    assert agents.metrics()["firstfix_gpu_driver_up"] == 0


def test_a_driver_that_crashes_is_told_and_kills_nobody(agents):
    agents.gpus(lambda s: s.update(behave={"nvmlInit_v2": "crash"}))
    worker = agents.run(WORKER)
    agents.tell(worker, "request a")
    assert agents.state_is("ready")["live"]
    until(lambda: agents.metrics().get("firstfix_gpu_driver_up") == 0, "a driver that crashed")
    assert "crashed" in agents.ask("/readyz?verbose")[2]


ENGINE = """
import multiprocessing, os, signal, sys, time
import firstfix
def engine():
    with firstfix.model_load("m"): time.sleep(0.1)
    time.sleep(600)
def quick():
    with firstfix.model_load("m"): time.sleep(0.1)
multiprocessing.set_start_method("fork")
child = multiprocessing.Process(target=engine); child.start()
for line in sys.stdin:
    if line.startswith("kill"): os.kill(child.pid, signal.SIGKILL)
    if line.startswith("again"): child = multiprocessing.Process(target=engine); child.start()
    if line.startswith("quick"):
        job = multiprocessing.Process(target=quick); job.start(); job.join()
"""


def test_an_engine_dead_behind_a_living_parent(agents):
    worker = agents.run(ENGINE)
    assert agents.state_is("ready")["live"]
    agents.tell(worker, "quick")  # a job that loads, works and ends in good order is no dead engine
    time.sleep(2)
    assert agents.health()["state"] == "ready"
    agents.tell(worker, "kill")
    got = agents.state_is("engine-dead")
    assert is_(got)[1:3] == (False, False) and "parent lives on" in got["why"]
    agents.tell(worker, "again")
    assert agents.state_is("ready")["live"]


def test_stopping_while_a_worker_takes_its_time(agents):
    worker = agents.run(WORKER, "--grace", "60")
    agents.tell(worker, "python import signal; signal.signal(15, lambda *a: None)")
    agents.tell(worker, "request a")
    agents.state_is("ready")
    worker.send_signal(signal.SIGTERM)
    got = agents.state_is("stopping")
    assert got["live"] and not got["ready"]
    worker.send_signal(signal.SIGKILL)


def test_dead_and_why_with_the_fix(agents):
    worker = agents.run(WORKER + "\nraise OSError(28, 'No space left on device')", "--on-hopeless", "sleep")
    agents.tell(worker, "request a")
    agents.state_is("ready", "idle")
    worker.stdin.close()
    worker.stdin = open(os.devnull, "wb")
    assert is_(agents.state_is("dead")) == ("dead", False, False, True)
    status, _, body = until(lambda: (got := agents.ask("/livez"))[2].count(";") >= 2 and got, "the cause and the fix")
    assert status == 503 and body.startswith("dead: ") and "fix: " in body and body.count("\n") == 1, body
    assert agents.health()["incident"]["cause"] == "disk.full"


def test_a_second_attempt_starts_anew(agents):
    worker = agents.run(WORKER, "--recover", "restart", "--backoff", "3")
    agents.tell(worker, "load m 0.1")
    agents.state_is("ready")
    agents.tell(worker, "python os.kill(os.getpid(), 12)")
    got = agents.state_is("starting")
    assert got["live"] and not got["ready"] and got["started"]
    until(lambda: agents.health().get("attempt") == 2, "the second attempt")
    agents.tell(worker, "load m 0.1")
    agents.state_is("ready")
    assert agents.metrics()["firstfix_worker_attempt"] == 2


def test_any_program_is_ready_when_it_listens(agents):
    server = agents.popen(
        [sys.executable, "-I", "-c", "import socket, time\ns = socket.create_server(('127.0.0.1', 0))\ntime.sleep(600)"]
    )
    agents.watch("--pid", str(server.pid))
    assert agents.state_is("ready")["started"]
    server.kill()
    server.wait()
    assert is_(agents.state_is("dead")) == ("dead", False, False, True)


def test_without_a_sign_it_is_ready_after_a_while(agents):
    agents.env["FIRSTFIX_READY_AFTER"] = "2"
    worker = agents.popen(["sleep", "600"])
    agents.watch("--pid", str(worker.pid))
    assert agents.state_is("ready")["live"]


def test_three_forms_of_an_answer(agents):
    worker = agents.run(WORKER)
    assert agents.ask("/readyz")[2].startswith("starting: ")
    agents.tell(worker, "request a")
    agents.state_is("ready")
    assert agents.ask("/readyz")[::2] == (200, "ok\n")
    lines = agents.ask("/readyz?verbose")[2].splitlines()
    assert lines[0] == "[+]process: the worker's process lives" and lines[-1].startswith("ready: ")
    status, headers, body = agents.ask("/readyz", Accept="application/json")
    assert (status, headers["content-type"]) == (200, "application/json") and json.loads(body)[
        "schema"
    ] == "firstfix.health/1"


def health(agents, *words):
    return subprocess.run(
        [agents.firstfix, "health", *words], env=agents.env, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_finds_the_agent_by_itself(agents):
    worker = agents.run(WORKER)
    got = health(agents)
    assert (got.returncode, got.stdout) == (0, "ok\n"), got.stderr
    assert health(agents, "--ready").returncode == 1
    assert json.loads(health(agents, "--json", agents.url).stdout)["live"] is True
    worker.kill()
    worker.wait()
    until(
        lambda: (h := health(agents, agents.url)).returncode == 1 and "Connection refused" in h.stderr, "nobody answers"
    )


@pytest.mark.parametrize(
    "words", [["ftp://x"], ["http://"], ["http://user@host"], ["--local", "http://127.0.0.1:1"], ["--pid", "1"]]
)
def test_the_command_used_wrongly(agents, words):
    assert health(agents, *words).returncode == 2


def test_the_command_without_an_agent(agents):
    worker = agents.popen([sys.executable, "-c", WORKER])
    worker.kill()
    worker.wait()
    agents.env["PYTHONPATH"] = str(agents.hooks)
    worker = agents.popen([sys.executable, "-c", WORKER])
    agents.tell(worker, "begin a")
    got = until(
        lambda: (h := health(agents, "--local", "--pid", str(worker.pid))).stdout.startswith("busy") and h,
        "a busy worker",
    )
    assert got.returncode == 0
    worker.kill()
    worker.wait()
    assert health(agents, "--local").returncode == 1
    assert not [name for name in os.listdir(agents.state / "agent") if name.startswith("once")]
