// The live list of bids, newest first, bounded: what scrolled far away is dropped.

import { element } from "../shared/element.js";
import { t, timeOfDay } from "../shared/i18n.js";
import { yuan } from "../shared/money.js";

const ROWS_MAX = 200;

export class BidList {
  #rows;
  #empty;
  #yours = 0;
  /** Seq of each bid that stands -> the paddle that made it, of all bids and not of the rows alone. */
  #paddles = new Map();
  lastSeq = 0;

  constructor(rows, empty) {
    this.#rows = rows;
    this.#empty = empty;
  }

  /** Start again from these bids, oldest first. */
  reset(bids) {
    this.lastSeq = bids.at(-1)?.seq ?? 0;
    this.#paddles = new Map(bids.filter((bid) => !bid.voided).map((bid) => [bid.seq, bid.paddle]));
    this.#rows.replaceChildren(
      ...bids
        .slice(-ROWS_MAX)
        .reverse()
        .map((bid) => this.#row(bid)),
    );
    this.#empty.hidden = bids.length > 0;
  }

  /** Add one that came live; false where the list has it. */
  add(bid) {
    if (bid.seq <= this.lastSeq) return false;
    this.lastSeq = bid.seq;
    this.#paddles.set(bid.seq, bid.paddle);
    this.#rows.prepend(this.#row(bid));
    this.#empty.hidden = true;
    while (this.#rows.childElementCount > ROWS_MAX) this.#rows.lastElementChild.remove();
    return true;
  }

  /** Whether a bid of this paddle stands. */
  hasBidOf(paddle) {
    return [...this.#paddles.values()].includes(paddle);
  }

  void(seq) {
    this.#paddles.delete(seq);
    const row = this.#rows.querySelector(`[data-seq="${Number(seq)}"]`);
    row?.classList.add("voided");
    row?.append(element("span", { class: "unseen" }, t("lot.voided")));
  }

  /** Mark the bids of this paddle as the visitor's own. */
  markYours(paddle) {
    if (!paddle || paddle === this.#yours) return;
    this.#yours = paddle;
    for (const row of this.#rows.children) {
      if (Number(row.dataset.paddle) === paddle) this.#mark(row);
    }
  }

  #row(bid) {
    const row = element(
      "li",
      { "data-seq": bid.seq, "data-paddle": bid.paddle, class: bid.voided ? "voided" : null },
      element("span", { class: "paddle" }, t("lot.paddle", { paddle: bid.paddle })),
      element("span", { class: "amount" }, `¥${yuan(bid.amount_fen)}`),
      element("span", { class: "when" }, timeOfDay(bid.at_ms)),
    );
    if (bid.paddle === this.#yours) this.#mark(row);
    return row;
  }

  #mark(row) {
    row.classList.add("yours");
    row.querySelector(".paddle").textContent = t("lot.paddle-you", { paddle: row.dataset.paddle });
  }
}
