-- NCCL and torch.distributed.

-- What the words of CUDA in NCCL's own warning say, where no other rule knows more.
local by_words = {
  {words = [[^named symbol not found|^no kernel image|^invalid device function]], confidence = 0.72,
    why = "NCCL has no code that runs on this GPU: CUDA answers '{words}' as it loads its kernels.",
    fixes = {{install = "torch", fresh = true, kind = "pip:nvidia-nccl", say = "Use an NCCL built for a CUDA that "
      .. "knows "
      .. "this GPU: install torch anew with the NCCL that belongs to it."},
      {driver = "upgrade", say = "Or upgrade the driver, where it is the older of the two."}}},
  {words = [[^initialization error|^unknown error|^no CUDA-capable|^system not yet]], confidence = 0.66,
    why = "CUDA itself does not start in this rank, before NCCL does anything: '{words}'.",
    fixes = {{restart = "uvm", kind = "restart", say = "See whether CUDA starts on that GPU alone (a one-line torch "
      .. "program with CUDA_VISIBLE_DEVICES); where not, load nvidia_uvm anew or reboot the host."},
      {code = true, say = "Where it does: start ranks with 'spawn', for CUDA does not survive a fork."}}},
  {words = [[^operation not supported|^invalid resource handle|^invalid argument]], confidence = 0.66,
    why = "NCCL maps memory of one GPU into another process, and CUDA answers '{words}'.",
    fixes = {{set = {NCCL_CUMEM_ENABLE = "0"}, say = "Let NCCL use the older way of sharing memory."},
      {set = {NCCL_P2P_DISABLE = "1"}, automatic = true, say = "Or do without peer-to-peer."}}},
}

-- Refused on the way, not for want of one: a neighbour that is unreachable, or a port where nobody answers.
local function gate_of(log)
  local net = log.connect and log.connect.text:match[[onnect to (\d+\.\d+\.\d+)\.\d+\S* failed : No route to host]]
  if net and log.own and log.own.net == net then
    return {hit = log.connect, evidence = {log.own}, confidence = 0.82, why = {"The other host is on the same network "
        .. "({net}), and refuses the connection: its firewall lets no ports in that NCCL chooses."},
      values = {net = net .. ".0"},
      fixes = {{setting = "open-net", need = net .. ".0", kind = "network", say = "Let the hosts of that network in, "
        .. "on every host."},
        {set = {NCCL_SOCKET_IFNAME = "lo"}, say = "On one host alone: stay on the loopback interface."}}}
  end
  local address, port = (log.rendezvous and log.rendezvous.text or ""):match(
    [[client socket has timed out after [^\n]*connect to \(?([\w.-]+), ?(\d+)\)]])
  if not port or address:match[[^(?:localhost|127\.)]] then return nil end
  return {hit = log.rendezvous, confidence = 0.8, values = {address = address, port = port},
    why = {"Nobody answers at {address}, port {port}, where the nodes are to meet: the launcher of the first node does "
      .. "not run yet (or under another address), or a firewall is between them."},
    fixes = {{setting = "open-port", need = port, kind = "network", say = "Start the launcher of the first node first, "
        .. "with its own address as MASTER_ADDR, and let the others in on that port there."},
      {setting = "interface", kind = "env:NCCL_SOCKET_IFNAME", say = "Then let NCCL and gloo use the interface that "
        .. "connects the hosts, on every host."}}}
end

