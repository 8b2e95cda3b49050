-- Out of memory: whose memory, and which of five causes, by the numbers of the message.

local unit = {B = 1, bytes = 1, KiB = 1024, MiB = 1048576, GiB = 1073741824, TiB = 1099511627776, KB = 1000, MB = 1000000, GB = 1000000000}

local function bytes(text)
  if not text then return nil end
  local n, u = text:match[[([\d.]+)\s*([KMGT]?i?B|bytes)]]
  return n and tonumber(n) * (unit[u] or 1) or nil
end

local function gib(n)
  return ("%.2f GiB"):format(n / unit.GiB)
end

-- Numbers of one torch message, in bytes; nil where it does not say.
local function numbers(text)
  local m = {
    ask = bytes(text:match[[Tried to allocate ([\d.]+ \w+)]] or text:match[[Requested\s*: ([\d.]+ \w+)]]),
    total = bytes(text:match[[([\d.]+ \w+) total capacity]] or text:match[[total capaci?ty of ([\d.]+ \w+)]] or text:match[[Device limit\s*: ([\d.]+ \w+)]]),
    free = bytes(text:match[[of which ([\d.]+ \w+) is free]] or text:match[[([\d.]+ \w+) free]] or text:match[[Free \(according to CUDA\)\s*: ([\d.]+ \w+)]]),
    allocated = bytes(text:match[[([\d.]+ \w+) is allocated by PyTorch]] or text:match[[([\d.]+ \w+) already allocated]] or text:match[[Currently allocated\s*: ([\d.]+ \w+)]]),
    idle = bytes(text:match[[([\d.]+ \w+) is reserved by PyTorch but unallocated]] or text:match[[free; ([\d.]+ \w+) cached]]),
    reserved = bytes(text:match[[([\d.]+ \w+) reserved in total by PyTorch]]),
    ours = bytes(text:match[[this process has ([\d.]+ \w+) memory in use]]),
    pools = bytes(text:match[[with ([\d.]+ \w+) allocated in private pools]]),
  }
  local others, processes, largest = 0, 0, 0
  for pid, size in text:gmatch[[Process (\d+) has ([\d.]+ \w+) memory in use]] do
    local n = bytes(size) or 0
    if not m.total or n <= m.total then -- WSL prints 17179869184 GiB where it does not know
      others, processes = others + n, processes + 1
      if n > largest then largest, m.pid = n, pid end
    end
  end
  m.processes = processes
  m.listed = others
  if m.reserved and m.allocated and not m.idle then m.idle = m.reserved - m.allocated end
  if m.allocated and m.idle and not m.reserved then m.reserved = m.allocated + m.idle end
  local mine = m.ours or (m.reserved or m.allocated) and (m.reserved or m.allocated) + 0.5 * unit.GiB -- context
  -- A message that names "Process N has X" without "this process" counts ourselves among them (inside containers).
  if processes == 1 and not m.ours and m.reserved and others >= m.reserved and others - m.reserved < 1.5 * unit.GiB then
    mine, others, m.pid = others, 0, nil
  end
  if m.total and m.free and mine then m.foreign = math.max(0, m.total - m.free - mine) end
  if m.foreign and others > m.foreign and m.ours then m.foreign = others end
  return m
end

