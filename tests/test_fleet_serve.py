"""firstfix fleet serve: the documents of the page, and who may ask for them. wheels/test_fleet_page.py has the page."""

import json
import subprocess
import urllib.parse

import pytest
from fleet_records import HOUR, T0, facts, incident, mark_of, request, start, write
from fleet_server import FleetServer
from test_fleet import rollout

FAILURE = "f" * 16


def odd():
    """A worker with the driver that fails, a setting that nobody else has, and a name of its own."""
    flat = {"driver.version": "525.60.13", "gpus.*.name": "NVIDIA H100", "env.MODE": "0", "env.LD_PRELOAD": "/x.so"}
    mark = mark_of(flat)
    hit = incident(T0 + 6 * HOUR, mark, firstfix__incident__command="apt-get install driver")
    return request("a/b #1", [facts(T0, flat, mark), start(T0 + 1, mark), hit], host="node-x")


@pytest.fixture
def served(firstfix, tmp_path):
    opened = []
    records = write(tmp_path / "logs.json", [*rollout(), odd()])
    subprocess.run(
        [firstfix, "fleet", "ingest", records, "--database", tmp_path / "fleet.db"], check=True, capture_output=True
    )

    def serve(*options, **env):
        opened.append(
            FleetServer(
                firstfix, "--database", tmp_path / "fleet.db", *options, errors=tmp_path / f"said-{len(opened)}", **env
            )
        )
        return opened[-1]

    yield serve
    for each in opened:
        each.close()


def document(server, path):
    status, headers, text = server.ask(path)
    assert status == 200 and headers["Content-Type"] == "application/json", text
    return json.loads(text)


def test_documents_are_those_of_the_command(served, firstfix, tmp_path):
    server = served()

    def said(*words):
        done = subprocess.run(
            [firstfix, "fleet", *words, "--json", "--database", tmp_path / "fleet.db"], check=True, capture_output=True
        )
        return json.loads(done.stdout)

    assert document(server, "/v1/fleets")["fleets"] == [{"name": "default", "workers": 201}]
    assert document(server, "/v1/top") == said("top")
    assert document(server, "/v1/failures/fff") == said("show", "fff")
    explained, here = document(server, f"/v1/explain/{FAILURE}?fleet=default"), said("explain", FAILURE)
    for entry in explained["separating"] + here["separating"]:
        for key in ("log_odds", "interval", "log10_p", "log10_corrected"):
            del entry[key]  # as many digits as each of them writes
    assert explained == here
    assert document(server, "/v1/workers/w001") == said("worker", "w001")
    assert server.close() == 0


def test_causes_over_time(served):
    hours = document(served(), "/v1/causes")["hours"]
    assert hours == [
        {"cause": "bnb.binary-missing", "hour": "2025-06-15T20:00:00.000Z", "n": 40},
        {"cause": "bnb.binary-missing", "hour": "2025-06-15T21:00:00.000Z", "n": 1},
    ]


