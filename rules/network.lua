-- The hub (or what stands for it) cannot be reached: which part of the way is at fault, by what the libraries say.

local HUB = [[(?i)huggingface|hf\.co|hf-mirror|xethub|modelscope|pytorch\.org|openaipublic]]
local UP = [[Application startup complete|Uvicorn running on]]
local SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt" -- of Debian, Ubuntu and Alpine

-- A server that came up and worked afterwards did without it.
local function did_without(hit, log)
  return hit.event.progress and log.up and log.up.line > hit.line
end

local function hub_only(hit, log)
  if did_without(hit, log) then return false end
  return hit.text:match(HUB) or log.hub or log.has_frame[[huggingface_hub|transformers/|diffusers/|datasets/]]
end

-- Any other server that the worker fetches from, where it failed of the authority and of nothing else.
local function other_authority(log)
  local hit, host
  for _, name in ipairs{"chain", "issuer", "go"} do
    for _, one in ipairs(log.all(name)) do -- the outermost exception names the server
      if (one.event.tier or 0) >= (name == "go" and 1 or 3) then hit = one end
    end
  end
  if not hit or did_without(hit, log) then return nil end
  host = hit.text:match[=[host='([\w.-]+)']=] or hit.text:match[=[https://([\w.-]+)]=]
  return {hit = hit, confidence = host and 0.84 or 0.8,
    title = "a server's certificate is signed by an authority unknown here",
    why = (host and ("What answers for %s"):format(host) or "What answers") .. " has a certificate of an authority "
      .. "that this program does not know: a proxy that opens TLS, or a server with an authority of its own.",
    fixes = {{set = {REQUESTS_CA_BUNDLE = SYSTEM_BUNDLE, SSL_CERT_FILE = SYSTEM_BUNDLE},
      kind = "env:REQUESTS_CA_BUNDLE", say = "Let the program use the system's certificates, after that authority's "
        .. "was added there (a .crt in /usr/local/share/ca-certificates; update-ca-certificates)."}}}
end

local function out_of_date(hit)
  return {hit = hit, confidence = 0.8, why = "A certificate on the way is out of date, or this machine's clock is "
    .. "wrong.", fixes = {{setting = "clock", kind = "os", say = "Look at the clock first: it must be the time of "
      .. "day in UTC, and synchronized."}, {install = "certifi", say = "Else take newer certificates."}}}
end

rule {
  id = "hf.offline/tls",
  from = {"hub", "engine", "git", "system", "native", "torch", "other", "app"},
  signatures = {
    chain = [[self[- ]signed certificate(?: in certificate chain)?]],
    issuer = [[unable to get local issuer certificate]],
    name = [[(?:Hostname mismatch, certificate is not valid for|certificate is not valid for name|hostname '[^'\n]+' ]]
      .. [[doesn't match)]],
    expired = [[certificate has expired|certificate is not yet valid]],
    legacy = [[UNSAFE_LEGACY_RENEGOTIATION_DISABLED]],
    rustls = [[invalid peer certificate: (?<rustls>\w+)]],
    go = [[x509: certificate signed by unknown authority]],
  },
  context = {
    hub = HUB, up = UP,
    stdlib = [[<urlopen error]],
    pip = [[(?:pip\._vendor|There was a problem confirming the ssl certificate|Could not fetch URL https://pypi)]],
  },
  unless = {"pip"},
  specific_over = {"hf.offline"},
  when = function(_, log)
    local hit = log.legacy or log.name or log.expired or log.chain or log.issuer or log.rustls or log.go
    local hub = hub_only(hit, log)
    if not hub then
      local early = hit == log.expired and hit.text:has"not yet valid" and not did_without(hit, log)
      return early and out_of_date(hit) or other_authority(log)
    end
    if hit == log.legacy then
      return {hit = hit, confidence = 0.9, title = "a proxy on the way to the hub speaks an old TLS",
        why = "OpenSSL 3 refuses the old form of renegotiation that something between here and the hub (a company's "
          .. "proxy) asks for.", fixes = {{setting = "legacy-tls", kind = "env:OPENSSL_CONF",
          say = "Allow it for this program, in an OpenSSL configuration of its own."}}}
    elseif hit == log.name then
      return {hit = hit, confidence = 0.89, title = "another server answers for the hub",
        why = "Who answers has a certificate of another name: a captive portal, a filter, or a wrong entry of DNS.",
        fixes = {{setting = "tls-peer", kind = "network", say = "See who answers in the hub's place, and let whoever "
            .. "runs the network open the way to it, or name the proxy that leads out (HTTPS_PROXY)."},
          {network = true, kind = "env:HF_ENDPOINT", say = "Or set HF_ENDPOINT to a mirror that you trust."}}}
    elseif hit == log.expired then
      return out_of_date(hit)
    end
    if log.stdlib and hit == log.issuer then
      return {hit = hit, confidence = 0.89, title = "no certificates are installed where the program looks",
        why = "The program uses the system's certificates, and there is none that signed the hub's: the image has no "
          .. "ca-certificates, or a company's proxy signs.",
        fixes = {{system = "ca-certificates", kind = "apt:ca-certificates", say = "Install the system's certificates."},
          {set = {SSL_CERT_FILE = SYSTEM_BUNDLE}, say = "Behind a company's proxy: add its certificate to the system's "
            .. "(update-ca-certificates), and name that file."}}}
    end
    return {hit = hit, confidence = 0.9, title = "the hub's certificate is signed by an authority unknown here",
      why = "A proxy that opens TLS signs the hub's certificate anew, and its authority is not among those that this "
        .. "program knows.",
      fixes = {{set = {REQUESTS_CA_BUNDLE = SYSTEM_BUNDLE, SSL_CERT_FILE = SYSTEM_BUNDLE},
          kind = "env:REQUESTS_CA_BUNDLE", say = "Let the program use the system's certificates, after that "
            .. "authority's was added there (a .crt in /usr/local/share/ca-certificates; update-ca-certificates)."},
        {network = true, say = "Or have the hub's traffic pass the proxy unopened."}}}
  end,
  doc = {looks = "CERTIFICATE_VERIFY_FAILED: self-signed certificate in certificate chain.",
    check = "openssl s_client -connect huggingface.co:443 -showcerts: who signed it?"},
}

rule {
  id = "hf.offline/proxy-refused",
  from = {"hub", "engine", "git", "system", "native", "torch", "other", "app"},
  signatures = {
    unreachable = [[(?:Cannot connect to proxy|Unable to connect to proxy|ProxyError)[^\n]*(?:Connection refused|]]
      .. [[Name or service not known|name resolution|No route to host|timed out)]],
    refused = [[Tunnel connection failed: (?<code>\d{3})(?<words>[^'"\n)]*)]],
    go = [[proxyconnect tcp: [^\n]*(?:connection refused|no such host|i/o timeout)]],
  },
  context = {hub = HUB, up = UP},
  facts = {"system.proxy.variable"},
  specific_over = {"hf.offline"},
  when = function(f, log)
    local hit = log.refused or log.unreachable or log.go
    if not hub_only(hit, log) or f"system.proxy.listening" == false then return nil end
    if hit == log.refused then
      local login = log.refused.code == "407"
      return {hit = hit, confidence = 0.9, title = "the proxy does not let it through",
        why = login and "The proxy asks for a user and a password (407)."
          or "The proxy was reached, and it refuses the way to the hub ({code}).",
        fixes = {{network = true, kind = "env:HTTPS_PROXY", say = login
          and "Put user and password into the proxy's address (HTTPS_PROXY=http://user:password@host:port)."
          or "Have the proxy let huggingface.co, cdn-lfs.huggingface.co, *.hf.co and *.xethub.hf.co through."}}}
    end
    return {hit = hit, confidence = 0.89, title = "the proxy that is set cannot be reached",
      why = "A variable names a proxy, and nothing answers there; in a container 127.0.0.1 is the container itself.",
      fixes = {{unset = {"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"},
          say = "Take the proxy's variables away (where no proxy is needed)."},
        {container = "network-host", kind = "env:HTTPS_PROXY", say = "Where the proxy runs on the host itself, share "
          .. "the host's network with the container."}}}
  end,
  doc = {looks = "ProxyError('Cannot connect to proxy.', ... Connection refused).",
    check = "env | grep -i proxy; curl -x the proxy https://huggingface.co."},
}

rule {
  id = "hf.offline/xet",
  from = {"hub", "engine", "other", "app"},
  signatures = {
    cas = [[(?<!['"`])Data processing error: CAS service error\b]],
    other = [[(?:cas-server|transfer|cas-bridge)\.xethub\.hf\.co[^\n]*]]
      .. [[(?:Status\(40[13]\)|TimedOut|timed out|error sending)]],
  },
  context = {
    room = [[No space left|Disk quota exceeded|\(os error 28\)]],
    denied = [[(?:Permission denied|\(os error 13\))]],
    up = UP,
  },
  unless = {"room", "denied"},
  specific_over = {"hf.offline"},
  when = function(_, log)
    local hit = log.cas or log.other
    if did_without(hit, log) then return nil end
    if hit == log.other and hit.event.kind ~= "exception" then return nil end -- it tries again by itself
    return {hit = hit, confidence = 0.85, title = "the download over the hub's Xet storage fails",
      why = "The transfer over the hub's Xet storage fails, which has servers and signed addresses of its own; the "
        .. "plain download takes another way.",
      fixes = {{set = {HF_HUB_DISABLE_XET = "1"}, say = "Download without Xet, and start the download again."},
        {network = true, say = "Or let the worker reach cas-server.xethub.hf.co and transfer.xethub.hf.co, and upgrade "
          .. "hf-xet."}}}
  end,
  doc = {looks = "Data processing error: CAS service error : ...", check = "curl -I https://cas-server.xethub.hf.co."},
}

-- Rust's reqwest: what it asked for, and the chain of causes below it.
rule {
  id = "hf.offline/reqwest",
  from = {"hub", "engine", "other", "app"},
  signatures = {
    sending = [[error sending request for url \((?<url>https?://(?<server>[\w.-]+)[^)\s]*)\)]],
    debug = [[reqwest::Error \{ kind: \w+, url: [^\n]*?host: Some\(Domain\("(?<server>[\w.-]+)"\)\)]], -- hf_transfer
  },
  context = {
    down = [[client error \(Connect\)|hyper::Error\(Connect|dns error|tcp connect error|operation timed out|]]
      .. [[Connection refused]],
    authority = [[invalid peer certificate|UnknownIssuer|CERTIFICATE_VERIFY_FAILED|certificate verify failed]],
    names = [[dns error|lookup address information]],
    up = UP,
  },
  unless = {"authority"},
  specific_over = {"hf.offline"},
  explains = {"hf.incomplete/transfer"},
  when = function(_, log)
    local hit = log.sending or log.debug
    local again = hit.text:match[[(?i)\bretr(?:y|ies|ying)\b]] or log.came_up and log.came_up > hit.line
    if again or did_without(hit, log) or not hit.server:match(HUB) then return nil end
    return {hit = hit, confidence = log.down and 0.9 or 0.78, evidence = {log.names or log.down},
      why = {"{server} cannot be reached from here, and what was asked for is not in the cache.",
        log.names and "Its name is not resolved: no name server answers here." or nil},
      fixes = {
        {container = "dns", kind = "network", say = "Give the container a name server that it reaches.",
          cond = function() return log.names ~= nil end},
        {network = true, say = "Let this machine reach that server (DNS, proxy, firewall)."},
        {host = true, kind = "env:HF_HOME", say = "Or mount a cache that already holds the model and point HF_HOME at "
          .. "it."}}}
  end,
  doc = {looks = "error sending request for url (https://huggingface.co/...), 'dns error' below it.",
    check = "getent hosts huggingface.co, in the same container."},
}

-- llama.cpp asks the hub for the manifest of what -hf names; what its library says stands behind the address.
rule {
  id = "hf.offline/manifest",
  from = {"engine", "other", "app"},
  signatures = {
    manifest = [[failed to get manifest at https?://(?<server>[\w.-]+)\S*: [^\n]*]]
      .. [[(?:resolve|connect|[Tt]imeout|timed out)]],
  },
  specific_over = {"hf.offline"},
  confidence = 0.88,
  why = "What -hf names is to be downloaded, and {server} cannot be reached from here.",
  fixes = {
    {network = true, say = "Let this machine reach that server (DNS, proxy, firewall)."},
    {flag = "model", stated = true, kind = "env:HF_HOME",
      say = "Or fetch the GGUF file elsewhere, and give it with -m."},
  },
  doc = {looks = "error: failed to get manifest at https://huggingface.co/v2/...: Could not resolve hostname.",
    check = "getent hosts huggingface.co."},
}

-- Nothing but the way is missing, and what is wanted is named: then it can be brought by hand.
rule {
  id = "hf.offline/by-hand",
  from = {"hub", "engine"},
  signatures = {
    couldnt = [[We couldn'?t connect to ['"]?https://huggingface\.co['"]? to load[^\n]*]],
  },
  context = {
    wanted = [[it looks like (?<repo>[\w.-]+/[\w.-]+) is not the path]],
    asked = [[huggingface\.co/(?!api/|docs/)(?<repo2>[\w.-]+/[\w.-]+)/resolve/]],
    other = any{[[CERTIFICATE_VERIFY_FAILED]], [[SSLError]], [[ProxyError]], [[offline mode is enabled]],
      [[outgoing traffic has been disabled]], [[(?:401|403|404|429) Client Error]],
      [[Too Many Requests]], [[50[0234] Server Error]]},
    up = UP,
  },
  unless = {"other"},
  facts = {"env.HF_HUB_OFFLINE", "system.proxy.listening"},
  specific_over = {"hf.offline"},
  when = function(f, log)
    local named = log.wanted or log.asked
    local off = f.env"HF_HUB_OFFLINE" or f.env"TRANSFORMERS_OFFLINE" or f"system.proxy.listening" == false
    if not named or off or did_without(log.couldnt, log) then return nil end
    local repo = named.repo or named.repo2
    return {hit = log.couldnt, confidence = 0.89, why = ("The worker does not reach the hub, and %s is not in its "
        .. "cache."):format(repo),
      fixes = {{setting = "hub-fetch", need = repo, kind = "network", say = "Let the worker reach huggingface.co "
          .. "(DNS, proxy, firewall); where it may not, fetch the model on a machine that does, bring its "
          .. "~/.cache/huggingface here, and start with HF_HUB_OFFLINE=1."},
        {container = "dns", kind = "network", say = "Where only names are not resolved in a container, give it a name "
          .. "server that it reaches."},
        {host = true, kind = "env:HF_HOME", say = "Or mount a cache that already holds the model and point HF_HOME at "
          .. "it."}}}
  end,
  doc = {looks = "We couldn't connect to 'https://huggingface.co' to load this file.",
    check = "curl -I https://huggingface.co in the container, and on its host."},
}

rule {
  id = "hf.transfer-missing",
  signatures = {
    transfer = [[Fast download using 'hf_transfer' is enabled \(HF_HUB_ENABLE_HF_TRANSFER=1\) but ]]
      .. [['hf_transfer' package is not]],
    transfer2 = [[HF_HUB_ENABLE_HF_TRANSFER[^\n]{0,80}hf_transfer[^\n]{0,40}not (?:available|installed)]],
  },
  facts = {"env.HF_HUB_ENABLE_HF_TRANSFER"},
  confidence = 0.95,
  why = "HF_HUB_ENABLE_HF_TRANSFER=1 asks for a downloader whose package is not installed.",
  fixes = {
    {set = {HF_HUB_ENABLE_HF_TRANSFER = "0"}, say = "Switch it off; downloads work without it.", automatic = true},
    {install = "hf-transfer", say = "Or install the package."},
  },
  doc = {looks = "'hf_transfer' package is not available.", check = "The variable and the package."},
}

-- hf_transfer does not say what went wrong below it; the plain downloader does, and goes on where it broke off.
rule {
  id = "hf.incomplete/transfer",
  from = {"hub", "engine", "app"},
  signatures = {
    failed = [[An error occurred while downloading using .?hf_transfer.?\. Consider disabling ]]
      .. [[HF_HUB_ENABLE_HF_TRANSFER]],
  },
  context = {room = [[No space left on device|os error 28]], denied = [[os error 13]]},
  unless = {"room", "denied"},
  explains = {"engine.arg-invalid", "app.bug"},
  confidence = 0.82,
  title = "the download broke off in hf_transfer, which does not say why",
  why = "hf_transfer tries nothing again and hides what the server or the network answered.",
  fixes = {
    {set = {HF_HUB_ENABLE_HF_TRANSFER = "0"}, automatic = true, say = "Download without it: the plain downloader tries "
      .. "again, and names what fails."},
  },
  doc = {looks = "An error occurred while downloading using `hf_transfer`. Consider disabling ...",
    check = "The same download with HF_HUB_ENABLE_HF_TRANSFER=0."},
}
