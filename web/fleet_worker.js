// One worker: what it has had, and in which facts it is not as those that do not fail.
import { byId, copyable, h, show } from "./dom.js";
import { count, plural, span } from "./format.js";
import { table } from "./table.js";

const failureOf = (each) =>
  h(
    "li",
    { class: "worker-failure" },
    h("p", {}, h("b", {}, each.cause ?? each.title ?? each.fingerprint), ` ${each.cause ? (each.title ?? "") : ""}`),
    h("p", { class: "dim" }, `${plural(each.incidents, "time")}, ${span(each.first, each.last)}`),
    each.exemplar?.fix && h("p", { class: "fix" }, h("b", {}, "Fix to try first: "), each.exemplar.fix),
    each.exemplar?.command && copyable(each.exemplar.command, "the fix"),
  );

function differences(worker) {
  const list = worker.differs ?? [];
  if (!worker.facts) return h("p", { class: "empty" }, "Its facts are not known.");
  if (!list.length) return h("p", { class: "empty" }, "Each of its facts is usual.");
  return table(
    "Its facts that are not as the others'",
    ["Fact", "This worker", "Usual", "As this one"],
    list.map((each) => [
      h("code", {}, each.key),
      each.value ?? "not set",
      `${each.usual ?? "not set"} (${count(each.usual_of)} of ${count(each.of)})`,
      `${count(each.same)} of ${count(each.of)}`,
    ]),
  );
}

/** `worker`: firstfix.fleet-worker/1; null: not yet. */
export function drawWorker({ worker, name, close }) {
  const place = byId("worker");
  place.hidden = !name;
  if (!name) return;
  const head = h(
    "div",
    { class: "panel-head" },
    h("h2", { id: "worker-title" }, `Worker ${name}`),
    h("button", { type: "button", class: "quiet", "data-key": "close", onclick: close }, "Close"),
  );
  if (!worker || worker.error) {
    show(place, head, h("p", { class: "empty" }, worker ? worker.error : "Loading..."));
    return;
  }
  show(
    place,
    head,
    h(
      "p",
      { class: "dim" },
      [worker.host && `on ${worker.host}`, `seen from ${span(worker.first, worker.last)}`]
        .filter(Boolean)
        .join(" · "),
    ),
    h(
      "div",
      { class: "worker-parts" },
      h(
        "section",
        {},
        h("h3", {}, "What failed"),
        worker.failures.length
          ? h("ul", { class: "held" }, worker.failures.map(failureOf))
          : h("p", { class: "empty" }, "Nothing is known to have failed."),
      ),
      h(
        "section",
        {},
        h("h3", {}, `Against ${plural(worker.compared_with ?? 0, "worker")} without the failure`),
        differences(worker),
      ),
    ),
  );
}
