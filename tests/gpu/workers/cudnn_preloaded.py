# cause: cudnn.mismatch
# fix: env:LD_ pip:
import os, sys
SYSTEM = "/usr/lib/x86_64-linux-gnu/libcudnn.so.9"
if os.path.exists(SYSTEM) and "LD_PRELOAD" not in os.environ:
    os.environ["LD_PRELOAD"] = SYSTEM
    os.execv(sys.executable, [sys.executable, *sys.argv])
import torch
print("preloaded", os.environ.get("LD_PRELOAD"), flush=True)
print(
    torch.nn.Conv2d(3, 3, 3).cuda()(torch.ones(1, 3, 8, 8, device="cuda")).sum().item(), torch.backends.cudnn.version()
)
sys.exit("cuDNN was not another one")
