-- ONNX files and the onnxruntime that reads them.

rule {
  id = "engine.plugin-skew/onnx-version",
  from = {"onnxruntime", "engine", "tritonserver", "app"},
  signatures = {
    ir = [[Unsupported model IR version: (?<ir>\d+), max supported IR version: (?<max>\d+)]],
    format = [[Unknown model file format version]],
    opset = [[Opset (?<opset>\d+) is under development and support for this is limited]],
    operator = [[No Op registered for (?<op>\w+) with domain_version of (?<opset2>\d+)]],
    attribute = [[Unrecognized attribute: (?<attribute>\w+) for operator (?<op2>\w+)]],
    target = [[(?:ONNX Runtime )?only \*?guarantees\*? support for models stamped with official released onnx opset]],
  },
  facts = {"python.packages.onnxruntime-gpu.version", "python.packages.onnxruntime.version",
    "python.packages.onnx.version"},
  confidence = 0.86,
  title = "the ONNX file is newer than this onnxruntime",
  when = function(f, log)
    local hit = log.ir or log.format or log.opset or log.target or log.operator or log.attribute
    local package = f.pkg"onnxruntime" and not f.pkg"onnxruntime-gpu" and "onnxruntime" or "onnxruntime-gpu"
    local served = (hit.event.emitters or {}).tritonserver or hit.text:has"onnx runtime error"
    local again = {code = true, say = log.ir and ("Or export it anew for what runs it (model.ir_version = %s before "
      .. "onnx.save)."):format(log.ir.max) or "Or export it anew with a lower opset_version, by an older onnx."}
    if hit == log.operator or hit == log.attribute then
      return {hit = hit, confidence = 0.78, title = "the ONNX file asks for an operator that this onnxruntime has not",
        why = {"The model's opset is {opset2}, and this onnxruntime has no {op} of that opset.",
          "This onnxruntime's {op2} of the model's opset has no attribute {attribute}."},
        fixes = {{install = package, say = "Upgrade onnxruntime."}, {argument = "opset_version", value = 17,
          say = "Or export the model anew with an opset that has it, and that this onnxruntime reads."}}}
    end
    return {hit = hit, why = {"The model was exported by a newer onnx than this onnxruntime reads.",
        "Its IR is of version {ir}, and {max} is the newest that is read.", "Its opset is {opset}."},
      fixes = served and {{host = true, kind = "rebuild:image", say = "Serve it with a newer image of Triton, whose "
        .. "onnxruntime reads it."}, again} or {{install = package, say = "Upgrade onnxruntime."}, again}}
  end,
  doc = {looks = "Unsupported model IR version: 10, max supported IR version: 9; Unknown model file format version.",
    check = "ir_version and opset_import of the model; onnxruntime.__version__."},
}
