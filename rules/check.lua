-- What only facts can tell, before anything has failed: `firstfix check`. Checks that belong to a failure with a log of
-- its own stand with it in the other files.

local function folder_of(path)
  return path:match[[^(.*)/[^/]*$]] or path
end

rule {
  id = "env.allocator-invalid",
  from = {"torch"},
  signatures = {
    unrecognized = [[Unrecognized ]] .. any{
      [[CachingAllocator option:?]],
      [[config option:?]],
      [[key(?= ['"]\w+['"] in \w+ allocator)]],
    } .. [[ ?['"]?(?<key>\w+)]],
    parser = [[(?:AllocatorConfig|CUDAAllocatorConfig|CachingAllocator\w*)\.(?:cpp]]
      .. [[|h):\d+[^\n]{0,120}(?:Expected|Error, expect|Unrecognized|option)]],
    value = any{
      [[Error, expecting \d* ?for]],
      [[Expected a single (?:True/False|True or False) argument for]],
      [[(?:Invalid|invalid) value for]],
    } .. [[ (?<setting>expandable_segments|max_split_size_mb|garbage_collection_threshold]]
      .. [[|roundup_power2_divisions|pinned_\w+|backend)]],
    too_small = [[CachingAllocator option (?<option>\w+) too (?:small|big|large)]],
  },
  facts = {"allocator.name", "allocator.value", "torch.version"},
  applies = {"torch"},
  confidence = 0.93,
  why = {"torch refuses its allocator settings: a key or value that this version does not know raises at the first "
    .. "use of CUDA.",
    "{fact:allocator.name} is {fact:allocator.value}."},
  fixes = {
    {unset = {"PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"},
      say = "Unset the variable, or keep only settings that this torch knows (Booleans are exactly "
        .. "True or False).",
      automatic = true},
  },
  check = function(f)
    local bad = list(f"allocator.errors")[1]
    if not bad then return nil end
    local name = f"allocator.name" or "PYTORCH_CUDA_ALLOC_CONF"
    local kept = {} -- the settings that are right
    for key, value in pairs(list(f"allocator.keys")) do
      local wrong = false
      for _, e in ipairs(f"allocator.errors") do wrong = wrong or e.key == key end
      if not wrong then kept[#kept + 1] = key .. ":" .. tostring(value) end
    end
    table.sort(kept)
    local value = table.concat(kept, ",")
    return {confidence = 0.93, why = {("%s holds '%s:%s': %s. torch raises at the first use of CUDA."):format(name,
        bad.key, tostring(bad.value), bad.text), "torch is {fact:torch.version}."},
      fixes = {#kept > 0 and {set = {[name] = value}, say = "Keep only the settings that this torch takes.",
        automatic = true}
        or {unset = {name}, say = "Unset it.", automatic = true}}}
  end,
  doc = {looks = "'Unrecognized CachingAllocator option' or 'Expected a single True/False argument' at the first use "
    .. "of CUDA.",
         check = "PYTORCH_CUDA_ALLOC_CONF (PYTORCH_ALLOC_CONF from torch 2.10 on) against the keys of the installed "
           .. "torch."},
}

local refused = {malformed = true, absent = true, empty = true} -- its default is better than such a value

rule {
  id = "env.variable-ignored",
  severity = "warning",
  check = function(f)
    local said, names = {}, {}
    for _, note in ipairs(list(f"env_notes")) do
      if note.name ~= "CUDA_VISIBLE_DEVICES" and #said < 6 then
        said[#said + 1] = ("%s (%s): %s."):format(note.name, note.kind, note.text)
        names[#names + 1] = "env." .. note.name
      end
    end
    if #said == 0 then return nil end
    local first = list(f"env_notes")[1].name
    return {confidence = 0.8, why = said, evidence = names,
      fixes = {refused[list(f"env_notes")[1].kind] and {unset = {first}, effect = {["env_notes"] = {}},
          say = "Unset it, or give it a value that it can have."}
        or {host = true, kind = "env:" .. first,
          say = "Correct or remove what is deprecated, ignored or malformed; use the name that is given."}}}
  end,
  doc = {looks = "A setting has no effect; a warning that a variable is deprecated.",
    check = "env_notes in the report: name, kind and what takes its place."},
}

rule {
  id = "cuda.lib-conflict/check",
  applies = {"torch"},
  check = function(f)
    local worst
    for _, c in ipairs(list(f"cuda.conflicts")) do
      if not worst or c.missing_symbols and not worst.missing_symbols then worst = c end
    end
    if not worst then return nil end
    local variable, lacks = worst.variable, list(worst.missing_symbols)[1]
    local fixes = {}
    if variable then
      fixes[1] = {drop = variable, entry = folder_of(tostring(worst.chosen)),
        say = ("Take the folder of %s off %s."):format(tostring(worst.chosen), variable),
        effect = {["cuda.conflicts"] = {}}}
    end
    fixes[#fixes + 1] = {install = "torch", fresh = true,
      say = "Or reinstall torch with the nvidia-* packages that it asks for."}
    return {confidence = lacks and 0.9 or 0.5, severity = lacks and "error" or "warning",
      why = {("%s is loaded from %s instead of %s (%s)."):format(tostring(worst.library), tostring(worst.chosen),
        tostring(worst.expected or "torch's own"), tostring(worst.because or "its place")),
             lacks and ("It lacks %s, which %s needs."):format(lacks, tostring(worst.needed_by or "torch")) or nil},
      evidence = {"cuda.conflicts"}, fixes = fixes}
  end,
}

rule {
  id = "torch.torchvision-mismatch/check",
  applies = {"torch"},
  check = function(f)
    for _, p in ipairs(list(f"torch.partners")) do
      if p.fits == false then
        return {confidence = 0.85, severity = "warning",
          why = ("%s %s does not belong to torch {fact:torch.version}, which goes with %s."):format(p.package, p.found,
            p.wants), evidence = {"torch.partners"},
          fixes = {{install = p.package, need = p.wants, say = "Install the release that goes with this torch."}}}
      end
    end
  end,
}

rule {
  id = "hf.incomplete/check",
  severity = "warning",
  check = function(f)
    for _, repo in ipairs(list(f"model.repos")) do
      if (repo.incomplete or 0) > 0 then
        return {confidence = 0.6, why = ("%d downloads of %s broke off or still run."):format(repo.incomplete,
          repo.name), evidence = {"model.repos"},
          fixes = {{fetch = true, say = "Download it again to the end."}}}
      end
    end
  end,
}

rule {
  id = "oom.host/check",
  severity = "warning",
  check = function(f)
    local room = f"system.memory.limit" or f"system.memory.total"
    if not room then return nil end
    for _, repo in ipairs(list(f"model.repos")) do
      local least = repo.type == "model" and (repo.weights
        or type(repo.config) == "table" and know.least_weights(repo.config))
      if least and least > room then
        return {confidence = 0.6,
          why = ("The weights of %s take at least %.1f GiB, and this container may use %.1f GiB of memory: loading "
            .. "them whole into host memory will be killed."):format(repo.name, least / (1 << 30), room / (1 << 30)),
          evidence = {"system.memory.limit", "system.memory.total"},
          fixes = {{hardware = true, say = "Give the container more memory."},
            {argument = "low_cpu_mem_usage",
              say = "Load safetensors straight to the GPU (device_map, low_cpu_mem_usage), one shard at a time."}}}
      end
    end
  end,
}

rule {
  id = "gpu.ecc/check",
  check = function(f)
    for _, gpu in ipairs(f.gpus()) do
      local ecc = list(gpu.ecc)
      local rows, pages = list(ecc.remapped_rows), list(ecc.retired_pages)
      local name = ("GPU %s (%s)"):format(tostring(gpu.index or 0), gpu.name or "?")
      if rows.failed then
        return {confidence = 0.9, why = name .. " could not remap a faulty row of its memory: it has to be replaced.",
          evidence = {"gpus"}, fixes = {{hardware = true, say = "Take this GPU out of service and have it replaced."}}}
      end
      if rows.pending or pages.pending then
        return {confidence = 0.85, severity = "warning",
          why = name .. " waits for a reset to take a faulty row or page of its memory out of use.",
          evidence = {"gpus"}, fixes = {{restart = "gpu", say = "Reset the GPU or reboot the host when it is idle."},
            {hardware = true, say = "If it comes back, have the GPU replaced."}}}
      end
      if (ecc.uncorrected or 0) > 0 then
        return {confidence = 0.8, severity = "warning",
          why = ("%s counts %d uncorrected memory errors since the driver was loaded."):format(name, ecc.uncorrected),
          evidence = {"gpus"}, fixes = {{restart = "process", say = "Reset the GPU or reboot the host."},
            {hardware = true, say = "If it comes back, have the GPU replaced."}}}
      end
    end
  end,
}

rule {
  id = "bnb.dependency-missing/check",
  applies = {"torch"},
  check = function(f)
    if not f"torch.cuda" then return nil end
    for _, need in ipairs(list(f"bitsandbytes.needs")) do
      if not need.path and need.soname ~= "libcuda.so.1" then
        return {confidence = 0.85, severity = "error",
          why = ("The library that bitsandbytes would load needs %s, and nothing "
            .. "provides it."):format(tostring(need.soname)), evidence = {"bitsandbytes.needs"},
          fixes = {{host = true, kind = "env:LD_LIBRARY_PATH",
            say = "Put the folder that holds it on LD_LIBRARY_PATH."},
            {install = "torch", say = "Or reinstall torch with its nvidia-* packages."}}}
      end
    end
  end,
}

rule {
  id = "bnb.arch-unsupported/check",
  applies = {"torch"},
  check = function(f)
    local archs = f"bitsandbytes.archs"
    if type(archs) ~= "table" or #archs == 0 or not f"bitsandbytes.found" then return nil end
    for _, gpu in ipairs(f.gpus()) do
      local cc = gpu.compute_capability or gpu.name and know.gpu_cc(gpu.name)
      if cc and (gpu.vendor or "nvidia") == "nvidia" and know.arch_covers(archs, {}, cc) == "none" then
        return {confidence = 0.85, severity = "warning",
          why = ("%s has compute capability %s, and %s carries no code for it."):format(gpu.name or "The GPU", cc,
            f"bitsandbytes.wanted" or "bitsandbytes"), evidence = {"bitsandbytes.archs"},
          fixes = {{install = "bitsandbytes", say = "Install a release whose library covers this GPU."}}}
      end
    end
  end,
}
