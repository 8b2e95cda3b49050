"""What a module raises, warns of and logs as an error: the text of each message with `{}` for what is put in at run
time, and what stands around it.

Nothing is executed. A text comes as a literal, an f-string, `%` or `.format()`, a sum of these, or by a name that was
given one of these shortly before; what a hole holds is filled in where it is a constant of the module. Around it: the
tests that lead there, the module whose import failed, the class and function. How sources lie: a message may be any
expression, and be longer than a page, a text may double with each line (a = a + a), a test may be larger than all
messages behind it, and any object may have a method that is called `error`.
"""

import ast
import itertools
import re

from .extract import dotted

TEXT_MAX, MESSAGES_MAX, GUARDS_MAX = 600, 4000, 12
HELD_MAX, NODES_MAX, NAME_MAX = 4 * TEXT_MAX, 1000, 200
ERRORS = ("Error", "Exception", "Warning")
# What prints a message and raises none, by the last word of the call: w a warning, e an error.
WARNS, LOGS = re.compile(r"(?:rank_zero_|_)?warn(?:ing)?(?:_once)?"), re.compile(
    r"(?P<e>error(?:_once)?|critical|exception|fatal)|warn(?:ing)?(?:_once|_advice)?"
)
LOGGER = re.compile(r"(?i)(?:.*[._])?_?log(?:ger|ging)?")


