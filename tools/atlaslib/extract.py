"""One file of Python to what it says: names, imports, classes and parameters. Nothing is executed.

The parser is the interpreter's own (ast), the one that griffe stands on: a release of transformers has 2,500 files, and
only what a name is made of is read here. How sources lie: names come from star imports, from tables of strings that a
lazy module reads (`_import_structure`, `MODULE_ATTRS`), from `__getattr__`, and some only under TYPE_CHECKING; what is
read is therefore kept with where it stood (GUARDED, TYPING, BRANCH, INSIDE), and resolve.py decides. What is bound on
one way through a module and not on another (`if is_x_available():`) is a name that may be there.
"""

import ast
import re

GUARDED, TYPING, BRANCH, INSIDE, GONE = 1, 2, 4, 8, 16
NAMES_MAX = 20000
IDENTIFIER = re.compile(r"[A-Za-z_]\w{0,199}\Z", re.ASCII)
CATCHES = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException", "OSError", "AttributeError"}
ADDERS = {"append", "add", "extend", "setdefault"}
SPACES = {"globals", "locals", "vars"}  # what gives a module's names to a function that fills them in
LAZY = "_LazyModule"  # the class by which Hugging Face's libraries replace their modules
REGISTERS = {"register_buffer", "register_parameter", "add_module", "register_module"}


def dotted(node):
    """`a.b.c` of a name or attribute; what is subscripted without the subscript; '?' for anything else."""
    parts = []
    while True:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Subscript):
            node = node.value
        else:
            break
    if not isinstance(node, ast.Name):
        return "?"
    return ".".join([node.id] + parts[::-1])


def strings(node, calls=None):
    """Every identifier that stands as a string in an expression or statement; with `calls` those that are handed to
    a call only where it is one of these.
    """
    out, stack = [], [node]
    while stack:
        inner = stack.pop()
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and IDENTIFIER.match(inner.value):
            out.append(inner.value)
        for child in ast.iter_child_nodes(inner):
            if not (calls is not None and isinstance(inner, ast.Call) and isinstance(child, ast.Constant)
                    and dotted(inner.func).rsplit(".", 1)[-1] not in calls):
                stack.append(child)
    return out


def parameters(node):
    """Names in order: `x` must be given, `x=` may be; `*x`, `**x`, and a bare `*` before those by keyword only."""
    a = node.args
    plain = [p.arg for p in a.posonlyargs + a.args]
    first_default = len(plain) - len(a.defaults)
    out = [name + ("=" if i >= first_default else "") for i, name in enumerate(plain)]
    if a.vararg:
        out.append("*" + a.vararg.arg)
    elif a.kwonlyargs:
        out.append("*")
    out += [p.arg + ("=" if d is not None else "") for p, d in zip(a.kwonlyargs, a.kw_defaults)]
    return out + (["**" + a.kwarg.arg] if a.kwarg else [])


def of_the_program(test):
    """`__name__ == "__main__"`: what stands below is not there for whoever imports."""
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__" \
        and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)


def ends(body):
    return bool(body) and isinstance(body[-1], ast.Raise)


def passes_on(function):
    """Does a module's __getattr__ hand whatever it is asked for to something else, without looking at the name?"""
    word = next((a.arg for a in function.args.args), None)
    asked = passed = False
    for node in ast.walk(function):
        mine = [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.Name) and n.id == word]
        if mine and isinstance(node, (ast.Compare, ast.Subscript)):
            asked = True
        elif mine and isinstance(node, ast.Call):
            passed |= dotted(node.func) == "getattr"
            asked |= dotted(node.func) != "getattr"
    return passed and not asked


def refuses(body):
    """Does it end in an error, or warn alone?"""
    return all(isinstance(s, (ast.Raise, ast.Import, ast.ImportFrom))
               or isinstance(s, ast.Expr) and dotted(getattr(s.value, "func", s)).endswith("warn") for s in body)


def refused(function):
    """What a module's __getattr__ asks for only to say that it is gone: the tables that it looks into, and words."""
    tables, words = set(), set()
    for node in ast.walk(function):
        test = node.test if isinstance(node, ast.If) and refuses(node.body) else None
        if isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.In, ast.Eq)):
            tables.add(dotted(test.comparators[0]))
            words.update(strings(test.comparators[0]))
    return tables - {"?"}, words


