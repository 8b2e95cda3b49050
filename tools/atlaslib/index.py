"""The package index: which releases there are, and of each the file whose sources are read.

Asked by its JSON interface (PEP 691). Of each minor release since 2022, and of the one before, the last patch counts;
yanked and pre-releases are left out.
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
NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?\Z")
TRIES = 4


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


def choose(files):
    """{version: file} of an index's answer, oldest first: the last patch of each minor release."""
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
    return last_of_each({v: file for v, (_, file) in best.items()})


def last_of_each(files):
    """Of {version: file} the last patch of each minor release since SINCE and of the one before, at most RELEASES_MAX.
    """
    newest = {}
    for version in sorted(files):
        newest[(version.epoch, *version.release[:2])] = version
    for key in [k for k, v in newest.items() if files[v].get("upload-time", SINCE) < SINCE][:-1]:
        del newest[key]
    return thinned({v: files[v] for v in sorted(newest.values())})


def thinned(chosen):
    """At most RELEASES_MAX: of the releases that stand closest to the next one in time the earlier goes first; last of
    a major stay.
    """
    chosen = dict(chosen)
    while len(chosen) > RELEASES_MAX:
        versions = list(chosen)
        pairs = [(chosen[b].get("upload-time", ""), a) for a, b in zip(versions, versions[1:])
                 if a.release[0] == b.release[0] and a != versions[0]]
        gaps = sorted((day(when) - day(chosen[a].get("upload-time", "")), a) for when, a in pairs)
        del chosen[gaps[0][1] if gaps else versions[0]]
    return chosen


def day(when):
    try:
        return time.mktime(time.strptime(when[:10], "%Y-%m-%d")) / 86400
    except ValueError:
        return 0


def releases(session, name):
    if not NAME.match(name):
        raise ValueError(f"{name!r} is no name of a package")
    answer = get(session, f"{URL}/{name}/", headers=ACCEPT)
    if len(answer.content) > ANSWER_MAX:
        raise ValueError(f"the index answers more than {ANSWER_MAX} bytes")
    return choose(answer.json().get("files", []))
