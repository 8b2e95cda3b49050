-- Data types: what this GPU, this torch or the other operand has not.

rule {
  id = "app.bug/dtype-mismatch",
  from = {"torch"},
  signatures = {
    matmul = any{
      [[\w+ and \w+ must have the same dtype,? but got]],
      [[expected m1 and m2 to have the same dtype, but got]],
    } .. [=[[: ]]=],
    scalar = [[expected scalar type (?:Half|BFloat16|Float|Double) but found (?:Half|BFloat16|Float|Double)\b]],
    layer = [[Input type \((?:c10::Half|c10::BFloat16|float|double)\) and (?:weight|bias) type \((?:c10::Half]]
      .. [[|c10::BFloat16|float|double)\) should be the same]],
    index_put = [[Index put requires the source and destination dtypes match, got]],
  },
  confidence = 0.75,
  why = "Two tensors of one operation have different floating point types: the model was loaded in another type than "
    .. "its inputs (or a part of it, such as an adapter or a norm, than the rest).",
  fixes = {
    {code = true,
      say = "Give the model inputs of its own type (inputs.to(model.dtype)), or run the call under torch.autocast."},
    {argument = "dtype",
      say = "Or load every part of the model in the same type (torch_dtype of the base model and of the adapter)."},
  },
  doc = {looks = "'mat1 and mat2 must have the same dtype, but got Float and Half'.",
    check = "The dtypes of the parameters and of the inputs at the last line of the traceback."},
}

