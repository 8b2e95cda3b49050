#!/usr/bin/env python3
"""How steady the answers of `firstfix explain` are, on a folder of logs: measure_logs.py [--program PATH] [--cuts N]
[-v] DIR

DIR holds NAME.log and, where the truth is known, NAME.json with its "cause" (a list; "none" for a healthy log;
stopped.* is no failure). Each log is read whole, its first 200 lines and its last 200 lines; healthy ones besides cut
at N places: their beginnings, their ends, and 200 lines from the middle. Alarms are answers with exit code 1. Nothing
of a log is kept or printed but its name and line numbers.
"""

import argparse
import concurrent.futures
import json
import pathlib
import random
import subprocess

PART = 200


def ask(program, text):
    """(exit code, first cause or None, verdict) for a log of these bytes."""
    run = subprocess.run(
        [program, "explain", "--json", "--no-facts", "-"], input=text, capture_output=True, timeout=120
    )
    answer = json.loads(run.stdout)
    causes = [d["cause"] for d in answer["diagnoses"] if d["severity"] == "error"]
    return run.returncode, causes[0] if causes else None, answer["verdict"]


def cuts_of(lines, count, seed):
    """(what, part) for each cut of a log; the same ones every time."""
    dice = random.Random(seed)
    for _ in range(count):
        at = dice.randrange(1, max(2, len(lines)))
        yield f"first {at}", lines[:at]
        yield f"from {at}", lines[at:]
        yield f"{PART} from {at}", lines[at:at + PART]


def measure(program, path, cuts):
    """{"whole", "first", "last": answers, "alarms": [cuts that alarm], "tried"} of one log."""
    lines = path.read_bytes().splitlines(keepends=True)
    meta = path.with_suffix(".json")
    truth = json.loads(meta.read_text())["cause"] if meta.exists() else []
    healthy = bool(truth) and all(c == "none" or c.startswith("stopped.") for c in truth)
    row = {
        "name": path.stem,
        "healthy": healthy,
        "lines": len(lines),
        "alarms": [],
        "tried": 0,
        "whole": ask(program, b"".join(lines)),
        "first": ask(program, b"".join(lines[:PART])),
        "last": ask(program, b"".join(lines[-PART:])),
    }
    for what, part in cuts_of(lines, cuts, path.stem) if healthy else ():
        row["tried"] += 1
        if (answer := ask(program, b"".join(part)))[0] == 1:
            row["alarms"].append(f"{what}: {answer[1] or answer[2]}")
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--program", default=pathlib.Path(__file__).resolve().parents[1] / "build/firstfix")
    parser.add_argument("--cuts", type=int, default=8)
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(lambda p: measure(args.program, p, args.cuts), sorted(args.dir.glob("*.log"))))
    long = [r for r in rows if r["lines"] > PART]
    healthy = [r for r in rows if r["healthy"]]
    for r in rows:
        differ = r["lines"] > PART and not r["healthy"] and len({r["whole"][1], r["last"][1]}) > 1
        if args.verbose and (r["alarms"] or differ or (r["healthy"] and r["whole"][0])):
            print(
                r["name"],
                "whole",
                *r["whole"][1:],
                "| first",
                *r["first"][1:],
                "| last",
                *r["last"][1:],
                "|",
                *r["alarms"][:6],
                sep="  ",
            )
    tried, alarms = sum(r["tried"] for r in healthy), sum(len(r["alarms"]) for r in healthy)
    print(f"{len(rows)} logs, {len(healthy)} healthy, {len(long)} longer than {PART} lines")
    print(
        f"alarms on healthy logs: {sum(r['whole'][0] == 1 for r in healthy)} whole, {alarms} of {tried} cuts, on"
        f" {sum(bool(r['alarms']) for r in healthy)} logs"
    )
    for part in ("first", "last"):
        print(
            f"{part} {PART} lines agree with the whole log: {sum(r[part][1] == r['whole'][1] for r in long)} of"
            f" {len(long)}"
        )


if __name__ == "__main__":
    main()
