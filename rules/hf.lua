-- The Hugging Face hub, model files and the packages that read them.

rule {
  id = "hf.gated",
  signatures = {
    gated_repo = [[Cannot access gated repo for url]],
    gated_error = [[GatedRepoError]],
    restricted = [[Access to model (?<model>\S+) is restricted]],
    awaiting = [[(?:you are not in the authorized list|ask for access|must be authenticated to access it|Your request to access model \S+ is awaiting)]],
    gated_text = [[You are trying to access a gated repo]],
    gated_repo2 = [[(?:Repo model \S+ is gated|is a gated (?:dataset|model|repo)|enable access to public gated repositories|might be because the pipeline is private or gated)]],
    known_gated = [=[\b(?<model2>(?:meta-llama|mistralai|google/gemma|google/medgemma|bigcode/starcoder|black-forest-labs/FLUX|stabilityai/stable-diffusion-3|CohereForAI|CohereLabs|pyannote|databricks/dbrx|tiiuae/falcon-180|nvidia/\w+-gated)[\w./-]*) is not a local folder and is not a valid model identifier]=],
  },
  context = {
    bad_token = [[Invalid credentials in Authorization header|Invalid user token|token .{0,40}(?:is )?(?:invalid|expired)]],
    forbidden = [[403 (?:Client Error|Forbidden)]],
    anonymous = [[401 (?:Client Error|Unauthorized)]],
  },
  unless = {"bad_token"},
  explains = {"hf.not-found"},
  facts = {"env.HF_TOKEN"},
  confidence = 0.92,
  why = "The hub refuses this repository: it is gated or private. 401 means nobody is logged in, 403 means the account has no grant for it yet.",
  fixes = {
    {kind = "auth", say = "Accept the model's terms on its page with your account, then log in with a token of that account that may read it.",
     command = "hf auth login   # or: export HF_TOKEN=<token>"},
  },
  doc = {looks = "401 or 403 for a model whose page asks you to accept terms.", check = "Is HF_TOKEN set, and has its account been granted access?"},
}

