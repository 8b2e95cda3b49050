-- What the scripts of the worker's folder ask for besides what they import: packages that a library takes only for
-- this, other releases, files beside a model, a folder that they compile into, a form in which their server wants to be
-- given the application.

-- What a script does -> the package that a library takes for it alone; `owner` is that library, where it is one.
local TAKES = {
  {ask = "form", owner = "fastapi", package = "python-multipart", words = "takes forms or files"},
  {ask = "email", owner = "pydantic", package = "email-validator", words = "has a field for an address of e-mail"},
  {ask = "templates", owner = "starlette", package = "jinja2", words = "makes pages of templates"},
  {ask = "sessions", owner = "starlette", package = "itsdangerous", words = "keeps sessions in signed cookies"},
  {ask = "tensorboard", owner = "torch", package = "tensorboard", words = "writes for TensorBoard"},
  {ask = "excel", owner = "pandas", package = "openpyxl", words = "reads a workbook of Excel"},
  {ask = "parquet", owner = "pandas", package = "pyarrow", other = "fastparquet", words = "reads Parquet"},
  {ask = "http2", owner = "httpx", package = "h2", words = "asks for HTTP/2"},
}

local function script_that(f, what)
  for _, script in ipairs(list(f"workdir.scripts")) do
    for _, ask in ipairs(list(script.asks)) do
      if ask == what then return script.file end
    end
  end
end

local function missing_answer(f, package, script, words)
  return {confidence = 0.85, severity = "warning",
    why = ("%s %s, which takes %s, and that is not installed."):format(script, words, package),
    evidence = {{fact = "workdir.scripts", value = script}}, fixes = {{install = package, say = "Install it."}}}
end

rule {
  id = "pip.module-missing/for-this",
  check = function(f)
    for _, row in ipairs(TAKES) do
      local script = f.pkg(row.owner) and f.pkg(row.package) == false and script_that(f, row.ask)
      if script and not (row.other and f.pkg(row.other)) then
        return missing_answer(f, row.package, script, row.words)
      end
    end
  end,
}

