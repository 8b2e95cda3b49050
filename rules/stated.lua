-- Python libraries that name themselves what they need: the message holds the package and the bound.

-- A requirement ("torch>=2.6", "diffusers transformers") as an intention.
local function intend(requirement, say)
  local package, need, others = requirement:match[[^([\w.{}-]+)([<>=!~]\S+)?(?: (.+))?$]]
  return {install = package, need = need, with = others and others:split(" ") or nil, say = say}
end

-- What libraries say of each other in words of their own: the message decides.
local STATED = {
  {[[Dataset scripts are no longer supported]], "datasets<4",
    "datasets 4 no longer runs a dataset's own loading script.", "Go back to a release that still runs it."},
  {[[Loading a dataset cached in a LocalFileSystem is not supported]], "datasets",
    "The installed fsspec is newer than this datasets knows.", "Upgrade datasets."},
  {[[Invalid pattern: '\*\*' can only be an entire path component]], "datasets",
    "The installed fsspec is newer than this datasets knows.", "Upgrade datasets."},
  {[[we now require users to upgrade torch to at least v(?<need1>[\d.]*\d)]], "torch>={need1}",
    "transformers refuses to read pickled weights with this torch, because its torch.load has a vulnerability "
      .. "(CVE-2025-32434).",
    "Upgrade torch, with torchvision and torchaudio, or take a repository with safetensors."},
  {[[Disabling PyTorch because PyTorch >= (?<need2>[\d.]+) is required but found]], "torch>={need2}",
    "transformers is newer than this torch and goes on without it; the classes that are missing afterwards follow "
      .. "from that.",
    "Upgrade torch, with torchvision and torchaudio."},
  {[[backwards-compatible tf-keras package]], "tf-keras",
    "Keras 3 is installed, and transformers' TensorFlow part needs Keras 2 under the "
      .. "name tf-keras.",
    "Install it, or set USE_TF=0 where TensorFlow is not used."},
  {[[Found an incompatible version of (?<package1>[\w-]+)\. Found version \S+, but only versions ]]
    .. [[above (?<need3>[\d.]*\d)]], "{package1}>{need3}", "{package1} is older than what peft accepts.",
    "Upgrade it."},
  {[[requires (?<package2>[\w.-]+)>=(?<need4>[\d.]*\d) to be installed\. Your version is]], "{package2}>={need4}",
    "{package2} is older than what transformers needs here.", "Upgrade it."},
  {[[We found an older version of (?<package3>[\w-]+) \S+ but we require [\w-]+ to be >= ?(?<need5>[\d.]*\d)]],
    "{package3}>={need5}", "{package3} is older than what optimum needs here.", "Upgrade it."},
  {[[This example requires a (?:source install from HuggingFace Transformers|minimum version of)]], "transformers",
    "The example script belongs to a newer transformers than the installed one.",
    "Upgrade transformers, or take the script as it was in the installed release."},
  {[[This example requires a source install from HuggingFace diffusers]], "diffusers",
    "The example script belongs to a newer diffusers than the installed one.",
    "Upgrade diffusers, or take the script as it was in the installed release."},
  {[[getattr\(\): attribute name must be string]], "diffusers transformers",
    "This diffusers is older than the pipeline's model_index.json, and does not know one of "
      .. "its classes.",
    "Upgrade both."},
}

local function answer(hit, row)
  return {hit = hit, confidence = 0.9, why = row[3], fixes = {intend(row[2], row[4])}}
end

local stated = {}
for i, row in ipairs(STATED) do stated["s" .. i] = row[1] end

rule {
  id = "hf.version-conflict/stated",
  from = {"hub", "engine", "other"},
  signatures = stated,
  facts = {"python.packages.transformers.version", "python.packages.datasets.version", "torch.version"},
  explains = {"pip.module-missing"},
  when = function(_, log)
    for i, row in ipairs(STATED) do
      local hit = log["s" .. i]
      if hit and (not row[2]:match[[^diffusers]] or log.has_frame[[diffusers]]) then
        return answer(hit, row)
      end
    end
  end,
  doc = {looks = "'Dataset scripts are no longer supported', 'we now require users to upgrade torch', 'Disabling "
    .. "PyTorch because', 'requires X>=Y to be installed. Your version is'.",
    check = "The two versions that the message names."},
}

