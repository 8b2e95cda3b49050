"""--help, man pages and completions name the same commands and options, and the shells and man accept them."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent
COMMANDS = re.findall(r"^COMMAND\((\w+),", (TOP / "src/cli/commands.def").read_text(encoding="utf-8"), re.M)


@pytest.fixture(scope="session")
def docs(build):
    folder = build / "src/cli/docs"
    assert (folder / "firstfix.1").exists()
    return folder


def help_of(firstfix, command):
    return subprocess.run([firstfix, command, "--help"], check=True, capture_output=True, text=True).stdout


def plain(roff):
    """The words of a page, as a reader sees them."""
    text = re.sub(r"\\f[BIR]", "", roff)
    for mark, char in (("\\(aq", "'"), ("\\(ga", "`"), ("\\(ha", "^"), ("\\-", "-"), ("\\&", ""), ("\\e", "\\")):
        text = text.replace(mark, char)
    return text


@pytest.mark.parametrize("command", COMMANDS)
def test_man_page_says_what_help_says(firstfix, docs, command):
    told = help_of(firstfix, command)
    page = plain((docs / f"firstfix-{command}.1").read_text(encoding="utf-8"))
    options = re.findall(r"^  (?:-(\w), |    )--([\w-]+)(?: ([^\s]+))?", told, re.M)
    assert options and ("h", "help", "") in options
    for letter, name, value in options:
        wanted = (f"-{letter}, " if letter else "") + f"--{name}" + (f" {value}" if value else "")
        assert f"\n{wanted}\n" in page, wanted
    assert len(re.findall(r"\n(?:-\w, )?--[\w-]+(?: \S+)?\n", page)) == len(options)
    for line in told.split("\n\noptions:\n")[1].partition("\n\n")[2].strip("\n").split("\n"):
        assert line in page


@pytest.mark.parametrize("command", COMMANDS)
def test_completions_know_every_option(firstfix, docs, command):
    options = re.findall(r"^  (?:-\w, |    )--([\w-]+)", help_of(firstfix, command), re.M)
    words = re.search(rf'^\t{command}\) options="(.*)"', (docs / "firstfix.bash").read_text(), re.M)[1].split()
    zsh, fish = (docs / "_firstfix").read_text(), (docs / "firstfix.fish").read_text()
    for name in options:
        assert f"--{name}" in words
        assert f"'--{name}[" in zsh
        assert f'from {command}" -l {name} ' in fish


def test_the_main_page_lists_every_command(docs):
    page = plain((docs / "firstfix.1").read_text(encoding="utf-8"))
    for command in COMMANDS:
        assert f".B {command}\n" in page and f"firstfix-{command}" in page


def test_bash_completes(docs):
    script = f""". {docs}/firstfix.bash
COMP_WORDS=(firstfix report --only os,memo); COMP_CWORD=3; _firstfix; echo "${{COMPREPLY[@]}}"
COMP_WORDS=(firstfix repo); COMP_CWORD=1; _firstfix; echo "${{COMPREPLY[@]}}"
COMP_WORDS=(firstfix report --dead); COMP_CWORD=2; _firstfix; echo "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["os,memory", "report", "--deadline"] and not done.stderr


def test_bash_completes_operands(docs, firstfix, tmp_path):
    log = tmp_path / "log"
    log.write_text(
        'Traceback (most recent call last):\n  File "x.py", line 1, in f\n    g()\nOSError: [Errno 28] No space left on'
        " device\n"
    )
    env = {
        **os.environ,
        "FIRSTFIX_DIR": str(tmp_path / "state"),
        "PATH": f"{pathlib.Path(firstfix).parent}:{os.environ['PATH']}",
    }
    subprocess.run([firstfix, "explain", "--no-facts", "--save", log], check=False, capture_output=True, env=env)
    listed = json.loads(
        subprocess.run([firstfix, "incidents", "--json"], check=True, capture_output=True, env=env).stdout
    )
    ids = [i["id"] for i in listed["incidents"]]
    script = f". {docs}/firstfix.bash\n" + "".join(
        f'COMP_WORDS=(firstfix {words}); COMP_CWORD={len(words.split())}; _firstfix; echo "${{COMPREPLY[@]}}"\n'
        for words in (
            "incidents sh",
            "rules li",
            "playbook disk.f",
            "incidents show last",
            f"incidents show {ids[0][:3]}",
            f"bundle {ids[0][:3]}",
        )
    )
    done = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True, env=env)
    assert done.stdout.splitlines() == ["show", "list lint", "disk.full", "last", ids[0], ids[0]] and not done.stderr


