-- Tensors of one operation that lie on two devices: who placed the model, and who the input.

local TRAINER = [=[(?:transformers[/\\]trainer|trl[/\\]trainer|deepspeed[/\\]runtime[/\\]engine|data_parallel)]=]

rule {
  id = "app.bug/devices",
  from = {"torch"},
  signatures = {
    two = [[Expected all tensors to be on the same device, but (?:found at least two devices, (?<a>[\w:]+) and ]]
      .. [[(?<b>[\w:]+?)!|got \w+ is on (?<b2>[\w:]+), different from other tensors on (?<a2>[\w:]+))]],
    -- torch before 1.6
    early = any{
      [[[Ee]xpected device (?<a4>[\w:]+) but got (?:device )?(?<b4>[\w:]+)]],
      [[Expected object of (?:backend|device type) (?<a5>\w+) but got (?:backend|device type) (?<b5>\w+)]],
    },
    type = [[Input type \((?<a3>[\w.]+)\) and weight type \((?<b3>[\w.]+)\) should be the same]],
  },
  specific_over = {"app.bug"},
  when = function(_, log)
    local hit = log.two or log.early or log.type
    if (hit.event.tier or 0) < 3 then return nil end
    if hit == log.type then
      local cpu, gpu = hit.a3:has"cuda" and hit.b3 or hit.a3, hit.a3:has"cuda" ~= hit.b3:has"cuda"
      if not gpu then return nil end -- of two types on one device
      return {hit = hit, confidence = 0.78, why = ("The input and the weights are on different devices (%s is on the "
        .. "CPU)."):format(cpu), fixes = {{argument = "inputs", value = "inputs.to(model.device)",
        say = "Move the input to where the model is, before it is called."}}}
    end
    local a, b = hit.a or hit.a2 or hit.a4 or hit.a5:lower(), hit.b or hit.b2 or hit.b4 or hit.b5:lower()
    local why = {("One operation got tensors of %s and of %s."):format(a, b)}
    local gpus = a:match[[^cuda]] and b:match[[^cuda]]
    if gpus and log.has_frame(TRAINER) then
      why[2] = "The model was spread over several GPUs (device_map='auto') and is trained by a launcher that gives "
        .. "each process one of them, or by DataParallel."
      return {hit = hit, confidence = 0.72, why = why, fixes = {
        {argument = "device_map", value = "{'': PartialState().process_index}",
          say = "Give each process the whole model on its own GPU (from accelerate import PartialState)."},
        {set = {CUDA_VISIBLE_DEVICES = "0"}, say = "Or let one process see one GPU alone."}}}
    end
    if gpus then
      why[2] = "The model's layers lie on several GPUs; what is given to it, or what its own code makes, is on another "
        .. "one than the layer that gets it."
    end
    return {hit = hit, confidence = gpus and 0.68 or 0.74, why = why, fixes = {
      {argument = "inputs", value = "inputs.to(model.device)",
        say = "Move the input to where the model begins, before it is called."},
      gpus and {argument = "device_map", value = "{'': 0}", say = "Or place the model on one GPU, if it fits there."}
        or {code = true, say = "Or create what the code makes itself on the device of the model."},
      {code = true, kind = "pip:package", say = "Where the model's own code makes that tensor: upgrade it."}}}
  end,
  doc = {looks = "Expected all tensors to be on the same device, but found at least two devices, cuda:1 and cuda:0!",
    check = "model.hf_device_map; .device of what is given to the model."},
}
