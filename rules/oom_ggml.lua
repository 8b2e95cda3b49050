-- Out of GPU memory in ggml's programs (llama.cpp, Ollama, llama-cpp-python): the weights, or what is computed on top.

local MiB = 1 << 20

-- Who runs there; how a setting is spelt depends on it.
local function engine_of(log)
  if log.exited or log.ollama then return "ollama" end
  return log.has_frame[[llama_cpp]] and "llama-cpp-python" or "llama.cpp"
end

-- Layers that fit, by what the buffer asked for and the GPU has free; half of them where that is not known.
local function layers(f, log)
  local all = tonumber((log.offload or log.n_layer or {}).layers)
  local need, free = tonumber((log.buffer or {}).need), #f.gpus() == 1 and f"gpus.0.memory.free" or nil
  if log.room and #log.all"room" == 1 then free = free or tonumber(log.room.mib) * MiB end
  if not all or free and not need or free and free >= need * MiB then return nil end
  local fits = math.floor(free and 0.9 * all * free / (need * MiB) or all / 2)
  return fits > 0 and fits or nil, free ~= nil
end

local function too_big(f, log)
  local fit, computed = layers(f, log)
  return {{flag = "gpu_layers", value = fit, toward = "lower", engine = engine_of(log), kind = "param:device_map",
      computed = fit and computed or false,
      say = fit and ("Keep some layers on the CPU: %d on the GPU."):format(fit)
        or "Keep some layers on the CPU (fewer layers on the GPU)."},
    {code = true, kind = "param:quantization", say = "Or load a smaller quantization of the model."},
    {hardware = true, say = "Or use a GPU with more memory."}}
end

