-- What a job's script does before its program starts: modules that are loaded, environments that are activated. Where
-- that failed, the program starts all the same, by another Python.

rule {
  id = "env.not-activated",
  from = {"shell", "installer", "app", "other"},
  anyone = {activate = "system"},
  signatures = {
    hook = [[Your shell has not been properly configured to use '(?:conda|mamba|micromamba) (?:de)?activate']],
    unknown = [[Could not find conda environment: (?<environment>\S+)|EnvironmentNameNotFound|]]
      .. [[EnvironmentLocationNotFound: Not a conda environment: \S+]],
    no_modules = [[\bmodule: command not found\s*$]],
    module = [[Unable to locate a modulefile for '(?<module>[\w./+-]+)']],
    lmod = [[The following module\(s\) are unknown]],
    activate = [[(?<path>\S*\bactivate): No such file or directory\s*$]],
  },
  context = {
    named = [[^\s*"(?<module>[A-Za-z][\w./+-]+)"\s*$]],
    lacks = [[No module named|: command not found|not found in \$PATH]],
  },
  explains = {"pip.module-missing", "app.bug", "sys.lib-missing"},
  when = function(_, log)
    local hit = log.hook or log.no_modules or log.module or log.lmod or log.unknown or log.activate
    local lacks = log.all"lacks"
    lacks = lacks[#lacks]
    if not lacks or lacks.line < hit.line or lacks.event.progress then return nil end -- it did without
    local fatal = log.fatal -- what ended it has to be what the environment would have brought
    if fatal and not (fatal.type or ""):match[[(?:ModuleNotFound|Import|FileNotFound)Error$]] then return nil end
    local module = log.module and log.module.module or log.lmod and log.named and log.named.module
    local base = module and module:match[[^([A-Za-z][A-Za-z_]*\d*)]]
    if hit == log.no_modules then
      return {hit = hit, confidence = 0.86, why = "The script calls module in a shell in which it was not set up, so "
        .. "nothing was loaded: what the modules bring is not there.",
        fixes = {{setting = "modules-init", kind = "code", say = "Put this line before the first module load in the "
          .. "script."}}}
    end
    local why = hit == log.hook and "The script calls conda activate in a shell that conda was not set up for, as "
        .. "those of jobs are: the environment stayed off, and another Python runs."
      or module and ("The script loads the module %s, which this machine does not offer: what it brings is not "
        .. "there."):format(module)
      or hit == log.unknown and "The script activates an environment that this machine does not have."
      or "The script activates an environment at a path where there is none."
    return {hit = hit, confidence = 0.9, why = why, fixes = {
      {setting = "conda-hook", kind = "code", say = "Put this line before conda activate in the script.",
        cond = function() return hit == log.hook end},
      {setting = "module-spider", need = base, kind = "code", say = "See what that module is called here, and what has "
        .. "to be loaded before it; then correct the script.", cond = function() return base ~= nil end},
      {code = true, say = "Correct the name or path of the environment in the script (conda env list shows them).",
        cond = function() return hit ~= log.hook and not base end}}}
  end,
  doc = {looks = "CommandNotFoundError: Your shell has not been properly configured to use 'conda activate'.",
    check = "which python in the script, behind the activation."},
}
