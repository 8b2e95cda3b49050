"""Requests: `@firstfix.request`, `with firstfix.request(id=..., model=...)`; integrations use the same object.

A request costs two events and, where torch has initialised CUDA, two readings of its allocator. Inputs and outputs are
not looked at.
"""
from __future__ import annotations

import functools
import time
from contextvars import ContextVar, Token
from sys import modules
from types import TracebackType
from typing import Any, AsyncIterator, Callable, Generator, Optional, TypeVar, Union, cast, overload

from firstfix import _ring, _trace
from firstfix._ring import PHASE_BEGIN, PHASE_END, event, next_id, working
from firstfix._settings import settings

F = TypeVar("F", bound=Callable[..., Any])
INPUT_MAX = 2048
WAIT_MAX_S = 3600
GENERATOR, COROUTINE, ASYNC_GENERATOR = 0x20, 0x80, 0x200  # co_flags
current: ContextVar[Optional["Request"]] = ContextVar("firstfix_request", default=None)
_clock = time.perf_counter_ns
_growth: dict[str, Any] = {}


def _epoch_of(text: str) -> float:
    """When X-Request-Start says that a proxy took a request, in seconds of the epoch; 0 for what is no time. nginx,
    Heroku, Apache and load balancers write seconds, milliseconds or microseconds, with or without "t=" before them:
    which it is only its size tells.
    """
    text = text.strip()
    try:
        number = float(text[2:] if text.startswith("t=") else text)
    except ValueError:
        return 0
    for scale in (1, 1e3, 1e6, 1e9):
        if 1e9 <= number / scale < 1e10:  # 2001 to 2286
            return number / scale
    return 0


