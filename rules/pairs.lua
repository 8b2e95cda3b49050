-- Releases of two packages that do not go together, where neither declares it and no name or argument tells it: what
-- the one does fails on what the other has become (as of November 2026).

-- {signature, who asks, its releases, of whom, the releases of that one which break it, what to take instead, why}
local PAIRS = {
  {"bcrypt", "passlib", "<=1.7.4", "bcrypt", ">=5", "<5",
    "passlib tries bcrypt with a password of more than 72 bytes when it first uses it, and bcrypt 5 refuses that."},
  {"models", "flask-sqlalchemy", "<3", "sqlalchemy", ">=2", "<2",
    "flask-sqlalchemy 2 copies the list of names that sqlalchemy 1 exports, and sqlalchemy 2 has no such list."},
  {"tags", "xgboost", "<2.1.4", "scikit-learn", ">=1.6", "<1.6",
    "scikit-learn 1.6 asks each estimator for its tags, and the installed xgboost answers with none of its own."},
  {"sentinel", "ray", "<2.50", "click", ">=8.3", "<8.3",
    "ray copies the commands of click, and the mark that click 8.3 puts into them cannot be copied."},
}

local function breaks(f, row)
  local asks, of = f.pkg(row[2]), f.pkg(row[4])
  return asks and of and version.matches(asks, row[3]) and version.matches(of, row[5]) and asks, of
end

local function answer(row, asks, of)
  return {why = {row[7], asks and of and ("%s is %s, and %s is %s."):format(row[2], asks, row[4], of) or nil},
    fixes = {{install = row[4], need = row[6], kind = "pip-downgrade:" .. row[4],
        say = ("Go back to a release of %s that %s can live with."):format(row[4], row[2])},
      {install = row[2], newest = true, say = ("Or take the newest %s, if it knows that %s."):format(row[2], row[4])}}}
end

rule {
  id = "pip.conflict/pair",
  title = "two packages do not go together, and neither declares it",
  from = {"app", "other", "server", "hub", "engine"},
  signatures = {
    bcrypt = [[password cannot be longer than 72 bytes, truncate manually if necessary]],
    models = [[module 'sqlalchemy' has no attribute '__all__']],
    tags = [['super' object has no attribute '__sklearn_tags__']],
    sentinel = [[ValueError: <object object at 0x[0-9a-f]+> is not a valid Sentinel]],
  },
  specific_over = {"app.bug", "pip.conflict"},
  when = function(f, log)
    for _, row in ipairs(PAIRS) do
      local hit = log[row[1]]
      -- the same words may be said of what a program itself passes
      local passed = hit and log.has_frame("/" .. (row[2]:gsub("-", "_")) .. "/")
      if passed and f.pkg(row[2]) ~= false then
        local asks, of = breaks(f, row)
        local told = answer(row, asks, of)
        told.hit, told.confidence = hit, asks and 0.94 or 0.9
        return told
      end
    end
  end,
  check = function(f)
    for _, row in ipairs(PAIRS) do
      local asks, of = breaks(f, row)
      if asks then
        local told = answer(row, asks, of)
        told.confidence, told.severity = 0.85, "warning"
        told.evidence = {"python.packages." .. row[2] .. ".version", "python.packages." .. row[4] .. ".version"}
        return told
      end
    end
  end,
  doc = {looks = "password cannot be longer than 72 bytes, raised below passlib; 'super' object has no attribute "
    .. "'__sklearn_tags__'.", check = "The two packages' releases side by side."},
}

-- A package that nobody keeps up with Python: another one has taken its place.
rule {
  id = "pip.conflict/outlived",
  anyone = "interpreter",
  signatures = {base = [[TypeError: duplicate base class TimeoutError]]},
  specific_over = {"app.bug"},
  when = function(_, log)
    if not log.has_frame[[/aioredis/]] then return nil end
    return {confidence = 0.93, title = "aioredis ends with Python 3.10",
      why = "aioredis derives a class from two errors that are one since Python 3.11; it lives on as redis.asyncio.",
      fixes = {{install = "redis", need = ">=4.2", kind = "code", say = "Install redis, and write `from redis import "
        .. "asyncio as aioredis` in the place of `import aioredis`."}}}
  end,
  doc = {looks = "TypeError: duplicate base class TimeoutError, in aioredis/exceptions.py.",
    check = "python --version; pip show aioredis."},
}
