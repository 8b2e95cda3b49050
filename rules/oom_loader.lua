-- Out of GPU memory in the words of loaders that count before they place: the weights, or a GPU that others fill.

local bigger = {hardware = true, say = "Or use a GPU with more memory."}
local smaller = {code = true, kind = "param:quantization", say = "Take a smaller quantization of the model."}

rule {
  id = "oom.model-too-big/loader",
  from = {"engine", "native", "other", "app"},
  signatures = {
    exllama = [[Insufficient (?:VRAM|space in device) (?:(?:in split )?for|allocation)[^\n]{0,60}]],
    mistralrs = [[This model does not fit on the devices (?<devices>\[[^\n]{1,80}\]), and exceeds total capacity by ]]
      .. [[(?<over>\d+) ?MB]],
    executor = [[component could not be created: (?<part>Model)\s*$]], -- the first part of TensorRT-LLM's executor
  },
  context = {total = [[^Total GPU memory \(GiB\): (?<total>[\d.]+)]],
    free = [[^Free GPU memory before component creation attempt \(GiB\): (?<free>[\d.]+)]]},
  confidence = 0.86,
  specific_over = {"vllm.kv-cache", "oom.activation"},
  when = function(_, log)
    if log.mistralrs then
      return {hit = log.mistralrs, why = {"The weights do not fit the devices that may hold them.",
          "They are {over} MB larger than all of {devices} together."},
        fixes = {smaller, bigger}}
    end
    if log.exllama then
      return {hit = log.exllama, why = "Weights and cache together do not fit the GPUs that may hold them.",
        fixes = {{argument = "cache_mode", value = "Q4", kind = "param:kv_cache_dtype",
            say = "Keep the cache in 4 bits, and a shorter one (max_seq_len, cache_size)."}, smaller, bigger}}
    end
    return {hit = log.executor, evidence = {log.total, log.free}, why = {
      "TensorRT-LLM could not place the weights: the component that it could not create is the model itself.",
      log.total and log.free and ("Free were %s of %s GiB."):format(log.free.free, log.total.total) or nil},
      fixes = {{flag = "tensor_parallel_size", toward = "raise", engine = "tensorrt-llm",
          say = "Split the model over more GPUs."},
        {code = true, kind = "param:quantization", say = "Or take a quantized checkpoint of it (FP8, NVFP4, AWQ)."},
        bigger}}
  end,
  doc = {looks = "Insufficient VRAM for model and cache; The following component could not be created: Model.",
    check = "Size of the weights; nvidia-smi."},
}

rule {
  id = "oom.model-too-big/mlc",
  from = {"engine"},
  signatures = {words = [[The available single GPU memory is (?<have>\d+(?:\.\d+)?) MB, which is less than the sum ]]
    .. [[of model weight size \((?<weights>\d+(?:\.\d+)?) MB\) and temporary buffer size \((?<buffer>[\d.]+) MB\)]]},
  facts = {"gpus.0.name", "gpus.0.memory.free"},
  specific_over = {"engine.arg-invalid"},
  confidence = 0.9,
  title = "the model does not fit the GPU",
  when = function(_, log)
    local hit = log.words
    local have, weights = tonumber(hit.have), tonumber(hit.weights)
    if weights < have then
      return {hit = hit,
        why = "The weights ({weights} MB) would fit into the {have} MB, but not beside what is computed at once "
          .. "({buffer} MB).",
        fixes = {{argument = "prefill_chunk_size", value = 1024, kind = "param:max_num_batched_tokens",
            say = "Compute fewer tokens at once (--overrides of mlc_llm serve)."},
          {code = true, kind = "param:quantization", say = "Or take a smaller quantization of the model."}}}
    end
    return {hit = hit, why = "The weights alone take {weights} MB, and {have} MB are there for them.",
      fixes = {smaller,
        {argument = "tensor_parallel_shards", value = 2, kind = "param:tensor_parallel_size",
          say = "Or split it over two GPUs."},
        bigger}}
  end,
  doc = {looks = "Insufficient GPU memory error: The available single GPU memory is ... MB.",
    check = "The three sizes that the message names."},
}

-- TensorFlow takes what is free when it starts: how little that was, it says itself.
rule {
  id = "oom.other-process/tensorflow",
  from = {"native", "other", "app", "framework"},
  signatures = {
    full = [[(?:Dst tensor is not initialized|OOM when allocating tensor|failed to allocate memory|]]
      .. [[CUDA_ERROR_OUT_OF_MEMORY)]],
  },
  context = {
    created = [[Created device \S*GPU:(?<gpu>\d+) with (?<mib>\d+) MB memory: +-> device: \d+, name: (?<card>[^,\n]+)]],
  },
  specific_over = {"oom.activation"},
  when = function(_, log)
    local least
    for _, device in ipairs(log.created and log.all"created" or {}) do
      if not least or tonumber(device.mib) < tonumber(least.mib) then least = device end
    end
    if not least or tonumber(least.mib) >= 1024 then return nil end
    return {hit = log.full, evidence = {least}, confidence = 0.85,
      why = ("TensorFlow takes what is free on a GPU when it starts, and found %s MB on the %s: another process holds "
        .. "the rest."):format(least.mib, least.card),
      fixes = {{free = "gpu", listed = true, say = "End the other processes that are yours (a notebook, an earlier "
          .. "run); nvidia-smi lists them."},
        {wait = true, say = "Or wait until the other process is done, or ask its owner."}}}
  end,
  doc = {looks = "Created device ... with 184 MB memory, then 'Dst tensor is not initialized'.",
    check = "nvidia-smi: who holds the GPU."},
}
