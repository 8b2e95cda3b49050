"""firstfix fix: what would change, tried on a copy, applied and undone, on a real virtual environment with wheels made
here.
"""

import functools
import http.server
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile

import pytest

LOG = """A module that was compiled using NumPy 1.x cannot be run in
NumPy 2.1.3 as it may crash.
RuntimeError: Numpy is not available
"""
WORKER = "import numpy; assert numpy.__version__.startswith('1.'), numpy.__version__"


def wheel(folder, name, version, body):
    """A wheel of one module."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as z:
        z.writestr(f"{name}.py", body)
        z.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        z.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        z.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A virtual environment with a numpy 2.1.3, and an index that also has 1.26.4."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / "index").mkdir()
    for version in ("1.26.4", "2.1.3"):
        wheel(folder / "index", "numpy", version, f"__version__ = '{version}'\n")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    env = {
        **os.environ,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder / "index"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    python = folder / "venv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", "numpy==2.1.3"], check=True, env=env)
    (folder / "log").write_text(LOG)
    return folder, python, env


@pytest.fixture
def fix(firstfix, machine, tmp_path):
    """Run `firstfix fix` on that machine; gives (exit code, document, stderr)."""
    folder, python, env = machine

    def run(*args, code, log=folder / "log", more=None, command=()):
        behind = ["--", *map(str, command)] if command else []
        done = subprocess.run(
            [firstfix, "fix", "--json", "--python", python, *args, *([log] if log else []), *behind],
            capture_output=True,
            text=True,
            timeout=120,
            env={
                **env,
                "FIRSTFIX_DIR": str(tmp_path / "state"),
                "FIRSTFIX_NVML": "",
                "FIRSTFIX_CUDA": "",
                **(more or {}),
            },
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout else None, done.stderr

    return run


def version(python):
    return subprocess.check_output([python, "-c", "import numpy; print(numpy.__version__)"], text=True).strip()


def test_it_shows_what_the_resolver_would_change(fix, machine, tmp_path):
    doc, _ = fix(code=1)
    assert doc["cause"] == "numpy.abi" and doc["changes"] == {"numpy": {"from": "2.1.3", "to": "1.26.4"}}
    assert version(machine[1]) == "2.1.3" and not (tmp_path / "state/fixes").exists()


def test_it_tries_on_a_copy(fix, machine, tmp_path):
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    doc, _ = fix("--try", code=0, command=[machine[1], "-c", WORKER], more={"TMPDIR": str(tmp)})
    assert doc["tried"][0]["result"] == "passes"
    assert version(machine[1]) == "2.1.3", "the environment itself is untouched"
    assert not list(tmp.iterdir()), "the copy is gone"


def test_a_copy_that_still_fails_is_said(fix, machine):
    doc, _ = fix("--try", code=1, command=[machine[1], "-c", "raise RuntimeError('Numpy is not available')"])
    assert doc["tried"][0]["result"] == "leaves-cause"


def test_a_command_that_works_without_a_fix_is_cured_by_none(fix, machine):
    doc, _ = fix("--try", code=1, command=[machine[1], "-c", "import numpy"])
    assert [t["result"] for t in doc["tried"]] == ["unknown"] and "without any change" in doc["tried"][0]["text"]


def test_scripts_of_the_copy_run_in_the_copy(fix, machine):
    script = machine[1].parent / "worker"
    script.write_text(f"#!{machine[1]}\n{WORKER}\n")
    script.chmod(0o755)
    doc, _ = fix("--try", code=0, command=[script])
    assert doc["tried"][0]["result"] == "passes"
    assert script.read_text().startswith(f"#!{machine[1]}\n"), "the original keeps its first line"


def test_it_applies_and_undoes(fix, machine):
    doc, _ = fix("--apply", code=0)
    assert doc["applied"] is True and version(machine[1]) == "1.26.4"
    fix("--undo", code=0, log=None)
    assert version(machine[1]) == "2.1.3"
    _, said = fix("--undo", code=2, log=None)
    assert "no fix was applied" in said


def test_a_resolver_without_an_answer_changes_nothing(fix, machine, tmp_path):
    (tmp_path / "empty").mkdir()
    doc, _ = fix("--apply", code=1, more={"PIP_FIND_LINKS": str(tmp_path / "empty")})
    assert "Could not find a version" in doc["error"] and version(machine[1]) == "2.1.3"


def test_a_resolver_that_hangs_is_given_up(fix, machine):
    with socket.create_server(("127.0.0.1", 0)) as server:  # accepts and never answers
        index = f"http://127.0.0.1:{server.getsockname()[1]}/simple"
        doc, _ = fix("--timeout", "3", code=1, more={"PIP_NO_INDEX": "", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": index})
    assert "no answer within 3 s" in doc["error"]


def test_variables_go_to_the_next_start(fix, firstfix, machine, tmp_path):
    log = tmp_path / "bnb.log"
    log.write_text("BNB_CUDA_VERSION=128 environment variable detected; loading libbitsandbytes_cuda128.so.\n"
                   "RuntimeError: Configured CUDA binary not found at /v/libbitsandbytes_cuda128.so\n")
    fix("--apply", code=0, log=log)
    env = {**os.environ, "FIRSTFIX_DIR": str(tmp_path / "state"), "BNB_CUDA_VERSION": "128"}

    def start():
        done = subprocess.run(
            [firstfix, "run", "--", "sh", "-c", "echo ${BNB_CUDA_VERSION-gone}"],
            env=env,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    assert start() == "gone"
    file = tmp_path / "state/next-start.env"
    file.chmod(0o666)
    assert start() == "128", "a file that others can write is not used"
    file.chmod(0o600)
    fix("--undo", code=0, log=None)
    assert start() == "128" and not file.exists()


@pytest.mark.parametrize("options", [("--try", "--apply"), ("--undo", "--dry-run")])
def test_modes_exclude_each_other(fix, options):
    _, said = fix(*options, code=2)
    assert "exclude each other" in said


# ---- which interpreter, which command ----


def trace(site, line="RuntimeError: Numpy is not available"):
    """A log whose frames lie in that folder of packages, as a worker that was started by its path leaves it."""
    return (
        "A module that was compiled using NumPy 1.x cannot be run in\nNumPy 2.1.3 as it may crash.\n"
        f'Traceback (most recent call last):\n  File "/srv/w.py", line 1, in <module>\n    import numpy\n'
        f'  File "{site}/numpy.py", line 1, in <module>\n    x\n{line}\n'
    )


@pytest.fixture
def bare(firstfix, machine, tmp_path):
    """The same as `fix`, with nobody saying which interpreter it is; gives the finished process."""
    folder, _, env = machine

    def run(*args, more=None, **options):
        state = {"FIRSTFIX_DIR": str(tmp_path / "state"), "FIRSTFIX_NVML": "", "FIRSTFIX_CUDA": "", **(more or {})}
        return subprocess.run([firstfix, "fix", *map(str, args)], capture_output=True, text=True, timeout=120,
                              cwd=folder, env={**env, **state}, **options)

    return run


def test_the_fix_is_for_the_interpreter_that_the_log_names(bare, machine, tmp_path):
    (tmp_path / "log").write_text(trace(tree(machine[1])[1]))
    done = bare("--json", tmp_path / "log")
    doc = json.loads(done.stdout)
    assert str(machine[1].parent) in doc["fix"]["command"]
    assert doc["changes"] == {"numpy": {"from": "2.1.3", "to": "1.26.4"}}, "the versions are of that interpreter"

@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder to another user")
@pytest.mark.parametrize("mode", ["--dry-run", "--apply"])
def test_a_program_of_another_user_that_the_log_names_is_not_run(bare, tmp_path, mode):
    """Whoever can write into a log that root reads has no program of his own run for it."""
    site = tmp_path / "evil/lib/python3.11/site-packages"
    site.mkdir(parents=True)
    (site / "a.py").touch()
    (tmp_path / "evil/pyvenv.cfg").write_text("home = /usr/bin\n")
    (tmp_path / "evil/bin").mkdir()
    program = tmp_path / "evil/bin/python3"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    os.chown(tmp_path / "evil", 65534, 65534)
    (tmp_path / "log").write_text(trace(site))
    done = bare(mode, tmp_path / "log")
    assert done.returncode == 1 and "may be changed by other users" in done.stdout, done.stdout + done.stderr
    assert not (tmp_path / "ran").exists()


def test_the_path_in_a_message_names_the_interpreter_too(bare, machine, tmp_path):
    """A script of one's own fails at its import: no frame lies in the environment."""
    site = tree(machine[1])[1]
    said = f"ImportError: cannot import name 'url_quote' from 'werkzeug.urls' ({site}/werkzeug/urls.py)"
    (tmp_path / "log").write_text('Traceback (most recent call last):\n  File "/srv/w.py", line 1, in <module>\n'
                                  f"    from werkzeug.urls import url_quote\n{said}\n")
    doc = json.loads(bare("--json", tmp_path / "log").stdout)
    assert doc["fix"]["command"].startswith(str(machine[1].parent)), doc