-- The same of packages outside the family.
local OTHERS = {
  {[[installed pydantic-core version \([\w.]+\) is incompatible with the current pydantic version, ]]
    .. [[which requires (?<need1>[\w.]*\w)]], "pydantic-core=={need1}",
    "pydantic and its compiled half are of two releases.", "Install the half that pydantic names."},
  {[[(?:APIRemovedInV1|no longer supported in openai>=1\.0\.0)]], "openai<1",
    "This code was written for openai 0.28, and 1.0 replaced its interface.",
    "Go back to the old interface, or run `openai migrate` on the code."},
  {[[urllib3 v2\S* only supports OpenSSL 1\.1\.1]], "urllib3<2",
    "This Python's ssl is built with an OpenSSL that urllib3 2 no longer accepts.", "Go back to urllib3 1."},
  {[[module 'lib' has no attribute '(?:X509_V_FLAG|OpenSSL|GEN_EMAIL)\w*]], "pyopenssl",
    "pyOpenSSL is older than the installed cryptography.", "Upgrade pyOpenSSL."},
  {[[AttributeError: install_layout]], "setuptools pip", "The distribution's pip and a newer setuptools do not fit.",
    "Upgrade both in an environment of your own."},
  {[[module '(?:setuptools\._)?distutils' has no attribute 'version']], "setuptools<59.6",
    "An older torch (or tensorboard) uses distutils.version, which newer setuptools do not "
      .. "bring along.",
    "Go back to an older setuptools, or upgrade torch."},
  {[[AlreadyExistsError: Another metric with the same name already exists]], "keras tensorflow",
    "keras is of another release than the tensorflow below it, and enters its counters a second time.",
    "Install both in one release."},
}
local others = {}
for i, row in ipairs(OTHERS) do others["o" .. i] = row[1] end

rule {
  id = "pip.conflict/stated",
  from = {"server", "other", "framework"},
  signatures = others,
  facts = {"python.conflicts"},
  when = function(_, log)
    for i, row in ipairs(OTHERS) do
      local hit = log["o" .. i]
      if hit then return answer(hit, row) end
    end
  end,
  doc = {looks = "'pydantic-core version is incompatible', 'no longer supported in openai>=1.0.0', 'urllib3 v2 only "
    .. "supports OpenSSL 1.1.1+'.",
    check = "pip check."},
}

rule {
  id = "sys.python-version/asked",
  from = {"installer", "hub", "engine", "other"},
  signatures = {
    python = [[(?:requires|needs|(?<!not )supported on|use) Python ?(?<op>[<>=]*) ?(?<need>3\.\d+)]],
    from = [[is not supported on Python ?<=? ?(?<need2>3\.\d+)]],
  },
  when = function(f, log)
    local hit = log.python or log.from
    local who = hit.event.emitters or {} -- the worker's own code may ask for what it likes
    if next(who) == nil or who.app or hit.event.kind ~= "exception" then return nil end
    local have, need = f"python.version", hit.need or hit.need2
    if have and version.matches(have, ">=" .. need) then return nil end
    return {hit = hit, confidence = 0.82, why = {("It asks for Python %s."):format(need),
      have and ("This is Python %s."):format(have) or nil},
      fixes = {
        {host = true, kind = "conda",
          say = ("Run it with Python %s or later: a new environment (conda create, uv venv --python) with the same "
            .. "packages."):format(need)}}}
  end,
  why = "",
  doc = {looks = "'requires Python 3.12+'.", check = "python.version."},
}

-- A trainer made out of trl's or transformers' own asks for what the release that it was written for sets itself.
rule {
  id = "hf.version-conflict/subclass",
  from = {"hub"},
  role = "symptom",
  signatures = {
    attribute = [[AttributeError: '(?<class>\w*Trainer)' object has no attribute '(?<symbol>\w+)']],
  },
  facts = {"python.packages.trl.version", "python.packages.transformers.version"},
  when = function(_, log)
    local frames = log.attribute.event.frames or {}
    local inner = atlas.package_of(frames[#frames])
    local outer = frames[#frames - 1] and atlas.package_of(frames[#frames - 1])
    if (log.attribute.event.tier or 0) < 3 or inner ~= "trl" and inner ~= "transformers" or outer == inner then
      return nil
    end
    return {confidence = 0.72, why = {("%s itself asks its {class} for {symbol}, which the program's own form of that "
          .. "class does not set: it was written for another release of %s."):format(inner, inner),
        ("%s is {fact:python.packages.%s.version}."):format(inner, inner)},
      fixes = {outer and {install = outer, newest = true, say = "Upgrade the package whose trainer it is."}
          or {install = inner, older = true, say = ("Install the %s that the program's requirements name."):format(
            inner)},
        {code = true, kind = "pip:package", say = "Or take the newest state of the program, which follows newer "
          .. "releases."}}}
  end,
  doc = {looks = "AttributeError: 'GRPOTrainer' object has no attribute 'temperature', raised in trl itself.",
    check = "Which trl the program's requirements name, and which is installed."},
}

-- unsloth rewrites the code of transformers, trl and peft while they are imported: whatever breaks in what it wrote is
-- skew first of all.
rule {
  id = "hf.version-conflict/unsloth",
  from = {"unsloth", "app", "hub"},
  role = "symptom",
  signatures = {
    frame = [=[(?:File |^|\[)["']?[^\s"']*(?:unsloth|unsloth_zoo|unsloth_compiled_cache)[/\\][\w/\\]+\.py]=],
    call = [[(?:TypeError: _?unsloth_\w+\(\) (?:takes|got|missing)|RuntimeError: Unsloth: [^\n]*]]
      .. [[(?:Error patching \w|Could not get version for))]],
  },
  facts = {"python.packages.unsloth.version", "python.packages.trl.version", "python.packages.transformers.version"},
  when = function(_, log)
    local hit = log.call
    for _, frame in ipairs(log.all"frame") do
      if (frame.event.tier or 0) >= 4 then hit = hit or frame end
    end
    local e = hit and hit.event or {}
    if (e.tier or 0) < 4
      or not (e.type or ""):match([[^]] .. any{
        [[AttributeError]], [[TypeError]], [[NameError]], [[ImportError]], [[UnboundLocalError]], [[KeyError]],
        [[IndexError]],
      } .. [[$]]) and hit ~= log.call then
      return nil
    end
    if (e.message or ""):match[[NoneType]] then return nil end
    return {hit = hit, confidence = 0.66,
      why = {"It fails in code that unsloth put in place of a library's own: unsloth and transformers, trl or peft "
        .. "are of releases that do not fit.",
        "unsloth is {fact:python.packages.unsloth.version}."},
      fixes = {{install = "unsloth", with = {"unsloth-zoo"},
        say = "Upgrade unsloth and unsloth_zoo together, then restart the process."},
        {install = "transformers", older = true,
          say = "Or go back to the transformers and trl of the last run that worked."}}}
  end,
  doc = {looks = "An exception in unsloth/, unsloth_zoo/ or unsloth_compiled_cache/.",
    check = "Which packages changed since it last ran: firstfix diff last-good."},
}

