-- What ended a worker from outside, and what carriers tell of an end without saying why. Which line shows that a run
-- was stopped stands in rules/data/landmarks.tsv; these rules say what to do, and take what decides from what
-- Kubernetes or Slurm keep of the worker (kubectl describe, the header of a job).

-- Whose events these are, and which of the pod's containers they speak of.
local OF_POD = {
  assigned = [[Successfully assigned (?<namespace>[\w-]+)/(?<pod>[\w.-]+) to ]],
  name = [[^\s*Name: +(?<pod>[a-z0-9][\w.-]*)\s*$]],
  namespace = [[^\s*Namespace: +(?<namespace>[a-z0-9][\w-]*)\s*$]],
  begun = [[\b(?:Created|Started) container:? (?<container>[a-z0-9][\w.-]*)]],
  restarted = [[failed container (?<container>[\w.-]+) in pod (?<pod>[\w.-]+)_(?<namespace>[\w-]+)\(]],
}

local function with_pod(context)
  for name, pattern in pairs(OF_POD) do context[name] = pattern end
  return context
end

-- The command that shows what the container said, before it ended or now; without its name, that of all of them.
local function own_log(log, say, now)
  local back, assigned = log.restarted or {}, log.assigned or {}
  local pod = back.pod or assigned.pod or (log.name or {}).pod
  local namespace = back.namespace or assigned.namespace or (log.namespace or {}).namespace
  local container = back.container
  local begun = log.all"begun"
  if not container and #begun > 0 then container = begun[#begun].container end
  if not pod or not namespace then return {host = true, say = say} end
  return {container = now and "pod-says" or container and "pod-log" or "pod-logs",
    value = {namespace, pod, container}, kind = "os",
    say = say}
end

-- Who asks whether a worker is well says so in its User-Agent: Kubernetes, SageMaker, Google's and Amazon's balancers.
local ASKER = [[(?<who>kube-probe|AHC|GoogleHC|ELB-HealthChecker|Consul Health Check)\b]]
local ASKED = {
  ill = [["(?:GET|HEAD) (?<path>/\S*) HTTP/[\d.]+" (?<status>[45]\d\d)\b[^\n]*"]] .. ASKER,
  well = [["(?:GET|HEAD) /\S* HTTP/[\d.]+" 2\d\d\b[^\n]*"]] .. ASKER,
}

local function means(status)
  if status == "404" or status == "405" then return "it has no such path" end
  if status == "401" or status == "403" then return "it wants a login for that path" end
  if status:sub(1, 1) == "4" then return "its own code refuses the request" end
  return "its own code, or what stands behind it, fails or takes too long when it is asked"
end

-- The answer where the worker was asked whether it is well, and answered with errors up to its end; nil where not.
local function answered_ill(log)
  local all, well = log.all"ill", log.all"well"
  local last = all[#all]
  if #all < 2 and #well == 0 or not last or #well > 0 and well[#well].line > last.line then return nil end
  local path = last.path:match[[^([^?]+)]]
  return {confidence = 0.86, severity = "error",
    why = ("%s asks for %s, and the worker answers %s: %s. It is ended for that."):format(last.who, path, last.status,
      means(last.status)), evidence = {last},
    fixes = {{code = true, say = ("Let the program answer GET %s with 200 at once, without a login and without looking "
      .. "at headers or a body; 'curl -i' of it in the container shows what it says."):format(path)}}}
end

-- A terminal that is closed, or an SSH connection that breaks, tells so to whatever was started in it.
local hung_up = {why = "Nobody crashed: the terminal or the connection in which it was started is gone, and what runs "
    .. "in one is told to end (SIGHUP).",
  fixes = {{setting = "detached", kind = "os", say = "Start it so that it outlives the terminal (this opens a session "
    .. "that goes on by itself; start it there)."}}}

rule {
  id = "stopped.outside",
  ended = true,
  severity = "warning",
  confidence = 0.85,
  context = ASKED,
  when = function(_, hit, log)
    local ill = answered_ill(log)
    if ill then return ill end
    if hit.text:match[[(?i)SIGHUP|got signal: 1\b]] then return hung_up end
    local job = hit.text:match[[\*\*\* (?:JOB|STEP) (\d+)\S* ON \S+ CANCELLED]]
    return job and {fixes = {{setting = "slurm-job", need = job, kind = "os", say = "See who ended it, and after how "
      .. "long: its state says 'CANCELLED by' and a user's number."}}} or true
  end,
  why = "Nobody crashed: the process was told to end (SIGTERM, Ctrl-C, a cancelled job, a deployment). Errors that it "
    .. "printed below that line follow from it.",
  doc = {looks = "received SIGTERM, KeyboardInterrupt, CANCELLED AT, exit code 143.",
    check = "Who sent it: a deployment, a scale-down, a person, an out-of-time harness."},
}

-- What kubectl describe says of a container, and of all of them.
local READY = [[^\s*(?:ContainersReady|Ready:) +True\s*$]]
local UNREADY = [[^\s*(?:ContainersReady|Ready:) +False\s*$]]

-- What the description of the pod's probe decides: its path is not the server's, or nobody has acted on it yet.
local function by_description(hit, log, status)
  local which, probe = hit.text:match[[(Liveness|Startup) probe failed]], nil
  for _, one in ipairs(log.all"probe") do
    if one.which == which then probe = one end
  end
  if not probe then return nil end
  if status == "404" or status == "405" then
    return {confidence = 0.9, why = ("The server is up and answers %s with %s: it has no such path, and Kubernetes "
        .. "ends the container for it."):format(probe.path, status),
      fixes = {{container = "probe-tcp", value = probe.port, kind = "os", say = "Give the probe a path that this "
        .. "server has; until it is known, ask only whether its port is open."}}}
  end
  local times = tonumber(hit.text:match[[\(x(\d+) over ]] or "")
  if which ~= "Startup" or not times or times >= tonumber(probe.tries) or log.killed then return nil end
  return {confidence = 0.86, title = "the server does not open its port, and nobody has ended it yet",
    why = ("The startup probe may fail %s times, and has failed less often: the server has not opened its port, and "
      .. "Kubernetes waits on."):format(probe.tries),
    fixes = {own_log(log, "Read what the server is at, or hangs in: more time helps only where it still loads.",
      true)}}
end

-- A probe that runs a command in the container: what that says of itself is no matter of time.
local function by_command(hit, log)
  local which, said = hit.text:match[[(Liveness|Startup) probe failed: ([^\n]+)]]
  local exec
  for _, one in ipairs(which and log.all"exec" or {}) do
    if one.which2 == which then exec = one end
  end
  local file = said and said:match[[(/[\w./+-]+)['"]?: No such file or directory]]
  if not exec or not file and not said:match[[(?i)not found|permission denied|no such file]] then return nil end
  return {confidence = 0.86, evidence = {exec}, title = "the probe's own command fails",
    why = {("Kubernetes runs `%s` in the container to see whether it is well, and that fails by itself."):format(
        exec.command), file and ("Nothing in the container makes %s."):format(file) or nil},
    fixes = {{host = true, kind = "os", say = file and ("Let the worker make %s once it is up, or probe its port "
      .. "(livenessProbe.tcpSocket) instead."):format(file)
      or "Give the probe a command that the image has, or probe the port (livenessProbe.tcpSocket) instead."}}}
end

-- Hosts that start a container of one's own and ask it whether it is well, and what each calls the settings for that.
local function of_host(text)
  if text:match[[ping health check]] then
    return {confidence = 0.7, why = "SageMaker gave the endpoint up because its container did not answer /ping with "
        .. "200 in time: it was loading, its own start failed, or its ping answers an error.",
      fixes = {{argument = "container_startup_health_check_timeout", value = 1800, kind = "os",
          say = "Give the load its time, in deploy() (at most 3600 seconds)."},
        {host = true, say = "Where the container's log (CloudWatch) ends in an error or answers GET /ping with 4xx or "
          .. "5xx, mend that first."}}}
  elseif text:match[[STARTUP \w+ probe failed|failed to start and listen on the port]] then
    return {confidence = 0.78, why = "Cloud Run gave the revision up because its container did not open the port in "
        .. "PORT in time: it listens on another one or on localhost alone, was still loading, or its own start failed.",
      fixes = {{setting = "run-logs", kind = "os", say = "Read what the container said itself: where it ends in an "
          .. "error, mend that."},
        {code = true, say = "Where it came up: let it listen on 0.0.0.0 at the port that PORT names; where it still "
          .. "loaded, give the startup probe its time (periodSeconds times failureThreshold, at most 240 s each)."}}}
  elseif text:match[[unhealthy in \(target-group]] then
    return {confidence = 0.78, why = "ECS stopped the task because the load balancer's health check failed: the server "
        .. "was still loading or busy, or has no such path or port.",
      fixes = {{argument = "healthCheckGracePeriodSeconds", value = 1800, kind = "os", say = "Give the load its time, "
          .. "in the service."},
        {host = true, say = "Or correct path, port and timeout of the target group's health check."}}}
  elseif text:match[[Model server (?:never became ready|exited unexpectedly)]] then
    return {confidence = 0.72, why = "Vertex AI gave the deployment up because the container ended, or did not answer "
        .. "its health route with 200 in time: it listens on another port than AIP_HTTP_PORT, has no such route, was "
        .. "still loading, or its own start failed.",
      fixes = {{setting = "vertex-logs", kind = "os", say = "Read what the container said itself: where it ends in an "
          .. "error, mend that."},
        {argument = "serving_container_health_route", value = "'/health'", kind = "os", say = "Where it came up: name "
          .. "the route and the port (serving_container_ports) that this server really has, in Model.upload(), and "
          .. "give a long load its time (deploy_request_timeout in deploy())."}}}
  end
end

-- The same, where who deployed it got it as an exception.
rule {
  id = "stopped.probe/hosted",
  title = "the host of the endpoint gave its container up",
  from = {"app", "other", "orchestrator", "protobuf"}, -- the last for Google's packages: one name space
  signatures = {
    sagemaker = [[did not pass the ping health check]],
    vertex = [[Model server (?:never became ready|exited unexpectedly)]],
    run = [[The user-provided container failed to start and listen on the port]],
  },
  when = function(_, log)
    local hit = log.run or log.sagemaker or log.vertex
    local answer = of_host(hit.text)
    if answer then answer.hit = hit end
    return answer or nil
  end,
  doc = {looks = "400 Model server never became ready; did not pass the ping health check.",
    check = "What the container said itself (Cloud Logging, CloudWatch); its route and port."},
}

rule {
  id = "stopped.probe",
  ended = true,
  confidence = 0.85,
  context = with_pod{ill = ASKED.ill, well = ASKED.well,
    -- how kubectl describe writes down what is asked, how often, and when it gives up
    probe = [[(?<which>Liveness|Startup): +http-get https?://[^:\s]*:(?<port>[\w-]+)(?<path>/\S*) delay=\d+s ]]
      .. [[timeout=\d+s period=(?<period>\d+)s #success=\d+ #failure=(?<tries>\d+)]],
    exec = [=[(?<which2>Liveness|Startup): +exec \[(?<command>[^\]\n]+)\]]=],
    killed = [[failed (?:liveness|startup) probe, will be restarted]],
    ready = READY, unready = UNREADY,
  },
  when = function(_, hit, log)
    if log.ready and not log.unready and not log.killed then return nil end -- it took its time, and is up
    local status = hit.text:match[[statuscode: (\d{3})]]
    local described = by_command(hit, log) or by_description(hit, log, status) or answered_ill(log)
    if described then return described end
    local hosted = of_host(hit.text)
    if hosted then return hosted end
    local port, path = hit.text:match[=[https?://[\w.-]+:(\d+)(/[^"\s]*)]=]
    if not status or status == "503" or status == "502" or status == "504" then
      if hit.text:match[[Kind: Pod, Name: (?:Liveness|Startup)ProbeFailed]] then
        return {why = "Azure ML ended the container because its probe failed while it was loading, or because its own "
          .. "code fails at the start.",
          fixes = {{setting = "azure-probes", kind = "os", say = "Give the load its time, in the deployment's "
            .. "YAML, and "
              .. "update the deployment."},
            {host = true, say = "Where its own log (az ml online-deployment get-logs) ends in an error of init(), mend "
              .. "that first."}}}
      end
      return {fixes = {
        {container = "startup-probe", value = {path or "/health", port or 8000}, kind = "os",
          say = "Give the load its time: a startup probe (here 30 minutes, on the server's own path and port) holds "
            .. "the liveness probe back until it succeeds.",
          side_effects = {"A container that hangs is restarted later."}},
        {host = true, say = "Or let the liveness probe begin later and wait longer (initialDelaySeconds, "
          .. "timeoutSeconds, failureThreshold)."}}}
    end
    local login = status == "401" or status == "403"
    return {confidence = 0.88, why = "Kubernetes ended the container because its probe failed: the server is up, "
      .. "and answers the probe's request with an error.",
      fixes = {login and {host = true, say = "Give the probe a path that needs no login, or the header that it needs "
          .. "(httpGet.httpHeaders)."}
        or {container = "probe-path", value = {path == "/health" and "/v1/models" or "/health", port or 8000},
          kind = "os", say = "Correct path and port of the probe: they must be ones that this server answers with 200, "
            .. "such as its /health or /v1/models."}}}
  end,
  why = "Kubernetes ended the container because a startup or liveness probe failed while it was loading or busy.",
  doc = {looks = "Startup probe failed, Liveness probe failed, will be restarted.",
    check = "How long the load takes against the probe's failureThreshold and periodSeconds."},
}

-- The pod asks for what it uses, so that it is placed where there is as much; a fifth more than it had.
local function of_memory(used)
  local unit = {Ki = 1 << 10, Mi = 1 << 20, Gi = 1 << 30}
  local size = used and tonumber(used.used) * (unit[used.unit] or 1)
  local room = size and math.ceil(size * 1.2 / (1 << 30)) or 64
  local how = size and "a fifth more than it had" or "here a guess"
  return {{container = "memory-request", kind = "os", value = room, say = ("Let the container ask for the memory that "
      .. "it uses (%s); a limit is the request where none is given."):format(how)},
    {hardware = true, say = "Or use a node with more memory."}}
end

rule {
  id = "stopped.evicted",
  ended = true,
  confidence = 0.88,
  context = {low = [[The node was low on resource: (?<resource>[\w-]+)\b]],
    used = [[low on resource: memory\.[^\n]*? was using (?<used>\d+)(?<unit>Ki|Mi|Gi)?]]},
  when = function(_, hit, log)
    local limit = hit.text:match[[limit of containers (\d+)Gi]]
    if log.low and log.low.resource == "memory" then
      return {evidence = {log.low}, fixes = of_memory(log.used), why = "The node ran out of memory, and Kubernetes "
        .. "evicted the pod that used most above what it had asked for."}
    end
    if hit.text:match[[(?i)memory|EmptyDir]] then return true end
    return {fixes = {
      {container = "ephemeral", kind = "disk", value = limit and tonumber(limit) * 4 or 100, say = "Let the pod ask "
        .. "for the room that its model and caches take, so that it is placed where there is as much (here a guess)."},
      {free = "disk", say = "Or put the model on a volume of its own."}}}
  end,
  why = "Kubernetes evicted the pod: it or its node ran out of ephemeral storage, of an emptyDir's limit, or of "
    .. "memory.",
  fixes = {
    {free = "disk",
      say = "Give the pod the room it uses: raise the limit of ephemeral storage or of the emptyDir, or put the model "
        .. "on a volume of its own."},
    {hardware = true, say = "Or use a node with more disk or memory."},
  },
  doc = {looks = "Evicted, The node was low on resource, exceeds the limit.",
    check = "kubectl describe pod: the resource that it names, and its limit."},
}

rule {
  id = "stopped.time-limit",
  ended = true,
  confidence = 0.92,
  context = {time = [[#SBATCH +(?:--time[= ]|-t *)(?<time>[\d:-]+)]]},
  when = function(_, hit, log)
    local days, hours = (log.time or {time = ""}).time:match[[^(?:(\d+)-)?(\d+)(?::\d+:\d+)?$]]
    if hit.text:match[[(?i)preempt|reclaim|spot]] or not hours or not log.time.time:match[=[[:-]]=] then return true end
    local twice = 2 * (24 * tonumber(days ~= "" and days or 0) + tonumber(hours))
    if twice < 1 then return true end
    return {fixes = {{container = "time", value = ("%d:00:00"):format(twice), kind = "os", say = "Ask for more time "
        .. "(here twice), as far as the partition allows (sinfo shows it)."},
      {code = true, say = "Or save and resume from checkpoints."}}}
  end,
  why = "The scheduler ended the job: its time was over, or it was preempted.",
  fixes = {
    {host = true, say = "Where its time was over: ask for more (sbatch --time), or save and resume from checkpoints."},
    {wait = true, say = "Where it was preempted: submit it again (sbatch --requeue does it by itself), or use a "
      .. "partition or instance that is not preempted."},
  },
  doc = {looks = "DUE TO TIME LIMIT, DUE TO PREEMPTION, job killed: walltime.",
    check = "The job's time limit against what it had done."},
}

-- What a shell, the kernel or Kubernetes says with an exit code.
local CODES = {
  ["126"] = "Code 126 is a shell's for a program that may not be executed.",
  ["127"] = "Code 127 is a shell's and the loader's for a program, or a library of it, that is not there.",
  ["128"] = "Code 128 is Kubernetes' for a container that could not be started.",
  ["134"] = "Code 134 is SIGABRT: the program, or a library in it, ended itself.",
  ["136"] = "Code 136 is SIGFPE: a division by zero in native code.",
  ["255"] = "Code 255 is what is left when the node went down under the container, or a program ended with -1.",
}

rule {
  id = "vllm.engine-died/exited",
  title = "a program ended with an exit code, and what it said itself is not in this log",
  role = "wrapper",
  from = {"orchestrator", "container", "systemd", "engine", "server", "app", "other"},
  signatures = {
    state = [[^\s*Exit Code: +(?<code>[1-9]\d*)\s*$]],
    backoff = [[Back-off restarting failed container]],
    compose = [[(?:^|\s)(?<service>(?!(?:process|container|child|command|script|job|task|program|worker|it|and|has) )]]
      .. [[[a-z0-9][\w.-]*) exited with code (?<code>[1-9]\d*)\b]],
    unit = [[\b(?<unit>[\w@.-]+)\.service: [Mm]ain process exited, code=(?:exited|dumped), status=(?<code>[1-9]\d*)|]]
      .. [[\bUnit (?<unit>[\w@.-]+)\.service entered failed state]],
  },
  context = with_pod{ready = READY, unready = UNREADY,
    completed = [[^\s*Reason: +Completed\s*$]]},
  when = function(_, log)
    local hit = log.state or log.compose or log.unit or log.backoff
    if log.fatal or log.came_up and hit ~= log.state then return nil end
    local past = log.ready and not log.unready or log.completed and log.completed.line < hit.line
    if hit == log.state and past and not log.backoff then return nil end -- of an earlier start: this one is well
    if hit.code == "137" or hit.code == "143" or hit.code == "130" then return nil end -- oom.host, stopped.outside
    local say = "Read what it said itself before it ended: the cause stands there."
    local fix = hit == log.compose and {container = "service-log", value = hit.service, kind = "os", say = say}
      or hit == log.unit and {setting = "unit-log", need = hit.unit, kind = "os", say = say} or own_log(log, say)
    return {hit = hit, confidence = 0.5, why = {"This only tells that a program ended, and not why.",
      CODES[hit.code or ""]}, fixes = {fix}}
  end,
  doc = {looks = "Last State: Terminated, Reason: Error, Exit Code: 1; worker-1 exited with code 1.",
    check = "kubectl logs --previous, docker logs, journalctl -u: what the program said itself."},
}
