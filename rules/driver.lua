-- The NVIDIA driver on the host: too old, not built, not loaded, two versions at once, states of the device.

-- The driver of a toolkit's first release: it runs everything of that CUDA.
local function driver_of(cuda)
  if not cuda then return nil end
  local _, _, own = know.driver_runs("1.0", cuda)
  return own ~= "" and own or nil
end

-- Who rents a pod cannot change the driver below it.
local function rented(f)
  local platform = f"system.container.platform"
  return platform == "runpod" or platform == "vast" or platform == "modal"
end

-- The driver that a GPU of this capability needs, where the one that is here is of an older branch.
local function driver_for(cc, driver)
  local first = cc and know.gpu_driver(cc)
  local here = driver and tonumber(driver:match[[^(\d+)]] or "")
  return first and here and here < tonumber(first:match[[^(\d+)]]) and first or nil
end

-- The last branch that knows a GPU which the installed one has given up.
local function given_up(cc, driver)
  local branch = tonumber(driver:match[[^(\d+)]])
  if branch >= 590 and version.cmp(cc, "7.5") == -1 then return "580" end
  return branch >= 480 and version.cmp(cc, "5.0") == -1 and "470" or nil
end

local function too_old_for_card(name, cc, driver, first)
  return {confidence = 0.95,
    why = ("%s (compute capability %s) came after driver %s: it needs %s or later."):format(name, cc, driver, first),
    fixes = {{driver = tonumber(cc:match[[^(\d+)]]) >= 10 and "open" or "upgrade", need = first,
      say = "Upgrade the NVIDIA driver on the host to " .. first .. " or later."},
      {hardware = true, say = "Or run where a newer driver is."}}}
end

local function older_torch(cuda)
  return {install = "torch", older = true, kind = "pip-downgrade:torch",
    say = "Or install a torch that is built for the CUDA that this driver offers"
      .. (cuda and " (" .. cuda .. ")." or ".")}
end

