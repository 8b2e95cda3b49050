-- Triton and torch.compile beside their build at run time (triton.compile stands in cuda.lua): releases that do not
-- fit, limits of the

-- GPU.

-- The triton that the installed torch asks for, by its own metadata; nil where that is met or not known.
local function pinned_triton(f)
  for _, conflict in ipairs(type(f"python.conflicts") == "table" and f"python.conflicts" or {}) do
    local bounds = conflict.package == "torch" and tostring(conflict.requires
      or ""):match([=[^triton\s*\(?([<>=!~][^;()]*)]=])
    if bounds then return bounds end
  end
  return nil
end

rule {
  id = "torch.triton-mismatch",
  anyone = "interpreter",
  signatures = {
    import = [[cannot import name '(?<imported>\w+)' from (?:partially initialized module )?'triton(?:\.]]
      .. [[(?<module>[\w.]+))?']],
    attribute = [[(?:'KernelMetadata' object has no attribute '|'CompiledKernel' object has no attribute '|]]
      .. [[module 'triton(?:\.\w+)*' has no attribute ')(?<attribute>\w+)]],
    target = [[AssertionError: target must be of GPUTarget type]],
    gone = [[No module named 'triton\.(?!ops)(?<gone>[\w.]+)']],
  },
  context = {perf = [[early_config_prune|estimate_matmul_time]]},
  unless = {"perf"},
  facts = {"python.packages.triton.version", "torch.version"},
  specific_over = {"pip.module-missing", "hf.version-conflict", "pip.conflict", "pip.broken-install", "triton.compile"},
  when = function(f, log)
    local hit = log.import or log.attribute or log.gone or log.target
    if (hit.event.tier or 0) < 2 then return nil end -- a notice: it goes on without
    local have = f.pkg"triton" or nil
    local module = "triton" .. (hit.module and "." .. hit.module or "")
    local answer = hit == log.import and atlas.name(module, hit.imported, have)
    local changed = answer and answer.state == "changed"
    local windows = log.has_frame[=[^[A-Za-z]:\\]=]
    return {hit = hit, confidence = 0.82, title = "triton is not of the release that this torch (or library) was "
      .. "written for",
      why = {"A part of triton's interface is not there: triton and what imports it are of releases that do not "
        .. "belong together.",
        changed and ("%s is in triton %s only."):format(hit.imported, answer.newer or answer.older) or nil,
        "triton is {fact:python.packages.triton.version}.", "torch is {fact:torch.version}."},
      fixes = {{install = windows and "triton-windows" or "triton",
          need = pinned_triton(f) or changed and (answer.newer or answer.older) or nil,
          say = "Install the triton that this torch asks for (on Windows the triton-windows of the same minor "
            .. "version)."},
        {install = "torch", with = {"triton"}, say = "Or upgrade torch, which brings its triton."},
        {code = true, kind = "pip:package", say = "If the import stands in another library: a release of that "
          .. "library for this triton."}}}
  end,
  doc = {looks = "cannot import name 'triton_key' from 'triton.compiler.compiler', 'KernelMetadata' object has no "
    .. "attribute 'cluster_dims'.", check = "pip check; triton against torch's own requirement."},
}

rule {
  id = "sys.python-version/dynamo",
  from = {"torch"},
  signatures = {python = [[(?:Dynamo is not supported on Python (?<version>3\.\d+)|]]
    .. [[Python (?<version2>3\.\d+)\+ not yet supported for torch\.compile|torch\.compile (?:is|]]
    .. [[requires)[^\n]{0,30} (?:not supported on|older than) Python (?<version3>3\.\d+))]]},
  facts = {"python.version", "torch.version"},
  confidence = 0.92,
  why = {"This torch cannot compile (torch.compile) under this Python: it came out before that Python was supported.",
    "torch is {fact:torch.version}, Python {fact:python.version}."},
  when = function(f)
    local python, need = f"python.version" or "", nil
    for _, row in ipairs{{">=3.14", ">=2.10"}, {">=3.13", ">=2.6"}, {">=3.12", ">=2.4"}, {">=3.11", ">=2.1"}} do
      if not need and version.matches(python, row[1]) then need = row[2] end
    end
    return {fixes = {
      {install = "torch", need = need, say = "Upgrade torch to a release that compiles under this Python."},
      {code = true, kind = "conda", say = "Or use an older Python for this torch."},
      {set = {TORCHDYNAMO_DISABLE = "1"}, say = "Or run without compiling."}}}
  end,
  doc = {looks = "'Dynamo is not supported on Python 3.12+'.", check = "python --version against torch's release."},
}

rule {
  id = "triton.compile/windows",
  from = {"torch"},
  signatures = {windows = [[Windows not yet supported for torch\.compile]]},
  facts = {"torch.version"},
  confidence = 0.9,
  title = "this torch cannot compile on Windows",
  why = {"torch.compile of this release does not run on Windows.", "torch is {fact:torch.version}."},
  fixes = {
    {install = "torch", with = {"triton-windows"}, say = "Upgrade torch (and install triton-windows for kernels on "
      .. "the GPU)."},
    {set = {TORCHDYNAMO_DISABLE = "1"}, say = "Or switch torch.compile off, or run under WSL2."},
  },
  doc = {looks = "'Windows not yet supported for torch.compile'.", check = "torch.__version__."},
}

rule {
  id = "dtype.unsupported/shared-memory",
  from = {"triton", "torch"},
  signatures = {resources = [[out of resources?: (?<what>shared memory|registers|threads|]]
    .. [[tensor memory), Required: (?<need>\d+), Hardware limit: (?<have>\d+)]]},
  facts = {"gpus.0.name", "gpus.0.compute_capability", "python.packages.triton.version"},
  confidence = 0.6,
  title = "a triton kernel wants more of a GPU's resources than this GPU has",
  why = {"The kernel's tiles need {need} bytes of {what}, and this GPU has {have}: they were chosen for another "
    .. "(mostly a data-centre) GPU.", "{fact:gpus.0.name}."},
  fixes = {
    {code = true, kind = "pip:package",
      say = "Upgrade the library whose kernel it is (and triton with torch): newer releases choose tiles by the GPU."},
    {code = true, kind = "param:attn_implementation", say = "Or switch that kernel off: another attention or "
      .. "quantization backend."},
    {hardware = true, say = "Or use a GPU with more shared memory per multiprocessor."},
  },
  doc = {looks = "OutOfResources: out of resource: shared memory, Required: ..., Hardware limit: ...",
    check = "Which kernel; consumer GPUs have about 100 KB, data-centre ones 164 to 228 KB."},
}

-- Another attention backend of the same engine, which is compiled for whatever GPU is there.
local EVERYWHERE = {sglang = "triton", vllm = "TRITON_ATTN"}

rule {
  id = "vllm.arg-unsupported/kernel-arch",
  from = {"kernels", "engine", "compiler", "quantizer", "other"},
  signatures = {
    only = [[(?i)\b(?<need>only (?:SM ?|sm_|compute capabilit(?:y|ies) )\d[\w.]*[^\n]{0,40}?(?:is|are) supported|]]
      .. [[only supports? (?:SM ?|sm_|compute capabilit(?:y|ies) )\d[\w.]*[^\n]{0,30}|]]
      .. [[only supported on (?:SM ?|sm_)\d[\w.]*[^\n]{0,30})]],
    refuses = [[(?i)(?:unsupported (?:SM|compute capability|CUDA arch(?:itecture)?|GPU arch(?:itecture)?)\b:? ?]]
      .. [[(?:version )?\(?(?<has>\d[\d.]*)|\b(?:SM ?|sm_)(?<has2>\d[\w.]*) (?:is|are) (?:not|un)(?: yet)? ?]]
      .. [[supported)]],
  },
  facts = {"gpus.0.name", "gpus.0.compute_capability"},
  title = "this kernel is not made for this GPU",
  when = function(_, log)
    local hit = log.only or log.refuses
    if (hit.event.tier or 0) < 3 then return nil end
    local attention = log.has_frame[[(?i)attention|flash_attn|\bfmha\b|\bmla\b]]
    local experts = log.has_frame[[(?i)\bmoe\b|fused_moe|experts]]
    local engine = log.engine_seen
    local other = attention and EVERYWHERE[engine or ""]
    local first = other and {flag = "attention_backend", value = other, engine = engine,
        say = "Choose an attention backend that is compiled for every GPU."}
      or experts and engine == "sglang" and {flag = "moe_runner_backend", stated = true,
        spelled = "--moe-runner-backend triton",
        say = "Choose a backend of the experts that is compiled for every GPU."}
      or {code = true, kind = "param:backend", say = "Choose another backend of that operation (attention, experts or "
        .. "quantization) in the engine's settings."}
    return {hit = hit, confidence = 0.82, fixes = {first, {hardware = true, say = "Or run it on a GPU that the kernel "
      .. "is made for."}}}
  end,
  why = {"A kernel was chosen that does not run on this GPU: {need}.", "It refuses compute capability {has}.",
    "It refuses sm_{has2}.", "{fact:gpus.0.name}: compute capability {fact:gpus.0.compute_capability}."},
  doc = {looks = "AssertionError: Only SM 10.x and 11.x are supported; Unsupported compute capability 7.5.",
    check = "The GPU's compute capability; the backend in the command line (or the engine's own choice)."},
}

rule {
  id = "vllm.arg-unsupported/flashinfer-arch",
  from = {"kernels", "engine", "compiler", "other"},
  signatures = {none = [=[No supported CUDA architectures found for major versions \[(?<majors>[\d, ]+)\]]=]},
  facts = {"gpus.0.name", "gpus.0.compute_capability", "python.packages.flashinfer-python.version"},
  confidence = 0.84,
  title = "FlashInfer has no such kernel for this GPU",
  why = {"FlashInfer builds that kernel only for GPUs whose compute capability begins with {majors}, and finds none.",
    "{fact:gpus.0.name}: compute capability {fact:gpus.0.compute_capability}."},
  fixes = {
    {code = true, kind = "param:quantization",
      say = "Choose another backend than FlashInfer's for what asks for it (attention, experts or quantization)."},
    {install = "flashinfer-python", say = "Or upgrade flashinfer with the engine: newer releases build for more GPUs."},
  },
  doc = {looks = "'No supported CUDA architectures found for major versions [10].'",
    check = "The GPU's compute capability; which kernel was asked for."},
}
