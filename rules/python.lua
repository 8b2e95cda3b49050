-- The interpreter: a Python that is too old or too new for what is to run on it.

-- The newest Python for which even the oldest release that was read has wheels: older ones had none for later Pythons.
local function python_of_the_first(package)
  for minor = 13, 7, -1 do
    local wheels = atlas.wheels(package, nil, "3." .. minor)
    if wheels and wheels.newest and not wheels.first then return "3." .. minor end
  end
  return nil
end

-- The newest Python that a release, or else its line, has wheels for ("3.12" of ">=3.9,<3.13"), where this one is none
-- of them.
local function python_for(package, want, python)
  if not want or not python then return nil end
  local line = want:match[[^\d+\.\d+]]
  local wheels = atlas.wheels(package, "==" .. want, python)
    or line and atlas.wheels(package, "==" .. line .. ".*", python)
  if not wheels then return python_of_the_first(package) end
  if wheels.lacks ~= "Python" then return nil end
  local above = wheels.asks:match[[<3\.(\d+)]]
  return above and "3." .. tonumber(above) - 1 or wheels.asks:match[[>=(3\.\d+)]]
end

-- What pip's list of releases says: the one asked for is below all of them, above all of them, or there are none.
local function where_stands(want, list)
  if list == "none" or list == "" then return "none" end
  local below, above = true, true
  for version_text in list:gmatch[[[\d][\w.+]*]] do
    local order = version.cmp(want, version_text)
    if not order then return nil end
    if order ~= -1 then below = false end
    if order ~= 1 then above = false end
  end
  return below and "below" or above and "above" or "between"
end

rule {
  id = "sys.python-version/wheel-tag",
  from = {"installer"},
  signatures = {wheel = [[-cp(?<tag>3\d+)-\w+-(?<platform>[\w.]+)\.whl is not a supported wheel on this platform]]},
  facts = {"python.version", "system.arch"},
  when = function(f, log)
    local tag = log.wheel.tag:gsub([[^3]], "3.")
    local python = f"python.version"
    local machine, wheel = f"system.arch", log.wheel.platform:match[[(x86_64|aarch64|amd64|arm64)]]
    wheel = ({amd64 = "x86_64", arm64 = "aarch64"})[wheel or ""] or wheel
    if machine and wheel and machine ~= wheel then return nil end -- sys.arch
    local have = type(python) == "string" and python:match[[^3\.\d+]]
    if have == tag then return nil end -- the tag fits: the platform does not
    return {confidence = have and 0.9 or 0.66, why = {
      ("The wheel was built for Python %s, and another one runs pip."):format(tag), "Python is {fact:python.version}."},
      fixes = {
        {conda = "python", need = tag,
          say = "Make an environment with that Python, or call the pip that belongs to it."},
          {code = true, kind = "pip:package", say = "Or take the wheel for this Python."}}}
  end,
  doc = {looks = "'...-cp310-cp310-linux_x86_64.whl is not a supported wheel on this platform'.",
    check = "python --version against the cpNNN in the wheel's name; pip --version names the Python that it serves."},
}

