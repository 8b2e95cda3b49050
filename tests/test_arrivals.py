"""It does not matter how a log arrives: the first cause is that of the plain log.

Each form of arrivals.py is tried on the logs below and on a part of the rule cases, another part each, chosen by their
names; FIRSTFIX_ARRIVALS=all tries all.
"""

import json
import os
import subprocess
import zlib

import pytest

import arrivals
from test_rule_cases import CASES

# Lines stand between those of a traceback there, so it is lost; what only frames and chains tell cannot be told.
WITHOUT_FRAMES = {"journald verbose", "journald export", "several bars"}
BY_FRAMES = {"hf.version-conflict", "pip.conflict", "vllm.engine-died", "engine.arg-invalid"}
EVERY = 1 if os.environ.get("FIRSTFIX_ARRIVALS") == "all" else 48

# Logs whose answer hangs on their structure, not on one line.
STORIES = {
    "an engine that dies of what its worker died of": (
        "oom",
        """\
INFO 03-04 05:06:07 [core.py:58] Initializing a V1 LLM engine
Traceback (most recent call last):
  File "/srv/vllm/v1/worker/gpu_worker.py", line 172, in load_model
    self.model_runner.load_model()
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.02 GiB. \
GPU 0 has a total capacity of 23.57 GiB of which \
406.00 MiB is free. \
Including non-PyTorch memory, this process has 23.17 GiB memory in use. \
Of the allocated memory 22.70 GiB is allocated by PyTorch, and 24.10 MiB \
is reserved by PyTorch but unallocated.

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/vllm/v1/engine/core.py", line 700, in run_engine_core
    engine_core = EngineCoreProc(*args, **kwargs)
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
""",
    ),
    "an import that failed before the worker went on well": (
        "hf.gated",
        """\
Traceback (most recent call last):
  File "/srv/app/kernels.py", line 3, in <module>
    import flash_attn
ModuleNotFoundError: No module named 'flash_attn'
INFO:     Application startup complete.
INFO:     127.0.0.1:51234 - "POST /v1/completions HTTP/1.1" 200 OK
Traceback (most recent call last):
  File "/srv/huggingface_hub/utils/_http.py", line 409, in hf_raise_for_status
    response.raise_for_status()
huggingface_hub.errors.GatedRepoError: 403 Client Error. (Request ID: Root=1-67)

Cannot access gated repo for url https://huggingface.co/ex/model/resolve/main/config.json.
Access to model ex/model is restricted and you are not in the authorized list.
""",
    ),
    "source code that names another failure": (
        "pip.module-missing",
        """\
Traceback (most recent call last):
  File "/srv/app/guard.py", line 12, in load
    raise MemoryError("CUDA out of memory. Tried to allocate 2.00 GiB") if free < need else ImportError(name)
  File "/srv/app/load.py", line 41, in pick
    import einops
ModuleNotFoundError: No module named 'einops'
""",
    ),
    "a service that is well": (
        None,
        """\
INFO:     Started server process [7]
/srv/torch/cuda/__init__.py:61: FutureWarning: The pynvml package is deprecated.
INFO:     Application startup complete.
INFO:     127.0.0.1:51234 - "GET /health HTTP/1.1" 200 OK
""",
    ),
}

def first_cause(firstfix, log, facts, folder):
    options = ["--no-facts"]
    if facts is not None:
        (folder / "facts.json").write_text(json.dumps(facts))
        options = ["--facts", folder / "facts.json"]
    run = subprocess.run([firstfix, "explain", "--json", *options], input=log, capture_output=True, timeout=60)
    assert run.returncode in (0, 1), run.stderr
    document = json.loads(run.stdout)
    assert "broken_rules" not in document, document["broken_rules"]
    return document["diagnoses"][0]["cause"] if document["diagnoses"] else None


@pytest.mark.parametrize("form", arrivals.FORMS)
@pytest.mark.parametrize("story", STORIES)
def test_structure_survives(story, form, firstfix, tmp_path):
    want, log = STORIES[story]
    got = first_cause(firstfix, arrivals.arrive(form, log), None, tmp_path)
    assert got == want or (want and got and got.startswith(want + "."))


