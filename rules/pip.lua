-- Python packages: missing, broken, shadowed, or of versions that the resolver could not join.

-- What one package alone wants of the release that the user asked for, in pip's list of a conflict.
local function asked_and_wanted(log)
  local found
  for _, one in ipairs(log.asked and log.all"wants" or {}) do
    if one.what:lower() == log.asked.what:lower() then
      if found then return nil end
      found = one
    end
  end
  return found
end

rule {
  id = "pip.conflict",
  from = {"installer"},
  anyone = {shadow_torch = "interpreter"},
  signatures = {
    resolver = any{
      [[ResolutionImpossible]],
      [[Cannot install [^\n]+ because these package versions have conflicting dependencies]],
      [[conflicting dependencies|^error: resolution-too-deep]],
    },
    conda = [[(?:LibMambaUnsatisfiableError|UnsatisfiableError: The following specifications)]],
    incompatible = any{
      [[has requirement (?<req>[^\n,]+), but you(?:'ll)? have]],
      [[requires (?<req2>[\w.-]+[<>=!~]=?[^\n]+?), (?:but you have|which is incompatible)]],
      [[pip's dependency resolver does not currently take into account]],
    },
    build = [[there is no version of (?<torch>torch|torchvision|torchaudio)]]
      .. [[==(?<release>\d[\d.]*)\+(?<tag>cu\d+|cpu)\b]],
    uv = [[(?:No solution found when resolving dependencies|your requirements are unsatisfiable|]]
      .. [[^(?:So, )?[Bb]ecause [^\n]*\bversion solving failed\.)]],
    contextual = [[pkg_resources\.]] .. any{
      [[ContextualVersionConflict]], [[VersionConflict]], [[DistributionNotFound]],
    } .. [[: \((?<dist>[^)]+)\)]],
    shadow_torch = any{
      [[No module named _C\b]],
      [[cannot import name '?_C'? from partially initialized module '?torch]],
      [[module 'torch' has no attribute '(?:_C|Tensor|nn|cuda|float32)']],
      [[partially initialized module '(?<shadow>\w+)' has no attribute]],
    },
  },
  context = {locked = [[Writing lock file|Installing dependencies from lock file|^Resolved \d+ packages in]],
    ok = [[Successfully installed]],
    pins = [[(?<who>[\w.-]+)(?:==| )(?<at>\d[\w.+]*) depends on (?<what>[\w.-]+)(?<bound>==\d[\w.+]*)]]
      .. [[(?: and you require|\s*$)]],
    asked = [[^\s*The user requested (?<what>[\w.-]+)(?:\[[\w,]+\])?(?<bound>[<>=!~][^\n;]*)]],
    wants = [[^\s*(?<who>[\w.-]+) (?<at>\d[\w.+]*) depends on (?<what>[\w.-]+)(?:\[[\w,]+\])?]]
      .. [[(?<bound>[<>!~]=?[^\n;]*)]],
    wrong_site = [=[(?:/\.local/(?:bin|lib)/|of binary: (?<binary>\S+))]=],
    metadata = [[Please use pip ?<]], -- pip.conflict/metadata
  },
  unless = {"metadata"},
  facts = {"python.conflicts", "python.duplicates", "python.prefix"},
  when = function(f, log)
    if log.shadow_torch then
      local hit = log.shadow_torch
      local what = hit.shadow or "torch"
      if what == "torchvision" or what == "cv2" then return nil end
      return {hit = hit, confidence = 0.82,
        why = ("A folder or file named %s in the current directory (a source checkout, an own script) shadows the "
          .. "installed package, or two copies are mixed."):format(what),
        fixes = {
          {code = true, say = "Start Python from another directory, or rename the file or folder that shadows it."},
          {install = what, fresh = true, say = "If it still fails, reinstall the package."}}}
    end
    if log.build and not log.resolver then
      local what = log.build.torch .. "==" .. log.build.release
      return {hit = log.build, confidence = 0.88, title = "a build of torch that the index asked does not have",
        why = "{torch} {release}+{tag} is a build of PyTorch's own index, and another index was asked.",
        fixes = {{install = log.build.torch, need = "==" .. log.build.release, index = log.build.tag,
            say = ("Install %s from that index first; what asks for it then finds it."):format(what)},
          {code = true, kind = "pip:package", say = ("Or name it beside the other one: --extra-index-url "
            .. "https://download.pytorch.org/whl/%s."):format(log.build.tag)}}}
    end
    local hit = log.resolver or log.uv or log.conda or log.contextual or log.incompatible
    if hit == log.uv and log.locked and log.locked.line > hit.line then return nil end
    if hit == log.incompatible and log.ok and not log.fatal then
      return {hit = hit, confidence = 0.5, severity = "warning",
        why = "pip says that an installed package is outside what another one accepts; it "
          .. "may still work.",
        fixes = {{code = true, kind = "pip:package", say = "Install the two in versions that go together."}}}
    end
    local pins = log.pins or asked_and_wanted(log)
    local pinned
    if pins and know.package(pins.what:lower()) and know.package(pins.who:lower()) then
      local bound = pins.bound:gsub(" and ", ","):gsub(" ", "")
      pinned = {install = pins.what:lower(), need = bound, with = {[pins.who:lower()] = "==" .. pins.at},
        kind = "pip:" .. pins.what:lower(), say = ("Ask for %s%s, which %s %s wants, instead of another release of it.")
          :format(pins.what, bound, pins.who, pins.at)}
    end
    local fixes = {{code = true, kind = "pip:package",
        say = "Loosen or align the pins that the message names; install into a fresh environment."},
      {conda = "python", say = "Or give the two programs environments of their own."}}
    if pinned then table.insert(fixes, 1, pinned) end
    return {hit = hit, confidence = 0.85, evidence = {pins}, fixes = fixes,
      why = "The requirements of two packages exclude each other (or an installed version is outside what another one "
        .. "accepts)."}
  end,
  doc = {looks = "ResolutionImpossible, 'has requirement ... but you have', a folder that shadows a package.",
    check = "python.conflicts and python.duplicates in the report."},
}

rule {
  id = "pip.conflict/managed",
  from = {"installer"},
  signatures = {
    managed = [[externally-managed-environment]],
    distutils = [[Cannot uninstall '?(?<package>[\w.-]+?)'?[\s.][^\n]{0,40}]] .. any{
      [[It is a distutils installed project]],
      [[RECORD file]],
      [[no RECORD]],
    },
    owned = [[Cannot uninstall (?<package2>[\w.-]+) [\d.]\S*, RECORD file not found]],
  },
  confidence = 0.88,
  why = "This Python belongs to the operating system, whose package manager put files there that pip must not (or "
    .. "cannot) replace.",
  fixes = {
    {conda = "python", say = "Use an environment of your own."},
    {code = true, kind = "pip:package", say = "In a container that serves nothing else: let pip write over it."},
  },
  doc = {looks = "'externally-managed-environment', 'It is a distutils installed project'.",
    check = "which python: the system's, or one of an environment?"},
}

rule {
  id = "pip.conflict/user-site",
  from = {"torch", "other"},
  signatures = {
    local_launcher = [[(?:File ['"])?(?<launcher>/(?:home/\w+|root)/\.local/bin/(?:deepspeed|accelerate]]
      .. [[|torchrun|vllm|transformers-cli|jupyter\S*|streamlit|gradio|huggingface-cli))['"]?]],
    binary = [[failed \(exitcode: \d+\) local_rank: \d+ \(pid: \d+\) of binary: (?<binary>/usr/bin/python\S*]]
      .. [[|/usr/local/bin/python\S*)]],
    local_lib = [=[/\.local/lib/python3\.\d+/site-packages/(?<package>\w+)]=],
  },
  context = {
    env = [=[/(?:envs|\.?venv|miniconda3?|anaconda3?)/]=],
    missing = [=[(?:No module named ['"]?(?<module>\w+)|ImportError)]=],
    apart = [[^pip [\d.]+ from /\S*/\.local/lib/python3]],
  },
  facts = {"python.executable", "python.duplicates"},
  specific_over = {"pip.module-missing"},
  when = function(f, log)
    if not log.missing then return nil end
    local hit = log.local_launcher or log.binary or log.local_lib
    if hit == log.local_lib and not log.env then return nil end
    if hit == log.binary and not log.env then return nil end
    if log.apart and log.missing.module and not (log.local_launcher or log.binary) then
      return {hit = hit, evidence = {log.missing}, confidence = 0.78, why = "The command pip belongs to another Python "
        .. "(of ~/.local) than the one that runs, so what it installs is not seen.",
        fixes = {{code = true, kind = "pip:" .. know.distribution(log.missing.module), say = "Install it by the "
          .. "interpreter that runs it: by that one's own pip (python -m pip), not by the command pip."}}}
    end
    return {hit = hit, confidence = 0.72,
      why = "Another interpreter or copy runs than the one that was prepared: a launcher or package of ~/.local (or "
        .. "the system) comes before the environment's.",
      fixes = {{set = {PYTHONNOUSERSITE = "1"}, kind = "conda",
        say = "Keep ~/.local out, and start the environment's own program (python -m ...)."},
        {code = true, kind = "pip:package", say = "Or remove the copy in ~/.local."}}}
  end,
  doc = {looks = "A traceback that begins in ~/.local/bin/..., 'of binary: /usr/bin/python3' outside the venv.",
    check = "which -a python pip; sys.executable."},
}

-- A file outside site-packages that stands twice in one chain of imports: the second time a package meant another
-- module.
local function own_file_twice(event)
  local seen = {}
  for _, frame in ipairs(event.frames or {}) do
    if not frame.file:match[=[(?:site|dist)-packages|^<|lib/python\d]=] and (frame.func == "<module>"
      or frame.func == "") then
      if seen[frame.file] then return frame.file end
      seen[frame.file] = true
    end
  end
end

-- The file that is being imported, where it is nobody's package and bears the name of one.
local function called_alike(hit)
  local file = hit.own
  if not file or file:match[=[(?:site|dist)-packages|[/\\]lib(?:64)?[/\\]python3]=] then return nil end
  return file:match[=[([^/\\]+)\.py$]=] == hit.package2 and file or nil
end

rule {
  id = "pip.broken-install",
  anyone = "interpreter",
  signatures = {
    submodule = [[No module named ['"](?<package>bitsandbytes|xformers|flash_attn|deepspeed|diffusers]]
      .. [[|accelerate|sentencepiece|tokenizers|gradio|pydantic|pydantic_core|scipy|pandas|sklearn|PIL|cv2]]
      .. [=[|regex|safetensors)\.(?<module>[\w.]+)['"]]=],
    core = any{
      [[No module named 'pydantic_core\._pydantic_core']],
      [[No module named 'PIL\._imaging']],
      [[cannot import name '_imaging']],
      [[No module named 'regex\._regex']],
      [[No module named 'rpds\.rpds']],
      [[Importing the numpy C-extensions failed]],
    },
    circular = [[cannot import name '\w+' from partially initialized module '(?<package2>[\w.]+)' \(most ]]
      .. [[likely due to a circular import\)(?: \((?<own>[^)\n]+\.py)\))?]],
    opencv = any{
      [[partially initialized module 'cv2' has no attribute]],
      [[recursion is detected during loading of "cv2" binary extensions]],
    },
    dist_info = [[No such file or directory: '[^'\n]*(?:site]]
      .. [[|dist)-packages[/\\]+(?<dist2>[\w.]+?)-[\w.+]+\.dist-info[/\\]+METADATA']],
    beside = [[cannot import name '\w+' from '(?<module4>\w+)' \((?<path>/[^)\n]*/\w+\.py)\)]],
    nowhere = [[cannot import name '\w+' from '(?<package3>[\w.]+)' \(unknown location\)]],
    not_package = [[No module named '[\w.]+'; '(?<file>[\w.]+)' is not a package]],
    metadata = any{
      [[Ignoring invalid distribution -?(?<dist>\S+)]],
      [[expected string or bytes-like object, got 'NoneType']],
      [[RuntimeError: Failed to import \S+ because of the following error]],
    },
  },
  context = {glibc = [[GLIBC]], cuda = [[cannot open shared object]], symbol = [[undefined symbol]]},
  unless = {"glibc", "cuda", "symbol"},
  specific_over = {"pip.module-missing", "bnb.not-installed", "hf.version-conflict", "hf.model-too-new"},
  when = function(f, log)
    local own = log.circular and (own_file_twice(log.circular.event) or called_alike(log.circular))
    if own then
      local name = own:match[=[([^/\\]+)$]=]
      return {hit = log.circular, confidence = 0.88, title = "an own file shadows a package",
        why = ("%s is imported where a package of that name was meant: the file in the working directory comes first "
          .. "on the search path."):format(name),
        fixes = {{move = own, kind = "code", to = own:gsub([=[[^/\\]+$]=], "my_" .. name),
          say = "Rename " .. name .. " (and remove its __pycache__), so that the package is found."}}}
    end
    if log.opencv then
      return {hit = log.opencv, confidence = 0.84,
        why = "The files of two OpenCV packages lie over each other in one folder (opencv-python, -headless and "
          .. "-contrib all bring cv2).",
        fixes = {{install = "opencv-python-headless", fresh = true,
          say = "Lay the files of one of them down anew, after the others are removed."}}}
    end
    if log.dist_info then
      local name = log.dist_info.dist2:gsub("_", "-")
      return {hit = log.dist_info, confidence = 0.84,
        why = ("The record of %s in this environment is torn: an install or removal of it broke off."):format(name),
        fixes = {
          {install = name, fresh = true,
            say = "Lay its files down anew; where pip refuses, remove its dist-info folder first."}}}
    end
    if log.beside then -- a library asks its own part or Python's for a name, and gets a file of the project
      local path, frames = log.beside.path, log.beside.event.frames or {}
      local by, main = frames[#frames], frames[1] -- the folder of the script comes first on sys.path
      local library = [=[(?:site|dist)-packages|/lib(?:64)?/python3]=]
      if path:match[=[([^/]+)\.py$]=] == log.beside.module4 and by and by.file:match(library)
        and path:gsub([=[[^/]+$]=], "") == main.file:gsub([=[[^/]+$]=], "") and not path:match(library) then
        local name = path:match[=[[^/]+$]=]
        return {hit = log.beside, confidence = 0.9, title = "an own file shadows a package",
          why = {"{path} is imported where Python's own module or a package of that name was meant."},
          fixes = {{move = path, kind = "code", to = path:gsub([=[[^/]+$]=], "my_" .. name),
            say = "Rename " .. name .. " (and remove its __pycache__), so that the right one is found."}}}
      end
    end
    if log.not_package and log.not_package.file:has"." then -- a compiled file of a package
      local package = know.distribution(log.not_package.file:match[[^\w+]])
      return {hit = log.not_package, confidence = 0.84, title = "a package's compiled part is of another release",
        why = ("%s is a compiled file of %s, and lacks a part that the Python files beside it take: two releases lie "
          .. "over each other, or it was built for something else."):format(log.not_package.file, package),
        fixes = {{install = package, fresh = true, say = "Lay its files down anew, in one release."},
          {install = package, say = "If it fails as before: take its newest release."}}}
    end
    if log.not_package then
      local name = log.not_package.file .. ".py"
      return {hit = log.not_package, confidence = 0.86, title = "an own file shadows a package",
        why = ("A single file of the name %s is imported where a package was meant: it comes first on the search "
          .. "path."):format(log.not_package.file),
        fixes = {{move = name, kind = "code", to = "my_" .. name,
          say = "Rename " .. name .. " (and remove its __pycache__), so that the package is found."}}}
    end
    if log.nowhere then
      local name = log.nowhere.package3
      if f.pkg(know.distribution(name:match[[^\w+]])) == false then return nil end -- a folder of that name, no package
      return {hit = log.nowhere, confidence = 0.82,
        why = ("%s was found as a bare folder without its __init__.py: an emptied install, or a folder of that name "
          .. "in the working directory that comes first."):format(name),
        fixes = {{install = know.distribution(name:match[[^\w+]]), fresh = true,
          say = "Lay its files down anew, in the same release."},
          {code = true, say = "Or start Python where no folder of that name stands."}}}
    end
    local hit = log.submodule or log.core or log.circular
    if not hit then
      if log.metadata and log.metadata.text:match[[NoneType]]
        and log.has_frame(any{
          [[importlib/?_?metadata]], [[packaging/version]], [[versions\.py]],
        }) then hit = log.metadata else return nil end
    end
    if hit == log.submodule and not hit.package:match([[^]] .. any{
      [[bitsandbytes]], [[xformers]], [[flash_attn]], [[PIL]], [[cv2]], [[regex]], [[pydantic_core]], [[tokenizers]],
      [[safetensors]],
    } .. [[$]]) then
      -- a package that lacks a module of its own is broken; one asked for a module by another is of another release
      local frames = hit.event.frames or {}
      if not (#frames > 0 and frames[#frames].file:match[=[(?:site|dist)-packages[/\\](\w+)]=] == hit.package) then
        return nil
      end
    end
    local package = (hit.package or hit.package2 or hit.dist or hit.text:match[['(pydantic_core|PIL|regex|rpds|numpy)]]
      or "package"):match[[^[\w-]+]]
    if hit == log.submodule and log.submodule.module:match[[_C$|_cuda|kernels]] then return nil end
    package = know.distribution(package)
    return {hit = hit, confidence = 0.8,
      why = ("%s is installed, but its own files are incomplete or mixed: the install is broken (two versions over "
        .. "each other, an interrupted install, or a build for another Python)."):format(package),
      fixes = {{install = package, fresh = true, say = "Lay its files down anew, in the same release."}}}
  end,
  doc = {looks = "No module named 'package.submodule' although the package is installed.",
    check = "Two dist-info folders of one package; python.duplicates."},
}

rule {
  id = "accelerate.missing",
  from = {"hub", "engine", "other"},
  anyone = {module = "interpreter", name = "interpreter"},
  signatures = {
    requires = any{
      [=[requires (?:the )?[`'"]?accelerate\b(?! \w*(?:FSDP|mode|plugin|config|launch))]=],
      [[accelerate v?\d[\d.]* (?:and|or) (?:above|later|newer|higher)]],
      [[`?accelerate`?[^\n]{0,40}(?:is not installed|not found|is required|to be installed)]],
      [[Please (?:run `)?(?:pip )?install (?:-U |--upgrade )?[`'"]?accelerate]],
      [[pip install (?:-U |--upgrade )?[`'"]?(?:transformers\[torch\]|accelerate)]],
    },
    module = [=[No module named ['"]accelerate['"]]=],
    low_cpu = [[Using `low_cpu_mem_usage=True`[^\n]*requires]],
    quant = [[Using `bitsandbytes` (?:4|8)-bit quantization requires Accelerate]],
    name = [[(?:name 'init_empty_weights' is not defined|cannot import name '\w+' from 'accelerate(?:\.\w+)*')]],
    partial = [[(?:NameError: name 'PartialState' is not defined|name 'AcceleratorState' is not defined)]],
  },
  context = {broken = [[No module named ['"]accelerate\.]]},
  facts = {"python.packages.accelerate.version", "transformers.version", "torch.cuda"},
  explains = {"bnb.too-old", "pip.module-missing"},
  when = function(f, log)
    local have = f.pkg"accelerate"
    local upper, found = (log.requires or {text = ""}).text:match([[accelerate\S*<=?(\d[\d.]*\d)[^\n]*]]
      .. [[but found accelerate==([\d.]+\d)]])
    if upper and version.cmp(found, upper) ~= -1 then return nil end -- too new: hf.version-conflict
    local hit = log.requires or log.low_cpu or log.quant or log.module or log.name or log.partial
    local torch = f.pkg"torch"
    if have and (log.requires or log.low_cpu or log.quant) and not log.name then
      if log.quant and (f"torch.cuda" == false or torch and torch:match[[\+cpu]]) then
        return {hit = hit, confidence = 0.6,
          why = "accelerate is installed; this check also fails when torch sees no CUDA device.",
          fixes = {{install = "torch", say = "Install a CUDA build of torch."}}}
      end
      local need = hit.text:match[[accelerate ?>=? ?([\d.]+)]]
      if not (need and version.matches(have, "<" .. need)) then
        return {hit = hit, confidence = 0.8, why = {
          "accelerate {fact:python.packages.accelerate.version} is installed: the running process was started (or had "
            .. "imported transformers) before the install, or another interpreter runs."},
          fixes = {
            {restart = "process",
              say = "Restart the process (the notebook's runtime), so that it sees the installed package."},
              {install = "accelerate", say = "If it persists: upgrade it in the interpreter that runs."}}}
      end
    end
    return {hit = hit, confidence = 0.9,
      why = {"accelerate is needed (device_map, low_cpu_mem_usage, Trainer, quantization) and is "
        .. (have == false and "not installed." or "missing or too old."),
        "Installed: {fact:python.packages.accelerate.version}."},
      fixes = {{install = "accelerate", say = "Install or upgrade accelerate, then restart the process."}}}
  end,
  doc = {looks = "'requires Accelerate: pip install accelerate'.",
    check = "Is it installed in the interpreter that runs, and was the process restarted since?"},
}

rule {
  id = "flash-attn.missing",
  from = {"hub", "engine", "kernels", "other", "app"},
  signatures = {
    asked = [[FlashAttention2 has been toggled on, but it cannot be used]],
    package = any{
      [[the package flash_attn seems to be not installed]],
      [=[(?<![\w-])flash_attn[`'"]? (?:is )?not (?:installed|available)]=],
      [[Please install (?:the )?flash[-_]attn]],
      [=[No module named ['"]flash_attn['"]]=],
      [[requires the following packages[^\n]*flash_attn]],
      [[(?<![\w-])flash[-_]attn(?:ention)? (?:package )?(?:is )?required]],
      [[Flash ?Attention(?: 2)? is not (?:available|installed), but]],
      [[flash attention is not installed]],
    },
    fa3 = [[(?:flash_attn_3|flash_attn_interface)[^\n]{0,60}(?:not installed|not found|No module)]],
  },
  context = {
    fallback = any{
      [[falling back]], [[fallback]], [[will use]], [[Using (?:xformers|sdpa|eager)]], [[optional]],
      [[consider installing]], [[for better performance]], [[Warning: Flash attention]],
    },
    abi = [[undefined symbol]],
    cpu = [[Flash Attention 2 is not available on CPU]],
  },
  unless = {"abi", "cpu"},
  facts = {"python.packages.flash-attn.version", "gpus.0.compute_capability"},
  explains = {"hf.trust-remote-code", "pip.module-missing"},
  when = function(f, log)
    local hit = log.asked or log.package or log.fa3
    if (log.fallback or hit == log.package and (hit.event.tier or 0) < 2) and (hit.event.tier or 0) < 3 then
      return nil
    end
    local with = {} -- what the model's own code names beside it
    local names = hit.text:match[[requires the following packages[^\n]*environment: ([\w ,-]+)]] or ""
    for name in names:gmatch[[[\w-]+]] do
      if not name:match[[^flash]] then with[#with + 1] = know.package(know.distribution(name)) end
    end
    return {confidence = 0.9,
      why = "flash_attention_2 was asked for, and the flash-attn package is not installed here.",
      fixes = {{install = "flash-attn", build = true, with = with,
        need = (log.asked or log.package or log.fa3).text:match[[(?<![\w-])flash[-_]attn ?([=<>~!]=? ?\d[\w.]*\w)]],
        say = "Install it (a prebuilt wheel for this torch, CUDA and Python saves an hour of compiling)."},
               {argument = "attn_implementation", say = "Or do without: attn_implementation='sdpa'."}}}
  end,
  doc = {looks = "'FlashAttention2 has been toggled on, but it cannot be used: the package flash_attn seems to be not "
    .. "installed'.",
    check = "The package; a GPU of at least 8.0."},
}
