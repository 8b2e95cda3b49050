-- Serving engines: vLLM, SGLang, TGI, llama.cpp and what wraps their failures.

-- How the engine is named by its package, in settings and in sentences.
local NAMES = {vllm = "vLLM", sglang = "SGLang", lmdeploy = "LMDeploy", ["tensorrt-llm"] = "TensorRT-LLM", tgi = "TGI",
  transformers = "transformers"}

-- Which engine speaks: the frames, else the words of the line; nil where neither tells.
local function engine_of(log, hit)
  local seen = log.engine_seen
  if NAMES[seen] and seen ~= "transformers" then return seen end
  local text = (log.engine and log.engine.text or "") .. " " .. (hit and hit.text or "")
  for _, row in ipairs{{[[sglang|launch_server\.py]], "sglang"}, {[[lmdeploy]], "lmdeploy"},
      {[[tensorrt_llm|trtllm]], "tensorrt-llm"}, {[[text.generation|\btgi\b]], "tgi"}, {[[vllm]], "vllm"}} do
    if text:match(row[1]) then return row[2] end
  end
  return seen
end

-- The share of the GPU that holds the KV cache asked for, by the message and the GPU's size (0.95 where they do not
-- say); nil where none does.
local function larger_share(f, log)
  local now, total = tonumber(log.fraction and log.fraction.fraction) or 0.9, f"gpus.0.memory.total"
  local value = 0.95
  if log.to_serve and total then
    local missing = tonumber(log.to_serve.need) - tonumber(log.to_serve.have)
    value = math.ceil(100 * (now + missing * (1 << 30) / total) + 0.5) / 100
  end
  return value > now and value <= 0.97 and value or nil
end

-- How many tokens fit, by the message: stated, or by what is needed and what is there.
local function tokens_that_fit(log)
  local fits = log.estimated and log.estimated.estimate or log.max_len and log.max_len.fits
  if not fits and log.to_serve then
    fits = tonumber(log.to_serve.len2) * tonumber(log.to_serve.have) / tonumber(log.to_serve.need)
  end
  return fits and math.max(256, math.floor(tonumber(fits) / 256) * 256)
end

local bigger = {hardware = true, say = "Or use a GPU with more memory."}

local function split(engine)
  return {flag = "tensor_parallel_size", toward = "raise", engine = engine, say = "Or split the model over more GPUs."}
end

-- TensorRT-LLM's executor: which part did not fit stands below.
local function executor(hit)
  return {hit = hit, confidence = 0.85,
    why = "TensorRT-LLM could not create all parts of its executor in the GPU's memory; which one is said below that "
      .. "line, "
      .. "with what was free.",
    fixes = {{flag = "gpu_memory_utilization", toward = "lower", engine = "tensorrt-llm",
        say = "Give the KV cache less of what is free."},
      {flag = "max_num_seqs", toward = "lower", engine = "tensorrt-llm",
        say = "Or lower max_batch_size and max_num_tokens (model, graphs, temporary cache)."}, split("tensorrt-llm")}}
end

-- TGI's warm-up computes a batch of the prompt tokens it allows.
local function warmup(hit)
  local less = tonumber(hit.tokens) and tonumber(hit.tokens) // 2
  if less and less < 1024 then -- no prompt to speak of: the weights fill the GPU
    return {hit = hit, confidence = 0.86,
      why = "Not even {tokens} {stage} tokens fit beside the weights: the model itself fills the GPU.",
      fixes = {{flag = "four_bit", engine = "tgi", say = "Load it in 4 bits."}, split("tgi"), bigger}}
  end
  return {hit = hit, confidence = 0.94,
    why = "TGI computes the largest batch that its settings allow before it serves, and {tokens} {stage} tokens do "
      .. "not fit.",
    fixes = {{flag = "max_num_batched_tokens", value = less, toward = "lower", engine = "tgi",
        kind = "param:max_batch_prefill_tokens", say = "Let it compute fewer prompt tokens at once."},
      {flag = "max_model_len", value = less, toward = "lower", engine = "tgi", say = "Or serve a shorter context."},
      split("tgi"), bigger}}
