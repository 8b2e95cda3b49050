-- The way of a GPU into a container or a job.

local all_gpus = {container = "gpus", say = "Start the container or the job with the GPU."}
-- Triton's words, and those of libraries that do nothing without a GPU.
local NO_TRITON = [[(?:0 active drivers \(\[\]\)\. There should only be one|Found no active (?:triton )?driver)]]
local NEED = [=[(?:No (?:NVIDIA )?GPU found\? ?[^\n]*only supports GPUs|requires a CUDA-capable GPU|GPU is required|]=]
  .. [=[But your machine only has: \[\s*\]|No supported gpu backend found)]=]

local node_runtime = {setting = "toolkit-containerd", kind = "apt:nvidia-container-toolkit",
  say = "Make the NVIDIA runtime the default of the node's container service, then start the pod anew."}

-- What docker, BuildKit and podman print of a step of an image's build.
local STEP = any{[[^Step \d+/\d+ : RUN ]], [[^STEP \d+(?:/\d+)?: RUN ]], [=[^#\d+ \[[^\]\n]*\d+/\d+\] RUN ]=],
  [=[^ > \[[^\]\n]*\d+/\d+\] RUN ]=], [[The command '/bin/sh -c [^\n]*returned a non-zero code]],
  [[process "/bin/(?:ba)?sh -c [^\n]*did not complete successfully]]}

rule {
  id = "container.no-gpu/build",
  from = {"torch", "engine", "hub", "app", "other", "driver", "native"},
  anyone = {no_device = "code", libcuda = "loader"},
  signatures = {
    libcuda = [[libcuda\.so(?:\.1)?: cannot open shared object file]],
    no_driver = [[Found no NVIDIA driver on your system]],
    no_device = codes"container.no-gpu" .. [[|No CUDA GPUs are available]],
  },
  context = {step = STEP},
  specific_over = {"container.no-gpu", "host.no-gpu"},
  title = "the build of an image has no GPU and no driver",
  when = function(_, log)
    if not log.step then return nil end
    return {hit = log.libcuda or log.no_driver or log.no_device, evidence = {log.step}, confidence = 0.88,
      why = "A step of an image's build runs without GPUs: driver and devices come in when a container starts.",
      fixes = {
        {code = true, say = "Move what needs the GPU (an import that loads the driver, a test) from the Dockerfile "
          .. "into what the container runs when it starts."},
        {container = "gpus", say = "And start the container with the GPU."}}}
  end,
  doc = {looks = "libcuda.so.1: cannot open shared object file, in a RUN of a Dockerfile.",
    check = "Which step of the build failed."},
}

rule {
  id = "container.no-gpu",
  rival = {cause = "host.no-gpu", decides = "whether nvidia-smi shows a GPU on the host"},
  from = {
    no_devices_found = {"orchestrator", "driver", "engine", "framework", "container", "torch", "hub", "app", "other"},
    no_driver = {"torch"}, nvml_missing = {"driver", "engine", "shell", "app", "other", "container", "compiler"},
    permissions = {"driver"}, scheduler = {"orchestrator"}, unknown_device = {"container"},
    triton = {"triton"}, need = {"torch", "engine", "framework", "hub", "app", "other"},
    vllm_platform = {"engine", "torch"}, zero = {"torch", "engine", "hub", "app", "other"}},
  anyone = {insufficient = "code", libcuda = "loader", no_device = "code"},
  signatures = {
    no_driver = [[Found no NVIDIA driver on your system]],
    no_device = codes"container.no-gpu" .. [[|(?:No CUDA GPUs are available|]]
      .. [[no NVIDIA GPU detected|No visible GPU devices|no supported devices found for platform CUDA|]]
      .. [[no nvidia devices detected by library|The NVIDIA Driver was not detected)]],
    no_devices_found = [[(?:No devices found\. Waiting indefinitely|]]
      .. [[(?:failed|unable|could not) to initialize NVML: could not load NVML library|]]
      .. [[NVML(?: init failed)?: ERROR_LIBRARY_NOT_FOUND|]]
      .. [[(?:Could not|Unable to|Failed to) load (?:the )?NVML(?: (?:shared )?library)?|]]
      .. [[No GPU(?:s)? (?:found|detected|available)|]]
      .. [[No supported GPU\(s\) detected to run this container)]],
    nvml_missing = [[(?:NVML Shared Library Not Found|couldn't find libnvidia-ml\.so library|]]
      .. [[libnvidia-ml\.so(?:\.1)?: cannot open shared object file|]]
      .. [[nvidia-smi: (?:command )?not found|could not find nvidia-smi|]]
      .. [["?nvidia-smi\\*["`']: executable file not found)]],
    libcuda = [[libcuda\.so(?:\.1)?: cannot open shared object file]],
    vllm_platform = [[(?:Failed to infer device type|No platform detected, vLLM is running on UnspecifiedPlatform|]]
      .. [[Device string must not be empty)]],
    triton = NO_TRITON, need = NEED,
    zero = [[(?:device_count\(\) ?(?:==|=|is|>) ?0|Number of GPUs: 0|GPU count: 0|]]
      .. [[Attempting to deserialize object on a CUDA device but torch\.cuda\.is_available\(\) is False)]],
    insufficient = codes"torch.driver-too-old",
    permissions = [[Failed to initialize NVML: Insufficient Permissions]],
    scheduler = [[Insufficient (?:nvidia|amd)\.com/[\w.-]+]],
    unknown_device = [[nvidia-container-cli[^\n]*device error: (?<device>[^:\n]+): unknown device]],
  },
  context = {
    container = [[(?:docker|podman|OCI runtime|]]
      .. [[containerd|kubernetes|kubectl|k8s|/dist-packages/|pod/|(?<![\w~.-])/(?:workspace|app)/|]]
      .. [[runpod|/\.singularity\.d/|]]
      .. [[Container image Copyright|NVIDIA Container Toolkit to start)]],
    slurm = [[(?:slurmstepd|srun: |SLURM_JOB_ID|#SBATCH)]],
    cpu_build = [[(?:Torch not compiled with CUDA|\+cpu\b)]],
    visible = [=[CUDA_VISIBLE_DEVICES ?[=:] ?(?:['"]?['"]?(?:\s|$)|-1|''|\[\])]=],
    placed = [[Successfully assigned \S+ to ]],
    asked = [=[^\s*nvidia\.com/gpu: +[1-9]]=],
    renumbered = [=[--gpus[^\n]{1,40}device=\d[^\n]*CUDA_VISIBLE_DEVICES=[1-9]]=],
    old = [[is too old \(found version]],
    cli = [[nvidia-container-cli(?![^\n]*unknown device)|could not select device driver|]]
      .. [[unknown runtime specified nvidia]],
    device_plugin = [[If this is a GPU node, did you (?:set|configure)|Failed to start nvml]],
    mismatch = [[(?:Driver/library version mismatch|couldn't communicate with the NVIDIA driver|forward compatibility|]]
      .. [[system not yet initialized|CUDA unknown error)]],
    build = [[(?:running build_ext|Building wheel|setup\.py|triton|ld: cannot find)]],
  },
  unless = {"cpu_build", "old", "cli", "mismatch", "renumbered"},
  facts = {"system.container.runtime", "driver.version", "driver.devices", "env.NVIDIA_VISIBLE_DEVICES",
    "env.CUDA_VISIBLE_DEVICES", "torch.cuda"},
  explains = {"bnb.cpu-only"},
  when = function(f, log)
    local torch = f.pkg"torch"
    if log.unknown_device then
      return {hit = log.unknown_device, confidence = 0.88,
        why = "The container asks for GPU {device}, and this host has no such GPU (its UUID or number changed, or "
          .. "it was removed).",
        fixes = {{container = "gpus", kind = "env:NVIDIA_VISIBLE_DEVICES",
          say = "Ask for all GPUs, or correct NVIDIA_VISIBLE_DEVICES to one that nvidia-smi -L lists on the host."}}}
    end
    if log.scheduler then
      if log.placed and log.placed.line > log.scheduler.line then return nil end
      return {hit = log.scheduler, confidence = 0.72, why = "No node has the GPUs free that the pod asks for.",
        fixes = {{setting = "node-gpus", kind = "apt:nvidia-container-toolkit",
            say = "Look how many GPUs each node offers: where it is <none>, the node lacks the driver, the toolkit as "
              .. "its container service's runtime, or the device plugin; where there are some, others hold them: ask "
              .. "for fewer or end those pods."}, node_runtime}}
    end
    if log.permissions then
      return {hit = log.permissions, confidence = 0.75, why = "NVML may not open the device nodes.",
        fixes = {{container = "label", kind = "container-flag:device",
            say = "Where SELinux confines containers, start this one without its label."},
          {setting = "cgroups", kind = "apt:nvidia-container-toolkit",
            say = "Else set no-cgroups = false in the toolkit's configuration and start the container anew."}}}
    end
    if f"torch.cuda" == false or torch and torch:match[[\+cpu]] then return nil end
    local visible = f.env"CUDA_VISIBLE_DEVICES"
    if visible == "" or visible == "-1" or log.visible then return nil end
    -- CUDA came up where these facts were taken: visible-devices.wrong
    if f"cuda.driver_init.code" == 0 then return nil end
    local runtime = f"system.container.runtime"
    local slurm = log.slurm or f"system.container.orchestrator" == "slurm"
    local driver, cuda = f"driver.version", f"torch.cuda"
    if log.insufficient and not (log.no_driver or log.no_device) then
      if not (runtime and driver and cuda and know.driver_runs(driver, cuda) ~= "too-old") then return nil end
    end
    local hit = log.no_driver or log.no_device or log.no_devices_found or log.nvml_missing or log.libcuda
      or log.insufficient or log.vllm_platform or log.zero or log.triton or log.need
    if log.libcuda and log.build and not (log.no_driver or log.no_device) then return nil end
    local sure = runtime and (#f.gpus() > 0 or driver)
    local plugin = log.device_plugin
      or log.no_devices_found
      and log.no_devices_found.text:match[[Waiting indefinitely|NVML platform|(?i)NVML(?: init failed)?: ERROR_LIB]]
    -- host.no-gpu, driver.not-loaded: bare machines
    if not (runtime or log.container or slurm or plugin) then return nil end
    local fixes = {all_gpus}
    if log.asked then -- and got none
      fixes = {{container = "runtime", kind = "apt:nvidia-container-toolkit", say = "The pod asks for the GPU, so the "
        .. "node's runtime does not bring it in: start the pod by NVIDIA's runtime class."}, node_runtime}
    end
    if plugin then fixes[#fixes + 1] = node_runtime; fixes[1], fixes[2] = fixes[2], fixes[1] end
    if f.env"NVIDIA_VISIBLE_DEVICES" == "void" or f.env"NVIDIA_VISIBLE_DEVICES" == "none" then
      table.insert(fixes, 1, {set = {NVIDIA_VISIBLE_DEVICES = "all"},
        say = "Start it with NVIDIA_VISIBLE_DEVICES=all: it is {fact:env.NVIDIA_VISIBLE_DEVICES}."})
    end
    if slurm and not (runtime or log.container) then
      return {hit = hit, confidence = 0.72, why = "The job runs under Slurm and sees no GPU.",
        fixes = {{container = "gpus", say = "Ask Slurm for a GPU (--gres=gpu:1)."}}}
    end
    return {hit = hit, confidence = (sure or plugin) and 0.86 or 0.7, fixes = fixes,
      why = {f"driver.devices.0"
        and "The process runs in a container, and CUDA finds no GPU in it although device nodes are there."
        or "The process runs in a container and sees no NVIDIA device: the GPU was not passed into it.",
        "The host's driver is {fact:driver.version}."}}
  end,
  check = function(f)
    if not f"system.container.runtime" or f"driver.version" or not f"torch.cuda" then return nil end
    local seen = f"gpus.0.seen_by"
    if f"gpus.0" and seen ~= "pci" and seen ~= "kernel" or f"gpus.0.vendor" == "amd" then return nil end
    local v = f.env"NVIDIA_VISIBLE_DEVICES"
    if v == nil and not f"driver.devices" and not seen then return nil end
    if f"driver.devices.0" then return nil end
    if v == false and not f"pci.gpus.0" then return nil end
    return {confidence = 0.7, fixes = {all_gpus},
      why = {"This container has a CUDA build of torch and no NVIDIA driver or device in it.",
        "NVIDIA_VISIBLE_DEVICES is {fact:env.NVIDIA_VISIBLE_DEVICES}."}}
  end,
  doc = {looks = "'Found no NVIDIA driver', 'no CUDA-capable device is detected', 'No CUDA GPUs are available' in "
    .. "a container.",
    check = "ls /dev/nvidia* in the container; --gpus; the runtime class of the pod; --gres of the job."},
}

rule {
  id = "container.no-gpu/pool",
  rival = {cause = "torch.driver-too-old", decides = "whether nvidia-smi works inside the container"},
  from = {"engine", "server", "native", "other"},
  signatures = {pool = [[pinned (?:system )?memory[^\n]*: CUDA driver version is insufficient]]},
  context = {known = [[NVIDIA-SMI \d{3}|(?i)\btegra\b|\bL4T\b|jetson]]},
  unless = {"known"},
  facts = {"driver.version", "system.container.runtime"},
  confidence = 0.66,
  when = function(f) return not f"driver.version" and #f.gpus() == 0 and true or nil end,
  why = "The CUDA runtime says the same ('driver version is insufficient') where it finds no driver at all: mostly the "
    .. "container was started without the GPU.",
  fixes = {all_gpus, {driver = "upgrade", say = "If nvidia-smi works in it: upgrade the driver on the host."}},
  doc = {looks = "Unable to allocate pinned system memory ...: CUDA driver version is insufficient for CUDA runtime "
    .. "version.", check = "nvidia-smi inside the container."},
}

rule {
  id = "host.no-gpu",
  rival = {cause = "container.no-gpu", decides = "whether it runs in a container, and nvidia-smi works on its host"},
  from = {"torch", "engine", "framework", "hub", "compiler", "app", "other", no_driver = {"torch"},
    no_smi = {"shell", "app", "other"}, not_compiled = {"torch"}, triton = {"triton"}},
  anyone = {no_device = "code"},
  signatures = {
    no_driver = [[Found no NVIDIA driver on your system]],
    no_device = codes"container.no-gpu" .. [[|(?:No CUDA GPUs are available|]]
      .. [[No visible GPU devices|no supported devices found for platform CUDA)]],
    no_smi = [[(?:nvidia-smi: command not found|Command 'nvidia-smi' not found|'nvidia-smi' is not recognized)]],
    not_compiled = [[Torch not compiled with CUDA enabled]],
    triton = NO_TRITON, need = NEED,
    saved = [[Attempting to deserialize object on a CUDA device but torch\.cuda\.is_available\(\) is False]],
  },
  context = {
    container = [[(?:docker|containerd|kubernetes|k8s|/dist-packages/|pod/|runpod|/\.singularity\.d/)]],
    gpu_seen = [[(?:NVIDIA-SMI \d|corrupted at gpu \d|]]
      .. [[GPU \d+: NVIDIA|NVIDIA GeForce|GeForce RTX|Tesla [A-Z]\d|NVIDIA [AHLBV]\d+)]],
    cpu_build = [[(?:\+cpu\b|Torch not compiled with CUDA)]],
    old = [[is too old \(found version]],
    visible = [[CUDA_VISIBLE_DEVICES]],
    mismatch = [[(?:Driver/library version mismatch|couldn't communicate with the NVIDIA driver|CUDA unknown error)]],
    mac_path = [[(?:/Users/\w+/|darwin|macOS|Apple M\d)]],
    slurm = [[(?:slurmstepd|srun: |SLURM_JOB_ID|#SBATCH)]],
  },
  unless = {"container", "gpu_seen", "old", "visible", "mismatch", "slurm"},
  facts = {"gpus.0.name", "pci.gpus", "driver.version"},
  when = function(f, log)
    if f"system.container.runtime" or #f.gpus() > 0 or f"driver.version" then return nil end
    if (log.cpu_build or log.need) and not log.mac_path then return nil end
    if log.not_compiled then
      return {hit = log.not_compiled, confidence = 0.8, title = "CUDA is asked for on a Mac",
        why = "This is a Mac: there is no CUDA for it, and the program asks for it all the same.",
        fixes = {{code = true, say = "Choose the device that is there: 'mps' or 'cpu' instead of .cuda() and 'cuda'."},
          {hardware = true, say = "Or run on a machine with an NVIDIA GPU."}}}
    end
    if log.saved then
      return {hit = log.saved, confidence = 0.7,
        why = "The file was saved from a GPU, and torch finds none on this machine to load it to.",
        fixes = {{argument = "map_location", value = "'cpu'", say = "Load it for the CPU, in torch.load."},
          {hardware = true, say = "Or run on a machine with an NVIDIA GPU."}}}
    end
    return {confidence = log.mac_path and 0.85 or 0.6, why = "CUDA finds no driver or no GPU on this machine.",
      fixes = {{hardware = true, say = "Run on a machine with an NVIDIA GPU (or use a CPU build or backend)."},
        {driver = "install", say = "If a GPU is built in: install its driver."}}}
  end,
  doc = {looks = "'Found no NVIDIA driver on your system' outside containers.", check = "lspci | grep -i nvidia."},
}

rule {
  id = "host.no-gpu/module",
  from = {"kernel", "driver"},
  rival = {cause = "driver.not-loaded", decides = "whether lspci lists an NVIDIA card, and which driver holds it "
    .. "(lspci -k)"},
  signatures = {none = [[NVRM: No NVIDIA (?:GPU|graphics adapter|devices?)(?: \(in \w+\))? found]]},
  context = {held = [[(?i)\bnouveau\b|vfio-pci|probe routine was not called]]},
  facts = {"pci.gpus"},
  when = function(f, log)
    if log.held or f"pci.gpus.0" then return nil end -- driver.not-loaded
    return {confidence = 0.72}
  end,
  why = "The NVIDIA module was loaded and found no NVIDIA card on this machine's PCI bus.",
  fixes = {
    {hardware = true, say = "Look with lspci whether a card is listed at all: one that is not is missing, switched off "
      .. "in the firmware, or not handed to this virtual machine."},
    {driver = "nouveau", say = "Or, where another driver holds the card, keep that one from it."},
  },
  doc = {looks = "NVRM: No NVIDIA GPU found.", check = "lspci -nnk | grep -A3 10de."},
}

rule {
  id = "host.no-gpu/apptainer",
  from = {"apptainer"},
  signatures = {none = [[Could not find any (?:nv|rocm|NVIDIA|ROCm|AMD) (?:files|libraries|binaries) on this host]]},
  context = {went_on = [[^(?i:done|finished|completed|all done)\b|(?i)\b(?:running|computes?|using|falls? back) ]]
    .. [[(?:on |to )?(?:the )?CPU]]},
  facts = {"system.container.runtime"},
  explains = {"container.no-gpu"},
  when = function(_, log)
    -- what computes on the CPU by choice does not miss it
    if not log.fatal and (log.went_on or log.none.event.progress) then return nil end
    return {confidence = 0.85}
  end,
  why = "apptainer was started with --nv (or --rocm) and found no driver on this host to take into the container.",
  fixes = {{hardware = true, say = "Run it on a node that has a GPU and its driver (under Slurm ask for one: "
    .. "--gres=gpu:1); a login node mostly has none."},
    {driver = "install", say = "If a GPU is built in: install its driver on the host, so that ldconfig finds it."}},
  doc = {looks = "WARNING: Could not find any nv files on this host!", check = "nvidia-smi on that host."},
}

-- ---- the container engine and NVIDIA's toolkit ----

rule {
  id = "container.toolkit-missing",
  from = {"container", "orchestrator", "shell"},
  signatures = {
    select = [=[could not select device driver ['"]?['"]? with capabilities: \[\[gpu\]\]]=],
    select2 = [[could not select device driver(?! \\?['"](?!nvidia)\w)]],
    runtime = [[(?:[Uu]nknown (?:or invalid )?runtime (?:name|specified)[: ]*['"]?nvidia|]]
      .. [[runtime ['"]?nvidia['"]? (?:is )?not (?:found|configured)|unknown runtime specified nvidia)]],
    hook = [[nvidia-container-(?:runtime|toolkit|cli)(?:-hook)?['"`]?:? (?:executable file )?not found|]]
      .. [[exec: \\?["']?nvidia-container-(?:cli|runtime)[^\n]*(?:not found|no such file)|]]
      .. [[inject NVIDIA hook: stat \S+: no such file|Command not found: nvidia-container-cli|]]
      .. [[\bstat \S*/nvidia-container-cli: no such file]],
    kubernetes = [[(?:no runtime for [\\"']*nvidia[\\"']* is configured|]]
      .. [[RuntimeClass[^\n]{0,40}nvidia[^\n]{0,40}not found|]]
      .. [[failed to discover GPU vendor from CDI|no known GPU vendor found|nvidia-container-runtime: no such file)]],
  },
  context = {not_loaded = [[driver not loaded]], absent = [[nvidia-container-runtime: no such file]],
    containerd = [[(?:no runtime for|RuntimeClass|]]
    .. [[pod sandbox|kubelet|\bk3s\b)]],
    apptainer = [[(?:\b(?:singularity|apptainer)\b|^container creation failed)]]},
  unless = {"not_loaded"},
  explains = {"container.no-gpu", "container.entrypoint-broken"},
  when = function(_, log)
    if log.kubernetes and log.containerd and not log.absent then
      return {confidence = 0.94, why = "The node's container service has no runtime of the name nvidia.",
        fixes = {node_runtime,
        {setting = "toolkit", kind = "apt:nvidia-container-toolkit",
          say = "Install the toolkit on the node first if it is missing."}}}
    end
    if log.apptainer and log.hook then
      return {hit = log.hook, confidence = 0.9, title = "nvidia-container-cli is not installed",
        why = "apptainer is set up to bring the GPU in with nvidia-container-cli, and that program is not on this "
          .. "host.",
        fixes = {{host = true, kind = "apt:nvidia-container-toolkit", say = "Start it with --nv and without --nvccli "
          .. "(in apptainer.conf or singularity.conf: use nvidia-container-cli = no), or install "
          .. "nvidia-container-toolkit on the host."}}}
    end
    if (log.hook or log.absent) and log.containerd then
      return {hit = log.hook or log.kubernetes, confidence = 0.94,
        why = "The node's container service is told to start containers by NVIDIA's runtime, and there is no such "
          .. "program.",
        fixes = {{setting = "toolkit-node", kind = "apt:nvidia-container-toolkit", say = "Install "
          .. "nvidia-container-toolkit on the node, and configure its container service for it."}}}
    end
    return {confidence = 0.94}
  end,
  why = "The container engine knows no NVIDIA runtime: nvidia-container-toolkit is not installed on the host, or the "
    .. "engine was not configured for it.",
  fixes = {
    {setting = "toolkit", kind = "apt:nvidia-container-toolkit",
      say = "Install nvidia-container-toolkit on the host, configure the engine for it and restart the engine."},
    {setting = "toolkit-docker", kind = "restart", say = "If it is installed already: configure the engine and "
      .. "restart it."},
  },
  doc = {looks = "could not select device driver \"\" with capabilities: [[gpu]]; unknown runtime specified nvidia.",
    check = "docker info | grep -i runtime."},
}
