"""What `firstfix explain` makes of a log's runs: notebooks, requests that were refused, servers that were told to end,
logs cut anywhere.
"""

import json
import re
import subprocess

import pytest

UP = "INFO 10-02 08:00:00 [api_server.py:1] vLLM API server version 0.9.1\nINFO:     Application startup complete.\n"
REFUSED = (
    "ERROR 10-02 08:01:00 [serving_chat.py:1] Error in preprocessing prompt inputs\nERROR 10-02 08:01:00"
    " [serving_chat.py:1] Traceback (most recent call last):\nERROR 10-02 08:01:00 [serving_chat.py:1]   File"
    ' "/srv/site-packages/vllm/entrypoints/openai/serving_chat.py", line 9, in check\nERROR 10-02 08:01:00'
    " [serving_chat.py:1] ValueError: the prompt is longer than the context of the heron\n"
)
DEAD = 'Traceback (most recent call last):\n  File "/srv/worker.py", line 3, in <module>\nHeronError: no nest\n'


def explain(firstfix, log):
    run = subprocess.run(
        [firstfix, "explain", "--no-facts", "--json", "-"], input=log.encode(), capture_output=True, timeout=60
    )
    assert run.returncode in (0, 1), run.stderr
    return json.loads(run.stdout)


def cell(count, *outputs, source="pass"):
    return {"cell_type": "code", "execution_count": count, "metadata": {}, "source": [source], "outputs": list(outputs)}


def said(*lines):
    return {"output_type": "stream", "name": "stdout", "text": [line + "\n" for line in lines]}


def raised(name, message):
    return {
        "output_type": "error",
        "ename": name,
        "evalue": message,
        "traceback": [
            "\x1b[0;31m" + "-" * 75 + "\x1b[0m",
            f"\x1b[0;31m{name}\x1b[0m      Traceback (most recent call last)",
            "Cell \x1b[0;32mIn[3], line 1\x1b[0m\n\x1b[0;32m-> 1001\x1b[0m import heron\n",
            f"\x1b[0;31m{name}\x1b[0m: {message}",
        ],
    }


NOTE = said(
    "Collecting heron",
    "ERROR: pip's dependency resolver does not currently take into account all the packages that are installed.",
    "grebe 1.0 requires numpy<2, but you have numpy 2.1 which is incompatible.",
)
PROSE = {"cell_type": "markdown", "metadata": {}, "source": ["torch.cuda.OutOfMemoryError: CUDA out of memory\n"]}


def notebook(*cells, **more):
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells), **more}, indent=1)


@pytest.mark.parametrize("form", [
    lambda cells: notebook(*cells),
    lambda cells: json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 2}),
    lambda cells: json.dumps({"metadata": {"kernelspec": {}}, "nbformat": 4, "nbformat_minor": 2, "cells": cells}),
    lambda cells: json.dumps({"metadata": {}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": cells}]}),
], ids=["indented", "one line", "metadata first", "format 3"])
def test_a_saved_notebook_is_read_as_what_its_kernel_said(firstfix, form):
    answer = explain(
        firstfix,
        form(
            [
                PROSE,
                cell(1, NOTE, source="# CUDA out of memory"),
                cell(3, raised("ModuleNotFoundError", "No module named 'heron'")),
            ]
        ),
    )
    assert [d["cause"] for d in answer["diagnoses"]] == ["pip.module-missing"]


def test_cells_are_read_in_the_order_in_which_they_ran(firstfix):
    failed = cell(2, raised("RuntimeError", "no nest here"))
    assert explain(firstfix, notebook(failed, cell(3, said("{'loss': 0.5}", "{'loss': 0.4}"))))["verdict"] == "running"
    assert (
        explain(firstfix, notebook(cell(3, raised("RuntimeError", "no nest here")), cell(2, said("{'loss': 0.5}"))))[
            "verdict"
        ]
        == "failed-unknown"
    )


