# cause: driver.forward-compat driver.library-mismatch
# fix: env:LD_LIBRARY_PATH
# env: LD_LIBRARY_PATH=/usr/local/cuda/compat:/usr/local/nvidia/lib64
import torch
torch.ones(1, device="cuda")
