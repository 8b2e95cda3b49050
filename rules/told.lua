-- What the message of any library orders: a flag, or a variable. The refusals of engines are read in settings.lua and
-- what is to be installed in message.lua; this is for all else that gives an order itself ("Restart it with
-- `--max-lora-rank 32`", "set X_TRUST_REMOTE_CODE=1").

local VERB = [[(?i:\b(?:set|export|use|pass|try|specify|add|provide|raise|lower|increase|decrease|reduce|enable]]
  .. [[|disable|remove|drop|unset|(?:re-?run|re-?launch|re-?start|start)(?: [\w']+){0,3} with) )]]
  .. [=[(?:(?:the|an?|only|either) |(?i:env\w*(?: var\w*)? ))*[`'"]?]=]
local FLAG = [=[--([a-z][a-z0-9]*(?:[-_][\w-]*\w)?)[`'"]?(?:(?:[ =]| to )[`'"]?([\w./:-]*\w))?]=]
-- "set X=1", "set X to true"; what stands behind another "to" is what that is good for
local VARIABLE = [=[([A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9])\b[`'"]?]=]
  .. [=[(?:(?:=[`'"]?| to [`'"]| to (?=\d|(?i:true|false|on|off)\b))([\w./:-]*\w))?]=]
-- Variables that only make a failure easier to read mend nothing.
local DIAGNOSES = [[(?:DEBUG|VERBOSE|LOG|TRACE|BLOCKING|FULL_ERROR|_DSA|PROFILE)]]
-- What is not let in without one is a matter of who asks, and has causes of its own.
local SECRET = [[(?i)(?:(?:access|auth|hf|hub|api)_(?:token|key)|secret|password)$]]
-- Makers of variables; of any other a value or the word for it must say that it is one.
local KNOWN = [[^(?:CUDA|HIP|ROCR|NCCL|TORCH\w*|PYTORCH|TRITON|HF|TRANSFORMERS|VLLM|SGLANG|LMDEPLOY|RAY|DS|NVTE)_]]
local NO_VALUE = [[^(?:and|or|to|in|with|when|on|is|for|instead|if|only|but|not|an?|at|of|as|the|argument|flag]]
  .. [[|option)$]]

local function value_of(word)
  return word and word ~= "" and not word:match(NO_VALUE) and word or nil
end

-- (kind of fix, intention) of the first order in a message; nil when it gives none.
local function order(text)
  local flag, value = text:match(VERB .. FLAG)
  if flag then
    local name = flag:gsub("-", "_")
    if name:match(SECRET) then return nil end
    value = value_of(value)
    if value and value:match[[^[a-z]+$]] and text:match("--" .. flag .. "[`'\"]? to ") then value = nil end
    return {code = true, kind = "param:" .. name, say = value and ("Start it with --%s %s."):format(flag, value)
      or ("Change --%s as the message says."):format(flag)}, "--" .. flag
  end
  local variable, to = text:match(VERB .. VARIABLE)
  to = value_of(to)
  if not variable or variable:match(DIAGNOSES) or variable:match(SECRET) then return nil end
  if not to and not variable:match(KNOWN) and not text:match[[(?i)\benv(?:ironment)?\b]] then return nil end
  return to and {set = {[variable] = to}, say = ("Set %s to %s, as the message asks."):format(variable, to)}
    or {code = true, kind = "env:" .. variable, say = ("Set %s as the message says."):format(variable)}, variable
end

rule {
  id = "engine.arg-invalid/told",
  anyone = "request",
  signatures = {
    flag = VERB .. [[--[a-z][a-z0-9]+]],
    variable = VERB .. [[[A-Z][A-Z0-9]*_[A-Z0-9]+]],
  },
  context = {cuda = [[(?:out of memory|CUDA error|NCCL error|KV cache blocks|gated repo)]]},
  unless = {"cuda"},
  when = function(_, log)
    local hit
    for _, name in ipairs{"flag", "variable"} do
      for _, one in ipairs(log.all(name)) do
        if one.event.kind == "exception" and (one.event.tier or 0) >= 3 then hit = hit or one end
      end
    end
    local who = hit and hit.event.emitters or {}
    if not hit or next(who) == nil or who.app or who.pip then return nil end
    local message = hit.event.message and hit.event.message ~= "" and hit.event.message or hit.text
    local fix, name = order((message:gsub([=[(?:pip3?|uv|apt(?:-get)?|conda|docker|git) [a-z]+ [^\n]*]=], "")))
    if not fix then return nil end
    return {hit = hit, confidence = message:match[[(?i)\binstall\b]] and 0.76 or 0.82,
      why = ("The message itself says what to change: %s."):format(name), fixes = {fix}}
  end,
  doc = {looks = "'Restart it with `--max-lora-rank 32`', 'Set X_ALLOW_Y=1 to ...' in a library's exception.",
    check = "The command line and the environment of what was started."},
}
