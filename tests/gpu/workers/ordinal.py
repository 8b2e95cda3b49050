# cause: launch.too-many-ranks visible-devices.wrong
# fix: param: env:CUDA_VISIBLE_DEVICES code
# with: torchrun --nproc-per-node 2 --standalone
import os, torch
torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
print(torch.ones(1, device="cuda"), flush=True)
import time; time.sleep(20)
