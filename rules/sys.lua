-- The system below Python: C library, CPU, limits, disks, ports, interpreter.

rule {
  id = "sys.glibc",
  signatures = {
    glibc = [[version [`'"](?<version>GLIBC_2\.\d+)['"`] not found \((?:required by )?\s*(?<file>[^)\s]+)]],
    libstdcxx = [[version [`'"](?<version>(?:GLIBCXX_3\.4\.\d+|CXXABI_1\.3\.\d+))['"`] not found \((?:required by )?\s*(?<file>[^)\s]+)]],
    old = [[(?:GLIBC_2\.\d+|GLIBCXX_3\.4\.\d+|CXXABI_1\.3\.\d+)['"`]? not found]],
    manylinux = [[(?:is not a supported wheel on this platform|not compatible with this (?:platform|Python))[^\n]*manylinux_2_(?<minor>\d+)|manylinux_2_(?<minor2>\d+)[^\n]{0,60}is not a supported wheel]],
  },
  context = {bnb_file = [[not found \((?:required by )?[^)]*bitsandbytes/libbitsandbytes]]},
  unless = {"bnb_file"},
  facts = {"system.libc.version", "system.libstdcxx.glibcxx", "system.os.name"},
  confidence = 0.93,
  when = function(f, log)
    local hit = log.glibc
    local have = f"system.libc.version"
    if hit then
      local package = hit.file:match[[(?:site|dist)-packages/([A-Za-z0-9_]+)]] or hit.file:match[[([^/]+)$]]
      return {hit = hit, evidence = {have and "system.libc.version" or nil},
        why = ("%s needs %s, and this system's C library is older%s. It cannot be upgraded apart from the system."):format(hit.file:match[[([^/]+)$]] or hit.file, hit.version, have and " (" .. have .. ")" or ""),
        fixes = {
          {kind = "os", say = "Use a newer base image or system (Ubuntu 22.04 has glibc 2.35, Debian 12 has 2.36)."},
          {kind = "pip-downgrade:" .. (package or "package"), say = "Or an older release of that package whose wheel was built for this glibc."},
          {kind = "rebuild:extension", say = "Or build it from source on this system."},
        }}
    end
    hit = log.libstdcxx
    if hit then
      return {hit = hit,
        why = ("%s needs %s, and the libstdc++ that was loaded first is older. A conda environment usually brings a newer one, which must come first."):format(hit.file:match[[([^/]+)$]] or hit.file, hit.version),
        fixes = {
          {kind = "conda", say = "Install a newer libstdc++ into the environment and let it come first.", command = "conda install -c conda-forge libstdcxx-ng && export LD_LIBRARY_PATH=$CONDA_PREFIX/lib:$LD_LIBRARY_PATH"},
          {kind = "apt:libstdc++6", say = "Or upgrade the system's libstdc++6.", command = "apt-get install --only-upgrade libstdc++6"},
          {kind = "os", say = "Or use a newer base image."},
        }}
    end
    hit = log.old or log.manylinux
    if hit == log.old and hit.text:match[[GLIBCXX|CXXABI]] then
      return {hit = hit, confidence = 0.88, why = "The libstdc++ that was loaded first is older than the one a binary was built with.",
        fixes = {{kind = "conda", say = "Install a newer libstdc++ into the environment and let it come first.", command = "conda install -c conda-forge libstdcxx-ng && export LD_LIBRARY_PATH=$CONDA_PREFIX/lib:$LD_LIBRARY_PATH"},
                 {kind = "apt:libstdc++6", say = "Or upgrade the system's libstdc++6.", command = "apt-get update && apt-get install -y --only-upgrade libstdc++6"}, {kind = "os", say = "Or use a newer base image."}}}
    end
    return {hit = hit, confidence = 0.85, why = "A binary was built for a newer glibc or libstdc++ than this system has.",
      fixes = {{kind = "os", say = "Use a newer base image or system."}, {kind = "pip-downgrade:package", say = "Or an older release of the package that names it."}}}
  end,
  doc = {looks = "version `GLIBC_2.32' not found, version `GLIBCXX_3.4.29' not found.", check = "`ldd --version`, and which libstdc++.so.6 comes first (firstfix libs FILE)."},
}

rule {
  id = "sys.glibc/wheel",
  signatures = {resolver = [[(?:Could not find a version that satisfies the requirement|No matching distribution found for) (?<package>[\w.-]+)(?<spec>[<>=!~][^\s;"(]*)?]]},
  facts = {"system.libc.version", "system.os.name"},
  when = function(f, log)
    local libc, os = f"system.libc.version", f"system.os.name" or ""
    local old = libc and version.cmp(libc, "2.28") == -1 or os:match[=[(?i)(?:centos|rhel|red hat|oracle|scientific)[^\d]*7\b]=]
    if not old then return nil end
    return {confidence = 0.8, why = {"pip finds no fitting release of {package}: newer wheels are built for a newer C library than this system has.", "glibc is {fact:system.libc.version}.", "The system is {fact:system.os.name}."},
      fixes = {{kind = "os", say = "Use a newer system or base image."}, {kind = "pip-downgrade:" .. log.resolver.package, say = "Or the newest release that still fits."}, {kind = "rebuild:" .. log.resolver.package, say = "Or build it from source here."}}}
  end,
  doc = {looks = "'No matching distribution found' on an old system, with only old versions offered.", check = "ldd --version against the wheel's manylinux tag."},
}

rule {
  id = "sys.illegal-instruction",
  signatures = {
    sigill = [[(?:Illegal instruction(?! was encountered)|SIGILL|signal(?: number)?[ =:]*4\b|exit(?:ed with)? code:? ?(?:132|-4)\b|returncode=-4\b|Signals\.SIGILL)]],
    avx = [[(?:CPU does not (?:have|support) (?:AVX|vector extensions)|does not have AVX or AVX2|was compiled to use (?:AVX|SSE|FMA)\S* instructions,? but|requires (?:a CPU with )?AVX|AVX2? instructions? (?:is|are) (?:not supported|required)|CPU type does not support)]],
    kernel = [[traps: (?<program>\S+?)\[\d+\] trap invalid opcode[^\n]*? in (?<library>[^\s\[]+)]],
    x86_v2 = [[(?:CPU|glibc) does not support x86-64-v[234]|NumPy was built with baseline optimizations]],
  },
  context = {driver = [[driver version is insufficient|no kernel image is available]]},
  unless = {"driver"},
  facts = {"system.cpu.flags"},
  confidence = 0.88,
  why = {"The CPU (often the CPU type that a virtual machine shows) lacks instructions that this binary was compiled for.", "It is in {library}, loaded by {program}."},
  fixes = {
    {kind = "hardware", say = "Run on a CPU with AVX2; in a virtual machine set the CPU type to 'host' so that the guest sees it."},
    {kind = "rebuild:package", say = "Or use a build without those instructions (compile it here)."},
    {kind = "pip-downgrade:package", say = "Or an older release of the package that still ran on this CPU."},
  },
  doc = {looks = "'Illegal instruction (core dumped)', exit code 132, 'CPU does not have AVX'.", check = "flags in /proc/cpuinfo against what the package needs."},
}

rule {
  id = "sys.lib-missing",
  signatures = {
    shared = [[(?<lib>lib(?:GL|GLX|EGL|gthread-2\.0|glib-2\.0|SM|ICE|Xext|Xrender|X11|xcb|gomp|sndfile|numa|aio|ibverbs|rdmacm|mpi|mpi_cxx|openblas|blas|lapack|gfortran|quadmath|ffi|ssl|crypto|sqlite3|tcmalloc|jemalloc|python3\.\d+|avcodec|avformat|avutil|sox|tinfo|ncurses\w*|xml2|jpeg|png16|tiff|webp|magic|portaudio|gflags|glog|hwloc|unwind|uuid|z|bz2|lzma|stdc\+\+|gcc_s|atomic|dl|crypt|nsl|effa|event\w*|zmq|cufile|mkl_\w+|iomp5|tbb\w*|omp)[\w.+-]*\.so(?:\.\d+)*): cannot open shared object file]],
    load_library = [[OSError: (?:cannot load library|could not load) ['"]?(?<lib>lib(?:sndfile|portaudio|GL|magic)[\w.]*)]],
    blas = [[undefined symbol: (?<symbol>[sdcz](?:gesdd|gemm|getrf|potrf|syev|gels|geqrf|trsm|dot)\w*)]],
    sndfile = [[(?<lib>sndfile|libsndfile) (?:library )?not found]],
    binary = [=[(?:FileNotFoundError: \[Errno 2\][^\n]*|ffmpeg: )['"](?<tool>ffmpeg|ffprobe|git|git-lfs|sox|espeak|tesseract|ninja|cmake|pdftoppm)['"]]=],
  },
  context = {
    plugin = [[(?:NET/Plugin|TUNER/Plugin|PROFILER/Plugin|libnccl-net|Unable to initialize backend 'tpu'|libibverbs)]],
  },
  unless = {"plugin"},
  confidence = 0.9,
  when = function(f, log)
    local hit = log.shared or log.load_library or log.sndfile
    if not hit and log.blas then
      return {hit = log.blas, confidence = 0.85, why = {"{symbol} is a function of BLAS and LAPACK, and no library with it is installed; this build was not linked with one."},
        fixes = {{kind = "apt:libopenblas0", say = "Install OpenBLAS.", command = "apt-get update && apt-get install -y libopenblas0"}}}
    end
    if not hit then
      hit = log.binary
      return {hit = hit, why = ("The program %s is not installed in this system."):format(hit.tool),
        fixes = {{kind = "apt:" .. hit.tool, say = "Install it.", command = "apt-get update && apt-get install -y " .. hit.tool}}}
    end
    local packages = {
      {[[libGL\.]], "libgl1"}, {[[libgthread|libglib]], "libglib2.0-0"}, {[[libSM]], "libsm6"}, {[[libICE]], "libice6"}, {[[libXext]], "libxext6"},
      {[[libXrender]], "libxrender1"}, {[[libX11]], "libx11-6"}, {[[libEGL]], "libegl1"}, {[[libgomp]], "libgomp1"}, {[[sndfile]], "libsndfile1"}, {[[libnuma]], "libnuma1"},
      {[[libaio]], "libaio1"}, {[[libibverbs]], "libibverbs1"}, {[[librdmacm]], "librdmacm1"}, {[[libmpi]], "libopenmpi3"}, {[[libopenblas]], "libopenblas0"}, {[[libtcmalloc]], "libgoogle-perftools4"},
      {[[libportaudio]], "libportaudio2"}, {[[libgfortran]], "libgfortran5"}, {[[libav]], "ffmpeg"}, {[[libmagic]], "libmagic1"}, {[[libpython3\.(\d+)]], "libpython3-dev"},
      {[[libxcb]], "libxcb1"}, {[[libssl|libcrypto]], "libssl3"}, {[[libtinfo]], "libtinfo6"}, {[[libstdc]], "libstdc++6"}, {[[libatomic]], "libatomic1"}, {[[libxml2]], "libxml2"}, {[[libomp]], "libomp5"},
    }
    local package
    for _, p in ipairs(packages) do if hit.lib:match(p[1]) then package = p[2] break end end
    return {hit = hit, why = ("The system library %s is not installed."):format(hit.lib),
      fixes = {
        {kind = "apt:" .. (package or hit.lib:match[[^(lib[A-Za-z0-9_+-]+)]] or hit.lib), say = "Install the package that brings it.", command = "apt-get update && apt-get install -y " .. (package or hit.lib:match[[^(lib[A-Za-z0-9_+-]+)]] or hit.lib)},
        {kind = "pip:opencv-python-headless", say = "For OpenCV without a display, the headless build needs none of these.", command = "pip install opencv-python-headless", cond = function() return hit.lib:match[[libGL|libgthread|libSM|libXext|libXrender]] ~= nil end},
      }}
  end,
  doc = {looks = "libGL.so.1: cannot open shared object file.", check = "Which package of this distribution brings that library."},
}

-- The Pythons that wheels of torch exist for: from torch 0 up to Python, from Python up to torch.
local FIRST_TORCH = {["3.8"] = "1.4", ["3.9"] = "1.8", ["3.10"] = "1.11", ["3.11"] = "1.13", ["3.12"] = "2.2", ["3.13"] = "2.5", ["3.14"] = "2.9"}

-- What pip's list of releases says: the one asked for is below all of them, above all of them, or there are none.
local function where_stands(want, list)
  if list == "none" or list == "" then return "none" end
  local below, above = true, true
  for version_text in list:gmatch[[[\d][\w.+]*]] do
    local order = version.cmp(want, version_text)
    if not order then return nil end
    if order ~= -1 then below = false end
    if order ~= 1 then above = false end
  end
  return below and "below" or above and "above" or "between"
end

rule {
  id = "sys.python-version/no-wheel",
  signatures = {
    versions = [[Could not find a version that satisfies the requirement (?<package>[\w.-]+)(?:\[[\w,]+\])?(?:[=~]=(?<want>[\w.+]+)|(?<range>[<>!][^\s(]*))?[^(\n]*\(from versions:? (?<list>[^)\n]*)\)]],
  },
  context = {ignored = [[Ignored the following versions that require a different python version]], network = [[(?:Retrying \(Retry|NewConnectionError|ProxyError|SSLError|Max retries exceeded)]], musl = [[(?:musllinux|alpine)]]},
  unless = {"network"},
  explains = {"pip.module-missing"},
  facts = {"python.version", "system.libc.version", "system.arch"},
  when = function(f, log)
    local hit = log.versions
    local package, python = hit.package:lower(), f"python.version"
    local python_short = type(python) == "string" and python:match[[^3\.\d+]]
    local libc, os = f"system.libc.version", f"system.os.name" or ""
    if libc and version.cmp(libc, "2.28") == -1 or os:match[=[(?i)(?:centos|rhel|red hat|oracle)[^\d]*7\b]=] then return nil end
    local stands = where_stands(hit.want or "0", hit.list)
    local torch = package:match[[^torch(?:vision|audio)?$]]
    local placeholder = torch and hit.list:match[[^0\.1\.2]]
    local why, confidence
    if placeholder or torch and stands == "none" then
      why, confidence = "pip sees no wheel of " .. package .. " for this Python at all: it is newer (or older) than what " .. package .. " is built for, or a 32-bit one.", 0.84
    elseif stands == "below" then
      why, confidence = ("%s %s has no wheel for this Python: all releases that pip can use here are newer, because this Python is."):format(package, hit.want), torch and 0.84 or 0.72
    elseif stands == "above" and log.ignored then
      why, confidence = ("%s %s exists, but asks for a newer Python than this one."):format(package, hit.want), 0.84
    elseif stands == "above" or stands == "none" and hit.want and not torch then
      why, confidence = ("pip finds no %s %s that fits this Python and platform."):format(package, hit.want or ""), 0.55
    elseif stands == "none" and log.ignored then
      why, confidence = "All releases of " .. package .. " ask for another Python than this one.", 0.84
    else
      return nil
    end
    local older = stands == "below" or placeholder or stands == "none"
    local first = torch and python_short and FIRST_TORCH[python_short]
    return {hit = hit, confidence = confidence, why = {why, "Python is {fact:python.version}.", first and ("The first torch for Python %s is %s."):format(python_short, first) or nil},
      fixes = {{kind = "conda", say = older and "Make an environment with an older Python, which that release was built for." or "Make an environment with a newer Python.", command = older and "uv venv --python 3.10   # or: conda create -n worker python=3.10" or "uv venv --python 3.12   # or: conda create -n worker python=3.12"},
               {kind = "pip:" .. package, say = "Or take a release that this Python has a wheel of.", command = "pip index versions " .. package},
               {kind = "os", say = "Or use a base image with that Python."}}}
  end,
  doc = {looks = "'Could not find a version that satisfies the requirement ... (from versions: ...)'.", check = "Are all the listed versions newer than the one asked for? Then the Python is too new for it."},
}

rule {
  id = "sys.python-version",
  signatures = {
    requires = [[requires a different Python: (?<have>[\d.]+) not in ['"]?(?<spec>[^'"\n]+)]],
    requires2 = [[(?:Requires-Python|requires Python) ?['"]?(?<spec2>[<>=!~][^\s'";,)]+)]],
    syntax_walrus = [[SyntaxError: invalid syntax[^\n]*]],
    match = [[(?:TypeError: unsupported operand type\(s\) for \|: '(?:type|_GenericAlias|NoneType|ABCMeta)' and|TypeError: 'type' object is not subscriptable|AttributeError: module 'collections' has no attribute '(?:Mapping|MutableMapping|Callable|Iterable|Sequence)'|ImportError: cannot import name '(?:Mapping|MutableMapping|Callable|Iterable|Sequence)' from 'collections')]],
    imp = [=[No module named ['"](?:imp|distutils|asyncore|pipes|cgi|tomllib)['"]]=],
    removed = [[(?:module 'inspect' has no attribute '(?:getargspec|formatargspec)'|cannot import name '(?:formatargspec|getargspec)' from 'inspect'|mutable default <class '[^']+'> for field \w+ is not allowed: use default_factory|module 'asyncio' has no attribute '(?:coroutine|to_thread|timeout)'|cannot import name 'gcd' from 'fractions'|module 'time' has no attribute 'clock'|module 'configparser' has no attribute 'SafeConfigParser')]],
    not_yet = [[(?:'str' object has no attribute 'remove(?:prefix|suffix)'|dataclass\(\) got an unexpected keyword argument '(?:kw_only|slots)'|cannot import name '(?:cache|cached_property)' from 'functools'|zip\(\) takes no keyword arguments|module 'math' has no attribute '(?:prod|lcm|cbrt)'|module 'ast' has no attribute 'unparse')]],
    importer = [[module ['"]?pkgutil['"]? has no attribute ['"]?ImpImporter]],
    typing = [=[cannot import name ['"](?:Literal|TypeAlias|ParamSpec|Self|Annotated|Final|Protocol|TypedDict|NotRequired|override|StrEnum|EnumType)['"] from ['"](?:typing|enum)['"]]=],
    dynamo = [[(?:Dynamo is not supported on Python 3\.1\d|torch\.compile is not supported on Python|Python 3\.1\d\+? not (?:yet )?supported)]],
    python_needed = [[Python (?:version )?>= ?(?<need>3\.\d+) (?:is )?required|(?:needs|requires) (?:at least )?Python (?<need2>3\.\d+)]],
  },
  confidence = 0.85,
  facts = {"python.version"},
  when = function(f, log)
    if log.syntax_walrus and not (log.requires or log.requires2 or log.match or log.imp or log.importer or log.typing or log.dynamo or log.python_needed or log.removed or log.not_yet) then
      local hit = log.syntax_walrus
      local old = (f"python.version" or ""):match[[^(3\.[0-8])\b|^(2\.)]]
      if not old then return nil end
      return {hit = hit, confidence = 0.6, why = "This Python is older than the syntax that a package uses.", fixes = {{kind = "os", say = "Use a newer Python (3.10 or later)."}}}
    end
    local new, old = log.removed or log.imp or log.importer, log.not_yet or log.typing
    if new or old then
      return {hit = new or old, why = {new and "This Python is too new for a package that uses a part of the standard library which was removed." or "This Python is too old for a package that uses a newer part of the standard library.", "Python is {fact:python.version}."},
        fixes = {{kind = "conda", say = new and "Make an environment with an older Python." or "Make an environment with a newer Python.", command = new and "uv venv --python 3.10   # or: conda create -n worker python=3.10" or "uv venv --python 3.11   # or: conda create -n worker python=3.11"},
                 {kind = "pip:package", say = "Or a release of that package which supports this Python."}, {kind = "os", say = "Or use a base image with that Python."}}}
    end
    return {why = "This Python is too old or too new for a package: a module was removed, a syntax is not there yet, or no wheel exists for it.",
      fixes = {
        {kind = "conda", say = "Make an environment with a Python that the package supports (3.10 or 3.11 suit most).", command = "uv venv --python 3.11   # or: conda create -n worker python=3.11"},
        {kind = "os", say = "Or use a base image with that Python."},
        {kind = "pip:package", say = "Or a release of the package that supports this Python."},
      }}
  end,
  doc = {looks = "'requires a different Python', removed modules (imp, distutils), 'type' object is not subscriptable.", check = "python.version in the report against Requires-Python of the package."},
}

rule {
  id = "sys.ulimit",
  signatures = {
    files = [[(?:\[Errno 24\]|Too many open files|OS can't start new thread|Resource temporarily unavailable[^\n]{0,80}(?:pthread|thread|fork)|EMFILE)]],
    threads = [[(?:can't start new thread|pthread_create failed|libgomp: Thread creation failed|OpenBLAS blas_thread_init: pthread_create failed|std::system_error[^\n]*Resource temporarily unavailable|BlockingIOError: \[Errno 11\])]],
    not_permitted = [[pthread_create failed for thread \d+ of \d+: Operation not permitted]],
    memlock = [[(?:ibv_reg_mr\S* failed|ibv_create_cq failed|RLIMIT_MEMLOCK|failed to (?:mlock|lock) memory|mlock[^\n]{0,40}Cannot allocate memory)]],
  },
  context = {mlock_warning = [[warning: failed to mlock]]},
  facts = {"system.limits.nofile", "system.limits.nproc", "system.limits.memlock"},
  confidence = 0.9,
  when = function(f, log)
    local hit = log.files or log.threads
    if log.not_permitted and not log.files then
      return {hit = log.not_permitted, confidence = 0.88, why = "Threads cannot be started although the limits allow it: 'Operation not permitted' comes from the container's seccomp filter. A docker older than 20.10.10 (or an old libseccomp) does not know the system call clone3 that newer images use.",
        fixes = {{kind = "os", say = "Upgrade docker (20.10.10 or later) and libseccomp on the host.", command = "apt-get install --only-upgrade docker-ce containerd.io libseccomp2"},
                 {kind = "container-flag:security-opt", say = "Until then run the container without the filter.", command = "docker run --security-opt seccomp=unconfined ..."}}}
    end
    if hit then
      local what = log.files and "open files (nofile)" or "threads and processes (nproc or the container's pids limit)"
      return {hit = hit, why = "The limit of " .. what .. " is reached.",
        fixes = {
          {kind = "container-flag:ulimit", say = "Raise the limit for the container.", command = log.files and "docker run --ulimit nofile=1048576:1048576 ..." or "docker run --ulimit nproc=-1 --pids-limit -1 ..."},
          {kind = "os", say = "On a host: raise it in /etc/security/limits.conf or the service unit (LimitNOFILE, TasksMax)."},
        }}
    end
    if log.mlock_warning and not log.memlock.event.type then return nil end
    return {hit = log.memlock, why = "Memory could not be locked: the memlock limit is too low (RDMA and pinned memory need it unlimited).",
      fixes = {{kind = "container-flag:ulimit", say = "Lift it.", command = "docker run --ulimit memlock=-1 --ulimit stack=67108864 ..."}}}
  end,
  doc = {looks = "'Too many open files', 'can't start new thread', ibv_reg_mr failures.", check = "system.limits in the report; pids.max of the cgroup."},
}

rule {
  id = "sys.port-in-use",
  signatures = {
    in_use = [[(?:\[Errno (?:98|48)\][^\n]*(?:address|port)|Address already in use|address already in use|EADDRINUSE|error while attempting to bind on address \('(?<host>[^']+)', (?<port>\d+)\))]],
    rendezvous = [[The server socket has failed to (?:listen on any local network address|bind to)[^\n]*port: (?<port2>\d+)]],
  },
  confidence = 0.93,
  why = "Another process already listens on that port (often an earlier run of this same worker).",
  fixes = {
    {kind = "free-port", say = "Find and end the process that holds it.", command = "ss -ltnp | grep :PORT"},
    {kind = "param:port", say = "Or choose another port (torchrun: --master_port, vLLM: --port)."},
  },
  doc = {looks = "Errno 98, EADDRINUSE.", check = "ss -ltnp."},
}

rule {
  id = "sys.arch",
  signatures = {
    exec = [[(?:exec format error|Exec format error|cannot execute binary file)]],
    wrong_class = [[wrong ELF class: ELFCLASS(?<class>\d+)]],
    platform = [[requested image's platform \((?<image>[^)]+)\) does not match the detected host platform \((?<host>[^)]+)\)]],
    wheel = [[\S+(?:x86_64|aarch64|amd64|arm64)\.whl is not a supported wheel on this platform]],
    manifest = [[no match(?:ing manifest)? for (?:linux/(?<image2>\w+)|platform)[^\n]*(?:manifest|not found)]],
    no_wheel = [[(?:has|have) no wheels with a matching platform tag]],
    rosetta = [[(?:incompatible architecture \(have ['"]?(?<have>\w+)|mach-o[^\n]*but wrong architecture)]],
  },
  context = {arm_tag = [[manylinux\w*_aarch64|linux_aarch64|macosx\w*_arm64|win_arm64]]},
  facts = {"system.arch"},
  specific_over = {"pip.conflict"},
  confidence = 0.92,
  when = function(f, log)
    local hit = log.exec or log.wrong_class or log.manifest or log.wheel or log.rosetta
    if hit then return {hit = hit} end
    if log.no_wheel then
      if not log.arm_tag and f"system.arch" ~= "aarch64" then return nil end
      return {hit = log.no_wheel, confidence = 0.82, why = "A package has no wheel for this CPU architecture (ARM)."}
    end
    return log.platform.event.level ~= "warning" and {hit = log.platform, confidence = 0.7} or nil -- emulated, it may well run
  end,
  why = "A binary of another CPU architecture was started (x86-64 on ARM or the other way round).",
  fixes = {
    {kind = "os", say = "Use the image or wheel for this architecture (docker: --platform linux/amd64 or linux/arm64 at build time, a multi-arch tag)."},
    {kind = "rebuild:package", say = "Or build the package here."},
  },
  doc = {looks = "'exec format error', 'wrong ELF class'.", check = "`uname -m` against the image's architecture."},
}

rule {
  id = "disk.full",
  signatures = {
    no_space = [[(?:No space left on device|\[Errno 28\]|ENOSPC|Disk quota exceeded|\[Errno 122\]|os error 28|Not enough (?:free )?(?:disk|space)|not enough free disk space)]],
  },
  explains = {"pip.module-missing", "hf.incomplete", "pip.broken-install"},
  context = {
    shm = [[(?:/dev/shm|/torch_\d+|nccl-\w+|SemLock|shared memory|shm_open|multiprocessing/(?:queues|synchronize|context|heap)|mp\.Queue|shared memory segment)]],
    download = [[(?:huggingface|hub|hf_|xet|snapshot_download|models--)]],
    tmp = [[(?:pip|tempfile|/tmp/|_pip|unpack|setuptools)]],
    warning = [[UserWarning: Not enough free disk space to download the file]],
  },
  confidence = 0.92,
  when = function(f, log)
    if log.shm then return nil end -- shared memory, not a disk: oom.shm
    local why, first = {"A file system is full (or its quota or inodes are used up)."}, nil
    for _, disk in ipairs(f"system.disks" or {}) do
      if type(disk) == "table" and disk.free and disk.path and disk.free < 1 << 30 then
        why[#why + 1] = ("%s has %d MiB free (%s)."):format(disk.path, disk.free >> 20, type(disk["for"]) == "string" and disk["for"] or "a disk of this machine")
      end
    end
    if log.download then
      first = {kind = "env:HF_HOME", say = "Point HF_HOME at a volume with room for the model (weights need about their size once, twice while downloading).", command = "export HF_HOME=/path/to/large/volume/huggingface"}
    elseif log.tmp then
      first = {kind = "env:TMPDIR", say = "Point TMPDIR at a disk with room; pip and tempfile unpack there.", command = "export TMPDIR=/path/with/room"}
    end
    local fixes = {{kind = "disk", say = "Free space or enlarge the disk that the path in the message is on.", command = "df -h; df -i"}}
    if first then fixes = {fixes[1], first} end
    return {why = why, fixes = fixes}
  end,
  doc = {looks = "'No space left on device', Errno 28, quota exceeded.", check = "df -h and df -i for the path; a path in /dev/shm or torch_* is shared memory instead (oom.shm)."},
}
