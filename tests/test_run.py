"""firstfix run on real workers: what passes through, what a death leaves behind, exit codes."""
import json
import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from runner import PYTHON, until


def test_output_passes_byte_for_byte(runner):
    code = "import os; os.write(1, bytes(range(256)) * 5000); os.write(2, b'\\0\\xff\\r\\n' * 9)"
    got = runner.python(code)
    assert (got.returncode, got.stdout, got.stderr) == (0, bytes(range(256)) * 5000, b"\0\xff\r\n" * 9)
    assert runner.deaths() == []
    assert list((runner.state / "tails").iterdir()) == []


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_exit_code_is_the_workers(runner, code):
    assert runner.run("sh", "-c", f"exit {code}").returncode == code
    assert len(runner.deaths()) == (code != 0)


def test_command_not_found_and_not_executable(runner, tmp_path):
    got = runner.run("no-such-command-here")
    assert got.returncode == 127 and b"command not found" in got.stderr
    plain = tmp_path / "plain"
    plain.write_text("x")
    got = runner.run(str(plain))
    assert got.returncode == 126 and b"Permission denied" in got.stderr
    assert runner.deaths() == []


def test_forgotten_dashes_give_the_right_line(runner):
    got = subprocess.run([runner.firstfix, "run", "--grace", "5", "python", "-c", "print('a b')", "--port"],
                         env=runner.env, capture_output=True, text=True, check=False)
    assert got.returncode == 2 and got.stdout == ""
    assert "firstfix run --grace 5 -- python -c 'print('\\''a b'\\'')' --port" in got.stderr


@pytest.mark.parametrize(
    "options", [["--recover", "yes"], ["--grace", "-1"], ["--tail", "1"], ["--nonsense"], ["--attempts", "0"]]
)
def test_wrong_options_start_nothing(runner, options, tmp_path):
    got = runner.run("touch", str(tmp_path / "started"), options=options)
    assert got.returncode == 2 and not (tmp_path / "started").exists()


def test_segfault_in_c(runner):
    got = runner.python("import ctypes, sys; print('before'); sys.stdout.flush(); ctypes.string_at(0)")
    assert got.returncode == 128 + signal.SIGSEGV and got.stdout == b"before\n"
    [death] = runner.deaths()
    assert death["schema"] == "firstfix.death/1" and death["how"] == "signal"
    assert death["exit"]["signal"] == signal.SIGSEGV and death["exit"]["name"] == "SIGSEGV"
    assert death["argv"][0] == PYTHON and death["lasted_ms"] >= 0 and death["pid"] in death["pids"]
    assert runner.tail() == b"before\n"
    assert b"INCIDENT TEXT" in got.stderr


def test_sigkill_from_outside(runner):
    p = runner.start(PYTHON, "-c", "import os, sys, time; print(os.getpid(), flush=True); time.sleep(60)")
    os.kill(int(p.stdout.readline()), signal.SIGKILL)
    p.communicate(timeout=30)
    assert p.returncode == 137
    [death] = runner.deaths()
    assert death["how"] == "signal" and death["exit"]["name"] == "SIGKILL"


def test_memory_limit(runner):
    code = "import resource as r; r.setrlimit(r.RLIMIT_AS, (1 << 28, 1 << 28)); bytearray(1 << 30)"
    got = runner.python(code)
    assert got.returncode == 1 and b"MemoryError" in got.stderr
    assert b"MemoryError" in runner.tail(1, 1)
    assert runner.deaths()[0]["rusage"]["max_rss"] > 1 << 20


def test_cgroup_oom_kill_is_named(runner, tmp_path):
    group = "/sys/fs/cgroup/memory/firstfix-test-%d" % os.getpid()
    try:
        os.mkdir(group)
        with open(group + "/memory.limit_in_bytes", "w", encoding="ascii") as f:
            f.write(str(48 << 20))
    except OSError as error:
        pytest.skip(f"NO CGROUP: this machine lets us make no memory control group: {error}")

    def enter():
        with open(group + "/cgroup.procs", "w", encoding="ascii") as f:
            f.write(str(os.getpid()))

    try:
        got = runner.python("b = []\nwhile True: b.append(bytearray(1 << 22))", preexec_fn=enter)
    finally:
        os.rmdir(group)
    assert got.returncode == 137
    [death] = runner.deaths()
    assert death["how"] == "oom-kill" and any("oom_kill" in line for line in death["oom"])
    assert death["cgroup"]["after"]["oom_kill"] > death["cgroup"]["before"]["oom_kill"]
    assert death["cgroup"]["after"]["limit"] == 48 << 20


