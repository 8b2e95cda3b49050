"""Secrets in every form that tests/secret_lines.py knows, through everything that leaves: explain, incidents, bundle,
report, capture, and what the supervisor says when nobody else does. Harmless strings come through as they are."""

import concurrent.futures
import json
import os
import subprocess
import sys

import pytest
import secret_lines

SEED = int(os.environ.get("FIRSTFIX_TEST_SEED", "1"))
TRACE = (
    'Traceback (most recent call last):\n  File "/app/handler.py", line 9, in load\n    connect()\nConnectionError: '
)


@pytest.fixture
def lines():
    return secret_lines.secrets(SEED)


@pytest.fixture
def run(firstfix, tmp_path):
    env = {**os.environ, "FIRSTFIX_DIR": str(tmp_path / "state"), "FIRSTFIX_NVML": "", "FIRSTFIX_CUDA": ""}

    def call(*args, code=0, **kwargs):
        done = subprocess.run(
            [firstfix, *map(str, args)], capture_output=True, text=True, timeout=120, env={**env, **kwargs}
        )
        assert done.returncode in (code, 0), done.stderr
        return done.stdout + done.stderr

    return call


def leaks(lines, *texts):
    return [(label, part) for label, _, parts in lines for part in parts if any(part in text for text in texts)]


def test_the_table_is_large_enough(lines):
    assert len(lines) >= 110 and len({label for label, _, _ in lines}) == len(lines)


def test_explain(run, lines, tmp_path):
    def one(i):
        path = tmp_path / f"log{i}"
        path.write_text(f"2026-01-01 INFO {lines[i][1]}\n{TRACE}mark{i} {lines[i][1]}\n")
        out = run("explain", "--no-facts", path, "--json", code=1) + run("explain", "--no-facts", path, code=1)
        return leaks([lines[i]], out), f"mark{i}" in out

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        told = list(pool.map(one, range(len(lines))))
    assert [leak for found, _ in told for leak in found] == []
    assert sum(shown for _, shown in told) > 0.9 * len(lines), "the lines are shown, with their secrets masked"


def test_incidents_and_bundle(run, lines, tmp_path):
    text = "".join(f"mark{i} {line}\n" for i, (_, line, _) in enumerate(lines))
    half = len(lines) // 2
    out = []
    for n, log in enumerate(
        (text.split(f"mark{half} ")[0] + TRACE + "x\n", text[text.index(f"mark{half} ") :] + TRACE + "y\n")
    ):
        tail = tmp_path / f"tail{n}"
        tail.write_text(log)
        document = {
            "schema": "firstfix.death/1",
            "run_id": f"r{n}",
            "attempt": 1,
            "attempts_max": 1,
            "recover": "off",
            "command": " ".join(line for _, line, _ in lines[:20]),
            "argv": [line for _, line, _ in lines],
            "cwd": "/app",
            "command_key": f"00000000000000a{n}",
            "how": "exit",
            "exit": {"code": 1},
            "lasted_ms": 9,
            "pids": [1],
            "state_dir": str(tmp_path / "state"),
            "tails": [{"stream": "stderr", "path": str(tail), "bytes": len(log), "total": len(log)}],
        }
        (tmp_path / "death.json").write_text(json.dumps(document))
        out.append(run("incident", "--from", tmp_path / "death.json"))
        run("bundle", "last", "-o", tmp_path / f"b{n}.tar.zst")
        for incident in ("last", tmp_path / f"b{n}.tar.zst"):
            out += [run("incidents", "show", incident, *form) for form in ((), ("--json",), ("--markdown",))]
    out.append(run("incidents", "--json"))
    out += [p.read_bytes().decode("latin-1") for p in (tmp_path / "state").rglob("*") if p.is_file()]
    assert leaks(lines, *out) == []
    assert "masked:" in out[1]


def looked_at(lines):
    """A process whose arguments and variables are full of secrets; the variables' names are of no table."""
    env = {**os.environ, "FIRSTFIX_NVML": "", "FIRSTFIX_CUDA": ""}
    prefixes = ("HF_", "VLLM_", "NVIDIA_", "RAY_", "RUNPOD_", "TORCH_")
    for i, (_, line, parts) in enumerate(lines):
        env[f"{prefixes[i % len(prefixes)]}ACME_{i}"] = line
        env[f"{prefixes[i % len(prefixes)]}THING_{i}"] = max(parts, key=len) + "7gK2x"
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", code, *(line for _, line, _ in lines)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, env=env)
    assert process.stdout.readline() == b"up\n"
    return process


def test_report_and_capture(run, lines, tmp_path):
    process = looked_at(lines)
    try:
        out = [run("report", "--pid", process.pid, *form) for form in ((), ("--json",), ("--markdown", "--verbose"))]
        run("capture", "--pid", process.pid, tmp_path / "machine")
    finally:
        process.stdin.close()
        process.wait()
    out += [
        p.read_bytes().decode("latin-1")
        for p in (tmp_path / "machine").rglob("*")
        if p.is_file() and not p.is_symlink()
    ]
    assert leaks(lines, *out) == []
    env = json.loads(out[1])["env"]
    assert env["HF_ACME_0"]["masked"] is True


def test_harmless_strings_come_through(run, tmp_path):
    harmless = [line.replace('"', "'") for line in secret_lines.harmless(SEED, 1000)]
    masked = 0
    for start in range(0, len(harmless), 250):
        argv = harmless[start:start + 250]
        document = {
            "schema": "firstfix.death/1",
            "run_id": f"r{start}",
            "attempt": 1,
            "attempts_max": 1,
            "recover": "off",
            "command": "x",
            "argv": ["x"],
            "cwd": "/app",
            "command_key": f"000000000000{start:04}",
            "how": "exit",
            "exit": {"code": 1},
            "lasted_ms": 9,
            "pids": [1],
            "state_dir": str(tmp_path / "state"),
            "hang": {"lines": argv},
        }
        (tmp_path / "death.json").write_text(json.dumps(document))
        run("incident", "--from", tmp_path / "death.json")
        shown = json.loads(run("incidents", "show", "last", "--json"))
        masked += sum(a != b for a, b in zip(argv, shown["hang"]["lines"], strict=True))
    assert masked <= 10, f"{masked} of 1000 harmless strings were masked"

def test_the_supervisor_by_itself(runner, lines):
    """When the incident step fails, the supervisor prints the end of the output itself, and the command."""
    (runner.steps / "crash").write_text("")
    loud = [(label, line, parts) for label, line, parts in lines if label != "key block"]
    found = []
    for start in range(0, len(loud), 10):
        some = loud[start:start + 10]
        script = runner.folder / f"worker{start}"
        script.write_text(
            "#!/bin/sh\ncat <<'EOT' >/dev/stderr\n" + "".join(f"{line}\n" for _, line, _ in some) + "EOT\nexit 3\n"
        )
        script.chmod(0o755)
        done = runner.run(str(script), *(word for _, line, _ in some for word in line.split(" | ")))
        ours = done.stderr.decode().partition("=== firstfix: WORKER FAILED ===")[2]
        assert "the end of its" in ours
        found += leaks(some, ours)
    assert len(found) <= 0.03 * len(loud), found  # what is left are ids that stand beside the secret
