-- What hosts of workers (Modal) say where nothing of the worker ran.

rule {
  id = "container.entrypoint-broken/swallowed",
  title = "the image's entrypoint does not run what it is given",
  from = {"app", "other", "container", "orchestrator"},
  signatures = {idle = [[container exited successfully but never requested inputs]]},
  confidence = 0.9,
  why = "Modal starts its own program through the image's ENTRYPOINT, and that ended without running it.",
  fixes = {{code = true, kind = "rebuild:image", say = "Let the entrypoint end with exec \"$@\", or take it off in the "
    .. "program: Image.from_registry(...).entrypoint([])."}},
  doc = {looks = "Runner failed with exception: container exited successfully but never requested inputs.",
    check = "ENTRYPOINT of the image."},
}

rule {
  id = "container.image-pull/registry-ill",
  title = "the image's registry answers with an error of its own",
  from = {"app", "other", "container", "orchestrator"},
  signatures = {
    answer = [[\b(?:blob|manifest|layer|pull\w*)\b[^\n]*\bunexpected (?:HTTP )?status(?: code)?:? (?<status>5\d\d)]],
  },
  context = {pulled = [[^Status: (?:Downloaded newer image|Image is up to date)]]},
  confidence = 0.86,
  when = function(_, log)
    local hit = log.answer
    if log.fatal or hit.event.kind == "exception" or log.pulled and log.pulled.line > hit.line then return nil end
    return {}
  end,
  why = "The registry answered {status}: it is out of order, or cannot give this image (of a very old format, too).",
  fixes = {{wait = true, say = "Ask again in some minutes; where it stays, take a newer tag of that image."}},
  doc = {looks = "fetching blob: received unexpected HTTP status: 500 Internal Server Error.",
    check = "The registry's status page; a pull of the image elsewhere."},
}

rule {
  id = "job.unsatisfiable/space",
  title = "Hugging Face has no machine free for this Space",
  from = {"app", "other", "hub"},
  signatures = {none = [[Scheduling failure: (?:unable to schedule|not enough hardware capacity)]]},
  confidence = 0.9,
  why = "The Space was not started: no machine of its hardware is free.",
  fixes = {{wait = true, say = "Restart the Space later (its owner: Settings, Factory reboot), or choose other "
    .. "hardware for it."}},
  doc = {looks = "Scheduling failure: unable to schedule.", check = "The hardware in the Space's settings."},
}
