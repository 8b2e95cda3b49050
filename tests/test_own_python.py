"""A virtual environment's own firstfix looks at that environment, whatever is active; one that a tool made for it alone
does not.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest


def environment(folder, *files):
    """A virtual environment as `python -m venv` lays it out, with files more at its root."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python3").symlink_to(os.path.realpath(sys.executable))
    (folder / "pyvenv.cfg").write_text(f"home = {pathlib.Path(os.path.realpath(sys.executable)).parent}\n")
    for name in files:
        (folder / name).write_text("{}")
    return folder


def own_firstfix(folder, program, libexec):
    """The programs as a wheel (bin) or an installation into the prefix (libexec) puts them."""
    shutil.copy(program, folder / "bin/firstfix")
    place = folder / ("libexec/firstfix" if libexec else "bin")
    place.mkdir(parents=True, exist_ok=True)
    shutil.copy(program + "-tool", place)
    return folder / "bin/firstfix"


@pytest.mark.parametrize("libexec", [False, True])
@pytest.mark.parametrize("active", [False, True])
@pytest.mark.parametrize("made_by, own", [((), True), (("pipx_metadata.json",), False), (("uv-receipt.toml",), False)])
def test_its_own_environment(firstfix, tmp_path, unsanitized, libexec, active, made_by, own):
    program = own_firstfix(environment(tmp_path / "own", *made_by), firstfix, libexec)
    other = environment(tmp_path / "other")
    env = {**os.environ, "FIRSTFIX_NVML": "", "FIRSTFIX_CUDA": "", "PATH": f"{other}/bin:{os.environ['PATH']}"}
    env.pop("VIRTUAL_ENV", None)
    if active:
        env["VIRTUAL_ENV"] = str(other)

    def python(*words):
        done = subprocess.run(
            [program, "report", "--json", "--only", "python", *words],
            capture_output=True,
            text=True,
            check=True,
            env=env,
            cwd=tmp_path,
        )
        return json.loads(done.stdout)["python"]
    assert python()["executable"] == str(tmp_path / ("own" if own else "other") / "bin/python3")
    assert python("--python", other)["executable"] == f"{other}/bin/python3", "what is asked for comes first"
