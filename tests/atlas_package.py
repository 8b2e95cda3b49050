"""A package in which names come into modules in every way that the tool claims to understand, and what is asked of it.
"""

PACKAGE = {
    "acme/__init__.py": (
        """
from typing import TYPE_CHECKING
from . import plain
from .plain import first, second as renamed
from .starred import *
from .starred_all import *
try:
    from .plain import guarded
except ImportError:
    guarded = None
if TYPE_CHECKING:
    from .plain import only_for_checkers
a, (b, *c) = 1, (2, 3)
for loop in (1, 2):
    pass
temporary = 1
del temporary
import json.decoder as deep
with open(__file__) as opened:
    pass
try:
    import sys as chosen_one
    from nowhere_at_all import fast
except ImportError:
    chosen_one = fast = None
    slow = 1
if not a:
    def never_defined(): pass
else:
    def defined(): pass
if __name__ == "__main__":
    for_the_program = 1
"""
    ),
    "acme/plain.py": "def first(): pass\ndef second(): pass\nguarded = 1\nonly_for_checkers = 1\n",
    "acme/starred.py": "import os\nvisible = 1\n_hidden = 2\nclass Thing: pass\n",
    "acme/starred_all.py": "__all__ = ['chosen']\n__all__ += ['_added']\nchosen = 1\n_added = 2\nignored = 3\n",
    "acme/lazy/__init__.py": (
        """
import importlib
from typing import TYPE_CHECKING
_import_structure = {"parts": ["Part", "make_part"]}
if TYPE_CHECKING:
    from .parts import Part, make_part
else:
    _WHERE = {n: m for m, names in _import_structure.items() for n in names}
    def __getattr__(name):
        if name in _WHERE:
            return getattr(importlib.import_module("." + _WHERE[name], __name__), name)
        raise AttributeError(name)
"""
    ),
    "acme/replaced/__init__.py": (
        """
import sys, types
from typing import TYPE_CHECKING
from ..plain import first
class _LazyModule(types.ModuleType):
    def __init__(self, name, table, extra):
        super().__init__(name)
        self.__dict__.update(extra)
        self.table = table
    def __getattr__(self, name):
        if name not in self.table:
            raise AttributeError(name)
        return name
_import_structure = {"parts": ["Part"]}
if TYPE_CHECKING:
    try:
        raise ImportError
    except ImportError:
        from ..starred_all import *
    else:
        from ..lazy.parts import Part
else:
    _here = globals()["__name__"]
    sys.modules[__name__] = _LazyModule(_here, _import_structure["parts"], extra={"edition": 1, "__path__": __path__})
"""
    ),
    "acme/replaced/below.py": "",
    "acme/attached.py": (
        """
import importlib
def attach(where, names):
    def __getattr__(name):
        if name not in names:
            raise AttributeError(name)
        return getattr(importlib.import_module(names[name], where), name)
    return __getattr__, lambda: [*names]
__getattr__, __dir__ = attach(__package__, {"first": "acme.plain"})
"""
    ),
    "acme/dated.py": (
        """
import importlib.metadata
def __getattr__(name):
    if name == "edition":
        return importlib.metadata.version("pytest")
    raise AttributeError(name)
"""
    ),
    "acme/lazy/parts.py": "class Part: pass\ndef make_part(): pass\nunlisted = 1\n",
    "acme/space/inner.py": "inside = 1\n",  # a folder without an __init__
    "acme/filled.py": (
        """
import typing
def lazy_import(namespace, aliases):
    def __getattr__(name):
        if name not in aliases:
            raise AttributeError(name)
    namespace["__getattr__"] = __getattr__
if typing.TYPE_CHECKING:
    from .plain import first
else:
    lazy_import(globals(), aliases={"first": ".plain"})
"""
    ),
    "acme/woken.py": (
        """
from typing import TYPE_CHECKING
def install_lazy_importer():
    def __getattr__(name):
        if name != "second":
            raise AttributeError(name)
    globals()["__getattr__"] = __getattr__
    return True
if TYPE_CHECKING or not install_lazy_importer():
    from .plain import second
"""
    ),
    "acme/renaming.py": (
        """
import importlib, sys
def alias(old, new):
    sys.modules[old] = importlib.import_module(new, __package__)
alias("acme.before", ".plain")
"""
    ),
    "acme/passing.py": "from . import plain\ndef __getattr__(name): return getattr(plain, name)\n",
    "acme/looped.py": "O = ('hum', 'buzz')\nfor n in O:\n globals()[n] = print\nglobals()['alone'] = 1\n",
    "acme/made_pb2.py": "def build(names): names['Message'] = 1\n_globals = globals()\nbuild(_globals)\n",
    "acme/old/__init__.py": "def __getattr__(w):\n if w == 'old_name':\n  return 1\n raise AttributeError(w)\n",
    "acme/gone.py": (
        """
import warnings
_words = [("float", "a"), ("object", "b")]
_former = {n: "use " + s for n, s in _words}
_soon = {"str", "bytes"}
_deprecated = {"cast": 1}
def __getattr__(name):
    if name == "old_api":
        raise AttributeError("gone")
    if name in _soon:
        warnings.warn("soon")
    if name in _former:
        raise AttributeError(_former[name])
    if name in _deprecated:
        warnings.warn("use another")
        return _deprecated[name]
    raise AttributeError(name)
"""
    ),
}
ASKED = {
    "acme": """
        plain first second renamed visible _hidden os Thing chosen _added ignored guarded
        only_for_checkers a b c loop temporary deep TYPE_CHECKING opened chosen_one fast defined
        for_the_program space lazy nowhere
    """.split(),
    "acme.lazy": ["Part", "make_part", "unlisted", "parts", "nowhere"],
    "acme.replaced": ["Part", "edition", "below", "first", "sys", "TYPE_CHECKING", "_LazyModule", "_here"],
    "acme.attached": ["first", "attach", "second"],
    "acme.dated": ["edition", "pytest"],
    "acme.space": ["inner"],
    "acme.filled": ["first", "second", "typing"],
    "acme.woken": ["second", "first"],
    "acme.before": ["first", "nowhere"],
    "acme.old": ["old_name", "new_name"],
    "acme.gone": ["float", "object", "str", "bytes", "cast", "old_api", "nowhere"],
}
