-- What surrounds a rule: the facts and the log as it sees them, templates, and the finding made of its answer.
-- Runs outside the sandbox's list of names, before any rule; gives the engine its functions as a table.

local function get(doc, path)
  local at = doc
  for step in path:gmatch[[[^.]+]] do
    if type(at) ~= "table" then return nil end
    local next = at[step]
    if next == nil and tonumber(step) then next = at[tonumber(step) + 1] end
    at = next
  end
  return at
end

local function normal(name) -- PEP 503
  return (name:lower():gsub([[[-_.]+]], "-"))
end

-- What the rule that is asked now has read: paths of facts, and what tables answered. Its sentences may rest on nothing
-- else.
local read

local function begin_reading() read = {facts = {}, tables = {}, seen = {}} end

local function note(path)
  if read and not read.seen[path] then
    read.seen[path] = true
    read.facts[#read.facts + 1] = path
  end
end

local function note_answer(name, ...)
  if read and ... ~= nil then
    local answers = read.tables[name] or {}
    read.tables[name] = answers
    answers[#answers + 1] = {...}
  end
  return ...
end

for _, library in ipairs{know, atlas} do
  for name, ask in pairs(library) do
    library[name] = function(...)
      if read and library == atlas then read.atlas = true end
      return note_answer(library == atlas and "atlas" or name, ask(...))
    end
  end
end

-- The distribution that brings a module: the table's, else the one that is called like it.
local tabled = know.distribution
function know.distribution(module) return tabled(module) or (module:gsub("_", "-")) end

-- The package that a frame is in; nil for a program's own file, "" for the code of a model.
function atlas.package_of(frame)
  if not frame then return nil end
  if frame.file:match[=[[/\\]transformers_modules[/\\]]=] then return "" end
  local top = frame.file:match[=[(?:site|dist)-packages[/\\](\w+)]=]
  return top and know.distribution(top)
end

-- What a symbol that an extension misses tells of the torch that it was built for: a sentence, and the bounds of the
-- releases nearest to the one here that have it. nil where it is none of torch's, or all releases have it.
function atlas.built_for(symbol, have)
  local a = symbol and atlas.symbol(symbol, have or nil)
  if not a or a.package ~= "torch" then return nil end
  local newer = a.newer and (not a.older or a.newer_by <= a.older_by)
  return {
    said = ("%s has that symbol in torch %s."):format(a.library, a.first == a.last and a.first
      or a.first .. " to " .. a.last),
    need = have and a.state == "changed" and (newer and a.newer or a.older) or nil,
  }
end

-- Of which C++ ABI a mangled symbol with a string in it is: "old", "new", or nil.
function atlas.cxx_abi(symbol)
  return symbol and (symbol:match[[__cxx11|B5cxx11]] and "new" or symbol:match[[^_Z.*Ss(?![a-z])]] and "old") or nil
end

-- What the package that raised an exception asks for by its message (atlas.message); nil where it is not one of its
-- own.
function atlas.said(hit)
  local frames = hit and hit.event.frames or {}
  local package = atlas.package_of(frames[#frames])
  if not package or package == "" or hit.event.kind ~= "exception" then return nil end
  local message = hit.event.message
  return atlas.message(package, message and message ~= "" and message or hit.text)
end

local function table_of(value) return type(value) == "table" and value or {} end

local function set_of(list)
  local set = {}
  for _, name in ipairs(table_of(list)) do set[name] = true end
  return set
end

-- Entries of packages by their normal names.
local function packages_of(entries)
  local packages = {}
  for name, entry in pairs(table_of(entries)) do
    if type(name) == "string" and type(entry) == "table" then packages[normal(name)] = entry end
  end
  return packages
end

-- f"driver.version" is a value, false where the document says null, nil where nothing is known. `at` reads a path.
local function facts(doc, at)
  local complete, packages
  at = at or function(path) return get(doc, path) end
  -- false where a part that has no such fact is complete
  local function unknown(part)
    complete = complete or set_of(at"complete")
    return not complete[part] and nil
  end
  local f = {}
  -- version of a package; false when it is certainly not installed
  function f.pkg(name)
    note("python.packages." .. name .. ".version")
    packages = packages or packages_of(at"python.packages")
    local entry = packages[normal(name)]
    return entry and entry.version or at(normal(name):gsub("-", "_") .. ".version") or unknown"python.packages"
  end
  -- an environment variable; false when it is certainly not set
  function f.env(name)
    local value = f("env." .. name)
    if type(value) == "table" then return "(masked)" end
    return type(value) == "string" and value or unknown"env"
  end
  -- why a probe has no fact: the text of its first miss of this kind ("timeout", "crash", "denied", ...)
  function f.miss(probe, kind)
    for _, e in ipairs(table_of(f"errors")) do
      if type(e) == "table" and e.probe == probe and e.kind == kind and type(e.text) == "string" then return e.text end
    end
    return nil
  end
  function f.gpus() return table_of(f"gpus") end
  -- compute capabilities of all GPUs; by the table of names where a GPU's own answer is missing
  function f.capabilities()
    local list = {}
    for _, gpu in ipairs(f.gpus()) do
      local cc = gpu.compute_capability or (gpu.name and know.gpu_cc(gpu.name))
      if cc then list[#list + 1] = cc end
    end
    return list
  end
  return setmetatable(f, {__call = function(_, path)
    note(path)
    return at(path)
  end})
end

local methods = {}

function methods.all(log)
  return function(name) return log["\0" .. name] or {} end
end

function methods.count(log)
  return function(name)
    local list = log["\0" .. name]
    return list and (list.total or #list) or 0
  end
end

-- the event whose exception ended it all, nil when nothing did
function methods.fatal(log)
  return log["\0events"].fatal
end

-- the line that first shows a run of the log ready or at work, nil when none does
function methods.came_up(log)
  return log["\0events"].up
end

function methods.events(log)
  return log["\0events"]
end

-- an engine's setting in effect by its general name, as the log says it; its name and version
function methods.setting(log)
  return function(name)
    local engine = log["\0events"].engine or {}
    return note_answer("settings", (engine.settings or {})[name])
  end
end

function methods.engine_said(log) return (log["\0events"].engine or {}).name end

-- The model that the log's engine was started with, or, where it names none, the only one here: an entry of the facts.
-- What is not all there tells nothing of its size.
local function whole(entry)
  return entry and not entry.missing and not entry.damaged and (entry.incomplete or 0) == 0 and entry or nil
end

function methods.model(log)
  return function(f)
    local name, only, n = methods.setting(log)"model" or methods.setting(log)"model_path"
      or methods.setting(log)"model_id", nil, 0
    for _, model in ipairs(f"workdir.models" or {}) do
      if name and (model.path == name or name:match[[/]] and model.path == name:gsub("/+$", "")) then
        return whole(model)
      end
    end
    local cached = name and name:match[[models--([\w.-]+)/snapshots]]
    for _, repo in ipairs(f"model.repos" or {}) do
      if type(repo) == "table" and repo.type == "model" then
        if name and (repo.name == name or repo.name == (cached or ""):gsub("--", "/")) then return whole(repo) end
        only, n = repo, n + 1
      end
    end
    return n == 1 and not name and whole(only) or nil
  end
end

-- Bytes of one GPU that a process can have: by the message, else by the facts less what the driver keeps.
local function usable(f, total)
  local memory = f"gpus.0.memory" or {}
  if total or not tonumber(memory.total) then return total end
  return memory.total - (tonumber(memory.reserved) or math.floor(memory.total * 0.015))
end

-- A change of know.serving's as the intention of a fix: the setting that tells most first.
local WEIGHT = {"max_model_len", "max_num_seqs", "tensor_parallel_size", "four_bit", "quantization", "cpu_offload_gb",
  "gpu_layers", "kv_cache_q8", "gpu_memory_utilization"}
local KINDS = {four_bit = "param:quantization", cpu_offload_gb = "param:device_map", gpu_layers = "param:device_map",
  kv_cache_q8 = "param:kv_cache_dtype"}

local function intentions(changes, engine)
  local out = {}
  for i, change in ipairs(changes) do
    local first, also
    for _, setting in ipairs(WEIGHT) do
      local value = change.settings[setting]
      if value and not first then first = setting
      elseif value then also = also or {}; also[setting] = value end
    end
    out[i] = {flag = first, value = change.settings[first], also = also, engine = engine, kind = KINDS[first],
      computed = true, say = (i > 1 and "Or: " or "") .. change.say}
  end
  if #out == 0 then return nil end
  out[#out + 1] = {hardware = true, say = "Or use a GPU with more memory."}
  return out
end

local function gib(n) return ("%.2f GiB"):format(n / (1 << 30)) end

local function said_of(a, model)
  local n, text = a.memory, ("By the files of %s its weights take %s"):format(model.name or model.path,
    gib(a.memory.weights))
  if a.gpus > 1 then text = text .. " on each GPU" end
  if a.context > 1 then
    text = ("%s, the KV cache of one request of %d tokens %s, activations %s"):format(text, a.context,
      gib(n.cache + n.state), gib(n.activations))
  end
  text = ("%s: %s with what the engine adds, and it may use %s."):format(text, gib(n.total), gib(n.room))
  if a.context > 1 and not a.fits and a.longest >= 256 then
    text = ("%s At most %d tokens fit."):format(text, a.longest)
  end
  return text
end

-- The arithmetic of `firstfix fit` on the engine's settings in effect: know.serving's answer, as a sentence (said) and
-- as what a rule may propose (fixes; nil where it fits by arithmetic). Engines that serve take the model's own length
-- where none is set; of others only the weights are known.
local SERVERS = {vllm = true, sglang = true}
function methods.serving(log)
  return function(f, engine, total)
    local model, setting = methods.model(log)(f), methods.setting(log)
    local config = model and type(model.config) == "table" and model.config
    local memory = usable(f, total)
    local context = SERVERS[engine] and (tonumber(setting"max_model_len") or config and config.context)
      or engine == "transformers" and 1
    if not config or not memory or not context then return nil end
    local kv, quantized = setting"kv_cache_dtype" or "", setting"quantization" or ""
    local answer = know.serving{model = model, engine = engine, memory = math.floor(memory),
      cc = f"gpus.0.compute_capability" or know.gpu_cc(f"gpus.0.name" or "") or nil,
      gpus_here = #f.gpus() > 0 and #f.gpus() or nil, gpus = math.tointeger(tonumber(setting"tensor_parallel_size")),
      context = math.tointeger(context),
      batch = math.tointeger(tonumber(setting"max_num_seqs")),
      step_tokens = math.tointeger(tonumber(setting"max_num_batched_tokens")),
      share = tonumber(setting"gpu_memory_utilization"), cache_bits = kv:match[[^fp8]] and 8000 or nil,
      scheme = not config.quantization and (quantized == "fp8" and "fp8" or quantized == "bitsandbytes" and "nf4")
        or nil}
    if answer then
      answer.said, answer.kept = said_of(answer, model), answer.memory.cache + answer.memory.state
      answer.fixes = not answer.fits and intentions(answer.changes, engine) or nil
    end
    return answer
  end
end

-- What the files of weights loaded so far take tells what all of them will, where they are of one size; and what that
-- is computed from. The rule's context takes (?<done>) and (?<files>) as `shards`.
function methods.weights_by_shards(log)
  return function(allocated, total)
    local list = methods.all(log)"shards"
    local done, files = tonumber((list[#list] or {}).done), tonumber((list[#list] or {}).files)
    local all = done and done > 1 and allocated and allocated * files / done
    if not all or all <= (total or all) then return nil end
    return all, {allocated, files, done}
  end
end

-- Where the memory goes: by the model's files, or by what the log says of it; and what that is computed from.
function methods.where_memory_goes(log)
  return function(f, engine, total, allocated, cause)
    local loads, computes = cause == "oom.model-too-big", cause == "oom.activation"
    local a = (loads or computes) and methods.serving(log)(f, engine, total)
    if a and (loads or a.context > 1) then return a.said, {value = a.kept, of = {a.memory.cache, a.memory.state}} end
    if computes and log.loaded then
      return ("By its log the weights take %s%s."):format(log.loaded.size, log.cache
        and (" and the KV cache %s"):format(log.cache.size) or "")
    end
    local all, of = methods.weights_by_shards(log)(allocated, total)
    return loads and all and ("After %d of %d files of weights %s are allocated: all of them come to some %s.")
      :format(of[3], of[2], gib(of[1]), gib(all)), {value = all, of = of}
  end
end

-- how many lines the log has: what stands in the last ones, it ends with
function methods.lines(log)
  return log["\0events"].lines
end

-- true when a frame of any exception with a hit, or of the fatal chain, stands in such a file or function
function methods.has_frame(log)
  return function(pattern)
    for _, e in pairs(log["\0events"].list) do
      for _, frame in ipairs(e.frames or {}) do
        if (frame.file .. " " .. frame.func):match(pattern) then return true end
      end
    end
    return false
  end
end

-- Whose code the frames of an exception lie in, the innermost that is one of these: how a setting is spelt depends on
-- it.
local engines = {
  {[=[(?:^|[/\\])vllm[/\\]]=], "vllm"}, {[=[(?:^|[/\\])sglang[/\\]]=], "sglang"}, {[=[text_generation_server]=], "tgi"},
  {[=[(?:^|[/\\])lmdeploy[/\\]]=], "lmdeploy"}, {[=[tensorrt_llm]=], "tensorrt-llm"},
  {[=[llama_cpp[/\\]]=], "llama-cpp-python"},
  {[=[ComfyUI|comfy[/\\]|comfy_extras]=], "comfyui"},
  {[=[stable-diffusion-webui|modules[/\\](?:sd_|processing|txt2img)]=], "a1111"},
  {[=[packages[/\\]diffusers[/\\]]=], "diffusers"}, {[=[packages[/\\](?:transformers|trl|peft)[/\\]]=], "transformers"},
}

function methods.engine_seen(log)
  for _, row in ipairs(engines) do
    if methods.has_frame(log)(row[1]) then return row[2] end
  end
  return nil
end

-- The intention that brings a newer release of the engine that runs there (or of the one that the rule names); nil
-- where it is another program.
local newer = {vllm = {install = "vllm"}, sglang = {install = "sglang"}, lmdeploy = {install = "lmdeploy"},
  ["llama-cpp-python"] = {install = "llama-cpp-python"}, ollama = {setting = "ollama-upgrade"},
  ["llama.cpp"] = {setting = "llama-upgrade"}, ["llama-server"] = {setting = "llama-upgrade"}}

function methods.newer_engine(log)
  return function(name)
    local found = newer[name or methods.engine_said(log) or methods.engine_seen(log)]
    return found and {install = found.install, setting = found.setting, kind = "pip:package",
      say = "Upgrade the engine, whose kernel it is; if it came with a release, go back to the one before."}
  end
end

local function hit_of(raw, events)
  local hit = {line = raw.line, text = raw.text, name = raw.name, context = raw.context,
    event = events.list[raw.event] or {}}
  for name, text in pairs(raw.captures) do hit[name] = text end
  return hit
end

-- How close to the root of the failure. What a server refused in the run that counts tells more than an older run.
local function closeness(hit) return (hit.event.tier or 0) + (hit.event.refused and 0.5 or 0) end

local function log_of(raw, events)
  local log, speaking = setmetatable({["\0events"] = events}, {__index = function(log, name)
    local method = methods[name]
    return method and method(log)
  end}), {}
  for _, entry in ipairs(raw) do
    local hit = hit_of(entry, events)
    local list = log["\0" .. hit.name] or {total = entry.total}
    log["\0" .. hit.name] = list
    local keep = list[1] and (hit.context or closeness(log[hit.name]) > 0 or closeness(hit) == 0)
    if not keep then rawset(log, hit.name, hit) end -- one of an older run is no more than an example
    list[#list + 1] = hit
    if not hit.context then speaking[#speaking + 1] = hit end
  end
  return log, speaking
end

-- The hit that stands closest to the root of the failure, then the first one.
local function best(hits)
  local found
  for _, hit in ipairs(hits) do
    local closer = found and closeness(hit) - closeness(found) or 1
    if closer > 0 or (closer == 0 and hit.line < found.line) then found = hit end
  end
  return found
end

local OF_EVERY_HIT = {text = true, name = true}

-- What engines say twice, as a line of their log and as the exception that ends them: the hit of the same signature
-- that took the same and stands closer to the root.
local function closest(log, hit)
  local found = hit
  for _, other in ipairs(log["\0" .. hit.name] or {}) do
    local same = (other.event.tier or 0) > (found.event.tier or 0)
    for name, value in pairs(other) do
      same = same and (type(value) ~= "string" or OF_EVERY_HIT[name] or hit[name] == value)
    end
    if same then found = other end
  end
  return found
end

local function show(value)
  if type(value) == "table" then
    local words = {}
    for i, item in ipairs(value) do words[i] = show(item) end
    return table.concat(words, ", ")
  end
  return tostring(value)
end

-- "{found} {fact:driver.version}": nil when a name has no value here.
local function expand(text, captures, f)
  local out, from = {}, 1
  while true do
    local rest = text:sub(from)
    local a, b = rest:find([[\{[A-Za-z_][\w.:-]*\}]])
    if not a then break end
    local name = rest:sub(a + 1, b - 1)
    local fact = name:match[[^fact:(.+)$]]
    local value
    if fact then value = f(fact) else value = captures[name] end
    if value == nil or value == "" then return nil end
    out[#out + 1] = rest:sub(1, a - 1) .. show(value)
    from = from + b
  end
  return table.concat(out) .. text:sub(from)
end

local function sentences(why, captures, f)
  local out = {}
  for _, sentence in ipairs(type(why) == "table" and why or {why}) do
    local text = expand(sentence, captures, f)
    if text then out[#out + 1] = text end
  end
  return table.concat(out, " ")
end

-- A fix with every text filled in; nil when one of them is not known here.
local function filled(value, captures, f)
  if type(value) == "string" then return expand(value, captures, f) end
  if type(value) ~= "table" then return value end
  local out = {}
  for name, item in pairs(value) do
    out[name] = filled(item, captures, f)
    if out[name] == nil then return nil end
  end
  return out
end

-- Rules write "Or lower ..." for what comes second; a trial may put it first, and the page says "Or:" itself.
local function imperative(say)
  local rest = say and say:match[[^Or ([a-z].*)$]]
  return rest and rest:sub(1, 1):upper() .. rest:sub(2) or say
end

local function fixes_of(list, captures, f, log)
  local out = {}
  for _, fix in ipairs(list or {}) do
    if fix and (not fix.cond or fix.cond(f, log)) then -- false: one that a rule leaves out
      local plain = {}
      for name, value in pairs(fix) do
        if name ~= "cond" then plain[name] = value end
      end
      plain = filled(plain, captures, f)
      if plain then
        plain.say = imperative(plain.say)
        out[#out + 1] = plain
      end
    end
  end
  return out
end

local function fact_evidence(list, f, out, needs)
  local told = {}
  for _, item in ipairs(out) do told[item.fact or ""] = true end
  for _, path in ipairs(list or {}) do
    local value = f(path)
    local package = path:match[[^python\.packages\.(.+)\.version$]]
    local name = path:match[[^env\.(.+)$]]
    if value == nil and package then value = f.pkg(package) end
    if value == nil and name then value = f.env(name) end
    if value == nil then
      needs[#needs + 1] = path
    elseif not told[path] then
      told[path] = true
      out[#out + 1] = {fact = path, value = value}
    end
  end
end

-- What torch, XLA, ggml and Ollama say once, as CUDA does not come up: what goes on after it computes on the CPU.
local NO_CUDA = [[CUDA initialization: |failed to initialize(?:: | CUDA)|call to cuInit|init failure: |^Outdated ]]

local function finding(rule, answer, hit, captures, f, log)
  local r = answer == true and {} or answer
  local evidence, needs = {}, {}
  if hit then evidence[1] = {log = hit.line, text = hit.text} end
  for _, other in ipairs(r.evidence or {}) do
    if type(other) == "table" and other.line and other ~= hit then
      evidence[#evidence + 1] = {log = other.line, text = other.text}
    end
  end
  local paths = {}
  for _, other in ipairs(r.evidence or {}) do
    if type(other) == "string" then paths[#paths + 1] = other end
    if type(other) == "table" and other.fact and other.value ~= nil then
      evidence[#evidence + 1] = {fact = other.fact, value = other.value, label = other.label}
    end
  end
  fact_evidence(paths, f, evidence, {})
  fact_evidence(rule.facts, f, evidence, needs)
  return {
    title = r.title, confidence = r.confidence or rule.confidence or 0.7,
    why = sentences(r.why or rule.why or "", captures, f),
    fixes = fixes_of(r.fixes or rule.fixes, captures, f, log), evidence = evidence, needs = needs,
    severity = r.severity, event = hit and hit.event.index, line = hit and hit.line, values = r.values,
    rival = r.rival == nil and rule.rival or r.rival or nil, read = {facts = read.facts, tables = read.tables},
    computed = r.computed, lasts = r.lasts or hit and hit.text:match(NO_CUDA) and rule.lasts,
  }
end

local function silenced(rule, log)
  for _, name in ipairs(rule.unless or {}) do
    if log[name] then return true end
  end
  for _, name in ipairs(rule.all or {}) do
    if not log[name] then return true end
  end
  return false
end

local function evaluate(rule, raw, events, f)
  begin_reading()
  local log, speaking = log_of(raw, events)
  local hit = best(speaking)
  if not hit or silenced(rule, log) then return nil end
  local answer = true
  if rule.when then answer = rule.when(f, log) end
  if not answer then return nil end
  if type(answer) == "table" and answer.hit then hit = closest(log, answer.hit) end
  local captures = {}
  for _, other in ipairs(speaking) do
    for name, value in pairs(other) do
      if type(value) == "string" and captures[name] == nil then captures[name] = value end
    end
  end
  for name, value in pairs(hit) do
    if type(value) == "string" then captures[name] = value end
  end
  return finding(rule, answer, hit, captures, f, log)
end

local function check(rule, f)
  begin_reading()
  local answer = rule.check(f)
  if not answer then return nil end
  return finding(rule, answer, nil, {}, f, nil)
end

-- The facts that a check reads where nothing is known and it says nothing: as long as none of them is known it takes
-- the same way and says nothing again. None of a check that speaks all the same, or asks the atlas, which the build has
-- not.
local function reads(rule)
  local paths = {}
  begin_reading()
  local answer = rule.check(facts({}, function(path) paths[path] = true end))
  return (answer or read.atlas) and {} or paths
end

-- A run that was ended from outside; `hit` is the line that says so. What the rule's context took stands in the log.
local function ended(rule, hit, raw, events, f)
  begin_reading()
  hit.event = {}
  local answer = not rule.when or rule.when(f, hit, (log_of(raw, events)))
  return answer and finding(rule, answer, hit, {text = hit.text}, f, nil)
end

return {facts = facts, evaluate = evaluate, check = check, reads = reads, ended = ended}
