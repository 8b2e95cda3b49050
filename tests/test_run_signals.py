"""firstfix run: signals, grace, zombies, orphans and PID 1, beside tini where it is installed."""
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

from runner import PYTHON, until

# The same as tini does: every signal that can be forwarded arrives once, at the worker alone.
FORWARDED = [
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTERM,
    signal.SIGWINCH,
    signal.SIGALRM,
    signal.SIGURG,
    signal.SIGIO,
    signal.SIGRTMIN + 3,
]

LISTENER = """
import os, signal, sys, time
def got(n, _):
    os.write(1, b'%d\\n' % n)
    if n == signal.SIGTERM: os._exit(42)
for n in (1, 2, 3, 10, 12, 15, 28, 14, 23, 29, 37): signal.signal(n, got)
if os.fork() == 0:
    for n in (10, 12): signal.signal(n, lambda *_: os.write(1, b'CHILD\\n'))
    time.sleep(30); os._exit(0)
os.write(1, b'ready\\n')
while True: time.sleep(1)
"""


def wrappers():
    return ["firstfix"] + (["tini"] if shutil.which("tini") else [])


def start(runner, wrapper, *worker, options=()):
    if wrapper == "firstfix":
        return runner.start(*worker, options=options)
    return subprocess.Popen(["tini", "-s", *options, "--", *worker], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


@pytest.mark.parametrize("wrapper", wrappers())
def test_every_signal_is_forwarded_to_the_worker_alone(runner, wrapper):
    p = start(runner, wrapper, PYTHON, "-c", LISTENER)
    assert p.stdout.readline() == b"ready\n"
    for number in FORWARDED:
        if number != signal.SIGTERM:
            p.send_signal(number)
            assert p.stdout.readline() == b"%d\n" % number
    p.send_signal(signal.SIGTERM)
    assert p.stdout.readline() == b"15\n"
    assert p.wait(timeout=30) == 42
    assert not runner.deaths(), "a stop that was asked for is no incident"


@pytest.mark.parametrize("wrapper", wrappers())
def test_death_by_signal_gives_128_and_its_number(runner, wrapper):
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT):
        p = start(runner, wrapper, "sh", "-c", f"kill -{int(number)} $$")
        p.communicate(timeout=30)
        assert p.returncode == 128 + number


def test_worker_that_ignores_sigterm_is_killed_after_grace(runner):
    code = "trap '' TERM; sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.1; done'"
    p = runner.start("sh", "-c", code, options=["--grace", "1"])
    grandchild = int(p.stdout.readline())
    began = time.monotonic()
    p.terminate()
    _, err = p.communicate(timeout=30)
    assert p.returncode == 137 and 0.8 < time.monotonic() - began < 25
    assert f"in time after SIGTERM from pid {os.getpid()} (".encode() in err and b": SIGKILL" in err
    [death] = runner.deaths()
    assert death["how"] == "stop-timeout" and death["exit"]["name"] == "SIGKILL" and death["stop_signal"] == 15
    assert death["stop_timeout"]["grace_ms"] == 1000 and death["stop_timeout"]["state"][0] in "SRD"
    assert death["stop_sent"]["pid"] == os.getpid()
    gone = time.monotonic() + 10
    while os.path.exists(f"/proc/{grandchild}") and time.monotonic() < gone:
        time.sleep(0.01)
    assert not os.path.exists(f"/proc/{grandchild}"), "the whole process group goes"


def test_without_grace_nothing_is_killed(runner):
    p = runner.start("sh", "-c", "trap '' TERM; echo; sleep 0.8; exit 3")
    p.stdout.readline()
    p.terminate()
    p.communicate(timeout=30)
    assert p.returncode == 3


def test_crash_while_stopping_is_an_incident(runner):
    code = "import signal, os, sys; signal.signal(15, lambda *_: os.abort()); print(flush=True); signal.pause()"
    p = runner.start(PYTHON, "-c", code)
    p.stdout.readline()
    p.terminate()
    p.communicate(timeout=30)
    assert p.returncode == 134
    assert runner.deaths()[0]["exit"]["name"] == "SIGABRT" and runner.deaths()[0]["stop_signal"] == 15
    sent = runner.deaths()[0]["stop_sent"]
    assert (sent["pid"], sent["uid"]) == (os.getpid(), os.getuid()) and sent["text"].startswith(
        f"SIGTERM from pid {os.getpid()} ("
    )
    assert "stop_sent" not in died_alone(runner)


