"""The real gitleaks over everything that leaves: what its own patterns call a secret does not come through either."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import secret_lines
from conftest import build_dir
from wheelhouse import wheelhouse

MODULE = "github.com/zricethezav/gitleaks/v8@v8.28.0"
TRACE = (
    'Traceback (most recent call last):\n  File "/app/handler.py", line 9, in load\n    connect()\nConnectionError: x\n'
)


ARTEFACTS = {"sonar-api-token"}  # what it marks there is the word "Token"


def environment():
    """For go, with everything in the cache of the wheel tests; skips where there is no go."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if not go:
        pytest.skip("no go to build gitleaks with")
    folder = wheelhouse() / "go"
    return go, {**os.environ, "GOPATH": str(folder), "GOBIN": str(folder / "bin"), "GOFLAGS": "-modcacherw"}


@pytest.fixture(scope="session")
def gitleaks():
    """The program, built once into the cache of the wheel tests."""
    program = wheelhouse() / "go/bin/gitleaks"
    if program.exists():
        return program
    go, env = environment()
    built = subprocess.run([go, "install", MODULE], env=env, capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip(f"gitleaks cannot be built: {built.stderr.strip().splitlines()[-1:]}")
    return program


@pytest.fixture(scope="session")
def samples(gitleaks, tmp_path_factory):
    """[(rule, line, secret)]: what its rules are tested with by their authors, made anew at each run."""
    go, env = environment()
    module = tmp_path_factory.mktemp("gitleaks") / "module"
    shutil.copytree(wheelhouse() / "go/pkg/mod" / MODULE, module)
    subprocess.run(["chmod", "-R", "u+w", module], check=True)
    source = pathlib.Path(__file__).with_name("gitleaks_samples.go")
    shutil.copy(source, module / "cmd/generate/config/utils/validate.go")
    said = subprocess.run(
        [go, "run", "./cmd/generate/config", os.devnull],
        env=env,
        cwd=module,
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [tuple(json.loads(line)) for line in said.stdout.splitlines()]
    if not rows:
        pytest.skip(f"gitleaks' samples cannot be had: {said.stderr.strip().splitlines()[-1:]}")
    return [row for row in rows if row[0] not in ARTEFACTS and "\n" not in row[1]]


def test_of_its_own_samples_hardly_one_comes_through(samples, tmp_path):
    document = tmp_path / "facts.json"
    document.write_text(json.dumps({"schema": "firstfix.facts/1", "lines": [line for _, line, _ in samples]}))
    shown = subprocess.run(
        [build_dir() / "tests/emit-oracle", "json", "utf8", "120", document], capture_output=True, text=True, check=True
    )
    lines = json.loads(shown.stdout)["lines"]
    leaks = [(rule, line) for (rule, _, secret), line in zip(samples, lines) if secret in line]
    assert len(samples) > 5000 and len(leaks) < 0.005 * len(samples), leaks


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
