-- Which GPU a process may see.

local function first_device(say)
  return {set = {CUDA_VISIBLE_DEVICES = "0"}, say = say}
end

-- "GPU-8f6c..." or "MIG-..." of another machine: every GPU here has told its own, and none begins so; none is divided.
local function is_foreign(f, item)
  local mig = item:match[[^MIG-]]
  if not mig and not item:match[[^GPU-[0-9a-f-]+$]] then return false end
  for _, gpu in ipairs(f.gpus()) do
    if mig and gpu.mig ~= false then return false end
    if not mig and (type(gpu.uuid) ~= "string" or gpu.uuid:sub(1, #item) == item) then return false end
  end
  return true
end

-- CUDA reads the list up to the first word that is neither a number nor a UUID ("all", "none", "-1", "cuda:0"): where
-- that is the first one, it hides every GPU.
local function hides_all(set)
  return type(set) == "string" and not set:match[[^\s*(?:\d|GPU-|MIG-)]]
end

local function hidden_by(set)
  return set == "" and "CUDA_VISIBLE_DEVICES is empty: it hides every GPU."
    or ("CUDA_VISIBLE_DEVICES is %s, which is no device: it hides every GPU."):format(set)
end

rule {
  id = "visible-devices.wrong",
  from = {"torch", "native", "engine", "app"},
  anyone = {no_device = "code", ordinal = "code"},
  signatures = {
    ordinal = any{codes"visible-devices.wrong", [=[Invalid CUDA ['"]device=]=]},
    invalid_id = [[(?:CUDA_VISIBLE_DEVICES[^\n]{0,80}(?:invalid|not (?:a )?valid|empty|must be)|]]
      .. [[Invalid value for CUDA_VISIBLE_DEVICES)]],
    map = [=[deserialize object on CUDA device \d+ but torch\.cuda\.device_count\(\) is [1-9]]=],
    index = [[(?:Device index must not be negative|device >= 0 && device < num_gpus|Expected cuda device index|]]
      .. [[device_index[^\n]{0,40}out of range)]],
    int_uuid = [[invalid literal for int\(\) with base 10: '(?:GPU|MIG)-]],
    printed_empty = [=[CUDA_VISIBLE_DEVICES(?:=|: ?)(?:['"]['"]|['"]?-1\b|<empty>)]=],
    no_device = any{codes"container.no-gpu", [[No CUDA GPUs are available]]},
  },
  context = {
    renumbered = [=[--gpus[^\n]{1,40}device=\d[^\n]*CUDA_VISIBLE_DEVICES=[1-9]]=],
    slurm = any{[[\bSLURM_[A-Z]+]], [[\bslurmstepd: ]], [[\bsrun: ]], [[#SBATCH]]},
    boxed = any{[[\b(?:docker|podman) run\b]], [[\bapptainer\b]], [[\bsingularity\b]], [[\benroot\b]], [[\bpyxis\b]],
      [[--container-image]]},
    set = [=[CUDA_VISIBLE_DEVICES['"]?\]? ?[=:] ?['"]?(?<set>\d+(?:,\d+)*)]=],
    emptied = [[(?:^|\s)CUDA_VISIBLE_DEVICES=\s*$]],
    ranks = [[(?:nproc_per_node|local_rank|set_device|torchrun|torch\.distributed|world_size|tensor[-_]parallel)]],
  },
  facts = {"env.CUDA_VISIBLE_DEVICES", "gpus"},
  explains = {"hf.model-too-new"}, -- "failed to be inspected" only wraps it
  when = function(f, log)
    if log.map then
      return {hit = log.map, confidence = 0.9, why = "The file was saved from a GPU of a number that is not here, and "
          .. "torch.load puts each tensor back on the device that it came from.",
        fixes = {{argument = "map_location", value = "'cuda:0'", kind = "code", say = "Say in torch.load where its "
          .. "tensors go."}}}
    end
    local hit, n = log.ordinal or log.index, #f.gpus()
    if hit and log.ranks then return nil end -- launch.too-many-ranks
    hit = log.int_uuid or log.invalid_id or log.printed_empty or hit
    local unset = {unset = {"CUDA_VISIBLE_DEVICES"}, say = "Unset it, or name a device.", automatic = n > 0}
    if not hit then -- no device, although the variable names some: do they exist?
      local set, highest = log.set and log.set.set or log.emptied and "" or f.env"CUDA_VISIBLE_DEVICES", nil
      if hides_all(set) then
        return {hit = log.no_device, confidence = n > 0 and 0.93 or 0.8, fixes = {unset}, why = hidden_by(set)}
      end
      for _, item in ipairs(type(set) == "string" and set:split(",") or {}) do
        local i = tonumber(item)
        if i and (not highest or i > highest) then highest = i end
      end
      local cuda = f"torch.cuda" ~= false and not (f.pkg"torch" or ""):match[[\+cpu]]
      for _, item in ipairs(type(set) == "string" and n > 0 and set:split(",") or {}) do
        if is_foreign(f, item) then
          return {hit = log.no_device, confidence = 0.9,
            why = ("CUDA_VISIBLE_DEVICES names %s, and no GPU of this machine has that UUID."):format(item),
            fixes = {first_device("Name a GPU of this machine (nvidia-smi -L lists them).")}}
        end
      end
      local inside = not f"system.container.runtime" or f"cuda.driver_init.code" == 0
      if n > 0 and f"driver.version" and inside and cuda and (not highest or n > highest) then
        return {hit = log.no_device, confidence = 0.66,
          why = "This machine has a GPU and a driver, and CUDA counts none: what the process was given hides it "
            .. "(CUDA_VISIBLE_DEVICES "
            .. "set in the program or the job script, or a scheduler that gave the job no GPU).",
          fixes = {first_device("Name a GPU that exists, counted from 0, before the process starts."),
            {code = true, say = "Or take the assignment out of the code; under Slurm ask for a GPU (--gres=gpu:1)."}}}
      end
      if not highest or highest == 0 or n > highest then return nil end
      if log.renumbered then
        return {hit = log.no_device, confidence = 0.86, evidence = {log.renumbered},
          why = ("The container is given its GPU by --gpus and counts it from 0; CUDA_VISIBLE_DEVICES is %s, and hides "
            .. "it."):format(set),
          fixes = {first_device("Leave CUDA_VISIBLE_DEVICES out, or count from 0 in it.")}}
      end
      if log.slurm and log.boxed then
        return {hit = log.no_device, confidence = 0.74, evidence = {log.set},
          why = ("Slurm counts the GPUs of the node in CUDA_VISIBLE_DEVICES (%s), and the container that was handed "
            .. "the job's own GPUs counts those from 0: the variable came in with the job's environment."):format(set),
          fixes = {{unset = {"CUDA_VISIBLE_DEVICES"}, say = "Leave the variable out in the container."}}}
      end
      return {hit = log.no_device, confidence = n > 0 and 0.9 or 0.66,
        why = {("CUDA_VISIBLE_DEVICES is %s, and CUDA finds no such device%s."):format(set,
          n > 0 and (" (this machine has %d)"):format(n) or "")},
        fixes = {first_device("Name devices that exist, counted from 0.")}}
    end
    if f"gpus.0.mig" == true or (f"gpus.0.name" or ""):match[[\bMIG\b]] then return nil end -- gpu.mig-no-instance
    local fixes = {first_device("Set it, before the process starts, to devices that exist; then use indices from 0."),
      {code = true, say = "Or correct the device index in the code (cuda:0)."}}
    if log.printed_empty and hit == log.printed_empty then table.insert(fixes, 1, unset) end
    return {hit = hit, confidence = log.no_device and log.printed_empty and 0.9 or 0.82, fixes = fixes,
      why = {"A device was asked for that this process does not have; behind CUDA_VISIBLE_DEVICES devices are "
        .. "counted from 0.",
        "CUDA_VISIBLE_DEVICES is {fact:env.CUDA_VISIBLE_DEVICES}."}}
  end,
  check = function(f)
    local v, n = f.env"CUDA_VISIBLE_DEVICES", #f.gpus()
    if not v or n == 0 then return nil end
    if hides_all(v) then
      return {confidence = 0.85, severity = "error", why = hidden_by(v),
        fixes = {{unset = {"CUDA_VISIBLE_DEVICES"}, say = "Unset it, or name a device."}}}
    end
    if f"gpus.0.planned" then return nil end -- of how many there will be nothing was said
    for _, item in ipairs(v:split(",")) do
      local i = tonumber(item)
      if is_foreign(f, item) then
        return {confidence = 0.88, severity = "error",
          why = ("CUDA_VISIBLE_DEVICES names %s, and no GPU of this machine has that UUID."):format(item),
          evidence = {"env.CUDA_VISIBLE_DEVICES", "gpus.0.uuid"},
          fixes = {first_device("Name a GPU of this machine (nvidia-smi -L lists them).")}}
      end
      if i and i >= n then
        return {confidence = 0.85, why = ("CUDA_VISIBLE_DEVICES names device %d, and this machine has %d, counted "
          .. "from 0."):format(i, n),
          fixes = {first_device(n == 1 and "Name device 0." or ("Name devices from 0 to %d."):format(n - 1))}}
      end
    end
  end,
  doc = {looks = "'invalid device ordinal', 'No CUDA GPUs are available' with the variable set.",
    check = "The variable against nvidia-smi -L; set before the process starts?"},
}

-- Who starts the processes, where it can be told how many.
local function launched_by(log)
  return log.accelerate and "accelerate" or log.deepspeed and "deepspeed" or log.torchrun and "torchrun"
end

rule {
  id = "launch.too-many-ranks",
  from = {"torch", "engine", "hub", "cluster", "orchestrator", "other", "app"},
  signatures = {
    ordinal = [[invalid device ordinal]],
    world = [[(?:world[_ ]size|num_processes|nproc_per_node)[^\n]{0,60}(?:exceeds|larger than|greater than|]]
      .. [[more than)[^\n]{0,40}(?:GPUs|devices)]],
    not_enough = [[(?:NotEnoughCUDADevices|world_size \(\d+\) is less than than max local gpu count|]]
      .. [[No slot '\d+' specified on host|]]
      .. [[GPUs required (?<wanted>\d+) but only (?<there>\d+)|]]
      .. [[(?i:number of gpus)[^\n]{0,20} \(\d+\) more than available|local rank \d+ is out of bounds|]]
      .. [[`?sharded`? is true but only found (?<found>\d+) CUDA devices|]]
      .. [[not enough slots available in the system to satisfy|But your machine only has: \[\d|]]
      .. [[Total number of devices \(\d+\) is larger than available GPUs)]],
    vllm = [[(?:Tensor parallel size|tensor_parallel_size|World size)[^\n]{0,80}]]
      .. [[(?:cannot exceed|exceeds|is (?:larger|greater) than)[^\n]{0,60}(?:GPUs|devices|number of available)]],
  },
  context = {ranks = [[(?:nproc_per_node|local_rank|set_device|torchrun|torch\.distributed\.|world_size|]]
    .. [[tensor[-_]parallel|]]
    .. [[accelerate launch|deepspeed|tensorrt_llm/runtime|\bmpirun\b|]]
    .. [[Error\w*Error: CUDA error: invalid device ordinal)]],
    accelerate = [[\baccelerate launch\b|accelerate/(?:state|commands/launch)\.py]],
    deepspeed = [[\bdeepspeed\.launcher\b|\bdeepspeed --]],
    sglang = [[server_args=ServerArgs|/sglang/srt/]],
    torchrun = [[\btorchrun\b|torch\.distributed\.(?:run|launch)|torch/distributed/(?:run|launch)\.py]]},
  facts = {"gpus", "env.CUDA_VISIBLE_DEVICES"},
  specific_over = {"visible-devices.wrong"},
  when = function(f, log)
    if not log.ranks and not log.world and not log.vllm and not log.not_enough then return nil end
    local n = #f.gpus()
    n = n == 0 and log.not_enough and tonumber(log.not_enough.there or log.not_enough.found) or n
    local engine = log.vllm or log.sglang or log.not_enough and log.not_enough.text:match[[sharded]]
    local launcher = launched_by(log)
    local say = "Start as many processes as there are visible GPUs" .. (n > 0 and (" (%d)."):format(n) or ".")
    return {confidence = 0.85, why = "More ranks were started than there are visible GPUs.",
      fixes = {engine and {flag = "tensor_parallel_size", value = n > 0 and n or nil, toward = "lower", say = say,
        kind = "param:nproc_per_node"}
          or launcher and {flag = n > 0 and "nproc_per_node" or "nproc_all", value = n > 0 and n or true, say = say,
            engine = launcher, kind = "param:nproc_per_node"}
          or {argument = "nproc_per_node", value = n > 0 and n or nil, say = say},
        {unset = {"CUDA_VISIBLE_DEVICES"}, say = "Or make all GPUs of the machine visible.",
          cond = function(facts) return facts.env"CUDA_VISIBLE_DEVICES" and true or false end}}}
  end,
  doc = {looks = "'invalid device ordinal' in torch.cuda.set_device(local_rank).",
    check = "Ranks against visible devices."},
}

-- What libraries say after asking torch: the reason is one of three, and only the machine tells which.
rule {
  id = "container.no-gpu/unavailable",
  rival = {cause = "torch.cpu-build", decides = "whether torch.version.cuda of that interpreter is None"},
  from = {"quantizer", "engine", "hub", "kernels", "other", "unsloth"},
  signatures = {unavailable = [[(?:Error|Exception): (?:[^\n]{0,80}\b)?]] .. any{
    [[CUDA (?:is )?(?:not available|unavailable)]],
    [[No CUDA (?:devices?|GPUs?) (?:detected|found|available|(?:is|are) available)]],
    [[found no CUDA devices]],
    [[requires CUDA,? but (?:it|CUDA) is not available]],
  },
    none = [=[But your machine only has: \[\s*\]]=],
    backend = [[No supported gpu backend found]]},
  facts = {"torch.version", "torch.cuda", "driver.version", "gpus"},
  when = function(f, log)
    local hit = log.unavailable or log.none or log.backend
    local least = hit == log.none and 1 or 3 -- what was asked for stands in the line above it
    return (hit.event.tier or 0) >= least and #f.gpus() == 0 and f"torch.cuda" ~= false and {hit = hit}
  end,
  confidence = 0.6,
  why = {"A library asked torch for a CUDA device and got none: the GPU is not passed in, torch is a CPU-only build, "
    .. "or the driver does not work.", "torch is {fact:torch.version}."},
  fixes = {
    {container = "gpus", say = "Start the container or the job with the GPU; nvidia-smi inside it must list one."},
    {code = true, kind = "pip:torch", say = "If it does: install a CUDA build of torch."},
  },
  doc = {looks = "'CUDA is not available', 'No CUDA devices detected' in a library's exception.",
    check = "nvidia-smi where the worker runs, and torch.version.cuda."},
}

-- Engines that find no GPU say so in passing, and serve on the CPU.
local SEEN_NONE = {
  ollama = any{[[no compatible GPUs were discovered]], [[inference compute"?[^\n]*library=cpu]]},
  ggml = any{[[failed to initialize CUDA: no CUDA-capable device is detected]],
    [[no CUDA devices found, CUDA will be disabled]]},
}

local NONE_CONTEXT = {
  found = any{[[\blibrary=(?:cuda|rocm|metal|vulkan)\b]], [[ggml_cuda_init: found [1-9]\d* ]]},
  -- rules of their own say why
  known = any{[[init failure: ]], [[nable to load (?:cudart|nvcuda|cuda|nvml)]], [[unable to load CUDA]],
    [[failed to initialize CUDA: (?!no CUDA-capable)]], [[driver is too old]], [[skipping (?:unsupported|cuda|rocm)]]},
  boxed = any{[[/root/\.ollama]], [[^[\w.-]*ollama[\w.-]* +\| ]], [[\[::\]:11434]], [[^/app/]], [[/\.dockerenv]]},
  unit = [[\bollama\[\d+\]: |/usr/share/ollama|/home/[\w.-]+/\.ollama]],
  -- it was asked for a GPU
  ignored = any{[[--gpu-layers option will be ignored]], [[offloaded [1-9]\d*/\d+ layers to GPU]]},
}

-- Whether this is the case, in a container (or outside of one, with `boxed` false).
local function found_none(f, log, boxed)
  local inside = f"system.container.runtime" or log.boxed and not log.unit
  if #f.gpus() > 0 or (inside and true or false) ~= boxed then return nil end
  if log.ggml and not (log.ollama or log.ignored) then return nil end
  return {hit = log.ollama or log.ggml, confidence = boxed and 0.62 or 0.55, severity = "warning", lasts = true}
end

local ON_CPU = "The engine looked for a GPU, found none that it can use, and computes on the CPU."

rule {
  id = "container.no-gpu/engine",
  title = "the engine finds no GPU in its container and computes on the CPU",
  rival = {cause = "host.no-gpu", decides = "whether nvidia-smi shows a GPU on the host"},
  from = {"engine"},
  signatures = SEEN_NONE,
  context = NONE_CONTEXT,
  unless = {"found", "known"},
  facts = {"system.container.runtime", "driver.version", "driver.devices"},
  when = function(f, log) return found_none(f, log, true) end,
  why = ON_CPU,
  fixes = {{container = "gpus", say = "Where it is to use one: start the container with the GPU."},
    {setting = "toolkit", kind = "apt:nvidia-container-toolkit", say = "If it was: the host's engine needs NVIDIA's "
      .. "container toolkit for that."}},
  doc = {looks = "msg=\"no compatible GPUs were discovered\"; msg=\"inference compute\" library=cpu.",
    check = "nvidia-smi inside the container."},
}

rule {
  id = "host.no-gpu/engine",
  title = "the engine finds no GPU and computes on the CPU",
  rival = {cause = "driver.not-loaded", decides = "whether nvidia-smi lists a GPU"},
  from = {"engine"},
  signatures = SEEN_NONE,
  context = NONE_CONTEXT,
  unless = {"found", "known"},
  facts = {"driver.version", "pci.gpus"},
  when = function(f, log) return found_none(f, log, false) end,
  why = ON_CPU,
  fixes = {{hardware = true, say = "Run it on a machine with a GPU that it knows, where it is to use one."},
    {driver = "load", say = "If one is built in and nvidia-smi does not list it: load its driver, or install it."}},
  doc = {looks = "msg=\"no compatible GPUs were discovered\"; msg=\"inference compute\" library=cpu.",
    check = "nvidia-smi; lspci."},
}