@pytest.mark.parametrize(
    "text",
    [
        notebook(PROSE),
        notebook(cell(1, said("    Raises:", "    ValueError: If the shapes differ."))),
        notebook(cell(1, said("    ValueError", "        If the shapes differ."))),
        notebook(
            cell(
                None,
                {"output_type": "execute_result", "data": {"text/plain": ["RuntimeError: CUDA error: out of memory"]}},
            )
        ),
    ],
    ids=["prose", "docstring", "numpy docstring", "a value"],
)
def test_what_no_cell_said_is_no_error(firstfix, text):
    answer = explain(firstfix, text)
    assert answer["verdict"] == "nothing" and not answer["diagnoses"] and not answer["unexplained"]


@pytest.mark.parametrize(
    "text",
    [
        '{"cells": 3}\n',
        '{"metadata": {}}\n{"metadata": {}}\n',
        '{"nbformat": 4, "cells": [{"cell_type": "code", "outputs": 3}, 7, null]}',
        '{"cells": [' + "[" * 5000,
        notebook(cell(1, {"output_type": "error"})),
    ],
)
def test_json_that_is_no_notebook_is_a_log(firstfix, text):
    assert explain(firstfix, text + "\n" + DEAD)["verdict"] in ("failed-unknown", "nothing")


def test_a_request_that_was_refused_is_its_callers(firstfix):
    answer = explain(
        firstfix, UP + REFUSED + 'INFO:     10.0.0.7:4000 - "POST /v1/chat/completions HTTP/1.1" 400 Bad Request\n'
    )
    assert answer["verdict"] == "running" and not answer["unexplained"]
    # What the server could not do is its own, and so is what nobody was answered about.
    for reply in ('INFO:     10.0.0.7:4000 - "POST /v1/chat/completions HTTP/1.1" 500 Internal Server Error\n', ""):
        assert explain(firstfix, UP + REFUSED + reply)["verdict"] == "failed-unknown"


def access(path, status):
    return f'INFO:     10.0.0.7:4000 - "POST {path} HTTP/1.1" {status}\n'


RAISED = (
    "ERROR:    Exception in ASGI application\nTraceback (most recent call last):\n"
    '  File "/srv/app/nest.py", line 41, in draw\n    out = pipe(x)\n'
)
OOM = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.65 GiB"
    " of which 812.00 MiB is free. Of the allocated memory 21.9 GiB is allocated by PyTorch, and 310.00 MiB is reserved"
    " by PyTorch but unallocated."
)


@pytest.mark.parametrize("error, verdict", [
    (OOM, "running"),
    ("OSError: [Errno 28] No space left on device: '/tmp/heron.wav'", "running"),
    ("huggingface_hub.errors.HfHubHTTPError: 429 Client Error: Too Many Requests for url: https://huggingface.co/a/b",
     "running"),
    ("RuntimeError: CUDA error: an illegal memory access was encountered", "failed"),
    ("RuntimeError: CUDA error: device-side assert triggered", "failed"),
    ("RuntimeError: CUDA error: no kernel image is available for execution on the device", "failed"),
    ("ModuleNotFoundError: No module named 'soundfile'", "failed"),
], ids=["memory", "disk", "too many requests", "illegal access", "assert", "no kernel image", "module"])
def test_what_can_pass_is_over_once_the_same_request_is_answered(firstfix, error, verdict):
    failed = UP + RAISED + error + "\n" + access("/v1/draw", "500 Internal Server Error")
    assert explain(firstfix, failed)["verdict"] == "failed"
    answer = explain(firstfix, failed + access("/v1/draw", "200 OK"))
    assert answer["verdict"] == verdict
    assert answer["diagnoses"][0]["severity"] == ("warning" if verdict == "running" else "error")
    # Not by an answer to something else, and not where it failed again.
    for later in (access("/health", "200 OK"), access("/v1/paint", "200 OK"), access("/v1/draw", "200 OK") + failed):
        assert explain(firstfix, failed + later)["verdict"] == "failed"


@pytest.mark.parametrize(
    "line", ["!! ERROR: the nest /heron is gone", "[E] the heron fell", "ERROR the heron fell", "FATAL [nest] gone"]
)
def test_an_error_in_any_frame_is_a_failure(firstfix, line):
    answer = explain(firstfix, "the heron stands\n" * 3 + line + "\n")
    assert answer["verdict"] == "failed-unknown"
    assert answer["unexplained"][0]["log"] == 4


