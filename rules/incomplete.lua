-- What is there in part: packages without their compiled half or their own record, and files that are not where a
-- runtime was told to read them.

rule {
  id = "pip.broken-install/transformer-engine",
  from = {lost = {"other", "kernels", "native", "app"}},
  anyone = {stop = "interpreter"},
  signatures = {
    stop = [[StopIteration\b]], -- its releases before 2.0: in the frame that looks for the library
    lost = [[Could not find shared object file for Transformer Engine (?<framework>\w+) lib]],
  },
  facts = {"python.packages.transformer-engine.version", "torch.version", "torch.cuda"},
  specific_over = {"pip.module-missing", "app.bug"},
  confidence = 0.86,
  title = "transformer-engine is installed without its part for the framework",
  when = function(_, log)
    if not log.lost and not log.has_frame[=[transformer_engine[/\\]\w+[/\\]__init__\.py]=] then return nil end
    local extra = log.lost and log.lost.framework:match[[^(?i:jax)]] and "jax" or "pytorch"
    return {hit = log.lost or log.stop,
      why = {("The package's core is there, and the library that is compiled for %s is not: it was installed without "
          .. "that extra, or upgraded without it."):format(extra),
        "transformer-engine is {fact:python.packages.transformer-engine.version}."},
      fixes = {{install = "transformer-engine", extra = extra, build = true, fresh = true,
          say = "Install it with that extra, built against the torch that is here."},
        {remove = "transformer-engine", say = "Or remove it, where the program does without."}}}
  end,
  doc = {looks = "StopIteration in transformer_engine/.../__init__.py, _load_library; 'Could not find shared object "
    .. "file for Transformer Engine torch lib'.", check = "pip list | grep -i transformer.engine: its two parts."},
}

