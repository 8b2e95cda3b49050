-- UCX, the transport below Open MPI, NIXL, Dask and Spark: which of its ways to a neighbour is closed.

local FROM = {"nccl", "native", "engine", "cluster", "system", "app", "other"}
local SAYS = [[\bUCX +ERROR +[^\n]*?]]

rule {
  id = "nccl.network/ucx",
  title = "UCX does not reach the other host",
  from = FROM,
  signatures = {
    connect = SAYS .. [[connect\(fd=\d+, (?:dest_addr|src_addr)=(?<peer>[\w.:]+)[^\n]*\) failed: ]]
      .. [[(?:No route to host|Connection (?:refused|timed out)|Network is unreachable)]],
    retry = SAYS .. [[(?:Transport retry count exceeded|RETRY_EXC_ERR|Remote access error|Remote operation error)]],
  },
  context = {worked = [[\bstep[=: ]+\d+]]},
  explains = {"nccl.init", "nccl.timeout"},
  when = function(_, log)
    local hit = log.retry or log.connect
    if hit.event.progress then return nil end
    if hit == log.retry then
      return {hit = hit, confidence = 0.82, why = "What one card sends never arrives at the other: a link, the "
        .. "switch's settings, or an index of the address (GID) of another network.",
        fixes = {{set = {UCX_IB_GID_INDEX = "3"}, say = "For RoCE, take the GID index of the card's IPv4 address of "
            .. "RoCE v2 (show_gids lists them; it is mostly 3), on every host."},
          {host = true, say = "Else check the links and their counters (ibstat, perfquery)."}}}
    end
    return {hit = hit, confidence = 0.82, why = "UCX took an interface from which the peer {peer} is not reached, or a "
      .. "firewall is on the way.",
      fixes = {{setting = "ucx-interface", kind = "env:UCX_NET_DEVICES", say = "Name the interface that connects the "
          .. "hosts, on every host (the command takes that of the default route; ip -br addr lists all)."},
        {host = true, say = "Or let the other host's ports in, where it has a firewall."}}}
  end,
  doc = {looks = "sock.c UCX ERROR connect(fd=62, dest_addr=10.0.0.4:40011) failed: No route to host.",
    check = "ip -br addr on both hosts; UCX_NET_DEVICES; ucx_info -d."},
}

rule {
  id = "nccl.init/ucx-transports",
  title = "UCX has no transport for what it is asked to move",
  from = FROM,
  signatures = {
    memory = SAYS .. [[no copy across memory types transport to ]],
    gid = SAYS .. [[ibv_query_gid\(dev=(?<card>\w+) port=\d+ index=(?<index>\d+)\) failed]],
    none = SAYS .. [[no (?:active messages|remote registered memory access|auxiliary|tag|am emulation) transport to ]],
  },
  context = {
    named = [[\bUCX +WARN +[^\n]*(?:transports?|network devices?) ('[^'\n]+'(?:,'[^'\n]+')*) (?:is|are) not available]],
  },
  when = function(_, log)
    local hit = log.memory or log.gid or log.none
    if hit.event.progress then return nil end
    if hit == log.gid then
      return {hit = hit, confidence = 0.82, title = "UCX is to use an address that the card has not",
        why = "The card {card} has no address (GID) of index {index}.",
        fixes = {{unset = {"UCX_IB_GID_INDEX"}, say = "Let UCX choose it (show_gids lists what there is)."},
          {set = {UCX_NET_DEVICES = "all"}, say = "Or leave that card out: name the ones that are to be used."}}}
    end
    local plain = {unset = {"UCX_TLS", "UCX_NET_DEVICES"}, say = "Let UCX choose among all that it has."}
    local built = {host = true, kind = "os", say = "Where 'ucx_info -d' lists no cuda_copy: use a UCX (and an Open MPI "
      .. "over it) that was built with CUDA, as in NVIDIA's HPC-X and its images."}
    return {hit = hit, evidence = {log.named}, confidence = 0.82,
      why = {"UCX finds no way to that process among the transports that it may use.",
        hit == log.memory and "What is missing is a copy between the host's memory and the GPU's (cuda_copy): the "
          .. "list of transports leaves it out, or UCX was built without CUDA." or nil},
      fixes = {hit == log.memory and {set = {OMPI_MCA_pml_ucx_tls = "any", OMPI_MCA_pml_ucx_devices = "any"},
          kind = "env:UCX_TLS", say = "Let Open MPI offer UCX every transport, with no UCX_TLS in the way."} or plain,
        built}}
  end,
  doc = {looks = "select.c UCX ERROR no copy across memory types transport to ...: Destination is unreachable.",
    check = "ucx_info -d | grep cuda; UCX_TLS; ompi_info --param pml ucx --level 9."},
}

rule {
  id = "oom.shm/ucx",
  from = FROM,
  signatures = {
    full = SAYS .. [[Not enough memory to write total of \d+ bytes\. Please check that /dev/shm]],
    limit = SAYS .. [[(?:shmget|shm_open)\([^\n]*failed: (?:No space left on device|Cannot allocate memory)]],
  },
  explains = {"nccl.init"},
  confidence = 0.9,
  when = function(_, log)
    local hit = log.full or log.limit
    return not hit.event.progress and {hit = hit} or nil
  end,
  why = "UCX passes data between the processes of a host through shared memory, and /dev/shm is too small for it.",
  fixes = {{container = "shm-size", value = 16, say = "Enlarge /dev/shm."}},
  doc = {looks = "UCX ERROR Not enough memory to write total of 4292720 bytes. Please check that /dev/shm ...",
    check = "df -h /dev/shm where the processes run."},
}

rule {
  id = "nccl.init/ucx-cma",
  title = "the container forbids UCX to read another process' memory",
  from = FROM,
  signatures = {cma = SAYS .. [[process_vm_(?:read|write)v\([^\n]*(?:Operation not permitted|No such process)]]},
  confidence = 0.84,
  why = "UCX copies straight out of the other process' memory (CMA), which needs a right that this container does not "
    .. "give, or a process number that both see.",
  fixes = {{set = {UCX_TLS = "^cma"}, say = "Let UCX use another way within the host."},
    {host = true, kind = "container-flag:cap-add", say = "Or start the containers with --cap-add=SYS_PTRACE and a "
      .. "common --pid."}},
  doc = {looks = "cma_ep.c UCX ERROR process_vm_readv(pid=41 length=8192) returned -1: Operation not permitted.",
    check = "CapEff in /proc/self/status; kernel.yama.ptrace_scope."},
}