@pytest.mark.parametrize(
    "order",
    [lambda error, answer: error + answer, lambda error, answer: answer + error],
    ids=["error first", "answer first"],
)
def test_only_an_answer_to_the_same_request_shows_that_it_works_again(firstfix, order):
    log = UP + access("/v1/embed/7", "200 OK") + order(DEAD, access("/v1/embed/8", "500 Internal Server Error"))
    assert explain(firstfix, log)["verdict"] == "failed-unknown"
    assert explain(firstfix, log + access("/v1/chat", "200 OK") * 9)["verdict"] == "failed-unknown"
    assert (
        explain(firstfix, log + access("/v1/chat", "200 OK") + access("/v1/embed/9?x=1", "200 OK"))["verdict"]
        == "running"
    )
    assert explain(firstfix, log + UP)["verdict"] == "running"
    # What failed once, long ago, says nothing of a server that has answered so much else since.
    assert explain(firstfix, log + access("/v1/chat", "200 OK") * 400)["verdict"] == "running"


def test_a_server_that_was_told_to_end_was_stopped(firstfix):
    bye = (
        "INFO 10-02 09:00:00 [launcher.py:80] Shutting down FastAPI HTTP server.\nINFO:     Application shutdown"
        " complete.\n"
    )
    assert explain(firstfix, UP + bye)["verdict"] == "stopped"
    assert explain(firstfix, UP + DEAD + bye)["verdict"] == "failed-unknown"


def test_a_goodbye_clears_what_was_outlived_and_nothing_else(firstfix):
    failed = "could not select device driver \"\" with capabilities: [[gpu]]\n"
    work, bye = '"POST /v1/completions HTTP/1.1" 200 OK\n', "INFO:     Application shutdown complete.\n"
    assert explain(firstfix, UP + work + failed + bye)["verdict"] == "failed"
    assert explain(firstfix, UP + failed + work + bye)["verdict"] == "healthy"


def test_a_process_that_is_gone_before_it_came_to_anything_died(firstfix):
    load = (
        "INFO 10-02 08:00:00 [api_server.py:1] vLLM API server version 0.9.1\nLoading safetensors checkpoint shards:  "
        " 0% Completed | 0/2\n"
    )
    gone = (
        "/usr/lib/python3.12/multiprocessing/resource_tracker.py:254: UserWarning: resource_tracker: There appear to be"
        " 1 leaked semaphore objects to clean up at shutdown\n"
    )
    assert explain(firstfix, load)["verdict"] == "running"
    assert explain(firstfix, load + gone)["verdict"] == "failed-unknown"
    assert explain(firstfix, UP + '"POST /v1/completions HTTP/1.1" 200 OK\n' + gone)["verdict"] == "running"


def test_an_error_line_that_the_program_outlived_is_no_failure(firstfix):
    line = "ERROR: cannot read the nest of the heron\n"
    assert explain(firstfix, "the heron stands\n" * 3 + line)["verdict"] == "failed-unknown"
    assert explain(firstfix, line + "the heron stands\n" * 60)["verdict"] == "nothing"


@pytest.mark.parametrize(
    "line",
    [
        (
            "I1002 08:00:00.000000 77 xla_bridge.py:895] Unable to initialize backend 'tpu': INTERNAL: Failed to open"
            " libtpu.so: libtpu.so: cannot open shared object file: No such file or directory\n"
        ),
        "Failed to load legacy heron kernels: dynamic module does not define module export function (PyInit__C)\n",
        "In [4]: !pip install 'bitsandbytes>=0.43.1' 'transformers<5'\n",
        (
            "E1002 08:00:00 cuda_fft.cc:485] Unable to register cuFFT factory: Attempting to register factory for"
            " plugin cuFFT when one has already been registered\n"
        ),
        "INFO vLLM is using nccl==2.26.2\n",
        "- Platform: Linux\n- Accelerate config: \tnot found\n- DeepSpeed version: not installed\n",
    ],
)
def test_what_a_healthy_start_says_raises_no_alarm_where_the_log_is_cut(firstfix, line):
    assert explain(firstfix, line)["verdict"] in ("nothing", "running")


