// The failures by workers hit, and one of them: the facts that separate, what to try, who has it, the fix to copy.
import { byId, copyable, h, show } from "./dom.js";
import { count, errorText, moment, plural, sentence, span } from "./format.js";
import { table } from "./table.js";

const SHOWN = 15;
const WORKERS_SHOWN = 20;
const HOSTS_SHOWN = 8;

const nameOf = (row) => row.cause ?? row.title ?? row.fingerprint;

/** "rising": more in the last day than in the one before. */
function trend({ recent, before }) {
  if (!recent && !before) return h("span", { class: "trend dim" }, "none for 48 h");
  const way = recent > before ? "up" : recent < before ? "down" : "same";
  const sign = { up: "▲", down: "▼", same: "=" }[way];
  return h("span", { class: `trend ${way}` }, `${sign} ${count(recent)} in 24 h, ${count(before)} before`);
}

export class Failures {
  all = false;

  constructor(open) {
    this.open = open;
    this.place = h("div", {});
    byId("failures").append(h("h2", { id: "failures-title" }, "Failures, by workers hit"), this.place);
  }

  draw(top, chosen) {
    const list = top?.failures ?? [];
    if (!list.length) {
      show(this.place, h("p", { class: "empty" }, top?.error ?? (top ? "No worker has failed." : "Loading...")));
      return;
    }
    const most = Math.max(...list.map((each) => each.workers));
    const shown = this.all ? list : list.slice(0, SHOWN);
    const more = h(
      "button",
      { type: "button", class: "quiet", "data-key": "all", onclick: () => this.#showAll(top, chosen) },
      `Show all ${count(list.length)}`,
    );
    show(
      this.place,
      h(
        "ul",
        { class: "incidents fleet-failures" },
        shown.map((each) => this.#row(each, chosen, most)),
      ),
      list.length > shown.length && more,
    );
  }

  #showAll(top, chosen) {
    this.all = true;
    this.draw(top, chosen);
  }

  #row(each, chosen, most) {
    const open = each.fingerprint === chosen;
    return h(
      "li",
      {},
      h(
        "button",
        {
          type: "button",
          class: "row",
          "aria-pressed": String(open),
          "data-key": each.fingerprint,
          onclick: () => this.open(open ? null : each.fingerprint),
        },
        h(
          "span",
          { class: "hit" },
          h("b", {}, count(each.workers)),
          each.workers === 1 ? " worker" : " workers",
          h("meter", { min: "0", max: String(most), value: String(each.workers), "aria-hidden": "true" }),
        ),
        h("span", { class: "what" }, h("b", {}, nameOf(each)), each.cause && each.title ? ` ${each.title}` : ""),
        h(
          "span",
          { class: "times" },
          trend(each),
          h("span", { class: "lost" }, `${count(Math.round(each.lost_worker_hours))} worker-hours lost`),
        ),
      ),
    );
  }
}

const workerLink = (each, openWorker) =>
  h(
    "button",
    { type: "button", class: "link", "data-key": `worker ${each.worker}`, onclick: () => openWorker(each.worker) },
    each.worker,
  );

const workerLinks = (list, openWorker) =>
  (list ?? []).map((each, i) => [i ? ", " : "", workerLink(each, openWorker)]);

function share({ with: n, of }, label, kind) {
  const part = of ? (100 * n) / of : 0;
  const shown = part > 0 && part < 1 ? "<1" : part > 99 && part < 100 ? ">99" : Math.round(part);
  return h(
    "div",
    { class: `share ${kind}` },
    h("span", { class: "share-label" }, label),
    h("meter", { min: "0", max: String(of || 1), value: String(n), "aria-hidden": "true" }),
    h("span", { class: "share-n" }, h("b", {}, count(n)), ` of ${count(of)} · ${shown} %`),
  );
}

function rollout(each) {
  if (!each.onset)
    return h("p", { class: "dim" }, `${plural(each.workers, "worker")} got it from ${moment(each.first)} on.`);
  const order = each.failed_before
    ? ` ${plural(each.failed_before, "worker")} had failed before they had it.`
    : " Nobody failed before having it.";
  return h(
    "p",
    { class: "dim" },
    `It came at ${moment(each.first)}, to half of ${plural(each.workers, "worker")} by ${moment(each.half)}; ` +
      `the first failure was at ${moment(each.onset)}.${order}`,
  );
}

