"""firstfix run with a terminal: the worker has one too, of the same size, with keys, job control and separate stderr.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from runner import PYTHON


@pytest.fixture(autouse=True)
def nothing_is_left():
    """A test that fails leaves no stopped process behind."""
    Terminal.started.clear()
    yield
    for process in Terminal.started:
        if process.poll() is None:
            process.kill()
            process.wait()


class Terminal:
    """A terminal with `firstfix run` as its session's foreground job, as under a shell that is not there."""
    started = []

    def __init__(self, runner, *worker, options=(), rows=33, columns=77, **kwargs):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(slave)
        kwargs = {"stdin": slave, "stdout": slave, "stderr": slave} | kwargs

        def own():
            os.setsid()
            fcntl.ioctl(0 if kwargs["stdin"] == slave else slave, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            runner.command(*worker, options=options), env=runner.env, preexec_fn=own, **kwargs
        )
        self.slave = slave
        self.text = b""
        Terminal.started.append(self.process)

    def until(self, what, seconds=30):
        end = time.monotonic() + seconds
        while what not in self.text:
            assert time.monotonic() < end, self.text
            if select.select([self.master], [], [], 0.1)[0]:
                self.text += os.read(self.master, 65536)
        return self.text

    def type(self, keys):
        os.write(self.master, keys)

    def end(self):
        code = self.process.wait(timeout=30)
        after = termios.tcgetattr(self.slave)
        os.close(self.slave)
        while select.select([self.master], [], [], 0)[0]:
            try:
                self.text += os.read(self.master, 65536)
            except OSError:
                break
        os.close(self.master)
        assert after == self.before, "the terminal is left as it was found"
        return code


LOOK = """
import os, sys
print([os.isatty(i) for i in range(3)], os.get_terminal_size(1), os.tcgetpgrp(0) == os.getpgrp(),
    open('/dev/tty').isatty())
"""


def test_worker_sees_a_terminal_of_the_same_size(runner):
    t = Terminal(runner, PYTHON, "-c", LOOK)
    t.until(b"True\r\n")
    assert b"[True, True, True] os.terminal_size(columns=77, lines=33) True True" in t.text
    assert t.end() == 0


def test_typed_text_and_end_of_file(runner):
    t = Terminal(
        runner, PYTHON, "-c", "print('got', ascii(input())); import sys; print('rest', ascii(sys.stdin.read()))"
    )
    t.type(b"hello\n")
    t.until(b"got 'hello'")
    t.type(b"more\n\x04")
    t.until(b"rest 'more\\n'")
    assert t.end() == 0


def test_control_c_interrupts_the_workers_group(runner):
    t = Terminal(runner, PYTHON, "-c", "import time\nprint('up')\ntime.sleep(30)")
    t.until(b"up")
    t.type(b"\x03")
    t.until(b"KeyboardInterrupt")
    assert t.end() == 130 and runner.deaths() == []


def test_window_size_follows(runner):
    code = """
import os, signal, time
signal.signal(signal.SIGWINCH, lambda *_: print('now', os.get_terminal_size(1), flush=True))
print('up', flush=True)
time.sleep(60)
"""
    t = Terminal(runner, PYTHON, "-c", code)
    t.until(b"up")
    fcntl.ioctl(t.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
    t.until(b"now os.terminal_size(columns=120, lines=50)")
    t.process.terminate()
    assert t.end() == 143


def test_suspend_and_resume(runner):
    t = Terminal(runner, PYTHON, "-c", "print('up')\ninput()\nprint('end')")
    t.until(b"up")
    t.type(b"\x1a")
    end = time.monotonic() + 30
    pid, status = 0, 0
    while not pid and time.monotonic() < end:
        pid, status = os.waitpid(t.process.pid, os.WUNTRACED | os.WNOHANG)
        time.sleep(0.01)
    assert os.WIFSTOPPED(status), "we stop with the worker, so that the shell takes over"
    assert termios.tcgetattr(t.slave) == t.before
    t.process.send_signal(signal.SIGCONT)
    t.type(b"\n")
    t.until(b"end")
    assert t.end() == 0


def test_messages_and_incident_on_a_raw_terminal(runner):
    t = Terminal(runner, "sh", "-c", "echo out; sleep 0.2; exit 3")
    t.until(b"INCIDENT TEXT")
    assert t.end() == 3
    assert runner.tail() == b"out\r\n"
    assert t.text.replace(b"\r\n", b"").count(b"\n") == 0


def test_stderr_in_a_file_stays_apart(runner, tmp_path):
    with open(tmp_path / "err", "wb") as err:
        t = Terminal(runner, "sh", "-c", "test -t 1 && test ! -t 2 && echo out; echo err >&2", stderr=err)
    t.until(b"out")
    assert t.end() == 0
    assert (tmp_path / "err").read_bytes() == b"err\n"


def test_stdin_from_a_pipe_with_a_terminal_for_output(runner):
    t = Terminal(runner, "sh", "-c", "test -t 1 && cat", stdin=subprocess.PIPE)
    t.process.stdin.write(b"piped\n")
    t.process.stdin.close()
    t.until(b"piped")
    assert t.end() == 0


def test_terminal_only_for_input(runner):
    t = Terminal(
        runner,
        PYTHON,
        "-c",
        "import os; print([os.isatty(i) for i in range(3)], os.tcgetpgrp(0) == os.getpgrp(), input())",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    t.type(b"typed\n")
    assert select.select([t.process.stdout], [], [], 60)[0]
    assert t.process.stdout.readline() == b"[True, False, False] True typed\n"
    assert t.end() == 0


@pytest.mark.parametrize("how", ["--terminal=off", "FIRSTFIX_TERMINAL"])
def test_terminal_off(runner, how):
    if how == "FIRSTFIX_TERMINAL":
        runner.env[how] = "off"
    t = Terminal(runner, "sh", "-c", "test -t 1 || echo pipe", options=[how] if how[0] == "-" else [])
    t.until(b"pipe")
    assert t.end() == 0


def test_terminal_that_goes_away(runner):
    t = Terminal(runner, PYTHON, "-c", "import time\nprint('up')\nfor i in range(100): print(i); time.sleep(0.05)")
    t.until(b"up")
    os.close(t.slave)
    os.close(t.master)
    assert t.process.wait(timeout=30) != 0


def test_an_end_typed_ahead_arrives(runner):
    master, slave = pty.openpty()
    os.write(master, b"hello\n\x04")
    time.sleep(0.2)

    def own():
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    with subprocess.Popen(
        runner.command("cat"), env=runner.env, stdin=slave, stdout=slave, stderr=slave, preexec_fn=own
    ) as run:
        Terminal.started.append(run)
        assert run.wait(timeout=30) == 0
    assert os.read(master, 4096).count(b"hello") >= 2
