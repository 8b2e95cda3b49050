-- What ended a worker from outside. Which line shows that a run was stopped stands in rules/data/landmarks.tsv; these
-- rules say what to do.

rule {
  id = "stopped.outside",
  ended = true,
  severity = "warning",
  confidence = 0.85,
  why = "Nobody crashed: the process was told to end (SIGTERM, Ctrl-C, a cancelled job, a deployment). Errors that it "
    .. "printed below that line follow from it.",
  doc = {looks = "received SIGTERM, KeyboardInterrupt, CANCELLED AT, exit code 143.",
    check = "Who sent it: a deployment, a scale-down, a person, an out-of-time harness."},
}

rule {
  id = "stopped.probe",
  ended = true,
  confidence = 0.85,
  when = function(_, hit)
    local status = hit.text:match[[statuscode: (\d{3})]]
    if hit.text:match[[ping health check]] then
      return {confidence = 0.7, why = "SageMaker gave the endpoint up because its container did not answer "
        .. "/ping with 200 "
        .. "in time: it was loading, its own start failed, or its ping answers an error.",
        fixes = {{argument = "container_startup_health_check_timeout", value = 1800, kind = "os",
          say = "Give the load its "
            .. "time, in deploy() (at most 3600 seconds)."},
          {host = true, say = "Where the container's log (CloudWatch) ends in an error or answers GET /ping "
            .. "with 4xx or "
            .. "5xx, mend that first."}}}
    end
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

rule {
  id = "stopped.evicted",
  ended = true,
  confidence = 0.88,
  when = function(_, hit)
    local limit = hit.text:match[[limit of containers (\d+)Gi]]
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
  why = "The scheduler ended the job: its time was over, or it was preempted.",
  fixes = {
    {host = true, say = "Where its time was over: ask for more (sbatch --time), or save and resume from checkpoints."},
    {wait = true, say = "Where it was preempted: submit it again (sbatch --requeue does it by itself), or use a "
      .. "partition or instance that is not preempted."},
  },
  doc = {looks = "DUE TO TIME LIMIT, DUE TO PREEMPTION, job killed: walltime.",
    check = "The job's time limit against what it had done."},
}
