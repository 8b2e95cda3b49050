"""What every Python test of the project shares: where the built programs are, and a world without traces of other
firstfixes.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from runner import Runner  # noqa: E402 (found through the path set above)

FOR_TESTS = (
    "FIRSTFIX_BUILD",
    "FIRSTFIX_ARRIVALS",
    "FIRSTFIX_BLESS",
    "FIRSTFIX_MANY",
    "FIRSTFIX_WHEELS",
    "FIRSTFIX_BIG_WHEELS",
    "FIRSTFIX_GPU_OUT",
    "FIRSTFIX_GPU_PYTHON",
    "FIRSTFIX_GPU_READS",
    "FIRSTFIX_LIVE",
    "FIRSTFIX_SKEW_SEED",
    "FIRSTFIX_SKEW_COUNT",
    "FIRSTFIX_TEST_SEED",
)

# by nohup, and by a shell that starts the tests in the background
IGNORED_BY_SHELLS = {
    signal.SIGHUP: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
    signal.SIGQUIT: signal.SIG_DFL,
}


# What stands in for state folders that refuse; those that the tests leave empty are taken away.
STAND_INS = set()


def stand_ins():
    return set(pathlib.Path("/dev/shm").glob(f"firstfix-{os.getuid()}-*"))


def pytest_configure():
    """Nothing that a test starts sees the settings, the state folder or the ignored signals of whoever runs the tests.
    """
    for number, usual in IGNORED_BY_SHELLS.items():
        signal.signal(number, usual)
    for name in [n for n in os.environ if n.startswith("FIRSTFIX_") and n not in FOR_TESTS]:
        del os.environ[name]
    os.environ["FIRSTFIX_DIR"] = tempfile.mkdtemp(prefix="firstfix-tests-")
    STAND_INS.update(stand_ins())


def pytest_unconfigure():
    shutil.rmtree(os.environ["FIRSTFIX_DIR"], ignore_errors=True)
    for folder in stand_ins() - STAND_INS:
        with contextlib.suppress(OSError):  # of somebody who records now
            folder.rmdir()


def build_dir():
    """The build folder under test: $FIRSTFIX_BUILD, or build/ beside tests/."""
    return pathlib.Path(os.environ.get("FIRSTFIX_BUILD", HERE.parent / "build")).resolve()


def sanitizers(build):
    """The flags that a program needs which is linked with the library of this build."""
    options = json.loads((build / "meson-info/intro-buildoptions.json").read_text())
    chosen = next(o["value"] for o in options if o["name"] == "b_sanitize")
    return [] if chosen == "none" else [f"-fsanitize={chosen}"]


@pytest.fixture(scope="session")
def build():
    return build_dir()


@pytest.fixture
def unsanitized(build):
    """For tests that a sanitized build cannot pass: its shadow memory needs terabytes of addresses, and an ordinary
    Python cannot load it.
    """
    if sanitizers(build):
        pytest.skip("needs a build without sanitizers")


@pytest.fixture(scope="session")
def firstfix():
    """Path of the firstfix program under test."""
    program = build_dir() / "src/cli/firstfix"
    assert program.exists(), f"{program} is not built"
    return str(program)


@pytest.fixture
def runner(firstfix, tmp_path):
    """`firstfix run` with a state folder and a stand-in for its steps of their own."""
    return Runner(firstfix, tmp_path)


@pytest.fixture
def times():
    """times(few, many): how often an attack is tried: few times in every run of the tests, as often as it takes with
    FIRSTFIX_MANY=1.
    """
    return lambda few, many: many if os.environ.get("FIRSTFIX_MANY") == "1" else few


@pytest.fixture
def agents(firstfix, build, hooks, tmp_path):
    """Agents beside real workers; everything that was started ends with the test."""
    from agent_client import Agents

    made = Agents(firstfix, build, hooks, tmp_path)
    yield made
    made.close()
