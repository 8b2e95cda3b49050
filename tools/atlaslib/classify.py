"""What a message asks for: something to install, a setting of the launch, a variable, another GPU, another Python; or
nothing but that the caller changes its code.

    i  a distribution, with bounds     p  a setting that is wrong      q  one that this engine, model or GPU does not
    support v  a variable, perhaps with value  h  a GPU that can do it         u  something that the engine cannot do
    and no setting names y  a release of Python             c  the caller's own doing

A table has behind it how the message is said where it is not raised: `iw` is a warning, `ie` an error in the log.

What decides: the words of the message, the tests and the failed import around it (a test of
`server_args.attention_backend` names the setting where the message does not), and where it stands (where settings are
read, where a model is put together, where it computes). How messages lie: names in them may be anything, so that a
distribution counts only when some METADATA of the tables or the list of known packages has it, a setting only when the
package's own parser or configuration defines it.
"""

import re

from packaging.utils import canonicalize_name

LAUNCH = re.compile(
    r"(?:arg_utils|server_args|arg_groups|_hook|launch\w*|/config|/configs?/(?!models)\w+|messages)(?:/\w+){0,2}\.py$"
)
MODEL = re.compile(
    r"transformers_utils|configs/(?:models|sample)|sampling_params|protocol|configuration_\w+\.py|processing_\w+\.py"
)
SETUP = re.compile(
    r"quantization/|model_loader|fused_moe|/moe/|moe_runner|token_dispatcher|"
    r"attention/backends?|attention/\w+_backend\.py|"
    r"speculative|spec_decode|mem_cache|worker/\w*runner|model_executor/models|disaggregation|distributed/\w*transfer|"
    r"component_loader|srt/models/|runtime/models|kv_transfer|connector|platforms/|lora/|dllm/"
)
COMPUTES = re.compile(
    r"\b(?:forward\w*|apply\w*|__call__|propose\w*|decode|prefill|step|execute\w*|"
    r"process_weights\w*|load_weights?|weight_loader|"
    r"get_\w*tensor|encode|__getitem__|_?fused_\w+|set_timesteps|allocate|write|read|put|get|pop|push)$"
)
BUILDS = re.compile(
    r"(?:__init__|__post_init__|_?validate\w*|_?verify\w*|_?check\w*|_?handle\w*|from_\w+|create\w*|"
    r"_?init\w*|_?resolve\w*|"
    r"_?maybe_\w+|_?select\w*|_?get_\w*backend\w*|_?assert\w*|_?ensure\w*|build\w*|_?adjust\w*|"
    r"parse\w*|setup\w*|register\w*)$"
)

