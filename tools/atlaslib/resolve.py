"""What the modules of one release give to whoever imports from them, from the records of its files.

`from M import X` works when M binds X: by a definition, an import, a star import of a module that gives X, a lazy
table, or because M.X is a module. A module is `open` where something is bound that no source shows (compiled code
without a stub, a loop over globals()): of such a one only what is found counts, never what is missing.
"""

import sys

from .extract import BRANCH, GONE, GUARDED, INSIDE, TYPING

STDLIB = sys.stdlib_module_names
BASES_MAX = 12
EVERY_MODULE = set(dir(sys.modules[__name__])) & {f"__{w}__" for w in "doc file loader name package path spec".split()}


def module_of(path):
    name = path.rsplit(".", 1)[0].replace("/", ".")
    return name[:-9] if name.endswith(".__init__") else name


def absolute(module, is_package, target):
    """The module that a relative import means."""
    level = len(target) - len(target.lstrip("."))
    if not level:
        return target
    parts = module.split(".")
    parts = parts[:len(parts) - level + (1 if is_package else 0)]
    return ".".join(parts + ([target[level:]] if target[level:] else []))


class Release:
    """Modules of one release: `exports` is {module: {name: where it comes from}}, `opens` the modules that may give
    more, `unsure` {module: names that are bound on one way through it only}.
    """

    def __init__(self, records, native):
        self.records, self.packages, self.stubs = {}, set(), set()
        for path in sorted(records, key=lambda p: (p.endswith(".py"), p)):  # a source goes over a stub
            self.records[module_of(path)] = records[path]
            (self.stubs.discard if path.endswith(".py") else self.stubs.add)(module_of(path))
            if "/__init__." in path:
                self.packages.add(module_of(path))
        self.native = {n.replace("/", ".") for n in native}
        self.tops = {m.split(".")[0] for m in self.records if m in self.packages or "." not in m}
        self.exports, self.opens, self.unsure = {}, set(), {}
        self.children = {}
        for module in list(self.records) + sorted(self.native):
            parent, _, last = module.rpartition(".")
            while parent:
                self.children.setdefault(parent, {})[last] = module
                parent, _, last = parent.rpartition(".")
        for module in self.records:
            self.bound(module)
        for parent in set(self.children) - set(self.records) - self.native:  # folders without an __init__
            self.exports[parent] = {}
        for module, record in self.records.items():
            for alias, target in record.get("x", ()):
                target = absolute(module, module in self.packages, target)
                if self.own(alias) and target in self.exports and alias not in self.records:
                    self.exports[alias] = {name: target for name in self.exports[target]}
                    parent, _, last = alias.rpartition(".")
                    self.children.setdefault(parent, {})[last] = alias

    def own(self, module):
        return module.split(".")[0] in self.tops

    def bound(self, module):
        """{name: module that it comes from} of a module; what is still being worked out gives what is known so far."""
        if module in self.exports or module not in self.records:
            return self.exports.get(module, {})
        out = self.exports[module] = {}
        record = self.records[module]
        if "bad" in record:
            self.opens.add(module)
            return out
        attached = record["n"].get("__getattr__") == "a"  # `__getattr__, __dir__, __all__ = attach(..)`
        lazy = record["l"] or record["o"] or attached
        if record["o"]:
            self.opens.add(module)
        for name, kind in record["n"].items():
            if kind.isupper() if record.get("r") else kind.islower() or lazy:
                out[name] = module
        if record["l"] or record["g"]:
            out.update((name, module) for name in record["z"])
            if record["g"] and not record["z"]:
                self.opens.add(module)
        for entry in record["i"]:
            self.imported(module, record, entry, out, lazy)
        if record["s"] is not None:
            self.structured(module, record["s"], out)
        for name in EVERY_MODULE & out.keys():
            del out[name]
        unsure = set(record.get("q", ())) & out.keys()
        if record["s"] is None and unsure:
            self.unsure[module] = self.unsure.get(module, set()) | unsure
        return out

    def imported(self, module, record, entry, out, lazy):
        target, name, alias, where = entry
        if module in self.stubs and name != alias and not self.own(absolute(module, False, target)):
            return  # what a stub imports is for its annotations
        if where & (INSIDE | GONE) or record.get("r") and not where & TYPING:
            return
        if where & TYPING and not (lazy or record["g"] and (not record["z"] or alias in record["z"])):
            return
        if name is None:
            out[alias or target.split(".")[0]] = module if self.own(target) else "?" + target
            return
        target = absolute(module, module in self.packages, target)
        if not self.own(target):
            if name != "*":
                out[alias] = "?" + target + ":" + name
            elif not where & TYPING:
                self.opens.add(module)
            return
        if name != "*":
            out[alias] = target
            return
        if target not in self.records:
            if target in self.native:
                self.opens.add(module)
            return
        found = self.star(target)
        out.update((n, target) for n in found)
        unsure = self.unsure.get(target, set()) & set(found)
        if record.get("r") and where & BRANCH:  # what stands in for a library where that is not installed
            unsure = set(found)
        if unsure:
            self.unsure[module] = self.unsure.get(module, set()) | unsure
        listed = self.records[target].get("a")
        if target in self.opens and (listed is None or any(n.startswith("*") for n in listed)):
            self.opens.add(module)

    def star(self, module, depth=0):
        record, given = self.records[module], self.bound(module)
        if "bad" in record:
            return []
        if record["a"] is None:
            return [n for n in given if not n.startswith("_")]
        names = [n for n in record["a"] if not n.startswith("*")]
        for name in record["a"]:
            if not name.startswith("*"):
                continue
            alias = name[1:].removesuffix(".__all__")
            target = next((absolute(module, module in self.packages, e[0]) + ("" if e[0].endswith(".") else ".") + e[1]
                           for e in record["i"] if e[1] and e[2] == alias), module + "." + alias)
            if name.endswith(".__all__") and target in self.records and target != module and depth < 8:
                names += self.star(target, depth + 1)
            else:
                names += [n for n in given if not n.startswith("_")]
                self.opens.add(module)
        return names

    def structured(self, module, prefix, out):
        """transformers' define_import_structure(): what every module below lists in `__all__`."""
        base = module + ("." + prefix if prefix else "") + "."
        for other, record in self.records.items():
            if other.startswith(base) and record.get("a"):
                out.update((n, other) for n in record["a"] if not n.startswith("*"))

    # -- classes and functions -----------------------------------------------------------------------------------------

    def base_of(self, module, record, base, aliases):
        """A base as `Name` of this package or `top:Name` of another one."""
        if base == "?":
            return "?"
        head, _, rest = base.partition(".")
        last = (rest or head).rsplit(".", 1)[-1]
        target, name = aliases.get(head, (None, None))
        if target is None:
            return last
        if not self.own(target):
            return target.split(".")[0] + ":" + (last if rest or name is None else name)
        return last if rest else name or last

    def members(self):
        """{class: {"b": bases, "m": attributes, "o": open}} by the bare name; of two classes of one name, both."""
        out = {}
        for module, record in self.records.items():
            if not record.get("c"):
                continue
            aliases = {}
            for target, name, alias, _ in record["i"]:
                target = absolute(module, module in self.packages, target)
                aliases[alias or target.split(".")[0]] = (target, name)
            for qualified, mine in record["c"].items():
                known = out.setdefault(qualified.rsplit(".", 1)[-1], {"b": [], "m": set(), "o": False})
                known["m"].update(mine["m"])
                known["o"] |= mine["o"]
                for base in mine["b"][:BASES_MAX]:
                    base = self.base_of(module, record, base, aliases)
                    if base not in known["b"] and base not in ("object", qualified):
                        known["b"].append(base)
        return out

    def signatures(self):
        """{`function` or `Class.method`: {parameters}}: `x`, `x=`, `**`; and the __init__ that a dataclass gets."""
        out = {}
        for module in self.records:
            for name, parameters in self.records[module].get("f", {}).items():
                parts = name.split(".")
                self.add_signature(out, ".".join(parts[-2:]), parameters, method=len(parts) > 1)
        for name, fields in self.data_classes().items():
            if name + ".__init__" not in out:
                out[name + ".__init__"] = set(fields)
        return out

    @staticmethod
    def add_signature(out, name, parameters, method):
        given = {
            p if not p.startswith("*") else "**" if p.startswith("**") else "*"
            for p in (
                parameters[1:] if method and parameters and parameters[0].rstrip("=") in ("self", "cls") else parameters
            )
        }
        known = out.get(name)
        if known is None:
            out[name] = given
            return
        optional = {
            p.rstrip("=") + "=" for p in (given ^ known) if not p.startswith("*")
        }  # required in one of the two only
        out[name] = {
            p for p in given | known if p.endswith("=") or p.startswith("*") or p + "=" not in optional
        } | optional

    def data_classes(self):
        out, found = {}, {}
        for record in self.records.values():
            for name, mine in record.get("c", {}).items():
                if mine["d"]:
                    found.setdefault(name.rsplit(".", 1)[-1], mine)
        for name, mine in found.items():
            fields, todo, seen = [], [name], set()
            while todo and len(seen) < 32:
                one = found.get(todo.pop())
                if one is None or id(one) in seen:
                    continue
                seen.add(id(one))
                fields += one["f"]
                todo += [b.rsplit(".", 1)[-1] for b in one["b"]]
            out[name] = fields
        return out

    # -- what is asked of other packages -------------------------------------------------------------------------------

    def needs(self):
        """{(module, name)} of other packages that `import` of this one asks for, whatever is installed beside it."""
        todo, seen, out = sorted(self.tops & self.packages), set(), set()
        while todo:
            module = todo.pop()
            if module in seen or module not in self.records:
                continue
            seen.add(module)
            record = self.records[module]
            for target, name, _, where in record.get("i", ()):
                if where & (GUARDED | TYPING | BRANCH | INSIDE):
                    continue
                target = absolute(module, module in self.packages, target)
                if self.own(target):
                    todo += self.chain(target) + ([target + "." + name] if name else [])
                elif target.split(".")[0] not in STDLIB:
                    out.add((target, name if name != "*" else None))
        return out

    @staticmethod
    def chain(module):
        parts = module.split(".")
        return [".".join(parts[:i]) for i in range(1, len(parts) + 1)]