rule {
  id = "hf.token-invalid",
  signatures = {
    credentials = [[Invalid credentials in Authorization header]],
    user_token = [[Invalid user token]],
    not_valid = [[(?:Invalid token passed|The token passed is invalid|Your (?:Hugging ?Face )?token (?:is|has|was) (?:invalid|expired)|Token is not valid)]],
    illegal_header = [[Illegal header value b?['"]Bearer ]],
    missing_token = [[LocalTokenNotFoundError|Token is required(?: \(`?token=True`?\))?, but no token found|You need to provide a `?token`? or be logged in to Hugging Face]],
    oauth = [[User Access Token .{0,60}(?:expired|invalid)]],
    whoami = [[(?:401|Unauthorized).{0,80}whoami-v2|whoami-v2.{0,80}(?:401|Unauthorized)]],
  },
  context = {limited = [[\b429\b|Too Many Requests|rate limit]]},
  unless = {"limited"},
  explains = {"hf.not-found", "hf.gated"},
  facts = {"env.HF_TOKEN"},
  confidence = 0.93,
  why = "The hub rejects the token itself (malformed, expired or missing). With a bad token even public models answer 401, and the headline then wrongly says that the repository was not found.",
  fixes = {
    {kind = "auth", say = "Make a new access token, put it in HF_TOKEN without a newline around it, or remove the stale one; public models need none.",
     command = "hf auth logout && hf auth login"},
  },
  doc = {looks = "401 with 'Invalid credentials in Authorization header', or a complaint about the token.", check = "The token in HF_TOKEN and in the file at HF_TOKEN_PATH: expired, or with a newline at its end?"},
}

rule {
  id = "hf.not-found",
  signatures = {
    repo_id = [[HFValidationError: Repo id must (?:be in the form|use alphanumeric)[^\n]*?['"](?<model>[^'"\n]+)['"]\. ]],
    repo_id_plain = [[Repo id must (?:be in the form|use alphanumeric)]],
    not_found = [[RepositoryNotFoundError|Repository Not Found for url: (?<url>\S+)]],
    entry = [[EntryNotFoundError|Entry Not Found for url: (?<entry>\S+)]],
    revision = [[RevisionNotFoundError|Revision Not Found for url]],
    no_file = [[(?<model>\S+) does not appear to have (?:a |files? )(?:file )?named (?<file>[^\s,.]+\.?\w*)]],
    no_weights = [[(?:Error no file named|No (?:model )?weights? files? (?:were )?found|Cannot find any model weights with)]],
    not_local = [[(?<model>\S+) is not a local folder and is not a valid model identifier]],
    invalid_path = [[Incorrect path_or_model_id: ['"](?<model>[^'"]+)]],
    no_config = [[(?:can'?t|cannot|couldn'?t) find (?:a )?(?:'?config\.json'?|adapter_config\.json|model_index\.json)(?: (?:at|in) ['"]?(?<model>[^\s'"]+))?]],
    tokenizer = [=[Can't load (?:tokenizer|feature extractor|image processor|the configuration|the model) (?:for|of) ['"](?<model>(?:(?:/|\./|\.\./|~|[A-Za-z]:\\)[^'"]+|[^'"/\s]+|[^'"\s]+/[^'"\s]+/[^'"\s]+))['"]]=],
    repository_id = [[(?:Invalid repository ID or local directory specified|Please verify the following requirements:|No config file found - are you sure the `model_name` is correct)]],
    comfy = [[Value not in list: (?:ckpt|unet|clip|vae|lora|control_net|style_model|model)_?(?:name)?\d?: '(?<model>[^'\n]+)' not in]],
    a1111 = [[No checkpoints found\. When searching for checkpoints]],
    tgi = [[No (?:local )?(?:\.\w+ )?weights found (?:in|for)]],
    gguf = [[(?:failed to open|unable to open|error loading model:.{0,40}open|Model path does not exist:) ?(?:GGUF file |model file )?['"]?(?<model>[^\s'"]+\.(?:gguf|bin))]],
    missing_shard = [[No such file or directory: ['"]?(?<file>[^'"\n]*(?:\.safetensors|pytorch_model[^'"\n]*\.bin|\.gguf|\.ckpt|config\.json|model\.index\.json))]],
    oserror = [[Model path does not exist|Checkpoint (?:file|path|directory) (?:does )?not (?:exist|found)|Invalid (?:model|repository) ID]],
  },
  context = {
    bad_token = [[Invalid credentials in Authorization header|Invalid user token]],
    offline = [[(?:outgoing traffic has been disabled|offline mode is enabled|HF_HUB_OFFLINE|TRANSFORMERS_OFFLINE|We couldn't connect to|Max retries exceeded|ConnectionError|Name or service not known|Temporary failure in name resolution|cannot find the requested files in the (?:disk|local) cache)]],
    gated = [[gated repo]],
  },
  unless = {"bad_token", "offline", "gated"},
  confidence = 0.88,
  when = function(_, log)
    local first = log.not_local or log.invalid_path
    local only = first and not (log.repo_id or log.repo_id_plain or log.not_found or log.entry or log.revision or log.no_file or log.no_weights)
    if not (only and first == log.not_local and first.model:match[[^[\w.-]+/[\w.-]+$]]) then return true end
    return {hit = first, confidence = 0.72, why = {"{model} is neither a folder here nor a repository that the hub shows to this process: a wrong name, a folder that does not exist in this container, or a private repository asked for without a token."}}
  end,
  why = "The repository, revision or file that was asked for does not exist under that name. A local path that does not exist is taken for a hub id.",
  fixes = {
    {kind = "param:model", say = "Give the right model id, or a path to a folder that exists in this container and holds config.json and the weights."},
    {kind = "code", say = "Correct the file name, revision or subfolder that the code asks for."},
    {kind = "auth", say = "If it is a private repository: log in with an account that may read it.", command = "hf auth login", cond = function(_, log) return log.not_local ~= nil or log.not_found ~= nil end},
  },
  doc = {looks = "'Repository Not Found', 'does not appear to have a file named', 'Repo id must be in the form'.", check = "Does the path exist inside the container? Is the id spelt as on the hub?"},
}

rule {
  id = "hf.offline",
  signatures = {
    couldnt = [[We couldn'?t connect to ['"]?(?<host>https?://[^\s'"]+)['"]? to load]],
    cache_miss = [[(?:LocalEntryNotFoundError|An error happened while trying to locate the files? on the Hub and we cannot find the (?:appropriate snapshot|requested files))]],
    disabled = [[OfflineModeIsEnabled|outgoing traffic has been disabled|Cannot (?:reach|access) \S+: offline mode is enabled]],
    dns = [[(?:NameResolutionError|Failed to resolve|Temporary failure in name resolution|Name or service not known|nodename nor servname|getaddrinfo failed).{0,200}(?:huggingface|hf\.co|hf-mirror)]],
    host_dns = [[HTTPSConnectionPool\(host='(?:huggingface\.co|cdn-lfs[^']*|hf-mirror\.com)'.{0,200}(?:Max retries exceeded|Connection(?:Refused|Reset|Timeout))]],
    unreachable = [[(?:huggingface\.co|hf\.co).{0,160}(?:Network is unreachable|No route to host|Connection refused|ConnectTimeout)]],
    proxy = [[ProxyError.{0,200}huggingface]],
    ssl = [[(?:SSLError|CERTIFICATE_VERIFY_FAILED|SSLEOFError).{0,200}(?:huggingface|hf\.co)|(?:huggingface|hf\.co).{0,200}(?:SSLError|CERTIFICATE_VERIFY_FAILED|SSLEOFError)]],
    connect = [[HTTPSConnectionPool\(host='(?:openaipublic\.blob\.core\.windows\.net|raw\.githubusercontent\.com|github\.com|download\.pytorch\.org|dl\.fbaipublicfiles\.com|(?:www\.)?modelscope\.cn)', port=443\): Max retries exceeded]],
    no_address = [[(?:Network is unreachable|Connection refused|Connection timed out|Temporary failure in name resolution)[^\n]{0,120}\.(?:no_exist|huggingface|hf\.co)]],
    tokenizer_org = [=[Can't load (?:tokenizer|feature extractor|image processor|the configuration|the model) (?:for|of) ['"](?<model>[\w.-]+/[\w.-]+)['"]]=],
  },
  context = {
    limited = [[\b429\b|Too Many Requests]],
    http = [[(?:401|403|404) Client Error|gated repo|Repository Not Found]],
    down = [[50[0234] Server Error|Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out]],
  },
  unless = {"limited", "http", "down"},
  facts = {"env.HF_HUB_OFFLINE", "env.HF_HOME", "env.HF_ENDPOINT"},
  confidence = 0.88,
  when = function(_, log)
    local hit = log.couldnt or log.host_dns or log.dns or log.unreachable or log.proxy or log.ssl or log.cache_miss or log.disabled or log.connect or log.no_address
    return {hit = hit or log.tokenizer_org, confidence = not hit and 0.6 or hit == log.connect and 0.75 or nil}
  end,
  why = "The model is not in this machine's cache, and the hub cannot be reached from here (offline mode, no network, proxy or certificates).",
  fixes = {
    {kind = "env:HF_HUB_OFFLINE", say = "If offline mode was set on purpose, download the model beforehand; otherwise unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE.",
     command = "unset HF_HUB_OFFLINE TRANSFORMERS_OFFLINE", unset = {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"},
     cond = function(f, log) return f.env"HF_HUB_OFFLINE" or f.env"TRANSFORMERS_OFFLINE" or log.disabled ~= nil end},
    {kind = "network", say = "Let the container reach huggingface.co (DNS, proxy, firewall, certificates), or set HF_ENDPOINT to a mirror that it can reach."},
    {kind = "env:HF_HOME", say = "Or mount a cache that already holds the model and point HF_HOME at it."},
  },
  doc = {looks = "'We couldn't connect to huggingface.co', 'outgoing traffic has been disabled', name resolution errors.", check = "HF_HUB_OFFLINE, proxy variables, DNS in the container, and whether the cache at HF_HOME is the one that was filled."},
}

rule {
  id = "hf.rate-limit",
  signatures = {
    too_many = [[429 (?:Client Error|Too Many Requests)|HTTP(?: Error)? 429|Too Many Requests for url|status[_ ]?code[=: ]+429|- 429\b]],
    limit_text = [[We had to rate limit (?:you|your IP)|You have exceeded (?:your|our) (?:hourly )?(?:quota|rate limit)|rate limit(?:ed)? (?:exceeded|reached)]],
    read_timeout = [[(?:ReadTimeout|Read timed out).{0,160}(?:huggingface|hf\.co|cdn-lfs|xethub)|(?:huggingface|hf\.co|cdn-lfs|xethub).{0,160}(?:ReadTimeout|Read timed out)]],
  },
  explains = {"hf.token-invalid", "hf.gated", "hf.not-found"},
  confidence = 0.9,
  why = "The hub answers 'too many requests' (or no longer answers in time). It is a limit per account or address; token and repository are not at fault.",
  fixes = {
    {kind = "wait", say = "Wait until the limit resets, and make fewer calls: download once into a shared cache and start the workers with HF_HUB_OFFLINE=1."},
    {kind = "auth", say = "Log in: authenticated requests have a higher limit."},
    {kind = "env:HF_HUB_DOWNLOAD_TIMEOUT", say = "Where it only times out, allow more time.", command = "export HF_HUB_DOWNLOAD_TIMEOUT=60"},
  },
  doc = {looks = "429, 'Too Many Requests', read timeouts from the hub.", check = "How many workers start at once and each ask the hub? Is a token used?"},
}

rule {
  id = "hf.hub-down",
  signatures = {
    server = [[50[0234] (?:Server Error|Internal Server Error|Bad Gateway|Service (?:Temporarily )?Unavailable|Gateway Time-?out)[^\n]{0,200}(?:huggingface|hf\.co|hf-mirror|xethub)]],
    hub_error = [[HfHubHTTPError: 5\d\d]],
    gateway = [[(?:huggingface\.co|hf\.co|cdn-lfs)[^\n]{0,200}\b(?:500|502|503|504)\b (?:Server|Internal|Bad|Service|Gateway)]],
  },
  confidence = 0.9,
  why = "The hub itself answers with a server error. Nothing on this machine is wrong.",
  fixes = {
    {kind = "wait", say = "Wait and try again; with the model already in the cache, start with HF_HUB_OFFLINE=1."},
    {kind = "env:HF_ENDPOINT", say = "Or use a mirror that you trust."},
  },
  doc = {looks = "500, 502, 503 or 504 from huggingface.co.", check = "The hub's status page."},
}

rule {
  id = "hf.incomplete",
  signatures = {
    header = [[Error while deserializing header: (?<what>[^\n]+)]],
    incomplete_meta = [[(?:MetadataIncompleteBuffer|incomplete metadata, file not fully covered|invalid JSON in header)]],
    lfs = [[(?:invalid load key, 'v'|Unsupported operand (?:\d|[1-9]\d|1[01]\d|12[0-7])\b|git-lfs\.github\.com/spec|seems to be a git-?lfs pointer|unpack requires a buffer of)]],
    html = [[(?:invalid load key, '<'|Unsupported operand 60\b)]],
    pickle = [[UnpicklingError: (?:invalid load key|pickle data was truncated|unpickling stack underflow|could not find MARK|A load persistent id)]],
    eof = [[EOFError: Ran out of input]],
    zip = [[PytorchStreamReader failed (?:reading zip archive|locating file|finding file)[^\n]*|(?:failed finding central directory|not a ZIP archive|Invalid magic number; corrupt file)]],
    unable_to_load = [[Unable to load weights from (?:pytorch )?checkpoint file for]],
    size = [[(?:Consistency check failed: file should be of size (?<want>\d+) but has size (?<got>\d+)|IncompleteRead\(|ChunkedEncodingError|ContentTooShortError|incomplete download)]],
    gguf = [[(?:invalid magic characters|tensor ['"][^'"]+['"] data is not within the file bounds|gguf_init_from_file(?:_impl)?: (?:failed to read|invalid magic)|model is corrupted or incomplete|failed to read (?:tensor|magic)|unexpectedly reached end of file)]],
    sp = [[Internal: (?:could not parse ModelProto|src/sentencepiece_processor\.cc.{0,60}model_proto->ParseFromArray)|Internal: .{0,80}ParseFromArray\(]],
    json = [[(?:config|tokenizer(?:_config)?|index)\.json['"]? is not a valid JSON file]],
    tokenizer_json = [[Exception: (?:EOF while parsing a \w+|expected (?:value|ident|`[^`]+`[^\n]{0,20})|control character [^\n]{0,60}|invalid type: [^\n]{0,60}) at line \d+ column \d+]],
    truncated_h5 = [[(?:Unable to (?:synchronously )?open file|Unable to open object) \((?:truncated file|file signature not found)]],
    storage = [[(?:storage has wrong byte size: expected|unexpected EOF, expected \d+ more bytes|The file might be corrupted)]],
  },
  facts = {"model.path"},
  confidence = 0.87,
  when = function(_, log)
    local other = log.header or log.incomplete_meta or log.lfs or log.html or log.pickle or log.zip or log.unable_to_load or log.size or log.gguf or log.sp or log.json or log.storage or log.tokenizer_json or log.truncated_h5
    if not other and log.has_frame[[multiprocessing/(?:spawn|reduction|connection)]] then return nil end -- a child that could not be started
    return true
  end,
  why = "A model file is not what it should be: cut short, a git-lfs pointer, or a web page saved under its name. The reader found bytes that this format cannot begin or end with.",
  fixes = {
    {kind = "param:force_download", say = "Delete that file and download it again, then compare its size with the hub's (a git clone without git-lfs brings only pointers of about 130 bytes).",
     command = "hf download MODEL --force-download   # or: git lfs pull"},
    {kind = "disk", say = "If it breaks again at the same place, look for a full disk or a quota at the cache folder."},
  },
  doc = {looks = "safetensors header errors, 'invalid load key', 'failed finding central directory', bad GGUF magic.", check = "The first bytes and the size of the file: 'version https://git-lfs' is a pointer, '<' is a web page."},
}

rule {
  id = "torch.weights-only",
  signatures = {
    changed = [[Weights only load failed]],
    unsafe = [[Unsupported (?:global|class): GLOBAL \S+ was not an allowed global|WeightsUnpickler error: Unsupported (?:global|class)]],
  },
  context = {corrupt = [[Unsupported operand (?:\d|[1-9]\d|1[01]\d|12[0-7])\b|invalid load key]]}, -- 128 and more: newer pickle protocols
  unless = {"corrupt"},
  facts = {"torch.version"},
  confidence = 0.88,
  why = "torch 2.6 and later load checkpoints with weights_only=True and refuse objects that are not on their list. The file is healthy, only old in style.",
  fixes = {
    {kind = "param:weights_only", say = "For a file that you trust: load it with weights_only=False, or allow the named class with torch.serialization.add_safe_globals."},
    {kind = "pip:package", say = "Or update the library that loads it; newer releases do this themselves."},
  },
  doc = {looks = "'Weights only load failed' with an unsupported global.", check = "An 'Unsupported operand' in the same message means a broken file instead."},
}

rule {
  id = "hf.model-too-new",
  signatures = {
    architecture = [[model type `?(?<type>[\w.-]+)`? but Transformers does not recognize this architecture]],
    keyerror = [=[KeyError: ['"](?<type>(?:qwen|llama|mistral|mixtral|gemma|phi|deepseek|glm|chatglm|internlm|olmo|cohere|starcoder|falcon|granite|gpt_oss|mllama|minicpm|exaone|nemotron|smollm|ernie|kimi|moonshot|bloom|baichuan|yi|stablelm|dbrx|jamba|mamba|siglip|pixtral|idefics|paligemma|florence|hunyuan|seed|step|arctic|longcat|minimax|dots|apertus|modernbert)[\w.-]*)['"]]=],
    unrecognized = [[Unrecognized (?:configuration class|model in|feature extractor in|image processor in)]],
    tokenizer_class = [[Tokenizer class (?<type>\w+) does not exist or is not currently imported]],
    no_arch = [=[Model architectures \[['"](?<type>\w+)['"][^\]]*\] (?:are not supported|failed to be inspected)]=],
    not_implemented_arch = [[(?:unknown model architecture: ['"](?<type>[\w.-]+)|Unsupported (?:model )?(?:architecture|type):? ['"]?(?<type2>[\w.-]+)|Model type (?<type3>[\w.-]+) (?:is )?not (?:currently )?supported)]],
    rope = [[`?rope_scaling`? must be a dictionary (?:of the form|with (?:two|with) fields)|KeyError: ['"](?:rope_type|type)['"][^\n]{0,40}rope]],
    import_class = [=[cannot import name ['"](?<type>\w+(?:ForCausalLM|ForConditionalGeneration|Config|Processor|Model|Tokenizer|TokenizerFast))['"] from ['"]transformers['"]]=],
    list_keys = [[_set_model_specific_special_tokens]],
    quant_type = [[Unknown quantization type, got (?<type>[\w-]+)]],
    could_not_find = [[Could not find (?<type>\w+) neither in <module 'transformers]],
    gguf_tensors = [[(?:wrong number of tensors; expected \d+, got \d+|unknown pre-tokenizer type: '(?<type>[^']+)'|missing tensor '[\w.]+'|tensor '[\w.]+' (?:not found|is missing from model)|bad magic \[got 0x46554747|unknown \(magic, version\) combination: 46554747|unsupported model architecture: '(?<type2>[^']+)')]],
    any_key = [=[KeyError: ['"](?<key>[a-z][\w.-]*)['"]\s*$]=],
    attribute = [[module ['"]?transformers['"]? has no attribute ['"]?(?<type>\w+)]],
  },
  context = {
    mapping = [[(?:CONFIG_MAPPING\[config_dict|configuration_auto\.py|raise KeyError\(key\))]],
    llama_cpp = [[(?:llama_model_load|llama_load_model|llama\.cpp|gguf|ggml|ollama)]],
    engine_frame = [[\b(?:vllm|sglang|text_generation_server|lmdeploy)/]],
    custom = [[trust_remote_code=True]],
    driver = [[NVIDIA driver on your system is too old]],
  },
  unless = {"driver"},
  facts = {"transformers.version", "python.packages.vllm.version"},
  confidence = 0.87,
  when = function(_, log)
    local hit = log.architecture or log.no_arch or log.not_implemented_arch or log.gguf_tensors or log.tokenizer_class or log.rope or log.quant_type or log.could_not_find or log.list_keys or log.keyerror or log.import_class or log.attribute or log.unrecognized
    if not hit then -- a bare KeyError: of a model type when transformers' own table was asked
      if not (log.mapping or log.has_frame[[configuration_auto|tokenization_auto]]) then return nil end
      return {hit = log.any_key, why = "transformers has no entry '" .. log.any_key.key .. "' in its table of model types: it is older than this model."}
    end
    if hit == log.gguf_tensors or hit == log.not_implemented_arch and log.llama_cpp and not log.engine_frame then
      return {hit = hit, why = "This build of llama.cpp (or what embeds it) is older than the model file: it does not know its architecture, tokenizer or tensors.",
        fixes = {{kind = "pip:llama-cpp-python", say = "Upgrade llama.cpp (ollama, llama-cpp-python, LM Studio: the program that embeds it) to a release that knows this model.", command = "pip install -U llama-cpp-python   # or: the newest llama.cpp build"}, {kind = "rebuild:llama.cpp", say = "Built from source: pull and build it again."}, {kind = "param:model", say = "Or take a GGUF file that was converted for this build."}}}
    end
    if hit == log.no_arch then
      return {hit = hit, why = {"This release of the engine has no implementation of {type}.", "vLLM is {fact:python.packages.vllm.version}."},
        fixes = {{kind = "pip:vllm", say = "Upgrade the engine to a release that lists this architecture.", command = "pip install -U vllm"}, {kind = "pip:transformers", say = "And transformers with it.", command = "pip install -U transformers"}}}
    end
    if hit == log.unrecognized and not log.architecture then return {hit = hit, confidence = 0.7} end
    return {hit = hit}
  end,
  why = "The installed library is older than this model: it does not know its type or a key of its configuration.",
  fixes = {
    {kind = "pip:transformers", say = "Upgrade transformers to a release that knows this model, in the environment that runs it.", command = "pip install -U transformers"},
    {kind = "pip:vllm", say = "In a serving engine, upgrade the engine itself."},
  },
  doc = {looks = "'does not recognize this architecture', KeyError of a model type, 'Model architectures [...] are not supported'.", check = "transformers_version in the model's config.json against the installed one, in the interpreter of the traceback."},
}

rule {
  id = "hf.tokenizer-too-new",
  signatures = {untagged = [[data did not match any variant of untagged enum (?<enum>\w+)]]},
  facts = {"python.packages.tokenizers.version"},
  confidence = 0.92,
  why = "tokenizer.json was written by a newer tokenizers library than the installed one, which cannot read it.",
  fixes = {
    {kind = "pip:tokenizers", say = "Upgrade tokenizers together with transformers (they are pinned to each other).", command = "pip install -U transformers tokenizers"},
  },
  doc = {looks = "'data did not match any variant of untagged enum'.", check = "Version of tokenizers; the file itself if the versions are new (it may be cut short)."},
}

rule {
  id = "hf.tokenizer-dep",
  signatures = {
    requires = [[requires the (?<package>SentencePiece|protobuf|tiktoken|blobfile|jieba|fugashi|sacremoses) library]],
    slow = [[Couldn't instantiate the backend tokenizer from one of]],
    descriptors = [[Descriptors cannot (?:not )?be created directly]],
    sp_missing = [[(?:You need to have sentencepiece installed|Cannot instantiate this tokenizer from a slow version|sentencepiece.{0,40}(?:is )?not (?:installed|found)|No module named ['"](?:sentencepiece|tiktoken)['"])]],
    tiktoken = [[`?tiktoken`? is required to read|Converting from (?:SentencePiece and )?Tiktoken failed]],
    placeholder = [[tokenization_\w+\._LazyModule\.__getattr__\.<locals>\.Placeholder]],
    pb2 = [[cannot import name ['"](?:builder|sentencepiece_model_pb2)['"] from]],
    protobuf = [[(?:No module named ['"]google\.protobuf['"]|requires the protobuf library|ImportError:[^\n]*protobuf|local variable 'sentencepiece_model_pb2')]],
    gencode = [[(?:Detected incompatible Protobuf Gencode/Runtime versions|cannot import name 'runtime_version' from 'google\.protobuf')]],
    too_new = [[(?:'MessageFactory' object has no attribute 'GetPrototype'|'FieldDescriptor' object has no attribute 'label'|Couldn't build proto file into descriptor pool|duplicate file name sentencepiece)]],
  },
  facts = {"python.packages.sentencepiece.version", "python.packages.protobuf.version"},
  confidence = 0.88,
  when = function(f, log)
    if log.gencode then
      return {hit = log.gencode, confidence = 0.9, why = {"A package's generated code asks for a newer protobuf than the installed one.", "protobuf is {fact:python.packages.protobuf.version}."},
        fixes = {{kind = "pip:protobuf", say = "Upgrade protobuf.", command = "pip install -U protobuf"}}}
    end
    local hit = log.descriptors or log.pb2 or log.too_new
    if hit then
      return {hit = hit, confidence = 0.92,
        why = "The installed protobuf does not fit the generated code of sentencepiece (or another package): it is too new for old generated files.",
        fixes = {
          {kind = "pip-downgrade:protobuf", say = "Install protobuf 3.20.x.", command = "pip install 'protobuf<3.21'"},
          {kind = "pip:sentencepiece", say = "Or upgrade the package whose generated file is old."},
        }}
    end
    hit = log.tiktoken
    local needs_tiktoken = hit and (hit.text:match[[is required]] or f.pkg"tiktoken" == false)
    if hit and not needs_tiktoken and not log.protobuf then
      return {hit = hit, why = {"The tokenizer could be converted from neither SentencePiece nor tiktoken: the attempt with SentencePiece comes first, and fails without sentencepiece and protobuf.", "sentencepiece is {fact:python.packages.sentencepiece.version}."},
        fixes = {{kind = "pip:sentencepiece", say = "Install sentencepiece and protobuf, then restart the process.", command = "pip install sentencepiece protobuf"}, {kind = "pip:tiktoken", say = "A tokenizer of tiktoken's own form needs tiktoken.", command = "pip install tiktoken"}}}
    end
    if needs_tiktoken and not log.protobuf then
      return {hit = hit, why = "This tokenizer needs tiktoken to be converted, and it is not installed.",
        fixes = {{kind = "pip:tiktoken", say = "Install tiktoken.", command = "pip install tiktoken"}}}
    end
    hit = log.protobuf
    if hit then
      return {hit = hit, why = "The tokenizer needs protobuf, and it is not installed.",
        fixes = {{kind = "pip:protobuf", say = "Install protobuf.", command = "pip install protobuf"}}}
    end
    hit = log.requires or log.sp_missing or log.slow or log.placeholder
    return {hit = hit, why = "The slow tokenizer must be converted and that needs sentencepiece (or the package it names), which is not installed.",
      fixes = {
        {kind = "pip:sentencepiece", say = "Install sentencepiece (and protobuf, which some tokenizers need too), then restart the process.", command = "pip install sentencepiece protobuf"},
      }}
  end,
  doc = {looks = "'requires the SentencePiece library', 'Couldn't instantiate the backend tokenizer', 'Descriptors cannot be created directly'.", check = "sentencepiece, protobuf and tiktoken in the interpreter that runs."},
}

rule {
  id = "hf.trust-remote-code",
  signatures = {
    flag = [[(?:trust_remote_code|--trust-remote-code)]],
    contains = [[(?:contains|requires you to execute) (?:custom code|the configuration file in that repo|the \w+ file in that repo)]],
    packages = [[This modeling file requires the following packages that were not found in your environment: (?<packages>[^.\n]+)]],
  },
  confidence = 0.88,
  when = function(f, log)
    if log.packages then
      return {hit = log.packages, confidence = 0.93,
        why = "The model's own code needs packages that are not installed: " .. log.packages.packages .. ".",
        fixes = {{kind = "pip:package", say = "Install what it names.", command = "pip install " .. (log.packages.packages:gsub([[,\s*]], " "))}}}
    end
    local hit = log.contains or log.flag
    local message = hit.event.message or ""
    if not log.contains and (not hit.event.type or hit.event.type == "" or not message:match[[trust[_-]remote[_-]code]]) then return nil end
    if not log.contains and message:match[[got an unexpected|ignored|has no effect|multiple values]] then return nil end
    return {hit = hit, confidence = not log.contains and message:match[[consider setting]] and 0.62 or nil,
      why = "The repository brings its own model code, and running it must be allowed explicitly.",
      fixes = {{kind = "param:trust_remote_code", say = "If you trust the author, pin a revision and pass trust_remote_code=True (vLLM: --trust-remote-code)."}}}
  end,
  doc = {looks = "'Please pass the argument trust_remote_code=True'.", check = "Is the repository one whose code you would run?"},
}

rule {
  id = "hf.cache-permission",
  signatures = {
    denied = [[PermissionError: \[Errno 13\][^\n]*?['"](?<path>[^'"\n]*(?:huggingface|\.cache|hub|models--|transformers|datasets|/data|torch_extensions|triton|vllm)[^'"\n]*)]],
    read_only = [[(?:OSError|IOError): \[Errno 30\][^\n]*?(?:['"](?<path>[^'"\n]+))?]],
    writable = [[There was a problem when trying to write in your cache folder \((?<path>[^)\n]+)\)]],
    lock = [[(?:Permission denied|Read-only file system)[^\n]{0,120}(?:\.lock|/hub/|huggingface)]],
  },
  facts = {"env.HF_HOME"},
  confidence = 0.9,
  why = "The process may not write where the cache is: a folder of another user, or a read-only file system.",
  fixes = {
    {kind = "env:HF_HOME", say = "Point HF_HOME at a folder that this user can write, or give the volume to the user of the container.", command = "export HF_HOME=/tmp/huggingface"},
    {kind = "disk", say = "Or mount the volume writable and correct its owner."},
  },
  doc = {looks = "Errno 13 or 30 for a path in a cache folder.", check = "Owner and mount options of HF_HOME; the user that the container runs as."},
}

rule {
  id = "hf.transfer-missing",
  signatures = {
    transfer = [[Fast download using 'hf_transfer' is enabled \(HF_HUB_ENABLE_HF_TRANSFER=1\) but 'hf_transfer' package is not]],
    transfer2 = [[HF_HUB_ENABLE_HF_TRANSFER[^\n]{0,80}hf_transfer[^\n]{0,40}not (?:available|installed)]],
  },
  facts = {"env.HF_HUB_ENABLE_HF_TRANSFER"},
  confidence = 0.95,
  why = "HF_HUB_ENABLE_HF_TRANSFER=1 asks for a downloader whose package is not installed.",
  fixes = {
    {kind = "env:HF_HUB_ENABLE_HF_TRANSFER", say = "Switch it off; downloads work without it.", command = "export HF_HUB_ENABLE_HF_TRANSFER=0",
     set = {HF_HUB_ENABLE_HF_TRANSFER = "0"}, automatic = true},
    {kind = "pip:hf-transfer", say = "Or install the package.", command = "pip install hf_transfer"},
  },
  doc = {looks = "'hf_transfer' package is not available.", check = "The variable and the package."},
}
