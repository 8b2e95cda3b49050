"""Machines with torch: gigabytes, so only with FIRSTFIX_LIVE=all."""
from machines import Case


def vision_of_another_torch(m):
    m.clone("torch")
    m.pip("--no-deps torchvision==0.19.1")
    return Case("python -c 'import torchvision'", "torch.torchvision-mismatch ext.abi-mismatch pip.conflict")


def library_of_torch_gone(m):
    m.clone("torch")
    m.sh("python -m pip uninstall -q -y nvidia-cusparse-cu12")
    return Case("python -c 'import torch'", "cuda.lib-missing")


def weights(m, script="from transformers import AutoModel\nprint(AutoModel.from_pretrained('./m'))\n"):
    m.write(
        "make.py",
        "from transformers import BertConfig, BertModel\nBertModel(BertConfig(vocab_size=99, hidden_size=64,"
        " num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)).save_pretrained('m',"
        " max_shard_size='100KB')\n",
    )
    m.sh("python make.py && rm make.py")
    m.write("serve.py", script)


def shard_left_out(m):
    m.clone("torch")
    weights(m)
    m.sh("rm m/model-00002-of-*.safetensors")
    m.write("m/.git/config", '[remote "origin"]\n\turl = https://huggingface.co/team/tiny\n')
    return Case(
        "python serve.py",
        "hf.incomplete hf.not-found",
        accept=r"hf download team/tiny model-00002\S+ .*--force-download",
    )


def shard_cut_short(m):
    m.clone("torch")
    weights(m)
    m.sh("f=$(ls m/model-00001-of-*) && truncate -s -100 $f")
    return Case("python serve.py", "hf.incomplete", accept=r"rm .*model-00001|--force-download")


def device_map_without_accelerate(m):
    m.clone("torch")
    weights(m, "from transformers import AutoModel\nprint(AutoModel.from_pretrained('./m', device_map='auto'))\n")
    return Case("python serve.py", "accelerate.missing")


def four_bits_without_bitsandbytes(m):
    m.clone("torch")
    m.pip("accelerate==1.1.1")
    weights(m, "from transformers import AutoModel, BitsAndBytesConfig\nq = BitsAndBytesConfig(load_in_4bit=True)\n"
            "print(AutoModel.from_pretrained('./m', quantization_config=q))\n")
    return Case(
        "python serve.py",
        "bnb.not-installed host.no-gpu bnb.cpu-only",
        accept="pip install .*bitsandbytes|docker run --gpus",
    )


def cuda_code_without_a_compiler(m):
    m.clone("torch")
    m.pip("ninja")
    m.write("serve.py", "from torch.utils.cpp_extension import load_inline\n"
            "load_inline('x', cpp_sources='void f();', cuda_sources='void f() {}', functions=['f'])\n")
    return Case("python serve.py", "cuda.nvcc-missing", accept=r"cuda-(toolkit|nvcc|compiler)-12-4")


def onnxruntime_of_another_cuda(m):
    m.clone("torch")
    m.pip("onnxruntime-gpu==1.18.0 onnx==1.16.2 numpy==1.26.4")
    m.write("serve.py", "import torch, onnx, onnxruntime as o\nfrom onnx import helper as h, TensorProto as T\n"
            "v = [h.make_tensor_value_info(n, T.FLOAT, [1]) for n in 'xy']\n"
            "m = h.make_model(h.make_graph([h.make_node('Relu', ['x'], ['y'])], 'g', v[:1], v[1:]), "
            "opset_imports=[h.make_opsetid('', 17)])\nm.ir_version = 8\n"
            "s = o.InferenceSession(m.SerializeToString(), providers=['CUDAExecutionProvider'])\n"
            "assert 'CUDAExecutionProvider' in s.get_providers()\n")
    return Case(
        "python serve.py", "cuda.lib-missing", after="! python serve.py 2>&1 | grep 'cannot open shared object'"
    )


SCENARIOS = [
    f for f in list(globals().values()) if callable(f) and getattr(f, "__module__", "") == __name__ and f is not weights
]
