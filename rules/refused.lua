-- Services and tools of containers that refuse their own settings before anything of a worker runs: dockerd and the
-- kubelet as they start, docker for a container's options, NVIDIA's tools for a device or a word that they do not know.

rule {
  id = "container.runtime-config/daemon-refuses",
  title = "the container service refuses its own settings",
  from = {"container", "systemd", "shell", "other"},
  signatures = {
    flag = [[failed to start daemon: [^\n]*(?<flag>--[a-z][\w-]+)]],
    storage = [[error initializing graphdriver: \[graphdriver\] prior storage driver (?<driver>\w+) failed: ]]
      .. [[driver not supported]],
    swarm = [[--(?<swarm>live-restore) daemon configuration is incompatible with swarm mode]],
    d_type = [[(?<folder>/\S+) does not support d_type\. If the backing filesystem is xfs]],
    runtime = [[runtime (?<runtime>[\w.-]+): cannot configure both path and runtimeType]],
    toml = [[unable to load (?<service>containerd|crio|docker) config: ]],
    start = [[^(?:dockerd: )?failed to start daemon: (?<said>[^\n]+)]],
  },
  context = {other = [[(?:address already in use|no space left|permission denied|no such host|pid file found)]]},
  explains = {"container.runtime-config", "disk.full"},
  confidence = 0.84,
  when = function(_, log)
    local check = {setting = "docker-config", kind = "os", say = "Correct it in daemon.json or in the service's "
      .. "command (this shows both), then restart the service."}
    local hit = log.storage or log.d_type or log.swarm or log.runtime or log.toml or log.flag or log.start
    if hit == log.storage then
      return {hit = hit, why = "Docker's images lie here as the storage driver {driver} wrote them, and this Docker or "
          .. "kernel no longer has that driver.",
        fixes = {{host = true, say = "Move the images away (the folder of Docker's data), let it start with overlay2, "
          .. "and pull or load them again."}}}
    elseif hit == log.d_type then
      return {hit = hit, why = "The file system of {folder} does not tell folders from files (xfs made with ftype=0), "
          .. "and layers of images need that.",
        fixes = {{host = true, say = "Let the container service keep its data on another file system (xfs with "
          .. "ftype=1, or ext4)."}}}
    elseif hit == log.toml then
      return {hit = hit, why = "The configuration of {service} cannot be read as it stands.",
        fixes = {{host = true, say = "Correct the line of config.toml that the message names, then configure the "
          .. "runtime again."}}}
    end
    local name = hit.flag or hit.swarm or hit.runtime
    if not name then
      return not log.other and {hit = hit, confidence = 0.66, title = "the container service does not start",
        why = "dockerd ended while it set itself up, and says at what.", fixes = {check}} or nil
    end
    return {hit = hit, why = ("It stumbles over its own setting: %s."):format(name), fixes = {check}}
  end,
  doc = {looks = "failed to start daemon: You specified --ip6tables=false with --icc=false.",
    check = "systemctl cat docker; /etc/docker/daemon.json."},
}

rule {
  id = "container.runtime-config/kubelet-refuses",
  title = "the kubelet refuses its own settings",
  from = {"kubernetes", "systemd", "other"},
  signatures = {
    swap = [[running with swap on is not supported]],
    flag = [[failed to validate kubelet configuration[^\n]*?\((?<flag>--[a-z][\w-]+)\)]],
  },
  explains = {"net.peer-unreachable"},
  confidence = 0.86,
  when = function(_, log)
    if log.swap then
      return {hit = log.swap, why = "The node uses swap, and the kubelet does not start beside it unless told so.",
        fixes = {{host = true, kind = "os", say = "Turn swap off (swapoff -a, and its line out of /etc/fstab), or set "
          .. "failSwapOn: false in the kubelet's configuration."}}}
    end
    return {hit = log.flag, why = "The kubelet does not take the value of {flag}, a flag or the field of that name in "
        .. "its configuration.",
      fixes = {{host = true, kind = "os", say = "Correct that value as the message says, then restart the kubelet."}}}
  end,
  doc = {looks = "failed to run Kubelet: running with swap on is not supported.",
    check = "/var/lib/kubelet/config.yaml; swapon --show."},
}

