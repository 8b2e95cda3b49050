-- An image of a container before it runs: what its settings, its files and its first process will do. The rules speak
-- of `image` alone, which no running machine has.

local function image_of(f)
  local image = f"image"
  return type(image) == "table" and image or nil
end

-- Cards that NVIDIA lets no newer libcuda run on than their driver's own.
local function is_consumer(name)
  return type(name) == "string" and name:match[[(?i)\b(?:geforce|titan|[RG]TX \d{3,4})\b]]
end

rule {
  id = "container.no-init",
  severity = "warning",
  check = function(f)
    local image = image_of(f)
    local first = image and image.first
    if not first then return nil end
    local rest = {{container = "init", say = "Start it with an init of the runtime's own as its first process."},
      {host = true, kind = "rebuild:image",
        say = "Or put tini or dumb-init (or 'firstfix run --') in front of the ENTRYPOINT."}}
    if first.hands_over == false then
      local fix = first.kind == "script" and "Begin the script's last command with 'exec'."
        or "Write ENTRYPOINT and CMD as lists (CMD [\"python3\", \"handler.py\"]), without a shell."
      return {confidence = 0.85, why = {("The first process is a shell (%s), which stays and hands no signal on: the "
        .. "worker is not told to stop, and is killed when the grace period is over."):format(first.program)},
        evidence = {{fact = "image.first", value = first.program}},
        fixes = {{host = true, kind = "rebuild:image", say = fix}, rest[1], rest[2]}}
    end
    if first.kind == "python" then
      return {confidence = 0.5, why = {("The first process is Python itself (%s): as the first process of a container "
        .. "it ignores SIGTERM unless its code handles it, and nobody reaps what its children leave."):format(
          first.program)},
        evidence = {{fact = "image.first", value = first.program}}, fixes = rest}
    end
  end,
  doc = {looks = "The container takes ten seconds to stop and ends with 137; zombies pile up.",
    check = "docker inspect --format '{{.Config.Entrypoint}} {{.Config.Cmd}}' IMAGE"},
}

rule {
  id = "container.entrypoint-broken",
  check = function(f)
    local image = image_of(f)
    local first = image and image.first
    if not first then return nil end
    local what = first.exists == false and "is not in the image" or first.executable == false
      and "may not be executed" or first.carriage_return
      and "begins with a line that ends in a carriage return, so that its interpreter is not found"
    if not what then return nil end
    local say = first.executable == false and ("RUN chmod +x %s in the Dockerfile."):format(first.program)
      or first.carriage_return and "Save it with Unix line ends (git: eol=lf), and build the image anew."
      or "Correct the path in ENTRYPOINT or CMD, or copy the file into the image."
    return {confidence = 0.9, why = {("The container's first process, %s, %s: it will not start."):format(
        first.program, what)},
      evidence = {{fact = "image.first", value = first.program}},
      fixes = {{host = true, kind = "rebuild:image", say = say}}}
  end,
  doc = {looks = "exec: \"/start.sh\": no such file or directory, permission denied, at the container's start.",
    check = "docker run --rm --entrypoint ls IMAGE -l PATH"},
}

rule {
  id = "container.secret-in-image",
  severity = "warning",
  check = function(f)
    local image = image_of(f)
    local secrets = list(image and image.secrets)
    if #secrets == 0 then return nil end
    local places, removed = {}, nil
    for i, s in ipairs(secrets) do
      if i <= 5 then places[i] = tostring(s["in"]) end
      if s.removed then removed = tostring(s["in"]) end
    end
    return {confidence = 0.9, why = {("Whoever may pull the image can read a secret in it: %s."):format(
        table.concat(places, ", ")),
      removed and ("%s was deleted in a later layer, which takes it out of no earlier one."):format(removed) or nil},
      evidence = {{fact = "image.secrets", value = secrets[1]["in"]}},
      fixes = {{host = true, kind = "rebuild:image", say = "Give it when the container starts (-e NAME, a secret of "
        .. "the orchestrator) or to one build step alone (RUN --mount=type=secret), and build the image anew."},
        {host = true, kind = "auth", say = "Revoke the one that was in the image."}}}
  end,
  doc = {looks = "A token in ENV, in a RUN line, or in a file of a layer.",
    check = "docker history --no-trunc IMAGE; firstfix check --image IMAGE --json"},
}

