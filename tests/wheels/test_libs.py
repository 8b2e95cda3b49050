"""Native libraries of real wheels: firstfix beside ld.so, cuobjdump and what a real `import torch` maps."""
import collections
import json
import os
import re
import subprocess
import sys

import pytest

import loader_compare
from seed_env import seed_python, site_packages
from wheelhouse import wheelhouse

QUIET = {k: v for k, v in os.environ.items() if not k.startswith("LD_")}


@pytest.fixture(scope="module")
def python():
    return seed_python()


@pytest.fixture(scope="module")
def site(python):
    return site_packages(python)


def report(firstfix, python, only, **environment):
    run = subprocess.run(
        [firstfix, "report", "--json", "--only", only, "--python", python],
        capture_output=True,
        text=True,
        check=True,
        env={**QUIET, **environment},
        timeout=60,
    )
    return json.loads(run.stdout)


def test_every_library_resolves_as_ld_so_does(firstfix, site):
    paths = list(loader_compare.libraries_under([site]))
    wrong = [w for p in paths if (w := loader_compare.difference(firstfix, p, QUIET))]
    assert len(paths) >= 200 and not wrong, wrong


def test_and_with_a_library_path(firstfix, site):
    environment = {
        **QUIET,
        "LD_LIBRARY_PATH": f"{site}/nvidia/nvjitlink/lib:/nowhere:{site}/nvidia/cublas/lib:{site}/torch/lib",
    }
    paths = loader_compare.libraries_under([f"{site}/torch", f"{site}/nvidia", f"{site}/bitsandbytes"])
    wrong = [w for p in paths if (w := loader_compare.difference(firstfix, p, environment))]
    assert not wrong, wrong


def cuobjdump(program, option, path):
    """{"sm_90a": entries} as NVIDIA's own tool lists them."""
    out = subprocess.run([program, option, path], capture_output=True, text=True, timeout=300).stdout
    return collections.Counter(re.findall(r"\.(sm_\w+)\.(?:cubin|ptx)", out))


@pytest.mark.parametrize(
    "pattern",
    [
        "torch/lib/libtorch_cuda_linalg.so",
        "nvidia/nccl/lib/libnccl.so.2",
        "nvidia/cusparse/lib/libcusparse.so.12",
        "bitsandbytes/libbitsandbytes_cuda121.so",
        "bitsandbytes/libbitsandbytes_cuda110_nocublaslt.so",
        "torch/lib/libtorch_cuda.so",
        "torch/lib/libtorch_cpu.so",
        "nvidia/cublas/lib/libcublasLt.so.12",
    ],
)
def test_architectures_as_cuobjdump_lists_them(pattern, firstfix, site):
    program = f"{site}/triton/third_party/cuda/bin/cuobjdump"
    path = f"{site}/{pattern}"
    gpu = json.loads(subprocess.run([firstfix, "libs", "--json", path], capture_output=True, text=True).stdout)["gpu"]
    assert set(gpu.get("archs", [])) == set(cuobjdump(program, "--list-elf", path))
    ptx = {p.replace("compute_", "sm_") for p in gpu.get("ptx", [])}
    assert set(cuobjdump(program, "--list-ptx", path)) <= ptx  # cuobjdump hides PTX that it has machine code for


def test_torch_has_nothing_for_the_gpu_of_the_seed(firstfix, python):
    """What the worker of 2024 would have died of next: no code for an RTX 5090 (12.0), and no PTX to make it from."""
    facts = report(firstfix, python, "extensions")
    assert facts["torch"]["archs"] == ["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"]
    assert "ptx" not in facts["torch"]
    assert facts["bitsandbytes"]["libraries"]["libbitsandbytes_cuda121.so"] == [
        "sm_75",
        "sm_80",
        "sm_86",
        "sm_89",
        "sm_90",
    ]


MAPPED = """
import torch
print(*sorted({line.split()[-1] for line in open("/proc/self/maps") if "/" in line and " r-xp " in line}))
"""


def test_import_torch_maps_what_is_said(firstfix, python):
    """The files of a real `import torch`, CUDA libraries of it, are exactly those marked as chosen by torch at once."""
    mapped = subprocess.run(
        [python, "-c", MAPPED], capture_output=True, text=True, check=True, env=QUIET, timeout=300
    ).stdout.split()
    libraries = report(firstfix, python, "cuda")["cuda"]["libraries"]
    chosen = {
        os.path.realpath(lib["path"]) for lib in libraries if lib.get("chosen_by") == "torch" and not lib.get("lazy")
    }
    known = {os.path.realpath(lib["path"]) for lib in libraries if "path" in lib}
    assert chosen == {os.path.realpath(m) for m in mapped if os.path.realpath(m) in known}
    assert not [
        m
        for m in mapped
        if re.search(r"/lib(cudart|cublas|cudnn|cusparse|nccl|nvJitLink)\.so", m) and os.path.realpath(m) not in known
    ]


def test_an_old_nvjitlink_first_on_the_path(firstfix, python):
    """The planted conflict: the symbol that is named is the one that torch's import really dies of."""
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
    path = f"/nowhere:{folder}/nvidia/nvjitlink/lib"
    conflict, = report(firstfix, python, "cuda", LD_LIBRARY_PATH=path)["cuda"]["conflicts"]
    assert conflict["library"] == "libnvJitLink.so.12" and conflict["variable"] == "LD_LIBRARY_PATH"
    assert conflict["because"] == "LD_LIBRARY_PATH entry 2" and conflict["needed_by"] == "libcusparse.so.12"
    died = subprocess.run(
        [python, "-c", "import torch"],
        capture_output=True,
        text=True,
        env={**QUIET, "LD_LIBRARY_PATH": path},
        timeout=300,
    )
    symbol = re.search(r"undefined symbol: (\w+), version libnvJitLink", died.stderr)
    assert died.returncode and symbol and symbol[1] in conflict["missing_symbols"]


def test_a_running_process_and_its_capture(firstfix, python, tmp_path):
    """--pid says which files are really mapped; a captured machine gives the same answers elsewhere."""
    process = subprocess.Popen(
        [python, "-c", "import torch, sys; print(flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=QUIET,
    )
    try:
        process.stdout.readline()
        run = subprocess.run(
            [firstfix, "report", "--json", "--pid", str(process.pid)],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    finally:
        process.communicate(b"")
    live = json.loads(run.stdout)
    libraries = live["cuda"]["libraries"]
    assert {lib["path"] for lib in libraries if lib.get("mapped")} == {
        lib["path"] for lib in libraries if lib.get("chosen_by") == "torch" and not lib.get("lazy")}

    subprocess.run([firstfix, "capture", "--python", python, tmp_path / "machine"], check=True, env=QUIET, timeout=120)
    run = subprocess.run(
        [firstfix, "report", "--json", "--root", tmp_path / "machine", "--python", python],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    captured = json.loads(run.stdout)
    here = report(firstfix, python, "extensions,cuda,torch")
    assert captured["torch"] == here["torch"]
    assert captured["cuda"]["libraries"] == here["cuda"]["libraries"]
