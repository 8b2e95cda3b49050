"""firstfix explain as a user meets it: pipes, Ctrl-C, hostile logs and facts."""
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import time

import pytest

OOM = (
    b'Traceback (most recent call last):\n  File "/app/a.py", line 1, in f\n    x()\ntorch.cuda.OutOfMemoryError: CUDA'
    b" out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 23.65 GiB of which 11.00 MiB is free."
    b" Process 9 has 23.60 GiB memory in use. Of the allocated memory 22.00 GiB is allocated by PyTorch, and 1.00 GiB"
    b" is reserved by PyTorch but unallocated.\n"
)


def explain(firstfix, log, *options, **more):
    run = subprocess.run(
        [firstfix, "explain", "--no-facts", "--json", *options], input=log, capture_output=True, timeout=60, **more
    )
    assert run.returncode in (0, 1), run.stderr
    return json.loads(run.stdout)


def causes(answer):
    return [d["cause"] for d in answer["diagnoses"]]


def limited(kib):
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (kib * 1024, kib * 1024))


def test_an_empty_log_is_healthy(firstfix):
    answer = explain(firstfix, b"")
    assert answer["diagnoses"] == [] and answer["unexplained"] == []


@pytest.mark.parametrize(
    "noise",
    [
        b"\0" * 5000,
        bytes(range(256)) * 400,
        b"\xff\xfe\xc3(" * 3000 + b"\n",
        b"\r" * 9999 + b"\n",
        b"\x1b[" * 9999 + b"\n",
        b"\x1b]0;" + b"x" * 70000 + b"\n",
        b"{" * 50000 + b"\n",
        b'{"log":"' + b"\\u0000" * 9000 + b'"}\n',
        b"Traceback (most recent call last):\n" * 20000,
        b"\nDuring handling of the above exception, another exception occurred:\n\n" * 5000,
        b'  File "a", line 1, in b\n' * 20000,
        b"[rank0]: " * 9000 + b"\n",
        b"a" * 16383 + b"\nb" * 16385,
        os.urandom(200000),
    ],
    ids=lambda noise: repr(noise[:12]),
)
def test_noise_hides_nothing(firstfix, noise):
    assert causes(explain(firstfix, noise + b"\n" + OOM))[:1] == causes(explain(firstfix, OOM))[:1]


@pytest.mark.usefixtures("unsanitized")
def test_a_huge_line_takes_no_memory(firstfix, tmp_path):
    with open(tmp_path / "log", "wb") as log:
        log.write(OOM)
        log.truncate(300 << 20)  # a hole: NULs without a newline
        log.seek(0, 2)
        log.write(b"\n" + OOM)
    run = subprocess.run(
        [firstfix, "explain", "--no-facts", "--json", tmp_path / "log"],
        capture_output=True,
        timeout=60,
        preexec_fn=limited(160 << 10),
    )
    assert run.returncode == 1, run.stderr
    assert causes(json.loads(run.stdout))[0].startswith("oom.")


