"""firstfix check --root with a planned GPU and driver: an image's files, judged for where they are to run."""

import json
import shutil
import subprocess
import sys

import pytest


@pytest.fixture
def image(tmp_path):
    """The files of an image with torch 2.3.1+cu121, as pip leaves them."""
    root = tmp_path / "image"
    site = root / "usr/lib/python3.11/site-packages"
    (root / "usr/bin").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    shutil.copy(sys.executable, root / "usr/bin/python3.11")
    (root / "usr/bin/python3").symlink_to("python3.11")
    (site / "torch").mkdir(parents=True)
    (site / "torch/__init__.py").touch()
    (site / "torch/version.py").write_text("__version__ = '2.3.1+cu121'\ncuda = '12.1'\nhip = None\ndebug = False\n")
    info = site / "torch-2.3.1+cu121.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.3.1+cu121\n")
    (root / "usr/lib/python3.11/os.py").touch()
    return root


@pytest.fixture
def check(firstfix, image):
    def ask(*words):
        done = subprocess.run(
            [firstfix, "check", "--root", image, "--json", *words], capture_output=True, text=True, timeout=60
        )
        return done, (json.loads(done.stdout) if done.returncode < 2 else None)

    return ask


def test_a_driver_that_is_too_old_for_it(check):
    done, doc = check("--gpu", "t4", "--driver", "470.57.02")
    assert done.returncode == 1
    assert doc["diagnoses"][0]["cause"] == "torch.driver-too-old"
    assert "470.57.02" in doc["diagnoses"][0]["why"]


def test_a_driver_that_is_new_enough(check, image):
    done, doc = check("--gpu", "a100", "--driver", "550.54.14")
    assert "torch.driver-too-old" not in [each["cause"] for each in doc["diagnoses"]]
    assert str(image) in json.dumps(doc["facts_of"])


@pytest.mark.parametrize(
    "words,says",
    [
        (["--gpu", "zork"], "zork"),
        (["--gpu", "24GiB"], "its architecture counts"),
        (["--driver", "new"], "a version, as 550.54.14"),
    ],
)
def test_plans_without_sense(check, words, says):
    done, _ = check(*words)
    assert done.returncode == 2 and says in done.stderr


def test_this_machine_has_its_own(firstfix):
    done = subprocess.run([firstfix, "check", "--gpu", "h100"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "go with --image" in done.stderr
