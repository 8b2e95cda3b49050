// Asking the agent. The token, where one is wanted, comes from the reader or from #token=... of the address, and stays
// in this tab alone. EventSource cannot send it, so the stream of events is read with fetch.

const KEY = "firstfix.token";
const AGAIN_MS = 2000;

let token = sessionStorage.getItem(KEY);

/** Take #token=... out of the address, so that it is in no bookmark. */
export function takeTokenOfAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  setToken(given);
  history.replaceState(null, "", location.pathname + location.search);
}

export function setToken(given) {
  token = given;
  sessionStorage.setItem(KEY, given);
}

export class Unauthorized extends Error {}

function headers(accept) {
  return token ? { Accept: accept, Authorization: `Bearer ${token}` } : { Accept: accept };
}

/** The document at a path; null where there is none (404). */
export async function get(path) {
  const answer = await fetch(path, { headers: headers("application/json") });
  if (answer.status === 401) throw new Unauthorized();
  if (answer.status === 404) return null;
  const document = await answer.json();
  if (!answer.ok && document.error) throw new Error(document.error);
  return document;
}

/** Ask for a change; throws what stands against it. */
export async function post(path) {
  const answer = await fetch(path, { method: "POST", headers: headers("application/json") });
  if (!answer.ok) throw new Error((await answer.json()).error);
}

/** The messages in a piece of a stream: [[{event, data}, ...], what is not yet whole]. */
export function messages(text) {
  const parts = text.split("\n\n");
  const rest = parts.pop();
  const list = [];
  for (const part of parts) {
    const message = { event: "message", data: "" };
    for (const line of part.split("\n")) {
      if (line.startsWith("event: ")) message.event = line.slice(7);
      if (line.startsWith("data: ")) message.data += line.slice(6);
    }
    if (message.data) list.push(message);
  }
  return [list, rest];
}

async function readStream(path, hear, state) {
  const answer = await fetch(path, { headers: headers("text/event-stream") });
  if (!answer.ok) throw new Error(`${answer.status}`);
  state(true);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    let list;
    [list, rest] = messages(rest + value);
    for (const message of list) hear(message.event, JSON.parse(message.data));
  }
}

/** Hear what is recorded from now on, for ever; `state(false)` while nobody answers. */
export async function listen(path, hear, state) {
  for (;;) {
    try {
      await readStream(path, hear, state);
    } catch {
      // Said by state(false); the agent may be on its way up again.
    }
    state(false);
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}
