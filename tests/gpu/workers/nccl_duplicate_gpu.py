# cause: launch.too-many-ranks nccl.init app.bug
# fix: param: env:CUDA_VISIBLE_DEVICES code
# with: torchrun --nproc-per-node 2 --standalone
import torch, torch.distributed as dist
torch.cuda.set_device(0)
dist.init_process_group("nccl")
dist.all_reduce(torch.ones(1, device="cuda"))
torch.cuda.synchronize()