class Messages(ast.NodeVisitor):
    """`found` is a list of {"t": type, "m": text, "f": function, "g": names in the tests around, "x": modules whose
    import failed, "h": names in the holes, "k": strings in the tests, "l": how it is said: "" raised, "w" a warning,
    "e" an error in the log}."""

    def __init__(self, tree):
        self.found, self.path, self.guards, self.failed = [], [], [], []
        self.constants, self.texts = {}, [{}]
        for node in tree.body:
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, (str, int, float))
            ):
                self.constants.update((t.id, str(node.value.value)) for t in node.targets if isinstance(t, ast.Name))
        self.visit(tree)

    # -- where one stands ----------------------------------------------------------------------------------------------

    def inside(self, node):
        self.path.append(node.name)
        guards, self.guards = self.guards, []
        self.texts.append({})
        self.generic_visit(node)
        self.texts.pop()
        self.guards = guards
        self.path.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = inside

    def visit_If(self, node):
        self.visit(node.test)
        self.guards.append(tested(node.test))
        for part in node.body + node.orelse:
            self.visit(part)
        self.guards.pop()

    def visit_Try(self, node):
        for part in node.body + node.orelse + node.finalbody:
            self.visit(part)
        wanted = [n for part in node.body for n in imported(part)]
        for handler in node.handlers:
            caught = (
                dotted(handler.type) if handler.type is not None and not isinstance(handler.type, ast.Tuple) else "?"
            )
            self.failed.append(wanted if "Import" in caught or "ModuleNotFound" in caught or caught == "?" else [])
            for part in handler.body:
                self.visit(part)
            self.failed.pop()

    def visit_Assign(self, node):
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            text = self.text(node.value)
            if text and text[0]:
                self.texts[-1][node.targets[0].id] = text[0][:HELD_MAX], text[1][:GUARDS_MAX]
        self.generic_visit(node)

    # -- messages ------------------------------------------------------------------------------------------------------

    def visit_Raise(self, node):
        call = node.exc
        if isinstance(call, ast.Call) and call.args:
            name = dotted(call.func).rsplit(".", 1)[-1]
            if name.endswith(ERRORS) or name in ("SystemExit", "OptionalDependencyNotAvailable"):
                self.add(name, call.args[0])
        self.generic_visit(node)

    def visit_Assert(self, node):
        if node.msg is not None:
            self.guards.append(tested(node.test))
            self.add("AssertionError", node.msg)
            self.guards.pop()

    def visit_Call(self, node):
        level = printed(dotted(node.func)) if node.args else None
        if level:
            self.add("", node.args[0], level, len(node.args) > 1 and level != "W")
        self.generic_visit(node)

    def add(self, kind, node, level="", filled=False):
        """`filled`: what the text's `%s` stand for are further arguments."""
        text = self.text(node)
        if text is None or len(self.found) >= MESSAGES_MAX:
            return
        if filled:
            text = percent(text[0]), text[1]
        words = [w for guard in self.guards[-4:] for w in guard[0]]
        strings = [s for guard in self.guards[-4:] for s in guard[1]]
        self.found.append(
            {
                "t": kind,
                "l": level.lower(),
                "m": text[0][:TEXT_MAX],
                "h": text[1][:GUARDS_MAX],
                "f": ".".join(self.path[-2:]),
                "g": list(dict.fromkeys(words))[-GUARDS_MAX:],
                "k": list(dict.fromkeys(strings))[:GUARDS_MAX],
                "x": [m for part in self.failed for m in part][:4],
            }
        )

    def text(self, node, depth=0):
        """(text with holes, names in the holes), or None."""
        if depth > 12:
            return None
        if isinstance(node, ast.Constant):
            return (node.value, []) if isinstance(node.value, str) else None
        if isinstance(node, ast.JoinedStr):
            return joined([self.text(p, depth + 1) or ("{}", []) for p in node.values])
        if isinstance(node, ast.FormattedValue):
            return self.hole(node.value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            parts = [self.text(p, depth + 1) or ("{}", []) for p in (node.left, node.right)]
            return joined(parts) if any(p[0] != "{}" for p in parts) else None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            left = self.text(node.left, depth + 1)
            return (percent(left[0]), []) if left else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            inner = self.text(node.func.value, depth + 1)
            if inner and node.func.attr == "format":
                return braces(inner[0]), []
            return inner if inner and node.func.attr in ("strip", "replace", "lstrip", "rstrip") else None
        if isinstance(node, ast.Name):
            for known in (self.texts[-1], self.texts[0]):
                if node.id in known:
                    return known[node.id]
            return (self.constants[node.id], []) if node.id in self.constants else None
        return None

    def hole(self, node):
        name = dotted(node)
        if name in self.constants and len(self.constants[name]) < 80:
            return self.constants[name], []
        return "{}", [name[:NAME_MAX]] if name != "?" else []


def printed(name):
    """How a call by this name says its first argument: "e" and "w" of a logger, "W" of the warnings module, or None."""
    base, _, last = name.rpartition(".")
    if WARNS.fullmatch(last) and base in ("", "warnings"):
        return "W"
    found = LOGS.fullmatch(last) if LOGGER.fullmatch(base) else None
    return None if found is None else "e" if found["e"] else "w"


def tested(node):
    """(names, strings) of a test."""
    words, strings = [], []
    for part in itertools.islice(ast.walk(node), NODES_MAX):
        if isinstance(part, (ast.Name, ast.Attribute)):
            words.append(dotted(part)[:NAME_MAX])
        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and len(part.value) < 60:
            strings.append(part.value)
        elif isinstance(part, ast.Constant) and isinstance(part.value, int) and abs(part.value) < 10 ** 18:
            strings.append(str(part.value))
    return words, strings


def joined(parts):
    return "".join(p[0] for p in parts), [n for p in parts for n in p[1]]


def percent(text):
    out, i = [], 0
    while i < len(text):
        if text[i] != "%":
            out.append(text[i])
            i += 1
            continue
        i += 1
        if text[i:i + 1] == "(":
            i = text.find(")", i) + 1 or len(text)
        while i < len(text) and text[i] in "#0- +.*0123456789":
            i += 1
        out.append("%" if text[i:i + 1] == "%" else "{}")
        i += 1
    return "".join(out)


def braces(text):
    out, depth, i = [], 0, 0
    while i < len(text):
        if text[i:i + 2] in ("{{", "}}") and not depth:
            out.append(text[i])
            i += 2
            continue
        if text[i] == "{":
            depth += 1
        elif text[i] == "}" and depth:
            depth -= 1
            if not depth:
                out.append("{}")
        elif not depth:
            out.append(text[i])
        i += 1
    return "".join(out)


def imported(node):
    if isinstance(node, ast.Import):
        return [a.name.split(".")[0] for a in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [(node.module or "").split(".")[0]]
    if isinstance(node, (ast.With, ast.If)):
        return [n for part in node.body for n in imported(part)]
    return []


def read(tree):
    return Messages(tree).found
