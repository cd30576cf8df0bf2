// The form that bids: the next amounts on buttons, one's own amount, the confirmation of a big jump, and the answer.

import { placeBid } from "../shared/api.js";
import { byId, setText } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { parseFen, readYuan, withFee, yuan, yuanShort } from "../shared/money.js";
import { problemText } from "../shared/problems.js";
import { BidButton } from "./bid_button.js";
import { BidResult } from "./bid_result.js";
import { isBigJump, maximumBid, quickBids } from "./increments.js";

const BUTTONS = 3;
const LONG_FEN = 1_000_000_000;
const RETRIED = ["bid-too-low", "off-grid"];

/** Switch a button off or on. The one that has the focus keeps it: who bids by keyboard goes on from where they were. */
function setOff(button, off) {
  button.setAttribute("aria-disabled", off ? "true" : "false");
  button.disabled = off && document.activeElement !== button;
}

/** A button that was left while it was off can no longer be reached. */
function disableOnBlur(button) {
  button.addEventListener("blur", () => {
    if (button.getAttribute("aria-disabled") === "true") button.disabled = true;
  });
}

const isOver = (facts) => ["closed", "void"].includes(facts?.status);

/**
 * Bids on one lot, over the live channel that `channel()` gives or by HTTP, and keeps the receipts; `announce(text)` tells
 * screen readers what is wrong with an amount.
 */
export class BidForm {
  #lotId;
  #lot;
  #announce;
  #receipts;
  #channel;
  #facts = null;
  #online = true;
  #leading = false;
  #limitFen = null;
  #busy = false;
  #steps = [];
  #retry = null;
  #result;

  constructor({ lotId, lot, announce, receipts = null, channel = () => null }) {
    this.#channel = channel;
    this.#lotId = lotId;
    this.#lot = lot;
    this.#announce = announce;
    this.#receipts = receipts;
    this.#result = new BidResult(byId("outcome"));
    disableOnBlur(byId("own-bid"));
    byId("end-at-cap").addEventListener("click", () => this.#endAtCap());
    byId("bid-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#bidOwn();
    });
    byId("own-amount").addEventListener("input", () => {
      this.#showMistake("");
      this.#showOwnTotal();
    });
  }

  /** Whether this bidder leads, as last set. */
  get leading() {
    return this.#leading;
  }

