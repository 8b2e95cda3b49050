"""`firstfix fix` on environments that are really broken: a real flask beside a werkzeug that it cannot import from.

What poetry, pdm, uv and pipx do is asked of the tools themselves. Everything comes from an index on this machine, made
of wheels that are downloaded once.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import conftest
import pytest
from local_index import serving
from wheelhouse import wheelhouse

BROKEN = ("flask==2.2.2", "werkzeug==3.0.1")
WHEELS = [BROKEN, ("werkzeug==2.3.8",), ("einops",), ("pip",), ("pip==22.1.2",)]
WORKER = "import flask, werkzeug; print('works with', werkzeug.__version__ if hasattr(werkzeug, '__version__') else '')"
# pdm does not start with hishel 2
TOOLS = {"poetry": ["poetry"], "pdm": ["pdm", "hishel[httpx2]<1.5"], "pipx": ["pipx"], "uv": ["uv"]}
PROJECT = """[project]
name = "app"
version = "0.1"
requires-python = ">=3.11,<4"
dependencies = ["flask==2.2.2", "werkzeug>=3.0,<4"]
[tool.poetry]
package-mode = false
[tool.pdm]
distribution = false
[[tool.poetry.source]]
name = "own"
url = "{index}"
priority = "primary"
[[tool.pdm.source]]
name = "pypi"
url = "{index}"
"""


@pytest.fixture(scope="session")
def index():
    folder = wheelhouse() / "fix"
    if not folder.is_dir():
        new = wheelhouse() / f"fix.{os.getpid()}"
        for words in WHEELS:
            deps = [] if words is BROKEN else ["--no-deps"]
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", "-d", new, *deps, *words], check=True)
        new.rename(folder)
    with serving(folder) as address:
        yield address


@pytest.fixture(scope="session")
def broken(index, tmp_path_factory):
    """The broken environment; copies of it are as good, but for the scripts in bin."""
    folder = tmp_path_factory.mktemp("broken") / "v"
    pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--index-url", index, *BROKEN]
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin/python", *pip], check=True, env={**os.environ, "PIP_FIND_LINKS": ""})
    return folder


@pytest.fixture
def walk(index, broken, tmp_path):
    return Walk(tmp_path, index, broken)


class Walk:
    """A machine with a HOME of its own that reaches only that index."""

    def __init__(self, folder, index, broken):
        self.folder, self.index, self.broken = folder, index, broken
        self.env = {
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "PIP_INDEX_URL": index,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_DEFAULT_INDEX": index,
            "UV_PYTHON_DOWNLOADS": "never",
            "FIRSTFIX_DIR": str(folder / "state"),
            "FIRSTFIX_NVML": "",
            "FIRSTFIX_CUDA": "",
        }
        (folder / "w.py").write_text(WORKER + "\n")

    def run(self, *words, code=0, cwd=None, **options):
        done = subprocess.run([str(w) for w in words], cwd=cwd or self.folder, env=self.env, text=True, timeout=120,
                              capture_output=True, **options)
        assert code is None or done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def venv(self, *packages):
        shutil.copytree(self.broken, self.folder / "v", symlinks=True)
        if packages:
            self.run("v/bin/python", "-m", "pip", "install", "-q", *packages)
        return self.folder / "v/bin/python"

    def tool(self, name):
        """The tool, made once, in front on PATH."""
        place = wheelhouse() / f"tool-{name}-{sys.version_info.major}.{sys.version_info.minor}"
        if not place.is_dir():
            subprocess.run([sys.executable, "-m", "venv", place], check=True)
            try:
                subprocess.run([place / "bin/python", "-m", "pip", "install", "-q", *TOOLS[name]], check=True)
            except BaseException:
                shutil.rmtree(place)
                raise
        (self.folder / "bin").mkdir(exist_ok=True)
        (self.folder / "bin" / name).symlink_to(place / "bin" / name)
        self.env["PATH"] = f"{self.folder}/bin:{self.env['PATH']}"

    def fails(self, python, script=None):
        failed = self.run(python, script or self.folder / "w.py", code=1)
        (self.folder / "log").write_text(failed.stdout + failed.stderr)

    def fix(self, *words, code=1, source="log", cwd=None, command=()):
        behind = ["--", *command] if command else []
        source = [self.folder / "log"] if source == "log" else [source] if source else []
        done = self.run(conftest.build_dir() / "src/cli/firstfix", "fix", "--json", *words, *source, *behind, code=code,
                        cwd=cwd)
        return json.loads(done.stdout) if done.stdout else done.stderr


def test_shown_tried_applied_and_undone(walk):
    python = walk.venv()
    walk.fails(python)
    shown = walk.fix()
    assert {k.lower(): v for k, v in shown["changes"].items()} == {"werkzeug": {"from": "3.0.1", "to": "2.3.8"}}
    assert walk.fix("--try", code=0, command=["v/bin/python", "w.py"])["tried"][0]["result"] == "passes"
    walk.fails(python)
    assert walk.fix("--apply", code=0)["applied"] is True
    walk.run(python, "w.py")
    walk.fix("--undo", code=0, source=None)
    walk.fails(python)
    walk.run("bash", "-c", shown["fix"]["command"])
    walk.run(python, "w.py")
    stale = walk.fix("--try", command=["v/bin/python", "w.py"])
    assert "without any change" in stale["tried"][0]["text"]


def test_an_incident_is_fixed_by_its_id(walk):
    python = walk.venv()
    firstfix = conftest.build_dir() / "src/cli/firstfix"
    died = walk.run(firstfix, "run", "--", python, "w.py", code=1)
    listed = json.loads(walk.run(firstfix, "incidents", "--json").stdout)
    incident = (listed["incidents"] if isinstance(listed, dict) else listed)[0]["id"]
    assert "werkzeug" in died.stderr
    by_id, by_word = walk.fix(source=incident), walk.fix(source="last")
    assert by_id["fix"] == by_word["fix"] and by_id["changes"]
    walk.fix("--try", code=0, source="last", command=[python, "w.py"])
    walk.fix("--apply", code=0, source=incident)
    walk.run(firstfix, "run", "--", python, "w.py")
    walk.fix("--undo", code=0, source=None)
    walk.fails(python)


# ---- projects ----


def project(walk, tool):
    """(interpreter, how its worker is started) of a project that is locked and installed."""
    walk.tool(tool)
    folder = walk.folder / "my app"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PROJECT.format(index=walk.index))
    (folder / "w.py").write_text(WORKER + "\n")
    walk.env |= {"POETRY_VIRTUALENVS_IN_PROJECT": "true", "PDM_CHECK_UPDATE": "false"}
    install = {"uv": ["uv", "sync", "-q", "-p", sys.executable], "poetry": ["poetry", "install", "-q", "-n"],
               "pdm": ["pdm", "install", "-q", "--no-self"]}[tool]
    walk.run(*install, cwd=folder)
    return folder / ".venv/bin/python", [tool, "run", "python", "w.py"]


@pytest.mark.parametrize("tool", ["uv", "poetry", "pdm"])
def test_a_projects_own_tool(walk, tool):
    python, start = project(walk, tool)
    folder = python.parents[2]
    walk.fails(python, folder / "w.py")
    shown = walk.fix()  # from another folder
    assert shown["fix"]["command"].startswith(f"{tool} add "), shown
    assert [name.lower() for name in shown.get("changes", {})] == ["werkzeug"], shown
    assert walk.fix("--try", code=0, command=[python, folder / "w.py"])["tried"][0]["result"] == "passes"
    assert "project's own tool" in walk.fix("--apply")["said"]
    walk.run("bash", "-c", shown["fix"]["command"])
    walk.run(*start, cwd=folder)
    walk.run(python, folder / "w.py")


def test_pipx(walk):
    walk.tool("pipx")
    walk.env |= {"PIPX_DEFAULT_BACKEND": "pip"}
    walk.run("pipx", "install", "--python", sys.executable, "flask==2.2.2")
    walk.run("pipx", "runpip", "flask", "install", "-q", "werkzeug==3.0.1")
    [python] = walk.folder.glob(".local/share/pipx/venvs/flask/bin/python")
    walk.fails(python)
    shown = walk.fix()
    assert shown["fix"]["command"].startswith("pipx inject --force flask "), shown
    walk.run("bash", "-c", shown["fix"]["command"])
    walk.run(python, "w.py")


def test_uv_without_pip_goes_to_the_same_index(walk):
    """uv does not read PIP_INDEX_URL."""
    walk.tool("uv")
    walk.run("uv", "venv", "-q", "-p", sys.executable, "v")
    walk.run("uv", "pip", "install", "-q", "--python", "v/bin/python", *BROKEN)
    walk.env |= {"UV_NO_CACHE": "1"}
    walk.env.pop("UV_DEFAULT_INDEX")
    walk.fails(walk.folder / "v/bin/python")
    shown = walk.fix()
    assert shown["changes"] == {"werkzeug": {"from": "3.0.1", "to": "2.3.8"}}, shown
    walk.run("bash", "-c", shown["fix"]["command"])
    walk.run("v/bin/python", "w.py")


# ---- where it is hard ----


def test_a_pip_that_cannot_be_asked(walk):
    python = walk.venv()
    walk.run(python, "-m", "pip", "install", "-q", "pip==22.1.2")
    walk.fails(python)
    shown = walk.fix()
    assert "before 22.2" in shown["how"] and list(shown["changes"]) == ["werkzeug"]
    walk.fails(python)
    walk.fix("--apply", code=0)
    walk.run(python, "w.py")


def test_a_mended_environment_makes_the_log_old(walk):
    python = walk.venv()
    walk.fails(python)
    walk.run(python, "-m", "pip", "install", "-q", "werkzeug==2.3.8")
    shown = walk.fix()
    assert "Run it again" in shown["fix"]["say"] and "werkzeug==2.3.8" in shown["fix"]["command"]


def test_no_network(walk):
    python = walk.venv()
    walk.fails(python)
    if walk.run("unshare", "-n", "true", code=None).returncode:
        pytest.skip("this process may not unshare the network")
    words = ["unshare", "-n", conftest.build_dir() / "src/cli/firstfix", "fix", "--json"]
    for mode in ("--dry-run", "--apply"):
        doc = json.loads(walk.run(*words, mode, "log", code=1).stdout)
        assert "cannot be reached" in doc["error"] and "Nothing was changed" in doc["said"]


def test_no_room_for_the_copy(walk):
    python = walk.venv()
    walk.fails(python)
    if walk.run("unshare", "-m", "true", code=None).returncode:
        pytest.skip("this process may not mount")
    (walk.folder / "tiny").mkdir()
    # beside the environment nothing can be written either
    program = conftest.build_dir() / "src/cli/firstfix"
    script = ("mount --bind . . && cd $PWD && mount -o remount,bind,ro . && mount -t tmpfs -o size=1m tmpfs tiny && "
              f"TMPDIR=$PWD/tiny exec {program} fix --json --try log -- v/bin/python w.py")
    done = walk.run("unshare", "-m", "bash", "-c", script, code=1)
    assert "no room for a copy" in json.loads(done.stdout)["tried"][0]["text"], done.stdout
    walk.fails(python)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_somebody_elses_environment(walk):
    if walk.run("/usr/bin/python3", "-m", "venv", "v", code=None).returncode:
        pytest.skip("no Python here that every user can start and that makes environments")
    python = walk.folder / "v/bin/python"
    walk.run(python, "-m", "pip", "install", "-q", "--only-binary", ":all:", *BROKEN)
    walk.fails(python)
    state = walk.folder / "theirs"
    state.mkdir()
    shutil.chown(state, "nobody", "nogroup")
    for folder in [walk.folder, *walk.folder.parents[:-2]]:
        folder.chmod(folder.stat().st_mode | 0o055)
    program = conftest.build_dir() / "src/cli"
    shutil.copy(program / "firstfix", walk.folder)
    shutil.copy(program / "firstfix-tool", walk.folder)
    walk.env |= {"HOME": str(state), "FIRSTFIX_DIR": str(state / "s")}

    def theirs(words, code):
        line = f"./firstfix fix --json {words}"
        return json.loads(walk.run("su", "-m", "-s", "/bin/sh", "nobody", "-c", line, code=code).stdout)

    shown = theirs("log", 1)
    assert shown["fix"]["command"].startswith(("sudo ", "RUN ")) and shown["changes"], shown
    assert theirs(f"--try log -- {python} w.py", 0)["tried"][0]["result"] == "passes"
    said = theirs("--apply log", 1)["said"]
    assert "cannot be written" in said or "may not write" in said
    walk.fails(python)


def test_what_only_the_folder_in_front_has_stays(walk):
    python = walk.venv("werkzeug==2.3.8")
    walk.run(python, "-m", "pip", "install", "-q", "--no-deps", "--target", "old", "werkzeug==3.0.1", "einops")
    walk.env["PYTHONPATH"] = str(walk.folder / "old")
    (walk.folder / "w.py").write_text(WORKER + "\nimport einops\n")
    walk.fails(python)
    shown = walk.fix("--try", code=0, command=[python, "w.py"])
    assert "einops" in shown["fix"]["say"]
    walk.run("bash", "-c", f"{shown['fix']['command']} && v/bin/python w.py")


def test_the_distributions_python(walk):
    python = pathlib.Path("/usr/bin/python3")
    managed = list(pathlib.Path("/usr/lib").glob("python3.*/EXTERNALLY-MANAGED"))
    if not managed or not python.exists() or walk.run(python, "-m", "pip", "-V", code=None).returncode:
        pytest.skip("no externally managed Python with pip here")
    (walk.folder / "w.py").write_text("import einops\n")
    walk.fails(python)
    shown = walk.fix("--try", code=0, command=[python, "w.py"])
    assert "--break-system-packages" in shown["fix"]["command"] and shown["tried"][0]["result"] == "passes"
    walk.fails(python)
