-- An error that a container runtime hands on, each layer putting its own words in front: "failed to create shim task:
-- OCI runtime create failed: runc create failed: unable to start container process: ...: function not implemented".
-- What the system answered the innermost layer decides, not the relays before it.

local LAYER = any{[[OCI runtime (?:create|exec|start) failed]], [[OCI runtime error]], [[\b(?:runc|crun): ]],
  [[failed to create (?:shim|containerd|sandbox)]], [[container_linux\.go:\d+]], [[error response from daemon]]}

-- The answer of the system, what it means to a runtime, and what mends it. Answers that depend on a path are
-- oserror.lua's and runtimes.lua's.
local ANSWERS = {
  {[[function not implemented]], function(hit)
    local crun = hit.text:match[[\bcrun\b]]
    return "The runtime makes a call that this kernel does not have, or that the sandbox around it does not pass on.",
      crun and {container = "runtime-runc", say = "Start the container by runc, which asks less of the kernel than "
        .. "crun (or upgrade the kernel)."}
      or {host = true, say = "Upgrade the kernel, or take an older release of the runtime."}
  end},
  {[[device or resource busy]], function()
    return "What the container is to be given is still held by an earlier one: its root file system, a mount or a "
      .. "cgroup.", {restart = "docker", say = "Start the container service anew: it lets go of what is left."}
  end},
  {[[text file busy]], function()
    return "The program that the container is to start is still open for writing: it was copied or built a moment "
      .. "before.", {host = true, say = "Let the step that writes it end (or close the file, sync) before it is "
        .. "started; in a Dockerfile make it executable in the RUN that writes it."}
  end},
  {[[resource temporarily unavailable|cannot allocate pid]], function()
    return "The runtime may start no further process: the limit of processes of the user, the container or the host "
      .. "is reached.", {container = "nproc", say = "Raise the limit of processes."}
  end},
  {[[no read access]], function()
    return "The user who starts the container may run runc and not read it, and runc copies itself before it starts.",
      {setting = "runc-rights", say = "Let every user read it."}
  end},
  {[[ttrpc: closed]], function()
    return "The process that stands between the container service and the container (its shim) ended as it started.",
      {restart = "containerd", say = "Start the container service anew; where it comes again, its own log says why the "
        .. "shim ended."}
  end},
  {[[errno 524]], function()
    return "The kernel has no memory left for programs of its filters (BPF), of which every container has one for "
      .. "seccomp.", {setting = "bpf-jit", say = "Raise that limit (and end the program that loads more and more)."}
  end},
  {[[context canceled]], function()
    return "Who asked for the container gave it up before it had started: the host was too slow, or did away with it.",
      {wait = true, say = "Start it again; where it stays so, the host (not the program) is to be mended."}
  end},
  {[[context deadline exceeded|operation timed out]], function()
    return "The container service or its disk was too busy to answer in time.",
      {restart = "containerd", say = "Start the container service anew; where it comes again, see what its disk is at."}
  end},
}

rule {
  id = "container.runtime-config/oci",
  title = "the container runtime was refused something by the system",
  role = "symptom",
  from = {"container", "orchestrator", "apptainer", "shell", "app", "other"},
  signatures = {
    chain = LAYER .. [[[^\n]{0,600}?(?<answer>function not implemented|device or resource busy|text file busy|]]
      .. [[resource temporarily unavailable|cannot allocate pid|no read access|context deadline exceeded|]]
      .. [[context canceled|operation timed out|ttrpc: closed|errno 524)]],
  },
  context = {started = [[kubelet +Started container]]},
  confidence = 0.74,
  when = function(_, log)
    local hit = log.chain
    if log.started and log.started.line > hit.line then return nil end
    for _, row in ipairs(ANSWERS) do
      if hit.answer:match("(?i)" .. row[1]) then
        local why, fix = row[2](hit)
        fix.kind = fix.wait and "wait" or "os"
        return {why = why, fixes = {fix}}
      end
    end
    return nil
  end,
  doc = {looks = "crun: fsopen_mount `tmpfs`: Function not implemented: OCI runtime error.",
    check = "The last words of the message: what was done, and errno's text."},
}

