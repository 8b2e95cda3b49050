"""The second set: torch, bitsandbytes and vllm as PyPI has them today.

torch's and vllm's wheels are gigabytes: NOT DOWNLOADED here; only what their metadata says is installed, and compared
with pip's own judgement of it. bitsandbytes is installed whole (60 MB), and its choice of a library is looked at beside
an RTX 5090.
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from test_python import clean_env, compare_with_pip
from wheelhouse import wheelhouse

PACKAGES = ["torch", "bitsandbytes", "vllm"]
SCENARIO = pathlib.Path(__file__).resolve().parents[1] / "fake/scenarios/rtx5090.json"


def write_metadata(site, metadata):
    folder = site / f"{metadata['name'].replace('-', '_')}-{metadata['version']}.dist-info"
    folder.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {metadata['name']}", f"Version: {metadata['version']}"]
    lines += [f"Requires-Python: {metadata['requires_python']}"] if "requires_python" in metadata else []
    lines += [f"Requires-Dist: {r}" for r in metadata.get("requires_dist", [])]
    lines += [f"Provides-Extra: {e}" for e in metadata.get("provides_extra", [])]
    (folder / "METADATA").write_text("\n".join(lines) + "\n")
    (folder / "RECORD").write_text("")
    (folder / "INSTALLER").write_text("pip\n")


@pytest.fixture(scope="module")
def python():
    folder = wheelhouse() / "current"
    python, ready = folder / "bin/python", folder / "ready"
    if ready.exists():
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, env=clean_env())
    pip = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--upgrade", "pip"], check=True)
    asked = subprocess.run([*pip, "--dry-run", "--no-deps", "--only-binary=:all:", "--report", "-", *PACKAGES],
                           check=True, capture_output=True, text=True)
    site = next(folder.glob("lib/python3*/site-packages"))
    for item in json.loads(asked.stdout)["install"]:
        metadata = item["metadata"]
        if metadata["name"] == "bitsandbytes":
            subprocess.run([*pip, "--no-deps", f"bitsandbytes=={metadata['version']}"], check=True)
        else:
            write_metadata(site, metadata)
    ready.touch()
    return python


def test_versions_and_conflicts_as_pip_says(firstfix, python):
    facts = compare_with_pip(firstfix, python, clean_env())
    assert set(PACKAGES) <= set(facts["python"]["packages"])
    missing = {c["requires"].partition("=")[0] for c in facts["python"]["conflicts"] if c["package"] == "vllm"}
    assert {"torchvision", "torchaudio"} <= missing  # vllm pins them, and nothing of that is installed


def test_bitsandbytes_on_an_rtx_5090(firstfix, build, python):
    env = clean_env(FIRSTFIX_FAKE=str(SCENARIO), FIRSTFIX_NVML=str(build / "tests/fake/libnvidia-ml-now.so"),
                    FIRSTFIX_CUDA=str(build / "tests/fake/libcuda-fake.so"))
    run = subprocess.run(
        [firstfix, "report", "--json", "--python", python], capture_output=True, text=True, env=env, check=True
    )
    mine = json.loads(run.stdout)["bitsandbytes"]
    shipped = {
        name for name in os.listdir(mine["location"]) if name.startswith("libbitsandbytes") and name.endswith(".so")
    }
    assert set(mine["binaries"]) == shipped
    newest = max(
        (name for name in shipped if "_cuda" in name), key=lambda name: int(name.split("_cuda")[1].split(".")[0])
    )
    assert "sm_120" in mine["libraries"][newest]
