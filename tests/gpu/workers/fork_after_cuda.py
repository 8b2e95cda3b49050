# cause: cuda.fork
# fix: code env:VLLM_WORKER_MULTIPROC_METHOD
import multiprocessing, torch
def work(n): return torch.ones(n, device="cuda").sum().item()
torch.ones(1, device="cuda")
with multiprocessing.get_context("fork").Pool(1) as pool:
    print(pool.map(work, [3]))
