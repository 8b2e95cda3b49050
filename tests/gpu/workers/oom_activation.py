# cause: oom.activation
# fix: param:
import torch
model = torch.nn.Sequential(torch.nn.Linear(4096, 4096), torch.nn.ReLU(), torch.nn.Linear(4096, 4096)).cuda().half()
print("model loaded", flush=True)
scores = torch.zeros(1, 1 << 16, 4096, device="cuda", dtype=torch.half)
for batch in (8, 64, 512, 4096):
    print("batch", batch, model(scores.expand(batch, -1, -1).reshape(-1, 4096)).shape, flush=True)
