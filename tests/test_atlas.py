"""tools/atlas: what it reads from a release is what an import gives, hostile releases do no harm, and the same inputs
give the same bytes.
"""

import importlib.util
import io
import os
import pathlib
import subprocess
import sys
import tarfile
import zipfile
import zlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests")]
for needed in ("packaging", "requests"):
    if importlib.util.find_spec(needed) is None:
        pytest.skip(f"tools/atlas needs {needed}", allow_module_level=True)

import elfwriter  # noqa: E402
from atlas_package import ASKED, PACKAGE  # noqa: E402
from packaging.version import Version  # noqa: E402
from atlaslib import archive, classify, elf, flag_sources, flags, index, messages, mine, resolve, said  # noqa: E402
from atlaslib import pack, symbols, table  # noqa: E402


def records(files):
    return {path: mine.record_of(text.encode()) for path, text in files.items()}


def wheel(files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive_:
        for path, text in files.items():
            archive_.writestr(path, text)
    return made


def test_agrees_with_a_real_import(tmp_path):
    for path, text in PACKAGE.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    release = resolve.Release(records(PACKAGE), [])
    for module, names in ASKED.items():
        given = set(release.exports[module]) | set(release.children.get(module, {}))
        for name in names:
            run = subprocess.run(
                [sys.executable, "-c", f"import acme.renaming\nfrom {module} import {name}"],
                cwd=tmp_path,
                capture_output=True,
                text=True,
            )
            really = run.returncode == 0
            assert (name in given) == really, (module, name, run.stderr)


def test_says_where_it_cannot_know():
    release = resolve.Release(records(PACKAGE), [])
    assert release.unsure["acme"] == {"slow", "never_defined", "defined"}
    assert {"chosen", "_added"} <= release.unsure["acme.replaced"]
    assert {"acme.passing", "acme.made_pb2"} <= release.opens
    assert not {"acme", "acme.attached", "acme.filled", "acme.woken", "acme.lazy", "acme.looped"} & release.opens
    assert {"hum", "buzz", "alone"} <= release.exports["acme.looped"].keys()


def test_the_machines_that_wheels_are_for():
    def of(*names):
        return index.libraries([{"filename": n} for n in names])

    assert of("acme-1.0-cp311-cp311-manylinux_2_28_x86_64.whl", "acme-1.0-cp312-cp312-manylinux_2_34_x86_64.whl") == {
        "1.0": {"glibc-x86_64": ">=2.28", "glibc-aarch64": "<0"}
    }
    both = "acme-1.0-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl"
    assert of(both, "acme-1.0-cp311-cp311-win_amd64.whl")["1.0"] == {"glibc-x86_64": "<0", "glibc-aarch64": ">=2.17"}
    assert of(both, "acme-1.0-py3-none-any.whl") == {}  # any machine can have it
    assert of("acme-1.0.tar.gz", "acme-1.0-cp311-cp311-macosx_11_0_arm64.whl", "nonsense.whl") == {}


def test_a_table_of_wheels_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("FIRSTFIX_ATLAS_CACHE", str(tmp_path))
    db = mine.opened("acme")
    db.execute("insert into python values ('1.0', '<3.13,>=3.9')")
    db.execute("insert into wheel values ('1.0', 'glibc-x86_64', '>=2.28'), ('1.0', 'glibc-aarch64', '>=2.17')")
    db.commit()
    files = {Version("1.0"): {"upload-time": "2024-05-01T00:00", "requires-python": ">=3.9"}}
    text = table.of_wheels("acme", files)
    assert "R\t1.0\t2024-05-01" in text and "Q\tglibc-x86_64\t>=2.28\t0" in text and "aarch64" not in text
    assert "Q\tpython\t<3.13,>=3.9\t0" in text


def test_classes_and_parameters():
    text = """
import dataclasses
from torch import nn
class Base:
    kind: str = "x"
    def __init__(self, a, b=1, *, c, d=2, **kw):
        self.a, self.pair = a, (self, 1)
        with open(a) as self.file: pass
        self.register_buffer("buffer", None)
class Child(Base, nn.Module):
    def method(self, x, /, y): setattr(self, x, y)
@dataclasses.dataclass
class Config:
    size: int
    name: str = ""
    both: "ClassVar[int]" = 1
@dataclasses.dataclass
class Larger(Config):
    more: int = 0
"""
    release = resolve.Release({"acme/__init__.py": mine.record_of(text.encode())}, [])
    classes, functions = release.members(), release.signatures()
    assert {"a", "pair", "file", "buffer", "kind"} <= classes["Base"]["m"]
    assert classes["Child"]["b"] == ["Base", "torch:Module"] and classes["Child"]["o"]
    assert functions["Base.__init__"] == {"a", "b=", "*", "c", "d=", "**"}
    assert functions["Child.method"] == {"x", "y"}
    assert {"size", "name=", "more="} <= functions["Larger.__init__"]


def test_what_an_import_needs_of_others():
    files = {
        "acme/__init__.py": (
            "from .a import x\nfrom hub import Client\ntry:\n    from hub import maybe\nexcept ImportError:\n    pass\n"
            "def f():\n    from hub import later\n"
        ),
        "acme/a.py": "import hub.store\nx = 1\n",
        "acme/unused.py": "from hub import never_asked\n",
    }
    needs = resolve.Release(records(files), []).needs()
    assert needs == {("hub", "Client"), ("hub.store", None)}


RAISES = """
import os
MIN = "2.6"
def start(args, hub):
    if not is_torch_available():
        raise ImportError(f"Acme requires torch>={MIN}, found {hub.version}")
    if args.page_size < 4:
        raise ValueError("A store of %s needs --page-size 4" % hub.name)
    if args.shelf_backend not in ("a", "b"):
        message = f"{args.shelf_backend} is not supported for this kind of shelf"
        raise NotImplementedError(message)
    assert hub.width == hub.height, "The shape of both {} must be the same".format(hub)
    raise ValueError("Set ACME_SHELF_DIR=/tmp/shelf, {{literally}} {}".format(os.environ.get("ACME_SHELF_DIR")))
try:
    import numpy
except ImportError:
    raise ImportError("This part wants numpy, which could not be found")
"""


def test_messages_and_what_they_ask_for():
    import ast
    found = messages.read(ast.parse(RAISES))
    assert [m["m"] for m in found] == [
        "Acme requires torch>=2.6, found {}",
        "A store of {} needs --page-size 4",
        "{} is not supported for this kind of shelf",
        "The shape of both {} must be the same",
        "Set ACME_SHELF_DIR=/tmp/shelf, {literally} {}",
        "This part wants numpy, which could not be found",
    ]
    judge = classify.Package({"page_size", "shelf_backend"}, {"ACME_SHELF_DIR"}, {"torch", "numpy"}, {})
    answers = [judge({**m, "file": "acme/server_args.py"}) for m in found]
    assert answers == [("i", "torch", ">=2.6"), ("p", "page_size", ""), ("q", "shelf_backend", "g"), ("c", "", ""),
                       ("v", "ACME_SHELF_DIR", "/tmp/shelf"), ("i", "numpy", "")]


def test_a_message_is_told_by_few_words():
    both = said.Said("acme", {"torch"}, {}, engine=True)
    files = {
        "acme/server_args.py": {
            "s": ["page_size"],
            "v": [],
            "m": [
                {"t": "ValueError", "m": text, "h": [], "f": "check", "g": [], "k": [], "x": [], "l": ""}
                for text in (
                    "A store of {} needs --page-size {} at least",
                    "A store of {} needs a roof and four walls, said{}",
                    "Too short: {}",
                )
            ],
        }
    }
    both.add(1, files)
    rows = both.rows()
    assert ("p", "page_size", "", 1) in [r[2:] for r in rows] and not any(r[3] for r in rows if r[2] != "p")
    assert rows == both.rows()
    assert list(said.runs("x{} one two three{}, four five")) == [
        ("one", "two"),
        ("four", "five"),
    ]  # what touches a hole has grown


def test_hostile_sources():
    deep = "(" * 5000 + ")" * 5000
    chain = "x = " + "+".join("1" * 1 for _ in range(30000))
    for text in ("def f(:", "\0", deep, chain, "é".encode("latin-1"), "# coding: no-such-code\n", "x = '\\ud800'"):
        mine.record_of(text if isinstance(text, bytes) else text.encode())  # any answer, no exception


def test_hostile_archives(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {
        "../escape.py": "x = 1",
        "/etc/escape.py": "x = 1",
        "acme/../../up.py": "x = 1",
        "acme/__init__.py": "x = 1",
        "acme-1.dist-info/METADATA": "Name: acme\nRequires-Dist: hub>=1\n\nText",
    }
    sources, _, metadata = archive.wheel(wheel(files))
    assert list(sources) == ["acme/__init__.py"] and "hub>=1" in metadata
    bomb = wheel({f"acme/m{i}.py": "#" * archive.FILE_MAX for i in range(4)})
    monkeypatch.setattr(archive, "TOTAL_MAX", 2 * archive.FILE_MAX)
    with pytest.raises(ValueError, match="more than"):
        archive.wheel(bomb)
    lying = wheel({"acme/__init__.py": "#" * 200000}).getvalue()
    lying = lying.replace((200000).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert len(archive.wheel(io.BytesIO(lying))[0]["acme/__init__.py"]) <= 101  # not more than was announced
    monkeypatch.setattr(archive, "ENTRIES_MAX", 10)
    with pytest.raises(ValueError, match="entries"):
        archive.wheel(wheel({f"acme/m{i}.py": "" for i in range(11)}))
    for damaged in (b"", b"PK\5\6" + b"\0" * 18, wheel(files).getvalue()[:-30]):
        try:
            archive.wheel(io.BytesIO(damaged))
        except (ValueError, zipfile.BadZipFile):
            pass
    assert list(tmp_path.iterdir()) == []


def sdist(files, links=()):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive_:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text)
            archive_.addfile(entry, io.BytesIO(text.encode()))
        for path, target in links:
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive_.addfile(entry)
    return io.BytesIO(made.getvalue())


def test_hostile_sdists(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {"acme-1/acme/__init__.py": "x = 1", "acme-1/../../up.py": "x = 1", "/etc/escape.py": "x = 1",
             "acme-1/PKG-INFO": "Name: acme\nRequires-Dist: hub>=1\n\nText"}
    sources, _, metadata = archive.sdist(sdist(files, [("acme-1/acme/link.py", "/etc/passwd")]))
    assert list(sources) == ["acme/__init__.py"] and "hub>=1" in metadata
    monkeypatch.setattr(archive, "ENTRIES_MAX", 3)
    with pytest.raises(ValueError, match="entries"):
        archive.sdist(sdist({f"acme-1/acme/m{i}.py": "" for i in range(5)}))
    monkeypatch.setattr(archive, "TOTAL_MAX", 1000)
    with pytest.raises(ValueError, match="larger"):
        archive.sdist(sdist({"acme-1/acme/a.bin": "#" * 4001}))
    assert list(tmp_path.iterdir()) == []


def test_releases_of_an_index():
    def file(name, when, **more):
        return {"filename": name, "upload-time": when, "size": 1, "url": "u", **more}
    files = [
        file("acme-0.8.0-py3-none-any.whl", "2019-05-01"),
        file("acme-0.9.0-py3-none-any.whl", "2020-05-01"),
        file("acme-1.0.0-py3-none-any.whl", "2021-05-01"),
        file("acme-1.1.0-py3-none-any.whl", "2022-05-01"),
        file("acme-1.1.1-cp310-cp310-manylinux2014_x86_64.whl", "2022-06-01"),
        file("acme-1.1.1-cp311-cp311-manylinux2014_x86_64.whl", "2022-06-01"),
        file("acme-1.1.1-cp311-cp311-win_amd64.whl", "2022-06-01"),
        file("acme-1.2.0rc1-py3-none-any.whl", "2022-07-01"),
        file("acme-1.2.0.tar.gz", "2022-08-01"),
        file("acme-1.3.0-py3-none-any.whl", "2022-09-01", yanked="broken"),
        file("../../x.whl", "2022-09-01"),
    ]
    chosen = {str(v): f["filename"] for v, f in index.choose(files).items()}
    assert chosen == {"0.9.0": "acme-0.9.0-py3-none-any.whl", "1.0.0": "acme-1.0.0-py3-none-any.whl",
                      "1.1.1": "acme-1.1.1-cp311-cp311-manylinux2014_x86_64.whl", "1.2.0": "acme-1.2.0.tar.gz"}
    many = [
        file(f"acme-{1 + i // 50}.{i % 50}.0-py3-none-any.whl", f"2023-{1 + i // 28:02}-{1 + i % 28:02}")
        for i in range(150)
    ]
    kept = [str(v) for v in index.choose(many)]
    assert len(kept) == index.RELEASES_MAX and {"1.49.0", "2.49.0", "3.49.0"} <= set(kept)
    patches = [file(f"acme-0.{i // 30}.{i % 30}-py3-none-any.whl", f"2023-{1 + i // 28:02}-{1 + i % 28:02}")
               for i in range(90)]
    kept = [str(v) for v in index.choose(patches)]
    assert len(kept) == index.PATCHES_MAX and {"0.0.29", "0.1.29", "0.2.29"} <= set(kept)


def test_pythons_that_there_are_wheels_for():
    def files(*names):
        return [{"filename": f"acme-{name}.whl", "size": 1} for name in names]
    linux = "manylinux2014_x86_64"
    assert index.pythons(files(f"1.0-cp39-cp39-{linux}", f"1.0-cp311-cp311-{linux}", "1.0-cp312-cp312-win_amd64",
                               f"1.1-cp39-abi3-{linux}", f"1.2-cp39-cp39-{linux}", "1.2-py3-none-any", "../x")) == {
        "1.0": "<3.12,>=3.9"}
    assert table.requirements("Requires-Python: >=3.8\nRequires-Python: nonsense\nRequires-Dist: hub<2\n",
                              "<3.12") == {("python", ">=3.8"), ("python", "<3.12"), ("hub", "<2")}


def test_the_same_releases_give_the_same_bytes(tmp_path, monkeypatch):
    first = dict(PACKAGE)
    second = {
        **PACKAGE,
        "acme/plain.py": "def first(): pass\nguarded = 1\n",
        "acme/starred.py": "visible = 1\ndef second(): pass\n",
    }
    made = []
    for attempt in range(2):
        monkeypatch.setenv("FIRSTFIX_ATLAS_CACHE", str(tmp_path / str(attempt)))
        db = mine.opened("acme")
        releases = [("1.0.0", first), ("1.1.0", second)]
        for version, files in releases if attempt else releases[::-1]:
            mine.keep(db, version, {"filename": f"acme-{version}.whl", "upload-time": "2024-01-01T00:00:00"},
                      archive.wheel(wheel({**files, "acme-1.dist-info/METADATA": "Requires-Dist: hub (>=1)\n\n"})))
        # in processes of their own, in which sets of words have another order
        made.append(subprocess.run(
            [sys.executable, "-c", "import pathlib, sys; from atlaslib import table\n"
             "sys.stdout.write(table.build('acme', pathlib.Path('../rules/data')))"], cwd=ROOT / "tools",
            env={**os.environ, "PYTHONHASHSEED": str(attempt + 1)}, capture_output=True, text=True, check=True).stdout)
    assert made[0] == made[1]
    rows = made[0].splitlines()
    assert "Q\thub\t>=1\t0-1" in rows
    assert any(
        r.startswith("N\tsecond\t") and r.endswith("\tacme.starred") for r in rows
    )  # it left acme.plain for there


def test_the_small_atlas_is_what_the_seed_holds(tmp_path):
    tables = sorted(str(p) for p in (ROOT / "tests/atlas").glob("*.txt"))
    subprocess.run(
        [sys.executable, ROOT / "tools/atlaslib/pack.py", tmp_path / "out.bin", tmp_path / "out.c", *tables], check=True
    )
    assert (tmp_path / "out.bin").read_bytes() == (ROOT / "tests/fuzz/seeds/atlas/small.bin").read_bytes()


def test_wrong_use_and_names():
    for arguments in ([], ["upgrade"], ["update", "--all"], ["show"], ["show", "a", "b"]):
        run = subprocess.run([sys.executable, ROOT / "tools/atlas", *arguments], capture_output=True, text=True)
        assert run.returncode == 1 and "usage:" in run.stderr
    run = subprocess.run([sys.executable, ROOT / "tools/atlas", "update", "../x"], capture_output=True, text=True)
    assert run.returncode == 1 and "left out" in run.stderr


def test_tables_are_within_their_size():
    files = list((ROOT / "rules/data/atlas").rglob("*.xz"))
    assert sum(f.stat().st_size for f in files) <= 12_000_000
    mapped = pathlib.Path(os.environ.get("FIRSTFIX_BUILD", ROOT / "build")) / "src/know/atlas.bin"
    assert len(zlib.compress(mapped.read_bytes(), 6)) <= 12_000_000  # so much of it is in a wheel


def test_two_keys_never_fall_on_the_same_bits():
    def key_of(mixed):  # the way back of pack.mixed with the seed 0
        for factor in (0xC4CEB9FE1A85EC53, 0xFF51AFD7ED558CCD):
            mixed = (mixed ^ mixed >> 33) * pow(factor, -1, 1 << 64) % (1 << 64)
        return mixed ^ mixed >> 33

    shard = pack.Shard()
    shard.keys = {key_of(0x123456789 << 28): [0, None], key_of((0x123456789 << 28) + 1): [1, None]}
    assert [pack.mixed(key, 0) & 3 for key in shard.keys] == [0, 1]
    bits, seed, (bucket,) = shard.buckets()
    assert (bits, seed) == (0, 1) and len({low for low, _ in bucket}) == 2


def test_a_message_of_one_run_has_half_of_its_key_as_a_check():
    made = pack.Pack()
    made.row_g("acme", ["123456789abcdef0", "", "c", "", "", "0"], [1], {})
    made.row_g("acme", ["23456789abcdef01", "3:1a2b3c4d", "c", "", "", "0"], [1], {})
    assert [text for _, text in made.shards["acme"].keys.values()] == ["0:9abcdef0\tc\t\t\t", "3:1a2b3c4d\tc\t\t\t"]


CORE = {"1.0.0": ["_ZN4acme4openESs", "acme_always"], "2.0.0": ["acme_always", "acme_new"]}


def core(tmp_path, version, names):
    """A wheel with a native library, and what the index says of it."""
    library = elfwriter.elf("soname libacme.so\nundefined malloc\n" + "".join(f"symbol {n}\n" for n in names))
    path = tmp_path / f"acme_core-{version}-py3-none-manylinux1_x86_64.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("acme/lib/libacme.so.1", library)
        wheel.writestr("acme/lib/libother.so", b"not a library")
    return {"filename": path.name, "url": str(path), "size": path.stat().st_size,
            "upload-time": f"202{version[0]}-01-01"}


class Served:
    """The answer of a server that gives ranges."""

    status_code = 206

    def __init__(self, path, span):
        first, last = (int(n) for n in span.removeprefix("bytes=").split("-"))
        self.raw = self
        self.data = io.BytesIO(pathlib.Path(path).read_bytes()[first:last + 1])

    def read(self, n):
        return self.data.read(n)

    def stream(self, n):
        return iter(lambda: self.data.read(n), b"")


def test_symbols_that_changed_are_kept_with_their_releases(tmp_path, monkeypatch):
    monkeypatch.setenv("FIRSTFIX_ATLAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(symbols, "PACKAGES", {"acme-core": (("acme-core",), r"acme/lib/(libacme)\.so[.\d]*")})
    monkeypatch.setattr(index, "get", lambda session, url, headers, **_: Served(url, headers["Range"]))
    files = {symbols.Version(v): core(tmp_path, v, names) for v, names in CORE.items()}
    monkeypatch.setattr(index, "releases", lambda session, name: (files, {}))
    symbols.update(None, "acme-core", pytest.fail)
    text = symbols.build("acme-core")
    rows = [line.split("\t") for line in text.splitlines()]
    assert [r[1] for r in rows if r[0] == "R"] == ["1.0.0", "2.0.0"] and ["made", "2022-01-01"] in rows
    assert [r[1:] for r in rows if r[0] == "Y"] == [
        ["0", str(i), f"{symbols.fnv('y lib/acme-core ' + name) >> 16:012x}"]
        for i, name in enumerate(("_ZN4acme4openESs", "acme_new"))]
    assert symbols.build("acme-core") == text


@pytest.mark.parametrize("damage", [lambda b: b[:100], lambda b: b[:40] + b"\xff" * 8 + b[48:], lambda b: b"",
                                    lambda b: b[:-700] + b"\xff" * 700])
def test_a_library_that_lies_is_refused(damage):
    blob = elfwriter.elf("soname libacme.so\nsymbol acme_open\n")
    assert elf.exported(io.BytesIO(blob)) == {"acme_open"}
    with pytest.raises(ValueError):
        elf.exported(io.BytesIO(damage(blob)))


PYTHON_FLAGS = """
from typing import Literal
Kind = Literal["auto", "half"]
class ModelConfig:
    dtype: Kind = "auto"
class EngineArgs:
    dtype: Kind = ModelConfig.dtype
    eager: bool = False
class ServerArgs:
    tp_size: A[int, Arg(help="Ranks.", aliases=["--tensor-parallel-size"])] = 1
    secret: A[int, Derived("x")] = 1
class FrontendArgs:
    api_key: str | None = None
def add(parser, kw):
    parser.add_argument("--dtype", **kw["dtype"])
    parser.add_argument("--eager", action=BooleanOptionalAction)
    parser.add_argument("--seed", "-s", type=int, default=0, help="The " "seed.")
    parser.add_argument("model")
environment = {"VLLM_ACME_PORT": 1}
"""
RUST_FLAGS = """
enum Quant {
    /// Fast, see the paper
    Bitsandbytes,
    #[clap(name = "fp8_e5m2")]
    Fp8,
}
struct Args {
    /// The number of shards
    #[clap(default_value = "2", long, env)]
    num_shard: usize,
    #[clap(long, env, value_enum)]
    quantize: Option<Quant>,
    #[clap(skip)]
    inner: usize,
}
"""


def test_options_are_read_from_every_kind_of_source():
    found = {o["names"][0]: o for o in flag_sources.python({"a.py": PYTHON_FLAGS, "bad.py": "def ("})}
    assert sorted(found) == ["--api-key", "--dtype", "--eager", "--seed", "--tp-size", "VLLM_ACME_PORT"]
    assert (found["--dtype"]["default"], found["--dtype"]["choices"]) == ("auto", "auto,half")
    assert found["--eager"]["switch"] and found["--seed"]["help"] == "The seed."
    assert found["--tp-size"]["names"] == ["--tp-size", "--tensor-parallel-size"]
    rust = {o["names"][0]: o for o in flag_sources.rust({"main.rs": RUST_FLAGS})}
    assert sorted(rust) == ["--num-shard", "--quantize"]
    assert rust["--num-shard"]["names"][1] == "NUM_SHARD" and rust["--num-shard"]["default"] == "2"
    assert rust["--quantize"]["choices"] == "bitsandbytes,fp8_e5m2"
    assert [o["names"] for o in flag_sources.llama({"a.cpp": 'add_opt(common_arg({"-c", "--ctx-size"}, "N", "size", '
            '[](x) {}).set_env("LLAMA_ARG_CTX_SIZE"));'})] == [["-c", "--ctx-size", "LLAMA_ARG_CTX_SIZE"]]
    assert flag_sources.go({"a.go": 'x = Uint("OLLAMA_MAX_QUEUE", 512)'})[0]["default"] == "512"
    assert flag_sources.triton({"a.cc": '{OPTION_ID, "id", Option::ArgStr, "An id"}'})[0]["names"] == ["--id"]


def test_an_engine_lists_the_architectures_that_it_serves():
    registry = """
_MODELS = {
    "AquilaForCausalLM": ("llama", "LlamaForCausalLM"),
    "Qwen3NextForCausalLM": (
        "qwen3_next", "Qwen3NextForCausalLM"),
}
_PREVIOUSLY_SUPPORTED = {"GoneForCausalLM": "0.9.2"}
"""
    sources = {"vllm/model_executor/models/registry.py": registry,
               "sglang/srt/models/one.py": "EntryClass = [\n    AForCausalLM,\n    BModel]\n",
               "sglang/srt/models/two.py": "EntryClass = CForCausalLM\n",
               "lmdeploy/turbomind/supported_models.py": "ARCHS = dict(\n    # internlm\n    DModel='internlm',\n)\n"}
    assert {o["names"][0] for o in flag_sources.python(sources)} == {
        "AquilaForCausalLM", "Qwen3NextForCausalLM", "AForCausalLM", "BModel", "CForCausalLM", "DModel"}


def test_what_a_flag_became_is_another_name_of_it_or_told_by_its_text():
    def release(*options):
        return {name: o for o in options for name in o["names"]}

    old = release(flag_sources.option(["--tp", "--tp-size"]), flag_sources.option(["--ray"], text="Use --executor."),
                  flag_sources.option(["--disable-log"], text="Leave the log of all requests out of it."))
    new = release(flag_sources.option(["--tp-size"]), flag_sources.option(["--executor"]),
                  flag_sources.option(["--enable-log"], text="Leave the log of all requests in it."))
    releases = [(0, "", old), (1, "", new)]
    masks = {name: sum(1 << i for i, (_, _, names) in enumerate(releases) if name in names) for name in {**old, **new}}
    became = {name: flags.became(releases, masks, name) for name in old}
    assert became == {"--tp": "--tp-size", "--tp-size": "", "--ray": "--executor", "--disable-log": ""}
