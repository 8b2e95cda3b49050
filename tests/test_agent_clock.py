"""A clock that is set while an agent watches (the fake one of tests/fake, seen by worker, supervisor and agent alike):
ages and rates are those of the time that passed, and nothing is lost.
"""
import json
import os
import sys
import time

import pytest

from agent_client import WORKER, until

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "python"))

from python_worker import hooks  # noqa: E402,F401 (found through the path set above)

DAY = 86400
OK = 'firstfix_requests_total{outcome="ok"}'


@pytest.fixture
def clock(agents, build, unsanitized):
    """Sets the clock of everything that is started by `agents`: clock(seconds off the real one)."""
    path = agents.folder / "clock"

    def be_set(seconds):
        new = path.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(path)
    be_set(0)
    agents.env |= {"LD_PRELOAD": str(build / "tests/fake/libclock-fake.so"), "FIRSTFIX_FAKE_CLOCK": str(path)}
    return be_set


def requests(agents):
    return json.loads(agents.ask("/v1/requests", timeout=60)[2])


def times_of_samples(agents, since=""):
    document = json.loads(agents.ask("/v1/memory" + since, timeout=60)[2])
    return [row[document["columns"].index("time_ms")] / 1e3 for row in document["rows"]]


@pytest.mark.parametrize("jump", [DAY, -DAY, 600, -600])
def test_what_a_clock_that_is_set_does_not_change(agents, clock, jump):
    worker = agents.run(WORKER)
    agents.tell(worker, "load m 0")
    for name in ("a", "b"):
        agents.tell(worker, f"request {name}")
    agents.tell(worker, "begin long")
    agents.wait_for_work("long")
    clock(jump)
    for name in ("c", "d", "e"):
        agents.tell(worker, f"request {name}")
    until(lambda: agents.metrics()[OK] == 5, "five requests")
    now = requests(agents)
    assert agents.health()["state"] == "busy"
    assert [row["for_ms"] < 60000 for row in now["in_flight"]] == [True]
    assert now["last_minute"]["requests"] == 5, now["last_minute"]
    agents.tell(worker, "end long")
    got = agents.state_is("ready", "idle")
    assert got["state"] == "ready" and got["live"], got  # the last request was a moment ago
    assert agents.metrics()["firstfix_events_lost_total"] == 0
    set_at = time.time() + jump
    until(lambda: sum(at >= set_at for at in times_of_samples(agents)[-2:]) == 2, "samples on the new clock")


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_an_incident_on_the_new_clock_is_of_this_run(agents, clock, jump):
    worker = agents.run(WORKER)
    clock(jump)
    agents.tell(worker, "fail x")
    got = until(lambda: (h := agents.health()).get("incident") and h, "the incident")
    [incident] = json.loads(agents.ask("/v1/incidents", timeout=60)[2])["incidents"]
    assert got["incident"]["id"] == incident["id"]
