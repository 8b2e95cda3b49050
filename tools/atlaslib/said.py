"""The messages of a package's releases as rows of its table: what tells each apart, and what it asks for.

A row holds no text: a message is known by a run of at most RUN of its words that no other message of the package has
(or the fewest), and by a second run to be sure, both as hashes. Words are runs of ASCII letters, digits and underscores
of one stretch between two holes; a word that touches a hole is none, because at run time it has grown.
src/know/atlas_message.c reads a log's message the same way. The line of a log does not show which package printed it:
what is not raised is listed under PRINTED, with the package, and only where a second run makes sure of it.
"""

import collections
import json
import re

from . import classify, mine
from .pack import fnv

RUN, ROWS_MAX, WORDS_MIN, TEXTS_MAX = 4, 60000, 3, 300000
WORD = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
PRINTED = "G"  # where a raised message has its package
LEVELS = ("", "e", "w")  # how a message is said, the weightiest first (messages.py)
# What a rule may take for a setting where nothing else is known: of an engine, the caller's own doing is listed when it
# has such words.
SAYS = re.compile(
    r"(?i)requires?|supports?|supported|must|compatible|cannot|can't|needs?|exclusive|conflicts?|divisible|expects?|"
    r"enable|disable|--[a-z]"
)


def stretches(text):
    """The words of each stretch between two holes."""
    out, parts = [], text.split("{}")
    for i, part in enumerate(parts):
        words = list(WORD.finditer(part))
        if i and words and words[0].start() == 0:
            words = words[1:]
        if i + 1 < len(parts) and words and words[-1].end() == len(part):
            words = words[:-1]
        if words:
            out.append([w[0] for w in words])
    return out


def runs(text, longest=RUN):
    """Every run of `longest` words, and the stretches of two or more that are shorter, as tuples in order."""
    for words in stretches(text):
        n = min(longest, len(words))
        if n > 1:
            yield from (tuple(words[i:i + n]) for i in range(len(words) - n + 1))


def key_of(package, run):
    return fnv("m " + package + " " + " ".join(run))


def check_of(run):
    return f"{len(run)}:{fnv(' '.join(run)) & 0xFFFFFFFF:x}" if run else ""


def kept(answer, level, text, engine):
    """Is a message worth a row? One that is printed is where it orders itself what it asks for."""
    kind, name, _ = answer
    if level:
        return kind == "i" or kind in "vpq" and classify.orders(text, name)
    return kind != "c" or engine and bool(SAYS.search(text))


class Said:
    """What a package's releases say; `add` them oldest first."""

    def __init__(self, name, distributions, modules, engine):
        self.name, self.distributions, self.modules, self.engine = name, distributions, modules, engine
        self.texts, self.judged = {}, {}

    def add(self, bit, files):
        """One release: {path: what mine.messages_of() found in it}."""
        settings, variables = set(), set()
        for found in files.values():
            settings.update(found["s"])
            variables.update(found["v"])
        judge = classify.Package(settings if self.engine else set(), variables, self.distributions, self.modules)
        answers = {}
        for path, found in sorted(files.items()):
            for message in found["m"]:
                if len(self.texts) + len(answers) >= TEXTS_MAX and message["m"] not in answers:
                    continue
                known = path + json.dumps(message, sort_keys=True)
                if known not in self.judged:
                    self.judged[known] = judge({**message, "file": path})
                answers.setdefault(message["m"], {}).setdefault(message["l"], []).append(self.judged[known])
        for text, levels in answers.items():
            level = min(levels, key=LEVELS.index)
            mask = self.texts.get(text, (0, "", None))[0] | bit
            self.texts[text] = mask, level, max(sorted(set(levels[level])), key=levels[level].count)

    def rows(self):
        """[(key, check, class, name, more, mask)] in the order of the keys."""
        count, thirds = collections.Counter(), collections.Counter()
        for text in self.texts:
            count.update(set(runs(text)))
            thirds.update(set(runs(text, 3)))
        out = {}
        for text, (mask, level, answer) in sorted(self.texts.items()):
            if not kept(answer, level, text, self.engine) or sum(map(len, stretches(text))) < WORDS_MIN:
                continue
            kind, name, more = answer[0] + level, *answer[1:]
            found = list(dict.fromkeys(runs(text)))
            for run in sorted(
                found, key=lambda r: (count[r], -len("".join(r)))
            ):  # sort is stable: of equals the first in the text
                rest = [r for r in runs(text, 3) if not set(r) <= set(run)]
                apart = [r for r in rest if not set(r) & set(run)] or rest
                check = check_of(min(apart, key=lambda r: (thirds[r], r)) if apart else ())
                if not check and (level or count[run] > 1 or len(run) < RUN):
                    continue
                row, key = (check, kind, name, more), key_of(PRINTED if level else self.name, run)
                old = out.get(key)
                if old is None or old[0] == row:
                    out[key] = row, mask | (old[1] if old else 0)
                    break
                if (
                    old[0][1:] == row[1:] and len(run) == RUN and not level
                ):  # two messages that ask for the same: what they share is enough
                    out[key] = ("", kind, name, more), mask | old[1]
                    break
        return [(key, *row, mask) for key, (row, mask) in sorted(out.items())][:ROWS_MAX]


def known_packages(data):
    """(names that a fix may install, {module: distribution}) from rules/data."""
    def cells(name):
        lines = (data / name).read_text().splitlines()
        return [line.split("\t") for line in lines if line and not line.startswith("#")][1:]
    distributions = {row[0] for row in cells("packages.tsv")} | {p.stem for p in (data / "atlas").glob("*.xz")}
    return distributions, {row[0]: row[1] for row in cells("modules.tsv") if len(row) > 1}


def engines(data):
    """Packages with a command line whose settings are theirs."""
    lines = (data / "engine_flags.tsv").read_text().splitlines()
    return {line.split("\t")[1] for line in lines if line.count("\t") > 2 and not line.startswith("#")}


def heard(db):
    return {row[0] for row in db.execute("select version from heard")}


def files_of(db, version):
    """{path: what mine.messages_of() found in it} of a release that was heard."""
    out = {}
    packed = db.execute("select files from heard where version = ?", (version,)).fetchone()[0]
    for path, sha in mine.unpack(packed).items():
        row = db.execute("select found from message where path = ? and sha = ?", (path, sha)).fetchone()
        if row:
            out[path] = mine.unpack(row[0])
    return out
