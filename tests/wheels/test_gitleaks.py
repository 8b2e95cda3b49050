"""The real gitleaks over everything that leaves: what its own patterns call a secret does not come through either."""
import json
import os
import shutil
import subprocess
import sys

import pytest
import secret_lines
from wheelhouse import wheelhouse

MODULE = "github.com/zricethezav/gitleaks/v8@v8.28.0"
TRACE = (
    'Traceback (most recent call last):\n  File "/app/handler.py", line 9, in load\n    connect()\nConnectionError: x\n'
)


@pytest.fixture(scope="session")
def gitleaks():
    """The program, built once into the cache of the wheel tests."""
    folder = wheelhouse() / "go"
    program = folder / "bin/gitleaks"
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if program.exists():
        return program
    if not go:
        pytest.skip("no go to build gitleaks with")
    built = subprocess.run(
        [go, "install", MODULE],
        env={**os.environ, "GOPATH": str(folder), "GOBIN": str(folder / "bin"), "GOFLAGS": "-modcacherw"},
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        pytest.skip(f"gitleaks cannot be built: {built.stderr.strip().splitlines()[-1:]}")
    return program


def found(gitleaks, folder, report):
    """[(rule, file, line)] of what gitleaks calls a secret below a folder."""
    subprocess.run(
        [
            gitleaks,
            "dir",
            folder,
            "--no-banner",
            "--exit-code",
            "0",
            "--report-format",
            "json",
            "--report-path",
            report,
        ],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return [(f["RuleID"], f["File"], f["Match"]) for f in json.loads(report.read_text() or "[]")]


def test_gitleaks_finds_nothing_in_what_leaves(gitleaks, firstfix, tmp_path):
    lines = [line for _, line, _ in secret_lines.secrets(int(os.environ.get("FIRSTFIX_TEST_SEED", "2")))]
    raw, out = tmp_path / "raw", tmp_path / "out"
    raw.mkdir()
    out.mkdir()
    (raw / "log").write_text("".join(f"{line}\n" for line in lines) + TRACE)
    assert len(found(gitleaks, raw, tmp_path / "raw.json")) > 50, "the lines hold what gitleaks knows"

    env = {**os.environ, "FIRSTFIX_DIR": str(tmp_path / "state"), "FIRSTFIX_NVML": "", "FIRSTFIX_CUDA": ""}

    def keep(name, *args, **extra):
        done = subprocess.run(
            [firstfix, *map(str, args)], capture_output=True, text=True, timeout=120, env=env | extra, check=False
        )
        assert done.returncode in (0, 1), done.stderr
        (out / name).write_text(done.stdout + done.stderr)

    for form in ("", "--json", "--markdown"):
        keep(f"explain{form}", "explain", "--no-facts", raw / "log", *filter(None, [form]))
    for start in range(0, len(lines), 15):
        some = raw / f"log{start}"
        some.write_text("".join(f"ERROR {line}\n" for line in lines[start:start + 15]) + TRACE)
        keep(f"saved{start}", "explain", "--save", "--no-facts", some)
        keep(f"shown{start}", "incidents", "show", "last", "--json")
    bundle = tmp_path / "b.tar.zst"
    keep("bundle", "bundle", "last", "-o", bundle)
    keep("unpacked", "incidents", "show", bundle, "--json")
    worker = subprocess.Popen(
        [sys.executable, "-c", "import sys; print(1, flush=True); sys.stdin.read()", *lines],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=env | {f"HF_ACME_{i}": line for i, line in enumerate(lines)},
    )
    worker.stdout.readline()
    keep("report", "report", "--pid", worker.pid, "--json")
    keep("capture", "capture", "--pid", worker.pid, out / "machine")
    worker.communicate()
    for path in (out / "machine").rglob("*.dist-info"):
        shutil.rmtree(path)  # other people's read-me files hold examples of keys
    assert found(gitleaks, out, tmp_path / "out.json") == []
