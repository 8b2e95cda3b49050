"""Incidents from a death document and from a log: stored, counted, shown, packed, and the verdict for the supervisor.
"""

import contextlib
import json
import os
import sqlite3
import subprocess

import pytest

LOG = """Traceback (most recent call last):
  File "/app/handler.py", line 9, in load
    open("/models/x")
OSError: [Errno 28] No space left on device
"""


@pytest.fixture
def run(firstfix, tmp_path):
    """Run firstfix with a state folder of its own."""
    env = {**os.environ, "FIRSTFIX_DIR": str(tmp_path / "state"), "FIRSTFIX_NVML": "", "FIRSTFIX_CUDA": ""}

    def call(*args, code=0, **kwargs):
        done = subprocess.run(
            [firstfix, *map(str, args)], capture_output=True, text=True, timeout=60, env={**env, **kwargs}
        )
        assert done.returncode == code, done.stderr
        return done

    return call


def death(tmp_path, **changes):
    """A death document as the supervisor writes it."""
    (tmp_path / "stderr.txt").write_text(LOG)
    document = {
        "schema": "firstfix.death/1",
        "run_id": "r1",
        "attempt": 1,
        "attempts_max": 3,
        "recover": "off",
        "command": "python handler.py",
        "argv": ["python", "handler.py"],
        "cwd": "/app",
        "command_key": "00000000000000aa",
        "how": "exit",
        "exit": {"code": 1},
        "lasted_ms": 1500,
        "state_dir": str(tmp_path / "state"),
        "pids": [1],
        "tails": [{"stream": "stderr", "path": str(tmp_path / "stderr.txt"), "bytes": len(LOG), "total": len(LOG)}],
        **changes,
    }
    path = tmp_path / "death.json"
    path.write_text(json.dumps(document))
    return path


def verdict(text):
    lines = text.splitlines()
    assert lines[0] == "firstfix.verdict/1"
    return dict(line.split("=", 1) for line in lines[1:])


def test_a_death_becomes_an_incident(run, tmp_path):
    done = run("incident", "--from", death(tmp_path))
    said = verdict(done.stdout)
    assert said["action"] == "give-up" and said["cause"] == "disk.full"
    assert "No space left on device" in done.stderr and "Fix to try first" in done.stderr
    shown = json.loads(run("incidents", "show", said["incident"], "--json").stdout)
    assert shown["schema"] == "firstfix.incident/1" and shown["count"] == 1
    assert shown["exception"]["type"] == "OSError" and shown["exception"]["frames"][0]["func"] == "load"
    assert shown["facts"]["failure"]["schema"] == "firstfix.facts/1"
    run("incident", "--from", death(tmp_path))
    listed = json.loads(run("incidents", "--json").stdout)["incidents"]
    assert [(i["id"], i["count"]) for i in listed] == [(said["incident"], 2)], (
        "the same failure is counted, not repeated"
    )


def failure(tmp_path, **changes):
    """What a living process tells of itself, as the Python package does."""
    document = {
        "schema": "firstfix.failure/1",
        "how": "failure",
        "title": "REQUEST FAILED",
        "pid": os.getpid(),
        "phase": "request",
        "request": {"id": "42", "method": "POST", "path": "/generate"},
        "command_key": "00000000000000aa",
        "log": LOG,
        "exception": {
            "type": "OSError",
            "message": "[Errno 28] No space left on device",
            "frames": [
                {"file": "/x/site-packages/y.py" if n % 2 else "/app/handler.py", "line": n, "func": f"f{n}"}
                for n in range(20)
            ],
        },
        **changes,
    }
    path = tmp_path / "failure.json"
    path.write_text(json.dumps(document))
    return path


