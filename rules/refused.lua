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
