-- Packages that were exchanged under a process that runs: what is loaded is not what is installed.

-- np.dtype takes 96 bytes in NumPy 1 and 88 in NumPy 2: "got" tells which one is loaded, whatever is installed by then.
rule {
  id = "pip.restart-needed/numpy",
  anyone = "interpreter",
  signatures = {
    size = [[numpy\.dtype size changed, may indicate binary incompatibility\. Expected (?<want>88|96) from C header, ]]
      .. [[got (?<got>88|96) from]],
  },
  context = {installed = [[Successfully installed [^\n]*?\bnumpy-(?<major>\d+)\.[\w.]+]],
    notebook = [[(?:<ipython-input|\bCell In\[|ipykernel|/content/|^In \[\d+\]:)]]},
  all = {"installed", "notebook"},
  explains = {"numpy.abi"},
  specific_over = {"numpy.abi"},
  confidence = 0.88,
  when = function(_, log)
    local before
    for _, one in ipairs(log.all"installed") do
      if one.line < log.size.line then before = one end
    end
    local fits = before and (before.major == "1" and "96" or "88")
    return fits and fits == log.size.want and {hit = log.size, evidence = {before}} or nil
  end,
  why = "NumPy was exchanged while this process had the other one loaded: the module fits the one that is installed, "
    .. "and the one in memory is of another size.",
  fixes = {{restart = "kernel", say = "Restart the kernel, and run the cells from the top without the install."}},
  doc = {looks = "numpy.dtype size changed, right below 'Successfully installed numpy-1.26.4'.",
    check = "numpy.__version__ in the kernel against pip show numpy."},
}

rule {
  id = "pip.restart-needed",
  from = {"installer", "app", "other"},
  anyone = {numpy_mixed = "interpreter"},
  signatures = {
    mid_session = [[(?:(?<what>\w+) was upgraded mid-session|kernel still has the old version in memory)]],
    numpy_mixed = [[(?:cannot import name '_\w+' from 'numpy\.[\w.]+'|module 'numpy\.[\w.]+' has no attribute '_\w+')]],
    restart = any{
      [[(?:You must|Please|You need to|you may need to) restart (?:the )?(?:runtime|kernel|session|process|notebook)]],
      [[Restart the runtime]],
      [[Note: you may need to restart the kernel to use updated packages]],
    },
  },
  context = {notebook = [[(?:<ipython-input|ipykernel|localhost:8080|/content/|Successfully installed [^\n]*numpy-)]]},
  facts = {},
  when = function(f, log)
    if log.mid_session then
      return {hit = log.mid_session, confidence = 0.93,
        why = "A package was upgraded while this process had the old one loaded; compiled modules cannot be exchanged "
          .. "under it.",
        fixes = {
          {restart = "process",
            say = "Restart the process (the notebook's runtime) after the install, before anything else."}}}
    end
    if log.numpy_mixed then
      return {hit = log.numpy_mixed, confidence = log.notebook and 0.78 or 0.62,
        why = "NumPy's own files are of two releases: it was upgraded while this process had the old one loaded, or "
          .. "one install lies over another.",
        fixes = {{restart = "process", say = "Restart the process (the notebook's runtime)."},
          {install = "numpy", fresh = true, say = "If it persists, reinstall NumPy cleanly."}}}
    end
    if not log.fatal then return nil end
    return {confidence = 0.55,
      why = "Packages were changed under a running interpreter, which still holds the old ones.",
      fixes = {{restart = "process", say = "Restart the process."}}}
  end,
  doc = {looks = "An import error right after an install in the same session.",
    check = "When the process started, and when the package was installed."},
}
