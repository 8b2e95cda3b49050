"""GPU memory of loads, requests and OOM, with a stand-in for torch whose functions answer as torch 2.3's do on a GPU.

The stand-in is a module called torch: the border that the package reads, in sys.modules. Real torch: tests/wheels.
"""
import json
import pathlib
import subprocess

import pytest

from conftest import build_dir
from python_worker import hooks, worker  # noqa: F401

FAKE = {"FIRSTFIX_NVML": str(build_dir() / "tests/fake/libnvidia-ml-now.so"), "FIRSTFIX_CUDA": "",
        "FIRSTFIX_FAKE": str(pathlib.Path(__file__).parents[1] / "fake/scenarios/rtx5090.json")}

TORCH = """
import sys, types
GB = 1 << 30
class Cuda(types.ModuleType):
    allocated, reserved, peak, up = 2 * GB, 3 * GB, 2 * GB, True
    class OutOfMemoryError(RuntimeError): pass
    def is_initialized(self): return self.up
    def device_count(self): return 2
    def current_device(self): return 0
    def memory_reserved(self, i): return self.reserved if i == 0 else 0
    def memory_allocated(self, i): return self.allocated if i == 0 else 0
    def max_memory_allocated(self, i): return self.peak
    def mem_get_info(self, i): return 10 * GB, 24 * GB
    def get_device_name(self, i): return "NVIDIA Test"
    def get_device_capability(self, i): return 9, 0
    def memory_stats(self, i):
        return {"inactive_split_bytes.all.current": GB // 2, "num_alloc_retries": 3, "num_ooms": 1}
    def memory_stats_as_nested_dict(self):
        return {"allocated_bytes": {"all": {"current": self.allocated, "peak": self.peak}}}
    def memory_snapshot(self):
        block = {"size": GB, "state": "active_allocated", "frames": [{"filename": "alloc.cpp", "line": 1, "name": "x"},
                                  {"filename": "/srv/cache.py", "line": 7, "name": "grow"}]}
        return [{"device": 0, "blocks": [block, {"size": 9 * GB, "state": "inactive"}]},
            {"device": 1, "blocks": [dict(block, size=5)]}]
    def empty_cache(self): raise AssertionError("never touched by us")
    reset_peak_memory_stats = empty_cache
torch = types.ModuleType("torch"); torch.__version__ = "2.3.1+cu121"; torch.cuda = Cuda("torch.cuda")
torch.version = types.SimpleNamespace(cuda="12.1"); sys.modules["torch"] = torch
import firstfix
"""


def run(worker, script, **env):  # noqa: F811
    return worker.run(TORCH + script, **env)


def test_a_request_has_memory_before_peak_and_after(worker):  # noqa: F811
    done = run(worker, """
with firstfix.request(): torch.cuda.allocated += GB; torch.cuda.peak = 4 * GB
with firstfix.request(): torch.cuda.allocated -= GB
torch.cuda.up = False
with firstfix.request(): pass
""")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [
        [row.get("firstfix.gpu.memory." + k) for k in ("before", "allocated", "peak")]
        for row in worker.events("firstfix.phase.end")
    ]
    gb = 1 << 30
    assert rows == [[2 * gb, 3 * gb, 4 * gb], [3 * gb, 2 * gb, None], [None, None, None]]


def test_readings_can_be_turned_off(worker):  # noqa: F811
    run(worker, "with firstfix.request(): pass", FIRSTFIX_GPU_READS="0")
    assert "firstfix.gpu.memory.before" not in json.dumps(worker.events())


def test_a_leak_is_called(worker):  # noqa: F811
    done = run(worker, """
for i in range(30):
    with firstfix.request(): torch.cuda.allocated += 14 << 20
""")
    assert (
        done.stderr.startswith("firstfix: GPU memory grows by 14.0 MB a request, about ")
        and done.stderr.count("\n") == 1
    )


def test_out_of_memory_shows_the_seeds_block(worker):  # noqa: F811
    done = run(worker, """
try:
    with firstfix.model_load("m"): raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
except RuntimeError: pass
""")
    for line in (
        "GPU MEMORY DIAGNOSTICS",
        "Total VRAM: 24.00 GB",
        "Allocated: 2.00 GB",
        "Reserved: 3.00 GB",
        "Free: 10.00 GB",
        "Used by other processes and the CUDA context: 11.00 GB",
        "Inactive pieces (fragments): 512.0 MB",
        "Allocation retries: 3, failures: 1",
        "Large block: 1024.0 MB by /srv/cache.py:7 in grow",
    ):
        assert line in done.stderr, done.stderr
    assert "9216.0 MB" not in done.stderr
    assert "VRAM: 24.00 GB" in done.stderr and "CUDA version (PyTorch): 12.1" in done.stderr


