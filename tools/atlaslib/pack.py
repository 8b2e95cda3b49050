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

MAGIC, BASIS, PRIME, MASK = b"FFATLAS\2", 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1
UNSURE, HAS_TEXT = 1 << 31, 1 << 30
NAMES_MAX, LISTED_MAX, TEXT_MAX = 64, 60000, 1 << 20
LOW_BITS, GAP_BITS, BUCKET_BITS = 30, 24, 6  # a bucket holds 32 to 64 keys, so their gaps are about 24 bits
PRINTED = "G"  # the shard of messages that are not raised (said.py): the first package that prints one has it
SECTIONS = ("shards", "buckets", "records", "values", "sets", "packages", "releases", "requires", "needs", "texts",
            "strings")


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


def mixed(key, seed):
    """All bits of a key in every bit, as src/know/atlas_keys.c does it."""
    key ^= seed * 0x9E3779B97F4A7C15 & MASK
    key = (key ^ key >> 33) * 0xFF51AFD7ED558CCD & MASK
    key = (key ^ key >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return key ^ key >> 33


class Bits:
    """Numbers as bits, the lowest first."""

    def __init__(self):
        self.value, self.n = 0, 0

    def plain(self, value, width):
        self.value |= value << self.n
        self.n += width

    def zeros_and_one(self, n):
        self.plain(1 << n, n + 1)

    def gamma(self, value):
        """A number from 1 on: the shorter the smaller it is."""
        width = value.bit_length() - 1
        self.zeros_and_one(width)
        self.plain(value - (1 << width), width)

    def bytes(self):
        return self.value.to_bytes((self.n + 7) // 8, "little")


class Shard:
    """The keys that begin with the same package or top module: key -> [number of its set and marks, text or None]."""

    def __init__(self):
        self.keys = {}

    def buckets(self):
        """(bits, seed, the keys of each bucket as (low bits, key)); no two keys may fall on the same bits."""
        bits = max(0, len(self.keys).bit_length() - BUCKET_BITS)
        for seed in range(1 << 16):
            buckets = [[] for _ in range(1 << bits)]
            for key in self.keys:
                at = mixed(key, seed)
                buckets[at >> 64 - bits].append((at >> 64 - bits - LOW_BITS & (1 << LOW_BITS) - 1, key))
            for bucket in buckets:
                bucket.sort()
            if all(len(b) < 256 and len({low for low, _ in b}) == len(b) for b in buckets):
                return bits, seed, buckets
        raise ValueError("keys that cannot be told apart")

    def records(self, bucket, ranks, texts, width):
        bits, last = Bits(), 0
        bits.plain(len(bucket), 8)
        for low, key in bucket:
            value, text = self.keys[key]
            bits.zeros_and_one(low - last >> GAP_BITS)
            bits.plain(low - last & (1 << GAP_BITS) - 1, GAP_BITS)
            bits.gamma(ranks[value] + 1)
            if text is not None:
                bits.plain(texts[text], width)
            last = low
        return bits.bytes()

    def write(self, name, out, strings):
        """Append what the shard has to the sections."""
        count = {}
        for value, _ in self.keys.values():
            count[value] = count.get(value, 0) + 1
        values = sorted(count, key=lambda v: (-count[v], v))
        texts = sorted({text for _, text in self.keys.values() if text is not None})
        ranks, places = {v: i for i, v in enumerate(values)}, {t: i for i, t in enumerate(texts)}
        width = max(len(texts) - 1, 0).bit_length()
        bits, seed, buckets = self.buckets()
        row = (fnv(name), len(out["buckets"]), bits, len(out["values"]), len(out["texts"]), width, seed)
        out["shards"].append(struct.pack("<Q6I", *row))
        for bucket in buckets:
            out["buckets"].append(len(out["records"]))
            out["records"] += self.records(bucket, ranks, places, width)
        out["values"].extend(values)
        out["texts"].extend(strings.of(text) for text in texts)


class Pack:
    def __init__(self):
        self.shards, self.sets, self.set_numbers, self.strings = {}, [], {}, Strings()
        self.packages, self.top_of, self.owners = [], {}, {}

    def put(self, shard, key, mask, unsure=False):
        """A key and the releases that have it; `shard` is its first word, of a module the part before the first dot."""
        number = self.set_numbers.get(mask)
        if number is None:
            number = self.set_numbers[mask] = len(self.sets)
            self.sets.append(mask)
        of = self.shards.setdefault(shard.partition(".")[0], Shard()).keys
        of[key] = [number | UNSURE * unsure, None]

    def say(self, shard, key, text):
        """The text of a key, which may have no releases."""
        of = self.shards.setdefault(shard.partition(".")[0], Shard()).keys
        if key not in of:
            self.put(shard, key, 0)
        of[key][0] |= HAS_TEXT
        of[key][1] = text

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
        self.put(module, fnv("M " + module), sets[int(cells[1])])
        if len(cells) > 2:
            self.put(module, fnv("o " + module), sets[int(cells[2][1:] or cells[1])])
        state.update(module=module, at=fnv("N " + module + " "), names=[])

    def listed(self, state):
        """The names of a module that is near the top, for what was meant by a misspelt one."""
        if state.get("names") and state["module"].count(".") < 2:
            self.say(state["module"], fnv("L " + state["module"]), " ".join(state["names"][:LISTED_MAX]))
        state["names"] = []

    def row_n(self, _, cells, sets, state):
        module, key = state["module"], fnv(cells[0], state["at"])
        self.put(module, key, sets[int(cells[1])], len(cells) > 3)
        if not cells[0].startswith("_"):
            state["names"].append(cells[0])
        if len(cells) > 2 and cells[2]:
            self.say(module, key, cells[2])

    def owned(self, name, package):
        owners = self.owners.setdefault(name, [])
        if package not in owners:
            owners.append(package)

    def row_c(self, package, cells, sets, state):
        name = package + " " + cells[0]
        self.put(package, fnv("C " + name), sets[int(cells[1])])
        self.owned(cells[0], package)
        if cells[2] or cells[3]:
            self.say(package, fnv("C " + name), (cells[3] + " ?" if cells[2] else cells[3]).strip())
        state.update(at=fnv("A " + name + " "))

    def row_a(self, package, cells, sets, state):
        self.put(package, fnv(cells[0], state["at"]), sets[int(cells[1])])

    def row_f(self, package, cells, sets, state):
        name = package + " " + cells[0]
        self.put(package, fnv("F " + name), sets[int(cells[1])])
        if sets[int(cells[2])]:
            self.put(package, fnv("K " + name), sets[int(cells[2])])
        if "." not in cells[0]:
            self.owned(cells[0], package)
        state.update(at=fnv("P " + name + " "), must=fnv("R " + name + " "))

    def row_p(self, package, cells, sets, state):
        self.put(package, fnv(cells[0], state["at"]), sets[int(cells[1])])
        if sets[int(cells[2])]:
            self.put(package, fnv(cells[0], state["must"]), sets[int(cells[2])])

    def row_g(self, package, cells, sets, state):
        """A message: its key is the table's own, and so is what it asks for. One that no second run makes sure gets
        the lower half of its key as a check, so that no other text is taken for it."""
        key = int(cells[0], 16)
        shard = PRINTED if len(cells[2]) > 1 else package
        if shard == PRINTED and shard in self.shards and key in self.shards[shard].keys:
            return
        self.put(shard, key, sets[int(cells[5])])
        check = cells[1] or f"0:{key & 0xFFFFFFFF:08x}"
        self.say(shard, key, "\t".join((check, *cells[2:5], package if shard == PRINTED else "")))

    def row_h(self, package, cells, sets, state):
        self.put(package, fnv("H " + package), sets[int(cells[0])])

    def row_y(self, package, cells, sets, state):
        """Symbols of a native library: the first 48 bits of their hashes; the text is the library's number, of several
        the first."""
        for at in range(0, len(cells[2]), 12):
            key = int(cells[2][at:at + 12], 16) << 16
            known = self.shards[package].keys.get(key) if package in self.shards else None
            if not known or int(known[1]) > int(cells[0]):
                self.put(package, key, sets[int(cells[1])])
                self.say(package, key, cells[0])

    def row_x(self, package, cells, sets, state):
        """A flag or variable of an engine: releases, what it became, defaults and choices."""
        key = fnv(f"f {package} {cells[0]}")
        self.put(package, key, sets[int(cells[1])])
        if cells[2] or cells[3]:
            self.say(package, key, cells[2] + "\t" + cells[3])
        state.update(module=package, names=state.get("names", []) + [cells[0]])

    def known(self, top, key):
        """The releases that have a key of a module, or None."""
        of = self.shards[top].keys.get(key) if top in self.shards else None
        return of and self.sets[of[0] & ~(UNSURE | HAS_TEXT)]

    def limits(self, module, name):
        """Does some release of the other package not have this?"""
        top = module.split(".")[0]
        other = self.top_of.get(top)
        if other is None:
            return False
        mask = self.known(top, fnv(f"N {module} {name}" if name else "M " + module))
        if mask is None and name:
            mask = self.known(top, fnv(f"M {module}.{name}"))
        return mask is not None and mask != (1 << len(other["releases"])) - 1

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
                self.say("O", fnv("O " + name), " ".join(sorted(owners)))
        out = {"shards": [], "buckets": array.array("I"), "records": bytearray(), "values": array.array("I"),
               "texts": array.array("I")}
        for name in sorted(self.shards, key=fnv):
            self.shards[name].write(name, out, self.strings)
        return {"shards": (b"".join(out["shards"]), 32), "buckets": (out["buckets"], 4),
                "records": (out["records"] + bytes(8), 1), "values": (out["values"], 4),
                "sets": (array.array("Q", self.sets), 8), "packages": (packages, 32), "releases": (releases, 4),
                "requires": (requires, 16), "needs": (needs, 16), "texts": (out["texts"], 4),
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
