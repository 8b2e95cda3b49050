-- Python libraries of releases that do not belong together: a name, an argument or an attribute that one side does not have.

-- Who owns a class that a TypeError or AttributeError names.
local OWNERS = {
  {[[^(?:Accelerator|AcceleratorState|PartialState|DataLoaderConfiguration|FullyShardedDataParallelPlugin|DeepSpeedPlugin|dispatch_model|GradientAccumulationPlugin|ProjectConfiguration)$]], "accelerate"},
  {[[^(?:SFT|DPO|PPO|ORPO|KTO|CPO|GRPO|RLOO|Reward|Online|BCO)\w*(?:Trainer|Config)$|^(?:AutoModelForCausalLMWithValueHead|DataCollatorForCompletionOnlyLM)$]], "trl"},
  {[[^PeftAdapterMixin$]], "transformers"},
  {[[^(?:Lora|Peft|PromptTuning|PrefixTuning|IA3|AdaLora|Vera|OFT|LoHa|LoKr)\w*(?:Config|Model|Layer|Linear)?$|^(?:get_peft_model|prepare_model_for_kbit_training)$]], "peft"},
  {[[^(?:\w*Trainer|\w*TrainingArguments|BitsAndBytesConfig|GenerationConfig|DynamicCache|StaticCache|Cache|PreTrained\w+|GenerationMixin|Auto(?:Tokenizer|Model\w*|Processor|ImageProcessor|VideoProcessor|Config|FeatureExtractor)|Llama\w+|Qwen\w+|Mistral\w+|CLIP\w+|Whisper\w+|Bert\w+|Gemma\w+)$]], "transformers"},
  {[[^(?:\w*Pipeline|\w*Scheduler|AutoencoderKL\w*|UNet\w+|\w*Transformer2DModel|ControlNet\w*)$]], "diffusers"},
  {[[^(?:hf_hub_download|snapshot_download|HfApi|HfFolder|InferenceClient)$]], "huggingface-hub"},
  {[[^(?:Tokenizer|AddedToken)$]], "tokenizers"},
  {[[^(?:Client|AsyncClient|SyncHttpxClientWrapper)$]], "httpx"},
  {[[^(?:Starlette|Router|Mount)$]], "starlette"},
  {[[^(?:Parameter|Option|Argument)$]], "click"},
  {[[^(?:FieldInfo|ModelField|BaseModel|ModelMetaclass|BaseSettings)$]], "pydantic"},
  {[[^(?:Blocks|Interface|ChatInterface|Chatbot|Dataframe|Textbox|Dropdown|Gallery|Slider|EventListener\w*|Accordion|Radio|Checkbox\w*)$]], "gradio"},
}

-- The libraries whose mutual skew is hf.version-conflict; any other pair is pip.conflict.
local HF = {}
for name in ([[transformers peft accelerate huggingface-hub tokenizers safetensors diffusers trl datasets optimum sentence-transformers evaluate auto-gptq gptqmodel awq unsloth unsloth-zoo
  llamafactory axolotl lm-eval setfit adapters controlnet-aux]]):gmatch[[[\w-]+]] do HF[name] = true end

local function owner_of(class)
  for _, row in ipairs(OWNERS) do
    if class:match(row[1]) then return row[2] end
  end
end

-- Libraries that rename and remove so often that a name which they do not have is no mistake of the caller.
local CHURN = {marshmallow = true, pkg_resources = true, gradio = true, pydantic = true, pyarrow = true, moviepy = true, librosa = true, PIL = true, openai = true, langchain = true, keras = true, jax = true}

local function distribution(module)
  local top = module:match[[^[\w-]+]]
  return (know.distribution(top) or top:gsub("_", "-"))
end

-- The package that a frame is in, in a source checkout too; nil for a program's own file.
local function package_of(frame)
  local top = frame and (frame.file:match[=[(?:site|dist)-packages[/\\](\w+)]=] or frame.file:match[=[[/\\](transformers|peft|accelerate|diffusers|trl|datasets)[/\\](?:\w+[/\\])*\w+\.py$]=])
  return top and distribution(top)
end

-- Arguments that came or went between releases; another one that is not known is rather a mistake in the calling code.
local CHANGED = {}
for name in ([[tokenizer processing_class max_seq_length max_length max_prompt_length dataset_text_field packing evaluation_strategy eval_strategy torch_dtype dtype use_auth_token token
  load_in_4bit load_in_8bit quantization_config dispatch_batches split_batches even_batches use_seedable_sampler no_cuda use_cpu attn_implementation low_cpu_mem_usage num_items_in_batch
  cache_position position_ids layer_replication use_dora use_rslora exclude_modules eva_config corda_config trust_remote_code overwrite_output_dir variant use_safetensors proxies
  resume_download local_dir_use_symlinks push_to_hub_token keep_torch_compile logging_dir device_map offload_state_dict offload_buffers peft_config bnb_4bit_quant_storage enable
  gradient_checkpointing_kwargs neftune_noise_alpha optim_target_modules fsdp save_safetensors report_to llm_int8_skip_modules force_hooks skip_keys safe_serialization]]):gmatch[[\w+]] do
  CHANGED[name] = true
end

