"""firstfix check --image: the archives that docker, podman and OCI tools write, judged before anything runs."""

import contextlib
import gzip
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import time

import pytest

import elfwriter
import image_files as images
import model_files

SITE = "usr/lib/python3.11/site-packages"
TOKEN = "hf_" + "abcdefghijklmnopqrstuvwxyzABCDEFGH"
BASE = {
    "etc": None,
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
    "etc/passwd": "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n",
    "home/app": None,
    "usr/bin/python3.11": pathlib.Path(sys.executable).resolve().read_bytes(),
    "usr/bin/python3": ("->", "python3.11"),
    "bin": ("->", "usr/bin"),
    "lib": ("->", "usr/lib"),
    "usr/lib/python3.11/os.py": "",
    f"{SITE}/torch/__init__.py": "",
    f"{SITE}/torch/version.py": "__version__ = '2.3.1+cu121'\ncuda = '12.1'\nhip = None\ndebug = False\n",
    f"{SITE}/torch-2.3.1+cu121.dist-info/METADATA": "Metadata-Version: 2.1\nName: torch\nVersion: 2.3.1+cu121\n",
    f"{SITE}/old-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: old\nVersion: 1\n",
    "opt/cache/a": "a",
    "root/.netrc": f"machine huggingface.co login x password {TOKEN}\n",
}
TOP = {
    f"{SITE}/.wh.old-1.dist-info": "",
    "opt/cache/.wh..wh..opq": "",
    "opt/cache/b": "b",
    "root/.wh..netrc": "",
    "bin/start.sh": (0o755, "#!/bin/sh\npython3 /app/handler.py\n"),
    f"{SITE}/new-2.dist-info/METADATA": "Metadata-Version: 2.1\nName: new\nVersion: 2\n",
    "app/handler.py": "import torch\n",
}
CONFIG = {
    "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all"],
    "Cmd": ["/app/run"],
    "WorkingDir": "/app",
    "User": "app",
}
FORMS = [
    ("docker", "plain"),
    ("docker", "gzip"),
    ("oci", "plain"),
    ("oci", "gzip"),
    pytest.param("oci", "zstd", marks=pytest.mark.skipif(not shutil.which("zstd"), reason="needs zstd")),
]


@pytest.fixture
def check(firstfix, tmp_path):
    """check(image, *words) -> (exit code, document or the error's text)."""

    def ask(image, *words, env=None):
        command = [firstfix, "check", "--image", image, "--json", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path, env=env)
        return done.returncode, json.loads(done.stdout) if done.returncode < 2 else done.stderr

    return ask


@pytest.fixture
def saved(tmp_path):
    """saved(layers, config, form, how) -> the path of an archive."""

    def save(layers, config=CONFIG, form="docker", how="plain", name="image.tar", **more):
        make = images.docker_archive if form == "docker" else images.oci_layout
        (tmp_path / name).write_bytes(images.tar(make(layers, config, how, **more)))
        return tmp_path / name

    return save


def causes(document):
    return [each["cause"] for each in document["diagnoses"]]


def found(document, cause):
    return next((each for each in document["diagnoses"] if each["cause"] == cause), None)


@pytest.mark.parametrize("form,how", FORMS)
def test_every_form_is_the_same_image(check, saved, form, how):
    code, doc = check(saved([BASE, TOP], form=form, how=how), "--gpu", "t4", "--driver", "470.57.02")
    assert code == 1 and causes(doc)[0] == "torch.driver-too-old"
    assert "470.57.02" in doc["diagnoses"][0]["why"]
    assert "python 3.11" in " ".join(doc["looked_at"])


