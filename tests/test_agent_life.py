"""What the agent's death, its rivals and damage around it cost: never the worker, and nothing that was counted."""
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from agent_client import WORKER, until

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "python"))

from python_worker import hooks  # noqa: E402,F401 (found through the path set above)


def agent_pids(worker):
    done = subprocess.run(
        ["pgrep", "-P", str(worker.pid), "firstfix-agent"], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in done.stdout.split()]


def test_it_ends_with_its_supervisor(agents):
    worker = agents.run(WORKER)
    [pid] = until(lambda: agent_pids(worker), "an agent")
    agents.tell(worker, "exit 0")
    assert worker.wait(30) == 0
    until(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the agent")


def test_killed_again_and_again_it_loses_nothing(agents, times):
    port = 20000 + os.getpid() % 20000
    agents.env["FIRSTFIX_STALL_AFTER"] = "0"
    worker = agents.run(WORKER, "--listen", f"127.0.0.1:{port}")
    agents.tell(worker, "load m 0.1")
    end, sent = time.monotonic() + times(5, 60), 0
    while time.monotonic() < end:
        for _ in range(20):
            agents.tell(worker, f"request r{sent}")
            sent += 1
        for pid in agent_pids(worker):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    assert worker.poll() is None

    def counted():
        try:
            m = agents.metrics()
        except OSError:
            return None
        return m['firstfix_requests_total{outcome="ok"}'] + m["firstfix_events_lost_total"] / 2 >= sent and m
    m = until(counted, "every request")
    assert m['firstfix_requests_total{outcome="ok"}'] == sent == m["firstfix_request_duration_seconds_count"]
    assert m['firstfix_model_loads_total{outcome="ok"}'] == 1


def test_two_agents_on_one_worker(agents):
    sleeper = agents.popen(["sleep", "600"])
    agents.watch("--pid", str(sleeper.pid))
    second = agents.watch("--pid", str(sleeper.pid), wait=False)
    assert second.wait(30) == 2 and "another agent watches this worker already" in second.errors.read_text()
    assert agents.ask("/livez")[0] == 200


def test_two_workers_in_one_folder_are_told_apart(agents):
    first = agents.run(WORKER)
    one = agents.url
    second = agents.run(WORKER)
    agents.tell(first, "request a")
    for name in ("b", "c"):
        agents.tell(second, f"request {name}")
    name = 'firstfix_requests_total{outcome="ok"}'
    until(lambda: agents.metrics()[name] == 2, "two requests of the second")
    agents.url = one
    until(lambda: agents.metrics()[name] == 1, "one request of the first")


def test_a_folder_of_workers_without_a_process_to_look_at(agents):
    agents.env["PYTHONPATH"] = str(agents.hooks)
    worker = agents.popen([sys.executable, "-c", WORKER])
    agents.tell(worker, "request a")
    agents.watch("--dir", str(agents.state))
    until(lambda: agents.metrics()['firstfix_requests_total{outcome="ok"}'] == 1, "the worker's request")
    assert agents.state_is("ready", "idle")["live"]


def test_a_damaged_database_and_a_damaged_tally(agents):
    agents.state.mkdir(mode=0o700)
    (agents.state / "firstfix.db").write_bytes(b"no database at all" * 100)
    (agents.state / "agent").mkdir(mode=0o700)
    (agents.state / "agent/all.tally").write_bytes(os.urandom(5000))
    (agents.state / "agent/all.tally").chmod(0o600)
    agents.watch("--dir", str(agents.state))
    until(lambda: "[+]store: " in agents.ask("/readyz?verbose")[2], "what is wrong with the database")
    assert agents.metrics()["firstfix_events_total"] == 0


def test_a_request_in_work_when_its_process_is_killed(agents):
    agents.env["PYTHONPATH"] = str(agents.hooks)
    worker = agents.popen([sys.executable, "-c", WORKER])
    agents.tell(worker, "begin a")
    agents.watch("--dir", str(agents.state))
    until(lambda: agents.metrics()["firstfix_requests_in_flight"] == 1, "a request in work")
    worker.kill()
    worker.wait()
    until(lambda: agents.metrics()['firstfix_requests_total{outcome="killed"}'] == 1, "a killed request")
    assert agents.metrics()["firstfix_requests_in_flight"] == 0


def test_another_users_folder_is_refused(agents):
    agents.state.mkdir()
    agents.state.chmod(0o777)
    child = agents.watch("--dir", str(agents.state), wait=False)
    assert child.wait(30) == 2


def test_what_was_overwritten_while_no_agent_ran_is_counted(agents):
    agents.env["PYTHONPATH"] = str(agents.hooks)
    worker = agents.popen([sys.executable, "-c", WORKER])
    agents.tell(worker, "request a")

    def watch():
        child = agents.watch("--pid", str(worker.pid))
        until(lambda: agents.metrics()['firstfix_requests_total{outcome="ok"}'] >= 1, "requests")
        return child

    def settled():
        m = agents.metrics()
        time.sleep(1.5)  # six times as long as from one look of the agent to the next
        now = agents.metrics()
        keys = ("firstfix_events_total", "firstfix_events_lost_total", 'firstfix_requests_total{outcome="ok"}')
        return now if all(m[k] == now[k] for k in keys) else None
    agent = watch()
    before = until(settled, "all that was recorded")
    assert before["firstfix_events_lost_total"] == 0
    agent.kill()
    agent.wait()
    n = 40000
    done = agents.folder / "done"
    script = f"for i in range({n}):\\n with firstfix.request(id=str(i)): pass\\nopen('{done}', 'w')"
    agents.tell(worker, f'python exec("{script}")')
    until(done.exists, "many requests", 120)
    agent = watch()
    after = until(settled, "all that is left")
    missed = n - (after['firstfix_requests_total{outcome="ok"}'] - before['firstfix_requests_total{outcome="ok"}'])
    assert missed > 0
    # A request is two events, begin and end; the one that lay across the edge may have kept its end.
    assert abs(after["firstfix_events_lost_total"] - 2 * missed) <= 1
    agent.kill()  # and the next one counts none of them again
    agent.wait()
    watch()
    assert until(settled, "the same")["firstfix_events_lost_total"] == after["firstfix_events_lost_total"]


@pytest.mark.skipif(not shutil.which("strace"), reason="NO STRACE: nothing can make a system call slow")
def test_a_look_that_takes_long_holds_nobody_up(agents):
    """The kernel sums up a large worker's memory in tens of milliseconds, and a disk may hang."""
    sleeper = agents.popen(["sleep", "600"])
    child = agents.watch("--pid", str(sleeper.pid), "--ready-after", "0")
    agents.state_is("ready", "idle")
    slow = ["strace", "-f", "-qq", "-e", "trace=statfs", "-e", "inject=statfs:delay_enter=4000000"]
    log = agents.folder / "strace"
    strace = subprocess.Popen([*slow, "-o", log, "-p", str(child.pid)], stderr=subprocess.PIPE)
    try:
        time.sleep(2)
        if strace.poll() is not None:
            pytest.skip(f"NO STRACE: {strace.stderr.read()}")
        took, end = [], time.monotonic() + 8
        while time.monotonic() < end:
            begin = time.monotonic()
            assert agents.ask("/livez")[0] == 200 and agents.ask("/metrics")[0] == 200
            took.append(time.monotonic() - begin)
            time.sleep(0.05)
        assert "statfs" in log.read_text(), "no look was slow"
        assert max(took) < 2, sorted(took)[-5:]
    finally:
        strace.terminate()
        strace.communicate()
