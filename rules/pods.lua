-- What a pod finds, or does not, in its own container: programs that its user may not run, folders of a model that
-- nobody filled, a driver that the GPU operator waits for.

-- A shell names the program by itself: it was found on PATH, and its file, or the interpreter in its first line, is
-- closed to this user.
rule {
  id = "container.entrypoint-broken/shell",
  from = {"shell", "app", "other", "container", "orchestrator"},
  signatures = {
    denied = [[(?:^|\s)(?:/(?:usr/)?bin/)?(?:ba|da|a|z)?sh: (?:line )?\d+: (?:exec: )?(?<program>[\w./-]+): ]]
      .. [[Permission denied\s*$]],
    script = [[^\S+(?:sh|bash): (?:line )?\d+: (?:exec: )?(?<program3>/[\w./-]+(?:\.(?:sh|bash|py)|bin/[\w.-]+)): ]]
      .. [[(?:cannot execute: )?Permission denied\s*$]],
    unread = [[(?:^|\s)(?:/(?:usr/)?bin/)?(?:ba|da|a|z)?sh: (?:line )?\d+: cannot open (?<program4>/\S+): ]]
      .. [[Permission denied\s*$]],
    missing = [[(?:^|\s)(?:/(?:usr/)?bin/)?(?:ba|da|a|z)?sh: (?:line )?\d+: exec: (?<program2>[\w./-]+): ]]
      .. [[not found\s*$]],
  },
  context = {
    openshift = [[(?i)\boc (?:-n |get |logs |describe )|openshift]],
    up = [[(?:Application startup complete|Uvicorn running on)]],
  },
  when = function(_, log)
    local hit = log.denied or log.script or log.missing or log.unread
    if log.up and log.up.line > hit.line then return nil end
    local program = hit.program or hit.program2 or hit.program3
    if hit == log.unread then
      return {hit = hit, confidence = 0.82, title = "the container may not read a file of its mount",
        why = "The container may not read {program4}: on a host with SELinux a folder that is mounted needs a label "
          .. "for containers, else its owner keeps others out.",
        fixes = {{container = "relabel", value = hit.program4:match[=[^(/.+)/]=] or hit.program4, kind = "os",
            say = "Mount the folder so that it is labelled for containers (:z)."},
          {grant = hit.program4, kind = "os", say = "Or let every user read it."}}}
    end
    if hit == log.missing then
      return {hit = hit, confidence = 0.85, why = ("The start script hands over to %s, and the image has no such "
          .. "program on its PATH."):format(program),
        fixes = {{host = true, kind = "rebuild:image", say = ("Name %s by its whole path in the start script, or "
          .. "install it in the image (RUN command -v %s in the Dockerfile shows whether it is "
          .. "there)."):format(program,
            program)}}}
    end
    if program:has("/") then
      return {hit = hit, confidence = 0.85, why = ("The file %s lacks the right to be executed, or lies on a mount "
          .. "that forbids it."):format(program),
        fixes = {{grant = program, run = true, kind = "rebuild:image", say = "Make it executable, in "
          .. "the image (as a RUN of its Dockerfile) or on the volume that it comes from."}}}
    end
    return {hit = hit, confidence = 0.83, why = ("%s is on the PATH, and this user may not run it: its interpreter "
      .. "lies in a folder of root's, and the container runs as another user."):format(program),
      fixes = {{setting = "scc-anyuid", kind = "rebuild:image", say = "Let the pod run as the image's own user (an "
          .. "administrator of the cluster does it; then start the pod anew).",
          cond = function() return log.openshift ~= nil end},
        {container = "user", kind = "rebuild:image", say = "Run it as the user that the image was made for."},
        {host = true, kind = "rebuild:image", say = "Or use an image whose Python is not in root's home."}}}
  end,
  doc = {looks = "/bin/sh: 1: vllm: Permission denied.",
    check = "id in the container; namei -l of the program and of the interpreter in its first line."},
}