def test_a_living_process_tells_of_a_failure(run, tmp_path):
    said = json.loads(run("incident", "--failure", failure(tmp_path)).stdout)
    assert (
        said["schema"] == "firstfix.recorded/1"
        and said["cause"] == "disk.full"
        and said["count"] == 1
        and not said["known"]
    )
    for line in (
        "42 POST /generate",
        f"pid {os.getpid()}",
        "line 0, in f0",
        "(9 frames of libraries",
        "line 19, in f19",
        "DISK DIAGNOSTICS",
        "Fix to try first",
    ):
        assert line in said["text"], said["text"]
    assert "line 5, in f5" not in said["text"]
    run("incident", "--again", said["incident"], "--times", "5")
    shown = json.loads(run("incidents", "show", said["incident"], "--json").stdout)
    assert (
        shown["count"] == 6
        and len(shown["exception"]["frames"]) == 20
        and shown["facts"]["failure"]["trigger"] == "failure"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"schema": "firstfix.death/1"}',
        '{"schema": "firstfix.failure/1"}',
        '{"schema": "firstfix.failure/1", "pid": -7, "pids": 3, "exception": [1], "request": "x", "log": {}, '
        '"environ": "/nowhere", "lane": "/etc/passwd", "exit": 9, "gpu_memory": {"a": 1}, "python": 1}',
    ],
)
def test_a_damaged_account_is_refused_or_used_as_far_as_it_goes(run, tmp_path, text):
    (tmp_path / "f").write_text(text)
    good = '"firstfix.failure/1"' in text
    done = run("incident", "--failure", tmp_path / "f", code=0 if good else 2)
    assert (json.loads(done.stdout)["incident"] if good else "f: " in done.stderr)


def test_what_our_own_blocks_say_is_no_evidence(run, tmp_path):
    block = json.loads(run("incident", "--failure", failure(tmp_path)).stdout)["text"]
    path = death(tmp_path, how="signal", exit={"signal": 9, "name": "SIGKILL"}, command_key="00000000000000bb")
    (tmp_path / "stderr.txt").write_text("up\n" + block + "serving\n")
    said = verdict(run("incident", "--from", path).stdout)
    assert said.get("cause") != "disk.full"
    assert "exception" not in json.loads(run("incidents", "show", said["incident"], "--json").stdout)


def test_attempts_stand_in_the_incident(run, tmp_path):
    said = verdict(run("incident", "--from", death(tmp_path)).stdout)
    run("incident", "--attempt", said["incident"], "--result", "passed", "--say", "with A=1")
    shown = json.loads(run("incidents", "show", "last", "--json").stdout)
    assert shown["attempts"][0]["result"] == "passed"
    assert "with A=1" in run("incidents", "show", "last").stdout


def test_what_changed_since_the_last_good_start(run, tmp_path):
    facts = json.loads(run("report", "--json", "--python", "python").stdout)
    facts["env"]["HF_HOME"] = "/was/here"
    (tmp_path / "good.json").write_text(json.dumps(facts))
    run("incident", "--good-start", tmp_path / "good.json", "--command-key", "00000000000000aa")
    run("incident", "--from", death(tmp_path))
    shown = json.loads(run("incidents", "show", "last", "--json").stdout)
    assert [(c["path"], c["before"]) for c in shown["changed"]] == [("env.HF_HOME", "/was/here")]


def test_a_bundle_goes_to_another_machine_masked(run, tmp_path):
    secret = "hf_" + "Zq9" * 11 + "x"
    (tmp_path / "log").write_text(LOG + f"login with {secret} failed\n")
    run("explain", "--save", "--no-facts", tmp_path / "log", code=1)
    bundle = tmp_path / "out.tar.zst"
    run("bundle", "last", "-o", bundle)
    assert secret.encode() not in bundle.read_bytes()
    shown = run("incidents", "show", bundle, FIRSTFIX_DIR=str(tmp_path / "elsewhere")).stdout
    assert "No space left on device" in shown
    assert not (tmp_path / "elsewhere").exists()


def test_a_machine_without_libarchive_is_told_so(run, tmp_path):
    none = tmp_path / "libarchive.so.13"
    none.write_text("")
    (tmp_path / "log").write_text(LOG)
    run("explain", "--save", "--no-facts", tmp_path / "log", code=1, FIRSTFIX_ARCHIVE=str(none))
    said = run("bundle", "last", "-o", tmp_path / "out.tar.zst", code=2, FIRSTFIX_ARCHIVE=str(none)).stderr
    assert "libarchive is needed" in said and "libarchive.so.13" in said
    assert not (tmp_path / "out.tar.zst").exists()


