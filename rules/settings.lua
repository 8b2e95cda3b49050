-- Serving engines that refuse what they were started with and say why: a flag, a variable, a setting, the GPU, a kernel
-- package of another release; and what the message of any other library orders. What decides is where it was raised
-- (where settings are read, or where kernels check a caller's tensors) and whether the message names what it wants.

-- The package's folder, not that of an environment of the same name (/envs/vllm/lib/.../site-packages/sglang).
local PACKAGES = [=[(?:(?:site|dist)-packages[/\\]|^(?!.*(?:site|dist)-packages)(?:.*?[/\\])?)]=]
  .. [=[(vllm|sglang|lmdeploy|tensorrt_llm|ray|text_generation_server|lmcache|xinference|aphrodite|lightllm)[/\\]]=]
-- Where settings are read; and where a model is put together out of them.
local LAUNCH = [=[(?:arg_utils|server_args|arg_groups|_hook|launch\w*|[/\\]config|]=]
  .. [=[[/\\]configs?[/\\](?!models)\w+)(?:[/\\]\w+)?\.py ]=]
local MODEL = [=[(?:transformers_utils|configs[/\\](?:models|sample)|sampling_params|protocol|]=]
  .. [=[configuration_\w+\.py|processing_\w+\.py)]=]
local SETUP = [=[(?:layers[/\\]quantization|quantization[/\\]|model_loader|fused_moe|[/\\]moe[/\\]|moe_runner|]=]
  .. [=[token_dispatcher|attention[/\\]backends?|attention[/\\]\w+_backend\.py|speculative|spec_decode|mem_cache|]=]
  .. [=[worker[/\\]\w*runner|model_executor[/\\]models|disaggregation|distributed[/\\]\w*transfer|component_loader|]=]
  .. [=[srt[/\\]models[/\\]|runtime[/\\]models|kv_transfer|connector|platforms[/\\]|lora[/\\]|dllm[/\\])]=]
local KERNELS = [=[(?:[/\\](?:kernels?|ops|triton\w*|jit\w*|cute|csrc)[/\\]|test|bench|entrypoints|parser|tokenizer|]=]
  .. [=[managers[/\\]|multimodal[/\\]parse)]=]

-- The package that raised it, and what is done at that place: "launch", "setup", "kernel" or nil.
local function raised_at(hit)
  local frames = hit and hit.event.frames or {}
  local last = frames[#frames]
  if not last then return nil end
  local place = last.file .. " " .. last.func
  local package = place:match(PACKAGES)
  if not package then return nil end
  if place:match(MODEL) then return package, "model" end
  if place:match(LAUNCH) then return package, "launch" end
  return package, place:match(KERNELS) and "kernel" or place:match(SETUP) and "setup" or nil
end

local SAYS = [[(?:Error|Exception): (?:[^\n]*\b)?]] .. any{
  [[requires? ]], [[require ]], [[required (?:for|by|when|to)\b]], [[supports? ]], [[supported]], [[unsupported]],
  [[must (?:be|match|equal|not)\b]], [[(?:in)?compatible]], [[cannot ]], [[can't ]], [[needs? ]], [[exclusive]],
  [[conflicts? with]], [[divisible by]], [[expects? ]], [[enable ]], [[disable ]], [[only for ]], [[unset ]],
}
local FLAG = [=[Error:[^\n]*[\s`'"(]--[a-z][a-z0-9]*-[a-z0-9-]+]=]
local OTHER_RULES = {cuda = [[(?:out of memory|CUDA error|NCCL error|KV cache blocks|gated repo|trust_remote_code)]]}

-- The message of the exception that ended it, where an engine raised it; without the commands of an installer.
local function refusal(log)
  local hit
  for _, name in ipairs{"says", "flag"} do
    for _, one in ipairs(log.all(name)) do
      local menu = (one.event.message or ""):match[[Some common causes include]] -- of Ray, whatever happened
      if not menu and one.event.kind == "exception" and (one.event.tier or 0) >= 3 then hit = one end
    end
  end
  local package, where = raised_at(hit)
  if not package then return nil end
  local text = hit.event.message and hit.event.message ~= "" and hit.event.message or hit.text
  return hit, package, where, (text:gsub([=[pip3? install [^\n]*]=], ""))
end

-- ---- orders in a message ----

local BOUND = [=[(?:[.,;:!?](?=\s|$)|\](?=\s+[A-Z][a-z])|[(\n]|\s(?:but|unless|without|because|since|which|that|]=]
  .. [=[when|if|or|and|so|to|for|as|instead)(?=\s))]=]
-- What stands behind such a word is not asked for, and what it stands behind is neither.
local DENIES = [[(?i)(?:\b(?:not|never|cannot|neither|nor|no|incompatible|unsupported|conflicts?|exclusive|combin\w+]]
  .. [[|together|fail\w*|forbid\w*|disallow\w*|invalid|broken|except|avoid|reject\w*|refus\w*)\b|n't\b)]]
local DENIED = [[(?i)\b(?:(?:is|are|was|were|be) (?:\w+ )?(?:not|unsupported|incompatible|forbidden|invalid)]]
  .. [[|do(?:es)? not|cannot|can't|(?:isn|doesn|don)'t|not (?:yet )?supported|unsupported|conflicts?)\b]]
-- "To use --a, ...", "when you set --a": the condition of something else.
local CONDITION = [[(?i)(?:(?:^|\s)(?:when|if|while|since|because|after|before|once) (?:you |both |also )?]]
  .. [[|(?:^|\s)(?:to|you) )$]]
local STILL = [[(?i)\b(?:need|needs|have|has|had|sure|try|remember|required|must|should|can) (?:to |you )$]]
-- A bare "with --x" is ordered where something is to be done with it.
local DOES = [=[(?i)(?<![-\w`'"])(?:re-?run|run|re-?launch|launch|re-?start|start|serve|enabled?|disable|set]=]
  .. [=[|override|try|skip|choose|select|pair|use|configure|pass|only|requires?|required|needs?|must)(?![-\w])]=]

-- Captures of the first place in a message where `pattern` (a verb, and what it asks for) is an order: not behind a
-- refusal nor before one ("--a with --b is not supported").
local function ordered(text, pattern)
  local from = 1
  while from <= #text do
    local rest = text:sub(from)
    local first, last = rest:find(pattern)
    if not first then return nil end
    local before, after = text:sub(1, from + first - 2), rest:sub(last + 1)
    local clause = before:match("^(?s:.*)" .. BOUND .. "(.*)$") or before
    local follows = after:sub(1, (after:find(BOUND) or #after + 1) - 1)
    local condition = before:match(CONDITION) and not before:match(STILL)
    local asked = clause:match[[\S]] and clause or before -- "requires X to be enabled (via --x)"
    local idle = rest:sub(first, last):match[[(?i)^(?:with|via)\b]] and not asked:match(DOES)
    if not condition and not idle and not clause:match(DENIES) and not follows:match(DENIED) then
      return rest:sub(first, last):match(pattern)
    end
    from = from + last
  end
end

-- "Please omit --x", "run without --x"; "cannot be used without --x" asks for it.
local DROP = [[(?i)\b(?:remove|drop|omit|unset|(?:re-?)?(?:run|start|launch)(?: (?!and )[\w'`]+){0,5} without) ]]
  .. [[(?:the |your )?[`'"]?]]
local LEAVE = [=[(?i)\bleave (?:the |your )?[`'"]?(--[a-z][\w-]+)[`'"]? (?:unset|out|off|disabled|empty)\b]=]
local ONLY_BESIDE = [[(?i)\b(?:not|cannot|can't)\b[^.;,]{0,40} without (?:the |also )?[`'"]?]]

-- ---- what it wants to be set ----

-- What must be said instead stands behind such a word; the flag before it is the one that was refused.
local REMEDY = [[(?i)\b(?:requires?|use|set|pass|with|needs?|try|specify|add|raise|lower|increase|decrease|]]
  .. [[reduce|enable(?: it)?(?: with)?|disable|provide|via) (?:the |a |an )?]]
  .. [[(?:explicit |positive )?[`'"]?]]
local SETTING = [[\b((?:tensor|pipeline|data|expert)_parallel_size(?:_\w+)?|(?:tp|pp|dp|ep|dcp|cp)_size|(?:moe]]
  .. [[|fp8|fp4|attention|decode|prefill|sampling|grammar|speculative|mm|dist_executor|kv_cache)_\w*backend]]
  .. [[|attention_backend|max_model_len|max_num_seqs|max_num_batched_tokens|gpu_memory_utilization]]
  .. [[|mem_fraction_static|kv_cache_dtype|block_size|page_size|chunked_prefill_size|enable_\w+|disable_\w+]]
  .. [=[|(?:num_)?speculative_\w+|quantization(?=[=`'"])|quant_policy|enforce_eager|load_format|tokenizer_mode]=]
  .. [[|\w+_transfer_config|trust_remote_code|object_store_memory|hicache_\w+)\b]]
local VARIABLE = [[\b((?:VLLM|SGLANG|SGL|TRTLLM|TLLM|LMDEPLOY|LMCACHE|RAY|PYTORCH|NCCL|NVSHMEM)_[A-Z0-9_]+)]]
local NAMED = [=[(?:=| to )[`'"]?([\w.:/-]+)]=]

local function plain_value(value)
  local words = [[(?i)^(?:and|or|to|in|with|when|on|is|for|must|instead|the|if|only|not|but|a|an|at|of|as]]
    .. [[|above|below|explicitly|directly|manually|because|so|since|by|via|using|before|after|during|from|until|then]]
    .. [[|it|argument|flag|option)$]]
  if not value or value == "" or value:match(words) then return nil end
  return (value:gsub("[.,:;'\"`]+$", ""))
end

local TYPES = [[(?i)(?:must be (?:an? |of type |either )?(?:\w+ )?(?:string|str|list|dict\w*|tuple|callable|]]
  .. [[instance|tensor|mapping|sequence|object)\b|]]
  .. [[must be an? set\b|\bgot type\b|contiguous|row-major|\bshape\b|strides?\b|]]
  .. [[\bTensor\b|is already registered|for this request)]]

-- The flag, variable or setting that it names, what it is to be, and whether the message says so itself.
local function named(text, where)
  local wanted = where == "launch" and text:match[=[^[`'"]?([a-z][a-z0-9]*_\w+)[`'"]? is required\b[^.]*\bwhen\b]=]
  if wanted then return wanted, nil, true end
  local flag, value = ordered(text, REMEDY .. [=[(--[a-z][\w-]+)[`'"]?(?:(?:[ =]| to )[`'"]?([\w.:/-]+))?]=])
  if flag then return flag, plain_value(value), true end
  flag = text:match(ONLY_BESIDE .. [[(--[a-z][\w-]+)]])
  if flag then return flag, nil, true end
  flag = ordered(text, DROP .. [[(--[a-z][\w-]+)]]) or ordered(text, LEAVE)
  if flag then return flag, nil, "drop" end
  local variable, to = ordered(text, REMEDY .. VARIABLE .. "(?:" .. NAMED .. ")?")
  if variable then return variable, plain_value(to), true end
  flag = text:match[[(--[a-z][a-z0-9]*(?:[-_][\w-]+)?)]]
  if flag then return flag, nil, false end
  variable = text:match(VARIABLE)
  if variable then return variable, nil, false end
  if text:match(TYPES) then return nil end
  local name
  name, to = ordered(text, REMEDY .. SETTING .. [=[[`'"]?(?: ?(?:==?|to) ?[`'"]?([\w.]+))?]=])
  if not name and where == "launch" then
    name, to = ordered(text, REMEDY .. [=[([a-z]\w*_\w+)[`'"]?(?: ?(?:==?|to) ?[`'"]?([\w.]+))?]=])
  end
  if name then return name, plain_value(to), true end
  name = text:match(SETTING)
  if name then return name, nil, false end
  return where == "launch" and text:match[[\b([a-z]+(?:_[a-z0-9]+)+)\b]] or nil, nil, false
end

local function as_variable(name, value, remedy)
  if value then return {set = {[name] = value}, say = ("Set %s to %s, as the message asks."):format(name, value)} end
  if remedy then return {code = true, kind = "env:" .. name, say = ("Set %s as the message says."):format(name)} end
  return {unset = {name}, say = ("Leave %s unset, or set it as the message says."):format(name)}
end

local function as_setting(name, value, remedy)
  local plain = name:gsub("^-*", ""):gsub("-", "_")
  if remedy == "drop" then
    return {code = true, kind = "param:" .. plain, say = ("Start it without %s."):format(name)}
  end
  return {flag = plain, stated = true, spelled = value and name:sub(1, 1) == "-" and name .. " " .. value or nil,
    say = value and ("Start it with %s set to %s."):format(name, value)
      or ("Change %s as the message says."):format(name)}
end

-- A switch that must be on, where this engine has a flag of that name.
local function switched_on(name, text, package)
  local flag = "--" .. name:gsub("^-*", ""):gsub("_", "-")
  local on = [[\b]] .. name .. [[[`'"]?(?: ?=+ ?True\b| must be (?:set|enabled|on|True)\b| (?:is|be) required\b)]]
  local known = flag:match[[^--enable-]] and text:match(on) and atlas.flag(package, flag)
  if not known or known.state ~= "here" then return nil end
  return {flag = name, stated = true, spelled = flag, say = ("Start it with %s."):format(flag)}
end

-- "X is not supported with V": the variable is what X does not go with.
local AGAINST = [[(?i)\b(?:not (?:yet |currently )?(?:support\w*|compatible|implemented|available|allowed|work)]]
  .. [[|incompatible|unsupported|cannot be (?:used|combined)|conflicts?)\b[^.;:\n]{0,40}]]
  .. [[\b(?:with|when|under|while|if|and) ]]
  .. [=[(?:the |using |setting )?[`'"]?]=]

local function stands_against(text, variable)
  return not ordered(text, REMEDY .. "(" .. variable .. [[)\b]]) and text:match(AGAINST .. variable .. [[\b]]) ~= nil
end

-- What the engine's own source says of its message, where the atlas has read it.
local function from_source(said, hit, package, where, text)
  local name, value, remedy = named(text, where)
  local plain = name and name:gsub("^-*", ""):gsub("-", "_")
  local fix
  if said.kind == "v" then
    fix = (said.more == "-" or stands_against(text, said.name))
      and {unset = {said.name}, say = ("Leave %s unset."):format(said.name)}
      or as_variable(said.name, plain == said.name and value or said.more, true)
  elseif said.kind == "p" or said.kind == "q" then
    fix = remedy and name:match[[^[A-Z]+_]] and as_variable(name, value, true)
      or switched_on(said.name, text, package)
      or (plain == said.name or remedy and name:sub(1, 2) == "--") and as_setting(name, value, remedy)
      or as_setting(text:match("--" .. said.name:gsub("_", "[-_]") .. [[\b]]) or said.name, nil)
  else
    return nil
  end
  return {hit = hit, confidence = said.more == "g" and 0.8 or 0.88,
    why = ("%s refuses its settings before it starts, and says which: %s."):format(package, said.name), fixes = {fix}}
end

rule {
  id = "engine.arg-invalid/stated",
  anyone = "request",
  signatures = {says = SAYS, flag = FLAG},
  context = OTHER_RULES,
  unless = {"cuda"},
  facts = {"python.packages.vllm.version", "python.packages.sglang.version"},
  explains = {"vllm.engine-died"},
  when = function(_, log)
    local hit, package, where, text = refusal(log)
    local said = atlas.said(hit)
    if said then return from_source(said, hit, package, where, text) end
    local flagged = hit and text:match[=[(?:^|\s)--[a-z][\w-]+ requires --[a-z][\w-]+]=]
    if not hit or where == "model" or hit.event.type == "TypeError" and not flagged then return nil end
    local name, value, remedy = named(text, where)
    if not name then return nil end
    local dashed, variable = name:sub(1, 2) == "--", name:match[[^[A-Z]+_]] ~= nil
    local known = dashed or variable or name:match(SETTING) ~= nil
    if package == "ray" and not known or not where and not known or where == "kernel" and not (dashed or variable) then
      return nil
    end
    local confidence = (dashed or variable) and 0.86 or where == "launch" and (remedy or known) and 0.82
      or where == "launch" and 0.74 or 0.6
    return {hit = hit, confidence = confidence,
      why = ("%s refuses its settings before it starts, and says which: %s."):format(package, name),
      fixes = {variable and as_variable(name, value, remedy) or not dashed and switched_on(name, text, package)
        or as_setting(name, value, remedy)}}
  end,
  doc = {
    looks = "ValueError: ... requires --data-parallel-backend mp; NotImplementedError: ... Use --moe-runner-backend "
      .. "... instead.",
    check = "The command line of the engine.",
  },
}

-- ---- what this GPU, or this release, cannot do ----

local GPU = [[(?i)(?:requires?|needs?|only (?:supports?|supported on|available on|works? on)|supported (?:only )?on)]]
  .. [[\b[^.\n]{0,40}\b(?:SM ?\d{2,3}|Hopper|Blackwell|Ampere|Ada\b|GB?[123]00|H[12]00|NVLS|NVLink|]]
  .. [[compute capability|multicast)]]

rule {
  id = "vllm.arg-unsupported/gpu",
  anyone = "request",
  signatures = {says = SAYS},
  facts = {"gpus.0.name", "gpus.0.cc"},
  when = function(_, log)
    local hit, package, _, text = refusal(log)
    local what, said = hit and text:match("(" .. GPU .. [[[\w+.-]*]] .. ")"), atlas.said(hit)
    if not hit or said and said.kind ~= "h" or not said and (not what or text:match[[\btensors?\b]]) then return nil end
    return {hit = hit, confidence = said and 0.86 or 0.82,
      why = {("%s was asked for something that this GPU cannot do%s."):format(package, what and ": it " .. what or ""),
        "This machine has {fact:gpus.0.name}."},
      fixes = {{hardware = true, say = "Run it on such a GPU, or choose another backend or quantization."}}}
  end,
  doc = {looks = "'... requires an SM100-family GPU', '... only supported on Hopper'.",
    check = "The GPU's compute capability."},
}

local REFUSES = [[(?i)(?:\b(?:does not|doesn't|do not|not yet|currently not|only|not) supports?(?:ed)?\b|]]
  .. [[\bunsupported\b|]]
  .. [[\bonly [^.\n]{1,40} (?:is|are) supported|]]
  .. [[\b(?:is|are) not (?:currently |yet )?(?:supported|compatible|implemented|verified)|\bincompatible with\b|]]
  .. [[\brequires?\b|\bis required for\b|\bdivisible by\b|\bcannot be (?:used|combined)\b|\bexpects?\b)]]
-- What a caller's tensors are checked for, and states that no setting brings about.
local INTERNAL = [[(?i)(?:contiguous|row-major|\bshape|stride|metadata|\brows?\b|\btensors?\b|\bindex\b|\bindices\b|]]
  .. [[\bdtype\b.{0,20}\bgot\b|must be initialized|before\b|callback|\bslot|mapping|\bkeys?\b|batch\.|]]
  .. [[\bself\.(?!hidden|num))]]

-- Where the words of a configuration are put together, not those of a model.
local CONFIGURATION = [[mem_cache|disaggregation|_transfer|connector|kv_]]

local function refused(log, configuration)
  local hit, package, where, text = refusal(log)
  local said = atlas.said(hit)
  if not hit or said and said.kind ~= "u" then return nil end
  if not said and where ~= "setup" and where ~= "launch" or package == "ray" then return nil end
  local file = hit.event.frames[#hit.event.frames].file
  if (where == "launch" or file:match(CONFIGURATION) ~= nil) ~= configuration then return nil end
  if not text:match(REFUSES) or not said and text:match(INTERNAL) then return nil end
  return hit, package, said and said.name
end

rule {
  id = "engine.arg-invalid/refused",
  anyone = "request",
  signatures = {says = SAYS},
  context = OTHER_RULES,
  unless = {"cuda"},
  facts = {"python.packages.vllm.version", "python.packages.sglang.version"},
  when = function(_, log)
    local hit, package, name = refused(log, true)
    if not hit then return nil end
    return {hit = hit, confidence = 0.55,
      why = ("%s refuses this combination of settings, and says what it misses."):format(package),
      fixes = {{code = true, kind = "param:" .. (name or "FLAG"),
        say = "Change what the message names where the engine is started."}}}
  end,
  doc = {looks = "'... requires an encoder-only producer' where an engine reads its configuration.",
    check = "The command line and the configuration of the engine."},
}

rule {
  id = "vllm.arg-unsupported/refused",
  anyone = "request",
  signatures = {says = SAYS},
  context = OTHER_RULES,
  unless = {"cuda"},
  facts = {"python.packages.vllm.version", "python.packages.sglang.version", "gpus.0.name"},
  when = function(_, log)
    local hit, package, name = refused(log, false)
    if not hit then return nil end
    return {hit = hit, confidence = 0.55,
      why = ("%s has no way to run this model with these settings on this GPU, and says which part it lacks."):format(
        package),
      fixes = {{code = true, kind = "param:" .. (name or "quantization"),
        say = "Choose another checkpoint, quantization or backend for what the message names."},
        {install = package, say = "Or upgrade the engine, which may know it by now."}}}
  end,
  doc = {looks = "'... only supports bfloat16 weights', '... is not supported for MoE' where an engine builds its "
    .. "model.",
    check = "The model's configuration against what the message asks for."},
}

rule {
  id = "vllm.arg-unsupported/task",
  from = {"engine"},
  signatures = {task = [[The model does not support (?<task>\w+(?: \w+)?) API]]},
  confidence = 0.82,
  why = "The engine was started for another task than {task}, or the model has no head for it.",
  fixes = {{flag = "runner", stated = true, say = "Start it for that task (--runner pooling for embeddings, scores and "
    .. "classification), with a model made for it."}},
  doc = {looks = "'The model does not support Embeddings API'.",
    check = "--runner, --task and the model's architecture."},
}

-- ---- what the message of any library orders ----

-- The refusals of engines are read above and what is to be installed in message.lua; this is for all else that gives
-- an order itself ("Restart it with `--max-lora-rank 32`", "set X_TRUST_REMOTE_CODE=1").

local VERB = [[(?i:\b(?:set|export|use|pass(?: in)?|try|specify|add|provide|supply|choose|raise|lower|increase]]
  .. [[|decrease|reduce|enable|disable]]
  .. [[|(?:by|try|consider|requires?) (?:setting|exporting|using|passing|specifying|adding]]
  .. [[|providing|raising|lowering|increasing|reducing|enabling|disabling)|(?:re-?run|re-?launch|re-?start|start)]]
  .. [[(?: [\w']+){0,3} with):? )]]
  .. [=[(?:(?:the|an?|only|either|another|different|larger|smaller|valid|argument|flag|option|switch|parameter) ]=]
  .. [=[|(?i:env\w*(?: var\w*)? ))*[`'"]?]=]
-- "Set it with --x", "specify the method by --x"
local MEANS = VERB .. [=[(?:[^\n.;:!?(]{1,60}? (?i:with|via|using|through|by) (?:the |an? )?[`'"]?)?]=]
local A_FLAG = [=[--([a-z][a-z0-9]*(?:[-_.][\w.-]*\w)?)]=]
  .. [=[[`'"]?(?:(?:[ =]| to )[`'"]?([\w./:-]*\w))?]=]
-- "set X=1", "set X to true"; what stands behind another "to" is what that is good for
local CAPITALS = [=[[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9]]=]
local A_VARIABLE = "(" .. CAPITALS .. [=[)\b[`'"]?]=]
  .. [=[(?:(?:=[`'"]?| to [`'"]| to (?=\d|(?i:true|false|on|off)\b))([\w./:-]*\w))?]=]
-- "Fast rows require --shelf-kind x", "only supports --rows with shelves"
local WANTS = [=[(?i:\b(?:requires?|needs?|only supports?) ]=]
  .. [=[(?:(?:the|an?|either|explicit|argument|flag|option) )*)[`'"]?]=]
-- Variables that only make a failure easier to read mend nothing.
local DIAGNOSES = [[(?:DEBUG|VERBOSE|LOG|TRACE|BLOCKING|FULL_ERROR|_DSA|PROFILE)]]
-- What is not let in without one of the hub's is a matter of who asks, and has causes of its own.
local HUB = [[(?i)^(?:(?:hf|hub|hugging\w*)_\w*(?:token|key)|(?:auth_)?token)$]]
local SECRET = [[(?i)(?:token|key|secret|password)$]]
-- Makers of variables; of any other a value, the word for it or a sentence that begins with the order must say that it
-- is one.
local KNOWN = [[^(?:CUDA|HIP|ROCR|NCCL|TORCH\w*|PYTORCH|TRITON|HF|TRANSFORMERS|VLLM|SGLANG|LMDEPLOY|RAY|DS|NVTE)_]]
local PLAINLY = [=[(?:^|[.!?:;\n,]\s*|\b(?:[Pp]lease|or|and|[Nn]eed to|[Mm]ust) )(?:[Ss]et|[Ee]xport) (?:the )?[`'"]?]=]

-- A flag that is what the sentence is about: the program's own words on its command line.
local ABOUT = {
  [=[(?<![\w-])--[a-z][\w.-]+[`'"]? (?:requires?|needs?) (?:the |an? )?[`'"]?--([a-z][\w.-]*\w)]=],
  [=[(?<![\w-])--([a-z][\w-]+)[`'"]?(?: [A-Z_]+)? (?:(?:must|should) be (?:set|provided|given|specified)]=]
    .. [=[|is required)\b]=],
  [=[(?<![\w-])--(?!help\b|version\b)([a-z][\w.-]*\w)[`'"]?]=]
    .. [=[(?:[ =](?!(?:which|that|and|or|but|it|this|to|you|they|we|when|if)\b)['"]?\w[\w.]*['"]?)? ]=]
    .. [=[(?:cannot|can't|can not|can only|may not|must|requires?|needs?]=]
    .. [[|expects?|conflicts?|is (?:not|only|incompatible)|does not (?:yet )?(?:support|take|match)|takes|should]]
    .. [[|has no|selects?]]
    .. [[|(?:with [^.;:]{1,60} )?supports? [^.;:]{1,60} only|only (?:supports?|works?))\b]],
  [=[(?<![\w-])--([a-z][\w-]+)[`'"]?(?:,? (?:and|or|/) [`'"]?--[a-z][\w-]+[`'"]?)+ are mutually exclusive\b]=],
  [=[(?i:\b(?:at the same time|mutually exclusive): ?)[`'"]?--([a-z][\w.-]*\w)]=],
  [=[(?i:\b(?:(?:exactly|at least|only) one of|ensure|make sure)(?: that)? )[`'"]?--([a-z][\w.-]*\w)]=],
  [=[(?<![\w-])--([a-z][\w.-]*\w)[`'"]? was (?:requested|given|specified|passed)\b,? but\b]=],
  [=[(?i:\b(?:does not|doesn't|do not) support )(?:the )?[`'"]?--([a-z][\w.-]*\w)]=],
  [=[(?i:\bnot (?:yet |currently )?(?:supported|compatible|allowed) (?:with|when using|for) )]=]
    .. [=[[`'"]?--([a-z][\w.-]*\w)]=],
  [=[(?i:\b(?:cannot|can't|do not|don't|m(?:ust|ay) not) (?:use|pass|combine|set|specify|mix) )]=]
    .. [=[(?:both )?[`'"]?--([a-z][\w-]+)]=],
  [=[^[`'"]?([a-z]\w*_\w+)[`'"]? must be [^.;]*\b(?:when|with|if|for|unless) [^.;]*(?<![\w-])--[a-z]]=],
}

-- A variable that is said to be missing.
local MISSING = {
  "\\b(" .. CAPITALS .. [=[)\b[`'"]?(?:(?:,? (?:or|and)|,|/) ?[`'"]?]=] .. CAPITALS .. [=[\b[`'"]?)*]=]
    .. [=[(?:,? (?i:env\w*(?: var\w*)?))? (?:(?:(?:is|was|are|were|has|have) not|isn't|wasn't|aren't) (?:been )?]=]
    .. [=[(?:set|defined|provided|given|exported|found)\b|(?:must|needs? to|has to|should|have to) be ]=]
    .. [=[(?:set|defined|provided|given|exported)\b|(?:is|are) (?:required|missing)(?=[.,;:!?]|$| for\b]=]
    .. [=[| in\b| when\b| to\b))]=],
  [=[(?i:\b(?:missing|requires?|required|needs?|set|setting|provide|via|through|with)\b[^\n;]{0,40}\benv(?:ironment)?]=]
    .. [=[(?: ?-?var\w*)?)\b[^A-Z\n;]{0,24}\b(]=] .. CAPITALS .. [=[)\b]=],
  MEANS .. "(" .. CAPITALS .. [=[)\b[`'"]? (?i:env)]=],
  "\\b(" .. CAPITALS .. [=[)\b[`'"]? (?i:env\w*(?: ?var\w*)? not (?:set|found|defined|provided))\b]=],
  [=[(?i:\benv\w*(?: ?var\w*)?:? )[`'"]?(]=] .. CAPITALS
    .. [=[)\b[`'"]? (?i:(?:(?:is|was|has) )?not (?:been )?(?:set|found|defined|provided))\b]=],
  -- "by the argument a, or the X environment variable"
  [=[(?i:\b(?:must|required?|requires?|needs?|set|provide|specif(?:y|ied)|pass|define|configure|supply)\b]=]
    .. [=[[^\n;]{0,120}]=]
    .. [=[(?:\b(?:or|in|via|through|by|using)(?: setting)?|,) (?:the |an? |either (?:the )?)?[`'"]?)(]=] .. CAPITALS
    .. [=[)\b[`'"]?(?:(?:/|, | or )[`'"]?]=] .. CAPITALS .. [=[\b[`'"]?)* (?i:env)]=],
  [=[(?i:\bnone of [^\n;]{0,40}\benv\w*(?: ?var\w*)? (?:is|are|was|were) (?:set|defined|found):? )]=]
    .. [=[[`'"\[({]*(]=] .. CAPITALS .. [=[)\b]=],
  -- "the limit can be raised via the X env variable"
  [=[(?i:\bcan be (?:increased|raised|lowered|changed|set|configured|controlled|overridden) (?:via|with|by|using) )]=]
    .. [=[(?:the )?[`'"]?(]=] .. CAPITALS .. [=[)\b]=],
  -- a value that it cannot have
  [=[(?i:\b(?:invalid|unknown|unsupported) env\w*(?: ?var\w*)?:? )[`'"]?(]=] .. CAPITALS .. [=[)\b]=],
  [=[(?i:\benv\w* var\w*:? )[`'"]?(]=] .. CAPITALS .. [=[)\b[^\n;.]{0,40} (?i:must be)\b]=],
  "\\b(" .. CAPITALS .. [=[)\b[`'"]? (?i:env\w*(?: ?var\w*)? (?:includes?|contains?|has|is|was)]=]
    .. [=[(?: an?| set to(?: an?)?)? (?:unknown|invalid|unsupported|malformed|not a valid))\b]=],
  [=[(?i:\b(?:invalid|unknown|unsupported|unexpected) (?:value|setting|option)s?\b[^\n;]{0,40} ]=]
    .. [=[(?:for|in|of) (?:the )?env\w*(?: ?var\w*)?:? )[`'"]?(]=] .. CAPITALS .. [=[)\b]=],
  [=[(?i:\b(?:check|verify|ensure|make sure) (?:that |whether |if )?(?:your |the )?)[`'"]?(]=] .. CAPITALS .. [=[)\b]=],
}

-- What a launcher gives each of its processes is nobody's to set.
local OF_LAUNCHERS = [[^(?:JSM|SLURM|PMIX?|OMPI|PBS|LSF|LSB|MASTER|LOCAL|WORLD|GROUP|TORCHELASTIC)_]]

-- A flag that only tells something mends nothing.
local TELLS = [[^(?:list|help|version|verbose|debug|dry_run)$]]

-- "(X is not set)" tells how one knows, and asks for nothing.
local ASIDE = [=[\([^()]*\bnot (?:been )?(?:set|defined|found)\)]=]

-- What may be the reason, or one of many: "this may be due to ..., e.g. changing X after the start".
local GUESS = [=[(?i)\b(?:this |it |which )?(?:may|might|could) be (?:due to|caused by|because)\b]=]
  .. [=[[^\n;]*?(?:\. |[;\n]|$)]=]
local SUCH_AS = [=[(?i)\b(?:e\.g\.|for example)[^\n.;]*]=]
-- "--model MODEL_NAME": what stands for a flag's value
local PLACE = "--[a-z][\\w-]*[ =]<?" .. CAPITALS .. "\\b"
-- "Please don't set X here"
local UNSET = [=[(?i:\b(?:(?:do not|don't|avoid|not) (?:set|setting)|unset) (?:the )?(?:env\w*(?: var\w*)? )?)[`'"]?(]=]
  .. CAPITALS .. [=[)\b]=]

local function first_of(text, patterns)
  for _, pattern in ipairs(patterns) do
    local found = text:match(pattern)
    if found then return found end
  end
end

local function ordered_flag(text)
  local flag, value = ordered(text, MEANS .. A_FLAG)
  if flag then
    value = not flag:match(SECRET) and plain_value(value) or nil
    if value and value:match[[^[a-z]+$]] and text:match("--" .. flag .. "[`'\"]? to ") then value = nil end
    return flag, value and ("Start it with --%s %s."):format(flag, value)
      or ("Change --%s as the message says."):format(flag)
  end
  flag = ordered(text, WANTS .. A_FLAG)
  if flag then return flag, ("Give --%s as the message says."):format(flag) end
  flag = ordered(text, DROP .. A_FLAG) or (ordered(text, LEAVE) or ""):match[[^--(.+)]]
  if flag then return flag, ("Start it without --%s."):format(flag) end
  flag = first_of(text, ABOUT)
  return flag, flag and ("Give --%s as the message says."):format(flag)
end

local function ordered_variable(text)
  local name, value = ordered(text, VERB .. A_VARIABLE)
  value = plain_value(value)
  local sure = name and (value or name:match(KNOWN) or text:match[[(?i)\benv(?:ironment)?\b]]
    or text:match(PLAINLY .. name) or text:match(name .. "[`'\"]? variable"))
  if not sure then
    name, value = first_of(text:gsub(GUESS, " "):gsub(SUCH_AS, " "):gsub(ASIDE, ""):gsub(PLACE, ""), MISSING), nil
  end
  return name, value
end

-- (intention, what it names) of the first order in a message; nil when it gives none.
local function order(text)
  local flag, say = ordered_flag(text)
  local setting = flag and flag:gsub("-", "_")
  if flag and not setting:match(HUB) and not setting:match(TELLS) then
    return {code = true, kind = "param:" .. setting, say = say}, "--" .. flag
  end
  local gone = text:match(UNSET)
  if gone and not gone:match(HUB) then return {unset = {gone}, say = ("Leave %s unset."):format(gone)}, gone end
  local name, value = ordered_variable(text)
  if not name or name:match(DIAGNOSES) or name:match(HUB) or name:match(OF_LAUNCHERS) then return nil end
  return value and not name:match(SECRET)
    and {set = {[name] = value}, say = ("Set %s to %s, as the message asks."):format(name, value)}
    or {code = true, kind = "env:" .. name, say = ("Set %s as the message says."):format(name)}, name
end

rule {
  id = "engine.arg-invalid/told",
  anyone = "request",
  signatures = {
    raised = [=[(?:Error|Exception|Exit|Parameter): [^\n]*(?:(?<![\w-])--[a-z][a-z0-9]|]=]
      .. [[(?-i:\b[A-Z][A-Z0-9]*_[A-Z0-9]))]],
    flag = "(?:" .. VERB .. "|" .. DROP .. ")" .. [[--[a-z][a-z0-9]+]],
    variable = VERB .. "(?-i:" .. CAPITALS .. ")",
  },
  context = {cuda = [[(?:out of memory|CUDA error|NCCL error|KV cache blocks|gated repo)]]},
  unless = {"cuda"},
  when = function(_, log)
    local hit
    for _, name in ipairs{"raised", "flag", "variable"} do
      for _, one in ipairs(log.all(name)) do
        if one.event.kind == "exception" and (one.event.tier or 0) >= 3 then hit = hit or one end
      end
    end
    local who = hit and hit.event.emitters or {}
    if not hit or next(who) == nil or who.app or who.pip then return nil end
    local message = hit.event.message and hit.event.message ~= "" and hit.event.message or hit.text
    local fix, name = order((message:gsub([=[(?:pip3?|uv|apt(?:-get)?|conda|docker|git) [a-z]+ [^\n`]*]=], "")))
    if not fix then return nil end
    -- "it was not built so, or X is not set": one of two
    local unsure = message:match[[(?i)\binstall\b]] or name:match(SECRET)
      or message:match("\\bor [`'\"]?" .. name:gsub("[.-]", "[.-]") .. "[`'\"]? is not set")
    return {hit = hit, confidence = unsure and 0.76 or 0.82,
      why = ("The message itself says what to change: %s."):format(name), fixes = {fix}}
  end,
  doc = {looks = "'Restart it with `--max-lora-rank 32`', 'Set X_ALLOW_Y=1 to ...' in a library's exception.",
    check = "The command line and the environment of what was started."},
}

-- Images of NVIDIA bring a file of constraints, which pins what the image was tested with for whatever is installed.
rule {
  id = "pip.conflict/constraint",
  title = "a file of constraints forbids what is to be installed",
  from = {"installer"},
  signatures = {
    refused = [[Cannot install [^\n]+ because these package versions have conflicting dependencies]],
  },
  context = {constraint = [[The user requested \(constraint\) (?<pin>\S+)]], done = [[^Successfully installed \S]]},
  facts = {"env.PIP_CONSTRAINT"},
  when = function(f, log)
    local file, pinned = f.env"PIP_CONSTRAINT", log.constraint
    if not pinned or log.done and log.done.line > pinned.line then return nil end
    return {hit = log.refused, confidence = file and 0.93 or 0.88, evidence = {pinned},
      why = {("pip was given a file of constraints that pins %s, and what is to be installed needs another release.")
          :format(pinned.pin),
        "PIP_CONSTRAINT names it: {fact:env.PIP_CONSTRAINT}."},
      fixes = {file ~= false and {unset = {"PIP_CONSTRAINT"}, say = "Install without the constraints of the image."}
          or {code = true, say = "Take that line out of the file that the command names with -c."},
        {host = true, kind = "pip:package", say = "Or take a release that goes with what the file pins."}}}
  end,
  doc = {looks = "'The user requested (constraint) numpy==1.24.4', in an image of NVIDIA's.",
    check = "PIP_CONSTRAINT; /etc/pip/constraint.txt."},
}

-- From 2 on Python throws docstrings away; libraries that make others of them at import end there.
local function without_docstrings(f)
  local level = tonumber(f.env"PYTHONOPTIMIZE" or nil)
  return level ~= nil and level >= 2
end

rule {
  id = "env.variable-ignored/docstrings",
  title = "Python was told to throw docstrings away",
  anyone = "interpreter",
  signatures = {
    none = any{
      [['NoneType' object has no attribute '(?:r?split|[lr]?strip|replace|format|splitlines|expandtabs|startswith)']],
      [[unsupported operand type\(s\) for \+=?: 'NoneType' and 'str']],
      [[current docstring is:?\s*(?:None)?$]],
    },
  },
  facts = {"env.PYTHONOPTIMIZE"},
  specific_over = {"app.bug", "pip.broken-install", "hf.version-conflict"},
  when = function(f, log)
    if not without_docstrings(f) or (log.none.event.tier or 0) < 3 then return nil end
    return {hit = log.none, confidence = 0.9,
      why = {"PYTHONOPTIMIZE is {fact:env.PYTHONOPTIMIZE}: Python keeps no docstrings, and a library builds others of "
        .. "them while it is imported."}, fixes = {{unset = {"PYTHONOPTIMIZE"}, say = "Unset it, or set it to 1."}}}
  end,
  check = function(f)
    if not without_docstrings(f) or not f.pkg"transformers" then return nil end
    return {confidence = 0.85, severity = "warning",
      why = "PYTHONOPTIMIZE is 2 or more: Python keeps no docstrings, of which transformers builds others while it is "
        .. "imported.", evidence = {"env.PYTHONOPTIMIZE"},
      fixes = {{unset = {"PYTHONOPTIMIZE"}, say = "Unset it, or set it to 1."}}}
  end,
  doc = {looks = "'NoneType' object has no attribute 'split', at the import of a library.",
    check = "PYTHONOPTIMIZE, and -OO of the command."},
}
