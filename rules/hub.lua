-- The Hugging Face hub: access, names, network, limits, the cache.

local HTTP_429 = any{ -- as a number alone it may be a step or a size
  [[429 Client Error]],
  [[429 Too Many Requests]],
  [[HTTP 429\b]],
  [[Error 429\b]],
  [[Error: 429\b]],
  [[" 429\b]],
  [[status_code[=: ]+429\b]],
  [[status code[=: ]+429\b]],
  [[- 429\b]],
}

rule {
  id = "hf.gated",
  from = {"hub", "engine", "git"},
  signatures = {
    gated_repo = [[Cannot access gated repo for url]],
    gated_error = [[GatedRepoError]],
    restricted = [[Access to model (?<model>\S+) is restricted]],
    awaiting = any{
      [[you are not in the authorized list]],
      [[ask for access]],
      [[must be authenticated to access it]],
      [[Your request to access model \S+ is awaiting]],
    },
    gated_text = [[You are trying to access a gated repo]],
    gated_repo2 = any{
      [[Repo model \S+ is gated]],
      [[is a gated (?:dataset|model|repo)]],
      [[enable access to public gated repositories]],
      [[might be because the pipeline is private or gated]],
    },
    http_status = [[HTTP status client error \((?:401 Unauthorized|403 Forbidden)\) for url ]]
      .. [[\(https://[\w.-]*(?:huggingface\.co|hf\.co)]],
    llama_cpp = [[(?:invalid http status code received: 40[13]|error from HF API[^\n]{0,40}40[13])\b]],
    git = any{
      [[(?:Authentication failed for|could not read Username for) 'https://huggingface\.co]],
      [[Password authentication in git is no longer supported]],
    },
    no_grant = [[Cannot access content at: https://huggingface\.co]],
    refused = [[(?<code>40[13]) Client Error: (?:Unauthorized]]
      .. [[|Forbidden) for url: https://huggingface\.co/(?!api/whoami)(?:api/models/)?[\w.-]+/(?!resolve/)[\w.-]+/]],
    refused2 = any{
      [[\b(?:Unauthorized|Forbidden|40[13])\b[^\n]{0,80}https://huggingface\.co/[\w.-]+/[\w.-]+/(?:resolve|raw|blob)/]],
      [[https://huggingface\.co/[\w.-]+/[\w.-]+/(?:resolve|raw|blob)/[^\n]{0,120}\b(?:Unauthorized]]
        .. [[|Forbidden|40[13])\b]],
    },
    known_gated = [[\b(?<model2>(?:meta-llama|mistralai|google/gemma|google/medgemma|bigcode/starcoder]]
      .. [[|black-forest-labs/FLUX|stabilityai/stable-diffusion-3|CohereForAI|CohereLabs|pyannote]]
      .. [[|databricks/dbrx|tiiuae/falcon-180|nvidia/\w+-gated)[\w./-]*) is not a local folder and is not ]]
      .. [[a valid model identifier]],
  },
  context = {
    bad_token = any{
      [[Invalid credentials in Authorization header]],
      [[Invalid user token]],
      [[token .{0,40}(?:is )?(?:invalid|expired)]],
    },
    forbidden = [[403 (?:Client Error|Forbidden)]],
    anonymous = [[401 (?:Client Error|Unauthorized)]],
    unknown = [[Repository Not Found for url]],
  },
  unless = {"bad_token"},
  explains = {"hf.not-found"},
  facts = {"env.HF_TOKEN"},
  confidence = 0.92,
  when = function(_, log)
    local own_words = {"gated_repo", "gated_error", "restricted", "awaiting", "gated_text", "gated_repo2",
      "http_status", "llama_cpp", "git", "no_grant", "known_gated"}
    for _, name in ipairs(own_words) do
      if log[name] then return true end
    end
    if not log.refused then return not log.unknown and {hit = log.refused2, confidence = 0.76} or nil end
    -- the inner exception of any refusal: a name that does not exist answers 401 too
    if log.refused.code == "401" and log.unknown then return nil end
    return {hit = log.refused, confidence = 0.84}
  end,
  why = "The hub refuses this repository: it is gated or private. 401 means nobody is logged in, 403 means the "
    .. "account has no grant for it yet.",
  fixes = {
    {login = "hub",
      say = "Accept the model's terms on its page with your account, then log in with a token of that account that "
        .. "may read it."},
  },
  doc = {looks = "401 or 403 for a model whose page asks you to accept terms.",
    check = "Is HF_TOKEN set, and has its account been granted access?"},
}

rule {
  id = "hf.token-invalid",
  from = {"hub", "engine", "git", "other"},
  anyone = {header = "interpreter"},
  signatures = {
    credentials = [[(?:Invalid credentials in Authorization header|Authorization header is correct, but the token)]],
    user_token = [[Invalid user token]],
    not_valid = any{
      [[Invalid token passed]],
      [[The token passed is invalid]],
      [[Your (?:Hugging ?Face )?token (?:is|has|was) (?:invalid|expired)]],
      [[Token is not valid]],
    },
    illegal_header = [[Illegal header value b?['"]Bearer ]],
    missing_token = any{
      [[LocalTokenNotFoundError]],
      [[Token is required(?: \(`?token=True`?\))?, but no token found]],
      [[You need to provide a `?token`? or be logged in to Hugging Face]],
    },
    oauth = [[User Access Token .{0,60}(?:expired|invalid)]],
    header = [[(?:Invalid leading whitespace|Illegal header value|Invalid header value)[^\n]{0,120}Bearer]],
    login = [[Invalid username or password\.]],
    rights = any{
      [[You don't have the rights to create a \w+ under the namespace]],
      [[must use a (?:write|user access) token]],
      [[token with (?:the )?.?write.? (?:role|permission|access)]],
    },
    whoami = [[(?:401|Unauthorized).{0,80}whoami-v2|whoami-v2.{0,80}(?:401|Unauthorized)]],
  },
  context = {
    limited = HTTP_429 .. [[|Too Many Requests|rate limit]],
    hub = [[huggingface|hf\.co]],
    unknown = [[Repository Not Found for url]],
  },
  unless = {"limited"},
  when = function(_, log)
    for _, name in ipairs{"credentials", "user_token", "not_valid", "illegal_header", "missing_token", "oauth",
      "header", "rights", "whoami"} do
      if log[name] then return true end
    end
    -- a name that does not exist answers so too
    return log.hub and not log.unknown and {hit = log.login, confidence = 0.84} or nil
  end,
  explains = {"hf.not-found", "hf.gated"},
  facts = {"env.HF_TOKEN"},
  confidence = 0.93,
  why = "The hub rejects the token itself (malformed, expired or missing). With a bad token even public models answer "
    .. "401, and the headline then wrongly says that the repository was not found.",
  fixes = {
    {login = "hub",
      say = "Make a new access token and log in with it, or remove the stale one (HF_TOKEN, without a newline around "
        .. "it); public models need none."},
  },
  doc = {looks = "401 with 'Invalid credentials in Authorization header', or a complaint about the token.",
    check = "The token in HF_TOKEN and in the file at HF_TOKEN_PATH: expired, or with a newline at its end?"},
}

rule {
  id = "hf.not-found",
  from = {"hub", "engine", "torch", "app", "other"},
  anyone = {missing_shard = "system"},
  signatures = {
    repo_id = [[HFValidationError: Repo id must (?:be in the form]]
      .. [[|use alphanumeric)[^\n]*?['"](?<model>[^'"\n]+)['"]\. ]],
    repo_id_plain = [[Repo id must (?:be in the form|use alphanumeric)]],
    not_found = [[RepositoryNotFoundError|Repository Not Found for url: (?<url>\S+)]],
    entry = [[(?<!Local)EntryNotFoundError|Entry Not Found for url: (?<entry>\S+)]],
    revision = [[RevisionNotFoundError|Revision Not Found for url]],
    no_file = [[(?<model>\S+) does not appear to have (?:a |files? )(?:file )?named (?<file>[^\s,.]+\.?\w*)]],
    no_weights = any{[[Error no file named]], [[No (?:model )?weights? files? (?:were )?found]],
      [[Cannot find any model weights with]]},
    single = [[\bCalling \w+\.from_pretrained\(\) with the path to a single file or url is not supported]],
    not_local = [[(?<model>\S+) is not a local folder and is not a valid model identifier]],
    invalid_path = [[Incorrect path_or_model_id: ['"](?<model>[^'"]+)]],
    no_config = [[(?:can'?t|cannot|couldn'?t) find (?:a )?(?:'?config\.json'?|'?adapter_config\.json'?]]
      .. [[|model_index\.json)(?: (?:at|in) ['"]?(?<model>[^\s'"]+))?]],
    tokenizer = [[Can't load (?:tokenizer|feature extractor|image processor|the configuration]]
      .. [[|the model) (?:for|of) ['"](?<model>(?:(?:/|\./|\.\./|~|[A-Za-z]:\\)[^'"]+|[^'"/\s]+]]
      .. [=[|[^'"\s]+/[^'"\s]+/[^'"\s]+))['"]]=],
    repository_id = any{
      [[Invalid repository ID or local directory specified]],
      [[Please verify the following requirements:]],
      [[No config file found - are you sure the `model_name` is correct]],
    },
    comfy = [[Value not in list: (?:ckpt|unet|clip|vae|lora|control_net|style_model]]
      .. [[|model)_?(?:name)?\d?: '(?<model>[^'\n]+)' not in]],
    a1111 = [[No checkpoints found\. When searching for checkpoints]],
    tgi = [[No (?:local )?(?:\.\w+ )?weights found (?:in|for)]],
    gguf = any{
      [[failed to open]],
      [[unable to open]],
      [[error loading model:.{0,40}open]],
      [[Model path does not exist:]],
    } .. [[ ?(?:GGUF file |model file )?['"]?(?<model>[^\s'"]+\.(?:gguf|bin))]],
    missing_shard = [[No such file or directory: ['"]?(?<file>[^'"\n]*(?:\.safetensors]]
      .. [[|pytorch_model[^'"\n]*\.bin|\.gguf|\.ckpt|\.pth|tokenizer\.(?:model|json)|config\.json]]
      .. [[|model\.index\.json))]],
    dataset = any{
      [[DatasetNotFoundError]],
      [[Dataset '[^'\n]+' doesn't exist on the Hub]],
      [[Couldn't find (?:a dataset script|any data file) at]],
    },
    rust = [[HTTP status client error \(404 Not Found\) for url \(https://[\w.-]*huggingface]],
    engine = any{
      [[No supported config format found in]],
      [[pull model manifest: file does not exist]],
      [[model ['"][^'"\n]+['"] not found, try pulling it first]],
      [[Model \S+ not found; available models =]],
      [[Invalid model size ']],
      [[Unable to open file 'model\.bin' in model]],
    },
    vocabulary = [[TypeError: ]] .. any{
      [[expected str, bytes or os\.PathLike object, not NoneType]],
      [[stat: path should be string, bytes, os\.PathLike or integer, not NoneType]],
      [[not a string$]],
    },
    oserror = any{[[Model path does not exist]], [[Invalid (?:model|repository) ID]],
      [[Checkpoint (?:file|path|directory) (?:does )?not (?:exist|found)]]},
  },
  context = {
    bad_token = [[Invalid credentials in Authorization header|Invalid user token]],
    offline = any{
      [[outgoing traffic has been disabled]],
      [[offline mode is enabled]],
      [[HF_HUB_OFFLINE]],
      [[TRANSFORMERS_OFFLINE]],
      [[We couldn't connect to]],
      [[Max retries exceeded]],
      [[ConnectionError]],
      [[Name or service not known]],
      [[Temporary failure in name resolution]],
      [[cannot find the requested files in the (?:disk|local) cache]],
    },
    gated = [[(?<!private or )gated repo]], -- the hub's library adds those words to whatever it did not find
    anonymous = [[401 (?:Client Error|Unauthorized)]],
    optional = [[(?:Could not|Cannot) download `[\w./-]+`:]],
    again = [[Failed to create model quickly; will retry using slow method]], -- stable-diffusion-webui, which then does
  },
  unless = {"bad_token", "offline", "gated", "again"},
  rival = {cause = "hf.gated", decides = "whether the model's page opens in a browser without an account"},
  confidence = 0.88,
  when = function(_, log)
    -- a file that a model may lack
    if log.rust and log.optional and log.rust.line == log.optional.line then return nil end
    local sure = {"repo_id", "repo_id_plain", "not_found", "entry", "revision", "no_file", "no_weights", "not_local",
      "invalid_path", "no_config", "tokenizer", "repository_id", "comfy", "a1111", "tgi", "gguf", "missing_shard",
      "dataset", "rust", "engine", "oserror", "single"}
    local any
    for _, name in ipairs(sure) do any = any or log[name] end
    if not any then -- a tokenizer was given no file: only its frames tell this from a mistake in the caller's own code
      if not log.has_frame[[tokenization_\w+\.py|sentencepiece/__init__]] then return nil end
      return {hit = log.vocabulary, confidence = 0.76,
        why = "The tokenizer was given no vocabulary file: the model's folder or repository has none of the kind that "
          .. "this tokenizer class reads (tokenizer.model, vocab.json), or the class is the wrong one for it.",
        fixes = {
          {argument = "model",
            say = "Put the tokenizer's files into the model folder (or name another tokenizer), or load it as a fast "
              .. "tokenizer from tokenizer.json."},
              {code = true, say = "Or take the tokenizer class that the model's tokenizer_config.json names."}}}
    end
    local first = log.not_local or log.invalid_path
    local only = first and not (log.repo_id or log.repo_id_plain or log.not_found or log.entry or log.revision
      or log.no_file or log.no_weights)
    -- to who is not logged in, the hub does not tell what is private from what is not there
    local hidden = log.not_found and log.anonymous and not log.not_found.text:match[[huggingface\.co/[\w.-]+/resolve/]]
    if not (only and first == log.not_local and first.model:match[[^[\w.-]+/[\w.-]+$]]) then
      return {confidence = hidden and 0.78 or nil}
    end
    return {hit = first, confidence = 0.72, why = {
      "{model} is neither a folder here nor a repository that the hub shows to this process: a wrong name, a folder "
        .. "that does not exist in this container, or a private repository asked for without a token."}}
  end,
  why = "The repository, revision or file that was asked for does not exist under that name. A local path that does "
    .. "not exist is taken for a hub id.",
  fixes = {
    {argument = "model",
      say = "Give the right model id, or a path to a folder that exists in this container and holds config.json and "
        .. "the weights."},
    {code = true, say = "Correct the file name, revision or subfolder that the code asks for."},
    {login = "hub", say = "If it is a private repository: log in with an account that may read it.",
      cond = function(_, log) return log.not_local ~= nil or log.not_found ~= nil end},
  },
  doc = {looks = "'Repository Not Found', 'does not appear to have a file named', 'Repo id must be in the form'.",
    check = "Does the path exist inside the container? Is the id spelt as on the hub?"},
}

rule {
  id = "hf.gated/kaggle",
  signatures = {
    refused = [[You don't have permission to access resource at URL: https://www\.kaggle\.com]],
    client = [[40[13] Client Error[^\n]*kaggle\.com/(?:api/v1/)?models]],
  },
  facts = {"env.KAGGLE_USERNAME"},
  confidence = 0.88,
  why = "Kaggle gives this model only to an account that has accepted its licence, and no such account is logged "
    .. "in here.",
  fixes = {
    {code = true, kind = "auth", say = "Accept the licence on the model's page, and set KAGGLE_USERNAME and KAGGLE_KEY "
      .. "(or put kaggle.json into ~/.kaggle) before kagglehub is imported."},
  },
  doc = {looks = "403 Client Error. You don't have permission to access resource at URL: "
    .. "https://www.kaggle.com/models/...",
    check = "kagglehub.whoami(); the licence on the model's page."},
}

-- What a server could not fetch before it was up, and then did without: each time, and it served afterwards.
local function did_without(log, names)
  local some = false
  for _, name in ipairs(names) do
    for _, hit in ipairs(log.all(name)) do
      if not (log.up and log.up.line > hit.line and hit.event.progress) then return false end
      some = true
    end
  end
  return some
end

local REACHED = {"certificate", "couldnt", "cache_miss", "disabled", "dns", "host_dns", "unreachable", "proxy", "ssl",
  "connect", "no_address", "unreached", "cached_path", "httpx", "urlopen", "git", "connect_timeout", "go", "xet"}

rule {
  id = "hf.offline",
  from = {"hub", "engine", "git"},
  anyone = {connect_timeout = "system", dns = "system", go = "system", no_address = "system", ssl = "system",
    urlopen = "system"},
  signatures = {
    certificate = [[CERTIFICATE_VERIFY_FAILED]],
    couldnt = [[We couldn'?t connect to ['"]?(?<host>https?://[^\s'"]+)['"]? to load]],
    cache_miss = any{
      [[LocalEntryNotFoundError]],
      [[An error happened while trying to locate the files? on the Hub,? and we cannot find the ]]
        .. [[(?:appropriate snapshot|requested files)]],
    },
    disabled = any{
      [[OfflineModeIsEnabled]],
      [[outgoing traffic has been disabled]],
      [[Cannot (?:reach|access) \S+: offline mode is enabled]],
    },
    dns = any{
      [[NameResolutionError]],
      [[Failed to resolve]],
      [[Temporary failure in name resolution]],
      [[Name or service not known]],
      [[nodename nor servname]],
      [[getaddrinfo failed]],
    } .. [[.{0,200}(?:huggingface|hf\.co|hf-mirror)]],
    host_dns = [[HTTPSConnectionPool\(host='(?:huggingface\.co|cdn-lfs[^']*|hf-mirror\.com)'.{0,200}(?:Max ]]
      .. [[retries exceeded|Connection(?:Refused|Reset|Timeout))]],
    unreachable = [[(?:huggingface\.co|hf\.co).{0,160}]] .. any{
      [[Network is unreachable]], [[No route to host]], [[Connection refused]], [[ConnectTimeout]],
    },
    proxy = [[ProxyError.{0,200}huggingface]],
    ssl = any{
      [[(?:SSLError|CERTIFICATE_VERIFY_FAILED|SSLEOFError).{0,200}(?:huggingface|hf\.co)]],
      [[(?:huggingface|hf\.co).{0,200}(?:SSLError|CERTIFICATE_VERIFY_FAILED|SSLEOFError)]],
    },
    connect = [[HTTPSConnectionPool\(host=']] .. any{
      [[openaipublic\.blob\.core\.windows\.net]],
      [[raw\.githubusercontent\.com]],
      [[github\.com]],
      [[download\.pytorch\.org]],
      [[dl\.fbaipublicfiles\.com]],
      [[(?:www\.)?modelscope\.cn]],
    } .. [[', port=443\): Max retries exceeded]],
    no_address = any{
      [[Network is unreachable]],
      [[Connection refused]],
      [[Connection timed out]],
      [[Temporary failure in name resolution]],
    } .. [[[^\n]{0,120}\.(?:no_exist|huggingface|hf\.co)]],
    unreached = [[Couldn't reach (?:'[^'\n]+' on the Hub|https?://)]],
    cached_path = [[Connection error, and we cannot find the requested files in the (?:cached path|disk cache)]],
    httpx = any{
      [[(?:httpx|httpcore)\.(?:ConnectError|ConnectTimeout|ProxyError)]],
      [[^ConnectError: (?:\[Errno|All connection)]],
    },
    urlopen = [[<urlopen error ]] .. any{
      [[\[Errno -?\d+\] ]] .. any{
        [[Temporary failure in name]], [[Name or service]], [[Network is unreachable]], [[No route to host]],
        [[Connection (?:timed out|reset)]], [[getaddrinfo]], [[nodename]],
      },
      [[\[SSL: ]],
      [[timed out]],
      [[EOF occurred]],
      [[Tunnel connection failed]],
      [[_ssl\.c]],
    },
    git = [[fatal: unable to access 'https://[^\n]{0,160}]] .. any{
      [[Could not resolve]],
      [[Failed to connect]],
      [[Connection timed out]],
      [[gnutls_handshake]],
      [[TLS connection was non-properly]],
      [[SSL certificate problem]],
      [[Recv failure]],
      [[SSL_connect]],
      [[SSL_ERROR]],
      [[Empty reply]],
    },
    connect_timeout = [[Connection to ]] .. any{
      [[huggingface\.co]], [[hf\.co]], [[hf-mirror\.com]], [[cdn-lfs[\w.-]*]], [[[\w.-]*xethub\.hf\.co]],
    } .. [[ timed out]],
    go = [[(?:Get|Post|Head|Put) "https://(?!api\.)[^\n]{0,300}]] .. any{ -- who is called api holds no weights
      [[dial tcp]],
      [[TLS handshake timeout]],
      [[proxyconnect tcp]],
      [[request canceled while waiting for connection]],
      [[context deadline exceeded]],
    },
    xet = [[Data processing error: [^\n]{0,60}(?:Reqwest|Request failed|error sending request)]],
    tokenizer_org = [[Can't load ]] .. any{
      [[tokenizer]], [[feature extractor]], [[image processor]], [[the configuration]], [[the model]],
    } .. [=[ (?:for|of) ['"](?<model>[\w.-]+/[\w.-]+)['"]]=],
  },
  context = {
    limited = HTTP_429 .. [[|Too Many Requests]],
    http = [[(?:401|403|404) Client Error|(?<!private or )gated repo|Repository Not Found]],
    down = [[50[0234] Server Error|Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out]],
    up = [[Application startup complete|Uvicorn running on]],
  },
  unless = {"limited", "http", "down"},
  facts = {"env.HF_HUB_OFFLINE", "env.HF_HOME", "env.HF_ENDPOINT"},
  confidence = 0.88,
  when = function(f, log)
    if did_without(log, REACHED) then return nil end
    if log.certificate and log.has_frame[[huggingface_hub|transformers/|diffusers/|datasets/]] then
      local bundle = "/etc/ssl/certs/ca-certificates.crt" -- of Debian and Ubuntu; requests looks into its own instead
      return {hit = log.certificate, confidence = 0.86, why = "The hub's certificate is signed by an authority that "
        .. "this Python does not know: a proxy that opens TLS, or a hub of one's own.",
        fixes = {{set = {REQUESTS_CA_BUNDLE = bundle, SSL_CERT_FILE = bundle}, kind = "env:REQUESTS_CA_BUNDLE",
            say = "Let Python use the system's certificates, after that authority's was added there."},
          {network = true, say = "Or have the hub's traffic pass the proxy unopened."}}}
    end
    local hit = log.couldnt or log.host_dns or log.dns or log.unreachable or log.proxy or log.ssl or log.cache_miss
      or log.disabled or log.connect or log.no_address or log.unreached or log.cached_path or log.connect_timeout
    if not hit and log.xet then
      return {hit = log.xet, confidence = 0.72,
        why = "The transfer over the hub's Xet storage fails, which has servers and ports of its own; the plain "
          .. "download may well be reachable.",
        fixes = {{set = {HF_HUB_DISABLE_XET = "1"}, say = "Download without Xet."},
          {network = true, say = "Or let the container reach the Xet servers (proxy, firewall)."}}}
    end
    if not hit and log.httpx and log.has_frame[[huggingface_hub|transformers/|diffusers/|datasets/]] then
      hit = log.httpx
    end
    if not hit and (log.urlopen or log.git or log.go) then
      return {hit = log.git or log.go or log.urlopen, confidence = 0.76,
        why = "A file is to be downloaded at start, and its server cannot be reached from here (no network, DNS, "
          .. "proxy or certificates).",
        fixes = {
          {container = "dns", kind = "network", say = "Give the container a name server that it reaches.",
            cond = function() return log.go ~= nil and log.go.text:match[[ lookup \S+ on ]] ~= nil end},
          {network = true,
            say = "Let this machine reach that server (DNS, proxy variables, the company's certificate), or fetch the "
              .. "file elsewhere and put it where the program looks."},
              {host = true, kind = "env:HF_ENDPOINT", say = "For the hub: use a mirror that you trust."}}}
    end
    if not hit and not log.tokenizer_org then return nil end
    local proxy = f"system.proxy.listening" == false and f"system.proxy.variable"
    if hit and proxy then
      return {hit = hit, confidence = 0.9, why = {
        ("%s names port %d of this machine, and nothing listens there."):format(proxy, f"system.proxy.port")},
        evidence = {"system.proxy.variable", "system.proxy.port"},
        fixes = {{unset = f"system.proxy.variables" or {proxy}, effect = {["system.proxy.listening"] = true},
            say = "Unset what names it, or start what should listen there."},
          {network = true, say = "Or let the hub's traffic take another way out."}}}
    end
    return {hit = hit or log.tokenizer_org, confidence = not hit and 0.6 or hit == log.connect and 0.75 or nil}
  end,
  why = "The model is not in this machine's cache, and the hub cannot be reached from here (offline mode, no network, "
    .. "proxy or certificates).",
  fixes = {
    {unset = {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"},
      say = "If offline mode was set on purpose, download the model beforehand; otherwise unset HF_HUB_OFFLINE and "
        .. "TRANSFORMERS_OFFLINE.",
      cond = function(f, log) return f.env"HF_HUB_OFFLINE" or f.env"TRANSFORMERS_OFFLINE" or log.disabled ~= nil end},
    {network = true,
      say = "Let the container reach huggingface.co (DNS, proxy, firewall, certificates), or set HF_ENDPOINT to a "
        .. "mirror that it can reach."},
    {host = true, kind = "env:HF_HOME", say = "Or mount a cache that already holds the model and point HF_HOME at it."},
  },
  doc = {looks = "'We couldn't connect to huggingface.co', 'outgoing traffic has been disabled', name resolution "
    .. "errors.",
    check = "HF_HUB_OFFLINE, proxy variables, DNS in the container, and whether the cache at HF_HOME is the one that "
      .. "was filled."},
}

rule {
  id = "hf.rate-limit",
  from = {"hub", "engine", "other"},
  anyone = {read_timeout = "system"},
  signatures = {
    too_many = any{
      HTTP_429,
      [[Too Many Requests for url]],
    },
    limit_text = any{
      [[We had to rate limit (?:you|your IP)]],
      [[You have exceeded (?:your|our) (?:hourly )?(?:quota|rate limit)]],
      [[rate limit(?:ed)? (?:exceeded|reached)]],
    },
    read_timeout = any{
      [[(?:ReadTimeout|Read timed out).{0,160}(?:huggingface|hf\.co|cdn-lfs|xethub)]],
      [[(?:huggingface|hf\.co|cdn-lfs|xethub).{0,160}(?:ReadTimeout|Read timed out)]],
    },
  },
  explains = {"hf.token-invalid", "hf.gated", "hf.not-found"},
  when = function(_, log)
    local hit = log.too_many or log.limit_text or log.read_timeout
    local who = hit.event.emitters or {}
    local other = next(who) ~= nil and not who.huggingface_hub and not who.transformers and not who.datasets
    local words = hit.text .. " " .. (hit.event.message or "")
    if words:match[[/v2/\S+/(?:manifests|blobs)/|pull rate limit]] then return nil end -- container.image-pull
    -- every service has such a limit: a model's own, or that of another company
    if hit ~= log.read_timeout and other and not words:match[[(?i)hugging ?face|\bhf[.-]|\bhub\b|xethub]] then
      return nil
    end
    return {hit = hit}
  end,
  confidence = 0.9,
  why = "The hub answers 'too many requests' (or no longer answers in time). It is a limit per account or address; "
    .. "token and repository are not at fault.",
  fixes = {
    {wait = true,
      say = "Wait until the limit resets, and make fewer calls: download once into a shared cache and start the "
        .. "workers with HF_HUB_OFFLINE=1."},
    {login = "hub", say = "Log in: authenticated requests have a higher limit."},
    {set = {HF_HUB_DOWNLOAD_TIMEOUT = "60"}, say = "Where it only times out, allow more time."},
  },
  doc = {looks = "429, 'Too Many Requests', read timeouts from the hub.",
    check = "How many workers start at once and each ask the hub? Is a token used?"},
}

rule {
  id = "hf.hub-down",
  from = {"hub", "engine", "other"},
  signatures = {
    server = [[50[0234] ]] .. any{
      [[Server Error]],
      [[Internal Server Error]],
      [[Bad Gateway]],
      [[Service (?:Temporarily )?Unavailable]],
      [[Gateway Time-?out]],
    } .. [[[^\n]{0,200}(?:huggingface|hf\.co|hf-mirror|xethub)]],
    hub_error = [[HfHubHTTPError: 5\d\d]],
    gateway = [[(?:huggingface\.co|hf\.co|cdn-lfs)[^\n]{0,200}\b(?:500|502|503|504)\b (?:Server|Internal|Bad]]
      .. [[|Service|Gateway)]],
  },
  confidence = 0.9,
  why = "The hub itself answers with a server error. Nothing on this machine is wrong.",
  fixes = {
    {wait = true, say = "Wait and try again; with the model already in the cache, start with HF_HUB_OFFLINE=1."},
    {host = true, kind = "env:HF_ENDPOINT", say = "Or use a mirror that you trust."},
  },
  doc = {looks = "500, 502, 503 or 504 from huggingface.co.", check = "The hub's status page."},
}

rule {
  id = "hf.cache-permission",
  from = {writable = {"hub"}},
  anyone = "system",
  signatures = {
    denied = [[PermissionError: \[Errno 13\][^\n]*?['"](?<path>[^'"\n]*(?:huggingface|cache|hub|models--]]
      .. [[|transformers|datasets|/data|torch_extensions|triton|vllm|matplotlib|numba|inductor|modelscope]]
      .. [[|nltk_data)[^'"\n]*)]],
    read_only = [[(?:OSError|IOError): \[Errno 30\][^\n]*?(?:['"](?<path>[^'"\n]+))?]],
    writable = [[There was a problem when trying to write in your cache folder \((?<path>[^)\n]+)\)]],
    lock = [[(?:Permission denied|Read-only file system)[^\n]{0,120}(?:/hub/|huggingface|/\.cache/)]],
    rust = [[(?:cache|/hub/|huggingface)[^\n]{0,120}Permission denied \(os error 13\)]],
  },
  rival = {cause = "oom.shm", decides = "which folder it was: the traceback's last frames, and whether /dev/shm can be "
    .. "written to"},
  facts = {"env.HF_HOME"},
  confidence = 0.9,
  when = function(_, log)
    local hit = log.denied or log.read_only or log.writable or log.lock or log.rust
    -- HF_HOME holds a folder hub; models elsewhere were put there by the variable of that folder alone
    local apart = hit.text:match[=[(?<!/hub)/(?:models|datasets)--\w]=]
    local homeless = log.denied and (log.denied.path or ""):match[[^/\.(?:cache|config|local|triton)]]
    local words = log.denied and log.has_frame[[tiktoken]] and {TIKTOKEN_CACHE_DIR = "/tmp/tiktoken"}
    local nameless = hit == log.read_only and not hit.path and #(hit.event.frames or {}) == 0
    local path = hit == log.read_only and hit.text:match[=[['"](/[^'"\n]+)['"]]=]
    local place = path and path:match[=[^(/(?!root|home|tmp|dev)[\w.-]+/[\w.-]+)]=]
    return {hit = hit, confidence = nameless and 0.6 or nil, fixes = {
      {container = "bind", value = place, kind = "disk", say = "Bring that folder of the host into the "
        .. "container, writable.",
        cond = function() return place and not path:match[[(?i)cache|huggingface|models--|/hub]] end},
      {set = homeless and {HOME = "/tmp"} or words
          or apart and {HF_HUB_CACHE = "/tmp/huggingface/hub", HUGGINGFACE_HUB_CACHE = "/tmp/huggingface/hub"}
          or {HF_HOME = "/tmp/huggingface"}, kind = "env:HF_HOME",
        say = "Point the cache at a folder that this user can write, or give the volume to the user of the container."},
      {free = "disk", say = "Or mount the volume writable and correct its owner."}}}
  end,
  why = "The process may not write where the cache is: a folder of another user, or a read-only file system.",
  doc = {looks = "Errno 13 or 30 for a path in a cache folder.",
    check = "Owner and mount options of HF_HOME; the user that the container runs as."},
}
