-- Libraries that are older or newer than what calls them, where the missing name itself tells the release.

-- The release of torch that brought a name (or a module), where it came and is there since.
local function since(module, name, have)
  local answer = atlas.name(module, name, have)
  local came = answer and answer.state == "changed" and not answer.older and answer.newer
  return came and came:match[[^>=([\d.]+)$]]
end

-- Libraries whose classes are made to be derived from.
local CALLING = {transformers = true, trl = true, accelerate = true, peft = true}

rule {
  id = "torch.too-old",
  from = {wants = {"hub", "engine", "kernels", "quantizer", "other", "app"}},
  anyone = "interpreter",
  signatures = {
    attribute = [[module '(?<module>torch(?:\.(?!_)\w+)*)' has no attribute '(?<attr>(?!_)\w+)']],
    import = [[cannot import name '(?<attr>(?!_)\w+)' from '(?<module>torch(?:\.[\w.]+)?)' ]],
    module = [[No module named '(?<module>torch\.\w[\w.]*)']],
    wants = [[(?:requires|needs|expects?) (?:PyTorch|torch) ?(?:version )?(?:>=|≥|at least|]]
      .. [[newer than) ?v?(?<need>\d+\.\d+(?:\.\d+)?)(?!\d| and an? (?:supported|capable|compatible) (?:device|GPU))]],
  },
  facts = {"torch.version"},
  specific_over = {"hf.version-conflict", "pip.module-missing", "pip.broken-install"},
  when = function(f, log)
    local hit = log.attribute or log.import or log.module or log.wants
    if (hit.event.tier or 0) < 3 then return nil end -- a notice: it goes on without
    local have, name = f.pkg"torch", hit.attr or hit.module
    local need = hit.need or since(hit.module, hit.attr, have or nil)
    if not need or have and version.cmp(have, need) ~= -1 then return nil end
    local oldest = atlas.name("torch")
    if oldest and version.cmp(need, oldest.first) == -1 then return nil end -- every torch has that: it is not there
    return {hit = hit, confidence = have and 0.94 or name and 0.88 or 0.8,
      why = {name and ("torch has %s from %s on, and the installed one has not."):format(name, need)
        or ("What is imported wants torch %s or newer."):format(need), "torch is {fact:torch.version}."},
      fixes = {{install = "torch", need = ">=" .. need, with = {"torchvision", "torchaudio"},
          say = ("Upgrade torch to %s or newer, with what belongs to it."):format(need)},
        {code = true, kind = "pip-downgrade:package", say = "Or install the release of the importing library that "
          .. "was made for this torch."}}}
  end,
  doc = {looks = "module 'torch' has no attribute 'float8_e8m0fnu', 'uint16', 'accelerator'.",
    check = "torch.__version__."},
}

rule {
  id = "hf.dataset-script",
  from = {"datasets"},
  signatures = {
    scripts = [[Dataset scripts are no longer supported, but found (?<script>[\w.-]+\.py)]],
    trust = [[trust_remote_code is not supported anymore\. Please check that the Hugging Face dataset]],
  },
  facts = {"python.packages.datasets.version"},
  specific_over = {"hf.version-conflict", "hf.trust-remote-code"},
  confidence = 0.93,
  why = {"The dataset is loaded by a script of its own, and datasets runs no such scripts from 4.0 on.",
    "The script is {script}.",
    "datasets is {fact:python.packages.datasets.version}."},
  when = function(_, log)
    return (log.scripts or log.trust and (log.trust.event.tier or 0) >= 3) and true
  end,
  fixes = {
    {install = "datasets", need = "<4", say = "Go back to datasets 3, which still runs it."},
    {code = true,
      say = "Or load a copy of the dataset that was converted to Parquet (its branch refs/convert/parquet)."},
  },
  doc = {looks = "'Dataset scripts are no longer supported, but found squad.py'.", check = "pip show datasets."},
}

