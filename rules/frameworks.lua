-- JAX, TensorFlow, TensorRT, Paddle, numba and CTranslate2 on CUDA: their own wordings of causes that torch words
-- otherwise.

-- cuDNN's number in its header: 8907 is 8.9, 91001 is 9.10; JAX wrote 9100 for 9.1.
local function cudnn_release(number)
  local n = tonumber(number)
  local major = n >= 90000 and n // 10000 or n // 1000
  return ("%d.%d"):format(major, (n - major * (n >= 90000 and 10000 or 1000)) // 100)
end

rule {
  id = "cudnn.mismatch/jax",
  lasts = "start",
  from = {"jax"},
  signatures = {
    older = [[Found cuDNN version (?<found>\d+), but JAX was built against version (?<built>\d+)]],
    outdated = [[Outdated cuDNN installation found]], -- JAX 0.4.36 and later; the numbers stand below it
  },
  context = {minimum = [[^\W*Minimum supported: (?<minimum>\d{4,5})$]]},
  facts = {"env.LD_LIBRARY_PATH", "python.packages.jax.version", "python.packages.nvidia-cudnn-cu12.version"},
  explains = {"container.no-gpu", "host.no-gpu"},
  confidence = 0.93,
  when = function(_, log)
    local minimum = log.outdated and log.minimum and cudnn_release(log.minimum.minimum)
    return {
      why = {"JAX loaded a cuDNN that is older than the one it was built for: another copy stands first (another "
        .. "package's pin, such as torch's, or LD_LIBRARY_PATH).", "Loaded is {found}, built for {built}.",
        "LD_LIBRARY_PATH is {fact:env.LD_LIBRARY_PATH}."},
      fixes = {
        {install = "nvidia-cudnn-cu12", with = {"jax"}, need = minimum and ">=" .. minimum,
          say = "Upgrade cuDNN's package in this environment to what JAX asks for.",
          side_effects = {"A torch in the same environment pins another cuDNN: give JAX an environment of its own "
            .. "then."}},
        {unset = {"LD_LIBRARY_PATH"}, say = "If it comes from the system: take that folder off LD_LIBRARY_PATH."},
        {install = "jax", older = true, say = "Or install a JAX built for the cuDNN that is here."},
      },
    }
  end,
  doc = {looks = "'Found cuDNN version 8600, but JAX was built against version 8904, which is newer'.",
    check = "Which libcudnn is loaded; pip check."},
}

rule {
  id = "oom.activation/xla",
  from = {"native", "engine", "hub", "compiler", "app", "jax"},
  signatures = {
    pool = [[(?:RESOURCE_EXHAUSTED: (?:Out of memory while trying to allocate|Failed to allocate request for)|]]
      .. [[failed to allocate [\d.]+\w* bytes? from device)]],
    outside = [[RESOURCE_EXHAUSTED: [^\n]*CUDA_ERROR_OUT_OF_MEMORY]],
    tensor = [[(?:OOM when allocating tensor|Dst tensor is not initialized)]],
  },
  context = {jax = [[(?:jaxlib|\bjax[./]|pjrt_|XlaRuntimeError|JaxRuntimeError|_src/dispatch\.py)]]},
  facts = {"gpus.0.name", "gpus.0.memory.total", "gpus.0.memory.free", "env.XLA_PYTHON_CLIENT_MEM_FRACTION"},
  rival = {cause = "oom.other-process", decides = "whether nvidia-smi lists another process on that GPU"},
  when = function(_, log)
    local batch = {flag = "batch_size", toward = "lower", say = "Halve the batch size, or shorten the sequences."}
    if log.outside then
      return {hit = log.outside, confidence = 0.75, why = "CUDA itself found no memory, outside the pool that JAX "
        .. "takes at its start (three quarters of the GPU by default): for code or a library's handle.",
        fixes = {{set = {XLA_PYTHON_CLIENT_PREALLOCATE = "false"}, say = "Let JAX take memory as it needs it."}, batch}}
    end
    if not log.jax then
      return {confidence = 0.6, why = "TensorFlow's pool is full: what is computed (batch, length) does not fit.",
        fixes = {batch}}
    end
    return {hit = log.pool, confidence = 0.72, why = "XLA's pool is full: arguments, results and what the compiled "
      .. "program computes between them do not fit this GPU together.",
      fixes = {{set = {TF_FORCE_UNIFIED_MEMORY = "1", XLA_PYTHON_CLIENT_MEM_FRACTION = "4.0"},
          say = "Let what does not fit lie in the machine's memory (slower)."}, batch}}
  end,
  doc = {looks = "XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 4770354232 bytes.",
    check = "The buffer assignment below the message; nvidia-smi for other processes."},
}

rule {
  id = "cuda.lib-conflict/jax",
  lasts = "start",
  from = {"jax"},
  signatures = {
    older = [[Found (?<lib>CUDA|cuBLAS|cuFFT|cuSOLVER|cuSPARSE|CUPTI|cuPTI|]]
      .. [[NCCL) version (?<found>\d+), but JAX was built against version (?<built>\d+)]],
    outdated = [[Outdated (?<lib>CUDA|cuBLAS|cuFFT|cuSOLVER|cuSPARSE|CUPTI|cuPTI|NCCL) installation found]],
  },
  facts = {"env.LD_LIBRARY_PATH", "python.packages.jax.version"},
  explains = {"container.no-gpu", "host.no-gpu"},
  confidence = 0.9,
  why = {"JAX loaded a {lib} that is older than the one it was built for: other CUDA libraries stand first "
    .. "(LD_LIBRARY_PATH, or another package's pins).", "Loaded is {found}, built for {built}.",
    "LD_LIBRARY_PATH is {fact:env.LD_LIBRARY_PATH}."},
  fixes = {
    {install = "jax", extra = "cuda12", kind = "pip:nvidia-*",
      say = "Upgrade the nvidia-* packages to what JAX asks for."},
    {unset = {"LD_LIBRARY_PATH"}, say = "If they come from a system toolkit: take its folder off LD_LIBRARY_PATH."},
    {install = "jax", older = true, say = "Or install a JAX built for the CUDA that is here."},
  },
  doc = {looks = "'Found CUDA version 12010, but JAX was built against version 12020'.",
    check = "pip list | grep nvidia; LD_LIBRARY_PATH."},
}

rule {
  id = "engine.plugin-skew/jax",
  from = {"jax"},
  signatures = {
    pjrt = [[Mismatched PJRT plugin PJRT API version]],
    jaxlib = [[(?:jaxlib (?:is )?version [\w.]+(?:,| is newer than| is too old)|]]
      .. [[jaxlib version [\w.]+ is newer than and incompatible with jax)]],
    plugin = [[(?:jax_cuda\d+_plugin|JAX plugin \S+) version [\w.]+ (?:is installed, but it is not compatible|]]
      .. [[is not compatible) with]],
  },
  facts = {"python.packages.jax.version", "python.packages.jaxlib.version"},
  confidence = 0.9,
  why = {"jax, jaxlib and the CUDA plugin are of releases that do not belong together.",
    "jax is {fact:python.packages.jax.version}, jaxlib {fact:python.packages.jaxlib.version}."},
  when = function(_, log)
    -- the last is a notice as long as nothing fails
    return (log.pjrt or log.jaxlib or log.plugin and not log.plugin.event.progress) and true
  end,
  fixes = {{install = "jax", extra = "cuda12", say = "Install all of them in one release."}},
  doc = {looks = "'Mismatched PJRT plugin PJRT API version', 'jaxlib version X is newer than and incompatible with "
    .. "jax version Y'.", check = "pip list | grep jax."},
}

rule {
  id = "cuda.lib-conflict/jax-start",
  lasts = "start",
  from = {"jax"},
  signatures = {start = [[(?:CUDA backend|Backend 'cuda') failed to initialize: ]]
    .. [[(?!Found |Unable to (?:load|use CUDA) )(?<reason>[^\n]{0,200})]]},
  context = {known = [[(?:NO_DEVICE|no CUDA-capable|insufficient|CUDA_ERROR_UNKNOWN|No visible GPU)]]},
  unless = {"known"},
  facts = {"env.LD_LIBRARY_PATH", "python.packages.jaxlib.version"},
  explains = {"cuda.fork"},
  confidence = 0.5,
  title = "JAX's CUDA part does not start",
  why = {"JAX's CUDA part does not start, so JAX computes on the CPU: mostly its packages (jax, jaxlib, the "
    .. "plugin, nvidia-*) are not of one release, or other CUDA libraries stand first.",
    "LD_LIBRARY_PATH is {fact:env.LD_LIBRARY_PATH}."},
  fixes = {
    {install = "jax", extra = "cuda12", say = "Install JAX with its CUDA packages in one release."},
    {unset = {"LD_LIBRARY_PATH"}, say = "Then rule out foreign libraries: start once without LD_LIBRARY_PATH."},
  },
  doc = {looks = "'CUDA backend failed to initialize: ... CUDA_ERROR_NOT_INITIALIZED'.",
    check = "pip list | grep -E 'jax|nvidia'."},
}

-- XLA says beside it what was free; a handle of cuDNN takes less than a GiB.
local FREE_BESIDE = [[Memory usage: (?<free>\d+) bytes free, (?<total>\d+) bytes total]]

local function enough(hit)
  local free, total = tonumber(hit and hit.free), tonumber(hit and hit.total)
  return free and total and free > 4 * 1024 ^ 3 and free > total / 2
end

rule {
  id = "cudnn.mismatch/jax-handle",
  from = {"jax", "tensorflow"},
  signatures = {cudnn = [[Could not create cudnn handle: CUDNN_STATUS_(?:INTERNAL_ERROR|NOT_INITIALIZED)]]},
  context = {memory = FREE_BESIDE, modules = [[^\s*(?:\d+\) [^\n]*)?\bcudnn/(?<module>\d[\w.-]*)]]},
  facts = {"env.LD_LIBRARY_PATH", "python.packages.nvidia-cudnn-cu12.version", "python.packages.jaxlib.version",
    "driver.version"},
  title = "cuDNN does not start, with memory enough",
  when = function(f, log)
    if not enough(log.memory) then return nil end
    local foreign = {unset = {"LD_LIBRARY_PATH"}, say = "Start it without the folders of another cuDNN or CUDA (a "
      .. "module, conda, a toolkit)."}
    local again = {install = "jax", extra = "cuda12", kind = "pip:nvidia-*",
      say = "Install JAX anew with the cuDNN and CUDA libraries that it asks for."}
    return {hit = log.cudnn, confidence = 0.72, evidence = {log.memory, log.modules},
      why = {("cuDNN does not start, and it is not for want of memory: %s of %s were free."):format(
          size(log.memory.free), size(log.memory.total)),
        "Either another cuDNN is loaded than this JAX was built for, or the driver is too old for it.",
        log.modules and ("The module cudnn %s is loaded."):format(log.modules.module) or nil,
        "LD_LIBRARY_PATH is {fact:env.LD_LIBRARY_PATH}."},
      fixes = (log.modules or f.env"LD_LIBRARY_PATH") and {foreign, again} or {again, foreign,
        {driver = "upgrade", say = "Or upgrade the driver to what that CUDA wants."}}}
  end,
  doc = {looks = "'Could not create cudnn handle: CUDNN_STATUS_INTERNAL_ERROR' with most of the memory free.",
    check = "Which libcudnn is loaded; pip list | grep -E 'jax|cudnn'."},
}

