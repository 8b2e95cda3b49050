"""The package index: which releases there are, and of each the file whose sources are read.

Asked by its JSON interface (PEP 691). Of each minor release since 2022, of the one before, and of the last of the major
one before that, the last patch counts; yanked and pre-releases are left out. Where a package counts in its third number
(0.0.33, 0.5.1 to 0.5.9), every patch counts.
What an index lies about is bounded here: size of the answer, number of releases, names of versions that cannot be read.
"""

import re
import time

import requests
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion

URL, SINCE = "https://pypi.org/simple", "2022-01-01"
ACCEPT = {"Accept": "application/vnd.pypi.simple.v1+json"}
ANSWER_MAX, RELEASES_MAX, SDIST_MAX = 64 << 20, 64, 200 << 20
FEW, PATCHES_MAX = 12, 32  # a 0.x package with fewer minor releases counts in patches, at most that many
NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?\Z")
TRIES = 4
MACHINES = ("x86_64", "aarch64")
MANYLINUX = re.compile(r"(?:manylinux_(\d+_\d+)|(manylinux1|manylinux2010|manylinux2014|linux))_(x86_64|aarch64)")
OLD_NAMES = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17), "linux": (2, 0)}


def get(session, url, **options):
    """A GET that is tried again: mirrors answer 5xx or drop a connection now and then."""
    for attempt in range(TRIES):
        try:
            answer = session.get(url, timeout=120, **options)
            if answer.status_code < 500:
                answer.raise_for_status()
                return answer
            problem = requests.HTTPError(f"{answer.status_code} from {url}")
        except (requests.ConnectionError, requests.Timeout) as error:
            problem = error
        time.sleep(2 ** attempt)
    raise problem


def parsed(filename):
    """(version, tags) of a wheel or sdist; tags are None for an sdist. None for what is neither."""
    try:
        if filename.endswith(".whl"):
            _, version, _, tags = parse_wheel_filename(filename)
            return version, tags
        if filename.endswith(".tar.gz"):
            return parse_sdist_filename(filename)[1], None
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        pass
    return None


def preference(tags):
    """The lower the better: any machine's, then Linux x86-64 by Python 3.11, a neighbour, then an sdist."""
    if tags is None:
        return 900
    best = 1000
    for tag in tags:
        if not (tag.platform == "any" or "linux" in tag.platform and "x86_64" in tag.platform):
            continue
        if tag.interpreter.startswith("py3") or tag.abi == "abi3":
            best = min(best, 0 if tag.platform == "any" else 1)
        elif m := re.fullmatch(r"cp3(\d+)", tag.interpreter):
            best = min(best, 10 + abs(int(m[1]) - 11))
    return best


def choose(files, every=False):
    """{version: file} of an index's answer, oldest first: the last patch of each minor release, or every release."""
    best = {}
    for file in files:
        known = parsed(file.get("filename", ""))
        if not known or file.get("yanked"):
            continue
        version, tags = known
        rank = preference(tags)
        if version.is_prerelease or version.local or rank >= 1000 or tags is None and file.get("size", 0) > SDIST_MAX:
            continue
        if version not in best or (rank, file["filename"]) < (best[version][0], best[version][1]["filename"]):
            best[version] = (rank, file)
    found = {v: best[v][1] for v in sorted(best)}
    return thinned(found, RELEASES_MAX, 1) if every else last_of_each(found)


def pythons(files):
    """{version: bounds of Python} of the releases that come as compiled wheels alone: "<3.13,>=3.9"."""
    minors, free = {}, set()
    for file in files:
        known = parsed(file.get("filename", ""))
        if not known or known[1] is None or preference(known[1]) >= 1000:
            continue
        version, tags = known
        for tag in tags:
            m = re.fullmatch(r"cp3(\d+)", tag.interpreter)
            if tag.abi == "abi3" or not m:
                free.add(version)
            else:
                minors.setdefault(version, set()).add(int(m[1]))
    return {str(v): f"<3.{max(found) + 1},>=3.{min(found)}" for v, found in minors.items() if v not in free}


def libraries(files):
    """{version: {"glibc-x86_64": ">=2.28", ..}}: the C library that the wheels of a release for Linux are for, by
    machine; "<0" where there is no wheel for it. What comes for any machine, or as a source alone, is left out.
    """
    found, free = {}, set()
    for file in files:
        known = parsed(file.get("filename", ""))
        if not known or known[1] is None or file.get("yanked"):
            continue
        version, tags = known
        for tag in tags:
            free |= {version} if tag.platform == "any" else set()
            m = MANYLINUX.fullmatch(tag.platform)
            if m:
                least = tuple(int(n) for n in m[1].split("_")) if m[1] else OLD_NAMES[m[2] or ""]
                machines = found.setdefault(version, {})
                machines[m[3]] = min(least, machines.get(m[3], least))
    return {
        str(v): {f"glibc-{m}": ">={}.{}".format(*machines[m]) if m in machines else "<0" for m in MACHINES}
        for v, machines in found.items() if v not in free
    }


def last_of_each(files):
    """Of {version: file} those that count (see above), at most RELEASES_MAX."""
    minors = {(v.epoch, *v.release[:2]) for v in files if files[v].get("upload-time", SINCE) >= SINCE}
    fine = len(minors) < FEW and all(v.release[0] == 0 and v.epoch == 0 for v in files)
    newest = {}
    for version in sorted(files):
        newest[(version.epoch, *version.release[:3 if fine else 2])] = version
    old = [k for k, v in newest.items() if files[v].get("upload-time", SINCE) < SINCE]
    majors = {k[:2]: k for k in old}  # of each major release the last one
    keep = {*old[-1:], *[k for m, k in majors.items() if old and m != old[-1][:2]][-1:]}
    for key in old:
        if key not in keep:
            del newest[key]
    return thinned({v: files[v] for v in sorted(newest.values())}, *((PATCHES_MAX, 2) if fine else (RELEASES_MAX, 1)))


def thinned(chosen, most, depth):
    """At most so many: of the releases that stand closest to the next one in time the earlier goes first; the last of a
    major one (of a minor one, where patches count) stay.
    """
    chosen = dict(chosen)
    while len(chosen) > most:
        versions = list(chosen)
        pairs = [(chosen[b].get("upload-time", ""), a) for a, b in zip(versions, versions[1:])
                 if a.release[:depth] == b.release[:depth] and a != versions[0]]
        gaps = sorted((day(when) - day(chosen[a].get("upload-time", "")), a) for when, a in pairs)
        del chosen[gaps[0][1] if gaps else versions[0]]
    return chosen


def day(when):
    try:
        return time.mktime(time.strptime(when[:10], "%Y-%m-%d")) / 86400
    except ValueError:
        return 0


def releases(session, name, every=False):
    """({version: file}, {version: bounds of Python}, {version: {what: bounds}} of the C library)."""
    if not NAME.match(name):
        raise ValueError(f"{name!r} is no name of a package")
    answer = get(session, f"{URL}/{name}/", headers=ACCEPT)
    if len(answer.content) > ANSWER_MAX:
        raise ValueError(f"the index answers more than {ANSWER_MAX} bytes")
    files = answer.json().get("files", [])
    return choose(files, every), pythons(files), libraries(files)