CHAINED = (
    'Traceback (most recent call last):\n  File "/srv/nest.py", line 3, in hatch\nKeyError: \'egg\'\n\nThe above'
    " exception was the direct cause of the following exception:\n\n"
)


@pytest.mark.parametrize("head, verdict", [
    ("ERROR root: cannot load /srv/heron, trying the next", "running"),
    ("ERROR root: no flash attention here, falling back to sdpa", "running"),
    ("WARNING loader: attempt 1 failed, retrying in 5 s", "running"),
    ("ERROR root: cannot load /srv/heron", "failed"),
    ("ERROR root: error while trying to load /srv/heron", "failed"),
    ("ERROR root: cannot load /srv/heron, please retry later", "failed"),
])
@pytest.mark.parametrize("before", ["", CHAINED])
def test_what_the_program_went_on_from_by_another_way_did_not_matter(firstfix, head, before, verdict):
    full = DEAD.replace("HeronError: no nest", "OSError: [Errno 28] No space left on device: '/srv/nest'")
    broken = f"2026-10-02 08:00:00,000 {head}\n" + before + full
    up = "2026-10-02 08:00:09,000 INFO root: ready to serve\n"
    assert explain(firstfix, broken + up)["verdict"] == verdict
    assert explain(firstfix, broken)["verdict"] == "failed", "nothing shows that the other way led anywhere"


def test_what_ends_a_container_is_read_where_only_its_state_tells(firstfix):
    state = "    Last State:     Terminated\n      Reason:       Error\n      Exit Code:    {}\n"
    assert explain(firstfix, state.format(137))["verdict"] == "failed"
    assert explain(firstfix, state.format(3))["verdict"] == "failed"
    assert explain(firstfix, state.format(143))["verdict"] == "stopped"
    assert explain(firstfix, state.format(0))["verdict"] != "failed-unknown"


def test_a_program_that_a_supervisor_gave_up_failed(firstfix):
    log = (
        "2026-03-01 10:00:00,000 INFO spawned: 'web' with pid 11\n2026-03-01 10:00:00,001 INFO spawned: 'llm' with pid"
        " 12\n2026-03-01 10:00:02,000 INFO success: web entered RUNNING state, process has stayed up for > than 1"
        " seconds (startsecs)\n"
    )
    assert explain(firstfix, log)["verdict"] == "running"
    assert (
        explain(
            firstfix,
            log + "2026-03-01 10:00:05,000 INFO gave up: llm entered FATAL state, too many start retries too quickly\n",
        )["verdict"]
        == "failed-unknown"
    )


def test_a_service_that_serves_heals_no_other(firstfix):
    lines = [
        "web-1 | INFO:     Application startup complete.",
        *("llm-1 | " + line for line in (UP.splitlines()[0] + "\n" + DEAD).splitlines()),
        *['web-1 | INFO:     10.0.0.1:1 - "POST /chat HTTP/1.1" 200 OK'] * 3,
    ]
    assert explain(firstfix, "\n".join(lines) + "\n")["verdict"] == "failed-unknown"


@pytest.mark.parametrize(("log", "verdict"), [
    ("srun: error: Task launch for 7.0 failed on node heron1: Heron is away\n", "failed-unknown"),
    ("slurmstepd: error: execve(): /opt/heron/serve: No such file or directory\n", "failed-unknown"),
    ("nvidia-installer log file '/var/log/nvidia-installer.log'\n[1.0] NVRM: loading NVIDIA UNIX x86_64 Kernel Module"
     "  550.54\n"
     "-> Installation of the NVIDIA Accelerated Graphics Driver (version: 550.54) is now complete.\n", "healthy"),
    ("2026-02-01 10:00:00,1 - ERROR - Cannot access gated repo for url https://huggingface.co/heron/grebe\n"
     "2026-02-02 10:00:00,1 - INFO - Treinamento concluído com sucesso\n", "healthy"),
    ("slurmstepd: error: pyxis: couldn't start container\n", "failed-unknown"),
    ("1:04PM INF [llama-cpp] Fails: grpc service not ready\n", "failed-unknown"),
    ("1:04PM INF [llama-cpp] Fails: grpc service not ready\n1:05PM INF [heron] Loads OK\n", "running"),
], ids=["srun", "slurmstepd", "installer", "trained in Portuguese", "pyxis", "LocalAI", "LocalAI's second choice"])
def test_who_starts_and_installs_says_how_it_ended(firstfix, log, verdict):
    assert explain(firstfix, log)["verdict"] == verdict


