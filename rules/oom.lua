-- Out of memory: whose memory, and which of five causes, by the numbers of the message.

local unit = {B = 1, bytes = 1, KiB = 1 << 10, MiB = 1 << 20, GiB = 1 << 30, TiB = 1 << 40, KB = 1000, MB = 1000000,
  GB = 1000000000}
local G = unit.GiB

local function bytes(text)
  local n, u = (text or ""):match[[([\d.]+)\s*([KMGT]?i?B|bytes)]]
  return tonumber(n or "") and tonumber(n) * (unit[u] or 1) or nil
end

local function gib(n) return ("%.2f GiB"):format(n / G) end

-- What each library calls the numbers: torch in its three wordings, torch's own allocator on Windows, Paddle.
local wordings = {
  ask = {[[Tried to allocate ([\d.]+ \w+)]], [[Requested\s*: ([\d.]+ \w+)]], [[Cannot allocate ([\d.]+[KMG]B)]]},
  total = {[[([\d.]+ \w+) total capacity]], [[total capaci?ty of ([\d.]+ \w+)]], [[Device limit\s*: ([\d.]+ \w+)]]},
  free = {[[of which ([\d.]+ \w+) is free]], [[([\d.]+ \w+) free]], [[Free \(according to CUDA\)\s*: ([\d.]+ \w+)]],
    [[available memory is only ([\d.]+[KMG]B)]], [[free memory (?:is )?only ([\d.]+ \w+)]]},
  allocated = {[[([\d.]+ \w+) is allocated by PyTorch]], [[([\d.]+ \w+) already allocated]],
    [[Currently allocated\s*: ([\d.]+ \w+)]], [[([\d.]+[KMG]B) memory has been allocated]]},
  idle = {[[([\d.]+ \w+) is reserved by PyTorch but unallocated]], [[free; ([\d.]+ \w+) cached]]},
  reserved = {[[([\d.]+ \w+) reserved in total by PyTorch]]},
  ours = {[[this process has ([\d.]+ \w+) memory in use]]},
}

-- The processes that the message lists: their memory together, how many, and the largest one's number.
local function listed(text, total)
  local others, processes, largest, pid = 0, 0, 0, nil
  for number, size in text:gmatch[[Process (\d+) has ([\d.]+ \w+) memory in use]] do
    local n = bytes(size) or 0
    if not total or n <= total then -- WSL prints 17179869184 GiB where it does not know
      others, processes = others + n, processes + 1
      if n > largest then largest, pid = n, number end
    end
  end
  return others, processes, pid
end

-- Numbers of one message, in bytes; nil where it does not say. The total may stand in the facts.
local function numbers(text, f)
  local m = {}
  for name, patterns in pairs(wordings) do
    for _, pattern in ipairs(patterns) do m[name] = m[name] or bytes(text:match(pattern)) end
  end
  m.told = {}
  for name in pairs(wordings) do m.told[name] = m[name] end
  if not m.total and m.ask and #f.gpus() == 1 then m.total = f"gpus.0.memory.total" or nil end
  for _, name in ipairs{"ours", "allocated", "reserved", "idle", "free"} do -- WSL counts below zero: 17179869173 GiB
    if m.total and m[name] and m[name] > 1.02 * m.total then m[name], m.told[name] = nil, nil end
  end
  local others
  others, m.processes, m.pid = listed(text, m.total)
  if m.reserved and m.allocated then m.idle = m.idle or m.reserved - m.allocated end
  if m.allocated and m.idle then m.reserved = m.reserved or m.allocated + m.idle end
  local mine = m.ours or (m.reserved or m.allocated) and (m.reserved or m.allocated) + 0.5 * G -- context
  -- Where a container hides the numbers of processes, ours is listed like another's. A list of one is us.
  if m.processes == 1 and not m.ours and others >= (m.reserved or 0) then
    mine, others, m.pid, m.told.ours = others, 0, nil, others
  end
  m.ours = mine
  if m.total and m.free and mine then m.foreign = math.max(0, m.total - m.free - mine) end
  if m.foreign and others > m.foreign and m.ours then m.foreign = others end
  return m
end

local NAMES = {{"total", "total"}, {"ours", "this process"}, {"allocated", "allocated"}, {"reserved", "reserved"},
  {"idle", "reserved but unallocated"}, {"free", "free"}, {"ask", "asked for"}}

