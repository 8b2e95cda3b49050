-- Memory that fills up over time, by the readings that the program itself prints.

-- They rise from one to the next, and none of the steps is the most of it, as when weights are loaded.
local function rises(log)
  local first, last, most, falls, all = nil, nil, 0, 0, log.all"readings"
  for _, hit in ipairs(all) do
    local now = tonumber(hit.used) * (hit.unit:match"(?i)g" and 1024 or 1)
    most, falls = math.max(most, now - (last or now)), falls + (now <= (last or 0) and 1 or 0)
    first, last = first or now, now
  end
  return #all >= 5 and last > 1.15 * first and most < 0.5 * (last - first) and falls <= 0.2 * #all
end

rule {
  id = "oom.leak/readings",
  from = {"native", "engine", "hub", "app"},
  signatures = {full = [[(?:CUDA|HIP|XPU) out of memory\.? Tried to allocate]]},
  context = {
    readings = [[(?i)\bmem(?:ory)?(?:[ _]\w+)?\b[^\n\d]{0,12}(?<used>\d+(?:\.\d+)?) ?(?<unit>[MG])i?B\b]],
    loads = [[Loading (?:\w+ )?(?:checkpoint shards|pipeline components[.]*|weights)]],
  },
  facts = {"gpus.0.name", "gpus.0.memory.total"},
  specific_over = {"oom.activation", "oom.model-too-big"},
  when = function(_, log)
    local all = log.all"readings"
    if log.loads or not rises(log) then return nil end
    return {hit = log.full, confidence = 0.78, evidence = {all[1], all[#all]},
      why = "The program's own readings rise from one to the next until the GPU is full: something keeps tensors "
        .. "(history, caches, graphs) between requests or steps.",
      fixes = {{code = true, say = "Find what is kept (chat history, outputs on the GPU, a loss summed with its graph) "
          .. "and let it go: detach() or item() it, or clear it after each request."},
        {restart = "process", say = "Until then, restart the worker before it is full."}}}
  end,
  doc = {looks = "'memory 9120 MiB', 11300, 13480 ... and then CUDA out of memory.",
    check = "torch.cuda.memory_summary() between requests."},
}
