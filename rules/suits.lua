-- What lies on the disk against what is installed, before the start: settings of a model or an adapter that this
-- release does not know, a file of a newer format, an environment of another Python's packages; and the same in a log,
-- where no other file of rules has it.

-- ---- an adapter of a later peft ----

rule {
  id = "hf.version-conflict/adapter",
  title = "the adapter was saved by a later peft",
  check = function(f)
    local have = f.pkg"peft"
    for _, model in ipairs(have and list(f"workdir.models") or {}) do
      local key = list(model.adapter_unknown)[1]
      if key then
        local ask = atlas.parameter("peft", "LoraConfig", key, have)
        local newer = ask and ask.state == "changed" and ask.newer or ">=0.14" -- which leaves out what it does not know
        return {confidence = 0.88, severity = "warning",
          why = ("adapter_config.json in %s sets %s, which peft %s does not take: a later release wrote it."):format(
            model.path, key, have),
          evidence = {{fact = "workdir.models", value = key}, "python.packages.peft.version"},
          fixes = {{install = "peft", need = newer, say = "Upgrade peft to a release that reads it."}}}
      end
    end
  end,
}

-- ---- rope_scaling of a later transformers ----

rule {
  id = "hf.model-too-new/rope",
  title = "config.json describes its positions as later releases of transformers do",
  check = function(f)
    local have = f.pkg"transformers"
    for _, model in ipairs(have and list(f"workdir.models") or {}) do
      if model.rope_unknown then
        return {confidence = 0.87, severity = "warning",
          why = ("config.json in %s gives rope_scaling a form that transformers %s does not read for this kind of "
            .. "model."):format(model.path, have),
          evidence = {{fact = "workdir.models", value = model.path}, "python.packages.transformers.version"},
          fixes = {{install = "transformers", say = "Upgrade transformers to a release that knows this model."}}}
      end
    end
  end,
}

-- ---- ONNX ----

-- The newest version of ONNX's representation that releases of onnxruntime read, from each on; asked of the releases
-- 1.15 to 1.24 themselves.
local READS = {{"1.15", 9}, {"1.18", 10}, {"1.23", 11}, {"1.24", 13}}

local function reads(have)
  local most
  for _, row in ipairs(READS) do
    if version.cmp(have, row[1]) ~= -1 then most = row[2] end
  end
  return most
end

rule {
  id = "engine.plugin-skew/onnx-file",
  title = "the ONNX file is newer than this onnxruntime",
  check = function(f)
    local package = f.pkg"onnxruntime" and "onnxruntime" or "onnxruntime-gpu"
    local have = f.pkg(package)
    local most = have and reads(have)
    if not most or have:match[[^1\.(?:2[5-9]|[3-9]\d)]] then return nil end
    for _, model in ipairs(list(f"workdir.onnx")) do
      local need
      for _, row in ipairs(READS) do
        if not need and row[2] >= model.ir then need = ">=" .. row[1] end
      end
      if model.ir > most then
        return {confidence = 0.9, severity = "warning",
          why = ("%s is in version %d of ONNX's representation, and %s %s reads none above %d."):format(model.path,
            model.ir, package, have, most),
          computed = {{value = most, of = {most}}},
          evidence = {{fact = "workdir.onnx", value = model.path}, "python.packages." .. package .. ".version"},
          fixes = {{install = package, need = need, say = "Upgrade onnxruntime."},
            {code = true, say = "Or export the model anew for what runs it."}}}
      end
    end
  end,
}

-- ---- a program that a package runs ----

rule {
  id = "sys.lib-missing/program",
  title = "a package runs a program that is not installed",
  check = function(f)
    local programs = f"system.programs"
    if type(programs) ~= "table" or programs.ffmpeg ~= false then return nil end
    for _, module in ipairs(list(f"workdir.imports")) do
      if module == "pydub" or module == "whisper" or module == "ffmpeg" then
        return {confidence = 0.82, severity = "warning",
          why = ("A script imports %s, which runs ffmpeg, and no folder of PATH has that."):format(module),
          evidence = {{fact = "workdir.imports", value = module}, {fact = "system.programs", value = "no ffmpeg"}},
          fixes = {{system = "ffmpeg", say = "Install FFmpeg."}}}
      end
    end
  end,
}

-- ---- the interpreter became another release's ----

rule {
  id = "sys.python-version/left-behind",
  title = "the environment's packages are another Python's than its interpreter",
  check = function(f)
    local left, prefix, python = f"python.left_behind", f"python.prefix", f"python.version"
    if type(left) ~= "string" or type(prefix) ~= "string" or type(python) ~= "string" then return nil end
    return {confidence = 0.9,
      why = ("What is installed in %s is for %s; its interpreter is Python %s, which looks elsewhere."):format(prefix,
        left, python),
      evidence = {"python.left_behind", "python.version"},
      fixes = {{renew = prefix, python = left, effect = {["python.left_behind"] = false},
          say = ("Give the environment the interpreter that it was made for (%s), where that is still there."):format(
            left)},
        {code = true, kind = "pip:package", say = "Or install what the worker needs for this Python."}}}
  end,
}

-- ---- a network interface that is not here ----

local FACES = {GLOO_SOCKET_IFNAME = "gloo", NCCL_SOCKET_IFNAME = "NCCL"}

rule {
  id = "nccl.init/interface",
  title = "a variable names a network interface that is not here",
  explains = {"env.variable-ignored"},
  check = function(f)
    for _, note in ipairs(list(f"env_notes")) do
      local who, value = FACES[note.name], f.env(note.name)
      if who and note.kind == "malformed" and type(value) == "string" then
        return {confidence = 0.88, severity = "warning",
          why = ("%s is %s, and no network interface of that name is here: %s finds none to talk over."):format(
            note.name, value, who), evidence = {"env." .. note.name},
          fixes = {{unset = {note.name}, effect = {["env_notes"] = {}},
            say = ("Unset it: %s then chooses one that is there."):format(who)}}}
      end
    end
  end,
}

