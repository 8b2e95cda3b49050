"""Every rules/cases/*.case: logs (and facts), and the cause and first fix that must come out.

A file holds many cases, each begun by `== log NAME`:

    == log shm of a DataLoader
    RuntimeError: DataLoader worker (pid 7) is killed by signal: Bus error.
    == facts                          optional: a partial firstfix.facts/1 document
    {"system": {"container": {"runtime": "docker"}}}
    == expect
    {"cause": "oom.shm", "fix": "container-flag:shm-size"}

`== check NAME` instead of `== log NAME` begins a case without a log: `firstfix check` on the facts.

`expect` is one JSON object: cause (or "none"), and optionally fix (kind of the first fix), why (text that must stand in
it), confidence_min, confidence_max, command (text that must stand in the first fix's command; null: it has none), tried
(what the first fix's trial on the facts showed), also (a cause that must stand behind the first), severity.

In every case each sentence of `why` must rest on something: a number, version, path, name or quotation that no line,
fact or table holds and the rule did not compute from those fails the case. So does a command with a placeholder, or
with a package or flag that stands in no table and no fact (command_lint.py), and a sentence that looks as if a value
were missing in it (text_lint.py).
"""

import json
import pathlib
import subprocess

import pytest

import casefile
import command_lint
import text_lint

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "rules/cases"


def load(path):
    """[(name, log, facts or None, expectation)] of one file."""
    cases = []
    for s in casefile.read(path):
        if s.name == "log":
            cases.append([s.argument, s.body, None, None])
        elif s.name == "check":
            cases.append([s.argument, None, None, None])
        elif s.name == "facts":
            cases[-1][2] = {"schema": "firstfix.facts/1", **json.loads(s.body)}
        elif s.name == "expect":
            cases[-1][3] = json.loads(s.body)
        else:
            raise ValueError(f"{path}: no section '{s.name}' in a rule case")
    return cases


CASES = [(path.stem, *case) for path in sorted(FOLDER.glob("*.case")) for case in load(path)]


def explain(firstfix, log, facts, tmp_path):
    """The diagnoses of one case."""
    options = ["--no-facts"]
    if facts is not None:
        (tmp_path / "facts.json").write_text(json.dumps(facts))
        options = ["--facts", tmp_path / "facts.json"]
    command = ["check", "--json", *options]
    if log is not None:
        (tmp_path / "log").write_text(log)
        command = ["explain", "--json", *options, tmp_path / "log"]
    run = subprocess.run([firstfix, *command], capture_output=True, text=True, timeout=30)
    assert run.returncode in (0, 1), run.stderr
    document = json.loads(run.stdout)
    assert "broken_rules" not in document, document["broken_rules"]
    return document["diagnoses"]


@pytest.mark.parametrize(
    "command",
    [
        "pip uninstall -y package",
        "hf download MODEL",
        "ss -ltnp | grep :PORT",
        "mv /path/to/large/volume /data",
        "pip install nvidia-cusparselt-cu0",
        "/srv/venv/bin/python -m pip install libtorch-cuda-cu",
        "sudo /v/bin/python -m pip install -U 'invented-name>=2'",
        "uv pip install --python /v/bin/python xq1",
        "poetry add xq1@^2",
        "pipx inject app xq1",
        "apt-get update && pip install xq1",
        "--no-such-flag 4",
        "pip install 'torch",
        "kill <pid>",
        "docker run {image}",
        "pip install torch\nrm -rf /",
    ],
)
def test_lint_can_fail(command):
    assert command_lint.faults(command, {}, "a log")


@pytest.mark.parametrize(
    "command",
    [
        "",
        (
            "/srv/venv/bin/python -m pip install 'transformers>=4.51,<5' torch==2.6.0+cu124 --index-url"
            " https://download.pytorch.org/whl/cu124"
        ),
        "export LD_LIBRARY_PATH=$(printf %s \"$LD_LIBRARY_PATH\" | tr : '\\n' | grep -vF -e stubs | paste -sd: -)",
        "--max-model-len 8192",
        "sudo nvidia-smi -mig 0",
        "quantization_config=BitsAndBytesConfig(load_in_4bit=True)",
    ],
)
def test_lint_can_pass(command):
    assert not command_lint.faults(command, {}, None)


@pytest.mark.parametrize(
    "text",
    [
        "The installed tokenizers==0.19.1. is outside what it accepts.",
        "It names , and nothing else.",
        "The library is 570.86.10. The library is 570.86.10.",
        "Its version is {version}.",
        "It needs the the driver.",
    ],
)
def test_text_lint_can_fail(text):
    assert text_lint.faults(text)


@pytest.mark.parametrize("file, name, log, facts, want", CASES, ids=[f"{c[0]}: {c[1]}" for c in CASES])
def test_case(file, name, log, facts, want, firstfix, tmp_path):
    found = explain(firstfix, log, facts, tmp_path)
    unsupported = [(d["rule"], g) for d in found for g in d["grounds"] if "unsupported" in g]
    assert not unsupported, "a sentence claims what no line, fact or table holds"
    assert all(g["on"] for d in found for g in d["grounds"])
    ill = [(t, faults) for d in found for t in [d["why"], d["title"], *(f.get("say", "") for f in d["fixes"])]
           if (faults := text_lint.faults(t))]
    assert not ill, "a sentence that nobody wrote like that"
    assert not [f["say"] for d in found for f in d["fixes"] if text_lint.shell(f["say"])]
    wrong = [(f["command"], faults) for d in found for f in d["fixes"]
             if (faults := command_lint.faults(f.get("command", ""), facts, log))]
    assert not wrong, "a command that nobody can copy, or that names what nobody knows"
    if want["cause"] == "none":
        assert not found, [d["cause"] for d in found]
        return
    assert found, "nothing was diagnosed"
    top = found[0]
    assert top["cause"] == want["cause"], [(d["cause"], round(d["confidence"], 2)) for d in found]
    first = top["fixes"][0] if top["fixes"] else {}
    if "fix" in want:
        assert first.get("kind") == want["fix"], [f["kind"] for f in top["fixes"]]
    if want.get("command", "") is None:
        assert not first.get("command")
    else:
        assert want.get("command", "") in first.get("command", "")
    assert want.get("why", "") in top["why"]
    assert want.get("severity", top["severity"]) == top["severity"]
    if "tried" in want:
        assert first.get("tried", {}).get("result") == want["tried"], [
            (f["kind"], f.get("tried")) for f in top["fixes"]
        ]
    if "also" in want:
        assert want["also"] in [d["cause"] for d in found[1:]], [d["cause"] for d in found]
    assert want.get("confidence_min", 0) <= top["confidence"] <= want.get("confidence_max", 1)
