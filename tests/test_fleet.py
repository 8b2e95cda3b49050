"""firstfix fleet: what is taken of many workers, what is refused, and that each is counted."""

import contextlib
import http.server
import json
import os
import random
import sqlite3
import struct
import subprocess
import sys
import threading

import pytest
from fleet_records import HOUR, T0, facts, incident, mark_of, not_of_the_contract, record, request, start, write

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "python"))

from python_worker import hooks  # noqa: E402,F401 (found through the path set above)

FLAT = {"driver.version": "550.54.15", "torch.version": "2.6.0+cu124"}
MARK = mark_of(FLAT)


@pytest.fixture
def fleet(firstfix, tmp_path):
    def run(*words, code=0, database="fleet.db"):
        done = subprocess.run(
            [firstfix, "fleet", *map(str, words), "--database", tmp_path / database, "--json"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        run.stderr = done.stderr
        return json.loads(done.stdout) if done.stdout else None

    run.rows = lambda sql, database="fleet.db": sqlite3.connect(tmp_path / database).execute(sql).fetchall()
    return run


def counted(answer):
    return {k: v for k, v in answer.items() if k not in ("schema", "contradicting") and v}


def life(worker, **names):
    return request(
        worker, [facts(T0, FLAT, MARK), start(T0 + 1000, MARK), incident(T0 + HOUR, MARK)], host="n1", **names
    )


def test_records_are_taken_once_whatever_their_order(fleet, tmp_path):
    whole = life("w1")
    records = whole["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    backwards = request("w2", records[::-1], host="n1")
    file = write(tmp_path / "logs.json", [whole, backwards])
    assert counted(fleet("ingest", file)) == {"facts": 2, "starts": 2, "incidents": 2, "files": 1}
    assert counted(fleet("ingest", file)) == {"duplicates": 6, "files": 1}
    assert fleet.rows("select name, host, first_seen, last_seen from worker order by 1") == [
        ("w1", "n1", T0, T0 + HOUR),
        ("w2", "n1", T0, T0 + HOUR),
    ]
    assert fleet.rows("select count(*), count(pairs), count(distinct pairs) from fact_set") == [(2, 2, 1)]
    assert fleet.rows("select n, first_at, facts is not null from hit") == [(1, T0 + HOUR, 1)] * 2


def test_a_counter_tells_of_what_was_lost(fleet, tmp_path):
    late = [incident(T0 + n * HOUR, MARK, count=n) for n in (5, 2, 3)]
    answer = fleet("ingest", write(tmp_path / "logs.json", [request("w1", late)]))
    assert counted(answer) == {"incidents": 3, "files": 1}
    assert fleet.rows("select n, first_at, last_at from hit") == [(5, T0 + 2 * HOUR, T0 + 5 * HOUR)]


def test_what_contradicts_is_counted_and_the_first_stays(fleet, tmp_path):
    first = request("w1", [incident(T0, MARK)])
    other = request("w1", [incident(T0, MARK, fingerprint="e" * 16)])
    answer = fleet("ingest", write(tmp_path / "logs.json", [first, other]))
    assert (answer["incidents"], answer["contradicting"]) == (1, 1)
    assert fleet.rows("select fingerprint from hit join failure on failure.id = failure") == [("f" * 16,)]


def test_clocks_that_are_days_off(fleet, tmp_path):
    ahead = request("w1", [incident(T0 + 10**11, MARK), incident(T0 - 3 * 10**11 - T0, MARK, name="i2")])
    unset = request("w2", [incident(1000, MARK)])
    late = [request("w3", [start(T0 + 72 * HOUR, MARK), start(T0, MARK)])]
    answer = fleet("ingest", write(tmp_path / "logs.json", [ahead, unset, *late]))
    assert (answer["clock_ahead"], answer["clock_unset"], answer["late"]) == (1, 1, 1)
    assert answer["refused_fields"] == 1  # a time before the epoch is none
    newest = fleet.rows("select max(last_at) from hit")[0][0]
    assert newest < T0 + 10**11


@pytest.mark.parametrize(("bad", "counter"), not_of_the_contract(T0))
def test_what_is_not_of_the_contract(fleet, tmp_path, bad, counter):
    answer = fleet("ingest", write(tmp_path / "logs.json", [bad]))
    assert counted(answer) == {counter: 1, "files": 1}
    assert fleet.rows("select count(*) from worker") == [(0,)]


def test_half_written_and_broken_files(fleet, tmp_path):
    whole = json.dumps(life("w1"))
    (tmp_path / "half.json").write_text(whole + "\n" + whole[: len(whole) // 2])
    (tmp_path / "broken.json").write_text("{nonsense\n" + json.dumps(life("w2")) + "\n")
    (tmp_path / "half.tar.zst").write_bytes(b"\x28\xb5\x2f\xfd" + b"\0" * 20)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "long.json").write_text('{"a": "' + "x" * (17 << 20) + '"}\n' + json.dumps(life("w3")) + "\n")
    answer = fleet("ingest", tmp_path)
    for name in ("cut", "broken", "too_long", "files_unread"):
        assert answer[name] == 1, name
    assert answer["facts"] == 3 and answer["files_other"] >= 1
    assert "half.tar.zst" in fleet.stderr and "picture.png" in fleet.stderr
    fleet("ingest", tmp_path / "nothing-here", code=2)


def test_a_key_with_a_value_for_everybody_is_bounded(fleet, tmp_path):
    lines = []
    for n in range(6000):
        flat = {"env.REQUEST_ID": f"r-{n}", "driver.version": "550.54.15"}
        lines.append(request(f"w{n}", [facts(T0, flat, mark_of(flat))], host=f"h{n}"))
    answer = fleet("ingest", write(tmp_path / "logs.json", lines))
    assert answer["values_dropped"] == 6000 - 4096 and answer["facts"] == 6000
    assert fleet.rows("select name, n, dropped from fact_key order by 1") == [
        ("driver.version", 1, 0),
        ("env.REQUEST_ID", 4096, 1904),
        ("host.name", 6000, 0),
    ]


def test_workers_that_share_nothing_are_bounded(fleet, tmp_path):
    """A value of its own for every fact of every worker: more statements than are kept, and still the one that counts;
    behind the most values that a database holds nothing more is kept, and that is said.
    """
    requests, rng = [], random.Random(5)
    for n in range(1500):
        flat = {f"python.packages.p{i}.version": f"{rng.randrange(10**6)}.{rng.randrange(9)}" for i in range(120)}
        flat["driver.version"] = "535.1" if n % 10 == 0 else "550.2"
        records = [facts(T0, flat, mark_of(flat))] + ([incident(T0 + HOUR, mark_of(flat))] if n % 10 == 0 else [])
        requests.append(request(f"w{n}", records))
    counts = fleet("ingest", write(tmp_path / "logs.json", requests))
    assert counts["values_dropped"] == 0
    answer = fleet("explain", "f")
    assert answer["tested"]["facts"] > 120 * 1400 * 2
    assert [each["fact"] for each in answer["separating"]] == ["driver.version = 535.1"]
    with contextlib.closing(sqlite3.connect(tmp_path / "fleet.db")) as database, database:
        database.execute("insert into pair(id, key, value) values(4194303, 999999, 'of somebody else')")
    more = {f"more.{i}": "x" for i in range(50)}
    counts = fleet("ingest", write(tmp_path / "more.json", [request("late", [facts(T0, more, mark_of(more))])]))
    assert counts["values_dropped"] == 49
    left = fleet("explain", "f")["left_out"]
    assert len(left) == 49 and all(each["dropped"] == 1 for each in left)


def test_a_key_that_comes_twice_is_counted_and_the_first_stays(fleet, tmp_path):
    body = '{"driver.version": "550.54.15", "driver.version": "570.86.10", "torch.version": "2.6.0"}'
    facts_twice = record("firstfix.facts", T0, body, firstfix__facts__hash=MARK)
    answer = fleet("ingest", write(tmp_path / "logs.json", [request("w1", [facts_twice])]))
    assert answer["facts"] == 1 and answer["contradicting"] == 2  # the hash is not that of these facts either
    assert fleet.rows("select name, value from pair join fact_key on fact_key.id = key order by 1") == [
        ("driver.version", "550.54.15"), ("torch.version", "2.6.0"),
    ]


@pytest.mark.parametrize("body", [
    '{"driver.version": "550\\u002e54.15", "env.A": "\u00e4\\n\\"x\\""}',
    ' {"driver.version" :\n"550.54.15","env.A":"\\u00e4\\n\\"x\\""} ',
])
def test_facts_in_any_form_of_json_are_the_same(fleet, tmp_path, body):
    escaped = record("firstfix.facts", T0, body, firstfix__facts__hash=MARK)
    plain = record("firstfix.facts", T0, '{"driver.version":"550.54.15"}', firstfix__facts__hash=MARK)
    fleet("ingest", write(tmp_path / "logs.json", [request("w1", [escaped]), request("w2", [plain])]))
    assert fleet.rows("select name, value from pair join fact_key on fact_key.id = key order by 1") == [
        ("driver.version", "550.54.15"), ("env.A", "\u00e4\n\"x\""),
    ]


def test_two_fleets_are_kept_apart(fleet, tmp_path):
    lines = [life("w1", fleet="paris"), life("w1", fleet="tokyo")]
    fleet("ingest", write(tmp_path / "logs.json", lines))
    assert fleet.rows("select count(*) from worker") == [(2,)] and fleet.rows("select count(*) from failure") == [(2,)]
    fleet("ingest", tmp_path / "logs.json", "--fleet", "berlin")
    assert fleet.rows("select name from fleet order by 1") == [("berlin",), ("paris",), ("tokyo",)]


def test_state_folders_and_bundles_of_real_workers(agents, fleet, tmp_path):
    for worker in ("gpu-1", "gpu-2"):
        env = {**agents.env, "FIRSTFIX_DIR": str(tmp_path / "workers" / worker)}
        def life(script, good_after, env=env):
            words = [agents.firstfix, "run", "--good-after", str(good_after), "--", "python3", "-c", script]
            subprocess.run(words, env=env, capture_output=True, check=False)
        life("raise ValueError('no such model')", 1)
        database = sqlite3.connect(tmp_path / "workers" / worker / "firstfix.db")
        for seconds in (2, 6, 15):  # a start is good only with its report, which a loaded machine makes late
            life(f"import time; time.sleep({seconds + 1})", seconds)
            if database.execute("select count(*) from good_start").fetchone()[0]:
                break
        database.close()
        bundle = tmp_path / f"{worker}.tar.zst"
        subprocess.run([agents.firstfix, "bundle", "last", "-o", bundle], env=env, capture_output=True, check=True)
    link = tmp_path / "link"
    link.symlink_to("workers")
    answer = fleet("ingest", link)
    assert (answer["incidents"], answer["starts"], answer["files"]) == (2, 2, 2)
    again = fleet("ingest", tmp_path / "gpu-1.tar.zst", tmp_path / "gpu-2.tar.zst")
    assert again["incidents"] == 0 and again["duplicates"] >= 2
    assert fleet.rows("select name from worker order by 1") == [("gpu-1",), ("gpu-2",)]
    assert fleet.rows("select count(distinct failure), count(*) from hit") == [(1, 2)]


def rollout(workers=200, broken=lambda n: n % 5 == 0, fails=lambda n: True):
    """A fleet of which every fifth worker has a driver of before 550.90, and fails with it; images change with it but
    for three workers.
    """
    old, new = ["525.60.13", "535.54.03", "535.183.06", "550.54.15"], ["550.90.07", "560.35.03", "570.86.10"]
    for n in range(workers):
        bad = broken(n)
        flat = {
            "driver.version": old[n // 5 % 4] if bad else new[n % 3],
            "gpus.*.name": ["NVIDIA H100", "NVIDIA A100"][n // 3 % 2],
            "env.MODE": str(n // 7 % 4),
        }
        mark = mark_of(flat)
        records = [facts(T0 + n * 60_000, flat, mark), start(T0 + n * 60_000 + 1, mark)]
        if bad and fails(n):
            records += [incident(T0 + HOUR * 5 + n * 1000, mark, firstfix__incident__fix="update the driver")]
            records += [start(T0 + HOUR * 7 + n * 1000, mark)]
        tag = "2025.1" if bad != (n in (1, 2, 3)) else "2025.2"
        yield request(f"w{n:03}", records, host=f"node-{n // 4}", **{"container.image.tags": tag})


def test_top_and_show(fleet, tmp_path, firstfix):
    fleet("ingest", write(tmp_path / "logs.json", rollout()))
    top = fleet("top")
    assert top["workers"] == 200
    [row] = top["failures"]
    assert (row["workers"], row["incidents"], row["cause"]) == (40, 40, "bnb.binary-missing")
    assert (row["lost_worker_hours"], row["recent"], row["before"]) == (80.0, 0, 0)
    assert row["first"] == "2025-06-15T20:06:40.000Z" and row["last"] > row["first"]
    shown = fleet("show", row["fingerprint"][:3])
    assert shown["exemplar"]["fix"] == "update the driver" and shown["worker"].startswith("w")
    assert sum(each["n"] for each in shown["timeline"]) == 40 and len(shown["timeline"]) == 1
    assert shown["hosts"][0]["workers"] == 4 and sum(each["failing"] for each in shown["hosts"]) <= 40
    assert {(each["value"], each["failing"]) for each in shown["images"]} >= {("2025.1", 40)}
    fleet("show", "0123", code=2)
    assert "fleet top" in fleet.stderr
    for verb in (["top"], ["show", "f"], ["explain", "f"]):
        for form in ([], ["--markdown"]):
            done = subprocess.run(
                [firstfix, "fleet", *verb, *form, "--database", tmp_path / "fleet.db"], capture_output=True, text=True,
                check=True,
            )
            assert "bnb.binary-missing" in done.stdout


def test_a_failure_is_shown_that_is_behind_all_that_top_lists(fleet, tmp_path):
    """With what it cost: the starts of its own workers, and no incident of another failure."""
    rare = [incident(T0, MARK, "e" * 16, "i2"), start(T0 + 2 * HOUR, MARK), incident(T0 + 3 * HOUR, MARK, "0" * 16)]
    many = [request(f"w{n}", [incident(T0, MARK, f"{n % 1000:016x}", f"i{n}")]) for n in range(2000)]
    fleet("ingest", write(tmp_path / "logs.json", [*many, request("rare", rare)]))
    listed = {each["fingerprint"]: each for each in fleet("top")["failures"]}
    assert len(listed) == 1000 and "e" * 16 not in listed
    shown = fleet("show", "eee")
    assert (shown["workers"], shown["incidents"], shown["lost_worker_hours"]) == (1, 1, 2.0)
    usual = fleet("show", "0" * 16)
    assert {k: usual[k] for k in listed["0" * 16]} == listed["0" * 16]


def test_what_a_failure_costs(fleet, tmp_path):
    """To the next good start; to the newest that is known of the worker; a day at most."""
    started = request("w1", [incident(T0, MARK), start(T0 + HOUR, MARK), start(T0 + 9 * HOUR, MARK)])
    unknown = request("w2", [incident(T0, MARK), incident(T0 + 3 * HOUR, MARK, "e" * 16, "i2")])
    long = request("w3", [incident(T0, MARK), start(T0 + 100 * HOUR, MARK)])
    before = request("w4", [start(T0 - HOUR, MARK), incident(T0, MARK)])
    fleet("ingest", write(tmp_path / "logs.json", [started, unknown, long, before]))
    lost = {each["fingerprint"]: each["lost_worker_hours"] for each in fleet("top")["failures"]}
    assert lost == {"f" * 16: 1 + 3 + 24 + 0, "e" * 16: 0}


def test_explain_says_what_was_not_answered(firstfix, tmp_path):
    """ClickHouse answers what it is asked first; names and times are refused."""
    counted = [{"key": "driver.version", "value": v, "failing": n[1], "others": n[0]}
               for v, n in (("550", (0, 40)), ("570", (160, 0)))]
    bits = b"".join(struct.pack("<QBQQ", n + 1, n < 40, 3 * (n < 40), 3) for n in range(200))
    told = {
        "system.tables": [{"asked": "default", "said": "firstfix fleet 2", "n": 1}],
        "AS name, uniqExact(id) AS workers": [{"name": "default", "workers": 200}],
        "AS exemplar": [{"fingerprint": "f" * 16, "cause": "x.y", "title": "t", "exemplar": None, "worker": None}],
        "with_facts": [{"failing": hit, "with_facts": 1, "n": 40 if hit else 160} for hit in (0, 1)],
        "AS failing, sum(c.others)": counted,
        "FORMAT RowBinary": bits,
        "AS dropped": [],
    }

    class Server(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            query = self.rfile.read(int(self.headers["Content-Length"])).decode()
            rows = next((rows for part, rows in told.items() if part in query), None)
            self.send_response(500 if rows is None else 200)
            self.end_headers()
            if isinstance(rows, list):
                rows = "\n".join(map(json.dumps, rows)).encode()
            self.wfile.write(b"too busy" if rows is None else rows)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        ask = [firstfix, "fleet", "explain", "f", "--clickhouse", url]
        answer = json.loads(subprocess.run([*ask, "--json"], capture_output=True, check=True).stdout)
        page = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
        server.shutdown()
    assert answer["separating"][0]["fact"] == "driver.version = 550"
    missed = {each["question"]: each["why"] for each in answer["not_answered"]}
    assert set(missed) == {"names of workers", "when workers got the fact"}
    assert all("too busy" in why for why in missed.values()) and "too busy" in page


def test_explain_names_the_threshold(fleet, tmp_path):
    fleet("ingest", write(tmp_path / "logs.json", rollout()))
    answer = fleet("explain", "f" * 16)
    assert answer["workers"] == {
        "failing": 40, "others": 160, "failing_without_facts": 0, "others_without_facts": 0
    }
    [first] = answer["separating"]
    assert first["fact"] == "driver.version < 550.90.07"
    assert (first["failing"], first["others"]) == ({"with": 40, "of": 40}, {"with": 0, "of": 160})
    assert first["try"]["value"] in ("550.90.07", "560.35.03", "570.86.10") and first["try"]["worker"] == "w000"
    [came] = first["rollout"]
    assert came["failed_before"] == 0 and came["onset"] == "2025-06-15T20:06:40.000Z"


def test_explain_names_what_cannot_be_told_apart(fleet, tmp_path):
    """Of the workers with the driver only a third fails: that three with the image alone do not says little."""
    fleet("ingest", write(tmp_path / "logs.json", rollout(fails=lambda n: n // 5 % 3 == 0)))
    [first] = fleet("explain", "f" * 16)["separating"]
    assert first["fact"] == "driver.version < 550.90.07" and first["others"]["with"] == 26
    [same] = [each for each in first["same_as"] if each["fact"].startswith("container.image.tags")]
    assert same["apart"] == 3 and [each["worker"] for each in same["deciding"]] == ["w001", "w002", "w003"]
    assert "3 workers" in same["say"]


def test_explain_claims_nothing_where_nothing_separates(fleet, tmp_path):
    fleet("ingest", write(tmp_path / "logs.json", rollout(broken=lambda n: False)))
    hit = [request(f"w{n:03}", [incident(T0 + HOUR, None)]) for n in range(0, 200, 13)]
    for each in hit:
        attributes = each["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["attributes"]
        attributes[:] = [a for a in attributes if a["key"] != "firstfix.facts.hash"]
    fleet("ingest", write(tmp_path / "hit.json", hit))
    answer = fleet("explain", "f")
    assert answer["separating"] == [] and answer["workers"]["failing"] == 16


def test_healthy_workers_with_the_fact_are_next(fleet, tmp_path):
    lines = list(rollout())
    for n in (0, 5, 10):  # these three have the driver and have not failed yet
        records = lines[n]["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
        records[:] = [r for r in records if r["eventName"] != "firstfix.incident"]
    fleet("ingest", write(tmp_path / "logs.json", lines))
    first = fleet("explain", "f")["separating"][0]
    assert first["next"]["workers"] == 3 and [w["worker"] for w in first["next"]["some"]] == ["w000", "w005", "w010"]


def test_what_is_not_there_is_named_once_with_what_makes_it(fleet, tmp_path):
    fleet("top", code=2)
    assert "fleet.db is not there" in fleet.stderr and "firstfix fleet ingest" in fleet.stderr
    fleet("ingest", tmp_path / "nothing.json", code=2)
    assert fleet.stderr.count("nothing.json") == 1


def test_questions_to_several_fleets_want_a_name(fleet, tmp_path):
    fleet("ingest", write(tmp_path / "logs.json", [life("w1", fleet="paris"), life("w2", fleet="tokyo")]))
    fleet("top", code=2)
    assert "paris (1 worker), tokyo (1 worker)" in fleet.stderr
    assert fleet("top", "--fleet", "tokyo")["failures"][0]["workers"] == 1
    fleet("top", "--fleet", "berlin", code=2)
    fleet("top", code=2, database="none.db")


def test_hostile_texts_stay_texts(fleet, tmp_path, firstfix):
    bad = "'; drop table worker; -- \u202e <script>"
    flat = {"env.A": bad, bad: "x"}
    lines = [request(bad + str(n), [facts(T0, flat, MARK), incident(T0, MARK)], host=bad) for n in range(9)]
    lines += [request(f"w{n}", [facts(T0, {"env.A": "b"}, MARK)]) for n in range(30)]
    fleet("ingest", write(tmp_path / "logs.json", lines))
    assert fleet("explain", "f")["separating"][0]["next"]["workers"] == 0
    done = subprocess.run(
        [firstfix, "fleet", "explain", "f", "--database", tmp_path / "fleet.db"], capture_output=True, text=True,
        check=True,
    )
    assert "\u202e" not in done.stdout and fleet.rows("select count(*) from worker") == [(39,)]
