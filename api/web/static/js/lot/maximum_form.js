// Automatic bidding in a direct lot: sets, raises, lowers and withdraws this bidder's own maximum, which nobody else sees.

import { placeBid } from "../shared/api.js";
import { byId, setText } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { readYuan, yuan } from "../shared/money.js";
import { problemText } from "../shared/problems.js";
import { isBigJump } from "./increments.js";

/**
 * `channel()` gives the live channel or null; `tell(tone, text)` says what came of it, `confirmed(amount, words)` asks, and
 * `announce(text)` tells screen readers what is wrong with an amount.
 */
export class MaximumForm {
  #lotId;
  #lot;
  #channel;
  #receipts;
  #tell;
  #confirmed;
  #announce;
  #facts = null;
  #ownFen = null;
  #online = true;
  #isRegistered = false;
  #busy = false;

  constructor({ lotId, lot, channel, receipts, tell, confirmed, announce }) {
    this.#lotId = lotId;
    this.#lot = lot;
    this.#channel = channel;
    this.#receipts = receipts;
    this.#tell = tell;
    this.#confirmed = confirmed;
    this.#announce = announce;
    byId("maximum-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#set();
    });
    byId("maximum-amount").addEventListener("input", () => this.#showMistake(""));
    byId("maximum-withdraw").addEventListener("click", () => this.#withdraw());
  }

  /** Whether the live channel is there: without it the price may be old, so bidding waits. */
  setOnline(online) {
    this.#online = online;
    this.#render();
  }

  /** Show what follows from the newest facts of the lot; `isRegistered`: whether this bidder may bid on it. */
  show(facts, isRegistered) {
    this.#facts = facts;
    this.#isRegistered = isRegistered;
    // a maximum that was bid in full is none any more
    if (this.#ownFen !== null && this.#ownFen <= facts.price_fen) this.#ownFen = null;
    this.#render();
  }

  /** The maximum that stands, in fen; null where this bidder has none. */
  setOwn(maximumFen) {
    this.#ownFen = maximumFen;
    this.#render();
  }

  #render() {
    const status = this.#facts?.status;
    const isOpen = status === "open";
    byId("maximum-form").hidden =
      !this.#lot.terms.auto_bids || !this.#isRegistered || !["open", "paused", "held"].includes(status);
    const own = byId("maximum-own");
    own.hidden = this.#ownFen === null;
    if (this.#ownFen !== null) setText(byId("maximum-own-text"), t("lot.maximum-own", { amount: yuan(this.#ownFen) }));
    setText(byId("maximum-set"), t(this.#ownFen === null ? "lot.maximum-set" : "lot.maximum-change"));
    for (const id of ["maximum-set", "maximum-withdraw"]) {
      byId(id).setAttribute("aria-disabled", this.#busy || !this.#online || !isOpen ? "true" : "false");
      byId(id).disabled = this.#busy || !this.#online || !isOpen;
    }
  }

  async #set() {
    const { fen, mistake } = readYuan(byId("maximum-amount").value);
    if (mistake) {
      this.#showMistake(t(`amount.${mistake}`));
      return;
    }
    const { price_fen: priceFen } = this.#facts;
    if (isBigJump(fen, priceFen, this.#lot.terms.start_price_fen)) {
      const words = { text: "lot.confirm-maximum", yes: "lot.confirm-maximum-yes" };
      if (!(await this.#confirmed(fen, words))) return;
    }
    if (await this.#send(fen)) byId("maximum-amount").value = "";
  }

  #withdraw() {
    return this.#send(0);
  }

  /** Send a maximum, 0 to withdraw the one that stands; whether it was accepted. */
  async #send(fen) {
    if (this.#busy) return false;
    this.#busy = true;
    this.#render();
    this.#showMistake("");
    try {
      const receipt = await placeBid(this.#lotId, { maximum_fen: fen }, { channel: this.#channel() });
      if (fen) this.#receipts?.keep(receipt);
      this.#accept(receipt);
      return true;
    } catch (problem) {
      const isUnknown = problem.code === "outcome-unknown";
      this.#tell(isUnknown ? "warn" : "bad", problemText(problem, { amount: yuan(fen) }));
      return false;
    } finally {
      this.#busy = false;
      this.#render();
    }
  }

  #accept({ amount_fen: amountFen, price_fen: priceFen, leading }) {
    const facts = { amount: yuan(amountFen), price: yuan(priceFen) };
    const kept = amountFen ? "lot.maximum-accepted" : "lot.maximum-withdrawn";
    const words = leading ? kept : "lot.maximum-passed";
    this.#ownFen = leading && amountFen > priceFen ? amountFen : null;
    this.#tell(leading ? "good" : "warn", t(words, facts));
  }

  #showMistake(text) {
    const wrong = byId("maximum-wrong");
    wrong.hidden = !text;
    wrong.textContent = text;
    byId("maximum-amount").setAttribute("aria-invalid", text ? "true" : "false");
    if (text) this.#announce(text);
  }
}
