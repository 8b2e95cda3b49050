"""Models as files, of any size: the headers are real, the weights behind them are holes."""

import json
import struct

LLAMA_8B = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16", "num_hidden_layers": 32,
    "hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8,
    "vocab_size": 128256, "max_position_embeddings": 131072,
}
SIZES = {"BF16": 2, "F16": 2, "F32": 4, "F8_E4M3": 1, "I32": 4}


def tensors(config, dtype="BF16"):
    """{name: (dtype, shape)} of a dense transformer of this config."""
    hidden, wide, words = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    head = config.get("head_dim", hidden // config["num_attention_heads"])
    query, keys = head * config["num_attention_heads"], head * config["num_key_value_heads"]
    out = {"model.embed_tokens.weight": ("BF16", [words, hidden]), "model.norm.weight": ("BF16", [hidden])}
    if not config.get("tie_word_embeddings"):
        out["lm_head.weight"] = ("BF16", [words, hidden])
    for i in range(config["num_hidden_layers"]):
        for name, shape in (
            ("self_attn.q_proj", [query, hidden]), ("self_attn.k_proj", [keys, hidden]),
            ("self_attn.v_proj", [keys, hidden]), ("self_attn.o_proj", [hidden, query]),
            ("mlp.gate_proj", [wide, hidden]), ("mlp.up_proj", [wide, hidden]), ("mlp.down_proj", [hidden, wide]),
        ):
            out[f"model.layers.{i}.{name}.weight"] = (dtype, shape)
        for name in ("input_layernorm", "post_attention_layernorm"):
            out[f"model.layers.{i}.{name}.weight"] = ("BF16", [hidden])
    return out


def safetensors(path, named):
    header, at = {}, 0
    for name, (dtype, shape) in named.items():
        size = SIZES[dtype]
        for n in shape:
            size *= n
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + at)


def model(folder, config, dtype="BF16", shards=1):
    """A folder as the hub has it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    named = list(tensors(config, dtype).items())
    for i in range(shards):
        name = f"model-{i + 1:05}-of-{shards:05}.safetensors" if shards > 1 else "model.safetensors"
        safetensors(folder / name, dict(named[i::shards]))
    return folder


def _string(text):
    return struct.pack("<Q", len(text)) + text.encode()


def gguf(path, arch, numbers, words=0, lists=None, named=()):
    """A GGUF file of version 3. numbers: {key below the architecture: u32}; lists: {key: [u32]}; named: (name, dims,
    type, bytes).
    """
    keys = [_string("general.architecture") + struct.pack("<I", 8) + _string(arch)]
    keys += [_string(f"{arch}.{k}") + struct.pack("<II", 4, v) for k, v in numbers.items()]
    for k, values in (lists or {}).items():
        items = struct.pack(f"<{len(values)}I", *values)
        keys.append(_string(f"{arch}.{k}") + struct.pack("<IIQ", 9, 4, len(values)) + items)
    if words:
        keys.append(_string("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, words) + _string("w") * words)
    infos, at = [], 0
    for name, dims, kind, size in named:
        infos.append(_string(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, at))
        at += (size + 31) // 32 * 32
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(infos), len(keys)) + b"".join(keys) + b"".join(infos)
    with path.open("wb") as file:
        file.write(head)
        file.truncate((len(head) + 31) // 32 * 32 + at)
