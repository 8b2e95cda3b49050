"""Which release of which native library has which symbol, as tables in rules/data/atlas/symbols.

Read from the wheels of Linux x86-64 by ranges: of each library only its own bytes travel, unpacked into a file without
a name that is gone when its symbol table has been read. A symbol that every release has tells nothing and is left out;
of the others the hash and the releases stay.

    atlas 1
    package     lib/torch               what is asked for: the distribution behind "lib/"
    tops        libc10 libtorch_cpu     its libraries
    made        2026-11-19              the day of the newest release
    R           2.5.1                   a release, oldest first
    S           0-3,5                   a set of releases
    Y           0 3 a1b2c3d4e5f6        symbols of library 0 in the releases of set 3: the first 48 bits of each one's
                                        hash, in hexadecimal, joined
"""

import contextlib
import lzma
import re
import tempfile
import zipfile
import zlib

from packaging.version import Version

from . import archive, elf, index, mine, table
from .pack import fnv

LIBRARY_MAX, CHUNK, KEPT_BITS = 4 << 30, 4 << 20, 48
# Of torch's libraries: what stands in its own namespaces, but for kernels and what is made for each operator and
# backend, its C interface, and Python's side of it.
WANTED = re.compile(r"_Z(?:T[IV])?N?[KOR]*(?:3c10|4c10d|2at(?!6native|3cpu|4meta|\d+composite)|"
                    r"5torch(?!9autograd9generated)|6caffe2)|THP|aoti_|torch_")


def _nvidia(name, libraries, suffixes="-cu11 -cu12 "):
    """A package of NVIDIA's: its distributions are of one CUDA each, and CUDA 13's have no suffix (but for some)."""
    return tuple(f"nvidia-{name}{suffix}" for suffix in suffixes.split(" ")), rf"nvidia/\w+/lib/({libraries})\.so[.\d]*"


# What is read: the package asked for, its distributions on the index, and the libraries' names.
PACKAGES = {
    "torch": (("torch",), r"torch/lib/(libc10|libc10_cuda|libtorch_cpu|libtorch_cuda|libtorch_python)\.so"),
    "bitsandbytes": (("bitsandbytes",), r"bitsandbytes/(libbitsandbytes)_(?:cuda1[12]\d|cpu)\.so"),
    "nvidia-cuda-runtime": _nvidia("cuda-runtime", "libcudart"),
    "nvidia-cublas": _nvidia("cublas", "libcublas|libcublasLt"),
    "nvidia-cudnn": (("nvidia-cudnn-cu11", "nvidia-cudnn-cu12", "nvidia-cudnn-cu13"),
                     r"nvidia/\w+/lib/(libcudnn)(?:_graph|_ops|_cnn|_ops_infer|_cnn_infer)?\.so[.\d]*"),
    "nvidia-cusparse": _nvidia("cusparse", "libcusparse"),
    "nvidia-cusolver": _nvidia("cusolver", "libcusolver"),
    "nvidia-cufft": _nvidia("cufft", "libcufft"),
    "nvidia-curand": _nvidia("curand", "libcurand"),
    "nvidia-nccl": _nvidia("nccl", "libnccl", "-cu11 -cu12 -cu13"),
    "nvidia-nvjitlink": _nvidia("nvjitlink", "libnvJitLink", "-cu12 "),
    "nvidia-cuda-nvrtc": _nvidia("cuda-nvrtc", "libnvrtc"),
    "nvidia-cusparselt": _nvidia("cusparselt", "libcusparseLt", "-cu12 -cu13"),
    "onnxruntime-gpu": (("onnxruntime-gpu",), r"onnxruntime/capi/(libonnxruntime)\.so[.\d]*"),
}


