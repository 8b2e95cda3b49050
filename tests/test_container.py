"""`--container` and `--pod`: the programs that run containers are stand-ins on PATH; the process they name is real,
with mounts of its own, one of which names the container's id, as docker's and podman's do."""
import json
import os
import pathlib
import shutil
import subprocess
import textwrap
import time

import pytest

ID = "1c5f" * 16
OTHER = "77aa" * 16
TORCH = """Traceback (most recent call last):
  File "/opt/venv/lib/python3.10/site-packages/vllm/engine/llm_engine.py", line 5, in <module>
RuntimeError: CUDA error: no kernel image is available for execution on the device
"""


@pytest.fixture
def inside(tmp_path):
    """The process id of a process that sees another /etc/os-release, bound from a folder of the container's id."""
    folder = tmp_path / ID
    folder.mkdir()
    (folder / "os-release").write_text("ID=inside\nVERSION_ID=9\n")
    bind = f"mount --bind {folder}/os-release /etc/os-release && echo ready && exec sleep 120"
    unshare = ["unshare", "-m" if os.geteuid() == 0 else "-rm"]
    process = subprocess.Popen([*unshare, "sh", "-c", bind], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=dict(os.environ, CUDA_VISIBLE_DEVICES="5"))
    if process.stdout.readline() != "ready\n":
        process.kill()
        pytest.skip("no mounts of its own for a process here: " + process.communicate()[1].strip())
    yield process.pid
    process.kill()
    process.communicate()


class World:
    """A PATH of stand-ins and what firstfix says with it."""

    def __init__(self, firstfix, folder):
        self.firstfix, self.folder, self.state = firstfix, folder, folder / "state"
        self.bin = folder / "bin"
        self.bin.mkdir()

    def program(self, name, body):
        path = self.bin / name
        path.write_text("#!/bin/sh\n" + f'echo "$0 $*" >> {self.folder}/called\n' + textwrap.dedent(body))
        path.chmod(0o755)

    def runtime(self, name, pid, state="running", log=TORCH, identity=ID):
        (self.folder / "log").write_text(log)
        self.program(name, f"""\
            case "$1 $2" in
            "container inspect") echo 'a warning' >&2; echo '{pid} {state} {identity} 137' ;;
            "logs --tail") echo "of $4"; cat {self.folder}/log >&2 ;;
            esac
            """)

    def called(self):
        path = self.folder / "called"
        return path.read_text() if path.exists() else ""

    def run(self, *words, given="", lone=False):
        path = str(self.bin) if lone else f"{self.bin}:/usr/bin:/bin"
        env = dict(os.environ, PATH=path, FIRSTFIX_DIR=str(self.state))
        return subprocess.run([self.firstfix, *words], input=given, capture_output=True, text=True, timeout=60, env=env)

    def answer(self, *words, **how):
        done = self.run(*words, "--json", **how)
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)

    def refused(self, *words, **how):
        done = self.run(*words, **how)
        assert done.returncode == 2 and not done.stdout
        return done.stderr


@pytest.fixture
def world(firstfix, tmp_path):
    world = World(firstfix, tmp_path)
    for name in ("docker", "podman", "nerdctl", "crictl", "kubectl"):
        world.program(name, f"echo 'Error: {name} knows of no such thing' >&2; exit 1")
    return world


@pytest.mark.parametrize("program", ["docker", "podman", "nerdctl"])
def test_facts_are_read_inside_and_the_log_is_the_containers(world, inside, program):
    world.runtime(program, inside)
    facts = world.answer("report", "--container", "worker")
    assert facts["system"]["os"]["id"] == "inside" and facts["env"]["CUDA_VISIBLE_DEVICES"] == "5"
    answer = world.answer("explain", "--container", "worker")
    assert answer["facts_of"]["what"] == f"container worker ({program})"
    assert answer["diagnoses"][0]["cause"] == "torch.no-kernel-image"
    assert f"{program} logs --tail 1000000 worker" in world.called()
    assert world.answer("check", "--container", "worker")["facts_of"]["what"] == f"container worker ({program})"


