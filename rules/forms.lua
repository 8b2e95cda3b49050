-- Weights that lie there in another form than the one that is asked for, or not all of them: of another framework, as
-- another variant, as GGUF; a shard that is left out.

-- The repository that a folder of weights was fetched from, as far as its place, the facts or the program tell.
local function repository(f, log, path)
  local id = [[^[A-Za-z0-9][\w.-]*/[\w.-]+$]]
  if path then
    for _, model in ipairs(list(f"workdir.models")) do
      local at = tostring(model.path):gsub("/+$", "")
      if path == at or path:sub(1, #at + 1) == at .. "/" then
        local name = model.repo or model.name or list(model.config).name
        return name and name:match(id)
      end
    end
    return nil
  end
  local set = log.setting"model" or log.setting"model_path" or log.setting"model_id"
  if type(set) == "string" and set:match(id) then return set end
  return log.given and log.given.repo
end

local GIVEN = [=[from_pretrained\(\s*(?:model_id\s*=\s*|pretrained_model_name_or_path\s*=\s*)?]=]
  .. [=[['"](?<repo>[A-Za-z0-9][\w.-]*/[\w.-]+)['"]]=]

-- ---- a shard ----

rule {
  id = "hf.incomplete/shard",
  from = {"hub", "engine", "app", "other"},
  anyone = {shard = "system"},
  signatures = {
    shard = any{[[No such file or directory: ]], [[No such file or directory \(os error 2\)[^\n]{0,40}]]}
      .. [[['"]?(?<path>[^'"\s]*-\d{5}-of-\d{5}\.(?:safetensors|bin|gguf))]],
    named = [[(?<repo>[\w./-]+) does not appear to have a file named ]]
      .. [[['"]?(?<file>[^'"\s]*-\d{5}-of-\d{5}\.(?:safetensors|bin|gguf))]],
  },
  context = {given = GIVEN},
  facts = {"workdir.models"},
  specific_over = {"hf.not-found"},
  confidence = 0.85,
  when = function(f, log)
    local hit = log.shard or log.named
    local path = log.shard and hit.path or (hit.repo .. "/" .. hit.file)
    local cached = path:match[[/models--[\w.-]+/]] ~= nil
    local folder = log.named and hit.repo or path:match[[^(.*)/[^/]+$]]
    local here = folder and folder:match[[^(?:/|\.)]] ~= nil
    local repo = not cached and (here and (repository(f, log, folder) or log.given and log.given.repo)
      or log.named and hit.repo or nil)
    local told = {hit = hit, why = ("The model's index is there and names %s, which is not: the download or copy "
      .. "stopped, or that file was left out or deleted."):format(path:match[=[[^/]+$]=])}
    local fix = {fetch = true, say = "Fetch the missing file into the same place, then compare the list of files with "
      .. "the hub's."}
    if cached then
      fix.path = path
    elseif repo then
      fix.repo, fix.path = repo, here and path or path:match[=[[^/]+$]=]
    else
      fix.say = ("Copy or download %s into that folder again from where the model came from, then compare the list of "
        .. "files."):format(path:match[=[[^/]+$]=])
    end
    told.fixes = {fix,
      {free = "disk", say = "If it is missing again, look for a full disk or a quota at that folder."}}
    return told
  end,
  doc = {looks = "'No such file or directory: .../model-00002-of-00006.safetensors'.",
    check = "The names in model.safetensors.index.json against the files of the folder."},
}

-- ---- another form ----

-- What the message says that there is, and the argument that takes it: {value, sentence, package that it needs}.
local FORMS = {
  from_tf = {"True", "Read the TensorFlow weights that are there; tensorflow must be installed for that.",
    "tensorflow-cpu"},
  from_flax = {"True", "Read the Flax weights that are there; flax must be installed for that.", "flax"},
  from_pt = {"True", "Read the PyTorch weights that are there; torch must be installed for that.", "torch"},
  variant = {"None", "Take the weights without a variant: those are there."},
  use_safetensors = {"False", "Read the weights that are there: they are no safetensors."},
  export = {"True", "Let the model be converted as it is loaded: only its original weights are there."},
}

-- The name of the argument, and the hit that asks for it.
local function wanted(log)
  if log.says then return log.says.argument, log.says end
  if log.variant then return "variant", log.variant end
  if log.plain then return "use_safetensors", log.plain end
  return "export", log.converted
end

rule {
  id = "hf.not-found/form",
  title = "the weights are there in another form than the one asked for",
  from = {"hub", "engine", "app", "other"},
  signatures = {
    says = [[but there is a file (?:for \w+ weights|without the variant \S+)\. Use `(?<argument>\w+)=\w+`]],
    variant = [[You are trying to load the model files of the `variant=(?<form>\w+)`, but no such modeling files]],
    plain = [[Could not find the necessary `safetensors` weights in]],
    converted = [[Could not find any (?:ONNX|OpenVINO) model file|]]
      .. [[Could not find (?:the )?\S+ file named \S*(?:model\.onnx|openvino_model\.xml)]],
  },
  specific_over = {"hf.not-found"},
  explains = {"hf.not-found"},
  when = function(f, log)
    local argument, hit = wanted(log)
    local form = FORMS[argument]
    if not form then return nil end
    local package = form[3]
    local needs = package and f.pkg(package:match[[^\w+]]) == false and f.pkg(package) == false
    return {hit = hit, confidence = 0.92,
      why = argument == "export" and "The repository or folder has no converted model, and the class that loads it "
        .. "wants one." or "The repository or folder has the weights, in another form than the one that is asked for.",
      fixes = {{argument = argument, value = form[1], say = form[2]},
        needs and {install = package, absent = true, say = ("It needs %s beside it, which is not installed."):format(
          package)} or nil,
        {code = true, kind = "param:model", say = "Or name a repository that has the weights in the form asked for."}}}
  end,
  doc = {looks = "... but there is a file for TensorFlow weights. Use `from_tf=True` to load this model from those "
    .. "weights.", check = "The list of files of the repository or folder."},
}

rule {
  id = "hf.not-found/gguf-repository",
  title = "a repository of GGUF files is loaded as one of safetensors",
  from = {"hub", "engine", "app", "other"},
  signatures = {
    none = [[(?<model>[\w./-]*(?i:gguf)[\w.-]*) does not appear to have (?:a |files? )(?:file )?named ]]
      .. [[(?:config\.json|pytorch_model|model\.safetensors)]],
    engine = [[Cannot find any model weights with ['"`](?<model2>[^'"`\n]*(?i:gguf)[^'"`\n]*)]],
  },
  specific_over = {"hf.not-found"},
  when = function(_, log)
    local hit = log.none or log.engine
    local model = hit.model or hit.model2
    return {hit = hit, confidence = 0.9,
      why = ("By its name %s holds GGUF files, each of them a whole model, and no config.json and safetensors beside "
        .. "them."):format(model),
      fixes = {{code = true, kind = "param:model", say = log.engine and "Give the engine one GGUF file by its path, "
          .. "with --tokenizer of the original model, or serve the repository with the original weights."
          or "Name one of its files as well (gguf_file=\"....gguf\" of from_pretrained, for tokenizer and model), or "
          .. "load the repository with the original weights."},
        {code = true, kind = "param:model", say = "Or serve it with llama.cpp or Ollama, which read GGUF by "
          .. "themselves."}}}
  end,
  doc = {looks = "...-GGUF does not appear to have a file named config.json.",
    check = "The list of files of the repository."},
}

-- ---- no weights at all ----

rule {
  id = "hf.not-found/no-weights",
  title = "a model's folder has no weights",
  from = {"hub", "engine", "app", "other"},
  signatures = {
    folder = [[Error no file named [^\n]{1,300} found in directory (?<path>/[^\n]*?[^\n.])\.?\s*$]],
    engine = any{
      [[Cannot find any model weights with ['"`](?<path2>/[^'"`\n]+)]],
      [[No (?:local )?(?:\.\w+ )?weights found in (?<path3>/\S+)]],
    },
  },
  context = {given = GIVEN, form = [[but there is a file (?:for|without)]]},
  unless = {"form"},
  facts = {"workdir.models"},
  specific_over = {"hf.not-found"},
  when = function(f, log)
    local hit = log.folder or log.engine
    local path = hit.path or hit.path2 or hit.path3
    local repo = repository(f, log, path)
    if not repo then
      return {hit = hit, confidence = 0.88, why = ("%s is there, and in it no file of weights under the names that "
          .. "the loader looks for."):format(path),
        fixes = {{code = true, kind = "param:model", say = ("Copy or download the weights into %s from where the model "
          .. "came from (or name the folder that holds them)."):format(path)},
          {argument = "variant", value = "'fp16'", say = "Or, where the names of those that are there hold fp16, ask "
            .. "for that variant."}}}
    end
    return {hit = hit, confidence = 0.9, why = ("%s has no file of weights; its configuration is that of %s."):format(
        path, repo), fixes = {{fetch = true, repo = repo, path = path .. "/config.json", only = "*.safetensors",
      kind = "param:model", say = "Fetch the weights into the same place."}}}
  end,
  doc = {looks = "Error no file named pytorch_model.bin, model.safetensors, ... found in directory /models/x.",
    check = "ls of the folder: weights beside config.json."},
}
