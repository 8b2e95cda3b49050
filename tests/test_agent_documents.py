"""/v1/...: the documents of the contract over HTTP, the stream of events, the description."""
import contextlib
import http.client
import json
import os
import sqlite3
import subprocess
import sys
import threading
import urllib.parse

import secret_lines
from agent_client import WORKER, until

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "python"))

from python_worker import hooks  # noqa: E402,F401 (found through the path set above)

TOKEN = "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH"


def get(agents, path, status=200):
    code, headers, body = agents.ask(path, timeout=60)
    assert (code, headers["content-type"]) == (status, "application/json"), body
    return json.loads(body)


def test_requests(agents):
    worker = agents.run(WORKER)
    for line in ("request one", "fail two", f"request {TOKEN}", "begin three"):
        agents.tell(worker, line)
    doc = agents.wait_for_work("three")
    assert doc["schema"] == "firstfix.requests/1" and doc["totals"] == {
        "ok": 2,
        "error": 1,
        "cancelled": 0,
        "killed": 0,
        "refused": 0,
    }
    assert doc["errors"] == [{"type": "ValueError", "count": 1}] and doc["last_minute"]["requests"] == 3
    assert doc["tokens"] == {"input": 6, "output": 10} and sum(doc["per_second"]) == 3 and len(doc["per_second"]) == 60
    assert [r["id"] for r in doc["in_flight"]] == ["three"] and doc["in_flight"][0]["for_ms"] >= 0
    assert {r.get("error_type") for r in doc["slowest"]} == {None, "ValueError"}
    assert TOKEN not in json.dumps(doc) and "[masked:" in json.dumps(doc)
    assert doc["concurrency"][0]["at_once"] == "1" and "contention" not in doc


CONTENDED = """
import firstfix, threading, time
def work(seconds):
    with firstfix.request(): time.sleep(seconds)
for _ in range(40): work(0.005)
for _ in range(3):
    many = [threading.Thread(target=work, args=(1,)) for _ in range(6)]
    [t.start() for t in many]; [t.join() for t in many]
time.sleep(600)
"""


def test_contention_is_said(agents):
    agents.gpus()
    agents.run(CONTENDED)
    doc = until(
        lambda: (d := get(agents, "/v1/requests")).get("contention") and d["totals"]["ok"] == 58 and d, "contention"
    )
    assert doc["contention"].startswith(("at 3-4 at once p95 is ", "at 5-8 at once p95 is ")), doc["contention"]


def test_report_and_check_are_those_of_the_commands(agents):
    agents.gpus()
    worker = agents.run(WORKER)
    report = get(agents, "/v1/report")
    assert report["schema"] == "firstfix.facts/1" and report["gpus"][0]["name"] == "NVIDIA GeForce RTX 5090"
    assert report["process"]["pid"] != worker.pid and "python" in report
    check = get(agents, "/v1/check")
    assert check["schema"] == "firstfix.diagnosis/1"
    said = subprocess.run(
        [agents.firstfix, "check", "--json"], env=agents.env, capture_output=True, text=True, check=False
    ).stdout
    assert [d["cause"] for d in check["diagnoses"]] == [d["cause"] for d in json.loads(said)["diagnoses"]]


def test_many_ask_for_a_report_at_once_and_nobody_is_held_up(agents):
    agents.gpus(lambda s: s.update(behave={"nvmlDeviceGetCount_v2": "hang"}))  # costs the report its deadline
    agents.run(WORKER)
    got = []
    askers = [threading.Thread(target=lambda: got.append(get(agents, "/v1/report")["schema"])) for _ in range(8)]
    for asker in askers:
        asker.start()
    assert agents.ask("/livez", timeout=3)[0] in (200, 503)
    for asker in askers:
        asker.join()
    assert got == ["firstfix.facts/1"] * 8


