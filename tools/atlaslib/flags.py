"""Which release of which inference engine has which flag and variable, with its default and choices, and serves which
architecture of models, as tables in rules/data/atlas/flags.

Read from the wheels and sdists of the index, and from the tags of an engine's repository: a bare clone below the cache
(git/OWNER+NAME), made where there is none.

    atlas 1
    package     flag/vllm                       what is asked for: the engine behind "flag/"
    made        2026-11-19                      the day of the newest release
    R           0.8.5                           a release, oldest first (llama.cpp, which numbers builds: the day)
    S           0-3,5                           a set of releases
    X           --tp-size 3 --tensor-parallel-size 0-2|1|| 3|2||s
                                                a flag, variable or architecture, its set, what it
                                                became, then where its default and choices change:
                                                releases, default, choices, "s" without a value
"""

import difflib
import io
import json
import re
import subprocess
import tarfile
import zipfile

from packaging.version import InvalidVersion, Version

from . import archive, flag_sources, index, mine, table

SOURCES_MAX, TAR_MAX, GIT_SECONDS = 32 << 20, 2 << 30, 600
WORD = re.compile(r"[\w.:/+-]{1,60}\Z")
USE = re.compile(r"(?i)(?:use|replaced by|renamed to|in favou?r of)\s+(?:the )?[`'\"]?(--[a-z][\w-]+)")
# Where an engine's options are: the distribution or the repository, the files, how they are read.
ENGINES = {
    "vllm": ("vllm", r"vllm/(?:envs|engine/arg_utils|config|config/\w+|entrypoints/(?:\w+/)*cli_args"
             r"|model_executor/models/(?:registry|__init__))\.py", flag_sources.python),
    "sglang": ("sglang", r"sglang/srt/(?:server_args|environ|arg_groups/(?:fields/)?\w+|models/\w+)\.py",
               flag_sources.python),
    "lmdeploy": ("lmdeploy", r"lmdeploy/(?:cli/\w+|pytorch/models/module_map|turbomind/supported_models)\.py",
                 flag_sources.python),
    "llama.cpp": ("llama-cpp-python", r"vendor/llama\.cpp/(?:common/(?:arg|common)|examples/server/server)\.cpp",
                  flag_sources.llama),
    "tgi": ("huggingface/text-generation-inference", r"launcher/src/main\.rs", flag_sources.rust),
    "tei": ("huggingface/text-embeddings-inference", r"router/src/main\.rs", flag_sources.rust),
    "ollama": ("ollama/ollama", r"envconfig/config\.go", flag_sources.go),
    "triton": ("triton-inference-server/server", r"src/(?:command_line_parser|main)\.cc", flag_sources.triton),
}


def of_archive(session, file, pattern):
    """{path: text} of a wheel or sdist."""
    found, total = {}, 0
    if file["filename"].endswith(".whl"):
        with zipfile.ZipFile(archive.Ranged(session, file["url"], file["size"])) as wheel:
            for entry in wheel.infolist()[:archive.ENTRIES_MAX]:
                if pattern.fullmatch(entry.filename) and entry.file_size <= archive.FILE_MAX:
                    total += entry.file_size
                    if total > SOURCES_MAX:
                        raise ValueError("more sources than may be")
                    found[entry.filename] = wheel.read(entry).decode("utf-8", "replace")
        return found
    data = index.get(session, file["url"], stream=True).raw.read(index.SDIST_MAX + 1)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r|gz") as sdist:
        for entry in sdist:
            total += entry.size
            if total > TAR_MAX:
                raise ValueError("larger than it may be")
            path = entry.name.partition("/")[2]
            path = re.sub(r"^(?:src|python)/", "", path)
            if entry.isreg() and entry.size <= archive.FILE_MAX and pattern.fullmatch(path):
                found[path] = sdist.extractfile(entry).read(archive.FILE_MAX).decode("utf-8", "replace")
    return found


def git(folder, *arguments):
    run = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, timeout=GIT_SECONDS, check=False)
    if run.returncode:
        raise ValueError(run.stderr.decode("utf-8", "replace").strip()[:200] or "git failed")
    return run.stdout.decode("utf-8", "replace")


def clone(repository):
    folder = mine.folder().parent / "git" / repository.replace("/", "+")
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        git(folder.parent, "clone", "--bare", "--filter=blob:none", f"https://github.com/{repository}", folder.name)
    return folder


def tags(folder):
    """{version: what the index would say}, oldest first."""
    found = {}
    for line in git(folder, "for-each-ref", "refs/tags", "--format=%(refname:short) %(creatordate:short)").splitlines():
        name, _, day = line.partition(" ")
        if m := re.fullmatch(r"v(\d+\.\d+(?:\.\d+)?)", name):
            found[Version(m[1])] = {"tag": name, "upload-time": day}
    return index.thinned({v: found[v] for v in sorted(found)}, index.RELEASES_MAX, 1)


