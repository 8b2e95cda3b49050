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

local function set_of(list)
  local set = {}
  for _, name in ipairs(type(list) == "table" and list or {}) do set[name] = true end
  return set
end

-- f"driver.version" is a value, false where the document says null, nil where nothing is known.
local function facts(doc)
  local complete, packages = set_of(doc.complete), {}
  for name, entry in pairs(get(doc, "python.packages") or {}) do
    if type(name) == "string" and type(entry) == "table" then packages[normal(name)] = entry end
  end
  local f = {doc = doc}
  -- version of a package; false when it is certainly not installed
  function f.pkg(name)
    local entry = packages[normal(name)]
    local version = entry and entry.version or get(doc, normal(name):gsub("-", "_") .. ".version")
    if version then return version end
    if complete["python.packages"] then return false end
    return nil
  end
  -- an environment variable; false when it is certainly not set
  function f.env(name)
    local value = type(doc.env) == "table" and doc.env[name]
    if type(value) == "table" then return "(masked)" end
    if type(value) == "string" then return value end
    if complete["env"] then return false end
    return nil
  end
  function f.gpus()
    return type(doc.gpus) == "table" and doc.gpus or {}
  end
  -- compute capabilities of all GPUs; by the table of names where a GPU's own answer is missing
  function f.capabilities()
    local list = {}
    for _, gpu in ipairs(f.gpus()) do
      local cc = gpu.compute_capability or (gpu.name and know.gpu_cc(gpu.name))
      if cc then list[#list + 1] = cc end
    end
    return list
  end
  return setmetatable(f, {__call = function(_, path) return get(doc, path) end})
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

function methods.events(log)
  return log["\0events"]
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

local function hit_of(raw, events)
  local hit = {line = raw.line, text = raw.text, name = raw.name, context = raw.context, event = events.list[raw.event] or {}}
  for name, text in pairs(raw.captures) do hit[name] = text end
  return hit
end

local function log_of(raw, events)
  local log, speaking = setmetatable({["\0events"] = events}, {__index = function(log, name)
    local method = methods[name]
    return method and method(log)
  end}), {}
  for _, entry in ipairs(raw) do
    local hit = hit_of(entry, events)
    local list = log["\0" .. hit.name]
    if not list then
      list = {total = entry.total}
      log["\0" .. hit.name] = list
      rawset(log, hit.name, hit)
    end
    list[#list + 1] = hit
    if not hit.context then speaking[#speaking + 1] = hit end
  end
  return log, speaking
end

-- The hit that stands closest to the root of the failure, then the first one.
local function best(hits)
  local found
  for _, hit in ipairs(hits) do
    local tier = hit.event.tier or 0
    if not found or tier > (found.event.tier or 0) or (tier == (found.event.tier or 0) and hit.line < found.line) then found = hit end
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

local function expanded(values, captures, f)
  local out = {}
  for name, value in pairs(values) do out[name] = type(value) == "string" and expand(value, captures, f) or value end
  return out
end

-- Rules write "Or lower ..." for what comes second; a trial may put it first, and the page says "Or:" itself.
local function imperative(say)
  local rest = say and say:match[[^Or ([a-z].*)$]]
  return rest and rest:sub(1, 1):upper() .. rest:sub(2) or say
end

-- Where container runtimes and WSL put the driver's own libraries: without them there is no libcuda.
local driver_folders = set_of{"/usr/local/nvidia/lib", "/usr/local/nvidia/lib64", "/usr/lib/wsl/lib", "/usr/lib64-nvidia"}

-- A fix that would unset LD_LIBRARY_PATH leaves the driver's folders on it, where these facts show some.
local function keep_driver(fix, f)
  local path, kept = f.env"LD_LIBRARY_PATH", {}
  if not set_of(fix.unset).LD_LIBRARY_PATH or type(path) ~= "string" then return fix end
  for _, folder in ipairs(path:split(":")) do
    if driver_folders[folder:match[[^(.+?)/*$]] or ""] then kept[#kept + 1] = folder end
  end
  if #kept == 0 then return fix end
  local value, safe = table.concat(kept, ":"), {}
  for key, old in pairs(fix) do safe[key] = old end
  safe.unset, safe.set, safe.command = nil, {LD_LIBRARY_PATH = value}, "export LD_LIBRARY_PATH=" .. value
  return safe
end

local function fixes_of(list, captures, f, log)
  local out = {}
  for _, fix in ipairs(list or {}) do
    fix = keep_driver(fix, f)
    local kind, say = expand(fix.kind, captures, f), imperative(expand(fix.say, captures, f))
    if kind and say and (not fix.cond or fix.cond(f, log)) then
      out[#out + 1] = {kind = kind, say = say, command = fix.command and expand(fix.command, captures, f), automatic = fix.automatic or false,
        set = type(fix.set) == "table" and expanded(fix.set, captures, f) or nil, unset = fix.unset, effect = fix.effect}
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

local function finding(rule, answer, hit, captures, f, log)
  local r = answer == true and {} or answer
  local evidence, needs = {}, {}
  if hit then evidence[1] = {log = hit.line, text = hit.text} end
  for _, other in ipairs(r.evidence or {}) do
    if type(other) == "table" and other.line and other ~= hit then evidence[#evidence + 1] = {log = other.line, text = other.text} end
  end
  local paths = {}
  for _, other in ipairs(r.evidence or {}) do
    if type(other) == "string" then paths[#paths + 1] = other end
  end
  fact_evidence(paths, f, evidence, {})
  fact_evidence(rule.facts, f, evidence, needs)
  return {
    title = r.title, confidence = r.confidence or rule.confidence or 0.7, why = sentences(r.why or rule.why or "", captures, f),
    fixes = fixes_of(r.fixes or rule.fixes, captures, f, log), evidence = evidence, needs = needs, severity = r.severity,
    event = hit and hit.event.index, line = hit and hit.line, values = r.values,
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
  local log, speaking = log_of(raw, events)
  local hit = best(speaking)
  if not hit or silenced(rule, log) then return nil end
  local answer = true
  if rule.when then answer = rule.when(f, log) end
  if not answer then return nil end
  if type(answer) == "table" and answer.hit then hit = answer.hit end
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
  local answer = rule.check(f)
  if not answer then return nil end
  return finding(rule, answer, nil, {}, f, nil)
end

-- ---- trial of a fix: the facts as they would be after it ----

-- A copy of a document with a value at a path (a list of steps): tables on the way are copied, all else is shared.
local function with(doc, steps, value, i)
  i = i or 1
  if i > #steps then return value end
  local copy = {}
  for key, old in pairs(type(doc) == "table" and doc or {}) do copy[key] = old end
  local step = steps[i]
  if copy[step] == nil and tonumber(step) then step = math.tointeger(tonumber(step)) + 1 end
  copy[step] = with(copy[step], steps, value, i + 1)
  return copy
end

local function steps_of(path)
  local steps = {}
  for step in path:gmatch[[[^.]+]] do steps[#steps + 1] = step end
  return steps
end

local function filter(list, keep)
  local out = {}
  for _, item in ipairs(type(list) == "table" and list or {}) do
    if type(item) == "table" and keep(item) then out[#out + 1] = item end
  end
  return out
end

-- variables set or unset; what was odd about the old values is gone with them
local function with_env(doc, set, unset)
  local env, touched = {}, {}
  for name, value in pairs(type(doc.env) == "table" and doc.env or {}) do env[name] = value end
  for name, value in pairs(set or {}) do env[name], touched[name] = value, true end
  for _, name in ipairs(unset or {}) do env[name], touched[name] = nil, true end
  doc = with(doc, {"env"}, env)
  if doc.env_notes then doc = with(doc, {"env_notes"}, filter(doc.env_notes, function(note) return not touched[note.name] end)) end
  return doc
end

-- The libraries that a release of bitsandbytes brings, by the table of its wheels; nil when that is not known.
local function bnb_binaries(release)
  local names = {"libbitsandbytes_cpu.so"}
  for number = 110, 139 do
    local ships = know.bnb_ships(release, tostring(number))
    if ships == nil then return nil end
    if ships then names[#names + 1] = "libbitsandbytes_cuda" .. number .. ".so" end
  end
  return names
end

-- requirements that the new version meets are no conflicts any more, nor are those of the version that is gone
local function without_conflicts(doc, name, release)
  local conflicts = get(doc, "python.conflicts")
  if not conflicts then return doc end
  return with(doc, {"python", "conflicts"}, filter(conflicts, function(c)
    local wanted, specifier = tostring(c.requires or ""):match[=[^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*([^;]*)]=]
    if normal(tostring(c.package or "")) == name then return false end
    return not (wanted and normal(wanted) == name and version.matches(release, specifier))
  end))
end

-- What a package's own branch of the facts becomes; nil when what a check would look at there is not known.
local branches = {}

function branches.torch(release)
  local wheel = know.torch_wheel(release)
  return wheel and (wheel.archs or wheel.cuda == false) and wheel
end

function branches.bitsandbytes(release)
  local binaries = bnb_binaries(release)
  return binaries and {version = release, binaries = binaries}
end

local function with_package(doc, name, release)
  name = normal(name)
  local branch = {version = release}
  if branches[name] then branch = branches[name](release) end
  if not branch then return nil end
  for key in pairs(get(doc, "python.packages") or {}) do
    if type(key) == "string" and key ~= name and normal(key) == name then doc = with(doc, {"python", "packages", key}, {version = release}) end
  end
  doc = with(doc, {"python", "packages", name}, {version = release})
  local key = name:gsub("-", "_")
  if doc[key] or branches[name] then doc = with(doc, {key}, branch) end
  return without_conflicts(doc, name, release)
end

local function with_pairs(doc, packages)
  local torch, partners = get(doc, "torch.version"), get(doc, "torch.partners")
  if type(torch) ~= "string" or not partners then return doc end
  local out = {}
  for i, p in ipairs(filter(partners, function(p) return type(p.package) == "string" and type(p.found) == "string" end)) do
    local wants = know.torch_partner(torch, p.package)
    local found = packages[p.package] or p.found
    out[i] = {package = p.package, found = found, wants = wants, fits = not wants or version.matches(found, wants) ~= false}
  end
  return with(doc, {"torch", "partners"}, out)
end

-- Do two documents differ in one of these variables?
local function env_differs(a, b, names)
  for _, name in ipairs(names) do
    if get(a, "env." .. name) ~= get(b, "env." .. name) then return true end
  end
  return false
end

local bnb_variables = {"BNB_CUDA_VERSION", "BNB_ROCM_VERSION", "CUDA_VISIBLE_DEVICES"}
local allocator_variables = {"PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"}

-- What follows from other facts is worked out again, as the probes would; what no change bears on stays as it was read.
local function derived(doc, before)
  if get(doc, "driver.version") ~= get(before, "driver.version") then
    doc = with(doc, {"driver", "cuda"}, know.driver_cuda(tostring(get(doc, "driver.version"))))
  end
  if doc.bitsandbytes and (doc.torch ~= before.torch or doc.bitsandbytes ~= before.bitsandbytes or env_differs(doc, before, bnb_variables)) then
    for key, value in pairs(know.bnb_choice{bitsandbytes = doc.bitsandbytes, torch = doc.torch, gpus = doc.gpus, cuda = doc.cuda,
                                            driver = doc.driver, env = doc.env} or {}) do
      doc = with(doc, {"bitsandbytes", key}, value)
    end
  end
  if doc.torch ~= before.torch or env_differs(doc, before, allocator_variables) then
    doc = with(doc, {"allocator"}, know.allocator(doc.env or {}, get(doc, "torch.version") and tostring(get(doc, "torch.version")) or nil))
  end
  return doc
end

-- Facts as they would be after a fix; nil when its effect on them is not known.
local function applied(doc, fix)
  local effect, after = fix.effect or {}, doc
  local set, unset, packages = effect.set or fix.set, effect.unset or fix.unset, effect.package or {}
  if set or unset then after = with_env(after, set, unset) end
  for name, release in pairs(packages) do
    after = with_package(after, name, release)
    if not after then return nil end
  end
  if next(packages) then after = with_pairs(after, packages) end
  for path, value in pairs(effect.facts or {}) do after = with(after, steps_of(path), value) end
  if after == doc then return nil end
  return derived(after, doc)
end

-- The same, as rules see them.
local function facts_after(f, fix)
  local after = applied(f.doc, fix)
  return after and facts(after)
end

return {facts = facts, evaluate = evaluate, check = check, facts_after = facts_after}
