"""firstfix top: one screen as text, and live in a real terminal (tmux) of any size, with and without colours."""
import base64
import http.server
import json
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import threading
import uuid

import pytest

from agent_client import WORKER, until

sys.path.insert(0, str(pathlib.Path(__file__).parent / "python"))

from python_worker import hooks  # noqa: E402,F401 (found through the path set above)

UTF8 = {"LC_ALL": "C.UTF-8"}


def top(agents, *words, env=UTF8, **kwargs):
    return subprocess.run(
        [agents.firstfix, "top", *words],
        env=agents.env | dict(env),
        capture_output=True,
        text=True,
        check=False,
        **kwargs,
    )


class Screen:
    """A terminal that tmux plays, with `firstfix top` in it."""

    def __init__(self, agents, *words, columns=80, rows=24, env=UTF8):
        assert shutil.which("tmux"), "tools/setup test installs tmux"
        self.socket = f"firstfix-{uuid.uuid4().hex[:12]}"
        self.ended = agents.folder / f"ended-{self.socket}"
        settings = [f"{name}={value}" for name, value in dict(env).items()]
        script = 'env "$@"; echo "code $?" >"$0"; exec sleep 600'  # the screen stays, to be looked at
        self.tmux(
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            str(columns),
            "-y",
            str(rows),
            "sh",
            "-c",
            script,
            self.ended,
            "TERM=screen-256color",
            *settings,
            agents.firstfix,
            "top",
            *words,
            env=agents.env | UTF8,
        )

    def tmux(self, *words, env=None):
        return subprocess.run(
            ["tmux", "-L", self.socket, *words], env=env, capture_output=True, text=True, check=True
        ).stdout

    def text(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def until(self, words):
        return until(lambda: (text := self.text()) and words in text and text, f"{words!r} on the screen", 60)

    def type(self, key):
        self.tmux("send-keys", key)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def close(self):
        subprocess.run(["tmux", "-L", self.socket, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def screen(agents):
    made = []

    def make(*words, **kwargs):
        made.append(Screen(agents, *words, **kwargs))
        return made[-1]
    yield make
    for each in made:
        each.close()


@pytest.fixture
def told():
    """An agent that tells what the test says: told(path=document...) gives its address."""
    servers = []

    def serve(documents):
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                document = documents.get(self.path.partition("?")[0])
                body = json.dumps(document if document is not None else {"error": "nothing"}).encode()
                self.send_response(200 if document is not None else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"
    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


HEALTH = {
    "schema": "firstfix.health/1",
    "state": "dead",
    "why": "the worker's process is gone",
    "live": False,
    "checks": [{"name": "process", "ok": False, "say": "the worker's process is gone"}],
    "incident": {"id": "20261129-021009-24fcb32d"},
}
COMMAND = "pip install 'torch==2.7.0' --index-url https://download.pytorch.org/whl/cu128"
INCIDENT = {
    "id": "20261129-021009-24fcb32d",
    "count": 3,
    "last_seen": "2026-11-29T02:20:49.100Z",
    "title": "WORKER DIED",
    "diagnosis": {
        "diagnoses": [
            {
                "cause": "gpu.arch-unsupported",
                "title": "torch carries no code for this GPU",
                "why": "sm_120 is missing",
                "fixes": [{"say": "Install a torch with sm_120", "command": COMMAND}],
            }
        ]
    },
}


def test_one_screen_of_a_real_worker(agents):
    agents.gpus()
    worker = agents.run(WORKER)
    for line in ("load acme/llm 0.1", "request one", "fail two", "begin long-one"):
        agents.tell(worker, line)
    agents.wait_for_work("long-one")
    done = until(
        lambda: (d := top(agents, "--once", "--width", "120")).stdout.count("ValueError") >= 2
        and "GPU 0" in d.stdout
        and d,
        "the failure on the screen",
    )
    assert done.returncode == 0 and done.stderr == ""
    head, state = done.stdout.splitlines()[:2]
    assert head.startswith("firstfix top  python") and "process" in head and re.search(r"\d\d:\d\d:\d\d$", head)
    assert state.startswith("✓ Well, and at work")
    assert re.search(r"^GPU 0 .* of 31.8 GB", done.stdout, re.M) and re.search(
        r"^Host .* MB resident", done.stdout, re.M
    )
    assert "2 in the last minute, 1 failed, 1 in work" in done.stdout
    assert "ValueError: no two" in done.stdout and "\x1b" not in done.stdout
    assert top(agents, "--once", agents.url + "/").stdout.startswith("firstfix top  python")


def test_ascii_alone_where_the_terminal_has_no_more(agents, told):
    url = told(
        {
            "/v1/health": HEALTH,
            "/v1/incidents/" + INCIDENT["id"]: INCIDENT,
            "/v1/requests": {
                "totals": {"ok": 1},
                "per_second": [1, 5],
                "slowest": [{"id": "größer", "duration_ms": 3}],
            },
        }
    )
    for done in (top(agents, "--once", "--ascii", url), top(agents, "--once", url, env={"LC_ALL": "C"})):
        assert done.stdout.isascii() and "X The worker is dead" in done.stdout and "gr??er" in done.stdout, done.stdout


def test_what_to_do_stands_on_the_first_screen(agents, told, screen):
    url = told({"/v1/health": HEALTH, "/v1/incidents/" + INCIDENT["id"]: INCIDENT})
    shown = screen(url).until("pip install")
    lines = [line.strip() for line in shown.splitlines() if line.strip()]
    assert lines[1] == "✕ The worker is dead  the worker's process is gone" and re.fullmatch(
        r"Last failure, [\d:]{8}, 3 times", lines[2]
    )
    assert lines[3:7] == [
        "torch carries no code for this GPU  gpu.arch-unsupported",
        "sm_120 is missing",
        "Fix to try first",
        "Install a torch with sm_120",
    ]
    assert " ".join(lines[7:9]) == COMMAND and lines[9].startswith("q quit  c copy the fix")


def test_it_lives_and_follows_the_size(agents, screen):
    agents.gpus()
    worker = agents.run(WORKER)
    agents.tell(worker, "load acme/llm 0.1")
    live = screen(agents.url)
    live.until("✓ Ready")
    agents.tell(worker, "begin slow")
    live.until("Well, and at work")
    live.resize(50, 10)
    shown = until(lambda: (t := live.text()) and "arrows: more" in t and t, "a foot in the smaller window")
    assert len(shown.rstrip("\n").splitlines()) <= 10
    live.type("End")
    live.until("Incidents")
    live.type("Home")
    live.until("firstfix top")
    live.resize(20, 1)
    live.resize(100, 30)
    live.until("Incidents")
    live.type("q")
    assert until(lambda: live.ended.exists() and live.ended.read_text(), "the end") == "code 0\n"


def test_an_agent_that_goes_and_comes_back(agents, screen):
    worker = agents.run(WORKER)
    port = agents.url.rpartition(":")[2]
    watch = screen(agents.url)
    watch.until("Starting")
    agents.tell(worker, "exit 0")
    watch.until("The agent does not answer")
    agents.popen([agents.firstfix, "agent", "--listen", f"127.0.0.1:{port}", "--pid", str(os.getpid())])
    until(lambda: "does not answer" not in watch.text(), "an agent that answers again", 60)


def test_colours_only_where_they_are_wanted_and_there(agents, told, screen):
    url = told({"/v1/health": HEALTH})
    colour = "\x1b[31m"  # red

    def drawn(**env):
        made = screen(url, env=UTF8 | env)
        made.until("The worker is dead")
        return made.text("-e")
    assert re.search(r"\x1b\[[\d;]*31m", drawn())
    for env in ({"NO_COLOR": "1"}, {"TERM": "vt100"}):
        shown = drawn(**env)
        assert colour not in shown and not re.search(r"\x1b\[[\d;]*3[0-7]m", shown)
        assert re.search(r"\x1b\[[\d;]*7m", shown)  # told apart without colour


def test_the_fix_is_copied_through_the_terminal(agents, told):
    url = told({"/v1/health": HEALTH, "/v1/incidents/" + INCIDENT["id"]: INCIDENT})
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(agents.firstfix, ["firstfix", "top", url], agents.env | UTF8 | {"TERM": "xterm-256color"})
    heard = b""

    def read(what):
        nonlocal heard
        if select.select([terminal], [], [], 0.1)[0]:
            heard += os.read(terminal, 65536)
        return what in heard
    try:
        until(lambda: read(b"pip install"), "the fix")
        os.write(terminal, b"c")
        until(lambda: read(b"\x07"), "the escape sequence")
        copied = re.search(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", heard)[1]
        assert base64.b64decode(copied, validate=True).decode() == COMMAND
        os.write(terminal, b"q")
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def test_hostile_words_of_a_worker(agents):
    worker = agents.run(WORKER)
    agents.tell(worker, r"python with firstfix.request(id='\x1b]0;owned\x07\u202etxt'): pass")
    done = until(lambda: (d := top(agents, "--once")).stdout.count("owned") and d, "the request")
    assert (
        "\x1b" not in done.stdout
        and "\x07" not in done.stdout
        and "\u202e" not in done.stdout
        and "?]0;owned??txt" in done.stdout
    )


def test_eight_gpus_none_and_thousands_of_incidents(agents, told):
    row = [1795918167000, 5 << 30] + [80 << 30, 20 << 30] * 8
    memory = {"columns": ["time_ms", "rss"], "gpu_columns": ["total", "used"], "rows": [row]}
    incidents = [
        {"id": str(i), "cause": "", "title": f"failure {i}", "last_seen": "2026-11-29T02:20:49Z"} for i in range(3000)
    ]
    url = told({"/v1/health": HEALTH, "/v1/memory": memory, "/v1/incidents": {"incidents": incidents}})
    shown = top(agents, "--once", url).stdout
    assert re.findall(r"^GPU (\d) .* 20\.0 of 80\.0 GB", shown, re.M) == list("01234567") and "5.0 GB resident" in shown
    assert "the newest 100 of 3000" in shown and shown.count("failure ") == 100
    memory["rows"] = [row[:2]]
    assert "GPU" not in top(agents, "--once", url).stdout


def test_it_asks_with_the_token(agents):
    agents.env |= {"FIRSTFIX_TOKEN": "one-two-three-four-five-six"}
    agents.run(WORKER)
    assert "Starting" in top(agents, "--once").stdout
    done = top(agents, "--once", env={"FIRSTFIX_TOKEN": "wrong"})
    assert done.returncode == 2 and "a token is wanted, or another one (FIRSTFIX_TOKEN)" in done.stderr


@pytest.mark.parametrize("words, code, said", [
    ([], 2, "this is no terminal: --once prints one screen"),
    (["--once"], 2, "no agent runs with this state folder"),
    (["--once", "ftp://x"], 2, "wants http://HOST:PORT"),
    (["--once", "http://127.0.0.1:1"], 2, "Connection refused"),
    (["--once", "--width", "5"], 2, "--width goes with --once and is 20 to 1000"),
    (["--width", "50"], 2, "--width goes with --once"),
])
def test_what_cannot_be_shown_is_said(agents, words, code, said):
    done = top(agents, *words)
    assert done.returncode == code and said in done.stderr, done.stderr


def test_a_terminal_that_nobody_knows(agents, told, screen):
    made = screen(told({"/v1/health": HEALTH}), env=UTF8 | {"TERM": "nobody-knows"})
    assert until(lambda: made.ended.exists() and made.ended.read_text(), "the end") == "code 2\n"
    assert "no terminal of the kind 'nobody-knows' is known (TERM); --once prints one screen" in made.text(
        "-J"
    ).replace("\n", "")