-- The handles of cuSOLVER, cuBLAS, cuDNN and cuSPARSE are made at the first use, in what JAX's own pool left.
rule {
  id = "oom.activation/jax-handle",
  from = {"jax"},
  rival = {cause = "cuda.lib-conflict", decides = "whether nvidia-smi shows that GPU's memory nearly full"},
  signatures = {
    create = [[operation (?:gpu|cu)(?<lib>solver|blas|sparse|dnn|fft)\w*Create\w*\([^)]*\) failed: ]]
      .. [[cu\w+ (?<words>internal error|has not been initialized|[\w ]*alloc\w*[\w ]*)]],
    cudnn = [[Could not create cudnn handle: CUDNN_STATUS_(?:INTERNAL_ERROR|NOT_INITIALIZED|ALLOC_FAILED)]],
  },
  context = {memory = FREE_BESIDE},
  facts = {"gpus.0.memory.free", "env.XLA_PYTHON_CLIENT_PREALLOCATE", "env.LD_LIBRARY_PATH"},
  explains = {"cuda.lib-conflict/jax-start"},
  title = "a CUDA library of JAX could not be started: mostly no GPU memory is left for it",
  when = function(f, log)
    if enough(log.memory) then return nil end -- cudnn.mismatch/jax-handle
    local path = f.env"LD_LIBRARY_PATH"
    local off = f.env"XLA_PYTHON_CLIENT_PREALLOCATE" == "false"
    local pool = {set = {XLA_PYTHON_CLIENT_PREALLOCATE = "false"},
      say = "Let JAX take memory as it needs it, not three quarters of the GPU at once."}
    local foreign = {unset = {"LD_LIBRARY_PATH"}, say = "Rule out foreign CUDA libraries: start once without "
      .. "LD_LIBRARY_PATH."}
    local again = {install = "jax", extra = "cuda12", say = "Else install JAX anew with the CUDA libraries that it "
      .. "asks for."}
    return {hit = log.create or log.cudnn, confidence = 0.6,
      fixes = off and path and {foreign, again} or off and {again, foreign} or {pool, foreign, again}}
  end,
  why = "The library asked the driver for memory or a context as it started, and got none: JAX's pool (three quarters "
    .. "of the GPU by default) or another process holds it; else it is a copy of another CUDA release.",
  doc = {looks = "'operation gpusolverDnCreate(&handle) failed: cuSolver internal error'.",
    check = "nvidia-smi while it runs; LD_LIBRARY_PATH; pip list | grep nvidia."},
}

