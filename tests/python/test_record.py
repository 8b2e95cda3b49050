"""Requests, loads and events of one's own: what a worker records is there afterwards, and the worker is what it was."""
import json

import pytest

from python_worker import hooks, worker  # noqa: F401


def test_a_request_is_two_events(worker):
    done = worker.run("""
        import firstfix
        with firstfix.request(id="42", model="mixtral") as req:
            req.tokens(input=17, output=240)
    """)
    assert (done.returncode, done.stderr) == (0, "")
    begin, = worker.events("firstfix.phase.begin")
    end, = worker.events("firstfix.phase.end")
    assert begin["firstfix.request.id"] == "42" and begin["firstfix.request.concurrent"] == 1
    assert begin["gen_ai.request.model"] == "mixtral"
    assert end["firstfix.phase.id"] == begin["firstfix.phase.id"]
    assert end["firstfix.outcome"] == "ok" and end["gen_ai.usage.output_tokens"] == 240
    assert 0 <= end["firstfix.duration_ms"] < 1000


def test_every_kind_of_function_stays_of_its_kind(worker):
    done = worker.run("""
        import asyncio, inspect, firstfix
        @firstfix.request
        def plain(a, *, b=2):
            "doc"
            return a + b
        @firstfix.request(model="m")
        async def coroutine(a): return a
        @firstfix.request
        def stream(n):
            got = yield 0
            yield got
            return "end"
        @firstfix.request
        async def async_stream(n):
            for i in range(n): yield i
        assert plain(1) == 3 and plain.__doc__ == "doc" and str(inspect.signature(plain)) == "(a, *, b=2)"
        assert inspect.iscoroutinefunction(coroutine) and inspect.isgeneratorfunction(stream)
        assert inspect.isasyncgenfunction(async_stream)
        s = stream(1)
        assert next(s) == 0 and s.send("x") == "x"
        try: next(s)
        except StopIteration as stop: assert stop.value == "end"
        async def main():
            assert await coroutine(5) == 5
            assert [i async for i in async_stream(3)] == [0, 1, 2]
            async with firstfix.request(): pass
        asyncio.run(main())
    """)
    assert (done.returncode, done.stderr) == (0, "")
    assert [e["firstfix.outcome"] for e in worker.events("firstfix.phase.end")] == ["ok"] * 5


def test_concurrent_requests_are_counted(worker):
    done = worker.run("""
        import asyncio, firstfix
        shared = firstfix.request(model="m")
        async def one(i):
            async with shared as req:
                req.set(**{"app.number": i})
                await asyncio.sleep(0.01 * (3 - i))
        async def main(): await asyncio.gather(*(one(i) for i in range(3)))
        asyncio.run(main())
    """)
    assert (done.returncode, done.stderr) == (0, "")
    begins = worker.events("firstfix.phase.begin")
    assert [b["firstfix.request.concurrent"] for b in begins] == [1, 2, 3]
    ends = {e["app.number"]: e["firstfix.phase.id"] for e in worker.events("firstfix.phase.end")}
    assert [ends[i] for i in range(3)] == [b["firstfix.phase.id"] for b in begins]


def test_a_failed_request_is_shown_diagnosed_and_raised_untouched(worker):
    done = worker.run("""
        import firstfix
        error = OSError(28, "No space left on device")
        @firstfix.request
        def handler(job): raise error
        try: handler({})
        except OSError as caught:
            assert caught is error and caught.__context__ is None
            frames = []; tb = caught.__traceback__
            while tb: frames.append(tb.tb_frame.f_code.co_name); tb = tb.tb_next
            assert frames[0] == "<module>" and frames[-1] == "handler", frames
        else: raise SystemExit(3)
    """)
    assert done.returncode == 0, done.stderr
    assert "REQUEST FAILED  2" in done.stderr and "Error Type: OSError" in done.stderr
    assert "disk" in done.stderr.lower()
    row, = worker.events("exception")
    assert row["exception.type"] == "OSError" and "in handler" in row["exception.stacktrace"]


def test_the_same_failure_is_shown_once_but_always_recorded(worker):
    done = worker.run("""
        import firstfix
        @firstfix.request
        def handler(job): raise ValueError(job)
        for i in range(20):
            try: handler(i)
            except ValueError: pass
    """)
    assert done.stderr.count("REQUEST FAILED") == 1
    assert len(worker.events("exception")) == 20


def test_inputs_are_recorded_only_when_asked_for_and_masked(worker):
    script = """
        import firstfix
        @firstfix.request{}
        def handler(prompt): pass
        handler("my secret plan hf_abcdefghijklmnopqrstuvwxyz0123456789" + "x" * 9999)
    """
    worker.run(script.format(""))
    assert "secret plan" not in json.dumps(worker.events())
    worker.run(script.format("(capture_inputs=True)"))
    text = worker.events("firstfix.phase.end")[-1]["firstfix.request.input"]
    assert "secret plan" in text and "hf_abc" not in text and len(text) < 2200