def test_other_shells_know_operands(docs):
    zsh, fish = (docs / "_firstfix").read_text(), (docs / "firstfix.fish").read_text()
    assert "'1:verb:(list show diff export prune)'" in zsh and "1:cause:(" in zsh and " disk.full " in zsh
    assert "-a 'list show diff export prune'" in fish and " disk.full " in fish and "(__firstfix_ids)" in fish


def test_documents_name_what_is_there():
    missing = []
    for page in (*TOP.glob("doc/*.md"), *TOP.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for path in re.findall(
            r"`((?:src|tests|tools|rules|python|include|doc|bench|examples)/[A-Za-z0-9_./-]*[a-z0-9])`", text
        ):
            if not (TOP / path).exists() and not (TOP / f"{path}.c").exists():
                missing.append(f"{page.name}: {path}")
        missing += [f"{page.name}: {path}" for path in re.findall(r"\]\((?!https?:|#|\?)([^)#\s]+)", text)
                    if not (page.parent / path).exists()]
    assert not missing


def test_internals_name_files_that_are_there():
    """Most are named without their folder, so that a file may move to another room."""
    told = set(re.findall(r"\b([a-z_]+\.(?:c|h|def|lua|js|html))\b", (TOP / "doc/INTERNALS.md").read_text("utf-8")))
    there = {p.name for room in ("src", "include", "rules", "web", "tests") for p in (TOP / room).rglob("*.*")}
    assert len(told) > 80 and not told - there


def test_the_changelog_says_nothing_twice():
    lines = [l for l in (TOP / "CHANGELOG.md").read_text("utf-8").splitlines() if l and not l.startswith("#")]
    begins = [l[:50] for l in lines if len(l) > 50]
    assert [b for b in set(begins) if begins.count(b) > 1] == []
    assert all(l.startswith(("- ", "  ")) and len(l) <= 120 for l in lines)


def told_commands():
    """(page, command, its options) of each line of a document or example that starts the program."""
    pages = [*TOP.glob("doc/*.md"), *TOP.glob("*.md"), *TOP.glob("examples/**/*.Dockerfile"),
             *TOP.glob("examples/**/*.yaml"), *TOP.glob("examples/**/*.service"), *TOP.glob("examples/**/*.sh")]
    for page in pages:
        text = page.read_text(encoding="utf-8").replace('", "', " ")
        for line in re.findall(r"^.*\bfirstfix [a-z].*$", text, re.M):
            for words in re.findall(r"\bfirstfix ([a-z]+ [^`#|]*?)(?: -- |$|`|#|\||;|\)|\"\])", line):
                command, *rest = words.split()
                if command in COMMANDS:
                    yield page.name, command, re.findall(r"--([a-z][a-z-]*)", " ".join(rest))


def test_documents_name_options_that_are_there(firstfix):
    told = list(told_commands())
    known = {command: set(re.findall(r"--([\w-]+)", help_of(firstfix, command))) for _, command, _ in told}
    assert len(told) > 60
    assert [] == [(page, command, name) for page, command, names in told for name in names
                  if name not in known[command]]


@pytest.mark.skipif(not shutil.which("mandoc") and not shutil.which("groff"), reason="no mandoc, no groff")
def test_pages_are_sound(docs):
    for page in docs.glob("*.1"):
        tool = (
            ["mandoc", "-T", "lint", "-W", "warning"]
            if shutil.which("mandoc")
            else ["groff", "-man", "-Tutf8", "-ww", "-z"]
        )
        done = subprocess.run([*tool, str(page)], capture_output=True, text=True)
        complaints = [l for l in (done.stdout + done.stderr).splitlines() if "missing date" not in l]
        assert not complaints, complaints
