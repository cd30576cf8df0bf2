// The lots that are selected, and what may be done with all of them at once.

import { byId, element } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { formatCount } from "../shared/staff_text.js";
import { bulkAct, confirmRequests, requestsOfOthers } from "./bulk_acts.js";
import { BULK_ACTS } from "./bulk_fields.js";

/**
 * `lots()` gives the lots that are shown, `get(id)` one of them, `pending(id)` the act on it that waits; `me` is who is
 * signed in; `changed()` is called once something else is selected, `done(lots)` after acts.
 */
export class Selection {
  #ids = new Set();
  #facts;
  #bar;
  #drawn = "";
  #busy = false;

  constructor(bar, facts) {
    this.#bar = bar;
    this.#facts = facts;
  }

  has(lotId) {
    return this.#ids.has(lotId);
  }

  toggle(lotId, on) {
    if (on) this.#ids.add(lotId);
    else this.#ids.delete(lotId);
    this.#facts.changed();
  }

  /** Select all lots that are shown; where they all are already, none. */
  toggleAll() {
    const shown = this.#facts.lots().map((lot) => lot.lot_id);
    const all = shown.every((id) => this.#ids.has(id));
    for (const id of shown) {
      if (all) this.#ids.delete(id);
      else this.#ids.add(id);
    }
    this.#facts.changed();
  }

  clear() {
    this.#ids.clear();
    this.#facts.changed();
  }

  get #lots() {
    return [...this.#ids].map((id) => this.#facts.get(id)).filter(Boolean);
  }

  /** Show the bar with what may be done now. */
  show() {
    const lots = this.#lots;
    const requests = requestsOfOthers(lots, this.#facts.pending, this.#facts.me());
    const offered = BULK_ACTS.map((act) => [act.name, lots.filter((lot) => act.statuses.includes(lot.status)).length]);
    const key = JSON.stringify([lots.length, offered, requests.map((one) => [one.words, one.lots.length]), this.#busy]);
    if (key === this.#drawn) return;
    this.#drawn = key;
    const focused = this.#bar.contains(document.activeElement) ? document.activeElement.id : null;
    this.#bar.hidden = lots.length === 0;
    this.#bar.replaceChildren(
      element("strong", { id: "selected" }, t("ops.bulk.selected", { n: formatCount(lots.length) })),
      ...offered
        .filter(([, count]) => count)
        .map(([name, count]) =>
          this.#button(`bulk-${name}`, t(`ops.bulk.act.${name}`, { count: formatCount(count) }), () => this.#act(name)),
        ),
      ...requests.map((one, index) =>
        this.#button(
          `bulk-confirm-${index}`,
          t("ops.bulk.confirm", { act: one.words, count: formatCount(one.lots.length) }),
          () => this.#run(() => confirmRequests(one)),
        ),
      ),
      this.#button("bulk-clear", t("ops.bulk.clear"), () => this.clear()),
    );
    if (focused) (document.getElementById(focused) ?? byId("bulk-clear")).focus({ preventScroll: true });
  }

  #button(id, words, onclick) {
    return element("button", { class: "button small", type: "button", id, disabled: this.#busy, onclick }, words);
  }

  #act(name) {
    const act = BULK_ACTS.find((one) => one.name === name);
    const chosen = this.#lots;
    const lots = chosen.filter((lot) => act.statuses.includes(lot.status));
    return this.#run(() => bulkAct(act, lots, chosen.length - lots.length));
  }

  /** Do it; what was refused stays selected, so that it can be tried again. */
  async #run(work) {
    this.#busy = true;
    this.show();
    let results = null;
    try {
      results = await work();
    } finally {
      this.#busy = false;
    }
    for (const one of results ?? []) if (one.outcome !== "refused") this.#ids.delete(one.lot_id);
    if (results) this.#facts.done(results.map((one) => one.lot).filter(Boolean));
    this.#facts.changed();
  }
}
