-- AMD GPUs and ROCm.

-- The gfx version that a GPU outside ROCm's list can pass for: the nearest one of its family whose code runs on it.
local passes_for = {{[[^gfx103]], "10.3.0"}, {[[^gfx101]], "10.1.0"}, {[[^gfx110]], "11.0.0"}, {[[^gfx115]], "11.0.0"},
  {[[^gfx120]], "12.0.0"}, {[[^gfx90[0c]|^gfx909]], "9.0.0"}}

-- Cards by their name, where no line says the gfx version.
local families = {{[[6[4-9]\d0]], "10.3.0"}, {[[7[4-9]\d0]], "11.0.0"}, {[[5[3-7]\d0]], "10.1.0"},
  {[[(?:780|760|740)M]], "11.0.0"}, {[[6[68]0M]], "10.3.0"}}

local function override_by_name(name)
  for _, row in ipairs(families) do
    if name and name:match("(?i)\\b(?:RX ?|Radeon |)" .. row[1] .. "\\b") then return row[2] end
  end
end

local function override(gfx)
  for _, row in ipairs(passes_for) do
    if gfx and gfx:match(row[1]) then return row[2] end
  end
end

rule {
  id = "rocm.mismatch",
  from = {"native", "driver", "engine", "compiler"},
  anyone = {code = "code", lib = "loader", no_device = "code"},
  signatures = {
    code = codes"rocm.mismatch",
    symbol = [[/lib(?:amdhip64|hip\w+|roc\w+|MIOpen|hsa-runtime64|rccl)\.so[\d.]*: undefined symbol: (?<symbol>\w+)]],
    hip_error = [[(?:HIP|ROCm) error: (?:invalid device function|the operation cannot be performed|]]
      .. [[shared object initialization failed|no kernel image)]],
    hip_other = [[HIP error: (?!device-side|an illegal memory|unspecified launch|]]
      .. [[out of memory|invalid device ordinal|invalid device function|no kernel image|shared object)[^\n]*]],
    tensile = [[(?:Cannot read \S*TensileLibrary|TensileLibrary\S*\.dat[^\n]*(?:No such|not found)|]]
      .. [[(?:rocBLAS|rocBLASLt|hipBLASLt) error: (?:Cannot read|Could not)(?![^\n]*No devices found)[^\n]*)]],
    gfx = [[(?:no (?:kernel|code object)[^\n]{0,60}gfx\d+|gfx\d+\w* is not supported|]]
      .. [[Unsupported (?:AMD )?GPU (?:arch\w*|target)[^\n]{0,40}gfx|unsupported (?:architecture|target):? ?gfx)]],
    bnb_split = [[(?:Could not load bitsandbytes native library: )?'NoneType' object has no attribute 'split']],
    bnb_version = [[Requested CUDA version:\s+(?<version>[4567]\.\d+)]],
    lib = [[lib(?:amdhip64|hipblas\w*|rocblas|MIOpen|hsa-runtime64|hiprtc|rccl|rocm_smi64|]]
      .. [[rocsolver)\.so[\d.]*: cannot open shared object file]],
    no_device = codes"host.no-gpu" .. [[|(?:HIP (?:error|runtime)[^\n]*no (?:ROCm|HIP)-capable device|]]
      .. [[No HIP GPUs are available|]]
      .. [[amdgpu[^\n]{0,40}not (?:loaded|found)|ROCk module is NOT loaded|]]
      .. [[Unable to open /dev/kfd|Could not initialize Tensile host: No devices found|]]
      .. [[permission problems block access|/dev/kfd: permission denied|kfd driver not loaded|]]
      .. [[is not member of \W?(?:render|video)\W? group)]],
    ollama = [[(?:amdgpu(?: \[\d+\])? (?:is not supported|too old|is too old)|]]
      .. [[amdgpu detected, but no compatible rocm library)]],
    code_object = [[No compatible code objects found for: (?<gfx2>gfx\w+)]],
    miopen = [[(?:miopenStatusUnknownError|MIOpen Error: [^\n]*(?:Code object build failed|No suitable algorithm|]]
      .. [[kernel)|MIOpen\(HIP\): Error)]],
    device_library = [[cannot find ROCm device library]],
    target_id = [[invalid target ID '(?<gfx3>gfx\w+)]],
    fault = [[Memory access fault by GPU node-\d+]],
    isa = [[HSA_STATUS_ERROR_INVALID_ISA]],
    cuda_on_amd = [[bitsandbytes[^\n]{0,80}(?:ROCm|HIP)[^\n]{0,80}(?:not|unsupported|missing)]],
  },
  context = {
    target = [[(?:GPU arch ?: |code object for |Name: +|amdhsa--|]]
      .. [[Device \d+: [\w ()-]{3,60}, )(?<gfx>gfx\d{3,4}[a-c]?)\b]],
    own = [[gpu_type=(?<own>gfx\w+)]],
    card = [[(?i)\b(?<card>(?:RX5|RX6|RX7|RX 5|RX 6|RX 7)\d{2}0(?: ?XTX?)?|]]
      .. [[Radeon (?:RX )?[567]\d{2}0|Radeon \d{3}M)\b]],
    server = [[source=amd_linux\.go|source=gpu\.go]],
    in_container = [[(?:docker|podman|root@[0-9a-f]{12}|user name to check for video)]],
    cuda_specs = [[(?:get_cuda_version|cuda_specs|torch\.version\.cuda)]],
    nvidia = [[(?:NVIDIA (?:GeForce|RTX|GH?B?\d|[AHLBT]\d)|Tesla|NVIDIA-SMI|NVRM: |/dev/nvidia\d)]],
    oom = [[HIP out of memory]],
  },
  unless = {"nvidia", "oom"},
  facts = {"gpus.0.name", "torch.hip", "torch.version", "bitsandbytes.version"},
  explains = {"bnb.binary-missing", "bnb.cpu-only", "bnb.override-wrong", "torch.no-kernel-image"},
  when = function(f, log)
    if log.bnb_split or log.bnb_version or log.cuda_on_amd then
      if log.bnb_split and not log.bnb_version and not log.cuda_specs and not log.has_frame[[bitsandbytes]] then
        return nil end
      local name = f"gpus.0.name" or ""
      if log.bnb_split and not log.bnb_version and not (f"torch.hip"
        or name:match[[(?i)amd|radeon|gfx|instinct|MI\d]]) then
        local torch = f.pkg"torch"
        if name ~= "" or torch and torch:match[[\+c(?:pu|u\d)]] or f"torch.cuda" == false then return nil end
      end
      return {hit = log.bnb_version or log.bnb_split or log.cuda_on_amd, confidence = log.bnb_version and 0.93 or 0.82,
        why = {"torch is a ROCm build (the 'CUDA version' that bitsandbytes names is ROCm's, or it has none), and "
        .. "this bitsandbytes has only CUDA libraries. BNB_CUDA_VERSION does not help."},
        fixes = {{install = "bitsandbytes", need = ">=0.48", say = "Install a bitsandbytes whose wheel holds ROCm "
          .. "libraries."}, {rebuild = "bitsandbytes", say = "Or build it for this ROCm."}}}
    end
    if log.no_device then
      local denied = log.no_device.text:match[[(?i)permission|is not member]] and not f"system.container.runtime"
        and not log.in_container
      return {hit = log.no_device, confidence = 0.82, why = "ROCm sees no GPU: /dev/kfd and /dev/dri are not "
        .. "passed in or not permitted, or the amdgpu driver is not loaded.",
        fixes = denied and {log.server and {setting = "ollama-group", kind = "driver", say = "Let the user that the "
            .. "server runs as into the groups that own /dev/kfd and /dev/dri."}
          or {setting = "gpu-group", kind = "driver", say = "Let this user into the groups that own /dev/kfd and "
            .. "/dev/dri, and log in anew."},
          {container = "rocm", say = "In a container: hand the devices over with those groups."}}
        or {{container = "rocm", kind = "driver", say = "Load amdgpu on the host, and pass /dev/kfd and "
        .. "/dev/dri to the worker, with the groups that own them."}}}
    end
    if log.symbol then
      return {hit = log.symbol, confidence = 0.86, why = "Two libraries of ROCm that are loaded together are of two "
        .. "releases: one asks another for {symbol}, which it does not have.",
        fixes = {{host = true, kind = "driver", say = "Bring all packages of ROCm to one release (upgrade them "
          .. "together, "
          .. "not one of them), and remove copies of them that lie in other folders of the library path."},
          {install = "torch", older = true, kind = "pip:torch", say = "Or use a build that brings its own ROCm "
            .. "libraries."}}}
    end
    if log.lib then
      return {hit = log.lib, confidence = 0.85, why = "A ROCm library cannot be loaded: torch (or the extension) "
        .. "is for another ROCm version, or ROCm is not installed.",
        fixes = {{install = "torch", older = true, kind = "pip:torch", say = "Install the torch built for the "
          .. "installed ROCm."},
        {prepend = "LD_LIBRARY_PATH", entry = "/opt/rocm/lib", say = "Or put /opt/rocm/lib on the library path."}}}
    end
    local forced = f.env"HSA_OVERRIDE_GFX_VERSION"
    if log.fault and not (log.code or log.hip_error or log.tensile or log.gfx or log.code_object) then
      if forced then
        return {hit = log.fault, confidence = 0.8, why = ("HSA_OVERRIDE_GFX_VERSION=%s makes ROCm send this GPU "
          .. "code of another one, which accesses memory wrongly."):format(forced),
          evidence = {"env.HSA_OVERRIDE_GFX_VERSION"},
          fixes = {{unset = {"HSA_OVERRIDE_GFX_VERSION"},
            say = "Unset it, or set the version of this GPU's own family."}}}
      end
      return {hit = log.fault, confidence = 0.5, why = "A kernel on the AMD GPU accessed memory that is not its "
        .. "own: code of another gfx target (HSA_OVERRIDE_GFX_VERSION), or a fault of this ROCm release.",
        fixes = {{unset = {"HSA_OVERRIDE_GFX_VERSION"}, say = "Unset HSA_OVERRIDE_GFX_VERSION where it is set and "
          .. "names another family than this GPU's.", cond = function() return forced ~= false end},
          {install = "torch", older = true, kind = "pip:torch", say = "Try a torch of another ROCm release."},
          {host = true, kind = "driver", say = "Bring kernel, linux-firmware and ROCm to releases that are made for "
            .. "this card."}}}
    end
    if log.device_library or log.target_id then
      return {hit = log.target_id or log.device_library, confidence = 0.84,
        why = {log.target_id and "The installed ROCm's compiler does not know {gfx3}: it is older than this GPU."
        or "ROCm's compiler does not find its device library: ROCm is installed in part, or at another place."},
        fixes = {{host = true, kind = "driver", say = "Install a ROCm release that knows this GPU, with its "
          .. "developer packages (rocm-dev), or name its place in ROCM_PATH."},
          {install = "torch", older = true, kind = "pip:torch", say = "And a torch built for that ROCm."}}}
    end
    local gfx = log.own and log.own.own or f"gpus.0.gfx" or log.code_object and log.code_object.gfx2 or log.target
      and log.target.gfx
    local value = override(gfx) or not gfx and override_by_name(log.card and log.card.card or f"gpus.0.name")
    -- a HIP that says it so is young enough to have code for gfx1150
    if log.code_object and gfx:match[=[^gfx115[1-3]$]=] then value = "11.5.0" end
    if log.isa or gfx and not value and log.ollama then
      return {hit = log.isa or log.ollama, confidence = 0.8,
        why = ("This ROCm build has no code for %s, and no supported target of its family."):format(gfx or "this GPU"),
        fixes = {{host = true, kind = "pip-downgrade:package", say = "Use a build with an older ROCm that still "
          .. "carries it, or the Vulkan backend."},
          {unset = {"HSA_OVERRIDE_GFX_VERSION"}, say = "Unset HSA_OVERRIDE_GFX_VERSION if it names another family."},
          {hardware = true, say = "Or use a supported GPU."}}}
    end
    local code = log.tensile or log.gfx or log.code_object or log.code or log.hip_error or log.ollama or log.miopen
    if not code then
      return {hit = log.hip_other, confidence = 0.6, why = "A call to HIP failed with an error that names no "
        .. "cause: often "
        .. "the ROCm of this environment is newer than the amdgpu driver of the host can serve.",
        fixes = {{host = true, kind = "driver", say = "Bring the host's amdgpu driver to the release of the ROCm "
          .. "that the "
          .. "worker uses (or use an image for the host's)."},
          {install = "torch", older = true, kind = "pip:torch", say = "Or install a torch for the ROCm of the host."}}}
    end
    return {hit = code,
      confidence = 0.84, why = {"The ROCm libraries carry no code for this GPU's gfx target.", "{fact:gpus.0.name}."},
      fixes = {value and {set = {HSA_OVERRIDE_GFX_VERSION = value}, automatic = true,
        say = "Let ROCm treat the GPU as the nearest supported one of its family."}
        or {setting = "gfx-override", kind = "env:HSA_OVERRIDE_GFX_VERSION", say = "Let ROCm treat the GPU as the "
          .. "nearest supported one of its family, by what rocminfo calls it (10.3.0 for RDNA2, 11.0.0 for RDNA3)."},
        {install = "torch", older = true, kind = "pip:torch", say = "Or install a torch for a ROCm that supports it."}}}
  end,
  doc = {looks = "HIP error: invalid device function, TensileLibrary not found, a 'CUDA' version 6.x in bitsandbytes.",
    check = "rocminfo | grep gfx; torch.version.hip."},
}

rule {
  id = "rocm.mismatch/no-toolkit",
  from = {root = {"compiler", "installer"}},
  anyone = {hipcc = "system"},
  signatures = {
    root = [[Failed to find ROCm root directory|Could not find the HIP compiler]],
    hipcc = [[\bhipcc: (?:No such file or directory|command not found|not found)]],
  },
  title = "ROCm's compiler is not installed, or not where it is looked for",
  confidence = 0.84,
  why = "The build is for AMD's GPUs, and ROCm's compiler (hipcc) is not found: its developer packages are not "
    .. "installed, or lie elsewhere than in /opt/rocm.",
  fixes = {
    {setting = "rocm-path", kind = "env:ROCM_PATH", say = "Where ROCm is installed, name its folder."},
    {host = true, kind = "driver", say = "Else install ROCm's developer packages (rocm-dev, hip-dev) of the release "
      .. "that the torch here is built for."},
  },
  doc = {looks = "'Failed to find ROCm root directory', 'hipcc: No such file or directory'.",
    check = "ls /opt/rocm*/bin/hipcc."},
}

rule {
  id = "rocm.mismatch/runtime",
  from = {"native", "driver", "system", "app", "other"},
  signatures = {
    call = [[hsa api call failure at:? [^\n]*rocminfo]],
    unsupported = [[ROCR: unsupported GPU]],
  },
  context = {wsl = [[WSL environment detected]], loaded = [[ROCk module is loaded]]},
  facts = {"system.kernel"},
  title = "ROCm's runtime does not start",
  when = function(_, log)
    local hit = log.unsupported or log.call
    if log.wsl or log.unsupported then
      return {hit = hit, confidence = 0.84, evidence = {log.wsl},
        why = "In WSL, ROCm reaches the GPU through the driver of Windows, and it takes only some releases of ROCm and "
          .. "some GPUs (RX 7900 and later of their kind): this pair is none of them.",
        fixes = {{host = true, kind = "driver", say = "Install the Adrenalin driver on Windows and, in WSL, the ROCm "
            .. "release that AMD's page on WSL names for each other."},
          {hardware = true, say = "Or use Linux without WSL, or DirectML or Vulkan, with a GPU that is not listed "
            .. "there."}}}
    end
    return {hit = hit, confidence = 0.78, evidence = {log.loaded},
      why = "ROCm's runtime does not get at the GPU: this user may not open /dev/kfd or /dev/dri, they are not in the "
        .. "container, or kernel driver and ROCm are not of one release.",
      fixes = {{setting = "gpu-group", kind = "driver", say = "Let this user into the groups that own /dev/kfd and "
          .. "/dev/dri, and log in anew."},
        {container = "rocm", say = "In a container: hand the devices over with those groups."},
        {host = true, kind = "driver", say = "Else bring the host's amdgpu driver to the release of this ROCm."}}}
  end,
  doc = {looks = "hsa api call failure at ... rocminfo.cc: HSA_STATUS_ERROR_OUT_OF_RESOURCES; ROCR: unsupported GPU.",
    check = "groups; ls -l /dev/kfd /dev/dri; the compatibility matrix of ROCm on WSL."},
}

rule {
  id = "gpu.fallen-off/amdgpu",
  from = {"kernel", "system", "driver"},
  signatures = {
    power = [[\b(?:amdgpu|nvidia) [0-9a-f:.]+: Unable to change power state from \w+ to D0, device inaccessible]],
    lost = [[\bamdgpu [0-9a-f:.]+:[^\n]*(?:device lost from bus|PCIe? device is inaccessible|GPU is lost)]],
  },
  confidence = 0.86,
  why = "The card did not come back from a state of low power: the PCIe link answers nothing any more.",
  fixes = {
    {restart = "host", say = "Power the host off and on, so that the card starts anew."},
    {host = true, say = "Then keep it from sleeping: amdgpu.runpm=0 (or pcie_aspm=off) on the kernel's command "
      .. "line, and "
      .. "the newest firmware of the mainboard."},
    {hardware = true, say = "Or check the card's seat, riser and power."},
  },
  doc = {looks = "amdgpu: Unable to change power state from D3hot to D0, device inaccessible.",
    check = "lspci -vv of the card (rev ff); dmesg before it."},
}

rule {
  id = "gpu.app-fault/amdgpu",
  from = {"kernel", "system", "driver"},
  signatures = {
    reset = [[\bamdgpu[^\n]*(?:GPU reset begin!|GPU Recovery Failed)|\bring \w[\w.]* timeout, signaled seq]],
    fault = [[\bamdgpu [0-9a-f:.]+:[^\n]*\[(?:gfx|mm)hub\d?\] (?:no-retry |retry )?page fault]],
  },
  context = {process = [[in process (?<process>[\w.:-]+) pid (?<pid>\d+)|for process +(?<process2>[\w.:-]*) ?pid ]]},
  explains = {"rocm.mismatch"},
  when = function(_, log)
    local who = log.process and (log.process.process or log.process.process2)
    local by = who and who ~= "" and ("It was %s."):format(who) or nil
    if log.reset then
      return {hit = log.reset, confidence = 0.76, evidence = {log.process}, title = "the AMD GPU hung and was reset",
        why = {"The GPU did not finish a program's work in time, and the kernel reset it: every program that was on it "
          .. "lost what it had there.", by},
        fixes = {{restart = "host", kind = "driver", say = "Reboot the host, so that the card starts anew."},
          {host = true, kind = "driver", say = "If it comes again: bring kernel, linux-firmware and ROCm to releases "
            .. "that are made for this card."},
          {code = true, say = "Or go round the kernel that hangs: another attention backend, smaller batches."}}}
    end
    return {hit = log.fault, confidence = 0.72, evidence = {log.process}, title = "a program's kernel faulted on "
      .. "the AMD GPU",
      why = {"A kernel on the GPU used memory that is not its own.", by},
      fixes = {{unset = {"HSA_OVERRIDE_GFX_VERSION"}, kind = "code", say = "Unset HSA_OVERRIDE_GFX_VERSION where "
        .. "it names "
        .. "another family than this GPU's."},
        {host = true, kind = "driver", say = "Or bring kernel, linux-firmware and ROCm to releases that are made "
          .. "for it."}}}
  end,
  doc = {looks = "amdgpu: [gfxhub] page fault; ring gfx_0.0.0 timeout; GPU reset begin!",
    check = "dmesg; which process stands beside it."},
}
