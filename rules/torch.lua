-- PyTorch itself: builds that do not fit the GPU, and what kernels die of.

rule {
  id = "torch.cpu-build",
  from = {"torch", "hub", "compiler", "kernels", "engine", "unsloth", "app", "other", not_compiled = {"torch"}},
  signatures = {
    not_compiled = [[Torch not compiled with CUDA enabled]],
    libtorch_cuda = [[libtorch_cuda\.so: cannot open shared object file]],
    xformers = [[\(you have \d[\w.]*\+cpu\)]],
    version_cpu = [[(?:torch|PyTorch)(?: version)?\W{1,8}\d[\w.]*\+cpu\b]],
    none_found = [[No NVIDIA GPU found\? ?Unsloth|Unsloth cannot find any torch accelerator]],
    deserialize = [[Attempting to deserialize object on a CUDA device but torch\.cuda\.is_available\(\) is False]],
    not_linked = any{
      [[PyTorch is not linked with support for cuda devices]],
      [[PyTorch was not compiled with CUDA support]],
      [[Cannot find (?:a )?CUDA (?:build|support) (?:of|in) (?:torch|PyTorch)]],
    },
    triton_cpu = [[(?:0 active drivers \(\[\]\)\. There should only be one|Found no active (?:triton )?driver)]],
  },
  context = {
    built_for = [[PyTorch (?<wants>\d[\d.]*)\+(?<cu>cu\d+) with CUDA]],
    hip = [[(?:ROCm|\bhip\b|gfx\d{3})]],
    mac = [[(?:/Users/\w+/|Apple M\d|darwin)]],
    driver = any{
      [[driver on your system is too old]],
      [[Found no NVIDIA driver]],
      [[Driver/library]],
      [[system not yet initialized]],
      [[CUDA unknown error]],
      [[forward compatibility]],
    },
  },
  unless = {"driver"},
  facts = {"torch.version", "torch.cuda", "gpus.0.name"},
  explains = {"bnb.cpu-only", "bnb.too-old", "bnb.not-installed", "cuda.lib-missing", "cuda.nvcc-missing",
    "container.no-gpu", "host.no-gpu", "pip.conflict", "torch.torchvision-mismatch", "ext.abi-mismatch"},
  when = function(f, log)
    local hit = log.not_compiled or log.libtorch_cuda or log.xformers or log.none_found or log.not_linked
      or log.deserialize or log.triton_cpu
    local torch = f.pkg"torch"
    local cpu = f"torch.cuda" == false or torch and torch:match[[\+cpu]] or log.version_cpu
    if log.hip and f"torch.hip" or log.mac then return nil end -- no torch for macOS has CUDA: host.no-gpu
    if not hit then return nil end
    if torch and torch:match[[\+cu\d]] or type(f"torch.cuda") == "string" then return nil end
    -- triton comes with CUDA builds only, so that it is rather the GPU that is missing: host.no-gpu
    if hit == log.triton_cpu and not cpu then return nil end
    local sure = (log.not_compiled or log.libtorch_cuda or log.xformers or log.not_linked or cpu) and true
    local fixes = {{install = "torch", replace = true, need = log.built_for and ("==%s+%s"):format(log.built_for.wants,
        log.built_for.cu) or nil,
      say = "Reinstall torch as a CUDA build (and torchvision, torchaudio with it); check that no later install "
        .. "replaces it."}}
    return {hit = hit, confidence = sure and 0.92 or hit == log.none_found and 0.76 or 0.68,
      why = {"The torch that runs is a CPU-only build, and CUDA was asked for.", "torch is {fact:torch.version}."},
      fixes = fixes}
  end,
  applies = {"torch"},
  check = function(f)
    local torch = f.pkg"torch"
    if not torch or #f.gpus() == 0 then return nil end
    if not (torch:match[[\+cpu]] or f"torch.cuda" == false and not f"torch.hip") then return nil end
    return {confidence = 0.9,
      why = "There is a GPU, and the installed torch ({fact:torch.version}) is a CPU-only build.",
      fixes = {{install = "torch", say = "Install the CUDA build of torch."}}}
  end,
  doc = {looks = "'Torch not compiled with CUDA enabled', libtorch_cuda.so missing.",
    check = "torch.version.cuda; a resolver may have replaced the CUDA build."},
}