rule {
  id = "sys.python-version/no-wheel",
  from = {"installer"},
  signatures = {
    versions = [[Could not find a version that satisfies the requirement (?<package>[\w.-]+)(?:\[[\w,]+\])?(?:]]
      .. [[[=~]=(?<want>[\w.+]+)|(?<range>[<>!][^\s(]*))?[^(\n]*(?:\(from (?!versions)[^)\n]*\) )?]]
      .. [[\(from versions:? (?<list>[^)\n]*)\)]],
  },
  context = {
    ignored = [[Ignored the following versions that require a different python version]],
    network = [[(?:Retrying \(Retry|NewConnectionError|ProxyError|SSLError|Max retries exceeded)]],
    musl = [[(?:musllinux|alpine)]],
  },
  unless = {"network"},
  explains = {"pip.module-missing"},
  facts = {"python.version", "system.libc.version", "system.arch"},
  when = function(f, log)
    local hit = log.versions
    local package, python = hit.package:lower(), f"python.version"
    local python_short = type(python) == "string" and python:match[[^3\.\d+]]
    local libc, os = f"system.libc.version", f"system.os.name" or ""
    if libc and version.cmp(libc, "2.28") == -1 or os:match[=[(?i)(?:centos|rhel|red hat|oracle)[^\d]*7\b]=] then
      return nil
    end
    local stands = where_stands(hit.want or "0", hit.list)
    local torch = package:match[[^torch(?:vision|audio)?$]]
    if (hit.want or ""):match[[\ddev\d]] or (hit.want or ""):match[[\.dev\d]] then return nil end -- pip.conflict/gone
    local placeholder = torch and hit.list:match[[^0\.1\.2]]
    local why, confidence
    if placeholder or torch and stands == "none" then
      why, confidence = "pip sees no wheel of " .. package
        .. " for this Python at all: it is newer (or older) than what " .. package .. " is built for, or a 32-bit one.",
        0.84
    elseif stands == "below" then
      why, confidence = ("%s %s has no wheel for this Python: all releases that pip can use here are newer, because "
        .. "this Python is."):format(package, hit.want), torch and 0.84 or 0.72
    elseif stands == "above" and log.ignored then
      why, confidence = ("%s %s exists, but asks for a newer Python than this one."):format(package, hit.want), 0.84
    elseif stands == "above" or stands == "none" and hit.want and not torch then
      why, confidence = ("pip finds no %s %s that fits this Python and platform."):format(package, hit.want or ""), 0.55
    elseif stands == "none" and log.ignored then
      why, confidence = "All releases of " .. package .. " ask for another Python than this one.", 0.84
    else
      return nil
    end
    local older = stands == "below" or placeholder or stands == "none"
    local wheels = python_short and atlas.wheels(package, nil, python)
    local first = (older or torch) and wheels and wheels.first
    local fits = python_for(package, hit.want, python) or older and "3.10" or "3.12"
    return {hit = hit, confidence = confidence, why = {why, "Python is {fact:python.version}.",
      first and ("The first %s for Python %s is of the %s line."):format(package, python_short,
        first:match[[^\d+\.\d+]]) or nil},
      fixes = {{conda = "python", need = fits,
        say = older and "Make an environment with an older Python, which that release was built for."
          or "Make an environment with a newer Python."},
               {install = package, say = "Or take a release that this Python has a wheel of."},
               {image = "python", need = fits, say = "Or use a base image with that Python."}}}
  end,
  doc = {looks = "'Could not find a version that satisfies the requirement ... (from versions: ...)'.",
    check = "Are all the listed versions newer than the one asked for? Then the Python is too new for it."},
}

rule {
  id = "app.bug/halted-import",
  anyone = "interpreter",
  signatures = {halted = [[import of (?<module>[\w.]+) halted; None in sys\.modules]]},
  context = {webui = [[modules[/\\](?:launch_utils|initialize|sd_hijack|shared)\w*\.py]]},
  confidence = 0.82,
  title = "the program itself forbids that import",
  why = "Something in the program put None in the place of {module} before it was imported: it was switched off, and "
    .. "another part imports it all the same.",
  fixes = {
    {flag = "xformers", stated = true, spelled = "--xformers", say = "Start the web UI with xformers switched on.",
      cond = function(_, log) return log.webui ~= nil and log.halted.module:match[[^xformers]] ~= nil end},
    {code = true, say = "Switch {module} on where the program is started, or take what imports it out."},
  },
  doc = {looks = "ModuleNotFoundError: import of xformers halted; None in sys.modules.",
    check = "Who writes sys.modules[...] = None."},
}

rule {
  id = "app.bug/main-guard",
  anyone = "interpreter",
  signatures = {bootstrap = [[RuntimeError:\s+An attempt has been made to start a new process before the]]},
  specific_over = {"app.bug", "vllm.engine-died"},
  explains = {"vllm.engine-died"},
  confidence = 0.9,
  title = "the script starts processes as soon as it is imported",
  why = "Where children are spawned, each of them imports the script that was started, and that comes again to the "
    .. "call that starts children: it stands at the outermost level, without the main guard.",
  fixes = {
    {code = true, say = "Put what the script does (making the engine, the DataLoader or the pool with it) into a "
      .. "function, and call that below `if __name__ == \"__main__\":`."},
  },
  doc = {looks = "RuntimeError: An attempt has been made to start a new process before the current process has "
    .. "finished its bootstrapping phase.", check = "What the script calls at its outermost level."},
}

-- Nightly builds are taken away after a while; others of the same line are there.
rule {
  id = "pip.conflict/nightly-gone",
  from = {"installer"},
  signatures = {gone = [[satisfies the requirement (?<package>[\w.-]+)==(?<want>\d[\w.]*\.dev\d+\S*) ]]
    .. [[(?:\(from (?!versions)[^)\n]*\) )?\(from versions:? (?<list>[^)\n]*)\)]]},
  confidence = 0.8,
  title = "the nightly build that is asked for is no longer there",
  when = function(_, log)
    local newest
    for one in log.gone.list:gmatch[[[\d][\w.+]*]] do newest = one end
    return {why = {"{package} {want} is a nightly build, and those are kept for some weeks only.",
        newest and ("The newest that is offered here is %s."):format(newest) or "None is offered here."},
      fixes = {newest and {install = log.gone.package, need = "==" .. newest,
          say = "Take the newest that is offered, or the release that came of that line."},
        {code = true, kind = "pip:package", say = "Or take the pin out of the requirements (or the script)."}}}
  end,
  doc = {looks = "Could not find a version that satisfies the requirement triton==2.0.0.dev20220701 (...).",
    check = "Is the release a .dev one?"},
}