REMEDY = (
    r"(?i:\b(?:requires?|use|set|pass|with|needs?|try|specify|add|raise|lower|increase|decrease|reduce|enable(?:"
    r" it)?(?: with)?|disable|"
    r"remove|drop|relaunch with|provide|choose|change|unset|leave|via|must be >=|without)) (?:the |a |an )?"
    r"(?:explicit |positive |different )?[`'\"]?"
)
# What orders, where REMEDY may also describe ("conflicts with --x").
ORDER = (
    r"(?i:\b(?:use|set|pass|try|specify|add|raise|lower|increase|decrease|reduce|enable|disable|remove|drop|provide|"
    r"choose|change|unset|leave|(?:re-?run|re-?launch|re-?start|start)(?: [\w']+){0,3} with)) (?:the |a |an )?[`'\"]?"
)
FLAG = r"(--[a-z][a-z0-9]*(?:[-_][\w-]*\w)?)"
VARIABLE = r"\b([A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9])\b"
GPU = re.compile(
    r"(?i)\b(?:requires?|needs?|only|must)\b[^.]{0,60}(?:\bSM"
    r" ?\d{2,3}|Hopper|Blackwell|Ampere|\bAda\b|\bGB?[123]00\b|\bH[12]00\b|"
    r"NVLS|NVLink|compute capability|capability >=|multicast)"
)
REFUSES = re.compile(
    r"(?i)\b(?:does not|doesn't|do not|not yet|currently not|currently only|only|not)"
    r" supports?(?:ed)?\b|\bunsupported\b|"
    r"\bonly [^.]{1,40} (?:is|are) supported|\b(?:is|are) not (?:currently |yet"
    r" )?(?:supported|compatible|implemented|verified|available)|"
    r"\bincompatible with\b|\bimplemented only\b|\bonly (?:implemented|available|works?)\b|\bsupports?"
    r" (?:only|exactly)\b|\bnot supported\b|\bsupported only\b|\bsupports? [^.;:]{1,60} only\b"
)
# "X is not supported with V"
AGAINST = re.compile(
    r"(?i)\b(?:not (?:yet |currently )?(?:support\w*|compatible|implemented|available|allowed|work)|incompatible|"
    r"unsupported|cannot be (?:used|combined)|conflicts?)\b[^.;:\n]{0,40}\b(?:with|when|under|while|if|and) "
    r"(?:the |using |setting )?[`'\"]?$"
)
NEEDS = re.compile(
    r"(?i)\brequires?\b|\bneeds?\b|\bis required for\b|\bdivisible by\b|\bcannot be"
    r" (?:used|combined|paired)\b|\bexpects?\b|\bmust\b|\binvalid\b|"
    r"\bexclusive\b|\bconflicts?\b|\bset\b|\buse\b"
)
INTERNAL = re.compile(
    r"(?i)contiguous|row-major|\bshape|stride|metadata|\brows?\b|\btensors?\b|\bindex\b|\bindices\b|"
    r"\bdtype\b.{0,20}\bgot\b|"
    r"must be initialized|before\b|callback|\bslot|mapping|\bkeys?\b|batch\.|\bself\.(?!hidden|num)|must be (?:an?"
    r" )?(?:\w+ )?(?:string|str|"
    r"list|dict\w*|tuple|callable|instance|non-empty|positive|non-negative)|\bgot type\b|already registered|for this"
    r" request|"
    r"checkpoint tensor|at least one|empty\b|duplicate|token_ids|not (?:found|bound)|missing|\bprompt"
)
PYTHON = re.compile(r"(not supported on|requires|needs|supported on|use) Python ?([<>=]*) ?(3\.\d+)")
INSTALL = [
    re.compile(p)
    for p in (
        r"pip3? install (?:-[\w-]+ )*[`'\"]?(?!-|\w+\+|https?:)([\w.-]+)",
        r"(?i)(?:please |need to |must |to )install (?:the )?[`'\"]?([\w.-]+)",
        r"(?i)\brequires? (?:the )?(?:following )?[`'\"]?([\w.-]+)[`'\"]? (?:library|package|module)",
        (
            r"(?i)\brequires? (?:the )?[`'\"]?([\w.-]+)[`'\"]? (?:to be |but )?(?:installed|to function|available|it"
            r" was not found)"
        ),
        r"(?i)[`'\"]?\b([\w.-]+)[`'\"]? (?:library |package )?(?:is|are) not installed",
        r"(?i)[`'\"]?([\w.-]+)[`'\"]? (?:library |package |module )?(?:must|needs to|has to) be installed",
        r"(?i)could not import [`'\"]?([\w.-]+)",
        r"(?i)\brequires? (?:the )?installation of [`'\"]?([\w.-]+)",
        r"(?i)\brequires? (?:an? |the )?(?:\w+ )?[`'\"]?([\w.-]+)[`'\"]? installation\b",
        r"(?i)install(?:ing)? (?:the )?[`'\"]([\w.-]+)[`'\"]",
        r"(?i)\bupgrade (?:your )?[`'\"]?([\w-]+)",
    )
]
IMPLIED = re.compile(
    r"(?i)[`'\"]?\b([\w.-]+)[`'\"]? (?:library |package )?(?:is|are) (?:not available|required|missing)"
)
PIP = re.compile(r"pip3? install [^\n`'\"]*")
BOUND = [re.compile(p) for p in (
    r"[`'\"]?\b([A-Za-z][\w.-]*?)[`'\"]?(?: versions?)? ?(>=|==|~=|<=|<|>) ?v?(\d[\d.]*)",
    r"(?i)at least ()[`'\"]?([a-z][\w.-]*)[`'\"]? v?(\d[\d.]*)",
    r"(?i)(?:upgrade|update) (?:to )?()[`'\"]?([a-z][\w.-]*)[`'\"]? to (?:at least )?(?:version )?v?(\d[\d.]*)",
    r"(?i)()\b([a-z][\w.-]*) (?:versions? )?v?(\d+\.\d[\d.]*) or (?:newer|later|higher|above)",
    r"(?i)()\b([a-z][\w.-]*)(?: \w+)? versions? (?:must|has to|needs to|should) be (?:>=|at least) ?v?(\d[\d.]*)")]
