"""`firstfix explain` on a machine that is broken never knows less of it than `firstfix check`: every error that check
finds in the facts stands in the answer to a log that fails, whether or not it has a word about that.

The machines: the facts of the rules' cases, the captured machines of the probes, and the stand-in drivers.
"""
import json
import os
import pathlib
import subprocess
import sys

import pytest

import casefile
from test_rule_cases import CASES

HERE = pathlib.Path(__file__).parent

# from the least to the most that a log can say without its cause
LOGS = {
    "nothing": "",
    "an error line": "ERROR: the worker failed to start\n",
    "a crash": "Segmentation fault (core dumped)\n",
    "an exception": (
        "Traceback (most recent call last):\n"
        '  File "/srv/app/serve.py", line 12, in <module>\n'
        "    main()\n"
        "RuntimeError: worker did not become ready\n"
    ),
    # what another cause says, too: words do not outrank facts
    "no GPU": "RuntimeError: No CUDA GPUs are available\n",
    "a CPU build": "AssertionError: Torch not compiled with CUDA enabled\n",
    "a driver": "RuntimeError: The NVIDIA driver on your system is too old (found version 11040).\n",
}
WELL = "INFO 10-01 10:00:00 api_server.py:1] vLLM API server version 0.6.3\nINFO:     Application startup complete.\n"

FACTS = [(f"{file}: {name}", facts) for file, name, _, facts, _ in CASES if facts]
ROOTS = sorted((HERE / "probe").glob("*/*.case"))
FAKES = sorted((HERE / "fake/scenarios").glob("*.json"))


def answers(firstfix, words, **more):
    run = subprocess.run([firstfix, *words, "--json"], capture_output=True, text=True, timeout=60, **more)
    assert run.returncode in (0, 1), run.stderr
    return json.loads(run.stdout)


def compare(firstfix, facts, tmp_path):
    """How many errors check found."""
    path = tmp_path / "facts.json"
    path.write_text(json.dumps(facts))
    found = answers(firstfix, ["check", "--facts", path])["diagnoses"]
    errors = {d["cause"] for d in found if d["severity"] == "error"}
    for name, log in LOGS.items() if errors else ():
        told = answers(firstfix, ["explain", "--facts", path, "-"], input=log)
        left = errors - {d["cause"] for d in told["diagnoses"]}
        assert not left, f"check names {left}; explain of {name}: {[d['cause'] for d in told['diagnoses']]}"
    if errors:
        assert not answers(firstfix, ["explain", "--facts", path, "-"], input=WELL)["diagnoses"]
    return len(errors)


def test_facts_of_the_rules_cases(firstfix, tmp_path):
    assert sum(compare(firstfix, facts, tmp_path) for _, facts in FACTS) > 50


def test_captured_machines(firstfix, tmp_path):
    seen = 0
    for path in ROOTS:
        root = tmp_path / path.parent.name / path.stem
        root.mkdir(parents=True)
        sections = casefile.read(path)
        casefile.build_root(sections, root)
        options = [word for s in sections if s.name == "options" for word in s.body.split()]
        seen += compare(firstfix, answers(firstfix, ["report", "--root", root, *options]), tmp_path)
    assert seen


@pytest.mark.parametrize("scenario", FAKES, ids=lambda p: p.stem)
def test_stand_in_drivers(firstfix, build, tmp_path, scenario):
    fakes = build / "tests/fake"
    env = dict(
        os.environ,
        FIRSTFIX_FAKE=str(scenario),
        FIRSTFIX_NVML=str(fakes / "libnvidia-ml-now.so"),
        FIRSTFIX_CUDA=str(fakes / "libcuda-fake.so"),
    )
    compare(firstfix, answers(firstfix, ["report", "--deadline", "3000"], env=env), tmp_path)


def test_what_a_script_lacks_is_installed_as_its_requirements_ask(firstfix, tmp_path):
    """One command brings all, in the releases of the requirements.txt beside it, before the start and after it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "v"], check=True)
    (tmp_path / "requirements.txt").write_text("# worker\neinops==0.7.0\nflask<3  # templates\npyyaml\n")
    (tmp_path / "serve.py").write_text("import einops, yaml, flask\n")
    env = {"PATH": f"{tmp_path}/v/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    log = subprocess.run(["python3", "serve.py"], cwd=tmp_path, env=env, capture_output=True, text=True).stderr
    assert "No module named 'einops'" in log
    for arguments, text in (["check"], None), (["explain", "-"], log):
        run = subprocess.run([firstfix, *arguments, "--json"], cwd=tmp_path, env=env, input=text, capture_output=True,
                             text=True, timeout=60)
        found = [d for d in json.loads(run.stdout)["diagnoses"] if d["cause"] == "pip.module-missing"]
        assert "einops==0.7.0 'flask<3' pyyaml" in found[0]["fixes"][0]["command"], run.stdout
