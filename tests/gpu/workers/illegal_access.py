# cause: cuda.illegal-access gpu.app-fault
# fix: code pip: env:CUDA_LAUNCH_BLOCKING
# needs: triton
import torch, triton, triton.language as tl
@triton.jit
def write(p, far):
    tl.store(p + far, 1.0)
x = torch.zeros(16, device="cuda")
write[(1,)](x, 1 << 44)
print(x.sum().item())