@contextlib.contextmanager
def member(session, file, remote, entry):
    """One member of a wheel, unpacked into a file without a name."""
    remote.seek(entry.header_offset)
    head = archive.LOCAL_HEADER.unpack(remote.read(archive.LOCAL_HEADER.size))
    if head[0] != b"PK\3\4" or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("a local header is not where the directory says")
    begin = entry.header_offset + archive.LOCAL_HEADER.size + head[9] + head[10]
    last = min(begin + entry.compress_size, file["size"]) - 1
    answer = index.get(session, file["url"], headers={"Range": f"bytes={begin}-{last}"}, stream=True)
    if answer.status_code != 206:
        raise ValueError("the server gives no ranges")
    unpack = zlib.decompressobj(-15) if entry.compress_type == zipfile.ZIP_DEFLATED else None
    with tempfile.TemporaryFile(dir=mine.folder()) as out:
        for data in answer.raw.stream(CHUNK):
            while data:
                out.write(unpack.decompress(data, CHUNK) if unpack else data)
                data = unpack.unconsumed_tail if unpack else b""
                if out.tell() > LIBRARY_MAX:
                    raise ValueError(f"{entry.filename} has more than {LIBRARY_MAX} bytes")
        yield out


def read(session, file, pattern):
    """{library: {symbol}} of one wheel."""
    found, remote = {}, archive.Ranged(session, file["url"], file["size"])
    with zipfile.ZipFile(remote) as wheel:
        entries = [(m[1], e) for e in wheel.infolist()[:archive.ENTRIES_MAX] if (m := pattern.fullmatch(e.filename))]
    for library, entry in entries:
        with member(session, file, remote, entry) as out:
            found.setdefault(library, set()).update(elf.exported(out))
    return found


def kept(name, version):
    return mine.folder() / "symbols" / f"{name}-{version}.xz"


def update(session, package, say):
    """Read what is not in the cache; `say` is told of what cannot be read."""
    distributions, pattern = PACKAGES[package]
    kept(package, "0").parent.mkdir(exist_ok=True)
    for distribution in distributions:
        for version, file in index.releases(session, distribution)[0].items():
            path = kept(package, version)
            if path.exists() or not file["filename"].endswith(".whl"):
                continue
            try:
                libraries = read(session, file, re.compile(pattern))
            except (ValueError, OSError, zlib.error, zipfile.BadZipFile) as error:
                say(f"{distribution} {version}: {error}")
                continue
            lines = [file.get("upload-time", "")[:10]]
            lines += [f"{library} {symbol}" for library, names in sorted(libraries.items()) for symbol in sorted(names)]
            path.write_bytes(lzma.compress("\n".join(lines).encode(), preset=1))


def counts(library, symbol):
    """Is it one that an extension takes, not the library's own affair (kernels of MKL, of protobuf)?"""
    if library.startswith(("libtorch", "libc10")):
        return WANTED.match(symbol)
    return not (symbol.startswith("_Z") and library.startswith(("libcu", "libnv", "libnccl")))


def build(package):
    """The table of a package as text."""
    name, releases = f"lib/{package}", sorted(
        (Version(p.name[len(package) + 1:-3]), p) for p in kept(package, "x").parent.glob(f"{package}-[0-9]*.xz"))
    releases = releases[-index.RELEASES_MAX:]
    masks, days = {}, []
    for bit, (_, path) in enumerate(releases):
        day, *lines = lzma.decompress(path.read_bytes()).decode().split("\n")
        days.append(day)
        for library, symbol in (line.split(" ", 1) for line in lines):
            if counts(library, symbol):
                known = masks.setdefault(symbol, [0, ""])
                known[0] |= 1 << bit
                known[1] = library
    rows, libraries = {}, sorted({library for _, library in masks.values()})
    for symbol, (mask, library) in masks.items():
        if mask != (1 << len(releases)) - 1:
            short = fnv(f"y {name} {symbol}") >> 64 - KEPT_BITS
            rows.setdefault((libraries.index(library), mask), set()).add(short)
    sets = sorted({mask for _, mask in rows})
    out = ["atlas 1", f"package\t{name}", "tops\t" + " ".join(libraries), f"made\t{max(days, default='')}"]
    out += [f"R\t{version}" for version, _ in releases]
    out += ["S\t" + table.ranges(mask) for mask in sets]
    out += [f"Y\t{library}\t{sets.index(mask)}\t" + "".join(f"{h:012x}" for h in sorted(hashes))
            for (library, mask), hashes in sorted(rows.items())]
    return "\n".join(out) + "\n"
