# cause: bnb.override-wrong
# fix: env:BNB_CUDA_VERSION
# env: BNB_CUDA_VERSION=124
# needs: bitsandbytes
import torch, bitsandbytes
layer = bitsandbytes.nn.Linear4bit(64, 64).cuda()
print(layer(torch.ones(1, 64, device="cuda", dtype=torch.half)))
