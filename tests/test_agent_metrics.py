"""/metrics: both formats, what is counted, and a real Prometheus that scrapes it."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.request

import pytest
from agent_client import WORKER, until

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "python"))

from python_worker import hooks  # noqa: E402,F401 (found through the path set above)

OPEN = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


def promtool(*words, **kwargs):
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed (tools/setup test)")
    return subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=60, check=False, **kwargs)


@pytest.fixture
def served(agents):
    """A worker with a GPU that has served and failed."""
    agents.gpus(lambda s: s.update(events=[{"gpu": 0, "xid": 79}]))
    agents.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9"  # its metrics are among them
    worker = agents.run(WORKER)
    for line in ("load m 0.1", "request one", "request two", "fail three", "begin four"):
        agents.tell(worker, line)
    agents.worker = worker
    until(
        lambda: (m := agents.metrics()).get("firstfix_requests_in_flight") == 1
        and m.get('firstfix_requests_total{outcome="error"}') == 1  # else it is the third that is in work
        and m.get("firstfix_gpu_driver_up") == 1,
        "a request in work",
    )
    return agents


def test_what_was_done_is_counted(served):
    m = served.metrics()
    assert m['firstfix_requests_total{outcome="ok"}'] == 2 and m['firstfix_requests_total{outcome="error"}'] == 1
    assert m['firstfix_request_errors_total{error_type="ValueError"}'] == 1
    assert (
        m["firstfix_request_duration_seconds_count"] == 3
        and m['firstfix_request_duration_seconds_bucket{le="+Inf"}'] == 3
    )
    assert m['firstfix_tokens_total{direction="input"}'] == 6 and m['firstfix_tokens_total{direction="output"}'] == 10
    assert m['firstfix_model_loads_total{outcome="ok"}'] == 1 and m["firstfix_model_load_seconds"] >= 0.1
    assert m['firstfix_worker_state{state="busy"}'] == 1 and m['firstfix_worker_state{state="idle"}'] == 0
    assert m["firstfix_worker_resident_memory_bytes"] > 1 << 20 and m["firstfix_worker_open_fds"] > 2


def test_gpus(served):
    m = served.metrics()
    used, reserved, total = 567279616, 519045120, 34190917632
    assert (
        m['firstfix_gpu_memory_bytes{gpu="0",owner="used"}'] == used
        and m['firstfix_gpu_memory_bytes{gpu="0",owner="driver"}'] == reserved
    )
    assert m['firstfix_gpu_memory_bytes{gpu="0",owner="free"}'] == total - used - reserved
    assert (
        m['firstfix_gpu_memory_size_bytes{gpu="0"}'] == total and m['firstfix_gpu_temperature_celsius{gpu="0"}'] == 31
    )
    assert (
        m['firstfix_gpu_xid_errors_total{gpu="0",xid="79"}'] == 1
        and m['firstfix_gpu_throttled{gpu="0",reason="idle"}'] == 1
    )


def test_memory_of_the_worker_and_of_others(served):
    def ours(scenario):
        scenario["gpus"][0]["processes"] = [{"pid": pid, "used": 500 << 20}, {"pid": 1, "used": 1 << 20}]

    pid = int(
        subprocess.run(
            ["pgrep", "-P", str(served.worker.pid), "python"], capture_output=True, text=True, check=True
        ).stdout.split()[0]
    )
    served.gpus(ours)
    m = until(
        lambda: (m := served.metrics()).get('firstfix_gpu_memory_bytes{gpu="0",owner="worker"}') and m,
        "the worker's share",
    )
    assert m['firstfix_gpu_memory_bytes{gpu="0",owner="worker"}'] == 500 << 20
    assert m['firstfix_gpu_memory_bytes{gpu="0",owner="other"}'] == 567279616 - (500 << 20)


def test_promtool_has_nothing_to_say(served):
    status, headers, body = served.ask("/metrics")
    assert status == 200 and headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    done = promtool("check", "metrics", input=body)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr + done.stdout


def test_openmetrics_by_accept(served):
    _, headers, body = served.ask("/metrics", Accept=OPEN)
    assert headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert (
        body.endswith("# EOF\n")
        and "# TYPE firstfix_requests counter\n" in body
        and "# UNIT firstfix_gpu_memory_bytes bytes\n" in body
    )
    found = re.findall(r'_bucket\{le="[^"]+"\} \d+ # \{request_id="(\w+)"\} [\d.e-]+ \d+\.\d{3}\n', body)
    assert found and set(found) <= {"one", "two", "three"}
    assert "# EOF" not in served.ask("/metrics", Accept="text/plain, application/openmetrics-text;q=0.1")[2]


def test_names_of_a_worker_are_bounded_and_masked(served):
    script = (
        "for i in range(100):\\n try:\\n  with firstfix.request(id='x'): raise type('E%03d' % i, (Exception,), {})()\\n"
        " except Exception: pass"
    )
    served.tell(served.worker, f'python exec("{script}")')
    served.tell(served.worker, "request hf_abcdefghijklmnopqrstuvwxyzABCDEFGH")
    m = until(lambda: (m := served.metrics())['firstfix_requests_total{outcome="ok"}'] >= 3 and m, "all of them")
    errors = {k: v for k, v in m.items() if k.startswith("firstfix_request_errors")}
    assert (
        len(errors) <= 24
        and sum(errors.values()) == 101
        and errors['firstfix_request_errors_total{error_type="other"}'] > 70
    )
    assert "hf_abc" not in served.ask("/metrics", Accept=OPEN)[2]


def test_prometheus_scrapes_it(served, tmp_path):
    if not shutil.which("prometheus"):
        pytest.skip("prometheus is not installed (tools/setup test)")
    config = tmp_path / "prometheus.yml"
    target = served.url.removeprefix("http://")
    config.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [
        {"job_name": "firstfix", "static_configs": [{"targets": [target]}]}]}))
    log = open(tmp_path / "prometheus.log", "wb")
    server = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={tmp_path}/tsdb",
            "--web.listen-address=127.0.0.1:0",
            "--enable-feature=exemplar-storage",
            "--log.format=json",
        ],
        stdout=log,
        stderr=log,
    )
    try:
        def address():
            said = (tmp_path / "prometheus.log").read_text()
            assert server.poll() is None, said
            found = re.search(r'"address":"([^"]+)".*"msg":"Listening on"', said)
            return found and found[1]
        at = until(address, "an address of Prometheus")

        def query(path):
            with urllib.request.urlopen(f"http://{at}/api/v1/{path}", timeout=10) as answer:
                return json.load(answer)["data"]

        def value():
            try:
                got = query("query?query=firstfix_requests_total%7Boutcome%3D%22ok%22%7D")["result"]
            except OSError:
                return None
            return got and got[0]["value"][1]
        assert until(value, "a sample of the worker") == "2"
        targets = query("targets")["activeTargets"]
        assert [t["health"] for t in targets] == ["up"] and not targets[0]["lastError"]
        exemplars = query("query_exemplars?query=firstfix_request_duration_seconds_bucket&start=0&end=9999999999")
        assert exemplars and exemplars[0]["exemplars"][0]["labels"]["request_id"]
    finally:
        server.kill()
        server.wait()


EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples/prometheus"


def names_of_metrics():
    rows = re.findall(
        r'^METRIC\(\w+, "(\w+)", (\w+)', (EXAMPLES.parents[1] / "src/agent/metrics.def").read_text(), re.M
    )
    ends = {"GAUGE": [""], "COUNTER": ["_total"], "HISTOGRAM": ["_bucket", "_sum", "_count"]}
    return {name + end for name, kind in rows for end in ends[kind]}


def test_alert_rules_pass_their_tests():
    done = promtool("test", "rules", "alerts.test.yml", cwd=EXAMPLES)
    assert done.returncode == 0, done.stdout + done.stderr
    rules = (EXAMPLES / "alerts.yml").read_text()
    assert set(re.findall(r"firstfix_\w+", rules)) <= names_of_metrics()
    tested = (EXAMPLES / "alerts.test.yml").read_text()
    assert [a for a in re.findall(r"alert: (\w+)", rules) if f"alertname: {a}" not in tested] == []


def test_the_dashboard_asks_for_what_there_is(tmp_path):
    dashboard = json.loads((EXAMPLES / "dashboard.json").read_text())
    asked = [t["expr"].replace("$instance", ".*") for panel in dashboard["panels"] for t in panel["targets"]]
    assert len(asked) > 15 and set(re.findall(r"firstfix_\w+", " ".join(asked))) <= names_of_metrics()
    rules = tmp_path / "rules.yml"
    rules.write_text(
        json.dumps({"groups": [{"name": "g", "rules": [{"record": f"r{i}", "expr": e} for i, e in enumerate(asked)]}]})
    )
    done = promtool("check", "rules", str(rules))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_row_is_served_or_known_to_be_absent(served):
    """A row that no code writes would be a promise."""
    body = served.ask("/metrics", Accept=OPEN)[2]
    rows = re.findall(r'^METRIC\(\w+, "(\w+)"', (EXAMPLES.parents[1] / "src/agent/metrics.def").read_text(), re.M)
    source = (EXAMPLES.parents[1] / "src/agent/answer_metrics.c").read_text()
    ids = dict(
        re.findall(r'^METRIC\((\w+), "(\w+)"', (EXAMPLES.parents[1] / "src/agent/metrics.def").read_text(), re.M)
    )
    assert [name for name in ids if f"FF_METRIC_{name}" not in source] == []
    assert (
        len([name for name in rows if f"# TYPE {name} " in body]) >= len(rows) - 3
    )  # cgroup limit, ECC and the like are not everywhere
