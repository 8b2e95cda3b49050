"""Draws machines where two real releases do not fit, from the tables of the atlas and a seed: nobody chose them.

A machine is one library in a release that lacks a name which another release has, and a program that imports the name.
What must come of it: explain names both bounds, its command is run as it stands, and the program works.
"""

import dataclasses
import functools
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


@dataclasses.dataclass
class Table:
    """What a table says about names: sets are masks over the releases."""

    releases: list = dataclasses.field(default_factory=list)
    tops: list = dataclasses.field(default_factory=list)
    modules: dict = dataclasses.field(default_factory=dict)  # {module: set}
    opens: set = dataclasses.field(default_factory=set)
    names: dict = dataclasses.field(default_factory=dict)  # {(module, name): set}


@functools.cache
def read_table(package):
    table, sets, module = Table(), [], None
    path = ROOT / "rules/data/atlas" / f"{package}.xz"
    for line in lzma.decompress(path.read_bytes()).decode().split("\n"):
        kind, *cells = line.split("\t")
        if kind == "R":
            table.releases.append(cells[0])
        elif kind == "tops":
            table.tops = sorted(cells[0].split())
        elif kind == "S":
            sets.append(mask_of(cells[0]))
        elif kind == "M":
            module = cells[0]
            table.modules[module] = sets[int(cells[1])]
            if len(cells) > 2:
                table.opens.add(module)
        elif kind == "N":
            table.names[module, cells[0]] = sets[int(cells[1])]
    return table


def draw(seed, count):
    """[(package, release, module, name)]: the release has the module and not the name."""
    dice, drawn = random.Random(seed), []
    while len(drawn) < count:
        package = dice.choice(sorted(LIBRARIES))
        if not (ROOT / "rules/data/atlas" / f"{package}.xz").exists():
            continue
        table = read_table(package)
        last = len(table.releases) - 1
        recent = [i for i in range(max(0, last - 20), last + 1)]
        at = dice.choice(recent)
        lacking = sorted(
            k
            for k, mask in table.names.items()
            if k[0] not in table.opens
            and table.modules[k[0]] >> at & 1
            and not mask >> at & 1
            and mask >> max(0, last - 12)
            and k[0].count(".") < 2
            and not any(p.startswith("_") for p in (*k[0].split("."), k[1]))
        )
        if lacking:
            module, name = dice.choice(lacking)
            drawn.append((package, table.releases[at], module, name))
    return drawn


if __name__ == "__main__":
    for row in draw(int(sys.argv[1]), int(sys.argv[2])):
        print(*row)
