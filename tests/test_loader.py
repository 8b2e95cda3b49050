"""The emulated loader beside the real one: on libraries of this system, and on written ones where each rule decides."""
import json
import os
import pathlib
import subprocess

import pytest

import casefile
import elfwriter
import loader_compare

pytestmark = pytest.mark.skipif(not loader_compare.LD_SO, reason="no glibc loader on this machine")
QUIET = {k: v for k, v in os.environ.items() if not k.startswith("LD_")}


def test_libraries_of_this_system(firstfix):
    """Same files, same order, same names and versions missing, on 200 libraries."""
    compared, wrong = 0, []
    for path in loader_compare.libraries_under(
        ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64"]
    ):
        if compared == 200:
            break
        compared += 1
        if why := loader_compare.difference(firstfix, path, QUIET):
            wrong.append(why)
    assert compared > 20 and not wrong, wrong


def write(folder, name, spec):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(elfwriter.elf(f"soname {name}\n{spec}"))
    return str(folder / name)


# What is written below a folder, as "file: properties"; LD_LIBRARY_PATH below it; what libs must say of libtop.so.
SCENARIOS = {
    "rpath-beats-library-path": (
        {"libtop.so": "needed libdep.so\nrpath $ORIGIN/own", "own/libdep.so": "", "env/libdep.so": ""},
        "env",
        {"libdep.so": ("own/libdep.so", "RPATH of libtop.so")},
    ),
    "library-path-beats-runpath": (
        {"libtop.so": "needed libdep.so\nrunpath $ORIGIN/own", "own/libdep.so": "", "env/libdep.so": ""},
        "env",
        {"libdep.so": ("env/libdep.so", "LD_LIBRARY_PATH entry 1")},
    ),
    "runpath-silences-rpath": (
        {
            "libtop.so": "needed libdep.so\nrpath $ORIGIN/old\nrunpath $ORIGIN/own",
            "own/libdep.so": "",
            "old/libdep.so": "",
        },
        "",
        {"libdep.so": ("own/libdep.so", "RUNPATH of libtop.so")},
    ),
    "rpath-is-inherited": (
        {"libtop.so": "needed liba.so\nrpath ${ORIGIN}/own", "own/liba.so": "needed libb.so", "own/libb.so": ""},
        "",
        {"libb.so": ("own/libb.so", "RPATH of libtop.so")},
    ),
    "runpath-is-not-inherited": (
        {"libtop.so": "needed liba.so\nrunpath $ORIGIN/own", "own/liba.so": "needed libb.so", "own/libb.so": ""},
        "",
        {"libb.so": None},
    ),
    # an object with a RUNPATH ignores the RPATH that found it, and so loses to LD_LIBRARY_PATH
    "torch-and-nvjitlink": (
        {
            "libtop.so": "needed libcusparse.so\nrpath $ORIGIN/cusparse:$ORIGIN/nvjitlink",
            "cusparse/libcusparse.so": "needed libnvJitLink.so\nrunpath $ORIGIN/../nvjitlink",
            "nvjitlink/libnvJitLink.so": "",
            "cuda/libnvJitLink.so": "",
        },
        "nothing-here:cuda",
        {"libnvJitLink.so": ("cuda/libnvJitLink.so", "LD_LIBRARY_PATH entry 2")},
    ),
    "already-loaded": (  # the first copy found serves everybody
        {
            "libtop.so": "needed liba.so\nneeded libdep.so\nrpath $ORIGIN/one",
            "one/liba.so": "needed libdep.so\nrunpath $ORIGIN/../two",
            "one/libdep.so": "",
            "two/libdep.so": "",
        },
        "",
        {"libdep.so": ("one/libdep.so", "RPATH of libtop.so")},
    ),
    "other-machine-is-passed-over": (
        {
            "libtop.so": "needed libdep.so\nrpath $ORIGIN/arm:$ORIGIN/i386:$ORIGIN/own",
            "arm/libdep.so": "machine other",
            "i386/libdep.so": "class 32",
            "own/libdep.so": "",
        },
        "",
        {"libdep.so": ("own/libdep.so", "RPATH of libtop.so")},
    ),
    "missing-version": (
        {
            "libtop.so": "needed libdep.so\nneeds libdep.so DEP_2\nneeds libdep.so DEP_3 weak\nrpath $ORIGIN",
            "libdep.so": "defines DEP_1",
        },
        "",
        {"libdep.so": ("libdep.so", "RPATH of libtop.so")},
    ),
    "version-defined": (
        {
            "libtop.so": "needed libdep.so\nneeds libdep.so DEP_1\nrpath $ORIGIN",
            "libdep.so": "defines DEP_0\ndefines DEP_1",
        },
        "",
        {"libdep.so": ("libdep.so", "RPATH of libtop.so")},
    ),
    "breadth-first": (
        {
            "libtop.so": "needed liba.so\nneeded libb.so\nrpath $ORIGIN",
            "liba.so": "needed libc1.so",
            "libb.so": "needed libd.so",
            "libc1.so": "needed libd.so",
            "libd.so": "",
        },
        "",
        {"libd.so": ("libd.so", "RPATH of libtop.so")},
    ),
    "no-default-folders": (
        {"libtop.so": "needed libz.so.1\nneeded libstdc++.so.6\nflags1 0x800"},
        "",
        {"libstdc++.so.6": None},
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_rule(name, tmp_path, firstfix):
    files, library_path, expected = SCENARIOS[name]
    mine = os.uname().machine
    for path, spec in files.items():
        spec = spec.replace("machine other", f"machine {'aarch64' if mine == 'x86_64' else 'x86_64'}")
        if "machine" not in spec:
            spec += f"\nmachine {mine}"
        at = tmp_path / path
        write(at.parent, at.name, spec)
    environment = dict(QUIET)
    if library_path:
        environment["LD_LIBRARY_PATH"] = ":".join(str(tmp_path / p) for p in library_path.split(":"))
    top = str(tmp_path / "libtop.so")
    why = loader_compare.difference(firstfix, top, environment)
    assert not why, why

    run = subprocess.run([firstfix, "libs", "--json", top], capture_output=True, text=True, env=environment, timeout=30)
    document = json.loads(run.stdout)
    assert run.returncode == (0 if document["ok"] else 1)
    assert document["ok"] == (None not in expected.values() and name != "missing-version")
    for library, want in expected.items():
        got = [d for d in document["dependencies"] if d["name"] == library]
        if want is None:
            assert not got and library in [m["library"] for m in document["missing"]]
        else:
            assert (os.path.realpath(got[0]["path"]), got[0]["because"]) == (str(tmp_path / want[0]), want[1])


def test_gpu_code_is_listed(tmp_path, firstfix):
    path = write(tmp_path, "libgpu.so", "fatbin sm_90 sm_90a compute_100f\nhip gfx90a")
    document = json.loads(
        subprocess.run([firstfix, "libs", "--json", path], capture_output=True, text=True, check=True).stdout
    )
    assert document["gpu"] == {
        "archs": ["sm_90", "sm_90a"],
        "ptx": ["compute_100f"],
        "hip": ["gfx90a"],
        "ptx_isa": "9.5",
        "entries": {"sm_90": 1, "sm_90a": 1, "compute_100f": 1, "gfx90a": 1},
    }


@pytest.mark.parametrize(
    "content, says", [(b"", "cut short"), (b"INPUT(libfoo.so)\n", "no ELF file"), (b"\x7fELF\x02\x01\x01", "cut short")]
)
def test_what_is_no_library_is_refused(content, says, tmp_path, firstfix):
    (tmp_path / "bad.so").write_bytes(content)
    run = subprocess.run([firstfix, "libs", str(tmp_path / "bad.so")], capture_output=True, text=True, timeout=30)
    assert run.returncode == 2 and says in run.stderr and not run.stdout


def test_a_library_cut_short_is_said(tmp_path, firstfix):
    """A download that broke off: all headers are there, the end is not."""
    write(tmp_path, "libtop.so", f"needed libdep.so\nrpath $ORIGIN\nmachine {os.uname().machine}")
    cut = tmp_path / "libdep.so"
    blob = elfwriter.elf(f"soname libdep.so\nmachine {os.uname().machine}")
    section_headers = int.from_bytes(blob[40:48], "little")  # what is loaded ends there
    cut.write_bytes(blob[:section_headers - 1])
    run = subprocess.run(
        [firstfix, "libs", "--json", str(tmp_path / "libtop.so")], capture_output=True, text=True, timeout=30
    )
    assert run.returncode == 1
    assert "cut short" in json.loads(run.stdout)["missing"][0]["error"]


def test_an_absent_file(firstfix):
    run = subprocess.run([firstfix, "libs", "/nowhere/libx.so"], capture_output=True, text=True, timeout=30)
    assert run.returncode == 2 and "/nowhere/libx.so" in run.stderr


def captured(tmp_path):
    """The machine of a probe case as a root."""
    sections = casefile.read(pathlib.Path(__file__).parent / "probe/extensions/packages.case")
    casefile.build_root(sections, tmp_path)
    return tmp_path


def test_a_package(tmp_path, firstfix):
    root = captured(tmp_path)
    run = subprocess.run(
        [firstfix, "libs", "--json", "--root", root, "torch"], capture_output=True, text=True, timeout=30
    )
    document = json.loads(run.stdout)
    assert (
        run.returncode == 0
        and document["package"] == "torch"
        and document["location"] == "/usr/lib/python3/dist-packages/torch"
    )
    assert {os.path.basename(f["file"]): f["gpu"].get("archs") for f in document["files"]} == {
        "libtorch_cpu.so": None,
        "libtorch_cuda.so": ["sm_80", "sm_90a", "sm_120f"],
        "libtorch_cuda_linalg.so": ["sm_75", "sm_80"],
    }


def test_a_package_with_a_file_that_is_none(tmp_path, firstfix):
    run = subprocess.run(
        [firstfix, "libs", "--root", captured(tmp_path), "torchvision"], capture_output=True, text=True, timeout=30
    )
    assert run.returncode == 1 and "image.so: at 0x0: no ELF file" in run.stdout


def test_an_absent_package(tmp_path, firstfix):
    run = subprocess.run(
        [firstfix, "libs", "--root", captured(tmp_path), "nosuchpackage"], capture_output=True, text=True, timeout=30
    )
    assert run.returncode == 2 and "no package of this name" in run.stderr


def test_a_search_without_end_is_ended(tmp_path, firstfix):
    """4,000 needed names along 500 folders would be two million files to look for."""
    for i in range(500):
        (tmp_path / f"d{i}").mkdir()
    spec = (
        "rpath "
        + ":".join(f"{tmp_path}/d{i}" for i in range(500))
        + "\n"
        + "\n".join(f"needed libx{i}.so" for i in range(4000))
    )
    path = write(tmp_path, "libbad.so", spec)
    run = subprocess.run([firstfix, "libs", path], capture_output=True, text=True, timeout=30)
    assert run.returncode == 2 and "takes more than" in run.stderr


def test_libraries_that_need_each_other(tmp_path, firstfix):
    for i in range(40):
        write(
            tmp_path,
            f"lib{i}.so",
            "rpath $ORIGIN\n" + "\n".join(f"needed lib{k}.so" for k in range(40)) + f"\nmachine {os.uname().machine}",
        )
    why = loader_compare.difference(firstfix, str(tmp_path / "lib0.so"), QUIET)
    assert not why, why