  /** Whether the live channel is there: without it the price may be old, so bidding waits. */
  setOnline(online) {
    this.#online = online;
    if (this.#facts) setText(byId("own-hint"), this.#hint(this.#facts));
    this.#enable();
  }

  setLeading(leading) {
    this.#leading = leading;
    this.#enable();
  }

  /** A bid of the feed: whether it went higher than the one that was accepted here. */
  showBid(bid) {
    this.#result.showBid(bid);
  }

  /** The most that this bidder may bid on the lot, in fen; null without a limit. */
  setLimit(limitFen) {
    if (limitFen === this.#limitFen) return;
    this.#limitFen = limitFen;
    if (this.#facts) this.show(this.#facts);
  }

  /** Show the amounts that follow from the newest facts of the lot. */
  show(facts) {
    this.#facts = facts;
    if (document.activeElement !== byId("own-amount") || !byId("own-amount").value) {
      byId("own-amount").placeholder = yuan(facts.minimum_fen);
    }
    setText(byId("own-hint"), this.#hint(facts));
    this.#showAmounts(facts);
    this.#result.showState(facts);
    // what was asked cannot be answered any more
    if (facts.status !== "open" && byId("confirm").open) byId("confirm").close("no");
    this.#enable();
  }

  /** Say what came of a bid, of a registration or of a deposit; `tone` is good, bad, warn or "". After the end the
   * outcome of the lot is what counts, and an answer that comes late is not shown. */
  tell(tone, text) {
    this.#retry = null;
    if (!isOver(this.#facts)) this.#result.tell(tone, text);
  }

  /** Take back what was said, and the retry with it. */
  clear() {
    this.#retry = null;
    this.#result.clear();
  }

  /** Why no bid can be made now, or the least that can be bid. */
  #hint({ status, minimum_fen: minimum }) {
    if (!this.#online) return t("lot.offline-wait");
    if (status === "frozen") return t("lot.frozen-wait");
    return this.#waits() ? t("lot.leading-wait") : t("lot.minimum", { amount: yuan(minimum) });
  }

  get #feeBps() {
    return this.#lot.terms.settlement.buyer_fee_bps;
  }

  #button(attributes) {
    const button = new BidButton({ feeBps: this.#feeBps, bid: (amount) => this.#bid(amount), ...attributes });
    disableOnBlur(button.root);
    return button;
  }

  /** The amounts on the buttons; a button that is being pressed keeps its own. */
  #showAmounts(facts) {
    const host = byId("steps");
    if (this.#steps.length === 0) {
      this.#steps = Array.from({ length: BUTTONS }, () => this.#button({ class: "button main" }));
      host.replaceChildren(...this.#steps.map((button) => button.root));
    }
    host.dataset.length = facts.minimum_fen >= LONG_FEN ? "long" : "short";
    const amounts = quickBids(this.#lot.terms, facts, this.#limitFen);
    for (const [place, button] of this.#steps.entries()) {
      // a place without an amount stays empty, so that no button moves under a finger
      button.root.dataset.empty = place < amounts.length ? "no" : "yes";
      if (place >= amounts.length) continue;
      const raise = { amount: yuanShort(amounts[place] - facts.price_fen) };
      button.show(amounts[place], t(facts.price_fen ? "lot.raise" : "lot.raise-first", raise));
    }
    if (this.#retry && facts.seq >= this.#retry.atSeq) this.#retry.button.show(facts.minimum_fen, t("lot.bid"));
    this.#showOwnTotal();
  }

  /** What the typed amount would come to with the buyer's fee. */
  #showOwnTotal() {
    const amount = this.#feeBps ? parseFen(byId("own-amount").value) : null;
    const total = amount && yuan(withFee(amount, this.#feeBps));
    setText(byId("own-total"), amount ? t("lot.price-with-fee", { total, percent: this.#feeBps / 100 }) : "");
  }

  #enable() {
    const ready = this.#isReady();
    const buttons = [...this.#steps, ...(this.#retry ? [this.#retry.button] : [])].map((button) => button.root);
    for (const button of buttons) setOff(button, !ready || button.dataset.empty === "yes");
    setOff(byId("own-bid"), !ready);
    const cap = this.#capToEndAt();
    byId("end-at-cap").hidden = cap === null;
    if (cap !== null) setText(byId("end-at-cap"), t("lot.end-at-cap", { amount: yuanShort(cap) }));
  }

  /** The cap where the leader of open bidding may bid it, which ends the lot; else null. */
  #capToEndAt() {
    const { terms } = this.#lot;
    const isTheirs = this.#waits() && this.#online && !this.#busy && this.#facts?.status === "open";
    if (!isTheirs || !terms.cap_fen) return null;
    return maximumBid(terms, this.#facts, this.#limitFen) === terms.cap_fen ? terms.cap_fen : null;
  }

  /** Whoever leads ends the lot at its cap; it is always asked whether they mean it. */
  async #endAtCap() {
    const cap = this.#capToEndAt();
    if (cap === null || !(await this.confirmed(cap, { text: "lot.confirm-cap" })) || this.#capToEndAt() === null)
      return;
    await this.#send(cap, {});
  }

  #isReady() {
    return this.#online && !this.#busy && !this.#waits() && this.#facts?.status === "open";
  }

  /** In open bidding nobody bids against themselves. */
  #waits() {
    return this.#leading && this.#lot.terms.bidding === "direct";
  }

  #bidOwn() {
    const { fen, mistake } = readYuan(byId("own-amount").value);
    if (mistake) {
      this.#showMistake(t(`amount.${mistake}`));
      return;
    }
    this.#bid(fen, { own: true });
  }

  async #bid(amount, { own = false } = {}) {
    if (!this.#isReady()) return;
    this.#showMistake("");
    const { price_fen: priceFen } = this.#facts;
    if (isBigJump(amount, priceFen, this.#lot.terms.start_price_fen) && !(await this.confirmed(amount))) return;
    if (!this.#isReady()) return;
    // the retry goes with the answer that offered it
    if (this.#retry && document.activeElement === this.#retry.button.root) this.#steps[0].root.focus();
    await this.#send(amount, { own });
  }

  async #send(amount, { own = false }) {
    this.#busy = true;
    this.#enable();
    this.tell("", t("lot.sending", { amount: yuan(amount) }));
    try {
      const receipt = await placeBid(this.#lotId, { amount_fen: amount }, { channel: this.#channel() });
      this.#receipts?.keep(receipt);
      if (own) {
        byId("own-amount").value = "";
        this.#showOwnTotal();
      }
      if (!isOver(this.#facts)) this.#result.accept(receipt);
    } catch (problem) {
      const unknown = problem.code === "outcome-unknown";
      this.tell(unknown ? "warn" : "bad", problemText(problem, { amount: yuan(amount) }));
      if (RETRIED.includes(problem.code)) this.#offerRetry(problem.facts);
    } finally {
      this.#busy = false;
      this.#enable();
    }
  }

  /** A refused amount is bid again in one tap, at the least that would be accepted now. */
  #offerRetry({ minimum_fen: minimum, at_seq: atSeq }) {
    if (isOver(this.#facts)) return;
    const button = this.#button({ class: "button main wide", "data-retry": "yes" });
    this.#retry = { button, atSeq };
    const newer = this.#facts.seq > atSeq;
    button.show(newer ? this.#facts.minimum_fen : minimum, t("lot.bid"));
    byId("outcome").append(button.root);
  }

  /** Ask whether that amount (fen) is meant; the words are names of texts. */
  confirmed(amount, { text = "lot.confirm-text", yes = "lot.confirm-yes" } = {}) {
    const dialog = byId("confirm");
    byId("confirm-text").textContent = t(text, {
      amount: yuan(amount),
      price: yuan(this.#facts.price_fen || this.#lot.terms.start_price_fen),
    });
    const fee = { percent: this.#feeBps / 100, total: yuan(withFee(amount, this.#feeBps)) };
    setText(byId("confirm-fee"), this.#feeBps ? t("lot.confirm-fee", fee) : "");
    byId("confirm-yes").textContent = t(yes, { amount: yuanShort(amount) });
    dialog.returnValue = "no";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    });
  }

  #showMistake(text) {
    const wrong = byId("own-wrong");
    wrong.hidden = !text;
    wrong.textContent = text;
    byId("own-amount").setAttribute("aria-invalid", text ? "true" : "false");
    if (!text) return;
    this.#result.clearMistake();
    this.#retry = null;
    this.#announce(text);
  }
}
