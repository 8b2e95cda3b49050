-- Python libraries of releases that do not belong together: a name, an argument or an attribute that one side does not
-- have.

-- The libraries whose mutual skew is hf.version-conflict; any other pair is pip.conflict.
local HF = {}
for name in ([[
  transformers peft accelerate huggingface-hub tokenizers safetensors diffusers trl datasets optimum
  sentence-transformers evaluate auto-gptq gptqmodel awq unsloth unsloth-zoo llamafactory axolotl lm-eval setfit
  adapters controlnet-aux]]):gmatch[[[\w-]+]] do HF[name] = true end

-- The library that has a class or function of that name. Of several it is the one that the traceback went through, or
-- the one that the others stand on.
local STANDS_BELOW = {"huggingface-hub", "tokenizers", "transformers", "accelerate", "diffusers", "peft", "datasets"}

local function owner_of(name, event)
  local owners, among = atlas.owners(name), {}
  if #owners < 2 then return owners[1] end
  for _, owner in ipairs(owners) do among[owner] = true end
  for i = #(event.frames or {}), 1, -1 do
    local package = atlas.package_of(event.frames[i])
    if among[package or ""] then return package end
  end
  for _, owner in ipairs(STANDS_BELOW) do
    if among[owner] then return owner end
  end
end

-- Does one of Hugging Face's family, or one whose own files import the other, ask?
local NEWEST = "9999"
local function written_for(asks, other)
  return HF[asks] or atlas.beside(asks, nil, other, NEWEST)
end

local function owned_by(package, class)
  return (" " .. table.concat(atlas.owners(class), " ") .. " "):has(" " .. package .. " ")
end

local function distribution(module)
  return know.distribution(module:match[[^[\w-]+]])
end

-- The package that a frame is in, in a source checkout too; nil for a program's own file.
local function package_of(frame)
  local top = frame and (frame.file:match[=[(?:site|dist)-packages[/\\](\w+)]=]
    or frame.file:match[=[[/\\](transformers|peft|accelerate|diffusers|trl|datasets)[/\\](?:\w+[/\\])*\w+\.py$]=])
  return top and distribution(top)
end

local function beside_script(hit, main) -- a file of the script's own folder is no release of anything
  local path = hit.text:match[=[\((/[^)\n]+?)/\w+(?:/__init__)?\.py\)]=]
  return path and main and main.file:match[=[^(.*)/[^/]+$]=] == path
end

-- A name (hit.symbol, or the module hit.module itself) that the installed release does not have, and what imports it;
-- where the atlas does not know the name (names.lua answers the others), which of the two is the older one is not said.
local function lacking(f, hit, importer, unsure)
  local package = distribution(hit.module)
  local have = f.pkg(package)
  local known = atlas.name(hit.module, hit.symbol)
  if known and known.state == "changed" then unsure = 0.7 end
  local fixes = {
    {install = package, with = importer and {importer} or nil,
      say = ("Install the %s that this code was written for: usually the newest, together with what imports it.")
        :format(package)},
    {install = package, older = true,
      say = "If the importing code is the older one: go back to the release that it pins."},
    importer and {install = importer,
      say = "Or upgrade what imports it: newer releases no longer ask for that name."} or nil,
  }
  return {hit = hit, confidence = unsure, fixes = fixes,
    why = {("%s has no %s in its installed release: it and the code that asks for it belong to "
      .. "different releases."):format(package, hit.symbol or hit.module), have and ("%s is %s."):format(package, have)
      or nil}}
end