-- Bases of languages and distributions, which set nothing for a GPU; those of CUDA do, of others nobody here knows.
local plain = {python = true, ubuntu = true, debian = true, almalinux = true, rockylinux = true, fedora = true,
  ["continuumio/miniconda3"] = true}

rule {
  id = "container.no-gpu/capabilities",
  check = function(f)
    local image = image_of(f)
    if not image or not image.configured or type(f"torch.cuda") ~= "string" then return nil end
    local caps, visible = f.env"NVIDIA_DRIVER_CAPABILITIES", f.env"NVIDIA_VISIBLE_DEVICES"
    if type(caps) == "string" and caps ~= "" and not caps:match[[\b(?:all|compute)\b]] then
      return {confidence = 0.92, why = {("NVIDIA_DRIVER_CAPABILITIES is %s in this image: without compute the toolkit "
        .. "mounts no libcuda."):format(caps)},
        evidence = {"env.NVIDIA_DRIVER_CAPABILITIES"},
        fixes = {{host = true, kind = "env:NVIDIA_DRIVER_CAPABILITIES",
            say = "ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility in the Dockerfile."},
          {container = "capabilities", say = "Or say it when the container starts."}}}
    end
    if visible == "void" or visible == "none" then
      return {confidence = 0.92, why = {("NVIDIA_VISIBLE_DEVICES is %s in this image: the toolkit gives it no "
        .. "GPU."):format(visible)}, evidence = {"env.NVIDIA_VISIBLE_DEVICES"},
        fixes = {{host = true, kind = "env:NVIDIA_VISIBLE_DEVICES",
          say = "ENV NVIDIA_VISIBLE_DEVICES=all in the Dockerfile."}}}
    end
    local base = f"requirements.base" -- a Dockerfile's image is more than its own lines
    if caps or visible or base and not plain[base] then return nil end
    return {confidence = 0.6, severity = "warning", why = {"The image sets neither NVIDIA_VISIBLE_DEVICES nor "
      .. "NVIDIA_DRIVER_CAPABILITIES: it gets a GPU from --gpus and from device plugins, and none where the NVIDIA "
      .. "runtime is only the default one."}, evidence = {"image.kind"},
      fixes = {{host = true, kind = "env:NVIDIA_VISIBLE_DEVICES",
        say = "ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility in the Dockerfile."}}}
  end,
  doc = {looks = "torch.cuda.is_available() is False, and nvidia-smi is there (or nothing is).",
    check = "docker inspect --format '{{.Config.Env}}' IMAGE"},
}

rule {
  id = "container.driver-files-in-image/check",
  explains = {"driver.library-mismatch"},
  check = function(f)
    if not image_of(f) then return nil end
    for _, library in ipairs(list(f"driver.user_libraries")) do
      local path = tostring(library.path)
      if not path:match[[/compat/|/stubs/]] then
        return {confidence = 0.85, why = {("A file of the driver is in the image: %s. It belongs to the host, whose "
          .. "own is mounted there when the container starts; two versions do not work together."):format(path)},
          evidence = {{fact = "driver.user_libraries", value = path}},
          fixes = {{host = true, kind = "rebuild:image",
            say = "Build the image anew without the driver's files (libnvidia-*, libcuda.so.*, nvidia-smi): not by "
              .. "'docker commit' of a GPU container, not with the NVIDIA runtime as default, and without a driver "
              .. "package."}}}
      end
    end
  end,
}

rule {
  id = "driver.forward-compat/image",
  check = function(f)
    local path, gpu = f.env"LD_LIBRARY_PATH", f"gpus.0.name"
    if not image_of(f) or type(path) ~= "string" then return nil end
    for _, folder in ipairs(path:split(":")) do
      for _, library in ipairs(list(f"driver.user_libraries")) do
        local place = tostring(library.path)
        if folder:match[[compat]] and place:match[[/compat/]] and is_consumer(gpu) then
          return {confidence = 0.9, why = {("LD_LIBRARY_PATH names %s, so that %s is loaded in place of the host's "
            .. "libcuda, and %s does not allow that: only data-centre cards do."):format(folder, place, gpu)},
            evidence = {"env.LD_LIBRARY_PATH", {fact = "driver.user_libraries", value = place}, "gpus.0.name"},
            fixes = {{host = true, kind = "env:LD_LIBRARY_PATH",
              say = ("Take %s off LD_LIBRARY_PATH in the Dockerfile."):format(folder)}}}
        end
      end
    end
  end,
}

-- Packages that compile CUDA code while they run, and what spares them that.
local compilers = {
  {name = "flashinfer-python", spared = "flashinfer-jit-cache"},
  {name = "deepspeed"},
}

