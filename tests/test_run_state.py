"""firstfix run where its state folder is missing, read-only, full, somebody else's or shared: the worker never notices.
"""

import json
import os
import pathlib
import subprocess
import time

import pytest

from runner import PYTHON

DIES = "import sys; print('x' * 100000); print('Traceback: boom', file=sys.stderr); sys.exit(3)"


def in_namespace(runner, prepare, *options):
    """Run the worker in a mount namespace where `prepare` has changed what lies at the state folder."""
    runner.state.mkdir(exist_ok=True, mode=0o700)
    script = f'mount -t tmpfs -o size=16m,mode=700 none {runner.state} && {prepare} && exec "$@"'
    worker = runner.command(PYTHON, "-c", DIES, options=options)
    got = subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", *worker], env=runner.env, capture_output=True,
                         stdin=subprocess.DEVNULL, timeout=60, check=False)
    if b"unshare" in got.stderr or b"mount:" in got.stderr:
        pytest.skip(f"NO NAMESPACE: {got.stderr.decode().strip()}")
    return got


def test_missing_folder_is_made(runner):
    runner.env["FIRSTFIX_DIR"] = str(runner.folder / "a/b/c")
    assert runner.python(DIES).returncode == 3
    assert (runner.folder / "a/b/c").stat().st_mode & 0o777 == 0o700 and len(runner.deaths()) == 1


def test_read_only_folder(runner):
    got = in_namespace(runner, f"mount -o remount,ro {runner.state}")
    assert got.returncode == 3 and len(got.stdout) == 100001
    assert b"Read-only file system" in got.stderr and b"incidents are only printed" in got.stderr
    assert b"INCIDENT TEXT" in got.stderr, "the documents lie in memory"
    assert runner.tail(1, 1) == b"Traceback: boom\n"
    assert "state_dir" not in runner.deaths()[0]


def test_full_folder(runner):
    got = in_namespace(runner, f"head -c 20m /dev/zero > {runner.state}/fill 2>/dev/null; true")
    assert got.returncode == 3 and len(got.stdout) == 100001
    assert b"No space left on device" in got.stderr and b"INCIDENT TEXT" in got.stderr
    assert runner.tail(1, 1) == b"Traceback: boom\n"


def test_folder_that_fills_up_while_the_worker_runs(runner):
    code = (
        f"import sys; f = open('{runner.state}/fill', 'wb', 0)\ntry:\n while True: f.write(bytes(1 << 16))\nexcept"
        " OSError: pass\n"
    )
    runner.state.mkdir(mode=0o700)
    script = f'mount -t tmpfs -o size=4m,mode=700 none {runner.state} && exec "$@"'
    got = subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", *runner.command(PYTHON, "-c", code + DIES)],
                         env=runner.env, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    if b"unshare" in got.stderr or b"mount:" in got.stderr:
        pytest.skip(f"NO NAMESPACE: {got.stderr.decode().strip()}")
    assert got.returncode == 3 and len(got.stdout) == 100001
    assert runner.tail(1, 1) == b"Traceback: boom\n", got.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT ROOT: cannot become another user")
def test_folder_of_another_user(runner):
    runner.state.mkdir(mode=0o755)
    for path in (runner.folder, *runner.folder.parents[:3], runner.steps):
        path.chmod(path.stat().st_mode | 0o055)
    runner.steps.chmod(0o777)
    got = runner.run("sh", "-c", "echo out; exit 3", preexec_fn=lambda: os.setuid(65534))
    if b"Permission denied" in got.stderr and got.returncode not in (3,):
        pytest.skip(f"NO ACCESS: another user cannot run what was built here: {got.stderr.decode()}")
    assert got.returncode == 3 and got.stdout == b"out\n"
    assert b"incidents are only printed" in got.stderr and b"INCIDENT TEXT" in got.stderr


def test_state_folder_that_is_a_file(runner):
    runner.state.write_text("no folder")
    got = runner.python(DIES)
    assert got.returncode == 3 and b"Not a directory" in got.stderr and b"INCIDENT TEXT" in got.stderr


