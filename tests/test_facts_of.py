"""Whose facts an answer is from: this machine's only where the log does not contradict them."""
import json
import os
import subprocess
import time

import pytest

FOREIGN = """Traceback (most recent call last):
  File "/opt/nowhere/lib/python3.9/site-packages/vllm/engine/llm_engine.py", line 5, in <module>
    start()
RuntimeError: CUDA error: no kernel image is available for execution on the device
"""


@pytest.fixture
def ask(firstfix, tmp_path):
    def run(log, *options, state=tmp_path / "state"):
        env = dict(os.environ, FIRSTFIX_DIR=str(state))
        done = subprocess.run(
            [firstfix, "explain", *options], input=log, capture_output=True, text=True, timeout=60, env=env
        )
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout) if "--json" in options else done.stdout
    return run


def report(folder, name, **facts):
    reports = folder / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    (reports / f"{name}.json").write_text(json.dumps({"schema": "firstfix.facts/1", **facts}))


def test_this_machine(ask):
    of = ask("ValueError: x\n", "--json")["facts_of"]
    assert of == {"what": "this machine", "fits": True}


def test_none(ask):
    assert ask("ValueError: x\n", "--json", "--no-facts")["facts_of"] == {"what": "none", "fits": True}


@pytest.mark.parametrize(
    "log, because",
    [
        (FOREIGN, "the log's Python is 3.9"),
        (
            (
                "ImportError: tokenizers>=0.20 is required for a normal functioning of this module, but found"
                " tokenizers==0.0.1.\n"
            ),
            None,
        ),
        (
            'Traceback (most recent call last):\n  File "C:\\\\py\\\\Lib\\\\site-packages\\\\torch\\\\a.py", line 1,'
            " in f\n".replace("\\\\", "\\")
            + "OSError: x\n",
            "the log was written on Windows",
        ),
    ],
)
def test_a_log_of_another_machine_is_read_alone(ask, log, because):
    answer = ask(log, "--json")
    of = answer["facts_of"]
    if because is None and of["fits"]:
        pytest.skip("this machine has no complete list of packages")
    assert (
        of["what"] == "none"
        and of["fits"] is False
        and of["because"].startswith("not those of this machine: " + (because or ""))
    )
    assert "the log alone was used" in ask(log).replace("\n", " ").replace("  ", " ")
    assert not any("fact" in e for d in answer["diagnoses"] for e in d["evidence"])


@pytest.mark.parametrize("container, because", [
    ({"runtime": "docker", "id": "9e" * 32}, "the log is of the container 3f2a9c1d4e5b, and this one is 9e9e9e9e9e9e"),
    (None, "the log is of the container 3f2a9c1d4e5b, and this is a host"),
    ({"runtime": "docker", "id": "3f2a9c1d4e5b" + "0" * 52}, None),
])
def test_a_log_of_another_container(ask, tmp_path, container, because):
    system = {"os": {"id": "debian"}} | ({"container": container} if container else {})
    (tmp_path / "facts.json").write_text(
        json.dumps({"schema": "firstfix.facts/1", "complete": ["env"], "env": {}, "system": system})
    )
    log = "3f2a9c1d4e5b:117:301 [0] NCCL INFO Bootstrap : Using eth0:10.0.0.2<0>\nValueError: x\n"
    of = ask(log, "--json", "--facts", str(tmp_path / "facts.json"))["facts_of"]
    assert of["fits"] is (because is None) and of.get("because") == because


def test_the_start_up_report_that_fits_is_used(ask, tmp_path):
    state = tmp_path / "state"
    site = "/opt/nowhere/lib/python3.9/site-packages"
    report(state, "run-a", python={"version": "3.12.1", "site": ["/usr/lib/python3/dist-packages"]})
    report(
        state,
        "run-b",
        python={"version": "3.9.18", "site": [site]},
        torch={"version": "2.3.1+cu121", "cuda": "12.1", "archs": ["sm_90"]},
        gpus=[{"index": 0, "name": "NVIDIA GeForce RTX 5090", "compute_capability": "12.0"}],
    )
    (state / "reports" / "broken.json").write_text("{")
    answer = ask(FOREIGN, "--json")
    assert answer["facts_of"]["what"] == "start-up report of run-b" and answer["facts_of"]["fits"] is True
    assert answer["diagnoses"][0]["cause"] == "torch.no-kernel-image" and "12.0" in answer["diagnoses"][0]["why"]
    assert ask(FOREIGN, "--json", "--worker", "run-a")["facts_of"]["what"] == "none"


def test_who_names_a_worker_means_its_report(ask, tmp_path):
    state, log = tmp_path / "state", "ValueError: x\n"
    identity = "3f2a9c1d4e5b" + "0" * 52
    report(state, "run-a", process={"cmdline": ["python", "serve.py"]}, system={"container": {"id": identity}})
    for worker in ("run-a", "serve.py", "3f2a9c1d4e5b", identity):
        assert ask(log, "--json", "--worker", worker)["facts_of"] == {"what": "start-up report of run-a", "fits": True}
    of = ask(log, "--json", "--worker", "other")["facts_of"]
    assert of == {"what": "this machine", "fits": True, "because": "no start-up report of other was found"}


def test_the_file_of_a_container_names_its_report(ask, tmp_path):
    state, identity = tmp_path / "state", "3f2a9c1d4e5b" + "0" * 52
    log = tmp_path / "containers" / identity / f"{identity}-json.log"
    log.parent.mkdir(parents=True)
    log.write_text('{"log":"ValueError: x\\n","stream":"stderr","time":"2026-03-04T05:06:07.1Z"}\n')
    report(state, "run-a", system={"container": {"id": identity}})
    assert ask("", "--json", str(log))["facts_of"]["what"] == "start-up report of run-a"


def test_given_facts_are_used_and_a_contradiction_is_said(ask, tmp_path):
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps({"schema": "firstfix.facts/1", "python": {"version": "3.12.1"}}))
    of = ask(FOREIGN, "--json", "--facts", str(facts))["facts_of"]
    assert of == {"what": "file", "fits": False, "because": "the log's Python is 3.9, and the one here 3.12.1"}


def test_facts_come_out_of_a_pipe_that_takes_its_time(firstfix, tmp_path):
    """As `--facts <(ssh host firstfix report --json)` gives them."""
    ours, theirs = os.pipe()
    words = [firstfix, "check", "--json", "--facts", f"/dev/fd/{ours}"]
    done = subprocess.Popen(words, pass_fds=(ours,), stdout=subprocess.PIPE, text=True)
    os.close(ours)
    time.sleep(0.3)
    os.write(theirs, json.dumps({"schema": "firstfix.facts/1"}).encode())
    os.close(theirs)
    assert json.loads(done.communicate(timeout=60)[0])["facts_of"]["what"] == "file"


def test_facts_that_rules_have_no_memory_for(firstfix, tmp_path):
    facts = tmp_path / "facts.json"
    packages = {f"package-{i}": {"version": "1.0"} for i in range(60000)}
    facts.write_text(json.dumps({"schema": "firstfix.facts/1", "python": {"packages": packages}}))
    words = [firstfix, "check", "--facts", facts]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "take more memory" in done.stderr and not done.stdout