def test_a_layout_in_a_folder_a_packed_archive_and_a_pipe(check, saved, tmp_path):
    for path, content in images.oci_layout([BASE, TOP], CONFIG).items():
        (tmp_path / "layout" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "layout" / path).write_bytes(content.encode() if isinstance(content, str) else content)
    (tmp_path / "all.tar.gz").write_bytes(gzip.compress(saved([BASE, TOP]).read_bytes()))
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/podman"
    program.write_text(f'#!/bin/sh\ntest "$1 $2" = "save worker:1" || exit 125\ncat {tmp_path}/image.tar\n')
    program.chmod(0o755)
    words = ["--gpu", "t4", "--driver", "470.57.02"]
    answers = [
        check("layout", *words),
        check("all.tar.gz", *words),
        check("worker:1", *words, env={"PATH": f"{tmp_path}/bin:/bin:/usr/bin"}),
    ]
    for code, doc in answers:
        assert code == 1 and causes(doc) == causes(answers[0][1]) and "torch.driver-too-old" in causes(doc)


def facts_of(firstfix, tmp_path, *where):
    done = subprocess.run(
        [firstfix, "report", "--json", "--only", "os,python,packages,torch,image", *where],
        capture_output=True, text=True, timeout=60, cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("form,how", FORMS)
def test_layers_whiteouts_and_links_are_what_the_runtime_makes_of_them(firstfix, saved, tmp_path, form, how):
    facts = facts_of(firstfix, tmp_path, "--image", saved([BASE, TOP], form=form, how=how))
    packages = facts["python"]["packages"]
    assert "old" not in packages and packages["new"]["version"] == "2" and packages["torch"]["version"] == "2.3.1+cu121"
    assert facts["image"]["layers"] == 2 and facts["image"]["uid"] == 1000
    assert facts["image"]["arch"] == "x86_64"


def test_an_opaque_folder_hides_what_was_below_and_keeps_what_comes_with_it(firstfix, saved, tmp_path):
    upper = {f"{SITE}/.wh..wh..opq": "", **{k: v for k, v in TOP.items() if k.startswith(SITE)}}
    facts = facts_of(firstfix, tmp_path, "--image", saved([BASE, upper]))
    assert set(facts["python"]["packages"]) == {"new"}


def test_hard_links_name_what_is_there(firstfix, saved, tmp_path):
    upper = {"usr/bin/python3": ("=", "usr/bin/python3.11"), f"{SITE}/gone": ("=", "no/such/file")}
    facts = facts_of(firstfix, tmp_path, "--image", saved([BASE, upper]))
    assert facts["python"]["version"].startswith("3.")


def unpacked(tmp_path, layers):
    """The files as a runtime lays them, made by hand."""
    root = tmp_path / "root"
    root.mkdir()
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(images.tar(layer))) as archive:
            archive.extractall(root, filter="fully_trusted")
    return root


def test_an_image_says_what_its_unpacked_files_say(firstfix, saved, tmp_path):
    """Real shared libraries, packed in layers: what was kept of the stream is enough for every probe."""
    libraries = {}
    for path in ["libc.so.6", "libstdc++.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"]:
        real = next((p for p in pathlib.Path("/").glob(f"usr/lib/*-linux-gnu/{path}")), None)
        if real:
            libraries[str(real)[1:]] = real.resolve().read_bytes()
    code = elfwriter.elf("soname libtorch_cuda.so\nneeded libc.so.6\n" + "fatbin sm_90a compute_120\n" * 3000)
    libraries[f"{SITE}/torch/lib/libtorch_cuda.so"] = code
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/root"}
    config = {"Env": [f"{k}={v}" for k, v in env.items()], "Cmd": ["/bin/true"]}
    root = unpacked(tmp_path, [BASE, libraries])
    (root / ".firstfix").mkdir()
    (root / ".firstfix/live.json").write_text(json.dumps({"env": env, "uname": {"machine": "x86_64"}}))
    asked = ["--only", "os,python,packages,torch,extensions,cuda,wheels"]

    def facts(*where):
        command = [firstfix, "report", "--json", *asked, *where]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        doc = json.loads(done.stdout)
        doc["system"].pop("container", None)
        doc["python"].pop("site_writable", None)  # only of an image it is known who will write
        return {k: doc.get(k) for k in ("system", "python", "torch", "cuda", "extensions", "errors")}

    whole = facts("--root", root)
    assert whole["torch"]["archs"] == ["sm_90a"]
    assert whole["system"]["libc"]["name"] == "glibc" and whole["system"]["libstdcxx"]["glibcxx"]
    for how in ("plain", "gzip"):
        assert facts("--image", saved([BASE, libraries], config, "oci", how)) == whole, how


