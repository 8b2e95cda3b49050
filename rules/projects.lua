-- A project of the user's own that is imported or asked for and not installed: what lies in its folder is not yet a
-- package of the interpreter. And one whose link leads to where nothing is any more.

local function plain(name)
  return (tostring(name):lower():gsub([[[-_.]+]], "-"))
end

-- The project of that name in the worker's folder, below it, or beside a source tree that is gone.
local function project_of(f, name)
  for _, project in ipairs(list(f"workdir.projects")) do
    if plain(project.name) == plain(name) then return project end
  end
end

-- Who asked for the metadata: the last frame that is not of what looks it up.
local function asker(event)
  local frames = event.frames or {}
  for i = #frames, 1, -1 do
    if not frames[i].file:match[[/importlib/|/importlib_metadata/|/pkg_resources/|^<frozen ]] then return frames[i] end
  end
end

-- Code of a project asks for that project: the folder that it lies in has its name, or it is the program that an
-- installer wrote for it.
local function asks_of_itself(hit, name)
  local frame = asker(hit.event)
  if not frame then return hit.text:has"required by the application" end
  if frame.func:match[[importlib_load_entry_point]] then return true end
  if atlas.package_of(frame) then return false end
  for folder in frame.file:gmatch[[([\w.-]+)/]] do
    if plain(folder) == plain(name) then return true end
  end
  return false
end

local function link(name, project)
  return {link = name, source = project and project.path, kind = "pip:" .. name,
    say = project and "Install the project itself, as a link to its source."
      or "Install the project itself: run this in its folder, which holds its pyproject.toml (or setup.py)."}
end

local function answer(hit, name, project, why)
  return {hit = hit, confidence = project and 0.92 or 0.84, why = {why,
      project and ("%s is the project of that name."):format(project.path) or nil},
    evidence = project and {{fact = "workdir.projects", value = ("%s: %s"):format(project.name, project.path)}} or nil,
    fixes = {link(name, project)}}
end

rule {
  id = "pip.module-missing/own-project",
  title = "the project itself is not installed",
  anyone = "interpreter",
  signatures = {
    metadata = any{
      [[PackageNotFoundError: (?:No package metadata was found for (?!The ')|(?!The '|No package))(?<project>[\w.-]+)]],
      [[The '(?<project2>[\w.-]+)[^']*' distribution was not found and is required]],
    },
    generated = [=[ModuleNotFoundError: No module named '(?<package>\w+)\.]=]
      .. [=[(?:_version|version|__version__|_scmversion)'\s*$]=],
    module = [=[ModuleNotFoundError: No module named '(?<module>[A-Za-z_]\w*)'\s*$]=],
  },
  facts = {"workdir.projects"},
  specific_over = {"pip.module-missing", "app.bug"},
  when = function(f, log)
    local hit = log.metadata or log.generated or log.module
    local name = hit.project or hit.project2 or hit.package or know.distribution(hit.module)
    local project = project_of(f, name)
    if know.package(name) or f.pkg(name) then return nil end
    if hit == log.metadata and (project or asks_of_itself(hit, name)) then
      return answer(hit, name, project, ("The program asks for the metadata of %s, its own project, and that is "
        .. "written when the project is installed."):format(name))
    elseif hit == log.generated and (project or asks_of_itself(hit, name)) then
      return answer(hit, name, project, ("The file with the version of %s is written when the project is installed "
        .. "or built; a source tree alone has none."):format(name))
    elseif hit == log.module and project then
      return answer(hit, name, project, ("%s is a project of this folder, and it is not installed in the interpreter "
        .. "that runs."):format(name))
    end
  end,
  doc = {looks = "PackageNotFoundError of the program's own project, or of its generated version file.",
    check = "pip list: is the project there? Its folder has a pyproject.toml or setup.py."},
}

-- ---- a source tree that is linked, and is not there any more ----

-- (name, where it lay, version) of an editable package; with a module the one that must bring it.
local function source_gone(f, module)
  local names = {}
  for name, entry in pairs(list(f"python.packages")) do
    local same = not module or plain(know.distribution(module)) == name
    if type(entry) == "table" and entry.gone and same then names[#names + 1] = name end
  end
  table.sort(names)
  return names[1], names[1] and tostring(f"python.packages"[names[1]].source):gsub("^file://", "")
end

local function source_answer(f, module)
  local name, path = source_gone(f, module)
  if not name then return nil end
  local project, effect = project_of(f, name), {["python.packages." .. name .. ".gone"] = false}
  local again = {code = true, kind = "pip:" .. name, say = ("Put its source back to %s, or install it again from where "
    .. "it lies now, as an editable package."):format(path)}
  if project then
    again = link(name, project)
    again.effect, again.say = effect, "Link it again, from where its source lies now."
  end
  return {confidence = 0.9, title = "the source tree of an editable package is gone",
    why = {("%s was installed as a link to its source in %s, and nothing is there any more."):format(name, path),
      project and ("A project of that name lies in %s."):format(project.path) or nil},
    evidence = {{fact = "python.packages", value = ("%s: %s"):format(name, path)},
      project and {fact = "workdir.projects", value = project.path} or nil},
    fixes = {not project and know.package(name) and {install = name, newest = true, effect = effect,
      say = "Where the released package will do, install that."} or again,
      not project and know.package(name) and again or nil}}
end

rule {
  id = "pip.broken-install/editable",
  anyone = "interpreter",
  signatures = {
    module = [=[ModuleNotFoundError: No module named '(?<module>[A-Za-z_]\w*)[\w.]*']=],
    metadata = [[PackageNotFoundError: (?:No package metadata was found for )?(?<module2>[\w.-]+)]],
  },
  facts = {"python.packages", "workdir.projects"},
  specific_over = {"pip.module-missing"},
  when = function(f, log)
    local hit = log.module or log.metadata
    local told = source_answer(f, hit.module or hit.module2)
    if told then told.hit = hit end
    return told
  end,
  check = function(f)
    local told = source_answer(f)
    if told then told.severity = "warning" end
    return told
  end,
  doc = {looks = "No module named '...' of a package that pip list shows.",
    check = "direct_url.json of the package, or __editable__*.pth: the folder that it names."},
}
