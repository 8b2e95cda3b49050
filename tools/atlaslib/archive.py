"""The Python sources and the METADATA of a wheel or sdist, without the rest of it and without writing a file.

A wheel larger than WHOLE is read by ranges: its directory, then the stretches that hold sources (a wheel of torch has
900 MB, its sources 40). How an archive lies: sizes that are not true, a million entries, paths that lead out, streams
that never end. Paths are taken only as names of modules, and everything is counted against the bounds below.
"""

import io
import re
import struct
import tarfile
import zipfile
import zlib

from . import index

WHOLE, GAP, STRETCH = 48 << 20, 256 << 10, 24 << 20
ENTRIES_MAX, FILE_MAX, TOTAL_MAX, NATIVE_MAX = 60000, 3 << 20, 400 << 20, 20000
PATH = re.compile(r"(?:[A-Za-z_]\w*/)*[A-Za-z_]\w*\.pyi?\Z", re.ASCII)
NATIVE = re.compile(r"((?:[A-Za-z_]\w*/)*[A-Za-z_]\w*)(?:\.[\w-]+)?\.(?:so|pyd)\Z", re.ASCII)
LEFT_OUT = re.compile(
    r"(?:^|/)(?:tests?|testing_data|benchmarks?|examples?|docs?|_vendor|third_party|node_modules)/|"
    r"(?:^|/)(?:test_\w+|conftest)\.py$"
)
LOCAL_HEADER = struct.Struct("<4s5H3I2H")


class Ranged(io.RawIOBase):
    """A remote file by ranges, with the last stretch kept."""

    def __init__(self, session, url, size):
        self.session, self.url, self.size, self.at, self.start, self.held = session, url, size, 0, 0, b""

    def seekable(self):
        return True

    def readable(self):
        return True

    def seek(self, offset, whence=0):
        self.at = {0: 0, 1: self.at, 2: self.size}[whence] + offset
        return self.at

    def tell(self):
        return self.at

    def load(self, start, n):
        end = min(start + n, self.size)
        answer = index.get(self.session, self.url, headers={"Range": f"bytes={start}-{end - 1}"}, stream=True)
        if answer.status_code != 206:
            raise ValueError("the server gives no ranges")
        self.start, self.held = start, answer.raw.read(end - start)

    def read(self, n=-1):
        n = self.size - self.at if n < 0 else min(n, self.size - self.at)
        if not (self.start <= self.at and self.at + n <= self.start + len(self.held)):
            tail = max(0, self.size - (2 << 20))
            self.load(tail if self.at >= tail else self.at, max(n, 2 << 20))
        offset = self.at - self.start
        self.at += n
        return self.held[offset:offset + n]


def inflate(method, data, size):
    if method == zipfile.ZIP_STORED:
        return data[:FILE_MAX + 1]
    if method != zipfile.ZIP_DEFLATED:
        raise ValueError("unknown compression")
    return zlib.decompressobj(-15).decompress(data, min(size, FILE_MAX) + 1)


def wanted(name):
    return PATH.match(name) and not LEFT_OUT.search(name) or re.fullmatch(r"[^/]+\.dist-info/METADATA", name)


def stretches(entries):
    """Entries in groups whose bytes are fetched at once."""
    group, begin, end = [], 0, 0
    for entry in sorted(entries, key=lambda e: e.header_offset):
        last = entry.header_offset + LOCAL_HEADER.size + len(entry.filename) * 4 + 4096 + entry.compress_size
        if group and (entry.header_offset > end + GAP or last - begin > STRETCH):
            yield group, begin, end
            group = []
        if not group:
            begin = entry.header_offset
        group.append(entry)
        end = last
    if group:
        yield group, begin, end


def wheel(file):
    """(sources {path: bytes}, modules that are compiled, METADATA) of an open wheel."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
    if len(entries) > ENTRIES_MAX:
        raise ValueError(f"more than {ENTRIES_MAX} entries")
    native = {m[1] for e in entries[:ENTRIES_MAX] if (m := NATIVE.match(e.filename))}
    keep = [e for e in entries if wanted(e.filename) and e.file_size <= FILE_MAX and not e.flag_bits & 1]
    stubs_of = {n + ".pyi" for n in native}
    keep = [e for e in keep if not e.filename.endswith(".pyi") or stub_counts(e.filename, stubs_of)]
    sources, total = {}, 0
    for group, begin, end in stretches(keep):
        file.seek(begin)
        data = file.read(end - begin)
        for entry in group:
            at = entry.header_offset - begin
            head = LOCAL_HEADER.unpack_from(data, at)
            if head[0] != b"PK\3\4":
                raise ValueError("a local header is not where the directory says")
            at += LOCAL_HEADER.size + head[9] + head[10]
            text = inflate(entry.compress_type, data[at:at + entry.compress_size], entry.file_size)
            total += len(text)
            if total > TOTAL_MAX or len(text) > FILE_MAX:
                raise ValueError(f"more than {TOTAL_MAX} bytes of sources")
            sources[entry.filename] = text
    return split(sources, native)


def stub_counts(path, stubs_of):
    """Stubs are read where nothing else tells: of a compiled module, or a folder that is one (`_C`)."""
    folder = path.rsplit("/", 1)[0]
    return path in stubs_of or "/_C" in folder or path.endswith("/__init__.pyi") and folder + ".pyi" in stubs_of


def split(sources, native):
    metadata = next((sources.pop(p) for p in list(sources) if p.endswith("METADATA") or p == "PKG-INFO"), b"")
    return sources, sorted(native)[:NATIVE_MAX], metadata.decode("utf-8", "replace")


def sdist(file):
    sources, total = {}, 0
    with tarfile.open(fileobj=file, mode="r|gz") as archive:
        for count, entry in enumerate(archive):
            if count > ENTRIES_MAX:
                raise ValueError(f"more than {ENTRIES_MAX} entries")
            total += entry.size
            if total > 4 * TOTAL_MAX:
                raise ValueError("larger than it may be")
            path = entry.name.partition("/")[2]
            path = path[4:] if path.startswith("src/") else path
            if entry.isreg() and entry.size <= FILE_MAX and (path == "PKG-INFO" or PATH.match(path) and wanted(path)):
                sources[path] = archive.extractfile(entry).read(FILE_MAX)
    tops = {p.split("/")[0] for p in sources if p.endswith("/__init__.py") and p.count("/") == 1}
    return split({p: t for p, t in sources.items() if p.split("/")[0] in tops or p == "PKG-INFO"}, ())


def read(session, file):
    """(sources, compiled modules, METADATA) of a file of the index."""
    size, name = file.get("size") or 0, file["filename"]
    if name.endswith(".whl") and size > WHOLE:
        return wheel(Ranged(session, file["url"], size))
    answer = index.get(session, file["url"], stream=True)
    data = answer.raw.read(max(WHOLE, index.SDIST_MAX) + 1)
    if len(data) > max(WHOLE, index.SDIST_MAX):
        raise ValueError("larger than the index says")
    return wheel(io.BytesIO(data)) if name.endswith(".whl") else sdist(io.BytesIO(data))
