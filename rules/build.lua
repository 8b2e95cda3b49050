-- Compiling an extension: the compilers, headers, libraries and memory that the build needs, and sources older than
-- torch's headers.


rule {
  id = "ext.abi-mismatch/source",
  from = {"compiler", "installer"},
  signatures = {
    thc = [[(?:THC/THC\w*\.(?:h|cuh)['"]?: No such file|(?:cannot open source file|]]
      .. [[Cannot open include file:) ['"]THC/THC)]],
    gone = [=[(?:['‘"](?:AT_CHECK|THCState_getCurrentStream|THCudaMalloc|THCCeilDiv)['’"] was not declared|]=]
      .. [=[identifier ['"](?:AT_CHECK|THCCeilDiv|THCudaMalloc|THCState_getCurrentStream)['"] (?:is undefined|]=]
      .. [=[not found))]=],
    deprecated = [[no suitable conversion function from "(?:const )?at::DeprecatedTypeProperties"]],
    standard = [[#error C\+\+(?<standard>1[47]|20) or later compatible compiler is required]],
  },
  facts = {"torch.version"},
  explains = {"cuda.toolkit-mismatch", "sys.lib-missing"},
  confidence = 0.86,
  title = "an extension's sources are older than the installed torch",
  when = function(_, log)
    local why = log.standard and not (log.thc or log.gone or log.deprecated)
      and "This torch's headers need C++{standard}, and the extension's build asks for an older standard."
      or "The extension uses a part of torch's C++ interface that this torch no longer has."
    return {title = "the extension's sources are older than the installed torch",
      why = {why, "torch is {fact:torch.version}."}}
  end,
  fixes = {
    {code = true, kind = "pip:package",
      say = "Install a release of the extension that was written for this torch (or its prebuilt wheel)."},
    {install = "torch", older = true, kind = "pip-downgrade:torch",
      say = "Or install the torch that its documentation names."},
    {code = true, say = "Or port it: THC headers went with torch 1.11, AT_CHECK became TORCH_CHECK, type() became "
      .. "scalar_type(), and torch 2.1 needs -std=c++17."},
  },
  doc = {looks = "THC/THC.h: No such file, 'AT_CHECK' was not declared, 'C++17 or later compatible compiler is "
    .. "required'.", check = "Which torch the extension was written for."},
}

rule {
  id = "oom.host/compiler",
  from = {"compiler", "installer", "kernel", lone = {"compiler", "installer", "shell", "app", "other"}},
  signatures = {
    killed = [[(?:Killed signal terminated program (?:cc1plus|cc1|cicc|as|ptxas)|nvcc error\s*: '(?:cicc|ptxas|]]
      .. [[cudafe\+\+|cc1plus)' died due to signal 9|internal compiler error: Killed \(program cc1plus\))]],
    lone = [=[^\s*(?:Killed\b|make(?:\[\d+\])?: \*\*\* \[[^\]]+\] (?:Error 137|Killed)\s*$)]=],
  },
  context = {build = [=[ninja: build stopped: subcommand failed|Error compiling objects for extension|]=]
    .. [=[\bmake(?:\[\d+\])?: \*\*\* \[]=],
    built = [[Successfully (?:installed|built) |\[100%\] Built target ]]},
  facts = {"system.memory.total", "env.MAX_JOBS"},
  explains = {"cuda.toolkit-mismatch", "pip.broken-install", "oom.host"},
  when = function(_, log)
    local hit = log.killed or log.lone
    if log.built and log.built.line > hit.line then return nil end -- with fewer of them, say
    if not log.killed and not (log.build and math.abs(log.build.line - hit.line) <= 40) then return nil end
    return {hit = hit}
  end,
  confidence = 0.93,
  why = {"The compiler was killed for want of memory: a build starts as many compilers as there are cores, and "
    .. "each takes several GB.", "MAX_JOBS is {fact:env.MAX_JOBS}."},
  fixes = {
    {set = {MAX_JOBS = "2"}, say = "Let fewer compilers run at once."},
    {code = true, kind = "pip:package", say = "Or install a prebuilt wheel."},
    {hardware = true, say = "Or build on a machine with more memory."},
  },
  doc = {looks = "'Killed signal terminated program cc1plus', 'cicc died due to signal 9'.",
    check = "MAX_JOBS, memory while it builds."},
}

rule {
  id = "cuda.lib-missing/linker",
  from = {"compiler", "installer"},
  signatures = {
    linker = [[(?:cannot find|unable to find library) -l(?<library>cudart|cudart_static|cudadevrt|cublas|]]
      .. [[cublasLt|cudnn|curand|cusparse|cusolver|cufft|nvrtc|nvToolsExt|nccl)\b]],
    reference = [[undefined reference to [`']\w+@(?<soname>lib(?:cudart|cublas|cublasLt|cudnn|curand|cusparse|cusolver]]
      .. [[|cufft|nvrtc|nccl)\.so[\d.]*)']],
    header = [[(?:(?:fatal|catastrophic) error: |cannot open source file "|]]
      .. [[Cannot open include file: ')(?<header>cudnn\w*\.h|nccl\.h|NvInfer\w*\.h|cusparseLt\.h)\b]],
  },
  facts = {"cuda.toolkit.version", "env.CUDA_HOME", "torch.cuda"},
  specific_over = {"cuda.nvcc-missing", "triton.compile"},
  confidence = 0.88,
  when = function(f, log)
    if log.header and not log.linker then
      local package = log.header.header:match[[^cudnn]] and "cudnn" or log.header.header:match[[^nccl]] and "nccl"
        or log.header.header:match[[^cusparseLt]] and "cusparselt" or nil
      local cu = type(f"torch.cuda") == "string" and f"torch.cuda":match[[^\d+]] or "12"
      return {hit = log.header, why = "The build needs {header}, which does not come with the CUDA toolkit, and it "
        .. "is not on the include path.",
        fixes = {{install = package and ("nvidia-%s-cu%s"):format(package, cu) or "tensorrt",
            say = "Install the package that brings it, and name its include folder in CPATH."},
          {toolkit = "install", say = "Or install its development package (an image with -cudnn-devel in its name "
            .. "has cuDNN's)."},
          {code = true, kind = "pip:package", say = "Or install a prebuilt wheel of what is built."}}}
    end
    if log.reference and not log.linker then
      return {hit = log.reference, why = "What is linked was built for {soname}, and the linker does not find that "
        .. "release of it: the CUDA or cuDNN here is another one, or its folder is not named.",
        fixes = {{toolkit = "install", say = "Install the release of CUDA and cuDNN that this library was built for."},
          {code = true, kind = "pip:package", say = "Or take a build of it for the release that is here."}}}
    end
    return {why = {"The linker does not find -l{library}: the toolkit that CUDA_HOME names has no development "
      .. "libraries (often a conda environment with nvcc alone), or they lie elsewhere.",
      "CUDA_HOME is {fact:env.CUDA_HOME}."}}
  end,
  fixes = {
    {toolkit = "install", need = "torch",
      say = "Use one complete toolkit: install its development libraries, and let CUDA_HOME name that toolkit."},
    {set = {CUDA_HOME = "{fact:cuda.toolkit.path}"}, say = "Point CUDA_HOME at the installed toolkit."},
    {prepend = "LIBRARY_PATH", entry = "{fact:cuda.toolkit.path}/lib64",
      say = "Or name the folder that holds the library."},
  },
  doc = {looks = "cannot find -lcudart (-lcurand, -lcublas), cudnn.h: No such file.",
    check = "ls $CUDA_HOME/lib64; which toolkit nvcc belongs to."},
}

rule {
  id = "pip.module-missing/ninja",
  from = {"torch", "installer"},
  signatures = {ninja = [[Ninja is required to load C\+\+ extensions]]},
  confidence = 0.93,
  why = "torch compiles an extension at run time with ninja, and ninja is not on the path.",
  fixes = {{install = "ninja", say = "Install it in this environment (and have its bin folder on PATH)."}},
  doc = {looks = "'Ninja is required to load C++ extensions'.",
    check = "ninja --version in the process's own environment."},
}

-- nvcc calls the system's g++ unless it is told another one.
local function build_with(release, kind, say)
  local cc, cxx = "gcc-" .. release, "g++-" .. release
  return {system = cc, kind = kind, say = say, variables = {CC = cc, CXX = cxx, NVCC_PREPEND_FLAGS = "-ccbin " .. cxx}}
end

-- nvcc names the range of compilers that it accepts in its own headers; what stands outside is refused.
rule {
  id = "ext.compiler-unsupported",
  from = {"compiler", "installer", "torch"},
  signatures = {
    math = [[exception specification is incompatible with that of previous function ["'](?<fn>\w+)]],
    old_gcc = [[The current installed version of (?<cc>\S+) \((?<have>[\d.]+)\) is less than the minimum required ]]
      .. [[version by CUDA (?<cuda>[\d.]+) \((?<need>[\d.]+)\)]],
    new_gcc = [[(?:(?:#error -- )?unsupported GNU version! gcc versions later than (?<gcc>\d+)|]]
      .. [[The current installed version of \S+ \((?<have2>[\d.]+)\) is greater than the maximum required ]]
      .. [[version[^\n]*?(?:CUDA (?<cuda2>[\d.]+) \((?<most>[\d.]+)\))?|#error -- unsupported (?:GNU|clang) ]]
      .. [[version|error: parameter packs not expanded with)]],
    msvc = [[unsupported Microsoft Visual Studio version]],
    host = [[nvcc fatal\s*: [^\n]*host compiler[^\n]* is not supported]],
    absent = [[nvcc fatal\s*: (?:Failed to preprocess host compiler properties|Cannot find compiler)]],
    setup = [[nvcc fatal\s*: [^\n]*Could not set up the environment for Microsoft Visual Studio]],
  },
  context = {other = [[(?:The detected CUDA version|Installed CUDA version|Unsupported gpu architecture)]],
    named = [[^(?:\S+: (?:line )?\d+: )?(?<program>[\w+./-]*(?:gcc|g\+\+|clang|cc1plus)[\w+.-]*): ]]
      .. [[(?:No such file|command not found|not found)]]},
  unless = {"other"},
  facts = {"cuda.toolkit.version", "env.CC", "system.libc.version"},
  explains = {"cuda.toolkit-mismatch", "pip.broken-install"},
  confidence = 0.9,
  when = function(f, log)
    local newer = {toolkit = "install", say = "Install a newer CUDA toolkit, of the major version that torch was "
      .. "built with."}
    if log.old_gcc then
      local need = log.old_gcc.need:match[[^\d+]]
      return {hit = log.old_gcc, title = "the host compiler is too old for this CUDA toolkit",
        why = "CUDA {cuda} needs {cc} {need} or later, and {have} is installed.",
        fixes = {build_with(need, "env:CC", "Build with a newer compiler: install it, and name it in CC and CXX."),
          {conda = "gxx_linux-64", need = ">={need}", say = "Without root: conda's compilers."},
          {host = true, say = "Or use a newer base image."}}}
    end
    if log.absent then
      return {hit = log.absent, title = "the host compiler that nvcc is to call is not there",
        why = {"nvcc hands the host's part of each file to a C++ compiler, and could not start the one it was told.",
          log.named and ("It is called %s."):format(log.named.program) or nil},
        fixes = {{system = "g++", say = "Install a C++ compiler."},
          {unset = {"CC", "CXX"}, say = "Then build with it: leave CC and CXX unset, and take -ccbin out of the "
            .. "build's flags."}}}
    end
    if log.new_gcc then
      local most = log.new_gcc.gcc or log.new_gcc.most and log.new_gcc.most:match[[^\d+]]
      return {hit = log.new_gcc, title = "the host compiler is newer than this CUDA toolkit knows",
        why = {"This CUDA toolkit does not accept the installed compiler: it is newer than the toolkit knows.",
          most and ("It takes gcc up to %s."):format(most) or nil, "Toolkit {fact:cuda.toolkit.version}."},
        fixes = {most and build_with(most, nil, ("Install gcc %s and build with it."):format(most))
            or {code = true, kind = "env:CC", say = "Build with an older gcc: install it, and name it in CC and CXX."},
          newer}}
    end
    if log.setup then
      return {hit = log.setup, confidence = 0.84, title = "nvcc cannot set Visual Studio's compiler up",
        why = "nvcc found a cl.exe, and the script that prepares its environment (vcvars64.bat) fails or is not where "
          .. "that Visual Studio has it: another release than this toolkit knows, or a shell in which another one's "
          .. "variables are set.",
        fixes = {{host = true, kind = "env:CC", say = "Build in the 'x64 Native Tools Command Prompt' of a Visual "
            .. "Studio that this toolkit supports, with DISTUTILS_USE_SDK=1."},
          newer}}
    end
    return {title = "this CUDA toolkit is too old for the system's compiler and headers",
      why = {log.host and "nvcc does not accept this host compiler."
        or log.math and "The C library's headers declare {fn} otherwise than this CUDA toolkit's: the toolkit is "
        .. "older than the system."
        or "This CUDA toolkit does not accept the installed Visual Studio: it is newer than the toolkit knows.",
        "Toolkit {fact:cuda.toolkit.version}."},
      fixes = {newer, {host = true, say = "Or build in an image of the system that this toolkit was made for."}}}
  end,
  doc = {
    looks = "'unsupported GNU version! gcc versions later than 12', 'unsupported Microsoft Visual Studio version'.",
    check = "nvcc --version, gcc --version, ldd --version.",
  },
}

rule {
  id = "container.no-gpu/build-arch",
  from = {"compiler", "installer", "docker", "other", "app", "shell"},
  signatures = {
    asked = [[(?:Unsupported gpu architecture 'compute_|CMAKE_CUDA_ARCHITECTURES_NATIVE=|CUDA_ARCHITECTURES=)]]
      .. [[No CUDA devices found]],
    rust = [[`nvidia-smi` failed\. Ensure that you have CUDA installed and that `nvidia-smi` is in your PATH]],
  },
  specific_over = {"cuda.toolkit-mismatch"},
  explains = {"cuda.toolkit-mismatch", "ext.compiler-unsupported", "pip.broken-install"},
  confidence = 0.92,
  title = "the build asks which GPU is here, and sees none",
  when = function(_, log)
    return not log.rust or {why = "candle's kernels are compiled for the GPU of the machine that builds, which the "
        .. "build asks nvidia-smi for, and there is none: while an image is built there are no GPUs.",
      fixes = {{code = true, kind = "env:CUDA_COMPUTE_CAP", say = "Name the compute capability that it is for where "
        .. "cargo is called: CUDA_COMPUTE_CAP=89 cargo build --release (80 for A100, 86 for A10, 90 for H100, 120 for "
        .. "RTX 50)."}}}
  end,
  why = "The sources are compiled for the GPU of the machine that builds (CMAKE_CUDA_ARCHITECTURES=native), and the "
    .. "build sees none: while an image is built there are no GPUs.",
  fixes = {
    {flag = "CMAKE_CUDA_ARCHITECTURES", stated = true, kind = "param:CMAKE_CUDA_ARCHITECTURES",
      say = "Name the compute capability that it is for where cmake is called: "
        .. "-DCMAKE_CUDA_ARCHITECTURES=86, or several (\"80;86;90\")."},
    {host = true, kind = "container-flag:gpus", say = "Or build where the GPU is seen (in a running container)."},
  },
  doc = {looks = "nvcc fatal : Unsupported gpu architecture 'compute_No CUDA devices found.'.",
    check = "CMAKE_CUDA_ARCHITECTURES in CMakeCache.txt."},
}

-- pip builds a source distribution in an environment of its own that holds only what pyproject.toml names: the
-- installed torch

-- is not in it, though the process that calls pip has it.
rule {
  id = "ext.build-isolation",
  signatures = {
    setup = [[(?:ModuleNotFoundError|ImportError): No module named '?(?<module>torch|numpy|psutil|wheel|]]
      .. [[packaging|setuptools_scm|pybind11|ninja|Cython)'?]],
    other = [[ModuleNotFoundError: No module named '(?<module2>(?!pkg_resources|distutils|imp\b|setuptools)\w+)']],
    stated = any{ -- a setup.py that looks for torch itself
      [[(?:requires|needs) (?:PyTorch|torch)[^\n]{0,20} (?:being|to be) installed]],
      [[please install (?:PyTorch|torch) (?:first|before)]],
      [[(?:PyTorch|torch)[^\n]{0,20} (?:must|has to|needs to|should) be installed (?:before|first|prior)]],
      [[Unable to (?:import|detect) torch\b]], [=[(?:PyTorch|[Tt]orch) (?:is )?not (?:found|installed)[.,;]]=],
    },
  },
  from = {stated = {"installer", "compiler", "app", "other", "torch", "quantizer", "hub"}},
  context = {
    building = [[(?:Getting requirements to build (?:wheel|editable)|prepare_metadata_for_build_(?:wheel|]]
      .. [[editable)|get_requires_for_build_(?:wheel|editable)|build_meta\.py|pip-build-env-|]]
      .. [[Preparing metadata \(pyproject\.toml\)|Failed to build `|egg_info)]],
    project = [[(?:^|[$#%>] |RUN )uv (?:sync|add|lock|run)\b]],
    egg = [[(?:pip-install-|pip-req-build-)]],
    collecting = [[Collecting (?<package>[A-Za-z0-9][\w.-]*)]],
    failed = [[(?:Failed to build (?:installable wheels for [^\n]*\()?`?|]]
      .. [[error: metadata-generation-failed[^\n]*for |from )(?<package2>[a-z][\w-]+)]],
    poetry = [[- Installing (?<package4>[a-z][\w.-]*) \([\w.+]+(?: \w+)?\): Failed]],
    folder = [[pip-(?:install|req-build)-\w+/(?<package3>[a-z][\w-]+?)_[0-9a-f]{32}]],
  },
  facts = {"torch.version", "python.executable"},
  explains = {"pip.module-missing", "pip.broken-install"},
  specific_over = {"pip.module-missing"},
  when = function(f, log)
    if not log.building and not log.egg then return nil end
    local hit = log.setup or log.stated
    for _, one in ipairs(hit and {} or log.all"other") do -- raised by the build's own script
      local frames = one.event.frames or {}
      if #frames > 0 and frames[#frames].file:match[=[^<string>$|(?:^|[/\\])setup\.py$]=] then hit = one end
    end
    if not hit then return nil end
    local module = hit.module or hit.module2 and know.distribution(hit.module2) or "torch"
    local package = log.folder and log.folder.package3 or log.poetry and log.poetry.package4
      or log.failed and log.failed.package2
    if not package then
      local all = log.all"collecting"
      package = #all > 0 and all[#all].package or nil
    end
    package = package and package:lower():gsub("_", "-")
    if package == "git" or package == "https" then package = nil end -- "from git+https://..."
    local torch = module == "torch"
    local inside = package and {install = package, build = true, kind = "param:no_build_isolation",
      say = ("Build %s in this environment, where %s is installed."):format(package, module)}
      or {code = true, kind = "param:no_build_isolation", say = "Build it with --no-build-isolation."}
    local synced = log.project and package and {setting = "uv-no-isolation", need = package,
      kind = "param:no_build_isolation",
      say = ("Sync all but %s first, then %s in that environment."):format(package, package)}
    local first = {install = module, say = ("Install %s in this environment first."):format(module)}
    local there = f.pkg(module)
    return {hit = hit, confidence = torch and 0.92 or 0.85,
      title = "a source build does not see the installed " .. module,
      why = {("The installer builds from source in an environment of its own, which does not hold %s: the build "
        .. "imports it and does not say so in its requirements."):format(module),
        "torch {fact:torch.version} is installed outside of it."},
      fixes = synced and {synced, inside} or there == false and {first, inside} or {inside, first}}
  end,
  doc = {
    looks = "ModuleNotFoundError: No module named 'torch', below 'Getting requirements to build wheel'.",
    check = "Whether torch is installed in the environment; --no-build-isolation.",
  },
}

-- Their builds import torch, and the index has no wheels of theirs that would spare one the build.
local built_with_torch = {["flash-attn"] = true, ["mamba-ssm"] = true, ["causal-conv1d"] = true,
  ["torch-scatter"] = true, ["torch-sparse"] = true, ["torch-cluster"] = true}

-- The first of them that is asked of an installer together with torch, or before it.
local function built_too_early(f)
  if f"requirements.kind" == "lock file" then return nil end -- what builds them stands in another file
  local torch, early = nil, nil
  for _, pin in ipairs(list(f"requirements.pins")) do
    local step = list(f"requirements.steps")[(pin.step or 0) + 1] or {}
    local local_build = tostring(pin.version or ""):match[[\+]] -- a wheel somebody made
    if pin.name == "torch" and (not torch or pin.step < torch) then torch = pin.step end
    if built_with_torch[pin.name] and not local_build and not step.index and not early then early = pin end
  end
  return early and torch and early.step <= torch and early or nil
end

rule {
  id = "ext.build-isolation/check",
  check = function(f)
    local pin = built_too_early(f)
    if not pin then return nil end
    local fresh = f"requirements.base" -- an image that is made; into an environment torch may have come before
    return {confidence = fresh and 0.85 or 0.7, severity = not fresh and "warning" or nil,
      title = "a source build does not see torch",
      why = {("%s is built from source, its build imports torch, and torch is installed together with it or after "
        .. "it: where torch is not there already, the build stops at No module named 'torch'."):format(pin.name)},
      evidence = {{fact = "requirements.pins", value = pin.name}},
      fixes = {{install = pin.name, build = true, kind = "param:no_build_isolation",
        say = ("Take %s out, and install it after the others, in this environment."):format(pin.name)}}}
  end,
}

rule {
  id = "sys.lib-missing/aio",
  from = {"compiler", "torch", "hub", "installer"},
  signatures = {aio = [[(?:cannot find -laio\b|libaio\.h: No such file|Unable to JIT load the async_io op)]]},
  confidence = 0.9,
  title = "libaio's development files are not installed",
  why = "DeepSpeed's async_io (offload to NVMe) is compiled against libaio, and its headers and library are not "
    .. "installed.",
  fixes = {{system = "libaio-dev", say = "Install them."}, {conda = "libaio", say = "Without root: conda's."}},
  doc = {looks = "cannot find -laio, 'Unable to JIT load the async_io op'.", check = "ds_report."},
}

rule {
  id = "ext.abi-mismatch/jit-cache",
  role = "symptom", -- where the build itself stands in the log, it is the cause
  signatures = {cache = [[(?<folder>/[^\s:'"]*torch_extensions/[^\s:'"]+)/(?<name2>\w+)\.so: cannot open shared ]]
    .. [[object file]]},
  facts = {"cuda.toolkit.version", "env.CUDA_HOME"},
  confidence = 0.66,
  title = "an extension that torch compiles at run time was not built to the end",
  why = "{name2}.so is compiled at the first use and is not there: an earlier build of it failed or was broken off "
    .. "(its error stands in that run's log), and its folder was left behind.",
  fixes = {
    {move = "{folder}", kind = "rebuild:extension",
      say = "Put its folder out of the way and start once more, with one process; what then fails is the build "
        .. "itself."},
    {toolkit = "install", need = "torch",
      say = "The build needs ninja, a C++ compiler and the CUDA toolkit of torch's version (CUDA_HOME)."},
  },
  doc = {looks = ".../torch_extensions/.../cpu_adam.so: cannot open shared object file.",
    check = "The first error of the first run; ds_report."},
}

rule {
  id = "pip.broken-install/libtorch",
  signatures = {lib = [[(?<lib>libtorch_(?:global_deps|cuda_linalg|python|cpu)|libc10|]]
    .. [[libshm)\.so: cannot open shared object file]]},
  context = {extension = [=[(?:site|dist)-packages/(?!torch/)(?<other>\w+)/]=]},
  facts = {"torch.version"},
  specific_over = {"ext.abi-mismatch"},
  when = function(_, log)
    local text = log.lib.text
    if not (text:has("/torch/lib/") or text:has("global_deps") or text:has("cuda_linalg")) then return nil end
    return {confidence = 0.85, title = "torch's own libraries are not all there", why = "{lib}.so belongs to torch "
      .. "itself and is missing: the install is torn (two releases mixed, files removed, or broken off).",
      fixes = {{install = "torch", fresh = true, say = "Lay torch down anew."}}}
  end,
  doc = {looks = "libtorch_global_deps.so, libtorch_cuda_linalg.so: cannot open shared object file.",
    check = "ls .../site-packages/torch/lib."},
}

rule {
  id = "sys.glibc/musl",
  anyone = {musl = "loader"},
  signatures = {musl = [[Error loading shared library (?<lib>(?:ld-linux|libc\.so\.6|libm\.so\.6|libdl|librt|]]
    .. [[libpthread)[\w.+-]*): No such file or directory]]},
  facts = {"system.libc.name", "system.os.name"},
  confidence = 0.92,
  title = "a library made for glibc on a system with musl",
  why = {"What was loaded needs glibc ({lib}), and this system has musl (Alpine).", "It is {fact:system.os.name}."},
  fixes = {
    {host = true, say = "Use an image with glibc (Debian, Ubuntu): torch and CUDA's libraries are made for no other."},
  },
  doc = {looks = "Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by ...).",
    check = "cat /etc/os-release; ldd --version."},
}

rule {
  id = "sys.glibc/execstack",
  signatures = {stack = [[(?<file>[\w.+-]+\.so[\w.-]*): cannot enable executable stack as shared object requires]]},
  facts = {"system.libc.version", "system.kernel"},
  confidence = 0.88,
  title = "a library asks for an executable stack, which this system no longer gives",
  why = {"{file} is marked as needing an executable stack; glibc 2.41 and hardened kernels refuse to load such "
    .. "libraries.", "glibc is {fact:system.libc.version}."},
  fixes = {
    {code = true, kind = "pip:package", say = "Upgrade the package that brings it: newer builds have no such mark."},
    {code = true, kind = "rebuild:package", say = "Or clear the mark in the file (patchelf --clear-execstack)."},
    {host = true, say = "Or use an image with an older glibc."},
  },
  doc = {looks = "cannot enable executable stack as shared object requires: Invalid argument.",
    check = "ldd --version; readelf -lW FILE.so | grep STACK."},
}

rule {
  id = "sys.lib-missing/static-tls",
  signatures = {tls = [[(?<path>\S+?/)?(?<file>[\w.+-]+\.so[\w.-]*): cannot allocate memory in static TLS block]]},
  facts = {"system.arch", "system.libc.version"},
  confidence = 0.88,
  title = "a library has to be loaded at the process's start",
  why = "{file} keeps thread-local data in a block of fixed size, which is full by the time it is loaded.",
  fixes = {
    {set = {LD_PRELOAD = "{path}{file}"}, say = "Load it first (or import the package that brings it before all "
      .. "others)."},
    {code = true, say = "Or import that package first in the program."},
    {set = {GLIBC_TUNABLES = "glibc.rtld.optional_static_tls=16384"},
      say = "Or enlarge that block, where the C library allows it."},
  },
  doc = {looks = "libgomp.so.1: cannot allocate memory in static TLS block.",
    check = "The order of imports; architecture (often aarch64)."},
}

-- The C++ that a source needs, and the first toolkit whose nvcc knows it.
local STANDARDS = {["14"] = "9.0", ["17"] = "11.0", ["20"] = "12.0"}

rule {
  id = "cuda.toolkit-mismatch/standard",
  title = "the nvcc that compiles is too old for the C++ of the sources",
  from = {"compiler", "installer", "torch", "engine", "other", "app"},
  signatures = {standard = [[nvcc fatal\s*: Value '(?:c|gnu)\+\+(?<standard>\d\d)' is not defined for option 'std']]},
  context = {cache = [[torch_extensions/py\d+_cu(?<major>\d\d)(?<minor>\d)\b]]},
  facts = {"cuda.toolkit.version", "torch.cuda"},
  explains = {"pip.broken-install", "triton.compile", "ext.compiler-unsupported"},
  confidence = 0.92,
  when = function(f, log)
    local first = STANDARDS[log.standard.standard]
    local cached = log.cache and log.cache.major .. "." .. log.cache.minor
    local torch = type(f"torch.cuda") == "string" and f"torch.cuda" or cached
    return {why = {"The sources ask nvcc for C++{standard}, and this nvcc does not know it.",
        first and ("CUDA %s is the first that does."):format(first) or nil,
        "Toolkit {fact:cuda.toolkit.version}.", torch and ("torch is built for CUDA %s."):format(torch) or nil},
      fixes = {{toolkit = "install", need = torch or "torch", say = "Install the toolkit of torch's CUDA version."},
        {code = true, kind = "env:CUDA_HOME", say = "Where a newer one is installed: point CUDA_HOME and PATH at it."}}}
  end,
  doc = {looks = "nvcc fatal : Value 'c++17' is not defined for option 'std'.", check = "nvcc --version."},
}
