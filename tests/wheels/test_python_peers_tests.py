"""A slice of the hooked libraries' own tests, from their source packages on PyPI, with and without us: the same
outcomes.

starlette and fastapi are hooked at Starlette.__call__(), so with us every application of their tests is recorded.
"""

import os
import pathlib
import re
import subprocess
import sys
import tarfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))

from python_worker import hooks, worker  # noqa: E402, F401
from python_libraries import libraries  # noqa: E402, F401
from wheelhouse import wheelhouse  # noqa: E402

EXTRAS = [
    "pytest",
    "trio",
    "itsdangerous",
    "python-multipart",
    "jinja2",
    "pyyaml",
    "parameterized",
    "inline-snapshot",
    "dirty-equals",
]
SLICES = {
    "starlette": [
        "tests/test_applications.py",
        "tests/test_routing.py",
        "tests/test_background.py",
        "tests/middleware",
        "tests/test_exceptions.py",
        "tests/test_responses.py",
        "tests/test_requests.py",
        "tests/test_websockets.py",
    ],
    "fastapi": [
        "tests/test_application.py",
        "tests/test_exception_handlers.py",
        "tests/test_custom_middleware_exception.py",
        "tests/test_dependency_after_yield_streaming.py",
        "tests/test_dependency_contextmanager.py",
        "tests/test_dependency_contextvars.py",
        "tests/test_dependency_after_yield_raise.py",
        "tests/test_sse.py",
        "tests/test_stream_cancellation.py",
        "tests/test_stream_json_validation_error.py",
        "tests/test_ws_dependencies.py",
        "tests/test_ws_router.py",
    ],
    "accelerate": [
        "tests/test_hooks.py",
        "tests/test_big_modeling.py",
        "tests/test_offload.py",
        "tests/test_logging.py",
    ],
    "peft": ["tests/test_vera.py", "tests/test_vblora.py"],
}
OTHER_CONFIG = {"fastapi", "peft"}  # whose pyproject.toml has settings that this pytest refuses


def source(python, name):
    """The unpacked source package of the installed version."""
    folder = wheelhouse() / "sources"
    version = subprocess.run(
        [python, "-c", f"import importlib.metadata as m; print(m.version({name!r}))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    unpacked = folder / f"{name}-{version}"
    if not (unpacked / "tests").exists():
        subprocess.run(
            [
                python,
                "-m",
                "pip",
                "download",
                "-q",
                "--no-deps",
                "--no-binary",
                ":all:",
                f"{name}=={version}",
                "-d",
                folder,
            ],
            check=True,
        )
        with tarfile.open(folder / f"{name}-{version}.tar.gz") as tar:
            tar.extractall(folder, filter="data")
    return unpacked


def outcomes(python, folder, name, env):
    """Test -> PASSED, FAILED ..."""
    config = ["-c", os.devnull, "--rootdir", "."] if name in OTHER_CONFIG else ["-o", "addopts="]
    command = [python, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "--tb=no", *config, *SLICES[name]]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=1200, check=False)
    rows = re.findall(r"^(PASSED|FAILED|ERROR|XFAIL|XPASS) (\S+)", done.stdout, re.M)
    assert rows, done.stdout[-3000:] + done.stderr[-3000:]
    return {name: outcome for outcome, name in rows}


@pytest.mark.parametrize("name", SLICES)
def test_the_same_outcomes_with_and_without_us(worker, libraries, name):  # noqa: F811
    subprocess.run([libraries, "-m", "pip", "install", "-q", *EXTRAS], check=True)
    folder = source(libraries, name)
    served = name in ("starlette", "fastapi")
    worker.env = {"HF_HUB_OFFLINE": "1", "FIRSTFIX_LOG": "off"}
    with_us = outcomes(libraries, folder, name, worker.environment())
    worker.env["FIRSTFIX_DISABLE"] = "all"
    without = outcomes(libraries, folder, name, {**worker.environment(), "PYTHONPATH": ""})
    assert with_us == without
    assert list(with_us.values()).count("PASSED") > 10
    assert worker.events("firstfix.phase.end" if served else "firstfix.process.start")
