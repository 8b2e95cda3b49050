-- Libraries that are older or newer than what calls them, where the missing name itself tells the release.

-- Names of torch and the release that brought them; what is not here tells nothing.
local TORCH_SINCE = {
  {[[float4_e2m1fn_x2]], "2.8"}, {[[float8_e8m0fnu]], "2.7"}, {[[int[1-7]$|uint[1-7]$]], "2.6"},
  {[[float8_e(?:4m3fn|5m2)(?:uz)?]], "2.1"}, {[[u?int(?:16|32|64)$]], "2.3"}, {[[get_default_device]], "2.3"},
  {[[RMSNorm]], "2.4"}, {[[register_pytree_node]], "2.2"}, {[[flex_attention]], "2.5"},
    {[[custom_op|register_fake]], "2.4"},
  {[[is_compiling|is_dynamo_compiling]], "2.1"}, {[[accelerator]], "2.6"}, {[[scaled_dot_product_attention]], "2.0"},
  {[[set_default_device|compile$]], "2.0"}, {[[get_device_module]], "2.4"}, {[[GradScaler]], "2.3"},
}

local function since(name)
  for _, row in ipairs(TORCH_SINCE) do
    if name:match("^(?:" .. row[1] .. ")") then return row[2] end
  end
  return nil
end

rule {
  id = "torch.too-old",
  signatures = {
    attribute = [[module 'torch(?:\.(?!_)\w+)*' has no attribute '(?<attr>(?!_)\w+)']],
    import = [[cannot import name '(?<name2>(?!_)\w+)' from 'torch(?:\.[\w.]+)?' ]],
    module = [[No module named 'torch\.(?:nn\.attention\.(?<name3>flex_attention)|(?<name4>accelerator|compiler))']],
    wants = [[(?:requires|needs|expects?) (?:PyTorch|torch) ?(?:version )?(?:>=|≥|at least|]]
      .. [[newer than) ?v?(?<need>\d+\.\d+(?:\.\d+)?)]],
  },
  facts = {"torch.version"},
  specific_over = {"hf.version-conflict", "pip.module-missing", "pip.broken-install"},
  when = function(f, log)
    local hit = log.attribute or log.import or log.module or log.wants
    if (hit.event.tier or 0) < 3 then return nil end -- a notice: it goes on without
    local name = hit.attr or hit.name2 or hit.name3 or hit.name4
    local need, have = hit.need or name and since(name), f.pkg"torch"
    if not need or have and version.cmp(have, need) ~= -1 then return nil end
    return {hit = hit, confidence = have and 0.94 or name and 0.88 or 0.8,
      why = {name and ("torch has %s from %s on, and the installed one has not."):format(name, need)
        or ("What is imported wants torch %s or newer."):format(need), "torch is {fact:torch.version}."},
      fixes = {{install = "torch", need = ">=" .. need, with = {"torchvision", "torchaudio"},
          say = ("Upgrade torch to %s or newer, with what belongs to it."):format(need)},
        {code = true, kind = "pip-downgrade:package", say = "Or install the release of the importing library that "
          .. "was made for this torch."}}}
  end,
  doc = {looks = "module 'torch' has no attribute 'float8_e8m0fnu', 'uint16', 'accelerator'.",
    check = "torch.__version__."},
}

rule {
  id = "hf.dataset-script",
  signatures = {
    scripts = [[Dataset scripts are no longer supported, but found (?<script>[\w.-]+\.py)]],
    trust = [[trust_remote_code is not supported anymore\. Please check that the Hugging Face dataset]],
  },
  facts = {"python.packages.datasets.version"},
  specific_over = {"hf.version-conflict", "hf.trust-remote-code"},
  confidence = 0.93,
  why = {"The dataset is loaded by a script of its own, and datasets runs no such scripts from 4.0 on.",
    "The script is {script}.",
    "datasets is {fact:python.packages.datasets.version}."},
  when = function(_, log)
    return (log.scripts or log.trust and (log.trust.event.tier or 0) >= 3) and true
  end,
  fixes = {
    {install = "datasets", need = "<4", say = "Go back to datasets 3, which still runs it."},
    {code = true,
      say = "Or load a copy of the dataset that was converted to Parquet (its branch refs/convert/parquet)."},
  },
  doc = {looks = "'Dataset scripts are no longer supported, but found squad.py'.", check = "pip show datasets."},
}
