-- The NVIDIA driver on the host: too old, not loaded, two versions at once, states of the device.


rule {
  id = "torch.driver-too-old",
  signatures = {
    too_old = [[NVIDIA driver on your system is too old \(found version (?<found>\d{4,6})\)]],
    insufficient = [[(?:CUDA driver version is insufficient for (?:the )?CUDA runtime version|cudaErrorInsufficientDriver|CUDA_ERROR_INSUFFICIENT_DRIVER)]],
    initialise = [[forward compatibility was attempted[^\n]*driver]],
    jax = [[(?:The NVIDIA driver's CUDA version is|CUDA versions? \S+ (?:is|are) newer than the driver's)]],
    driver_requires = [[(?:requires|needs) (?:an? )?(?:NVIDIA )?driver (?:version )?(?:>=|of at least|newer than|at least) ?(?<need>\d{3}[\d.]*)]],
    ollama = [[(?:cudart|nvcuda|cuda driver library) init failure: 35\b|your nvidia driver is too old or missing]],
    newer_call = [[API call is not supported in the installed CUDA driver|cudaErrorCallRequiresNewerDriver]],
  },
  context = {
    no_driver = [[Found no NVIDIA driver on your system]],
    smi = [[NVIDIA-SMI (?<smi>\d{3}[\d.]+)]],
    vGPU = [[vGPU]],
  },
  facts = {"driver.version", "driver.cuda", "torch.cuda", "torch.version"},
  explains = {"torch.cpu-build", "hf.model-too-new", "bnb.cpu-only", "host.no-gpu", "container.no-gpu", "nccl.init", "sys.illegal-instruction", "visible-devices.wrong"},
  when = function(f, log)
    local hit = log.too_old or log.insufficient or log.jax or log.driver_requires or log.ollama or log.newer_call or log.initialise
    local driver, runtime = f"driver.version", f"torch.cuda"
    local verdict, floor = nil, nil
    if driver and runtime then verdict, floor = know.driver_runs(driver, runtime) end
    if log.insufficient and not log.too_old and verdict and verdict ~= "too-old" then
      if f"system.container.runtime" then return nil end -- new enough: the GPU never reached the container
    end
    local cuda = log.too_old and log.too_old.found
    if cuda then cuda = ("%d.%d"):format(tonumber(cuda) // 1000, tonumber(cuda) % 1000 // 10) end
    local wheel = {["11"] = "cu118", ["12"] = "cu121"}
    local major = (cuda or f"driver.cuda" or ""):match[[^(\d+)]]
    local fixes = {}
    local last = {cu118 = "2.7.1+cu118", cu121 = "2.5.1+cu121"} -- the last releases on those indexes
    fixes[1] = {kind = "driver", effect = floor and floor ~= "" and {facts = {["driver.version"] = floor}} or nil, say = "Upgrade the NVIDIA driver on the host" .. (floor and floor ~= "" and (" to " .. floor .. " or later") or "") .. ".", command = "nvidia-smi   # on the host: shows the driver and the CUDA it offers"}
    fixes[2] = {kind = "pip-downgrade:torch", effect = major and wheel[major] and {package = {torch = last[wheel[major]]}} or nil, say = "Or install a torch built for the CUDA that this driver offers" .. (cuda and " (" .. cuda .. ")" or "") .. ".",
      command = major and wheel[major] and ("pip install torch --index-url https://download.pytorch.org/whl/" .. wheel[major]) or nil}
    fixes[3] = {kind = "container-flag:compat", say = "On a data-centre GPU: an image with the cuda-compat package of that CUDA."}
    local fatal = log.fatal -- torch only warns and computes on the CPU: what ended it may be something else
    local beside = hit == log.too_old and hit.event.level == "warning" and fatal and not ((fatal.message or ""):match[[(?i)cuda|gpu|driver|nvidia|device|bitsandbytes]])
    return {hit = hit, confidence = beside and 0.6 or (log.too_old or verdict == "too-old") and 0.95 or 0.84,
      why = {cuda and ("The driver offers CUDA %s, and the CUDA runtime of this torch or engine is newer."):format(cuda) or "The driver is older than the CUDA runtime that was started.", "Driver {fact:driver.version}, torch for CUDA {fact:torch.cuda}."},
      fixes = fixes}
  end,
  applies = {"transformers", "vllm"},
  check = function(f)
    local driver, runtime = f"driver.version", f"torch.cuda"
    if not driver or not runtime then return nil end
    local verdict, floor = know.driver_runs(driver, runtime)
    if verdict ~= "too-old" then return nil end
    return {confidence = 0.95, why = ("torch is built for CUDA %s, which needs driver %s or later; this one is %s."):format(runtime, floor, driver),
      fixes = {{kind = "driver", say = "Upgrade the NVIDIA driver on the host to " .. floor .. " or later.", effect = {facts = {["driver.version"] = floor}}}, {kind = "pip-downgrade:torch", say = "Or install a torch built for an older CUDA.", effect = know.driver_runs(driver, "11.8") ~= "too-old" and {package = {torch = "2.7.1+cu118"}} or nil}}}
  end,
  doc = {looks = "'The NVIDIA driver on your system is too old (found version 11040)': CUDA 11.4. 'CUDA driver version is insufficient'.", check = "driver.version and driver.cuda against torch.cuda. In a container on a new enough host it is the GPU that was not passed in."},
}

rule {
  id = "torch.ptx-too-new",
  signatures = {
    toolchain = [[(?:the )?provided PTX was compiled with an unsupported toolchain]],
    code222 = [[(?:CUDA error|error code|cudaError\w*|CUDA_ERROR_UNSUPPORTED_PTX_VERSION)\D{0,20}\b222\b|CUDA_ERROR_UNSUPPORTED_PTX_VERSION]],
    jit_version = [[ptxas[^\n]*(?:Unsupported \.version|PTX \.version [\d.]+ (?:is )?not supported)]],
  },
  facts = {"driver.version", "driver.cuda", "torch.cuda"},
  specific_over = {"torch.driver-too-old", "torch.no-kernel-image"},
  confidence = 0.92,
  why = {"PTX was compiled by a newer CUDA than this driver's compiler knows.", "Driver {fact:driver.version}."},
  fixes = {
    {kind = "driver", say = "Upgrade the NVIDIA driver to one at least as new as the CUDA toolkit that built the program."},
    {kind = "pip-downgrade:torch", say = "Or use a build for an older CUDA, or one with machine code for this GPU."},
  },
  doc = {looks = "'the provided PTX was compiled with an unsupported toolchain', error 222.", check = "driver.cuda against the toolkit that compiled."},
}

rule {
  id = "driver.library-mismatch",
  signatures = {
    nvml = [[(?:Driver/library version mismatch|kernel version [\d.]+ does not match DSO version|NVML_ERROR_LIB_RM_VERSION_MISMATCH)]],
    api = [[API mismatch: the (?:client|NVIDIA kernel module) has the? ?version]],
    system803 = [[(?:Error 803|error code 803|cudaErrorSystemDriverMismatch|system has unsupported display driver / cuda driver combination|CUDA_ERROR_SYSTEM_DRIVER_MISMATCH)]],
  },
  facts = {"driver.kernel_module", "driver.user_library_version", "driver.version"},
  explains = {"container.no-gpu", "torch.cpu-build", "driver.not-loaded", "host.no-gpu"},
  when = function(f, log)
    if log.system803 and not log.nvml then
      return {hit = log.system803, confidence = 0.88, why = "Error 803: the user library of the driver that was loaded (often a cuda-compat copy in the image) does not match the kernel module.",
        fixes = {{kind = "env:LD_LIBRARY_PATH", say = "Take the compat folder off LD_LIBRARY_PATH (and out of ld.so.conf.d), so that the host's libcuda is used.", command = "export LD_LIBRARY_PATH=$(echo $LD_LIBRARY_PATH | tr ':' '\\n' | grep -v compat | paste -sd:)"},
                 {kind = "restart", say = "If the host's driver was just upgraded: reboot it."}, {kind = "driver", say = "Reinstall the driver, so that library and module are of one version."}}}
    end
    return {confidence = 0.95, why = {"The user-space NVIDIA library and the loaded kernel module are of two versions: the driver was upgraded without reloading the module (or two packages are mixed).", "Module {fact:driver.kernel_module}."},
      fixes = {{kind = "restart", say = "Reboot the host (or unload all nvidia modules and load them again).", command = "sudo reboot"},
               {kind = "driver", say = "If it persists: reinstall the driver packages, all of one version."}}}
  end,
  check = function(f)
    local module, lib = f"driver.kernel_module", f"driver.user_library_version" or f"driver.version"
    if f"cuda.driver_init.code" == 803 then
      return {confidence = 0.92, why = {"cuInit answers 803: the libcuda that is loaded does not belong to the kernel module.", "The module is {fact:driver.kernel_module}.", "The library is {fact:driver.user_library_version}."}, evidence = {"cuda.driver_init"},
        fixes = {{kind = "env:LD_LIBRARY_PATH", say = "Take the cuda-compat folder off the library path.", command = "export LD_LIBRARY_PATH=$(echo $LD_LIBRARY_PATH | tr ':' '\\n' | grep -v compat | paste -sd:)"}, {kind = "restart", say = "Or, if the driver was updated just now, reboot the host."}}}
    end
    if f"driver.version" and f"driver.error.code" ~= 18 then return nil end -- it answers
    if not module or type(lib) ~= "string" or module == lib or not lib:match[[^\d+\.\d+]] then return nil end
    return {confidence = 0.9, why = ("The kernel module is %s, the user library %s."):format(module, lib), fixes = {{kind = "restart", say = "Reboot the host, so that the new module is loaded."}, {kind = "driver", say = "Or reinstall the driver, all of one version."}}}
  end,
  doc = {looks = "'Failed to initialize NVML: Driver/library version mismatch', error 803.", check = "cat /proc/driver/nvidia/version against the version of libnvidia-ml.so."},
}

rule {
  id = "driver.not-loaded",
  signatures = {
    smi = [[NVIDIA-SMI (?:has failed because it couldn'?t communicate with the NVIDIA driver|couldn't find libnvidia-ml\.so library)]],
    modprobe = [[modprobe: (?:FATAL|ERROR):[^\n]*nvidia|could not insert 'nvidia|Module nvidia not found|nvidia(?:-\w+)? kernel module (?:is )?(?:missing|not (?:found|loaded))]],
    nvml_driver = [[(?:Failed to initialize NVML: Driver Not Loaded|NVMLError_DriverNotLoaded|nvml error: driver not loaded|NVML_ERROR_DRIVER_NOT_LOADED)]],
    cli = [[nvidia-container-cli(?:\.real)?: initialization error:(?: nvml error:)? (?:driver not loaded|load library failed: libnvidia-ml|driver rpc error)]],
    installer = [[(?:Unable to (?:load|build) the (?:kernel module 'nvidia|NVIDIA kernel module)|nvidia: version magic '[^']+' should be|kernel driver does not appear to be running on this host)]],
    adapter = [[(?:RmInitAdapter failed|\bNo devices were found\b)]],
    secure = [[(?:Key was rejected by service|Required key not available)]],
    dkms = [[(?:Error! Bad return status for module build on kernel|DKMS[^\n]*nvidia[^\n]*(?:error|fail))]],
    no_module = [[NVRM: (?:No NVIDIA (?:GPU|graphics adapter) found|The NVIDIA probe routine was not called|This can occur when a driver such as)]],
  },
  facts = {"driver.kernel_module", "pci.gpus"},
  explains = {"container.no-gpu", "torch.cpu-build", "bnb.cpu-only", "host.no-gpu"},
  confidence = 0.92,
  when = function(f, log)
    local hit = log.secure
    if hit and (log.smi or log.modprobe) then
      return {hit = hit, why = "Secure Boot refuses the NVIDIA kernel module, because it is not signed with an enrolled key.",
        fixes = {{kind = "driver", say = "Sign the module and enroll the key (mokutil), or switch Secure Boot off."}, {kind = "restart", say = "Then reboot."}}}
    end
    if hit and not (log.smi or log.modprobe or log.nvml_driver or log.cli or log.installer) then return nil end
    if f"system.container.runtime" and (log.installer and log.installer.text:match[[does not appear to be running]] or log.smi and log.smi.text:has("libnvidia-ml")) then return nil end -- container.no-gpu
    if log.adapter and not (log.smi or log.modprobe or log.nvml_driver or log.cli or log.installer or log.no_module) then
      return {hit = log.adapter, confidence = 0.65, why = "The NVIDIA module is loaded and cannot bring the GPU up (wrong or damaged driver, GSP firmware, power, or a defect of the card).",
        fixes = {{kind = "driver", say = "Install a driver made for this card (open kernel modules from the 50 series on) and look at what the kernel says beside it.", command = "sudo dmesg | grep -iE 'nvrm|xid'"}, {kind = "restart", say = "Power the host off and on."}, {kind = "hardware", say = "If it stays: reseat or replace the card."}}}
    end
    return {why = "The NVIDIA kernel module is not loaded on the host (not built for the running kernel, blocked, or nouveau holds the card).",
      fixes = {{kind = "driver", say = "Install or rebuild the driver for the running kernel (a kernel upgrade without its headers breaks DKMS).", command = "sudo apt-get install linux-headers-$(uname -r) && sudo dkms autoinstall && sudo modprobe nvidia"},
               {kind = "restart", say = "Then load the module, or reboot into the kernel it was built for."}}}
  end,
  check = function(f)
    if f"system.container.runtime" or not f"pci.gpus.0" or f"driver.version" or f"driver.kernel_module" then return nil end
    if f"pci.gpus.0.vendor" and f"pci.gpus.0.vendor" ~= "nvidia" then return nil end
    return {confidence = 0.75, why = "An NVIDIA GPU is on the PCI bus, and no driver answers for it.", fixes = {{kind = "driver", say = "Load or install the NVIDIA driver on the host.", command = "sudo modprobe nvidia"}}}
  end,
  doc = {looks = "'NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver'.", check = "lsmod, dmesg, the running kernel."},
}

rule {
  id = "driver.unknown-error",
  signatures = {
    unknown = [[(?:cudaGetDeviceCount\(\)[^\n]*Error (?:2: out of memory|3: initialization error)|CUDA driver initialization failed, you might not have a CUDA gpu|CUDA unknown error - this may be due to an incorrectly set up environment|CUDA_ERROR_UNKNOWN|cudaErrorUnknown|\berror(?: code)?[ :=(]*999\b|cu(?:da)?\w*[^\n]{0,60}\(999\)|CUDA error: unknown error|initialization error: cuda error: unknown error|cuInit\S* (?:returned|failed)[^\n]{0,40}(?:999|unknown error)|(?:cudart|nvcuda|cuda driver library) init failure: 999|cudaGetDeviceCount\(\)[^\n]*Error 304)]],
  },
  context = {
    xid = [[NVRM: Xid|RmInitAdapter failed|fallen off the bus]],
    vector = [[Failed to allocate device vector]],
  },
  unless = {"xid"},
  facts = {"driver.version", "driver.devices", "env.CUDA_VISIBLE_DEVICES"},
  explains = {"torch.cpu-build", "bnb.cpu-only"},
  confidence = 0.84,
  when = function(f, log)
    if log.unknown.text:match[=[CUDA error 999 at [^:]+:\d+]=] then
      return {confidence = 0.66, title = "CUDA answers 999 (unknown error) in the middle of work", why = "CUDA answered 999 (unknown error) to a call of a program that had already started on the GPU: mostly the driver (too old or broken), else the card.",
        fixes = {{kind = "driver", say = "Upgrade the driver."}, {kind = "restart", say = "Reboot the host, and look at what the kernel says (dmesg | grep -iE 'nvrm|xid')."}, {kind = "hardware", say = "If it stays with another driver: try another card."}}}
    end
    if log.unknown.text:match[[CUDA error: unknown error|cudaErrorUnknown|Error 304|driver initialization failed|cudaGetDeviceCount]] and not log.unknown.text:match[[999]] then return {confidence = 0.66} end
    return true
  end,
  why = {"cuInit answers 999 (unknown error): mostly the nvidia_uvm module is in a bad state (after suspend) or /dev/nvidia-uvm is missing; it is rarely CUDA_VISIBLE_DEVICES, whatever the message says."},
  fixes = {
    {kind = "restart", say = "Reload the module, or reboot; for a container, make the device nodes first and restart it.", command = "sudo rmmod nvidia_uvm && sudo modprobe nvidia_uvm   # then: nvidia-modprobe -u -c=0"},
    {kind = "driver", say = "If it comes back, reinstall or upgrade the driver."},
  },
  doc = {looks = "'CUDA unknown error - this may be due to an incorrectly set up environment'.", check = "/dev/nvidia-uvm, lsmod | grep uvm, suspend in the kernel log."},
}

rule {
  id = "driver.forward-compat",
  signatures = {
    text = [[forward compatibility was attempted on non[- ]supported (?:HW|hardware)]],
    code = [[(?:Error 804|error code 804|cu(?:da)?\w*[^\n]{0,60}\(804\)|cudaErrorCompatNotSupportedOnDevice|CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE)]],
  },
  facts = {"driver.version", "env.LD_LIBRARY_PATH", "gpus.0.name"},
  explains = {"torch.cpu-build", "torch.driver-too-old"},
  confidence = 0.93,
  why = "The image's cuda-compat libcuda shadows the host's, and this GPU does not allow forward compatibility (only data-centre cards do).",
  fixes = {
    {kind = "env:LD_LIBRARY_PATH", say = "Take the compat folder off the library path, so that the host's libcuda.so.1 is used.", command = "export LD_LIBRARY_PATH=$(echo $LD_LIBRARY_PATH | tr ':' '\\n' | grep -v compat | paste -sd:)   # and remove /etc/ld.so.conf.d/*compat*"},
    {kind = "driver", say = "Or upgrade the host's driver to one that runs this CUDA itself."},
  },
  check = function(f)
    if f"cuda.driver_init.code" ~= 804 then return nil end
    return {confidence = 0.93, why = "cuInit answers 804: a cuda-compat libcuda was loaded, and this GPU does not allow forward compatibility.", evidence = {"cuda.driver_init"}}
  end,
  doc = {looks = "Error 804: forward compatibility was attempted on non supported HW.", check = "Which libcuda.so.1 is loaded (firstfix report --only cuda)."},
}

rule {
  id = "driver.fabric-manager",
  signatures = {
    text = [[(?:system not yet initialized|cudaErrorSystemNotReady|CUDA_ERROR_SYSTEM_NOT_READY)]],
    code = [[(?:[Ee]rror(?: code)?[ :=]*802\b|runtime error \(802\)|code=802)]],
    service = [[(?:nvidia-fabricmanager|fabric ?manager)[^\n]{0,120}(?:failed|not running|inactive|mismatch|error|version)]],
    nvswitch_counting = [[Unexpected error from cudaGetDeviceCount\(\)\. Did you run some cuda functions before calling NumCudaDevices\(\)(?: that might have already set an error\?)?(?! Error \d)]],
  },
  context = {other_code = [[NumCudaDevices\(\)[^\n]*Error (?<code>\d+)]]},
  facts = {"gpus.0.name", "driver.version"},
  explains = {"torch.cpu-build", "bnb.cpu-only", "visible-devices.wrong"},
  when = function(f, log)
    local hit = log.text or log.code or log.service
    if not hit then
      local code = log.other_code and log.other_code.code
      if code and code ~= "802" then return nil end
      local names = {}
      for _, gpu in ipairs(f.gpus()) do names[#names + 1] = gpu.name end
      local name = names[1] or ""
      if #names < 4 and not code or not name:match[[A100|A800|H100|H800|H200|H20|B200|B100|GB200|V100]] then return nil end
      return {hit = log.nvswitch_counting, confidence = 0.75, why = "CUDA does not come up on a machine with several NVSwitch-connected GPUs: mostly the fabric manager is not running, or of another version than the driver.",
        fixes = {{kind = "apt:nvidia-fabricmanager", say = "Install nvidia-fabricmanager in exactly the driver's version and start it.", command = "sudo apt-get install nvidia-fabricmanager-<driver branch> && sudo systemctl enable --now nvidia-fabricmanager"}, {kind = "restart", say = "Then restart the worker (or the host)."}}}
    end
    return {hit = hit, confidence = 0.93, why = "Error 802: on machines with NVSwitch, CUDA waits for nvidia-fabricmanager, which is not running or not of the driver's version.",
      fixes = {{kind = "apt:nvidia-fabricmanager", say = "Install nvidia-fabricmanager in exactly the driver's version and start it on the host.", command = "sudo systemctl status nvidia-fabricmanager; sudo apt-get install nvidia-fabricmanager-<driver branch>"}, {kind = "restart", say = "Then restart it: systemctl restart nvidia-fabricmanager."}}}
  end,
  check = function(f)
    if f"cuda.driver_init.code" ~= 802 then return nil end
    return {confidence = 0.9, why = {"cuInit answers 802, system not yet initialized: the NVSwitch fabric is not up, since the fabric manager does not run or is not the driver's version.", "Driver {fact:driver.version}."}, evidence = {"cuda.driver_init"},
      fixes = {{kind = "apt:nvidia-fabricmanager", say = "Start the fabric manager; install it in exactly the driver's version if it is missing.", command = "sudo systemctl enable --now nvidia-fabricmanager; systemctl status nvidia-fabricmanager"}}}
  end,
  doc = {looks = "Error 802: system not yet initialized.", check = "systemctl status nvidia-fabricmanager; its version against the driver's."},
}

rule {
  id = "cuda.stub-loaded",
  signatures = {stub = [[(?:CUDA driver is a stub library|CUDA_ERROR_STUB_LIBRARY|cudaErrorStubLibrary|(?:error|code)[ :=(]*34\b[^\n]{0,40}stub)]]},
  facts = {"env.LD_LIBRARY_PATH"},
  specific_over = {"cuda.lib-conflict"},
  confidence = 0.95,
  why = "The toolkit's stub libcuda (made for linking only) was loaded instead of the driver's.",
  fixes = {{kind = "env:LD_LIBRARY_PATH", say = "Take the .../stubs folder off LD_LIBRARY_PATH.", command = "export LD_LIBRARY_PATH=$(echo $LD_LIBRARY_PATH | tr ':' '\\n' | grep -v stubs | paste -sd:)"}},
  check = function(f)
    if f"cuda.driver_init.code" ~= 34 then return nil end
    return {confidence = 0.95, why = "cuInit answers 34: the toolkit's stub libcuda was loaded instead of the driver's.", evidence = {"cuda.driver_init"}}
  end,
  doc = {looks = "'CUDA driver is a stub library', error 34.", check = "A stubs folder on LD_LIBRARY_PATH."},
}

rule {
  id = "gpu.exclusive-mode",
  signatures = {busy = [[(?:all CUDA-capable devices are busy or unavailable|CUDA-capable device\(s\) is/are busy or unavailable|cudaErrorDevicesUnavailable|CUDA_ERROR_DEVICE_UNAVAILABLE)]]},
  facts = {"gpus.0.compute_mode", "gpus.0.processes"},
  confidence = 0.82,
  why = "The GPU refuses another process: its compute mode is exclusive and somebody holds it (or a process on it is stuck).",
  fixes = {
    {kind = "free-gpu", say = "End the process that holds the GPU.", command = "nvidia-smi --query-compute-apps=pid,name,used_memory --format=csv"},
    {kind = "os", say = "Or set the compute mode back to default.", command = "sudo nvidia-smi -c 0"},
    {kind = "env:CUDA_VISIBLE_DEVICES", say = "Or use another GPU."},
  },
  check = function(f)
    for _, gpu in ipairs(f.gpus()) do
      if gpu.compute_mode == "prohibited" then
        return {confidence = 0.9, why = ("GPU %s takes no compute process: its compute mode is prohibited."):format(gpu.index or 0), evidence = {("gpus.%s.compute_mode"):format(gpu.index or 0)},
          fixes = {{kind = "os", say = "Set the compute mode back to default.", command = ("sudo nvidia-smi -i %s -c 0"):format(gpu.index or 0)}}}
      end
    end
  end,
  doc = {looks = "'all CUDA-capable devices are busy or unavailable'.", check = "Compute mode and processes in nvidia-smi."},
}

rule {
  id = "gpu.mig-no-instance",
  signatures = {index = [[device >= 0 && device < num_gpus]], no_device = [[(?:No CUDA GPUs are available|no CUDA-capable device is detected)]], mig = [[(?:MIG (?:mode is )?enabled[^\n]{0,80}(?:no|without) (?:MIG )?(?:devices|instances)|No MIG devices found|MIG device[^\n]{0,40}not found|Invalid MIG)]]},
  facts = {"gpus.0.mig"},
  specific_over = {"visible-devices.wrong"},
  when = function(f, log)
    local name = f"gpus.0.name" or ""
    return log.mig or f"gpus.0.mig" == true or name:match[[\bMIG\b]] and true or nil
  end,
  confidence = 0.85,
  why = "MIG mode is on, and no instance exists or is selected.",
  fixes = {
    {kind = "env:CUDA_VISIBLE_DEVICES", say = "Select an instance by its UUID.", command = "nvidia-smi -L; export CUDA_VISIBLE_DEVICES=MIG-<uuid>"},
    {kind = "os", say = "Or make one, or switch MIG off.", command = "sudo nvidia-smi mig -cgi 0 -C   # or: sudo nvidia-smi -mig 0"},
  },
  doc = {looks = "No CUDA device although the card is there, with MIG enabled.", check = "nvidia-smi -L."},
}
