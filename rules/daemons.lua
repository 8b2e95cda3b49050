-- What starts containers and pods, where nothing of the worker ran yet: the services themselves, their clients, the
-- folders and the names that they are given.

rule {
  id = "container.runtime-config/daemon",
  title = "the container service does not answer",
  from = {"container", "orchestrator", "shell", "app", "other"},
  signatures = {
    socket = [[dial unix (?<path>/[^\s:]*(?:docker|containerd|crio|cri-dockerd|podman)[^\s:]*\.sock): connect: ]]
      .. [[(?<why>connection refused|no such file or directory|permission denied)]],
    docker = [[Cannot connect to the Docker daemon at (?<path2>\S+?)\. Is the docker daemon running]],
    denied = [[permission denied while trying to connect to the [Dd]ocker (?:daemon socket|API)]],
  },
  context = {started = [[kubelet +Started container|Successfully pulled image]]},
  explains = {"container.no-gpu"},
  confidence = 0.88,
  when = function(_, log)
    local hit = log.denied or log.socket or log.docker
    if log.started and log.started.line > hit.line then return nil end
    if hit == log.denied or hit.why == "permission denied" then
      return {hit = hit, title = "this user may not talk to the container service",
        why = "The container service runs, and its socket is open to root and to its own group only.",
        fixes = {{setting = "docker-group", kind = "os", say = "Add the user to that group, and log in again."}}}
    end
    local path = hit.path or hit.path2
    local containerd = path:has("containerd")
    return {hit = hit, why = ("Nothing listens on %s: the service that starts containers is down."):format(path),
      fixes = {{restart = containerd and "containerd" or "docker", kind = "restart", say = "Start it anew; where it "
          .. "does not come up, 'journalctl -u " .. (containerd and "containerd" or "docker") .. "' says why (often a "
          .. "broken daemon.json or config.toml).",
        cond = function() return containerd or path:has("docker") end},
        {host = true, say = "Start that service on the node anew."}}}
  end,
  doc = {looks = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    check = "systemctl status docker containerd."},
}

