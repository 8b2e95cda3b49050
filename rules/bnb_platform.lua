-- bitsandbytes on a machine that its wheels are not made for: the GPU, the C library, the system, or no wheel at all.

rule {
  id = "bnb.arch-unsupported",
  from = {"bitsandbytes", "hub", "engine"},
  signatures = {
    no_image = any{
      [[Error ]] .. any{
        [[no kernel image is available for execution on the device]],
        [[invalid device function]],
      } .. [[ at line \d+ in file \S*(?:ops\.(?:cu|hip)|bitsandbytes\S*)]],
      [[(?:bitsandbytes|csrc/ops)\S*[^\n]{0,160}no kernel image]],
    },
    named_symbol = [[(?:Error )?named symbol not found at line \d+ in file]],
    status15 = [[cuBLAS API failed with status 15]],
    igemm = [[(?:Error|error):? ?]] .. any{
      [[Your GPU does not support Int8 Matmul]],
      [[int8 (?:matmul|operations) (?:is|are) not supported]],
      [[Int8 Matmul[^\n]{0,40}(?:7\.5|Turing)]],
    },
    cublaslt = [[cublasLt ran into an error!]],
    no_igemmlt = [[(?:cublasLt|igemmlt)[^\n]{0,80}(?:not supported|unsupported)]],
  },
  facts = {"gpus.0.compute_capability", "bitsandbytes.version", "bitsandbytes.archs"},
  specific_over = {"torch.no-kernel-image"},
  when = function(f, log)
    if log.status15 or log.igemm then
      return {hit = log.status15 or log.igemm, confidence = 0.85,
        why = "The int8 path of this bitsandbytes does not run on this GPU (int8 matrix products need 7.5 or later; "
          .. "on Hopper, releases before 0.45 fail with cuBLAS status 15).",
        fixes = {{install = "bitsandbytes", say = "Upgrade bitsandbytes."},
          {argument = "load_in_8bit", say = "Or use 4-bit (load_in_4bit) instead of 8-bit."}}}
    end
    return {confidence = 0.85, why = "The bitsandbytes library carries no code for this GPU.",
      fixes = {{install = "bitsandbytes", say = "Install a release whose wheel covers this GPU."},
               {rebuild = "bitsandbytes",
                 say = "Or compile it here for this compute capability (-DCOMPUTE_CAPABILITY=...)."}}}
  end,
  doc = {looks = "'no kernel image ... in file .../csrc/ops.cu', 'named symbol not found', 'cuBLAS API failed with "
    .. "status 15'.",
    check = "bitsandbytes.archs against the GPU's compute capability."},
}

rule {
  id = "bnb.glibcxx",
  signatures = {
    required_by = [[version [`'"](?<version>(?:GLIBC|GLIBCXX|CXXABI)_[\d.]+)['"`] not found \((?:required by ]]
      .. [[)?[^)]*(?<lib>libbitsandbytes_\w+\.so)]],
  },
  facts = {"system.libc.version", "system.libstdcxx.glibcxx", "bitsandbytes.version"},
  specific_over = {"sys.glibc"},
  explains = {"bnb.binary-missing", "bnb.cpu-only", "bnb.dependency-missing", "bnb.cudart-not-found"},
  confidence = 0.95,
  when = function(f, log)
    local hit = log.required_by
    if hit.version:match[[^GLIBC_]] then
      return {why = "{lib} needs {version}, and this system's C library is older; the later 'NoneType' errors only "
        .. "say that the library did not load.",
        fixes = {
          {install = "bitsandbytes",
            say = "Install a bitsandbytes release whose wheel was built for an older glibc (0.46 and later have a "
              .. "lower floor)."},
                 {image = "glibc", need = hit.version:match[[2\.\d+]], say = "Or build the image upon a newer system."},
                 {rebuild = "bitsandbytes", say = "Or compile it here."}}}
    end
    return {why = "{lib} needs {version}, and the libstdc++ that is loaded first is older.",
      fixes = {{conda = "libstdcxx-ng", say = "Put a newer libstdc++ first: conda's libstdcxx-ng."},
               {image = "glibcxx", need = hit.version:match[[GLIBCXX_3\.4\.(\d+)]],
                say = "Or build the image upon a newer system."},
               {system = "libstdc++6", say = "Or upgrade libstdc++6."}}}
  end,
  doc = {looks = "version `GLIBCXX_...' not found (required by .../libbitsandbytes_cudaXXX.so).",
    check = "system.libc, system.libstdcxx."},
}