def test_a_fix_is_shown_for_a_container_and_run_by_nobody(world, inside, tmp_path):
    world.runtime("docker", inside)
    log = tmp_path / "log"
    log.write_text("Traceback (most recent call last):\n  File \"/app/w.py\", line 1, in <module>\n    import einops\n"
                   "ModuleNotFoundError: No module named 'einops'\n")
    done = world.run("fix", "--container", "worker", str(log))
    assert done.returncode == 1, done.stderr
    assert "docker exec worker sh -c '" in done.stdout and "\n    RUN " in done.stdout and "einops" in done.stdout
    assert " exec " not in world.called()
    log.write_text("RuntimeError: NCCL Error 3: internal error - please report this issue to the NCCL developers\n"
                   "NCCL WARN NET/Socket : no interface found matching eth9 NCCL_SOCKET_IFNAME\n")
    assert "einops" not in world.run("fix", "--container", "worker", str(log)).stdout
    for words in (["--apply"], ["--try"], ["--undo"], ["--python", "/usr/bin/python3"]):
        said = world.refused("fix", "--container", "worker", *words, str(log))
        assert "a container is shown only" in said
    world.runtime("docker", 0, "exited")
    assert "has no process" in world.refused("fix", "--container", "worker", str(log))


def test_another_log_with_the_containers_facts(world, inside):
    world.runtime("docker", inside, log="")
    answer = world.answer("explain", "--container", "worker", "-", given=TORCH)
    assert answer["diagnoses"][0]["cause"] == "torch.no-kernel-image"
    assert "logs" not in world.called()


def test_a_stopped_container_is_explained_from_its_log(world):
    world.runtime("docker", 0, "exited")
    answer = world.answer("explain", "--container", "worker")
    assert answer["facts_of"]["what"] == "none"
    because = "container worker (docker) has no process (exited with code 137), so its facts cannot be read"
    assert answer["facts_of"]["because"] == because
    assert answer["diagnoses"][0]["cause"] == "torch.no-kernel-image"
    assert "has no process (exited with code 137)" in world.refused("report", "--container", "worker")


def test_the_start_up_report_of_a_stopped_container(world):
    reports = world.state / "reports"
    reports.mkdir(parents=True)
    world.state.chmod(0o700)
    for name, container, device in (("run-a", OTHER, "NVIDIA A100"), ("run-b", ID, "NVIDIA GeForce RTX 5090")):
        (reports / f"{name}.json").write_text(json.dumps({
            "schema": "firstfix.facts/1", "system": {"container": {"id": container}},
            "torch": {"version": "2.3.1+cu121", "cuda": "12.1", "archs": ["sm_90"]},
            "gpus": [{"index": 0, "name": device, "compute_capability": "12.0"}]}))
        os.utime(reports / f"{name}.json", (1, 1) if container == ID else None)  # the other one is newer
    world.runtime("docker", 0, "exited")
    answer = world.answer("explain", "--container", "worker")
    assert answer["facts_of"]["what"] == "start-up report of run-b" and "12.0" in answer["diagnoses"][0]["why"]
    world.runtime("docker", 0, "exited", identity="0" * 64)
    assert world.answer("explain", "--container", "worker")["facts_of"]["what"] == "none"


def test_a_process_that_does_not_name_the_container_is_not_believed(world, inside):
    world.runtime("docker", inside, identity=OTHER)
    said = world.refused("report", "--container", "worker")
    assert f"process {inside} of container worker (docker) is not on this machine" in said and "run this where" in said
    world.runtime("docker", os.getpid())
    assert "is not on this machine" in world.refused("report", "--container", "worker")
    assert world.answer("explain", "--container", "worker")["facts_of"]["what"] == "none"


@pytest.mark.parametrize("name", ["", "-f", "--help", "a;touch x", "../x", "a b", "a\nb", "x" * 300, "$(id)"])
def test_names_that_are_none_reach_no_program(world, name):
    assert "--container wants a container's name" in world.refused("explain", "--container", name)
    assert "--pod wants [NAMESPACE/]POD[:CONTAINER]" in world.refused("explain", "--pod", name)
    assert "--pod wants" in world.refused("explain", "--pod", f"{name}/pod")
    assert "--pod wants" in world.refused("explain", "--pod", f"pod:{name}")
    assert world.called() == ""


