// Widths of the columns, and light and dark.
import { $ } from "./dom.js";

const store = {
  get: (name) => {
    try {
      return localStorage.getItem(`lab-${name}`);
    } catch {
      return null;
    }
  },
  set: (name, value) => {
    try {
      localStorage.setItem(`lab-${name}`, value);
    } catch {
      // A browser that keeps nothing still shows everything.
    }
  },
};

/** Makes the separators of the columns move, by the mouse and by arrows. */
export function layout() {
  const root = document.documentElement;
  for (const [id, name, sign, initial] of [["split-left", "left", 1, 400], ["split-right", "right", -1, 300]]) {
    const set = (width) => {
      const rounded = Math.round(Math.max(180, Math.min(width, window.innerWidth * 0.55)));
      root.style.setProperty(`--${name}`, `${rounded}px`);
      $(id).setAttribute("aria-valuenow", rounded);
      store.set(name, rounded);
    };
    set(Number(store.get(name)) || initial);
    const current = () => Number($(id).getAttribute("aria-valuenow"));
    $(id).addEventListener("pointerdown", (down) => {
      const before = current();
      $(id).setPointerCapture(down.pointerId);
      const move = (event) => set(before + sign * (event.clientX - down.clientX));
      $(id).addEventListener("pointermove", move);
      $(id).addEventListener("pointerup", () => $(id).removeEventListener("pointermove", move), { once: true });
    });
    $(id).addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -20, ArrowRight: 20 }[event.key];
      if (by) set(current() + sign * by);
    });
  }
}

/** The system's colours, or those that were chosen. */
export function theme(changed) {
  const root = document.documentElement;
  const order = ["", "light", "dark"];
  const set = (value) => {
    if (value) root.dataset.theme = value;
    else delete root.dataset.theme;
    store.set("theme", value);
    changed();
  };
  set(order.includes(store.get("theme")) ? store.get("theme") : "");
  $("theme").addEventListener("click", () => set(order[(order.indexOf(root.dataset.theme ?? "") + 1) % 3]));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}
