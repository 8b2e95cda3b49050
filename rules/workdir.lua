-- What the folder tells that a worker is started in, before it starts: models that are damaged or of a newer kind, what
-- its scripts ask for and is not here, files that hide a package. What is only likely to be run is a warning.

local function name_of(path)
  return tostring(path):match[[([^/]+)/?$]] or tostring(path)
end

-- The models that this worker can be meant to load: those that a script, a variable or the command line names, and
-- where nobody names one, what lies in the folder. The second answer: it was named.
local function models(f)
  local named = {}
  for _, model in ipairs(list(f"workdir.models")) do
    if model.because ~= "folder" then named[#named + 1] = model end
  end
  if #named > 0 then return named, true end
  return list(f"workdir.models"), false
end

-- Scripts that ask for something; nil when none does.
local function asking(f, what)
  for _, script in ipairs(list(f"workdir.scripts")) do
    for _, ask in ipairs(list(script.asks)) do
      if ask == what then return script.file, script end
    end
  end
end

local kinds = {
  lfs = "is a git-lfs pointer in place of the file", ["web-page"] = "is a web page, saved under this name",
  empty = "is empty", short = "is cut short", other = "is another document than its name says",
  torn = "does not begin (or end) as its format does",
}

-- One damaged file, or a shard that is not there, in words and as what is to be fetched again.
local function damage_of(model)
  local bad
  for _, file in ipairs(list(model.damaged)) do bad = bad or file.kind ~= "denied" and file end
  if bad then
    local sizes = bad.kind == "lfs" and "" or bad.wants
      and (": it has %d bytes, and its own header promises %d"):format(bad.size, bad.wants) or ""
    return {text = ("%s in %s %s%s."):format(bad.file, model.path, kinds[bad.kind] or "is damaged", sizes),
      value = ("%s: %s, %d bytes"):format(bad.file, bad.kind, bad.size),
      fix = {fetch = true, path = model.path .. "/" .. bad.file, repo = model.repo or model.name,
        lfs = bad.kind == "lfs" or nil,
        say = bad.kind == "lfs" and "Let git-lfs bring the real file."
          or "Take that file away and download it again, then compare its size with the hub's."}}
  end
  local part = list(model.parts)[1]
  if part then
    return {text = ("%s: the folder %s is not there, and %s names it as a part of the model."):format(model.path,
        part.folder, part.named_by), value = part.folder .. " is missing",
      fix = {fetch = true, repo = model.repo, path = model.repo and model.path .. "/config.json",
        only = part.folder .. "/*", say = "Fetch that folder into the same place."}}
  end
  local shard = list(model.missing)[1]
  if shard then
    return {text = ("%s: %s is not there, and the other shards, or their index, promise it."):format(model.path, shard),
      value = shard .. " is missing", fix = {fetch = true, path = model.repo and model.path .. "/" .. shard,
        repo = model.repo, say = "Fetch the missing file into the same place."}}
  end
end

rule {
  id = "hf.incomplete/folder",
  explains = {"hf.not-found", "hf.tokenizer-dep", "hf.model-too-new"},
  check = function(f)
    local all, named = models(f)
    for _, model in ipairs(all) do
      local damage = damage_of(model)
      if damage then
        return {confidence = (named or #all == 1) and 0.9 or 0.75,
          severity = (named or #all == 1) and "error" or "warning", why = damage.text,
          evidence = {{fact = "workdir.models", value = damage.value}}, fixes = {damage.fix}}
      end
    end
    for _, repo in ipairs(list(f"model.repos")) do
      local damage = damage_of(repo)
      if damage then
        return {confidence = 0.85, severity = "warning", why = damage.text,
          evidence = {{fact = "model.repos", value = damage.value}}, fixes = {damage.fix}}
      end
    end
  end,
}

-- A file that is whole JSON and not what its name says: the reader misses the first thing that it asks for.
rule {
  id = "hf.incomplete/other-document",
  title = "a file of the model is another document than its name says",
  anyone = "interpreter",
  signatures = {key = [[KeyError: ['"](?<key>added_tokens|weight_map|model)['"]\s*$]]},
  facts = {"workdir.models"},
  specific_over = {"app.bug"},
  when = function(f, log)
    local hit, frames = log.key, log.key.event.frames or {}
    local last = frames[#frames]
    if not last or not last.file:match[[(?:tokenization_utils\w*|/hub|modeling_utils)\.py$]] then return nil end
    for _, model in ipairs(list(f"workdir.models")) do
      local damage = damage_of(model)
      if damage then
        return {hit = hit, confidence = 0.92, why = damage.text,
          evidence = {{fact = "workdir.models", value = damage.value}}, fixes = {damage.fix}}
      end
    end
    local file = hit.key == "weight_map" and "The index of the shards" or "tokenizer.json"
    return {hit = hit, confidence = 0.84,
      why = ("%s has no part {key}, which each has: it is another document than its name says."):format(file),
      fixes = {{fetch = true, say = "Take that file away and download it again."}}}
  end,
  doc = {looks = "KeyError: 'added_tokens' while a tokenizer is loaded, KeyError: 'weight_map' of an index of shards.",
    check = "The first lines of tokenizer.json or model.safetensors.index.json."},
}

-- A file below a model that is not there: a folder was left out when the model was copied.
rule {
  id = "hf.incomplete/part",
  title = "a part of the model was left out",
  anyone = "system",
  signatures = {gone = [=[No such file or directory: ['"](?<path>[^'"\n]+)['"]]=]},
  facts = {"workdir.models"},
  specific_over = {"hf.not-found", "app.bug"},
  when = function(f, log)
    for _, model in ipairs(list(f"workdir.models")) do
      local part = list(model.parts)[1]
      if part and log.gone.path:has(name_of(model.path) .. "/" .. part.folder) then
        local damage = damage_of(model)
        return {hit = log.gone, confidence = 0.9, why = damage.text,
          evidence = {{fact = "workdir.models", value = damage.value}}, fixes = {damage.fix}}
      end
    end
  end,
  doc = {looks = "No such file or directory: './model/1_Pooling/config.json'.",
    check = "modules.json and model_index.json against the folders that are there."},
}

-- An adapter is weights for another model: transformers loads it by peft, and without that takes it for a whole model
-- that lost its config.json.
local function adapter_of(f, path)
  if f.pkg"peft" ~= false or not f.pkg"transformers" then return nil end
  local all, named = models(f)
  for _, model in ipairs(path and list(f"workdir.models") or named and all or {}) do
    if model.adapter and (not path or name_of(path) == name_of(model.path)) then
      return {confidence = path and 0.92 or 0.8,
        why = ("%s is an adapter (it has an adapter_config.json and no config.json): loading it takes peft, which is "
          .. "not installed."):format(model.path), evidence = {{fact = "workdir.models",
            value = name_of(model.path) .. ": adapter_config.json"}},
        fixes = {{install = "peft", say = "Install it."}}}
    end
  end
end

rule {
  id = "pip.module-missing/adapter",
  title = "an adapter is loaded without peft",
  severity = "warning",
  anyone = "request",
  signatures = {
    no_config = [=[(?<path>\S+) does not appear to have a file named config\.json]=],
    no_type = [=[Unrecognized model in (?<path2>\S+?)\. Should have a `model_type` key]=],
  },
  facts = {"workdir.models"},
  specific_over = {"hf.not-found", "hf.incomplete"},
  when = function(f, log)
    local hit = log.no_config or log.no_type
    local answer = adapter_of(f, hit.path or hit.path2)
    if answer then answer.hit, answer.severity = hit, nil end
    return answer
  end,
  check = function(f) return adapter_of(f) end,
  doc = {looks = "'... does not appear to have a file named config.json', of a folder with an adapter_config.json.",
    check = "Whether peft is installed."},
}

-- Precisions as people write them, and as torch calls them.
local PRECISIONS = {fp16 = "float16", f16 = "float16", bf16 = "bfloat16", fp32 = "float32", f32 = "float32",
  fp64 = "float64"}

local function precision_of(f, name)
  for _, model in ipairs(name and list(f"workdir.models") or models(f)) do
    local written = list(model.config).dtype
    local right = written and (not name or name == written) and PRECISIONS[written]
    if right then
      return {confidence = 0.9,
        why = ("config.json of %s says that the weights are of type %s, and torch calls that %s."):format(model.path,
          written, right),
        evidence = {{fact = "workdir.models", value = ("%s: %s"):format(name_of(model.path), written)}},
        fixes = {{edit = model.path .. "/config.json", from = '"' .. written .. '"', by = '"' .. right .. '"',
          effect = {["workdir.models"] = {}}, say = "Write the name that torch has."}}}
    end
  end
end

rule {
  id = "hf.weights-mismatch/dtype",
  title = "config.json names a precision that torch does not know",
  anyone = "interpreter",
  signatures = {dtype = [[AttributeError: module 'torch' has no attribute '(?<dtype>fp16|f16|bf16|fp32|f32|fp64)']]},
  facts = {"workdir.models"},
  specific_over = {"app.bug", "pip.conflict"},
  when = function(f, log)
    local answer = precision_of(f, log.dtype.dtype)
    if answer then answer.hit = log.dtype end
    return answer
  end,
  check = function(f)
    local answer = precision_of(f)
    if answer then answer.severity = "warning" end
    return answer
  end,
  doc = {looks = "module 'torch' has no attribute 'fp16', raised while a model is loaded.",
    check = "torch_dtype (dtype) in config.json: float16, bfloat16, float32."},
}

rule {
  id = "hf.model-too-new/folder",
  severity = "warning",
  check = function(f)
    local have = f.pkg"transformers"
    for _, model in ipairs(models(f)) do
      local config = list(model.config)
      local made = config.transformers
      if have and config.known == false and made and version.cmp(made, have) == 1 then
        return {confidence = 0.87, severity = model.because ~= "folder" and "error" or "warning",
          why = {("%s is of the type %s, which transformers %s does not know; it was saved with "
            .. "transformers %s."):format(model.path, config.type, have, made)},
          evidence = {{fact = "workdir.models", value = ("%s of transformers %s"):format(config.type, made)},
            "python.packages.transformers.version"},
          fixes = {{install = "transformers", need = ">=" .. made:match[[^\d+(?:\.\d+)*]],
            say = "Upgrade transformers to a release that knows this model."}}}
      end
    end
  end,
}

rule {
  id = "hf.tokenizer-dep/folder",
  severity = "warning",
  check = function(f)
    local reads = f.pkg"sentencepiece" == false and "sentencepiece" or f.pkg"protobuf" == false and "protobuf"
    if not f.pkg"transformers" or not reads then return nil end
    for _, model in ipairs(models(f)) do
      local has = {}
      for _, file in ipairs(list(model.tokenizer)) do has[file] = true end
      local piece = has["tokenizer.model"] and "tokenizer.model" or has["spiece.model"] and "spiece.model"
        or has["sentencepiece.bpe.model"] and "sentencepiece.bpe.model"
      if piece and not has["tokenizer.json"] and not has["tekken.json"] then
        return {confidence = 0.85,
          why = ("The tokenizer of %s is a %s alone, without a tokenizer.json: reading it takes %s, which is not "
            .. "installed."):format(model.path, piece, reads),
          evidence = {{fact = "workdir.models", value = piece}},
          fixes = {{install = reads, with = reads == "sentencepiece" and {"tiktoken", "protobuf"} or nil,
            say = "Install what reads tokenizers of this form."}}}
      end
    end
  end,
}

rule {
  id = "hf.trust-remote-code/folder",
  severity = "warning",
  check = function(f)
    local all, named = models(f)
    for _, model in ipairs(named and all or {}) do
      if list(model.config).custom_code and model.because:match[[\.py$]] and not asking(f, "trust_remote_code") then
        return {confidence = 0.7,
          why = ("%s brings its own model code, and %s, which loads it, does not allow that to run."):format(model.path,
            model.because), evidence = {{fact = "workdir.models", value = name_of(model.path) .. ": auto_map"}},
          fixes = {{argument = "trust_remote_code", value = "True",
            say = "If you trust its author, pass trust_remote_code=True where the model is loaded."}}}
      end
    end
  end,
}

-- A package that transformers takes only where a script asks for what it does.
local function script_needs(cause, package, asks, words, fixes)
  rule {
    id = cause .. "/" .. package,
    severity = "warning",
    check = function(f)
      if f.pkg(package) ~= false or not f.pkg"transformers" then return nil end
      for _, ask in ipairs(asks) do
        local script = asking(f, ask)
        if script then
          return {confidence = 0.85, why = ("%s %s, and %s is not installed."):format(script, words, package),
            evidence = {{fact = "workdir.scripts", value = script}}, fixes = fixes}
        end
      end
    end,
  }
end

script_needs("flash-attn.missing", "flash-attn", {"flash_attention_2"}, "asks for flash_attention_2", {
  {install = "flash-attn", build = true, say = "Install it (a prebuilt wheel for this torch, CUDA and Python saves an "
    .. "hour of compiling)."},
  {argument = "attn_implementation", value = "'sdpa'", say = "Or do without: attn_implementation='sdpa'."},
})
script_needs("accelerate.missing", "accelerate", {"device_map"}, "loads a model with device_map",
  {{install = "accelerate", say = "Install it."}})
script_needs("pip.module-missing", "gguf", {"gguf_file"}, "loads a GGUF file",
  {{install = "gguf", say = "Install it."}})
script_needs("bnb.not-installed", "bitsandbytes", {"load_in_4bit", "load_in_8bit"}, "loads a model in 4 or 8 bits",
  {{install = "bitsandbytes", say = "Install it."}})

rule {
  id = "triton.compile/script",
  severity = "warning",
  check = function(f)
    local script, programs = asking(f, "compile"), f"system.programs"
    if not script or not f.pkg"torch" or type(programs) ~= "table" then return nil end
    local gpu = #f.gpus() > 0
    local c = programs.gcc or programs.clang or programs.cc or f.env"CC"
    local cxx = programs["g++"] or programs["clang++"] or f.env"CXX"
    if gpu and not c or not gpu and not cxx then
      return {confidence = 0.85, why = ("%s uses torch.compile, which compiles %s at run time, and no compiler for it "
        .. "is on PATH."):format(script, gpu and "C" or "C++"), evidence = {{fact = "workdir.scripts", value = script},
        {fact = "system.programs", value = gpu and "no gcc, no clang" or "no g++, no clang++"}},
        fixes = {{system = gpu and "gcc" or "g++", kind = "apt:gcc", say = "Install a compiler in the image."},
          {set = {TORCHDYNAMO_DISABLE = "1"}, say = "Or run without torch.compile."}}}
    end
    if f"python.headers" == false then
      return {confidence = 0.75, why = ("%s uses torch.compile, which compiles a module for this Python at run time, "
        .. "and Python's headers are not installed."):format(script),
        evidence = {{fact = "workdir.scripts", value = script}, "python.headers"},
        fixes = {{system = "python3-dev", say = "Install the headers of the Python that runs."},
          {set = {TORCHDYNAMO_DISABLE = "1"}, say = "Or run without torch.compile."}}}
    end
  end,
}

rule {
  id = "cuda.nvcc-missing/source",
  severity = "warning",
  check = function(f)
    local cu, programs = f"torch.cuda", f"system.programs"
    local script = list(f"workdir.sources")[1] or asking(f, "cpp_extension")
    if not script or type(cu) ~= "string" or type(programs) ~= "table" or programs.nvcc or f"cuda.toolkit.version"
      or f.env"CUDA_HOME" then return nil end
    return {confidence = 0.8, why = {("%s compiles CUDA code, and there is no CUDA compiler (nvcc, CUDA_HOME) "
      .. "here."):format(script), "It should be of torch's CUDA version, {fact:torch.cuda}."},
      evidence = {{fact = "workdir.sources", value = script}, "torch.cuda"},
      fixes = {{toolkit = "install", need = cu,
          say = ("Install the CUDA toolkit %s (or use a -devel image)."):format(cu)},
        {code = true, kind = "pip:package", say = "Or install a prebuilt wheel, so that nothing is compiled."}}}
  end,
}

-- A file of the folder that stands before a module of that name; one of Python's own where that is asked for.
local function hidden_answer(f, own)
  for _, hidden in ipairs(list(f"workdir.shadows")) do
    if not own or not hidden.package then
      return {confidence = 0.8,
        why = ("%s stands before %s on sys.path when a script of this folder runs: whatever imports %s gets this "
          .. "file."):format(hidden.file, hidden.package and "the installed package"
          or "Python's own module", hidden.module), evidence = {{fact = "workdir.shadows", value = hidden.file}},
        fixes = {{move = hidden.file, to = "my_" .. hidden.file, effect = {["workdir.shadows"] = {}},
          say = "Give that file another name."}}}
    end
  end
end

rule {
  id = "pip.broken-install/beside",
  anyone = "interpreter",
  -- so says compiled code, which does not name the module
  signatures = {name = [[ImportError: cannot import name (?<symbol>[A-Za-z_]\w*)$]]},
  facts = {"workdir.shadows"},
  specific_over = {"app.bug", "pip.conflict", "pip.broken-install"},
  when = function(f, log)
    local frames = log.name.event.frames or {}
    local last = frames[#frames]
    if (log.name.event.tier or 0) < 3 or not last or not last.file:match[[\.pyx$]] then return nil end
    local answer = hidden_answer(f, true)
    if answer then answer.hit, answer.confidence = log.name, 0.86 end
    return answer
  end,
  check = function(f)
    local answer = hidden_answer(f, false)
    if answer then answer.severity = "warning" end
    return answer
  end,
  doc = {looks = "ImportError: cannot import name randbits, raised in a compiled module.",
    check = "Files of the folder that are called as modules of Python are."},
}

rule {
  id = "hf.offline/variable",
  severity = "warning",
  check = function(f)
    local function on(name)
      local value = f.env(name)
      return type(value) == "string" and value:match[[^(?i:1|true|yes|on)$]] and name
    end
    local variable = on"HF_HUB_OFFLINE" or on"TRANSFORMERS_OFFLINE"
    if not variable or not f"model.cache.path" then return nil end
    local cached, wanted = {}, nil
    for _, repo in ipairs(list(f"model.repos")) do
      if (repo.revisions or 0) > 0 and not repo.gone then cached[repo.name] = true end
    end
    for _, script in ipairs(list(f"workdir.scripts")) do
      for _, repo in ipairs(list(script.repos)) do
        if not cached[repo] then wanted = wanted or {repo, script.file} end
      end
    end
    -- a cache that somebody pointed at, and not one model in it
    local _, named = models(f)
    local empty = next(cached) == nil and f"model.cache.because" ~= "HOME" and not named
    if not wanted and not empty then return nil end
    return {confidence = wanted and 0.85 or 0.6,
      why = {("%s is set, so that nothing is downloaded."):format(variable), wanted
        and ("%s asks for %s, which is not (or not whole) in the cache %s."):format(wanted[2], wanted[1],
          f"model.cache.path")
        or ("The cache %s, which %s names, holds no whole model: only one that is given as a folder can be loaded.")
          :format(f"model.cache.path", f"model.cache.because")},
      evidence = {"env." .. variable, "model.cache.path"},
      fixes = {{unset = {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"},
          say = "If the model may be downloaded, unset the variable; else download it beforehand into that cache."},
        {host = true, kind = "env:HF_HOME", say = "Or mount the cache that holds it, and point HF_HOME at it."}}}
  end,
}

-- A clean-up took the files and left the links of the snapshot: online they would be fetched again.
rule {
  id = "hf.offline/pruned",
  title = "the cache has lost files of the model, and nothing may be fetched",
  from = {"hub", "engine"},
  signatures = {
    lacks = [=[(?<repo>[\w.-]+/[\w.-]+) does not appear to have (?:a file|files) named]=],
    offline = [[(?:cannot find (?:the )?(?:requested|appropriate) [^\n]{0,60}\b(?:cache|snapshot)|]]
      .. [[couldn't find (?:it|them) in the cached files)]],
    nothing = [[AttributeError: 'NoneType' object has no attribute 'endswith']], -- the path of the weights
  },
  facts = {"env.HF_HUB_OFFLINE", "model.repos"},
  specific_over = {"hf.not-found", "hf.offline"},
  when = function(f, log)
    local hit = log.lacks or log.offline or log.has_frame[[\bload_state_dict\b]] and log.nothing
    if not hit then return nil end
    local variable = f.env"HF_HUB_OFFLINE" and "HF_HUB_OFFLINE"
      or f.env"TRANSFORMERS_OFFLINE" and "TRANSFORMERS_OFFLINE"
    for _, repo in ipairs(variable and list(f"model.repos") or {}) do
      if repo.gone and (not hit.repo or repo.name == hit.repo) then
        return {hit = hit, confidence = 0.92,
          why = {("In the cache %s of %s leads nowhere: its file was removed, and the link to it was left."):format(
            repo.gone[1], repo.name), ("%s forbids to fetch it again."):format(variable)},
          evidence = {{fact = "model.repos", value = ("%s: %s"):format(repo.name, repo.gone[1])}, "env." .. variable},
          fixes = {{unset = {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"},
            say = "Let it be fetched once: unset the variable."}}}
      end
    end
  end,
  doc = {looks = "'does not appear to have a file named pytorch_model.bin', of a repository in the cache, offline.",
    check = "ls -lL in the snapshot's folder."},
}

rule {
  id = "hf.offline/proxy",
  severity = "warning",
  check = function(f)
    local variable = f"system.proxy.variable"
    if f"system.proxy.listening" ~= false then return nil end
    local without = f.env"no_proxy" or f.env"NO_PROXY"
    if type(without) == "string" and without:match[[(?:^|,)\s*(?:\*|\.?huggingface\.co)\s*(?:,|$)]] then return nil end
    return {confidence = 0.85,
      why = ("%s names port %d of this machine, and nothing listens there: no model can be fetched through it."):format(
        variable, f"system.proxy.port"), evidence = {"system.proxy.variable", "system.proxy.port"},
      fixes = {{unset = f"system.proxy.variables" or {variable}, effect = {["system.proxy.listening"] = true},
        say = "Unset what names it, or start what should listen there."}}}
  end,
}

local COUNTED = {nofile = true, nproc = true, pids = true} -- the others are lifted altogether

rule {
  id = "sys.ulimit/low",
  severity = "warning",
  check = function(f)
    local rows = {
      {"nofile", 256, "open files: every shard, socket and worker takes one"},
      {"nproc", f"system.security.uid" ~= 0 and 128 or 0, "processes and threads: torch and its loaders start dozens"},
      {"pids", 64, "processes and threads in this container: torch and its loaders start dozens"},
      {"cpu", 600, "seconds of processor time: loading a model takes minutes of it, and serving has no end"},
      {"fsize", 1 << 30, "bytes in one file: a checkpoint, a cached shard or a core dump is larger"},
      {"as", 16 << 30, "bytes of address space: CUDA and torch reserve tens of gigabytes of it, whatever they use"},
      {"data", 4 << 30, "bytes of memory of its own: torch alone takes gigabytes"},
    }
    for _, row in ipairs(rows) do
      local value = f("system.limits." .. row[1])
      if type(value) == "number" and value < row[2] then
        return {confidence = 0.8, why = ("This process may have no more than %d %s."):format(value, row[3]),
          evidence = {"system.limits." .. row[1]},
          fixes = {{limit = row[1] == "pids" and "nproc" or row[1], value = COUNTED[row[1]] and 65536 or nil,
              say = "Raise the limit before the worker starts."},
            {host = true,
              say = "For good, in /etc/security/limits.conf, the service unit or the container's options."}}}
      end
    end
  end,
}