rule {
  id = "cuda.lib-conflict/jax-version",
  from = {"jax"},
  signatures = {asked = [[versions_helpers\.cc:\d+: operation (?<call>\w*GetVersion\w*)\([^\n]*\) failed]]},
  facts = {"env.LD_LIBRARY_PATH", "python.packages.jaxlib.version"},
  explains = {"cuda.lib-conflict/jax-start", "container.no-gpu", "host.no-gpu"},
  confidence = 0.78,
  why = {"A CUDA library cannot even tell JAX its own version ({call}): libraries of two CUDA releases are loaded "
    .. "together, one of them from outside JAX's packages.", "LD_LIBRARY_PATH is {fact:env.LD_LIBRARY_PATH}."},
  fixes = {
    {unset = {"LD_LIBRARY_PATH"}, say = "Start it without the folders of another CUDA (a toolkit, an HPC SDK, conda)."},
    {install = "jax", extra = "cuda12", kind = "pip:nvidia-*", say = "Else install JAX anew with the CUDA libraries "
      .. "that it asks for."},
  },
  doc = {looks = "jaxlib/cuda/versions_helpers.cc:72: operation cublasGetVersion(...) failed: cuBlas internal error.",
    check = "Which libcublas is loaded; LD_LIBRARY_PATH."},
}

