-- Triton and torch.compile beside their build at run time (triton.compile stands in cuda.lua): releases that do not fit, limits of the
-- GPU, what Windows lacks.

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

rule {
  id = "sys.lib-missing/windows",
  signatures = {
    torch = [[\[WinError (?<code>126|127|182|1114)\][^\n]{0,160}Error loading ["'][^"'\n]*[\\/]torch[\\/]lib[\\/](?<dll>\w+\.dll)]],
    triton = [[DLL load failed while importing libtriton]],
  },
  facts = {"system.os.name", "torch.version"},
  confidence = 0.85,
  title = "Windows lacks the C++ runtime that torch's libraries need",
  why = {"A library of torch cannot be loaded ({dll}): what it needs itself is missing or too old, nearly always Microsoft's C++ runtime (or its OpenMP part, libomp140).", "torch is {fact:torch.version}."},
  fixes = {
    {kind = "os", say = "Install the current Visual C++ redistributable (x64) and start a new console.", command = "winget install Microsoft.VCRedist.2015+.x64"},
    {kind = "pip:torch", say = "If it stays: reinstall torch (torch 2.4.0's fbgemm.dll needs libomp140, which 2.4.1 brings).", command = "pip install --force-reinstall torch"},
  },
  doc = {looks = "[WinError 126] ... Error loading \"...\\torch\\lib\\fbgemm.dll\" or one of its dependencies.", check = "Which DLL it names; the installed redistributables."},
}
