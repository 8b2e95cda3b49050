// What is wrong and the one fix to try first: of the last failure of this run, of memory that grows, of the machine.
import { errorText, heading, moment, plural, sentence } from "./format.js";
import { byId, copyable, h, show } from "./dom.js";

const EVIDENCE_SHOWN = 4;

const said = (value) => (typeof value === "string" ? value : JSON.stringify(value));

/** One line of evidence: of the log, or a fact. */
function evidence(item) {
  if (item.text !== undefined)
    return h(
      "li",
      {},
      h("span", { class: "where" }, item.line ? `log line ${item.line}` : "log"),
      h("code", {}, said(item.text)),
    );
  return h(
    "li",
    {},
    h("span", { class: "where" }, item.fact ?? "fact"),
    h("code", {}, item.value === undefined || item.value === null ? "not set" : said(item.value)),
  );
}

function fixes(list) {
  const [first, ...others] = list ?? [];
  if (!first) return h("p", { class: "fix" }, "No fix is known.");
  return [
    h("p", { class: "fix" }, h("b", {}, "Fix to try first: "), first.say ?? first.kind),
    first.command && copyable(first.command, "the fix"),
    others.length > 0 &&
      h(
        "details",
        { "data-key": `others ${first.say}` },
        h("summary", {}, "If that does not help"),
        h(
          "ul",
          {},
          others.map((each) =>
            h("li", {}, each.say ?? each.kind, each.command && copyable(each.command, "another fix")),
          ),
        ),
      ),
  ];
}

/** A diagnosis of firstfix.diagnosis/1 as a card; `of` says of what it is. */
export function card(diagnosis, of, kind) {
  const rests = diagnosis.evidence ?? [];
  const sure = typeof diagnosis.confidence === "number" ? ` · ${Math.round(diagnosis.confidence * 100)} % sure` : "";
  return h(
    "article",
    { class: `card diagnosis ${kind}` },
    h("p", { class: "of" }, of),
    h("h2", {}, diagnosis.title ?? diagnosis.cause),
    diagnosis.cause && h("p", { class: "cause" }, h("code", {}, diagnosis.cause), sure),
    diagnosis.why && h("p", {}, sentence(diagnosis.why)),
    fixes(diagnosis.fixes),
    rests.length > 0 &&
      h(
        "details",
        { "data-key": `evidence ${of} ${diagnosis.cause}` },
        h("summary", {}, "What it rests on"),
        h("ul", { class: "evidence" }, rests.slice(0, EVIDENCE_SHOWN * 3).map(evidence)),
      ),
  );
}

function failureCard(incident, well) {
  const own = incident.diagnosis?.diagnoses?.[0];
  const times = incident.count > 1 ? `, ${plural(incident.count, "time")}` : "";
  const of = `Last failure, ${moment(incident.last_seen ?? incident.at)}${times}${well ? " · it goes on" : ""}`;
  const unknown = {
    title: `${heading(incident.title) ?? "Failed"}: the cause is not known`,
    why: errorText(incident.exception),
    fixes: [],
  };
  return card(own ?? unknown, of, well ? "past" : "bad");
}

const wellCard = (check) =>
  h(
    "p",
    { class: "card nothing" },
    h("b", {}, "Nothing to do. "),
    check.looked_at ? `Looked at: ${check.looked_at.join(", ")}.` : "",
  );

/** `incident`: the whole last incident of this run, or null. What fails now comes first, else what will. */
export function drawDiagnosis({ incident, memory, check, well }) {
  const cause = incident?.diagnosis?.diagnoses?.[0]?.cause;
  const failed = incident ? [failureCard(incident, well)] : [];
  const grows = (memory?.diagnosis?.diagnoses ?? []).map((each) => card(each, "What will fail", "warn"));
  const machine = (check?.diagnoses ?? [])
    .filter((each) => each.cause !== cause)
    .map((each) => card(each, "This machine, before anything fails", "warn"));
  const cards = well ? [...grows, ...machine, ...failed] : [...failed, ...grows, ...machine];
  if (!cards.length && check) cards.push(wellCard(check));
  const [first, ...more] = cards;
  const rest =
    more.length > 1
      ? h("details", { "data-key": "more", class: "more" }, h("summary", {}, `${more.length} more findings`), more)
      : more;
  show(
    byId("diagnosis"),
    h("h2", { id: "diagnosis-title", class: "hidden" }, "What to do"),
    first,
    more.length > 0 && rest,
  );
}