-- Names that were removed, by the newest release that was seen to have them: package, its version, the bound for pip, names. A dotted one
-- is a module. Read from the wheels themselves (18 releases of transformers, 15 of huggingface_hub, 13 of diffusers, 10 of trl, 9 of
-- accelerate and peft each, 5 of datasets) in November 2026; other packages from their own change notes.
local GONE = [[
huggingface-hub 0.25.2 <0.26 cached_download
huggingface-hub 0.36.0 <1.0 HfFolder Repository InferenceApi
huggingface-hub 0.23.5 <0.24 ModelFilter DatasetFilter
huggingface-hub 0.24.7 <0.25 huggingface_hub.utils._errors
peft 0.9.0 <0.10 prepare_model_for_int8_training
accelerate 0.27.2 <0.28 is_tpu_available
trl 0.19.1 <0.20 DataCollatorForCompletionOnlyLM ConstantLengthDataset
trl 0.11.4 <0.12 neftune_post_forward_hook
diffusers 0.21.4 <0.22 diffusers.pipeline_utils
diffusers 0.28.2 <0.29 diffusers.models.unet_2d_condition diffusers.models.unet_2d_blocks diffusers.models.transformer_2d diffusers.models.dual_transformer_2d
diffusers 0.24.0 <0.25 diffusers.models.vae diffusers.models.autoencoder_kl
diffusers 0.18.2 <0.19 diffusers.models.cross_attention randn_tensor is_compiled_module
diffusers 0.14.0 <0.15 CrossAttention
diffusers 0.32.2 <0.33 load_model_dict_into_meta
datasets 2.21.0 <3 load_metric datasets.tasks
transformers 4.57.1 <5 HybridCache SlidingWindowCache OffloadedCache FLAX_WEIGHTS_NAME is_torch_fx_available is_torch_sdpa_available get_parameter_dtype AutoModelForVision2Seq AutoModelWithLMHead
transformers 4.57.1 <5 transformers.utils.bitsandbytes transformers.modeling_tf_utils transformers.onnx transformers.utils.model_parallel_utils transformers.tokenization_utils_fast
transformers 4.57.1 <5 SampleOutput GreedySearchOutput SampleDecoderOnlyOutput infer_framework is_flash_attn_greater_or_equal_2_10
transformers 4.55.4 <4.56 apply_chunking_to_forward find_pruneable_heads_and_indices prune_linear_layer QuantizedCacheConfig NEED_SETUP_CACHE_CLASSES_MAPPING
transformers 4.53.3 <4.54 LossKwargs _crop_past_key_values _flash_supports_window_size _validate_images_text_input_order
transformers 4.51.3 <4.52 LLAMA_INPUTS_DOCSTRING MISTRAL_INPUTS_DOCSTRING VideoInput make_batched_videos
transformers 4.49.0 <4.50 AdamW is_torch_tpu_available _load_state_dict_into_model
transformers 4.47.1 <4.48 LLAMA_ATTENTION_CLASSES LlamaFlashAttention2 LlamaSdpaAttention LlamaLinearScalingRotaryEmbedding LlamaDynamicNTKScalingRotaryEmbedding is_torch_greater_or_equal_than_1_13 CLIPFeatureExtractor
transformers 4.46.3 <4.47 shard_checkpoint
transformers 4.44.2 <4.45 transformers.deepspeed
transformers 4.38.2 <4.39 top_k_top_p_filtering transformers.generation_utils is_flash_attn_available
transformers 4.36.2 <4.37 _make_causal_mask is_torch_less_than_1_11
transformers 4.34.1 <4.35 _expand_mask ShardedDDPOption
gradio 3.34.0 <3.35 FormComponent
markupsafe 2.0.1 ==2.0.1 soft_unicode
werkzeug - <3 url_quote
pytorch-lightning - <2.0 rank_zero_only
pytorch-lightning - <1.8 pytorch_lightning.utilities.distributed
pydantic 1.10.26 <2 ModelMetaclass
scipy - <1.13 tril
setuptools 69.5.1 <70 packaging
albucore 0.0.16 ==0.0.16 preserve_channel_dim
openai 0.28.1 <1 error
marshmallow 3.26.1 <4 __version_info__
moviepy 1.0.3 <2 moviepy.editor
torch - <2 torch._six
jax - - linear_util tree_map
pyarrow - <21 PyExtensionType
pillow - <10 ANTIALIAS
]]
-- Names that came, by the oldest release that was seen to have them (same source).
local CAME = [[
huggingface-hub 0.23.5 split_torch_state_dict_into_shards ChatCompletionInputTool
huggingface-hub 1.2.3 is_offline_mode
huggingface-hub 0.28.1 DDUFEntry
huggingface-hub 0.22.2 huggingface_hub.errors
huggingface-hub 0.16.4 InferenceClient AsyncInferenceClient
peft 0.5.0 prepare_model_for_kbit_training inject_adapter_in_model
peft 0.12.0 VeraConfig
peft 0.14.0 EvaConfig
accelerate 0.34.2 clear_device_cache
accelerate 0.29.3 DataLoaderConfiguration is_mlu_available
accelerate 0.25.0 is_npu_available
trl 0.14.0 GRPOTrainer GRPOConfig
trl 0.11.4 is_conversational
trl 0.9.6 SFTConfig DPOConfig
trl 0.8.6 ORPOTrainer unwrap_model_for_generation
diffusers 0.35.1 QwenImagePipeline WanTransformer3DModel AutoencoderKLWan
diffusers 0.32.2 HunyuanVideoTransformer3DModel LTXPipeline GGUFQuantizationConfig
diffusers 0.30.3 FluxPipeline FluxTransformer2DModel FluxAttnProcessor2_0 CogVideoXPipeline
diffusers 0.29.2 StableDiffusion3Pipeline
diffusers 0.28.2 get_2d_rotary_pos_embed
diffusers 0.18.2 FromSingleFileMixin
diffusers 0.16.1 diffusers.models.attention_processor VaeImageProcessor LoRAAttnProcessor AttnProcessor2_0
transformers 5.0.0 transformers.tokenization_utils_tokenizers
transformers 4.55.4 TransformersKwargs check_model_inputs OutputRecorder CacheLayerMixin
transformers 4.53.3 transformers.modeling_layers transformers.masking_utils transformers.video_utils layer_type_validation
transformers 4.51.3 dynamic_rope_update use_kernel_forward_from_hub
transformers 4.48.3 ALL_ATTENTION_FUNCTIONS
transformers 4.47.1 FlashAttentionKwargs
transformers 4.46.3 isin_mps_friendly Unpack
transformers 4.44.2 transformers.modeling_rope_utils EncoderDecoderCache HybridCache SlidingWindowCache OffloadedCache
transformers 4.40.2 is_torch_xla_available is_torch_mlu_available
transformers 4.38.2 StaticCache
transformers 4.36.2 transformers.modeling_attn_mask_utils DynamicCache Cache AwqConfig is_flash_attn_2_available
transformers 4.34.1 transformers.integrations.deepspeed is_torch_npu_available
transformers 4.31.0 repeat_kv
]]

