"""firstfix check --requirements: packages before they are installed, from the files that name them."""

import json
import subprocess
import time

import pytest

TOKEN = "hf_" + "abcdefghijklmnopqrstuvwxyzABCDEFGH"
CU121 = "https://download.pytorch.org/whl/cu121"
FILES = {
    "requirements.txt": f"# worker\n--extra-index-url {CU121}\ntorch==2.3.1 \\\n    --hash=sha256:00\nnumpy>=1\n",
    "nested.txt": "-r requirements.txt\naccelerate\n",
    "wheel.txt": f"{CU121}/torch-2.3.1%2Bcu121-cp311-cp311-linux_x86_64.whl\n",
    "marked.txt": 'torch==2.9.0 ; sys_platform == "darwin"\ntorch==2.3.1+cu121 ; sys_platform == "linux"\n',
    "uv.lock": 'version = 1\nrequires-python = ">=3.10"\n\n[[package]]\nname = "torch"\nversion = "2.3.1+cu121"\n'
    f'source = {{ registry = "{CU121}" }}\n\n[package.optional-dependencies]\nname = "x"\n',
    "poetry.lock": '[[package]]\nname = "torch"\nversion = "2.3.1+cu121"\ndescription = """\n[[package]]\nname = "no"\n'
    'version = "1"\n"""\n',
    "pylock.toml": f'lock-version = "1.0"\n[[packages]]\nname = "torch"\nversion = "2.3.1"\nindex = "{CU121}/"\n',
    "environment.yml": "name: x\ndependencies:\n  - python=3.11\n  - pytorch=2.3.1\n  - pytorch-cuda=12.1\n  - pip:\n"
    "    - accelerate==1.0\n",
    "Dockerfile": "FROM python:3.11-slim\nARG T=2.3.1\nRUN apt-get update && \\\n    # why\n    pip install "
    f'-i {CU121} "torch==${{T}}" && echo done\nCMD ["python3", "x.py"]\n',
    "Dockerfile.base": "FROM pytorch/pytorch:2.3.1-cuda12.1-cudnn8-runtime\n",
}


