"""What leaves as OTLP: every event once or with the same id, whatever happens to the collector, the disk and the agent.
"""

import json
import os
import pathlib
import signal
import ssl
import stat
import subprocess
import sys
import time

import pytest
from agent_client import WORKER, until
from otlp_server import Collector, attributes

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "python"))

from python_worker import hooks  # noqa: E402,F401 (found through the path set above)

TOKEN = "hf_" + "abcdefghijklmnopqrstuvwxyzABCDEFGH"


@pytest.fixture
def collector():
    made = []

    def start(*args, **kwargs):
        made.append(Collector(*args, **kwargs))
        return made[-1]
    yield start
    for each in made:
        each.close()


def send_to(agents, collector, **more):
    agents.env |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector if isinstance(collector, str) else collector.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
        "OTEL_METRIC_EXPORT_INTERVAL": "300",
        "OTEL_BLRP_SCHEDULE_DELAY": "50",
        **more,
    }


def agent_pids(worker):
    done = subprocess.run(
        ["pgrep", "-P", str(worker.pid), "firstfix-agent"], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in done.stdout.split()]


def end(agents, worker, line, code):
    """The worker's end. What a loaded machine had no time to send then, the next agent on the folder sends."""
    agents.tell(worker, line)
    assert worker.wait(30) == code
    send_the_rest(agents)


def send_the_rest(agents):
    if list((agents.state / "otlp").glob("*/*")):
        agents.run(WORKER)
        until(lambda: len(list((agents.state / "otlp").iterdir())) == 1, "the end of the dead one's folder")


def spans_by_request(collector):
    found = {}
    for span in collector.spans():
        found.setdefault(attributes(span).get("firstfix.request.id"), set()).add((span["traceId"], span["spanId"]))
    return found


def arrived(collector, names):
    return until(
        lambda: (found := spans_by_request(collector)).keys() >= set(names) and found,
        f"spans of {len(names)} requests",
        60,
    )


def test_events_spans_metrics_and_incidents_arrive(agents, collector):
    got = collector()
    send_to(
        agents,
        got,
        OTEL_SERVICE_NAME="painter",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test,service.name=other,a=b%20c",
    )
    worker = agents.run(WORKER)
    agents.tell(worker, "load tiny 0.05")
    agents.tell(worker, "request one")
    agents.tell(worker, "fail two")
    arrived(got, ["one", "two"])
    end(agents, worker, f"python raise RuntimeError('key {TOKEN}')", 1)
    until(
        lambda: {
            "firstfix.process.start",
            "firstfix.phase.begin",
            "firstfix.phase.end",
            "exception",
            "firstfix.incident",
        }
        <= {record["eventName"] for record in got.logs()},
        "logs of all kinds",
    )
    said = json.dumps(got.requests)
    assert TOKEN not in said and "[masked:hf:37]" in said
    [one] = [s for s in got.spans() if attributes(s).get("firstfix.request.id") == "one"]
    assert attributes(one)["gen_ai.usage.output_tokens"] == 5 and "status" not in one and "parentSpanId" not in one
    assert int(one["startTimeUnixNano"]) <= int(one["endTimeUnixNano"])
    [two] = [s for s in got.spans() if attributes(s).get("firstfix.request.id") == "two"]
    assert two["status"] == {"code": 2, "message": "ValueError"}
    [load] = [s for s in got.spans() if s["name"] == "model.load"]
    assert load["kind"] == 1 and attributes(load)["gen_ai.request.model"] == "tiny"
    [raised] = [
        r for r in got.logs() if r["eventName"] == "exception" and attributes(r).get("firstfix.request.id") == "two"
    ]
    assert (raised["traceId"], raised["spanId"]) == (two["traceId"], two["spanId"]) and raised["severityNumber"] == 17
    [incident] = [
        r
        for r in got.logs()
        if r["eventName"] == "firstfix.incident" and attributes(r)["firstfix.incident.how"] == "exit"
    ]
    assert attributes(incident)["exception.type"] == "RuntimeError"
    resource = attributes(got.of("/v1/traces")[-1]["resourceSpans"][0]["resource"])
    assert (
        resource["service.name"] == "painter"
        and resource["a"] == "b c"
        and resource["process.executable.name"].startswith("python")
    )
    assert {"host.name", "host.arch", "os.type", "service.instance.id"} <= set(resource)
    metrics = {m["name"]: m for m in got.metrics()}
    assert (
        metrics["process.memory.usage"]["unit"] == "By" and metrics["firstfix.requests"]["sum"]["isMonotonic"] is True
    )
    histogram = metrics["firstfix.request.duration"]["histogram"]["dataPoints"][0]
    assert len(histogram["bucketCounts"]) == len(histogram["explicitBounds"]) + 1 and histogram["count"] == "2"
    assert len(set(got.uids())) == len(got.uids())


