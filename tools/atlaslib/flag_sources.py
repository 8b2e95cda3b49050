"""The options of an inference engine out of its own source: argparse and dataclasses in Python, clap in Rust, tables in
C++, environment variables in Go; and the architectures of models that it serves. Nothing is executed; what cannot be
read is left out.

An option is {"names": ["--tp-size", "--tensor-parallel-size"], "default": "1", "choices": "auto,half", "help": "..."},
with "switch" where it takes no value; a variable of the environment and an architecture are one by their name.
"""

import ast
import re

CHOICES_MAX, TEXT_MAX = 400, 300
VARIABLE = re.compile(r"(?:VLLM|SGLANG|SGL|OLLAMA|LMDEPLOY|LLAMA_ARG)_[A-Z0-9_]+\Z")


def option(names, default=None, choices=(), text="", switch=False):
    values = ",".join(str(c) for c in choices)
    return {"names": list(dict.fromkeys(names)), "default": "" if default is None else str(default)[:60],
            "choices": values if len(values) <= CHOICES_MAX else "", "help": " ".join(text.split())[:TEXT_MAX],
            "switch": switch}


# ---- Python ----


class Known:
    """What names of these sources stand for: lists, literal types, defaults of classes."""

    def __init__(self, trees):
        self.values, self.classes = {}, {}
        for tree in trees:
            for node in tree.body:
                if isinstance(node, ast.ClassDef):
                    self.classes[node.name] = {f.target.id: f for f in node.body
                                               if isinstance(f, ast.AnnAssign) and isinstance(f.target, ast.Name)}
                elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                    if isinstance(target, ast.Name):
                        self.values[target.id] = node.value

    def value(self, node, depth=0):
        """The literal that an expression is, None where nobody sees."""
        if depth > 8 or node is None:
            return None
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            pass
        if isinstance(node, ast.Name):
            return self.value(self.values.get(node.id), depth + 1)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            field = self.classes.get(node.value.id, {}).get(node.attr)
            return self.value(field.value, depth + 1) if field else None
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("list", "sorted", "Field"):
            return self.value(next(iter(node.args), None), depth + 1) or next(
                (self.value(k.value, depth + 1) for k in node.keywords if k.arg == "default"), None)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            parts = [self.value(side, depth + 1) for side in (node.left, node.right)]
            same = type(parts[0]) is type(parts[1]) and isinstance(parts[0], (list, str, tuple))
            return parts[0] + parts[1] if same else None
        return None

    def literal(self, node, depth=0):
        """The values of a type that is written as Literal[...], with or without others beside it."""
        if depth > 8 or node is None:
            return []
        if isinstance(node, ast.Name):
            return self.literal(self.values.get(node.id), depth + 1)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                return self.literal(ast.parse(node.value, mode="eval").body, depth + 1)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return []
        if isinstance(node, ast.BinOp):
            sides = [self.literal(side, depth + 1) for side in (node.left, node.right)]
            open_ended = any(isinstance(s, ast.Name) and s.id == "str" for s in (node.left, node.right))
            return [] if open_ended else sides[0] + sides[1]
        if isinstance(node, ast.Subscript):
            inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            name = getattr(node.value, "id", getattr(node.value, "attr", ""))
            if name == "Literal":
                values = [self.value(i, depth + 1) for i in inner]
                return [v for v in values if isinstance(v, (str, int))]
            if name in ("Optional", "Annotated", "A"):
                return self.literal(inner[0], depth + 1)
        return []

    def field(self, name):
        """Annotation and value of a setting in the engine's arguments, followed to the class that it is taken from."""
        for holder in ("EngineArgs", "AsyncEngineArgs", "ServerArgs"):
            field = self.classes.get(holder, {}).get(name)
            if field:
                value = field.value
                if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
                    source = self.classes.get(value.value.id, {}).get(value.attr)
                    return (source.annotation if source else field.annotation), value
                return field.annotation, value
        return None, None


