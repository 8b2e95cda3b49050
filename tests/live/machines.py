"""A machine that is really broken: a Python environment of real wheels in which one thing is wrong.

A scenario is a function that takes a Machine, breaks it and returns a Case: the command that fails now, the causes that
are right, and, where the first fix cannot be run here, a pattern of fixes that are. try_out() asks `firstfix check`
before, runs the command, asks `firstfix explain`, applies the first fix as it is printed and runs the command again.
"""

import dataclasses
import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "wheels"))
from wheelhouse import wheelhouse  # noqa: E402

MINUTES = 5
FOREIGN = (
    "VIRTUAL_ENV",
    "PYTHON",
    "CONDA",
    "HF_",
    "LD_",
    "TRANSFORMERS",
    "CUDA",
    "http",
    "HTTP",
    "ALL_PROXY",
    "all_proxy",
)
# pip of these machines reaches the index as it does outside of them
KEPT = ("PIP_",)

# what environments are cut from, made once: hard links of these cost nothing
BASES = {
    "hf": "transformers==4.46.3 numpy==1.26.4",
    "torch": "torch==2.5.1 torchvision==0.20.1 numpy==1.26.4 transformers==4.46.3 scipy==1.14.1 psutil==7.2.2",
}


@dataclasses.dataclass
class Case:
    command: str
    causes: str  # those that are right, with spaces between; "" for any
    accept: str = ""  # of a fix that is right and cannot be run here
    after: str = ""  # what must succeed afterwards, where it is another command
    predicted: bool = True  # visible before the start


@dataclasses.dataclass
class Outcome:
    cause: str
    fix: str
    right: bool
    works: bool
    predicted: bool
    checked: list
    text: str


class Machine:
    def __init__(self, folder, program):
        self.folder, self.program = pathlib.Path(folder), program
        self.env = {k: v for k, v in os.environ.items() if k.startswith(KEPT) or not k.startswith(FOREIGN)}
        self.env |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "HOME": str(self.folder), "FF": str(program)}

    def sh(self, line, check=True):
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.env,
            text=True,
            check=check,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60 * MINUTES,
        )

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def venv(self, *packages, name="venv", pip=True):
        self.sh(f"'{sys.executable}' -m venv '{name}'")
        folder = self.folder / name
        if packages:
            self.sh(f"'{folder}/bin/python' -m pip install -q {' '.join(packages)}")
        if not pip:
            self.sh(f"'{folder}/bin/python' -m pip uninstall -q -y pip setuptools")
        return self.enter(folder)

    def enter(self, folder):
        self.env |= {"VIRTUAL_ENV": str(folder), "PATH": f"{folder}/bin:{self.env['PATH']}"}
        return folder

    def clone(self, base):
        """An environment whose files are hard links of those of a base, or of another environment."""
        source, folder = base if isinstance(base, pathlib.Path) else base_folder(base), self.folder / "venv"
        self.sh(f"'{sys.executable}' -m venv '{folder}'")
        site = next((folder / "lib").glob("python3*")) / "site-packages"
        shutil.rmtree(site)
        try:
            subprocess.run(
                ["cp", "-al", source / site.relative_to(folder), site], check=True, stderr=subprocess.DEVNULL
            )
        except subprocess.CalledProcessError:  # another file system
            shutil.rmtree(site, ignore_errors=True)
            subprocess.run(["cp", "-a", source / site.relative_to(folder), site], check=True)
        return self.enter(folder)

    def site(self):
        return next((self.folder / "venv/lib").glob("python3*")) / "site-packages"

    def cut(self, path, size):
        """A file cut short, without touching the base that it is a hard link of."""
        bytes_ = path.read_bytes()[:size]
        path.unlink()
        path.write_bytes(bytes_)

    def pip(self, words):
        self.sh("python -m pip install -q " + words)


def base_folder(name):
    place = wheelhouse() / "live"
    place.mkdir(parents=True, exist_ok=True)
    with open(place / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / name).is_dir():
            new = place / f"{name}.new"
            shutil.rmtree(new, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", new], check=True)
            subprocess.run([new / "bin/python", "-m", "pip", "install", "-q", *BASES[name].split()], check=True)
            new.rename(place / name)
    return place / name


def lines_of(fix):
    """The fix as a shell would take it: its command, or the variables that it names."""
    if fix.get("command"):
        return [fix["command"]]
    return [f"export {k}='{v}'" for k, v in (fix.get("set") or {}).items()] + [
        f"unset {k}" for k in fix.get("unset") or []
    ]


def answer_of(machine, words):
    text = machine.sh(f"'{machine.program}' {words} --json 2>/dev/null", check=False).stdout
    return json.loads(text)["diagnoses"]


def try_out(scenario, folder, program):
    machine = Machine(folder, program)
    case = scenario(machine)
    causes = case.causes.split()
    checked = [d["cause"] for d in answer_of(machine, "check")]
    failed = machine.sh(case.command, check=False)
    assert failed.returncode, "it was to fail:\n" + failed.stdout[-2000:]
    machine.write("log", failed.stdout)
    found = answer_of(machine, "explain log")
    first = (found or [{}])[0]
    fix = (first.get("fixes") or [{}])[0]
    lines, works, text = lines_of(fix), False, failed.stdout
    if case.accept and re.search(case.accept, "\n".join(lines)):
        works = True
    elif lines and not re.match(r"(sudo )?(docker|apt|apt-get|reboot|systemctl)\b", lines[0]):
        after = machine.sh("\n".join(lines + [case.after or case.command]), check=False)
        works, text = after.returncode == 0, text + "\n--- after\n" + after.stdout
    cause = first.get("cause", "none")
    return case, Outcome(cause, "; ".join(lines), not causes or cause in causes, works,
                         bool(set(causes) & set(checked)), checked, text)
