-- What the scripts of the worker's folder, and those that start it, ask for and do not find: a model under the name
-- that they give, a part of it, a program, an application, a free port. The same is said before the start and of the
-- failure.

local function in_folder(f, file)
  local folder = f"workdir.folder"
  return folder and folder .. "/" .. file or file
end

local function plain(path)
  return (tostring(path):gsub([[^\./]], ""):gsub([[/$]], ""))
end

local function ends_in(path, name)
  path, name = plain(path), plain(name)
  return path == name or path:sub(-#name - 1) == "/" .. name
end

-- The start script whose commands hold the word.
local function starter_of(f, word)
  for _, command in ipairs(list(f"workdir.commands")) do
    for _, one in ipairs(list(command.words)) do
      if one == word then return command.file end
    end
  end
end

-- ---- a model that is not there ----

local function lost_answer(f, lost)
  local near = lost.near
  return {confidence = near and 0.9 or 0.75, severity = "warning",
    why = {("%s asks for %s, and nothing is there."):format(lost.file, lost.text),
      near and ("Beside it lies %s."):format(near) or nil},
    evidence = {{fact = "workdir.lost", value = lost.text}},
    fixes = {near and {edit = in_folder(f, lost.file), from = lost.text, by = near, kind = "param:model",
        effect = {["workdir.lost"] = {}}, say = "Write the name of what is there."}
      or {code = true, kind = "param:model", say = "Put it there, or name the place where it lies."}}}
end

rule {
  id = "hf.not-found/lost",
  title = "a script names a model that is not there",
  anyone = "request",
  signatures = {
    path = any{
      [[Incorrect path_or_model_id: ['"](?<path>[^'"\n]+)]],
      [[Can't load [^\n]{1,40} (?:for|of) ['"](?<path2>[^'"\n]+)]],
      [[Repo id must (?:be in the form|use alphanumeric)[^\n]*?['"](?<path3>[^'"\n]+)['"]\. ]],
      [[No such file or directory: ['"]?(?<path4>[^'"\s]+)]],
      [[Load model from (?<path5>\S+) failed:[^\n]*File doesn't exist]],
    },
  },
  facts = {"workdir.lost"},
  specific_over = {"hf.not-found", "app.bug"},
  when = function(f, log)
    local hit = log.path
    local path = hit.path or hit.path2 or hit.path3 or hit.path4 or hit.path5
    for _, lost in ipairs(list(f"workdir.lost")) do
      if lost.near and plain(lost.text) == plain(path) then
        local answer = lost_answer(f, lost)
        answer.hit, answer.severity = hit, nil
        return answer
      end
    end
  end,
  check = function(f)
    local lost = list(f"workdir.lost")[1]
    return lost and lost_answer(f, lost)
  end,
  doc = {looks = "'Incorrect path_or_model_id', 'Repo id must be in the form' of a path.",
    check = "ls of the folder: how the model's own is spelt."},
}

-- ---- a model without its tokenizer ----

local BYTES = {byt5 = true, canine = true, perceiver = true} -- their tokenizers read no file

local function without_tokenizer(model)
  local config = list(model.config)
  if config.custom_code or BYTES[config.type or ""] or model.denied then return false end
  for _, file in ipairs(list(model.tokenizer)) do
    if file ~= "tokenizer_config.json" then return false end
  end
  return true
end

local function tokenizer_answer(model, file)
  local name = list(model.config).name
  local of_hub = model.repo or type(name) == "string" and name:match[[^[\w-]+/[\w.-]+$]] or nil
  return {confidence = 0.87, severity = "warning",
    why = {("%s loads a tokenizer from %s, and no file of one lies there."):format(file, model.path)},
    evidence = {{fact = "workdir.models", value = model.path}},
    fixes = {{fetch = true, path = of_hub and model.path .. "/tokenizer.json", repo = of_hub, only = "tokenizer*",
      say = "Bring the tokenizer's files into that folder: they belong to the model and were left out."}}}
end

-- The folder without one that a script loads a tokenizer from.
local function missed_tokenizer(f, path)
  for _, script in ipairs(list(f"workdir.scripts")) do
    for _, folder in ipairs(list(script.tokenizers)) do
      for _, model in ipairs(list(f"workdir.models")) do
        if model.path == folder and without_tokenizer(model) and (not path or ends_in(folder, path)) then
          return tokenizer_answer(model, script.file)
        end
      end
    end
  end
end

rule {
  id = "hf.incomplete/no-tokenizer",
  title = "a model's folder has no tokenizer",
  anyone = "request",
  signatures = {tokenizer = [[Can't load tokenizer for ['"](?<path>[^'"\n]+)]]},
  facts = {"workdir.models"},
  specific_over = {"hf.not-found", "hf.offline", "hf.tokenizer-dep"},
  explains = {"hf.not-found", "hf.offline"},
  when = function(f, log)
    local answer = missed_tokenizer(f, log.tokenizer.path)
    if answer then answer.hit, answer.severity = log.tokenizer, nil end
    return answer
  end,
  check = function(f) return missed_tokenizer(f) end,
  doc = {looks = "'Can't load tokenizer for ./model' of a folder that is there.",
    check = "ls of the folder: tokenizer.json, tokenizer.model or vocab files."},
}

-- ---- a configuration of another model ----

local function other_size(f)
  for _, model in ipairs(list(f"workdir.models")) do
    if model.rows then return model end
  end
end

local function config_fix(model)
  return {fetch = true, path = model and model.path .. "/config.json", repo = model and model.repo,
    kind = "param:config", say = "Take that config.json away and bring the one that belongs to these weights."}
end

rule {
  id = "hf.incomplete/other-size",
  title = "config.json and the weights are of different models",
  from = {"torch", "hub"},
  signatures = {
    mismatch = [=[size mismatch for (?<tensor>[\w.]+): copying a param with shape torch\.Size\(\[(?<has>[\d, ]*)\]\) ]=]
      .. [=[from checkpoint, the shape in current model is torch\.Size\(\[(?<wants>[\d, ]*)\]\)]=],
  },
  facts = {"workdir.models"},
  specific_over = {"app.bug"},
  when = function(f, log)
    local hit = log.mismatch
    if hit.tensor:match[[^base_model\.]] or not log.has_frame[[transformers[/\\]modeling_utils\.py]] then return nil end
    local model, models = other_size(f), list(f"workdir.models")
    return {hit = hit, confidence = 0.86,
      why = "The weights have {tensor} in the size [{has}], and the model that config.json describes has it in "
        .. "[{wants}]: the two are not of one model.",
      fixes = {config_fix(model or #models == 1 and models[1] or nil),
        {argument = "ignore_mismatched_sizes", value = "True",
          say = "Or, to train that part anew: ignore_mismatched_sizes=True."}}}
  end,
  check = function(f)
    local model = other_size(f)
    if not model then return nil end
    return {confidence = 0.88, severity = model.because ~= "folder" and "error" or "warning",
      why = {("The weights in %s have %d words, and config.json there says %d: the two are not of one model."):format(
        model.path, model.rows, list(model.config).vocabulary or 0)},
      evidence = {{fact = "workdir.models", value = ("%d rows"):format(model.rows)}}, fixes = {config_fix(model)}}
  end,
  doc = {looks = "'size mismatch for model.embed_tokens.weight: copying a param with shape ...'.",
    check = "vocab_size, hidden_size and intermediate_size of config.json against the shapes in the weights."},
}

-- ---- files that this user may not read ----

local function unreadable(f, path)
  for _, model in ipairs(list(f"workdir.models")) do
    if model.denied and (not path or ends_in(model.path, path) or plain(path):has(plain(model.path))) then
      return model, "the folder"
    end
    for _, file in ipairs(list(model.damaged)) do
      local asked = path and ends_in(model.path .. "/" .. file.file, path)
        or not path and model.because ~= "folder" -- what merely lies there may be another user's
      if file.kind == "denied" and asked then return model, file.file end
    end
  end
end

local function unreadable_answer(f, path)
  local model, name = unreadable(f, path)
  return model and {confidence = 0.9, severity = "warning",
    why = {("This user may not read %s of %s."):format(name, model.path)},
    evidence = {{fact = "workdir.models", value = name}},
    fixes = {{grant = model.path, effect = {["workdir.models"] = {}}, say = "Let the worker's user read the model's "
      .. "files (or copy them as that user)."}}}
end

rule {
  id = "hf.cache-permission/model",
  title = "the worker's user may not read the model's files",
  anyone = "system",
  signatures = {
    file = any{[[No such file or directory: ['"]?(?<path>[^'"\s]+)]],
      [[\[Errno 13\] Permission denied: ['"](?<path2>[^'"\n]+)]],
      [[Can't load [^\n]{1,40} (?:for|of) ['"](?<path3>[^'"\n]+)]], [[(?<path4>\S+) is not the path to a directory]],
      [[Incorrect path_or_model_id: ['"](?<path5>[^'"\n]+)]]},
  },
  facts = {"workdir.models"},
  specific_over = {"hf.not-found", "hf.incomplete", "hf.offline", "app.bug"},
  explains = {"hf.not-found", "hf.incomplete", "hf.offline"},
  when = function(f, log)
    local hit = log.file
    local path = hit.path or hit.path2 or hit.path3 or hit.path4 or hit.path5
    local answer = path and unreadable_answer(f, path)
    if answer then answer.hit, answer.severity = hit, nil end
    return answer
  end,
  check = function(f) return unreadable_answer(f) end,
  doc = {looks = "'Permission denied', or 'No such file or directory' of a file that root sees.",
    check = "ls -l of the model's folder against the user of the worker."},
}

-- ---- packages that read quantized weights ----

local READERS = {
  awq = {"autoawq", "gptqmodel"}, gptq = {"gptqmodel", "auto-gptq"}, aqlm = {"aqlm"}, hqq = {"hqq"},
  ["compressed-tensors"] = {"compressed-tensors"}, torchao = {"torchao"}, quanto = {"optimum-quanto"},
  bitsandbytes = {"bitsandbytes"},
}

-- A model that a script loads with transformers, and what reads its weights is not installed.
local function reader_missing(f, bitsandbytes)
  if not f.pkg"transformers" or f.pkg"vllm" or f.pkg"sglang" then return nil end
  for _, model in ipairs(list(f"workdir.models")) do
    local method = list(model.config).quantization
    local readers = READERS[method or ""]
    if readers and (method == "bitsandbytes") == bitsandbytes and tostring(model.because):match[[\.py$]] then
      local have = false
      for _, package in ipairs(readers) do have = have or f.pkg(package) ~= false end
      if not have then
        return {confidence = 0.85, severity = "warning",
          why = {("The weights in %s are quantized (%s), and %s, which reads them, is not installed."):format(
            model.path, method, readers[1])},
          evidence = {{fact = "workdir.models", value = method}},
          fixes = {{install = readers[1], say = "Install it."}}}
      end
    end
  end
end

rule {
  id = "pip.module-missing/reader",
  check = function(f) return reader_missing(f, false) end,
}
rule {
  id = "bnb.not-installed/reader",
  check = function(f) return reader_missing(f, true) end,
}

-- ---- programs ----

-- Commands that a package of another name brings.
local BRINGS = {["huggingface-cli"] = "huggingface-hub", hf = "huggingface-hub", torchrun = "torch",
  ["transformers-cli"] = "transformers", ["optimum-cli"] = "optimum", lm_eval = "lm-eval", jupyter = "notebook",
  fastapi = "fastapi-cli", ["llamafactory-cli"] = "llamafactory"}

-- Programs of the system, which are packages of the index by name only.
local SYSTEM = {}
for name in ([[
  git cmake ninja make gcc nvcc node npm docker curl wget sudo ffmpeg java rustc cargo python python3 pip pip3 conda uv
  unzip zip tar ssh mpirun ip]]):gmatch[[[\w-]+]] do
  SYSTEM[name] = true
end

-- huggingface_hub 1.0 dropped the old name of its command.
local function renamed_command(f, tool)
  local hub = tool == "huggingface-cli" and f.pkg"huggingface-hub"
  if not hub or version.cmp(hub, "1.0") == -1 then return nil end
  local file = starter_of(f, tool)
  return {title = "huggingface-cli is called hf now", confidence = 0.9,
    why = {("huggingface_hub %s has no command huggingface-cli: it is called hf."):format(hub)},
    evidence = {"python.packages.huggingface-hub.version"},
    fixes = {file and {edit = in_folder(f, file), from = tool, by = "hf", effect = {["workdir.commands"] = {}},
        say = "Write hf."} or {code = true, say = "Call hf instead (hf download, hf auth login)."},
      {install = "huggingface-hub", need = "<1", say = "Or go back to a release that still has it."}}}
end

local function command_missing(f, tool)
  local package = BRINGS[tool] or know.distribution(tool)
  if SYSTEM[tool] or not know.package(package) then return nil end
  local have, prefix, path = f.pkg(package), f"python.prefix", f.env"PATH"
  if have and type(prefix) == "string" and type(path) == "string" and not path:find(prefix .. "/bin", 1, true) then
    return {confidence = 0.88, title = "a package's command is not on PATH",
      why = ("%s %s is installed in %s, whose bin folder is not on PATH."):format(package, have, prefix),
      fixes = {{prepend = "PATH", entry = prefix .. "/bin", effect = {["workdir.commands"] = {}},
        say = "Put that folder first on PATH."}}}
  end
  if have then return nil end
  return {confidence = 0.85,
    why = ("The command %s is not on PATH; the package %s brings it."):format(tool, package),
    fixes = {{install = package, absent = true, need = tool == "huggingface-cli" and "<1" or nil,
      effect = {["workdir.commands"] = {}}, say = "Install it into the environment that is on PATH."}}}
end

local NOT_FOUND = any{
  [[^(?:/bin/)?[\w./-]+: (?:line )?(?:\d+: )?(?:exec: )?(?<tool>[A-Za-z][\w.-]+): (?:command )?not found\s*$]],
  [[(?:failed to run command|env:|nohup:) [^\s\w]{1,3}]]
    .. [[(?<tool2>[A-Za-z][\w.-]*\w)[^\s\w]{1,3}: No such file or directory]],
  [[FileNotFoundError: \[Errno 2\] No such file or directory: ['"](?<tool3>[A-Za-z][\w-]+)['"]$]],
}

local function absent_command(f, answer_of)
  for _, command in ipairs(list(f"workdir.commands")) do
    local answer = command.absent and answer_of(f, list(command.words)[1])
    if answer then
      answer.severity = "warning"
      answer.evidence = {{fact = "workdir.commands", value = ("%s: %s"):format(command.file, command.words[1])}}
      return answer
    end
  end
end

rule {
  id = "pip.module-missing/command",
  anyone = "system",
  signatures = {shell = NOT_FOUND},
  facts = {"python.prefix", "env.PATH"},
  when = function(f, log)
    local hit = log.shell
    local tool = hit.tool or hit.tool2 or hit.tool3
    local answer = not renamed_command(f, tool) and command_missing(f, tool)
    if answer then answer.hit = hit end
    return answer or nil
  end,
  check = function(f) return absent_command(f, command_missing) end,
  doc = {looks = "bash: uvicorn: command not found.", check = "Which environment's bin folder is on PATH."},
}

rule {
  id = "hf.version-conflict/command",
  anyone = "system",
  signatures = {shell = NOT_FOUND},
  facts = {"python.packages.huggingface-hub.version"},
  when = function(f, log)
    local hit = log.shell
    local answer = renamed_command(f, hit.tool or hit.tool2 or hit.tool3)
    if answer then answer.hit = hit end
    return answer
  end,
  check = function(f) return absent_command(f, renamed_command) end,
  doc = {looks = "huggingface-cli: command not found.", check = "pip show huggingface_hub; from 1.0 on it is hf."},
}

-- ---- a port ----

rule {
  id = "sys.port-in-use/held",
  check = function(f)
    local held = list(f"workdir.ports")[1]
    if not held then return nil end
    return {confidence = 0.85, severity = "warning",
      why = ("%s is to listen on port %d, and process %d (%s) does already."):format(held.file, held.port, held.pid,
        held.name), evidence = {{fact = "workdir.ports", value = ("%d: %s"):format(held.port, held.name)}},
      fixes = {{free = "port", port = held.port, effect = {["workdir.ports"] = {}},
          say = ("End the process that holds port %d."):format(held.port)},
        {flag = "port", value = held.port + 1, say = "Or choose another port."}}}
  end,
}

-- ---- variables that Python itself refuses ----

rule {
  id = "env.variable-ignored/python",
  title = "Python refuses the value of a variable and does not start",
  anyone = "request",
  signatures = {refused = [=[Fatal Python error: \w+: (?:invalid )?(?<variable>PYTHON[A-Z0-9]+)\b]=]},
  when = function(_, log)
    return {confidence = 0.93,
      why = "{variable} holds what this Python does not take, so that it ends before it starts.",
      fixes = {{unset = {log.refused.variable}, say = "Unset it: then its default counts."}}}
  end,
  doc = {looks = "Fatal Python error: config_init_hash_seed: PYTHONHASHSEED must be \"random\" or an integer.",
    check = "The variable that the line names."},
}

-- ---- an own file or folder of a package's name ----

rule {
  id = "pip.broken-install/own-name",
  title = "an own file shadows a package",
  anyone = "interpreter",
  signatures = {
    name = [=[cannot import name '(?<symbol>\w+)' from '(?<module>\w+)' \((?<path>/[^)\n]+?)(?:/__init__)?\.py\)]=],
  },
  specific_over = {"pip.conflict", "hf.version-conflict", "app.bug", "pip.module-missing"},
  when = function(f, log)
    local hit = log.name
    local package, frames = know.distribution(hit.module), hit.event.frames or {}
    local own = not hit.path:match[=[(?:site|dist)-packages|/lib(?:64)?/python3]=] and f.pkg(package)
    if not own or not ends_in(hit.path, hit.module) or #frames == 0 or hit.text:match[[partially initialized]] then
      return nil
    end
    local folder = hit.path:match[=[^(.*)/[^/]+$]=]
    if frames[1].file:match[=[^(.*)/[^/]+$]=] ~= folder then return nil end -- that of the script comes first
    local answer = atlas.name(hit.module, hit.symbol, own)
    if not answer or answer.state == "never" then return nil end
    local path = hit.path .. (hit.text:match[[/__init__\.py\)]] and "" or ".py")
    local name = path:match[=[[^/]+$]=]
    return {hit = hit, confidence = 0.9,
      why = ("{symbol} is asked of {module}, and not the %s %s that is installed is imported but %s: the folder of the "
        .. "script comes first."):format(package, own, path),
      fixes = {{move = path, kind = "code", to = folder .. "/my_" .. name,
        say = "Give it another name, so that the package is found."}}}
  end,
  doc = {looks = "cannot import name 'Dataset' from 'datasets' (/app/datasets/__init__.py).",
    check = "Whether the path in brackets lies in site-packages."},
}

-- ---- weights that fit no GPU here ----

rule {
  id = "oom.model-too-big/folder",
  check = function(f)
    local largest = 0
    for _, gpu in ipairs(f.gpus()) do largest = math.max(largest, list(gpu.memory).total or 0) end
    for _, script in ipairs(largest > 0 and list(f"workdir.scripts") or {}) do
      local asks = {}
      for _, ask in ipairs(list(script.asks)) do asks[ask] = true end
      for _, model in ipairs(asks.cuda and list(f"workdir.models") or {}) do
        local wide = list(model.tensors).wide_parameters or 0
        local least = (model.weights or 0) - 2 * wide -- what is saved in 32 bits may be loaded in 16
        local shared = asks.device_map or asks.load_in_4bit or asks.load_in_8bit or asks.cpu
        if model.because == script.file and not shared and least > largest then
          return {confidence = 0.86, severity = "warning",
            why = {("%s puts the model in %s on one GPU: its weights are %d bytes, and the largest GPU here has "
              .. "%d."):format(script.file, model.path, model.weights, largest)},
            evidence = {{fact = "workdir.models", value = model.path}, "gpus.0.memory.total"},
            fixes = {least < 3 * largest and {argument = "quantization_config",
                value = "BitsAndBytesConfig(load_in_4bit=True)", kind = "param:load_in_4bit",
                say = "Load it in 4 bits."} or {hardware = true, say = "Take a GPU with more memory."},
              {argument = "device_map", value = "'auto'", say = "Or share it out over all GPUs and the CPU."}}}
        end
      end
    end
  end,
}

-- ---- a variable that nobody has set ----

local function unset_answer(name, file)
  return {confidence = 0.85, title = "a variable that the worker reads is not set",
    why = file and ("%s reads the variable %s and has nothing else to take, and it is not set."):format(file, name)
      or "The worker reads the variable {variable} and has nothing else to take, and it is not set.",
    fixes = {{host = true, kind = "env:" .. name, say = ("Set %s before the worker starts."):format(name)}}}
end

rule {
  id = "engine.arg-invalid/unset",
  anyone = "request",
  signatures = {key = [=[KeyError: ['"](?<variable>[A-Z][A-Z0-9_]{2,60})['"]\s*$]=]},
  specific_over = {"app.bug"},
  when = function(_, log)
    local hit = log.key
    local frames = hit.event.frames or {}
    local last = frames[#frames]
    if (hit.event.tier or 0) < 3 or not last or not last.file:match[=[[/\\]os\.py$|^<frozen os>$]=] then return nil end
    local answer = unset_answer(hit.variable)
    answer.hit = hit
    return answer
  end,
  check = function(f)
    for _, script in ipairs(list(f"workdir.scripts")) do
      local name = list(script.unset)[1]
      if name then
        local answer = unset_answer(name, script.file)
        answer.severity, answer.evidence = "warning", {{fact = "workdir.scripts", value = name}}
        return answer
      end
    end
  end,
  doc = {looks = "File \"<frozen os>\", in __getitem__ ... KeyError: 'MODEL_ID'.",
    check = "env in the shell, the unit or the pod that starts the worker."},
}