local LAST_WITH, FIRST_WITH = {}, {}
for package, release, bound, names in GONE:gmatch[[(?m)^(\S+) (\S+) (\S+) (.+)$]] do
  for name in names:gmatch[[\S+]] do
    LAST_WITH[name] = {package, bound ~= "-" and bound or nil, release ~= "-" and release or nil}
  end
end
for package, release, names in CAME:gmatch[[(?m)^(\S+) (\S+) (.+)$]] do
  for name in names:gmatch[[\S+]] do FIRST_WITH[name] = {package, ">=" .. release, release} end
end

-- What is known of a name (or module) of a package: where it was removed, or where it came.
local function history(package, name, module)
  local gone, came = LAST_WITH[name or module], FIRST_WITH[name or module]
  return gone and gone[1] == package and gone or nil, came and came[1] == package and came or nil
end

-- A name (hit.symbol, or the module hit.module itself) that the installed release does not have, and what imports it.
local function lacking(f, hit, importer, unsure)
  local package = distribution(hit.module)
  local gone, came = history(package, hit.symbol, hit.module)
  local have = f.pkg(package)
  if gone and came then -- it came and went: the installed release says which of the two it is
    if have and gone[3] and version.cmp(have, gone[3]) == 1 then came = nil else gone = nil end
  end
  local upgrade = {install = package, need = came and came[2], with = not came and importer and {importer} or nil,
    say = came and "Upgrade it to a release that has it."
      or ("Install the %s that this code was written for: usually the newest, together with what imports it."):format(package)}
  local back = {install = package, need = gone and gone[2], older = true,
    say = gone and "Go back to a release that still has it." or "If the importing code is the older one: go back to the release that it pins."}
  local follow = importer and {install = importer, say = "Or upgrade what imports it: newer releases no longer ask for that name."} or nil
  return {hit = hit, confidence = gone and 0.92 or came and 0.9 or unsure,
    why = {("%s has no %s in its installed release: it and the code that asks for it belong to different releases."):format(package, hit.symbol or hit.module), have and ("%s is %s."):format(package, have) or nil},
    fixes = gone and {back, follow or upgrade} or {upgrade, back, follow}}
end

-- A requirement ("torch>=2.6", "diffusers transformers") as an intention.
local function intend(requirement, say)
  local package, need, others = requirement:match[[^([\w.{}-]+)([<>=!~]\S+)?(?: (.+))?$]]
  return {install = package, need = need, with = others and others:split(" ") or nil, say = say}
end

