#!/usr/bin/env python3
"""Write files as C data: embed.py [--endings] SET OUT.c FILE...

For each FILE `const struct ff_span SET_<stem>`; then the list `SET_files` and its length `SET_file_count`. With
--endings names keep theirs: app.js is SET_app_js, and "app.js" in the list. In a table a line "#: NAME TEXT" names a
part of its rows: %{NAME} stands for TEXT in what follows.
See src/base/embed.h. Run by the build only.
"""

import pathlib
import re
import sys

PART = re.compile(rb'#: ([A-Z_]+) (.+)')  # names a part of what follows it, for which %{NAME} stands


def literal(data):
    """One C string literal per line of the file; bytes outside plain ASCII as octal, so that no hex escape swallows a
    digit.
    """
    def escape(b):
        if b in b'"\\?':
            return '\\' + chr(b)
        return chr(b) if 32 <= b < 127 else f'\\{b:03o}'
    lines = data.splitlines(keepends=True) or [b'']
    return '\n'.join('\t"' + ''.join(map(escape, line)) + '"' for line in lines)


def with_parts(data):
    """The file with its named parts put where they are used; a name that none has is an error."""
    parts, out = {}, []

    def part(found):
        if found.group(1) not in parts:
            sys.exit(f'%{{{found.group(1).decode()}}} is named by no line "#: NAME TEXT" above it')
        return parts[found.group(1)]

    for line in data.splitlines(keepends=True):
        line = re.sub(rb'%\{([A-Z_]+)\}', part, line) if parts else line
        named = PART.match(line)
        if named:
            parts[named.group(1)] = named.group(2)
        else:
            out.append(line)
    return b''.join(out)


def main(argv):
    endings = argv[1] == '--endings'
    name_of_set, out, files = argv[1 + endings], argv[2 + endings], sorted(argv[3 + endings:])
    parts = ['// Made by tools/embed.py: do not edit.', '#include "base/embed.h"',
             '#pragma GCC diagnostic ignored "-Woverlength-strings"']
    rows = []
    for file in files:
        path = pathlib.Path(file)
        data = with_parts(path.read_bytes())
        if b'\0' in data:
            sys.exit(f'{file}: contains a NUL byte')
        name = path.name if endings else path.stem
        symbol = f'{name_of_set}_{re.sub("[^A-Za-z0-9_]", "_", name)}'
        parts.append(f'static const char {symbol}_bytes[] =\n{literal(data)};')
        parts.append(f'extern const struct ff_span {symbol};')
        parts.append(f'const struct ff_span {symbol} = {{{symbol}_bytes, sizeof({symbol}_bytes) - 1}};')
        rows.append(f'\t{{"{name}", {{{symbol}_bytes, sizeof({symbol}_bytes) - 1}}}},')
    parts.append(
        f"extern const struct ff_embedded {name_of_set}_files[];\nextern const size_t {name_of_set}_file_count;"
    )
    parts.append(f'const struct ff_embedded {name_of_set}_files[] = {{\n' + '\n'.join(rows) + '\n};')
    parts.append(f'const size_t {name_of_set}_file_count = {len(rows)};')
    pathlib.Path(out).write_text('\n'.join(parts) + '\n')


if __name__ == '__main__':
    main(sys.argv)
