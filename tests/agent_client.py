"""Starts agents beside real workers and asks them."""
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time
import urllib.parse

FAKE = pathlib.Path(__file__).resolve().parent / "fake/scenarios"
DEADLINE_S = 120


def until(condition, what, deadline=DEADLINE_S):
    """What `condition` gives once that is true; a failure after the deadline, which a loaded machine never reaches."""
    end = time.monotonic() + deadline
    while True:
        got = condition()
        if got:
            return got
        assert time.monotonic() < end, f"not in {deadline} s: {what}"
        time.sleep(0.05)


class Agents:
    """A state folder, workers that record in it, and agents."""

    def __init__(self, firstfix, build, hooks, folder):
        self.firstfix, self.build, self.folder = firstfix, build, folder
        self.state = folder / "state"
        self.scenario = folder / "gpus.json"
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("FIRSTFIX_", "PYTHON"))}
        self.env |= {
            "FIRSTFIX_DIR": str(self.state),
            "FIRSTFIX_PROGRAM": firstfix,
            "FIRSTFIX_HOOKS": str(hooks or ""),
            "HF_TOKEN": "",
            "FIRSTFIX_NVML": "",
            "FIRSTFIX_CUDA": "",
            "FIRSTFIX_REPORT": "off",
        }
        self.hooks = hooks
        self.children = []
        self.url = self.errors = None

    def gpus(self, change=None, base="rtx5090.json"):
        """Play this scenario from now on; `change` gets it as a dictionary."""
        scenario = json.loads((FAKE / base).read_text())
        if change:
            change(scenario)
        new = self.scenario.with_suffix(".new")
        new.write_text(json.dumps(scenario))
        new.rename(self.scenario)
        self.env |= {
            "FIRSTFIX_NVML": str(self.build / "tests/fake/libnvidia-ml-now.so"),
            "FIRSTFIX_FAKE": str(self.scenario),
        }

    def popen(self, words, **kwargs):
        errors = self.folder / f"stderr-{len(self.children)}"
        with open(errors, "wb") as to:
            child = subprocess.Popen(
                words, env=self.env, stderr=to, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, **kwargs
            )
        child.errors = errors
        self.children.append(child)
        return child

    def run(self, script, *options, wait=True):
        """`firstfix run --listen 127.0.0.1:0 -- python -c script`; the script reads lines of what to do from standard
        input.
        """
        child = self.popen(
            [
                self.firstfix,
                "run",
                "--listen",
                "127.0.0.1:0",
                *options,
                "--",
                sys.executable,
                "-c",
                textwrap.dedent(script),
            ]
        )
        if wait:
            self.wait_for_url(child)
        return child

    def watch(self, *options, wait=True):
        """`firstfix agent --listen 127.0.0.1:0 OPTIONS`."""
        child = self.popen([self.firstfix, "agent", "--listen", "127.0.0.1:0", *options])
        if wait:
            self.wait_for_url(child)
        return child

    def wait_for_url(self, child):
        def said():
            lines = [
                line for line in child.errors.read_text().splitlines() if line.startswith("firstfix agent: http://")
            ]
            assert lines or child.poll() is None, child.errors.read_text()
            return lines and lines[-1].rpartition(" ")[2]
        self.url = until(said, "an agent that says its address")
        return self.url

    def tell(self, child, line):
        child.stdin.write(line.encode() + b"\n")
        child.stdin.flush()

    def ask(self, path, method="GET", url=None, timeout=20, **headers):
        """(status, headers, body)"""
        at = urllib.parse.urlsplit(url or self.url)
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=timeout)
        try:
            connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def health(self, probe="readyz"):
        status, _, body = self.ask("/" + probe, Accept="application/json")
        return dict(json.loads(body), status=status)

    def state_is(self, *names):
        got = until(lambda: (h := self.health())["state"] in names and h, f"state {names}, not {self.health()}")
        return got

    def wait_for_work(self, name):
        """/v1/requests, once the request of this id alone is in work: all before it have ended."""
        def alone():
            document = json.loads(self.ask("/v1/requests", timeout=60)[2])
            return [row["id"] for row in document["in_flight"]] == [name] and document
        return until(alone, f"request {name} in work")

    def metrics(self):
        """{'name{labels}': value}"""
        found = {}
        for line in self.ask("/metrics")[2].splitlines():
            if not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                found[name] = float(value)
        return found

    def close(self):
        for child in self.children:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for child in self.children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            child.stdin.close()


# A worker that does what it is told, a line at a time; it serves requests in threads and loads a stand-in for a model.
WORKER = """
import os, sys, threading, time
import firstfix
stop = {}
def work(name, seconds, model=None):
    with firstfix.request(id=name, model=model) as req:
        stop[name].wait(seconds)
        req.tokens(input=3, output=5)
def load(name):
    with firstfix.model_load(name): stop[name].wait(600)
def fail(name):
    try:
        with firstfix.request(id=name): raise ValueError("no " + name)
    except ValueError: pass
for line in sys.stdin:
    word, *rest = line.split()
    if word == "begin":
        stop[rest[0]] = threading.Event()
        threading.Thread(target=work, args=(rest[0], 600), daemon=True).start()
    elif word == "end": stop[rest[0]].set()
    elif word == "request":
        stop[rest[0]] = threading.Event(); stop[rest[0]].set()
        work(rest[0], 0)
    elif word == "fail": fail(rest[0])
    elif word == "load":
        with firstfix.model_load(rest[0]): time.sleep(float(rest[1]))
    elif word == "hold":
        stop[rest[0]] = threading.Event()
        threading.Thread(target=load, args=(rest[0],), daemon=True).start()
    elif word == "exit": os._exit(int(rest[0]))
    elif word == "python": exec(line.split(" ", 1)[1])
"""