-- Modules that went out of Python, and the package that has them.
local BROUGHT_BACK = {distutils = "setuptools", asyncore = "pyasyncore", asynchat = "pyasynchat", cgi = "legacy-cgi",
  imghdr = "standard-imghdr", sndhdr = "standard-sndhdr", telnetlib = "standard-telnetlib", pipes = "standard-pipes"}

rule {
  id = "sys.python-version",
  from = {"installer", "torch", "other", "hub", "engine"},
  anyone = {imp = "interpreter", not_yet = "interpreter", removed = "interpreter", typing = "interpreter"},
  signatures = {
    requires = [[requires a different Python: (?<have>[\d.]+) not in ['"]?(?<spec>[^'"\n]+)]],
    requires2 = [[(?:Requires-Python|requires Python) ?['"]?(?<spec2>[<>=!~][^\s'";,)]+)]],
    syntax_walrus = [[SyntaxError: invalid syntax[^\n]*]],
    match = any{
      [[TypeError: unsupported operand type\(s\) for \|: '(?:type|_GenericAlias|NoneType|ABCMeta)' and]],
      [[TypeError: (?:'(?:type|ABCMeta)' object|type '[\w.]+') is not subscriptable]],
      [[AttributeError: module 'collections' has no attribute '(?:Mapping|MutableMapping|Callable|Iterable|Sequence)']],
      [[ImportError: cannot import name '(?:Mapping|MutableMapping|Callable|Iterable|Sequence)' from 'collections']],
    },
    imp = [=[No module named ['"](?<gone>imp|distutils|asyncore|asynchat|pipes|cgi|imghdr|sndhdr|telnetlib|]=]
      .. [=[tomllib)(?:\.\w+)*['"]]=],
    removed = any{
      [[module 'inspect' has no attribute '(?:getargspec|formatargspec)']],
      [[cannot import name '(?:formatargspec|getargspec)' from 'inspect']],
      [[mutable default <class '[^']+'> for field \w+ is not allowed: use default_factory]],
      [[module 'asyncio' has no attribute '(?:coroutine|to_thread|timeout)']],
      [[cannot import name 'gcd' from 'fractions']],
      [[module 'time' has no attribute 'clock']],
      [[module 'configparser' has no attribute 'SafeConfigParser']],
    },
    not_yet = any{
      [['str' object has no attribute 'remove(?:prefix|suffix)']],
      [[dataclass\(\) got an unexpected keyword argument '(?:kw_only|slots)']],
      [[cannot import name '(?:cache|cached_property)' from 'functools']],
      [[zip\(\) takes no keyword arguments]],
      [[module 'math' has no attribute '(?:prod|lcm|cbrt)']],
      [[module 'ast' has no attribute 'unparse']],
    },
    importer = [[module ['"]?pkgutil['"]? has no attribute ['"]?ImpImporter]],
    typing = [=[cannot import name ['"]]=] .. any{
      [[Literal]], [[TypeAlias]], [[ParamSpec]], [[Self]], [[Annotated]], [[Final]], [[Protocol]], [[TypedDict]],
      [[NotRequired]], [[override]], [[StrEnum]], [[EnumType]],
    } .. [=[['"] from ['"](?:typing|enum)['"]]=],
    dynamo = any{
      [[Dynamo is not supported on Python 3\.1\d]],
      [[torch\.compile is not supported on Python]],
      [[Python 3\.1\d\+? not (?:yet )?supported]],
    },
    program = any{
      [[Incompatible Python version]],
      [[This program is tested with [\d.]+ Python, but you have]],
      [[version of python[^\n]{0,120} is not appropriate]],
      [[python version needs to be (?:greater|less|between)]],
      [[Unsupported Python version]],
      [[Cannot install on Python version]],
      [[supported Python range]],
      [[incompatible with the project's Python requirement]],
      [[does not support Python 3\.\d+]],
      [[Python 3\.\d+ is not (?:yet )?supported]],
    },
    only = [[(?:only has wheels with the following|has no wheels with a matching) Python ]]
      .. [[(?:ABI|implementation|version) tags?]],
    poetry = [[Unable to find installation candidates for (?<package>[\w.-]+)]],
    resolver = [[(?:current|requested) Python version \((?:Python)?[^)\n]*\) does not satisfy Python]],
    python_needed = any{
      [[Python (?:version )?>= ?(?<need>3\.\d+) (?:is )?required]],
      [[(?:needs|requires) (?:at least )?Python (?<need2>3\.\d+)]],
    },
  },
  confidence = 0.85,
  facts = {"python.version"},
  specific_over = {"pip.conflict"},
  context = {conda = [[(?:MambaUnsatisfiableError|UnsatisfiableError)]]},
  when = function(f, log)
    if log.conda and log.requires2 then return nil end -- one line of many of a solver
    if log.poetry then
      local machine = f"system.arch"
      if machine == "aarch64" or machine == "arm64" then return nil end -- sys.arch
      return {hit = log.poetry, confidence = 0.6, why = {
        "The lock file names a release of {package} that has no wheel for this Python and system.",
        "Python is {fact:python.version}."},
        fixes = {{conda = "python", need = "3.11",
          say = "Make an environment with a Python that this release has wheels for."},
          {code = true, kind = "pip:package", say = "Or lock again, on this machine."}}}
    end
    if log.syntax_walrus and not (log.requires or log.requires2 or log.match or log.imp or log.importer or log.typing
      or log.dynamo or log.python_needed or log.removed or log.not_yet or log.program or log.resolver or log.only) then
      local hit = log.syntax_walrus
      local frames = hit.event.frames or {}
      local file = #frames > 0 and frames[#frames].file or ""
      local installed = file:match[[/python(3\.[0-9])/(?:site|dist)-packages/]] -- no draft of its user's
      local old = (f"python.version" or ""):match[[^(3\.[0-8])\b|^(2\.)]] or installed
      if not old then return nil end
      return {hit = hit, confidence = installed and 0.72 or 0.6,
        why = "This Python is older than the syntax that a package uses.",
        fixes = {{host = true, say = "Use a newer Python (3.10 or later)."}}}
    end
    local back = log.imp and BROUGHT_BACK[log.imp.gone]
    if back and f.pkg(back) ~= nil and not f.pkg(back) then
      return {hit = log.imp, confidence = 0.88,
        why = {("This Python has no {gone} any more; %s brings it back."):format(back),
          "Python is {fact:python.version}."},
        fixes = {{install = back, absent = true, say = "Install it."},
          {conda = "python", need = "3.10", say = "Or make an environment with an older Python."}}}
    end
    if log.importer and log.has_frame[=[pkg_resources[/\\]]=] then -- its own check for it came later
      return {hit = log.importer, why = {"The installed setuptools is older than this Python: its pkg_resources uses "
        .. "pkgutil.ImpImporter, which went out of Python with 3.12."},
        fixes = {{install = "setuptools", say = "Upgrade setuptools."},
          {conda = "python", need = "3.11", say = "Or make an environment with an older Python."}}}
    end
    local new, old = log.removed or log.imp or log.importer, log.not_yet or log.typing
    if new or old then
      return {hit = new or old,
        why = {new
          and "This Python is too new for a package that uses a part of the standard library which was removed."
          or "This Python is too old for a package that uses a newer part of the standard library.",
          "Python is {fact:python.version}."},
        fixes = {{conda = "python", need = new and "3.10" or "3.11",
          say = new and "Make an environment with an older Python." or "Make an environment with a newer Python."},
                 {code = true, kind = "pip:package", say = "Or a release of that package which supports this Python."},
                 {image = "python", need = new and "3.10" or "3.11",
                  say = "Or use a base image with that Python."}}}
    end
    return {why = "This Python is too old or too new for a package: a module was removed, a syntax is not there yet, "
      .. "or no wheel exists for it.",
      fixes = {
        {conda = "python", need = "3.11",
          say = "Make an environment with a Python that the package supports (3.10 or 3.11 suit most)."},
        {image = "python", need = "3.11", say = "Or use a base image with that Python."},
        {code = true, kind = "pip:package", say = "Or a release of the package that supports this Python."},
      }}
  end,
  doc = {looks = "'requires a different Python', removed modules (imp, distutils), 'type' object is not subscriptable.",
    check = "python.version in the report against Requires-Python of the package."},
}
