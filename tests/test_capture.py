"""firstfix capture: the captured machine gives the same facts, holds no secret, and nothing is written beside it."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

TOKEN = "hf_" + "abcdefghijklmnopqrstuvwxyz01234567"
# What differs between two looks at a living machine.
VOLATILE = {
    "taken_at",
    "took_ms",
    "trigger",
    "probe_ms",
    "pressure",
    "available",
    "current",
    "peak",
    "free",
    "inodes_free",
    "rss",
    "rss_peak",
    "shared",
    "started",
    "swap_free",
}


def report(firstfix, *options, env=None):
    run = subprocess.run(
        [firstfix, "report", "--json", *map(str, options)], capture_output=True, text=True, env=env, timeout=60
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def stable(value):
    if isinstance(value, dict):
        return {k: stable(v) for k, v in value.items() if k not in VOLATILE}
    return [stable(v) for v in value] if isinstance(value, list) else value


def worker(env):
    """A process that waits until its stdin closes, with a secret on its command line."""
    code = "import sys, ctypes; print('up', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "--token", TOKEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
    )
    assert process.stdout.readline() == b"up\n"
    return process


def test_capture_of_a_process_gives_the_same_facts(firstfix, tmp_path):
    env = {**os.environ, "HF_TOKEN": TOKEN, "HF_HOME": str(tmp_path / "hf"), "LD_LIBRARY_PATH": "/nowhere"}
    process = worker(env)
    try:
        live = report(firstfix, "--pid", process.pid)
        run = subprocess.run(
            [firstfix, "capture", "--pid", str(process.pid), tmp_path / "machine"], capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr
    finally:
        process.stdin.close()
        process.wait()
    captured = report(firstfix, "--root", tmp_path / "machine")
    for facts in live, captured:
        facts["errors"].sort(key=json.dumps)
    assert stable(captured) == stable(live)
    assert captured["env"]["HF_TOKEN"] == {"masked": True, "length": len(TOKEN)}
    assert any("ctypes" in lib["path"] for lib in captured["process"]["libraries"])
    for path in pathlib.Path(tmp_path / "machine").rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert TOKEN.encode() not in path.read_bytes(), path


def test_what_is_refused_stays_refused(firstfix, tmp_path):
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("only root can become another user")
    program = tmp_path / "firstfix"
    shutil.copy(f"{firstfix}-tool", program)
    (tmp_path / "locked/cache").mkdir(parents=True)
    (tmp_path / "locked").chmod(0o700)
    (tmp_path / "out").mkdir()
    os.chown(tmp_path / "out", 65534, 65534)
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.stat().st_uid == 0 and folder.is_relative_to("/tmp") and folder != pathlib.Path("/tmp"):
            folder.chmod(0o755)
    nobody = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "env",
        f"HF_HOME={tmp_path}/locked/cache",
        program,
    ]
    live = subprocess.run([*nobody, "report", "--json", "--only", "disks"], capture_output=True, text=True, check=True)
    subprocess.run([*nobody, "capture", tmp_path / "out/machine"], check=True)
    captured = report(firstfix, "--only", "disks", "--root", tmp_path / "out/machine")
    disk = next(d for d in captured["system"]["disks"] if d["for"] == "HF_HOME")
    assert disk["denied"] is True and "exists" not in disk and "writable" not in disk
    assert stable(captured)["system"] == stable(json.loads(live.stdout))["system"]


def test_a_folder_in_use_is_refused(firstfix, tmp_path):
    (tmp_path / "mine").write_text("x")
    run = subprocess.run([firstfix, "capture", tmp_path], capture_output=True, text=True)
    assert run.returncode == 2 and "not empty" in run.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


def test_usage(firstfix, tmp_path):
    assert subprocess.run([firstfix, "capture"], capture_output=True).returncode == 2
    assert subprocess.run([firstfix, "capture", tmp_path / "no/such"], capture_output=True).returncode == 2
