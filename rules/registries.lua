-- Lists that a program keeps of its own: names that this release has not, values that it does not take, entries that
-- were made twice, and configurations whose parts do not add up.

-- ---- a name that two packages enter into transformers' lists ----

-- The class of transformers' own that takes the place since some release: its name is the other's, or follows from
-- that of the entry (aimv2: Aimv2Config).
local function since(hit)
  local name = hit.class and hit.class:match[[(\w+)$]]
    or hit.entry and hit.entry:sub(1, 1):upper() .. hit.entry:sub(2):gsub("-", "_") .. "Config"
  local known = name and atlas.name("transformers", name)
  return known and known.state == "changed" and known.newer and known.newer:match[[^>=([\d.]+)$]]
end

-- Who entered it: the package whose class it is, else the last frame outside transformers.
local function enters(hit)
  local top = hit.class and hit.class:match[[^(\w+)\.]]
  if top and know.package(know.distribution(top)) then return know.distribution(top) end
  local frames = hit.event.frames or {}
  for i = #frames, 1, -1 do
    local of = atlas.package_of(frames[i])
    if of ~= "transformers" then return of end
  end
end

rule {
  id = "hf.version-conflict/entered-twice",
  from = {"hub", "engine"},
  signatures = {
    taken = [[<class '(?<class>[\w.]+)'>'? is already used by a Transformers]],
    named = [['(?<entry>[\w-]+)' is already used by a Transformers (?:config|model|processor|tokenizer)]],
  },
  facts = {"python.packages.transformers.version"},
  explains = {"vllm.engine-died"},
  title = "transformers brings a model of its own by now that another package adds to it",
  when = function(_, log)
    local hit = log.taken or log.named
    local package, first = enters(hit), since(hit)
    local older = first and {install = "transformers", need = "<" .. first,
      say = "Go back to a release of transformers that leaves that place to it."}
    local upgrade = package and {install = package, newest = true,
      say = "Upgrade the package that adds it: its newer releases leave the name to transformers."}
    local own = {code = true, kind = "pip-downgrade:transformers", say = "Install the transformers that the "
      .. "repository of that code pins, or give its register() call exist_ok=True."}
    return {hit = hit, confidence = 0.88, why = {("%s is entered into transformers' list by %s, and this transformers "
        .. "has one of that name already: it is newer than what that was written for."):format(hit.entry or
        hit.class:match[[(\w+)$]], package or "the program's own code"),
      "transformers is {fact:python.packages.transformers.version}."},
      fixes = package and know.package(package) and (hit.class and {older or upgrade, older and upgrade or own}
          or {upgrade, older or own}) or {older or own, older and own or nil}}
  end,
  doc = {looks = "ValueError: 'aimv2' is already used by a Transformers config, pick another name.",
    check = "Which transformers the package that adds the model asks for (pip show)."},
}

-- ---- a name that this release of a program has not yet ----

rule {
  id = "hf.model-too-new/template",
  from = {"llamafactory"},
  signatures = {template = [[ValueError: Template (?<called>[\w.-]+) does not exist\.]]},
  facts = {"python.packages.llamafactory.version"},
  confidence = 0.86,
  title = "this release has no chat template of that name",
  why = {"LLaMA-Factory keeps a list of chat templates by name, and in this release {called} is not among them: it "
    .. "came with a newer one, or is spelled otherwise.",
    "llamafactory is {fact:python.packages.llamafactory.version}."},
  fixes = {
    {install = "llamafactory", newest = true, say = "Upgrade LLaMA-Factory (a checkout of it: to its newest "
      .. "state, installed again from there)."},
    {flag = "template", stated = true, say = "Or name the template of the family that the model comes from."},
  },
  doc = {looks = "ValueError: Template qwen3 does not exist.", check = "src/llamafactory/data/template.py."},
}

-- transformers 5 writes rope's settings for each kind of layer; engines made for 4 look for one set of them.
rule {
  id = "hf.model-too-new/rope-type",
  from = {"engine", "server", "app", "other"},
  signatures = {rope = [[rope_scaling should have a 'rope_type' key]]},
  context = {sglang = [[\bsglang\b]]},
  facts = {"python.packages.vllm.version", "python.packages.transformers.version"},
  explains = {"vllm.engine-died"},
  confidence = 0.86,
  title = "the model's configuration is written for a newer engine",
  why = {"The engine reads the settings of rotary embedding in the old form, and the model's config.json (or the "
    .. "transformers beside the engine) has them in the new one.", "vllm is {fact:python.packages.vllm.version}.",
    "transformers is {fact:python.packages.transformers.version}."},
  when = function(_, log)
    return {fixes = {{install = log.sglang and "sglang" or "vllm", newest = true, say = "Upgrade the engine (or its "
        .. "image), with the transformers that it asks for."},
      {install = "transformers", need = "<5", say = "Or, where only transformers is newer than the engine wants, go "
        .. "back to 4."}}}
  end,
  doc = {looks = "1 validation error for ModelConfig: Value error, rope_scaling should have a 'rope_type' key.",
    check = "rope_scaling or rope_parameters in the model's config.json; the engine's release."},
}

rule {
  id = "hf.not-found/store",
  from = {"server", "engine", "app", "other"},
  signatures = {bento = [[Model '(?<tag>[\w./:-]+)' is not found in BentoML store <\w+ '(?<store>[^'\n]+)'>]]},
  context = {openllm = [[\bopenllm\b]]},
  explains = {"app.bug"},
  confidence = 0.86,
  title = "the model is not in BentoML's own store",
  why = "BentoML serves models out of {store} only, and {tag} is not there: it was never brought in, or by another "
    .. "user or in another container.",
  when = function(_, log)
    return {fixes = {log.openllm and {install = "openllm", newest = true, kind = "param:model",
          say = "Upgrade OpenLLM: newer releases fetch the model by themselves."}
        or {code = true, kind = "param:model", say = "Bring it into that store as the user who serves (bentoml models "
          .. "list shows what is there), or mount the folder that holds it there."},
      {host = true, kind = "env:BENTOML_HOME", say = "Where the model lies elsewhere: point BENTOML_HOME at the folder "
        .. "above models."}}}
  end,
  doc = {looks = "Model 'x:1' is not found in BentoML store <osfs '/root/bentoml/models'>.",
    check = "bentoml models list, as the user and in the container that serves."},
}

-- ---- values of which there are few ----

local LIST = [=[(?<list>[\[({][^\])}\n]{2,400}[\])}])]=]
local QUOTED = [['[^'\n]{1,40}']]

rule {
  id = "engine.arg-invalid/choice",
  from = {"engine", "hub", "framework"},
  role = "symptom",
  signatures = {
    one = [[(?:Error|Exception): (?:[Tt]he )?(?<what>[A-Za-z][\w .-]{1,60}?) (?:should|must) be (?:one of|in):? ]]
      .. LIST,
    input = [[^\s*Input should be (?<list2>]] .. QUOTED .. "(?:, " .. QUOTED .. ")*,? or " .. QUOTED .. ")",
  },
  confidence = 0.74,
  when = function(_, log)
    local hit = log.one or log.input
    local event = hit.event
    if event.kind ~= "exception" or (event.tier or 0) < 3 or (event.emitters or {}).app then return nil end
    local what = hit.what or "a setting"
    return {hit = hit, why = ("%s takes one of few values, and was given another: %s."):format(what,
        hit.list or hit.list2),
      fixes = {{code = true, kind = "param:" .. what:lower():gsub([[[ .-]+]], "_"),
        say = ("Give %s one of the values that the message lists."):format(what)}}}
  end,
  doc = {looks = "AssertionError: the model format should be in ['llama', 'hf', 'awq', None].",
    check = "The command line or the configuration against that list."},
}

-- vLLM reads the value of some flags as an object of its own, and says what is wrong with it in pydantic's words.
rule {
  id = "engine.arg-invalid/flag-object",
  from = {"engine", "shell", "server", "app", "other"},
  signatures = {
    flag = [[\berror: argument (?<flag>--[\w-]+)(?:/-{1,2}[\w-]+)*: \d+ validation errors? for (?<kind_of>\w+)]],
  },
  context = {
    want = [[^\s*(?<said>[A-Z][^\[\n]{4,160}?)\.? \[type=\w+, input_value=(?<got>[^,\n]{1,80}), input_type]],
  },
  confidence = 0.88,
  title = "the value of a flag is not what this release reads",
  when = function(_, log)
    local hit, want = log.flag, log.want
    local name = hit.flag:gsub("^-+", ""):gsub("-", "_")
    return {evidence = {want}, why = {("%s is read as a %s, and what was given is none."):format(hit.flag, hit.kind_of),
        want and ("It was given %s: %s."):format(want.got, want.said) or nil},
      fixes = {{code = true, kind = "param:" .. name, say = ("Give %s an object in JSON, in single quotes, with the "
          .. "keys that this release's --help names."):format(hit.flag)},
        {code = true, kind = "param:" .. name, say = "Or leave it out."}}}
  end,
  doc = {looks = "argument --compilation-config/-O: 1 validation error for CompilationConfig.",
    check = "The flag's help in that very release."},
}

-- ---- sizes that must go into one another ----

rule {
  id = "engine.arg-invalid/batch-sizes",
  from = {"deepspeed"},
  signatures = {
    product = [[train_batch_size is not equal to micro_batch_per_gpu \* gradient_acc_step \* world_size ?]]
      .. [[(?<total>\d+) != (?<micro>\d+) \* (?<steps>\d+) \* (?<world>\d+)]],
  },
  context = {more = [[(?:local_rank: [1-9]|\[rank[1-9]\d*\]|nproc[-_]per[-_]node[= ](?:[2-9]|\d\d)|rank +: [1-9])]]},
  title = "DeepSpeed's three batch sizes do not multiply",
  when = function(_, log)
    local hit = log.product
    local micro, steps, world = tonumber(hit.micro), tonumber(hit.steps), tonumber(hit.world)
    local product, total = micro * steps * world, tonumber(hit.total)
    local alone = world == 1 and log.more ~= nil
    return {hit = hit, confidence = 0.86, evidence = alone and {log.more} or nil,
      computed = {{value = micro * steps, of = {micro, steps}}, {value = product, of = {micro * steps, world}}},
      why = {("train_batch_size is %d, and %d a GPU times %d steps times %d processes make %d."):format(total, micro,
          steps, world, product),
        alone and "Several processes were started, and DeepSpeed counts one: it read its configuration before the "
          .. "process group was there." or nil},
      fixes = {{argument = "train_batch_size", value = '"auto"', say = "Let the Trainer fill in all three in "
          .. "DeepSpeed's configuration (train_batch_size, train_micro_batch_size_per_gpu and "
          .. "gradient_accumulation_steps), or leave train_batch_size out."},
        alone and {install = "deepspeed", newest = true, with = {"accelerate", "transformers"}, say = "If it still "
          .. "counts one: upgrade DeepSpeed, accelerate and transformers together, and make the training arguments "
          .. "before the model."} or {code = true, say = "Or start as many processes as the product asks for."}}}
  end,
  doc = {looks = "train_batch_size is not equal to micro_batch_per_gpu * gradient_acc_step * world_size 64 != 4 * 8.",
    check = "The sizes in DeepSpeed's configuration, and how many processes were started."},
}

rule {
  id = "engine.arg-invalid/built",
  from = {"engine"},
  signatures = {
    built = [[[Ee]ngine (?:is|was) built with [^\n]*?\b(?<setting_of>max_\w+) ?[=:]? ?(?<had>\d+),? (?:while|but|and) ]]
      .. [[[^\n]*?\b(?<asked>\d+)\b]],
  },
  confidence = 0.88,
  title = "the engine was built for less than it is asked for",
  why = "The engine was built with {setting_of} {had}, which cannot be changed afterwards, and is asked for {asked}.",
  when = function(_, log)
    local hit = log.built
    return {fixes = {{flag = hit.setting_of, stated = true, spelled = ("--%s %s"):format(hit.setting_of, hit.asked),
        say = ("Build it again with %s of at least %s."):format(hit.setting_of, hit.asked)},
      {code = true, kind = "param:" .. hit.setting_of, say = "Or ask for no more than it was built for."}}}
  end,
  doc = {looks = "The engine is built with remove_input_padding=True and max_num_tokens=128, while trying to ...",
    check = "The build's settings in the engine's config.json."},
}

rule {
  id = "engine.arg-invalid/slurm-tasks",
  from = {"hub", "app"},
  signatures = {tasks = [[You set `(?<setting_of>devices|num_nodes)=(?<asked>\d+)` in Lightning, but the number of ]]
    .. [[(?:tasks per node|nodes) configured in SLURM `(?<flag>--[\w-]+)=(?<had>\d+)` does not match]]},
  confidence = 0.9,
  title = "Lightning and Slurm do not agree on the number of processes",
  why = "Lightning is to use {setting_of}={asked}, and the job was given {flag}={had}: under Slurm it starts no "
    .. "process itself, and takes one task for each GPU.",
  when = function(_, log)
    local hit = log.tasks
    local per_node = hit.flag == "--ntasks-per-node"
    return {fixes = {{container = per_node and "ntasks-per-node" or "nodes", value = tonumber(hit.asked), kind = "os",
        say = "Ask Slurm for as many, and start the program by srun."},
      {argument = hit.setting_of, value = hit.had, say = "Or let Lightning use what the job has."}}}
  end,
  doc = {looks = "You set `devices=4` in Lightning, but ... SLURM `--ntasks-per-node=1` does not match.",
    check = "The job's #SBATCH lines against devices and num_nodes of the Trainer."},
}

-- ---- a configuration that was never filled in ----

rule {
  id = "engine.arg-invalid/pbtxt",
  from = {"engine", "protobuf", "other"},
  signatures = {
    poll = [[failed to read text proto from (?<file>/?[\w./+@-]+\.pbtxt)]],
    parse = [[Error parsing text-format inference\.ModelConfig: (?<line_of>\d+):\d+: (?<said>[^\n]{4,160}?)\s*$]],
  },
  context = {open = [[Error parsing text-format inference\.ModelConfig: (?<line_of2>\d+):\d+: Expected [\w ]+, ]]
    .. [[got: \$]]},
  confidence = 0.9,
  title = "a model's config.pbtxt cannot be read",
  when = function(_, log)
    local file = log.poll and log.poll.file
    local where = file or "the model's config.pbtxt"
    if log.open then
      return {hit = log.poll or log.parse, evidence = {log.open}, why = ("%s is a template still: line %s holds a "
          .. "${...} that nobody filled in."):format(where, log.open.line_of2),
        fixes = {{code = true, kind = "param:config.pbtxt", say = ("Fill it in with tools/fill_template.py -i of "
          .. "tensorrtllm_backend, a name:value for each ${...} in %s."):format(where)}}}
    end
    return {hit = log.poll or log.parse, evidence = {log.parse}, why = {("%s is not what Triton reads."):format(where),
        log.parse and ("In line %s it finds: %s."):format(log.parse.line_of, (log.parse.said:gsub([[\.$]], "")))
          or nil},
      fixes = {{code = true, kind = "param:config.pbtxt", say = "Correct that line; what stands there must be a field "
        .. "of ModelConfig that this release knows, of that type."}}}
  end,
  doc = {looks = "Error parsing text-format inference.ModelConfig: 29:17: Expected integer, got: $.",
    check = "The line that the message names."},
}

-- ---- an address that the hub sends on to ----

rule {
  id = "hf.version-conflict/redirect",
  from = {"engine", "hub", "other", "app"},
  signatures = {relative = [[(?:request error: )?builder error: relative URL without a base]]},
  context = {
    download = [[(?:[Dd]ownload|hf_hub|hf-hub|hugging ?face)]],
    tei = [[(?:text[-_]embeddings|\btei\b|Could not download model artifacts)]], tgi = [[text[-_]generation]],
    mirror = [[\bHF_ENDPOINT\b[=:'" ]+(?<mirror>[^\s'",]+)]],
  },
  all = {"download"},
  facts = {"env.HF_ENDPOINT"},
  explains = {"hf.not-found", "hf.offline"},
  title = "an old client of the hub cannot follow the address that it is sent on to",
  when = function(f, log)
    local mirror = f.env"HF_ENDPOINT" or log.mirror and log.mirror.mirror
    local image = log.tei and "tei" or log.tgi and "tgi"
    local newer = image and {image = image, kind = "rebuild:" .. image,
        say = "Use a newer image: its client takes such an address."}
      or {code = true, kind = "rebuild:package",
        say = "Upgrade the program: newer releases carry a client that takes such an address."}
    local unset = {unset = {"HF_ENDPOINT"}, say = "Ask the hub itself and not the mirror."}
    local by_hand = {host = true, kind = "env:HF_HOME", say = "Or download the model elsewhere and name its folder."}
    return {confidence = 0.84, why = "The hub answers with an address that begins at its path, and this release's "
        .. "client (hf-hub, in Rust) knows whole ones only.",
      fixes = {mirror and unset or newer, mirror and newer or by_hand}}
  end,
  doc = {looks = "request error: builder error: relative URL without a base.",
    check = "The release of the program; HF_ENDPOINT."},
}
