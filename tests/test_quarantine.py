"""An input that kills workers is refused before it kills the next one: real workers, real deaths."""
import json
import os
import subprocess
import sys
import time

import pytest
from agent_client import WORKER, until

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "python"))

from python_worker import hooks  # noqa: E402,F401 (found through the path set above)

# A handler as RunPod calls it: a job with an id of its own and an input. One input crashes in native code.
HANDLER = """
import ctypes, sys
import firstfix

@firstfix.request
def handler(job):
    if job["input"] == {"prompt": "poison"}: ctypes.string_at(0)
    return job["input"]

for n, prompt in enumerate(sys.argv[1:]):
    try:
        print(prompt, "answered:", handler({"id": f"job-{n}", "input": {"prompt": prompt}})["prompt"], flush=True)
    except RuntimeError as error:
        print(prompt, f"{type(error).__name__}: {error}", flush=True)
"""


@pytest.fixture
def run(agents):
    def run_(*prompts, options=("--quarantine", "2"), script=HANDLER):
        return subprocess.run(
            [agents.firstfix, "run", "--report", "off", *options, "--", sys.executable, "-c", script, *prompts],
            env=agents.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    return run_


def quarantine(agents, *words):
    return subprocess.run(
        [agents.firstfix, "quarantine", *words], env=agents.env, capture_output=True, text=True, timeout=30, check=False
    )


def test_refused_after_two_deaths_and_let_through_again(agents, run):
    assert [run("fine", "poison").returncode for _ in range(2)] == [139, 139]
    third = run("fine", "poison", "other")
    lines = third.stdout.splitlines()
    assert third.returncode == 0 and lines[0] == "fine answered: fine" and lines[2] == "other answered: other", (
        third.stderr
    )
    assert (
        lines[1].startswith("poison Quarantined: this input was in work when 2 workers died (last: 20")
        and "SIGSEGV" in lines[1]
    )
    assert "REQUEST FAILED" not in third.stderr
    [row] = json.loads(quarantine(agents, "--json").stdout)["inputs"]
    assert (
        row["kills"] == 2
        and row["how"] == "SIGSEGV"
        and lines[1].endswith(f"firstfix quarantine --release {row['input']}")
    )
    listed = quarantine(agents).stdout.splitlines()
    assert listed[0].split() == ["INPUT", "KILLS", "HOW", "LAST", "REQUEST"] and listed[1].split()[:3] == [
        row["input"],
        "2",
        "SIGSEGV",
    ]
    done = quarantine(agents, "--release", row["input"])
    assert (done.returncode, done.stdout) == (0, "released: 1\n")
    assert run("poison").returncode == 139
    assert quarantine(agents, "--release-all").stdout == "released: 1\n" and "No input" in quarantine(agents).stdout


def test_nothing_of_the_input_is_kept_and_hashes_differ_between_folders(agents, run):
    run("poison")
    kept = b"".join(path.read_bytes() for path in (agents.state / "quarantine").iterdir())
    assert b"poison" not in kept
    [row] = json.loads(quarantine(agents, "--json").stdout)["inputs"]
    agents.env["FIRSTFIX_DIR"] = str(agents.folder / "other")
    run("poison")
    [other] = json.loads(quarantine(agents, "--json").stdout)["inputs"]
    assert other["input"] != row["input"]
    key = agents.state / "quarantine/key"
    assert key.stat().st_mode & 0o777 == 0o600 and len(key.read_bytes()) == 32


def test_a_key_that_was_half_made_costs_nothing(agents, run):
    """A process that died while it made the key leaves a file; in a container the next one has its number."""
    half = (
        "import os\nd = os.environ['FIRSTFIX_DIR'] + '/quarantine'\nos.makedirs(d,"
        " 0o700)\nopen(f'{d}/key.{os.getpid()}', 'w').close()\n"
    )
    done = run("poison", script=half + HANDLER)
    assert "no input is known" not in done.stderr
    assert len(json.loads(quarantine(agents, "--json").stdout)["inputs"]) == 1


def test_off_by_default(agents, run):
    for _ in range(3):
        assert run("poison", options=()).returncode == 139
    assert not (agents.state / "quarantine").exists()


def test_a_stop_and_a_failure_count_for_nothing(agents, run):
    failing = HANDLER.replace("ctypes.string_at(0)", "raise ValueError('bad input')").replace(
        "except RuntimeError", "except ValueError"
    )
    for _ in range(3):
        assert "poison ValueError: bad input" in run("poison", script=failing).stdout
    waiting = HANDLER.replace("ctypes.string_at(0)", "print('waits', flush=True); __import__('time').sleep(600)")
    worker = subprocess.Popen(
        [agents.firstfix, "run", "--report", "off", "--quarantine", "1", "--", sys.executable, "-c", waiting, "poison"],
        env=agents.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert worker.stdout.readline() == b"waits\n"
    worker.terminate()
    worker.wait(30)
    worker.stdout.close()
    assert json.loads(quarantine(agents, "--json").stdout)["inputs"] == []


FORKED = """
import ctypes, os, signal, sys, time
import firstfix

@firstfix.request
def handler(job): ctypes.string_at(0) if job["input"] == "poison" else None

for prompt in sys.argv[1:]:
    pid = os.fork()
    if pid == 0:
        try: handler({"id": "x", "input": prompt})
        except firstfix.Quarantined: os._exit(7)
        os._exit(0)
    print(prompt, os.waitpid(pid, 0)[1], flush=True)
    firstfix._incident.finish(60)
"""


def test_a_prefork_server_whose_children_die(agents, run):
    """The parent tells of its child's death; the next child refuses."""
    done = run("poison", "poison", "fine", script=FORKED, options=("--quarantine", "1"))
    lines = done.stdout.splitlines()
    assert lines[0] == "poison 11" or lines[0] == "poison 139", done.stderr
    assert lines[1:] == [f"poison {7 << 8}", "fine 0"], (lines, done.stderr)
    [row] = json.loads(quarantine(agents, "--json").stdout)["inputs"]
    assert row["kills"] == 1


def test_damaged_files_refuse_nobody(agents, run):
    run("poison")
    [row] = json.loads(quarantine(agents, "--json").stdout)["inputs"]
    path = agents.state / "quarantine" / row["input"]
    for content in (
        b"",
        b"{",
        b"[]",
        b'{"kills": "x"}',
        b'{"kills": 99999999999999999999}',
        os.urandom(100),
        b"{" * 9000,
    ):
        path.write_bytes(content)
        assert quarantine(agents).returncode == 0
        assert run("fine").returncode == 0
    path.write_text(json.dumps({"kills": 1, "last": "9\33[31m", "how": "\33]0;x\7", "request": "\33[2J"}))
    assert "\33" not in quarantine(agents).stdout
    old = time.time() - 8 * 86400
    path.write_text(json.dumps({"kills": 9, "first": "2020-01-01T00:00:00.000Z", "last": "2020-01-01T00:00:00.000Z"}))
    os.utime(path, (old, old))
    assert run("poison").returncode == 139  # a week has passed
    for wrong in ("x", "../key", "key"):
        assert quarantine(agents, "--release", wrong).returncode == 2
    assert quarantine(agents, "--release", "0" * 32).returncode == 1


def test_the_agent_shows_it(agents):
    worker = agents.run(
        WORKER.replace(
            "stop = {}",
            "stop = {}\n@firstfix.request\ndef handler(job):\n    if job == 'poison': os.kill(os.getpid(), 12)",
        ),
        "--quarantine",
        "1",
        "--recover",
        "restart",
        "--backoff",
        "1",
    )
    agents.tell(worker, "python handler('poison')")
    until(lambda: agents.metrics().get('firstfix_quarantined_inputs{state="refused"}') == 1, "a refused input")
    until(lambda: agents.health().get("attempt") == 2, "the next attempt")
    agents.tell(worker, "python exec('try: handler(\\'poison\\')\\nexcept firstfix.Quarantined: pass')")
    until(lambda: agents.metrics()['firstfix_requests_total{outcome="refused"}'] == 1, "a refused request")
    [row] = json.loads(agents.ask("/v1/quarantine")[2])["inputs"]
    assert row["kills"] == 1


def test_released_over_http_by_who_shows_who_he_is(agents):
    (agents.state / "quarantine").mkdir(parents=True, mode=0o700)
    held, other = "9f86d081884c7d659a2feaa0c55ad015", "0" * 32
    moment = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    row = {"kills": 2, "first": moment, "last": moment, "how": "SIGSEGV", "request": "42", "deaths": []}
    for name in (held, other):
        (agents.state / "quarantine" / name).write_text(json.dumps(row))
    sleeper = agents.popen(["sleep", "600"])
    agents.watch("--pid", str(sleeper.pid))
    path = f"/v1/quarantine/{held}"
    assert agents.ask(path, "POST")[0] == 403  # whoever can reach loopback could
    token = agents.folder / "token"
    token.write_text("s3cret\n")
    other_agent = agents.popen(["sleep", "600"])
    agents.watch("--pid", str(other_agent.pid), "--token-file", str(token))
    at = agents.url.removeprefix("http://")
    who = {"Authorization": "Bearer s3cret"}
    assert agents.ask(path, "POST")[0] == 401
    assert agents.ask(path, "POST", **who, Origin="http://evil.example")[0] == 403
    status, headers, _ = agents.ask(path, **who)
    assert status == 405 and headers["allow"] == "POST"
    assert agents.ask("/v1/quarantine/key", "POST", **who)[0] == 404
    assert agents.ask("/v1/quarantine/..%2fkey", "POST", **who)[0] == 404
    assert (agents.state / "quarantine" / held).exists()
    status, _, body = agents.ask(path, "POST", **who, Origin=f"http://{at}")
    assert status == 200 and json.loads(body) == {"released": 1}
    assert agents.ask(path, "POST", **who)[0] == 404
    listed = lambda: [r["input"] for r in json.loads(agents.ask("/v1/quarantine", **who)[2])["inputs"]]  # noqa: E731
    until(lambda: listed() == [other], "one left")