def test_a_log_of_another_machine_changes_nothing(bare, tmp_path):
    (tmp_path / "log").write_text(trace("/gone/venv/lib/python3.1/site-packages"))
    for mode in ("--dry-run", "--apply"):
        done = bare(mode, tmp_path / "log")
        assert done.returncode == 1 and "Nothing was changed" in done.stdout, done.stdout + done.stderr
        assert "for a person. Facts of: none (not those of this machine: " in done.stdout


@pytest.mark.parametrize("words", [["venv/bin/python", "-c", WORKER], ["./venv/bin/python", "-c", WORKER],
                                   ["python", "-c", WORKER]])
def test_the_interpreter_of_the_command_is_the_copys(bare, machine, words):
    done = bare("--json", "--python", machine[1], "--try", machine[0] / "log", "--", *words)
    assert json.loads(done.stdout)["tried"][0]["result"] == "passes", done.stdout + done.stderr


@pytest.mark.parametrize("how", ["path", "script", "name"])
def test_the_copy_of_an_interpreter_in_no_environment(bare, machine, tmp_path, how):
    """A base interpreter stays where it is; what starts it starts the copy over it."""
    python = os.path.realpath(subprocess.check_output([sys.executable, "-c", "import sys; print(sys._base_executable)"],
                                                      text=True).strip())
    if subprocess.run([python, "-c", "import pip; import einops_not_here"], capture_output=True, text=True).stderr.find(
            "einops_not_here") < 0:
        pytest.skip("the base interpreter has no pip")
    (tmp_path / "log").write_text("Traceback (most recent call last):\n"
                                  '  File "/srv/w.py", line 1, in <module>\n    import einops\n'
                                  "ModuleNotFoundError: No module named 'einops'\n")
    wheel(tmp_path, "einops", "0.8.2", "")
    script = tmp_path / "worker"
    script.write_text(f"#!{python}\nimport einops\n")
    script.chmod(0o755)
    more = {"PIP_FIND_LINKS": str(tmp_path), "PATH": f"{os.path.dirname(python)}:{os.environ['PATH']}"}
    command = {"path": [python, "-c", "import einops"], "script": [script],
               "name": [os.path.basename(python), "-c", "import einops"]}[how]
    done = bare("--json", "--python", python, "--try", tmp_path / "log", "--", *command, more=more)
    tried = json.loads(done.stdout)["tried"]
    assert [t["result"] for t in tried] == ["passes"], done.stdout + done.stderr


