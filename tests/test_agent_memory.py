"""Memory over time: samples that survive, growth and its forecast, `firstfix memory`."""
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree

from agent_client import WORKER, until

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "python"))

from python_worker import hooks  # noqa: E402,F401 (found through the path set above)

MB, TOTAL = 1 << 20, 34190917632


def memory(agents, path="/v1/memory"):
    status, _, body = agents.ask(path, timeout=60)
    assert status == 200, body
    return json.loads(body)


def table(doc):
    """Rows as dictionaries; GPU columns as gpu0.used."""
    found = []
    for row in doc["rows"]:
        n = len(doc["columns"])
        values = dict(zip(doc["columns"], row))
        for gpu in range((len(row) - n) // len(doc["gpu_columns"])):
            at = n + gpu * len(doc["gpu_columns"])
            values |= {f"gpu{gpu}.{name}": value for name, value in zip(doc["gpu_columns"], row[at:])}
        found.append(values)
    return found


def test_samples_every_second_that_survive_the_agent(agents):
    agents.gpus()
    worker = agents.run(WORKER)
    agents.tell(worker, "request a")
    rows = until(lambda: (t := table(memory(agents))) and len(t) >= 4 and t[-1].get("gpu0.used") and t, "four samples")
    last = rows[-1]
    assert last["gpu0.used"] == 567279616 and last["gpu0.total"] == TOTAL and last["rss"] > MB and last["requests"] == 1
    steps = [b["time_ms"] - a["time_ms"] for a, b in zip(rows, rows[1:])]
    assert all(500 < step < 5000 for step in steps[1:]), steps  # the first look is out of turn
    [pid] = [
        int(p)
        for p in subprocess.run(
            ["pgrep", "-P", str(worker.pid), "firstfix-agent"], capture_output=True, text=True, check=True
        ).stdout.split()
    ]
    os.kill(pid, 9)

    def again():
        done = subprocess.run(
            [agents.firstfix, "memory", "--ascii"], env=agents.env, capture_output=True, text=True, check=False
        )
        return done.returncode == 0 and done.stdout
    said = until(again, "samples without an agent")
    assert "gpu 0" in said and "0.5 of 31.8 GB used" in said and "host" in said


def test_what_a_worker_tells_of_its_allocator(agents):
    agents.gpus()
    agents.env["CUDA_VISIBLE_DEVICES"] = "GPU-5d1c0b2e"
    worker = agents.run(WORKER)
    agents.tell(
        worker,
        "python firstfix._ring.event(firstfix._ring.MEMORY, {'firstfix.gpu.index': 0, 'firstfix.gpu.memory.allocated':"
        " 300 << 20, 'firstfix.gpu.memory.reserved': 400 << 20, 'firstfix.gpu.memory.peak': 350 << 20})",
    )
    last = until(
        lambda: (t := table(memory(agents))) and t[-1].get("gpu0.allocated") and t[-1], "the allocator's numbers"
    )
    assert (last["gpu0.allocated"], last["gpu0.reserved"]) == (300 * MB, 400 * MB)
    assert agents.metrics()['firstfix_allocator_memory_bytes{device="0",kind="peak"}'] == 350 * MB


def past(agents, growth, seconds=600):
    """What an agent saw in the last ten minutes: a request every two seconds, each leaves `growth` bytes behind."""
    (agents.state / "agent").mkdir(parents=True, mode=0o700)
    agents.state.chmod(0o700)
    now, lines = int(time.time() * 1000), []
    used = 567279616 + TOTAL // 2
    for i in range(seconds):
        left = (seconds - i) // 2
        lines.append(f"{now - (seconds - i) * 1000} {200 * MB} {i // 2} {TOTAL} {used - left * growth}")
    subprocess.run(
        [agents.build / "tests/memory-oracle", agents.state / "agent/all.memory"],
        input="\n".join(lines),
        text=True,
        check=True,
    )
    agents.gpus(lambda s: s["gpus"][0]["memory"].update(used=used))


def test_an_oom_is_forecast(agents):
    past(agents, 14 * MB)
    agents.watch("--dir", str(agents.state))
    m = until(
        lambda: (m := agents.metrics()).get('firstfix_oom_forecast_requests{resource="gpu 0",bound="estimate"}') and m,
        "a forecast",
    )
    left = TOTAL - (567279616 + TOTAL // 2) - 519045120
    requests = m['firstfix_oom_forecast_requests{resource="gpu 0",bound="estimate"}']
    assert abs(requests - left / (14 * MB)) < 0.1 * requests
    assert (
        m['firstfix_oom_forecast_seconds{resource="gpu 0",bound="earliest"}']
        <= m['firstfix_oom_forecast_seconds{resource="gpu 0",bound="estimate"}']
    )
    assert m['firstfix_memory_growth_bytes_per_second{resource="gpu 0"}'] > 6 * MB
    doc = memory(agents)
    [forecast] = doc["forecasts"]
    assert re.match(
        r"memory of gpu 0: \+14\.\d MB a request, about \d+ requests left \(\d+ to \d+\)$", forecast["say"]
    ), forecast
    [warning] = doc["diagnosis"]["diagnoses"]
    assert (warning["cause"], warning["severity"]) == ("oom.leak", "warning") and warning["fixes"][0][
        "kind"
    ] == "restart"
    assert "[+]memory: memory of gpu 0" in agents.ask("/livez?verbose")[2]
    said = subprocess.run(
        [agents.firstfix, "events", "--json"], env=agents.env, capture_output=True, text=True, check=True
    ).stdout
    told = [e for e in map(json.loads, said.splitlines()) if e.get("firstfix.event") == "memory.forecast"]
    assert len(told) == 1 and told[0]["body"].startswith("memory of gpu 0: +14.")


def test_no_forecast_without_growth(agents):
    past(agents, 0)
    agents.watch("--dir", str(agents.state))
    until(lambda: len(table(memory(agents))) > 602, "a few samples of its own")
    doc = memory(agents)
    assert doc["forecasts"] == [] and doc["diagnosis"]["diagnoses"] == []
    assert not [name for name in agents.metrics() if "forecast" in name]


def test_since_and_how_much(agents):
    past(agents, MB, 5000)
    agents.watch("--dir", str(agents.state))
    assert 3000 > len(memory(agents)["rows"]) > 1000
    rows = table(memory(agents, "/v1/memory?since=60s"))
    assert 50 <= len(rows) <= 70
    assert agents.ask("/v1/memory?since=nonsense")[0] == 400


def test_the_picture(agents, tmp_path):
    past(agents, 14 * MB)
    draw = [agents.firstfix, "memory", "--since", "20m"]
    done = subprocess.run(
        [*draw, "--svg", str(tmp_path / "m.svg")], env=agents.env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    root = xml.etree.ElementTree.fromstring((tmp_path / "m.svg").read_text())
    words = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"GPU 0", "host", "used", "31.8 GB"} <= set(words)
    text = subprocess.run([*draw, "--ascii"], env=agents.env, capture_output=True, text=True, check=True).stdout
    assert "300 requests" in text or "299 requests" in text
    assert re.search(r"gpu 0 .*16\.\d of 31\.8 GB used   \+4[12]\d\.\d MB a minute", text), text


def test_nothing_to_show(agents):
    done = subprocess.run([agents.firstfix, "memory"], env=agents.env, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "no agent has kept samples here" in done.stderr
    past(agents, 0, 50)
    done = subprocess.run(
        [agents.firstfix, "memory", "--since", "2100-01-01T00:00:00Z"],
        env=agents.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "no sample is so new" in done.stderr
    assert (
        subprocess.run(
            [agents.firstfix, "memory", "--since", "x"], env=agents.env, capture_output=True, check=False
        ).returncode
        == 2
    )
