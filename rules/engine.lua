-- Serving engines: settings that do not go with the model, the GPU or each other, and engines built without a GPU part.

local REPLACES = {"vllm.arg-unsupported", "dtype.unsupported", "app.bug"}

local function engine_of(log)
  local seen = log.engine_seen
  return seen ~= "transformers" and seen or log.engine and log.engine.text:match[[sglang|lmdeploy|vllm]] or nil
end

-- The smallest rank that the engine offers and that holds this one.
local function lora_rank(rank)
  for _, n in ipairs{16, 32, 64, 128, 256, 320, 512} do
    if n >= rank then return n end
  end
  return rank
end

-- The parts that use every GPU together with pipeline parallelism (12 heads on 8 GPUs: 4 parts, 2 stages), else a
-- power of two: key and value heads are mostly one, and must be divisible too.
local function parts_of(heads, asked)
  local common, power = 1, 1
  for n = 1, math.min(asked - 1, 64) do
    if heads % n == 0 then
      common = asked % n == 0 and n or common
      power = n & (n - 1) == 0 and n or power
    end
  end
  return common > 1 and common or power
end

local function split_over(hit, log)
  local heads, asked = tonumber(hit.heads), tonumber(hit.tp)
  local fits = heads and asked and parts_of(heads, asked)
  return {confidence = 0.88,
    why = {"The model cannot be split over that many GPUs: its attention heads (or quantization blocks) are not "
      .. "divisible by "
      .. "the tensor-parallel size.", "It has {heads} heads, and {tp} parts were asked for."},
    fixes = {{flag = "tensor_parallel_size", value = fits, toward = "lower", computed = fits ~= nil,
      engine = hit.heads and "vllm" or engine_of(log),
      say = fits and ("Split it over %d GPUs, with pipeline parallelism for the rest."):format(fits)
        or "Choose a tensor-parallel size that divides the heads, with pipeline parallelism for the rest."}}}
end

