"""The package with the real libraries of 2024 on CPU: torch, transformers, accelerate, peft, FastAPI, Flask, aiohttp,
runpod, structlog. Today's versions, and the libraries that only load: test_python_loaders.py.

Models are made from a config with random weights; they load, generate and fail in the ways that doc/PYTHON.md names.
"""
import json
import subprocess
import sys

import pytest

from python_libraries import ROOT, broken, diagnoses, ends, hooks, libraries, models, real, worker  # noqa: F401


def test_load_and_generate(real, models):
    done = real.run(f"""
        import sys, torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline
        model = AutoModelForCausalLM.from_pretrained({str(models / "llama")!r}, torch_dtype=torch.float16)
        assert model.generate(torch.tensor([[2, 3]]), max_new_tokens=3, do_sample=False).shape == (1, 5)
        made, info = AutoModelForCausalLM.from_pretrained({str(models / "llama")!r}, output_loading_info=True)
        assert not info["missing_keys"]
        classify = pipeline("text-classification", model={str(models / "bert")!r})
        assert classify("hello world")[0]["label"].startswith("LABEL_")
    """)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("MODEL LOADING SUMMARY") == 3 and "All layers on cpu" in done.stderr
    first, second, _ = ends(real, "ok")
    assert first["firstfix.model.parameters"] == second["firstfix.model.parameters"] > 10000
    assert first["firstfix.model.bytes"] == 2 * first["firstfix.model.parameters"]
    assert first["firstfix.model.from"] == "a local folder" and first["firstfix.model.devices"] == "all layers on cpu"


def test_hooks_change_no_result_and_no_signature(real, models):
    script = f"""
        import inspect, torch, transformers, accelerate, peft
        from transformers import AutoModelForCausalLM, PreTrainedModel, pipeline
        from accelerate import load_checkpoint_and_dispatch, init_empty_weights
        for f in (AutoModelForCausalLM.from_pretrained, PreTrainedModel.from_pretrained, pipeline,
            load_checkpoint_and_dispatch,
                  peft.PeftModel.from_pretrained, accelerate.big_modeling.load_checkpoint_and_dispatch):
            print(f.__qualname__, f.__module__, inspect.signature(f), inspect.ismethod(f))
        model = AutoModelForCausalLM.from_pretrained({str(models / "llama")!r})
        print(type(model), sum(float(p.double().sum()) for p in model.parameters()),
            model.hf_device_map if hasattr(model, "hf_device_map") else None)
        print(inspect.getsource(PreTrainedModel.from_pretrained)[:200])
    """
    with_us = real.run(script)
    without = real.run(script, FIRSTFIX_DISABLE="all")
    assert with_us.returncode == without.returncode == 0, with_us.stderr
    assert with_us.stdout == without.stdout and "MODEL" in with_us.stderr and "MODEL" not in without.stderr


def test_adapter_and_dispatch(real, models, tmp_path):
    done = real.run(f"""
        import torch
        from accelerate import init_empty_weights, load_checkpoint_and_dispatch
        from peft import LoraConfig, PeftModel, get_peft_model
        from transformers import AutoConfig, AutoModelForCausalLM
        base = AutoModelForCausalLM.from_pretrained({str(models / "llama")!r})
        get_peft_model(base, LoraConfig(target_modules=["q_proj"])).save_pretrained({str(tmp_path / "lora")!r})
        PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained({str(models / "llama")!r}),
            {str(tmp_path / "lora")!r})
        with init_empty_weights(): empty = AutoModelForCausalLM.from_config(
            AutoConfig.from_pretrained({str(models / "llama")!r}))
        load_checkpoint_and_dispatch(empty, {str(models / "llama")!r}, device_map={{"": "cpu"}})
    """)
    assert done.returncode == 0, done.stderr
    names = [row["gen_ai.request.model"].rsplit("/", 1)[1] for row in ends(real, "ok")]
    assert names == ["llama", "llama", "lora", "llama"]


LOAD = "from transformers import AutoModelForCausalLM; AutoModelForCausalLM.from_pretrained({!r}, **{})"


