// Elements are made of data, never of markup: what a worker says is shown as the text that it is.

/** h("p", {class: "why"}, "text", child, ...): null and false are left out; "on..." properties are listeners. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  const all = children.flat(Infinity);
  element.append(...all.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

const shownIn = new WeakMap(); // element -> the markup of what it shows

/** Show these children in place of what is there, unless they are the same: a reader keeps place, focus, selection. */
export function show(element, ...children) {
  const next = h("div", {}, ...children);
  const shown = next.innerHTML;
  if (shownIn.get(element) === shown) return;
  const open = new Set([...element.querySelectorAll("details[open]")].map((each) => each.dataset.key));
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  element.replaceChildren(...next.childNodes);
  shownIn.set(element, shown);
  for (const each of element.querySelectorAll("details")) if (open.has(each.dataset.key)) each.open = true;
  if (focused) element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

/** A command in a box, with a button that copies it. */
export function copyable(text, label) {
  const said = h("span", { role: "status", class: "copied" });
  const button = h("button", { type: "button", "data-key": `copy ${text}`, "aria-label": `Copy ${label}` }, "Copy");
  button.addEventListener("click", async () => {
    said.textContent = (await copy(text)) ? "Copied" : "Press Ctrl+C";
    setTimeout(() => (said.textContent = ""), 2500);
  });
  return h(
    "div",
    { class: "command" },
    h("pre", { tabindex: "0", "aria-label": label }, text),
    h("span", { class: "copy" }, said, button),
  );
}

// navigator.clipboard is there on https and loopback only; elsewhere the old way, else the text is selected.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", { class: "hidden", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