-- The folder of the model is a mount of the pod's: nothing was mounted there, or what was mounted holds no such path.
rule {
  id = "hf.not-found/mount",
  title = "the model's folder is not in the container",
  from = {"engine", "server", "framework", "app", "other"},
  anyone = {absent = "system"},
  signatures = {
    file = [[unable to find '(?<path6>/[^'\n]+)' for model]],
    kserve = [[RuntimeError: Local path (?<path>/\S+) does not exist]],
    servable = [[Could not find base path (?<path2>/\S+) for servable]],
    absent = [[FileNotFoundError: \[Errno 2\] No such file or directory: '(?<path3>/(?:mnt|models?|data|workspace|]]
      .. [[runpod-volume|opt/ml)(?:/[\w./-]*)?)']],
    triton = [[failed to stat (?:file|directory) (?<path4>/[^\s"']+)|failed to open (?:model repository|directory) ]]
      .. [[(?<path5>/[^\s"']+)]],
  },
  context = {kserve_server = [[(?:kserve|kfserving|storage-initializer|InferenceService)]]},
  when = function(f, log)
    local hit = log.kserve or log.servable or log.file or log.triton or log.absent
    if hit == log.file then
      local folder = hit.path6:match[[^(/.+)/\d+/[^/]+$]] or hit.path6:match[[^(.+)/]]
      return {hit = hit, confidence = 0.88, title = "the model's file is not in the repository",
        why = ("Triton looks for the model in %s, and there is no such file."):format(hit.path6),
        fixes = {{setting = "list-folder", need = folder, kind = "param:model", say = ("See under what name it lies "
          .. "there, and rename it to %s in a folder of its version, or name it as default_model_filename in its "
          .. "config.pbtxt."):format(hit.path6:match[=[([^/]+)$]=])}}}
    end
    local path = hit.path or hit.path2 or hit.path3 or hit.path4 or hit.path5
    if hit == log.absent and (hit.event.tier or 0) < 3 then return nil end
    local models = path:match[[^/mnt/models]]
    return {hit = hit, confidence = (hit ~= log.absent or models) and 0.82 or 0.72,
      why = models and log.kserve_server and ("KServe's storage initializer fills %s before the server starts, and it "
          .. "is not there: no initializer ran in this pod."):format(path)
        or ("%s is not in this container: nothing is mounted there, or the volume has no such folder."):format(path),
      fixes = {{setting = "kserve-webhook", kind = "param:model", say = "See whether KServe's webhook is set up "
            .. "and whether the service lies in a namespace of its own (in KServe's, or one labelled control-plane, "
            .. "and with a storageUri of an unknown form no initializer is put into the pod), then make it anew.",
          cond = function() return models and log.kserve_server ~= nil end},
        {container = "mount", value = path, kind = "param:model", say = "Mount the model there, started from the "
          .. "folder that holds it (in a pod, from a volume of that name)."},
        {argument = "model", say = "Or name the path under which it is mounted."}}}
  end,
  doc = {looks = "No such file or directory: '/mnt/models'; Local path /mnt/pvc/model does not exist.",
    check = "ls of the path in the container; storageUri, volumeMounts and subPath of the pod."},
}

rule {
  id = "driver.not-loaded/operator",
  from = {"shell", "orchestrator", "driver", "app", "other"},
  signatures = {
    chroot = [[chroot: failed to run command .{1,3}nvidia-smi.{1,3}: No such file or directory]],
    missing = [[open failed: /run/nvidia/driver/dev/nvidiactl: no such file or directory]],
    waiting = [[(?:waiting for nvidia (?:drivers to be loaded|container stack to be setup)|]]
      .. [[driver is not (?:yet )?ready|\.driver-ctr-ready)]],
  },
  context = {done = [[(?i)(?:all validations are successful|driver is ready|validation completed)]],
    host = [[running command chroot with args \[/host]]},
  explains = {"container.runtime-config", "container.no-gpu"},
  when = function(_, log)
    local hit = log.chroot or log.missing or log.waiting
    if log.done and log.done.line > hit.line then return nil end
    if hit == log.waiting and log.count"waiting" < 2 then return nil end -- it waits at every start
    return {hit = hit, confidence = hit == log.waiting and 0.7 or 0.85,
      title = "the GPU operator waits for a driver on the node",
      why = log.host and "The operator looks for the driver on the node itself, and there is no nvidia-smi there."
        or "The operator looks for the driver that its own driver pod loads on the node, and it is not there: that pod "
          .. "does not run, or its build or load of the module failed.",
      fixes = {{driver = "install", say = "Install the NVIDIA driver on the node (or let the operator do it: "
          .. "driver.enabled=true).", cond = function() return log.host ~= nil end},
        {setting = "operator-driver", kind = "driver", say = "Start the operator's driver pods anew and read what they "
          .. "say; on nodes that have a driver of their own install the operator with driver.enabled=false."}}}
  end,
  doc = {looks = "chroot: failed to run command 'nvidia-smi': No such file or directory, again and again.",
    check = "kubectl -n gpu-operator get pods; the log of nvidia-driver-daemonset; nvidia-smi on the node."},
}

rule {
  id = "container.runtime-config/compose-file",
  from = {"container", "shell", "app", "other"},
  title = "this docker-compose is too old for GPUs",
  signatures = {
    devices = [[Additional propert(?:y|ies) (?:are|is) not allowed \('?(?:devices|gpus|runtime)'? w(?:as|ere) ]]
      .. [[unexpected\)]],
    reserved = [[Additional property (?:devices|gpus|runtime) is not allowed]],
    option = [[Unsupported config option for services[^\n]*'(?:devices|gpus|runtime)']],
    regex = [['(?:name|devices|gpus|runtime|profiles|include)' does not match any of the regexes: '\^x-']],
  },
  explains = {"container.no-gpu"},
  confidence = 0.9,
  why = "The compose file has words that this release of docker-compose does not know (1.28 is the first that takes "
    .. "deploy.resources.reservations.devices, and none of 1 takes a name).",
  fixes = {{setting = "compose-new", kind = "os", say = "Take the present Compose, and start it with 'docker compose "
    .. "up' (two words)."}},
  doc = {looks = "Additional properties are not allowed ('devices' was unexpected).",
    check = "docker compose version; docker-compose --version."},
}

-- Programs of Go, and a few others, want a home before they do anything.
rule {
  id = "engine.arg-invalid/home",
  title = "the worker has no HOME",
  from = {"engine", "app", "other", "shell", "container"},
  signatures = {
    undefined = [[\$(?:HOME|XDG_CACHE_HOME|XDG_CONFIG_HOME)\b[^\n]{0,40}(?:is|are) not defined|]]
      .. [[neither \$XDG_\w+ nor \$HOME are defined]],
    python = [[RuntimeError: Could not determine home directory]],
  },
  confidence = 0.9,
  why = "The variable HOME is not set, as in units of systemd, cron and some containers, and the program keeps its "
    .. "files below it.",
  fixes = {{set = {HOME = "/tmp"}, say = "Set HOME to a folder that the worker can write (on a volume, where models "
    .. "are to stay)."}},
  doc = {looks = "$HOME is not defined; neither $XDG_CACHE_HOME nor $HOME are defined.", check = "env | grep HOME."},
}

rule {
  id = "container.entrypoint-broken/no-script",
  title = "the program that Python is to run is not in the container",
  from = {"shell", "app", "other"},
  anyone = {gone = "system"},
  signatures = {gone = [[\bpython[\d.]*: can't open file '(?<file>/[^'\n]+)': \[Errno 2\] No such file or directory]]},
  confidence = 0.86,
  when = function(_, log)
    local folder = log.gone.file:match[=[^(/.+)/[^/]+$]=]
    local volume = log.gone.file:match[[^/(?:workspace|runpod-volume|mnt|data|storage|volume|home)/]]
    return {why = {"Python is to run {file}, and there is no such file in the container.",
        volume and "It lies where a volume is mounted: an empty or another one hides what the image has there." or nil},
      fixes = {{setting = "list-folder", need = folder, kind = "rebuild:image", say = "See what lies there in the "
        .. "container; then mount the volume that holds the program, start without the volume once so that the image "
        .. "fills it, or correct the path in the command.", cond = function() return folder ~= nil end},
        {host = true, kind = "rebuild:image", say = "Or copy it into the image (COPY in its Dockerfile)."}}}
  end,
  doc = {looks = "python3: can't open file '/workspace/app/main.py': [Errno 2] No such file or directory.",
    check = "ls of that folder in the container; the mounts of the container."},
}

rule {
  id = "net.peer-unreachable/unhealthy",
  title = "a service that the others wait for did not become healthy",
  from = {"container", "shell", "app", "other"},
  signatures = {
    unhealthy = [[dependency failed to start: container (?<service>[\w.-]+) (?:is unhealthy|exited \((?<code>\d+)\))]],
    older = [[for service "(?<service2>[\w.-]+)" is unhealthy]],
  },
  confidence = 0.7,
  when = function(_, log)
    local hit = log.unhealthy or log.older
    if log.fatal then return nil end -- what it said itself
    local service = hit.service or hit.service2
    return {hit = hit, why = {("Compose waits for %s before it starts the others, and gave up."):format(service),
        hit.code and "It ended with code {code}." or "Its health check still failed when its tries were used up: it "
          .. "loads for longer than that, or died."},
      fixes = {{setting = "container-logs", need = service, kind = "os", say = "Read what it said itself: "
            .. "an error there is the cause."},
        {container = "startup-probe", value = {"/health", 8000}, kind = "os", say = "Where it only "
          .. "loads for long, give its health check the time."}}}
  end,
  doc = {looks = "dependency failed to start: container vllm-1 is unhealthy.", check = "docker logs of that "
    .. "container."},
}

rule {
  id = "container.runtime-config/compose-names",
  title = "the compose file names what it does not declare",
  from = {"container", "app", "other"},
  signatures = {
    undefined = [[service "(?<service>[\w.-]+)" refers to undefined (?<what>volume|network|config|secret) ]]
      .. [[(?<name0>[\w.-]+)(?=: invalid compose|\s*$)]],
    external = [[network (?<network>[\w.-]+) declared as external, but could not be found]],
  },
  confidence = 0.92,
  when = function(_, log)
    local hit = log.undefined
    if not hit then
      return {hit = log.external, why = "The compose file takes the network {network} as one that is there, and it is "
        .. "not.", fixes = {{setting = "docker-network", need = log.external.network, kind = "os", say = "Make it."}}}
    end
    return {why = ("The service {service} uses the %s {name0}, and the files that were given declare none of that "
        .. "name."):format(hit.what),
      fixes = {{container = "declare", value = {hit.what, hit.name0}, kind = "os", say = "Declare it at the top level "
        .. "of that file (or give the file that declares it too, by a further -f)."}}}
  end,
  doc = {looks = "service \"db\" refers to undefined volume db_data: invalid compose project.",
    check = "docker compose config."},
}