rule {
  id = "net.peer-unreachable/kubectl",
  title = "kubectl does not reach a cluster",
  from = {"orchestrator", "shell", "app", "other"},
  signatures = {
    refused = [[The connection to the server (?<server>[\w.:-]+) was refused - did you specify the right host or port]],
    reach = [[Unable to connect to the server: (?<said>[^\n]+)]],
    group = [[couldn't get current server API group list: Get "https?://(?<server2>[\w.:-]+)]],
  },
  confidence = 0.88,
  when = function(_, log)
    local hit = log.refused or log.reach or log.group
    local server = hit.server or hit.server2 or ""
    local none = server:match[[^(?:localhost|127\.0\.0\.1):8080$]]
    return {hit = hit, why = none and "kubectl has no configuration here, so it asks localhost:8080, where no "
      .. "cluster is."
        or "The cluster's own API server does not answer kubectl.",
      fixes = {{setting = "kubeconfig", kind = "os", say = "Give this user the cluster's configuration (of kubeadm; "
        .. "that of k3s is /etc/rancher/k3s/k3s.yaml).", cond = function() return none ~= nil end},
        {setting = "api-server", kind = "os", say = "On the control plane's node, start the kubelet anew, which starts "
          .. "the API server, and see in its log why that ended (expired certificates, a full disk, swap)."}}}
  end,
  doc = {looks = "The connection to the server localhost:8080 was refused - did you specify the right host or port?",
    check = "kubectl config view; curl -k https://SERVER:6443/livez."},
}

rule {
  id = "container.runtime-config/mounts",
  title = "a folder cannot be brought into the container",
  from = {"container", "enroot", "apptainer", "slurm", "shell", "app", "other"},
  signatures = {
    source = any{
      [[bind source path does not exist: (?<path>/[^\s"']+)]],
      [[Error: statfs (?<path2>/[^\s:]+): no such file or directory]],
      [[mount source (?<path3>/\S+) doesn't exist]],
      [[enroot-mount: failed to mount: (?<path4>/\S+) at \S+: No such file or directory]],
      [[error mounting "(?<path6>/[^"\n]+)" to rootfs at [^\n]*: no such file or directory]],
    },
    denied = any{
      [[enroot-mount: failed to mount: (?<closed>/\S+) at \S+: Permission denied]],
      [[error while creating mount source path '(?<closed2>/[^'\n]+)': mkdir \S+: (?:permission denied|read-only)]],
      [[error mounting "(?<closed3>/[^"\n]+)" to rootfs[^\n]*permission denied]],
    },
    relative = [[unable to add (?<bind>\S+) to mount list: destination must be an absolute path]],
    into_file = [[(?:not a directory[^\n]*Are you trying to mount a directory onto a file|error mounting ]]
      .. [["(?<path5>/[^"\n]+)" to rootfs[^\n]*: not a directory)]],
  },
  confidence = 0.87,
  when = function(_, log)
    local hit = log.source or log.denied or log.relative or log.into_file
    if hit == log.relative then
      return {hit = hit, why = ("What stands behind the colon of the bind %s is taken for its place in the container, "
          .. "and is no absolute path."):format(hit.bind),
        fixes = {{setting = "bind-both", need = hit.bind, kind = "os", say = "Name the folder twice, here and in the "
          .. "container, then the mode."}}}
    elseif hit == log.denied then
      local path = hit.closed or hit.closed2 or hit.closed3
      return {hit = hit, why = ("The user who starts the container may not reach %s, root included where it lies on "
        .. "NFS that squashes root."):format(path),
        fixes = {{setting = "path-rights", need = path, kind = "os", say = "Start it as the user who owns that folder; "
          .. "this shows which folder on the way is closed."}}}
    end
    local path = hit.path or hit.path2 or hit.path3 or hit.path4 or hit.path5 or hit.path6
    if hit == log.into_file then
      return {hit = hit, confidence = 0.85, why = "A folder is mounted on a file of the image, or a file on a "
        .. "folder: the file was not there on the host, so that a folder of its name was made.",
        fixes = {{host = true, say = "Remove the empty folder of that name on the host, put the file there, and "
          .. "start the container anew."}}}
    end
    if path:match[[(?i)/nvidia(?:/|$)]] then -- where the installer of the node's driver puts it
      return {hit = hit, confidence = 0.82, title = "the node has no NVIDIA driver where its device plugin mounts it",
        why = ("The container is to be given %s, and the node has none: its driver is not installed, or not "
          .. "yet."):format(path), fixes = {{driver = "install", say = "Install the driver on the node (a cloud's own "
            .. "installer of drivers is a DaemonSet), then start the pod anew."}}}
    end
    return {hit = hit, why = ("The container is to be given %s, and there is no such folder on this "
      .. "host."):format(path),
      fixes = {{setting = "make-folder", need = path, kind = "os", say = "Make the folder (or correct the path that is "
        .. "mounted)."}}}
  end,
  doc = {looks = "invalid mount config for type \"bind\": bind source path does not exist: /models.",
    check = "ls -ld of the path on the host, on every node."},
}

rule {
  id = "container.runtime-config/name-taken",
  title = "a container of that name exists already",
  from = {"container", "shell", "app", "other"},
  signatures = {
    taken = [[Conflict\. The container name "/?(?<old>[\w.-]+)" is already in use]],
    podman = [[creating container storage: the container name "(?<old2>[\w.-]+)" is already in use]],
  },
  confidence = 0.9,
  when = function(_, log)
    local hit = log.taken or log.podman
    return {why = "A container of an earlier start has that name, and was not removed.",
      fixes = {{setting = hit == log.taken and "remove-container" or "remove-container-podman",
        need = hit.old or hit.old2, kind = "os", say = "Remove the earlier one (start with --rm, and it removes "
          .. "itself)."}}}
  end,
  doc = {looks = "Conflict. The container name \"/vllm\" is already in use by container ...",
    check = "docker ps -a."},
}

rule {
  id = "container.image-pull/plain-http",
  title = "the registry speaks plain HTTP",
  from = {"container", "orchestrator", "enroot", "apptainer", "shell", "app", "other"},
  signatures = {
    engine = [[server gave HTTP response to HTTPS client]],
    enroot = [[curl: \(35\)[^\n]*(?:wrong version number|unknown protocol)]],
  },
  context = {querying = [[Querying registry|enroot import|importing docker image]],
    registry = [[https://(?<registry>[\w.-]+(?::\d+)?)/v2/]], podman = [[\bpodman\b]]},
  specific_over = {"container.image-pull", "hf.offline"},
  confidence = 0.9,
  when = function(_, log)
    local hit = log.engine or log.enroot
    if hit == log.enroot and not log.querying then return nil end
    local registry = log.registry and log.registry.registry
    return {hit = hit, why = "The registry answers in plain HTTP, and images are fetched over HTTPS unless told "
      .. "otherwise.",
      fixes = {{set = {ENROOT_ALLOW_HTTP = "yes"}, kind = "os", say = "Let enroot fetch over HTTP too (or in "
            .. "/etc/enroot/enroot.conf on every node).", cond = function() return hit == log.enroot end},
        {setting = "insecure-registry", need = registry, kind = "os", say = "Let Docker fetch from it without TLS "
          .. "(containerd: a hosts.toml with skip_verify; podman: --tls-verify=false).",
          cond = function() return registry ~= nil end},
        {host = true, say = "Name the registry under insecure-registries of daemon.json, or give it a certificate."}}}
  end,
  doc = {looks = "http: server gave HTTP response to HTTPS client.", check = "curl http://REGISTRY/v2/."},
}

rule {
  id = "container.runtime-config/enroot-programs",
  title = "enroot is not installed whole",
  from = {"enroot", "shell", "slurm", "app", "other"},
  signatures = {
    own = [[\b(?<program>enroot-[\w-]+): command not found|/enroot/common\.sh: No such file or directory]],
    needs = [[^(?:pyxis: +)?(?:\[ERROR\] )?Command not found: (?<tool>(?!nvidia)[\w-]+)]],
  },
  confidence = 0.87,
  when = function(_, log)
    local hit = log.needs or log.own
    if hit == log.own then
      return {hit = hit, why = "enroot calls programs of its own, and they are not where it looks: it was installed in "
          .. "part, or without its folder on the PATH of root.",
        fixes = {{setting = "enroot", kind = "os", say = "Install its two packages, and remove what was copied "
          .. "by hand."}}}
    end
    return {hit = hit, why = "enroot needs the program {tool}, and it is not installed.",
      fixes = {{setting = "enroot-tools", kind = "os", say = "Install what enroot needs, on every node."}}}
  end,
  doc = {looks = "/bin/bash: enroot-aufs2ovlfs: command not found.", check = "enroot version; which "
    .. "enroot-aufs2ovlfs."},
}

rule {
  id = "container.runtime-config/pyxis",
  title = "Slurm does not know the container options here",
  from = {"slurm", "enroot", "shell", "app", "other"},
  signatures = {
    absent = [[SPANK plugin "?pyxis"? option "?(?<option>[\w-]+)"? not found]],
    option = [[(?:srun|sbatch|salloc): (?:error: )?(?:unrecognized|invalid) option (?:-- )?'?]]
      .. [[(?<option2>--container-[\w-]+)]],
    prolog = [=[(?:task_prolog can not be executed \(|Could not run slurm task_prolog \[)(?<script>/[^)\]\s]+)[)\]]]=]
      .. [[:? *No such file or directory]],
  },
  explains = {"container.entrypoint-broken", "hf.not-found", "container.no-gpu"},
  confidence = 0.87,
  when = function(_, log)
    local hit = log.absent or log.option or log.prolog
    if hit == log.prolog then
      return {hit = hit, confidence = 0.8, title = "Slurm's own script is not in the container",
        why = "Slurm runs its task prolog inside of the container, and there is no {script} in it.",
        fixes = {{container = "bind", value = hit.script, kind = "os", say = "Bring the script into the container."}}}
    end
    return {hit = hit, why = "The option of the container was not understood: pyxis, the plugin that brings it, is not "
        .. "loaded on this machine, and the job ran on the node itself.",
      fixes = {{setting = "pyxis", kind = "os", say = "Have pyxis loaded on the login nodes and every compute node, "
        .. "with slurmd started anew after that: this shows whether it is here."}}}
  end,
  doc = {looks = "SPANK plugin \"pyxis\" option \"container-image\" not found.",
    check = "srun --help | grep container-image; plugstack.conf.d/pyxis.conf on the node."},
}

rule {
  id = "container.runtime-config/mount-error",
  from = {"container", "enroot", "orchestrator", "slurm", "app", "other"},
  signatures = {
    mount = [[nvidia-container-cli[^\n]{0,40}mount error: (?:stat failed|mount operation failed): (?<path>/\S+): ]]
      .. [[(?<why>no such file or directory|operation not permitted|permission denied)]],
  },
  context = {known = [[/usr/lib/wsl/|/nvidia-persistenced/|driver not loaded|initialization error]]},
  unless = {"known"},
  explains = {"container.no-gpu"},
  confidence = 0.74,
  when = function(_, log)
    local service = log.mount.path:match[[/(docker|containerd)/[^\n]*/proc/driver/nvidia/]]
    if not service or log.mount.why:match[[denied|permitted]] then return true end
    return {title = "the driver was exchanged below the container service that runs", why = "What the driver shows of "
        .. "itself below /proc is not what it was when the container service started: the driver was upgraded or "
        .. "loaded anew since.",
      fixes = {{restart = service, say = "Start the container service anew."},
        {setting = "toolkit-upgrade", kind = "os", say = "If it comes back, upgrade nvidia-container-toolkit on the "
          .. "host."}}}
  end,
  why = "NVIDIA's toolkit is to mount {path} of the driver into the container, and cannot: this release of it expects "
    .. "what this driver or kernel does not offer.",
  fixes = {{setting = "toolkit-upgrade", kind = "os", say = "Upgrade nvidia-container-toolkit on the host, and start "
      .. "the container service anew."},
    {setting = "cdi", kind = "os", say = "Or write a CDI specification, which names what is there, and start the "
      .. "container by it."}},
  doc = {looks = "nvidia-container-cli: mount error: stat failed: /proc/driver/nvidia/gpus/...: no such file.",
    check = "nvidia-container-cli -k -d /dev/tty info; ls of that path on the host."},
}
