-- What container engines of clusters (enroot with pyxis, apptainer) and podman say of their own folders, images and of
-- the kernel's user namespaces.

local PATHS = {runtime = "ENROOT_RUNTIME_PATH", cache = "ENROOT_CACHE_PATH", data = "ENROOT_DATA_PATH",
  temp = "ENROOT_TEMP_PATH"}

rule {
  id = "container.runtime-config/enroot",
  from = {"enroot", "slurm"},
  signatures = {
    mkdir = [[mkdir: cannot create directory [^/\n]{1,4}(?<folder>/[\w./-]*(?:enroot|pyxis)[\w./-]*)[^:\n]{0,4}: ]]
      .. [[(?:Permission denied|No such file or directory|Read-only file system)]],
    pyxis = [[pyxis: couldn't mkdir (?<folder2>/\S+): ]],
    squashfs = [[importing docker image: (?<file>\S+\.(?:sqsh|squashfs|sqfs))\s*$]],
    hook = [[/etc/enroot/hooks\.d/(?<hook>[\w.-]+) exited with return code (?<code>\d+)]],
  },
  context = {
    failed = [[pyxis: (?:failed to import docker image|couldn't start container)]],
    other = [[nvidia-container-cli|Command not found|initialization error]],
  },
  explains = {"container.no-gpu", "container.entrypoint-broken"},
  when = function(_, log)
    local mkdir = log.mkdir or log.pyxis
    if mkdir then
      local folder = mkdir.folder or mkdir.folder2
      local variable = folder:match[[pyxis]] and "runtime_path" or PATHS[folder:match[[/(cache|temp)\b]]
        or folder:match[[^/(?:var/)?run/]] and "runtime" or "data"]
      if variable == "runtime_path" then
        return {hit = mkdir, confidence = 0.88, why = ("pyxis may not make its own folder %s."):format(folder),
          fixes = {{host = true, say = "Let runtime_path in plugstack.conf name a folder that slurmd can make: "
            .. "required /usr/local/lib/slurm/spank_pyxis.so runtime_path=/run/pyxis, with /run/pyxis made by "
            .. "slurmd's prolog or systemd (RuntimeDirectory=pyxis)."}}}
      end
      return {hit = mkdir, confidence = 0.9, title = "enroot may not make its own folder",
        why = ("enroot wants to make %s as the user of the job, and may not: only root writes there."):format(folder),
        fixes = {{container = "enroot-path", value = {variable, folder:match[[/(cache|temp)\b]]
            or folder:match[[^/(?:var/)?run/]] and "run" or "data"}, kind = "os",
          say = ("Set %s in /etc/enroot/enroot.conf on every node to a folder that each user can make."):format(
            variable)}}}
    end
    if log.squashfs then
      return {hit = log.squashfs, confidence = 0.9, title = "the file of an image is taken for a name in a registry",
        why = "pyxis takes {file} for an image of a registry, because it begins with neither / nor ./.",
        fixes = {{container = "squashfs", value = log.squashfs.file, kind = "os", say = "Give the file's path with ./ "
          .. "or / in front of it."}}}
    end
    if log.other or not log.hook then return nil end -- what the hook itself said is the cause
    return {hit = log.hook, confidence = 0.7, why = "enroot's hook {hook} failed with {code} and said nothing more.",
      fixes = {{host = true, say = "Run 'nvidia-container-cli -k info' on that node: the hook asks it for the GPUs."}}}
  end,
  doc = {looks = "mkdir: cannot create directory '/run/enroot': Permission denied.",
    check = "/etc/enroot/enroot.conf on the node; the owner of the folder."},
}

rule {
  id = "container.runtime-config/user-namespaces",
  from = {"enroot", "apptainer", "container", "slurm", "other", "app"},
  signatures = {
    enroot = [[enroot-(?:nsenter|unshare): failed to (?:create|unshare) (?:the )?user namespace: (?<why>[A-Z][\w ]+)]],
    apptainer = [[(?i:failed to create user namespace): (?<why2>[^\n]+)]],
    disabled = [[user namespaces? (?:are |is )?(?:disabled|not enabled)|not permitted to create user namespace]],
    podman = [[(?:cannot clone|cannot re-exec process|newuidmap[^\n]*): (?<why3>Operation not permitted|]]
      .. [[No space left on device)]],
    setgroups = [[Could not write info to setgroups: Permission denied]],
    bwrap = [[(?:bwrap|unshare): [^\n]{0,60}(?:uid map|user namespace|unshare failed)[^\n]{0,40}: ]]
      .. [[(?<why4>Operation not permitted|Permission denied)]],
  },
  explains = {"disk.full"},
  when = function(_, log)
    local hit = log.enroot or log.apptainer or log.podman or log.setgroups or log.bwrap or log.disabled
    local why = hit.why or hit.why2 or hit.why3 or hit.why4 or hit.text
    local clone = hit.text:match[[unprivileged_userns_clone]]
    local none = why:match[[(?i)No space left|maximum number of user namespaces|namespace disabled]]
      or hit.text:match[[No space left]]
    return {hit = hit, confidence = 0.86, title = "the kernel gives users no namespaces of their own",
      why = none and "This kernel's count of user namespaces is used up or zero (user.max_user_namespaces); no disk is "
        .. "full." or "A user may not make a user namespace here, and without one the container cannot start.",
      fixes = {
        {setting = clone and "userns-clone" or none and "userns-count" or "userns-apparmor", kind = "os", say = none
          and "Allow user namespaces on the node." or "Allow them on the node (Ubuntu 23.10 and later keep them from "
            .. "programs without a profile of AppArmor)."},
        {setting = none and "userns-apparmor" or "userns-count", kind = "os", say = "Or, where that is not the reason, "
          .. "the other of the two switches."}}}
  end,
  doc = {looks = "enroot-nsenter: failed to create user namespace: Operation not permitted.",
    check = "sysctl user.max_user_namespaces kernel.apparmor_restrict_unprivileged_userns; unshare -U true."},
}

rule {
  id = "container.image-broken",
  from = {"apptainer", "enroot", "container", "slurm", "other", "app"},
  signatures = {
    mount = [[(?:while mounting image (?<image>/[^\s:]+)|can't mount image (?<image2>\S+?):|]]
      .. [[mount hook function failure: mount ]]
      .. [[(?<image3>\S+?)[->, ])(?![^\n]*failed to mount \S+ in \d+s)[^\n]*(?:squash|superblock|invalid argument)]],
    read = [[Something went wrong trying to read the squashfs image|FATAL ERROR: ?Can't find a (?:SQUASHFS )?]]
      .. [[superblock|image is not (?:in )?(?:SIF|a valid) format|could not open image \S+: (?:image format not ]]
      .. [[recognized|[^\n]*not recognized)]],
    late = [[squashfuse\w* failed to mount \S+ in \d+s]],
  },
  context = {namespace = [[create user namespace|operation not permitted]], fuse = [[/dev/fuse|fusermount]]},
  unless = {"namespace", "fuse"},
  when = function(_, log)
    local hit = log.mount or log.read or log.late
    if hit == log.late and not (log.mount or log.read) then
      return {hit = hit, confidence = 0.75, title = "the image was not mounted in time", why = "apptainer waited "
        .. "for the image's file system, and it was not there in time: the file lies on a slow or cold file system.",
        fixes = {{host = true, say = "Start it again (the file is warm now), or copy the image to a local disk of the "
          .. "node first."}}}
    end
    return {hit = hit, confidence = 0.72, why = "The image's file cannot be read as a file system: it was cut short "
      .. "while it was pulled or copied, or the job has too little memory to mount it.",
      fixes = {{setting = "apptainer-cache", kind = "os", say = "Empty apptainer's cache, then pull the image anew "
          .. "with --force and start that file."},
        {host = true, say = "Where the same file works elsewhere, give the job more memory, or unpack it into a folder "
          .. "(apptainer build --sandbox)."}}}
  end,
  doc = {looks = "while mounting image /proc/self/fd/9: squashfuse_ll exited with status 255.",
    check = "apptainer sif list FILE, or unsquashfs -s FILE; the file's size against the registry's."},
}

-- A service of systemd runs as a user of its own, who makes no folders where only root or another user may.
rule {
  id = "hf.cache-permission/service",
  from = {"engine", "systemd", "app", "other"},
  signatures = {
    mkdir = [[Error: (?:could not create directory )?mkdir (?<path>/[^\s:]+): permission denied]],
    open = [[Error: open (?<path>/(?:var/lib|usr/share)/ollama/[^\s:]+): permission denied]],
  },
  context = {unit = [[(?<unit>[\w@-]+)\.service: (?:Main process exited|Failed with result)]]},
  when = function(_, log)
    local hit = log.open or log.mkdir
    local unit, path = log.unit and log.unit.unit, hit.path
    local own = path:match[[^(/(?:var/lib|usr/share)/ollama)/]] -- what the package made for the service's user
    if own then
      return {hit = hit, confidence = 0.88, why = "{path} lies in the folder of Ollama's service, whose user may not "
          .. "write there: files in it were made by root or somebody else.",
        fixes = {{setting = "own-tree", need = own, kind = "os", say = "Give the whole folder back to the service's "
          .. "user."}}}
    end
    local home = path:match[[^/(?:home|root)(?:/|$)]]
    return {hit = hit, confidence = unit and 0.9 or 0.8, why = {"The process may not make the folder {path}.",
        home and unit and "A unit with ProtectHome sees no home folders at all." or nil},
      fixes = {
        {setting = "own-folder", need = path, kind = "os", cond = function() return unit == "ollama" and not home end,
          say = "Make the folder and give it to the service's user."},
        {container = "user", kind = "container-flag:user", 
          cond = function() return not unit and path:match[[^/root/]] end,
          say = "Run the container as root: only root may pass through /root (or mount the models elsewhere and name "
            .. "the place in OLLAMA_MODELS)."},
        {setting = "path-rights", need = path, kind = "os", say = "See which folder on the way is closed to that user: "
          .. "each needs the right x for it" .. (home and unit and ", and the unit ProtectHome=no." or ".")}}}
  end,
  doc = {looks = "Error: could not create directory mkdir /var/lib/ollama: permission denied.",
    check = "namei -l PATH; User= and ProtectHome= of the unit."},
}
