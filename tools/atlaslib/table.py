"""All releases of one package as one table of text, the same bytes for the same releases.

    atlas 1 / package / made (the day of the newest release) / tops
    R version day                  a release, oldest first; sets are written as ranges of their positions ("0-3,7")
    Q requirement set              what METADATA asks of others on Linux, extras left out; of "python" too, where its
                                   wheels say more, and of "glibc-x86_64", "glibc-aarch64" ("<0": there is no wheel)
    S set                          the distinct sets, numbered from 0; everything below names one by its number
    M module set [o[set]]          a module; o: it may give more than is listed, in all releases or those of the set
    N name set [module] [?]        what it gives; the module where it is found since it left; ?: bound on one way only
    C class set [o] [bases]        by its bare name
    A attribute set
    F function set set             with the releases in which it takes **kwargs
    P parameter set set            with the releases in which it must be given
    W module name set              what `import` of this package asks of another package's module
    G key check class name more set  a message (said.py, classify.py has the classes); the set: of the releases whose
                                   messages were read
    H set                          those

What stands in no row has not changed: an attribute of a class that is there today, or a parameter, has the set of its
class or function. Names of modules are all listed except private ones that are as old as their module.
"""

import json
import re

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from . import index, mine, said
from .pack import mask_of
from .resolve import Release

ENVIRONMENT = dict(
    default_environment(),
    python_version="3.11",
    python_full_version="3.11.9",
    os_name="posix",
    sys_platform="linux",
    platform_machine="x86_64",
    platform_system="Linux",
    implementation_name="cpython",
    platform_python_implementation="CPython",
    extra="",
)
WORD = re.compile(r"[A-Za-z_][\w.]{0,199}\Z", re.ASCII)
ROWS_MAX = 3_000_000
HEAD = ("at", "pa", "ma", "to", "R\t", "Q\t")  # how the lines before the sets start


def ranges(mask):
    """A set as ranges: 0b10111 -> "0-2,4"."""
    out, i = [], 0
    while mask >> i:
        if mask >> i & 1:
            start = i
            while mask >> (i + 1) & 1:
                i += 1
            out.append(f"{start}-{i}" if i > start else str(start))
        i += 1
    return ",".join(out)


def requirements(metadata, python=""):
    """{(distribution, specifier)} that apply here; `python`: the Pythons that there are wheels for."""
    out = {("python", python)} if python else set()
    for line in metadata.split("\n\n", 1)[0].splitlines():
        try:
            if line.startswith("Requires-Python:"):
                spec = SpecifierSet(line.partition(":")[2].strip())
                out.add(("python", ",".join(sorted(str(s) for s in spec))))
            if not line.startswith("Requires-Dist:"):
                continue
            one = Requirement(line.partition(":")[2].strip())
            if not one.url and (one.marker is None or one.marker.evaluate(ENVIRONMENT)):
                out.add((canonicalize_name(one.name), ",".join(sorted(str(s) for s in one.specifier))))
        except (InvalidRequirement, InvalidSpecifier, ValueError, KeyError):
            continue
    return out


def wheel_bounds(db):
    """{version: {(glibc-MACHINE, bounds)}}; what every system of today has is not worth a row."""
    out = {}
    for version, what, text in db.execute("select version, what, bounds from wheel"):
        if text not in (">=2.0", ">=2.5", ">=2.12", ">=2.17"):
            out.setdefault(version, set()).add((what, text))
    return out


def of_wheels(name, files):
    """The table of a package whose modules nobody reads: its releases, and what their wheels are for."""
    db = mine.opened(name)
    pythons, wheels = dict(db.execute("select version, bounds from python")), wheel_bounds(db)
    table = Table(name, None)
    for version, file in files.items():
        bit = 1 << len(table.releases)
        table.releases.append((str(version), file.get("upload-time", "")[:10]))
        said = f"Requires-Python: {file.get('requires-python') or ''}"
        for one in requirements(said, pythons.get(str(version), "")) | wheels.get(str(version), set()):
            table.requires[one] = table.requires.get(one, 0) | bit
    return "\n".join(table.head([])) + "\n"