@pytest.mark.parametrize("system_site", [False, True])
def test_a_package_of_the_users_own_folder_stands_in_front_in_the_copy_too(bare, machine, tmp_path, system_site):
    """What pip --user brought is imported before the interpreter's own: in the copy as it is here."""
    python = os.path.realpath(subprocess.check_output([sys.executable, "-c", "import sys; print(sys._base_executable)"],
                                                      text=True).strip())
    more = {"PYTHONUSERBASE": str(tmp_path / "user"), "PIP_BREAK_SYSTEM_PACKAGES": "1"}
    env = {**machine[2], **more}
    if subprocess.run([python, "-m", "pip", "install", "-q", "--user", "--root-user-action=ignore", "numpy==2.1.3"],
                      env=env).returncode:
        pytest.skip("the base interpreter has no pip")
    if system_site:
        subprocess.run([python, "-m", "venv", "--system-site-packages", tmp_path / "venv"], check=True)
        python = tmp_path / "venv/bin/python"
    where = [python, "-c", "import numpy; print(numpy.__file__)"]
    untouched = subprocess.check_output(where, text=True, env=env)
    assert str(tmp_path / "user") in untouched
    done = bare("--json", "--python", python, "--try", machine[0] / "log", "--", python, "-c", WORKER, more=more)
    assert [t["result"] for t in json.loads(done.stdout)["tried"]] == ["passes"], done.stdout + done.stderr
    assert untouched == subprocess.check_output(where, text=True, env=env)


