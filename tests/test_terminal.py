"""What stands on a terminal of 24 lines: an answer fits, text follows its width, lists align; also without colours."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
import unicodedata

import pytest

from test_rule_cases import CASES

ROWS = 24
WIDTHS = (60, 80, 120)
COMMANDS = ("agent", "check", "explain", "fit", "fix", "incidents", "mcp", "report", "run", "top")
OUT_OF_MEMORY = (
    "Traceback (most recent call last):\n"
    '  File "/srv/app/worker.py", line 41, in generate\n'
    "    out = model.generate(**inputs)\n"
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 23.69 GiB of"
    " which 1.06 GiB is free. Including non-PyTorch memory, this process has 22.62 GiB memory in use. Of the allocated"
    " memory 21.87 GiB is allocated by PyTorch, and 301.52 MiB is reserved by PyTorch but unallocated. If reserved but"
    " unallocated memory is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid"
    " fragmentation.\n"
)


def width_of(line):
    """Columns of a line; what colours it takes none."""
    line = re.sub(r"\x1b\[[0-9;]*m", "", line)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in line)
    return len(line) + wide - sum(c == "\ufe0f" or unicodedata.combining(c) > 0 for c in line)


def rows_of(text, columns):
    return sum(max(1, -(-width_of(line) // columns)) for line in text.rstrip("\n").split("\n"))


@pytest.fixture
def show(firstfix, tmp_path):
    """Run a command on a terminal of so many columns: (what it showed, its exit code)."""
    usual = {**os.environ, "FIRSTFIX_DIR": str(tmp_path / "state"), "TERM": "xterm", "LANG": "C.UTF-8",
             "FIRSTFIX_NVML": "", "FIRSTFIX_CUDA": ""}

    def run(*words, columns=80, **env):
        main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
        with subprocess.Popen([firstfix, *map(str, words)], stdin=side, stdout=side, stderr=subprocess.DEVNULL,
                              env=usual | env) as process:
            os.close(side)
            shown = b""
            while True:
                try:
                    part = os.read(main, 65536)
                except OSError:  # EIO: the last writer is gone
                    break
                if not part:
                    break
                shown += part
            process.wait(60)
        os.close(main)
        return shown.decode().replace("\r\n", "\n"), process.returncode

    return run


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "worker.log"
    path.write_text(OUT_OF_MEMORY)
    return path


def test_firstfix_alone_says_how_the_machine_is_and_what_to_try(show, build):
    fakes = build / "tests/fake"
    pretend = {
        "FIRSTFIX_NVML": str(fakes / "libnvidia-ml-now.so"),
        "FIRSTFIX_CUDA": str(fakes / "libcuda-fake.so"),
        "FIRSTFIX_FAKE": os.path.join(os.path.dirname(__file__), "fake/scenarios/rtx5090.json"),
    }
    for columns in WIDTHS:
        text, code = show(columns=columns, **pretend)
        assert code in (0, 1) and rows_of(text, columns) <= ROWS - 1, text
        assert re.search(r"GPU: +1 x NVIDIA GeForce RTX 5090, 31\.\d GB", text), text
        for words in ("It died:", "firstfix explain", "Will it run:", "firstfix check", "Run it safely:",
                      "firstfix run --", "firstfix --help"):
            assert words in text
        assert max(map(width_of, text.split("\n"))) <= columns
    assert code == show("check", **pretend)[1]


def test_firstfix_alone_tells_of_stored_failures(show, log):
    assert "Incidents" not in show()[0]
    assert show("explain", "--no-facts", "--save", log)[1] == 1
    assert re.search(r"Incidents: +1, the last of 20\d\d-.*: firstfix\s+incidents", show()[0])


def test_firstfix_alone_off_a_terminal_is_wrong_use(firstfix):
    done = subprocess.run([firstfix], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and not done.stdout and done.stderr.startswith("firstfix - ")


@pytest.mark.parametrize("columns", WIDTHS)
def test_values_stand_below_each_other(show, columns):
    text = re.sub(r"\x1b\[[0-9;]*m", "", show(columns=columns, LC_ALL="C")[0])
    starts = {len(m[0]) for m in re.finditer(r"^.{0,8}[A-Z][A-Za-z ]+: +(?=\S)", text, re.M)}
    assert len(starts) == 1, text


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("command", COMMANDS)
def test_help_follows_the_width(firstfix, show, command, columns):
    text, code = show(command, "--help", columns=columns)
    told = subprocess.run([firstfix, command, "--help"], capture_output=True, text=True, check=True).stdout
    assert code == 0 and text.split() == told.split()
    for line in text.split("\n"):
        assert len(line) <= max(columns, 80) and (len(line) <= columns or line.startswith("  ")), line
    assert max(map(len, told.split("\n"))) > 80 or command in ("explain", "incidents", "mcp")


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_list_of_commands_follows_the_width(show, columns):
    for words in (("--help",), ("help",)):
        text, _ = show(*words, columns=columns)
        assert max(map(len, text.split("\n"))) <= columns
        assert re.search(r"^  explain      from a failure log", text, re.M)


def paths_apart(line):
    """A line whose width comes of a word that is copied (a path, a command) may be wider."""
    return max(map(len, line.split()), default=0)


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("words", [("report",), ("check",), ("explain", "LOG"), ("explain", "-v", "LOG"),
                                   ("fix", "LOG"), ("libs", "PROGRAM"), ("incidents",), ("playbook", "oom.activation")])
def test_answers_follow_the_width(show, log, build, columns, words):
    show("explain", "--no-facts", "--save", log)
    given = {"LOG": log, "PROGRAM": build / "src/supervise/firstfix-supervise"}
    text, code = show(*(given.get(word, word) for word in words), columns=columns)
    assert code in (0, 1) and text
    command = False
    for line in text.split("\n"):
        command ^= bool(re.match(r"^    (─|-){10}", line))
        assert width_of(line) <= columns or command or paths_apart(line) > columns - 25, line


def test_the_list_of_incidents_aligns(show, log):
    show("explain", "--no-facts", "--save", log)
    for columns in WIDTHS:
        head, row = show("incidents", columns=columns)[0].splitlines()
        for title in re.findall(r"\S+(?: \(UTC\))?", head.replace("LAST SEEN", "LAST_SEEN")):
            at = head.replace("LAST SEEN", "LAST_SEEN").index(title)
            assert at == 0 or row[at - 1] == " ", (head, row)


def test_an_answer_is_one_screen(show, log):
    for columns in (80, 120):
        text, _ = show("explain", "--no-facts", log, columns=columns)
        assert rows_of(text, columns) < ROWS, text
        for part in ("ROOT CAUSE", "Fix to try first", "Log line 4"):
            assert part in text
    assert "More with -v" in show("explain", "--no-facts", log)[0]
    whole, _ = show("explain", "--no-facts", "-v", log)
    assert "More with -v" not in whole and rows_of(whole, 80) >= ROWS and "to avoid" in whole


@pytest.mark.parametrize("case", CASES[::25], ids=lambda case: f"{case[0]}:{case[1]}")
def test_every_answer_is_one_screen(firstfix, tmp_path, case):
    _, _, log, facts, _ = case
    words = ["check" if log is None else "explain"]
    (tmp_path / "facts.json").write_text(json.dumps(facts or {"schema": "firstfix.facts/1"}))
    words += ["--facts", tmp_path / "facts.json"]
    done = subprocess.run([firstfix, *words, *([] if log is None else ["-"])], input=log, capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode in (0, 1) and rows_of(done.stdout, 80) < ROWS, done.stdout


def test_colours_can_be_had_without(show, log):
    coloured, _ = show("explain", "--no-facts", log)
    assert "\x1b[31m" in coloured and "❌" in coloured
    for words, env in ((("--plain",), {}), ((), {"NO_COLOR": "1"}), ((), {"TERM": "dumb"})):
        assert "\x1b" not in show("explain", "--no-facts", *words, log, **env)[0]
    for words, env in ((("--plain",), {}), (("--ascii",), {}), ((), {"LC_ALL": "C"})):
        assert show("explain", "--no-facts", *words, log, **env)[0].isascii()
