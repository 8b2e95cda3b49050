-- The way of a GPU into a container.

rule {
  id = "container.no-gpu",
  signatures = {
    no_driver = [[Found no NVIDIA driver on your system]],
    no_device = [[(?:no CUDA-capable device is detected|cudaErrorNoDevice|CUDA_ERROR_NO_DEVICE|No CUDA GPUs are available|no NVIDIA GPU detected|No visible GPU devices|no supported devices found for platform CUDA|no nvidia devices detected by library|WARNING: The NVIDIA Driver was not detected)]],
    no_devices_found = [[(?:No devices found\. Waiting indefinitely|Failed to initialize NVML: (?:could not load NVML library|ERROR_LIBRARY_NOT_FOUND)|Detected non-NVML platform: could not load NVML library|No GPU(?:s)? (?:found|detected|available))]],
    nvml_missing = [[(?:NVML Shared Library Not Found|couldn't find libnvidia-ml\.so library|libnvidia-ml\.so(?:\.1)?: cannot open shared object file|NVMLError_LibraryNotFound|nvidia-smi: (?:command )?not found|could not find nvidia-smi)]],
    libcuda = [[libcuda\.so(?:\.1)?: cannot open shared object file]],
    vllm_platform = [[(?:Failed to infer device type|No platform detected, vLLM is running on UnspecifiedPlatform|Device string must not be empty)]],
    zero = [[(?:device_count\(\) ?(?:==|=|is|>) ?0|Number of GPUs: 0|GPU count: 0|Attempting to deserialize object on a CUDA device but torch\.cuda\.is_available\(\) is False)]],
    insufficient = [[CUDA driver version is insufficient for CUDA runtime version]],
    permissions = [[Failed to initialize NVML: Insufficient Permissions]],
    scheduler = [[Insufficient nvidia\.com/gpu]],
    unknown_device = [[nvidia-container-cli[^\n]*device error: (?<device>[^:\n]+): unknown device]],
  },
  context = {
    container = [[(?:docker|containerd|kubernetes|kubectl|k8s|/dist-packages/|pod/|/workspace/|/app/|runpod)]],
    cpu_build = [[(?:Torch not compiled with CUDA|\+cpu\b)]],
    visible = [=[CUDA_VISIBLE_DEVICES ?[=:] ?(?:['"]?['"]?\s|-1|''|\[\])]=],
    old = [[is too old \(found version]],
    cli = [[nvidia-container-cli(?![^\n]*unknown device)|could not select device driver|unknown runtime specified nvidia]],
    device_plugin = [[If this is a GPU node, did you (?:set|configure)]],
    mismatch = [[(?:Driver/library version mismatch|couldn't communicate with the NVIDIA driver|forward compatibility|system not yet initialized|CUDA unknown error)]],
    build = [[(?:running build_ext|Building wheel|setup\.py|triton|ld: cannot find)]],
  },
  unless = {"cpu_build", "old", "cli", "mismatch"},
  facts = {"system.container.runtime", "driver.version", "driver.devices", "env.NVIDIA_VISIBLE_DEVICES", "env.CUDA_VISIBLE_DEVICES", "torch.cuda"},
  explains = {"bnb.cpu-only"},
  when = function(f, log)
    local torch = f.pkg"torch"
    if log.unknown_device then
      return {hit = log.unknown_device, confidence = 0.88, why = "The container asks for GPU {device}, and this host has no such GPU (its UUID or number changed, or it was removed).",
        fixes = {{kind = "env:NVIDIA_VISIBLE_DEVICES", say = "Ask for GPUs that exist: correct NVIDIA_VISIBLE_DEVICES or --gpus device=...", command = "nvidia-smi -L   # on the host"}, {kind = "container-flag:gpus", say = "Or pass all of them.", command = "docker run --gpus all ..."}}}
    end
    if log.scheduler then
      return {hit = log.scheduler, confidence = 0.72, why = "No node offers the GPUs that the pod asks for: the device plugin reports none (driver, toolkit or runtime class on the node), or all are taken.",
        fixes = {{kind = "apt:nvidia-container-toolkit", say = "Look at what the nodes offer and at the device plugin's log; the node needs driver, toolkit and the NVIDIA runtime.", command = "kubectl describe nodes | grep -A7 Allocatable; kubectl logs -n kube-system -l name=nvidia-device-plugin-ds"}, {kind = "container-flag:gpus", say = "Or ask for fewer GPUs (resources.limits nvidia.com/gpu)."}}}
    end
    if log.permissions then
      return {hit = log.permissions, confidence = 0.75, why = "The device nodes are in the container, and it may not open them (SELinux, or no-cgroups in the toolkit's configuration).",
        fixes = {{kind = "container-flag:device", say = "Allow it: an SELinux type for GPU containers, and no-cgroups = false in /etc/nvidia-container-runtime/config.toml.", command = "docker run --gpus all --security-opt=label=disable ..."}, {kind = "apt:nvidia-container-toolkit", say = "Then configure the toolkit again and restart the engine."}}}
    end
    if f"torch.cuda" == false or torch and torch:match[[\+cpu]] then return nil end
    if f.env"CUDA_VISIBLE_DEVICES" == "" or f.env"CUDA_VISIBLE_DEVICES" == "-1" or log.visible then return nil end
    if f"cuda.driver_init.code" == 0 then return nil end -- CUDA came up where these facts were taken: visible-devices.wrong
    local container = f"system.container.runtime" or log.container
    local driver, runtime = f"driver.version", f"torch.cuda"
    if log.insufficient and not (log.no_driver or log.no_device) then
      if not (f"system.container.runtime" and driver and runtime and know.driver_runs(driver, runtime) ~= "too-old") then return nil end
    end
    local hit = log.no_driver or log.no_device or log.no_devices_found or log.nvml_missing or log.libcuda or log.insufficient or log.vllm_platform or log.zero
    if log.libcuda and log.build and not (log.no_driver or log.no_device) then return nil end
    local sure = f"system.container.runtime" and (#f.gpus() > 0 or driver)
    local plugin = log.device_plugin or log.no_devices_found and log.no_devices_found.text:match[[Waiting indefinitely|NVML platform]]
    local fixes = {
      {kind = "container-flag:gpus", say = "Pass the GPU into the container and restart it.", command = "docker run --gpus all ...   # Kubernetes: resources.limits nvidia.com/gpu: 1"},
      {kind = "env:NVIDIA_VISIBLE_DEVICES", say = "Check that NVIDIA_VISIBLE_DEVICES is neither empty, 'void' nor 'none', and NVIDIA_DRIVER_CAPABILITIES includes compute,utility."},
      {kind = "apt:nvidia-container-toolkit", say = "Check that the NVIDIA container toolkit is installed on the host and is the runtime that is used."},
    }
    if plugin then
      table.insert(fixes, 1, {kind = "apt:nvidia-container-toolkit", say = "Configure the NVIDIA runtime as the default of containerd or docker on that node (nvidia-ctk), then restart it and the pod.", command = "sudo nvidia-ctk runtime configure --runtime=containerd --set-as-default && sudo systemctl restart containerd"})
    end
    if not container and not plugin then return nil end -- host.no-gpu and driver.not-loaded speak of bare machines
    return {hit = hit, confidence = (sure or plugin) and 0.86 or 0.7, why = {"The process runs in a container and sees no NVIDIA device: the GPU was not passed into it.", "The host's driver is {fact:driver.version}."}, fixes = fixes}
  end,
  check = function(f)
    if not f"system.container.runtime" or f"driver.version" or not f"torch.cuda" then return nil end
    local seen = f"gpus.0.seen_by"
    if f"gpus.0" and seen ~= "pci" and seen ~= "kernel" or f"gpus.0.vendor" == "amd" then return nil end
    local v = f.env"NVIDIA_VISIBLE_DEVICES"
    if v == nil and not f"driver.devices" and not seen then return nil end
    if f"driver.devices.0" then return nil end
    if v == false and not f"pci.gpus.0" then return nil end
    return {confidence = 0.7, why = {"This container has a CUDA build of torch and no NVIDIA driver or device in it.", "NVIDIA_VISIBLE_DEVICES is {fact:env.NVIDIA_VISIBLE_DEVICES}."},
      fixes = {{kind = "container-flag:gpus", say = "Start the container with the GPU.", command = "docker run --gpus all ..."}}}
  end,
  doc = {looks = "'Found no NVIDIA driver', 'no CUDA-capable device is detected', 'No CUDA GPUs are available' in a container.", check = "ls /dev/nvidia* in the container; --gpus; the runtime class of the pod."},
}

rule {
  id = "host.no-gpu",
  signatures = {
    no_driver = [[Found no NVIDIA driver on your system]],
    no_device = [[(?:no CUDA-capable device is detected|No CUDA GPUs are available|CUDA_ERROR_NO_DEVICE|No visible GPU devices|no supported devices found for platform CUDA)]],
    no_smi = [[(?:nvidia-smi: command not found|'nvidia-smi' is not recognized)]],
    not_compiled = [[Torch not compiled with CUDA enabled]],
    need = [[(?:No (?:NVIDIA )?GPU found\? ?[^\n]*only supports GPUs|requires a CUDA-capable GPU|GPU is required)]],
  },
  context = {
    container = [[(?:docker|containerd|kubernetes|k8s|/dist-packages/|pod/|runpod)]],
    gpu_seen = [[(?:NVIDIA-SMI \d|GPU \d+: NVIDIA|NVIDIA GeForce|GeForce RTX|Tesla [A-Z]\d|NVIDIA [AHLBV]\d+)]],
    cpu_build = [[(?:\+cpu\b|Torch not compiled with CUDA)]],
    old = [[is too old \(found version]],
    visible = [[CUDA_VISIBLE_DEVICES]],
    mismatch = [[(?:Driver/library version mismatch|couldn't communicate with the NVIDIA driver|CUDA unknown error)]],
    mac_path = [[(?:/Users/\w+/|darwin|macOS|Apple M\d)]],
  },
  unless = {"container", "gpu_seen", "old", "visible", "mismatch"},
  facts = {"gpus.0.name", "pci.gpus", "driver.version"},
  when = function(f, log)
    if f"system.container.runtime" or #f.gpus() > 0 or f"driver.version" then return nil end
    if (log.cpu_build or log.need) and not log.mac_path then return nil end
    if log.not_compiled then
      return {hit = log.not_compiled, confidence = 0.8, title = "CUDA is asked for on a Mac", why = "This is a Mac: there is no CUDA for it, and the program asks for it all the same.",
        fixes = {{kind = "code", say = "Choose the device that is there: 'mps' or 'cpu' instead of .cuda() and 'cuda'.", command = "PYTORCH_ENABLE_MPS_FALLBACK=1 python ...   # with device='mps'"}, {kind = "hardware", say = "Or run on a machine with an NVIDIA GPU."}}}
    end
    return {confidence = log.mac_path and 0.85 or 0.6, why = "No NVIDIA driver and no GPU is visible on this machine.",
      fixes = {{kind = "hardware", say = "Run on a machine with an NVIDIA GPU (or use a CPU build or backend)."}, {kind = "driver", say = "If a GPU is built in: install its driver."}}}
  end,
  doc = {looks = "'Found no NVIDIA driver on your system' outside containers.", check = "lspci | grep -i nvidia."},
}

rule {
  id = "container.toolkit-missing",
  signatures = {
    select = [=[could not select device driver ['"]?['"]? with capabilities: \[\[gpu\]\]]=],
    select2 = [[could not select device driver]],
    runtime = [[(?:[Uu]nknown (?:or invalid )?runtime (?:name|specified)[: ]*['"]?nvidia|runtime ['"]?nvidia['"]? (?:is )?not (?:found|configured)|unknown runtime specified nvidia)]],
    hook = [[nvidia-container-(?:runtime|toolkit|cli)(?:-hook)?['"]?:? (?:executable file )?not found|exec: \\?["']?nvidia-container-(?:cli|runtime)[^\n]*(?:not found|no such file)]],
    cdi = [[(?:unresolvable CDI devices|failed to inject CDI devices|CDI device injection failed)]],
    ldcache = [[nvidia-container-cli: (?:ldcache error|detection error|container error: cgroup subsystem devices not found|mount error: failed to add device rules)]],
    kubernetes = [[(?:no runtime for ["']?nvidia["']? is configured|RuntimeClass[^\n]{0,40}nvidia[^\n]{0,40}not found|failed to discover GPU vendor from CDI|nvidia-container-runtime did not terminate successfully|nvidia-container-runtime: no such file)]],
  },
  context = {not_loaded = [[driver not loaded]]},
  unless = {"not_loaded"},
  explains = {"container.no-gpu"},
  confidence = 0.94,
  why = "The container engine has no working NVIDIA runtime: nvidia-container-toolkit is not installed on the host, or the engine was not configured for it.",
  fixes = {
    {kind = "apt:nvidia-container-toolkit", say = "Install the toolkit on the host, configure the engine and restart it.", command = "sudo apt-get install -y nvidia-container-toolkit && sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker"},
    {kind = "restart", say = "If it is installed already: restart the engine."},
  },
  doc = {looks = "could not select device driver \"\" with capabilities: [[gpu]]; unknown runtime specified nvidia.", check = "docker info | grep -i runtime."},
}

rule {
  id = "container.toolkit-missing/wsl",
  signatures = {
    symbol = [[(?:cudaGetDeviceCount\(\)[^\n]*Error 500|CUDA failed with error named symbol not found|(?:failed to initialize CUDA|initialization error): (?:cuda error: )?named symbol not found)]],
  },
  facts = {"system.kernel", "system.container.runtime", "driver.version"},
  explains = {"container.no-gpu", "driver.fabric-manager", "torch.no-kernel-image", "bnb.arch-unsupported"},
  confidence = 0.8,
  title = "the container engine does not know all libraries of this driver",
  why = {"CUDA does not start in the container (error 500, named symbol not found): the engine's NVIDIA toolkit is older than the driver and does not hand over a library that the driver's others need. It is seen with Docker Desktop on WSL2 after a driver upgrade.", "Kernel {fact:system.kernel}."},
  fixes = {
    {kind = "apt:nvidia-container-toolkit", say = "Upgrade Docker Desktop (4.31 or later for drivers from 555 on), or the nvidia-container-toolkit of the engine, and restart it."},
    {kind = "driver", say = "Or go back to the driver that worked."},
  },
  doc = {looks = "'cudaGetDeviceCount() ... Error 500: named symbol not found' in a container under WSL2.", check = "nvidia-smi works and CUDA does not; versions of the driver and of Docker Desktop."},
}

rule {
  id = "container.no-gpu/wsl",
  signatures = {
    adapters = [[WSL environment detected but no adapters were found]],
    blocked = [[GPU access blocked by the operating system]],
  },
  facts = {"system.kernel", "driver.version"},
  explains = {"container.toolkit-missing", "driver.not-loaded"},
  when = function(_, log)
    local restart = {kind = "restart", say = "Restart WSL (and Docker Desktop), after updating it.", command = "wsl --update; wsl --shutdown"}
    local driver = {kind = "driver", say = "Install a current NVIDIA driver on Windows; inside WSL no Linux driver may be installed, nor an image's own libcuda or libnvidia-ml stand on the library path."}
    if log.adapters then
      return {confidence = 0.85, title = "WSL2 offers no GPU to the container", why = "Windows hands no GPU to WSL2: its NVIDIA driver has no WSL support or is missing, or WSL has to be restarted.", fixes = {driver, restart}}
    end
    return {confidence = 0.7, title = "WSL2 blocks access to the GPU", why = "NVML may not reach the GPU through WSL2: the Windows driver and the NVIDIA library that is loaded (one of the distribution or the image, not /usr/lib/wsl/lib) do not fit.", fixes = {driver, restart}}
  end,
  doc = {looks = "'WSL environment detected but no adapters were found', 'GPU access blocked by the operating system'.", check = "nvidia-smi on Windows; ls /usr/lib/wsl/lib; wsl --version."},
}

rule {
  id = "container.toolkit-missing/files-in-image",
  signatures = {exists = [[nvidia-container-cli[^\n]*mount error: file creation failed: (?<path>\S+): file exists]]},
  confidence = 0.9,
  title = "the image contains files of the NVIDIA driver",
  why = "The toolkit mounts the host's driver files into the container, and one is there already: {path}. The image was committed, or built, with a GPU runtime.",
  fixes = {
    {kind = "rebuild:image", say = "Build the image anew without them (not by 'docker commit' of a GPU container, and with the default runtime); or remove the empty libnvidia-*, libcuda* files and the nvidia-* programs from it.",
     command = "RUN rm -f /usr/lib/x86_64-linux-gnu/lib{cuda,nvidia-,nvcuvid}*.so.* /usr/bin/nvidia-*   # in a Dockerfile, FROM that image"},
    {kind = "container-flag:gpus", say = "Or start from the original image."},
  },
  doc = {looks = "nvidia-container-cli: mount error: file creation failed: ...libnvidia-ml.so.1: file exists.", check = "ls -l of that path in the image."},
}

rule {
  id = "container.gpu-lost",
  signatures = {
    nvml_unknown = [[Failed to initialize NVML: Unknown Error]],
    unable = [[Unable to determine the device handle for GPU[^\n]*: Unknown Error]],
    nvml_error = [[(?:NVMLError_Unknown|nvmlInit\S* (?:failed|returned)[^\n]*Unknown Error)]],
  },
  context = {xid = [[fallen off the bus|Xid \(|GPU is lost]], start = [[\b(?:docker|podman|nerdctl) run\b]]},
  unless = {"xid"},
  facts = {"system.container.runtime", "driver.devices"},
  when = function(f, log) -- on the host it is the card itself: gpu.fallen-off/handle
    if log.nvml_unknown and log.start and log.count"nvml_unknown" == 1 then
      return {confidence = 0.82, why = "The container has no access to the GPU devices from its start on: the toolkit leaves the cgroup alone (no-cgroups = true in its configuration, made for rootless engines), or SELinux forbids it.",
        fixes = {{kind = "apt:nvidia-container-toolkit", say = "Set no-cgroups = false in the toolkit's configuration (or configure it anew) and restart the engine.", command = "sudo sed -i 's/^#\\?no-cgroups.*/no-cgroups = false/' /etc/nvidia-container-runtime/config.toml && sudo systemctl restart docker"},
                 {kind = "container-flag:device", say = "Or pass the device nodes explicitly; with SELinux add --security-opt=label=disable.", command = "docker run --gpus all --device /dev/nvidia0 --device /dev/nvidiactl --device /dev/nvidia-uvm ..."}}}
    end
    if log.nvml_unknown or log.nvml_error then return {confidence = 0.88} end
    return f"system.container.runtime" and {confidence = 0.66} or nil
  end,
  why = "A running container lost its access to the GPU devices: 'systemctl daemon-reload' (or another cgroup update) on the host revoked it.",
  fixes = {
    {kind = "restart", say = "Recreate the container; a restart of the process inside is not enough."},
    {kind = "container-flag:device", say = "To prevent it: pass the device nodes explicitly, or use CDI or cgroupfs.", command = "docker run --gpus all --device /dev/nvidia0 --device /dev/nvidiactl --device /dev/nvidia-uvm ...   # host: nvidia-ctk system create-dev-char-symlinks --create-all"},
  },
  doc = {looks = "nvidia-smi worked, then 'Failed to initialize NVML: Unknown Error' in the same container.", check = "Did somebody run systemctl daemon-reload on the host? At the container's start: no-cgroups, SELinux."},
}

rule {
  id = "container.cuda-requirement",
  signatures = {
    requirement = [[(?:nvidia-container-cli: )?requirement error: unsatisfied condition: cuda ?>= ?(?<need>[\d.]+)]],
    brand = [[requirement error: unsatisfied condition: (?:brand|driver|arch)]],
  },
  facts = {"driver.version", "driver.cuda"},
  explains = {"torch.driver-too-old", "container.toolkit-missing", "container.no-gpu"},
  confidence = 0.96,
  why = {"The image asks for CUDA {need} or later, and the host's driver offers less.", "Driver {fact:driver.version}, CUDA {fact:driver.cuda}."},
  fixes = {
    {kind = "driver", say = "Upgrade the host's driver to one that offers CUDA {need}."},
    {kind = "driver", say = "Upgrade the host's driver."},
    {kind = "env:NVIDIA_DISABLE_REQUIRE", say = "Or skip the check; programs that need the newer CUDA will then fail by themselves.", command = "docker run -e NVIDIA_DISABLE_REQUIRE=1 ..."},
  },
  doc = {looks = "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.x.", check = "nvidia-smi on the host."},
}

rule {
  id = "visible-devices.wrong",
  signatures = {
    ordinal = [[(?:invalid device ordinal|cudaErrorInvalidDevice\b|CUDA_ERROR_INVALID_DEVICE|Invalid CUDA ['"]device=)]],
    invalid_id = [[(?:CUDA_VISIBLE_DEVICES[^\n]{0,80}(?:invalid|not (?:a )?valid|empty|must be)|Invalid value for CUDA_VISIBLE_DEVICES)]],
    index = [[(?:Device index must not be negative|device >= 0 && device < num_gpus|Expected cuda device index|device_index[^\n]{0,40}out of range)]],
    int_uuid = [[invalid literal for int\(\) with base 10: '(?:GPU|MIG)-]],
    printed_empty = [=[CUDA_VISIBLE_DEVICES(?:=|: ?)(?:['"]['"]|-1\b|<empty>)]=],
    no_device = [[(?:No CUDA GPUs are available|no CUDA-capable device is detected|CUDA_ERROR_NO_DEVICE)]],
  },
  context = {
    set = [=[CUDA_VISIBLE_DEVICES['"]?\]? ?[=:] ?['"]?(?<set>\d+(?:,\d+)*)]=],
    ranks = [[(?:nproc_per_node|local_rank|set_device|torchrun|torch\.distributed|world_size|tensor[-_]parallel)]],
  },
  facts = {"env.CUDA_VISIBLE_DEVICES", "gpus"},
  explains = {"hf.model-too-new"}, -- "failed to be inspected" only wraps it
  when = function(f, log)
    local hit = log.ordinal or log.index
    if hit and log.ranks then return nil end -- launch.too-many-ranks
    hit = log.int_uuid or log.invalid_id or log.printed_empty or hit
    if not hit then -- no device, although the variable names some: do they exist?
      local set, n, highest = log.set and log.set.set or f.env"CUDA_VISIBLE_DEVICES", #f.gpus(), nil
      if set == "" or set == "-1" then
        return {hit = log.no_device, confidence = n > 0 and 0.93 or 0.8, why = ("CUDA_VISIBLE_DEVICES is set to %s: it hides every GPU."):format(set == "" and "nothing" or set),
          fixes = {{kind = "env:CUDA_VISIBLE_DEVICES", say = "Unset it, or name a device.", command = "unset CUDA_VISIBLE_DEVICES", unset = {"CUDA_VISIBLE_DEVICES"}, automatic = n > 0}}}
      end
      for _, item in ipairs(type(set) == "string" and set:split(",") or {}) do
        local i = tonumber(item)
        if i and (not highest or i > highest) then highest = i end
      end
      local cuda = f"torch.cuda" ~= false and not (f.pkg"torch" or ""):match[[\+cpu]]
      local inside = not f"system.container.runtime" or f"cuda.driver_init.code" == 0
      if n > 0 and f"driver.version" and inside and cuda and (not highest or n > highest) then
        return {hit = log.no_device, confidence = 0.66, why = "This machine has a GPU and a driver, and CUDA counts none: CUDA_VISIBLE_DEVICES of the process names another one (it may be set in the program itself), or the scheduler gave the job no GPU.",
          fixes = {{kind = "env:CUDA_VISIBLE_DEVICES", say = "Look for what sets it (os.environ in the code, the job script) and name a GPU that exists, counted from 0.", command = "grep -rn CUDA_VISIBLE_DEVICES . ; export CUDA_VISIBLE_DEVICES=0"}, {kind = "code", say = "Or take the assignment out of the code; under Slurm ask for a GPU (--gres=gpu:1)."}}}
      end
      if not highest or highest == 0 or n > highest then return nil end
      return {hit = log.no_device, confidence = n > 0 and 0.9 or 0.66, why = {("CUDA_VISIBLE_DEVICES is %s, and CUDA finds no such device%s."):format(set, n > 0 and (" (this machine has %d)"):format(n) or "")},
        fixes = {{kind = "env:CUDA_VISIBLE_DEVICES", say = "Name devices that exist, counted from 0.", command = "nvidia-smi -L; export CUDA_VISIBLE_DEVICES=0"}}}
    end
    if f"gpus.0.mig" == true or (f"gpus.0.name" or ""):match[[\bMIG\b]] then return nil end -- gpu.mig-no-instance
    return {hit = hit, confidence = log.no_device and log.printed_empty and 0.9 or 0.82,
      why = {"A device was asked for that CUDA_VISIBLE_DEVICES (or the machine) does not offer; behind the variable, devices are counted from 0.", "CUDA_VISIBLE_DEVICES is {fact:env.CUDA_VISIBLE_DEVICES}."},
      fixes = {{kind = "env:CUDA_VISIBLE_DEVICES", say = "Set it, before the process starts, to devices that exist; then use indices from 0.", command = "nvidia-smi -L; export CUDA_VISIBLE_DEVICES=0"}, {kind = "code", say = "Or correct the device index in the code (cuda:0)."}}}
  end,
  check = function(f)
    local v = f.env"CUDA_VISIBLE_DEVICES"
    if not v then return nil end
    if v == "" or v == "-1" then
      if #f.gpus() == 0 then return nil end
      return {confidence = 0.85, severity = "error", why = "CUDA_VISIBLE_DEVICES hides every GPU of this machine.", fixes = {{kind = "env:CUDA_VISIBLE_DEVICES", say = "Unset it, or name a device.", command = "unset CUDA_VISIBLE_DEVICES", unset = {"CUDA_VISIBLE_DEVICES"}}}}
    end
    local n = #f.gpus()
    if n == 0 then return nil end
    for _, item in ipairs(v:split(",")) do
      local i = tonumber(item)
      if i and i >= n then
        return {confidence = 0.85, why = ("CUDA_VISIBLE_DEVICES names device %d, and there are %d."):format(i, n), fixes = {{kind = "env:CUDA_VISIBLE_DEVICES", say = "Name devices from 0 to " .. (n - 1) .. "."}}}
      end
    end
  end,
  doc = {looks = "'invalid device ordinal', 'No CUDA GPUs are available' with the variable set.", check = "The variable against nvidia-smi -L; set before the process starts?"},
}

rule {
  id = "launch.too-many-ranks",
  signatures = {ordinal = [[invalid device ordinal]], world = [[(?:world[_ ]size|num_processes|nproc_per_node)[^\n]{0,60}(?:exceeds|larger than|greater than|more than)[^\n]{0,40}(?:GPUs|devices)]],
    not_enough = [[(?:NotEnoughCUDADevices|world_size \(\d+\) is less than than max local gpu count|The number of required GPUs exceeds the total number of available GPUs|No slot '\d+' specified on host|GPUs required \d+ but only \d+|(?i:number of gpus)[^\n]{0,20} \(\d+\) more than available|local rank \d+ is out of bounds|`?sharded`? is true but only found \d+ CUDA devices|not enough slots available in the system to satisfy|But your machine only has: \[|Total number of devices \(\d+\) is larger than available GPUs)]],
    vllm = [[(?:Tensor parallel size|tensor_parallel_size|World size)[^\n]{0,80}(?:cannot exceed|exceeds|is (?:larger|greater) than)[^\n]{0,60}(?:GPUs|devices|number of available)]]},
  context = {ranks = [[(?:nproc_per_node|local_rank|set_device|torchrun|torch\.distributed\.|world_size|tensor[-_]parallel|accelerate launch|deepspeed|Error\w*Error: CUDA error: invalid device ordinal)]]},
  facts = {"gpus", "env.CUDA_VISIBLE_DEVICES"},
  specific_over = {"visible-devices.wrong"},
  when = function(f, log)
    if not log.ranks and not log.world and not log.vllm and not log.not_enough then return nil end
    return {confidence = 0.85, why = "More ranks were started than there are visible GPUs.",
      fixes = {{kind = "param:nproc_per_node", say = "Start as many processes as there are visible GPUs (--nproc_per_node, num_processes, tensor_parallel_size).", command = "nvidia-smi -L | wc -l"},
               {kind = "env:CUDA_VISIBLE_DEVICES", say = "Or make all GPUs visible."}}}
  end,
  doc = {looks = "'invalid device ordinal' in torch.cuda.set_device(local_rank).", check = "Ranks against visible devices."},
}
