"""An unprivileged worker under a supervisor that is root: whatever it puts into the state folder, it reads no file of
root's with it.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

NOBODY = 65534
SECRET = "only-root-may-read-this-4711"
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="NOT ROOT: nobody to be protected from"
)

# Puts prepared documents, links and folders wherever it can, again and again, then dies so that the incident step runs.
WORKER = r"""
import json, os, sys, time
state, secret, run_id = sys.argv[1], sys.argv[2], os.environ["FIRSTFIX_RUN_ID"]
document = json.dumps({"schema": "firstfix.death/1", "run_id": run_id, "attempt": 1, "command": "x", "argv": ["x"],
    "command_key": "0" * 16,
    "how": "exit", "exit": {"code": 1}, "report": secret, "pids": [],
    "tails": [{"stream": s, "path": secret, "bytes": 9, "total": 9} for s in ("stdout", "stderr", "output")]})
def attempt(action, *words):
    try:
        action(*words)
    except OSError:
        pass
def put(path):
    with open(path, "w") as f:
        f.write(document)
def plant():
    attempt(os.makedirs, state + "/deaths")
    attempt(put, state + "/deaths/" + run_id + ".1.json")
    for name in ("firstfix.db", "reports/" + run_id + ".json", "tally", "lanes", "tails"):
        attempt(os.symlink, secret, state + "/" + name)
attempt(os.rename, state + "/deaths", state + "/roots")
plant()
if os.fork() == 0:
    start = time.time()
    while time.time() < start + 2:
        plant()
    while time.time() < start + 3:
        plant()
        for name in (".1.stdout", ".1.stderr", ".1.output"):
            attempt(os.symlink, secret, state + "/deaths/" + run_id + name)
        attempt(os.rename, state, state + ".aside")
        attempt(os.mkdir, state)
    os._exit(0)
sys.exit(7)
"""


@pytest.fixture
def place():
    """A folder that everybody may enter, with root's secret in it; gone afterwards."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="firstfix-attack-"))
    folder.chmod(0o755)
    secret = folder / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def make(folder, uid, mode):
    folder.mkdir()
    os.chown(folder, uid, uid)
    folder.chmod(mode)
    return folder


def of_another_user(place):
    return make(place / "state", NOBODY, 0o700)


def sticky_for_all(place):
    return make(place / "state", 0, 0o1777)


def of_a_group(place):
    state = make(place / "state", 0, 0o770)
    os.chown(state, 0, NOBODY)
    return state


def inside_a_folder_for_all(place):
    return make(make(place / "volume", 0, 0o777) / "state", 0, 0o700)


def behind_a_link_of_another_user(place):
    real, link = make(place / "real", 0, 0o700), make(place / "links", NOBODY, 0o755) / "state"
    link.symlink_to(real)
    os.lchown(link, NOBODY, NOBODY)
    return link


def with_open_folders_inside(place):
    state = make(place / "state", 0, 0o755)
    for name in ("deaths", "tails", "reports", "lanes"):
        make(state / name, 0, 0o777)
    return state


def good(place):
    return make(place / "state", 0, 0o755)


@pytest.mark.parametrize(
    "folder",
    [
        of_another_user,
        sticky_for_all,
        of_a_group,
        inside_a_folder_for_all,
        with_open_folders_inside,
        behind_a_link_of_another_user,
        good,
    ],
    ids=lambda f: f.__name__,
)
def test_a_worker_reads_nothing_of_roots(firstfix, place, folder, times):
    state = folder(place)
    env = {**os.environ, "FIRSTFIX_DIR": str(state), "FIRSTFIX_NVML": "", "FIRSTFIX_CUDA": "", "FIRSTFIX_REPORT": "off"}
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    for _ in range(times(1, 143)):
        done = subprocess.run(
            [firstfix, "run", "--", *drop, "/usr/bin/python3", "-c", WORKER, str(state), str(place / "secret")],
            env=env,
            capture_output=True,
            timeout=60,
            check=False,
        )
        shown = subprocess.run(
            [firstfix, "incidents", "show", "last", "--json"], env=env, capture_output=True, check=False
        ).stdout
        assert done.returncode == 7, done.stderr
        assert b"exit code 7" in done.stderr.lower() or b"Exit code" in done.stderr, "the incident is told all the same"
        assert SECRET.encode() not in done.stdout + done.stderr + shown
    stored = [p for p in place.rglob("*") if p.is_file() and not p.is_symlink() and p != place / "secret"]
    assert not [p for p in stored if SECRET.encode() in p.read_bytes()]


@pytest.mark.parametrize("kind", ["document", "tail", "linked tail", "hard link", "database"])
def test_what_another_user_wrote_is_not_read(firstfix, place, kind):
    state = make(place / "state", 0, 0o700)
    tail = place / "tail"
    tail.write_text("a tail of ours\n")
    path = place / "death.json"
    path.write_text(
        json.dumps(
            {
                "schema": "firstfix.death/1",
                "command": "x",
                "how": "exit",
                "exit": {"code": 1},
                "pids": [],
                "state_dir": str(state),
                "tails": [{"stream": "stderr", "path": str(tail), "bytes": 1, "total": 1}],
            }
        )
    )
    if kind == "document":
        os.chown(path, NOBODY, NOBODY)
    elif kind == "tail":
        os.chown(tail, NOBODY, NOBODY)
    elif kind == "linked tail":
        tail.unlink()
        tail.symlink_to(place / "secret")
    elif kind == "hard link":  # of a worker, where the kernel does not protect them
        tail.unlink()
        tail.hardlink_to(place / "secret")
    else:
        (state / "firstfix.db").write_bytes(b"")
        os.chown(state / "firstfix.db", NOBODY, NOBODY)
    env = {**os.environ, "FIRSTFIX_DIR": str(state), "FIRSTFIX_NVML": "", "FIRSTFIX_CUDA": ""}
    done = subprocess.run(
        [firstfix, "incident", "--from", str(path)], env=env, capture_output=True, text=True, check=False
    )
    assert SECRET not in done.stdout + done.stderr
    if kind == "document":
        assert done.returncode == 2 and "only we can have written" in done.stderr
    else:
        assert done.returncode == 0
        assert ("a tail of ours" in done.stderr) == (kind == "database")
    if kind == "database":
        assert "could not be stored" in done.stderr
