"""The first fix works as it is printed, and `firstfix check` saw it coming: see machines.py."""
import os
import pathlib

import pytest

import foreseen
import large
import machines
import more
import scripts
import small
import untried

# one of each family; FIRSTFIX_LIVE=all runs them all
FEW = {
    "missing_in_a_folder_with_a_space",
    "missing_without_pip",
    "missing_with_uv",
    "script_imports_what_is_missing",
    "too_old_for_another",
    "old_copy_on_pythonpath",
    "compiled_part_gone",
    "own_file_hides_a_package",
    "pointer_for_a_tokenizer",
    "empty_config",
    "offline_without_the_model",
    "interpreter_of_the_environment_gone",
    "application_by_another_name",
    "line_ends_of_windows",
    "class_of_workers",
    "forms",
    "record_without_modules",
    "workers_of_an_object",
}
ALL = os.environ.get("FIRSTFIX_LIVE") == "all"
SHORT = small.SCENARIOS + scripts.SCENARIOS + foreseen.SCENARIOS
LONG = large.SCENARIOS + more.SCENARIOS + untried.SCENARIOS
SCENARIOS = [s for s in SHORT if ALL or s.__name__ in FEW] + (LONG if ALL else [])


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_first_fix_works(scenario, tmp_path):
    program = pathlib.Path(os.environ["FIRSTFIX_BUILD"]) / "src/cli/firstfix"
    case, outcome = machines.try_out(scenario, tmp_path, program)
    assert outcome.right, (outcome.cause, outcome.text[-2000:])
    assert outcome.works, (outcome.fix, outcome.text[-2000:])
    assert outcome.predicted or not case.predicted, outcome.checked
