-- What schedulers (Kubernetes, Slurm) and launchers say where a worker never came to run, and images of an engine that
-- were made for another GPU.

rule {
  id = "container.image-pull",
  from = {"container", "orchestrator", "enroot"},
  signatures = {
    pull = [[(?:Failed to pull image|failed to pull and unpack image|failed to resolve reference) ]]
      .. [[["'\\]*(?<image>[\w./:@-]+)]],
    knative = [[Unable to fetch image \\?["'](?<image4>[\w./:@-]+)\\?["']: failed to resolve image to digest]],
    source = [[failed to resolve source metadata for (?<image>[\w./:@-]*[\w])]],
    manifest = [[manifest for (?<image2>\S+) not found: manifest unknown]],
    waiting = [[\b(?:ErrImagePull|ImagePullBackOff|InvalidImageName)\b]],
    denied = [[pull access denied for (?<image3>[\w./:-]+)]],
    head = [=[Error response from daemon: (?:Head|Get) "https://[^"\n]{3,200}/manifests/[^"\n]+": \w]=],
    limit = [[\btoomanyrequests: You have reached your (?:unauthenticated )?pull rate limit]],
    import = [=[\bURL https://\S+ returned error code: (?:401|403|404)]=],
  },
  context = {
    absent = [[(?:code = NotFound|manifest unknown|: not found\b|error code: 404)]],
    refused = [[(?:unauthorized|authentication required|denied|403 Forbidden|error code: 40[13]|status code 40[13])]],
    rate = [[(?:toomanyrequests|Too Many Requests|pull rate limit)]],
    network = [[(?:i/o timeout|no such host|TLS handshake timeout|connection refused)]],
    room = [[no space left on device]],
    squash = [[URL https://registry-1\.docker\.io/v2/library/(?<squash>[\w.+-]+\.(?:sqsh|squashfs|sif))/manifests/]],
    platform = [[no match(?:ing manifest)? for (?:linux/|platform)]],
    broken = [[failed size validation|unexpected commit digest|unexpected EOF|filesystem layer verification failed|]]
      .. [[failed commit on ref|short read]],
    node = [[kubelet|containerd|FailedPull|desc = ]],
  },
  unless = {"room"},
  explains = {"container.no-gpu", "hf.offline", "hf.rate-limit"},
  when = function(_, log)
    local hit = log.pull or log.knative or log.source or log.manifest or log.denied or log.head or log.import
      or log.limit or log.waiting
    local image = hit.image or hit.image2 or hit.image3 or hit.image4
    local registry = image and image:match[=[^([\w-]+(?:\.[\w-]+)+(?::\d+)?)/]=]
    local why, fix = "The image cannot be fetched, so nothing of it ran.",
      {host = true, say = "Look at the registry's answer (kubectl describe pod), and pull it by hand on that node."}
    local again = {setting = log.node and "pull-node" or "pull-docker", need = image, kind = "network",
      say = log.node and "Fetch it by hand on that node: what it says there is the registry's own answer."
        or "Fetch it anew."}
    if log.broken and image then
      why, fix = "A layer of the image came in part or damaged: the way to the registry breaks off, or a cache in "
        .. "between is broken.", again
    elseif log.squash then
      why, fix = ("%s was looked for in a registry: without a path before it, it is the name of an image there "
        .. "and not a file."):format(log.squash.squash),
        {container = "image-file", value = "./" .. log.squash.squash, kind = "param:container-image",
        say = "Write the file's path, beginning with / or ./."}
    elseif log.rate then
      why, fix = "The registry limits how often may be pulled without a login.",
        {login = "registry", need = registry, say = "Log in to the registry, or pull from a mirror."}
    elseif log.platform then
      why, fix = "The image was not made for this machine's processor.",
        {host = true, say = "Use an image made for this architecture, or another node."}
    elseif log.absent then
      why, fix = "The registry has no such image or tag.", {host = true, say = "Correct the image's name and tag."}
    elseif log.refused then
      why, fix = "The registry refuses this login, or there is none.",
        {login = "registry", need = registry, say = "Log in to the registry with an account that may read that image."}
    elseif log.network then
      why, fix = "The node does not reach the registry.", image and again
        or {network = true, say = "Let the node reach the registry."}
      fix.say = "Let the node reach the registry (its name server, its proxy: that of the container service is set in "
        .. "its own unit); this shows whether it does."
    elseif image then
      fix = again
    end
    return {hit = hit, confidence = 0.9, why = why, fixes = {fix}}
  end,
  doc = {looks = "ErrImagePull, ImagePullBackOff, Failed to pull image, manifest unknown.",
    check = "kubectl describe pod; docker pull of that image on the node."},
}

rule {
  id = "job.unsatisfiable",
  from = {"slurm", "orchestrator"},
  signatures = {
    gres = [[Invalid (?:generic resource \(gres\)|Trackable RESource \(TRES\)) specification]],
    fewer = [[gres/gpu count (?:reported )?lower than configured \((?<seen>\d+) < (?<configured>\d+)\)]],
    refused = [[(?:Batch job submission failed|Unable to allocate resources): (?<reason>[A-Z][^\n]{4,160}?)\s*$]],
    node = [[(?:Batch job submission failed|Unable to allocate resources|Unable to create step[^:\n]*): ]]
      .. [[(?:Requested node configuration is not available|Requested GRES option unsupported|Invalid account or ]]
      .. [[account/partition combination|Invalid partition name|Job violates accounting/QOS policy]]
      .. [[|Requested partition configuration not available|More processors requested than permitted|]]
      .. [[Requested time limit is invalid|Invalid qos specification|Memory required by task is not available|]]
      .. [[Job dependency problem)[^\n]*]],
    exclusive = [[(?:srun|sbatch|salloc): (?:error|fatal): [^\n]*\b(?:SLURM_MEM_PER_\w+|--mem[\w-]*)\b[^\n]*]]
      .. [[mutually exclusive]],
  },
  context = {policy = [[(?:QOS policy|[Ii]nvalid qos|account/partition)]],
    tasks = [[used without either --gpus or -n/--ntasks is not allowed]]},
  confidence = 0.88,
  when = function(_, log)
    if log.tasks then
      return {hit = log.gres or log.tasks, title = "Slurm cannot count the GPUs of the job",
        why = "The job asks for GPUs for each task and does not say how many tasks there are, and this release of "
          .. "Slurm does not assume one.",
        fixes = {{container = "ntasks", value = 1, kind = "os", say = "Say how many tasks there are (here one; with "
          .. "one launcher for each node, as many as nodes)."}}}
    end
    if log.fewer then
      return {hit = log.fewer, title = "a Slurm node has lost its GPUs",
        why = "Slurm took the node out of service: its slurmd found {seen} GPUs, and {configured} are configured.",
        fixes = {{host = true, say = "On that node, look at nvidia-smi: where GPUs are missing, mend the driver (or "
          .. "reboot it); where all are there, correct gres.conf and restart slurmd. Then resume it: scontrol update "
          .. "nodename=... state=resume."}}}
    end
    if log.refused and not (log.gres or log.node or log.exclusive) then
      local reason = log.refused.reason
      if reason:match[[(?i)socket|timed out|connect|authenticat|munge|controller]] then return nil end
      return {hit = log.refused, confidence = 0.75, why = "Slurm refused the job: {reason}.",
        fixes = {{setting = reason:match[[(?i)account|qos|association]] and "slurm-account" or "slurm-offer",
          kind = "os", say = "Correct the request that Slurm names: this lists what there is."}}}
    end
    if not log.exclusive then
      return {fixes = {{setting = log.policy and "slurm-account" or "slurm-offer", kind = "os", say = log.policy
        and "Ask for what your account may use (--account, --partition, --qos): this lists it."
        or "Ask for what a partition has (--partition, --gres, --cpus-per-task, --mem, --time): this lists what each "
          .. "offers."}}}
    end
    return {hit = log.exclusive, why = "Two settings of the job's memory exclude each other: one is inherited from the "
      .. "job around it.", fixes = {{unset = {"SLURM_MEM_PER_CPU", "SLURM_MEM_PER_GPU", "SLURM_MEM_PER_NODE"},
        say = "Unset the ones that are not meant before srun, or give one of --mem, --mem-per-cpu and --mem-per-gpu."}}}
  end,
  why = {"Slurm cannot give what the job asks for: no node of that partition has these GPUs (GRES), processors or "
    .. "memory, or the account may not use it."},
  doc = {looks = "Invalid generic resource (gres) specification, Requested node configuration is not available.",
    check = "sinfo -o '%P %G'; the job's --gres, --constraint, --account and --partition."},
}

rule {
  id = "container.no-gpu/device-plugin",
  from = {"orchestrator"},
  signatures = {
    admission = [[UnexpectedAdmissionError\b[^\n]*(?:nvidia\.com/gpu|devices? unavailable)]],
    allocate = [[Allocate failed due to [^\n]{0,90}(?:number of devices unavailable|unhealthy devices?)]],
    cache = [[endpoint not found in cache for a registered resource: (?:nvidia|amd)\.com/]],
    plugin = [[Allocate failed due to [^\n]{0,60}rpc error: code = (?<rpc>\w+) desc = (?<desc>[^\n]{3,200}?)]]
      .. [[(?:, which is unexpected|$)]],
  },
  context = {lost = [[(?:GPU is lost|GPU_IS_LOST|fallen off the bus)]]},
  facts = {"driver.xids"},
  confidence = 0.86,
  when = function(_, log)
    local plugin = log.plugin
    if not plugin then return {} end
    if log.lost then return nil end -- gpu.fallen-off
    local gone = plugin.rpc == "Unavailable" or plugin.desc:match[[EOF|transport is closing|connection refused]]
    return {hit = plugin, confidence = gone and 0.85 or 0.72, title = "the GPU's device plugin fails on the node",
      why = gone and "The kubelet asked the node's device plugin for the GPU, and the plugin went away while it "
        .. "answered." or "The kubelet asked the node's device plugin for the GPU, and the plugin refused: {desc}.",
      fixes = {{setting = "plugin-restart",
          say = "Restart the device plugin's pods, then delete this pod so that it is scheduled anew."},
        {host = true, say = "If it fails again, read the log of its pod on that node (kubectl logs --previous)."}}}
  end,
  why = "The node promised a GPU that its device plugin no longer has: the plugin restarted, or marked a GPU "
    .. "unhealthy after an Xid.",
  fixes = {
    {setting = "plugin-restart", say = "Restart the device plugin's pods, then delete this pod so that it is scheduled "
      .. "anew."},
    {host = true, say = "If it comes again, look on that node for Xids (dmesg) and at nvidia-smi."},
  },
  doc = {looks = "UnexpectedAdmissionError: Allocate failed due to requested number of devices unavailable.",
    check = "kubectl describe node: Capacity against Allocatable of nvidia.com/gpu; the plugin's log."},
}

rule {
  id = "container.gpu-lost/device-denied",
  anyone = "system",
  signatures = {
    eperm = [[/dev/nvidia(?:\d+|ctl|-uvm)['"]?[:)] (?:operation not permitted|Operation not permitted \(os error 1\))]],
  },
  facts = {"system.cgroup", "driver.devices"},
  confidence = 0.84,
  why = "The device node is there, and the container's cgroup does not let it be opened: a GPU that was taken away "
    .. "(systemd reloaded the cgroups) or that was never given.",
  fixes = {
    {restart = "container", say = "Start the container anew, with the GPU passed in by the toolkit and not by a bind "
      .. "mount of /dev."},
  },
  doc = {looks = "open /dev/nvidia0: operation not permitted.",
    check = "The container's devices.allow; was 'systemctl daemon-reload' run since it started?"},
}

rule {
  id = "torch.no-kernel-image/tei",
  from = {"text_embeddings_router"},
  signatures = {
    cap = [[[Rr]untime compute cap (?<cc>\d+) is not compatible with compile time compute cap (?<built>\d+)]],
  },
  facts = {"gpus.0.name", "gpus.0.cc"},
  confidence = 0.93,
  title = "text-embeddings-inference was built for another GPU",
  why = {"This build of text-embeddings-inference carries kernels for compute capability {built}, and the GPU has "
    .. "{cc}.",
    "It is a {fact:gpus.0.name}."},
  when = function(_, log)
    local major, minor = log.cap.cc:match[[^(\d+)(\d)$]]
    return {fixes = {{image = "tei", arch = major and major .. "." .. minor, kind = "rebuild:tei",
      say = "Use the image that is made for that capability, or build it with CUDA_COMPUTE_CAP={cc}."}}}
  end,
  doc = {looks = "Runtime compute cap 75 is not compatible with compile time compute cap 80.",
    check = "The image's tag against the GPU's capability."},
}

rule {
  id = "torch.no-kernel-image/candle",
  from = {"engine", "native", "app"},
  signatures = {symbol = [[DriverError\(CUDA_ERROR_(?:NOT_FOUND|NO_BINARY_FOR_GPU)\b]]},
  facts = {"gpus.0.name", "gpus.0.cc"},
  confidence = 0.6,
  why = {"candle's kernels were built without the one that this model needs on this GPU (a data type such as BF16, or "
    .. "an architecture).", "It is a {fact:gpus.0.name}."},
  fixes = {
    {code = true, kind = "rebuild:candle", say = "Load the model in float16 or float32, or build the program for this "
      .. "GPU (CUDA_COMPUTE_CAP)."},
  },
  doc = {looks = "DriverError(CUDA_ERROR_NOT_FOUND, \"named symbol not found\").",
    check = "The data type of the weights; the capability that the program was built for."},
}

rule {
  id = "hf.model-too-new/tei",
  from = {"engine"},
  signatures = {tensor = [[Could not start (?:Candle )?backend: (?:cannot find tensor (?<tensor>[\w.]+)|]]
    .. [[(?:Model is not supported|unknown variant `(?<kind>[\w-]+)`|]]
    .. [[cannot retrieve (?<layout>non-contiguous) tensors))]]},
  confidence = 0.72,
  why = {"This release of text-embeddings-inference does not know how this model is built: it looks for a tensor "
    .. "{tensor} that the weights lack.", "It does not know the model type {kind}.",
    "It does not read tensors that are saved {layout}, as newer releases do."},
  fixes = {
    {image = "tei", kind = "rebuild:tei", say = "Use the newest image of text-embeddings-inference; where it does not "
      .. "know the model either, one of the models that it lists."},
  },
  doc = {looks = "Could not start Candle backend: cannot find tensor embeddings.word_embeddings.weight.",
    check = "The list of supported models of that release; the model's config.json (architectures)."},
}

rule {
  id = "hf.cache-permission/tei",
  from = {"engine", "hub", "other", "app"},
  anyone = "system",
  signatures = {denied = [[I/O error Permission denied \(os error 13\)]]},
  context = {download = [[Could not download model artifacts|\bhf_hub\b]]},
  confidence = 0.88,
  why = "What is downloaded may not be written where the cache is: the folder belongs to another user.",
  when = function(_, log) return log.download ~= nil or nil end,
  fixes = {
    {set = {HUGGINGFACE_HUB_CACHE = "/tmp/huggingface", HF_HOME = "/tmp/huggingface"}, kind = "env:HF_HOME",
      say = "Point the cache at a folder that this user can write, or give the volume to the user of the container."},
    {free = "disk", say = "Or mount the volume writable and correct its owner."},
  },
  doc = {looks = "Could not download model artifacts, caused by: I/O error Permission denied (os error 13).",
    check = "Owner of the mounted cache (/data); the user that the container runs as."},
}

rule {
  id = "hf.model-too-new/rust",
  from = {"engine", "other", "app"},
  signatures = {
    variant = [[unknown variant `(?<type>\w+(?:ForCausalLM|ForConditionalGeneration|LMHeadModel))`, expected]],
  },
  confidence = 0.84,
  why = "The program reads the model's config.json, and {type} is none of the architectures that this release has.",
  fixes = {
    {code = true, kind = "rebuild:package", say = "Upgrade the program to a release that lists this architecture "
      .. "(pull and build it again)."},
    {flag = "model", stated = true, kind = "param:model", say = "Or take a model of one of those that it lists."},
  },
  doc = {looks = "unknown variant `Qwen3MoeForCausalLM`, expected one of `MistralForCausalLM`, ...",
    check = "The list that the message prints."},
}

rule {
  id = "engine.arg-invalid/mpi",
  from = {"tensorrt_llm", "engine"},
  signatures = {
    world = [[MPI size \((?<mpi>\d+)\)[^\n]{0,30}world size \((?<world>\d+)\)[^\n]{0,30}(?:don't|do not|not) match]],
    world2 = [[world ?size \(?(?<world2>\d+)\)? (?:!=|does not match|is not equal to) ]]
      .. [[(?:MPI|the number of) \w+ ?\(?(?<mpi2>\d+)]],
    engine = [[Engine world size \((?<tp>\d+) \* (?<pp>\d+)\) != Runtime world size \((?<mpi3>\d+)\)]],
    ranks = [[\bmpiSize == tp \* pp\b]],
  },
  confidence = 0.9,
  when = function(_, log)
    local hit = log.world or log.world2 or log.engine
    if not hit then
      return {hit = log.ranks, why = "The engine was built for another number of ranks than were started.",
        fixes = {{code = true, kind = "param:world_size", say = "Start it with mpirun -n N, N being tp_size times "
          .. "pp_size of the engine's config.json, or build the engine for as many GPUs as there are."}}}
    end
    local world = hit.world or hit.world2 or math.tointeger(tonumber(hit.tp) * tonumber(hit.pp))
    local factors = hit.tp and {tonumber(hit.tp), tonumber(hit.pp)}
    return {hit = hit, computed = factors and {{value = world, of = factors}} or nil,
      why = ("The engine was built for %s ranks, and %s were started."):format(world, hit.mpi or hit.mpi2 or hit.mpi3),
      fixes = {{flag = "world_size", stated = true,
        say = ("Start it with mpirun -n %s, or build the engine for as many GPUs as there are."):format(world)}}}
  end,
  doc = {looks = "TensorRT-LLM: MPI size (1) and world size (4) in engine don't match.",
    check = "The engine's config.json (tp_size, pp_size) against mpirun -n."},
}

rule {
  id = "gpu.permission/log",
  anyone = "system",
  signatures = {eacces = [[/dev/nvidia(?:\d+|ctl|-uvm)['"]?[:)]+ [Pp]ermission denied]]},
  facts = {"driver.devices_denied"},
  confidence = 0.88,
  why = "This user may not open the GPU's device node.",
  fixes = {
    {setting = "gpu-group",
      say = "Let the user use the nodes: add it to the group that owns them (ls -l /dev/nvidia*), "
      .. "and log in again."},
  },
  doc = {looks = "open /dev/nvidia0: permission denied.", check = "ls -l /dev/nvidia*; id."},
}

rule {
  id = "container.entrypoint-broken/log",
  from = {"container", "orchestrator", "enroot", "system"},
  signatures = {
    exec = [[(?:OCI runtime|runc|unable to start container process|container process caused|StartError|]]
      .. [[containerd task)[^\n]*exec: \\*"(?<program>[^"\\\n]+)\\*": (?:stat \S+: no such file|]]
      .. [[executable file not found in \$PATH|permission denied|is a directory)]],
    crun = [[executable file [`'"](?<program2>[^`'"\n]+)[`'"] not found in \$PATH]],
    direct = [[^exec (?<program3>/\S+): (?:no such file or directory|permission denied)\s*$]],
    enroot = [[enroot-switchroot: failed to execute: (?<program4>\S+): No such file]],
  },
  context = {
    denied = [[exec[^\n]*permission denied]],
    image = [[^\s*Image: +(?<image>[\w][\w./:@-]+)]],
    toolkit = [[nvidia-(?:container|ctk|cdi)]],
  },
  explains = {"container.no-gpu"},
  when = function(_, log)
    local hit = log.exec or log.crun or log.enroot or log.direct
    if hit.text:match[[exec:? [^\n]*nvidia-(?:container|ctk|cdi)]] then return nil end -- container.toolkit-missing
    if hit.program == "nvidia-smi" or hit.program2 == "nvidia-smi" then return nil end -- container.no-gpu
    local program = hit.program or hit.program2 or hit.program3 or hit.program4
    if log.enroot then
      return {hit = hit, confidence = 0.85, why = ("The image has no %s, with which its start script is run: it is "
        .. "very small, or was imported without its layers."):format(program),
        fixes = {{container = "no-entrypoint", kind = "rebuild:image", say = "Start it without the image's own entry "
          .. "point."}, {host = true, kind = "rebuild:image", say = "Or import the image anew; where it truly has no "
          .. "shell, name the program to run by its whole path."}}}
    end
    local script = program:match[[\.(?:sh|py|bash)$]]
    local image = log.image and log.image.image
    return {hit = hit, confidence = 0.88, why = {log.denied
        and ("The container's first process, %s, may not be executed."):format(program)
        or ("The container's first process, %s, is not in the image, or not on its PATH."):format(program),
        script and not log.denied and "A script that is there is said to be missing when the interpreter in its first "
          .. "line is not, as with Windows line ends." or nil},
      fixes = {{container = "entrypoint", value = "python3", kind = "rebuild:image", say = "Start it with python3: "
        .. "many images have no program of the name python.", cond = function() return program == "python" end},
        {edit = script and program:match[=[([^/]+)$]=], line_ends = true, kind = "rebuild:image",
          say = "Give the script Unix line ends where the image is built from, and build it anew (a script that is "
          .. "there is said to be missing when its first line ends in a carriage return).",
          cond = function() return script and not log.denied and program:has("/") end},
        {setting = "image-command", need = image, kind = "rebuild:image", say = "See what the image itself starts and "
          .. "which PATH it sets, and give the command as that has it (the arguments behind the image's name, or "
          .. "command and args of the pod).", cond = function() return image and not log.denied end},
        {grant = program, run = true, kind = "rebuild:image", say = "Make it executable in the image (as a RUN of its "
          .. "Dockerfile) or on the volume that it comes from.", cond = function() return log.denied ~= nil end},
        {host = true, kind = "rebuild:image", cond = function() return not log.denied end, say = "Correct the command "
          .. "that the container is started with (the arguments behind the image's name, or command and args of the "
          .. "pod), or the ENTRYPOINT of the image."}}}
  end,
  doc = {looks = "exec: \"vllm\": executable file not found in $PATH; exec /start.sh: no such file or directory.",
    check = "docker run --rm --entrypoint ls IMAGE -l PATH"},
}

local TRITON_IMAGES = {tensorrtllm = "-trtllm-python-py3", vllm = "-vllm-python-py3"}

rule {
  id = "vllm.arg-unsupported/triton-backend",
  from = {"tritonserver", "engine"},
  signatures = {
    backend = [[unable to find (?:backend library for backend )?'(?<backend>\w+)'(?:, try specifying runtime|]]
      .. [[ backend| in any)]],
    library = [[unable to find '(?:libtriton_)(?<backend2>\w+)\.so' or '[^']*' for model]],
    folder = [[failed to stat file /opt/tritonserver/backends/(?<backend3>\w+)]],
  },
  confidence = 0.87,
  title = "this Triton has no such backend",
  when = function(_, log)
    local hit = log.backend or log.library or log.folder
    local name = hit.backend or hit.backend2 or hit.backend3
    local image = TRITON_IMAGES[name]
    return {hit = hit, why = ("The model asks for the backend %s, and this image of Triton Inference Server does not "
      .. "hold it."):format(name),
      fixes = {{host = true, kind = "rebuild:image", say = image
        and ("Use the image of the same release whose tag ends in %s."):format(image)
        or "Use an image of Triton that holds that backend (the tags that end in -py3 have most), or build it into "
          .. "/opt/tritonserver/backends."}}}
  end,
  doc = {looks = "unable to find backend library for backend 'tensorrtllm', try specifying runtime on the model "
    .. "configuration.", check = "ls /opt/tritonserver/backends in the image; backend: in the model's config.pbtxt."},
}

rule {
  id = "vllm.arg-unsupported/memory-pools",
  from = {"engine", "torch", "native", "app", "other"},
  signatures = {pool = [[cuda(?:DeviceGetDefaultMemPool|MallocAsync|MemPool\w+|FreeAsync)\b[^\n]{0,60}]]
    .. [[(?:operation not supported|cudaErrorNotSupported)]],
    plain = [[CUDA error: operation not supported]]},
  context = {
    asks = [[\bcuda:\d+ [^\n]{2,60} : cudaMallocAsync|backend:cudaMallocAsync]],
    comfy = [[ComfyUI|\bcuda:\d+ [^\n]{2,60} : cudaMallocAsync]],
  },
  when = function(_, log)
    if log.pool then return {hit = log.pool} end
    if not log.asks then return nil end
    local first = log.comfy and {flag = "cuda_malloc", engine = "comfyui",
      say = "Start it with torch's own allocator."}
      or {unset = {"PYTORCH_CUDA_ALLOC_CONF"}, say = "Take backend:cudaMallocAsync out of the allocator's settings."}
    return {hit = log.plain, evidence = {log.asks}, fixes = {first, {driver = "upgrade",
      say = "Or upgrade the driver, in the guest and on the host."}}}
  end,
  facts = {"gpus.0.name", "driver.version"},
  confidence = 0.78,
  title = "the GPU offers no memory pools here",
  why = {"The program allocates from CUDA's memory pools, and this GPU as it is handed over here (a share of a vGPU, "
    .. "or a virtual machine without unified memory) has none.", "It is a {fact:gpus.0.name}."},
  fixes = {
    {hardware = true, say = "Use a whole GPU (passed through, or MIG), or let the administrator switch unified "
      .. "memory on for that vGPU (enable_uvm=1)."},
    {driver = "upgrade", say = "Or upgrade the driver, in the guest and on the host."},
  },
  doc = {looks = "CUDA runtime error in cudaDeviceGetDefaultMemPool: operation not supported.",
    check = "nvidia-smi -q | grep -A3 -i virtualization."},
}

rule {
  id = "cluster.node-lost/slurm-spool",
  title = "a Slurm node has lost the folder of its job scripts",
  from = {"slurm"},
  signatures = {
    gone = [[slurmstepd: error: execve\(\): (?<path>/\S+/slurm_script): No such file or directory]],
  },
  explains = {"container.entrypoint-broken"},
  confidence = 0.86,
  when = function(_, log)
    local tmp = log.gone.path:match[[^/tmp/]]
    return {why = {"Slurm wrote the job's script to {path} on the node, and it is not there when it is to start.",
        tmp and "It lies below /tmp, which other programs clean up." or nil},
      fixes = {{setting = "slurm-spool", kind = "os", say = "See where that folder lies: an administrator lets it be "
        .. "one that nobody cleans and starts the node's slurmd anew; until then submit with --exclude and that "
        .. "node."}}}
  end,
  doc = {looks = "slurmstepd: error: execve(): /tmp/slurmd/job00089/slurm_script: No such file or directory.",
    check = "scontrol show config | grep SlurmdSpoolDir; ls of it on the node."},
}

rule {
  id = "cluster.node-lost/slurm-node",
  title = "a node of the job failed under it",
  from = {"slurm"},
  signatures = {
    failed = [[srun: error: Node failure on (?<node>[\w.-]+)]],
    job = [[\*\*\* (?:JOB|STEP) (?<job>\d+)\S* ON \S+ CANCELLED AT \S+ DUE TO NODE FAIL]],
  },
  explains = {"nccl.timeout", "net.peer-unreachable", "stopped.outside"},
  confidence = 0.9,
  when = function(_, log)
    local node = log.failed and log.failed.node
    return {hit = log.failed or log.job, why = {"Slurm lost a node of the job, and ended the job for it.",
        node and ("It is %s."):format(node) or nil},
      fixes = {{setting = node and "slurm-node" or "slurm-job", need = node or log.job.job, kind = "os", say = "See "
        .. "what the node says of itself (State, Reason); submit the job again without it (--exclude), with --requeue "
        .. "it goes on by itself."}}}
  end,
  doc = {looks = "srun: error: Node failure on gpu7.", check = "scontrol show node; slurmctld's log."},
}

rule {
  id = "job.unsatisfiable/mpi",
  title = "this Slurm has no such kind of MPI",
  from = {"slurm"},
  signatures = {
    kind = [[srun: error: (?:invalid MPI type '|cannot create mpi context for (?:mpi/)?)(?<type>\w+)]],
  },
  context = {library = [[can not load PMIx library]]},
  confidence = 0.88,
  when = function(_, log)
    return {why = {"srun is to start the tasks by the plugin {type}, and cannot load it here.",
        log.library and "The plugin is there, and the PMIx library that it needs is not on this node." or nil},
      fixes = {{setting = "slurm-mpi", kind = "os", say = "Take one that this lists (--mpi=pmi2; a program that starts "
        .. "its own processes, as torchrun does, needs none: --mpi=none); else an administrator installs PMIx on every "
        .. "node."}}}
  end,
  doc = {looks = "srun: error: invalid MPI type 'pmix', --mpi=list for acceptable types.", check = "srun --mpi=list."},
}

rule {
  id = "cluster.node-lost/slurm-clock",
  title = "a node of Slurm has another time than the controller",
  from = {"slurm"},
  signatures = {expired = [[\bJob credential (?:expired|replayed|revoked)(?:[^\n]* on node (?<node>[\w.-]+))?]]},
  context = {launch = [[Task launch for \S+ failed on node (?<node>[\w.-]+)]]},
  confidence = 0.84,
  when = function(_, log)
    return {why = {"Slurm signs each job for a few minutes, and the node took the signature for one that is too old or "
        .. "too new: mostly its clock goes wrong.", log.launch and ("The node is %s."):format(log.launch.node) or nil},
      fixes = {{setting = "clock", kind = "os", say = "Compare the clocks of the node and of the controller, let NTP "
        .. "set them, then start munge and slurmd anew there."}}}
  end,
  doc = {looks = "srun: error: Task launch for 7.0 failed on node heron1: Job credential expired.",
    check = "date on both machines; munge -n | ssh NODE unmunge."},
}