rule {
  id = "engine.plugin-skew/jax-rocm",
  from = {"jax"},
  signatures = {rocm = [[Unable to initialize backend 'rocm': (?<reason>[^\n]{0,200})]]},
  context = {
    nvidia = [[(?i)\bnvidia\b|jax[-_]cuda|xla_cuda|platform names are: [^\n]*\bCUDA\b|known backends: [^\n]*'cuda']],
    amd = [[(?i)\b(?:amdgpu|gfx\d{3,4}|radeon|instinct)\b]],
  },
  facts = {"gpus.0.vendor", "python.packages.jax.version"},
  explains = {"host.no-gpu", "container.no-gpu", "torch.cpu-build", "rocm.mismatch"},
  title = "JAX starts its part for AMD GPUs on another machine",
  when = function(f, log)
    local vendor = f"gpus.0.vendor"
    local nvidia = vendor == "nvidia" or not vendor and log.nvidia and not log.amd
    if not nvidia then return nil end
    return {confidence = 0.85, evidence = {log.nvidia}}
  end,
  why = "JAX was told to take any GPU (JAX_PLATFORMS=gpu or rocm, or the plugin for ROCm is installed beside CUDA's), "
    .. "so it also starts the one for AMD, which fails on a machine with an NVIDIA GPU.",
  fixes = {
    {set = {JAX_PLATFORMS = "cuda"}, say = "Name the back end that this machine has."},
    {remove = "jax-rocm7-plugin", say = "Or remove the plugin for ROCm.",
      cond = function(f) return f.pkg"jax-rocm7-plugin" and true or false end},
  },
  doc = {looks = "RuntimeError: Unable to initialize backend 'rocm': ... (set JAX_PLATFORMS='' to choose).",
    check = "JAX_PLATFORMS; pip list | grep jax."},
}

rule {
  id = "torch.cpu-build/jax",
  from = {"jax"},
  signatures = {
    backend = [[Unknown backend:? '?(?:gpu|cuda)'? requested, but no platforms that are instances of (?:gpu|]]
      .. [[cuda) are present]],
    jaxlib = [[a CUDA-enabled jaxlib is not installed]],
  },
  facts = {"python.packages.jaxlib.version", "gpus.0.name"},
  explains = {"container.no-gpu", "host.no-gpu"},
  title = "the installed JAX is a CPU-only build",
  when = function(f, log)
    -- alone it is a notice on a machine that may mean to use its CPU
    if not log.backend and #f.gpus() == 0 and not log.fatal then return nil end
    return {confidence = log.jaxlib and (log.backend and 0.92 or 0.7) or 0.6, lasts = true, why = {
      "The installed jaxlib has no CUDA part, so JAX sees the CPU alone.",
      "jaxlib is {fact:python.packages.jaxlib.version}."},
      fixes = {{install = "jax", extra = "cuda12", say = "Install JAX with its CUDA plugin."}}}
  end,
  doc = {looks = "'a CUDA-enabled jaxlib is not installed. Falling back to cpu', 'Unknown backend: gpu requested'.",
    check = "pip list | grep jax."},
}

