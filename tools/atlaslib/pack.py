#!/usr/bin/env python3
"""The tables of rules/data/atlas as the one file that the program maps (src/know/atlas.h has the format). Run by the
build.

usage: pack.py OUT.bin OUT.c TABLE...      (as text, or text as .xz)

Of what a package needs of another one, only what some release of the other does not have is kept.
"""

import array
import lzma
import pathlib
import struct
import sys
import zlib

MAGIC, BASIS, PRIME, MASK = b"FFATLAS\1", 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1
UNSURE = 1 << 31
NAMES_MAX, LISTED_MAX, TEXT_MAX = 64, 60000, 1 << 20
SECTIONS = ("keys", "values", "sets", "packages", "releases", "requires", "needs", "text_keys", "texts", "strings")


def fnv(text, state=BASIS):
    for byte in text.encode():
        state = (state ^ byte) * PRIME & MASK
    return state


def mask_of(ranges):
    mask = 0
    for part in filter(None, ranges.split(",")):
        first, _, last = part.partition("-")
        mask |= ((1 << int(last or first) + 1) - 1) & ~((1 << int(first)) - 1)
    return mask


class Strings:
    """Texts by offset, each once; offset 0 is the empty one."""

    def __init__(self):
        self.known, self.parts, self.size = {}, [], 0
        self.of("")

    def of(self, text):
        if text not in self.known:
            self.known[text] = self.size
            raw = text.encode()[:TEXT_MAX] + b"\0"
            self.parts.append(raw)
            self.size += len(raw)
        return self.known[text]