-- Who else than torch prints that code: an emitter or words of its line, and what has code for another GPU.
local NO_KERNEL = {
  {"jax", nil, {install = "jax", extra = "cuda12",
    say = "Install a release of JAX whose jaxlib carries code for this GPU."}},
  {"tensorflow", [[tensorflow/]], {install = "tensorflow",
    say = "Install a TensorFlow that carries code for this GPU."}},
  {"paddle", [[\(External\) CUDA error]], {code = true, kind = "pip:paddlepaddle-gpu",
    say = "Install paddlepaddle-gpu from Paddle's own index, in the build for a CUDA that knows this GPU (the package "
      .. "index has old ones alone)."}},
  {"cupy", [[cupy]], {code = true, kind = "pip:cupy", say = "Install the CuPy of a CUDA that knows this GPU "
    .. "(cupy-cuda12x, cupy-cuda13x)."}},
  -- a program of its own: Rust, Go, C++
  {nil, [[DriverError\(|GPUassert|\bpanicked at|MXNetError|CudaAPIError]], nil},
}

-- The fix for who says it; false for a program that can only be built anew, nil for torch.
local function of_another(hit)
  local who = hit.event.emitters or {}
  if who.torch then return nil end
  for _, row in ipairs(NO_KERNEL) do
    if row[1] and who[row[1]] or row[2] and hit.text:match(row[2]) then return row[3] or false end
  end
  return nil
end

rule {
  id = "torch.no-kernel-image",
  from = {"torch", "native", "kernels", "engine", "other"},
  anyone = {no_image = "code"},
  signatures = {
    no_image = any{codes"torch.no-kernel-image", [[no kernel image is available for execution on this device]]},
    not_compatible = [[(?<gpu>[\w .()-]+?) with CUDA capability sm_(?<sm>\d+) is not compatible with the ]]
      .. [[current PyTorch installation]],
    too_old_gpu = any{
      [[Found GPU\d+ (?<gpu2>[^\n]+?) which is of (?:cuda|compute) capability (?<cap>[\d.]+)]],
      [[PyTorch no longer supports this GPU because it is too old]],
    },
    invalid_fn = [[(?:CUDA error: invalid device function|invalid device function|CUDA error 98\b)]],
    guard = any{
      [[This kernel only supports sm_?\d+]],
      [[Arch conditional MMA instruction used without targeting]],
      [[is for sm\d+(?:-sm\d+)?, but was built for sm\d+]],
      [[don't compiled with sm_?\d+]],
      [[\bSM_?\d\d+ kernel is not available]],
      [[Could not find compatible tinycudann extension for compute capability]],
    },
    nvrtc_arch = [[nvrtc: error: invalid value for --gpu-architecture]],
    ggml_arch = any{
      [[(?:ggml_cuda_compute_forward|ggml_cuda\w*)[^\n]{0,80}(?:no kernel image|was not compiled for|compiled for: )]],
      [[has no device code compatible with CUDA arch \d+]],
    },
    flash_gpu = any{
      [[named symbol not found]],
      [[CUDA error: the provided PTX[^\n]*incompatible]],
      [[device kernel image is invalid]],
    },
    sm_support = any{
      [[is not compiled (?:for|with)]], [[does not support]], [[unsupported]], [[not supported on]],
    } .. [[ (?:this )?(?:GPU architecture |compute capability |arch(?:itecture)? )?(?:sm_?]]
      .. [[|SM ?)?(?<sm2>12[01]|100|103|110|5\d|6\d|37)\b]],
  },
  context = {
    extension = any{
      [[cpm_kernels]], [[flash_attn]], [[xformers]], [[mmcv]], [[detectron2]], [[apex]], [[deepspeed]], [[auto_?gptq]],
      [[exllama]], [[awq]], [[mamba]], [[causal_conv1d]], [[tiny-?cuda-?nn]], [[pytorch3d]], [[gsplat]],
      [[diff_gaussian]], [[nvdiffrast]], [[MultiScaleDeformableAttention]], [[onnxruntime]], [[ctranslate2]],
      [[llama_cpp]], [[ggml]], [[tensorrt]], [[fastllm]], [[turbomind]], [[lmdeploy]], [[selective_scan]],
      [[fused_\w+]], [[bitsandbytes]], [[cupy]], [[\(at [^)\n]*\.cuh?:\d+\)]],
    },
    torch_frame = [[(?:torch/(?:cuda|nn|_tensor|_ops|functional|utils)|vllm/|sglang/|transformers/|diffusers/)]],
    archs = [[The current PyTorch install supports CUDA capabilities (?<archs>[\w ]*\w)]],
    ggml = [[ggml[-_]cuda]],
    ptx = [[unsupported toolchain]], rocm = [[(?:ROCm error: |found \d+ ROCm devices)]],
    bnb = [[(?:csrc/ops\.cu|libbitsandbytes)]],
  },
  unless = {"ptx", "bnb", "rocm"},
  facts = {"gpus.0.name", "gpus.0.compute_capability", "torch.version", "torch.archs"},
  explains = {"cuda.illegal-access", "cuda.launch-failure", "cuda.lib-missing", "bnb.arch-unsupported",
    "vllm.arg-unsupported", "oom.activation"},
  when = function(f, log)
    local hit = log.not_compatible or log.too_old_gpu or log.no_image or log.guard or log.nvrtc_arch
      or log.invalid_fn or log.ggml_arch or log.sm_support or log.flash_gpu
    local sm = log.not_compatible and log.not_compatible.sm
    local cc = f.capabilities()[1] or sm and (sm:sub(1, -2) .. "." .. sm:sub(-1))
      or log.too_old_gpu and log.too_old_gpu.cap
    local covered = cc and (f"torch.archs" or f"torch.ptx") and know.arch_covers(f"torch.archs" or {},
      f"torch.ptx" or {}, cc)
    if (log.flash_gpu or log.sm_support) and not (log.no_image or log.not_compatible)
      and not (cc and covered == "none") then
      if log.flash_gpu and log.flash_gpu.text:match[[kernel image is invalid]] then
        return {hit = hit, confidence = 0.7,
          why = "The driver refuses the kernel image: it was built for another GPU or a newer CUDA.",
          fixes = {(log.torch_frame or f.pkg"torch")
            and {install = "torch", say = "Install builds for this GPU and driver."}
            or {code = true, kind = "rebuild:extension", say = "Build the program for this GPU, with a CUDA that this "
              .. "driver knows."}, {driver = "upgrade", say = "Or upgrade the driver."}}}
      end
      if log.flash_gpu or not cc then return nil end
    end
    if log.invalid_fn and not (log.no_image or log.not_compatible) and covered ~= "none"
      and not (f"torch.hip" or cc) then
      return {hit = hit, confidence = 0.6, why = "A kernel was called that this build does not carry for this GPU.",
        fixes = {{code = true, kind = "rebuild:extension",
          say = "Rebuild the extension for this GPU's compute capability (TORCH_CUDA_ARCH_LIST)."},
          {install = "torch", say = "Or install builds for this GPU."}}}
    end
    local old = tonumber((cc or ""):match[[^(\d+)\.]] or "99") < 7
    local extension = (log.extension or log.guard) and not log.not_compatible and covered ~= "none"
    local another = of_another(hit)
    local to_torch = another or {install = "torch", arch = cc,
      say = old and ("Install a torch whose wheel still carries code for compute capability %s."):format(cc)
        or ("Install a torch build that carries code for this GPU%s."):format(cc and " (compute capability " .. cc
          .. ")" or "")}
    local rebuild = {code = true, kind = "rebuild:extension",
      say = ("Rebuild the extension for this GPU%s."):format(cc and ", with TORCH_CUDA_ARCH_LIST=" .. cc or "")}
    local engine = log.guard and log.engine_seen
    if engine == "vllm" or engine == "sglang" then -- its wheels choose what their kernels run on
      rebuild = {install = engine, say = "Upgrade the engine: a newer build has these kernels for this GPU."}
    end
    if log.ggml then
      rebuild = log.has_frame[[llama_cpp]] and {rebuild = "llama-cpp-python", say = "Build it on this machine."}
        or {setting = "llama-cuda", kind = "rebuild:extension", say = "Build it on this machine, for its GPU."}
    end
    local hardware = {hardware = true, say = "Or use a GPU that this software supports."}
    local why = {log.not_compatible and "torch itself says that its build carries no code for this GPU."
      or extension
      and "An extension (not torch) carries no code for this GPU: torch gives its own warning when it is torch."
      or "The program carries no code for this GPU's compute capability.",
                 "GPU: {fact:gpus.0.name}, compute capability " .. (cc or "not known") .. "."}
    if log.archs then why[#why + 1] = "This torch carries: " .. log.archs.archs .. "." end
    return {hit = hit, confidence = (log.not_compatible or covered == "none") and 0.95 or extension and 0.82 or 0.86,
      why = why,
      fixes = extension and not another and (old and {hardware, rebuild, to_torch}
        or {rebuild, {install = "torch", say = "Or install builds (torch and extension) for this GPU."}, hardware})
        or another == false and {rebuild, hardware} or another and {another, hardware} or {to_torch, rebuild, hardware}}
  end,
  applies = {"torch"},
  check = function(f)
    local archs, ptx = f"torch.archs", f"torch.ptx"
    if not archs and not ptx then return nil end
    for i, gpu in ipairs(f.gpus()) do
      local cc = gpu.compute_capability or gpu.name and know.gpu_cc(gpu.name)
      if cc and (gpu.vendor or "nvidia") == "nvidia" and know.arch_covers(archs or {}, ptx or {}, cc) == "none" then
        return {confidence = 0.96,
          why = {("%s has compute capability %s, and torch %s carries no code for it."):format(gpu.name
            or "GPU " .. i - 1, cc, f"torch.version" or ""), "It carries: {fact:torch.archs}."},
          evidence = {"torch.archs"},
          fixes = {
            {install = "torch", arch = cc, say = ("Install a torch whose wheel carries code for %s."):format(cc)},
                   {hardware = true, say = "Run on a GPU that it supports."}}}
      end
    end
  end,
  doc = {looks = "'no kernel image is available for execution on the device', 'sm_120 is not compatible with the "
    .. "current PyTorch installation'.",
    check = "torch.archs against the GPU's compute capability; without torch's own warning it is an extension."},
}

rule {
  id = "cuda.fork",
  from = {"torch", "engine", "native"},
  signatures = {
    fork = [[Cannot re-initialize CUDA in forked subprocess]],
    forkserver = [[(?:CUDA (?:context|was) (?:already )?initialized before[^\n]{0,60}fork|spawn' start method)]],
    poison = any{
      [[CUDA driver initialization failed, you might not have a CUDA gpu]],
      [[CUDA error: initialization error]],
      [[cuda runtime error \(3\) : initialization error]],
      [[CUDA_ERROR_NOT_INITIALIZED]],
      [[CUDA failed with error initialization error]],
    },
  },
  context = {pool = [[celery[/\\]|billiard[/\\]|\bgunicorn\b[^\n]*preload]]},
  when = function(f, log)
    local source = log.poison and log.poison.event.source or ""
    local celery = source:match[[ForkPoolWorker]] or log.pool and not log.pool.text:match[[gunicorn]]
    local worker = log.pool or source:match[[\bFork(?:Pool|Process)]]
      or log.has_frame[[multiprocessing|fork|_utils/worker|dataloader\.py]]
    local bare = log.poison and not log.poison.text:match[[you might not have a CUDA gpu|CUDA failed with]]
    if not log.fork and not (log.poison and worker) and not bare
      and not (log.forkserver and log.forkserver.event.kind == "exception") then
      return nil
    end
    local said_by = log.fork and log.fork.event.source or ""
    local vllm = log.has_frame[[vllm/]] or said_by:match[[(?i)vllm]]
    return {confidence = log.fork and 0.95 or worker and 0.78 or 0.6,
      why = "A process that had already used CUDA was forked, and the child used CUDA again, which CUDA does not "
        .. "allow.",
      fixes = vllm and {{set = {VLLM_WORKER_MULTIPROC_METHOD = "spawn"}, say = "Let vLLM spawn its workers.",
        automatic = true}, {code = true, say = "And keep the start of the engine behind if __name__ == '__main__'."}}
        or celery and {{code = true, say = "Start Celery's "
          .. "worker with --pool=solo (or --pool=threads), or load the model in the signal worker_process_init."}}
        or {{code = true,
          say = "Start the workers with torch.multiprocessing.set_start_method('spawn'), or use CUDA only in the "
            .. "children (no CUDA call, not even device_count of an old torch, before the fork)."},
            {set = {VLLM_WORKER_MULTIPROC_METHOD = "spawn"}, say = "In vLLM: set this to spawn."}}}
  end,
  doc = {looks = "'Cannot re-initialize CUDA in forked subprocess'.", check = "What used CUDA before the fork."},
}

rule {
  id = "cuda.device-assert",
  from = {"torch", "native", "engine"},
  anyone = {assert_text = "code"},
  signatures = {
    assert_text = any{codes"cuda.device-assert", [[device-side assertion triggered]]},
    assertion = [[:\d+: [^\n]*block: \[\d+,\d+,\d+\], thread: \[\d+,\d+,\d+\] Assertion ]]
      .. [[[`'](?<assertion>[^`']+)[`'] failed]],
    probability = [[probability tensor contains either `inf`, `nan` or element < 0]],
  },
  explains = {"gpu.app-fault"}, -- Xid 43 or 13 follows
  when = function(f, log)
    local a = log.assertion and log.assertion.assertion or ""
    local what = a:match[[(?i)index|idx|\bind\b]]
      and "an index lies outside its table: a token or label id that the embedding (or the classes) does not have"
      or a:match[[t >= 0|n_classes|target]] and "a label lies outside the number of classes"
      or a:match[[input_val|target_val]] and "a loss got values outside 0 to 1"
      or log.probability and "sampling got NaN or infinite probabilities (numeric overflow, often float16)"
      or "a kernel checked its input and found it invalid"
    if log.probability and not log.assert_text then
      return {hit = log.probability, confidence = 0.7,
        why = "Sampling got NaN or infinite probabilities: the model overflowed (often float16, a broken "
          .. "quantization, or a damaged checkpoint).",
        fixes = {
          {code = true, say = "Load in bfloat16 or float32 and check the logits; with a quantized model try another."}}}
    end
    return {hit = log.assertion or log.assert_text, confidence = 0.92, why = "A device-side assertion failed: " .. what
      .. ". Everything that CUDA says afterwards in this process is a consequence.",
      fixes = {
        {code = true,
          say = "Check ids and labels before the call (max id < vocabulary size; resize_token_embeddings after adding "
            .. "tokens; valid pad_token_id)."},
               {set = {CUDA_LAUNCH_BLOCKING = "1"},
                 say = "To find the line, run once with synchronous launches, or on the CPU."}}}
  end,
  doc = {looks = "'device-side assert triggered' with an Assertion line before it.",
    check = "The Assertion line says what was out of range."},
}

local synchronous = {set = {CUDA_LAUNCH_BLOCKING = "1"},
  say = "To find the kernel, run once with synchronous launches (or compute-sanitizer)."}

rule {
  id = "cuda.illegal-access",
  anyone = "code",
  signatures = {
    illegal = any{codes"cuda.illegal-access", [[Invalid __global__ (?:read|write)]]},
  },
  context = {
    xid = [[NVRM: Xid \([^)]+\): (?:48|63|64|79|94|95|119|74)]],
    oom = [[CUDA out of memory]],
    cublas = [[CUBLAS_STATUS_\w+]],
  },
  facts = {"gpus.0.name", "torch.version"},
  confidence = 0.8,
  when = function(_, log) return log.newer_engine() and {fixes = {log.newer_engine(), synchronous}} or true end,
  why = "A kernel read or wrote memory that is not its own. It is a bug of the kernel, or inputs that it does not "
    .. "expect; the trace shows a later call, for kernels run asynchronously.",
  fixes = {
    {code = true, kind = "pip:package", say = "Upgrade the library whose kernel it is (go back a release if it came "
      .. "with one), or switch that kernel off."},
    {code = true, say = "Check shapes, strides, dtypes and device of the inputs."},
    synchronous,
  },
  doc = {looks = "'an illegal memory access was encountered'.",
    check = "Run once with CUDA_LAUNCH_BLOCKING=1; does another GPU show it too?"},
}

rule {
  id = "cuda.launch-failure",
  from = {"native", "torch"},
  anyone = {code = "code"},
  signatures = {
    code = codes"cuda.launch-failure",
    words = any{
      [[misaligned address]],
      [[CUDA error: (?:an illegal instruction was encountered|hardware stack error|invalid program counter)]],
    },
  },
  context = {xid = [[NVRM: Xid]], oom = [[out of memory]]},
  unless = {"xid"},
  facts = {"gpus.0.name", "driver.version", "gpus.0.temperature_c"},
  when = function(f, log)
    local hit, code = log.words or log.code, nil
    for _, one in ipairs(log.all"code") do
      local known = know.error(nil, one.code_name or one.code or "")
      if known and (known.library == "cuda" or known.library == "hip") then hit, code = one, known.number break end
    end
    if not code and not log.words and hit.code_name then
      return {hit = hit, confidence = 0.6,
        why = "A CUDA library failed while it ran: mostly too little free GPU memory or a bad input, sometimes two "
          .. "CUDA libraries that do not fit.",
        fixes = {{code = true, say = "Run once with CUDA_LAUNCH_BLOCKING=1, and look at GPU memory just before."},
          {code = true, kind = "pip:package", say = "Then upgrade torch with its nvidia-* packages."}}}
    end
    if code == "702" or hit.text:has("the launch timed out") then
      return {hit = hit, confidence = 0.85,
        why = "A kernel ran longer than the display watchdog of this GPU allows.",
        fixes = {{hardware = true, say = "Use a GPU without a display attached, or shorten the kernels."}}}
    end
    if code == "716" or hit.text:match[[(?i)misaligned address]] then
      return {hit = hit, confidence = 0.78,
        why = "A kernel read or wrote at an address that its access does not allow: a fault of that kernel (or of "
          .. "what it was given), hardly ever of the card.",
        fixes = {
          {code = true,
            say = "Find the kernel: run once with CUDA_LAUNCH_BLOCKING=1 or under compute-sanitizer; a view that "
              .. "starts inside another tensor is a frequent reason (.contiguous(), .clone())."},
              {code = true, kind = "pip:package", say = "Upgrade the package whose kernel it is."}}}
    end
    return {confidence = 0.78,
      why = "A kernel crashed on the GPU without a nearer reason. If it appears with different programs, the card, "
        .. "its power or memory is at fault; if only with one, its kernel.",
      fixes = {
        {hardware = true,
          say = "Run the same on another GPU of the same model, and look in the kernel log for Xid lines; the card "
            .. "may be defective, too hot or underpowered."},
               {driver = "upgrade", say = "Upgrade the driver."},
               {code = true,
                 say = "If only one program does it: run it with CUDA_LAUNCH_BLOCKING=1 or compute-sanitizer."}}}
  end,
  doc = {looks = "'unspecified launch failure', 'misaligned address'.",
    check = "Xid lines in the kernel log; another card."},
}
