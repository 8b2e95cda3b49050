-- What the loader would say of compiled modules that are installed, and of libraries that a script names, before
-- anything is imported: a library that is nowhere, a symbol version that this system does not have, or two of one kind.

-- A fix after which the loader finds everything.
local function curing(fix)
  fix.effect = {["python.unloadable"] = {}, ["workdir.libraries"] = {}}
  return fix
end

local function name_of(path)
  return tostring(path):match[[([^/]+)/?$]] or tostring(path)
end

-- Distributions that bring a module of a name that several bring.
local DISTRIBUTIONS = {
  onnxruntime = {"onnxruntime-gpu", "onnxruntime"}, faiss = {"faiss-gpu", "faiss-gpu-cu12", "faiss-cpu"},
  cv2 = {"opencv-python", "opencv-contrib-python", "opencv-python-headless", "opencv-contrib-python-headless"},
}

local function distribution(f, module)
  for _, name in ipairs(DISTRIBUTIONS[module] or {}) do
    if f.pkg(name) then return name end
  end
  return know.distribution(module)
end

-- Everything that cannot be loaded, one entry a missing library or version.
local function problems(f)
  local out = {}
  for _, source in ipairs{"python.unloadable", "workdir.libraries"} do
    for _, entry in ipairs(list(f(source))) do
      local function add(what)
        what.source, what.file, what.when = source, entry.file, entry.when
        what.package = entry.package ~= "python" and entry.package or nil -- a module of Python itself is only a file
        out[#out + 1] = what
      end
      for _, m in ipairs(list(entry.missing)) do add{library = m.library, by = m.needed_by} end
      for _, m in ipairs(list(entry.missing_versions)) do
        add{version = m.version, of = m.library, path = m.path, by = m.needed_by}
      end
      local symbol = list(entry.missing_symbols)[1]
      if symbol then add{symbol = symbol.symbol, of = symbol.library, built_for = entry.built_for} end
    end
  end
  return out
end

local function is_cuda(library)
  return library:match([[^lib(?:cudart|cublas|cublasLt|cufft|cufftw|curand|cusolver|cusparse|cusparseLt|]]
    .. [[cudnn\w*|nvrtc\S*|nvJitLink|nccl|cupti)\.so]]) ~= nil
end

local function evidence(p, what)
  return {{fact = p.source, value = ("%s: %s"):format(name_of(p.by or p.file), what)}}
end

local function folder_of(path) return type(path) == "string" and path:match[[^(.*)/[^/]*$]] or nil end

-- The folder stands on LD_LIBRARY_PATH.
local function searched(f, folder)
  local path = f.env"LD_LIBRARY_PATH"
  return folder and type(path) == "string" and (":" .. path:gsub([[/+(?=:|$)]], "") .. ":"):has(":" .. folder .. ":")
end

-- who cannot be imported: the package, or the file itself
local function who(p)
  if not p.package then return p.file end
  return p.when == "gpu" and p.package .. "'s GPU part" or p.package
end

local function severity(p)
  return p.package and p.when == "import" and "error" or "warning"
end

-- A library that came with a wheel: its name has a hash in it, and the version behind that.
local OWN = [=[-[0-9a-f]{8}(?:\.[\w.]+?)?\.so]=]

rule {
  id = "cuda.lib-missing/import",
  check = function(f)
    for _, p in ipairs(problems(f)) do
      if p.library and is_cuda(p.library) and not (p.by or ""):match[[/torch/lib/]] then
        local cu = f"torch.cuda"
        local have = type(cu) == "string" and cu or nil
        local package = p.package and distribution(f, p.package)
        local other = package == "onnxruntime-gpu" and {install = package, need = have and know.onnxruntime(have),
          extra = not have and "cuda,cudnn" or nil,
          say = "Install the release that was built for the CUDA of this torch, and import torch before it."}
          or package and {install = package, fresh = true, say = "Install it in the build for this torch's CUDA."}
        local brings = {install = p.library, say = "Install the package that brings the library."}
        return {confidence = p.when == "gpu" and 0.75 or 0.85, severity = severity(p),
          why = {("%s needs %s, which is neither installed nor brought by torch."):format(who(p), p.library),
            have and "torch is built for CUDA {fact:torch.cuda}." or nil},
          evidence = evidence(p, p.library), fixes = other and {curing(other), curing(brings)} or {curing(brings)}}
      end
    end
  end,
}

rule {
  id = "sys.lib-missing/import",
  check = function(f)
    for _, p in ipairs(problems(f)) do
      local own = p.library and p.library:match(OWN)
      local other = p.library and p.library:match[[^lib(?:torch|c10|nv|arrow|python)]]
      if p.library and not own and not other and not is_cuda(p.library) then
        return {confidence = 0.87, severity = severity(p),
          why = ("%s needs %s, which is not on this system."):format(who(p), p.library),
          evidence = evidence(p, p.library),
          fixes = {curing{system = p.library, say = "Install the system's package that brings it."},
            p.package == "cv2" and curing{install = "opencv-python-headless", fresh = true,
              say = "Or, on a server: the build of OpenCV that needs no display."} or nil}}
      end
    end
  end,
}

rule {
  id = "pip.broken-install/import",
  check = function(f)
    for _, p in ipairs(problems(f)) do
      if p.package and p.library and p.library:match(OWN) then
        return {confidence = 0.88, severity = severity(p),
          why = ("%s needs %s, a library of its own wheel, and it is not there."):format(who(p), p.library),
          evidence = evidence(p, p.library), fixes = {curing{install = distribution(f, p.package), fresh = true,
            alone = true, say = "Install the package again."}}}
      end
    end
  end,
}

-- torch's own partners move with it.
local PARTNERS = {torchvision = true, torchaudio = true}

rule {
  id = "ext.abi-mismatch/symbol",
  check = function(f)
    for _, p in ipairs(problems(f)) do
      local have = p.symbol and f.pkg"torch"
      if have then
        local package, b, abi = p.package and distribution(f, p.package), p.built_for, atlas.cxx_abi(p.symbol)
        local bounds = b and (b.newer ~= "" and b.newer or b.older) or ""
        return {confidence = 0.9, severity = severity(p),
          why = {("%s takes %s from %s, and that of this torch does not have it: it was built for another one%s.")
              :format(who(p), p.symbol, p.of, abi and ", with the " .. abi .. " C++ ABI" or ""),
            b and ("All that it takes is in torch %s."):format(b.first == b.last and b.first
              or b.first .. " to " .. b.last), "torch is {fact:torch.version}."},
          evidence = evidence(p, p.symbol),
          fixes = {package and curing{install = package, fresh = not PARTNERS[package] or nil,
              with = PARTNERS[package] and {torch = "==" .. have:match[[^[\d.]+]]} or nil,
              say = "Install the build for this torch."}
              or curing{host = true, kind = "rebuild:extension", say = "Build it again for this torch."},
            package and curing{rebuild = package, kind = "rebuild:extension",
              say = "Or build it against this torch."} or nil,
            bounds ~= "" and curing{install = "torch", need = bounds, say = "Or install a torch that it was built for."}
              or nil}}
      end
    end
  end,
}

rule {
  id = "ext.abi-mismatch/import",
  check = function(f)
    for _, p in ipairs(problems(f)) do
      if p.package and p.library and p.library:match[[^lib(?:torch|c10)]] and f.pkg"torch" then
        return {confidence = 0.85, severity = severity(p),
          why = {("%s needs %s, which this torch does not have: it was built for another one."):format(who(p),
            p.library), "torch is {fact:torch.version}."}, evidence = evidence(p, p.library),
          fixes = {curing{install = distribution(f, p.package), fresh = true,
            say = "Install the build for this torch."}}}
      end
    end
  end,
}

rule {
  id = "sys.glibc/import",
  check = function(f)
    for _, p in ipairs(problems(f)) do
      local glibc = p.version and p.version:match[[^GLIBC_]]
      if glibc or p.version and p.version:match[[^(?:GLIBCXX|CXXABI)_]] then
        local folder = folder_of(p.path)
        local shadows = not glibc and searched(f, folder)
        local package = p.package and distribution(f, p.package)
        return {confidence = 0.9, severity = severity(p),
          why = {("%s needs %s, and %s is older."):format(who(p), p.version, glibc and "this system's C library"
            or "the libstdc++ that comes first (" .. tostring(p.path) .. ")"),
            glibc and "It is glibc {fact:system.libc.version}." or nil},
          evidence = evidence(p, p.version),
          fixes = {shadows and curing{drop = "LD_LIBRARY_PATH", entry = folder,
                say = "Take that folder off LD_LIBRARY_PATH."}
              or glibc and curing{image = "glibc", need = p.version:match[[2\.\d+]],
                say = "Build the image upon a newer system."}
              or curing{conda = "libstdcxx-ng", say = "Install a newer libstdc++ into the environment."},
            not shadows and package and {install = package, older = true,
              say = "Or an older release, built for this system."}
              or {host = true, kind = "rebuild:extension", say = "Or build it on this system."}}}
      end
    end
  end,
}

-- What Windows says of a process that it ended: the status, as hexadecimal, as a positive and as a negative number.
local function status(hex, positive, negative)
  return [[(?:exit (?:status|code)|[Rr]eturn ?code|exited with code|code)[ :=]{1,3}(?:]] .. any{"0x" .. hex, positive,
    negative} .. [[)\b|\[WinError ]] .. negative .. [[\]|Windows Error 0x]] .. hex .. [[\b]]
end

-- Packages whose library is built from source for what the processor at hand has, by the folder in their frames.
local BUILDS_NATIVE = {llama_cpp = "llama-cpp-python", ctranslate2 = "ctranslate2"}

local function built_here(log)
  for module, package in pairs(BUILDS_NATIVE) do
    if log.has_frame([[\b]] .. module .. [=[[/\\]]=]) then
      return {rebuild = package, say = "Build it here, for what this processor has."}
    end
  end
end

rule {
  id = "sys.lib-missing/windows-status",
  from = {"engine", "other", "app", "shell"},
  signatures = {dll = status("c0000135", "3221225781", "-1073741515")},
  confidence = 0.82,
  why = "Windows found a library that the program needs nowhere (STATUS_DLL_NOT_FOUND): the Visual C++ runtime, or "
    .. "CUDA's own libraries.",
  fixes = {{host = true, say = "Install the Visual C++ runtime (vc_redist.x64), and lay the program down anew with the "
    .. "libraries that it brings."}},
  doc = {looks = "exit status 0xc0000135.", check = "Dependencies of the program: which DLL is not found."},
}

rule {
  id = "sys.illegal-instruction/windows-status",
  from = {"engine", "other", "app", "shell"},
  signatures = {instruction = status("c000001d", "3221225501", "-1073741795")},
  confidence = 0.86,
  why = "The processor does not know an instruction of the program (STATUS_ILLEGAL_INSTRUCTION): it was built for AVX, "
    .. "AVX2 or AVX-512.",
  when = function(_, log)
    local hardware = {hardware = true,
      say = "Run on a CPU with AVX2; in a virtual machine pass the host's CPU through."}
    local build = built_here(log)
    return {fixes = build and {build, hardware}
      or {hardware, {code = true, kind = "rebuild:package", say = "Or take a build for this processor."}}}
  end,
  doc = {looks = "exit status 0xc000001d; OSError: [WinError -1073741795] Windows Error 0xc000001d.",
    check = "What the processor knows, against what the program was built for."},
}

-- What the C library says of a file that is no library any more: cut off, emptied, stripped after it was patched, or
-- something else under its name.
rule {
  id = "pip.broken-install/elf",
  title = "a compiled file is damaged",
  anyone = "loader",
  signatures = {
    flaw = [[(?<library>[^\s:'"(]+\.so(?:\.[\w.]+)?): ]] .. any{
      [[file too short]], [[invalid ELF header]], [[cannot read file data]], [[ELF load command past end of file]],
      [[ELF load command address/offset not (?:properly |page-)aligned]],
      [[ELF load command alignment not page-aligned]], [[object file has no (?:loadable segments|dynamic section)]],
      [[ELF file's phentsize not the expected size]], [[ELF file version ident does not match]],
    },
  },
  specific_over = {"sys.lib-missing", "cuda.lib-missing", "pip.module-missing", "bnb.*"},
  when = function(f, log)
    local hit, package = log.flaw, nil
    local name = name_of(hit.library)
    -- libc.so and its like are text for the linker where a compiler is installed, and nobody should load them
    if hit.text:has"invalid ELF header" and name:match[[^lib(?:c|m|pthread|gcc_s|ncurses\w*|stdc\+\+)\.so$]] then
      return nil
    end
    for _, t in ipairs(list(f"python.torn")) do
      if name_of(t.file) == name then package = t.package end
    end
    local module = hit.library:match[=[(?:site|dist)-packages/(\w+?)(?:\.libs)?/]=]
    local frames = hit.event.frames or {}
    package = package or module and module ~= "nvidia" and distribution(f, module)
    for i = #frames, 1, -1 do
      local of = atlas.package_of(frames[i])
      package = package or of ~= "" and of or nil
    end
    local why = ("%s cannot be mapped: the file is cut off, was changed after it was built (stripped), or is "
      .. "something else under that name."):format(name)
    if not package or module == "nvidia" then
      return {hit = hit, confidence = 0.8, why = why, fixes = {module and {install = name, fresh = true,
          say = "Install the package again that brings it."}
        or {host = true, kind = "pip:package", say = "Lay that file down anew, from where it came."}}}
    end
    return {hit = hit, confidence = 0.91, why = why,
      fixes = {{install = package, fresh = true, alone = true, say = "Lay its files down anew, in the same release."},
        {host = true, kind = "disk", say = "Look whether the disk is full before that (df -h)."}}}
  end,
  doc = {looks = "libscipy_openblas64_.so: ELF load command address/offset not properly aligned; file too short; "
      .. "invalid ELF header.", check = "python.torn in the report; `file` on the library."},
}

-- ---- a library that comes before the one that was meant ----

local FOREIGN = "a library of another folder comes before the system's own"
local SYSTEM = [[^/(?:usr/)?lib(?:64|32|x32)?/(?!python)]]

-- Versions of the C and C++ libraries, and of CUDA's, are matters of rules of their own.
local function of_others(version)
  return not version:match[[^(?:GLIBC|GLIBCXX|CXXABI)_|^lib(?:nv|cu)]]
end

rule {
  id = "cuda.lib-conflict/import",
  title = FOREIGN,
  check = function(f)
    for _, p in ipairs(problems(f)) do
      local folder = p.version and of_others(p.version) and folder_of(p.path)
      if folder and searched(f, folder) then
        return {confidence = 0.88, severity = severity(p),
          why = ("%s needs %s, and %s, which LD_LIBRARY_PATH puts first, does not have it."):format(who(p), p.version,
            p.path), evidence = evidence(p, p.version),
          fixes = {curing{drop = "LD_LIBRARY_PATH", entry = folder, say = "Take that folder off LD_LIBRARY_PATH."}}}
      end
    end
  end,
}

-- The loader names the library that it took, and what that has not: a copy that a variable puts in front.
local COPY = [[(?<library>/[^\s:]+\.so[^\s:]*): version [`'"](?<version>[A-Za-z_][\w.+-]*)['"`] not found ]]
  .. [[\(required by (?<user>[^)\s]+)\)]]

local function older_copy(f, hit)
  local folder, preload, path = folder_of(hit.library), f.env"LD_PRELOAD", f.env"LD_LIBRARY_PATH"
  local loaded = type(preload) == "string" and preload:has(hit.library)
  if hit.library:match(SYSTEM) or not loaded and path ~= nil and not searched(f, folder) then return nil end
  return {hit = hit, confidence = (loaded or path) and 0.94 or 0.8,
    why = ("%s asks for %s, and the copy that it was given, %s, is of another release: %s puts it in front."):format(
      hit.user:match[=[[^/]+$]=], hit.version, hit.library, loaded and "LD_PRELOAD" or "the search path"),
    fixes = {loaded and {unset = {"LD_PRELOAD"}, say = "Unset it, or name only what is made to be preloaded."}
      or {drop = "LD_LIBRARY_PATH", entry = folder, say = "Take that folder off LD_LIBRARY_PATH."}}}
end

rule {
  id = "sys.glibc/copy",
  title = "an old libstdc++ comes before the system's own",
  signatures = {version = COPY},
  facts = {"env.LD_LIBRARY_PATH", "env.LD_PRELOAD", "system.libstdcxx.glibcxx"},
  when = function(f, log)
    local hit, own = log.version, f"system.libstdcxx.glibcxx"
    local need = hit.version:match[[^GLIBCXX_([\d.]+)$]]
    local other = folder_of(f"system.libstdcxx.path") ~= folder_of(hit.library) -- the facts tell of the system's own
    if not hit.version:match[[^(?:GLIBCXX|CXXABI)_]] or f.env"LD_LIBRARY_PATH" == nil
      or other and need and type(own) == "string" and version.cmp(own, need) == -1 then
      return nil -- which would not do either
    end
    return older_copy(f, hit)
  end,
  doc = {looks = "/opt/gcc-7/lib64/libstdc++.so.6: version `GLIBCXX_3.4.29' not found (required by ...).",
    check = "LD_LIBRARY_PATH: which of its folders has a libstdc++."},
}

-- What the system's own library asks of its partner, which a folder of the search path has in another build.
rule {
  id = "cuda.lib-conflict/system",
  title = FOREIGN,
  anyone = "loader",
  signatures = {
    symbol = [=[(?<by>/(?:usr/)?lib(?:64)?/[^\s:]+\.so[^\s:]*|/\S+/lib-dynload/[^\s:]+\.so): undefined symbol: ]=]
      .. [[(?<symbol>\w+)(?:, version (?<version>\S+))?]],
    version = COPY,
  },
  facts = {"env.LD_LIBRARY_PATH", "env.LD_PRELOAD"},
  specific_over = {"sys.lib-missing", "ext.abi-mismatch", "pip.broken-install"},
  when = function(f, log)
    if log.version then return of_others(log.version.version) and older_copy(f, log.version) or nil end
    local path, preload = f.env"LD_LIBRARY_PATH", f.env"LD_PRELOAD"
    local variable = type(path) == "string" and path ~= "" and "LD_LIBRARY_PATH"
      or type(preload) == "string" and preload ~= "" and "LD_PRELOAD"
    if not variable or log.symbol.symbol:match[[(?i)nvjitlink|cublas|cudnn|cusparse|^_ZN(?:2at|3c10|5torch)]] then
      return nil
    end
    local alone = variable == "LD_LIBRARY_PATH" and not path:has":"
    return {hit = log.symbol, confidence = 0.85,
      why = ("{by} belongs to the system (or to Python), and what it asks for, {symbol}, is not in the library that "
        .. "it was given: %s puts a copy from elsewhere in front."):format(variable),
      fixes = {alone and {drop = variable, entry = path, say = "Take that folder off the search path."}
        or {unset = {variable}, say = "Unset it, or take the folder out that has libraries of the system's names."}}}
  end,
  doc = {looks = "/lib/x86_64-linux-gnu/libssl.so.3: undefined symbol: EVP_..., version OPENSSL_3.0.0; "
      .. "/opt/old/lib/libcrypto.so.3: version `OPENSSL_3.3.0' not found (required by ...).",
    check = "LD_LIBRARY_PATH: which of its folders has a library of the system (libcrypto, libstdc++, libz)."},
}

rule {
  id = "pip.conflict/openmp",
  from = {"other", "numbers", "torch"},
  signatures = {twice = [[OMP: Error #15: Initializing (?<library>\S+?), but found]]},
  confidence = 0.88,
  why = "Two packages each brought an OpenMP runtime of their own ({library}), and both are loaded into one process.",
  fixes = {
    {set = {KMP_DUPLICATE_LIB_OK = "TRUE"}, say = "Let the process run with both."},
    {conda = "nomkl", say = "Better: take numpy and torch of this environment from one source, without MKL."},
  },
  doc = {looks = "OMP: Error #15: Initializing libiomp5md.dll, but found libiomp5md.dll already initialized.",
    check = "Which packages bring libiomp5 or libomp."},
}

rule {
  id = "pip.conflict/mkl",
  anyone = "loader",
  signatures = {symbol = [[undefined symbol: (?<symbol>iJIT_\w+)]]},
  facts = {"python.packages.mkl.version"},
  confidence = 0.92,
  why = {"conda's torch takes {symbol} from MKL, and MKL 2024.1 no longer has it.",
    "mkl is {fact:python.packages.mkl.version}."},
  fixes = {
    {conda = "mkl", need = "<2024.1", say = "Go back to an older MKL in this environment."},
    {install = "torch", fresh = true, say = "Or install torch from PyPI, which brings its own."},
  },
  doc = {looks = "libtorch_cpu.so: undefined symbol: iJIT_NotifyEvent.", check = "conda list mkl."},
}

-- cudarc, by which programs in Rust call CUDA, opens its libraries by names that it makes of the toolkit's version.
rule {
  id = "cuda.lib-missing/cudarc",
  from = {"native", "engine", "framework", "other", "app"},
  signatures = {
    guessed = [[Unable to find (?<lib>\w+) lib under the names \[]],
    opened = [[Unable to dynamically load the "(?<lib2>\w+)" shared library]],
  },
  context = {windows = [[(?:^|[\s`'"(])[A-Z]:\\]]},
  facts = {"env.LD_LIBRARY_PATH", "cuda.toolkit.version"},
  confidence = 0.88,
  when = function(_, log)
    local hit = log.opened or log.guessed
    local lib = hit.lib or hit.lib2
    if lib == "cuda" or lib == "nvcuda" then
      return {hit = hit, confidence = 0.8, title = "the driver's library libcuda is not found",
        why = "The program looks for libcuda, which belongs to the driver: no driver is installed, or no GPU was "
          .. "passed into the container.",
        fixes = {{container = "gpus", say = "In a container: start it with the GPU, which brings the driver's "
          .. "libraries."}, {driver = "install", say = "On a machine of its own: install the driver."}}}
    end
    local path = log.windows and {host = true, kind = "env:PATH", say = ("Put the toolkit's folder bin (it holds %s's "
        .. ".dll) on PATH, or install the toolkit that it was built for."):format(lib)}
      or {prepend = "LD_LIBRARY_PATH", holds = ("lib%s.so"):format(lib), say = ("Put the folder of lib%s.so on "
        .. "LD_LIBRARY_PATH."):format(lib)}
    local newer = {code = true, kind = "rebuild:cudarc", say = "Upgrade cudarc (cargo update -p cudarc, or what brings "
      .. "it) and build again: this release does not know how that CUDA names its libraries."}
    return {hit = hit, why = {"cudarc opens CUDA's libraries at run time, and found {lib} under none of the names that "
        .. "it tried.", "cudarc opens CUDA's libraries at run time, and did not find {lib2}."},
      -- a release that guesses was built with the toolkit at hand
      fixes = log.opened and {path, {toolkit = "install", say = "Or install the CUDA toolkit."}, newer}
        or {newer, path, {toolkit = "install", say = "Or install the CUDA toolkit."}}}
  end,
  doc = {looks = "Unable to dynamically load the \"nvrtc\" shared library - searched for library names: [...].",
    check = "find / -name 'libnvrtc.so*'; where.exe nvrtc*.dll."},
}
