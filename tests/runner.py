"""Runs workers under `firstfix run` with a stand-in for the firstfix binary's steps, and tells what the steps were
given.

The stand-in is the process border of src/supervise/death.h: it notes its arguments, keeps a copy of the death document
with the tails, and answers with the verdict that the test asks for.
"""

import json
import os
import subprocess
import sys
import time

PYTHON = sys.executable

STAND_IN = r"""#!/bin/sh
echo "$*" >> "$STAND_IN_DIR/calls"
case "$1 $2" in
"incident --from")
	n=$(grep -c 'incident --from' "$STAND_IN_DIR/calls")
	cp "$3" "$STAND_IN_DIR/new.$n" && mv "$STAND_IN_DIR/new.$n" "$STAND_IN_DIR/death.$n.json"
	[ -e "$STAND_IN_DIR/sleep" ] && exec sleep 60
	[ -e "$STAND_IN_DIR/crash" ] && kill -SEGV $$
	i=0
	for f in $(tr ',' '\n' < "$3" | sed -n 's/.*"path":"\([^"]*\(stdout\|stderr\|output\|fd\/[0-9]*\)\)"/\1/p'); do
		cp "$f" "$STAND_IN_DIR/new.$n" && mv "$STAND_IN_DIR/new.$n" "$STAND_IN_DIR/tail.$n.$i"
		i=$((i + 1))
	done
	echo "INCIDENT TEXT" >&2
	[ -e "$STAND_IN_DIR/verdict.$n" ] && cat "$STAND_IN_DIR/verdict.$n" && exit 0
	printf 'firstfix.verdict/1\nincident=id%s\naction=give-up\n' "$n" ;;
"check ") exit $(cat "$STAND_IN_DIR/check" 2>/dev/null || echo 0) ;;
"report --trigger") for word; do
    [ "$last" = --save ] && echo '{"schema": "firstfix.facts/1"}' > "$word"; last=$word; done ;;
esac
exit 0
"""


def until(condition, what, deadline=60):
    """What `condition` gives once that is true; a failure after a deadline that a loaded machine never reaches."""
    end = time.monotonic() + deadline
    while not (got := condition()):
        assert time.monotonic() < end, f"not in {deadline} s: {what}"
        time.sleep(0.02)
    return got


class Runner:
    """One state folder, one stand-in, any number of runs."""

    def __init__(self, firstfix, folder):
        self.firstfix, self.folder = firstfix, folder
        self.state, self.steps = folder / "state", folder / "steps"
        self.steps.mkdir()
        self.tool = folder / "tool"
        self.tool.write_text(STAND_IN)
        self.tool.chmod(0o755)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("FIRSTFIX_")}
        self.env |= {"FIRSTFIX_DIR": str(self.state), "FIRSTFIX_TOOL": str(self.tool), "STAND_IN_DIR": str(self.steps)}

    def command(self, *worker, options=()):
        return [self.firstfix, "run", *options, "--", *worker]

    def run(self, *worker, options=(), timeout=60, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(
            self.command(*worker, options=options),
            env=self.env,
            capture_output=True,
            timeout=timeout,
            check=False,
            **kwargs,
        )

    def start(self, *worker, options=(), **kwargs):
        kwargs = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | kwargs
        return subprocess.Popen(self.command(*worker, options=options), env=self.env, **kwargs)

    def python(self, code, *, options=(), **kwargs):
        return self.run(PYTHON, "-c", code, options=options, **kwargs)

    def deaths(self):
        return [json.loads(p.read_text()) for p in sorted(self.steps.glob("death.*.json"))]

    def tail(self, n=1, i=0):
        return (self.steps / f"tail.{n}.{i}").read_bytes()

    def calls(self):
        path = self.steps / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def verdict(self, n, *lines):
        (self.steps / f"verdict.{n}").write_text("\n".join(["firstfix.verdict/1", *lines, ""]))
