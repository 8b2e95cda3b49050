"""`firstfix run -- python`: the worker is hooked without a line of its own, and its hang shows Python's stacks."""
import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import time

from python_worker import SOURCE, hooks, worker  # noqa: F401


def run(worker, script, *options, **more):  # noqa: F811
    env = worker.environment()
    del env["PYTHONPATH"], env["FIRSTFIX_PROGRAM"]
    env.update(FIRSTFIX_HOOKS=str(worker.hooks), **more)
    return subprocess.run([worker.program, "run", "--report", "off", *options, "--", sys.executable, "-c", script],
                          env=env, capture_output=True, text=True, timeout=90, check=False)


def test_an_exception_is_recorded_from_inside_and_shown_once(worker):  # noqa: F811
    done = run(worker, "print('up')\nraise OSError(28, 'No space left on device')")
    assert (done.returncode, done.stdout) == (1, "up\n")
    assert "PROCESS FAILED" not in done.stderr and "disk.full" in done.stderr
    assert [row["exception.type"] for row in worker.events("exception")] == ["OSError"]
    assert not os.listdir(worker.state / "armed")


def test_the_worker_is_told_where_the_program_is(worker):  # noqa: F811
    """A Python of another environment, with no `firstfix` beside it or in PATH, has diagnoses all the same."""
    script = "import firstfix, sys; print(firstfix.report(only='os')['schema'])"
    done = run(worker, script, PATH="/usr/bin:/bin")
    assert (done.returncode, done.stdout, done.stderr) == (0, "firstfix.facts/1\n", "")
    mine = run(worker, "import os; print(os.environ['FIRSTFIX_PROGRAM'])", FIRSTFIX_PROGRAM="/my/own")
    assert mine.stdout == "/my/own\n", "what is set stays"


