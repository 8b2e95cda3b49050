"""`meson install` puts every part where it is looked for, and a C program builds with what is installed."""
import json
import os
import pathlib
import subprocess

import pytest
from conftest import sanitizers

PROGRAM = r"""
#include <firstfix/event.h>
#include <stdio.h>

int main(void)
{
	struct ff_facts *facts;
	char *text;
	struct ff_error *err = ff_collect(&(struct ff_collect_options){.only = "os"}, &facts);
	if (!err)
		err = ff_facts_render(facts, FF_JSON, NULL, &text);
	if (err)
		return fprintf(stderr, "%s\n", ff_error_message(err)), 1;
	puts(text);
	free(text);
	ff_facts_free(facts);
	return 0;
}
"""


@pytest.fixture(scope="module")
def root(build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("destdir")
    subprocess.run(
        ["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", folder],
        check=True,
        capture_output=True,
        text=True,
    )
    return folder


@pytest.mark.parametrize(
    "pattern",
    [
        "bin/firstfix",
        "libexec/firstfix/firstfix-supervise",
        "libexec/firstfix/firstfix-agent",
        "libexec/firstfix/firstfix-fleet",
        "libexec/firstfix/firstfix-top",
        "lib*/**/libfirstfix.so.0",
        "lib*/**/pkgconfig/firstfix.pc",
        "include/firstfix/firstfix.h",
        "include/firstfix/event.h",
        "include/firstfix/event.def",
        "share/man/man1/firstfix.1",
        "share/man/man1/firstfix-report.1",
        "share/bash-completion/completions/firstfix*",
        "share/zsh/site-functions/_firstfix",
        "share/fish/vendor_completions.d/firstfix.fish",
    ],
)
def test_it_is_there(root, pattern):
    assert list(root.glob(f"usr/local/{pattern}")), sorted(
        str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()
    )


def test_a_program_builds_against_what_is_installed(build, root, tmp_path):
    source = tmp_path / "program.c"
    source.write_text("#include <stdlib.h>\n" + PROGRAM)
    pc = next(root.glob("usr/local/lib*/**/pkgconfig/firstfix.pc"))
    env = dict(os.environ, PKG_CONFIG_PATH=str(pc.parent), PKG_CONFIG_SYSROOT_DIR=str(root))
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "firstfix"], check=True, capture_output=True, text=True, env=env
    ).stdout.split()
    program = tmp_path / "program"
    subprocess.run(
        ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", source, "-o", program, *flags, *sanitizers(build)], check=True
    )
    env = dict(os.environ, LD_LIBRARY_PATH=str(pc.parent.parent))
    facts = json.loads(subprocess.run([program], check=True, capture_output=True, text=True, env=env).stdout)
    assert facts["schema"] == "firstfix.facts/1" and facts["system"]["kernel"]


def test_every_symbol_of_the_library_is_in_a_header(root):
    library = next(pathlib.Path(root).glob("usr/local/lib*/**/libfirstfix.so.0"))
    listed = subprocess.run(
        ["nm", "-D", "--defined-only", "--format=posix", library], check=True, capture_output=True, text=True
    ).stdout
    ours = {line.split()[0] for line in listed.splitlines() if line.split()[1] in "TDBR" and not line.startswith("_")}
    headers = "".join(p.read_text() for p in (root / "usr/local/include/firstfix").iterdir())
    assert ours and all(name in headers for name in ours), sorted(n for n in ours if n not in headers)


def test_run_builds_every_program(build):
    """What README's table uses is there after ./run, not only what ./run itself shows."""
    targets = json.loads((build / "meson-info/intro-targets.json").read_text())
    programs = {
        os.path.relpath(target["filename"][0], build)
        for target in targets
        if target["type"] == "executable" and target["installed"]
    }
    words = (pathlib.Path(__file__).resolve().parents[1] / "run").read_text().replace("\\\n", " ").split()
    assert len(programs) >= 5 and programs <= set(words), programs - set(words)