rule {
  id = "nccl.init",
  from = {"nccl", "torch", "engine", "native", "cluster", "hub"},
  signatures = {
    unhandled = codes"nccl.init" .. [[|(?:unhandled (?:system|cuda) error|]]
      .. [[NCCL error in: \S+|NCCL error: |NCCL_ERROR_\w+|NCCL Error \d)]],
    memlock = [[ibv_\w+ failed with error (?:Cannot allocate memory|12)|ibv_(?:reg|]]
      .. [[create)\w*[^\n]*(?:Cannot allocate memory(?!\. Please set)|errno 12)]],
    graph = [[NCCL cannot be captured in a graph]],
    interface = [[(?:Bootstrap : no socket interface found|No (?:socket )?interface found|]]
      .. [[no socket interface found|NCCL_SOCKET_IFNAME|network interface[^\n]{0,40}not found|]]
      .. [[family \d+ is neither AF_INET|Socket creation failed : Address family not supported)]],
    connect = [[(?:(?:socket|connect|Connection)[^\n]{0,60}(?:refused|timed out|failed)[^\n]{0,80}(?:nccl|rank|]]
      .. [[store|master)|NCCL WARN[^\n]*(?:Connect to|socketStartConnect|socketProgress|Connection (?:refused|]]
      .. [[closed by remote)|No route to host)|]]
      .. [[socketPollConnect: connect to \S+<\d+> returned|Connection closed by (?:localRank|remote) peer)]],
    version = [[(?:Mismatched NCCL version|NCCL version mismatch|Message truncated : received \d+ bytes instead of)]],
    cumem = [[NCCL WARN Cuda failure[^\n]*'(?<words>[^']+)']],
    rendezvous = [[(?:RendezvousConnectionError|The client socket has (?:timed out|failed to connect to any)|]]
      .. [[connect\(\) timed out|Timed out after \d+ seconds waiting for clients|DistStoreError|]]
      .. [[gloo[^\n]{0,80}(?:connectFullMesh failed|Unable to find (?:address|interface for))|]]
      .. [[makeDeviceForHostname|Unable to resolve hostname to a \(local\) address)]],
    barrier = [[store based barrier on rank: \d+, for key: \S+ \(world_size=(?<world>\d+), ]]
      .. [[worker_count=(?<workers>\d+)]],
    store = [[RuntimeError: Connection (?:timed out|refused)\.?$]],
    net_missing = [[NCCL WARN Error: network (?<net>[^\n]+?) not found]],
    nvls = [[(?:Failed to bind NVLink SHARP|transport/nvls\.cc:\d+ NCCL WARN)]],
    plugin = [[(?:libnccl-net\.so[^\n]*(?:version|symbol)|NET/OFI[^\n]*(?:fail|error))]],
    old_connect = [[include/socket\.h:\d+ WARN (?:Call to connect failed|Connection closed by remote)]],
    traced = [[NCCL INFO (?:misc/socket|bootstrap)\.cc:\d+ -> 2\b]],
    twice = [[NCCL WARN Bootstrap Root : (?:rank \d+ of \d+ ranks has already checked in|mismatch in rank count)]],
  },
  context = {
    driver = [[driver version is insufficient]],
    oom = [[(?:out of memory|No space left|shared memory)]],
    duplicate = [[Duplicate GPU detected]],
    system = [[(?:unhandled system error|ncclSystemError)]],
    image = [[no kernel image]],
    illegal = [[(?:illegal memory access|unspecified launch failure|device-side assert)]],
    invalid_usage = [[(?:invalid usage|ncclInvalidUsage)]],
    port = [[The server socket has failed to (?:bind|listen)]],
    forced = [[NCCL INFO (?<variable>NCCL_(?:GRAPH|TOPO)_FILE) set by environment to (?<value>\S+)]],
    own = [=[NCCL INFO [^\n]{0,40}Using \[?\d*\]?[\w.-]+:(?<net>\d+\.\d+\.\d+)\.\d+<\d+>]=],
    harmless = [[(?:NET/Plugin: (?:No plugin found|Could not find)|Failed to open libibverbs)]],
  },
  unless = {"driver", "oom", "duplicate", "image", "illegal"},
  facts = {"env.NCCL_SOCKET_IFNAME", "system.shm.size", "gpus"},
  when = function(f, log)
    local store = log.store and log.has_frame[[torch[/\\]distributed[/\\]rendezvous]] and log.store
    if log.rendezvous and log.rendezvous.text:match[[(?i)etcd]] then
      return {hit = log.rendezvous, confidence = 0.6,
        why = "The launcher does not reach the etcd server that its rendezvous was told to use.",
        fixes = {{network = true, say = "Check --rdzv-endpoint and that etcd answers there from this host."},
          {flag = "rdzv_backend", stated = true, spelled = "--rdzv-backend c10d",
            say = "Or do without etcd: the c10d backend needs none."}}}
    end
    if log.rendezvous and not log.interface and log.has_frame[[_call_store]] then
      return {hit = log.rendezvous, confidence = 0.66, why = "The store that the nodes meet at (on the first of them) "
        .. "answered before, and went away while they used it: its launcher ended, or another job's did that had the "
        .. "same port.",
        fixes = {{code = true, kind = "env:NCCL_SOCKET_IFNAME", say = "Look at the first node's own output for its "
          .. "first "
          .. "error; where several jobs share a host, give each a port of its own (--rdzv-endpoint host:port, "
          .. "--rdzv-id)."}}}
    end
    local hit = log.interface or log.connect or log.old_connect or log.rendezvous or log.barrier or store
      or log.version or log.cumem
      or log.unhandled or log.plugin or log.twice or log.traced
    if log.memlock then
      return {hit = log.memlock, confidence = 0.82, why = "InfiniBand could not register memory: the limit of "
        .. "locked memory (memlock) is too small in this shell or container.",
        fixes = {{limit = "memlock", say = "Lift the limit of locked memory."},
          {unset = {"NCCL_BUFFSIZE"}, say = "Leave NCCL_BUFFSIZE at its default.",
          cond = function(facts) return facts.env"NCCL_BUFFSIZE" and true or false end},
          {set = {NCCL_IB_DISABLE = "1"}, say = "Or do without InfiniBand."}}}
    end
    if log.graph then
      return {hit = log.graph, confidence = 0.82, why = "This NCCL was built for a CUDA before 11.3 (or the driver "
        .. "is older than R465), so it cannot be used in CUDA graphs.",
        fixes = {{install = "torch", fresh = true, kind = "pip:nvidia-nccl", say = "Install torch anew, with the "
          .. "NCCL that belongs to it."}, {driver = "upgrade", say = "Or upgrade the driver."}}}
    end
    if log.nvls or log.port then return nil end -- nccl.nvls-stale-fabric, sys.port-in-use
    if log.net_missing then
      return {hit = log.net_missing, confidence = 0.88, why = "NCCL was told to use the network {net} (NCCL_NET), "
        .. "and there is none or its plugin does not load.",
        fixes = {{unset = {"NCCL_NET", "NCCL_NET_PLUGIN"}, say = "Let NCCL choose."},
          {set = {NCCL_DEBUG = "INFO"}, say = "And let it say what it finds."}}}
    end
    if log.invalid_usage and not (log.interface or {text = ""}).text:match[[no socket interface]] then return nil end
    if log.forced and log.unhandled then
      local name = log.forced.variable
      return {hit = log.unhandled, evidence = {log.forced}, confidence = 0.72, why = {("%s makes NCCL take a "
        .. "prepared file (%s) for the machine's topology; here it does not fit."):format(name, log.forced.value)},
        fixes = {{unset = {name}, say = "Unset it (it may also stand in /etc/nccl.conf or ~/.nccl.conf)."},
          {set = {NCCL_DEBUG = "WARN"}, say = "If it fails still, let NCCL say why."}}}
    end
    if not hit or hit == log.plugin and not log.unhandled then return nil end
    if log.barrier and tonumber(log.barrier.workers) > tonumber(log.barrier.world) then
      return {hit = log.barrier, confidence = 0.82, why = "{workers} workers met at the store, and the group is to "
        .. "have {world}: the program was started more often than the world size says (a launcher inside a "
        .. "launcher, or a store that is left from an earlier run).",
        fixes = {{code = true, say = "Start each rank once: either srun/torchrun or mp.spawn, not both, with one "
          .. "world size; use a new port or file for the store."},
          {argument = "nproc_per_node", say = "Or correct the number of processes."}}}
    end
    if hit == log.twice then
      return {hit = hit, confidence = 0.84, why = "Two processes came to NCCL with the same rank, or with another "
        .. "number of ranks: the launcher and the program do not agree on who is which (RANK, LOCAL_RANK, WORLD_SIZE).",
        fixes = {{code = true, say = "Let one launcher give the ranks: start as many tasks a node as it has GPUs, and "
          .. "take rank and world size from that launcher's variables."},
          {argument = "nproc_per_node", say = "Or correct the number of processes a node."}}}
    end
    local face = log.rendezvous and log.rendezvous.text:match[[Unable to find (?:address|interface) for:? ?([\w.-]+)]]
    if face and f.env"GLOO_SOCKET_IFNAME" == face then
      return {hit = log.rendezvous, confidence = 0.9,
        why = ("GLOO_SOCKET_IFNAME names %s, and no interface of that name has an address here."):format(face),
        fixes = {{unset = {"GLOO_SOCKET_IFNAME"}, say = "Unset it: gloo then takes the interface that the host's name "
          .. "leads to."}}}
    end
    if log.interface or log.rendezvous or log.barrier or store or (log.connect and (hit.event.tier or 0) >= 2)
      or hit == log.traced or log.old_connect then
      local gate = gate_of(log)
      if gate then return gate end
      local gloo = log.rendezvous and log.rendezvous.text:match[[(?i)gloo]] and not log.interface
      return {hit = log.interface or log.rendezvous or log.barrier or store or log.connect or log.old_connect
          or log.traced,
        confidence = hit == log.traced and 0.7 or 0.82,
        why = "The ranks cannot reach each other: the interface that NCCL or gloo took does not exist, or leads "
        .. "nowhere, or the address of the master is wrong.",
        fixes = {{setting = "interface", kind = gloo and "env:GLOO_SOCKET_IFNAME" or "env:NCCL_SOCKET_IFNAME",
          say = "Set NCCL_SOCKET_IFNAME and GLOO_SOCKET_IFNAME on every host to the interface that connects the hosts "
          .. "(the command takes that of the default route; ip -br addr lists all), and check MASTER_ADDR and "
          .. "MASTER_PORT."},
          {set = {NCCL_IB_DISABLE = "1"}, say = "Without InfiniBand, switch it off."}}}
    end
    if log.version then return {hit = log.version, confidence = 0.82, why = "The ranks (or the library and its "
      .. "headers) use different NCCL versions.", fixes = {{install = "torch", fresh = true, kind = "pip:nvidia-nccl",
      say = "Install one release of torch everywhere, with the NCCL that it asks for."}}} end
    for _, one in ipairs(log.cumem and by_words or {}) do
      if log.cumem.words:match(one.words) then
        return {hit = log.cumem, evidence = {log.unhandled}, confidence = one.confidence, why = one.why,
          fixes = one.fixes}
      end
    end
    -- A system call that fails is mostly shared memory, a CUDA call mostly a copy between two GPUs.
    local shm = {container = "shm-size", value = 16, say = "In a container: enlarge /dev/shm."}
    local p2p = {set = {NCCL_P2P_DISABLE = "1"}, automatic = true, say = "Try without peer-to-peer, the most "
      .. "common obstacle on one machine (IOMMU, virtual machines, mixed cards)."}
    local say = {set = {NCCL_DEBUG = "WARN"}, say = "Let NCCL say what fails."}
    local system = log.system and (f"system.container.runtime" or not f"system.kernel")
    return {hit = hit, confidence = 0.62, why = "NCCL could not set up its communication; its own WARN line above "
      .. "says why (run once with NCCL_DEBUG=WARN if there is none).",
      fixes = system and {shm, p2p, say} or {p2p, shm, say}}
  end,
  doc = {looks = "'NCCL error ... unhandled system error'.", check = "The NCCL WARN line before it; NCCL_DEBUG=WARN."},
}

-- Started without a launcher: nobody told the processes of each other.
rule {
  id = "nccl.init/no-launcher",
  from = {"torch", "app", "engine"},
  signatures = {
    missing = [[using env:// rendezvous: environment variable (?<variable>RANK|WORLD_SIZE|MASTER_ADDR|MASTER_PORT) ]]
      .. [[expected, but not set]],
  },
  confidence = 0.86,
  why = "torch.distributed takes the number and the addresses of its processes from variables that a launcher sets, "
    .. "and {variable} is not set: the program was started without one.",
  fixes = {{set = {RANK = "0", WORLD_SIZE = "1", LOCAL_RANK = "0", MASTER_ADDR = "127.0.0.1", MASTER_PORT = "29500"},
      say = "For one process alone say so by hand."},
    {code = true, say = "For several start the same program by torchrun --nproc-per-node with the number of GPUs."}},
  doc = {looks = "'environment variable RANK expected, but not set', from torch.distributed's rendezvous.",
    check = "How the program is started: torchrun, accelerate launch and deepspeed set these variables."},
}

rule {
  id = "cuda.lib-missing/nccl",
  from = {"nccl"},
  signatures = {lib = [[NCCL WARN Failed to find CUDA library (?<lib>libcuda\.so(?:\.1)?)\b]]},
  context = {fails = [[(?:unhandled cuda error|ncclUnhandledCudaError)]],
    wsl = [[(?:\bDESKTOP-\w+:\d+|microsoft-standard|\bWSL2?\b|/usr/lib/wsl)]]},
  all = {"fails"},
  facts = {"system.kernel"},
  specific_over = {"nccl.init"},
  when = function(f, log)
    local wsl = log.wsl or (f"system.kernel" or ""):match[[(?i)microsoft]]
    return {confidence = wsl and 0.8 or 0.7, why = {"NCCL does not find the driver's {lib} by that name.",
        wsl and "Under WSL it lies in /usr/lib/wsl/lib." or nil},
      fixes = {wsl and {prepend = "LD_LIBRARY_PATH", entry = "/usr/lib/wsl/lib", say = "Put WSL's folder of the driver "
          .. "on the library path."} or {prepend = "LD_LIBRARY_PATH", entry = "/usr/lib/x86_64-linux-gnu",
          say = "Put the folder that holds the driver's libcuda on the library path (ldconfig -p | grep libcuda "
            .. "tells it); "
            .. "where it holds only libcuda.so.1, link libcuda.so to that."},
        {install = "torch", fresh = true, kind = "pip:nvidia-nccl", say = "Or use a newer NCCL, which asks for "
          .. "libcuda.so.1."}}}
  end,
  doc = {looks = "NCCL WARN Failed to find CUDA library libcuda.so.", check = "ldconfig -p | grep libcuda."},
}

-- The exception that a rank ended with while the others went on to wait for it.
local function raised_before(log, hit)
  for _, one in ipairs(log.all"raised") do
    local e = one.event
    if e.kind == "exception" and one.line < hit.line and (e.tier or 0) >= 3 and not e.progress and #e.frames > 0 then
      return one
    end
  end
end

rule {
  id = "nccl.timeout",
  from = {"nccl", "torch", "engine", "hub", "cluster"},
  signatures = {
    watchdog = [[(?:Watchdog caught collective operation timeout|Some NCCL operations have failed or timed out)]],
    ran_for = [[WorkNCCL\(SeqNum=\d+, OpType=(?<op>\w+)[^)]*\) ran for (?<ms>\d+) milliseconds before timing out]],
    monitored = [[(?:monitoredBarrier|Rank \d+ failed to pass monitoredBarrier|]]
      .. [[Timed out waiting \d+ms for (?:recv|send) operation|Broken pipe[^\n]*(?:nccl|rank)|heartbeat monitor|]]
      .. [[HeartbeatMonitor[^\n]*(?:timeout|stuck))]],
    vllm_shm = [[(?:TimeoutError: RPC call to \w+ timed out|]]
      .. [[No available shared memory broadcast block found in \d+ second)]],
    stuck = any{
      [[watchdog got stuck for \d+ seconds without making progress]],
      [[Watchdog timeout \(self\.watchdog_timeout]],
    },
    gone = [[(?:may indicate a possible application crash on rank 0|]]
      .. [[Failed to recv, got 0 bytes\. Connection was likely closed|Could not receive type from localRank|]]
      .. [[waitForInput: socket [^\n]*timed out after)]],
    store = [[(?:wait timeout after \d+ms, keys:|Socket Timeout|StoreTimeout)]],
  },
  context = {
    preprocessing = [[(?:Running tokenizer|Map(?: \(num_proc=\d+\))?: |Tokenizing|preprocess|]]
      .. [[Generating train split|Filter)]],
    oom = [[CUDA out of memory]],
    error = [[(?:illegal memory access|device-side assert|Killed|SIGKILL)]],
    progress_warning = [[No available shared memory broadcast block]],
    xid = [[NVRM: Xid]],
    numel1 = [[NumelIn=1\b]],
    first = [[Watchdog caught collective operation timeout: WorkNCCL\(SeqNum=1,]],
    raised = [[^(?!c10|[\w.]*(?:Dist\w*|Signal\w*|ChildFailed|Timeout)(?:Error|Exception))[\w.]*(?:Error|Exception): ]],
    server = [[(?:RayWorker(?:Vllm|Wrapper)|VllmWorker|EngineCore|vllm[./]|vLLM is using nccl|]]
      .. [[Avg generation throughput)]],
    scheduler = [[(?:sglang[./]| TP\d+\] |Decode batch)]],
  },
  unless = {"oom", "xid"},
  facts = {"gpus", "env.NCCL_P2P_DISABLE"},
  when = function(f, log)
    local hit = log.watchdog or log.ran_for or log.monitored or log.stuck or log.vllm_shm or log.store or log.gone
    if hit == log.vllm_shm and hit.text:match[[No available shared]] and not log.fatal then return nil end
    if hit == log.store and not log.fatal then return nil end
    local raised = raised_before(log, hit)
    if raised then
      return {hit = hit, evidence = {raised}, confidence = 0.6, why = "The other ranks waited for one that had ended: "
        .. "what it raised stands above, before the first of them gave up.",
        fixes = {{code = true, say = "Mend what that rank raised; the timeouts of the others follow from it."}}}
    end
    local fixes = {{code = true, say = "Find the rank that did not arrive: look for an exception on another rank, "
      .. "ranks with unequal numbers of steps, or long work on one rank only (tokenizing, saving, evaluation)."},
                   {argument = "timeout", say = "If one rank just works longer, raise the timeout "
                     .. "(init_process_group(timeout=...), ddp_timeout)."},
                   {set = {NCCL_P2P_DISABLE = "1"}, say = "If every rank hangs in the first collective, try "
                     .. "without peer-to-peer."}}
    local engine = log.server and "vllm" or log.scheduler and "sglang" or nil
    if log.first and not (log.preprocessing or log.error) and (engine or #log.all"first" > 1) then
      table.insert(fixes, 1, {set = {NCCL_P2P_DISABLE = "1"}, say = "Every rank hangs in the very first collective: do "
        .. "without peer-to-peer, which this machine may not allow."})
      table.remove(fixes)
    end
    if engine and fixes[1].code and not log.error then
      table.insert(fixes, 1, {flag = "disable_custom_all_reduce", engine = engine,
        say = "Leave the engine's own all-reduce out: NCCL's does not hang where direct copies do."})
    end
    if hit == log.gone then
      return {hit = hit, confidence = 0.55, why = "Another rank (mostly rank 0) ended, so that the store that the "
        .. "ranks meet at is gone; why it ended stands in its own output.",
        fixes = {{code = true, say = "Look at the output of that rank (or node) for its first exception, or a kill."}}}
    end
    local why = {"A collective waited for a rank that did not come."}
    if log.preprocessing then why[#why + 1] = "A long preprocessing step stands before it: the other ranks waited "
      .. "for it." end
    if log.numel1 then why[#why + 1] = "The waiting operation has one element: ranks with unequal numbers of steps." end
    return {hit = hit, confidence = log.error and 0.6 or 0.84, why = why, fixes = fixes}
  end,
  doc = {looks = "'Watchdog caught collective operation timeout', 'ran for 1800000 milliseconds'.",
    check = "Which rank is behind (SeqNum), and what it did before."},
}

-- Nothing of the work that comes next stands below it: the log ends there. An earlier run's work may stand above, and
-- what the other ranks said at the same moment below.
local function ends_at(log, hit)
  if log.lines - hit.line > 20 then return false end
  for _, other in ipairs(log.all"after") do
    if other.line > hit.line then return false end
  end
  return not log.fatal
end

local function loud(hit)
  local e = hit and hit.event or {}
  return e.level == "error" or e.level == "fatal" or e.kind == "exception" or e.kind == "nccl"
end

rule {
  id = "nccl.p2p",
  from = {"nccl", "native", "kernel", "driver", "system"},
  anyone = {p2p = "code"},
  explains = {"gpu.app-fault"},
  signatures = {
    p2p = codes"nccl.p2p" .. [[|(?:cudaErrorPeerAccess\w+|]]
      .. [[P2P (?:is )?(?:not supported|disabled|test failed)[^\n]*|GPU P2P capability test failed|]]
      .. [[iommu[^\n]{0,60}(?:p2p|peer)|ACS[^\n]{0,40}(?:enabled|peer))]],
    custom_op = [[custom_all_reduce\.cuh:\d+ ']],
    trt_ipc = [[(?:cudaDeviceEnablePeerAccess|peer access is not supported)[^\n]*tensorrt_llm\S*[Ii]pc]],
    iommu = [[NCCL WARN Missing "iommu=pt" from kernel command line]],
    last_line = [[vLLM is using nccl==]],
    complete = [[NCCL INFO[^\n]*Init COMPLETE]],
    idle = [[^(?:Processed prompts|Generating|Inference|Epoch 0|Training): +0%\|[^\n]*\b0/\d+ \[]],
    custom = [[Custom allreduce (?:is disabled because|failed)[^\n]*P2P]],
  },
  context = {sglang = [[(?i)\bsglang\b|\bTP\d+\] ]],
    after = [[(?:Loading model weights|Model loading took|init engine|Starting to load model|]]
    .. [[Memory profiling|GPU blocks|startup complete|Graph capturing|quantization)]],
    hang = [[(?:stuck|hang|no response|timeout|timedout|time out|timed out)]]},
  facts = {"gpus", "env.NCCL_P2P_DISABLE"},
  when = function(f, log)
    local p2p = log.p2p
    for _, one in ipairs(log.all"p2p") do p2p = loud(p2p) and p2p or one end
    local own = p2p and p2p.text:match[[custom_all_reduce|tensorrt_llm.*(?i:ipc|custom)]] or log.custom_op
      or log.trt_ipc
    local plain = {set = {NCCL_P2P_DISABLE = "1"}, say = "If NCCL fails too, do without peer-to-peer."}
    if own and (log.trt_ipc or p2p and p2p.text:match[[tensorrt_llm]]) then
      return {hit = log.trt_ipc or p2p, confidence = 0.85, why = "TensorRT-LLM's own all-reduce copies between the "
        .. "GPUs directly, and these GPUs cannot.",
        fixes = {{flag = "disable_custom_all_reduce", engine = "tensorrt-llm", value = true,
            say = "Build the engine anew without it (trtllm-build; from 0.14 on choose allreduce_strategy NCCL)."},
          plain}}
    end
    if own and p2p then
      return {hit = p2p, confidence = 0.85, why = "The engine's own all-reduce copies between the GPUs directly, "
        .. "and these GPUs cannot.",
        fixes = {{flag = "disable_custom_all_reduce", engine = log.sglang and "sglang" or "vllm", value = true,
          say = "Use NCCL's instead."}, plain}}
    end
    if loud(p2p) then
      return {hit = p2p, confidence = 0.85, why = "Direct copies between the GPUs do not work on this machine "
        .. "(IOMMU, ACS, a virtual machine, or cards that cannot).",
        fixes = {{set = {NCCL_P2P_DISABLE = "1"}, automatic = true, say = "Do without peer-to-peer."},
          {host = true, say = "Or switch ACS and IOMMU off (bare metal)."}}}
    end
    if log.custom_op then
      return {hit = log.custom_op, confidence = 0.75, why = "vLLM's own all-reduce copies between the GPUs "
        .. "directly, and that does not work here (no peer-to-peer, or memory that cannot be shared, as with "
        .. "expandable segments).",
        fixes = {{flag = "disable_custom_all_reduce", engine = log.sglang and "sglang" or "vllm", value = true,
          say = "Use NCCL's instead."}, plain}}
    end
    if log.iommu and ends_at(log, log.iommu) then
      return {hit = log.iommu, confidence = 0.6, why = "The log ends where RCCL was set up: with the IOMMU "
        .. "translating, direct copies between the GPUs can hang.",
        fixes = {{setting = "iommu-pt", say = "Start the kernel with iommu=pt."},
          {set = {NCCL_P2P_DISABLE = "1"}, say = "Or do without peer-to-peer."}}}
    end
    local last = log.complete and log.idle or log.last_line
    if last and ends_at(log, last) then
      local done = log.all"complete"
      -- a log that was only cut here looks the same: no alarm
      return {hit = done[#done] or log.last_line, confidence = 0.55, severity = "warning",
        why = "The log ends where NCCL was set up, without an error and before any work: mostly "
          .. "peer-to-peer copies that hang (IOMMU, ACS), or a library in LD_PRELOAD.",
        fixes = {{set = {NCCL_P2P_DISABLE = "1"}, automatic = true, say = "Try without peer-to-peer."},
          {host = true, say = "Or switch ACS and IOMMU off (bare metal)."}}}
    end
  end,
  doc = {looks = "A hang after 'vLLM is using nccl==...' or Init COMPLETE.",
    check = "nvidia-smi topo -p2p r; NCCL_P2P_DISABLE=1 as a test."},
}

rule {
  id = "nccl.p2p/iommu",
  from = {"kernel", "driver", "system"},
  signatures = {page_fault = [[nvidia [0-9a-f:.]+: AMD-Vi: Event logged \[IO_PAGE_FAULT]]},
  explains = {"nccl.timeout", "nccl.init", "gpu.app-fault"},
  confidence = 0.82,
  why = "The IOMMU refuses addresses that the GPU reads or writes: with it translating, direct copies between GPUs go "
    .. "astray.",
  fixes = {{setting = "iommu-pt", say = "Start the kernel with iommu=pt."},
    {host = true, say = "Or switch the IOMMU off in the firmware (bare metal)."}},
  doc = {looks = "nvidia 0000:61:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT ...", check = "cat /proc/cmdline; dmesg."},
}

-- What an InfiniBand call that fails means: which call it is, and the error that it gives.
local function verbs_of(text)
  local call, said = text:match[[\b(ibv_\w+) failed(?: with error ([^\n]+?))?\s*$]]
  if not call then return nil end
  local memory = said and said:match[[(?i)cannot allocate memory|^12\b]]
  -- older releases name no error; at these calls it is the limit of locked memory that refuses
  if memory or not said and call:match[[ibv_(?:create_[cq]|reg_mr|alloc)]] then return "memlock" end
  if call:match[[ibv_reg_]] then return "register" end
  if call:match[[ibv_modify_qp]] then return "route" end
  if call:match[[ibv_(?:open_device|get_device_list|alloc_pd|query)]] then return "device" end
end

rule {
  id = "sys.ulimit/verbs",
  from = {"nccl", "native"},
  signatures = {call = [[NCCL WARN Call to ibv_\w+ failed]]},
  facts = {"system.limits.memlock"},
  specific_over = {"nccl.init", "nccl.network"},
  when = function(_, log)
    for _, hit in ipairs(log.all"call") do
      if verbs_of(hit.text) == "memlock" then
        return {hit = hit, confidence = hit.text:has("with error") and 0.9 or 0.78,
          why = {"InfiniBand could not lock the memory that it needs: the limit of locked memory (memlock) is too low "
            .. "in this shell or container.", "It is {fact:system.limits.memlock}."},
          fixes = {{limit = "memlock", kind = "container-flag:ulimit", say = "Lift it."},
            {set = {NCCL_IB_DISABLE = "1"}, say = "Or do without InfiniBand."}}}
      end
    end
  end,
  doc = {looks = "NCCL WARN Call to ibv_create_qp failed with error Cannot allocate memory.",
    check = "ulimit -l where the worker runs."},
}

rule {
  id = "nccl.network/verbs",
  from = {"nccl", "native"},
  signatures = {call = [[NCCL WARN Call to ibv_\w+ failed]]},
  facts = {"env.NCCL_IB_HCA", "env.NCCL_IB_GID_INDEX"},
  specific_over = {"nccl.init", "nccl.timeout"},
  when = function(_, log)
    local hit, kind
    for _, one in ipairs(log.all"call") do
      kind = verbs_of(one.text)
      hit = one
      if kind then break end
    end
    if kind == "memlock" then return nil end
    local tcp = {set = {NCCL_IB_DISABLE = "1"}, say = "As a test, use TCP."}
    if kind == "register" then
      return {hit = hit, confidence = 0.78, why = "The network card could not register a buffer: mostly memory of the "
        .. "GPU (GPUDirect RDMA), for which the module nvidia-peermem must be loaded, or the card and the IOMMU must "
        .. "allow it.",
        fixes = {{set = {NCCL_NET_GDR_LEVEL = "LOC"}, say = "Do without GPUDirect RDMA."},
          {host = true, say = "To have it back: load the module nvidia-peermem on every host, and "
            .. "do without virtualized translation (ATS, IOMMU) on the way."}}}
    end
    if kind == "route" then
      return {hit = hit, confidence = 0.82, why = "Two network cards could not be joined: their addresses (GIDs) do "
        .. "not reach each other, as with RoCE and the wrong GID index, or with cards on networks of their own.",
        fixes = {{set = {NCCL_IB_GID_INDEX = "3"}, say = "For RoCE, take the GID index of the card's IPv4 address of "
          .. "RoCE v2 (show_gids lists them; it is mostly 3)."},
          {host = true, kind = "env:NCCL_IB_HCA", say = "Or name in NCCL_IB_HCA only the cards that reach the other "
            .. "hosts."}, tcp}}
    end
    if kind == "device" then
      return {hit = hit, confidence = 0.76, why = "The network card cannot be opened: its device files are not in "
        .. "this container, or may not be used.",
        fixes = {{host = true, say = "Pass /dev/infiniband into the container (docker: --device=/dev/infiniband, with "
          .. "--cap-add=IPC_LOCK)."}, tcp}}
    end
    return {hit = hit, confidence = 0.7, why = "A call to the InfiniBand or RoCE card failed.",
      fixes = {{host = true, say = "Check the links and their counters (ibstat, perfquery)."}, tcp}}
  end,
  doc = {looks = "NCCL WARN Call to ibv_modify_qp failed with error Network is unreachable.",
    check = "show_gids; ibstat; lsmod | grep peermem."},
}

rule {
  id = "nccl.network",
  from = {"nccl", "torch", "engine", "native"},
  context = {call = [[NCCL WARN Call to ibv_\w+ failed]], roce = [[NET/IB : Using [^\n]*/RoCE]],
    infiniband = [[NET/IB : Using [^\n]*:\d+/IB\b]],
    unset = [[NCCL WARN (?:Bootstrap : no|[^\n]*(?:Connect to|connect) [^\n]*(?:failed|refused|returned))]]},
  unless = {"call"},
  signatures = {ib = [[(?:NET/IB[^\n]*(?:Got completion|error|status=\d+)|]]
    .. [[ibv_\w+ failed(?! with error Cannot allocate)|Got completion from peer \S+ with (?:error|status)|]]
    .. [[transport retry counter exceeded|local protection error)|]] .. codes"nccl.network"},
  facts = {"env.NCCL_IB_HCA", "env.NCCL_IB_GID_INDEX"},
  specific_over = {"nccl.init", "nccl.timeout"},
  when = function(f, log) -- a peer that ended looks like a network error to the others
    local code = not log.ib.text:match[[NET/IB|ibv_|transport retry|protection]]
    if code and log.unset and log.unset.line < log.ib.line then return nil end -- nccl.init: one rank never came up
    local silent = log.ib.text:match[[(?:error|status=?) ?12\b|transport retry]]
    if silent and not log.infiniband and not f.env"NCCL_IB_GID_INDEX" then -- a way that leads nowhere
      return {confidence = 0.8, evidence = {log.roce},
        why = "The two cards agreed over TCP, and what one sends by RoCE never arrives (error 12): mostly the index of "
          .. "the address (GID) is that of another version or network than the switches carry.",
        fixes = {{set = {NCCL_IB_GID_INDEX = "3"}, say = "Take the GID index of the card's IPv4 address of RoCE v2 "
            .. "(show_gids lists them; it is mostly 3), on every host."},
          {set = {NCCL_IB_DISABLE = "1"}, say = "As a test, use TCP."},
          {host = true, say = "Else check links and counters (ibstat, perfquery), MTU and the switch."}}}
    end
    if log.ib.text:match[[(?:error|status=?) ?(?:4|10)\b|local protection]] then
      return {confidence = 0.8, why = "A card may not read or write the memory that it was given: mostly that of the "
          .. "GPU (GPUDirect RDMA without nvidia_peermem, or behind an IOMMU or ACS).",
        fixes = {{set = {NCCL_NET_GDR_LEVEL = "LOC"}, say = "Do without GPUDirect RDMA, on every host."},
          {host = true, say = "Then load nvidia_peermem, and switch ACS and IOMMU off (bare metal)."}}}
    end
    return {confidence = code and 0.55 or 0.8}
  end,
  why = "InfiniBand or RoCE fails after set-up: a link, the GID index, MTU or the switch.",
  fixes = {
    {host = true, say = "Check the links and their counters (ibstat, perfquery), and the GID index of RoCE."},
    {set = {NCCL_IB_DISABLE = "1"}, say = "As a test, use TCP."},
  },
  doc = {looks = "NET/IB: Got completion ... with error.", check = "ibstat, counters."},
}

rule {
  id = "app.bug/duplicate-gpu",
  from = {"nccl", "torch", "native"},
  signatures = {duplicate = [[Duplicate GPU detected : rank \d+ and rank \d+ both on CUDA device (?<device>\w+)]],
    invalid = any{codes"app.bug", [[NCCL error(?: in:)? [^\n]*invalid usage]]}},
  context = {net = [[NCCL WARN Error: network|no socket interface found]]},
  unless = {"net"},
  specific_over = {"nccl.init"},
  when = function(f, log) return {hit = log.duplicate or log.invalid, confidence = log.duplicate and 0.78 or 0.6} end,
  why = "Two ranks use the same GPU: the code (or CUDA_VISIBLE_DEVICES) gives every rank one fixed device instead "
    .. "of its local rank.",
  fixes = {
    {code = true, say = "Use torch.cuda.set_device(local_rank) before the process group is made, and start no more "
      .. "ranks than GPUs."},
    {unset = {"CUDA_VISIBLE_DEVICES"}, say = "Or make as many GPUs visible as there are ranks.",
      cond = function(f) return f.env"CUDA_VISIBLE_DEVICES" and true or false end},
  },
  doc = {looks = "'Duplicate GPU detected : rank 0 and rank 1 both on CUDA device'.",
    check = "set_device and CUDA_VISIBLE_DEVICES of each rank."},
}

rule {
  id = "nccl.nvls-stale-fabric",
  from = {"nccl"},
  signatures = {
    bind = [[Failed to bind NVLink SHARP]],
    warn = [[transport/nvls\.cc:\d+ NCCL WARN[^\n]*(?:Cuda failure|CUDA error) ?(?<code>\d+)?]],
    trace = [[transport/nvls\.cc:\d+ NCCL WARN]],
  },
  facts = {"gpus.0.name", "driver.version", "env.NCCL_NVLS_ENABLE"},
  specific_over = {"nccl.init"},
  explains = {"nccl.init", "nccl.timeout"},
  when = function(_, log)
    local sure = log.bind
      or log.warn and log.warn.text:match[[invalid argument|unknown error|present state|not supported]]
    return {hit = log.bind or log.warn or log.trace, confidence = sure and 0.86 or 0.75}
  end,
  why = "NCCL could not set up NVLink SHARP (multicast through the NVSwitches): the fabric does not offer it to "
    .. "this process, as after the fabric manager was restarted while the GPUs were not reset, or where it does "
    .. "not run.",
  fixes = {
    {set = {NCCL_NVLS_ENABLE = "0"}, automatic = true, say = "Do without it."},
    {restart = "host", say = "To have it back, reboot the host (or stop all programs on the GPUs, reset them, and "
      .. "only then start the fabric manager)."},
  },
  doc = {looks = "Failed to bind NVLink SHARP (NVLS) Multicast memory; transport/nvls.cc NCCL WARN Cuda failure.",
    check = "systemctl status nvidia-fabricmanager; nvidia-smi -q | grep -A4 Fabric."},
}
