-- Loaders that reckon before they load, and say themselves that model and cache do not fit the GPU.

rule {
  id = "oom.model-too-big/split",
  from = {"engine"},
  signatures = {words = [[Insufficient VRAM (?:in split )?for model and cache]]},
  facts = {"gpus.0.name", "gpus.0.memory.free"},
  confidence = 0.88,
  title = "model and cache do not fit the GPUs",
  why = "ExLlama placed the layers one after another and had no room left for the rest of the model with its cache.",
  fixes = {
    {argument = "cache_mode", value = "Q4", kind = "param:kv_cache_dtype",
      say = "Keep the cache in 4 bits, and ask for a shorter context (max_seq_len, cache_size) if need be."},
    {code = true, kind = "param:quantization", say = "Or load the model in fewer bits per weight."},
    {hardware = true, say = "Or use a GPU with more memory, or one more of them."},
  },
  doc = {looks = "RuntimeError: Insufficient VRAM for model and cache.",
    check = "The size of the weights and of the cache against what is free on the GPUs."},
}

rule {
  id = "oom.model-too-big/mlc",
  from = {"engine"},
  signatures = {words = [[The available single GPU memory is (?<have>[\d.]+) MB, which is less than the sum of model ]]
    .. [[weight size \((?<weights>[\d.]+) MB\) and temporary buffer size \((?<buffer>[\d.]+) MB\)]]},
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
      fixes = {{code = true, kind = "param:quantization", say = "Take a smaller quantization of the model."},
        {argument = "tensor_parallel_shards", value = 2, kind = "param:tensor_parallel_size",
          say = "Or split it over two GPUs."},
        {hardware = true, say = "Or use a GPU with more memory."}}}
  end,
  doc = {looks = "Insufficient GPU memory error: The available single GPU memory is ... MB.",
    check = "The three sizes that the message names."},
}