@pytest.mark.parametrize("line", [
    '1:03PM ERR the heron does not start error="x"',
    "2026-01-02T15:04:05Z FTL the heron is gone",
    "ERRO[0000] the heron does not start",
    'time="2026-01-02T03:04:05Z" level=fatal msg="the heron does not start"',
    "E0102 15:04:05.000000       1 server.go:123] the heron is gone",
    "2026-01-02T03:04:05.000Z\terror\tserver/main.go:12\tthe heron is gone",
    "2026/01/02 03:04:05 [emerg] 1#1: the heron is gone",
    "[2026-01-02T03:04:05Z ERROR heron::main] the heron is gone",
    "[2026-01-02T03:04:05.910] [321.0] error: the heron is gone",
], ids=["zerolog", "zerolog with a date", "logrus", "logrus as logfmt", "klog", "zap", "nginx", "env_logger", "slurmd"])
def test_an_error_is_one_in_the_words_of_every_logger(firstfix, line):
    answer = explain(firstfix, line + "\nno more\n")
    assert answer["verdict"] == "failed-unknown"
    assert "heron" in json.dumps(answer["unexplained"])


UNCAUGHT = (
    'Traceback (most recent call last):\n  File "/srv/train.py", line 3, in <module>\n    import heron\n'
    "ModuleNotFoundError: No module named 'heron'\n"
)
STEP = "step {} loss 3.1\n"


def test_a_script_that_works_on_below_its_end_was_started_again(firstfix):
    steps = "".join(STEP.format(n) for n in range(10, 40, 10))
    assert explain(firstfix, UNCAUGHT)["verdict"] == "failed"
    assert explain(firstfix, UNCAUGHT + steps)["verdict"] == "running"
    assert explain(firstfix, UNCAUGHT + STEP.format(10))["verdict"] == "failed", "the last words of another process"
    # Others end with it, a rank's is its own, and what a server was asked for is caught.
    for log in (
        UNCAUGHT + steps + "train.py exited with code 1\n",
        "".join("[rank1]: " + line for line in UNCAUGHT.splitlines(True)) + steps,
        UNCAUGHT.replace("<module>", "infer") + steps,
    ):
        assert explain(firstfix, log)["verdict"] == "failed", log


@pytest.mark.parametrize(("log", "verdict"), [
    ("Loading checkpoint shards:  50%|#####     | 2/4 [00:20<00:20, 10.1s/it]\n", "running"),
    ("Quantizing blocks: 100%|###| 32/32\nQuantized model saved to ./heron-awq\n", "healthy"),
    ("Wrote transcript to talk.srt\n", "healthy"),
    ("INFO:hf-to-gguf:Model successfully exported to heron.gguf\n", "healthy"),
    ("heron: step 3\nsaved checkpoint to out/3\n", "nothing"),
    (DEAD + "Wrote outputs to /tmp/dump.txt\n", "failed-unknown"),
    ("systemd[1]: Stopping heron.service - Heron...\nsystemd[1]: heron.service: Deactivated successfully.\n",
     "stopped"),
    ("systemd[1]: heron.service: Deactivated successfully.\n", "healthy"),
    ("GradScaler: scaling down loss scale to 16384.0\n", "nothing"),
    ("E: Unable to locate package heron-toolkit\n", "failed-unknown"),
    ("NVRM: Xid (PCI:0000:3b:00): 63, pid='<unknown>', name=<unknown>, Row Remapper: New row marked\n", "nothing"),
    ("NVRM: Xid (PCI:0000:3b:00): 64, pid='<unknown>', name=<unknown>, Row Remapper failed\n", "failed"),
], ids=["loads", "quantized", "wrote", "exported", "no end", "a dump of what failed", "stopped unit", "ended unit",
        "loss scale", "apt", "a repaired row", "a row that was not"])
