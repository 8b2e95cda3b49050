# cause: oom.leak
# fix: code
import torch
history = []
try:
    import firstfix
    request = firstfix.request
except ImportError:
    request = lambda f: f
@request
def handler(n):
    history.append(
        torch.ones(int(0.02 * torch.cuda.get_device_properties(0).total_memory), dtype=torch.uint8, device="cuda")
    )
    return n
torch.ones(1, device="cuda")
for n in range(100):
    print("request", handler(n), "done,", torch.cuda.memory_allocated() >> 20, "MiB allocated", flush=True)
