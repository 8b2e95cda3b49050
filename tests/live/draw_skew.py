"""Draws machines where two real releases do not fit, from the tables of the atlas and a seed: nobody chose them.

A machine is one library in a release that lacks a name which another release has, and a program that imports the name.
What must come of it: explain names both bounds, its command is run as it stands, and the program works.
"""

import lzma
import pathlib
import random
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from atlaslib.pack import mask_of  # noqa: E402

# Libraries that import without anything else but what is installed beside them once.
LIBRARIES = {
    "huggingface-hub": [],
    "pydantic": [],
    "starlette": [],
    "httpx": [],
    "click": [],
    "marshmallow": [],
    "packaging": [],
    "jinja2": [],
    "anyio": [],
    "attrs": [],
    "fsspec": [],
    "typing-extensions": [],
    "openai": [],
    "pillow": [],
    "werkzeug": [],
    "flask": [],
    "einops": [],
    "urllib3": [],
}


def read(package):
    """(releases, {(module, name): set}, {module: set}) of a table."""
    releases, sets, names, modules, module, opens = [], [], {}, {}, None, set()
    path = ROOT / "rules/data/atlas" / f"{package}.xz"
    for line in lzma.decompress(path.read_bytes()).decode().split("\n"):
        kind, *cells = line.split("\t")
        if kind == "R":
            releases.append(cells[0])
        elif kind == "S":
            sets.append(mask_of(cells[0]))
        elif kind == "M":
            module = cells[0]
            modules[module] = sets[int(cells[1])]
            if len(cells) > 2:
                opens.add(module)
        elif kind == "N" and module not in opens:
            names[module, cells[0]] = sets[int(cells[1])]
    return releases, names, modules


def draw(seed, count):
    """[(package, release, module, name)]: the release has the module and not the name."""
    dice, drawn = random.Random(seed), []
    while len(drawn) < count:
        package = dice.choice(sorted(LIBRARIES))
        if not (ROOT / "rules/data/atlas" / f"{package}.xz").exists():
            continue
        releases, names, modules = read(package)
        last = len(releases) - 1
        recent = [i for i in range(max(0, last - 20), last + 1)]
        at = dice.choice(recent)
        lacking = sorted(
            k
            for k, mask in names.items()
            if modules[k[0]] >> at & 1
            and not mask >> at & 1
            and mask >> max(0, last - 12)
            and k[0].count(".") < 2
            and not any(p.startswith("_") for p in (*k[0].split("."), k[1]))
        )
        if lacking:
            module, name = dice.choice(lacking)
            drawn.append((package, releases[at], module, name))
    return drawn


if __name__ == "__main__":
    for row in draw(int(sys.argv[1]), int(sys.argv[2])):
        print(*row)
