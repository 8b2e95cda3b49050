// Failures that are stored, newest first; one that is opened is asked for whole.
import { count, errorText, heading, moment, plural } from "./format.js";
import { byId, h, show } from "./dom.js";
import { card } from "./diagnosis.js";

const SHOWN = 20;
const STEP = 100;
const MOST = 9999; // that the agent lists

export class Incidents {
  whole = new Map(); // id -> firstfix.incident/1
  open = null;
  shown = SHOWN;
  wanted = STEP; // of the newest, to be asked for: charts mark more of them than the list shows at first

  /** `ask(id)` gives firstfix.incident/1; `askAgain()` the list, once more are wanted. */
  constructor(ask, askAgain) {
    Object.assign(this, { ask, askAgain, list: [], total: 0 });
    this.place = h("div", {});
    byId("incidents").append(h("h2", { id: "incidents-title" }, "Incidents"), this.place);
  }

  /** `list`: the newest; `total`: how many there are. */
  draw(list, total) {
    const shown = list.slice(0, this.shown);
    const drawn = [list, total, this.shown, this.open, this.whole.get(this.open)];
    if (this.drawn?.every((each, i) => each === drawn[i])) return; // thousands of rows are not made again and again
    this.drawn = drawn;
    Object.assign(this, { list, total });
    if (!list.length) {
      show(this.place, h("p", { class: "empty" }, "No failure is stored."));
      return;
    }
    show(
      this.place,
      h(
        "ul",
        { class: "incidents" },
        shown.map((each) => this.#row(each)),
      ),
      Math.min(total, MOST) > shown.length &&
        h(
          "button",
          { type: "button", class: "quiet", "data-key": "more", onclick: () => this.#showMore() },
          `Show more of ${count(total)}`,
        ),
    );
  }

  #showMore() {
    this.shown += STEP;
    this.wanted = Math.min(Math.max(this.wanted, this.shown), MOST);
    this.draw(this.list, this.total);
    this.askAgain();
  }

  #row(each) {
    const open = this.open === each.id;
    const whole = open && this.whole.get(each.id);
    const button = h(
      "button",
      {
        type: "button",
        class: "row",
        "aria-expanded": String(open),
        "data-key": each.id,
        onclick: () => this.#toggle(each.id),
      },
      h("span", { class: "when" }, moment(each.last_seen)),
      h(
        "span",
        { class: "what" },
        h("b", {}, each.cause ?? heading(each.title) ?? each.how ?? "unknown"),
        ` ${errorText(each.error)}`,
      ),
      h("span", { class: "times" }, each.count > 1 ? plural(each.count, "time") : ""),
    );
    return h(
      "li",
      {},
      button,
      open && h("div", { class: "opened" }, whole ? this.#details(whole) : h("p", {}, "Loading...")),
    );
  }

  #details(incident) {
    const found = incident.diagnosis?.diagnoses?.[0];
    const frames = (incident.exception?.frames ?? [])
      .map((frame) => `${frame.file}:${frame.line} ${frame.func ?? ""}`)
      .join("\n");
    const lines = (incident.tail ?? [])
      .slice(-12)
      .map((line) => (typeof line === "string" ? line : (line.text ?? "")))
      .join("\n");
    return [
      found
        ? card(found, heading(incident.title) ?? "", "plain")
        : h("p", {}, h("b", {}, `${heading(incident.title) ?? "Failed"}. `), "The cause is not known."),
      frames && [h("h3", {}, "Where"), h("pre", { class: "tail", tabindex: "0", "aria-label": "Frames" }, frames)],
      lines && [
        h("h3", {}, "Its last lines"),
        h("pre", { class: "tail", tabindex: "0", "aria-label": "The last lines of the log" }, lines),
      ],
      h("p", { class: "dim" }, "Whole: ", h("code", {}, `firstfix incidents show ${incident.id}`)),
    ];
  }

  async #toggle(id) {
    this.open = this.open === id ? null : id;
    this.draw(this.list, this.total);
    if (this.open !== id || this.whole.has(id)) return;
    const whole = await this.ask(id);
    if (whole) this.whole.set(id, whole);
    this.draw(this.list, this.total);
  }
}
