-- The hardware: what the kernel's Xid lines, ECC counters and temperatures say.

-- NVIDIA's catalogue (rules/data/xid.tsv), and the numbers of it that a rule is for.
local catalogue = know.xids()

local function xids(wanted)
  local numbers = {}
  for _, xid in ipairs(catalogue) do
    if wanted(xid) then numbers[#numbers + 1] = xid.number end
  end
  return numbers
end

-- What the driver itself asks for behind an Xid (154), and what NVIDIA's catalogue does.
local reboot = {restart = "host", say = "Reboot the host."}

-- Of the GPU that the line names: "PCI:0000:3b:00" is 0000:3b:00.0 to nvidia-smi.
local function reset_of(hit)
  local place = hit and hit.text:match[=[Xid \((?:PCI:)?([0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2})\)]=]
  return {setting = "reset", kind = "restart", need = place and place .. ".0" or nil,
    say = "Stop the programs on that GPU and reset it."}
end

local function recovery(log)
  local said = log.recovery and log.recovery.recovery or ""
  if said:match[[(?i)reset]] then return reset_of(log.recovery) end
  return said:match[[(?i)reboot]] and reboot or nil
end

local function xid_rule(id, why, fixes, doc, words)
  local numbers = xids(function(xid) return xid.cause == id and xid.action ~= "ignore" end)
  local list = table.concat(numbers, "|")
  rule {
    id = id,
    signatures = {
      words = words,
      xid = ([=[NVRM: Xid \((?<bus>(?:PCI:)?[0-9a-fA-F:.]+)\): (?<number>%s),(?![^\n]*\bNonfatal\b)]=]):format(list),
      -- not in a list of those that somebody looks for, nor where one is explained
      short = ([=[(?<!for )(?<!like )(?<!is )\bXid[ :=]+(?:\(PCI:[^)]*\): )?(?<number2>%s)\b]=]
        .. [=[(?! (?:means|is|are|or|and)\b|[?/]|, ?\d|, \w+ Nonfatal\b)]=]):format(list),
    },
    from = {"driver", "system", "native", "container", "orchestrator"},
    facts = {"gpus.0.name", "xids"},
    explains = {"cuda.launch-failure", "cuda.illegal-access", "nccl.timeout", "nccl.init", "driver.unknown-error",
      "container.gpu-lost", "gpu.app-fault"},
    context = {recovery = [[GPU recovery action changed from [^\n]* to \S+ \((?<recovery>[^)\n]+)\)]],
      loaded = [[NVRM: loading NVIDIA UNIX[^\n]* (?<branch>\d{3})\.\d]]},
    when = function(_, log)
      local first, list = recovery(log), {}
      for i, fix in ipairs(fixes) do list[i] = fix.setting == "reset" and reset_of(log.xid) or fix end
      local branch = log.loaded and tonumber(log.loaded.branch)
      if branch and branch >= 580 and list[1].driver then -- new already: what is newer has to be named
        list[1], list[2] = list[2], {driver = "upgrade", need = tostring(branch + 1), say = list[1].say}
      end
      if not first then return {fixes = list} end
      return {evidence = {log.recovery}, fixes = {first, table.unpack(list)}}
    end,
    confidence = 0.93, why = why, fixes = fixes, doc = doc,
    check = function(f)
      for _, x in ipairs(f"xids" or {}) do
        for _, n in ipairs(numbers) do
          if tostring(x.xid or x.number) == n then return {confidence = 0.85,
            why = {("The kernel reported Xid %s."):format(n), why}, evidence = {"xids"}, fixes = fixes} end
        end
      end
    end,
  }
end

