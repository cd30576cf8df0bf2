// Says on the lot page that a lot goes on after a fault and whether bids were lost, and that its result is reviewed.

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
  #facts = { seq: 0, status: "" };
  #stage = null;

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
    this.#facts = facts;
    this.#render();
  }

  /** The lot is over: until the award is made (`stage` is no longer sold) the result may be under review. */
  ended({ stage }) {
    this.#stage = stage;
    this.#render();
  }

  #render() {
    const isOver = ["closed", "void"].includes(this.#facts.status);
    const isShown = isOver ? this.#stage === "sold" : this.#facts.status !== "frozen";
    this.#root.hidden = !(wasRestored(this.#facts) && isShown);
    setText(this.#root, this.#text());
  }

  #text() {
    if (this.#facts.status === "closed") return t("lot.restored-review");
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
