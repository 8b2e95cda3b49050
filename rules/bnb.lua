-- bitsandbytes: which native library it wanted, why it was not there, and what hides behind "CUDA Setup failed".

-- 12.1 as bitsandbytes writes it in file names; nil when torch has no CUDA or it is not known.
local function cuda_number(torch_cuda)
  return type(torch_cuda) == "string" and (torch_cuda:gsub([[\.]], "")) or nil
end

local function shipped_versions(f)
  local shipped = {}
  for _, name in ipairs(f"bitsandbytes.binaries" or {}) do
    shipped[#shipped + 1] = type(name) == "string" and name:match[[libbitsandbytes_cuda(\d+)\.so]] or nil
  end
  return shipped
end

local function dotted(number) return number:sub(1, -2) .. "." .. number:sub(-1) end

local function ships(list)
  local names = {}
  for i, number in ipairs(list) do names[i] = dotted(number) end
  return "It ships libraries for CUDA " .. table.concat(names, ", ") .. "."
end

-- The shipped version to use: torch's own, else the nearest to what is asked for of the same major version, lower ones
-- first.
local function nearest(shipped, own, asked)
  local fits
  for _, v in ipairs(shipped) do
    if v == own then return v end
  end
  for _, v in ipairs(shipped) do
    local n, a = tonumber(v), tonumber(asked)
    if a and v:sub(1, 2) == asked:sub(1, 2) and (not fits or n <= a and n > tonumber(fits)
      or tonumber(fits) > a and n < tonumber(fits)) then
      fits = v
    end
  end
  return fits
end

-- The facts' copy has the library, and the one that ran did not find it.
local function torn_copy(f, hit, asked)
  return {hit = hit, confidence = 0.85,
    why = ("bitsandbytes found no libbitsandbytes_cuda%s.so, which its release ships: files are missing in the copy "
      .. "that was loaded, or it is another copy than the installed one."):format(asked),
    fixes = {{install = "bitsandbytes", fresh = true, alone = true,
      say = "Install it anew, and see that no other copy stands before it on sys.path."}}}
end

-- The first of these releases that ships a library for torch's CUDA version.
local function upgrade(torch_cuda)
  local number = cuda_number(torch_cuda)
  local fix = {install = "bitsandbytes",
    say = "Upgrade bitsandbytes to a release that ships a library for this CUDA version."}
  for _, release in ipairs(number and {"0.43.3", "0.45.5", "0.48.2", "0.50.2"} or {}) do
    if know.bnb_ships(release, number) then
      fix.need = ">=" .. release
      return fix
    end
  end
  return fix
end

rule {
  id = "bnb.binary-missing",
  from = {"bitsandbytes", "hub", "engine"},
  signatures = {
    required = [[Required library version not found: (?<lib>libbitsandbytes_\w+\.so)]],
    configured = [=[Configured (?:CUDA|ROCm|HIP|XPU) binary not found at (?:\w+Path\()?['"]?(?<path>[^'")\s]+)]=],
    could_not = any{
      [[Could not find the bitsandbytes (?:CUDA |ROCm |HIP )?]],
      [[No compatible (?:CUDA |ROCm |HIP |XPU )?]],
    } .. [[binary (?:found )?at (?:\w+Path\()?['"]?(?<path2>[^'")\s]+)]],
    mismatch = [[CUDA VERSION MISMATCH]],
    open_lib = [[(?<lib2>libbitsandbytes_(?:cuda\d+(?:_nocublaslt\d*)?|cpu|rocm\d+)\.so): cannot open shared ]]
      .. [[object file]],
    attempted = [[Attempted to use bitsandbytes native library functionality but it's not available]],
    not_distributed = [[The version you're trying to use is NOT distributed with this package]],
    no_gpu_build = [[The installed version of bitsandbytes was compiled without GPU support]],
    setup = [[CUDA Setup failed despite (?:GPU|CUDA) being available]],
    none_attribute = any{
      [['NoneType' object has no attribute]], [[undefined symbol:?]], [[function]],
    } .. [[ ['"]?(?<symbol>c(?:get_col_row_stats|get_managed_ptr|int8_vector_quant|adam\w+]]
      .. [[|dequantize\w+|quantize\w+|lion\w+|gemm_\w+|batched_igemm\w*|igemmlt\w*|ptr_to\w+))['"]?]],
    optimizer = [[name '(?<symbol2>str2optimizer\w+)' is not defined]],
    windows_so = any{
      [['WindowsPath' is not iterable]],
      [[[A-Z]:\\[^\n]{0,200}\\libbitsandbytes_\w+\.so]],
      [[WindowsPath\('/usr/local/cuda/lib64'\)]],
    },
  },
  context = {
    requested = [[Requested CUDA version:\s+(?<requested>[\d.]+)]],
    available = [[^\s*- (?<available>\d+\.\d+)\s*$]],
    override = [[BNB_CUDA_VERSION=(?<override>\d*) environment variable detected|Manual override via BNB_CUDA_VERSION]],
    glibc = [[version [`'"](?:GLIBC|GLIBCXX|CXXABI)_[\d.]+['"`] not found]],
    dependency = [[(?<dependency>lib(?:cusparse|cublas|cublasLt|cudart|nvJitLink|cuda|cusolver]]
      .. [[|cudnn)\.so[\d.]*): cannot open shared object file]],
    cudart = any{
      [[libcudart\.so (?:path is None|not found)]],
      [[did not contain (?:\[?['"]?libcudart\.so|libcudart)]],
      [[CUDA_SETUP: WARNING! libcudart]],
      [[No GPU detected]],
      [[undefined symbol: cudaRuntimeGetVersion]],
    },
    loaded_cpu = [[Loading binary \S+libbitsandbytes_cpu]],
    no_libcuda = [[CUDA SETUP: (?:(?:WARNING|ERROR)! )?libcuda\.so not found]],
    no_split = [['NoneType' object has no attribute 'split']],
    triton_ops = [[No module named 'triton\.ops']],
    rocm = [[(?:ROCm|HIP|rocm\d|gfx\d{3,4}|AMD)]],
    windows = [[(?:\.dll\b|C:\\|D:\\|E:\\|F:\\|G:\\|H:\\|WindowsPath)]],
    no_cuda = [[CUDA is required but not available for bitsandbytes]], -- transformers asked torch.cuda.is_available()
    module_missing = [[ModuleNotFoundError: No module named '(?!bitsandbytes|triton)]],
  },
  unless = {"glibc", "no_split", "triton_ops"},
  facts = {"bitsandbytes.version", "bitsandbytes.binaries", "torch.version", "torch.cuda", "env.BNB_CUDA_VERSION"},
  explains = {"bnb.cpu-only"},
  when = function(f, log)
    if log.module_missing and not log.setup then return nil end
    local specific_line = log.required or log.configured or log.could_not or log.open_lib
    if not specific_line and f.miss("driver", "missing") and f.miss("cuda_driver", "missing") then return nil end
    if log.no_cuda and not (log.required or log.configured or log.could_not) then return nil end -- bnb.cpu-only
    if log.windows_so then
      return {confidence = 0.88,
        why = {"This bitsandbytes looks for Linux libraries (.so) on Windows: releases before 0.43 bring no others.",
          "Installed is {fact:bitsandbytes.version}."},
        fixes = {{install = "bitsandbytes", need = ">=0.43",
          say = "Upgrade bitsandbytes to a release with Windows libraries."}}}
    end
    local wanted = log.required and log.required.lib or log.open_lib and log.open_lib.lib2
    local path = log.configured and log.configured.path or log.could_not and log.could_not.path2
    wanted = wanted or path and path:match[[([^/\\]+)$]] or f"bitsandbytes.wanted"
    local requested = log.requested and log.requested.requested
    if requested and (requested:match[[^[4567]\.]]) then return nil end -- a ROCm number: rocm.mismatch
    if wanted and wanted:match[[rocm|hip]] then return nil end
    if log.override or f.env"BNB_CUDA_VERSION" then
      -- bnb.override-wrong
      if wanted and (log.could_not or log.configured or log.mismatch or log.required) then return nil end
    end
    local specific = log.required or log.configured or log.could_not or log.mismatch or log.open_lib
      or log.not_distributed
    -- bnb.cpu-only
    if not specific and (f"torch.cuda" == false and not f"torch.hip" or (f.pkg"torch" or ""):match[[\+cpu]]) then
      return nil
    end
    if not specific and log.dependency then return nil end -- bnb.dependency-missing
    if not specific and log.cudart then return nil end -- bnb.cudart-not-found
    if log.no_libcuda and wanted == "libbitsandbytes_cpu.so" then return nil end
    if wanted == "libbitsandbytes_cpu.so" and log.open_lib then
      return {hit = log.open_lib, confidence = 0.85,
        why = "Not even the CPU library is there: this is a source tree whose native part was never compiled, or a "
          .. "broken install.",
        fixes = {{install = "bitsandbytes", fresh = true,
          say = "Install the wheel from PyPI, and start Python outside the source tree."},
                 {rebuild = "bitsandbytes",
                   say = "Or compile its native part for CUDA with cmake, and install it from there."}}}
    end
    local asked = wanted and wanted:match[[cuda(\d+)]]
    local shipped = shipped_versions(f)
    for _, hit in ipairs(log.all"available") do shipped[#shipped + 1] = (hit.available:gsub([[\.]], "")) end
    if specific and nearest(shipped, asked) == asked and asked then return torn_copy(f, specific, asked) end
    local fits = nearest(shipped, cuda_number(f"torch.cuda"), asked)
    local why = {}
    local bnb = f.pkg"bitsandbytes"
    if asked then why[#why + 1] = ("bitsandbytes%s looks for its library of CUDA %s, and %s."):format(bnb and " "
      .. bnb or "", dotted(asked),
        #shipped > 0 and "the installed package does not ship it" or "did not find it")
    else why[#why + 1] = "bitsandbytes loaded no CUDA library." end
    if #shipped > 0 then why[#why + 1] = ships(shipped) end
    local fixes = {}
    local override_works = not bnb or version.matches(bnb, ">=0.41") ~= false
    if fits and override_works and not log.windows then
      fixes[#fixes + 1] = {set = {BNB_CUDA_VERSION = fits}, automatic = true,
        say = ("Let bitsandbytes load the library that it ships for CUDA %s.%s."):format(fits:sub(1, -2), fits:sub(-1))}
    end
    if log.no_gpu_build and not specific or log.windows then
      fixes[#fixes + 1] = {install = "bitsandbytes", fresh = true,
        say = "Reinstall bitsandbytes: this copy has no CUDA library in it (Windows wheels carry them since 0.43)."}
    else
      fixes[#fixes + 1] = upgrade(f"torch.cuda")
    end
    fixes[#fixes + 1] = {install = "torch",
      say = "Install a torch built for a CUDA version that this bitsandbytes ships."}
    -- without the library that is asked for it may as well be one for ROCm
    local sure = asked and 0.9 or wanted and 0.88 or 0.78
    -- the exception that it then raises ended the run; which library was wanted stands above it
    local ended = log.setup and log.setup.event.kind == "exception" and log.setup
    return {hit = ended or specific, evidence = ended and specific and {specific} or nil, why = why, fixes = fixes,
      confidence = specific and sure or (log.setup or log.no_gpu_build) and 0.6 or 0.45}
  end,
  applies = {"torch"},
  check = function(f)
    if f"bitsandbytes.found" ~= false or not f"bitsandbytes.wanted" then return nil end
    if f"torch.hip" or f"torch.cuda" == false then return nil end
    if f.env"BNB_CUDA_VERSION" then return nil end
    local wanted, shipped = f"bitsandbytes.wanted", shipped_versions(f)
    local fits = nearest(shipped, nil, cuda_number(f"torch.cuda"))
    local fixes = {}
    if fits then
      fixes[1] = {set = {BNB_CUDA_VERSION = fits}, say = "Let bitsandbytes load the library that it ships.",
        automatic = true}
    end
    fixes[#fixes + 1] = upgrade(f"torch.cuda")
    return {confidence = 0.95, why = {("bitsandbytes will look for %s and does not find it."):format(wanted),
      #shipped > 0 and ships(shipped) or "It ships no CUDA library."},
      fixes = fixes}
  end,
  doc = {looks = "'Required library version not found: libbitsandbytes_cudaXXX.so', 'CUDA Setup failed despite GPU "
    .. "being available'.",
    check = "bitsandbytes.wanted against bitsandbytes.binaries in the report; torch.cuda."},
}

local unset_override = {
  {unset = {"BNB_CUDA_VERSION"}, say = "Unset the override: the library for torch's own CUDA version is taken then.",
    automatic = true},
  {install = "bitsandbytes", say = "Or upgrade bitsandbytes."},
}

-- Why an override cannot be meant for this package, in words; nil where its library is there, or nothing is known.
local function not_shipped(f, set)
  local shipped = shipped_versions(f)
  if type(set) ~= "string" or not set:match[[^\d{3}$]] or #shipped == 0 then return nil end
  for _, number in ipairs(shipped) do
    if number == set then return nil end
  end
  return {("BNB_CUDA_VERSION=%s names a library that this bitsandbytes does not ship."):format(set),
    "It ships: libbitsandbytes_cuda" .. table.concat(shipped, ".so, libbitsandbytes_cuda") .. ".so.",
    "bitsandbytes is {fact:python.packages.bitsandbytes.version}."}
end

rule {
  id = "bnb.override-wrong",
  from = {"bitsandbytes"},
  signatures = {
    detected = [[BNB_CUDA_VERSION=(?<set>\d*) environment variable detected]],
    manual = [[Manual override via BNB_CUDA_VERSION env var\w* detected]],
    empty = [[BNB_CUDA_VERSION[^\n]{0,60}(?:must be|invalid|not a valid|cannot be|is empty)]],
    broken_name = [[libbitsandbytes_cuda\d+_nocublaslt\d+\.so]],
    dependency = [[CUDA SETUP ERROR: Missing dependency]],
    cpu = [[bitsandbytes was compiled without GPU support]],
  },
  context = {
    not_found = any{
      [[Could not find the bitsandbytes]], [[No compatible \w+ binary found at]], [[Configured \w+ binary not found]],
      [[Required library version not found]], [[CUDA VERSION MISMATCH]], [[NOT distributed with this package]],
    },
    failed = any{
      [[CUDA Setup failed]], [[compiled without GPU support]], [[cannot open shared object file]],
      [[native library functionality]],
    },
    rocm = [[(?:ROCm|rocm\d|HIP_VERSION|gfx\d{3,4})]],
  },
  facts = {"env.BNB_CUDA_VERSION", "bitsandbytes.binaries", "torch.cuda"},
  explains = {"bnb.binary-missing", "bnb.cpu-only", "bnb.dependency-missing", "bnb.cudart-not-found",
    "cuda.lib-missing"},
  when = function(f, log)
    -- the override worked
    if not (log.not_found or log.failed or log.empty or log.broken_name or log.dependency) then return nil end
    local set = log.detected and log.detected.set or f.env"BNB_CUDA_VERSION"
    if not (log.detected or log.manual or log.empty or log.broken_name or log.dependency) then
      local why = not_shipped(f, set)
      return why and {hit = log.cpu, confidence = 0.85, why = why, fixes = unset_override}
    end
    if log.dependency and not set then return nil end
    -- A library that is there and fails to load, for another CUDA major version than torch's, fails because of the
    -- override.
    local torch_major, major = tostring(f"torch.cuda" or ""):match[[^(\d+)\.]], set and set:match[[^(\d+)\d$]]
    if (log.failed or log.dependency) and not log.not_found and torch_major and major and torch_major ~= major then
      return {confidence = 0.93,
        why = {("BNB_CUDA_VERSION=%s makes bitsandbytes load a library of CUDA %s, whose libraries are not here: "
          .. "torch brings those of CUDA %s."):format(set, major, f"torch.cuda")}, fixes = unset_override}
    end
    return {confidence = 0.9,
      why = {set and set ~= ""
        and ("BNB_CUDA_VERSION=%s makes bitsandbytes look for a library that this package does not ship (or not for "
          .. "this GPU)."):format(set) or "The BNB_CUDA_VERSION override asks for a library that is not there.",
             "Without it the library for torch's own CUDA version is taken."},
      fixes = unset_override}
  end,
  applies = {"torch"},
  check = function(f)
    local set = f.env"BNB_CUDA_VERSION"
    if set and f"bitsandbytes.found" and not_shipped(f, set) then -- no GPU: the CPU's library is taken instead
      return {confidence = 0.85, severity = "warning", why = not_shipped(f, set), fixes = {unset_override[1]}}
    end
    if not set or f"bitsandbytes.found" ~= false then return nil end
    return {confidence = 0.95,
      why = ("BNB_CUDA_VERSION=%s asks for a library that bitsandbytes does not ship."):format(set),
      fixes = {unset_override[1]}}
  end,
  doc = {looks = "'BNB_CUDA_VERSION=... environment variable detected' followed by a failure to find the library.",
    check = "The variable against the shipped libraries."},
}

rule {
  id = "bnb.cpu-only",
  from = {"bitsandbytes", "hub", "engine", "app", "other"},
  signatures = {
    no_gpu = any{
      [[No GPU detected! Check your CUDA paths]],
      [[CUDA is required but not available for bitsandbytes]],
      [[version of bitsandbytes [^\n]{0,20}requires CUDA, but CUDA is not available]],
      [[bitsandbytes was compiled without GPU support]],
      [[None of the available devices `available_devices = [^`]*` are supported by the bitsandbytes version]],
    },
    loading = [[Loading binary \S*libbitsandbytes_cpu\.(?:so|dll)]],
    unavailable = any{
      [[8-bit optimizers, 8-bit multiplication, and GPU quantization are unavailable]],
      [[The 8-bit optimizer is not available on your device, only available on CUDA]],
    },
    no_cuda_quant = any{
      [[No GPU found\. A GPU is needed for quantization]],
      [[GPU is required to (?:run|quantize)]],
      [[`?bitsandbytes`? quantization (?:requires|needs) (?:a )?(?:GPU|CUDA)]],
    },
    requires = [[Using `bitsandbytes` (?:4|8)-bit quantization requires (?:the latest version of )?bitsandbytes]],
  },
  context = {
    available = [[CUDA available:? True|cuda available: True]],
    harmless_end = [[ModuleNotFoundError: No module named '(?!bitsandbytes)]],
  },
  unless = {"harmless_end"},
  facts = {"torch.version", "torch.cuda", "driver.version", "bitsandbytes.version"},
  when = function(f, log)
    local torch = f.pkg"torch"
    local cpu = f"torch.cuda" == false or torch and torch:match[[\+cpu]]
    if log.requires and not log.no_cuda_quant and not cpu then return nil end
    if cpu then
      return {confidence = 0.85,
        why = {"torch is a CPU-only build, so bitsandbytes finds no CUDA and falls back to its CPU library."},
        fixes = {{install = "torch", say = "Install a CUDA build of torch."}}}
    end
    local none = type(f"torch.cuda") == "string" and #f.gpus() == 0 and not f"driver.version"
    if none then -- torch is the right one: there is no device for it
      return {confidence = 0.8, why = {"torch is built for CUDA {fact:torch.cuda} and sees no CUDA device here, so a "
        .. "quantized load is refused."},
        fixes = {{container = "gpus", say = "Give the container the GPU (or run on a machine that has one)."},
          {argument = "load_in_4bit", value = "False", say = "Or load it without quantization, on the CPU."}}}
    end
    return {confidence = 0.62,
      why = "bitsandbytes saw no CUDA device (or no CUDA build of torch) and fell back to its CPU library.",
      fixes = {
        {install = "torch",
          say = "Make torch see the GPU first: install its CUDA build, and look at torch.cuda.is_available()."},
               {install = "bitsandbytes", say = "Then a current bitsandbytes."},
               {driver = "upgrade",
                 say = "If torch has CUDA and still sees no device, the driver or the container's GPU access is "
                   .. "missing."}}}
  end,
  doc = {looks = "'compiled without GPU support', 'No GPU found. A GPU is needed for quantization'.",
    check = "torch.cuda in the report; is the GPU visible in the container?"},
}

rule {
  id = "bnb.cudart-not-found",
  from = {"bitsandbytes"},
  signatures = {
    none = [[CUDA[ _]SETUP: libcudart\.so path is None]],
    not_found = [[(?:CUDA_SETUP: WARNING! )?libcudart\.so not found in any environmental path]],
    not_contain = [=[did not contain (?:\[?['"]?)libcudart\.so]=],
    runtime_symbol = [[undefined symbol: cudaRuntimeGetVersion]],
    could_not = [[(?:CUDA SETUP: )?]] .. any{
      [[Something unexpected happened\. Please compile from source]],
      [[CUDA runtime path not found]],
      [[CUDA SETUP: (?:Problem|WARNING): The main issue seems to be that the main CUDA (?:runtime ]]
        .. [[)?library was not (?:detected|found)]],
    },
    libcuda = any{
      [[CUDA SETUP: (?:(?:WARNING|ERROR)! )?libcuda\.so not found]],
      [[(?:^|found: ?|[!:] )Found no(?:thing| CUDA driver)]],
      [[libcuda\.so(?:\.1)? (?:not found|is not in)]],
    },
    optimizer = [[name 'str2optimizer\w*' is not defined]],
  },
  context = {
    found_later = [[CUDA SETUP: CUDA runtime path found: *\S|CUDA_SETUP: CUDA path found: *\S]],
    loaded = [[CUDA SETUP: Loading binary \S*libbitsandbytes_cuda]],
    symptom = any{
      [[libbitsandbytes_cpu]], [[str2optimizer]], [[cget_col_row_stats]], [[compiled without GPU support]],
      [[CUDA SETUP: CUDA detection failed]], [[CUDA Setup failed]], [[path is None]], [[No GPU detected]],
    },
    required = [[Required library version not found: (?!libbitsandbytes_cpu)]],
    windows = [[(?:[A-Z]:\\[^\n]*bitsandbytes|WindowsPath\()]],
  },
  unless = {"loaded", "required", "windows"},
  facts = {"env.LD_LIBRARY_PATH", "bitsandbytes.version", "torch.cuda"},
  explains = {"bnb.cpu-only", "bnb.binary-missing", "cuda.lib-missing"},
  when = function(f, log)
    -- the runtime is there, the driver's library is not
    local driver_only = log.libcuda and not (log.none or log.not_found or log.runtime_symbol)
    if log.found_later and not driver_only then return nil end
    if log.not_contain and not (log.none or log.not_found or log.runtime_symbol or log.could_not or log.libcuda
      or log.symptom) then
      return nil
    end
    local alone = log.optimizer and not (log.none or log.not_found or log.runtime_symbol or log.not_contain
      or log.could_not)
    if not driver_only then
      return {confidence = alone and 0.6 or 0.88,
        why = "This bitsandbytes looks for libcudart.so itself, on the library path, and did not find it; so it "
          .. "loaded its CPU library, which lacks the GPU functions.",
        fixes = {{prepend = "LD_LIBRARY_PATH", holds = "libcudart.so",
          say = "Put the folder that holds libcudart.so on LD_LIBRARY_PATH."},
                 {install = "bitsandbytes",
                   say = "Or upgrade bitsandbytes: since 0.41 it takes the CUDA version from torch."},
                 {toolkit = "install",
                   say = "Or install a CUDA runtime (conda install cudatoolkit, apt cuda-cudart)."}}}
    end
    local wsl = (f"system.kernel" or ""):match[[(?i)microsoft]]
    return {hit = log.libcuda, confidence = 0.8,
      why = "This bitsandbytes looks for libcuda.so (the driver's library) on the library path and does not find it, "
        .. "so it sees no GPU.",
      fixes = {wsl and {prepend = "LD_LIBRARY_PATH", entry = "/usr/lib/wsl/lib",
        say = "Put the folder of WSL's libcuda.so on LD_LIBRARY_PATH."}
                 or {prepend = "LD_LIBRARY_PATH", holds = "libcuda.so.1",
                   say = "Put the folder that holds libcuda.so on LD_LIBRARY_PATH."},
               {install = "bitsandbytes", say = "Or upgrade bitsandbytes: since 0.41 it asks torch instead."},
               {driver = "upgrade",
                 say = "If there is none: install the driver (on Windows for WSL2), or pass the GPU into the "
                   .. "container."}}}
  end,
  doc = {looks = "'libcudart.so not found in any environmental path', 'libcudart.so path is None'.",
    check = "Where libcudart is, and LD_LIBRARY_PATH. 'CUDA runtime path found' afterwards means it was harmless."},
}

rule {
  id = "bnb.dependency-missing",
  signatures = {
    cannot_open = [[(?<lib>lib(?:cusparse|cublas|cublasLt|cudart|nvJitLink|cusolver|cufft|curand]]
      .. [[|cudnn)\.so[\d.]*): cannot open shared object file]],
    undefined = [[(?:libbitsandbytes_cuda\d+\.so|libcusparse\.so[\d.]*): undefined symbol: ]]
      .. [[(?<symbol>__?nvJitLink\w+|\w+)]],
  },
  context = {
    bnb = [[(?:bitsandbytes|CUDA SETUP|cget_col_row_stats|bnb\.)]],
    other = [[(?:import torch$|libtorch\S*\.so: cannot|flash_attn|vllm/_C|xformers|onnxruntime|llama_cpp|auto_gptq)]],
  },
  all = {"bnb"},
  facts = {"env.LD_LIBRARY_PATH", "bitsandbytes.version", "torch.cuda", "bitsandbytes.needs"},
  explains = {"bnb.cpu-only", "bnb.binary-missing", "cuda.lib-missing"},
  when = function(f, log)
    local hit = log.cannot_open or log.undefined
    local library = log.cannot_open and log.cannot_open.lib
    if log.undefined and log.undefined.symbol:match[=[^c[a-z]]=] then return nil end
    return {hit = hit, confidence = log.other and 0.6 or 0.88,
      why = {"The bitsandbytes library is there, but a CUDA library that it needs cannot be loaded: {lib}.",
        "What it says about compiling from source is beside the point."},
      fixes = {not library and {unset = {"LD_LIBRARY_PATH"},
        say = "Take foreign CUDA libraries off LD_LIBRARY_PATH: they stand before those that torch brings."}
               or f"torch.cuda" and {install = library,
                 say = "Install the package that brings {lib}, in the release that torch asks for."}
               or {prepend = "LD_LIBRARY_PATH", holds = library,
                 say = "Put the folder that holds {lib} on LD_LIBRARY_PATH (pip's nvidia/*/lib, or the toolkit's "
                   .. "lib64)."},
               {install = "torch",
                 say = "Or reinstall torch with its nvidia-* packages, so that the libraries come with it."},
               {toolkit = "install", say = "Or install the CUDA toolkit of that version."}}}
  end,
  doc = {looks = "libcusparse.so.12 (libcublas, libnvJitLink): cannot open shared object file, while bitsandbytes "
    .. "loads.",
    check = "`firstfix libs bitsandbytes`."},
}

rule {
  id = "bnb.too-old",
  specific_over = {"pip.conflict"},
  from = {"hub", "bitsandbytes", "engine", "quantizer"},
  anyone = {attribute = "interpreter", frozenset = "interpreter"},
  signatures = {
    latest = [[requires ]] .. any{
      [[the latest version of]], [[a (?:more )?recent version of]], [[an? updated version of]],
    } .. [[ ?`?bitsandbytes]],
    needs = [[(?:bitsandbytes|`bitsandbytes`)(?: library)?(?: version)? ?(?:>=|>|at least]]
      .. [[|version) ?(?<need>0\.\d+[\d.]*)]],
    minimum = [[(?:minimum|required) (?:bitsandbytes version|version of bitsandbytes) (?:is )?(?<need2>0\.\d+\.\d+)]],
    attribute = any{
      [[module 'bitsandbytes(?:\.nn)?' has no attribute]],
      [[cannot import name '\w+' from 'bitsandbytes]],
      [[__init__\(\) got an unexpected keyword argument '(?:quant_storage|compress_statistics|bnb_4bit_\w+)']],
    },
    frozenset = [['frozenset' object has no attribute 'discard']],
    layer = [['(?:Linear4bit|Linear8bitLt|Params4bit|Int8Params)' object has no attribute ]]
      .. [['(?<member>compute_dtype|compress_statistics|quant_storage|bnb_quantized|blocksize)']],
  },
  context = {
    accelerate = [[(?:requires Accelerate|pip install accelerate)]],
    cpu_torch = [[Torch not compiled with CUDA|\+cpu\b|CUDA available:? False]],
    resolver = [[No matching distribution found for bitsandbytes]],
  },
  unless = {"resolver"},
  facts = {"bitsandbytes.version", "transformers.version", "torch.version", "torch.cuda"},
  when = function(f, log)
    local have, torch = f.pkg"bitsandbytes", f.pkg"torch"
    -- the check also fails without CUDA
    if log.cpu_torch or f"torch.cuda" == false or torch and torch:match[[\+cpu]] then return nil end
    local hit = log.attribute or log.layer or log.needs or log.minimum or log.frozenset or log.latest
    if log.frozenset then
      return {hit = hit, confidence = 0.85,
        why = "bitsandbytes and transformers are of releases that do not fit: an old bitsandbytes integration meets a "
          .. "newer one.",
        fixes = {{install = "bitsandbytes", with = {"accelerate"},
          say = "Upgrade bitsandbytes (and accelerate) to match transformers."}}}
    end
    if have and log.latest and version.matches(have, ">=0.46") then
      return {hit = hit, confidence = 0.5, why = {
        "The message asks for a newer bitsandbytes, but {fact:bitsandbytes.version} "
          .. "is installed.",
        "The check also fails when the process was started before the install, or when torch sees no CUDA device."},
        fixes = {
          {restart = "process", say = "Restart the process (kernel, runtime), so that it sees what is installed now."},
          {install = "torch", say = "Then look whether torch is a CUDA build and sees the GPU."}}}
    end
    return {hit = hit, confidence = hit == log.layer and 0.7 or (have or log.needs or log.attribute) and 0.86 or 0.72,
      why = {"bitsandbytes is older than what the loading library asks for.",
        "Installed is {fact:bitsandbytes.version}."},
      fixes = {{install = "bitsandbytes", say = "Upgrade bitsandbytes, then restart the process."}}}
  end,
  doc = {looks = "'requires the latest version of bitsandbytes'.",
    check = "The same check fails without a CUDA device: torch build and GPU first, then a stale process, then the "
      .. "version."},
}

rule {
  id = "bnb.triton-mismatch",
  signatures = {
    ops = [[No module named 'triton\.ops']],
    perf = [[cannot import name '(?:early_config_prune|estimate_matmul_time)']],
  },
  facts = {"bitsandbytes.version", "python.packages.triton.version"},
  confidence = 0.93,
  why = "This bitsandbytes imports triton.ops, which triton 3.0 and later no longer have.",
  fixes = {
    {install = "bitsandbytes", need = ">=0.45.1",
      say = "Upgrade bitsandbytes to 0.45.1 or later, which does without it."},
    {install = "triton", older = true, say = "Or go back to the triton that this torch was released with."},
  },
  applies = {"torch"},
  check = function(f)
    local b, t = f.pkg"bitsandbytes", f.pkg"triton"
    if not b or not t or version.matches(t, ">=3.2") ~= true or version.matches(b, ">=0.45.1") ~= false
      or version.matches(b, ">=0.41.2") == false then
      return nil
    end
    return {confidence = 0.85,
      why = "bitsandbytes {fact:bitsandbytes.version} imports triton.ops, which this triton does not have."}
  end,
  doc = {looks = "No module named 'triton.ops'.", check = "Versions of bitsandbytes and triton."},
}
