-- What stands around a worker: the web server that starts it, the broker and the database that it talks to, the cluster
-- that it is a node of.

rule {
  id = "server.worker-timeout",
  from = {"server", "app", "other", "system"},
  signatures = {
    timeout = [[\bWORKER TIMEOUT \(pid:(?<pid>\d+)\)]],
    uvicorn = [[\bChild process \[(?<child>\d+)\] died]],
    abort = [[gunicorn/workers/\w+\.py", line \d+, in handle_abort\b]],
  },
  context = {
    killed = [[was sent SIG(?:KILL|ABRT)]],
    oom = [[(?:oom-kill|Out of memory: Kill|invoked oom-killer|OOMKilled)]],
    load = [[(?:[Ll]oading (?:the )?(?:checkpoint|model|weights|pipeline|tokenizer)|Downloading|Fetching \d+ files)]],
  },
  unless = {"oom"},
  explains = {"oom.host", "stopped.outside"},
  confidence = 0.9,
  when = function(_, log)
    if not log.timeout and not log.abort then
      if log.count"uvicorn" < 2 or log.fatal then return nil end
      return {hit = log.uvicorn, confidence = 0.75, title = "uvicorn gives up workers that do not answer it",
        why = "uvicorn's parent asks its workers whether they live and starts others where none answers in 5 seconds: "
          .. "they die at the start without a word, or are busy loading.",
        fixes = {{set = {UVICORN_TIMEOUT_WORKER_HEALTHCHECK = "600"}, say = "Give the workers more time to answer "
            .. "(uvicorn 0.37 and later)."},
          {host = true, say = "Or start it with one worker (without --workers): it shows what kills it."}}}
    end
    local hit = log.timeout or log.abort
    local starts = log.has_frame[[gunicorn/arbiter\.py]]
    local during = log.abort and (starts and "loading the model" or "computing an answer")
      or log.came_up and log.came_up < hit.line and "computing an answer"
      or log.load and "loading the model" or "loading the model, or computing an answer"
    return {hit = hit, why = {"gunicorn's master heard nothing from the worker" .. (log.timeout and " {pid}" or "")
        .. " for as long as its timeout allows (30 seconds unless set) and ended it: it was " .. during .. ".",
        log.killed and "The signal beside it is the master's own." or nil},
      fixes = {{set = {GUNICORN_CMD_ARGS = "--timeout 600"},
          say = "Give the workers more time than the longest load or answer takes (a --timeout on gunicorn's own "
            .. "command line counts before this)."},
        {code = true, say = "Or load the model once, in the background or before the server takes requests, and "
          .. "compute in threads (-k gthread) or with one worker (-w 1), so that the worker's heartbeat goes on."}}}
  end,
  doc = {looks = "[CRITICAL] WORKER TIMEOUT (pid:12), Worker (pid:12) was sent SIGKILL! Perhaps out of memory?",
    check = "How long the load takes against --timeout; the kernel's log (dmesg) for a real OOM kill."},
}

rule {
  id = "server.worker-timeout/runner",
  from = {"engine", "native", "app", "other"},
  signatures = {slow = [[timed out waiting for llama runner to start(?: - progress (?<progress_of>[\d.]+))?]]},
  context = {memory = [[out of memory|cudaMalloc failed|model requires more system memory]]},
  unless = {"memory"},
  facts = {"env.OLLAMA_LOAD_TIMEOUT"},
  confidence = 0.85,
  title = "Ollama gave its runner up while the model loaded",
  why = {"Ollama ends a runner whose load makes no progress for five minutes, unless OLLAMA_LOAD_TIMEOUT says "
    .. "otherwise: the model comes from a slow disk or network share, or the machine swaps.",
    "It had come to {progress_of} of the whole."},
  fixes = {
    {set = {OLLAMA_LOAD_TIMEOUT = "30m"}, say = "Give the load more time, in the environment of the server itself."},
    {host = true, kind = "disk", say = "Or keep the models on a fast local disk (OLLAMA_MODELS)."},
  },
  doc = {looks = "error loading llama server: timed out waiting for llama runner to start - progress 0.00 - .",
    check = "How fast the disk with the models reads; free memory while it loads."},
}

-- ---- a broker, a database, another service ----

local REFUSED = [[(?i)refused|Err(?:no|or) (?:111|61)\b]]
local UNKNOWN = [[(?i)name or service|Err(?:no|or) -[235]\b|name resolution|translate host|no such host|nodename]]

-- What the shell of a host calls the program that listens on a port.
local UNITS = {["5672"] = "rabbitmq-server", ["6379"] = "redis-server", ["5432"] = "postgresql", ["27017"] = "mongod",
  ["3306"] = "mysql", ["9092"] = "kafka", ["4222"] = "nats-server", ["2379"] = "etcd"}
local PORTS = {amqp = "5672", amqps = "5671", redis = "6379", rediss = "6379", pyamqp = "5672", sqs = "443"}

local function is_local(host)
  return host == "localhost" or host == "0.0.0.0" or host == "::1" or host:match[[^127\.]] ~= nil
end

-- Host, port and scheme of a hit, whichever way the message spells them.
local function peer(hit)
  if hit.url then
    local scheme, host, port = hit.url:match[=[^(\w+)(?:\+\w+)?://(?:[^/@\s]*@)?([\w.-]+)(?::(\d+))?]=]
    return host, port ~= "" and port or PORTS[scheme], scheme
  end
  return hit.host, hit.port, nil
end

rule {
  id = "net.peer-unreachable",
  from = {"app", "other", "server", "cluster", "engine", "framework", "orchestrator"},
  anyone = {http = "system"},
  signatures = {
    celery = [[Cannot connect to (?<url>\w+(?:\+\w+)?://\S+):(?: (?<said>[^\n]*)|$)]],
    redis = [[Error (?:-?\d+ )?(?:connecting to|while reading from) (?<host>[\w.-]+):(?<port>\d+)\. (?<said>[^\n]+)]],
    postgres = [[connection to server at "(?<host>[\w.-]+)"(?: \([\d.:a-f]+\))?, port (?<port>\d+) failed: (?<said>]]
      .. [[Connection (?:refused|timed out)|[^\n]*timeout)]],
    postgres_name = [[could not translate host name "(?<host>[\w.-]+)" to address: (?<said>[^\n]+)]],
    brokers = [[(?:kafka\.errors\.)?(?<said>NoBrokersAvailable)\b]],
    mongo = [[ServerSelectionTimeoutError: (?<host>[\w.-]+):(?<port>\d+): (?<said>[^\n]+)]],
    nats = [[nats: (?<said>no servers available for connection)]],
    jetstream = [[nats: (?:ServiceUnavailableError|JetStream not enabled)|jetstream: (?:not enabled|no response)]],
    endpoint = [=[Could not connect to the endpoint URL: "(?<url>http://[\w.-]+(?::\d+)?[^"\n]*)"]=],
    http = [=[HTTPConnectionPool\(host='(?<host>localhost|127\.[\d.]+|[\w-]+)', port=(?<port>\d+)\): Max retries ]=]
      .. [[exceeded[^\n]*NewConnectionError[^\n]*(?<said>Connection refused|Name or service not known|]]
      .. [[Temporary failure in name resolution|No route to host)]],
    gcs = any{[[Failed to connect to GCS at address (?<host>[\w.-]+):(?<port>\d+)]],
      [[Unable to connect to GCS at (?<host2>[\w.-]+):(?<port2>\d+)]],
      [[Failed to connect to GCS within \d+ seconds]]},
    login = [[\bACCESS_REFUSED - Login was refused]],
  },
  context = {
    connected = any{[[^Connected to \w+://]], [[ mingle: (?:all alone|searching)]], [[celery@\S+ ready\.]],
      [[(?i)\b(?:redis|postgres\w*|rabbitmq|kafka|mongo\w*|nats|broker|queue|database|db)\b[\w:. ]{0,30} is (?:now )?]]
        .. [[(?:up|ready|available|reachable)\b]],
      [[(?i)\breconnected to \w]]},
    proxy = [[ProxyError]],
    nodes = [[\b\d+ node_[0-9a-f]{20,}|\b[\d.]+/[\d.]+ GPU\s*$]],
    next = [=[^\[Errno -?\d+\] \w]=],
    named = [=[\b(?<broker>(?:redis|amqp)://(?:[\w-]+(?::[\w*-]*)?@)?(?!localhost|127\.)[\w-]+:\d+)]=],
  },
  explains = {"server.worker-timeout"},
  when = function(_, log)
    local hit = log.celery or log.redis or log.postgres or log.postgres_name or log.brokers or log.mongo or log.nats
      or log.endpoint or log.http or log.gcs or log.login or log.jetstream
    if log.connected and log.connected.line > hit.line or log.proxy then return nil end
    if log.http == hit and hit.text:match[[huggingface|hf\.co]] then return nil end -- hf.offline
    -- Ray asks again for a minute: one unanswered try, and then a cluster whose nodes are counted
    if hit == log.gcs and log.nodes and log.nodes.line > hit.line then return nil end
    if hit == log.jetstream then
      return {hit = hit, confidence = 0.85, title = "the NATS server has no JetStream",
        why = "The NATS server was reached and keeps no streams: it was started without -js.",
        fixes = {{setting = "nats", kind = "os", say = "Start NATS with JetStream (of the project's own compose "
          .. "file, or this one), in place of the one that runs."}}}
    end
    local host, port, scheme = peer(hit)
    host, port = host or hit.host2, port or hit.port2
    local said = hit.text .. (log.next and log.next.line == hit.line + 1 and log.next.text or "")
    if hit == log.login or said:match[[(?i)ACCESS_REFUSED|authentication|NOAUTH|WRONGPASS]] then
      return {hit = hit, confidence = 0.85, title = "the broker refuses this login",
        why = "The service was reached, and it refuses the user or the password.",
        fixes = {{host = true, kind = "auth", say = "Give the worker the user and the password that the broker was "
          .. "started with (a broker keeps the first ones in its volume)."}}}
    end
    local where = host and ("%s%s"):format(host, port and ":" .. port or "") or "its address"
    local default = scheme and hit.url:match[[^(?:py)?amqp://guest:\S*@(?:127\.0\.0\.1|localhost)]]
    local unknown = said:match(UNKNOWN) ~= nil
    local what = unknown and "no such name is known where the worker runs"
      or said:match(REFUSED) and "nothing listens there" or "no answer comes from there"
    local why = {("The worker needs the service at %s, and %s."):format(where, what)}
    local fixes = {}
    if default then
      why[2] = "That is Celery's own default: no setting of a broker reached this worker."
      local named = log.named and log.named.broker
      fixes[1] = {set = {CELERY_BROKER_URL = named and named .. "/0"}, cond = function() return named ~= nil end,
        say = "Name the broker that this worker is to use, and start it with its application (-A)."}
      fixes[2] = {host = true, kind = "env:CELERY_BROKER_URL", say = "Set CELERY_BROKER_URL to the broker's address "
        .. "(in containers by its service's name, not localhost), and start the worker with its application (-A)."}
    elseif host and is_local(host) then
      why[2] = "In a container that address is the container itself."
      fixes[1] = {container = "service", value = {UNITS[port or ""] and UNITS[port]:match[[^\w+]] or "broker",
        UNITS[port or ""] or "broker"}, kind = "os",
        say = "Start that service; from a container name it by its service's name, not by this address.",
        cond = function() return UNITS[port or ""] ~= nil end}
    elseif host and not host:match[[^[\d.]+$]] then
      fixes[1] = {container = "service", value = {host:match[[^[\w-]+]], UNITS[port or ""] or host:match[[^[\w-]+]]},
        kind = "os", say = unknown
          and "Start that service, in the same network as the worker (of one compose file they share one)."
          or "Start that service, and let the worker wait until it is healthy (depends_on with "
            .. "condition: service_healthy)."}
    end
    fixes[#fixes + 1] = {host = true, kind = "os", say = ("See that the service at %s runs and that the worker reaches "
      .. "it (name, port, firewall)."):format(where)}
    return {hit = hit, confidence = log.http == hit and 0.78 or 0.86, why = why, fixes = fixes}
  end,
  doc = {looks = "consumer: Cannot connect to amqp://...: [Errno 111] Connection refused; Error 111 connecting to "
    .. "redis:6379.", check = "Does the service run, under that name and in the same network? docker compose ps."},
}

-- ---- any other program that does not reach a peer ----

local NO_WAY = any{[[Connection refused]], [[Connection timed out]], [[No route to host]], [[Network is unreachable]],
  [[i/o timeout]], [[Could not connect to server]], [[Couldn't connect to server]]}
-- What stands on the open network is the matter of the rules on hubs, registries and proxies.
local OUTSIDE = any{[[huggingface]], [[\bhf\.co]], [[pypi]], [[pythonhosted]], [[github]], [[docker\.(?:io|com)]],
  [[nvcr\.io]], [[ghcr\.io]], [[quay\.io]], [[conda]], [[nvidia\.com]], [[googleapis]], [[amazonaws]],
  [[(?i)proxy]], [[(?i)daemon]]}

rule {
  id = "net.peer-unreachable/ollama",
  from = {"ollama", "engine", "shell", "app", "other"},
  signatures = {
    client = [[could not connect to (?:the )?(?:ollama app, is it running|a running Ollama instance|ollama server)]],
    library = [[Failed to connect to Ollama\. Please check that Ollama is downloaded, running and accessible]],
  },
  context = {came = [[^>>> |^NAME +ID +SIZE\b|^pulling manifest|\[GIN\] .* 200 ]]},
  confidence = 0.88,
  title = "Ollama's server does not run, or at another address",
  when = function(_, log)
    local hit = log.client or log.library
    return not (log.came and log.came.line > hit.line) and {hit = hit} or nil
  end,
  why = "The client asks the server at OLLAMA_HOST (127.0.0.1:11434 when it is not set), and none answers there.",
  facts = {"env.OLLAMA_HOST"},
  fixes = {
    {restart = "ollama", say = "Start the server."},
    {code = true, kind = "env:OLLAMA_HOST",
      say = "If it runs in another container or on another host: set OLLAMA_HOST to that one's name and port."},
  },
  doc = {looks = "Error: could not connect to ollama app, is it running?",
    check = "curl http://127.0.0.1:11434/; OLLAMA_HOST of the client."},
}

-- The store of torch.distributed asks for the master by name; in a cluster that name is a pod's or a service's.
rule {
  id = "nccl.init/master",
  title = "the name of the first rank's host is not known",
  from = {"torch", "app", "engine", "other"},
  signatures = {name_of = [[network addresses of \((?<host>[\w.-]*[A-Za-z][\w.-]*), (?<port>\d+)\) cannot be ]]
    .. [[retrieved \(gai error: -(?:2|3|5)\b]]},
  context = {failed = [[DistNetworkError|RendezvousConnectionError|client socket has (?:timed out|failed to connect)]]},
  all = {"failed"},
  specific_over = {"nccl.init"},
  confidence = 0.88,
  when = function(_, log)
    if log.came_up then return nil end
    local host = log.name_of.host
    return {hit = log.failed, evidence = {log.name_of}, why = ("The other ranks are to meet at %s, and no name server "
        .. "here knows that name: the pod or the host of it does not run yet (or no more), has no service in this "
        .. "namespace, or is spelled otherwise."):format(host),
      fixes = {{setting = "resolve", need = host, kind = "network", say = "See whether the name is known where the "
          .. "other ranks run, and whether the first one runs; in a cluster it needs a headless service of that name."},
        {host = true, kind = "env:MASTER_ADDR", say = "Or give MASTER_ADDR (--rdzv-endpoint) the address itself."}}}
  end,
  doc = {looks = "The IPv4 network addresses of (job-master-0, 23456) cannot be retrieved (gai error: -2 ...).",
    check = "getent hosts NAME where the other ranks run; kubectl get pods,svc."},
}

rule {
  id = "net.peer-unreachable/system",
  title = "a machine or a service does not answer",
  role = "symptom",
  anyone = {curl = "system", ssh = "system", go = "system", lookup = "system", called = "system", failed = "system",
    upstream = "system"},
  from = {resolve = {"shell", "git", "app", "other", "system"}, node = {"app", "other", "server", "engine"}},
  signatures = {
    curl = [[Failed to connect to (?<host>[\w.-]+) port (?<port>\d+)[^\n]*: (?<said>]] .. NO_WAY .. [[)]],
    ssh = [[connect to (?:host )?(?<host2>[\w.-]+) port (?<port2>\d+)(?: \(tcp\) failed)?: ]]
      .. "(?<said2>" .. NO_WAY .. ")",
    go = [[dial (?:tcp|udp) (?:\S+->)?(?<host3>[\w.-]+):(?<port3>\d+): (?:connect: )?(?<said3>]] .. NO_WAY .. [[)]],
    lookup = [[dial tcp: lookup (?<host4>[\w.-]+)(?: on \S+)?: (?<said4>no such host|[^\n]*server misbehaving)]],
    resolve = [=[(?:Could not resolve host(?:name)?:? |unable to resolve host address ['"‘]|]=]
      .. [=[getaddrinfo (?:ENOTFOUND|EAI_AGAIN) )(?<host5>[\w.-]+)]=],
    called = [=[\[Errno \d+\] Connect call failed \('(?<host6>[^']+)', (?<port6>\d+)]=],
    failed = [[(?:connecting|connect|connection) to (?<host7>[\w.-]+)(?: \([^)\n]*\)\|[^|\n]*\|)?:(?<port7>\d+)\S*]]
      .. [[(?: failed| \.\.\.)?:? (?:failed: )?(?<said7>]] .. NO_WAY .. [[)]],
    node = [[\bconnect (?<said9>ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT) (?<host9>[\w.-]+):(?<port9>\d+)]],
    java = [[ConnectException: (?<said10>Connection (?:refused|timed out))[^\n]*?: [\w.-]*/(?<host10>[\d.]+):]]
      .. [[(?<port10>\d+)]],
    upstream = [[connect\(\) failed \(\d+: (?<said8>]] .. NO_WAY .. [[)\) while connecting to upstream[^\n]*]]
      .. [[upstream: "(?:\w+://)?(?<host8>[\w.-]+):(?<port8>\d+)]],
  },
  context = {up = any{[[Application startup complete]], [[Uvicorn running on]], [[^Connected to \w+://]],
    [[celery@\S+ ready]]}},
  when = function(_, log)
    local hit
    for _, name in ipairs{"curl", "ssh", "go", "lookup", "resolve", "called", "failed", "node", "java", "upstream"} do
      hit = hit or log[name]
    end
    if log.up or hit.event.progress or hit.text:match(OUTSIDE) or hit.event.level == "warning" then return nil end
    local function part(name) -- of whichever form spoke
      local value = hit[name]
      for i = 2, 10 do value = value or hit[name .. i] end
      return value
    end
    local host, port, said = part"host", part"port", part"said" or ""
    if not port then
      return {hit = hit, confidence = 0.7, why = ("No machine or service of the name %s is known here."):format(host),
        fixes = {{host = true, kind = "os", say = ("Correct the name %s, or start that service in the same network or "
          .. "namespace as the program that asks for it."):format(host)}}}
    end
    local where, at = ("%s:%s"):format(host, port), ("port %s of %s"):format(port, host)
    local refused = said:match[[(?i)refused|connect to server]] or hit == log.called
    return {hit = hit, confidence = 0.7, why = {refused
        and ("The machine was reached, and nothing listens on %s."):format(at)
        or ("No answer comes from %s: the machine is down, or a firewall or a missing route is between."):format(at),
      is_local(host) and "In a container that address is the container itself." or nil},
      fixes = {{setting = "reach", need = where, kind = "os", say = refused
        and ("Start the service that is to listen on %s (and see in its own log why it ended), then try the way to it "
          .. "from where this program runs."):format(where)
        or ("Bring the machine up, or open the way to %s (route, firewall, network policy), then try it from where "
          .. "this program runs."):format(where)}}}
  end,
  doc = {looks = "curl: (7) Failed to connect to heron port 8443: Connection refused; dial tcp 10.0.0.9:443: "
    .. "connect: no route to host.", check = "curl -v telnet://HOST:PORT from where the program runs."},
}

-- ---- a node of a cluster ----

rule {
  id = "cluster.node-lost",
  from = {"cluster", "engine", "app", "other"},
  signatures = {
    dead = [[node with node id: \w+ and address: (?<address>[\w.:-]+)[^\n]*has been marked dead because the detector ]]
      .. [[has missed too many heartbeats]],
    raylet = [[Raylet is terminated\. Termination is unexpected|]]
      .. [[(?:Task|Actor) failed because the node it was running on is dead or unavailable]],
    mistaken = [[node manager has mistakenly been marked as dead by the GCS]],
    health = [[health check failed due to missing too many heartbeats]],
  },
  context = {
    memory = [[(?:low on memory|oom-kill|Out of memory: Kill|OOMKilled|memory pressure)]],
    stop = [[(?:received SIGTERM|ray stop|Terminated by user|SIGTERM)]],
  },
  unless = {"memory", "stop"},
  confidence = 0.72,
  rival = {cause = "oom.host", decides = "whether the kernel of that node counted an OOM kill (dmesg), and what stands "
    .. "last in its raylet.out"},
  when = function(_, log)
    local hit = log.dead or log.mistaken or log.health or log.raylet
    local address = log.dead and log.dead.address
    local numeric = address and address:match[[^\d+\.\d+\.\d+\.\d+$]]
    return {hit = hit, why = {"Ray's head no longer gets an answer from a node, so all that ran on it is lost.",
        address and ("It is the node at %s."):format(address) or nil,
        "A node that is lost soon after it joined is mostly one whose ports a firewall or a container's network keeps "
          .. "from the head; a later loss is a node that died or was overloaded."},
      fixes = {
        {container = "network-host", kind = "os", say = "In containers: give head and nodes the host's network, for "
          .. "each reaches the other on ports of its own choice."},
        {setting = "ray-peer", need = numeric or nil, say = "On bare hosts: let head and nodes reach each other on all "
          .. "ports (run it on the head, and the like on the node).", cond = function() return numeric ~= nil end},
        {host = true, say = "On that node read the last lines of /tmp/ray/session_latest/logs/raylet.out, and dmesg."}}}
  end,
  doc = {looks = "has been marked dead because the detector has missed too many heartbeats; Raylet is terminated.",
    check = "ray status; raylet.out and dmesg of the node; nc -vz between the nodes on Ray's ports."},
}

-- ---- Slurm's own daemons ----

rule {
  id = "net.peer-unreachable/slurm",
  from = {"slurm", "app", "other", "shell"},
  signatures = {
    controller = [[Unable to contact slurm controller|Unable to establish configuration source]],
    munge = [[Munge (?:en|de)code failed: (?<munge>[^\n]+)|Protocol authentication error|]]
      .. [[Invalid (?:authentication|job) credential]],
    launch = [[(?:Task launch for \S+ failed on node (?<node>[\w.-]+)|Application launch failed): ]]
      .. [[(?<said>Socket timed out|Communication connection failure|Unable to contact|Zero Bytes|Unspecified error)]],
    message = [[slurm_receive_msgs?: \[+(?<node2>[\w.-]+)\]:\d+\] failed: (?<said2>[^\n]+)]],
  },
  context = {goes = [[srun: job \d+ completed|step creation successful]]},
  confidence = 0.84,
  when = function(_, log)
    local hit = log.munge or log.controller or log.launch or log.message
    if log.goes and log.goes.line > hit.line then return nil end
    local look = {setting = "slurm-nodes", kind = "os", say = "See which nodes Slurm has put aside and whether its "
      .. "controller answers; "}
    if hit == log.munge then
      look.say = "Let whoever runs the cluster start munge anew on this node, with the same /etc/munge/munge.key and "
        .. "the same time of day as the controller has; this shows which nodes are out of service."
      return {hit = hit, title = "Slurm's login between nodes fails",
        why = "munge, by which Slurm's machines prove who they are, refuses: its daemon is down here, its key is "
          .. "another, or the clocks differ.", fixes = {look}}
    elseif hit == log.controller then
      look.say = look.say .. "then start slurmctld (or the way to it) anew."
      return {hit = hit, title = "Slurm's controller does not answer",
        why = "slurmctld, which gives out the jobs, does not answer this machine.", fixes = {look}}
    end
    local node = hit.node or hit.node2
    look.say = look.say .. "then have slurmd started anew on a node that is down, or leave it out (--exclude)."
    return {hit = hit, title = "a node's slurmd does not answer",
      why = {"srun could not start the step: a node's slurmd did not answer in time, or its answer did not come back "
        .. "through a firewall (SrunPortRange).", node and ("It is the node %s."):format(node) or nil}, fixes = {look}}
  end,
  doc = {looks = "Task launch for StepId=1.0 failed on node n2: Socket timed out on send/recv operation.",
    check = "scontrol ping; sinfo -R; slurmd.log and munged.log of the node."},
}
