"""The tests beside another firstfix: its settings, its state folder and its lanes change nothing."""
import os
import pathlib
import subprocess
import sys

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