def test_variables_of_one_signal_win(agents, collector):
    got, other = collector(), collector()
    send_to(
        agents,
        got,
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=other.url + "/mine",
        OTEL_METRICS_EXPORTER="none",
        OTEL_EXPORTER_OTLP_HEADERS="api-key=s3cr%20t, x-all = yes",
        OTEL_EXPORTER_OTLP_TRACES_HEADERS="x-only=traces",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        OTEL_EXPORTER_OTLP_LOGS_COMPRESSION="none",
    )
    worker = agents.run(WORKER)
    agents.tell(worker, "request one")
    until(lambda: other.of("/mine") and got.logs(), "both")
    end(agents, worker, "exit 0", 0)
    assert {path for path, _ in got.requests} == {"/v1/logs"} and {path for path, _ in other.requests} == {"/mine"}
    assert (
        got.headers[0]["api-key"] == "s3cr t"
        and got.headers[0]["x-all"] == "yes"
        and "Content-Encoding" not in got.headers[0]
    )
    assert (
        other.headers[0]["x-only"] == "traces"
        and "api-key" not in other.headers[0]
        and other.headers[0]["Content-Encoding"] == "gzip"
    )


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"},
    ],
)
def test_who_exports_nothing_pays_nothing(agents, variables):
    agents.env |= variables
    worker = agents.run(WORKER)
    agents.tell(worker, "request one")
    until(lambda: agents.metrics()['firstfix_requests_total{outcome="ok"}'] == 1, "the request")
    [pid] = agent_pids(worker)
    assert "libcurl" not in pathlib.Path(f"/proc/{pid}/maps").read_text()
    assert not (agents.state / "otlp").exists() and not any("otlp" in name for name in agents.metrics())
    assert ("wants http" in worker.errors.read_text()) == ("collector:4317" in variables.values())


def test_a_trace_from_outside_is_kept(agents, collector):
    got = collector()
    send_to(agents, got)
    worker = agents.run(WORKER + """
    elif word == "http":
        from firstfix.integrations.wsgi import Middleware
        def app(environ, start):
            start("200 OK", [])
            return [b"x"]
        body = Middleware(app)({"HTTP_X_REQUEST_ID": rest[0], "REQUEST_METHOD": "POST", "PATH_INFO": "/draw",
                                "HTTP_TRACEPARENT": rest[1], "HTTP_TRACESTATE": rest[2]}, lambda *a: None)
        list(body); body.close()
""")
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    agents.tell(worker, f"http kept 00-{trace}-{parent}-01 vendor=1")
    agents.tell(worker, f"http unsampled 00-{trace}-{parent}-00 vendor=1")
    agents.tell(worker, f"http bad 00-{'0' * 32}-{parent}-01 vendor=1")
    arrived(got, ["kept", "bad"])
    by_id = {attributes(s)["firstfix.request.id"]: s for s in got.spans()}
    kept = by_id["kept"]
    assert (kept["traceId"], kept["parentSpanId"], kept["traceState"]) == (trace, parent, "vendor=1")
    assert kept["kind"] == 2 and kept["name"] == "POST" and kept["flags"] & 1
    assert "parentSpanId" not in by_id["bad"] and by_id["bad"]["traceId"] != "0" * 32
    assert "unsampled" not in by_id  # the caller's word; its events are logs all the same
    until(lambda: any(attributes(r).get("firstfix.request.id") == "unsampled" for r in got.logs()), "its logs")


