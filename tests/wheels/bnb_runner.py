"""Runs the library choice of a real bitsandbytes under a stand-in for torch; prints the file name that was loaded, or
null.

bnb_runner.py FOLDER-THAT-HOLDS-bitsandbytes/ QUESTION.json
"""

import contextlib
import ctypes
import io
import json
import os
import sys
import types
import warnings

folder, question = sys.argv[1], json.loads(sys.argv[2])
loaded = []


class Library:
    """Any symbol is there but those that say "compiled with CUDA"."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return types.SimpleNamespace(restype=None)


def load(path):
    if not os.path.exists(path):
        raise OSError(path)
    loaded.append(os.path.basename(path))
    return Library()


def stand_in_for_torch():
    torch = types.ModuleType("torch")
    torch.version = types.SimpleNamespace(cuda=question.get("torch_cuda"), hip=question.get("torch_hip"))
    capability = tuple(map(int, question["capability"].split(".")))
    torch.cuda = types.SimpleNamespace(
        is_available=lambda: question["gpu"],
        device_count=lambda: 1,
        device=lambda i: i,
        get_device_capability=lambda i: capability,
        get_device_properties=lambda i: types.SimpleNamespace(gcnArchName="gfx90a"),
    )
    torch._C = types.SimpleNamespace(_has_xpu=False)
    sys.modules["torch"] = torch


def run():
    stand_in_for_torch()
    ctypes.cdll.LoadLibrary = load
    for variable in ("BNB_CUDA_VERSION", "BNB_ROCM_VERSION"):
        os.environ.pop(variable, None)
    if question.get("override_cuda") is not None:
        os.environ["BNB_CUDA_VERSION"] = question["override_cuda"]
    package = types.ModuleType("bitsandbytes")
    package.__path__ = [os.path.join(folder, "bitsandbytes")]
    sys.modules["bitsandbytes"] = package
    if os.path.exists(os.path.join(folder, "bitsandbytes/cuda_setup/main.py")):
        import bitsandbytes.cuda_setup.main as main

        if hasattr(main, "get_cuda_lib_handle"):  # up to 0.40.0: asks the driver and the first libcudart
            cudart = question.get("cudart")
            main.get_cuda_lib_handle = lambda: object()
            main.get_compute_capability = lambda cuda: question["capability"]
            main.determine_cuda_runtime_lib_path = lambda: "/libcudart.so"
            main.get_cuda_version = lambda cuda, path: cudart.replace(".", "")
    import bitsandbytes.cextension  # noqa: F401


with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    warnings.simplefilter("ignore")
    try:
        run()
    except Exception:
        loaded.clear()
print(json.dumps(loaded[-1] if loaded else None))
