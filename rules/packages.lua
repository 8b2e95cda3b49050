-- Packages that will not import, or that another copy stands in front of: from what lies on the disk, before anything
-- is imported.

local function normal(name)
  return (tostring(name):lower():gsub("[-_.]+", "-"))
end

-- a conflict between these breaks loading or is refused at import; others of pip check are noise here
local telling = {torch = true, torchvision = true, torchaudio = true, transformers = true, tokenizers = true,
  ["huggingface-hub"] = true, safetensors = true,
                 accelerate = true, bitsandbytes = true, vllm = true, triton = true, numpy = true, peft = true,
                 xformers = true, ["flash-attn"] = true, diffusers = true,
                 datasets = true, ["sentence-transformers"] = true, scipy = true, pandas = true,
                 ["scikit-learn"] = true, numba = true, sglang = true, protobuf = true, pydantic = true}

-- of these transformers itself says at import "X is required for a normal functioning of this module"
local refused = {tokenizers = true, ["huggingface-hub"] = true, safetensors = true, numpy = true, regex = true,
  packaging = true, filelock = true, requests = true, tqdm = true, pyyaml = true}

local function wanted_of(conflict)
  return normal(tostring(conflict.requires):match[[^[A-Za-z0-9._-]+]] or "")
end

local function stands_on(path, location)
  for _, folder in ipairs(type(path) == "string" and path:split(":") or {}) do
    if folder ~= "" and folder:match[[^(.+?)/*$]] == location then return true end
  end
  return false
end

-- What the facts are once nothing is imported from `location` any more.
local function after(f, location)
  local copies, conflicts, foreign, gone = {}, {}, {}, {}
  for _, d in ipairs(list(f"python.duplicates")) do
    if list(list(d.copies)[1]).location == location then gone[normal(d.package)] = true else copies[#copies + 1] = d end
  end
  for _, c in ipairs(list(f"python.conflicts")) do
    if not gone[wanted_of(c)] and not gone[normal(c.package)] then conflicts[#conflicts + 1] = c end
  end
  for _, e in ipairs(list(f"python.foreign")) do
    if e.location ~= location then foreign[#foreign + 1] = e end
  end
  return {["python.duplicates"] = copies, ["python.conflicts"] = conflicts, ["python.foreign"] = foreign}
end

-- A copy of a package that comes before the environment's own: {found, location, behind, fix, how}; nil when there is
-- none.
local function shadow_of(f, name)
  for _, d in ipairs(list(f"python.duplicates")) do
    local first, second = list(d.copies)[1], list(d.copies)[2]
    if normal(d.package) == name and first and second and type(first.location) == "string"
      and first.location ~= second.location then
      local s = {found = first.version, location = first.location, behind = second.version, second = second.location}
      if stands_on(f.env"PYTHONPATH", s.location) then
        s.how = "PYTHONPATH puts it in front"
        s.fix = {drop = "PYTHONPATH", entry = s.location, say = ("Take %s off PYTHONPATH."):format(s.location),
          effect = after(f, s.location)}
      elseif s.location:match[[/\.local/lib/python]] then
        s.how = "the user's own site folder comes first"
        s.fix = {set = {PYTHONNOUSERSITE = "1"}, say = "Leave the user's site folder out of this environment.",
          effect = after(f, s.location)}
      end
      return s.fix and s or nil
    end
  end
end

-- Does a fact of this list concern the package?
local function entry_of(f, path, name)
  for _, e in ipairs(list(f(path))) do
    if type(e) == "table" and normal(e.package) == name then return e end
  end
end

local function shadow_answer(s, name, why, confidence)
  return {confidence = confidence, severity = confidence >= 0.85 and "error" or "warning",
    why = {("Two copies of %s: %s in %s is imported (%s), %s in %s is not."):format(name, tostring(s.found), s.location,
      s.how, tostring(s.behind), s.second), why},
    evidence = {{fact = "python.duplicates", value = ("%s: %s in %s, %s in %s"):format(name, tostring(s.found),
        s.location, tostring(s.behind), s.second)}},
    fixes = {s.fix, {host = true, say = ("Or remove the copy in %s."):format(s.location)}}}
end

rule {
  id = "pip.conflict/shadowed",
  explains = {"hf.version-conflict", "numpy.abi", "ext.abi-mismatch", "pip.module-missing", "pip.broken-install"},
  check = function(f)
    for _, c in ipairs(list(f"python.conflicts")) do
      local wanted = wanted_of(c)
      local s = telling[wanted] and telling[normal(c.package)] and c.found and shadow_of(f, wanted)
      if s then return shadow_answer(s, wanted, ("%s requires %s."):format(c.package, c.requires), 0.88) end
    end
    for _, e in ipairs(list(f"python.foreign")) do
      local s = e.because == "python" and shadow_of(f, normal(e.package))
      if s then
        return shadow_answer(s, normal(e.package), ("It was built for another Python (%s)."):format(e.tag), 0.9)
      end
    end
    for _, d in ipairs(list(f"python.duplicates")) do
      local s = telling[normal(d.package)] and shadow_of(f, normal(d.package))
      if s and s.found ~= s.behind then return shadow_answer(s, normal(d.package), nil, 0.7) end
    end
  end,
  doc = {looks = "A package behaves like another release of it, or will not import, although pip list names the right "
    .. "one.",
    check = "python.duplicates in the report: which copy stands first on sys.path."},
}

-- The bounds of a requirement, "<0.21,>=0.20"; nil where it has none.
local function bounds(requires)
  local need = (tostring(requires):match[[^[^;]+]] or ""):match[=[[<>=!~][^;]*$]=]
  return need and need:gsub([[[\s)]+$]], "") or nil
end

rule {
  id = "hf.version-conflict/check",
  explains = {"pip.conflict"},
  check = function(f)
    if f"requirements.kind" then return nil end -- pip.conflict names all of them
    for _, c in ipairs(list(f"python.conflicts")) do
      local package, wanted = normal(c.package), wanted_of(c)
      if c.found and package == "transformers" and refused[wanted] and not shadow_of(f, wanted) then
        return {confidence = 0.88,
          why = ("transformers %s refuses to be imported: it requires %s, and %s "
            .. "is installed."):format(f.pkg"transformers" or "", c.requires, c.found),
          evidence = {{fact = "python.conflicts", value = ("transformers requires %s, found %s"):format(c.requires,
              c.found)}},
          fixes = {{install = wanted, need = bounds(c.requires), say = "Install the version that is asked for."}}}
      end
    end
  end,
}

rule {
  id = "pip.conflict/check",
  severity = "warning",
  applies = {"torch"},
  check = function(f)
    local said, first, evidence = {}, nil, {}
    for _, c in ipairs(list(f"python.conflicts")) do
      local wanted = wanted_of(c)
      if telling[wanted] and telling[normal(c.package)] and #said < 5 then
        first = first or c
        said[#said + 1] = ("%s requires %s, and %s."):format(c.package, c.requires, c.found and c.found
          .. (f"requirements.kind" and " is pinned" or " is installed") or "it is not installed")
        evidence[#evidence + 1] = {fact = "python.conflicts",
          value = ("%s requires %s, %s"):format(c.package, c.requires, c.found and "found " .. c.found
            or "not installed")}
      end
    end
    if not first then return nil end
    local planned = f"requirements.kind" -- an installer refuses such a set
    return {confidence = planned and 0.9 or 0.7, severity = planned and "error" or nil, why = said, evidence = evidence,
      fixes = {{install = wanted_of(first), need = bounds(first.requires),
        say = "Install the version that is asked for."}}}
  end,
}

-- Pins of the folder's own file that exclude each other: {why, fix} of the first; with `text`, of one that it names.
local function pinned_apart(f, text)
  for _, c in ipairs(list(f"workdir.requirements.conflicts")) do
    local need = bounds(c.requires)
    if not text or text:has(c.package) or text:has(wanted_of(c)) then
      return {why = ("requirements.txt pins %s %s, and %s, which it pins too, asks for %s."):format(wanted_of(c),
          c.found, c.package, c.requires),
        evidence = {{fact = "workdir.requirements.conflicts", value = c.pin or c.requires}},
        fixes = {c.pin and need and {edit = f"workdir.requirements.file", from = c.pin, by = wanted_of(c) .. need,
            kind = "pip:" .. wanted_of(c), effect = {["workdir.requirements.conflicts"] = {}},
            say = "Let the file ask for what the other one can live with."}
          or {code = true, kind = "pip:" .. wanted_of(c), say = "Let the two lines of the file fit each other."}}}
    end
  end
end

rule {
  id = "pip.conflict/requirements",
  title = "requirements.txt asks for what no installer can give",
  severity = "warning",
  from = {"installer"},
  signatures = {refused = [[Cannot install (?<what>[^\n]+) because these package versions have conflicting]]},
  when = function(f, log)
    local answer = pinned_apart(f, log.refused.what)
    if not answer then return nil end
    answer.hit, answer.confidence, answer.severity = log.refused, 0.92, nil
    return answer
  end,
  check = function(f)
    local answer = pinned_apart(f)
    if answer then answer.confidence = 0.8 end
    return answer
  end,
  doc = {looks = "ERROR: Cannot install -r requirements.txt (line 2) and tokenizers==0.19.1 because these package "
    .. "versions have conflicting dependencies.", check = "check --requirements requirements.txt."},
}

-- Older than what is asked for at least: what imports it mostly does not start. Upper bounds are often caution alone.
local function too_old(conflict)
  local least = tostring(conflict.requires):match([[>=? ?([\d.]+\d)]])
  return least and conflict.found and version.matches(conflict.found, "<" .. least)
end

rule {
  id = "pip.conflict/too-old",
  severity = "warning",
  check = function(f)
    if f"requirements.kind" then return nil end
    for _, c in ipairs(list(f"python.conflicts")) do
      local wanted = wanted_of(c)
      if too_old(c) and not (telling[wanted] and telling[normal(c.package)]) and not shadow_of(f, wanted) then
        return {confidence = 0.6, why = ("%s requires %s, and %s is installed."):format(c.package, c.requires, c.found),
          evidence = {{fact = "python.conflicts", value = ("%s requires %s, found %s"):format(c.package, c.requires,
            c.found)}},
          fixes = {{install = wanted, need = bounds(c.requires), say = "Install the version that is asked for."}}}
      end
    end
  end,
}

-- Which distribution brings a library: by the RECORD that names it, else by what torch requires.
local stems = {cudart = "cuda-runtime", cublasLt = "cublas", nvrtc = "cuda-nvrtc", cupti = "cuda-cupti",
  nvToolsExt = "nvtx", nvshmem_host = "nvshmem"}

local function owner_of(f, library)
  for _, t in ipairs(list(f"python.torn")) do
    if type(t.file) == "string" and t.file:match[=[([^/]+)$]=] == library then return t.package, t.version, t.kind end
  end
  local stem = library:match[[^lib([A-Za-z_]+?)(?:[_-]\w+)?\.so]]
  stem = stem and (stems[stem] or stem:lower())
  for _, c in ipairs(list(f"python.conflicts")) do
    if stem and normal(c.package) == "torch" and not c.found
      and wanted_of(c):match("^nvidia-" .. stem .. "(?:-|$)") then
      return wanted_of(c), nil, "absent", c.requires
    end
  end
end

rule {
  id = "cuda.lib-missing/torch",
  applies = {"torch"},
  explains = {"pip.conflict", "torch.cpu-build", "bnb.cpu-only"},
  check = function(f)
    for _, m in ipairs(list(f"torch.missing")) do
      local package, release, kind, requires = owner_of(f, tostring(m.library))
      if not m.error and kind == "absent" then
        return {confidence = 0.93,
          why = ("torch needs %s (%s asks for it), and nothing on this machine provides it: %s is "
            .. "not installed."):format(m.library, tostring(m.needed_by):match[=[([^/]+)$]=], package),
          evidence = {{fact = "torch.missing", value = tostring(m.library)},
            {fact = "python.conflicts", value = ("torch requires %s, not installed"):format(requires)}},
          fixes = {{install = package, need = bounds(requires),
            say = "Install the package that brings it, in the version that torch asks for."},
            {install = "torch", fresh = true, say = "Or lay down torch itself anew."}}}
      end
    end
  end,
  doc = {looks = "libcufft.so.11: cannot open shared object file, at import torch.",
    check = "torch.missing in the report: libraries that torch NEEDs and that the loader would not find."},
}

rule {
  id = "pip.broken-install/torn",
  explains = {"cuda.lib-missing", "pip.module-missing", "hf.version-conflict", "bnb.dependency-missing",
    "sys.lib-missing"},
  check = function(f)
    local needed = {}
    for _, m in ipairs(list(f"torch.missing")) do needed[tostring(m.library)] = true end
    for _, t in ipairs(list(f"python.torn")) do
      local file = tostring(t.file)
      local name = file:match[=[([^/]+)$]=]
      local asked = needed[name]
      if t.kind == "short" or asked or file:match[=[\.abi3\.so$|\.cpython-\d+\w*-[\w-]+\.so$]=]
        and not file:match[[/tests?/]] then
        local why = t.kind == "short"
          and ("%s of %s %s is cut short: %d of %d bytes are there (a disk that filled up, or an install that broke "
            .. "off)."):format(file, t.package, t.version, t.size or 0, t.recorded or 0)
          or ("%s of %s %s is recorded as installed and is not there."):format(file, t.package, t.version)
        return {confidence = 0.92, why = {why, asked and ("torch needs %s."):format(name) or nil},
          evidence = {{fact = "python.torn", value = ("%s (%s)"):format(file, t.kind)}},
          fixes = {{install = t.package, fresh = true, alone = true,
            need = "==" .. (tostring(t.version):match[[^[^+]+]] or ""), say = "Install this version again over it."},
            {host = true, kind = "disk", say = "Look whether the disk is full before that (df -h)."}}}
      end
    end
  end,
  doc = {looks = "'Bus error (core dumped)', 'file too short' or 'cannot open shared object file' at import.",
    check = "python.torn in the report: libraries that RECORD names and that are missing or cut short."},
}

-- A wheel's own library has a hash in its name; no system has one that is called so.
rule {
  id = "pip.broken-install/bundled",
  anyone = "loader",
  signatures = {
    library = [[(?<lib>lib[\w+.-]*?-[0-9a-f]{8}(?:\.[\w.]+?)?\.so[\w.]*): cannot open shared object file]],
  },
  specific_over = {"sys.lib-missing", "pip.broken-install", "cuda.lib-missing"},
  when = function(f, log)
    local hit, package = log.library, nil
    for _, t in ipairs(list(f"python.torn")) do
      if tostring(t.file):match[=[([^/]+)$]=] == hit.lib then package = t.package end
    end
    local frames = hit.event.frames or {}
    for i = #frames, 1, -1 do
      local of = atlas.package_of(frames[i])
      package = package or of ~= "" and of or nil
    end
    if not package then return nil end
    return {confidence = 0.9, why = ("{lib} came with the wheel of %s, and it is not there any more: the install is "
      .. "not whole, or was copied without it."):format(package),
      fixes = {{install = package, fresh = true, alone = true, say = "Lay its files down anew, in the same release."}}}
  end,
  doc = {looks = "libscipy_openblas64_-99b71e71.so: cannot open shared object file.",
    check = "The folder NAME.libs beside the package; python.torn in the report."},
}

rule {
  id = "sys.arch/foreign",
  explains = {"pip.broken-install", "pip.module-missing", "pip.conflict", "sys.lib-missing"},
  check = function(f)
    for _, e in ipairs(list(f"python.foreign")) do
      if e.because ~= "python" and not shadow_of(f, normal(e.package)) then
        return {confidence = 0.9,
          why = e.because == "system" and {("%s %s was built for another system: its wheel is %s."):format(e.package,
              e.version, e.tag), "The C library here is {fact:system.libc.name}."}
            or ("%s %s was built for another machine: its wheel is %s, and this is %s."):format(e.package, e.version,
              e.tag, f"system.arch" or "another"),
          evidence = {{fact = "python.foreign", value = ("%s %s: %s"):format(e.package, e.version, e.tag)},
            "system.arch"},
          fixes = {{install = normal(e.package), fresh = true, alone = true, need = "==" .. tostring(e.version),
            say = "Install it again with the pip of this environment."}}}
      end
    end
  end,
  doc = {looks = "'cannot open shared object file: No such file or directory' or 'No module named ...' of a compiled "
    .. "module that is there.",
    check = "python.foreign in the report: the tags in the WHEEL file against this machine."},
}

rule {
  id = "pip.broken-install/foreign",
  explains = {"pip.module-missing"},
  check = function(f)
    for _, e in ipairs(list(f"python.foreign")) do
      if e.because == "python" and not shadow_of(f, normal(e.package)) then
        return {confidence = 0.88,
          why = ("%s %s was built for another Python: its wheel is %s, and this is Python %s."):format(e.package,
            e.version, e.tag, f"python.version" or "?"),
          evidence = {{fact = "python.foreign", value = ("%s %s: %s"):format(e.package, e.version, e.tag)},
            "python.version"},
          fixes = {{install = normal(e.package), fresh = true, alone = true, need = "==" .. tostring(e.version),
            say = "Install it again with the pip of this interpreter."}}}
      end
    end
  end,
}

rule {
  id = "sys.noexec",
  explains = {"pip.broken-install", "sys.lib-missing", "pip.module-missing", "numpy.abi"},
  check = function(f)
    local folder = list(f"python.noexec")[1]
    if not folder then return nil end
    return {confidence = 0.92,
      why = ("%s lies on a file system that is mounted noexec: no compiled module in it can be loaded (\"failed to "
        .. "map segment from shared object\")."):format(folder), evidence = {"python.noexec"},
      fixes = {
        {remount = folder,
          say = "Mount that volume without noexec (in a container: give the volume without the option), or install "
            .. "the packages on another one."}}}
  end,
  doc = {looks = "'failed to map segment from shared object' at import.",
    check = "python.noexec in the report; findmnt -T FOLDER."},
}

rule {
  id = "python.venv-dead",
  explains = {"pip.module-missing"},
  check = function(f)
    local dead = f"python.dead"
    if type(dead) ~= "table" then return nil end
    local here = f"python.executable"
    if not dead.exists then
      return {confidence = 0.85, severity = "warning",
        why = {("%s names %s, which is not there."):format(dead.variable, dead.folder),
          here and ("Python is %s instead."):format(here) or nil}, evidence = {"python.dead.folder"},
        fixes = {{unset = {dead.variable}, effect = {["python.dead"] = false},
          say = "Activate an environment that is there, or unset the variable."}}}
    end
    return {confidence = 0.88,
      why = {("The environment %s (%s) has no interpreter any more: it was moved or copied here, or the Python that "
        .. "it was made with was removed."):format(dead.folder, dead.variable),
        here and ("Python is %s instead, which does not see its packages."):format(here) or nil},
      evidence = {"python.dead.folder", "python.dead.made_for", "python.executable"},
      fixes = {{renew = dead.folder, python = dead.made_for,
        say = "Link it to a Python of the same version again; with another version, make the environment anew and "
          .. "install its packages."}}}
  end,
  doc = {looks = "'No module named torch' although the environment has it; python is another one.",
    check = "VIRTUAL_ENV/bin/python: a link that leads nowhere."},
}

-- Two records of one package in one folder (a layer of an image that was copied over another): importlib.metadata takes
-- the first that it meets, whatever is really there. Which one that is depends on the file system: the record that what
-- failed was given (`found`), or that another package finds too old, is the stale one.
local function stale_of(f, duplicate, found)
  local copies = list(duplicate.copies)
  for _, c in ipairs(list(f"python.conflicts")) do
    if not found and wanted_of(c) == normal(duplicate.package) then found = c.found end
  end
  for i, copy in ipairs(copies) do
    for k, other in ipairs(copies) do
      local twice = copy.location == other.location and copy.version ~= other.version
      if twice and (copy.version == found or not found and k == 1 and i ~= k) then return copy, other end
    end
  end
end

local function recorded_twice(f, name, found)
  for _, d in ipairs(list(f"python.duplicates")) do
    local stale, right
    if not name or normal(d.package) == name then stale, right = stale_of(f, d, found) end
    if stale then
      return {confidence = found and 0.95 or 0.75, title = "a package is recorded twice",
        why = ("%s has two records of %s, of %s and of %s: which of them counts is chance, and an installer sees "
          .. "nothing to do."):format(stale.location, d.package, stale.version, right.version),
        evidence = {{fact = "python.duplicates", value = ("%s %s"):format(d.package, stale.version)}},
        fixes = {{move = ("%s/%s-%s.dist-info"):format(stale.location, d.package:gsub("-", "_"), stale.version),
          kind = "pip:" .. normal(d.package), effect = {["python.duplicates"] = {}},
          say = "Take the stale record away."}}}
    end
  end
end

rule {
  id = "pip.broken-install/recorded-twice",
  severity = "warning",
  anyone = "request",
  signatures = {found = [[is required for a normal functioning of this module, but found (?<package>[\w.-]+)==]]
    .. [[(?<found>\d[\w.]*\w)]]},
  facts = {"python.duplicates"},
  specific_over = {"hf.version-conflict", "pip.conflict"},
  when = function(f, log)
    local answer = recorded_twice(f, normal(log.found.package), log.found.found)
    if answer then answer.hit, answer.severity = log.found, nil end
    return answer
  end,
  check = function(f) return recorded_twice(f) end,
  doc = {looks = "'... is required, but found X==0.15', and pip says that 0.20 is installed.",
    check = "ls -d site-packages/X-*.dist-info."},
}

-- What was installed by another user with a umask of 077: Python passes over what it may not read.
local function unreadable(f, module)
  local wanted = module and know.distribution(module)
  for _, e in ipairs(list(f"python.unreadable")) do
    if not wanted or normal(e.package) == wanted then
      return {confidence = 0.9, title = "this user may not read a package",
        why = ("%s is installed in %s, and this user may not read its files: Python passes over them as if they were "
          .. "not there."):format(e.package, e.location),
        evidence = {{fact = "python.unreadable", value = e.package}},
        fixes = {{grant = e.location, effect = {["python.unreadable"] = {}},
          say = "Let every user read what is installed there (and install with umask 022)."}}}
    end
  end
end

rule {
  id = "pip.broken-install/unreadable",
  anyone = "interpreter",
  signatures = {
    module = [=[(?:ModuleNotFoundError|ImportError): No module named ['"]?(?<module>\w+)]=],
    package = [[PackageNotFoundError: (?:No package metadata was found for )?(?<module2>[\w.-]+)]],
    denied = [=[PermissionError: \[Errno 13\] Permission denied: '[^'\n]*(?:site|dist)-packages/(?<module3>\w+)]=],
    bare = any{ -- a folder that may be entered and not read is a package without content
      [[AttributeError: module '(?<module4>\w+)' has no attribute]],
      [[cannot import name '\w+' from '(?<module5>\w+)[\w.]*' \(unknown location\)]],
    },
  },
  facts = {"python.unreadable"},
  specific_over = {"pip.module-missing", "app.bug", "hf.version-conflict", "pip.conflict"},
  when = function(f, log)
    local hit = log.module or log.package or log.denied or log.bare
    local answer = unreadable(f, hit.module or hit.module2 or hit.module3 or hit.module4 or hit.module5)
    if answer then answer.hit = hit end
    return answer
  end,
  check = function(f)
    local answer = unreadable(f)
    if answer then answer.severity, answer.confidence = "warning", 0.8 end -- the worker may do without it
    return answer
  end,
  doc = {looks = "No module named '...', of a package that root sees in the same environment.",
    check = "ls -ld of its folder in site-packages; id of the worker."},
}

-- Without pyvenv.cfg the interpreter of an environment is its base's, and does not see what is installed there.
local function unmarked(f)
  local folder, binary = f"python.unmarked", f"python.binary"
  if type(folder) ~= "string" then return nil end
  return {confidence = 0.93, title = "the environment has lost its pyvenv.cfg",
    why = ("%s has packages and an interpreter and no pyvenv.cfg: Python takes it for no environment, and sees only "
      .. "what its base has."):format(folder), evidence = {"python.unmarked"},
    fixes = {{renew = folder, python = type(binary) == "string" and binary or nil,
      effect = {["python.unmarked"] = false}, say = "Write it again; what is installed stays."}}}
end

rule {
  id = "python.venv-dead/unmarked",
  anyone = "interpreter",
  signatures = {module = [=[(?:ModuleNotFoundError|ImportError|python[\d.]*): No module named ['"]?\w+]=]},
  facts = {"python.unmarked"},
  specific_over = {"pip.module-missing"},
  explains = {"pip.module-missing"},
  when = function(f, log)
    local answer = unmarked(f)
    if answer then answer.hit = log.module end
    return answer
  end,
  check = unmarked,
  doc = {looks = "No module named '...', of a package that lies in the environment.",
    check = "pyvenv.cfg beside bin; files named *.cfg are often left out of a copy."},
}

-- A release that was installed without what it declares (--no-deps, an image built from a list): the module that is
-- missed first is one of several. Named again in its release, the package gets all of them from the installer.
rule {
  id = "pip.module-missing/without-its-own",
  anyone = "interpreter",
  signatures = {
    module = [=[(?:ModuleNotFoundError|ImportError): No module named ['"]?(?<module>[A-Za-z_][\w.]*)['"]?]=],
  },
  facts = {"python.conflicts"},
  specific_over = {"pip.module-missing"},
  when = function(f, log)
    local hit, others, missed = log.module, {}, nil
    local frames = (hit.event.tier or 0) >= 4 and hit.event.frames or {}
    local importer = #frames > 0 and atlas.package_of(frames[#frames])
    local have = importer and f.pkg(importer)
    local package = know.distribution(hit.module:match[[^[^.]+]])
    if not have or not have:match[[^[\d.]+$]] then return nil end
    for _, c in ipairs(list(f"python.conflicts")) do
      local wanted = normal(c.package) == normal(importer) and wanted_of(c)
      if wanted and wanted:match[[^(?:torch|triton$|nvidia-)]] then return nil end -- those stay
      if wanted == package and not c.found then
        missed = c.requires
      elseif wanted then
        others[#others + 1] = c.requires
      end
    end
    if f.pkg(package) or #others == 0 then return nil end
    return {hit = hit, confidence = 0.92,
      why = {("%s %s was installed without what it requires: %s is not there%s, and neither is %s%s."):format(importer,
        have, package, missed and "" or " (it comes along with that)", others[1],
        #others > 1 and (" (and %d more)"):format(#others - 1) or "")},
      evidence = {{fact = "python.conflicts", value = ("%s requires %s"):format(importer, missed or others[1])}},
      fixes = {{install = package, need = missed and bounds(missed), absent = not missed,
        with = {[importer] = "==" .. have},
        say = ("Install it, and %s again in its release: the installer then brings all that it requires."):format(
          importer)}}}
  end,
  doc = {looks = "ModuleNotFoundError in a library that pip check says has several requirements unmet.",
    check = "pip check; python.conflicts in the report."},
}
