-- A model that is newer than the library or engine that is to load it, and what looks like that. Since which release it
-- is known tells the atlas: a type is a module of transformers, an engine lists the architectures that it serves.

-- What a newer transformers has of a type ("qwen3_vl_moe") or class ("Qwen3VLMoeConfig"), nil where no newer one is
-- needed. A type that is a part of another ("qwen3_vl_moe_text") has no module of its own.
local function of_transformers(named, have)
  if not named then return nil end
  local class = named:match[=[^[A-Z]]=]
  local module = "transformers.models." .. named:gsub([=[[-.]]=], "_"):gsub([[_text$]], "")
  local answer = class and atlas.name("transformers", named, have) or atlas.name(module, nil, have)
  return answer and answer.state == "changed" and answer.newer and answer or nil
end

-- {bound that must hold or nil, sentence or nil}: what the engine's own list says of an architecture.
local function of_engine(engine, title, architecture, have)
  local answer = architecture and atlas.flag(engine, architecture, have)
  if not answer or not answer.first or not answer.sure then return {} end
  if answer.state == "here" and have then return {} end
  local need = answer.newer or not have and answer.state == "here" and ">=" .. answer.first or answer.older
  return {need = need, older = need == answer.older or nil, why = answer.older and not answer.newer
    and ("%s lists {type} up to %s."):format(title, answer.last)
    or ("%s lists {type} since %s."):format(title, answer.first)}
end

-- An architecture that the engine has no code for.
local function no_implementation(f, hit, package, title)
  local listed = of_engine(package, title, hit.type, f.pkg(package) or nil)
  return {hit = hit, confidence = listed.need and 0.92 or nil,
    why = {"This release of the engine has no implementation of {type}.",
      ("%s is {fact:python.packages.%s.version}."):format(title, package), listed.why},
    fixes = {{install = package, need = listed.need, older = listed.older,
        say = listed.older and "Go back to a release of the engine that lists this architecture."
          or "Upgrade the engine to a release that lists this architecture."},
      {install = "transformers", say = "And transformers with it."}}}
end

local upgrade_engine = {install = "vllm", say = "In a serving engine, upgrade the engine itself.",
  cond = function(f, log) return log.engine_frame ~= nil or (f.pkg"vllm" or nil) ~= nil end}

rule {
  id = "app.bug/slow-tokenizer",
  signatures = {
    class = [[Tokenizer class (?<class>\w+Tokenizer) does not exist or is not currently imported]],
  },
  from = {"transformers", "app", "engine"},
  specific_over = {"hf.model-too-new"},
  confidence = 0.8,
  when = function(f, log)
    local have = f.pkg"transformers" or nil
    local fast = atlas.name("transformers", log.class.class .. "Fast", have)
    local slow = atlas.name("transformers", log.class.class)
    if not fast or not fast.first or have and fast.state ~= "here" then return nil end
    return not slow.first or version.cmp(fast.first, slow.first) == -1 -- releases with the fast one alone
  end,
  why = "{class} was asked for by use_fast=False, and transformers has no slow tokenizer for this family, "
    .. "only a fast one.",
  fixes = {{code = true, say = "Take use_fast=False out of the call (or set it to True)."}},
  doc = {looks = "'Tokenizer class GPTNeoXTokenizer does not exist or is not currently imported'.",
    check = "use_fast in the call of from_pretrained; tokenizer_class in tokenizer_config.json."},
}

