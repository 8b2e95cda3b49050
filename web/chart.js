// A chart on the shared time axis: uPlot, with loads as bands and incidents as lines in every one. Colours come from
// the style sheet, so that both themes have their own; the same numbers stand in a table for who does not see them.
import { clock, date } from "./format.js";
import { h } from "./dom.js";

/* global uPlot */

const HEIGHT = 168;
const SYNC = "time";

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function markers(timeline) {
  return {
    hooks: {
      drawClear: (u) => {
        const { ctx, bbox } = u;
        for (const load of timeline.loads) {
          const from = Math.max(u.valToPos(load.begin, "x", true), bbox.left);
          const to = Math.min(u.valToPos(load.end ?? u.scales.x.max, "x", true), bbox.left + bbox.width);
          if (to <= from) continue;
          ctx.fillStyle = colour(load.ok ? "band" : "band-bad");
          ctx.fillRect(from, bbox.top, Math.max(to - from, 2), bbox.height);
        }
      },
      draw: (u) => {
        const { ctx, bbox } = u;
        ctx.save();
        ctx.setLineDash([]);
        ctx.strokeStyle = ctx.fillStyle = colour("bad");
        ctx.lineWidth = devicePixelRatio;
        for (const incident of timeline.incidents) {
          if (incident.at < u.scales.x.min || incident.at > u.scales.x.max) continue;
          const x = u.valToPos(incident.at, "x", true);
          const size = 5 * devicePixelRatio;
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + bbox.height);
          ctx.stroke();
          ctx.beginPath();
          ctx.moveTo(x - size, bbox.top);
          ctx.lineTo(x + size, bbox.top);
          ctx.lineTo(x, bbox.top + 1.6 * size);
          ctx.fill();
        }
        ctx.restore();
      },
    },
  };
}

function axis(values, left, steps) {
  return {
    stroke: () => colour("dim"),
    grid: { stroke: () => colour("grid"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
    size: left ? 64 : 28,
    values,
    space: left ? 34 : 76,
    ...(steps && { incrs: steps }),
  };
}

export class Chart {
  #plot = null;

  /** `timeline` may be null: nothing stands in the chart beside the series.
      `series`: [{label, colour, fill, dash, width, show(value)}]; `y`: {show(value), max(), steps} for the axis. */
  constructor(place, label, series, y, timeline) {
    this.place = h("div", { class: "plot", role: "img", "aria-label": label });
    this.legend = h("ul", { class: "legend" });
    place.append(this.place, this.legend);
    Object.assign(this, { series, y, timeline });
    new ResizeObserver(() => this.#plot?.setSize({ width: this.place.clientWidth, height: HEIGHT })).observe(
      this.place,
    );
  }

  #options() {
    return {
      width: this.place.clientWidth || 300,
      height: HEIGHT,
      padding: [8, 26, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: SYNC }, y: false, points: { size: 6 } },
      select: { show: false },
      scales: { x: { time: true, range: () => this.range }, y: { range: (_, low, high) => this.#yRange(high) } },
      axes: [
        axis((_, ticks) => this.#times(ticks), false),
        axis((_, ticks) => ticks.map(this.y.show), true, this.y.steps),
      ],
      series: [
        {},
        ...this.series.map((s) => ({
          stroke: () => colour(s.colour),
          fill: s.fill ? () => colour(s.fill) : undefined,
          width: s.width ?? 1.5,
          dash: s.dash,
          points: { show: false },
          spanGaps: s.gaps ?? false,
          paths: s.bars ? uPlot.paths.bars({ size: [0.9, 20] }) : undefined,
        })),
      ],
      plugins: this.timeline ? [markers(this.timeline)] : [],
      hooks: { setCursor: [(u) => this.#say(u.cursor.idx)] },
    };
  }

  // Seconds in a quarter of an hour; days, each once, in more than two of them.
  #times(ticks) {
    const shown = this.range[1] - this.range[0];
    if (shown <= 2 * 86400) return ticks.map((at) => clock(at).slice(0, shown < 900 ? 8 : 5));
    return ticks.map(date).map((each, i, all) => (each === all[i - 1] ? "" : each));
  }

  #yRange(high) {
    const top = this.y.max?.() || high || 1;
    return [0, top * (this.y.max?.() ? 1.04 : 1.15)];
  }

  /** `data`: [times, values of each series, ...]; `range`: [from, to] in seconds. */
  draw(data, range) {
    this.range = range;
    this.data = data;
    if (this.#plot) {
      this.#plot.setData(data);
    } else {
      this.#plot = new uPlot(this.#options(), data, this.place);
    }
    this.#say(this.#plot.cursor.idx);
  }

  /** Draw anew, in the colours that hold now. */
  repaint() {
    this.#plot?.redraw(false);
    if (this.data) this.#say(null);
  }

  #say(index) {
    const at = index ?? this.data[0].length - 1;
    const items = this.series.map((s, i) => {
      const value = this.data[i + 1][at];
      const known = this.data[i + 1].some((each) => each !== null && each !== undefined);
      return (
        known &&
        h(
          "li",
          {},
          h("span", { class: `key ${s.dash ? "dashed" : ""} ${s.colour}` }),
          `${s.label} `,
          h("b", {}, (s.show ?? this.y.show)(value)),
        )
      );
    });
    this.legend.replaceChildren(...items.filter(Boolean));
  }
}
