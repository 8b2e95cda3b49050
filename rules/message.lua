-- Messages that state their own remedy. A library that knows what it lacks says so in its exception: install this,
-- upgrade that. Read when no rule knows the case better; what is installed decides whether it can be true.

-- Distribution names of what messages call otherwise.
local CALLED = {
  pytorch = "torch", ["huggingface_hub"] = "huggingface-hub", sklearn = "scikit-learn", cv2 = "opencv-python-headless",
  pil = "pillow", weights = "wandb", flashinfer = "flashinfer-python", ["flash_attn"] = "flash-attn",
  tensorrt_llm = "tensorrt-llm", deepgemm = "deep-gemm", te = "transformer-engine", flashattention = "flash-attn",
}

-- The distribution that a word of a message means; nil when no such package is known.
local function package(word)
  word = word and word:lower():match[=[^[`'"]*([a-z0-9][\w.-]*?)(?:\[[\w,-]+\])?[.,;:`'"]*$]=]
  if not word then return nil end
  return know.package(CALLED[word] or word)
end

-- Raised by a package, not by the worker's own code: only then is it about what is installed.
local function by_library(hit)
  return next(hit.event.emitters or {}) ~= nil and not hit.event.emitters.app
end

local function message_of(hit)
  return hit.event.message and hit.event.message ~= "" and hit.event.message or hit.text
end

-- ---- a package, or another release of it ----

-- Bounds in a message: "torch>=2.6", "torch >= 2.6", "PyTorch 2.0 or newer", "at least v2.6".
local BOUNDS = {
  [=[(?i)[`'"]?([a-z][\w.-]*)[`'"]?(?: versions?)? ?(>=|==|~=|<=|<|>) ?v?(\d[\w.]*)]=],
  [=[(?i)at least ()[`'"]?(?=[a-z])([a-z][\w.-]*)[`'"]? v?(\d[\w.]*)]=],
  [=[(?i)(?:upgrade|update) (?:to )?(?:your )?()[`'"]?([a-z][\w.-]*)[`'"]? to (?:at least )?(?:version )?v?]=]
    .. [[(\d[\w.]*)]],
  [=[(?i)(?:upgrade|update) to ()[`'"]?([a-z][\w.-]*)[`'"]? (?:version )?v?(\d+\.\d[\w.]*)]=],
  [[(?i)(?:requires|needs) ()[`'"]?([a-z][\w.-]*)[`'"]? (?:version )?v?(\d+\.\d[\w.]*)(?: or (?:newer]]
    .. [[|later|higher|above)|\+)]],
  [[(?i)()\b([a-z][\w.-]*) (?:versions? )?v?(\d+\.\d[\w.]*) or (?:newer|later|higher|above)]],
  [=[(?i)()[`'"]?\b([a-z][\w.-]*)[`'"]?(?: \w+)? versions? (?:of |(?:must|has to|needs to|should) be )?]=]
    .. [=[(?:>=|at least) ?v?(\d[\w.]*)]=],
}

-- Where a message asks: an instruction, a condition, and what is left, which only describes.
local ORDERS = [[(?i)\b(?:(?:up|down)grade|update|(?:re)?install|pin|downgrading|upgrading)\b]]
local ASKS = [[(?i)(?:\brequire|\bneeds?\b|\bmust\b|\bat least\b|\bminimum\b|\bexpects?\b|]]
  .. [[\bonly (?:supports?|works?)\b|\bor (?:newer|later|higher|above)\b|\bolder than\b)]]
local DENIES = [[(?i)(?:\bnot\b|n't\b|\bcannot\b|\bno longer\b|\bno-op\b|\brefus(?:es?|ing)\b|\bbroken\b|\bcrash|]]
  .. [[\bincompatible\b|\bunsupported\b|\bfails?\b)]]
local TURNED = {["<"] = ">=", ["<="] = ">", [">"] = "<=", [">="] = "<"}

local function bound_of(clause, text)
  for i, pattern in ipairs(BOUNDS) do
    for a, b, c in clause:gmatch(pattern) do
      local name = package(i == 1 and a or b)
      local number = c:match[[^\d+(?:\.\d+)*]]
      local quoted = i == 1 and "`" .. a .. b .. c -- written as a requirement: a distribution, known or not
      if not name and quoted and text:find(quoted, 1, true) then name = a:gsub("_", "-") end
      if name and number then return name, i == 1 and b or ">=", number end
    end
  end
end

-- "xformers 0.0.29 has a broken ..."; "your transformers version is too old".
local AGED = {
  [=[(?i)\b([a-z][\w-]+)(?: version)?(?: is)? v?\d+\.\d]=],
  [=[(?i)\b([a-z][\w-]+)[`'"]?(?: version| library| package)? (?:is|seems) (?:too old|outdated|out of date)]=],
}

-- "does not work with transformers>=5. Please downgrade to transformers==4.57" holds two bounds, and asks for one. What
-- is said not to do, the releases on the other side of it do.
local function stated_bound(text)
  local found = {}
  for _, clause in ipairs(text:gsub([=[(?:[.;!?](?=\s)|,? \b(?:but|however|please)\b)]=], "\n"):split("\n")) do
    local name, op, number = bound_of(clause, text)
    if clause:match[[(?i)\b(?:deprecated|removed|dropped) (?:\w+ ){0,3}(?:in|since|from|as of)\b]] then name = nil end
    local order, denied = clause:match(ORDERS) ~= nil, clause:match(DENIES) ~= nil
    local rank = order and 1 or clause:match(ASKS) and 2 or denied and 4 or 3
    if name and rank == 4 then op = TURNED[op] end
    if name and op and not found[rank] then found[rank] = {name, op .. number} end
  end
  local best = found[1] or found[2] or found[3] or found[4]
  if best then return best[1], best[2] end
  -- "... helpers of PR 30 (>= 0.6.11). Upgrade flashinfer-python"
  local least = text:match[=[\(>= ?v?(\d[\d.]*)\)]=]
  local name = least and package(text:match[=[(?i)\bupgrade (?:your )?[`'"]?([a-z][\w-]+)]=])
  if name then return name, ">=" .. least end
  -- "xformers 0.0.29 has a broken ... Please upgrade to >= 0.0.33"; "requires version >=4.40, but current X version is"
  least = text:match[=[(?i)\bupgrade (?:it )?to (?:at least |version |>= ?)+v?(\d[\d.]*)]=]
    or text:match[=[(?i)\brequires? version ['"(\[]*>= ?v?(\d[\d.]*)]=]
  if not least then return nil end
  for _, pattern in ipairs(AGED) do
    for word in text:gmatch(pattern) do
      name = package(word)
      if name then return name, ">=" .. least:gsub([[\.$]], "") end
    end
  end
end

-- An address instead of a name: what lies there is what is asked for, and no registry has it for certain.
local ADDRESS = [=[(?:git\+)?(?:https?|ssh)://[^\s`'"<>)]+]=]

-- Names in a message's own request, most explicit first.
local ARTICLE = [=[(?:the |either |both |a |an |latest |newer |official )*[`'"]?]=]
local REQUESTS = {
  [=[pip3? install (?:--?[a-zA-Z][\w-]* )*[`'"]?([\w.-]+)]=],
  "(?:^|[.;:!] |[Pp]lease |need to |must |to )[Ii]nstall " .. ARTICLE .. [=[([\w.-]+)]=],
  [[requires? (?:the )?(?:following )?[`'"]?([\w.-]+)[`'"]? (?:library|package|module)?s? ?(?:to be ]]
    .. [[|but )?(?:installed|to function|to be available|it was not found|is not)]],
  [=[requires? (?:the )?[`'"]?([\w.-]+)[`'"]? (?:library|package)]=],
  [=[[`'"]?([\w.-]+)[`'"]? (?:library |package |dictionary )?(?:is )?not (?:being )?installed]=],
  [=[[`'"]?([\w.-]+)[`'"]? (?:library |package |module )?(?:must|needs? to|ha(?:s|ve) to) be installed]=],
  [=[[`'"]?([\w.-]+)[`'"]? (?:library |package )?is not available, (?:please )?install it]=],
  [=[(?:[Cc]ould not|[Ff]ailed to|[Uu]nable to) import [`'"]?([\w-]+)]=],
  [=[(?i)\b(?:upgrad|updat)(?:e|ing) (?:to )?(?:your |the |a |newer |latest |version of )*[`'"]?([\w.-]+)]=],
  [=[requires? (?:the )?installation of [`'"]?([\w.-]+)]=],
  [=[(?i)\b(?:use|install|requires?|needs?) (?:a |an )?(?:newer |recent |later )*[`'"]?([\w-]+)[`'"]? ]=]
    .. [=[(?:version|build|release)s? (?:with|that (?:has|supports|includes)|having)\b]=],
  [=[requires? (?:an? |the )?(?:\w+ )?[`'"]?([\w.-]+)[`'"]? installation\b]=],
  [=[(?i)\b(?:your|the) (?:current |installed )?[`'"]?([\w.-]+)[`'"]? version\b[^\n]{0,80}\b(?:upgrade|update)\b]=],
  [=[(?i)[`'"]?\b([\w.-]+)[`'"]?(?: version)? is (?:too old|outdated)\b[^\n]{0,40}\b(?:upgrade|update)\b]=],
  [=[(?i)\bdepends on (?:an? )?(?:newer|later|more recent) (?:version|release) of [`'"]?([\w.-]+)]=],
  [=[(?i:make sure|ensure|check)\b[^\n.;:]{0,70}?[`'"]?\b([\w.-]+)[`'"]? (?:is|are) installed\b]=],
  [=[(?i:make sure|ensure) (?:that )?you have [`'"]?([\w.-]+)[`'"]? installed\b]=],
  [=[[`'"]?\b([\w.-]+)[`'"]? (?:is|are) (?:required|needed)\b[^\n]{0,60} not (?:installed|found|available)\b]=],
}

-- Forms that leave no doubt that a distribution is meant, also one that nobody here knows.
local EXPLICIT = {
  [=[pip3? install (?:-[\w-]+ )*[`'"]?([a-z][\w.-]+)]=],
  [=[requires? (?:the )?[`'"]?([a-z][\w.-]+)[`'"]?(?: (?:or|and|/) [`'"]?[\w.-]+[`'"]?)*(?: packages?)? to be ]=]
    .. [=[(?:installed|available)]=],
  [=[requires? (?:the )?[`'"<]([a-z][\w.-]+)[`'">] (?:library|package|module)]=],
  [=[<([a-z][\w.-]+)> to be installed]=],
  [=[[Ii]nstall the [`'"]?([a-z][\w.-]+)[`'"]? package]=],
  [=[the [`'"]([a-z][\w.-]+)[`'"] package is installed]=],
  [=[[Tt]he [`'"]?([a-z][\w.-]+)[`'"]? (?:library|package|module) (?:must|needs to|has to) be installed]=],
  [=[[Ii]nstall (?:the |either |both )*[`'"]([a-z][\w.-]+)(?:\[[\w,-]+\])?[`'"]]=],
  [=[[Ii]nstall ([a-z][\w.-]+)\[[\w,-]+\]]=],
  [=[requires? (?:the )?[`'"]?([a-z][\w-]+)[`'"]?(?: package| library)?, which is not (?:installed|available)]=],
  [=[(?i:could not|cannot|failed to|unable to) import [`'"]?([a-z][\w-]+)\b[^\n]{0,60}]=]
    .. [=[(?:[Ii]nstall(?:ation)? (?:it|this|instructions)|is installed)\b]=],
  [=[requires? (?:the )?installation of [`'"]?([a-z][\w-]+)]=],
  [=[(?<!-)\b[`'"]?([a-z][\w-]+)[`'"]? (?:package|library) (?:is )?(?:needed|required)\b]=],
  [=[\b(?:package|library|dependency) [`'"]([a-z][\w-]+)[`'"] (?:is|was) not (?:installed|found|available)\b]=],
  [=[\b(?:needs|requires) [`'"]?([a-z]\w*(?:-\w+)+)[`'"]? ?(?:[>=]= ?v?\d|v?\d+\.\d[\w.]* or ]=]
    .. [=[(?:newer|later|higher|above))]=],
  [=[\b([a-z][\w-]+) v?\d+\.\d[\w.]* or (?:newer|later|higher|above)\b[^\n]{0,60}\b(?:upgrade|update) ]=]
    .. [=[(?:your |the )?\1\b]=],
}
local NO_NAME = {git = true, the = true, them = true, it = true, this = true, these = true, following = true,
  from = true, all = true, requirements = true, dependencies = true, drivers = true, driver = true, packages = true,
  module = true, package = true, library = true, model = true, file = true, data = true, cuda = true, nvidia = true,
  distributed = true, python = true, optional = true, external = true, required = true, additional = true, extra = true,
  missing = true, dependency = true, backend = true, another = true, core = true, kernel = true, new = true,
  latest = true, such = true, no = true, ["in"] = true, to = true, ["for"] = true, ["and"] = true, by = true, is = true,
  other = true, some = true, which = true, that = true, your = true, one = true,
  system = true, source = true, version = true}
-- What a build from source needs beside what is asked for.
local TOOLS = {ninja = true, wheel = true, setuptools = true, packaging = true, pip = true, cmake = true, uv = true}

-- The same where nothing but an import failed, or where the whole message is the request.
local OF_IMPORTS = {
  [=[^\s*(?:[Pp]lease |You (?:must|need to) )?(?:pip )?[Ii]nstall [`'"]?([a-z][\w.-]*)[`'"]?]=]
    .. [=[(?=[.,;:]?\s*$|\s(?:v?\d|version|before|to|for|or|and|via|with|first|package|library|locally)\b)]=],
  [=[^[`'"]?([a-z][a-z0-9]*(?:[-_][a-z0-9]+)*)[`'"]? (?:package |library |module )?(?:is |was )?not ]=]
    .. [=[(?:installed|found|available)\b]=],
}
-- "hidden_size is required" is asserted as well: only of what cannot be imported.
local OF_LACKS = {
  [=[^[`'"]?([a-z][a-z0-9]*(?:[-_][a-z0-9]+)*)[`'"]? (?:is|are) (?:required|needed|missing)\b]=],
  [=[(?:^|[\s,;:.][`'"]?)([a-z][a-z0-9]*(?:[-_][a-z0-9]+)*)[`'"]? (?:needs? to|must|ha(?:s|ve) to) be installed\b]=],
  [=[(?i:make sure|ensure|check)(?: that)? [`'"]?([a-z][a-z0-9]*(?:[-_][a-z0-9]+)*)[`'"]? (?:is|are) installed\b]=],
  [=[(?i:\b(?:package|module|library|dependency|dependencies)s?(?: is| are)? ]=]
    .. [=[(?:not installed|missing|not found|required): ?)[`'"]?([a-z][\w-]+)]=],
  [=[(?i:\bmissing (?:required |optional )?(?:package|module|library|dependency|dependencies)s?:? )]=]
    .. [=[[`'"]?([a-z][\w-]+)]=],
}
local LACKS = [[^(?:.*\.)?(?:\w*ImportError|ModuleNotFoundError|\w*Dependenc\w+|\w*NotInstalled\w*)$]]

-- 'install "vectors" extra': one of the package that says it.
local EXTRA = {
  [=[(?i)\binstall (?:the )?[`'"]?([\w-]+)[`'"]? extra\b]=],
  [=[(?i)\binstalled [^\n.]{0,30}\bwith (?:the )?[`'"]?([\w-]+)[`'"]? extra\b]=],
  [=[(?i)[`'"]([\w-]+)[`'"] extra (?:is|must be|needs to be) (?:required|needed|installed)\b]=],
}

local function extra_of(hit, text)
  local frames, extra = hit.event.frames or {}, nil
  for _, pattern in ipairs(EXTRA) do extra = extra or text:match(pattern) end
  local file = extra and frames[#frames] and frames[#frames].file
  local module = file and file:match[=[(?:site|dist)-packages[/\\]([a-z]\w*)[/\\]]=]
  if not module or text:match[[pip3? install]] then return nil end
  return know.distribution(module), extra
end

local function requested(text, raised)
  local plain, tool = text:gsub(ADDRESS, " "), nil
  for _, pattern in ipairs(REQUESTS) do
    for word in plain:gmatch(pattern) do
      local name = not NO_NAME[word:lower()] and package(word)
      if name and not TOOLS[name] then return name end
      tool = tool or name
    end
  end
  local lacks = (raised or ""):match(LACKS) ~= nil
  local imports = lacks or raised == "AssertionError"
  for _, list in ipairs{EXPLICIT, imports and OF_IMPORTS or {}, lacks and OF_LACKS or {}} do
    for _, pattern in ipairs(list) do
      local word = plain:match(pattern)
      word = word and word:gsub("[.,;:]+$", ""):gsub("_", "-")
      if word and not NO_NAME[word] and not TOOLS[word] and not know.system_package(word) then return word end
    end
  end
  return tool
end

-- "install llava by `pip install git+https://..."; "Please install https://github.com/deepseek-ai/DeepEP".
local function at_address(text)
  local name = text:match([=[(?i)\binstall (?:the )?[`'"]?([a-z][\w.-]*)[`'"]?(?: package)? ]=]
    .. [=[(?:by|via|with|using|from|at)\b[^\n]{0,40}?]=] .. ADDRESS)
    or text:match([=[(?i)(?:^|\b(?:please|to|must|by|and|first|pip3?)\s+|[.:;]\s+)install\b[^\n]{0,30}? ]=]
    .. [=[(?:git\+)?https?://[^\s`'"<>)]*?/([A-Za-z][\w.-]*?)(?:\.git)?]=]
    .. [=[[/.,`'")]*(?:\s|$)]=])
  if text:match[[https?://\S+ *&& *cd \S+/]] then return nil end -- a part of what lies there: its name is not told
  return name and not NO_NAME[name:lower()] and name or nil
end

-- Packages whose absence or age has a rule of its own, which knows what else that message can mean.
local OWN_RULE = {accelerate = "accelerate.missing", bitsandbytes = "bnb.not-installed",
  ["flash-attn"] = "flash-attn.missing", sentencepiece = "hf.tokenizer-dep", tiktoken = "hf.tokenizer-dep",
  protobuf = "hf.tokenizer-dep", ["hf-transfer"] = "hf.transfer-missing"}

local function skew_cause(name)
  local hub = {transformers = true, peft = true, accelerate = true, diffusers = true, trl = true, datasets = true,
    torch = true, ["huggingface-hub"] = true, tokenizers = true, safetensors = true, spaces = true}
  return hub[name] and "hf" or "pip"
end

-- What an engine's kernels come from: of another release, it is a matter of both.
local KERNELS = {["flashinfer-python"] = true, ["sgl-kernel"] = true, ["flash-attn"] = true, xgrammar = true,
  ["compressed-tensors"] = true, tilelang = true, ["mooncake-transfer-engine"] = true, nixl = true, lmcache = true,
  ["apache-tvm-ffi"] = true, ["nvidia-cutlass-dsl"] = true, helion = true, triton = true}
local ENGINES = {"vllm", "sglang", "lmdeploy", "tensorrt_llm", "aphrodite", "mlc_llm", "ktransformers",
  "text_generation_server"}

local function of_engine(hit)
  for _, name in ipairs(ENGINES) do
    if hit.event.emitters[name] then return true end
  end
  return false
end

-- A bound that every release keeps: such a message is printed where the package is not there at all.
local function kept_by_all(name, need)
  local number, first = need:match[=[^>=?(\d[\d.]*)$]=], atlas.name(name)
  return number ~= nil and first ~= nil and first.first ~= nil and version.cmp(number, first.first) == -1
end

-- The release that the message says is here, where that is not what it asks for.
local function stated_have(text, name, need)
  local word = [=[(?:(?:an?|the|your|installation|installed|of|versions?|is|]=] .. name:gsub("[-_.]", "[-_.]")
    .. [=[)\b[ :,=]*)*]=]
  local number = text:match([=[(?i)\b(?:detected|found|have|has|got|using|installed|current(?:ly)?)\b[ :,]*]=] .. word
    .. [=[[`'"(]?v?(\d+\.\d[\w.]*\d)]=])
  return number and version.matches(number, need) == false and number or nil
end

-- A command that the program ran itself, and that failed: why is said above it, and it asks for nothing.
local RAN = [=[(?im)^Command: |\bCommand ['"[][^\n]* returned non-zero exit status|^Error code: \d]=]

-- "Docker not installed, install it from https://...": a program, which no registry has.
local AT_SITE = [=[(?i)\binstall it (?:from|at) https?://]=]

-- The command that a message gives: of several the first that brings more than tools.
local function command_in(text)
  local first
  for command in text:gmatch[=[(pip3? install [^\n`]*)]=] do
    first = first or command
    if not TOOLS[requested(command) or ""] then return command end
  end
  return first
end

-- The rules below read the same request: one speaks when it is about a release, the other when the package is missing.
local function any_request(f, hit)
  if not hit or not by_library(hit) then return nil end
  local text = message_of(hit)
  if text:match(RAN) or text:match(AT_SITE) and not (hit.event.type or ""):match(LACKS) then return nil end
  local command = command_in(text)
  local name, need = stated_bound(command or "")
  if not name then name, need = stated_bound(text) end
  local said = atlas.said(hit)
  -- what its source checks for is not what it asks for, where that has an address
  local named = said and said.name
  if named and at_address(text) and not text:lower():gsub("_", "-"):find(named, 1, true) then said = nil end
  if said and said.kind == "i" then
    -- what the text has at run time is closer than the source
    local bound = name == said.name and need or (said.more or ""):match[=[[<>=!~].*$]=]
    local have = f.pkg(said.name)
    if have and bound and version.matches(have, bound) then return nil end
    if bound and not have and kept_by_all(said.name, bound) then bound = nil end
    return said.name, bound, have, said
  end
  local asked = command and requested(command) or not name and requested(text, hit.event.type)
  -- the command that it gives says what is missing; the bound is of something else
  if asked and asked ~= name and not (name and TOOLS[asked]) then
    name, need = asked, select(2, stated_bound(command or ""))
  end
  if not name then return nil end
  local have = f.pkg(name)
  if have == nil and need then have = stated_have(text, name, need) end
  -- the message's own check failed for another reason
  if have and need and version.matches(have, need) then return nil end
  if need and not have and kept_by_all(name, need) then need = nil end
  return name, need, have
end

local function read_request(f, hit)
  local name, need, have, said = any_request(f, hit)
  if not name or OWN_RULE[name] then return nil end
  return name, need, have, said
end

local REQUEST_WORDS = {
  requires = [[\brequires?\b]],
  installed = [[(?:\binstalled\b|\binstall\b)]],
  upgrade = [[\b(?:upgrade|upgrading|downgrade|update)\b]],
  least = [[\bat least\b]],
  sure = [[\bmake sure (?:to|you|that)\b]],
  bound = [[\bneed(?:s|ed)?\b[^\n]{0,30}[<>=]=]],
  needs = [=[\bneeds? [`'"]?[a-z][\w.-]*[`'"]? v?\d]=],
  later = [=[\bv?\d+\.\d[\w.]* or (?:newer|later|higher|above)\b]=],
  pinned = [=[\brequires? [`'"]?[a-z][\w.-]*==\d]=],
  missing = [[\b(?:(?:is|are|package|library) (?:required|needed|missing)]]
    .. [[|missing (?:\w+ )?(?:package|dependenc|module)|(?:package|module|library) not (?:installed|found))]],
}

local function request_hit(log)
  for _, name in ipairs{"installed", "upgrade", "least", "sure", "bound", "requires", "needs", "later", "pinned",
    "missing"} do
    for _, hit in ipairs(log.all(name)) do
      if hit.event.kind == "exception" and (hit.event.tier or 0) >= 3 then return hit end
    end
  end
end

-- The other packages of the same command: "pip install onnx onnxruntime".
local function also_named(text, name)
  local list = {}
  local words = text:match[=[pip3? install ((?:[a-z][\w.-]*(?:\[[\w,-]+\])?(?: |[`'"]|$)){2,6})]=] or ""
  for word in words:gmatch[=[[a-z][\w.-]*(?:\[[\w,-]+\])?]=] do
    local other = package(word)
    if other and other ~= name and not TOOLS[other] then list[#list + 1] = other end
  end
  return list
end

-- "You gave no model of torch, or torch is not installed": one of two.
local GUESS = [[(?i)\beither\b[^\n.]*\bor\b[^\n.]*\bnot installed\b]]
local OLD = [=[(?i)(?:\bupgrad(?:e|ing)\b|\bupdate\b|\bnewer\b|\blatest\b| -U\b|\bversion (?:with|that)\b)]=]

-- "requires CUDA with native bfloat16 and torch>=1.13": the bound is the lesser of two conditions.
local function besides_hardware(hit)
  return message_of(hit):match([=[(?i)\brequires? (?:an? )?[^.,;]{0,20}\b(?:CUDA|GPU|compute capability)]=]
    .. [=[\b[^.;]*\band\b|\brequires? [^;]{0,40}\band an? (?:supported|capable|compatible) (?:device|GPU)\b]=])
end

rule {
  id = "pip.module-missing/asked",
  anyone = "request",
  signatures = REQUEST_WORDS,
  when = function(f, log)
    local hit = request_hit(log)
    local ours, part = nil, nil
    if hit and by_library(hit) then ours, part = extra_of(hit, message_of(hit)) end
    if ours then
      return {hit = hit, confidence = 0.82, why = ("The message asks for the part %s of %s."):format(part, ours),
        fixes = {{install = ours, extra = part, say = ("Install %s with its extra %s."):format(ours, part)}}}
    end
    local name, need, have, said = read_request(f, hit)
    local newer = name and not need and message_of(hit):match(OLD) and (have or skew_cause(name) == "hf")
    -- of one that is surely not here no release is too old
    local kernels = said and KERNELS[name] and of_engine(hit) and have ~= false
    if not name or have or newer or need and (skew_cause(name) == "hf" or kernels) then return nil end
    local plain = [=[(?i)pip3? install (?:--?[a-zA-Z][\w-]* )*['"`]?]=] .. name:gsub("[-_.]", "[-_.]")
    local extra = message_of(hit):match(plain .. [=[\[([\w,-]+)\]]=])
    if extra and extra:find("pytorch", 1, true) and extra:find(",", 1, true) then extra = "pytorch" end -- or jax
    local others = also_named(message_of(hit), name)
    local sure = message_of(hit):match(GUESS) and 0.66 or said and 0.88 or know.package(name) and 0.82 or 0.76
    return {hit = hit, confidence = sure,
      why = {("The message itself asks for %s%s."):format(name, need and " " .. need or ""),
        have == false and ("%s is not installed."):format(name) or nil},
      values = {package = name},
      fixes = {{install = name, need = need, extra = extra, with = #others > 0 and others or nil,
        absent = not need and not message_of(hit):match(OLD),
        build = message_of(hit):match[[pip3? install [^\n]*--no-build-isolation]] ~= nil or nil,
        say = ("Install %s, as the message asks."):format(name)}}}
  end,
  why = "",
  doc = {looks = "'X requires Y to be installed', 'please install Y', 'pip install Y' in a library's exception.",
    check = "Is it installed in the interpreter that runs?"},
}

-- What has a rule of its own is asked for in words that this rule does not know.
for _, cause in ipairs{"accelerate.missing", "bnb.not-installed", "flash-attn.missing", "hf.tokenizer-dep",
  "hf.transfer-missing"} do
  rule {
    id = cause .. "/asked",
    anyone = "request",
    signatures = REQUEST_WORDS,
    when = function(f, log)
      local hit = request_hit(log)
      local name, need, have, said = any_request(f, hit)
      if not name or have or OWN_RULE[name] ~= cause or message_of(hit):match(OLD)
        or message_of(hit):match[[(?i)(?:but found [\w-]+==|\binstalled version of\b)]] then
        return nil
      end
      return {hit = hit, confidence = said and 0.84 or 0.8, why = {("The message itself asks for %s."):format(name),
        have == false and ("%s is not installed."):format(name) or nil},
        fixes = {{install = name, need = need, build = name == "flash-attn" or nil, absent = not need,
          say = ("Install %s, as the message asks."):format(name)}}}
    end,
    why = "",
    doc = {looks = "'X is not available, please install it', 'X must be installed' in a library's exception.",
      check = "Is it installed in the interpreter that runs?"},
  }
end

rule {
  id = "pip.module-missing/address",
  anyone = "request",
  signatures = REQUEST_WORDS,
  when = function(f, log)
    local hit = request_hit(log)
    if not hit or not by_library(hit) or read_request(f, hit) then return nil end
    local name = at_address(message_of(hit))
    if not name or package(name) then return nil end
    return {hit = hit, confidence = 0.82, why = ("The message asks for %s, and gives an address for it."):format(name),
      fixes = {{code = true, kind = "pip:" .. name:lower():gsub("[_.]", "-"),
        say = ("Install %s from the address that the message gives, into the interpreter that runs."):format(name)}}}
  end,
  why = "",
  doc = {looks = "'please install X by `pip install git+https://...`' in a library's exception.",
    check = "Is it installed in the interpreter that runs?"},
}

-- A program of the system, as a message asks for it.
local PROGRAM = [=[[`'"]?\b([A-Za-z][\w.+-]*\w)[`'"]?]=]
local KIND = [[ (?:(?:binary|executable|command|program|tool) )?]]
local ENDS = [=[(?=[.,;:!?)]|$|\s(?:in|on|to|for|from|and|or|via|using|with|binary|executable|command|program|tool]=]
  .. [=[|first|installed)\b)]=]
-- "node not found in graph: 17" is about a thing of the program's own that is called so.
local NOT_IN = [=[(?!:? [`'"]?\d| (?:in|at|for|among|on|of) (?!(?:the |your |this )*(?i:\$?path\b|system|environment|]=]
  .. [=[machine|host|container|image|node\b)))]=]
local PROGRAMS = {
  PROGRAM .. KIND .. [=[(?:(?:is|was|are|could|can) ?)?(?:not|n't) (?:be )?]=]
    .. [=[(?:found|installed|available|located|recognized)\b]=] .. NOT_IN,
  PROGRAM .. KIND .. [=[(?:is|are) (?:required|needed)\b[^\n]{0,80}\b(?:not |PATH)]=],
  PROGRAM .. KIND .. [=[(?:must|needs to|has to) be (?:installed|available|on|in)\b]=],
  [=[(?i:(?:do not|don't|does not|doesn't) have )]=] .. PROGRAM .. " installed",
  [=[(?i:could not|cannot|can't|unable to|failed to) (?:find|locate|run|execute|start) (?:the |an? )?]=]
    .. PROGRAM .. ENDS,
  [=[(?i:\b(?:apt(?:-get)?|yum|dnf|apk|brew|zypper)(?: -\w+)* (?:install|add)(?: -\w+)* )]=] .. PROGRAM,
  [=[(?i:\binstall) (?:the |both )?]=] .. PROGRAM .. ENDS,
  [=[(?i:\bis) ]=] .. PROGRAM .. [=[ installed (?:and )?(?:in|on) (?:your |the |system )*\$?PATH\?]=],
}
-- What compilers and Python's own headers are missing for has rules that know the build.
local OF_BUILDS = {gcc = true, cc = true, ["g++"] = true, ["c++"] = true, make = true, cargo = true, rustc = true}

-- Programs that are called as things of any program's own are: only beside a word that shows what is meant.
local COMMON = {node = true, screen = true, tree = true, file = true, patch = true, time = true}
local MEANT = [=[(?i)\b(?:install\w*|\$?path|binary|executable|command|program|apt|brew)\b|node\.?js]=]

local function program_asked(text)
  for _, pattern in ipairs(PROGRAMS) do
    for word in text:gmatch(pattern) do
      local name = word:lower():gsub([[[.]+$]], "")
      local meant = not COMMON[name] or text:match(MEANT)
      if meant and know.system_package(name) and not know.package(name) and not OF_BUILDS[name] then return name end
    end
  end
end

rule {
  id = "sys.lib-missing/asked",
  anyone = "request",
  signatures = {
    installed = [[(?:\binstalled\b|\binstall\b)]],
    absent = [[(?:Error|Exception|Exit|NotFound): [^\n]*(?:not (?:be )?(?:found|available|located)|(?:find|locate) )]],
    path = [[(?:Error|Exception|Exit|NotFound): [^\n]*\bPATH\b]],
  },
  when = function(_, log)
    for _, name in ipairs{"absent", "path", "installed"} do
      for _, hit in ipairs(log.all(name)) do
        local who, raised = hit.event.emitters or {}, hit.event.kind == "exception" and (hit.event.tier or 0) >= 3
        local program = raised and not who.app and not who.pip and program_asked(message_of(hit))
        if program then
          return {hit = hit, confidence = 0.86,
            why = ("The program %s is not installed in this system."):format(program),
            fixes = {{system = program, say = "Install it."}}}
        end
      end
    end
  end,
  doc = {looks = "'numactl is required ... but is not installed', 'ffmpeg not found. Please install it' in a library's "
    .. "exception.", check = "Whether the program is on the PATH of the worker."},
}

-- What stands in the way, and is to go.
rule {
  id = "pip.conflict/remove",
  anyone = "request",
  signatures = {
    remove = [[\bpip3? uninstall (?:-y )?(?<package>[a-z][\w.-]+)(?: -y)?(?![^\n]*\binstall )]],
    words = [[(?<package2>[a-z][\w.-]+) is installed but (?:causes|conflicts|breaks|is incompatible)]],
  },
  when = function(f, log)
    local hit = log.remove or log.words
    local name = package(hit.package or hit.package2)
    if not by_library(hit) or hit.event.kind ~= "exception" or not name or f.pkg(name) == false then return nil end
    if not message_of(hit):match[[(?i)\buninstall\b]] or message_of(hit):match[[pip3? install]] then return nil end
    return {hit = hit, confidence = 0.86, why = ("The message asks for %s to be taken away."):format(name),
      fixes = {{remove = name, say = ("Remove %s, as the message asks."):format(name)}}}
  end,
  why = "",
  doc = {looks = "'X is installed but causes problems. Please uninstall it: pip uninstall -y X'.",
    check = "Whether anything else here needs it."},
}

rule {
  id = "hf.version-conflict/asked",
  anyone = "request",
  signatures = REQUEST_WORDS,
  when = function(f, log)
    local hit = request_hit(log)
    local name, need, have, said = any_request(f, hit)
    local newer = name and not need and message_of(hit):match(OLD)
    if OWN_RULE[name] and not (newer and have) then return nil end -- it knows what else such words can mean
    if not name or not (need or newer) or not (have and newer) and skew_cause(name) ~= "hf" then return nil end
    return {hit = hit, confidence = besides_hardware(hit) and not have and 0.55 or said and 0.88 or 0.82,
      why = {need and ("The message asks for a %s that is %s."):format(name, need)
        or ("The message asks for a newer %s."):format(name),
        have and ("Installed is %s."):format(have) or nil},
      fixes = {
        {install = name, need = need,
          say = (need and "Install a release of %s within what the message asks for."
            or "Upgrade %s, as the message asks."):format(name)}}}
  end,
  why = "",
  doc = {looks = "'requires torch>=2.6', 'please upgrade X to at least V'.",
    check = "The installed release against the one that is asked for."},
}

-- The same of packages outside the family, where the installed release is known and is not what is asked for.
rule {
  id = "pip.conflict/asked",
  anyone = "request",
  signatures = REQUEST_WORDS,
  when = function(f, log)
    local hit = request_hit(log)
    local name, need, have, said = read_request(f, hit)
    if not name or not need or not have or skew_cause(name) == "hf" or KERNELS[name] then return nil end
    return {hit = hit, confidence = said and 0.88 or 0.82,
      why = {("The message asks for a %s that is %s."):format(name, need), ("Installed is %s."):format(have)},
      fixes = {
        {install = name, need = need,
          say = ("Install a release of %s within what the message asks for."):format(name)}}}
  end,
  why = "",
  doc = {looks = "'pyarrow requires NumPy 2.0 or newer, found 1.26.4'.",
    check = "The installed release against the one that is asked for."},
}

rule {
  id = "engine.plugin-skew/asked",
  from = {"engine"},
  signatures = REQUEST_WORDS,
  when = function(f, log)
    local hit = request_hit(log)
    if hit and hit.event.type == "ImportError" and message_of(hit):match[=[(?i)requires [^\n]*\bkernels?\b]=] then
      return {hit = hit, confidence = 0.62,
        why = "The engine misses a kernel of its own package of kernels, which is not there or of another release.",
        fixes = {{code = true, kind = "pip:sgl-kernel",
          say = "Install the engine anew with its kernel package of the release that it pins."}}}
    end
    local name, need, have, said = read_request(f, hit)
    if not name or not need or not KERNELS[name] then return nil end
    return {hit = hit, confidence = said and 0.88 or 0.84,
      why = {("The engine asks for a %s that is %s."):format(name, need),
        have and ("Installed is %s."):format(have) or nil},
      fixes = {{install = name, need = need, say = ("Install a release of %s that the engine accepts."):format(name)}}}
  end,
  why = "",
  doc = {looks = "'requires ... flashinfer-python 0.6.18 or newer'.",
    check = "The installed release against the one that is asked for."},
}
