"""The ways in which one log reaches a diagnostician: FORMS maps a name to a function from the log's text to the bytes
that arrive.

They are what the named programs write: container runtimes and orchestrators, journals, launchers of many ranks,
loggers, CI, terminals, notebooks, and people who paste. The answer must not depend on them.
"""

import html
import json
import re
import textwrap

CLOCK = "05:06:{0:02d}"
STAMP = "2026-03-04T" + CLOCK + ".{1:09d}Z"


def stamp(i):
    return STAMP.format(i % 60, i * 997 % 10**9)


def lines(log):
    return log.removesuffix("\n").split("\n")


def each(make):
    """A form that writes make(number, line) for every line."""
    return lambda log: "".join(make(i, line) + "\n" for i, line in enumerate(lines(log)))


def before(prefix):
    return each(lambda i, line: prefix.format(i=i, s=i % 60, us=i * 997 % 10**6, stamp=stamp(i)) + line)


def record(make):
    """A form of JSON lines."""
    return each(lambda i, line: json.dumps(make(i, line)))


def in_one_message(log):
    """journalctl -o verbose of a program that wrote its lines at once."""
    lines = [line for line in log.splitlines() if line.strip()]
    return (
        "Wed 2026-03-04 05:06:07.123456 UTC [s=1;i=2;b=7;m=8;t=9;x=a]\n    PRIORITY=3\n    MESSAGE="
        + ("\n" + " " * 12).join(lines)
        + "\n    _PID=711\n    _COMM=python3\n"
    )


def journal_entry(margin, head):
    """journalctl -o verbose, and -o export, which has no margin."""
    fields = "_TRANSPORT=stdout|PRIORITY=6|MESSAGE={}|_PID=711|_CMDLINE=python3 --error-log x: y"
    return lambda i, line: "\n".join([head.format(i=i), *(margin + f.replace("{}", line) for f in fields.split("|"))])


def without_blank(form):
    """journald and syslog do not keep empty lines."""
    return lambda log: form("\n".join(line for line in lines(log) if line.strip()) + "\n")


def in_parts(size, make):
    """Runtimes write what does not fit their buffer in parts; the last one is marked F."""
    def one(i, line):
        parts = [line[k:k + size] for k in range(0, len(line), size)] or [""]
        return "\n".join(make(i, "P" if k + 1 < len(parts) else "F", part) for k, part in enumerate(parts))
    return each(one)


# ---- tracebacks, taken apart and told in another way ----

class Traceback:
    """frames are [file, line, function, source or None]; error is the line behind them."""

    def __init__(self):
        self.frames, self.error = [], ""


def tell(log, how):
    """The log with each traceback replaced by the lines how(traceback) gives; what is not understood stays as it is."""
    out, rest = [], lines(log)
    while rest:
        line = rest.pop(0)
        if line != "Traceback (most recent call last):":
            out.append(line)
            continue
        seen, taken = Traceback(), [line]
        while rest and rest[0].startswith("  "):
            taken.append(rest.pop(0))
            if m := re.match(r'  File "([^"]+)", line (\d+)(?:, in (.+))?$', taken[-1]):
                seen.frames.append([m[1], int(m[2]), m[3] or "<module>", None])
            elif seen.frames:
                seen.frames[-1][3] = taken[-1].strip()
        if seen.frames and rest and rest[0].strip():
            seen.error = rest.pop(0)
            out += how(seen)
        else:
            out += taken
    return "".join(line + "\n" for line in out)


