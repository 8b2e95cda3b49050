"""What the tests on a real GPU share. They run by hand (`./test --gpu`) on a machine with an NVIDIA GPU and a python3
that has torch.

What the hardware answered is kept in $FIRSTFIX_GPU_OUT, a folder per test, for cases made from it later.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))

from python_worker import hooks  # noqa: E402, F401


@pytest.fixture(scope="session")
def torch_python():
    """An interpreter whose torch sees a GPU: $FIRSTFIX_GPU_PYTHON or python3."""
    python = os.environ.get("FIRSTFIX_GPU_PYTHON") or shutil.which("python3")
    seen = subprocess.run(
        [python, "-c", "import torch; print(torch.cuda.is_available())"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if seen.stdout.strip() != "True":
        pytest.skip(f"{python}: no torch that sees a GPU")
    return python


@pytest.fixture(scope="session")
def kept():
    """The folder in which answers of the hardware are kept."""
    folder = pathlib.Path(os.environ.get("FIRSTFIX_GPU_OUT", "/tmp/firstfix-gpu"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def facts(firstfix, torch_python, kept):
    """The report of this machine as a dictionary; its file is kept/facts.json."""
    path = kept / "facts.json"
    subprocess.run([firstfix, "report", "--json", "--python", torch_python, "-o", path], check=True, timeout=60)
    return json.loads(path.read_text(encoding="utf-8"))


class Died:
    """A worker that ran under `firstfix run`: its output, its incident, its recorded events."""

    def __init__(self, firstfix, state, done):
        self.code, self.stdout, self.stderr, self.firstfix, self.state = (
            done.returncode,
            done.stdout,
            done.stderr,
            firstfix,
            state,
        )

    def incident(self):
        """The newest stored incident, {} when there is none."""
        shown = subprocess.run(
            [self.firstfix, "incidents", "show", "last", "--json", "--dir", self.state],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return json.loads(shown.stdout) if shown.returncode == 0 and shown.stdout else {}

    def events(self, name):
        """Recorded events of one name, oldest first."""
        done = subprocess.run(
            [self.firstfix, "events", "--json", "--dir", self.state],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return [row for row in rows if row["event.name"] == name]


@pytest.fixture
def run(firstfix, hooks, tmp_path):  # noqa: F811
    """run(command, hooked=True, **environment): the command under `firstfix run`, as a Died."""
    def start(command, hooked=True, timeout=150, **environment):
        state = tmp_path / f"state{len(list(tmp_path.iterdir()))}"
        env = {k: v for k, v in os.environ.items() if not k.startswith("FIRSTFIX_")}
        env.update(
            FIRSTFIX_DIR=str(state), FIRSTFIX_HOOKS=str(hooks) if hooked else "", HF_HUB_OFFLINE="1", **environment
        )
        done = subprocess.run(
            [firstfix, "run", "--report", "off", "--", *map(str, command)],
            env=env,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=timeout,
            check=False,
        )
        return Died(firstfix, str(state), done)
    return start