def of_tag(folder, tag, pattern):
    paths = [p for p in git(folder, "ls-tree", "-r", "--name-only", tag).splitlines() if pattern.fullmatch(p)]
    return {p: git(folder, "show", f"{tag}:{p}")[:archive.FILE_MAX] for p in paths[:64]}


def kept(engine, version):
    return mine.folder() / "flags" / f"{engine}-{version}.json"


def update(session, engine, say):
    """Read what is not in the cache."""
    source, pattern, read = ENGINES[engine]
    kept(engine, "0").parent.mkdir(exist_ok=True)
    folder = clone(source) if "/" in source else None
    found = tags(folder) if folder else index.releases(session, source, every=True)[0]
    for version, file in found.items():
        if kept(engine, version).exists():
            continue
        try:
            wanted = re.compile(pattern)
            options = read(of_tag(folder, file["tag"], wanted) if folder else of_archive(session, file, wanted))
        except (ValueError, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
            say(f"{engine} {version}: {error}")
            continue
        day = file.get("upload-time", "")[:10]
        kept(engine, version).write_text(json.dumps({"day": day, "options": options}, sort_keys=True))


def read_releases(engine):
    """[(version, day, {name: option})], oldest first; releases in which nothing was found are left out."""
    found = []
    for path in kept(engine, "0").parent.glob(f"{engine}-[0-9]*.json"):
        try:
            version = Version(path.stem[len(engine) + 1:])
        except InvalidVersion:
            continue
        record = json.loads(path.read_text())
        by_name = {}
        for o in record["options"]:  # of several parsers the one that says more
            for name in o["names"]:
                before = by_name.get(name)
                if not before or not before["default"] and o["default"] or len(o["names"]) > len(before["names"]):
                    by_name[name] = o
        if len(by_name) > 3:
            found.append((version, record["day"], by_name))
    return sorted(found, key=lambda r: r[0])[-index.RELEASES_MAX:]


def details(releases, name):
    """Where default and choices change: "0-12|0.9|auto,half| 13-20|0.92||"."""
    seen = {}
    for bit, (_, _, by_name) in enumerate(releases):
        if o := by_name.get(name):
            default = o["default"] if WORD.match(o["default"]) else ""
            values = o["choices"].split(",") if o["choices"] else []
            choices = ",".join(values) if all(WORD.match(v) for v in values) else ""
            key = f"{default}|{choices}|{'s' if o['switch'] else ''}"
            seen[key] = seen.get(key, 0) | 1 << bit
    parts = sorted((mask & -mask, f"{table.ranges(mask)}|{key}") for key, mask in seen.items() if key != "||")
    return " ".join(text for _, text in parts)


def opposite(one, other):
    return ("disable" in one or "-no-" in one) != ("disable" in other or "-no-" in other)


def became(releases, masks, name):
    """What stands for a flag that the newest release does not have: another name of the same option, or what its own or
    a new flag's text tells."""
    last = max(bit for bit in range(len(releases)) if masks[name] >> bit & 1)
    newest = releases[-1][2]
    if name in newest:
        return ""
    for _, _, by_name in reversed(releases[:last + 1]):
        o = by_name.get(name)
        for other in (o["names"] if o else ()):
            if other in newest and other.startswith(name[:2]):
                return other
        if o and (m := USE.search(o["help"])) and m[1] in newest and not opposite(name, m[1]):
            return m[1]
    gone = releases[last][2][name]
    best, score = "", 0.8
    for other, o in newest.items():
        first = (masks[other] & -masks[other]).bit_length() - 1
        new = 0 < first and last - 2 <= first <= last + 1
        if other[:2] != name[:2] or not new or len(gone["help"]) < 20 or opposite(name, other):
            continue
        same = difflib.SequenceMatcher(None, gone["help"], o["help"]).ratio()
        if same > score:
            best, score = other, same
    return best


def build(engine):
    releases, masks = read_releases(engine), {}
    for bit, (_, _, by_name) in enumerate(releases):
        for name in by_name:
            masks[name] = masks.get(name, 0) | 1 << bit
    sets = sorted(set(masks.values()))
    out = ["atlas 1", f"package\tflag/{engine}", "made\t" + max((day for _, day, _ in releases), default="")]
    out += ["R\t" + (day.replace("-", ".") if engine == "llama.cpp" else str(version)) for version, day, _ in releases]
    out += ["S\t" + table.ranges(mask) for mask in sets]
    out += [f"X\t{name}\t{sets.index(masks[name])}\t{became(releases, masks, name)}\t{details(releases, name)}"
            for name in sorted(masks)]
    return "\n".join(out) + "\n"
