"""firstfix check --matrix: on which GPUs and drivers something runs."""

import json
import subprocess

import pytest

import image_files as images

SITE = "usr/lib/python3.11/site-packages"
FILES = {
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
    "usr/bin/python3": (0o755, "#!"),
    "usr/lib/python3.11/os.py": "",
    f"{SITE}/torch/version.py": "__version__ = '2.7.1+cu128'\ncuda = '12.8'\nhip = None\n",
    f"{SITE}/torch-2.7.1+cu128.dist-info/METADATA": "Metadata-Version: 2.1\nName: torch\nVersion: 2.7.1+cu128\n",
}


@pytest.fixture
def matrix(firstfix, tmp_path):
    (tmp_path / "requirements.txt").write_text("torch==2.6.0+cu124\n")
    (tmp_path / "image.tar").write_bytes(images.tar(images.docker_archive([FILES], {"Env": []})))

    def ask(*words):
        return subprocess.run(
            [firstfix, "check", "--matrix", *words], capture_output=True, text=True, timeout=120, cwd=tmp_path
        )

    return ask


def cells(done):
    assert done.returncode < 2, done.stderr
    return {(c["gpu"], c["driver"]): c for c in json.loads(done.stdout)["cells"]}


def test_the_usual_ones(matrix):
    done = matrix("--requirements", "requirements.txt", "--json")
    doc = json.loads(done.stdout)
    assert done.returncode == 0 and doc["schema"] == "firstfix.matrix/1"
    assert len(doc["cells"]) == len(doc["gpus"]) * len(doc["drivers"])
    all_of_them = cells(done)
    assert all_of_them["H100", "550.127.05"]["runs"] is True
    assert all_of_them["T4", "470.256.02"] == {
        **all_of_them["T4", "470.256.02"], "runs": False, "cause": "torch.driver-too-old"
    }
    assert all_of_them["RTX 5090", "580.95.05"]["cause"] == "torch.no-kernel-image"
    assert all_of_them["RTX 5090", "550.127.05"]["runs"] is None


def test_an_image_and_chosen_ones(matrix):
    done = matrix("--image", "image.tar", "--json", "--gpu", "rtx5090,h100", "--driver", "570.133.20,525.147.05")
    assert {k: v["runs"] for k, v in cells(done).items()} == {
        ("RTX 5090", "570.133.20"): True,
        ("RTX 5090", "525.147.05"): None,
        ("H100", "570.133.20"): True,
        ("H100", "525.147.05"): True,
    }


def test_every_cell_is_what_check_says_of_it(matrix, firstfix, tmp_path):
    for gpu, driver in [("h100", "550.127.05"), ("t4", "470.256.02")]:
        cell = list(cells(matrix("--image", "image.tar", "--json", "--gpu", gpu, "--driver", driver)).values())[0]
        command = [firstfix, "check", "--image", "image.tar", "--json", "--gpu", gpu, "--driver", driver]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
        errors = [d for d in json.loads(done.stdout)["diagnoses"] if d["severity"] == "error"]
        assert cell["runs"] == (not errors)
        assert not errors or cell["why"] == errors[0]["why"]


def test_a_table_for_people_and_for_a_release_note(matrix):
    text = matrix("--requirements", "requirements.txt", "--gpu", "rtx5090,h100", "--driver", "580.95.05").stdout
    assert "torch.no-kernel-image: RTX 5090" in text and "580.95.05" in text and "runs" in text
    note = matrix("--requirements", "requirements.txt", "--gpu", "h100", "--driver", "580.95.05", "--markdown").stdout
    assert "| H100 | runs |" in note and "|---|---|" in note


def test_it_runs_nowhere(matrix):
    done = matrix("--requirements", "requirements.txt", "--gpu", "rtx5090", "--driver", "580.95.05")
    assert done.returncode == 1


@pytest.mark.parametrize("words", [[], ["--image", "image.tar", "--gpu", "zork"], ["--image", "image.tar", "--sarif"]])
def test_wrong_use(matrix, words):
    assert matrix(*words).returncode == 2