-- The words of the safetensors crate, where a program in Rust prints its error as it is.
rule {
  id = "hf.incomplete/crate",
  from = {"hub", "engine", "other", "app"},
  signatures = {
    crate = [[\bSafe[Tt]ensors?(?:Error)?\((?<what>InvalidHeader\w*|HeaderToo\w+|MetadataIncompleteBuffer)]],
  },
  confidence = 0.87,
  why = "A file of weights is not whole, or no safetensors file at all ({what}): cut short, a git-lfs pointer, or a "
    .. "web page saved under its name.",
  fixes = {{fetch = true, say = "Take that file away and download it again, then compare its size with the hub's."}},
  doc = {looks = "Error: SafeTensor(HeaderTooLarge).", check = "The first bytes and the size of the file."},
}

-- What came over Xet is less, or other, than its own record says: the way was there, the bytes were not.
rule {
  id = "hf.incomplete/xet",
  from = {"hub", "engine", "other", "app"},
  signatures = {
    short = [[(?<!['"`])Data processing error: [^\n]{0,400}]]
      .. [[(?:did not match expected|IncompleteBody|UnexpectedEof|hash mismatch|checksum)]],
  },
  specific_over = {"hf.offline", "hf.offline/xet"},
  confidence = 0.86,
  title = "the download over the hub's Xet storage came cut short",
  why = "The hub's Xet storage was reached, and what it sent is not what its own record says: the transfer broke off "
    .. "or was changed on its way.",
  fixes = {
    {set = {HF_HUB_DISABLE_XET = "1"}, say = "Download without Xet, and start the download again."},
    {install = "hf-xet", say = "Or upgrade hf-xet, whose newer releases try such a piece again."},
  },
  doc = {looks = "CAS service error : ... data length 63 did not match expected value 67.",
    check = "The same file by wget; the version of hf-xet."},
}

-- importlib.metadata answers None where the folder X.dist-info is there and its METADATA is not.
rule {
  id = "pip.broken-install/no-version",
  anyone = "interpreter",
  signatures = {match = [[TypeError: expected string or bytes-like object]]},
  context = {
    packaging = [=[(?:packaging|pkg_resources/_vendor/packaging|packaging/_\w+)[/\\](?:version|_parser)\.py]=],
    asked = [=[\b(?:importlib_version|importlib[._]metadata\.version|version)\(['"](?<package>[A-Za-z][\w.-]*)['"]]=],
  },
  facts = {"python.duplicates"},
  confidence = 0.84,
  title = "a package is recorded as installed, and its record has no version",
  when = function(_, log)
    local hit, name = log.match, log.asked and know.package(log.asked.package:lower():gsub("_", "-"))
    local there = log.packaging or log.has_frame[=[packaging[/\\]version\.py]=]
    if (hit.event.tier or 0) < 4 or not there then return nil end
    return {hit = hit, evidence = {log.asked},
      why = {"A version is read of what is installed, and there is none: a .dist-info folder without its METADATA is "
        .. "left from an install or a removal that did not end.", name and ("It is asked for %s."):format(name) or nil},
      fixes = {name and {install = name, fresh = true, say = "Lay it down anew."}
        or {setting = "no-version", kind = "pip:package", say = "See which it is, remove that folder, and install the "
          .. "package anew."}}}
  end,
  doc = {looks = "TypeError: expected string or bytes-like object, in packaging/version.py.",
    check = "pip list: the package whose version is None."},
}

rule {
  id = "pip.module-missing/apex",
  from = {"hub", "framework", "other", "app", "engine"},
  signatures = {
    absent = [[Error: (?:NVIDIA )?Apex (?:was|is) not (?:found|installed|available)]],
    build = [[you must install (?:NVIDIA )?Apex\b]],
  },
  specific_over = {"app.bug"},
  confidence = 0.84,
  title = "NVIDIA's apex is not installed",
  when = function(_, log)
    local hit = log.absent or log.build
    return (hit.event.tier or 0) >= 4 and {hit = hit} or nil
  end,
  why = "The program needs NVIDIA's apex with its compiled parts; it is on no index (the apex of PyPI is another "
    .. "package), and is built from its repository, for the torch and the CUDA that are here.",
  fixes = {
    {setting = "apex", kind = "pip:apex",
      say = "Build it from NVIDIA's repository, with the CUDA toolkit of this torch.",
      side_effects = {"The build takes tens of minutes; an image of NVIDIA (nvcr.io/nvidia/pytorch) holds it."}},
    {code = true, kind = "code", say = "Or set the program to torch's own fused parts, where it can do without."},
  },
  doc = {looks = "'Apex was not found. Please see the NeMo README'.", check = "python -c 'import apex, amp_C'."},
}

rule {
  id = "hf.not-found/onnx",
  from = {"onnxruntime", "native", "app", "engine"},
  signatures = {
    absent = [[NO_SUCHFILE ?: Load model from (?<file>[^\n]+?) failed]],
  },
  title = "the ONNX file that is to be loaded is not there",
  confidence = 0.9,
  why = "onnxruntime was told to read {file}, and there is no such file: a relative path counts from the folder in "
    .. "which the program was started.",
  fixes = {
    {flag = "model", stated = true, kind = "param:model",
      say = "Give it the place of the file, from the root on; download the model where it was never fetched."},
  },
  doc = {looks = "'[ONNXRuntimeError] : 3 : NO_SUCHFILE : Load model from model.onnx failed'.",
    check = "ls of that path, in the folder in which the program was started."},
}

rule {
  id = "pip.broken-install/llama-cpp",
  from = {"llama.cpp", "native", "app", "other"},
  signatures = {absent = [[Shared library with base name '(?<library>\w+)' not found]]},
  title = "llama-cpp-python is there without its compiled library",
  confidence = 0.84,
  when = function(_, log)
    local installed = log.has_frame[=[(?:site|dist)-packages[/\\]llama_cpp[/\\]]=]
    local again = {install = "llama-cpp-python", fresh = true,
      say = "Install it anew, so that the library is built (or take a wheel that holds it)."}
    local away = {code = true, say = "Start Python in another folder than the sources' (the folder llama_cpp there "
      .. "stands before the installed package)."}
    return {hit = log.absent,
      why = installed and "The installed package has no lib{library}: its build did not end, or left it out."
        or "The llama_cpp that is imported has no lib{library}: mostly it is the folder of the sources, which stands "
          .. "before the installed package.",
      fixes = installed and {again, away} or {away, again}}
  end,
  doc = {looks = "FileNotFoundError: Shared library with base name 'llama' not found.",
    check = "python -c 'import llama_cpp' in another folder; ls of its folder lib."},
}

-- Windows lets nobody replace a library that a process has loaded; pip has moved the folder away by then (~orch).
rule {
  id = "pip.restart-needed/in-use",
  from = {"installer"},
  anyone = {held = "system"},
  signatures = {
    held = [=[\[WinError (?:5|32)\] [^\n]*site-packages[\\/]+~?(?<package>\w+)[\\/][^'\n]*\.(?:dll|pyd)]=],
  },
  context = {pip = [[Could not install packages due to an (?:OSError|EnvironmentError)|failed to remove file]]},
  all = {"pip"},
  title = "a program that runs holds the files that pip is to replace",
  confidence = 0.86,
  why = "Windows lets nobody replace a library while a program has it loaded: something that runs uses this "
    .. "environment.",
  fixes = {
    {restart = "process", say = "End the programs that use this environment (the app, notebooks, an IDE), delete "
      .. "folders that begin with ~ in site-packages, and install again."},
  },
  doc = {looks = "[WinError 5] Access is denied: '...\\site-packages\\~orch\\lib\\asmjit.dll'.",
    check = "The task manager: python.exe of that environment."},
}