def test_incidents(agents):
    worker = agents.run(WORKER)
    assert get(agents, "/v1/incidents")["incidents"] == []
    agents.tell(worker, "fail one")
    rows = until(lambda: get(agents, "/v1/incidents")["incidents"], "an incident")
    shown = subprocess.run(
        [agents.firstfix, "incidents", "show", "--json", rows[0]["id"]],
        env=agents.env,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    doc = get(agents, "/v1/incidents/" + rows[0]["id"])
    assert doc == json.loads(shown) and doc["schema"] == "firstfix.incident/1"
    for wrong in ("zzz", "..%2f..%2fetc", "a/b", "%00", "x" * 99):
        assert get(agents, "/v1/incidents/" + wrong, 400 if len(wrong) > 80 else 404)["error"]


def test_thousands_of_incidents(agents):
    worker = agents.run(WORKER)
    agents.tell(worker, "fail one")
    until(lambda: get(agents, "/v1/incidents")["incidents"], "an incident")
    script = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
row = db.execute("select * from incident").fetchone()
names = [d[0] for d in db.execute("select * from incident").description]
for i in range(3000):
    new = dict(zip(names, row), id="%016x" % i, fingerprint="%016x" % i,
        first_seen="2020-01-01T00:00:00.000Z", last_seen="2020-01-01T00:00:00.000Z")
    db.execute(f"insert into incident({','.join(new)}) values ({','.join('?' * len(new))})", list(new.values()))
db.commit()
"""
    subprocess.run([sys.executable, "-c", script, str(agents.state / "firstfix.db")], check=True)
    assert (
        len(until(lambda: (r := get(agents, "/v1/incidents")["incidents"]) and len(r) > 3000 and r, "all of them"))
        == 3001
    )
    newest = get(agents, "/v1/incidents?newest=7")
    assert newest["total"] == 3001 and len(newest["incidents"]) == 7 and newest["incidents"][0]["id"] != "%016x" % 0
    for wrong in ("0", "x", "-1", "12345", "1;2"):
        assert "newest wants" in get(agents, "/v1/incidents?newest=" + wrong, 400)["error"]

    def stored():
        return sum(v for k, v in agents.metrics().items() if k.startswith("firstfix_incidents_stored"))
    until(lambda: stored() >= 3001, "all of them counted")
    assert agents.ask("/livez", timeout=3)[0] == 200


def test_events(agents):
    worker = agents.run(WORKER)
    agents.tell(worker, f"request {TOKEN}")
    names = until(
        lambda: (n := [e["event.name"] for e in get(agents, "/v1/events")["events"]])
        and "firstfix.phase.end" in n
        and n,
        "its end",
    )
    assert names[0] == "firstfix.process.start" and "firstfix.phase.begin" in names
    assert TOKEN not in json.dumps(get(agents, "/v1/events"))
    assert get(agents, "/v1/events?since=2100-01-01T00:00:00Z")["events"] == []
    assert len(get(agents, "/v1/events?since=1h")["events"]) >= 3
    for wrong in ("x", "-1s", "9999999999999", "5w", ""):
        assert "since wants" in get(agents, "/v1/events?since=" + wrong, 400)["error"]


class Stream:
    """Server-sent events as they come."""

    def __init__(self, agents):
        at = urllib.parse.urlsplit(agents.url)
        self.connection = http.client.HTTPConnection(at.hostname, at.port, timeout=30)
        self.connection.request("GET", "/v1/events", headers={"Accept": "text/event-stream"})
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200 and self.answer.headers["content-type"] == "text/event-stream"
        self.next()

    def next(self):
        """(event, data) of the next message."""
        got = {}
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            if not line:
                if got.keys() - {"retry"}:
                    return got["event"], json.loads(got["data"])
                if got:
                    return None
                continue
            key, _, value = line.partition(": ")
            got[key] = value


def test_the_stream(agents):
    worker = agents.run(WORKER)
    agents.tell(worker, "request before")
    agents.state_is("ready")
    streams = [Stream(agents) for _ in range(16)]
    assert agents.ask("/v1/events", Accept="text/event-stream")[0] == 503  # the 17th
    agents.tell(worker, f"begin {TOKEN}")
    for stream in streams:
        name, data = stream.next()
        assert (name, data["event.name"]) == ("firstfix.event", "firstfix.phase.begin") and TOKEN not in json.dumps(
            data
        )
        name, data = stream.next()
        assert (name, data["state"]) == ("firstfix.health", "busy")
        stream.connection.close()
    agents.tell(worker, f"end {TOKEN}")  # to nobody
    until(lambda: agents.ask("/v1/health")[0] == 200 and "busy" not in agents.ask("/v1/health")[2], "the end")


def test_the_description_lists_every_path(agents):
    agents.run(WORKER)
    doc = get(agents, "/openapi.json")
    assert doc["openapi"].startswith("3.0") and {"/livez", "/metrics", "/v1/incidents/{id}"} <= doc["paths"].keys()
    for path in doc["paths"]:
        if "{" not in path:
            status = agents.ask(path, timeout=60)[0]
            assert status in (200, 503) or str(status) in doc["paths"][path]["get"]["responses"] and status == 404, path


def test_changes_are_those_of_the_same_command(agents):
    def start(script, **env):
        agents.env |= env
        return agents.run(script, "--good-after", "1", "--report", "brief")

    def noted(n):
        """So many starts are on record as good."""
        with contextlib.closing(sqlite3.connect(agents.state / "firstfix.db")) as db:
            return db.execute("select count(*) from good_start").fetchone()[0] >= n

    def good(n):
        with contextlib.suppress(sqlite3.Error):
            return noted(n)
    ours, theirs = WORKER, WORKER + "\n# another one"
    first = start(ours, CUDA_VISIBLE_DEVICES="0")
    until(lambda: good(1), "a good start of ours")
    until(lambda: agents.ask("/v1/changes")[0] == 200, "what changed since")
    agents.tell(first, "exit 0")
    first.wait(30)
    other = start(theirs, CUDA_VISIBLE_DEVICES="7")
    until(lambda: len(list((agents.state / "reports").glob("*.json"))) == 2, "its start-up report")
    asked = agents.ask("/v1/changes")[0]
    assert asked == 404 or good(2)  # of this command none was good when it was asked
    until(lambda: good(2), "a good start of theirs")
    agents.tell(other, "exit 0")
    other.wait(30)
    start(ours, CUDA_VISIBLE_DEVICES="0")
    body = until(lambda: (got := agents.ask("/v1/changes"))[0] == 200 and got[2], "what changed since")
    assert "CUDA_VISIBLE_DEVICES" not in body


LEAKY = """
import firstfix, json, os, sys, time
for line in json.load(open(os.environ["LINES"])):
    firstfix.event("said", text=line)
    try:
        with firstfix.request(id=line[:200], model=line[:200]): raise ValueError(line)
    except ValueError: pass
print("told", flush=True)
time.sleep(600)
"""


def test_no_secret_leaves(agents, tmp_path):
    """Every form of secret through what a worker says, its requests, models, errors and variables."""
    lines = secret_lines.secrets(5)
    (tmp_path / "lines").write_text(json.dumps([line for _, line, _ in lines]))
    agents.env |= {"LINES": str(tmp_path / "lines")}
    agents.env |= {f"HF_ACME_{i}": line for i, (_, line, _) in enumerate(lines)}
    agents.run(LEAKY)
    until(lambda: get(agents, "/v1/requests")["totals"]["error"] == len(lines), "the failed requests", 120)
    texts = [agents.ask(path, timeout=60)[2] for path in ("/metrics", "/v1/requests", "/v1/health", "/v1/report")]
    texts += [agents.ask(path, timeout=60)[2] for path in ("/v1/incidents", "/readyz?verbose", "/v1/changes")]
    since, position = [], ""
    while True:
        text = agents.ask(f"/v1/events{position}", timeout=60)[2]
        since.append(text)
        document = json.loads(text)
        if not document["events"] or not document.get("next") or len(since) > 200:
            break
        position = "?since=" + urllib.parse.quote(str(document["next"]))
    texts = [text if isinstance(text, str) else text.decode() for text in texts + since]
    assert any("[masked:" in text for text in since)
    leaked = [
        text[max(text.index(part[:20]) - 60, 0):][:120]
        for _, _, parts in lines for part in parts for text in texts if part[:20] in text
    ]
    assert leaked == []
