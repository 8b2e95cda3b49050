-- A name, attribute or argument that the installed release of a library does not have, answered by the atlas: which
-- releases have it, computed from the releases themselves.

local HF = {}
for name in ([[
  transformers peft accelerate huggingface-hub tokenizers safetensors diffusers trl datasets optimum
  sentence-transformers evaluate auto-gptq gptqmodel autoawq unsloth unsloth-zoo lm-eval]]):gmatch[[[\w-]+]] do
  HF[name] = true
end

-- What only engines use: of which release it must be is the engine's matter.
local ENGINE_PARTS = {xgrammar = true, ["compressed-tensors"] = true, outlines = true, ["mistral-common"] = true,
  ["flashinfer-python"] = true, lmcache = true}

-- Who asked: the last frame that says so. What only refuses (a class that answers for attributes by itself, as torch's
-- modules and transformers' tokenizers do) did not ask.
local function importer_of(event)
  local frames = event.frames or {}
  local n = #frames
  while n > 1 and frames[n].func:match[[^(?:[\w.]+\.)?__getattr(?:ibute)?__$]] do n = n - 1 end
  return atlas.package_of(frames[n]), n
end

-- Asks with the installed version, where it is known.
local function with_version(f, ask)
  local answer = ask(nil)
  if not answer then return nil end
  local have = f.pkg(answer.package) or nil
  if have then answer = ask(have) end
  return answer, have
end

-- Which packages' files the traceback went through.
local function passed(event)
  local names = {}
  for _, frame in ipairs(event.frames or {}) do
    names[atlas.package_of(frame) or ""] = true
  end
  return names
end

-- Of several packages that have a class or function of this name, the one in which this is a matter of releases. Where
-- the traceback went through one that has it, it is that one's: others only have one of the same name.
local function among(f, event, name, ask)
  local owners, names, found, version = atlas.owners(name), passed(event), nil, nil
  local own = {}
  for _, owner in ipairs(owners) do
    if names[owner] then own[#own + 1] = owner end
  end
  for _, owner in ipairs(#own > 0 and own or owners) do
    local answer, have = with_version(f, function(v) return ask(owner, v) end)
    if answer and answer.state == "changed" and f.pkg(owner) ~= false then
      if found then return nil end
      found, version = answer, have
    end
  end
  return found, version
end

-- A module under another's name ("requests.packages.urllib3") is of the package that its file lies in.
local function lying_in(hit)
  local path = hit.text:match[=[\([^)\n]*(?:site|dist)-packages[/\\](\w+(?:[/\\]\w+)*?)(?:[/\\]__init__)?\.py\)]=]
  local top = path and path:match[[^\w+]]
  if not top or top == hit.module:match[[^\w+]] then return hit.module end
  return (path:gsub("[/\\]", "."))
end

local function asked(f, log)
  local hit = log.name or log.module or log.module_attribute
  if hit then
    local module = lying_in(hit)
    return hit, hit.symbol and ("%s of %s"):format(hit.symbol, module) or module,
      with_version(f, function(v) return atlas.name(module, hit.symbol, v) end)
  end
  hit = log.attribute
  if hit then
    return hit, ("%s of %s"):format(hit.symbol, hit.class),
      among(f, hit.event, hit.class, function(p, v) return atlas.attribute(p, hit.class, hit.symbol, v) end)
  end
  hit = log.argument or log.missing
  if not hit then return nil end
  local call = (hit.class and hit.class .. "." or "") .. hit.call
  local what = ("the %s %s of %s"):format(hit == log.missing and "call without" or "argument", hit.symbol, call)
  return hit, what, among(f, hit.event, hit.class or hit.call, function(p, v)
    return atlas.parameter(p, call, hit.symbol, v, hit == log.missing)
  end)
end

-- The releases that have it, as one sentence.
local function where(what, answer, have)
  local bounds = answer.older or answer.newer
  if answer.older and answer.newer then bounds = answer.older .. " and " .. answer.newer end
  return ("Of the releases that were read, %s is in %s %s only"):format(what, answer.package, bounds)
    .. (have and ("; %s is installed."):format(have) or ".")
end

-- What counts for the cost of a change: what is installed, who asks what of it, and which wheels fit here.
local function world(f, package, have)
  local packages = f"python.packages"
  return {system = {libc = f"system.libc", arch = f"system.arch"}, python = {version = f"python.version",
    packages = packages or {[package] = {version = have}}, required_by = f"python.required_by"}}
end

-- The cheapest first, by the search that also tells a command what must move along (know/atlas_solve.h); what no set of
-- releases is known for stays where the rule had it, behind them.
local function by_cost(f, fixes, package, importer, have)
  if not have then return fixes end
  local known, cost, place = world(f, package, have), {}, {}
  for i, fix in ipairs(fixes) do
    -- whoever declares that it cannot live with what is here is not the one that is out of place
    local asks = fix.install == importer and list(list(f"python.required_by")[package])[importer]
    local here = fix.install == package or f.pkg(fix.install) and not (asks and version.matches(have, asks) == false)
    cost[fix] = here and atlas.cost(known, fix.install, fix.need, importer) or math.huge
    place[fix] = i
  end
  table.sort(fixes, function(a, b)
    if cost[a] ~= cost[b] then return cost[a] < cost[b] end
    return place[a] < place[b]
  end)
  return fixes
end

local function other_side(f, answer, importer, have)
  if not importer or importer == "" or importer == answer.package or not have then return nil end
  local beside = atlas.beside(importer, f.pkg(importer) or nil, answer.package, have)
  if not beside or beside.state ~= "changed" then return nil end
  local up = answer.older and beside.newer or not answer.newer and beside.newer
  local need = up or beside.older or beside.newer
  return need and {install = importer, need = need,
    say = ("Or take a release of %s that asks only for what this %s has."):format(importer, answer.package)}
end

-- What is installed, by the names that the atlas uses.
local function installed(f)
  local versions = {}
  for name, entry in pairs(f"python.packages" or {}) do
    if type(entry) == "table" and type(entry.version) == "string" then
      versions[name:lower():gsub([[[-_.]+]], "-")] = entry.version
    end
  end
  return versions
end

local function fixes_for(f, answer, importer, have)
  local newer = answer.newer and {install = answer.package, need = answer.newer, importer = importer,
    say = ("Upgrade %s to a release that has it."):format(answer.package)}
  local older = answer.older and {install = answer.package, need = answer.older, older = true, importer = importer,
    say = ("Go back to a release of %s that still has it."):format(answer.package)}
  local fixes = {}
  -- the code of a model, which no release of a package is, is rather older than what runs it
  if importer == "" then newer, older = older, newer end
  fixes[#fixes + 1] = newer or older
  fixes[#fixes + 1] = other_side(f, answer, importer, have)
  fixes[#fixes + 1] = newer and older
  if importer ~= "" then fixes = by_cost(f, fixes, answer.package, importer, have) end
  local first = fixes[1]
  if first and first.install == importer then
    first.say = ("Take a release of %s that asks only for what is installed."):format(importer)
  end
  if not importer and answer.moved then
    fixes[#fixes + 1] = {code = true,
      say = ("Or import it from %s, where newer releases have it."):format(answer.moved)}
  elseif importer == "" then
    fixes[#fixes + 1] = {code = true, say = "Or take the revision of the model's code that fits the installed release."}
  end
  return fixes
end

-- What is installed has it: the log is of an earlier state, or the files are not those of the release.
local function had(f, log, hit, what, answer, have)
  local emptied = hit == log.module_attribute and hit.module:find(".", 1, true) -- one file; a package may be hidden
  if not have or hit ~= log.name and hit ~= log.module and not emptied
    or importer_of(hit.event) == answer.package then
    return nil
  end
  local path, entry = hit.text:match[=[\((/[^)\n]+)\)]=], (f"python.packages" or {})[answer.package]
  local place = type(entry) == "table" and entry.location
  if path and type(place) == "string" and path:sub(1, #place) ~= place then return nil end -- another environment's
  return {hit = hit, confidence = HF[answer.package] and 0.85 or 0.76, -- just above those who only see that it lacks
    why = {("%s %s, which is installed now, has %s: this log is of an earlier state, or its files are not those of "
      .. "that release."):format(answer.package, have, what)},
    fixes = {{install = answer.package, fresh = true,
      say = "Run it again; where it fails as before, lay its files down anew in the same release."}}}
end

-- What every release of the last two years has (as of November 2026): a bound below it is kept by as good as every
-- environment, so that what failed is rather the import of a part of it, or its files are not those of one release.
local LONG_THERE = {transformers = "4.40", torch = "2.3", diffusers = "0.27", accelerate = "0.29", peft = "0.10",
  ["huggingface-hub"] = "0.22", datasets = "2.18", tokenizers = "0.15", vllm = "0.4", numpy = "1.26", trl = "0.8"}

local function long_there(answer, have)
  local least = not have and not answer.older and (answer.newer or ""):match[[^>=([\d.]+)$]]
  local known = LONG_THERE[answer.package]
  return least and known and version.cmp(least, known) == -1 and least
end

-- The program's own code passes what no release in use takes any more: nobody would go back that far.
local function outdated(f, hit, answer)
  local frames, known = hit.event.frames or {}, LONG_THERE[answer.package]
  if #frames == 0 or importer_of(hit.event) or not known or not answer.older or answer.newer then return false end
  for _, pin in ipairs(list(f"requirements.pins")) do
    if pin.name == answer.package then return false end
  end
  return answer.last ~= nil and version.cmp(answer.last, known) == -1
end

local function answer_of(f, log, want)
  local hit, what, answer, have = asked(f, log)
  if not hit or not answer or (hit.event.tier or 0) < 3 then return nil end
  if hit.text:match[[partially initialized|circular import|\(unknown location\)]] -- a bare folder has no release
    or not want(answer.package, answer) then
    return nil
  end
  if answer.state == "here" then return had(f, log, hit, what, answer, have) end
  if answer.state ~= "changed" or hit == log.argument and outdated(f, hit, answer) then return nil end
  if hit == log.module and hit.module:match[[^(\w+)\._\1$]] then return nil end -- its compiled half: a broken install
  local importer = importer_of(hit.event)
  if importer == answer.package then -- its own files ask: two releases are mixed, or it passes an argument on
    if hit ~= log.argument then return nil end
    importer = nil
  end
  local least = long_there(answer, have)
  if least then
    return {hit = hit, confidence = 0.74, why = {where(what, answer, have),
      "As good as every release that is in use has it: most often the import of a part of it failed before, or its "
        .. "files are not those of one release."},
      -- what imports it was made for this major release of it, and is not known
      fixes = {{install = answer.package, newest = true,
        need = (">=%s,<%d"):format(least, tonumber(least:match[[^\d+]]) + 1),
        say = ("Upgrade %s, so that its files are those of one new release."):format(answer.package)},
        {install = answer.package, fresh = true, say = "If it is new enough: lay its files down anew."}}}
  end
  local sure = (hit == log.name or hit == log.module) and 0.93 or importer and 0.9 or have and 0.86 or 0.8
  return {hit = hit, confidence = sure, why = {where(what, answer, have),
      answer.moved and ("Later releases have it in %s."):format(answer.moved) or nil},
    fixes = fixes_for(f, answer, importer, have)}
end

local WORDS = {
  name = [=[cannot import name ['"](?<symbol>\w+)['"] from ['"](?<module>[A-Za-z_][\w.]*)['"]]=],
  module = [=[No module named ['"](?<module>[A-Za-z_]\w*\.[\w.]+)['"]]=],
  module_attribute = [[AttributeError: module ['"](?<module>[A-Za-z_][\w.]*)['"] has no attribute ['"](?<symbol>\w+)]],
  attribute = [[AttributeError: (?:type object )?'?(?<class>\w+)'?(?: object)? has no attribute '?(?<symbol>\w+)'?]],
  argument = [[TypeError: (?:(?<class>\w+)\.)?(?<call>\w+)\(\) got an unexpected keyword argument '(?<symbol>\w+)']],
  missing = [[TypeError: (?:(?<class>\w+)\.)?(?<call>\w+)\(\) missing \d+ required (?:positional|keyword-only) ]]
    .. [[arguments?: '(?<symbol>\w+)']],
}

rule {
  id = "hf.version-conflict/computed",
  anyone = "interpreter",
  signatures = WORDS,
  when = function(f, log)
    return answer_of(f, log, function(package) return HF[package] end)
  end,
  doc = {looks = "cannot import name, No module named, has no attribute, unexpected keyword argument: of a library of "
    .. "Hugging Face's family that has it in other releases.", check = "Their versions side by side."},
}

-- What stands for an argument that is no longer taken.
local INSTEAD = {
  load_in_8bit = "quantization_config=BitsAndBytesConfig(load_in_8bit=True)",
  load_in_4bit = "quantization_config=BitsAndBytesConfig(load_in_4bit=True)",
  use_auth_token = "token",
  use_flash_attention_2 = 'attn_implementation="flash_attention_2"',
  dtype = "torch_dtype",
}

-- from_pretrained() takes **kwargs and hands what it does not know to the model's class.
rule {
  id = "hf.version-conflict/from-pretrained",
  anyone = "interpreter",
  signatures = {argument = WORDS.argument},
  when = function(f, log)
    local hit = log.argument
    local frames, asks = hit.event.frames or {}, know.from_pretrained(hit.symbol)
    local last = frames[#frames]
    if not asks or hit.call ~= "__init__" or not last or last.func ~= "from_pretrained"
      or atlas.package_of(last) ~= "transformers" then
      return nil
    end
    local have = f.pkg("transformers") or nil
    local caller = frames[#frames - 1] and atlas.package_of(frames[#frames - 1])
    -- as good as every release takes it
    if not have and not asks.before and version.cmp(asks.since, LONG_THERE.transformers) == -1 then
      return {hit = hit, confidence = 0.74,
        why = ("from_pretrained() of the installed transformers does not take %s as others since %s do, and hands it "
          .. "on to the model's class, which refuses it."):format(hit.symbol, asks.since),
        fixes = {{install = "transformers", with = HF[caller or ""] and {caller} or {"diffusers"},
            say = "Upgrade transformers and the library that calls it together."},
          {code = true, say = "Or leave the argument out."}}}
    end
    local late = asks.since and have and version.matches(have, "<" .. asks.since)
    local gone = asks.before and have and version.matches(have, ">=" .. asks.before)
    if have and not late and not gone then return nil end
    local early = gone or asks.before and not late
    local need = early and "<" .. asks.before:gsub([[\.0$]], "")
      or (">=%s,<%s"):format(asks.since, asks.before or tonumber(asks.since:match[[^\d+]]) + 1)
    local instead = INSTEAD[hit.symbol]
    return {hit = hit, confidence = 0.9,
      why = {("from_pretrained() takes %s %s; other releases hand it on to the model's class, which refuses it.")
        :format(hit.symbol, early and "in transformers before " .. asks.before or "since transformers " .. asks.since)},
      fixes = {{install = "transformers", need = need, older = early or nil,
          say = early and "Go back to a release of transformers that still takes it."
            or "Upgrade transformers to a release that takes it."},
        {code = true, say = instead and ("Or write %s in its place."):format(instead)
          or "Or leave the argument out."}}}
  end,
  doc = {looks = "LlamaForCausalLM.__init__() got an unexpected keyword argument 'load_in_8bit' (or dtype).",
    check = "The installed transformers; what its from_pretrained() takes."},
}

rule {
  id = "pip.conflict/computed",
  anyone = "interpreter",
  signatures = WORDS,
  when = function(f, log)
    -- a torch that is too old is a cause of its own, and so is NumPy's 2.0
    return answer_of(f, log, function(package, answer)
      return not HF[package] and not ENGINE_PARTS[package] and package ~= "numpy"
        and (package ~= "torch" or answer.older)
    end)
  end,
  doc = {looks = "The same of any other package whose releases are known.",
    check = "pip check; the package's change notes."},
}

rule {
  id = "engine.plugin-skew/computed",
  anyone = "interpreter",
  signatures = WORDS,
  when = function(f, log)
    return answer_of(f, log, function(package) return ENGINE_PARTS[package] end)
  end,
  doc = {looks = "The same of a package that engines use: xgrammar, compressed_tensors, outlines.",
    check = "Its version beside the one that the engine pins."},
}

rule {
  id = "numpy.abi/computed",
  anyone = "interpreter",
  signatures = { -- what its own parts ask of each other is no matter of releases
    name = [=[cannot import name ['"](?<symbol>(?!_)\w+)['"] from ['"](?<module>numpy(?!\._core)[\w.]*)['"]]=],
    module = [=[No module named ['"](?<module>numpy\.(?!_)[\w.]+)['"]]=],
  },
  specific_over = {"pip.conflict", "pip.module-missing"},
  when = function(f, log)
    return answer_of(f, log, function(package) return package == "numpy" end)
  end,
  doc = {looks = "cannot import name 'Inf' from 'numpy': a name of NumPy 1 that NumPy 2 has no longer.",
    check = "The installed NumPy; the release of what imports it."},
}

-- Imports that will fail: the importing package's own files take a name that the other one does not have. At most one
-- for each two packages; what is asked is whether this rule is for them.
local function predicted(f, asked)
  local why, evidence, fixes, seen = {}, {}, nil, {}
  for _, lack in ipairs(atlas.lacks(installed(f))) do
    local name = lack.name and ("%s of %s"):format(lack.name, lack.module) or lack.module
    local answer = atlas.name(lack.module, lack.name, lack.other_have)
    local pair = lack.package .. " " .. lack.other
    if answer and answer.state == "changed" and not seen[pair] and #why < 6 and asked(f, lack) then
      seen[pair] = true
      why[#why + 1] = ("%s %s imports %s at its start."):format(lack.package, lack.have, name)
      why[#why + 1] = where(name, answer, lack.other_have)
      evidence[#evidence + 1] = "python.packages." .. lack.package .. ".version"
      evidence[#evidence + 1] = "python.packages." .. lack.other .. ".version"
      fixes = fixes or fixes_for(f, answer, lack.package, lack.other_have)
    end
  end
  return fixes and {confidence = 0.88, why = why, evidence = evidence, fixes = fixes}
end

local function of_hf(_, lack) return HF[lack.package] and HF[lack.other] end

rule {
  id = "hf.version-conflict/predicted",
  check = function(f) return predicted(f, of_hf) end,
  doc = {looks = "Before any start: two libraries of which one imports a name that the other does not have.",
    check = "Their versions side by side."},
}

-- What a package declares itself is pip.conflict/check's.
local function of_others(f, lack)
  if of_hf(f, lack) then return false end
  for _, c in ipairs(list(f"python.conflicts")) do
    if c.package == lack.package and tostring(c.requires):match[[^[\w.-]+]] == lack.other then return false end
  end
  return true
end

-- Who pins a package wants it; of what is installed only what the worker's scripts import is known to be wanted.
local function is_wanted(f, package)
  if f"requirements.kind" then return true end
  for _, module in ipairs(list(f"workdir.imports")) do
    if know.distribution(module) == package then return true end
  end
  return false
end

rule {
  id = "pip.conflict/predicted",
  applies = {"torch"},
  title = "a package imports what another one does not have",
  check = function(f)
    return predicted(f, function(_, lack) return of_others(f, lack) and is_wanted(f, lack.package) end)
  end,
  doc = {looks = "The same of other packages: pytorch-lightning and torchmetrics, flask and werkzeug.",
    check = "Their versions side by side; import of the first one."},
}

-- What the worker's own scripts take of an installed release that does not have it.
local function of_scripts(f, want)
  local why, evidence, fixes = {}, {}, nil
  for _, script in ipairs(#list(f"workdir.scripts") <= 3 and list(f"workdir.scripts") or {}) do
    for _, lack in ipairs(list(script.lacks)) do
      local answer, have = with_version(f, function(v) return atlas.name(lack.module, lack.name, v) end)
      if answer and have and answer.state == "changed" and #why < 6 and want(answer.package) then
        local what = ("%s of %s"):format(lack.name, lack.module)
        why[#why + 1] = ("%s uses %s."):format(script.file, what)
        why[#why + 1] = where(what, answer, have)
        evidence[#evidence + 1] = {fact = "workdir.scripts", value = ("%s: %s.%s"):format(script.file, lack.module,
          lack.name)}
        fixes = fixes or fixes_for(f, answer, nil, have)
      end
    end
  end
  return fixes and {confidence = 0.75, why = why, evidence = evidence, fixes = fixes}
end

for _, row in ipairs{
  {"hf.version-conflict", function(package) return HF[package] end},
  {"numpy.abi", function(package) return package == "numpy" end},
  {"pip.conflict", function(package) return not HF[package] and package ~= "numpy" end},
} do
  rule {
    id = row[1] .. "/script",
    title = "a script uses what the installed release of a package does not have",
    severity = "warning",
    check = function(f) return of_scripts(f, row[2]) end,
  }
end

rule {
  id = "app.bug/no-such-name",
  anyone = "interpreter",
  signatures = {name = WORDS.name},
  specific_over = {"hf.version-conflict", "pip.conflict", "accelerate.missing"},
  when = function(f, log)
    local hit, what, answer = asked(f, log)
    local importer, frames = importer_of(hit.event)
    if not answer or answer.state ~= "never" or not answer.nearest or importer or frames == 0 then return nil end
    if hit.text:match[[partially initialized|circular import]] then return nil end
    return {hit = hit, confidence = 0.88, why = ("No release of %s ever had %s: the name is misspelt."):format(
        answer.package, what),
      fixes = {{code = true, say = ("Write %s."):format(answer.nearest)}}}
  end,
  doc = {looks = "cannot import name 'AutoModelForSequenceClasification' from 'transformers'.",
    check = "dir() of the module; the spelling in the library's documentation."},
}

rule {
  id = "app.bug/outdated-argument",
  anyone = "interpreter",
  signatures = {argument = WORDS.argument},
  when = function(f, log)
    local hit, what, answer, have = asked(f, log)
    if not answer or answer.state ~= "changed" or not outdated(f, hit, answer) then return nil end
    return {hit = hit, confidence = 0.78, why = {where(what, answer, have),
        "The program's own code was written for a release of long ago."},
      fixes = {{code = true, say = "Take the argument out of the call, or pass what newer releases have for it."}}}
  end,
  doc = {looks = "got an unexpected keyword argument, called from the program's own file, of one that releases took "
    .. "years ago.", check = "The library's change notes for that argument."},
}

-- What libraries bind when they import an optional package, and leave out where that is not installed.
local BOUND = {torch = "torch", nn = "torch", np = "numpy", tf = "tensorflow", jnp = "jax", PIL = "pillow",
  librosa = "librosa", sf = "soundfile", cv2 = "opencv-python-headless"}

-- Of which package a name tells that it is only there beside it.
local TELLS = {
  {[[Diffusion|DDPO|UNet|VAE]], "diffusers"}, {[[(?i)vllm]], "vllm"}, {[[(?i)deepspeed]], "deepspeed"},
  {[[(?i)bnb|Linear[48]bit]], "bitsandbytes"}, {[[(?i)gptq]], "gptqmodel"}, {[[(?i)awq]], "autoawq"},
  {[[^Flax|Jax]], "flax"}, {[[^TF[A-Z]|Keras]], "tensorflow"}, {[[(?i)onnx|^ORT]], "onnxruntime"},
  {[[(?i)peft|Lora]], "peft"}, {[[(?i)wandb]], "wandb"}, {[[(?i)optuna]], "optuna"},
}

-- Releases have the name, each only where another package is beside it.
local function bound_sometimes(hit)
  local answer = atlas.name(hit.module, hit.symbol)
  return answer and answer.sometimes
end

local function optional_part(f, hit)
  local package = know.distribution(hit.module:match[[^\w+]])
  if (hit.event.tier or 0) < 3 or not bound_sometimes(hit) then return nil end
  local name, own = nil, importer_of(hit.event) == package
  for _, row in ipairs(TELLS) do
    if hit.symbol:match(row[1]) and row[2] ~= package then name = row[2] break end
  end
  if name and f.pkg(name) then name = nil end
  if not name and not own then return nil end
  return {hit = hit, confidence = name and 0.84 or 0.6, title = "a part of a package needs another one",
    why = {("%s has %s only where an optional package is installed beside it, and %s takes it unasked."
      ):format(package, hit.symbol, own and "one of its own files" or "what imports it"),
      name and ("By its name that is %s."):format(name) or nil},
    fixes = {name and {install = name, absent = true, say = ("Install %s beside %s."):format(name, package)}
      or {code = true, kind = "pip:package", say = ("Install the optional package that %s of %s is for."):format(
        hit.symbol, package)},
      {install = package, say = ("Or upgrade %s: newer releases ask first."):format(package)}}}
end

rule {
  id = "pip.module-missing/left-out",
  anyone = "interpreter",
  signatures = {
    undefined = [[NameError: name '(?<symbol>\w+)' is not defined]],
    name = WORDS.name,
  },
  specific_over = {"accelerate.missing", "hf.version-conflict"},
  when = function(f, log)
    if log.name then return optional_part(f, log.name) end
    local hit = log.undefined
    local importer, symbol = importer_of(hit.event), hit.symbol
    if (hit.event.tier or 0) < 3 or not importer or importer == "" then return nil end
    local owners = symbol:match[[^(?:[A-Z]+[a-z0-9]+){2,}$]] and atlas.owners(symbol) or {}
    local name = BOUND[symbol] or #owners == 1 and owners[1]
    if not name or name == importer or name == "bitsandbytes" or name == "accelerate" or f.pkg(name) then return nil end
    return {hit = hit, confidence = f.pkg(name) == false and 0.86 or 0.74,
      why = {("%s uses %s of %s, and left its import out: it does so where %s, or another part of what this feature "
          .. "needs, is not installed or too old."):format(importer, symbol, name, name),
        f.pkg(name) == false and ("%s is not installed."):format(name) or nil},
      fixes = {{install = name, say = ("Install %s (or its newest release), beside %s."):format(name, importer)}}}
  end,
  doc = {looks = "NameError: name 'TypeAdapter' is not defined, in a library's own file.",
    check = "The optional imports at the head of that file."},
}

-- A package whose own files do not find each other, or are no Python: no release was ever like that.
rule {
  id = "pip.broken-install/own",
  anyone = "interpreter",
  signatures = {
    name = WORDS.name,
    attribute = WORDS.module_attribute,
    zeros = [[(?:SyntaxError|ValueError): source code string cannot contain null bytes]],
  },
  specific_over = {"pip.conflict", "pip.module-missing", "hf.version-conflict"},
  when = function(_, log)
    local hit = log.zeros or log.name or log.attribute
    local package, n = importer_of(hit.event)
    if (hit.event.tier or 0) < 3 or not package or package == "" then return nil end
    if hit == log.name and bound_sometimes(hit) then return nil end -- pip.module-missing/left-out
    if hit ~= log.zeros and (package ~= know.distribution(hit.module:match[[^\w+]])
      or hit.event.frames[n].func ~= "<module>" or hit.text:match[[partially initialized]]) then
      return nil
    end
    return {hit = hit, confidence = 0.87,
      why = hit == log.zeros and ("A file that %s imports, mostly one of its own, holds zeros instead of code, as "
        .. "after a crash or on a disk that was full."):format(package)
        or ("One file of %s asks another for %s, which is not in it: the install broke off, or two releases lie "
          .. "over each other."):format(package, hit.symbol),
      fixes = {{install = package, fresh = true, say = "Lay its files down anew, in the same release."}}}
  end,
  doc = {looks = "cannot import name, has no attribute, null bytes: raised while a package imports its own files.",
    check = "pip check; the files against the package's RECORD."},
}
