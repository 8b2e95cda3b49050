"""firstfix fix: what would change, tried on a copy, applied and undone, on a real virtual environment with wheels made
here.
"""

import json
import os
import socket
import subprocess
import sys
import zipfile

import pytest

LOG = """A module that was compiled using NumPy 1.x cannot be run in
NumPy 2.1.3 as it may crash.
RuntimeError: Numpy is not available
"""
WORKER = "import numpy; assert numpy.__version__.startswith('1.'), numpy.__version__"


def wheel(folder, name, version, body):
    """A wheel of one module."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as z:
        z.writestr(f"{name}.py", body)
        z.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        z.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        z.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A virtual environment with a numpy 2.1.3, and an index that also has 1.26.4."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / "index").mkdir()
    for version in ("1.26.4", "2.1.3"):
        wheel(folder / "index", "numpy", version, f"__version__ = '{version}'\n")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    env = {
        **os.environ,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder / "index"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    python = folder / "venv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", "numpy==2.1.3"], check=True, env=env)
    (folder / "log").write_text(LOG)
    return folder, python, env


@pytest.fixture
def fix(firstfix, machine, tmp_path):
    """Run `firstfix fix` on that machine; gives (exit code, document, stderr)."""
    folder, python, env = machine

    def run(*args, code, log=folder / "log", more=None, command=()):
        behind = ["--", *map(str, command)] if command else []
        done = subprocess.run(
            [firstfix, "fix", "--json", "--python", python, *args, *([log] if log else []), *behind],
            capture_output=True,
            text=True,
            timeout=120,
            env={
                **env,
                "FIRSTFIX_DIR": str(tmp_path / "state"),
                "FIRSTFIX_NVML": "",
                "FIRSTFIX_CUDA": "",
                **(more or {}),
            },
        )
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout else None, done.stderr

    return run


def version(python):
    return subprocess.check_output([python, "-c", "import numpy; print(numpy.__version__)"], text=True).strip()


def test_it_shows_what_the_resolver_would_change(fix, machine, tmp_path):
    doc, _ = fix(code=1)
    assert doc["cause"] == "numpy.abi" and doc["changes"] == {"numpy": {"from": "2.1.3", "to": "1.26.4"}}
    assert version(machine[1]) == "2.1.3" and not (tmp_path / "state/fixes").exists()


def test_it_tries_on_a_copy(fix, machine, tmp_path):
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    doc, _ = fix("--try", code=0, command=[machine[1], "-c", WORKER], more={"TMPDIR": str(tmp)})
    assert doc["tried"][0]["result"] == "passes"
    assert version(machine[1]) == "2.1.3", "the environment itself is untouched"
    assert not list(tmp.iterdir()), "the copy is gone"


def test_a_copy_that_still_fails_is_said(fix, machine):
    doc, _ = fix("--try", code=1, command=[machine[1], "-c", "raise RuntimeError('Numpy is not available')"])
    assert doc["tried"][0]["result"] == "leaves-cause"


def test_scripts_of_the_copy_run_in_the_copy(fix, machine):
    script = machine[1].parent / "worker"
    script.write_text(f"#!{machine[1]}\n{WORKER}\n")
    script.chmod(0o755)
    doc, _ = fix("--try", code=0, command=[script])
    assert doc["tried"][0]["result"] == "passes"
    assert script.read_text().startswith(f"#!{machine[1]}\n"), "the original keeps its first line"


def test_it_applies_and_undoes(fix, machine):
    doc, _ = fix("--apply", code=0)
    assert doc["applied"] is True and version(machine[1]) == "1.26.4"
    fix("--undo", code=0, log=None)
    assert version(machine[1]) == "2.1.3"
    _, said = fix("--undo", code=2, log=None)
    assert "no fix was applied" in said


def test_a_resolver_without_an_answer_changes_nothing(fix, machine, tmp_path):
    (tmp_path / "empty").mkdir()
    doc, _ = fix("--apply", code=1, more={"PIP_FIND_LINKS": str(tmp_path / "empty")})
    assert "Could not find a version" in doc["error"] and version(machine[1]) == "2.1.3"


def test_a_resolver_that_hangs_is_given_up(fix, machine):
    with socket.create_server(("127.0.0.1", 0)) as server:  # accepts and never answers
        index = f"http://127.0.0.1:{server.getsockname()[1]}/simple"
        doc, _ = fix("--timeout", "3", code=1, more={"PIP_NO_INDEX": "", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": index})
    assert "no answer within 3 s" in doc["error"]


def test_variables_go_to_the_next_start(fix, firstfix, machine, tmp_path):
    log = tmp_path / "bnb.log"
    log.write_text("BNB_CUDA_VERSION=128 environment variable detected; loading libbitsandbytes_cuda128.so.\n"
                   "RuntimeError: Configured CUDA binary not found at /v/libbitsandbytes_cuda128.so\n")
    fix("--apply", code=0, log=log)
    env = {**os.environ, "FIRSTFIX_DIR": str(tmp_path / "state"), "BNB_CUDA_VERSION": "128"}

    def start():
        done = subprocess.run(
            [firstfix, "run", "--", "sh", "-c", "echo ${BNB_CUDA_VERSION-gone}"],
            env=env,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    assert start() == "gone"
    file = tmp_path / "state/next-start.env"
    file.chmod(0o666)
    assert start() == "128", "a file that others can write is not used"
    file.chmod(0o600)
    fix("--undo", code=0, log=None)
    assert start() == "128" and not file.exists()


@pytest.mark.parametrize("options", [("--try", "--apply"), ("--undo", "--dry-run")])
def test_modes_exclude_each_other(fix, options):
    _, said = fix(*options, code=2)
    assert "exclude each other" in said
