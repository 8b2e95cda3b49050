"""Small ELF libraries and fat binaries written by code, so that no test carries a binary.

    blob = elf("soname libx.so.1\nneeded libc.so.6\nneeds libc.so.6 GLIBC_2.34\nfatbin sm_90a compute_120")

One property a line:  soname NAME · needed NAME · rpath PATH · runpath PATH · interp PATH · flags1 NUMBER · machine NAME
· class 32 · needs FILE VERSION [weak] · defines VERSION · symbol NAME [VERSION] · undefined NAME [VERSION] · fatbin
CODE... · relfatbin CODE... · hip TARGET...     CODE is sm_90a, compute_100f, lto_80. As a program:  elfwriter.py OUT
PROPERTY=VALUE...      (elfwriter.py libx.so soname=libx.so.1 "fatbin=sm_90 sm_120a")
"""

import pathlib
import struct
import sys

MACHINES = {"x86_64": 62, "aarch64": 183, "i386": 3}
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT = {"NEEDED": 1, "STRTAB": 5, "SYMTAB": 6, "STRSZ": 10, "SYMENT": 11, "SONAME": 14, "RPATH": 15, "RUNPATH": 29,
      "VERSYM": 0x6FFFFFF0, "FLAGS_1": 0x6FFFFFFB, "VERDEF": 0x6FFFFFFC, "VERDEFNUM": 0x6FFFFFFD,
      "VERNEED": 0x6FFFFFFE, "VERNEEDNUM": 0x6FFFFFFF}


def fat_entry(code, payload=b"\0" * 24):
    """One entry of a fat binary: header of 64 bytes and its code."""
    prefix, arch = code.split("_")
    kind = {"compute": 1, "sm": 2, "lto": 8}[prefix]
    flags = 0x11 | {"a": 0x100000, "f": 0x200000}.get(arch[-1], 0)
    number = int(arch.rstrip("af"))
    ptx = (5, 9) if kind == 1 else (8, 1)
    return (
        struct.pack("<HHIQIIHHIIIQQQ", kind, 0x101, 64, len(payload), 0, 0, *ptx, number, 0, 0, flags, 0, 0) + payload
    )


def fat_binary(codes):
    """One container of .nv_fatbin."""
    body = b"".join(map(fat_entry, codes))
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body


def hip_bundle(targets, payload=b"\0" * 64):
    """One uncompressed AMD offload bundle."""
    ids = [b"host-x86_64-unknown-linux--"] + [b"hipv4-amdgcn-amd-amdhsa--" + t.encode() for t in targets]
    head = b"__CLANG_OFFLOAD_BUNDLE__" + struct.pack("<Q", len(ids))
    size = len(head) + sum(24 + len(i) for i in ids)
    for n, i in enumerate(ids):
        head += struct.pack("<QQQ", size + max(0, n - 1) * len(payload), len(payload) if n else 0, len(i)) + i
    return head + payload * len(targets)


def sysv_hash(name):
    h = 0
    for c in name.encode():
        h = (h << 4) + c
        g = h & 0xF0000000
        h = (h ^ (g >> 24)) & ~g & 0xFFFFFFFF
    return h


class Strings:
    """A string table that hands out offsets."""

    def __init__(self):
        self.bytes = b"\0"

    def add(self, text):
        at = self.bytes.find(b"\0" + text.encode() + b"\0")
        if at < 0:
            at = len(self.bytes) - 1
            self.bytes += text.encode() + b"\0"
        return at + 1


