"""The official messages of OTLP (PyPI: opentelemetry-proto) read our protobuf, and a real OpenTelemetry Collector takes
what an agent sends.
"""

import base64
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "python")]

from agent_client import WORKER, until  # noqa: E402
from otlp_server import Collector, attributes  # noqa: E402
from python_libraries import environment, hooks, pip  # noqa: E402,F401

PACKAGES = ["opentelemetry-proto==1.39.1"]
SOURCE = HERE.parent / "collector"
BUILD_S = 900

# Standard input: lines of a signal, a request as OTLP/JSON, and the same as protobuf in base64. The request is read by
# protobuf's own reader of JSON (which wants ids in base64), and both must be the same message, field by field, with
# nothing unknown in it.
JUDGE = """
import base64, json, sys
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
kinds = {"logs": ExportLogsServiceRequest, "traces": ExportTraceServiceRequest, "metrics": ExportMetricsServiceRequest}
def ids(value):
    if isinstance(value, dict):
        return {k: base64.b64encode(bytes.fromhex(v)).decode() if k in ("traceId", "spanId", "parentSpanId") else ids(v)
            for k, v in value.items()}
    return [ids(each) for each in value] if isinstance(value, list) else value
for line in sys.stdin:
    signal, text, data = json.loads(line)
    wanted = json_format.ParseDict(ids(json.loads(text)), kinds[signal]())
    found = kinds[signal].FromString(base64.b64decode(data))
    assert found == wanted, (found, wanted)
    print("same", wanted.ByteSize())
"""


@pytest.fixture(scope="session")
def judge():
    return str(environment("opentelemetry-proto", sys.executable, PACKAGES, lambda python: pip(python, *PACKAGES)))


