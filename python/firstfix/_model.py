"""What a loaded model is made of: parameters by dtype and quantization, and where its layers went.

Only attributes that PyTorch modules have are read, each with a way out: a model that is none of that has no summary.
"""
from __future__ import annotations

import sys
from typing import Any, Iterator, NamedTuple, Optional


class Summary(NamedTuple):
    """In words and in numbers."""

    parameters: int
    bytes: int
    kinds: str          # "7.2 B bfloat16, 1.1 B 4-bit nf4"
    quantization: str   # "" when none is known
    devices: str  # "all layers on cuda:0"
    away: str  # "on the GPU" or "in memory": where the others are while some layers are not; "" when none is away
    sample: str         # two entries of the device map


def modules(thing: Any) -> list[Any]:
    """The PyTorch modules behind what a load returned: a model, a pipeline with .model or with .components."""
    torch = sys.modules.get("torch")
    module = getattr(getattr(torch, "nn", None), "Module", None)
    if module is None:
        return []
    found = [thing, getattr(thing, "model", None)]
    components = getattr(thing, "components", None)
    if isinstance(components, dict):
        found += list(components.values())
    kept: list[Any] = []
    for each in found:
        if isinstance(each, module) and not any(each is other for other in kept):
            kept.append(each)
    return kept[:1] if isinstance(thing, module) else kept


def count(n: float) -> str:
    """46.7 B, 110.1 M, 512."""
    for scale, unit in ((1e9, " B"), (1e6, " M"), (1e3, " k")):
        if n >= scale:
            return f"{n / scale:.1f}{unit}"
    return str(int(n))


def _kind(parameter: Any) -> tuple[str, int]:
    """dtype in words and how many numbers it stands for; bitsandbytes packs two 4-bit numbers into a byte."""
    name = type(parameter).__name__
    if name == "Params4bit":
        state = getattr(parameter, "quant_state", None)
        shape = getattr(state, "shape", None)
        packed = parameter.numel() * 2
        logical = 1
        for side in shape or ():
            logical *= int(side)
        return f"4-bit {getattr(parameter, 'quant_type', '')}".strip(), logical if shape else packed
    if name == "Int8Params":
        return "8-bit", int(parameter.numel())
    return str(parameter.dtype).replace("torch.", ""), int(parameter.numel())


def _tensors(parts: list[Any]) -> Iterator[tuple[str, Any]]:
    seen: dict[int, Any] = {}  # keeps each tensor alive: the id of one that is gone may be given to the next
    for part in parts:
        for name, parameter in part.named_parameters():
            if id(parameter) not in seen:
                seen[id(parameter)] = parameter
                yield name, parameter


def _device_name(device: Any) -> str:
    text = str(device)
    return f"cuda:{text}" if text.isdigit() else text


def _places(parts: list[Any], by_tensor: dict[str, list[str]]) -> dict[str, list[str]]:
    """Device -> modules: the device map where a loader left one, otherwise where the tensors lie."""
    for part in parts:
        mapped = getattr(part, "hf_device_map", None)
        if isinstance(mapped, dict) and mapped:
            places: dict[str, list[str]] = {}
            for name, device in mapped.items():
                places.setdefault(_device_name(device), []).append(str(name) or "everything")
            return places
    return by_tensor


def _devices(places: dict[str, list[str]]) -> tuple[str, str]:
    """Where the layers are, in words, and what those that are slower to reach miss."""
    if len(places) == 1:
        return f"all layers on {next(iter(places))}", ""
    near = [d for d in places if d not in ("cpu", "disk", "meta")]
    where = "on the GPU" if near else "in memory"
    near = near or ["cpu"]
    parts = []
    for device, names in places.items():
        away = device not in near
        which = (
            f" ({names[0]} … {names[-1]})" if away and len(names) > 1 else f" ({names[0]})" if away and names else ""
        )
        parts.append(f"{len(names)} on {device}{which}")
    return ", ".join(parts), where if len(near) < len(places) else ""


def _quantization(parts: list[Any], kinds: dict[str, int]) -> str:
    for part in parts:
        config = getattr(getattr(part, "config", None), "quantization_config", None)
        method = config.get("quant_method") if isinstance(config, dict) else getattr(config, "quant_method", None)
        if method is not None:
            known = next((kind for kind in kinds if "-bit" in kind), "")
            return f"{getattr(method, 'value', method)} {known}".strip()
    return next((kind for kind in kinds if "-bit" in kind), "")


def summary(thing: Any) -> Optional[Summary]:
    """What `thing` is made of; None when it holds no PyTorch module that we can see and is no Llama of llama.cpp."""
    llama = getattr(sys.modules.get("llama_cpp"), "Llama", None)
    if llama is not None and isinstance(thing, llama):
        from firstfix.integrations import llama_cpp

        return llama_cpp.summary(thing)
    parts = modules(thing)
    if not parts:
        return None
    kinds: dict[str, int] = {}
    by_tensor: dict[str, list[str]] = {}
    total = held = 0
    for name, parameter in _tensors(parts):
        kind, n = _kind(parameter)
        kinds[kind] = kinds.get(kind, 0) + n
        total += n
        held += int(parameter.numel()) * int(parameter.element_size())
        by_tensor.setdefault(_device_name(parameter.device), []).append(name)
    if not total:
        return None
    places = _places(parts, by_tensor)
    words, away = _devices(places)
    pairs = [(name, device) for device, names in places.items() for name in names[:1]][:2]
    listed = ", ".join(f"{count(n)} {kind}" for kind, n in sorted(kinds.items(), key=lambda row: -row[1])[:4])
    return Summary(total, held, listed, _quantization(parts, kinds), words, away, str(dict(pairs)))
