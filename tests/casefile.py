"""Case files: a text of sections, so that a test of a probe or a rule is written like a note.

    # one sentence: which machine, what must come out
    == file /etc/os-release
    ID=ubuntu
    == expect
    {"system": {"os": {"id": "ubuntu"}}}

A section begins with a line `== NAME [ARGUMENT]`; its body is every line up to the next one.
"""
import dataclasses
import json
import pathlib
import re

import elfwriter


@dataclasses.dataclass
class Section:
    name: str
    argument: str
    body: str


def read(path):
    """The sections of a case file in order; text before the first one must be comment lines."""
    sections = []
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(keepends=True), 1):
        if m := re.match(r"== (\w+)(?: (.*))?$", line):
            sections.append(Section(m[1], (m[2] or "").strip(), ""))
        elif sections:
            sections[-1].body += line
        elif line.strip() and not line.startswith("#"):
            raise ValueError(f"{path}:{number}: text before the first '== ' section")
    return sections


def build_root(sections, root):
    """Make the captured machine that the file, link, hex, dir and live sections describe."""
    root = pathlib.Path(root)
    for s in sections:
        at = root / s.argument.split(" -> ")[0].lstrip("/")
        if s.name == "dir":
            at.mkdir(parents=True, exist_ok=True)
        elif s.name in ("file", "hex", "link", "elf", "ldcache"):
            at.parent.mkdir(parents=True, exist_ok=True)
            if s.name == "link":
                at.symlink_to(s.argument.split(" -> ")[1])
            elif s.name == "hex":
                at.write_bytes(bytes.fromhex("".join(s.body.split())))
            elif s.name == "elf":  # one property a line, see elfwriter.py
                at.write_bytes(elfwriter.elf(s.body))
            elif s.name == "ldcache":  # one "name path" a line
                at.write_bytes(elfwriter.ldcache([tuple(line.split()) for line in s.body.splitlines()]))
            else:
                at.write_text(s.body)
        elif s.name == "live":
            live = root / ".firstfix/live.json"
            live.parent.mkdir(parents=True, exist_ok=True)
            live.write_text(json.dumps(json.loads(s.body)))


def difference(want, got, at="$"):
    """Why `got` does not contain `want`, or None. Objects by key; every item of a wanted list must be contained in some
    item.
    """
    if isinstance(want, dict):
        if not isinstance(got, dict):
            return f"{at}: wanted an object, got {got!r}"
        for key, value in want.items():
            if key not in got:
                return f"{at}.{key}: missing; there are {sorted(got)}"
            if why := difference(value, got[key], f"{at}.{key}"):
                return why
        return None
    if isinstance(want, list):
        if not isinstance(got, list):
            return f"{at}: wanted a list, got {got!r}"
        for i, item in enumerate(want):
            if all(difference(item, candidate) for candidate in got):
                return f"{at}[{i}]: nothing like {item!r} in {json.dumps(got)[:2000]}"
        return None
    if isinstance(want, float) and isinstance(got, (int, float)):
        return None if abs(want - got) < 1e-6 else f"{at}: wanted {want}, got {got}"
    return None if want == got and type(want) is type(got) else f"{at}: wanted {want!r}, got {got!r}"


def at_path(document, path):
    """The value at a dotted path, or None."""
    for step in path.split("."):
        if isinstance(document, list):
            document = document[int(step)] if step.isdigit() and int(step) < len(document) else None
        else:
            document = document.get(step) if isinstance(document, dict) else None
        if document is None:
            return None
    return document
