"""The symbols that a shared library of Linux gives to others, from its dynamic symbol table.

How a library lies: offsets and sizes that lead outside, names without an end, a table that says it has a million
symbols. What is outside is left out, and everything is counted against the bounds below.
"""

import struct

SECTIONS_MAX, SYMBOLS_MAX, NAME_MAX = 4096, 1 << 20, 4096
DYNSYM, VERSYM, VERDEF, LOCAL, INDIRECT = 11, 0x6FFFFFFF, 0x6FFFFFFD, 0, 10
SYMBOL = struct.Struct("<IBBHQQ")


def part(file, at, size, size_max):
    file.seek(at)
    data = file.read(min(size, size_max))
    if len(data) < size:
        raise ValueError("a table lies outside the file")
    return data


def sections(file):
    """{kind: (offset, size, link)} of the kinds that tell of symbols; the links are section numbers."""
    head = part(file, 0, 64, 64)
    if head[:6] != b"\x7fELF\2\1":
        raise ValueError("not a 64-bit library")
    (at,), (unit, count) = struct.unpack_from("<Q", head, 40), struct.unpack_from("<HH", head, 58)
    if unit != 64 or not count or count > SECTIONS_MAX:
        raise ValueError("has no sections")
    table = part(file, at, unit * count, unit * SECTIONS_MAX)
    rows = [struct.unpack_from("<IIQQQQIIQQ", table, i * unit) for i in range(count)]
    return rows, {row[1]: row for row in reversed(rows)}


def text_at(texts, at):
    end = texts.find(b"\0", at, at + NAME_MAX)
    return texts[at:end].decode("ascii", "replace") if 0 <= at < len(texts) and end > at else ""


def version_names(file, rows, row):
    """{index: name} of the versions that the library defines itself."""
    if not row:
        return {}
    data, texts = part(file, row[4], row[5], 1 << 20), strings(file, rows, row)
    names, at = {}, 0
    for _ in range(SECTIONS_MAX):
        _, flags, index, _, _, first, following = struct.unpack_from("<HHHHIII", data, at)
        if not flags & 1:  # not the library's own name
            names[index] = text_at(texts, struct.unpack_from("<I", data, at + first)[0])
        if not following:
            break
        at += following
    return names


def strings(file, rows, row):
    table = rows[row[6]]
    return part(file, table[4], table[5], 256 << 20)


def exported(file):
    """{name: version or ""} of what a library gives to others."""
    rows, by_kind = sections(file)
    table = by_kind.get(DYNSYM)
    if not table:
        raise ValueError("has no dynamic symbols")
    data, texts = part(file, table[4], table[5], SYMBOLS_MAX * SYMBOL.size), strings(file, rows, table)
    numbers = by_kind.get(VERSYM)
    marks = struct.unpack(f"<{numbers[5] // 2}H", part(file, numbers[4], numbers[5] & ~1, 2 * SYMBOLS_MAX)) \
        if numbers else ()
    names = version_names(file, rows, by_kind.get(VERDEF))
    found = {}
    for i, (at, info, _, section, _, _) in enumerate(SYMBOL.iter_unpack(data[:len(data) // SYMBOL.size * SYMBOL.size])):
        if section and info >> 4 != LOCAL and info >> 4 <= INDIRECT and (name := text_at(texts, at)):
            mark = marks[i] if i < len(marks) else 1
            if not mark & 0x8000 or name not in found:  # hidden: an older one that only old programs bind
                found[name] = names.get(mark & 0x7FFF, "")
    return found