def test_model_load_prints_the_blocks_of_the_seed(worker):
    done = worker.run("""
        import firstfix
        with firstfix.model_load("acme/model"): pass
        try:
            with firstfix.model_load("acme/other"):
                with firstfix.model_load("inner"): raise RuntimeError("CUDA Setup failed despite GPU being available.")
        except RuntimeError: pass
    """, HF_TOKEN="hf_verysecrettokenverysecret")
    assert done.returncode == 0
    assert "MODEL INITIALIZATION: acme/model" in done.stderr and "MODEL LOADING SUMMARY" in done.stderr
    assert "MODEL INITIALIZATION: inner" not in done.stderr and done.stderr.count("MODEL INITIALIZATION FAILED") == 1
    assert "hf_very" not in done.stderr and "set by HF_TOKEN (28 characters)" in done.stderr
    assert [e["firstfix.outcome"] for e in worker.events("firstfix.phase.end")] == ["ok", "error"]


@pytest.mark.parametrize("mode", ["json", "off"])
def test_log_modes(worker, mode):
    done = worker.run("""
        import firstfix
        with firstfix.model_load("acme/model"): pass
        try:
            with firstfix.request(): raise ValueError("naïve \\udcff")
        except ValueError: pass
    """, FIRSTFIX_LOG=mode)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    names = [line["event.name"] for line in lines]
    expected = ["firstfix.model.load.begin", "firstfix.model.load.end", "exception", "firstfix.diagnosis"]
    assert names == ([] if mode == "off" else expected)
    assert len(worker.events("exception")) == 1


def test_the_start_up_report_when_asked_for(worker):
    done = worker.run(
        "import os; os.environ['HF_HOME'] = '/set/here'; import firstfix; print(firstfix.install(report=True))"
    )
    assert (done.returncode, done.stdout) == (0, "True\n")
    for said in ("FIRSTFIX REPORT", "System & Container Info", "Python version", "HF_HOME: /set/here"):
        assert said in done.stderr, done.stderr
    done = worker.run("import firstfix; firstfix.install(report=True)", FIRSTFIX_LOG="json")
    assert json.loads(done.stderr)["firstfix.report"]["trigger"] == "startup"
    for quiet in ({"FIRSTFIX_LOG": "off"}, {"FIRSTFIX_RUN_ID": "r1"}):
        assert worker.run("import firstfix; firstfix.install(report=True)", **quiet).stderr == ""
    assert (
        "no start-up report"
        in worker.run("import firstfix; firstfix.install(report=True)", FIRSTFIX_PROGRAM="/nowhere", PATH="").stderr
    )


def test_documents_and_own_events(worker):
    done = worker.run("""
        import firstfix
        firstfix.event("dequeue", depth=12, odd=object())
        facts = firstfix.report(only="os")
        assert facts["schema"] == "firstfix.facts/1" and facts["system"]["os"]["id"], facts
        said = firstfix.explain("OSError: [Errno 28] No space left on device")
        assert said["schema"] == "firstfix.diagnosis/1" and said["diagnoses"][0]["cause"] == "disk.full", dict(said)
        try: open("/nowhere/at/all")
        except OSError as exc: assert firstfix.explain(exc)["schema"] == "firstfix.diagnosis/1"
        rows = [row for row in firstfix.events() if row["event.name"] == "firstfix.custom" and "app.odd" in row]
        assert rows[0]["app.depth"] == 12 and "object object" in rows[0]["app.odd"]
        assert str(facts) == facts.text and dict(facts)
    """)
    assert (done.returncode, done.stderr) == (0, "")


def test_growth_is_called_before_it_kills(worker):
    done = worker.run("""
        from firstfix import _request
        used = 1 << 30
        for i in range(40):
            used += 14 << 20
            _request.watch_growth("GPU memory", used, lambda: 520 << 20)
        for i in range(64):
            _request.watch_growth("steady", (1 << 30) + (i % 2) * (64 << 20), lambda: None)
    """)
    assert done.stderr.splitlines() == ["firstfix: GPU memory grows by 14.0 MB a request, about 37 requests left"]


def test_logging_and_structlog_go_to_the_lane(worker):
    done = worker.run("""
        import io, json, logging, firstfix
        from firstfix import logs
        out = io.StringIO(); stream = logging.StreamHandler(out); stream.setFormatter(logs.JsonFormatter())
        logging.basicConfig(handlers=[logs.Handler(), stream], level=logging.INFO)
        with firstfix.request(id="r1"):
            logging.getLogger("acme").warning("disk %d%% full, key hf_abcdefghijklmnopqrstuvwxyz0123456789", 93)
            event = logs.structlog_processor(None, "error", {"event": "boom", "depth": 3})
        line = json.loads(out.getvalue())
        assert line["firstfix.request.id"] == "r1" and line["severity_text"] == "WARN" and "hf_abc" not in line["body"]
        assert event["firstfix.request.id"] == "r1"
    """)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = worker.events("log")
    assert (
        first["body"].startswith("disk 93% full")
        and first["log.logger"] == "acme"
        and first["firstfix.request.id"] == "r1"
    )
    assert second["body"] == "boom" and second["severity_text"] == "ERROR" and second["app.depth"] == 3
