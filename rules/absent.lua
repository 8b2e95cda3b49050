-- A Python package that is not installed where it is asked for: in a log, and in a script before it starts.

-- The environment that was looked at is not the one that PATH has first: the worker was started with another
-- interpreter.
local function environment_first(f)
  local prefix, chosen = f"python.prefix", f"python.chosen_by"
  if f"python.kind" ~= "venv" or type(prefix) ~= "string" or type(chosen) ~= "string" then return nil end
  if not chosen:has".venv" then return nil end
  return {prepend = "PATH", entry = prefix .. "/bin", say = "Start the worker with the environment's own interpreter."}
end

-- "Please install torch and gguf>=0.10.0": the first of those that is known and not installed.
local function not_here(f, text)
  for name in (text:match[[[Pp]lease (?:run )?[`'"]?(?:pip )?install ([^\n]+)]] or ""):gmatch[[[A-Za-z][\w.-]+\w]] do
    if know.package(name) and f.pkg(name) == false then return name end
  end
end

-- What a script imports and the Python that runs lacks: the modules, and the one command that brings them all, in the
-- releases that the requirements.txt beside it asks for.
local function lacking(f, script)
  local asks, modules, install = f"workdir.requirements.asks" or {}, {}, nil
  for _, module in ipairs(list(script.absent)) do
    local package = know.distribution(module)
    local need = asks[package] or ""
    if f.pkg(package) == false then
      modules[#modules + 1] = module
      if install then install.with[package] = need
      else install = {install = package, need = need ~= "" and need or nil, with = {}} end
    end
  end
  return modules, install
end

-- The script that a traceback ends in, if that is what asks for the module.
local function script_of(f, hit, module)
  local frames = hit.event.frames or {}
  local file = frames[#frames] and frames[#frames].file or ""
  for _, script in ipairs(list(f"workdir.scripts")) do
    local absent = " " .. table.concat(list(script.absent), " ") .. " "
    if file:sub(-#script.file) == script.file and absent:find(" " .. module .. " ", 1, true) then return script end
  end
end

rule {
  id = "pip.module-missing",
  from = {"hub", "engine", "native", "cluster", "server", "app", "other"},
  anyone = {interpreter = "interpreter", package = "interpreter", wrapped = "interpreter"},
  signatures = {
    module = [=[(?:(?:ModuleNotFoundError|ImportError): |(?:Exception|Error): [^\n]{0,80}\breason: )No module ]=]
      .. [=[named ['"]?(?<module>[A-Za-z_][\w.]*)['"]?]=],
    wrapped = any{
      [[[Cc]an't]], [[[Cc]ould not]], [[[Cc]annot]], [[[Ff]ailed to]], [[[Uu]nable to]],
    } .. [=[ import [^\n]{0,180}:\s+No module named ['"](?<module3>[A-Za-z_][\w.]*)['"]]=],
    interpreter = [[python[\w.]*: No module named (?<module2>[A-Za-z_][\w.]*)]],
    command = [[error: invalid command '(?<tool>bdist_wheel)']],
    xformers = [[Refer to https://github\.com/facebookresearch/xformers for more information on how to install]],
    package = any{
      [[PackageNotFoundError: (?:No package metadata was found for (?!The ')|(?!The '|No package))(?<package>[\w.-]+)]],
      [[The '(?<package2>[\w.-]+)[^']*' distribution was not found and is required]],
    },
    requires = [[(?:ImportError|RuntimeError|ValueError)?:? ?[^\n]{0,80}(?:requires]]
      .. [[|needs) the (?<library>[\w.-]+) library but it was not found in your environment]],
    stated = any{
      [[Error: [^\n]{0,100}(?:requires|needs) (?:the )?["'`]?(?<library2>[\w.-]+)["'`]? (?:library]]
        .. [[|package|to be installed)]],
      [[Error: Unable to import required dependenc(?:y|ies):? ?(?<library3>\w+)]],
      [[(?:ImportError|ModuleNotFoundError): ['"`]?(?<library4>[\w.-]+)['"`]? (?:package |library ]]
        .. [[|module )?is not installed]],
    },
    please = [[(?:ImportError|ModuleNotFoundError|RuntimeError)[^\n]{0,200}[Pp]lease (?:run )?[`'"]?(?:pip ]]
      .. [[)?install (?!(?:the|an?|latest|it|them|this)\b)(?:-U |--upgrade )?[`'"]?(?<name2>[\w.-]+)]],
  },
  context = {
    ignored = [[(?:Ignore import error|Could not import|will not be available|falling back|optional)]],
    file = [['[\w.]+' is not a package]],
    isolated = [[(?:Getting requirements to build wheel|pyproject_hooks|pip-build-env-)]],
    loader = [[ImportError: (?:DLL load failed|[^\n]*(?:cannot open shared object file|undefined symbol))]],
  },
  facts = {"python.executable", "python.kind"},
  when = function(f, log)
    local wrapped
    for _, other in ipairs(log.all"wrapped") do
      if (other.event.tier or 0) >= 4 then wrapped = other end -- as a line alone it is often a notice
    end
    local hit = log.module or wrapped or log.interpreter or log.command or log.package or log.requires or log.xformers
      or log.please or log.stated
    -- a file of that name stands before the package: pip.broken-install
    if not hit or log.file and hit == log.module then return nil end
    -- "Please install supported version": a word that is no package
    if hit == log.please and not know.package(hit.name2)
      and not hit.text:match[=[install [^`'"]*[`'"]|pip install]=] then
      return nil
    end
    local module = hit == log.xformers and "xformers" or hit == log.command and "wheel" or hit.module or hit.module2
      or hit.module3 or hit.package or hit.package2 or hit.library or hit.name2
      or hit == log.stated and (hit.text:match[[pip install (?:-U |--upgrade )?[`'"]?([\w.-]+)]] or hit.library2
        or hit.library3 or hit.library4) or ""
    local top = module:match[[^([^.]+)]] or module
    -- looked for elsewhere only because the library of the one that is there did not load
    if hit == log.module and log.loader and (hit.event.tier == 4 and log.loader.event.tier == 5
      or log.loader.line < hit.line and not know.package(know.distribution(top))) then
      return nil
    end
    local own = {bitsandbytes = 1, accelerate = 1, triton = 1, torch_C = 1, flash_attn = 1, sentencepiece = 1,
      tiktoken = 1, hf_transfer = 1, _C = 1, flash_attn_2_cuda = 1, imp = 1, distutils = 1, asyncore = 1,
      fused_layer_norm_cuda = 1, amp_C = 1, exllama_kernels = 1, common_ops = 1}
    if own[top] and not (top == "triton" and module == "triton") then return nil end
    -- 'a.b' is only ever said when a is there: another release of it, or another a. Namespaces apart.
    if hit == log.module
      and module:match([[^(?!]] .. any{
        "google", "nvidia", "azure", "ruamel", "mpl_toolkits", "backports", "zope", "sphinxcontrib", "jaraco", "cuda",
      } .. [[\.)\w+\.]])
        or module:match[[^google\.protobuf]] then
      return nil
    end
    if top == "torch" and module == "torch" and log.has_frame[[setup\.py|build_meta|get_requires_for_build]] then
      return {hit = hit, confidence = 0.88,
        why = "A package is built in pip's isolated environment, where torch is not visible.",
        fixes = {{code = true, kind = "pip:package",
          say = "Install torch first, then the package without build isolation."}}}
    end
    local split = {tkinter = "python3-tk", _tkinter = "python3-tk", ensurepip = "python3-venv", venv = "python3-venv",
      apt_pkg = "python3-apt"}
    local built_without = {_ctypes = "libffi-dev", _lzma = "liblzma-dev", _bz2 = "libbz2-dev",
      _sqlite3 = "libsqlite3-dev", _ssl = "libssl-dev", readline = "libreadline-dev"}
    if split[top] then
      return {hit = hit, confidence = 0.9,
        why = ("%s belongs to Python itself; this distribution ships it in a package of its own."):format(top),
        fixes = {{system = split[top], say = "Install that package of the system."}}}
    end
    if built_without[top] then
      return {hit = hit, confidence = 0.86,
        why = ("%s belongs to Python itself; this Python was compiled without the library that it needs."):format(top),
        fixes = {
          {system = built_without[top],
            say = "Install the headers and build Python again (pyenv install --force), or use a Python of the "
              .. "distribution."}, {host = true, say = "Or use a Python that was built with it."}}}
    end
    if top:match[[^_]] and not know.package(know.distribution(top)) then return nil end -- a part of a package
    if module == "pip" then
      return {hit = hit, confidence = 0.9,
        why = "The interpreter that runs has no pip of its own (a virtual environment that was not made to the end, "
          .. "or a Python without it).",
        fixes = {{install = "pip", say = "Put pip into it, or make the environment anew."},
          {system = "python3-venv", say = "On Debian and Ubuntu ensurepip is a package of its own."}}}
    end
    local program = hit.event.frames and hit.event.frames[1] and hit.event.frames[1].file or ""
    if program:match[[^/usr/(?:s?bin|share|lib/(?!python)[\w-]+)/]] and not know.package(top) then
      return {hit = hit, confidence = 0.72,
        why = ("%s is a program of the distribution, and the Python that runs it does not have its module '%s': "
          .. "python3 is another one than the distribution's own."):format(program, module),
        fixes = {{host = true, say = "Let /usr/bin/python3 be the distribution's own again (update-alternatives "
          .. "--config python3), then install the package of that program anew."}}}
    end
    local package = know.distribution(module == "" and "package" or top)
    if hit == log.please and f.pkg(package) then package = not_here(f, hit.text) or package end
    if f.pkg(package) and top ~= "pkg_resources" then -- setuptools 82 and later have none
      return {hit = hit, confidence = 0.55, why = {("The module %s is not found although %s is installed: another "
        .. "interpreter runs, it was started before the install, or that is broken."):format(module, package),
      "The interpreter looked at is {fact:python.executable}."},
        fixes = {environment_first(f) or {restart = "process",
          say = "Restart the process, with the interpreter that the package was installed into."},
          {install = package, fresh = true, say = "Or reinstall it there."}}}
    end
    if top == "pkg_resources" and log.isolated then
      return {hit = hit, confidence = 0.9, why = "pip builds in an environment of its own, with the newest setuptools, "
        .. "and from 82 on that has no pkg_resources.",
        fixes = {{install = "setuptools", need = "<81", with = {"wheel"}, kind = "pip:setuptools",
            say = "Put an older setuptools into this environment, and build in it: the same install command with "
              .. "--no-build-isolation."},
          {code = true, kind = "param:no_build_isolation",
            say = "Where the command is a program's own: give pip a file of constraints that says setuptools<81 "
              .. "(PIP_CONSTRAINT, from pip 25.3 on PIP_BUILD_CONSTRAINT)."}}}
    end
    local _, all = lacking(f, script_of(f, hit, top) or {})
    all = all or {install = package, need = top == "pkg_resources" and "<81" or nil,
      kind = top == "pkg_resources" and "pip:setuptools" or nil}
    all.absent, all.say = true, "Install it into the interpreter that runs."
    return {hit = hit, confidence = (hit == log.module and (hit.event.tier or 0) >= 4) and 0.9 or 0.72,
      why = ("The Python package for '%s' is not installed in the interpreter that runs."):format(module),
      fixes = {all}}
  end,
  doc = {looks = "ModuleNotFoundError: No module named '...'.",
    check = "sys.executable of the process against `which pip`."},
}

-- the environment beside the script has this module
local function has_it(f, module)
  for _, name in ipairs(list(f"workdir.environment.has")) do
    if name == module then return true end
  end
  return false
end

rule {
  id = "pip.module-missing/script",
  severity = "warning",
  check = function(f)
    local scripts, active = list(f"workdir.scripts"), f"workdir.environment.active"
    for _, script in ipairs(scripts) do
      local modules, all = lacking(f, script)
      local has = modules[1] and has_it(f, modules[1])
      local other = has and active == false and f"workdir.environment.path"
      if modules[1] and not (has and active) and (other or #scripts <= 3) then
        local said = table.concat(modules, ", ")
        all.say = ("Install %s for %s."):format(#modules > 1 and "them" or "it", other and "the Python that runs"
          or "this Python")
        return {confidence = other and 0.8 or 0.7,
          why = {("%s imports %s, which the Python that runs does not have."):format(script.file, said),
            other and ("The environment %s beside it has it, and is not active."):format(other) or nil},
          evidence = {{fact = "workdir.scripts", value = ("%s: %s"):format(script.file, said)}, "python.executable",
            "workdir.requirements.file"},
          fixes = {other and {prepend = "PATH", entry = other .. "/bin",
              effect = {["workdir.environment.active"] = true}, say = "Run it with that environment's Python."}
            or all, other and all or nil}}
      end
    end
  end,
}
