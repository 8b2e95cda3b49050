// The page: asks, keeps what it was told, and draws. Each part has a file of its own; nothing here knows how they look.
import * as api from "./api.js";
import { duration } from "./format.js";
import { byId, h } from "./dom.js";
import { drawDiagnosis } from "./diagnosis.js";
import { drawEnvironment } from "./environment.js";
import { Incidents } from "./incidents.js";
import { Memory, Samples } from "./memory.js";
import { Quarantine } from "./quarantine.js";
import { Requests } from "./requests.js";
import { drawStatus, meaningOf } from "./status.js";
import { makeTheme } from "./theme.js";
import { Timeline } from "./timeline.js";

const RANGES = [
  ["15m", "15 min", 900],
  ["1h", "1 hour", 3600],
  ["1d", "1 day", 86400],
];
const SHORTEST_S = 60;
const EVERY_MS = { samples: 2000, requests: 2000, incidents: 5000, machine: 300000, again: 10000 };

const told = {
  health: null,
  memory: null,
  requests: null,
  incidents: [],
  incidentsInAll: 0,
  quarantine: null,
  incident: null,
  check: null,
  report: null,
  changes: null,
};
const samples = new Samples();
const timeline = new Timeline();
// What the agent said of itself along with the page: then nothing needs to be asked to show the state.
let given = document.getElementById("told")?.textContent;
let charted = false; // the script that draws charts comes behind this one
let range = RANGES.find(([since]) => since === sessionStorage.getItem("firstfix.range")) ?? RANGES[0];
let parts = null;
let connected = null;

// ---- drawing ----

const span = () => {
  const now = Math.max(samples.last, Date.now() / 1000 - 5);
  const first = Math.min(samples.times[0] ?? now, now - SHORTEST_S); // a young worker fills the width
  return [Math.max(now - range[2], first), now];
};

function draw() {
  if (!parts || !told.health) return;
  const names = (told.report?.gpus ?? []).map((gpu) => gpu.name);
  drawStatus(told.health);
  drawDiagnosis({
    incident: told.incident,
    memory: told.memory,
    check: told.check,
    well: meaningOf(told.health) !== "bad",
  });
  if (charted) {
    parts.memory.draw(span(), names, told.memory?.forecasts ?? []);
    parts.requests.draw(span(), told.requests);
  }
  parts.incidents.draw(told.incidents, told.incidentsInAll);
  parts.quarantine.draw(told.quarantine);
  drawEnvironment(told.report, told.changes);
  drawWorker();
}

function drawWorker() {
  const process = told.report?.process;
  if (!process) return;
  const started = process.started ? new Date(process.started) : null;
  const up = started && !Number.isNaN(started.getTime()) ? ` · up ${duration((Date.now() - started) / 1000)}` : "";
  byId("worker").textContent = `${(process.cmdline ?? [process.name]).join(" ")} · process ${process.pid}${up}`;
}

function setConnected(is) {
  if (connected === is) return;
  connected = is;
  byId("connection").className = `connection ${is ? "live" : "lost"}`;
  byId("connection").textContent = is ? "live" : "the agent does not answer";
}

// ---- asking ----

// The document; null where there is none, undefined where the agent cannot say now.
async function ask(path, key, then) {
  try {
    const document = await api.get(path);
    told[key] = document;
    then?.(document);
    return document;
  } catch (error) {
    if (error instanceof api.Unauthorized) showLogin("This token is not the one.");
    return undefined;
  }
}

// The first question asks for all of the range, later ones for what is new.
async function askSamples() {
  const since = samples.last ? Math.floor(samples.last) : range[0];
  await ask(
    `/v1/memory?since=${since}`,
    "memory",
    (document) => document && samples.take(document, Date.now() / 1000 - range[2]),
  );
  draw();
}

