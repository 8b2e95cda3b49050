-- Host memory: RAM (or the container's limit of it) and /dev/shm.

local function enlarge(gib)
  return {container = "shm-size", value = gib, say = "Start the container with more shared memory.",
    effect = {["system.shm.size"] = gib << 30}}
end

local GIB = 1 << 30
local units = {k = 1 << 10, m = 1 << 20, g = GIB, t = 1 << 40}

-- The memory limit that was in force: by the facts, else the largest that the log names; at least what was held.
local function limit_of(f, log)
  local limit = f"system.memory.limit"
  if limit then return limit end
  for _, hit in ipairs(log.all"named") do
    local bytes = (tonumber(hit.size) or 0) * (units[(hit.unit or ""):sub(1, 1):lower()] or 1)
    limit = math.max(limit or 0, bytes)
  end
  for _, hit in ipairs(log.all"cgroup") do limit = math.max(limit or 0, tonumber(hit.kb) << 10) end
  if limit and limit >= GIB // 16 then return math.tointeger(limit) end
  for _, hit in ipairs(log.memcg and log.all"held" or {}) do limit = math.max(limit or 0, tonumber(hit.rss) << 10) end
  return limit and limit >= GIB // 2 and math.tointeger(limit) or nil
end

rule {
  id = "oom.host",
  from = {ray = {"cluster"}, scheduler = {"slurm", "orchestrator"}, swap_space = {"engine"}},
  anyone = "system",
  signatures = {
    killer = [[(?:Out of memory: Kill(?:ed)? process \d+ \((?<process>[^)]+)|oom-kill:|oom_reaper: reaped|]]
      .. [[Memory cgroup out of memory|OOMKilled|Failed with result 'oom-kill'|oom_kill_process|]]
      .. [[invoked oom-killer|killed by the OOM killer(?! due to high memory usage))]],
    scheduler = [[(?:Detected \d+ oom[-_]kill event|cgroup out-of-memory handler|Exceeded (?:job|]]
      .. [[step) memory limit|exceeded memory limit \(\d+|error: \S+: task [\d-]+: Out Of Memory|TERM_MEMLIMIT|]]
      .. [[job killed: v?mem \d+\w+ exceeded limit)]],
    minus9 = [[(?:exit(?:s|ed)?(?: with)?(?: return)? ?code ?[=:]?\s*-9\b|exitcode ?: ?-9|return code = -9|]]
      .. [[exit(?:ed)? (?:with )?(?:code|status):? {0,8}137|died with <Signals\.SIGKILL|Signal 9 \(SIGKILL\)|]]
      .. [[terminated by signal 9|signal: 9|was killed by signal: Killed|returned non-zero exit status 137|]]
      .. [[returncode=-9|signal: killed|code=killed, (?:signal|status)=(?:9/)?KILL|exit status 137|]]
      .. [[received signal 9\b|terminated (?:by|with) signal (?:9\b|SIGKILL)|SIGKILL\(-9\)|killed: signal 9\b|]]
      .. [[was sent SIGKILL! Perhaps out of memory)]],
    killed = [[^\s*(?:\S+: line \d+: +\d+ |zsh: |(?:\[\d+\] *)?[+-]? *(?:\d{3,} +)?)?Killed(?:\s+\S+|\s*$)]],
    bad_alloc = [[(?:(?<!with )std::bad_alloc(?!: (?:out_of_memory: )?cuda)|Cannot allocate memory(?! in static TLS)|]]
      .. [[Buy new RAM|]]
      .. [[model requires more system memory \((?<needs>[\d.]+ [KMGT]iB)\) than is available ]]
        .. [[\((?<there>[\d.]+ [KMGT]iB)\)|\[Errno 12\]|DefaultCPUAllocator: (?:can't]]
        .. [[|not enough) (?:allocate )?memory|(?<![A-Za-z])]]
        .. [[MemoryError(?:: (?=[^\n]*(?:memory|alloc|memalign))(?!std::bad_alloc|]]
        .. [[[^\n]*\b(?:GPU|block|cache|CUDA|device|VRAM|batch_size)s?\b)|$)]]
        .. [[|memory allocation of \d+ bytes failed|insufficient memory \(attempted to allocate]]
        .. [[|crashed after using all available RAM|_ArrayMemoryError|failed to allocate \d+ bytes of ]]
        .. [[(?:host|pinned) memory|os error 12|Unable to allocate [\d.]+ [KMGT]iB for an array)]],
    ray = [[(?:ray\.exceptions\.OutOfMemoryError|ray-oom-prevention|due to the node running low on memory|]]
      .. [[Task was killed due to the node running low on memory|]]
      .. [[Workers \(tasks / actors\) killed due to memory pressure)]],
    sigkill_shard = [[Shard process was signaled to shutdown with signal 9]],
    swap_space = [[(?<!Possibly )Too large swap space\. (?<swap>[\d.]+) GiB out of the (?<ram>[\d.]+) GiB ]]
      .. [[total CPU memory]],
    mmap = [[(?:unable to mmap \d+ bytes|mmap failed: Cannot allocate memory|failed to allocate buffer of size)]],
    win = [[(?:The paging file is too small for this operation|os error 1455|WinError 1455)]],
  },
  context = {
    timeout = [[(?:Watchdog caught collective operation timeout|SIGTERM)]],
    cuda = [[CUDA out of memory]],
    xid = [[NVRM: Xid]],
    box = [[(?i:docker|kubernetes|kubectl|\bpod\b|slurm|runpod|\bcolab)|/workspace/|/app/|root@[0-9a-f]{12}]],
    disk = [[No space left]],
    slurm = [[/slurm_script: line \d+: +\d+ Killed]],
    shm = [[(?:/dev/shm|Bus error|shared memory)]],
    dataloader = [[DataLoader worker \(pid]],
    kv_cache = [[failed to allocate buffer for kv cache]],
    named = [[(?:--mem(?:ory)?[= ]|mem_limit: *|\bmemory['"]?: +['"]?)(?:(?<size>\d+)(?<unit>[KMGTkmgt]i?[bB]?)|]]
      .. [[(?<size>\d{9,}))\b]],
    cgroup = [[memory: usage \d+kB, limit (?<kb>\d+)kB]],
    held = [[anon-rss:(?<rss>\d+)kB]],
    memcg = [[(?:CONSTRAINT_MEMCG|Memory cgroup out of memory)]],
    global = [[(?:CONSTRAINT_NONE|\bglobal_oom|killed as a result of limit of host|(?<!cgroup o)Out of memory: Kill)]],
    first_error = [[^(?:\S*Error|\S*Exception): ]],
    by_itself = [[(?:kill_process_tree|Received sigquit from a child process|SIGQUIT received|]]
      .. [[Scheduler hit an exception|]]
      .. [[[Kk]illing (?:all|the|its) (?:\w+ )?(?:processes|children|workers)|Sending SIGKILL)]],
  },
  unless = {"cuda", "disk"},
  facts = {"system.memory.total", "system.memory.limit", "system.memory.oom_kill", "run.oom_killed"},
  when = function(f, log)
    local hit = log.killer or log.scheduler or log.ray or log.bad_alloc or log.mmap or log.win or log.swap_space
      or log.sigkill_shard or log.minus9 or log.killed
    -- locked memory (nccl.init, sys.ulimit), and the number of maps (sys.ulimit/maps)
    if hit == log.bad_alloc and hit.text:match[[ibv_|ibvwrap|NCCL WARN|failed to mlock]]
      or hit.text:match[[unable to mmap \d+ bytes from file </?torch_]] then return nil end
    if log.win then
      return {hit = hit, confidence = 0.88, why = "Windows could not commit memory: the paging file is too small "
        .. "for mapping the weights.", fixes = {{host = true, say = "Enlarge the paging file."},
        {hardware = true, say = "Or add memory."}}}
    end
    if hit == log.swap_space then
      return {hit = hit, confidence = 0.92, why = "The engine wants {swap} GiB of host memory to swap the KV cache "
        .. "to, and the machine has {ram} GiB in all.",
        fixes = {{argument = "swap_space", value = 0,
          say = "Lower --swap-space (GiB for each GPU; 0 switches it off)."},
          {hardware = true, say = "Or add memory."}}}
    end
    local sure = log.killer or log.scheduler or log.ray or log.bad_alloc or log.mmap
    if not sure and f"run.oom_killed" == false then return nil end -- the kernel counted no OOM kill in this run
    -- an engine that failed kills its own processes, and who started it sees the signal only
    if not sure and (hit == log.minus9 or hit == log.killed) and log.by_itself and log.by_itself.line < hit.line then
      return nil
    end
    if not sure and log.fatal and not (log.minus9 and log.minus9.event.tier >= 4)
      and log.fatal.type ~= "ChildFailedError" and log.fatal.type ~= "CalledProcessError"
      and log.fatal.type ~= "BrokenProcessPool" and log.fatal.type ~= "WorkerLostError" and not log.sigkill_shard then
      return {hit = hit, confidence = 0.45, why = "A process was killed with SIGKILL; another error stands beside it."}
    end
    local limit = limit_of(f, log)
    local more = limit and {container = "memory", value = (limit * 2 + GIB - 1) // GIB, say = "Raise the memory limit."}
      or {container = "whole-memory", kind = "container-flag:memory",
        say = "In a container or a job: raise its memory limit, or take it off."}
    local ram = {hardware = true, say = "Give it more RAM (a bigger node): loading needs about the size of the "
      .. "weights, more for old .bin checkpoints or with offload."}
    local less = {argument = "low_cpu_mem_usage", value = "True",
      say = "Or need less: safetensors, low_cpu_mem_usage=True, fewer loader processes, less offload to the CPU."}
    local limited = limit or log.scheduler or log.slurm
      or hit.text:match[[OOMKilled|Memory cgroup out of memory|oom_memcg=/\S]]
    local whole = log.global and not log.memcg -- it was the host's own memory, whatever runs in containers
    local bare = not limited and (whole or not (log.ray or log.box or f"system.container.runtime"))
    local swap = {setting = "swap", kind = "hardware", say = "Give it more memory: swap for now, RAM for good (loading "
      .. "needs about the size of the weights, more for old .bin checkpoints or with offload)."}
    local huge = tonumber((log.held or {}).rss or 0) > 128 << 20 -- no swap file makes up for that
    local fixes = limited and {more, ram, less} or bare and not huge and {swap, more, less} or {ram, more, less}
    if log.dataloader then
      table.insert(fixes, 1, {argument = "num_workers", value = 0,
        say = "Load with fewer worker processes (each holds its own copy of what the dataset keeps)."})
    end
    if log.kv_cache then
      table.insert(fixes, 1, {flag = "max_model_len", value = 8192, engine = "llama.cpp", toward = "lower",
        say = "Ask for a shorter context: without one, the whole context that the model was trained for is allocated."})
    end
    if not sure and hit.text:match[[^\s*Exit Code:]] then -- Kubernetes says OOMKilled where it counted one
      return {hit = hit, confidence = 0.62, fixes = limit and {more, ram} or {ram, more}, why = {"The container was "
        .. "ended by SIGKILL, and Kubernetes counted no kill for memory: the kernel took a process below its first "
        .. "one, or it was ended from outside and did not stop in time."}}
    end
    return {hit = hit, confidence = sure and 0.92 or 0.82, fixes = fixes,
      why = {sure and "Host memory (RAM, or the container's limit) ran out." or "A process ended by SIGKILL "
        .. "without a word of its own: the kernel (or the container's memory limit) killed it, mostly while "
        .. "loading weights into host memory.", "Memory limit: {fact:system.memory.limit} bytes.",
        "RAM: {fact:system.memory.total} bytes."}}
  end,
  doc = {looks = "'Killed', exit code 137 or -9, 'Out of memory: Killed process', std::bad_alloc.",
    check = "dmesg, memory.events (oom_kill), the container's limit."},
}

rule {
  id = "oom.shm",
  from = {hint = {"torch"}, ray = {"cluster"}},
  anyone = "system",
  signatures = {
    dataloader = [[DataLoader worker \(pid\(?s?\)?[^)]*\) is killed by signal: Bus error]],
    hint = [[(?:It is possible that dataloader's workers are out of shared memory|]]
      .. [[Unexpected bus error encountered in worker|insufficient shared memory \(shm\))]],
    torch_shm = [[(?:unable to (?:write to|open|resize|allocate|mmap) (?:file |]]
      .. [[shared memory )?(?:object )?<?/?torch_\d+|could not unlink the shared memory file|]]
      .. [[unable to open shared memory object|No space left on device[^\n]*/torch_\d+_|ftruncate[^\n]*torch_\d)]],
    nccl = [[(?:Error while (?:creating|attaching to) shared memory segment|Call to (?:posix_fallocate|ftruncate|]]
      .. [[shm_open)[^\n]*(?:nccl|No space|Permission denied)|/dev/shm/nccl-\S+[^\n]*(?:No space|failed))]],
    bus = [[(?:Fatal Python error: Bus error|Bus error \(core dumped\)|exit(?:s|]]
      .. [[ed)?(?: with)?(?: return)? ?(?:code|status) *[:=]? {0,8}(?:135|-7)\b|Signal 7 \(SIGBUS\)|Signals\.SIGBUS|]]
      .. [[signal(?: number)? 7\b|signal: bus error|with signal SIGBUS|terminated with -7\b|Bus error$)]],
    apart = [[/dev/shm/nccl-\S+[^\n]*(?:No such file or directory|error: 2\b)]],
    shm_full = [[exceeds memory available in /dev/shm|/dev/shm[^\n]{0,80}(?:No space|full|too small)|]]
      .. [[object store size \([^)]*\) exceeds /dev/shm size|(?:No space left|]]
      .. [[not enough space)[^\n]{0,80}(?:/dev/shm|shared memory)]],
    semlock = [[No space left on device]],
    ray = [[The object store is using /tmp instead of /dev/shm]],
    reduce = [[RuntimeError: unable to share]],
  },
  context = {
    mp = [[(?:SemLock|mp\.Queue|(?:multiprocess(?:ing)?|billiard)/(?:queues|synchronize|context|heap)|shm_open|]]
      -- our own report prints "Shared memory (/dev/shm): 8 GB free"
      .. [[(?<!memory \()(?<!% )/dev/shm|/torch_\d+|nccl-\w+|shared memory(?! \())]],
    emfile = [[\[Errno 24\] Too many open files]],
    mmap_file = [[(?:safetensors|\.gguf|truncated)]],
    denied = [[shm_open failed ?: Permission denied|/dev/shm/\S+[^\n]*Permission denied]],
  },
  facts = {"system.shm.size", "system.container.runtime"},
  specific_over = {"disk.full", "nccl.init"},
  when = function(f, log)
    if log.semlock and not (log.dataloader or log.hint or log.torch_shm or log.nccl or log.bus or log.shm_full) then
      if not (log.mp
        or log.has_frame[[(?:multiprocess(?:ing)?|billiard)/(?:queues|synchronize|context|heap)|SemLock]]) then
        return nil
      end
    end
    if log.reduce and not (log.dataloader or log.hint) then
      return {hit = log.reduce, confidence = 0.6, why = "Tensors could not be shared between processes: too many "
      .. "open files or too little shared memory.",
      fixes = {{limit = "nofile", value = 65536, say = "Raise the limit of open files."},
      {container = "shm-size", value = 16, say = "And enlarge /dev/shm."}}} end
    if log.ray and not (log.bus or log.shm_full or log.torch_shm or log.nccl) then return nil end
    if log.torch_shm and (log.emfile
        or log.torch_shm.text:match[[unable to mmap [^\n]*Cannot allocate memory|Too many open files]])
      and not (log.dataloader or log.hint or log.bus or log.shm_full) then return nil end -- sys.ulimit
    local apart = log.apart and not (log.dataloader or log.hint or log.torch_shm or log.shm_full or log.bus)
    if apart then
      return {hit = log.apart, confidence = 0.78, title = "the ranks do not share one /dev/shm",
        why = "A rank looks for the shared memory of another one and does not find it: they run in containers of their "
          .. "own, or what they shared was removed.",
        fixes = {{container = "ipc", kind = "container-flag:ipc", say = "Let the ranks of one host share memory."},
          {set = {NCCL_SHM_DISABLE = "1"}, say = "Or do without it."}}}
    end
    if log.denied then
      return {hit = log.nccl or log.torch_shm or log.shm_full, evidence = {log.denied}, confidence = 0.88,
        title = "/dev/shm cannot be written to", why = "This user may make no file in /dev/shm, where processes share "
          .. "memory: its mode is not that of a folder for everybody.",
        fixes = {{setting = "shm-rights", say = "Let everybody write there, as on any system."}}}
    end
    local sure = log.dataloader or log.hint or log.torch_shm or log.nccl or log.shm_full
    local bytes = math.tointeger(f"system.shm.size")
    local container = f"system.container.runtime" or (f"system.shm.size" or 1e12) < 256 * 1048576 or log.mp
    return {confidence = sure and 0.93 or container and 0.82 or 0.7,
      why = {"Shared memory (/dev/shm) ran out: workers, NCCL and tensor-parallel processes exchange data there; a "
      .. "container has 64 MB of it by default.",
      bytes and ("Here it holds %s."):format(size(bytes)) or nil},
      fixes = {enlarge(16),
               {argument = "num_workers", value = 0, say = "Or use fewer worker processes (DataLoader)."}}}
  end,
  applies = {"torch"},
  check = function(f)
    local bytes = f"system.shm.size"
    if not bytes or bytes > 256 * 1048576 or bytes == 0 then return nil end
    return {confidence = 0.8, severity = "warning", why = ("/dev/shm has only %s: several workers, NCCL or "
      .. "tensor parallelism need gigabytes of it."):format(size(bytes)),
      fixes = {enlarge(16)}}
  end,
  doc = {looks = "Bus error in a container, 'unable to write to file </torch_...>', NCCL 'Error while creating "
    .. "shared memory segment'.", check = "df -h /dev/shm."},
}

rule {
  id = "oom.shm/read-only",
  title = "/dev/shm cannot be written to",
  anyone = "system",
  signatures = {
    read_only = [[(?:\[Errno (?:30|13)\] (?:Read-only file system|Permission denied))\s*$]],
    named = any{
      [[(?:Read-only file system|Permission denied)[^\n]{0,40}/dev/shm/]],
      [[/dev/shm/\S{1,80}[^\n]{0,60}(?:Read-only file system|Permission denied)]],
      [[(?i)shared memory[^\n]{0,120}Read-only file system]],
    },
  },
  context = {shares = [[(?i)SemLock|multiprocessing|DataLoader|num_workers|shm_open|\bsem_open|resource_tracker]]},
  facts = {"system.shm.writable"},
  specific_over = {"hf.cache-permission"},
  when = function(f, log)
    local frames = (log.named or log.read_only).event.frames or {}
    local last = frames[#frames]
    local shares = last and last.file:match[[(?:multiprocess(?:ing)?|billiard)/(?:synchronize|heap|shared_memory)\.py$]]
    -- without frames and without a name: what the machine shows, or what else the log speaks of
    local known = not last and (f"system.shm.writable" == false or log.shares)
    if not (log.named or shares or known) then return nil end
    return {hit = log.named or log.read_only, confidence = (log.named or shares) and 0.9 or 0.8,
      why = "Locks and buffers that processes share are files in /dev/shm, and this process "
      .. "may make none there.",
      fixes = {{container = "shm-writable", value = 16, kind = "container-flag:shm-size",
        say = "Mount /dev/shm so that it can be written to."}}}
  end,
  check = function(f)
    if f"system.shm.writable" ~= false then return nil end
    return {confidence = 0.8, severity = "warning",
      why = "/dev/shm cannot be written to: processes cannot share locks or tensors.",
      evidence = {"system.shm.writable"},
      fixes = {{container = "shm-writable", value = 16, kind = "container-flag:shm-size",
        effect = {["system.shm.writable"] = true}, say = "Mount /dev/shm so that it can be written to."}}}
  end,
  doc = {looks = "OSError: [Errno 30] Read-only file system, in multiprocessing/synchronize.py.",
    check = "findmnt /dev/shm."},
}

rule {
  id = "sys.ulimit/maps",
  anyone = "system",
  rival = {cause = "oom.host", decides = "free memory at that moment, and the number of lines of /proc/PID/maps "
    .. "against vm.max_map_count"},
  signatures = {maps = [[unable to mmap \d+ bytes from file </?torch_[^\n]*Cannot allocate memory]]},
  facts = {"system.memory.available", "system.shm.size"},
  confidence = 0.74,
  title = "limit of memory maps",
  why = "A tensor in shared memory could not be mapped: each one takes a map of the process, and their number is "
    .. "limited by the kernel (vm.max_map_count), whatever memory is free.",
  fixes = {
    {setting = "max-map-count", say = "Raise the limit on the host."},
    {code = true, say = "Or share fewer tensors between processes: fewer workers, larger batches of small files."},
  },
  doc = {looks = "unable to mmap 98368 bytes from file </torch_...>: Cannot allocate memory (12).",
    check = "sysctl vm.max_map_count; wc -l /proc/PID/maps."},
}

rule {
  id = "oom.shm/silent-worker",
  from = {"ray"},
  role = "symptom", -- whatever else the log says of the worker's end comes first
  signatures = {eof = [[Worker unexpectedly exits with a connection error code 2\. End of file]]},
  facts = {"system.shm.size", "system.container.runtime", "system.memory.oom_kill"},
  when = function(f)
    if not f"system.container.runtime" or (f"system.memory.oom_kill" or 0) > 0 then return nil end
    return {confidence = 0.45}
  end,
  why = "A Ray worker ended without a word, in a container: mostly a bus error, for /dev/shm is full (64 MB by "
    .. "default), or the kernel killed it for memory. Ray's list of potential root causes is a fixed text.",
  fixes = {
    enlarge(16),
    {container = "whole-memory", kind = "container-flag:memory",
      say = "And look into the kernel's log whether it killed the worker: if so, give it more memory."},
  },
  doc = {looks = "'Worker unexpectedly exits with a connection error code 2. End of file'.",
    check = "df -h /dev/shm; dmesg for the OOM killer."},
}

rule {
  id = "sys.rlimit-memory",
  anyone = "system",
  signatures = {
    refused = [[(?:DefaultCPUAllocator: (?:can't|not enough) (?:allocate )?memory|]]
      .. [[Cannot allocate memory(?! in static TLS)|]]
      .. [[\[Errno 12\]|(?<![A-Za-z])MemoryError(?:: |$)|std::bad_alloc(?!: (?:out_of_memory: )?cuda)|]]
      .. [[memory allocation of \d+ bytes failed|unable to mmap \d+ bytes|]]
        .. [[Unable to allocate [\d.]+ [KMGT]iB for an array)]],
    go = [[fatal error: failed to reserve page summary memory]],
    segment = [[failed to map segment from shared object: Cannot allocate memory]],
    python = [[(?:Fatal Python error: init_interp_main|_PyObject_\w+)[^\n]*can't allocate memory]],
  },
  context = {cuda = [[CUDA out of memory]], killer = [[(?:oom-kill|Out of memory: Kill|OOMKilled)]],
    shown = [[^(?:(?:virtual memory|address space|-v:[^(\n]*) *\((?:kbytes|kb)[^)\n]*\) +|Max address space +)]]
      .. [[(?<limit>\d{5,})\b]]},
  unless = {"cuda", "killer"},
  facts = {"system.limits.as", "system.limits.data", "system.memory.available"},
  specific_over = {"oom.host"},
  explains = {"oom.host"},
  when = function(f, log)
    local of, free = "as", f"system.memory.available"
    if type(f"system.limits.as") ~= "number" and type(f"system.limits.data") == "number" then of = "data" end
    local limit = f("system.limits." .. of)
    local sure = log.go or log.segment -- address space: what they map needs hardly any memory yet
    if type(limit) ~= "number" and not (sure or log.shown) then return nil end
    -- memory would run out first
    if type(limit) == "number" and type(free) == "number" and limit > free * 2 then return nil end
    return {hit = sure or log.refused or log.python, evidence = {log.shown},
      confidence = type(limit) == "number" and 0.94 or 0.85,
      why = {of == "as"
          and "This process may not have more address space, whatever memory is free: a limit (ulimit -v) refuses it."
          or "This process may not have more memory of its own, whatever is free: a limit (ulimit -d) refuses it.",
        "The limit is {fact:system.limits." .. of .. "} bytes.",
        "{fact:system.memory.available} bytes of memory are available."},
      fixes = {{limit = of, say = "Lift that limit before the worker starts."},
        {host = true, say = ("For good, take it out of the shell's profile, /etc/security/limits.conf (%s) or the "
          .. "service unit (Limit%s)."):format(of, of:upper())}}}
  end,
  doc = {looks = "Cannot allocate memory while free shows much of it.",
    check = "ulimit -v; Max address space in /proc/PID/limits."},
}

-- Memory of the host that the GPU reads directly cannot be swapped out, and the system gives only so much of it.
rule {
  id = "oom.host/pinned",
  from = {"llama.cpp", "ollama", "engine"},
  signatures = {buffer = [[unable to allocate (?:CUDA|ROCm|HIP|SYCL)_Host buffer]]},
  context = {size = [[failed to allocate (?<mib>[\d.]+) MiB of pinned memory]],
    ollama = [[\bllama runner\b|\bsource=(?:sched|server|routes)\.go:]]},
  facts = {"system.memory.available", "system.limits.memlock"},
  confidence = 0.84,
  title = "the host has no more memory that the GPU may read directly",
  why = {"llama.cpp asked for pinned memory of the host for what does not go on the GPU, and got none.",
    "It wanted {mib} MiB."},
  when = function() return {fixes = {
    {set = {GGML_CUDA_NO_PINNED = "1"}, say = "Let it take ordinary memory (the server has to see the variable)."},
    {flag = "gpu_layers", toward = "lower", engine = "llama.cpp", say = "Or take a smaller model or quantization, so "
      .. "that less is left for the host."},
    {hardware = true, say = "Or add memory, or end what else holds it."}}}
  end,
  doc = {looks = "error loading model: unable to allocate CUDA_Host buffer.",
    check = "Free memory of the host; ulimit -l; what else is loaded."},
}
