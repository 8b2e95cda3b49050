-- NVIDIA's container toolkit, CDI, sandboxes (gVisor, Kata) and the engines' own settings on the host.

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
    lookup = [[nvidia-container-cli[^\n]*container error: file lookup failed: (?<looked>\S+?): (?i:permission denied)]],
  },
  context = {
    rootless = [[bpf_prog_query|/run/user/\d+|rootless]],
    dropin = [[^\s*(?:└|├)─(?<dropin>[\w.-]+\.conf)]],
    other_cause = [[(?:requirement error|driver not loaded|nvml error|]]
      .. [[load library failed|initialization error|file exists)]],
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
    if log.cdi and log.cdi.text:match[[management\.nvidia\.com/]] then
      return {hit = log.cdi, confidence = 0.75, why = "The pod is given its GPU by a CDI name of the kind that only "
        .. "the operator's own pods have (management.nvidia.com/gpu).",
        fixes = {{container = "runtime", kind = "os", say = "Start the pod with the ordinary runtime class."},
          {setting = "operator-toolkit", kind = "os", say = "Let the operator write the specifications of that node "
            .. "anew."}}}
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
        fixes = {{container = "old-cdi", kind = "os", say = "Start it with the toolkit's OCI hook in place of CDI "
          .. "(root only), or upgrade podman to 4.1 or later and docker to 25."}}}
    end
    if log.direct then
      return {hit = log.direct, why = "The toolkit's hook was called by --gpus; on this host its mode allows only "
        .. "the NVIDIA runtime.",
        fixes = {{container = "runtime-alone", kind = "os", say = "Use the NVIDIA runtime instead of --gpus."}}}
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
    if log.lookup then
      return {hit = log.lookup, confidence = 0.86, title = "the toolkit may not read the container's files",
        why = {"nvidia-container-cli may not look into the container's root file system: {looked}."},
        fixes = {{host = true, say = "Give the job's user the folders that hold its images back (owner and the x "
          .. "permission of every folder on the way; for enroot ENROOT_DATA_PATH), or let that path point to a disk "
          .. "of the node."}}}
    end
    if log.no_such then
      return {hit = log.no_such, confidence = 0.78, why = "The node's NVIDIA runtime is there and failed to start "
        .. "the container.",
        fixes = {{setting = "toolkit-upgrade", say = "Upgrade nvidia-container-toolkit on the node, and restart "
          .. "its container service."}}}
    end
    local twice = log.daemon_json and log.daemon_json.text:match[[both as a flag and in the configuration file: (\w+)]]
    return {hit = log.daemon_json or log.config_toml, why = {"The engine cannot read its configuration {file}.",
        twice and ("It sets %s, and so does a flag of the service."):format(twice) or nil},
      fixes = {{setting = "docker-dropin", need = log.dropin and log.dropin.dropin, kind = "os", say = "Take the flag "
          .. "away: this removes what was added to the service.", cond = function() return twice and log.dropin end},
        {setting = "docker-config", kind = "os", say = twice and "Take it out of one of the two, then restart the "
          .. "engine." or "Correct the file where this says so, then restart the engine.",
          cond = function() return log.daemon_json ~= nil end},
        {host = true, say = "Correct the file that the message names (its TOML is malformed), then restart the engine.",
          cond = function() return not log.daemon_json end}}}
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
      .. [[error): /sys/fs/cgroup/\S+: (?:permission denied|operation not permitted)]],
    hook = [[error executing hook [`'"]?/usr/bin/nvidia-container-(?:toolkit|runtime-hook)]],
  },
  context = {rootless = [[(?:/run/user/\d+|rootless|bpf_prog_query|crun|podman)]]},
  when = function(_, log) return log.rootless ~= nil or log.cgroup ~= nil end,
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
    nvproxy = [[\bnvproxy(?: driver)?: unsupported (?:N(?i:vidia) )?driver version:? ?(?<version>[\d.]+)?]],
    ioctl = [[nvproxy: (?:unknown|unsupported|unimplemented) (?:control command|allocation class|]]
      .. [[frontend ioctl|uvm ioctl|ioctl)[^\n]{0,20}?(?<command>0x[0-9a-f]+)?]],
    mute = [[cannot create sandbox: cannot read client sync file: waiting for sandbox to start: EOF]],
    kata = [[QMP command failed: vfio [^\n]{0,60}(?:is not viable|[Ff]ailed|error)|]]
      .. [[(?:kata|virtcontainers|cloud-hypervisor|qemu)[^\n]{0,120}vfio[^\n]{0,120}(?:fail|error|not (?:found|]]
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
  lasts = "start",
  from = {"native", "driver", "container"},
  signatures = {
    symbol = [[(?:cudaGetDeviceCount\(\)[^\n]*Error 500|driver library init failure: 500|]]
      .. [[CUDA failed with error named symbol not found|]]
      .. [[failed call to cuInit: [^\n]{0,60}CUDA_ERROR_NOT_FOUND|]]
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
    {setting = "docker-desktop", kind = "apt:nvidia-container-toolkit",
      say = "Upgrade Docker Desktop (4.31 or later for drivers from 555 on), and restart it."},
    {setting = "toolkit-upgrade", kind = "apt:nvidia-container-toolkit",
      say = "With an engine of its own in WSL: upgrade its nvidia-container-toolkit."},
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
    request = [[initialization error: driver (?:rpc )?error: failed to process request|stat failed: /usr/lib/wsl/]],
    blocked = [[GPU access blocked by the operating system]],
  },
  context = {wsl = [[(?:microsoft-standard|/usr/lib/wsl/|\bWSL ?2?\b|Docker Desktop|docker-desktop)]]},
  facts = {"system.kernel", "driver.version"},
  explains = {"container.toolkit-missing", "driver.not-loaded"},
  when = function(f, log)
    -- on other hosts driver.not-loaded/rpc
    if log.request and not (log.wsl or (f"system.kernel" or ""):match[[(?i)microsoft]]) then return nil end
    local restart = {setting = "wsl-update", kind = "restart", say = "Upgrade WSL and start it anew."}
    local driver = {host = true, kind = "driver", -- no Linux command: the driver of WSL is that of Windows
      say = "Install a current NVIDIA driver on Windows; no Linux driver and no libcuda of an image may stand "
        .. "before it in WSL."}
    if log.adapters then
      return {confidence = 0.85, title = "WSL2 offers no GPU to the container", fixes = {restart, driver},
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
  id = "driver.not-loaded/rpc",
  from = {"driver", "container", "orchestrator"},
  rival = {cause = "driver.library-mismatch", decides = "what nvidia-smi says on the host itself"},
  signatures = {
    request = [[nvidia-container-cli[^\n]*initialization error: driver (?:rpc )?error: (?:failed to process request|]]
      .. [[timed out)]],
    no_file = [[nvidia-container-cli[^\n]*initialization error: cannot open shared object file]],
  },
  context = {
    wsl = [[(?:microsoft-standard|/usr/lib/wsl/|\bWSL ?2?\b|Docker Desktop|docker-desktop)]],
    root = [[using root (?<root>/\S+)]],
    no_root = [[failed to change root directory: No such file]],
  },
  facts = {"system.kernel", "driver.kernel_module"},
  explains = {"container.no-gpu", "container.toolkit-missing", "container.runtime-config"},
  when = function(f, log)
    if log.wsl or (f"system.kernel" or ""):match[[(?i)microsoft]] then return nil end -- container.no-gpu/wsl
    if log.no_root and log.root and log.root.root ~= "/" then
      return {hit = log.request or log.no_file, confidence = 0.87, evidence = {log.no_root},
        title = "no driver where the container toolkit looks for it",
        why = ("nvidia-container-cli looks for the driver below %s, and there is no such folder: the driver's own "
          .. "container does not run on this node."):format(log.root.root),
        fixes = {{host = true, kind = "driver", say = "Start the driver container of this node (the GPU operator's "
          .. "driver pod) and wait until it is ready; where the driver is installed on the host itself, set root = "
          .. '"/" in /etc/nvidia-container-runtime/config.toml.'}}}
    end
    if log.no_file then
      return {hit = log.no_file, confidence = 0.8, why = "nvidia-container-cli does not find the driver's libraries "
        .. "on the host.", fixes = {{driver = "install", say = "Install the NVIDIA driver on the host that runs the "
          .. "container engine."}}}
    end
    local hangs = log.request.text:has("timed out")
    return {hit = log.request, confidence = 0.68, title = "the driver does not answer nvidia-container-cli",
      why = hangs and "nvidia-container-cli waited for the host's driver, and no answer came."
        or "nvidia-container-cli reached no working driver on the host: its module is not loaded, or of another "
          .. "version than its libraries, or a card does not answer.",
      fixes = {{restart = "host", say = "If nvidia-smi fails or hangs on the host too, reboot it, so that module and "
        .. "libraries are of one version."}, {driver = "install", say = "If it fails still: install the driver anew."}}}
  end,
  doc = {looks = "nvidia-container-cli: initialization error: driver error: failed to process request.",
    check = "nvidia-smi on the host; sudo nvidia-container-cli -k -d /dev/tty info."},
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
  when = function(_, log)
    if not log.exists.path:match[[/aarch64-linux-gnu/(?:tegra/)?lib(?:cudnn|nvinfer|nvonnxparser|nvparsers|vpi|cu)\w*]]
    then return true end
    return {title = "JetPack mounts its own CUDA libraries over those of the image",
      why = "The toolkit of JetPack 4 and of early JetPack 5 mounts the host's CUDA, cuDNN and TensorRT into the "
        .. "container too, and the image brings its own: {path}. An image that is not made for Jetson does.",
      fixes = {{code = true, kind = "os", say = "Start an image that is made for Jetson, of this JetPack's release "
          .. "(nvcr.io/nvidia/l4t-base, l4t-tensorrt, l4t-pytorch; the tag begins with the L4T release of "
          .. "/etc/nv_tegra_release)."},
        {host = true, kind = "os", say = "Or upgrade JetPack: newer releases mount the driver's files only."}}}
  end,
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
  from = {"driver", "native", "container", "orchestrator", torch_nvml = {"torch", "app", "other"}},
  anyone = {nvml_error = "code"},
  signatures = {
    nvml_unknown = [[Failed to initialize NVML: Unknown Error]],
    unable = [[Unable to determine the device handle for GPU[^\n]*: Unknown Error]],
    torch_nvml = [[Can't initialize NVML]],
    nvml_error = any{codes"container.gpu-lost", [[nvmlInit\S* (?:failed|returned)[^\n]*Unknown Error]]},
    unhealthy = [[(?:cannot allocate unhealthy devices nvidia\.com/gpu|no healthy devices present; cannot allocate)]],
  },
  context = {xid = [[fallen off the bus|Xid \(|GPU is lost]], start = [[\b(?:docker|podman|nerdctl) run\b]],
    inside = [[(?:(?:^|["' ])/app/|/workspace/|/opt/conda/|root@[0-9a-f]{12}\b)]]},
  unless = {"xid"},
  facts = {"system.container.runtime", "driver.devices"},
  explains = {"container.no-gpu", "host.no-gpu"},
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
    if log.nvml_unknown or log.nvml_error then -- as it starts, it has not been seen to work before
      return {confidence = not log.nvml_unknown and log.nvml_error.text:match[[init failure]] and 0.7 or 0.88}
    end
    if log.torch_nvml and not (log.unable or f"gpus.0") then -- the library is there, and what it needs is not
      local box = f"system.container.runtime" or log.inside
      return box and {hit = log.torch_nvml, confidence = 0.6, severity = "warning", lasts = true} or nil
    end
    return f"system.container.runtime" and {confidence = 0.66} or nil
  end,
  why = "NVML worked when the container started and may not reach the GPU now: 'systemctl daemon-reload' (or "
    .. "another cgroup update) on "
    .. "the host revokes the device rules of running containers.",
  fixes = {
    {restart = "container", say = "Restart the containers that use a GPU; a new process in them is not enough."},
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
    requirement = [[(?:(?:nvidia-container-cli: )?requirement error: unsatisfied condition: cuda ?>= ?|]]
      .. [[unsupported CUDA version: driver [\d.]+ < image )(?<need>[\d.]+)]],
    brand = [[requirement error: unsatisfied condition: (?:brand|driver|arch)]],
    invalid = [[requirement error: invalid expression]],
  },
  facts = {"driver.version", "driver.cuda"},
  explains = {"torch.driver-too-old", "container.toolkit-missing", "container.runtime-config", "container.no-gpu"},
  when = function(_, log)
    local cuda = log.requirement and log.requirement.need
    if log.invalid then
      return {hit = log.invalid, confidence = 0.85, title = "the toolkit cannot read what the image requires",
        why = "The image's NVIDIA_REQUIRE_CUDA is written in a way that this nvidia-container-cli does not understand: "
          .. "it says nothing of the driver.",
        fixes = {{container = "no-require", kind = "env:NVIDIA_DISABLE_REQUIRE", say = "Start it without that check."},
          {setting = "toolkit-upgrade", say = "Or upgrade nvidia-container-toolkit on the host."}}}
    end
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
    ollama = [[(?:invalid port|pars(?:e|ing))[^\n]{0,60}(?<port>tcp://\d+\.\d+\.\d+\.\d+:\d+)]],
    option = [[(?:[Ii]nvalid (?:int )?value|not a valid (?:integer|int|port|number)|]]
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
