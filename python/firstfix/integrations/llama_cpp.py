"""llama-cpp-python: what a Llama is made of, and why llama.cpp refused a file.

The exception says no more than "Failed to load model from file"; the reason goes to llama.cpp's log, which the package
prints through a C callback. Ours stands in front of it and calls it.
"""
from __future__ import annotations

import sys
from typing import Any, Optional

from firstfix import _load
from firstfix._model import Summary, count
from firstfix._table import Row

FLOATS = {"F32", "F16", "BF16"}


def wrap_log(original: Any, row: Row) -> Any:
    """llama_log_callback(level, text, user_data), as the package has given it to llama.cpp; ours is given in its place.
    """
    def log(level: int, text: bytes, user_data: Any) -> None:
        try:
            _load.library_log.append(text.decode("utf-8", "replace"))
        except Exception:
            pass
        original(level, text, user_data)
    ours = type(original)(log)
    sys.modules["llama_cpp"].llama_log_set(ours, None)
    return ours


def summary(llama: Any) -> Optional[Summary]:
    """llama.cpp counts its own tensors: "llama 8B Q4_K - Medium"; which layers are on a GPU follows from what was asked
    for.
    """
    model = llama._model
    parameters, held = int(model.n_params()), int(model.size())
    kind = " ".join(model.desc().split(" ")[2:])
    quantization = "" if FLOATS & set(kind.split()) else kind
    blocks = llama.metadata.get(f"{llama.metadata.get('general.architecture')}.block_count", "")
    layers = int(blocks) + 1 if blocks.isdigit() else 0  # and the output layer
    offload = sys.modules["llama_cpp"].llama_supports_gpu_offload()
    near = min(max(int(llama.model_params.n_gpu_layers), 0), layers) if offload else 0
    places = {device: n for device, n in (("the GPU", near), ("cpu", layers - near)) if n}
    words = ", ".join(f"{n} on {device}" for device, n in places.items())
    if len(places) == 1:
        words = f"all layers on {next(iter(places))}"
    away = "on the GPU" if len(places) > 1 else ""
    return Summary(parameters, held, f"{count(parameters)} {kind}", quantization, words, away, str(places))