rule {
  id = "container.runtime-config/not-there",
  title = "the container engine is told to use a part that it has not",
  from = {"container", "orchestrator", "shell", "other"},
  signatures = {
    log_driver = [[no log driver named '(?<log>[\w./:-]+)' is registered]],
    network = [[network driver (?<net>[\w./:-]+) not found]],
    shim = [[runtime \\?"(?<runtime>[\w./:-]+)\\?" binary not installed \\?"(?<shim>[\w.-]+)\\?"]],
  },
  confidence = 0.86,
  when = function(_, log)
    local hit = log.shim or log.log_driver or log.network
    if hit == log.shim then
      return {hit = hit, why = "The runtime {runtime} needs the program {shim} beside the service, and that is not "
          .. "there.",
        fixes = {{host = true, kind = "os", say = "Install the package that brings that program, or take the runtime's "
          .. "name out of the configuration (docker info lists those that are known)."}}}
    end
    return {hit = hit, why = {"The log driver {log} is no part of this Docker, and its plugin is not installed.",
        "The network driver {net} is no part of this Docker, and its plugin is not installed."},
      fixes = {{host = true, kind = "os", say = "Install that plugin on the host, or start the container with a driver "
        .. "that Docker brings along (json-file, bridge)."}}}
  end,
  doc = {looks = "logger: no log driver named 'loki' is registered.", check = "docker info; docker plugin ls."},
}

rule {
  id = "container.runtime-config/subids",
  title = "this user has too few subordinate ids for the image",
  from = {"container", "shell", "other"},
  signatures = {
    hint = [[increas\w+ the number of subordinate IDs]],
    few = [[potentially insufficient UIDs or GIDs available in user namespace]],
  },
  explains = {"container.image-pull", "disk.full"},
  confidence = 0.9,
  why = "Files of the image belong to users beyond those that a container of this user may have (/etc/subuid, "
    .. "/etc/subgid).",
  fixes = {{host = true, kind = "os", say = "Give the user 65536 of each (usermod --add-subuids and --add-subgids), "
    .. "then start the service anew (podman system migrate)."}},
  doc = {looks = "try increasing the number of subordinate IDs in /etc/subuid and /etc/subgid.",
    check = "grep $USER /etc/subuid /etc/subgid."},
}

