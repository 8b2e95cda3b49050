"""The package as `meson install` lays it out, and a way to run a worker with it: a script in a fresh interpreter."""
import glob
import json
import os
import pathlib
import shutil
import subprocess
import sys
import textwrap

import pytest
from conftest import build_dir, sanitizers

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "python"


def pythons():
    """Interpreters on this machine that the package must fit: this one, and others of pyenv or the system."""
    found = {}
    for path in [
        sys.executable,
        *sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python"))),
        "/usr/bin/python3",
    ]:
        try:
            version = subprocess.run(
                [path, "-c", "import sys; print(*sys.version_info[:2])"],
                capture_output=True,
                text=True,
                check=True,
                timeout=20,
            ).stdout
        except (OSError, subprocess.SubprocessError):
            continue
        key = tuple(map(int, version.split()))
        if key >= (3, 9):
            found.setdefault(key, path)
    return found


@pytest.fixture(scope="session")
def hooks(tmp_path_factory):
    """<prefix>/lib/firstfix/hooks: sitecustomize.py and the package."""
    ring = build_dir() / "python/_ring.abi3.so"
    if not ring.exists():
        pytest.skip(
            f"{ring} is not built: PYTHON PACKAGE NOT TESTED (install python3-dev; meson configure -Dpython=true)"
        )
    if sanitizers(build_dir()):
        pytest.skip("a sanitized extension cannot be loaded into an ordinary Python")
    folder = tmp_path_factory.mktemp("prefix") / "hooks"
    folder.mkdir()
    shutil.copytree(SOURCE / "firstfix", folder / "firstfix", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    shutil.copy(ring, folder / "firstfix")
    shutil.copy(SOURCE / "hooks/sitecustomize.py", folder)
    return folder


class Worker:
    """Runs Python scripts with firstfix and reads back what they recorded."""

    def __init__(self, hooks, state, program):
        self.hooks, self.state, self.program = hooks, state, program
        self.python = sys.executable
        self.env = {}

    def environment(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("FIRSTFIX_", "PYTHON"))}
        env.update(FIRSTFIX_DIR=str(self.state), FIRSTFIX_PROGRAM=self.program, PYTHONPATH=str(self.hooks), HF_TOKEN="")
        env.update(self.env)
        return env

    def run(self, script, *words, timeout=60, **env):
        """The finished process of a script."""
        self.env = env
        return subprocess.run([self.python, "-c", textwrap.dedent(script), *words], capture_output=True, text=True,
                              timeout=timeout, env=self.environment(), errors="backslashreplace", check=False)

    def events(self, name=None):
        """Everything recorded, oldest first, or the events of one name."""
        done = subprocess.run(
            [self.program, "events", "--json", "--dir", str(self.state)],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return [row for row in rows if name is None or row["event.name"] == name]


@pytest.fixture
def worker(hooks, tmp_path, firstfix):
    return Worker(hooks, tmp_path / "state", firstfix)
