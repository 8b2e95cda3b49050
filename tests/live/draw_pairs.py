"""Draws machines of two real releases that do not fit: a library as the installer lays it down with all that it asks
for, and then one of the packages that it asks for in another release, which nobody chose.

usage: draw_pairs.py SEED COUNT [small|torch]

What does not fail at the import is drawn again; whether the atlas knows of it plays no part. Each machine that fails is
a row of pairs.tsv; test_pairs.py makes them again and runs the fix.
"""

import functools
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

from draw_skew import ROOT, read_table
from machines import Case, Machine

# What is imported, where the library's own name is not all of its start.
PROGRAMS = {
    "accelerate": "from accelerate import Accelerator",
    "diffusers": "from diffusers import DiffusionPipeline, StableDiffusionPipeline",
    "huggingface-hub": "from huggingface_hub import HfApi, hf_hub_download",
    "pydantic": "import pydantic; pydantic.create_model('M', x=(int, 1))()",
    "fastapi": "import fastapi; fastapi.FastAPI()",
    "openai": "import openai; openai.OpenAI(api_key='x')",
    "peft": "from peft import LoraConfig, get_peft_model",
    "sentence-transformers": "from sentence_transformers import SentenceTransformer",
    "transformers": "from transformers import AutoConfig, AutoTokenizer",
    "trl": "from trl import SFTTrainer",
}
SMALL = """fastapi flask gradio-client httpx huggingface-hub hydra-core mistral-common onnx openai pandas pydantic
    pydantic-settings requests scipy starlette tokenizers transformers uvicorn wandb""".split()
BESIDE_TORCH = "accelerate diffusers peft sentence-transformers trl".split()
RECENT, TRIES = 40, 12
ASKS = re.compile(r"Q\t([\w.-]+)\t")


@functools.cache
def asked_of(package):
    """The packages that any of its releases asks for and that have a table with names."""
    text = subprocess.run(["xz", "-dc", ROOT / f"rules/data/atlas/{package}.xz"], capture_output=True, text=True,
                          check=True).stdout
    there = {p.stem for p in (ROOT / "rules/data/atlas").glob("*.xz")} - {"torch", package}
    return sorted(there & set(ASKS.findall(text)))


def program_of(package):
    return PROGRAMS.get(package) or "import " + next(t for t in read_table(package).tops if t[0] != "_")


def scenario(library, release, other, version):
    """The machine as a scenario of machines.py."""
    def made(machine):
        library_of(machine, library, release)
        machine.pip(f"--no-deps --only-binary :all: {other}=={version}")
        return Case("python worker.py", "", predicted=False)
    return made


def library_of(machine, library, release):
    """The library with what it asks for: beside the torch that is there, or alone."""
    machine.write("worker.py", program_of(library) + "\n")
    if library in BESIDE_TORCH:
        machine.clone("torch")
        machine.pip(f"--only-binary :all: {library}=={release} torch==2.5.1 torchvision==0.20.1")
    else:
        machine.venv("--only-binary :all:", f"{library}=={release}")


def fails_with(dice, machine, library):
    """The first drawn package and release beside which the library does not import."""
    for _ in range(TRIES):
        other = dice.choice(asked_of(library))
        version = dice.choice(read_table(other).releases[-RECENT:])
        try:
            machine.pip(f"--no-deps --only-binary :all: {other}=={version}")
        except subprocess.SubprocessError:
            continue
        failed = machine.sh("python worker.py", check=False)
        if failed.returncode:
            return other, version, failed.stdout.strip().splitlines()[-1][:160]
    return None


def pairs(seed, count, libraries):
    dice, told = random.Random(seed), 0
    while told < count:
        library = dice.choice([p for p in libraries if asked_of(p)])
        release = dice.choice(read_table(library).releases[-RECENT:])
        folder = pathlib.Path(tempfile.mkdtemp(prefix="pairs-"))
        try:
            machine = Machine(folder, "")
            library_of(machine, library, release)
            if machine.sh("python worker.py", check=False).returncode == 0:
                found = fails_with(dice, machine, library)
                if found:
                    told += 1
                    yield library, release, *found
        except subprocess.SubprocessError:  # no wheel for this Python
            pass
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    of = BESIDE_TORCH if sys.argv[3:] == ["torch"] else SMALL
    for row in pairs(int(sys.argv[1]), int(sys.argv[2]), of):
        print(*row, sep="\t", flush=True)
