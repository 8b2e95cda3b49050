#!/usr/bin/env python3
"""List every sentence of `why` that claims what nothing holds and every command that nobody can copy, over a folder of
logs.

usage: measure_answers.py [--program PATH] [-a] [FOLDER...]

Each NAME.log of the folders is explained (with NAME.facts.json beside it as the facts, where there is one). A claim is
a number, version, path, name or quotation; it must stand in a line, a fact, a table or the rule itself, or be what the
rule computed from those. Of a command see command_lint.py. Without a folder the cases of rules/cases are read. -a
prints every sentence with what it rests on.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import command_lint
import test_rule_cases


def rule_cases():
    """(name, log or None, facts or None) of every case of the rules."""
    for file, name, log, facts, _ in test_rule_cases.CASES:
        yield f"{file}: {name}", log, facts


def folder_cases(folder):
    """The same of a folder of logs."""
    for path in sorted(folder.rglob("*.log")):
        facts = path.with_suffix(".facts.json")
        yield path.stem, path.read_text(errors="replace"), json.loads(facts.read_text()) if facts.exists() else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/src/cli/firstfix")
    parser.add_argument("-a", action="store_true", help="print every sentence with what it rests on")
    parser.add_argument("folders", nargs="*", type=pathlib.Path)
    args = parser.parse_args()
    cases = [c for folder in args.folders for c in folder_cases(folder)] if args.folders else list(rule_cases())
    said = bad = commands = wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, log, facts in cases:
            for d in test_rule_cases.explain(args.program, log, facts, pathlib.Path(folder)):
                for g in d["grounds"]:
                    said += 1
                    bad += "unsupported" in g
                    if args.a:
                        print(f"{d['rule']}: {g['sentence']}  <- {json.dumps(g['on'])}")
                    if "unsupported" in g:
                        print(f"{name}: {d['rule']}: {g['sentence']}  ?? {g['unsupported']}")
                for command in [f["command"] for f in d["fixes"] if "command" in f]:
                    faults = command_lint.faults(command, facts, log)
                    commands += 1
                    wrong += bool(faults)
                    if faults or args.a:
                        print(f"{name}: {d['rule']}: {command}  {'; '.join(faults)}")
    print(
        f"{len(cases)} cases, {said} sentences, {bad} claim what nothing holds; {commands} commands, {wrong} are wrong"
    )
    sys.exit(bad + wrong != 0)


if __name__ == "__main__":
    main()
