// The receipts of this browser's accepted bids on a lot: what a bidder holds to prove a bid that a fault lost.

const KEPT_MAX = 200;
const PARTS = ["seq", "amount_fen", "at_ms", "receipt"];

/** The receipts of one bidder on one lot, kept in the browser; nothing where it keeps nothing. */
export class Receipts {
  #name;

  constructor(lotId, subject) {
    this.#name = `auction.receipts:${subject}:${lotId}`;
  }

  /** Keep what an accepted bid was answered with; of many, the newest. */
  keep(answer) {
    const kept = this.all().filter(({ seq }) => seq !== answer.seq);
    kept.push(Object.fromEntries(PARTS.map((part) => [part, answer[part]])));
    try {
      localStorage.setItem(this.#name, JSON.stringify(kept.slice(-KEPT_MAX)));
    } catch {
      // a browser that stores nothing, or no more: the bid stands all the same
    }
  }

  /** The kept receipts, the oldest first. */
  all() {
    try {
      const kept = JSON.parse(localStorage.getItem(this.#name) ?? "[]");
      return Array.isArray(kept) ? kept : [];
    } catch {
      return [];
    }
  }
}
