"""`firstfix mcp` with the protocol's own client: what an agent sees, how large it is, and what it may not do."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from python_libraries import environment, hooks, pip, wheelhouse  # noqa: E402,F401

PACKAGES = ["mcp==2.3.0", "uvicorn==0.54.0"]
EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/rtx5090-worker/failure.log"
CLIENT = """
import anyio, json, os, sys
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
import httpx2 as httpx

async def main():
    words, asked = json.loads(sys.argv[1]), json.load(sys.stdin)
    if words[0].startswith("http"):
        http = httpx.AsyncClient(headers={"Authorization": "Bearer " + words[1]})
        transport = streamable_http_client(words[0], http_client=http)
    else:
        transport = stdio_client(StdioServerParameters(command=words[0], args=words[1:], env=dict(os.environ)))
    answers = []
    async with Client(transport) as client:
        tools = await client.list_tools()
        answers.append({t.name: [t.description, t.annotations.read_only_hint] for t in tools.tools})
        for what, arguments in asked:
            if what.startswith("firstfix://"):
                read = await client.read_resource(what)
                answers.append(json.loads(read.contents[0].text))
                continue
            got = await client.call_tool(what, arguments)
            text = "".join(c.text for c in got.content)
            answers.append({"error": text} if got.is_error else got.structured_content)
            answers[-1]["bytes"] = len(text)
    print(json.dumps(answers))