def fail(real, folder, **options):
    done = real.run(LOAD.format(str(folder), options), FIRSTFIX_LOG="json")
    assert done.returncode == 1 and done.stderr.count('"event.name": "exception"') == 1, done.stderr
    assert len(ends(real, "error")) == 1 and len(real.events("exception")) == 1
    found = diagnoses(done)
    assert found, done.stderr
    return found, done.stderr


def test_truncated_safetensors(real, broken):
    shard = sorted(broken.glob("*.safetensors"))[0]
    shard.write_bytes(shard.read_bytes()[:-100])
    found, said = fail(real, broken)
    assert found[0]["cause"] == "hf.incomplete", said


def test_missing_shard(real, broken):
    sorted(broken.glob("*.safetensors"))[1].unlink()
    found, said = fail(real, broken)
    assert found[0]["cause"] == "hf.incomplete", said


def test_pointer_instead_of_weights(real, broken):
    for shard in broken.glob("*.safetensors"):
        shard.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    found, said = fail(real, broken)
    assert found[0]["cause"] == "hf.incomplete", said


def test_model_that_transformers_does_not_know(real, broken):
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(
        json.dumps({**config, "model_type": "llama9", "architectures": ["Llama9ForCausalLM"]})
    )
    found, said = fail(real, broken)
    assert found[0]["cause"] == "hf.model-too-new", said


def test_quantized_load_without_a_gpu(real, models):
    found, said = fail(real, models / "llama", load_in_4bit=True)
    assert found, said  # which cause: tests/rules; here, that the process' own facts reach the rules
    assert "GPU" in said or "CUDA" in said


def test_out_of_memory_by_a_limit(real, models):
    done = real.run(f"""
        import resource, torch
        from transformers import AutoConfig, AutoModelForCausalLM
        import firstfix
        used = int(open("/proc/self/statm").read().split()[0]) * 4096
        resource.setrlimit(resource.RLIMIT_AS, (used + (300 << 20), used + (300 << 20)))
        config = AutoConfig.from_pretrained({str(models / "llama")!r}, vocab_size=4_000_000)
        with firstfix.model_load("too big"):
            AutoModelForCausalLM.from_config(config)
    """, FIRSTFIX_LOG="json")
    assert done.returncode == 1
    assert len(real.events("exception")) == 1 and diagnoses(done)[0]["cause"] == "sys.rlimit-memory", done.stderr


def test_runpod_example(real, models):
    def run(job, **env):
        script = f"import runpy, sys; sys.argv = ['handler.py', '--test_input', {json.dumps(job)!r}]; " \
                 f"runpy.run_path({str(ROOT / 'examples/runpod/handler.py')!r}, run_name='__main__')"
        return real.run(script, MODEL=str(models / "llama"), **env)
    done = run({"id": "job-1", "input": {"text": "hello world"}})
    assert done.returncode == 0, done.stderr + done.stdout
    request, = [row for row in ends(real, "ok") if row["firstfix.phase"] == "request"]
    assert request["gen_ai.usage.input_tokens"] == 2 and request["gen_ai.usage.output_tokens"] == 16
    begin, = [row for row in real.events("firstfix.phase.begin") if row["firstfix.phase"] == "request"]
    assert begin["firstfix.request.id"] == "job-1"
    done = run({"id": "job-2", "input": {"text": 7}})
    assert "[RunPod] REQUEST FAILED" in done.stderr
    failed, = real.events("exception")
    assert failed["firstfix.request.id"] == "job-2" and "in handler" in failed["exception.stacktrace"]


