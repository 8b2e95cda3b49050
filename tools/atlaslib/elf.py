"""The symbols that a shared library of Linux gives to others, from its dynamic symbol table.

How a library lies: offsets and sizes that lead outside, names without an end, a table that says it has a million
symbols. What is outside is left out, and everything is counted against the bounds below.
"""

import struct

FILE_MAX, SECTIONS_MAX, SYMBOLS_MAX, NAME_MAX = 8 << 30, 4096, 1 << 20, 4096
DYNSYM, LOCAL, INDIRECT = 11, 0, 10
SYMBOL = struct.Struct("<IBBHQQ")


def part(file, at, size, size_max):
    if at > FILE_MAX:
        raise ValueError("a table lies outside the file")
    file.seek(at)
    data = file.read(min(size, size_max))
    if len(data) < size:
        raise ValueError("a table lies outside the file")
    return data


def sections(file):
    """The rows of the section table: name, kind, flags, address, offset, size, link, ..."""
    head = part(file, 0, 64, 64)
    if head[:6] != b"\x7fELF\2\1":
        raise ValueError("not a 64-bit library")
    (at,), (unit, count) = struct.unpack_from("<Q", head, 40), struct.unpack_from("<HH", head, 58)
    if unit != 64 or not count or count > SECTIONS_MAX:
        raise ValueError("has no sections")
    table = part(file, at, unit * count, unit * SECTIONS_MAX)
    return [struct.unpack_from("<IIQQQQIIQQ", table, i * unit) for i in range(count)]


def text_at(texts, at):
    end = texts.find(b"\0", at, at + NAME_MAX)
    return texts[at:end].decode("ascii", "replace") if 0 <= at < len(texts) and end > at else ""


def strings(file, rows, row):
    table = rows[row[6]]
    return part(file, table[4], table[5], 256 << 20)


def exported(file):
    """The names that a library gives to others."""
    rows = sections(file)
    table = next((row for row in rows if row[1] == DYNSYM), None)
    if not table or table[6] >= len(rows):
        raise ValueError("has no dynamic symbols")
    data, texts = part(file, table[4], table[5], SYMBOLS_MAX * SYMBOL.size), strings(file, rows, table)
    found = set()
    for at, info, _, section, _, _ in SYMBOL.iter_unpack(data[:len(data) // SYMBOL.size * SYMBOL.size]):
        if section and LOCAL < info >> 4 <= INDIRECT and (name := text_at(texts, at)):
            found.add(name)
    return found
