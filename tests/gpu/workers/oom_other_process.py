# cause: oom.other-process
# fix: free-gpu
import subprocess, sys, torch
HOLD = (
    "import torch, sys; x = torch.empty(int(torch.cuda.mem_get_info()[0] * 0.85), dtype=torch.uint8, device='cuda');"
    " print('held', flush=True); sys.stdin.read(); import time; time.sleep(8)  # still there when the facts are read"
)
other = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
other.stdout.readline()
total = torch.cuda.mem_get_info()[1]
torch.empty(int(total * 0.3), dtype=torch.uint8, device="cuda")
