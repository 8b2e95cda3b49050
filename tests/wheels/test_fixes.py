"""Machines that are really broken, of real wheels: the first fix is applied as it is printed, and the command runs again.

Each scenario makes an environment, breaks one thing in it and names a command that fails then. Small packages only: what decides is
the installer, the bounds and the copy that is imported, not the size of a library.
"""
import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import pytest

MINUTES = 5


@dataclasses.dataclass
class Machine:
    folder: pathlib.Path
    env: dict

    def sh(self, line, check=True):
        return subprocess.run(["bash", "-c", line], cwd=self.folder, env=self.env, text=True, check=check,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60 * MINUTES)

    def venv(self, *packages, name="venv", pip=True):
        self.sh(f"'{sys.executable}' -m venv '{name}'")
        folder = self.folder / name
        if packages:
            self.sh(f"'{folder}/bin/python' -m pip install -q {' '.join(packages)}")
        if not pip:
            self.sh(f"'{folder}/bin/python' -m pip uninstall -q -y pip setuptools")
        self.env |= {"VIRTUAL_ENV": str(folder), "PATH": f"{folder}/bin:{self.env['PATH']}"}
        return folder


def missing_module(m):
    m.venv()
    return "python -c 'import einops'", "pip.module-missing"


def missing_in_a_folder_with_a_space(m):
    m.venv(name="my venv")
    return "python -c 'import humanize'", "pip.module-missing"


def missing_without_pip(m):
    m.venv(pip=False)
    return "python -c 'import einops'", "pip.module-missing"


def missing_with_uv(m):
    m.venv("uv", name="tools")
    tools = m.env["PATH"].split(":")[0]
    m.venv(pip=False)
    m.sh(f"mkdir bin && ln -s '{tools}/uv' bin/uv && echo 'uv = 0.9.0' >>venv/pyvenv.cfg")
    m.env["PATH"] = f"{m.folder}/venv/bin:{m.folder}/bin:/usr/bin:/bin"
    return "python -c 'import einops'", "pip.module-missing"


def other_name_than_its_module(m):
    m.venv()
    return "python -c 'import yaml'", "pip.module-missing"


def too_old_for_another(m):
    m.venv("transformers==4.46.3")
    m.sh("python -m pip install -q --no-deps tokenizers==0.19.1")
    return "python -c 'from transformers import AutoTokenizer'", "hf.version-conflict"


def removed_name_within_bounds(m):
    m.venv("transformers==4.46.3", "huggingface-hub==0.26.5")
    m.env["WORKER"] = "1"
    return "python -c 'from huggingface_hub import cached_download'", "hf.version-conflict"


def old_copy_on_pythonpath(m):
    m.venv("transformers==4.46.3")
    m.sh("python -m pip install -q --no-deps --target old tokenizers==0.15.2")
    m.env["PYTHONPATH"] = f"{m.folder}/old"
    return "python -c 'from transformers import AutoTokenizer'", None


def files_gone(m):
    m.venv("safetensors==0.4.5")
    m.sh("rm venv/lib/python3*/site-packages/safetensors/*.so")
    return "python -c 'import safetensors'", None


SCENARIOS = [missing_module, missing_in_a_folder_with_a_space, missing_without_pip, missing_with_uv, other_name_than_its_module,
             too_old_for_another, removed_name_within_bounds, old_copy_on_pythonpath, files_gone]


def lines_of(fix):
    """The fix as a shell would take it: its command, or the variables that it names."""
    if fix.get("command"):
        return [fix["command"]]
    return [f"export {k}='{v}'" for k, v in (fix.get("set") or {}).items()] + [f"unset {k}" for k in fix.get("unset") or []]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_first_fix_works(scenario, tmp_path):
    program = pathlib.Path(os.environ["FIRSTFIX_BUILD"]) / "src/cli/firstfix"
    env = {k: v for k, v in os.environ.items() if not k.startswith(("VIRTUAL_ENV", "PYTHON", "CONDA"))}
    machine = Machine(tmp_path, env | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "HOME": str(tmp_path)})
    command, cause = scenario(machine)
    failed = machine.sh(command, check=False)
    assert failed.returncode, "it was to fail"
    (tmp_path / "log").write_text(failed.stdout)
    answer = json.loads(machine.sh(f"'{program}' explain --json log", check=False).stdout)
    first = answer["diagnoses"][0]
    assert cause in (None, first["cause"]), first
    fix = first["fixes"][0]
    after = machine.sh("\n".join(lines_of(fix) + [command]), check=False)
    assert after.returncode == 0, (fix, after.stdout[-2000:])
