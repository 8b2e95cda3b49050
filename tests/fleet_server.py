"""Starts `firstfix fleet serve` over a database and asks it."""

import os
import subprocess
import urllib.error
import urllib.request

from agent_client import until


class FleetServer:
    def __init__(self, firstfix, *back, errors, **env):
        """`back`: ("--database", FILE) or ("--clickhouse", URL), and options."""
        self.errors = errors
        with errors.open("wb") as to:
            self.child = subprocess.Popen(
                [firstfix, "fleet", "serve", "--listen", "127.0.0.1:0", *back],
                env={**{k: v for k, v in os.environ.items() if not k.startswith("FIRSTFIX_")}, **env},
                stderr=to,
            )
        self.url = until(self.said, "a page that says its address")

    def said(self):
        lines = [line for line in self.errors.read_text().splitlines() if "://" in line]
        assert lines or self.child.poll() is None, self.errors.read_text()
        return lines and lines[-1].rpartition(" ")[2]

    def ask(self, path, **headers):
        """(status, headers, body)"""
        words = {k.replace("_", "-"): v for k, v in headers.items()}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=words), timeout=60) as answer:
                return answer.status, dict(answer.headers), answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read().decode()

    def close(self):
        self.child.terminate()
        return self.child.wait(timeout=30)