@pytest.fixture
def check(firstfix, tmp_path):
    def ask(name, *words, text=None):
        for each, content in FILES.items():
            (tmp_path / each).write_text(content)
        if text is not None:
            (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        done = subprocess.run(
            [firstfix, "check", "--requirements", name, *(words or ("--json", "--gpu", "rtx5090"))],
            capture_output=True, text=True, timeout=60, cwd=tmp_path,
        )
        return done

    return ask


def found(done, cause):
    assert done.returncode in (0, 1), done.stderr
    return next((d for d in json.loads(done.stdout)["diagnoses"] if d["cause"] == cause), None)


LINES = {"requirements.txt": 3, "nested.txt": 3, "marked.txt": 2, "uv.lock": 5, "poetry.lock": 2, "pylock.toml": 3,
         "environment.yml": 4, "Dockerfile": 3}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_torch_without_code_for_that_gpu_and_the_line_that_names_it(check, name):
    d = found(check(name), "torch.no-kernel-image")
    assert "torch 2.3.1+cu121 carries no code" in d["why"], d["why"]
    assert d["lines"][0]["line"] == LINES.get(name, 1)
    assert d["lines"][0]["file"] == ("requirements.txt" if name == "nested.txt" else name)


def test_the_same_packages_on_a_gpu_that_they_know(check):
    done = check("requirements.txt", "--json", "--gpu", "a100", "--driver", "550.54.14")
    assert done.returncode == 0 and json.loads(done.stdout)["diagnoses"] == []


def test_a_driver_that_is_too_old(check):
    done = check("requirements.txt", "--json", "--gpu", "a100", "--driver", "470.57.02")
    assert found(done, "torch.driver-too-old")


def test_an_engine_whose_torch_is_too_new_for_the_driver(check):
    done = check("x.txt", "--json", "--gpu", "h100", "--driver", "570.86", text="vllm==0.27.1\n")
    d = found(done, "torch.driver-too-old")
    assert "CUDA 13.0" in d["why"], d


@pytest.mark.parametrize("value, wrong", [("5", False), ("-1", True)])
def test_how_many_gpus_there_will_be_was_not_said(check, value, wrong):
    done = check("Dockerfile", "--json", "--gpu", "a100", text=f"FROM x\nENV CUDA_VISIBLE_DEVICES={value}\n")
    assert bool(found(done, "visible-devices.wrong")) == wrong


def test_pins_that_exclude_each_other(check):
    done = check("x.txt", text="transformers==4.57.1\nhuggingface-hub==0.20.0\n")
    d = found(done, "pip.conflict")
    assert d["severity"] == "error" and "huggingface-hub" in d["why"]
    assert [each["line"] for each in d["lines"]] == [1, 2]
    assert "x.txt:2: huggingface-hub==0.20.0" in check("x.txt", "--ascii").stdout


@pytest.mark.parametrize("text, cause, names", [
    ("flask==2.1.3\nwerkzeug==3.0.6\n", "pip.conflict", ["url_quote", "werkzeug"]),
    ("pytorch-lightning==1.7.7\ntorchmetrics==1.4.0\n", "pip.conflict", ["_compare_version", "torchmetrics"]),
    ("torchmetrics==0.11.4\nsetuptools==82.0.1\n", "pip.conflict", ["pkg_resources", "setuptools"]),
    ("autoawq==0.2.9\ntransformers==4.57.6\n", "hf.version-conflict", ["PytorchGELUTanh", "transformers"]),
])
def test_a_name_that_one_pin_imports_and_another_lacks(check, text, cause, names):
    d = found(check("x.txt", text=text), cause)
    assert d["severity"] == "error" and all(name in d["why"] for name in names), d
    assert [each["line"] for each in d["lines"]] == [1, 2] and d["fixes"][0]["command"]


def test_pins_that_have_what_each_other_import(check):
    done = check("x.txt", "--json", text="flask==3.0.3\nwerkzeug==3.0.6\nlightning==2.4.0\ntorchmetrics==1.4.0\n"
                 "peft==0.18.1\ntransformers==5.0.0\nfastapi==0.115.0\npydantic==2.9.2\npydantic-core==2.23.4\n"
                 "openai==1.96.1\ntyping-extensions==4.14.1\nwandb==0.15.12\nprotobuf==4.24.4\n")
    assert done.returncode == 0 and json.loads(done.stdout)["diagnoses"] == [], done.stdout


def test_a_patch_that_the_atlas_has_not_read_may_pin_another_torch(check):
    """vllm 0.6.3 pins torch 2.4.0, and 0.6.6 torch 2.5.1."""
    assert not found(check("x.txt", text="vllm==0.6.3\ntorch==2.4.0\n"), "pip.conflict")


@pytest.mark.parametrize("name, text, torch, with_", [
    ("x.txt", "vllm==0.5.4.post1\n", "2.4.0+cu121", "vllm 0.5.4.post1"),
    ("x.txt", "sglang[all]==0.4.5\n", "2.5.1+cu124", "sglang 0.4.5"),
    ("x.txt", "torchvision==0.18.1\n", "2.3.1+cu121", "torchvision 0.18.1"),
    ("Dockerfile", "FROM pytorch/pytorch:2.7.1-cuda12.8-cudnn9-devel\nRUN pip install vllm==0.6.3\n", "2.4.0+cu121",
     "vllm 0.6.3"),
    ("Dockerfile", "FROM runpod/pytorch:2.4.0-py3.11-cuda12.4.1-devel-ubuntu22.04\n", "2.4.0+cu124", None),
    ("Dockerfile", "FROM runpod/pytorch:3.10-2.0.0-117\n", "2.0.0+cu117", None),
    ("Dockerfile", "FROM runpod/pytorch:1.0.2-cu1263-torch260-ubuntu2204\n", "2.6.0+cu126", None),
    ("Dockerfile", "FROM runpod/pytorch:1.0.3-cu1281-torch260-ubuntu2204\n", "2.6.0", None),  # built for no 12.8
    ("compose.yaml", "services:\n  a:\n    image: vllm/vllm-openai:v0.5.2\n    environment:\n"
     "      - CUDA_VISIBLE_DEVICES=3\n    deploy: {resources: {reservations: {devices: [{driver: nvidia}]}}}\n",
     "2.3.1", "vllm 0.5.2"),
    ("Dockerfile", "FROM x\nRUN pip install torch torchaudio --index-url https://download.pytorch.org/whl/cu118\n",
     "2.7+cu118", None),
    ("Dockerfile", "FROM x\nENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cu124\nRUN pip install "
     "torch==2.6.0 && pip install flashinfer -i https://flashinfer.ai/whl/cu121/torch2.4\n", "2.6.0+cu124", None),
])
def test_the_torch_that_comes_with_what_is_asked_for(check, name, text, torch, with_):
    d = found(check(name, text=text), "torch.no-kernel-image")
    assert f"torch {torch} carries no code" in d["why"], d
    assert with_ in [each.get("comes_with") for each in d["lines"] if each["name"] == "torch"], d["lines"]


@pytest.mark.parametrize("name, text, because", [
    ("Dockerfile", "FROM runpod/pytorch:2.0.1-py3.10-cuda11.8.0-devel\nRUN pip install vllm\n", "line 2 pins no vllm"),
    ("uv.lock", "".join(f'[[package]]\nname = "torch"\nversion = "2.7.1+{b}"\n\n' for b in ("cu128", "cpu", "cu118")),
     "locked in several versions"),
])
def test_a_torch_that_is_open_is_not_guessed(check, name, text, because):
    done = check(name, text=text)
    assert json.loads(done.stdout)["diagnoses"] == [] and because in json.loads(done.stdout)["facts_of"]["because"]


def test_a_lock_has_a_version_for_each_platform(check):
    text = "".join(
        f'[[package]]\nname = "torch"\nversion = "{version}"\nresolution-markers = [\n    "{marker}",\n]\n\n'
        for version, marker in (("2.2.2", "sys_platform == 'darwin'"), ("2.3.1+cu121", "sys_platform == 'linux'"),
                                ("2.5.1", "platform_machine == 'aarch64' and sys_platform == 'linux'")))
    assert "torch 2.3.1+cu121" in found(check("uv.lock", text=text), "torch.no-kernel-image")["why"]


def test_a_lock_excludes_nothing(check):
    """It was resolved, with overrides where somebody wanted them."""
    text = '[[package]]\nname = "transformers"\nversion = "4.57.1"\n\n[[package]]\nname = "huggingface-hub"\n'
    assert not found(check("uv.lock", text=text + 'version = "0.20.0"\n'), "pip.conflict")


@pytest.mark.parametrize("runs, conflict", [
    ("pip install torch==2.1.2\nRUN pip install vllm==0.6.2", False),  # replaced
    ("pip install torch==2.1.2 vllm==0.6.2", True),
    ("pip install vllm==0.6.2\nRUN pip install torch==2.7.1", True),
    ("pip install vllm==0.6.2 --no-deps\nRUN pip install torch==2.4.0", False),
    ("pip install torch==2.1.2\nRUN pip install vllm==0.6.2 --no-deps", True),
])
def test_what_is_installed_later_replaces(check, runs, conflict):
    text = f"FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\nRUN {runs}\n"
    done = check("Dockerfile", "--json", "--gpu", "a100", text=text)
    assert bool(found(done, "pip.conflict")) == conflict


def test_an_engine_moves_with_its_torch(check):
    d = found(check("x.txt", text="vllm==0.5.4.post1\n"), "torch.no-kernel-image")
    assert d["fixes"][0]["command"].endswith("pip install vllm==0.11.0"), d["fixes"]


@pytest.mark.parametrize("name, text, severity", [
    ("x.txt", "torch==2.6.0\nflash-attn==2.7.3\n", "warning"),
    ("uv.lock", '[[package]]\nname = "torch"\nversion = "2.6.0"\n\n[[package]]\nname = "flash-attn"\n'
     'version = "2.7.3"\n', None),
    ("x.txt", "torch==2.6.0\nhttps://x/flash_attn-2.7.4+cu12torch2.6-cp311-cp311-linux_x86_64.whl\n", None),
    ("Dockerfile", "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\nRUN pip install torch flash-attn\n", "error"),
    ("Dockerfile", "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\nRUN pip install torch\nRUN pip install flash-attn "
     "--no-build-isolation\n", None),
    ("Dockerfile", "FROM pytorch/pytorch:2.6.0-cuda12.4-cudnn9-devel\nRUN pip install torch flash-attn\n", None),
])
def test_a_source_build_beside_its_torch(check, name, text, severity):
    d = found(check(name, "--json", "--gpu", "a100", text=text), "ext.build-isolation")
    assert (d and d["severity"]) == severity


def test_what_a_dockerfile_makes_of_the_image(check):
    text = (
        "FROM nvidia/cuda:12.1.1-runtime-ubuntu22.04\nENV NVIDIA_DRIVER_CAPABILITIES=video \\\n"
        f"    HF_TOKEN={TOKEN}\nRUN pip install torch==2.3.1 flashinfer-python==0.2.5\nCMD cd /app && python3 x.py\n"
    )
    done = check("Dockerfile", "--json", "--gpu", "a100", text=text)
    for cause in ("container.no-gpu", "container.secret-in-image", "container.no-init", "cuda.nvcc-missing"):
        assert found(done, cause), cause
    assert found(done, "container.no-gpu")["lines"][0]["line"] == 2
    assert TOKEN not in done.stdout


def test_a_compose_file_that_reserves_no_gpu(check):
    text = "services:\n  llm:\n    image: vllm/vllm-openai:v0.6.3\n    environment:\n      - HF_HOME=/models\n"
    d = found(check("compose.yaml", "--json", "--gpu", "a100", text=text), "container.no-gpu")
    assert "reserves no GPU" in d["why"] and "capabilities: [gpu]" in d["fixes"][0]["command"]
    text += (
        "    deploy:\n      resources:\n        reservations:\n          devices:\n            - driver: nvidia\n"
        "              count: all\n              capabilities: [gpu]\n"
    )
    assert not found(check("compose.yaml", "--json", "--gpu", "a100", text=text), "container.no-gpu")


def test_sarif_names_rule_level_and_line(check):
    done = check("requirements.txt", "--sarif", "--gpu", "rtx5090")
    run = json.loads(done.stdout)["runs"][0]
    result = run["results"][0]
    assert done.returncode == 1 and run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert result["ruleId"] == "torch.no-kernel-image" and result["level"] == "error"
    place = result["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "requirements.txt"}, "region": {"startLine": 3}}


@pytest.mark.parametrize(
    "name,text,says",
    [
        ("x.bin", "?", "of no kind that is known"),
        ("x.txt", b"torch\0==1", "no text"),
        ("big.txt", b"#" * (17 << 20), "big.txt"),
    ],
)
def test_files_that_are_none(check, name, text, says):
    done = check(name, text=text)
    assert done.returncode == 2 and says in done.stderr
    assert check("no-such.txt").returncode == 2


def test_ten_megabytes_are_read(check):
    text = "torch==2.3.1+cu121\n" + "".join(f"package-{i}==1.{i}\n" for i in range(400000))
    started = time.monotonic()
    done = check("big.txt", text=text)
    assert done.returncode == 1 and found(done, "torch.no-kernel-image"), done.stderr
    assert "first 4000 are judged, 396001 more are not" in json.loads(done.stdout)["facts_of"]["because"]
    assert time.monotonic() - started < 30
    assert check("Dockerfile", text="FROM x\n" + "ENV A=1\n" * 400000).returncode == 0