def is_switch(annotation):
    return isinstance(annotation, ast.Name) and annotation.id == "bool"


def of_call(call, known):
    """parser.add_argument("--x", default=..., choices=...)"""
    names = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    names = [n for n in names if re.match(r"--?[A-Za-z]", n)]
    if not names:
        return None
    given = {k.arg: k.value for k in call.keywords if k.arg}
    dest = names[0].lstrip("-").replace("-", "_")
    annotation, value = known.field(known.value(given.get("dest")) or dest)
    default = known.value(given["default"] if "default" in given else value)
    action = given.get("action")
    action = known.value(action) or getattr(action, "attr", getattr(action, "id", ""))
    choices = known.value(given.get("choices")) or known.literal(annotation)
    text = known.value(given.get("help"))
    return option(names, default if isinstance(default, (str, int, float)) else None,
                  choices if isinstance(choices, (list, tuple)) else (), text if isinstance(text, str) else "",
                  str(action).startswith("store_") or "Boolean" in str(action) or is_switch(annotation))


def of_field(field, known, plain):
    """name: A[int, Arg(help=..., aliases=[...])] = 1, or a plain field of a class whose fields are flags."""
    annotated = isinstance(field.annotation, ast.Subscript) and getattr(field.annotation.value, "id", "") in (
        "A", "Annotated")
    if not annotated and not plain:
        return None
    given, text, inner = {}, "", field.annotation
    if annotated and isinstance(field.annotation.slice, ast.Tuple):
        inner, *more = field.annotation.slice.elts
        for part in more:
            if isinstance(part, ast.Call) and getattr(part.func, "id", "") == "Arg":
                given = {k.arg: k.value for k in part.keywords if k.arg}
            elif isinstance(part, ast.Call) and getattr(part.func, "id", "") == "Derived":
                return None
            elif isinstance(known.value(part), str):
                text = known.value(part)
    if known.value(given.get("no_cli")):
        return None
    name = known.value(given.get("cli_name")) or "--" + field.target.id.replace("_", "-")
    aliases = known.value(given.get("aliases")) or []
    choices = known.value(given.get("choices")) or known.literal(inner)
    default, said = known.value(field.value), known.value(given.get("help"))
    return option([name, *(a for a in aliases if isinstance(a, str))],
                  default if isinstance(default, (str, int, float)) else None,
                  choices if isinstance(choices, (list, tuple)) else (), said if isinstance(said, str) else text,
                  is_switch(inner))


# vLLM and LMDeploy keep a registry, in SGLang each module of a model names its classes.
MODELS = re.compile(r"/models/|/supported_models\.py")
REGISTERED = re.compile(r"""^\s+['"]?([A-Z]\w{3,59})['"]?\s*(?::\s*[(f]|=\s*['"])""", re.M)
ENTRY = re.compile(r"^EntryClass\s*=\s*(\[[^\]]*\]|\w+)", re.M)


def architectures(text):
    names = REGISTERED.findall(text) + re.findall(r"\b[A-Z]\w{3,59}", " ".join(ENTRY.findall(text)))
    return [option([name]) for name in dict.fromkeys(names)]


def python(sources):
    trees, found = [], []
    for path, text in sorted(sources.items()):
        if MODELS.search(path):
            found += architectures(text)
            continue
        try:
            trees.append(ast.parse(text))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    known = Known(trees)
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
                found.append(of_call(node, known))
            elif isinstance(node, ast.ClassDef):
                plain = node.name.endswith("FrontendArgs")
                found += [of_field(f, known, plain) for f in node.body
                          if isinstance(f, ast.AnnAssign) and isinstance(f.target, ast.Name)]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and VARIABLE.match(node.value):
                found.append(option([node.value]))
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and VARIABLE.match(node.id):
                found.append(option([node.id]))
    return [f for f in found if f]


# ---- others ----