@pytest.mark.parametrize("damage", ["no database", "pages", "half"])
def test_a_damaged_database_is_set_aside(run, tmp_path, damage):
    state = tmp_path / "state"
    run("incident", "--from", death(tmp_path))
    database = state / "firstfix.db"
    size = database.stat().st_size
    if damage == "no database":
        database.write_text("this is no database, and it is longer than a header of one\n" * 400)
    elif damage == "pages":
        content = database.read_bytes()
        database.write_bytes(content[:4096] + b"\x55" * (size - 4096))
    else:
        database.write_bytes(database.read_bytes()[:size // 2 & ~4095])
    done = run("incident", "--from", death(tmp_path))
    assert done.stderr.count("set aside") == 1 and "Stored as incident" in done.stderr
    done = run("incident", "--from", death(tmp_path))
    assert (
        "set aside" not in done.stderr and json.loads(run("incidents", "--json").stdout)["incidents"][0]["count"] == 2
    )
    assert [p.name for p in state.glob("firstfix.db.damaged-*")]


def test_a_store_that_cannot_be_used_does_not_cost_the_incident(run, tmp_path):
    (tmp_path / "state/firstfix.db").mkdir(parents=True, mode=0o700)
    (tmp_path / "state").chmod(0o700)
    done = run("incident", "--from", death(tmp_path))
    assert "could not be stored" in done.stderr and "Fix to try first" in done.stderr
    assert verdict(done.stdout)["action"] == "give-up"


@contextlib.contextmanager
def held(state):
    """Somebody holds the database for longer than anybody waits for it."""
    with contextlib.closing(sqlite3.connect(state / "firstfix.db", isolation_level=None)) as database:
        database.execute("begin exclusive")
        yield


def test_what_a_locked_store_does_not_take_is_kept(run, tmp_path):
    state, other = tmp_path / "state", "RuntimeError: HF_TOKEN=hf_aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH is bad"
    run("incident", "--from", death(tmp_path))
    with held(state):
        done = run("incident", "--from", death(tmp_path))
        assert "it is kept" in done.stderr and "Stored as" not in done.stderr and "No space left" in done.stderr
        assert verdict(done.stdout)["incident"], "its documents need not stay"
        answer = json.loads(run("incident", "--failure", failure(tmp_path, log=f"{other}\n", exception={
            "type": "RuntimeError", "message": other})).stdout)
        assert "it is kept" in answer["unstored"] and f"Not stored yet: incident {answer['incident']}" in answer["text"]
        assert len(json.loads(run("incidents", "--json").stdout)["incidents"]) == 1
    kept = list((state / "waiting").iterdir())
    assert len(kept) == 2 and all(p.stat().st_mode & 0o777 == 0o600 for p in kept)
    assert not any("hf_aBcDeF" in p.read_text() for p in kept)
    assert sorted(row["count"] for row in json.loads(run("incidents", "--json").stdout)["incidents"]) == [1, 2]
    assert json.loads(run("incidents", "show", answer["incident"], "--json").stdout)["title"] == "REQUEST FAILED"
    assert not list((state / "waiting").iterdir())


def test_what_waits_is_bounded_and_not_trusted(run, tmp_path):
    state = tmp_path / "state"
    run("incident", "--from", death(tmp_path))
    (state / "waiting").mkdir(mode=0o700)
    (state / "waiting/1-x.json").symlink_to("/etc/passwd")
    for n, text in enumerate(["no JSON", "{}", "[" * 99999, '{"fingerprint": 1}', '{"fingerprint": "a"}'], 2):
        (state / f"waiting/{n}-x.json").write_text(text)
    for n in range(100, 190):
        (state / f"waiting/{n}-x.json").write_text("{}")
    with held(state):
        for _ in range(2):
            run("incident", "--from", death(tmp_path))
    assert json.loads(run("incidents", "--json").stdout)["incidents"][0]["count"] == 3
    assert [p.name for p in (state / "waiting").iterdir()] in ([], ["1-x.json"])


def test_a_block_that_is_not_stored_is_no_evidence_either(run, tmp_path):
    """Where nothing can be stored our own account of an earlier failure stands in the output all the same."""
    (tmp_path / "state/firstfix.db").mkdir(parents=True, mode=0o700)
    (tmp_path / "state").chmod(0o700)
    block = json.loads(run("incident", "--failure", failure(tmp_path)).stdout)["text"]
    assert "disk.full" in block
    document = death(tmp_path)
    (tmp_path / "stderr.txt").write_text(f"loading\n{block}\nKeyError: 'weights'\n")
    said = run("incident", "--from", document)
    assert "cause" not in verdict(said.stdout) and "No space left" not in said.stderr, said.stderr


def test_bad_input_is_named(run, tmp_path):
    assert "test_incidents.py" in run("incident", "--from", __file__, code=2).stderr
    (tmp_path / "x.json").write_text('{"schema": "firstfix.death/9"}')
    assert "firstfix.death/9" in run("incident", "--from", tmp_path / "x.json", code=2).stderr
    assert "wants --from" in run("incident", code=2).stderr
    assert "nothing is stored in" in run("incidents", "show", "zz", code=2).stderr


def test_safe_fix_is_applied_once(run, tmp_path):
    log = tmp_path / "stderr.txt"
    document = death(tmp_path, recover="env")
    log.write_text(
        "Fast download using 'hf_transfer' is enabled (HF_HUB_ENABLE_HF_TRANSFER=1) but 'hf_transfer' package is not "
        "available in your environment. Try `pip install hf_transfer`.\n"
    )
    text = log.read_text()
    log.write_text(
        f'Traceback (most recent call last):\n  File "/app/h.py", line 1, in <module>\n    f()\nValueError: {text}'
    )
    said = verdict(run("incident", "--from", document).stdout)
    assert (said["action"], said["set"]) == ("restart", "HF_HUB_ENABLE_HF_TRANSFER=0")
    body = json.loads(document.read_text())
    body.update(attempt=2, applied={"HF_HUB_ENABLE_HF_TRANSFER": "0"})
    document.write_text(json.dumps(body))
    assert verdict(run("incident", "--from", document).stdout)["action"] == "give-up", "the same fix is not tried twice"


def test_sigkill_is_attributed_by_evidence(run, tmp_path):
    kill = {"signal": 9, "name": "SIGKILL"}

    def killed(**changes):
        path = death(tmp_path, exit=kill, **changes)
        (tmp_path / "stderr.txt").write_text("loading weights\n")
        done = run("incident", "--from", path)
        return done, json.loads(run("incidents", "show", verdict(done.stdout)["incident"], "--json").stdout)

    done, shown = killed(how="signal")
    assert shown["killed_by"]["who"] == "unknown"
    text = shown["killed_by"]["text"]
    assert "or the worker itself" in text and "nothing points to memory" in text
    assert not shown["diagnosis"]["diagnoses"] and "Nothing wrong" not in done.stderr and "WORKER KILLED" in done.stderr
    done, shown = killed(how="oom-kill", oom=["oom_kill of /sys/fs/cgroup grew by 1"])
    assert shown["killed_by"]["who"] == "oom-killer" and "grew by 1" in shown["killed_by"]["text"]
    first = shown["diagnosis"]["diagnoses"][0]
    assert first["cause"] == "oom.host"
    assert {"fact": "cgroup.oom_kill", "value": "oom_kill of /sys/fs/cgroup grew by 1"} in first["evidence"]
    assert not [e for e in first["evidence"] if "log" in e], "what we wrote ourselves is no line of the log"


def test_the_list_is_a_table(run, tmp_path):
    run("incident", "--from", death(tmp_path, command="python \x1b[31mhandler.py"))
    head, row = run("incidents").stdout.splitlines()
    for column, text in (
        ("CAUSE", "disk.full"),
        ("ERROR", "OSError: [Errno 28] No space left on device"),
        ("COMMAND", "python "),
    ):
        assert row.index(text) == head.index(column)
    assert "\x1b" not in row


def test_the_same_exit_of_two_commands_is_two_failures(run, tmp_path):
    prints = []
    for command in ("python a.py --port 80", "python a.py --port 81", "python b.py"):
        path = death(tmp_path, command=command)
        (tmp_path / "stderr.txt").write_text("")
        said = verdict(run("incident", "--from", path).stdout)
        prints.append(json.loads(run("incidents", "show", said["incident"], "--json").stdout)["fingerprint"])
    assert prints[0] == prints[1] != prints[2], "numbers differ between runs of one command"


def test_our_own_objects_in_the_output_are_no_evidence(run, tmp_path):
    """With FIRSTFIX_LOG=json a diagnosis of a request stands in the output as one line, with the words of that failure.
    """
    path = death(tmp_path)
    words = r"Traceback (most recent call last):\nModuleNotFoundError: No module named 'bitsandbytes'"
    ours = (
        '{"schema": "firstfix.event/1", "timestamp": "2026-11-23T03:14:03.123Z", "event.name": "firstfix.diagnosis", '
        f'"process.pid": 1, "body": "{words}"}}\n'
    )
    for log, cause in ((LOG + ours, "disk.full"), (ours + LOG, "disk.full")):
        (tmp_path / "stderr.txt").write_text(log)
        assert verdict(run("incident", "--from", path).stdout)["cause"] == cause
    shown = run("incidents", "show", "last", "--json").stdout
    assert "bitsandbytes'" not in shown.split('"diagnosis"')[1]


def test_the_list_as_markdown_is_a_table_with_a_head(run, tmp_path):
    run("incident", "--from", death(tmp_path, command="python `a```b` |x|"))
    lines = run("incidents", "--markdown").stdout.splitlines()
    assert lines[0] == "```text" and lines[1].startswith("INCIDENT") and lines[-1] == "```"
    assert len([line for line in lines if line.startswith("```")]) == 2


def test_buffered_stdout_does_not_hide_the_last_words(run, tmp_path):
    """It reaches us behind the traceback; whatever order the tails are named in, the traceback is the end."""
    path = death(tmp_path)
    (tmp_path / "stdout.txt").write_text("step 100/100 loss 0.1\nAll done\n")
    document = json.loads(path.read_text())
    for at in (0, 1):
        document["tails"].insert(
            at, {"stream": "stdout", "path": str(tmp_path / "stdout.txt"), "bytes": 31, "total": 31}
        )
        path.write_text(json.dumps(document))
        assert verdict(run("incident", "--from", path).stdout)["cause"] == "disk.full"
        document["tails"].pop(at)


def test_an_incident_says_who_had_asked_for_a_stop(run, tmp_path):
    sent = {"text": "SIGTERM from pid 12 (bash)", "pid": 12, "uid": 0, "name": "bash"}
    done = run(
        "incident",
        "--from",
        death(tmp_path, how="signal", exit={"signal": 6, "name": "SIGABRT"}, stop_signal=15, stop_sent=sent),
    )
    assert "While stopping, after: SIGTERM from pid 12 (bash)" in done.stderr
    assert json.loads(run("incidents", "show", "last", "--json").stdout)["stop_sent"] == sent


def test_not_to_stop_in_time_is_a_failure_of_its_own(run, tmp_path):
    sent = {"text": "SIGTERM from pid 12 (bash)", "pid": 12, "uid": 0, "name": "bash"}
    late = {"how": "stop-timeout", "exit": {"signal": 9, "name": "SIGKILL"}, "stop_signal": 15, "stop_sent": sent,
            "stop_timeout": {"grace_ms": 10000, "state": "D (disk sleep), nvidia_poll"}}
    done = run("incident", "--from", death(tmp_path, **late))
    for line in (
        "WORKER DID NOT STOP IN TIME",
        "Killed by: the supervisor, because the time to stop",
        "SIGTERM from pid 12 (bash)",
        "Where it stood: D (disk sleep), nvidia_poll",
    ):
        assert line in done.stderr, done.stderr
    run("incident", "--from", death(tmp_path))
    assert len(json.loads(run("incidents", "--json").stdout)["incidents"]) == 2, "the same words, another failure"


def in_order(tmp_path, run, out, err, **turns):
    """Both streams as the supervisor writes them; turns: [(position, milliseconds)] of each."""
    tails = []
    for stream, text in (("stdout", out), ("stderr", err)):
        (tmp_path / f"{stream}-tail").write_text(text)
        rows = [f"{at} {ms * 1000000} {1732500000000000000 + ms * 1000000}\n" for at, ms in turns[stream]]
        (tmp_path / f"{stream}.turns").write_text("from 0\n" + "".join(rows))
        tails.append(
            {"stream": stream, "path": str(tmp_path / f"{stream}-tail"), "turns": str(tmp_path / f"{stream}.turns")}
        )
    done = run("incident", "--from", death(tmp_path, tails=tails))
    said = verdict(done.stdout)
    return json.loads(run("incidents", "show", said["incident"], "--json").stdout), done.stderr


def test_both_streams_stand_in_the_order_of_time(run, tmp_path):
    out, err = "begin\nhalf a line\nlast\n", "between\nat the end\n"
    incident, said = in_order(
        tmp_path, run, out, err, stdout=[(0, 10), (6, 30), (10, 45), (18, 50)], stderr=[(0, 20), (8, 40)]
    )
    assert incident["tail"]["stdout"] == out and incident["tail"]["stderr"] == err
    assert [(row["stream"], row["lines"]) for row in incident["tail"]["order"]] == [
        ("stdout", 1), ("stderr", 1), ("stdout", 1), ("stderr", 1), ("stdout", 1)]
    shown = said[said.index("Last lines"):]
    lines = ["begin", "between", "half a line", "at the end", "last"]
    assert [line.strip() for line in shown.splitlines() if line.strip() in lines] == lines


def test_a_masked_line_does_not_shift_the_others(run, tmp_path):
    key = (
        "-----BEGIN PRIVATE KEY-----\n"
        + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n" * 4
        + "-----END PRIVATE KEY-----\n"
    )
    incident, said = in_order(
        tmp_path, run, "begin\n" + key + "last\n", "between\n", stdout=[(0, 10), (6, 30)], stderr=[(0, 20)]
    )
    assert "MIIEvQ" not in said + json.dumps(incident)
    assert {"begin", "between", "last"} <= {line.strip() for line in said.splitlines()}


@pytest.mark.parametrize(
    "turns",
    [
        "",
        "from\n1 2 3\n",
        "from 0\n99999999999999999999 1 1\n5 5\nx\n",
        "from 18446744073709551615\n0 1 1\n3 0 0\n",
        "from 0\n" + "1 1 1\n" * 5000,
    ],
)
def test_turns_that_are_damaged_cost_the_order_alone(run, tmp_path, turns):
    (tmp_path / "damaged").write_text(turns)
    (tmp_path / "stdout.txt").write_text("one\ntwo\n")
    tails = [
        {"stream": stream, "path": str(tmp_path / f"{stream}.txt"), "turns": str(tmp_path / "damaged")}
        for stream in ("stdout", "stderr")
    ]
    done = run("incident", "--from", death(tmp_path, tails=tails))
    assert verdict(done.stdout)["cause"] == "disk.full"


def test_a_block_pushed_out_by_the_end_came_before_the_last_words(run, tmp_path):
    """What a stdout that is no terminal still held is printed by exit(), behind the traceback."""
    work = "".join(f"Epoch 1: step {n} loss 0.5\n" for n in range(5))
    incident, said = in_order(tmp_path, run, "starting\n" + work, LOG, stdout=[(0, 10), (9, 41)], stderr=[(0, 40)])
    assert (
        incident["diagnosis"]["verdict"] == "failed" and incident["diagnosis"]["diagnoses"][0]["cause"] == "disk.full"
    ), said


@pytest.mark.parametrize("counts,cause", [((2, 2), None), ((2, 3), "oom.host"), (None, "oom.host")])
def test_a_child_s_sigkill_is_memory_only_where_the_kernel_may_have_counted_it(run, tmp_path, counts, cause):
    changes = (
        {"cgroup": {"version": 2, "before": {"oom_kill": counts[0]}, "after": {"oom_kill": counts[1]}}}
        if counts
        else {}
    )
    path = death(tmp_path, **changes)
    (tmp_path / "stderr.txt").write_text(
        "subprocess.CalledProcessError: Command '['convert', 'a']' died with <Signals.SIGKILL: 9>.\n"
    )
    assert verdict(run("incident", "--from", path).stdout).get("cause") == cause
