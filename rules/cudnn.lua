-- What cuDNN says when it finds no way to compute, and what frameworks say when they do not find cuDNN.

local NO_ALGORITHM = any{
  [[Unable to find a valid cuDNN algorithm to run convolution]],
  [[no valid convolution algorithms available in CuDNN]],
  [[Failed to get convolution algorithm]],
  [[No algorithm worked!]],
}

rule {
  id = "cudnn.mismatch/engine",
  from = {"torch", "framework", "native"},
  signatures = {
    engine = [[(?:GET|FIND) was unable to find an engine to execute this computation]],
    frontend = any{
      [[\[cudnn_frontend\] Error: No (?:valid )?execution plans support the graph]],
      [[No valid execution plans (?:built|found)]],
    },
    algorithm = NO_ALGORITHM,
  },
  context = {
    oom = [[out of memory]],
    mismatch = [[(?:cuDNN version incompatibility|source was compiled with|VERSION_MISMATCH)]],
  },
  unless = {"oom", "mismatch"},
  facts = {"torch.version", "torch.cudnn", "env.LD_LIBRARY_PATH", "gpus.0.memory.free"},
  when = function(_, log)
    if log.algorithm and not (log.engine or log.frontend) then return nil end -- mostly memory: oom.activation/cudnn
    return {confidence = 0.55, title = "cuDNN finds no way to compute this",
      why = "cuDNN offers no engine for this operation: another cuDNN or cuBLAS than torch's stands first on the "
        .. "library path, or this release has none for this GPU, dtype and shape.",
      fixes = {
        {install = "torch", fresh = true,
          say = "Reinstall torch with torchvision and the nvidia-* packages of one CUDA version (a newer release of "
            .. "torch for a newer GPU)."},
               {unset = {"LD_LIBRARY_PATH"}, say = "Rule out a foreign library: start once without LD_LIBRARY_PATH."},
               {argument = "dtype",
                 say = "Or compute that part in float32, or with torch.backends.cudnn.enabled = False."}}}
  end,
  doc = {looks = "'GET was unable to find an engine to execute this computation', 'No execution plans support the "
    .. "graph'.",
    check = "torch.backends.cudnn.version(); which libcudnn is loaded."},
}

rule {
  id = "oom.activation/cudnn",
  from = {"torch", "framework", "native"},
  signatures = {
    algorithm = NO_ALGORITHM,
  },
  context = {
    mismatch = [[(?:cuDNN version incompatibility|source was compiled with|VERSION_MISMATCH)]],
    oom = [[CUDA out of memory]],
  },
  unless = {"mismatch", "oom"},
  facts = {"gpus.0.memory.free"},
  confidence = 0.6,
  title = "cuDNN found no algorithm that fits in the free GPU memory",
  when = function(_, log)
    local tensorflow = log.algorithm.text:match[[Failed to get convolution algorithm|No algorithm worked]]
    return tensorflow and {hit = log.algorithm, fixes = {
      {set = {TF_FORCE_GPU_ALLOW_GROWTH = "true"},
        say = "Let TensorFlow take memory as it needs it, so that cuDNN finds some."},
      {install = "tensorflow", older = true, kind = "pip-downgrade:tensorflow",
        say = "If memory is free: take the TensorFlow that was built for the cuDNN that is here."},
      {free = "gpu", say = "Or end other processes on this GPU."}}} or true
  end,
  why = "cuDNN tries its algorithms and found none that runs: mostly too little GPU memory is left for their "
    .. "workspace (another process, or this framework's own pool), sometimes a cuDNN of another version.",
  fixes = {
    {argument = "batch_size",
      say = "Use a smaller batch or image."},
    {free = "gpu", say = "End other processes on this GPU."},
    {host = true, kind = "env:LD_LIBRARY_PATH",
      say = "If memory is free: rule out a foreign cuDNN on LD_LIBRARY_PATH."},
  },
  doc = {looks = "'Unable to find a valid cuDNN algorithm to run convolution', 'Failed to get convolution algorithm'.",
    check = "Free GPU memory at that moment."},
}

rule {
  id = "cudnn.mismatch/tensorflow",
  from = {"tensorflow", "app", "other", "jax"},
  signatures = {absent = [[\bDNN library is not found\b]]},
  context = {
    versions = [[Loaded runtime CuDNN library: (?<found>[\d.]*\d) but source was compiled with: (?<built>[\d.]*\d)]],
  },
  unless = {"versions"},
  facts = {"python.packages.tensorflow.version", "python.packages.nvidia-cudnn-cu12.version", "env.LD_LIBRARY_PATH"},
  confidence = 0.78,
  title = "TensorFlow cannot use the cuDNN that is here",
  why = {"A convolution is to run on the GPU, and XLA got no cuDNN for it: none is found, or its release is not the "
    .. "one that this TensorFlow was built for.", "tensorflow is {fact:python.packages.tensorflow.version}.",
    "LD_LIBRARY_PATH is {fact:env.LD_LIBRARY_PATH}."},
  fixes = {
    {install = "tensorflow", extra = "and-cuda", fresh = true,
      say = "Install TensorFlow anew with the CUDA and cuDNN libraries that it asks for, then restart the process."},
    {install = "tensorflow", older = true, kind = "pip-downgrade:tensorflow",
      say = "On a hosted notebook: take the TensorFlow that belongs to its cuDNN (the one that it comes with)."},
  },
  doc = {looks = "'Original error: UNIMPLEMENTED: DNN library is not found.'.",
    check = "The lines of cuda_dnn.cc above it; which libcudnn is loaded."},
}
