"""firstfix run: recovery, its proof and its limits; hangs; the check before the start."""
import json
import os
import signal
import subprocess

import pytest

from runner import PYTHON, until

FAST = ["--backoff", "0"]
NEEDS_FIX = "import os, sys; sys.exit(0 if os.environ.get('FIX') == 'a b=c' else 9)"


def test_off_never_restarts(runner):
    runner.verdict(1, "incident=x", "action=restart", "set=FIX=a b=c")
    assert runner.python(NEEDS_FIX).returncode == 9
    assert len(runner.deaths()) == 1


def test_environment_fix_is_applied_and_proved(runner):
    runner.verdict(1, "incident=abc", "action=restart", "set=FIX=a b=c", "unset=BAD", "say=FIX was missing")
    runner.env["BAD"] = "1"
    code = NEEDS_FIX + "\n"
    report = (
        "import json, os; print(json.dumps({k: os.environ.get(k) for k in ('BAD', 'FIRSTFIX_RECOVERED',"
        " 'FIRSTFIX_ATTEMPT')}), flush=True)\n"
    )
    got = runner.python(report + code, options=["--recover", "env", *FAST])
    first, second = (json.loads(line) for line in got.stdout.splitlines())
    assert got.returncode == 0
    assert first == {"BAD": "1", "FIRSTFIX_RECOVERED": None, "FIRSTFIX_ATTEMPT": "1"}
    assert second == {"BAD": None, "FIRSTFIX_RECOVERED": "FIX=a b=c without BAD", "FIRSTFIX_ATTEMPT": "2"}
    assert b"ENV FIX=a b=c" in got.stderr and b"take BAD out of the environment" in got.stderr
    assert "incident --attempt abc --result passed --say the worker ended well" in runner.calls()


def test_failed_attempt_is_told_and_the_next_adds_up(runner):
    runner.verdict(1, "incident=one", "action=restart", "set=A=1")
    runner.verdict(2, "incident=two", "action=restart", "set=B=2")
    got = runner.python("import os, sys; sys.exit(9 if 'B' not in os.environ else int(os.environ['A']) - 1)",
                        options=["--recover", "env", *FAST])
    assert got.returncode == 0
    assert runner.deaths()[1]["applied"] == {"A": "1"} and runner.deaths()[1]["incident"] == "one"
    results = [c for c in runner.calls() if "--attempt" in c]
    assert [r.split(" --say")[0] for r in results] == [
        "incident --attempt one --result failed",
        "incident --attempt two --result passed",
    ]


def test_give_up_is_not_retried(runner):
    runner.verdict(1, "incident=x", "action=give-up", "say=the wheel has no kernels for this GPU")
    got = runner.run("sh", "-c", "exit 5", options=["--recover", "restart", *FAST])
    assert got.returncode == 5 and len(runner.deaths()) == 1
    assert b"not restarted: the wheel has no kernels for this GPU" in got.stderr


def test_plain_restart_needs_to_be_asked_for(runner):
    for n in range(1, 9):
        runner.verdict(n, f"incident=i{n}", "action=restart")
    assert runner.run("sh", "-c", "exit 5", options=["--recover", "env", *FAST]).returncode == 5
    assert len(runner.deaths()) == 1
    got = runner.run("sh", "-c", "exit 6", options=["--recover", "restart", "--attempts", "3", *FAST])
    assert got.returncode == 6 and len(runner.deaths()) == 4
    assert b"it was the last attempt" in got.stderr


def test_crash_loop_across_restarts_is_broken(runner):
    for n in range(1, 20):
        runner.verdict(n, "incident=i", "action=restart")
    for _ in range(3):
        got = runner.run("sh", "-c", "exit 5", options=["--recover", "restart", "--attempts", "2", *FAST])
    assert len(runner.deaths()) == 5 and b"too often in the last ten minutes" in got.stderr
    [tally] = (runner.state / "tally").iterdir()
    tally.write_bytes(tally.read_bytes()[:-3])  # torn: not trusted
    runner.run("sh", "-c", "exit 5", options=["--recover", "restart", "--attempts", "2", *FAST])
    assert len(runner.deaths()) == 7


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"garbage\n",
        b"firstfix.verdict/2\naction=restart\n",
        b"firstfix.verdict/1\naction=restart",
        b"firstfix.verdict/1\nset==x\nset=A\nunset=\naction=\n",
        b"\0" * 70000,
        b"firstfix.verdict/1\n" + b"set=A=" + b"x" * 70000 + b"\naction=restart\n",
    ],
)
def test_hostile_verdicts_restart_nothing(runner, text):
    (runner.steps / "verdict.1").write_bytes(text)
    got = runner.run("sh", "-c", "exit 5", options=["--recover", "restart", *FAST])
    assert got.returncode == 5 and len(runner.deaths()) == 1


