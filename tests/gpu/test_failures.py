"""Real failures on a real GPU: each file of workers/ is a worker that dies, its head says of what.

    # cause: oom.activation oom.model-too-big     causes that are right
    # fix: param:                                 beginnings of the kinds of fix that are right as the first one
    # env: NAME=VALUE                             its environment (more than one line may stand there)
    # with: torchrun --nproc-per-node 2           what starts it instead of python3
    # needs: bitsandbytes                         skipped where this module is not installed
"""
import json
import pathlib
import re
import subprocess

import pytest

from gpu_machine import facts, hooks, kept, run, torch_python  # noqa: F401

WORKERS = sorted((pathlib.Path(__file__).parent / "workers").glob("*.py"))


def head(path):
    """The lines `# key: words` at the top of a worker as a dictionary of lists of lines."""
    found = {}
    for key, words in re.findall(r"^# (cause|fix|env|with|needs): (.+)$", path.read_text(encoding="utf-8"), re.M):
        found.setdefault(key, []).append(words)
    return found


def installed(python, module):
    return (
        subprocess.run([python, "-c", f"import {module}"], capture_output=True, timeout=120, check=False).returncode
        == 0
    )


def command(python, said, path):
    words = said.get("with", [""])[0].split()
    if words[:1] == ["torchrun"]:
        return [python, "-m", "torch.distributed.run", *words[1:], path]
    return [python, path]


def first(document):
    found = document.get("diagnoses") or [{}]
    return found[0].get("cause"), (found[0].get("fixes") or [{}])[0].get("kind", ""), found[0].get("confidence")


def right(answer, said):
    cause, fix, _ = answer
    return cause in said["cause"][0].split() and any(fix.startswith(kind) for kind in said["fix"][0].split())


@pytest.mark.parametrize("path", WORKERS, ids=lambda path: path.stem)
def test_a_worker_that_dies(path, run, torch_python, firstfix, facts, kept):  # noqa: F811
    said = head(path)
    for module in said.get("needs", []):
        if not installed(torch_python, module):
            pytest.skip(f"no {module}")
    environment = dict(line.split("=", 1) for line in said.get("env", []))
    died = run(command(torch_python, said, path), **environment)
    folder = kept / path.stem
    folder.mkdir(exist_ok=True)
    incident = died.incident()
    (folder / "stderr.log").write_text(died.stderr, encoding="utf-8")
    (folder / "stdout.log").write_text(died.stdout, encoding="utf-8")
    (folder / "incident.json").write_text(json.dumps(incident, indent=1), encoding="utf-8")
    assert died.code != 0 and incident, died.stderr[-2000:]
    answer = first(incident["diagnosis"])

    # The same worker without our hooks: what it printed and the machine's facts must do.
    plain = run(command(torch_python, said, path), hooked=False, **environment)
    (folder / "plain.log").write_text(plain.stdout + plain.stderr.split("\n── firstfix", 1)[0], encoding="utf-8")
    (folder / "plain.json").write_text(json.dumps(plain.incident(), indent=1), encoding="utf-8")
    bare = first(plain.incident()["diagnosis"])
    (folder / "answers.txt").write_text(f"{path.stem} hooked {answer} plain {bare}\n", encoding="utf-8")
    assert right(answer, said) and right(bare, said), f"hooked {answer}, plain {bare}\n{died.stderr[-3000:]}"
