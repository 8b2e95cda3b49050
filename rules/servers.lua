-- What the command of a server asks for besides the server: packages that its options want, files that they name. The
-- same is said before the start, of the scripts that hold the command, and of the failure.

-- The packages behind a program's options, or what tells one of the value. One with a dot is a class, which its module
-- brings.
local WANTS = {
  uvicorn = {["--loop"] = {uvloop = "uvloop"}, ["--http"] = {httptools = "httptools"},
    ["--ws"] = {websockets = "websockets", wsproto = "wsproto"},
    ["--log-config"] = function(value) return value:match[[\.ya?ml$]] and "pyyaml" end},
  hypercorn = {["-k"] = {uvloop = "uvloop", trio = "trio"}, ["--worker-class"] = {uvloop = "uvloop", trio = "trio"}},
}
local POOLS = {gevent = "gevent", eventlet = "eventlet"}
WANTS.celery = {["-P"] = POOLS, ["--pool"] = POOLS}
local GUNICORN = {gevent = "gevent", eventlet = "eventlet", tornado = "tornado", gevent_pywsgi = "gevent",
  gevent_wsgi = "gevent"}
WANTS.gunicorn = {["-k"] = GUNICORN, ["--worker-class"] = GUNICORN}
-- Modules that are no package's own spelling.
local BROUGHT = {uvicorn_worker = "uvicorn-worker"}

local function wanted_by(values, value)
  if type(values) == "function" then return values(value) end
  local module = value:match[=[^([A-Za-z_]\w*)\.[\w.]+$]=]
  return values[value] or module and (BROUGHT[module] or know.package(know.distribution(module)))
end

-- The first package that an option of a command wants and that is not here; the option, and its value.
local function option_missing(f, words)
  local options = WANTS[tostring(words[1]):match[=[[^/]+$]=] or ""]
  for i, word in ipairs(options and words or {}) do
    local flag, value = word:match[=[^(--?[\w-]+)=(.+)$]=]
    flag, value = flag or word, value or words[i + 1] or ""
    local package = options[flag] and wanted_by(options[flag], value)
    if package and f.pkg(package) == false then return package, flag, value end
  end
end

rule {
  id = "pip.module-missing/option",
  check = function(f)
    for _, command in ipairs(list(f"workdir.commands")) do
      local package, flag, value = option_missing(f, list(command.words))
      if package and not command.absent then
        return {confidence = 0.85, severity = "warning",
          why = ("%s starts %s with %s %s, which takes %s, and that is not installed."):format(command.file,
            command.words[1], flag, value, package),
          evidence = {{fact = "workdir.commands", value = ("%s: %s %s"):format(command.file, flag, value)}},
          fixes = {{install = package, absent = true, say = "Install it."}}}
      end
    end
  end,
}

-- ---- a file that a command names ----

local function gone_answer(flag, path, file)
  return {confidence = 0.85, title = "the command names a file that is not there",
    why = ("%s names %s%s, and nothing is there."):format(file, path, flag ~= "" and " (" .. flag .. ")" or ""),
    fixes = {{code = true, kind = "param:" .. (flag == "" and "script" or flag:gsub("^-+", ""):gsub("-", "_")),
      say = ("Put %s there, or write where it lies."):format(path)}}}
end

-- The command whose file is not there: that of the path, or without one of a certificate or key.
local function command_of(f, path)
  for _, command in ipairs(list(f"workdir.commands")) do
    local gone = command.gone
    local tls = gone and gone.flag:match[[key|cert]]
    local same = gone and path and (gone.path == path or path:sub(-#gone.path - 1) == "/" .. gone.path)
    if gone and (same or not path and tls) then return command end
  end
end

rule {
  id = "engine.arg-invalid/file",
  title = "the command names a file that is not there",
  anyone = "system",
  signatures = {
    tls = [[FileNotFoundError: \[Errno 2\] No such file or directory\s*$]], -- OpenSSL's open names none
    file = any{
      [[No such file or directory: ['"]?(?<path>[^'"\n]+?)['"]?$]],
      [=[can't open file ['"](?<path2>[^'"\n]+)['"]: \[Errno 2\]]=],
      [[^Error: ['"](?<path3>[^'"\n]+)['"] doesn't exist$]],
    },
    looked = [[ValueError: (?<flag>certfile|keyfile|ca_certs) "(?<path4>[^"\n]+)" does not exist$]],
  },
  facts = {"workdir.commands"},
  specific_over = {"hf.not-found", "app.bug"},
  when = function(f, log)
    if log.looked then -- gunicorn looks for them itself
      local answer = gone_answer("--" .. log.looked.flag, log.looked.path4, "gunicorn's configuration")
      answer.hit, answer.confidence = log.looked, 0.92
      return answer
    end
    local hit = log.file or log.tls
    local path = log.file and (hit.path or hit.path2 or hit.path3)
    local command = (path or log.has_frame[[create_ssl_context|load_cert_chain|ssl\.py]]) and command_of(f, path)
    if not command then return nil end
    local answer = gone_answer(command.gone.flag, command.gone.path, command.file)
    answer.hit, answer.confidence = hit, 0.92
    answer.evidence = {{fact = "workdir.commands", value = ("%s: %s"):format(command.file, command.gone.path)}}
    return answer
  end,
  check = function(f)
    for _, command in ipairs(list(f"workdir.commands")) do
      local gone = command.gone
      if gone then
        local answer = gone_answer(gone.flag, gone.path, command.file)
        answer.severity = "warning"
        answer.evidence = {{fact = "workdir.commands", value = ("%s: %s"):format(command.file, gone.path)}}
        return answer
      end
    end
  end,
  doc = {looks = "No such file or directory of a key; python: can't open file '/app/serve.py'.",
    check = "ls of the path, from the folder that the worker is started in."},
}

-- ---- Triton's repository of models ----

rule {
  id = "hf.not-found/triton",
  from = {"server", "engine", "other", "app"},
  signatures = {
    file = [[unable to find '(?<path>/[^'\n]+)'[^\n]{0,300} for model '(?<model>[^'\n]+)']],
    stat = [[failed to stat file (?<path2>/\S+?)(?:: |\s|$)]],
  },
  context = {triton = [[model_(?:lifecycle|repository_manager)\.cc|tritonserver|TRITONBACKEND]]},
  confidence = 0.86,
  title = "a model of Triton's repository lacks its file",
  when = function(_, log)
    local hit = log.file or log.triton and log.stat
    if not hit then return nil end
    local path = hit.path or hit.path2
    return {hit = hit, why = ("Triton looks for %s, and nothing is there."):format(path),
      fixes = {{flag = "model", stated = true, kind = "param:model",
          say = ("Put the model's file there, under that name: %s."):format(path)},
        {code = true, say = "Or name the file that is there in config.pbtxt (default_model_filename), and see that the "
          .. "folder is mounted at --model-repository."}}}
  end,
  doc = {looks = "unable to find '/models/resnet/1/model.onnx' for model 'resnet'.",
    check = "ls -R of --model-repository, inside the container."},
}
