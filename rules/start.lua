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

-- The variable, and the others that name the same proxy.
local function same_proxy(f, variable)
  local names = {variable}
  for _, name in ipairs{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} do
    local value = f.env(name)
    if name ~= variable and value and value == f.env(variable) then names[#names + 1] = name end
  end
  return names
end

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
    local unset = dead and {unset = same_proxy(f, dead),
      say = ("Unset %s: at its port nothing listens either."):format(dead)}
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

-- An address that says https, of what speaks plain HTTP: the variable that names it, and its value put right.
local function plain_http(f, host, port, proxy)
  for name, value in pairs(f"env" or {}) do
    local of_proxy = name:match[[(?i)^(?:https?|all)_proxy$]] ~= nil
    if type(value) == "string" and of_proxy == proxy
      and value:match[=[^https://(?:[^@/]*@)?([^:/]+)]=]
      and (proxy or value:has("https://" .. host .. ":" .. port)) then
      return name, "http" .. value:sub(6)
    end
  end
end

rule {
  id = "env.variable-ignored/plain-http",
  anyone = "request",
  signatures = {
    server = [[host='(?<host>[^'\n]+)', port=(?<port>\d+)\)[^\n]{0,400}WRONG_VERSION_NUMBER]],
    proxy = [[Your proxy appears to only use HTTP and not HTTPS]],
  },
  specific_over = {"app.bug", "hf.offline", "hf.not-found"},
  when = function(f, log)
    local hit = log.proxy or log.server
    local name, value = plain_http(f, hit.host, hit.port, log.proxy ~= nil)
    if not name then return nil end
    return {hit = hit, confidence = 0.9, title = "an address says https, and plain HTTP is spoken there",
      why = ("%s names an address with https://, and what answers there speaks plain HTTP."):format(name),
      fixes = {{set = {[name] = value}, say = "Write http:// there."}}}
  end,
  doc = {looks = "[SSL: WRONG_VERSION_NUMBER] wrong version number.",
    check = "HF_ENDPOINT and https_proxy: which scheme they name."},
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

-- Where a server is to listen, as asyncio says it, as a socket's traceback, as a program of Rust or Go, and nginx.
local REFUSED = any{
  [[\[Errno 13\] error while attempting to bind on address \('[^']+', (?<port>\d+)\)]],
  [[(?:listen tcp|bind)\S* \S*:(?<port2>\d+): (?:bind: )?permission denied]],
  [[\('[^']*', (?<port3>\d{1,3})\)[^\n]*Permission denied]],
  [[\bbind\(\) to \S*:(?<port4>\d+) failed \(13: Permission denied\)]],
}

rule {
  id = "sys.port-in-use/privileged",
  title = "this user may not listen on a port below 1024",
  anyone = "system",
  signatures = {refused = REFUSED},
  facts = {"process.uid"},
  when = function(_, log)
    local hit = log.refused
    local port = tonumber(hit.port or hit.port2 or hit.port3 or hit.port4)
    if not port or port < 1 or port > 1023 then return nil end
    local other = port + (port < 100 and 8000 or 8800)
    return {confidence = 0.9,
      why = ("Port %d is below 1024: only root, or who has the capability net_bind_service, may listen "
        .. "there."):format(port),
      fixes = {{flag = "port", stated = true, spelled = ("--port %d"):format(other),
          say = "Listen on a port above 1023, and let the container or a proxy publish it under the other number."},
        {setting = "low-ports", kind = "os", say = "Or let every user of this host listen there."}}}
  end,
  doc = {looks = "[Errno 13] error while attempting to bind on address ('0.0.0.0', 80): permission denied.",
    check = "The user of the worker; sysctl net.ipv4.ip_unprivileged_port_start."},
}

rule {
  id = "engine.arg-invalid/address",
  title = "the address to listen on is none of this machine's",
  from = {go = {"container", "engine", "server", "shell", "app", "other"}},
  anyone = {absent = "system"},
  signatures = {
    absent = [[\[Errno 99\] (?:error while attempting to bind on address \('(?<host>[^']+)', \d+\)|]]
      .. [[(?i:cannot assign requested address)[^\n]*\('(?<host2>[\d.:a-f]+)', \d+\))]],
    go = [[\blisten tcp\w* (?<host>[\d.]+):(?<port>\d+): bind: cannot assign requested address]],
  },
  specific_over = {"sys.port-in-use"},
  when = function(_, log)
    local hit = log.absent or log.go
    local docker = hit == log.go and hit.text:match[[(?i)error response from daemon|userland proxy]]
    return {hit = hit, confidence = 0.88, why = ("A server is to listen on %s, and no interface of this machine (or "
      .. "container) has that address."):format(hit.host or hit.host2),
      fixes = {{container = "publish", value = {hit.port, hit.port}, kind = "param:host", say = "Publish the port "
          .. "without an address of the host.", cond = function() return docker end},
        {flag = "host", stated = true, spelled = "--host 0.0.0.0",
        say = "Listen on every address, and let the firewall or the container decide who comes in."}}}
  end,
  doc = {looks = "[Errno 99] error while attempting to bind on address: cannot assign requested address.",
    check = "ip addr: the addresses here. In a container those of the host are not."},
}

rule {
  id = "sys.ulimit/cpu",
  anyone = "system",
  signatures = {spent = [[(?:CPU time limit exceeded|\bSIGXCPU\b|[Ss]ignal 24\b)]]},
  facts = {"system.limits.cpu"},
  when = function(f)
    local limit = f"system.limits.cpu"
    if limit == "unlimited" then return nil end -- another one's: a scheduler's, or of an earlier shell
    return {confidence = limit and 0.93 or 0.75, why = {"The process had used up the processor time that it may use "
      .. "(ulimit -t).", "It is {fact:system.limits.cpu} seconds."},
      fixes = {{limit = "cpu", say = "Lift it."}}}
  end,
  doc = {looks = "'CPU time limit exceeded', signal 24 (SIGXCPU).", check = "ulimit -t."},
}

-- Who sets what the message shows: the variable that the code reads in a line of the traceback, else the only one that
-- holds this very text.
local function setter_of(f, log, value)
  local read = log.reads and log.reads.variable
  local here = read and f.env(read)
  -- the facts have those that the table knows: of another one they say nothing, but the line shows its default
  if here == false and not know.variable(read) and not log.reads.text:find(value, 1, true) then here = nil end
  if read and here ~= false then return read end
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

-- The variable below whose folder nothing can be made, as a file stands there.
local function folder_gone(f, path)
  for _, note in ipairs(list(f"env_notes")) do
    local value = note.kind == "malformed" and f.env(note.name)
    if type(value) == "string" and value:sub(1, 1) == "/" and (path .. "/"):sub(1, #value + 1) == value .. "/" then
      return note.name, value
    end
  end
end

-- The variable that names certificates which are not there, where Python's ssl was the one to open them.
local function certificates_gone(f, hit)
  local frames = hit.event.frames or {}
  local last = frames[#frames]
  if not last or not last.file:match[=[[/\\]ssl\.py$]=] then return nil end
  for _, note in ipairs(list(f"env_notes")) do
    if note.kind == "absent" and note.name:match[[^(?:SSL_CERT_\w+|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)$]] then
      return note.name, f.env(note.name)
    end
  end
end

rule {
  id = "env.variable-ignored/value",
  anyone = {number = "interpreter", missing = "system", bundle = "request", parts = "request", refused = "request",
    certificates = "system", folder = "system"},
  signatures = {
    number = [=[ValueError: (?:invalid literal for int\(\) with base 10|could not convert string to float): ]=]
      .. [=['(?<value>[^'\n]{1,200})']=],
    bundle = [[OSError: Could not find a suitable TLS (?:CA certificate bundle|certificate file), ]]
      .. [[invalid path: (?<value2>\S+)]],
    parts = [[Invalid log settings: (?<value3>[^\n]{1,200}?), must be]],
    missing = [=[FileNotFoundError: \[Errno 2\] No such file or directory: ['"](?<value4>/[^'"\n]+)['"]]=],
    certificates = [=[FileNotFoundError: \[Errno 2\] No such file or directory\s*$]=], -- ssl names no file
    folder = [=[(?:FileExistsError: \[Errno 17\] File exists|NotADirectoryError: \[Errno 20\] Not a directory|]=]
      .. [=[IsADirectoryError: \[Errno 21\] Is a directory): ]=] .. [=[['"](?<value5>/[^'"\n]+)['"]]=],
    -- where a variable's whole text stands in it
    refused = [[(?:Error|Exception): [^\n]{0,200}(?:[Ii]nvalid|[Uu]nknown|[Uu]nrecogni[sz]ed|[Uu]nsupported|]]
      .. [[not a valid|not supported|malformed|must be (?:one of|either)|[Cc]ould not parse|[Cc]annot load)]],
  },
  context = {reads = [=[os\.(?:environ(?:\.get)?|getenv) ?[(\[] ?["'](?<variable>[A-Z][A-Z0-9_]{2,60})["']]=]},
  specific_over = {"app.bug", "hf.offline", "hf.not-found"},
  when = function(f, log)
    local hit = log.number or log.bundle or log.parts or log.missing or log.certificates or log.folder or log.refused
    local value = hit.value or hit.value2 or hit.value3 or hit.value4
    local name = (hit.event.tier or 0) >= 3 and value and setter_of(f, log, value)
    if hit == log.certificates then name, value = certificates_gone(f, hit) end
    if hit == log.folder then name, value = folder_gone(f, hit.value5) end
    if hit == log.refused and (hit.event.tier or 0) >= 4 then name, value = refused_value(f, hit.text) end
    if not name or hit == log.missing and f.env(name) ~= value then return nil end
    local path = hit == log.bundle or hit == log.missing or hit == log.certificates
    return {hit = hit, confidence = f.env(name) == value and 0.92 or 0.8,
      why = ("%s is set to %s, %s."):format(name, value, path and "and nothing is there"
        or hit == log.folder and (hit.text:has"Errno 21" and "which is a folder, where a file is wanted"
          or "where no folder can be made") or "which what reads it refuses"),
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
    local reader = log.has_frame[=[encodings[/\\]]=] -- a file's encoding, not the output's
    if (hit.event.tier or 0) < 3 or reader and hit.codec ~= "ascii" then return nil end
    if type(output) == "string" and not output:lower():match[[^utf]] and not reader then
      return {hit = hit, confidence = 0.9, title = "the encoding of the output cannot hold a character",
        why = ("PYTHONIOENCODING makes Python write %s, and a character is none of its."):format(output),
        fixes = {{unset = {"PYTHONIOENCODING"}, say = "Unset it: Python then writes UTF-8."}}}
    end
    local locale = f.env"LC_ALL" or f.env"LANG"
    if f.env"PYTHONUTF8" ~= "0" and not (type(locale) == "string" and locale:match[[^(?:C|POSIX)$]]) then return nil end
    return {hit = hit, confidence = 0.8, title = "plain ASCII cannot hold a character",
      why = "Python writes and reads plain ASCII here, as its variables or the locale say.",
      fixes = {{set = {PYTHONUTF8 = "1"}, say = "Let Python use UTF-8 whatever the locale says."}}}
  end,
  check = function(f)
    local output, locale = f.env"PYTHONIOENCODING", f.env"LC_ALL" or f.env"LC_CTYPE" or f.env"LANG"
    local ascii = f.env"PYTHONUTF8" == "0" and (not locale or locale == "C" or locale == "POSIX")
    local narrow = type(output) == "string" and output:lower():match[[^(?:us-)?(?:ascii|latin|iso-?8859|cp125)]]
    if not ascii and not narrow then return nil end
    return {confidence = 0.75, severity = "warning", title = "an encoding that cannot hold every character",
      why = narrow and ("PYTHONIOENCODING makes Python write %s: one other character ends it."):format(output)
        or "PYTHONUTF8 is 0 in the C locale: Python reads and writes plain ASCII, and one other character ends it.",
      evidence = {narrow and "env.PYTHONIOENCODING" or "env.PYTHONUTF8"},
      fixes = {narrow and {unset = {"PYTHONIOENCODING"}, say = "Unset it: Python then writes UTF-8."}
        or {set = {PYTHONUTF8 = "1"}, say = "Let Python use UTF-8 whatever the locale says."}}}
  end,
  doc = {looks = "UnicodeEncodeError: 'ascii' codec can't encode character.",
    check = "PYTHONIOENCODING, PYTHONUTF8, LC_ALL and LANG of the worker."},
}

rule {
  id = "env.variable-ignored/no-user",
  title = "the worker's user has no name",
  anyone = "interpreter",
  signatures = {nobody = [[KeyError: ['"]getpwuid\(\): uid not found: (?<uid>\d+)]]},
  specific_over = {"app.bug", "triton.compile"},
  when = function(f, log)
    local frames = log.nobody.event.frames or {}
    local last = frames[#frames]
    local home = last and last.file:match[=[[/\\]posixpath\.py$]=]
    local asks = home and "HOME" or last and last.file:match[=[[/\\]getpass\.py$]=] and "USER"
    return {confidence = 0.9,
      why = "The worker runs as user number {uid}, which stands in no /etc/passwd, and a library asks for its name "
        .. "or home.",
      fixes = {asks == "HOME" and {set = {HOME = "/tmp"}, say = "Give it a home by the variable, which is asked first."}
        or {set = {USER = "worker"}, say = "Give it a name by the variable, which Python asks first."},
        {container = "user", kind = "container-flag:user", say = "Or run it as a user that the image has."}}}
  end,
  doc = {looks = "KeyError: 'getpwuid(): uid not found: 1000'.", check = "id; /etc/passwd of the image."},
}

-- What pip's own variables leave it to find.
rule {
  id = "env.variable-ignored/index",
  title = "pip looks where nothing is",
  from = {"installer"},
  signatures = {none = [[(?:from versions: none\)|No matching distribution found for)]]},
  facts = {"env.PIP_NO_INDEX", "env.PIP_INDEX_URL"},
  specific_over = {"sys.python-version", "pip.conflict"},
  when = function(f, log)
    local off, index = f.env"PIP_NO_INDEX", f.env"PIP_INDEX_URL"
    off = type(off) == "string" and off:match[[^(?i:1|true|yes|on)$]]
    if not log.none.text:match[[from versions: none]] and not off then return nil end
    if not off and (type(index) ~= "string" or index:match[[//(?:[\w.]+\.)?pypi\.org/]]) then return nil end
    return {confidence = off and 0.9 or 0.8,
      why = off and "PIP_NO_INDEX forbids pip to ask an index: it sees only what stands in folders."
        or "PIP_INDEX_URL sends pip to an index of your own, which has no release of it, or does not answer.",
      fixes = {{unset = {off and "PIP_NO_INDEX" or "PIP_INDEX_URL"},
        say = off and "Unset it." or "Unset it, where this machine may ask the public index; else see to that index."}}}
  end,
  doc = {looks = "'Could not find a version that satisfies the requirement x (from versions: none)'.",
    check = "pip config debug; PIP_INDEX_URL and PIP_NO_INDEX."},
}

rule {
  id = "env.variable-ignored/backend",
  severity = "warning",
  check = function(f)
    local backend = f.env"MPLBACKEND"
    local module = type(backend) == "string" and backend:match[[^module://(\w+)]]
    if not module or not f.pkg"matplotlib" or f.pkg(know.distribution(module)) ~= false then return nil end
    return {confidence = 0.85, title = "MPLBACKEND names a module that is not installed",
      why = ("MPLBACKEND is %s, which a notebook sets, and %s is not installed: importing matplotlib.pyplot fails.")
        :format(backend, know.distribution(module)), evidence = {"env.MPLBACKEND"},
      fixes = {{unset = {"MPLBACKEND"}, say = "Unset it."}}}
  end,
}

-- A module of the project, where Python was told not to look beside the script.
rule {
  id = "env.variable-ignored/safe-path",
  anyone = "interpreter",
  signatures = {module = [=[ModuleNotFoundError: No module named '(?<module>[A-Za-z_]\w*)[\w.]*']=]},
  facts = {"env.PYTHONSAFEPATH"},
  specific_over = {"pip.module-missing"},
  when = function(f, log)
    local hit, set = log.module, f.env"PYTHONSAFEPATH"
    local frames = hit.event.frames or {}
    if type(set) ~= "string" or set == "" or #frames == 0 or (hit.event.tier or 0) < 3 then return nil end
    if know.package(know.distribution(hit.module)) or atlas.package_of(frames[#frames]) then return nil end
    return {confidence = 0.9, title = "Python does not look into the script's folder",
      why = "PYTHONSAFEPATH keeps the folder of the script off sys.path, and {module} is a module of no package that "
        .. "is known: one of the project itself.",
      fixes = {{unset = {"PYTHONSAFEPATH"}, say = "Unset it."}}}
  end,
  check = function(f)
    local set = f.env"PYTHONSAFEPATH"
    if type(set) ~= "string" or set == "" then return nil end
    for _, script in ipairs(list(f"workdir.scripts")) do
      local own = list(script.own)[1]
      if own then
        return {confidence = 0.8, severity = "warning", title = "Python does not look into the script's folder",
          why = ("%s imports %s, which lies beside it, and PYTHONSAFEPATH keeps that folder off sys.path."):format(
            script.file, own), evidence = {"env.PYTHONSAFEPATH", {fact = "workdir.scripts", value = script.file}},
          fixes = {{unset = {"PYTHONSAFEPATH"}, say = "Unset it."}}}
      end
    end
  end,
  doc = {looks = "No module named '...' of a file that lies beside the script.",
    check = "PYTHONSAFEPATH, and -P or -I of the command."},
}

-- What a library imports only where it finds the package that brings it, by the name that is undefined otherwise.
local GUARDED = {
  Extension = "jinja2", ImmutableSandboxedEnvironment = "jinja2", Image = "pillow", PILImageResampling = "pillow",
  ImageOps = "pillow", linear_sum_assignment = "scipy", sp = "sentencepiece", spm = "sentencepiece", pd = "pandas",
}

rule {
  id = "pip.module-missing/extra",
  from = {"hub", "engine", "server", "other"},
  signatures = {
    extra = [[Error: [^\n]{0,300}\bpip3? install (?:-U |--upgrade )?['"`]{0,2}(?<package>[A-Za-z][\w.-]*)]]
      .. [=[\[(?<extra>[\w,-]+)\]]=],
  },
  specific_over = {"app.bug"},
  when = function(f, log)
    local hit, have = log.extra, f.pkg(log.extra.package)
    local owner = atlas.package_of((hit.event.frames or {})[#(hit.event.frames or {})])
    if (hit.event.tier or 0) < 3 or not have or owner ~= know.distribution(hit.package) then return nil end
    return {confidence = 0.88, why = "{package} is installed without what its part {extra} needs.",
      fixes = {{install = hit.package, extra = hit.extra, absent = true,
        say = "Install the packages that this part of it needs."}}}
  end,
  doc = {looks = "'Missing dependencies ... pip install transformers[serving]'.",
    check = "Which packages the extra names."},
}

rule {
  id = "pip.module-missing/guarded",
  anyone = "interpreter",
  signatures = {undefined = [[NameError: name '(?<symbol>\w+)' is not defined]]},
  specific_over = {"app.bug"},
  when = function(f, log)
    local hit = log.undefined
    local frames = hit.event.frames or {}
    local owner = atlas.package_of(frames[#frames]) or ""
    local package = GUARDED[hit.symbol] or know.distribution(hit.symbol)
    if (hit.event.tier or 0) < 3 or owner == "" or owner == package or not know.package(package) then return nil end
    if f.pkg(package) ~= false or package == "torch" then return nil end -- of a torch another rule knows more
    return {confidence = 0.88,
      why = ("%s uses %s, which it imports only where %s is installed, and it is not."):format(owner, hit.symbol,
        package),
      fixes = {{install = package, absent = true, say = "Install it."}}}
  end,
  doc = {looks = "NameError: name 'Extension' is not defined, raised in a library's own file.",
    check = "Whether the package that brings the name is installed."},
}

-- ---- a start script that the kernel will not run ----

-- One without a #! line is run by a shell all the same: that tells only behind a failure.
local function starter(f, name)
  for _, one in ipairs(list(f"workdir.starters")) do
    local meant = not name and not one.bare or name and one.file == name:match[=[[^/]+$]=]
    if meant then return one, (f"workdir.folder" or ".") .. "/" .. one.file end
  end
end

local function starter_answer(one, path)
  if one.bare then
    return {confidence = 0.94,
      why = ("%s has no #! line: a shell runs it all the same, and whoever executes it directly gets an error of "
        .. "format."):format(one.file), evidence = {{fact = "workdir.starters", value = one.file}},
      fixes = {{edit = path, shebang = true, effect = {["workdir.starters"] = {}},
        say = "Name the program that runs it in its first line."}}}
  end
  if one.crlf then
    return {confidence = 0.9, severity = "warning",
      why = ("The first line of %s ends as lines of Windows do: the kernel looks for a program of that name with a "
        .. "carriage return behind it."):format(one.file), evidence = {{fact = "workdir.starters", value = one.file}},
      fixes = {{edit = path, line_ends = true, effect = {["workdir.starters"] = {}},
        say = "Take those line ends off."}}}
  end
  local python = one.interpreter:match[=[/python[\d.]*$]=]
  return {confidence = 0.88, severity = "warning",
    why = ("The first line of %s names %s, and that is not there."):format(one.file, one.interpreter),
    evidence = {{fact = "workdir.starters", value = one.interpreter}},
    fixes = {python and {edit = path, from = one.interpreter, by = "/usr/bin/env python3",
      effect = {["workdir.starters"] = {}}, say = "Name the Python that PATH has first."}
      or {code = true, say = "Name a program that is there."}}}
end

rule {
  id = "container.entrypoint-broken/script",
  title = "a start script cannot be run",
  anyone = "system",
  signatures = {
    file = any{
      [[(?:^|: )(?<file>[\w./-]+): (?:cannot execute: required file not found|not found)$]],
      [[(?:^|: )(?<file2>[\w./-]+): [^\n]{1,80}: bad interpreter]],
      [[env: [^\w\s]{1,3}\w+\\r[^\w\s]{1,3}: No such file]],
      [=[(?:\[Errno 8\] |fork/exec [^\n:]*: |exec: )?[Ee]xec format error: ['"]?(?<file3>[\w./-]+)]=],
    },
    denied = [[(?:^|[\s/])(?:(?:ba|da|z)?sh|[\w.-]+\.sh): (?:line )?(?:\d+: )?]]
      .. [[(?<script>\./[\w./-]+|[\w./-]+\.(?:sh|py)): Permission denied$]],
  },
  facts = {"workdir.starters"},
  specific_over = {"python.venv-dead", "pip.module-missing", "sys.arch"},
  when = function(f, log)
    local hit = log.file
    if not hit then
      return {hit = log.denied, confidence = 0.82, why = "{script} is no program: its file may not be run.",
        fixes = {{grant = log.denied.script, run = true, say = "Let it be run (and keep that in the image)."}}}
    end
    local one, path = starter(f, hit.file or hit.file2 or hit.file3)
    if not one then return nil end
    local answer = starter_answer(one, path)
    answer.hit, answer.severity = hit, nil
    return answer
  end,
  check = function(f)
    local one, path = starter(f)
    return one and starter_answer(one, path)
  end,
  doc = {looks = "env: 'bash\\r': No such file or directory; ./start.sh: Permission denied; cannot execute.",
    check = "ls -l and head -1 of the script; cat -A shows ^M."},
}
