"""What tools/release makes, each taken where it is to work: packages in a root that has nothing of ours, the static
programs in an empty one, the tarball beside a Python.

With FIRSTFIX_BIG_WHEELS=1 it is made twice, and all bytes are the same.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
WORKER = "import sys, firstfix; print(firstfix.__file__); sys.exit(7)"
CHROOT = shutil.which("chroot") or "/usr/sbin/chroot"
LOG = b"OSError: [Errno 28] No space left on device\n"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can enter another root")


def sh(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def make(folder):
    sh(TOP / "tools/release", "--here", folder, timeout=3000)
    return folder


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return make(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def packages(release):
    return {path.name.split("_")[0]: path for path in release.glob("*.deb")}


def unpacked(tarball, folder):
    with tarfile.open(tarball) as tar:
        tar.extractall(folder)
    return folder / tarball.name.removesuffix(".tar.gz")


def one(release, pattern):
    found, = release.glob(pattern)
    return found


def test_checksums_and_sbom(release, tmp_path):
    sh("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=release)
    sbom = one(release, "*.cdx.json")
    doc = json.loads(sbom.read_text(encoding="utf-8"))
    hashes = {each["name"]: each["hashes"][0]["content"] for each in doc["metadata"]["component"]["components"]}
    files = {path.name for path in release.iterdir()} - {"SHA256SUMS", sbom.name}
    assert len(files) == 7 and set(hashes) == files
    for name in files:
        assert hashlib.sha256((release / name).read_bytes()).hexdigest() == hashes[name]
    linked = {each["name"] for each in doc["components"]}
    assert {"libjansson", "libarchive", "liblua5.4", "libsqlite3", "libzstd", "libc6", "uplot"} < linked
    sh(sys.executable, "-m", "venv", tmp_path)
    sh(tmp_path / "bin/pip", "install", "-q", "cyclonedx-python-lib[json-validation]==11.12.0")
    check = ("import sys; from cyclonedx.schema import SchemaVersion; from cyclonedx.validation.json import"
             " JsonStrictValidator; sys.exit(JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())"
             " is not None)")
    sh(tmp_path / "bin/python", "-c", check, input=sbom.read_text(encoding="utf-8"))
    broken = {**doc, "components": [{"name": "no type"}]}
    assert subprocess.run([tmp_path / "bin/python", "-c", check], input=json.dumps(broken), text=True,
                          capture_output=True, check=False).returncode == 1


@pytest.mark.skipif(not os.environ.get("FIRSTFIX_BIG_WHEELS"), reason="takes minutes: FIRSTFIX_BIG_WHEELS=1")
def test_twice_the_same_bytes(release, tmp_path):
    again = make(tmp_path / "again")
    assert (again / "SHA256SUMS").read_text() == (release / "SHA256SUMS").read_text()


def test_the_tarball_works_beside_a_python(release, tmp_path):
    tree = unpacked(one(release, "*-linux-*[0-9].tar.gz"), tmp_path)
    env = {"PATH": "/usr/bin:/bin", "FIRSTFIX_DIR": str(tmp_path / "state")}
    done = subprocess.run([tree / "bin/firstfix", "run", "--report", "off", "--", sys.executable, "-c", WORKER],
                          env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 7, done.stderr
    assert done.stdout.strip() == str(tree / "share/firstfix/hooks/firstfix/__init__.py")
    assert (tree / "share/man/man1/firstfix-explain.1").exists() and (tree / "LICENSE").exists()


@root_only
def test_the_static_one_needs_nothing(release, tmp_path):
    """An empty root: no libc, no /proc, no shell."""
    tree = unpacked(one(release, "*-static.tar.gz"), tmp_path)
    program = f"/{tree.name}/bin/firstfix"
    env = {"FIRSTFIX_DIR": "/state", "FIRSTFIX_NVML": "/nvml.so"}

    def inside(*words, **options):
        return subprocess.run([CHROOT, tmp_path, program, *words], env=env, capture_output=True, check=False,
                              timeout=60, **options)

    done = inside("explain", "-", input=LOG)
    assert done.returncode == 1 and b"disk.full" in done.stdout, done.stderr
    facts = json.loads(inside("report", "--json").stdout)
    assert "not asked by the static firstfix" in json.dumps(facts["errors"])
    done = inside("run", "--", program, "--version")
    assert done.returncode == 0 and done.stdout.startswith(b"firstfix "), done.stderr
    done = inside("run", "--", program, "explain", "/nosuch.log")
    assert done.returncode == 2 and b"WORKER FAILED" in done.stderr, done.stderr


def files_of(package):
    return {line.split()[5].removeprefix(".") for line in sh("dpkg", "-c", package).splitlines()
            if not line.startswith("d")}


def test_lintian_has_nothing_to_say(packages):
    sh("lintian", "--fail-on", "error,warning", "--allow-root", *packages.values())


def test_what_is_in_the_packages(packages):
    assert set(packages) == {"firstfix", "firstfix-supervise", "libfirstfix0", "libfirstfix-dev"}
    slim, whole = files_of(packages["firstfix-supervise"]), files_of(packages["firstfix"])
    assert {"/usr/bin/firstfix", "/usr/libexec/firstfix/firstfix-supervise", "/usr/share/man/man1/firstfix.1.gz"} < slim
    assert {"/usr/libexec/firstfix/firstfix-tool", "/usr/libexec/firstfix/firstfix-agent",
            "/usr/share/man/man1/firstfix-explain.1.gz", "/usr/share/bash-completion/completions/firstfix.bash",
            "/usr/share/zsh/site-functions/_firstfix", "/usr/share/fish/vendor_completions.d/firstfix.fish",
            "/usr/lib/firstfix/hooks/sitecustomize.py", "/usr/lib/firstfix/hooks/firstfix/_ring.abi3.so"} < whole
    assert not slim & whole


def test_the_supervisor_needs_libc_alone(packages):
    depends = sh("dpkg", "-f", packages["firstfix-supervise"], "Depends")
    assert re.fullmatch(r"libc6 \([^)]*\)", depends.strip())
    assert packages["firstfix-supervise"].stat().st_size < 200_000


def bring(root, program):
    """A program and what it needs, copied to where it looks."""
    for path in re.findall(r"/\S+", sh("ldd", program)) + [str(program)]:
        at = root / os.path.realpath(os.path.dirname(path)).lstrip("/") / os.path.basename(path)
        at.parent.mkdir(parents=True, exist_ok=True)
        if not at.exists():
            shutil.copy2(path, at)


@root_only
def test_the_packages_work_where_there_is_nothing_else(packages, tmp_path):
    """A root of a shell and libc, and then also of the libraries that the package depends on."""
    for folder in ("bin", "lib", "lib64"):
        (tmp_path / "usr" / folder).mkdir(parents=True)
        (tmp_path / folder).symlink_to(f"usr/{folder}")
    sh("dpkg-deb", "-x", packages["firstfix-supervise"], tmp_path)
    bring(tmp_path, "/bin/sh")

    def inside(*words):
        return subprocess.run([CHROOT, tmp_path, *words], capture_output=True, text=True, check=False, timeout=60,
                              env={"PATH": "/usr/bin", "FIRSTFIX_DIR": "/state", "FIRSTFIX_NVML": ""})

    done = inside("firstfix", "run", "--", "sh", "-c", "echo out; exit 3")
    assert done.returncode == 3 and done.stdout == "out\n" and "ended with exit code 3" in done.stderr, done.stderr
    assert "no diagnosis: the package firstfix is not installed" in done.stderr
    assert "neither beside" not in done.stderr
    assert "firstfix-tool" in inside("firstfix", "report").stderr
    sh("dpkg-deb", "-x", packages["firstfix"], tmp_path)
    bring(tmp_path, tmp_path / "usr/libexec/firstfix/firstfix-tool")
    assert inside("firstfix", "--version").stdout.startswith("firstfix 0.")
    done = inside("firstfix", "report", "--json", "--only", "os")
    assert done.returncode == 0 and '"firstfix.facts/1"' in done.stdout, done.stderr
