"""A failure from end to end, with the real bitsandbytes 0.42.0: it looks for a CUDA version that it does not ship, dies
with "CUDA Setup failed", is diagnosed, restarted with BNB_CUDA_VERSION, and passes that point."""
import json
import os
import pathlib
import subprocess

import conftest
import seed_env

# torch's own CUDA version is changed before bitsandbytes asks for it; everything after that is bitsandbytes' own code.
WORKER = """
import os, torch
torch.version.cuda = "12.8"
torch.cuda.is_available = lambda: True
torch.cuda.device_count = lambda: 1
torch.cuda.current_device = lambda: 0
torch.cuda.get_device_capability = lambda device=None: (12, 0)
import bitsandbytes
print("loaded with", os.environ["BNB_CUDA_VERSION"], "attempt", os.environ["FIRSTFIX_ATTEMPT"],
      "recovered", os.environ["FIRSTFIX_RECOVERED"])
"""


def test_the_seed_failure_recovers_by_itself(tmp_path):
    python = pathlib.Path(seed_env.seed_python())
    build = conftest.build_dir()
    (tmp_path / "handler.py").write_text(WORKER)
    env = {
        "HOME": os.environ["HOME"],
        "LANG": "C.UTF-8",
        "PATH": f"{python.parent}:/usr/bin:/bin",
        "VIRTUAL_ENV": str(python.parents[1]),
        "FIRSTFIX_DIR": str(tmp_path / "state"),
        "FIRSTFIX_NVML": "",
        "FIRSTFIX_CUDA": "",
    }
    firstfix = build / "src/cli/firstfix"
    command = [firstfix, "run", "--recover", "env", "--attempts", "3", "--", "python", "handler.py"]
    run = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    assert "loaded with 121 attempt 2 recovered BNB_CUDA_VERSION=121" in run.stdout
    assert "libbitsandbytes_cuda128.so" in run.stderr and "ENV BNB_CUDA_VERSION=121" in run.stderr
    shown = subprocess.run(
        [firstfix, "incidents", "show", "last", "--json"], env=env, capture_output=True, text=True, timeout=60
    )
    incident = json.loads(shown.stdout)
    assert incident["diagnosis"]["diagnoses"][0]["cause"] == "bnb.binary-missing"
    assert incident["exception"]["type"] == "RuntimeError"
    assert [a["result"] for a in incident["attempts"]] == ["passed"]