rule {
  id = "dtype.unsupported",
  from = {"torch", "engine", "hub", "kernels", "quantizer", "compiler", "other"},
  signatures = {
    below = [[(?:doesn't|does not) support [^\n]{0,40}\bhalf (?:type|precision) with compute capability less than]],
    bf16 = any{
      [[Bfloat16 is only supported on GPUs with compute capability of at least 8\.0]],
      [[Your (?:setup|GPU) doesn't support bf16(?:/gpu)?(?![^\n]*\buse_cpu\b)]], -- which it says of no GPU
      [[bf16 (?:is )?not supported]],
      [[does not support bfloat16]],
    },
    fp8 = [[(?:fp8|FP8|float8|Float8|e4nv)[^\n]{0,120}]] .. any{
      [[only supported on (?:GPU|device|SM|Ada|Hopper|CUDA)]],
      [[supported only on]],
      [[requires (?:an? )?(?:CUDA )?(?:SM ?\d|compute capability|GPU)]],
      [[compute capability]],
      [[not supported on (?:this|your|the current|MPS|CPU|GPU|SM|device)]],
      [[not supported in this architecture]],
    },
    scaled_mm = [[torch\._scaled_mm[^\n]{0,60}(?:only supported on|is only supported|compute capability)]],
    flash = any{
      [[FlashAttention only supports (?:Ampere|Hopper|Turing)[^\n]*]],
      [[FlashAttention-3 (?:only|requires)[^\n]*]],
      [[FlashInfer requires (?:GPUs? with )?(?:sm|SM)_?\d+[^\n]*]],
      [[Expected is_sm\d+(?: \|\| is_sm\w+)* to be true]],
      [[FlashAttention (?:backward for head dim > \d+ requires|forward only supports head dimension at most)[^\n]*]],
      [[flash[- ]?attention[^\n]{0,60}(?:requires|only support\w*)[^\n]{0,60}(?:Ampere]]
        .. [[|compute capability|sm_?\d+|GPUs?)]],
    },
    capability = any{
      [[The quantization method (?<method>\S+) is not supported for the current GPU\. Minimum capability: (?<min>\d+)]],
      [[[Cc]ompute [Cc]apability (?<need2>[\d.]+)\)? or (?:higher|newer architecture is) required]],
      [[requires (?:an? )?(?:\w+ or later )?(?:GPUs? )?(?:with )?(?:CUDA )?(?:compute )?capability (?:of )?]]
        .. [[(?:at least |>= ?)?`?(?<need>\d\.?\d)]],
      [[GPU with CUDA capability (?<cap1>\d+)[ .](?<cap2>\d) is not supported]],
      [[only supported on (?:GPUs|(?:CUDA )?devices) with (?:CUDA )?compute capability (?:>=?|of at least) ]]
        .. [[(?<need3>\d+\.\d)]],
      [[GPUs with compute capability below (?<below>[\d.]+) are not supported]],
      [[not supported on GPUs with compute capability < (?<below2>[\d.]+)]],
      [[Feature '[^'\n]+' (?:with [^\n]{0,40} )?requires \.target sm_\d+ or higher]],
    },
    flash_dtype = [[FlashAttention only support fp16 and bf16 data type]],
    half_cpu = [=[["']]=] .. any{
      [[addmm_impl_cpu_]], [[LayerNormKernelImpl]], [[baddbmm_with_gemm]], [[softmax_lastdim_kernel_impl]],
      [[slow_conv2d_cpu]], [[compute_indices_weights_cubic]], [[upsample\w*]], [[erfinv_vml_cpu]], [[addmv_impl_cpu]],
      [[clamp_min_scalar_cpu]], [[log]], [[mse_cpu]], [[rsqrt_vml_cpu]], [[index_add_cuda_]],
      [[triu_tril_cuda_template]], [[multinomial\w*]], [[\w+_cpu]],
    } .. [=[["'] not implemented for ['"](?<dtype>Half|BFloat16|Float8\w*)['"]]=],
    xformers = any{
      [[No operator found for `memory_efficient_attention]],
      [[requires device with capability > \(\d+, \d+\) but your GPU has capability]],
    },
  },
  context = {not_built = [[xFormers (?:can't load C\+\+/CUDA extensions|wasn't buil[dt] with CUDA support)]]},
  facts = {"gpus.0.compute_capability", "gpus.0.name"},
  when = function(f, log)
    if log.below then
      return {hit = log.below, confidence = 0.86, why = "This GPU cannot do that in half precision.",
        fixes = {{flag = "dtype", value = "float32", stated = true, kind = "param:dtype",
            say = "Compute in float32 on this GPU (no half)."},
          {hardware = true, say = "Or use a newer GPU."}}}
    end
    if log.half_cpu and not (log.bf16 or log.flash) then
      return {hit = log.half_cpu, confidence = 0.84,
        why = ("The CPU (or this kernel) has no %s version of that operation: the model was loaded in half precision "
          .. "and runs where half precision is not implemented."):format(log.half_cpu.dtype),
        fixes = {{argument = "torch_dtype", kind = "param:dtype", value = "torch.float32",
          say = "Run on the GPU, or load in float32 on the CPU."}}}
    end
    if log.flash_dtype and not (log.flash and log.flash.text:match[[Ampere|Hopper]]) then
      return {hit = log.flash_dtype, confidence = 0.85, why = "FlashAttention was asked to work on float32 tensors.",
        fixes = {{argument = "torch_dtype", kind = "param:dtype", value = "torch.bfloat16",
          say = "Load the model in bfloat16 (float16 on GPUs before Ampere)."},
          {argument = "attn_implementation", say = "Or use attn_implementation='sdpa'."}}}
    end
    local hit = log.bf16 or log.flash or log.fp8 or log.scaled_mm or log.capability or log.xformers
    -- its own kernels did not load or are not in it: ext.abi-mismatch
    if log.xformers and log.not_built then return nil end
    if hit and hit.need3 and hit.event.kind ~= "exception" then return nil end -- what is left out then, as a notice
    if hit == log.xformers and hit then
      return {hit = hit, confidence = 0.78, why = "xformers has no attention kernel for this dtype, shape or GPU.",
        fixes = {{argument = "attn_implementation", say = "Use torch's own attention (sdpa), or float16 inputs."},
          {install = "xformers", say = "Or install the xformers build made for this torch."}}}
    end
    if hit == log.capability and hit.below then
      return {hit = hit, confidence = 0.78, why = {"This engine runs on GPUs of capability {below} and later only.",
        "{fact:gpus.0.name}: compute capability {fact:gpus.0.compute_capability}."},
        fixes = {{hardware = true,
          say = "Use a newer GPU, or an engine that still supports this one (llama.cpp, transformers)."}}}
    end
    -- a kernel of a library: its data type need not be what is too new
    if hit == log.capability and not hit.text:match[[(?i)\b(?:b?float|bf16|fp\d|half|e\dm\d)]] then
      local plain = (hit.method or ""):match[[^(awq|gptq)_marlin\b]] -- the same weights, older kernels
      return {hit = hit, confidence = 0.88, why = {"This kernel needs a GPU of another generation.",
        "{fact:gpus.0.name}: compute capability {fact:gpus.0.compute_capability}."},
        fixes = {plain and {flag = "quantization", value = plain, say = "Take the plain kernels (and --dtype half)."}
          or {hardware = true, say = "Run it on such a GPU."},
          {code = true, kind = "param:quantization",
            say = "Or choose another kernel (backend) or quantization than the one that the message names."}}}
    end
    local attention = hit == log.flash
    local flag, told = hit.text:match[=[(?i)\b(?:with|use|set|pass) [`'"]?--([a-z][\w-]*dtype)[ =]([a-z]\w+)]=]
    return {hit = hit, confidence = 0.92, why = {"This GPU is older than what that data type or kernel needs.",
      "{fact:gpus.0.name}: compute capability {fact:gpus.0.compute_capability}."},
      fixes = attention and log.engine_said == "tgi" and {{set = {USE_FLASH_ATTENTION = "false"},
          say = "Start it without flash attention: TGI falls back to plain kernels then, for the models that have "
          .. "such."},
        {hardware = true, say = "Or a GPU of the Ampere generation or later."}}
        or attention and {{argument = "attn_implementation", say = "Use another attention: "
          .. "attn_implementation='sdpa' (or 'eager'); vLLM: VLLM_ATTENTION_BACKEND=XFORMERS."},
        {hardware = true, say = "Or a GPU of the Ampere generation or later."}}
        or flag and {{flag = flag:gsub("-", "_"), stated = true, spelled = ("--%s %s"):format(flag, told),
          say = ("Start it with --%s %s, as it says."):format(flag, told)}}
        or {{flag = "dtype", value = "half", engine = log.bf16 and log.bf16.text:has"Bfloat16 is only" and "vllm"
          or nil, say = "Use float16 instead."}, {hardware = true,
          say = "Or a GPU that supports it (bf16: 8.0 and later; fp8: 8.9 and later)."}}}
  end,
  doc = {looks = "'Bfloat16 is only supported on GPUs with compute capability of at least 8.0', 'FlashAttention only "
    .. "supports Ampere GPUs or newer'.",
    check = "The GPU's compute capability."},
}

rule {
  id = "dtype.unsupported/library",
  from = {"torch", "native"},
  signatures = {
    cublas = [[CUBLAS_STATUS_NOT_SUPPORTED when calling [^\n]*CUDA_R_(?<type>16BF|8F_E\dM\d)]],
    arch = codes"dtype.unsupported",
    no_kernel = [[(?:No available kernel\. +Aborting execution|cutlass[FB]: no kernel found to launch)]],
  },
  facts = {"gpus.0.name", "gpus.0.compute_capability", "torch.version"},
  when = function(f, log)
    local cc = f.capabilities()[1]
    local too_new = cc and version.cmp(cc, "10.0") ~= -1
    local hit = log.cublas or log.arch or log.no_kernel
    local dtype = {argument = "torch_dtype", kind = "param:dtype", value = "torch.float16",
      say = "Load in float16 instead (float32 where that overflows)."}
    local attention = {argument = "attn_implementation",
      say = "Allow another attention: attn_implementation='eager', or all of torch's back ends (no "
        .. "sdpa_kernel/enable_math=False around the call)."}
    local torch = {install = "torch", arch = cc, need = too_new and ">=2.7" or nil,
      say = "Install a torch whose kernels cover this GPU."}
    if hit == log.no_kernel then
      return {hit = hit, confidence = 0.68, title = "torch's attention has no kernel for this GPU, dtype and shape",
        why = {"None of the attention kernels that are allowed here covers this GPU, data type and shape.",
          "{fact:gpus.0.name}, compute capability {fact:gpus.0.compute_capability}."},
        fixes = too_new and {torch, attention} or {attention, dtype, torch}}
    end
    local older = {["16BF"] = "8.0", ["8F_E4M3"] = "8.9", ["8F_E5M2"] = "8.9"}
    local need = hit.type and older[hit.type] or "8.0"
    -- the GPU can: a mixture of libraries or shapes
    if cc and hit == log.cublas and version.cmp(cc, need) ~= -1 then return nil end
    return {hit = hit, confidence = cc and 0.88 or 0.6,
      why = {"cuBLAS has no product of that data type for this GPU"
        .. (hit.type and (", which would need compute capability " .. need .. " or later") or "") .. ".",
        "{fact:gpus.0.name}, compute capability {fact:gpus.0.compute_capability}."},
      fixes = {dtype, {hardware = true, say = "Or use a GPU that has it."}}}
  end,
  doc = {looks = "CUBLAS_STATUS_NOT_SUPPORTED with CUDA_R_16BF, 'No available kernel. Aborting execution.'",
    check = "The GPU's compute capability and the dtype of the model."},
}

rule {
  id = "dtype.unsupported/grad-scaler",
  from = {"torch", "hub"},
  signatures = {
    unscale = [[_amp_(?:foreach_)?non_finite_check_and_unscale_\w*["'] not implemented for '(?<dtype>\w+)']],
  },
  facts = {"gpus.0.compute_capability", "torch.version"},
  confidence = 0.86,
  title = "fp16 training with weights in bfloat16",
  when = function(f, log)
    local cc = f.capabilities()[1]
    local old = cc and version.cmp(cc, "8.0") == -1
    local bf16 = {argument = "bf16", value = "True", say = "Train in bf16 (and fp16=False): it scales no gradients."}
    local half = {argument = "torch_dtype", kind = "param:dtype", value = "torch.float16",
      say = "Load the model in float16 (float32 where it is trained whole)."}
    return {hit = log.unscale, fixes = old and {half} or {bf16, half}}
  end,
  why = "Training in fp16 scales the gradients, and torch has no such step for {dtype}: the model was loaded in "
    .. "another type than it is trained in.",
  doc = {looks = "\"_amp_foreach_non_finite_check_and_unscale_cuda\" not implemented for 'BFloat16'.",
    check = "The dtype of the parameters; fp16 and bf16 of the trainer."},
}

rule {
  id = "vllm.arg-unsupported/mps",
  from = {"torch"},
  signatures = {absent = [[The operator '(?<operator>[\w:.]+)' is not currently implemented for the MPS device]]},
  confidence = 0.88,
  title = "torch has not that operation for Apple's GPU",
  why = "{operator} is called, which this torch computes on the CPU and on CUDA and not on MPS.",
  fixes = {
    {set = {PYTORCH_ENABLE_MPS_FALLBACK = "1"}, say = "Let what MPS lacks be computed on the CPU; the variable must be "
      .. "set before Python starts."},
    {install = "torch", say = "Or take a newer torch, which may have it."},
  },
  doc = {looks = "The operator 'aten::...' is not currently implemented for the MPS device.",
    check = "PYTORCH_ENABLE_MPS_FALLBACK; torch.__version__."},
}