local function activation(f, log)
  local ctx, engine = log.n_ctx and tonumber(log.n_ctx.ctx), engine_of(log)
  local less = ctx and ctx > 8192 and math.max(4096, ctx // 4) or 4096
  if ctx and less >= ctx then less = math.max(512, ctx // 2) end
  local than = ctx and (" than %d tokens"):format(ctx) or ""
  return {{flag = "max_model_len", value = less, toward = "lower", engine = engine,
      say = ("Ask for a shorter context%s."):format(than)},
    {flag = "kv_cache_q8", engine = engine, kind = "param:kv_cache_dtype", say = "Or keep the KV cache in 8 bits."},
    {flag = "gpu_layers", value = layers(f, log), toward = "lower", engine = engine, kind = "param:device_map",
      say = "Or leave some layers on the CPU."}}
end

local function other_process(_, log)
  return {{free = "gpu", listed = true, say = "End the other processes that are yours; nvidia-smi lists them."},
    {flag = "gpu_layers", value = 0, toward = "lower", engine = engine_of(log), kind = "param:device_map",
      say = "Or compute on the CPU until the GPU is free."}}
end

-- Next to nothing was free on any GPU before the first byte was placed: no GPU that it runs on is that small.
local function held(log)
  for _, room in ipairs(log.room and log.all"room" or {}) do
    if tonumber(room.mib) >= 1024 then return false end
  end
  return log.room ~= nil
end

-- What was being allocated decides; where nothing tells, the context is what can be lowered.
local function decide(log)
  if held(log) then return log.plain or log.ggml, "oom.other-process", 0.82 end
  if log.kv then return log.plain or log.ggml or log.kv, "oom.activation", 0.84 end
  if log.exited then return log.exited, "oom.model-too-big", 0.8 end
  local hit = log.plain or log.ggml
  if log.ggml or log.compute or log.weights then
    return hit, log.compute and not log.weights and "oom.activation" or "oom.model-too-big", 0.82
  end
  return hit, log.loads and "oom.model-too-big" or "oom.activation", 0.66
end

local causes = {
  {"oom.model-too-big", too_big, "The weights do not fit this GPU: memory ran out while they were placed.",
    "The GPU has no room for a buffer, and no line says that it is one for the context or for computing: mostly it is "
      .. "the weights'."},
  {"oom.activation", activation, "The GPU is full when more is asked for: what is computed (KV cache, context, "
    .. "batch) does not fit beside the weights."},
  {"oom.other-process", other_process, "Another process holds the GPU's memory: next to none of it was free before the "
    .. "model was loaded."},
}

for _, row in ipairs(causes) do
  local cause, fixes, why, unsaid = table.unpack(row)
  rule {
    id = cause .. "/ggml",
    from = {"native", "engine", "hub", "compiler", "app"},
    anyone = {plain = "code"},
    signatures = {
      plain = codes"oom.*" .. [[|(?:CUDA out of memory|CUDA error: out of memory|]]
        .. [[CUDA error: the resource allocation failed|]]
        .. [[cudaMalloc failed: out of memory|CUDA driver error: out of memory|HIP out of memory)]],
      ggml = [[(?:ggml_backend_cuda_buffer_type_alloc_buffer|alloc_tensor_range|]]
        .. [[ggml_gallocr_reserve\w*: failed to allocate CUDA)[^\n]*(?:failed|out of memory|buffer)|]]
        .. [[unable to allocate (?:CUDA|Vulkan)\d* buffer|]]
        .. [[failed to allocate buffer for kv cache|ggml_vulkan: Device memory allocation of size \d+ failed|]]
        .. [[Error allocating (?:vulkan memory|memory ErrorOutOfDeviceMemory)]],
      exited = [[llama runner exited, you may not have enough available memory|]]
        .. [[insufficient memory - required allocations]],
    },
    context = {
      torch = [[(?:CUDA|HIP|XPU) out of memory\.? Tried to allocate]],
      ollama = [[(?:[\\/]blobs[\\/]+sha256-|ollama[^\n]{0,20}(?:runner|serve|server)|llama runner|]]
        .. [[\bmsg="(?:starting runner|llama server|loaded runners|system memory|gpu memory))]],
      offload = [[offload(?:ed|ing) (?:\d+/)?(?<layers>\d+) (?:repeating )?layers to GPU]],
      n_layer = [[print_info: n_layer +?= (?<layers>\d+)]],
      room = [[using device (?:CUDA|ROCm)\d+ [^\n]* (?<mib>\d+) MiB free]],
      buffer = [[allocating (?<need>[\d.]+) MiB on device]],
      n_ctx = [[llama_(?:new_)?context\w*: n_ctx(?:_seq)? +?(?:= |\()(?<ctx>\d+)]],
      compute = [[(?:ggml_gallocr_reserve|graph_reserve|failed to allocate compute|compute buffer|]]
        .. [[failed to initialize the context|failed to create context|kv.?cache[^\n]*failed|]]
        .. [[llama_kv_cache\w*: failed|ggml_cuda_pool|failed to allocate buffer for kv)]],
      kv = [[failed to allocate buffer for kv cache]],
      weights = [[(?:alloc_tensor_range|unable to allocate (?:CUDA|ROCm|Vulkan)?\d* ?(?:backend )?buffer|]]
        .. [[error loading model)]],
      llama = [[(?:ggml_backend_cuda|ggml_gallocr|llama_init_from_model|llama_new_context|ggml-cuda(?:\.cu|/)|]]
        .. [[llama runner (?:process has )?terminated|error loading llama server)]],
      loads = [[error loading llama server]],
    },
    unless = {"torch"},
    facts = {"gpus.0.name", "gpus.0.memory.total", "gpus.0.memory.free"},
    rival = cause == "oom.activation" and {cause = "oom.leak", decides = "whether its memory grows over time"} or nil,
    when = function(f, log)
      if not (log.exited or log.ggml or log.llama) then return nil end
      local hit, found, confidence = decide(log)
      if found ~= cause then return nil end
      local told = not unsaid or log.weights or log.exited
      return {hit = hit, confidence = confidence, why = told and why or unsaid, fixes = fixes(f, log)}
    end,
    doc = {looks = "ggml_backend_cuda_buffer_type_alloc_buffer: ... cudaMalloc failed: out of memory.",
      check = "What was being allocated: a tensor of the model, or a compute buffer."},
  }
end
