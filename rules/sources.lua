-- Code that does not come from a package's own folder: made by a compiler of interfaces (protoc), or taken away below
-- its record.

-- The first file whose library is older than what it was generated for; nil when all go together.
local function generated_for_newer(f)
  for _, made in ipairs(list(f"workdir.generated")) do
    local have = f.pkg(made.package)
    if have and version.cmp(have, made.version) == -1 then return made, have end
  end
end

local function upgrade_for(package, made)
  local next = tonumber(made:match[[^\d+]]) + (package == "protobuf" and 2 or 1)
  return {{install = package, need = (">=%s,<%d"):format(made, next), say = ("Upgrade %s to what the code was "
      .. "generated for."):format(package)},
    {code = true, say = "Or generate the code again with the compiler of the installed release."}}
end

rule {
  id = "pip.conflict/generated",
  title = "code was generated for a newer library than the installed one",
  anyone = "request",
  signatures = {
    grpc = [[grpc package installed is at version (?<have>\d[\d.]*\d), but the generated code in ]]
      .. [[(?<file>[\w./-]+\.py) depends on grpcio>=(?<made>\d[\d.]*\d)]],
    protobuf = [[Protobuf Gencode/Runtime (?:major )?versions[^\n]*?: gencode (?<made2>\d+\.[\d.]*\d) runtime ]]
      .. [[(?<have2>\d+\.[\d.]*\d)]],
  },
  facts = {"workdir.generated"},
  specific_over = {"hf.tokenizer-dep", "app.bug"},
  when = function(_, log)
    local hit = log.grpc or log.protobuf
    local package, made, have = log.grpc and "grpcio" or "protobuf", hit.made or hit.made2, hit.have or hit.have2
    local frames = hit.event.frames or {}
    local own -- code of a package in its own folder is that package's affair
    for _, frame in ipairs(frames) do
      own = frame.file:match[[_pb2(?:_grpc)?\.py$]] and not frame.file:match[[(?:site|dist)-packages]] or own
    end
    if not own and (log.protobuf or #frames > 0) or version.cmp(have, made) ~= -1 then return nil end
    return {hit = hit, confidence = 0.92,
      why = ("The code was generated for %s %s, and %s is installed."):format(package, made, have),
      fixes = upgrade_for(package, made)}
  end,
  check = function(f)
    local made, have = generated_for_newer(f)
    return made and {confidence = 0.9, severity = "warning",
      why = ("%s was generated for %s %s and refuses older ones; %s is installed."):format(made.file, made.package,
        made.version, have),
      evidence = {{fact = "workdir.generated", value = ("%s: %s %s"):format(made.file, made.package, made.version)}},
      fixes = upgrade_for(made.package, made.version)}
  end,
  doc = {looks = "'The grpc package installed is at version 1.62.3, but the generated code in x_pb2_grpc.py depends on "
    .. "grpcio>=1.68.1'.", check = "GRPC_GENERATED_VERSION and '# Protobuf Python Version' in the generated files."},
}

local NO_MODULE = [=[ModuleNotFoundError: No module named '(?<module>[A-Za-z_]\w*)[\w.]*']=]

-- `when` and `check` of a rule that knows why a module is missing, from the facts alone: of the module that the log
-- names, and before the start of any.
local function on_missing(answer_of)
  local function told(f, log)
    local answer = answer_of(f, log.module.module)
    if answer then answer.hit = log.module end
    return answer
  end
  local function foreseen(f)
    local answer = answer_of(f)
    if answer then answer.severity = "warning" end
    return answer
  end
  return told, foreseen
end

-- ---- a record whose modules are gone ----

local function hollow_answer(f, module)
  for _, e in ipairs(list(f"python.hollow")) do
    if not module or tostring(e.file):match[[^\w+]] == module then
      return {confidence = 0.9,
        why = ("%s %s is recorded as installed, and its %s is not there: the files were removed without pip."):format(
          e.package, e.version, e.file),
        evidence = {{fact = "python.hollow", value = ("%s: %s"):format(e.package, e.file)}},
        fixes = {{install = e.package, fresh = true, alone = true, need = "==" .. tostring(e.version),
          say = "Lay its files down anew, in the same release."}}}
    end
  end
end

local hollow_told, hollow_foreseen = on_missing(hollow_answer)

rule {
  id = "pip.broken-install/hollow",
  title = "a package is recorded and its modules are not there",
  anyone = "interpreter",
  signatures = {module = NO_MODULE},
  facts = {"python.hollow"},
  specific_over = {"pip.module-missing"},
  when = hollow_told,
  check = hollow_foreseen,
  doc = {looks = "No module named '...' of a package that pip list shows.",
    check = "What RECORD of the package names first, against its folder."},
}