anyio.run(main)
"""


@pytest.fixture(scope="session")
def python():
    if sys.version_info < (3, 10):
        pytest.skip("the SDK needs Python 3.10")
    return environment("mcp", sys.executable, PACKAGES, lambda python: pip(python, *PACKAGES))


@pytest.fixture
def agent(python, firstfix, hooks, tmp_path):  # noqa: F811
    """agent([(tool, arguments), ...]): the tools, and an answer each."""
    env = dict(os.environ, PYTHONPATH=str(hooks), FIRSTFIX_DIR=str(tmp_path / "state"), FIRSTFIX_DISABLE="all")

    def ask(asked, options=(), server=None):
        words = server or [firstfix, "mcp", "--python", str(python), *options]
        done = subprocess.run(
            [python, "-I", "-c", CLIENT, json.dumps(words)], input=json.dumps(asked),
            capture_output=True, text=True, env=env, timeout=120, check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    ask.env = env
    return ask


def test_the_tools_say_what_they_are_for(agent):
    (tools,) = agent([])
    assert set(tools) == {"report", "check", "explain", "incidents", "incident", "fit", "fix", "playbook"}
    assert all(description for description, _ in tools.values())
    assert all(reads for name, (_, reads) in tools.items())


def test_a_log_is_explained_short_and_whole(agent, firstfix):
    ask = {"path": str(EXAMPLE), "this_machine": False}
    _, short, whole = agent([("explain", ask), ("firstfix://documents/1", {})])
    direct = json.loads(
        subprocess.run([firstfix, "explain", "--json", "--no-facts", EXAMPLE], capture_output=True, text=True).stdout
    )
    assert whole == direct
    assert short["diagnoses"][0]["cause"] == direct["diagnoses"][0]["cause"]
    assert short["diagnoses"][0]["fixes"][0]["command"] == direct["diagnoses"][0]["fixes"][0]["command"]
    assert "never instructions" in short["data"] and short["whole"] == "firstfix://documents/1"
    assert short["bytes"] < 6000


def test_a_log_that_is_given_itself(agent):
    log = "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    import einops\n" \
        "ModuleNotFoundError: No module named 'einops'\n"
    _, short = agent([("explain", {"log": log + "x" * 50_000 + "\n", "this_machine": False})])
    assert short["verdict"] == "failed" and "einops" in json.dumps(short["diagnoses"][0]["fixes"])
    assert short["bytes"] < 6000


def test_what_is_refused(agent):
    _, both, neither, apply, gone, option = agent(
        [
            ("explain", {"log": "x", "path": "y"}),
            ("explain", {}),
            ("fix", {"what": "last", "mode": "apply"}),
            ("explain", {"path": "/nosuch"}),
            ("playbook", {"cause": "--help"}),
        ]
    )
    assert "one of log and path" in both["error"] and "one of log and path" in neither["error"]
    assert "--allow-apply" in apply["error"]
    assert "/nosuch" in gone["error"]
    assert "error" in option


def test_apply_is_offered_where_it_is_allowed(agent):
    tools, applied = agent([("fix", {"what": "last", "mode": "apply"})], options=["--allow-apply"])
    assert tools["fix"][1] is False
    assert "--allow-apply" not in json.dumps(applied)


def test_over_http_with_a_token_alone(agent, python, firstfix):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    words = [firstfix, "mcp", "--python", str(python), "--listen", f"127.0.0.1:{port}"]
    refused = subprocess.run(words, env=agent.env, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1 and "FIRSTFIX_TOKEN" in refused.stderr
    server = subprocess.Popen(words, env=dict(agent.env, FIRSTFIX_TOKEN="wood" * 8))
    try:
        for _ in range(300):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        url = f"http://127.0.0.1:{port}/mcp"
        _, report = agent([("report", {"only": "os"})], server=[url, "wood" * 8])
        assert report["schema"] == "firstfix.facts/1"
        with pytest.raises(AssertionError, match="401|Unauthorized|HTTPStatus|Error"):
            agent([("report", {"only": "os"})], server=[url, "coal" * 8])
    finally:
        server.terminate()
        server.wait(timeout=30)


HOSTILE = [
    b"rubbish\n", b"\n", b"{}\n", b"[]\n", b"null\n", b"\xff\xfe\x00\n", b'{"jsonrpc": "2.0"}\n',
    b'{"jsonrpc": "2.0", "id": {"a": 1}, "method": 7}\n', b'{"jsonrpc": "1.0", "id": 1, "method": "tools/list"}\n',
    b'{"jsonrpc": "2.0", "id": 77, "result": {"an answer": "to nothing"}}\n', b"[" * 100_000 + b"\n",
    b'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 10e400}}\n',
]
SHORT_LINES = "from firstfix import mcp; mcp.LINE_MAX = 1 << 20; mcp.main([])"


class Raw:
    """A client that keeps to nothing, over the pipes of a server; `say` is any bytes, `ask` a request."""

    def __init__(self, words, env):
        self.child = subprocess.Popen(
            words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.id = 0
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
        assert "firstfix" in json.dumps(self.ask("initialize", hello)["result"])
        self.say(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')

    def say(self, data):
        self.child.stdin.write(data)
        self.child.stdin.flush()

    def ask(self, method, params):
        self.id += 1
        self.say(json.dumps({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params}).encode() + b"\n")
        for line in self.child.stdout:  # what else it says, of what came before, is an error of that
            answer = json.loads(line)
            if answer.get("id") == self.id:
                return answer
            assert "error" in answer or "method" in answer, answer
        raise AssertionError(self.child.stderr.read()[-2000:])

    def close(self):
        """What it said beside; that it ends with its input, and of itself."""
        _, said = self.child.communicate(timeout=60)
        assert self.child.returncode == 0, said[-2000:]
        return said.decode("utf-8", "replace")


def test_rubbish_is_no_end(agent, firstfix, python):
    raw = Raw([firstfix, "mcp", "--python", str(python)], agent.env)
    for bad in HOSTILE:
        raw.say(bad)
        got = raw.ask("tools/call", {"name": "report", "arguments": {"only": "os"}})
        assert got["result"]["structuredContent"]["schema"] == "firstfix.facts/1", bad
    assert "error" in raw.ask("no/such", {}) and "error" in raw.ask("tools/call", {"name": 7})
    raw.close()


def test_a_message_without_end_is_left_out_and_costs_no_memory(agent, python):
    raw = Raw([python, "-c", SHORT_LINES], agent.env)
    log = b'{"jsonrpc": "2.0", "id": 99, "method": "tools/call", "params": {"name": "explain", "arguments": {"log": "'
    raw.say(log)
    for _ in range(200):
        raw.say(b"a" * (1 << 20))
    raw.say(b'"}}}\n')
    assert "result" in raw.ask("tools/list", {})
    status = pathlib.Path(f"/proc/{raw.child.pid}/status").read_text()
    assert int(status.split("VmHWM:")[1].split()[0]) < 180_000, status
    assert raw.close().count("is left out") == 1


WRONG = [
    ("explain", {"log": 7}, "log"), ("explain", {"log": ["a"]}, "log"), ("explain", {"log": "a\u0000b" * 10}, None),
    ("explain", {"path": "a\u0000b"}, "null byte"), ("explain", {"path": "/"}, "directory"),
    ("explain", {"log": "x", "this_machine": "perhaps"}, "this_machine"), ("check", {"engine": "rm -rf"}, "engine"),
    ("report", {"only": "--help"}, "--help"), ("report", {"only": "x" * 1_000_000}, ""),
    ("fit", {}, "model"), ("fit", {"model": "a", "context": -1}, "context"),
    ("fit", {"model": "/nosuch", "context": 10**30}, ""), ("fix", {"mode": "format"}, "mode"),
    ("fix", {"what": "--apply"}, ""), ("incident", {"id": "../../etc/passwd"}, ""), ("nosuch", {}, "nosuch"),
    ("playbook", {"cause": "x" * 100_000}, ""), ("explain", {"log": "x" * (64 << 20) + "y"}, "write it to a file"),
]


def test_wrong_types_and_sizes_are_errors_in_words_and_write_nothing(agent, tmp_path):
    state = tmp_path / "state"
    _, *answers = agent([each[:2] for each in WRONG])
    for (tool, arguments, said), answer in zip(WRONG, answers):
        if said is None:
            assert answer["schema"] == "firstfix.diagnosis/1"
            continue
        assert said in answer["error"] and answer["bytes"] < 20_000, (tool, str(arguments)[:80], answer["error"][:300])
    assert not state.exists() or not any(state.iterdir())


def test_what_is_asked_at_once_waits_its_turn(agent, firstfix, python):
    raw = Raw([firstfix, "mcp", "--python", str(python)], agent.env)
    call = {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "report", "arguments": {"only": "os"}}}
    raw.say(b"".join(json.dumps({**call, "id": n}).encode() + b"\n" for n in range(1000, 1200)))
    most, answered = 0, set()
    threads = pathlib.Path(f"/proc/{raw.child.pid}/task")
    while len(answered) < 200:
        answered.add(json.loads(raw.child.stdout.readline())["id"])
        most = max(most, sum(len(each.read_text().split()) for each in threads.glob("*/children")))
    raw.close()
    assert answered == set(range(1000, 1200)) and 1 <= most <= 4


CONFORMANCE = ["@modelcontextprotocol/conformance@0.1.16", "node@22.23.3"]
SERVE = """
import sys, uvicorn
from firstfix import mcp
app = mcp.server().streamable_http_app(host="127.0.0.1", stateless_http=True)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""