BOUNDED = re.compile(r"(?i)\b(?:require|upgrade|install|need|at least|make sure|update|older|newer|version)")
CALLED = {
    "pytorch": "torch",
    "sklearn": "scikit-learn",
    "cv2": "opencv-python-headless",
    "pil": "pillow",
    "flashinfer": "flashinfer-python",
    "flash_attn": "flash-attn",
    "yaml": "pyyaml",
    "deep_gemm": "deep-gemm",
    "deepgemm": "deep-gemm",
    "weights": "wandb",
}
GUARD = re.compile(r"(?:^|\.)(?:_?is_|has_|_?HAS_|HAVE_|_?check_)(\w+?)_?(?:AVAILABLE|available|installed)?$")

PLACES = (
    (r"attention/(?:backends/)?\w+(?:_backend|_attn|)\.py", ("attention_backend",)),
    (r"/moe|fused_moe", ("moe_runner_backend", "moe_backend")),
    (r"quantization/|quant", ("quantization",)),
    (r"specul|spec_decode", ("speculative_algorithm", "speculative_config")),
    (r"kv_transfer|kv_connector", ("kv_transfer_config",)),
    (r"ec_transfer", ("ec_transfer_config",)),
    (r"mem_cache", ("hicache_storage_backend",)),
    (r"lora", ("enable_lora",)),
)


def orders(text, name):
    """Does a message order this setting or variable, and not only tell of it?"""
    word = re.escape(name).replace("_", "[-_]")
    return bool(re.search(ORDER + rf"(?:--)?(?i:{word})\b", text))