rule {
  id = "hf.version-conflict/pickled",
  anyone = "interpreter",
  signatures = {
    class = [[AttributeError: Can't get attribute '(?<symbol>\w+)' on <module '(?<module>(?:transformers|diffusers]]
      .. [[|peft|tokenizers|accelerate|datasets|sentence_transformers)(?:\.[\w.]+)?)']],
  },
  confidence = 0.86,
  when = function(f, log)
    local package = know.distribution(log.class.module:match[[^\w+]])
    return {
      why = {"The file was saved whole by another release of " .. package .. ", in which {module} has {symbol}.",
        ("%s is {fact:python.packages.%s.version}."):format(package, package)},
      fixes = {{install = package, older = true,
        say = ("Install the %s that the file was saved with."):format(package)},
        {code = true, say = "Or save its weights alone (a state dict) there, and load them here."}}}
  end,
  doc = {looks = "'Can't get attribute 'T5DenseReluDense' on <module 'transformers.models.t5.modeling_t5''.",
    check = "The release that the file was saved with."},
}

-- A list of models that is empty says nothing of the model: the engine itself did not come up whole.
rule {
  id = "pip.broken-install/engine-source",
  from = {"engine"},
  signatures = {empty = [[are not supported for now\. Supported architectures: dict_keys\(\[\]\)]]},
  context = {unbuilt = [[No module named 'vllm\.(?:_C|_version)']]},
  facts = {"python.packages.vllm.version"},
  explains = {"vllm.arg-unsupported", "ext.abi-mismatch"},
  confidence = 0.84,
  title = "vLLM runs without its compiled part",
  when = function(_, log)
    local frames = log.empty.event.frames or {}
    local file = (frames[#frames] or {}).file or ""
    local source = not file:match[[(?:site|dist)-packages]] and file:match[[^(.*)[/\\]vllm[/\\]model_exec]]
    return {why = {"vLLM knows not one model, because importing its own modules failed.",
        source and ("It runs out of the folder of its sources (%s), where nothing was compiled."):format(source)},
      fixes = {source and {code = true, say = ("Start it from another folder than %s, so that the installed vLLM is "
          .. "imported."):format(source)}
        or {install = "vllm", fresh = true, say = "Lay vLLM down anew, in the build for this torch."},
        source and {install = "vllm", fresh = true, say = "Or install it, which compiles those parts or brings them."}
          or nil}}
  end,
  doc = {looks = "Model architectures ['LlamaForCausalLM'] are not supported for now. Supported architectures: "
    .. "dict_keys([])", check = "python3 -c 'import vllm; print(vllm.__file__)'."},
}

-- diffusers knows the classes that it may load by name; one that came later is none of them.
rule {
  id = "hf.version-conflict/component",
  from = {"diffusers"},
  signatures = {class = [[The component <class '(?<class>(?!\S+Placeholder)[\w.]+)'> of <class '[\w.]+'> cannot ]]
    .. [[be loaded as it does not seem to have any of the loading methods]]},
  facts = {"python.packages.diffusers.version"},
  confidence = 0.86,
  why = {"The pipeline's model_index.json names {class}, and this diffusers knows no way to load such a part: it is "
    .. "older than that class.", "diffusers is {fact:python.packages.diffusers.version}."},
  fixes = {{install = "diffusers", say = "Upgrade diffusers."},
    {code = true, say = "Or hand that part over, loaded by hand."}},
  doc = {looks = "The component <class ...> cannot be loaded as it does not seem to have any of the loading methods.",
    check = "pip show diffusers."},
}

rule {
  id = "hf.weights-mismatch/pipeline",
  from = {"diffusers", "app"},
  signatures = {parts = [[Pipeline <class '(?:[\w.]+\.)?(?<pipeline>\w+)'> expected \{(?<wanted>[^}\n]+)\}, but only ]]
    .. [[\{(?<given>[^}\n]*)\} were passed]]},
  confidence = 0.82,
  title = "the folder is of another pipeline than the one that loads it",
  when = function(_, log)
    local lacks = {}
    for part in log.parts.wanted:gmatch[['(\w+)']] do
      if not log.parts.given:find("'" .. part .. "'", 1, true) then lacks[#lacks + 1] = part end
    end
    return {why = ("%s is made of parts that the folder or repository does not have: %s."):format(log.parts.pipeline,
        table.concat(lacks, ", ")),
      fixes = {{code = true, kind = "param:model", say = "Load it by the class that its own model_index.json names "
          .. "(DiffusionPipeline finds it), or hand the missing parts over."},
        {install = "diffusers", say = "Where that class is the right one: upgrade diffusers, which then finds them."}}}
  end,
  doc = {looks = "Pipeline <class ...> expected {...}, but only {...} were passed.",
    check = "_class_name and the parts in the folder's model_index.json."},
}

-- distutils reads no release candidates: who gives it one was written before there was one.
rule {
  id = "hf.version-conflict/strict-version",
  anyone = "interpreter",
  signatures = {number = [[ValueError: invalid version number '(?<number>[^'\n]+)']]},
  confidence = 0.82,
  when = function(_, log)
    local frames = log.number.event.frames or {}
    local last, by = frames[#frames], nil
    if not last or not last.file:match[=[(?:distutils|setuptools[/\\]_distutils)[/\\]version\.py$]=] then return nil end
    for i = #frames - 1, 1, -1 do
      by = by or atlas.package_of(frames[i])
    end
    if not by or by == "" then return nil end
    return {why = ("%s compares versions by distutils, which cannot read '%s'."):format(by, log.number.number),
      fixes = {{install = by, say = ("Upgrade %s: newer releases read versions by another way."):format(by)}}}
  end,
  doc = {looks = "ValueError: invalid version number '0.17.0rc0', from distutils/version.py.",
    check = "Which package calls it."},
}

-- transformers tells the optimizer when it trains; accelerate 0.34.2 and later ask first whether it can hear that.
rule {
  id = "hf.version-conflict/optimizer",
  anyone = "interpreter",
  signatures = {train = [[AttributeError: '(?<class>\w+)' object has no attribute '(?:train|eval)']]},
  facts = {"python.packages.accelerate.version"},
  confidence = 0.9,
  when = function(_, log)
    local frames = log.train.event.frames or {}
    local last = frames[#frames]
    if not last or not last.file:match[=[accelerate[/\\]optimizer\.py$]=] then return nil end
    return {why = {"transformers calls train() of the optimizer, and accelerate hands that on to {class}, which has "
        .. "none: it is older than this transformers.", "accelerate is {fact:python.packages.accelerate.version}."},
      fixes = {{install = "accelerate", need = ">=0.34.2", say = "Upgrade accelerate."},
        {install = "transformers", need = "<4.45", say = "Or go back to the transformers of before."}}}
  end,
  doc = {looks = "'AdamW' object has no attribute 'train', from accelerate/optimizer.py.",
    check = "pip show accelerate transformers."},
}

-- starlette 0.29 put the request first, and 1.0 takes the old order no more: what was the name is the context now.
rule {
  id = "pip.conflict/template-response",
  anyone = "interpreter",
  signatures = {context = [[TypeError: (?:cannot use 'tuple' as a dict key \()?unhashable type: 'dict']]},
  confidence = 0.92,
  specific_over = {"app.bug"},
  when = function(_, log)
    local frames = log.context.event.frames or {}
    local called, caller
    for i, frame in ipairs(frames) do
      if frame.func:match[[\bTemplateResponse$]] and frame.file:match[=[starlette[/\\]templating\.py$]=] then
        called, caller = i, frames[i - 1]
      end
    end
    if not called then return nil end
    local by = caller and atlas.package_of(caller)
    return {title = "starlette is newer than the code that calls it",
      why = {"TemplateResponse() took the name before the request until starlette 1.0; the code that calls it still "
        .. "gives them in that order.", "starlette is {fact:python.packages.starlette.version}."},
      fixes = {{install = "starlette", need = "<1", say = "Go back to the last starlette that takes both."},
        (not by or by == "") and {code = true, say = "Or put the request first: TemplateResponse(request, name, "
          .. "context)."} or {install = by, say = ("Or upgrade %s."):format(by)}}}
  end,
  facts = {"python.packages.starlette.version"},
  doc = {looks = "TypeError: unhashable type: 'dict', below TemplateResponse() of starlette/templating.py.",
    check = "pip show starlette; the order of the arguments."},
}

-- A module of a package is missing and the package is there: another release of it. Which, the atlas says (names.lua);
-- of packages that it knows by their newer form only, it is the older one that is here. What a package's own private
-- parts lack is no matter of releases.
rule {
  id = "pip.conflict/older-package",
  anyone = "interpreter",
  role = "symptom",
  signatures = {module = [[ModuleNotFoundError: No module named '(?<top>openai|pydantic|starlette|anyio|httpx|numpy|]]
    .. [[google\.genai|langchain|gradio|gradio_client|mistralai|anthropic)\.(?<rest>(?!_)\w+(?:\.(?!_)\w+)*)']]},
  when = function(f, log)
    local package = know.distribution(log.module.top)
    if not package or (log.module.event.tier or 0) < 3 then return nil end
    return {confidence = 0.7, why = {("%s is installed, and its release has no part {rest}: what imports it was "
        .. "written for another one."):format(package),
        ("%s is {fact:python.packages.%s.version}."):format(package, package)},
      fixes = {{install = package, say = ("Upgrade %s."):format(package)},
        {install = package, older = true, say = "Or go back, if what imports it is the older one."}}}
  end,
  doc = {looks = "ModuleNotFoundError: No module named 'openai.types'.", check = "pip show of that package."},
}

-- Settings that pydantic reads from the environment: the name of the field is the variable's.
rule {
  id = "env.variable-ignored/settings",
  from = {"pydantic", "app", "other", "server"},
  signatures = {field = [[validation errors? for \w*(?:Settings|Config)\s+(?<variable>[A-Z][A-Z0-9_]{2,})\s+]]
    .. [=[Input should be (?:a |an )?(?:valid )?(?<kind>[a-z]+)[^\n]*input_value='(?<value>[^'\n]*)']=]},
  confidence = 0.86,
  title = "an environment variable holds what its program cannot read",
  when = function(_, log)
    local name, boolean = log.field.variable, log.field.kind == "boolean"
    if not log.has_frame[[pydantic_settings]] then return nil end
    return {why = {"{variable} has to be a {kind}.",
        log.field.value == "" and "It is set, and empty." or "It is {value}."},
      fixes = {boolean and {set = {[name] = "false"}, say = "Give it a value: false, or true."}
        or {unset = {name}, say = "Take it away, so that what the program takes by itself counts."},
        {code = true, kind = "env:" .. name, say = "Or take it out of the file (.env, compose) that sets it."}}}
  end,
  doc = {looks = "1 validation error for Settings, NAME, Input should be a valid boolean, input_value=''.",
    check = "env of the process; the .env file beside it."},
}

-- A library calls a method that somebody's subclass has overridden, and gives it one argument more than that one takes:
-- the override was written for an older release, before the argument came.
rule {
  id = "hf.version-conflict/override",
  title = "a subclass was written for an older release of the library that calls it",
  anyone = "interpreter",
  signatures = {arity = [[TypeError: (?:(?<class>\w+)\.)?(?<call>[a-z_]\w+)\(\) takes (?<takes>\d+) positional ]]
    .. [[arguments? but (?<given>\d+) were given]]},
  context = {source = [[\bself\.(?<method>[a-z_]\w+)\([^()\n]*?\b(?<last>\w+)\)\s*$]]},
  facts = {"python.packages.transformers.version"},
  when = function(f, log)
    local hit = log.arity
    local frames = hit.event.frames or {}
    local by = atlas.package_of(frames[#frames])
    if not CALLING[by or ""] or tonumber(hit.given) ~= tonumber(hit.takes) + 1 then return nil end
    local answer
    for _, line in ipairs(log.all"source") do
      if line.method == hit.call then
        answer = atlas.parameter(by, "Trainer." .. hit.call, line.last, f.pkg(by) or nil) or answer
      end
    end
    local since = answer and answer.state == "changed" and answer.newer and answer.newer:match[[^>=(\d[\d.]*)$]]
    return {hit = hit, confidence = since and 0.84 or 0.74,
      why = {("%s calls %s with an argument more than the overriding method takes: that one was written for an older "
        .. "release."):format(by, hit.call),
        since and ("Of the releases that were read, %s gives it one more from %s on."):format(by, since) or nil},
      fixes = {{install = by, need = since and "<" .. since or nil, older = not since or nil,
          say = ("Go back to the last %s that still calls it as it expects."):format(by)},
        {code = true, kind = "pip:package", say = "Or upgrade the package that brings the subclass; in a subclass of "
          .. "your own, let the method take the new argument too."}}}
  end,
  doc = {looks = "Trainer.training_step() takes 3 positional arguments but 4 were given, called from "
    .. "transformers/trainer.py.", check = "The signature of the overridden method in the installed release."},
}
