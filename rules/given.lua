-- What a program reads before it starts and cannot use: the value of a variable, an argument, its configuration file.

-- ---- addresses that need no proxy ----

-- httpx reads entries of NO_PROXY as addresses: one in brackets, or a network of IPv6, is none.
local function refused_entry(entry)
  return entry:match[=[^\[.*\]$]=] ~= nil or entry:match[[^[0-9a-fA-F:]*:[0-9a-fA-F:]*/\d+$]] ~= nil
end

local function no_proxy(f)
  for _, name in ipairs{"no_proxy", "NO_PROXY"} do
    local value, kept, bad = f.env(name), {}, nil
    for entry in (type(value) == "string" and value or ""):gmatch[=[[^,\s]+]=] do
      if not refused_entry(entry) then kept[#kept + 1] = entry
      else
        bad = bad or entry
        local address = entry:match[=[^\[([0-9a-fA-F:]+)\]$]=]
        if address then kept[#kept + 1] = address end
      end
    end
    if bad then
      return {confidence = 0.9, title = "NO_PROXY holds what httpx cannot read",
        why = ("%s holds %s: httpx reads each entry as an address, and fails at this one before anything is "
          .. "asked."):format(name, bad),
        fixes = {{set = {[name] = table.concat(kept, ",")}, say = "Leave it out, or write the address bare."}}}
    end
  end
end

rule {
  id = "env.variable-ignored/no-proxy",
  anyone = "request",
  signatures = {url = [[InvalidURL: Invalid (?:port|IPv6 address): ]]},
  facts = {"env.NO_PROXY", "env.no_proxy"},
  specific_over = {"app.bug"},
  when = function(f, log)
    local answer = log.has_frame[[httpx/_client\.py|httpx/_utils\.py]] and no_proxy(f)
    if answer then answer.hit = log.url end
    return answer or nil
  end,
  check = function(f)
    local answer = f.pkg"httpx" and no_proxy(f)
    if answer then answer.severity = "warning" end
    return answer or nil
  end,
  doc = {looks = "httpx.InvalidURL: Invalid port: ':1]' where a client is made.", check = "The entries of NO_PROXY."},
}

-- ---- which code reads protobuf ----

local IMPLEMENTATION = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"

local function implementation(f)
  local have = f.pkg"protobuf"
  if f.env(IMPLEMENTATION) ~= "cpp" or not have or version.cmp(have, "4.21") == -1 then return nil end
  return {confidence = 0.92, title = "protobuf is told to use code that it does not have",
    why = ("%s is cpp, and protobuf %s is not built with that code any more: upb took its place."):format(
      IMPLEMENTATION, have),
    evidence = {"env." .. IMPLEMENTATION, "python.packages.protobuf.version"},
    fixes = {{unset = {IMPLEMENTATION}, say = "Unset it."}}}
end

rule {
  id = "env.variable-ignored/protobuf",
  anyone = "interpreter",
  signatures = {message = [[cannot import name '_message' from 'google\.protobuf\.pyext']]},
  facts = {"env." .. IMPLEMENTATION, "python.packages.protobuf.version"},
  specific_over = {"hf.tokenizer-dep", "pip.broken-install", "pip.conflict", "app.bug"},
  when = function(f, log)
    local answer = implementation(f)
    if answer then answer.hit = log.message end
    return answer
  end,
  check = function(f)
    local answer = implementation(f)
    if answer then answer.severity = "warning" end
    return answer
  end,
  doc = {looks = "cannot import name '_message' from 'google.protobuf.pyext'.",
    check = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION against the release of protobuf."},
}

-- ---- an argument ----

-- Variables that a program reads as arguments.
local ARGUMENTS = {gunicorn = "GUNICORN_CMD_ARGS"}

rule {
  id = "engine.arg-invalid/argument",
  title = "the program cannot read the value of an argument",
  anyone = "request",
  signatures = {
    argument = [=[^(?<program>[A-Za-z][\w.-]*): error: argument (?<flag>-[^\s:]+): invalid (?<kind>\w+) value: ]=]
      .. [=[['"](?<value>[^'"\n]*)['"]$]=],
  },
  facts = {"env.GUNICORN_CMD_ARGS"},
  when = function(f, log)
    local hit = log.argument
    local name = ARGUMENTS[hit.program]
    local set = name and f.env(name)
    if type(set) == "string" and hit.value ~= "" and set:find(hit.value, 1, true) then
      return {confidence = 0.9, why = ("%s is read as arguments, and {flag} in it takes no '{value}'."):format(name),
        fixes = {{unset = {name}, kind = "env:" .. name, say = "Unset it, or put that argument right."}}}
    end
    local flag = hit.flag:match[=[--[\w-]+$]=] or hit.flag
    return {confidence = 0.86, why = "{program} takes no '{value}' for {flag}, and ends before it starts.",
      fixes = {{code = true, kind = "param:" .. flag:gsub("^-+", ""):gsub("-", "_"),
        say = ("Give %s a value of its kind (%s) where the program is started."):format(flag, hit.kind)}}}
  end,
  doc = {looks = "gunicorn: error: argument -w/--workers: invalid int value: 'auto'.",
    check = "The command line, and variables that are read as arguments."},
}

-- ---- a setting that nobody has given ----

rule {
  id = "engine.arg-invalid/field",
  title = "a variable that the worker reads is not set",
  from = {"pydantic", "app", "other", "server"},
  signatures = {field = [[validation errors? for \w+\s+(?<field>[A-Za-z_]\w*)\s+Field required \[type=missing]]},
  specific_over = {"app.bug"},
  when = function(_, log)
    if not log.has_frame[[pydantic_settings/]] then return nil end
    local name = log.field.field:upper()
    return {confidence = 0.86, why = "The settings of the worker ask for {field}, which has no default: neither the "
        .. "environment nor an .env file gives it.",
      fixes = {{host = true, kind = "env:" .. name, say = ("Set %s before the worker starts (with the prefix that its "
        .. "class may give)."):format(name)}}}
  end,
  doc = {looks = "1 validation error for Settings ... Field required [type=missing].",
    check = "The fields of that class without a default, against env and the .env file."},
}

-- ---- a configuration file ----

rule {
  id = "engine.arg-invalid/document",
  title = "a configuration file cannot be read",
  anyone = "request",
  signatures = {
    yaml = [=[yaml\.\w+\.(?:Scanner|Parser|Composer|Constructor)Error: (?<what>[^\n]*)[\s\S]{0,400}?]=]
      .. [=[in ['"](?<file>[^'"<\n]+)['"], line (?<at>\d+)]=],
    toml = [=[TOMLDecodeError: [^\n]*\(at (?:line (?<at2>\d+), column \d+|end of document)\)]=],
  },
  context = {tab = [[found character '\\t' that cannot start any token]]},
  specific_over = {"app.bug"},
  when = function(_, log)
    local hit = log.yaml or log.toml
    if (hit.event.tier or 0) < 3 then return nil end
    if hit == log.toml then
      return {hit = hit, confidence = 0.86,
        why = "The file that the worker reads there is no TOML: its reader stops in it.",
        fixes = {{code = true, kind = "param:config", say = hit.at2 and ("Put its line %s right (texts stand in "
          .. "quotes)."):format(hit.at2) or "Put its end right: it is cut short, or something is not closed."}}}
    end
    return {hit = hit, confidence = 0.88, why = {"{file} is no YAML: its reader stops there.",
        log.tab and "A line of it begins with a tab, and YAML is indented with spaces only." or nil},
      fixes = {{code = true, kind = "param:config", say = ("Put %s right near line %s%s."):format(hit.file, hit.at,
        log.tab and ": spaces in place of tabs" or "")}}}
  end,
  doc = {looks = "yaml.scanner.ScannerError: while scanning for the next token ... in \"config.yaml\", line 2.",
    check = "That line of the file."},
}
