-- Modes of a GPU that keep a process away from it: exclusive, prohibited, MIG.

rule {
  id = "gpu.exclusive-mode",
  from = {"native"},
  anyone = {busy = "code"},
  signatures = {busy = any{codes"gpu.exclusive-mode", [[all CUDA-capable devices are busy or unavailable]]}},
  facts = {"gpus.0.compute_mode", "gpus.0.processes"},
  when = function(f)
    local exclusive = tostring(f"gpus.0.compute_mode"):match[[^exclusive]]
    local default = {setting = "compute-mode", say = "Or set the compute mode back to default, so that several "
      .. "processes may share the GPU."}
    return {confidence = 0.82, fixes = {{free = "gpu", say = "End the process that holds the GPU."}, default,
        {set = {CUDA_VISIBLE_DEVICES = "1"}, say = "Or use another GPU.",
          cond = function(facts) return #facts.gpus() > 1 end}},
      why = {"The GPU refuses another process: its compute mode is exclusive and somebody holds it, or a process "
        .. "on it is stuck.",
        exclusive and "The compute mode is {fact:gpus.0.compute_mode}." or nil}}
  end,
  check = function(f)
    for _, gpu in ipairs(f.gpus()) do
      if gpu.compute_mode == "prohibited" then
        local i = gpu.index or 0
        return {confidence = 0.9, why = ("GPU %d takes no compute process: its compute mode is prohibited."):format(i),
          evidence = {("gpus.%d.compute_mode"):format(i)},
          fixes = {{setting = "compute-mode", index = i, say = "Set the compute mode back to default.",
            effect = {[("gpus.%d.compute_mode"):format(i)] = "default"}}}}
      end
    end
  end,
  doc = {looks = "'all CUDA-capable devices are busy or unavailable'.",
    check = "Compute mode and processes in nvidia-smi."},
}

-- UUID of the first MIG instance that NVML shows
local function first_instance(f)
  for _, gpu in ipairs(f.gpus()) do
    local one = type(gpu.mig_devices) == "table" and gpu.mig_devices[1]
    if type(one) == "table" and type(one.uuid) == "string" then return one.uuid end
  end
end

rule {
  id = "gpu.mig-no-instance",
  from = {"driver", "torch", "native", "container", "engine"},
  signatures = {
    index = [[device >= 0 && device < num_gpus]],
    no_device = [[(?:No CUDA GPUs are available|no CUDA-capable device is detected)]],
    mig = [[(?:\bMIG (?:mode is )?enabled[^\n]{0,80}(?:no|without) (?:MIG )?(?:devices|instances)|]]
      .. [[No MIG devices found|]]
      .. [[\bMIG device[^\n]{0,40}not found|Invalid MIG\b)]],
  },
  facts = {"gpus.0.mig"},
  specific_over = {"visible-devices.wrong", "container.no-gpu"},
  when = function(f, log)
    local name = f"gpus.0.name" or ""
    if not (log.mig or f"gpus.0.mig" == true or name:match[[\bMIG\b]]) then return nil end
    local uuid, instance = first_instance(f), name:match[[\bMIG\b]]
    local off = {setting = "no-mig", say = "Switch MIG off when no program uses the GPU."}
    local make = {setting = "mig-instance", say = "Or make one instance of the whole GPU."}
    local by_name = {host = true, kind = "env:CUDA_VISIBLE_DEVICES",
      say = "Name an instance by its UUID, as nvidia-smi -L lists it, in CUDA_VISIBLE_DEVICES; its index is then 0."}
    local select = uuid and {set = {CUDA_VISIBLE_DEVICES = uuid}, say = "Select an instance by its UUID."}
    return {confidence = 0.88, fixes = select and {select, off} or instance and {by_name, off} or {off, make, by_name},
      why = (uuid or instance) and "MIG mode is on: CUDA shows a process one instance, which CUDA_VISIBLE_DEVICES "
        .. "names by its UUID."
        or "MIG mode is on, and no instance exists or is selected."}
  end,
  doc = {looks = "No CUDA device although the card is there, with MIG enabled.", check = "nvidia-smi -L."},
}
