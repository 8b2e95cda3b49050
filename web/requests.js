// Requests: how many a second, how long they take, what fails, which were the slowest, which are in work.
import { count, milliseconds, moment, plural, rate, sentence } from "./format.js";
import { Chart } from "./chart.js";
import { byId, h, show } from "./dom.js";
import { table } from "./table.js";

const PIECES = 90;
const SLOWEST = 6;

const numberOf = (label, value, kind = "") =>
  h("div", { class: `number ${kind}` }, h("dt", {}, label), h("dd", {}, value));

export class Requests {
  constructor(samples, timeline) {
    Object.assign(this, { samples, timeline });
    this.numbers = h("dl", { class: "numbers-row" });
    this.note = h("p", { class: "forecast", hidden: true });
    this.charts = h("div", { class: "grid" });
    this.tables = h("div", { class: "tables" });
    this.empty = h(
      "p",
      { class: "empty", hidden: true },
      "No request was seen yet. Those of a worker with the Python package are seen by themselves; " +
        "any other process can record its own.",
    );
    byId("requests").append(
      h("h2", { id: "requests-title" }, "Requests"),
      this.empty,
      this.numbers,
      this.note,
      this.charts,
      this.tables,
    );
    const panel = (title) => {
      const box = h("article", { class: "panel" }, h("div", { class: "panel-head" }, h("h3", {}, title)));
      this.charts.append(box);
      return box;
    };
    this.rate = new Chart(
      panel("Ended a second, and in work"),
      "Requests a second and in work over time",
      [
        { label: "ended a second", colour: "allocated", fill: "allocated-fill", show: rate },
        { label: "in work", colour: "others", show: count },
      ],
      { show: rate },
      timeline,
    );
    this.latency = new Chart(
      panel("How long they took"),
      "Latency percentiles over time",
      [
        { label: "p95", colour: "others", gaps: true },
        { label: "p50", colour: "allocated", gaps: true },
      ],
      { show: milliseconds },
      timeline,
    );
  }

  draw(range, document) {
    if (!document) return;
    const totals = document.totals;
    const seen = Object.values(totals).reduce((a, b) => a + b, 0) + document.in_flight.length > 0;
    this.empty.hidden = seen;
    for (const part of [this.numbers, this.charts, this.tables]) part.hidden = !seen;
    if (!seen) return;
    const minute = document.last_minute;
    show(
      this.numbers,
      numberOf("in the last minute", count(minute.requests)),
      numberOf("in work", count(document.in_flight.length)),
      numberOf("p50", milliseconds(minute.p50_ms)),
      numberOf("p95", milliseconds(minute.p95_ms)),
      numberOf("p99", milliseconds(minute.p99_ms)),
      numberOf("failed in the last minute", count(minute.errors), minute.errors ? "bad" : ""),
      numberOf("so far", `${count(totals.ok)} ok, ${count(totals.error)} failed`),
    );
    const contention = document.contention;
    this.note.hidden = !contention;
    this.note.textContent = sentence(contention);
    const { times } = this.samples;
    if (times.length) this.rate.draw([times, this.samples.rates(), this.samples.columns.in_flight ?? []], range);
    const latency = this.timeline.latency(range[0], range[1], PIECES);
    this.latency.draw([latency.x, latency.p95, latency.p50], range);
    show(this.tables, this.#slowest(document), document.errors.length > 0 && this.#errors(document));
  }

  #slowest({ slowest, in_flight: open }) {
    const long = open
      .filter((each) => each.for_ms > 10000)
      .map(({ id, for_ms, began_at }) => [
        id ?? "–",
        `${milliseconds(for_ms)} so far`,
        "in work",
        "–",
        moment(began_at),
      ]);
    const rows = slowest
      .slice(0, SLOWEST)
      .map((each) => [
        each.id ?? each.route ?? "–",
        milliseconds(each.duration_ms),
        each.error_type ?? each.outcome,
        count(each.at_once),
        moment(each.ended_at),
      ]);
    return table("The slowest requests", ["Request", "Took", "Outcome", "At once", "When"], [...long, ...rows]);
  }

  #errors({ errors }) {
    return table(
      "What failed",
      ["Error", "Times"],
      errors.map((each) => [each.type, plural(each.count, "time")]),
    );
  }

  repaint() {
    this.rate.repaint();
    this.latency.repaint();
  }
}
