# cause: visible-devices.wrong
# fix: env:CUDA_VISIBLE_DEVICES
# env: CUDA_VISIBLE_DEVICES=7
import torch
torch.ones(1, device="cuda")
