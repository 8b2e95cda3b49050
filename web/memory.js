// Memory of every GPU and of the host over time, from firstfix.memory/1: rows whose GPU columns follow the common ones.
import { bytes, clock, percent, sentence } from "./format.js";
import { Chart } from "./chart.js";
import { byId, h } from "./dom.js";

const STEPS = Array.from({ length: 48 }, (_, i) => 2 ** i); // between lines of the grid: 8 GB, not 9.3
const TABLE_ROWS = 12;
const LONGEST_GAP_S = 120;

const GPU_SERIES = [
  { label: "used by all", colour: "others", fill: "others-fill", of: "used" },
  { label: "reserved", colour: "reserved", fill: "reserved-fill", of: "reserved" },
  { label: "allocated", colour: "allocated", fill: "allocated-fill", of: "allocated" },
  { label: "limit", colour: "limit", dash: [6, 4], of: "total" },
];
const HOST_SERIES = [
  { label: "resident", colour: "allocated", fill: "allocated-fill", of: "rss" },
  { label: "limit", colour: "limit", dash: [6, 4], of: "cgroup_limit" },
];

export class Samples {
  columns = {}; // name -> values by row; "gpu0.used"
  gpus = 0;

  clear() {
    this.columns = {};
    this.gpus = 0;
  }

  get times() {
    return this.columns.time ?? [];
  }

  get last() {
    return this.times.at(-1) ?? 0;
  }

  value(name) {
    return this.columns[name]?.at(-1) ?? null;
  }

  /** Append what is newer than what is here; forget what is older than `from` seconds. */
  take(document, from) {
    const { columns, gpu_columns: gpuColumns } = document;
    if (!document.rows.length) return this.clear(); // the clock was set back: what is new is older than what is here
    for (const row of document.rows) {
      const at = row[0] / 1000;
      if (at <= this.last) continue;
      const gpus = (row.length - columns.length) / gpuColumns.length;
      this.gpus = Math.max(this.gpus, gpus);
      this.#put("time", at);
      columns.slice(1).forEach((name, i) => this.#put(name, row[i + 1]));
      for (let gpu = 0; gpu < this.gpus; gpu++)
        gpuColumns.forEach((name, i) =>
          this.#put(`gpu${gpu}.${name}`, gpu < gpus ? row[columns.length + gpu * gpuColumns.length + i] : null),
        );
    }
    const old = this.times.findIndex((at) => at >= from);
    if (old > 0) for (const list of Object.values(this.columns)) list.splice(0, old);
  }

  #put(name, value) {
    const list = (this.columns[name] ??= new Array(Math.max(0, this.times.length - (name === "time" ? 0 : 1))).fill(
      null,
    ));
    list.push(value);
  }

  /** Requests that ended a second, between each sample and the one before it. */
  rates() {
    const done = this.columns.requests ?? [];
    return this.times.map((at, i) => {
      const took = i ? at - this.times[i - 1] : 0;
      const ended = i && done[i] !== null && done[i - 1] !== null ? done[i] - done[i - 1] : null;
      return ended === null || ended < 0 || took <= 0 || took > LONGEST_GAP_S ? null : ended / took;
    });
  }
}

class Panel {
  constructor(place, samples, timeline, prefix, label, series) {
    Object.assign(this, { samples, prefix, series });
    this.title = h("h3", {}, label);
    this.now = h("p", { class: "now" });
    this.forecast = h("p", { class: "forecast", hidden: true });
    this.table = h("details", { class: "numbers" }, h("summary", {}, "As numbers"));
    this.body = h("div", {
      class: "table-scroll",
      tabindex: "0",
      role: "region",
      "aria-label": `Memory of ${label} as numbers`,
    });
    this.table.append(this.body);
    this.box = h("article", { class: "panel" }, h("div", { class: "panel-head" }, this.title, this.now), this.forecast);
    const y = { show: (v) => bytes(v), max: () => this.limit(), steps: STEPS };
    this.chart = new Chart(
      this.box,
      `Memory of ${label} over time; the numbers are in the table below`,
      series,
      y,
      timeline,
    );
    this.box.append(this.table);
    this.table.addEventListener("toggle", () => this.#fillTable());
    place.append(this.box);
  }

  limit() {
    const given = this.samples.value(this.prefix + this.series.at(-1).of);
    return given && given > 0 ? given : 0;
  }

  draw(range, name, forecast) {
    const data = this.series.map((s) => this.samples.columns[this.prefix + s.of] ?? this.samples.times.map(() => null));
    const used = this.samples.value(this.prefix + this.series[0].of);
    const limit = this.limit();
    const more = this.prefix && [
      percent(this.samples.value(`${this.prefix}utilization`)) + " busy",
      `${this.samples.value(`${this.prefix}temperature`) ?? "–"} °C`,
    ];
    if (name) this.title.textContent = name;
    this.now.replaceChildren(
      h("b", {}, bytes(used)),
      limit ? ` of ${bytes(limit)}` : "",
      more ? ` · ${more.join(" · ")}` : "",
    );
    this.forecast.hidden = !forecast;
    this.forecast.textContent = sentence(forecast);
    this.chart.draw([this.samples.times, ...data], range);
    this.#fillTable();
  }

  #fillTable() {
    if (!this.table.open) return;
    const { times } = this.samples;
    const step = Math.max(1, Math.floor(times.length / TABLE_ROWS));
    const rows = [];
    for (let i = times.length - 1; i >= 0 && rows.length < TABLE_ROWS; i -= step)
      rows.push(
        h(
          "tr",
          {},
          h("th", { scope: "row" }, clock(times[i])),
          this.series.map((s) => h("td", {}, bytes(this.samples.columns[this.prefix + s.of]?.[i]))),
        ),
      );
    this.body.replaceChildren(
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col" }, "Time"),
            this.series.map((s) => h("th", { scope: "col" }, s.label)),
          ),
        ),
        h("tbody", {}, rows),
      ),
    );
  }
}

export class Memory {
  panels = new Map();

  constructor(samples, timeline) {
    Object.assign(this, { samples, timeline });
    this.grid = h("div", { class: "grid" });
    byId("memory").append(h("h2", { id: "memory-title" }, "Memory"), this.grid);
  }

  #panel(key, label, series) {
    if (!this.panels.has(key)) {
      this.panels.set(key, new Panel(this.grid, this.samples, this.timeline, key ? `${key}.` : "", label, series));
      const host = this.panels.get("");
      if (host) this.grid.append(host.box); // the host stands behind the GPUs
    }
    return this.panels.get(key);
  }

  /** `names`: of GPUs by index; `forecasts`: of firstfix.memory/1. */
  draw(range, names, forecasts) {
    const said = (resource) => forecasts.find((each) => each.resource.toLowerCase() === resource)?.say;
    if (!this.samples.times.length) return;
    for (let gpu = 0; gpu < this.samples.gpus; gpu++)
      this.#panel(`gpu${gpu}`, `GPU ${gpu}`, GPU_SERIES).draw(
        range,
        names[gpu] ? `GPU ${gpu} · ${names[gpu]}` : null,
        said(`gpu ${gpu}`),
      );
    this.#panel("", "Host", HOST_SERIES).draw(range, "Host", said("host"));
    this.grid.classList.toggle("many", this.samples.gpus > 2);
  }

  repaint() {
    for (const panel of this.panels.values()) panel.chart.repaint();
  }
}
