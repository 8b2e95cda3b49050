// Is it well? One word, one sentence, and what that rests on.
import { sentence } from "./format.js";
import { byId, h, show } from "./dom.js";

// What a state means to who looks: good, wait (nothing to do yet), warn, bad.
const MEANING = {
  ready: "good",
  idle: "good",
  busy: "good",
  saturated: "warn",
  starting: "wait",
  loading: "wait",
  stopping: "wait",
  stalled: "bad",
  "gpu-lost": "bad",
  "driver-hung": "bad",
  "engine-dead": "bad",
  dead: "bad",
};
const MARK = { good: "✓", warn: "!", wait: "…", bad: "✕" };
const WORDS = {
  ready: "Ready",
  idle: "Ready, and idle",
  busy: "Well, and at work",
  saturated: "Saturated",
  starting: "Starting",
  loading: "Loading a model",
  stopping: "Stopping",
  stalled: "Stalled",
  "gpu-lost": "A GPU is lost",
  "driver-hung": "The driver hangs",
  "engine-dead": "The engine is dead",
  dead: "The worker is dead",
};

export const meaningOf = (health) => MEANING[health?.state] ?? "wait";

let announced = null;

// Said aloud when it turns from well to ill or back, not at every request.
function announce(meaning, word) {
  if (announced === meaning) return;
  announced = meaning;
  byId("spoken").textContent = `The worker: ${word}`;
}

export function drawStatus(health) {
  const place = byId("status");
  const meaning = meaningOf(health);
  place.className = `status ${meaning}`;
  const checks = health.checks ?? [];
  show(
    place,
    h("span", { class: "mark", "aria-hidden": "true" }, MARK[meaning]),
    h(
      "div",
      { class: "status-words" },
      h("h1", { id: "state" }, WORDS[health.state] ?? health.state),
      h("p", {}, sentence(health.why)),
      h(
        "details",
        { "data-key": "checks" },
        h("summary", {}, "What this rests on"),
        h(
          "ul",
          { class: "checks" },
          checks.map((each) => h("li", { class: each.ok ? "ok" : "not-ok" }, h("b", {}, each.name), ` ${each.say}`)),
        ),
      ),
    ),
    h(
      "ul",
      { class: "probes", "aria-label": "Probes" },
      [
        ["live", health.live],
        ["ready", health.ready],
        ["started", health.started],
      ].map(([name, yes]) => h("li", { class: yes ? "ok" : "not-ok" }, `${yes ? "" : "not "}${name}`)),
    ),
  );
  announce(meaning, WORDS[health.state] ?? health.state);
  document.title = `${MARK[meaning]} ${WORDS[health.state] ?? health.state} · firstfix`;
}
