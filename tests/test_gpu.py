"""The vendor probes against the stand-in driver libraries of tests/fake: every answer, error, hang and crash."""
import json
import os
import pathlib
import subprocess
import time

import pytest

import casefile

SCENARIOS = pathlib.Path(__file__).parent / "fake/scenarios"


@pytest.fixture
def report(firstfix, build):
    def run(scenario, nvml="now", cuda="fake", only="driver,gpus,cuda_driver", deadline=5000):
        env = dict(os.environ, FIRSTFIX_FAKE=str(SCENARIOS / f"{scenario}.json"))
        env["FIRSTFIX_NVML"] = str(build / f"tests/fake/libnvidia-ml-{nvml}.so") if nvml else ""
        env["FIRSTFIX_CUDA"] = str(build / f"tests/fake/libcuda-{cuda}.so") if cuda else ""
        begun = time.monotonic()
        done = subprocess.run([firstfix, "report", "--json", "--only", only, "--deadline", str(deadline)], env=env,
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        assert time.monotonic() - begun < deadline / 1000 + 1
        return json.loads(done.stdout)
    return run


def contains(facts, want):
    assert not (why := casefile.difference(want, facts)), why


def miss(facts, **want):
    assert any(
        not casefile.difference({k: v for k, v in want.items() if k != "says"}, e) and want.get("says", "") in e["text"]
        for e in facts["errors"]
    ), f"no miss like {want} in {facts['errors']}"


def test_rtx5090(report):
    facts = report("rtx5090")
    assert not facts["errors"]
    contains(
        facts,
        {"driver": {"version": "570.86.10", "cuda": "12.8", "gpu_count": 1}, "cuda": {"driver_init": {"code": 0}}},
    )
    contains(
        facts["gpus"][0],
        {
            "index": 0,
            "seen_by": "nvml",
            "vendor": "nvidia",
            "name": "NVIDIA GeForce RTX 5090",
            "compute_capability": "12.0",
            "architecture": "Blackwell",
            "sm_count": 170,
            "max_threads_per_block": 1024,
            "memory": {"total": 34190917632, "used": 567279616, "reserved": 519045120, "free": 33104592896},
            "pcie": {"bus_id": "0000:01:00.0", "generation": 1, "generation_max": 5, "width": 16},
            "compute_mode": "default",
            "power_w": 28.63,
            "power_limit_w": 575.0,
            "temperature_c": 31,
            "throttle": ["idle"],
            "persistence": False,
            "processes": [{"pid": 4242, "name": "python3", "used": 524288000}, {"pid": 4243}],
        },
    )
    assert "used" not in facts["gpus"][0]["processes"][1]  # NVML's "not known" is no number
    assert "ecc" not in facts["gpus"][0] and "mig" not in facts["gpus"][0]  # a card without them
    contains(facts["cuda"]["devices"][0], {"uuid": facts["gpus"][0]["uuid"], "sm_count": 170})


def test_eight_gpus_and_their_links(report):
    facts = report("h200x8")
    assert [g["index"] for g in facts["gpus"]] == list(range(8)) and not facts["errors"]
    contains(
        facts["gpus"][7],
        {
            "sm_count": 132,
            "nvlink": {"up": 18, "down": 0},
            "fabric": {"state": "completed", "status": 0},
            "ecc": {"enabled": True, "uncorrected": 0},
            "mig": False,
            "persistence": True,
        },
    )
    assert len(facts["gpu_links"]) == 28
    contains(facts, {"gpu_links": [{"gpus": [0, 7], "path": "system", "p2p_read": "ok", "nvlink": True}]})


def test_mig(report):
    gpu = report("mig")["gpus"][0]
    contains(
        gpu,
        {
            "mig": True,
            "mig_devices": [{"sm_count": 32, "gpu_slices": 2, "memory": {"total": 35 << 30}}, {"sm_count": 16}],
            "processes": [{"pid": 77, "gpu_instance": 3}],
        },
    )
    assert report("mig-without-instances")["gpus"][0]["mig_devices"] == []


def test_sick_gpu(report):
    facts = report("ecc-sick")
    contains(facts["gpus"][0], {
        "ecc": {"enabled_after_reset": False, "uncorrected": 2, "uncorrected_ever": 9,
                "remapped_rows": {"uncorrected": 2, "pending": True, "failed": True},
                "retired_pages": {"corrected": 2, "uncorrected": 70, "pending": True}},
        "throttle": ["power-cap", "hardware-slowdown", "thermal-hardware"], "nvlink": {"up": 16, "down": 2}})
    contains(
        facts, {"xids": [{"number": 94, "gpu": 0, "from": "nvml", "name": "Contained memory error"}, {"number": 63}]}
    )


@pytest.mark.parametrize("scenario, init, code, text", [
    ("mismatch", 803, 18, "Driver/library version mismatch"), ("driver-not-loaded", 100, 9, "Driver Not Loaded")])
def test_driver_errors_are_facts(report, scenario, init, code, text):
    facts = report(scenario)
    assert facts["driver"]["error"] == {"code": code, "text": text, "call": "nvmlInit"}
    assert facts["cuda"]["driver_init"]["code"] == init and "gpus" not in facts


@pytest.mark.parametrize(
    "code, name",
    [
        (999, "CUDA_ERROR_UNKNOWN"),
        (803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"),
        (804, "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE"),
        (100, "CUDA_ERROR_NO_DEVICE"),
        (34, "CUDA_ERROR_STUB_LIBRARY"),
    ],
)
def test_what_cuinit_says(report, code, name):
    facts = report(f"cuda-{code}")
    contains(facts["cuda"]["driver_init"], {"code": code, "name": name})
    assert facts["cuda"]["driver_init"]["text"] and "devices" not in facts["cuda"]
    assert facts["gpus"][0]["sm_count"] == 170  # NVML is well


def test_fabric_manager_down(report):
    facts = report("fabric-manager-down")
    assert facts["cuda"]["driver_init"]["name"] == "CUDA_ERROR_SYSTEM_NOT_READY"
    assert all(g["fabric"] == {"state": "not-started"} for g in facts["gpus"])


def test_hang_has_a_name(report):
    facts = report("hang-in-nvmlInit", deadline=300)
    miss(facts, probe="driver", kind="timeout", says="timeout in nvmlInit")
    miss(facts, probe="gpus", kind="timeout", says="not reached")
    assert facts["driver"] == {"user_library": facts["driver"]["user_library"]}
    assert facts["took_ms"] < 600


def test_crash_has_a_name(report):
    facts = report("crash-in-nvmlInit")
    miss(facts, probe="driver", kind="crash", says="crash in nvmlInit")
    assert facts["took_ms"] < 2000


def test_hang_costs_only_what_was_not_said(report):
    facts = report("hang-in-cuInit", deadline=400)
    miss(facts, probe="cuda_driver", kind="timeout", says="timeout in cuInit")
    assert facts["gpus"][0]["name"] == "NVIDIA GeForce RTX 5090" and facts["cuda"]["driver_version"] == "12.8"
    facts = report("hang-in-nvlink", deadline=400)
    miss(facts, probe="gpus", kind="timeout", says="nvmlDeviceGetNvLinkState of GPU 0")


def test_lost_gpu_is_listed_and_left_alone(report):
    facts = report("lost-gpu")
    assert len(facts["gpus"]) == 8 and facts["gpus"][2]["error"]["code"] == 15 and "name" not in facts["gpus"][2]
    miss(facts, probe="gpus", kind="error", says="GPU 2: nvmlDeviceGetHandleByIndex: GPU is lost")
    assert len(facts["gpu_links"]) == 21
    facts = report("lost-while-asked")
    assert [g["error"]["call"] for g in facts["gpus"]] == ["nvmlDeviceGetPowerUsage"] * 2
    assert len(facts["errors"]) == 2 and "gpu_links" not in facts  # one miss a GPU, then silence


def test_no_devices(report):
    facts = report("no-devices")
    assert facts["driver"]["gpu_count"] == 0 and "gpus" not in facts and facts["cuda"]["driver_init"]["code"] == 100


def test_old_driver(report):
    """A driver of 2017 has the first version of every call and no way to count cores: libcuda is asked."""
    facts = report("rtx5090", nvml="old")
    contains(facts["gpus"][0], {"name": "NVIDIA GeForce RTX 5090", "sm_count": 170, "max_threads_per_block": 1024,
                                "processes": [{"pid": 4242, "used": 524288000}, {"pid": 4243}],
                                "memory": {"total": 34190917632, "used": 567279616}})
    assert "reserved" not in facts["gpus"][0]["memory"] and "used" not in facts["gpus"][0]["processes"][1]
    miss(facts, probe="gpus", kind="missing", says="nvmlDeviceGetNumGpuCores")
    assert "sm_count" not in report("rtx5090", nvml="old", cuda=None)["gpus"][0]


def test_process_list_of_the_wide_driver(report):
    """Early 535 drivers filled 32 bytes a process through a call that now fills 24."""
    assert report("rtx5090", nvml="wide")["gpus"][0]["processes"] == report("rtx5090")["gpus"][0]["processes"]


def test_no_library_at_all(report):
    facts = report("rtx5090", nvml=None, cuda=None)
    miss(facts, probe="driver", kind="missing", says="libnvidia-ml.so.1")
    miss(facts, probe="cuda_driver", kind="missing", says="libcuda.so.1")
    assert "gpus" not in facts and "driver" not in facts


def test_empty_library_file(report, tmp_path, firstfix):
    """Images built with a GPU mounted keep empty files behind; the loader's words are the miss."""
    empty = tmp_path / "libnvidia-ml.so.1"
    empty.touch()
    done = subprocess.run(
        [firstfix, "report", "--json", "--only", "driver"],
        env=dict(os.environ, FIRSTFIX_NVML=str(empty)),
        capture_output=True,
        text=True,
        timeout=30,
    )
    miss(json.loads(done.stdout), probe="driver", kind="error", says="file too short")


@pytest.mark.parametrize("scenario", ["rtx5090", "h200x8", "fabric-manager-down", "mismatch"])
def test_captured_machine_gives_the_same_facts(report, scenario, firstfix, build, tmp_path):
    """What NVML and CUDA answered travels in a capture, and nothing is asked twice."""
    live = report(scenario)
    env = dict(
        os.environ,
        FIRSTFIX_FAKE=str(SCENARIOS / f"{scenario}.json"),
        FIRSTFIX_NVML=str(build / "tests/fake/libnvidia-ml-now.so"),
        FIRSTFIX_CUDA=str(build / "tests/fake/libcuda-fake.so"),
    )
    subprocess.run([firstfix, "capture", tmp_path / "there"], env=env, check=True, capture_output=True, timeout=60)
    done = subprocess.run(
        [firstfix, "report", "--json", "--root", tmp_path / "there", "--only", "driver,gpus,cuda_driver"],
        env=dict(os.environ, FIRSTFIX_NVML="", FIRSTFIX_CUDA=""),
        check=True,
        capture_output=True,
        text=True,
    )
    there = json.loads(done.stdout)
    for key in ("driver", "gpus", "gpu_links", "cuda"):
        assert there.get(key) == live.get(key), key


def rows(path):
    return [line.split("\t") for line in path.read_text().splitlines() if line and not line.startswith("#")]


def test_xids_lead_to_causes_that_exist():
    root = pathlib.Path(__file__).parents[1] / "rules"
    causes = {row[0] for row in rows(root / "causes.tsv")}
    header, *xids = rows(root / "data/xid.tsv")
    named = {row[header.index("cause")] for row in xids} - {"-"}
    assert named and named <= causes, named - causes