def version_tables(properties, strings, soname):
    """verneed, verdef and the index of each (file or None, version)."""
    index, needs, defines = {}, {}, [v for k, (v, *_) in properties if k == "defines"]
    number = 2
    verdef = b""
    for n, name in enumerate([soname or "base"] + defines if defines else []):
        last = n == len(defines)
        i = 1 if n == 0 else number
        if n:
            index[name] = number
            number += 1
        verdef += struct.pack("<HHHHIII", 1, 1 if n == 0 else 0, i, 1, sysv_hash(name), 20, 0 if last else 28)
        verdef += struct.pack("<II", strings.add(name), 0)
    for key, value in properties:
        if key == "needs":
            needs.setdefault(value[0], []).append((value[1], "weak" in value[2:]))
    verneed = b""
    for n, (file, versions) in enumerate(needs.items()):
        verneed += struct.pack("<HHIII", 1, len(versions), strings.add(file), 16,
                               0 if n == len(needs) - 1 else 16 + 16 * len(versions))
        for m, (version, weak) in enumerate(versions):
            index[version] = number
            verneed += struct.pack("<IHHII", sysv_hash(version), 2 if weak else 0, number, strings.add(version),
                                   0 if m == len(versions) - 1 else 16)
            number += 1
    return verneed, len(needs), verdef, len(defines) + 1 if defines else 0, index


def parse(spec):
    """[(property, [words])] of a specification text."""
    return [(words[0], words[1:]) for words in (line.split() for line in spec.splitlines()) if words]


def symbol_tables(properties, strings, index):
    symbols, versions = struct.pack("<IBBHQQ", 0, 0, 0, 0, 0, 0), struct.pack("<H", 0)
    for key, value in properties:
        if key in ("symbol", "undefined"):
            symbols += struct.pack("<IBBHQQ", strings.add(value[0]), 0x12, 0, 1 if key == "symbol" else 0, 0x1000, 8)
            versions += struct.pack("<H", index[value[1]] if len(value) > 1 else 1)
    return symbols, versions


def elf(spec):
    """Bytes of a shared library as specified."""
    properties = parse(spec)
    one = {k: v[0] for k, v in properties if v}
    machine = MACHINES[one.get("machine", "x86_64")]
    if one.get("class") == "32":
        return b"\x7fELF\x01\x01\x01" + b"\0" * 9 + struct.pack("<HHI", 3, MACHINES["i386"], 1) + b"\0" * 60
    strings = Strings()
    verneed, needs_n, verdef, defines_n, index = version_tables(properties, strings, one.get("soname"))
    symbols, versions = symbol_tables(properties, strings, index)
    dynamic = [(DT["NEEDED"], strings.add(v[0])) for k, v in properties if k == "needed"]
    dynamic += [(DT[k.upper()], strings.add(one[k])) for k in ("soname", "rpath", "runpath") if k in one]
    if "flags1" in one:
        dynamic.append((DT["FLAGS_1"], int(one["flags1"], 0)))

    sections = [(b"", 0, b""), (b".dynsym", 11, symbols), (b".gnu.version", 0x6FFFFFFF, versions),
                (b".gnu.version_r", 0x6FFFFFFE, verneed), (b".gnu.version_d", 0x6FFFFFFD, verdef),
                (b".dynstr", 3, strings.bytes), (b".interp", 1, one.get("interp", "").encode() + b"\0")]
    for key, name in (("fatbin", b".nv_fatbin"), ("relfatbin", b"__nv_relfatbin")):
        blob = b"".join(fat_binary(v) for k, v in properties if k == key)
        if blob:
            sections.append((name, 1, blob))
    bundles = [hip_bundle(v) for k, v in properties if k == "hip"]
    if bundles:
        sections.append((b".hip_fatbin", 1, b"".join(b + b"\0" * (-len(b) % 4096) for b in bundles)))

    head = 64 + 56 * 3
    at, body = {}, b""
    for name, _, blob in sections:
        body += b"\0" * (-(head + len(body)) % 8)
        at[name] = head + len(body)
        body += blob
    dynamic += [(DT["STRTAB"], at[b".dynstr"]), (DT["STRSZ"], len(strings.bytes)), (DT["SYMTAB"], at[b".dynsym"]),
                (DT["SYMENT"], 24), (DT["VERSYM"], at[b".gnu.version"])]
    if needs_n:
        dynamic += [(DT["VERNEED"], at[b".gnu.version_r"]), (DT["VERNEEDNUM"], needs_n)]
    if defines_n:
        dynamic += [(DT["VERDEF"], at[b".gnu.version_d"]), (DT["VERDEFNUM"], defines_n)]
    table = b"".join(struct.pack("<QQ", *d) for d in dynamic + [(0, 0)])
    body += b"\0" * (-(head + len(body)) % 8)
    at[b".dynamic"] = head + len(body)
    sections.append((b".dynamic", 6, table))
    body += table

    names = b"".join(n + b"\0" for n, _, _ in sections) + b".shstrtab\0"
    at[b".shstrtab"] = head + len(body)
    sections.append((b".shstrtab", 3, names))
    body += names + b"\0" * (-(head + len(body) + len(names)) % 8)
    headers, name_at = b"", 0
    for name, kind, blob in sections:
        place = at[name] if kind else 0
        link, entry = {11: (5, 24), 0x6FFFFFFF: (1, 2), 0x6FFFFFFE: (5, 0), 0x6FFFFFFD: (5, 0), 6: (5, 16)}.get(
            kind, (0, 0)
        )
        info = {11: 1, 0x6FFFFFFE: needs_n, 0x6FFFFFFD: defines_n}.get(kind, 0)
        headers += struct.pack("<IIQQQQIIQQ", name_at, kind, 2, place, place, len(blob), link, info, 8, entry)
        name_at += len(name) + 1
    total = head + len(body)
    interp = (
        (PT_INTERP, 4, at[b".interp"], at[b".interp"], 0, len(one["interp"]) + 1, 0, 1) if "interp" in one else (0,) * 8
    )
    segments = b"".join(struct.pack("<IIQQQQQQ", *p) for p in (
        (PT_LOAD, 7, 0, 0, 0, total, total, 4096), interp,
        (PT_DYNAMIC, 6, at[b".dynamic"], at[b".dynamic"], 0, len(table), len(table), 8)))
    ident = b"\x7fELF\x02\x01\x01" + b"\0" * 9
    header = ident + struct.pack(
        "<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, total, 0, 64, 56, 3, 64, len(sections), len(sections) - 1
    )
    return header + segments + body + headers


