"""python, packages and conflicts against the interpreter and pip themselves, in virtual environments made here."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from seed_env import seed_python


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def clean_env(**more):
    """Without what steers Python here, so that each case sets its own."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "CONDA", "PIP_"))}
    return {**keep, **more}


def report(firstfix, python, env):
    run = subprocess.run(
        [firstfix, "report", "--json", "--only", "python,packages", "--python", python],
        capture_output=True,
        text=True,
        env=env,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def pip(python, *words, env):
    return subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", *words], capture_output=True, text=True, env=env
    )


def compare_with_pip(firstfix, python, env):
    """Versions as `pip list`, conflicts as `pip check`; sys.path and prefix as the interpreter says."""
    facts = report(firstfix, python, env)
    ours = {name: p["version"] for name, p in facts["python"]["packages"].items() if "version" in p}
    theirs = {
        normal(p["name"]): p["version"] for p in json.loads(pip(python, "list", "--format", "json", env=env).stdout)
    }
    assert ours == theirs

    said = pip(python, "check", env=env).stdout
    wrong = {
        (normal(a), normal(b), v)
        for a, b, v in re.findall(
            r"^(\S+) \S+ has requirement ([A-Za-z0-9._-]+).*, but you have \S+ (\S+)\.$", said, re.M
        )
    }
    missing = {
        (normal(a), normal(b))
        for a, b in re.findall(r"^(\S+) \S+ requires (\S+), which is not installed\.$", said, re.M)
    }
    conflicts = [c for c in facts["python"]["conflicts"] if not c["requires"].startswith("python") or c.get("missing")]
    name_of = lambda c: re.match(r"[a-z0-9-]+", c["requires"]).group()  # noqa: E731
    assert {(c["package"], name_of(c), c["found"]) for c in conflicts if "found" in c} == wrong
    assert {(c["package"], name_of(c)) for c in conflicts if c.get("missing")} == missing

    code = (
        "import sys, json, platform; print(json.dumps([sys.path, sys.prefix, sys.base_prefix,"
        " platform.python_version()]))"
    )
    path, prefix, base, version = json.loads(
        subprocess.run([python, "-c", code], capture_output=True, text=True, env=env, check=True).stdout
    )
    stdlib = {os.path.join(base, lib) for lib in os.listdir(base)} | {base}
    mine = facts["python"]
    assert (mine["prefix"], mine["base_prefix"], mine["version"]) == (prefix, base, version)
    library = re.compile(r"/python3\d*(\.\d+)?t?(\.zip|/lib-dynload)?$")
    wanted = [os.path.realpath(p) for p in path if p and os.path.isdir(p) and not library.search(p)]
    assert [os.path.realpath(p) for p in mine["site"]] == list(dict.fromkeys(wanted)), stdlib
    return facts


def add_package(site, name, version, requires=(), python=None, kind="dist-info", **files):
    folder = site / f"{name.replace('-', '_')}-{version}.{kind}"
    folder.mkdir(parents=True)
    head = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    head += [f"Requires-Python: {python}"] if python else []
    if kind == "dist-info":
        head += [f"Requires-Dist: {r}" for r in requires]
        (folder / "RECORD").write_text("")
        (folder / "INSTALLER").write_text("pip\n")
        (folder / "METADATA").write_text("\n".join(head) + "\n\nRequires-Dist: description\n")
    else:
        (folder / "PKG-INFO").write_text("\n".join(head) + "\n")
        (folder / "requires.txt").write_text("\n".join(requires))
    for file, text in files.items():
        (folder / file.replace("__", ".")).write_text(text)


@pytest.fixture
def venv(tmp_path):
    folder = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, env=clean_env())
    site = next(folder.glob("lib/python3*/site-packages"))
    return folder / "bin/python", site


def test_fresh_venv(firstfix, venv):
    python, _ = venv
    facts = compare_with_pip(firstfix, python, clean_env())
    assert facts["python"]["kind"] == "venv" and not facts["errors"]