def test_what_the_worker_left_is_gone_before_the_restart(runner, tmp_path):
    runner.verdict(1, "incident=i", "action=restart")
    code = (
        f"if [ $FIRSTFIX_ATTEMPT = 2 ]; then kill -0 $(cat {tmp_path}/pid) && exit 8; exit 0; fi; sleep 30 & echo $! >"
        f" {tmp_path}/pid; exit 5"
    )
    got = runner.run("sh", "-c", code, options=["--recover", "restart", *FAST])
    assert got.returncode == 0, got.stderr


def test_on_hopeless_sleep_stays_until_it_is_told(runner):
    p = runner.start("sh", "-c", "exit 5", options=["--on-hopeless", "sleep"])
    assert any(b"staying up" in line for line in p.stderr)
    assert p.poll() is None
    p.terminate()
    p.communicate(timeout=30)
    assert p.returncode == 5


def test_stop_during_the_pause_ends_it(runner):
    runner.verdict(1, "incident=i", "action=restart")
    p = runner.start("sh", "-c", "exit 5", options=["--recover", "restart", "--backoff", "30"])
    assert any(b"attempt 2 of " in line for line in p.stderr)
    p.terminate()
    p.communicate(timeout=60)
    assert p.returncode == 5


def test_good_start_is_noted_once(runner):
    noted = "until grep -q good-start $STAND_IN_DIR/calls; do sleep 0.05; done; sleep 1.2"
    assert runner.run("sh", "-c", noted, options=["--good-after", "1"]).returncode == 0
    assert sum("--good-start" in c for c in runner.calls()) == 1


@pytest.mark.parametrize("how", ["crash", "sleep", "missing"])
def test_without_a_diagnosis_the_supervisor_speaks(runner, how):
    if how == "missing":
        runner.tool.unlink()
    else:
        (runner.steps / how).touch()
    code = "import sys; print('out \\x1b[31mred\\x1b[0m'); print('Traceback: boom', file=sys.stderr); sys.exit(3)"
    got = runner.python(code, options=["--incident-timeout", "1" if how == "sleep" else "60"])
    err = got.stderr.decode()
    assert got.returncode == 3 and "=== firstfix: WORKER FAILED ===" in err
    assert "ended with exit code 3" in err and err.count("\nTraceback: boom\n") == 1 and "no diagnosis" in err
    assert str(runner.state) in err
    assert "\x1b" not in err.partition("WORKER FAILED")[2] and "red\\x1b[0m" in err
    assert {"crash": "it failed", "sleep": "it took too long", "missing": "it could not be started"}[how] in err


def test_without_a_diagnosis_both_streams_stand_in_the_order_of_time(runner):
    runner.tool.unlink()
    code = (
        "import os, sys\nfor i in range(3):\n    for fd in 1, 2: os.write(fd, b'%s %d\\n' % (b'out' if fd == 1 else"
        " b'err', i)); sys.stdin.readline()\nsys.exit(3)"
    )
    run = runner.start(PYTHON, "-c", code, stdin=subprocess.PIPE, options=["--report", "off"])
    for i in range(3):  # each line has come through before the next is printed
        for stream, name in (run.stdout, b"out"), (run.stderr, b"err"):
            while stream.readline() != b"%s %d\n" % (name, i):
                pass
            run.stdin.write(b"\n")
            run.stdin.flush()
    err = run.communicate(timeout=60)[1].decode()
    assert "stdout (18 bytes in all) and stderr (18), in the order of time" in err, err
    assert "out 0\nerr 0\nout 1\nerr 1\nout 2\nerr 2\n---" in err, err


def test_check_gates_the_start(runner, tmp_path):
    (runner.steps / "check").write_text("1")
    got = runner.run("touch", str(tmp_path / "started"), options=["--check"])
    assert got.returncode == 1 and not (tmp_path / "started").exists()
    [death] = runner.deaths()
    assert death["how"] == "preflight" and "exit" not in death
    (runner.steps / "check").write_text("0")
    assert runner.run("touch", str(tmp_path / "started"), options=["--check"]).returncode == 0
    assert (tmp_path / "started").exists()


def test_check_that_fails_itself_does_not_stop_the_worker(runner):
    (runner.steps / "check").write_text("2")
    got = runner.run("echo", "up", options=["--check"])
    assert (got.returncode, got.stdout) == (0, b"up\n") and b"the check itself failed" in got.stderr


