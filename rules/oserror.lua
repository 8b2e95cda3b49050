-- An error of the system in a program's own words, `mkdir() "/var/cache/x" failed (30: Read-only file system)`, that no
-- other rule knows: what was done, to which path, and as whom decides, not who says it.

local WHY = any{
  [[Permission denied]],
  [[Operation not permitted]],
  [[Read-only file ?system]],
  [[Stale (?:NFS )?file handle]],
}
local PATH = [=[(?<![\w/])(?:\.{0,2}/|~/)?[\w.@%+~-]+(?:/[\w.@%+~-]*)*]=]
local ENDS = [=[[`'"’”]*(?: failed)?(?:: (?:Cannot \w+: )?| \((?:\d+: )?)$]=]
local BEHIND = [=[(?i)(?:\[Errno \d+\] [\w -]+:|\b(?:EACCES|EROFS|EPERM): [\w -]+, \w+) ['"]([^'"\n]+)]=]
local READS = any{[[\b(?:stat|lstat|access|opendir|readdir|cd|chdir|read|reading|load|loading|source)\b]]}
local WRITES = [[\.(?:pid|log|lock|sock|db|sqlite3?|tmp)$|/(?:logs?|cache|tmp|run)/]]
local OWNERS = [[(?i)\b(?:chmod|chown|mkdir|touch|rm|unlink|rename|open|write|cp|mv|ln|install|utime)\b]]
local CONFIG = [[^/etc/|\.(?:ya?ml|json|conf|cfg|ini|toml|env|pem|key|crt|cert|txt)$]]
local OF_HOST = [[^/(?:var/lib/(?:docker|containerd|kubelet|rancher)|boot|sys|etc/systemd)\b]]

-- The path that the error is about, and what stands before it; nil where the line is of another shape.
local function subject(hit)
  local before = hit.text:match([[^(.*?)(?i:]] .. WHY .. [[)]]) or ""
  local path = before:match("(" .. PATH .. ")" .. ENDS)
  local bare = path and not path:match[=[[/.]]=] and not before:match("['\"`‘]" .. path .. ENDS)
  if bare then path = nil end -- a word of the sentence
  path = path or hit.text:match(BEHIND) or hit.text:match([=[ @ \w+ - (/[^\s>]+)]=]) -- the second is Ruby's
  if not path then path = before:match([=[['"`‘]((?:[\w.@%+~-]*/)+[\w.@%+~-]+)['"`’][^'"`]*$]=]) end
  return path, before
end

local function folder_of(path)
  return path:match[[^(/.+)/[^/]+$]] or path
end

local function read_only(path)
  if path:match(OF_HOST) then
    return {title = "a disk of the host is mounted read-only", why = {("%s cannot be written: its file system is "
      .. "mounted read-only, as the kernel does after errors of the disk."):format(path)},
      fixes = {{setting = "read-only-disk", need = path, kind = "disk", say = "See how that file system is mounted, "
        .. "and what the kernel says of its disk; mount it writable when the disk is sound."}}}
  end
  local rooted = path:match[[^/\w]]
  local scratch = path:match[[^/(?:var/(?:cache|run|log|tmp|lib)|run|tmp)/]]
  return {title = "a folder that must be written is read-only",
    why = {("The program may not write %s: that is on a volume, or on a root, that is mounted "
      .. "read-only."):format(path)},
    fixes = {{container = "scratch", value = folder_of(path), kind = "disk", say = "Give it a folder of its own there "
        .. "that can be written and that ends with the container.", cond = function() return scratch ~= nil end},
      {container = "writable", kind = "disk", say = "Mount that volume so that it can be written to.",
        cond = function() return not scratch end},
      {setting = "read-only-disk", need = rooted and path or nil, kind = "disk", say = "Outside of a container: see "
        .. "how that file system is mounted.", cond = function() return rooted ~= nil end}}}
end

local function denied(path, before, inside)
  local reads = (before:match("(?i)" .. READS) or path:match(CONFIG)) and not path:match(WRITES)
  local own = {setting = "own-path", need = path, kind = "disk", say = "Give it to the user who runs the program."}
  local grant = {grant = path, kind = "disk", say = "Let that user read it."}
  local user = {container = "user", kind = "disk", say = "Run the container as root, or give the volume to its user "
    .. "(in a pod: fsGroup of its securityContext)."}
  local host = path:match[[^/]] and reads and grant or own
  inside = inside or (not reads and not path:match[[^/(?:home|scratch|g?pfs|lustre|work|project)/]])
  return {title = "the user who runs the program may not use a path",
    why = {("The program may not %s %s: it belongs to another user than the one who runs it."):format(
      reads and "read" or "write", path)},
    fixes = inside and {user, host} or {host, user}}
end

rule {
  id = "hf.cache-permission/system",
  role = "symptom",
  anyone = {said = "system"},
  signatures = {
    said = "(?:" .. WHY .. [=[)(?: \((?:os error )?\d+\)|(?:,? \w+)?:? ['"][^'"\n]+['"]]=]
      .. [=[| @ \w+ - /\S+|\)?[."']{0,2}\s*$|\))]=],
    java = [=[\bAccessDeniedException(?:: |\[)(?<path>/[^\s:\]]+)]=],
  },
  context = {
    inside = any{[[entrypoint]], [[\b1#1: ]], [[\bkubelet\b]], [[\bkubectl\b]], [[\bdocker (?:run|compose|logs)\b]],
      [[\bpodman run\b]], [[\bcontainer \S+ (?:exited|failed)]], [[CrashLoopBackOff]]},
  },
  when = function(_, log)
    local hit = log.java
    for _, one in ipairs(log.all"said") do hit = one end
    if log.came_up or hit.event.progress or (log.fatal and hit.event.kind ~= "exception") then return nil end
    if hit.event.level == "warning" then return nil end -- "info" is what carriers call all that a program prints
    if hit.text:match[[(?:^|\s)(?:find|ls|du|grep|cat): ]] then return nil end -- they go on without it
    local path, before = hit.path, ""
    if hit ~= log.java then path, before = subject(hit) end
    -- devices, ports, and what the kernel shows are other rules' matter
    if not path or path:match[[^/(?:dev|proc|sys)\b]] or before:match[[(?i)\b(?:bind|listen|connect|dial)\b]] then
      return nil
    end
    local answer, owner = nil, hit.text:match[[(?i)Operation not permitted]]
    if hit.text:match[[(?i)Stale (?:NFS )?file handle]] then return nil end -- k8s.volume-unavailable/stale
    if hit.text:match[[(?i)Read-only file]] then answer = read_only(path)
    elseif before:match[[(?i)\bexec(?:ve|vp?e?)?(?:\(\))?:? ]] or before:match[[(?i)^(?:\S+: )?exec ]]
      or path:match[[\.(?:sh|bash)$|/s?bin/]] then
      return nil -- container.entrypoint-broken
    elseif owner and not before:match(OWNERS) then return nil -- a right of root's that no file has
    else answer = denied(path, before, owner or log.inside) end
    answer.hit, answer.confidence = hit, owner and 0.62 or 0.7
    return answer
  end,
  doc = {looks = "mkdir: cannot create directory '/models/cache': Permission denied; open() \"/run/x.pid\" failed (13: "
    .. "Permission denied).", check = "ls -ldn of the folder, id, and findmnt, where the program runs."},
}

rule {
  id = "container.entrypoint-broken/exec",
  role = "symptom",
  anyone = "system",
  signatures = {
    exec = [=[\bexec(?:ve|vp?e?)?(?:\(\))?:? ['"]?(?<path>[\w./@+-]*\w)['"]?(?: failed)?: Permission denied]=],
  },
  confidence = 0.72,
  when = function(_, log)
    local hit, path = log.exec, log.exec.path
    if hit.event.progress or path:has("nvidia") then return nil end
    return {hit = hit, why = path .. " may not be executed by the user who starts it: it has no right to run, or lies "
      .. "on a file system that forbids it.",
      fixes = {{grant = path, run = true, kind = "os", say = "Make it executable (in an image: as a RUN of its "
        .. "Dockerfile)."}}}
  end,
  doc = {looks = "slurmstepd: error: execve(): start.sh: Permission denied.", check = "ls -l of the file; findmnt -T."},
}

rule {
  id = "k8s.volume-unavailable/stale",
  title = "a network folder is no longer the one that was mounted",
  role = "symptom",
  from = {kubelet = {"orchestrator", "container", "app", "other"}},
  anyone = {stale = "system", python = "system"},
  signatures = {
    stale = [=[(?<path>/[\w.@%+~/-]*[\w/])['"’]?(?:: | \((?:\d+: )?)Stale (?:NFS )?file handle]=],
    python = [=[\[Errno 116\] Stale file handle(?:: ['"](?<path2>[^'"\n]+))?]=],
    kubelet = [[mkdir (?<path3>/var/lib/kubelet/pods/[\w.@%+~/-]*\w): file exists]],
  },
  confidence = 0.74,
  when = function(_, log)
    local hit = log.stale or log.python or log.kubelet
    if hit.event.progress then return nil end
    local path = hit.path or hit.path2 or hit.path3
    if path and path:match[[^/var/lib/kubelet/pods/]] then
      return {hit = hit, confidence = 0.8, why = {hit == log.kubelet and ("%s is there and cannot be looked at, as a "
          .. "mount is whose server went away."):format(path)
          or ("%s is a mount of a network folder that its server knows no more."):format(path)},
        fixes = {{setting = "kubelet-mount", need = path, kind = "os", say = "Take the mount away on the pod's node, "
          .. "then delete the pod: the kubelet mounts it anew."}}}
    end
    return {hit = hit, why = {"The server of a network file system knows a file no more that this machine still holds "
      .. "open: the export was made anew, or the folder removed, while it was mounted.",
      path and ("It is %s."):format(path) or nil},
      fixes = {{setting = "stale-mount", need = path or nil, kind = "os", say = "Take the mount away and mount it anew "
        .. "(in a cluster: delete the pod afterwards, and the node mounts it again).",
        cond = function() return path ~= nil end},
        {host = true, say = "Mount that network file system anew, and start the worker again."}}}
  end,
  doc = {looks = "cd: /mounted: Stale file handle; OSError: [Errno 116].", check = "stat of the mount; findmnt."},
}

rule {
  id = "k8s.volume-unavailable/nfs",
  title = "a network folder cannot be mounted",
  role = "symptom",
  anyone = "system",
  signatures = {
    mount = [[\bmount\.(?:nfs4?|cifs|lustre|ceph): (?<said>Connection (?:timed out|refused)|No route to host|]]
      .. [[access denied by server while mounting (?<server>[\w.-]+):(?<export>\S+)|]]
      .. [[[^\n]*(?:No such file or directory|Permission denied))]],
  },
  confidence = 0.72,
  when = function(_, log)
    local hit = log.mount
    if hit.event.progress then return nil end
    return {why = {hit.server and "The server {server} answers, and does not let this machine mount {export}."
        or "The mount of a network folder failed: {said}."},
      fixes = {{setting = "exports", need = hit.server, kind = "os", say = "See what the server exports to whom, and "
          .. "have this machine put on that list.", cond = function() return hit.server ~= nil end},
        {host = true, kind = "os", say = "See that the file server is up and that its port (2049 of NFS) is reached "
          .. "from this machine, then mount it again: mount -a.", cond = function() return not hit.server end}}}
  end,
  doc = {looks = "mount.nfs: access denied by server while mounting heron:/export.", check = "showmount -e SERVER."},
}
