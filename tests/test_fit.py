"""firstfix fit: does a model fit, how far does it go, and does the change that it names make it fit."""

import http.server
import json
import pathlib
import re
import subprocess
import threading
import urllib.parse

import pytest

import model_files
from model_files import LLAMA_8B

GB = 1 << 30
HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return model_files.model(tmp_path_factory.mktemp("models") / "llama", LLAMA_8B, shards=4)


@pytest.fixture
def pretend(build, tmp_path):
    """The environment of a machine whose driver is a stand-in with one GPU of so much memory."""

    def scenario(memory, used):
        doc = json.loads((HERE / "fake/scenarios/rtx5090.json").read_text())
        doc["gpus"][0]["memory"] = {"total": memory, "used": used, "reserved": GB // 2}
        (tmp_path / "gpus.json").write_text(json.dumps(doc))
        return {"FIRSTFIX_NVML": str(build / "tests/fake/libnvidia-ml-now.so"), "FIRSTFIX_CUDA": "",
                "FIRSTFIX_FAKE": str(tmp_path / "gpus.json")}

    return scenario


@pytest.fixture
def fit(firstfix, tmp_path):
    def ask(*words, code=None, **env):
        env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", **env}
        done = subprocess.run(
            [firstfix, "fit", *map(str, words), "--json"], capture_output=True, text=True, env=env, timeout=60
        )
        assert done.returncode == code if code is not None else done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout) if done.returncode < 2 else done.stderr

    return ask


def again(fit, model, change, gpu):
    """The change, asked as a question: it must fit then."""
    words = []
    for option, flag in (("--context", "max-model-len"), ("--tp", "tensor-parallel-size"), ("--batch", "max-num-seqs"),
                         ("--utilization", "gpu-memory-utilization")):
        if m := re.search(rf"--{flag} (\S+)", change["flags"]):
            words += [option, m[1]]
    if "--quantization fp8" in change["flags"]:
        words += ["--quantization", "fp8"]
    if "--quantization bitsandbytes" in change["flags"]:
        words += ["--quantization", "4bit"]
    return fit(model, "--gpu", gpu, *words)


def test_weights_are_the_headers(fit, llama):
    doc = fit(llama, "--gpu", "h100", code=0)
    assert doc["schema"] == "firstfix.fit/1" and doc["fits"]
    assert doc["model"]["parameters"] == 8_030_261_248 and doc["memory"]["weights"] == 2 * 8_030_261_248
    assert doc["memory"]["cache"] == 8192 * 131072
    assert doc["model"]["files"] == 4 and doc["model"]["from"] == "folder"
    assert doc["command"] == f"vllm serve {llama} --max-model-len 8192"
    assert 350_000 < doc["largest"]["context"] < 450_000


@pytest.mark.parametrize("gpu,context", [("rtx4090", "128k"), ("t4", "4k"), ("l4", "64k"), ("12GiB", "8k")])
def test_each_change_makes_it_fit(fit, llama, gpu, context):
    doc = fit(llama, "--gpu", gpu, "--context", context, code=1)
    assert doc["changes"]
    for change in doc["changes"]:
        assert change["memory"]["total"] <= change["memory"]["room"]
        if "kv-cache-dtype" not in change["flags"] and "cpu-offload" not in change["flags"]:
            assert again(fit, llama, change, gpu)["fits"], change


def test_the_longest_context_fits_and_one_more_does_not(fit, llama):
    longest = fit(llama, "--gpu", "a10g")["largest"]["context"]
    assert fit(llama, "--gpu", "a10g", "--context", longest)["fits"]
    assert not fit(llama, "--gpu", "a10g", "--context", longest + 16)["fits"]


def test_old_gpus_get_no_bfloat16(fit, llama):
    assert "--dtype half" in fit(llama, "--gpu", "V100-SXM2-32GB", code=0)["command"]
    assert "--dtype" not in fit(llama, "--gpu", "a100", code=0)["command"]


def test_weights_that_are_small_are_not_made_smaller(fit, tmp_path):
    config = dict(LLAMA_8B, quantization_config={"quant_method": "fp8"})
    model = model_files.model(tmp_path / "m", config, dtype="F8_E4M3")
    doc = fit(model, "--gpu", "rtx3060", code=1)
    assert not any("quantization" in change["flags"] for change in doc["changes"])


@pytest.mark.parametrize(
    "more,tokens",
    [
        ({"sliding_window": 1024, "sliding_window_pattern": 4}, 8 * 65536 + 24 * 1024),
        ({"sliding_window": 1024, "use_sliding_window": False}, 32 * 65536),
        ({"layer_types": ["sliding_attention", "full_attention"] * 16, "sliding_window": 512}, 16 * 65536 + 16 * 512),
        ({"attn_layer_period": 8, "attn_layer_offset": 4, "mamba_d_state": 16}, 4 * 65536),
        ({"hybrid_override_pattern": "M-M*" * 8, "ssm_state_size": 128}, 8 * 65536),
        ({"layer_types": ["linear_attention"] * 3 + ["full_attention"], "linear_num_value_heads": 32,
          "linear_value_head_dim": 128, "linear_key_head_dim": 128, "linear_num_key_heads": 16}, 8 * 65536),
    ],
)
def test_layers_keep_what_their_kind_keeps(fit, tmp_path, more, tokens):
    model = model_files.model(tmp_path / "m", dict(LLAMA_8B, **more))
    doc = fit(model, "--gpu", "h100", "--context", "64k")
    assert doc["memory"]["cache"] == tokens * 4096
    hybrid = "linear" in str(more) or "mamba" in str(more) or "hybrid" in str(more)
    assert (doc["memory"]["state"] > 0) == hybrid


