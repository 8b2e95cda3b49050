-- What compiled libraries say of the machine and of how they were set: NCCL's warnings, torch's checks in C++. What
-- decides is that the text names a variable, a release or what does not go together; libraries in Python have
-- rules/message.lua and rules/settings.lua.

-- ---- NCCL: a warning that names the variable ----

-- Not what only goes on with broken hardware, and no macro of NCCL's programming interface.
local NCCL_VARIABLE = [[NCCL_(?!DEBUG|IGNORE_DISABLED_P2P|GIN_CONNECTION|CTA_POLICY)[A-Z][A-Z0-9_]*+(?<!_INITIALIZER)]]

local CAUSES = { -- of the words around the variable; the last where none is there
  {"nccl.network", [[(?i)\bNET/|IB_HCA|NIC\b]]},
  {"launch.too-many-ranks", [[(?i)using the same (?:GPU|NVML device)]]},
  {"nccl.init", ""},
}

local function cause_of(text)
  for _, row in ipairs(CAUSES) do
    if text:match(row[2]) then return row[1] end
  end
end

local function remedy(hit)
  local name = hit.variable or hit.by or hit.bad or hit.bad2
  if hit.value then return {set = {[name] = hit.value}, say = ("Set %s to %s."):format(name, hit.value)} end
  if hit.bad or hit.bad2 then
    return {unset = {name}, say = ("Leave %s unset, or give it a value of the form that is asked for."):format(name)}
  end
  return {code = true, kind = "env:" .. name, say = ("Set %s as the warning says, on every rank."):format(name)}
end

-- Two ranks on one GPU are a matter of how many were started; the variable only allows it.
local fewer = {flag = "nproc_per_node", toward = "lower",
  say = "Start as many ranks as there are GPUs, each with its own."}

for _, row in ipairs(CAUSES) do
  local cause = row[1]
  rule {
    id = cause .. "/nccl-says",
    from = {"nccl", "torch", "engine"},
    signatures = {
      set = [[NCCL WARN [^\n]*\b(?:set|setting) (?<variable>]] .. NCCL_VARIABLE .. [[)\b(?:=(?<value>[\w.]+))?]],
      by = [[NCCL WARN [^\n]*\b(?:using|use|verify|check) (?<by>]] .. NCCL_VARIABLE .. [[)\b]],
      wrong = any{
        [[NCCL WARN Invalid (?:value for )?(?<bad>]] .. NCCL_VARIABLE .. [[)\b]],
        [[NCCL WARN (?<bad2>]] .. NCCL_VARIABLE .. [[) has been set to[^\n]*\bnot (?:compatible|supported|valid)\b]],
      },
    },
    context = {failed = [[(?:NCCL error in|ncclSystemError|ncclInternalError|ncclInvalid\w+|ncclUnhandled\w+)]],
      fabric = [[transport/nvls\.cc:\d+ NCCL WARN|Failed to bind NVLink SHARP]]},
    all = {"failed"},
    unless = {"fabric"}, -- nccl.nvls-stale-fabric
    specific_over = {"nccl.init", "app.bug"},
    when = function(_, log)
      local hit = log.wrong or log.set or log.by
      if not hit or cause_of(hit.text) ~= cause then return nil end
      local fix = remedy(hit)
      return {hit = log.failed, evidence = {hit}, confidence = 0.84,
        why = ("NCCL's own warning names what to change: %s."):format(hit.variable or hit.by or hit.bad or hit.bad2),
        fixes = cause == "launch.too-many-ranks" and {fewer, fix} or {fix}}
    end,
    doc = {looks = "NCCL WARN ...: Try selecting NICs of only one link type using NCCL_IB_HCA.",
      check = "The variable that the warning names, in the environment of every rank and in /etc/nccl.conf."},
  }
end

