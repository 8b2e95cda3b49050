"""A child that dies by a signal leaves an incident with what it was working on; what its parent meant to do leaves
none.
"""

import subprocess

import pytest

from python_worker import hooks, worker  # noqa: F401
from test_incidents_inside import incidents, supervised

PARENT = """
import firstfix, multiprocessing, os, signal, sys, time
from firstfix._request import Request
firstfix.install()
def work(end, idle=False, ready=None):
    req = Request("r-9", "mixtral"); req.fields = {"http.request.method": "POST", "url.path": "/v1/x"}
    req.__enter__()
    if idle: req.__exit__(None, None, None)
    if end: os.kill(os.getpid(), end)
    if ready: os.write(ready, b".")
    time.sleep(60)
def started(**more):
    r, w = os.pipe()
    p = multiprocessing.get_context("fork").Process(target=work, args=(0,), kwargs={"ready": w, **more}); p.start()
    os.read(r, 1)
    return p
"""
DIES = {
    "multiprocessing": (
        "p = multiprocessing.get_context('fork').Process(target=work, args=(11,)); p.start(); p.join(); assert"
        " p.exitcode == -11"
    ),
    "fork": "pid = os.fork()\nif pid == 0: work(11)\nassert os.waitpid(-1, 0) == (pid, 11)",
    "handler, and forks on": (
        "kids = []\ndef reap(s, f):\n    if os.waitpid(-1, os.WNOHANG)[1] == 11:\n"
        "        kids.append(os.fork() or (time.sleep(90), os._exit(0)))\n"
        "signal.signal(signal.SIGCHLD, reap)\nif os.fork() == 0: work(11)\nwhile not kids: time.sleep(0.05)\n"
        "firstfix._incident.finish(60)\nsignal.signal(signal.SIGCHLD, signal.SIG_DFL)\n"
        "assert not firstfix._incident._waiting and not firstfix._incident._at_work\n"
        "assert os.waitpid(kids[0], os.WNOHANG) == (0, 0), 'told while the new child lives'\n"
        "os.kill(kids[0], 9); os.waitpid(kids[0], 0)"
    ),
}


@pytest.mark.parametrize("how", DIES)
def test_a_death_by_a_signal_is_an_incident(worker, how):  # noqa: F811
    done = worker.run(PARENT + DIES[how])
    assert done.returncode == 0, done.stderr
    one, = incidents(worker)
    assert one["how"] == "signal" and one["exit"]["name"] == "SIGSEGV" and one["phase"] == "request"
    assert (
        one["request"] == {"id": "r-9", "method": "POST", "path": "/v1/x", "phase_id": 1} and one["model"] == "mixtral"
    )
    assert one["pid"] == worker.events("firstfix.child.exit")[0]["firstfix.child.pid"]
    assert "WORKER PROCESS DIED" in done.stderr and "Was working on: request r-9 POST /v1/x mixtral" in done.stderr
    assert one["facts"]["failure"]["python"]["executable"], "the machine of now"


@pytest.mark.parametrize(("how", "idle", "told"), [("os._exit(7)", False, True), ("os._exit(7)", True, False),
                                                   ("os._exit(0)", False, False)])
def test_a_child_that_leaves_in_the_middle_of_its_work(worker, how, idle, told):  # noqa: F811
    """Its caller gets no answer; a code alone is its parent's business, and a code of 0 is none."""
    done = worker.run(PARENT + f"""
def leave():
    req = Request("r-7"); req.__enter__()
    if {idle}: req.__exit__(None, None, None)
    {how}
p = multiprocessing.get_context("fork").Process(target=leave); p.start(); p.join()
""")
    assert done.returncode == 0, done.stderr
    found = [(one["how"], one.get("exit"), one["request"]["id"]) for one in incidents(worker)]
    assert found == ([("exit", {"code": 7}, "r-7")] if told else []), done.stderr


def test_what_a_child_that_leaves_has_told_itself_is_told_once(worker):  # noqa: F811
    worker.run(PARENT + """
def leave():
    Request("r-7").__enter__()
    sys.exit(7)
p = multiprocessing.get_context("fork").Process(target=leave); p.start(); p.join()
""")
    one, = incidents(worker)
    assert one["exception"] == {"type": "SystemExit", "message": "7", "frames": one["exception"]["frames"]}


