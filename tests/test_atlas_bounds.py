"""tools/atlas: what no hostile module can do to who reads its messages, and torch's partners by their METADATA."""

import importlib.util
import pathlib
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
for needed in ("packaging", "requests"):
    if importlib.util.find_spec(needed) is None:
        pytest.skip(f"tools/atlas needs {needed}", allow_module_level=True)

from atlaslib import classify, index, messages, mine, pairs, said  # noqa: E402


def test_pairs_are_what_the_wheels_ask_for(monkeypatch):
    asks = {
        "torchvision-0.9.0": "Requires-Dist: torch>=1.8\n",
        "torchvision-0.18.1": "Requires-Dist: numpy\nRequires-Dist: torch (==2.3.1)\n",
        "torchvision-0.29.0": "Requires-Dist: torch==2.14.0\n", "torchvision-0.29.1": "Requires-Dist: torch>=2.14.0\n",
        "torchaudio-2.3.1": "Requires-Dist: torch ==2.3.1", "torchaudio-2.14.0": "Requires-Dist: numpy\n",
        "torchaudio-2.14.1": None,
    }

    class Answer:
        def __init__(self, name):
            self.name = name

        def json(self):
            return {"files": [{"filename": f"{f}-cp311-cp311-manylinux1_x86_64.whl", "upload-time": "2026-10-28T00:00"}
                              for f in asks if f.startswith(self.name)]}

    def metadata(_, file):
        if (text := asks["-".join(file["filename"].split("-")[:2])]) is None:
            raise ValueError("cut short")
        return text

    monkeypatch.setattr(index, "get", lambda session, url, headers: Answer(url.rsplit("/", 2)[1]))
    missing = []
    found, day = pairs.read(None, missing.append, metadata)
    assert pairs.text(found, day).splitlines()[-2:] == ["2.3.1\t==0.18.1\t==2.3.1", "2.14.0\t>=0.29.0\t-"]
    assert day == "2026-10-28" and missing == ["torchaudio 2.14.1: cut short"]


def test_a_hostile_module_cannot_hurt_who_reads_its_messages():
    """Each would take minutes or gigabytes where one of the bounds is missing."""
    start = time.process_time()
    doubling = "a = 'word '\n" + "a = a + a\n" * 60 + "raise ValueError(a)\n"
    wide = "if " + " or ".join(f"x{i} == {i}" for i in range(50000)) + ":\n"
    wide += "    raise ValueError('a b c d')\n" * 3000
    deep = "raise ValueError(" + "(" * 3000 + "'x'" + ")" * 3000 + ")"
    nested = "".join(" " * i + "if x:\n" for i in range(95)) + " " * 95 + "raise ValueError('one two three four')\n"
    sums = "raise ValueError(" + " + ".join("'one two '" for _ in range(20000)) + ")"
    parts = "raise ValueError(f'" + "{x} word " * 20000 + "')"
    for text in (doubling, wide, deep, nested, sums, parts, "raise ValueError('a %('", "raise ValueError('%' % 1)",
                 "raise ValueError('{{{' .format(1))", "def f(:", "\0", "raise ValueError('\\ud800 b c')"):
        found = mine.messages_of("vllm/engine/arg_utils.py", text.encode())["m"]
        assert len(found) <= messages.MESSAGES_MAX and all(len(m["m"]) <= messages.TEXT_MAX for m in found)
        for one in found[:5]:
            classify.Package({"page_size"}, set(), {"torch"}, {})({**one, "file": "vllm/engine/arg_utils.py"})
    for line in (b"    " + b"a_" * 300000, b"env_" * 200000, b"environ" + b" " * 500000, b'"--' + b"a-" * 300000,
                 b"  " + b"A" * 500000 + b"_"):
        classify.words("vllm/engine/arg_utils.py", line)
    assert time.process_time() - start < 60


def test_a_million_messages_are_bounded(monkeypatch):
    source = "\n".join(f"raise ValueError('the number {i} is not one that anybody asked for')" for i in range(20000))
    found = mine.messages_of("acme/a.py", source.encode())
    assert len(found["m"]) == messages.MESSAGES_MAX
    many = said.Said("acme", {"torch"}, {}, engine=True)
    files = {f"acme/m{i}.py": {"s": [], "v": [], "m": [
        {"t": "ValueError", "m": f"w{i} n{k} requires torch>=2", "h": [], "f": "f", "g": [], "k": [], "x": [], "l": ""}
        for k in range(4000)]} for i in range(250)}
    monkeypatch.setattr(said, "TEXTS_MAX", 20000)
    many.add(1, files)
    assert len(many.texts) == said.TEXTS_MAX and len(many.rows()) <= said.ROWS_MAX
