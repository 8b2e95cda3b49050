-- Builds that stop before anything is compiled: what CMake and setuptools say of the tree, the tools and the libraries.

rule {
  id = "sys.lib-missing/build-tool",
  title = "the build's own tool is missing, or of a release that does not go with the sources",
  from = {"compiler", "installer", old = {"compiler", "installer", "app"}},
  signatures = {
    policy = [[Compatibility with CMake < (?<policy>3\.\d+) has been removed from CMake]],
    old = [[CMake (?<need>\d+\.\d[\d.]*) or higher is required\.\s+You are running version (?<have>\d[\d.]*)]],
    ninja = [[unable to find a build program corresponding to "(?<generator>Ninja|Unix Makefiles)"]],
    absent = any{[[CMake must be installed to build]], [[\bis `cmake` not installed\?]],
      [[(?:Cannot|Could not|Couldn't|Failed to) find (?:the )?CMake executable]],
      [[(?:Cannot|Could not|Couldn't|Failed to) find (?:the )?cmake\b(?! (?:package|module|config))]],
      [[CMake (?:executable )?(?:was )?not found(?: on PATH|[.,!]|$)]]},
  },
  explains = {"pip.broken-install"},
  confidence = 0.92,
  when = function(_, log)
    if log.policy then
      return {hit = log.policy, title = "the sources are older than the installed CMake",
        why = "These sources say that they were written for a CMake before {policy}, which CMake 4 no longer plays.",
        fixes = {{set = {CMAKE_POLICY_VERSION_MINIMUM = log.policy.policy},
            say = "Let CMake treat them as written for that release, in the environment that builds."},
          {install = "cmake", need = "<4", say = "Or build with CMake 3, without build isolation."}}}
    end
    if log.old then
      return {hit = log.old, title = "the installed CMake is older than the sources want",
        why = "The sources want CMake {need}, and {have} runs.",
        fixes = {{install = "cmake", need = ">=" .. log.old.need, say = "Install a newer CMake into the environment "
          .. "that builds; it has to come first on PATH."}}}
    end
    if log.absent then
      local rust = log.absent.text:has"`cmake`" or log.absent.event.emitters.rust
      return {hit = log.absent, title = "CMake is not installed where the build runs",
        why = "The build is driven by CMake, and there is no program of that name on PATH.",
        fixes = {rust and {system = "cmake", say = "Install it."}
          or {install = "cmake", absent = true, say = "Install it into the environment that builds."},
          {system = "build-essential", say = "And the compilers and make, if they are missing too."}}}
    end
    local ninja = log.ninja.generator == "Ninja"
    return {hit = log.ninja, title = "CMake's build program is not installed",
      why = "CMake is to write files for {generator}, and the program that reads them is not on PATH.",
      fixes = {ninja and {install = "ninja", absent = true, say = "Install it into the environment that builds."}
        or {system = "build-essential", say = "Install make and the compilers."}}}
  end,
  doc = {looks = "'Compatibility with CMake < 3.5 has been removed', 'CMake 3.26 or higher is required'.",
    check = "cmake --version of the process that builds."},
}

-- Folders that projects keep others' sources in.
local THIRD = [[(?i)(?:^|[/_-])(?:third[_-]?party|3rd[_-]?party|vendor(?:ed)?|externals?|extern|submodules?|deps|]]
  .. [[subprojects|cutlass|composable_kernel)/]]

rule {
  id = "app.bug/source-incomplete",
  title = "the tree that is built lacks parts",
  from = {"compiler", "installer", submodule = {"compiler", "installer", "app", "other"}},
  signatures = {
    folder = [[(?<!")\s+does not contain a CMakeLists\.txt file]], -- in quotation marks it is the tree's own root
    subdirectory = [[add_subdirectory given source "(?<folder>[^"\n]+)" which is not an existing]],
    needed = [[ninja: error: '(?<file>[^'\n]+)', needed by [^\n]+ missing and no known rule to make it]],
    header = [[fatal error(?:| C1083): (?:[^\n:]{4,40}: )?'?(?<file>[\w./-]+/[\w./-]+\.(?:hpp|hxx|cuh|h))'?: No such]],
    submodule = [[(?:[\w./-]+ (?:git )?submodules? (?:is |are )?(?:not found|missing|not initialized)|]]
      .. [[Did you forget to run `?git submodule update)]],
  },
  context = {sdist = [[(?:\.cache/uv/sdists|pip-install-\w+/|Using cached \S+\.tar\.gz|Downloading \S+\.tar\.gz)]]},
  explains = {"pip.broken-install"},
  confidence = 0.88,
  when = function(_, log)
    local header = log.header and log.header.file:match(THIRD) and log.header
    local hit = log.subdirectory or log.submodule or log.needed or log.folder or header
    if not hit then return nil end
    local downloaded = log.sdist
    if hit == log.needed and not downloaded and not hit.file:match(THIRD) then
      return {hit = hit, confidence = 0.62, why = "A step of the build takes {file}, which is not there and which no "
        .. "step makes.", fixes = {{code = true, say = "Look whether that file is in the sources (git status), and "
          .. "what names it; then configure the build anew."}}}
    end
    return {hit = hit,
      why = {"The tree that is built lacks what belongs into it from other repositories (git submodules): it was "
        .. "cloned without them, or unpacked from an archive that has none.", "Missing is {folder}.",
        "Missing is {file}."},
      fixes = {not downloaded and {setting = "submodules", kind = "code",
          say = "Fetch them, in the folder of the clone."}
        or {code = true, kind = "pip:package", say = "Build from a clone with its submodules (pip fetches "
          .. "them from a git+https:// address), or take a release that has a wheel."},
        {code = true, say = "An archive of the repository (Download ZIP) never has them: clone it."}}}
  end,
  doc = {looks = "'does not contain a CMakeLists.txt file', 'CUTLASS submodule not found'.",
    check = "ls third_party, vendor; git submodule status."},
}

-- What find_package() calls things, and the header or program by which the table of the distributions' packages has
-- them.
local NEEDED = {
  CURL = "curl/curl.h", OpenSSL = "openssl/ssl.h", ZLIB = "zlib.h", BLAS = "cblas.h", OpenBLAS = "cblas.h",
  LAPACK = "cblas.h", MPI = "mpi.h", MPI_C = "mpi.h", MPI_CXX = "mpi.h", NUMA = "numa.h", Numa = "numa.h",
  Boost = "boost/version.hpp", Eigen3 = "Eigen/Core", SndFile = "sndfile.h", glog = "glog/logging.h",
  Python = "Python.h", Python3 = "Python.h", PythonLibs = "Python.h", Git = "git", OpenGL = "GL/gl.h",
  Protobuf = "google/protobuf/message.h", PkgConfig = "pkg-config", TBB = "tbb/tbb.h", JPEG = "jpeglib.h",
  PNG = "png.h", gflags = "gflags/gflags.h", absl = "absl/base/config.h", RapidJSON = "rapidjson/rapidjson.h",
  OpenCV = "opencv2/core.hpp", Vulkan = "vulkan/vulkan.h", BZip2 = "bzlib.h", LibLZMA = "lzma.h", HDF5 = "hdf5.h",
}
-- What a package of Python brings, with its files for CMake.
local OF_PYTHON = {pybind11 = "pybind11", nanobind = "nanobind"}

local WRITTEN = [[Build files have been written to: ]]

-- It was configured again, and well.
local function configured_after(log, hit)
  local all = log.all"written"
  return #all > 0 and all[#all].line > hit.line
end

-- CMake says of an optional part, too, that it is not there: as a remark of its own ("-- "), or in a warning.
local function stands_in_error(log, hit)
  if hit.text:match[[^-- |\s-- Could NOT]] then
    for _, one in ipairs(log.all"wanted") do
      if one.line > hit.line and one.what:lower() == (hit.library or ""):lower() then return true end
    end
    return false
  end
  local kind
  for _, one in ipairs(log.all"header") do
    if one.line <= hit.line then kind = one.kind end
  end
  return kind == "Error"
end

rule {
  id = "sys.lib-missing/cmake",
  from = {"compiler", "installer"},
  signatures = {
    missing = [[Could NOT find (?<library>(?!CUDA|Cuda|Threads|OpenMP|Doxygen|Python\d? \(missing: Interpreter)\w+) ]]
      .. [[\(missing: (?<parts>[\w ]+)\)]],
    config = [[asked CMake to find a package configuration file provided by "(?<name2>(?!CUDA|Torch")\w+)", but]],
    config2 = [[Could not find a package configuration file provided by "(?<name3>(?!CUDA|Torch")\w+)"]],
  },
  context = {
    failed = [[(?:Configuring incomplete, errors occurred|CMake configuration failed|CMake Error)]],
    header = [[\bCMake (?<kind>Error|Warning|Deprecation Warning)(?: \(dev\))? at ]], written = WRITTEN,
    -- what a project's own error names, behind CMake's remark that a part is not there
    wanted = any{[[^\s+(?:Could (?:NOT|not)|Unable to|Failed to|Cannot) find (?:the )?(?<what>\w+)]],
      [[^\s+(?<what>\w+) (?:(?:was|is|library|headers?) )*(?:not found|required|missing)]],
      [[^\s+(?:Please install|Missing) (?:the )?(?<what>\w+)]]},
  },
  specific_over = {"pip.broken-install"},
  when = function(_, log)
    local hit
    for _, signature in ipairs{"missing", "config", "config2"} do
      for _, one in ipairs(log.failed and log.all(signature) or {}) do
        if not hit and stands_in_error(log, one) then hit = one end
      end
    end
    if not hit or configured_after(log, hit) then return nil end -- an optional part that is done without
    local name = hit.library or hit.name2 or hit.name3
    local python, header = OF_PYTHON[name], NEEDED[name]
    local why = ("CMake looks for %s, and neither its headers nor its files for CMake are where it looks."):format(name)
    return {hit = hit, confidence = (python or header) and 0.88 or 0.72, why = why,
      title = "a library that the build looks for is not installed",
      fixes = {python and {install = python, absent = true, say = "Install it into the environment that builds."}
        or {system = header or name, say = "Install its developer package."},
        {code = true, kind = "pip:package", say = "Or install a prebuilt wheel, so that nothing is compiled."}}}
  end,
  doc = {looks = "'Could NOT find CURL (missing: CURL_LIBRARY CURL_INCLUDE_DIR)'.",
    check = "CMakeError.log; which options leave that part out."},
}

rule {
  id = "ext.build-isolation/cmake",
  from = {"compiler", "installer"},
  signatures = {torch = [[package configuration file provided by "Torch"]]},
  confidence = 0.85,
  title = "a build does not find torch",
  why = "CMake looks for torch, and its files lie in the environment's own folder, where CMake does not look.",
  fixes = {
    {setting = "torch-prefix", kind = "param:no_build_isolation",
      say = "Name torch's folder to CMake, and build without isolation in the environment that has torch."},
  },
  doc = {looks = "Could not find a package configuration file provided by \"Torch\".",
    check = "python -c 'import torch; print(torch.utils.cmake_prefix_path)'."},
}

rule {
  id = "cuda.nvcc-missing/cmake",
  from = {"compiler", "installer"},
  signatures = {gone = [[is not a full path (?:to an existing compiler tool|and was not found in the PATH)]]},
  context = {which = [[The CMAKE_(?<language>CUDA|CXX|C|HIP)_COMPILER:]]},
  confidence = 0.9,
  when = function(_, log)
    local language = log.which and log.which.language
    if language == "CUDA" then
      return {why = "CMake is told of a CUDA compiler that is not there.",
        fixes = {{toolkit = "install", need = "torch", say = "Install the CUDA toolkit (or use a -devel image)."},
          {code = true, kind = "env:CUDA_HOME", say = "If one is installed: name its nvcc in CUDACXX, and put its "
            .. "bin folder on PATH."}}}
    end
    return nil
  end,
  doc = {looks = "The CMAKE_CUDA_COMPILER: nvcc is not a full path and was not found in the PATH.",
    check = "which nvcc; CUDACXX, CUDA_HOME."},
}

rule {
  id = "cuda.lib-missing/tree",
  from = {"compiler", "installer"},
  signatures = {file = [[file (?:STRINGS|READ) (?:file )?"(?<path>/[^"\n]+/(?<header>NvInfer\w*\.h|]]
    .. [[cudnn\w*\.h|nccl\.h))"]]},
  confidence = 0.88,
  when = function(_, log)
    local folder = log.file.path:match[[^(/.+)/include(?:/[^/]+)?/[^/]+$]] or log.file.path:match[[^(/.+)/]]
    local what = log.file.header:match[[^Nv]] and "TensorRT" or log.file.header:match[[^cudnn]] and "cuDNN" or "NCCL"
    return {why = "The build reads {header}, and there is no {path}.",
      fixes = {{code = true, kind = "toolkit", say = ("Put %s's developer files into %s (its tar archive has the "
          .. "folder include), or name the folder that has them where the build is told of it."):format(what, folder)},
        {code = true, kind = "pip:package", say = "Or install a prebuilt wheel, so that nothing is compiled."}}}
  end,
  doc = {looks = "file STRINGS file \"/usr/local/tensorrt/include/NvInferVersion.h\" cannot be read.",
    check = "ls of that folder."},
}

rule {
  id = "net.peer-unreachable/build",
  from = {"compiler", "installer"},
  signatures = {clone = [[Failed to clone repository: '(?<url>https?://[^'\n]+)']]},
  context = {
    written = WRITTEN,
    reached = any{ -- the address answered: it is asked for what it does not give
      [[could not read (?:Username|Password) for]], [[Authentication failed for]], [[[Rr]epository [^\n]*not found]],
      [[Remote branch \S+ not found]], [[reference is not a tree]], [[pathspec '[^'\n]*' did not match]],
      [[certificate problem]], [[unable to find remote helper]], [[dubious ownership]],
    },
    unreached = any{[[Could not resolve]], [[Failed to connect to]], [[timed out]], [[Connection (?:refused|reset)]],
      [[RPC failed]], [[early EOF]], [[the remote end hung up]]},
  },
  when = function(_, log)
    if log.reached or configured_after(log, log.clone) then return nil end
    return {confidence = log.unreached and 0.88 or 0.7}
  end,
  title = "a build cannot fetch what it needs",
  why = "The build fetches {url} while it is configured, and could not.",
  fixes = {
    {network = true, say = "Let the machine that builds reach that address (proxy: HTTPS_PROXY, also as a build "
      .. "argument), then build again."},
    {code = true, say = "Or clone it by hand, and name the folder in FETCHCONTENT_SOURCE_DIR_ and its name."},
  },
  doc = {looks = "Failed to clone repository: 'https://github.com/nvidia/cutlass.git'.",
    check = "git ls-remote of that address."},
}

-- pip 24.1 refuses metadata that older ones let pass, and says so.
rule {
  id = "pip.conflict/metadata",
  from = {"installer"},
  signatures = {
    older = [[Please use pip ?<(?<below>[\d.]+) if you need to use this version]],
    suffix = [[\.\* suffix can only be used with `==` or `!=` operators]],
  },
  context = {done = [[^Successfully (?:installed|built) \S]]},
  confidence = 0.92,
  title = "pip refuses a package whose metadata is malformed",
  why = "A release that is asked for has requirements that are no longer valid, and pip 24.1 and later refuse it.",
  when = function(_, log)
    local below = log.older and log.older.below or "24.1"
    local last = log.older or log.suffix
    if log.done and log.done.line > last.line then return nil end -- pip took another release of it
    return {hit = log.older or log.suffix, fixes = {{install = "pip", need = "<" .. below,
        say = "Install with an older pip, which lets it pass."},
      {code = true, kind = "pip:package", say = "Or take a release of that package that was mended."}}}
  end,
  doc = {looks = "'Please use pip<24.1 if you need to use this version'.", check = "pip --version."},
}

rule {
  id = "sys.lib-missing/msvc",
  from = {"compiler", "installer"},
  signatures = {header = [=[Cannot open include file: ['"](?<header>corecrt\.h|io\.h|stdio\.h|stddef\.h|basetsd\.h|]=]
    .. [=[windows\.h|crtdefs\.h|stdlib\.h|math\.h)['"]]=]},
  confidence = 0.9,
  title = "the Windows SDK is not installed",
  why = "Visual Studio's compiler is there, and {header} of the Windows SDK is not.",
  fixes = {
    {setting = "build-tools", kind = "os", say = "Install the C++ build tools whole, with the Windows SDK."},
    {code = true, kind = "pip:package", say = "Or install a prebuilt wheel, so that nothing is compiled."},
  },
  doc = {looks = "fatal error C1083: Cannot open include file: 'corecrt.h'.",
    check = "C:\\Program Files (x86)\\Windows Kits\\10\\Include."},
}