end

local function cache_fixes(f, log, engine)
  local len, share = tokens_that_fit(log), larger_share(f, log)
  local above = log.above and tonumber(log.above.above)
  local to_len = {flag = "max_model_len", value = len, toward = "lower", engine = engine, computed = len ~= nil,
    say = len and ("Serve a shorter context: at most %d tokens fit."):format(len) or "Serve a shorter context."}
  local to_share = share and {flag = "gpu_memory_utilization", value = share, toward = "raise", engine = engine,
    say = "Give the engine more of the GPU."}
  local static = above and math.min(0.97, math.ceil(above * 100 + 3) / 100) or nil
  -- where the share is far below the usual one, it is what is wrong
  if not static and log.sglang and log.static_now and tonumber(log.static_now.static_now) < 0.85 then static = 0.88 end
  local to_static = {flag = "gpu_memory_utilization", value = static, toward = "raise", engine = "sglang",
    computed = above ~= nil,
    say = above and ("Give it more than %.3f of the GPU, which the weights alone take."):format(above)
      or "Give weights and cache more of the GPU."}
  local small = {flag = "kv_cache_q8", engine = engine, kind = "param:kv_cache_dtype",
    say = "Or keep the KV cache in 8 bits: twice as many tokens fit."}
  if log.no_room or log.sglang then return {to_static, to_len, split("sglang"), bigger} end
  if log.no_blocks and to_share then return {to_share, to_len, split(engine), bigger} end
  if to_share then return {to_len, to_share, small, split(engine), bigger} end
  return {to_len, small, split(engine), bigger}
end