def test_a_tar_of_docker_export_and_a_folder(check, tmp_path):
    (tmp_path / "export.tar").write_bytes(images.tar({**BASE, **TOP}))
    unpacked(tmp_path, [BASE])
    for image in ("export.tar", "root"):
        code, doc = check(image, "--gpu", "t4", "--driver", "470.57.02")
        assert code == 1 and "torch.driver-too-old" in causes(doc), image
        assert doc["facts_of"]["what"] == f"image {image}"


def settings(**more):
    return {**CONFIG, **more}


def with_env(*variables):
    return settings(Env=[*CONFIG["Env"][:1], *variables])


@pytest.mark.parametrize(
    "cause,config,more,says",
    [
        ("container.no-gpu", with_env("NVIDIA_DRIVER_CAPABILITIES=video,utility"), {}, "video,utility"),
        ("container.no-gpu", with_env(), {}, "sets neither"),
        ("container.secret-in-image", with_env(f"HF_TOKEN={TOKEN}"), {}, "ENV HF_TOKEN"),
        ("container.no-init", settings(Entrypoint=["/bin/start.sh"]), {}, "hands no signal on"),
        ("container.no-init", settings(Cmd=["/bin/sh", "-c", "cd /app && python3 x.py"]), {}, "hands no signal on"),
        ("container.entrypoint-broken", settings(Cmd=["/no/such"]), {}, "/no/such"),
        ("hf.cache-permission", with_env("HF_HOME=/root/hf"), {}, "/root/hf"),
        ("container.driver-files-in-image", CONFIG, {"usr/lib/x86_64-linux-gnu/libcuda.so.1": "x"}, "libcuda.so.1"),
    ],
)
def test_what_an_image_says_of_itself(check, saved, cause, config, more, says):
    _, doc = check(saved([BASE, {**TOP, **more}], config), "--gpu", "a100", "--driver", "550.54.14")
    assert found(doc, cause), causes(doc)
    assert says in found(doc, cause)["why"] and found(doc, cause)["fixes"]
    assert TOKEN not in json.dumps(doc)


@pytest.mark.parametrize(
    "config",
    [
        settings(Entrypoint=["tini", "--"], Cmd=["/bin/start.sh"]),
        settings(Cmd=["/bin/sh", "-c", "python3 /app/handler.py"]),
        settings(Cmd=["vllm", "serve", "x"]),
        settings(Cmd=["python3", "-m", "vllm.entrypoints.openai.api_server"]),
    ],
)
def test_a_first_process_that_is_told_to_stop(check, saved, config):
    _, doc = check(saved([BASE, TOP], config), "--gpu", "a100", "--driver", "550.54.14")
    assert not found(doc, "container.no-init") and not found(doc, "container.entrypoint-broken")


def test_secrets_of_history_and_of_layers_are_found_and_never_shown(check, saved):
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    image = saved([BASE, TOP], history=["COPY . .", f"RUN pip install git+https://x:{token}@github.com/a/b"])
    _, doc = check(image, "--gpu", "a100", "--driver", "550.54.14")
    why = found(doc, "container.secret-in-image")["why"]
    assert "step 2 of the history" in why and "/root/.netrc was deleted in a later layer" in why
    assert token not in json.dumps(doc) and TOKEN not in json.dumps(doc)


def raw(path, **fields):
    info = tarfile.TarInfo(path)
    for name, value in fields.items():
        setattr(info, name, value)
    return info


def huge(path, size):
    """A header that claims bytes that never come."""
    return raw(path, size=size).tobuf(format=tarfile.GNU_FORMAT)


