-- Ray: what a cluster has against what is asked of it, and the raylet, the process that stands for a node.

-- The resources that a request names and the cluster's list does not, GPU before those of its own names.
local function lacking(needs, has)
  local own
  for name in needs:gmatch[=[["'](\w[\w:-]*)\\?["']\s*:]=] do
    if name ~= "CPU" and name ~= "memory" and not name:match[[^(?:node:|bundle|object_store)]]
      and not has:has(name) then
      if name == "GPU" then return name end
      own = own or name
    end
  end
  return own
end

local RAY_NODE = "Start Ray on a node that has GPUs so that it counts them (in Kubernetes the Ray pods need "
  .. "nvidia.com/gpu in their limits): on the head's own host"

rule {
  id = "launch.too-many-ranks/ray",
  title = "Ray's cluster has fewer GPUs than the engine is to be spread over",
  from = {"cluster", "engine", "app", "other"},
  signatures = {short = [[The number of required (?:GPUs|\w+s) exceeds the total number of available (?:GPUs|\w+s) in ]]
    .. [[the (?:placement group|cluster)|Cannot provide a placement group of placement_group_specs=]]},
  explains = {"container.no-gpu", "job.unsatisfiable"},
  confidence = 0.85,
  why = "Ray's cluster counts fewer GPUs than the engine is to be spread over.",
  fixes = {
    {flag = "tensor_parallel_size", toward = "lower", say = "Spread it over as many GPUs as 'ray status' counts, or "
      .. "let more nodes join."},
    {setting = "ray-anew", kind = "os", say = RAY_NODE .. "."},
  },
  doc = {looks = "The number of required GPUs exceeds the total number of available GPUs in the placement group.",
    check = "ray status: the GPUs that it counts on each node."},
}

-- vLLM asks Ray for its GPUs all at once, and says every now and then that it still has none.
local function waiting(log)
  local all = log.all"waits"
  local last = all[#all]
  if log.came_up and log.came_up > last.line or log.fatal then return nil end
  return {hit = last, confidence = 0.84, title = "Ray's cluster has not as many GPUs free as the engine is spread over",
    why = {("For %s seconds now the engine waits for a GPU for each of its ranks."):format(last.seconds),
      "Ray gives them only when all are free at once: there are fewer, another job holds some, or what an earlier run "
        .. "left still does."},
    fixes = {{setting = "ray-status", kind = "os", say = "See what each node offers and what holds it: end what holds "
        .. "it, let another node join, or spread the engine over fewer."},
      {flag = "tensor_parallel_size", toward = "lower",
        say = "Or spread it over as many GPUs as 'ray status' counts."}}}
end

rule {
  id = "job.unsatisfiable/ray",
  from = {"cluster", "engine", "app", "other"},
  signatures = {
    replica = [[replicas that have taken more than \d+s to be scheduled[^\n]*Resources required for each replica: ]]
      .. [[(?<needs>[^\n]*?), (?:total )?resources available: (?<has>\{[^}]*\})]],
    infeasible = [[(?:No available node types can fulfill resource requests?|could not find a node type to ]]
      .. [[satisfy the request:?|cannot be scheduled right now[^\n]*requires) (?<needs2>[\[{][^\n]*)]],
    waits = [[Waiting for creating a placement group of specs for (?<seconds>\d{3,}) seconds\b]],
    vllm = [[Current node has no GPU available\.(?: current_node_resource=(?<has2>\{[^}]*\}))?]],
  },
  context = {
    served = [[Application '[^'\n]+' is ready at|Deployed app '[^'\n]+' successfully]],
    replica_actor = [[ray\.serve|ServeReplica|/serve/_private/]],
  },
  explains = {"container.no-gpu"},
  when = function(_, log)
    local hit = log.vllm or log.infeasible or log.replica or log.waits
    if hit == log.waits then return waiting(log) end
    if log.served and log.served.line > hit.line then return nil end
    local count = {setting = "ray-anew", kind = "os", say = RAY_NODE .. "."}
    if hit == log.vllm then
      return {hit = hit, confidence = 0.86, title = "Ray placed the engine on a node without a GPU",
        why = "vLLM was started on a Ray node that has no GPU to give: the actor that makes the engine asked for none, "
          .. "or Ray counted none there.",
        fixes = {{argument = "ray_actor_options", value = "{'num_gpus': 1}", kind = "os",
            say = "Let the deployment ask for a GPU, so that it is placed where one is (0 and placement_group_bundles "
              .. "with a GPU each where tensor_parallel_size is more than 1).",
            cond = function() return log.replica_actor ~= nil end}, count}}
    end
    local name = hit.needs and lacking(hit.needs, hit.has) or hit.needs2 and lacking(hit.needs2, "")
    if name and name ~= "GPU" then
      return {hit = hit, confidence = 0.85, title = "no Ray node offers a resource that is asked for",
        why = ("What is to start asks for the resource %s, a name of its own, and no node of the cluster was started "
          .. "with it."):format(name),
        fixes = {{setting = "ray-resource", need = name, kind = "os", say = "Start Ray on a node that has what it "
          .. "stands for so that it offers that name (or take the name out of the request)."}}}
    end
    return {hit = hit, confidence = name and 0.85 or 0.72,
      why = name and "What is to start asks for a GPU, and Ray's cluster counts none." or
        "No node of Ray's cluster has free what is asked for.",
      fixes = {name and count or {setting = "ray-status", kind = "os", say = "See what each node offers and what holds "
        .. "it: ask for less, end what holds it, or let a node join that has it."}}}
  end,
  doc = {looks = "1 replicas that have taken more than 30s to be scheduled; Current node has no GPU available.",
    check = "ray status: Resources against Demands."},
}

rule {
  id = "cluster.node-lost/raylet",
  from = {"cluster", "engine", "app", "other", "native"},
  signatures = {
    register = [[Failed to register worker (?:\w+ )?to Raylet]],
    socket = [[Could not connect to socket \S*/raylet]],
    exited = [[^\s*raylet \[exit code=-?\d+\]|Some Ray subprocesses exited unexpectedly]],
    local_raylet = [[Failed to connect to (?:the )?(?:local )?raylet|The raylet (?:died|fate[- ]shares)|]]
      .. [[raylet client is disconnected]],
    agent = [[(?:raylet|Raylet)[^\n]{0,120}(?:dashboard |runtime.env )?agent (?:failed|process failed|exited)[^\n]*]],
  },
  context = {
    threads = [[(?i)pthread_create|thread: Resource temporarily unavailable|can't start new thread]],
    memory = [[(?:low on memory|oom-kill|Out of memory: Kill|OOMKilled)]],
    slurm = [[(?:slurmstepd|srun: |SLURM_JOB_ID|#SBATCH)]],
    up = [[(?:Application '[^'\n]+' is ready at|Application startup complete)]],
  },
  unless = {"threads", "memory"},
  explains = {"app.bug"},
  confidence = 0.74,
  rival = {cause = "sys.ulimit", decides = "the last lines of raylet.out and gcs_server.out in "
    .. "/tmp/ray/session_latest/logs, and ulimit -u"},
  when = function(_, log)
    local hit = log.exited or log.agent or log.register or log.socket or log.local_raylet
    if log.up and log.up.line > hit.line then return nil end
    return {hit = hit, why = {"The raylet, Ray's own process on this node, is gone or does not answer, so nothing can "
        .. "start there.", "Ray starts one process for each processor of the machine, which is many more than a job or "
        .. "a container was given; an older Ray that still runs here, or its folder, does it as well."},
      fixes = {{setting = "ray-anew", kind = "os", say = "End what is left of Ray here and start it with only the "
          .. "processors that this job may use; where the program starts Ray by itself, give ray.init the same "
          .. "num_cpus (verl: ray_init.num_cpus)."},
        {host = true, say = "Then read the last lines of /tmp/ray/session_latest/logs/raylet.out and gcs_server.out."}}}
  end,
  doc = {looks = "Failed to register worker to Raylet: IOError; raylet [exit code=1].",
    check = "/tmp/ray/session_latest/logs/raylet.out, gcs_server.out, dashboard_agent.log."},
}

rule {
  id = "net.peer-unreachable/ray-head",
  title = "Ray's head does not answer",
  from = {"cluster", "engine", "app", "other", "native"},
  signatures = {
    wait = [[Timed out while waiting for GCS to become available]],
    gone = [[Check failed: Couldn't reconnect to GCS|Couldn't reconnect to GCS server|]]
      .. [[Failed to connect to GCS\. Timed out|GCS client failed to connect|lost connection to GCS]],
    refused = [[The GCS (?:failed to start|server (?:is )?(?:down|unreachable|may be down))|]]
      .. [[ray\.exceptions\.RpcError: failed to connect to all addresses]],
  },
  context = {
    ready = [[GCS is ready|Ray runtime started]],
    pods = [[wait-gcs-ready|kubectl|kuberay|raycluster|-head-svc|Waiting for GCS to be ready]],
  },
  confidence = 0.84,
  when = function(_, log)
    local hit = log.gone or log.wait or log.refused
    if log.ready and log.ready.line > hit.line then return nil end
    return {hit = hit, why = hit == log.gone
        and "This node lost Ray's head (the GCS), which does not come back under the same address: it died or was "
          .. "started anew without its state." or "The head's GCS, which every node asks first, does not answer.",
      fixes = {{setting = "ray-head-pods", kind = "os", say = "See whether the head's pod runs (its last state too: "
            .. "OOMKilled?) and its service has an endpoint; once it does, delete the workers' pods so that they "
            .. "join it. A network policy or a mesh's sidecar between them keeps it away too.",
          cond = function() return log.pods ~= nil end},
        {setting = "ray-anew", kind = "os", say = "Start the head anew, then the nodes with 'ray start --address' and "
          .. "the address that it prints; port 6379 must be open between them."}}}
  end,
  doc = {looks = "ray.exceptions.RpcError: Timed out while waiting for GCS to become available.",
    check = "ray health-check --address HEAD:6379 on the node; gcs_server.out on the head."},
}

rule {
  id = "pip.conflict/cluster",
  title = "the two sides of a cluster run different releases",
  from = {"cluster", "engine", "app", "other"},
  signatures = {skew = [[Version mismatch: The cluster was started with:]]},
  context = {
    ray = [[^\s*Ray: (?<ray>\d[\w.+-]*)\s*$]], python = [[^\s*Python: (?<python>\d[\d.]*)\s*$]],
    node = [[This process on node (?<node>[\w.:-]+) was started with]],
    address = [[Connecting to existing Ray cluster at address: (?<host>[\w.-]+):\d+]],
  },
  explains = {"app.bug"},
  confidence = 0.92,
  when = function(_, log)
    -- a program that only remarks on it goes on, and ends by something else
    if log.skew.event.kind ~= "exception" and (log.fatal or log.came_up) then return nil end
    local rays, pythons = log.all"ray", log.all"python"
    local theirs, own = rays[1], rays[2]
    local here = log.node and log.address and log.node.node == log.address.host
    local anew = {setting = "ray-stop", kind = "restart", say = "End the Ray that still runs here of another "
      .. "environment; the program then starts its own."}
    local same = theirs and own and theirs.ray ~= own.ray and {install = "ray", need = "==" .. theirs.ray,
      say = "Install the cluster's release of Ray where this process runs."}
    local python = pythons[1] and pythons[2] and pythons[1].python ~= pythons[2].python
      and {host = true, say = ("Run this process with the cluster's Python, %s (the same image on every node does "
        .. "it)."):format(pythons[1].python)}
    return {why = {"The Ray that this process is to join was started by another release.",
        theirs and own and ("The cluster runs Ray %s, this process %s."):format(theirs.ray, own.ray) or nil,
        python and ("The cluster runs Python %s, this process %s."):format(pythons[1].python, pythons[2].python)
          or nil},
      fixes = here and {anew, same or python} or {same or python or anew, same and python or nil}}
  end,
  doc = {looks = "RuntimeError: Version mismatch: The cluster was started with: Ray: 2.9.3.",
    check = "ray --version and python --version on the head and here."},
}