def test_what_is_wrong_is_said(world):
    said = world.refused("explain", "--container", "worker")
    assert "--container worker: docker: Error: docker knows of no such thing; podman: " in said
    assert "docker ps -a" in said
    world.program("docker", "echo nonsense")
    assert "docker: what it says of 'worker' cannot be read" in world.refused("explain", "--container", "worker")
    world.program("docker", 'test "$1" = logs && exit 3; echo 0 exited ' + ID + ' 0')
    assert "'docker logs' ended with code 3" in world.refused("explain", "--container", "worker")
    shutil.rmtree(world.bin)
    said = world.refused("explain", "--container", "worker", lone=True)
    assert "neither docker, podman nor nerdctl is on PATH" in said
    assert "kubectl is not on PATH" in world.refused("explain", "--pod", "worker", lone=True)


@pytest.mark.parametrize("words", [
    ("explain", "--container", "a", "--pod", "b"), ("explain", "--container", "a", "--facts", "x"),
    ("report", "--pod", "a", "--pid", "1"), ("report", "--container", "a", "--root", "/x"),
    ("check", "--container", "a", "--facts", "x"), ("check", "--pod", "a", "--deep")])
def test_what_excludes_each_other(world, words):
    assert "exclude each other" in (said := world.refused(*words)) or "runs programs of this machine" in said


def test_a_command_that_never_ends_is_ended(world):
    world.program("docker", "sleep 1000 & sleep 1000")
    started = time.monotonic()
    assert "docker gave no answer within 10 s" in world.refused("report", "--container", "worker")
    assert time.monotonic() - started < 20


# ---- pods ----

def listed(name, identity=ID, created="1700000000000000000", space="default"):
    return {"id": identity, "metadata": {"name": name, "attempt": 0}, "state": "CONTAINER_RUNNING",
            "createdAt": created,
            "labels": {"io.kubernetes.container.name": name, "io.kubernetes.pod.namespace": space}}


def node(world, containers, pid=0, state="CONTAINER_RUNNING"):
    (world.folder / "ps").write_text(json.dumps({"containers": containers}))
    (world.folder / "inspect").write_text(json.dumps({"status": {"state": state}, "info": {"pid": pid}}))
    (world.folder / "log").write_text(TORCH)
    world.program("crictl", f"""\
        echo 'WARN[0000] runtime connect using default endpoints' >&2
        case "$1" in
        ps | inspect) cat {world.folder}/$1 ;;
        logs) cat {world.folder}/log ;;
        esac
        """)


def test_a_pod_of_this_node(world, inside):
    node(world, [listed("app", OTHER, "999999999999999999"), listed("app")], inside)
    assert world.answer("report", "--pod", "worker-0")["system"]["os"]["id"] == "inside"
    answer = world.answer("explain", "--pod", "ml/worker-0:app")
    assert answer["facts_of"]["what"] == "pod ml/worker-0:app (crictl)"
    assert answer["diagnoses"][0]["cause"] == "torch.no-kernel-image"
    called = world.called()
    assert "ps -a -o json --label io.kubernetes.pod.name=worker-0 --label io.kubernetes.pod.namespace=ml\n" in called
    assert f"crictl inspect -o json {ID}\n" in called and f"crictl logs --tail 1000000 {ID}\n" in called


def test_a_pod_that_has_exited(world):
    node(world, [listed("app")], 0, "CONTAINER_EXITED")
    because = world.answer("explain", "--pod", "worker-0")["facts_of"]["because"]
    assert because == "pod worker-0:app (crictl) has no process (exited), so its facts cannot be read"


def test_which_container_is_for_the_user_to_say(world):
    node(world, [listed("app"), listed("proxy", OTHER)])
    said = world.refused("explain", "--pod", "worker-0")
    assert "has several containers (app, proxy); name one: --pod worker-0:CONTAINER" in said
    node(world, [listed("app"), listed("app", OTHER, space="test")])
    assert "name one: --pod NAMESPACE/worker-0" in world.refused("explain", "--pod", "worker-0")


