-- What keeps a program from starting at all, or its first file from being written: an interpreter that does not find
-- its own library, scripts that name one which is gone, a limit on the size of files.

rule {
  id = "env.variable-ignored/pythonhome",
  anyone = "interpreter",
  signatures = {encodings = [[No module named '?encodings'?\s*$]]},
  context = {home = [[PYTHONHOME = '(?<home>[^']+)']]},
  facts = {"env.PYTHONHOME"},
  specific_over = {"pip.module-missing"},
  explains = {"pip.module-missing"},
  confidence = 0.93,
  when = function(f, log)
    local home = log.home and log.home.home or f.env"PYTHONHOME"
    if type(home) ~= "string" then return nil end
    return {why = ("PYTHONHOME sends this Python to %s for its own library, and what it needs first is not there: it "
      .. "cannot start."):format(home), fixes = {{unset = {"PYTHONHOME"}, say = "Unset it."}}}
  end,
  doc = {looks = "'init_fs_encoding: failed to get the Python codec', No module named 'encodings'.",
    check = "PYTHONHOME: it is right for the one Python only that it was set for."},
}

rule {
  id = "python.venv-dead/script",
  anyone = "system",
  signatures = {
    bash = [=[(?<script>/[^\s:]+/bin/(?<tool>[\w.-]+)): cannot execute: required file not found]=],
    interpreter = [=[(?<script2>/[^\s:]+/bin/(?<tool2>[\w.-]+)): (?<python>/[^\s:]*python[\d.]*): bad interpreter]=]
      .. [[: No such file or directory]],
    gone = [[(?:^|: )(?<link>[^\s:]+/bin/python[\d.]*): No such file or directory$]],
  },
  when = function(f, log)
    local dead = f"python.dead"
    if log.gone then -- a link into nothing, where the facts know what it led to
      if type(dead) ~= "table" or not dead.exists then return nil end
      return {hit = log.gone, confidence = 0.9,
        why = ("The environment %s has no interpreter any more: the Python that it was made with was removed, or it "
          .. "was copied here from another machine."):format(dead.folder),
        fixes = {{renew = dead.folder, python = dead.made_for, say = "Link it to a Python of the same version again; "
          .. "with another version, make the environment anew and install its packages."}}}
    end
    local hit = log.interpreter or log.bash
    local script, name = hit.script or hit.script2, hit.tool or hit.tool2
    local package = know.distribution(name)
    -- a binary for another loader says the same
    if hit == log.bash and not f.pkg(package) then return nil end
    return {hit = hit, confidence = 0.88,
      why = {("The first line of %s names the Python that is to run it, and that is not there: its environment was "
        .. "moved or copied, or made with another Python."):format(script),
        hit == log.interpreter and "It names {python}." or nil},
      fixes = {{install = package, fresh = true, say = "Lay it down anew from where the environment is now: that "
        .. "writes its scripts again (or run it with python -m)."}}}
  end,
  doc = {looks = "'bad interpreter: No such file or directory', 'cannot execute: required file not found'.",
    check = "head -1 of the script; venvs cannot be moved."},
}

rule {
  id = "pip.module-missing/socks",
  anyone = "request",
  signatures = {
    requests = [[InvalidSchema: Missing dependencies for SOCKS support]],
    httpx = [[ImportError: Using SOCKS proxy, but the 'socksio' package is not installed]],
  },
  specific_over = {"app.bug", "hf.offline"},
  when = function(f, log)
    local dead = f"system.proxy.listening" == false and f"system.proxy.variable"
    local name = log.requests and "PySocks" or "socksio"
    local install = {install = name, say = "Install it."}
    local unset = dead and {unset = {dead}, say = ("Unset %s: at its port nothing listens either."):format(dead)}
    return {hit = log.requests or log.httpx, confidence = 0.92,
      why = ("A proxy variable names a SOCKS proxy, and %s, by which Python's client speaks to one, is not "
        .. "installed."):format(name),
      fixes = {unset or install, unset and install or nil}}
  end,
  doc = {looks = "'Missing dependencies for SOCKS support'.",
    check = "ALL_PROXY and HTTPS_PROXY: socks5h:// or http://."},
}

rule {
  id = "env.variable-ignored/scheme",
  anyone = "request",
  signatures = {
    url = [=[(?:InvalidSchema: No connection adapters were found for|MissingSchema: Invalid URL) '(?<url>[^'\n]+)']=],
    httpx = [=[UnsupportedProtocol: Request URL is missing an 'https?://' or 'https?://' protocol]=],
  },
  facts = {"env.HF_ENDPOINT"},
  specific_over = {"app.bug", "hf.offline", "hf.not-found"},
  when = function(f, log)
    local hit, value = log.url or log.httpx, f.env"HF_ENDPOINT"
    if type(value) ~= "string" or value == "" or value:find("://", 1, true) then return nil end
    if hit == log.url and hit.url:sub(1, #value) ~= value then return nil end
    local scheme = (value:match[[^(?:localhost|127\.|10\.|192\.168\.)]] or value:match[[:\d+]]) and "http" or "https"
    return {hit = hit, confidence = 0.92,
      why = ("HF_ENDPOINT is %s: without http:// or https:// before it no client can ask there."):format(value),
      fixes = {{set = {HF_ENDPOINT = scheme .. "://" .. value}, say = "Write the whole address."}}}
  end,
  doc = {looks = "'No connection adapters were found for', 'Invalid URL ... No scheme supplied'.",
    check = "HF_ENDPOINT: it begins with https://."},
}

rule {
  id = "sys.ulimit/fsize",
  anyone = "system",
  signatures = {large = [[(?:\[Errno 27\] File too large|File size limit exceeded|\bSIGXFSZ\b)]]},
  facts = {"system.limits.fsize"},
  when = function(f, log)
    local limit = f"system.limits.fsize"
    if limit == "unlimited" then return nil end -- the file system's own bound
    return {confidence = limit and 0.93 or 0.75, why = {"A file may not become as large as this one: there is a limit "
      .. "on the size of files (ulimit -f).", "It is {fact:system.limits.fsize} bytes."},
      fixes = {{limit = "fsize", say = "Lift it."}}}
  end,
  doc = {looks = "'File too large', 'File size limit exceeded'.", check = "ulimit -f."},
}

-- Who sets what the message shows: the variable that the code reads in a line of the traceback, else the only one that
-- holds this very text.
local function setter_of(f, log, value)
  local read = log.reads and log.reads.variable
  if read and f.env(read) ~= false then return read end
  local found
  for name, held in pairs(f"env" or {}) do
    if held == value then
      if found then return nil end
      found = name
    end
  end
  return found
end

-- Too common to say whose they are.
local COMMON = {["true"] = true, ["false"] = true, cuda = true, auto = true, gpu = true, cpu = true, none = true,
  info = true, debug = true, error = true, warning = true, torch = true, model = true}

-- The only variable whose whole text stands by itself in a message that refuses something.
local function refused_value(f, text)
  local found, value
  for name, held in pairs(f"env" or {}) do
    if type(held) == "string" and #held >= 3 and not COMMON[held:lower()] then
      local from, to = text:find(held, 1, true)
      local around = from and text:sub(from - 1, from - 1) .. text:sub(to + 1, to + 1) or "x"
      if from and not around:match[=[[\w/.-]]=] then
        if found then return nil end
        found, value = name, held
      end
    end
  end
  return found, value
end

rule {
  id = "env.variable-ignored/value",
  anyone = {number = "interpreter", missing = "system", bundle = "request", parts = "request", refused = "request"},
  signatures = {
    number = [=[ValueError: (?:invalid literal for int\(\) with base 10|could not convert string to float): ]=]
      .. [=['(?<value>[^'\n]{1,200})']=],
    bundle = [[OSError: Could not find a suitable TLS (?:CA certificate bundle|certificate file), ]]
      .. [[invalid path: (?<value2>\S+)]],
    parts = [[Invalid log settings: (?<value3>[^\n]{1,200}?), must be]],
    missing = [=[FileNotFoundError: \[Errno 2\] No such file or directory: ['"](?<value4>/[^'"\n]+)['"]]=],
    -- where a variable's whole text stands in it
    refused = [[(?:Error|Exception): [^\n]{0,200}(?:[Ii]nvalid|[Uu]nknown|[Uu]nrecogni[sz]ed|[Uu]nsupported|]]
      .. [[not a valid|not supported|malformed|must be (?:one of|either)|[Cc]ould not parse|[Cc]annot load)]],
  },
  context = {reads = [=[os\.(?:environ(?:\.get)?|getenv) ?[(\[] ?["'](?<variable>[A-Z][A-Z0-9_]{2,60})["']]=]},
  specific_over = {"app.bug", "hf.offline", "hf.not-found"},
  when = function(f, log)
    local hit = log.number or log.bundle or log.parts or log.missing or log.refused
    local value = hit.value or hit.value2 or hit.value3 or hit.value4
    local name = (hit.event.tier or 0) >= 3 and hit ~= log.refused and setter_of(f, log, value)
    if hit == log.refused and (hit.event.tier or 0) >= 4 then name, value = refused_value(f, hit.text) end
    if not name or hit == log.missing and f.env(name) ~= value then return nil end
    local path = hit == log.bundle or hit == log.missing
    return {hit = hit, confidence = f.env(name) == value and 0.92 or 0.8,
      why = ("%s is set to %s, %s."):format(name, value, path and "and nothing is there"
        or "which what reads it refuses"),
      fixes = {{unset = {name}, say = path and "Unset it, or name what is there."
        or "Unset it: then its default counts."}}}
  end,
  doc = {looks = "invalid literal for int(), Invalid log settings, an invalid path: of a text that a variable holds.",
    check = "The variable's value; env_notes in the report."},
}

rule {
  id = "env.variable-ignored/warnings",
  anyone = "request",
  signatures = {raised = [[^(?:[\w.]+\.)?(?<kind>\w*Warning): ]]},
  facts = {"env.PYTHONWARNINGS"},
  when = function(f, log)
    local hit, setting = log.raised, f.env"PYTHONWARNINGS"
    if hit.event.kind ~= "exception" or (hit.event.tier or 0) < 4 then return nil end
    if type(setting) ~= "string" or not setting:match[[\berror\b]] then return nil end
    return {hit = hit, confidence = 0.92, why = {"PYTHONWARNINGS makes errors of warnings: what ended it is a {kind}, "
      .. "without which it would have gone on.", "It is set to {fact:env.PYTHONWARNINGS}."},
      fixes = {{unset = {"PYTHONWARNINGS"}, say = "Unset it."}}}
  end,
  doc = {looks = "A traceback that ends in DeprecationWarning, UserWarning or FutureWarning.",
    check = "PYTHONWARNINGS, and -W of the command."},
}

rule {
  id = "env.variable-ignored/encoding",
  anyone = "request",
  signatures = {encode = [[Unicode(?:En|De)codeError: '(?<codec>ascii|latin-1|charmap)' codec can't (?:en|de)code]]},
  facts = {"env.PYTHONIOENCODING", "env.LC_ALL", "env.LANG"},
  when = function(f, log)
    local hit, output = log.encode, f.env"PYTHONIOENCODING"
    if (hit.event.tier or 0) < 3 or log.has_frame[=[encodings[/\\]]=] then return nil end
    if type(output) == "string" and not output:lower():match[[^utf]] then
      return {hit = hit, confidence = 0.9, title = "the encoding of the output cannot hold a character",
        why = ("PYTHONIOENCODING makes Python write %s, and a character is none of its."):format(output),
        fixes = {{unset = {"PYTHONIOENCODING"}, say = "Unset it: Python then writes UTF-8."}}}
    end
    local locale = f.env"LC_ALL" or f.env"LANG"
    if f.env"PYTHONUTF8" ~= "0" and not (type(locale) == "string" and locale:match[[^(?:C|POSIX)$]]) then return nil end
    return {hit = hit, confidence = 0.8, title = "the encoding of the output cannot hold a character",
      why = "Python writes and reads plain ASCII here, as its variables or the locale say.",
      fixes = {{set = {PYTHONUTF8 = "1"}, say = "Let Python use UTF-8 whatever the locale says."}}}
  end,
  doc = {looks = "UnicodeEncodeError: 'ascii' codec can't encode character.",
    check = "PYTHONIOENCODING, PYTHONUTF8, LC_ALL and LANG of the worker."},
}

-- Programs of the system, which are packages of the index by name only.
local SYSTEM = {}
for name in ([[
  git cmake ninja make gcc nvcc node npm docker curl wget sudo ffmpeg java rustc cargo python python3 pip pip3 conda uv
  unzip zip tar ssh mpirun ip]]):gmatch[[[\w-]+]] do
  SYSTEM[name] = true
end

rule {
  id = "pip.module-missing/command",
  anyone = "system",
  signatures = {
    shell = [[^(?:/bin/)?[\w./-]+: (?:line )?(?:\d+: )?(?<tool>[A-Za-z][\w.-]+): (?:command )?not found\s*$]],
  },
  facts = {"python.prefix", "env.PATH"},
  when = function(f, log)
    local tool = log.shell.tool
    local package = know.distribution(tool)
    if SYSTEM[tool] or not know.package(package) then return nil end
    local have, prefix, path = f.pkg(package), f"python.prefix", f.env"PATH"
    if have and type(prefix) == "string" and type(path) == "string" and not path:find(prefix .. "/bin", 1, true) then
      return {confidence = 0.88, title = "a package's command is not on PATH",
        why = ("%s %s is installed in %s, whose bin folder is not on PATH."):format(package, have, prefix),
        fixes = {{prepend = "PATH", entry = prefix .. "/bin", say = "Put that folder first on PATH."}}}
    end
    if have then return nil end
    return {confidence = 0.82,
      why = ("The command %s is not on PATH; the package of that name brings it."):format(tool),
      fixes = {{install = package, absent = true, say = "Install it into the environment that is on PATH."}}}
  end,
  doc = {looks = "bash: uvicorn: command not found.", check = "Which environment's bin folder is on PATH."},
}
