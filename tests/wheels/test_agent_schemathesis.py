"""The agent against its own description: schemathesis (PyPI) asks every path with what fits it and with what does not.
"""

import pathlib
import subprocess
import sys

import pytest

sys.path[:0] = [
    str(pathlib.Path(__file__).resolve().parents[1]),
    str(pathlib.Path(__file__).resolve().parents[1] / "python"),
]

from agent_client import WORKER  # noqa: E402
from python_libraries import environment, hooks, pip  # noqa: E402,F401

PACKAGES = ["schemathesis==4.32.5"]
# 503 is what a probe answers of a worker that is not ready, and it is in the description.
EXCLUDED = "not_a_server_error,unsupported_method"


@pytest.fixture(scope="session")
def schemathesis():
    python = environment("schemathesis", sys.executable, PACKAGES, lambda python: pip(python, *PACKAGES))
    return str(pathlib.Path(python).with_name("schemathesis"))


def test_every_answer_is_as_described(agents, schemathesis, tmp_path):
    worker = agents.run(WORKER)
    for line in ("load m 0.1", "request one", "fail two"):
        agents.tell(worker, line)
    agents.state_is("ready", "idle")
    done = subprocess.run(
        [
            schemathesis,
            "run",
            agents.url + "/openapi.json",
            "--max-examples",
            "25",
            "--exclude-checks",
            EXCLUDED,
            "--seed",
            "7",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert worker.poll() is None and agents.ask("/livez")[0] == 200
