-- What a library says in words where others write a flag: "Increase GPU memory utilization", "use eager attention"; and
-- the GPU that a library other than an engine asks for. Read when no rule knows the case better.

-- The exception that ended it, raised by a library and not by the worker's own code; and its message.
local function raised(hits)
  for _, hit in ipairs(hits) do
    local event, who = hit.event, hit.event.emitters or {}
    if event.kind == "exception" and (event.tier or 0) >= 3 and next(who) ~= nil and not who.app and not who.pip then
      return hit, event.message and event.message ~= "" and event.message or hit.text
    end
  end
end

-- ---- settings in words ----

local WORDS = {
  {[[GPU memory utili[sz]ation]], "gpu_memory_utilization"},
  {[[max(?:imum)? model len(?:gth)?]], "max_model_len"},
  {[[(?:tensor[- ]parallel|TP) (?:size|degree)]], "tensor_parallel_size"},
  {[[pipeline[- ]parallel (?:size|degree)]], "pipeline_parallel_size"},
  {[[max(?:imum)? (?:number of |num )?batched tokens]], "max_num_batched_tokens"},
  {[[(?:KV|key.value) cache d(?:ata )?type]], "kv_cache_dtype"},
  {[[chunked prefill size]], "chunked_prefill_size"},
  {[[object store memory(?: usage)?]], "object_store_memory"},
  {[[attention backend]], "attention_backend"},
  {[[(?:eager|SDPA) attention(?: implementation)?]], "attn_implementation"},
  {[[(?:attention implementation|attn_implementation)]], "attn_implementation"},
}
local ALL = {}
for i, row in ipairs(WORDS) do ALL[i] = row[1] end

