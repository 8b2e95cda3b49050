#!/usr/bin/env python3
"""Make man pages and shell completions from what the program itself says: docs.py PROGRAM COMMANDS.DEF OUTDIR VERSION

The option tables of the commands print --help; this reads it back, so a page cannot disagree with the program. What
--help cannot know (environment, files, exit status) stands in AFTER below. Run by the build; tests/test_docs.py
compares again.
"""

import json
import pathlib
import re
import subprocess
import sys

AFTER = {
    "EXIT STATUS": [
        ("0", "nothing wrong"),
        ("1", "something is wrong and was said"),
        ("2", "the command was used wrongly or its input could not be read"),
    ],
    "ENVIRONMENT": [
        (
            "FIRSTFIX_DIR",
            "folder of lanes, tails and incidents (default: $XDG_STATE_HOME/firstfix, for root /var/lib/firstfix)",
        ),
        ("NO_COLOR", "when set to anything: no colour"),
    ],
}


def ask(program, *arguments):
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


def read_help(text):
    """{'name', 'summary', 'usage', 'options': [{'letter', 'name', 'value', 'help'}], 'details'} of one --help text."""
    head, rest = text.split("\n\nusage: ", 1)
    usage, rest = rest.split("\n\noptions:\n", 1)
    table, _, details = rest.partition("\n\n")
    options = []
    for line in table.rstrip("\n").split("\n"):
        m = re.match(r"^  (?:-(\w), |    )--([\w-]+)(?: (\S+))?(?:  +(\S.*))?$", line)
        if m:
            options.append({"letter": m[1], "name": m[2], "value": m[3], "help": m[4] or ""})
        elif options and line.startswith(" " * 20):
            options[-1]["help"] = (options[-1]["help"] + " " + line.strip()).strip()
        else:
            sys.exit(f"docs.py: cannot read this line of --help: {line!r}")
    name, summary = head.split(" - ", 1)
    return {"name": name.replace("firstfix ", ""), "summary": summary, "usage": usage, "options": options,
            "details": details.strip("\n")}