def test_a_pod_of_another_node_is_asked_by_kubectl(world):
    node(world, [])
    (world.folder / "facts").write_text(json.dumps({"schema": "firstfix.facts/1", "system": {"os": {"id": "far"}}}))
    world.program("kubectl", f"""\
        echo 'Defaulted container "app" out of: app, proxy' >&2
        case "$1" in
        exec) cat {world.folder}/facts ;;
        logs) cat {world.folder}/log ;;
        esac
        """)
    assert world.answer("report", "--pod", "ml/worker-0:app")["system"]["os"]["id"] == "far"
    assert "kubectl exec -n ml worker-0 -c app -- firstfix report --json\n" in world.called()
    answer = world.answer("explain", "--pod", "worker-0")
    assert answer["facts_of"]["what"] == "pod worker-0 (kubectl)"
    assert answer["diagnoses"][0]["cause"] == "torch.no-kernel-image"
    (world.folder / "facts").write_text("no facts")
    assert "put firstfix into the image" in world.refused("report", "--pod", "worker-0")


def test_a_pod_without_firstfix_is_explained_from_its_log(world):
    (world.folder / "log").write_text(TORCH)
    world.program("kubectl", f"""\
        test "$1" = logs && exec cat {world.folder}/log
        echo 'exec: "firstfix": not found in $PATH' >&2
        exit 1
        """)
    of = world.answer("explain", "--pod", "worker-0")["facts_of"]
    assert of["what"] == "none"
    assert "not found in $PATH; put firstfix into the image, or run this on the pod's node" in of["because"]


# ---- a real one ----

RUNTIME = """#!/usr/bin/python3
# runc without the limits and the score that a sandbox does not let it raise
import json, os, sys
if "--bundle" in sys.argv:
    path = sys.argv[sys.argv.index("--bundle") + 1] + "/config.json"
    config = json.load(open(path))
    for name in ("rlimits", "oomScoreAdj"):
        config["process"].pop(name, None)
    json.dump(config, open(path, "w"))
os.execvp("runc", ["runc"] + sys.argv[1:])
"""


def copy_program(root, program):
    libraries = subprocess.run(["ldd", program], capture_output=True, text=True).stdout.split()
    for path in [program] + [word for word in libraries if word.startswith("/")]:
        target = pathlib.Path(str(root) + path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


@pytest.fixture
def podman(tmp_path):
    """Options of a podman that can run a container here, its store in a folder of the test."""
    if not shutil.which("podman") or not shutil.which("runc"):
        pytest.skip("podman and runc are not installed")
    runtime = tmp_path / "runtime" / "runc"
    runtime.parent.mkdir()
    runtime.write_text(RUNTIME)
    runtime.chmod(0o755)
    base = ["podman", "--runtime", str(runtime), "--cgroup-manager=cgroupfs"]
    root = tmp_path / "root"
    for program in ("/bin/sh", "/bin/sleep"):
        copy_program(root, program)
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/os-release").write_text("ID=image\n")
    packed = subprocess.run(["tar", "-C", str(root), "-c", "."], capture_output=True, check=True).stdout
    subprocess.run([*base, "import", "-", "firstfix-test:1"], input=packed, capture_output=True, check=True)
    return base


def test_a_real_container(world, podman):
    name = f"firstfix-{os.getpid()}"
    script = f"echo '{TORCH}' >&2; exec sleep 100"
    run = [*podman, "run", "-d", "--network=none", "-e", "CUDA_VISIBLE_DEVICES=3", "--name", name, "firstfix-test:1"]
    started = subprocess.run([*run, "/bin/sh", "-c", script], capture_output=True, text=True)
    for stand_in in world.bin.iterdir():
        stand_in.unlink()
    try:
        if started.returncode:
            pytest.skip("podman cannot run a container here: " + started.stderr.strip())
        facts = world.answer("report", "--container", name)
        assert facts["system"]["os"]["id"] == "image" and facts["env"]["CUDA_VISIBLE_DEVICES"] == "3"
        answer = world.answer("explain", "--container", name)
        assert answer["facts_of"]["what"] == f"container {name} (podman)"
        assert answer["diagnoses"][0]["cause"] == "torch.no-kernel-image"
        subprocess.run([*podman, "stop", "-t", "0", name], capture_output=True, check=True)
        because = world.answer("explain", "--container", name)["facts_of"]["because"]
        assert "has no process (exited with code 137)" in because
    finally:
        subprocess.run([*podman, "rm", "-f", name], capture_output=True)
