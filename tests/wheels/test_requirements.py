"""PEP 508 requirements and markers against Python's own `packaging`."""

import itertools
import json
import random

import pytest

pytest.importorskip("packaging.requirements")
from packaging.markers import InvalidMarker, Marker, UndefinedComparison, default_environment  # noqa: E402
from packaging.requirements import InvalidRequirement, Requirement  # noqa: E402
from packaging.utils import canonicalize_name  # noqa: E402
import oracle  # noqa: E402

NAMES = [
    "os_name",
    "os.name",
    "sys_platform",
    "platform_machine",
    "platform_python_implementation",
    "python_implementation",
    "platform_release",
    "platform_system",
    "python_version",
    "python_full_version",
    "implementation_name",
    "implementation_version",
    "extra",
]
VALUES = [
    "linux",
    "Linux",
    "posix",
    "x86_64",
    "3.11",
    "3.9",
    "3.11.7",
    "3",
    "cpython",
    "CPython",
    "test",
    "Foo_Bar",
    "foo-bar",
    "",
    "2.6 3.11",
]
OPS = ["==", "!=", "<", "<=", ">", ">=", "in", "not in", "~=", "==="]


def some_marker(r, depth=0):
    shape = r.random()
    if depth < 3 and shape < 0.35:
        return f"{some_marker(r, depth + 1)} {r.choice(['and', 'or'])} {some_marker(r, depth + 1)}"
    if depth < 3 and shape < 0.45:
        return f"({some_marker(r, depth + 1)})"
    quote = r.choice("'\"")
    sides = [r.choice(NAMES), f"{quote}{r.choice(VALUES)}{quote}"]
    if r.random() < 0.25:
        sides.reverse()
    return f"{sides[0]} {r.choice(OPS)} {sides[1]}"


def test_markers():
    r = random.Random(3)
    environment = {**default_environment(), "python_version": "3.11", "python_full_version": "3.11.7"}
    questions, expected = [], []
    for _ in range(15000):
        text = some_marker(r)
        if r.random() < 0.1:
            at = r.randrange(len(text))
            text = text[:at] + text[at + 1 :]
        values = {**environment, "extra": r.choice(["", "test", "foo.bar"])}
        try:
            answer = "yes" if Marker(text).evaluate(values) else "no"
        except InvalidMarker:
            answer = "error"
        except UndefinedComparison:  # "~=" on texts: packaging gives up, we say no
            continue
        questions.append(("marker", text, json.dumps(values)))
        expected.append(answer)
    answers = oracle.ask(questions)
    wrong = [(q[1], json.loads(q[2])["extra"], e, g) for q, e, g in zip(questions, expected, answers) if e != g]
    assert not wrong, f"{len(wrong)} of {len(questions)}: {wrong[:12]}"


def test_unknown_values_stay_unknown():
    answers = oracle.ask(
        [
            ("marker", "platform_release > '5'", "{}"),
            ("marker", "platform_release > '5' or os_name == 'posix'", '{"os_name": "posix"}'),
            ("marker", "platform_release > '5' and os_name == 'nt'", '{"os_name": "posix"}'),
            ("marker", "(" * 40 + "os_name == 'nt'" + ")" * 40, '{"os_name": "posix"}'),
        ]
    )
    assert answers == ["unknown", "yes", "no", "error"]


def test_requirements():
    names = ["foo", "Foo.Bar_baz", "a", "zope.interface", "-foo", "foo-", ""]
    extras = ["", "[a]", "[a,b-c]", "[ a , b ]", "[]", "[a b]", "[,]", "[a"]
    specifiers = [
        "",
        ">=1.0",
        " >=1.0,<2",
        "(>=1.0)",
        " (==1.0.*,!=1.0.5) ",
        "=1.0",
        "1.0",
        "(>=1",
        " @ https://x.y/z;w#egg=1",
        "@ file:///a b",
    ]
    markers = ["", " ; os_name == 'posix'", ";extra == 'x'", "; "]
    questions, expected = [], []
    for parts in itertools.product(names, extras, specifiers, markers):
        text = "".join(parts)
        try:
            r = Requirement(text)
            answer = (canonicalize_name(r.name), set(r.extras), str(r.specifier), r.url or "")
        except InvalidRequirement:
            answer = None
        if parts[3] == "; ":  # packaging refuses an empty marker, we read it as none
            continue
        questions.append(("requirement", text))
        expected.append(answer)
    for question, answer, got in zip(questions, expected, oracle.ask(questions)):
        if answer is None:
            assert got == "error" or oracle.ask([("satisfies", "1.0", got.split("\t")[2])]) == ["unknown"], question
            continue
        name, extra, specifier, url, _ = got.split("\t")
        got_extras = {canonicalize_name(e.strip()) for e in extra.split(",") if e.strip()}
        assert (name, got_extras, url) == (answer[0], answer[1], answer[3]), question
        assert sorted(specifier.split(",")) == sorted(answer[2].split(",")), question