def test_a_command_that_starts_no_interpreter_of_the_copy_proves_nothing(fix, machine):
    doc, _ = fix("--try", code=1, command=["sh", "-c", f"exec {sys.executable} -S -c pass"])
    assert [t["result"] for t in doc["tried"]] == ["unknown"] and "proves nothing" in doc["tried"][0]["text"]


def test_a_check_that_does_not_see_the_cause_proves_nothing(fix):
    doc, _ = fix("--try", code=1)
    assert doc["tried"][0]["result"] == "unknown" and "give the failing command" in doc["tried"][0]["text"]


def test_a_fix_is_chosen_by_its_number(fix):
    doc, _ = fix("--fix", "1", code=1)
    assert doc["which"] == 1
    _, said = fix("--fix", "99", code=2)
    assert "--fix 99" in said


# ---- the way back ----


def tree(python):
    site = next(python.parent.parent.glob("lib/python3*")) / "site-packages"
    return {p.relative_to(site): p.read_bytes() for p in site.rglob("numpy*") if p.is_file()}, site


def test_undo_needs_no_index(fix, machine, tmp_path):
    (tmp_path / "empty").mkdir()
    was, site = tree(machine[1])
    fix("--apply", code=0)
    assert tree(machine[1])[0] != was and list(site.glob(".firstfix-undo-*"))
    doc, _ = fix("--undo", code=0, log=None, more={"PIP_FIND_LINKS": str(tmp_path / "empty")})
    assert doc["undone"] is True and doc["changes"] == {"numpy": {"from": "1.26.4", "to": "2.1.3"}}
    assert tree(machine[1])[0] == was and not list(site.glob(".firstfix-undo-*"))


def test_undo_knows_a_package_by_any_spelling_of_its_name(fix, machine, tmp_path):
    """The resolver says huggingface_hub, the list of what is installed huggingface-hub."""
    fix("--apply", code=0)
    [record] = (tmp_path / "state/fixes").glob("*.json")
    doc = json.loads(record.read_text())
    doc["changes"]["NumPy"] = doc["changes"].pop("numpy")
    record.write_text(json.dumps(doc))
    (tmp_path / "empty").mkdir()
    fix("--undo", code=0, log=None, more={"PIP_FIND_LINKS": str(tmp_path / "empty")})
    assert version(machine[1]) == "2.1.3"


