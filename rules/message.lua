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
}

local function stated_bound(text)
  for i, pattern in ipairs(BOUNDS) do
    for a, b, c in text:gmatch(pattern) do
      local name = package(i == 1 and a or b)
      local number = c:match[[^\d+(?:\.\d+)*]]
      if name and number then return name, (i == 1 and b or ">=") .. number end
    end
  end
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

local function requested(text)
  for _, pattern in ipairs(REQUESTS) do
    for word in text:gmatch(pattern) do
      local name = package(word)
      if name then return name end
    end
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

-- Both rules below read the same request: one speaks when it is about a release, the other when the package is missing.
local function read_request(f, hit)
  if not hit or not by_library(hit) then return nil end
  local text = message_of(hit)
  local name, need = stated_bound(text)
  if not name then name = requested(text) end
  if not name or OWN_RULE[name] then return nil end
  local have = f.pkg(name)
  -- the message's own check failed for another reason
  if have and need and version.matches(have, need) then return nil end
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

rule {
  id = "pip.module-missing/asked",
  signatures = REQUEST_WORDS,
  when = function(f, log)
    local hit = request_hit(log)
    local name, need, have = read_request(f, hit)
    if not name or have or need and skew_cause(name) == "hf" then return nil end
    return {hit = hit, confidence = 0.82, why = {("The message itself asks for %s%s."):format(name, need and " " .. need
        or ""), have == false and ("%s is not installed."):format(name) or nil},
      values = {package = name},
      fixes = {{install = name, need = need, say = ("Install %s, as the message asks."):format(name)}}}
  end,
  why = "",
  doc = {looks = "'X requires Y to be installed', 'please install Y', 'pip install Y' in a library's exception.",
    check = "Is it installed in the interpreter that runs?"},
}

rule {
  id = "hf.version-conflict/asked",
  signatures = REQUEST_WORDS,
  when = function(f, log)
    local hit = request_hit(log)
    local name, need, have = read_request(f, hit)
    if not name or not need or skew_cause(name) ~= "hf" then return nil end
    return {hit = hit, confidence = 0.82,
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
  signatures = {
    python = [[(?:requires|needs|supported on|use) Python ?(?<op>[<>=]*) ?(?<need>3\.\d+)]],
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

-- ---- a flag or setting of an engine ----

-- A flag whose value the message itself asks for, then one that it asks to set, then any that it names.
local FLAGS = {
  any{
    [[[Uu]se]], [[[Ss]et]], [[[Pp]ass]], [[[Ss]pecify]], [[[Rr]aise]], [[[Ll]ower]], [[[Rr]equires?]], [[needs?]],
    [[must use]],
  } .. [[ [`'"]?--([a-z][a-z0-9-]+)[= ]([A-Za-z0-9_.-]+)]],
  any{
    [[[Uu]se]], [[[Ss]et]], [[[Pp]ass]], [[[Ss]pecify]], [[[Rr]aise]], [[[Ll]ower]], [[[Ii]ncrease]], [[[Rr]educe]],
    [[[Dd]isable]], [[[Rr]emove]], [[[Dd]rop]],
  } .. [[ (?:the )?[`'"]?--([a-z][a-z0-9-]+)]],
  [=[--([a-z][a-z0-9-]+)]=],
}
local WORDS_AFTER = {to = true, ["and"] = true, ["or"] = true, ["for"] = true, on = true, is = true, with = true,
  instead = true, when = true, above = true, below = true, explicitly = true}

local function named_flag(text)
  for i, pattern in ipairs(FLAGS) do
    local flag, value = text:match(pattern)
    if flag then
      local plain = i == 1 and value and not WORDS_AFTER[value:lower()] and value:match[[^(.*?)\.?$]] or nil
      return flag, plain
    end
  end
end

-- Settings by the names that engines give them in Python: "moe_runner_backend=cutlass is not supported", "set
-- `max_num_seqs`".
local SETTINGS = [[\b((?:tensor|pipeline|data|expert)_parallel_size|tp_size|pp_size|dp_size|ep_size|(?:moe]]
  .. [[|fp8|fp4|attention|decode|prefill|sampling|grammar|speculative|mm|dist_executor|kv_cache)_\w*backend]]
  .. [[|attention_backend|max_model_len|max_num_seqs|max_num_batched_tokens|gpu_memory_utilization]]
  .. [[|mem_fraction_static|kv_cache_dtype|block_size|page_size|chunked_prefill_size|enable_\w+|disable_\w+]]
  .. [[|speculative_\w+|quantization|quant_policy|enforce_eager|load_format|tokenizer_mode]]
  .. [[|trust_remote_code|object_store_memory|hicache_\w+)\b]]

rule {
  id = "engine.arg-invalid/asked",
  from = {"engine", "cluster"},
  signatures = {
    flag = [=[\s[`'"(]?--[a-z][a-z0-9]+-[a-z0-9-]+]=],
    only = [[\b]] .. any{
      [[only supports?]], [[is only supported]], [[are only supported]], [[not supported]], [[does not support]],
      [[not verified with]], [[unsupported]],
    } .. [[\b]],
    needs = [[\b]] .. any{
      [[requires?]], [[must be]], [[is required]], [[mutually exclusive]], [[incompatible]], [[cannot be used]],
      [[can't be used]], [[divisible by]],
    } .. [[\b]],
  },
  explains = {"vllm.engine-died"},
  when = function(f, log)
    local hit
    for _, name in ipairs{"flag", "only", "needs"} do
      for _, one in ipairs(log.all(name)) do
        local menu = message_of(one):match[[Some common causes include]] -- of Ray, whatever happened
        local raised = one.event.kind == "exception" and (one.event.tier or 0) >= 3 and by_library(one)
        if not hit and not menu and raised then
          hit = one
        end
      end
    end
    if not hit then return nil end
    local text = message_of(hit)
    local flag, value = named_flag(text)
    local setting = flag and flag:gsub("-", "_") or text:match(SETTINGS)
    if not setting then return nil end
    local say = value and ("Start the engine with --%s %s, as the message asks."):format(flag, value)
      or ("Change %s as the message says."):format(flag and "--" .. flag or setting)
    return {hit = hit, confidence = flag and 0.84 or 0.74,
      why = "The engine refuses this combination of settings and names the one that decides.",
      fixes = {{flag = setting, stated = true, spelled = value and ("--%s %s"):format(flag, value) or nil, say = say}}}
  end,
  why = "",
  doc = {looks = "An engine's ValueError that names its own flag or setting.",
    check = "The flags that the engine was started with, against the message."},
}