def test_an_oom_that_ends_a_supervised_process_leaves_its_memory_behind(worker):  # noqa: F811
    """`firstfix run` diagnoses from outside, where torch's allocator cannot be asked."""
    script = TORCH + 'raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")'
    env = {**worker.environment(), "FIRSTFIX_HOOKS": str(worker.hooks)}
    done = subprocess.run(
        [worker.program, "run", "--report", "off", "--", worker.python, "-c", script],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1 and "WORKER FAILED" in done.stderr, done.stderr
    assert "Large block: 1024.0 MB by /srv/cache.py:7 in grow" in done.stderr and "PROCESS FAILED" not in done.stderr
    memory, = worker.events("firstfix.memory")
    assert (memory["firstfix.gpu.memory.free"], memory["firstfix.gpu.memory.allocated"]) == (10 << 30, 2 << 30)


def test_torch_that_answers_with_errors_is_left_alone(worker):  # noqa: F811
    done = run(
        worker,
        """
def broken(*a): raise RuntimeError("CUDA error: device-side assert triggered")
broken_ones = ("mem_get_info", "memory_reserved", "memory_stats_as_nested_dict", "memory_stats")
for name in broken_ones: setattr(torch.cuda, name, broken)
with firstfix.request(): pass
with firstfix.model_load("m"): pass
torch.cuda = None
with firstfix.request(): pass
with firstfix.model_load("m"): pass
""",
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert [row["firstfix.outcome"] for row in worker.events("firstfix.phase.end")] == ["ok"] * 4


SUMMARY = """
class Parameter:
    def __init__(self, n, dtype, device, size): self.n, self.dtype, self.device, self.size = n, dtype, device, size
    def numel(self): return self.n
    def element_size(self): return self.size
class Params4bit(Parameter):
    quant_type = "nf4"
    quant_state = types.SimpleNamespace(shape=(1000, 2000))
class Module:
    config = types.SimpleNamespace(quantization_config=types.SimpleNamespace(quant_method="bitsandbytes"))
    def named_parameters(self):
        yield "model.embed", Parameter(1000, "torch.bfloat16", "cuda:0", 2)
        yield "model.layers.0", Params4bit(1000000, "torch.uint8", "cuda:0", 1)
        yield "model.layers.1", Parameter(500, "torch.bfloat16", "cpu", 2)
torch.nn = types.SimpleNamespace(Module=Module)
"""


def test_summary_of_quantized_and_offloaded_models(worker):  # noqa: F811
    done = run(worker, SUMMARY + """
with firstfix.model_load("m") as load: load.result = Module()
Module.hf_device_map = {"model.embed": 0, "model.layers.0": 0, "model.layers.1": "disk", "model.layers.2": "disk"}
with firstfix.model_load("m") as load: load.result = types.SimpleNamespace(model=Module())
""")
    assert done.returncode == 0, done.stderr
    first, second = worker.events("firstfix.phase.end")
    assert first["firstfix.model.parameters"] == 2_001_500 and first["firstfix.model.bytes"] == 1_003_000
    assert first["firstfix.model.quantization"] == "bitsandbytes 4-bit nf4"
    assert first["firstfix.model.devices"] == "2 on cuda:0, 1 on cpu (model.layers.1)"
    assert second["firstfix.model.devices"] == "2 on cuda:0, 2 on disk (model.layers.1 \u2026 model.layers.2)"
    assert "2.0 M 4-bit nf4, 1.5 k bfloat16" in done.stderr and "Not all layers are on the GPU" in done.stderr
    memory = worker.events("firstfix.memory")
    assert memory[0]["firstfix.gpu.memory.free"] == 10 << 30 and memory[0]["firstfix.gpu.index"] == 0


@pytest.mark.parametrize(
    "visible, shown", [(None, True), ("0", True), ("GPU-5d1c0b2e", True), ("", False), ("1", False)]
)
def test_before_cuda_is_initialised_the_gpu_is_known_from_outside(worker, visible, shown):  # noqa: F811
    """From NVML in another process: name, memory, capability; CUDA stays untouched, and what CUDA will not see is not
    shown.
    """
    done = run(worker, """
import os
torch.cuda.up = False
def touched(*_): raise AssertionError("CUDA is not ours to start")
for name in ("mem_get_info", "get_device_name", "device_count", "current_device"): setattr(torch.cuda, name, touched)
if os.environ.get("SHOWN") is not None: os.environ["CUDA_VISIBLE_DEVICES"] = os.environ["SHOWN"]
with firstfix.model_load("acme/model"): pass
""", **FAKE, **({} if visible is None else {"SHOWN": visible}))
    lines = done.stderr.splitlines()
    gpu = ["GPU 0: NVIDIA GeForce RTX 5090", "VRAM: 31.84 GB", "Free memory: 30.83 GB", "Compute capability: (12, 0)"]
    assert done.returncode == 0 and [line in lines for line in gpu] == [shown] * 4, done.stderr
    assert "CUDA: not initialised yet in this process" in lines and "failed" not in done.stderr


def test_an_initialised_gpu_has_its_capability(worker):  # noqa: F811
    done = run(worker, 'with firstfix.model_load("acme/model"): pass')
    assert "Compute capability: (9, 0)" in done.stderr.splitlines(), done.stderr
