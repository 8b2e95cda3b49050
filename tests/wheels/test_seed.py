"""The start-up report of the worker of 2024, line by line, from its own wheels and a stand-in driver that plays its RTX
5090.

Where the note's machine had what these wheels do not bring, the expectation is what is true here: its folders
(/usr/local), its Python (3.10.12) and its toolkit (12.4) were the container's; PyPI's torch 2.3.1 was built with cuDNN
8.9.2, not with the 9.1 of the note. The imports of sections 2 and 3 are run by `firstfix check --deep`.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from seed_env import seed_python, site_packages
from wheelhouse import wheelhouse

SCENARIO = pathlib.Path(__file__).resolve().parents[1] / "fake/scenarios/rtx5090.json"
GIB = 1 << 30
TOKEN = "hf_" + "fbCvJxnQwErTyUiOpAsDfGhJkLzXcVbNmQ"
SEED_ENV = {  # its "Critical Environment Variables"
    "CUDA_HOME": "/usr/local/cuda",
    "CUDA_PATH": "/usr/local/cuda",
    "LD_LIBRARY_PATH": "/usr/local/nvidia/lib:/usr/local/nvidia/lib64:/usr/local/cuda/lib64",
    "BNB_CUDA_VERSION": "121",
    "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
    "HF_HOME": "/runpod-volume/huggingface",
    "TRANSFORMERS_CACHE": "/runpod-volume/huggingface",
}


@pytest.fixture(scope="module")
def python():
    return seed_python()


@pytest.fixture(scope="module")
def worker(build, tmp_path_factory):
    """The environment of a process on that machine: its variables, and an RTX 5090 with its 31.4 GB."""
    scenario = json.loads(SCENARIO.read_text())
    scenario["gpus"][0]["memory"] = {"total": round(31.4 * GIB), "used": 0, "reserved": round(0.1 * GIB)}
    played = tmp_path_factory.mktemp("seed") / "scenario.json"
    played.write_text(json.dumps(scenario))
    quiet = {k: v for k, v in os.environ.items() if not k.startswith(("LD_", "PYTHON", "VIRTUAL_ENV", "CONDA"))}
    return {
        **quiet,
        **SEED_ENV,
        "HF_TOKEN": TOKEN,
        "LC_ALL": "C.UTF-8",
        "FIRSTFIX_FAKE": str(played),
        "FIRSTFIX_NVML": str(build / "tests/fake/libnvidia-ml-now.so"),
        "FIRSTFIX_CUDA": str(build / "tests/fake/libcuda-fake.so"),
    }


def firstfix_says(firstfix, *words, env, codes=(0,)):
    run = subprocess.run([firstfix, *words], capture_output=True, text=True, env=env, timeout=300)
    assert run.returncode in codes, run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def report(firstfix, python, worker):
    return firstfix_says(firstfix, "report", "--python", python, env=worker)


SECTIONS = [
    "PyTorch & CUDA Configuration",
    "BitsAndBytes Configuration",
    "Transformers Integration",
    "System & Container Info",
    "Critical Environment Variables",
]
# The line of the note, as a pattern where this machine decides; {site} and {python} are filled in.
LINES = [
    "✅ PyTorch Version: 2.3.1+cu121",
    "✅ PyTorch CUDA Compiled: 12.1",
    "✅ CUDA Available: True",
    "✅ CUDA Version (PyTorch): 12.1",
    r"re:✅ CUDA Runtime Version: 12\.1\.105",
    "✅ cuDNN Version: 8902",
    "✅ Number of GPUs: 1",
    "🎮 GPU: NVIDIA GeForce RTX 5090",
    "💾 VRAM Total: 31.4 GB",
    "💾 VRAM Free: 31.3 GB",
    r"re:❌ Compute Capability: 12\.0 \(torch 2\.3\.1\+cu121 has no code for it\)",
    "📊 Multi-processor count: 170",
    "📊 Max threads per block: 1024",
    "✅ BitsAndBytes version: 0.42.0",
    "📦 BitsAndBytes location: {site}/bitsandbytes",
    "🔧 BNB_CUDA_VERSION env: 121",
    r"re:✅ CUDA library loaded: libbitsandbytes_cuda121\.so",
    r"re:✅ Binary name: libbitsandbytes_cuda121\.so",
    r"re:   Linear4bit import: present",
    r"re:   quantize_4bit import: present",
    "✅ Transformers version: 4.45.0",
    "📦 Transformers location: {site}/transformers",
    r"re:   BitsAndBytes integration import: ",
    r"re:   BitsAndBytes backend validation: ",
    r"re:   BitsAndBytesConfig import: ",
    "🐍 Python version: {python}",
    "🖥️  Platform: Linux-{kernel}-x86_64",
    "🖥️  Machine: x86_64",
    r"re:🖥️  Processor: \S",
    *(f"   {name}: {value}" for name, value in SEED_ENV.items()),
]


@pytest.mark.parametrize("line", LINES)
def test_every_line_of_section_1(report, python, line):
    if line.startswith("re:"):
        assert re.search("^" + line[3:], report, re.M), report
        return
    version = subprocess.run(
        [python, "-c", "import platform; print(platform.python_version())"], capture_output=True, text=True
    ).stdout.strip()
    wanted = line.format(site=site_packages(python), python=version, kernel=os.uname().release)
    assert wanted in report.splitlines(), report


def test_sections_in_the_order_of_the_note(report):
    places = [report.index(f"\n{title}\n") for title in SECTIONS]
    assert places == sorted(places)


def test_the_token_is_there_and_never_shown(report):
    assert f"   HF_TOKEN: set (masked, {len(TOKEN)} characters)" in report.splitlines()
    assert TOKEN[3:9] not in report


def test_without_starting_python_and_soon(firstfix, python, worker):
    """25 ms is bench/report's claim; here only that no interpreter, which needs seconds for torch, can have been asked.
    """
    facts = json.loads(firstfix_says(firstfix, "report", "--json", "--python", python, env=worker))
    assert facts["took_ms"] < 1000 and not [e for e in facts["errors"] if e["kind"] in ("timeout", "crash")]


def test_torch_has_no_code_for_the_gpu_and_check_says_so(firstfix, python, worker):
    facts = json.loads(firstfix_says(firstfix, "report", "--json", "--python", python, env=worker))
    assert facts["gpus"][0]["compute_capability"] == "12.0"
    assert (
        facts["torch"]["archs"] == ["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"]
        and "ptx" not in facts["torch"]
    )
    found = json.loads(firstfix_says(firstfix, "check", "--json", "--python", python, env=worker, codes=(1,)))[
        "diagnoses"
    ]
    assert found[0]["cause"] == "torch.no-kernel-image"
    assert "torch" in found[0]["fixes"][0]["command"] and "cu128" in found[0]["fixes"][0]["command"]


def test_its_imports_work_when_run(firstfix, python, worker):
    """What the note's start-up code tried: it is run here, by the real packages, without a GPU."""
    env = {
        k: v
        for k, v in worker.items()
        if not k.startswith("FIRSTFIX_") and k not in ("LD_LIBRARY_PATH", "HF_HOME", "TRANSFORMERS_CACHE")
    }
    said = firstfix_says(firstfix, "check", "--deep", "--python", python, env=env, codes=(0, 1))
    for line in (
        r"✅ import-torch: torch 2\.3\.1\+cu121 CUDA 12\.1",
        r"✅ bitsandbytes-import: bitsandbytes 0\.42\.0 quantize_4bit Linear4bit",
        r"✅ transformers-config: BitsAndBytesConfig",
    ):
        assert re.search("^" + line, said, re.M), said


