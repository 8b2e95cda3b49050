"""Two back ends, one answer: the same records in SQLite and in ClickHouse's own engine (PyPI: chdb), asked by the same
program; and a real Collector, built of fleet/collector, between the workers and both.
"""

import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "python")]

from agent_client import until  # noqa: E402
from fleet_records import (  # noqa: E402
    HOUR, facts, incident, mark_of, not_of_the_contract, record, request, start, write,
)
from fleet_server import FleetServer  # noqa: E402
from python_libraries import environment, hooks, pip  # noqa: E402,F401

PACKAGES = ["chdb==4.4.0"]
BUILDER = "go.opentelemetry.io/collector/cmd/builder@v0.161.0"
BUILD_S = 1500
COLUMNS = "(Timestamp, Body, ResourceAttributes, LogAttributes, EventName)"
BEGAN = int(time.time()) // 3600 * HOUR - 70 * HOUR  # tables forget what is old


def made_up(workers=300):
    """Two fleets with missing facts, restarts with other facts, two failures, counters that skip, what comes twice, and
    a worker of which only the failure is known.
    """
    rng = random.Random(15)
    for n in range(workers):
        flat = {"driver.version": rng.choice(["535.54.03", "550.54.15", "550.90.07", "560.35.03"])}
        flat |= {f"plain.{i}": f"v{rng.randrange(2 + i % 4)}" for i in range(20)}
        flat |= {"env.ODD": "it's \\ \t\"odd\" \u00e4\n"} if n % 9 == 0 else {}
        flat = {k: v for k, v in flat.items() if rng.random() > 0.2}
        newer = flat | {"plain.0": "v9"}
        mark, at = mark_of(flat), BEGAN + n * 1000
        records = [facts(at, flat, mark), start(at + 5000, mark)]
        if rng.random() < (0.8 if flat.get("driver.version", "9") < "550.90" else 0.02):
            records += [incident(at + HOUR, mark, firstfix__incident__fix="update the driver")]
            records += [incident(at + 2 * HOUR, mark, count=2 + n % 3)] * 2
        if n % 4 == 0:
            records += [facts(at + 9 * HOUR, newer, mark_of(newer)), start(at + 9 * HOUR + 1, mark_of(newer))]
        if n % 11 == 0:
            records += [incident(at + 10 * HOUR, mark, "e" * 16, "i2", firstfix__incident__cause="cuda.oom")]
        yield request(
            f"w{n:03}", records, host=f"node-{n // 5}", fleet="paris" if n % 10 else "tokyo",
            **{"container.image.tags": f"2026.{n % 3}"},
        )
    yield request("lost", [incident(BEGAN, None or "0" * 16)], fleet="paris")


def columns(line):
    """What the Collector's exporter for ClickHouse makes of a request."""
    def value(each):
        return str(next(iter(each["value"].values()))) if each["value"] else ""
    for group in json.loads(line).get("resourceLogs", []):
        resource = {each["key"]: value(each) for each in group["resource"].get("attributes", [])}
        for record in (r for scope in group["scopeLogs"] for r in scope["logRecords"]):
            yield json.dumps({
                "Timestamp": int(record["timeUnixNano"]) / 1e9,
                "Body": record.get("body", {}).get("stringValue", ""),
                "ResourceAttributes": resource,
                "LogAttributes": {each["key"]: value(each) for each in record["attributes"]},
                "EventName": record["eventName"],
            })


@pytest.fixture(scope="session")
def engine():
    return environment("chdb", sys.executable, PACKAGES, lambda python: pip(python, *PACKAGES))


@pytest.fixture
def clickhouse(engine, tmp_path):
    port = tmp_path / "port"
    words = [engine, HERE / "clickhouse_server.py", port, tmp_path / "clickhouse", TOP / "fleet/schema.sql"]
    child = subprocess.Popen([str(word) for word in words])
    try:
        until(port.exists, "ClickHouse's engine", 120)
        yield f"http://127.0.0.1:{port.read_text()}/"
    finally:
        child.kill()
        child.wait()


def load(url, lines):
    rows = "\n".join(row for line in lines for row in columns(line))
    query = urllib.parse.quote(f"INSERT INTO otel_logs {COLUMNS} FORMAT JSONEachRow")
    urllib.request.urlopen(urllib.request.Request(f"{url}?query={query}", data=rows.encode(), method="POST")).close()