local function describe(m)
  local out = {}
  if m.total then out[#out + 1] = "total " .. gib(m.total) end
  if m.allocated then out[#out + 1] = "allocated by torch " .. gib(m.allocated) end
  if m.idle then out[#out + 1] = "reserved but unallocated " .. gib(m.idle) end
  if m.foreign and m.foreign > 0.3 * unit.GiB then out[#out + 1] = "others " .. gib(m.foreign) end
  if m.free then out[#out + 1] = "free " .. gib(m.free) end
  if m.ask then out[#out + 1] = "asked for " .. gib(m.ask) end
  return table.concat(out, ", ") .. "."
end

local function loading(log)
  return log.has_frame[[load_model|from_pretrained|load_state_dict|load_weights|set_module_tensor|_load_|create_weights|dispatch_model|init_device|empty_weights|\.cuda\b|convert|initialize_model|_apply|make_layers|load_checkpoint|to_empty|model_loader|modeling_utils|linear\.py create]]
end

-- What the innermost frames do decides, whatever the script around them is for.
local function tail(event, pattern)
  local frames = event.frames or {}
  for i = math.max(1, #frames - 5), #frames do
    if (frames[i].file .. " " .. frames[i].func):match(pattern) then return true end
  end
  return false
end

local function moves_weights(log, event)
  return tail(event, [[nn[/\\]modules[/\\]module\.py <lambda>| (?:_apply|convert|to_empty|load_state_dict|_load_from_state_dict|load_weights|create_weights|set_module_tensor\w*|weight_loader|load_model)$]])
    or log.shards and not log.shards_done
end

-- A layer that makes its own parameters: the model is being built where it will run.
local function builds_weights(event)
  return tail(event, [[nn[/\\]modules[/\\]\w+\.py __init__$| (?:reset_parameters|_init_weights|init_weights|kaiming_uniform_|_no_grad_\w+_)$]])
end

local function training(log)
  return log.has_frame[[backward|optimizer|trainer|training_step|train\.py|train_loop|\.step\b|accelerator|finetune]]
end

-- Which cause the numbers speak for.
local function classify(m, log, f, event)
  local g = unit.GiB
  if m.foreign and m.total and m.foreign > 0.25 * m.total and m.foreign > 1.5 * g and (m.allocated or 0) < 0.75 * m.total then return "oom.other-process", 0.88 end
  if m.idle and m.ask and m.idle > m.ask and m.idle > 0.08 * (m.total or m.idle) and m.idle > 0.5 * g then return "oom.fragmentation", 0.85 end
  if m.free and m.ask and m.free > 3 * m.ask and m.total and m.free > 0.3 * m.total then return "oom.fragmentation", 0.6 end
  -- What is free and what is reserved would do together, were it in one piece.
  if m.idle and m.ask and m.idle > 0.5 * g and m.idle > 0.5 * m.ask and m.idle + (m.free or 0) > m.ask then return "oom.fragmentation", 0.6 end
  local full = m.total and (m.allocated and m.allocated > 0.88 * m.total or not m.allocated and m.free and m.free < 0.08 * m.total)
  if log.grows then return "oom.leak", 0.75 end
  if tail(event, [[ (?:profile_run|_dummy_run|_dummy_sampler_run|capture_model|capture|initialize_kv_cache\w*|determine_\w+|warm_?up\w*|kernel_warmup)$]]) then return "oom.activation", 0.82 end
  if moves_weights(log, event) or builds_weights(event) then return "oom.model-too-big", 0.86 end
  if loading(log) and not training(log) then return "oom.model-too-big", tail(event, [[ (?:forward|generate|_sample|decode|encode|sample)$]]) and 0.6 or 0.84 end
  if training(log) then return "oom.activation", 0.82 end
  if full and log.has_frame[[gradio|fastapi|streamlit|handler|runpod|flask|uvicorn]] then return "oom.leak", 0.6 end
  if full and m.ask and m.ask < 0.6 * g and #f.gpus() > 1 then return "oom.model-too-big", 0.75 end
  if full and log.has_frame[[vllm|sglang]] and m.ask and m.ask >= 0.1 * g then return "oom.model-too-big", 0.72 end
  if full and m.ask and m.ask >= 1.5 * g then return "oom.activation", 0.7 end
  if full and m.ask and m.ask >= 0.19 * g and m.ask <= 0.6 * g then return "oom.model-too-big", 0.6 end
  return "oom.activation", full and 0.5 or 0.6 -- a leak would need readings over time
end

local texts = {
  ["oom.other-process"] = "Another process holds most of the GPU's memory.",
  ["oom.fragmentation"] = "Enough memory is reserved, but in pieces: fragmentation.",
  ["oom.model-too-big"] = "The weights do not fit this GPU: it is nearly full of them before anything is computed.",
  ["oom.activation"] = "The weights fit; what is computed on top (KV cache, activations, batch, sequence length) does not.",
  ["oom.leak"] = "Memory filled up over time: something keeps tensors (history, caches, graphs) from request to request.",
}

local function fixes_for(cause, f, log)
  local alloc = f.pkg"torch" and version.matches(f.pkg"torch", ">=2.10") and "PYTORCH_ALLOC_CONF" or "PYTORCH_CUDA_ALLOC_CONF"
  local wsl = (f"system.kernel" or ""):match[[(?i)microsoft|wsl]]
  if cause == "oom.other-process" then
    return {{kind = "free-gpu", say = "Find the other processes and end those that are yours (an earlier run that did not stop).", command = "nvidia-smi --query-compute-apps=pid,name,used_memory --format=csv"},
            {kind = "env:CUDA_VISIBLE_DEVICES", say = "Or use a free GPU.", command = "export CUDA_VISIBLE_DEVICES=<index of a free GPU>"}}
  elseif cause == "oom.fragmentation" then
    local value = wsl and "max_split_size_mb:128" or "expandable_segments:True"
    return {{kind = "env:PYTORCH_CUDA_ALLOC_CONF", say = "Let the allocator grow segments instead of fixed blocks.", command = ("export %s=%s"):format(alloc, value), set = {[alloc] = value}, automatic = true},
            {kind = "param:batch_size", say = "If that is not enough, leave more headroom: smaller batch, shorter sequences, fewer weights on this GPU."}}
  elseif cause == "oom.model-too-big" then
    local many = #f.gpus() > 1
    local split = {kind = "param:tensor_parallel_size", say = many and ("Split the model over the %d GPUs."):format(#f.gpus()) or "Or split it over several GPUs.", command = many and ("--tensor-parallel-size %d   # transformers: device_map='auto'"):format(#f.gpus()) or nil}
    if log.ggml or log.ggml_weights then
      return {{kind = "param:device_map", say = "Keep some layers on the CPU (fewer GPU layers), or take a smaller quantization of the model.", command = "--n-gpu-layers <fewer>   # ollama: num_gpu"}, {kind = "param:quantization", say = "Or a smaller quantization."}, {kind = "hardware", say = "Or use a GPU with more memory."}}
    end
    local quant = {kind = "param:quantization", say = "Load it quantized (4 or 8 bits), or choose a smaller model.", command = "load_in_4bit=True   # vLLM: an AWQ/GPTQ/FP8 checkpoint"}
    local offload = {kind = "param:device_map", say = "Or place part of it on the CPU (device_map='auto', --cpu-offload-gb).", command = "device_map='auto'"}
    return many and {split, quant, offload} or {quant, split, offload, {kind = "hardware", say = "Or use a GPU with more memory."}}
  elseif cause == "oom.leak" then
    return {{kind = "code", say = "Find what is kept from request to request (chat history, outputs on the GPU, graphs without no_grad) and let it go; torch.cuda.memory_summary() between requests shows it."},
            {kind = "restart", say = "Until then, restart the worker before it is full."}}
  end
  if log.ggml_compute then
    return {{kind = "param:max_model_len", say = "Ask for a shorter context and a smaller batch, or quantize the KV cache.", command = "llama-server -c 4096 -ub 256 --flash-attn on --cache-type-k q8_0 --cache-type-v q8_0   # ollama: num_ctx"},
            {kind = "param:device_map", say = "Or leave some layers on the CPU.", command = "--n-gpu-layers <fewer>"}}
  end
  if log.warming and log.warming.text:match[[(?i)sampler]] then
    return {{kind = "param:max_num_seqs", say = "Lower --max-num-seqs.", command = "--max-num-seqs 64"}, {kind = "param:gpu_memory_utilization", say = "Or leave more room: lower --gpu-memory-utilization.", command = "--gpu-memory-utilization 0.85"}}
  end
  if log.warming then
    return {{kind = "param:gpu_memory_utilization", say = "Leave more room beside weights and cache: lower --mem-fraction-static.", command = "--mem-fraction-static 0.8"}, {kind = "param:batch_size", say = "Or capture fewer batch sizes.", command = "--cuda-graph-max-bs 16"}}
  end
  if log.vllm then
    return {{kind = "param:max_model_len", say = "Lower --max-model-len and --max-num-seqs.", command = "--max-model-len 8192 --max-num-seqs 64"}, {kind = "param:gpu_memory_utilization", say = "Or leave more room: lower --gpu-memory-utilization.", command = "--gpu-memory-utilization 0.85"}}
  end
  return {{kind = "param:batch_size", say = "Halve the batch size (use gradient accumulation or checkpointing in training), or shorten the sequences."},
          {kind = "param:max_new_tokens", say = "In generation: fewer tokens, fewer requests at once."}}
end

local oom_signatures = {
  torch = [[(?:CUDA|HIP|XPU|MPS backend) out of memory\.? (?:Tried to allocate|\(MPS allocated)|Allocation on device (?:\d+ )?(?:would exceed allowed memory|$)]],
  warming = [[out of memory occurred when warming up|Capture cuda graph failed: (?:CUDA )?out of memory]],
  library = [[(?:Error out of memory at line \d+ in file|cupy\.cuda\.memory\.OutOfMemoryError|CUDA failure 2: out of memory|Out of memory error on GPU \d+|ErrorOutOfDeviceMemory|\[TM\]\[ERROR\][^\n]*out of memory|CUDA failed with error out of memory|CUDA error 2 at [^\n]*: out of memory|hipErrorOutOfMemory|CallbackErrorOutOfMemory|Cuda failure (?:\d+ )?'out of memory')]],
  runtime = [[(?:BFCArena::AllocateRawInternal[^\n]*Failed to allocate|Error Code \d: (?:OutOfMemory|Cuda Runtime \(out of memory\))|Requested amount of GPU memory \(\d+ bytes\) could not be allocated|CUDA runtime error in [^\n]*: out of memory)]],
  batch = [[(?:Prefill|Decode|Extend) out of memory\. Try to lower your batch size]],
  unbalanced = [[The memory capacity is unbalanced\. Some GPUs may be occupied by other processes]],
  no_algorithm = [[(?:Unable to find a valid cuDNN algorithm to run convolution|was unable to find an engine to execute this computation)]],
  plain = [[(?:CUDA out of memory|CUDA error: out of memory|cudaErrorMemoryAllocation|CUDA_ERROR_OUT_OF_MEMORY|cudaMalloc failed: out of memory|CUDA driver error: out of memory|HIP out of memory)]],
  ggml = [[(?:ggml_backend_cuda_buffer_type_alloc_buffer|ggml_cuda_host_malloc|alloc_tensor_range)[^\n]*(?:failed|out of memory)|unable to allocate CUDA\d* buffer]],
  handle = [[CUBLAS_STATUS_(?:NOT_INITIALIZED|ALLOC_FAILED) when calling `?cublasCreate|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED|CUDNN_STATUS_NOT_INITIALIZED|CUSOLVER_STATUS_ALLOC_FAILED]],
  tf = [[(?:OOM when allocating tensor|RESOURCE_EXHAUSTED: Out of memory while trying to allocate|failed to allocate [\d.]+\w* bytes? from device|RESOURCE_EXHAUSTED: Failed to allocate request for)]],
}

local oom_context = {
  vllm = [[(?:vllm/|\[core\.py|EngineCore|sglang|--max-model-len|gpu_memory_utilization)]],
  grows = [[(?:memory (?:usage )?(?:grows|increas|leak)|after (?:\d+|several|some|a few) (?:requests|generations|images|questions|hours|iterations))]],
  shm = [[(?:/dev/shm|Bus error)]],
  utilisation = [[less than desired GPU memory utilization]],
  shards = [[Loading (?:\w+ )?(?:checkpoint shards|pipeline components[.]*|weights): +(?!100%)\d+%]],
  shards_done = [[Loading (?:\w+ )?(?:checkpoint shards|pipeline components[.]*|weights): +100%|Loading (?:model )?weights took|Model loading took]],
  ggml_compute = [[(?:ggml_gallocr_reserve|graph_reserve|failed to allocate compute|compute buffer|failed to initialize the context|failed to create context|kv.?cache[^\n]*failed|llama_kv_cache\w*: failed|ggml_cuda_pool|failed to allocate buffer for kv)]],
  ggml_weights = [[(?:alloc_tensor_range|unable to allocate (?:CUDA|ROCm)?\d* ?(?:backend )?buffer|error loading model)]],
  assert_seen = [[(?:device-side assert triggered|srcIndex|illegal memory access)]],
}

local function judge(wanted)
  return function(f, log)
    if log.utilisation or (log.assert_seen and not log.torch) then return nil end
    local hit = log.torch or log.unbalanced or log.warming or log.plain or log.library or log.runtime or log.ggml or log.tf or log.batch or log.handle or log.no_algorithm
    local cause, confidence, values
    if log.warming and not log.torch or log.warming and log.warming.text:has("Capture cuda graph") then
      hit, cause, confidence, values = log.warming, "oom.activation", 0.85, numbers(log.warming.event.message or log.warming.text)
    elseif log.torch then
      -- the last message tells most: what was free when it ended
      local all = log.all"torch"
      hit = all[#all]
      for _, h in ipairs(all) do if (h.event.tier or 0) > (hit.event.tier or 0) then hit = h end end
      local message = hit.event.message or hit.text
      values = numbers(message:has("Tried to allocate") and message or hit.text)
      cause, confidence = classify(values, log, f, hit.event)
    elseif hit == log.unbalanced then
      cause, confidence, values = "oom.other-process", 0.88, {}
    elseif hit == log.batch then
      cause, confidence, values = "oom.activation", 0.85, {}
    elseif hit == log.handle or hit == log.no_algorithm then
      cause, confidence, values = "oom.activation", hit == log.handle and 0.62 or 0.5, {}
    elseif log.ggml or log.plain and (log.ggml_compute or log.ggml_weights) then
      local compute = log.ggml_compute and not log.ggml_weights
      cause, confidence, values = compute and "oom.activation" or "oom.model-too-big", 0.82, {}
    else
      values = {}
      if loading(log) then cause, confidence = "oom.model-too-big", 0.72 else cause, confidence = "oom.activation", 0.6 end
      for _, gpu in ipairs(f.gpus()) do
        local m = gpu.memory or {}
        if m.free and m.total and m.free < 0.5 * m.total and not training(log) then cause, confidence = "oom.other-process", 0.6 end
      end
    end
    if cause ~= wanted then return nil end
    local why = {texts[cause]}
    if values.total or values.allocated then why[#why + 1] = "The message's own numbers: " .. describe(values) end
    if cause == "oom.other-process" and values.pid then why[#why + 1] = ("Process %s holds most of it (its number on the host)."):format(values.pid) end
    if cause ~= "oom.fragmentation" and values.idle and values.idle < 0.4 * unit.GiB then why[#why + 1] = "Fragmentation is ruled out, whatever the message says of allocator settings: almost nothing is reserved but unallocated." end
    local shown = {}
    for name, value in pairs(values) do
      if type(value) == "number" and name ~= "processes" then shown[name] = math.floor(value) end
    end
    return {hit = hit, confidence = confidence, why = why, fixes = fixes_for(cause, f, log), values = shown}
  end
end

local looks = {looks = "'CUDA out of memory. Tried to allocate ...'.", check = "The numbers: total, allocated, reserved but unallocated, free; what is missing is another process's."}
local causes = {}
for cause in pairs(texts) do causes[#causes + 1] = cause end
table.sort(causes) -- the order of rules must not differ from build to build
for _, cause in ipairs(causes) do
  rule {id = cause, signatures = oom_signatures, context = oom_context, facts = {"gpus.0.name", "gpus.0.memory.total", "gpus.0.memory.free", "gpus.0.processes"}, when = judge(cause), doc = looks}
end