def test_an_old_nvjitlink_first_on_the_path(firstfix, python, worker):
    """The third set: the planted conflict is said in the report, and `check` names it and the variable."""
    folder = wheelhouse() / "nvjitlink-12.0"
    if not folder.exists():
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--target",
                folder,
                "--python-version",
                "3.11",
                "--platform",
                "manylinux1_x86_64",
                "--only-binary=:all:",
                "nvidia-nvjitlink-cu12==12.0.140",
            ],
            check=True,
        )
    env = {**worker, "LD_LIBRARY_PATH": f"{folder}/nvidia/nvjitlink/lib:{SEED_ENV['LD_LIBRARY_PATH']}"}
    facts = json.loads(firstfix_says(firstfix, "report", "--json", "--python", python, env=env))
    conflict, = facts["cuda"]["conflicts"]
    assert conflict["library"] == "libnvJitLink.so.12" and conflict["because"] == "LD_LIBRARY_PATH entry 1"
    assert "__nvJitLinkAddData_12_1" in conflict["missing_symbols"]
    assert re.search(r"^❌ .*libnvJitLink\.so\.12", firstfix_says(firstfix, "report", "--python", python, env=env), re.M)
    found = json.loads(firstfix_says(firstfix, "check", "--json", "--python", python, env=env, codes=(1,)))["diagnoses"]
    conflict = next(d for d in found if d["cause"] == "cuda.lib-conflict")
    assert "LD_LIBRARY_PATH" in conflict["fixes"][0]["say"] and f"{folder}/nvidia" in conflict["fixes"][0]["say"]
