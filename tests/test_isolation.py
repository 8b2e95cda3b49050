"""The tests beside another firstfix: its settings, its state folder and its lanes change nothing."""
import os
import pathlib
import subprocess
import sys

import pytest
from conftest import sanitizers

HERE = pathlib.Path(__file__).resolve().parent
FOREIGN = {
    "FIRSTFIX_LOG": "json",
    "FIRSTFIX_RECOVER": "restart",
    "FIRSTFIX_NVML": "/nowhere/nvml.so",
    "FIRSTFIX_DISABLE": "1",
    "FIRSTFIX_RUN_ID": "foreign",
    "FIRSTFIX_TERMINAL": "nonsense",
    "FIRSTFIX_TOOL": "/nowhere/tool",
}
TESTS = ["integration/test_events.py::test_since", "test_run_recover.py::test_environment_fix_is_applied_and_proved",
         "test_incidents.py::test_a_death_becomes_an_incident"]


def test_a_foreign_firstfix_changes_nothing(build, tmp_path):
    state = tmp_path / "foreign"
    (state / "lanes").mkdir(parents=True, mode=0o700)
    (state / "lanes/1-1.ring").write_bytes(b"a lane of somebody else")
    (state / "firstfix.db").write_text("no database")
    env = {**os.environ, **FOREIGN, "FIRSTFIX_DIR": str(state), "FIRSTFIX_BUILD": str(build)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "base"), *TESTS],
        cwd=HERE,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert sorted(p.name for p in state.rglob("*")) == ["1-1.ring", "firstfix.db", "lanes"]


# What stands on LD_LIBRARY_PATH of broken machines by these names is not what the distribution has.
FOREIGN_LIBRARIES = ["libstdc++.so.6", "libgcc_s.so.1", "libhs.so.5", "libsqlite3.so.0", "libjansson.so.4",
                     "libpcre2-8.so.0", "liblua5.4.so.0", "libarchive.so.13", "libcurl.so.4", "libz.so.1",
                     "libncursesw.so.6", "libtinfo.so.6"]


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdk")
    for name in FOREIGN_LIBRARIES:
        words = ["-shared", "-fPIC", "-nostdlib", f"-Wl,-soname,{name}", "-o", folder / name, "-x", "c", "-"]
        subprocess.run(["cc", *words], input=b"int heron(void) { return 1; }", check=True)
    return folder


@pytest.mark.parametrize("words", [("report", "--only", "os"), ("explain", "--json", "-"), ("check", "--json"),
                                   ("events", "--help"), ("top", "--help")])
def test_foreign_libraries_in_front(build, foreign, tmp_path, words):
    if sanitizers(build):
        pytest.skip("a sanitizer's run time needs the system's libraries itself")
    env = {**os.environ, "LD_LIBRARY_PATH": str(foreign), "FIRSTFIX_DIR": str(tmp_path)}
    done = subprocess.run([build / "src/cli/firstfix", *words], env=env, capture_output=True, text=True, timeout=60,
                          input="ImportError: libcudart.so.12: cannot open shared object file", check=False)
    assert done.returncode in (0, 1) and done.stdout and "error while loading" not in done.stderr, done.stderr


@pytest.mark.parametrize("name", ["libstdc++.so.6", "libsqlite3.so.0", "libjansson.so.4", "libpcre2-8.so.0",
                                  "libz.so.1"])
@pytest.mark.parametrize("program", ["agent/firstfix-agent", "serve/firstfix-fleet"])
def test_foreign_library_before_the_agent(build, foreign, tmp_path, program, name):
    if sanitizers(build):
        pytest.skip("a sanitizer's run time needs the system's libraries itself")
    (tmp_path / name).symlink_to(foreign / name)
    done = subprocess.run([build / "src" / program, "--none"], env={**os.environ, "LD_LIBRARY_PATH": str(tmp_path)},
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "no option --none" in done.stderr, done.stderr
