-- What a library prints and does not raise, where the atlas knows the message as one of its own: an error in its log
-- after which nothing more went well, and a warning that says why a name is missing that the program then asks for.
-- What it asks for stands in the line itself. A warning alone is no failure.

local ASKS = {asks = any{
  [[\binstall(?:ed)?\b]],
  [[\b(?:requires?|required|missing)\b]],
  [[\b(?:up|down)grade\b]],
  [=[\b(?:use|set|unset|pass|with|try|specify|add|raise|lower|increase|decrease|reduce|enable|disable)]=]
    .. [=[ (?:the )?[`'"]?(?:--[a-z]|[A-Za-z]+_)(?![^\n]{0,80} instead\b)]=], -- of a name that is only old
}}

-- What a line or a Python warning asks for, where some package prints it and names there itself what that is.
local function printed(hit)
  local kind = hit.event.kind
  local said = (kind == "line" or kind == "warning") and atlas.message(nil, hit.text) or nil
  local plain = said and hit.text:lower():gsub("[-.]", "_")
  return plain and plain:find(said.name:lower():gsub("[-.]", "_"), 1, true) and said or nil
end

-- Of the lines that weigh so much the first that is of this level: a question of the atlas for each of a healthy log's
-- lines would cost more than reading it.
local function said_at(log, level, tier)
  for _, hit in ipairs(log.all"asks") do
    local said = (hit.event.tier or 0) >= tier and printed(hit)
    if said and said.level == level then return hit, said end
  end
end

local OWN_RULE = {accelerate = "accelerate.missing", bitsandbytes = "bnb.not-installed",
  ["flash-attn"] = "flash-attn.missing", sentencepiece = "hf.tokenizer-dep", tiktoken = "hf.tokenizer-dep"}
local SETTINGS = {p = true, q = true, v = true}

-- The cause that such a request belongs to; nil where what is installed is what it asks for.
local function cause_of(f, said)
  if SETTINGS[said.kind] then return "engine.arg-invalid" end
  if said.kind ~= "i" then return nil end
  local need, have = (said.more or ""):match[=[[<>=!~].*$]=], f.pkg(said.name)
  if have and (not need or version.matches(have, need) ~= false) then return nil end
  return have and "pip.conflict" or OWN_RULE[said.name] or "pip.module-missing"
end

local function fix_of(said)
  if said.kind == "i" then
    local need = (said.more or ""):match[=[[<>=!~].*$]=]
    return {install = said.name, need = need, absent = not need,
      say = ("Install %s, as the line asks."):format(said.name)}
  end
  if said.kind ~= "v" then
    return {flag = said.name, stated = true, say = ("Change %s as the line says."):format(said.name)}
  end
  if said.more == "-" then return {unset = {said.name}, say = ("Leave %s unset."):format(said.name)} end
  return said.more and {set = {[said.name] = said.more}, say = ("Set %s to %s."):format(said.name, said.more)}
    or {code = true, kind = "env:" .. said.name, say = ("Set %s as the line says."):format(said.name)}
end

for _, cause in ipairs{"pip.module-missing", "pip.conflict", "accelerate.missing", "bnb.not-installed",
  "flash-attn.missing", "hf.tokenizer-dep", "engine.arg-invalid"} do
  rule {
    id = cause .. "/logged",
    anyone = "request",
    signatures = ASKS,
    when = function(f, log)
      if log.fatal then return nil end
      local hit, said = said_at(log, "e", 2)
      if not hit or cause_of(f, said) ~= cause then return nil end
      return {hit = hit, confidence = 0.74,
        why = ("%s logs this as an error, and asks for %s in it."):format(said.package, said.name),
        fixes = {fix_of(said)}}
    end,
    doc = {looks = "'... requires X to be installed' as an error in a library's log, and nothing after it.",
      check = "Is it installed in the interpreter that runs?"},
  }
end

rule {
  id = "pip.module-missing/warned",
  anyone = "request",
  signatures = {lost = [[(?:NameError|UnboundLocalError|AttributeError): [^\n]*'[A-Za-z_]\w*']]},
  context = ASKS,
  specific_over = {"app.bug"},
  when = function(f, log)
    local hit = log.lost
    if (hit.event.tier or 0) < 3 then return nil end
    local warned, said = said_at(log, "w", 0)
    if not said or said.kind ~= "i" or not cause_of(f, said) then return nil end
    local plain = said.name:gsub("[-.]", "_"):gsub("_python$", "")
    if (hit.event.message or ""):lower():find(plain, 1, true) == nil then return nil end
    return {hit = hit, confidence = 0.84, evidence = {hit, warned},
      why = ("%s had warned that %s is missing, and went on without it: what it would have brought is asked for here.")
        :format(said.package, said.name), fixes = {fix_of(said)}}
  end,
  doc = {looks = "'X is not installed' as a warning, then NameError: name 'x_func' is not defined.",
    check = "Is it installed in the interpreter that runs?"},
}