class Table:
    """What is known of a package, release by release: each dictionary leads from a key to the set of releases as a
    mask.
    """

    def __init__(self, name, messages):
        self.name, self.releases, self.tops = name, [], set()
        self.messages, self.heard = messages, 0
        self.requires, self.needs, self.modules, self.names, self.home = {}, {}, {}, {}, {}
        self.unsure, self.opens, self.classes, self.bases, self.members = set(), {}, {}, {}, {}
        self.functions, self.variadic, self.parameters, self.required = {}, {}, {}, {}

    def add(self, version, day, asks, release):
        bit = 1 << len(self.releases)
        self.releases.append((version, day))
        self.tops |= {t for t in release.tops if WORD.match(t)}
        for one in asks:
            self.requires[one] = self.requires.get(one, 0) | bit
        for one in release.needs():
            self.needs[one] = self.needs.get(one, 0) | bit
        for module, names in release.exports.items():
            self.module(module, bit)
            if module in release.opens:
                self.opens[module] = self.opens.get(module, 0) | bit
            self.unsure.update((module, word) for word in release.unsure.get(module, ()))
            children = release.children.get(module, {})
            for word in (*names, *(c for c in children if c not in names)):
                key = (module, word)
                self.names[key] = self.names.get(key, 0) | bit
                self.home[key] = names.get(word, module)
        for module in release.native - set(release.exports):
            self.module(module, bit)
            self.opens[module] = self.opens.get(module, 0) | bit
        self.add_classes(release, bit)
        self.add_functions(release, bit)

    def module(self, module, bit):
        self.modules[module] = self.modules.get(module, 0) | bit

    def add_classes(self, release, bit):
        for name, mine_ in release.members().items():
            self.classes[name] = self.classes.get(name, 0) | bit
            bases = self.bases.setdefault(name, [])
            bases += [b for b in (mine_["b"] + (["?"] if mine_["o"] else [])) if b not in bases]
            members = self.members.setdefault(name, {})
            for word in mine_["m"]:
                members[word] = members.get(word, 0) | bit

    def add_functions(self, release, bit):
        for name, parameters in release.signatures().items():
            self.functions[name] = self.functions.get(name, 0) | bit
            known = self.parameters.setdefault(name, {})
            must = self.required.setdefault(name, {})
            for word in parameters:
                if word == "**":
                    self.variadic[name] = self.variadic.get(name, 0) | bit
                elif not word.startswith("*"):
                    plain = word.rstrip("=")
                    known[plain] = known.get(plain, 0) | bit
                    if not word.endswith("="):
                        must[plain] = must.get(plain, 0) | bit

    # -- writing -------------------------------------------------------------------------------------------------------

    def listed(self, module, name, mask):
        """Is this name worth a row?"""
        if mask != self.modules[module]:
            return True
        return not name.startswith("_")

    def moved(self):
        """{(module, name): module} of names that left a module while another one of the package has them since."""
        newest, places = 1 << len(self.releases) - 1, {}
        for (module, name), mask in self.names.items():
            if mask & newest and self.home[module, name] == module:
                places.setdefault(name, []).append(module)
        out = {}
        for (module, name), mask in self.names.items():
            if mask & newest or name.startswith("_") or name not in places or self.home[module, name].startswith("?"):
                continue
            here = module.split(".")
            near = sorted(places[name], key=lambda m: (-common(here, m.split(".")), len(m), m))[0]
            if common(here, near.split(".")) >= min(2, len(here)) or len(places[name]) == 1:
                out[module, name] = near
        return out

    def text(self):
        sets = Numbers()
        body = [*self.module_rows(sets), *self.class_rows(sets), *self.function_rows(sets)]
        body += [f"W\t{module}\t{name or ''}\t{sets.of(mask)}" for (module, name), mask in
                 sorted(self.needs.items(), key=lambda kv: (kv[0][0], kv[0][1] or "")) if WORD.match(module)]
        body += message_rows(self.messages, self.heard, sets)
        if len(body) > ROWS_MAX:
            raise ValueError(f"{self.name}: more than {ROWS_MAX} rows")
        return "\n".join(self.head(sets.order) + body) + "\n"

    def head(self, sets):
        head = ["atlas 1", f"package\t{self.name}", f"made\t{max((d for _, d in self.releases), default='')}",
                "tops\t" + " ".join(sorted(self.tops))]
        head += [f"R\t{version}\t{day}" for version, day in self.releases]
        head += [f"Q\t{name}\t{spec}\t{ranges(mask)}" for (name, spec), mask in sorted(self.requires.items())]
        return head + [f"S\t{ranges(mask)}" for mask in sets]

    def module_rows(self, sets):
        by_module, moved = {}, self.moved()
        for (module, name), mask in self.names.items():
            if self.listed(module, name, mask) and WORD.match(name):
                by_module.setdefault(module, []).append(name)
        for module in sorted(self.modules):
            if not WORD.match(module):
                continue
            mask, opened = self.modules[module], self.opens.get(module, 0)
            which = "o" if opened == mask else f"o{sets.of(opened)}"
            yield f"M\t{module}\t{sets.of(mask)}" + (f"\t{which}" if opened else "")
            for name in sorted(by_module.get(module, ())):
                where = moved.get((module, name))
                marks = [where or "", "?"] if (module, name) in self.unsure else [where] if where else []
                yield "\t".join(["N", name, str(sets.of(self.names[module, name])), *marks])

    def class_rows(self, sets):
        newest = 1 << len(self.releases) - 1
        for name in sorted(self.classes):
            kept = self.classes[name] & newest  # of a class that went, everything went
            changed = {
                w: m for w, m in self.members[name].items() if (m != self.classes[name] or not kept) and WORD.match(w)
            }
            bases = self.bases[name]
            listed = " ".join(b for b in bases if WORD.match(b.replace(":", "")))
            yield f"C\t{name}\t{sets.of(self.classes[name])}\t{'o' if '?' in bases else ''}\t{listed}"
            for word in sorted(changed):
                yield f"A\t{word}\t{sets.of(changed[word])}"

    def function_rows(self, sets):
        for name in sorted(self.functions):
            mine_ = self.functions[name]
            rows = []
            for word in sorted(self.parameters[name]):
                mask, must = self.parameters[name][word], self.required[name].get(word, 0)
                if (mask != mine_ or must not in (0, mine_)) and WORD.match(word):
                    rows.append(f"P\t{word}\t{sets.of(mask)}\t{sets.of(must)}")
            variadic = self.variadic.get(name, 0)
            if rows or variadic not in (0, mine_):
                yield f"F\t{name}\t{sets.of(mine_)}\t{sets.of(variadic)}"
                yield from rows


