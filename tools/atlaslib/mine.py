"""A package's releases into the cache: each file is read once by what it holds, each release is the list of its files.

The cache is one SQLite file a package. Reading happens in a child process with bounds on memory and processor time, so
that no archive and no source can hurt who asked.
"""

import ast
import hashlib
import json
import multiprocessing
import os
import pathlib
import resource
import sqlite3
import sys
import warnings
import zlib

import requests

from . import archive, classify, extract, index, messages

FORMAT = 7
MEMORY_MAX, SECONDS_MAX = 3 << 30, 900
SCHEMA = """create table if not exists file (sha text primary key, record blob);
create table if not exists release (version text primary key, uploaded text, filename text, metadata text,
    native text, files blob);
create table if not exists message (path text, sha text, found blob, primary key (path, sha));
create table if not exists heard (version text primary key, files blob);
create table if not exists python (version text primary key, bounds text);
create table if not exists wheel (version text, what text, bounds text, primary key (version, what))"""
# Messages are read of the two newest releases, of every fourth before, and of the last one of each major release.
HEARD_MAX, HEARD_STEP = 4, 4


def folder():
    base = os.environ.get("FIRSTFIX_ATLAS_CACHE") or pathlib.Path.home() / ".cache" / "firstfix" / "atlas"
    path = pathlib.Path(base) / f"v{FORMAT}"
    path.mkdir(parents=True, exist_ok=True)
    return path


def pack(value):
    return zlib.compress(json.dumps(value, separators=(",", ":"), sort_keys=True).encode(), 6)


def unpack(blob):
    return json.loads(zlib.decompress(blob))


def opened(name):
    db = sqlite3.connect(folder() / f"{name}.sqlite", timeout=60)
    db.executescript(SCHEMA)
    return db


def record_of(text):
    """What a source says, or why nothing: whatever a parser can throw is an answer here."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return extract.read(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError, UnicodeError) as error:
        return {"bad": type(error).__name__}


def messages_of(path, text):
    """What a source says, and the settings and variables that it knows."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = messages.read(ast.parse(text)) if path.endswith(".py") else []
    except (SyntaxError, ValueError, RecursionError, MemoryError, UnicodeError):
        found = []
    settings, variables = classify.words(path, text)
    return {"m": found, "s": settings, "v": variables}


def hear(db, version, read):
    """Keep the messages of a release."""
    files = {}
    for path, text in sorted(read[0].items()):
        sha = files[path] = hashlib.sha256(text).hexdigest()[:32]
        if not db.execute("select 1 from message where path = ? and sha = ?", (path, sha)).fetchone():
            db.execute("insert or ignore into message values (?, ?, ?)", (path, sha, pack(messages_of(path, text))))
    db.execute("insert or replace into heard values (?, ?)", (str(version), pack(files)))
    db.commit()


def keep(db, version, file, read):
    sources, native, metadata = read
    files = {}
    for path, text in sorted(sources.items()):
        sha = hashlib.sha256(text).hexdigest()[:32]
        files[path] = sha
        if not db.execute("select 1 from file where sha = ?", (sha,)).fetchone():
            db.execute("insert or ignore into file values (?, ?)", (sha, pack(record_of(text))))
    db.execute(
        "insert or replace into release values (?, ?, ?, ?, ?, ?)",
        (
            str(version),
            file.get("upload-time", "")[:10],
            file["filename"],
            metadata[: 1 << 18],
            json.dumps(native),
            pack(files),
        ),
    )
    db.commit()


def one(name, version, file, known, heard):
    """The child: read one release, its names unless they are known, and its messages if they are to be heard."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_MAX, SECONDS_MAX))
    sys.setrecursionlimit(5000)
    db = opened(name)
    read = archive.read(requests.Session(), file)
    if not known:
        keep(db, version, file, read)
    if heard:
        hear(db, version, read)


def spread(versions):
    """Newest first, then always the middle of the widest gap: a run that is broken off knows the whole span."""
    order, gaps = [], [(0, len(versions) - 1)] if versions else []
    if versions:
        order.append(versions[-1])
    while gaps:
        gaps.sort(key=lambda g: g[0] - g[1])
        low, high = gaps.pop(0)
        if low < high:
            middle = (low + high) // 2
            order.append(versions[middle])
            gaps += [(low, middle), (middle + 1, high)]
    return order


def audible(versions):
    """The releases whose messages are read, of all oldest first."""
    last = {v.release[0]: v for v in versions}.values()
    steps = (versions[-2:] + versions[:-2][::-1][HEARD_STEP - 1::HEARD_STEP])[:HEARD_MAX]
    return [v for v in versions if v in steps or v in last]


def bounds(db, session, name):
    """{version: file} of the releases; keeps for which Pythons and C libraries there are wheels."""
    files, pythons, libraries = index.releases(session, name)
    db.executemany("insert or replace into python values (?, ?)", sorted(pythons.items()))
    db.executemany("insert or replace into wheel values (?, ?, ?)",
                   [(v, what, text) for v, each in sorted(libraries.items()) for what, text in each.items()])
    db.commit()
    return files


def package(name, say=print, only=None):
    """Bring the cache of a package up to date; the versions that could not be read, with why."""
    session, missing = requests.Session(), {}
    db = opened(name)
    have = {row[0] for row in db.execute("select version from release")}
    files = bounds(db, session, name)
    hear_now = {str(v) for v in audible(list(files))} - {row[0] for row in db.execute("select version from heard")}
    for version in spread(list(files)):
        file, known, heard = files[version], str(version) in have, str(version) in hear_now
        if known and not heard or only and str(version) not in only:
            continue
        if not read_apart(name, version, file, known, heard):
            missing[str(version)] = f"not read ({file['filename']})"
        say(f"{name} {version}{' NOT READ' if str(version) in missing else ''}", flush=True)
    return missing


def read_apart(name, version, file, known, heard):
    """Is it read? In a child process, see one()."""
    child = multiprocessing.get_context("fork").Process(target=one, args=(name, version, file, known, heard))
    child.start()
    child.join(2 * SECONDS_MAX)
    if child.is_alive():
        child.kill()
        child.join()
    return child.exitcode == 0


def listen(name, versions):
    """Read the messages of these releases and nothing else; those that could not be read."""
    db = opened(name)
    have, files = {row[0] for row in db.execute("select version from heard")}, bounds(db, requests.Session(), name)
    return [str(v) for v, file in files.items()
            if str(v) in versions and str(v) not in have and not read_apart(name, v, file, True, True)]
