"""Versions and specifiers against Python's own `packaging`, on thousands of generated pairs."""

import random

import pytest

packaging_version = pytest.importorskip("packaging.version")
from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: E402
from packaging.version import InvalidVersion, Version  # noqa: E402
import oracle  # noqa: E402


def some_version(r, valid=True):
    """A version near 1 and 2, in any spelling; with valid=False sometimes with a flaw."""
    sep = lambda: r.choice(["", "", ".", "-", "_"])  # noqa: E731
    text = r.choice(["", "", "", "", "v", "V"]) + r.choice(["", "", "", "", "0!", "1!"])
    text += ".".join(r.choice(["0", "1", "2", "01", "10"]) for _ in range(r.randint(1, 4)))
    if r.random() < 0.3:
        text += sep() + r.choice(["a", "b", "c", "rc", "alpha", "beta", "pre", "preview", "RC"]) + sep()
        text += r.choice(["", "0", "1", "2", "10"])
    if r.random() < 0.25:
        text += r.choice(["-1", "-0", sep() + r.choice(["post", "rev", "r"]) + sep() + r.choice(["", "1", "2"])])
    if r.random() < 0.2:
        text += sep() + "dev" + sep() + r.choice(["", "0", "1", "12"])
    if r.random() < 0.25:
        text += "+" + r.choice(["cu121", "cu118", "CU121", "1", "2", "a.1", "a-b", "a_01", "1.a", "10"])
    if not valid and r.random() < 0.3:
        at = r.randrange(len(text) + 1)
        text = text[:at] + r.choice(["x", ".", "-", "+", "!", " ", "*", "_"]) + text[at:]
    return text


def some_specifiers(r):
    pieces = []
    for _ in range(r.choice([1, 1, 1, 2, 3])):
        op = r.choice(["==", "!=", "~=", "<=", ">=", "<", ">", "==="])
        version = some_version(r, valid=r.random() < 0.95)
        if r.random() < 0.2:
            version += ".*"
        pieces.append(op + r.choice(["", " "]) + version)
    return r.choice([",", " , "]).join(pieces)


def parsed(text):
    try:
        return Version(text)
    except InvalidVersion:
        return None


def test_order_and_normal_form():
    r = random.Random(440)
    questions, expected = [], []
    for _ in range(20000):
        a, b = some_version(r, r.random() < 0.8), some_version(r)
        va, vb = parsed(a), parsed(b)
        if vb is None:
            continue
        questions.append(("format", a))
        expected.append("" if va is None else str(va))
        questions.append(("compare", a, b))
        expected.append("-1" if va is None or va < vb else "1" if va > vb else "0")
    answers = oracle.ask(questions)
    wrong = [(q, e, g) for q, e, g in zip(questions, expected, answers) if e != g]
    assert not wrong, f"{len(wrong)} of {len(questions)}: {wrong[:20]}"


def test_specifiers():
    r = random.Random(508)
    questions, expected = [], []
    while len(questions) < 40000:
        version, specifiers = some_version(r), some_specifiers(r)
        if parsed(version) is None:
            continue
        try:
            answer = "yes" if SpecifierSet(specifiers).contains(Version(version), prereleases=True) else "no"
        except InvalidSpecifier:
            answer = "unknown"
        questions.append(("satisfies", version, specifiers))
        expected.append(answer)
    answers = oracle.ask(questions)
    wrong = [(q, e, g) for q, e, g in zip(questions, expected, answers) if e != g]
    assert not wrong, f"{len(wrong)} of {len(questions)}: {wrong[:20]}"
