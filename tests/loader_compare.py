"""The emulated loader against the real one: `firstfix libs --json FILE` and ld.so's own trace of the same file.

    loader_compare.py FIRSTFIX FILE-OR-FOLDER...      prints each difference; exit code 1 when there is one

The trace runs ld.so only: no code of the file is executed. Asked by tests/test_loader.py for the libraries of the
system, and by ./test --wheels for those of the wheels.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

LD_SO = next((p for p in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if os.path.exists(p)), None)


def is_elf_library(path):
    """A 64-bit shared library of this machine, by its first bytes."""
    try:
        with open(path, "rb") as f:
            head = f.read(20)
    except OSError:
        return False
    mine = {"x86_64": 62, "aarch64": 183}[os.uname().machine]
    return head[:6] == b"\x7fELF\x02\x01" and head[16] == 3 and head[18] == mine


def traced(path, environment):
    """What ld.so itself says: [(name, path or None)], {(version, library path, needed by)}, or None when it refuses the
    file.
    """
    run = subprocess.run(
        [LD_SO, path],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={**environment, "LD_TRACE_LOADED_OBJECTS": "1", "LD_WARN": "1", "LD_VERBOSE": ""},
    )
    text = run.stdout + run.stderr
    if "statically linked" in text:
        return [], set()
    libraries = []
    for line in run.stdout.splitlines():
        if m := re.match(r"\t(\S+) => not found$", line):
            libraries.append((m[1], None))
        elif m := re.match(r"\t(\S+) => (\S+) \(0x", line):
            libraries.append((m[1], m[2]))
        elif m := re.match(r"\t(\S+) \(0x", line):
            libraries.append((m[1], m[1]))
    versions = set(re.findall(r"(\S+): version `([^']+)' not found \(required by ([^)]+)\)", text))
    if run.returncode and not libraries and not versions:
        return None
    return [lib for lib in libraries if not lib[0].startswith("linux-")], {(v, lib, by) for lib, v, by in versions}


def emulated(firstfix, path, environment):
    """The same from firstfix."""
    run = subprocess.run(
        [firstfix, "libs", "--json", path], capture_output=True, text=True, timeout=60, env=environment
    )
    if run.returncode == 2:
        return None
    d = json.loads(run.stdout)
    libraries = [(lib["name"], lib["path"]) for lib in d["dependencies"]]
    missing = {m["library"] for m in d.get("missing", [])}
    versions = {(v["version"], v["path"], v["needed_by"]) for v in d.get("missing_versions", [])}
    return libraries, missing, versions


def difference(firstfix, path, environment):
    """A sentence, or None when both agree: the same files in the same order, the same names and versions missing."""
    real, ours = traced(path, environment), emulated(firstfix, path, environment)
    if real is None or ours is None:
        return None if real is None and ours is None else f"{path}: real {real}, ours {ours}"
    libraries = [(n, p) for n, p in real[0] if p]
    missing = {n for n, p in real[0] if not p}
    if libraries != ours[0]:
        wrong = [f"{a} / {b}" for a, b in zip(libraries + [None] * 99, ours[0]) if a != b][:3]
        return f"{path}: real / ours: {wrong or libraries[len(ours[0]):]}"
    if missing != ours[1]:
        return f"{path}: missing, real {sorted(missing)}, ours {sorted(ours[1])}"
    if real[1] != ours[2]:
        return f"{path}: versions, real {sorted(real[1])}, ours {sorted(ours[2])}"
    return None


def libraries_under(places):
    """Every library at or below the places, each file once."""
    seen = set()
    for place in map(pathlib.Path, places):
        for p in [place] if place.is_file() else sorted(place.rglob("*.so*")):
            real = os.path.realpath(p)
            if real not in seen and is_elf_library(real):
                seen.add(real)
                yield str(p)


def main():
    firstfix, *places = sys.argv[1:]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LD_") or k == "LD_LIBRARY_PATH"}
    compared = different = 0
    for path in libraries_under(places):
        compared += 1
        if why := difference(firstfix, path, environment):
            different += 1
            print(why)
    print(f"{compared} libraries compared, {different} differ")
    return 1 if different or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
