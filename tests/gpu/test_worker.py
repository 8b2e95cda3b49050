"""The package inside real workers on a real GPU: what a load and a request record, and that a healthy worker is left
alone.
"""

import json
import subprocess

import pytest

from gpu_machine import facts, hooks, kept, run, torch_python  # noqa: F401

MODEL = """
import tempfile, torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
folder = tempfile.mkdtemp()
LlamaForCausalLM(LlamaConfig(vocab_size=32000, hidden_size=1024, intermediate_size=2816,
    num_hidden_layers=8, num_attention_heads=16,
                             num_key_value_heads=4)).to(torch.bfloat16).save_pretrained(folder)
"""


def test_a_load_on_the_gpu_and_a_request(run, torch_python, kept):  # noqa: F811
    died = run([torch_python, "-c", MODEL + """
import firstfix
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, device_map="cuda")
@firstfix.request
def handler(job):
    return model.generate(torch.tensor([[1, 2, 3]], device="cuda"), max_new_tokens=job, do_sample=False).shape[1]
for n in (8, 16, 8): handler(n)
"""])
    (kept / "healthy.log").write_text(died.stdout + died.stderr, encoding="utf-8")
    assert died.code == 0 and not died.incident(), died.stderr
    load, *requests = died.events("firstfix.phase.end")
    assert load["firstfix.outcome"] == "ok" and load["firstfix.model.devices"] == "all layers on cuda:0"
    assert load["firstfix.model.bytes"] == 2 * load["firstfix.model.parameters"] > 200 << 20
    memory = died.events("firstfix.memory")
    assert memory and memory[-1]["firstfix.gpu.memory.allocated"] >= load["firstfix.model.bytes"]
    assert len(requests) == 3 and all(
        row["firstfix.gpu.memory.before"] >= load["firstfix.model.bytes"] for row in requests
    )
    assert all(row.get("firstfix.gpu.memory.peak", 1 << 50) >= row["firstfix.gpu.memory.allocated"] for row in requests)


def test_four_bits(run, torch_python, kept):  # noqa: F811
    if subprocess.run(
        [torch_python, "-c", "import bitsandbytes"], capture_output=True, timeout=120, check=False
    ).returncode:
        pytest.skip("no bitsandbytes")
    died = run([
        torch_python,
        "-c",
        MODEL + """
from transformers import BitsAndBytesConfig
bits = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
model = AutoModelForCausalLM.from_pretrained(folder, device_map="cuda", quantization_config=bits)
print(model.generate(torch.tensor([[1, 2, 3]], device="cuda"), max_new_tokens=4, do_sample=False).shape)
""",
    ])
    (kept / "four-bits.log").write_text(died.stdout + died.stderr, encoding="utf-8")
    assert died.code == 0 and not died.incident(), died.stderr
    load = died.events("firstfix.phase.end")[0]
    assert (
        load["firstfix.model.quantization"] == "bitsandbytes 4-bit nf4"
        and load["firstfix.model.devices"] == "all layers on cuda:0"
    )
    assert (
        load["firstfix.model.bytes"] < 1.5 * load["firstfix.model.parameters"]
    )  # bf16 would be 2, with the embedding of 65.5 M left so


def test_healthy_logs_stay_without_a_diagnosis(firstfix, kept, facts):  # noqa: F811
    logs = [path for path in (kept / "healthy.log", kept / "four-bits.log") if path.exists()]
    assert logs
    for path in logs:
        done = subprocess.run(
            [firstfix, "explain", "--json", "--facts", kept / "facts.json", path],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert json.loads(done.stdout)["diagnoses"] == [], path


def test_a_leak_is_called_before_it_kills(run, torch_python):  # noqa: F811
    died = run([torch_python, "-c", """
import firstfix, torch
held = []
@firstfix.request
def handler(n): held.append(torch.ones(64 << 20, dtype=torch.uint8, device="cuda"))
for n in range(60): handler(n)
"""])
    assert died.code == 0 and "MB a request" in died.stderr, died.stderr
    assert [row for row in died.events("firstfix.custom") if row.get("firstfix.event") == "memory.growth"]


def test_an_oom_names_the_lines_that_hold_the_memory(run, torch_python, tmp_path):  # noqa: F811
    script = tmp_path / "holder.py"
    script.write_text("""
import torch
torch.cuda.memory._record_memory_history()
def weights(): return torch.empty(int(torch.cuda.mem_get_info()[0] * 0.6), dtype=torch.uint8, device="cuda")
held = weights()
torch.empty(int(torch.cuda.mem_get_info()[1] * 0.6), dtype=torch.uint8, device="cuda")
""", encoding="utf-8")
    died = run([torch_python, script])
    assert died.code == 1 and "GPU MEMORY DIAGNOSTICS" in died.stderr, died.stderr
    assert f"by {script}:4 in weights" in died.stderr, died.stderr


def test_a_kernel_that_does_not_end_is_a_hang(run, torch_python):  # noqa: F811
    if subprocess.run([torch_python, "-c", "import cupy"], capture_output=True, timeout=120, check=False).returncode:
        pytest.skip("no cupy")
    died = run(
        [
            torch_python,
            "-c",
            """
import cupy
spin = cupy.RawKernel(
    'extern "C" __global__ void f(long long n) { long long a = clock64(); while (clock64() - a < n); }', "f")
print("waits for the GPU", flush=True)
def wait():
    spin((1,), (1,), (60_000_000_000,))  # half a minute at 1.98 GHz
    cupy.cuda.Device().synchronize()
wait()
""",
        ],
        FIRSTFIX_HANG_AFTER="6",
        FIRSTFIX_HANG_ACTION="kill",
    )
    assert died.code != 0 and "HANGS" in died.stderr and "in wait" in died.stderr, died.stderr
