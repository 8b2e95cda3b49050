"""Model loads: the state before, a summary after, and on failure the block with its diagnosis.

Loads nest (a pipeline calls AutoModel, which calls the model's class): the outermost one speaks.
"""
from __future__ import annotations

import functools
import os
import sys
import time
from collections import deque
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Callable, Optional

from firstfix import _children, _exceptions, _failure, _gpu, _imports, _model, _ring, _say
from firstfix._settings import settings
from firstfix._table import Row

NOT_SET = "not set"
LIBRARY_LINES = 30
_outermost: ContextVar[Optional["Load"]] = ContextVar("firstfix_load", default=None)
_downloads = [0, 0]  # files and bytes fetched from the hub by this process
library_log: deque[str] = deque(maxlen=500)  # pieces of what a library's native code printed since the load began


def version(name: str) -> str:
    """Of a package, imported or only installed; "" when it is neither."""
    module = sys.modules.get(name)
    said = getattr(module, "__version__", None)
    if isinstance(said, str):
        return said
    from importlib import metadata

    try:
        return metadata.version(name)
    except Exception:
        return ""


def _mark(good: bool) -> str:
    """Marks where stderr can show them."""
    encoding = (getattr(sys.stderr, "encoding", None) or "").lower().replace("-", "")
    if encoding.startswith("utf"):
        return "✅" if good else "⚠️ "
    return "ok:" if good else "warning:"


def _allocator() -> str:
    for name in ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"):
        if os.environ.get(name):
            return f"{name}={os.environ[name]}"
    return NOT_SET


def _token() -> str:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if os.environ.get(name):
            return f"set by {name} ({len(os.environ[name])} characters)"
    home = os.environ.get("HF_HOME") or os.path.join(os.path.expanduser("~"), ".cache", "huggingface")
    path = os.environ.get("HF_TOKEN_PATH") or os.path.join(home, "token")
    return "in a file" if os.path.exists(path) else NOT_SET


def _before() -> list[str]:
    """The state before a load, from what this process knows without touching the GPU."""
    torch = sys.modules.get("torch")
    lines = [f"PyTorch version: {version('torch') or 'not installed'}"]
    if torch is not None:
        lines.append(
            f"CUDA version (PyTorch): {getattr(getattr(torch, 'version', None), 'cuda', None) or 'none: a CPU build'}"
        )
    for r in _failure.guarded(_gpu.read) or ():
        lines += [f"GPU {r.gpu}: {r.name}", f"VRAM: {_say.size(r.total)}", f"Free memory: {_say.size(r.free)}",
                  f"Compute capability: {r.capability}"]
    if _gpu.torch_cuda() is None:
        lines += _failure.guarded(_gpu.seen_from_outside) or ()
        if torch is not None:
            lines.append("CUDA: not initialised yet in this process")
    bnb = version("bitsandbytes")
    if bnb:
        lines += [
            f"BitsAndBytes version: {bnb}",
            f"BNB_CUDA_VERSION env: {os.environ.get('BNB_CUDA_VERSION', NOT_SET)}",
        ]
    for name, shown in (("transformers", "Transformers"), ("accelerate", "Accelerate"), ("vllm", "vLLM")):
        if version(name):
            lines.append(f"{shown} version: {version(name)}")
    return lines + [f"PyTorch allocator settings: {_allocator()}", f"Hugging Face token: {_token()}"]


def _name(thing: Any) -> str:
    """How a person calls the model that was asked for."""
    if isinstance(thing, (str, os.PathLike)):
        return str(thing)[:300]
    for attribute in ("name_or_path", "model"):
        value = getattr(thing, attribute, None)
        if isinstance(value, str) and value:
            return value[:300]
    config = getattr(thing, "model_config", None)
    return _name(config) if config is not None else type(thing).__name__