LOGS = [
    case for case in CASES if case[2]
]  # an empty log arrives as nothing: no carrier stamps a line that is not there
# What a log only shows is known by the block that it stands in; other lines stand between those of a block there.
BY_BLOCKS = {"near: a block of markdown that a model answered", "near: a turn of a chat template", "near: a quotation",
             "near: an answer in a frame", "near: git's log", "a log that was sent in a block, after words"}
# Which call it was is told by the frames alone.
BY_CALLS = {"certificates that a variable names and that are gone, as ssl says it",
            "shared memory that cannot be written to",
            "a prompt of ComfyUI that ends after a lack of memory has not succeeded",
            "the package jwt where PyJWT was meant", "a function that is called like both packages"}
# No server and no script starts in a notebook.
STARTED = {"the same of gunicorn, a package below", "a script that imports the package in which it lies",
           "the same of uvicorn, which names a package below by its first part",
           "a file of the worker hides a module of Python from compiled code"}
# What a shell says is known by its whole line, which a message quotes there. So is what came right later: the worker of
# that message has failed.
BY_LINE = {"a command that lies outside of PATH", "the others time out for a rank whose disk was full",
           "one node has no interface, and the others lose it", "a command whose package is not there",
           "near miss: a broker that came up"}
# A worker's bar stands before the block there: the log has spoken.
SPOKEN = ("progress bars", "a log that was sent in a block, after words")
# No server runs its workers under pytest.
UNSERVED = ("pytest", "a request in which gunicorn's signal ended its worker, as the worker itself tells of it")
# These heads are taken off only where what follows leaves no doubt, so what is known by a whole line is not.
UNSTAMPED = {"deepspeed", "someone's own", "one line", "stern, coloured, of a set"}
BY_WHOLE_LINES = {"near miss: what a flag's help names", "near miss: kohya went on without triton"}
# Each line names its service there, and that counts for more than the head of a file.
SERVICES = ("compose", "kubectl", "stern", "kubetail", "pm2", "foreman", "deepspeed")
BY_FILES = "one of several jobs, printed one below the other"


def is_beyond(form, name, want):
    """What the case rests on does not arrive in this form."""
    if (form, name) in (SPOKEN, UNSERVED) or form == "one line" and name in BY_LINE:
        return True
    if name in BY_WHOLE_LINES and form in UNSTAMPED or (form, name) == ("rich", "a cache whose path is too long"):
        return True
    if name in STARTED and form.startswith(("notebook", "colab", "rich", "pytest")):
        return True
    if name == BY_FILES and any(word in form for word in SERVICES):
        return True
    return form in WITHOUT_FRAMES and (want["cause"] in BY_FRAMES or name in BY_BLOCKS | BY_CALLS)


@pytest.mark.parametrize("form", arrivals.FORMS)
def test_blocks_survive(form, firstfix, tmp_path):
    seen = 0
    for file, name, log, facts, want in LOGS:
        if name in BY_BLOCKS and form not in WITHOUT_FRAMES:
            seen += 1
            if (form, name) == SPOKEN:
                continue
            got = first_cause(firstfix, arrivals.arrive(form, log), facts, tmp_path)
            assert (got or "none") == want["cause"], name
    assert seen == len(BY_BLOCKS) or form in WITHOUT_FRAMES


@pytest.mark.parametrize("form", arrivals.FORMS)
def test_answers_survive(form, firstfix, tmp_path):
    changed = []
    for file, name, log, facts, want in LOGS:
        if zlib.crc32(f"{form}: {name}".encode()) % EVERY or is_beyond(form, name, want):
            continue
        plain = first_cause(firstfix, log.encode(), facts, tmp_path)
        got = first_cause(firstfix, arrivals.arrive(form, log), facts, tmp_path)
        if got != plain:
            changed.append((file, name, plain, got))
    assert not changed
