"""ClickHouse's HTTP interface over its own engine in this process (PyPI: chdb), as far as a Collector's exporter and
`firstfix fleet` use it: clickhouse_server.py PORT-FILE FOLDER SCHEMA.

A query comes in the URL or the body, or as multipart/form-data with its parameters; what comes behind an INSERT in the
URL is its data. The exporter's client says its protocol's version, and then wants more around the blocks of an answer.
"""

import email.parser
import email.policy
import gzip
import http.server
import os
import pathlib
import re
import sys
import tempfile
import threading
import urllib.parse

from chdb import session

LOCK = threading.Lock()
VERSION = "client_protocol_version"
SIZES = {"UInt8": 1, "UInt32": 4, "UInt64": 8}


def split(text):
    for statement in re.split(r";\s*\n", re.sub(r"^--.*$", "", text, flags=re.M)):
        if statement.strip():
            yield statement


def form(kind, body):
    whole = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body
    )
    for part in whole.iter_parts():
        yield part.get_param("name", header="content-disposition"), part.get_payload(decode=True).decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, code, data):
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.say(200, b"Ok.\n")

    def read(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            data = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(data) if self.headers.get("Content-Encoding") == "gzip" else data

    def do_POST(self):
        given = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        body, kind = self.read(), self.headers.get("Content-Type", "")
        if kind.startswith("multipart/form-data"):
            given.update(form(kind, body))
            body = b""
        sql = given.get("query", "") + ("" if given.get("query") else body.decode())
        names = {k[6:]: v for k, v in given.items() if k.startswith("param_")}
        layout = self.headers.get("X-ClickHouse-Format") or given.get("default_format", "TabSeparated")
        if found := re.search(r"\bFORMAT\s+(\w+)\s*;?\s*$", sql, re.I):
            layout = found[1]
            sql = sql[: found.start()]
        try:
            with LOCK:
                answer = self.insert(sql, layout, body) if re.match(r"\s*INSERT", sql, re.I) else self.ask(
                    sql, layout, names
                )
        except Exception as error:  # what the engine says is the answer
            return self.say(500, str(error).encode())
        return self.say(200, versioned(answer) if layout == "Native" and given.get(VERSION) else answer)

    def ask(self, sql, layout, names):
        for name, value in names.items():
            DATABASE.query(f"SET param_{name} = {quoted(value)}")
        return DATABASE.query(sql, layout).bytes()

    def insert(self, sql, layout, body):
        with tempfile.NamedTemporaryFile(suffix=".data") as data:
            data.write(body)
            data.flush()
            head = re.sub(r"\bVALUES\b.*$", "", sql, flags=re.I | re.S)
            DATABASE.query(f"{head} SELECT * FROM file({quoted(data.name)}, {quoted(layout)})")
        return b""


def length(data, at):
    """A number as Native has it, seven bits a byte, and the place behind it."""
    n = shift = 0
    while True:
        n |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return n, at


def versioned(data):
    """Blocks of texts and numbers as a client of protocol 54454 or later reads them: with where a block is from, and of
    each column that it is written as usual.
    """
    out, at = b"", 0
    while at < len(data):
        begin = at
        columns, at = length(data, at)
        rows, at = length(data, at)
        out += b"\x01\x00\x02\xff\xff\xff\xff\x00" + data[begin:at]
        for _ in range(columns):
            begin = at
            for _ in range(2):  # name, type
                n, at = length(data, at)
                kind, at = data[at:at + n].decode(), at + n
            out += data[begin:at] + b"\x00"
            begin = at
            for _ in range(rows):
                n, at = (SIZES[kind], at) if kind in SIZES else length(data, at)
                at += n
            out += data[begin:at]
    return out


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


if __name__ == "__main__":
    port_file, folder, schema = map(pathlib.Path, sys.argv[1:])
    DATABASE = session.Session(str(folder))
    DATABASE.query("CREATE DATABASE IF NOT EXISTS fleet")
    DATABASE.query("USE fleet")
    DATABASE.query("SET output_format_json_quote_64bit_integers = 0")
    DATABASE.query("SET max_query_size = 1000000000")  # parameters are statements here; a server takes them beside
    for each in split(schema.read_text()):
        DATABASE.query(each)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    new = port_file.with_suffix(".new")
    new.write_text(str(server.server_address[1]))
    os.replace(new, port_file)
    server.serve_forever()
