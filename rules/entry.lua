-- Where the code lies that a command starts: the application of a server or of celery, a script that is a part of a
-- package; and what opens the addresses that scripts name. The same is said before the start and of the failure.

local function in_folder(f, file)
  local folder = f"workdir.folder"
  return folder and folder .. "/" .. file or file
end

local function path_of(module) return (module:gsub([[\.]], "/")) end

local function module_of(file) return (file:gsub([[\.py$]], ""):gsub("/", ".")) end

local function folder_of(path) return path:match[=[^(.*)/[^/]*$]=] end

-- The command of a start script that the question holds for.
local function command_that(f, is_meant)
  for _, command in ipairs(list(f"workdir.commands")) do
    if is_meant(command) then return command end
  end
end

local function of_command(answer, command, value)
  answer.severity = "warning"
  answer.evidence = {{fact = "workdir.commands", value = ("%s: %s"):format(command.file, value)}}
  return answer
end

local function edit(f, command, from, by, say)
  return {edit = in_folder(f, command.file), from = from, by = by, kind = "param:app",
    effect = {["workdir.commands"] = {}}, say = say}
end

-- ---- the application of a server ----

local function app_of(f, module)
  for _, script in ipairs(list(f"workdir.scripts")) do
    local app = script.file == path_of(module) .. ".py" and list(script.apps)[1]
    if app then return app end
  end
end

-- ASGI and WSGI servers are given MODULE:NAME.
local function unbound_answer(f, module, name)
  local app, given = app_of(f, module), module .. ":" .. name
  local right = app and module .. ":" .. app
  local command = command_that(f, function(one)
    for _, word in ipairs(list(one.words)) do
      if word == given then return true end
    end
  end)
  return {confidence = 0.86, why = {("The module %s has no %s."):format(module, name),
      app and ("What it makes is called %s."):format(app) or nil},
    fixes = {right and command and edit(f, command, given, right, "Name the application that is there.")
      or right and {flag = "app", stated = true, spelled = right, say = "Name the application that is there."}
      or {code = true, kind = "param:app", say = ("Name the application that %s.py makes, which mostly is called "
        .. "app."):format(path_of(module))}}}
end

