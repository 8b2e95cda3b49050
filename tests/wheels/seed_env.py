"""The Python environment of a worker of 2024, with the real wheels: torch 2.3.1, bitsandbytes 0.42.0, transformers
4.45.0.
"""

import os
import shutil
import subprocess

import pytest

from wheelhouse import wheelhouse

REQUIREMENTS = ["torch==2.3.1", "bitsandbytes==0.42.0", "transformers==4.45.0", "scipy", "numpy<2"]


def seed_python():
    """Path of its interpreter; downloads it (3 GB) at the first call. Skips where no Python 3.10 or 3.11 is to be had.
    """
    folder = wheelhouse() / "seed"
    python = folder / "bin/python"
    if python.exists() and list(folder.glob("lib/python3*/site-packages/torch/lib/libtorch_cuda.so")):
        return str(python)
    base = next((p for v in ("3.11", "3.10") if (p := shutil.which(f"python{v}"))), None)
    if os.uname().machine != "x86_64" or not base:
        pytest.skip("the wheels of 2024 need x86_64 and Python 3.10 or 3.11")
    subprocess.run([base, "-m", "venv", folder], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
    return str(python)


def site_packages(python):
    """Its site-packages folder."""
    folder = os.path.dirname(os.path.dirname(python))
    return next(
        os.path.join(folder, "lib", d, "site-packages")
        for d in os.listdir(os.path.join(folder, "lib"))
        if d.startswith("python3")
    )