def test_a_collector_that_is_away_misses_nothing(agents, collector):
    got = collector()
    port = got.server_address[1]
    send_to(agents, got)
    worker = agents.run(WORKER)
    agents.tell(worker, "request before")
    arrived(got, ["before"])
    got.close()
    for i in range(50):
        agents.tell(worker, f"request r{i}")
    until(lambda: agents.metrics()['firstfix_requests_total{outcome="ok"}'] == 51, "51 requests")
    files = until(lambda: list((agents.state / "otlp").glob("*/*.traces")), "requests that wait")
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600 and stat.S_IMODE(files[0].parent.stat().st_mode) == 0o700
    again = collector(port)
    found = arrived(again, [f"r{i}" for i in range(50)])
    assert all(len(ids) == 1 for ids in found.values())
    until(lambda: agents.metrics()["firstfix_otlp_queue_bytes"] == 0, "an empty queue")
    until(lambda: len(set(again.uids())) >= 100, "logs")
    assert len(set(again.uids())) == len(again.uids()) and not set(again.uids()) & set(got.uids())
    assert worker.errors.read_text().count("go nowhere") <= 3  # once a signal


def test_agents_killed_again_and_again_lose_nothing_and_repeat_ids(agents, collector, times):
    got = collector()
    send_to(agents, got)
    worker = agents.run(WORKER, "--listen", f"127.0.0.1:{20000 + os.getpid() % 20000}")
    names = []
    end = time.monotonic() + times(4, 30)
    while time.monotonic() < end:
        for _ in range(10):
            names.append(f"r{len(names)}")
            agents.tell(worker, f"request {names[-1]}")
        for pid in agent_pids(worker):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.25)
    found = arrived(got, names)
    assert all(len(found[name]) == 1 for name in names)  # one span, however often it was sent

    def begun():
        seen = {}
        for record in got.logs():
            assert (
                seen.setdefault(attributes(record)["log.record.uid"], record) == record
            )  # what comes twice is the same
        return sum(
            r["eventName"] == "firstfix.phase.begin" and attributes(r)["firstfix.phase"] == "request"
            for r in seen.values()
        )
    until(lambda: begun() >= len(names), "the begin of every request")
    assert begun() == len(names)


def test_what_a_dead_machine_left_is_sent_by_the_next(agents, collector):
    got = collector()
    port = got.server_address[1]
    got.close()
    send_to(agents, got)
    first = agents.run(WORKER)
    for i in range(5):
        agents.tell(first, f"request r{i}")
    agents.tell(first, "begin last")
    agents.wait_for_work("last")
    until(lambda: list((agents.state / "otlp").glob("*/*.logs")), "requests that wait")
    tree = subprocess.run(["pgrep", "-P", str(first.pid)], capture_output=True, text=True, check=True).stdout.split()
    for pid in [first.pid, *map(int, tree)]:  # at one blow, as a container ends
        os.kill(pid, signal.SIGKILL)
    first.wait()
    again = collector(port)
    second = agents.run(WORKER)
    agents.tell(second, "request new")
    arrived(again, [*(f"r{i}" for i in range(5)), "last", "new"])
    [last] = [s for s in again.spans() if attributes(s).get("firstfix.request.id") == "last"]
    assert last["status"]["code"] == 2 and attributes(last)["firstfix.outcome"] == "killed"
    until(lambda: len(list((agents.state / "otlp").iterdir())) == 1, "the end of the dead one's folder")
    instances = {attributes(q["resourceSpans"][0]["resource"])["service.instance.id"] for q in again.of("/v1/traces")}
    assert len(instances) == 2


def small_disk(folder, size):
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"no file system of a small size: {done.stderr.strip()}")


