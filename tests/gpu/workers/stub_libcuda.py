# cause: cuda.stub-loaded
# fix: env:LD_LIBRARY_PATH
import glob, os, sys
stubs = [
    os.path.dirname(p)
    for p in glob.glob("/usr/local/cuda*/lib64/stubs/libcuda.so")
    + glob.glob("/usr/local/cuda*/targets/*/lib/stubs/libcuda.so")
]
if stubs and "stub-links" not in os.environ.get("LD_LIBRARY_PATH", ""):
    os.makedirs("/tmp/stub-links", exist_ok=True)
    if not os.path.lexists("/tmp/stub-links/libcuda.so.1"):
        os.symlink(stubs[0] + "/libcuda.so", "/tmp/stub-links/libcuda.so.1")
    os.environ["LD_LIBRARY_PATH"] = "/tmp/stub-links:" + os.environ.get("LD_LIBRARY_PATH", "")
    os.execv(sys.executable, [sys.executable, *sys.argv])
import torch
torch.ones(1, device="cuda")
