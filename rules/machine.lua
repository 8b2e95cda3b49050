-- What the driver and the GPUs answer when they are asked, before any worker is: calls that hang, crash or fail, GPUs
-- that are
-- lost, full or held. Each follows from an answer (or the want of one) that stands in the facts.

local function gib(bytes)
  return ("%.1f GiB"):format(bytes / (1 << 30))
end

-- the GPUs that NVML itself showed
local function nvml_gpus(f)
  local out = {}
  for _, gpu in ipairs(f.gpus()) do
    if gpu.seen_by == "nvml" or gpu.seen_by == nil and (gpu.vendor or "nvidia") == "nvidia" then out[#out + 1] = gpu end
  end
  return out
end

local function name_of(gpu)
  return ("GPU %s%s"):format(tostring(gpu.index or 0), gpu.name and " (" .. gpu.name .. ")" or "")
end

-- "timeout in nvmlInit: no answer within 5000 ms": the call, and how long it was waited for
local function silent_call(f, kind)
  for _, probe in ipairs{"driver", "gpus", "cuda_driver"} do
    local text = f.miss(probe, kind)
    local call = text and text:match[[^(?:timeout|crash) in ([^:]+)]]
    if call then return call, text, probe end
  end
end

local function has_device(f, wanted)
  for _, path in ipairs(list(f"driver.devices")) do
    if path == wanted then return true end
  end
  return false
end

rule {
  id = "driver.hang",
  explains = {"torch.cpu-build", "bnb.cpu-only", "driver.unknown-error", "driver.not-loaded", "container.no-gpu"},
  check = function(f)
    local call, text, probe = silent_call(f, "timeout")
    if not call or not call:match[[^(?:nvml|cu[A-Z])]] then return nil end
    local fixes = {
      {restart = true,
        say = "Reboot the host (in a rented container: move to another host); a call that is stuck in the driver "
          .. "cannot be ended."},
      {hardware = true,
        say = "If it comes back: look for Xid and NVRM lines of the kernel, and take that GPU out of service."},
    }
    if f"gpus.0.persistence" == false and #f.gpus() > 1 then
      table.insert(fixes, 1, {setting = "persistence",
        say = "Keep the GPUs initialised: without persistence mode every start of CUDA brings all of them up, which "
          .. "takes seconds each."})
    end
    return {confidence = 0.85,
      why = ("%s did not come back (%s): every program that starts on the GPU waits there too."):format(call,
        text:match[[: (.*)$]] or text),
      evidence = {{fact = "errors", value = ("%s: %s"):format(probe, text), label = "Not answered"}}, fixes = fixes}
  end,
  doc = {looks = "nvidia-smi and every CUDA program hang at their start, without a message.",
    check = "errors in the report: timeout in nvmlInit or cuInit; the kernel's Xid lines."},
}

rule {
  id = "driver.unknown-error/crash",
  title = "the driver's own library crashes when it is called",
  check = function(f)
    local call, text, probe = silent_call(f, "crash")
    if not call or not call:match[[^(?:nvml|cu[A-Z])]] then return nil end
    return {confidence = 0.85, why = ("The driver's own library crashed in %s (%s)."):format(call, text:match[[: (.*)$]]
      or text), evidence = {{fact = "errors", value = ("%s: %s"):format(probe, text), label = "Crashed"},
      "driver.user_library", "driver.kernel_module"},
      fixes = {
        {driver = "upgrade",
          say = "Install the driver's user libraries again, in the version of the kernel module; in a container, take "
            .. "the image's own copies out."}, {restart = true, say = "Reboot the host."}}}
  end,
}

-- What cuInit answers, and the cause that the code names by itself.
local function init_error(f)
  local code = f"cuda.driver_init.code"
  if type(code) ~= "number" or code == 0 then return nil end
  local known = know.error("cuda", code)
  return code, f"cuda.driver_init.text" or known and known.words or "a code without words", known and known.cause
end

-- Causes with a check of their own.
local spoken = {}
for _, cause in ipairs{"cuda.stub-loaded", "driver.fabric-manager", "driver.library-mismatch", "driver.forward-compat",
  "gpu.mps", "gpu.vgpu", "torch.driver-too-old"} do spoken[cause] = true end

for _, one in ipairs{
  {"gpu.mps", {restart = "mps", say = "Start MPS anew on the host; a container needs its folder and the host's shared "
    .. "memory."}},
  {"gpu.vgpu", {setting = "gridd", say = "Give this virtual GPU its licence: start the service that fetches it, and "
    .. "look at what it says."}},
  {"torch.driver-too-old", {driver = "upgrade", say = "Upgrade the driver to one that runs this CUDA."}},
} do
  rule {
    id = one[1] .. "/init",
    explains = {"driver.unknown-error", "torch.cpu-build", "bnb.cpu-only"},
    check = function(f)
      local code, text, cause = init_error(f)
      if cause ~= one[1] then return nil end
      return {confidence = 0.85, why = ("cuInit answers %d (%s): no program starts on the GPU."):format(code, text),
        evidence = {"cuda.driver_init.code", "cuda.driver_init.name", "driver.version"}, fixes = {one[2]}}
    end,
  }
end

local function reload(f)
  local effect = {["cuda.driver_init.code"] = 0}
  if f"system.container.runtime" then
    return {restart = true, effect = effect,
      say = "Restart the container; if it stays, reload nvidia_uvm on the host, or reboot it (this stops every "
        .. "program on its GPUs)."}
  end
  return {restart = "uvm", effect = effect, say = "Reload the module when no program uses a GPU, or reboot the host."}
end

-- CUDA_VISIBLE_DEVICES and MIG have rules of their own
local function hidden(f)
  if f.env"CUDA_VISIBLE_DEVICES" then return true end
  for _, gpu in ipairs(nvml_gpus(f)) do
    if gpu.mig ~= true then return false end
  end
  return #nvml_gpus(f) > 0
end

rule {
  id = "driver.unknown-error/init",
  check = function(f)
    local code, text, cause = init_error(f)
    local n, none = #nvml_gpus(f), code == 100 or code == 101 or code == 3
    if not code or spoken[cause] or f"driver.error" or n == 0 and none then return nil end
    local modes = 0
    for _, gpu in ipairs(nvml_gpus(f)) do modes = modes + (gpu.compute_mode and gpu.compute_mode ~= "default" and 1
      or 0) end
    if code == 46 and modes > 0 or (code == 100 or code == 101) and hidden(f) then return nil end
    local devices = f"driver.devices"
    local fixes, why = {}, {("cuInit answers %d (%s)%s."):format(code, text,
      n > 0 and (", and NVML lists %d %s"):format(n, n == 1 and "GPU" or "GPUs") or "")}
    if devices and not has_device(f, "/dev/nvidia-uvm") and not has_device(f, "/dev/dxg") then
      why[2] = "/dev/nvidia-uvm is not there; CUDA needs it and NVML does not."
      fixes[1] = f"system.container.runtime" and {host = true, kind = "container-flag:device",
        say = "Make the node on the host (nvidia-modprobe -u -c=0) and start the container again with it."}
        or {setting = "uvm-node", say = "Load the module and make its device node."}
    end
    fixes[#fixes + 1] = reload(f)
    fixes[#fixes + 1] = {driver = "upgrade",
      say = "If it comes back, look at the kernel's NVRM and Xid lines, and reinstall or upgrade the driver."}
    return {confidence = 0.82, why = why, title = ("CUDA does not start: cuInit answers %d (%s)"):format(code, text),
      evidence = {"cuda.driver_init.code", "cuda.driver_init.name", "driver.version", "driver.devices"},
      fixes = fixes}
  end,
  doc = {looks = "torch.cuda.is_available() is False although nvidia-smi lists the GPUs.",
    check = "cuda.driver_init in the report: what cuInit itself answers."},
}

rule {
  id = "container.no-gpu/nvml",
  explains = {"torch.cpu-build", "bnb.cpu-only", "host.no-gpu"},
  check = function(f)
    local runtime, code, module = f"system.container.runtime", f"driver.error.code", f"driver.kernel_module"
    if not runtime then return nil end
    local why
    if code == 9 and module then
      why = ("The host's kernel module %s is loaded, and in this container NVML answers 9 (driver not loaded): the "
        .. "GPU was not passed in."):format(module)
    elseif f"driver.gpu_count" == 0 and f"driver.version" and f"gpus.0.vendor" ~= "amd" then
      why = ("The driver %s answers in this container and lists no GPU: none was passed in."):format(f"driver.version")
    end
    if not why then return nil end
    return {confidence = 0.85, why = {why, "NVIDIA_VISIBLE_DEVICES is {fact:env.NVIDIA_VISIBLE_DEVICES}."},
      evidence = {"driver.error", "driver.gpu_count", "driver.devices"},
      fixes = {{container = "gpus", say = "Start the container with the GPU."},
        {host = true, kind = "env:NVIDIA_VISIBLE_DEVICES",
          say = "Check that NVIDIA_VISIBLE_DEVICES is neither empty, 'void' nor 'none'."}}}
  end,
}

rule {
  id = "driver.not-loaded/nvml",
  explains = {"torch.cpu-build", "bnb.cpu-only", "host.no-gpu", "container.no-gpu"},
  check = function(f)
    if f"driver.error.code" ~= 9 or f"system.container.runtime" and f"driver.kernel_module" then return nil end
    local host = f"system.container.runtime" and " on the host" or ""
    return {confidence = 0.9,
      why = {"NVML answers 9, driver not loaded: the user libraries are there and the kernel module is not loaded"
        .. host .. "."}, evidence = {"driver.error", "driver.user_library"},
      fixes = {
        {driver = "load",
          say = ("Load the kernel module%s; if it cannot be found, build it for the running kernel."):format(host)},
          {restart = true, say = "Or reboot into the kernel that it was built for."}}}
  end,
}

rule {
  id = "container.gpu-lost/nvml",
  explains = {"torch.cpu-build", "bnb.cpu-only"},
  check = function(f)
    if not f"system.container.runtime" or f"driver.error.code" ~= 4 then return nil end
    return {confidence = 0.82,
      why = "NVML answers 4 (insufficient permissions): this container may not use the GPU's device nodes, as after a "
        .. "daemon-reload on the host or without a device rule.",
      evidence = {"driver.error", "driver.devices"},
      fixes = {{restart = true, say = "Make the container anew (a restart of the same one keeps its device rules)."},
        {host = true, kind = "container-flag:device",
          say = "Pass the device nodes explicitly (--device /dev/nvidiactl, nvidia-uvm, nvidia0), so that they "
            .. "outlive a reload of the host's service manager."}}}
  end,
}

-- What nvmlInit answers, where no rule of its own speaks of the code. CUDA may still work.
rule {
  id = "driver.unknown-error/nvml",
  check = function(f)
    local code = f"driver.error.code"
    if type(code) ~= "number" or code == 4 or code == 9 or code == 18 then return nil end
    local words, cuda = f"driver.error.text" or "a code without words", f"cuda.driver_init.code"
    return {confidence = 0.8, severity = cuda == 0 and "warning" or nil,
      title = ("the driver's library for management does not start: NVML answers %d (%s)"):format(code, words),
      why = {("nvmlInit answers %d (%s): nvidia-smi, and what asks it for GPUs, fails too."):format(code, words),
        cuda == 0 and "CUDA itself starts." or nil},
      evidence = {"driver.error", "driver.user_library", "driver.kernel_module", "driver.devices"},
      fixes = {
        f"system.container.runtime" and {restart = true,
          say = "Make the container anew (a restart of the same one keeps what was mounted into it)."}
          or {driver = "match", say = "Install the driver anew, its libraries and its module of one version."},
        {restart = "host", say = "If it stays: reboot the host, and look at the kernel's NVRM and Xid lines."}}}
  end,
  doc = {looks = "nvidia-smi: Failed to initialize NVML: ...", check = "driver.error in the report."},
}

rule {
  id = "gpu.permission",
  explains = {"torch.cpu-build", "bnb.cpu-only"},
  check = function(f)
    local denied = list(f"driver.devices_denied")
    local card
    for _, path in ipairs(denied) do card = card or type(path) == "string"
      and path:match[[^/dev/nvidia(?:\d+|ctl|-uvm)$]] end
    if f"system.container.runtime" or not (f"driver.error.code" == 4 or card and f"cuda.driver_init.code" ~= 0) then
      return nil
    end
    return {confidence = 0.85, why = card and ("This user may not read and write %s."):format(card)
      or "NVML answers 4 (insufficient permissions): this user may not use the driver.",
      evidence = {"driver.error", "driver.devices_denied"},
      fixes = {
        {setting = "gpu-group",
          say = "Let the user use the nodes: add it to the group that owns them (ls -l /dev/nvidia*), and log in "
            .. "again."}}}
  end,
  doc = {looks = "nvidia-smi works for root and says 'Insufficient Permissions' to the worker's user.",
    check = "ls -l /dev/nvidia*; the groups of the worker's user."},
}

rule {
  id = "gpu.fallen-off/nvml",
  title = "a GPU is lost: it has fallen off the bus",
  explains = {"driver.unknown-error", "torch.cpu-build", "bnb.cpu-only", "container.gpu-lost", "nccl.init"},
  check = function(f)
    local lost, said = {}, nil
    for _, gpu in ipairs(f.gpus()) do
      if list(gpu.error).code == 15 then
        lost[#lost + 1], said = tostring(gpu.index or #lost), said or gpu.error.text
      end
    end
    if #lost == 0 then return nil end
    local n = #f.gpus()
    return {confidence = 0.92,
      why = ("NVML says of GPU %s: %s (error 15). %d of %d GPUs %s lost."):format(table.concat(lost, ", "),
        tostring(said), #lost, n, #lost == 1 and "is" or "are"),
      evidence = {("gpus.%s.error"):format(lost[1])},
      fixes = {
        {hardware = true,
          say = "Take the host out of service: reseat the card, check its power and cooling; use another "
            .. "host for now."}, {restart = true, say = "A cold restart of the host may bring it back."},
               n > #lost and {host = true, kind = "env:CUDA_VISIBLE_DEVICES",
                 say = "Until then use the GPUs that still answer, by their UUID (nvidia-smi -L)."} or nil}}
  end,
}

-- A GPU that NVML lists and that answers with an error; a container may see some of which it may use none (4).
rule {
  id = "driver.unknown-error/gpu",
  check = function(f)
    local failing, first = {}, nil
    for _, gpu in ipairs(f.gpus()) do
      local code = list(gpu.error).code
      if type(code) == "number" and code ~= 15 and code ~= 4 then
        failing[#failing + 1], first = tostring(gpu.index or #failing), first or gpu
      end
    end
    if not first then return nil end
    local n, said = #f.gpus(), first.error
    return {confidence = 0.8, title = ("a GPU does not answer: NVML says %d (%s) of it"):format(said.code, said.text),
      why = ("NVML says of GPU %s: %s (error %d). %d of %d GPUs %s so."):format(table.concat(failing, ", "), said.text,
        said.code, #failing, n, #failing == 1 and "answers" or "answer"),
      evidence = {("gpus.%s.error"):format(failing[1])},
      fixes = {{setting = "reset", index = tonumber(failing[1]), say = "Reset that GPU when no program uses it."},
        {restart = "host", say = "If it stays: reboot the host, and look at the kernel's NVRM and Xid lines."},
        n > #failing and {host = true, kind = "env:CUDA_VISIBLE_DEVICES",
          say = "Until then use the GPUs that still answer, by their UUID (nvidia-smi -L)."} or nil}}
  end,
}

rule {
  id = "gpu.fallen-off/missing",
  check = function(f)
    local shown, bus, loaded = f"driver.gpu_count", 0, 0
    -- the bus shows a container the host's
    if f"system.container.runtime" or type(shown) ~= "number" or shown == 0 then return nil end
    for _, gpu in ipairs(list(f"pci.gpus")) do
      if gpu.vendor == "nvidia" then bus, loaded = bus + 1, loaded + (gpu.driver == "nvidia" and 1 or 0) end
    end
    if loaded <= shown then return nil end
    return {confidence = 0.8,
      why = ("The kernel's nvidia driver holds %d of the %d NVIDIA GPUs on the PCI bus, and NVML lists %d: one does "
        .. "not answer any more."):format(loaded, bus, shown), evidence = {"driver.gpu_count"},
      fixes = {
        {hardware = true, say = "Look at what the kernel says of the missing one, then reseat it or check its power."},
        {restart = true, say = "A cold restart of the host may bring it back."}}}
  end,
}

-- GPUs that a worker started here would see, by CUDA_VISIBLE_DEVICES where that holds plain numbers
local function visible(f)
  local all, value = nvml_gpus(f), f.env"CUDA_VISIBLE_DEVICES"
  if type(value) ~= "string" or value == "" then return all end
  local out = {}
  for _, item in ipairs(value:split(",")) do
    local gpu = tonumber(item) and all[tonumber(item) + 1]
    if not gpu then return all end
    out[#out + 1] = gpu
  end
  return out
end

-- The facts are those of a worker that runs, not of one that is to start.
local function worker_runs(f)
  local name = f"process.name"
  return type(name) == "string" and not name:match[[^firstfix]]
end

rule {
  id = "oom.other-process/full",
  check = function(f)
    if worker_runs(f) then return nil end -- the memory is its own
    local gpus = visible(f)
    local worst, holder
    for _, gpu in ipairs(gpus) do
      local total, free = list(gpu.memory).total, list(gpu.memory).free
      if type(total) ~= "number" or type(free) ~= "number" or total == 0 or free * 100 > total * 3 then return nil end
      if not worst or free > worst.memory.free then worst = gpu end
      for _, p in ipairs(list(gpu.processes)) do holder = holder or p.pid and p end
    end
    if not worst then return nil end
    local i = worst.index or 0
    return {confidence = 0.85, why = {("%s has %s of %s free%s."):format(name_of(worst), gib(worst.memory.free),
        gib(worst.memory.total), #gpus > 1 and (", and the other %d have no more"):format(#gpus - 1) or ""),
        holder and ("Process %d (%s) holds %s."):format(holder.pid, holder.name or "?", holder.used and gib(holder.used)
          or "memory there") or "Which process holds it is not shown here (a container does not see those of others)."},
      evidence = {{fact = ("gpus.%d.memory.free"):format(i), value = gib(worst.memory.free)},
        {fact = ("gpus.%d.memory.total"):format(i), value = gib(worst.memory.total)}},
      fixes = {{free = "gpu", pid = holder and holder.pid,
        say = "End the process that holds it, if it is not the worker that shall run."},
        {host = true, kind = "env:CUDA_VISIBLE_DEVICES", say = "Or use another GPU."}}}
  end,
}

-- A program takes the first GPU where nobody tells it another one.
rule {
  id = "oom.other-process/first",
  severity = "warning",
  check = function(f)
    local gpus, best = nvml_gpus(f), nil
    if worker_runs(f) or #gpus < 2 or f.env"CUDA_VISIBLE_DEVICES" ~= false then return nil end
    for i, gpu in ipairs(gpus) do
      local total, free = list(gpu.memory).total, list(gpu.memory).free
      if type(total) ~= "number" or type(free) ~= "number" or total == 0 or gpu.mig == true then return nil end
      if i == 1 and free * 100 > total * 3 then return nil end
      if i > 1 and free * 2 > total and (not best or free > best.memory.free) then best = gpu end
    end
    if not best or not best.index then return nil end
    local full = gpus[1]
    return {confidence = 0.75, title = "the GPU that a program takes first is full, and others are not",
      why = ("%s has %s of %s free, and a program takes it first; %s has %s free."):format(name_of(full),
        gib(full.memory.free), gib(full.memory.total), name_of(best), gib(best.memory.free)),
      evidence = {{fact = ("gpus.%d.memory.free"):format(full.index or 0), value = gib(full.memory.free)},
        {fact = ("gpus.%d.memory.free"):format(best.index), value = gib(best.memory.free)}},
      fixes = {{set = {CUDA_VISIBLE_DEVICES = tostring(best.index)}, say = "Start the worker on a GPU with room."}}}
  end,
}

rule {
  id = "gpu.exclusive-mode/held",
  explains = {"driver.unknown-error"},
  check = function(f)
    local gpus = visible(f)
    if #gpus == 0 or worker_runs(f) then return nil end
    local held, busy = nil, f"cuda.driver_init.code" == 46
    for _, gpu in ipairs(gpus) do
      if gpu.compute_mode ~= "exclusive-process" and gpu.compute_mode ~= "exclusive_process" then return nil end
      local p = list(gpu.processes)[1]
      if not p and not busy then return nil end
      held = held or p
    end
    return {confidence = 0.85, why = {("The compute mode of %s is exclusive: one process at a time."):format(#gpus == 1
        and name_of(gpus[1]) or "all visible GPUs"),
        held and held.pid and ("Process %d (%s) holds it."):format(held.pid, held.name or "?")
          or busy and "cuInit answers 46: another process holds it." or nil},
      evidence = {"gpus.0.compute_mode", "cuda.driver_init.code"},
      fixes = {{free = "gpu", pid = held and held.pid, say = "End the process that holds the GPU."},
        {setting = "compute-mode", say = "Or set the compute mode back to default."}}}
  end,
}

rule {
  id = "gpu.mig-no-instance/all",
  explains = {"container.no-gpu", "driver.unknown-error", "host.no-gpu", "visible-devices.wrong", "torch.cpu-build"},
  check = function(f)
    local gpus = nvml_gpus(f)
    if #gpus == 0 or f"cuda.devices.0" then return nil end
    for _, gpu in ipairs(gpus) do
      if gpu.mig ~= true or type(gpu.mig_devices) ~= "table" or gpu.mig_devices[1] then return nil end
    end
    return {confidence = 0.88,
      why = {("MIG mode is on, and %s no instance: CUDA has no device to offer."):format(#gpus == 1 and "the GPU has"
        or ("all %d GPUs have"):format(#gpus)), f"cuda.driver_init.code" == 100 and "cuInit answers 100 (no device)."
        or nil},
      evidence = {"gpus.0.mig", "gpus.0.mig_devices", "cuda.driver_init.code"},
      fixes = {
        {setting = "no-mig",
          say = "Switch MIG off (when no program uses the GPU), or make an instance (nvidia-smi mig -lgip lists the "
            .. "profiles)."}}}
  end,
}

-- Packages that are of no use without an NVIDIA GPU: who installs one means to use it.
local gpu_only = {"vllm", "sglang", "sgl-kernel", "lmdeploy", "flash-attn", "tensorrt-llm", "exllamav2", "exllamav3",
  "auto-gptq", "autoawq", "gptqmodel", "deep-gemm", "flashinfer-python", "flashinfer", "onnxruntime-gpu",
  "bitsandbytes"}

-- Releases that work on processors too, in their own words: they show no intention.
local runs_without = {bitsandbytes = ">=0.48"}

local passed = {container = "gpus", say = "On a host with a GPU: start the container with it."}
local elsewhere = {hardware = true, say = "Run on a machine with an NVIDIA GPU and its driver."}

-- Who means to use a GPU here, and by what it is known. A CUDA build of torch alone says nothing: it is what pip
-- installs everywhere, and a script that asks whether there is a GPU, or names the CPU too, goes on without one.
local function gpu_user(f)
  for _, package in ipairs(gpu_only) do
    local found, anywhere = f.pkg(package), runs_without[package]
    if found and not (anywhere and version.matches(found, anywhere)) then
      return ("%s %s"):format(package, found), " needs an NVIDIA GPU"
    end
  end
  local scripts = list(f"workdir.scripts")
  for _, script in ipairs(#scripts <= 3 and scripts or {}) do
    local asks = {}
    for _, ask in ipairs(list(script.asks)) do asks[ask] = true end
    if asks.cuda and not asks.is_available and not asks.cpu then
      return script.file, " puts its work on CUDA without asking whether there is a GPU",
        {fact = "workdir.scripts", value = script.file}
    end
  end
  local visible = f.env"CUDA_VISIBLE_DEVICES"
  if type(visible) == "string" and visible:match[[^(?:\d+|GPU-|MIG-)]] then
    return "CUDA_VISIBLE_DEVICES", " names a GPU", "env.CUDA_VISIBLE_DEVICES"
  end
end

rule {
  id = "host.no-gpu/driver",
  severity = "warning",
  explains = {"bnb.cpu-only"},
  check = function(f)
    if not f"torch.cuda" or f"driver.version" or f"driver.error" or f"driver.user_library" or f"driver.kernel_module"
      or f"gpus.0" or f"pci.gpus.0" or f"cuda.driver_version" then
      return nil
    end
    -- looked for, and not there
    if not f.miss("driver", "missing") or not f.miss("cuda_driver", "missing") then return nil end
    local user, wants, evidence = gpu_user(f)
    if not user then return nil end
    local container = f"system.container.runtime"
    return {confidence = 0.75,
      why = {user .. wants .. ", and no driver, no device and no GPU is visible here.",
        "torch is built for CUDA {fact:torch.cuda}; torch.cuda.is_available() is False.",
        container and ("This is a container (%s): on a host with a GPU it was started without it."):format(container)
          or nil},
      evidence = {{fact = "errors", value = "driver: " .. f.miss("driver", "missing"), label = "No driver"}, evidence},
      fixes = container and {passed, elsewhere} or {elsewhere}}
  end,
}