local ORDER = [[(?:^|[.;:!,(]\s*|\b(?:please|try|consider|or|by|to|and|must|should|can|either) )]]
  .. [[(?:us|set|switch|chang|rais|lower|increas|decreas|reduc|enabl|disabl)(?:e|ing|ting)?(?: to| back to)? ]]
  .. [=[(?:the |your |an? |another |different |smaller |larger )*[`'"]?]=]
-- "object store memory ..., but the minimum allowed is 7"
local LIMIT = [[[^\n.;]{0,60}\b(?:(?:minimum|maximum|least|most|largest|smallest) (?:allowed|supported|possible)\b]]
  .. [[|is (?:too (?:small|large|low|high|long|short)|(?:larger|smaller|greater|less|lower|higher) than)\b|must be\b)]]

-- By its name, where that is ordered first: "reduce max_rows or use another attention backend".
local NAMED = "(?i)" .. ORDER .. [[([a-z]+(?:_[a-z0-9]+)+)\b]]

local function setting_of(text)
  for _, row in ipairs(WORDS) do
    local at = text:find("(?i)" .. ORDER .. row[1] .. [[\b]])
    if at or text:match([[(?i)\b]] .. row[1] .. LIMIT) then
      local before = at and text:find(NAMED)
      return before and before < at and text:match(NAMED) or row[2]
    end
  end
end

rule {
  id = "engine.arg-invalid/words",
  anyone = "request",
  signatures = {words = [[(?:Error|Exception): [^\n]*\b]] .. any(ALL) .. [[\b]]},
  context = {memory = [[(?:out of memory|CUDA error|KV cache blocks|on startup is less than desired)]]},
  unless = {"memory"},
  when = function(_, log)
    local hit, text = raised(log.all"words")
    local setting = hit and setting_of(text)
    if not setting then return nil end
    return {hit = hit, confidence = 0.8, why = ("The message itself says what to change: %s."):format(setting),
      fixes = {{code = true, kind = "param:" .. setting, say = ("Change %s as the message says."):format(setting)}}}
  end,
  doc = {looks = "'Increase GPU memory utilization', 'use eager attention' in a library's exception.",
    check = "What the engine was started with, or the model was loaded with."},
}

-- ---- a setting with its value ----

-- Where a library reads how it was started, not what a caller hands to a function.
local CONFIGURATION = [=[[/\\](?:schemas?|validat\w+|\w*arg(?:ument)?s(?:_\w+)?|\w*config\w*|settings|\w*options|cli|]=]
  .. [=[launch\w*)(?:[/\\]\w+){0,2}\.py$]=]
-- "Please set 'a_b' to false", "Use `a_b: c`"
local VALUED = [=[(?:(?:^|[.;:!,(]\s*)(?i:please |or |and |either )?|\b(?:[Pp]lease|must|need to|should) )]=]
  .. [=[(?i:set|use|change|switch) ]=]
  .. [=[(?:the )?[`'"]?([a-z][a-z0-9]*_\w+)[`'"]?(?: to |\s?[=:]\s?)[`'"]?([\w.+-]+)]=]

rule {
  id = "engine.arg-invalid/valued",
  anyone = "request",
  signatures = {set = [=[(?:Error|Exception): [^\n]*\b(?:set|use|change|switch) (?:the )?[`'"]?[a-z][a-z0-9]*_\w+]=]},
  context = {memory = [[(?:out of memory|CUDA error|gated repo)]]},
  unless = {"memory"},
  when = function(_, log)
    local hit, text = raised(log.all"set")
    local frames = hit and hit.event.frames or {}
    if not hit or not frames[#frames] or not frames[#frames].file:match(CONFIGURATION) then return nil end
    local name, value = text:match(VALUED)
    if not name then return nil end
    return {hit = hit, confidence = 0.8,
      why = ("It reads how it was started, and the message says what to change: %s."):format(name),
      fixes = {{code = true, kind = "param:" .. name, say = ("Set %s to %s, as the message says."):format(name,
        (value:gsub("[.]+$", "")))}}}
  end,
  doc = {looks = "'save_strategy and save_steps mismatch. Please set save_strategy to 'steps'' where a library reads "
    .. "its configuration.", check = "The configuration or the command line of what was started."},
}

-- ---- the GPU that it asks for ----

local GPU = [[(?:\b(?:requires?|needs?|only (?:supports?|supported on|available on|works? on)|supported (?:only )?on)]]
  .. [[\b[^.\n]{0,40}\b(?:SM ?_?\d{2,3}|Turing|Ampere|Ada\b|Hopper|Blackwell|GB?[123]00|H[12]00|]]
  .. [[compute capability|CUDA capability)[\w+.-]*)]]
local NARROW = [[(?i)\b(?:bf16|bfloat16|fp8|fp4|\w*fp[48]\w*|float8\w*|flash.?attention\w*)\b]]

for _, cause in ipairs{"dtype.unsupported", "vllm.arg-unsupported"} do
  rule {
    id = cause .. "/gpu-asked",
    anyone = "request",
    signatures = {gpu = "(?:Error|Exception): [^\n]*" .. GPU},
    facts = {"gpus.0.name", "gpus.0.compute_capability"},
    when = function(_, log)
      local hit, text = raised(log.all"gpu")
      if not hit or text:match[[(?i)\btensors?\b]] then return nil end
      if (text:match(NARROW) ~= nil) ~= (cause == "dtype.unsupported") then return nil end
      -- "... needs Blackwell. Set x: true, or ..." has another way
      local other = text:match[[(?i)(?:^|[.;:!,(]\s+|\b(?:please|or) )(?:set|use|disable|switch|pass|drop) ]]
      return {hit = hit, confidence = other and 0.72 or 0.8,
        why = {("A library was asked for something that this GPU cannot do (\"%s\")."):format(
          text:match("(?i)(" .. GPU .. ")"):gsub([[\.+$]], "")), "This machine has {fact:gpus.0.name}."},
        fixes = {{hardware = true, say = "Run it on such a GPU, or leave what the message names."}}}
    end,
    doc = {looks = "'num_ctas > 1 requires SM90+', 'requires compute capability 8.0' in a library's exception.",
      check = "The GPU's compute capability."},
  }
end

-- ---- who may read it ----

rule {
  id = "hf.gated/asked",
  anyone = "request",
  signatures = {
    login = [[(?:https://huggingface\.co/\S+ requires authentication]]
      .. [[|requires authentication, [^\n]{0,30}\bHF_TOKEN\b)]],
  },
  facts = {"env.HF_TOKEN"},
  when = function(_, log)
    local hit = raised(log.all"login")
    return hit and {hit = hit, confidence = 0.84,
      why = "The message asks for an account that may read this repository.",
      fixes = {{login = "hub",
        say = "Accept the terms on the repository's page, then log in with a token that may read it."}}} or nil
  end,
  doc = {looks = "'https://huggingface.co/x/y requires authentication' in a library's exception.",
    check = "Is HF_TOKEN set, and has its account been granted access?"},
}