def test_two_supervisors_on_one_folder(runner):
    (runner.steps / "crash").touch()  # so that no incident takes the documents away
    workers = [runner.start("sh", "-c", f"echo {i}; sleep 0.3; exit {i + 3}") for i in range(4)]
    outputs = [p.communicate(timeout=30) for p in workers]
    assert [p.returncode for p in workers] == [3, 4, 5, 6]
    assert [out for out, _ in outputs] == [b"0\n", b"1\n", b"2\n", b"3\n"]
    documents = [json.loads(p.read_text()) for p in (runner.state / "deaths").glob("*.json")]
    assert sorted(d["exit"]["code"] for d in documents) == [3, 4, 5, 6]
    assert len({d["command_key"] for d in documents}) == 4


def test_tail_file_cut_by_somebody(runner):
    code = """
import glob, os, sys, time
sys.stdout.write('a' * 5000); sys.stdout.flush(); time.sleep(0.2)
for f in glob.glob(os.environ['FIRSTFIX_DIR'] + '/tails/*'): os.truncate(f, 0)
sys.stdout.write('b' * 5000); sys.stdout.flush(); sys.exit(3)
"""
    got = runner.python(code)
    assert got.returncode == 3 and got.stdout == b"a" * 5000 + b"b" * 5000
    assert runner.tail()[-5000:] == b"b" * 5000


def test_tail_file_cut_while_output_waits_for_a_slow_reader(runner):
    code = """
import glob, os, sys, time
sys.stdout.write('a' * 400000); sys.stdout.flush(); time.sleep(0.3)
for f in glob.glob(os.environ['FIRSTFIX_DIR'] + '/tails/*'): os.truncate(f, 0)
sys.stdout.write('b' * 5000); sys.stdout.flush(); sys.exit(3)
"""
    with runner.start(PYTHON, "-c", code) as run:
        time.sleep(1)
        out, err = run.communicate(timeout=60)
    assert run.returncode == 3 and out.strip(b"a") == b"b" * 5000, (
        "what was lost is missing, and nothing stands in its place"
    )
    assert len(out) == 405000 or b"bytes were lost: somebody cut" in err


def test_old_files_are_removed(runner):
    runner.run("true")
    old, new = runner.state / "tails/old", runner.state / "tails/new"
    for path in (old, new):
        path.write_text("x")
    os.utime(old, (1, 1))
    runner.run("true")
    assert new.exists() and not old.exists()


def test_turns_of_two_streams_are_handed_over(runner):
    code = "import os, sys\nfor i in range(6): os.write(1 + i % 2, b'%d\\n' % i); sys.stdin.readline()\nsys.exit(3)"
    runner.verdict(1, "action=give-up")  # not stored, so that the files stay
    run = runner.start(PYTHON, "-c", code, stdin=subprocess.PIPE, options=["--report", "off"])
    for i in range(6):  # each line has come through before the next is printed
        assert (run.stderr if i % 2 else run.stdout).readline() == b"%d\n" % i
        run.stdin.write(b"\n")
        run.stdin.flush()
    run.communicate(timeout=30)
    [death] = runner.deaths()
    texts = [(runner.steps / f"tail.1.{i}").read_text().split() for i in range(2)]
    assert texts == [["0", "2", "4"], ["1", "3", "5"]] and all(
        tail["turns"].endswith(".turns") for tail in death["tails"]
    )
    rows = []
    for tail in death["tails"]:
        first, *turns = pathlib.Path(tail["turns"]).read_text().splitlines()
        assert first == "from 0"
        rows += [(int(mono), int(at), int(epoch), tail["stream"]) for at, mono, epoch in map(str.split, turns)]
    rows.sort()
    assert [(row[3], row[1]) for row in rows] == [
        ("stdout", 0),
        ("stderr", 0),
        ("stdout", 2),
        ("stderr", 2),
        ("stdout", 4),
        ("stderr", 4),
    ]
    assert all(abs(row[2] / 1e9 - time.time()) < 60 for row in rows)