def ask(firstfix, *words):
    words = [firstfix, "fleet", *words, "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout, done.stderr


def same(firstfix, database, url, fleet):
    answers = [
        [ask(firstfix, *words, *back, "--fleet", fleet) for back in (("--database", database), ("--clickhouse", url))]
        for words in (
            ["top"], ["show", "f"], ["show", "e"], ["explain", "f"], ["explain", "e"], ["show", "0"],
            ["worker", "w011"], ["worker", "w000"], ["worker", "w011", "--failure", "e"], ["worker", "lost"],
            ["worker", "w003", "--failure", "f"], ["worker", "nobody"],
        )
    ]
    for sqlite, other in answers:
        assert sqlite == other
    return json.loads(answers[3][0][1])


def test_both_back_ends_say_the_same(firstfix, clickhouse, tmp_path):
    logs = write(tmp_path / "logs.json", made_up())
    subprocess.run(
        [firstfix, "fleet", "ingest", logs, "--database", tmp_path / "f.db"], check=True, capture_output=True
    )
    load(clickhouse, logs.read_text().splitlines())
    explained = same(firstfix, tmp_path / "f.db", clickhouse, "paris")
    assert explained["separating"][0]["fact"] == "driver.version < 550.90.07"
    assert explained["workers"]["failing_without_facts"] == 1
    same(firstfix, tmp_path / "f.db", clickhouse, "tokyo")
    backs = (("--database", tmp_path / "f.db"), ("--clickhouse", clickhouse))
    pages = [FleetServer(firstfix, *back, errors=tmp_path / f"said-{back[0]}") for back in backs]
    try:
        for path in ("/v1/fleets", "/v1/causes?fleet=paris", "/v1/workers/w011?fleet=paris"):
            first, other = ([json.loads(text) for _, _, text in [page.ask(path)]] for page in pages)
            assert first == other and "error" not in first[0]
    finally:
        for page in pages:
            page.close()
    several = [ask(firstfix, "top", *back) for back in backs]
    assert several[0] == several[1] and several[0][0] == 2 and "tokyo (30 workers)" in several[0][2]


def test_tables_of_another_version_are_refused_with_the_way_out(firstfix, clickhouse):
    """Neither read nor mixed with today's; a new database gets the logs of the old one by the sentence that is said."""
    load(clickhouse, [json.dumps(request("w1", [incident(BEGAN, "a" * 16)]))])
    schema = re.sub(r"^--.*$", "", (TOP / "fleet/schema.sql").read_text(), flags=re.M)
    first = schema.split(";\n")[0]
    rows_of(clickhouse, first)  # today's tables are those of the file
    rows_of(clickhouse, "ALTER TABLE fleet_worker MODIFY COMMENT ''")
    code, _, said = ask(firstfix, "top", "--clickhouse", clickhouse)
    assert code == 2 and "another version" in said and "otel_logs SELECT * FROM fleet.otel_logs" in said
    with pytest.raises(urllib.error.HTTPError) as refused:
        rows_of(clickhouse, first)
    assert "another version" in refused.value.read().decode()
    for statement in ("CREATE DATABASE second", "USE second", *schema.split(";\n")[:-1]):
        rows_of(clickhouse, statement)
    assert "no worker is known" in ask(firstfix, "top", "--clickhouse", clickhouse)[2]
    rows_of(clickhouse, "/**/INSERT INTO second.otel_logs SELECT * FROM fleet.otel_logs")  # no data comes with it
    code, answer, _ = ask(firstfix, "top", "--clickhouse", clickhouse)
    assert code == 0 and json.loads(answer)["workers"] == 1
    rows_of(clickhouse, "USE system")
    code, _, said = ask(firstfix, "top", "--clickhouse", clickhouse)
    assert code == 2 and "no tables of a fleet" in said and "fleet/schema.sql" in said


def ingest(firstfix, database, path):
    words = [firstfix, "fleet", "ingest", path, "--database", database, "--json"]
    return json.loads(subprocess.run(words, check=True, capture_output=True).stdout)


def rows_of(url, query):
    asked = urllib.request.Request(f"{url}?default_format=JSONCompactEachRow", query.encode(), method="POST")
    with urllib.request.urlopen(asked) as answer:
        return [json.loads(line) for line in answer.read().splitlines()]


def test_order_and_what_comes_twice_are_of_no_matter(firstfix, clickhouse, tmp_path):
    """One back end reads what came, the other the same with each request backwards, in another order, and twice."""
    rng, lines = random.Random(3), [json.dumps(each) for each in made_up()]
    other = []
    for line in lines * 2:
        each = json.loads(line)
        each["resourceLogs"][0]["scopeLogs"][0]["logRecords"].reverse()
        other.append(json.dumps(each))
    rng.shuffle(other)
    for name, first, second in (("a", lines, other), ("b", other, lines)):
        (tmp_path / name).write_text("\n".join(first) + "\n")
        ingest(firstfix, tmp_path / f"{name}.db", tmp_path / name)
    load(clickhouse, other)
    for words in (["top"], ["explain", "f"], ["worker", "w011"], ["show", "f"]):
        backs = (["--database", tmp_path / "a.db"], ["--database", tmp_path / "b.db"], ["--clickhouse", clickhouse])
        first, *rest = (json.loads(ask(firstfix, *words, *back, "--fleet", "paris")[1]) for back in backs)
        for each in rest:
            each["worker"] = first.get("worker")  # of a failure: whose exemplar came first
            assert each == {"worker": None, **first}, words


def test_what_is_not_of_the_contract_passes_no_view(clickhouse):
    """With a good record beside each, for a test of what does not arrive would not see that nothing does."""
    for n, (bad, _) in enumerate(not_of_the_contract(BEGAN)):
        load(clickhouse, [json.dumps(bad), json.dumps(request(f"good-{n}", [start(BEGAN, "b" * 16)]))])
    workers = rows_of(clickhouse, "SELECT DISTINCT worker FROM fleet_worker")
    assert sorted(workers) == sorted([f"good-{n}"] for n in range(len(not_of_the_contract(BEGAN))))
    for table in ("fleet_set", "fleet_chunk", "fleet_telling", "fleet_failure"):
        assert rows_of(clickhouse, f"SELECT count() FROM {table}") == [[0]], table


def test_clocks_that_are_days_off_count_as_of_the_arrival(clickhouse):
    ahead, mark = int(time.time() * 1000) + 72 * HOUR, "a" * 16
    lines = [request("ahead", [incident(ahead, mark)]), request("unset", [start(5000, mark)]),
             request("good", [start(BEGAN, mark)])]
    before = int(time.time() * 1000)
    load(clickhouse, map(json.dumps, lines))
    last = dict(rows_of(clickhouse, "SELECT worker, last FROM fleet_worker"))
    assert last.pop("good") == BEGAN and set(last) == {"ahead", "unset"}
    assert all(before <= at <= int(time.time() * 1000) + 600_000 for at in last.values())


def test_a_key_that_comes_twice_has_its_first_value(clickhouse):
    body = '{"driver.version": "550.54.15", "driver.version": "570.86.10", "torch.version": "2.6.0"}'
    facts_twice = record("firstfix.facts", BEGAN, body, firstfix__facts__hash="a" * 16)
    load(clickhouse, [json.dumps(request("w1", [facts_twice]))])
    assert rows_of(clickhouse, "SELECT key, value FROM fleet_chunk WHERE key != 'firstfix.worker' ORDER BY key") == [
        ["driver.version", "550.54.15"], ["torch.version", "2.6.0"],
    ]


def test_a_key_with_a_value_for_everybody_is_said_and_not_compared(firstfix, clickhouse):
    lines = []
    for n in range(5000):
        flat = {"env.REQUEST_ID": f"r-{n}", "driver.version": "550.54.15" if n % 50 == 0 else "570.86.10"}
        records = [facts(BEGAN, flat, mark_of(flat))]
        records += [incident(BEGAN + HOUR, mark_of(flat))] if n % 50 == 0 else []
        lines.append(json.dumps(request(f"w{n}", records)))
    load(clickhouse, lines)
    code, answer, _ = ask(firstfix, "explain", "f", "--clickhouse", clickhouse)
    answer = json.loads(answer)
    assert code == 0 and answer["separating"][0]["fact"].startswith("driver.version")
    assert answer["left_out"] == [{"key": "env.REQUEST_ID", "values": 5000, "dropped": 5000}]
    assert answer["tested"]["facts"] < 100 and answer["left_out_more"] == 0


def test_workers_that_share_nothing_are_counted_and_said(firstfix, clickhouse):
    """Every key a worker's own, and among them the fact that separates: it is found, and what is left out is said."""
    rng, lines = random.Random(8), []
    for n in range(400):
        flat = {f"own.{rng.randrange(1 << 60):x}": f"{rng.randrange(1 << 60):x}" for _ in range(100)}
        flat["driver.version"] = "550.54.15" if n % 10 == 0 else "570.86.10"
        records = [facts(BEGAN, flat, mark_of(flat))]
        records += [incident(BEGAN + HOUR, mark_of(flat))] if n % 10 == 0 else []
        lines.append(json.dumps(request(f"w{n}", records)))
    load(clickhouse, lines)
    code, answer, _ = ask(firstfix, "explain", "f", "--clickhouse", clickhouse)
    answer = json.loads(answer)
    assert code == 0 and answer["separating"][0]["fact"].startswith("driver.version")
    assert len(answer["left_out"]) == 100 and answer["left_out_more"] == 400 * 100 + 1 - 20_000 - 100


def test_every_panel_of_the_dashboard_has_an_answer(clickhouse, tmp_path):
    load(clickhouse, write(tmp_path / "logs.json", made_up()).read_text().splitlines())
    board = json.loads((TOP / "fleet/grafana.json").read_text())
    queries = [each["query"] for each in board["templating"]["list"] if each["type"] == "query"]
    queries += [each["rawSql"] for panel in board["panels"] for each in panel["targets"]]
    values = {"${fleet:sqlstring}": "'paris'", "${fingerprint:sqlstring}": f"'{'f' * 16}'", "$__from": str(BEGAN)}
    values["$__to"] = str(BEGAN + 100 * HOUR)
    for query in queries:
        for name, value in values.items():
            query = query.replace(name, value)
        assert "$" not in query
        asked = urllib.request.Request(f"{clickhouse}?default_format=JSONEachRow", query.encode(), method="POST")
        with urllib.request.urlopen(asked) as answer:
            assert answer.read().strip(), query


@pytest.fixture(scope="session")
def collector_program(tmp_path_factory):
    """Built once by the official builder into the cache, which takes minutes."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    config = TOP / "fleet/collector/builder.yaml"
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "firstfix/collector"
    program = cache / ("fleet-" + hashlib.sha256(config.read_bytes()).hexdigest()[:16])
    if program.exists():
        return program
    if not go or not os.environ.get("FIRSTFIX_BIG_WHEELS"):
        pytest.skip("THE COLLECTOR OF A FLEET IS NOT TESTED: that takes go, and FIRSTFIX_BIG_WHEELS=1 to build it")
    folder = tmp_path_factory.mktemp("builder")
    done = subprocess.run(
        [go, "run", BUILDER, "--config", str(config)],
        cwd=folder, capture_output=True, text=True, check=False, timeout=BUILD_S,
        env=os.environ | {"GOTOOLCHAIN": "local"},
    )
    if done.returncode and "requires go" in done.stderr:
        pytest.skip(f"THE COLLECTOR OF A FLEET IS NOT TESTED: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stderr[-3000:]
    cache.mkdir(parents=True, exist_ok=True)
    made = program.with_suffix(f".{os.getpid()}")
    shutil.copy2(folder / "firstfix-collector/firstfix-collector", made)
    made.rename(program)
    return program


def test_a_real_collector_keeps_what_a_fleet_needs(firstfix, clickhouse, collector_program, tmp_path):
    """With the configuration that is shipped: its exporter for ClickHouse writes to the engine over HTTP, the one for
    files what SQLite gets.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    records = tmp_path / "records.json"
    env = os.environ | {
        "LISTEN": f"127.0.0.1:{port}", "CLICKHOUSE": clickhouse.rstrip("/"), "RECORDS": str(records),
        "BATCH_TIMEOUT": "200ms",
    }
    with open(tmp_path / "said", "wb") as said:
        child = subprocess.Popen(
            [str(collector_program), "--config", str(TOP / "fleet/collector/config.yaml")], env=env,
            stdout=subprocess.DEVNULL, stderr=said,
        )

    def listens():
        assert child.poll() is None, (tmp_path / "said").read_text()[-2000:]
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def taken():
        return sum(len(list(columns(line))) for line in records.read_text().splitlines() if line.endswith("}"))

    def written():
        return rows_of(clickhouse, "SELECT count() FROM otel_logs")[0][0]
    requests = list(made_up(60))
    sent = sum(len(list(columns(json.dumps(each)))) for each in requests)
    requests[0]["resourceLogs"][0]["scopeLogs"][0]["logRecords"].append({"eventName": "http", "timeUnixNano": "1"})
    try:
        until(listens, "a Collector that listens", 60)
        for each in requests:
            urllib.request.urlopen(urllib.request.Request(
                f"http://127.0.0.1:{port}/v1/logs", json.dumps(each).encode(), {"Content-Type": "application/json"}
            )).close()
        until(lambda: taken() == sent, "all records in the file", 60)
        until(lambda: written() == sent, "all records in ClickHouse", 60)
    except AssertionError as late:
        raise AssertionError((tmp_path / "said").read_text()[-3000:]) from late
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait(30)
    words = [firstfix, "fleet", "ingest", records, "--database", tmp_path / "f.db", "--json"]
    done = subprocess.run(words, check=True, capture_output=True)
    answer = json.loads(done.stdout)
    assert answer["other"] == 0 and answer["facts"] == sum(1 + (n % 4 == 0) for n in range(60))
    same(firstfix, tmp_path / "f.db", clickhouse, "paris")