def test_what_the_kernel_says_of_another_process_is_no_evidence(runner):
    """Of its own victim it tells in three lines, each of which names the process in another way, or not at all."""
    try:
        log = open("/dev/kmsg", "w", encoding="ascii", buffering=1)
    except OSError as error:
        pytest.skip(f"NO KERNEL LOG: this user may not write there: {error}")
    with log:
        p = runner.start(PYTHON, "-c", "print(1, flush=True); input(); raise SystemExit(3)", stdin=subprocess.PIPE)
        p.stdout.readline()
        log.write("heron invoked oom-killer: gfp_mask=0x6000c0(GFP_KERNEL), order=0, oom_score_adj=0\n")
        log.write("oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/h,task_memcg=/h,task=heron,pid=3999999,uid=0\n")
        log.write("Memory cgroup out of memory: Killed process 3999999 (heron) total-vm:1kB, anon-rss:1kB\n")
        log.write("Buffer I/O error on dev heron0, logical block 7\n")
        p.communicate(b"\n", timeout=30)
    assert p.returncode == 3
    assert [line for line in runner.deaths()[0]["kmsg"] if "heron0" not in line] == []
    assert any("heron0" in line for line in runner.deaths()[0]["kmsg"])


def test_children_that_die_are_reaped_and_told(runner):
    code = """
import os, signal, time
for i in range(3):
    if os.fork() == 0:
        if os.fork() == 0:
            time.sleep(0.1); os.kill(os.getpid(), signal.SIGSEGV if i == 0 else signal.SIGKILL)
        os._exit(0)
    os.wait()
for i in range(600):
    kids = open(f'/proc/{os.getppid()}/task/{os.getppid()}/children').read().split()
    if len(kids) <= 1: break
    time.sleep(0.05)
assert kids == [str(os.getpid())] or kids == [], kids
os._exit(4)
"""
    got = runner.python(code)
    assert got.returncode == 4, got.stderr
    names = sorted(o["exit"]["name"] for o in runner.deaths()[0]["orphans"])
    assert names == ["SIGKILL", "SIGKILL", "SIGSEGV"]


def test_flood_keeps_the_tail(runner):
    code = "import sys\nfor i in range(200000): sys.stdout.write(f'line {i} ' + 'x' * 90 + '\\n')\nsys.exit(9)"
    got = runner.python(code, options=["--tail", "16"])
    assert got.returncode == 9 and got.stdout.count(b"\n") == 200000
    assert runner.tail() == got.stdout[-16384:]
    assert runner.deaths()[0]["tails"][0] | {"path": "", "turns": ""} == {
        "stream": "stdout", "path": "", "bytes": 16384, "total": len(got.stdout), "turns": ""}


def test_worker_that_closes_its_output(runner):
    got = runner.python("import os, time; os.close(0); os.close(1); os.close(2); time.sleep(0.2); os._exit(5)")
    assert got.returncode == 5
    assert runner.deaths()[0]["lasted_ms"] >= 200


def test_our_own_output_closed(runner):
    p = subprocess.Popen(runner.command("sh", "-c", "echo lost; exit 6"), env=runner.env, stdin=subprocess.DEVNULL,
                         preexec_fn=lambda: (os.close(1), os.close(2)))
    assert p.wait(timeout=30) == 6
    assert len(runner.deaths()) == 1


def test_one_file_for_both_keeps_the_order(runner):
    code = "import os\nfor i in range(2000): os.write(1 + i % 2, b'%d\\n' % i)"
    got = subprocess.run(runner.command(PYTHON, "-c", code), env=runner.env, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, check=False)
    assert got.stdout.split() == [b"%d" % i for i in range(2000)]


def test_reader_that_goes_away(runner):
    p = runner.start(PYTHON, "-c", "while True: print('x' * 1000)")
    p.stdout.read(5000)
    p.stdout.close()
    _, err = p.communicate(timeout=30)
    assert b"BrokenPipeError" in err and p.returncode == 120 or p.returncode == 1


def test_reader_that_stands_still_does_not_hold_up_the_incident(runner):
    code = "import sys\nfor i in range(3500): sys.stdout.write('x' * 99 + '\\n')\nsys.stdout.flush(); sys.exit(7)"
    p = runner.start(PYTHON, "-c", code)
    until(runner.deaths, "an incident while nobody reads")
    out, _ = p.communicate(timeout=30)
    assert p.returncode == 7 and len(out) == 350000