def python_311(t):
    """Marks below the source."""
    yield "Traceback (most recent call last):"
    for file, number, function, source in t.frames:
        yield f'  File "{file}", line {number}, in {function}'
        if source:
            yield f"    {source}"
            yield "    " + "~" * (len(source) // 3) + "^" * (len(source) - len(source) // 3)
    yield t.error


def python_short(t):
    """A program without its sources shows frames alone."""
    yield "Traceback (most recent call last):"
    for file, number, function, _ in t.frames:
        yield f'  File "{file}", line {number}, in {function}'
    yield t.error


def notebook(head, frame):
    def how(t):
        name = re.split(r"[:\s]", t.error)[0].rpartition(".")[2]
        yield "-" * 75
        yield name + "Traceback (most recent call last)".rjust(75 - len(name))
        yield head.format(number=1)
        yield "----> 1 serve()"
        yield ""
        for file, number, function, source in t.frames:
            yield frame.format(file=file, number=number, function=function)
            yield f"{number - 1:>7} def {function}():"
            yield f"{'--' * 2}> {number} {source or 'pass'}"
            yield f"{number + 1:>7} "
            yield ""
        yield re.sub(r"^[\w.]+\.(?=\w+\b)", "", t.error)  # IPython shows the name alone
    return lambda log: tell(log, how)


def rich(t):
    """rich draws a box and breaks the message at the width of the terminal."""
    width = 100
    yield "╭" + " Traceback (most recent call last) ".center(width - 2, "─") + "╮"
    for k, (file, number, function, source) in enumerate(t.frames):
        if k:
            yield "│" + " " * (width - 2) + "│"
        for part in textwrap.wrap(f"{file}:{number} in {function}", width - 4):
            yield "│ " + part.ljust(width - 4) + " │"
        yield "│" + " " * (width - 2) + "│"
        yield "│ " + f"  {number - 1:>4} │   def {function}():".ljust(width - 4)[:width - 4] + " │"
        yield "│ " + f"❱ {number:>4} │   {source or 'pass'}".ljust(width - 4)[:width - 4] + " │"
        yield "│ " + f"  {number + 1:>4} │   ".ljust(width - 4) + " │"
    yield "╰" + "─" * (width - 2) + "╯"
    yield from textwrap.wrap(
        re.sub(r"^[\w.]+\.(?=\w+\b)", "", t.error), width, break_long_words=False, break_on_hyphens=False
    )


def loguru_pretty(t):
    """loguru marks where it was caught and shows values below the source."""
    yield "2026-03-04 05:06:07.891 | ERROR    | worker.main:serve:41 - request failed"
    yield "Traceback (most recent call last):"
    yield ""
    for k, (file, number, function, source) in enumerate(t.frames):
        yield f'{"> " if k == 0 else "  "}File "{file}", line {number}, in {function}'
        if source:
            yield f"    {source}"
            yield "    │    └ <function load at 0x7f21a8b3c0d0>"
            yield "    └ <module 'torch' from '/srv/torch/__init__.py'>"
        yield ""
    yield t.error


def exception_group(t):
    """A task group of Python 3.11."""
    yield "  + Exception Group Traceback (most recent call last):"
    yield '  |   File "/srv/worker/serve.py", line 12, in run'
    yield "  |     async with asyncio.TaskGroup() as group:"
    yield "  |                ^^^^^^^^^^^^^^^^^^^"
    yield "  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)"
    yield "  +-+---------------- 1 ----------------"
    for line in (*python_311(t),):
        yield f"    | {line}"
    yield "    +------------------------------------"


def pytest_short(t):
    """pytest --tb=short"""
    for file, number, function, source in t.frames:
        yield f"{file}:{number}: in {function}"
        yield f"    {source or 'pass'}"
    yield f"E   {t.error}"


def retold(how):
    return lambda log: tell(log, how)


def in_one_record(make, head="request failed"):
    """A logger that puts a whole traceback into one field: make(message, traceback or None)."""
    def form(log):
        out, rest = [], lines(log)
        while rest:
            line, block = rest.pop(0), []
            if line == "Traceback (most recent call last):":
                block = [line]
                while rest and (
                    rest[0].startswith("  ")
                    or not rest[0]
                    or re.match("During handling|The above exc|Traceback", rest[0])
                ):
                    block.append(rest.pop(0))
                while rest and rest[0]:
                    block.append(rest.pop(0))
                line = head
            out.append(json.dumps(make(line, "\n".join(block) if block else None)))
        return "".join(line + "\n" for line in out)
    return form


def python_json(message, block):
    return {
        "asctime": "2026-03-04 05:06:07,891",
        "levelname": "ERROR" if block else "INFO",
        "name": "worker",
        "message": message,
        **({"exc_info": block} if block else {}),
    }


def structlog(message, block):
    return {
        "event": message,
        "level": "error" if block else "info",
        "timestamp": "2026-03-04T05:06:07Z",
        **({"exception": block} if block else {}),
    }


def loguru_json(message, block):
    text = (
        f"2026-03-04 05:06:07.891 | {'ERROR   ' if block else 'INFO    '} | worker:serve:41 - {message}\n{block or ''}"
    )
    error = block.splitlines()[-1].partition(": ") if block else None
    return {
        "text": text,
        "record": {
            "elapsed": {"repr": "0:00:01.2", "seconds": 1.2},
            "exception": {"type": error[0], "value": error[2], "traceback": True} if error else None,
            "extra": {},
            "file": {"name": "worker.py", "path": "/srv/worker.py"},
            "function": "serve",
            "level": {"icon": "❌", "name": "ERROR", "no": 40},
            "line": 41,
            "message": message,
            "module": "worker",
            "name": "worker",
            "process": {"id": 7, "name": "MainProcess"},
        },
    }


def bunyan(message, block):
    return {
        "name": "worker",
        "hostname": "gpu-3",
        "pid": 7,
        "level": 50 if block else 30,
        "msg": message,
        "time": "2026-03-04T05:06:07.891Z",
        "v": 0,
        **({"err": {"message": block.splitlines()[-1], "name": "Error", "stack": block}} if block else {}),
    }


def gcp(message, block):
    return {
        "insertId": "x1",
        "jsonPayload": {"message": f"{message}\n{block}" if block else message, "logger": "worker"},
        "severity": "ERROR" if block else "DEFAULT",
        "resource": {"type": "k8s_container", "labels": {"pod_name": "worker-7d9f8b6c5d-x2x4z"}},
        "timestamp": "2026-03-04T05:06:07.891Z",
    }


def datadog(message, block):
    return {
        "ddsource": "python",
        "service": "worker",
        "status": "error" if block else "info",
        "message": message,
        "dd.trace_id": "0",
        **({"error": {"kind": "RuntimeError", "message": block.splitlines()[-1], "stack": block}} if block else {}),
    }


def ecs(message, block):
    return {
        "@timestamp": "2026-03-04T05:06:07.891Z",
        "log.level": "error" if block else "info",
        "message": message,
        "ecs": {"version": "1.6.0"},
        **(
            {"error": {"type": "RuntimeError", "message": block.splitlines()[-1], "stack_trace": block}}
            if block
            else {}
        ),
    }


def runpod(message, block):
    return {
        "requestId": "a1b2-u1",
        "level": "ERROR" if block else "INFO",
        "message": message
        if not block
        else json.dumps(
            {
                "error_type": "<class 'RuntimeError'>",
                "error_message": block.splitlines()[-1],
                "error_traceback": block,
                "hostname": "x-64411b33",
            }
        ),
    }


def otel(message, block):
    return {
        "timeUnixNano": "1772600767891000000",
        "severityText": "ERROR" if block else "INFO",
        "body": {"stringValue": message},
        "attributes": [{"key": "exception.stacktrace", "value": {"stringValue": block}}] if block else [],
    }


def structlog_dicts(message, block):
    """structlog.processors.dict_tracebacks"""
    stacks = []
    for part in re.split(r"\n\n(?:During handling|The above exception)[^\n]*\n\n", block or ""):
        frames = [
            {"filename": m[1], "lineno": int(m[2]), "name": m[3]}
            for m in re.finditer(r'  File "([^"]+)", line (\d+), in (\S+)', part)
        ]
        text = re.split(r"\n(?! )", part, maxsplit=1)[-1]
        kind, _, value = text.partition(": ")
        stacks.insert(
            0,
            {
                "exc_type": kind.rpartition(".")[2],
                "exc_value": value,
                "syntax_error": None,
                "is_cause": False,
                "frames": frames,
            },
        )
    return {"event": message, "level": "error" if block else "info", **({"exception": stacks} if block else {})}


# ---- terminals, files, people ----

def bars(log):
    """tqdm stays on its line, and what follows is printed behind it."""
    bar = "".join(
        f"\rLoading checkpoint shards: {p:>3}%|{'█' * (p // 10):<10}| {p // 25}/4 [00:0{p // 25}<00:0{4 - p // 25}, "
        " 2.81s/it]"
        for p in (0, 25, 50, 75, 100)
    )
    return bar[1:] + log


def bars_before_traceback(log):
    bar = "Loading checkpoint shards: 100%|" + "█" * 60 + "| 4/4 [00:11<00:00,  2.81s/it]"
    return log.replace("Traceback (most recent call last):", bar + "Traceback (most recent call last):")


def typescript(log):
    body = "".join(line + "\r\r\n" for line in lines(log))
    return (
        'Script started on 2026-03-04 05:06:07+00:00 [TERM="xterm-256color"'
        f' TTY="/dev/pts/0"]\n\x1b[?2004h\x1b]0;w@gpu: ~\x07$ python serve.py\r\n{body}'
    )


def multi_bar(log):
    """tqdm of several ranks moves the cursor between its lines."""
    return "".join(f"\x1b[A\x1b[Kshard {i}: 40%|####      |\x1b[B\r{line}\x1b[K\n" for i, line in enumerate(lines(log)))


def colours_lost(log):
    """Colours after the escape character was lost in a paste."""
    return each(lambda i, line: f"[36m(EngineCore_0 pid=164)[0;0m [1;31m{line}[0m")(log)


def quoted_and_fenced(log):
    return "The worker dies, see\n\n```shell\n$ python serve.py\n" + log + "\n```\n\nAny idea?\n"


def one_line(log):
    """Kubernetes' termination message, a web API's answer: newlines are written as backslash n."""
    return "worker failed: " + repr(log) + "\n"


def csv(log):
    return "timestamp,pod,message\n" + each(lambda i, line: f'{stamp(i)},worker-0,"' + line.replace('"', '""') + '"')(
        log
    )


FORMS = {
    # containers
    "docker --timestamps": before("{stamp} "),
    "docker json-file": record(lambda i, line: {"log": line + "\n", "stream": "stderr", "time": stamp(i)}),
    "docker json-file, attributes": record(
        lambda i, line: {"log": line + "\n", "stream": "stderr", "attrs": {"tag": "w"}, "time": stamp(i)}
    ),
    "compose": before("worker-1  | "),
    "compose, coloured": before("\x1b[36mworker-1  | \x1b[0m"),
    "compose --timestamps": before("worker-1  | {stamp} "),
    "cri": before("{stamp} stderr F "),
    "cri in parts": in_parts(24, lambda i, tag, part: f"{stamp(i)} stdout {tag} {part}"),
    "cri of json": each(lambda i, line: f"{stamp(i)} stderr F " + json.dumps({"message": line, "level": "error"})),
    "cri of json in parts": lambda log: in_parts(30, lambda i, tag, part: f"{stamp(i)} stderr {tag} {part}")(
        record(lambda i, line: {"msg": line})(log)
    ),
    "kubectl --prefix": before("[pod/worker-7d9f8b6c5d-x2x4z/vllm] "),
    "kubectl --prefix --timestamps": before("[pod/worker-7d9f8b6c5d-x2x4z/vllm] {stamp} "),
    "kubectl --timestamps=true of vLLM": before("{stamp} (EngineCore_0 pid=164) "),
    "stern": before("worker-7d9f8b6c5d-x2x4z vllm "),
    "stern, coloured, of a set": before("\x1b[35mworker-0\x1b[0m \x1b[92mmain\x1b[0m "),
    "kubetail": before("[worker-7d9f8b6c5d-x2x4z] "),
    "aws logs tail": before("2026-03-04T05:06:{s:02d}.{us:06d}+00:00 worker/vllm/0a1b2c3d4e5f "),
    "logcli": before('2026-03-04T05:06:{s:02d}Z {{app="worker", pod="worker-0"}} '),
    "fly": before("2026-03-04T05:06:{s:02d}Z app[148e2d6a] ams [info]"),
    "heroku": before("2026-03-04T05:06:{s:02d}.{us:06d}+00:00 app[web.1]: "),
    "pm2": before("0|worker  | "),
    "foreman": before("05:06:{s:02d} web.1  | "),
    "buildkit": before("#12 {i}.123 "),
    # journals
    "journald short": without_blank(before("Mar 04 05:06:{s:02d} gpu-3 python3[711]: ")),
    "journald short-precise": without_blank(before("Mar 04 05:06:{s:02d}.{us:06d} gpu-3 worker[711]: ")),
    "journald short-iso": without_blank(before("2026-03-04T05:06:{s:02d}+0100 gpu-3 worker[711]: ")),
    "journald short-iso-precise": without_blank(before("2026-03-04T05:06:{s:02d}.{us:06d}+01:00 gpu-3 worker[711]: ")),
    "journald short-full": without_blank(before("Wed 2026-03-04 05:06:{s:02d} UTC gpu-3 worker[711]: ")),
    "journald short-unix": without_blank(before("17726007{s:02d}.{us:06d} gpu-3 worker[711]: ")),
    "journald short-monotonic": without_blank(before("[ 12{s:02d}.{us:06d}] gpu-3 worker[711]: ")),
    "journald json": without_blank(
        record(
            lambda i, line: {
                "__CURSOR": f"s=1;i={i}",
                "_PID": "711",
                "PRIORITY": "6",
                "MESSAGE": line,
                "_HOSTNAME": "gpu-3",
            }
        )
    ),
    "journald json of coloured lines": without_blank(
        record(lambda i, line: {"PRIORITY": "6", "MESSAGE": list(f"\x1b[31m{line}\x1b[0m".encode())})
    ),
    "journald json-pretty": without_blank(
        each(lambda i, line: '{\n\t"PRIORITY" : "6",\n\t"MESSAGE" : ' + json.dumps(line) + ',\n\t"_PID" : "711"\n}')
    ),
    "journald verbose in one message": in_one_message,
    "journald verbose": without_blank(each(journal_entry("    ", "Wed 2026-03-04 05:06:07.{i:06d} UTC [s=1;i={i}]"))),
    "journald export": without_blank(each(journal_entry("", "\n__CURSOR=s=1;i={i};b=7"))),
    "syslog 3164": without_blank(before("<11>Mar  4 05:06:{s:02d} gpu-3 worker[711]: ")),
    "syslog 3164 without pid": without_blank(before("Mar  4 05:06:{s:02d} gpu-3 worker: ")),
    "syslog 5424": without_blank(before("<11>1 2026-03-04T05:06:{s:02d}.{us:06d}Z gpu-3 worker 711 - - ")),
    "syslog 5424 with data": without_blank(
        before('<11>1 2026-03-04T05:06:{s:02d}.{us:06d}Z gpu-3 worker 711 ID47 [x@1 a="b\\]" c="d"][y@1 e="f"] \ufeff')
    ),
    "rsyslog file of coloured lines": without_blank(
        each(
            lambda i, line: f"2026-03-04T05:06:07.{i:06d}+00:00 gpu-3 worker[711]: #033[31m"
            + line.replace("\t", "#011")
            + "#033[0m"
        )
    ),
    # CI
    "actions": before("2026-03-04T05:06:{s:02d}.{us:06d}1Z "),
    "actions, errors": before("2026-03-04T05:06:{s:02d}.{us:06d}1Z ##[error]"),
    "gh run view --log": before("test\tRun tests\t2026-03-04T05:06:{s:02d}.{us:06d}1Z "),
    "gitlab": before("2026-03-04T05:06:{s:02d}.{us:06d}Z 01O "),
    "jenkins": before("[2026-03-04T05:06:{s:02d}.891Z] "),
    # launchers
    "torchrun": before("[rank0]: "),
    "torchrun --tee": before("[default0]:"),
    "torchrun, both": before("[default0]:[rank0]: "),
    "deepspeed": before("gpu-node-3: "),
    "pdsh by address": before("10.0.0.4: "),
    "ray": before("(RayWorkerWrapper pid=1, ip=10.0.0.2) "),
    "ray, coloured": before("\x1b[36m(RayWorkerWrapper pid=1, ip=10.0.0.2)\x1b[0m "),
    "slurm": before("0: "),
    "slurm, padded": before(" 0: "),
    "vllm": before("(EngineCore_0 pid=164) "),
    "vllm, logged": before("(EngineCore_DP0 pid=164) ERROR 03-04 05:06:{s:02d} [core.py:396] "),
    "sglang": before("[2026-03-04 05:06:{s:02d} TP0] "),
    "tgi": before("2026-03-04T05:06:{s:02d}.{us:06d}Z ERROR text_generation_launcher: "),
    "mpirun": before("[1,0]<stderr>:"),
    "prterun": before("[prterun-gpu3-411@1,0]<stderr>: "),
    "torchserve": before("2026-03-04T05:06:{s:02d},891 [INFO ] W-9000-model_1.0-stdout MODEL_LOG - "),
    "mms": before("2026-03-04 05:06:{s:02d},891 [WARN ] W-model-1-stderr com.amazonaws.ml.mms.wlm.WorkerLifeCycle - "),
    "djl": before("[INFO ] PyProcess - W-103-model-stdout: "),
    "triton": before("I0304 05:06:{s:02d}.{us:06d} 1 pb_stub.cc:402] "),
    "celery": before("[2026-03-04 05:06:{s:02d},891: WARNING/ForkPoolWorker-1] "),
    "gunicorn": before("[2026-03-04 05:06:{s:02d} +0000] [711] [ERROR] "),
    "parallel --tag": before("gpu-3\t"),
    "someone's own": before("{s:02d}.{us:06d} >> stage-2/worker {i} >> "),
    # loggers
    "logging, each line": before("2026-03-04 05:06:{s:02d},891 - worker - ERROR - "),
    "logging, bracketed": before("[2026-03-04 05:06:{s:02d},891][worker][ERROR] - "),
    "logging, basic": before("ERROR:worker.main:"),
    "loguru, each line": before("2026-03-04 05:06:{s:02d}.891 | ERROR    | worker.main:serve:41 - "),
    "traceback in a message": lambda log: log.replace(
        "Traceback (most recent call last):",
        "2026-03-04 05:06:07,891 - worker - ERROR - it failed: Traceback (most recent call last):",
    ),
    "logfmt": each(
        lambda i, line: f"time={stamp(i)} level=ERROR source=server.go:1 msg={json.dumps(line, ensure_ascii=False)}"
    ),
    "python-json-logger": in_one_record(python_json),
    "structlog": in_one_record(structlog),
    "structlog, dicts": in_one_record(structlog_dicts),
    "loguru serialize": in_one_record(loguru_json),
    "bunyan": in_one_record(bunyan),
    "gcp": in_one_record(gcp),
    "gcp text": record(
        lambda i, line: {"textPayload": line, "severity": "ERROR", "timestamp": stamp(i), "labels": {"a": "b"}}
    ),
    "gcloud logging read": each(
        lambda i, line: '  {\n    "insertId": "1",\n    "textPayload": '
        + json.dumps(line)
        + ',\n    "severity": "ERROR"\n  },'
    ),
    "datadog": in_one_record(datadog),
    "ecs": in_one_record(ecs),
    "runpod": in_one_record(runpod),
    "opentelemetry": in_one_record(otel),
    "loki": record(lambda i, line: {"labels": {"app": "w"}, "line": line, "timestamp": stamp(i)}),
    "fluentd": each(
        lambda i, line: f"2026-03-04T05:06:07+00:00\tkube.worker\t" + json.dumps({"log": line, "stream": "stderr"})
    ),
    "json in json": record(
        lambda i, line: {
            "log": json.dumps({"message": line, "level": "info"}) + "\n",
            "stream": "stdout",
            "time": stamp(i),
        }
    ),
    "json behind a timestamp": each(lambda i, line: stamp(i) + " " + json.dumps({"severity": "INFO", "message": line})),
    # terminals and files
    "progress bars": bars,
    "a bar before the traceback": bars_before_traceback,
    "several bars": multi_bar,
    "script": typescript,
    "crlf": lambda log: log.replace("\n", "\r\n"),
    "utf-8 with a mark": lambda log: "\ufeff" + log,
    "utf-16 le": lambda log: b"\xff\xfe" + log.replace("\n", "\r\n").encode("utf-16-le"),
    "utf-16 be": lambda log: b"\xfe\xff" + log.encode("utf-16-be"),
    "colours": each(lambda i, line: f"\x1b[38;5;{i % 200}m{line}\x1b[0m\x1b[K"),
    "colours within": each(lambda i, line: re.sub(r"(\w+)$", "\x1b[31m\\1\x1b[0m", line)),
    "caret escapes": each(lambda i, line: f"^[[31m{line}^[[0m"),
    # pastes
    "colours lost": colours_lost,
    "quoted": before("> "),
    "fenced": quoted_and_fenced,
    "indented": before("    "),
    "indented by tabs": before("\t"),
    "html": lambda log: html.escape(log),
    "html, decimal": lambda log: html.escape(log).replace("&#x27;", "&#39;"),
    "one line": one_line,
    "csv": csv,
    # tracebacks told otherwise
    "python 3.11": retold(python_311),
    "no sources": retold(python_short),
    "notebook, today": notebook("Cell In[5], line {number}", "File {file}:{number}, in {function}(*args, **kwargs)"),
    "notebook, 2022": notebook(
        "Input In [3], in <cell line: 1>()", "File {file}:{number}, in {function}(*args, **kwargs)"
    ),
    "notebook, 2020": notebook("<ipython-input-3-a1b2c3d4e5f6> in <module>", "{file} in {function}(*args, **kwargs)"),
    "colab": notebook("<ipython-input-3-a1b2c3d4e5f6> in <cell line: 1>()", "{file} in {function}(*args, **kwargs)"),
    "notebook, coloured": lambda log: each(lambda i, line: f"\x1b[0;31m{line}\x1b[0m")(
        notebook("\x1b[0;32mCell\x1b[0m In[5], line {number}", "File {file}:{number}, in {function}(*args)")(log)
    ),
    "rich": retold(rich),
    "loguru": retold(loguru_pretty),
    "exception group": retold(exception_group),
    "pytest": retold(pytest_short),
    # several at once
    "vllm in compose": before("worker-1  | {stamp} (EngineCore_0 pid=164) ERROR 03-04 05:06:{s:02d} [core.py:396] "),
    "colours in json-file": record(
        lambda i, line: {"log": f"\x1b[36m(Worker_TP0 pid=7)\x1b[0;0m {line}\n", "stream": "stderr", "time": stamp(i)}
    ),
    "quoted kubectl": before("> [pod/worker-0/vllm] {stamp} "),
}


def arrive(form, log):
    """The bytes of a log that arrives in this form."""
    out = FORMS[form](log)
    return out if isinstance(out, bytes) else out.encode()