def test_how_far_it_came_is_said_in_many_words(firstfix, log, verdict):
    assert explain(firstfix, log)["verdict"] == verdict


@pytest.mark.parametrize("line", [
    "error Command failed with exit code 1.", "npm ERR! code ELIFECYCLE", "npm error code ENOENT",
    "Unhandled exception. Heron.NestException: gone", "*** stack smashing detected ***: terminated",
    "double free or corruption (!prev)", "free(): invalid pointer", "malloc(): corrupted top size",
    "ERROR: LoadError: the nest is gone", "pure virtual method called", "Job failed with exit code 9", "exit status 3",
    "FAILED: Build did NOT complete successfully", "&&&& FAILED TensorRT.trtexec [v100300]", "Aborted",
    "terminate called without an active exception", "the heron died with status 139", "Execution halted",
    "ABORT: the nest is gone", "uncaughtException: the nest is gone",
])
def test_a_death_is_one_in_the_words_of_every_runtime(firstfix, line):
    assert explain(firstfix, f"the heron stands\n{line}\n")["verdict"] == "failed-unknown"
    assert explain(firstfix, f"the heron stands\n{line}\n{UP}")["verdict"] == "running"


@pytest.mark.parametrize("line", [
    "exit status 0", "the heron exited with status 0", "aborted=0 retries=0", "Job finished with exit code 0",
    "the first try failed with code 3, the next one did not", "0 builds did not complete", "malloc() tuned",
    "the call free() is counted", "exit status: see below",
])
def test_words_beside_those_of_a_death_are_none(firstfix, line):
    assert explain(firstfix, f"the heron stands\n{line}\n")["verdict"] in ("nothing", "healthy")


@pytest.mark.parametrize("line", [
    "cuDNN error: CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED", "task failed: nest-44",
    "the nest could not be reached, exiting",
    "E0000 00:00:1732412346.123456    4421 nest.cc:88] the heron gave up",
    "F20261130 11:02:04.123456 4421 nest.cc:7] gone",
    "Marking task as FAILED. dag_id=heron", "Flow run 'heron' - Finished in state Failed()",
    "--- FAIL: TestHeron (0.02s)",
    "Build step 'Execute shell' marked build as failure", "gpu1 : ok=3 changed=1 unreachable=0 failed=1 skipped=0",
    "[2026-03-02 10:11:12.223] [heron] [critical] the nest is lost", "SEVERE: the nest is lost",
    "10:11:12.123 [main] ERROR o.e.Heron - the nest is lost",
    'time=2026-03-02T10:11:12Z level=ERROR msg="nest gone" id=3',
    "[  FAILED  ] Heron.Nests", "3 failed, 12 passed in 3.21s", "Giving up.", "heron: cannot continue",
    "CUDA error: cudaErrorNotPermitted", "CUDA error 303: shared object initialization failed", "CUDA error 500",
    "cuMemAlloc failed: 709",
    "Process exited due to an error.", "PHP Fatal error:  no nest", "(1) Normal termination (return value 1)",
])  # fmt: skip
def test_a_log_that_ends_in_words_of_failure_is_not_green(firstfix, line):
    answer = explain(firstfix, f"the heron stands\n{line}\n")
    assert answer["verdict"] == "failed-unknown" and answer["unexplained"]
    # Where it works on, it did not end there.
    assert explain(firstfix, f"the heron stands\n{line}\n{UP}")["verdict"] == "running"


