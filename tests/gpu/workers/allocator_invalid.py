# cause: env.allocator-invalid
# fix: env:PYTORCH
# env: PYTORCH_CUDA_ALLOC_CONF=expandable_segment:True
# env: PYTORCH_ALLOC_CONF=expandable_segment:True
import torch
torch.ones(1, device="cuda")