rule {
  id = "bnb.not-installed",
  from = {"hub", "engine", "app", "other"},
  anyone = {metadata = "interpreter", module = "interpreter", name = "interpreter"},
  signatures = {
    metadata = any{
      [[No package metadata was found for (?:The ')?bitsandbytes]],
      [[The 'bitsandbytes[^'\n]*' distribution was not found]],
    },
    module = [=[No module named ['"]bitsandbytes['"]]=],
    name = [[name 'bnb' is not defined]],
    please = any{
      [[(?:Please|please|you need to) (?:pip )?install bitsandbytes]],
      [[pip install (?:-U |-i \S+ )?[`']?bitsandbytes]],
      [[requires bitsandbytes\b(?! version)]],
      [[bitsandbytes (?:is )?not installed]],
      [[No bitsandbytes]],
    },
  },
  context = {
    broken = [[No module named ['"]bitsandbytes\.]],
    latest = [[(?:the latest|installed) version of bitsandbytes]],
    cpu = [[Torch not compiled with CUDA]],
    setup = [[CUDA Setup failed|python -m bitsandbytes]],
  },
  unless = {"broken", "cpu", "setup"},
  facts = {"python.packages.bitsandbytes.version"},
  when = function(f, log)
    if f.pkg"bitsandbytes" then return nil end
    if log.latest and not (log.metadata or log.module) then return nil end
    return {confidence = (log.metadata or log.module) and 0.92 or 0.75,
      why = "A quantized load was asked for, and bitsandbytes is not installed in the interpreter that runs.",
      fixes = {{install = "bitsandbytes", absent = true, say = "Install it."}}}
  end,
  doc = {looks = "No module named 'bitsandbytes', 'No package metadata was found for bitsandbytes'.",
    check = "The interpreter of the traceback against the one that pip installs into."},
}

rule {
  id = "bnb.platform-wheel",
  from = {"installer"},
  signatures = {
    resolver = any{
      [[Could not find a version that satisfies the requirement]],
      [[No matching distribution found for]],
    } .. [[ bitsandbytes(?<spec>[<>=!~][^\s;"(]*)]],
  },
  context = {versions = [[from versions: (?<versions>[\d., ]+)]]},
  specific_over = {"sys.python-version"},
  facts = {"system.libc.version", "system.arch", "system.os.name"},
  when = function(f, log)
    local libc = f"system.libc.version"
    local os = f"system.os.name" or ""
    -- sys.glibc/wheel
    if libc and version.cmp(libc, "2.24") == -1
      or os:match[=[(?i)(?:centos|rhel|red hat|oracle|scientific)[^\d]*7]=] then
      return nil
    end
    return {confidence = 0.65,
      why = "pip finds no release of bitsandbytes in that range for this platform: the newer wheels do not fit its C "
        .. "library, architecture or Python.",
      fixes = {
        {host = true, say = "Use a platform that the wheels are built for (glibc 2.24 or later, x86-64 or aarch64)."},
        {rebuild = "bitsandbytes", say = "Or compile it here."}}}
  end,
  doc = {looks = "'No matching distribution found for bitsandbytes>=...' with only old versions offered.",
    check = "glibc, architecture, Python version."},
}

rule {
  id = "pip.broken-install/bnb-for-windows",
  anyone = {windows = "loader"},
  signatures = {windows = [[libbitsandbytes_\w+\.dll: (?:invalid ELF header|cannot open shared object)]]},
  explains = {"bnb.*"},
  confidence = 0.88,
  why = "A library for Windows is loaded on Linux: a patch for Windows was copied into this bitsandbytes (WSL is "
    .. "Linux).",
  fixes = {{install = "bitsandbytes", fresh = true, say = "Lay bitsandbytes down anew, as it comes from PyPI."}},
  doc = {looks = "libbitsandbytes_cuda116.dll: invalid ELF header.",
    check = "ls of the package's folder: .dll files do not belong there on Linux."},
}