class File:
    """Reads one module; `record()` is what the cache keeps."""

    def __init__(self, tree):
        self.names, self.gone, self.imports, self.all, self.classes, self.functions = {}, set(), [], None, {}, {}
        self.lazy, self.getattr, self.open, self.is_lazy, self.structure = set(), False, False, False, None
        self.scope, self.unsure, self.spaces, self.aliasers, self.aliases = set(), set(), set(), set(), []
        self.refused = set()  # tables of names that are gone
        self.replaced = False  # by an object that gives what its table has and nothing that the module binds
        self.lists, self.looped = {}, {}  # lists of words that the module names; a loop's variable while it runs
        self.block(tree.body, 0)
        self.lazies(tree)

    def record(self):
        lazy = sorted(self.lazy)[:NAMES_MAX] if self.is_lazy or self.getattr else []
        bound = {*self.names, *(e[2] or e[0].split(".")[0] for e in self.imports if not e[3] & (INSIDE | TYPING))}
        return {
            "q": sorted((bound - self.scope | self.unsure) & (bound | set(lazy)))[:NAMES_MAX],
            "x": self.aliases,
            "n": {k: v for k, v in self.names.items() if k not in self.gone},
            "i": [[*e[:3], e[3] | (GONE if (e[2] or e[0]) in self.gone else 0)] for e in self.imports],
            "a": self.all,
            "z": lazy,
            "g": self.getattr,
            "o": self.open,
            "l": self.is_lazy,
            "r": self.replaced,
            "s": self.structure,
            "c": self.classes,
            "f": self.functions,
        }

    # -- statements of the module --------------------------------------------------------------------------------------

    def block(self, body, where):
        for node in body:
            handler = getattr(self, "on_" + type(node).__name__.lower(), None)
            if handler:
                handler(node, where)

    def bind(self, name, kind, where):
        if IDENTIFIER.match(name) and len(self.names) < NAMES_MAX:
            if where & TYPING:
                kind = kind.upper()
            else:
                self.scope.add(name)
            if self.names.get(name, kind.upper()).isupper():
                self.names[name] = kind

    def on_import(self, node, where):
        for alias in node.names:
            self.imports.append([alias.name, None, alias.asname, where])
            if not where & (TYPING | INSIDE):
                self.scope.add(alias.asname or alias.name.split(".")[0])

    def on_importfrom(self, node, where):
        module = "." * node.level + (node.module or "")
        self.imports += [[module, alias.name, alias.asname or alias.name, where] for alias in node.names]
        if not where & (TYPING | INSIDE):
            self.scope.update(alias.asname or alias.name for alias in node.names)

    def on_functiondef(self, node, where):
        if node.name == "__getattr__":
            self.getattr = True
            tables, words = refused(node)
            self.refused |= tables
            self.lazy.update(set(strings(node, calls=ADDERS)) - words)
            self.open |= passes_on(node)
        if any(isinstance(n, ast.Attribute) and dotted(n) == "sys.modules" for n in ast.walk(node)):
            self.aliasers.add(node.name)
        self.bind(node.name, "f", where)
        self.function(node, node.name, None)

    on_asyncfunctiondef = on_functiondef

    def on_classdef(self, node, where):
        self.bind(node.name, "c", where)
        self.a_class(node, node.name)

    def on_assign(self, node, where):
        for target in node.targets:
            for name in self.targets(target):
                self.bind(name, "a", where)
                if name == "__all__":
                    self.add_all(node.value)
                self.getattr |= name == "__getattr__"  # made by a function that is handed the names
                if isinstance(node.value, ast.Call) and dotted(node.value.func) in SPACES:
                    self.spaces.add(name)
                self.lists[name] = self.words(node.value)
            if isinstance(target, ast.Subscript):
                if dotted(target) == "sys.modules":
                    self.is_lazy = True
                    self.replaced |= isinstance(node.value, ast.Call) and dotted(node.value.func).endswith(LAZY)
                if isinstance(target.value, ast.Call) and dotted(target.value.func) in SPACES:
                    self.bind_by_name(target.slice, where)
        self.call(node.value)

    def words(self, node):
        """The words of a list that holds nothing else, written out or named before; [] of anything else."""
        if isinstance(node, ast.Name):
            return self.lists.get(node.id, [])
        if not isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            return []
        plain = all(isinstance(e, ast.Constant) and isinstance(e.value, str) for e in node.elts)
        return [e.value for e in node.elts] if plain else []

    def bind_by_name(self, key, where):
        """`globals()[key] = ..`: a word, or the variable of a loop over words; else nobody sees what it binds."""
        found = [key.value] if isinstance(key, ast.Constant) and isinstance(key.value, str) \
            else self.looped.get(key.id, []) if isinstance(key, ast.Name) else []
        for word in found:
            self.bind(word, "a", where)
        self.open |= not found

    def on_annassign(self, node, where):
        if isinstance(node.target, ast.Name) and node.value is not None:
            self.bind(node.target.id, "a", where)
            if node.target.id == "__all__":
                self.add_all(node.value)

    def on_augassign(self, node, _):
        if isinstance(node.target, ast.Name) and node.target.id == "__all__":
            self.add_all(node.value)

    def apart(self, body, where):
        """The names that a block binds, when it runs."""
        outer, self.scope = self.scope, set()
        self.block(body, where)
        mine, self.scope = self.scope, outer
        return mine

    def on_if(self, node, where):
        if of_the_program(node.test):
            self.block(node.orelse, where)
            return
        test = dotted(node.test).rsplit(".", 1)[-1] if not isinstance(node.test, ast.BoolOp) else \
            "TYPE_CHECKING" if any(dotted(v).endswith("TYPE_CHECKING") for v in node.test.values) else ""
        if test == "TYPE_CHECKING":
            for inner in ast.walk(node.test):  # `if TYPE_CHECKING or not install_lazy_importer():`
                self.call(inner)
            self.block(node.body, where | TYPING)
            self.block(node.orelse, where)
            return
        ways = [self.apart(body, where | BRANCH) for body in (node.body, node.orelse) if not ends(body)]
        self.scope |= set.intersection(*ways) if ways else set()

    def on_try(self, node, where):
        caught = {
            n.rsplit(".", 1)[-1]
            for h in node.handlers
            for n in (
                [dotted(e) for e in h.type.elts]
                if isinstance(h.type, ast.Tuple)
                else [dotted(h.type)]
                if h.type
                else ["Exception"]
            )
        }
        mine = self.apart(node.body, where | (GUARDED if caught & CATCHES else 0))
        handled = [self.apart(h.body, where | BRANCH) for h in node.handlers]
        mine |= self.apart(node.orelse, where | (BRANCH if node.handlers else 0))
        ways = [names for h, names in zip(node.handlers, handled) if caught & CATCHES and not ends(h.body)]
        self.scope |= set.intersection(mine, *ways)
        self.block(node.finalbody, where)

    on_trystar = on_try

    def on_with(self, node, where):
        suppressed = any("suppress" in dotted(getattr(i.context_expr, "func", i.context_expr)) for i in node.items)
        for item in node.items:
            for name in self.targets(item.optional_vars):
                self.bind(name, "a", where)
        if suppressed:
            self.apart(node.body, where | GUARDED)
        else:
            self.block(node.body, where)

    def on_for(self, node, where):
        for name in self.targets(node.target):
            self.bind(name, "a", where)
        if isinstance(node.target, ast.Name):
            self.looped[node.target.id] = self.words(node.iter)
        self.block(node.body + node.orelse, where | BRANCH)
        self.looped.clear()

    def on_while(self, node, where):
        self.apart(node.body + node.orelse, where | BRANCH)

    def on_match(self, node, where):
        for case in node.cases:
            self.apart(case.body, where | BRANCH)

    def on_delete(self, node, where):
        names = {t.id for t in node.targets for t in getattr(t, "elts", [t]) if isinstance(t, ast.Name)}
        if where == 0:
            self.gone.update(names)
        self.unsure.update(names)

    def on_expr(self, node, _):
        self.call(node.value)

    def call(self, node):
        """What a call at the module's level does to its names."""
        if not isinstance(node, ast.Call):
            return
        name = dotted(node.func)
        if name in ("__all__.extend", "__all__.append") and node.args:
            self.add_all(node.args[0])
        elif name == "setattr" or isinstance(node.func, ast.Attribute) and node.func.attr == "update" \
                and isinstance(node.func.value, ast.Call) and dotted(node.func.value.func) in SPACES:
            self.open = True
        elif name.endswith(LAZY) or name.endswith("lazy.attach") or name.endswith("attach_stub") \
                or "lazy" in name.rsplit(".", 1)[-1].lower() and [dotted(a) for a in node.args] in ([], ["__name__"]):
            self.is_lazy = True
        elif name.endswith("define_import_structure"):
            self.structure = next((k.value.value for k in node.keywords
                                   if k.arg == "prefix" and isinstance(k.value, ast.Constant)), "")
        elif any(isinstance(a, ast.Call) and dotted(a.func) in SPACES or isinstance(a, ast.Name) and a.id in self.spaces
                 for a in node.args):
            listed = [n for a in (*node.args, *(k.value for k in node.keywords))
                      if isinstance(a, (ast.Dict, ast.List, ast.Tuple, ast.Set)) for n in strings(a)]
            self.is_lazy |= bool(listed)
            self.open |= not listed
        elif name in self.aliasers and len(node.args) > 1 and all(isinstance(a, ast.Constant) for a in node.args[:2]):
            self.aliases.append([str(a.value)[:200] for a in node.args[:2]])
        for inner in node.args:
            if isinstance(inner, ast.Call):
                self.call(inner)

    def add_all(self, value):
        if isinstance(value, ast.BinOp):
            self.add_all(value.left)
            self.add_all(value.right)
            return
        if isinstance(value, ast.Attribute) and value.attr == "__all__" or isinstance(value, ast.Name):
            self.all = (self.all or []) + ["*" + dotted(value)]
            return
        self.all = (self.all or []) + strings(value)

    def lazies(self, tree):
        """The strings that a lazy module could be giving names for; functions that it calls to make itself lazy stand
        inside branches.
        """
        lines = []
        stack = [(node, False) for node in tree.body]
        while stack:
            node, unsure = stack.pop()
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)):
                lines.append((node, unsure))
                if isinstance(node, ast.Assign):
                    self.call(node.value)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                continue
            handled = [s for h in getattr(node, "handlers", ()) for s in h.body]
            given_up = bool(handled) and all(isinstance(s, ast.Pass) for s in handled)
            for field in ("body", "orelse", "finalbody", "handlers"):
                lone = given_up and field == "orelse"
                lone |= isinstance(node, ast.If) and field == "body" and not node.orelse
                stack += [(inner, unsure or lone) for inner in getattr(node, field, [])]
        if self.is_lazy or self.getattr:
            sure, all_of = set(), set()
            self.refused |= {n.id for node, _ in lines if self.is_refused(node) for n in ast.walk(node.value)
                             if isinstance(n, ast.Name)}
            for node, unsure in lines:
                if getattr(node, "value", None) is not None and not isinstance(node.value, ast.Constant) \
                        and not self.is_refused(node):
                    found = strings(node.value, calls=ADDERS)
                    all_of.update(found)
                    sure.update(() if unsure else found)
            self.lazy |= all_of
            self.unsure |= all_of - sure

    def is_refused(self, node):
        return bool(self.refused & {dotted(t) for t in getattr(node, "targets", ())})

    @staticmethod
    def targets(node):
        if isinstance(node, ast.Name):
            return [node.id]
        if isinstance(node, ast.Starred):
            return File.targets(node.value)
        if isinstance(node, (ast.Tuple, ast.List)):
            return [name for e in node.elts for name in File.targets(e)]
        return []

    # -- classes and functions -----------------------------------------------------------------------------------------

    def a_class(self, node, name):
        mine = self.classes.setdefault(name, {"b": [], "m": {}, "o": False, "d": None, "f": []})
        mine["b"] = [dotted(b) for b in node.bases]
        for mark in node.decorator_list:
            call = mark.func if isinstance(mark, ast.Call) else mark
            if dotted(call).rsplit(".", 1)[-1] in ("dataclass", "define", "dataclass_transform"):
                mine["d"] = next((bool(k.value.value) for k in getattr(mark, "keywords", [])
                                  if k.arg == "init" and isinstance(k.value, ast.Constant)), True)
        stack = list(node.body)
        while stack:
            item = stack.pop(0)
            self.in_class(item, name, mine)
            if isinstance(item, (ast.If, ast.Try, ast.With)):
                stack = [s for f in ("body", "orelse", "finalbody") for s in getattr(item, f, [])] \
                    + [s for h in getattr(item, "handlers", []) for s in h.body] + stack

    def in_class(self, item, name, mine):
        if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
            mine["m"].setdefault(item.name, "f")
            if item.name in ("__getattr__", "__getattribute__"):
                mine["o"] = True
            self.function(item, name + "." + item.name, mine)
        elif isinstance(item, ast.ClassDef):
            mine["m"].setdefault(item.name, "c")
            self.a_class(item, name + "." + item.name)
        elif isinstance(item, ast.Assign):
            for target in item.targets:
                for attribute in self.targets(target):
                    mine["m"].setdefault(attribute, "a")
        elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            mine["m"].setdefault(item.target.id, "a")
            if "ClassVar" not in dotted(item.annotation):
                mine["f"].append(item.target.id + ("=" if item.value is not None else ""))

    def function(self, node, name, mine):
        if name in self.functions and not any("overload" in dotted(d) for d in node.decorator_list):
            kept = self.functions[name]  # written twice, in two branches: what either takes
            self.functions[name] = kept + [p for p in parameters(node) if p not in kept and p.rstrip("=") not in kept
                                           and p + "=" not in kept]
        else:
            self.functions.setdefault(name, parameters(node))
        first = (node.args.posonlyargs + node.args.args)[:1]
        me = first[0].arg if mine is not None and first else None
        stack = node.body[::-1]
        while stack:  # in the order in which they stand
            item = stack.pop()
            if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                stack += item.body[::-1]
                continue
            self.in_function(item, me, mine)
            for field in ("finalbody", "orelse"):
                stack += getattr(item, field, [])[::-1]
            for handler in getattr(item, "handlers", []) + getattr(item, "cases", []):
                stack += handler.body[::-1]
            stack += getattr(item, "body", [])[::-1]

    def in_function(self, item, me, mine):
        if isinstance(item, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and me:
            for target in item.targets if isinstance(item, ast.Assign) else [item.target]:
                self.attribute(target, me, mine)
        elif isinstance(item, ast.Expr) and isinstance(item.value, ast.Call) and me:
            self.told(item.value, me, mine)
        elif isinstance(item, ast.ImportFrom):
            self.on_importfrom(item, INSIDE)
        elif isinstance(item, (ast.With, ast.AsyncWith)) and me:
            for entry in item.items:
                self.attribute(entry.optional_vars, me, mine)
        elif isinstance(item, (ast.For, ast.AsyncFor)) and me:
            self.attribute(item.target, me, mine)
        elif isinstance(item, ast.Global):
            for word in item.names:
                self.bind(word, "a", 0)

    def attribute(self, target, me, mine):
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == me:
            mine["m"].setdefault(target.attr, "s")
        elif isinstance(target, (ast.Tuple, ast.List)):
            for element in target.elts:
                self.attribute(element, me, mine)

    def told(self, node, me, mine):
        """Attributes that come by a call: setattr(self, ..), self.register_buffer("x", ..), self.__dict__.update(..).
        """
        name = dotted(node.func)
        first = node.args[0] if node.args else None
        if name == "setattr" and len(node.args) > 1 and isinstance(first, ast.Name) and first.id == me:
            if isinstance(node.args[1], ast.Constant) and isinstance(node.args[1].value, str):
                mine["m"].setdefault(node.args[1].value, "s")
            else:
                mine["o"] = True
        elif name == me + ".__dict__.update":
            mine["o"] = True
        elif name.rsplit(".", 1)[-1] in REGISTERS and isinstance(first, ast.Constant) and isinstance(first.value, str):
            mine["m"].setdefault(first.value, "s")


def read(source):
    """The record of a module's bytes; a ValueError or SyntaxError says why there is none."""
    return File(ast.parse(source)).record()
