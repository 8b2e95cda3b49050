// The system's theme, or the one that the reader chose with the button; it stays in the browser.
import { byId } from "./dom.js";

const KEY = "firstfix.theme";
const THEMES = { auto: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };

/** Give the button its work; `repaint` draws anew what takes no colour from the style sheet. */
export function makeTheme(repaint) {
  const names = Object.keys(THEMES);
  const set = (theme) => {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    document.documentElement.dataset.theme = theme === "auto" ? system : theme;
    byId("theme").textContent = THEMES[theme];
    byId("theme").dataset.theme = theme;
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // A browser that keeps nothing shows the system's theme next time.
    }
    repaint();
  };
  byId("theme").addEventListener("click", () =>
    set(names[(names.indexOf(byId("theme").dataset.theme) + 1) % names.length]),
  );
  const kept = localStorage.getItem(KEY);
  set(names.includes(kept) ? kept : "auto");
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => set(byId("theme").dataset.theme));
}