class Package:
    """One release: its settings, and the names that may be installed."""

    def __init__(self, settings, variables, distributions, modules):
        self.settings, self.variables, self.distributions, self.modules = settings, variables, distributions, modules
        self.engine = bool(settings)

    def distribution(self, word):
        word = word.strip(".,;:`'\"").split("[")[0]
        name = CALLED.get(word.lower()) or self.modules.get(word) or canonicalize_name(word)
        return name if name in self.distributions else None

    # -- what is asked for ---------------------------------------------------------------------------------------------

    def install(self, message):
        text = message["m"]
        bounds = {}
        for i, pattern in enumerate(BOUND):
            for a, b, c in pattern.findall(text):
                name = self.distribution(a if i == 0 else b)
                if name and c.strip("."):
                    bounds.setdefault(name, (b if i == 0 else ">=") + c.strip("."))
        for pattern in INSTALL:
            for word in pattern.findall(text):
                name = self.distribution(word)
                if name:
                    extra = re.search(r"(?i)pip3? install [`'\"]?" + re.escape(word) + r"(\[[\w,-]+\])", text)
                    return name, (extra[1] if extra else "") + bounds.get(name, "")
        if bounds and BOUNDED.search(text):
            return next(iter(bounds.items()))
        if message["x"] and "Import" in message["t"] + "ModuleNotFound" and len(set(message["x"])) == 1:
            name = self.distribution(message["x"][0])
            if name and re.search(r"(?i)install|require|available|import|found|need", text):
                return name, ""
        if "Import" in message["t"] or "install" in text.lower():
            for word in IMPLIED.findall(text):
                if self.distribution(word):
                    return self.distribution(word), bounds.get(self.distribution(word), "")
        for word in message["g"]:
            found = GUARD.search(word)
            name = found and self.distribution(found[1])
            if (
                name
                and message["t"] in ("ImportError", "ModuleNotFoundError", "RuntimeError")
                and name.split("-")[0] in text.lower()
            ):
                return name, ""
        return None

    def flag(self, name):
        name = name.lstrip("-").replace("-", "_")
        return name if name in self.settings else None

    def named(self, message, launch):
        """(setting, does the message itself name it) or None."""
        text = message["m"]
        for pattern in (REMEDY + FLAG, FLAG):  # what a package's own text writes as a flag is one
            for word in re.findall(pattern, text):
                return word.strip("-").replace("-", "_"), True
        word = r"(?<![\w.-])((?:[a-z]+_)+[a-z0-9]+)(?![\w(])"
        for pattern in (REMEDY + word, word):
            for name in re.findall(pattern, text):
                if self.flag(name):
                    return name, True
        given = re.search(r"\b([a-z]+_(?:[a-z]+_)*(?:backend|format|mode|policy|dtype))=\w", text)
        if given:
            return given[1], True
        if launch is None:
            return None
        for name in (*message["h"], *message["g"]):
            base, _, last = name.rpartition(".")
            if self.flag(last) and "_" in last and re.search(r"(?:args|configs?|cfg|view|self)$", base):
                return self.flag(last), False
        for name in message["g"]:
            word = name.rsplit(".", 1)[-1].removeprefix("get_")
            if "_" in word and self.flag(word) and (launch or word != name):
                return word, False
        return self.described(message) if self.where(message) in ("launch", "setup") else None

    def described(self, message):
        """A setting whose words stand in the message one after the other, or make up the tested value and the place."""
        words = re.findall(r"[a-z0-9]+", message["m"].lower())
        for n in (4, 3, 2):
            for i in range(len(words) - n + 1):
                name = "_".join(words[i:i + n])
                if self.flag(name) or self.flag(name.removesuffix("s")):
                    return self.flag(name) or name.removesuffix("s"), False
        place = set(re.findall(r"[a-z0-9]+", message["file"].lower()))
        for name in message["g"]:
            parts = re.findall(r"[a-z0-9]+", name.lower())
            fits = (
                [
                    s
                    for s in self.settings
                    if s.count("_") >= 2 and s.endswith("_" + parts[-1]) and set(s.split("_")) <= place | set(parts)
                ]
                if parts
                else []
            )
            if len(fits) == 1:
                return fits[0], False
        return None

    def of_place(self, message):
        """What a part of an engine is chosen by."""
        text = message["m"]
        if re.search(r"(?i)\b(?:use|choose|take) (?:an? |the |another )?[^.;]{0,40}\b(?:checkpoint|model)\b", text):
            return "model"
        if re.search(r"(?i)activation dtype|supported dtypes|\bdtypes?\b", text):
            return "dtype"
        for pattern, names in PLACES:
            if re.search(pattern, message["file"]):
                return next((n for n in names if n in self.settings or n == "quantization"), "")
        return ""

    def variable(self, text):
        for pattern in (REMEDY + VARIABLE, VARIABLE):
            for match in re.finditer(pattern, text):
                if match[1] in self.variables:
                    value = re.match(
                        r"[`'\"]?(?:=[`'\"]?|(?: to )(?=[`'\"\d]|true|false|[A-Z])[`'\"]?)([\w./:-]+)",
                        text[match.end() :],
                    )
                    if self.against(text, match):
                        return match[1], "-"
                    return match[1], (value[1].rstrip(".,;:") if value else "")
        return None

    def against(self, text, match):
        """Is the variable that matched to go, or what the rest does not go with?"""
        before = text[:match.start(1)]
        return bool(re.search(r"(?i)\b(?:unset|remove) [`'\"]?$", before) or AGAINST.search(before))

    def rather(self, text, setting):
        """Is the variable what is asked for, and not the setting beside it?"""
        if re.search(REMEDY + FLAG, text):
            return False
        return bool(re.search(REMEDY + VARIABLE, text)) or not re.search(FLAG + "|" + REMEDY + setting, text)

    def where(self, message):
        path = message["file"]
        if MODEL.search(path):
            return "model"
        if LAUNCH.search(path):
            return "launch"
        return "setup" if SETUP.search(path) else None

    def __call__(self, message):
        """(class, name, more)."""
        text = message["m"]
        python = PYTHON.search(text)
        if python:
            until = python[1].startswith("not") != python[2].startswith("<")
            return "y", "python", ("<" if until else ">=") + python[3]
        install = self.install(message)
        if install and message["t"] != "TypeError":
            return ("i", *install)
        if not self.engine:
            if "testing" in message["file"]:
                return "c", "", ""
            variable = (
                self.variable(text) if re.search(r"(?i)\bset\b|\bexport\b|environment|must be|unset", text) else None
            )
            return ("v", *variable) if variable else ("c", "", "")
        text = PIP.sub(" ", text)  # its options are pip's
        return self.of_engine({**message, "m": text}, text)

    def of_engine(self, message, text):
        where, function = self.where(message), message["f"].rsplit(".", 1)[-1]
        builds = bool(BUILDS.match(function)) or where == "launch"
        inner = where == "model" or message["t"] == "TypeError" or COMPUTES.search(function) and where != "launch"
        if inner and not re.search(FLAG, text) and not GPU.search(text):
            other = REFUSES.search(text) and where != "model" and self.of_place(message) == "model"
            return ("u", "model", "") if other else ("c", "", "")
        ordered = bool(re.search(ORDER + FLAG, text))
        if GPU.search(text) and not ordered and not re.search(r"(?i)\btensors?\b", text):
            return "h", "", ""
        named = self.named(message, where == "launch" if builds or where else None)
        variable = self.variable(text)
        if (
            variable
            and (not named or not named[1] or self.rather(text, named[0]))
            and re.search(r"(?i)\brequires?\b|\bset\b|\bmust\b|\bneeds?\b|=1|=0|\buse\b|support|unset", text)
        ):
            return ("v", *variable)
        refuses = bool(REFUSES.search(text))
        if named and (refuses or ordered or NEEDS.search(text)) and (named[1] or not INTERNAL.search(text)):
            if named[1] and not (where or builds or "--" in text or named[0] + "=" in text):
                return "c", "", ""
            return ("q" if refuses else "p"), named[0], "" if named[1] else "g"
        if (where == "setup" or where == "launch") and (refuses or NEEDS.search(text)) and not INTERNAL.search(text):
            return "u", self.of_place(message), ""
        return "c", "", ""