xid_rule("gpu.fallen-off", "The GPU has fallen off the bus: the PCIe link is gone (power, slot, riser, "
  .. "overheating or a defect).",
  {{restart = "host", say = "Restart the host, better cold (power off and on): nothing less brings the link back."},
    {hardware = true, say = "If it comes again, take the host out of service: reseat the card, check power and "
      .. "cooling."}},
  {looks = "Xid 79, 'GPU has fallen off the bus'.", check = "Power cables, temperature, PCIe errors."},
  codes"gpu.fallen-off" .. [[|(?:GPU is lost(?:[.,"]| ?\(|$)|]]
    .. [[RC all channels for critical error 79|fallen off the bus|ERROR_GPU_IS_LOST)]])

rule {
  id = "gpu.fallen-off/handle",
  from = {"driver", "system"},
  signatures = {unable = [[Unable to determine the device handle for GPU[^\n]*: Unknown Error]]},
  facts = {"xids", "system.container.runtime"},
  when = function(f) return not f"system.container.runtime" and {confidence = 0.82} or nil end,
  why = "The driver lists a GPU that does not answer any more: mostly it has fallen off the bus (seat, power, "
    .. "overheating, a defect).",
  fixes = {
    {restart = "host", say = "Restart the host, better cold (power off and on)."},
    {hardware = true, say = "If it comes again, look for Xid 79 in the kernel's log; reseat the card, check its power "
      .. "and cooling."},
  },
  doc = {looks = "'Unable to determine the device handle for GPU 0000:3B:00.0: Unknown Error' on the host.",
    check = "dmesg for NVRM lines; the same words inside a container only: container.gpu-lost."},
}

xid_rule("gpu.ecc",
  "The GPU's memory has uncorrectable errors (double-bit ECC, row remapping or page retirement).",
  {{setting = "reset", kind = "restart", say = "Stop the programs on that GPU and reset it, so that the bad rows are "
      .. "remapped."},
    {hardware = true, say = "Drain this GPU and have it replaced if the errors come back; after Xid 94 (contained) "
      .. "only the program has to be restarted."}},
  {looks = "Xid 48, 63, 64, 94, 95; 'uncorrectable ECC error encountered'.",
    check = "nvidia-smi -q -d ECC,ROW_REMAPPER."},
  codes"gpu.ecc" .. [[|(?:uncorrectable (?:double bit )?(?:ECC )?error (?:was |has been )?(?:encountered|detected)|]]
    .. [[uncorrectable ECC error|]]
    .. [[Double Bit (?:ECC )?Error|DBE\) has been detected|row remap\w* (?:pending|failure)|]]
    .. [[Remapping Failure Occurred\s*: Yes)]])

-- What nvidia-smi -q lists: rows that were found bad, and are in use until the next reset.
rule {
  id = "gpu.ecc/pending",
  from = {"driver"},
  signatures = {pending = [[\bPending\s*: Yes\b]], pages = [[\bPending Page Blacklist\s*: Yes\b]]},
  context = {rows = [[\bRemapped Rows\b]]},
  when = function(_, log) return (log.pages or log.rows) and {hit = log.pages or log.pending} or nil end,
  confidence = 0.86,
  why = "Parts of the GPU's memory were found bad and are set aside with the next reset of the GPU: until then "
    .. "programs may get them.",
  fixes = {{setting = "reset", kind = "restart", say = "Stop the programs on that GPU and reset it."},
    {hardware = true, say = "Have it replaced if errors come back."}},
  doc = {looks = "Remapped Rows, Pending: Yes.", check = "nvidia-smi -q -d ROW_REMAPPER,PAGE_RETIREMENT."},
}

xid_rule("gpu.gsp", "The GPU's system processor (GSP) does not answer: a known failure of driver "
  .. "releases, sometimes a follow-up of another fault.",
  {{driver = "upgrade", say = "Upgrade the driver."}, {restart = "host", say = "Reboot the host to bring it back."},
    {setting = "gsp-off", kind = "driver", say = "If it comes again: switch the GSP firmware off, which the "
      .. "proprietary modules allow up to the 40 series (Ada)."}},
  {looks = "Xid 119/120, 'Timeout waiting for RPC from GSP'.", check = "Earlier Xid 74 or 145/149 lines are the root."},
  [[(?:RPC event history \(CPU <- GSP\)|Timeout waiting for RPC from GSP|]]
    .. [[_kgspLogRpcTimeout|_kgspIsHeartbeatTimedOut: Heartbeat timed out|GSP RM heartbeat timed out|]]
    .. [[waiting for RPC response from GPU\d* ?GSP)]])
xid_rule("gpu.nvlink",
  "An NVLink fails (link error, switch, cable or bridge).",
  {{restart = "host", say = "Reboot the host, which resets the links."},
    {hardware = true, say = "If it repeats, take the host out of service: NVLink counters (nvidia-smi nvlink -e), "
      .. "bridge or NVSwitch."}},
  {looks = "Xid 74, 144 to 150; SXid lines of the NVSwitch driver.", check = "nvidia-smi nvlink -e."},
  codes"gpu.nvlink" .. [[|(?:uncorrectable NVLink error|]]
    .. [[Invalid access of peer GPU memory over nvlink|SXid \([^)]*\): \d+, Fatal)]])

rule {
  id = "gpu.inforom",
  from = {"driver", "system", "native", "shell", "container"},
  anyone = {code = "code"},
  signatures = {
    smi = [[infoROM is corrupted at gpu (?<bus>[0-9A-Fa-f:.]+)]],
    code = codes"gpu.inforom",
  },
  facts = {"gpus.0.name", "driver.version"},
  title = "the card's infoROM (its own record of serial number, ECC and configuration) is damaged",
  confidence = 0.85,
  when = function(_, log)
    return {hit = log.smi or log.code, severity = log.fatal and "error" or "warning"}
  end,
  why = {"The checksum of the card's infoROM is wrong: most programs run on, but counters of memory errors, ECC and "
    .. "settings of this card are not kept.", "It is the GPU at {bus}."},
  fixes = {
    {hardware = true, say = "Have the card's infoROM written anew or the card replaced by its vendor; no driver "
      .. "repairs it."},
  },
  doc = {looks = "WARNING: infoROM is corrupted at gpu 0000:0B:00.0 (nvidia-smi ends with 14).",
    check = "nvidia-smi -q | grep -i inforom -A4; does CUDA start on that GPU?"},
}

local launch_blocking = {set = {CUDA_LAUNCH_BLOCKING = "1"}, kind = "code",
  say = "Run once with CUDA_LAUNCH_BLOCKING=1, so that the traceback names the kernel."}
local suspect = {hardware = true, say = "Only if it appears with unrelated programs: suspect the card."}

-- 109, a context switch that took too long, is the program's as often as the card's.
local app_list = table.concat(xids(function(xid) return xid.cause == "gpu.app-fault" or xid.number == "109" end), "|")

rule {
  id = "gpu.app-fault",
  from = {"driver", "system"},
  signatures = {xid = ([=[NVRM: Xid \((?<bus>(?:PCI:)?[0-9a-fA-F:.]+)\): (?<number>%s),]=]):format(app_list),
    short = ([[\bXid=(?<number2>%s)\b]]):format(app_list)},
  context = {engine = [[(?i)name=(?:\S*/)?(?<program>vllm|sglang|ollama|llama-server)]],
    fault = codes("cuda.illegal-access", "cuda.launch-failure", "cuda.device-assert")
    .. [[|(?:illegal memory access|misaligned address|illegal instruction|CUDA error)]]},
  facts = {"gpus.0.name", "driver.version"},
  explains = {"cuda.illegal-access", "cuda.launch-failure"},
  confidence = 0.84,
  -- The kernel's log speaks of every process of the host: a worker that died of something else is not explained by it.
  when = function(_, log)
    for _, fault in ipairs(log.all"fault") do
      local newer = log.newer_engine()
      if fault.event.kind ~= "kernel" then return newer and {fixes = {newer, launch_blocking, suspect}} or true end
    end
    if log.fatal and log.fatal.type ~= "XidCriticalError" then return nil end -- the device plugin's own words
    local newer = log.newer_engine(log.engine and log.engine.program:lower())
    return newer and {fixes = {newer, launch_blocking, suspect}} or true
  end,
  why = {"The kernel names a fault of a program on the GPU: a kernel used a wrong address or raised an exception. "
    .. "The same fault on several multiprocessors is a bug of the kernel, not a broken card.", "Xid {number}.",
    "Xid {number2}."},
  fixes = {
    {code = true, kind = "pip:package", say = "Upgrade (or change the backend of) the library whose kernel runs "
      .. "there; try another attention or GEMM backend."},
    launch_blocking, suspect,
  },
  doc = {looks = "Xid 13, 31, 43, 45.", check = "Does it follow one program? 45 follows an earlier Xid."},
}

-- The others that ask somebody to act.
local refused = {restart = "host", say = "Reboot the host where the reset is refused."}
local by_action = {
  ["reset-gpu"] = {{setting = "reset", say = "Reset that GPU."}, refused},
  ["reboot"] = {reboot}, ["restart-vm"] = {{restart = "host", say = "Restart the virtual machine."}},
  ["check-cables"] = {{hardware = true, say = "Check the card's power cables."}},
  ["update-software"] = {{driver = "upgrade", say = "Upgrade the driver."}},
  ["contact-support"] = {{hardware = true, say = "Take the card out of service, and ask its vendor."}},
}

rule {
  id = "gpu.xid",
  from = {"driver", "system", "native", "container"},
  signatures = {
    xid = ([=[NVRM: Xid \((?<bus>(?:PCI:)?[0-9a-fA-F:.]+)\): (?<number>%s),]=]):format(table.concat(xids(
      function(xid) return xid.cause == "" and by_action[xid.action] and xid.number ~= "109" end), "|")),
    recovery = [[NVRM: Xid \([^)\n]+\): 154, (?:pid=[^,\n]*, (?:name=[^,\n]*, )?)?]]
      .. [[GPU recovery action changed from [^\n]* to \S+ \((?<recovery>[^)\n]+)\)]],
  },
  facts = {"gpus.0.name", "driver.version"},
  explains = {"cuda.launch-failure", "driver.unknown-error", "nccl.timeout"},
  when = function(_, log)
    local first = recovery(log)
    local xid = log.xid and know.xid(math.tointeger(tonumber(log.xid.number)))
    if not xid then
      return first and {hit = log.recovery, confidence = 0.72, fixes = {first, first ~= reboot and refused or nil},
        why = "The driver says what is to be "
        .. "done about that GPU: {recovery}; the Xid before it says why."} or nil
    end
    local fixes = {first or xid.action == "reset-gpu" and reset_of(log.xid) or by_action[xid.action][1],
      table.unpack(by_action[xid.action], first and xid.action ~= "reset-gpu" and 1 or 2)}
    return {hit = log.xid, confidence = 0.85, fixes = fixes, evidence = {log.recovery},
      why = {("The kernel reports Xid %s: %s."):format(log.xid.number, xid.name)}}
  end,
  doc = {looks = "NVRM: Xid 62, 46, 110, 143, 158; Xid 154, GPU recovery action changed.",
    check = "dmesg for the Xids around it; nvidia-smi -q."},
}