def test_back_pressure_reaches_the_worker(runner, tmp_path):
    code = (
        f"import os\nn = 0\nwhile n < 1 << 23:\n n += os.write(1, b'x' * 65536); open({str(tmp_path / 'n')!r},"
        " 'w').write(str(n))"
    )
    p = runner.start(PYTHON, "-c", code)
    written = []

    def stands():
        written.append((tmp_path / "n").read_text() if (tmp_path / "n").exists() else "")
        return written[-1] and len(written) > 25 and len(set(written[-25:])) == 1
    until(stands, "a worker that waits")
    assert int(written[-1]) < 2 << 20
    out, _ = p.communicate(timeout=30)
    assert len(out) == 1 << 23 and p.returncode == 0


def test_the_world_of_the_worker(runner, tmp_path):
    code = """
import os, signal, json, sys
print(json.dumps({'ign': [s for s in range(1, 32) if s not in (9, 19) and signal.getsignal(s) is signal.SIG_IGN],
 'mask': sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])), 'fds': len(os.listdir('/proc/self/fd')),
 'cwd': os.getcwd(), 'env': {k: v for k, v in os.environ.items() if k.startswith('FIRSTFIX_')}, 'umask': os.umask(0)}))
"""
    direct = json.loads(subprocess.run([PYTHON, "-c", code], cwd=tmp_path, capture_output=True, check=True,
                                       stdin=subprocess.DEVNULL, env=runner.env).stdout)
    under = json.loads(runner.python(code, cwd=tmp_path).stdout)
    env = under.pop("env")
    direct.pop("env")
    assert under == direct
    assert env["FIRSTFIX_ATTEMPT"] == "1" and env["FIRSTFIX_DIR"] == str(runner.state) and env["FIRSTFIX_RUN_ID"]


def test_hooks_come_first_on_pythonpath(runner, tmp_path):
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text("import sys; sys.hooked = True")
    runner.env |= {"FIRSTFIX_HOOKS": str(hooks), "PYTHONPATH": "/nowhere"}
    got = runner.python("import sys; print(sys.hooked, sys.path[1:3])")
    assert got.stdout.decode().strip() == f"True ['{hooks}', '/nowhere']"