class Pack:
    def __init__(self):
        self.keys, self.sets, self.set_numbers, self.strings, self.texts = {}, [], {}, Strings(), {}
        self.packages, self.top_of, self.owners, self.waiting = [], {}, {}, []

    def put(self, key, mask, unsure=False):
        number = self.set_numbers.get(mask)
        if number is None:
            number = self.set_numbers[mask] = len(self.sets)
            self.sets.append(mask)
        self.keys[key] = number | UNSURE * unsure

    def say(self, key, text):
        self.texts[key] = self.strings.of(text)

    def table(self, text):
        lines = text.split("\n")
        if lines[0] != "atlas 1":
            raise ValueError("not a table of the atlas")
        package = {"name": "", "tops": "", "releases": [], "requires": [], "needs": []}
        sets, state = [], {}
        for line in lines[1:]:
            kind, *cells = line.split("\t")
            if kind == "package":
                package["name"] = cells[0]
            elif kind == "tops":
                package["tops"] = cells[0]
                self.top_of.update((top, package) for top in cells[0].split())
            elif kind == "R":
                package["releases"].append(cells[0])
            elif kind == "Q":
                package["requires"].append((cells[0], cells[1], mask_of(cells[2])))
            elif kind == "S":
                sets.append(mask_of(cells[0]))
            elif kind == "W":
                package["needs"].append((cells[0], cells[1], sets[int(cells[2])]))
            elif kind and kind != "made":
                getattr(self, "row_" + kind.lower())(package["name"], cells, sets, state)
        self.listed(state)
        self.packages.append(package)

    def row_m(self, _, cells, sets, state):
        self.listed(state)
        module = cells[0]
        self.put(fnv("M " + module), sets[int(cells[1])])
        if len(cells) > 2:
            self.put(fnv("o " + module), sets[int(cells[1])])
        state.update(module=module, at=fnv("N " + module + " "), names=[])

    def listed(self, state):
        """The names of a module that is near the top, for what was meant by a misspelt one."""
        if state.get("names") and state["module"].count(".") < 2:
            self.say(fnv("L " + state["module"]), " ".join(state["names"][:LISTED_MAX]))
        state["names"] = []

    def row_n(self, _, cells, sets, state):
        self.put(fnv(cells[0], state["at"]), sets[int(cells[1])], len(cells) > 3)
        if not cells[0].startswith("_"):
            state["names"].append(cells[0])
        if len(cells) > 2 and cells[2]:
            self.say(fnv("> " + state["module"] + " " + cells[0]), cells[2])

    def owned(self, name, package):
        owners = self.owners.setdefault(name, [])
        if package not in owners:
            owners.append(package)

    def row_c(self, package, cells, sets, state):
        name = package + " " + cells[0]
        self.put(fnv("C " + name), sets[int(cells[1])])
        self.owned(cells[0], package)
        if cells[2] or cells[3]:
            self.say(fnv("B " + name), (cells[3] + " ?" if cells[2] else cells[3]).strip())
        state.update(at=fnv("A " + name + " "))

    def row_a(self, _, cells, sets, state):
        self.put(fnv(cells[0], state["at"]), sets[int(cells[1])])

    def row_f(self, package, cells, sets, state):
        name = package + " " + cells[0]
        self.put(fnv("F " + name), sets[int(cells[1])])
        if sets[int(cells[2])]:
            self.put(fnv("K " + name), sets[int(cells[2])])
        if "." not in cells[0]:
            self.owned(cells[0], package)
        state.update(at=fnv("P " + name + " "), must=fnv("R " + name + " "))

    def row_p(self, _, cells, sets, state):
        self.put(fnv(cells[0], state["at"]), sets[int(cells[1])])
        if sets[int(cells[2])]:
            self.put(fnv(cells[0], state["must"]), sets[int(cells[2])])

    def row_g(self, _, cells, sets, state):
        """A message: its key is the table's own, and so is what it asks for."""
        key = int(cells[0], 16)
        self.put(key, sets[int(cells[5])])
        self.say(key, "\t".join((cells[1], cells[2], cells[3], cells[4])))

    def row_h(self, package, cells, sets, state):
        self.put(fnv("H " + package), sets[int(cells[0])])

    def row_y(self, _, cells, sets, state):
        """Symbols of a native library: the first 48 bits of their hashes, then the library's number."""
        for at in range(0, len(cells[2]), 12):
            self.put(int(cells[2][at:at + 12], 16) << 16 | int(cells[0]), sets[int(cells[1])])

    def row_x(self, package, cells, sets, state):
        """A flag or variable of an engine: releases, what it became, defaults and choices."""
        self.put(fnv(f"f {package} {cells[0]}"), sets[int(cells[1])])
        if cells[2] or cells[3]:
            self.say(fnv(f"f {package} {cells[0]}"), cells[2] + "\t" + cells[3])
        state.update(module=package, names=state.get("names", []) + [cells[0]])

    def limits(self, module, name):
        """Does some release of the other package not have this?"""
        other = self.top_of.get(module.split(".")[0])
        if other is None:
            return False
        number = self.keys.get(fnv(f"N {module} {name}" if name else "M " + module))
        if number is None:
            number = self.keys.get(fnv(f"M {module}.{name}")) if name else None
        return number is not None and self.sets[number & ~UNSURE] != (1 << len(other["releases"])) - 1

    def sections(self):
        self.packages.sort(key=lambda p: p["name"])
        packages, releases, requires, needs, of = array.array("I"), array.array("I"), b"", b"", self.strings.of
        for p in self.packages:
            kept = [n for n in p["needs"] if self.limits(n[0], n[1]) and self.top_of[n[0].split(".")[0]] is not p]
            packages.extend((of(p["name"]), of(p["tops"]), len(releases), len(p["releases"]), len(requires) // 16,
                             len(p["requires"]), len(needs) // 16, len(kept)))
            releases.extend(of(v) for v in p["releases"])
            requires += b"".join(struct.pack("<QII", mask, of(name), of(spec)) for name, spec, mask in p["requires"])
            needs += b"".join(struct.pack("<QII", mask, of(module), of(name)) for module, name, mask in kept)
        for name, owners in self.owners.items():
            if len(owners) <= 8:
                self.say(fnv("O " + name), " ".join(sorted(owners)))
        keys, text_keys = sorted(self.keys), sorted(self.texts)
        return {"keys": (array.array("Q", keys), 8), "values": (array.array("I", (self.keys[k] for k in keys)), 4),
                "sets": (array.array("Q", self.sets), 8), "packages": (packages, 32), "releases": (releases, 4),
                "requires": (requires, 16), "needs": (needs, 16), "text_keys": (array.array("Q", text_keys), 8),
                "texts": (array.array("I", (self.texts[k] for k in text_keys)), 4),
                "strings": (b"".join(self.strings.parts), 1)}

    def bytes(self):
        sections = self.sections()
        head, body = b"", b""
        begin = 24 + 16 * len(SECTIONS)
        for name in SECTIONS:
            data, unit = sections[name]
            if sys.byteorder == "big" and isinstance(data, array.array):
                data.byteswap()
            raw = bytes(data)
            head += struct.pack("<QQ", begin + len(body), len(raw) // unit)
            body += raw + bytes(-len(raw) % 8)
        check = fnv((struct.pack("<Q", begin + len(body)) + head).decode("latin-1"))
        return struct.pack("<8sQQ", MAGIC, begin + len(body), check) + head + body


SOURCE = """/* The atlas as the build made it (check {check}): mapped with the program, read only
 * where a question needs it. */
__asm__(".section .rodata.ff_atlas,\\"a\\",%progbits\\n.balign 64\\n"
\t".globl ff_atlas_data\\n.hidden ff_atlas_data\\nff_atlas_data:\\n"
\t".incbin \\"{path}\\"\\n.globl ff_atlas_data_end\\n"
\t".hidden ff_atlas_data_end\\nff_atlas_data_end:\\n.byte 0\\n.previous\\n");
"""


def main(out, source, *tables):
    pack = Pack()
    for table in sorted(tables):
        try:
            raw = pathlib.Path(table).read_bytes()
            pack.table((lzma.decompress(raw) if table.endswith(".xz") else raw).decode())
        except (ValueError, IndexError, AttributeError, lzma.LZMAError) as error:
            sys.exit(f"{table}: {error!r}")
    path = pathlib.Path(out).resolve()
    raw = pack.bytes()
    path.write_bytes(raw)
    text = SOURCE.replace("{path}", str(path)).replace("{check}", f"{zlib.crc32(raw):08x}")
    pathlib.Path(source).write_text(text)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