rule {
  id = "cuda.lib-conflict/nccl",
  title = "the program was compiled with another NCCL than the one that is loaded",
  from = {"nccl", "torch", "engine"},
  signatures = {
    built = [[compiled with (?:too old version of NCCL\. It was compiled with )?NCCL version (?<built>[\d.]*\d), ]]
      .. [[but is running with NCCL library version (?<runs>[\d.]*\d)]],
  },
  specific_over = {"nccl.init"},
  confidence = 0.86,
  facts = {"env.LD_LIBRARY_PATH", "python.packages.torch.version"},
  why = "The program was compiled with NCCL {built}, and NCCL {runs} was loaded.",
  fixes = {
    {install = "torch", fresh = true, kind = "pip:nvidia-nccl",
      say = "Install torch anew, with the NCCL that belongs to it."},
    {unset = {"LD_LIBRARY_PATH", "LD_PRELOAD", "VLLM_NCCL_SO_PATH"},
      say = "Or take a foreign NCCL off the library path."},
  },
  doc = {looks = "This application was compiled with NCCL version 2.27.3, but is running with NCCL library version "
    .. "2.29.2.",
    check = "Which libnccl.so.2 the process maps; pip list | grep nccl."},
}

-- ---- torch: what its C++ checks ask for ----

rule {
  id = "env.allocator-invalid/shared",
  title = "the allocator's expandable segments do not go with tensors that processes share",
  from = {"torch"},
  signatures = {
    shared = [[allocated with expandable_segments:True cannot be shared between processes]],
    kernel = [[kernel on this machine does not support the (?<call>\w+) syscall needed to use IPC for CUDA tensors ]]
      .. [[when expandable_segments]],
  },
  facts = {"env.PYTORCH_CUDA_ALLOC_CONF", "env.PYTORCH_ALLOC_CONF", "system.kernel"},
  confidence = 0.88,
  why = {"A tensor on the GPU is to be handed to another process, and memory of expandable segments cannot be handed "
    .. "over here.", "The kernel lacks {call} for it."},
  fixes = {{unset = {"PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"},
    say = "Leave expandable segments off, in every process that shares tensors."}},
  doc = {looks = "Tensors allocated with expandable_segments:True cannot be shared between processes.",
    check = "PYTORCH_CUDA_ALLOC_CONF, and uname -r (5.6 has pidfd_getfd)."},
}

rule {
  id = "cudnn.mismatch/release",
  title = "this release of cuDNN cannot compute what is asked for",
  from = {"torch", "framework"},
  signatures = {
    upgrade = [[cuDNN [^\n]{0,160}consider upgrading to (?<need>\d[\d.]*\d)]],
    since = [[only supported (?:starting|with) cudnn (?:version )?(?<need2>\d[\d.]*\d)]],
    least = [[cuDNN backend version must be at least (?<need3>\d[\d.]*\d)]],
  },
  facts = {"torch.cudnn"},
  confidence = 0.84,
  when = function(_, log)
    local hit = log.upgrade or log.since or log.least
    local need = hit.need or hit.need2 or hit.need3
    return {hit = hit, why = {("This operation needs cuDNN %s."):format(need), "cuDNN {fact:torch.cudnn} is loaded."},
      fixes = {{install = "libcudnn.so.9", need = ">=" .. need, kind = "pip:nvidia-cudnn",
        say = "Upgrade the package of cuDNN that torch brought along."},
        {install = "torch", fresh = true, say = "Or upgrade torch, which brings a newer one."}}}
  end,
  doc = {looks = "cuDNN 9.14.0 has a known bug ... Please consider upgrading to 9.14.1 or newer.",
    check = "torch.backends.cudnn.version()."},
}

rule {
  id = "pip.broken-install/torch-parts",
  title = "torch's own libraries are of two builds",
  from = {"torch"},
  signatures = {
    parts = [[Failed to resolve \w+ from (?<library>lib\w+\.so)\. This usually indicates a version mismatch]],
  },
  confidence = 0.86,
  why = "torch loads {library}, and that is not of the same build.",
  fixes = {{install = "torch", fresh = true,
    say = "Install the same torch anew, so that all its libraries are of one build."}},
  doc = {looks = "Failed to resolve at_cuda_getCurrentCUDASolverDnHandle from libtorch_cuda_linalg.so.",
    check = "Whether two installers (pip, conda) wrote into torch/lib."},
}

