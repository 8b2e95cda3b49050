-- The system below Python: C library, CPU, limits, ports, interpreter.

rule {
  id = "sys.glibc",
  signatures = {
    glibc = [[version [`'"](?<version>GLIBC_2\.\d+)['"`] not found \((?:required by )?\s*(?<file>[^)\s]+)]],
    libstdcxx = [[version [`'"](?<version>(?:GLIBCXX_3\.4\.\d+|]]
      .. [[CXXABI_1\.3\.\d+))['"`] not found \((?:required by )?\s*(?<file>[^)\s]+)]],
    old = [[(?:GLIBC_2\.\d+|GLIBCXX_3\.4\.\d+|CXXABI_1\.3\.\d+)['"`]? not found]],
    manylinux = [[(?:is not a supported wheel on this platform|not compatible with this (?:platform|]]
      .. [[Python))[^\n]*manylinux_2_(?<minor>\d+)|manylinux_2_(?<minor2>\d+)[^\n]{0,60}is not a supported wheel]],
  },
  context = {bnb_file = [[not found \((?:required by )?[^)]*bitsandbytes/libbitsandbytes]]},
  unless = {"bnb_file"},
  facts = {"system.libc.version", "system.libstdcxx.glibcxx", "system.os.name"},
  confidence = 0.93,
  when = function(f, log)
    local hit = log.glibc
    local have = f"system.libc.version"
    if hit then
      local package = hit.file:match[[(?:site|dist)-packages/([A-Za-z0-9_]+)]]
      local bound = hit.file:match[[^/\.singularity\.d/libs/]] -- the host's own, for --nv and --rocm
      return {hit = hit, evidence = {have and "system.libc.version" or nil},
        why = {("%s needs %s, and this system's C library is older%s. It cannot be upgraded apart "
          .. "from the system."):format(hit.file:match[[([^/]+)$]] or hit.file, hit.version,
          have and " (" .. have .. ")" or ""),
          bound and "apptainer binds that library of the host into the container: the image is older than it." or nil},
        fixes = {
          {image = "glibc", need = hit.version:match[[2\.\d+]],
            effect = {["python.unloadable"] = {}, ["workdir.libraries"] = {}},
            say = "Build the image upon a newer system."},
          package and {install = package, older = true, kind = "pip-downgrade:" .. package,
            say = "Or an older release of that package whose wheel was built for this glibc."} or nil,
          {code = true, kind = "rebuild:extension", say = "Or build it from source on this system.",
            cond = function() return not bound end},
        }}
    end
    hit = log.libstdcxx
    if hit then
      return {hit = hit,
        why = ("%s needs %s, and the libstdc++ that was loaded first is older. A conda environment usually brings "
          .. "a newer one, which must come first."):format(hit.file:match[[([^/]+)$]] or hit.file, hit.version),
        fixes = {
          {conda = "libstdcxx-ng", say = "Install a newer libstdc++ into the environment; its lib folder must come "
            .. "first."},
          {host = true, kind = "apt:libstdc++6", say = "Or upgrade the system's libstdc++6, where the distribution "
            .. "has a newer one."},
          {image = "glibcxx", need = hit.version:match[[GLIBCXX_3\.4\.(\d+)]],
            say = "Or build the image upon a newer system."},
        }}
    end
    hit = log.old or log.manylinux
    if hit == log.old and hit.text:match[[GLIBCXX|CXXABI]] then
      return {hit = hit, confidence = 0.88, why = "The libstdc++ that was loaded first is older than the one a "
        .. "binary was built with.",
        fixes = {{conda = "libstdcxx-ng", say = "Install a newer libstdc++ into the environment; its lib folder "
          .. "must come first."},
                 {host = true, kind = "apt:libstdc++6", say = "Or upgrade the system's libstdc++6, where the "
                   .. "distribution has a newer one."},
                 {image = "glibcxx", need = hit.text:match[[GLIBCXX_3\.4\.(\d+)]],
                   say = "Or build the image upon a newer system."}}}
    end
    local minor = hit.minor or hit.minor2
    -- systems of before 2018 aside, it is another CPU, system or Python: sys.arch, sys.python-version
    if hit == log.manylinux and not have and tonumber(minor) <= 28 then return nil end
    return {hit = hit, confidence = 0.85, why = "A binary was built for a newer glibc or libstdc++ than this "
      .. "system has.",
      fixes = {{image = "glibc", need = hit.text:match[[GLIBC_(2\.\d+)]] or minor and "2." .. minor,
          say = "Build the image upon a newer system."},
        {host = true, kind = "pip-downgrade:package", say = "Or an older release of the package that names it."}}}
  end,
  doc = {looks = "version `GLIBC_2.32' not found, version `GLIBCXX_3.4.29' not found.",
    check = "`ldd --version`, and which libstdc++.so.6 comes first (firstfix libs FILE)."},
}

rule {
  id = "sys.glibc/wheel",
  from = {"installer"},
  signatures = {resolver = [[(?:Could not find a version that satisfies the requirement|]]
    .. [[No matching distribution found for) (?<package>[\w.-]+)(?<spec>[<>=!~][^\s;"(]*)?]]},
  facts = {"system.libc.version", "system.os.name"},
  when = function(f, log)
    local libc, os = f"system.libc.version", f"system.os.name" or ""
    local seven = os:match[=[(?i)(?:centos|rhel|red hat|oracle|scientific)[^\d]*7\b]=]
    local old = libc and version.cmp(libc, "2.28") == -1 or seven
    if not old then return nil end
    return {confidence = 0.8, why = {"pip finds no fitting release of {package}: newer wheels are built for a "
      .. "newer C library than this system has.", "glibc is {fact:system.libc.version}.",
      "The system is {fact:system.os.name}."},
      fixes = {{image = "glibc", need = "2.28", say = "Build the image upon a newer system."},
        {install = log.resolver.package, older = true, kind = "pip-downgrade:" .. log.resolver.package,
        say = "Or the newest release that still fits."},
        {rebuild = log.resolver.package, say = "Or build it from source here."}}}
  end,
  doc = {looks = "'No matching distribution found' on an old system, with only old versions offered.",
    check = "ldd --version against the wheel's manylinux tag."},
}

rule {
  id = "sys.illegal-instruction",
  from = {avx = {"native", "framework", "engine", "compiler", "other", "app"}, chosen = {"engine", "other"},
    x86_v2 = {"native", "shell"}},
  anyone = "system",
  signatures = {
    sigill = [[(?:(?<!Warp )Illegal instruction(?! (?:was encountered|parameter|encoding))|]]
      .. [[SIGILL|signal(?: number)?[ =:]*4\b|]]
      .. [[exit(?:ed with)? code:? {0,8}(?:132|-4)\b|returncode=-4\b|Signals\.SIGILL)]],
    chosen = [[\b(?<variable>[A-Z][A-Z0-9]*_[A-Z0-9_]+)=(?<value>\w+) requested, but the (?:\w+ )?CPU (?:does not]]
      .. [[|lacks)]],
    avx = [[(?:CPU does not (?:have|support) (?:AVX|vector extensions)|does not have AVX or AVX2|]]
      .. [[was compiled to use (?:AVX|SSE|FMA)\S* instructions,? but|]]
      .. [[built using AVX\S* instructions, which your CPU|compiled with AVX\S* support|]]
      .. [[requires (?:a CPU with )?AVX|AVX2? instructions? (?:is|are) (?:not supported|required)|]]
      .. [[CPU type does not support)]],
    kernel = [[traps: (?<program>\S+?)\[\d+\] trap invalid opcode[^\n]*? in (?<library>[^\s\[]+)]],
    x86_v2 = [[(?:CPU|glibc) does not support x86-64-v[234]|NumPy was built with baseline optimizations]],
  },
  context = {driver = [[driver version is insufficient|no kernel image is available]],
    trap = [[(?i:\b(?:NCCL|CUDA|HIP|cuBLAS) error\b)|Check failed|Assertion [`'][^\n]+ failed]]},
  unless = {"driver"},
  facts = {"system.cpu.flags"},
  confidence = 0.88,
  -- a native library that gives up ends itself by such an instruction
  when = function(_, log)
    if log.chosen then
      return {hit = log.chosen, why = "{variable} asks for instructions that this CPU does not have ({value}).",
        fixes = {{unset = {log.chosen.variable}, say = "Leave it unset, so that what this CPU has is taken."}}}
    end
    local bare = log.trap and not (log.avx or log.kernel or log.x86_v2)
    return bare and {confidence = 0.5} or true
  end,
  why = {"The CPU (often the CPU type that a virtual machine shows) lacks instructions that this binary was "
    .. "compiled for.", "It is in {library}, loaded by {program}."},
  fixes = {
    {hardware = true, say = "Run on a CPU with AVX2; in a virtual machine set the CPU type to 'host' so that the "
      .. "guest sees it."},
    {code = true, kind = "rebuild:package", say = "Or use a build without those instructions (compile it here)."},
    {code = true, kind = "pip-downgrade:package",
      say = "Or an older release of the package that still ran on this CPU."},
  },
  doc = {looks = "'Illegal instruction (core dumped)', exit code 132, 'CPU does not have AVX'.",
    check = "flags in /proc/cpuinfo against what the package needs."},
}

rule {
  id = "sys.lib-missing",
  from = {"shell", "other", "compiler", "installer", "app", "hub", "torch"},
  anyone = {binary = "system", blas = "loader", command = "system", load_library = "loader", shared = "loader"},
  signatures = {
    shared = [[(?<lib>lib(?:GL|GLX|EGL|gthread-2\.0|glib-2\.0|SM|ICE|Xext|Xrender|X11|xcb|gomp|sndfile|numa|aio|]]
      .. [[ibverbs|rdmacm|mpi|mpi_cxx|openblas|blas|lapack|gfortran|quadmath|ffi|ssl|crypto|sqlite3|tcmalloc|]]
      .. [[jemalloc|python3\.\d+|avcodec|avformat|avutil|sox|tinfo|ncurses\w*|xml2|jpeg|png16|tiff|webp|magic|]]
      .. [[portaudio|gflags|glog|hwloc|unwind|uuid|z|bz2|lzma|stdc\+\+|gcc_s|atomic|dl|crypt|nsl|effa|event\w*|]]
      .. [[zmq|mkl_\w+|iomp5|tbb\w*|omp)[\w.+-]*\.so(?:\.\d+)*): cannot open shared object file]],
    load_library = [[(?:OSError: (?:cannot load library|could not load)|ImportError: [Ff]ailed to find) ]]
      .. [[['"]?(?<lib>lib(?:sndfile|portaudio|GL|magic)(?:[\w.]*\w)?)]],
    blas = [[undefined symbol: (?<symbol>[sdcz](?:gesdd|gemm|getrf|potrf|syev|gels|geqrf|trsm|dot)\w*)]],
    sndfile = [[(?<lib>sndfile|libsndfile) (?:library )?not found]],
    command = [[(?:^|[\s:])(?<tool2>ffmpeg|ffprobe|git|git-lfs|cmake|ninja|make|gcc|g\+\+|sox|espeak|espeak-ng|]]
      .. [[aria2c|wget|curl|unzip|cargo|rustc|numactl|mpirun)(?:: (?:command )?not found\b|]]
      .. [['? is not recognized as)]],
    lfs = [[git: 'lfs' is not a git command]],
    compiler = [=[(?:unable to execute '[^'\n]*(?:gcc|g\+\+|cc)'|error: command '[^'\n]*(?:gcc|g\+\+|cc|]=]
      .. [=[cl\.exe)' failed: No such file|Microsoft Visual C\+\+ 14\.0 (?:or greater )?is required|]=]
      .. [=[No CMAKE_C(?:XX)?_COMPILER could be found|CMAKE_C(?:XX)?_COMPILER not set, after EnableLanguage|]=]
      .. [=['(?:which|where)', '(?:c\+\+|g\+\+|cl)'\]' returned non-zero|]=]
      .. [=[Error checking compiler version for cl: |]=]
      .. [=[Could not locate a supported Microsoft Visual C\+\+ installation)]=],
    rust = [[(?:can't find Rust compiler|Cargo, the Rust package manager, is not installed)]],
    header = [[fatal error: (?<header>(?!Python\.h|cu\w*\.h|cu\w+/|nv\w*|torch/|ATen/|c10/|]]
      .. [[thrust/)[\w/.+-]+\.h(?:pp)?): No such file]],
    codec = [[Could not load libtorchcodec]],
    cffi = [[(?:no library called "(?<cffi>[\w.+-]+)" was found|]]
      .. [[find_library\(\) did not manage to locate a library called '(?<cffi2>[\w.+-]+)')]],
    binary = [=[(?:FileNotFoundError: \[Errno 2\][^\n]*|ffmpeg: )['"](?<tool>ffmpeg|ffprobe|git|git-lfs|sox|]=]
      .. [=[espeak|tesseract|ninja|cmake|pdftoppm)['"]]=],
  },
  context = {
    nvidia = [[\blib(?:npp\w+|nvcuvid|nvrtc|cudart)\.so[\d.]*: cannot open shared object]], -- cuda.lib-missing
    notice = [[torchcodec is not installed correctly so built-in audio decoding will fail]],
    plugin = [[(?:/xorg/modules/|NET/Plugin|TUNER/Plugin|PROFILER/Plugin|libnccl-net|]]
      .. [[Unable to initialize backend 'tpu'|libibverbs)]],
  },
  unless = {"plugin"},
  confidence = 0.9,
  when = function(f, log)
    local hit = log.shared or log.load_library or log.sndfile
    if not hit and log.codec then
      -- an optional part: who imports it says so and goes on without
      local kind = log.codec.event.kind
      local raised = kind == "exception" or log.fatal ~= nil
      if log.nvidia or (log.notice or kind == "warning") and not raised then
        return nil
      end
      return {hit = log.codec, confidence = 0.78, severity = not raised and "warning" or nil,
        why = "torchcodec cannot load FFmpeg's libraries: FFmpeg is not installed, or this torchcodec is for another "
          .. "FFmpeg or another torch.",
        fixes = {{system = "ffmpeg", say = "Install FFmpeg (4 to 7)."},
          {install = "torchcodec", say = "If it is there: install the torchcodec that belongs to this torch."}}}
    end
    if not hit and log.compiler then
      local windows = log.compiler.text:match[[Microsoft|cl\.exe|\bcl\b]]
      return {hit = log.compiler, confidence = 0.88, why = "A package is to be compiled here, and there is no C or "
        .. "C++ compiler.",
        fixes = windows and {{setting = "build-tools", say = "Install the Visual Studio Build Tools with the C++ "
          .. "workload."}, {code = true, kind = "pip:package",
          say = "Or take a release of the package that has a wheel for this Python."}}
          or {{system = "build-essential", kind = "apt:gcc", say = "Install a compiler."},
            {code = true, kind = "pip:package", say = "Or take a release of the package that has a wheel for this "
            .. "Python."}}}
    end
    if not hit and log.rust then
      return {hit = log.rust, confidence = 0.74, why = "A package written in Rust (tokenizers, safetensors) is to "
        .. "be compiled, because pip found no wheel of it for this Python and platform.",
        fixes = {{install = "pip", kind = "pip:package", say = "Upgrade pip, which does not see newer wheels when "
          .. "it is old, and take a release that has a wheel for this Python."},
          {system = "cargo", say = "Or install the Rust compiler."}}}
    end
    if not hit and log.header then
      local name = log.header.header
      -- a header of the package itself or of one that another rule knows
      if not know.system_package(name) then return nil end
      return {hit = log.header, why = ("A package is compiled here and needs the header %s."):format(name),
        fixes = {{system = name, say = "Install the developer package that brings it."}}}
    end
    if not hit and log.cffi then
      local said = log.cffi.cffi or log.cffi.cffi2
      local name = said:lower()
      local what = name:match[[pango]] and "pango-1.0" or name:match[[cairo]] and "cairo" or name:match[[magic]]
        and "magic"
        or name:match[[sndfile]] and "sndfile" or name:match[[gobject|glib]] and "gobject-2.0" or name
      return {hit = log.cffi, why = ("The system library %s is not installed."):format(said),
        fixes = {{system = what, say = "Install the package that brings it."}}}
    end
    if not hit and log.blas then
      return {hit = log.blas, confidence = 0.85, why = {"{symbol} is a function of BLAS and LAPACK, and no library "
        .. "with it is installed; this build was not linked with one."},
        fixes = {{system = "libopenblas0", say = "Install OpenBLAS."}}}
    end
    if not hit then
      hit = log.binary or log.lfs or log.command
      local tool = hit == log.lfs and "git-lfs" or hit.tool or hit.tool2
      return {hit = hit, confidence = hit == log.command and 0.8 or nil,
        why = ("The program %s is not installed in this system."):format(tool),
        fixes = {{system = tool, say = "Install it."}}}
    end
    return {hit = hit, why = ("The system library %s is not installed."):format(hit.lib),
      fixes = {
        {system = hit.lib, say = ("Install the package that brings %s."):format(hit.lib)},
        {install = "opencv-python-headless", say = "For OpenCV without a display, the headless build needs none of "
          .. "these.", cond = function() return hit.lib:match[[libGL|libgthread|libSM|libXext|libXrender]] ~= nil end},
      }}
  end,
  doc = {looks = "libGL.so.1: cannot open shared object file.",
    check = "Which package of this distribution brings that library."},
}

-- Any other that the table of the distributions' packages has.
rule {
  id = "sys.lib-missing/table",
  anyone = "loader",
  signatures = {
    shared = [[(?:error while loading shared libraries|ImportError|OSError): ]]
      .. [[(?<lib>lib(?!cu(?!rl)|nv|GL|gomp)[\w.+-]+?\.so(?:\.\d+)*): cannot open]],
  },
  confidence = 0.88,
  when = function(_, log)
    if not know.system_package(log.shared.lib) then return nil end
    return {why = "The system library {lib} is not installed.",
      fixes = {{system = log.shared.lib, say = "Install the package that brings {lib}."}}}
  end,
  doc = {looks = "error while loading shared libraries: libcurl.so.4: cannot open shared object file.",
    check = "ldd of the program: 'not found'."},
}

rule {
  id = "sys.ulimit",
  from = {memlock = {"nccl", "native", "cluster"}, watches = {"server", "other", "app", "engine"}},
  anyone = "system",
  signatures = {
    watches = [[(?:inotify watch limit reached|System limit for number of file watchers reached|]]
      .. [[inotify instance limit reached)]],
    descriptors = [[received 0 items of ancdata]],
    fork = [[(?:fork: retry: Resource temporarily unavailable|fork: Cannot allocate memory|]]
      .. [[failed to create new OS thread \(have \d+ already; errno=11\)|unable to create native thread)]],
    files = codes"sys.ulimit" .. [[|(?:Too many open files|OS can't start new thread|]]
      .. [[Resource temporarily unavailable[^\n]{0,80}(?:pthread|thread|fork))]],
    threads = [[(?:can't start new thread|pthread_create failed|libgomp: Thread creation failed|]]
      .. [[OpenBLAS blas_thread_init: pthread_create failed|]]
      .. [[std::system_error[^\n]*Resource temporarily unavailable|BlockingIOError: \[Errno 11\]|]]
      .. [[(?:spawn|create|start)\w* [^\n]{0,30}thread[^\n]{0,80}(?:os error 11\)|Os \{ code: 11,)|]] -- Rust
      .. [[ThreadPoolBuildError[^\n]{0,40}(?:os error 11\b|code: 11,))]],
    not_permitted = [[pthread_create failed for thread \d+ of \d+: Operation not permitted]],
    memlock = [[(?:RLIMIT_MEMLOCK|Unable to pin host memory with error code: -1|failed to (?:mlock|lock) memory|]]
      .. [[mlock[^\n]{0,40}Cannot allocate memory|Please set max locked memory \(ulimit -l\))]],
  },
  context = {mlock_warning = [[warning: failed to mlock]],
    nproc = [[RLIMIT_NPROC (?<soft>-?\d+) current, (?<hard>-?\d+) max]]},
  facts = {"system.limits.nofile", "system.limits.nproc", "system.limits.memlock"},
  confidence = 0.9,
  when = function(f, log)
    if log.watches then
      return {hit = log.watches, why = "The kernel's limit of watched files is reached (inotify), whatever the "
        .. "error number says of space on a device.",
        fixes = {{setting = "watches", say = "Raise it on the host, or let the program watch fewer folders."}}}
    end
    if log.descriptors and not (log.files or log.threads) then
      return {hit = log.descriptors, confidence = 0.84, why = {"Tensors go from process to process as file "
        .. "descriptors, one each, and the limit of open files is reached.", "It is {fact:system.limits.nofile}."},
        fixes = {{limit = "nofile", value = 65536, kind = "container-flag:ulimit", say = "Raise the limit of open "
          .. "files."}, {code = true, say = "Or share by file name: "
          .. "torch.multiprocessing.set_sharing_strategy('file_system')."}}}
    end
    local hit = log.files or log.threads or log.fork
    if log.not_permitted and not log.files then
      return {hit = log.not_permitted, confidence = 0.88, why = "Threads cannot be started although the limits "
        .. "allow it: 'Operation not permitted' comes from the container's seccomp filter. A docker older than "
        .. "20.10.10 (or an old libseccomp) does not know the system call clone3 that newer images use.",
        fixes = {{host = true, say = "Upgrade docker (20.10.10 or later) and libseccomp on the host."},
          {container = "seccomp", kind = "container-flag:security-opt",
            say = "Until then run the container without the filter."}}}
    end
    local soft = log.nproc and math.tointeger(tonumber(log.nproc.soft))
    local hard = log.nproc and math.tointeger(tonumber(log.nproc.hard))
    if log.threads and not log.files and soft and soft > 0 and soft < 65536 and (hard < 0 or hard > soft) then
      return {hit = log.threads, evidence = {log.nproc}, why = ("This user may have %d threads and processes "
        .. "(RLIMIT_NPROC), and all are used."):format(soft),
        fixes = {{setting = "nproc", need = tostring(hard > 0 and hard or 65536), say = "Raise the limit in the shell "
          .. "that starts the worker."}, {set = {OPENBLAS_NUM_THREADS = "1"}, say = "Or start fewer threads a "
          .. "process."}}}
    end
    local fewer = hit == log.threads and hit and (hit.text:match[[(?i)\bretrying\b]]
      or log.came_up and log.came_up > hit.line)
    if fewer then return nil end
    if hit then
      local what = log.files and "open files (nofile)" or "threads and processes (nproc or the container's pids limit)"
      return {hit = hit, why = "The limit of " .. what .. " is reached.",
        fixes = {
          {limit = log.files and "nofile" or "nproc", value = 65536, kind = "container-flag:ulimit",
            say = "Raise the limit."},
          {host = true, say = "For good, raise it in /etc/security/limits.conf or the service unit (LimitNOFILE, "
            .. "TasksMax)."},
        }}
    end
    if log.mlock_warning then return nil end -- llama.cpp goes on without
    return {hit = log.memlock, why = "Memory could not be locked: the memlock limit is too low (RDMA and pinned "
      .. "memory need it unlimited).",
      fixes = {{limit = "memlock", kind = "container-flag:ulimit", say = "Lift it."}}}
  end,
  doc = {looks = "'Too many open files', 'can't start new thread', ibv_reg_mr failures.",
    check = "system.limits in the report; pids.max of the cgroup."},
}

-- A server that takes the next free port says so, or where it serves then.
local function serves_beside(log, port)
  if log.onward then return true end
  for _, hit in ipairs(port and log.all"served" or {}) do
    local beyond = tonumber(hit.now) - tonumber(port)
    if beyond > 0 and beyond <= 20 then return true end
  end
end

rule {
  id = "sys.port-in-use",
  from = {"server", "engine", "torch", "container", "other", "app"},
  anyone = {in_use = "code"},
  context = {bound = [[(?:--port[ =]|Uvicorn running on \S+:|(?i:listening on) \S*?:)(?<bound>\d{2,5})\b]],
    onward = [[(?i)\bport\b[^\n]{0,40}\b(?:in use|taken|occupied|busy|not available)\b[^\n]{0,20}\b(?:try|using)]],
    served = [[(?i)(?:running|serving|listening|started|available|server|local url)\b[^\n]{0,60}\bhttps?://\S*?:]]
      .. [[(?<now>\d{2,5})\b]]},
  signatures = {
    program = [[(?:Cannot find empty port in range(?:: (?<port3>\d+)-)?|couldn't bind HTTP server socket|]]
      .. [[Only one usage of each socket address|port is already allocated|but another process is utilizing it|]]
      .. [[Failed to start the grpc server\. The specified port is (?<port4>\d+)|]]
      .. [[Port \d+ is (?:already in use|in use|occupied|not available)|port \d+ is (?:already in use|]]
      .. [[in use by another)|\[WinError 10013\]|]]
      .. [[bind: An attempt was made to access a socket in a way forbidden by its access permissions)]],
    in_use = codes"sys.port-in-use" .. [[|(?:\[Errno 48\][^\n]*(?:address|port)|address already in use|]]
      .. [[(?<!\[Errno 13\] )(?<!\[Errno 99\] )error while attempting to bind on address ]]
      .. [[\('(?<host>[^']+)', (?<port>\d+)\))]],
    rendezvous = [[The server socket has failed to (?:listen on any local network address|]]
      .. [[bind to)[^\n]*port: (?<port2>\d+)]],
  },
  facts = {"workdir.ports"},
  when = function(f, log)
    local port
    for _, hit in ipairs{log.in_use or false, log.rendezvous or false, log.program or false} do
      local text = hit and (hit.port or hit.port2 or hit.port3 or hit.port4
        or hit.text:match[[(?i)\bport[ :=]+(\d{2,5})\b]]
        or hit.text:match[=[(?:\d|\]|localhost|\*):(\d{2,5})\b]=]
        or hit.text:match[=[\('[^']*', (\d{2,5})\)]=])
      port = port or text
    end
    if not port and log.bound then port = log.bound.bound end
    if serves_beside(log, port) then return nil end
    local held = list(f"workdir.ports")
    if not port and #held == 1 then port = held[1].port end
    local other = port and tonumber(port) < 65535 and tonumber(port) + 1
    return {confidence = 0.93, why = {"Another process already listens on that port, as an earlier run of this "
      .. "same worker may.", port and ("It is port %s."):format(port) or nil},
      fixes = {{free = "port", port = port, say = port and ("End the process that holds port %s."):format(port)
        or "End the process that holds it (ss -ltnp lists who listens where)."},
        {flag = "port", value = other or nil, say = "Or choose another port."}}}
  end,
  doc = {looks = "Errno 98, EADDRINUSE.", check = "ss -ltnp."},
}

rule {
  id = "sys.arch",
  from = {"container", "installer", "kernel"},
  anyone = {exec = "system", rosetta = "loader", wrong_class = "loader"},
  signatures = {
    exec = [[(?:exec format error|Exec format error|cannot execute binary file)]],
    windows = [[WinError 193\b]],
    wrong_class = [[wrong ELF class: ELFCLASS(?<class>\d+)]],
    platform = [[requested image's platform \((?<image>[^)]+)\) does not match the detected host platform ]]
      .. [[\((?<host>[^)]+)\)]],
    wheel = [[\S+?(?<machine>x86_64|aarch64|amd64|arm64)\.whl is not a supported wheel on this platform]],
    none = [[No matching distribution found for (?<package>[\w.-]+)]],
    manifest = [[no match(?:ing manifest)? for (?:linux/(?<image2>\w+)|platform)[^\n]*(?:manifest|not found)]],
    no_wheel = [[(?:has|have) no wheels with a matching platform tag]],
    only = [[only has wheels (?:for the following platforms?|with the following platform tags?)]],
    poetry = [[Unable to find installation candidates for (?<package2>[\w.-]+)]],
    rosetta = [[(?:incompatible architecture \(have ['"]?(?<have>\w+)|mach-o[^\n]*but wrong architecture)]],
  },
  context = {nothing = [[\(from versions: none\)]],
    other_python = [[Ignored the following versions that require a different python]],
    network = [[(?:Retrying \(Retry|ProxyError|Max retries exceeded)]],
    arm_tag = [[manylinux\w*_aarch64|linux_aarch64|macosx\w*_arm64|win_arm64]]},
  facts = {"system.arch"},
  specific_over = {"pip.conflict"},
  confidence = 0.92,
  when = function(f, log)
    local hit = log.exec or log.windows or log.wrong_class or log.manifest or log.rosetta
    if hit then return {hit = hit} end
    local machine = f"system.arch"
    local arm = machine == "aarch64" or machine == "arm64"
    if log.only then return {hit = log.only, confidence = 0.84, why = "That release has wheels for other systems "
      .. "or CPU architectures only, as the message lists them.",
      fixes = {{host = true, say = "Take a release (or a build, without a local version like +cpu or +cu128) that "
      .. "has a wheel for this system, or another system."},
      {code = true, kind = "rebuild:package", say = "Or build it here."}}} end
    if log.poetry then
      if not arm then return nil end
      return {hit = log.poetry, confidence = 0.66, why = {"The lock file names a release of {package2} that has no "
        .. "wheel for this ARM machine."}}
    end
    if log.wheel then -- the same words are said of a wheel for another Python
      local wheel = ({amd64 = "x86_64", arm64 = "aarch64"})[log.wheel.machine] or log.wheel.machine
      if not machine or machine == wheel then
        local any_python = log.wheel.text:match[[-py3-none-]]
        return not machine and (wheel == "aarch64" or any_python)
          and {hit = log.wheel, confidence = any_python and 0.7 or 0.5} or nil
      end
      return {hit = log.wheel}
    end
    if log.none and not log.no_wheel and not log.platform then
      if not (machine == "aarch64" and log.nothing) or log.other_python or log.network then return nil end
      return {hit = log.none, confidence = 0.74, why = {"pip finds no release of {package} at all for this CPU "
        .. "architecture (ARM): its makers build wheels for x86-64 only, or for ARM under another name."}}
    end
    if log.no_wheel then
      if not log.arm_tag and f"system.arch" ~= "aarch64" then return nil end
      return {hit = log.no_wheel, confidence = 0.82, why = "A package has no wheel for this CPU architecture (ARM)."}
    end
    -- emulated, it may well run
    return log.platform.event.level ~= "warning" and {hit = log.platform, confidence = 0.7} or nil
  end,
  why = "A binary of another CPU architecture was started (x86-64 on ARM or the other way round).",
  fixes = {
    {host = true, say = "Use the image or wheel for this architecture (docker: --platform linux/amd64 or "
      .. "linux/arm64 at build time, a multi-arch tag)."},
    {code = true, kind = "rebuild:package", say = "Or build the package here."},
  },
  doc = {looks = "'exec format error', 'wrong ELF class'.", check = "`uname -m` against the image's architecture."},
}

-- A program's own libraries lie beside it where it was unpacked or built, and the loader does not look there.
local function of_build(log, lib)
  local program = log.program and log.program.program
  local folder = program and program:match[=[^(/.+)/[^/]+$]=]
  return {hit = log.other, confidence = 0.84, title = "the program does not find its own library",
    why = ("%s is a part of the program itself, and lies where that was unpacked or built; the loader looks "
      .. "elsewhere."):format(lib),
    fixes = {{prepend = "LD_LIBRARY_PATH", entry = folder, holds = not folder and lib or nil,
      say = "Let the loader look in the folder that holds it."},
      {host = true, kind = "rebuild:package", say = "If it is not there: unpack the whole archive, or after 'make "
        .. "install' run ldconfig."}}}
end

-- A library of none of the families that other rules know.
rule {
  id = "sys.lib-missing/other",
  anyone = "loader",
  role = "symptom",
  signatures = {
    other = [[(?<lib>lib[\w+.-]*?\.so[\w.]*): cannot open shared object file]],
    macos = [[Library not loaded: ['"]?(?<dylib>[^'"\n]*?(?<brew>lib[\w+-]+)[\w.]*\.dylib)]],
    windows = [[(?:\[WinError (?:126|127|182|1114)\][^\n]*?|Could not find module '[^'\n]*?)(?<dll>[\w.+-]+\.dll)]],
    triton = [[DLL load failed while importing (?<dll2>libtriton|_turbomind|onnxruntime_pybind11_state)]],
  },
  context = {program = [[(?<program>/\S+): error while loading shared libraries]]},
  facts = {"system.os.name"},
  when = function(_, log)
    if log.macos then
      local package = log.macos.brew:gsub([[\d+$]], "")
      return {hit = log.macos, confidence = 0.74, why = ("macOS does not find %s, which this library was linked "
        .. "against."):format(log.macos.dylib),
        fixes = {{system = log.macos.brew .. ".so", kind = "apt:" .. package, say = "Install it with Homebrew (for "
          .. "the same architecture as the Python that runs)."},
          {code = true, kind = "pip:package", say = "Or reinstall the package that needs it."}}}
    end
    local dll = log.windows or log.triton
    if dll and not log.other then
      local torch = dll.text:match[=[torch[\\/]+lib]=]
      return {hit = dll, confidence = 0.72, why = ("Windows finds %s, and not all that it needs in turn: usually "
        .. "the Microsoft Visual C++ runtime is missing or too old."):format(dll.dll or dll.dll2),
        fixes = {{setting = "vcredist", say = "Install the newest Microsoft Visual C++ Redistributable (x64), then "
          .. "restart."},
          torch and {install = "torch", fresh = true, say = "Or reinstall torch."} or nil}}
    end
    local lib = log.other.lib
    if lib:match[[^lib(?:cu|nv|torch|c10|hip|roc|hsa|MIOpen|rccl|tensorrt|xla|jax)]] then return nil end
    local at = log.program and log.program.text:match[=[(?:site|dist)-packages/(\w+)/]=]
    if at and lib:match[[^lib(?:llama|ggml|mtmd|whisper|stable-diffusion)]] then
      return {hit = log.other, confidence = 0.8, title = "a package lacks a library of its own",
        why = ("%s is a part of %s itself: its files are incomplete, or the links between them were lost on the "
        .. "way (a copy or archive without symbolic links)."):format(lib, at),
        fixes = {{install = at:gsub("_", "-"), fresh = true,
          say = "Reinstall that package, in the image itself and not by copying its folder."}}}
    end
    if lib:match[[^lib(?:llama|ggml|mtmd|whisper|stable-diffusion)]] then return of_build(log, lib) end
    local package = lib:match[[^(lib[a-zA-Z_+-]+\d*[a-zA-Z_+]*)]]
    if not package then return nil end
    local number = lib:match[=[\.so\.(\d+)]=]
    package = (package:match[[\d$]] and number and package .. "-" .. number or package
      .. (number or "")):lower():gsub("_", "-")
    return {hit = log.other, confidence = 0.72, why = ("The shared library %s is not installed in this system, or "
      .. "not where the loader looks."):format(lib),
      fixes = {{system = lib, kind = not know.system_package(lib) and "apt:" .. package or nil,
        say = ("Install the package of this distribution that brings %s (apt-file search "
          .. "finds its name)."):format(lib)},
        {host = true, kind = "env:LD_LIBRARY_PATH", say = "If the file is on this machine: name its folder in "
          .. "LD_LIBRARY_PATH."}}}
  end,
  doc = {looks = "'lib....so.N: cannot open shared object file' of a library that belongs to no CUDA package.",
    check = "ldd FILE; apt-file search NAME."},
}

rule {
  id = "sys.noexec/log",
  from = {denied = {"shell", "app", "other", "container", "orchestrator"}},
  anyone = {segment = "loader"},
  signatures = {
    segment = [[(?<file>/?[\w./+@-]*): failed to map segment from shared object(?!: Cannot allocate)]]
      .. [[(?:: (?<reason>Operation not ]]
      .. [[permitted))?]],
    denied = [[\bsh: (?:line )?\d+: (?:exec: )?(?<program>/[\w./+@-]+): Permission denied]],
  },
  context = {mount = [[ on (?<at>/[\w./+@-]*) type \w+ \([^)\n]*\bnoexec\b]]},
  facts = {"system.disks"},
  explains = {"pip.broken-install", "sys.lib-missing", "numpy.abi", "cuda.lib-missing", "pip.module-missing",
    "bnb.binary-missing"},
  specific_over = {"pip.broken-install", "container.entrypoint-broken"},
  when = function(f, log)
    if not log.segment then -- a mount's own options, in the same log
      local program, at = log.denied.program, log.mount and log.mount.at
      if not at or at == "/" or program:sub(1, #at) ~= at then return nil end
      return {confidence = 0.88, evidence = {log.mount},
        why = {"{program} may not be run: the file system that holds it is mounted noexec."},
        fixes = {{remount = program, say = "Mount that file system with exec, as its root may."},
          {host = true, kind = "disk", say = "Or keep the environment on a file system that is mounted with exec."}}}
    end
    local limit = f"system.limits.as"
    if not log.segment.reason and type(limit) == "number" then
      return {confidence = 0.8, title = "a limit on address space refuses to map a library",
        why = {"A library could not be mapped, and this process may use {fact:system.limits.as} bytes of address "
        .. "space only."},
        fixes = {{limit = "as", say = "Lift the limit on address space (ulimit -v)."}}}
    end
    local file = log.segment.file:match[[^/]] and log.segment.file or nil
    local tmp = file and file:match[[^/tmp/]]
    return {confidence = file and 0.9 or 0.8, why = {"The loader may not map code from there: the file system that "
      .. "holds it is mounted noexec.", file and "It is {file}." or nil},
      fixes = {file and {remount = file, say = "Mount that file system with exec, as its root may."} or nil,
        tmp and {host = true, kind = "disk", say = "Or let the program unpack its libraries elsewhere (TMPDIR, "
          .. "TRITON_CACHE_DIR)."} or nil,
        {host = true, kind = "disk", say = "Keep the environment on a file system that is mounted with exec."}}}
  end,
  doc = {looks = "ImportError: .../x.so: failed to map segment from shared object.",
    check = "findmnt -T FILE: noexec among its options; ulimit -v."},
}
