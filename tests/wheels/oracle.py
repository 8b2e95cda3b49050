"""Asks the C parsers through build/tests/parse-oracle."""

import subprocess

from conftest import build_dir


def ask(questions):
    """One answer per question: each question is a tuple of fields."""
    lines = "".join("\t".join(q) + "\n" for q in questions)
    oracle = build_dir() / "tests/parse-oracle"
    out = subprocess.run([oracle], input=lines, capture_output=True, text=True, check=True).stdout
    answers = out.split("\n")[:-1]
    assert len(answers) == len(questions)
    return answers
