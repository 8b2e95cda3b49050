"""Asks the atlas and a real import about the same names, drawn from real releases by a seed: nobody chose them.

usage: real_names.py SEED [RELEASES [NAMES]]

Releases are drawn until so many of them install and import. Half of a release's names are drawn from its package's
table, in all releases, the other half from what its modules really have. The atlas is the one of the program
(tests/oracle asks it). What an import cannot decide, because something optional is missing that the module wants, is
drawn again; what the atlas does not state (UNKNOWN) is counted apart.
"""

import dataclasses
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import draw_skew
from machines import base_folder

# With what they declare, beside nothing else.
ALONE = """aiohttp anyio attrs click datasets einops fastapi flask fsspec gradio-client httpx huggingface-hub jinja2
    langchain marshmallow mistral-common networkx numpy onnx openai packaging pandas pillow protobuf pydantic pyarrow
    pydantic-settings requests rich runpod safetensors scipy sentencepiece setuptools starlette tiktoken tokenizers
    transformers typing-extensions urllib3 uvicorn wandb websockets werkzeug""".split()
# As they are beside the torch of machines.BASES and what is there.
BESIDE_TORCH = """accelerate compressed-tensors diffusers evaluate kornia lightning liger-kernel optimum optimum-quanto
    peft pytorch-lightning sentence-transformers timm torchmetrics transformers trl""".split()
MINUTES, MODULES, SPARE = 10, 30, 3

CHILD = r"""
import importlib, json, sys, types, warnings
warnings.simplefilter("ignore")
job, out = json.load(sys.stdin), sys.stdout
sys.stdout = sys.stderr
def own(value):
    at = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
    return not isinstance(at, str) or at.split(".")[0] in job["tops"]
def names(module):
    try:
        found = importlib.import_module(module)
        return [n for n in dir(found) if n.isidentifier() and n[0] != "_" and own(getattr(found, n, None))]
    except BaseException:
        return []
def judge(module, name):
    try:
        exec("from %s import %s" % (module, name), {})
        return "yes"
    except ModuleNotFoundError as error:
        missing = error.name or ""
        return "no" if missing == module or module.startswith(missing + ".") else "?" + str(error)
    except ImportError as error:
        if str(error).startswith("cannot import name %r from %r" % (name, module)):
            return "no"
        return "?" + str(error)
    except BaseException as error:
        return "?" + repr(error)
for top in job["tops"][:1]:
    importlib.import_module(top)
json.dump({"names": {m: names(m) for m in job["modules"]}, "judged": [judge(*q) for q in job["questions"]]}, out)
"""


@dataclasses.dataclass
class Release:
    """A release that is installed; `python` runs a program beside it."""

    package: str
    version: str
    python: pathlib.Path
    folder: pathlib.Path

    def child(self, **job):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LD_"))}
        env |= {"PYTHONPATH": str(self.folder), "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
        run = subprocess.run([self.python, "-c", CHILD], env=env, cwd=self.folder, input=json.dumps(job), text=True,
                             capture_output=True, timeout=60 * MINUTES)
        return json.loads(run.stdout) if run.returncode == 0 else None


def installed(package, version, beside_torch, folder):
    """The release in a folder of its own, or None where it cannot be had or does not import."""
    python = base_folder("torch") / "bin/python" if beside_torch else pathlib.Path(sys.executable)
    words = ["--no-deps"] if beside_torch else []
    target = folder / f"{package}-{version}"
    run = subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--only-binary", ":all:", "--target", target,
                          *words, f"{package}=={version}"], capture_output=True, text=True, timeout=60 * MINUTES)
    return Release(package, version, python, target) if run.returncode == 0 else None


def ask(oracle, questions):
    """What the program's atlas says of each (module, name) at a version."""
    lines = "".join(f"name\t{module}\t{name}\t{have}\n" for module, name, have in questions)
    return subprocess.run([oracle], input=lines, capture_output=True, text=True, check=True).stdout.split("\n")[:-1]


def drawn_names(dice, release, count):
    """[(module, name, what the import says)], or None where the release does not import at all."""
    table = draw_skew.read_table(release.package)
    modules = dice.sample(sorted(table.modules), min(MODULES, len(table.modules)))
    seen = release.child(tops=table.tops, modules=modules, questions=[])
    if seen is None:
        return None
    really = sorted((m, n) for m, names in seen["names"].items() for n in names)
    rows = sorted(table.names)
    out = []
    for pool, share in ((rows, count // 2), (really, count - count // 2)):
        questions = dice.sample(pool, min(len(pool), share * SPARE))
        judged = release.child(tops=table.tops, modules=[], questions=questions)
        sure = [(*q, j) for q, j in zip(questions, judged["judged"]) if j in ("yes", "no")] if judged else []
        out += sure[:share]
    return out


def compare(seed, releases, names, oracle, say=print):
    """(agreeing, those not stated, disagreements) of so many names of each of so many releases; where a release has
    fewer that an import can decide, another one is drawn for the rest.
    """
    dice, agreeing, silent, wrong = random.Random(seed), 0, [], []
    pool = [(p, v, side) for side, packages in ((False, ALONE), (True, BESIDE_TORCH)) for p in packages
            for v in draw_skew.read_table(p).releases]
    while (left := releases * names - agreeing - len(silent) - len(wrong)) > 0:
        package, version, side = pool.pop(dice.randrange(len(pool)))
        with tempfile.TemporaryDirectory() as folder:
            release = installed(package, version, side, pathlib.Path(folder))
            found = drawn_names(dice, release, min(names, left)) if release else None
        if not found:
            say(f"{package} {version}: cannot be had here")
            continue
        answers = ask(oracle, [(m, n, version) for m, n, _ in found])
        right = 0
        for (module, name, really), state in zip(found, answers):
            row = (package, version, module, name, f"really {really}, the atlas: {state}")
            if state == "unknown":
                silent.append(row)
            elif (state == "here") == (really == "yes"):
                right += 1
            else:
                wrong.append(row)
        agreeing += right
        say(f"{package} {version}{' beside torch' if side else ''}: {right} of {len(found)} agree,"
            f" {sum(a == 'unknown' for a in answers)} not stated")
    return agreeing, silent, wrong


def main(seed, releases="10", names="100"):
    oracle = pathlib.Path(os.environ["FIRSTFIX_BUILD"]) / "tests/parse-oracle"
    agreeing, silent, wrong = compare(int(seed), int(releases), int(names), oracle)
    for row in silent + wrong:
        print(*row)
    print(f"seed {seed}: {agreeing} of {agreeing + len(wrong)} agree, {len(silent)} not stated")
    return 0 if not wrong else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
