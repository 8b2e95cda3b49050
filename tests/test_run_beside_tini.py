"""What tini promises, one by one, of `firstfix run` and of tini in the same run."""
import fcntl
import os
import pty
import resource
import shutil
import signal
import subprocess
import termios
import time

import pytest

from runner import PYTHON

SHARED = [
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGPIPE,
    signal.SIGALRM,
    signal.SIGTERM,
    signal.SIGURG,
    signal.SIGXCPU,
    signal.SIGXFSZ,
    signal.SIGVTALRM,
    signal.SIGPROF,
    signal.SIGWINCH,
    signal.SIGIO,
    signal.SIGPWR,
    signal.SIGRTMIN,
    signal.SIGRTMIN + 3,
    signal.SIGRTMAX,
]


class Wrapper:
    """One of the two, with the options that mean the same."""
    OPTIONS = {"group": {"firstfix": ["--group"], "tini": ["-g"]}}

    def __init__(self, name, runner):
        self.name, self.runner = name, runner

    def words(self, *worker, option=None):
        options = self.OPTIONS[option][self.name] if option else []
        return (
            self.runner.command(*worker, options=options)
            if self.name == "firstfix"
            else ["tini", "-s", *options, "--", *worker]
        )

    def start(self, *worker, option=None, before=(), **kwargs):
        kwargs = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | kwargs
        return subprocess.Popen([*before, *self.words(*worker, option=option)], env=self.runner.env, **kwargs)

    def run(self, *worker, **kwargs):
        with self.start(*worker, **kwargs) as process:
            out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(worker, process.returncode, out, err)


@pytest.fixture(params=["firstfix", "tini"])
def wrapper(request, runner):
    if request.param == "tini" and not shutil.which("tini"):
        pytest.skip("NO TINI: tools/setup test installs it")
    return Wrapper(request.param, runner)


def test_signals_are_forwarded(wrapper):
    numbers = [int(number) for number in SHARED]
    code = f"""
import os, signal
for n in {numbers}: signal.signal(n, lambda n, _: os.write(1, b'%d\\n' % n))
print(os.getpid(), flush=True)
while True: signal.pause()
"""
    with wrapper.start(PYTHON, "-c", code) as process:
        worker = int(process.stdout.readline())
        for number in numbers:
            process.send_signal(number)
            assert process.stdout.readline() == b"%d\n" % number
        os.kill(worker, signal.SIGKILL)
        assert process.wait(timeout=30) == 137


def test_exit_codes(wrapper):
    assert [wrapper.run("sh", "-c", f"exit {code}").returncode for code in (0, 1, 42, 127, 255)] == [0, 1, 42, 127, 255]
    deaths = [signal.SIGHUP, signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT, signal.SIGUSR1]
    assert [wrapper.run("sh", "-c", f"kill -{int(n)} $$").returncode for n in deaths] == [128 + n for n in deaths]


def test_commands_that_cannot_be_started(wrapper, tmp_path):
    (tmp_path / "text").write_text("no program")
    missing, text = wrapper.run("/no/such/command"), wrapper.run(str(tmp_path / "text"))
    assert (missing.returncode, text.returncode) == (127, 126)
    assert b"/no/such/command" in missing.stderr and str(tmp_path / "text").encode() in text.stderr


ORPHANS = """
import os, time
for i in range(20):
    if os.fork() == 0:
        if os.fork() == 0: os._exit(i)
        time.sleep(0.05)
        os._exit(0)
for i in range(20): os.wait()
def is_zombie(pid):
    try: return open(f'/proc/{pid}/stat').read().rpartition(') ')[2][0] == 'Z'
    except OSError: return False  # reaped since
def zombies(pid): return [p for p in open(f'/proc/{pid}/task/{pid}/children').read().split() if is_zombie(p)]
for i in range(200):
    if not zombies(os.getppid()): break
    time.sleep(0.05)
print(os.getppid() == 1, len(zombies(os.getppid())))
"""


def test_orphans_are_reaped(wrapper):
    assert wrapper.run(PYTHON, "-c", ORPHANS).stdout == b"False 0\n"


def test_orphans_are_reaped_by_process_1(wrapper):
    before = ["unshare", "-Ufpr", "--mount-proc", "--kill-child"]
    if subprocess.run([*before, "true"], capture_output=True, check=False).returncode:
        pytest.skip("NO NAMESPACE: unshare is refused")
    assert wrapper.run(PYTHON, "-c", ORPHANS, before=before).stdout == b"True 0\n"


def test_the_end_does_not_wait_for_orphans(wrapper):
    began = time.monotonic()
    done = wrapper.run("sh", "-c", "sleep 30 >/dev/null 2>&1 & echo $!; exit 5")
    os.kill(int(done.stdout), signal.SIGKILL)
    assert done.returncode == 5 and time.monotonic() - began < 20


def test_the_worker_starts_with_a_clean_slate(wrapper):
    """No signal blocked or ignored that the caller did not ignore, a group of its own, no descriptor but three."""
    code = """
import os
rows = dict(line.split(':\\t', 1) for line in open('/proc/self/status').read().splitlines() if line.startswith('Sig'))
blocked = int(rows['SigBlk'], 16)
ignored = int(rows['SigIgn'], 16) & ~(1 << 12 | 1 << 24)  # SIGPIPE and SIGXFSZ: Python's own
print(blocked, ignored, os.getpgrp() == os.getpid(), sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:-1])
"""
    assert wrapper.run(PYTHON, "-S", "-c", code).stdout == b"0 0 True [0, 1, 2]\n"


def test_the_group_gets_the_signal_where_that_is_asked_for(wrapper):
    code = (
        "trap 'wait; exit 7' TERM; sh -c 'trap \"echo child; exit 0\" TERM; echo ready; while :; do sleep 0.05; done' &"
        " wait; wait"
    )
    with wrapper.start("sh", "-c", code, option="group") as process:
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.stdout.readline() == b"child\n"
        assert process.wait(timeout=30) == 7


def test_the_terminal_belongs_to_the_worker(wrapper):
    master, slave = pty.openpty()

    def own():
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    code = "import os, time\nprint('front', os.tcgetpgrp(0) == os.getpgrp(), flush=True)\ntime.sleep(60)"
    with wrapper.start(PYTHON, "-c", code, stdin=slave, stdout=slave, stderr=slave, preexec_fn=own) as process:
        os.close(slave)
        text = b""
        while b"front" not in text or not text.endswith(b"\n"):
            text += os.read(master, 4096)
        assert b"front True" in text
        os.write(master, b"\x03")
        assert process.wait(timeout=30) == 130
    os.close(master)


@pytest.mark.parametrize("most", [5, 8, 12, 16])
def test_few_descriptors(wrapper, most):
    done = wrapper.run(
        "sh", "-c", "echo out; exit 3", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    )
    assert (done.returncode, done.stdout) == (3, b"out\n"), done.stderr
