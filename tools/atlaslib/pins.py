"""Which torch a release of an engine asks for, and no other: rules/data/torch_pins.tsv, from the METADATA of every
release's own wheel ("Requires-Dist: torch==2.4.0").

Of an engine that installs its torch with an extra, that extra counts: nobody serves without it. Releases beside each
other that ask for the same torch are one row; one that asks for none in particular ends a row.
"""

import re
import zipfile

from . import pairs

PACKAGES = {"vllm": None, "sglang": "srt", "xformers": None}
EXACT = re.compile(r"Requires-Dist: torch ?\(?==\s*([\d.]+)\)?\s*(?:;\s*(.*?))?\s*$", re.M)
HEAD = """\
# The torch that releases of a package ask for, and no other: what an installer brings with them. `first` and `last`
#   are releases, with all between them.
# Source: written by `tools/atlas pins` from the Requires-Dist of every release's wheel (sglang's with the extra srt)
# Date: {day}
package\tfirst\tlast\ttorch
"""


def pinned(asks, extra):
    """The version that the METADATA asks for on x86-64 Linux, or None."""
    for version, marker in EXACT.findall(asks):
        if not marker or marker == 'platform_machine != "aarch64"' or extra and re.fullmatch(
                rf"""extra == ['"]{extra}['"]""", marker):
            return version
    return None


def read(session, say, metadata_of=pairs.metadata):
    """([(package, first, last, torch)], the day of the newest release)."""
    rows, day = [], ""
    for name, extra in PACKAGES.items():
        row = None
        for version, file in pairs.wheels(session, name).items():
            try:
                torch = pinned(metadata_of(session, file), extra)
            except (ValueError, OSError, zipfile.BadZipFile) as error:
                say(f"{name} {version}: {error}")
                torch = None
            day = max(day, file.get("upload-time", "")[:10])
            if row and torch == row[3]:
                row[2] = version
                continue
            row = [name, version, version, torch] if torch else None
            rows += [row] if row else []
    return rows, day


def text(rows, day):
    return HEAD.format(day=day) + "".join("\t".join(map(str, row)) + "\n" for row in rows)
