"""A library and a package beside it that do not fit, as draw_pairs.py drew them: the failing import, the printed
command, and it works.

One of them runs always, all of them with FIRSTFIX_LIVE=all.
"""

import os
import pathlib
import subprocess

import pytest

import machines
from draw_pairs import scenario

ROWS = [line.split("\t") for line in (pathlib.Path(__file__).parent / "pairs.tsv").read_text().splitlines()
        if not line.startswith("#")]
CAUSES = "hf.version-conflict pip.conflict numpy.abi pip.module-missing hf.tokenizer-dep"


@pytest.mark.parametrize("library, release, other, version", ROWS if os.environ.get("FIRSTFIX_LIVE") == "all"
                         else ROWS[:1])
def test_the_printed_command_makes_it_work(library, release, other, version, tmp_path):
    program = pathlib.Path(os.environ["FIRSTFIX_BUILD"]) / "src/cli/firstfix"
    try:
        _, outcome = machines.try_out(scenario(library, release, other, version), tmp_path, program)
    except subprocess.SubprocessError as error:
        pytest.skip(f"a release cannot be had for this Python: {error}")
    assert outcome.cause in CAUSES.split(), (outcome.cause, outcome.text[-2000:])
    assert outcome.works, (outcome.fix, outcome.text[-2000:])
