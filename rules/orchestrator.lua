-- Kubernetes: where a pod can be placed, what its manifest names, what its node mounts.

-- Taints that a node sets on itself while something is wrong with it.
local TROUBLE = {
  ["node.kubernetes.io/disk-pressure"] = "its disk is nearly full",
  ["node.kubernetes.io/memory-pressure"] = "its memory is nearly used up",
  ["node.kubernetes.io/pid-pressure"] = "it runs too many processes",
  ["node.kubernetes.io/not-ready"] = "it is not ready",
  ["node.kubernetes.io/unreachable"] = "the cluster does not reach it",
  ["node.kubernetes.io/unschedulable"] = "it was cordoned",
  ["node.kubernetes.io/network-unavailable"] = "its network is not set up",
}

-- A taint that keeps others away from the nodes with GPUs: beside it, one of other nodes is of no matter to a pod that
-- wants a GPU.
local OF_GPU = [[(?i)gpu|nvidia|amd\.com|cuda|accelerator|\b(?:t4|l4|l40s?|v100|a10g?|a100|h100|h200|b200)\b]]

local VOLUME = [[unbound immediate PersistentVolumeClaims|persistentvolumeclaim "[^"]+" not found|volume node ]]
  .. [[affinity conflict|available persistent volumes? to bind]]

-- The taint that keeps the pod away. The control plane's keeps every pod away, so it is the reason only where the line
-- has no other one; `others` says that it has.
local function deciding_taint(rest)
  local others = rest:match[[Insufficient [\w/.-]+|didn't match (?:Pod's )?(?:node|pod) |volume node affinity]] ~= nil
  local control
  for taint in rest:gmatch[=[(?:untolerated taint|had taint) \{([\w./-]+)]=] do
    if not taint:match[[^node-role\.kubernetes\.io/(?:control-plane|master)$]] then return taint, others end
    control = taint
  end
  if others then return nil, others end
  return control, others
end

rule {
  id = "job.unsatisfiable/pod",
  from = {"orchestrator", "other", "app"},
  signatures = {
    nodes = [[\b(?<fit>\d+)/(?<nodes>\d+) nodes are available: (?<rest>[^\n]+)]],
    scale = [[(?:FailedScaleUp|NotTriggerScaleUp)\b[^\n]*?: (?<reason>[^\n]+)]],
    stockout = [[\b(?:GCE_STOCKOUT|ZONE_RESOURCE_POOL_EXHAUSTED|InsufficientInstanceCapacity|SkuNotAvailable|]]
      .. [[GCE quota exceeded|QUOTA_EXCEEDED|VcpuLimitExceeded|OverconstrainedAllocationRequest)\b]],
  },
  context = {placed = [[Successfully assigned \S+ to ]],
    pool = [[incompatible with nodepool [^\n]*\bdid not tolerate (?:taint )?(?<taint>[\w./-]+)]]},
  explains = {"container.no-gpu"},
  when = function(_, log)
    if log.stockout then
      return {hit = log.stockout, confidence = 0.88, title = "the cloud has no machine of that kind to give",
        why = "The cloud has none of these machines left in that zone, or the account's quota is used up.",
        fixes = {{wait = true, say = "Ask for another zone, region or kind of GPU (spot and reserved capacity are "
          .. "apart), or have the quota of that GPU raised."}}}
    end
    local hit = log.nodes
    if not hit or log.placed and log.placed.line > hit.line then return nil end
    local rest = hit.rest
    local gpu = rest:match[[Insufficient ((?:nvidia|amd)\.com/[\w.-]+)]]
    local taint, others = deciding_taint(rest)
    if not taint and log.pool then taint = log.pool.taint end -- of machines that Karpenter could start
    local tainted = taint and not TROUBLE[taint] and (not gpu or taint:match(OF_GPU))
    if gpu and not tainted then return nil end -- container.no-gpu
    if taint and TROUBLE[taint] then
      return {hit = hit, confidence = 0.88, title = "the node takes no pods now",
        why = ("A node keeps pods away, for %s (the taint %s, which it takes off again itself)."):format(TROUBLE[taint],
          taint),
        fixes = {{setting = "node-room", kind = "os", say = "Mend the node that kubectl describe node shows with that "
          .. "condition (free its disk or memory, restart its kubelet, kubectl uncordon), and do not tolerate the "
          .. "taint."}}}
    end
    if taint and taint:match[[node-role\.kubernetes\.io/(?:control-plane|master)]] then
      local only = hit.nodes == "1"
      return {hit = hit, confidence = only and 0.9 or 0.75,
        why = "The only nodes that are left are the control plane's, and those take no other pods.",
        fixes = {{setting = "untaint", kind = "os", say = "In a cluster of one node: let it take other pods. Else add "
          .. "a node with the GPU."}}}
    end
    if taint then
      return {hit = hit, confidence = others and not gpu and 0.75 or 0.9,
        title = "the pod does not tolerate the node's taint",
        why = ("The nodes that are left have the taint %s, which keeps pods away that do not "
          .. "tolerate it."):format(taint),
        fixes = {{container = "toleration", value = taint, kind = "os",
          say = "Give the pod a toleration of that taint."}}}
    end
    if rest:match(VOLUME) then return nil end -- k8s.volume-unavailable
    if rest:match[[didn't match (?:Pod's )?node (?:affinity|selector)|didn't match pod affinity]] then
      return {hit = hit, confidence = 0.9, why = "No node has the labels that the pod's nodeSelector or affinity asks "
        .. "for.", fixes = {{setting = "node-labels", kind = "os", say = "Compare the nodes' labels with the pod's "
          .. "nodeSelector and affinity, and correct the selector (or kubectl label the node)."}}}
    end
    local short = rest:match[=[Insufficient ([\w/-]+(?:\.[\w/-]+)*)]=]
    if short then
      return {hit = hit, confidence = 0.9, why = ("No node has as much %s free as the pod requests."):format(short),
        fixes = {{setting = "node-room", kind = "os", say = ("Lower resources.requests of the container (%s) to what a "
          .. "node has free, or add a node: this lists what each has given away."):format(short)}}}
    end
    return {hit = hit, confidence = 0.75, why = "The scheduler finds no node for the pod: {rest}",
      fixes = {{setting = "node-gpus", kind = "os", say = "Compare what the message counts with the nodes."}}}
  end,
  doc = {looks = "0/3 nodes are available: 3 node(s) had untolerated taint {nvidia.com/gpu: present}.",
    check = "kubectl describe nodes: Taints, Labels, Allocatable and Allocated resources."},
}

rule {
  id = "k8s.volume-unavailable",
  from = {"orchestrator", "other", "app"},
  signatures = {
    unbound = [[pod has unbound immediate PersistentVolumeClaims|available persistent volumes? to bind]],
    claim = [[persistentvolumeclaim "(?<claim>[^"]+)" not found]],
    class = [[storageclass\.storage\.k8s\.io "(?<class>[^"]+)" not found]],
    affinity = [[had volume node affinity conflict]],
    attach = [[Multi-Attach error for volume "(?<volume>[^"]+)"]],
    attacher = [[AttachVolume\.Attach failed for volume "(?<volume4>[^"]+)"]],
    driver = [[driver name (?<driver>[\w.-]+) not found in the list of registered CSI drivers]],
    source = [[MountVolume\.SetUp failed for volume "(?<volume2>[^"]+)"[^\n]*: (?<kind>secret|configmap) ]]
      .. [["(?<object>[^"]+)" not found]],
    path = [[hostPath type check failed: (?<path>\S+) is not a (?:directory|file)]],
    mount = [[MountVolume\.(?:SetUp|MountDevice) failed for volume "(?<volume3>[^"]+)"[^\n]*]],
    wait = [[Unable to attach or mount volumes: unmounted volumes=[^\n]*timed out waiting]],
  },
  context = {started = [[kubelet +Started container]],
    past = [[(?:^|\s)(?:Status: +(?:Running|Succeeded)|State: +Running|Reason: +Completed)\s*$]]},
  explains = {"job.unsatisfiable"},
  confidence = 0.88,
  when = function(_, log)
    local hit = log.claim or log.class or log.source or log.path or log.driver or log.attach or log.affinity
      or log.attacher or log.unbound or log.mount or log.wait
    if log.past or log.started and log.started.line > hit.line then return nil end
    local claims = {setting = "volume-claims", kind = "os"}
    if hit == log.class or hit == log.unbound then
      claims.say = "Give the claim a storageClassName that this list has (one marked as default needs none), or make a "
        .. "PersistentVolume that fits it."
      return {why = {"The pod waits for its volume: no storage fits its claim.",
        hit.class and "There is no storage class {class}." or nil}, fixes = {claims}}
    elseif hit == log.claim then
      claims.say = "Make the claim that the pod names, in the pod's own namespace, or correct claimName."
      return {why = "The pod names the claim {claim}, and its namespace has none of that name.", fixes = {claims}}
    elseif hit == log.source then
      return {why = ("The pod mounts the %s {object}, and its namespace has none of that name."):format(hit.kind),
        fixes = {{setting = hit.kind == "secret" and "secrets" or "configmaps", kind = "os", say = "Make it in the "
          .. "pod's own namespace, or correct its name in the manifest: this lists those that are there."}}}
    elseif hit == log.path then
      return {why = "The pod mounts {path} of the node, and the node has no such folder.",
        fixes = {{setting = "make-folder", need = hit.path, kind = "os", say = "Make that folder on the node (or set "
          .. "the hostPath's type to DirectoryOrCreate)."}}}
    elseif hit == log.attach then
      return {why = "The volume {volume} is attached to another node, and its kind lets one node have it at a time.",
        fixes = {{setting = "attachments", kind = "os", say = "Delete the pod that still holds the volume (this lists "
          .. "where it is attached), let both run on one node, or use a volume of ReadWriteMany; with a Deployment set "
          .. "strategy.type: Recreate."}}}
    elseif hit == log.attacher then
      return {confidence = 0.8, why = "The volume {volume4} could not be attached to the pod's node.",
        fixes = {{setting = "attachments", kind = "os", say = "See whether the attachment is there and what its driver "
          .. "answers (kubectl describe volumeattachment); where there is none, the driver's controller with its "
          .. "csi-attacher does not run."}}}
    elseif hit == log.affinity then
      return {why = "The volume lies in another zone than the nodes that the pod may run on.",
        fixes = {{setting = "volume-claims", kind = "os", say = "Let the pod run where its volume is, or make the "
          .. "volume anew with a storage class whose volumeBindingMode is WaitForFirstConsumer."}}}
    elseif hit == log.driver then
      return {why = "The volume is one of the driver {driver}, which this node does not have.",
        fixes = {{setting = "csi", kind = "os", say = "Install that CSI driver in the cluster (its node plugin must "
          .. "run on this node too): this lists those that are there."}}}
    end
    claims.say = "See whether the pod's claims are bound, and to what."
    return {hit = hit, confidence = 0.75, why = "The node could not mount a volume of the pod, so nothing of it ran.",
      fixes = {claims, {host = true, say = "Read what the mount itself said (kubectl describe pod, and the node's "
        .. "kubelet): the server's address, its exports, the client package of the node."}}}
  end,
  doc = {looks = "pod has unbound immediate PersistentVolumeClaims; Multi-Attach error; MountVolume.SetUp failed.",
    check = "kubectl get pvc,pv,storageclass; kubectl describe pod."},
}

rule {
  id = "k8s.manifest-invalid",
  from = {"orchestrator", "other", "app"},
  signatures = {
    key = [[couldn't find key (?<key>[\w.-]+) in (?<kind>Secret|ConfigMap) (?<namespace>[\w-]+)/(?<object>[\w.-]+)]],
    object = [[Error: (?<kind2>secret|configmap) "(?<object2>[\w.-]+)" not found]],
    root = [[container has runAsNonRoot and (?:image will run as root|image has non-numeric user)]],
    shared = [[path "(?<path>[^"]+)" is mounted on "(?<mount>/[^"]*)" but it is not a shared (?:or slave )?mount]],
    security = [[violates PodSecurity "(?<standard>[\w:-]+)": (?<what>[^\n]+)]],
    command = [[error: error (?:validating|parsing) "[^"]*": (?<problem>[^\n]+)]],
  },
  context = {hf = [[(?i)(?:hf|hugging)[\w-]*token|token[\w-]*(?:hf|hugging)]],
    started = [[kubelet +Started container]]},
  confidence = 0.9,
  when = function(_, log)
    local hit = log.key or log.object or log.root or log.shared or log.security or log.command
    if log.started and log.started.line > hit.line then return nil end
    if hit == log.root then
      return {why = "The pod must not run as root (runAsNonRoot), and its image starts as root or as a user that is "
        .. "named and not numbered.",
        fixes = {{container = "run-as", value = 1000, kind = "os", say = "Name a user by its number; it must be able "
          .. "to write where the model is cached (fsGroup, HF_HOME)."}}}
    elseif hit == log.shared then
      return {title = "the node's mounts are not shared", why = "A pod wants to hand mounts on through {path}, and on "
        .. "this node {mount} is not a shared mount.",
        fixes = {{setting = "shared-mount", need = hit.mount, kind = "os", say = "Share it, on the node."}}}
    elseif hit == log.security then
      return {why = "The namespace enforces the level {standard}, and the pod asks for more than that allows.",
        fixes = {{host = true, say = "Set in the pod what the message lists (allowPrivilegeEscalation: false, "
          .. "capabilities: {drop: [ALL]}, runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}), or run it in a "
          .. "namespace of a lower level."}}}
    elseif hit == log.command then
      return {confidence = 0.8, why = "The manifest is not valid: {problem}", fixes = {{host = true,
        say = "Correct the manifest at the place that the message names."}}}
    end
    local kind, name = (hit.kind or hit.kind2):lower(), hit.object or hit.object2
    local token = kind == "secret" and log.hf
    return {why = hit == log.key and "The pod reads the key {key} of {namespace}/{object}, which has no such key."
        or ("The pod names the %s {object2}, and its namespace has none of that name."):format(kind),
      fixes = {
        {container = "token-secret", value = {name, hit.key or "token", hit.namespace or "default"}, kind = "auth",
          say = "Make the secret with your token in HF_TOKEN; its namespace is the pod's, its key the one that the "
            .. "manifest reads.", cond = function() return token end},
        {setting = kind == "secret" and "secrets" or "configmaps", kind = "os", say = "Make it in the pod's own "
          .. "namespace, or correct its name and key in the manifest: this lists those that are there."}}}
  end,
  doc = {looks = "Error: secret \"hf-token\" not found; container has runAsNonRoot and image will run as root.",
    check = "kubectl describe pod; kubectl get secret,configmap -n the pod's namespace."},
}

-- What a node's network plugin was refused while it connected a pod.
rule {
  id = "net.peer-unreachable/pod-network",
  title = "a pod cannot be connected to the cluster's network",
  from = {"orchestrator", "container", "app", "other"},
  signatures = {
    setup = [[(?:failed to (?:set up|setup) (?:sandbox container "[^"]+" )?network for|(?i:network)plugin cni ]]
      .. [[failed to set up pod)[^\n]*]],
  },
  context = {started = [[(?:kubelet +Started container|"Type":"ContainerStarted")]]},
  explains = {"container.no-gpu", "hf.offline"},
  confidence = 0.84,
  when = function(_, log)
    local hit = log.setup
    if log.started and log.started.line > hit.line then return nil end
    local peer = hit.text:match[[dial tcp ([\d.]+:\d+): (?:i/o timeout|connect: )]]
    local range = hit.text:match[[no IP addresses available in range set: ([\d.-]+)]]
    local plugin = hit.text:match[=[failed to find plugin \\?"([\w-]+)]=]
    local absent = hit.text:match[[(?:open|stat) (/\S+?): no such file or directory]]
    local why = peer and ("The plugin asks the cluster's API at %s, and that address is not reached from this "
        .. "node."):format(peer)
      or range and ("All addresses of this node's range %s are given away, also to pods that are gone."):format(range)
      or plugin and ("The plugin %s is not in the node's folder of CNI plugins."):format(plugin)
      or absent and ("The network's own pod on this node has not written %s: it does not run."):format(absent)
      or "The node's network plugin failed and says no more."
    return {hit = hit, why = why, fixes = {
      {setting = "cni-addresses", kind = "os", say = "Compare, on the node, how many pods there are with how many "
        .. "addresses are held; files of more are left over: drain the node, remove them, start its kubelet anew.",
        cond = function() return range ~= nil end},
      {setting = "node-network", kind = "network", say = "See whether the network's pods and kube-proxy run on that "
        .. "node, and start those anew that do not; between the nodes no firewall may close the pods' network.",
        cond = function() return not range end}}}
  end,
  doc = {looks = "FailedCreatePodSandBox: failed to set up sandbox container network for pod.",
    check = "kubectl get pods -n kube-system -o wide; the log of the network's pod on that node."},
}
