"""safetensors and GGUF headers of files that the formats' own libraries wrote."""

import os
import subprocess
import sys

import pytest

import oracle
from wheelhouse import wheelhouse

WRITER = """
import sys, numpy, gguf
from safetensors.numpy import save_file
folder = sys.argv[1]
tensors = {"a": numpy.zeros((10, 20), "float32"), "b": numpy.ones((7,), "float16"), "c": numpy.zeros((), "int64"),
           "d": numpy.zeros((0, 3), "int8")}
save_file(tensors, folder + "/m.safetensors", metadata={"format": "pt"})
w = gguf.GGUFWriter(folder + "/m.gguf", "llama")
w.add_block_count(22); w.add_embedding_length(2048); w.add_head_count(32)
w.add_head_count_kv(4); w.add_context_length(2048)
w.add_token_list(["<s>", "a", "b"]); w.add_token_scores([0.0, 1.0, 2.0])
w.add_tensor("token_embd.weight", numpy.zeros((64, 256), "float32"))
q8 = gguf.GGMLQuantizationType.Q8_0
w.add_tensor("blk.0.attn_q.weight", gguf.quants.quantize(numpy.ones((32, 256), "float32"), q8), raw_dtype=q8)
w.add_tensor("blk.0.norm", numpy.zeros((256,), "float16"))
w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    venv = wheelhouse() / "model-files"
    python = venv / "bin/python"
    if not (venv / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "safetensors", "numpy", "gguf"], check=True)
        (venv / "done").touch()
    folder = tmp_path_factory.mktemp("models")
    subprocess.run([python, "-c", WRITER, folder], check=True)
    return folder


def ask(path):
    return oracle.ask([("model", str(path))])[0]


def test_safetensors(files):
    path = files / "m.safetensors"
    tensors, parameters, size, whole, *_ = map(int, ask(path).split("\t"))
    assert (tensors, parameters, size) == (4, 208, 800 + 14 + 8)
    assert whole == os.path.getsize(path)


def test_gguf(files):
    path = files / "m.gguf"
    tensors, parameters, size, whole, layers, heads, kv_heads = map(int, ask(path).split("\t"))
    assert (tensors, parameters, size) == (3, 64 * 256 + 32 * 256 + 256, 64 * 256 * 4 + 32 * 8 * 34 + 512)
    assert (layers, heads, kv_heads) == (22, 32, 4)
    assert whole <= os.path.getsize(path) < whole + 32  # the writer pads the last tensor


def test_every_cut_is_an_error_or_a_shorter_file(files, tmp_path):
    for name in ("m.safetensors", "m.gguf"):
        data = (files / name).read_bytes()
        whole = int(ask(files / name).split("\t")[3])
        for n in [*range(0, min(len(data), 400), 7), len(data) // 2, whole - 1]:
            path = tmp_path / name
            path.write_bytes(data[:n])
            answer = ask(path)
            assert answer.startswith("error: ") or int(answer.split("\t")[3]) > n
