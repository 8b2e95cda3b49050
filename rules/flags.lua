-- Command lines that a program refuses before it starts, in the words of the parsers of Rust (clap), Go (flag, pflag
-- with cobra, urfave/cli), C and C++ (getopt, gflags, abseil, cxxopts, CLI11, boost, llama.cpp's own) and click. One
-- mechanism for all: what is wrong with which flag, and what the flag is called in this program. argparse's own words
-- are vllm.arg-unsupported's.

-- What may stand before such a sentence: nothing, a prefix of a log, the program's name, the frame of a box.
local LEAD = [=[(?:^|[\]:|>)}]|\xe2\x94\x82)\s*(?:[Ee]rror: |Incorrect Usage[.:] )?]=]
local OPEN, SHUT = [[(?:'|\xe2\x80\x98|")]], [[(?:'|\xe2\x80\x99|")]]

-- Patterns of one kind; each takes {flag}, {got} into groups of its own number.
local function numbered(kind, patterns)
  local list = {}
  for i, pattern in ipairs(patterns) do
    pattern = pattern:gsub("{flag}", "(?<" .. kind .. "_flag" .. i .. ">--?[\\w-]+)")
    pattern = pattern:gsub("{name}", "(?<" .. kind .. "_flag" .. i .. ">[\\w-]+)")
    list[i] = pattern:gsub("{got}", "(?<" .. kind .. "_got" .. i .. ">[^'\"\n]*)")
  end
  return LEAD .. any(list)
end

-- {kind, patterns, why, say}: {flag} and {got} are what the pattern took.
local UNKNOWN = {
  [[unexpected argument '{flag}[^']*' found]], [[Found argument '{flag}[^']*' which wasn't expected]],
  [[flag provided but not defined: {flag}]], [[unknown (?:shorthand )?flag: (?:'\w' in )?{flag}]],
  [[(?:invalid|unknown) argument: {flag}]], [[No such option:? '?{flag}]],
  [[(?:unrecognized|unrecognised|unknown|invalid) option:? (?:-- )?']] .. "{flag}",
  [[unrecognized option: {name}$]], [[unknown command line flag '{name}']],
  [[Option ]] .. OPEN .. "{name}" .. SHUT .. [[ does not exist]],
  [[The following arguments? (?:was|were) not expected: {flag}]],
  [[Some specified arguments are not used by the HfArgumentParser: \['{flag}]],
}
local VALUE = {
  [[invalid value (?:'|"){got}(?:'|") for '{flag}]], [["{got}" isn't a valid value for '{flag}]],
  [[illegal value '{got}' specified for \w+ flag '{name}']],
  [[invalid (?:boolean )?value "{got}" for (?:flag )?{flag}]], [[invalid argument "{got}" for "(?:-\w, )?{flag}" flag]],
  [[Invalid value for '(?:-\w' / ')?{flag}]], [[the argument \('{got}'\) for option '{flag}' is invalid]],
  [[error while handling argument "{flag}"]],
}
local INCOMPLETE = {
  [[a value is required for '{flag}[^']*' but none was supplied]],
  [[The argument '{flag}[^']*' requires a value but none was supplied]],
  [[flag needs an argument: (?:'\w' in )?{flag}]], [[flag '{name}' is missing its argument]],
  [[option '{flag}' requires (?:an|1) argument]], [[the required argument for option '{flag}' is missing]],
  [[Option ]] .. OPEN .. "{name}" .. SHUT .. [[ is missing an argument]],
}
local ABSENT = {
  [[the following required arguments were not provided:(?:\s+{flag})?]],
  [[required flag(?:\(s\)|s)? "{name}"[^\n]* not set]],
  [[Missing (?:option|parameter:) '?{flag}]], [[the option '{flag}' is required but missing]],
  [[{flag} is required$]], [[error: the following arguments are required: (?:-\w/)?{flag}]],
}
local CLASH = {
  [[the argument '{flag}[^']*' cannot be used (?:with|multiple times)]],
  [[if any flags in the group \[{name}[^\]\n]*\] are set none of the others can be]],
}

-- Engines whose flags the atlas knows: by emitter, and by words of theirs that stand in the log.
local OF_ATLAS = {["llama.cpp"] = "llama.cpp", text_generation_server = "tgi", text_embeddings_router = "tei",
  tritonserver = "triton", ollama = "ollama"}
local SPOKEN = {
  {"llama.cpp", [[llama[-_.](?:server|cli|cpp|bench)|\bload_backend: |\bggml_]]},
  {"tei", [[text[-_]embeddings[-_](?:router|inference)]]},
  {"tgi", [[text[-_]generation[-_](?:launcher|router|inference)]]},
  {"triton", [[\btritonserver\b]]}, {"ollama", [[\bollama (?:serve|run|pull|runner)\b|Usage of ollama]]},
}
-- Programs of the machine, whose command lines are no worker's.
local TOOL = [[(?:docker|podman|nerdctl|kubectl|helm|pip3?|git|nvcc|gcc|g\+\+|cmake|make|tar|curl|wget|apt(?:-get)?|]]
  .. [[conda|mamba|uv|systemctl|srun|sbatch|nvidia-smi|nvidia-ctk)]]

local WORDS = {
  unknown = {"The program does not know the flag {flag}%s, and ends before it starts.",
    "Leave {flag} out, or spell it as this release does (--help lists what it knows)."},
  value = {"The program does not take what was given for {flag}%s, and ends before it starts.",
    "Give {flag} a value that it takes (--help says which)."},
  incomplete = {"The flag {flag} needs a value and has none%s, so the program ends before it starts.",
    "Write a value behind {flag}; an empty variable in a script or a compose file leaves none."},
  absent = {"The program cannot start without the flag {flag}%s.", "Give {flag}."},
  clash = {"The flag {flag} was given twice or beside one that excludes it%s, and the program ends before it starts.",
    "Leave {flag} or the other one out."},
}
local KINDS = {"unknown", "value", "incomplete", "absent", "clash"}

local function taken(hit, what)
  for i = 1, #UNKNOWN do
    for _, kind in ipairs(KINDS) do
      local value = hit[kind .. "_" .. what .. i]
      if value and value ~= "" then return value end
    end
  end
end

-- The engine that it was, by the atlas' name, where somebody said it.
local function engine_in(hit, log)
  for emitter, engine in pairs(OF_ATLAS) do
    if (hit.event.emitters or {})[emitter] then return engine end
  end
  for i, row in ipairs(SPOKEN) do
    if log["spoken" .. i] then return row[1] end
  end
end

-- What this program calls it instead: its own hint, else the atlas.
local function called(flag, hit, log)
  local hint = log.similar and (log.similar.like or log.similar.like2)
    or log.several and know.nearest(flag, log.several.list)
  if hint then return hint end
  local engine = engine_in(hit, log)
  local known = engine and atlas.flag(engine, flag)
  if not known or known.state == "here" then return nil end
  return known.became or known.nearest
end

local function answer(kind, hit, log)
  local flag = taken(hit, "flag") or kind == "absent" and log.need and log.need.flag
  if not flag then return nil end
  local bare = flag:sub(1, 1) == "-" and flag or "--" .. flag
  local words, more, say, spelled = WORDS[kind], "", nil, nil
  if kind == "unknown" then
    local instead = called(bare, hit, log)
    more, say = instead and "; it knows " .. instead or "", instead and ("Write %s instead."):format(instead)
    spelled = (log.similar or log.several) and instead and instead:match[[^--[a-z][\w-]+$]] -- the program's own hint
  elseif kind == "value" then
    local got = taken(hit, "got")
    more = got and (" (%s)"):format(got) or ""
    say = log.choices and ("Give %s one of the values that it takes: %s."):format(bare, log.choices.list)
  end
  local name = bare:gsub("^-+", ""):gsub("-", "_")
  local fixes = {{flag = spelled and name, code = not spelled or nil, stated = spelled and true, spelled = spelled,
    kind = "param:" .. name, say = say or (words[2]:gsub("{flag}", bare))}}
  if kind == "unknown" then
    fixes[2] = {code = true, kind = "pip:package",
      say = "If the documentation that you follow is newer: upgrade the program."}
  end
  return {hit = hit, confidence = 0.86, why = (words[1]:gsub("{flag}", flag):format(more)), fixes = fixes}
end

local context = {
  similar = [[(?:a similar argument exists: '|Did you mean:? '?|some similar arguments exist: '|Possible options: )]]
    .. [[(?:(?<like>--?[\w-]+)|(?<like2>[a-z][\w-]+) ?\?)]],
  several = [[Did you mean one of: (?<list>'--[^\n)]+)]],
  choices = [=[\[?possible values: (?<list>[^\]\n]+)]=],
  need = [[^\s*(?<flag>--[a-z][\w-]*) <[A-Z_]+>]],
  tool = [[(?:^|\s)]] .. TOOL .. [[: [^\n]{0,40}(?:flag|option|argument)|(?:Usage|See|Try|Run):? +['"`]?]] .. TOOL
    .. [[ [^\n]{0,60}(?:--help|OPTIONS|options|COMMAND)|^\s*]] .. TOOL
    .. [=[ [\w-]+ \[options\]]=],
}
for i, row in ipairs(SPOKEN) do context["spoken" .. i] = row[2] end

rule {
  id = "engine.arg-invalid/flag",
  from = {"engine", "shell", "other", "app", "server", "hub"},
  signatures = {unknown = numbered("unknown", UNKNOWN), value = numbered("value", VALUE),
    incomplete = numbered("incomplete", INCOMPLETE), absent = numbered("absent", ABSENT),
    clash = numbered("clash", CLASH)},
  context = context,
  unless = {"tool"},
  explains = {"vllm.engine-died"},
  when = function(_, log)
    for _, kind in ipairs(KINDS) do
      local found = log[kind] and answer(kind, log[kind], log)
      if found then return found end
    end
  end,
  doc = {
    looks = "\"error: unexpected argument '--x' found\", 'flag provided but not defined: -x'.",
    check = "--help of that very program.",
  },
}

-- A value without its flag: what it is tells which one was meant.
local STRAY = {
  {[[^\d+\.\d+\.\d+\.\d+$]], "--host"}, {[[(?i)\.gguf$]], "--model"}, {[[^\d{4,5}$]], "--port"},
}

rule {
  id = "engine.arg-invalid/stray",
  from = {"engine", "shell", "other"},
  signatures = {stray = LEAD .. any{
    [[invalid argument: (?<got>[^-\s'"]\S*)$]], [[unexpected argument '(?<got2>[^-'\n][^'\n]*)' found]],
    [[Found argument '(?<got3>[^-'\n][^'\n]*)' which wasn't expected]],
  }},
  context = {llama = SPOKEN[1][2], usage = [[^\s*Usage: \S+ \[OPTIONS\]|For more information,? try '?--help]],
    tool = context.tool, blank = [[The \\?"(?<variable>[A-Z]\w+)\\?" variable is not set\. Defaulting to a blank]]},
  unless = {"tool"},
  when = function(_, log)
    local hit = log.stray
    local got = hit.got or hit.got2 or hit.got3
    if log.blank then -- the flag whose value it was takes the next word of the command line
      return {hit = hit, evidence = {log.blank}, confidence = 0.84,
        why = ("Compose put nothing in the place of %s, so a flag of the command takes the next word as its value, and "
          .. "%s stands without one."):format(log.blank.variable, got),
        fixes = {{host = true, kind = "env:" .. log.blank.variable, say = ("Give %s its value in the file .env beside "
          .. "the compose file, then start it anew."):format(log.blank.variable)}}}
    end
    if hit.got and not (log.llama or (hit.event.emitters or {})["llama.cpp"]) then return nil end
    local flag
    for _, row in ipairs(STRAY) do flag = flag or got:match(row[1]) and row[2] end
    return {hit = hit, confidence = 0.84,
      why = ("The program takes no argument of its own at that place: %s stands on its command line without a flag "
        .. "before it, and it ends before it starts."):format(got),
      fixes = {{code = true, kind = "param:" .. (flag and flag:gsub("^-+", "") or "arguments"),
        say = flag and ("Write %s before %s."):format(flag, got)
          or ("Write the flag that %s belongs to before it, or leave it out."):format(got)}}}
  end,
  doc = {looks = "'error: invalid argument: 0.0.0.0' of llama-server.",
    check = "The command line, and variables in it that are empty."},
}

-- Hydra puts a program's configuration together from groups, and the command line changes keys of it.
rule {
  id = "engine.arg-invalid/hydra",
  from = {"app", "hub", "engine", "framework", "other", "shell"},
  signatures = {
    override = [[Could not override '(?<key>[\w.@/-]+)']],
    group = [[In '[\w./-]+': Could not find '(?<choice>[\w./@-]+)']],
    value = [[Missing mandatory value: (?<mandatory>[\w.]+)]],
  },
  context = {known = [[Available options in '(?<of>[\w./-]+)':]]},
  confidence = 0.88,
  title = "an override does not go with the program's configuration",
  when = function(_, log)
    local hit = log.override or log.group or log.value
    if log.override then
      return {hit = hit, why = "The configuration has no key {key}, and Hydra changes only what is there.",
        fixes = {{code = true, kind = "param:" .. hit.key, say = ("Spell the key as the configuration does, or write "
          .. "+%s=... to add it."):format(hit.key)}}}
    elseif log.group then
      return {hit = hit, evidence = {log.known}, why = "The configuration has no file {choice}.",
        fixes = {{code = true, kind = "param:" .. hit.choice:match[[^[^/]+]],
          say = "Choose one of the options that the message lists."}}}
    end
    return {hit = hit, why = "The configuration leaves {mandatory} open (???), and nobody gave it.",
      fixes = {{code = true, kind = "param:" .. hit.mandatory, say = ("Give it on the command line: %s=..."):format(
        hit.mandatory)}}}
  end,
  doc = {looks = "Could not override 'model.tp_size'; Could not find 'model/x'; Missing mandatory value: x.",
    check = "The program's configuration with --cfg job."},
}

-- ---- before anything starts: the command line that the facts have ----

-- Words that start an engine whose flags the atlas knows by release; the package is what has the version.
local STARTS = {
  {"vllm", [[(?:^|/)vllm$]], [[^(?:serve|bench|run-batch)$]]},
  {"vllm", [[^vllm\.entrypoints\.(?:openai\.)?api_server$]]},
  {"vllm", [[/vllm/entrypoints/(?:openai/)?api_server\.py$]]},
  {"sglang", [[^sglang\.launch_server$]]}, {"sglang", [[(?:^|/)sglang$]], [[^serve$]]},
  {"lmdeploy", [[(?:^|/)lmdeploy$]], [[^serve$]]},
}

local function engine_started(words)
  for i, word in ipairs(words) do
    for _, row in ipairs(STARTS) do
      if word:match(row[2]) and (not row[3] or (words[i + 1] or ""):match(row[3])) then return row[1], i end
    end
  end
end

-- Parsers of Python take a flag by its first letters too, vLLM and SGLang with underscores.
local function known_flag(engine, flag, version_here, value)
  local known = atlas.flag(engine, flag, version_here, value)
  for _, other in ipairs{(flag:gsub("_", "-")), (flag:gsub("^--no-", "--"))} do
    local never = known and known.state == "never" and other ~= flag
    local instead = never and atlas.flag(engine, other, version_here, value)
    if instead and instead.state ~= "never" then known = instead end
  end
  local longer = known and known.state == "never" and known.nearest
  if longer and longer:sub(1, #flag) == flag then return nil end
  return known
end

local function wrong_flag(engine, version_here, flag, value)
  local known = known_flag(engine, flag, version_here, value)
  if not known or not known.sure or known.state == "here" and not known.refuses then return nil end
  if known.refuses then
    return ("%s %s does not take %s for %s: it takes %s."):format(engine, version_here, value, flag,
      (known.choices:gsub(",", ", "))),
      known.like and ("Write %s %s."):format(flag, known.like)
        or ("Give %s one of the values that it takes."):format(flag)
  end
  local instead = known.became or known.state == "never" and known.nearest
  if known.state == "never" and not instead then return nil end -- of a plugin, perhaps
  local span = known.first and (known.first == known.last and known.first or known.first .. " to " .. known.last)
  return ("%s %s has no %s%s."):format(engine, version_here, flag, span and " (" .. span .. " has)" or ""),
    instead and ("Write %s instead of %s."):format(instead, flag) or ("Leave %s out."):format(flag)
end

local function wrong_flags(f, words, evidence)
  local engine, first = engine_started(words)
  local version_here = engine and f.pkg(engine)
  if not version_here or version_here:match[[dev|\+g]] then return nil end
  local why, say, kind = {}, {}, nil
  for i = first + 1, #words do
    local flag, value = words[i]:match[[^(--[a-z][\w-]*)(?:=(.*))?$]]
    if flag and not value and not (words[i + 1] or "-"):match[[^-]] then value = words[i + 1] end
    local said, instead
    if flag and #why < 6 then said, instead = wrong_flag(engine, version_here, flag, value) end
    why[#why + 1], say[#say + 1] = said, instead
    kind = kind or said and "param:" .. flag:gsub("^-+", ""):gsub("-", "_")
  end
  return #why > 0 and {confidence = 0.85, why = why, evidence = {evidence},
    fixes = {{code = true, kind = kind, say = table.concat(say, " ")}}} or nil
end

rule {
  id = "engine.arg-invalid/check",
  severity = "error",
  check = function(f)
    local answer = wrong_flags(f, list(f"process.cmdline"), "process.cmdline")
    for _, command in ipairs(answer and {} or list(f"workdir.commands")) do
      answer = answer or wrong_flags(f, list(command.words), {fact = "workdir.commands", value = command.file})
    end
    return answer
  end,
  doc = {
    looks = "'unrecognized arguments' or 'invalid choice' as soon as the engine starts.",
    check = "The engine's command line against the flags of its release (--help).",
  },
}
