-- The Hugging Face hub, model files and the packages that read them.

rule {
  id = "hf.gated",
  signatures = {
    gated_repo = [[Cannot access gated repo for url]],
    gated_error = [[GatedRepoError]],
    restricted = [[Access to model (?<model>\S+) is restricted]],
    awaiting = [[(?:you are not in the authorized list|ask for access|must be authenticated to access it|Your request to access model \S+ is awaiting)]],
    gated_text = [[You are trying to access a gated repo]],
    private_404 = [[is not a local folder and is not a valid model identifier listed on .{0,80}\n?.{0,40}private repository]],
  },
  context = {
    bad_token = [[Invalid credentials in Authorization header|Invalid user token|token .{0,40}(?:is )?(?:invalid|expired)]],
    forbidden = [[403 (?:Client Error|Forbidden)]],
    anonymous = [[401 (?:Client Error|Unauthorized)]],
  },
  unless = {"bad_token"},
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
    tokenizer = [=[Can't load (?:tokenizer|feature extractor|image processor|the configuration|the model) (?:for|of) ['"](?<model>(?:/|\./|\.\./|[A-Za-z]:\\)[^'"]+)['"]]=],
    gguf = [[(?:failed to open|unable to open|error loading model:.{0,40}open) ?(?:GGUF file |model file )?['"]?(?<model>[^\s'"]+\.gguf)]],
    missing_shard = [[No such file or directory: ['"]?(?<file>[^'"\n]*(?:\.safetensors|pytorch_model[^'"\n]*\.bin|\.gguf|\.ckpt|config\.json|model\.index\.json))]],
    oserror = [[Model path does not exist|Checkpoint (?:file|path|directory) (?:does )?not (?:exist|found)|Invalid (?:model|repository) ID]],
  },
  context = {
    bad_token = [[Invalid credentials in Authorization header|Invalid user token]],
    offline = [[(?:outgoing traffic has been disabled|offline mode is enabled|HF_HUB_OFFLINE|TRANSFORMERS_OFFLINE|We couldn't connect to|Max retries exceeded|ConnectionError|Name or service not known|Temporary failure in name resolution|cannot find the requested files in the (?:disk|local) cache)]],
    gated = [[gated repo]],
  },
  unless = {"bad_token", "offline", "gated"},
  confidence = 0.85,
  why = "The repository, revision or file that was asked for does not exist under that name. A local path that does not exist is taken for a hub id.",
  fixes = {
    {kind = "param:model", say = "Give the right model id, or a path to a folder that exists in this container and holds config.json and the weights."},
    {kind = "code", say = "Correct the file name, revision or subfolder that the code asks for."},
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
  why = "The model is not in this machine's cache, and the hub cannot be reached from here (offline mode, no network, proxy or certificates).",
  fixes = {
    {kind = "env:HF_HUB_OFFLINE", say = "If offline mode was set on purpose, download the model beforehand; otherwise unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE.",
     command = "unset HF_HUB_OFFLINE TRANSFORMERS_OFFLINE", cond = function(f) return f.env"HF_HUB_OFFLINE" or f.env"TRANSFORMERS_OFFLINE" end},
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
    header = [[Error while deserializing header: (?<what>HeaderTooLarge|HeaderTooSmall|InvalidHeader\w*|MetadataIncompleteBuffer|InvalidTensorView|InvalidOffset\S*|incomplete metadata[^\n]*)]],
    incomplete_meta = [[(?:MetadataIncompleteBuffer|incomplete metadata, file not fully covered|invalid JSON in header)]],
    lfs = [[(?:invalid load key, 'v'|Unsupported operand 118|git-lfs\.github\.com/spec|seems to be a git-?lfs pointer|unpack requires a buffer of)]],
    html = [[(?:invalid load key, '<'|Unsupported operand 60\b)]],
    pickle = [[UnpicklingError: (?:invalid load key|pickle data was truncated|unpickling stack underflow)]],
    eof = [[EOFError: Ran out of input]],
    zip = [[PytorchStreamReader failed (?:reading zip archive|locating file|finding file)[^\n]*|(?:failed finding central directory|not a ZIP archive)]],
    unable_to_load = [[Unable to load weights from (?:pytorch )?checkpoint file for]],
    size = [[(?:Consistency check failed: file should be of size (?<want>\d+) but has size (?<got>\d+)|IncompleteRead\(|ChunkedEncodingError|ContentTooShortError|incomplete download)]],
    gguf = [[(?:invalid magic characters|tensor ['"][^'"]+['"] data is not within the file bounds|gguf_init_from_file(?:_impl)?: (?:failed to read|invalid magic)|model is corrupted or incomplete|failed to read (?:tensor|magic))]],
    sp = [[Internal: (?:could not parse ModelProto|src/sentencepiece_processor\.cc.{0,60}model_proto->ParseFromArray)|Internal: .{0,80}ParseFromArray\(]],
    json = [[(?:config|tokenizer(?:_config)?|index)\.json['"]? is not a valid JSON file]],
    storage = [[(?:storage has wrong byte size: expected|unexpected EOF, expected \d+ more bytes|The file might be corrupted)]],
  },
  facts = {"model.path"},
  confidence = 0.85,
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
  context = {corrupt = [[Unsupported operand \d+|invalid load key]]},
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
    import_class = [[cannot import name ['"](?<type>\w+(?:ForCausalLM|ForConditionalGeneration|Config|Processor|Model|Tokenizer|TokenizerFast))['"] from ['"]transformers]],
    list_keys = [[_set_model_specific_special_tokens]],
    attribute = [[module ['"]?transformers['"]? has no attribute ['"]?(?<type>\w+)]],
  },
  context = {
    custom = [[trust_remote_code=True]],
    driver = [[NVIDIA driver on your system is too old]],
  },
  unless = {"driver"},
  facts = {"transformers.version", "python.packages.vllm.version"},
  confidence = 0.87,
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
    pb2 = [[cannot import name ['"](?:builder|sentencepiece_model_pb2)['"] from]],
    protobuf = [[(?:No module named ['"]google\.protobuf['"]|requires the protobuf library|ImportError:[^\n]*protobuf)]],
  },
  facts = {"python.packages.sentencepiece.version", "python.packages.protobuf.version"},
  confidence = 0.88,
  when = function(f, log)
    local hit = log.descriptors or log.pb2
    if hit then
      return {hit = hit, confidence = 0.92,
        why = "The installed protobuf does not fit the generated code of sentencepiece (or another package): it is too new for old generated files.",
        fixes = {
          {kind = "pip-downgrade:protobuf", say = "Install protobuf 3.20.x.", command = "pip install 'protobuf<3.21'"},
          {kind = "pip:sentencepiece", say = "Or upgrade the package whose generated file is old."},
        }}
    end
    hit = log.tiktoken
    if hit then
      return {hit = hit, why = "This tokenizer needs tiktoken to be converted, and it is not installed.",
        fixes = {{kind = "pip:tiktoken", say = "Install tiktoken.", command = "pip install tiktoken"}}}
    end
    hit = log.protobuf
    if hit then
      return {hit = hit, why = "The tokenizer needs protobuf, and it is not installed.",
        fixes = {{kind = "pip:protobuf", say = "Install protobuf.", command = "pip install protobuf"}}}
    end
    hit = log.requires or log.sp_missing or log.slow
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
    flag = [[trust_remote_code=True]],
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
    if not log.contains and not (hit.event and hit.event.type and hit.event.type ~= "") then return nil end
    return {hit = hit,
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

rule {
  id = "hf.version-conflict",
  signatures = {
    required = [[(?<package>[\w.-]+)(?:\[[\w,]+\])?(?<spec>[<>=!~]+[\w.,<>=!*]+) is required for a normal functioning of this module, but found (?<found>[\w.-]+==\S+)]],
    cached_download = [[cannot import name ['"](?<symbol>cached_download|HfFolder|split_torch_state_dict_into_shards|is_offline_mode|ModelFilter|DatasetFilter|get_full_repo_name|OfflineModeIsEnabled|EntryNotFoundError|errors|snapshot_download|CommitOperationAdd|list_repo_tree|ImageClassificationInput|DatasetCard|add_collection_item|dataclasses)['"] from ['"]huggingface_hub]],
    hub_module = [=[No module named ['"]huggingface_hub\.(?:utils\._errors|errors|dataclasses|inference\._text_generation|\w+)['"]]=],
    peft = [=[cannot import name ['"](?<symbol>\w+)['"] from ['"](?:peft|accelerate|tokenizers|safetensors|trl|diffusers|optimum)[\w.]*['"]]=],
    transformers_name = [=[cannot import name ['"](?<symbol>\w+)['"] from ['"]transformers(?:\.[\w.]+)?['"]]=],
    modeling_layers = [=[No module named ['"]transformers\.(?:modeling_layers|deepspeed|utils\.model_parallel_utils|generation_utils|models\.\w+\.\w+|integrations\.\w+|\w+)['"]]=],
    kwargs = [[(?:TypeError|AttributeError)[^\n]*?(?:Accelerator\.__init__\(\)|Trainer\.__init__\(\)|SFTTrainer\.__init__\(\)|TrainingArguments\.__init__\(\)|dispatch_model\(\)|LoraConfig\.__init__\(\)) got an unexpected keyword argument ['"](?<symbol>\w+)]],
    cache_api = [[(?:'DynamicCache' object has no attribute|module 'transformers\.cache_utils' has no attribute|'\w+' object has no attribute '(?:get_max_length|seen_tokens|get_usable_length|_supports_sdpa|all_tied_weights_keys|all_special_tokens_extended)')]],
    peft_requires = [[(?:peft|accelerate|transformers|tokenizers|huggingface[-_]hub|safetensors)(?:>=|==|<=|<|>)[\d.]+[^\n]{0,80}(?:is required|but (?:found|you have))]],
    newer_needed = [[(?:Please|please) (?:upgrade|update|install)[^\n]{0,40}(?:transformers|accelerate|peft|huggingface[-_]hub|tokenizers)[^\n]{0,40}(?:>=|version|to at least)]],
  },
  context = {
    bnb = [[bitsandbytes]],
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
          {kind = "pip:" .. package, say = "Install a version in that range.", command = ("pip install '%s%s'"):format(package, hit.spec)},
          {kind = "pip:transformers", say = "Or move transformers to a release that accepts the installed one."},
        }}
    end
    hit = log.cached_download or log.hub_module
    if hit then
      return {hit = hit, confidence = 0.9,
        why = "huggingface_hub and the library that imports it are of releases that do not belong together: a name was removed from, or not yet added to, huggingface_hub.",
        fixes = {
          {kind = hit.symbol == "cached_download" and "pip-downgrade:huggingface-hub" or "pip:huggingface-hub",
           say = "Bring the two together: upgrade the importing library, or install the huggingface_hub it was made for.",
           command = hit.symbol == "cached_download" and "pip install 'huggingface_hub<0.26'" or "pip install -U huggingface_hub transformers"},
          {kind = "pip:transformers", say = "Or upgrade the importing library (transformers, diffusers, sentence-transformers ...)."},
        }}
    end
    hit = log.transformers_name or log.modeling_layers or log.cache_api
    if hit then
      return {hit = hit, confidence = 0.82,
        why = "A library asks transformers for a name that the installed transformers does not have: the two releases do not belong together.",
        fixes = {
          {kind = "pip:transformers", say = "Install the transformers release that this library (or model code) was written for; see its requirements.", command = "pip install -U transformers"},
          {kind = "pip-downgrade:transformers", say = "If the code is older than the library, go back to the release that it pins."},
        }}
    end
    hit = log.peft or log.kwargs or log.peft_requires or log.newer_needed
    local package = hit.text:match[[(peft|accelerate|tokenizers|safetensors|trl|diffusers|optimum|huggingface.hub|transformers)]] or "transformers"
    return {hit = hit, confidence = 0.82,
      why = "Two of transformers, peft, accelerate, tokenizers and huggingface_hub are of releases that do not belong together.",
      fixes = {{kind = "pip:" .. package:gsub("_", "-"), say = "Upgrade them together.", command = "pip install -U transformers accelerate peft huggingface_hub"}}}
  end,
  doc = {looks = "'is required for a normal functioning of this module', 'cannot import name ... from huggingface_hub/transformers/peft'.", check = "Their versions side by side; `firstfix report --only packages` lists conflicts with their own pins."},
}