@pytest.mark.usefixtures("unsanitized")
@pytest.mark.parametrize(
    "piece",
    [
        b"x" * (1 << 20),
        b"CUDA out of memory Error: " * 40330,
        b"2026-01-02T03:04:05Z stderr P xxxxxxxxxxxxxxxxxxxx\n" * 20000,
    ],
    ids=["one line", "one line of signatures", "a line that never ends in parts"],
)
def test_memory_is_constant(firstfix, piece):
    process = subprocess.Popen(
        [firstfix, "explain", "--no-facts", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    for _ in range(1024 if len(set(piece)) == 1 else 16):  # 1 GiB of what is only skipped
        process.stdin.write(piece)
    process.stdin.write(b"\n" + OOM)
    process.stdin.flush()
    # Not ru_maxrss: what pytest itself held before exec() counts there.
    peak = re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8"))
    out, _ = process.communicate()
    assert process.returncode == 1 and causes(json.loads(out))[0].startswith("oom.")
    assert int(peak[1]) < 60 << 10


def status_before_its_answer(words):
    """/proc/PID/status of a program that waits to write into a pipe that is full, and what it then writes."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, b" " * 4096)
    os.set_blocking(writer, True)
    with subprocess.Popen(words, stdout=writer) as process, open(reader, "rb") as answer:
        os.close(writer)
        status, asleep, until = "", 0, time.monotonic() + 30
        while asleep < 5 and time.monotonic() < until:
            time.sleep(0.02)
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
            asleep = asleep + 1 if "State:\tS" in status else 0
        return status, answer.read().strip()


@pytest.mark.usefixtures("unsanitized")
def test_a_common_log_takes_little_memory(firstfix, tmp_path):
    (tmp_path / "facts.json").write_text('{"schema": "firstfix.facts/1"}', encoding="utf-8")
    (tmp_path / "log").write_bytes(b"INFO step done, loss 0.1, all is well\n" * 26000 + OOM)
    status, answer = status_before_its_answer(
        [firstfix, "explain", "--json", "--facts", tmp_path / "facts.json", tmp_path / "log"])
    assert causes(json.loads(answer))[0].startswith("oom.")
    assert int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) < 16 << 10


def test_a_log_that_never_ends_is_explained_at_ctrl_c(firstfix):
    process = subprocess.Popen(
        [firstfix, "explain", "--no-facts", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdin.write(OOM)
    process.stdin.flush()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out = process.stdout.read()  # standard input stays open
    assert process.wait(10) == 1 and causes(json.loads(out))[0].startswith("oom.")


def test_log_text_cannot_act_on_the_terminal(firstfix):
    hostile = (
        b"RuntimeError: CUDA error: no kernel image is available for execution on the device"
        b" \x1b[2J\x1b]52;c;ZXZpbA==\x07\x9b31m\x08\x08 \xe2\x80\xae\n"
    )
    for form in ((), ("--markdown",), ("--json",), ("--verbose",)):
        out = subprocess.run(
            [firstfix, "explain", "--no-facts", *form], input=hostile, capture_output=True, timeout=20
        ).stdout
        assert out and not [b for b in out if b < 32 and b != 10], out
        assert b"\x9b" not in out.decode(errors="replace").encode("latin-1", "ignore") and "\u202e" not in out.decode()


@pytest.mark.parametrize(
    "facts",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"schema": "firstfix.facts/2"}',
        b'{"schema": 1}',
        b"[" * 100000,
        b'{"a":' * 100000,
        b"\0",
        b'{"schema": "firstfix.facts/1", "a": 1e999}',
        b'{"schema": "firstfix.facts/1", "a": 1, "a": 2}',
        b'{"schema": "firstfix.facts/1", "x": "\xff"}',
    ],
    ids=lambda f: repr(f[:40]),
)
def test_bad_facts_are_refused_with_a_reason(firstfix, tmp_path, facts):
    (tmp_path / "f.json").write_bytes(facts)
    run = subprocess.run(
        [firstfix, "explain", "--facts", tmp_path / "f.json"], input=OOM, capture_output=True, timeout=20
    )
    assert run.returncode == 2 and b"f.json" in run.stderr and run.stdout == b""


ODD = {
    "env": ["x"],
    "complete": "env",
    "gpus": {"0": 1},
    "torch": {"archs": [1, None, {}], "version": 5, "cuda": []},
    "driver": {"version": 1e308},
    "python": {"packages": [["torch"]], "conflicts": [{"requires": 1}, 3, None]},
    "bitsandbytes": {"binaries": {"a": 1}, "version": [], "found": "no"},
    "system": {"disks": [7, {"for": [], "free": "x"}], "memory": [], "shm": {"size": -1}, "container": 3},
    "allocator": {"errors": [1, {"key": {}}]},
    "env_notes": [4, {"name": 1}],
    "xids": {"number": 79},
    "model": {"repos": [None, {"config": 3, "incomplete": "x"}]},
    "cuda": {"conflicts": [[], 1]},
}


@pytest.mark.parametrize("key", [*ODD, None])
def test_facts_of_wrong_types_break_no_answer(firstfix, tmp_path, key):
    facts = {"schema": "firstfix.facts/1", **(ODD if key is None else {key: ODD[key]})}
    (tmp_path / "f.json").write_text(json.dumps(facts))
    for command in (
        ("explain", "--json", "--facts", tmp_path / "f.json"),
        ("check", "--json", "--facts", tmp_path / "f.json"),
    ):
        run = subprocess.run([firstfix, *command], input=OOM, capture_output=True, timeout=20)
        assert run.returncode in (0, 1), run.stderr
        document = json.loads(run.stdout)
        if command[0] == "explain":
            assert causes(document)[0].startswith("oom.")


def test_facts_that_cannot_be_read_are_named(firstfix, tmp_path):
    (tmp_path / "closed.json").write_text("{}")
    (tmp_path / "closed.json").chmod(0)
    for facts in (tmp_path, tmp_path / "closed.json", tmp_path / "missing.json", "/dev/null"):
        run = subprocess.run([firstfix, "explain", "--facts", facts], input=OOM, capture_output=True, timeout=20)
        assert run.returncode == 2 and str(facts).encode() in run.stderr and run.stdout == b""


def test_numbers_at_the_edge_break_no_answer(firstfix, tmp_path):
    edge = {
        "schema": "firstfix.facts/1",
        "gpus": [
            {
                "index": 2**63 - 1,
                "memory": {"total": 2**63 - 1, "free": -(2**63)},
                "compute_capability": "9" * 40 + ".0",
            }
        ],
        "torch": {"version": "9" * 40 + ".1", "cuda": "-1.5"},
        "driver": {"version": "1" * 400},
        "system": {"memory": {"total": 1e308}},
    }
    (tmp_path / "f.json").write_text(json.dumps(edge))
    run = subprocess.run(
        [firstfix, "explain", "--json", "--facts", tmp_path / "f.json"], input=OOM, capture_output=True, timeout=20
    )
    assert (
        run.returncode == 1
        and causes(json.loads(run.stdout))[0].startswith("oom.")
        and "broken_rules" not in json.loads(run.stdout)
    )


def test_wrong_use_is_said(firstfix, tmp_path):
    for wrong in (
        ("--facts", "x", "--no-facts"),
        (tmp_path / "missing",),
        ("--rules", tmp_path / "missing", "--no-facts"),
        (tmp_path, "--no-facts"),
        ("--nonsense",),
    ):
        run = subprocess.run([firstfix, "explain", *wrong], input=b"", capture_output=True, timeout=20)
        assert run.returncode == 2 and run.stderr, wrong


@pytest.mark.parametrize(
    "needs, shown",
    [
        (
            [{"soname": "libcudart.so.12"}, {"soname": "libm.so.6", "path": "/lib/libm.so.6"}],
            "Needed and not found: libcudart.so.12\n",
        ),
        ([{"soname": "libcudart.so.12"}, {"other": 1}], "bitsandbytes.needs: soname libcudart.so.12, other 1\n"),
    ],
)
def test_of_needed_libraries_the_missing_are_shown(firstfix, tmp_path, needs, shown):
    facts = {
        "schema": "firstfix.facts/1",
        "bitsandbytes": {"version": "0.50.2", "needs": needs},
        "torch": {"cuda": "12.4"},
    }
    (tmp_path / "facts.json").write_text(json.dumps(facts))
    log = (
        b"bitsandbytes library load error: libcudart.so.12: cannot open shared object file: No such file or directory\n"
    )
    run = subprocess.run(
        [firstfix, "explain", "-v", "--facts", tmp_path / "facts.json", "-"], input=log, capture_output=True, timeout=30
    )
    assert shown in run.stdout.decode(), run.stdout.decode()


def test_evidence_is_short_and_has_units(firstfix, tmp_path):
    facts = tmp_path / "facts.json"
    gpu = {
        "index": 0,
        "name": "NVIDIA L4",
        "memory": {"total": 24152899584, "free": 220200960},
        "utilization": {"gpu": 0, "memory": 0},
    }
    facts.write_text(
        json.dumps(
            {
                "schema": "firstfix.facts/1",
                "gpus": [gpu],
                "driver": {"version": "550.54.14"},
                "cuda": {
                    "driver_init": {
                        "code": 802,
                        "name": "CUDA_ERROR_SYSTEM_NOT_READY",
                        "text": "system not yet initialized",
                    }
                },
            }
        )
    )
    said = subprocess.run(
        [firstfix, "explain", "--facts", facts], input=OOM, capture_output=True, timeout=60
    ).stdout.decode()
    assert "gpus.0.memory.total: 22.5 GiB" in said and "utilization" not in said
    said = subprocess.run([firstfix, "check", "--facts", facts], capture_output=True, timeout=60).stdout.decode()
    assert "802 CUDA_ERROR_SYSTEM_NOT_READY system not yet" in said


def test_an_answer_is_the_same_every_time(firstfix, tmp_path):
    facts = tmp_path / "facts.json"
    facts.write_text(
        json.dumps(
            {"schema": "firstfix.facts/1", "gpus": [{"index": i, "name": "NVIDIA L4", "mig": False} for i in range(4)]}
        )
    )
    answers = {
        subprocess.run(
            [firstfix, "explain", "--json", "--facts", facts],
            input=b"RuntimeError: CUDA error: invalid device ordinal\n",
            capture_output=True,
            timeout=60,
        ).stdout
        for _ in range(5)
    }
    assert len(answers) == 1


def test_a_second_cause_within_reach_is_named_with_what_decides(firstfix):
    log = b"RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU.\n"
    rivals = explain(firstfix, log)["rivals"]
    assert set(rivals["causes"]) == {"host.no-gpu", "container.no-gpu"}
    assert len(rivals["titles"]) == 2 and all(rivals["titles"]) and "nvidia-smi" in rivals["would_decide"][0]
    page = subprocess.run(
        [firstfix, "explain", "--no-facts"], input=log, capture_output=True, timeout=60
    ).stdout.decode()
    assert "Or it is" in page and f"({rivals['causes'][1]})" in page and "Would decide" in page


def test_two_rules_on_one_exception_are_rivals_by_the_facts_that_they_lack(firstfix, tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    block = 'rule {{id = "site.{0}", title = "the {0} of the site", signatures = {{q = [[quota of \\w+ exceeded]]}}, ' \
            'why = "It is {0}.", confidence = {1}, facts = {{"{2}", "driver.version"}}}}\n'
    (rules / "site.lua").write_text(block.format("quota", 0.7, "env.QUOTA") + block.format("disk", 0.6, "system.arch")
                                    + block.format("far", 0.3, "system.kernel"))
    answer = explain(firstfix, b"RuntimeError: quota of bob exceeded\n", "--rules", rules)
    assert answer["rivals"]["causes"] == ["site.quota", "site.disk"]
    assert answer["rivals"]["would_decide"] == [
        "env.QUOTA",
        "system.arch",
        "driver.version",
    ]  # what both ask for comes last


def test_a_sure_answer_has_no_rival(firstfix):
    log = b"ImportError: libcublas.so.12: cannot open shared object file: No such file or directory\n"
    answer = explain(firstfix, log)
    assert answer["diagnoses"] and "rivals" not in answer
