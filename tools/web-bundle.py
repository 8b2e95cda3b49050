#!/usr/bin/env python3
"""Make one file of the page's parts, so that a browser asks once: web-bundle.py OUT FILE...

Style sheets are joined. Of scripts the last is the module that begins; what it imports comes before it, each module as
a function that is called at once, and the files before it (which are no modules) come first. Only the forms of import
and export that web/ uses are known; any other one ends the build. Run by the build only.
"""

import pathlib
import re
import sys

IMPORT = re.compile(r'^import (?:\* as (\w+)|(\{[^}]+\})) from "\./([\w.]+)";\n', re.M)
EXPORT = re.compile(r"^export ((?:async )?function|class|const) (\w+)", re.M)


def name_of(file):
    return "$" + re.sub(r"\W", "_", file)


def bundle(path, done, parts):
    """Adds what the module needs, then itself."""
    text, wanted = path.read_text(encoding="utf-8"), []
    done.append(path.name)
    for whole, names, file in IMPORT.findall(text):
        if file not in done:
            bundle(path.parent / file, done, parts)
        elif name_of(file) not in {name for name, _ in parts}:
            sys.exit(f"{path}: {file} and it import each other")
        wanted.append(f"const {whole or names.replace(' as ', ': ')} = {name_of(file)};\n")
    exported = [name for _, name in EXPORT.findall(text)]
    body = EXPORT.sub(r"\1 \2", IMPORT.sub("", text))
    left = re.search(r"^\s*(?:import|export)\b.*", body, re.M)
    if left:
        sys.exit(f"{path}: tools/web-bundle.py does not know '{left[0]}'")
    inside = f'"use strict";\n{"".join(wanted)}{body}return {{ {", ".join(exported)} }};\n'
    parts.append((name_of(path.name), f"const {name_of(path.name)} = (() => {{\n{inside}}})();\n"))


def main(argv):
    out, files = pathlib.Path(argv[1]), [pathlib.Path(f) for f in argv[2:]]
    if out.suffix == ".css":
        out.write_text("".join(f.read_text(encoding="utf-8") for f in files), encoding="utf-8")
        return
    parts = []
    bundle(files[-1], [], parts)
    first = "".join(f.read_text(encoding="utf-8") for f in files[:-1])
    out.write_text(first + "".join(text for _, text in parts), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv)