-- Only what the message itself says.
local function described(m)
  local out = {}
  for _, row in ipairs(NAMES) do out[#out + 1] = m.told[row[1]] and row[2] .. " " .. gib(m.told[row[1]]) or nil end
  return #out > 0 and "The message's own numbers: " .. table.concat(out, ", ") .. "." or nil
end

-- What of the GPU is neither free nor this process's, as far as the message tells; and what it is computed from.
local function held_elsewhere(m)
  local told, least = m.told, 0.3 * G
  local mine = told.ours or told.reserved or told.allocated
  if not (m.foreign and m.foreign > least and told.total and told.free and mine) then return nil end
  local of = {told.total, told.free, mine, not told.ours and not told.reserved and told.idle or nil}
  local rest = of[1] - of[2] - of[3] - (of[4] or 0)
  return rest > least and ("%s are neither free nor %s."):format(gib(rest), told.ours and "this process's"
    or "reserved by this process's torch") or nil, {value = rest, of = of}
end

local function loading(log)
  return log.has_frame([[load_model|from_pretrained|load_state_dict|load_weights|set_module_tensor|_load_|]]
    .. [[create_weights|dispatch_model|init_device|empty_weights|\.cuda\b|\bconvert$|initialize_model|]]
    .. [[_apply|make_layers|load_checkpoint|to_empty|model_loader|modeling_utils|linear\.py create]])
end

-- What the innermost frames do decides, whatever the script around them is for.
local function tail(event, pattern, depth)
  local frames = event.frames or {}
  for i = math.max(1, #frames - (depth or 6) + 1), #frames do
    if (frames[i].file .. " " .. frames[i].func):match(pattern) then return true end
  end
  return false
end

local function moves_weights(log, event)
  return tail(event, [[nn[/\\]modules[/\\]module\.py <lambda>| (?:_apply|convert|to_empty|load_state_dict|]]
    .. [[_load_from_state_dict|load_weights|create_weights|set_module_tensor\w*|weight_loader|load_model)$]])
    or tail(event, [[transcribe(?:\.py)? (?:__init__|init)$|model_patcher\.py (?:partially_)?load$]], 1)
    or log.shards and not log.shards_done and not tail(event, [[[ .](?:training_step|compute_loss|backward)\b]], 100)
end

-- Layers that make their own parameters, one inside the other: the model is being built where it will run.
local function builds_weights(event)
  local frames = event.frames or {}
  if #frames > 1 and frames[#frames].func == "__init__" and frames[#frames - 1].func == "__init__" then return true end
  return tail(event, [[nn[/\\]modules[/\\]\w+\.py __init__$| (?:reset_parameters|_init_weights|init_weights|]]
    .. [[kaiming_uniform_|_no_grad_\w+_)$]])
end

local function training(log)
  return log.has_frame([[backward|optimizer|trainer|training_step|train\.py|train_loop|\.step\b|accelerator|]]
    .. [[accelerate[/\\]utils[/\\]operations|finetune]])
end

-- Loading takes blocks of the weights' own sizes and gives none back: next to nothing is reserved and unallocated.
local function as_while_loading(m)
  return not m.idle or m.idle < math.max(0.01 * (m.total or 0), 96 * unit.MiB)
end

-- An engine's pool, a second framework: memory of this process that torch does not know.
local function outside_torch(m) return m.ours and m.reserved and m.total and m.ours - m.reserved > 0.4 * m.total end

-- Reserved and unallocated: enough for what was asked, or together with what is free, were it in one piece.
local function in_pieces(m)
  if not m.idle or m.idle < 0.5 * G then return nil end
  if m.idle > m.ask and m.idle > 0.08 * (m.total or m.idle) then return 0.85 end
  return m.idle > 0.5 * m.ask and m.idle < m.ask and m.idle + (m.free or 0) > m.ask and 0.6 or nil
end

-- Plenty is free and next to nothing is held: no lack of memory refused it.
local function refused_beside_room(m)
  return m.ask and m.free and m.total and m.free > 3 * m.ask and m.free > 0.3 * m.total and (m.idle or 0) < 0.5 * G
end

-- Many whole GPUs at once: no batch is that large, two shapes were multiplied that should not be, or a size is garbage.
local function out_of_scale(m) return m.ask and m.total and m.ask > 20 * m.total end

-- Which cause the numbers speak for.
local function by_numbers(m)
  local others = m.foreign and m.total and m.foreign > 0.25 * m.total and m.foreign > 1.5 * G
  if others and (m.allocated or 0) < 0.75 * m.total then return "oom.other-process", 0.88 end
  if not m.ask then return nil end
  local pieces = in_pieces(m)
  if pieces then return "oom.fragmentation", pieces end
  if refused_beside_room(m) then return "oom.fragmentation", 0.5 end
end

local function classify(m, log, f, event)
  local cause, confidence = by_numbers(m)
  if cause then return cause, confidence end
  local none_free = not m.allocated and m.free and m.total and m.free < 0.08 * m.total
  local full = m.total and m.allocated and m.allocated > 0.88 * m.total or none_free
  if log.grows then return "oom.leak", 0.75 end
  if tail(event, [[ (?:profile_run|_dummy_(?:sampler_)?run|capture\w*|init_\w*graphs?|initialize_kv_cache\w*|]]
    .. [[determine_\w+|warm_?up\w*|kernel_warmup)$]]) then return "oom.activation", 0.82 end
  if moves_weights(log, event) or builds_weights(event) then return "oom.model-too-big", 0.86 end
  if out_of_scale(m) then return "oom.activation", 0.6 end
  if m.ask and m.total and m.ask > 0.25 * m.total then return "oom.activation", 0.8 end -- no weight is that large
  if outside_torch(m) then return "oom.activation", 0.7 end
  if loading(log) and not training(log) then return "oom.model-too-big", tail(event, [[ (?:forward|generate|_sample|]]
    .. [[decode|encode|sample)$]]) and 0.6 or 0.84 end
  if training(log) then return "oom.activation", 0.82 end
  if full and log.has_frame[[gradio|fastapi|streamlit|handler|runpod|flask|uvicorn]] then return "oom.leak", 0.6 end
  local ask = m.ask or 0
  if full and ask < 0.6 * G and #f.gpus() > 1 and as_while_loading(m) then return "oom.model-too-big", 0.75 end
  if full and log.has_frame[[vllm|sglang]] and ask >= 0.1 * G then
    local a = log.serving(f, log.engine_seen, m.total) -- the weights alone, or with what is computed on top?
    if not a or a.memory.weights > 0.8 * a.memory.room then return "oom.model-too-big", 0.72 end
  end
  if full and ask >= 1.5 * G then return "oom.activation", 0.7 end
  if full and ask >= 0.19 * G and ask <= 0.6 * G and as_while_loading(m) then return "oom.model-too-big", 0.6 end
  return "oom.activation", full and 0.5 or 0.6 -- a leak would need readings over time
end

local texts = {
  ["oom.other-process"] = "Another process holds most of the GPU's memory.",
  ["oom.fragmentation"] = "What is reserved and free would do together, but it lies in pieces: fragmentation.",
  ["oom.model-too-big"] = "The weights do not fit this GPU, by what was asked for and is free.",
  ["oom.leak"] = "Memory filled up over time: something keeps tensors (history, caches, graphs) between requests.",
}

local refused = "More is free than was asked for: it lies in pieces, or a limit refused it (a share of this process)."

-- That the weights are there is said only where a line or a frame shows it.
local function beside_weights(m, log, event)
  local computes = tail(event, [[ (?:forward|backward|generate|_sample|decode|encode|sample|step|training_step|]]
    .. [[capture\w*)$]])
  if out_of_scale(m) then return "One call asked for more than twenty such GPUs hold: that is a wrong shape." end
  if log.shards_done or computes then
    return "The weights are loaded; what is computed on top (KV cache, activations, batch, length) does not fit."
  end
  return "The GPU is full when more is asked for: mostly by what is computed (KV cache, activations, batch, length)."
end

-- Bytes of its weights as they are, and in 4 bits where they are not quantized yet.
local function weights_of(repo)
  if not repo then return nil end
  local config = type(repo.config) == "table" and repo.config or {}
  local whole = repo.weights or know.least_weights(config)
  local small = not config.quantization_bits and know.least_weights(config, "nf4") or nil
  return whole, small
end

-- The only model of a cache need not be the one that ran: what is a twentieth of the GPU has not filled it.
local function model_of(log, f, total)
  local repo = log.model(f)
  return not (total and 20 * (weights_of(repo) or total) < total) and repo or nil
end

-- Who runs there; how a setting is spelt depends on it. Nil for a program of the user's own.
local function engine_of(log)
  local seen = log.engine_seen or log.engine_said
  if seen == "tgi" or seen == "sglang" or seen == "vllm" then return seen end
  for _, name in ipairs{"sglang", "lmdeploy", "tensorrt_llm", "tei", "tgi", "comfyui", "vllm"} do
    if log[name] then return (name:gsub("_", "-")) end
  end
  return seen
end

-- The fraction of the GPU that leaves room for what was asked for; nil where the message does not say enough.
local function fraction(m, log, default)
  local now = tonumber(log.fraction and log.fraction.fraction) or default
  if not (m.ask and m.free and m.total) or m.ask <= m.free then return nil end
  local value = math.floor(100 * math.min(now > 0.92 and 0.9 or 1, now - (m.ask - m.free) / m.total - 0.02)) / 100
  return value >= 0.3 and value or nil
end

-- How many GPUs of this kind hold the weights with a sixth left for the rest.
local function gpus_needed(weights, total, gpus)
  if not weights or not total then return gpus end
  for _, n in ipairs{2, 4, 8, 16} do
    if n <= gpus and weights / n < 0.83 * total then return n end
  end
end

-- The GPU of this machine that has the most memory free, where that is most of it.
local function free_gpu(f)
  local best, most
  for _, gpu in ipairs(f.gpus()) do
    local memory = type(gpu.memory) == "table" and gpu.memory or {}
    local free = tonumber(memory.free)
    if gpu.index and free and memory.total and free > 0.8 * memory.total and free > (most or 0) then
      best, most = gpu.index, free
    end
  end
  return best
end

-- The process that holds the most, where this machine's driver names it: a number in a message may be another host's.
local function holder(f)
  local pid, most
  for _, gpu in ipairs(f.gpus()) do
    for _, process in ipairs(type(gpu.processes) == "table" and gpu.processes or {}) do
      local used = tonumber(process.memory or process.used)
      if process.pid and used and used > (most or 0) then pid, most = process.pid, used end
    end
  end
  return pid
end

-- The share of the GPU that an engine may take beside the others, where they leave enough.
local function beside(m, engine)
  local value = m.foreign and m.total and math.floor(100 * (m.total - m.foreign) / m.total - 2) / 100
  if not value or value < 0.4 or engine ~= "vllm" and engine ~= "sglang" then return nil end
  return {flag = "gpu_memory_utilization", value = value, toward = "lower", engine = engine,
    say = ("Take only what the others leave: %.2f of this GPU."):format(value)}
end

local function other_process(f, log, m, event)
  local index = free_gpu(f)
  local elsewhere = {set = {CUDA_VISIBLE_DEVICES = index and ("%d"):format(index) or nil},
    say = index and ("Use GPU %d, which is free."):format(index)}
  local ended = {free = "gpu", pid = holder(f), listed = not (event.message or ""):has("HIP"),
    say = "End the other processes that are yours (an earlier run that did not stop); nvidia-smi lists them."}
  local waited = {wait = true, say = "Or wait until the other process is done, or ask its owner."}
  if index then return {elsewhere, ended, waited} end
  local less = beside(m, engine_of(log))
  return less and {less, ended, waited} or {ended, waited}
end

local PAINTS = {comfyui = true, a1111 = true, diffusers = true}
local SHARES = {vllm = true, sglang = true, tgi = true, lmdeploy = true, ["tensorrt-llm"] = true}
local function fragmentation(f, log)
  local name = version.matches(f.pkg"torch" or "", ">=2.10") and "PYTORCH_ALLOC_CONF" or "PYTORCH_CUDA_ALLOC_CONF"
  local wsl = (f"system.kernel" or ""):match[[(?i)microsoft|wsl]]
  local engine = engine_of(log)
  local say = "Leave more headroom: smaller batch, shorter sequences, fewer weights on this GPU."
  return {{set = {[name] = wsl and "max_split_size_mb:128" or "expandable_segments:True"}, automatic = true,
      kind = "env:PYTORCH_CUDA_ALLOC_CONF", say = "Let the allocator grow segments instead of fixed blocks."},
    {flag = SHARES[engine] and "gpu_memory_utilization" or "batch_size", toward = "lower", engine = engine, say = say}}
end

-- Image models: the picture's size counts, and parts of the pipeline need not lie on the GPU all the time.
local function pictures(engine)
  return {{flag = "cpu_offload_gb", engine = engine, kind = "param:device_map",
      say = "Keep what does not compute at the moment in the machine's memory."},
    {flag = "tiling", engine = engine, kind = "param:batch_size", say = "Or decode the picture in pieces."},
    {code = true, kind = "param:batch_size", say = "Or ask for smaller or fewer pictures at once."}}
end

local bigger = {hardware = true, say = "Or use a GPU with more memory."}
-- Speech to text: who loads the model, and the argument of that call that makes it smaller.
local listeners = {
  {[[faster_whisper|ctranslate2|whisperx]], {argument = "compute_type", value = "'int8'",
    kind = "param:quantization", say = "Load it in 8 bits, or choose a smaller model."}},
  {[[\bwhisper[/\\]__init__\.py]], {argument = "name", value = "'small'", kind = "param:quantization",
    say = "Choose a smaller model in load_model (base and tiny are smaller still)."}},
}

local function too_big(f, log, m)
  local engine = engine_of(log)
  if PAINTS[engine] then return pictures(engine) end
  for _, row in ipairs(listeners) do
    if log.has_frame(row[1]) then return {row[2], bigger} end
  end
  local counted = log.serving(f, engine, m.total)
  if counted and counted.fixes then return counted.fixes end
  local gpus, total = #f.gpus(), m.total or f"gpus.0.memory.total" or nil
  local weights, small = weights_of(model_of(log, f, total))
  weights = weights or log.weights_by_shards(m.told.allocated, m.total)
  local split = gpus > 1 and gpus_needed(weights, total, gpus)
  local fits = small and total and small < 0.83 * total
  local beside = weights and total and math.max(1, math.ceil((weights - 0.83 * total) / G)) or nil
  local over = {flag = "tensor_parallel_size", value = split or nil, engine = engine, computed = not not split,
    say = split and ("Split the model over %d GPUs."):format(split) or "Or split it over several GPUs."}
  local quant = {flag = "four_bit", engine = engine, kind = "param:quantization", computed = not not fits,
    say = fits and ("Load it in 4 bits: its weights then take about %s."):format(gib(small))
      or "Load it quantized (4 or 8 bits), or choose a smaller model."}
  local offload = {flag = "cpu_offload_gb", value = beside, engine = engine, kind = "param:device_map",
    say = beside and ("Or keep %d GiB of it in the machine's memory."):format(beside)
      or "Or keep part of it in the machine's memory."}
  if split then return {over, quant, offload, bigger} end
  if small and total and not fits then return {offload, bigger, over} end -- not even 4 bits fit
  return {quant, over, offload, bigger}
end

local function lower(engine, setting, say, value, kind)
  return {flag = setting, value = value, toward = "lower", engine = engine, say = say, kind = kind}
end

local function leak()
  return {{code = true, say = "Find what is kept from request to request (chat history, outputs on the GPU, graphs "
      .. "without no_grad) and let it go; torch.cuda.memory_summary() between requests shows it."},
    {restart = "process", say = "Until then, restart the worker before it is full."}}
end

-- Who runs there, the first that fits: what to lower, and by how much.
local runners = {
  {"sampler", function(f, log)
    local seqs = math.max(1, tonumber(log.sampler.seqs) // 4)
    return {lower("vllm", "max_num_seqs", "Allow fewer sequences at once.", seqs),
      lower("vllm", "gpu_memory_utilization", "Or leave more room beside weights and KV cache.")}
  end},
  {"slots", function()
    return {lower("sglang", "max_num_seqs", "Allow fewer requests at once.", 16),
      {install = "sglang", say = "If that changes nothing, its own accounting is wrong: use another release."}}
  end},
  {"sglang", function(f, log, m)
    local say = "Leave more room beside weights and KV cache: a smaller static share of the GPU."
    return {lower("sglang", "gpu_memory_utilization", say, fraction(m, log, 0.88)),
      lower("sglang", "cuda_graph_max_bs", "Or capture fewer batch sizes.", 16, "param:batch_size")}
  end},
  {"lmdeploy", function()
    return {lower("lmdeploy", "gpu_memory_utilization", "Give the KV cache less of what is free."),
      lower("lmdeploy", "max_model_len", "Or shorten the sessions.", 8192)}
  end},
  {"tensorrt-llm", function()
    return {lower("tensorrt-llm", "max_num_seqs", "Build or run with a smaller batch.", 32, "param:batch_size"),
      lower("tensorrt-llm", "gpu_memory_utilization", "Or give the KV cache less of what is free.")}
  end},
  {"tgi", function()
    return {lower("tgi", "max_num_batched_tokens", "Let it compute fewer prompt tokens at once."),
      lower("tgi", "max_model_len", "Or serve a shorter context.", 4096),
      lower("tgi", "gpu_memory_utilization", "Or give it less of the GPU for the KV cache.")}
  end},
  {"tei", function()
    return {lower("tei", "max_num_batched_tokens", "Let it compute fewer tokens at once."),
      lower("tei", "max_num_seqs", "Or accept fewer requests at once.")}
  end},
  {"vllm", function(f, log, m, event)
    local value = fraction(m, log, 0.9)
    local leaves = value and (": %.2f leaves what was asked for"):format(value) or ""
    local length = lower("vllm", "max_model_len",
      "Serve a shorter context than the model's own: less is computed and cached at once.", 8192)
    local fewer = lower("vllm", "max_num_seqs", "Or serve fewer sequences at once.", 64)
    local room = lower("vllm", "gpu_memory_utilization",
      ("Leave more room beside weights and KV cache%s."):format(leaves), value)
    -- What is taken after the KV cache comes out of what that fraction spares; before it, the profiling run is too big.
    local cached = log.private_pools or log.wakes or log.cache
      or tail(event, [[ (?:capture_model|capture|wake_up|create_and_map|\w*allocate_\w*(?:kv|gpu)_cache\w*)$]])
    return cached and {room, length, fewer} or {length, fewer, room}
  end},
}

-- A loop of the user's own that only evaluates, and no frame of torch's no_grad around it.
local function keeps_graph(log)
  return log.has_frame[[ (?:validate\w*|validation\w*|evaluate|eval_\w+|val_\w+|valid_\w+|test_epoch)$]]
    and not log.has_frame[[(?:_contextlib|grad_mode)\.py|transformers/|lightning]]
end

local function activation(f, log, m, event)
  if out_of_scale(m) then
    return {{code = true, say = "Print the shapes of what the last frame of your own code computes with: one of them "
      .. "is not what is meant (all pairs of too many rows, a broadcast, a size read wrong)."}}
  end
  local engine = engine_of(log)
  local counted = log.serving(f, engine, m.total)
  if counted and counted.context > 1 and counted.fixes then return counted.fixes end
  for _, runner in ipairs(runners) do
    if log[runner[1]] or runner[1] == engine then return runner[2](f, log, m, event) end
  end
  local batch = log.batch_size and tonumber(log.batch_size.size)
  if PAINTS[engine] and not training(log) then return pictures(engine) end
  local less = batch and batch > 1 and batch // 2 or nil
  local smaller = {flag = "batch_size", value = less, toward = "lower", engine = engine,
    say = less and ("Halve the batch size to %d, or shorten the sequences."):format(less)
      or batch and "The batch is one already: shorten the sequences."
      or "Halve the batch size, or shorten the sequences."}
  if not training(log) then
    return {smaller, {flag = "max_new_tokens", toward = "lower", engine = engine,
      say = "In generation: fewer tokens, fewer requests at once."}}
  end
  local again = {flag = "gradient_checkpointing", engine = engine,
    say = "Compute activations again in the backward pass instead of keeping them (gradient checkpointing); "
      .. "gradient accumulation keeps the batch that the optimizer sees."}
  if keeps_graph(log) then
    local say = "Evaluate under torch.no_grad(): as it is, every step keeps what a backward pass would need."
    return {{code = true, say = say}, smaller, again}
  end
  if batch and not less then return {again, smaller} end
  return {smaller, again}
end

local fixes_for = {["oom.other-process"] = other_process, ["oom.fragmentation"] = fragmentation,
  ["oom.model-too-big"] = too_big, ["oom.activation"] = activation, ["oom.leak"] = leak}

local oom_signatures = {
  torch = [[(?:(?:CUDA|HIP|XPU|MPS backend) out of memory\.? (?:Tried to allocate|\(MPS allocated)|]]
    .. [[XPU out of memory, please use `empty_cache`|]]
    .. [[Allocation on device(?: \d+)?(?: would exceed allowed memory| ?$))]],
  warming = [[out of memory occurred when warming up|Capture cuda graph failed: (?:CUDA )?out of memory]],
  library = [[(?:Error out of memory at line \d+ in file|cupy\.cuda\.memory\.OutOfMemoryError|]]
    .. [[Out of memory error on GPU \d+|ErrorOutOfDeviceMemory|]]
    .. [[CUDA failed with error out of memory|CallbackErrorOutOfMemory|Cuda failure (?:\d+ )?'out of memory')]],
  runtime = [[(?:BFCArena::AllocateRawInternal[^\n]*Failed to allocate|Error Code \d: (?:OutOfMemory|]]
    .. [[Cuda Runtime \(out of memory\))|CUDA runtime error(?: in [^\n]*)?: out of memory)]],
  batch = [[(?:(?:Prefill|Decode|Extend) out of memory\. Try to lower your batch size|alloc_\w+ runs out of memory)]],
  unbalanced = [[The memory capacity is unbalanced\. Some GPUs may be occupied by other processes]],
  no_algorithm = [[(?:Unable to find a valid cuDNN algorithm to run convolution|]]
    .. [[cuDNN error: CUDNN_STATUS_INTERNAL_ERROR)]],
  plain = codes"oom.*" .. [[|(?:CUDA out of memory|CUDA error: out of memory|]]
    .. [[cudaMalloc failed: out of memory|CUDA driver error: out of memory|HIP out of memory)]],
  handle = [[CU(?:BLAS_STATUS_NOT_INITIALIZED when calling `?cublasCreate|]]
    .. [[\w+_STATUS_ALLOC_FAILED|DNN_STATUS_NOT_INITIALIZED)]],
}

local oom_context = {
  vllm = [[(?:vllm/|\[core\.py|EngineCore|--max-model-len|gpu_memory_utilization|\d% Completed \| )]],
  sglang = [[(?:sglang/|sgl-workspace|Capture cuda graph failed|mem[-_]fraction[-_]static)]],
  lmdeploy = [[(?:\[TM\]\[ERROR\]|lmdeploy/)]],
  tensorrt_llm = [[(?:\[TensorRT-LLM\]|\[TRT-LLM\]|tensorrt_llm/)]],
  tgi = [[text_generation(?:_launcher|_router|_server|[/\\.])]],
  comfyui = [[^(?:got prompt|Prompt executed in [\d.:]+)|Got an OOM, unloading all loaded models]],
  tei = [[(?:text_embeddings_(?:router|backend|core)|text-embeddings-router)]],
  sampler = [[warming up sampler with (?<seqs>\d+) dummy requests]],
  private_pools = [[allocated in private pools \(e\.g\., CUDA Graphs\)]],
  wakes = [[CUDA Error: out of memory at [^\n]*cumem_allocator\.cpp]],
  slept = [[\b(?:Sleep mode freed|sleep freed) [\d.]+ [GM]iB]],
  slots = [[alloc_req_slots runs out of memory]],
  fraction = [[(?:gpu[-_]memory[-_]utilization|mem[-_]fraction[-_]static)['"]?[=: (]+(?<fraction>0\.\d+)]],
  batch_size = [[(?:Batch size per device|(?<=['"{ ])batch_size(?=['"])|train_batch_size|]]
    .. [[micro_batch_size(?:_per_gpu)?|train_micro_batch_size_per_gpu)['"]?\s*[:= ]\s*(?<size>\d+)\b]],
  grows = [[(?:memory (?:usage )?(?:grows|increas|leak)|after (?:\d+|several|some|a few) (?:requests|generations|]]
    .. [[images|questions|hours|iterations))]],
  utilisation = [[less than desired GPU memory utilization]],
  shards = [[Loading (?:\w+ )?(?:checkpoint shards|pipeline components[.]*|weights): +(?!100%)\d+%]]
    .. [[(?:[^\n]* \| ?(?<done>\d+)/(?<files>\d+) \[)?|ShardCannotStart]],
  shards_done = [[Loading (?:\w+ )?(?:checkpoint shards|pipeline components[.]*|weights): +100%|]]
    .. [[Loading (?:model )?weights took|Model loading took]],
  loaded = [[(?:Loading model weights took|Model loading took|model weights take) (?<size>[\d.]+ ?Gi?B)\b]],
  cache = [[(?:Available KV cache memory: |reserved for KV Cache is )(?<size>[\d.]+ ?GiB)\b]],
  llama = [[(?:ggml_backend_cuda|ggml_gallocr|llama_init_from_model|llama_new_context|ggml-cuda(?:\.cu|/)|]]
    .. [[llama runner (?:process has )?terminated|error loading llama server)]], -- oom_ggml.lua
  rust_loads = [[^(?: *\d+: )?<?(?:candle_(?:core::safetensors|nn::var_builder)|]]
    .. [[candle_transformers::\S+::(?:load|new)$|mistralrs_core::pipeline::\S+::load\w*$)]],
  assert_seen = [[(?:device-side assert triggered|srcIndex|illegal memory access)]],
}

-- The message that tells most: the one nearest to the root, else the last, for it was written when it ended.
local function fullest(list)
  local hit = list[#list]
  for _, h in ipairs(list) do hit = (h.event.tier or 0) > (hit.event.tier or 0) and h or hit end
  return hit
end

-- Without torch's numbers: the frames, and what the facts say of free memory.
local function without_numbers(log, f, event)
  for _, gpu in ipairs(f.gpus()) do
    local memory = gpu.memory or {}
    local held = memory.free and memory.total and memory.free < 0.5 * memory.total
    if held and not training(log) then return "oom.other-process", 0.6 end
  end
  -- What a server gave back when it was put to sleep was taken in between: by a trainer only where it sleeps in one.
  if log.slept and not training(log) and log.has_frame[[ wake_up$]] then return "oom.other-process", 0.84 end
  if log.rust_loads then return "oom.model-too-big", 0.82 end -- a backtrace of Rust that ends in the weights' reader
  if moves_weights(log, event) or loading(log) then return "oom.model-too-big", 0.72 end
  return "oom.activation", 0.6
end

-- What kinds of message decide by themselves; the others by their numbers and frames.
local function decide(log, f)
  if log.warming and (not log.torch or log.sglang) then return log.warming, "oom.activation", 0.85 end
  if log.torch then
    local hit = fullest(log.all"torch")
    local message = hit.event.message or hit.text
    local m = numbers(message:has("Tried to allocate") and message or hit.text, f)
    local cause, confidence = classify(m, log, f, hit.event)
    return hit, cause, confidence, m
  end
  local low, own = (log.unbalanced or {text = ""}).text:match[[load_memory=([\d.]+)[^\n]*?gpu_memory=([\d.]+)]]
  if low and tonumber(low) >= 0.9 * tonumber(own) then return nil end -- its numbers deny it
  if log.unbalanced then return log.unbalanced, "oom.other-process", 0.88 end
  local hit = log.plain or log.library or log.runtime
  if hit and log.llama then return nil end
  if hit then
    local m = numbers(hit.event.message or hit.text, f)
    local cause, confidence = by_numbers(m)
    if not cause then cause, confidence = without_numbers(log, f, hit.event) end
    return hit, cause, confidence, m
  end
  if log.batch then return log.batch, "oom.activation", 0.85 end
  if log.handle then return log.handle, "oom.activation", 0.62 end
  return log.no_algorithm, "oom.activation", 0.5
end

local function explained(cause, m, f, log, event)
  local why, computed = {texts[cause] or beside_weights(m, log, event)}, {}
  if cause == "oom.fragmentation" and refused_beside_room(m) then why[1] = refused end
  if cause == "oom.model-too-big" and loading(log) then
    why[1] = "The weights do not fit this GPU: memory ran out while they were placed."
  end
  local function add(holds, text, ...)
    if holds then why[#why + 1] = text:format(...) end
  end
  why[#why + 1] = described(m)
  why[#why + 1], computed[#computed + 1] = held_elsewhere(m)
  add(cause == "oom.other-process" and m.pid, "Process %s holds most of it (its number on the host).", m.pid)
  add(cause ~= "oom.fragmentation" and m.idle and m.idle < 0.4 * G, "Fragmentation is ruled out, whatever the message "
    .. "says of allocator settings: almost nothing is reserved but unallocated.")
  local outside = outside_torch(m) and m.told.ours and m.ours - m.reserved
  if outside then
    add(true, "%s of this process are held outside torch, by an engine's pool or another framework.", gib(outside))
    computed[#computed + 1] = {value = outside, of = {m.ours, m.allocated, not m.told.reserved and m.told.idle or nil}}
  end
  local shown, of = log.where_memory_goes(f, engine_of(log), m.total, m.told.allocated, cause)
  if shown then
    why[#why + 1], computed[#computed + 1] = shown, of
    return why, computed
  end
  local repo = model_of(log, f, m.total)
  local weights = cause == "oom.model-too-big" and weights_of(repo)
  local least = repo and not repo.weights and "at least " or ""
  if weights then add(true, "The weights of %s take %s%s.", repo.name, least, gib(weights)) end
  local token = cause == "oom.activation" and repo and type(repo.config) == "table" and engine_of(log) ~= "comfyui"
    and know.kv_bytes(repo.config)
  token = token and 1000 * token >= 0.01 * G and token -- less says nothing
  if token then add(true, "1,000 tokens of context take %.2f GiB of KV cache in 16 bits.", 1000 * token / G) end
  if token then computed[#computed + 1] = {value = 1000 * token, of = {1000, token}} end
  return why, computed
end

local function judge(wanted)
  return function(f, log)
    if log.utilisation or (log.assert_seen and not log.torch) then return nil end
    local hit, cause, confidence, m = decide(log, f)
    if not hit or cause ~= wanted then return nil end
    m = m or numbers(hit.event.message or hit.text, f)
    local shown = {}
    for name, n in pairs(m) do shown[name] = type(n) == "number" and name ~= "processes" and math.floor(n) or nil end
    local why, computed = explained(cause, m, f, log, hit.event)
    return {hit = hit, confidence = confidence, why = why, computed = computed, values = shown,
      fixes = fixes_for[cause](f, log, m, hit.event)}
  end
end
local looks = {looks = "'CUDA out of memory. Tried to allocate ...'.",
  check = "The numbers: total, allocated, reserved but unallocated, free; what is missing is another process's."}
for _, cause in ipairs{"oom.activation", "oom.fragmentation", "oom.leak", "oom.model-too-big", "oom.other-process"} do
  rule {id = cause, signatures = oom_signatures, context = oom_context, when = judge(cause), doc = looks,
    from = {"native", "engine", "hub", "compiler", "app"}, anyone = {plain = "code"},
    rival = cause == "oom.activation" and {cause = "oom.leak", decides = "whether its memory grows over time"} or nil,
    facts = {"gpus.0.name", "gpus.0.memory.total", "gpus.0.memory.free", "gpus.0.processes"}}
end