def test_what_we_print_ourselves_is_no_part_of_the_message(worker):  # noqa: F811
    done = run(worker, "import firstfix\nwith firstfix.request(): raise OSError(28, 'No space left on device')",
               FIRSTFIX_PROGRAM=worker.program)
    assert done.returncode == 1 and "DISK DIAGNOSTICS" in done.stderr and "oom.shm" not in done.stderr, done.stderr
    listed = subprocess.run(
        [worker.program, "incidents", "--json", "--dir", worker.state], capture_output=True, text=True, check=True
    )
    ident = json.loads(listed.stdout)["incidents"][0]["id"]
    shown = subprocess.run(
        [worker.program, "incidents", "show", "--json", "--dir", worker.state, ident],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(shown.stdout)["exception"]["message"] == "[Errno 28] No space left on device"


def test_a_hang_shows_the_stacks_of_python(worker):  # noqa: F811
    done = run(worker, "import threading\ndef waiting(): threading.Event().wait()\nwaiting()",
               "--hang-after", "2", "--hang-action", "kill")
    assert "in waiting" in done.stderr and "HANGS" in done.stderr, done.stderr


def test_a_clean_end_says_nothing(worker):  # noqa: F811
    done = run(worker, "print('done')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
    assert [row["event.name"] for row in worker.events() if row["event.name"] != "firstfix.child.exit"][
        -1
    ] == "firstfix.process.stop"


def test_a_message_of_several_lines_is_shown_as_lines(worker):  # noqa: F811
    done = run(
        worker,
        "raise RuntimeError('CUDA error: out of memory\\nSearch for `cudaErrorMemoryAllocation` in the documentation')",
    )
    assert (
        "Error Message: CUDA error: out of memory\n" in done.stderr
        and "    Search for `cudaErrorMemoryAllocation`" in done.stderr
    ), done.stderr
    assert "Error Message: CUDA error: out of memory\\n" not in done.stderr


def test_misspelt_settings_are_said_once(worker):  # noqa: F811
    """By install() where no supervisor has said it; the settings of `firstfix run` are not the package's to judge."""
    options = (SOURCE.parent / "src/supervise/options.def").read_text()
    names = re.findall(r'^OPTION\("([^"]+)"', options, re.M)
    assert len(names) > 10
    env = {f"FIRSTFIX_{name.upper().replace('-', '_')}": "1" for name in names}
    env |= {"FIRSTFIX_DISABEL": "x", "FIRSTFIX_ATTEMPT": "1"}
    script = "import firstfix; firstfix.install(); firstfix.install()"
    said = [line for line in worker.run(script, **env).stderr.splitlines() if "no setting" in line]
    assert said == ["firstfix: FIRSTFIX_DISABEL is no setting: FIRSTFIX_DISABLE?"]
    assert "no setting" not in worker.run(script, **env, FIRSTFIX_RUN_ID="r").stderr


def test_values_that_make_no_sense_are_said_once(worker):  # noqa: F811
    script = "import firstfix; firstfix.install(); firstfix.install()"
    env = {"LOG": "jsn", "GPU_READS": "maybe", "QUARANTINE": "x", "DISABLE": "torch, transfomers,faulthandler,celery"}
    said = worker.run(script, **{f"FIRSTFIX_{name}": value for name, value in env.items()}).stderr.splitlines()
    assert [line.split(",")[0] for line in said] == [
        "firstfix: FIRSTFIX_LOG wants text|json|off",
        "firstfix: FIRSTFIX_GPU_READS wants 0|1",
        "firstfix: FIRSTFIX_QUARANTINE wants a number",
        "firstfix: FIRSTFIX_DISABLE names no hook by 'torch': accelerate",
        "firstfix: FIRSTFIX_DISABLE names no hook by 'transfomers': accelerate",
    ]
    assert worker.run(script, FIRSTFIX_LOG="JSON ", FIRSTFIX_GPU_READS="0", FIRSTFIX_DISABLE="all").stderr == ""


def test_what_the_launcher_and_the_worker_set_is_no_change(worker):  # noqa: F811
    """The last good start was seen beside the supervisor, before a shim put its own folder into PATH."""
    script = f"""
import firstfix, os, time
os.environ["HF_HUB_OFFLINE"] = "1"
end = time.time() + 120
while time.time() < end and not os.path.exists({str(worker.state / "go")!r}): time.sleep(0.1)
try:
    with firstfix.request(): raise KeyError("weights")
except KeyError: pass
"""
    shim = 'export PATH="/the/shim:$PATH" PYTHONNOUSERSITE=1 VLLM_SHIM=1; exec "$@"'
    def command(good_after):
        return [worker.program, "run", "--report", "off", "--good-after", good_after, "--", "sh", "-c", shim, "sh",
                sys.executable, "-c", script]

    env = {**worker.environment(), "FIRSTFIX_HOOKS": str(worker.hooks)}
    del env["PYTHONPATH"]

    def run_until(reached, good_after, **more):
        """A run whose request fails once something is so."""
        (worker.state / "go").unlink(missing_ok=True)
        process = subprocess.Popen(command(good_after), env=env | more, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        end = time.time() + 120
        while time.time() < end and not reached():
            time.sleep(0.1)
        (worker.state / "go").touch()
        process.communicate(timeout=120)

    def remembered():
        try:
            with contextlib.closing(sqlite3.connect(worker.state / "firstfix.db")) as database:
                return database.execute("select count(*) from good_start").fetchone() == (1,)
        except sqlite3.Error:  # not made yet
            return False

    def changed():
        shown = subprocess.run([worker.program, "incidents", "show", "last", "--json", "--dir", worker.state],
                               capture_output=True, text=True, check=True)
        incident = json.loads(shown.stdout)
        assert incident["title"] == "REQUEST FAILED"
        return [row["path"] for row in incident.get("changed", []) if row["path"].split(".")[0] in ("env", "python")]

    run_until(remembered, "1")
    assert changed() == []
    run_until(lambda: len(list(worker.state.glob("reports/*.json"))) == 2, "900", HF_HOME="/elsewhere")
    assert changed() == ["env.HF_HOME"]