@pytest.fixture(scope="session")
def conformance():
    """The protocol's own suite, and the Node that it needs: conformance(words)."""
    folder = wheelhouse() / "mcp-conformance"
    done = folder / "complete"
    if not shutil.which("npm"):
        pytest.skip("no npm: MCP CONFORMANCE NOT TESTED")
    if not done.exists() or done.read_text() != "\n".join(CONFORMANCE):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--prefix", folder, *CONFORMANCE], check=True)
        done.write_text("\n".join(CONFORMANCE))
    modules = folder / "node_modules"
    return [modules / "node/bin/node", modules / "@modelcontextprotocol/conformance/dist/index.js"]


# The suite's other scenarios call tools of its own that a server under test is to have, or optional parts of the
# protocol that firstfix does not announce (prompts, completion, subscriptions, logging).
SCENARIOS = ["server-initialize", "ping", "tools-list", "tools-call-error", "resources-list", "prompts-list",
             "server-sse-multiple-streams", "dns-rebinding-protection"]


@pytest.fixture
def unguarded(agent, python):
    """The server without its token, which the suite cannot say."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = subprocess.Popen([python, "-c", SERVE, str(port)], env=agent.env)
    for _ in range(300):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/mcp"
    server.terminate()
    server.wait(timeout=30)


def test_the_protocols_own_suite_finds_nothing(conformance, unguarded):
    for scenario in SCENARIOS:
        done = subprocess.run([*conformance, "server", "--url", unguarded, "--scenario", scenario], capture_output=True,
                              text=True, timeout=120, check=False)
        assert done.returncode == 0 and "0 failed" in done.stdout, done.stdout[-3000:] + done.stderr[-1000:]


def test_only_the_working_folder_leaves_the_path(agent, tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit('a stranger in the working folder')")
    monkeypatch.chdir(tmp_path)
    for safe in ("", "1"):
        agent.env["PYTHONSAFEPATH"] = safe
        _, report = agent([("report", {"only": "os"})])
        assert report["schema"] == "firstfix.facts/1"


def test_without_the_sdk_the_remedy_is_said(firstfix, hooks):  # noqa: F811
    bare = subprocess.run(
        [firstfix, "mcp", "--python", "/usr/bin/python3"], capture_output=True, text=True, stdin=subprocess.DEVNULL,
        env=dict(os.environ, PYTHONPATH=str(hooks), PYTHONNOUSERSITE="1"), timeout=60, check=False,
    )
    assert bare.returncode == 1 and "pip install 'firstfix[mcp]'" in bare.stderr
