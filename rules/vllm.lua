-- Serving engines: vLLM, SGLang, TGI, llama.cpp and what wraps their failures.

-- The share of the GPU that holds the KV cache asked for, by the message and the GPU's size (0.95 where they do not say); nil where none does.
local function larger_share(f, log)
  local now, total = tonumber(log.fraction and log.fraction.fraction) or 0.9, f"gpus.0.memory.total"
  local value = 0.95
  if log.to_serve and total then
    local missing = tonumber(log.to_serve.need) - tonumber(log.to_serve.have)
    value = math.ceil(100 * (now + missing * (1 << 30) / total) + 0.5) / 100
  end
  return value > now and value <= 0.97 and value or nil
end

rule {
  id = "vllm.kv-cache",
  signatures = {
    no_blocks = [[No available memory for the cache blocks]],
    max_len = [[The model's max seq(?:uence)? len \((?<len>\d+)\) is larger than the maximum number of tokens that can be stored in (?:the )?KV cache \((?<fits>\d+)\)]],
    to_serve = [[To serve at least one request with the models?'s max seq len \((?<len2>\d+)\),? \(?(?<need>[\d.]+) ?Gi?B KV cache is ?needed, which is larger than the available KV cache memory \((?<have>[\d.]+) ?Gi?B\)]],
    estimated = [[estimated maximum model length is (?<estimate>\d+)]],
    no_room = [[Loaded weights leave no GPU memory for the KV cache under --mem-fraction-static=(?<static>[\d.]+)]],
    above = [[Raise --mem-fraction-static above (?<above>[\d.]+)]],
    sglang = [[(?:Not enough memory\. Please try to increase --mem-fraction-static|mem[-_]fraction[-_]static[^\n]{0,60}(?:too|increase|decrease)|Memory pool size is too small|max_total_num_tokens[^\n]{0,40}(?:<=? ?0|too small))]],
    tgi = [[Not enough memory to handle \d+ (?:prefill|total) tokens]],
    trtllm = [[Executor creation failed due to insufficient GPU memory]],
    prefill = [[(?:CacheFull|KV cache[^\n]{0,60}(?:not enough|insufficient|too small)|failed to find (?:a )?(?:free )?(?:KV|kv) (?:cache )?slot)]],
  },
  context = {fraction = [[gpu[-_]memory[-_]utilization['"]?[=: ]+(?<fraction>0\.\d+|1\.0)]]},
  facts = {"gpus.0.memory.total", "gpus.0.name"},
  explains = {"oom.activation"},
  when = function(f, log)
    local hit = log.to_serve or log.max_len or log.no_blocks or log.no_room or log.sglang or log.tgi or log.trtllm or log.prefill
    if not hit then return nil end
    local fits = log.estimated and log.estimated.estimate or log.max_len and log.max_len.fits
    if not fits and log.to_serve then fits = math.floor(tonumber(log.to_serve.len2) * tonumber(log.to_serve.have) / tonumber(log.to_serve.need)) end
    local len = fits and math.max(256, math.floor(tonumber(fits) / 256) * 256)
    local to_len = {kind = "param:max_model_len", say = len and ("Serve a shorter context: at most %d tokens fit."):format(len) or "Serve a shorter context (lower --max-model-len, --max-num-seqs).", command = len and ("--max-model-len %d"):format(len) or "--max-model-len 8192"}
    local share = larger_share(f, log)
    local to_util = share and {kind = "param:gpu_memory_utilization", say = "Give the engine more of the GPU.", command = ("--gpu-memory-utilization %.2f"):format(share)}
    local above = log.above and tonumber(log.above.above)
    local to_static = {kind = "param:gpu_memory_utilization", say = above and ("Raise --mem-fraction-static above %.3f, which the weights alone take."):format(above) or "Raise --mem-fraction-static.", command = ("--mem-fraction-static %.2f"):format(above and math.min(0.97, math.ceil(above * 100 + 3) / 100) or 0.9)}
    if hit == log.trtllm then
      return {hit = hit, confidence = 0.85, why = "TensorRT-LLM could not create all parts of its executor in the GPU's memory; which one is said below that line, with what was free.",
        fixes = {{kind = "param:gpu_memory_utilization", say = "Lower kv_cache_config.free_gpu_memory_fraction when the KV cache is named.", command = "--kv_cache_free_gpu_memory_fraction 0.7"}, {kind = "param:max_num_seqs", say = "Or lower max_batch_size and max_num_tokens (model, graphs, temporary cache)."}, {kind = "param:tensor_parallel_size", say = "Or split the model over more GPUs."}}}
    end
    local fixes = (log.no_room or log.sglang) and {to_static, to_len} or log.no_blocks and to_util and {to_util, to_len} or {to_len, to_util}
    fixes[#fixes + 1] = {kind = "param:tensor_parallel_size", say = "Or split the model over more GPUs."}
    fixes[#fixes + 1] = {kind = "hardware", say = "Or use a GPU with more memory."}
    return {hit = hit, confidence = 0.94, why = {"After the weights are loaded, too little GPU memory is left for the KV cache.", "The context of {len} tokens does not fit; {fits} do.", "{need} GiB are needed for one request of full length, {have} GiB are there.", share and log.to_serve and f"gpus.0.memory.total" and ("A share of %.2f of the GPU would hold it."):format(share) or nil}, fixes = fixes}
  end,
  doc = {looks = "'No available memory for the cache blocks', 'larger than the maximum number of tokens that can be stored in KV cache'.", check = "Weights against GPU memory; max_model_len; gpu_memory_utilization."},
}

rule {
  id = "vllm.free-memory",
  signatures = {
    less = [[(?:Free|Available) memory on (?:device|node)[^\n]*\((?<free>[\d.]+)/(?<total>[\d.]+) ?GiB\) on startup is less than desired (?<kind>GPU|CPU) memory utilization \((?<util>[\d.]+)]],
    less_old = [[(?:less than desired GPU memory utilization|Error in memory profiling\. Initial free memory)]],
  },
  facts = {"gpus.0.processes", "gpus.0.memory.free"},
  explains = {"oom.other-process", "vllm.kv-cache"},
  when = function(f, log)
    local hit = log.less or log.less_old
    local util
    if log.less then util = math.floor(100 * tonumber(log.less.free) / tonumber(log.less.total) - 2) / 100 end
    if log.less and log.less.kind == "CPU" then
      return {hit = hit, confidence = 0.94, why = "The CPU backend reserves {util} of the machine's memory (gpu_memory_utilization, despite its name), and {free} of {total} GiB are free.",
        fixes = {{kind = "param:gpu_memory_utilization", say = ("Lower it below what is free (%.2f)."):format(util), command = ("--gpu-memory-utilization %.2f"):format(util)}}}
    end
    return {hit = hit, confidence = 0.94, why = {"At its start the engine found less free GPU memory than gpu_memory_utilization asks for: another process (often an earlier run of the same worker) holds the rest.", "{free} of {total} GiB are free, {util} was asked for."},
      fixes = {{kind = "param:gpu_memory_utilization", say = util and ("Lower it below what is free (%.2f)."):format(util) or "Lower it below what is free.", command = util and ("--gpu-memory-utilization %.2f"):format(util) or nil},
               {kind = "free-gpu", say = "Or end the other process.", command = "nvidia-smi --query-compute-apps=pid,name,used_memory --format=csv"}}}
  end,
  doc = {looks = "'Free memory on device ... is less than desired GPU memory utilization'.", check = "Who holds the rest: nvidia-smi."},
}

-- The smallest rank that the engine offers and that holds this one.
local function lora_rank(rank)
  for _, n in ipairs{16, 32, 64, 128, 256, 320, 512} do
    if n >= rank then return n end
  end
  return rank
end

-- What says itself which argument is wrong: the first that matched answers.
local arguments = {
  {"batched", function(hit)
    return {confidence = 0.85, why = "Without chunked prefill a prompt is computed in one batch, and {batched} tokens at once are allowed where the context is {model_len}.",
      fixes = {{kind = "param:max_num_batched_tokens", say = "Raise --max-num-batched-tokens to the context's length.", command = "--max-num-batched-tokens " .. hit.model_len}, {kind = "param:max_model_len", say = "Or serve a shorter context.", command = "--max-model-len " .. hit.batched}}}
  end},
  {"sliding", function(hit)
    return {confidence = 0.85, why = "The context asked for is longer than the model's own.", fixes = {{kind = "param:max_model_len", say = "Lower --max-model-len to the model's length.", command = hit.derived and "--max-model-len " .. hit.derived or nil}}}
  end},
  {"lora", function(hit)
    return {confidence = 0.9, why = "The adapter's rank, {rank}, is larger than what the engine was started for ({max_rank}).",
      fixes = {{kind = "param:max_lora_rank", say = "Start it with a rank that holds the adapter's.", command = ("--max-lora-rank %d"):format(lora_rank(tonumber(hit.rank)))}}}
  end},
  {"dtype", function(hit)
    local name = hit.dtypes:match[[torch\.(\w+)]] or "float16"
    return {confidence = 0.88, why = "The kernels of {qmethod} do not compute in {dtype}.", fixes = {{kind = "param:dtype", say = "Use a type that they know.", command = "--dtype " .. name}, {kind = "param:quantization", say = "Or another kernel of that quantization (--quantization awq_marlin, gptq_marlin)."}}}
  end},
  {"sharded", function()
    return {confidence = 0.82, why = "TGI splits this model only in its flash-attention form, which this GPU or this installation has not (an earlier line says why).", fixes = {{kind = "param:tensor_parallel_size", say = "Serve it on one GPU.", command = "--num-shard 1"}, {kind = "hardware", say = "Or use a GPU of capability 7.5 or newer, in TGI's own image."}}}
  end},
  {"backend", function()
    return {confidence = 0.88, why = "VLLM_ATTENTION_BACKEND (or --attention-backend) names a backend that this release does not have: {backend}.", fixes = {{kind = "env:VLLM_ATTENTION_BACKEND", say = "Let the engine choose.", command = "unset VLLM_ATTENTION_BACKEND", unset = {"VLLM_ATTENTION_BACKEND"}}}}
  end},
  {"validation", function(hit)
    local name = hit.rule:match[[^`?-{0,2}([\w-]+)]] or "max_total_tokens"
    return {confidence = 0.88, why = "Arguments of the launcher contradict each other: {rule}.", fixes = {{kind = "param:" .. name:gsub("-", "_"), say = "Change it (or the other one) so that this holds.", command = "--" .. name:gsub("_", "-") .. " <number>"}}}
  end},
}

-- The package of the engine that speaks.
local packages = {{[[sglang|launch_server\.py]], "sglang", "SGLang"}, {[[lmdeploy]], "lmdeploy", "LMDeploy"}, {[[tensorrt_llm]], "tensorrt-llm", "TensorRT-LLM"}}

local function engine_of(log)
  for _, row in ipairs(packages) do
    if log.engine and log.engine.text:match(row[1]) or log.has_frame(row[1]) then return row[2], row[3] end
  end
  return "vllm", "vLLM"
end

rule {
  id = "vllm.arg-unsupported",
  signatures = {
    unknown_arg = [[(?:error: (?:unrecognized arguments|argument --[\w-]+: (?:invalid choice|expected))[^\n]*|unexpected keyword argument '(?<arg>\w+)'[^\n]*(?:EngineArgs|LLM|vllm)|EngineArgs\.__init__\(\) got an unexpected keyword argument|No such option:? --[\w-]+|unknown (?:argument|flag|option):? ?-{1,2}[\w-]+)]],
    quant = [[(?:Unknown quantization method: (?<method>[\w.]+)|Quantization method specified in the model config \([\w-]+\) does not match|quantization (?:method )?['"]?(?<method2>\w+)['"]? (?:is )?(?:not|un)supported|Unsupported quantization|Cannot find the config file for (?:awq|gptq|bitsandbytes|fp8|\w+)$|does not support BitsAndBytes quantization|BitsAndBytes[^\n]{0,40} with (?:TP|PP|tensor parallel|pipeline)[^\n]{0,40}not supported|quantization[^\n]{0,60} only supports? [^\n]{0,40}(?:load format|dtype))]],
    model = [[(?:is not supported (?:by|in|on|for) (?:vLLM|V1|SGLang|TGI|this (?:engine|backend|platform))|(?:vLLM|TGI|SGLang) (?:does not|doesn't) (?:yet )?support|not supported for now|Unsupported model type \w+)]],
    heads = [[Total number of attention heads \((?<heads>\d+)\) must be divisible by tensor parallel size \((?<tp>\d+)\)]],
    divisible = [[(?:must be divisible by (?:the )?(?:tensor parallel|tp|world)[ _]?size|is not divisible by (?:weight quantization block_[nk]|tp_?size|tensor parallel|min_thread_[nk]|tile_[nk]_size)|must be divisible by `?num_shards|is not aligned with the quantized weight shape|number of GPUs per node is not divisible)]],
    assertion = [[AssertionError: \d+ is not divisible by \d+]],
    lora = [[LoRA rank (?<rank>\d+) is greater than max_lora_rank (?<max_rank>\d+)]],
    dtype = [=[torch\.(?<dtype>\w+) is not supported for quantization method (?<qmethod>\w+)\. Supported dtypes: \[(?<dtypes>[^\]\n]+)\]]=],
    sharded = [[Sharded \w+ requires Flash Attention enabled models]],
    backend = [[Invalid attention backend: '(?<backend>\w+)']],
    validation = [[ArgumentValidation\("(?<rule>[^"\n]+)]],
    feature = [[(?:(?:VLLM_USE_V1=1|V1 engine|V0 engine)[^\n]{0,60}(?:is )?not supported|NotImplementedError: (?!.*torch\.)[^\n]*(?:not (?:implemented|supported)|unsupported)[^\n]*)]],
    batched = [[max_num_batched_tokens \((?<batched>\d+)\) is smaller than max_model_len \((?<model_len>\d+)\)]],
    sliding = [[(?:User-specified max_model_len \((?<len>\d+)\) is greater than the derived max_model_len(?: \((?:[\w.]+=)?(?<derived>\d+))?)]],
  },
  context = {capability = [[(?:compute capability|Minimum capability|no kernel image)]], engine = [[(?:vllm|sglang|text_generation|tgi|lmdeploy|tensorrt_llm|llama-server|llama_cpp|api_server|launch_server\.py)]], unsloth = [[Unsloth: No NVIDIA GPU]], not_cuda = [[(?:No NVIDIA GPU found|No CUDA)]]},
  unless = {"capability", "not_cuda"},
  facts = {"python.packages.vllm.version", "gpus.0.name"},
  when = function(f, log)
    local hit = log.heads or log.divisible or log.has_frame[[vllm|sglang]] and log.assertion or log.quant or log.unknown_arg or log.model or log.feature
    if hit and (hit == log.heads or hit == log.divisible or hit == log.assertion) then
      local fits
      for n = 1, log.heads and math.min(tonumber(log.heads.tp), 64) or 0 do
        if tonumber(log.heads.heads) % n == 0 then fits = n end
      end
      return {hit = hit, confidence = 0.88, why = "The model cannot be split over that many GPUs: its attention heads (or quantization blocks) are not divisible by the tensor-parallel size.", fixes = {{kind = "param:tensor_parallel_size", say = "Choose a tensor-parallel size that divides the heads, with pipeline parallelism for the rest.", command = fits and ("--tensor-parallel-size %d"):format(fits) or nil}}}
    end
    for _, row in ipairs(arguments) do
      if log[row[1]] then
        local answer = row[2](log[row[1]])
        answer.hit = log[row[1]]
        return answer
      end
    end
    if not hit or not log.engine and hit ~= log.quant and not log.has_frame[[vllm|sglang|text_generation|lmdeploy]] then return nil end
    if hit == log.feature and (hit.event.tier or 0) < 3 then return nil end
    local package, name = engine_of(log)
    local why = {"This version of the engine does not know or support what was asked of it (argument, model, quantization or feature)."}
    if f.pkg(package) then why[2] = ("%s is %s."):format(name, f.pkg(package)) end
    local upgrade = {kind = "pip:" .. package, say = "Upgrade the engine (or use the release whose documentation you follow).", command = "pip install -U " .. package}
    return {hit = hit, confidence = hit == log.feature and 0.62 or 0.82, why = why,
      fixes = hit == log.quant and {{kind = "param:quantization", say = "Use a quantization that this version supports on this GPU, or leave --quantization out."}, upgrade} or {upgrade, {kind = "param:dtype", say = "Or leave the argument out."}}}
  end,
  doc = {looks = "'unrecognized arguments', 'Unknown quantization method', '... is not supported by vLLM'.", check = "The engine's version against its documentation."},
}

rule {
  id = "engine.plugin-skew",
  signatures = {
    kernels = [[(?:Could not load any common_ops library|sgl[-_]kernel(?: is)? (?:not installed|version)|sgl_kernel[^\n]{0,60}(?:ImportError|pip install)|flashinfer[^\n]{0,80}(?:version|requires|mismatch|has no attribute)|flashinfer-cubin version \(\S+\) does not match)]],
    minimum = [[(?<package>[\w-]+) is installed with version \S+,? which is less than the minimum required version (?<need>[\w.]+?)\.? ]],
    plugin = [[(?:Failed to load plugin (?<plugin>\S+)|Error loading plugin|plugin[^\n]{0,40}(?:is not compatible|requires vllm|built for))]],
    compressed = [[(?:compressed[-_]tensors|xgrammar|outlines|lm[-_]format[-_]enforcer|mistral[-_]common|lmcache|triton_kernels|deep_gemm|deep_ep)[^\n]{0,80}(?:has no attribute|cannot import name|unexpected keyword)]],
    reverse = [[cannot import name '\w+' from '(?:vllm|sglang|flashinfer|lmcache|xgrammar|mistral_common|compressed_tensors|outlines)[\w.]*']],
  },
  context = {import_error = [[(?<lib>lib[\w.-]+\.so[\d.]*): cannot open shared object]]},
  facts = {"python.packages.vllm.version", "python.packages.sglang.version"},
  specific_over = {"hf.version-conflict"},
  when = function(f, log)
    if log.minimum then
      local name = log.minimum.package:gsub("_", "-")
      return {hit = log.minimum, confidence = 0.92, why = {"This engine asks for {package} {need} or newer, and an older one is installed."},
        fixes = {{kind = "pip:" .. name, say = "Upgrade it.", command = ("pip install -U '%s>=%s'"):format(name, log.minimum.need)}}}
    end
    local hit = log.kernels or log.plugin or log.compressed or log.reverse
    if log.import_error then return nil end
    if (hit.event.tier or 0) < 3 and not log.kernels then return nil end
    local package = hit.text:match[[(?i)(sgl[-_]kernel|flashinfer[-_](?:cubin|python|jit-cache)|flashinfer|compressed[-_]tensors|xgrammar|outlines|mistral[-_]common|lmcache|deep_gemm|vllm|sglang)]] or "package"
    if package == "flashinfer" then package = "flashinfer-python" end
    return {hit = hit, confidence = 0.8, why = "The engine and a package it loads (kernels, plugin, grammar backend) are of releases that do not belong together.",
      fixes = {{kind = "pip:" .. package:lower():gsub("_", "-"), say = "Install the release of it that this engine pins (reinstall the engine with its dependencies).", command = "pip install --upgrade --force-reinstall " .. package:lower():gsub("_", "-")}}}
  end,
  doc = {looks = "cannot import name ... from 'flashinfer'/'sgl_kernel'/'compressed_tensors'.", check = "pip check; the engine's own pins."},
}

rule {
  id = "vllm.engine-died",
  role = "wrapper",
  signatures = {
    core = [[(?:Engine core initialization failed|EngineDeadError|EngineCore (?:encountered a fatal error|died unexpectedly|failed to start)|Engine process failed to start|AsyncEngineDeadError|Background loop (?:has errored already|is not running)|MQEngineDeadError|Engine loop has died|WorkerProc initialization failed|Worker proc VllmWorker-?\d* died unexpectedly)]],
    shard = [[(?:ShardCannotStart|Shard \d+ failed to start|Shard process was signaled|WebserverFailed|ShardFailed)]],
    sglang = [[(?:Received sigquit from a child process|Scheduler hit an exception|Detokenizer(?:Manager)? hit an exception|Child process unexpectedly failed|Rank \d+ scheduler is dead|Initialization failed\. Please see the error messages above)]],
    ray = [[(?:RayTaskError|ActorDiedError|The actor died unexpectedly before finishing this task|RayActorError)]],
    torchrun = [[ChildFailedError]],
  },
  confidence = 0.4,
  context = {
    other = [=[^(?:\w+\.)*(?<type>(?:Assertion|Index|Key|Type|Attribute|Value|NotImplemented|Runtime|Import|Name|ZeroDivision|UnboundLocal|Accelerator|OS|FileNotFound|ModuleNotFound|Unicode|Validation|Memory|Timeout)Error)\b(?!\s+Traceback|.*(?:Engine core initialization|Engine process failed|EngineCore|Engine loop|Background loop|WorkerProc init|Rank 0 scheduler|Server terminated|Initialization failed))]=],
  },
  when = function(f, log) -- an exception that no rule knows stands in the log: that is what it died of
    for _, hit in ipairs(log.all"other") do
      if hit.event.kind == "exception" and hit.event.level == "error" then return nil end
    end
    return true
  end,
  why = "An engine or worker process died; what it died of stands earlier in its log, which is not in this excerpt.",
  fixes = {{kind = "code", say = "Look (or explain) further up: the first exception of a worker process, a loader or NCCL line, or the kernel log."}},
  doc = {looks = "'Engine core initialization failed. See root cause above'.", check = "The first exception of a worker, above."},
}

rule {
  id = "app.bug/regression",
  signatures = {
    ggml = [[GGML_ASSERT\([^\n]*\) failed]],
  },
  confidence = 0.5,
  why = "An internal assertion of the engine failed: mostly a regression of that build with this model.",
  fixes = {{kind = "code", say = "Use the previous build, or the newest one; report it with the model's name."}, {kind = "pip-downgrade:package", say = "Go back to the release that worked."}},
  doc = {looks = "GGML_ASSERT(...) failed.", check = "Does the build before it load the same model?"},
}