def test_compressed_keys(fit, tmp_path):
    more = {"kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128}
    model = model_files.model(tmp_path / "m", dict(LLAMA_8B, **more))
    assert fit(model, "--gpu", "h100")["memory"]["cache"] == 8192 * 32 * 576 * 2
    plain = fit(model, "--gpu", "h100", "--engine", "transformers")
    assert plain["memory"]["cache"] == 8192 * 32 * (32 * (192 + 128)) * 2


def test_what_nobody_can_count_is_said(fit, firstfix, tmp_path):
    """A part that sees: its weights are in the files, what it works on is not; also where all the rest fits."""
    sees = dict(LLAMA_8B, model_type="some_vl", vision_config={"depth": 32, "hidden_size": 1280})
    model = model_files.model(tmp_path / "m", sees)
    [said] = fit(model, "--gpu", "h100", code=0)["not_counted"]
    assert "sees" in said
    words = [firstfix, "fit", model, "--gpu", "h100", "--offline"]
    shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "IT FITS" in shown.upper() and "NOT COUNTED" in shown.upper()
    blind = model_files.model(tmp_path / "b", dict(LLAMA_8B, vision_config=None))
    assert fit(blind, "--gpu", "h100", code=0)["not_counted"] == []


def test_gguf(fit, tmp_path):
    path = tmp_path / "m-Q4_K_M.gguf"
    block = [("token_embd.weight", [4096, 128256], 12, 295_501_824), ("output.weight", [4096, 128256], 14, 430_940_160)]
    block += [(f"blk.{i}.ffn.weight", [4096, 4096], 12, 9_437_184) for i in range(32)]
    numbers = {"block_count": 32, "embedding_length": 4096, "attention.head_count": 32, "attention.head_count_kv": 8,
               "feed_forward_length": 14336, "context_length": 8192}
    model_files.gguf(path, "llama", numbers, 128256, named=block)
    doc = fit(path, "--gpu", "rtx3060", code=0)
    assert doc["engine"] == "llama.cpp" and doc["command"] == f"llama-server -m {path} -c 8192 -ngl 999"
    assert doc["memory"]["weights"] == 430_940_160 + 32 * 9_437_184  # the input's table stays outside
    assert doc["memory"]["cache"] == 1 << 30
    assert "no GGUF" in fit(path, "--gpu", "t4", "--engine", "vllm", code=2)
    lists = {"attention.head_count_kv": [0, 0, 0, 8] * 8}
    del numbers["attention.head_count_kv"]
    model_files.gguf(
        path, "jamba", dict(numbers, **{"ssm.inner_size": 8192, "ssm.state_size": 16}), 128256, lists, block
    )
    hybrid = fit(path, "--gpu", "rtx3060")
    assert hybrid["memory"]["cache"] == (1 << 30) // 4 and hybrid["memory"]["state"] > 0


def test_several_gguf_files_are_not_one_model(fit, tmp_path):
    for name in ("m-Q4_K_M.gguf", "m-Q8_0.gguf"):
        model_files.gguf(tmp_path / name, "llama", {"block_count": 2}, named=[("a", [32], 0, 128)])
    assert "name one, as m-Q4_K_M.gguf or m-Q8_0.gguf" in fit(tmp_path, "--gpu", "t4", code=2)


# ---- the machine's own GPU ----


def test_what_others_hold_is_not_there(fit, llama, tmp_path, pretend):
    held = fit(llama, "--engine", "transformers", **pretend(memory=24 * GB, used=20 * GB))
    assert not held["fits"] and held["gpu"]["held"] >= 19 * GB
    assert any("Other processes hold" in text for text in held["assumed"])
    assert fit(llama, "--engine", "transformers", **pretend(memory=24 * GB, used=0))["fits"]


def test_without_a_gpu_one_must_be_named(fit, llama):
    assert "--gpu h100" in fit(llama, code=2, FIRSTFIX_NVML="", FIRSTFIX_CUDA="")


# ---- the hub ----


class Hub(http.server.BaseHTTPRequestHandler):
    """The hub's API and files, from a folder; what was asked is kept."""

    def do_GET(self):
        path = urllib.parse.urlparse(self.path).path
        self.server.asked.append((path, self.headers.get("Authorization")))
        files = {f.name: f for f in self.server.folder.iterdir()}
        if self.server.files_at and path.endswith(".safetensors"):
            self.send_response(302)
            self.send_header("Location", self.server.files_at + self.path)
            return self.end_headers()
        if path == "/api/models/acme/llama":
            body = json.dumps({"siblings": [{"rfilename": n} for n in sorted(files)]}).encode()
        elif path.startswith("/acme/llama/resolve/main/") and path.rsplit("/", 1)[1] in files:
            return self.send_part(files[path.rsplit("/", 1)[1]])
        else:
            return self.send_error(401 if "gated" in path else 404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_part(self, file):
        size = file.stat().st_size
        first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"]).groups())
        last = min(last, size - 1)
        self.server.sent += last - first + 1
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        with file.open("rb") as f:
            f.seek(first)
            self.wfile.write(f.read(last - first + 1))

    def log_message(self, *words):
        pass


@pytest.fixture
def hubs(llama):
    """The hub, and a store of files elsewhere to which it may send."""
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) for _ in range(2)]
    for server in servers:
        server.folder, server.asked, server.sent, server.files_at = llama, [], 0, None
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield servers
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def hub(hubs):
    return hubs[0]


