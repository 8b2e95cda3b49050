-- Compiled modules that do not fit what they run with: another torch, another Python, another NumPy, another build of a
-- sibling.

local function module_of(file)
  return file:match[[(?:site|dist)-packages/([A-Za-z0-9_]+)/]]
      or file:match[=[([A-Za-z0-9_]+)(?:\.cpython[^/]*|\.abi3)?\.(?:so|pyd)]=] or ""
end

local function package_of(file)
  local module = module_of(file)
  local package = know.distribution(module)
  if package == module:gsub("_", "-") then package = know.distribution((module:gsub("_(?:cuda|C|ext|cpp)$", ""))) end
  -- each project that took it over builds it under that name
  if package == "" or package == "MultiScaleDeformableAttention" then package = "package" end
  return (package:lower():gsub("_", "-"))
end

local function package_known(module)
  return module and know.package(know.distribution(module)) and package_of(module .. ".so") or nil
end

-- The package of the innermost frame that lies in an installed package other than torch itself.
local function package_of_frames(log)
  local found
  for _, e in pairs(log.events.list) do
    for _, frame in ipairs(e.frames or {}) do
      local module = frame.file:match[=[(?:site|dist)-packages[\\/](?!torch[\\/]|importlib)([A-Za-z0-9_]+)[\\/]]=]
      found = module and package_of(module .. ".so") or found
    end
  end
  return found
end

-- The release that goes with the installed torch: 0.22 with 2.7.
local function partner_of(f, name)
  local torch = f.pkg"torch"
  return torch and know.torch_partner(torch, name) or nil
end

