"""What is wrong with a command that a fix shows: a placeholder, a package, flag or program that no table and no fact
names.

Whoever copies the command has nobody to ask, so each word of it comes from somewhere: the tables of rules/data, the
facts of the machine, or, for a flag that the message itself asks for, the log.
"""

import csv
import pathlib
import re
import shlex

DATA = pathlib.Path(__file__).resolve().parents[1] / "rules/data"
PLACEHOLDER = re.compile(
    r"<[A-Za-z][\w .:/-]*>|(?<![\w${/])(?:MODEL|PACKAGE|PORT|PID|NAME|FILE|DIR|VERSION|TOKEN|YOUR_\w+|XXX+|N)\b(?!=)"
    r"|/path/to\b|\.\.\.|(?<![\w{])\{\w+\}|\[[a-z]+\](?= )|%[a-z]\b"
)
OPERATORS = {"&&", "||", ";", "|", "&"}


def rows(name):
    lines = [line for line in (DATA / f"{name}.tsv").read_text().splitlines() if line and not line.startswith("#")]
    return list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


PACKAGES = {normal(row[0]) for row in rows("packages")}
TABLES = "\n".join(
    "\t".join(row)
    for name in ("engine_flags", "engine_images", "container_flags", "host_steps", "system_packages", "env_vars")
    for row in rows(name)
)


IMAGES = {row[0] for row in rows("base_images")}


def known_packages(facts):
    python = (facts or {}).get("python", {})
    names = set(python.get("packages", {}))
    names |= {
        re.match(r"[\w.-]+", c["requires"])[0]
        for c in python.get("conflicts", [])
        if re.match(r"[\w.-]+", c.get("requires", ""))
    }
    return PACKAGES | {normal(n) for n in names}


def simple_commands(command):
    """The words of each command of the line."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=";&|()")
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if word in OPERATORS or set(word) <= set("()"):
            if words:
                yield words
            words = []
        else:
            words.append(word)
    if words:
        yield words


def package_words(words):
    """What a pip, uv, poetry, pdm, pipx or pixi is told to install or remove."""
    skip_value = {
        "--index-url",
        "--extra-index-url",
        "--python",
        "-p",
        "-c",
        "--no-binary",
        "-f",
        "--find-links",
        "--include-deps",
        "-e",
    }
    verbs = {"install", "uninstall", "add", "remove", "inject", "runpip", "uninject"}
    at = next((i for i, w in enumerate(words) if w in verbs), None)
    if at is None:
        return
    value_of = None
    for word in words[at + 1:]:
        if value_of:
            value_of = None
        elif word in skip_value:
            value_of = word
        elif not word.startswith("-") and word != ".":  # the folder that was changed into
            yield word


def package_faults(words, facts):
    known = known_packages(facts)
    for word in package_words(words):
        name = re.match(r"[A-Za-z0-9][\w.-]*", word)
        if not name or normal(name[0]) not in known:
            yield f"package {word!r} is in no table and not installed"
    sources = [".", *(p["path"] for p in (facts or {}).get("workdir", {}).get("projects", []))]
    for flag, source in zip(words, words[1:]):
        if flag == "-e" and source not in sources:
            yield f"{source!r} is no project that the facts show"


def is_installer(words):
    text = " ".join(words)
    return bool(
        re.search(
            r"(?:^|[ /])(?:pip\d?|uv pip|uv|poetry|pdm|pipx|pixi)(?: [\w-]+)*"
            r" (?:install|uninstall|add|remove|inject)\b",
            text,
        )
    )


def flag_faults(words, log):
    for word in words:
        name = word.split("=")[0]
        if (
            re.match(r"--?[a-zA-Z]", name)
            and name not in TABLES
            and name not in (log or "")
            and name.lstrip("-").replace("-", "_") not in (log or "")
        ):
            yield f"flag {name} is in no table and not in the log"


def faults(command, facts, log):
    """Sentences on what is wrong with it; none where all is well."""
    found = []
    if m := PLACEHOLDER.search(re.sub(r"\$\{?\w+\}?|'%s'|printf %s", "", command)):
        found.append(f"placeholder {m[0]!r}")
    if "\n" in command or "\r" in command:
        found.append("more than one line")
    try:
        parts = list(simple_commands(command))
    except ValueError as error:
        return [*found, f"not a shell line: {error}"]
    for words in parts:
        while words and (words[0] in ("sudo", "env") or re.match(r"\w+=", words[0]) and len(words) > 1):
            words = words[1:]
        if is_installer(words):
            found += package_faults(words, facts)
        elif (
            words
            and words[0] == "FROM"
            and not re.fullmatch(r"python:3\.\d+(-\w+)?", words[1])
            and words[1] not in IMAGES
        ):
            found.append(f"image {words[1]} is in no table")
        elif words and words[0].startswith("-"):
            found += flag_faults(words, log)
    return found