rule {
  id = "hf.version-conflict",
  signatures = {
    required = [[(?<package>[\w.-]+)(?:\[[\w,]+\])?(?<spec>[<>=!~]+[\w.,<>=!*]+) is required for a normal functioning of this module, but found (?<found>[\w.-]+==\S+)]],
    hub_name = [=[cannot import name ['"](?<symbol>\w+)['"] from ['"](?<module>huggingface_hub[\w.]*)['"]]=],
    hub_module = [=[No module named ['"](?<module>huggingface_hub\.\w[\w.]*)['"]]=],
    hf_name = [=[cannot import name ['"](?<symbol>\w+)['"] from ['"](?<module>(?:peft|accelerate|tokenizers|safetensors|trl|diffusers|optimum|datasets|transformers|sentence_transformers|auto_gptq|gptqmodel|evaluate)[\w.]*)['"]]=],
    hf_module = [=[No module named ['"](?<module>(?:transformers|diffusers|peft|accelerate|trl|datasets)\.[\w.]+)['"]]=],
    attribute = [=[module ['"](?<module>(?:diffusers|peft|accelerate|trl|datasets|tokenizers|huggingface_hub|transformers\.[\w.]+)[\w.]*)['"] has no attribute ['"](?<symbol>\w+)]=],
    keyword = [=[TypeError: (?:(?<class>\w+)\.)?(?<call>\w+)\(\) got an unexpected keyword argument ['"](?<symbol>\w+)]=],
    custom_config = [['(?<class2>\w+)' object has no attribute '(?<symbol>_attn_implementation\w*|get_text_config|_supports_\w+|_no_split_modules|_tp_plan|_tied_weights_keys|all_tied_weights_keys|use_return_dict|_keep_in_fp32_modules\w*|_checkpoint_conversion_mapping|generate|_init_weights|is_remote_code|_is_stateful|prepare_inputs_for_generation|standardize_rope_params)']],
    arity = [=[TypeError: (?<class3>\w+)\.(?<call3>\w+)\(\) (?:takes \d+ positional arguments? but \d+|got multiple values for argument|missing \d+ required (?:positional|keyword-only))]=],
    undefined = [[name '(?<symbol>PreTrained\w+|Pretrained\w+|AutoModel\w*|AutoTokenizer|LossKwargs|FlashAttentionKwargs|Replicate|DTensor)' is not defined]],
    cache_api = [[(?:'\w*Cache' object has no attribute|module 'transformers\.cache_utils' has no attribute|'\w+' object has no attribute '(?:get_max_length|seen_tokens|get_usable_length|_supports_sdpa|all_tied_weights_keys|all_special_tokens_extended|_tied_weights_keys|is_quantized|hf_device_map_)')]],
    remote_code = [=[File ['"]?[^'"\n]*/(?<remote>transformers_modules/[^'"\n:]+\.py)(?:['"], line |:)\d+, in]=],
    old_code = [[(?:_set_gradient_checkpointing\(\) got an unexpected keyword argument|'(?:ChatGLM|QWen|Baichuan|InternLM|Aquila|XVERSE)\w*Tokenizer' object has no attribute|_pad\(\) got an unexpected keyword argument 'padding_side'|_extract_past_from_model_output\(\))]],
    peft_requires = [[(?:peft|accelerate|transformers|tokenizers|huggingface[-_]hub|safetensors)(?:>=|==|<=|<|>)[\d.]+[^\n]{0,80}(?:is required|but (?:found|you have))]],
    newer_needed = [[(?:Please|please) (?:upgrade|update|install)[^\n]{0,40}(?:transformers|accelerate|peft|huggingface[-_]hub|tokenizers|diffusers)[^\n]{0,40}(?:>=|version|to at least)]],
  },
  facts = {"python.packages.transformers.version", "python.packages.huggingface-hub.version", "python.packages.tokenizers.version", "python.packages.peft.version", "python.packages.accelerate.version"},
  confidence = 0.85,
  when = function(f, log)
    local hit = log.required
    if hit then
      local package = hit.package:gsub("_", "-")
      if package == "accelerate" or package == "bitsandbytes" then return nil end
      return {hit = hit, confidence = 0.93,
        why = ("The installed %s is outside what the importing library accepts (%s%s)."):format(hit.found, package, hit.spec),
        fixes = {
          {install = package, need = hit.spec:gsub([[[.,]+$]], ""), say = "Install a version in that range."},
          {install = "transformers", say = "Or move transformers to a release that accepts the installed one."},
        }}
    end
    hit = log.hub_name or log.hub_module or log.hf_name or log.hf_module or log.attribute
    if hit and hit.text:match[[partially initialized]] then hit = nil end
    if hit then
      local frames = hit.event.frames or {}
      local importer = package_of(frames[#frames])
      return lacking(f, hit, importer ~= distribution(hit.module) and importer or nil, 0.84)
    end
    hit = log.old_code
    if hit or log.cache_api and log.remote_code then
      return {hit = hit or log.cache_api, confidence = 0.82, why = {"The model's own code was written for an older transformers and calls an interface that has changed.", "transformers is {fact:python.packages.transformers.version}."},
        fixes = {{install = "transformers", need = "<4.42", say = "Install the transformers release that the model's config.json names (transformers_version)."}, {code = true, say = "Or take the newest revision of the model's code, if its author has followed."}}}
    end
    hit = log.custom_config
    if hit then
      return {hit = hit, confidence = 0.78, why = {"transformers asks a class that is not its own ({class2}) for {symbol}, which only newer transformers expects: the code was written for an older release.", "transformers is {fact:python.packages.transformers.version}."},
        fixes = {{install = "transformers", say = "Go back to the transformers release that this code was written for.",
          need = "<" .. (hit.symbol == "get_text_config" and "4.47" or hit.symbol:match[[^_attn]] and "4.41" or hit.symbol:match[[generate|prepare_inputs]] and "4.50" or "5")}, {code = true, kind = "pip:package", say = "Or upgrade the package (or the model's code) that brings that class."}}}
    end
    hit = log.cache_api
    if hit then
      return {hit = hit, confidence = 0.82, why = "A library asks transformers for a name that the installed transformers does not have: the two releases do not belong together.",
        fixes = {{install = "transformers", say = "Install the transformers release that this library (or model code) was written for; see its requirements."}, {install = "transformers", older = true, say = "If the code is older than the library, go back to the release that it pins."}}}
    end
    hit = log.keyword
    if hit then
      local frames = hit.event.frames or {}
      local from = package_of(frames[#frames])
      local owner = owner_of(hit.class or hit.call) or hit.class == nil and log.remote_code and "transformers"
      if not HF[owner or ""] then owner = nil end
      if owner == "transformers" and hit.class and not hit.class:match[[^(?:\w*Trainer|\w*TrainingArguments|BitsAndBytesConfig|GenerationConfig|GenerationMixin|PeftAdapterMixin|PreTrained\w+|Cache|\w*Cache|Auto\w+)$]] and not from and not log.remote_code then owner = nil end
      if owner and from == owner then
        if not (hit.class or ""):match[[Config$]] then return nil end
        return {hit = hit, confidence = 0.84, why = {("The saved configuration has '%s', which the installed %s does not know: it was written by a newer release."):format(hit.symbol, owner)},
          fixes = {{install = owner, say = "Upgrade it to the release that saved the file (or newer)."}, {code = true, say = "Or remove that key from the configuration file."}}}
      end
      if owner and (from or CHANGED[hit.symbol] or hit.class and #frames == 0) then
        local say = from and ("%s passes an argument that the installed %s does not know: bring the two together."):format(from, owner) or ("Install the %s that knows (or still knows) this argument."):format(owner)
        return {hit = hit, confidence = from and 0.84 or 0.72, why = {("%s has no argument '%s' in the installed release of %s."):format((hit.class and hit.class .. "." or "") .. hit.call, hit.symbol, owner)},
          fixes = {{install = owner, with = from and {from} or nil, say = say},
                   {install = owner, older = true, say = "If the argument was removed: go back to the release that the code was written for."},
                   {code = true, say = "Or change the argument in your own code.", cond = function() return not from end}}}
      end
      hit = nil
    end
    hit = log.arity
    if hit then -- only between two packages: within one it is a bug
      local frames = hit.event.frames or {}
      local from = #frames > 0 and frames[#frames].file:match[=[(?:site|dist)-packages[/\\](\w+)]=]
      local owner = owner_of(hit.class3)
      if HF[owner or ""] and from and distribution(from) ~= owner then
        return {hit = hit, confidence = 0.82, why = {("%s calls %s.%s of %s in a way that the installed release does not know."):format(from, hit.class3, hit.call3, owner), ("%s is {fact:python.packages.%s.version}."):format(owner, owner)},
          fixes = {{install = owner, with = {distribution(from)}, say = ("Upgrade %s and %s together, so that each finds what it asks for."):format(owner, from)}, {install = distribution(from), say = "Or upgrade the caller."}}}
      end
    end
    if log.remote_code then
      local e = log.remote_code.event
      if e.message and e.message:match[[^'default'$]] and e.type == "KeyError" then -- ROPE_INIT_FUNCTIONS of transformers 5
        return {hit = log.remote_code, confidence = 0.82, why = {"The code that came with the model asks for the 'default' rotary embedding, which transformers 5 no longer lists.", "transformers is {fact:python.packages.transformers.version}."},
          fixes = {{install = "transformers", need = "<5", say = "Go back to transformers 4."}, {code = true, say = "Or take the newest revision of the model's code."}}}
      end
      if not (e.type and e.type:match[[^(?:AttributeError|TypeError|ImportError)$]]) or (e.tier or 0) < 4 then return nil end
      if e.message and e.message:match[[NoneType|cannot access|partially initialized|flash_attn|not callable]] then return nil end
      return {hit = log.remote_code, confidence = 0.62, why = {"The code that came with the model fails inside transformers: it was written for another release.", "transformers is {fact:python.packages.transformers.version}."},
        fixes = {{install = "transformers", older = true, say = "Install the transformers release that the model's config.json names (transformers_version)."}, {install = "transformers", say = "Or upgrade transformers, if the model is newer."}}}
    end
    hit = log.undefined
    if hit and (hit.event.tier or 0) >= 3 then
      return {hit = hit, confidence = 0.68, why = {"A library was imported with {symbol} left out, because what brings it (transformers, torch) is missing or of another release."},
        fixes = {{install = "transformers", with = {"diffusers", "accelerate"}, say = "Bring transformers and what imports it to releases that belong together, then restart the process."}, {install = "torch", say = "If the name is torch's: upgrade torch."}}}
    end
    hit = log.peft_requires or log.newer_needed
    if not hit then return nil end
    local package = hit.text:match[[(peft|accelerate|tokenizers|safetensors|trl|diffusers|optimum|huggingface.hub|transformers)]] or "transformers"
    return {hit = hit, confidence = 0.82,
      why = "Two of transformers, peft, accelerate, tokenizers and huggingface_hub are of releases that do not belong together.",
      fixes = {{install = package:gsub("_", "-"), with = {"transformers", "accelerate", "peft", "huggingface-hub"}, say = "Upgrade them together."}}}
  end,
  doc = {looks = "'is required for a normal functioning of this module', 'cannot import name ... from huggingface_hub/transformers/peft', 'got an unexpected keyword argument' between two libraries.", check = "Their versions side by side; `firstfix report --only packages` lists conflicts with their own pins."},
}

rule {
  id = "pip.conflict/names",
  signatures = {
    name = [=[cannot import name ['"](?<symbol>\w+)['"] from ['"](?<module>(?!(?:transformers|huggingface_hub|peft|accelerate|tokenizers|safetensors|trl|diffusers|optimum|datasets|numpy|vllm|sglang|flashinfer|flash_attn|typing|collections|enum|inspect|google|bitsandbytes|triton|torchvision|xgrammar|compressed_tensors)\b)[A-Za-z_][\w.]*)['"] \((?<path>[^)\n]+)\)]=],
    submodule = [=[No module named ['"](?<module>(?!transformers\.|huggingface_hub\.|peft\.|accelerate\.|diffusers\.|trl\.|datasets\.|numpy\.|vllm\._|google\.|nvidia\.|azure\.|ruamel\.|mpl_toolkits\.|backports\.|comfy|utils\.|models?\.|src\.|lib\.|modules\.|core\.|common\.|config\.|data\.|tools\.|scripts\.|torchvision\.transforms\.functional_tensor|triton\.|bitsandbytes\.|cuda\.)[A-Za-z_]\w*\.[\w.]+)['"]]=],
    attribute = [=[AttributeError: module ['"](?<module>(?:pydantic|gradio|pyarrow|moviepy|keras|jax|langchain|marshmallow|starlette|fastapi|pkg_resources|setuptools|werkzeug|jinja2|httpx|click|ray|wandb|pandas|scipy|PIL\.\w+|pkgutil|importlib_metadata|openai|torch\.\w[\w.]*|torch|librosa|cv2\.\w+)[\w.]*)['"] has no attribute ['"](?<symbol>\w+)]=],
    core_schema = [[AttributeError: __pydantic_core_schema__]],
    pydantic = [[(?:'FieldInfo' object has no attribute '(?:required|field_info|outer_type_|type_)'|`\w+` has been removed in V2|PydanticImportError|`const` is removed, use `Literal` instead|`BaseSettings` has been moved to the `pydantic-settings` package|pydantic\.errors\.PydanticUserError|'?regex'? is removed\. use '?pattern'? instead|No module named 'pydantic\.(?:_internal|v1|fields_)|Unable to (?:generate|infer) (?:pydantic-core )?(?:type|schema) for)]],
    gradio3 = [[(?:type object '(?:Dropdown|Textbox|Image|Checkbox|CheckboxGroup|Gallery|Slider|Button|Radio|Row|Column|Audio|Video|Chatbot|Dataframe|Markdown|Tab|Accordion|HTML|File|Group|Number)' has no attribute 'update'|'(?:Textbox|Chatbot|Gallery|Dropdown|Image|Button|Column|Row|Dataframe|Audio|Video|Markdown|HTML)' object has no attribute 'style'|module 'gradio' has no attribute '(?:Box|inputs|outputs|Variable)'|got an unexpected keyword argument '(?:_js|concurrency_count|enable_queue)')]],
    schema = [[argument of type 'bool' is not iterable]],
    httpx = [[(?:Client|AsyncClient)\.__init__\(\) got an unexpected keyword argument 'proxies']],
  },
  facts = {"python.conflicts"},
  when = function(f, log)
    if log.httpx then
      return {hit = log.httpx, confidence = 0.9, why = "httpx 0.28 removed the argument proxies, and the library that calls it (openai, anthropic, groq) still passes it.",
        fixes = {{install = "httpx", need = "<0.28", say = "Go back to httpx 0.27."}, {install = "openai", say = "Or upgrade the library that calls it."}}}
    end
    if log.gradio3 and (log.gradio3.event.tier or 0) >= 3 then
      return {hit = log.gradio3, confidence = 0.86, why = {"This code was written for gradio 3, and gradio 4 took that name away.", "gradio is {fact:python.packages.gradio.version}."},
        fixes = {{install = "gradio", need = "<4", say = "Go back to the last gradio 3."}, {code = true, kind = "pip:package", say = "Or take a release of the program that was moved to gradio 4 and later."}}}
    end
    if log.schema and log.has_frame[[gradio_client]] or log.core_schema then
      return {hit = log.core_schema or log.schema, confidence = 0.8, why = {"This gradio (or fastapi) cannot read the schemas that the installed pydantic makes: pydantic is newer than it.", "pydantic is {fact:python.packages.pydantic.version}."},
        fixes = {{install = "pydantic", need = "==2.10.6", older = true, say = "Go back to the pydantic of that time."}, {install = "gradio", with = {"fastapi"}, say = "Or upgrade gradio together with fastapi."}}}
    end
    if log.pydantic and (log.pydantic.event.tier or 0) >= 3 then
      return {hit = log.pydantic, confidence = 0.8, why = {"pydantic 2 is installed, and a package here was written for pydantic 1 (or the other way round).", "pydantic is {fact:python.packages.pydantic.version}."},
        fixes = {{install = "pydantic", need = "<2", say = "Install pydantic 1, which that package was written for."}, {code = true, kind = "pip:package", say = "Or upgrade the package named in the traceback."}}}
    end
    local hit = log.name
    if hit and not hit.text:match[[partially initialized]] and hit.path:match[=[(?:site|dist)-packages[/\\]|typing_extensions\.py]=] then
      local frames = hit.event.frames or {}
      local importer = #frames > 0 and frames[#frames].file:match[=[(?:site|dist)-packages[/\\](\w+)]=]
      local top = hit.module:match[[^\w+]]
      if importer == top then return {hit = hit, confidence = 0.72, why = "The files of " .. top .. " do not fit each other: two releases are mixed in one folder.", fixes = {{install = distribution(top), fresh = true, say = "Lay its files down anew, in the same release."}}} end
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
    if not importer and not CHURN[top] or hit.module:match[[^torch$]] and hit.symbol:match[[^(?:_C|Tensor|nn|cuda|float32|library)$]] then return nil end
    if not history(distribution(hit.module), hit.symbol) and importer and HF[distribution(importer)] then return nil end -- hf.version-conflict/api
    return lacking(f, hit, importer and distribution(importer), 0.7)
  end,
  doc = {looks = "'cannot import name X from package', 'module has no attribute' between two installed packages.", check = "pip check; the release notes of the package that lacks the name."},
}

rule {
  id = "engine.plugin-skew/host",
  signatures = {
    comfy = [=[(?:cannot import name ['"](?<symbol>\w+)['"] from|No module named|module ['"](?=comfy)[\w.]+['"] has no attribute) ?['"]?(?<module>(?-i:comfy)(?:_api|_extras|_execution)?(?:\.[\w.]+|(?=['"\s]|$)))]=],
    server = [['PromptServer' object has no attribute '(?<symbol4>\w+)']],
    comfy_attribute = [=[module ['"](?<module2>comfy[\w.]*)['"] has no attribute ['"](?<symbol2>\w+)]=],
    webui = [=[cannot import name ['"](?<symbol3>\w+)['"] from ['"]modules\.\w+['"] \([^)\n]*(?:webui|forge|textgen|text-generation)]=],
  },
  specific_over = {"pip.module-missing", "hf.version-conflict", "pip.conflict"},
  confidence = 0.84,
  why = "A custom node or extension asks its host program for something that the installed host does not have: the host is older (or newer) than the extension.",
  when = function(_, log)
    if not log.comfy_attribute then return true end
    -- a module that is there and lacks a name has lost it: the extension is the older one
    return {hit = log.comfy_attribute, fixes = {{code = true, kind = "pip:package", say = "Update the extension to a release that follows the host, or remove it."}, {install = "comfyui", older = true, say = "Or go back to the host's release of its time."}}}
  end,
  fixes = {
    {code = true, kind = "pip:comfyui", say = "Update the host program itself, not only the extension, then restart it."},
    {code = true, say = "Or go back to the extension's release of the host's time."},
  },
  doc = {looks = "cannot import name ... from 'comfy....'; No module named 'comfy.ldm...'.", check = "Release of the host against what the extension's page asks for."},
}

rule {
  id = "pip.conflict/mkl",
  signatures = {symbol = [[undefined symbol: (?<symbol>iJIT_\w+)]]},
  facts = {"python.packages.mkl.version"},
  confidence = 0.92,
  why = {"conda's torch takes {symbol} from MKL, and MKL 2024.1 no longer has it.", "mkl is {fact:python.packages.mkl.version}."},
  fixes = {
    {conda = "mkl", need = "<2024.1", say = "Go back to an older MKL in this environment."},
    {install = "torch", fresh = true, say = "Or install torch from PyPI, which brings its own."},
  },
  doc = {looks = "libtorch_cpu.so: undefined symbol: iJIT_NotifyEvent.", check = "conda list mkl."},
}

-- What libraries say of each other in words of their own: the message decides.
local STATED = {
  {[[Dataset scripts are no longer supported]], "datasets<4", "datasets 4 no longer runs a dataset's own loading script.", "Go back to a release that still runs it."},
  {[[Loading a dataset cached in a LocalFileSystem is not supported]], "datasets", "The installed fsspec is newer than this datasets knows.", "Upgrade datasets."},
  {[[Invalid pattern: '\*\*' can only be an entire path component]], "datasets", "The installed fsspec is newer than this datasets knows.", "Upgrade datasets."},
  {[[we now require users to upgrade torch to at least v(?<need1>[\d.]*\d)]], "torch>={need1}", "transformers refuses to read pickled weights with this torch, because its torch.load has a vulnerability (CVE-2025-32434).", "Upgrade torch, with torchvision and torchaudio, or take a repository with safetensors."},
  {[[Disabling PyTorch because PyTorch >= (?<need2>[\d.]+) is required but found]], "torch>={need2}", "transformers is newer than this torch and goes on without it; the classes that are missing afterwards follow from that.", "Upgrade torch, with torchvision and torchaudio."},
  {[[backwards-compatible tf-keras package]], "tf-keras", "Keras 3 is installed, and transformers' TensorFlow part needs Keras 2 under the name tf-keras.", "Install it, or set USE_TF=0 where TensorFlow is not used."},
  {[[Found an incompatible version of (?<package1>[\w-]+)\. Found version \S+, but only versions above (?<need3>[\d.]*\d)]], "{package1}>{need3}", "{package1} is older than what peft accepts.", "Upgrade it."},
  {[[requires (?<package2>[\w.-]+)>=(?<need4>[\d.]*\d) to be installed\. Your version is]], "{package2}>={need4}", "{package2} is older than what transformers needs here.", "Upgrade it."},
  {[[getattr\(\): attribute name must be string]], "diffusers transformers", "This diffusers is older than the pipeline's model_index.json, and does not know one of its classes.", "Upgrade both."},
}

local function answer(hit, row)
  return {hit = hit, confidence = 0.9, why = row[3], fixes = {intend(row[2], row[4])}}
end

local stated = {}
for i, row in ipairs(STATED) do stated["s" .. i] = row[1] end

rule {
  id = "hf.version-conflict/stated",
  signatures = stated,
  facts = {"python.packages.transformers.version", "python.packages.datasets.version", "torch.version"},
  explains = {"pip.module-missing"},
  when = function(_, log)
    for i, row in ipairs(STATED) do
      local hit = log["s" .. i]
      if hit and (not row[2]:match[[^diffusers]] or log.has_frame[[diffusers]]) then
        return answer(hit, row)
      end
    end
  end,
  doc = {looks = "'Dataset scripts are no longer supported', 'we now require users to upgrade torch', 'Disabling PyTorch because', 'requires X>=Y to be installed. Your version is'.", check = "The two versions that the message names."},
}

-- The same of packages outside the family.
local OTHERS = {
  {[[installed pydantic-core version \([\w.]+\) is incompatible with the current pydantic version, which requires (?<need1>[\w.]*\w)]], "pydantic-core=={need1}", "pydantic and its compiled half are of two releases.", "Install the half that pydantic names."},
  {[[(?:APIRemovedInV1|no longer supported in openai>=1\.0\.0)]], "openai<1", "This code was written for openai 0.28, and 1.0 replaced its interface.", "Go back to the old interface, or run `openai migrate` on the code."},
  {[[urllib3 v2\S* only supports OpenSSL 1\.1\.1]], "urllib3<2", "This Python's ssl is built with an OpenSSL that urllib3 2 no longer accepts.", "Go back to urllib3 1."},
  {[[module 'lib' has no attribute '(?:X509_V_FLAG|OpenSSL|GEN_EMAIL)\w*]], "pyopenssl", "pyOpenSSL is older than the installed cryptography.", "Upgrade pyOpenSSL."},
  {[[AttributeError: install_layout]], "setuptools pip", "The distribution's pip and a newer setuptools do not fit.", "Upgrade both in an environment of your own."},
  {[[module '(?:setuptools\._)?distutils' has no attribute 'version']], "setuptools<59.6", "An older torch (or tensorboard) uses distutils.version, which newer setuptools do not bring along.", "Go back to an older setuptools, or upgrade torch."},
}
local others = {}
for i, row in ipairs(OTHERS) do others["o" .. i] = row[1] end

rule {
  id = "pip.conflict/stated",
  signatures = others,
  facts = {"python.conflicts"},
  when = function(_, log)
    for i, row in ipairs(OTHERS) do
      local hit = log["o" .. i]
      if hit then return answer(hit, row) end
    end
  end,
  doc = {looks = "'pydantic-core version is incompatible', 'no longer supported in openai>=1.0.0', 'urllib3 v2 only supports OpenSSL 1.1.1+'.", check = "pip check."},
}

-- unsloth rewrites the code of transformers, trl and peft while they are imported: whatever breaks in what it wrote is skew first of all.
rule {
  id = "hf.version-conflict/unsloth",
  role = "symptom",
  signatures = {
    frame = [=[(?:File |^|\[)["']?[^\s"']*(?:unsloth|unsloth_zoo|unsloth_compiled_cache)[/\\][\w/\\]+\.py]=],
    call = [[TypeError: _?unsloth_\w+\(\) (?:takes|got|missing)]],
  },
  facts = {"python.packages.unsloth.version", "python.packages.trl.version", "python.packages.transformers.version"},
  when = function(_, log)
    local hit = log.call
    for _, frame in ipairs(log.all"frame") do
      if (frame.event.tier or 0) >= 4 then hit = hit or frame end
    end
    local e = hit and hit.event or {}
    if (e.tier or 0) < 4 or not (e.type or ""):match[[^(?:AttributeError|TypeError|NameError|ImportError|UnboundLocalError|KeyError)$]] then return nil end
    if (e.message or ""):match[[NoneType]] then return nil end
    return {hit = hit, confidence = 0.66, why = {"It fails in code that unsloth put in place of a library's own: unsloth and transformers, trl or peft are of releases that do not fit.", "unsloth is {fact:python.packages.unsloth.version}."},
      fixes = {{install = "unsloth", with = {"unsloth-zoo"}, say = "Upgrade unsloth and unsloth_zoo together, then restart the process."}, {install = "transformers", older = true, say = "Or go back to the transformers and trl of the last run that worked."}}}
  end,
  doc = {looks = "An exception in unsloth/, unsloth_zoo/ or unsloth_compiled_cache/.", check = "Which packages changed since it last ran: firstfix diff last-good."},
}

-- Nothing but the frames: one library asks another for an attribute or an argument that it does not have.
local API = {
  attribute = [[AttributeError: (?:type object )?'(?<class>\w+)'(?: object)? has no attribute '(?<symbol>\w+)']],
  module = [[AttributeError: module '(?<module>[\w.]+)' has no attribute '(?<symbol2>\w+)']],
  call = [[TypeError: (?:(?<class2>\w+)\.)?(?<call>\w+)\(\) (?:got an unexpected keyword argument|missing \d+ required|takes \d+ positional)]],
}

-- The library that lacks something and the one that asks for it; nil when the frames do not tell two apart.
local function sides(log)
  local hit = log.attribute or log.module or log.call
  local frames = hit.event.frames or {}
  local asks = package_of(frames[#frames])
  if (hit.event.tier or 0) < 3 or not asks then return nil end
  local lacks
  if hit == log.attribute then lacks = owner_of(hit.class)
  elseif hit == log.module then lacks = distribution(hit.module)
  else
    lacks = hit.class2 and owner_of(hit.class2)
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
  local first = {install = lacks, with = {asks}, say = ("Upgrade %s, together with %s, which asks it for that."):format(lacks, asks)}
  local back = {install = asks, older = true, say = ("Or go back to the %s that this program was written for."):format(asks)}
  return {hit = hit, confidence = 0.62, why = {("%s asks %s for something that its installed release does not have: the two are of different times."):format(asks, lacks), ("%s is {fact:python.packages.%s.version}."):format(lacks, lacks), ("%s is {fact:python.packages.%s.version}."):format(asks, asks)},
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
  doc = {looks = "An AttributeError or TypeError on the border of two libraries, in whatever words.", check = "Their versions side by side; pip check."},
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
