"""Two releases that do not fit, drawn by a script (draw_skew.py): the failing import, the printed command, and it
works.

FIRSTFIX_SKEW_SEED and FIRSTFIX_SKEW_COUNT draw others, or more; with FIRSTFIX_LIVE=all there are fourteen.
"""

import os
import pathlib
import subprocess

import pytest

from draw_skew import draw
from machines import Machine, answer_of, lines_of

COUNT = 14 if os.environ.get("FIRSTFIX_LIVE") == "all" else 3
DRAWN = draw(int(os.environ.get("FIRSTFIX_SKEW_SEED", "2")), int(os.environ.get("FIRSTFIX_SKEW_COUNT", COUNT)))


@pytest.mark.parametrize("package, release, module, name", DRAWN)
def test_the_command_gives_the_name(package, release, module, name, tmp_path):
    program = pathlib.Path(os.environ["FIRSTFIX_BUILD"]) / "src/cli/firstfix"
    machine = Machine(tmp_path, program)
    try:
        machine.venv("--only-binary :all:", f"{package}=={release}")
    except subprocess.SubprocessError as error:
        pytest.skip(f"the release cannot be had for this Python: {error}")
    alone = machine.sh(f"python -c 'import {module}'", check=False)
    if alone.returncode:
        pytest.skip("the release does not import alone: " + alone.stdout.strip()[-200:])
    (tmp_path / "worker.py").write_text(f"from {module} import {name}\n")
    failed = machine.sh("python worker.py", check=False)
    assert failed.returncode, "the release has the name"
    last = failed.stdout.strip().splitlines()[-1]
    if "cannot import name" not in last and module not in last:
        pytest.skip("something else is missing here: " + last)
    (tmp_path / "log").write_text(failed.stdout)
    first = answer_of(machine, "explain log")[0]
    assert first["cause"] in ("hf.version-conflict", "pip.conflict"), first
    after = machine.sh("\n".join(lines_of(first["fixes"][0]) + ["python worker.py"]), check=False)
    assert after.returncode == 0, (first["fixes"][0], after.stdout[-2000:])