def test_protobuf_says_what_json_says(agents, build, judge):
    """Every request that an agent makes of a worker's life, and the seeds of the fuzzer, which have what is seldom in
    one.
    """
    got = Collector()
    try:
        agents.gpus()
        agents.env |= {
            "OTEL_EXPORTER_OTLP_ENDPOINT": got.url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
            "OTEL_METRIC_EXPORT_INTERVAL": "200",
        }
        worker = agents.run(WORKER)
        for line in ("load m 0.05", "request one", "fail two", "begin three"):
            agents.tell(worker, line)
        until(lambda: len(got.spans()) >= 3 and got.metrics(), "spans and metrics")
        agents.tell(worker, "python raise RuntimeError('the end \\u00e4')")
        assert worker.wait(30) == 1
    finally:
        got.close()
    seeds = HERE.parent / "fuzz/seeds/otlp"
    requests = [(path.rpartition("/")[2], json.dumps(request)) for path, request in got.requests]
    requests += [(name, (seeds / name).read_text()) for name in ("logs", "traces", "metrics")]
    assert {signal for signal, _ in requests} == {"logs", "traces", "metrics"}
    lines = []
    for name, text in requests:
        made = subprocess.run(
            [build / "tests/otlp-oracle", name], input=text.encode(), capture_output=True, check=True
        ).stdout
        lines.append(json.dumps([name, text, base64.b64encode(made).decode()]))
    done = subprocess.run(
        [judge, "-c", JUDGE], input="\n".join(lines), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0 and done.stdout.count("same") == len(requests), done.stderr[-3000:]


@pytest.fixture(scope="session")
def collector_program():
    """The program, built once from its modules into the cache."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if not go:
        pytest.skip("no go on this machine: THE REAL COLLECTOR IS NOT TESTED")
    sources = b"".join((SOURCE / name).read_bytes() for name in ("go.mod", "go.sum", "main.go"))
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "firstfix/collector"
    program = cache / hashlib.sha256(sources).hexdigest()[:16]
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        new = program.with_suffix(f".{os.getpid()}")
        done = subprocess.run(
            [go, "build", "-trimpath", "-ldflags", "-s -w", "-o", str(new), "."],
            cwd=SOURCE,
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_S,
            env=os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"},
        )
        if done.returncode and "go.mod requires go" in done.stderr:
            pytest.skip(f"THE REAL COLLECTOR IS NOT TESTED: {done.stderr.strip()[-200:]}")
        assert done.returncode == 0, done.stderr[-3000:]
        new.rename(program)
    return program


class Real:
    """A collector that writes what it takes into files; it can be stopped and started again."""

    def __init__(self, program, folder):
        self.program, self.folder, self.child, self.starts = program, folder, None, 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self):
        self.starts += 1
        config = self.folder / "collector.yaml"
        out = self.folder / f"out-{self.starts}.json"
        pipelines = ", ".join(f"{s}: {{receivers: [otlp], exporters: [file]}}" for s in ("logs", "traces", "metrics"))
        config.write_text(
            f"receivers: {{otlp: {{protocols: {{http: {{endpoint: '127.0.0.1:{self.port}'}}}}}}}}\n"
            f"exporters: {{file: {{path: {out}, flush_interval: 50ms}}}}\nservice: {{pipelines: {{{pipelines}}}}}\n"
        )
        self.child = subprocess.Popen(
            [str(self.program), "--config", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

        def listens():
            assert self.child.poll() is None
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                return False
        until(listens, "a collector that listens")

    def stop(self):
        """In order: what it has answered for is in the file then."""
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(30)

    def taken(self):
        for path in sorted(self.folder.glob("out-*.json")):
            for line in path.read_text().splitlines():
                try:
                    yield json.loads(line)
                except ValueError:  # the last one is being written
                    pass

    def spans(self):
        return [
            s for q in self.taken() for rs in q.get("resourceSpans", []) for ss in rs["scopeSpans"] for s in ss["spans"]
        ]

    def logs(self):
        return [
            r
            for q in self.taken()
            for rl in q.get("resourceLogs", [])
            for sl in rl["scopeLogs"]
            for r in sl["logRecords"]
        ]


@pytest.fixture
def real(collector_program, tmp_path):
    made = Real(collector_program, tmp_path)
    made.start()
    yield made
    if made.child.poll() is None:
        made.stop()


@pytest.mark.parametrize("encoding", ["http/protobuf", "http/json"])
def test_nothing_is_lost_across_restarts_of_the_collector_and_deaths_of_the_agent(agents, real, encoding):
    agents.env |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": real.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": encoding,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
        "OTEL_BLRP_SCHEDULE_DELAY": "50",
    }
    worker = agents.run(WORKER)
    names = []
    for i in range(6):
        for _ in range(20):
            names.append(f"r{len(names)}")
            agents.tell(worker, f"request {names[-1]}")
        time.sleep(0.3)
        if i in (1, 4):
            real.stop()
        if i in (2, 5):
            real.start()
        if i in (0, 3, 5):
            for pid in subprocess.run(
                ["pgrep", "-P", str(worker.pid), "firstfix-agent"], capture_output=True, text=True, check=False
            ).stdout.split():
                os.kill(int(pid), signal.SIGKILL)
    agents.tell(worker, "fail last")
    agents.tell(worker, "python raise RuntimeError('the end')")
    assert worker.wait(30) == 1

    def all_there():
        ids = {}
        for span in real.spans():
            ids.setdefault(attributes(span).get("firstfix.request.id"), set()).add(span["spanId"])
        return ids.keys() >= {*names, "last"} and ids
    left = agents.state / "otlp"
    if left.exists() and list(
        left.glob("*/*")
    ):  # the end came while the agent waited to try again: the next one sends it
        agents.tell(agents.run(WORKER), "request next")
    found = until(all_there, "every span", 60)
    assert all(len(found[name]) == 1 for name in names)
    uids = {attributes(r)["log.record.uid"]: r["eventName"] for r in real.logs()}
    assert list(uids.values()).count("firstfix.incident") >= 1 and "exception" in uids.values()
    assert any("resourceMetrics" in q for q in real.taken())
