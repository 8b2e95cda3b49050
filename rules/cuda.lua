-- CUDA libraries and toolkits: missing, in the wrong version, or found first in the wrong place; run-time compilers.

-- What was built for a CUDA toolkit of the system and asks for its libraries by itself.
local FRAMEWORKS = {tensorflow = "tensorflow", tensorflow_core = "tensorflow", mxnet = "mxnet", cupy = "cupy",
  jaxlib = "jaxlib", paddle = "paddlepaddle-gpu", detectron2 = "detectron2", mmcv = "mmcv", dgl = "dgl"}

rule {
  id = "cuda.lib-missing",
  from = {"native", tf_dlopen = {"framework"}},
  anyone = {dll = "loader", load = "loader", nvrtc = "loader", shared = "loader"},
  signatures = {
    shared = [[(?<lib>lib(?:cudart|cublas|cublasLt|cudnn\w*|cusparse|cusparseLt|cusolver|cufft|curand]]
      .. [[|nvrtc(?:-builtins)?|nvJitLink|nccl|cupti|nvToolsExt|nvinfer\w*|nvonnxparser|cufile|cudss]]
      .. [[|nvshmem\w*|cuda_nvrtc|npp(?:c|s|i\w{1,4})|nvjpeg)[\w.-]*\.so[\d.]*): cannot open shared object file]],
    load = any{
      [[Could not load (?:dynamic )?library]],
      [[Unable to load any of]],
      [[Failed to load library]],
      [[Could not locate]],
    } .. [[ \{?['"]?(?<lib2>lib(?:cudart|cublas|cublasLt|cudnn\w*|cusparse|cusolver|nvrtc|nccl|nvinfer)[\w.]*)]],
    nvrtc = any{
      [[nvrtc: error: failed to open (?<lib3>libnvrtc-builtins\.so[\d.]*)]],
      [[Failed to dlopen (?<lib4>lib\w+\.so[\d.]*)]],
    },
    dll = [[(?:Could not (?:locate|load library)|Error loading|Library) ['"]?(?<lib5>(?:lib)?(?:cudnn|cublas]]
      .. [[|cudart|zlibwapi)\w*(?:\.dll|\.so[\d.]*)?)['"]?]] .. any{
      [[ is not found]],
      [[ not found]],
      [[\. Error code 126]],
      [[\. Please make sure it is in your library path]],
    },
    tf_dlopen = [[Cannot dlopen some GPU libraries]],
    onnx = any{
      [[Failed to create CUDAExecutionProvider]],
      [[Failed to load library libonnxruntime_providers_cuda\.so[^\n]*: (?<lib6>lib\w+\.so[\d.]*)]],
    },
  },
  context = {
    driver_inside = [[Could not load library \S+ Error: libcuda\.so(?:\.1)?: cannot open]],
    bnb = [[(?:bitsandbytes|CUDA SETUP|Required library version)]],
    tf = [[(?:tensorflow/|TF-TRT|dso_loader|Cannot dlopen some GPU libraries)]],
    plugin = [[NET/Plugin]],
    torch_cuda = [[libtorch_cuda\S*\.so: cannot]],
    no_python = [[ai\.onnxruntime\.|Microsoft\.ML\.OnnxRuntime]],
    whisper = any{
      [[ctranslate2]], [[faster[-_]whisper]], [[whisperx]], [[Processing audio with duration]], [[Detected language]],
      [[Performing transcription]], [[pyannote]],
    },
  },
  unless = {"plugin"},
  facts = {"torch.version", "torch.cuda", "env.LD_LIBRARY_PATH", "cuda.toolkit.version"},
  when = function(f, log)
    if log.tf_dlopen and not (log.shared or log.load) then
      if log.tf_dlopen.event.progress then return nil end
      return {hit = log.tf_dlopen, confidence = 0.7,
        title = "TensorFlow finds no CUDA libraries and leaves the GPU unused", why = "TensorFlow sees the GPU and "
          .. "cannot load the CUDA libraries that it was built for (TF_CPP_MAX_VLOG_LEVEL=3 names them), so it "
          .. "computes on the CPU.",
        fixes = {{install = "tensorflow", extra = "and-cuda", say = "Install TensorFlow with its own CUDA libraries."},
          {host = true, kind = "env:LD_LIBRARY_PATH", say = "Or put the folders of CUDA and cuDNN on LD_LIBRARY_PATH."},
          {toolkit = "install", say = "Or install the CUDA and cuDNN that this TensorFlow names."}}}
    end
    if log.driver_inside then -- the library is there; what it opens in turn is the driver's
      return {hit = log.load or log.driver_inside, confidence = 0.74, title = "the driver's library is not found",
        why = "The library that is named is there; what it opens in turn, the driver's libcuda, is not found: no "
          .. "GPU was "
          .. "passed into the container, or only libcuda.so.1 is there and not the name without a number.",
        fixes = {{prepend = "LD_LIBRARY_PATH", entry = "/usr/lib/x86_64-linux-gnu", say = "Put the folder of the "
          .. "driver's "
          .. "libcuda on the library path (under WSL /usr/lib/wsl/lib), and link libcuda.so to libcuda.so.1 there "
          .. "where "
          .. "it lacks."}, {container = "gpus", say = "Or, in a container without the GPU, start it with it."}}}
    end
    local hit = log.shared or log.nvrtc or log.load or log.dll or log.onnx
    local lib = hit.lib or hit.lib2 or hit.lib3 or hit.lib4 or hit.lib5 or hit.lib6 or "a CUDA library"
    if log.tf and not log.shared then return nil end
    if hit.text:match[[Error: libcuda\.so(?:\.1)?: cannot open]] then
      return {hit = hit, confidence = 0.7, title = "the driver's library libcuda is not found",
        why = "What is asked for is there; it asks in turn for libcuda, which belongs to the driver.",
        fixes = {{container = "gpus", say = "Start the container with the GPU, which brings the driver's libraries."},
          {host = true, kind = "env:LD_LIBRARY_PATH",
            say = "If nvidia-smi works there: make a link libcuda.so beside libcuda.so.1, on the loader's path."}}}
    end
    local frames = ""
    for _, e in pairs(log.events.list) do
      for _, frame in ipairs(e.frames or {}) do frames = frames .. frame.file .. "\n" end
    end
    local from = hit.text:match[=[([^\s:'"]+\.so[\w.]*): ?(?:lib|undefined)]=]
      or frames:match[=[(?:site|dist)-packages/(?!torch/|importlib|transformers/)([A-Za-z0-9_]+)/[^\n]*\n?$]=]
    local major = lib:match[[\.so\.(\d+)]]
    local base = lib:match[[^lib([A-Za-z]+)]] or lib:match[[^(cudnn|cublasLt|cublas|cudart|nvrtc|cufft)]]
    local torch_cuda = f"torch.cuda"
    local other_major = major and type(torch_cuda) == "string" and (base == "cudart" or base == "cublas"
      or base == "cublasLt") and major ~= torch_cuda:match[[^(\d+)]]
    local extension = hit.text:match(any{
      [[flash_attn]], [[vllm]], [[xformers]], [[sgl_kernel]], [[deep_gemm]], [[auto_gptq]], [[llama_cpp]], [[exllama]],
      [[awq]], [[apex]], [[mamba]], [[deepspeed]], [[common_ops]],
    }) or other_major
    local fixes = {}
    local soname = lib:match[[^lib\w+]] and lib or base and "lib" .. base .. ".so" .. (major and "." .. major or "")
    -- its package is numbered like the library
    local cudnn_release = base == "cudnn" and math.tointeger(tonumber(major or lib:match[[_(8)\b]]))
    local pip = soname and {install = soname, need = cudnn_release and (">=%d,<%d"):format(cudnn_release,
      cudnn_release + 1) or nil, say = "Install the package that brings it"
        .. (f.pkg"torch" and ", in the release that torch asks for." or ".")}
    if base == "nvinfer" or base == "nvonnxparser" then
      pip = {install = "tensorrt", need = major and ("==%s.*"):format(major) or nil,
        say = "Install the TensorRT that brings it."}
    end
    local say = "If it is installed already, put the folder of " .. lib .. " on LD_LIBRARY_PATH."
    local path = lib:match[[^lib[\w.-]+\.so\.\d[\d.]*$]] and {prepend = "LD_LIBRARY_PATH", holds = lib, say = say}
      or {host = true, kind = "env:LD_LIBRARY_PATH", say = say}
    local asker = frames:match[=[packages[/\\](\w+)[/\\][^\n]*\n?$]=]
    local asks = type(extension) == "string" and know.distribution(extension) or FRAMEWORKS[asker] or "torch"
    local old = base ~= "cudnn" and soname and tonumber(lib:match[[\.so\.(\d+\.\d+)]] or "")
    local toolkit = {toolkit = "install", need = old and old < 11 and lib:match[[\.so\.(\d+\.\d+)]] or nil,
      say = "Install the CUDA toolkit (and cuDNN) of that version."}
    local reinstall = {install = asks, fresh = true, say = other_major
      and ("The program that asks was built for CUDA %s, torch here is for CUDA %s: install builds of one CUDA "
        .. "version."):format(major, torch_cuda)
      or "Reinstall what asks for it, in the build for this torch's CUDA."}
    local onnx = log.onnx and {install = "onnxruntime-gpu", extra = "cuda,cudnn",
      need = type(torch_cuda) == "string" and know.onnxruntime(torch_cuda) or nil,
      effect = {["python.unloadable"] = {}, ["workdir.libraries"] = {}},
      say = "Install onnxruntime-gpu with the CUDA libraries it asks for, and call onnxruntime.preload_dlls() (or "
        .. "import torch) before the first session."}
    -- a program of its own: pip's folders are not on its loader's path
    if hit.text:match[[error while loading shared libraries]] or log.no_python then fixes = {path}
    elseif onnx then fixes = {onnx, pip or path, path} elseif toolkit.need then fixes = {toolkit, reinstall, path}
    elseif other_major then fixes = {reinstall, pip or path,
      path} else fixes = {pip or reinstall, reinstall, path} end
    local cudnn = base == "cudnn" and log.whisper and lib:match[=[(?:so\.|_)([89])]=]
    local torch8 = cudnn == "9" and version.matches(f.pkg"torch" or "", "<2.4") == true -- brings cuDNN 8
    if cudnn then
      table.insert(fixes, torch8 and 1 or 2, cudnn == "9"
        and {install = "ctranslate2", need = "<4.5",
          say = "Or stay with cuDNN 8: ctranslate2 4.4 is the last release built for it."}
        or {install = "ctranslate2", need = ">=4.5",
          say = "Or upgrade ctranslate2: from 4.5 on it takes cuDNN 9, which torch 2.4 and later bring."})
    end
    if not toolkit.need then table.insert(fixes, log.no_python and 1 or #fixes + 1, toolkit) end
    return {hit = hit, confidence = log.bnb and 0.6 or 0.88,
      why = {lib .. " cannot be loaded: it is not installed, or not where the loader looks.",
        "torch is {fact:torch.version}."}, fixes = fixes}
  end,
  doc = {looks = "libcudart.so.12: cannot open shared object file, libcudnn.so.9, libnvrtc-builtins.",
    check = "`firstfix libs FILE.so`: what is needed, what would be chosen."},
}

-- Wheels of two CUDA releases that unpack into one folder: the one that came last has overwritten the other.
local function overwritten(f, symbol)
  for _, name in ipairs{"nccl", "cudnn", "cublas", "cusparse", "nvjitlink"} do
    if symbol:match("(?i)^_*" .. name) then
      local old, new = ("nvidia-%s-cu11"):format(name), ("nvidia-%s-cu12"):format(name)
      if f.pkg(old) and f.pkg(new) then return old, new end
    end
  end
end

-- Off the path where something stands on it; else the wheel that does not go with torch.
local function conflict_fixes(f, log)
  local path = f.env"LD_LIBRARY_PATH"
  local off = {unset = {"LD_LIBRARY_PATH"},
    say = "Take the foreign CUDA folders off LD_LIBRARY_PATH, so that the libraries that came with torch are used."}
  local torch_cuda = f"torch.cuda"
  local major = type(torch_cuda) == "string" and torch_cuda:match[[^\d+]] or "12"
  local wheel = {install = log.nccl_symbol and "libnccl.so.2" or "libnvJitLink.so." .. major,
    say = "Install it in exactly the version that this torch asks for (pip check)."}
  local again = {install = "torch", fresh = true, say = "Or lay torch down anew, with what it depends on."}
  if path == false then return {wheel, again} end
  return {off, wheel, again}
end

rule {
  id = "cuda.lib-missing/jit",
  title = "the part of the driver that compiles PTX is missing",
  from = {"native"},
  anyone = "code",
  signatures = {code = codes"cuda.lib-missing"},
  facts = {"system.container.runtime", "env.NVIDIA_DRIVER_CAPABILITIES"},
  confidence = 0.82,
  when = function(f)
    local inside = f"system.container.runtime"
    local give = {container = "capabilities", say = "Give the container the driver's compute part: the JIT compiler "
      .. "belongs to it."}
    local match = {driver = "match", say = "Install the driver's libraries anew, all of one version "
      .. "(libnvidia-ptxjitcompiler is in libnvidia-compute)."}
    return {why = "The program carries PTX, which the driver has to compile for this GPU, and the driver's library for "
        .. "that, libnvidia-ptxjitcompiler, is not found beside libcuda.",
      fixes = inside == false and {match} or {give, match}}
  end,
  doc = {looks = "CUDA error: PTX JIT compiler library not found (221).",
    check = "ldconfig -p | grep ptxjitcompiler, where the program runs."},
}

rule {
  id = "cuda.lib-conflict",
  from = {"native", jax = {"jax"}, jax_stub = {"jax", "framework", "native"}, myelin = {"tensorrt"}},
  anyone = {nccl_symbol = "loader", nvjitlink = "loader", symbol_version = "loader", version = "loader"},
  signatures = {
    nvjitlink = [=[(?<file>[^\s:'"]+\.so[\d.]*): undefined symbol: (?<symbol>_{0,2}(?:nvJitLink|nvrtc|cublas|]=]
      .. [=[cublasLt|cusparse|cusolver|cufft|curand|cudnn|nccl|cuda)[A-Za-z]\w*)(?:, version (?<version>\S+))?]=],
    version = [=[(?<file2>[^\s:'"]+lib(?:cudart|cublas|cublasLt|cudnn|cusparse|nvJitLink|nvrtc|nccl|cufft|]=]
      .. [=[cusolver)[\w.]*): version [`'"](?<version2>[^'"`]+)['"`] not found]=],
    symbol_version = [[symbol (?<symbol2>\w+),? version (?<version3>\S+) not defined in file (?<lib>lib(?:cu|]]
      .. [[nv)\w+\.so[\d.]*)]],
    nccl_symbol = [[undefined symbol: (?<symbol3>nccl(?:CommRegister|CommWindow\w*|MemAlloc|CommSplit|]]
      .. [[CommInitRankConfig|\w+))]],
    jax_stub = [[There was an error before creating \w+ handle \(30[123]\)]],
    jax = [[Unable to load (?<jax>cuSPARSE|cuBLAS|cuDNN|cuSOLVER|cuFFT|CUPTI|cuda runtime)\. Is it installed\?]],
    myelin = [[Compiled against (?<built>cu\w+ [\d.]+) but running against (?<found>cu\w+ [\d.]+)]],
    multiple = [[(?:Multiple (?:CUDA|cuDNN|libcudart) (?:versions|libraries)|]]
      .. [[two different versions of lib(?:cudart|cudnn))]],
    cublas_lt = [[(?:(?:CUBLAS_STATUS_NOT_INITIALIZED|CUBLAS_STATUS_INVALID_VALUE|]]
      .. [[CUBLAS_STATUS_INTERNAL_ERROR) when calling `?cublas(?:GemmEx|LtMatmul|SgemmStridedBatched|Sgemm)|]]
      .. [[CUSOLVER_STATUS_INTERNAL_ERROR)]],
  },
  context = {
    cudnn_version = [[cuDNN version incompatibility]],
    driver = [[driver version is insufficient]],
    assert_seen = [[(?:device-side assert|srcIndex|index out of)]],
    bnb = [[libbitsandbytes]],
  },
  unless = {"cudnn_version"},
  facts = {"env.LD_LIBRARY_PATH", "torch.version", "torch.cuda", "cuda.conflicts"},
  explains = {"ext.abi-mismatch", "cuda.lib-missing"},
  when = function(f, log)
    local hit = log.nvjitlink or log.version or log.symbol_version or log.nccl_symbol or log.myelin or log.multiple
    if not hit and log.jax_stub then
      return {hit = log.jax_stub, confidence = 0.74, why = "XLA found no usable CUDA runtime: the library is not "
        .. "there, or another release of it was found first, in which the functions that it asks for do not exist.",
        fixes = {{unset = {"LD_LIBRARY_PATH"}, say = "Start once without LD_LIBRARY_PATH."},
          {install = "jax", extra = "cuda12", say = "Or reinstall JAX with its CUDA libraries."}}}
    end
    if not hit and log.jax then
      return {hit = log.jax, confidence = 0.66, why = {"JAX finds no usable {jax}: mostly LD_LIBRARY_PATH puts a "
        .. "toolkit's libraries before those that came with its wheels.",
        "LD_LIBRARY_PATH is {fact:env.LD_LIBRARY_PATH}."},
        fixes = {{unset = {"LD_LIBRARY_PATH"}, say = "Start once without LD_LIBRARY_PATH."},
          {install = "jax", extra = "cuda12", say = "Or reinstall JAX with its CUDA libraries."}}}
    end
    if not hit then
      if log.assert_seen then return nil end
      return {hit = log.cublas_lt, confidence = 0.5, why = "cuBLAS fails in its first product: a bad index or too "
        .. "little memory just before, or a foreign cuBLAS that was loaded first.",
        fixes = {{unset = {"LD_LIBRARY_PATH"}, say = "Rule out a foreign library: start once without LD_LIBRARY_PATH."},
          {code = true, say = "Then run once with CUDA_LAUNCH_BLOCKING=1: an index out of range shows itself there."}}}
    end
    local old, new = overwritten(f, hit.symbol or hit.symbol3 or "")
    if old then
      return {hit = hit, confidence = 0.9, fixes = {{install = new, fresh = true, kind = "pip:" .. new,
          say = ("Uninstall %s, then lay %s down anew."):format(old, new)}},
        why = ("%s and %s unpack into the same folder, and the older library is the one that lies there."):format(old,
          new)}
    end
    local driver_symbol = hit.symbol and hit.symbol:match[=[^cuda?[A-Z]]=] and hit.text:match[[libcuda\.so]]
    return {hit = hit, confidence = 0.9,
      why = {"A CUDA library of another version was loaded first: a symbol that the caller was built with is not in "
        .. "it.", "LD_LIBRARY_PATH is {fact:env.LD_LIBRARY_PATH}.", driver_symbol
            and "The library is the driver's own." or nil},
      fixes = conflict_fixes(f, log)}
  end,
  doc = {looks = "undefined symbol: __nvJitLinkComplete_12_4, version libcudnn... not found, ncclCommRegister.",
    check = "cuda.conflicts and cuda.libraries[].chosen_by in the report; LD_LIBRARY_PATH."},
}

rule {
  id = "cudnn.mismatch",
  from = {"native"},
  signatures = {
    incompatibility = [[cuDNN version incompatibility: PyTorch was compiled\s+against \((?<built>[\d, ]+)\) but ]]
      .. [[found runtime version \((?<found>[\d, ]+)\)]],
    loaded = [[Loaded runtime CuDNN library: (?<found2>[\d.]*\d) but source was compiled with: (?<built2>[\d.]*\d)]],
    sublibrary = codes"cudnn.mismatch" .. [[|(?:CUDNN_STATUS_VERSION_MISMATCH|]]
      .. [[Could not load library libcudnn_\w+\.so[\d.]*|cudnn\w*: (?:version )?mismatch)]],
  },
  context = {thirteen = [[(?:cuda13|cu13\b)]]},
  facts = {"env.LD_LIBRARY_PATH", "torch.cudnn", "torch.version"},
  specific_over = {"cuda.lib-conflict", "cuda.lib-missing"},
  confidence = 0.93,
  when = function(f, log)
    local absent = log.sublibrary and log.sublibrary.text:match[[: cannot open shared object file]]
    if absent and not (log.incompatibility or log.loaded) then return nil end -- not there at all: cuda.lib-missing
    local preload = f.env"LD_PRELOAD"
    if type(preload) == "string" and preload:match[[libcudnn]] then
      return {evidence = {"env.LD_PRELOAD"}, fixes = {{unset = {"LD_PRELOAD"},
        say = "Take the other cuDNN out of LD_PRELOAD; torch brings its own."}}}
    end
    local m = log.loaded -- XLA and TensorFlow: they ask for one of the same major release that is not older
    local path = f.env"LD_LIBRARY_PATH"
    if m and version.cmp(m.found2, m.built2) == -1 and (type(path) ~= "string" or path == "") then
      local need = m.built2:match[[^(\d+\.\d+)]]
      local major, minor = tonumber(need:match[[^\d+]]), tonumber(need:match[[\d+$]])
      local below = ("<%d"):format(major + 1)
      local wheel = "nvidia-cudnn-cu" .. (log.thirteen and 13 or (major == 8 and minor < 9) and 11 or 12)
      return {confidence = 0.88, why = "The cuDNN that was loaded ({found2}) is older than the one that this program "
        .. "was built with ({built2}): another package's pin or a copy of the system stands first.",
        fixes = {major < 8 and {conda = "cudnn", need = ">=" .. need .. "," .. below,
            say = "Put that cuDNN, or a later one of the same major release, in front: conda's, or NVIDIA's archive."}
          or {install = wheel, need = ">=" .. need .. "," .. below,
          say = "Upgrade cuDNN to the one that it was built with, or a later one of the same major release.",
          side_effects = {"A torch in the same environment pins another cuDNN: give the two environments of their own "
            .. "then."}},
          {unset = {"LD_LIBRARY_PATH"}, say = "If a system's copy stands on LD_LIBRARY_PATH: take its folder off."}}}
    end
    return true
  end,
  why = {"The cuDNN that was loaded is not the one that this torch (or program) was built with: another copy "
    .. "stands first on the library path.", "Built against {built}, found {found}.",
    "Built against {built2}, found {found2}."},
  fixes = {
    {unset = {"LD_LIBRARY_PATH"}, say = "Take the folder with the other cuDNN off LD_LIBRARY_PATH; torch brings "
      .. "its own."},
    {install = "torch", fresh = true, kind = "pip:nvidia-cudnn",
      say = "Or lay torch down anew, with the cuDNN that it asks for."},
  },
  doc = {looks = "'cuDNN version incompatibility: PyTorch was compiled against ... but found runtime version'.",
    check = "Which libcudnn is chosen (firstfix report --only cuda)."},
}

rule {
  id = "cuda.nvcc-missing",
  from = {"torch", "compiler", "installer", "shell", "hub", "kernels", "framework", "other",
    could_not = {"shell", "compiler", "installer", "torch", "kernels", "engine", "hub", "other", "framework"}},
  anyone = {nvcc_file = "system"},
  signatures = {
    nvcc_file = [=[No such file or directory: ['"](?<path>[^'"\n]*nvcc)['"]]=],
    nvcc_list = [=[(?<list>[^\s'"]*:[^\s'"]*/bin/nvcc)['"]?(?:: not found|: No such file| failed)]=],
    could_not = [[(?:nvcc binary could not be located|(?:sh|]]
      .. [[bash): (?:line )?(?:\d+: )?\S*nvcc: (?:command )?not found|Could not find nvcc|]]
      .. [[nvcc (?:was )?not found|nvcc: (?:command )?not found|Unable to find nvcc|nvcc compiler not found|]]
      .. [[No CUDA compiler|Failed to find nvcc|Could not find `?nvcc`?)]],
    cuda_home = [[(?:CUDA_HOME (?:environment variable )?(?:is not set|does not exist|not found)|]]
      .. [[CUDA_HOME environment variable is not set|Please set it to your CUDA install root|]]
      .. [[Cannot find CUDA_HOME|CUDA_HOME does not exist|unable to find CUDA_HOME)]],
    cmake = [[(?:No CMAKE_CUDA_COMPILER could be found|Failed to find nvcc|CMAKE_CUDA_COMPILER-NOTFOUND|]]
      .. [[Could NOT find CUDA|Could not find CUDAToolkit|CUDA Toolkit not found)]],
    nvcc_required = [[(?:nvcc is (?:required|needed)|requires nvcc|CUDA toolkit is required|]]
      .. [[FlashAttention[^\n]*requires nvcc)]],
    headers = [[fatal error: (?<header>cuda_runtime(?:_api)?\.h|cuda\.h|cublas_v2\.h|cusparse\.h|cusolverDn\.h|]]
      .. [[nv/target|curand_kernel\.h|cuda_fp16\.h|cuda_bf16\.h|cuda_profiler_api\.h|curand\.h|cublasLt\.h|]]
      .. [[nvrtc\.h|nvToolsExt\.h|cub/\S+|thrust/\S+)["']?: No such file]],
    cuda_path = [[(?:bare_metal_version|raw_output)[^\n]*(?:None|NoneType)|]]
      .. [[unsupported operand type\(s\) for \+: 'NoneType' and 'str']],
  },
  context = {
    present = [[(?:nvcc: NVIDIA \(R\) Cuda compiler driver|Cuda compilation tools, release (?<release>[\d.]+))]],
    harmless = [[(?:WARNING|Warning)[^\n]*(?:CUDA_HOME|nvcc)]],
    deepspeed_report = [[DeepSpeed C\+\+/CUDA extension op report]],
  },
  unless = {"deepspeed_report"},
  facts = {"cuda.toolkit.version", "env.CUDA_HOME", "torch.cuda"},
  explains = {"pip.broken-install"},
  when = function(f, log)
    local hit = log.nvcc_list or log.nvcc_file or log.could_not or log.cuda_home or log.headers or log.cmake
      or log.nvcc_required
    local home = f.env"CUDA_HOME"
    if not hit then
      if not log.cuda_path.event.tier or log.cuda_path.event.tier < 4
        or not log.has_frame[[setup\.py|cpp_extension|build]] then return nil end
      hit = log.cuda_path
    end
    local path = log.nvcc_list and log.nvcc_list.list or log.nvcc_file and log.nvcc_file.path or ""
    if path:match[[:]] or type(home) == "string" and home:match[[:]] then
      return {hit = hit, confidence = 0.93, why = "CUDA_HOME is a list with colons (" .. (path ~= "" and path or home)
        .. "); it must be one folder. nvcc itself may well be there.",
        fixes = {{set = {CUDA_HOME = f"cuda.toolkit.path" or path:match[=[(/[^:]+)/bin/nvcc$]=] or "/usr/local/cuda"},
          say = "Set CUDA_HOME to the one toolkit folder."}}}
    end
    if log.present or f"cuda.toolkit.version" then
      return {hit = hit, confidence = 0.72, why = {"nvcc is installed, but the process does not find it: CUDA_HOME "
        .. "or PATH of that process point elsewhere.", "CUDA_HOME is {fact:env.CUDA_HOME}."},
        fixes = {{set = {CUDA_HOME = f"cuda.toolkit.path" or "/usr/local/cuda"},
            say = "Set CUDA_HOME (and PATH) in the environment of the process that builds."},
          {code = true, kind = "pip-downgrade:package", say = "If it is set: another release of the package that "
            .. "searches."}}}
    end
    local cu = f"torch.cuda"
    return {hit = hit, confidence = 0.9, why = {"Something is compiled at install or run time, and there is no "
      .. "CUDA compiler (nvcc, CUDA_HOME) here.", "It should be of torch's CUDA version, {fact:torch.cuda}."},
      fixes = {{toolkit = "install", need = type(cu) == "string" and cu or "torch",
          say = ("Install the CUDA toolkit%s (or use a -devel image)."):format(type(cu) == "string" and " " .. cu
            or "")},
        {code = true, kind = "env:CUDA_HOME", say = "If one is installed: point CUDA_HOME at it."},
        {code = true, kind = "pip:package", say = "Or install a prebuilt wheel, so that nothing is compiled."}}}
  end,
  doc = {looks = "'CUDA_HOME environment variable is not set', No such file or directory: 'nvcc'.",
    check = "ls $CUDA_HOME/bin/nvcc; a colon in CUDA_HOME."},
}

-- "compute_120a" of nvcc's refusal: the toolkit that compiles for it, where the one that is here is too old.
local function toolkit_for(arch)
  local major, minor, kind = (arch or ""):match[[^(?:compute|sm)_(\d+)(\d)([af]?)$]]
  local first, last = know.arch_cuda(major and major .. "." .. minor or "")
  local least = kind == "f" and "12.9" or kind == "a" and "12.0" -- the first with targets of that kind
  if first and first ~= "" and least and version.cmp(first, least) == -1 then first = least end
  return first ~= "" and not last and first or nil, last
end

rule {
  id = "cuda.toolkit-mismatch",
  from = {"torch", "compiler", "installer", "kernels", "hub", "engine"},
  signatures = {
    detected = [[The detected CUDA version \((?<have>[\d.]+)\) mismatches the version that was used to compile]]
      .. [[(?:\s+PyTorch \((?<want>[\d.]+)\))?]],
    as_tuple = [[The detected CUDA version \(%s\) mismatches[^\n]*', ]]
      .. [['(?<have6>[\d.]+)', '(?<want6>[\d.]+)'\)]], -- raised with its values beside the text
    wanted = [[^\s*PyTorch \((?<want2>[\d.]+)\)\. Please make sure to use the same CUDA]],
    minor = [[(?:Cuda extensions are being compiled with a version of Cuda that does not match|]]
      .. [[CUDA version mismatch|Pytorch binaries were compiled with Cuda)]],
    requires_newer = [[(?:SM (?<sm>\d+\.\w) requires CUDA >= (?<need>[\d.]+)|requires CUDA (?:version )?(?:>=|]]
      .. [[at least|of at least) ?(?<need2>\d+\.\d+)|is only supported on CUDA (?<need3>[\d.]+) and above|]]
      .. [[nvcc (?:version )?(?:must be|>=) ?(?<need4>\d+\.\d+))]],
    unsupported_arch = [[(?:nvcc fatal\s*: Unsupported gpu architecture '(?<arch>compute_\w+|sm_\w+)'|]]
      .. [[Unknown CUDA arch \((?<arch2>[\w.+]+)\) or GPU not supported|Unsupported gpu architecture|]]
      .. [[nvcc fatal\s*: Value '(?<arch>compute_\w+|sm_\w+|native)' is not defined for option 'gpu-arch)]],
    installed_cuda = [[Installed CUDA version (?<have5>[\d.]+) does not match the version torch was compiled with ]]
      .. [[(?<want5>[\d.]+)]],
  },
  facts = {"cuda.toolkit.version", "torch.cuda", "env.CUDA_HOME"},
  explains = {"vllm.arg-unsupported"},
  confidence = 0.92,
  when = function(f, log)
    local hit = log.detected or log.as_tuple or log.installed_cuda or log.requires_newer or log.unsupported_arch
      or log.minor
    if not hit then return nil end -- the end of a message alone
    local first, last = toolkit_for(hit == log.unsupported_arch and hit.arch)
    local want = hit.want or hit.want6 or log.wanted and log.wanted.want2 or hit.want5 or f"torch.cuda" or first or last
    local known = type(want) == "string"
    local fixes = {known and {set = {CUDA_HOME = "/usr/local/cuda-" .. want},
        say = ("If a toolkit %s is installed, point CUDA_HOME and PATH at it."):format(want)}
        or {code = true, kind = "env:CUDA_HOME", say = "If a toolkit of torch's CUDA version is installed, point "
          .. "CUDA_HOME at it."},
      {toolkit = "install", need = known and want or "torch",
        say = "Install the toolkit of that CUDA beside the other one."},
      {code = true, kind = "pip:torch", say = "Or install a torch built for the toolkit that is here."}}
    if log.detected or log.as_tuple or log.unsupported_arch or not known then
      fixes[1], fixes[2] = fixes[2], fixes[1]
    end
    return {hit = hit, why = {"The CUDA toolkit that compiles is not the one this torch was built with (or is too "
      .. "old for this GPU).", "Toolkit {fact:cuda.toolkit.version}, torch for CUDA {fact:torch.cuda}.",
      "Found {have}, torch was built with {want}.",
      "Found {have6}, torch was built with {want6}.", "Found {have}, torch was built with {want2}."}, fixes = fixes}
  end,
  doc = {looks = "'The detected CUDA version (11.8) mismatches the version that was used to compile PyTorch "
    .. "(12.1)', 'Unsupported gpu architecture'.", check = "nvcc --version, CUDA_HOME, torch.version.cuda."},
}

-- Newer triton has a variable of its own for Blackwell.
local function ptxas_of(f)
  local path = (f"cuda.toolkit.path" or "/usr/local/cuda") .. "/bin/ptxas"
  local cc = f.capabilities()[1]
  local blackwell = cc and version.cmp(cc, "10.0") ~= -1
  return {TRITON_PTXAS_PATH = path, TRITON_PTXAS_BLACKWELL_PATH = blackwell and path or nil}
end

rule {
  id = "triton.compile",
  from = {"compiler", "torch", "engine"},
  signatures = {
    no_cc = [[(?:Failed to find C compiler\. Please specify via CC|RuntimeError: Failed to find C compiler)]],
    python_h = [[(?:fatal error: Python\.h: No such file|include file 'Python\.h' not found)]],
    gcc_failed = [[(?:(?:subprocess\.)?CalledProcessError: Command '\[?'?(?:/usr/bin/)?(?:x86_64-linux-gnu-)?(?:gcc|]]
      .. [[cc|clang)[^\n]*(?:triton|cuda_utils|__triton_launcher|torchinductor|/tmp/tmp)[^\n]*|]]
      .. [[returned non-zero exit status 1[^\n]*(?:cuda_utils|triton_launcher))]],
    msvc = [[Command '\['[^\n]*\\cl\.exe'[^\n]*(?:triton|cuda_utils|main\.c|]]
      .. [[__triton_launcher)[^\n]*returned non-zero exit status]],
    libcuda = [[(?:cannot find -lcuda\b|libcuda\.so cannot found|AssertionError: libcuda\.so cannot found)]],
    ptxas = [[(?:ptxas (?:fatal|error)[^\n]*|PTXAS error|Internal Triton PTX codegen error|`ptxas` (?:stderr|]]
      .. [[failed)|Cannot find ptxas)]],
    inductor = [[(?:torch\._inductor\.exc\.\w+: (?:CppCompileError|RuntimeError: Failed to find C compiler|]]
      .. [[InvalidCxxCompiler|FileNotFoundError)|InvalidCxxCompiler: No working C\+\+ compiler found|]]
      .. [[RuntimeError: Compiler: \S+ is not found|]]
      .. [[BackendCompilerFailed: backend='inductor' raised:)]],
    no_triton = [[(?:Cannot find a working triton installation|TritonMissing|Triton is not available|]]
      .. [[torch\._inductor\.exc\.TritonMissing)]],
    llvm = [[(?:LLVM ERROR: Cannot select|triton[^\n]*(?:unsupported|not supported) (?:target|arch)|]]
      .. [['sm_\w+' is not a recognized processor)]],
    pass = [[PassManager::run failed]],
    gpu_old = [[Found \S[^\n]*which is too old to be supported by the triton GPU compiler]],
  },
  context = {too_old = [[(?:Feature|Instruction) '[^']+' (?:with [^\n]{0,40} )?requires \.target sm_\d+ or higher]],
    lacks = [[Feature '[^']+' (?:with [^\n]{0,80} )?not supported on \.target 'sm_\d+\w?']],
    own_h = [[fatal error: (?:(?<own>(?:stddef|stdarg|stdbool|limits|float|stdint)\.h): No such file|]]
      .. [[cannot execute [`'‘]?(?<own>cc1\w*)['’]?: )]],
    libc_h = [[fatal error: (?<libc>(?:stdlib|stdio|string|assert|errno|unistd|math|features|bits/\S+|]]
      .. [[sys/\S+)\.h): No]],
    cuda_h = [[fatal error: cuda\w*\.h:]],
    embedded = [=[\bpython_embed\w*[\\/]|include file 'Python\.h' not found]=]},
  facts = {"python.packages.triton.version", "gpus.0.compute_capability", "env.TRITON_PTXAS_PATH"},
  explains = {"ext.abi-mismatch", "cuda.nvcc-missing", "pip.module-missing"},
  when = function(f, log)
    if log.pass and not (log.no_cc or log.gcc_failed or log.ptxas) then
      local cc = f.capabilities()[1]
      return {hit = log.pass, confidence = 0.55, title = "triton cannot compile a kernel for this GPU",
        why = {"Triton's compiler gave up on a kernel"
        .. (cc and version.cmp(cc, "8.0") == -1 and ": this GPU is older than what it was written for (bfloat16 "
        .. "and much of newer triton want 8.0)." or "."), "triton is {fact:python.packages.triton.version}."},
        fixes = {{install = "triton", fresh = true, say = "Install the triton that belongs to this torch."},
          {code = true, kind = "param:dtype", say = "On an older GPU: float16 instead of bfloat16, or a back end "
            .. "without triton."}}}
    end
    if log.gpu_old then
      return {hit = log.gpu_old, confidence = 0.9, why = "Triton needs compute capability 7.0 or later; "
        .. "torch.compile cannot run on this GPU.", 
        fixes = {{hardware = true, say = "Run without torch.compile (TORCHDYNAMO_DISABLE=1), or use a newer GPU."},
          {set = {TORCHDYNAMO_DISABLE = "1"}, say = "Run without torch.compile."}}}
    end
    if log.msvc then
      return {hit = log.msvc, confidence = 0.85, why = "Triton compiles a small C file at run time with "
        .. "Microsoft's compiler, and that failed: mostly Python's headers and libraries are not there (the "
        .. "embedded Python of portable packages has none), or the compiler's own.",
        fixes = {{install = "triton-windows",
            say = "Upgrade triton-windows to the newest release for this torch, which brings a compiler of its own."},
          {host = true, say = "Put the folders include and libs of the same Python's full installation beside the "
            .. "embedded python.exe; else repair the Visual Studio Build Tools."}}}
    end
    if log.ptxas and log.too_old then return nil end -- the kernel wants a newer GPU: dtype.unsupported
    if log.ptxas and log.lacks and not log.no_cc then
      return {hit = log.lacks, confidence = 0.86, title = "a triton kernel uses what this GPU does not have",
        why = "ptxas knows this GPU, and says that it has no such feature: the kernel was written for GPUs of another "
          .. "kind.",
        fixes = {{code = true, kind = "pip:triton",
            say = "Upgrade the library whose kernel it is, with the triton that it pins: newer releases choose kernels "
              .. "by the GPU."},
          {code = true, kind = "param:attn_implementation", say = "Or switch that kernel off: another backend for "
            .. "attention, experts or quantization."}}}
    end
    if log.ptxas and not log.no_cc then
      return {hit = log.ptxas, confidence = 0.9, why = "The ptxas that triton uses (its own copy) does not know "
        .. "this GPU or this PTX: it is older than the GPU.",
        fixes = {{set = ptxas_of(f), kind = "env:TRITON_PTXAS_PATH",
            say = "Let triton use the ptxas of a CUDA toolkit that knows the GPU."},
          {install = "triton", with = {"torch"}, say = "Or upgrade triton (with torch)."}}}
    end
    local embedded = log.embedded and log.python_h
    if embedded then
      return {hit = embedded, confidence = 0.92, evidence = {log.embedded}, why = "Triton compiles against Python's "
        .. "headers at run time, and Windows' embeddable Python comes without them.",
        fixes = {{code = true, kind = "os", say = "Install the same release of Python with its installer, and copy its "
          .. "folders include and libs beside the python.exe that runs."}}}
    end
    if log.python_h then
      return {hit = log.python_h, confidence = 0.92, why = "Something is compiled against Python's headers (triton and "
        .. "extensions do so at run time), and they are not installed.",
        fixes = {{system = "python3-dev", say = "Install them for the Python that runs."},
          {system = "gcc", say = "And a C compiler."}}}
    end
    if log.libcuda then
      return {hit = log.libcuda, confidence = 0.9, why = "The linker does not find libcuda.so when triton compiles "
        .. "its launcher: the folder of the driver's library is not on its path.", 
        fixes = {{prepend = "LIBRARY_PATH", holds = "libcuda.so", kind = "env:LD_LIBRARY_PATH",
            say = "Put the folder that holds libcuda.so on the linker's path (where there is only libcuda.so.1, link "
              .. "libcuda.so to it)."},
          {install = "triton", say = "Or upgrade triton."}}}
    end
    if (log.no_triton or log.llvm) and not (log.no_cc or log.gcc_failed) then
      if ((log.no_triton or log.llvm).event.tier or 0) < 3 then return nil end -- a notice: it goes on without
      return {hit = log.no_triton or log.llvm, confidence = 0.78,
        why = "torch.compile needs a triton that fits this torch and GPU.", 
        fixes = {{install = "triton", say = "Install the triton that belongs to this torch."}}}
    end
    if log.gcc_failed and (log.libc_h or log.own_h) then
      local header = log.libc_h or log.own_h
      return {hit = header, confidence = 0.9, evidence = {log.gcc_failed},
        title = "triton's C compiler lacks a part of itself",
        why = log.libc_h and "The compiler is there, and the C library's headers are not ({libc}): it was installed "
          .. "without what it recommends."
          or "The compiler does not find a part of its own ({own}): its package is there in part, or another "
          .. "compiler's files come first.",
        fixes = {log.libc_h and {system = "build-essential", kind = "apt:gcc", say = "Install the C library's headers."}
          or {system = "gcc", kind = "apt:gcc", say = "Lay the compiler's packages down whole."}}}
    end
    if log.gcc_failed and not log.no_cc then
      return not log.cuda_h and {hit = log.gcc_failed, confidence = 0.78, title = "triton's C compiler ran and failed",
        why = "Triton compiles a small C file at run time; the compiler is there and failed: mostly Python's headers "
          .. "are not installed, or its linker does not find the driver's libcuda.",
        fixes = {{system = "python3-dev", say = "Install Python's headers."},
          {prepend = "LIBRARY_PATH", holds = "libcuda.so", kind = "env:LD_LIBRARY_PATH",
            say = "Or, where its own lines say 'cannot find -lcuda', put libcuda's folder on the linker's path."}}}
    end
    local hit = log.no_cc or log.inductor
    if hit == log.inductor and log.inductor.text:match[[BackendCompilerFailed]] and not log.no_cc
      and log.inductor.event.message and not log.inductor.event.message:match[[(?i)compiler|gcc|c\+\+]] then
      return nil end
    local cxx = hit == log.inductor -- on a CPU it writes C++
    return {hit = hit, confidence = 0.9, why = ("%s compiles %s code at run time, and no working compiler for it is "
      .. "installed."):format(cxx and "torch.compile" or "Triton or torch.compile", cxx and "C++" or "C"),
      fixes = hit.text:match[[Compiler: cl(?:\.exe)? is not found]] and {{setting = "build-tools", kind = "os",
          say = "Install the Visual Studio Build Tools with the C++ workload, and start in their command prompt."}}
        or {{system = cxx and "g++" or "gcc", kind = "apt:gcc",
          say = ("Install a %s compiler in the image."):format(cxx and "C++" or "C")},
        {system = "python3-dev", say = "Python's headers too."}}}
  end,
  doc = {looks = "'Failed to find C compiler', Python.h: No such file, ptxas fatal.",
    check = "gcc in the image; which ptxas."},
}
