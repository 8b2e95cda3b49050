"""The report of a real GPU machine against what nvidia-smi, torch and cuobjdump say of it."""
import csv
import io
import json
import pathlib
import shutil
import subprocess

import pytest

from gpu_machine import facts, hooks, kept, run, torch_python  # noqa: F401

QUERY = [
    "index",
    "name",
    "uuid",
    "driver_version",
    "vbios_version",
    "memory.total",
    "power.limit",
    "pci.bus_id",
    "compute_mode",
    "persistence_mode",
    "ecc.mode.current",
    "clocks.max.sm",
    "clocks.max.memory",
    "compute_cap",
    "mig.mode.current",
]


@pytest.fixture(scope="session")
def smi(kept):  # noqa: F811
    """nvidia-smi's answers, a dictionary per GPU."""
    if not shutil.which("nvidia-smi"):
        pytest.skip("no nvidia-smi")
    text = subprocess.run(["nvidia-smi", f"--query-gpu={','.join(QUERY)}", "--format=csv,noheader,nounits"], check=True,
                          capture_output=True, text=True, timeout=60).stdout
    (kept / "nvidia-smi.csv").write_text(text, encoding="utf-8")
    return [dict(zip(QUERY, (cell.strip() for cell in row))) for row in csv.reader(io.StringIO(text))]


@pytest.fixture(scope="session")
def torch_says(torch_python):  # noqa: F811
    script = """
import json, torch
p = torch.cuda.get_device_properties(0)
print(json.dumps({"version": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version(),
    "archs": torch.cuda.get_arch_list(),
    "name": p.name, "cc": f"{p.major}.{p.minor}", "sm": p.multi_processor_count, "total": p.total_memory,
    "lib": __import__("os").path.dirname(torch.__file__) + "/lib"}))
"""
    return json.loads(
        subprocess.run([torch_python, "-c", script], check=True, capture_output=True, text=True, timeout=120).stdout
    )


def test_gpus_as_nvidia_smi_shows_them(facts, smi):  # noqa: F811
    assert len(facts["gpus"]) == len(smi)
    for gpu, said in zip(facts["gpus"], smi):
        assert facts["driver"]["version"] == said["driver_version"]
        assert (gpu["name"], gpu["uuid"], gpu["compute_capability"]) == (
            said["name"],
            said["uuid"],
            said["compute_cap"],
        )
        assert gpu["memory"]["total"] >> 20 == int(said["memory.total"])
        assert abs(gpu["power_limit_w"] - float(said["power.limit"])) < 0.5
        assert gpu["pcie"]["bus_id"].lower() == said["pci.bus_id"].lower()[-12:]
        assert gpu["vbios"] == said["vbios_version"]
        assert gpu["persistence"] == (said["persistence_mode"] == "Enabled")
        assert gpu["ecc"]["enabled"] == (said["ecc.mode.current"] == "Enabled")
        assert gpu["mig"] == (said["mig.mode.current"] == "Enabled")
        assert gpu["clocks_mhz"]["sm_max"] == int(said["clocks.max.sm"])
        assert gpu["seen_by"] == "nvml"


def test_gpu_and_torch_as_torch_says(facts, torch_says):  # noqa: F811
    gpu, torch = facts["gpus"][0], facts["torch"]
    assert (gpu["name"], gpu["compute_capability"], gpu["sm_count"]) == (
        torch_says["name"],
        torch_says["cc"],
        torch_says["sm"],
    )
    assert (torch["version"], torch["cuda"]) == (torch_says["version"], torch_says["cuda"])
    said = [arch for arch in torch_says["archs"] if arch.startswith("sm_")]
    assert sorted(torch["archs"]) == sorted(said), "torch tells what it was built for, the fatbin what is in it"
    major, rest = divmod(torch_says["cudnn"], 10000)
    assert torch["cudnn"] == f"{major}.{rest // 100}.{rest % 100}"
    assert facts["cuda"]["driver_init"]["code"] == 0


def test_fatbin_as_cuobjdump_lists_it(firstfix, torch_says):
    if not shutil.which("cuobjdump"):
        pytest.skip("no cuobjdump")
    library = next(p for p in sorted(pathlib.Path(torch_says["lib"]).glob("libtorch_cuda*.so")) if "linalg" in p.name)
    ours = json.loads(
        subprocess.run([firstfix, "libs", "--json", library], check=True, capture_output=True, timeout=60).stdout
    )
    listed = subprocess.run(
        ["cuobjdump", "--list-elf", library], check=True, capture_output=True, text=True, timeout=120
    ).stdout
    theirs = sorted({word for line in listed.splitlines() for word in line.split(".") if word.startswith("sm_")})
    assert sorted(ours["gpu"]["archs"]) == theirs


def test_nothing_is_wrong_with_a_healthy_machine(firstfix, facts, kept):  # noqa: F811
    done = subprocess.run(
        [firstfix, "check", "--json", "--facts", kept / "facts.json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    errors = [d for d in json.loads(done.stdout)["diagnoses"] if d["severity"] == "error"]
    assert not errors and done.returncode == 0, errors


def test_check_deep_computes_on_every_gpu(firstfix, torch_python, kept):  # noqa: F811
    done = subprocess.run(
        [firstfix, "check", "--deep", "--json", "--python", torch_python],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    (kept / "deep.json").write_text(done.stdout, encoding="utf-8")
    steps = {step["step"]: step for step in json.loads(done.stdout)["deep"]}
    for name in ("import-torch", "cuda-init", "product-on-every-gpu"):
        assert steps[name]["ok"] is True, done.stdout[:3000]


def test_a_capture_tells_the_same(firstfix, facts, torch_python, tmp_path, kept):  # noqa: F811
    """The machine as a captured one; it is kept for the project's own cases."""
    subprocess.run([firstfix, "capture", "--python", torch_python, tmp_path / "machine"], check=True, timeout=120)
    again = json.loads(
        subprocess.run(
            [firstfix, "report", "--json", "--root", tmp_path / "machine", "--python", torch_python],
            check=True,
            capture_output=True,
            timeout=60,
        ).stdout
    )
    subprocess.run(["tar", "-C", tmp_path, "-cJSf", kept / "machine.tar.xz", "machine"], check=True)
    for key in ("driver", "torch", "cuda"):
        assert again[key].get("version") == facts[key].get("version"), key
    assert [g["uuid"] for g in again["gpus"]] == [g["uuid"] for g in facts["gpus"]]
    assert again["torch"]["archs"] == facts["torch"]["archs"]


