// Says on the lot page, until the lot is over, that it goes on after a fault and whether bids were lost.

import { setText } from "../shared/element.js";
import { joinSentences, t } from "../shared/i18n.js";

/** A lot that was restored goes on at a multiple of this, which no other lot reaches (auction/domain/recovery.py). */
const SEQ_STEP = 1_000_000;

/** Whether a lot was restored, as its seq tells also to who comes later. */
export const wasRestored = ({ seq }) => seq >= SEQ_STEP;

/** The notice in `root`; `announce(text)` tells screen readers. */
export class RestoredNotice {
  #root;
  #announce;
  #missing = null;

  constructor(root, announce) {
    this.#root = root;
    this.#announce = announce;
  }

  /** The lot was restored: `missing` lists the seqs that were lost, [[first, last], ...]. */
  restored({ missing }) {
    this.#missing = missing;
    this.#announce(this.#text());
    this.#render();
  }

  /** Take the newest facts. */
  show(facts) {
    this.#root.hidden = !wasRestored(facts) || ["frozen", "closed", "void"].includes(facts.status);
    this.#render();
  }

  #render() {
    setText(this.#root, this.#text());
  }

  #text() {
    return joinSentences([t("lot.restored"), this.#lost()]);
  }

  #lost() {
    if (this.#missing === null) return t("lot.restored-unknown");
    if (!this.#missing.length) return t("lot.restored-none");
    const count = this.#missing.reduce((sum, [first, last]) => sum + last - first + 1, 0);
    const range = this.#missing.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(", ");
    return t("lot.restored-lost", { count, range });
  }
}