class Request:
    """One request, from `with` to its end; may be given to `async with` as well."""

    __slots__ = (
        "id",
        "model",
        "kind",
        "heading",
        "phase",
        "fields",
        "_began",
        "_token",
        "_memory",
        "_status",
        "caught",
        "input",
    )

    def __init__(self, id: Optional[str] = None, model: Optional[str] = None, kind: str = "request",
                 heading: str = "REQUEST FAILED") -> None:
        """Nothing is recorded before it is entered."""
        self.id = id
        self.model = model
        self.kind = kind
        self.heading = heading
        self.phase = 0
        self.fields: Optional[dict[str, Any]] = None
        self._memory: Optional[tuple[int, int]] = None
        self._status: Union[str, BaseException, None] = None
        self.caught: Optional[BaseException] = None
        self.input: Optional[str] = None  # its hash

    def tokens(self, input: Optional[int] = None, output: Optional[int] = None) -> None:
        """How many tokens went in and came out."""
        self.set(**{"gen_ai.usage.input_tokens": input, "gen_ai.usage.output_tokens": output})

    def set(self, **fields: Any) -> None:
        """More fields for the event at the end."""
        self.fields = {**(self.fields or {}), **fields}

    def came_with(self, traceparent: object, tracestate: object = None) -> None:
        """The trace context of whoever sent it, from its headers. Before it is entered."""
        if traceparent is not None:
            self.set(**_trace.parent(traceparent, tracestate))

    def waited_since(self, began: object) -> None:
        """X-Request-Start of a proxy in front: how long it waited until now. Before it is entered."""
        if began is None:
            return
        epoch, now = _epoch_of(str(began)[:64]), time.time()
        if 0 <= now - epoch <= WAIT_MAX_S:  # else clocks differ, or it is no time at all
            self.set(**{"firstfix.request.queue_ms": round((now - epoch) * 1e3, 3)})

    def failed(self, why: Union[str, BaseException]) -> None:
        """It did not work although nothing is raised: an answer with status 500, an exception that somebody catches."""
        if isinstance(why, BaseException) or not isinstance(self._status, BaseException):
            self._status = why

    def answered(self, status: int) -> None:
        """An answer of HTTP. One of 500 or more has failed, by the exception that the framework `caught` where it did.
        """
        self.set(**{"http.response.status_code": status})
        if status >= 500:
            self.failed(self.caught if self.caught is not None else str(status))

    def __enter__(self) -> "Request":
        """Begin."""
        self.phase = phase = next_id()
        row: dict[str, Any] = {"firstfix.phase": self.kind, "firstfix.phase.id": phase, "firstfix.request.id": self.id,
                               "gen_ai.request.model": self.model, "firstfix.request.concurrent": working(1)}
        if "opentelemetry.trace" in modules:
            self.set(**_trace.around())
        if self.fields:  # a process that dies leaves no end: what it was working on stands here
            row.update(self.fields)
        try:
            event(PHASE_BEGIN, row)
        except TypeError:
            event(PHASE_BEGIN, _plain(row))
        self._token: Optional[Token[Optional[Request]]] = current.set(self)
        if "torch" in modules and settings.gpu_reads:
            self._memory = _memory()
        self._began = _clock()
        return self

    def __exit__(self, kind: Optional[type[BaseException]], exc: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        """End, with an exception or without; it always goes on as it came."""
        took = (_clock() - self._began) / 1e6
        alone = working(-1) == 0
        if exc is not None:
            settings.give_spare(exc)
        try:
            self._end(exc, took, alone)
        except Exception as failure:  # a recursion limit or memory that is used up must not hide the worker's own
            _lost(failure)
        try:
            if self._token is not None:
                current.reset(self._token)
        except ValueError:
            pass  # a generator or a task that ends in another context than it began in
        self._token = None

    def _end(self, exc: Optional[BaseException], took: float, alone: bool) -> None:
        row: dict[str, Any] = {
            "firstfix.phase": self.kind,
            "firstfix.phase.id": self.phase,
            "firstfix.duration_ms": took,
            "firstfix.outcome": "ok" if exc is None and self._status is None else "error",
        }
        if self.fields:
            row.update(self.fields)
        if self._memory is not None:
            _memory_after(self._memory, row, alone)
        if isinstance(self._status, str):
            row["error.type"] = self._status
        elif exc is None:
            exc = self._status
        if exc is not None:
            self._failed(exc, row)
        try:
            event(PHASE_END, row)
        except TypeError:
            event(PHASE_END, _plain(row))

    async def __aenter__(self) -> "Request":
        """As __enter__()."""
        return self.__enter__()

    async def __aexit__(self, kind: Optional[type[BaseException]], exc: Optional[BaseException],
                        traceback: Optional[TracebackType]) -> None:
        """As __exit__(), but the diagnosis never holds the event loop up."""
        self.__exit__(kind, exc, traceback)

    def _failed(self, exc: BaseException, row: dict[str, Any]) -> None:
        from firstfix import _exceptions, _failure

        if self.input is not None and type(exc).__name__ == "Quarantined":
            row["firstfix.outcome"] = "refused"  # and said by whoever catches it; it is no incident
            row["error.type"] = "firstfix.Quarantined"
            return
        if not _exceptions.is_failure(exc):
            row["firstfix.outcome"] = "ok" if isinstance(exc, (SystemExit, GeneratorExit)) else "cancelled"
            return
        row["error.type"] = _exceptions.type_name(exc)
        about = {"firstfix.phase.id": self.phase, "firstfix.request.id": self.id, "gen_ai.request.model": self.model,
                 "firstfix.duration_ms": row["firstfix.duration_ms"]}
        about.update(self.fields or {})
        about.update({k: v for k, v in row.items() if k.startswith("firstfix.gpu.")})
        _failure.handle(exc, self.kind, self.heading, about, wait=False)


def current_request() -> Optional[Request]:
    """The request that this code runs for, to add tokens or fields to it; None outside of one."""
    return current.get()


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """The row with values that the lane does not know as text."""
    return {key: value if isinstance(value, (str, int, float)) else repr(value)[:INPUT_MAX]
            for key, value in row.items() if value is not None}


def _lost(failure: Exception) -> None:
    try:
        from firstfix import _say

        _say.once(f"the end of a request is not recorded: {type(failure).__name__}")
    except Exception:
        pass


_allocated: Optional[Callable[[], Optional[tuple[int, int]]]] = None


def _memory() -> Optional[tuple[int, int]]:
    global _allocated
    try:
        if _allocated is None:  # only a worker that has torch needs it
            from firstfix import _gpu

            _allocated = _gpu.allocated
        return _allocated()
    except Exception:
        return None


def _memory_after(before: tuple[int, int], row: dict[str, Any], alone: bool) -> None:
    """Memory before, peak and after. The peak is this request's own only where it rose: it is never reset by us."""
    after = _memory()
    if after is None:
        return
    row["firstfix.gpu.memory.before"] = before[0]
    row["firstfix.gpu.memory.allocated"] = after[0]
    row["firstfix.gpu.memory.peak"] = after[1] if after[1] > before[1] else None
    if alone:
        from firstfix import _failure

        _failure.guarded(watch_growth, "GPU memory", after[0], _gpu_left)


def _gpu_left() -> Optional[int]:
    from firstfix import _gpu

    readings = _gpu.read()
    return readings[0].free + readings[0].reserved - readings[0].allocated if readings else None


def watch_growth(what: str, used: int, left: Callable[[], Optional[int]]) -> None:
    """Add one reading; say so when it grows request by request."""
    from firstfix import _leak, _say

    growth = _growth.setdefault(what, _leak.Growth()).add(used)
    if growth is None:
        return
    free = left()
    said = _leak.sentence(what, growth, free)
    _ring.event(_ring.CUSTOM, {"firstfix.event": "memory.growth", "body": said, "firstfix.memory.growth": growth,
                               "firstfix.gpu.memory.free": free})
    _say.say("firstfix.memory.growth", f"firstfix: {said}", {"body": said, "firstfix.memory.growth": growth})


def _capture(req: Request, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """The inputs, masked and cut; only called where somebody asked for them."""
    from firstfix import _mask

    try:
        text = _mask.mask(f"{args!r} {kwargs!r}"[:INPUT_MAX])
    except Exception:
        text = "<no repr>"
    req.set(**{"firstfix.request.input": text})


def _digest(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Optional[str]:
    """The hash of an input, by which one that kills workers is known; None where that cannot be."""
    from firstfix import _quarantine

    try:
        return _quarantine.digest(args, kwargs)
    except Exception as failure:
        from firstfix import _say

        _say.once(f"no input is known by its hash: {type(failure).__name__}: {failure}")
        return None


def _admit(req: Request) -> None:
    """Refuse a request whose input has killed as many workers as it may."""
    if req.input is not None:
        from firstfix import _quarantine

        _quarantine.check(req.input)


def _marked(wrapper: Any) -> Any:
    """Known as ours, so that nothing wraps it again."""
    wrapper.__firstfix__ = "request"
    return wrapper


def wrap(function: F, make: Callable[[tuple[Any, ...], dict[str, Any]], Request],
         capture_inputs: Optional[bool] = None) -> F:
    """The function as a request: plain, coroutine, generator or async generator, and still of that kind."""
    if getattr(function, "__firstfix__", None) == "request":
        return function
    flags = getattr(getattr(function, "__code__", None), "co_flags", 0)

    def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request:
        req = make(args, kwargs)
        if settings.capture_inputs if capture_inputs is None else capture_inputs:
            _capture(req, args, kwargs)
        if settings.quarantine:
            req.input = _digest(args, kwargs)
            req.set(**{"firstfix.request.input": req.input})
        return req

    if flags & ASYNC_GENERATOR:
        @functools.wraps(function)
        async def async_stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            with begin(args, kwargs) as req:
                _admit(req)
                stream = function(*args, **kwargs)
                try:
                    async for each in stream:
                        yield each
                finally:
                    await stream.aclose()
        return cast(F, _marked(async_stream))
    if flags & COROUTINE:
        @functools.wraps(function)
        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            with begin(args, kwargs) as req:
                _admit(req)
                return await function(*args, **kwargs)
        return cast(F, _marked(coroutine))
    if flags & GENERATOR:
        @functools.wraps(function)
        def stream(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with begin(args, kwargs) as req:
                _admit(req)
                return (yield from function(*args, **kwargs))
        return cast(F, _marked(stream))

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        with begin(args, kwargs) as req:
            _admit(req)
            return function(*args, **kwargs)
    return cast(F, _marked(plain))


class Decorator:
    """What request(...) returns: usable as a decorator and with `with` alike; each call is a request of its own."""

    __slots__ = ("_id", "_model", "_kind", "_capture")

    def __init__(self, id: Optional[str], model: Optional[str], kind: str, capture_inputs: Optional[bool]) -> None:
        """Keep what each request is made of."""
        self._id, self._model, self._kind, self._capture = id, model, kind, capture_inputs

    def __call__(self, function: F) -> F:
        """As a decorator."""
        return wrap(function, lambda args, kwargs: Request(self._id, self._model, self._kind), self._capture)

    def __enter__(self) -> Request:
        """As a context manager."""
        return Request(self._id, self._model, self._kind).__enter__()

    def __exit__(self, kind: Optional[type[BaseException]], exc: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        """End the innermost request of this context."""
        req = current.get()
        if req is not None:
            req.__exit__(kind, exc, traceback)

    async def __aenter__(self) -> Request:
        """As __enter__()."""
        return self.__enter__()

    async def __aexit__(self, kind: Optional[type[BaseException]], exc: Optional[BaseException],
                        traceback: Optional[TracebackType]) -> None:
        """As __exit__()."""
        self.__exit__(kind, exc, traceback)


@overload
def request(function: F) -> F: ...
@overload
def request(function: None = None, *, id: Optional[str] = None, model: Optional[str] = None, kind: str = "request",
            capture_inputs: Optional[bool] = None) -> Decorator: ...


def request(function: Optional[F] = None, *, id: Optional[str] = None, model: Optional[str] = None,
            kind: str = "request", capture_inputs: Optional[bool] = None) -> Union[F, Decorator]:
    """Record a request: duration, outcome, tokens if told, GPU memory before, peak and after, how many run at once.

        @firstfix.request                      # a function, coroutine or generator
        def handler(job): ...

        with firstfix.request(id="42", model="mixtral") as req:
            answer = generate(...)
            req.tokens(input=17, output=240)

    A failure is shown with its diagnosis; the exception goes on untouched. capture_inputs=True also records the
    arguments, masked and cut to 2 kB.
    """
    decorator = Decorator(id, model, kind, capture_inputs)
    return decorator if function is None else decorator(function)
