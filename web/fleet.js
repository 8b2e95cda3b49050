// The fleet's page: which failures, when, what separates those who have one, and one worker. What is chosen stands in
// the address (#f=FINGERPRINT&w=WORKER), so that a finding can be sent to somebody.
import * as api from "./api.js";
import { byId, h } from "./dom.js";
import { Causes } from "./fleet_causes.js";
import { Failures, drawFailure } from "./fleet_failure.js";
import { drawWorker } from "./fleet_worker.js";
import { count, plural } from "./format.js";
import { makeTheme } from "./theme.js";

const RANGES = [
  ["1d", "1 day", 24],
  ["7d", "7 days", 168],
  ["30d", "30 days", 720],
];
const EVERY_MS = 30000;
const AGAIN_MS = 3000;

const told = { fleets: [], top: null, causes: null, failure: null, explain: null, worker: null };
let chosen = { fleet: null, failure: null, worker: null };
let range = RANGES.find(([name]) => name === sessionStorage.getItem("firstfix.fleet.range")) ?? RANGES[1];
let parts = null;

// ---- what is chosen ----

function readAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  chosen = { fleet: words.get("fleet"), failure: words.get("f"), worker: words.get("w") };
}

function choose(change, focus) {
  chosen = { ...chosen, ...change };
  const words = new URLSearchParams();
  for (const [key, name] of [
    ["fleet", chosen.fleet],
    ["f", chosen.failure],
    ["w", chosen.worker],
  ])
    if (name) words.set(key, name);
  history.pushState(null, "", words.size ? `#${words}` : location.pathname);
  askChosen(focus);
}

// ---- drawing ----

function draw() {
  const names = { fleet: told.top?.fleet, workers: told.top?.workers };
  byId("fleet-of").textContent = names.fleet ? `${names.fleet} · ${plural(names.workers, "worker")}` : "";
  parts.causes.draw(told.causes, range[2]);
  parts.failures.draw(told.top, chosen.failure);
  drawFailure({ ...told, id: chosen.failure, openWorker });
  drawWorker({ worker: told.worker, name: chosen.worker, failure: chosen.failure, close: () => closeWorker() });
}

function setConnected(is) {
  byId("connection").className = `connection ${is ? "live" : "lost"}`;
  byId("connection").textContent = is ? "live" : "nobody answers";
}

// ---- asking ----

const path = (what, more = {}) => {
  const query = new URLSearchParams();
  if (chosen.fleet) query.set("fleet", chosen.fleet);
  for (const [key, value] of Object.entries(more)) if (value) query.set(key, value);
  return query.size ? `${what}?${query}` : what;
};

// The document; null where there is none, {error} with what stands against it.
async function ask(where, key) {
  const before = JSON.stringify(chosen);
  let document;
  try {
    document = await api.get(where);
    setConnected(true);
  } catch (error) {
    if (error instanceof api.Unauthorized) showLogin();
    else if (error instanceof TypeError) setConnected(false);
    document = { error: error.message };
  }
  if (JSON.stringify(chosen) !== before) return undefined; // something else is looked at by now
  if (document?.error && told[key]) return told[key];
  told[key] = document;
  return document;
}

async function askFleet() {
  await Promise.all([ask(path("/v1/top"), "top"), ask(path("/v1/causes"), "causes")]);
  draw();
}

async function askChosen(focus) {
  const { failure, worker } = chosen;
  if (told.failure?.fingerprint !== failure) told.failure = told.explain = null;
  if (told.worker?.worker !== worker || told.worker?.fingerprint !== failure) told.worker = null;
  draw();
  if (focus) byId(focus)?.scrollIntoView({ block: "start" });
  const asked = [];
  if (failure) {
    asked.push(ask(path(`/v1/failures/${failure}`), "failure").then(draw));
    asked.push(ask(path(`/v1/explain/${failure}`), "explain").then(draw));
  }
  if (worker) asked.push(ask(path(`/v1/workers/${encodeURIComponent(worker)}`, { failure }), "worker").then(draw));
  await Promise.all(asked);
}

const openWorker = (worker) => choose({ worker }, "worker");

function closeWorker() {
  choose({ worker: null }, "failure");
}

// ---- beginning ----

function showLogin() {
  const refused = sessionStorage.getItem("firstfix.token") !== null;
  byId("content").hidden = true;
  byId("login").hidden = false;
  byId("login-error").textContent = refused ? "This token is not the one." : "";
  byId("token").focus();
}

function makeFleets() {
  const several = told.fleets.length > 1;
  byId("fleet-choice").hidden = !several;
  byId("fleet").replaceChildren(
    ...told.fleets.map((each) => h("option", { value: each.name }, `${each.name} (${count(each.workers)})`)),
  );
  if (several && !told.fleets.some((each) => each.name === chosen.fleet)) chosen.fleet = told.fleets[0].name;
  byId("fleet").value = chosen.fleet ?? told.fleets[0]?.name ?? "";
}

async function begin() {
  let fleets;
  try {
    fleets = await api.get("/v1/fleets");
  } catch (error) {
    if (error instanceof api.Unauthorized) return showLogin();
    setConnected(false);
    setTimeout(begin, AGAIN_MS);
    return;
  }
  told.fleets = fleets.fleets;
  byId("login").hidden = true;
  byId("content").hidden = false;
  setConnected(true);
  const first = !parts;
  parts ??= { causes: new Causes(), failures: new Failures((failure) => choose({ failure, worker: null }, "failure")) };
  makeFleets();
  await Promise.all([askFleet(), askChosen()]);
  if (first) setInterval(() => !document.hidden && Promise.all([askFleet(), askChosen()]), EVERY_MS);
}

function makeRanges() {
  for (const each of RANGES) {
    const input = h("input", { type: "radio", name: "range", id: `range-${each[0]}`, value: each[0] });
    input.checked = each === range;
    input.addEventListener("change", () => {
      range = each;
      sessionStorage.setItem("firstfix.fleet.range", each[0]);
      draw();
    });
    byId("ranges").append(h("span", {}, input, h("label", { for: input.id }, each[1])));
  }
}

byId("fleet").addEventListener("change", () => {
  Object.assign(told, { top: null, causes: null });
  choose({ fleet: byId("fleet").value, failure: null, worker: null });
  askFleet();
});
byId("login-form").addEventListener("submit", (event) => {
  event.preventDefault();
  api.setToken(byId("token").value);
  begin();
});
addEventListener("popstate", () => {
  readAddress();
  askChosen();
});
api.takeTokenOfAddress();
readAddress();
makeRanges();
makeTheme(() => parts?.causes.repaint());
begin();