def test_an_old_lane_of_the_same_number_is_not_the_child_s(worker):  # noqa: F811
    """In a container the same numbers come again at each start."""
    done = worker.run(PARENT + """
lanes = os.path.dirname(firstfix._ring.where()[0])
with firstfix.request(id="r-0"):
    pid = os.fork()
    if pid == 0:
        time.sleep(0.3)
        os._exit(3)
    import shutil
    old = f"{lanes}/{pid}-1.ring"
    shutil.copy(firstfix._ring.where()[0], old)
    os.utime(old, (time.time() - 900,) * 2)
    os.waitpid(pid, 0)
""")
    assert done.returncode == 0 and incidents(worker) == [], done.stderr


def test_a_child_that_recorded_nothing(worker):  # noqa: F811
    """A data loader's worker: its parent knows its name."""
    worker.run(
        PARENT
        + "p = multiprocessing.get_context('fork').Process(target=os.abort, name='loader 3'); p.start(); p.join()"
    )
    one, = incidents(worker)
    assert one["process"] == "loader 3" and one["exit"]["name"] == "SIGABRT" and "working_on" not in one


def test_who_killed_it(worker):  # noqa: F811
    """From outside: nothing speaks for memory. By its parent while it worked: its parent. By its parent, idle or to
    stop: nothing.
    """
    done = worker.run(PARENT + """
import subprocess
p = started(); subprocess.run(["kill", "-9", str(p.pid)]); p.join()
""")
    one, = incidents(worker)
    assert one["sent_by"] == "somebody outside; nothing points to memory" and not one["diagnosis"]["diagnoses"], (
        done.stderr
    )
    worker.state = worker.state.parent / "second"
    done = worker.run(PARENT + """
for p in (started(idle=True), started()): p.kill(); p.join()
p = started(); p.terminate(); p.join()
if (pid := os.fork()) == 0: os.execlp("sleep", "sleep", "9")
os.kill(pid, 11); os.waitpid(pid, 0)
""")
    one, = incidents(worker)
    assert done.returncode == 0 and "its parent" in one["sent_by"] and one["request"]["id"] == "r-9"


def test_the_calls_stay_what_they_are(worker):  # noqa: F811
    done = worker.run("""
        import firstfix, os, pytest, subprocess
        firstfix.install()
        with pytest.raises(ChildProcessError): os.waitpid(-1, os.WNOHANG)
        with pytest.raises(TypeError): os.kill("x", 1)
        with pytest.raises(TypeError): os.waitpid()
        with pytest.raises(ProcessLookupError): os.kill(2 ** 22 + 5, 9)
        assert subprocess.run(["sh", "-c", "kill -SEGV $$"]).returncode == -11
        assert os.waitpid.__name__ == "waitpid" and os.kill.__doc__
    """)
    assert done.returncode == 0 and not done.stderr, done.stderr


CRASH = """
import ctypes, multiprocessing, os, signal, sys
def decode(): {crash}
def work():
    with open({state!r} + "/working", "w"): decode()
p = multiprocessing.get_context("fork").Process(target=work, name="loader-3"); p.start(); p.join()
from firstfix import _incident
_incident.finish(30)
"""


@pytest.mark.parametrize(
    "crash,name",
    [("ctypes.string_at(0)", "SIGSEGV"), ("os.abort()", "SIGABRT"), ("os.kill(os.getpid(), signal.SIGBUS)", "SIGBUS")],
)
def test_the_stack_of_a_crash_is_in_its_incident(worker, tmp_path, crash, name):  # noqa: F811
    """faulthandler printed it on the stderr of all; the supervisor keeps that."""
    done = supervised(worker, CRASH.format(crash=crash, state=str(tmp_path)))
    one, = incidents(worker)
    assert one["exit"]["name"] == name and one["process"] == "loader-3", done.stderr
    assert (
        "in decode\n" in one["crash_stack"]
        and "in work" in one["crash_stack"]
        and "Extension modules" not in one["crash_stack"]
    )
    assert "Where it crashed" in done.stderr


def test_the_stack_of_another_signal_is_not_its_own(worker, tmp_path):  # noqa: F811
    script = (
        CRASH.format(crash="ctypes.string_at(0)", state=str(tmp_path))
        + "import time\np = multiprocessing.Process(target=time.sleep, args=(60,))\n"
        "p.start(); import subprocess; subprocess.run(['kill', '-9', str(p.pid)]); p.join(); _incident.finish(30)"
    )
    supervised(worker, script)
    assert {one["exit"]["name"]: "crash_stack" in one for one in incidents(worker)} == {
        "SIGSEGV": True,
        "SIGKILL": False,
    }