def test_runpod_kinds_of_handlers(real):
    """runpod's local test mode runs no generators, so its job functions are called as its workers call them."""
    done = real.run("""
        import asyncio, inspect
        from runpod.serverless.modules.rp_handler import is_generator
        from runpod.serverless.modules.rp_job import run_job, run_job_generator
        from firstfix.integrations.runpod import handler as ours
        async def coroutine(job): return job["input"]
        def stream(job):
            yield 1
            yield 2
        async def async_stream(job):
            yield 1
            raise ValueError("late")
        async def main():
            job = {"id": "j", "input": {"a": 1}}
            assert await run_job(ours(coroutine), job) == {"output": {"a": 1}}
            for function in (stream, async_stream):
                assert is_generator(ours(function))
                plain, recorded = [[row async for row in run_job_generator(f, job)] for f in (function, ours(function))]
                assert len(plain) == len(recorded) == 2 and plain[0] == recorded[0] == {"output": 1}, recorded
            assert "late" in plain[1]["error"] and "late" in recorded[1]["error"]
        asyncio.run(main())
    """)
    assert done.returncode == 0, done.stderr
    assert [row["firstfix.outcome"] for row in real.events("firstfix.phase.end")] == ["ok", "ok", "error"]


def test_fastapi_example(real, models):
    done = real.run(f"""
        import sys; sys.path.insert(0, {str(ROOT / "examples/fastapi")!r})
        from fastapi.testclient import TestClient
        from app import app
        client = TestClient(app, raise_server_exceptions=False)
        assert client.post("/classify", json={{"text": "hello"}}, headers={{"x-request-id": "r-1"}}).json()["label"]
        assert client.post("/classify", json={{}}).status_code == 500
        assert client.get("/nowhere").status_code == 404
        assert client.get("/check").json()["schema"] == "firstfix.diagnosis/1"
    """, MODEL=str(models / "bert"))
    assert done.returncode == 0, done.stderr
    rows = [row for row in real.events("firstfix.phase.end") if row["firstfix.phase"] == "request"]
    assert [row.get("http.response.status_code") for row in rows] == [200, 500, 404, 200]
    assert [row["firstfix.outcome"] for row in rows] == ["ok", "error", "ok", "ok"]
    assert rows[0]["url.path"] == "/classify" and rows[1]["error.type"] == "KeyError"
    assert real.events("firstfix.phase.begin")[1]["firstfix.request.id"] == "r-1"
    assert [row["exception.type"] for row in real.events("exception")] == ["KeyError"]


def test_flask_and_aiohttp(real):
    done = real.run("""
        import asyncio
        from flask import Flask
        from firstfix.integrations import wsgi, aiohttp as ours
        app = Flask("x"); app.wsgi_app = wsgi.Middleware(app.wsgi_app)
        @app.get("/ok")
        def ok(): return (part for part in ["a", "b"])
        @app.get("/bad")
        def bad(): raise ValueError("x")
        client = app.test_client()
        response = client.get("/ok"); assert response.data == b"ab"; response.close()
        client.get("/bad").close()
        from aiohttp import web
        from aiohttp.test_utils import TestClient, TestServer
        async def good(request): return web.Response(text="hi")
        async def missing(request): raise web.HTTPNotFound()
        async def fails(request): raise KeyError("x")
        async def main():
            app = web.Application(middlewares=[ours.middleware])
            app.add_routes([web.get("/good", good), web.get("/missing", missing), web.get("/fails", fails)])
            async with TestClient(TestServer(app)) as client:
                for path, status in (("/good", 200), ("/missing", 404), ("/fails", 500)):
                    assert (await client.get(path)).status == status
        asyncio.run(main())
    """)
    assert done.returncode == 0, done.stderr
    rows = real.events("firstfix.phase.end")
    assert [(row["url.path"], row["firstfix.outcome"]) for row in rows] == [
        ("/ok", "ok"), ("/bad", "error"), ("/good", "ok"), ("/missing", "ok"), ("/fails", "error")]


def test_structlog(real):
    done = real.run("""
        import structlog, firstfix
        from firstfix import logs
        structlog.configure(processors=[structlog.processors.add_log_level, logs.structlog_processor,
            structlog.processors.JSONRenderer()])
        with firstfix.request(id="r1"): structlog.get_logger().warning("slow", seconds=3.5)
    """)
    assert json.loads(done.stdout) == {"event": "slow", "seconds": 3.5, "level": "warning", "firstfix.request.id": "r1"}
    row, = real.events("log")
    assert row["body"] == "slow" and row["app.seconds"] == 3.5 and row["severity_text"] == "WARN"
