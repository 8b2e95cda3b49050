-- Windows: paths that are longer than its programs take.

-- How long the path is that could not be opened. Python doubles the backslashes of one that it quotes.
local function length(path)
  return #(path:gsub("\\\\", "\\"))
end

local HOW = {
  {words = [[(?i)\bgit\b|unable to create file|Filename too long]], setting = "git-long-paths",
    say = "Let git write them, and do the same again."},
  {words = "", setting = "long-paths", say = "Switch long paths on (in a PowerShell that was opened as administrator), "
    .. "start a new shell, and do the same again."},
}

rule {
  id = "pip.broken-install/long-path",
  title = "a path is longer than the 260 characters that Windows takes",
  from = {"installer", "hub", "app", "other", "compiler", "system", "torch", "kernels", "framework", "server"},
  signatures = {
    pip = [[not have Windows Long Path support enabled]],
    ninja = [[Filename longer than 260 characters]],
    code = [[\[WinError 206\]|os error 206\b|file ?name or extension is too long]],
    git = [[(?:error: unable to create file|fatal: cannot create directory at) [^\n]*Filename too long]],
    missing = [[No such file or directory: '(?<path>[A-Za-z]:\\[^'\n]{240,})']],
  },
  explains = {"hf.not-found", "hf.incomplete", "pip.conflict", "pip.module-missing"},
  confidence = 0.9,
  when = function(_, log)
    local hit = log.pip or log.ninja or log.git or log.code or log.missing
    if hit == log.missing and length(hit.path) < 255 then return nil end
    local how
    for _, one in ipairs(HOW) do how = how or hit.text:match(one.words) and one end
    local short = {host = true, kind = "os", say = hit == log.ninja and "Or build in a short folder: set TMP and TEMP "
      .. "to C:\\t, and lay the sources there (a ninja before 1.12 takes no long path at all)."
      or "Or work in a folder with a short path (C:\\w), with the environment and the caches (HF_HOME) in it."}
    return {hit = hit, fixes = {{setting = how.setting, kind = "os", say = how.say}, short}}
  end,
  why = "Windows refuses paths of more than 260 characters to programs while LongPathsEnabled is off.",
  doc = {looks = "Filename longer than 260 characters; [WinError 206]; No such file or directory: 'C:...' (long).",
    check = "reg query HKLM\\SYSTEM\\CurrentControlSet\\Control\\FileSystem /v LongPathsEnabled."},
}

-- Git's shell on Windows takes every argument that begins with a slash for a path of its own.
rule {
  id = "engine.arg-invalid/git-bash",
  from = {"container", "engine", "app", "other", "shell"},
  signatures = {path = [[\b(?<made>[A-Z]:[/\\]+Program Files[/\\]+Git[/\\]+(?<meant>[\w./-]+))]]},
  context = {fails = [[failed to stat|[Nn]o such file|invalid|not found|[Nn]ot absolute|not a directory|]]
    .. [[too many colons]]},
  all = {"fails"},
  explains = {"hf.not-found", "container.no-gpu", "container.entrypoint-broken"},
  confidence = 0.88,
  title = "Git Bash made a path of Windows out of one of the container's",
  why = "The shell of Git for Windows turned /{meant} into {made} before the program saw it.",
  when = function(_, log)
    if log.fails.line < log.path.line - 1 or log.fails.line > log.path.line + 1 then return nil end
    return {fixes = {{set = {MSYS_NO_PATHCONV = "1"},
        say = "Tell that shell to leave paths alone, then start it again."},
      {host = true, kind = "env:MSYS_NO_PATHCONV", say = "Or start it from PowerShell, or write two slashes."}}}
  end,
  doc = {looks = "failed to stat file C:/Program Files/Git/models.", check = "The shell in which docker was started."},
}

rule {
  id = "sys.arch/ape",
  from = {"shell", "app", "other", "system"},
  signatures = {ape = [[APE is running on WIN32 inside WSL]]},
  confidence = 0.93,
  title = "WSL hands a llamafile to Windows",
  why = "The file runs on Windows and Linux alike, and WSL takes it for a program of Windows before Linux can.",
  fixes = {{setting = "wsl-interop", kind = "os", say = "Let WSL leave such files to Linux."}},
  doc = {looks = "error: APE is running on WIN32 inside WSL.", check = "/proc/sys/fs/binfmt_misc."},
}
