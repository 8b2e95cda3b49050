"""How often the attacks of this folder are tried: few times in every run of the tests, as often as it takes with FIRSTFIX_MANY=1."""
import os

import pytest


@pytest.fixture
def times():
    """times(few, many): how often."""
    return lambda few, many: many if os.environ.get("FIRSTFIX_MANY") == "1" else few
