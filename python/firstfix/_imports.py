"""Import hooks on the modules of the table and on no others.

A finder in front of the others asks them for the module's spec and puts one function in the way of its loader's
exec_module; loader, spec and module stay what they are. A module that is already there is patched at once.
"""
from __future__ import annotations

import sys

from firstfix._settings import settings
from firstfix._table import ROWS, Row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, Callable, Optional, Sequence

_rows: dict[str, list[Row]] = {}


def _give_up(row: Row, failure: BaseException) -> None:
    """The row is off from here on; said once."""
    row.broken = True
    try:
        from firstfix import _say

        _say.once(f"hook {row.name} ({row.module}.{row.attribute}) is off: {type(failure).__name__}: {failure}"[:300])
    except Exception:
        pass


def disable(row: Row, failure: BaseException) -> None:
    """What wrappers call when they fail: the original function is used from here on."""
    if not row.broken:
        _give_up(row, failure)


def _wrapper(row: Row) -> Callable[[Any, Row], Any]:
    module, _, name = row.wrapper.partition(":")
    __import__(module)
    made: Callable[[Any, Row], Any] = getattr(sys.modules[module], name)
    return made


def _patch(module: ModuleType, row: Row) -> None:
    """Replace the attribute; a name that this version of the library does not have is no failure."""
    owner: Any = module
    *path, name = row.attribute.split(".")
    for part in path:
        owner = getattr(owner, part, None)
    original = vars(owner).get(name) if owner is not None else None
    if original is None or hasattr(getattr(original, "__func__", original), "__firstfix__"):
        return
    kind = type(original) if isinstance(original, (classmethod, staticmethod)) else None
    new = _wrapper(row)(original.__func__ if kind else original, row)
    new.__firstfix__ = row.name
    setattr(owner, name, kind(new) if kind else new)


def patch(module: ModuleType, name: str) -> None:
    """Apply every row of this module."""
    for row in _rows.get(name, ()):
        if not row.broken:
            try:
                _patch(module, row)
            except Exception as failure:
                _give_up(row, failure)


class Finder:
    """In sys.meta_path; answers for modules of the table only."""

    _asking: set[str] = set()

    @classmethod
    def find_spec(cls, name: str, path: Optional[Sequence[str]] = None,
                  target: Optional[ModuleType] = None) -> Optional[ModuleSpec]:
        """The spec that the other finders give, with our function behind its loader."""
        if name not in _rows or name in cls._asking:
            return None
        cls._asking.add(name)
        try:
            spec = cls._others(name, path, target)
        finally:
            cls._asking.discard(name)
        if spec is not None and spec.loader is not None:
            _follow(spec.loader, name)
        return spec

    @classmethod
    def _others(cls, name: str, path: Optional[Sequence[str]], target: Optional[ModuleType]) -> Optional[ModuleSpec]:
        for finder in list(sys.meta_path):
            ask = getattr(finder, "find_spec", None)
            if finder is not cls and ask is not None:
                spec: Optional[ModuleSpec] = ask(name, path, target)
                if spec is not None:
                    return spec
        return None


def _follow(loader: Any, name: str) -> None:
    """Patch the module once this loader has executed it. Loaders without a __dict__ are left alone."""
    execute = getattr(loader, "exec_module", None)
    if execute is None:
        return

    def exec_module(module: ModuleType) -> None:
        if getattr(module, "__name__", None) == name:
            loader.__dict__.pop("exec_module", None)
        execute(module)
        if getattr(module, "__name__", None) == name:
            patch(module, name)

    try:
        if "exec_module" not in loader.__dict__:
            loader.exec_module = exec_module
    except AttributeError:
        pass


def install() -> None:
    """Fill the table of rows that are on, patch what is there already, and follow the rest. Twice is once."""
    _rows.clear()
    for row in ROWS:
        if settings.on(row.name):
            _rows.setdefault(row.module, []).append(row)
    if Finder not in sys.meta_path:
        sys.meta_path.insert(0, Finder)
    for name in _rows:
        module = sys.modules.get(name)
        if module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False):
            patch(module, name)
