"""What every Python test of the project shares: where the built programs are."""
import json
import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from runner import Runner  # noqa: E402 (found through the path set above)


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
    """For tests that a sanitized build cannot pass: its shadow memory needs terabytes of addresses, and an ordinary Python cannot load it."""
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