rule {
  id = "container.runtime-config/toolkit-refuses",
  from = {"container", "orchestrator", "other"},
  signatures = {
    rights = [[nvidia-container-cli[^\n]*permission error: (?:capability change|capabilities|bounding set)\b[^\n]*]]
      .. [[(?:operation not permitted|permission denied)]],
    node = [[nvidia-container-cli[^\n]*mount error: invalid device node: (?<node>/dev/\S+?):? ]],
    mig = [[nvidia-container-cli[^\n]*cannot enable (?<mig>mig-config|mig-monitor) with specific MIG devices]],
    word = [[unknown driver capability: ?(?<word>\S+?)[\s"'\\]*$]],
    mode = [[unsupported (?<option>CAPABILITIES|DRIVER_CAPABILITIES) (?:value )?(?<word2>\S+)]],
  },
  confidence = 0.86,
  when = function(_, log)
    local hit = log.rights or log.node or log.mig or log.word or log.mode
    if hit == log.rights then
      return {hit = hit, title = "nvidia-container-cli may not take the rights that it needs here",
        why = "The container is started from within another one (LXC, a pod) or by a user without root, which may not "
          .. "change capabilities.",
        fixes = {{host = true, kind = "os", say = "Let the outer container run privileged (LXC: nesting on, and no "
          .. "dropped capabilities), or give the GPU by CDI, which needs no such rights."}}}
    elseif hit == log.node then
      return {hit = hit, title = "a device node of the GPU is not what the driver has",
        why = "{node} exists, with other numbers than the driver's device, as after a driver was loaded anew.",
        fixes = {{restart = "host", kind = "os", say = "Remove that node and let nvidia-modprobe make it again, or "
          .. "restart the host."}}}
    elseif hit == log.mig then
      return {hit = hit, title = "one MIG device may not manage the others",
        why = "The container gets single MIG devices and is to manage MIG as well ({mig}).",
        fixes = {{unset = {"NVIDIA_MIG_CONFIG_DEVICES", "NVIDIA_MIG_MONITOR_DEVICES"}, kind = "env:NVIDIA_MIG",
          say = "Leave the variable out of the container, or give it whole GPUs."}}}
    end
    return {hit = hit, title = "the image names a driver capability that does not exist",
      why = ("NVIDIA_DRIVER_CAPABILITIES holds %s, and the toolkit knows no such capability."):format(
        hit.word or hit.word2),
      fixes = {{set = {NVIDIA_DRIVER_CAPABILITIES = "compute,utility"}, say = "Name those that computing needs."}}}
  end,
  doc = {looks = "nvidia-container-cli: mount error: invalid device node: /dev/nvidia0.",
    check = "ls -l /dev/nvidia*; NVIDIA_DRIVER_CAPABILITIES and NVIDIA_MIG_* in the image."},
}

-- ---- what a service reads, and what it needs beside it ----

local CORRECT = {host = true, kind = "os", say = "Correct that file (or move it away, so that the service takes its "
  .. "defaults), then restart the service."}

rule {
  id = "container.runtime-config/file",
  title = "a configuration of the container stack cannot be used as it stands",
  from = {"container", "orchestrator", "systemd", "shell", "other"},
  signatures = {
    key = [[\b(?<key>nvidia-(?:container-cli|container-runtime|container-runtime-hook|ctk)\.[a-z][\w.-]*) ]]
      .. [[(?:value|must|is (?:not|invalid))\b]],
    runtime = [[(?:unable|failed) to load config for runtime (?<runtime>docker|containerd|crio|cri-o)\b]],
    source = [[(?:could not|cannot|unable to|failed to) (?:open|read|load|parse) (?:source |the )?config(?:uration)? ]]
      .. [[file:? [^\n]*?(?<file>/[\w./-]*(?:nvidia-container-runtime|containerd|docker|crio|cdi)[\w./-]*)]],
    toml = [[(?:invalid plugin config: |failed to (?:load|unmarshal|decode) (?:imported )?TOML]]
      .. [[|strict mode: fields in the document are missing]]
      .. [[|unmarshal TOML with unknown fields)]],
  },
  specific_over = {"container.runtime-config"},
  confidence = 0.84,
  when = function(_, log)
    local hit = log.key or log.source or log.runtime or log.toml
    if hit == log.key then
      return {hit = hit, why = ("%s in /etc/nvidia-container-runtime/config.toml has a value that the toolkit does not "
        .. "take."):format(hit.key), fixes = {{host = true, kind = "os", say = "Give it a value of the form that the "
        .. "message asks for, or let nvidia-ctk config write the file anew."}}}
    elseif hit == log.toml then
      return {hit = hit, why = "A file of the service's configuration has fields or a form that this release of it "
        .. "does not know.", fixes = {CORRECT}}
    end
    local what = hit.file or hit.runtime
    return {hit = hit, why = ("The configuration of %s cannot be read."):format(what), fixes = {CORRECT}}
  end,
  doc = {looks = "nvidia-container-cli.ldconfig value \"/sbin/ldconfig\" is not host-relative.",
    check = "The file that is named; containerd config dump, dockerd --validate."},
}

rule {
  id = "container.runtime-config/host-lacks",
  title = "the container service lacks something of its host",
  from = {"container", "orchestrator", "systemd", "other"},
  signatures = {
    kernel = [[\b(?<what>[\w/-]+(?: [\w/-]+){0,2}) (?:is|are)(?:n't| not) (?:enabled|supported|available) ]]
      .. [[(?:in|by) (?:the|this|your) (?:host )?kernel\b]],
    program = [[failed to (?:start|run|execute|find) (?<program>[a-z][\w-]*), (?:check|make sure|verify) that [^\n]*]]
      .. [[\$PATH]],
    variable = [[\$(?<variable>[A-Z][A-Z0-9_]{3,}) (?:needs to|must|has to) be (?:set|writable)]],
    mapping = [[user namespaces enabled, but no (?<mapping>[ug]id) mappings? found]],
  },
  confidence = 0.84,
  when = function(_, log)
    local hit = log.kernel or log.program or log.variable or log.mapping
    if hit == log.kernel then
      return {hit = hit, why = "The kernel of this host was built or started without {what}.",
        fixes = {{host = true, kind = "os", say = "Turn it on (sysctl, the kernel's command line, or another kernel), "
          .. "or leave the option out that asks for it."}}}
    elseif hit == log.program then
      return {hit = hit, why = "The service starts the program {program} and does not find it on its PATH.",
        fixes = {{host = true, kind = "os", say = "Install the whole package of the service, so that its helpers are "
          .. "of one release, and restart it."}}}
    elseif hit == log.variable then
      return {hit = hit, why = "Where the service is started {variable} is not set, or names a folder of another user.",
        fixes = {{host = true, kind = "os", say = "Start it by the script that sets it (for a service without root "
          .. "dockerd-rootless.sh), or set it."}}}
    end
    return {hit = hit, why = "The container is to have a user namespace and gets no {mapping} mapping.",
      fixes = {{host = true, kind = "os", say = "Give the user ranges in /etc/subuid and /etc/subgid, or start the "
        .. "container without a user namespace of its own."}}}
  end,
  doc = {looks = "user namespaces aren't enabled in the kernel; failed to start docker-proxy, check that the current "
    .. "version is in your $PATH.", check = "zgrep USER_NS /proc/config.gz; the PATH of the service."},
}

rule {
  id = "container.image-broken/store",
  title = "the image is not whole in the service's own store",
  from = {"container", "orchestrator", "other"},
  signatures = {
    digest = [[\b(?:image|layer|config|blob|manifest)\b[^\n]* ]]
      .. [[(?:does not match expected (?:checksum|digest)|verification failed for digest)]],
    store = [[could not verify layer data for\b]],
    old = [[media type \\?"[\w.+/-]*v1\+?\w*\\?" is no longer supported]],
  },
  context = {proxy = [[(?:proxyconnect|x509:)]]},
  unless = {"proxy"},
  confidence = 0.84,
  when = function(_, log)
    return log.old and not (log.digest or log.store) and {title = "the image is of a form that is no longer read",
      why = "The image was pushed in the first form of Docker's registries, which newer services do not read.",
      fixes = {{host = true, kind = "os", say = "Take a newer tag of it, or pull it with an older Docker and push it "
        .. "again from there."}}} or {}
  end,
  why = "What is stored, or came from the registry, is not what its digest says: cut short or changed on the way or on "
    .. "the disk.",
  fixes = {{host = true, kind = "os", say = "Remove the image (docker image rm), then pull it anew; where it comes "
    .. "again, look at the disk and at what stands between here and the registry."}},
  doc = {looks = "image digest sha256:... does not match expected checksum.", check = "docker image rm, then pull."},
}

rule {
  id = "sys.arch/image-system",
  title = "the image is for another operating system",
  from = {"container", "orchestrator", "other"},
  signatures = {
    os = [[cannot download image with operating system \\?"(?<image>\w+)\\?" when requesting \\?"(?<host>\w+)]],
    os2 = [[image operating system \\?"(?<image2>\w+)\\?" cannot be used on this platform]],
  },
  confidence = 0.88,
  when = function(_, log)
    local hit = log.os or log.os2
    return {hit = hit, why = ("The image was made for %s, and this host does not run such containers."):format(
      hit.image or hit.image2), fixes = {{host = true, kind = "os", say = "Pull the image's variant for this system "
      .. "(--platform linux/amd64), or another tag."}}}
  end,
  doc = {looks = "cannot download image with operating system \"windows\" when requesting \"linux\".",
    check = "docker manifest inspect IMAGE."},
}

rule {
  id = "container.no-gpu/other-vendor",
  title = "the container engine has no way to give out this vendor's GPUs",
  from = {"container", "orchestrator", "shell"},
  signatures = {
    select = [[could not select device driver \\?['"](?<vendor>amd|intel)]],
    spec = [[\b(?<vendor2>AMD|Intel) CDI spec not found]],
  },
  specific_over = {"container.toolkit-missing"},
  confidence = 0.88,
  when = function(_, log)
    local hit = log.select or log.spec
    return {hit = hit, why = ("No specification of the %s GPUs of this host is there for the engine."):format(
      hit.vendor or hit.vendor2), fixes = {{host = true, kind = "os", say = "Install the vendor's container toolkit "
      .. "and let it write the CDI specification (amd-ctk cdi generate), or pass the devices themselves (--device "
      .. "/dev/kfd --device /dev/dri)."}}}
  end,
  doc = {looks = "could not select device driver \"amd\" with capabilities: [[gpu]].",
    check = "ls /etc/cdi /var/run/cdi."},
}

-- What nobody above knows: the innermost layer's words are all that there is.
rule {
  id = "container.runtime-config/says",
  title = "the container runtime refuses to make the container",
  role = "symptom",
  from = {"container", "orchestrator", "shell", "app", "other"},
  signatures = {
    create = [[(?:OCI runtime create failed|failed to create (?:shim task|task for container)): ]]
      .. [[(?:[^\n]*: )?(?<said>[^:\n]{8,200})$]],
    option = [[docker: Error response from daemon: (?!failed to)[^\n]{4,120}]] .. any{
      [[\bis incompatible with\b]],
      [[\bshould be (?:larger|smaller|less|greater|lower|higher)\b]],
      [[\bis not in a separate kernel namespace\b]],
      [[\bis (?:only )?supported (?:only )?(?:for|on|with|by)\b]],
      [[\bnot supported (?:for|on|with|by|in)\b]],
      [[\bcannot be used (?:with|in|on)\b]],
      [[\bcannot share\b]],
      [[\bmust use either\b]],
    },
  },
  context = {known = [[(?:no such file or directory|executable file not found|permission denied|not permitted]]
    .. [[|no space left|cannot allocate memory|context (?:canceled|deadline)|nvidia-container-cli]]
    .. [[|unknown or invalid runtime)]], started = [[kubelet +Started container]]},
  unless = {"known", "started"},
  confidence = 0.62,
  why = "Nothing of the image ran yet: what the container is to be was read, and the last words say what is not taken.",
  fixes = {{host = true, kind = "os", say = "Change the option of the container, or the setting of the host, that the "
    .. "last words name."}},
  doc = {looks = "OCI runtime create failed: runc create failed: process scheduler can't be used together with "
    .. "AllowedCPUs.", check = "How the container is started (docker inspect), and the service's configuration."},
}
