# cause: oom.other-process
# fix: free-gpu
import subprocess, sys
HOLD = """
import torch, sys
held = []
for size in (1 << 30, 1 << 27, 1 << 24, 2 << 20):
    try:
        while True: held.append(torch.empty(size, dtype=torch.uint8, device='cuda'))
    except torch.OutOfMemoryError: pass
print('held', flush=True); sys.stdin.read(); import time; time.sleep(8)  # still there when the facts are read
"""
other = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
other.stdout.readline()
import torch
torch.ones(1, device="cuda")
