-- Modes of a GPU that keep a process away from it: exclusive, prohibited, MIG, an NVSwitch fabric that is not up.

rule {
  id = "gpu.exclusive-mode",
  from = {"native"},
  anyone = {busy = "code"},
  signatures = {busy = any{codes"gpu.exclusive-mode", [[all CUDA-capable devices are busy or unavailable]]}},
  context = {unlicensed = [[License Status +: Unlicensed|Valid GRID license not found]]},
  unless = {"unlicensed"}, -- gpu.vgpu
  facts = {"gpus.0.compute_mode", "gpus.0.processes"},
  when = function(f)
    local exclusive = tostring(f"gpus.0.compute_mode"):match[[^exclusive]]
    local default = {setting = "compute-mode", say = "Set the compute mode back to default, so that several "
      .. "processes may share the GPU."}
    local ended = {free = "gpu", listed = true, say = "End the process that holds the GPU."}
    local known = f"gpus.0.processes.0" -- whom to end; else the mode is what one can change unseen
    return {confidence = 0.82, fixes = {known and ended or default, known and default or ended,
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
    ordinal = [[invalid device ordinal]],
    no_device = [[(?:No CUDA GPUs are available|no CUDA-capable device is detected)]],
    mig = [[(?:\bMIG (?:mode is )?enabled[^\n]{0,80}(?:no|without) (?:MIG )?(?:devices|instances)|]]
      .. [[No MIG devices found|]]
      .. [[\bMIG device[^\n]{0,40}not found|Invalid MIG\b)]],
  },
  context = {
    listed = [[\bMIG \d+g\.\d+gb +Device +\d+: \(UUID: (?<uuid>MIG-[\w/-]+)\)]],
    on = [[^\|[ |]{20,}(?<mode>Enabled) +\|\s*$]], -- the mode's cell in nvidia-smi's table
    none = [[\bNo (?:GPU|compute) instances found: Not Found|No MIG devices found]], -- of nvidia-smi mig -lgi, -lci
  },
  facts = {"gpus.0.mig"},
  specific_over = {"visible-devices.wrong", "container.no-gpu", "launch.too-many-ranks"},
  when = function(f, log)
    local name = f"gpus.0.name" or ""
    local shown = log.listed or log.on or log.none
    if not (log.mig or shown or f"gpus.0.mig" == true or name:match[[\bMIG\b]]) then return nil end
    local uuid, instance = first_instance(f) or log.listed and log.listed.uuid, name:match[[\bMIG\b]]
    if log.on and not uuid then -- which instances there are, if any, only nvidia-smi -L says
      return {evidence = {log.on}, confidence = 0.82, fixes = {
          {setting = "mig-select", kind = "env:CUDA_VISIBLE_DEVICES", say = "Name one instance by its UUID, as "
            .. "nvidia-smi -L lists it; its index is then 0."},
          {setting = "mig-instance", say = "Where it lists none: make one instance of the whole GPU."},
          {setting = "no-mig", say = "Or switch MIG off when no program uses the GPU."}},
        why = "MIG mode is on: CUDA shows a process one instance at most, which CUDA_VISIBLE_DEVICES names by its "
          .. "UUID."}
    end
    local ranks = tonumber(log.setting"tensor_parallel_size" or "")
    if ranks and ranks > 1 then
      return {evidence = {shown}, confidence = 0.86,
        title = "MIG mode is on, and the engine wants more GPUs than one process is shown",
        why = {("The engine splits the model over %d GPUs."):format(ranks),
          "MIG mode is on: CUDA shows a process one instance, however many there are."},
        computed = {{value = ranks, of = {ranks}}},
        fixes = {{flag = "tensor_parallel_size", value = 1, toward = "lower", say = "Run it on one instance."},
          {setting = "no-mig", say = "Or switch MIG off when no program uses the GPU, and use whole GPUs."}}}
    end
    local off = {setting = "no-mig", say = "Switch MIG off when no program uses the GPU."}
    local make = {setting = "mig-instance", say = log.none and "Make one instance of the whole GPU."
      or "Or make one instance of the whole GPU."}
    local by_name = {setting = "mig-select", kind = "env:CUDA_VISIBLE_DEVICES",
      say = "Name an instance by its UUID, as nvidia-smi -L lists it, in CUDA_VISIBLE_DEVICES; its index is then 0."}
    local select = uuid and {set = {CUDA_VISIBLE_DEVICES = uuid}, say = "Select an instance by its UUID."}
    return {evidence = {shown}, confidence = 0.88,
      fixes = select and {select, off} or instance and {by_name, off} or log.none and {make, off}
        or {off, make, by_name},
      why = (uuid or instance) and "MIG mode is on: CUDA shows a process one instance, which CUDA_VISIBLE_DEVICES "
        .. "names by its UUID."
        or "MIG mode is on, and no instance exists or is selected."}
  end,
  doc = {looks = "No CUDA device although the card is there, with MIG enabled.", check = "nvidia-smi -L."},
}

-- What the codes of the service mean to who meets them.
local MPS = {
  {words = [[(?i)max_?clients|MPS client have been exhausted]], full = "as many processes use the GPU through it as "
    .. "it takes (48 from Volta on, 16 before)"},
  {words = [[(?i)max_?connections|device connections have been exhausted]], full = "no connection to the GPU is left "
    .. "for another process"},
  {words = [[(?i)terminated]], died = "the server ended this process: a fault of one client takes the others along"},
  {words = [[(?i)rpc_?failure|procedural call]], died = "its server broke off in the middle of a call"},
}

local function mps_said(text)
  for _, row in ipairs(MPS) do
    if text:match(row.words) then return row end
  end
  return {}
end

rule {
  id = "gpu.mps",
  lasts = "start",
  title = "CUDA's Multi-Process Service (MPS) does not serve this process",
  from = {"native"},
  anyone = "code",
  signatures = {code = codes"gpu.mps"},
  facts = {"env.CUDA_MPS_PIPE_DIRECTORY"},
  explains = {"vllm.engine-died", "driver.unknown-error"},
  confidence = 0.86,
  when = function(f, log)
    local said = mps_said(log.code.text)
    if said.full then
      return {why = "The GPU is shared through MPS, and " .. said.full .. ".",
        fixes = {{code = true, kind = "os", say = "Start fewer worker processes on that GPU, or end those that are "
            .. "left over."},
          {restart = "mps", say = "If nothing uses the GPU any more: start MPS anew."}}}
    end
    local inside = f"system.container.runtime"
    local share = {container = "ipc", say = "Give the container the host's shared memory, and the folder of MPS: "
      .. "-v /tmp/nvidia-mps:/tmp/nvidia-mps.", cond = function() return inside ~= nil and inside ~= false end}
    local again = {restart = "mps", say = "Start MPS anew on the host."}
    return {why = {said.died and "The GPU is shared through MPS, and " .. said.died .. "."
        or "The process was told to use the GPU through MPS, and reaches no MPS daemon.",
        said.died and "" or "Its pipes are looked for in {fact:env.CUDA_MPS_PIPE_DIRECTORY}."},
      fixes = said.died and {again, share} or {share, again}}
  end,
  doc = {looks = "CUDA error: MPS client failed to connect to the MPS control daemon or the MPS server (805); "
    .. "cudaErrorMpsMaxClientsReached.", check = "ps -e | grep mps; /var/log/nvidia-mps/control.log and server.log."},
}

local function fabric_fixes(f, log)
  local said = log and log.versions
  local driver = f"driver.version" or said and (said.driver or said.driver2)
  return {
    {setting = driver and "fabricmanager" or "fabricmanager-here", need = driver or nil,
      kind = "apt:nvidia-fabricmanager",
      say = "Install nvidia-fabricmanager in exactly the driver's version on the host, and start it."},
    {restart = "fabricmanager", say = "If it is installed in that version: restart it, with no program on the GPUs."}}
end

rule {
  id = "driver.fabric-manager",
  lasts = "start",
  from = {"driver", "system", "native"},
  anyone = {code = "code"},
  signatures = {
    code = codes"driver.fabric-manager",
    config = [[fabric manager config file item: (?<item>\w+) has an invalid value]],
    service = [[(?:nvidia-fabricmanager|fabric ?manager)[^\n]{0,120}(?:failed|not running|inactive|mismatch|]]
      .. [[error|version)]],
    nvswitch_counting = [[Unexpected error from cudaGetDeviceCount\(\)\. Did you run some cuda functions ]]
      .. [[before calling ]]
      .. [[NumCudaDevices\(\)(?: that might have already set an error\?)?(?! Error \d)]],
  },
  context = {nothing = [[NV_WARN_NOTHING_TO_DO]], young = [[(?:NVL5\+|\bB100\b|\bB200\b|\bB300\b|GB200)]],
    versions = [[(?:with (?:the )?driver version (?<driver>\d{3}\.[\d.]*\d)|]]
      .. [[Driver Version: (?<driver2>\d{3}\.[\d.]*\d))]],
    desktop = [[\| +\d+ +(?:NVIDIA )?(?:GeForce|TITAN|Quadro|RTX)\b]],
    server = [[\b(?:A100|A800|H100|H800|H200|H20|B200|B300|GB200|V100)\b]],
    other_code = [[NumCudaDevices\(\)[^\n]*Error (?<code>\d+)]]},
  facts = {"gpus.0.name", "driver.version"},
  explains = {"torch.cpu-build", "bnb.cpu-only", "visible-devices.wrong", "driver.unknown-error", "host.no-gpu",
    "container.no-gpu"},
  when = function(f, log)
    local hit = log.code or log.config or log.service
    if log.nothing and not log.code then
      if log.young then
        return {hit = log.service or log.nothing, confidence = 0.78, evidence = {log.nothing},
          why = "The fabric manager found no NVSwitch to set up: from B200 on the switches are set up through nvlsm, "
            .. "which has to run beside it.",
          fixes = {{host = true, kind = "apt:nvidia-fabricmanager", say = "Install nvlsm of the driver's release "
            .. "on the "
            .. "host (NVIDIA's package repository has it), and start nvidia-fabricmanager anew."}}}
      end
      return {hit = log.service or log.nothing, confidence = 0.8, evidence = {log.nothing}, severity = "warning",
        title = "a machine without NVSwitch needs no fabric manager",
        why = "The driver shows the fabric manager no NVSwitch, so it has nothing to do and ends: on machines without "
          .. "one it is not needed, and CUDA works without it.",
        fixes = {{setting = "no-fabricmanager", kind = "restart", say = "Leave the service off."}}}
    end
    if hit and hit == log.service and log.desktop and not (log.server or log.code or log.nothing) then
      return {hit = hit, confidence = 0.82, evidence = {log.desktop}, severity = "warning",
        title = "a machine without NVSwitch needs no fabric manager",
        why = "The GPUs of this machine are of a kind that no NVSwitch connects, so the fabric manager finds nothing "
          .. "to manage and ends: CUDA works without it.",
        fixes = {{setting = "no-fabricmanager", kind = "restart", say = "Leave the service off."}}}
    end
    if hit and hit == log.config then
      return {hit = hit, confidence = 0.86, fixes = fabric_fixes(f, log), why = {"The fabric manager does not take its "
        .. "configuration: the item {item} is that of another release of it."}}
    end
    if not hit then
      local code = log.other_code and log.other_code.code
      if code and code ~= "802" then return nil end
      local names = {}
      for _, gpu in ipairs(f.gpus()) do names[#names + 1] = gpu.name end
      local name = names[1] or ""
      if #names < 4 and not code or not name:match[[A100|A800|H100|H800|H200|H20|B200|B100|GB200|V100]] then
        return nil end
      return {hit = log.nvswitch_counting, confidence = 0.75, fixes = fabric_fixes(f, log),
        why = "CUDA does not come up on a machine with several GPUs of a kind that NVSwitches connect: mostly the "
          .. "fabric manager is not running, or of another version than the driver."}
    end
    return {hit = hit, confidence = 0.93, fixes = fabric_fixes(f, log),
      why = {hit == log.service and "The fabric manager, without which CUDA does not start on machines with "
        .. "NVSwitch, does not run as it should."
          or "Error 802: on machines with NVSwitch, CUDA waits for nvidia-fabricmanager, which is not running or "
            .. "not of the driver's version.",
        "The driver is {fact:driver.version}."}}
  end,
  check = function(f)
    if f"cuda.driver_init.code" ~= 802 then return nil end
    return {confidence = 0.9, evidence = {"cuda.driver_init"}, fixes = fabric_fixes(f),
      why = {"cuInit answers 802, system not yet initialized: the NVSwitch fabric is not up, since the fabric "
        .. "manager does not run or is not the driver's version.",
        "Driver {fact:driver.version}."}}
  end,
  doc = {looks = "Error 802: system not yet initialized.", check = "systemctl status nvidia-fabricmanager; its "
    .. "version against the driver's."},
}

-- ---- parts of a card that a hypervisor hands out ----

rule {
  id = "gpu.vgpu",
  from = {"driver", "system", "native", "engine", "framework", "torch"},
  anyone = {busy = "code", code = "code"},
  signatures = {
    busy = any{codes"gpu.exclusive-mode", [[all CUDA-capable devices are busy or unavailable]]},
    code = codes"gpu.vgpu",
    license = [[(?:Valid GRID license not found|GRID license[^\n]{0,40}(?:fail|expired|not acquired)|]]
      .. [[nvidia-gridd[^\n]*(?:Failed to acquire|license[^\n]{0,30}(?:denied|expired)))]],
    board = [[vGPU is supported only on VGX capable boards|vGPU validation of the GPU failed]],
    stream = [[unable to create stream: operation not supported|]]
      .. [[pinned memory pool will not be available: operation not supported]],
  },
  context = {unlicensed = [[License Status +: Unlicensed|Valid GRID license not found]]},
  facts = {"gpus.0.name", "driver.version"},
  specific_over = {"gpu.exclusive-mode"},
  when = function(_, log)
    if log.board then
      return {hit = log.board, confidence = 0.84, title = "this card cannot be divided into vGPUs",
        why = "The vGPU manager of the host refuses the card: it is none of those that NVIDIA's vGPU software divides.",
        fixes = {{hardware = true, say = "Pass the whole card through to one virtual machine, or use a card that "
          .. "NVIDIA lists for vGPU."}}}
    end
    local license = {setting = "gridd", kind = "os", say = "Put a valid client token into "
      .. "/etc/nvidia/ClientConfigToken, then start the licence service anew."}
    if log.code or log.license or log.busy and log.unlicensed then
      return {hit = log.code or log.license or log.busy, evidence = {log.unlicensed}, confidence = 0.84,
        title = "the virtual GPU has no licence", fixes = {license},
        why = "The guest's vGPU driver has no licence: after a while it gives CUDA no more of the GPU."}
    end
    if not log.stream then return nil end
    return {hit = log.stream, confidence = 0.6, evidence = {log.unlicensed},
      title = "CUDA is not fully allowed on this (virtual) GPU",
      why = "The driver answers 'operation not supported' to the plainest calls of CUDA, as on a vGPU without a "
        .. "licence or with a profile that is not made for computing.",
      fixes = {license, {host = true, say = "Or let whoever runs the host choose a profile that allows CUDA (C or Q "
        .. "series), or pass the whole card through."}}}
  end,
  doc = {looks = "vGPU: 'License Status: Unlicensed' and busy devices; 'unable to create stream: operation not "
    .. "supported'.", check = "nvidia-smi -q | grep -A2 -i licen; journalctl -u nvidia-gridd."},
}