-- ---- a token that no request can carry ----

local TOKENS = {HF_TOKEN = true, HUGGING_FACE_HUB_TOKEN = true}

local function bad_token(f)
  for _, note in ipairs(list(f"env_notes")) do
    if TOKENS[note.name] and note.kind == "malformed" then
      return {confidence = 0.9, title = "the token holds what no request can carry",
        why = ("%s: %s."):format(note.name, note.text), evidence = {"env." .. note.name},
        fixes = {{login = "hub", say = ("Set %s to the token as the hub shows it once, or log in anew."):format(
          note.name)}}}
    end
  end
end

rule {
  id = "hf.token-invalid/letters",
  anyone = "interpreter",
  signatures = {encode = [[UnicodeEncodeError: '(?:latin-1|ascii)' codec can't encode character]]},
  facts = {"env_notes"},
  specific_over = {"app.bug", "env.variable-ignored"},
  explains = {"env.variable-ignored"},
  when = function(f, log)
    local sent = log.has_frame[[(?:http/client|httpx\w*/_models|requests/\w+|urllib3/\w+)\.py]]
    local answer = sent and bad_token(f) or nil
    if answer then answer.hit = log.encode end
    return answer
  end,
  check = function(f)
    local answer = bad_token(f)
    if answer then answer.severity = "warning" end
    return answer
  end,
  doc = {looks = "UnicodeEncodeError: 'latin-1' codec can't encode character, where a request's headers are written.",
    check = "An ellipsis, quotes or white space in HF_TOKEN that were copied along."},
}

-- ---- a tokenizer that is to be converted, and protobuf is not there ----

-- transformers' own words, behind the failed import of 'google' that they came from.
rule {
  id = "hf.tokenizer-dep/protobuf",
  from = {"transformers"},
  signatures = {needs = [[requires the protobuf library but it was not found in your environment]]},
  facts = {"python.packages.protobuf.version"},
  specific_over = {"pip.module-missing", "hf.tokenizer-dep"},
  confidence = 0.92,
  when = function(f)
    local piece = f.pkg"sentencepiece" == false
    return {why = "The tokenizer is converted by means of protobuf, and that is not installed.",
      fixes = {piece and {install = "sentencepiece", absent = true, with = {"protobuf"},
          say = "Install protobuf, and sentencepiece, which reads the same tokenizers and is not here either."}
        or {install = "protobuf", say = "Install protobuf."}}}
  end,
  doc = {looks = "'requires the protobuf library but it was not found in your environment'.",
    check = "protobuf and sentencepiece in the interpreter that runs."},
}

-- ---- a part of the model cache that another user closed ----

rule {
  id = "hf.cache-permission/part",
  title = "a part of the model cache belongs to another user",
  check = function(f)
    local path = f"model.closed"
    if type(path) ~= "string" then return nil end
    local elsewhere
    local owner = {host = true, kind = "os", say = "Give that folder to the worker's user, or remove it as its owner."}
    for _, disk in ipairs(list(f"system.disks")) do
      if disk["for"] == "TMPDIR" and disk.writable and (disk.free or 0) > 1 << 30 then
        elsewhere = disk.path:gsub("/$", "") .. "/huggingface/hub"
      end
    end
    return {confidence = 0.82, severity = "warning",
      why = ("The cache may be written to, but not %s in it: what has to be downloaded or locked there fails."):format(
        path), evidence = {"model.closed"},
      fixes = elsewhere and {{set = {HF_HUB_CACHE = elsewhere}, effect = {["model.closed"] = false},
          say = "Point HF_HUB_CACHE at a folder that this user may write to."}, owner} or {owner}}
  end,
}

-- ---- datasets and the file systems of a later fsspec ----

local function fsspec_bound(f)
  for _, c in ipairs(list(f"python.conflicts")) do
    local need = c.package == "datasets" and c.found and c.requires:match[=[^fsspec(?:\[\w+\])?\s*\(?([<>=!~][^;)]*)]=]
    if need then return need, c.found end
  end
end

rule {
  id = "hf.version-conflict/fsspec",
  title = "fsspec is newer than this datasets can use",
  from = {"datasets", "other"},
  signatures = {
    own = [[Loading a dataset cached in a LocalFileSystem is not supported]],
    pattern = [[Invalid pattern: '\*\*' can only be an entire path component]],
  },
  facts = {"python.conflicts"},
  specific_over = {"hf.version-conflict", "pip.conflict", "app.bug"},
  when = function(f, log)
    local need, found = fsspec_bound(f)
    if not need then return nil end
    return {hit = log.own or log.pattern, confidence = 0.93,
      why = ("datasets asks for fsspec %s, and %s is installed: it takes this machine's own disk for a remote one.")
        :format(need, found), evidence = {"python.conflicts"},
      fixes = {{install = "fsspec", need = need, say = "Install the fsspec that this datasets asks for."},
        {install = "datasets", say = "Or upgrade datasets."}}}
  end,
  check = function(f)
    local need, found = fsspec_bound(f)
    if not need or not found or version.matches(found, need) ~= false then return nil end
    return {confidence = 0.8, severity = "warning",
      why = ("datasets asks for fsspec %s, and %s is installed."):format(need, found), evidence = {"python.conflicts"},
      fixes = {{install = "fsspec", need = need, say = "Install the fsspec that this datasets asks for."}}}
  end,
  doc = {looks = "'Loading a dataset cached in a LocalFileSystem is not supported'.",
    check = "fsspec against what datasets requires: pip check."},
}
