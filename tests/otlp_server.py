"""A collector of the tests' own: takes OTLP/JSON over HTTP and does what the test says meanwhile (refuses, hangs,
redirects, ...).
"""

import gzip
import http.server
import json
import socket
import threading


class Collector(http.server.ThreadingHTTPServer):
    """`answer(handler, path)` may answer by itself and give True; what else comes is kept and answered with 200."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port=0, answer=None, decode=None, tls=None):
        super().__init__(("127.0.0.1", port), Handler)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.scheme = "https" if tls else "http"
        self.answer = answer
        self.decode = decode or (lambda path, body: json.loads(body))
        self.requests, self.headers, self.tries = [], [], 0
        self.lock = threading.Lock()
        self.connections = []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def process_request(self, request, client_address):
        self.connections.append(request)
        super().process_request(request, client_address)

    def close(self):
        self.shutdown()
        self.server_close()
        for each in self.connections:  # kept alive else
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def of(self, path):
        with self.lock:
            return [request for at, request in self.requests if at == path]

    def logs(self):
        return [
            r
            for q in self.of("/v1/logs")
            for rl in q["resourceLogs"]
            for sl in rl["scopeLogs"]
            for r in sl["logRecords"]
        ]

    def spans(self):
        return [
            s
            for q in self.of("/v1/traces")
            for rs in q["resourceSpans"]
            for ss in rs["scopeSpans"]
            for s in ss["spans"]
        ]

    def metrics(self):
        return [
            m
            for q in self.of("/v1/metrics")
            for rm in q["resourceMetrics"]
            for sm in rm["scopeMetrics"]
            for m in sm["metrics"]
        ]

    def uids(self):
        return [attributes(r)["log.record.uid"] for r in self.logs()]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        with server.lock:
            server.tries += 1
        if server.answer and server.answer(self, self.path):
            return
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        decoded = server.decode(self.path, body)
        with server.lock:
            server.requests.append((self.path, decoded))
            server.headers.append(dict(self.headers))
        self.reply(200, b"{}")

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def attributes(of):
    """{'key': value} of a record or a resource."""
    return {a["key"]: value(a["value"]) for a in of.get("attributes", [])}


def value(any_value):
    [(kind, given)] = any_value.items()
    return int(given) if kind == "intValue" else given
