// Causes over time: how often each was told, in hours or days, and the same numbers as a table.
import { Chart } from "./chart.js";
import { byId, h, show } from "./dom.js";
import { count, plural } from "./format.js";
import { table } from "./table.js";

const SHOWN = 5;
const HOUR = 3600;
const COLOURS = ["cause-1", "cause-2", "cause-3", "cause-4", "cause-5"];
const MOST_BARS = 60;

/** {times, labels, counts} of the last `hours`, in steps of `step` hours; causes by how often, the rest as one. */
export function series(rows, hours, step) {
  const at = rows.map((row) => Math.floor(new Date(row.hour).getTime() / 1000 / HOUR));
  const last = Math.floor(Math.max(...at) / step);
  const first = last - Math.ceil(hours / step) + 1;
  const sums = new Map();
  rows.forEach((row, i) => at[i] / step >= first && sums.set(row.cause, (sums.get(row.cause) ?? 0) + row.n));
  const names = [...sums.keys()].sort((a, b) => sums.get(b) - sums.get(a) || (a < b ? -1 : 1));
  const shown = names.slice(0, names.length > SHOWN ? SHOWN - 1 : SHOWN);
  const labels = names.length > shown.length ? [...shown, `${names.length - shown.length} others`] : shown;
  const times = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step * HOUR);
  const counts = labels.map(() => times.map(() => 0));
  rows.forEach((row, i) => {
    const place = Math.floor(at[i] / step) - first;
    const own = shown.indexOf(row.cause);
    if (place >= 0) counts[own < 0 ? labels.length - 1 : own][place] += row.n;
  });
  return { times, labels, counts };
}

export class Causes {
  constructor() {
    this.place = h("div", { class: "causes" });
    this.numbers = h("div", {});
    this.empty = h("p", { class: "empty" });
    byId("causes").append(
      h("h2", { id: "causes-title" }, "Causes over time"),
      this.empty,
      this.place,
      h("details", { class: "numbers" }, h("summary", {}, "As numbers"), this.numbers),
    );
  }

  draw(document, hours) {
    const rows = document?.hours ?? [];
    this.empty.hidden = rows.length > 0;
    this.empty.textContent = document?.error ?? (document ? "No failure is known." : "Loading...");
    if (!rows.length) return this.#clear();
    const step = Math.ceil(hours / MOST_BARS / 3) * 3 - (hours <= MOST_BARS ? 2 : 0); // 1 hour of a day, 12 of a month
    const { times, labels, counts } = series(rows, hours, step);
    const range = [times[0] - (step * HOUR) / 2, times.at(-1) + (step * HOUR) / 2];
    if (JSON.stringify(labels) !== this.labels) this.#make(labels);
    this.chart.draw([times, ...counts], range);
    const when = (at) =>
      new Date(at * 1000).toLocaleString("en", { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
    const some = times.map((at, i) => [when(at), ...counts.map((each) => count(each[i]))]);
    show(
      this.numbers,
      table(
        `Failures in ${plural(step, "hour")}, from then on`,
        ["From", ...labels],
        some.filter((_, i) => counts.some((each) => each[i] > 0)),
      ),
    );
  }

  #make(labels) {
    this.#clear();
    this.labels = JSON.stringify(labels);
    this.chart = new Chart(
      this.place,
      `Failures over time by cause: ${labels.join(", ")}`,
      labels.map((label, i) => ({ label, colour: COLOURS[i], show: count, width: 2 })),
      { show: count },
      null,
    );
  }

  #clear() {
    this.place.replaceChildren();
    this.labels = this.chart = null;
  }

  repaint() {
    this.chart?.repaint();
  }
}