FLAGS = re.compile(rb"[\"'` ]--([a-z][a-z0-9]{1,40}(?:[-_][a-z0-9]{1,40}){1,12})[\"'` =.,;:)]")
FIELDS = re.compile(rb"^    (?=\w{1,80}: )([a-z]\w+_\w+): ", re.M)
OF_PARSER = re.compile(r"(?:arg_utils|server_args|arg_groups/fields/\w+|/messages)\.py$")
ASKED = re.compile(
    rb"(?:environ(?:\.\w{1,40})?|getenv|getenv_\w{1,40}|get_bool_env_var|env_\w{1,40})\s{0,80}[(\[]"
    rb"\s{0,80}[\"']([A-Z][A-Z0-9]*_[A-Z0-9_]+)[\"']"
)
DECLARED = re.compile(rb"^ +[\"']?([A-Z][A-Z0-9]*_[A-Z0-9_]+)[\"']? ?[:=]", re.M)
ENVIRONMENT = re.compile(r"/(?:envs|environ|env_vars?)\.py$")


def words(path, text):
    """(settings, variables) that a module defines or asks for, by where it stands."""
    settings, variables = set(), set(ASKED.findall(text))
    if LAUNCH.search(path) or "/cli" in path:
        settings.update(m.replace(b"-", b"_") for m in FLAGS.findall(text))
    if OF_PARSER.search(path):
        settings.update(FIELDS.findall(text))
    if ENVIRONMENT.search(path):
        variables.update(DECLARED.findall(text))
    return sorted(m.decode() for m in settings), sorted(m.decode() for m in variables)
