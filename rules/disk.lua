-- Disks: full, without inodes, or read-only, by what was written and by what the facts tell before it.

rule {
  id = "disk.full",
  from = {torn = {"shell", "enroot", "container", "system", "app", "other"}},
  anyone = {no_space = "code", windows = "system"},
  signatures = {
    writer = [[(?:PytorchStreamWriter failed writing file|inline_container\.cc:\d+\] \. unexpected pos \d+ vs \d+|]]
      .. [[OSError: \d+ requested and \d+ written)]],
    torn = [[\btar: [^\n]+: Wrote only \d+ of \d+ bytes]],
    windows = any{
      [=[\[WinError 112\]]=],
      [[os error (?:112|39)\b]],
      [[There is not enough space on the disk]],
      [[database or disk is full]],
    },
    no_space = codes"disk.full" .. [[|(?:Disk quota exceeded|]]
      .. [[(?<!MemoryError: )Not enough (?:free )?(?:disk(?! cache| block)|space\b(?=\W*$|[^\n]*(?:]]
      .. [[\bdisk|drive|volume|\bfile|folder|directory|download|upload| /\w)))|not enough free disk space)]],
  },
  explains = {"pip.module-missing", "hf.incomplete", "pip.broken-install"},
  context = {
    shm = [[(?:(?<!memory \()(?<!% )/dev/shm|/torch_\d+|nccl-\w+|SemLock|shared memory(?! \()|shm_open|]]
      .. [[(?:multiprocess(?:ing)?|billiard)/(?:queues|synchronize|context|heap)|mp\.Queue|shared memory segment)]],
    download = [[(?:huggingface|hub|hf_|xet|snapshot_download|models--)]],
    tmp = [[(?:pip|tempfile|/tmp/|_pip|unpack|setuptools)]],
    watches = [[(?:inotify|file watchers)]],
    apptainer = [[\b(?:singularity|apptainer) (?:build|pull|exec|run|shell|-d)|]]
      .. [=[/(?:singularity|apptainer)[/-]|rootfs-[0-9a-f-]{8,}/]=],
    enroot = [[\benroot (?:import|load)\b|\bpyxis: |\[INFO\] Extracting image layers]],
    sif = [[(?:Creating SIF file|making image from oci|building SIF|\.(?:apptainer|singularity)/cache)]],
    build = any{[[\bfailed to solve: process "]], [[The command '/bin/sh -c [^\n]*returned a non-zero code]]},
    layers = any{[[(?:failed to register layer|ApplyLayer|failed to extract layer|failed to unpack|/var/lib/(?:docker|]]
      .. [[containerd)/)[^\n]*no space left on device]], [[write /var/lib/docker/[^\n]*: no space left]]},
    warning = [[UserWarning: Not enough free disk space to download the file]],
  },
  confidence = 0.92,
  when = function(f, log)
    if log.watches then return nil end -- a limit of the kernel: sys.ulimit
    local writer = log.writer or log.torn
    if writer and not (log.no_space or log.windows) then
      if log.enroot then
        return {hit = writer, confidence = 0.86, why = "enroot unpacks the image into its temporary folder, /tmp "
          .. "unless set, and that is full.", fixes = {{setting = "enroot-tmp", kind = "env:ENROOT_TEMP_PATH",
          say = "Let it unpack in a folder of a disk that has several times the image's size (here the working "
            .. "folder)."}}}
      end
      return {hit = writer, confidence = 0.78, why = "A file could not be written to its end: the disk (or its "
        .. "quota) is full, or a network file system refused.",
        fixes = {{free = "disk", say = "Free space where the file is written (df -h and df -i tell), then "
          .. "remove the torn file."}}}
    end
    if log.shm then return nil end -- shared memory, not a disk: oom.shm
    local why, told, first = {"A file system is full (or its quota or inodes are used up)."}, {}, nil
    for _, disk in ipairs(f"system.disks" or {}) do
      if type(disk) == "table" and disk.path and not told[disk.path] then
        local whose = type(disk["for"]) == "string" and disk["for"] or "a disk of this machine"
        told[disk.path] = true
        if disk.inodes_free == 0 and disk.inodes ~= 0 then
          why[#why + 1] = ("%s has no inode left (%s): too many files, not too large ones."):format(disk.path, whose)
        elseif disk.free and disk.free < 1 << 30 then
          why[#why + 1] = ("%s has %d MiB free (%s)."):format(disk.path, disk.free >> 20, whose)
        end
      end
    end
    local variable = not log.build and (log.download and "HF_HOME" or log.tmp and "TMPDIR") or nil
    local full = log.no_space
    local path = full and full.text:match[=[(/[^\s'":,)\]]+)]=]
    if full and log.sif and full.text:match[[(?i)quota]] then
      return {hit = full, why = "apptainer (singularity) keeps the layers and the image that it makes in the home "
        .. "folder, whose quota they use up.", fixes = {{setting = "apptainer-tmp", kind = "env:APPTAINER_CACHEDIR",
          say = "Let it keep them in a folder of a volume that is meant for data (here the working folder)."},
        {setting = "home-usage", kind = "disk", say = "Or see what else fills the home folder."}}}
    end
    if full and full.text:match[[(?i)quota|Errno 122\b|os error 122\b]] then
      return {hit = full, why = "The quota of this user (or of this volume) is used up; the disk itself may have room.",
        fixes = {{setting = "home-usage", kind = "disk", say = "See what fills it, and remove what is not needed: "
            .. "mostly ~/.cache (pip, huggingface), environments and old checkpoints."},
          {host = true, kind = "disk", say = "Or keep caches and environments on the volume that is meant for data "
            .. "(HF_HOME, PIP_CACHE_DIR, TMPDIR), or have the quota raised."}}}
    end
    if log.apptainer and not log.download then
      return {hit = full, why = "apptainer (singularity) unpacks the image into its temporary folder, /tmp unless set, "
        .. "and that is full.", fixes = {{setting = "apptainer-tmp", kind = "env:APPTAINER_TMPDIR", say = "Let it "
          .. "unpack in a folder of a disk that has several times the image's size (here the working folder)."}}}
    end
    if log.layers or log.build then
      return {hit = full, why = "The disk on which the container engine keeps images and containers is full.",
        fixes = {{free = "disk", path = "/var/lib/docker", say = "Remove what no container uses."},
          {free = "disk", say = "Or enlarge that disk, or move the engine's data to another one (data-root)."}}}
    end
    local fixes = {
      {free = "disk", variable = variable, path = path,
        say = variable and ("Point %s at a disk that has room, or free space where it points to."):format(variable)
          or "Free space or enlarge the disk that the path in the message is on (df -h and df -i tell)."},
      {free = "disk", say = "Free space there, or enlarge the disk.",
        cond = function() return variable ~= nil end}}
    return {why = why, fixes = fixes}
  end,
  doc = {looks = "'No space left on device', Errno 28, quota exceeded.",
    check = "df -h and df -i for the path; a path in /dev/shm or torch_* is shared memory instead (oom.shm)."},
}

-- a number of bytes for a person
local function size(bytes)
  if bytes >= 1 << 30 then return ("%.1f GiB"):format(bytes / (1 << 30)) end
  return ("%d MiB"):format(bytes // (1 << 20))
end

local caches = {HF_HOME = true, HF_HUB_CACHE = true, TRANSFORMERS_CACHE = true, HUGGINGFACE_HUB_CACHE = true}

rule {
  id = "disk.full/check",
  severity = "warning",
  check = function(f)
    for _, disk in ipairs(list(f"system.disks")) do
      local cache, free = caches[disk["for"]], disk.free
      if free and disk.inodes ~= 0 and disk.inodes_free == 0 then -- some file systems have no count
        return {confidence = 0.85, severity = "error",
          why = ("%s has no inode left: no new file can be made."):format(disk.path),
          fixes = {{free = "disk", variable = caches[disk["for"]] and "HF_HOME" or nil,
            say = "Remove files there, or use another volume."}}}
      end
      if free and (cache and free < 5 << 30 or disk["for"] == "TMPDIR" and free < 64 << 20) then
        local full = free < 64 << 20
        return {confidence = full and 0.9 or 0.6, severity = full and "error" or "warning",
          why = ("%s (%s) has only %s free; a model of 7 billion parameters takes 13 "
            .. "GiB in 16 bits."):format(disk["for"], disk.path, size(free)), evidence = {"system.disks"},
          fixes = {{free = "disk", variable = disk["for"] == "TMPDIR" and "TMPDIR" or "HF_HOME",
            say = ("Point %s at a disk that has room, or free space there."):format(disk["for"] == "TMPDIR" and "TMPDIR"
              or "HF_HOME")}}}
      end
      local work = disk["for"] == "cwd" or disk["for"] == "below cwd"
      if work and free and disk.writable and not disk.read_only and free < 64 << 20
        and free * 5 < (disk.total or 0) then
        return {confidence = 0.8, why = ("%s, where the worker writes, has only %s free."):format(disk.path,
            size(free)), evidence = {"system.disks"},
          fixes = {{free = "disk", path = disk.path, say = "Free space there, or let it write to another volume."}}}
      end
    end
  end,
}

-- A folder for a cache that this user may make; nil where nothing is known of one.
local function room_elsewhere(f)
  for _, disk in ipairs(list(f"system.disks")) do
    if disk["for"] == "TMPDIR" and disk.writable and (disk.free or 0) > 1 << 30 then
      return disk.path:gsub("/$", "") .. "/huggingface"
    end
  end
end

rule {
  id = "hf.cache-permission/check",
  severity = "warning",
  check = function(f)
    local elsewhere = room_elsewhere(f)
    for _, disk in ipairs(list(f"system.disks")) do
      local home = disk["for"] == "HOME" and f"model.cache.because" == "HOME" and f.pkg"huggingface-hub"
        and not f.env"HF_HOME"
      if (caches[disk["for"]] or home) and (disk.writable == false or disk.read_only) then
        return {confidence = 0.8,
          why = ("%s (%s) cannot be written to: a model that is not there yet cannot "
            .. "be downloaded."):format(disk["for"], disk.path), evidence = {"system.disks"},
          fixes = {elsewhere and {set = {HF_HOME = elsewhere},
              say = "Point HF_HOME at a folder that this user may write to."}
            or {host = true, kind = "env:HF_HOME", say = "Point HF_HOME at a folder that this user may write to."},
            {free = "disk", say = "Or mount the volume writable."}}}
      end
    end
  end,
}