rule {
  id = "torch.driver-too-old",
  lasts = "start",
  from = {"torch", "native", "driver", "engine", "framework"},
  anyone = {insufficient = "code"},
  signatures = {
    too_old = [[NVIDIA driver on your system is too old \(found version (?<found>\d{4,6})\)]],
    insufficient = any{codes"torch.driver-too-old", [[CUDA driver version is insufficient for the CUDA runtime]]},
    initialise = [[forward compatibility was attempted[^\n]*driver]],
    jax = [[(?:The NVIDIA driver's CUDA version is|CUDA versions? \S+ (?:is|are) newer than the driver's)]],
    driver_requires = [[(?:requires|needs) (?:an? )?(?:NVIDIA )?driver (?:version )?(?:>=|of at least|newer than|]]
      .. [[at least) ?(?<need>\d{3}[\d.]*)]],
    ollama = [[your nvidia driver is too old or missing]],
    low = [[CUDA Driver version found is \d+\. Minimum requirement is \d+|cuda driver too old to use ]],
    banner = [[was built for NVIDIA Driver Release (?<release>\d{3}[\d.]*) or later, but]],
  },
  context = {
    no_driver = [[Found no NVIDIA driver on your system]],
    smi = [[NVIDIA-SMI (?<smi>\d{3}[\d.]+)]],
    tegra = [[(?i)\btegra\b|\bL4T\b|jetson]],
    pool = [[CUDA memory pool disabled|failed to allocate pinned system memory|pinned memory pool will not be]],
    vGPU = [[vGPU]],
    here = [[version (?<here>\d{3}\.[\d.]+) was detected and compatibility mode is UNAVAILABLE]],
  },
  facts = {"driver.version", "driver.cuda", "torch.cuda", "torch.version"},
  explains = {"torch.cpu-build", "hf.model-too-new", "bnb.cpu-only", "host.no-gpu", "container.no-gpu", "nccl.init",
    "sys.illegal-instruction", "visible-devices.wrong", "driver.library-mismatch"},
  when = function(f, log)
    local hit = log.too_old or log.insufficient or log.jax or log.driver_requires or log.ollama or log.low
      or log.initialise
    local driver, runtime = f"driver.version", f"torch.cuda"
    if log.banner and log.here then -- NVIDIA's image has tried its cuda-compat already
      local need = log.banner.release
      return {hit = log.banner, evidence = {log.here}, confidence = 0.93,
        why = ("The image is made for driver %s or later, and the host has %s, which it cannot bridge."):format(need,
          log.here.here),
        fixes = {{driver = "upgrade", need = need, say = ("Upgrade the NVIDIA driver on the host to %s or "
            .. "later."):format(need)},
          {host = true, kind = "pip-downgrade:torch", say = "Or take an older release of that image."}}}
    end
    if not hit then return nil end
    local verdict, floor, own
    if driver and runtime then verdict, floor, own = know.driver_runs(driver, runtime) end
    if log.insufficient and not log.too_old and verdict and verdict ~= "too-old" then
      if f"system.container.runtime" then return nil end -- new enough: the GPU never reached the container
    end
    -- the runtime says the same where there is no driver at all: container.no-gpu/pool
    if log.pool and not (log.too_old or log.tegra or log.smi or driver) then return nil end
    if log.tegra and log.insufficient then
      return {hit = log.insufficient, evidence = {log.tegra}, confidence = 0.82,
        why = "On a Jetson the driver is a part of JetPack, and this image is made for a newer CUDA than that offers.",
        fixes = {{host = true, kind = "driver", say = "Use the image that is made for this JetPack (L4T) release, as "
          .. "NVIDIA's images for Jetson are (-igpu, l4t-), or upgrade JetPack on the board."}}}
    end
    local cuda = log.too_old and log.too_old.found
    if cuda then cuda = ("%d.%d"):format(tonumber(cuda) // 1000, tonumber(cuda) % 1000 // 10) end
    own = own ~= "" and own or driver_of(runtime or nil)
    local need = log.driver_requires and log.driver_requires.need or own or floor ~= "" and floor or nil
    local upgrade = {driver = "upgrade", need = need,
      say = "Upgrade the NVIDIA driver on the host" .. (need and (" to " .. need .. " or later.") or ".")}
    local fixes = rented(f) and {older_torch(cuda or f"driver.cuda"), upgrade}
      or {upgrade, older_torch(cuda or f"driver.cuda")}
    fixes[3] = {host = true, kind = "container-flag:compat",
      say = "On a data-centre GPU: use an image with the cuda-compat package of that CUDA."}
    local fatal = log.fatal -- torch only warns and computes on the CPU: what ended it may be something else
    local beside = hit == log.too_old and hit.event.level == "warning" and fatal
      and not ((fatal.message or ""):match[[(?i)cuda|gpu|driver|nvidia|device|bitsandbytes]])
    return {hit = hit, confidence = beside and 0.6 or (log.too_old or verdict == "too-old") and 0.95 or 0.84,
      fixes = fixes,
      why = {cuda and ("The driver offers CUDA %s, and the CUDA runtime of this torch or engine is newer."):format(cuda)
          or "The driver is older than the CUDA runtime that was started.",
        "Driver {fact:driver.version}, torch for CUDA {fact:torch.cuda}."}}
  end,
  applies = {"torch"},
  check = function(f)
    local driver, runtime = f"driver.version", f"torch.cuda"
    if not driver or not runtime then return nil end
    local verdict, floor, own = know.driver_runs(driver, runtime)
    if verdict ~= "too-old" then return nil end
    local need = own and own ~= "" and own or floor
    local upgrade = {driver = "upgrade", need = need,
      say = "Upgrade the NVIDIA driver on the host to " .. need .. " or later."}
    return {confidence = 0.95,
      why = ("torch is built for CUDA %s, which needs driver %s or later; this one is %s."):format(runtime, floor,
        driver),
      fixes = rented(f) and {older_torch(f"driver.cuda"), upgrade} or {upgrade, older_torch(f"driver.cuda")}}
  end,
  doc = {looks = "'The NVIDIA driver on your system is too old (found version 11040)': CUDA 11.4. 'CUDA driver "
    .. "version is insufficient'.",
    check = "driver.version and driver.cuda against torch.cuda. In a container on a new enough host it is the GPU "
      .. "that was not passed in."},
}

rule {
  id = "torch.ptx-too-new",
  from = {"compiler", "torch", "engine"},
  anyone = {code = "code"},
  signatures = {
    code = any{codes"torch.ptx-too-new", [[PTX was compiled with an unsupported toolchain]]},
    jit_version = [[ptxas[^\n]*(?:Unsupported \.version|PTX \.version [\d.]+ (?:is )?not supported)]],
  },
  facts = {"driver.version", "driver.cuda", "torch.cuda"},
  specific_over = {"torch.driver-too-old", "torch.no-kernel-image"},
  when = function(f)
    local need = driver_of(f"torch.cuda" or nil)
    return {confidence = 0.92, fixes = {
      {driver = "upgrade", need = need,
        say = "Upgrade the NVIDIA driver to one at least as new as the CUDA toolkit that built the program"
          .. (need and (" (" .. need .. ")") or "") .. "."},
      older_torch(f"driver.cuda")}}
  end,
  why = {"PTX was compiled by a newer CUDA than this driver's compiler knows.",
    "Driver {fact:driver.version}, torch for CUDA {fact:torch.cuda}."},
  doc = {looks = "'the provided PTX was compiled with an unsupported toolchain', error 222.",
    check = "driver.cuda against the toolkit that compiled."},
}

-- Does a folder with this in its name stand on LD_LIBRARY_PATH? nil where that is not known.
local function on_path(f, part)
  local path = f.env"LD_LIBRARY_PATH"
  if path == nil then return nil end
  return path ~= false and path:has(part) ~= false and path:has(part) ~= nil
end

rule {
  id = "driver.library-mismatch",
  lasts = "start",
  from = {"driver", "kernel", "container", "native", "enroot", "slurm", "orchestrator"},
  anyone = {code = "code"},
  signatures = {
    nvml = any{[[Driver/library version mismatch]], [[kernel version [\d.]+ does not match DSO version]]},
    code = codes"driver.library-mismatch",
    api = [[API mismatch: the (?:client|NVIDIA kernel module) has the? ?version(?: (?<client>\d+\.[\d.]*\d))?]],
  },
  context = {
    module = [[kernel module has the version (?<module>\d+\.[\d.]*\d)]],
    loaded = [[NVRM: loading NVIDIA UNIX [^\n]*Kernel Module +(?<loaded>\d+\.[\d.]*\d)]],
    firmware = [[(?:Direct firmware load for nvidia/(?<firmware>[\d.]+\d)/\S+ failed|]]
      .. [[RmFetchGspRmImages: No firmware image found)]],
  },
  facts = {"driver.kernel_module", "driver.user_library_version", "driver.version"},
  explains = {"container.no-gpu", "torch.cpu-build", "driver.not-loaded", "driver.init-failed", "host.no-gpu"},
  when = function(f, log)
    local reboot = {restart = "host", say = "Reboot the host, so that the module of the installed driver is loaded."}
    local match = {driver = "match", say = "Reinstall the driver, so that library and module are of one version."}
    for _, later in ipairs(log.api and not log.code and log.all"loaded" or {}) do
      if later.line >= log.api.line and later.loaded == log.api.client then return nil end -- loaded anew since
    end
    local cuda = log.code and log.code.code ~= "18" and not (log.code.code_name or ""):match[[(?i)NVML]]
    if cuda and not log.nvml then
      local compat = on_path(f, "compat") == true
      local module, lib = f"driver.kernel_module", f"driver.user_library_version"
      local drop = {drop = "LD_LIBRARY_PATH", like = "compat",
        say = "Take the cuda-compat folder off LD_LIBRARY_PATH (and out of "
        .. "ld.so.conf.d), so that the host's libcuda is used."}
      local upgraded = not compat and module and lib and module ~= lib
      return {hit = log.code, confidence = 0.88,
        fixes = upgraded and {reboot, match, drop} or {drop, reboot, match},
        why = {"Error 803: the user library of the driver that was loaded does not belong to the kernel module.",
          "The module is {fact:driver.kernel_module}.", "The library is {fact:driver.user_library_version}.",
          compat and "LD_LIBRARY_PATH holds a cuda-compat folder." or nil}}
    end
    if log.firmware then -- seen at boot: the module that is loaded is the one that every boot loads
      return {confidence = 0.95, fixes = {match, {driver = "build",
        say = "Or build the module of the installed driver for the running kernel."}},
        why = {"The module that the kernel loads and the installed driver are of two versions: of the module's "
          .. "version not even the firmware is "
          .. "there, so a reboot alone would load it again.", "The module is {module}.",
            "The driver's programs are {client}."},
        values = {module = log.module and log.module.module, client = log.api and log.api.client}}
    end
    return {confidence = 0.95, fixes = {reboot, match},
      why = {"The user-space NVIDIA library and the loaded kernel module are of two versions, as after an upgrade "
        .. "of the driver "
        .. "without a reboot.", "Module {fact:driver.kernel_module}."}}
  end,
  check = function(f)
    local module, lib = f"driver.kernel_module", f"driver.user_library_version" or f"driver.version"
    local reboot = {restart = "host", say = "Reboot the host, so that the module of the installed driver is loaded.",
      effect = type(lib) == "string" and {["driver.kernel_module"] = lib,
        ["cuda.driver_init.code"] = f"cuda.driver_init.code" and 0 or nil} or nil}
    if f"cuda.driver_init.code" == 803 then
      local drop = {drop = "LD_LIBRARY_PATH", like = "compat",
        say = "Take the cuda-compat folder off the library path."}
      return {confidence = 0.92, evidence = {"cuda.driver_init"},
        why = {"cuInit answers 803: the libcuda that is loaded does not belong to the kernel module.",
          "The module is {fact:driver.kernel_module}.", "The library is {fact:driver.user_library_version}."},
        fixes = on_path(f, "compat") ~= true and module and module ~= lib and {reboot, drop} or {drop, reboot}}
    end
    if f"driver.version" and f"driver.error.code" ~= 18 then return nil end -- it answers
    local both = module and type(lib) == "string" and lib:match[[^\d+\.\d+]]
    if not both and f"driver.error.code" == 18 then
      return {confidence = 0.9, evidence = {"driver.error"},
        why = "NVML answers 18: its library and the loaded kernel module are of two versions.",
        fixes = {reboot, {driver = "match", say = "Or reinstall the driver, all of one version."}}}
    end
    if not both or module == lib then return nil end
    return {confidence = 0.9, why = ("The kernel module is %s, the user library %s."):format(module, lib),
      fixes = {reboot, {driver = "match", say = "Or reinstall the driver, all of one version."}}}
  end,
  doc = {looks = "'Failed to initialize NVML: Driver/library version mismatch', error 803.",
    check = "cat /proc/driver/nvidia/version against the version of libnvidia-ml.so."},
}

-- ---- the kernel module ----

rule {
  id = "driver.init-failed",
  from = {"driver", "kernel"},
  signatures = {
    adapter = [[(?:RmInitAdapter(?:: \w[^\n]*)? failed|rm_init_adapter failed|]]
      .. [[RmInitAdapter: Cannot initialize GSP firmware)]],
    no_devices = [[\bNo devices were found\s*$]],
    open_only = [[(?:requires use of the NVIDIA open kernel modules|]]
      .. [[installed in this system is not supported by the (?:proprietary|open) )]],
    unsupported = [[(?:NVIDIA GPU[^\n]{0,120}is supported through the NVIDIA (?<legacy>\d{3})\.\w+ (?:Legacy ]]
      .. [[)?drivers?|]]
      .. [[The NVIDIA GPU \S+[^\n]{0,80}is not supported by the (?:NVIDIA )?(?<driver>[\d.]+\d) driver release|]]
      .. [[^(?:[^\n]*NVRM:)?\s*NVIDIA (?<driver2>[\d.]+\d) driver release\.)]],
    firmware = [[(?:RmFetchGspRmImages: No firmware image found|Direct firmware load for nvidia/\S+ failed)]],
    hmm = [[(?:nvidia[-_]uvm[^\n]{0,80}(?i:hmm)[^\n]{0,60}(?:fail|error)|uvm_(?:hmm|]]
      .. [[va_space)\w*[^\n]{0,60}(?:fail|error))]],
    fsp = [[(?:kfspPollForResponse\w*: FSP command timed out|FSP boot command failed|]]
      .. [[failed to wait for GFW[_ ]?boot|]]
      .. [[GPU lockdown (?:is )?not released|kgspBootstrap\w*: [^\n]{0,40}(?:failed|timed out))]],
    power = [[does not have the necessary power cables connected]],
    bar = [[(?:BAR\d is 0M @ 0x0|This PCI I/O region assigned to your NVIDIA device is invalid|can't (?:assign|]]
      .. [[find)[^\n]{0,30}BAR)]],
  },
  context = {smi = [[NVIDIA-SMI has failed|couldn't communicate with the NVIDIA driver]], kernel = [[NVRM:]],
    left = [[unexpected WPR2 already up|GPU is likely in a bad state and may need to be reset]],
    attach = [[osInitNvMapping: \*\*\* Cannot attach gpu]],
    -- no card of its own stands on the first bus of a machine of metal
    virtual = [[(?:Hypervisor detected|(?:DMI|Hardware name): ]]
      .. [[(?:QEMU|VMware|Xen|Microsoft Corporation Virtual|Google|Amazon EC2)|]]
      .. [[paravirtualized kernel on|Qubes|NVRM: GPU 0000:00:(?!0[0-2]\.)[0-9a-f]{2}\.0:)]],
    card = [[\(PCI ID: 10de:(?<device>[0-9a-fA-F]{4})\)]]},
  facts = {"gpus.0.name", "pci.gpus", "driver.version", "driver.kernel_module"},
  explains = {"container.no-gpu", "torch.cpu-build", "bnb.cpu-only", "host.no-gpu", "driver.unknown-error",
    "driver.not-loaded"},
  when = function(f, log)
    local hard = {hardware = true, say = "If it stays: reseat the card, check its power, or replace it."}
    local cold = {restart = "host", say = "Power the host off and on, so that the card starts anew."}
    if log.open_only then
      local proprietary = log.open_only.text:match[[not supported by the open]]
      return {hit = log.open_only, confidence = 0.94, why = proprietary and "This card is too old for the open "
        .. "kernel modules."
          or "This card needs the open kernel modules, and the proprietary ones are installed.",
        fixes = {{driver = proprietary and "upgrade" or "open",
          say = proprietary and "Install the driver with the proprietary modules."
            or "Install the driver with the open kernel modules (nvidia-driver-...-open, nvidia-open)."}}}
    end
    if log.unsupported then
      local driver = log.unsupported.driver or log.unsupported.driver2
      local name, cc
      if log.card then name, cc = know.gpu_by_pci(tonumber(log.card.device, 16)) end
      local first = driver_for(cc, driver)
      if first then return too_old_for_card(name, cc, driver, first) end
      if driver and not cc then
        return {hit = log.unsupported, confidence = 0.86,
          why = ("Driver %s does not know this card: it is older than the card, or has given it up."):format(driver),
          fixes = {{driver = "upgrade", say = "Install a driver made for this card."}, hard}}
      end
      local last = log.unsupported.legacy or driver and given_up(cc, driver)
      if not last then
        return {hit = log.unsupported, confidence = 0.74, title = "the ordinary driver does not take this virtual GPU",
          why = {("Driver %s knows a %s, and refuses this one: in a virtual machine it is a part of a card (vGPU), "
            .. "which only the guest driver of NVIDIA's vGPU software takes."):format(driver, name)},
          fixes = {{host = true, kind = "driver", say = "Install the guest driver (GRID) of the vGPU release that the "
              .. "host runs, from the host's operator or cloud, in place of the ordinary one."}, hard}}
      end
      return {hit = log.unsupported, confidence = 0.93,
        why = {"This card is too old for the installed driver.", "It is supported up to the {legacy} drivers."},
        fixes = {{driver = "install", need = last,
          say = "Install the legacy driver that supports this card."}}}
    end
    if log.firmware then
      return {hit = log.firmware, confidence = 0.9, why = "The driver's firmware files for this card are not on "
        .. "the host, or of another release than the module.",
        fixes = {{driver = "match", say = "Reinstall the driver with its firmware package, all of one version, "
          .. "then rebuild the initramfs and reboot."}}}
    end
    if log.hmm then
      return {hit = log.hmm, confidence = 0.8, why = "nvidia_uvm fails in its heterogeneous memory management (HMM).",
        fixes = {{setting = "hmm", say = "Switch HMM off in nvidia_uvm."},
          {driver = "upgrade", say = "Or upgrade the driver."}}}
    end
    if log.power then
      return {hit = log.power, confidence = 0.93, why = "The card says that a power cable is missing.",
        fixes = {{hardware = true, say = "Switch the host off and plug every power connector of the card in, each "
          .. "with a cable of its own from the power supply."}}}
    end
    if log.bar then
      return {hit = log.bar, confidence = 0.9, why = "The firmware of the mainboard gave the card no room in the "
        .. "address space (a BAR of 0).",
        fixes = {{hardware = true, say = "Switch on 'Above 4G Decoding' in the mainboard's firmware; in a virtual "
          .. "machine, give it a larger MMIO window."}}}
    end
    if log.no_devices and not log.adapter then
      return {hit = log.no_devices, confidence = 0.66,
        fixes = {cold, {driver = "upgrade", say = "Or install a driver made for this card."}, hard},
        why = "nvidia-smi reaches the driver, and no card answers it."}
    end
    if log.fsp then
      return {hit = log.fsp, confidence = 0.8, fixes = {cold, hard,
        {driver = "upgrade", say = "Or upgrade the driver, with which the card's firmware is brought up."}},
        why = "A processor on the card itself (FSP or GSP), which brings it up, does not answer the driver."}
    end
    local made_for = {driver = "upgrade", say = "Or install a driver made for this card; from the 50 series on that "
      .. "is one with the open kernel modules."}
    if log.left or log.attach then
      return {hit = log.adapter, evidence = {log.left or log.attach}, confidence = 0.86, fixes = {cold, hard, made_for},
        why = log.left and "The card is still in the state in which an earlier start of it broke off, so the driver "
          .. "cannot start it again: it has to lose its power."
          or "The card does not answer over the bus any more, so the driver cannot bring it up."}
    end
    if log.virtual then
      return {hit = log.adapter, evidence = {log.virtual}, confidence = 0.8,
        title = "the driver cannot bring up the card that was handed to this virtual machine",
        why = "The NVIDIA module is loaded in a virtual machine and cannot bring the card up that was passed through: "
          .. "a reboot inside does not reset it.",
        fixes = {{restart = "host", say = "Shut the virtual machine down whole and start it again (in a cloud: stop "
            .. "and start the instance); a reboot inside is the weaker form of it."},
          {driver = "open", say = "Or install the driver with the open kernel modules (from Turing on)."},
          {hardware = true, say = "Else reset the card on the host before the machine starts, and give the machine "
            .. "UEFI firmware with an MMIO window larger than the card's memory."}}}
    end
    return {hit = log.adapter, confidence = 0.82, fixes = {cold, made_for, hard},
      why = "The NVIDIA module is loaded and cannot bring this card up."}
  end,
  check = function(f)
    local driver = f"driver.version" or f"driver.kernel_module"
    for i, gpu in ipairs(f.gpus()) do
      local cc = gpu.compute_capability or gpu.name and know.gpu_cc(gpu.name)
      local first = (gpu.vendor or "nvidia") == "nvidia" and driver_for(cc, driver)
      if first then return too_old_for_card(gpu.name or "GPU " .. i - 1, cc, driver, first) end
    end
  end,
  doc = {looks = "NVRM: GPU 0000:0a:00.0: RmInitAdapter failed!; nvidia-smi: No devices were found.",
    check = "The kernel's NVRM lines: the firmware, the BARs, the open or proprietary modules."},
}

rule {
  id = "driver.unknown-error/hmm",
  check = function(f)
    local module = f"driver.kernel_module"
    if f"cuda.driver_init.code" ~= 3 or not f"gpus.0" or f"driver.error" or type(module) ~= "string" then return nil end
    if version.cmp(module, "550") == -1 or f"system.container.runtime" == "gvisor" then return nil end
    for _, path in ipairs(type(f"driver.devices") == "table" and f"driver.devices" or {"/dev/nvidia-uvm"}) do
      if path == "/dev/nvidia-uvm" then
        return {confidence = 0.83, why = {"NVML lists the GPU, and cuInit answers 3 (initialization error).",
            "The module is {fact:driver.kernel_module}; from 550 on HMM in nvidia_uvm can be what fails."},
          evidence = {"cuda.driver_init.code", "driver.kernel_module"},
          fixes = {{restart = "uvm", say = "Load nvidia_uvm anew when no program uses a GPU, or reboot the host."},
            {setting = "hmm", say = "If it stays, switch HMM off in nvidia_uvm."}}}
      end
    end
  end,
}

rule {
  id = "driver.not-loaded",
  from = {"driver", "container", "kernel", "installer", "system", "shell", slurmd = {"slurm"}},
  anyone = {nvml_driver = "code"},
  signatures = {
    nodes = [[Failed to query NVIDIA devices\. Please ensure that the NVIDIA device files]],
    slurmd = [[can't stat gres\.conf file /dev/nvidia\d+: No such file or directory]],
    smi = [[NVIDIA-SMI (?:has failed because it couldn'?t communicate with the NVIDIA driver|]]
      .. [[couldn't find libnvidia-ml\.so library)]],
    udev = [[Process '\S*modprobe nvidia[\w-]*' failed with exit code]],
    modprobe = [[modprobe: (?:FATAL|ERROR):[^\n]*nvidia|could not insert 'nvidia|Module nvidia not found|]]
      .. [[nvidia(?:-\w+)? kernel module (?:is )?(?:missing|not (?:found|loaded))]],
    nvml_driver = any{codes"driver.not-loaded", [[\bERROR_DRIVER_NOT_LOADED\b]],
      [[Failed to initialize NVML: Driver Not Loaded]],
      [[nvml error: driver not loaded]]},
    cli = [[nvidia-container-cli(?:\.real)?: initialization error:(?: nvml error:)? (?:driver not loaded|]]
      .. [[load library failed: libnvidia-ml)]],
    installer = [[kernel driver does not appear to be running on this host]],
    held = [[^\W*(?:ERROR: +)?The Nouveau kernel driver is currently in use by your system]],
    no_module = [[NVRM: (?:The NVIDIA probe routine was not called|]]
      .. [[This can occur when a driver such as)]],
  },
  context = {no_library = [[(?<!stubs/)libcuda\.so(?:\.1)?: cannot open shared object file]],
    missing = [[Module nvidia\S* not found|could not find module by name='nvidia]],
    slurm = [[(?:srun: (?:job|error)|slurmstepd: |SLURM_JOB_ID)]],
    unbuilt = [[^nvidia[,/] ?\d[\d.]+: added\b]], -- dkms status
    no_dkms = [['dkms' is currently not installed|dkms: (?:command )?not found]],
    nouveau = [[(?i)\bnouveau\b]], no_card = [[NVRM: No NVIDIA \w]], smi_works = [[\| NVIDIA-SMI \d{3}\.\d]]},
  facts = {"driver.kernel_module", "pci.gpus"},
  explains = {"container.no-gpu", "torch.cpu-build", "bnb.cpu-only", "host.no-gpu"},
  when = function(f, log)
    if f"system.container.runtime" and (log.installer or log.smi and log.smi.text:has("libnvidia-ml")) then
      return nil -- container.no-gpu
    end
    local build = {driver = "build", say = "Build the module for the running kernel (a new kernel without its "
      .. "headers breaks DKMS)."}
    if log.held or (log.no_module or log.no_card) and log.nouveau then
      return {confidence = 0.92, why = "Another driver (nouveau) holds the card, so that NVIDIA's cannot take it.",
        fixes = {{driver = "nouveau", say = "Blacklist nouveau, rebuild the initramfs and reboot."}}}
    end
    if log.cli and log.cli.text:has("libnvidia-ml") then
      if log.smi_works then return nil end -- container.runtime-config: the engine's host is another than the shell's
      return {confidence = 0.85, why = "nvidia-container-cli finds no libnvidia-ml on the host: the driver's user "
        .. "libraries are not installed there.",
        fixes = {{driver = "install", say = "Install the NVIDIA driver on the host."}}}
    end
    if log.udev and not (log.smi or log.modprobe or log.nvml_driver or log.cli) then -- it was tried at boot
      return {hit = log.udev, confidence = 0.82, fixes = {build,
          {driver = "upgrade", say = "Or install the driver anew, of one release with its library."}},
        why = "The NVIDIA kernel module was to be loaded at boot, and refused."}
    end
    if log.no_library and not log.smi and not log.modprobe then
      return {confidence = 0.88, evidence = {log.no_library}, why = "Neither the kernel's module nor the driver's "
        .. "libcuda is there: no driver is installed on this host.",
        fixes = {{driver = "install", say = "Install the NVIDIA driver on the host."}}}
    end
    if log.missing or log.unbuilt then -- there is none to load
      local anew = {driver = "install", say = "Install the driver anew, so that its module is built for this kernel."}
      local fixes = log.no_dkms and {anew, build} or {build, anew}
      return {confidence = 0.92, evidence = {log.missing or log.unbuilt}, fixes = fixes,
        why = "The kernel that runs has no NVIDIA module: it was built for another kernel, or never."}
    end
    if log.slurm and not log.slurmd then
      return {confidence = 0.72, evidence = {log.slurm},
        why = "The job runs on a node, or with a device list, in which no NVIDIA driver answers: mostly it asked "
          .. "for no GPU.",
        fixes = {{container = "gpus", kind = "os", say = "Ask Slurm for a GPU, and for the partition that has them."},
          {driver = "load", say = "If the job had one: load the module on that node."}}}
    end
    return {confidence = 0.92, fixes = {{driver = "load", say = "Load the module on the host."}, build,
        {restart = "host", say = "Or reboot into the kernel that it was built for."}},
      why = "The NVIDIA kernel module is not loaded on the host."}
  end,
  check = function(f)
    if f"system.container.runtime" or not f"pci.gpus.0" or f"driver.version" or f"driver.kernel_module" then
      return nil end
    if f"pci.gpus.0.vendor" and f"pci.gpus.0.vendor" ~= "nvidia" then return nil end
    local installed = f"driver.user_library"
    return {confidence = 0.75, why = "An NVIDIA GPU is on the PCI bus, and no driver answers for it.",
      fixes = {installed == false and {driver = "install", say = "Install the NVIDIA driver on the host."}
        or {driver = "load", say = "Load the NVIDIA module on the host; where there is none, install the driver."}}}
  end,
  doc = {looks = "'NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver'.",
    check = "lsmod, dmesg, the running kernel."},
}

rule {
  id = "driver.unknown-error",
  lasts = "start",
  from = {"torch", "native"},
  signatures = {
    unknown = [[(?:cudaGetDeviceCount\(\)[^\n]*Error (?:2: out of memory|3: initialization error)|]]
      .. [[CUDA driver initialization failed, you might not have a CUDA gpu|]]
      .. [[CUDA unknown error - this may be due to an incorrectly set up environment|]]
      .. codes"driver.unknown-error" .. [[|cudaGetDeviceCount[^\n]{0,30}(?:failed|returned|error)[^\n]{0,20}?]]
      .. [[initialization error|CUDA (?:(?:driver )?error:|failed with error) unknown error|]]
      .. [[(?:initialization error: cuda error|failed to initialize CUDA): unknown error|]]
      .. [[cuda runtime error \(30\) : unknown error|]]
      .. [[cuInit\S* (?:returned|failed)[^\n]{0,40}unknown error)]],
  },
  context = {
    xid = [[NVRM: Xid|RmInitAdapter failed|fallen off the bus]],
    vector = [[Failed to allocate device vector]],
  },
  unless = {"xid"},
  facts = {"driver.version", "driver.devices", "env.CUDA_VISIBLE_DEVICES"},
  explains = {"torch.cpu-build", "bnb.cpu-only", "host.no-gpu", "container.no-gpu"},
  when = function(f, log)
    local text = log.unknown.text
    local uvm = {restart = "uvm", say = "Load nvidia_uvm anew when no program uses a GPU, or reboot the host."}
    local upgrade = {driver = "upgrade", say = "If it comes back, upgrade the driver."}
    if text:match[=[CUDA error 999 at [^:]+:\d+]=] then
      return {confidence = 0.66, title = "CUDA answers 999 (unknown error) in the middle of work",
        why = "CUDA answered 999 (unknown error) to a call of a program that had already started on the GPU.",
        fixes = {{driver = "upgrade", say = "Upgrade the driver."},
          {restart = "host", say = "Or reboot the host, and look at the kernel's NVRM and Xid lines."},
          {hardware = true, say = "If it stays with another driver: try another card."}}}
    end
    local said = log.unknown.code_name or log.unknown.code
    local code = said and tonumber(know.error("cuda", said).number) or text:match[[Error 2: out of memory]] and 2
      or text:match[[initialization error(?!: cuda error)]] and 3 or text:match[[[Uu]nknown error]] and 999
    -- of a call in the middle it says that nobody started CUDA in this process: cuda.fork
    if code == 3 and not text:match[[init failure|(?i)cuInit|DeviceCount|driver init]] then return nil end
    local known = code and ("CUDA did not start: error %d (%s)."):format(code, know.error("cuda", code).words)
    local why = {known or "CUDA did not start, with an error that names no cause."}
    local uvm_known = code == 999 or code == 304
    if uvm_known then
      why[2] = "It is mostly the nvidia_uvm module in a bad state (after a suspend, or an upgrade) or "
        .. "/dev/nvidia-uvm missing, and rarely CUDA_VISIBLE_DEVICES."
    end
    if code == 3 then return {confidence = 0.78, why = why,
      fixes = {uvm, {setting = "hmm", say = "With the open kernel modules: switch HMM off in nvidia_uvm."},
      upgrade}} end
    return {confidence = text:match[[\b999\b]] and 0.84 or 0.66, why = why,
      fixes = {uvm, {setting = "uvm-node", say = "For a container: make the device nodes first, then start it anew."},
      upgrade}}
  end,
  doc = {looks = "'CUDA unknown error - this may be due to an incorrectly set up environment'.",
    check = "/dev/nvidia-uvm, lsmod | grep uvm, suspend in the kernel log."},
}