class Index(http.server.SimpleHTTPRequestHandler):
    """The folder of wheels; from the `stalls`th download on, half a file and nothing more."""
    downloads, stalls, let_go = 0, 99, None

    def do_GET(self):
        if not self.path.endswith(".whl") or "1.26.4" not in self.path:
            return super().do_GET()
        type(self).downloads += 1
        if self.downloads >= self.stalls:
            self.let_go.wait(60)
        return super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def stalling(machine):
    """An index that answers the resolver and then hangs: what the installer would meet while it works."""

    class Mine(Index):
        downloads, stalls, let_go = 0, 2, threading.Event()

    serve = functools.partial(Mine, directory=str(machine[0] / "index"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        yield Mine, {
            "PIP_FIND_LINKS": url,
            "PIP_TRUSTED_HOST": "127.0.0.1",
            "PIP_NO_CACHE_DIR": "1",
            "PIP_RETRIES": "0",
        }
        Mine.let_go.set()
        server.shutdown()


def test_an_installer_that_does_not_end_is_undone_and_said(fix, machine, tmp_path, stalling):
    was, site = tree(machine[1])
    _, said = fix("--apply", "--timeout", "8", code=2, more=stalling[1])
    assert "no answer within 8 s" in said and "what it had begun was undone" in said
    assert tree(machine[1])[0] == was and not list(site.glob(".firstfix-undo-*"))
    assert not list((tmp_path / "state/fixes").glob("*.json"))


def test_an_installer_that_does_not_end_in_the_copy_leaves_the_environment(fix, machine, tmp_path, stalling):
    was, tmp = tree(machine[1])[0], tmp_path / "tmp"
    tmp.mkdir()
    stalling[0].stalls = 1  # nobody asks the resolver before
    doc, _ = fix("--try", "--timeout", "8", code=1, more={**stalling[1], "TMPDIR": str(tmp)},
                 command=[machine[1], "-c", WORKER])
    assert {t["result"] for t in doc["tried"]} == {"unknown"} and "within 8 s" in doc["tried"][0]["text"], doc["tried"]
    assert tree(machine[1])[0] == was and not [p for p in tmp.iterdir() if p.name.startswith("firstfix-try.")]


@pytest.fixture
def busy(machine):
    """Somebody else's installer at work in the same site folder, while the block lasts: files come and go."""
    site, done = tree(machine[1])[1], threading.Event()

    def work():
        for i in itertools.cycle(range(200)):
            if done.is_set():
                return
            path = site / f"heron_{i}"
            path.mkdir(exist_ok=True)
            (path / "__init__.py").write_text("x = 1\n")
            shutil.rmtree(path)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    done.set()
    thread.join()


def test_a_site_folder_that_changes_meanwhile(fix, machine, tmp_path, busy):
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    done = []
    for _ in range(2):
        doc, said = fix("--try", code=None, more={"TMPDIR": str(tmp)}, command=[machine[1], "-c", WORKER])
        done.append(doc["tried"][0]["result"] if doc else said)
        assert done[-1] in ("passes", "unknown") or "copying the environment" in done[-1], done
    assert version(machine[1]) == "2.1.3" and not [p for p in tmp.iterdir() if p.name.startswith("firstfix-try.")]


@pytest.fixture
def cut_off(firstfix, machine, tmp_path, stalling):
    """An --apply that is at work in the installer; call it with the signal that ends it."""
    index, more = stalling
    env = {**machine[2], **more, "FIRSTFIX_DIR": str(tmp_path / "state"), "FIRSTFIX_NVML": "", "FIRSTFIX_CUDA": ""}
    words = [firstfix, "fix", "--apply", "--python", machine[1], machine[0] / "log"]
    child = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while index.downloads < 2 and time.monotonic() < end and child.poll() is None:
        time.sleep(0.05)
    assert index.downloads == 2, child.communicate()

    def by(signal_number):
        child.send_signal(signal_number)
        out, err = child.communicate(timeout=60)
        return child.returncode, out + err

    yield by
    child.kill()
    child.wait()


def test_an_interrupt_is_undone_and_said(fix, machine, tmp_path, cut_off):
    was, _ = tree(machine[1])
    code, said = cut_off(signal.SIGINT)
    assert code == 2 and "interrupted; what it had begun was undone" in said
    assert tree(machine[1])[0] == was and not list((tmp_path / "state/fixes").glob("*.json"))


def test_what_was_killed_is_known_and_undone(fix, machine, tmp_path, cut_off):
    was, site = tree(machine[1])
    code, _ = cut_off(signal.SIGKILL)
    assert code == -signal.SIGKILL
    doc, _ = fix(code=1)
    assert "was cut off" in doc["warning"]
    _, said = fix("--apply", code=2)
    assert "fix --undo" in said and "nothing was changed now" in said
    # as pip leaves it when it is killed between the old and the new one
    (site / "numpy.py").rename(site / "~umpy.py")
    (site / "numpy-2.1.3.dist-info").rename(site / "~umpy-2.1.3.dist-info")
    (site / "numpy.py").write_text("half of the new one")
    (site / "numpy-1.26.4.dist-info").mkdir()
    (site / "numpy-1.26.4.dist-info/METADATA").write_text("Name: numpy\n")
    fix("--undo", code=0, log=None)
    assert tree(machine[1])[0] == was
    assert not list(site.glob("~*")) and not list(site.glob(".firstfix-undo-*"))
    assert "warning" not in fix(code=1)[0]


def test_variables_of_an_earlier_fix_come_back(fix, machine, tmp_path):
    log = tmp_path / "bnb.log"
    log.write_text("BNB_CUDA_VERSION=128 environment variable detected; loading libbitsandbytes_cuda128.so.\n"
                   "RuntimeError: Configured CUDA binary not found at /v/libbitsandbytes_cuda128.so\n")
    (tmp_path / "state").mkdir(mode=0o700)
    kept = tmp_path / "state/next-start.env"
    kept.write_text("BNB_CUDA_VERSION=121\n")
    kept.chmod(0o600)
    fix("--apply", code=0, log=log)
    assert kept.read_text() == "BNB_CUDA_VERSION\n"
    fix("--undo", code=0, log=None)
    assert kept.read_text() == "BNB_CUDA_VERSION=121\n"