def roff(text):
    """Text as roff takes it literally."""
    text = (
        text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga").replace("^", "\\(ha")
    )
    return "\n".join("\\&" + line if line.startswith((".", "\\(aq")) else line for line in text.split("\n"))


def definitions(rows):
    return "".join(f".TP\n.B {roff(term)}\n{roff(text)}\n" for term, text in rows)


def sections_after():
    return "".join(f".SH {title}\n{definitions(rows)}" for title, rows in AFTER.items())


def man_command(page, version):
    out = [f'.TH FIRSTFIX\\-{page["name"].upper()} 1 "" "firstfix {version}" "User Commands"\n',
           f'.SH NAME\nfirstfix\\-{page["name"]} \\- {roff(page["summary"])}\n',
           f'.SH SYNOPSIS\n.B {roff(page["usage"].split(" [OPTIONS]")[0])}\n'
           f'{roff("[OPTIONS]" + page["usage"].partition("[OPTIONS]")[2])}\n', ".SH OPTIONS\n"]
    for o in page["options"]:
        letter = f'\\fB\\-{o["letter"]}\\fR, ' if o["letter"] else ""
        value = f' \\fI{roff(o["value"])}\\fR' if o["value"] else ""
        out.append(f'.TP\n{letter}\\fB\\-\\-{roff(o["name"])}\\fR{value}\n{roff(o["help"])}\n')
    if page["details"]:
        out.append(f'.SH DESCRIPTION\n.nf\n{roff(page["details"])}\n.fi\n')
    out.append(sections_after() + ".SH SEE ALSO\n.BR firstfix (1)\n")
    return "".join(out)


def man_main(text, pages, version):
    summary = text.split("\n", 1)[0].split(" - ", 1)[1]
    also = ",\n".join(f'.BR firstfix\\-{p["name"]} (1)' for p in pages)
    return (f'.TH FIRSTFIX 1 "" "firstfix {version}" "User Commands"\n.SH NAME\nfirstfix \\- {roff(summary)}\n'
            f'.SH SYNOPSIS\n.B firstfix\n.I COMMAND\n[OPTIONS]\n.SH COMMANDS\n'
            + definitions([(p["name"], p["summary"]) for p in pages]) + sections_after()
            + f'.SH SEE ALSO\n{also.replace("),", ") ,")}\n')


def takes_path(option):
    return option["value"] in ("FILE", "PATH", "DIR", "LOG", "FACTS.json", "FACTS")


def operand_words(page):
    return page["usage"].partition("[OPTIONS]")[2].strip()


def verbs(page):
    """{'show': True}: the verbs that the operands name, and whether each takes an incident's ID."""
    parts = [part.split() for part in operand_words(page).strip("[]").split("|")]
    return {
        part[0]: len(part) > 1 and part[1] in ("ID", "A")
        for part in parts
        if part and part[0].islower() and part[0].isalpha()
    }


# Ids of stored incidents, newest first, from the folder that the shell's FIRSTFIX_DIR names.
IDS = "firstfix incidents --json 2>/dev/null | sed -n 's/^ *\"id\": \"\\([^\"]*\\)\",*$/\\1/p'"


def bash_words(page, causes):
    """What stands in place of an operand: words, and at which place ids of incidents do."""
    named = verbs(page)
    if page["name"] == "playbook":
        return f'words="{" ".join(causes)}"'
    if operand_words(page) == "ID":
        return "ids=1"
    if not named:
        return ""
    with_id = "|".join(v for v, wanted in named.items() if wanted)
    words = f'if [ "$COMP_CWORD" -eq 2 ]; then words="{" ".join(named)}"; fi'
    return words + (f'; case ${{COMP_WORDS[2]}} in {with_id}) ids=1 ;; esac' if with_id else "")


def bash(pages, probes, causes):
    cases = []
    for p in pages:
        words = " ".join(
            w for o in p["options"] for w in ([f"--{o['name']}"] + ([f"-{o['letter']}"] if o["letter"] else []))
        )
        more = bash_words(p, causes)
        cases.append(f'\t{p["name"]}) options="{words}"' + (f"\n\t\t{more}" if more else "") + " ;;")
    return f"""# Made by tools/docs.py.
_firstfix()
{{
\tlocal word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} options= words= ids=
\tif [ "$COMP_CWORD" -eq 1 ]; then
\t\tCOMPREPLY=($(compgen -W "{' '.join(p['name'] for p in pages)} --help --version" -- "$word"))
\t\treturn
\tfi
\tif [ "$before" = --only ]; then
\t\tlocal done=
\t\tcase $word in *,*) done=${{word%,*}}, ;; esac
\t\tCOMPREPLY=($(compgen -P "$done" -W "{' '.join(probes)}" -- "${{word##*,}}"))
\t\treturn
\tfi
\tcase ${{COMP_WORDS[1]}} in
{chr(10).join(cases)}
\tesac
\tif [ -n "$ids" ] && [ "$COMP_CWORD" -gt 2 ] || [ "${{COMP_WORDS[1]}}" = bundle ]; then
\t\twords="last $({IDS})"
\tfi
\tcase $word in
\t-*) COMPREPLY=($(compgen -W "$options" -- "$word")); return ;;
\tesac
\tcase $words in
\t?*) COMPREPLY=($(compgen -W "$words" -- "$word")) ;;
\t*) COMPREPLY=($(compgen -f -- "$word")) ;;
\tesac
}}
complete -o filenames -o bashdefault -F _firstfix firstfix
"""


def zsh_text(text):
    return text.replace("\\", "\\\\").replace("'", "'\\''").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def zsh_operand(page, causes):
    named = verbs(page)
    if page["name"] == "playbook":
        return [f"'1:cause:({' '.join(causes)})'"]
    if operand_words(page) == "ID":
        return ["'1:incident:_firstfix_ids'"]
    if named and any(named.values()):
        return [f"'1:verb:({' '.join(named)})'", "'*:incident:_firstfix_ids'"]
    if named:
        return [f"'1:verb:({' '.join(named)})'", "'*:operand:_files'"]
    return ["'*:operand:_files'"] if operand_words(page) else []


def zsh(pages, probes, causes):
    listed = "\n".join(f"\t\t'{p['name']}:{zsh_text(p['summary'])}'" for p in pages)
    cases = []
    for p in pages:
        lines = []
        for o in p["options"]:
            end = ""
            if o["value"]:
                action = (
                    "_files"
                    if takes_path(o)
                    else f"_values -s , probe {' '.join(probes)}"
                    if o["name"] == "only"
                    else " "
                )
                end = f":{zsh_text(o['value'])}:{action}"
            lines.append(f"\t\t\t'--{o['name']}[{zsh_text(o['help'])}]{end}'")
            if o["letter"]:
                lines.append(f"\t\t\t'-{o['letter']}[{zsh_text(o['help'])}]{end}'")
        lines += [f"\t\t\t{line}" for line in zsh_operand(p, causes)]
        cases.append(f"\t{p['name']})\n\t\t_arguments \\\n" + " \\\n".join(lines) + "\n\t\t;;")
    return f"""#compdef firstfix
# Made by tools/docs.py.
_firstfix_ids()
{{
\tcompadd last $({IDS})
}}
_firstfix()
{{
\tlocal -a commands
\tif (( CURRENT == 2 )); then
\t\tcommands=(
{listed}
\t\t)
\t\t_describe command commands
\t\treturn
\tfi
\tshift words
\t(( CURRENT-- ))
\tcase $words[1] in
{chr(10).join(cases)}
\tesac
}}
_firstfix "$@"
"""


def fish_text(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish_operands(page, causes):
    here = f'complete -c firstfix -n "__fish_seen_subcommand_from {page["name"]}"'
    named = verbs(page)
    out = []
    if named:
        out.append(
            f'complete -c firstfix -n "__fish_seen_subcommand_from {page["name"]}; and not __fish_seen_subcommand_from '
            f'{" ".join(named)}" -f -a {fish_text(" ".join(named))}\n'
        )
    if page["name"] == "playbook":
        out.append(f"{here} -f -a {fish_text(' '.join(causes))}\n")
    if operand_words(page) == "ID":
        out.append(f'{here} -f -a "last (__firstfix_ids)"\n')
    for verb in (v for v, wanted in named.items() if wanted):
        out.append(
            f'complete -c firstfix -n "__fish_seen_subcommand_from {page["name"]}; and __fish_seen_subcommand_from'
            f' {verb}" -f -a "last (__firstfix_ids)"\n'
        )
    return out


def fish(pages, probes, causes):
    out = ["# Made by tools/docs.py.\n", f"function __firstfix_ids\n    {IDS}\nend\n"]
    for p in pages:
        out.append(f'complete -c firstfix -n __fish_use_subcommand -f -a {p["name"]} -d {fish_text(p["summary"])}\n')
    for p in pages:
        out += fish_operands(p, causes)
        for o in p["options"]:
            letter = f' -s {o["letter"]}' if o["letter"] else ""
            value = "" if not o["value"] else " -r -F" if takes_path(o) else " -x"
            if o["name"] == "only":
                value = f" -x -a {fish_text(' '.join(probes))}"
            out.append(
                f'complete -c firstfix -n "__fish_seen_subcommand_from {p["name"]}" -l {o["name"]}{letter}{value} '
                f"-d {fish_text(o['help'])}\n"
            )
    return "".join(out)


def command_names(table):
    return re.findall(r"^COMMAND\((\w+),", pathlib.Path(table).read_text(encoding="utf-8"), re.M)


def main(argv):
    program, table, out, version = argv[1], argv[2], pathlib.Path(argv[3]), argv[4]
    pages = [read_help(ask(program, name, "--help")) for name in command_names(table)]
    probes = [line.split()[0] for line in ask(program, "report", "--list").splitlines() if line.strip()]
    causes = [page["cause"] for page in json.loads(ask(program, "playbook", "--json"))["playbook"]]
    files = {
        "firstfix.1": man_main(ask(program, "--help"), pages, version),
        "firstfix.bash": bash(pages, probes, causes),
        "_firstfix": zsh(pages, probes, causes),
        "firstfix.fish": fish(pages, probes, causes),
    }
    for page, name in zip(pages, command_names(table)):
        files[f"firstfix-{name}.1"] = man_command(page, version)
    for name, text in files.items():
        (out / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv)