class Load:
    """One load of a model, from `with` to its end. `result` is what was loaded, where that is known.

    `part` is what the first load inside of it gave: an engine (vLLM's LLM) does not show the model that it made.
    """

    def __init__(self, name: str, quiet: bool = False) -> None:
        """quiet: say nothing unless it fails, or holds a model."""
        self.name = name
        self.quiet = quiet
        self.result: Any = None
        self.part: Any = None
        self._outer = False

    def __enter__(self) -> "Load":
        """Begin: the state before."""
        self._outer = _outermost.get() is None
        if self._outer:
            self._token = _outermost.set(self)
            self._phase = _ring.next_id()
            self._began = time.perf_counter()
            self._fetched = list(_downloads)
            library_log.clear()
            _failure.guarded(self._begin)
        return self

    def _begin(self) -> None:
        _ring.event(_ring.PHASE_BEGIN, {"firstfix.phase": "model.load", "firstfix.phase.id": self._phase,
                                        "gen_ai.request.model": self.name})
        if not self.quiet:
            lines = _before()
            _say.say(
                "firstfix.model.load.begin",
                "\n".join(
                    [
                        _say.title(f"MODEL INITIALIZATION: {self.name}"),
                        _say.section("DIAGNOSTIC: Environment & Dependencies"),
                        *lines,
                        _say.LIGHT,
                    ]
                ),
                {"gen_ai.request.model": self.name, "firstfix.before": lines},
            )

    def __exit__(self, kind: Optional[type[BaseException]], exc: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        """End: the summary, or the block of a failure. The exception goes on as it came."""
        if not self._outer:
            return
        try:
            _outermost.reset(self._token)
        except ValueError:
            _outermost.set(None)
        took = time.perf_counter() - self._began
        if exc is not None:
            settings.give_spare(exc)
        _failure.guarded(self._end, exc, took)

    def _end(self, exc: Optional[BaseException], took: float) -> None:
        row: dict[str, Any] = {
            "firstfix.phase": "model.load",
            "firstfix.phase.id": self._phase,
            "gen_ai.request.model": self.name,
            "firstfix.duration_ms": took * 1e3,
            "firstfix.outcome": "ok",
        }
        if exc is not None:
            failure = _exceptions.is_failure(exc)
            row["firstfix.outcome"] = "error" if failure else "cancelled"
            row["error.type"] = _exceptions.type_name(exc)
            _ring.event(_ring.PHASE_END, row)
            if failure:
                said = "".join(library_log).splitlines()[-LIBRARY_LINES:]
                about = {
                    "firstfix.phase.id": self._phase,
                    "gen_ai.request.model": self.name,
                    "firstfix.duration_ms": took * 1e3,
                    "body": _exceptions.cut("\n".join(said)) or None,
                }
                told = self.quiet and bool(_failure.guarded(_children.failures))  # a process below has shown why
                _failure.handle(exc, "model.load", "MODEL INITIALIZATION FAILED", about, said=said, show=not told)
            return
        made = next((m for each in (self.result, self.part) if each is not None
                     for m in [_failure.guarded(_model.summary, each)] if m), None)
        if made is not None:
            row.update(
                {
                    "firstfix.model.parameters": made.parameters,
                    "firstfix.model.bytes": made.bytes,
                    "firstfix.model.quantization": made.quantization or None,
                    "firstfix.model.devices": made.devices,
                }
            )
        gpus = _failure.guarded(_gpu.read) or []
        row["firstfix.model.from"] = self._source()
        _ring.event(_ring.PHASE_END, row)
        for r in gpus:
            _ring.event(_ring.MEMORY, {"firstfix.phase.id": self._phase, **r.fields()})
        if not self.quiet or made is not None:
            _say.say("firstfix.model.load.end", "\n".join(self._after(took, made, gpus)), row)

    def _source(self) -> str:
        files, fetched = _downloads[0] - self._fetched[0], _downloads[1] - self._fetched[1]
        if files:
            return f"the network ({files} files, {_say.size(fetched)})" if fetched else f"the network ({files} files)"
        return "a local folder" if os.path.exists(self.name) else "the cache"

    def _after(self, took: float, made: Optional[_model.Summary], gpus: list[_gpu.Reading]) -> list[str]:
        """The state after a load."""
        source = "" if made is None else f" from {self._source()}"
        lines = [_say.section("MODEL LOADING SUMMARY"), f"{_mark(True)} Model loaded{source} in {took:.1f} seconds"]
        if made is not None:
            quantized = f" ({made.quantization})" if made.quantization else ""
            lines.append(
                f"{_mark(True)} {_model.count(made.parameters)} parameters{quantized}: {made.kinds};"
                f" {_say.size(made.bytes)}"
            )
            lines.append(
                f"{_mark(not made.away)} "
                + (
                    f"Not all layers are {made.away}: {made.devices}"
                    if made.away
                    else made.devices[:1].upper() + made.devices[1:]
                )
            )
            if made.away:
                lines.append(f"   Sample mapping: {made.sample}")
        for r in gpus:
            lines.append(f"GPU {r.gpu} Memory: {_say.size(r.allocated)} allocated, {_say.size(r.reserved)} reserved, "
                         f"{_say.size(r.free)} free, peak {_say.size(r.peak)}")
        return [*lines, _say.LIGHT]


def model_load(name: str) -> Load:
    """Record the load of a model that no hook knows; set `.result` to have its parameters and devices summarised.

        with firstfix.model_load("my-model") as load:
            load.result = model = build(...)
    """
    return Load(name)


def _begin(row: Row, args: tuple[Any, ...], kwargs: dict[str, Any], quiet: bool) -> Optional[Load]:
    """The load to enter, or None when the row is off."""
    if row.broken:
        return None
    try:
        name, _, digits = row.note.partition(":")
        position = int(digits or 1)
        asked = kwargs[name] if name in kwargs else args[position] if len(args) > position else \
            type(args[0]) if args else next(iter(kwargs.values()), "")
        return Load(_name(asked), quiet)
    except Exception as failure:
        _imports.disable(row, failure)
        return None


def _wrapped(original: Callable[..., Any], row: Row, quiet: bool, constructor: bool) -> Callable[..., Any]:
    def result(args: tuple[Any, ...], made: Any) -> Any:
        # peft and sentence-transformers: a module; from_pretrained(output_loading_info=True): a pair
        return args[0] if constructor else made[0] if isinstance(made, tuple) and made else made

    @functools.wraps(original)
    def load(*args: Any, **kwargs: Any) -> Any:
        outer = _outermost.get()
        span = _begin(row, args, kwargs, quiet) if outer is None else None
        if span is not None:
            with span:
                made = original(*args, **kwargs)
                span.result = result(args, made)
                return made
        made = original(*args, **kwargs)
        if outer is not None and outer.part is None and not quiet:
            outer.part = result(args, made)
        return made
    return load


def wrap(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """For a function that returns a model."""
    return _wrapped(original, row, False, False)


def wrap_init(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """For a constructor that loads a model."""
    return _wrapped(original, row, False, True)


def wrap_quiet(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """For what belongs to a load and only speaks when it fails."""
    return _wrapped(original, row, True, False)


def wrap_init_quiet(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """For a constructor in a process whose parent shows the load already."""
    return _wrapped(original, row, True, True)


def wrap_download(original: Callable[..., Any], row: Row) -> Callable[..., Any]:
    """Count the files and bytes that come from the hub."""
    @functools.wraps(original)
    def fetch(*args: Any, **kwargs: Any) -> Any:
        done = original(*args, **kwargs)
        size = kwargs.get("expected_size")
        _downloads[0] += 1
        _downloads[1] += size if isinstance(size, int) else 0
        return done
    return fetch