def test_a_worker_against_the_healthy(served):
    server = served()
    shown = document(server, "/v1/workers/" + urllib.parse.quote("a/b #1", safe=""))
    assert (shown["worker"], shown["host"], shown["compared_with"]) == ("a/b #1", "node-x", 160)
    assert [each["incidents"] for each in shown["failures"]] == [1] and shown["fingerprint"] == FAILURE
    by_key = {each["key"]: each for each in shown["differs"]}
    assert by_key["env.LD_PRELOAD"] == {
        "key": "env.LD_PRELOAD", "value": "/x.so", "usual_of": 160, "same": 0, "of": 160
    }
    driver = by_key["driver.version"]
    assert driver["value"] == "525.60.13" and driver["same"] == 0
    assert driver["usual"] in ("550.90.07", "560.35.03", "570.86.10")
    assert "host.name" not in by_key  # nobody shares that of another
    well = document(server, "/v1/workers/w002?failure=f")
    assert well["failures"] == [] and well["fingerprint"] == FAILURE


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/workers/nobody", 404),
        ("/v1/failures/0123", 404),
        ("/v1/explain/0123", 404),
        ("/v1/top?fleet=berlin", 404),
        ("/v1/top?fleet=" + "x" * 300, 400),
        ("/v1/workers/a%1fb", 400),
        ("/v1/failures/", 404),
        ("/v1/failures/%27%20or%201=1", 404),
        ("/v1/nothing", 404),
        ("/web/../index.html", 404),
    ],
)
def test_what_is_not_there(served, path, status):
    server = served()
    got, headers, text = server.ask(path)
    assert got == status and json.loads(text)["error"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_two_fleets_want_a_name(served, firstfix, tmp_path):
    more = write(tmp_path / "more.json", [request("t1", [start(T0, "a" * 16)], fleet="tokyo")])
    subprocess.run(
        [firstfix, "fleet", "ingest", more, "--database", tmp_path / "fleet.db"], check=True, capture_output=True
    )
    server = served()
    status, _, text = server.ask("/v1/top")
    assert status == 400 and "tokyo (1 worker)" in text
    assert document(server, "/v1/top?fleet=tokyo")["failures"] == []


def test_the_gate_of_the_agent(served):
    server = served()
    assert server.ask("/v1/top", Host="evil.example")[0] == 403
    assert server.ask("/v1/top", Origin="http://evil.example")[0] == 403
    assert server.ask("/v1/top", Sec_Fetch_Site="cross-site")[0] == 403
    status, headers, page = server.ask("/")
    assert status == 200 and "Failures of the fleet" in page
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    guarded = served(FIRSTFIX_TOKEN="s3cret-of-the-fleet")
    for path in ("/v1/top", "/v1/fleets", "/openapi.json"):
        assert guarded.ask(path)[0] == 401
        assert guarded.ask(path, Authorization="Bearer s3cret-of-the-fleet")[0] == 200
    assert guarded.ask("/")[0] == 200 and guarded.ask("/web/page.js")[0] == 200


def test_others_are_served_with_a_token_alone(served, firstfix, tmp_path):
    words = [firstfix, "fleet", "serve", "--database", tmp_path / "fleet.db", "--listen", "0.0.0.0:0"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "--token-file" in done.stderr
    token = tmp_path / "token"
    token.write_text("of-a-file\n")
    server = served("--token-file", str(token))
    assert server.ask("/v1/top")[0] == 401
    assert server.ask("/v1/top", Authorization="Bearer of-a-file")[0] == 200
    missing = [firstfix, "fleet", "serve", "--database", tmp_path / "nothing.db"]
    done = subprocess.run(missing, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "nothing.db" in done.stderr


def test_the_description_has_every_document(served):
    described = document(served(), "/openapi.json")
    assert described["info"]["title"] == "firstfix fleet"
    assert set(described["paths"]) == {
        "/v1/fleets", "/v1/top", "/v1/causes", "/v1/failures/{id}", "/v1/explain/{id}", "/v1/workers/{id}",
        "/openapi.json",
    }
    names = {each["name"] for each in described["paths"]["/v1/workers/{id}"]["get"]["parameters"]}
    assert names == {"id", "fleet", "failure"}


def test_what_is_ingested_meanwhile_is_seen(served, firstfix, tmp_path):
    server = served()
    assert document(server, "/v1/failures/f")["workers"] == 41
    more = write(tmp_path / "more.json", [request("w9", [incident(T0, None)])])
    text = more.read_text().replace(', {"key": "firstfix.facts.hash", "value": {"stringValue": null}}', "")
    more.write_text(text)
    subprocess.run(
        [firstfix, "fleet", "ingest", more, "--database", tmp_path / "fleet.db"], check=True, capture_output=True
    )
    assert document(server, "/v1/failures/ff")["workers"] == 42  # another name of the same: not made before
