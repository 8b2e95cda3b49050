// The machine as the worker sees it, and what is not as it was at the last good start.
import { bytes, plural } from "./format.js";
import { byId, h, show } from "./dom.js";

const at = (facts, path) => path.split(".").reduce((value, key) => value?.[key], facts);
const text = (value) =>
  value === null || value === undefined
    ? "not there"
    : typeof value === "object"
      ? JSON.stringify(value)
      : String(value);

function gpusOf(facts) {
  const names = (facts.gpus ?? []).map(
    (gpu) => `${gpu.name ?? "GPU"}${gpu.memory?.total ? `, ${bytes(gpu.memory.total)}` : ""}`,
  );
  return (
    [...new Set(names)]
      .map((name) => {
        const n = names.filter((each) => each === name).length;
        return n > 1 ? `${n} × ${name}` : name;
      })
      .join("; ") || "none seen"
  );
}

// What is told of the facts: label, and a path or a function of them.
const ROWS = [
  ["GPU", gpusOf],
  ["Driver", "driver.version"],
  ["Driver supports CUDA", "driver.cuda"],
  ["Python", "python.version"],
  ["PyTorch", "torch.version"],
  ["CUDA of PyTorch", "torch.cuda"],
  ["bitsandbytes", "bitsandbytes.version"],
  ["transformers", "python.packages.transformers"],
  ["vLLM", "python.packages.vllm"],
  ["System", "system.os.name"],
  ["Interpreter", "python.executable"],
];

function changesOf(changes) {
  if (!changes) return h("p", { class: "empty" }, "No good start is known yet to compare with.");
  const list = changes.changed ?? [];
  if (!list.length) return h("p", { class: "empty" }, "Nothing changed since the last good start.");
  return [
    h("h3", {}, `${plural(list.length, "change")} since the last good start`),
    h(
      "div",
      { class: "table-scroll", tabindex: "0", role: "region", "aria-label": "Changes since the last good start" },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ["What", "Then", "Now"].map((head) => h("th", { scope: "col" }, head)),
          ),
        ),
        h(
          "tbody",
          {},
          list
            .slice(0, 40)
            .map((each) =>
              h(
                "tr",
                {},
                h("th", { scope: "row" }, h("code", {}, each.path ?? "")),
                h("td", {}, h("code", {}, text(each.before))),
                h("td", {}, h("code", {}, text(each.after))),
              ),
            ),
        ),
      ),
    ),
  ];
}

export function drawEnvironment(facts, changes) {
  if (!facts) return;
  const rows = ROWS.map(([label, of]) => [label, typeof of === "function" ? of(facts) : at(facts, of)]).filter(
    ([, value]) => value,
  );
  show(
    byId("environment"),
    h("h2", { id: "environment-title" }, "Environment"),
    h(
      "dl",
      { class: "facts" },
      rows.map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, text(value)))),
    ),
    changesOf(changes),
  );
}