rule {
  id = "torch.torchvision-mismatch",
  from = {"torch", image = {"torch"}},
  anyone = {audio = "loader", audio_api = "interpreter", circular = "interpreter", extension = "loader",
    older = "interpreter"},
  signatures = {
    nms = [[(?:operator torchvision::nms does not exist|Couldn't load custom C\+\+ ops|]]
      .. [[No such operator torchvision::nms|torchvision::\w+ does not exist)]],
    compiled = [[(?:Detected that PyTorch and (?:torchvision|]]
      .. [[TorchAudio) were compiled with different CUDA (?:major )?versions|PyTorch and (?:torchvision|]]
      .. [[TorchAudio) were compiled with different)]],
    audio = [[(?:libtorchaudio|_torchaudio|torchaudio/lib/\S+)\S*[^\n]{0,80}(?:undefined symbol|cannot open)|]]
      .. [[Could not load this library:[^\n]*torchaudio]],
    image = [[Failed to load image Python extension[^\n]*undefined symbol]],
    extension = [[torchvision/(?:_C|image)\.so[^\n]*undefined symbol]],
    circular = [[partially initialized module 'torchvision' has no attribute]],
    meta = [[(?:_meta_registrations|torchvision/extension)\S*[^\n]{0,120}does not exist]],
    register_fake = [[module 'torch\.library' has no attribute '(?:register_fake|impl_abstract)']],
    functional = [[No module named 'torchvision\.transforms\.functional_tensor']],
    audio_api = [[module 'torchaudio' has no attribute '(?<audio_name>list_audio_backends|set_audio_backend|]]
      .. [[get_audio_backend|info|AudioMetaData)']],
    older = [[cannot import name '(?<vision_name>\w+)' from 'torchvision\.]],
    cuda_ops = [[Could not run 'torchvision::\w+' with arguments from the 'CUDA' backend]],
  },
  facts = {"torch.version", "python.packages.torchvision.version", "python.packages.torchaudio.version"},
  confidence = 0.92,
  specific_over = {"ext.abi-mismatch", "pip.module-missing", "hf.version-conflict", "pip.conflict"},
  when = function(f, log)
    local only_image = log.image and not (log.nms or log.compiled or log.audio or log.extension or log.circular
        or log.meta or log.register_fake)
    if only_image and (log.image.event.level == "warning" or (log.image.event.tier or 0) < 3) then return nil end
    if log.audio_api then
      return {hit = log.audio_api, confidence = 0.88, title = "torchaudio is newer than the package that uses it",
        why = {"torchaudio 2.9 removed {audio_name}; the package that calls it was written for an older one.",
          "torchaudio is {fact:python.packages.torchaudio.version}."},
        fixes = {{install = "torchaudio", need = "<2.9", with = {"torch"},
            say = "Go back to torchaudio 2.8, with the torch that goes with it."},
          {code = true, kind = "pip:package", say = "Or upgrade the package named in the traceback."}}}
    end
    if log.older and not (log.nms or log.compiled or log.functional) then
      if (log.older.event.tier or 0) < 3 then return nil end
      return {hit = log.older, confidence = 0.72, title = "torchvision and the package that imports it are of "
        .. "releases that do not fit", why = {"The installed torchvision has no {vision_name}: it is older (or newer) "
          .. "than what the importing package was written for.", "torchvision is "
            .. "{fact:python.packages.torchvision.version}."},
        fixes = {{install = "torchvision", with = {"torch"}, say = "Upgrade torchvision, with torch."},
          {code = true, kind = "pip:package", say = "Or install another release of the package named in the "
            .. "traceback."}}}
    end
    if log.functional and not (log.nms or log.compiled) then
      return {hit = log.functional, confidence = 0.7, title = "torchvision is newer than the package that imports it",
        why = {"torchvision 0.17 removed transforms.functional_tensor; the package that imports it (basicsr and what "
          .. "builds on it) was written for an older torchvision.", "torchvision is "
            .. "{fact:python.packages.torchvision.version}."},
        fixes = {{install = "torchvision", need = "<0.17", with = {"torch"},
            say = "Go back to torchvision 0.16, with the torch that goes with it."},
          {code = true, say = "Or replace the import by torchvision.transforms.functional in the package named in the "
            .. "traceback."}}}
    end
    local audio = (log.audio or log.compiled and log.compiled.text:match[[TorchAudio]]) and not log.nms
    return {why = {"torch and " .. (audio and "torchaudio" or "torchvision") .. " do not belong together: other "
      .. "versions, or the same versions of other builds (+cpu beside +cu).", "torch is {fact:torch.version}.",
        "torchvision is {fact:python.packages.torchvision.version}.",
        "torchaudio is {fact:python.packages.torchaudio.version}."},
      fixes = f.pkg"torch" == nil and not audio and { -- which one is the older is not known
        {install = "torch", replace = true, kind = "pip:torchvision",
          say = "Install the three anew together, so that they are of one release and one build."}}
        or {{install = audio and "torchaudio" or "torchvision",
        need = partner_of(f, audio and "torchaudio" or "torchvision"),
          fresh = true, kind = audio and "pip:torchaudio" or "pip:torchvision",
            say = "Reinstall it from the same index as torch, in the version that goes with it."},
        {install = "torch", with = {"torchvision", "torchaudio"}, say = "Or install the newest three together."}}}
  end,
  doc = {looks = "'operator torchvision::nms does not exist'.",
    check = "The version pair and the +cpu/+cuNNN suffixes: torch 2.N goes with torchvision 0.(N+15)."},
}

-- "2.1 or less" takes every 2.1.
local function below_next(release)
  local major, minor = release:match[[^(\d+)\.(\d+)]]
  return major and ("<%d.%d"):format(tonumber(major), tonumber(minor) + 1) or "<=" .. release
end

-- Versions of NumPy's C interface and the releases that offer them; a module runs on its own one and on later ones.
local API_SINCE = {[0xe] = ">=1.20,<2", [0xf] = ">=1.22,<2", [0x10] = ">=1.23,<2", [0x11] = ">=1.25,<2",
  [0x12] = ">=2,<3", [0x13] = ">=2.1,<3", [0x14] = ">=2.3,<3", [0x15] = ">=2.4,<3"}

-- Bytes of these types by the headers that a module is built with; from NumPy 2 on no module compares them.
local SIZE_SINCE = {["numpy.ndarray"] = {[88] = ">=1.20,<2", [96] = ">=1.22,<2"},
  ["numpy.ufunc"] = {[216] = ">=1.16,<2", [232] = ">=1.22,<2"}}

rule {
  id = "numpy.abi",
  from = {"numpy", "native"},
  anyone = {module_attr = "interpreter"},
  signatures = {
    compiled = [[A module that was compiled using NumPy 1\.x cannot be run in]],
    not_available = [[RuntimeError: Numpy is not available]],
    dtype_size = [[(?<type>numpy\.(?:dtype|ndarray|]]
      .. [[ufunc)) size changed, may indicate binary incompatibility(?:\. Expected (?<want>\d+) from C ]]
        .. [[header, got (?<got>\d+))?]],
    multiarray = [[(?:numpy\.core\.multiarray failed to import|numpy\.core\.umath failed to import|]]
      .. [[_ARRAY_API not found|No module named 'numpy\.core\._?multiarray|cannot import name '_?ARRAY_API')]],
    newer_pickle = [[No module named 'numpy\._core]],
    module_attr = [[module 'numpy' has no attribute '(?<symbol>\w+)'|`?np\.(?<symbol2>float_|int|float|bool|]]
      .. [[object|complex|str|long|unicode|NaN|Inf|infty|product|cumproduct|in1d|trapz|string_|unicode_|cfloat|]]
      .. [[row_stack|sctypes|alltrue|sometrue|asfarray|obj2sctype)`? was (?:removed|a deprecated alias)]],
    numba = [[Numba needs NumPy (?<need>[\d.]+ or (?:less|greater))]],
    abi_version = [[module compiled against (?:API|ABI) version (?:0x)?(?<built>\w+) but this version of numpy is ]]
      .. [[(?:0x)?(?<runs>\w+)]],
  },
  facts = {"python.packages.numpy.version", "torch.version"},
  when = function(f, log)
    local hit = log.not_available or log.dtype_size or log.abi_version or log.multiarray or log.numba
        or log.module_attr or log.newer_pickle or log.compiled
    if hit == log.compiled and not log.fatal then return nil end -- the notice alone: the import went on
    local have = f.pkg"numpy"
    local to_old = {install = "numpy", need = "<2", say = "Install NumPy 1.x, which such modules were built for."}
    local to_new = {install = "numpy", need = ">=2,<3",
      say = "Upgrade NumPy to the release that the module (or the pickled file) was made with."}
    local module = {code = true, kind = "pip:package",
      say = "Or upgrade the module that the traceback names to a release built for the installed NumPy."}
    if hit == log.dtype_size and log.has_frame[=[packages[/\\]numpy[/\\]]=] then
      return {hit = hit, confidence = 0.84, why = {"NumPy's own files are of two releases: it was exchanged while "
        .. "this process had the other one loaded, or one install lies over another."},
        fixes = {{restart = "process",
            say = "Restart the process (the notebook's runtime), so that it loads the installed NumPy from the start."},
          {install = "numpy", fresh = true, say = "If it persists, reinstall NumPy cleanly."}}}
    end
    -- np.dtype takes 96 bytes in NumPy 1 and 88 in NumPy 2: what the header says is what the module was built with.
    -- Of the other types the size only grew.
    local want, got = tonumber(hit.want), tonumber(hit.got)
    local shrank = hit.text:has("numpy.dtype") and want == 88 and got == 96
    local built_for_two = hit == log.dtype_size and want and (shrank or not hit.text:has("numpy.dtype") and got < want)
    local built = hit == log.abi_version and tonumber(hit.built, 16)
    local newer = built and built > (tonumber(hit.runs, 16) or 0)
    to_new.need = newer and API_SINCE[built] or built_for_two and (SIZE_SINCE[hit.type] or {})[want] or to_new.need
    if hit == log.newer_pickle or built_for_two or newer then
      return {hit = hit, confidence = 0.82, title = "what was made with a newer NumPy runs under an older one",
        why = {"A module (or a pickled file) was made with a newer NumPy than the one that runs.",
          "NumPy is {fact:python.packages.numpy.version}."}, fixes = {to_new, module}}
    end
    if hit == log.numba then
      local less = hit.need:match[[^([\d.]+) or less]]
      return {hit = hit, confidence = 0.92, why = {"The installed numba accepts NumPy " .. hit.need .. " only.",
        "NumPy is {fact:python.packages.numpy.version}."},
        fixes = {less and {install = "numpy", need = below_next(less), say = "Install that NumPy."} or to_new,
          {install = "numba", say = "Or upgrade numba."}}}
    end
    if hit == log.module_attr then
      local name = hit.symbol or hit.symbol2
      local removed = [[^(?:int|float|bool|object|complex|str|long|unicode|bool8|typeDict|float_|complex_|NaN|]]
        .. [[Inf|infty|PINF|NINF|product|cumproduct|in1d|trapz|string_|unicode_|cfloat|singlecomplex|row_stack|]]
        .. [[sctypes|alltrue|sometrue|asfarray|obj2sctype|find_common_type|cast|source|mat|msort|round_|]]
        .. [[issubclass_|safe_eval|deprecate|disp|byte_bounds|compat|geterrobj|seterrobj|recfromcsv|recfromtxt|]]
        .. [[set_string_function|lookfor|who|DataSource|add_newdoc\w*|maximum_sctype|longfloat|longcomplex|]]
        .. [[clongfloat|NAN|Infinity|issctype|tracemalloc_domain|nbytes|registerproperty|chararray|core)$]]
      if not name:match(removed) then return nil end
      local alias = name:match[[^(?:int|float|bool|object|complex|str|unicode|long|typeDict|bool8)$]]
      local limit = alias and (name == "bool8" and "2" or "1.24") or "2"
      return {hit = hit, confidence = 0.85, why = {
        ("np.%s was removed in NumPy %s; the code that uses it is older."):format(name, alias and limit or "2.0"),
        "NumPy is {fact:python.packages.numpy.version}."},
        fixes = {{install = "numpy", need = "<" .. limit, say = "Install a NumPy that still has it."}, {code = true,
          say = "Or change the code (np.int becomes int, np.float_ becomes np.float64)."}, module}}
    end
    if have and version.matches(have, "<2") and hit ~= log.not_available then
      return {hit = hit, confidence = 0.7, why = {"A compiled module and NumPy {fact:python.packages.numpy.version} "
        .. "do not fit, or the NumPy install itself is mixed."}, fixes = {{install = "numpy", fresh = true,
          say = "Reinstall NumPy cleanly."}, module}}
    end
    return {hit = hit, confidence = log.compiled and 0.93 or 0.86,
      why = {"A compiled module and NumPy do not fit: it was built against another major version of NumPy's binary "
        .. "interface.", "NumPy is {fact:python.packages.numpy.version}."}, fixes = {to_old, module}}
  end,
  check = function(f)
    local np, torch = f.pkg"numpy", f.pkg"torch"
    if np and torch and version.matches(np, ">=2") and version.matches(torch, "<2.3") then
      return {confidence = 0.9, severity = "error",
        why = "torch {fact:torch.version} was built against NumPy 1.x and cannot use NumPy 2.",
          evidence = {"python.packages.numpy.version"},
          fixes = {{install = "numpy", need = "<2", say = "Install NumPy 1.x."}}}
    end
  end,
  doc = {looks = "'A module that was compiled using NumPy 1.x cannot be run in NumPy 2', 'Numpy is not available'.",
    check = "numpy's version against the module's."},
}

-- Those whose build imports torch: pip's own build environment does not hold it.
local NEEDS_TORCH = {["flash-attn"] = true, ["causal-conv1d"] = true, ["mamba-ssm"] = true,
  ["transformer-engine"] = true, apex = true,
  ["torch-scatter"] = true, ["torch-sparse"] = true, ["torch-cluster"] = true, ["grouped-gemm"] = true,
    detectron2 = true}

-- Each release of xformers names the torch that it is for: with that torch held fast, the installer finds it. Where
-- only the CUDA build differs, the releases are told apart by index alone.
local function xformers_for(wants, has)
  local torch, tag = has:match[[^([\d.]+)(?:\+(cu\d+))?]]
  if torch ~= wants:match[[^[\d.]+]] then
    return {install = "xformers", with = {torch = "==" .. torch},
      say = "Install the release of xformers for this torch, which stays as it is."}
  end
  if tag then
    return {install = "xformers", with = {torch = "==" .. torch}, index = tag, say = ("Install xformers anew from "
      .. "PyTorch's index for its CUDA build, %s, in the release for torch %s."):format(tag, torch)}
  end
  return {code = true, kind = "pip:xformers", say = ("Install xformers anew from PyTorch's index for this build of "
    .. "torch, in the release for torch %s."):format(torch)}
end

rule {
  id = "ext.abi-mismatch",
  from = {"native", "kernels"},
  anyone = {dll = "loader", flash_c = "interpreter", libc10 = "loader", mangled = "loader", mangled_any = "loader",
    torch_python = "loader", vllm_c = "interpreter", wrong_python = "interpreter"},
  signatures = {
    mangled = [=[(?<file>[^\s:'"]+\.so[\w.]*): undefined symbol: (?<symbol>_Z\w*(?:c10|2at|3c10|N2at|torch|]=]
      .. [=[caffe2)\w*)]=],
    mangled_any = [=[undefined symbol: (?<symbol2>_Z\w+)]=],
    plain_symbol = [[(?:site|dist)-packages/(?<file3>(?!torch/|nvidia/|numpy|scipy)[\w/.+-]+\.so): undefined symbol: ]]
      .. [[(?<symbol4>(?!iJIT|_Z|cu[A-Z]|__nv|Py|_Py|THP|[sdcz](?:ge|po|sy|tr)\w+_$)[A-Za-z]\w+)\s*$]],
    torch_python = [[(?<file2>[^\s:'"]+\.so[\w.]*): undefined symbol: (?<symbol3>(?:THP\w+|PyInit_\w+|]]
      .. [[_PyThreadState\w+|Py\w+|aoti_torch\w+|torch_\w+))]],
    wrong_python = [[(?:dynamic module does not define module export function|]]
      .. [[Python version mismatch: module was compiled for Python|]]
      .. [[ImportError: Module use of python\d+\.dll conflicts)]],
    built_for = [[(?:was (?:built|compiled) (?:for|with|against) (?:(?:a different |another )?(?:PyTorch|torch|]]
      .. [[CUDA)|(?:a different|another) version)|xFormers can't load C\+\+/CUDA extensions|xFormers was built for)]],
    have = [[PyTorch (?<wants>\d[\w.+]*) with CUDA \S+ \(you have (?<has>\d[\w.+]*)\)]],
    dll = [[DLL load failed while importing (?<module>(?!libtriton|_turbomind|onnxruntime_pybind11_state)\w+): ]]
      .. [[(?!A dynamic link library|%1 is not a valid)]],
      -- Windows says the rest in its own language
    libc10 = [[lib(?:c10|c10_cuda|c10_hip|torch|torch_cpu|torch_hip|torch_xpu|torch_cuda_cu|torch_cuda_cpp|]]
      .. [[torch_python)\.so: cannot open shared object file]],
    vllm_c = [[(?:No module named 'vllm\._C'|Failed to import from vllm\._(?:core_|moe_)?C with ImportError|]]
      .. [['_OpNamespace' '(?:_C|_C_cache_ops|_moe_C|_vllm_fa\w*|sgl_kernel)' object has no attribute)]],
    no_class = [[Tried to instantiate class '_(?:core_|moe_)?C\.\w+', but it does not exist]],
    flash_c = [[cannot import name '(?:flash_attn_cuda|flash_attn_[23]_cuda|_\w+_C)'|]]
      .. [[No module named '(?<missing>flash_attn_2_cuda|flash_attn_cuda|fused_\w+_cuda|amp_C|apex_C|]]
      .. [[fused_dense_lib|xentropy_cuda_lib|autogptq_cuda_\d+|exllamav[23]_ext|]]
      .. [[dropout_layer_norm|rotary_emb|exllama_kernels|exllamav2_kernels|awq_ext|awq_inference_engine|_ext|]]
      .. [[pointnet2_ops\._ext|mmcv\._ext|detectron2\._C|MultiScaleDeformableAttention|selective_scan_cuda|]]
      .. [[causal_conv1d_cuda|sgl_kernel\.common_ops|gptqmodel_\w+|quant_cuda|cuda_ext)']],
  },
  context = {
    nvjitlink = [[undefined symbol: _{0,2}(?:nvJitLink|cublas|cudnn|cusparse|nccl|cuda)\w+]],
    cublas_file = [=[lib(?:cusparse|cublas|cudnn|cusolver|nvrtc|cufft|nccl)\w*\.so[\d.]*: undefined symbol]=],
    torchvision = [[(?:torchvision|torchaudio)]],
    glibcxx = [[GLIBCXX|GLIBC_2|CXXABI]],
    mkl = [[undefined symbol: iJIT_]],
    no_operator = [[No operator found for `memory_efficient_attention]],
    pinned = [[(?<who>[\w.-]+) \S+ requires torch==(?<pin>\d[\d.]*)\S*, but you have torch ]],
  },
  unless = {"nvjitlink", "cublas_file", "glibcxx", "mkl"},
  specific_over = {"engine.plugin-skew"},
  facts = {"torch.version", "python.version", "torch.cxx11_abi"},
  when = function(f, log)
    local hit = log.mangled or log.mangled_any or log.torch_python or log.libc10 or log.wrong_python or log.vllm_c
        or log.no_class or log.built_for or log.have or log.flash_c or log.dll or log.plain_symbol
    if log.torchvision and (hit.text:match[[torchvision|torchaudio]]) then return nil end
    -- that file is what is wrong
    if hit == log.vllm_c and hit.text:match[[cannot open shared object file]] then return nil end
    local file = hit.file or hit.file2 or hit.file3 and "site-packages/" .. hit.file3
      or hit ~= log.libc10 and hit.text:match[[([^\s:'"]+\.(?:so|pyd))]] or hit.text:match[[(/\S+\.so)\b]] or ""
    local package = file ~= "" and package_of(file) or (log.vllm_c or log.no_class) and "vllm" or log.built_for
        and log.built_for.text:match[[(?i)(xformers)]] or hit.missing and package_of(hit.missing .. ".so")
            or hit == log.have and "xformers" or hit == log.dll
                and (package_of_frames(log) or package_known(hit.module))
                  or "package"
    package = package:lower()
    if log.have and log.have.has:match[[\+cpu]] and not (log.mangled or log.mangled_any) then
      return {hit = log.have, confidence = 0.8, why = {"xformers was built for torch {wants}, and the torch here is "
        .. "the CPU-only build {has}: torch is the wrong one."},
        fixes = {{install = "torch", need = "==" .. log.have.wants, fresh = true,
          say = "Install the CUDA build of torch that xformers wants."},
          {install = "xformers", fresh = true, say = "Then reinstall xformers."}}}
    end
    if log.have and package == "xformers" and not (log.mangled or log.mangled_any) then
      return {hit = log.no_operator or log.have, confidence = 0.9, evidence = {log.have},
        why = "xformers was built for torch {wants}, and the torch here is {has}.",
        fixes = {xformers_for(log.have.wants, log.have.has),
          {install = "torch", need = "==" .. log.have.wants:match[[^[\d.]+]], say = "Or install the torch that it was "
            .. "built for."}}}
    end
    if package == "torch" and (log.mangled or log.mangled_any) then
      return {hit = hit, confidence = 0.75, why = "torch's own libraries do not fit each other: two versions of torch "
        .. "are mixed in one folder, or a foreign libtorch stands first on the library path.", 
        fixes = {{install = "torch", fresh = true, say = "Lay torch down anew."},
          {unset = {"LD_LIBRARY_PATH"}, say = "And take foreign libtorch folders off LD_LIBRARY_PATH."}}}
    end
    if hit == log.plain_symbol then
      -- its library for the CPU, in place of the one for the GPU: bnb.*
      if hit.file3:match[[libbitsandbytes_cpu]] then return nil end
      return {hit = hit, confidence = 0.6,
        why = "The extension {file3} asks for {symbol4}, and nothing that it was linked with has it: its build left a "
          .. "part out, or it was built with another release of a library.",
        fixes = {{rebuild = package, kind = "rebuild:extension", say = "Build it again here, from a clean folder."},
          {install = package, fresh = true, say = "Or install a wheel of it that was made for this torch and Python."}}}
    end
    local symbol = hit.symbol or hit.symbol2 or hit.symbol3
    local abi, built_for = atlas.cxx_abi(symbol), atlas.built_for(symbol, f.pkg"torch")
    local weak = log.dll and not (log.mangled or log.libc10) or log.mangled_any and not log.mangled and not built_for
    local why = {("The compiled extension %s was built for another torch (or Python) than the one that is "
      .. "installed%s."):format(file ~= "" and file:match[[([^/\\]+)$]] or package, abi
          and ", with the " .. abi .. " C++ ABI" or ""), "torch is {fact:torch.version}.", built_for and built_for.said,
      "It was built for torch {wants}, and {has} is here."}
    local built_here = file:match[[^(.*/\.cache/torch_extensions/.*)/[^/]+$]]
    if built_here then
      return {hit = hit, confidence = 0.9, why = why, 
        fixes = {{move = built_here, kind = "rebuild:extension",
            say = "It was compiled here at run time, for the torch of that day: put it away, and it is compiled "
              .. "again."},
          {install = package, fresh = true, say = "Or install a wheel of " .. package .. " made for this torch."}}}
    end
    if file:match[=[^/opt/tritonserver/]=] then
      return {hit = hit, confidence = 0.82, title = "a part of the Triton image is of another release than the rest",
        why = {("%s lies in Triton's own folder, and what it was built against there is of another release."):format(
          file:match[[[^/]+$]])},
        fixes = {{host = true, kind = "os", say = "Start one image of nvcr.io/nvidia/tritonserver whose backends all "
          .. "came with it (for TensorRT-LLM those ending in -trtllm-python-py3), with no wheel laid over it."}}}
    end
    local pin = log.pinned and log.pinned.who:lower() == package and log.pinned.pin
    return {hit = hit, confidence = weak and 0.72 or 0.9, why = why,
      fixes = {pin and {install = "torch", need = "==" .. pin, say = "Install the torch that it pins again."}
          or package ~= "package" and {install = package, fresh = true, build = NEEDS_TORCH[package],
            say = "Install the build of " .. package .. " made for this torch, CUDA and Python."}
          or {code = true, kind = "pip:package", say = "Install the build of the extension made for this torch, CUDA "
            .. "and Python."},
        package ~= "package" and {rebuild = package, kind = "rebuild:extension",
          say = "Or rebuild it against the installed torch."}
          or {code = true, kind = "rebuild:extension", say = "Or rebuild it against the installed torch."},
        log.have and {install = "torch", need = "==" .. log.have.wants:match[[^[\d.]+]],
          say = "Or install the torch that it was built for."}
          or built_for and built_for.need and {install = "torch", need = built_for.need,
            say = "Or install a torch that it was built for."}
          or {code = true, kind = "pip:torch", say = "Or install the torch that it was built for."}}}
  end,
  doc = {looks = "undefined symbol: _ZN3c10..., _ZN2at...; No module named 'vllm._C'; 'xFormers was built for'.",
    check = "Which torch the extension was built for; `firstfix libs FILE.so`."},
}

-- Where such an extension has wheels of its own for each torch, those serve better than a build.
local HAS_WHEELS = {["torch-scatter"] = true, ["torch-sparse"] = true, ["torch-cluster"] = true,
  ["torch-spline-conv"] = true, mmcv = true, ["mmcv-full"] = true, dgl = true, ["auto-gptq"] = true,
  ["autoawq-kernels"] = true, xformers = true}

rule {
  id = "ext.abi-mismatch/no-cuda",
  from = {"native", "kernels", "quantizer", "hub", "other"},
  anyone = {custom_ops = "interpreter", kernels = "interpreter"},
  signatures = {
    not_compiled = [[(?:(?<op>\w+) is not compiled with GPU support|(?:^|Error: )Not compiled with (?:GPU|]]
      .. [[CUDA) support|library is compiled without CUDA support)]],
    implementation = [[(?<op2>\w+): implementation for device cuda:\d+ not found]],
    custom_ops = [[(?:name '_C' is not defined|cannot import name '_C' from '(?!torch')(?<ext>[\w.]+)'|]]
      .. [[Cannot import '(?<ext2>\w+)\._C', therefore)]],
    dgl = [[Device API cuda is not enabled]],
    xformers = [[xFormers wasn't buil[dt] with CUDA support]],
    kernels = [[name '(?<kernel>autogptq_cuda(?:_\d+)?|awq_inference_engine|awq(?:_v2)?_ext|exlv?2?_ext|]]
      .. [[exllamav\d_ext|make_q4|]]
      .. [[exllama_\w+)' is not defined]],
    awq = [[(?:AWQ kernels (?:could not be loaded|not found)|auto-awq kernels is needed to be installed)]],
  },
  facts = {"torch.version", "torch.cuda", "env.CUDA_HOME"},
  explains = {"cuda.nvcc-missing"},
  context = {another = [[PyTorch \d[\w.+]* with CUDA \S+ \(you have \d]]},
  confidence = 0.88,
  when = function(f, log)
    if log.another then return nil end -- it was, and for another torch: ext.abi-mismatch
    local hit = log.not_compiled or log.implementation or log.dgl or log.xformers or log.kernels or log.awq
        or log.custom_ops
    if hit == log.custom_ops and (hit.event.tier or 0) < 3 then return nil end
    local package = (log.awq or log.kernels and log.kernels.kernel:match[[awq|exlv?2?_ext]]) and "autoawq-kernels"
        or log.xformers and "xformers" or log.custom_ops and (log.custom_ops.ext or log.custom_ops.ext2)
            or package_of_frames(log) or log.dgl and "dgl" or log.kernels and "auto-gptq" or log.implementation
                and "mmcv" or "package"
    local known = package ~= "package"
    local say = "Install the build of " .. package .. " with CUDA for this torch (from its own index of wheels)."
    local install = known and {install = package, fresh = true, say = say} or {code = true, kind = "pip:package",
      say = say}
    local again = "Build it again with a CUDA compiler in reach; naming the architectures builds CUDA code even where "
      .. "no GPU is "
      .. "visible, as in docker build."
    local rebuild = known and {rebuild = package, arch = f.capabilities()[1], kind = "rebuild:extension", say = again}
      or {code = true, kind = "rebuild:extension", say = again}
    return {hit = hit, title = "an extension was built without CUDA",
      why = {"The compiled part of " .. package .. " holds no CUDA code, or was not built at all: no nvcc (CUDA_HOME) "
        .. "or no GPU was in reach when it was installed.", "torch is {fact:torch.version}."},
      fixes = HAS_WHEELS[package] and {install, rebuild} or {rebuild, install}}
  end,
  doc = {looks = "'Not compiled with GPU support', 'implementation for device cuda:0 not found', name '_C' is not "
    .. "defined.", check = "CUDA_HOME and a visible GPU when the extension was built."},
}

rule {
  id = "ext.abi-mismatch/other-build",
  from = {other_cuda = {"torch"}, torch_library = {"other"}},
  anyone = {codec = "loader", no_part = "interpreter", pyd = "loader"},
  signatures = {
    other_cuda = [[PyTorch and (?!torchvision|TorchAudio|torchaudio)(?<module>\w+) were compiled with different CUDA]],
    pyd = [[Could not find module '[^'\n]*?[\\/](?<folder>\w+)[\\/](?<pyd>_?\w+)\.pyd']],
    torch_library = [[Cannot find (?<dgl>DGL C\+\+ \w+) library]],
    no_part = [[No module named '(?<part>(?!torch|vllm|mmcv|detectron2)\w+)\._(?:C|ext)\b]],
    codec = [[FFmpeg version \d: [^\n]*(?<codec>torchcodec)\S*\.so: undefined symbol]],
  },
  facts = {"torch.version", "torch.cuda"},
  explains = {"sys.lib-missing"},
  confidence = 0.9,
  when = function(_, log)
    local hit = log.other_cuda or log.codec or log.torch_library or log.pyd or log.no_part
    local package = hit.dgl and "dgl" or hit.codec or (hit.module or hit.folder or hit.part):lower():gsub("_", "-")
    if hit == log.no_part then
      return {hit = hit, confidence = 0.8, title = "a package is installed without its compiled part",
        why = {("%s is there and its compiled part is not: a source folder of that name stands before the installed "
          .. "package, another package of that name was installed, or it was built without "
          .. "its extension."):format(hit.part)},
        fixes = {{install = package, fresh = true,
            say = "Install the wheel that the project names for this torch, CUDA and Python, and start outside its "
              .. "source folder."},
          {rebuild = package, kind = "rebuild:extension", say = "Or build its extension against the installed torch."}}}
    end
    return {hit = hit, title = "a compiled extension belongs to another torch or CUDA",
      why = {"The compiled part of " .. package .. " was built for another torch or CUDA version than the one that is "
        .. "installed.", "torch is {fact:torch.version}."},
      fixes = {{install = package, fresh = true,
          say = "Install the build of " .. package .. " for this torch and CUDA (its installation page has a table)."},
        {code = true, kind = "pip:torch", say = "Or install the torch that it was built for."}}}
  end,
  doc = {looks = "'PyTorch and torch_scatter were compiled with different CUDA versions', 'Cannot find DGL C++ "
    .. "graphbolt library'.", check = "The release table of the extension against torch.__version__."},
}

rule {
  id = "engine.plugin-skew/mmcv",
  from = {"other", "app"},
  signatures = {incompatible = [[(?<mm>MMCV|MMEngine|MMDetection|]]
    .. [[MMDet)==(?<have>[\w.]+) is used but incompatible\. Please install (?<spec>mm\w+ ?[><=][^\n]*?)\.?\s*$]]},
  facts = {"torch.version"},
  confidence = 0.95,
  why = "The OpenMMLab package that is imported refuses {mm} {have}: it wants {spec}.",
  when = function(_, log)
    local package = log.incompatible.mm:lower():gsub("mmdetection", "mmdet")
    local range = log.incompatible.spec:match[=[[><=].*$]=]
    local newer = version.matches(log.incompatible.have, range:match[=[>=?[^,]+]=] or ">=0") == false
    return {title = "packages of OpenMMLab are of releases that do not belong together",
      fixes = {{install = package, need = range:gsub(" ", ""), kind = (newer and "pip:" or "pip-downgrade:") .. package,
          say = "Install it in that range."},
        {code = true, kind = "pip:package", say = "Or upgrade the package that imports it."}}}
  end,
  doc = {looks = "'MMCV==2.2.0 is used but incompatible. Please install mmcv>=2.0.0rc4, <2.2.0'.",
    check = "pip list | grep mm."},
}

-- mmcv has packages with and without its compiled operators, and its loader asks for each by name.
rule {
  id = "ext.abi-mismatch/mmcv",
  from = {"other", "app"},
  signatures = {absent = [[(?<operator>\w+) miss in module _ext\b]]},
  facts = {"torch.version", "python.packages.mmcv.version"},
  confidence = 0.86,
  why = {"The compiled part of mmcv (_ext) has no {operator}: it was built by another release, or without that "
    .. "operator.", "mmcv is {fact:python.packages.mmcv.version}.", "torch is {fact:torch.version}."},
  fixes = {
    {code = true, kind = "pip:mmcv", say = "Remove mmcv and mmcv-full, then install one of them from OpenMMLab's own "
      .. "index for this torch and CUDA (mim install mmcv)."},
    {rebuild = "mmcv", kind = "rebuild:extension", say = "Or build it anew from a clean folder, with MMCV_WITH_OPS=1."},
  },
  doc = {looks = "AssertionError: active_rotated_filter_forward miss in module _ext.",
    check = "pip list | grep mmcv: only one of mmcv and mmcv-full."},
}

rule {
  id = "pip.broken-install/apex",
  anyone = "interpreter",
  signatures = {pyramid = [[(?:UnencryptedCookieSessionFactoryConfig|No module named 'pyramid)]]},
  context = {apex = [[\bapex\b]]},
  confidence = 0.93,
  when = function(_, log)
    if not log.apex and not log.has_frame[[/apex/]] then return nil end
    return {title = "the package 'apex' of PyPI is another one than NVIDIA's",
      why = "The installed apex is a web package of the same name on PyPI, not NVIDIA's apex."}
  end,
  fixes = {
    {remove = "apex", say = "Remove it; whoever needs NVIDIA's installs it from its repository (torch has fused and "
      .. "mixed-precision parts "
      .. "of its own)."},
  },
  doc = {looks = "cannot import name 'UnencryptedCookieSessionFactoryConfig', in apex/__init__.py.",
    check = "pip show apex."},
}

rule {
  id = "torch.cpu-build/no-cuda",
  from = {"torch", "hub", "other", "app", "installer"},
  signatures = {unavailable = [[(?:Flash Attention 2 is not available on CPU|]]
    .. [[torch\.cuda\.is_available\(\) (?:should be True but is|returned|==) False|]]
    .. [[Torch (?:is not able to use GPU|reports CUDA not available)|]]
    .. [[Your device does not support the current version of Torch/CUDA|]]
    .. [[doesn't support bf16/gpu\. You need to assign use_cpu|No GPU or XPU found\. A GPU or XPU is needed|]]
    .. [[fp16 mixed precision requires a GPU|Unknown compute capability\. Specify the target compute cap)]]},
  context = {other = [[(?:driver on your system is too old|Found no NVIDIA driver|CUDA unknown error|]]
    .. [[forward compatibility|not yet initialized|nvidia-smi|\bDirectML\b|unsupported display driver)]],
    cpu = [[\d\+cpu\b]]},
  unless = {"other"},
  facts = {"torch.version", "torch.cuda", "gpus.0.name"},
  when = function(f, log)
    local torch = f.pkg"torch" or ""
    local cpu = torch:match[[\+cpu]] or f"torch.cuda" == false and not f"torch.hip" or log.cpu
    if torch:match[[\+cu\d]] or (log.unavailable.event.tier or 0) < 2 and not cpu then return nil end
    return {confidence = cpu and 0.92 or 0.6, why = {cpu and "The torch that runs is a CPU-only build."
        or "torch sees no CUDA device: most often it is a CPU-only build, else the driver or the container.",
          "torch is {fact:torch.version}."},
      fixes = {{install = "torch", fresh = true, with = {"torchvision"}, say = "Install the CUDA build of torch."},
        {driver = "install", say = "If it is a CUDA build: see to the driver."}}}
  end,
  doc = {looks = "'torch.cuda.is_available() should be True but is False'.",
    check = "python -c 'import torch; print(torch.__version__, torch.version.cuda)'"},
}

-- Releases of torchcodec by the minor release of torch 2 that they are built for (its README).
local CODECS = {[4] = ">=0.0.3,<0.1", [5] = ">=0.1,<0.2", [6] = ">=0.2,<0.3", [7] = ">=0.3,<0.6", [8] = ">=0.6,<0.8",
  [9] = ">=0.8,<0.10", [10] = ">=0.10,<0.11", [11] = ">=0.11,<0.12"}

rule {
  id = "ext.abi-mismatch/torchcodec",
  anyone = {lib = "loader", symbol = "loader"},
  signatures = {
    lib = [[(?<lib>lib(?:nvrtc|cudart|npp\w+|nvJitLink|cublas\w*|nvcuvid))\.so\.(?<major>\d+)\S*: ]]
      .. [[cannot open shared object]],
    symbol = [[/torchcodec/libtorchcodec_\w+\.(?:so: undefined symbol: |dylib\b[^\n]*Symbol not found: _?)]]
      .. [[(?<symbol>\w+)]],
  },
  context = {codec = [[Could not load libtorchcodec|libtorchcodec loading traceback]],
    torch = [[PyTorch version \((?<torch>\d+\.\d+)[\w.]*\+(?<build>cu\d+|cpu)\)]],
    plain = [[PyTorch version \((?<torch2>\d+\.\d+)[\w.]*\)]]},
  all = {"codec"},
  facts = {"torch.version", "python.packages.torchcodec.version"},
  specific_over = {"cuda.lib-missing", "sys.lib-missing"},
  when = function(_, log)
    local torch = log.torch and log.torch.torch or log.plain and log.plain.torch2
    local need = torch and CODECS[tonumber(torch:match[[^2\.(\d+)$]] or "")]
    if log.symbol then
      return {hit = log.symbol, confidence = 0.92, why = {
        torch and ("This torchcodec was built for another torch than %s: it asks for {symbol}, which that one does not "
          .. "have."):format(torch) or "This torchcodec was built for another torch than the one that is installed.",
        "torchcodec is {fact:python.packages.torchcodec.version}."},
        fixes = {{install = "torchcodec", kind = "pip:torchcodec", need = need, fresh = not need or nil,
          say = "Install the torchcodec that belongs to this torch."}}}
    end
    local build = log.torch and log.torch.build
    if not build or build:match[[^cu(\d\d)]] == log.lib.major then return nil end
    return {hit = log.lib, confidence = 0.86,
      why = "torchcodec was built for CUDA {major} and the torch that runs for another: {lib}.so.{major} is none of "
        .. "this torch's libraries.",
      fixes = {{install = "torchcodec", kind = "pip:torchcodec", need = need, fresh = true, index = build,
        say = "Install the torchcodec that belongs to this torch, in the build for its CUDA."}}}
  end,
  doc = {looks = "Could not load libtorchcodec ... libnvrtc.so.13: cannot open shared object file, beside torch "
    .. "+cu128; libtorchcodec_core6.so: undefined symbol.",
    check = "torchcodec's table of releases of torch; torch.version.cuda."},
}
