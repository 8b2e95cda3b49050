"""Draws machines with torch on which libraries of Hugging Face's family have releases that nobody put together: a
program, a seed, and pins drawn from the tables of the atlas.

usage: draw_pins.py SEED COUNT PROGRAM

A machine is an environment of releases that fit, a program that imports one library, and two or three libraries that
were installed anew, each in a drawn release and without what it declares. Where the import fails, explain is asked, its
first fix is run as it is printed, and the program again, at most three times. What fits is drawn again. Each machine is
told in a line of JSON: what was drawn, how it failed, the answers, and whether the program works in the end.
"""

import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

from draw_skew import read_table
from machines import Machine, answer_of, lines_of

# what is beside the torch of machines.BASES before anything is drawn: releases of one time
BESIDE = (
    "accelerate==1.1.1 datasets==3.1.0 peft==0.13.2 trl==0.12.2 diffusers==0.31.0 sentence-transformers==3.3.1 "
    "timm==1.0.12 torchmetrics==1.6.0 compressed-tensors==0.8.0 rich pyarrow==18.1.0 pandas==2.2.3 scikit-learn==1.5.2"
)
PROGRAMS = {
    "transformers": "from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, pipeline",
    "peft": "from peft import LoraConfig, PeftModel, get_peft_model",
    "accelerate": "from accelerate import Accelerator",
    "diffusers": "from diffusers import DiffusionPipeline, StableDiffusionPipeline",
    "trl": "from trl import SFTTrainer",
    "sentence-transformers": "from sentence_transformers import SentenceTransformer",
    "timm": "import timm",
    "torchmetrics": "import torchmetrics",
    "compressed-tensors": "import compressed_tensors",
    "torchvision": "import torchvision",
    "datasets": "import datasets",
}
PINS = [*PROGRAMS, "huggingface-hub", "tokenizers", "safetensors", "numpy", "fsspec", "pillow", "scipy"]
RECENT, TRIES, TURNS = 24, 12, 3


def draw(dice):
    """(the library that is imported, {package: release})"""
    imported = dice.choice(sorted(PROGRAMS))
    others = dice.sample([p for p in sorted(PINS) if p != imported], dice.choice((1, 1, 2)))
    return imported, {p: dice.choice(read_table(p).releases[-RECENT:]) for p in (imported, *others)}


def base_of(folder, program):
    """What fits; $FIRSTFIX_PINS_BASE: an environment that was made so before."""
    if os.environ.get("FIRSTFIX_PINS_BASE"):
        return pathlib.Path(os.environ["FIRSTFIX_PINS_BASE"])
    machine = Machine(folder, program)
    base = machine.clone("torch")
    machine.pip(BESIDE)
    return base


def make(folder, program, base, pins):
    """The machine, or None where a drawn release has no wheel for this Python."""
    machine = Machine(folder, program)
    machine.clone(base)
    try:
        machine.pip("--no-deps --only-binary :all: " + " ".join(f"'{p}=={v}'" for p, v in pins.items()))
    except subprocess.SubprocessError:
        return None
    return machine


def turn(machine):
    """One failure and its answer: the program's words, the cause, the fix and what came of it; None: it works."""
    failed = machine.sh("python worker.py", check=False)
    if failed.returncode == 0:
        return None
    machine.write("log", failed.stdout)
    first = (answer_of(machine, "explain log") or [{}])[0]
    fix = lines_of((first.get("fixes") or [{}])[0])
    said = machine.sh("\n".join(fix), check=False).stdout if fix else ""
    return {
        "failed": failed.stdout.strip().splitlines()[-1][-300:], "cause": first.get("cause"), "fix": fix,
        "confidence": first.get("confidence"), "log": failed.stdout[-3000:], "said": said[-600:],
    }


def judge(machine, imported):
    """The turns until the program works or nothing new is said; None: the releases fit."""
    machine.write("worker.py", PROGRAMS[imported] + "\n")
    checked = [d["cause"] for d in answer_of(machine, "check")]
    turns = []
    while len(turns) < TURNS and (now := turn(machine)):
        turns.append(now)
        if not now["fix"] or len(turns) > 1 and now["failed"] == turns[-2]["failed"]:
            break
    else:
        now = turn(machine) if len(turns) == TURNS else None
    return {"check": checked, "works": not now, "turns": turns} if turns else None


def machines(seed, count, program):
    dice, told = random.Random(seed), 0
    with tempfile.TemporaryDirectory(prefix="pins-") as top:
        base, folder = base_of(pathlib.Path(top), program), pathlib.Path(top) / "machine"
        for _ in range(count * TRIES):
            imported, pins = draw(dice)
            folder.mkdir()
            machine = make(folder, program, base, pins)
            outcome = machine and judge(machine, imported)
            shutil.rmtree(folder)
            if outcome:
                told += 1
                yield {"imported": imported, "pins": pins, **outcome}
            if told == count:
                return


if __name__ == "__main__":
    for row in machines(int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3]).resolve()):
        print(json.dumps(row), flush=True)
