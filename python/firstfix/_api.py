"""report(), explain(), check(), events(), event(): documents of the contract as dictionaries."""
from __future__ import annotations

import json
from typing import Any, Optional, Union

from firstfix import _exceptions, _incident, _program, _ring


class Document(dict[str, Any]):
    """A document of the contract. Shown in IPython and by rich as the program prints it for a person."""

    def __init__(self, values: dict[str, Any], text: str) -> None:
        """`text` is the page for a person."""
        super().__init__(values)
        self.text = text

    def __str__(self) -> str:
        """The page for a person."""
        return self.text

    def __rich__(self) -> str:
        """What rich.print() shows; brackets are text, not markup."""
        return self.text.replace("[", "\\[")

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(self.text)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self.text, "text/html": _incident.html(self.text)}


def _of(answer: str, text: str) -> Document:
    return Document(dict(json.loads(answer)), text)


def report(only: str = "", pid: Optional[int] = None) -> Document:
    """firstfix.facts/1 of this process and its machine; `only` names probes, `pid` looks at another process."""
    words = ["--only", only] if only else []
    if pid is None:
        return _of(_program.report([*words, "--json"]), _program.report(words))
    whom = ["report", "--pid", str(pid), *words]
    return _of(_program.run([*whom, "--json"])[1], _program.run(whom)[1])


def explain(what: Union[str, bytes, BaseException], facts: Optional[dict[str, Any]] = None) -> Document:
    """firstfix.diagnosis/1 of a log or of an exception, joined with `facts` (default: this process and its machine)."""
    if isinstance(what, BaseException):
        log = _exceptions.text(what)
    else:
        log = what.decode("utf-8", "backslashreplace") if isinstance(what, bytes) else what
    known = json.dumps(facts) if facts is not None else _program.report_self("explain")
    return _of(_program.explain(log, known, True), _program.explain(log, known, False))


def check(deep: bool = False) -> Document:
    """firstfix.diagnosis/1 of what will fail on this machine. deep=True also tries imports and the GPU, in a child."""
    words = ["check"] + (["--deep"] if deep else [])
    return _of(_program.run([*words, "--json"])[1], _program.run(words)[1])


def events(since: str = "") -> list[dict[str, Any]]:
    """What this process and the others of the state folder recorded, oldest first; since="10m" for the last minutes."""
    words = ["events", "--json"] + (["--since", since] if since else [])
    return [dict(json.loads(line)) for line in _program.run(words)[1].splitlines() if line.strip()]


def event(name: str, **fields: Union[str, int, float, bool, None]) -> None:
    """Record an event of your own: firstfix.event("dequeue", depth=12). Keys without a dot get the prefix "app."."""
    row: dict[str, Union[str, int, float, bool, None]] = {"firstfix.event": name}
    for key, value in fields.items():
        known = value if isinstance(value, (str, int, float)) or value is None else repr(value)[:2048]
        row[key if "." in key else f"app.{key}"] = known
    _ring.event(_ring.CUSTOM, row)
