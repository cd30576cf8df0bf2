// What came of the visitor's last bid, in a place of its own: it stays until the next one, and says who went higher.

import { element } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { yuan } from "../shared/money.js";

const SEEN_MAX = 200;

export class BidResult {
  #root;
  #seen = [];
  #receipt = null;
  #tone = "";

  constructor(root) {
    this.#root = root;
  }

  /** Say what came of a bid, of a registration or of a deposit; `tone` is good, bad, warn or "". */
  tell(tone, text) {
    this.#receipt = null;
    this.#render(tone, text);
  }

  /** A bid was accepted: its receipt. Bids that came before the answer count too. */
  accept(receipt) {
    this.#receipt = receipt;
    const behind = receipt.price_fen === receipt.amount_fen ? "lot.accepted-answered" : "lot.accepted-behind";
    const words = receipt.leading ? "lot.accepted" : behind;
    this.#render("good", t(words, { amount: yuan(receipt.amount_fen), price: yuan(receipt.price_fen) }));
    if (receipt.leading) this.#showOvertaking();
  }

  /** A bid of the feed: {seq, paddle, at_ms, leading}. */
  showBid(bid) {
    this.#seen.push(bid);
    if (this.#seen.length > SEEN_MAX) this.#seen.shift();
    if (this.#receipt?.leading) this.#showOvertaking();
  }

  /** The newest state of the lot, which may show that the lead is lost before the bid that took it is seen. */
  showState({ seq, leader }) {
    const receipt = this.#receipt;
    if (!receipt?.leading || !(seq > receipt.seq) || leader === receipt.paddle || this.#overtaking()) return;
    this.#render("warn", t("lot.accepted-before", { amount: yuan(receipt.amount_fen) }));
  }

  /** Something else is wrong now: an older refusal is not shown beside it. */
  clearMistake() {
    if (this.#tone === "bad") this.clear();
  }

  clear() {
    this.#receipt = null;
    this.#tone = "";
    this.#root.replaceChildren();
  }

  #overtaking() {
    const { seq, paddle } = this.#receipt;
    return this.#seen.find((bid) => bid.seq > seq && bid.leading && bid.paddle !== paddle);
  }

  #showOvertaking() {
    const bid = this.#overtaking();
    if (!bid) return;
    const { amount_fen: amountFen, at_ms: atMs } = this.#receipt;
    const seconds = (Math.max(0, bid.at_ms - atMs) / 1000).toFixed(1);
    this.#render("warn", t("lot.accepted-overtaken", { amount: yuan(amountFen), paddle: bid.paddle, seconds }));
  }

  #render(tone, text) {
    this.#tone = tone;
    if (this.#root.children[0]?.textContent === text) return;
    this.#root.replaceChildren(element("p", { class: `notice ${tone}` }, text));
  }
}