-- What says itself which argument is wrong: the first that matched answers.
local arguments = {
  {"heads", split_over},
  {"experts", function(hit, log)
    local answer = split_over(hit, log)
    answer.why = "The model's {heads} experts cannot be laid out in equal parts over {tp} GPUs."
    return answer
  end},
  {"divisible", split_over},
  {"assertion", function(hit, log) return log.has_frame[[vllm|sglang]] and split_over(hit, log) or nil end},
  {"batched", function(hit)
    return {confidence = 0.85, why = "Without chunked prefill a prompt is computed in one batch, and {batched} tokens "
      .. "at once "
        .. "are allowed where the context is {model_len}.",
      fixes = {{flag = "max_num_batched_tokens", value = tonumber(hit.model_len), toward = "raise", engine = "vllm",
          say = "Allow as many tokens in a batch as the context is long."},
        {flag = "max_model_len", value = tonumber(hit.batched), toward = "lower", engine = "vllm",
          say = "Or serve a shorter context."}}}
  end},
  {"sliding", function(hit)
    return {confidence = 0.85, why = {"The context asked for is longer than the model's own.", "{len} were asked for, "
      .. "and it has {derived}."},
      fixes = {{flag = "max_model_len", value = tonumber(hit.derived), toward = "lower", engine = "vllm",
        say = "Ask for no more than the model's length."}}}
  end},
  {"lora", function(hit)
    return {confidence = 0.9, why = "The adapter's rank, {rank}, is larger than what the engine was started for "
      .. "({max_rank}).",
      fixes = {{flag = "max_lora_rank", value = lora_rank(tonumber(hit.rank)), toward = "raise", engine = "vllm",
        say = "Start it with a rank that holds the adapter's."}}}
  end},
  {"dtype", function(hit)
    return {confidence = 0.88, why = "The kernels of {qmethod} do not compute in {dtype}.",
      fixes = {{flag = "dtype", value = hit.dtypes:match[[torch\.(\w+)]] or "float16", engine = "vllm",
          say = "Use a type that they know."},
        {code = true, kind = "param:quantization",
          say = "Or another kernel of that quantization (awq_marlin, gptq_marlin)."}}}
  end},
  {"compiled", function()
    return {confidence = 0.88, why = "turbomind's kernels were compiled without {kernels}, the type that the model's "
      .. "configuration names.",
      fixes = {{flag = "dtype", value = "float16", engine = "lmdeploy",
          say = "Load the weights in a type that it has."},
        {code = true, kind = "param:dtype", say = "Or serve it with the PyTorch engine (PytorchEngineConfig)."}}}
  end},
  {"marlin", function(hit, log)
    local plain = log.has_frame[[awq_marlin]] and "awq" or "gptq"
    return {confidence = 0.88, why = "The engine took Marlin's kernels for this quantization, and on a GPU of this "
      .. "generation they know none of its types (min_capability = {capability}).",
      fixes = {{flag = "quantization", value = plain, engine = "vllm",
          say = ("Name the plain kernels of %s, which run on it."):format(plain:upper())},
        {hardware = true, say = "Or use a GPU of capability 8.0 or newer."}}}
  end},
  {"kernel_types", function(hit)
    return {confidence = 0.62, why = "The kernel {kernel} was given numbers of a type that it does not compute in, "
      .. "though the model was loaded: a part of the engine made them.",
      fixes = {{install = "vllm", say = "Upgrade the engine, whose release mixes the types."},
        {flag = "dtype", value = "float16", engine = "vllm", say = "Or name the type, where none was named."}}}
  end},
  {"tei_type", function(hit, log)
    if log.tei_up and log.tei_up.line > hit.line then return nil end -- another of its backends took the model
    return {confidence = 0.9, why = "The backend of this image computes on the CPU, and does not know {type}.",
      fixes = {{flag = "dtype", value = "float32", engine = "tei", say = "Load the model in float32."}}}
  end},
  {"automodel", function()
    return {confidence = 0.8, why = "This release of TGI has no implementation of its own of that model: it falls back "
      .. "to transformers' AutoModel, which it cannot split over several GPUs.",
      fixes = {{image = "tgi", kind = "pip:text-generation-inference",
          say = "Run the newest image of text-generation-inference, which may know the model."},
        {flag = "tensor_parallel_size", value = 1, toward = "lower", engine = "tgi", say = "Or serve it on one GPU."}}}
  end},
  {"load_format", function()
    return {confidence = 0.86, why = "Weights that bitsandbytes quantizes are read by a loader of their own, and "
      .. "another one was asked for ({format}).",
      fixes = {{flag = "load_format", stated = true, spelled = "--load-format bitsandbytes",
        say = "Name it beside the quantization."}}}
  end},
  {"sharded", function()
    return {confidence = 0.82, why = "TGI splits this model only in its flash-attention form, which this GPU or this "
      .. "installation "
        .. "has not (an earlier line says why).",
      fixes = {{flag = "tensor_parallel_size", value = 1, toward = "lower", engine = "tgi",
        say = "Serve it on one GPU."},
        {hardware = true, say = "Or use a GPU of capability 7.5 or newer, in TGI's own image."}}}
  end},
  {"backend", function()
    return {confidence = 0.88, why = "VLLM_ATTENTION_BACKEND (or --attention-backend) names a backend that this "
      .. "release does not "
        .. "have: {backend}.",
      fixes = {{unset = {"VLLM_ATTENTION_BACKEND"}, say = "Let the engine choose."}}}
  end},
  {"validation", function(hit)
    local name = hit.rule:match[[^`?-{0,2}([\w-]+)]] or "max_total_tokens"
    return {confidence = 0.88, why = "Arguments of the launcher contradict each other: {rule}.",
      fixes = {{code = true, kind = "param:" .. name:gsub("-", "_"),
        say = "Change it (or the other one) so that this holds."}}}
  end},
}

rule {
  id = "engine.arg-invalid",
  from = {"engine", "hub"},
  signatures = {
    heads = [[Total number of attention heads \((?<heads>\d+)\) must be divisible by tensor parallel size \((?<tp>\d+)]]
      .. [[\)]],
    experts = [[experts ?(?:=|\() ?(?<heads>\d+)\)? must be divisible by (?:ep|tp|expert parallel)\w*[ _]?(?:size)?]]
      .. [[ ?(?:=|\() ?(?<tp>\d+)]],
    divisible = [[(?:must be divisible by (?:the )?(?:tensor parallel|tp|world)[ _]?size|]]
      .. [[is not divisible by (?:weight quantization block_[nk]|tp_?size|tensor parallel|min_thread_[nk]|]]
      .. [[tile_[nk]_size)|must be divisible by `?num_shards|is not compatible with sharding on \d+ shards|]]
      .. [[is not aligned with the quantized weight shape|]]
      .. [[number of GPUs per node is not divisible)]],
    assertion = [[AssertionError: \d+ is not divisible by \d+]],
    lora = [[LoRA rank (?<rank>\d+) is greater than max_lora_rank (?<max_rank>\d+)]],
    dtype = [=[torch\.(?<dtype>\w+) is not supported for quantization method (?<qmethod>\w+)\. Supported dtypes: ]=]
      .. [=[\[(?<dtypes>[^\]\n]+)\]]=],
    compiled = [[turbomind has not been built with (?<kernels>fp32|bf16|fp16) support]],
    marlin = [[Marlin does not support weight_bits = \w+\. Only types = \[\] are supported \([^)\n]*]]
      .. [[min_capability = (?<capability>\d+)]],
    kernel_types = [[(?<kernel>\w*marlin_gemm) only supports bfloat16 and float16]],
    tei_type = [[Could not start (?:ORT )?backend: (?:Could not start backend: )?DType (?<type>\w+) is not supported]],
    automodel = [[sharded is not supported for AutoModel]],
    load_format = [[only supports? 'bitsandbytes' load format, but got (?<format>\w+)]],
    sharded = [[Sharded \w+ requires Flash Attention enabled models]],
    backend = [[Invalid attention backend: '(?<backend>\w+)']],
    validation = [[ArgumentValidation\("(?<rule>[^"\n]+)]],
    batched = [[max_num_batched_tokens \((?<batched>\d+)\) is smaller than max_model_len \((?<model_len>\d+)\)]],
    sliding = [[(?:User-specified max_model_len \((?<len>\d+)\) is greater than the derived max_model_len(?: ]]
      .. [[\((?:[\w.]+=)?(?<derived>\d+))?)]],
  },
  context = {engine = [[(?:vllm|sglang|text_generation|tgi|lmdeploy|tensorrt_llm)]],
    tei_up = [[(?:^|\.rs:\d+: |router: )Ready\s*$]]},
  facts = {"python.packages.vllm.version", "gpus.0.name"},
  explains = REPLACES,
  when = function(_, log)
    for _, row in ipairs(arguments) do
      local hit = log[row[1]]
      local answer = hit and row[2](hit, log)
      if answer then
        answer.hit = hit
        return answer
      end
    end
    return nil
  end,
  doc = {
    looks = "'... must be divisible by tensor parallel size', 'LoRA rank 64 is greater than max_lora_rank 16'.",
    check = "The argument that the message names, against the model and the GPU.",
  },
}

