-- A libcuda that is not the driver's own: that of forward compatibility, and the toolkit's stub.

-- The driver of a toolkit's first release: it runs everything of that CUDA.
local function driver_of(cuda)
  local _, _, own = know.driver_runs("1.0", cuda or "0")
  return own ~= "" and own or nil
end

local function without(part, say)
  return {drop = "LD_LIBRARY_PATH", like = part, say = say}
end

rule {
  id = "driver.forward-compat",
  lasts = "start",
  from = {"native", "container", "torch"},
  anyone = {code = "code"},
  signatures = {
    text = [[forward compatibility was attempted on non[- ]supported (?:HW|hardware)]],
    code = codes"driver.forward-compat",
  },
  context = {built = [[built for (?:NVIDIA )?Driver Release (?<need>\d[\d.]+) or later]],
    image = [[^CUDA Version (?<image>\d+\.\d+)(?:\.\d+)?$]]}, -- NVIDIA's base images say so when they start
  facts = {"driver.version", "env.LD_LIBRARY_PATH", "gpus.0.name"},
  explains = {"torch.cpu-build", "torch.driver-too-old", "host.no-gpu", "container.no-gpu"},
  when = function(f, log)
    local up = {driver = "upgrade", need = log.built and log.built.need,
      say = "Upgrade the host's driver to one that runs this CUDA itself."}
    if log.built then return {confidence = 0.93, evidence = {log.built}, fixes = {up}} end
    if log.image and not f.env"LD_LIBRARY_PATH" then -- the container toolkit put the image's compat libraries first
      up.need = driver_of(log.image.image)
      return {confidence = 0.93, evidence = {log.image}, fixes = {up, {code = true, kind = "env:LD_LIBRARY_PATH",
        say = "Or take an image of the CUDA that this driver runs, or take the folder compat out of this one."}}}
    end
    return {confidence = 0.93, fixes = {
      without("compat", "Take the cuda-compat folder off the library path (LD_LIBRARY_PATH, "
        .. "/etc/ld.so.conf.d), so that the host's libcuda.so.1 is used."),
      {driver = "upgrade", need = driver_of(f"torch.cuda" or nil),
        say = "Or upgrade the host's driver to one that runs this CUDA itself."}}}
  end,
  why = "A cuda-compat libcuda is loaded in place of the host's, and this GPU does not allow forward compatibility "
    .. "(only data-centre cards do).",
  check = function(f)
    if f"cuda.driver_init.code" ~= 804 then return nil end
    return {confidence = 0.93, why = "cuInit answers 804: a cuda-compat libcuda was loaded, and this GPU does not "
      .. "allow forward compatibility.", evidence = {"cuda.driver_init"},
      fixes = {without("compat", "Take the cuda-compat folder off the library path, so that the host's "
        .. "libcuda.so.1 is used."),
        {driver = "upgrade", need = driver_of(f"torch.cuda" or nil),
          say = "Or upgrade the host's driver to one that runs this CUDA itself."}}}
  end,
  doc = {looks = "Error 804: forward compatibility was attempted on non supported HW.",
    check = "Which libcuda.so.1 is loaded (firstfix report --only cuda)."},
}

rule {
  id = "cuda.stub-loaded",
  lasts = "start",
  from = {"native"},
  anyone = {stub = "code"},
  signatures = {stub = codes"cuda.stub-loaded"},
  facts = {"env.LD_LIBRARY_PATH"},
  explains = {"host.no-gpu", "container.no-gpu", "torch.cpu-build"},
  specific_over = {"cuda.lib-conflict"},
  when = function(f)
    return {confidence = 0.95, fixes = {without("stubs", "Take the .../stubs folder off LD_LIBRARY_PATH.")}}
  end,
  why = "The toolkit's stub libcuda (made for linking only) was loaded instead of the driver's.",
  check = function(f)
    if f"cuda.driver_init.code" ~= 34 then return nil end
    return {confidence = 0.95, evidence = {"cuda.driver_init"},
      why = "cuInit answers 34: the toolkit's stub libcuda was loaded instead of the driver's.",
      fixes = {without("stubs", "Take the .../stubs folder off LD_LIBRARY_PATH.")}}
  end,
  doc = {looks = "'CUDA driver is a stub library', error 34.", check = "A stubs folder on LD_LIBRARY_PATH."},
}
