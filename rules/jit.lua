-- Triton and torch.compile beside their build at run time (triton.compile stands in cuda.lua): releases that do not fit, limits of the
-- GPU.

rule {
  id = "triton.compile/skew",
  signatures = {
    import = [[cannot import name '(?<imported>\w+)' from (?:partially initialized module )?'triton(?:\.(?<module>[\w.]+))?']],
    attribute = [[(?:'KernelMetadata' object has no attribute '|'CompiledKernel' object has no attribute '|module 'triton(?:\.\w+)*' has no attribute ')(?<attribute>\w+)]],
    gone = [[No module named 'triton\.(?!ops)(?<gone>[\w.]+)']],
  },
  context = {perf = [[early_config_prune|estimate_matmul_time]]},
  unless = {"perf"},
  facts = {"python.packages.triton.version", "torch.version"},
  specific_over = {"pip.module-missing", "hf.version-conflict", "pip.conflict", "pip.broken-install"},
  when = function(_, log)
    local hit = log.import or log.attribute or log.gone
    if (hit.event.tier or 0) < 2 then return nil end -- a notice: it goes on without
    return {hit = hit, confidence = 0.82, title = "triton is not of the release that this torch (or library) was written for",
      why = {"A part of triton's interface is not there: triton and what imports it are of releases that do not belong together.", "triton is {fact:python.packages.triton.version}.", "torch is {fact:torch.version}."},
      fixes = {{kind = "pip:triton", say = "Install the triton that this torch asks for (pip check names it; on Windows the triton-windows of the same minor version).", command = "pip check; pip install --force-reinstall torch"},
               {kind = "pip:torch", say = "Or upgrade torch, which brings its triton."}, {kind = "pip:package", say = "If the import stands in another library: a release of that library for this triton."}}}
  end,
  doc = {looks = "cannot import name 'triton_key' from 'triton.compiler.compiler', 'KernelMetadata' object has no attribute 'cluster_dims'.", check = "pip check; triton against torch's own requirement."},
}

rule {
  id = "sys.python-version/dynamo",
  signatures = {python = [[(?:Dynamo is not supported on Python (?<version>3\.\d+)|Python (?<version2>3\.\d+)\+ not yet supported for torch\.compile|torch\.compile (?:is|requires)[^\n]{0,30} (?:not supported on|older than) Python (?<version3>3\.\d+))]]},
  facts = {"python.version", "torch.version"},
  confidence = 0.92,
  why = {"This torch cannot compile (torch.compile) under this Python: it came out before that Python was supported.", "torch is {fact:torch.version}, Python {fact:python.version}."},
  fixes = {
    {kind = "pip:torch", say = "Upgrade torch to a release that supports this Python."},
    {kind = "conda", say = "Or use an older Python for this torch."},
    {kind = "env:TORCHDYNAMO_DISABLE", say = "Or run without compiling.", command = "export TORCHDYNAMO_DISABLE=1", set = {TORCHDYNAMO_DISABLE = "1"}},
  },
  doc = {looks = "'Dynamo is not supported on Python 3.12+'.", check = "python --version against torch's release."},
}

rule {
  id = "triton.compile/windows",
  signatures = {windows = [[Windows not yet supported for torch\.compile]]},
  facts = {"torch.version"},
  confidence = 0.9,
  title = "this torch cannot compile on Windows",
  why = {"torch.compile of this release does not run on Windows.", "torch is {fact:torch.version}."},
  fixes = {
    {kind = "pip:torch", say = "Upgrade torch (and install triton-windows for kernels on the GPU).", command = "pip install -U torch triton-windows"},
    {kind = "code", say = "Or switch torch.compile off (TORCHDYNAMO_DISABLE=1), or run under WSL2."},
  },
  doc = {looks = "'Windows not yet supported for torch.compile'.", check = "torch.__version__."},
}

rule {
  id = "dtype.unsupported/shared-memory",
  signatures = {resources = [[out of resources?: (?<what>shared memory|registers|threads|tensor memory), Required: (?<need>\d+), Hardware limit: (?<have>\d+)]]},
  facts = {"gpus.0.name", "gpus.0.compute_capability", "python.packages.triton.version"},
  confidence = 0.6,
  title = "a triton kernel wants more of a GPU's resources than this GPU has",
  why = {"The kernel's tiles need {need} bytes of {what}, and this GPU has {have}: they were chosen for another (mostly a data-centre) GPU.", "{fact:gpus.0.name}."},
  fixes = {
    {kind = "pip:package", say = "Upgrade the library whose kernel it is (and triton with torch): newer releases choose tiles by the GPU."},
    {kind = "param:attn_implementation", say = "Or switch that kernel off: another attention or quantization backend."},
    {kind = "hardware", say = "Or use a GPU with more shared memory per multiprocessor."},
  },
  doc = {looks = "OutOfResources: out of resource: shared memory, Required: ..., Hardware limit: ...", check = "Which kernel; consumer GPUs have about 100 KB, data-centre ones 164 to 228 KB."},
}
