-- Codes of CUDA that name no cause by themselves: what stands around them does.

local ANYBODY = {"native", "torch", "engine", "framework", "numbers", "compiler", "hub", "app", "other"}

rule {
  id = "torch.no-kernel-image/ptx",
  title = "the driver cannot compile the program's PTX for this GPU",
  from = ANYBODY,
  signatures = {
    invalid = any{[[a PTX JIT compilation failed]], [[CUDA_ERROR_INVALID_PTX]], [[cudaErrorInvalidPtx]],
      [[\bErrorInvalidPtx\b]], [[\bCUDA (?:driver |runtime )?error(?: code)?[ :=(]{1,3}218\b]]},
  },
  context = {
    newer = [[Unsupported \.version|unsupported toolchain]], -- torch.ptx-too-new
    rust = any{[[DriverError\(CUDA_ERROR]], [[\bcandle\b]], [[\bcudarc\b]], [[CUDA_COMPUTE_CAP]]},
    inline = [[ptxas (?:application ptx input|<?\S+>?), line \d+; (?:error|fatal) *: (?<said>[^\n]{4,120})]],
    triton = [[triton[/\\]|\bPTXASError\b]],
  },
  unless = {"newer", "triton"},
  facts = {"gpus.0.name", "gpus.0.compute_capability", "driver.version"},
  rival = {cause = "torch.ptx-too-new", decides = "whether the CUDA that built it (nvcc --version there) is newer than "
    .. "the driver's (nvidia-smi)"},
  confidence = 0.72,
  when = function(_, log)
    local build = {code = true, kind = "rebuild:extension", say = "Build it for the compute capability of this GPU, "
      .. "with a CUDA that is not newer than the driver's."}
    if log.rust then
      build = {setting = "compute-cap", kind = "rebuild:extension", say = "Build it anew on this machine, for the "
        .. "compute capability of its GPU."}
    end
    return {evidence = {log.inline}, why = {"The program carries PTX, which the driver compiles as it starts, and that "
        .. "fails: it was made for a newer GPU than this one, or by a newer CUDA than the driver knows.",
        log.inline and "The driver's compiler says: {said}." or nil,
        "GPU: {fact:gpus.0.name}, compute capability {fact:gpus.0.compute_capability}."},
      values = {said = log.inline and log.inline.said}, fixes = {build, {driver = "upgrade", say = "Or upgrade the "
        .. "driver, where the CUDA that built it is newer."}}}
  end,
  doc = {looks = "CUDA_ERROR_INVALID_PTX, a PTX JIT compilation failed (218).",
    check = "nvidia-smi --query-gpu=compute_cap,driver_version against what the program was built for."},
}

rule {
  id = "app.bug/launch-resources",
  title = "a kernel asks for more registers, threads or shared memory than this GPU has",
  from = ANYBODY,
  signatures = {resources = any{[[too many resources requested for launch]], [[CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES]],
    [[cudaErrorLaunchOutOfResources]], [[\bCUDA (?:driver |runtime )?error(?: code)?[ :=(]{1,3}701\b]]}},
  facts = {"gpus.0.name", "torch.version"},
  specific_over = {"app.bug"},
  confidence = 0.66,
  why = {"CUDA refuses to start a kernel: its block wants more registers, threads or shared memory than this GPU "
    .. "gives one block. It is no lack of GPU memory.", "GPU: {fact:gpus.0.name}."},
  fixes = {
    {code = true, kind = "pip:package", say = "Upgrade the library whose kernel it is (torch, where its own code is "
      .. "the innermost frame), or take its build for this GPU."},
    {code = true, say = "In a kernel of your own: fewer threads a block, or __launch_bounds__; no debug build (-G)."},
  },
  doc = {looks = "CUDA error: too many resources requested for launch (701).", check = "Which kernel: run it with "
    .. "CUDA_LAUNCH_BLOCKING=1."},
}

-- Parts of CUDA that a GPU does not offer where it is handed out in part (vGPU, MIG), under WSL2 or on a Jetson.
local NOT_OFFERED = {
  {call = [[(?i)cuMem(?:Create|Map|AddressReserve|SetAccess)|expandable|\bVMM\b|pool_vmm]],
    what = "to lay out GPU memory page by page (virtual memory management)", variable = "PYTORCH_CUDA_ALLOC_CONF",
    value = "expandable_segments:False", say = "Let torch's allocator do without.", ggml = true},
  {call = [[(?i)cudaMalloc(?:FromPool)?Async|cuMemAllocAsync|MemPool|memory pool|cuda_malloc_async]],
    what = "memory pools (cudaMallocAsync)", variable = "PYTORCH_CUDA_ALLOC_CONF", value = "backend:native",
    say = "Let torch use its own allocator."},
  {call = [[(?i)cu(?:da)?Ipc|custom_all_?reduce]], what = "memory that processes share (CUDA IPC)",
    flag = "disable_custom_all_reduce", say = "Let the engine exchange data through NCCL alone."},
}

rule {
  id = "driver.unknown-error/not-offered",
  title = "this GPU does not offer what was called, as it is handed out here",
  from = ANYBODY,
  signatures = {refused = any{[[CUDA[^\n]{0,80}: operation not supported]], [[CUDA_ERROR_NOT_SUPPORTED]],
    [[cudaErrorNotSupported]], [[\bCUDA (?:driver |runtime )?error(?: code)?[ :=(]{1,3}801\b]]}},
  context = {
    memory = [[cuMem(?:Create|Map|AddressReserve|SetAccess)\b|expandable_segments|pool_vmm]],
    pool = [[cudaMalloc(?:FromPool)?Async|cuMemAllocAsync|cuda(?:Device\w*)?MemPool\w*|cuda_malloc_async]],
    ipc = [[\bcu(?:da)?Ipc\w+|custom_all_?reduce]],
    ggml = [[ggml[-_]cuda]], sglang = [[\bsglang\b]], stream = [[unable to create stream: operation not supported]],
  },
  unless = {"stream"},
  facts = {"gpus.0.name", "system.kernel"},
  when = function(_, log)
    local call = log.memory or log.pool or log.ipc
    local off
    for _, row in ipairs(NOT_OFFERED) do
      if not off and call and call.text:match(row.call) then off = row end
    end
    if (log.refused.event.tier or 0) < 1 then return nil end
    local other = {host = true, kind = "os", say = "Or have the whole GPU passed through, or a profile that allows "
      .. "it (vGPU: C or Q series)."}
    if not off then
      return {confidence = 0.5, fixes = {other}, why = "CUDA answers that this GPU does not support the call. It is "
        .. "seen on parts of a card (vGPU, MIG), under WSL2 and on Jetson: nvidia-smi -q shows which of them this is."}
    end
    local fix = off.flag and {flag = off.flag, engine = log.sglang and "sglang" or "vllm", value = true, say = off.say}
      or off.ggml and log.ggml and {setting = "llama-no-vmm", kind = "rebuild:llama.cpp",
        say = "Build it without that."}
      or {set = {[off.variable] = off.value}, say = off.say}
    return {evidence = {call}, confidence = 0.72, why = ("CUDA was asked %s, and answers that this GPU does not "
      .. "support it here: so it is on parts of a card (vGPU), and with some calls under WSL2 and on "
      .. "Jetson."):format(off.what),
      fixes = {fix, other}}
  end,
  doc = {looks = "CUDA error: operation not supported (801), cudaErrorNotSupported, CUDA_ERROR_NOT_SUPPORTED.",
    check = "nvidia-smi -q | grep -i virtual; whether the kernel is WSL's."},
}
