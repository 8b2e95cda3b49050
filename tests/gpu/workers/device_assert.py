# cause: cuda.device-assert
# fix: code env:CUDA_LAUNCH_BLOCKING
import torch
embedding = torch.nn.Embedding(1000, 64).cuda()
print(embedding(torch.tensor([[5, 1000]], device="cuda")).sum().item())