def test_of_many_threads_the_one_that_crashed_is_shown(worker, tmp_path):  # noqa: F811
    """faulthandler prints the others first; a page that ends after so many lines would not reach it."""
    crash = "ctypes.string_at(0)"
    script = CRASH.format(crash=crash, state=str(tmp_path)).replace(
        "def work():",
        "import threading\ndef waits(): threading.Event().wait()\n"
        "def work():\n    for i in range(40): threading.Thread(target=waits, daemon=True).start()",
    )
    done = supervised(worker, script)
    shown = done.stderr.partition("Where it crashed")[2]
    assert "in decode\n" in shown and "other threads are left out" in shown and "in waits" not in shown, shown


def test_a_spawned_child_names_the_command_that_was_given(worker, tmp_path):  # noqa: F811
    """As its parent does when it tells of the child's death: one command has one name and is counted as one."""
    script = tmp_path / "serve.py"
    script.write_text("""import multiprocessing, firstfix
firstfix.install()
def work():
    try:
        with firstfix.request(): raise KeyError("weights")
    except KeyError: pass
if __name__ == "__main__":
    p = multiprocessing.get_context("spawn").Process(target=work); p.start(); p.join()
    assert p.exitcode == 0
""")
    done = subprocess.run([worker.python, "-m", "serve", "--port", "1"], cwd=tmp_path, env=worker.environment(),
                          capture_output=True, text=True, timeout=60, check=False)
    one, = incidents(worker)
    assert one["command"].endswith("-m serve --port 1") and "REQUEST FAILED" in done.stderr, done.stderr


def test_two_crashes_of_a_run_are_two_failures_and_shown_in_the_worker_s_own_frames(worker, tmp_path):  # noqa: F811
    """Each where it crashed: another function is another failure, and thirty frames of a framework say nothing."""
    library = tmp_path / "site-packages"
    library.mkdir()
    (library / "framework.py").write_text("def call(f, n):\n    return call(f, n - 1) if n else f()\n")
    done = supervised(worker, f"""
import ctypes, multiprocessing, os, sys
sys.path.insert(0, {str(library)!r})
import firstfix, framework
firstfix.install()
def decode(): ctypes.string_at(0)
def encode(): ctypes.string_at(0)
for what in (decode, encode, encode):
    p = multiprocessing.get_context("fork").Process(target=framework.call, args=(what, 12)); p.start(); p.join()
    firstfix._incident.finish()
""")
    found = {one["crash_stack"].partition(" in string_at")[2].split()[5]: one["count"] for one in incidents(worker)}
    assert found == {"decode": 1, "encode": 2}, done.stderr
    shown = done.stderr.partition("Where it crashed")[2].partition("Stored:")[0]
    assert " in decode" in shown and "in call" not in shown and "frames of libraries are left out" in shown, shown


def test_what_a_parent_sends_is_noted_before_it_is_sent_and_taken_back_when_it_is_not(worker):  # noqa: F811
    """A thread or a handler may reap the child before os.kill() is back; a signal that was refused killed nobody."""
    done = worker.run(PARENT + """
from firstfix import _deaths
class row: broken = False
real = os.kill.__wrapped__
def reaped_at_once(pid, signal):
    real(pid, signal)
    assert os.waitpid(pid, 0) == (pid, signal)
p = started(idle=True); _deaths.wrap_kill(reaped_at_once, row)(p.pid, 9)
assert not _deaths._sent, "nothing is left for the next process of this number"
def refused(pid, signal): raise PermissionError
p = started(idle=True)
_deaths._sent[p.pid] = 15
try: _deaths.wrap_kill(refused, row)(p.pid, 9)
except PermissionError: pass
assert _deaths._sent[p.pid] == 15, "what was sent before"
os.kill(p.pid, 0)
assert _deaths._sent[p.pid] == 15, "0 asks and sends nothing"
real(p.pid, 9); os.waitpid(p.pid, 0)
os.killpg(os.getpgid(0), 0)
_deaths._sent.update(dict.fromkeys(range(1 << 22, (1 << 22) + 5000), 15))
try: os.kill((1 << 22) + 9, 9)
except ProcessLookupError: pass
assert len(_deaths._sent) <= 1, "children that nobody reaps are not kept for ever"
""")
    assert done.returncode == 0, done.stderr
    one, = incidents(worker)  # of the two, the one that nobody is known to have killed
    assert one["sent_by"] == "somebody outside; nothing points to memory", done.stderr