DEADLOCK = """
import faulthandler, os, signal, sys, threading
if len(sys.argv) > 1:
    faulthandler.register(signal.SIGUSR2, all_threads=True)
    open(os.environ['FIRSTFIX_DIR'] + f'/armed/armed-{os.getpid()}', 'w').write(str(int(signal.SIGUSR2)))
a, b = threading.Lock(), threading.Lock()
def take(x, y, gate):
    with x:
        gate.wait()
        with y: pass
gate = threading.Barrier(2)
threading.Thread(target=take, args=(a, b, gate), name='one').start()
print('locked', flush=True)
take(b, a, gate)
"""


def test_hang_is_reported_with_python_stacks(runner):
    p = runner.start(PYTHON, "-c", DEADLOCK, "armed", options=["--hang-after", "1"])
    until((runner.steps / "tail.1.1").exists, "a report of the hang")
    assert p.poll() is None, "reported, not killed"
    [death] = runner.deaths()
    assert death["how"] == "hang" and "exit" not in death and death["hang"]["python_dump"]
    assert len(death["hang"]["threads"]) == 2 and death["hang"]["quiet_ms"] >= 1000
    assert all(t["state"].startswith("S") for t in death["hang"]["threads"])
    assert b"in take" in runner.tail(1, 1)
    p.kill()
    os.kill(death["pid"], signal.SIGKILL)
    p.communicate()


def test_a_worker_that_does_not_stop_is_asked_for_its_stacks(runner):
    p = runner.start(
        PYTHON, "-c", "import signal; signal.signal(15, signal.SIG_IGN)\n" + DEADLOCK, "armed", options=["--grace", "1"]
    )
    assert p.stdout.readline() == b"locked\n"
    p.terminate()
    p.communicate(timeout=30)
    [death] = runner.deaths()
    assert p.returncode == 137 and death["how"] == "stop-timeout" and death["stop_timeout"]["python_dump"]
    assert b"in take" in runner.tail(1, 1)


def test_a_worker_that_ends_while_its_stacks_are_asked_for_is_no_incident(runner):
    """The signal that prints the stacks wakes it, and it ends in good order after all."""
    code = (
        "import os, signal, sys\nsignal.signal(15, signal.SIG_IGN)\nsignal.signal(12, lambda *_:"
        " os._exit(0))\nopen(os.environ['FIRSTFIX_DIR'] + f'/armed/armed-{os.getpid()}',"
        " 'w').write('12')\nprint(flush=True)\nwhile True: signal.pause()"
    )
    p = runner.start(PYTHON, "-c", code, options=["--grace", "1"])
    p.stdout.readline()
    p.terminate()
    p.communicate(timeout=30)
    assert p.returncode == 0 and runner.deaths() == []


def test_hang_of_an_unarmed_worker_is_ended_without_our_signal(runner):
    (runner.state / "armed").mkdir(parents=True, mode=0o700)
    code = DEADLOCK.replace("if len(sys.argv) > 1:", "if False:")
    code = "import os; open(os.environ['FIRSTFIX_DIR'] + f'/armed/armed-{os.getpid()}', 'w').write('12')\n" + code
    got = runner.python(code, options=["--hang-after", "1", "--hang-action", "kill"])
    [death] = runner.deaths()
    assert got.returncode == 143, "SIGUSR2 would have killed it: it must only be sent where it is caught"
    assert death["hang"]["action"] == "kill" and "python_dump" not in death["hang"]
    assert {t["name"] for t in death["hang"]["threads"]} and all(
        "wchan" in t or "syscall" in t for t in death["hang"]["threads"]
    )


def test_hang_can_be_restarted(runner):
    got = runner.run("sh", "-c", "[ $FIRSTFIX_ATTEMPT = 2 ] && exit 0; exec sleep 60",
                     options=["--hang-after", "1", "--hang-action", "restart", *FAST])
    assert got.returncode == 0 and [d["how"] for d in runner.deaths()] == ["hang"]


def test_output_is_no_hang(runner):
    got = runner.run("sh", "-c", "for i in 1 2 3 4 5 6 7; do sleep 0.7; echo .; done", options=["--hang-after", "4"])
    assert got.returncode == 0 and runner.deaths() == []


@pytest.mark.usefixtures("unsanitized")
def test_recorded_events_are_no_hang(runner, build):
    code = f"""
import ctypes, time
lib = ctypes.CDLL({str(build / 'src/libfirstfix.so')!r})
assert not lib.ff_record_start(None)
for i in range(8):
    lib.ff_event_write(1, None, 0)
    time.sleep(0.6)
"""
    got = runner.python(code, options=["--hang-after", "4"])
    assert got.returncode == 0 and runner.deaths() == [], got.stderr
    got = runner.python(code.replace("lib.ff_event_write(1, None, 0)", "pass"), options=["--hang-after", "1"])
    assert [d["how"] for d in runner.deaths()] == ["hang"]