function separating(entry, openWorker) {
  const same = entry.same_as ?? [];
  return h(
    "article",
    { class: "card fact" },
    h("h3", {}, h("code", {}, entry.fact)),
    share(entry.failing, "Of those that fail", "bad"),
    share(entry.others, "Of the others", "good"),
    h("p", { class: "fix" }, h("b", {}, "Try on one first: "), entry.try.say, "."),
    same.length > 0 &&
      h(
        "ul",
        { class: "same-as" },
        same.map((each) =>
          h(
            "li",
            {},
            h("b", {}, "Or ", h("code", {}, each.fact)),
            `: ${each.say}`,
            each.deciding.length > 0 && [": ", workerLinks(each.deciding, openWorker)],
          ),
        ),
      ),
    entry.same_as_more > 0 &&
      h("p", { class: "dim" }, `${count(entry.same_as_more)} more facts come together with it.`),
    entry.next.workers > 0 &&
      h(
        "p",
        {},
        h("b", {}, `${plural(entry.next.workers, "healthy worker")} may be next: `),
        workerLinks(entry.next.some, openWorker),
        entry.next.workers > entry.next.some.length && " ...",
      ),
    (entry.rollout ?? []).map(rollout),
  );
}

function facts(explain, openWorker) {
  if (!explain) return h("p", { class: "empty" }, "Comparing the facts of all workers...");
  if (explain.error) return h("p", { class: "empty" }, explain.error);
  const { workers, tested, separating: list, not_answered: missed, left_out: left, left_out_more: more } = explain;
  return [
    h(
      "p",
      { class: "dim" },
      `${count(workers.failing)} workers fail so, ${count(workers.others)} do not; ${count(tested.facts)} facts and ` +
        `${count(tested.pairs)} pairs were compared.`,
      workers.failing_without_facts > 0 &&
        ` Of ${count(workers.failing_without_facts)} more that fail no facts are known.`,
    ),
    (missed ?? []).map((each) => h("p", { class: "forecast" }, `Not answered, ${each.question}: ${each.why}`)),
    left.length > 0 &&
      h(
        "p",
        { class: "dim" },
        "Not compared, or not all of their values, for there are too many: ",
        left.slice(0, 5).map((each) => each.key).join(", "),
        left.length + more > 5 ? ` and ${count(left.length + more - Math.min(left.length, 5))} more.` : ".",
      ),
    list.length === 0 && h("p", {}, "No fact tells them from the others by more than chance would."),
    list.map((each) => separating(each, openWorker)),
  ];
}

function exemplar(failure) {
  const one = failure.exemplar;
  if (!one) return null;
  const evidence = typeof one.evidence === "string" ? one.evidence.split("\n") : (one.evidence ?? []);
  return [
    one.exception && h("p", {}, h("code", {}, errorText({ type: one.exception, message: one.message }))),
    one.why && h("p", {}, sentence(one.why)),
    one.fix ? h("p", { class: "fix" }, h("b", {}, "Fix to try first: "), one.fix) : h("p", {}, "No fix is known."),
    one.command && copyable(one.command, "the fix"),
    evidence.length > 0 &&
      h(
        "details",
        { "data-key": "evidence" },
        h("summary", {}, "What it rests on"),
        h(
          "ul",
          { class: "evidence" },
          evidence.map((line) => h("li", {}, h("span", { class: "where" }, "log"), h("code", {}, line))),
        ),
      ),
  ];
}

const whereTables = (failure) => [
  failure.hosts.length > 0 &&
    table(
      "Hosts",
      ["Host", "Fail", "Workers"],
      failure.hosts.slice(0, HOSTS_SHOWN).map((each) => [each.host, count(each.failing), count(each.workers)]),
    ),
  failure.images.length > 0 &&
    table(
      "Images",
      ["Image", "Fail", "Others"],
      failure.images.map((each) => [each.value, count(each.failing), count(each.others)]),
    ),
];

const failing = (failure, openWorker) =>
  table(
    "Workers that fail, those of late first",
    ["Worker", "Host", "Last", "Times"],
    (failure.failing ?? [])
      .slice(0, WORKERS_SHOWN)
      .map((each) => [workerLink(each, openWorker), each.host ?? "–", moment(each.last), count(each.incidents)]),
  );

/** `failure`: firstfix.fleet-failure/1, `explain`: firstfix.fleet-explain/1, of the one that is `id`; null: not yet. */
export function drawFailure({ failure, explain, id, openWorker }) {
  const place = byId("failure");
  place.hidden = !id;
  if (!id) return;
  if (!failure || failure.error) {
    const heading = h("h2", { id: "failure-title" }, id);
    show(place, h("div", { class: "card" }, heading, h("p", { class: "empty" }, failure?.error ?? "Loading...")));
    return;
  }
  show(
    place,
    h(
      "article",
      { class: "card diagnosis bad" },
      h(
        "p",
        { class: "of" },
        `${plural(failure.workers, "worker")}, ${span(failure.first, failure.last)}`,
      ),
      h("h2", { id: "failure-title" }, failure.title ?? nameOf(failure)),
      h("p", { class: "cause" }, h("code", {}, nameOf(failure)), " ", h("code", {}, failure.fingerprint)),
      exemplar(failure),
    ),
    h("section", { class: "card" }, h("h2", {}, "What separates them"), facts(explain, openWorker)),
    h(
      "section",
      { class: "card" },
      h("h2", {}, "Where"),
      h("div", { class: "tables" }, failing(failure, openWorker), h("div", { class: "stack" }, whereTables(failure))),
    ),
  );
}
