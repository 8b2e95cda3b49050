"""An index of packages (PEP 503) on this machine, of a folder of wheels: what pip, uv, poetry and pdm ask."""

import contextlib
import hashlib
import http.server
import re
import threading


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Index(http.server.BaseHTTPRequestHandler):
    folder = None

    def do_GET(self):
        kind, _, name = self.path.strip("/").partition("/")
        if kind == "files" and (self.folder / name).is_file():
            return self.answer((self.folder / name).read_bytes(), "application/octet-stream")
        wheels = [f for f in sorted(self.folder.glob("*.whl")) if normal(f.name.split("-")[0]) == normal(name)]
        if kind != "simple" or not wheels:
            return self.send_error(404)
        links = "".join(f'<a href="/files/{f.name}#sha256={digest(f)}">{f.name}</a>\n' for f in wheels)
        return self.answer(f"<!DOCTYPE html><html><body>\n{links}</body></html>".encode(), "text/html")

    def answer(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(folder):
    """Its address, while it is served."""
    handler = type("Mine", (Index,), {"folder": folder})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/simple/"
        server.shutdown()