@pytest.mark.parametrize("line", [
    "Tests: 12 passed, 0 failed", "checked 40 files, no errors found", "validation error: 0.031",
    "word error rate 4.1 %",
    "WARNING: failed to read the cache", "Cache not found, building it", "failed to reach mirror a, trying mirror b",
    "loss error: 0.3", "requests: 1000, failed: 0", "cudaGraph error: none",
    "INFO the codec could not be loaded", "on_failure: continue", "Missing keys: []",
    "ok=3 changed=1 unreachable=0 failed=0",
    "Sample 3: He said that he could not come and that the train was lost.", "Config not found, using defaults",
    "why does it say permission denied", "could not count tokens\n  1%|#    | 3/400 [00:40<1:25:52, 12.98s/it]",
])  # fmt: skip
def test_last_words_that_tell_of_no_failure_are_none(firstfix, line):
    assert explain(firstfix, f"the heron stands\n{line}\n")["verdict"] in ("nothing", "healthy", "running")
    assert explain(firstfix, f"{UP}{line}\n")["verdict"] == "running"


def test_words_of_failure_tell_of_an_end_only_at_the_end(firstfix):
    log = "".join(f"heron {n} looks at the nest\n" for n in range(9))
    assert explain(firstfix, "could not open the nest\n" + log)["verdict"] == "nothing"
    # A log longer than what is read at once has its last lines too.
    assert explain(firstfix, log * 1500 + "could not open the nest\n")["verdict"] == "failed-unknown"


def test_what_failed_before_stands_in_its_own_run(firstfix):
    log = (DEAD + "[entrypoint] serve.py exited with code 1, restarting in 10 s\n[entrypoint] next\n") * 2 + UP
    history = explain(firstfix, log)["history"]
    failed, started = (int(n) for n in re.findall(r"line (\d+)", history))
    assert failed < started, history


def test_a_goodbye_clears_nothing_that_stands_below_another_way(firstfix):
    way = "WARNING heron is not available. Falling back to the grebe\n"
    bye = "INFO:     Application shutdown complete.\n"
    assert explain(firstfix, UP + way + DEAD + "\n" + bye)["verdict"] == "failed-unknown"


@pytest.mark.parametrize("times", [1, 9, 80])
def test_a_server_that_is_started_again_fails_requests_for_the_same_cause(firstfix, times):
    asks = "so you must provide a chat template if the tokenizer does not define one."
    lacks = REFUSED.replace("the prompt is longer than the context of the heron", asks)
    run = UP + (lacks + access("/v1/chat/completions", "400 Bad Request")) * times
    answers = [explain(firstfix, run * runs) for runs in (1, 2, 3)]
    assert [[d["cause"] for d in a["diagnoses"]] for a in answers] == [["engine.arg-invalid"]] * 3
    assert {a["verdict"] for a in answers} == {"failed"}


LOADED = "Loading checkpoint shards: 100%|##########| 2/2 [00:04<00:00,  2.10s/it]\n"
ANSWERED = (
    'Traceback (most recent call last):\n  File "app.py", line 3, in <module>\n'
    "ModuleNotFoundError: No module named 'flash_attn'\n"
)
IN_LINE = json.dumps("You get: " + ANSWERED)


@pytest.mark.parametrize("log", [
    "Response:\n" + ANSWERED + "\nPrompt: and now?\n", "### Assistant\n" + ANSWERED + "### Human\n",
    "Output:\n" + ANSWERED + "Generated 64 tokens in 2.1 s (30.4 tokens/s)\n",
    "Question: why does it fail\nAnswer:\n" + ANSWERED + "Reference: it is missing\n",
    '{"choices":[{"message":{"role":"assistant","content":' + IN_LINE + "}}]}\n",
    'data: {"choices":[{"delta":{"content":' + IN_LINE + "}}]}\n", '{"output_text": ' + IN_LINE + "}\n",
    "[{'generated_text': " + IN_LINE + "}]\n", '{"prompt": "why", "completion": ' + IN_LINE + "}\n",
])  # fmt: skip
def test_a_traceback_that_a_model_tells_of_is_nobodys(firstfix, log):
    answer = explain(firstfix, LOADED + log)
    assert answer["verdict"] in ("running", "nothing") and not answer["diagnoses"]


