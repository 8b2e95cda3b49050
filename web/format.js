// Numbers and times as a person reads them. What is not known is a dash.

const NONE = "–";

/** In units of 1024, as every report of firstfix: an RTX 5090 has 31.8 GB. */
export function bytes(n) {
  if (n === null || n === undefined) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = n;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit && Math.abs(value) < 100 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function milliseconds(ms) {
  if (ms === null || ms === undefined) return NONE;
  if (ms === 0) return "0";
  if (ms < 1) return "<1 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(ms < 10000 ? 1 : 0)} s`;
  return duration(ms / 1000);
}

export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export const count = (n) => (n === null || n === undefined ? NONE : n.toLocaleString("en"));
export const rate = (n) =>
  n === null || n === undefined ? NONE : n === 0 ? "0" : n >= 10 ? n.toFixed(0) : n.toFixed(n >= 1 ? 1 : 2);
export const percent = (n) => (n === null || n === undefined ? NONE : `${Math.round(n)} %`);

export function clock(seconds) {
  const at = new Date(seconds * 1000);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((n) => String(n).padStart(2, "0")).join(":");
}

export const date = (seconds) =>
  new Date(seconds * 1000).toLocaleDateString("en", { month: "short", day: "numeric" });

/** "14:03:20", with the day where that is not today. */
export function moment(iso) {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return NONE;
  const day =
    at.toDateString() === new Date().toDateString()
      ? ""
      : `${date(at.getTime() / 1000)} `;
  return day + clock(at.getTime() / 1000);
}

/** "Nov 14 18:02:19 to today 14:03:20" */
export function span(first, last) {
  const [from, to] = [moment(first), moment(last)];
  return `${from} to ${from.includes(" ") && !to.includes(" ") && to !== NONE ? "today " : ""}${to}`;
}

/** "ValueError: words", of an error as incidents have it, or of a text. */
export function errorText(error) {
  if (!error || typeof error === "string") return error ?? "";
  return [error.type, error.message].filter(Boolean).join(": ");
}

/** A worker's sentence as one of ours: a capital at its head, a stop at its end. */
export const sentence = (text) =>
  text ? `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}` : "";

/** "REQUEST FAILED" is shouted in logs; here it is a heading. */
export const heading = (text) => (text && text === text.toUpperCase() ? text[0] + text.slice(1).toLowerCase() : text);

export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
