"""tools/wheel: the wheel for other machines, installed where there is libc and Python and nothing else of ours."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOG = (
    "CUDA SETUP: Required library version not found: libbitsandbytes_cuda128.so. Maybe you need to compile it from"
    " source?\n"
)
WORKER = "import firstfix, sys; print(firstfix.report(only='os')['schema'], sys.excepthook.__module__); sys.exit(7)"
LIBC = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def output(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Two venvs' worth of one file: the wheel, and <prefix> with it installed."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = output(ROOT / "tools/wheel", "--here", folder / "dist", timeout=900).split()[-1]
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    subprocess.run([folder / "venv/bin/python", "-m", "pip", "install", "-q", "--no-index", wheel], check=True)
    return pathlib.Path(wheel), folder / "venv"


def program_files(prefix):
    return [*sorted(prefix.glob("bin/firstfix*")), *prefix.glob("lib/python3*/site-packages/firstfix/_ring.abi3.so")]


def test_name_and_licences(installed):
    wheel, prefix = installed
    assert re.fullmatch(r"firstfix-[\d.]+-cp3\d+-abi3-(manylinux\w+)+\.whl", wheel.name), wheel.name
    licences = {path.name for path in prefix.glob("lib/python3*/site-packages/firstfix-*/licenses/*")}
    assert {
        "LICENSE",
        "LICENSE.jansson",
        "LICENSE.archive",
        "LICENSE.microhttpd",
        "LICENSE.ncurses",
        "LICENSE.lua5.4",
        "LICENSE.pcre2",
        "LICENSE.sqlite3",
        "LICENSE.zlib1g",
        "LICENSE.zstd",
    } < licences


def test_pages_and_completions(installed):
    share = installed[1] / "share"
    for name in (
        "man/man1/firstfix.1",
        "man/man1/firstfix-explain.1",
        "bash-completion/completions/firstfix.bash",
        "zsh/site-functions/_firstfix",
        "fish/vendor_completions.d/firstfix.fish",
    ):
        assert (share / name).stat().st_size > 500, name


def test_needs_libc_alone(installed):
    files = program_files(installed[1])
    assert [path.name for path in files] == [
        "firstfix",
        "firstfix-agent",
        "firstfix-fleet",
        "firstfix-supervise",
        "firstfix-tool",
        "firstfix-top",
        "_ring.abi3.so",
    ]
    for path in files:
        assert set(re.findall(r"NEEDED.*\[(.*)\]", output("readelf", "-dW", path))) <= LIBC, path
    assert (
        max(path.stat().st_size for path in files if path.name in ("firstfix", "firstfix-supervise")) < 200_000
    )  # what a worker starts with stays small


def test_run_from_the_installation(installed, tmp_path):
    """The program, the package and the hooks of `firstfix run`, with nothing of the source tree in sight."""
    python, program = (str(installed[1] / "bin" / name) for name in ("python", "firstfix"))
    state = {"FIRSTFIX_DIR": str(tmp_path / "state"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [program, "run", "--report", "off", "--", python, "-c", WORKER],
        env=state,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("firstfix.facts/1 firstfix._ends\n") and done.returncode == 7, done.stderr
    assert output(python, "-m", "firstfix", "--version", env=state) == output(program, "--version")


def bare_root(folder, prefix):
    """A root with libc, this machine's Python and our installation. No library that firstfix-tool was once linked with
    is in it.
    """
    python = "/usr/bin/python3"
    library = output(python, "-c", "import os; print(os.path.dirname(os.__file__))").strip()
    libraries = re.findall(r"(/\S+) \(0x", output("ldd", python)) + re.findall(
        r"=> (/\S+)", output("ldd", prefix / "bin/firstfix-tool")
    )
    for path in [os.path.realpath(python), *libraries]:
        place = folder / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    (folder / "usr/bin/python3").symlink_to(os.path.realpath(python))
    shutil.copytree(
        library, folder / library.lstrip("/"), ignore=shutil.ignore_patterns("test", "__pycache__", "lib-dynload")
    )
    dynload = folder / library.lstrip("/") / "lib-dynload"
    shutil.copytree(pathlib.Path(library) / "lib-dynload", dynload)
    shutil.copytree(
        prefix / "bin", folder / "opt/bin", ignore=lambda _, names: [n for n in names if not n.startswith("firstfix")]
    )
    shutil.copytree(prefix / "share/firstfix", folder / "opt/share/firstfix")
    shutil.copytree(next(prefix.glob("lib/python3*/site-packages/firstfix")), folder / "opt/package/firstfix")
    for name in ("proc", "tmp", "dev"):
        (folder / name).mkdir()
    (folder / "dev/null").write_text("")
    return folder


@pytest.mark.skipif(os.geteuid() != 0, reason="a root of its own needs root")
def test_in_a_root_with_libc_and_python_alone(installed, tmp_path):
    root = bare_root(tmp_path / "root", installed[1])
    assert not re.search(r"lib(jansson|hs|archive|lua|pcre2|sqlite3|stdc\+\+)", output("find", root, "-name", "*.so*"))

    def inside(*words, **options):
        env = {"PATH": "/opt/bin:/usr/bin", "FIRSTFIX_DIR": "/tmp/state", "PYTHONPATH": "/opt/package"}
        command = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", f"--root={root}", *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120, **options)
    facts = inside("firstfix", "report", "--json")
    assert json.loads(facts.stdout)["schema"] == "firstfix.facts/1", facts.stderr
    found = inside("firstfix", "explain", "--json", "-", input=LOG)
    assert json.loads(found.stdout)["diagnoses"][0]["cause"] == "bnb.binary-missing", found.stderr
    done = inside("firstfix", "run", "--", "python3", "-c", WORKER)
    assert done.stdout.startswith("firstfix.facts/1 firstfix._ends\n") and done.returncode == 7, done.stderr
    incident, = json.loads(inside("firstfix", "incidents", "--json").stdout)["incidents"]
    assert incident["how"] == "exit"


@pytest.mark.skipif(
    not os.environ.get("FIRSTFIX_BIG_WHEELS"),
    reason="minutes, and a Debian 11 to download; FIRSTFIX_BIG_WHEELS=1 runs it",
)
def test_built_in_debian_11_and_run_there(tmp_path):
    wheel = pathlib.Path(output(ROOT / "tools/wheel", tmp_path, timeout=1800).split()[-1])
    assert "-cp39-abi3-manylinux_2_28_" in wheel.name
    root = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "firstfix/bullseye"
    shutil.copy(wheel, root / "tmp")
    script = f"""rm -rf /t; python3 -m venv /t; /t/bin/pip install -q --no-index /tmp/{wheel.name}
        /t/bin/firstfix run --report off -- /t/bin/python -c "{WORKER}"; echo "code $?"
         /t/bin/firstfix incidents --json"""
    command = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", f"--root={root}", "sh", "-c", script]
    done = subprocess.run(command, env={"PATH": "/usr/bin:/bin", "FIRSTFIX_DIR": "/tmp/state-" + tmp_path.name},
                          capture_output=True, text=True, check=False, timeout=300)
    said, incidents = done.stdout.split("code 7\n")
    assert said.startswith("firstfix.facts/1 firstfix._ends\n") and len(json.loads(incidents)["incidents"]) == 1, (
        done.stderr
    )
