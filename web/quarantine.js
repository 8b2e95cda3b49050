// Inputs that were in work when workers died. An input is a hash: what it was is known to nobody.
import { moment, plural } from "./format.js";
import { byId, copyable, h, show } from "./dom.js";

export class Quarantine {
  said = new Map(); // hash -> why it was not released

  /** `release(hash)` lets one through again, or throws what stands against it. */
  constructor(release) {
    this.release = release;
    this.place = h("div", {});
    byId("quarantine").append(h("h2", { id: "quarantine-title" }, "Inputs that killed workers"), this.place);
  }

  /** firstfix.quarantine/1, or null. */
  draw(document) {
    this.shown = document;
    const list = document?.inputs ?? [];
    const from = document?.refused_from ?? 0;
    byId("quarantine").hidden = !list.length;
    show(
      this.place,
      h(
        "p",
        { class: "empty" },
        from
          ? `Refused before the handler sees it from ${plural(from, "death")} on.`
          : "None is refused: firstfix run --quarantine N would.",
      ),
      h(
        "ul",
        { class: "held" },
        list.map((each) => this.#row(each, from && each.kills >= from)),
      ),
    );
  }

  #row(each, refused) {
    const why = this.said.get(each.input);
    return h(
      "li",
      {},
      h(
        "p",
        {},
        h("b", {}, refused ? "refused" : "suspected"),
        ` ${plural(each.kills, "death")} by ${each.how ?? "unknown"}, the last ${moment(each.last)}`,
        each.request ? `, request ${each.request}` : "",
      ),
      h("p", {}, h("code", {}, each.input)),
      refused &&
        h(
          "button",
          {
            type: "button",
            class: "quiet",
            "data-key": `release ${each.input}`,
            "aria-label": `Let ${each.input} through again`,
            onclick: () => this.#let(each.input),
          },
          "Let it through again",
        ),
      why && h("p", { class: "wrong", role: "alert" }, why),
      why && copyable(`firstfix quarantine --release ${each.input}`, "the command that releases it"),
    );
  }

  async #let(input) {
    try {
      await this.release(input);
    } catch (error) {
      this.said.set(input, error.message);
      this.draw(this.shown);
    }
  }
}