rule {
  id = "vllm.kv-cache",
  from = {"engine"},
  signatures = {
    no_blocks = [[No available memory for the cache blocks]],
    max_len = [[The model's max seq(?:uence)? len \((?<len>\d+)\) is larger than the maximum number of tokens that ]]
      .. [[can be stored in (?:the )?KV cache \((?<fits>\d+)\)]],
    to_serve = [[To serve at least one request with the models?'s max seq len \((?<len2>\d+)\),? \(?(?<need>[\d.]+)]]
      .. [[ ?Gi?B KV cache is ?needed, which is larger than the available KV cache memory \((?<have>[\d.]+)]]
      .. [[ ?Gi?B\)]],
    estimated = [[estimated maximum model length is (?<estimate>\d+)]],
    no_room = [[Loaded weights leave no GPU memory for the KV cache under --mem-fraction-static=(?<static>[\d.]+)]],
    above = [[Raise --mem-fraction-static above (?<above>[\d.]+)]],
    sglang = [[(?:Not enough memory\. Please try to increase --mem-fraction-static|]]
      .. [[mem[-_]fraction[-_]static[^\n]{0,60}(?:too|increase|decrease)|Memory pool size is too small|]]
      .. [[max_total_num_tokens[^\n]{0,40}(?:<=? ?0|too small))]],
    tgi = [[Not enough memory to handle (?<tokens>\d+) (?<stage>prefill|total) tokens]],
    trtllm = [[Executor creation failed due to insufficient GPU memory]],
    prefill = [[(?:CacheFull|maxTokensInPagedKvCache (?:\(\d+\) )?must be large|]]
      .. [[KV cache[^\n]{0,60}(?:not enough|insufficient|too small)|]]
      .. [[No enough (?:gpu memory for (?:kv cache|runtime)|free memory blocks)|]]
      .. [[failed to find (?:a )?(?:free )?(?:KV|kv) (?:cache )?slot)]],
  },
  context = {
    fraction = [[gpu[-_]memory[-_]utilization['"]?[=: ]+(?<fraction>0\.\d+|1\.0)]],
    static_now = [[mem_fraction_static=(?<static_now>0?\.\d+)]],
    engine = [[(?:vllm|sglang|text_generation|lmdeploy|tensorrt_llm|llama-server|llama_cpp)]],
    model_part = [[component could not be created: Model\s*$]],
  },
  facts = {"gpus.0.memory.total", "gpus.0.name"},
  explains = {"oom.activation"},
  when = function(f, log)
    local hit = log.to_serve or log.max_len or log.no_blocks or log.no_room or log.sglang or log.tgi or log.trtllm
        or log.prefill
    if not hit then return nil end
    if hit == log.trtllm then return not log.model_part and executor(hit) or nil end
    if hit == log.tgi then return warmup(hit) end
    -- These three sentences are vLLM's own.
    local engine = (log.to_serve or log.max_len or log.no_blocks) and "vllm" or engine_of(log, hit)
    local share = log.to_serve and f"gpus.0.memory.total" and larger_share(f, log)
    return {hit = hit, confidence = 0.94, why = {
      "After the weights are loaded, too little GPU memory is left for the KV cache.",
      "The context of {len} tokens does not fit; {fits} do.",
      "{need} GiB are needed for one request of full length, {have} GiB are there.",
      share and "A larger share of the GPU would hold it." or nil}, fixes = cache_fixes(f, log,
        engine)}
  end,
  doc = {
    looks = "'No available memory for the cache blocks', 'larger than the maximum number of tokens that can be stored "
      .. "in KV cache'.",
    check = "Weights against GPU memory; max_model_len; gpu_memory_utilization.",
  },
}

-- A parser of tool calls or of thoughts that this release has not: its own list stands behind it.
rule {
  id = "engine.arg-invalid/parser",
  from = {"engine", "other", "app"},
  signatures = {
    parser = [[invalid (?<what>tool call|reasoning) parser: (?<wish>[\w-]+) \(chose from \{ ?(?<list>[\w, -]+?) ?\}]],
  },
  confidence = 0.88,
  when = function(_, log)
    local name = log.parser.wish
    local flag = (log.parser.what == "reasoning" and "reasoning" or "tool_call") .. "_parser"
    return {why = ("This release has no %s parser %s; those that it has are %s."):format(log.parser.what, name,
        log.parser.list:gsub(",%s*", ", ")),
      fixes = {{flag = flag, stated = true, kind = "param:" .. flag,
          say = ("Give --%s one of these, the one of the model's family."):format(flag:gsub("_", "-"))},
        {install = "vllm", say = ("Or upgrade the engine to a release that has %s."):format(name)}}}
  end,
  doc = {looks = "invalid tool call parser: qwen3 (chose from { hermes,mistral,pythonic }).",
    check = "The list in the message."},
}

local free_share = {
  GPU = "At its start the engine found less free GPU memory than gpu_memory_utilization asks for: something else on "
    .. "this GPU "
    .. "(often an earlier run of the same worker) holds the rest.",
  CPU = "The CPU backend reserves {util} of the machine's memory (gpu_memory_utilization, despite its name), and "
    .. "{free} of "
    .. "{total} GiB are free.",
}

-- While the engine measured, the free memory grew: a neighbour gave some back. Where it did not grow, nobody did.
local function neighbour_left(hit)
  local before, after = tonumber(hit.before), tonumber(hit.after)
  if not (before and after) or after <= before then return nil end
  return {hit = hit, confidence = 0.92,
    why = "While the engine measured how much memory it takes, the free memory grew from {before} to {after} GiB: "
      .. "another "
      .. "process on this GPU gave memory back.",
    fixes = {{restart = "process", say = "Start it again once the other process has ended or settled."},
      {free = "gpu", say = "Or give it a GPU of its own: end the other process if it is yours."}}}
end

rule {
  id = "vllm.free-memory",
  from = {"engine"},
  signatures = {
    less = [[(?:Free|Available) memory on (?:device|]]
      .. [[node)[^\n]*\((?<free>[\d.]+)/(?<total>[\d.]+) ?GiB\) on startup is less than desired (?<what>GPU|]]
      .. [[CPU) memory utilization \((?<util>[\d.]+)]],
    less_old = [[less than desired GPU memory utilization]],
    profiling = [[Error in memory profiling\. Initial free memory (?<before>[\d.]+)[^,]*,\s*current free memory ]]
      .. [[(?<after>[\d.]+)]],
    profiling_cut = [[Error in memory profiling\. Initial free memory (?<before2>[\d.]+)[^,]*,\s*$]],
  },
  context = {rest = [[^\s*current free memory (?<after2>[\d.]+)]]},
  facts = {"gpus.0.processes", "gpus.0.memory.free"},
  explains = {"oom.other-process", "vllm.kv-cache"},
  when = function(f, log)
    local hit = log.less or log.less_old
    if not hit and log.profiling then return neighbour_left(log.profiling) end
    if not hit then
      local cut = log.profiling_cut
      cut.before, cut.after = cut.before2, log.rest and log.rest.after2
      return neighbour_left(cut)
    end
    local share = log.less and math.floor(100 * tonumber(log.less.free) / tonumber(log.less.total) - 2) / 100
    local lower = {flag = "gpu_memory_utilization", value = share, toward = "lower", engine = "vllm",
      say = share and ("Lower it below what is free (%.2f)."):format(share) or "Lower it below what is free."}
    local on_cpu = log.less and log.less.what == "CPU"
    local fixes = {share and share > 0.1 and lower or nil}
    if not on_cpu then
      table.insert(fixes, {free = "gpu", listed = true,
        say = "End the other process if it is yours; nvidia-smi lists them."})
    end
    return {hit = hit, confidence = 0.94, fixes = fixes,
      why = {free_share[on_cpu and "CPU" or "GPU"], not on_cpu
          and "{free} of {total} GiB are free, {util} was asked for." or nil}}
  end,
  doc = {looks = "'Free memory on device ... is less than desired GPU memory utilization'.",
    check = "Who holds the rest: nvidia-smi."},
}

-- The argument that was refused, as a setting is written.
local function argument_name(log, hit)
  local flag = hit.arg or hit.arg2 or log.choices and log.choices.flag or hit.text:match[[--([\w-]+)]]
  return flag and (flag:gsub("^-*", ""):gsub("-", "_")) or "dtype"
end

-- A value that the flag does not take: where the newest release does not either, it was to be another one.
local function other_value(package, choices)
  local newest = atlas.flag(package, choices.flag)
  if (",%s,"):format(newest and newest.choices or ""):has("," .. choices.chosen .. ",") then return nil end
  local like = know.nearest(choices.chosen, choices.known)
  local name = choices.flag:gsub("^-+", ""):gsub("-", "_")
  return {flag = like and name, code = not like or nil, stated = like and true, kind = "param:" .. name,
    spelled = like and choices.flag .. " " .. like,
    say = ("Give %s one of the values that it takes: %s."):format(choices.flag, choices.known)}
end

-- The engine that has this flag, where it is not the one that was given it.
local function another_has(package, flag)
  for _, other in ipairs{"vllm", "sglang", "lmdeploy", "tgi", "llama.cpp"} do
    local known = other ~= package and atlas.flag(other, flag)
    if known and known.state ~= "never" then return NAMES[other] or other end
  end
end

rule {
  id = "vllm.arg-unsupported",
  from = {"engine", quant = {"engine", "hub", "quantizer"}},
  signatures = {
    unknown_arg = [[(?:error: (?:unrecognized arguments|argument --[\w-]+: (?:invalid choice|expected))[^\n]*|]]
      .. [[unexpected keyword argument '(?<arg>\w+)'[^\n]*(?:EngineArgs|LLM|vllm)|]]
      .. [[EngineArgs\.__init__\(\) got an unexpected keyword argument '(?<arg2>\w+)')]],
    quant = [[(?:Unknown quantization method: (?<method>[\w.]+)|]]
      .. [[Quantization method specified in the model config \((?<config>[\w-]+)\) does not match|]]
      .. [[quantization (?:method )?['"]?(?<method2>\w+)['"]? (?:is )?(?:not|un)supported|Unsupported quantization\b|]]
      .. [[Cannot find the config file for (?:awq|gptq|bitsandbytes|fp8|\w+)$|]]
      .. [[does not support BitsAndBytes quantization|BitsAndBytes[^\n]{0,40} with (?:TP|PP|tensor parallel|]]
      .. [[pipeline)[^\n]{0,40}not supported|quantization[^\n]{0,60} only supports? [^\n]{0,40}(?:load format|]]
      .. [[dtype))]],
    lacks = [[(?:is not supported (?:by|in|on|for) (?:vLLM|V1|SGLang|TGI|this (?:engine|backend|platform))|(?:vLLM|]]
      .. [[TGI|SGLang) (?:does not|doesn't) (?:yet )?support|not supported for now|Unsupported model type \w+)]],
    feature = [[(?:(?:VLLM_USE_V1=1|V1 engine|V0 engine)[^\n]{0,60}(?:is )?not supported|]]
      .. [[NotImplementedError: (?!.*torch\.)[^\n]*(?:not (?:implemented|supported)|unsupported)[^\n]*)]],
  },
  context = {
    capability = [[(?:compute capability|Minimum capability|no kernel image)]],
    engine = [[(?:vllm|sglang|text_generation|tgi|lmdeploy|tensorrt_llm|llama-server|llama_cpp|api_server|]]
      .. [[launch_server\.py)]],
    not_cuda = [[(?:No NVIDIA GPU found|No CUDA)]],
    choices = [[error: argument (?<flag>--[\w-]+): invalid choice: '(?<chosen>[^']*)' \(choose from (?<known>[^)]*)\)]],
    unknown_flag = [[error: unrecognized arguments: (?<flags>--[\w-]+[^\n]*)]],
  },
  unless = {"capability", "not_cuda"},
  facts = {"python.packages.vllm.version", "gpus.0.name"},
  when = function(f, log)
    local hit = log.quant or log.unknown_arg or log.lacks or log.feature
    local spoken = log.engine or log.has_frame[[vllm|sglang|text_generation|lmdeploy]]
    if not hit or not spoken and hit ~= log.quant then return nil end
    if not spoken and hit.text:match[[(?i)unsupported quantization]] and not log.has_frame[[transformers]] then
      return nil -- an exporter's or quantizer's own argument
    end
    if hit == log.feature and (hit.event.tier or 0) < 3 then return nil end
    local package = engine_of(log, hit) or "vllm"
    local name, version_here = NAMES[package] or "The engine", f.pkg(package)
    local why = {"This version of the engine does not know or support what was asked of it.",
      version_here and ("%s is %s."):format(name, version_here) or nil}
    local upgrade = {install = package, say = "Upgrade the engine (or use the release whose documentation you follow)."}
    local away = {code = true, kind = "param:" .. argument_name(log, hit),
      say = "Leave that argument out, or spell it as this release does."}
    local config = log.quant and log.quant.config
    local other = config and {flag = "quantization", value = config, engine = package,
      say = "Leave --quantization out, or give it the method that the model's config names."}
      or {code = true, kind = "param:quantization",
      say = "Use a quantization that this version supports on this GPU, or leave --quantization out."}
    local flag = log.unknown_flag and log.unknown_flag.flags:match[[^--[\w-]+]]
    local known = flag and atlas.flag(package, flag, version_here or nil)
    local instead = known and (known.became or known.state == "never" and known.nearest)
    if instead then
      why[#why + 1] = known.became and ("What was %s is %s now."):format(flag, instead)
        or ("No release has %s; this one has %s."):format(flag, instead)
      away.say = ("Write %s instead of %s."):format(instead, flag)
    elseif known and known.state == "changed" then
      why[#why + 1] = ("%s is in %s."):format(flag, known.first == known.last and known.first
        or known.first .. " to " .. known.last)
      away.say = ("Leave %s out."):format(flag)
    end
    local never = known and known.state == "never" and not instead and another_has(package, flag)
    if never then
      why[#why + 1] = ("No release of %s that was read has %s; it is one of %s."):format(name, flag, never)
      away.say = ("Leave %s out."):format(flag)
    end
    if known and known.state == "changed" then upgrade.need = known.newer end
    local first = instead or never or known and known.state == "changed" and not known.newer
    local valued = hit == log.unknown_arg and log.choices and other_value(package, log.choices)
    local fixes = hit == log.quant and {other, upgrade} or first and {away} or valued and {valued, upgrade}
      or {upgrade, away}
    return {hit = hit, confidence = hit == log.feature and 0.62 or 0.82, why = why, fixes = fixes}
  end,
  doc = {
    looks = "'unrecognized arguments', 'Unknown quantization method', '... is not supported by vLLM'.",
    check = "The engine's version against its documentation.",
  },
}

local plugins = [[(?i)(sgl[-_]kernel|flashinfer[-_](?:cubin|python|jit-cache)|flashinfer|compressed[-_]tensors|]]
  .. [[xgrammar|outlines|mistral[-_]common|lmcache|deep_gemm|vllm|sglang)]]
local skewed = "The engine and a package it loads (kernels, plugin, grammar backend) are of releases that do not "
  .. "belong together."

-- What the installed packages ask of this one, where the facts say that it is not met.
local function pinned(f, package)
  for _, conflict in ipairs(type(f"python.conflicts") == "table" and f"python.conflicts" or {}) do
    local name, bounds = tostring(conflict.requires or ""):match([=[^([\w.-]+)(?:\[[^\]]*\])?\s*\(?([^;()]*)]=])
    if name and name:lower():gsub("_", "-") == package and bounds ~= "" then return bounds end
  end
  return nil
end

local function brings_pins(log)
  return {install = engine_of(log) or "vllm", say = "Upgrade the engine: it brings the releases that it pins."}
end

rule {
  id = "engine.plugin-skew",
  from = {"engine", "hub", "kernels", "quantizer", "other"},
  anyone = {compressed = "interpreter", reverse = "interpreter"},
  signatures = {
    kernels = [[(?:Could not load any common_ops library|sgl[-_]kernel(?: is)? (?:not installed|version)|]]
      .. [[sgl_kernel[^\n]{0,60}(?:ImportError|pip install)|flashinfer[^\n]{0,80}(?:[vV]ersions? |(?<!shape )mismatch|]]
      .. [[has no attribute)|flashinfer-cubin version \(\S+\) does not match)]],
    apart = [[(?<one>flashinfer-(?:jit-cache|cubin)) version \((?<has>[\w.]+)[^)]*\) does not match ]]
      .. [[(?<other>flashinfer) version \((?<wants>[\w.]+)[^)]*\)]],
    minimum = [[(?<package>[\w-]+) is installed with version \S+,? which is less than the minimum required version ]]
      .. [[(?<need>[\w.]+?)\.? ]],
    plugin = [[(?:Failed to load plugin (?<plugin>\S+)|Error loading plugin|plugin[^\n]{0,40}(?:is not compatible|]]
      .. [[requires vllm|built for))]],
    compressed = [[(?:compressed[-_]tensors|xgrammar|outlines|lm[-_]format[-_]enforcer|mistral[-_]common|lmcache|]]
      .. [[triton_kernels|deep_gemm|deep_ep)[^\n]{0,80}(?:has no attribute|cannot import name|]]
      .. [[unexpected keyword)]],
    reverse = [[cannot import name '\w+' from '(?:vllm|sglang|sgl_kernel|flashinfer|lmcache|xgrammar|mistral_common|]]
      .. [[compressed_tensors|outlines)[\w.]*']],
  },
  context = {import_error = [[(?<lib>lib[\w.-]+\.so[\d.]*): cannot open shared object]]},
  facts = {"python.packages.vllm.version", "python.packages.sglang.version"},
  specific_over = {"hf.version-conflict"},
  when = function(f, log)
    if log.minimum then
      local name = log.minimum.package:gsub("_", "-")
      return {hit = log.minimum, confidence = 0.92,
        why = "This engine asks for {package} {need} or newer, and an older one is installed.",
        fixes = {{install = name, need = ">=" .. log.minimum.need, say = "Upgrade it."}}}
    end
    if log.apart then
      return {hit = log.apart, confidence = 0.9,
        why = "{one} {has} is beside {other} {wants}, and the two must be of one release.",
        fixes = {{install = log.apart.one:gsub("_", "-"), need = "==" .. log.apart.wants, kind = "pip:flashinfer",
            say = "Install it in the release of the other one."},
          {remove = log.apart.one:gsub("_", "-"), say = "Or leave it out: its kernels are then built when they are "
            .. "first used."}}}
    end
    local hit = log.reverse or log.kernels or log.plugin or log.compressed
    if log.import_error then return nil end
    if (hit.event.tier or 0) < 3 and not log.kernels then return nil end
    local package = hit.text:match(plugins) or hit.plugin
    if not package then return {hit = hit, confidence = 0.7, why = skewed, fixes = {brings_pins(log)}} end
    if package == "flashinfer" then package = "flashinfer-python" end
    package = package:lower():gsub("_", "-")
    local pin = pinned(f, package)
    local own = {install = package, need = pin, say = "Install the release of it that this engine pins."}
    return {hit = hit, confidence = 0.8, why = skewed,
      fixes = (pin or not engine_of(log)) and {own, brings_pins(log)} or {brings_pins(log),
        {code = true, kind = "pip:" .. package, say = "Or install the release of it that the engine's own "
          .. "requirements name."}}}
  end,
  doc = {looks = "cannot import name ... from 'flashinfer'/'sgl_kernel'/'compressed_tensors'.",
    check = "pip check; the engine's own pins."},
}

rule {
  id = "vllm.engine-died",
  from = {"engine", "cluster", "torch"},
  role = "wrapper",
  signatures = {
    core = [[(?:Engine core initialization failed|EngineDeadError|EngineCore (?:encountered a fatal error|]]
      .. [[died unexpectedly|failed to start)|Engine process (?:\(pid \d+\) died|failed to start)|]]
      .. [[AsyncEngineDeadError|]]
      .. [[Background loop (?:has errored already|is not running)|MQEngineDeadError|Engine loop has died|]]
      .. [[WorkerProc initialization failed|Worker proc VllmWorker-?\d* died unexpectedly)]],
    shard = [[(?:ShardCannotStart|Shard \d+ failed to start|Shard process was signaled|WebserverFailed|ShardFailed)]],
    sglang = [[(?:Received sigquit from a child process|Scheduler hit an exception|]]
      .. [[Detokenizer(?:Manager)? hit an exception|Child process unexpectedly failed|Rank \d+ scheduler is dead|]]
      .. [[Initialization failed\. Please see the error messages above)]],
    ray = [[(?:RayTaskError|ActorDiedError|The actor died unexpectedly before finishing this task|RayActorError)]],
    torchrun = [[ChildFailedError]],
  },
  confidence = 0.4,
  context = {
    other = [=[^(?:\w+\.)*(?<type>(?:Assertion|Index|Key|Type|Attribute|Value|NotImplemented|Runtime|Import|Name|]=]
      .. [=[ZeroDivision|UnboundLocal|Accelerator|OS|FileNotFound|ModuleNotFound|Unicode|Validation|Memory|]=]
      .. [=[Timeout)Error)\b(?!\s+Traceback|.*(?:Engine core initialization|Engine process failed|EngineCore|]=]
      .. [=[Engine loop|Background loop|WorkerProc init|Rank 0 scheduler|Server terminated|Initialization failed))]=],
  },
  when = function(f, log) -- an exception that no rule knows stands in the log: that is what it died of
    for _, hit in ipairs(log.all"other") do
      if hit.event.kind == "exception" and hit.event.level == "error" then return nil end
    end
    return true
  end,
  why = "An engine or worker process died; what it died of stands earlier in its log, which is not in this excerpt.",
  fixes = {{code = true,
    say = "Look (or explain) further up: the first exception of a worker process, a loader or NCCL line, or the "
      .. "kernel log."}},
  doc = {looks = "'Engine core initialization failed. See root cause above'.",
    check = "The first exception of a worker, above."},
}

rule {
  id = "app.bug/regression",
  signatures = {
    ggml = [[GGML_ASSERT\([^\n]*\) failed]],
  },
  confidence = 0.5,
  why = "An internal assertion of the engine failed: mostly a regression of that build with this model.",
  fixes = {{code = true, say = "Use the previous build, or the newest one; report it with the model's name."}},
  doc = {looks = "GGML_ASSERT(...) failed.", check = "Does the build before it load the same model?"},
}