def fill(folder):
    fd = os.open(folder / "filler", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        while True:
            os.write(fd, bytes(4096))
    except OSError:
        os.close(fd)


@pytest.mark.parametrize("back", ["disk", "collector"])
def test_a_full_disk_loses_nothing(agents, collector, back):
    """The collector is away and the disk is full; then the one or the other comes back."""
    got = collector()
    port = got.server_address[1]
    small_disk(agents.state, "24m")
    try:
        send_to(agents, got)
        worker = agents.run(WORKER)
        agents.tell(worker, "request before")
        arrived(got, ["before"])
        got.close()
        fill(agents.state)
        names = [f"r{i}" for i in range(100)]
        for name in names:
            agents.tell(worker, f"request {name}")
        until(lambda: agents.metrics()['firstfix_requests_total{outcome="ok"}'] == 101, "101 requests")
        for pid in agent_pids(worker):  # what waits in memory alone was never said to be safe
            os.kill(pid, signal.SIGKILL)
        if back == "disk":
            os.unlink(agents.state / "filler")
            until(lambda: list((agents.state / "otlp").glob("*/*.traces")), "requests that wait on the disk")
        again = collector(port)
        found = arrived(again, names)
        assert all(len(found[name]) == 1 for name in names)
        assert worker.poll() is None
    finally:
        agents.close()
        subprocess.run(["umount", "-l", str(agents.state)], check=False)


def certificate(folder, name, issuer=None, extension="basicConstraints=CA:TRUE"):
    """A key and a certificate, by itself or by an issuer: NAME.key, NAME.pem."""
    key, pem = folder / f"{name}.key", folder / f"{name}.pem"
    by = ["-CA", folder / f"{issuer}.pem", "-CAkey", folder / f"{issuer}.key"] if issuer else []
    request = [
        "openssl",
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        key,
        "-subj",
        f"/CN={name}",
    ]
    if issuer:
        subprocess.run([*request, "-out", folder / "request"], check=True, capture_output=True)
        (folder / "extension").write_text(extension)
        subprocess.run(
            [
                "openssl",
                "x509",
                "-req",
                "-in",
                folder / "request",
                *by,
                "-CAcreateserial",
                "-days",
                "2",
                "-extfile",
                folder / "extension",
                "-out",
                pem,
            ],
            check=True,
            capture_output=True,
        )
    else:
        subprocess.run(
            [*request, "-x509", "-days", "2", "-addext", extension, "-out", pem], check=True, capture_output=True
        )
    return pem, key


def test_certificates_of_both_sides(agents, collector, tmp_path):
    authority, _ = certificate(tmp_path, "authority")
    server, server_key = certificate(tmp_path, "server", "authority", "subjectAltName=IP:127.0.0.1")
    client, client_key = certificate(tmp_path, "client", "authority", "extendedKeyUsage=clientAuth")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(server, server_key)
    tls.load_verify_locations(authority)
    tls.verify_mode = ssl.CERT_REQUIRED
    got = collector(tls=tls)
    send_to(
        agents,
        got,
        OTEL_EXPORTER_OTLP_CERTIFICATE=str(authority),
        OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE=str(client),
        OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY=str(client_key),
    )
    worker = agents.run(WORKER)
    agents.tell(worker, "request one")
    arrived(got, ["one"])
    until(lambda: "logs go nowhere" in worker.errors.read_text(), "a word that logs without a certificate are refused")
    assert not got.logs() and agents.metrics()['firstfix_otlp_lost_records_total{signal="logs"}'] == 0


def hang(handler, path):
    time.sleep(30)
    return True


def endless(handler, path):
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(4096):
            handler.wfile.write(bytes(65536))
    except OSError:
        pass
    handler.close_connection = True
    return True


def answers(status, **headers):
    def answer(handler, path):
        handler.reply(status, b"no", **headers)
        return True
    return answer


@pytest.mark.parametrize(
    "name, answer, lost, waits",
    [
        ("hangs", hang, False, True),
        ("never ends", endless, False, False),
        ("refuses", answers(400), True, False),
        ("moved", answers(302, Location="http://127.0.0.1:9/"), True, False),
        ("is busy", answers(503, Retry_After="3600"), False, True),
        (
            "garbage",
            lambda handler, path: handler.wfile.write(b"\0\xff" * 100)
            or setattr(handler, "close_connection", True)
            or True,
            False,
            True,
        ),
    ],
)
def test_bad_collectors_hurt_nobody(agents, collector, name, answer, lost, waits):
    got = collector(answer=answer)
    send_to(agents, got, OTEL_EXPORTER_OTLP_TIMEOUT="500")
    worker = agents.run(WORKER)
    for i in range(20):
        agents.tell(worker, f"request r{i}")
    until(lambda: got.tries >= 3, "tries")
    begin = time.monotonic()
    assert agents.ask("/livez")[0] == 200 and time.monotonic() - begin < 5
    key = 'firstfix_otlp_lost_records_total{signal="traces"}'
    if lost:
        until(lambda: agents.metrics()[key] >= 20, "20 lost spans")
    elif waits:
        until(lambda: agents.metrics()["firstfix_otlp_queue_bytes"] > 0, "something that waits")
        assert agents.metrics()[key] == 0
    agents.tell(worker, "exit 0")
    begin = time.monotonic()
    assert worker.wait(30) == 0 and time.monotonic() - begin < 10


def test_damaged_and_foreign_files_in_the_queue_are_passed_over(agents, collector):
    got = collector()
    port = got.server_address[1]
    got.close()
    send_to(agents, got)
    worker = agents.run(WORKER)
    agents.tell(worker, "request one")
    [folder] = {f.parent for f in until(lambda: list((agents.state / "otlp").glob("*/*.logs")), "a request that waits")}
    files = sorted(folder.glob("*.logs"))
    files[0].write_bytes(files[0].read_bytes()[:40])
    for number, text in enumerate(
        (b"", b"{}", b"[1]", b"\xff\xfe", b'{"resourceLogs": [{"scopeLogs": 7}]}', b"[" * 5000)
    ):
        path = folder / f"{9000 + number:020d}.logs"
        path.write_bytes(text)
        path.chmod(0o600)
    os.symlink("/etc/passwd", folder / f"{9900:020d}.logs")
    for pid in agent_pids(worker):
        os.kill(pid, signal.SIGKILL)
    again = collector(port)
    agents.tell(worker, "request two")
    arrived(again, ["one", "two"])
    until(lambda: not list(folder.glob(f"{9000:016d}*.logs")), "the end of the damaged ones")
    assert "root:" not in json.dumps(again.requests)


def test_part_of_the_traces(agents, collector):
    got = collector()
    send_to(
        agents,
        got,
        OTEL_TRACES_SAMPLER="traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0.5",
        OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT="20",
    )
    worker = agents.run(WORKER)
    for i in range(200):
        agents.tell(worker, f"request r{i}")
    agents.tell(worker, "fail long")
    until(
        lambda: {attributes(r).get("firstfix.request.id") for r in got.logs()}
        >= {f"r{i}" for i in range(200)} | {"long"},
        "all logs",
    )
    until(lambda: len({s["traceId"] for s in got.spans()}) > 60, "about half of the traces")
    end(agents, worker, "exit 0", 0)
    assert 60 < len({s["traceId"] for s in got.spans()}) < 140
    assert (
        max(
            len(v) for r in got.logs() for k, v in attributes(r).items() if isinstance(v, str) and k != "log.record.uid"
        )
        <= 20
    )


def test_a_worker_that_lives_for_a_moment_is_told_of(agents, collector):
    got = collector()
    send_to(agents, got)
    for i in range(3):
        worker = agents.run(f"""
            import firstfix
            with firstfix.request(id="short{i}"): pass
            raise SystemExit(3)
            """, wait=False)
        assert worker.wait(30) == 3
    send_the_rest(agents)
    until(lambda: set(spans_by_request(got)) == {"short0", "short1", "short2"}, "three spans")
    until(lambda: sum(r["eventName"] == "firstfix.incident" for r in got.logs()) >= 3, "three incidents")
