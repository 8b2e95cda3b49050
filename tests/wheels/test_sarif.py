"""firstfix check --sarif against the schema of SARIF 2.1.0, as Microsoft's own matchers carry it."""

import json
import os
import pathlib
import shutil
import subprocess
import tarfile

import pytest

jsonschema = pytest.importorskip("jsonschema")

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "firstfix/wheels/sarif"
PACKAGE = "@microsoft/jest-sarif@1.0.0-beta.0"


@pytest.fixture(scope="module")
def schema():
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("needs npm")
    CACHE.mkdir(parents=True, exist_ok=True)
    if not list(CACHE.glob("*.tgz")):
        subprocess.run([npm, "pack", "--silent", PACKAGE], cwd=CACHE, check=True, timeout=300, capture_output=True)
    with tarfile.open(next(CACHE.glob("*.tgz"))) as package:
        return json.load(package.extractfile("package/lib/schemas/sarif-2.1.0-rtm.5.json"))


@pytest.mark.parametrize(
    "name,text",
    [
        ("requirements.txt", "torch==2.3.1+cu121\ntransformers==4.57.1\nhuggingface-hub==0.20.0\n"),
        ("an odd name.txt", "torch==2.3.1+cu121\n"),
        ("empty.txt", ""),
        ("Dockerfile", "FROM nvidia/cuda:12.1.1-base\nENV HF_HOME=/root/x\nRUN pip install torch==2.3\n"),
    ],
)
def test_what_is_written_is_sarif(firstfix, schema, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    done = subprocess.run(
        [firstfix, "check", "--requirements", tmp_path / name, "--gpu", "rtx5090", "--driver", "470.57.02", "--sarif"],
        capture_output=True, text=True, timeout=60,
    )
    assert done.returncode < 2, done.stderr
    jsonschema.validate(json.loads(done.stdout), schema)