-- A variable whose value a library in C throws away, and says so.
rule {
  id = "env.variable-ignored/compiled",
  from = {"torch", "nccl", "engine"},
  signatures = {
    torch = [=[Warning: [`'"]?(?<variable>[A-Z][A-Z0-9]*_[A-Z0-9_]+)[`'"]? environment variable cannot be parsed]=],
    go = [[invalid environment variable, using default"? key="?(?<variable3>[A-Z][A-Z0-9_]+)]],
    nccl = [[NCCL WARN (?:NET/IB ?: )?(?<variable2>NCCL_[A-Z0-9_]+)]] .. any{
      [[=\S+ is (?:being ignored|out of range)]],
      [[: unknown value '[^'\n]*', defaulting]],
    },
  },
  confidence = 0.84,
  when = function(_, log)
    local hit = log.torch or log.nccl or log.go
    local name = hit.variable or hit.variable2 or hit.variable3
    return {hit = hit, severity = "warning", why = ("The value of %s is none that is understood, so it does nothing.")
        :format(name), fixes = {{unset = {name}, say = "Leave it unset, or give it one of the values that are named."}}}
  end,
  doc = {looks = "`TORCH_CPP_LOG_LEVEL` environment variable cannot be parsed.", check = "The variable's value."},
}

-- ---- programs of their own: llama.cpp, Ollama, tritonserver ----

rule {
  id = "engine.arg-invalid/program",
  from = {"engine"},
  signatures = {
    bigger = [[\bTry (?:using |setting )?an? (?:bigger|larger|smaller|lower|higher) (?<flag>--[a-z][\w-]+) value]],
    wrong = [[\binvalid value for (?<flag2>--[a-z][\w-]+): ]],
    unsupported = [[\bunsupported (?<flag4>--[a-z][\w-]+) [^\n]*\bsupported (?:types|values|options)\b]],
    kind = [[\bunsupported (?<flag7>quantization|pooling|dtype)(?: type| method)?: [^\n]*]]
      .. [[\b[Ss]upported [\w ]*(?:types|values|methods) are\b]],
    requires = [[^(?:Error: )?(?<flag5>--[a-z][\w-]+) requires (?:an?|the) [^\n]+]],
    unset = [=[[`'"](?<flag6>--[a-z][\w-]+)[`'"] (?:arg|argument|flag|option) (?:is (?:not set|required|missing)]=]
      .. [[|must be (?:set|given|provided))]],
    empty = [[(?<flag3>--[a-z][\w-]+) (?:can ?not be empty|must be (?:specified|set|given|provided)\s*$)]],
  },
  confidence = 0.84,
  when = function(_, log)
    local hit = log.wrong or log.empty or log.bigger or log.unsupported or log.unset or log.requires
      or log.kind
    local flag = hit.flag or hit.flag2 or hit.flag3 or hit.flag4 or hit.flag5 or hit.flag6 or hit.flag7
    return {hit = hit, why = ("The program names the option that it was started with and cannot use: %s."):format(flag),
      fixes = {{flag = flag:gsub("^-+", ""):gsub("-", "_"), stated = true,
        say = ("Give %s another value, as the message says."):format(flag)}}}
  end,
  doc = {looks = "seq_id=5 >= n_seq_max=4 Try using a bigger --parallel value.", check = "The command line."},
}

rule {
  id = "engine.cpu-build/triton",
  title = "this tritonserver was built without support for GPUs",
  from = {"tritonserver"},
  signatures = {
    cpu = any{[[GPU memory allocation not supported]], [[unexpected CUDA copy flag set while GPU is not supported]]},
  },
  confidence = 0.82,
  why = "The server is a build for the CPU, and the model is to run on a GPU.",
  fixes = {{host = true,
    say = "Use an image of tritonserver for GPUs, or set the model's instance_group to KIND_CPU."}},
  doc = {looks = "GPU memory allocation not supported.", check = "The image's tag (-cpu-only-); instance_group."},
}

-- Programs in Rust and Go that load a model by themselves.
rule {
  id = "vllm.arg-unsupported/backend",
  title = "the engine's backend cannot do what is asked for with this model",
  from = {"engine"},
  signatures = {
    start = [[Could not start (?:\w+ )?backend: (?<what>[^\n]{3,80}?) (?:is|are) not supported for (?<model>\w+)]],
    only = [[Could not start (?:\w+ )?backend: (?<model2>\w+) (?:only supports?|is only supported on) ]]
      .. [[(?<what2>[^\n]{3,80})]],
  },
  confidence = 0.82,
  why = {"{model} has no {what} in this engine.", "In this engine {model2} goes with {what2} and nothing else."},
  when = function(_, log)
    local hit = log.start or log.only
    local pooling = hit.what and hit.what:match[[(?i)splade|classifier|pool]]
    return {hit = hit, fixes = {
      pooling and {flag = "pooling", stated = true, say = "Choose another pooling, or a model that was made for it."}
        or {code = true, kind = "param:model", say = "Serve another model, or use a newer release of the engine."}}}
  end,
  doc = {looks = "Could not start backend: `splade` is not supported for ModernBert.",
    check = "The model's config.json (architectures), and how the server was started."},
}

rule {
  id = "torch.no-kernel-image/tei-feature",
  title = "text-embeddings-inference was built without the kernels of this GPU",
  from = {"engine"},
  signatures = {feature = [=[[Ff]lash attention (?<version>v\d) is not installed\. Use [`'"]flash-attn]=]},
  facts = {"gpus.0.name", "gpus.0.cc"},
  confidence = 0.82,
  why = {"This build has no flash attention {version}, which this GPU and model need.", "It is a {fact:gpus.0.name}."},
  fixes = {{image = "tei", kind = "rebuild:tei", say = "Use the image that is made for this GPU."}},
  doc = {looks = "Flash attention v1 is not installed. Use `flash-attn-v1` feature.", check = "The image's tag."},
}

rule {
  id = "hf.incomplete/engine",
  title = "a file of the model is missing or not whole",
  from = {"engine"},
  signatures = {
    weights = [[\bWeights not found: ]],
    json = [=[(?:[Ff]ailed|[Uu]nable) to parse [`'"]?(?<file>(?:\w*config\w*|tokenizer|special_tokens_map|modules)]=]
      .. [=[\.json)\b]=],
    split = [[split GGUF [^\n]*\bis missing (?:shard|split)\b]],
    short = [[tensor \S+ offset\s?\+\s?size \(\d+\) exceeds file size]],
  },
  confidence = 0.84,
  why = "The engine reads the model's files itself, and one of them is not there or cannot be read.",
  fixes = {{fetch = true, say = "Download the model again, with all of its files."}},
  doc = {looks = "Weights not found: ...; Failed to parse `config.json`.",
    check = "The files in the model's folder against those on the hub."},
}

rule {
  id = "rocm.mismatch/ollama",
  title = "this ROCm has nothing for this GPU",
  from = {"engine"},
  signatures = {
    target = [[no rocblas support for gfx target[^\n]*?\b(?<gfx>gfx\w+)]],
    runtime = [[\bno (?<library>amdhip64|libamdhip64|hip) runtime (?:DLL|library) found]],
  },
  confidence = 0.82,
  when = function(_, log)
    local hit = log.target or log.runtime
    return {hit = hit, severity = "warning", lasts = true,
      why = {"The program's ROCm has no rocblas for {gfx}.", "ROCm's runtime ({library}) is not installed."},
      fixes = {{host = true, kind = "os", say = hit == log.target and "Run it on a GPU that this ROCm has code for, or "
        .. "with a release of ROCm that has it." or "Install AMD's driver with ROCm's runtime."}}}
  end,
  doc = {looks = "dropping ROCm device - no rocblas support for gfx target.", check = "rocminfo | grep gfx."},
}
