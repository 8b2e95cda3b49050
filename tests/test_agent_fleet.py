"""What a fleet learns of real workers: facts once, good starts, incidents; and nothing of names where a key hides them.
"""

import json
import os
import platform
import subprocess
import sys
import time

import pytest
from agent_client import WORKER, until
from otlp_server import Collector, attributes

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "python"))

from python_worker import hooks  # noqa: E402,F401 (found through the path set above)


@pytest.fixture
def collector():
    made = Collector()
    yield made
    made.close()


def life(agents, collector, **more):
    """A worker that starts well, and the records of a fleet that came of it."""
    agents.env |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
        "OTEL_BLRP_SCHEDULE_DELAY": "50",
        "FIRSTFIX_REPORT": "short",
        **more,
    }
    before = len(records(collector, "firstfix.start"))

    def begun():
        return len(records(collector, "firstfix.start")) > before
    worker = agents.run(WORKER, "--good-after", "1")
    until(begun, "a start with its report, which a loaded machine makes late")
    agents.tell(worker, "python raise RuntimeError('the end of /srv/models/x.gguf')")
    assert worker.wait(30) == 1
    if list((agents.state / "otlp").glob("*/*")):  # what a loaded machine had no time for, the next agent sends
        agents.run(WORKER)


def records(collector, name):
    return [r for r in collector.logs() if r.get("eventName") == name]


def marks(collector, name):
    return [attributes(r)["firstfix.facts.hash"] for r in records(collector, name)]


def test_a_life_arrives_and_is_ingested(agents, collector, tmp_path):
    life(agents, collector)
    until(lambda: records(collector, "firstfix.incident"), "an incident")
    facts, incident = (records(collector, name)[0] for name in ("firstfix.facts", "firstfix.incident"))
    flat = json.loads(facts["body"]["stringValue"])
    assert flat["system.os.id"] and not any(key.startswith("process.") for key in flat)
    mark = attributes(facts)["firstfix.facts.hash"]
    assert marks(collector, "firstfix.start")[0] == mark == marks(collector, "firstfix.incident")[0]
    assert len(attributes(incident)["firstfix.incident.fingerprint"]) == 16
    life(agents, collector)
    until(lambda: any(attributes(r)["firstfix.incident.count"] == 2 for r in records(collector, "firstfix.incident")),
          "the second time")
    assert set(marks(collector, "firstfix.facts")) == {mark}
    assert not any("body" in again for again in records(collector, "firstfix.facts")[1:])
    file = tmp_path / "logs.json"
    file.write_text("".join(json.dumps(q) + "\n" for q in collector.of("/v1/logs")))
    words = [agents.firstfix, "fleet", "ingest", file, "--database", tmp_path / "fleet.db", "--json"]
    answer = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    assert (answer["facts"], answer["starts"], answer["incidents"]) == (1, len(marks(collector, "firstfix.start")), 2)
    assert not any(v for k, v in answer.items() if k.startswith("refused") or k == "contradicting"), answer
    words = [agents.firstfix, "fleet", "top", "--database", tmp_path / "fleet.db", "--json"]
    [row] = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)["failures"]
    assert (row["workers"], row["incidents"]) == (1, 2)


def test_names_of_hosts_and_paths_stay_at_home(agents, collector, tmp_path):
    life(agents, collector, FIRSTFIX_FLEET_KEY="a key of this fleet", OTEL_TRACES_EXPORTER="none")
    until(lambda: records(collector, "firstfix.incident"), "an incident")
    sent = json.dumps(collector.of("/v1/logs"))
    assert "hashed:" in sent and "/srv/models" not in sent and "the end of hashed:" in sent
    host = platform.node()
    assert f'"{host}"' not in sent and str(tmp_path) not in sent and sys.executable not in sent
    assert marks(collector, "firstfix.incident")[0] == marks(collector, "firstfix.facts")[0]