rule {
  id = "app.bug/unknown-task",
  title = "a pipeline was asked for a task that there is not",
  from = {"transformers", "app"},
  signatures = {task = [[Unknown task (?<task>[\w-]+), available tasks are (?<list>[^\n]+)]]},
  when = function(_, log)
    local meant = know.nearest(log.task.task, log.task.list)
    return {confidence = 0.88, why = "transformers has no task called {task}.",
      fixes = {meant and {argument = "task", value = ("'%s'"):format(meant), say = ("Write %s."):format(meant)}
        or {code = true, say = "Take one of those that the message lists."}}}
  end,
  doc = {looks = "KeyError: \"Unknown task text-clasification, available tasks are [...]\".",
    check = "The first argument of pipeline()."},
}

rule {
  id = "app.bug/native-assert",
  from = {"native", "engine", "other", "app"},
  signatures = {
    assertion = [[^(?:\S+: )?(?<file>[^\s:]+\.(?:c|cc|cpp|cu|cuh|h|hpp)):(?<at>\d+): [^\n]*]]
      .. [[Assertion [`'](?<what>.+)' failed]],
  },
  context = {
    ended = [[(?:Aborted|SIGABRT|core dumped|signal 6|exit code -6|exited with code 134|EngineDeadError|]]
      .. [[died unexpectedly)]],
    device = [[device-side assert|block: \[\d+,\d+,\d+\], thread]],
    cuda = [[\bcuda[A-Z]\w+(?:\(\))? (?:failed|returned|error)]],
  },
  unless = {"device", "cuda"}, -- it only checks that CUDA answered well
  explains = {"vllm.engine-died"},
  when = function(_, log)
    local hit = log.assertion
    -- glibc's own form stops the process even where nobody says so: nothing of this program stands below it
    if not log.ended and (log.lines - hit.line > 3 or log.fatal) then return nil end
    local triton = hit.file:match[[(?i)triton|mlir|llvm]]
    local up = {code = true, kind = triton and "pip:triton" or "pip:package",
      say = triton and "Upgrade triton together with torch, which pins it."
        or "Upgrade the library whose assertion it is, or report it with the line above."}
    return {hit = hit, confidence = log.ended and 0.7 or 0.6,
      why = {"A native library stopped the process by an assertion of its own ({file}, line {at}); what is said "
        .. "afterwards follows from it.", triton and "It is the compiler of triton that fails." or nil},
      fixes = {up, {code = true, say = "Or go round it: switch off the kernel, the backend or the compilation that "
        .. "leads there."}}}
  end,
  doc = {looks = "x.cpp:36: ... Assertion `...' failed, then Aborted.", check = "Whose file the assertion names."},
}

-- ---- started with something that does not go with the model or the image ----

rule {
  id = "engine.arg-invalid/chat-template",
  from = {"engine", "hub"},
  signatures = {
    none = [[so you must provide a chat template if the tokenizer does not define one]],
    unset = [[Cannot use chat template functions because tokenizer\.chat_template is not set]],
  },
  context = {server = [[(?:vllm|sglang|lmdeploy|text_generation_server)[/\\.]\w+|\bUvicorn running on ]]},
  confidence = 0.84,
  title = "the model's tokenizer has no chat template",
  when = function(_, log)
    local hit = log.none or log.unset
    local served = log.server or log.has_frame[[(?:vllm|sglang|lmdeploy)/]]
    -- a server answers such a request as if the request were wrong (400)
    return {hit = hit, lasts = true, why = "It was asked to chat, and the model's tokenizer comes without a template "
      .. "for that: a base model, or a repository whose template lies in a file of its own that was not loaded.",
      fixes = {{code = true, kind = "param:chat_template", say = served
          and "Take the model's instruct version, or start the server with --chat-template and the path of a template."
          or "Take the model's instruct version, or set tokenizer.chat_template."}}}
  end,
  doc = {looks = "'default chat template is no longer allowed, so you must provide a chat template'.",
    check = "chat_template in tokenizer_config.json, or a chat_template.jinja beside it."},
}

-- A server refuses a request, and says what it has to be started with to take it.
rule {
  id = "engine.arg-invalid/started-without",
  anyone = "request",
  signatures = {words = any{
    [[\brequires? [`'"]?(?<first>--[a-z][\w-]+)[`'"]?(?:(?:,| and) [`'"]?(?<second>--[a-z][\w-]+)[`'"]?)? ]]
      .. [[(?:to be set|flag|option)]],
    [[This server does not support [^\n]{3,40}\. Start it with(?<out>out)? [`'"](?<first2>--[a-z][\w-]+)]],
  }},
  context = {refused = [=[\b(?:Error code: (?:400|501)|BadRequestError|not_supported_error|]=]
    .. [=[["']code["']: (?:400|501)\b)]=]},
  confidence = 0.85,
  title = "the server was started without what the request needs",
  when = function(_, log)
    local hit = log.words
    local flag, second = hit.first or hit.first2, hit.second
    -- what it raises as it starts is the engine's own refusal
    if not log.refused and hit.event.kind == "exception" then return nil end
    local also = second and (" and %s (the one of the model's family)"):format(second) or ""
    return {hit = hit, lasts = true,
      why = "The request is well formed, and the server refuses it for how it was started.",
      fixes = {{flag = flag:gsub("^-+", ""):gsub("-", "_"), stated = true,
        spelled = not (second or hit.out) and flag or nil,
        say = ("Start the server with%s %s%s."):format(hit.out or "", flag, also)}}}
  end,
  doc = {looks = [["auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set.]],
    check = "The command line of the server."},
}

rule {
  id = "engine.arg-invalid/model-repository",
  from = {"tritonserver", "engine"},
  signatures = {
    config = [[Poll failed for model directory '(?<model>[^'\n]+)': failed to open text file for read \S+: No such]],
    version = [[(?:Poll failed for model directory '(?<model2>[^'\n]+)': [^\n]*|]]
      .. [[failed to load '(?<model3>[^'\n]+)' version \d+: [^\n]*)at least one version must be available]],
  },
  confidence = 0.86,
  title = "a folder of the model repository is not laid out as Triton wants it",
  when = function(_, log)
    local hit = log.config or log.version
    local name = hit.model or hit.model2 or hit.model3
    return {hit = hit, why = {("Triton takes each folder of --model-repository for a model; %s lacks %s."):format(name,
        log.config and "its config.pbtxt" or "a folder of a version (1, 2, ...) with the model's file in it")},
      fixes = {{argument = "model-repository", say = ("Give the folder above the models, each laid out as "
        .. "%s/config.pbtxt and %s/1/model.onnx (or .plan, .pt, model.py)."):format(name, name)}}}
  end,
  doc = {looks = "Poll failed for model directory 'resnet': failed to open text file for read ...config.pbtxt.",
    check = "ls -R of what --model-repository names."},
}

rule {
  id = "dtype.unsupported/nans",
  from = {"engine", "app", "other", "torch"},
  signatures = {nans = [[A tensor with (?:all )?NaNs was produced in (?<part>Unet|VAE)]]},
  context = {again = [[Web UI will now convert VAE into]]}, -- and it goes on
  unless = {"again"},
  confidence = 0.84,
  title = "half precision gives no numbers on this GPU or with this model",
  when = function(_, log)
    local vae = log.nans.part == "VAE"
    return {why = {"Half precision overflowed in the {part}: some GPUs (the GTX 16 series) have no working half "
        .. "precision, and some models' VAE cannot do with it."},
      fixes = {{flag = vae and "full_precision_vae" or "full_precision", engine = "a1111",
        say = "Compute that part in full precision."},
        {code = true, say = "Or take a VAE that was mended for half precision, or another checkpoint."}}}
  end,
  doc = {looks = "NansException: A tensor with all NaNs was produced in Unet.",
    check = "--no-half, --no-half-vae and --upcast-sampling among COMMANDLINE_ARGS."},
}

rule {
  id = "app.bug/image-tokens",
  from = {"transformers", "engine"},
  signatures = {tokens = [[(?:Image|Video|Audio) features and (?:image|video|audio) tokens do not match:? ]]
    .. [[(?:tokens: )?(?<tokens>\d+)\D+(?<features>\d+)]]},
  confidence = 0.8,
  title = "the prompt and the pictures given beside it do not go together",
  when = function(_, log)
    local none = log.tokens.tokens == "0"
    return {why = {"The prompt holds places for {tokens} parts of pictures (or sounds), and {features} were given.",
        none and "It was built without them: the chat template was given text alone."
          or "A tokenizer that cuts (truncation, max_length) has cut some away, or text and pictures are of two "
            .. "calls."},
      fixes = none and {{code = true, say = "Build the prompt by processor.apply_chat_template from messages whose "
          .. "content holds {'type': 'image'} for each picture."}}
        or {{argument = "truncation", value = "False", say = "Give prompt and pictures to the processor in one call, "
          .. "without truncation."},
          {argument = "max_pixels", say = "Or let pictures become fewer tokens (max_pixels of the processor)."}}}
  end,
  doc = {looks = "ValueError: Image features and image tokens do not match: tokens: 0, features 1230.",
    check = "How often the image's placeholder stands in the prompt."},
}

-- What stands behind an image's name goes to the program that it starts with: a server already.
rule {
  id = "engine.arg-invalid/entrypoint",
  from = {"engine", "shell", "other", "app", "server"},
  signatures = {words = [[(?<program>vllm|api_server\.py|launch_server(?:\.py)?|sglang)(?: serve)?: error: ]]
    .. [[unrecognized arguments: (?<first>(?!-)\S+)(?<rest>(?: \S+)?)]]},
  specific_over = {"vllm.arg-unsupported"},
  confidence = 0.86,
  title = "the command names what the image starts with already",
  when = function(_, log)
    local hit = log.words
    local again = hit.first:match[[^(?:vllm|sglang|serve|python3?)$]]
    local module = hit.program:match[[\.py$]]
    return {hit = hit, why = ("%s got %s as an argument of its own and knows none at that place%s."):format(hit.program,
        hit.first, again and ": the image starts with that command already, and the one behind its name is added to it"
          or ""),
      fixes = {{code = true, kind = "param:model", say = again and not module
        and "Leave the words that the image starts with (vllm serve) out of the container's command: begin it with the "
          .. "model."
        or "Name the model by --model, and leave a word `serve` out: this module takes the model by its flag alone."}}}
  end,
  doc = {looks = "'vllm: error: unrecognized arguments: serve /models/x', 'api_server.py: error: unrecognized "
    .. "arguments: /models/x'.", check = "The image's entrypoint (docker inspect) before the container's command."},
}

rule {
  id = "vllm.arg-unsupported/no-architecture",
  from = {"engine"},
  signatures = {empty = [[unknown model architecture: '']]},
  confidence = 0.84,
  title = "the GGUF file holds no language model",
  why = "The file says of no architecture: it is a part of another kind of model (image, video, audio), or was written "
    .. "by a converter that is not llama.cpp's.",
  fixes = {
    {code = true, kind = "param:model", say = "Take a GGUF file that llama.cpp's own converter made of a language "
      .. "model; one of an image or video model belongs to another program (ComfyUI-GGUF, stable-diffusion.cpp)."},
  },
  doc = {looks = "unknown model architecture: ''.", check = "general.architecture among the file's keys."},
}

rule {
  id = "hf.not-found/triton-model",
  from = {"tritonserver", "engine"},
  signatures = {missing = [[Python model file not found in '(?<path>[^'\n]+)']]},
  confidence = 0.88,
  title = "a model's folder lacks its model.py",
  why = "The Python backend looks for the model's code at {path}, and no such file is there.",
  fixes = {
    {code = true, kind = "param:model", say = "Put the model's model.py there: MODEL/VERSION/model.py below the "
      .. "repository, in the folder of the version."},
  },
  doc = {looks = "Failed to preinitialize Python stub: Python model file not found in '...'.",
    check = "The tree below --model-repository inside the container."},
}

rule {
  id = "sys.arch/vllm-windows",
  from = {"installer", "engine", "other", "app"},
  signatures = {runtime = [[RuntimeError: Unknown runtime environment]]},
  context = {windows = [=[File "[A-Za-z]:\\]=]},
  all = {"windows"},
  when = function(_, log)
    local frames = log.runtime.event.frames or {}
    if not (frames[#frames] or {func = ""}).func:match[[vllm]] then return nil end
    return {confidence = 0.85, title = "vLLM has no release for Windows",
      why = "vLLM is built here from its sources, and its build knows no way to run on Windows.",
      fixes = {{host = true, say = "Run it under Linux: in WSL2, or in the image vllm/vllm-openai."}}}
  end,
  doc = {looks = "RuntimeError: Unknown runtime environment, in get_vllm_version of setup.py.",
    check = "The operating system."},
}

-- ---- built without a GPU part ----

local CPU_BUILD = {
  ["llama.cpp"] = "Build llama.cpp with -DGGML_CUDA=ON in a fresh clone of its source (or take a release of it made "
    .. "for this GPU).",
  ["llama-cpp-python"] = "Install a wheel of llama-cpp-python made for CUDA, from its own index.",
  ollama = "Install Ollama with its CUDA libraries: the whole archive (lib/ollama beside bin/ollama), or the image "
    .. "ollama/ollama.",
  tei = "Use the image of text-embeddings-inference made for this GPU's architecture, or build it with --features "
    .. "candle-cuda.",
  candle = "Build it with candle's feature cuda.",
  ctranslate2 = "Install a CTranslate2 wheel with CUDA for this platform, or build it with -DWITH_CUDA=ON "
    .. "-DWITH_CUDNN=ON.",
  whisper = "Build whisper.cpp with -DGGML_CUDA=1.",
}

rule {
  id = "engine.cpu-build",
  from = {"engine"},
  signatures = {
    blas = [[^(?:system_info|llama_print_system_info)?[^\n]*\| BLAS = 0 \|]],
    no_offload = [[offloaded 0/(?<layers>\d+) layers to GPU]],
    ngl = [[(?:not compiled with GPU offload support|no usable GPU found, --gpu-layers option will be ignored)]],
    ollama_cpu = [[(?:no compatible GPUs were discovered|inference compute"?[^\n]*library=cpu)]],
    tei = [[Starting \w+ model on Cpu]],
    candle = [[the candle crate has not been built with cuda support]],
    ct2 = [[This CTranslate2 package was not compiled with CUDA support|]]
      .. [[requires the cuDNN library which is not integrated in this build]],
    whisper = [[whisper_backend_init\w*: (?:no GPU found|using CPU backend)]],
    layers = [[load_tensors: layer +\d+ assigned to device CPU]],
  },
  context = {
    cuda_there = [[(?:ggml_cuda_init: found [1-9]|load_backend: loaded CUDA backend|found \d+ CUDA devices)]],
    seen = [[\blibrary=cuda\b|assigned to device (?!CPU)\w]],
    cuda_failed = [[(?:ggml_cuda_init: failed to initialize|cuInit|unable to load cuda driver|nvml vram init failure|]]
      .. [[cudart init failure)]],
    python = [[(?:llama_cpp[/\\.]|Llama\.generate|AVX = \d)]],
    none_asked = [[(?:-ngl|--(?:n-)?gpu-layers|n_gpu_layers ?=) ?0\b]],
    asked = [[(?:n_gpu_layers ?= ?-?[1-9]|-ngl|--(?:n-)?gpu-layers [1-9]|--gpus[ =]|num_gpu|device(?:=| )['"]?cuda)]],
  },
  unless = {"cuda_failed"},
  facts = {"gpus.0.name", "driver.version", "python.packages.llama-cpp-python.version"},
  explains = {"torch.cpu-build", "pip.module-missing"},
  when = function(f, log)
    if log.cuda_there then
      if not log.no_offload or log.seen or log.none_asked then return nil end
      return {hit = log.no_offload, confidence = log.asked and 0.7 or 0.6, severity = "warning", lasts = true,
        title = "no layer of the model is on the GPU",
        why = "The build has its GPU part and sees a GPU, and of the model's {layers} layers not one was put there.",
        fixes = {{flag = "gpu_layers", value = 99, engine = "llama.cpp", say = "Ask for all layers on the GPU."}}}
    end
    local gpu = #f.gpus() > 0
    local name = log.tei and "tei" or log.candle and "candle" or log.ct2 and "ctranslate2" or log.whisper and "whisper"
      or log.ollama_cpu and "ollama" or (f.pkg"llama-cpp-python" or log.has_frame[[llama_cpp]]) and "llama-cpp-python"
          or "llama.cpp"
    local fatal = log.candle or log.ct2
    -- it may well be meant to use the CPU
    if not (gpu or fatal or log.asked or log.ngl or log.no_offload) or log.none_asked and log.layers then return nil end
    local hit = log.candle or log.ct2 or log.ngl or log.tei or log.ollama_cpu or log.blas or log.no_offload
        or log.whisper or log.layers
    if log.seen then
      if not log.no_offload then return nil end
      return {hit = log.no_offload, confidence = 0.6, severity = "warning", lasts = true,
        why = "The server sees a GPU, and its runner puts not one layer on it: the CUDA library beside it was not "
          .. "loaded, or too little memory is free.",
        fixes = {{code = true, kind = "rebuild:ollama", say = CPU_BUILD.ollama}}}
    end
    if hit == log.no_offload and not gpu then
      return {hit = hit, confidence = log.asked and 0.7 or 0.5, severity = "warning", lasts = log.asked ~= nil,
        why = "Not one of the model's layers was put on the GPU: none was asked for, or this build or this machine "
          .. "has none to offer.",
        fixes = {{flag = "gpu_layers", value = 99, engine = "llama.cpp", say = "Ask for all layers on the GPU."},
          {code = true, kind = "rebuild:" .. name, say = "If they were asked for: " .. CPU_BUILD[name]}}}
    end
    local install = {["llama-cpp-python"] = "llama-cpp-python", ctranslate2 = "ctranslate2"}
    local fix = install[name] and {install = install[name], fresh = true, say = CPU_BUILD[name]}
      or name == "llama.cpp" and {setting = "llama-cuda", kind = "rebuild:llama.cpp", say = CPU_BUILD[name]}
      or {code = true, kind = "rebuild:" .. name, say = CPU_BUILD[name]}
    return {hit = hit, severity = fatal and "error" or "warning",
      confidence = (fatal or log.ngl) and 0.9 or gpu and 0.85 or 0.6, lasts = true,
      title = name .. " was built without GPU support",
      why = {("What runs is %s without its GPU part, so it computes on the CPU and says no more of it."):format(name),
        "This machine has {fact:gpus.0.name}."},
      fixes = {fix}}
  end,
  doc = {
    looks = "'BLAS = 0' in llama.cpp's system_info, 'offloaded 0/33 layers to GPU', 'no usable GPU found', 'Starting "
      .. "Bert model on Cpu'.",
    check = "ldd of the program or library: libcuda, libcublas; the options it was built with.",
  },
}

rule {
  id = "engine.cpu-build/onnxruntime",
  title = "onnxruntime was built without GPU support",
  from = {"native", "framework", "other", "app"},
  signatures = {
    absent = [[Specified provider '(?<provider>CUDA|Tensorrt|ROCM|MIGraphX)ExecutionProvider' is not in available ]]
      .. [[provider]],
  },
  severity = "warning",
  facts = {"python.packages.onnxruntime.version", "python.packages.onnxruntime-gpu.version"},
  when = function(f, log)
    local both = f.pkg"onnxruntime" and f.pkg"onnxruntime-gpu"
    local gpu = {install = "onnxruntime-gpu", fresh = true, say = "Install onnxruntime-gpu, and take the package "
      .. "onnxruntime away first: both lie in one folder, and the one that came last counts."}
    if log.absent.provider:match[[ROCM|MIGraphX]] then
      gpu = {code = true, kind = "pip:onnxruntime-rocm", say = "Install the onnxruntime that AMD builds for this "
        .. "ROCm, in place of the package onnxruntime."}
    end
    return {lasts = true, confidence = 0.84, why = {"The program asks for {provider}, and the onnxruntime that is "
        .. "imported has no part for it, so it computes on the CPU.",
        both and "Both onnxruntime and onnxruntime-gpu are installed, and the one for the CPU lies over the other."
          or nil},
      fixes = {both and {remove = "onnxruntime", say = "Remove the package for the CPU."} or gpu, both and gpu or nil}}
  end,
  doc = {looks = "Specified provider 'CUDAExecutionProvider' is not in available provider names.",
    check = "onnxruntime.get_available_providers(); pip list | grep onnxruntime."},
}

-- Ollama asks each of its libraries in a process of its own what GPUs there are, and waits half a minute.
rule {
  id = "driver.unknown-error/ollama-discovery",
  from = {"ollama"},
  signatures = {late = [[failed to finish discovery before timeout|GPU discovery watchdog timed out]]},
  context = {
    cpu = [[inference compute"?[^\n]*library=cpu]],
    hidden = [[CUDA_VISIBLE_DEVICES:-1\b]],
    gpu = [[inference compute"?[^\n]*library=(?:cuda|rocm|CUDA|ROCm|Vulkan)]],
  },
  all = {"cpu"},
  unless = {"hidden", "gpu"},
  facts = {"gpus.0.name", "driver.version"},
  title = "Ollama's search for GPUs did not end in time, and it computes on the CPU",
  when = function(_, log)
    return {hit = log.late, evidence = {log.cpu}, confidence = 0.72, severity = "warning", lasts = true}
  end,
  why = "The library that looks for GPUs got no answer from the driver in time: the driver was still starting the card "
    .. "(nothing keeps it awake between programs), is overloaded, or does not answer this container.",
  fixes = {
    {restart = "persistenced", kind = "restart", say = "On the host: keep the card awake (nvidia-persistenced), then "
      .. "start Ollama again."},
    {restart = "process", say = "If nvidia-smi answers at once, starting Ollama again is enough."},
    {driver = "upgrade", say = "If it comes again: upgrade the driver."},
  },
  doc = {looks = "failure during GPU discovery ... failed to finish discovery before timeout.",
    check = "How long nvidia-smi takes, on the host and in the container."},
}
