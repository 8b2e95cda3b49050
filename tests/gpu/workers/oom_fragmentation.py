# cause: oom.fragmentation
# fix: env:PYTORCH_CUDA_ALLOC_CONF env:PYTORCH_ALLOC_CONF
import torch
# Two blocks of 9 MB lie in a segment of 20 MB: freeing every other one leaves half of the memory reserved and of no
# use.
free, total = torch.cuda.mem_get_info()
blocks = [torch.empty(9 << 20, dtype=torch.uint8, device="cuda") for _ in range(int(free * 0.97) // (10 << 20))]
del blocks[::2]
print("half of it is free again", flush=True)
torch.empty(16 << 30, dtype=torch.uint8, device="cuda")