async function askIncidents() {
  const list = await ask(`/v1/incidents?newest=${parts.incidents.wanted}`, "answer");
  told.incidents = list?.incidents ?? told.incidents;
  told.incidentsInAll = list?.total ?? told.incidentsInAll;
  timeline.setIncidents(told.incidents);
  await ask("/v1/quarantine", "quarantine");
  const id = told.health?.incident?.id;
  if (id && told.incident?.id !== id) await ask(`/v1/incidents/${id}`, "incident");
  draw();
}

// They take seconds to make; on a busy machine one comes too late and is asked for again.
async function askMachine() {
  const answers = await Promise.all([
    ask("/v1/check", "check", draw),
    ask("/v1/report", "report", draw),
    ask("/v1/changes", "changes", draw),
  ]);
  if (answers.includes(undefined)) setTimeout(askMachine, EVERY_MS.again);
}

async function askEvents() {
  const document = await ask(`/v1/events?since=${range[0]}`, "answer");
  timeline.clear();
  for (const event of document?.events ?? []) timeline.take(event);
}

async function release(input) {
  try {
    await api.post(`/v1/quarantine/${encodeURIComponent(input)}`);
  } finally {
    await ask("/v1/quarantine", "quarantine");
    draw();
  }
}

function hear(name, document) {
  if (name === "firstfix.health") {
    const before = told.health?.incident?.id;
    told.health = document;
    if (document.incident?.id !== before) askIncidents();
    draw();
  } else if (name === "firstfix.event") {
    timeline.take(document);
  }
}

// ---- beginning ----

function showLogin(error) {
  const refused = sessionStorage.getItem("firstfix.token") !== null;
  byId("content").hidden = true;
  byId("login").hidden = false;
  byId("login-error").textContent = refused ? error : "";
  byId("token").focus();
}

async function begin() {
  let health;
  try {
    health = given ? JSON.parse(given) : await api.get("/v1/health");
    given = null;
  } catch (error) {
    if (error instanceof api.Unauthorized) return showLogin("This token is not the one.");
    setConnected(false);
    setTimeout(begin, 2000);
    return;
  }
  told.health = health;
  byId("login").hidden = true;
  byId("content").hidden = false;
  setConnected(true);
  parts ??= {
    memory: new Memory(samples, timeline),
    requests: new Requests(samples, timeline),
    incidents: new Incidents((id) => api.get(`/v1/incidents/${encodeURIComponent(id)}`), askIncidents),
    quarantine: new Quarantine(release),
  };
  draw();
  api.listen("/v1/events", hear, setConnected);
  await Promise.all([askSamples(), ask("/v1/requests", "requests"), askEvents(), askIncidents()]);
  draw();
  askMachine();
  const repeat = (what, ms) => setInterval(() => !document.hidden && what(), ms);
  repeat(askSamples, EVERY_MS.samples);
  repeat(() => ask("/v1/requests", "requests"), EVERY_MS.requests);
  repeat(() => ask("/v1/health", "health"), EVERY_MS.incidents);
  repeat(askIncidents, EVERY_MS.incidents);
  repeat(askMachine, EVERY_MS.machine);
}

function makeRanges() {
  for (const each of RANGES) {
    const input = h("input", { type: "radio", name: "range", id: `range-${each[0]}`, value: each[0] });
    input.checked = each === range;
    input.addEventListener("change", async () => {
      range = each;
      sessionStorage.setItem("firstfix.range", each[0]);
      samples.clear();
      await Promise.all([askEvents(), askSamples()]);
    });
    byId("ranges").append(h("span", {}, input, h("label", { for: input.id }, each[1])));
  }
}

byId("login-form").addEventListener("submit", (event) => {
  event.preventDefault();
  api.setToken(byId("token").value);
  begin();
});
api.takeTokenOfAddress();
addEventListener("DOMContentLoaded", () => {
  charted = true;
  draw();
});
makeRanges();
makeTheme(() => {
  parts?.memory.repaint();
  parts?.requests.repaint();
});
begin();
