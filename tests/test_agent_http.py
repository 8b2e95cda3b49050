"""The agent's server against whoever means it ill or does it wrong."""
import os
import socket
import sys
import time

import pytest
from agent_client import WORKER, until

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "python"))

from python_worker import hooks  # noqa: E402,F401 (found through the path set above)


@pytest.fixture
def agent(agents):
    sleeper = agents.popen(["sleep", "600"])
    agents.watch("--pid", str(sleeper.pid))
    return agents


def raw(agents, data=b"", half=False, timeout=30):
    """What comes back for these bytes until the server closes."""
    host, port = agents.url.removeprefix("http://").rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=timeout) as s:
        s.sendall(data)
        if half:
            s.shutdown(socket.SHUT_WR)
        got = b""
        while True:
            try:
                piece = s.recv(65536)
            except ConnectionResetError:
                break
            if not piece:
                break
            got += piece
        return got


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"Host": "127.0.0.1:1"}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "[::1]:80"}, 200),
        ({"Host": "10.1.2.3:9464"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:9464"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "127.0.0.1:9464:1"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "127.0.0.1:80", "Origin": "http://127.0.0.1:80"}, 200),
        ({"Host": "127.0.0.1:80", "Origin": "http://127.0.0.1:81"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 200),
    ],
)
def test_whom_it_answers(agent, headers, status):
    assert agent.ask("/metrics", **headers)[0] == status


def test_every_answer_has_the_headers(agent):
    for path in ("/metrics", "/livez", "/nothing"):
        headers = agent.ask(path)[1]
        assert (
            headers["content-security-policy"].startswith("default-src 'none'")
            and headers["x-content-type-options"] == "nosniff"
        )
        assert headers["x-frame-options"] == "DENY" and headers["cache-control"] == "no-store"


def test_methods_and_bodies(agent):
    assert agent.ask("/metrics", "HEAD")[::2] == (200, "")
    status, headers, _ = agent.ask("/metrics", "POST")
    assert status == 405 and headers["allow"] == "GET, HEAD"
    assert agent.ask("/nothing")[0] == 404
    huge = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999\r\n\r\n"
    assert raw(agent, huge).startswith(b"HTTP/1.1 413")
    assert raw(agent, b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n").startswith(
        b"HTTP/1.1 413"
    )


def test_a_token_where_others_can_reach_it(agents):
    sleeper = agents.popen(["sleep", "600"])
    token = agents.folder / "token"
    token.write_text("s3cret\n")
    agents.watch("--pid", str(sleeper.pid), "--listen", "0.0.0.0:0", "--token-file", str(token))
    agents.url = agents.url.replace("0.0.0.0", "127.0.0.1")
    assert agents.ask("/metrics")[0] == 401 and agents.ask("/metrics")[1]["www-authenticate"] == "Bearer"
    for wrong in ("Bearer s3cre", "Bearer s3cretX", "Bearer ", "Basic s3cret", "s3cret"):
        assert agents.ask("/metrics", Authorization=wrong)[0] == 401
    assert agents.ask("/metrics", Authorization="Bearer s3cret")[0] == 200
    assert agents.ask("/metrics", Authorization="Bearer s3cret", Host="worker.svc.cluster.local:9464")[0] == 200
    status, _, body = agents.ask("/readyz?verbose")  # kubelet has no token: it gets the word and nothing else
    assert status == 503 and body == "starting\n"


def test_no_token_no_other_address(agents):
    sleeper = agents.popen(["sleep", "600"])
    child = agents.watch("--pid", str(sleeper.pid), "--listen", "0.0.0.0:0", wait=False)
    assert (
        child.wait(30) == 2 and "give a token" in child.errors.read_text() and "--insecure" in child.errors.read_text()
    )
    agents.watch("--pid", str(sleeper.pid), "--listen", "0.0.0.0:0", "--insecure")


@pytest.mark.parametrize(
    "words",
    [
        ["--listen", "127.0.0.1"],
        ["--listen", "::1:80"],
        ["--listen", "127.0.0.1:99999"],
        ["--pid", "x"],
        ["--pid", "0"],
        ["--stall-after", "-1"],
        ["--nonsense"],
    ],
)
def test_wrong_use(agents, words):
    child = agents.watch(*words, wait=False)
    assert child.wait(30) == 2 and "firstfix agent: " in child.errors.read_text()


def test_a_header_without_end(agent):
    got = raw(agent, b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: " + b"a" * 200000)
    assert got == b"" or got.split(b" ")[1] in (b"431", b"413", b"414", b"400"), got[:80]
    assert raw(agent, b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\n").split(b" ")[1:2] in (
        [],
        [b"414"],
        [b"431"],
        [b"413"],
    )
    assert agent.ask("/livez")[0] == 200


def test_rubbish_and_half_closed_sockets(agent):
    for data in (
        b"",
        b"\0" * 100,
        b"GET\r\n\r\n",
        b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n\r\n",
        b"\xff\xfe" * 999,
    ):
        begin = time.monotonic()
        raw(agent, data, half=True)
        assert time.monotonic() - begin < 9, "who can say no more is not waited for"
    got = raw(agent, b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", half=True)
    assert got == b"" or got.startswith(b"HTTP/1.1 200")
    assert agent.ask("/livez")[0] == 200


def test_slow_loris(agent):
    """Clients that say a byte now and then, more than there is room for: they are cut off, others are served meanwhile
    or soon.
    """
    host, port = agent.url.removeprefix("http://").rsplit(":", 1)
    slow = []
    for _ in range(150):
        s = socket.create_connection((host, int(port)), timeout=5)
        s.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        slow.append(s)
    begin = time.monotonic()

    def served():
        for s in slow:
            try:
                s.send(b"a")
            except OSError:
                pass
        try:
            return agent.ask("/livez", timeout=2)[0] == 200
        except OSError:
            return False
    until(served, "an answer beside slow clients", 60)
    assert time.monotonic() - begin < 50, "cut off after 10 s, not when they are tired of it"
    for s in slow:
        s.close()


def test_port_in_use_is_said_and_the_worker_runs(agents):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        worker = agents.run(WORKER, "--listen", f"127.0.0.1:{port}", wait=False)
        until(lambda: "Address already in use" in worker.errors.read_text(), "a clear error")
        assert f"cannot listen on 127.0.0.1:{port}, choose another with --listen" in worker.errors.read_text()
        assert worker.poll() is None
    agents.wait_for_url(worker)  # when the port is free it serves
    agents.tell(worker, "request a")
    agents.state_is("ready", "idle")


def test_wrong_listen_costs_the_agent_alone(agents):
    worker = agents.run(WORKER, "--listen", "0.0.0.0:0", wait=False)
    until(lambda: "the command runs on without" in worker.errors.read_text(), "what is wrong")
    agents.tell(worker, "exit 0")
    assert worker.wait(30) == 0
