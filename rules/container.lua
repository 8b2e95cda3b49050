-- The way of a GPU into a container or a job.

local all_gpus = {container = "gpus", say = "Start the container or the job with the GPU."}
local node_runtime = {setting = "toolkit-containerd", kind = "apt:nvidia-container-toolkit",
  say = "Make the NVIDIA runtime the default of the node's container service, then start the pod anew."}

rule {
  id = "container.no-gpu",
  rival = {cause = "host.no-gpu", decides = "whether nvidia-smi shows a GPU on the host"},
  from = {
    no_devices_found = {"orchestrator", "driver", "engine", "framework", "container", "torch", "hub", "app", "other"},
    no_driver = {"torch"}, nvml_missing = {"driver", "engine", "shell", "app", "other", "container", "compiler"},
    permissions = {"driver"}, scheduler = {"orchestrator"}, unknown_device = {"container"},
    vllm_platform = {"engine", "torch"}, zero = {"torch", "engine", "hub", "app", "other"}},
  anyone = {insufficient = "code", libcuda = "loader", no_device = "code"},
  signatures = {
    no_driver = [[Found no NVIDIA driver on your system]],
    no_device = codes"container.no-gpu" .. [[|(?:No CUDA GPUs are available|]]
      .. [[no NVIDIA GPU detected|No visible GPU devices|no supported devices found for platform CUDA|]]
      .. [[no nvidia devices detected by library|The NVIDIA Driver was not detected)]],
    no_devices_found = [[(?:No devices found\. Waiting indefinitely|]]
      .. [[Failed to initialize NVML: (?:could not load NVML library|ERROR_LIBRARY_NOT_FOUND)|]]
      .. [[(?:Could not|Unable to|Failed to) load (?:the )?NVML(?: (?:shared )?library)?|]]
      .. [[No GPU(?:s)? (?:found|detected|available)|]]
      .. [[But your machine only has: \[\s*\]|No supported gpu backend found|]]
      .. [[No supported GPU\(s\) detected to run this container)]],
    nvml_missing = [[(?:NVML Shared Library Not Found|couldn't find libnvidia-ml\.so library|]]
      .. [[libnvidia-ml\.so(?:\.1)?: cannot open shared object file|]]
      .. [[nvidia-smi: (?:command )?not found|could not find nvidia-smi)]],
    libcuda = [[libcuda\.so(?:\.1)?: cannot open shared object file]],
    vllm_platform = [[(?:Failed to infer device type|No platform detected, vLLM is running on UnspecifiedPlatform|]]
      .. [[Device string must not be empty)]],
    zero = [[(?:device_count\(\) ?(?:==|=|is|>) ?0|Number of GPUs: 0|GPU count: 0|]]
      .. [[Attempting to deserialize object on a CUDA device but torch\.cuda\.is_available\(\) is False)]],
    insufficient = codes"torch.driver-too-old",
    permissions = [[Failed to initialize NVML: Insufficient Permissions]],
    scheduler = [[Insufficient nvidia\.com/gpu]],
    unknown_device = [[nvidia-container-cli[^\n]*device error: (?<device>[^:\n]+): unknown device]],
  },
  context = {
    container = [[(?:docker|containerd|kubernetes|kubectl|k8s|/dist-packages/|pod/|/workspace/|/app/|runpod|]]
      .. [[Container image Copyright)]],
    slurm = [[(?:slurmstepd|srun: |SLURM_JOB_ID|#SBATCH)]],
    cpu_build = [[(?:Torch not compiled with CUDA|\+cpu\b)]],
    visible = [=[CUDA_VISIBLE_DEVICES ?[=:] ?(?:['"]?['"]?\s|-1|''|\[\])]=],
    old = [[is too old \(found version]],
    cli = [[nvidia-container-cli(?![^\n]*unknown device)|could not select device driver|]]
      .. [[unknown runtime specified nvidia]],
    device_plugin = [[If this is a GPU node, did you (?:set|configure)|Failed to start nvml]],
    mismatch = [[(?:Driver/library version mismatch|couldn't communicate with the NVIDIA driver|forward compatibility|]]
      .. [[system not yet initialized|CUDA unknown error)]],
    build = [[(?:running build_ext|Building wheel|setup\.py|triton|ld: cannot find)]],
  },
  unless = {"cpu_build", "old", "cli", "mismatch"},
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
      return {hit = log.scheduler, confidence = 0.72, why = "No node has the GPUs free that the pod asks for.",
        fixes = {{container = "gpus", kind = "apt:nvidia-container-toolkit",
            say = "Look at 'kubectl describe nodes': where Allocatable has no nvidia.com/gpu, the node lacks the "
              .. "driver, the "
              .. "toolkit or the device plugin; where all are taken, ask for fewer."}}}
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
      or log.insufficient or log.vllm_platform or log.zero
    if log.libcuda and log.build and not (log.no_driver or log.no_device) then return nil end
    local sure = runtime and (#f.gpus() > 0 or driver)
    local plugin = log.device_plugin
      or log.no_devices_found and log.no_devices_found.text:match[[Waiting indefinitely|NVML platform]]
    -- host.no-gpu, driver.not-loaded: bare machines
    if not (runtime or log.container or slurm or plugin) then return nil end
    local fixes = {all_gpus}
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
  id = "host.no-gpu",
  rival = {cause = "container.no-gpu", decides = "whether it runs in a container, and nvidia-smi works on its host"},
  from = {"torch", "engine", "hub", "compiler", "app", "other", no_driver = {"torch"},
    no_smi = {"shell", "app", "other"}, not_compiled = {"torch"}, triton = {"triton"}},
  anyone = {no_device = "code"},
  signatures = {
    no_driver = [[Found no NVIDIA driver on your system]],
    no_device = codes"container.no-gpu" .. [[|(?:No CUDA GPUs are available|]]
      .. [[No visible GPU devices|no supported devices found for platform CUDA)]],
    no_smi = [[(?:nvidia-smi: command not found|'nvidia-smi' is not recognized)]],
    not_compiled = [[Torch not compiled with CUDA enabled]],
    triton = [[(?:0 active drivers \(\[\]\)\. There should only be one|Found no active (?:triton )?driver)]],
    need = [[(?:No (?:NVIDIA )?GPU found\? ?[^\n]*only supports GPUs|requires a CUDA-capable GPU|GPU is required|]]
      .. [[But your machine only has: \[\s*\]|No supported gpu backend found)]],
  },
  context = {
    container = [[(?:docker|containerd|kubernetes|k8s|/dist-packages/|pod/|runpod)]],
    gpu_seen = [[(?:NVIDIA-SMI \d|GPU \d+: NVIDIA|NVIDIA GeForce|GeForce RTX|Tesla [A-Z]\d|NVIDIA [AHLBV]\d+)]],
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
    return {confidence = log.mac_path and 0.85 or 0.6, why = "CUDA finds no driver or no GPU on this machine.",
      fixes = {{hardware = true, say = "Run on a machine with an NVIDIA GPU (or use a CPU build or backend)."},
        {driver = "install", say = "If a GPU is built in: install its driver."}}}
  end,
  doc = {looks = "'Found no NVIDIA driver on your system' outside containers.", check = "lspci | grep -i nvidia."},
}

rule {
  id = "host.no-gpu/apptainer",
  from = {"apptainer"},
  signatures = {none = [[Could not find any (?:nv|rocm|NVIDIA|ROCm|AMD) (?:files|libraries|binaries) on this host]]},
  facts = {"system.container.runtime"},
  explains = {"container.no-gpu"},
  confidence = 0.85,
  why = "apptainer was started with --nv (or --rocm) and found no driver on this host to take into the container.",
  fixes = {{hardware = true, say = "Run it on a node that has a GPU and its driver (under Slurm ask for one: "
    .. "--gres=gpu:1); "
    .. "a login node mostly has none."},
    {driver = "install", say = "If a GPU is built in: install its driver on the host, so that ldconfig finds it."}},
  doc = {looks = "WARNING: Could not find any nv files on this host!", check = "nvidia-smi on that host."},
}

-- ---- the container engine and NVIDIA's toolkit ----

rule {
  id = "container.toolkit-missing",
  from = {"container", "orchestrator", "shell"},
  signatures = {
    select = [=[could not select device driver ['"]?['"]? with capabilities: \[\[gpu\]\]]=],
    select2 = [[could not select device driver]],
    runtime = [[(?:[Uu]nknown (?:or invalid )?runtime (?:name|specified)[: ]*['"]?nvidia|]]
      .. [[runtime ['"]?nvidia['"]? (?:is )?not (?:found|configured)|unknown runtime specified nvidia)]],
    hook = [[nvidia-container-(?:runtime|toolkit|cli)(?:-hook)?['"]?:? (?:executable file )?not found|]]
      .. [[exec: \\?["']?nvidia-container-(?:cli|runtime)[^\n]*(?:not found|no such file)|]]
      .. [[inject NVIDIA hook: stat \S+: no such file|Command not found: nvidia-container-cli|]]
      .. [[\bstat \S*/nvidia-container-cli: no such file]],
    kubernetes = [[(?:no runtime for [\\"']*nvidia[\\"']* is configured|]]
      .. [[RuntimeClass[^\n]{0,40}nvidia[^\n]{0,40}not found|]]
      .. [[failed to discover GPU vendor from CDI|nvidia-container-runtime: no such file)]],
  },
  context = {not_loaded = [[driver not loaded]], containerd = [[(?:no runtime for|RuntimeClass|containerd|]]
    .. [[pod sandbox|kubelet)]]},
  unless = {"not_loaded"},
  explains = {"container.no-gpu"},
  when = function(_, log)
    if log.kubernetes and log.containerd then
      return {confidence = 0.94, why = "The node's container service has no runtime of the name nvidia.",
        fixes = {node_runtime,
        {setting = "toolkit", kind = "apt:nvidia-container-toolkit",
          say = "Install the toolkit on the node first if it is missing."}}}
    end
    return {confidence = 0.94}
  end,
  why = "The container engine knows no NVIDIA runtime: nvidia-container-toolkit is not installed on the host, or "
    .. "the engine was "
    .. "not configured for it.",
  fixes = {
    {setting = "toolkit", kind = "apt:nvidia-container-toolkit",
      say = "Install nvidia-container-toolkit on the host, configure the engine for it and restart the engine."},
    {setting = "toolkit-docker", kind = "restart", say = "If it is installed already: configure the engine and "
      .. "restart it."},
  },
  doc = {looks = "could not select device driver \"\" with capabilities: [[gpu]]; unknown runtime specified nvidia.",
    check = "docker info | grep -i runtime."},
}

rule {
  id = "container.runtime-config",
  from = {"container", "orchestrator", "systemd"},
  signatures = {
    ldcache = [[nvidia-container-cli[^\n]*ldcache error: (?:open failed: (?<ldconfig>\S+?)[:,]|]]
      .. [[process (?<process>\S+) (?:failed|terminated))]],
    cdi = [[(?:unresolvable CDI devices|failed to inject CDI devices|CDI device injection failed|]]
      .. [[failed to stat CDI host device)]],
    hook = [[error executing hook `?[^`\s]*nvidia-(?:cdi-hook|ctk|container-(?:runtime-hook|toolkit))\b]],
    socket = [[mount error: [^\n]*/nvidia-persistenced/socket: no such device]],
    cdi_old = [[stat (?:\w+\.)+\w+/(?:gpu|mig)=[\w:-]+: no such file or directory]],
    direct = [[invoking the NVIDIA Container Runtime Hook directly]],
    cgroup_v2 = [[nvidia-container-cli[^\n]*container error: cgroup subsystem devices not found]],
    daemon_json = [[unable to configure the Docker daemon with file (?<file>\S+):]],
    config_toml = [[(?:could not load config|error (?:loading|parsing)|failed to (?:load|parse|]]
      .. [[get) config)[^\n]*nvidia-container-runtime/config\.toml]],
    detection = [[nvidia-container-cli[^\n]*(?:detection error|]]
      .. [[mount error: failed to add device rules: unable to generate new device filter)]],
    no_such = [[nvidia-container-runtime did not terminate successfully]],
  },
  context = {
    rootless = [[bpf_prog_query|/run/user/\d+|rootless]],
    other_cause = [[(?:requirement error|driver not loaded|load library failed|initialization error|file exists)]],
  },
  unless = {"rootless", "other_cause"},
  explains = {"container.no-gpu", "container.toolkit-missing"},
  confidence = 0.92,
  when = function(_, log)
    if log.ldcache then
      local real = (log.ldcache.ldconfig or log.ldcache.process):has("ldconfig.real")
      return {hit = log.ldcache, why = {"The toolkit is told to run {ldconfig}, which cannot be opened on this host.",
          "The toolkit ran {process}, and it failed."},
        fixes = {{setting = real and "ldconfig" or "ldconfig-real",
          say = "Name this host's ldconfig in /etc/nvidia-container-runtime/config.toml (Ubuntu and Debian: "
            .. "@/sbin/ldconfig.real; "
            .. "others: @/sbin/ldconfig)."}}}
    end
    if log.cdi then
      return {hit = log.cdi, why = "The engine is asked for a GPU by a CDI name, and no specification on this host "
        .. "has it.",
        fixes = {{setting = "cdi", say = "Write the CDI specification of this host's GPUs, anew after every change "
          .. "of the driver."}}}
    end
    if log.socket then
      return {hit = log.socket, confidence = 0.85, why = "The toolkit is to hand nvidia-persistenced's socket over, "
        .. "and what lies there is no live socket: left behind by a daemon, or made by a second hook.",
        fixes = {{host = true, say = "Restart nvidia-persistenced on the host; where two NVIDIA hooks are installed "
          .. "(/usr/libexec/oci/hooks.d), remove the old one."}}}
    end
    if log.hook then
      return {hit = log.hook, confidence = 0.72, why = "The toolkit's hook ran and failed: its specification of the "
        .. "GPUs is of another driver or toolkit, or it may not do so without root.",
        fixes = {{setting = "cdi", say = "Write the CDI specification of this host's GPUs anew; rootless, also set "
          .. "no-cgroups = true in /etc/nvidia-container-runtime/config.toml."}}}
    end
    if log.cdi_old then
      return {hit = log.cdi_old, why = "The engine takes the CDI name of the GPU for a file: it is older than CDI.",
        fixes = {{host = true,
          say = "Upgrade podman to 4.1 or later (docker to 25), or use the NVIDIA runtime's hook."}}}
    end
    if log.direct then
      return {hit = log.direct, why = "The toolkit's hook was called by --gpus; on this host its mode allows only "
        .. "the NVIDIA runtime.",
        fixes = {{container = "runtime", kind = "os", say = "Use the NVIDIA runtime instead of --gpus."}}}
    end
    if log.cgroup_v2 then
      return {hit = log.cgroup_v2, why = "This nvidia-container-cli looks for cgroups of version 1, and the host "
        .. "has version 2.",
        fixes = {{setting = "toolkit-upgrade", say = "Upgrade nvidia-container-toolkit: from 1.8 on it knows "
          .. "cgroups of version 2."}}}
    end
    if log.detection then
      return {hit = log.detection, confidence = 0.8, why = "nvidia-container-cli is there and fails while it "
        .. "prepares the container.",
        fixes = {{setting = "toolkit-upgrade", say = "Upgrade nvidia-container-toolkit on the host, and restart "
          .. "the engine."}}}
    end
    if log.no_such then
      return {hit = log.no_such, confidence = 0.78, why = "The node's NVIDIA runtime is there and failed to start "
        .. "the container.",
        fixes = {{setting = "toolkit-upgrade", say = "Upgrade nvidia-container-toolkit on the node, and restart "
          .. "its container service."}}}
    end
    return {hit = log.daemon_json or log.config_toml, why = {"The engine cannot read its configuration {file}."},
      fixes = {{host = true, say = "Correct the file that the message names (its JSON or TOML is malformed, or it "
        .. "sets what a flag "
        .. "of the service sets too), then restart the engine."}}}
  end,
  doc = {looks = "nvidia-container-cli: ldcache error; unresolvable CDI devices; invoking the NVIDIA Container "
    .. "Runtime Hook directly.",
    check = "/etc/nvidia-container-runtime/config.toml, /etc/docker/daemon.json, nvidia-ctk cdi list."},
}

rule {
  id = "container.rootless-cgroups",
  from = {"container", "orchestrator"},
  signatures = {
    bpf = [[bpf_prog_query\(BPF_CGROUP_DEVICE\) failed: operation not permitted]],
    cgroup = [[nvidia-container-cli[^\n]*mount error: (?:open|write) (?:failed|]]
      .. [[error): /sys/fs/cgroup/\S+: permission denied]],
    hook = [[error executing hook [`'"]?/usr/bin/nvidia-container-(?:toolkit|runtime-hook)]],
  },
  context = {rootless = [[(?:/run/user/\d+|rootless|bpf_prog_query|crun|podman)]]},
  all = {"rootless"},
  explains = {"container.no-gpu", "container.toolkit-missing", "container.runtime-config"},
  confidence = 0.93,
  why = "The toolkit wants to change the cgroup's device rules, and the engine that called it may not: it runs "
    .. "without root, or in a "
    .. "container itself.",
  fixes = {
    {setting = "no-cgroups", kind = "container-flag:no-cgroups",
      say = "Tell the toolkit to leave cgroups alone (no-cgroups = true)."},
    {setting = "cdi", say = "Or pass the GPU by CDI (podman: --device nvidia.com/gpu=all), which needs no rules."},
  },
  doc = {looks = "bpf_prog_query(BPF_CGROUP_DEVICE) failed: operation not permitted.",
    check = "Does the engine run as root? no-cgroups in /etc/nvidia-container-runtime/config.toml."},
}

rule {
  id = "container.sandbox-driver",
  from = {"container", "orchestrator", "kernel"},
  signatures = {
    nvproxy = [[registering nvproxy driver: unsupported N(?i:vidia) driver version:? ?(?<version>[\d.]+)?]],
    ioctl = [[nvproxy: (?:unknown|unsupported|unimplemented) (?:control command|allocation class|]]
      .. [[ioctl)[^\n]{0,20}?(?<command>0x[0-9a-f]+)?]],
    mute = [[cannot create sandbox: cannot read client sync file: waiting for sandbox to start: EOF]],
    kata = [[(?:kata|virtcontainers|cloud-hypervisor|qemu)[^\n]{0,120}vfio[^\n]{0,120}(?:fail|error|not (?:found|]]
      .. [[viable|supported))]],
  },
  explains = {"container.no-gpu", "driver.unknown-error"},
  confidence = 0.92,
  when = function(_, log)
    if log.nvproxy then
      return {hit = log.nvproxy, why = {"gVisor passes the driver's calls on only for releases that it knows, and "
        .. "{version} is none of them."},
        fixes = {{driver = "match", say = "Install a driver that this runsc knows (runsc nvproxy "
          .. "list-supported-drivers), or a newer runsc."},
          {host = true, say = "Or start runsc with --nvproxy-driver-version of the nearest release that it lists."}}}
    end
    if log.mute and not log.ioctl then
      return {hit = log.mute, confidence = 0.55, why = "gVisor's sandbox died as it started, and says why only in its "
        .. "debug log: mostly a release of the NVIDIA driver that it does not know.",
        fixes = {{driver = "match", say = "Start runsc with --debug and --debug-log=/tmp/runsc/ and read why; for an "
          .. "unsupported driver, install one of runsc nvproxy list-supported-drivers, or a newer runsc."}}}
    end
    if log.kata then
      return {hit = log.kata, confidence = 0.82, why = "The virtual machine of this sandbox could not take the GPU "
        .. "over (VFIO).",
        fixes = {{host = true, say = "Bind the GPU to vfio-pci on the node, with the whole IOMMU group, before the "
          .. "pod starts."}}}
    end
    return {hit = log.ioctl, confidence = 0.84, why = {"gVisor does not know a call of the driver that the program "
      .. "makes.", "It is {command}."},
      fixes = {{host = true, say = "Upgrade runsc, or run this worker with the ordinary runtime (runc)."}}}
  end,
  doc = {looks = "registering nvproxy driver: unsupported Nvidia driver version.",
    check = "runsc nvproxy list-supported-drivers."},
}

rule {
  id = "container.sandbox-driver/check",
  check = function(f)
    local code = f"cuda.driver_init.code"
    if f"system.container.runtime" ~= "gvisor" or not f"torch.cuda" or code == nil or code == 0 then return nil end
    return {confidence = 0.8, why = ("This is a gVisor sandbox, and cuInit answers %d in it."):format(code),
      evidence = {"system.container.runtime", "cuda.driver_init.code", "driver.version"},
      fixes = {{driver = "match", say = "Install a driver that this runsc knows (runsc nvproxy "
        .. "list-supported-drivers), or a newer runsc."}}}
  end,
}

rule {
  id = "container.toolkit-missing/wsl",
  from = {"native", "driver", "container"},
  signatures = {
    symbol = [[(?:cudaGetDeviceCount\(\)[^\n]*Error 500|CUDA failed with error named symbol not found|]]
      .. [[(?:failed to initialize CUDA|initialization error): (?:cuda error: )?named symbol not found)]],
  },
  facts = {"system.kernel", "system.container.runtime", "driver.version"},
  explains = {"container.no-gpu", "driver.fabric-manager", "torch.no-kernel-image", "bnb.arch-unsupported"},
  confidence = 0.8,
  title = "the container engine does not know all libraries of this driver",
  why = {"CUDA does not start (error 500, named symbol not found). It is seen with Docker Desktop on WSL2 after a "
    .. "driver upgrade: its "
      .. "NVIDIA toolkit is older than the driver and does not hand over a library that the others need.",
    "Kernel {fact:system.kernel}."},
  fixes = {
    {host = true, kind = "apt:nvidia-container-toolkit",
      say = "Upgrade Docker Desktop (4.31 or later for drivers from 555 on), or the nvidia-container-toolkit of "
        .. "the engine, and restart it."},
    {driver = "match", say = "Or go back to the driver that worked."},
  },
  doc = {looks = "'cudaGetDeviceCount() ... Error 500: named symbol not found' in a container under WSL2.",
    check = "nvidia-smi works and CUDA does not; versions of the driver and of Docker Desktop."},
}

rule {
  id = "container.no-gpu/wsl",
  from = {"driver", "container"},
  signatures = {
    adapters = [[WSL environment detected but no adapters were found]],
    request = [[initialization error: driver error: failed to process request|stat failed: /usr/lib/wsl/]],
    blocked = [[GPU access blocked by the operating system]],
  },
  facts = {"system.kernel", "driver.version"},
  explains = {"container.toolkit-missing", "driver.not-loaded"},
  when = function(_, log)
    local restart = {restart = "wsl", say = "Restart WSL (and Docker Desktop), after 'wsl --update'."}
    local driver = {driver = "install",
      say = "Install a current NVIDIA driver on Windows; no Linux driver and no libcuda of an image may stand "
        .. "before it in WSL."}
    if log.adapters then
      return {confidence = 0.85, title = "WSL2 offers no GPU to the container", fixes = {driver, restart},
        why = "Windows hands no GPU to WSL2."}
    end
    if log.request then
      return {confidence = 0.72, title = "the driver does not answer nvidia-container-cli", fixes = {driver, restart},
        why = "nvidia-container-cli reaches no driver: under WSL2 that of Windows is missing, too old for WSL, or "
          .. "was renewed since WSL started."}
    end
    return {confidence = 0.7, title = "WSL2 blocks access to the GPU", fixes = {driver, restart},
      why = "NVML may not reach the GPU through WSL2: mostly a library of the distribution or the image is loaded "
        .. "instead of "
        .. "that in /usr/lib/wsl/lib."}
  end,
  doc = {looks = "'WSL environment detected but no adapters were found', 'GPU access blocked by the operating system'.",
    check = "nvidia-smi on Windows; ls /usr/lib/wsl/lib; wsl --version."},
}

rule {
  id = "container.runtime-config/another-host",
  from = {"container", "orchestrator"},
  signatures = {cli = [[nvidia-container-cli[^\n]*load library failed: libnvidia-ml]]},
  context = {smi_works = [[\| NVIDIA-SMI \d{3}\.\d]]},
  explains = {"container.no-gpu", "container.toolkit-missing"},
  when = function(_, log)
    if not log.smi_works then return nil end -- driver.not-loaded
    return {hit = log.cli, confidence = 0.85, title = "the container engine does not see the host's driver",
      why = "nvidia-smi works in the shell, and where the engine runs nvidia-container-cli there is no libnvidia-ml: "
        .. "the engine runs in a machine or a root of its own (Docker Desktop's virtual machine, a snap, rootless).",
      fixes = {{host = true, kind = "os", say = "Use the engine of the host itself: `docker context ls` shows which is "
          .. "used (`docker context use default` leaves Docker Desktop); in place of a snap install docker-ce or "
          .. "docker.io by apt, then nvidia-container-toolkit."}}}
  end,
  doc = {looks = "'load library failed: libnvidia-ml.so.1' beside a table of nvidia-smi that works.",
    check = "docker context ls; snap list docker; docker info | grep -i 'docker root dir'."},
}

rule {
  id = "container.driver-files-in-image",
  from = {"container", "orchestrator"},
  signatures = {exists = [[nvidia-container-cli[^\n]*mount error: file creation failed: (?<path>\S+): file exists]]},
  explains = {"container.toolkit-missing", "container.no-gpu"},
  confidence = 0.92,
  why = "The toolkit mounts the host's driver files into the container, and one is in the image already: {path}.",
  fixes = {
    {host = true, kind = "rebuild:image",
      say = "Build the image anew without the driver's files (libnvidia-*, libcuda.so.*, nvidia-smi): not by "
        .. "'docker commit' of a "
        .. "GPU container, not with the NVIDIA runtime as default, and without a driver package."},
  },
  doc = {looks = "nvidia-container-cli: mount error: file creation failed: ...libnvidia-ml.so.1: file exists.",
    check = "ls -l of that path in the image."},
}

rule {
  id = "container.gpu-lost",
  from = {"driver", "native", "container", "orchestrator"},
  anyone = {nvml_error = "code"},
  signatures = {
    nvml_unknown = [[Failed to initialize NVML: Unknown Error]],
    unable = [[Unable to determine the device handle for GPU[^\n]*: Unknown Error]],
    nvml_error = any{codes"container.gpu-lost", [[nvmlInit\S* (?:failed|returned)[^\n]*Unknown Error]]},
    unhealthy = [[(?:cannot allocate unhealthy devices nvidia\.com/gpu|no healthy devices present; cannot allocate)]],
  },
  context = {xid = [[fallen off the bus|Xid \(|GPU is lost]], start = [[\b(?:docker|podman|nerdctl) run\b]]},
  unless = {"xid"},
  facts = {"system.container.runtime", "driver.devices"},
  when = function(f, log) -- on the host it is the card itself: gpu.fallen-off/handle
    if log.unhealthy then
      return {hit = log.unhealthy, confidence = 0.84, why = "The kubelet has no healthy GPU on this node to give: "
        .. "the device plugin marked them so.",
        fixes = {{host = true, kind = "restart", say = "Look at the device plugin's log and the kernel's Xid lines "
          .. "of that node; drain it, "
          .. "and restart it when the card answers again."}}}
    end
    if log.nvml_unknown and log.start and log.count"nvml_unknown" == 1 then
      return {confidence = 0.82, why = "The container may not open the GPU's device nodes from its start on.",
        fixes = {{setting = "cgroups", kind = "apt:nvidia-container-toolkit",
            say = "Set no-cgroups = false in the toolkit's configuration (true is for engines without root) and "
              .. "start the container anew."},
          {container = "label", kind = "container-flag:device",
            say = "Where SELinux confines containers, start it without its label."}}}
    end
    if log.nvml_unknown or log.nvml_error then return {confidence = 0.88} end
    return f"system.container.runtime" and {confidence = 0.66} or nil
  end,
  why = "NVML worked when the container started and may not reach the GPU now: 'systemctl daemon-reload' (or "
    .. "another cgroup update) on "
    .. "the host revokes the device rules of running containers.",
  fixes = {
    {host = true, kind = "restart", say = "Make the container anew; a restart of the process in it is not enough."},
    {container = "device", say = "To prevent it, pass the device nodes explicitly (one --device for each GPU)."},
    {setting = "dev-char", say = "Or make the links in /dev/char that the service manager looks for."},
  },
  doc = {looks = "nvidia-smi worked, then 'Failed to initialize NVML: Unknown Error' in the same container.",
    check = "Did somebody run systemctl daemon-reload on the host? At the container's start: no-cgroups, SELinux."},
}

rule {
  id = "container.cuda-requirement",
  from = {"container", "orchestrator"},
  signatures = {
    requirement = [[(?:nvidia-container-cli: )?requirement error: unsatisfied condition: cuda ?>= ?(?<need>[\d.]+)]],
    brand = [[requirement error: unsatisfied condition: (?:brand|driver|arch)]],
  },
  facts = {"driver.version", "driver.cuda"},
  explains = {"torch.driver-too-old", "container.toolkit-missing", "container.runtime-config", "container.no-gpu"},
  when = function(_, log)
    local cuda = log.requirement and log.requirement.need
    local _, _, own = know.driver_runs("1.0", cuda or "0")
    return {confidence = 0.96,
      why = {cuda and "The image asks for CUDA {need} or later, and the host's driver offers less."
          or "The image asks for another driver or GPU than the host has.",
        "Driver {fact:driver.version}, CUDA {fact:driver.cuda}."},
      fixes = {
        {driver = "upgrade", need = own ~= "" and own or nil,
          say = cuda and "Upgrade the host's driver to one that offers CUDA {need}." or "Upgrade the host's driver."},
        {container = "no-require", kind = "env:NVIDIA_DISABLE_REQUIRE",
          say = "Or skip the check; programs that need the newer CUDA will then fail by themselves."}}}
  end,
  doc = {looks = "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.x.",
    check = "nvidia-smi on the host."},
}

rule {
  id = "k8s.service-env",
  anyone = "system",
  signatures = {
    vllm = [[(?<known>VLLM_PORT) '?(?<value>tcp://[^'\s]+)'? appears to be a URI]],
    int = [[invalid literal for int\(\) with base 10: '(?<int>tcp://[\d.]+:\d+)']],
    ollama = [[(?:invalid port|parse)[^\n]{0,60}(?<port>tcp://\d+\.\d+\.\d+\.\d+:\d+)]],
    option = [[(?:[Ii]nvalid value|not a valid (?:integer|int|port|number)|]]
      .. [[could not parse)[^\n]{0,80}(?<option>tcp://\d+\.\d+\.\d+\.\d+:\d+)]],
  },
  context = {variable = [[\b(?<variable>[A-Z][A-Z0-9_]*_PORT)\b]]},
  facts = {"env.VLLM_PORT", "env.KUBERNETES_SERVICE_HOST"},
  specific_over = {"sys.port-in-use", "app.bug"},
  when = function(_, log)
    local name = log.vllm and log.vllm.known or log.variable and log.variable.variable
    return {hit = log.vllm or log.int or log.ollama or log.option, confidence = 0.95, values = {setting = name},
      why = {"Kubernetes gives every container variables of the services in its namespace, and one of them has the "
        .. "name of a setting: its value is an address (tcp://...) where a number is read.",
        "The variable is {setting}."},
      fixes = {name and {unset = {name}, say = ("Unset %s before the worker starts, or rename the service whose "
        .. "name it carries."):format(name)} or nil,
        {container = "service-links", kind = not name and "os" or nil,
          say = "Or tell Kubernetes to leave these variables away."}}}
  end,
  doc = {looks = "VLLM_PORT 'tcp://10.0.0.12:8000' appears to be a URI.",
    check = "env | grep tcp:// in the pod; a service named as the program."},
}