rule {
  id = "gpu.throttle",
  from = {"driver", "system", "engine", "other"},
  signatures = {
    slowdown = [[(?:(?:HW|SW) (?:Thermal |Power Brake )?Slowdown\s*: Active|clocks_(?:throttle|]]
      .. [[event)_reasons\.\w+[^\n]*\bActive|due to thermal violation|thermal violations totaling (?!0\.0)|]]
      .. [[thermal throttl\w+|GPU (?:is )?(?:thermal )?throttl\w+|power brake)]],
    cap = [[SW Power Cap\s*: Active]],
    max_temp = [[GPU Max Operating Temp\s*: (?<max>\d+) C]],
    overheating = [[(?:GPU (?:temperature|overheat\w*)[^\n]{0,40}(?:too high|exceed|critical)|overheating)]],
  },
  context = {idle = [[\bIdle\s*: Active]],
    current = [[GPU Current Temp\s*: (?<current>\d+) C]], active = [[Slowdown\s*: Active]]},
  facts = {"gpus.0.temperature_c", "gpus.0.throttle"},
  when = function(f, log)
    local hit = log.slowdown or log.overheating
    if hit and hit.text:match[[(?i)not (?:active|throttl)]] then return nil end
    if not hit and log.cap then -- as every GPU with much to do
      return not log.idle and {hit = log.cap, confidence = 0.5, severity = "warning",
        why = "The GPU runs at its power limit, as it does under full load.",
        fixes = {{hardware = true, say = "Where it is slower than it should be: raise the power limit (nvidia-smi "
          .. "-pl) if the supply and the cooling allow it."}}} or nil
    end
    if not hit then
      local max, current = log.max_temp and tonumber(log.max_temp.max), log.current and tonumber(log.current.current)
      if not max or not current or current < max - 3 then return nil end
      return {hit = log.max_temp, confidence = 0.78, why = ("The GPU runs at %d C with a limit of %d C: it is "
        .. "throttled at once (the platform sets that limit, or cooling is poor)."):format(current, max),
        fixes = {{hardware = true, say = "Improve cooling, or raise the limit in the platform's firmware or "
        .. "thermal daemon."}, {host = true, say = "Check thermald and the platform profile."}}}
    end
    return {hit = hit, confidence = 0.85, why = "The GPU slows itself down for heat or power.",
      fixes = {{hardware = true, say = "Check cooling, fans and power supply; lower the power limit until then."},
      {host = true, say = "Check the platform's thermal policy."}}}
  end,
  check = function(f)
    for _, gpu in ipairs(f.gpus()) do
      for _, reason in ipairs(type(gpu.throttle) == "table" and gpu.throttle or {}) do
        if tostring(reason):match[[thermal|hardware-slowdown|power-brake]] then
          return {confidence = 0.8, severity = "warning",
            why = ("GPU %s is throttled: %s."):format(gpu.index or 0, reason), evidence = {"gpus"},
            fixes = {{hardware = true, say = "Check cooling and power."}}}
        end
      end
    end
  end,
  doc = {looks = "HW Thermal Slowdown: Active, low clocks under load.", check = "nvidia-smi -q -d PERFORMANCE."},
}