rule {
  id = "torch.cpu-build/tensorflow",
  from = {"tensorflow"},
  signatures = {
    pinned = [[Cannot assign a device for operation [^\n]*explicitly assigned to [^\n]*GPU:\d+[^\n]* but available ]]
      .. [=[devices are \[(?![^\]]*device:GPU)]=],
  },
  facts = {"python.packages.tensorflow.version", "gpus.0.name"},
  title = "TensorFlow sees no GPU",
  when = function(f)
    local here = #f.gpus() > 0
    return {confidence = here and 0.86 or 0.7,
      why = {"The code puts an operation on a GPU, and this TensorFlow sees none: it is a CPU build, its CUDA "
        .. "libraries do not load, or the machine has no GPU.", "This machine has {fact:gpus.0.name}."},
      fixes = {{install = "tensorflow", extra = "and-cuda", say = "Install a TensorFlow with its CUDA libraries."},
        {code = true,
          say = "Or let TensorFlow choose (tf.config.set_soft_device_placement(True)), or remove the pin."}}}
  end,
  doc = {looks = "Cannot assign a device for operation ...: explicitly assigned to /device:GPU:0 but available "
    .. "devices are.",
    check = "tf.config.list_physical_devices('GPU')."},
}

rule {
  id = "cuda.nvcc-missing/libdevice",
  from = {"framework", "numba"},
  signatures = {
    libdevice = [[(?:libdevice not found at|Can't find libdevice directory|failed to find libdevice|]]
      .. [[libdevice is required by this HLO module but was not found)]],
    nvvm = [[(?:libNVVM cannot be found|Missing libdevice file|NvvmSupportError)]],
  },
  facts = {"cuda.toolkit.version", "env.XLA_FLAGS", "env.CUDA_HOME"},
  when = function(f, log)
    if log.nvvm and not log.libdevice then
      return {hit = log.nvvm, confidence = 0.88, why = "numba compiles kernels with NVVM, a part of the CUDA "
        .. "toolkit, and does not find one.",
        fixes = {f"cuda.toolkit.path" and {set = {CUDA_HOME = f"cuda.toolkit.path"},
          say = "Point CUDA_HOME at the installed toolkit."}
          or {toolkit = "install", say = "Install the CUDA toolkit (or conda's cuda-nvcc), which brings NVVM."}}}
    end
    local hit
    for _, other in ipairs(log.all"libdevice") do
      if (other.event.tier or 0) >= 3 or other.text:has("not found at") then hit = hit or other end
    end
    if not hit then return nil end -- a notice: nothing that was compiled needed it
    local folder = f"cuda.toolkit.path" or "/usr/local/cuda"
    local flags = {set = {XLA_FLAGS = "--xla_gpu_cuda_data_dir=" .. folder},
      say = "Tell XLA where the toolkit lies (the folder that holds nvvm/libdevice)."}
    local toolkit = {toolkit = "install", say = "Install the toolkit's compiler part, which brings libdevice."}
    local there = f"cuda.toolkit.version"
    return {hit = hit, confidence = 0.88, title = "XLA does not find the CUDA toolkit's libdevice",
      why = "XLA compiles kernels and does not find libdevice.10.bc, a file of the CUDA toolkit.",
      fixes = there and {flags, toolkit} or {toolkit, flags}}
  end,
  doc = {looks = "libdevice not found at ./libdevice.10.bc; numba: libNVVM cannot be found.",
    check = "find / -name libdevice.10.bc; XLA_FLAGS."},
}

rule {
  id = "cuda.toolkit-mismatch/xla-ptxas",
  from = {"framework"},
  signatures = {ptxas = [[(?:XLA requires ptxas version (?<need>[\d.]+) or higher|]]
    .. [[ptxas does not support CC (?<cc>[\d.]+)|ptxas too old\. Falling back to the driver)]]},
  facts = {"cuda.toolkit.version"},
  when = function(_, log)
    if log.ptxas.text:has("Falling back") or (log.ptxas.event.tier or 0) < 2 then return nil end
    return {confidence = 0.85, title = "the ptxas that XLA finds is too old",
      why = "XLA assembles its kernels with the first ptxas on PATH, and that one is too old.",
      fixes = {{toolkit = "install", say = "Let a newer toolkit's ptxas stand first on PATH."},
        {install = "jax", extra = "cuda12", say = "Or upgrade JAX with its CUDA packages."}}}
  end,
  doc = {looks = "'XLA requires ptxas version 11.8 or higher', 'ptxas does not support CC 12.0'.",
    check = "which -a ptxas; ptxas --version."},
}

rule {
  id = "cuda.nvcc-missing/xla",
  from = {"framework"},
  signatures = {none = [[(?:No PTX compilation provider is available|Couldn't (?:get|find) ptxas|]]
    .. [[Couldn't find a suitable version of ptxas|ptxas not found)]]},
  facts = {"cuda.toolkit.version", "python.packages.tensorflow.version", "python.packages.jax.version"},
  when = function(f, log)
    local hit
    for _, other in ipairs(log.all"none") do
      if ((other.event.tier or 0) >= 2 or other.text:has("OP_REQUIRES failed"))
        and not other.text:match[[(?i)falling back|Relying on driver]] then
        hit = hit or other
      end
    end
    if not hit then return nil end -- a notice: the driver compiles instead
    local jax = (hit.event.emitters or {}).jax or f.pkg"jax" and not f.pkg"tensorflow"
    return {hit = hit, confidence = 0.86, title = "XLA finds no ptxas to assemble its kernels with",
      why = "XLA compiles kernels and finds neither ptxas nor nvJitLink, parts of the CUDA toolkit.",
      fixes = {{install = "nvidia-cuda-nvcc-cu12", with = {"nvidia-nvjitlink-cu12"},
          say = "Install the package that brings ptxas, beside the CUDA libraries that are there."},
        {toolkit = "install", say = "Or install the CUDA toolkit, with its bin folder on PATH."},
        {install = jax and "jax" or "tensorflow", extra = jax and "cuda12" or "and-cuda",
          say = "Or lay down the framework with all its CUDA packages."}}}
  end,
  doc = {looks = "'No PTX compilation provider is available. Neither ptxas/nvlink nor nvjitlink is available'.",
    check = "which ptxas; pip list | grep nvidia."},
}

-- "expecting library version X got Y": X is the TensorRT that runs, Y the one that wrote the file.
rule {
  id = "tensorrt.plan-version",
  from = {"tensorrt", "engine"},
  signatures = {
    version = [[engine plan file is not compatible with this version of TensorRT, expecting library version ]]
      .. [[(?<runs>[\d.]+) got (?<built>[\d.]+)]],
    tag = [[Version tag does not match\. Note: Current Version: (?<current>\d+), Serialized Engine Version: ]]
      .. [[(?<engine>\d+)]],
    serialized = [[(?:Serialization \(Serialization assertion [^\n]*(?:version|magicTag|]]
      .. [[safeVersionRead)[^\n]*failed|Engine deserialization failed)]],
    llm = [[(?:Engine version (?<built2>[\w.]+) (?:does not match|]]
      .. [[is not compatible with) (?:the )?(?:TensorRT-LLM )?version (?<runs2>[\w.]+))]],
    -- what a plugin wrote into the engine is of another length than this release's plugin reads
    plugin = [[Assertion failed: (?:d == a \+ length|(?:sizeof\(T\) <=|0 ==)? ?remaining_buffer_size\b)]],
  },
  facts = {"python.packages.tensorrt.version", "python.packages.tensorrt-llm.version"},
  explains = {"engine.plugin-skew", "app.bug"},
  confidence = 0.92,
  title = "a TensorRT engine was built by another TensorRT",
  why = {"The engine file was built by another release of TensorRT than the one that loads it.",
    "{built} built it, and {runs} runs here.", "{built2} built it, and {runs2} runs here.",
    "Its serialization is of version {engine}, and this TensorRT reads {current}."},
  when = function(_, log)
    local hit = log.version or log.tag or log.llm or log.plugin or log.serialized
    if hit == log.plugin and hit then
      return {hit = hit, confidence = 0.9, why = "A plugin of TensorRT-LLM finds other data in the engine file than "
        .. "its own release writes: the engine was built by another release of TensorRT-LLM.",
        fixes = {{code = true, kind = "rebuild:engine", say = "Build the engine again with this TensorRT-LLM."},
          {install = "tensorrt-llm", older = true, say = "Or run the release (or the Triton image) that built it."}}}
    end
    if log.version and log.version.built:match[[^[0.]+$]] then return nil end -- app.bug/plan-unreadable
    local built = log.version and log.version.built
    return {hit = hit, confidence = hit == log.serialized and 0.6 or 0.92, fixes = {
      {code = true, kind = "rebuild:engine", say = "Build the engine again with this TensorRT, on this GPU."},
      -- its wheels have four numbers from 10.8 on, and three before
      {install = "tensorrt", need = built and "==" .. built:match[[^\d+(?:\.\d+){0,2}]] .. ".*" or nil, older = true,
        say = "Or install the TensorRT that built it."}}}
  end,
  doc = {looks = "'The engine plan file is not compatible with this version of TensorRT'.",
    check = "Which TensorRT built the engine."},
}

rule {
  id = "cuda.lib-missing/onnxruntime-windows",
  signatures = {
    load = [[LoadLibrary failed with error (?<number>126|127)\b[^\n]*?]]
      .. [[(?<dll>onnxruntime_providers_(?:cuda|tensorrt)\.dll)]],
    path = [[CUDA_PATH is set but CUDA wasn?'?t able to be loaded]],
  },
  facts = {"python.packages.onnxruntime-gpu.version"},
  when = function(_, log)
    local missing = not log.load or log.load.number == "126"
    return {confidence = 0.86,
      why = missing and ("Windows finds a library that %s needs nowhere on PATH: cuDNN, CUDA or the C++ runtime of "
        .. "the release that this onnxruntime was built for."):format(log.load and log.load.dll or "its CUDA part")
        or "{dll} was linked with another release of CUDA or cuDNN than the one that Windows found first: a function "
          .. "is not in it.",
      fixes = {{install = "onnxruntime-gpu", extra = "cuda,cudnn",
          say = "Install onnxruntime-gpu with the CUDA libraries it asks for, and call onnxruntime.preload_dlls() "
            .. "(or import torch) before the first session."},
        {host = true, kind = "env:PATH", say = "Or put the bin folders of that CUDA and cuDNN first on PATH, and "
          .. "install the Visual C++ runtime."}}}
  end,
  doc = {looks = "LoadLibrary failed with error 126 ... onnxruntime_providers_cuda.dll; CUDA_PATH is set but CUDA "
    .. "wasnt able to be loaded.",
    check = "The CUDA and cuDNN that this onnxruntime-gpu asks for; which copies stand on PATH."},
}

rule {
  id = "app.bug/plan-unreadable",
  signatures = {
    zero = [[engine plan file is not compatible with this version of TensorRT, expecting library version [\d.]+ ]]
      .. [[got 0(?:\.0)+(?![.\d])]],
  },
  from = {"tensorrt", "engine"},
  confidence = 0.85,
  why = "No TensorRT is of version 0: what was read is no engine file, or not the bytes that were written (opened in "
    .. "text mode, cut short, a read that failed).",
  fixes = {
    {code = true, say = "Write and read the engine file in binary mode, whole, and compare its size with what "
      .. "was serialized."},
    {code = true, kind = "rebuild:engine", say = "If the file itself is cut short or empty: build the engine again."},
  },
  doc = {looks = "'expecting library version 8.6.1 got 0.0.0'.", check = "Size and first bytes of the engine file."},
}

rule {
  id = "tensorrt.plan-version/device",
  from = {"tensorrt", "engine"},
  signatures = {
    device = [[engine plan file is generated on an incompatible device, expecting compute (?<cc>[\d.]+) got compute ]]
      .. [[(?<cc2>[\d.]+)]],
  },
  facts = {"gpus.0.name", "gpus.0.compute_capability"},
  explains = {"torch.no-kernel-image"},
  confidence = 0.92,
  title = "a TensorRT engine was built on a GPU of another kind",
  why = "The engine file was built for compute capability {cc2}, and this GPU has {cc}.",
  fixes = {
    {code = true, kind = "rebuild:engine", say = "Build the engine again on this GPU."},
    {hardware = true, say = "Or run it on a GPU of the kind that built it."},
  },
  doc = {looks = "'The engine plan file is generated on an incompatible device'.",
    check = "Which GPU built the engine."},
}

rule {
  id = "cuda.lib-missing/paddle",
  from = {"paddle"},
  signatures = {cudnn = [[Cannot load (?<what>cudnn|cublas|cudart|nccl)\w* shared library|]]
    .. [[third-party dynamic library \((?<what>[\w.]+)[^)\n]*\) that Paddle depends on is not configured]]},
  facts = {"env.LD_LIBRARY_PATH", "python.packages.paddlepaddle-gpu.version"},
  confidence = 0.9,
  when = function(_, log)
    local what = log.cudnn.what
    local lib = what:match[[^lib\S+\.so$]] or ("lib%s.so"):format(what)
    return {fixes = {
      {prepend = "LD_LIBRARY_PATH", holds = lib, say = ("Put the folder that holds %s on LD_LIBRARY_PATH: Paddle asks "
        .. "for it by the name without a number."):format(lib)},
      {install = "paddlepaddle-gpu", fresh = true, kind = "pip:nvidia-*", say = "Or install the Paddle of the CUDA and "
        .. "cuDNN that are here: its own index has one for each."}}}
  end,
  why = "Paddle does not find {what}: it is not installed, or not on the library path.",
  doc = {looks = "Cannot load cudnn shared library. Cannot invoke method cudnnGetVersion.",
    check = "Where libcudnn lies; LD_LIBRARY_PATH."},
}

rule {
  id = "dtype.unsupported/ctranslate2",
  from = {"ctranslate2"},
  signatures = {compute = [[Requested (?<type>\w+) compute type, but the target device or backend do not support ]]
    .. [[efficient]]},
  facts = {"gpus.0.name", "gpus.0.compute_capability"},
  confidence = 0.92,
  why = {"CTranslate2 (faster-whisper) was asked to compute in {type}, which the device it runs on does not do: a "
    .. "CPU, or a GPU of before Volta.", "{fact:gpus.0.name}."},
  fixes = {
    {argument = "compute_type", value = "'int8'", say = "Choose another type: int8 on a CPU, float32 or int8 on an "
      .. "old GPU."},
    {hardware = true, say = "If it should have run on a GPU: see why that is not used (device='cuda')."},
  },
  doc = {looks = "'Requested float16 compute type, but the target device or backend do not support efficient "
    .. "float16 computation'.", check = "Which device it runs on."},
}

rule {
  id = "dtype.unsupported/accelerate",
  from = {"accelerate", "hub"},
  signatures = {bf16 = [[bf16 mixed precision requires PyTorch >= 1\.10 and a supported device]]},
  facts = {"gpus.0.name", "gpus.0.compute_capability", "torch.version"},
  rival = {cause = "torch.cpu-build", decides = "torch.version.cuda: none in a build for the CPU"},
  title = "bf16 is asked for, and accelerate finds no device that has it",
  when = function(f, log)
    local cc = f.capabilities()[1]
    if cc and version.cmp(cc, "8.0") ~= -1 or f"torch.cuda" == false then return nil end -- torch sees no GPU, then
    return {hit = log.bf16, confidence = cc and 0.92 or 0.74,
      why = {"accelerate asks torch whether the device computes in bfloat16, and it does not: a GPU of before Ampere, "
        .. "or a torch that sees no GPU. torch itself is new enough.",
        "{fact:gpus.0.name}: compute capability {fact:gpus.0.compute_capability}."},
      fixes = {{argument = "mixed_precision", value = "'fp16'", say = "Train in fp16 (also on the command line and in "
          .. "accelerate's configuration, and the precision that is saved)."},
        {install = "torch", replace = true, say = "Where the GPU is of Ampere or later: install torch's CUDA build."}}}
  end,
  doc = {looks = "'bf16 mixed precision requires PyTorch >= 1.10 and a supported device'.",
    check = "torch.cuda.is_available(), torch.cuda.is_bf16_supported()."},
}

rule {
  id = "engine.plugin-skew/libtpu",
  from = {"jax", "tensorflow"},
  signatures = {absent = [[\b(?<call>Tpu\w+) not available in this library]]},
  facts = {"python.packages.jax.version", "python.packages.jaxlib.version"},
  confidence = 0.88,
  title = "libtpu is of another release than jaxlib",
  why = {"jaxlib asks the TPU's library (libtpu) for {call}, which that one does not have.",
    "jax is {fact:python.packages.jax.version}.", "jaxlib is {fact:python.packages.jaxlib.version}."},
  fixes = {{install = "jax", extra = "tpu", say = "Install JAX, jaxlib and libtpu in one release."}},
  doc = {looks = "'TpuEmbeddingEngine_WriteParameters not available in this library'.",
    check = "pip list | grep -E 'jax|libtpu'."},
}

rule {
  id = "torch.no-kernel-image/tensorflow",
  from = {"tensorflow"},
  signatures = {ptx = [[failed with 'CUDA_ERROR_INVALID_PTX']]},
  context = {built = [[not built with CUDA kernel binaries compatible with compute capability (?<cc>\d+\.\d+)]]},
  facts = {"gpus.0.name", "gpus.0.compute_capability", "python.packages.tensorflow.version"},
  explains = {"torch.ptx-too-new", "torch.driver-too-old"},
  title = "this TensorFlow has no kernels for this GPU",
  when = function(_, log)
    return {hit = log.ptx, confidence = log.built and 0.9 or 0.78, evidence = {log.built},
      why = {log.built and ("TensorFlow holds no kernels for compute capability %s, and the driver does not take the "
          .. "code that it has for others (invalid PTX)."):format(log.built.cc)
        or "The driver does not take TensorFlow's kernels (invalid PTX): they are not made for this GPU.",
        "tensorflow is {fact:python.packages.tensorflow.version}."},
      fixes = {
        {host = true, kind = "os", say = "Use NVIDIA's own image (nvcr.io/nvidia/tensorflow, 25.02 or later), which is "
          .. "built for it."},
        {install = "tensorflow", say = "Or the newest release, once its notes name that compute capability."}}}
  end,
  doc = {looks = "'cuModuleLoadData(&module, data)' failed with 'CUDA_ERROR_INVALID_PTX'.",
    check = "tf.sysconfig.get_build_info()['cuda_compute_capabilities']."},
}