def ldcache(entries, hwcaps=()):
    """/etc/ld.so.cache of [(name, path[, hwcaps folder])], in the order that ldconfig writes."""
    import functools

    def compare(a, b):
        a, b = a[0], b[0]
        i = j = 0
        while i < len(a) and j < len(b):
            if a[i].isdigit() and b[j].isdigit():
                x = y = ""
                while i < len(a) and a[i].isdigit():
                    x, i = x + a[i], i + 1
                while j < len(b) and b[j].isdigit():
                    y, j = y + b[j], j + 1
                if int(x) != int(y):
                    return int(x) - int(y)
                continue
            if a[i].isdigit() != b[j].isdigit():
                return 1 if a[i].isdigit() else -1
            if a[i] != b[j]:
                return ord(a[i]) - ord(b[j])
            i, j = i + 1, j + 1
        return (len(a) - i) - (len(b) - j)

    entries = sorted(entries, key=functools.cmp_to_key(compare), reverse=True)
    texts, rows = b"", b""
    base = 48 + 24 * len(entries)
    for name, path, *subdir in entries:
        hwcap = (1 << 62 | hwcaps.index(subdir[0])) if subdir else 0
        rows += struct.pack("<IIIIQ", 0x0303, base + len(texts), base + len(texts) + len(name) + 1, 0, hwcap)
        texts += name.encode() + b"\0" + path.encode() + b"\0"
    folder_at = []
    for folder in hwcaps:
        folder_at.append(base + len(texts))
        texts += folder.encode() + b"\0"
    texts += b"\0" * (-len(texts) % 4)
    extension = base + len(texts)
    tail = struct.pack("<II", 0xEAA42174, 1) + struct.pack("<IIII", 1, 0, extension + 24, 4 * len(folder_at))
    tail += b"".join(struct.pack("<I", a) for a in folder_at)
    head = b"glibc-ld.so.cache1.1" + struct.pack("<IIB3xI12x", len(entries), len(texts), 2, extension)
    return head + rows + texts + tail


def main():
    spec = "\n".join(word.replace("=", " ", 1) for word in sys.argv[2:])
    pathlib.Path(sys.argv[1]).write_bytes(elf(spec))


if __name__ == "__main__":
    main()
