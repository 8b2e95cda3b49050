-- What keeps a program from starting at all, or its first file from being written: an interpreter that does not find
-- its own library, scripts that name one which is gone, a limit on the size of files.

rule {
  id = "env.variable-ignored/pythonhome",
  anyone = "interpreter",
  signatures = {encodings = [[No module named '?encodings'?\s*$]]},
  context = {home = [[PYTHONHOME = '(?<home>[^']+)']]},
  facts = {"env.PYTHONHOME"},
  specific_over = {"pip.module-missing"},
  explains = {"pip.module-missing"},
  confidence = 0.93,
  when = function(f, log)
    local home = log.home and log.home.home or f.env"PYTHONHOME"
    if type(home) ~= "string" then return nil end
    return {why = ("PYTHONHOME sends this Python to %s for its own library, and what it needs first is not there: it "
      .. "cannot start."):format(home), fixes = {{unset = {"PYTHONHOME"}, say = "Unset it."}}}
  end,
  doc = {looks = "'init_fs_encoding: failed to get the Python codec', No module named 'encodings'.",
    check = "PYTHONHOME: it is right for the one Python only that it was set for."},
}

rule {
  id = "python.venv-dead/script",
  anyone = "system",
  signatures = {
    bash = [=[(?<script>/[^\s:]+/bin/(?<tool>[\w.-]+)): cannot execute: required file not found]=],
    interpreter = [=[(?<script2>/[^\s:]+/bin/(?<tool2>[\w.-]+)): (?<python>/[^\s:]*python[\d.]*): bad interpreter]=]
      .. [[: No such file or directory]],
  },
  when = function(f, log)
    local hit = log.interpreter or log.bash
    local script, name = hit.script or hit.script2, hit.tool or hit.tool2
    local package = know.distribution(name)
    -- a binary for another loader says the same
    if hit == log.bash and not f.pkg(package) then return nil end
    return {hit = hit, confidence = 0.88,
      why = {("The first line of %s names the Python that is to run it, and that is not there: its environment was "
        .. "moved or copied, or made with another Python."):format(script),
        hit == log.interpreter and "It names {python}." or nil},
      fixes = {{install = package, fresh = true, say = "Lay it down anew from where the environment is now: that "
        .. "writes its scripts again (or run it with python -m)."}}}
  end,
  doc = {looks = "'bad interpreter: No such file or directory', 'cannot execute: required file not found'.",
    check = "head -1 of the script; venvs cannot be moved."},
}

rule {
  id = "sys.ulimit/fsize",
  anyone = "system",
  signatures = {large = [[(?:\[Errno 27\] File too large|File size limit exceeded|\bSIGXFSZ\b)]]},
  facts = {"system.limits.fsize"},
  when = function(f, log)
    local limit = f"system.limits.fsize"
    if limit == "unlimited" then return nil end -- the file system's own bound
    return {confidence = limit and 0.93 or 0.75, why = {"A file may not become as large as this one: there is a limit "
      .. "on the size of files (ulimit -f).", "It is {fact:system.limits.fsize} bytes."},
      fixes = {{limit = "fsize", say = "Lift it."}}}
  end,
  doc = {looks = "'File too large', 'File size limit exceeded'.", check = "ulimit -f."},
}
