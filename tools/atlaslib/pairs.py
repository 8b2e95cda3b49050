"""Which torchvision and torchaudio were built for which torch: rules/data/torch_pairs.tsv, from the METADATA of every
release's own wheel ("Requires-Dist: torch (==2.3.1)").

A release that asks for no torch in particular (torchaudio from 2.11 on) gives no cell; one that asks for a torch or any
later one (torchvision from 0.29.1 on) goes with each of these too. Of two releases that pin the same torch the later
one counts.
"""

import re
import zipfile

from packaging.version import Version

from . import archive, index

PARTNERS, FIRST = ("torchvision", "torchaudio"), Version("1.12.1")
PINNED = re.compile(r"Requires-Dist: torch ?\(?==\s*([\d.]+)\)?\s*$", re.M)
OPEN = re.compile(r"Requires-Dist: torch ?\(?>=\s*([\d.]+)\)?\s*$", re.M)
HEAD = """# Releases of torchvision and torchaudio that were built for a release of torch, as specifiers. Their compiled
#   parts fail with "operator torchvision::nms does not exist" or an undefined symbol beside another torch.
# Source: written by `tools/atlas pairs` from the Requires-Dist of every release's wheel; this table serves where
#   metadata is missing or was overridden. "-": no release asks for that torch alone
# Date: {day}
torch\ttorchvision\ttorchaudio
"""


def metadata(session, file):
    """The METADATA of a wheel, by ranges."""
    with zipfile.ZipFile(archive.Ranged(session, file["url"], file["size"])) as wheel:
        for entry in wheel.infolist()[:archive.ENTRIES_MAX]:
            if re.fullmatch(r"[^/]+\.dist-info/METADATA", entry.filename) and entry.file_size <= archive.FILE_MAX:
                return wheel.read(entry).decode("utf-8", "replace")
    raise ValueError(f"{file['filename']} has no METADATA")


def wheels(session, name):
    """{version: file}: of each release a wheel for Linux, oldest first."""
    found = {}
    for file in index.get(session, f"{index.URL}/{name}/", headers=index.ACCEPT).json().get("files", []):
        known = index.parsed(file.get("filename", ""))
        if not known or known[1] is None or file.get("yanked") or index.preference(known[1]) >= 900:
            continue
        if not known[0].is_prerelease and not known[0].local:
            found.setdefault(known[0], file)
    return {v: found[v] for v in sorted(found)}


def read(session, say, metadata_of=metadata):
    """({torch: {partner: specifier}}, the day of the newest release)."""
    pairs, day = {}, ""
    for name in PARTNERS:
        least = []
        for version, file in wheels(session, name).items():
            try:
                asks = metadata_of(session, file)
            except (ValueError, OSError, zipfile.BadZipFile) as error:
                say(f"{name} {version}: {error}")
                continue
            day = max(day, file.get("upload-time", "")[:10])
            pin, least_of = PINNED.search(asks), OPEN.search(asks)
            least += [(version, Version(least_of[1]))] if least_of else []
            if pin and Version(pin[1]) >= FIRST:
                pairs.setdefault(Version(pin[1]), {})[name] = f"=={version}"
        for torch, cells in pairs.items():
            later = (bound for version, bound in least if name in cells and version > Version(cells[name][2:]))
            if any(torch >= bound for bound in later):
                cells[name] = ">=" + cells[name][2:]
    return pairs, day


def text(pairs, day):
    rows = [[str(torch), *(pairs[torch].get(p, "-") for p in PARTNERS)]
            for torch in sorted(pairs)]
    return HEAD.format(day=day) + "".join("\t".join(row) + "\n" for row in rows)
