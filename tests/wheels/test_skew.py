"""Two releases that do not fit, drawn by a script (draw_skew.py): the failing import, the printed command, and it works.

FIRSTFIX_SKEW_SEED and FIRSTFIX_SKEW_COUNT draw others, or more.
"""
import json
import os
import pathlib

import pytest

from draw_skew import draw
from test_fixes import Machine, lines_of

DRAWN = draw(int(os.environ.get("FIRSTFIX_SKEW_SEED", "1")), int(os.environ.get("FIRSTFIX_SKEW_COUNT", "3")))


@pytest.mark.parametrize("package, release, module, name", DRAWN)
def test_the_command_gives_the_name(package, release, module, name, tmp_path):
    program = pathlib.Path(os.environ["FIRSTFIX_BUILD"]) / "src/cli/firstfix"
    env = {k: v for k, v in os.environ.items() if not k.startswith(("VIRTUAL_ENV", "PYTHON", "CONDA"))}
    machine = Machine(tmp_path, env | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "HOME": str(tmp_path)})
    machine.venv(f"{package}=={release}")
    (tmp_path / "worker.py").write_text(f"from {module} import {name}\n")
    failed = machine.sh("python worker.py", check=False)
    assert failed.returncode, "the release has the name"
    if "cannot import name" not in failed.stdout and module not in failed.stdout:
        pytest.skip("something else is missing here: " + failed.stdout.strip().splitlines()[-1])
    (tmp_path / "log").write_text(failed.stdout)
    answer = json.loads(machine.sh(f"'{program}' explain --json log", check=False).stdout)
    first = answer["diagnoses"][0]
    assert first["cause"] in ("hf.version-conflict", "pip.conflict"), first
    after = machine.sh("\n".join(lines_of(first["fixes"][0]) + ["python worker.py"]), check=False)
    assert after.returncode == 0, (first["fixes"][0], after.stdout[-2000:])