CLAP = re.compile(r"((?:\s*///[^\n]*\n)*)((?:\s*#\[[^\n]*\]\n)+)\s*(?:pub )?(\w+): ([\w:<>]+),")
ENUM = re.compile(r"enum (\w+) \{(.*?)\n\}", re.S)


def kebab(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower().replace("_", "-")


def rust(sources):
    """Fields of a struct that clap derives: #[clap(default_value = "1", long, env)] name: Option<usize>"""
    found, text = [], "\n".join(text for _, text in sorted(sources.items()))
    values = {}
    for m in ENUM.finditer(text):
        variants = re.findall(r"((?:\s*#\[[^\n]*\]\n)*)\s*(\w+),", re.sub(r"\s*//[^\n]*", "", m[2]))
        values[m[1]] = [named[1] if (named := re.search(r'name = "([^"]+)"', marks)) else kebab(v)
                        for marks, v in variants]
    for m in CLAP.finditer(text):
        if not re.search(r"\b(?:clap|arg)\(", m[2]) or not re.search(r"\blong\b", m[2]):
            continue
        name = re.search(r'\blong = "([^"]+)"', m[2])
        flag = "--" + (name[1] if name else m[3].replace("_", "-"))
        default = re.search(r'default_value(?:_t)? = "?([^",)]+)', m[2])
        short = re.search(r"\bshort(?: = '(\w)')?", m[2])
        variable = re.search(r'\benv(?: = "(\w+)")?', m[2])
        inner = re.sub(r"Option<(\w+)>", r"\1", m[4])
        names = [flag] + (["-" + (short[1] or m[3][0])] if short else [])
        names += [variable[1] or m[3].upper()] if variable else []
        found.append(option(names, default and default[1], values.get(inner, ()), m[1].replace("///", ""),
                            inner == "bool"))
    return found


def go(sources):
    """envconfig.Bool("OLLAMA_DEBUG"), Uint("OLLAMA_NUM_PARALLEL", 0)"""
    found = []
    for _, text in sorted(sources.items()):
        found += [option([m[2]], m[3], (), "", m[1] == "Bool") for m in
                  re.finditer(r'\b(\w+)\("(OLLAMA_[A-Z0-9_]+)"(?:, (\w+))?\)', text)]
        found += [option([m]) for m in re.findall(r'"(OLLAMA_[A-Z0-9_]+)"', text)]
    return found


def triton(sources):
    """{OPTION_HTTP_PORT, "http-port", Option::ArgInt, "The port ..."}"""
    found = []
    for _, text in sorted(sources.items()):
        for m in re.finditer(r'\{OPTION_\w+,\s*"([\w-]+)",\s*(?:Option::)?(\w+),\s*((?:"[^"]*"\s*)*)', text):
            found.append(option(["--" + m[1]], None, (), "".join(re.findall(r'"([^"]*)"', m[3])), m[2] == "ArgNone"))
        found += [option(["--" + m]) for m in
                  re.findall(r'\{\s*"([a-z][a-z-]{3,})",\s*(?:no|required|optional)_argument', text)]
    return found


def llama(sources):
    """add_opt(common_arg({"-c", "--ctx-size"}, ...).set_env("LLAMA_ARG_CTX_SIZE")); before: if (arg == "-c" || ...)"""
    found = []
    for _, text in sorted(sources.items()):
        for m in re.finditer(r"add_opt\(\s*(?:common_arg|llama_arg)\(\s*(.*?)(?=\badd_opt\(|\Z)", text, re.S):
            head = m[1][:400].split("string_format")[0]
            names = re.findall(r'"(--?[A-Za-z][\w-]*)"', head[:head.find("[](") if "[](" in head else 300])
            variable = re.search(r'set_env\("(\w+)"\)', m[1])
            if names:
                found.append(option(names + ([variable[1]] if variable else [])))
        for m in re.finditer(r'if \((arg == "--?[A-Za-z][^\n{]*)\)', text):
            found.append(option(re.findall(r'arg == "(--?[A-Za-z][\w-]*)"', m[1])))
    return [f for f in found if f["names"]]
