"""`firstfix events` on lanes that this process writes through the C library: text, --json, --since, --lane, -f, bad
input.
"""

import json
import subprocess
import time

import pytest
from conftest import build_dir

WRITER = """
import ctypes, os, signal, sys
class Field(ctypes.Structure):
    _fields_ = [("key", ctypes.c_uint16), ("type", ctypes.c_uint8), ("truncated", ctypes.c_bool),
        ("n", ctypes.c_uint32),
                ("s", ctypes.c_char_p)]
class Options(ctypes.Structure):
    _fields_ = [("dir", ctypes.c_char_p), ("size", ctypes.c_size_t), ("sync", ctypes.c_bool),
        ("no_fallback", ctypes.c_bool)]
lib = ctypes.CDLL(sys.argv[1])
lib.ff_record_start.restype = ctypes.c_void_p
assert not lib.ff_record_start(ctypes.byref(Options(sys.argv[2].encode(), 0, False, True)))
key = lib.ff_key(b"test.text")
for text in sys.stdin.buffer:
    text = text.rstrip(b"\\n")
    lib.ff_event_write(6, ctypes.byref(Field(key, 1, False, len(text), text)), 1)
    print("written", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def writer(folder):
    if "sanitize" in str(build_dir()):
        pytest.skip("a sanitized library cannot be loaded into an ordinary Python")
    return subprocess.Popen(["python3", "-c", WRITER, str(build_dir() / "src/libfirstfix.so"), str(folder)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def record(folder, *texts):
    process = writer(folder)
    process.communicate(b"".join(t + b"\n" for t in texts), timeout=30)
    assert process.returncode == -9


def events(*words):
    return subprocess.run(
        [build_dir() / "src/cli/firstfix", "events", *words], capture_output=True, text=True, timeout=30, check=False
    )


def test_events_of_a_killed_process_as_text_and_json(tmp_path):
    record(tmp_path, b"one", b"two \x1b[31m \xff", b"key hf_abcdefghijklmnopqrstuvwxyz0123456789")
    text = events("--dir", str(tmp_path))
    assert text.returncode == 0 and text.stderr == ""
    lines = text.stdout.splitlines()
    assert len(lines) == 4 and "firstfix.process.start" in lines[0]
    assert lines[1].endswith("log  test.text=one")
    assert "\x1b" not in text.stdout and "hf_abc" not in text.stdout
    documents = [json.loads(line) for line in events("--dir", str(tmp_path), "--json").stdout.splitlines()]
    assert [d["event.name"] for d in documents] == ["firstfix.process.start", "log", "log", "log"]
    assert all(d["schema"] == "firstfix.event/1" and d["timestamp"].endswith("Z") for d in documents)
    assert documents[2]["test.text"] == "two \x1b[31m \ufffd"
    lane, = (tmp_path / "lanes").iterdir()
    assert events("--lane", str(lane)).stdout == text.stdout


def test_since(tmp_path):
    record(tmp_path, b"old")
    time.sleep(1.1)
    moment = time.time()
    record(tmp_path, b"new")
    for since in (
        f"@{moment}",
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1e6):06}Z",
    ):
        out = events("--dir", str(tmp_path), "--since", since).stdout
        assert "text=new" in out and "text=old" not in out
    assert "text=old" in events("--dir", str(tmp_path), "--since", "1h").stdout


def test_follow_sees_events_and_lanes_as_they_come(tmp_path):
    record(tmp_path, b"before")
    with subprocess.Popen([build_dir() / "src/cli/firstfix", "events", "--dir", str(tmp_path), "-f"],
                          stdout=subprocess.PIPE, text=True) as follower:
        process = writer(tmp_path)
        process.stdin.write(b"during\n")
        process.stdin.flush()
        seen = ""
        while "text=during" not in seen:
            seen = follower.stdout.readline()
            assert seen
        process.stdin.close()
        process.wait()
        follower.kill()


def test_bad_input_is_said(tmp_path):
    empty = events("--dir", str(tmp_path))
    assert empty.returncode == 0 and "nothing was recorded here yet" in empty.stderr
    (tmp_path / "lanes").mkdir()
    (tmp_path / "lanes/1-1.ring").write_bytes(b"rubbish" * 100)
    rubbish = events("--dir", str(tmp_path))
    assert rubbish.returncode == 0 and "1-1.ring: not a lane of firstfix" in rubbish.stderr
    assert events("--lane", str(tmp_path / "lanes/1-1.ring")).returncode == 2
    assert events("--lane", str(tmp_path / "none")).returncode == 2
    assert events("--since", "yesterday").returncode == 2


def test_a_folder_that_is_not_there_is_an_error(firstfix, tmp_path):
    """An empty answer for a misspelt one would read as "nothing happened"."""
    for command in ("events", "quarantine", "incidents"):
        done = subprocess.run([firstfix, command, "--dir", tmp_path / "nosuch"], capture_output=True, text=True)
        assert done.returncode == 2 and "no such folder" in done.stderr, command