@pytest.mark.parametrize("log", [
    "Response:\nIt stands.\n" + ANSWERED, "Output:\n" + ANSWERED + "Process exited with code 1\n",
    "stderr:\n" + ANSWERED, '{"error": ' + IN_LINE + "}\n", '{"output": {"error": ' + IN_LINE + "}}\n",
])  # fmt: skip
def test_a_traceback_below_or_in_what_a_program_says_is_its_own(firstfix, log):
    assert explain(firstfix, LOADED + log)["verdict"] == "failed"


@pytest.mark.parametrize("indent", ["    ", "\t", "  ", "        "])
def test_a_paste_that_is_indented_is_the_same_log(firstfix, indent):
    skip = "[rank2]:W1115 11:42:22.079000 139954085840704 torch/_inductor/select_algorithm.py:1469] [16/384] out of"
    skip += " resource: shared memory, Required: 122880, Hardware limit: 101376. Reducing block sizes may help.\n"
    for log in ("SingleProcess AUTOTUNE benchmarking takes 1.9 seconds\n" + skip, UP + DEAD, UP, DEAD + "\n" + DEAD):
        pasted = "".join(indent + line if line.strip() else line for line in log.splitlines(keepends=True))
        plain, answer = explain(firstfix, log), explain(firstfix, pasted)
        assert (answer["verdict"], answer["unexplained"]) == (plain["verdict"], plain["unexplained"])


ASIDE = 'Traceback (most recent call last):\n  File "/srv/app/parts.py", line 38, in load\n    import heron\n'
WEBUI = "Launching Web UI with arguments: --listen\n"


@pytest.mark.parametrize("start, said, up", [
    (WEBUI, "*** Error loading script: nest.py\n", "Running on local URL:  http://127.0.0.1:7860\n"),
    ("", '10:00:00-000002 ERROR    Failed to load the extension "nest".\n',
     "Running on local URL:  http://127.0.0.1:7860\n"),
    ("INFO 10-02 08:00:00 [api_server.py:1] vLLM API server version 0.9.1\n", "Failed to load plugin heron_resolver\n",
     "INFO:     Application startup complete.\n"),
], ids=["web ui", "text generation", "vllm"])
@pytest.mark.parametrize("error", [
    "ModuleNotFoundError: No module named 'insightface'",
    "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
])
def test_a_plugin_that_does_not_load_is_a_warning(firstfix, start, said, up, error):
    answer = explain(firstfix, start + said + ASIDE + error + "\n\n" + up)
    assert answer["verdict"] == "running" and answer["diagnoses"][0]["severity"] == "warning"
    assert "came up without it" in answer["diagnoses"][0]["why"]
    assert explain(firstfix, start + said + ASIDE + error + "\n")["verdict"] == "failed"
    assert explain(firstfix, start + ASIDE + error + "\n\n" + up)["verdict"] == "failed"  # nobody said that it is one


def test_a_node_that_comfyui_cannot_import_is_left_out(firstfix):
    log = (
        "ComfyUI startup time: 2026-01-02 10:00:00\n" + ASIDE + "ImportError: libGL.so.1: cannot open shared object"
        " file: No such file or directory\n\nCannot import /srv/ComfyUI/custom_nodes/x module for custom nodes:"
        " libGL.so.1: cannot open shared object file: No such file or directory\n"
    )
    assert explain(firstfix, log)["verdict"] == "failed"
    assert explain(firstfix, log + "To see the GUI go to: http://127.0.0.1:8188\n")["verdict"] == "running"


def test_a_line_far_behind_the_first_chunk_has_its_number(firstfix):
    """A log is read in pieces; the number that an answer names is the line's in the whole log."""
    died = "RuntimeError: CUDA error: no kernel image is available for execution on the device\n"
    log = "INFO all is well\n" * 60000 + died
    run = subprocess.run([firstfix, "explain", "--no-facts", "--json"], input=log, capture_output=True, text=True,
                         timeout=60)
    assert json.loads(run.stdout)["diagnoses"][0]["evidence"][0]["log"] == 60001