-- Since when transformers calls a model's own code differently: tokenizers before their __init__ is done, and so on.
local function changed_in(text)
  return text:match[[Tokenizer' object]] and "<4.34" or text:match[[_set_gradient]] and "<4.35"
    or text:match[[padding_side]] and "<4.45" or "<4.42"
end

rule {
  id = "hf.version-conflict",
  from = {"hub", "engine"},
  anyone = {attribute = "interpreter", cache_api = "interpreter", custom_config = "interpreter",
    hf_module = "interpreter", hf_name = "interpreter", hub_module = "interpreter", hub_name = "interpreter",
    old_code = "interpreter", undefined = "interpreter"},
  signatures = {
    required = [[(?<package>[\w.-]+)(?:\[[\w,]+\])?(?<spec>[<>=!~]+[\w.,<>=!*]+) is required for a normal ]]
      .. [[functioning of this module, but found (?<found>[\w.-]+==\S*\w)]],
    hub_name = [=[cannot import name ['"](?<symbol>\w+)['"] from ['"](?<module>huggingface_hub[\w.]*)['"]]=],
    hub_module = [=[No module named ['"](?<module>huggingface_hub\.\w[\w.]*)['"]]=],
    hf_name = [[cannot import name ['"](?<symbol>\w+)['"] from ['"](?<module>(?:peft|accelerate|tokenizers]]
      .. [[|safetensors|trl|diffusers|optimum|datasets|transformers|sentence_transformers|auto_gptq]]
      .. [=[|gptqmodel|evaluate)[\w.]*)['"]]=],
    hf_module = [[No module named ['"](?<module>(?:transformers|diffusers|peft|accelerate|trl]]
      .. [=[|compressed_tensors|llmcompressor|auto_round|datasets)\.[\w.]+)['"]]=],
    attribute = [[module ['"](?<module>(?:diffusers|peft|accelerate|trl|datasets|tokenizers|huggingface_hub]]
      .. [[|transformers\.[\w.]+)[\w.]*)['"] has no attribute ['"](?<symbol>\w+)]],
    keyword = [[TypeError: (?:(?<class>\w+)\.)?(?<call>\w+)\(\) got an unexpected keyword argument ]]
      .. [[['"](?<symbol>\w+)]],
    -- what generates is no longer part of a configuration
    generation = [['(?<class2>\w+Config)' object has no attribute '(?<symbol>]] .. any{
      [[(?:no_repeat_ngram_size|num_beams|repetition_penalty|length_penalty|early_stopping|do_sample|torchscript)]],
      [[(?:forced_[be]os|[be]os|pad|sep|decoder_start)_token_id|is_decoder|(?:add_)?cross_attention\w*|tie_\w+]],
    } .. [[)']],
    custom_config = [['(?<class2>\w+)' object has no attribute '(?<symbol>_attn_implementation\w*]]
      .. [[|get_text_config|_supports_\w+|_no_split_modules|_tp_plan|_tied_weights_keys]]
      .. [[|all_tied_weights_keys|use_return_dict|_keep_in_fp32_modules\w*|_checkpoint_conversion_mapping]]
      .. [[|generate|_init_weights|is_remote_code|_is_stateful|prepare_inputs_for_generation]]
      .. [[|standardize_rope_params|rope_theta|rope_scaling|rope_parameters)']],
    arity = [[TypeError: (?<class3>\w+)\.(?<call3>\w+)\(\) ]] .. any{
      [[takes \d+ positional arguments? but \d+]],
      [[got multiple values for argument]],
      [[missing \d+ required (?:positional|keyword-only)]],
    },
    undefined = [[name '(?<symbol>PreTrained\w+|Pretrained\w+|AutoModel\w*|AutoTokenizer|LossKwargs]]
      .. [[|FlashAttentionKwargs|Replicate|DTensor)' is not defined]],
    cache_api = any{
      [['\w*Cache' object has no attribute]],
      [[module 'transformers\.cache_utils' has no attribute]],
      [['\w+' object has no attribute ']] .. any{
        [[get_max_length]], [[seen_tokens]], [[get_usable_length]], [[_supports_sdpa]], [[all_tied_weights_keys]],
        [[all_special_tokens_extended]], [[_tied_weights_keys]], [[is_quantized]], [[hf_device_map_]],
      } .. [[']],
    },
    remote_code = [=[File ['"]?[^'"\n]*/(?<remote>transformers_modules/[^'"\n:]+\.py)(?:['"], line |:)\d+, in]=],
    old_code = any{
      [[_set_gradient_checkpointing\(\) got an unexpected keyword argument]],
      [['(?:ChatGLM|QWen|Baichuan|InternLM|Aquila|XVERSE)\w*Tokenizer' object has no attribute]],
      [[_pad\(\) got an unexpected keyword argument 'padding_side']],
      [[_extract_past_from_model_output\(\)]],
    },
    peft_requires = any{
      [[peft]], [[accelerate]], [[transformers]], [[tokenizers]], [[huggingface[-_]hub]], [[safetensors]],
    } .. [[(?:>=|==|<=|<|>)[\d.]+[^\n]{0,80}(?:is required|but (?:found|you have))]],
    newer_needed = [[(?:Please|please) (?:upgrade|update|install)[^\n]{0,40}]] .. any{
      [[transformers]], [[accelerate]], [[peft]], [[huggingface[-_]hub]], [[tokenizers]], [[diffusers]],
    } .. [[[^\n]{0,40}(?:>=|version|to at least)]],
  },
  facts = {"python.packages.transformers.version", "python.packages.huggingface-hub.version",
    "python.packages.tokenizers.version", "python.packages.peft.version", "python.packages.accelerate.version"},
  confidence = 0.85,
  when = function(f, log)
    local hit = log.required
    if hit then
      local package = hit.package:gsub("_", "-")
      local upper, own = hit.spec:match[[<=?(\d[\d.]*\d)]], package == "accelerate" or package == "bitsandbytes"
      if own and not (upper and version.cmp(hit.found:match[[==(.+)]], upper) ~= -1) then return nil end
      return {hit = hit, confidence = 0.93,
        why = ("The installed %s is outside what the importing library accepts (%s%s)."):format(hit.found, package,
          hit.spec),
        fixes = {
          {install = package, need = hit.spec:gsub([[[.,]+$]], ""), say = "Install a version in that range."},
          {install = "transformers", say = "Or move transformers to a release that accepts the installed one."},
        }}
    end
    hit = log.hub_name or log.hub_module or log.hf_name or log.hf_module or log.attribute
    local frames = hit and hit.event.frames or {}
    if hit and not hit.text:match[[partially initialized]] and not beside_script(hit, frames[1]) then
      local by = package_of(frames[#frames])
      return lacking(f, hit, by ~= distribution(hit.module) and by or nil, 0.84)
    end
    hit = log.old_code
    if hit or log.cache_api and log.remote_code then
      return {hit = hit or log.cache_api, confidence = 0.82,
        why = {"The model's own code was written for an older transformers and calls an interface that has changed.",
          "transformers is {fact:python.packages.transformers.version}."},
        fixes = {{install = "transformers", need = changed_in((hit or log.cache_api).text),
          say = "Go back to the last transformers that still calls such code as it expects."},
          {code = true, say = "Or take the newest revision of the model's code, if its author has followed."}}}
    end
    hit = log.generation
    if hit then
      return {hit = hit, confidence = 0.8, why = {
        "{class2} is asked for {symbol}: up to transformers 4 every configuration had it, from 5 on only those that "
          .. "define it themselves. The code was written for an older release.",
        "transformers is {fact:python.packages.transformers.version}."},
        fixes = {{install = "transformers", need = "<5", say = "Go back to the last transformers 4."},
          {code = true, kind = "pip:package", say = "Or upgrade the code that brings that class."}}}
    end
    hit = log.custom_config
    if hit and not (hit.symbol:match[[^rope_]] and owned_by("transformers", hit.class2)) then
      return {hit = hit, confidence = 0.78, why = {
        "transformers asks a class that is not its own ({class2}) for {symbol}, which this release expects of every "
          .. "one: the code was written for an older release.",
        "transformers is {fact:python.packages.transformers.version}."},
        fixes = {{install = "transformers", say = "Go back to the transformers release that this code was written for.",
          need = "<" .. (hit.symbol == "get_text_config" and "4.47" or hit.symbol:match[[^_attn]] and "4.41"
            or hit.symbol:match[[generate|prepare_inputs]] and "4.50" or "5")},
            {code = true, kind = "pip:package",
              say = "Or upgrade the package (or the model's code) that brings that class."}}}
    end
    hit = log.cache_api
    if hit then
      return {hit = hit, confidence = 0.82,
        why = "A library asks transformers for a name that the installed transformers does not have: the two releases "
          .. "do not belong together.",
        fixes = {
          {install = "transformers",
            say = "Install the transformers release that this library (or model code) was written for; see its "
              .. "requirements."}, {install = "transformers", older = true,
              say = "If the code is older than the library, go back to the release that it pins."}}}
    end
    hit = log.keyword
    if hit then
      local frames = hit.event.frames or {}
      local from = package_of(frames[#frames])
      local owner = owner_of(hit.class or hit.call, hit.event)
        or hit.class == nil and log.remote_code and "transformers"
      if not HF[owner or ""] then
        -- of nobody whose releases are known, so rather the caller's own
        local own = not owner and from and hit.class and hit.class:match[[(?:Config|Cfg)$]]
        owner = own and from or nil
      end
      if owner == "transformers" and hit.class and not hit.class:match([[^]] .. any{
        [[\w*Trainer]], [[\w*TrainingArguments]], [[BitsAndBytesConfig]], [[GenerationConfig]], [[GenerationMixin]],
        [[PeftAdapterMixin]], [[PreTrained\w+]], [[Cache]], [[\w*Cache]], [[Auto\w+]],
      } .. [[$]]) and not from and not log.remote_code then
        owner = nil
      end
      if owner and from == owner then
        if not (hit.class or ""):match[[(?:Config|Cfg)$]] then return nil end
        return {hit = hit, confidence = 0.84, why = {
          ("The saved configuration has '%s', which the installed %s does not know: it was written by a "
            .. "newer release."):format(hit.symbol, owner)},
          fixes = {{install = owner, say = "Upgrade it to the release that saved the file (or newer)."},
            {code = true, say = "Or remove that key from the configuration file."}}}
      end
      if owner and (from or hit.class and #frames == 0) then
        local say = from
          and ("%s passes an argument that the installed %s does not know: bring the two together."):format(from, owner)
          or ("Install the %s that knows (or still knows) this argument."):format(owner)
        return {hit = hit, confidence = from and 0.84 or 0.72,
          why = {("%s has no argument '%s' in the installed release of %s."):format((hit.class and hit.class .. "."
              or "") .. hit.call, hit.symbol, owner)},
          fixes = {{install = owner, with = from and {from} or nil, say = say},
                   {install = owner, older = true,
                     say = "If the argument was removed: go back to the release that the code was written for."},
                   {code = true, say = "Or change the argument in your own code.",
                     cond = function() return not from end}}}
      end
      hit = nil
    end
    hit = log.arity
    if hit then -- only between two packages: within one it is a bug
      local frames = hit.event.frames or {}
      local from = #frames > 0 and frames[#frames].file:match[=[(?:site|dist)-packages[/\\](\w+)]=]
      local owner = owner_of(hit.class3, hit.event)
      if HF[owner or ""] and from and distribution(from) ~= owner then
        return {hit = hit, confidence = 0.82, why = {
          ("%s calls %s.%s of %s in a way that the installed release does not know."):format(from, hit.class3,
            hit.call3, owner), ("%s is {fact:python.packages.%s.version}."):format(owner, owner)},
          fixes = {{install = owner, with = {distribution(from)},
            say = ("Upgrade %s and %s together, so that each finds what it asks for."):format(owner, from)},
            {install = distribution(from), say = "Or upgrade the caller."}}}
      end
    end
    if log.remote_code then
      local e = log.remote_code.event
      -- ROPE_INIT_FUNCTIONS of transformers 5
      if e.message and e.message:match[[^'default'$]] and e.type == "KeyError" then
        return {hit = log.remote_code, confidence = 0.82,
          why = {"The code that came with the model asks for the 'default' rotary embedding, which transformers 5 no "
            .. "longer lists.",
            "transformers is {fact:python.packages.transformers.version}."},
          fixes = {{install = "transformers", need = "<5", say = "Go back to transformers 4."},
            {code = true, say = "Or take the newest revision of the model's code."}}}
      end
      if not (e.type and e.type:match[[^(?:AttributeError|TypeError|ImportError)$]]) or (e.tier or 0) < 4 then
        return nil
      end
      if e.message and e.message:match[[NoneType|cannot access|partially initialized|flash_attn|not callable]] then
        return nil
      end
      return {hit = log.remote_code, confidence = 0.62,
        why = {"The code that came with the model fails inside transformers: it was written for another release.",
          "transformers is {fact:python.packages.transformers.version}."},
        fixes = {{install = "transformers", older = true,
          say = "Install the transformers release that the model's config.json names (transformers_version)."},
          {install = "transformers", say = "Or upgrade transformers, if the model is newer."}}}
    end
    hit = log.undefined
    if hit and (hit.event.tier or 0) >= 3 then
      return {hit = hit, confidence = 0.68, why = {
        "A library was imported with {symbol} left out, because what brings it (transformers, torch) is missing or of "
          .. "another release."},
        fixes = {{install = "transformers", with = {"diffusers", "accelerate"},
          say = "Bring transformers and what imports it to releases that belong together, then restart "
            .. "the process."}, {install = "torch", say = "If the name is torch's: upgrade torch."}}}
    end
    hit = log.peft_requires or log.newer_needed
    if not hit then return nil end
    local package = hit.text:match(
      "(" .. any{
        "peft", "accelerate", "tokenizers", "safetensors", "trl", "diffusers", "optimum", "huggingface.hub",
        "transformers",
      } .. ")")
      or "transformers"
    return {hit = hit, confidence = 0.82,
      why = "Two of transformers, peft, accelerate, tokenizers and huggingface_hub are of releases that do not belong "
        .. "together.",
      fixes = {{install = package:gsub("_", "-"), with = {"transformers", "accelerate", "peft", "huggingface-hub"},
        say = "Upgrade them together."}}}
  end,
  doc = {looks = "'is required for a normal functioning of this module', 'cannot import name ... from "
    .. "huggingface_hub/transformers/peft', 'got an unexpected keyword argument' between two libraries.",
    check = "Their versions side by side; `firstfix report --only packages` lists conflicts with their own pins."},
}

rule {
  id = "pip.conflict/names",
  from = {pydantic = {"pydantic", "server", "other", "hub", "engine", "app"}, request_class = {"server", "other"}},
  anyone = "interpreter",
  signatures = {
    name = [[cannot import name ['"](?<symbol>\w+)['"] from ['"](?<module>(?!(?:transformers|huggingface_hub]]
      .. [[|peft|accelerate|tokenizers|safetensors|trl|diffusers|optimum|datasets|numpy|vllm|sglang]]
      .. [[|flashinfer|flash_attn|typing|collections|enum|inspect|google|bitsandbytes|triton|torchvision]]
      .. [[|xgrammar|compressed_tensors)\b)[A-Za-z_][\w.]*)['"] \((?<path>[^)\n]+)\)]],
    submodule = [[No module named ['"](?<module>(?!transformers\.|huggingface_hub\.|peft\.|accelerate\.]]
      .. [[|diffusers\.|trl\.|datasets\.|numpy\.|vllm\._|google\.|nvidia\.|azure\.|ruamel\.|mpl_toolkits\.]]
      .. [[|compressed_tensors\.|llmcompressor\.|auto_round\.]]
      .. [[|backports\.|comfy|utils\.|models?\.|src\.|lib\.|modules\.|core\.|common\.|config\.|data\.]]
      .. [[|tools\.|scripts\.|torchvision\.transforms\.functional_tensor|triton\.|bitsandbytes\.]]
      .. [=[|cuda\.)[A-Za-z_]\w*\.[\w.]+)['"]]=],
    attribute = [[AttributeError: module ['"](?<module>(?:pydantic|gradio|pyarrow|moviepy|keras|jax|langchain]]
      .. [[|marshmallow|starlette|fastapi|pkg_resources|setuptools|werkzeug|jinja2|httpx|click|ray|wandb]]
      .. [[|pandas|scipy|PIL\.\w+|pkgutil|importlib_metadata|openai|torch\.\w[\w.]*|torch|librosa]]
      .. [[|cv2\.\w+)[\w.]*)['"] has no attribute ['"](?<symbol>\w+)]],
    core_schema = [[AttributeError: __pydantic_core_schema__]],
    request_class = [[Unable to generate pydantic-core schema for <class 'starlette\.]],
    pydantic = any{
      [['FieldInfo' object has no attribute '(?:required|field_info|outer_type_|type_)']],
      [[`\w+` has been removed in V2\b(?!\.)]],
      [[PydanticImportError]],
      [[`const` is removed, use `Literal` instead]],
      [[`BaseSettings` has been moved to the `pydantic-settings` package]],
      [[pydantic\.errors\.PydanticUserError]],
      [['?regex'? is removed\. use '?pattern'? instead]],
      [[No module named 'pydantic\.(?:_internal|v1|fields_)]],
      [[Unable to (?:generate|infer) (?:pydantic-core )?(?:type|schema) for]],
    },
    gradio3 = any{
      [[type object ']] .. any{
        [[Dropdown]], [[Textbox]], [[Image]], [[Checkbox]], [[CheckboxGroup]], [[Gallery]], [[Slider]], [[Button]],
        [[Radio]], [[Row]], [[Column]], [[Audio]], [[Video]], [[Chatbot]], [[Dataframe]], [[Markdown]], [[Tab]],
        [[Accordion]], [[HTML]], [[File]], [[Group]], [[Number]],
      } .. [[' has no attribute 'update']],
      [[']] .. any{
        [[Textbox]], [[Chatbot]], [[Gallery]], [[Dropdown]], [[Image]], [[Button]], [[Column]], [[Row]], [[Dataframe]],
        [[Audio]], [[Video]], [[Markdown]], [[HTML]],
      } .. [[' object has no attribute 'style']],
      [[module 'gradio' has no attribute '(?:Box|inputs|outputs|Variable)']],
      [[got an unexpected keyword argument '(?:_js|concurrency_count|enable_queue)']],
    },
    schema = [[argument of type 'bool' is not iterable]],
    httpx = [[(?:Client|AsyncClient)\.__init__\(\) got an unexpected keyword argument 'proxies']],
  },
  facts = {"python.conflicts"},
  when = function(f, log)
    if log.httpx then
      return {hit = log.httpx, confidence = 0.9,
        why = "httpx 0.28 removed the argument proxies, and the library that calls it (openai, anthropic, groq) still "
          .. "passes it.",
        fixes = {{install = "httpx", need = "<0.28", say = "Go back to httpx 0.27."},
          {install = "openai", say = "Or upgrade the library that calls it."}}}
    end
    if log.gradio3 and (log.gradio3.event.tier or 0) >= 3 then
      return {hit = log.gradio3, confidence = 0.86,
        why = {"This code was written for gradio 3, and gradio 4 took that name away.",
          "gradio is {fact:python.packages.gradio.version}."},
        fixes = {{install = "gradio", need = "<4", say = "Go back to the last gradio 3."},
          {code = true, kind = "pip:package",
            say = "Or take a release of the program that was moved to gradio 4 and later."}}}
    end
    if log.request_class then
      return {hit = log.request_class, confidence = 0.84,
        why = "fastapi hands pydantic a class of starlette's as if it were data: this gradio and this fastapi do not "
          .. "belong together.",
        fixes = {{install = "gradio", with = {"fastapi"}, say = "Upgrade gradio together with fastapi."},
          {install = "fastapi", need = "<0.113", say = "Or go back to the fastapi that this gradio was made with."}}}
    end
    if log.schema and log.has_frame[[gradio_client]] or log.core_schema then
      return {hit = log.core_schema or log.schema, confidence = 0.8,
        why = {"This gradio (or fastapi) cannot read the schemas that the installed pydantic makes: pydantic is newer "
          .. "than it.",
          "pydantic is {fact:python.packages.pydantic.version}."},
        fixes = {{install = "pydantic", need = "==2.10.6", older = true, say = "Go back to the pydantic of that time."},
          {install = "gradio", with = {"fastapi"}, say = "Or upgrade gradio together with fastapi."}}}
    end
    if log.pydantic and (log.pydantic.event.tier or 0) >= 3 then
      return {hit = log.pydantic, confidence = 0.8,
        why = {"pydantic 2 is installed, and a package here was written for pydantic 1 (or the other way round).",
          "pydantic is {fact:python.packages.pydantic.version}."},
        fixes = {{install = "pydantic", need = "<2", say = "Install pydantic 1, which that package was written for."},
          {code = true, kind = "pip:package", say = "Or upgrade the package named in the traceback."}}}
    end
    local hit = log.name
    if hit and not hit.text:match[[partially initialized]]
      and hit.path:match[=[(?:site|dist)-packages[/\\]|typing_extensions\.py]=] then
      local frames = hit.event.frames or {}
      local importer = #frames > 0 and frames[#frames].file:match[=[(?:site|dist)-packages[/\\](\w+)]=]
      local top = hit.module:match[[^\w+]]
      if importer == top then return nil end -- pip.broken-install/own
      if HF[importer and distribution(importer) or ""] then return nil end -- hf.version-conflict/asks
      return lacking(f, hit, importer and distribution(importer), importer and 0.75 or 0.62)
    end
    hit = log.submodule
    if hit and (hit.event.tier or 0) >= 3 then
      local frames = hit.event.frames or {}
      local importer = #frames > 0 and frames[#frames].file:match[=[(?:site|dist)-packages[/\\](\w+)]=]
      local top = hit.module:match[[^\w+]]
      if importer == top or hit.module:match[[(?:\._C|_cuda|_ext|kernels)$]] then return nil end
      for _, frame in ipairs(frames) do -- a part of the program itself that its author left out
        if frame.file:find(top) and not package_of(frame) then return nil end
      end
      return lacking(f, hit, importer and distribution(importer), 0.72)
    end
    hit = log.attribute
    if not hit or (hit.event.tier or 0) < 3 or hit.text:match[[partially initialized]] then return nil end
    local frames = hit.event.frames or {}
    local importer = #frames > 0 and frames[#frames].file:match[=[(?:site|dist)-packages[/\\](\w+)]=]
    local top = hit.module:match[[^\w+]]
    if importer == top then return nil end -- likewise
    -- a program's own question the atlas answers (names.lua), or it is a mistake
    if not importer or hit.module:match[[^torch$]]
      and hit.symbol:match[[^(?:_C|Tensor|nn|cuda|float32|library)$]] then
      return nil
    end
    -- hf.version-conflict/api
    if importer and HF[distribution(importer)] then return nil end
    return lacking(f, hit, importer and distribution(importer), 0.7)
  end,
  doc = {looks = "'cannot import name X from package', 'module has no attribute' between two installed packages.",
    check = "pip check; the release notes of the package that lacks the name."},
}

rule {
  id = "hf.version-conflict/asks",
  anyone = "interpreter",
  signatures = {
    name = [[cannot import name ['"](?<symbol>\w+)['"] from ['"](?<module>(?!(?:transformers|huggingface_hub]]
      .. [[|peft|accelerate|tokenizers|safetensors|trl|diffusers|optimum|datasets|numpy|typing|collections|enum]]
      .. [=[|inspect|google|bitsandbytes|triton|torchvision)\b)[A-Za-z_][\w.]*)['"] \((?<path>[^)\n]+)\)]=],
  },
  when = function(f, log)
    local hit = log.name
    local frames = hit.event.frames or {}
    local asks = package_of(frames[#frames])
    if not HF[asks or ""] or asks == distribution(hit.module) or hit.text:match[[partially initialized]]
      or not hit.path:match[=[(?:site|dist)-packages[/\\]]=] then
      return nil
    end
    return lacking(f, hit, asks, 0.78)
  end,
  doc = {looks = "'cannot import name X from torch' in a frame of transformers, peft or trl.",
    check = "The release of both; pip check."},
}

rule {
  id = "engine.plugin-skew/host",
  anyone = "interpreter",
  signatures = {
    comfy = any{
      [[cannot import name ['"](?<symbol>\w+)['"] from]],
      [[No module named]],
      [[module ['"](?=comfy)[\w.]+['"] has no attribute]],
    } .. [[ ?['"]?(?<module>(?-i:comfy)(?:_api|_extras|_execution)?(?:\.[\w.]+|(?=['"\s]|$)))]],
    server = [['PromptServer' object has no attribute '(?<symbol4>\w+)']],
    comfy_attribute = [=[module ['"](?<module2>comfy[\w.]*)['"] has no attribute ['"](?<symbol2>\w+)]=],
    webui = [[cannot import name ['"](?<symbol3>\w+)['"] from ['"]modules\.\w+['"] \([^)\n]*(?:webui|forge]]
      .. [[|textgen|text-generation)]],
  },
  specific_over = {"pip.module-missing", "hf.version-conflict", "pip.conflict"},
  confidence = 0.84,
  why = "A custom node or extension asks its host program for something that the installed host does not have: the "
    .. "host is older (or newer) than the extension.",
  context = {prompt = [[^Prompt executed in ]], wrong = [[Exception during processing]]},
  when = function(_, log)
    local hit = log.comfy_attribute or log.comfy
    -- the host goes without the node that it could not load
    local without = hit and hit.text:match[[^Cannot import \S.* module for custom nodes]] and log.prompt
      and log.prompt.line > hit.line and not log.wrong
    if not log.comfy_attribute then return without and {severity = "warning"} or true end
    -- a module that is there and lacks a name has lost it: the extension is the older one
    return {hit = hit, severity = without and "warning" or nil, fixes = {{code = true, kind = "pip:package",
        say = "Update the extension to a release that follows the host, or remove it."},
        {install = "comfyui", older = true, say = "Or go back to the host's release of its time."}}}
  end,
  fixes = {
    {code = true, kind = "pip:comfyui",
      say = "Update the host program itself, not only the extension, then restart it."},
    {code = true, say = "Or go back to the extension's release of the host's time."},
  },
  doc = {looks = "cannot import name ... from 'comfy....'; No module named 'comfy.ldm...'.",
    check = "Release of the host against what the extension's page asks for."},
}

-- Nothing but the frames: one library asks another for an attribute or an argument that it does not have.
local API = {
  attribute = [[AttributeError: (?:type object )?'(?<class>\w+)'(?: object)? has no attribute '(?<symbol>\w+)']],
  module = [[AttributeError: module '(?<module>[\w.]+)' has no attribute '(?<symbol2>\w+)']],
  call = [[TypeError: (?:(?<class2>\w+)\.)?(?<call>\w+)\(\) ]] .. any{
    [[got an unexpected keyword argument]], [[missing \d+ required]], [[takes \d+ positional]],
  },
}

-- The library that lacks something and the one that asks for it; nil when the frames do not tell two apart.
local function sides(log)
  local hit = log.attribute or log.module or log.call
  local frames = hit.event.frames or {}
  local asks = package_of(frames[#frames])
  if (hit.event.tier or 0) < 3 or not asks then return nil end
  local lacks
  if hit == log.attribute then
    lacks = owner_of(hit.class, hit.event)
    if lacks and not written_for(asks, lacks) then return nil end -- it was handed what it knows nothing of
  elseif hit == log.module then lacks = distribution(hit.module)
  else
    lacks = hit.class2 and owner_of(hit.class2, hit.event)
    for i = lacks and 0 or #frames - 1, 1, -1 do -- who called whom wrongly is not said: the two libraries at the border
      local other = package_of(frames[i])
      if other and other ~= asks then lacks, asks = asks, other break end
    end
  end
  if not lacks or lacks == asks then return nil end
  return hit, lacks, asks
end

local function skew(hit, lacks, asks)
  -- what trl looks for in the arguments are its own: the program gives it those of transformers
  local own_arguments = asks == "trl" and hit.class == "TrainingArguments"
  local first = {install = lacks, with = {asks},
    say = ("Upgrade %s, together with %s, which asks it for that."):format(lacks, asks)}
  local back = {install = asks, older = true,
    say = ("Or go back to the %s that this program was written for."):format(asks)}
  return {hit = hit, confidence = 0.62,
    why = {("%s asks %s for something that its installed release does not have: the two are of "
      .. "different times."):format(asks, lacks), ("%s is {fact:python.packages.%s.version}."):format(lacks, lacks),
      ("%s is {fact:python.packages.%s.version}."):format(asks, asks)},
    fixes = own_arguments and {back, first} or {first, {install = asks, say = "Or upgrade what asks."}, back}}
end

rule {
  id = "hf.version-conflict/api",
  role = "symptom",
  signatures = API,
  when = function(_, log)
    local hit, lacks, asks = sides(log)
    if not hit or not (HF[lacks] or HF[asks]) then return nil end
    return skew(hit, lacks, asks)
  end,
  doc = {looks = "An AttributeError or TypeError on the border of two libraries, in whatever words.",
    check = "Their versions side by side; pip check."},
}

rule {
  id = "pip.conflict/api",
  role = "symptom",
  signatures = API,
  when = function(_, log)
    local hit, lacks, asks = sides(log)
    if not hit or HF[lacks] or HF[asks] or lacks == "torch" and hit == log.call or asks == "torch" then return nil end
    return skew(hit, lacks, asks)
  end,
  doc = {looks = "An AttributeError or TypeError on the border of two packages.", check = "pip check."},
}
