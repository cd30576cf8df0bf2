// Keys of the staff page, told in a line below the list; whoever types, or has a dialog open, is left alone.

import { element } from "../shared/element.js";
import { t } from "../shared/i18n.js";

const OFF = "auction-ops-shortcuts-off";
const NAMES = ["/", "j", "k", "x", "a", "p", "r", "e", "Escape", "?"];

const isTyping = (target) => target.matches?.("input:not([type=checkbox]), textarea, select, [contenteditable]");

function isOff() {
  try {
    return localStorage.getItem(OFF) === "yes";
  } catch {
    return false;
  }
}

function remember(off) {
  try {
    if (off) localStorage.setItem(OFF, "yes");
    else localStorage.removeItem(OFF);
  } catch {
    // a browser that keeps nothing keeps them for this visit
  }
}

/** Listen for keys; `does` has a function for each name. `host` shows them, and lets them be turned off. */
export function listenForShortcuts(host, does) {
  let off = isOff();
  const list = element(
    "dl",
    { class: "keys", id: "keys", hidden: true },
    NAMES.map((name) =>
      element(
        "div",
        {},
        element("dt", {}, element("kbd", {}, name === "Escape" ? "Esc" : name)),
        element("dd", {}, t(`ops.key.${name}`)),
      ),
    ),
  );
  const show = element("button", { class: "button small", type: "button", id: "show-keys", "aria-expanded": "false" });
  const turn = element("button", { class: "button small", type: "button", id: "turn-keys" });

  function arrange() {
    show.textContent = t("ops.keys");
    show.setAttribute("aria-expanded", String(!list.hidden));
    turn.textContent = t(off ? "ops.keys.on" : "ops.keys.off");
    turn.hidden = list.hidden;
  }

  function toggle() {
    list.hidden = !list.hidden;
    arrange();
  }

  show.addEventListener("click", toggle);
  turn.addEventListener("click", () => {
    off = !off;
    remember(off);
    arrange();
  });
  host.replaceChildren(element("div", { class: "row" }, show, turn), list);
  arrange();

  document.addEventListener("keydown", (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing;
    if (off || !plain || document.querySelector("dialog[open]")) return;
    if (isTyping(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const work = event.key === "?" ? toggle : does[event.key];
    if (!work) return;
    event.preventDefault();
    work();
  });
}