def test_planted_conflicts(firstfix, venv):
    python, site = venv
    add_package(
        site,
        "torch",
        "2.3.1+cu121",
        ["triton==2.3.1; platform_system == 'Linux' and python_version < '4'", "numpy ; extra == 'opt'"],
    )
    add_package(site, "triton", "2.1.0")
    add_package(
        site,
        "vllm",
        "0.8.5",
        [
            "torch==2.6.0",
            "Xformers (==0.0.29.post2) ; sys_platform == 'linux'",
            "winonly; sys_platform == 'win32'",
            "Typing.Extensions>=4.10",
        ],
    )
    add_package(site, "typing_extensions", "4.12.2")
    add_package(site, "old-egg", "1.0", ["triton>=3\n", "[test]\npytest"], kind="egg-info")
    add_package(site, "rc", "2.0rc1")
    add_package(site, "wants-rc", "1", ["rc>=2.0", "rc<2.0", "rc!=1.*", "rc~=2.0rc0"])
    add_package(site, "modern", "1", python=">=3.99")
    facts = compare_with_pip(firstfix, python, clean_env())
    assert {"package": "modern", "requires": "python>=3.99", "found": facts["python"]["version"]} in facts["python"][
        "conflicts"
    ]
    assert "python.packages" in facts["complete"]


def test_pth_editable_and_pythonpath(firstfix, venv, tmp_path):
    python, site = venv
    source = tmp_path / "source"
    add_package(source, "linked", "0.1", kind="egg-info")
    (site / "a.pth").write_text("# comment\nimport os\n../../..\n/does/not/exist\n")
    (site / "b.pth").write_text(f"{source}\n{source}\n")
    add_package(site, "app", "3", direct_url__json='{"url": "file:///src/app", "dir_info": {"editable": true}}')
    first = tmp_path / "first"
    add_package(first, "app", "4")
    facts = compare_with_pip(firstfix, python, clean_env(PYTHONPATH=f"{first}:/nowhere"))
    assert facts["python"]["packages"]["app"]["version"] == "4"
    assert [c["version"] for c in facts["python"]["duplicates"][0]["copies"]] == ["4", "3"]
    assert facts["python"]["duplicates"][0]["copies"][1]["editable"]


def test_user_site_and_system_site(firstfix, tmp_path):
    folder = tmp_path / "shared"
    subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", folder], check=True, env=clean_env())
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    add_package(tmp_path / "home/.local/lib" / name / "site-packages", "only-mine", "7")
    for more in ({}, {"PYTHONNOUSERSITE": "1"}, {"PYTHONUSERBASE": str(tmp_path / "elsewhere")}):
        env = clean_env(HOME=str(tmp_path / "home"), **more)
        facts = compare_with_pip(firstfix, folder / "bin/python", env)
        assert ("only-mine" in facts["python"]["packages"]) == (not more)


def interpreters():
    """Every other interpreter of this machine: Debian's own, pyenv's."""
    found = [pathlib.Path("/usr/bin/python3"), *sorted(pathlib.Path.home().glob(".pyenv/versions/3.*/bin/python3"))]
    return [
        p
        for p in found
        if p.exists() and subprocess.run([p, "-m", "pip", "--version"], capture_output=True).returncode == 0
    ]


@pytest.mark.parametrize("python", interpreters(), ids=str)
def test_interpreters_of_this_machine(firstfix, python):
    compare_with_pip(firstfix, python, clean_env())


def test_seed_environment(firstfix):
    """The environment of 2024."""
    facts = compare_with_pip(firstfix, seed_python(), clean_env())
    assert facts["python"]["packages"]["transformers"]["version"] == "4.45.0"


def test_link_to_the_environment_is_followed_as_python_does(firstfix, venv, tmp_path):
    python, _ = venv
    called = tmp_path / "mylink"
    called.symlink_to(python)
    mine = report(firstfix, called, clean_env())["python"]
    prefix = subprocess.run(
        [called, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, env=clean_env()
    ).stdout.strip()
    assert mine["prefix"] == prefix
    shutil.rmtree(python.parent)
