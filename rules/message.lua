-- Messages that state their own remedy. A library that knows what it lacks says so in its exception: install this,
-- upgrade that, another
-- value of that flag. Read when no rule knows the case better; what is installed decides whether it can be true.

-- Distribution names of what messages call otherwise.
local CALLED = {
  pytorch = "torch", ["huggingface_hub"] = "huggingface-hub", sklearn = "scikit-learn", cv2 = "opencv-python-headless",
  pil = "pillow",
  weights = "wandb", flashinfer = "flashinfer-python", ["flash_attn"] = "flash-attn", tensorrt_llm = "tensorrt-llm",
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
  [=[(?i)[`'"]?([a-z][\w.-]*)[`'"]? ?(>=|==|~=|<=|<|>) ?v?(\d[\w.]*)]=],
  [=[(?i)at least ()[`'"]?(?=[a-z])([a-z][\w.-]*)[`'"]? v?(\d[\w.]*)]=],
  [=[(?i)(?:upgrade|update) (?:to )?()[`'"]?([a-z][\w.-]*)[`'"]? to (?:at least )?(?:version )?v?(\d[\w.]*)]=],
  [[(?i)(?:requires|needs) ()[`'"]?([a-z][\w.-]*)[`'"]? (?:version )?v?(\d+\.\d[\w.]*)(?: or (?:newer]]
    .. [[|later|higher|above)|\+)]],
  [[(?i)()\b([a-z][\w.-]*) (?:versions? )?v?(\d+\.\d[\w.]*) or (?:newer|later|higher|above)]],
  [=[(?i)()[`'"]?\b([a-z][\w.-]*)[`'"]? versions? (?:of )?(?:>=|at least) ?v?(\d[\w.]*)]=],
}

local function stated_bound(text)
  for i, pattern in ipairs(BOUNDS) do
    for a, b, c in text:gmatch(pattern) do
      local name = package(i == 1 and a or b)
      local number = c:match[[^\d+(?:\.\d+)*]]
      local quoted = i == 1 and "`" .. a .. b .. c -- written as a requirement: a distribution, known or not
      if not name and quoted and text:find(quoted, 1, true) then name = a:gsub("_", "-") end
      if name and number then return name, (i == 1 and b or ">=") .. number end
    end
  end
  -- "... helpers of PR 30 (>= 0.6.11). Upgrade flashinfer-python"
  local least = text:match[=[\(>= ?v?(\d[\d.]*)\)]=]
  local name = least and package(text:match[=[(?i)\bupgrade (?:your )?[`'"]?([a-z][\w-]+)]=])
  if name then return name, ">=" .. least end
end

-- Names in a message's own request, most explicit first.
local REQUESTS = {
  [=[pip3? install (?:-U |--upgrade |-q )*[`'"]?([\w.-]+)]=],
  [=[(?:[Pp]lease |need to |must )install (?:the )?[`'"]?([\w.-]+)]=],
  [[requires? (?:the )?(?:following )?[`'"]?([\w.-]+)[`'"]? (?:library|package|module)?s? ?(?:to be ]]
    .. [[|but )?(?:installed|to function|to be available|it was not found|is not)]],
  [=[requires? (?:the )?[`'"]?([\w.-]+)[`'"]? (?:library|package)]=],
  [=[[`'"]?([\w.-]+)[`'"]? (?:library |package |dictionary )?is not installed]=],
  [=[[`'"]?([\w.-]+)[`'"]? (?:must|needs to|has to) be installed]=],
  [=[could not import [`'"]?([\w.-]+)]=],
}

-- Forms that leave no doubt that a distribution is meant, also one that nobody here knows.
local EXPLICIT = {
  [=[pip3? install (?:-[\w-]+ )*[`'"]?([a-z][\w.-]+)]=],
  [=[requires? (?:the )?[`'"]?([a-z][\w.-]+)[`'"]? to be (?:installed|available)]=],
  [=[requires? (?:the )?[`'"<]([a-z][\w.-]+)[`'">] (?:library|package|module)]=],
  [=[<([a-z][\w.-]+)> to be installed]=],
  [=[[Ii]nstall (?:the )?[`'"]([a-z][\w.-]+)[`'"]]=],
}
local NO_NAME = {git = true, the = true, them = true, it = true, this = true, these = true, following = true,
  from = true, all = true}

local function requested(text)
  for _, pattern in ipairs(REQUESTS) do
    for word in text:gmatch(pattern) do
      local name = package(word)
      if name then return name end
    end
  end
  for _, pattern in ipairs(EXPLICIT) do
    local word = text:match(pattern)
    word = word and word:gsub("[.,;:]+$", ""):gsub("_", "-")
    if word and not NO_NAME[word] then return word end
  end
end

-- Packages whose absence or age has a rule of its own, which knows what else that message can mean.
local OWN_RULE = {accelerate = true, bitsandbytes = true, ["flash-attn"] = true, sentencepiece = true, tiktoken = true,
  protobuf = true, hf_transfer = true}

local function skew_cause(name)
  local hub = {transformers = true, peft = true, accelerate = true, diffusers = true, trl = true, datasets = true,
    torch = true,
               ["huggingface-hub"] = true, tokenizers = true, safetensors = true, spaces = true}
  return hub[name] and "hf" or "pip"
end

-- What an engine's kernels come from: of another release, it is a matter of both.
local KERNELS = {["flashinfer-python"] = true, ["sgl-kernel"] = true, ["flash-attn"] = true, xgrammar = true,
  ["compressed-tensors"] = true, tilelang = true, ["mooncake-transfer-engine"] = true, nixl = true, lmcache = true,
  ["apache-tvm-ffi"] = true, ["nvidia-cutlass-dsl"] = true, helion = true, triton = true}

-- A bound that every release keeps: such a message is printed where the package is not there at all.
local function kept_by_all(name, need)
  local number, first = need:match[=[^>=?(\d[\d.]*)$]=], atlas.name(name)
  return number ~= nil and first ~= nil and first.first ~= nil and version.cmp(number, first.first) == -1
end

-- The rules below read the same request: one speaks when it is about a release, the other when the package is missing.
local function read_request(f, hit)
  if not hit or not by_library(hit) then return nil end
  local text = message_of(hit)
  local name, need = stated_bound(text)
  local said = atlas.said(hit)
  if said and said.kind == "i" and not OWN_RULE[said.name] then
    -- what the text has at run time is closer than the source
    local bound = name == said.name and need or (said.more or ""):match[=[[<>=!~].*$]=]
    local have = f.pkg(said.name)
    if have and bound and version.matches(have, bound) then return nil end
    if bound and not have and kept_by_all(said.name, bound) then bound = nil end
    return said.name, bound, have, said
  end
  local command = text:match[=[(pip3? install [^\n]*)]=]
  local asked = command and requested(command) or not name and requested(text)
  if asked and asked ~= name then -- the command that it gives says what is missing; the bound is of something else
    name, need = asked, select(2, stated_bound(command or ""))
  end
  if not name or OWN_RULE[name] then return nil end
  local have = f.pkg(name)
  -- the message's own check failed for another reason
  if have and need and version.matches(have, need) then return nil end
  if need and not have and kept_by_all(name, need) then need = nil end
  return name, need, have
end

local REQUEST_WORDS = {
  requires = [[\brequires?\b]],
  installed = [[(?:\binstalled\b|\binstall\b)]],
  upgrade = [[\b(?:upgrade|update)\b]],
  least = [[\bat least\b]],
}

local function request_hit(log)
  for _, name in ipairs{"installed", "upgrade", "least", "requires"} do
    for _, hit in ipairs(log.all(name)) do
      if hit.event.kind == "exception" and (hit.event.tier or 0) >= 3 then return hit end
    end
  end
end

local OLD = [=[(?i)(?:\bupgrade\b|\bupdate\b|\bnewer\b|\blatest\b| -U\b)]=]

rule {
  id = "pip.module-missing/asked",
  anyone = "request",
  signatures = REQUEST_WORDS,
  when = function(f, log)
    local hit = request_hit(log)
    local name, need, have, said = read_request(f, hit)
    if not name or have or need and (skew_cause(name) == "hf" or said and KERNELS[name]) then return nil end
    local extra = message_of(hit):match[=[pip3? install [^\n]*?[\w-]\[([\w-]+)\]]=]
    return {hit = hit, confidence = said and 0.88 or know.package(name) and 0.82 or 0.76,
      why = {("The message itself asks for %s%s."):format(name, need and " " .. need or ""),
        have == false and ("%s is not installed."):format(name) or nil},
      values = {package = name},
      fixes = {{install = name, need = need, extra = extra, absent = not need and not message_of(hit):match(OLD),
        say = ("Install %s, as the message asks."):format(name)}}}
  end,
  why = "",
  doc = {looks = "'X requires Y to be installed', 'please install Y', 'pip install Y' in a library's exception.",
    check = "Is it installed in the interpreter that runs?"},
}

rule {
  id = "hf.version-conflict/asked",
  anyone = "request",
  signatures = REQUEST_WORDS,
  when = function(f, log)
    local hit = request_hit(log)
    local name, need, have, said = read_request(f, hit)
    if not name or not need or skew_cause(name) ~= "hf" then return nil end
    return {hit = hit, confidence = said and 0.88 or 0.82,
      why = {("The message asks for a %s that is %s."):format(name, need),
        have and ("Installed is %s."):format(have) or nil},
      fixes = {
        {install = name, need = need,
          say = ("Install a release of %s within what the message asks for."):format(name)}}}
  end,
  why = "",
  doc = {looks = "'requires torch>=2.6', 'please upgrade X to at least V'.",
    check = "The installed release against the one that is asked for."},
}

rule {
  id = "sys.python-version/asked",
  from = {"installer", "hub", "engine", "other"},
  signatures = {
    python = [[(?:requires|needs|(?<!not )supported on|use) Python ?(?<op>[<>=]*) ?(?<need>3\.\d+)]],
    from = [[is not supported on Python ?<=? ?(?<need2>3\.\d+)]],
  },
  when = function(f, log)
    local hit = log.python or log.from
    if not by_library(hit) or hit.event.kind ~= "exception" then return nil end
    local have, need = f"python.version", hit.need or hit.need2
    if have and version.matches(have, ">=" .. need) then return nil end
    return {hit = hit, confidence = 0.82, why = {("It asks for Python %s."):format(need),
      have and ("This is Python %s."):format(have) or nil},
      fixes = {
        {host = true, kind = "conda",
          say = ("Run it with Python %s or later: a new environment (conda create, uv venv --python) with the same "
            .. "packages."):format(need)}}}
  end,
  why = "",
  doc = {looks = "'requires Python 3.12+'.", check = "python.version."},
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