def died_alone(runner):
    runner.run("sh", "-c", "kill -ABRT $$")
    return runner.deaths()[-1]


def test_stop_during_the_incident_hurries_it(runner):
    (runner.steps / "sleep").touch()
    p = runner.start("sh", "-c", "exit 4", options=["--incident-timeout", "30"])
    until(runner.deaths, "an incident step")
    p.terminate()
    _, err = p.communicate(timeout=30)
    assert p.returncode == 4 and b"WORKER FAILED" in err


def test_double_forked_orphans_are_reaped(runner):
    code = """
import os, time
for i in range(20):
    if os.fork() == 0:
        if os.fork() == 0:
            time.sleep(0.05); os._exit(i)
        os._exit(0)
for i in range(20): os.wait()
parent = os.getppid()
for i in range(600):
    children = open(f'/proc/{parent}/task/{parent}/children').read().split()
    if children == [str(os.getpid())]: break
    time.sleep(0.05)
print(len(children))
"""
    assert runner.python(code).stdout == b"1\n"


def namespace_works():
    got = subprocess.run(["unshare", "-Ufpr", "--mount-proc", "true"], capture_output=True, check=False)
    return got.returncode == 0, got.stderr.decode().strip()


def as_pid_1(runner, *worker, options=(), **kwargs):
    works, why = namespace_works()
    if not works:
        pytest.skip(f"NO NAMESPACE: the kernel lets us make no user and PID namespace: {why}")
    return subprocess.Popen(
        ["unshare", "-Ufpr", "--mount-proc", "--kill-child", *runner.command(*worker, options=options)],
        env=runner.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **kwargs,
    )


def test_as_pid_1(runner):
    code = """
import os, sys, time
assert os.getppid() == 1, os.getppid()
if os.fork() == 0:
    if os.fork() == 0:
        time.sleep(0.1); os._exit(0)
    os._exit(0)
os.wait()
for i in range(600):
    others = {int(p) for p in os.listdir('/proc') if p.isdigit()} - {1, os.getpid()}
    if not others: break
    time.sleep(0.05)
print('others', others, flush=True)
sys.exit(11)
"""
    p = as_pid_1(runner, PYTHON, "-c", code)
    out, err = p.communicate(timeout=30)
    assert (out, p.returncode) == (b"others set()\n", 11), err
    assert runner.deaths()[0]["supervisor_pid"] == 1


def test_as_pid_1_a_worker_that_segfaults(runner):
    p = as_pid_1(runner, PYTHON, "-c", "import ctypes; ctypes.string_at(0)")
    p.communicate(timeout=30)
    assert p.returncode == 139 and runner.deaths()[0]["exit"]["name"] == "SIGSEGV"


def test_as_pid_1_sigterm_reaches_the_worker(runner):
    code = "import os, signal, sys; signal.signal(15, lambda *_: os._exit(33)); print(flush=True); signal.pause()"
    p = as_pid_1(runner, PYTHON, "-c", code)
    p.stdout.readline()
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(p.pid)], capture_output=True, text=True, check=True)
    os.kill(int(children.stdout.split()[0]), signal.SIGTERM)
    p.communicate(timeout=30)
    assert p.returncode == 33


def test_stopped_and_continued_worker_lives_on(runner):
    p = runner.start("sh", "-c", "echo $$; kill -STOP $$; echo end")
    stat = pathlib.Path(f"/proc/{int(p.stdout.readline())}/stat")
    until(lambda: stat.read_text().rpartition(") ")[2][0] == "T", "a stopped worker")
    p.send_signal(signal.SIGCONT)
    out, _ = p.communicate(timeout=30)
    assert out == b"end\n" and p.returncode == 0


def test_signals_of_pipes_and_terminals_are_forwarded_too(runner):
    numbers = [signal.SIGPIPE, signal.SIGTTIN, signal.SIGTTOU]
    listener = LISTENER.replace("(1, 2, 3,", "(13, 21, 22, 1, 2, 3,")
    p = runner.start(PYTHON, "-c", listener)
    assert p.stdout.readline() == b"ready\n"
    for number in numbers:
        p.send_signal(number)
        assert p.stdout.readline() == b"%d\n" % number
    p.terminate()
    p.communicate(timeout=30)
    assert p.returncode == 42