rule {
  id = "container.runtime-config/root",
  title = "the toolkit looks for the driver below a folder that is not there",
  from = {"container", "orchestrator"},
  signatures = {root = [[nvidia-container-cli[^\n]*change root failed: no such file or directory]]},
  explains = {"container.no-gpu", "driver.not-loaded"},
  confidence = 0.88,
  why = "nvidia-container-cli is told to find the driver below a root of its own (of a driver in a container), and "
    .. "that folder is not on this host.",
  fixes = {{setting = "toolkit-root", kind = "os", say = "Let it look at the host itself."}},
  doc = {looks = "initialization error: change root failed: no such file or directory.",
    check = "root in /etc/nvidia-container-runtime/config.toml."},
}

-- An image is a file or an address; a program's name where it should stand means that none was given.
local PROGRAM = [[^(?:python[\d.]*|bash|sh|torchrun|accelerate|deepspeed|vllm|mpirun|nvidia-smi)$]]

rule {
  id = "container.image-pull/no-file",
  title = "there is no such image file",
  from = {"apptainer", "slurm", "app", "other"},
  signatures = {
    absent = [[could not open image (?<path>/[^\s:]+): failed to retrieve path[^\n]*no such file or directory]],
  },
  confidence = 0.9,
  when = function(_, log)
    local path = log.absent.path
    local name = path:match[=[([^/]+)$]=]
    if name:match(PROGRAM) then
      return {title = "no image was named", why = ("%s stands where apptainer takes its image from: the command names "
          .. "none before the program."):format(name),
        fixes = {{code = true, kind = "os", say = ("Put the image before %s on the command line (a launcher has "
          .. "a setting for it, which is empty)."):format(name)}}}
    end
    return {why = ("The image %s is not on this machine, or lies on a disk that this node does not "
        .. "mount."):format(path),
      fixes = {{setting = "path-rights", need = path, kind = "os", say = "See, on the node where it runs, where the "
        .. "path ends; then correct it, or pull the image there."}}}
  end,
  doc = {looks = "could not open image /x/y.sif: failed to retrieve path: lstat: no such file or directory.",
    check = "ls -l of the image on that node."},
}

-- apptainer brings some files of the host into every container.
rule {
  id = "container.runtime-config/host-file",
  title = "a file of the host that goes into every container is not there",
  from = {"apptainer", "app", "other"},
  signatures = {
    gone = [[container creation failed: (?:open|stat|lstat) (?<path>/[\w./-]*\w): no such file or directory]],
  },
  confidence = 0.86,
  when = function(_, log)
    return {why = "{path} is not on this host, or is a link to nothing (as /etc/resolv.conf is while its service is "
        .. "down).",
      fixes = {{setting = "path-rights", need = log.gone.path, kind = "os", say = "See where that path ends, and put "
        .. "the file there; or start the container without the host's files (--contain)."}}}
  end,
  doc = {looks = "container creation failed: open /etc/resolv.conf: no such file or directory.",
    check = "namei -l of that path on the host."},
}

-- Docker's own list of ports says so of a container's, the system of every other program's.
rule {
  id = "sys.port-in-use/container",
  title = "another container has that port of the host",
  from = {"container", "app", "other"},
  signatures = {taken = [[Bind for \S*?:(?<port>\d{2,5}) failed: port is already allocated]]},
  specific_over = {"sys.port-in-use"},
  confidence = 0.94,
  when = function(_, log)
    local port = log.taken.port
    return {why = "Docker has given port {port} of the host to another container.",
      fixes = {{setting = "port-container", need = port, kind = "free-port", say = "Stop that container."},
        {container = "publish", value = {tonumber(port) + (tonumber(port) < 65535 and 1 or -1), port},
          kind = "param:port", say = "Or take another port of the host (the first number)."}}}
  end,
  doc = {looks = "Bind for 0.0.0.0:8000 failed: port is already allocated.",
    check = "docker ps --filter publish=8000."},
}