-- The one sub-folder that has the module, as a command tells or a script that makes an application.
local function below(f, module)
  local command = command_that(f, function(one)
    if one.below and one.lost == module then return true end
    for _, word in ipairs(one.below and list(one.words) or {}) do
      local given = word:match[=[^([^:]+)]=]
      if given == module or given:sub(1, #module + 1) == module .. "." then return true end
    end
  end)
  if command then return command.below, command end
  local ending, only = "/" .. path_of(module) .. ".py", nil
  for _, script in ipairs(list(f"workdir.scripts")) do
    if script.file:sub(-#ending) == ending and (#list(script.apps) > 0 or #list(script.celery) > 0) then
      if only then return nil end
      only = script.file:sub(1, -#ending - 1)
    end
  end
  return only
end

local function below_answer(f, module, folder)
  local sure = folder and type(f"workdir.folder") == "string"
  return {confidence = folder and 0.9 or 0.86,
    why = {("No module %s is found from the folder that the server was started in."):format(module),
      folder and ("It lies in %s."):format(folder) or nil},
    fixes = {sure and {prepend = "PYTHONPATH", entry = in_folder(f, folder), effect = {["workdir.commands"] = {}},
        say = "Put that folder on Python's path (or name it: --app-dir of uvicorn, --chdir of gunicorn, --workdir of "
          .. "celery)."}
      or {code = true, kind = "param:app", say = ("Start it in the folder that %s.py lies in, or name that folder "
        .. "(--app-dir of uvicorn, --chdir of gunicorn, --workdir of celery)."):format(path_of(module))}}}
end

-- The one script that makes an application of this kind ("apps" of servers, "celery").
local function maker_of(f, kind)
  local only
  for _, script in ipairs(list(f"workdir.scripts")) do
    if #list(script[kind]) > 0 then
      if only then return nil end
      only = script.file
    end
  end
  return only
end

-- flask was given no application, or a module that has none: what makes one.
local function flask_answer(f, module)
  local file = maker_of(f, "apps")
  local right = file and module_of(file)
  return {confidence = 0.88, title = "flask finds no application",
    why = {module and ("The module %s makes no application that flask can find by itself."):format(module)
        or "flask was given no application, and the folder that it was started in has no app.py and no wsgi.py.",
      file and ("The one that makes an application is %s."):format(file) or nil},
    fixes = {right and {flag = "app", stated = true, spelled = "--app " .. right, kind = "param:app",
        say = "Name the module that makes it."}
      or {code = true, kind = "param:app", say = "Name the module that makes it, and what it is called there "
        .. "(flask --app MODULE:NAME, or FLASK_APP), or start flask in the folder that it lies in."}}}
end

rule {
  id = "engine.arg-invalid/app",
  title = "the server finds no application under the name that it was given",
  from = {"server", "shell", "other", "app"},
  signatures = {
    attribute = any{
      [[Error loading ASGI app\. Attribute "(?<called>[\w.]+)" not found in module "(?<module>[\w.]+)"]],
      [[Failed to find attribute '(?<called2>[\w.]+)' in '(?<module2>[\w.]+)']],
    },
    module = any{
      [[Error loading ASGI app\. Could not import module "(?<module3>[\w.]+)"]],
      [[Error: Could not import '(?<module4>[\w.]+)'\.\s*$]],
      [[NoAppError: Cannot load application from '(?<module5>[\w.]+):\w+', module not found]],
      [[^The module (?<module6>[\w.]+) was not found\.\s*$]],
    },
    flask = any{
      [[Could not locate a Flask application\.]],
      [[Failed to find Flask application or factory in module '(?<module7>[\w.]+)']],
    },
  },
  context = {usage = [[Usage: flask \[OPTIONS\]|flask/cli\.py]]},
  facts = {"workdir.scripts", "workdir.commands", "workdir.folder"},
  when = function(f, log)
    local hit = log.attribute or log.module or log.flask
    if hit.module4 and not log.usage then return nil end -- anybody's words
    local module = hit.module or hit.module2 or hit.module3 or hit.module4 or hit.module5 or hit.module6
    local answer = hit == log.module and below_answer(f, module, below(f, module))
      or hit == log.flask and flask_answer(f, hit.module7)
      or unbound_answer(f, module, hit.called or hit.called2)
    answer.hit = hit
    return answer
  end,
  check = function(f)
    for _, command in ipairs(list(f"workdir.commands")) do
      local module, name = (command.unbound or ""):match[[^(\w+):(\w+)$]]
      if module then return of_command(unbound_answer(f, module, name), command, command.unbound) end
      if command.below and command.lost then
        return of_command(below_answer(f, command.lost, command.below), command, command.lost)
      end
      for _, word in ipairs(command.below and list(command.words) or {}) do
        local lost = word:match[=[^([A-Za-z_][\w.]*):\w+$]=]
        if lost then return of_command(below_answer(f, lost, command.below), command, word) end
      end
    end
  end,
  doc = {looks = "'Error loading ASGI app. Attribute \"ap\" not found in module \"main\"'.",
    check = "The names that the module has."},
}

-- ---- that of celery ----

-- The value of -A that leads nowhere, with the command: of the module, or any.
local function astray(f, module)
  local command = command_that(f, function(one)
    return one.nowhere and list(one.words)[1]:match[[celery$]]
      and (not module or one.nowhere == module or one.nowhere:sub(1, #module + 1) == module .. ".")
  end)
  return command and command.nowhere, command
end

local function celery_answer(f, module, command, named)
  local file = maker_of(f, "celery")
  local right = file and module_of(file)
  return {confidence = file and 0.9 or 0.84, title = "celery finds no application under the name that it was given",
    why = {("celery is to load its application from %s, and no such module is found from the folder that it is "
        .. "started in."):format(named or module), file and ("The one that makes an application is %s."):format(file)
        or nil},
    fixes = {right and command and edit(f, command, named, right, "Name the module that is there.")
      or right and {flag = "app", stated = true, spelled = "-A " .. right, say = "Name the module that is there."}
      or {code = true, kind = "param:app",
        say = "Name the module that makes the application (-A), or start celery in the folder that it lies in."}}}
end

-- Where servers and celery import what they are given by name.
local LOADERS = [[/(?<who>celery/utils/imports|daphne/(?:cli|utils)|uvicorn/importer|gunicorn/util|]]
  .. [[hypercorn/utils|granian/_loader|]]
  .. [[flask/cli)\.py$]]

-- Who imported by name what is not there; nil when the application itself imports it.
local function loader_of(frames)
  for i = #frames, 1, -1 do
    if atlas.package_of(frames[i]) then return frames[i].file:match(LOADERS) end
    if not frames[i].file:match[[^<frozen |/importlib/]] then return nil end
  end
end

rule {
  id = "engine.arg-invalid/loaded",
  anyone = "interpreter",
  signatures = {module = [=[ModuleNotFoundError: No module named '(?<module>[A-Za-z_][\w.]*)'\s*$]=]},
  facts = {"workdir.scripts", "workdir.commands", "workdir.folder"},
  specific_over = {"pip.module-missing", "engine.arg-invalid"},
  when = function(f, log)
    local hit = log.module
    local top = hit.module:match[[^\w+]]
    local who = not know.package(know.distribution(top)) and loader_of(hit.event.frames or {})
    if not who then return nil end
    local answer
    if who:match[[^celery]] then
      local named, command = astray(f, top)
      answer = celery_answer(f, hit.module, command, named)
    else
      answer = below_answer(f, hit.module, below(f, hit.module))
      answer.title = "the server finds no application under the name that it was given"
    end
    answer.hit = hit
    return answer
  end,
  check = function(f)
    local named, command = astray(f)
    if not named or not maker_of(f, "celery") then return nil end
    return of_command(celery_answer(f, named, command, named), command, named)
  end,
  doc = {looks = "'Unable to load celery application', or No module named '...' raised in gunicorn/util.py.",
    check = "The name that the server is given against the module that makes the application."},
}

-- ---- a script that is a part of a package ----

local function part_answer(f, file, module, command)
  local word = command and list(command.words)[2]
  local root = type(f"workdir.folder") == "string" and f"workdir.folder" or nil
  return {confidence = 0.9, title = "a part of a package is started as a script",
    why = ("%s imports from the package that it lies in, and as a script it has none: the folder above is not on "
      .. "Python's path."):format(file),
    fixes = {command and edit(f, command, list(command.words)[1] .. " " .. word, list(command.words)[1] .. " -m "
        .. module, "Start it as a module, in the same folder.")
      or {code = true, kind = "param:module", say = ("Start it as a module, in the folder %s: python -m %s."):format(
        root or "above the package", module)}}}
end

local function command_of(f, file)
  return command_that(f, function(one)
    local path = one.module and path_of(one.module) .. ".py"
    return path and (file == path or file:sub(-#path - 1) == "/" .. path)
  end)
end

rule {
  id = "engine.arg-invalid/part",
  anyone = "interpreter",
  signatures = {
    relative = [[ImportError: attempted relative import with no known parent package]],
    own = [=[ModuleNotFoundError: No module named '(?<module>[A-Za-z_]\w*)'\s*$]=], -- of a.b the a was found
  },
  facts = {"workdir.commands", "workdir.folder"},
  specific_over = {"pip.module-missing", "app.bug", "pip.broken-install"},
  when = function(f, log)
    local hit = log.relative or log.own
    local frames, root = hit.event.frames or {}, f"workdir.folder"
    local last = frames[#frames]
    local file = last and last.file:gsub([[^\./]], "")
    if not file or (hit.event.tier or 0) < 3 or atlas.package_of(last) then return nil end
    local command = command_of(f, file)
    if hit == log.own then
      -- the script that runs lies in a folder of the module's name
      local parent = file:match("^(.*)/" .. hit.module .. [[/(?:\w+/)*\w+\.py$]])
        or file:match("^()" .. hit.module .. [[/(?:\w+/)*\w+\.py$]])
      if #frames > 1 or not parent or know.package(know.distribution(hit.module)) then return nil end
      local answer = part_answer(f, file, command and command.module or "", command)
      answer.hit = hit
      local above = parent:match[[^/.+]] or type(root) == "string" and root
      if not command then
        answer.fixes = {above and {prepend = "PYTHONPATH", entry = above,
            say = "Put the folder above the package on Python's path (or start it as a module, with python -m)."}
          or {code = true, kind = "param:module", say = "Start it as a module, in the folder above: python -m."}}
      end
      return answer
    end
    local inside = type(root) == "string" and file:sub(1, #root + 1) == root .. "/" and file:sub(#root + 2) or nil
    local folder = folder_of(file) or ""
    local module = command and command.module or module_of(inside or folder:match[=[[^/]*$]=] .. "/"
      .. file:match[=[[^/]+$]=])
    if not module:match[[^\w+(?:\.\w+)+$]] then return nil end
    local answer = part_answer(f, file, module, command)
    answer.hit = hit
    return answer
  end,
  check = function(f)
    local command = command_that(f, function(one) return one.module end)
    return command and of_command(part_answer(f, list(command.words)[2], command.module, command), command,
      list(command.words)[2])
  end,
  doc = {looks = "attempted relative import with no known parent package; No module named 'app' of /srv/app/main.py.",
    check = "Whether it is started with python -m, in the folder above the package."},
}

-- ---- what opens an address ----

-- The packages of which one opens addresses that begin so, by who is given them.
local OPENS = {
  sqlalchemy = {
    postgresql = {"psycopg2-binary", "psycopg2"}, ["postgresql+psycopg2"] = {"psycopg2-binary", "psycopg2"},
    ["postgresql+psycopg"] = {"psycopg"}, ["postgresql+asyncpg"] = {"asyncpg"}, ["postgresql+pg8000"] = {"pg8000"},
    mysql = {"mysqlclient"}, ["mysql+mysqldb"] = {"mysqlclient"}, ["mysql+pymysql"] = {"pymysql"},
    ["mysql+aiomysql"] = {"aiomysql"}, ["mysql+asyncmy"] = {"asyncmy"}, ["sqlite+aiosqlite"] = {"aiosqlite"},
    ["mssql+pyodbc"] = {"pyodbc"}, ["mssql+pymssql"] = {"pymssql"}, ["oracle+oracledb"] = {"oracledb"},
  },
  celery = {redis = {"redis"}, rediss = {"redis"}},
}

-- The packages that bring a dialect which SQLAlchemy does not have itself.
local DIALECTS = {
  snowflake = {"snowflake-sqlalchemy"}, bigquery = {"sqlalchemy-bigquery"}, duckdb = {"duckdb-engine"},
  clickhouse = {"clickhouse-sqlalchemy"}, clickhousedb = {"clickhouse-connect"}, redshift = {"sqlalchemy-redshift"},
  trino = {"trino"}, databricks = {"databricks-sqlalchemy", "databricks-sql-connector"}, awsathena = {"pyathena"},
  cockroachdb = {"sqlalchemy-cockroachdb"}, hive = {"pyhive"}, presto = {"pyhive"},
}

local function opener_missing(f, script)
  for _, scheme in ipairs(list(script.schemes)) do
    for library, schemes in pairs(OPENS) do
      local meant = f.pkg(library) and (library ~= "celery" or #list(script.celery) > 0)
      local dialect = library == "sqlalchemy" and DIALECTS[scheme:match[=[^[^+]+]=]]
      local absent = meant and (schemes[scheme] or dialect)
      for _, package in ipairs(absent or {}) do absent = absent and f.pkg(package) == false and absent end
      if absent then return absent[1], scheme, library end
    end
  end
end

rule {
  id = "pip.module-missing/opener",
  check = function(f)
    for _, script in ipairs(list(f"workdir.scripts")) do
      local package, scheme, library = opener_missing(f, script)
      if package then
        return {confidence = 0.85, severity = "warning",
          why = ("%s names an address of the scheme %s, which %s opens with the package %s, and that is not "
            .. "installed."):format(script.file, scheme, library, package),
          evidence = {{fact = "workdir.scripts", value = ("%s: %s"):format(script.file, scheme)}},
          fixes = {{install = package, absent = true, say = "Install it."}}}
      end
    end
  end,
}

local function old_scheme(file)
  return {confidence = 0.9, title = "an address begins with a scheme that SQLAlchemy has no longer",
    why = {"SQLAlchemy 1.4 dropped the scheme postgres://: it is postgresql://.",
      file and ("%s is given such an address."):format(file) or nil},
    fixes = {{code = true, kind = "param:url",
      say = "Write postgresql:// in place of postgres:// where the address is given."}}}
end

rule {
  id = "engine.arg-invalid/dialect",
  signatures = {plugin = [[NoSuchModuleError: Can't load plugin: sqlalchemy\.dialects:(?<dialect>[a-z0-9_]+)]]},
  facts = {"python.packages.sqlalchemy.version"},
  specific_over = {"app.bug", "pip.module-missing"},
  when = function(f, log)
    local dialect = log.plugin.dialect
    local package, answer = (DIALECTS[dialect] or {})[1], old_scheme()
    if dialect == "postgres" then return answer end
    if not package or f.pkg(package) or not know.package(package) then return nil end
    return {confidence = 0.88, title = "the package behind an address's scheme is not installed",
      why = ("SQLAlchemy finds no dialect {dialect}: the package %s brings it."):format(package),
      fixes = {{install = package, absent = true, say = "Install it."}}}
  end,
  check = function(f)
    local have = f.pkg"sqlalchemy"
    if not have or version.cmp(have, "1.4") == -1 then return nil end
    for _, script in ipairs(list(f"workdir.scripts")) do
      for _, scheme in ipairs(list(script.schemes)) do
        if scheme == "postgres" then
          local answer = old_scheme(script.file)
          answer.severity = "warning"
          answer.evidence = {{fact = "workdir.scripts", value = script.file .. ": postgres://"}}
          return answer
        end
      end
    end
  end,
  doc = {looks = "NoSuchModuleError: Can't load plugin: sqlalchemy.dialects:postgres.",
    check = "How the address begins."},
}

-- ---- a package that is called like the module, and another was meant ----

local NAMESAKES = {
  jwt = "pyjwt", docx = "python-docx", fitz = "pymupdf", dotenv = "python-dotenv", jose = "python-jose",
  serial = "pyserial", magic = "python-magic", slugify = "python-slugify", github = "pygithub",
  telegram = "python-telegram-bot", websocket = "websocket-client",
}
-- Those of which the namesake is of no use to anyone today: code of Python 2, or an empty shell.
local DEAD = {docx = true, dotenv = true, jose = true}

local function namesake(f, module)
  local meant = NAMESAKES[module or ""]
  local have = meant and know.package(meant) and f.pkg(meant) == false and f.pkg(module)
  if not have then return nil end
  return {confidence = 0.92, title = "a package of the module's name is installed, and another was meant",
    why = ("What is installed is the package %s %s; code that imports %s mostly means %s, which is not."):format(module,
      have, module, meant),
    fixes = {{install = meant, absent = true,
      say = ("Install %s, and remove the package %s, whose module has the same name."):format(meant, module)}}}
end

rule {
  id = "pip.module-missing/namesake",
  anyone = "interpreter",
  signatures = {
    name = any{
      [[AttributeError: module '(?<module>\w+)' has no attribute]],
      [=[cannot import name '\w+' from '(?<module2>\w+)[\w.]*']=],
      [=[ModuleNotFoundError: No module named '(?<module3>\w+)\.[\w.]+'; '\w+' is not a package]=],
      [[TypeError: (?<module4>\w+)\(\) (?:got an unexpected|takes|missing)]], -- slugify's function is called so, too
    },
    inside = [[(?:ModuleNotFoundError|SyntaxError|ImportError|RuntimeError): ]],
  },
  specific_over = {"pip.conflict", "hf.version-conflict", "app.bug", "pip.module-missing", "pip.broken-install"},
  when = function(f, log)
    local hit = log.name or log.inside
    local frames = hit.event.frames or {}
    local last = frames[#frames]
    if (hit.event.tier or 0) < 3 or not last then return nil end
    local answer = namesake(f, hit == log.name and (hit.module or hit.module2 or hit.module3
        or hit.module4)
      or last.file:match[=[(?:site|dist)-packages/(\w+)(?:/|\.py$)]=])
    if answer then answer.hit = hit end
    return answer
  end,
  check = function(f)
    for _, module in ipairs(list(f"workdir.imports")) do
      local answer = DEAD[module] and namesake(f, module)
      if answer then
        answer.severity, answer.evidence = "warning", {{fact = "workdir.imports", value = module}}
        return answer
      end
    end
  end,
  doc = {looks = "module 'jwt' has no attribute 'encode'; No module named 'exceptions' in docx.py.",
    check = "pip list: which of the two packages is there."},
}

-- ---- a folder that is called like a package ----

rule {
  id = "pip.module-missing/bare",
  anyone = "interpreter",
  signatures = {bare = [[cannot import name '\w+' from '(?<module>[A-Za-z]\w*)[\w.]*' \(unknown location\)]]},
  specific_over = {"pip.broken-install", "app.bug"},
  when = function(f, log)
    local package = know.distribution(log.bare.module)
    if (log.bare.event.tier or 0) < 3 or not know.package(package) or f.pkg(package) ~= false then return nil end
    return {hit = log.bare, confidence = 0.86,
      why = ("%s is not installed, and a folder of the name {module} on Python's path was taken for it."):format(
        package),
      fixes = {{install = package, absent = true, say = "Install it: a package comes before a bare folder."}}}
  end,
  doc = {looks = "cannot import name 'load_dataset' from 'datasets' (unknown location).",
    check = "pip show of the package; folders of its name where the worker is started."},
}
