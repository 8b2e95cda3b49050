"""The choice of bitsandbytes' library against the real code of many versions, run under a stand-in for torch."""

import itertools
import json
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

import oracle
from wheelhouse import wheelhouse

VERSIONS = "0.37.2 0.39.0 0.40.2 0.41.3 0.42.0 0.43.1 0.43.3 0.44.1 0.45.5 0.46.1 0.47.0 0.48.2 0.49.0 0.50.0".split()
RUNNER = pathlib.Path(__file__).with_name("bnb_runner.py")


def real_code(version):
    """The Python files of that version and the names of its libraries; the wheel itself is not kept."""
    folder = wheelhouse() / "bitsandbytes" / version
    names = folder / "libraries.json"
    if not names.exists():
        download = folder / "download"
        platforms = [x for p in ("manylinux_2_24_x86_64", "manylinux_2_17_x86_64", "any") for x in ("--platform", p)]
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "-q",
                "--no-deps",
                "--only-binary",
                ":all:",
                *platforms,
                "-d",
                download,
                f"bitsandbytes=={version}",
            ],
            check=True,
        )
        with zipfile.ZipFile(next(download.glob("*.whl"))) as wheel:
            wanted = re.compile(r"bitsandbytes/(cextension|cuda_specs|consts|cuda_setup/\w+)\.py$")
            wheel.extractall(folder, [n for n in wheel.namelist() if wanted.match(n)])
            libraries = [
                pathlib.PurePath(n).name
                for n in wheel.namelist()
                if re.match(r"bitsandbytes/libbitsandbytes.*\.so$", n)
            ]
        shutil.rmtree(download)
        names.write_text(json.dumps(libraries))
    return folder, json.loads(names.read_text())


def run_real(folder, question, libraries, tmp_path):
    copy = tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(
        folder / "bitsandbytes", copy / "bitsandbytes", ignore=shutil.ignore_patterns("__pycache__", "*.so")
    )
    for name in libraries:
        (copy / "bitsandbytes" / name).touch()
    run = subprocess.run(
        [sys.executable, "-B", RUNNER, copy, json.dumps(question)], capture_output=True, text=True, check=True
    )
    return json.loads(run.stdout)


def questions(version):
    for cuda, override, capability in itertools.product(
        ["11.8", "12.1", "12.9", "13.0"], [None, "", "118", "124"], ["7.0", "8.9"]
    ):
        yield {
            "version": version,
            "torch_cuda": cuda,
            "cudart": cuda,
            "override_cuda": override,
            "capability": capability,
            "gpu": True,
        }
    yield {"version": version, "torch_cuda": "12.1", "cudart": "12.1", "capability": "8.9", "gpu": False}
    yield {"version": version, "torch_cuda": None, "cudart": None, "capability": "8.9", "gpu": False}
    if version >= "0.46":
        for override in (None, "124"):
            yield {
                "version": version,
                "torch_hip": "6.4.43482-0f2d60242",
                "override_cuda": override,
                "capability": "9.0",
                "gpu": True,
            }


@pytest.mark.parametrize("version", VERSIONS)
def test_choice_is_that_of_the_real_code(version, tmp_path):
    folder, libraries = real_code(version)
    asked = [{**q, "shipped": libraries} for q in questions(version)]
    for question, answer in zip(asked, oracle.ask([("bnb", json.dumps(q)) for q in asked])):
        outcome, wanted = answer.split("\t")
        loaded = run_real(folder, question, libraries, tmp_path)
        expected = {"loads": wanted, "cpu-instead": "libbitsandbytes_cpu.so", "fails": None}[outcome]
        assert loaded == expected, (question, answer)
        # The name is right too: put there, it is the one that is loaded (0.50's nearest match would change with the
        # files).
        if wanted and outcome != "loads":
            assert run_real(folder, question, [*libraries, wanted], tmp_path) == wanted, (question, answer)


@pytest.mark.parametrize("version", VERSIONS)
def test_table_of_shipped_libraries(version):
    _, libraries = real_code(version)
    table = [
        line.split("\t")
        for line in (pathlib.Path(__file__).parents[2] / "rules/data/bnb_shipped.tsv").read_text().splitlines()
        if line[:1].isdigit()
    ]
    key = lambda v: tuple(map(int, v.split(".")))  # noqa: E731
    row = [cuda for since, cuda in table if key(since) <= key(version)][-1]
    real = sorted({m.group(1) for n in libraries if (m := re.match(r"libbitsandbytes_cuda(\d+)\.so", n))})
    assert row.split(",") == real