def test_the_token_goes_to_the_hub_alone(fit, hubs):
    hub, store = hubs
    hub.files_at = f"http://127.0.0.1:{store.server_address[1]}"
    env = {"HF_ENDPOINT": f"http://127.0.0.1:{hub.server_address[1]}", "HF_HUB_OFFLINE": "0", "HF_TOKEN": "b" * 34}
    assert fit("acme/llama", "--gpu", "h100", code=0, **env)["model"]["files"] == 4
    assert len(store.asked) >= 4 and {word for _, word in store.asked} == {None}
    assert all(word for _, word in hub.asked)


def test_a_model_of_the_hub_by_its_headers(fit, hub, llama):
    env = {
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_address[1]}",
        "HF_HUB_OFFLINE": "0",
        "HF_TOKEN": "hf_" + "a" * 34,
    }
    doc = fit("acme/llama", "--gpu", "h100", code=0, **env)
    assert doc["model"]["from"] == "hub" and doc["memory"] == fit(llama, "--gpu", "h100")["memory"]
    assert hub.sent < 4 << 20, "16 GB of weights, and headers alone were asked for"
    assert {word for _, word in hub.asked} == {"Bearer hf_" + "a" * 34}
    assert "hf_aaa" not in json.dumps(doc)
    assert "token" in fit("acme/gated", "--gpu", "h100", code=2, **env)
    assert "404" in fit("acme/gone", "--gpu", "h100", code=2, **env)
    hub.asked.clear()
    assert "HF_HUB_OFFLINE" in fit("acme/llama", "--gpu", "h100", code=2, **{**env, "HF_HUB_OFFLINE": "1"})
    assert "no file or folder" not in fit("acme/llama", "--gpu", "h100", "--offline", code=2, **env) and not hub.asked


def test_what_the_cache_has_is_not_asked_for(fit, llama, tmp_path):
    snapshots = tmp_path / "hub/models--acme--llama/snapshots"
    snapshots.mkdir(parents=True)
    (snapshots / "0123").symlink_to(llama)
    doc = fit("acme/llama", "--gpu", "h100", code=0, HF_HOME=str(tmp_path))
    assert doc["model"]["from"] == "cache"


# ---- what is wrong is said ----


@pytest.mark.parametrize(
    "words,says",
    [
        (["--gpu", "zork"], "--gpu 24GiB"),
        (["--gpu", "t4", "--context", "many"], "--context many"),
        (["--gpu", "t4", "--utilization", "2"], "--utilization 2"),
        (["--gpu", "t4", "--tp", "3"], "32 heads"),
        (["--gpu", "t4", "--engine", "zork"], "one of vllm"),
        (["--gpu", "t4", "--quantization", "fp8"], "compute capability 7.5"),
        (["--gpu", "h100", "--quantization", "zork"], "one of fp8, 4bit"),
    ],
)
def test_questions_without_sense(fit, llama, words, says):
    assert says in fit(llama, *words, code=2)


@pytest.mark.parametrize(
    "config", ["[]", "{}", "{", '{"num_hidden_layers": 1e999}', '{"num_hidden_layers": 99999999999}']
)
def test_configs_that_lie(fit, tmp_path, config):
    model = model_files.model(tmp_path / "m", dict(LLAMA_8B, num_hidden_layers=1))
    (model / "config.json").write_text(config)
    assert re.search(r"config\.json|do not say enough", fit(model, "--gpu", "t4", code=2))


def test_files_that_lie(fit, tmp_path):
    model = model_files.model(tmp_path / "m", dict(LLAMA_8B, num_hidden_layers=1))
    for head in (b"", b"\xff" * 64, b"version https://git-lfs.github.com/spec/v1\n", b"\x10" + b"\0" * 7 + b"{}"):
        (model / "model.safetensors").write_bytes(head)
        assert "model.safetensors" in fit(model, "--gpu", "t4", code=2)
    assert "no weights" in fit(model / "..", "--gpu", "t4", code=2)
