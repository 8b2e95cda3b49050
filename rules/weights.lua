-- Weights that are read well and do not fit the model that was built for them: of another size, precision, rank or
-- name.

local function numbers(text)
  local list = {}
  for n in (text or ""):gmatch[[\d+]] do list[#list + 1] = tonumber(n) end
  return list
end

local function product(list)
  local n = 1
  for _, x in ipairs(list) do n = n * x end
  return n
end

-- Of two shapes only one dimension differs: which, else nil.
local function differs_in(a, b)
  local where
  if #a ~= #b then return nil end
  for i = 1, #a do
    if a[i] ~= b[i] then
      if where then return nil end
      where = i
    end
  end
  return where
end

-- bitsandbytes keeps two 4-bit numbers in a byte, as a column: 4096x4096 becomes 8388608x1.
local function packed(shape, plain)
  return #shape == 2 and shape[2] == 1 and #plain == 2 and plain[2] ~= 1 and shape[1] * 2 == product(plain)
end

local function shown(shape)
  return table.concat(shape, " x ")
end

local LORA = [=[(?i)lora]=]
local VOCABULARY = [=[(?:embed_tokens|word_embeddings?|\bwte|tok_embeddings|token_embd|shared|lm_head|embed_out]=]
  .. [=[|^output|embedding\.weight|decoder\.weight|decoder\.bias)(?:\.|$)]=]
local HEAD = [=[(?:^|\.)(?:classifier|score|classification_head|out_proj|fc|head|qa_outputs|pre_classifier|logits?)]=]
  .. [=[(?:\.\w+)*$]=]

local function anew(say)
  return {code = true, kind = "param:model", say = say}
end

-- {when it is so, confidence, why, fixes}: the first that holds answers. `file` is what the weights have, `model` what
-- the code built.
local KINDS = {
  {function(key, file, model) return packed(model, file) end, 0.84,
    "The model was built in 4 bits before the file was read into it: {key} is a packed column of {model} there, and "
      .. "the file has the plain {file}.",
    function() return {{argument = "load_in_4bit", value = "False",
      say = "Load it without 4-bit quantization (no load_in_4bit, no --load-4bit), or leave that module out of it "
        .. "(llm_int8_skip_modules)."}} end},
  {function(key, file, model) return packed(file, model) end, 0.84,
    "The file was saved in bitsandbytes' 4 bits ({key} is a packed column of {file}), and the model that it is read "
      .. "into was built unquantized ({model}).",
    function() return {{flag = "four_bit", engine = "transformers", say = "Load it as it was saved: with "
      .. "quantization_config=BitsAndBytesConfig(load_in_4bit=True)."},
      anew("Or take the repository with the unquantized weights.")} end},
  {function(key, file, model)
    local at = key:match(LORA) and differs_in(file, model)
    return at and file[at] <= 1024 and model[at] <= 1024
  end, 0.82,
    "The adapter was trained with another rank than the one that is built here: {key} is {file} in the file and "
      .. "{model} in the model.",
    function(file, model)
      return {{argument = "r", value = tostring(file[differs_in(file, model)]),
        say = "Build the adapter with the rank that it was trained with (r of its adapter_config.json)."}}
    end},
  {function(key) return key:match(LORA) ~= nil end, 0.8,
    "The adapter belongs to another base model: {key} is {file} in its file, and this base asks for {model}.",
    function() return {anew("Load the base model that the adapter was trained on: base_model_name_or_path in its "
      .. "adapter_config.json.")} end},
  {function(key, file, model) return key:match(VOCABULARY) and differs_in(file, model) == 1 end, 0.82,
    "The file and the model that was built have vocabularies of different sizes: {key} is {file} in the file and "
      .. "{model} in the model.",
    function(file) return {{code = true, kind = "code",
      say = ("Call model.resize_token_embeddings(%d) before the weights or the adapter are loaded.")
        :format(file[1])},
      anew("Or take the config.json and the tokenizer that were saved with these weights.")} end},
  {function(key, file, model)
    return key:match(HEAD) and (differs_in(file, model) == 1 or #file == 1 and #model == 1)
  end, 0.76,
    "The head of the model has another number of classes than the file: {key} is {file} there and {model} here.",
    function(_, _, log)
      local same = {code = true, say = "Where it is to be used as it is: build the model with as many classes as the "
        .. "file has."}
      if not (log.by_hub or log.has_frame[=[transformers[/\\]]=]) then
        return {same, {code = true, say = "Where the head is to be trained anew: take its tensors out of the "
          .. "state_dict, and load the rest with strict=False."}}
      end
      return {{argument = "ignore_mismatched_sizes", value = "True",
        say = "Where the head is to be trained anew: let from_pretrained leave it out."}, same}
    end},
}

local function other_model(log, hit, library)
  local repository = hit.repo and hit.repo ~= ""
  local up = {install = library, say = ("Upgrade %s: a release older than the model builds it differently.")
    :format(library)}
  local right = anew("Give it the weights of the class (and size) that the code builds: the right file, repository or "
    .. "subfolder.")
  local fixes = library == "diffusers" and not repository and {up, right} or {right, up}
  return {hit = hit, confidence = 0.66, fixes = fixes}
end

rule {
  id = "pip.module-missing/mxfp4",
  from = {"transformers", "app", "other", "torch"},
  signatures = {plain = [[MXFP4 quantization requires [^\n]*triton[^\n]*dequantiz]]},
  context = {full = [[(?i)\bout of memory\b|OutOfMemoryError]]},
  explains = {"oom.model-too-big", "oom.activation", "oom.fragmentation"},
  title = "the packages that compute with MXFP4 weights are missing",
  when = function(_, log)
    if not log.full then return nil end -- slower, and it works
    return {confidence = 0.88, lasts = true,
      why = {"Without a new triton and the package kernels the weights are unpacked to bfloat16, four times as large.",
        "That does not fit the GPU."},
      fixes = {{install = "kernels", with = {triton = ">=3.4"},
        say = "Install both, so that the weights stay packed."}}}
  end,
  doc = {looks = "MXFP4 quantization requires triton >= 3.4.0 and kernels installed, we will default to dequantizing.",
    check = "pip list | grep -e triton -e kernels."},
}

rule {
  id = "hf.weights-mismatch",
  from = {"torch", "hub", "engine", "app", "other"},
  signatures = {
    state = [=[size mismatch for (?<key>[\w.]+): copying a param with shape (?:torch\.Size\()?\[(?<file>[\d, ]*)\]]=]
      .. [=[\)? from (?:the )?checkpoint, the shape in current model is (?:torch\.Size\()?\[(?<model>[\d, ]*)\]]=],
    diffusers = [=[Cannot load (?:(?<repo>[^\s{}]+) )?because (?<key2>[\w.]+) expected shape ]=]
      .. [=[(?:tensor\([^)]*size=\(|torch\.Size\(\[)(?<model2>[\d, ]+)[\])]+,? but got ]=]
      .. [=[torch\.Size\(\[(?<file2>[\d, ]+)\]]=],
    loader = [=[Attempted to load weight \(torch\.Size\(\[(?<file3>[\d, ]+)\]\)\) into parameter ]=]
      .. [=[\(torch\.Size\(\[(?<model3>[\d, ]+)\]\)\)]=],
    ggml = [[tensor '(?<key4>[\w.]+)' has wrong shape; expected +(?<model4>[\d, ]+), got +(?<file4>[\d, ]+)]],
  },
  specific_over = {"app.bug"},
  context = {by_hub = [[ignore_mismatched_sizes|from_pretrained|state_dict for \w+For[A-Z]\w+:]]},
  when = function(_, log)
    local hit = log.state or log.diffusers or log.loader or log.ggml
    local key = hit.key or hit.key2 or hit.key4 or "a parameter"
    local file = numbers(hit.file or hit.file2 or hit.file3 or hit.file4)
    local model = numbers(hit.model or hit.model2 or hit.model3 or hit.model4)
    if hit == log.ggml then
      return {hit = hit, confidence = 0.74,
        why = "This build of llama.cpp builds the model with another shape of {key4} than the file has.",
        fixes = {{image = "llama.cpp", kind = "rebuild:llama.cpp", say = "Upgrade llama.cpp (or what embeds it)."},
          anew("Or take a GGUF file that was converted by a current converter.")}}
    end
    local values = {key = key, file = shown(file), model = shown(model)}
    for _, row in ipairs(KINDS) do
      if row[1](key, file, model) then
        return {hit = hit, confidence = row[2], why = row[3], fixes = row[4](file, model, log), values = values}
      end
    end
    local library = hit == log.diffusers and "diffusers" or hit == log.loader and "vllm" or "transformers"
    local answer = other_model(log, hit, library)
    answer.values = values
    answer.why = "The file holds other weights than the model that was built for them: {key} is {file} in the file and "
      .. "{model} in the model."
    return answer
  end,
  doc = {looks = "size mismatch for x: copying a param with shape ... from checkpoint; Cannot load x because ... "
    .. "expected shape ..., but got ...",
    check = "The config of the weights (adapter_config.json, config.json) against what the code builds."},
}

-- What names of a state_dict tell of how it was saved: {pattern, "missing" or "unexpected", why, fixes}.
local NAMES = {
  {[=["?(?:module)\.[\w.]+]=], "unexpected",
    "The file was saved from a model that DataParallel or DDP had wrapped: each name in it begins with 'module.'.",
    {{code = true, say = "Take it off before loading: "
      .. "state = {k.removeprefix('module.'): v for k, v in state.items()}."}}},
  {[=["?_orig_mod\.]=], "unexpected",
    "The file was saved from a model that torch.compile had wrapped: each name in it begins with '_orig_mod.'.",
    {{code = true, say = "Take it off before loading: "
      .. "state = {k.removeprefix('_orig_mod.'): v for k, v in state.items()}."}}},
  {[=[position_ids]=], "unexpected",
    "The file still has the buffer position_ids, which transformers no longer keeps in its models since 4.31.",
    {{argument = "strict", value = "False", say = "Load it with strict=False: nothing else is lost."},
      {install = "transformers", need = "<4.31", say = "Or go back to the release that the code was written for."}}},
  {[=[(?:absmax|quant_map|nested_absmax|quant_state)]=], "unexpected",
    "The file was saved in bitsandbytes' 4 or 8 bits, and the model that it is read into was built unquantized.",
    {{flag = "four_bit", engine = "transformers", say = "Load it as it was saved: with its quantization_config."},
      anew("Or take the repository with the unquantized weights.")}},
  {[=[(?:qweight|qzeros|g_idx)]=], "unexpected",
    "The file holds GPTQ's or AWQ's packed weights, and the model that it is read into was built unquantized.",
    {anew("Load it with what reads that quantization (from_pretrained with its config.json, gptqmodel, autoawq), or "
      .. "take the unquantized weights.")}},
  {[=[parametrizations\.weight\.original]=], "unexpected",
    "The file was saved with torch's newer weight_norm (names with parametrizations), and the code still uses the "
      .. "older one.",
    {{code = true, say = "Use torch.nn.utils.parametrizations.weight_norm in the code, or upgrade the package that "
      .. "builds the model."}}},
}

rule {
  id = "hf.weights-mismatch/names",
  from = {"torch", "hub", "engine", "app", "other"},
  signatures = {
    unexpected = [[Unexpected key\(s\) in state_dict: (?<unexpected_names>[^\n]{1,4000})]],
    missing = [[Missing key\(s\) in state_dict: (?<missing_names>[^\n]{1,4000})]],
  },
  context = {size = [[size mismatch for [\w.]+: copying a param]]},
  unless = {"size"},
  specific_over = {"app.bug"},
  when = function(_, log)
    local lists = {unexpected = log.unexpected and log.unexpected.unexpected_names,
      missing = log.missing and log.missing.missing_names}
    local hit = log.unexpected or log.missing
    if (hit.event.tier or 0) < 3 then return nil end
    for _, row in ipairs(NAMES) do
      local names = lists[row[2]]
      if names and names:match(row[1]) then
        return {hit = hit, confidence = 0.84, why = row[3], fixes = row[4]}
      end
    end
    return {hit = hit, confidence = 0.66, why = "The names in the file are not those of the model that was built for "
      .. "it: it is of another model, or of another release of the code.",
      fixes = {anew("Give it the weights that belong to this class and release of the code."),
        {code = true, say = "Or bring the code to the release that saved the file."}}}
  end,
  doc = {looks = "Missing key(s) in state_dict; Unexpected key(s) in state_dict: \"module.conv1.weight\".",
    check = "The first names of the file against those of model.state_dict()."},
}

-- ---- files that say too little ----

rule {
  id = "hf.incomplete/model-config",
  from = {"engine", "pydantic", "hub", "other"},
  signatures = {json = [[Value error, (?:Expecting value|Unterminated string starting at|Extra data|]]
    .. [[Invalid control character at|Expecting (?:',' delimiter|property name)[^:\n]*): line \d+ column \d+]]},
  context = {config = [[validation error for (?:Model|Speech|Vllm|Scheduler)\w*Config]]},
  all = {"config"},
  confidence = 0.82,
  title = "a JSON file of the model is empty or broken",
  why = "The engine read the model's configuration, and a JSON file of it (config.json, generation_config.json, the "
    .. "tokenizer's or the processor's) holds something else: an empty file, a git-lfs pointer or a page of an error.",
  when = function(_, log)
    local folder = log.setting"model"
    local whole = {fetch = true, say = "Fetch the JSON files of the model anew (hf download with --include '*.json')."}
    if type(folder) ~= "string" or not folder:match[[^/[\w./+@-]+\w]] then return {fixes = {whole}} end
    return {fixes = {{setting = "broken-json", need = folder:gsub("/+$", ""), kind = "param:force_download",
      say = "Look which file it is, and fetch that one anew."}, whole}}
  end,
  doc = {looks = "1 validation error for ModelConfig: Value error, Expecting value: line 1 column 1 (char 0).",
    check = "Sizes and first bytes of the JSON files in the model's folder."},
}

rule {
  id = "hf.version-conflict/metadata",
  from = {"transformers", "engine", "app"},
  signatures = {none = [['NoneType' object has no attribute 'get']]},
  context = {asks = [[metadata\.get\(\\?["']format\\?["']\)]]},
  all = {"asks"},
  confidence = 0.84,
  title = "the safetensors file was saved without metadata",
  why = "transformers asks a safetensors file which framework saved it. This one says nothing, and only newer releases "
    .. "go on then.",
  fixes = {{install = "transformers", say = "Upgrade transformers to a release that reads such files."},
    {code = true, say = "Or save the file anew: save_file(load_file(path), path, metadata={'format': 'pt'})."}},
  doc = {looks = "AttributeError: 'NoneType' object has no attribute 'get', at metadata.get(\"format\").",
    check = "__metadata__ in the file's header."},
}

-- An adapter's configuration has none of these: it is a whole model's (or its generation's), laid down under that name.
rule {
  id = "hf.not-found/adapter",
  anyone = "interpreter",
  signatures = {key = [[TypeError: (?:Peft|Lora|Prompt\w+|Prefix\w+|IA3)Config\.__init__\(\) got an unexpected ]]
    .. [[keyword argument '(?<key>_name_or_path|_from_model_config|architectures|auto_map|model_type|hidden_size|]]
    .. [[vocab_size|torch_dtype|transformers_version|num_hidden_layers|num_layers|add_bias_linear|max_length|]]
    .. [[(?:bos|eos|pad)_token_id|_attn_implementation|tie_word_embeddings|quantization_config)']]},
  specific_over = {"hf.version-conflict"},
  confidence = 0.85,
  title = "a whole model is loaded as an adapter",
  why = "peft reads the folder's configuration as an adapter's, and {key} stands in that of a whole model.",
  fixes = {{code = true, kind = "param:model", say = "Load it as a model, without peft; where the program goes by the "
      .. "path's name (a \"peft\" or \"lora\" in it), rename the folder."},
    {code = true, kind = "param:model", say = "Or name the folder of the adapter itself, with the "
      .. "adapter_config.json that peft saved."}},
  doc = {looks = "PeftConfig.__init__() got an unexpected keyword argument '_from_model_config'.",
    check = "adapter_config.json: it has peft_type and base_model_name_or_path."},
}

rule {
  id = "quant.offload-unsupported",
  from = {"hub", "torch", "quantizer", "engine"},
  signatures = {
    offload = [[Some modules are dispatched on the CPU or the disk]],
    enough = [[Make sure you have enough GPU RAM to fit the quantized model]],
    dispatch = any{
      [[(?<!['"])llm_int8_enable_fp32_cpu_offload]],
      [[You (?:can't|cannot) (?:train|move) a model that has been loaded in 8-bit]],
      [[doesn't support (?:CPU|disk) offload]],
      [[device_map[^\n]{0,60}(?:contains|includes) (?:a )?(?:CPU|disk)[^\n]{0,60}(?:not supported|unsupported)]],
    },
    meta = any{
      [[Cannot copy out of meta tensor; no data!]],
      [[Tensor on device meta is not on the expected device]],
      [[You can't move a model that has some modules offloaded to cpu or disk]],
    },
    to_quant = [[`\.to` is not supported for `?(?:4-bit|8-bit)`?]],
  },
  facts = {"gpus.0.memory.total", "gpus.0.memory.free"},
  when = function(f, log)
    if log.to_quant and not (log.offload or log.enough) and log.has_frame[=[accelerate[/\\]big_modeling]=] then
      return {hit = log.to_quant, confidence = 0.78, title = "bitsandbytes is older than accelerate takes it to be",
        why = "It was accelerate that moved the quantized model, as it may from bitsandbytes 0.43.2 on.",
        fixes = {{install = "bitsandbytes", need = ">=0.43.2", with = {"accelerate", "transformers"},
          say = "Upgrade bitsandbytes, with accelerate and transformers."},
          {argument = "device_map", value = "'auto'", say = "Or let accelerate place the model."}}}
    end
    if log.to_quant and not (log.offload or log.enough) then
      return {hit = log.to_quant, confidence = 0.75, title = "a quantized model was moved with .to()",
        why = "A quantized model stays where it was placed; the code moves it with .to() or .cuda().",
        fixes = {
          {argument = "device_map", say = "Place it at load time (device_map={'': 0}) and remove the .to() call."},
          {install = "accelerate", say = "Or upgrade accelerate and diffusers, which allow it for some types."}}}
    end
    local hit = log.offload or log.enough or log.dispatch or log.meta
    -- the name of the setting alone stands in every dump of a configuration
    if hit == log.dispatch and hit.event.kind ~= "exception"
      and hit.text:match[=[enable_fp32_cpu_offload['"]? ?[:=]]=] then
      return nil
    end
    return {hit = hit, confidence = (log.offload or log.enough) and 0.93 or 0.7,
      why = {"device_map='auto' put part of the quantized model on the CPU or disk, because the GPU has too little "
        .. "free memory, and the quantizer refuses that.",
        "Free GPU memory: {fact:gpus.0.memory.free} bytes."},
      fixes = {{argument = "device_map", value = "{'': 0}",
        say = "If it fits: force the GPU with device_map={'': 0}; else free GPU memory or take a smaller model."},
               {free = "gpu", say = "End other processes on that GPU."},
               {argument = "llm_int8_enable_fp32_cpu_offload",
                 say = "Or allow it: llm_int8_enable_fp32_cpu_offload=True with an own device_map (slow)."}}}
  end,
  doc = {looks = "'Some modules are dispatched on the CPU or the disk'.",
    check = "Free GPU memory against the quantized size of the model."},
}
