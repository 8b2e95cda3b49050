-- The NVIDIA kernel module that could not be built, signed or loaded for a kernel.

-- The gcc that first knew an option with which kernels are built.
local function gcc_of(text)
  for option, release in pairs{["-ftrivial-auto-var-init"] = "12", ["-mharden-sls"] = "12",
    ["-fmin-function-alignment"] = "14"} do
    if text:has(option) then return release end
  end
end

rule {
  id = "driver.build-failed",
  from = {"driver", "system", "installer", "compiler"},
  signatures = {
    secure = [[(?:Key was rejected by service|Required key not available|Loading of unsigned module is rejected|]]
      .. [[module verification failed: signature and/or required key missing)]],
    dkms = [[(?:Error! Bad return status for module build on kernel|DKMS[^\n]*nvidia[^\n]*(?:error|fail)|]]
      .. [[Failed to run [`'"]?\S*dkms (?:build|install) -m nvidia|]]
      .. [[\bdkms (?:build|install)[^\n]* nvidia[\w-]*/\d[^\n]*\breturned [1-9]|]]
      .. [[nvidia[^\n]{0,40}kernel package postinst script subprocess returned error exit status)]],
    headers = [[(?:Your kernel headers for kernel (?<kernel>\S+) cannot be found|]]
      .. [[Unable to find the kernel source tree|]]
      .. [[kernel headers? for (?:the )?(?:running|target) kernel[^\n]{0,30}(?:not (?:be )?found|missing)|]]
      .. [[/lib/modules/(?<kernel2>\S+?)/build: No such file)]],
    modpost = [[(?:GPL-incompatible module nvidia\S* uses GPL-only symbol '?(?<symbol>\w+)|]]
      .. [[modpost: "?(?<symbol2>\w+)"? \[\S*nvidia\S*\.ko\] undefined)]],
    installer = [[(?:Unable to build the NVIDIA kernel module|The kernel module failed to (?:build|load)|]]
      .. [[error occurred while performing the step: "Building kernel modules"|]]
      .. [[Unable to load the (?:kernel module 'nvidia|NVIDIA kernel module)|nvidia: version magic '[^']+' should be)]],
    object = [=[\*\*\* \[[^\n\]]*(?:/nvidia[\w./-]*|/kernel-open)/[\w.-]+\.o\] Error \d]=],
    source = [[(?:\bnvidia\S*/(?:nvidia[\w-]*|common)/\S+|]]
      .. [[(?<![\w/.-])[./]*(?:nvidia[\w-]*|common/inc)/nv[\w-]*)\.[ch]:\d+:\d+: ]]
      .. [[(?:fatal )?error: (?<compile>[^\n]{3,120})]],
    preempt = [[(?:The kernel you are installing for is a PREEMPT_RT kernel|]]
      .. [[PREEMPT_RT[^\n]{0,60}not (?:currently )?support)]],
    compiler = [[(?:Compiler version check failed|]]
      .. [[The (?:major and minor number of the )?compiler (?:used to compile|]]
      .. [[version)[^\n]{0,120}(?:does not (?:seem to )?match|mismatch)|]]
      .. [[unrecognized command[- ]line option[^\n]*(?:-ftrivial-auto-var-init|-mharden-sls]]
        .. [[|-fmin-function-alignment))]],
  },
  context = {legacy = [[\bnvidia(?:-legacy|-current)?[/-](?<branch>304|340|390|418|430|435|450|455|460|465|470)\.\d+]],
    nvidia = [[(?i)(?:nvidia|nvrm|dkms)]],
    smi = [[NVIDIA-SMI has failed|could not insert 'nvidia]]},
  facts = {"system.kernel", "driver.kernel_module", "pci.gpus"},
  explains = {"driver.not-loaded", "container.no-gpu", "torch.cpu-build", "host.no-gpu"},
  when = function(f, log)
    local hit = log.secure or log.modpost or log.headers or log.preempt or log.compiler or log.source or log.installer
      or log.dkms or log.object
    if not log.nvidia then return nil end -- another module
    if log.secure then
      -- loaded all the same
      if log.secure.text:match[[module verification failed]] and not (log.smi or log.installer) then return nil end
      return {hit = log.secure, confidence = 0.93, why = "Secure Boot refuses the NVIDIA kernel module: no "
        .. "enrolled key has signed it.",
        fixes = {{driver = "enroll", say = "Enroll the key that signs the modules built here, then reboot and "
          .. "confirm it."},
          {host = true, say = "Or switch Secure Boot off in the firmware."}}}
    end
    local upgrade = {driver = "upgrade", say = "Install a driver release that is made for this kernel (a newer "
      .. "one, or that of the distribution)."}
    if log.headers then
      return {hit = log.headers, confidence = 0.93, why = {"The headers of the kernel {kernel} are not installed, "
        .. "so that its NVIDIA module could not be built.",
          "The headers of the kernel {kernel2} are not installed.",
            "The NVIDIA module could not be built without the kernel's headers."},
        fixes = {{driver = "build", kind = "apt:linux-headers",
          say = "Install the headers of the running kernel and build the module."}}}
    end
    if log.preempt then
      return {hit = log.preempt, confidence = 0.88, why = "The driver refuses a real-time (PREEMPT_RT) kernel.",
        fixes = {{host = true, kind = "os", say = "Boot the ordinary kernel, or build with "
          .. "IGNORE_PREEMPT_RT_PRESENCE=1 set, at one's own risk."}}}
    end
    if log.compiler then
      local need = gcc_of(log.compiler.text)
      if need then
        return {hit = log.compiler, confidence = 0.9, why = ("The kernel was built with a newer gcc than the one that "
            .. "builds the module here: its options are those of gcc %s."):format(need),
          fixes = {{setting = "build-gcc", need = need, kind = "driver", say = "Install that gcc, make it the default "
              .. "one and build the module again."},
            {host = true, kind = "driver", say = "Else install the compiler release that "
            .. "/proc/version names, and build the module with CC set to it."}}}
      end
      return {hit = log.compiler, confidence = 0.88, why = "The compiler that builds the module is not the one "
        .. "that the kernel was built with.",
        fixes = {{host = true, kind = "driver", say = "Install the compiler release that the message names (apt: "
          .. "gcc of that number), and build the module again with CC set to it."}}}
    end
    local again = {driver = "build", say = "Or build it again with the headers of the running kernel."}
    local previous = log.legacy and {host = true, kind = "driver", say = ("Boot the kernel before this one: the %s "
      .. "branch "
      .. "is no longer adapted to new kernels; for a card that newer drivers still know, upgrade the driver."):format(
      log.legacy.branch)}
    return {hit = hit, confidence = log.modpost and 0.9 or 0.86,
      fixes = previous and {previous, upgrade, again} or {upgrade, again},
      why = {log.modpost and "This driver's module uses a symbol of the kernel that only GPL modules may, or that "
        .. "this kernel has not: the two releases do not go together."
          or "The NVIDIA kernel module could not be built for this kernel.", "The compiler says: {compile}.",
        log.modpost and "The symbol is " .. (log.modpost.symbol or log.modpost.symbol2) .. "." or nil,
            "The kernel is {fact:system.kernel}."}}
  end,
  doc = {looks = "Error! Bad return status for module build on kernel; modpost: GPL-incompatible module nvidia.ko; "
    .. "Key was rejected by service.",
    check = "/var/lib/dkms/nvidia/*/build/make.log, /var/log/nvidia-installer.log, mokutil --sb-state."},
}

-- The container that builds and loads the driver on a node for the GPU operator.
rule {
  id = "driver.build-failed/pod",
  from = {"driver", "system", "installer", "compiler", "orchestrator", "shell", "app", "other"},
  signatures = {
    kernel = [[\bCould not resolve Linux kernel version]],
    modpost = [[(?:GPL-incompatible module nvidia\S* uses GPL-only symbol|]]
      .. [[modpost: "?\w+"? \[\S*nvidia\S*\.ko\] undefined)]],
  },
  context = {pod = [[=+ NVIDIA Software Installer =+]],
    target = [[Starting installation of NVIDIA driver (?:branch|version) \S+ for Linux kernel version (?<kernel>\S+)]],
    network = [[(?:Temporary failure (?:in name resolution|resolving)|Could not resolve host|Failed to fetch http)]]},
  explains = {"driver.build-failed", "driver.not-loaded", "net.dns"},
  when = function(_, log)
    if not (log.pod or log.target) then return nil end
    local kernel = log.target and "kernel " .. log.target.kernel or "running kernel"
    local other = {setting = "operator-release", kind = "driver", say = "Let the operator install a driver release "
      .. "that is made for the " .. kernel .. " (RELEASE: one that NVIDIA's registry has an image of for this system)."}
    if log.kernel then
      return {hit = log.kernel, confidence = 0.88, title = "the driver's pod finds no packages of the node's kernel",
        why = {"The driver's pod builds the module on the node, and the package sources that it reaches have no "
          .. "headers of the " .. kernel .. ".", log.network and "It does not reach those sources at all." or nil},
        fixes = {{setting = "operator-driver", kind = "driver", say = "Let the pod reach a package source that has "
            .. "that kernel's headers (a proxy, or a mirror by driver.repoConfig), or boot the node with a kernel that "
            .. "has them; then start it anew."},
          {setting = "operator-release", kind = "driver", say = "Or take a driver image that carries a module "
            .. "built for that kernel (driver.usePrecompiled=true)."}}}
    end
    return {hit = log.modpost, confidence = 0.92, fixes = {other},
      why = "The driver release that the operator installs does not go together with the node's kernel: its module "
        .. "uses a symbol that only GPL modules may, or that this kernel has not."}
  end,
  doc = {looks = "NVIDIA Software Installer: Could not resolve Linux kernel version.",
    check = "kubectl -n gpu-operator logs daemonset/nvidia-driver-daemonset; uname -r of the node."},
}

rule {
  id = "driver.library-mismatch/pod",
  from = {"driver", "system", "installer", "orchestrator", "shell", "app", "other"},
  signatures = {held = [[\bCould not unload NVIDIA driver kernel modules, driver is in use]]},
  title = "the driver's pod cannot replace a driver in use",
  confidence = 0.85,
  explains = {"driver.not-loaded"},
  why = "The node has another NVIDIA driver loaded that programs still use, so the operator's pod cannot replace it.",
  fixes = {{setting = "operator-drain", kind = "driver", say = "Move the pods that use the GPUs away from that node "
      .. "and start it anew."},
    {host = true, kind = "driver", say = "If the driver is installed on the node itself: remove it there, or install "
      .. "the operator with driver.enabled=false."}},
  doc = {looks = "Could not unload NVIDIA driver kernel modules, driver is in use.",
    check = "lsof /dev/nvidia* on the node; cat /proc/driver/nvidia/version."},
}