-- A type that is too new is named ("does not recognize this architecture"); here there is none to be named.
rule {
  id = "hf.incomplete/no-model-type",
  from = {"transformers", "engine", "app"},
  signatures = {
    no_type = [[Unrecognized model in (?<where>[^\s'"]+)\. Should have a `?model_type`? key in its config\.json]],
  },
  specific_over = {"hf.model-too-new"},
  confidence = 0.74,
  why = "The config.json of {where} names no model_type, so no release of transformers can tell what it is: an adapter "
    .. "or a checkpoint of another program, a folder beside the model, or a config.json that is not whole.",
  fixes = {{code = true, kind = "param:model", say = "Name the folder or repository that holds the whole model (for an "
      .. "adapter its base model)."},
    {fetch = true, path = "{where}/config.json", say = "Or fetch its config.json anew."}},
  doc = {looks = "'Unrecognized model in m. Should have a `model_type` key in its config.json'.",
    check = "model_type in config.json; whether adapter_config.json lies beside it."},
}

rule {
  id = "hf.model-too-new",
  from = {"transformers", "engine", "diffusers", "sentence_transformers", "optimum", "unsloth"},
  signatures = {
    architecture = [[model type `?(?<type>[\w.-]+)`? but Transformers does not recognize this architecture]],
    keyerror = [[KeyError: ['"](?<type>(?:qwen|llama|mistral|mixtral|gemma|phi|deepseek|glm|chatglm|internlm]]
      .. [[|olmo|cohere|starcoder|falcon|granite|gpt_oss|mllama|minicpm|exaone|nemotron|smollm|ernie|kimi]]
      .. [[|moonshot|bloom|baichuan|yi|stablelm|dbrx|jamba|mamba|siglip|pixtral|idefics|paligemma|florence]]
      .. [=[|hunyuan|seed|step|arctic|longcat|minimax|dots|apertus|modernbert)[\w.-]*)['"]]=],
    unrecognized = [[Unrecognized (?:configuration class|model in|feature extractor in|image processor in)]],
    tokenizer_class = [[Tokenizer class (?<type>\w+) does not exist or is not currently imported]],
    no_arch = [=[Model architectures \[['"](?<type>\w+)['"][^\]]*\] (?:are not supported|failed to be inspected)]=],
    not_implemented_arch = any{
      [[unknown model architecture: ['"](?<type>[\w.-]+)]],
      [[Unsupported (?:model (?:architecture|type)|architecture):? ['"]?(?<type2>(?!for\b)[\w.-]+)\b(?! for )]],
      [[unsupported architecture \\?"(?<type4>\w+)]],
      [[GGUF model with architecture (?<type5>[\w.-]+) is not supported]],
      [[Model type (?<type3>[\w.-]+) (?:is )?not (?:currently )?supported(?! (?:for|in|yet)\b)]],
    },
    rope = any{
      [[`?rope_scaling`? must be a dictionary (?:of the form|(?:with )+two fields)]],
      [[KeyError: ['"](?:rope_type|type)['"][^\n]{0,40}rope]],
    },
    import_class = [[cannot import name ['"](?<type>\w+(?:ForCausalLM|ForConditionalGeneration|Config]]
      .. [[|Processor|Model|Tokenizer|TokenizerFast))['"] from ['"]transformers['"](?! \(unknown location)]],
    list_keys = [[_set_model_specific_special_tokens]],
    quant_type = [[Unknown quantization type, got (?<type>[\w-]+)]],
    could_not_find = [[Could not find (?<type>\w+) neither in <module 'transformers]],
    gguf_tensors = any{
      [[llama\.cpp: tensor '[^'\n]*' should not be \d+-dimensional]],
      [[wrong number of tensors; expected \d+, got \d+]],
      [[unknown pre-tokenizer type: '(?<type>[^']+)']],
      [[missing tensor '[\w.]+']],
      [[tensor '[\w.]+' (?:not found|is missing from model)]],
      [[bad magic \[got 0x46554747]],
      [[unknown \(magic, version\) combination: 46554747]],
      [[unsupported model architecture: '(?<type2>[^']+)']],
    },
    attention = [[(?<type>\w+) does not support (?<what>Flash Attention 2\.0|Flash Attention 3|Flex Attention]]
      .. [[|an attention implementation through torch\S*scaled_dot_product_attention) yet]],
    sglang = [[(?:^|[:.] )Unsupported architectures: (?<type>\w+)]],
    ollama = [[requires a newer version of Ollama|this model may be incompatible with your version of Ollama]],
    any_key = [=[KeyError: ['"](?<key>[a-z][\w.-]*)['"]\s*$]=],
    diffusers = [[(?:module diffusers(?:\.[\w.]+)? has no attribute |`diffusers` has no class `)(?<type>\w+)]],
    attribute = [[module ['"]?transformers['"]? has no attribute ['"]?(?<type>\w+)]],
  },
  context = {
    mapping = [[(?:CONFIG_MAPPING\[config_dict|raise KeyError\(key\))]],
    llama_cpp = [[(?:error loading model architecture|llama_model_load|llama_load_model|llama\.cpp|gguf|ggml|ollama)]],
    by_ollama = [[\bollama\[\d+\]: |\bsource=(?:sched|routes|server|llm|runner)\.go:\d|/\.ollama/models/]],
    -- its own programs, no binding of Python
    llama_program = [[(?:main: exiting due to model loading error|\bsrv +(?:load_model|operator|llama_server)|]]
      .. [[common_init_\w+: |_from_gpt_params: |main: error: unable to load model|llama[-_]server\b|llama-cli\b)]],
    engine_frame = [[\b(?:vllm|sglang|text_generation_server|lmdeploy)/]],
    custom = [[trust_remote_code=True]], lacking = [[ModuleNotFoundError: No module named]],
    driver = [[NVIDIA driver on your system is too old]],
    none_at_all = [[Supported architectures: dict_keys\(\[\]\)]],
  },
  unless = {"driver", "none_at_all"},
  facts = {"transformers.version", "python.packages.vllm.version"},
  confidence = 0.87,
  when = function(f, log)
    if log.ollama then
      return {hit = log.ollama, confidence = 0.93, why = "This ollama is older than the model.",
        fixes = {{image = "ollama", kind = "pip:ollama", say = "Upgrade ollama, and start it again."}}}
    end
    if log.diffusers then
      return {hit = log.diffusers, why = "The pipeline's model_index.json names {type}, which the installed diffusers "
        .. "does not have: it is older than the model.",
        fixes = {{install = "diffusers", say = "Upgrade diffusers to a release that has that class."}}}
    end
    if log.attention then
      local sdpa = log.attention.what:match[[scaled_dot]]
      local up = {install = "transformers", say = "Upgrade transformers to a release in which this model has it."}
      local without = {argument = "attn_implementation", value = sdpa and "'eager'" or "'sdpa'",
        say = "Do without: load it with the plain attention."}
      return {hit = log.attention, confidence = 0.74,
        why = {"In this release of transformers {type} has no such attention implementation, and it was asked for "
          .. "explicitly or by the model's own code.",
          "transformers is {fact:python.packages.transformers.version}."},
        fixes = sdpa and {without, up} or {up, without}}
    end
    if log.sglang then return no_implementation(f, log.sglang, "sglang", "SGLang") end
    local hit = log.architecture or log.no_arch or log.not_implemented_arch or log.gguf_tensors or log.tokenizer_class
      or log.rope or log.quant_type or log.could_not_find or log.list_keys or log.keyerror or log.import_class
      or log.attribute or log.unrecognized
    if hit and hit == log.import_class then -- a class that later releases no longer have
      local answer = atlas.name("transformers", hit.type, f.pkg"transformers" or nil)
      local newer = answer and answer.state == "changed" and answer.newer
      if answer and answer.state == "changed" and answer.older and not newer
        or newer and version.cmp(newer:match[[^>=([\d.]+)]] or "5", "4.40") == -1 then
        return nil
      end
    end
    if not hit then -- a bare KeyError: of a model type when transformers' own table was asked
      local frames = log.any_key.event.frames or {}
      local last = #frames > 0 and frames[#frames].file or ""
      if not (log.mapping or last:match[[(?:configuration|tokenization)_auto\.py$]]) then return nil end
      return {hit = log.any_key, why = "transformers has no entry '" .. log.any_key.key
        .. "' in its table of model types: it is older than this model."}
    end
    if hit == log.not_implemented_arch and (hit.type4 or log.by_ollama or (hit.event.emitters or {}).ollama) then
      return {hit = hit, why = "This ollama is older than the model, or cannot import models of that type.",
        fixes = {{image = "ollama", kind = "pip:ollama", say = "Upgrade ollama, and start it again."},
          {argument = "model", say = "Or import a GGUF file of it that llama.cpp's converter made."}}}
    end
    local host = ({koboldcpp = "koboldcpp", localai = "localai"})[log.engine_said]
    if hit == log.gguf_tensors or hit == log.not_implemented_arch and log.llama_cpp and not log.engine_frame
      and not hit.type5 then
      return {hit = hit,
        why = "This build of llama.cpp (or what embeds it) is older than the model file: it does not know its "
          .. "architecture, tokenizer or tensors.",
        fixes = (host or log.llama_program and not log.has_frame[[llama_cpp]]) and {
          {image = host or "llama.cpp", kind = "rebuild:llama.cpp",
            say = "Upgrade llama.cpp or what embeds it: take its newest release or image, or build it again."},
          {argument = "model", say = "Or take a GGUF file that was converted for this build."}} or {
          {install = "llama-cpp-python",
            say = "Upgrade llama.cpp (ollama, llama-cpp-python, LM Studio: the program that embeds it) to a release "
              .. "that knows this model."}, {code = true, kind = "rebuild:llama.cpp",
              say = "Built from source: pull and build it again."},
              {argument = "model", say = "Or take a GGUF file that was converted for this build."}}}
    end
    if hit == log.not_implemented_arch and (hit.event.emitters or {}).text_generation_server then
      return {hit = hit, why = "This release of TGI has no implementation of that type of model.",
        fixes = {{image = "tgi", kind = "pip:text-generation-inference",
          say = "Run a newer image of text-generation-inference, or an engine that lists this model."}}}
    end
    if hit == log.no_arch and log.lacking and hit.text:has"failed to be inspected" then return nil end
    if hit == log.no_arch then
      local of_sglang = log.engine_said == "sglang" or (hit.event.emitters or {}).sglang
      return no_implementation(f, hit, of_sglang and "sglang" or "vllm", of_sglang and "SGLang" or "vLLM")
    end
    local newer = hit ~= log.unrecognized and of_transformers(hit.type, f.pkg"transformers" or nil)
    if newer then
      return {hit = hit, confidence = 0.92, why = {"The installed library is older than this model: "
        .. ("transformers %s has {type}."):format(newer.newer),
        "Installed is {fact:python.packages.transformers.version}."},
        fixes = {{install = "transformers", need = newer.newer,
            say = "Upgrade transformers to a release that knows this model, in the environment that runs it."},
          upgrade_engine}}
    end
    return {hit = hit, confidence = hit == log.unrecognized and not log.architecture and 0.7 or nil}
  end,
  why = "The installed library is older than this model: it does not know its type or a key of its configuration.",
  fixes = {
    {install = "transformers",
      say = "Upgrade transformers to a release that knows this model, in the environment that runs it."},
    upgrade_engine,
  },
  doc = {looks = "'does not recognize this architecture', KeyError of a model type, 'Model architectures [...] are "
    .. "not supported'.",
    check = "transformers_version in the model's config.json against the installed one, in the interpreter of the "
      .. "traceback."},
}
