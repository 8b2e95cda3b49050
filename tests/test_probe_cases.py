"""Every tests/probe/<probe>/<name>.case: a captured machine in text, and the facts that must come out of it."""
import json
import pathlib
import subprocess

import pytest

import casefile

CASES = sorted((pathlib.Path(__file__).parent / "probe").glob("*/*.case"))


@pytest.mark.parametrize("path", CASES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_case(path, tmp_path, firstfix):
    sections = casefile.read(path)
    casefile.build_root(sections, tmp_path)
    options = [word for s in sections if s.name == "options" for word in s.body.split()]
    where = "--image" if any(s.name == "image" for s in sections) else "--root"
    run = subprocess.run(
        [firstfix, "report", "--json", where, tmp_path, *options], capture_output=True, text=True, timeout=30
    )
    assert run.returncode == 0, run.stderr
    facts = json.loads(run.stdout)
    for s in sections:
        if s.name == "expect":
            assert not (why := casefile.difference(json.loads(s.body), facts)), why
        elif s.name == "absent":
            for dotted in s.body.split():
                assert casefile.at_path(facts, dotted) is None, f"{dotted} is {casefile.at_path(facts, dotted)!r}"
        elif s.name == "misses":
            for line in filter(str.strip, s.body.splitlines()):
                want = json.loads(line)
                assert any(not casefile.difference(want, e) for e in facts["errors"]), (
                    f"no miss like {want} in {facts['errors']}"
                )


def test_every_probe_has_a_case():
    """A probe without a case is not done."""
    table = (pathlib.Path(__file__).parents[1] / "src/probe/probes.def").read_text()
    names = [line.split("(")[1].split(",")[0] for line in table.splitlines() if line.startswith("PROBE(")]
    covered = {p.parent.name for p in CASES}
    assert names and not [n for n in names if n not in covered]
