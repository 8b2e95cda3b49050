"""Names drawn from real releases: the atlas says what an import says (real_names.py).

FIRSTFIX_NAMES_SEED, FIRSTFIX_NAMES_RELEASES and FIRSTFIX_NAMES_COUNT draw others, or more.
"""

import os
import pathlib

from real_names import compare

AGREEMENT = 0.98


def test_agrees_with_real_imports():
    seed, releases, names = (int(os.environ.get(f"FIRSTFIX_NAMES_{k}", v))
                             for k, v in (("SEED", 7), ("RELEASES", 2), ("COUNT", 50)))
    oracle = pathlib.Path(os.environ["FIRSTFIX_BUILD"]) / "tests/parse-oracle"
    agreeing, silent, wrong = compare(seed, releases, names, oracle)
    assert agreeing > len(silent)
    assert agreeing >= AGREEMENT * (agreeing + len(wrong)), wrong