rule {
  id = "cuda.nvcc-missing/image",
  severity = "warning",
  check = function(f)
    local cu, programs = f"torch.cuda", f"system.programs"
    if not image_of(f) or type(cu) ~= "string" or type(programs) ~= "table" or programs.nvcc
      or f"cuda.toolkit.nvcc" then return nil end
    for _, c in ipairs(compilers) do
      if f.pkg(c.name) and not (c.spared and f.pkg(c.spared)) then
        return {confidence = 0.6, why = {("%s compiles CUDA code while it runs, and there is no nvcc in the image (a "
          .. "runtime image has none)."):format(c.name), "torch is built for CUDA {fact:torch.cuda}."},
          evidence = {"torch.cuda"},
          fixes = {c.spared and {install = c.spared, say = "Install its kernels ready-made."} or nil,
            {host = true, kind = "toolkit", say = "Start from the -devel image of that CUDA, or install cuda-nvcc."}}}
      end
    end
  end,
}

-- Models that the image holds whole.
local function held(f)
  local models = {}
  for _, repo in ipairs(list(image_of(f) and f"model.repos")) do
    if repo.type == "model" and repo.weights and (repo.incomplete or 0) == 0 and not repo.missing then
      models[#models + 1] = {name = repo.name, bytes = repo.weights, fact = "model.repos"}
    end
  end
  return models
end

-- What --model says that it will load; nil where the image holds it.
local function awaited(f)
  local model = f"planned.model"
  for _, repo in ipairs(type(model) == "table" and held(f) or {}) do
    if repo.name == model.name then return nil end
  end
  return type(model) == "table" and {name = model.name, bytes = model.bytes, fact = "planned.model"} or nil
end

rule {
  id = "oom.model-too-big/image",
  check = function(f)
    local gpus, total, models = f.gpus(), f"gpus.0.memory.total", held(f)
    if #gpus == 0 or not total then return nil end
    models[#models + 1] = awaited(f)
    for _, model in ipairs(models) do
      if model.bytes > total * #gpus then
        return {confidence = 0.9, why = {("The weights of %s take %s, and the GPU has %s: they do not fit."):format(
            model.name, size(model.bytes), size(total))},
          evidence = {{fact = model.fact, value = model.name}, "gpus.0.memory.total"},
          fixes = {{hardware = true, kind = "hardware", say = ("Take a GPU with more memory, or share the model out; "
            .. "'firstfix fit %s' says what fits."):format(model.name)}}}
      end
    end
  end,
}

-- The first start downloads the model, unless the image brings it.
rule {
  id = "disk.full/planned",
  title = "the disk that it is to run on has no room for the model",
  check = function(f)
    local free, model = f"planned.disk.free", awaited(f)
    if not free then return nil end
    if model and model.bytes > free then
      return {confidence = 0.9, why = {("%s takes %s, and %s are free where it is to run: its download will break "
          .. "off."):format(model.name, size(model.bytes), size(free))},
        evidence = {{fact = "planned.model", value = model.name}, {fact = "planned.disk", value = size(free)}},
        fixes = {{host = true, kind = "disk", say = ("Give it a disk with more than %s free, or mount a volume and "
            .. "point HF_HOME at it."):format(size(model.bytes))},
          {host = true, kind = "rebuild:image", say = "Or bring the model in the image."}}}
    end
    if not f"planned.model" and free < 5 << 30 then
      return {confidence = 0.6, severity = "warning", why = {("%s are free where it is to run; a model of 7 billion "
          .. "parameters takes 13 GiB in 16 bits (--model says of yours)."):format(size(free))},
        evidence = {{fact = "planned.disk", value = size(free)}},
        fixes = {{host = true, kind = "disk",
          say = "Give it a larger disk, or mount a volume and point HF_HOME at it."}}}
    end
  end,
}

rule {
  id = "container.no-gpu/compose",
  check = function(f)
    local engine = f.pkg"vllm" and "vllm" or f.pkg"sglang" and "sglang" or f.pkg"torch" and "torch"
    if f"requirements.settings.gpu" ~= false or not engine or f"torch.cuda" == false then return nil end
    return {confidence = 0.8, why = {("The compose file runs %s and reserves no GPU for it."):format(engine)},
      evidence = {"requirements.kind"},
      fixes = {{container = "gpus", say = "Reserve the GPUs of the service."}}}
  end,
}