HOSTILE = {
    "a path that climbs out": (lambda: images.tar({"../../etc/passwd": "x"}), "a path out of the image"),
    "a hard link that climbs out": (lambda: images.tar({"x": ("=", "../../../etc/shadow")}), "a hard link out"),
    "a claim without bytes": (lambda: huge("etc/os-release", 1 << 50), "Truncated"),
    "a path too deep": (lambda: images.tar({"/".join("d" * 300): "x"}), "too long"),
    "no archive": (lambda: b"not an archive at all" * 100, "save it anew"),
    "an empty file": (lambda: b"", "empty"),
    "a manifest that is no JSON": (lambda: images.tar({"manifest.json": "{"}), "manifest.json"),
    "a manifest of another kind": (lambda: images.tar({"manifest.json": '{"a": 1}'}), "names no image"),
    "a layer that is not there": (
        lambda: images.tar(
            {"manifest.json": json.dumps([{"Config": "0" * 64 + ".json", "Layers": ["1" * 64 + "/layer.tar"]}]),
             "0" * 64 + ".json": "{}"}
        ),
        "is named and not in it",
    ),
    "an index in circles": (
        lambda: images.tar(
            {"index.json": json.dumps({"manifests": [{"digest": "sha256:" + "a" * 64}]}),
             "blobs/sha256/" + "a" * 64: json.dumps({"manifests": [{"digest": "sha256:" + "a" * 64}]})}
        ),
        "leads to no image",
    ),
    "a digest that is a path": (
        lambda: images.tar({"index.json": json.dumps({"manifests": [{"digest": "sha256:../../../etc/passwd"}]})}),
        "leads to no image",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_archives_are_refused_in_words(check, tmp_path, what):
    make, says = HOSTILE[what]
    (tmp_path / "bad.tar").write_bytes(make())
    before = sorted(p.name for p in tmp_path.iterdir())
    code, text = check("bad.tar")
    assert code == 2 and says in text and "bad.tar" in text, text
    assert len(text.strip().splitlines()) <= 2
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_a_bomb_is_given_up_early(check, tmp_path):
    class Zeros:
        def read(self, n):
            return bytes(n)

    with gzip.open(tmp_path / "bomb.tar.gz", "wb", 1) as packed:
        with tarfile.open(fileobj=packed, mode="w|") as archive:
            archive.addfile(raw("usr/lib/x.so", size=3 << 30), Zeros())
    started = time.monotonic()
    code, text = check("bomb.tar.gz")
    assert code == 2 and "more than 200 times its size" in text, text
    assert time.monotonic() - started < 60


def test_a_million_entries_are_one_too_many(check, tmp_path):
    header = bytearray(raw("a", type=tarfile.DIRTYPE).tobuf())
    with gzip.open(tmp_path / "many.tar.gz", "wb", 1) as packed:
        block = bytes(header) * 4096
        for _ in range((1 << 20) // 4096 + 1):
            packed.write(block)
    code, text = check("many.tar.gz")
    assert code == 2 and "more than 1048576 entries" in text, text


def test_devices_holes_and_links_out_are_only_noted(check, saved):
    odd = {
        "dev/zero": raw("dev/zero", type=tarfile.CHRTYPE, devmajor=1, devminor=5),
        "run/pipe": raw("run/pipe", type=tarfile.FIFOTYPE),
        "etc/os-release": ("->", "../../../../../../etc/hostname"),
        "loop": ("->", "loop"),
        "usr/lib/python3.11/dev.py": ("->", "/dev/zero"),
    }
    code, doc = check(saved([BASE, odd]), "--gpu", "t4", "--driver", "470.57.02")
    assert code == 1 and causes(doc)[0] == "torch.driver-too-old"


def test_an_archive_that_is_cut_short_while_it_is_read(firstfix, tmp_path):
    archive = tmp_path / "worker.tar"
    entries = b"".join(raw(f"opt/data/{i:06}", type=tarfile.DIRTYPE).tobuf() for i in range(2000))
    for _ in range(20):  # the cut must fall into the reading: what is over before, or ends late, says nothing
        with archive.open("wb") as file:
            for _ in range(100):
                file.write(entries)
        reader = subprocess.Popen([firstfix, "check", "--image", archive], text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        maps = pathlib.Path(f"/proc/{reader.pid}/maps")
        while reader.poll() is None:
            with contextlib.suppress(OSError):
                if "worker.tar" in maps.read_text():
                    break
        os.truncate(archive, 4096)
        text = reader.communicate(timeout=120)[1]
        assert reader.returncode in (0, 1, 2), text
        if "while it was read" in text:
            assert reader.returncode == 2 and len(text.splitlines()) == 1, text
            return
    pytest.fail("never cut in time")


def test_room_for_the_model_that_it_will_load(check, firstfix, saved, tmp_path):
    image, model = saved([BASE, TOP]), model_files.model(tmp_path / "llama", model_files.LLAMA_8B)
    code, document = check(image, "--disk", "10G", "--model", model)
    finding = found(document, "disk.full")
    assert code == 1 and "15.0 GiB, and 10.0 GiB are free" in finding["why"]
    for words in (["--disk", "20G", "--model", model], ["--disk", "16.5GB", "--model", model], ["--model", model]):
        assert "disk.full" not in causes(check(image, *words)[1])
    assert found(check(image, "--gpu", "rtx3060", "--model", model)[1], "oom.model-too-big")
    assert "20G or 500GB" in check(image, "--disk", "10 apples")[1]
    code, said = check(image, "--model", tmp_path / "nosuch")
    assert code == 2 and "nosuch" in said
    (tmp_path / "requirements.txt").write_text("vllm==0.8.5\n")
    words = [firstfix, "check", "--requirements", tmp_path / "requirements.txt", "--disk", "10G", "--model", model]
    assert "disk.full" in subprocess.run([*words, "--json"], capture_output=True, text=True).stdout
    alone = subprocess.run([firstfix, "check", "--disk", "10G"], capture_output=True, text=True)
    assert alone.returncode == 2 and "go with --image" in alone.stderr


def test_words_that_are_no_image(check, tmp_path):
    for image, env, says in [
        ("no-such.tar", {"PATH": "/nowhere"}, "docker save no-such.tar"),
        ("--x", {"PATH": "/nowhere"}, "no such file or folder"),
        ("a b", {"PATH": "/nowhere"}, "no such file or folder"),
    ]:
        code, text = check(image, env=env)
        assert code == 2 and says in text, text
    assert check("x", "--root", "/")[0] == 2


@pytest.mark.skipif(not shutil.which("podman"), reason="needs podman")
def test_a_real_podman(check, tmp_path):
    (tmp_path / "root.tar").write_bytes(images.tar({**BASE, **{k: v for k, v in TOP.items() if ".wh." not in k}}))
    name = "localhost/firstfix-image-test:1"
    made = subprocess.run(
        ["podman", "import", "--change", 'CMD=["/no/such"]', "root.tar", name],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )
    if made.returncode:
        pytest.skip(f"podman cannot import here: {made.stderr[-200:]}")
    try:
        code, doc = check(name, "--gpu", "t4", "--driver", "470.57.02")
        assert code == 1 and found(doc, "container.entrypoint-broken") and found(doc, "torch.driver-too-old")
        code, text = check("localhost/firstfix-no-such-image:1")
        assert code == 2 and "podman save" in text, text
        subprocess.run(
            ["podman", "save", "--format", "oci-archive", "-o", "oci.tar", name],
            cwd=tmp_path, check=True, capture_output=True, timeout=120,
        )
        code, doc = check("oci.tar", "--gpu", "t4", "--driver", "470.57.02")
        assert code == 1 and found(doc, "torch.driver-too-old")
    finally:
        subprocess.run(["podman", "rmi", "-f", name], capture_output=True, timeout=60)