class Numbers:
    """Sets by number, in the order in which they were first asked for."""

    def __init__(self):
        self.order, self.known = [], {}

    def of(self, mask):
        if mask not in self.known:
            self.known[mask] = len(self.order)
            self.order.append(mask)
        return self.known[mask]


def message_rows(messages, heard, sets):
    rows = [f"G\t{key:x}\t{check}\t{kind}\t{word}\t{more}\t{sets.of(mask)}"
            for key, check, kind, word, more, mask in messages.rows()]
    return rows + ([f"H\t{sets.of(heard)}"] if heard else [])


def common(a, b):
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return n


def cells_of(text, kind):
    return [line.split("\t")[1:] for line in text.splitlines() if line.startswith(kind + "\t")]


def heard_of(text):
    """The releases whose messages a table has, or would have if it were made today."""
    sets, versions = [mask_of(row[0]) for row in cells_of(text, "S")], [row[0] for row in cells_of(text, "R")]
    mask = sum(sets[int(row[0])] for row in cells_of(text, "H"))
    heard = {v for i, v in enumerate(versions) if mask >> i & 1}
    return heard | {str(v) for v in mine.audible([*map(Version, versions)])}


def with_messages(name, text, data):
    """The same table with its messages judged anew, from what of them is in the cache."""
    db, sets, mask = mine.opened(name), Numbers(), 0
    messages = said.Said(name, *said.known_packages(data), name in said.engines(data))
    wanted = heard_of(text) & said.heard(db)
    for position, (version, *_) in enumerate(cells_of(text, "R")):
        if version in wanted:
            mask |= 1 << position
            messages.add(1 << position, said.files_of(db, version))
    if not mask:
        raise ValueError("no messages could be read")
    for row in cells_of(text, "S"):
        sets.of(mask_of(row[0]))
    rows = message_rows(messages, mask, sets)
    lines = [line for line in text.splitlines() if line[:2] not in ("G\t", "H\t", "S\t")]
    body = next((i for i, line in enumerate(lines) if line[:2] not in HEAD), len(lines))
    kept = [*lines[:body], *(f"S\t{ranges(m)}" for m in sets.order), *lines[body:], *rows]
    return "\n".join(kept) + "\n"


def build(name, data):
    """The table of a package from the cache, as text; `data` is the folder of the other tables."""
    db = mine.opened(name)
    table = Table(name, said.Said(name, *said.known_packages(data), name in said.engines(data)))
    rows = db.execute("select version, uploaded, metadata, native, files from release").fetchall()
    pythons = dict(db.execute("select version, bounds from python"))
    wheels = wheel_bounds(db)
    heard, kept = said.heard(db), index.last_of_each({Version(r[0]): {"upload-time": r[1]} for r in rows})
    for version, day, metadata, native, files in sorted(rows, key=lambda r: Version(r[0])):
        if Version(version) not in kept:
            continue
        files = mine.unpack(files)
        records = {}
        for path, sha in files.items():
            records[path] = mine.unpack(db.execute("select record from file where sha = ?", (sha,)).fetchone()[0])
        if version in heard:
            table.heard |= 1 << len(table.releases)
            table.messages.add(1 << len(table.releases), said.files_of(db, version))
        asks = requirements(metadata, pythons.get(version, "")) | wheels.get(version, set())
        table.add(version, day, asks, Release(records, json.loads(native)))
    return table.text()
