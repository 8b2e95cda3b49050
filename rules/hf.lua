-- Model files, and what reads them: weights, tokenizers, model types, a model's own code.

rule {
  id = "hf.incomplete",
  from = {"hub", "torch", "engine", "native"},
  anyone = {eof = "interpreter"},
  signatures = {
    header = [[Error while deserializing header: (?<what>[^\n]+)]],
    incomplete_meta = any{
      [[MetadataIncompleteBuffer]],
      [[incomplete metadata, file not fully covered]],
      [[invalid JSON in header]],
    },
    lfs = any{
      [[invalid load key, 'v']],
      [[Unsupported operand (?:\d|[1-9]\d|1[01]\d|12[0-7])\b]],
      [[git-lfs\.github\.com/spec]],
      [[seems to be a git-?lfs pointer]],
      [[cloned a repository without having git-lfs]],
      [[unpack requires a buffer of]],
    },
    html = [[(?:invalid load key, '<'|Unsupported operand 60\b)]],
    pickle = [[UnpicklingError: ]] .. any{
      [[invalid load key]], [[pickle data was truncated]], [[unpickling stack underflow]], [[could not find MARK]],
      [[A load persistent id]],
    },
    eof = [[EOFError: Ran out of input]],
    zip = any{
      [[PytorchStreamReader failed (?:reading zip archive|locating file|finding file)[^\n]*]],
      [[(?:failed finding central directory|not a ZIP archive|Invalid magic number; corrupt file)]],
    },
    unable_to_load = [[Unable to load weights from (?:pytorch )?checkpoint file for]],
    checksum = any{
      [[SHA256 checksum does not]],
      [[invalid hash value \(expected]],
      [[digest mismatch, file must be downloaded again]],
      [[NonMatching(?:Checksum|SplitsSizes)Error]],
      [[Checksums didn't match]],
      [[MD5 checksum (?:mismatch|failed)]],
    },
    onnx = [[(?:INVALID_PROTOBUF|Protobuf parsing failed|ModelProto does not have a graph)]],
    foreign = any{
      [[BadZipFile: ]],
      [[Failed to interpret file [^\n]{1,200} as a pickle]],
      [[not an sstable \(bad magic number\)]],
      [[Error: (?:invalid file magic|unsupported file magic|file is not a valid GGUF)]],
    },
    empty_json = [[JSONDecodeError: ]] .. any{
      [[Expecting value]], [[Unterminated string]], [[Expecting ',' delimiter]], [[Invalid control character]],
    },
    size = any{
      [[Consistency check failed: file should be of size (?<want>\d+) but has size (?<got>\d+)]],
      [[IncompleteRead\(]],
      [[ChunkedEncodingError]],
      [[ContentTooShortError]],
      [[incomplete download]],
    },
    gguf = any{
      [[invalid magic characters|GGUF magic invalid|invalid model data \(bad magic\)]],
      [[tensor ['"][^'"]+['"] data is not within the file bounds]],
      [[gguf_init_from_file(?:_impl)?: (?:failed to read|invalid magic)]],
      [[model is corrupted or incomplete]],
      [[failed to read (?:tensor|magic)]],
      [[unexpectedly reached end of file]],
    },
    sp = any{
      [[Internal: (?:could not parse ModelProto|src/sentencepiece_processor\.cc.{0,60}model_proto->ParseFromArray)]],
      [[Internal: .{0,80}ParseFromArray\(]],
    },
    json = [[(?:(?<json_file>[^\s'"]*(?:config|tokenizer(?:_config)?|index)\.json)['"]?) is not a valid JSON file]],
    tokenizer_json = [[Exception: ]] .. any{
      [[EOF while parsing a \w+]],
      [[expected (?:value|ident|`[^`]+`[^\n]{0,20})]],
      [[control character [^\n]{0,60}]],
      [[invalid type: [^\n]{0,60}]],
    } .. [[ at line \d+ column \d+]],
    truncated_h5 = any{
      [[Unable to (?:synchronously )?open file]],
      [[Unable to open object]],
    } .. [[ \((?:truncated file|file signature not found)]],
    storage = any{
      [[storage has wrong byte size: expected]],
      [[unexpected EOF, expected \d+ more bytes]],
      [[The file might be corrupted]],
    },
  },
  context = {given = [=[from_pretrained\(\s*['"](?<repo>[A-Za-z0-9][\w.-]*/[\w.-]+)['"]]=]},
  facts = {"model.path"},
  confidence = 0.87,
  when = function(f, log)
    local other = log.checksum or log.onnx or log.foreign or log.header or log.incomplete_meta or log.lfs or log.html
      or log.pickle or log.zip or log.unable_to_load or log.size or log.gguf or log.sp or log.json or log.storage
      or log.tokenizer_json or log.truncated_h5
    -- text that is no JSON comes from anywhere: only the loaders of model files count
    if not other and log.empty_json and not log.eof then
      if not log.has_frame(any{
        [[configuration_utils]],
        [[tokenization_utils]],
        [[modeling_utils]],
        [[image_processing_base]],
        [[feature_extraction_utils]],
        [[(?:peft|diffusers|safetensors|accelerate)/]],
      }) then
        return nil
      end
      return {hit = log.empty_json, confidence = 0.8,
        why = "A JSON file of the model is empty or cut short: the download or copy broke off."}
    end
    local json = log.json and log.json.json_file
    if json and json:match[[/]] and other == log.json then
      return {hit = log.json, fixes = {{fetch = true, path = json, say = "Put that file right, or bring a whole one: "
        .. "it is no JSON (a comma too many, a cut end, a page of an error)."}}}
    end
    -- a child that could not be started
    if not other and log.has_frame[[multiprocessing/(?:spawn|reduction|connection)]] then return nil end
    local repo = log.setting"model" or log.given and log.given.repo -- the file itself is not named
    if not other or type(repo) ~= "string" or not repo:match[=[^[A-Za-z0-9][\w.-]*/[\w.-]+$]=] then return true end
    return {fixes = {{fetch = true, repo = repo, say = "Download the model's files again; the damaged one is among "
      .. "them."}, {free = "disk", say = "If it breaks again, look for a full disk or a quota at the cache folder."}}}
  end,
  why = "A model file is not what it should be: cut short, a git-lfs pointer, or a web page saved under its name. The "
    .. "reader found bytes that this format cannot begin or end with.",
  fixes = {
    {fetch = true,
      say = "Take that file away and download it again, then compare its size with the hub's (a git clone without "
        .. "git-lfs brings only pointers of about 130 bytes)."},
    {free = "disk", say = "If it breaks again at the same place, look for a full disk or a quota at the cache folder."},
  },
  doc = {looks = "safetensors header errors, 'invalid load key', 'failed finding central directory', bad GGUF magic.",
    check = "The first bytes and the size of the file: 'version https://git-lfs' is a pointer, '<' is a web page."},
}

-- The first four bytes of a file that was given as a model of llama.cpp, as characters and as the number that they are.
local MAGIC = {
  {[=[^(?:67676a74|67676d66|67676d6c|67676c61|tjgg|fmgg|lmgg|algg|gg(?:jt|mf|ml|la))$]=],
    "an old GGML file, which llama.cpp has not read since August 2023",
    "Take the GGUF file of that model (or convert it).", "llama-cpp-python<0.1.79"},
  {[=[^(?:04034b50|PK)]=], "a checkpoint of PyTorch", "Give it a GGUF file (convert_hf_to_gguf.py makes one)."},
  {[=[^(?:[0-9a-f]{4}0280)$]=], "a pickle of PyTorch", "Give it a GGUF file (convert_hf_to_gguf.py makes one)."},
  {[=[^00[0-9a-f]{6}$]=], "no GGUF file but probably one of safetensors",
    "Give it a GGUF file (convert_hf_to_gguf.py makes one)."},
}

rule {
  id = "hf.not-found/not-gguf",
  from = {"llama.cpp", "ollama", "other", "app"},
  signatures = {
    magic = [=[invalid magic (?:number |characters:? ['"]?)(?<magic>[^'"\n]{2,8}?)(?:['".,]|$)]=],
    older = [[unknown \(magic, version\) combination: (?<version>46554747), ]],
    between = [[unknown \(magic, version\) combination: (?<version>6767(?:6a74|6d66|6d6c|6c61)), ]],
  },
  specific_over = {"hf.incomplete"},
  when = function(_, log)
    if log.older then
      return {hit = log.older, confidence = 0.88, title = "this llama.cpp is older than the format GGUF",
        why = "The file is a GGUF (its magic is {version}), and this llama.cpp reads only the older GGML.",
        fixes = {{install = "llama-cpp-python", need = ">=0.1.79", say = "Upgrade llama-cpp-python (or llama.cpp)."}}}
    end
    if log.between then
      return {hit = log.between, confidence = 0.86, title = "the model file is of a format from before GGUF",
        why = "The file is an old GGML file (its magic is {version}), of another version than this llama.cpp reads, "
          .. "which itself is older than GGUF.",
        fixes = {{flag = "model", stated = true, kind = "param:model",
            say = "Take the GGUF file of that model, and upgrade llama.cpp (llama-cpp-python) to a release that reads "
              .. "it."},
          {install = "llama-cpp-python", need = ">=0.1.79", say = "Upgrade llama-cpp-python (or llama.cpp)."}}}
    end
    for _, row in ipairs(MAGIC) do
      if log.magic.magic:match(row[1]) then
        local package, need = (row[4] or ""):match[[^([\w-]+)(\S+)$]]
        return {hit = log.magic, confidence = 0.86, title = "the file given as a model is of another format",
          why = ("The file begins with {magic}: it is %s."):format(row[2]),
          fixes = {{flag = "model", stated = true, kind = "param:model", say = row[3]},
            package and {install = package, need = need, kind = "pip-downgrade:" .. package,
              say = "Or go back to the last release that reads it."} or nil}}
      end
    end
  end,
  doc = {looks = "gguf_init_from_file: invalid magic number 67676a74; unknown (magic, version) combination.",
    check = "The first four bytes of the file: GGUF is a model of llama.cpp."},
}

rule {
  id = "torch.weights-only",
  from = {"torch", "hub"},
  signatures = {
    changed = [[Weights only load failed]],
    unsafe = any{
      [[WeightsUnpickler error: Unsupported (?:global|class)(?:: GLOBAL (?<refused>[\w.]+))?]],
      [[Unsupported (?:global|class): GLOBAL (?<refused2>[\w.]+) was not an allowed global]],
    },
  },
  -- 128 and more: newer pickle protocols
  context = {corrupt = [[Unsupported operand (?:\d|[1-9]\d|1[01]\d|12[0-7])\b|invalid load key]]},
  unless = {"corrupt"},
  facts = {"torch.version"},
  confidence = 0.88,
  why = "torch 2.6 and later load checkpoints with weights_only=True and refuse objects that are not on their list. "
    .. "The file is healthy, only old in style.",
  when = function(_, log)
    local refused = log.unsafe and (log.unsafe.refused or log.unsafe.refused2)
    return not refused and true or {why = ("torch 2.6 and later load checkpoints with weights_only=True and refuse "
      .. "objects that are not on their list, here %s. The file is healthy, only old in style."):format(refused)}
  end,
  fixes = {
    {set = {TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD = "1"}, kind = "param:weights_only",
      say = "For a file that you trust: let torch load it whole (weights_only=False), or allow the named class with "
        .. "torch.serialization.add_safe_globals."},
    {code = true, kind = "pip:package",
      say = "Or update the library that loads it; newer releases do this themselves."},
  },
  doc = {looks = "'Weights only load failed' with an unsupported global.",
    check = "An 'Unsupported operand' in the same message means a broken file instead."},
}

rule {
  id = "hf.tokenizer-too-new",
  from = {"tokenizers", "transformers", "safetensors", "engine"},
  signatures = {untagged = [[data did not match any variant of untagged enum (?<enum>\w+)]]},
  facts = {"python.packages.tokenizers.version"},
  confidence = 0.92,
  why = "tokenizer.json was written by a newer tokenizers library than the installed one, which cannot read it.",
  fixes = {
    {install = "tokenizers", with = {"transformers"},
      say = "Upgrade tokenizers together with transformers (they are pinned to each other)."},
  },
  doc = {looks = "'data did not match any variant of untagged enum'.",
    check = "Version of tokenizers; the file itself if the versions are new (it may be cut short)."},
}

rule {
  id = "hf.tokenizer-dep",
  from = {"hub", "engine", "other", descriptors = {"protobuf"}, gencode = {"protobuf"}},
  anyone = {pb2 = "interpreter", protobuf = "interpreter", sp_missing = "interpreter", too_new = "interpreter"},
  signatures = {
    requires = [[requires the (?<package>SentencePiece|protobuf|tiktoken|blobfile|jieba|rjieba|fugashi]]
      .. [[|sacremoses|ftfy|pythainlp|vptq) library]],
    named = [[(?:You need to install (?<named>fugashi|sacremoses|jieba|rjieba|pythainlp|ipadic|unidic_lite]]
      .. [[|unidic|rhoknp|sudachipy|pyvi|tiktoken)\b[^\n]{0,20} to use)]],
    dictionary = [[(?<named2>unidic_lite|unidic|ipadic) dictionary is not installed]],
    mistral = [[(?<named3>mistral[-_]common)[^\n]{0,20} is (?:not installed|required)]],
    slow = [[Couldn't instantiate the backend tokenizer from one of]],
    descriptors = [[Descriptors cannot (?:not )?be created directly]],
    sp_missing = any{
      [[You need to have sentencepiece installed]],
      [[Cannot instantiate this tokenizer from a slow version]],
      [[sentencepiece.{0,40}(?:is )?not (?:installed|found)]],
      [=[No module named ['"](?<named4>sentencepiece|tiktoken|mistral_common)['"]]=],
    },
    tiktoken = [[`?tiktoken`? is required to read|Converting from (?:SentencePiece and )?Tiktoken failed]],
    placeholder = [[tokenization_\w+\._LazyModule\.__getattr__\.<locals>\.Placeholder]],
    pb2 = [[cannot import name ['"](?:builder|sentencepiece_model_pb2)['"] from]],
    protobuf = any{
      [=[No module named ['"]google\.protobuf['"]]=],
      [[requires the protobuf library]],
      [[ImportError:(?![^\n]*from 'google\.protobuf)[^\n]*protobuf]],
      [[local variable 'sentencepiece_model_pb2']],
    },
    gencode = any{
      [[Detected (?:incompatible|mismatched) Protobuf Gencode/Runtime (?:major )?versions[^\n]*?: ]]
        .. [[gencode (?<gencode>\d+\.[\d.]*\d) runtime (?<runtime>\d+\.[\d.]*\d)]],
      [[Detected (?:incompatible|mismatched) Protobuf Gencode/Runtime]],
      [[cannot import name 'runtime_version' from 'google\.protobuf']],
    },
    too_new = any{
      [['MessageFactory' object has no attribute 'GetPrototype']],
      [['FieldDescriptor' object has no attribute 'label']],
      [[Couldn't build proto file into descriptor pool]],
      [[duplicate file name sentencepiece]],
    },
  },
  facts = {"python.packages.sentencepiece.version", "python.packages.protobuf.version"},
  confidence = 0.88,
  when = function(f, log)
    if log.gencode then
      local generated, runs = log.gencode.gencode, log.gencode.runtime -- code of one major runs under it and the next
      local old = generated and version.cmp(runs, generated) == 1
      return {hit = log.gencode, confidence = 0.9,
        why = {old and "A package's generated code is older than the installed protobuf still reads."
            or "A package's generated code asks for a newer protobuf than the installed one.",
          generated and "Generated for {gencode}, and {runtime} runs." or nil,
          "protobuf is {fact:python.packages.protobuf.version}."},
        fixes = {{install = "protobuf", say = old and "Go back to a protobuf that reads it." or "Upgrade protobuf.",
          need = generated and (">=%s,<%d"):format(generated, tonumber(generated:match[[^\d+]]) + 2) or nil}}}
    end
    local hit = log.descriptors or log.pb2 or log.too_new
    if hit then
      return {hit = hit, confidence = 0.92,
        why = "The installed protobuf does not fit the generated code of sentencepiece (or another package): it is "
          .. "too new for old generated files.",
        fixes = {{install = "protobuf", need = "<3.21", say = "Install protobuf 3.20.x."},
          {install = "sentencepiece", say = "Or upgrade the package whose generated file is old."}}}
    end
    hit = log.tiktoken
    local needs_tiktoken = hit and (hit.text:match[[is required]] or f.pkg"tiktoken" == false)
    if hit and not needs_tiktoken and not log.protobuf then
      return {hit = hit,
        why = {"The tokenizer could be converted from neither SentencePiece nor tiktoken: the attempt with "
          .. "SentencePiece comes first, and fails without sentencepiece and protobuf.",
          "sentencepiece is {fact:python.packages.sentencepiece.version}."},
        fixes = {{install = "sentencepiece", absent = true, with = {"protobuf"},
          say = "Install sentencepiece and protobuf, then restart the process."},
          {install = "tiktoken", absent = true, say = "A tokenizer of tiktoken's own form needs tiktoken."}}}
    end
    if needs_tiktoken and not log.protobuf then
      local plain = f.pkg"sentencepiece" ~= false
      return {hit = hit, why = "This tokenizer is to be converted, and a package that reads its file is not installed.",
        fixes = {plain and {install = "tiktoken", absent = true, say = "Install tiktoken."}
          or {install = "sentencepiece", absent = true, with = {"tiktoken", "protobuf"},
            say = "Install what reads tokenizers of both forms, then restart the process."}}}
    end
    hit = log.protobuf and needs_tiktoken and log.tiktoken or log.protobuf -- tried when the other could not be
    if hit then
      local piece = f.pkg"sentencepiece" == false
      return {hit = hit, why = "The tokenizer needs protobuf, and it is not installed.",
        fixes = {piece and {install = "sentencepiece", absent = true, with = {"protobuf"},
          say = "Install protobuf, and sentencepiece, which reads the same tokenizers and is not here either."}
          or {install = "protobuf", with = needs_tiktoken and {"tiktoken"} or nil, say = "Install it."}}}
    end
    hit = log.named or log.dictionary or log.mistral or log.requires or log.sp_missing
    local package = hit and (hit.named or hit.named2 or hit.named3 or hit.named4 or hit.package or ""):lower():gsub("_",
      "-") or ""
    if package ~= "" and package ~= "sentencepiece" then
      return {hit = hit, why = ("This tokenizer is built on the package %s, which is not installed."):format(package),
        fixes = {{install = package, say = "Install it, then restart the process."}}}
    end
    hit = hit or log.slow or log.placeholder
    return {hit = hit,
      why = "The slow tokenizer must be converted and that needs sentencepiece (or the package it names), which is "
        .. "not installed.",
      fixes = {
        {install = "sentencepiece", absent = true, with = {"protobuf"},
          say = "Install sentencepiece (and protobuf, which some tokenizers need too), then restart the process."},
      }}
  end,
  doc = {looks = "'requires the SentencePiece library', 'Couldn't instantiate the backend tokenizer', 'Descriptors "
    .. "cannot be created directly'.",
    check = "sentencepiece, protobuf and tiktoken in the interpreter that runs."},
}

rule {
  id = "hf.trust-remote-code",
  from = {"hub", "engine", "quantizer", "other"},
  signatures = {
    flag = [[(?:trust_remote_code|--trust-remote-code)]],
    contains = any{
      [[You can avoid this prompt in future by passing the argument]],
      [[Do you wish to run the custom code\?]],
      [[(?:contains|requires you to execute) ]] .. any{
        [[custom code]],
        [[the configuration file in that repo]],
        [[the \w+ file in that repo]],
      },
    },
    packages = [[This modeling file requires the following packages that were not found in your environment: ]]
      .. [[(?<packages>[^.\n]+)]],
  },
  confidence = 0.88,
  when = function(f, log)
    if log.packages then
      local others = {}
      for name in log.packages.packages:gmatch[[[\w-]+]] do others[#others + 1] = know.distribution(name) end
      local first = table.remove(others, 1)
      return {hit = log.packages, confidence = 0.93,
        why = "The model's own code needs packages that are not installed: " .. log.packages.packages .. ".",
        fixes = {{install = first, with = others, say = "Install what it names."}}}
    end
    local hit = log.contains or log.flag
    local message = hit.event.message or ""
    if not log.contains and (not hit.event.type or hit.event.type == ""
      or not message:match[[trust[_-]remote[_-]code]]) then
      return nil
    end
    local refused = [[(?i)got an unexpected|ignored|has no effect|multiple values|\bnot (?:yet |currently )?support|]]
      .. [[\bunsupported\b|\bno longer\b|\b(?:in|not )compatible\b|\bcannot be\b|\bdisable\b]]
    -- it is asked for where it is to become true
    local asked = [=[trust_remote_code[`'"]?(?: ?=+ ?| (?:to|is|as) )[`'"]?True|--trust-remote-code|]=]
      .. [=[(?:set|pass|use|enable|needs?|requires?|option|argument)\W{1,3}(?:the )?[`'"]?trust_remote_code]=]
    if not log.contains and (message:match(refused) or not message:match(asked)) then return nil end
    return {hit = hit, confidence = not log.contains and message:match[[consider setting]] and 0.62 or nil,
      why = "The repository brings its own model code, and running it must be allowed explicitly.",
      fixes = {
        {argument = "trust_remote_code", value = "True",
          say = "If you trust the author, pin a revision and pass trust_remote_code=True (vLLM: "
            .. "--trust-remote-code)."}}}
  end,
  doc = {looks = "'Please pass the argument trust_remote_code=True'.",
    check = "Is the repository one whose code you would run?"},
}
