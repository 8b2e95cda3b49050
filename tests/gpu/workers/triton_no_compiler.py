# cause: triton.compile
# fix: apt:gcc
# needs: triton
import os, tempfile
os.environ.update(PATH="/nonexistent", TRITON_CACHE_DIR=tempfile.mkdtemp(), TORCHINDUCTOR_CACHE_DIR=tempfile.mkdtemp())
os.environ.pop("CC", None)
import torch
print(torch.compile(lambda x: (x * 2).relu() + 1)(torch.ones(4096, device="cuda")).sum().item())