-- Python asks the system for time zones, and the package tzdata where that has none.
rule {
  id = "pip.module-missing/time-zones",
  title = "there are no time zones: neither the system's nor tzdata",
  anyone = "request",
  signatures = {zone = [[ZoneInfoNotFoundError: '?No time zone found with key (?<zone>[\w/+-]+)]]},
  facts = {"system.zoneinfo"},
  when = function(f, log)
    if f.pkg"tzdata" or f"system.zoneinfo" then return nil end -- then it is the name that is wrong
    return {hit = log.zone, confidence = 0.92,
      why = {"Python has no time zones of its own: it asks the system, or the package tzdata.",
        f.pkg"tzdata" == false and "tzdata is not installed." or nil},
      fixes = {{install = "tzdata", absent = true, say = "Install it."}}}
  end,
  specific_over = {"pip.module-missing"},
  check = function(f)
    local script = f"system.zoneinfo" == false and f.pkg"tzdata" == false and script_that(f, "zoneinfo")
    return script and missing_answer(f, "tzdata", script, "reads time zones, of which this system has none")
  end,
  doc = {looks = "ZoneInfoNotFoundError: 'No time zone found with key Europe/Berlin'.",
    check = "/usr/share/zoneinfo, and whether tzdata is installed."},
}

-- ---- the file that tells how a model wants its pictures and sounds ----

local function lacks_processor(f, path)
  for _, script in ipairs(list(f"workdir.scripts")) do
    for _, folder in ipairs(list(script.processors)) do
      for _, model in ipairs(list(f"workdir.models")) do
        local asked = not path or folder == path or folder:sub(-#path - 1) == "/" .. path
        if model.path == folder and asked and not model.processor and not model.denied then
          return model, script.file
        end
      end
    end
  end
end

local function processor_answer(model, file)
  local name = list(model.config).name
  local of_hub = model.repo or type(name) == "string" and name:match[[^[\w-]+/[\w.-]+$]] or nil
  return {confidence = 0.88, severity = "warning",
    why = ("%s loads the processor of %s, and no preprocessor_config.json lies there."):format(file, model.path),
    evidence = {{fact = "workdir.models", value = model.path}},
    fixes = {{fetch = true, path = of_hub and model.path .. "/preprocessor_config.json", repo = of_hub,
      only = "preprocessor_config.json", say = "Bring that file into the folder: it belongs to the model and was left "
        .. "out."}}}
end

rule {
  id = "hf.incomplete/no-processor",
  title = "a model's folder has no preprocessor_config.json",
  anyone = "request",
  signatures = {file = [[(?<path>\S+) does not appear to have a file named preprocessor_config\.json]]},
  facts = {"workdir.models"},
  specific_over = {"hf.not-found", "hf.offline"},
  when = function(f, log)
    local hit = log.file
    local model, file = lacks_processor(f, (hit.path:gsub([[^\./]], ""):gsub([[/$]], "")))
    if not model then return nil end
    local answer = processor_answer(model, file)
    answer.hit, answer.severity = hit, nil
    return answer
  end,
  check = function(f)
    local model, file = lacks_processor(f)
    return model and processor_answer(model, file)
  end,
  doc = {looks = "'./model does not appear to have a file named preprocessor_config.json'.",
    check = "ls of the folder: preprocessor_config.json beside config.json."},
}

-- ---- uvicorn.run(app, workers=2) ----

local function object_answer(file)
  return {confidence = 0.9, title = "uvicorn is given the application where it wants its name",
    why = (file and file .. " starts" or "The worker starts") .. " uvicorn with several workers, or with reload, and "
      .. "gives it the application itself: other processes cannot import that.",
    fixes = {{argument = "app", value = '"main:app"', kind = "param:app", say = "Give it a text, the file's name "
      .. "without .py, a colon and the application's name; or one worker and no reload."}}}
end

rule {
  id = "engine.arg-invalid/object",
  from = {"server", "other"},
  signatures = {object = [[You must pass the application as an import string to enable '?(?:reload|workers)]]},
  when = function(f, log)
    local answer = object_answer(script_that(f, "workers of an object"))
    answer.hit = log.object
    return answer
  end,
  check = function(f)
    local file = script_that(f, "workers of an object")
    local answer = file and object_answer(file) or nil
    if answer then answer.severity, answer.evidence = "warning", {{fact = "workdir.scripts", value = file}} end
    return answer
  end,
  doc = {looks = "You must pass the application as an import string to enable 'reload' or 'workers'.",
    check = "uvicorn.run(): its first argument."},
}

-- ---- a folder of PYTHONPATH that hides a part of Python ----

local function hidden_answer(one, path)
  return {confidence = 0.75, title = "a folder of PYTHONPATH hides a part of Python",
    why = ("%s, which PYTHONPATH puts first, has a %s.py, and that hides Python's own module."):format(one.folder,
      one.module),
    evidence = {{fact = "workdir.hidden", value = path}},
    fixes = {{code = true, say = "Give that file another name, or take the folder off PYTHONPATH."}}}
end

local function hidden_path(one) return ("%s/%s.py"):format(one.folder, one.module) end

-- Who meant Python's own module and got that file: a package, or Python's library. The project may mean its own.
local function met_by_others(hit, path)
  local frames = hit.event.frames or {}
  local function is_other(frame) return frame and frame.file:match[=[(?:site|dist)-packages|/lib(?:64)?/python3]=] end
  for i, frame in ipairs(frames) do
    if frame.file == path then return is_other(frames[i - 1]) end
  end
  return hit.text:find(path, 1, true) and is_other(frames[#frames])
end

rule {
  id = "pip.conflict/hidden",
  anyone = "interpreter",
  signatures = {
    attribute = [[AttributeError: ]],
    name = [[ImportError: cannot import name ]],
    type = [[TypeError: ]],
  },
  facts = {"workdir.hidden"},
  specific_over = {"app.bug", "pip.broken-install", "hf.version-conflict"},
  when = function(f, log)
    for _, hit in ipairs{log.attribute or false, log.name or false, log.type or false} do
      for _, one in ipairs(hit and list(f"workdir.hidden") or {}) do
        local path = hidden_path(one)
        if (hit.event.tier or 0) >= 3 and met_by_others(hit, path) then
          local answer = hidden_answer(one, path)
          answer.hit, answer.confidence = hit, 0.93
          table.insert(answer.fixes, 1, {move = path, to = path .. ".away", kind = "code",
            effect = {["workdir.hidden"] = {}}, say = "Take that file away: Python brings the module itself."})
          return answer
        end
      end
    end
  end,
  check = function(f)
    local one = list(f"workdir.hidden")[1]
    local answer = one and hidden_answer(one, hidden_path(one)) or nil
    if answer then answer.severity = "warning" end
    return answer
  end,
  doc = {looks = "type object 'Callable' has no attribute '_abc_registry', in vendor/typing.py.",
    check = "PYTHONPATH: files in its folders that are called like a part of Python."},
}

-- ---- what a script does that takes a later, or an earlier, release ----

-- ask -> a package that is there in a release of the wrong side.
local WANTS = {
  {ask = "chat_template", owner = "transformers", package = "jinja2", need = ">=3.1.0",
    cause = "hf.version-conflict", words = "applies a chat template, for which transformers asks for jinja2 3.1"},
  {ask = "dataset script", package = "datasets", need = "<4", cause = "hf.dataset-script",
    words = "loads a dataset by a script, and datasets runs no such scripts from 4.0 on"},
}

for _, row in ipairs(WANTS) do
  rule {
    id = row.cause .. "/of-script",
    check = function(f)
      local have = (not row.owner or f.pkg(row.owner)) and f.pkg(row.package)
      local file = have and version.matches(have, row.need) == false and script_that(f, row.ask)
      if not file then return nil end
      return {confidence = 0.86, severity = "warning",
        why = ("%s %s; %s is installed."):format(file, row.words, have),
        evidence = {{fact = "workdir.scripts", value = file}, "python.packages." .. row.package .. ".version"},
        fixes = {{install = row.package, need = row.need, say = "Install a release that does."}}}
    end,
  }
end

-- ---- code that is compiled into a folder from which none may be run ----

-- What compiles for a script, the variable that names its folder, and where that lies otherwise.
local COMPILES = {TORCHINDUCTOR_CACHE_DIR = "compile", TRITON_CACHE_DIR = "compile"}

rule {
  id = "sys.noexec/compiled",
  title = "what is compiled at run time lies on a file system that is mounted noexec",
  check = function(f)
    local script = f.pkg"torch" and script_that(f, "compile")
    local place = f.env"TORCHINDUCTOR_CACHE_DIR"
    for _, disk in ipairs(script and list(f"system.disks") or {}) do
      local name = disk["for"]
      if disk.noexec and (COMPILES[name] or name == "TMPDIR" and type(place) ~= "string") then
        return {confidence = 0.85, severity = "warning",
          why = ("%s uses torch.compile, and %s (%s) lies on a file system that is mounted noexec: what is compiled "
            .. "there cannot be loaded."):format(script, name, disk.path),
          evidence = {{fact = "workdir.scripts", value = script}, {fact = "system.disks", value = disk.path}},
          fixes = {COMPILES[name] and {unset = {name}, say = "Unset it: its default lies elsewhere."}
              or {set = {TORCHINDUCTOR_CACHE_DIR = "/var/tmp/torchinductor"}, say = "Let it compile elsewhere."},
            {remount = disk.path, say = "Or mount that volume without noexec."}}}
      end
    end
  end,
}
