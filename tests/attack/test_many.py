"""Many runs on one state folder: none prints another's output, none is lost, the folder stays small, and a run that
ended without a word is found by the next."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

QUIET = {"FIRSTFIX_NVML": "", "FIRSTFIX_CUDA": "", "FIRSTFIX_REPORT": "off"}


@pytest.fixture
def real(runner):
    """A runner whose steps are the real program's."""
    del runner.env["FIRSTFIX_TOOL"]
    runner.env |= QUIET
    return runner


def folder_bytes(folder):
    return sum(p.stat().st_blocks * 512 for p in folder.rglob("*") if p.is_file())


def listed(runner):
    done = subprocess.run([runner.firstfix, "incidents", "--json"], env=runner.env, capture_output=True, check=True)
    return json.loads(done.stdout)["incidents"]


def shown(runner, what="last"):
    done = subprocess.run(
        [runner.firstfix, "incidents", "show", what, "--json"], env=runner.env, capture_output=True, check=True
    )
    return json.loads(done.stdout)


def test_supervisors_that_are_all_process_1(real, times):
    count = times(24, 120)
    real.state.mkdir(mode=0o700)
    script = "echo number $N; sleep 0.2; echo failure $N >&2; exit 3"
    if subprocess.run(["unshare", "-rpf", "true"], capture_output=True, check=False).returncode:
        pytest.skip("NO NAMESPACE: unshare is refused")
    runs = [
        subprocess.Popen(
            ["unshare", "-rpf", "--mount-proc", *real.command("sh", "-c", script)],
            env={**real.env, "N": str(n)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for n in range(count)
    ]
    for n, run in enumerate(runs):
        out, err = run.communicate(timeout=300)
        assert (run.returncode, out) == (3, b"number %d\n" % n), err
        assert set(re.findall(rb"failure (\d+)", err)) == {b"%d" % n}, "another run's output"
    assert sum(i["count"] for i in listed(real)) == count


def test_restarts_leave_a_bounded_folder(real, times):
    sizes = []
    for n in range(times(20, 1000)):
        real.env["NUMBER"] = str(n)
        assert real.run("sh", "-c", "echo $NUMBER; exit 3").returncode == 3
        sizes.append(folder_bytes(real.state))
    assert not list((real.state / "deaths").iterdir()) and not list((real.state / "tails").iterdir())
    assert not list((real.state / "open").iterdir())
    incident, = listed(real)
    assert incident["count"] == len(sizes)
    reports = 32 << 15  # the newest 32 start-up reports stay, where one was ready before the command had ended
    assert sizes[-1] < 4 << 20 and sizes[-1] < sizes[4] + reports + (1 << 20)


def test_the_folder_keeps_to_its_size(runner):
    runner.run("true")
    for n in range(40):
        path = runner.state / f"tails/old.{n}"
        path.write_bytes(bytes(1 << 20))
        os.utime(path, (time.time() - 100 + n, time.time() - 100 + n))
    runner.run("true", options=["--max-mib", "16"])
    left = sorted(int(p.suffix[1:]) for p in (runner.state / "tails").iterdir())
    assert 2 <= len(left) <= 4 and left == list(range(40 - len(left), 40)), "the newest is kept"


def next_run(runner, until):
    """What is left is told of at the lowest priority, and hardly longer than the next command runs."""
    for seconds in (3, 30):
        after = runner.run("sh", "-c", f"echo next; sleep {seconds}")
        if until in after.stderr:
            break
    return after


def kill_both(process, worker):
    process.send_signal(signal.SIGSTOP)  # so that it cannot say anything between the two
    os.kill(worker, signal.SIGKILL)
    process.kill()
    process.communicate()


def test_a_run_that_ended_without_a_word(real):
    process = real.start("sh", "-c", "echo the last words of $$; echo and an error >&2; exec sleep 60")
    worker = int(process.stdout.readline().split()[-1])
    assert b"and an error\n" in iter(process.stderr.readline, b"")
    kill_both(process, worker)
    assert (
        b"1 run ended without a word"
        in subprocess.run([real.firstfix, "incidents"], env=real.env, capture_output=True, check=True).stderr
    )
    after = next_run(real, b"WITHOUT A WORD")
    assert after.returncode == 0 and after.stdout == b"next\n"
    assert b"RUN ENDED WITHOUT A WORD" in after.stderr and b"killed together" in b" ".join(after.stderr.split())
    incident = shown(real)
    assert incident["how"] == "vanished" and incident["tail"]["stderr"] == "and an error\n"
    assert incident["tail"]["stdout"] == f"the last words of {worker}\n" and "last_sign_at" in incident
    assert [row["stream"] for row in incident["tail"]["order"]] == ["stdout", "stderr"]
    assert not list((real.state / "deaths").iterdir()) and not list((real.state / "tails").iterdir())
    assert b"WITHOUT A WORD" not in real.run("true").stderr, "told once"


def test_a_worker_whose_supervisor_died_is_named(real):
    process = real.start("sh", "-c", "echo $$; exec sleep 60")
    worker = int(process.stdout.readline())
    process.kill()
    process.communicate()
    after = next_run(real, b"WITHOUT A WORD")
    os.kill(worker, signal.SIGKILL)
    assert b"still runs" in b" ".join(after.stderr.split()), after.stderr


def test_a_worker_that_shall_not_outlive_its_supervisor(real):
    process = real.start("sh", "-c", "echo $$; exec sleep 60", options=["--orphan", "term"])
    worker = int(process.stdout.readline())
    process.kill()
    process.communicate()
    for _ in range(300):
        if not os.path.exists(f"/proc/{worker}") or " Z " in open(f"/proc/{worker}/stat").read():
            break
        time.sleep(0.1)
    else:
        pytest.fail("the worker lives on")


@pytest.mark.skipif(not shutil.which("prlimit"), reason="NO PRLIMIT")
@pytest.mark.parametrize("most", range(5, 24))
def test_few_descriptors(runner, most):
    done = subprocess.run(["prlimit", f"--nofile={most}:{most}", *runner.command("sh", "-c", "echo out; exit 3")],
                          env=runner.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False)
    assert done.returncode == 3 and done.stdout == b"out\n"
    assert runner.calls() or b"without firstfix" in done.stderr or b"no diagnosis" in done.stderr, done.stderr