def test_limits_stay(runner):
    got = runner.python("import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))",
                        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    assert got.stdout == b"(64, 64)\n"


def test_start_up_report_is_made_beside_the_worker(runner):
    noted = "until grep -q good-start $STAND_IN_DIR/calls; do sleep 0.05; done"
    assert runner.run("sh", "-c", noted, options=["--good-after", "0"]).returncode == 0
    [report] = (runner.state / "reports").iterdir()
    calls = runner.calls()
    assert calls[0] == f"report --trigger startup --brief --save {report}"
    assert calls[1].startswith(f"incident --good-start {report} --command-key ")


def test_supervisor_killed_leaves_the_tail(runner):
    p = runner.start(PYTHON, "-c", "import os, time; print('last words', os.getpid(), flush=True); time.sleep(60)")
    worker = int(p.stdout.readline().split()[2])
    os.kill(p.pid, signal.SIGKILL)
    p.wait()
    tails = {t.name.rsplit(".", 1)[1]: t.read_bytes() for t in (runner.state / "tails").iterdir()}
    data = int.from_bytes(tails["stdout"][12:16], sys.byteorder)
    assert tails["stdout"].startswith(b"FFTAIL1\n") and tails["stdout"][data:data + 10] == b"last words"
    os.kill(worker, signal.SIGKILL)


def objects(stderr):
    """What is ours on stderr in FIRSTFIX_LOG=json: one object a line, nothing else."""
    lines = [json.loads(line) for line in stderr.decode().splitlines()]
    assert all(line["schema"] == "firstfix.event/1" and line["timestamp"] and line["process.pid"] for line in lines)
    return lines


def test_as_json_every_line_of_ours_is_an_object(runner):
    """Whatever of ours speaks: the launcher, the supervisor, the check, the report, the incident step."""
    runner.env |= {"FIRSTFIX_LOG": " JSON", "FIRSTFIX_ATTEMPTS": "many\x1b[31m"}
    del runner.env["FIRSTFIX_TOOL"]
    runner.env |= {"FIRSTFIX_NVML": "", "FIRSTFIX_CUDA": ""}
    ran = runner.python("import time; time.sleep(5); raise SystemExit(3)",
                        options=("--check", "--recover=restart", "--incident-timeout=60"), timeout=90)
    lines = objects(ran.stderr)
    by_name = {line["event.name"]: line for line in lines}
    assert {"firstfix.notice", "firstfix.check", "firstfix.report", "firstfix.incident"} <= set(by_name)
    assert by_name["firstfix.report"]["firstfix.report"]["schema"] == "firstfix.facts/1"
    assert by_name["firstfix.check"]["firstfix.check"]["schema"] == "firstfix.diagnosis/1"
    incident = by_name["firstfix.incident"]
    assert (
        incident["firstfix.exit"] == {"code": 3} and incident["firstfix.diagnosis"]["schema"] == "firstfix.diagnosis/1"
    )
    assert any("FIRSTFIX_ATTEMPTS wants" in line.get("body", "") for line in lines)


def test_as_json_without_a_diagnosis_and_without_a_command(runner):
    runner.env["FIRSTFIX_LOG"] = "json"
    assert "which command?" in objects(runner.run(options=()).stderr)[0]["body"]
    (runner.steps / "crash").write_text("")
    ran = runner.python(r"import sys; sys.stdout.write('last \"words\" \u2014\n'); sys.exit(4)")
    said = [line for line in objects(ran.stderr) if line["event.name"] == "firstfix.incident"]
    assert len(said) == 1, "one block, one object"
    assert "ended with exit code 4" in said[0]["body"] and 'last "words" \u2014\n' in said[0]["body"]
    assert ran.stdout.decode() == 'last "words" \u2014\n', "the worker's output is its own"


def test_misspelt_settings_are_said(runner):
    """Once each, with what was meant; what is a setting, is like none, or comes from Kubernetes is not spoken of."""
    wrong = {
        "RECOVR": "RECOVER",
        "HANGAFTER": "HANG_AFTER",
        "on_hopeles": "ON_HOPELESS",
        "LOGFILE": "LOG_FILE",
        "DRI": "DIR",
    }
    harmless = {
        "PORT": "tcp://10.0.0.7:80",
        "SERVICE_HOST": "10.0.0.7",
        "PORT_80_TCP_ADDR": "10.0.0.7",
        "GRACE": "5",
        "WORKER": "w7",
        "RULES": "",
        "ATTEMPT": "1",
        "RUN_ID": "x",
        "SOMETHING_ELSE": "1",
        "": "x",
        "A" * 300: "x",
    }
    runner.env |= {f"FIRSTFIX_{name}": value for name, value in {**dict.fromkeys(wrong, "1"), **harmless}.items()}
    said = runner.run("true").stderr.decode().splitlines()
    assert sorted(line for line in said if "no setting" in line) == \
        sorted(f"firstfix: FIRSTFIX_{name} is no setting: FIRSTFIX_{meant}?" for name, meant in wrong.items())


def test_values_that_make_no_sense_are_said(runner):
    runner.env |= {"FIRSTFIX_LOG": "jsn", "FIRSTFIX_GPU_READS": "no", "FIRSTFIX_RECOVER": "rstart"}
    said = runner.run("true").stderr.decode().splitlines()
    assert sorted(line for line in said if line.endswith("; ignored")) == [
        "firstfix: FIRSTFIX_GPU_READS wants 0|1, not 'no'; ignored",
        "firstfix: FIRSTFIX_LOG wants text|json|off, not 'jsn'; ignored",
        "firstfix: FIRSTFIX_RECOVER wants off|env|restart, not 'rstart'; ignored",
    ]
    runner.env |= {"FIRSTFIX_LOG": " Text", "FIRSTFIX_GPU_READS": "", "FIRSTFIX_RECOVER": "off"}
    assert b"ignored" not in runner.run("true").stderr


def test_a_start_costs_at_most_5_ms(runner, unsanitized):
    """With real-time priority, which other load does not change: as on a quiet machine."""
    def first():
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))

    worker = ["/bin/sh", "-c", "date +%s%N > $AT; exec sleep 0"]
    ways = {"directly": worker, "run": runner.command(*worker, options=["--report", "off"])}
    took = {name: [] for name in ways}
    at = runner.folder / "at"
    for name in list(ways) * 25:
        began = time.time_ns()
        try:
            subprocess.run(ways[name], env={**runner.env, "AT": str(at)}, stdin=subprocess.DEVNULL, capture_output=True,
                           preexec_fn=first, check=True)
        except subprocess.SubprocessError:
            pytest.skip("NO REAL-TIME PRIORITY: it would measure other load")
        took[name].append((int(at.read_text()) - began) / 1e6)
    direct, run = (sorted(rows)[len(rows) // 2] for rows in took.values())
    assert run - direct <= 5, took
