// The bid box: registration, the next amounts, one's own amount, and the answer to every bid in plain words.

import { get, placeBid } from "../shared/api.js";
import { byId, element, setText } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { parseFen, withFee, yuan, yuanShort } from "../shared/money.js";
import { problemText } from "../shared/problems.js";
import { depositText } from "../shared/terms_text.js";
import { BidButton } from "./bid_button.js";
import { amountAfterSteps, isBigJump } from "./increments.js";
import { canTopUp, registerForLot, registrationForm, topUpForm } from "./registration.js";

const RAISES = [1, 5, 10];
const RETRIED = ["bid-too-low", "off-grid"];

export class BidBox {
  #lotId;
  #lot;
  #who;
  #provider;
  #announce;
  #whenRegistered;
  #facts = null;
  #registration = null;
  #waiting = false;
  #refusal = "";
  #you = null;
  #busy = false;
  #online = true;
  #leading = false;
  #steps = [];
  #retry = null;
  #outcome = null;

  constructor({ lotId, lot, who, provider, announce, registered: whenRegistered }) {
    this.#lotId = lotId;
    this.#lot = lot;
    this.#who = who;
    this.#provider = provider;
    this.#announce = announce;
    this.#whenRegistered = whenRegistered;
    byId("bid-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#bidOwn();
    });
    byId("own-amount").addEventListener("input", () => {
      this.#wrong("");
      this.#ownTotal();
    });
  }

  async start() {
    if (this.#who?.role === "bidder") {
      const mine = await get("/me/registrations").catch(() => ({ registrations: [] }));
      this.#registration = mine.registrations.find((found) => found.lot_id === this.#lotId) ?? null;
      if (!this.#registration) await this.#resume();
    }
    this.#gate();
  }

  /** A deposit that was being decided on when the page was left is seen through. */
  async #resume() {
    const mine = await get("/me/deposits").catch(() => ({ deposits: [] }));
    const pending = mine.deposits.find((one) => one.lot_id === this.#lotId && one.status === "pending");
    if (pending) this.#register({ accept_terms: true });
  }

  /** Whether the live channel is there: without it the price may be old, so bidding waits. */
  connected(online) {
    this.#online = online;
    this.#enable();
  }

  show(facts) {
    const changed = this.#facts?.status !== facts.status;
    this.#facts = facts;
    if (changed) this.#gate();
    if (!this.#registration) return;
    if (document.activeElement !== byId("own-amount") || !byId("own-amount").value) {
      byId("own-amount").placeholder = yuan(facts.minimum_fen);
    }
    // the lead may pass before the word of it comes: the price tells as well
    this.#lead(this.#registration.paddle === facts.leader);
    byId("own-hint").textContent = this.#waits()
      ? t("lot.leading-wait")
      : t("lot.minimum", { amount: yuan(facts.minimum_fen) });
    this.#showAmounts(facts);
    this.#enable();
  }

  /** What the end of the lot means to this bidder, as `outcomeOf` gives it: the way to pay, or to answer an offer. */
  showOutcome(outcome) {
    this.#outcome = outcome;
    this.#gate();
  }

  /** The paddle on this lot; null where not registered. */
  get paddle() {
    return this.#registration?.paddle ?? null;
  }

  /** How this bidder stands while bidding goes on: {leading, paddle, limit_fen, outbid_by}. */
  standing(you) {
    const box = byId("standing");
    this.#you = you;
    box.hidden = !you.paddle || this.#isOver();
    if (box.hidden) return;
    this.#lead(you.leading);
    this.#enable();
    box.dataset.leading = you.leading ? "yes" : you.outbid_by ? "outbid" : "no";
    const purse = this.#registration?.purse_fen;
    const limit = you.limit_fen
      ? t("lot.limit", { limit: yuanShort(you.limit_fen) })
      : purse
        ? t("registration.purse", { purse: yuanShort(purse) })
        : "";
    const words = you.leading
      ? t("lot.you-lead", { paddle: you.paddle })
      : you.outbid_by
        ? t("lot.outbid", { paddle: you.outbid_by })
        : t("lot.your-paddle", { paddle: you.paddle });
    box.replaceChildren(element("strong", {}, words), element("span", { class: "numbers" }, limit));
  }

  #isOver() {
    return ["closed", "void"].includes(this.#facts?.status ?? this.#lot.status);
  }

  #gate() {
    const gate = byId("gate");
    const status = this.#facts?.status ?? this.#lot.status;
    const over = this.#isOver();
    const form = byId("bid-form");
    form.hidden = !this.#registration || over || status === "draft" || status === "scheduled";
    if (over) {
      byId("standing").hidden = true;
      byId("outcome").replaceChildren();
      gate.replaceChildren(...this.#nextAction());
    } else if (status === "draft") gate.replaceChildren(element("p", { class: "soft" }, t("lot.not-announced")));
    else if (!this.#who) gate.replaceChildren(...this.#signInFirst());
    else if (this.#who.role !== "bidder")
      gate.replaceChildren(element("p", { class: "soft" }, t("lot.staff-cannot-bid")));
    else if (this.#waiting)
      gate.replaceChildren(
        element("p", { class: "notice", id: "deposit-waits", role: "status" }, t("lot.deposit-waits")),
      );
    else if (!this.#registration)
      gate.replaceChildren(registrationForm(this.#lot, this.#provider, (body) => this.#register(body), this.#refusal));
    else if (status === "scheduled")
      gate.replaceChildren(element("p", { class: "notice good" }, this.#registeredWords()));
    else gate.replaceChildren();
    this.#more(status);
  }

  /** After the end: the way to the payment or to the offer, where there is one. */
  #nextAction() {
    const { action, title, tone, paddle } = this.#outcome ?? {};
    if (!action) return [element("p", { class: "soft" }, t("lot.bidding-over"))];
    return [
      element("p", { class: `notice ${tone}` }, t(title, { paddle })),
      element(
        "a",
        { class: "button main wide", id: "to-me", href: "/me", "data-action": action },
        t(`outcome.action.${action}`),
      ),
    ];
  }

  /** The way to a higher limit, where there is one; an open form stays as it is. */
  #more(status) {
    const place = byId("more");
    const possible = canTopUp(this.#lot, this.#registration, status);
    if (!possible) place.replaceChildren();
    else if (!place.childElementCount) {
      place.replaceChildren(
        topUpForm({
          lotId: this.#lotId,
          lot: this.#lot,
          registration: this.#registration,
          provider: this.#provider,
          raised: (answer) => this.#raised(answer),
        }),
      );
    }
  }

  /** A higher deposit is held: what it allows is shown at once. */
  #raised(answer) {
    const { limit_fen: limit, purse_fen: purse, held_fen: held } = answer;
    this.#registration = {
      ...this.#registration,
      limit_fen: limit,
      purse_fen: purse,
      deposit: { ...this.#registration.deposit, held_fen: held },
    };
    byId("more").replaceChildren();
    this.#gate();
    this.standing({ leading: this.#leading, ...this.#you, paddle: this.#registration.paddle, limit_fen: limit });
    if (this.#facts) this.show(this.#facts);
    const words =
      purse !== null
        ? t("registration.purse", { purse: yuanShort(purse) })
        : t(limit === null ? "registration.no-limit" : "lot.limit", { limit: yuanShort(limit ?? 0) });
    this.#tell("good", t("top-up.done", { words }));
    this.#announce(words);
  }

  /** Register, however long the payment provider takes. */
  async #register(body) {
    this.#refusal = "";
    try {
      this.#registration = await registerForLot(this.#lotId, body, () => {
        if (this.#waiting) return;
        this.#waiting = true;
        this.#gate();
      });
      this.#waiting = false;
      this.#gate();
      if (this.#facts) this.show(this.#facts);
      this.#tell("good", this.#registeredWords());
      this.#whenRegistered();
    } catch (problem) {
      this.#waiting = false;
      this.#refusal = problemText(problem);
      this.#gate();
      this.#announce(this.#refusal);
    }
  }

  #registeredWords() {
    return t("lot.registered", { paddle: this.#registration.paddle });
  }

  #signInFirst() {
    const next = encodeURIComponent(location.pathname);
    const { deposit } = this.#lot.terms;
    const toBid = t("lot.sign-in-to-bid", { deposit: depositText(deposit) });
    return [
      element("p", { class: "soft" }, deposit.policy === "none" ? t("lot.sign-in-without-deposit") : toBid),
      element("a", { class: "button main wide", href: `/sign-in?next=${next}` }, t("lot.sign-in")),
      element("a", { class: "button wide", href: `/sign-up?next=${next}` }, t("lot.sign-up")),
    ];
  }

  get #feeBps() {
    return this.#lot.terms.settlement.buyer_fee_bps;
  }

  #button(attributes) {
    return new BidButton({ feeBps: this.#feeBps, bid: (amount) => this.#bid(amount), ...attributes });
  }

  /** The amounts on the buttons; a button that is being pressed keeps its own. */
  #showAmounts(facts) {
    if (this.#steps.length === 0) {
      this.#steps = RAISES.map((steps) => [steps, this.#button({ class: "button main", "data-steps": steps })]);
      byId("steps").replaceChildren(...this.#steps.map(([, button]) => button.root));
    }
    for (const [steps, button] of this.#steps) {
      const amount = amountAfterSteps(this.#lot.terms, facts.minimum_fen, steps);
      const raise = { amount: yuanShort(amount - facts.price_fen) };
      button.show(amount, t(facts.price_fen ? "lot.raise" : "lot.raise-first", raise));
    }
    if (this.#retry && facts.seq >= this.#retry.atSeq) this.#retry.button.show(facts.minimum_fen, t("lot.bid"));
    this.#ownTotal();
  }

  /** What the typed amount would come to with the buyer's fee. */
  #ownTotal() {
    const amount = this.#feeBps ? parseFen(byId("own-amount").value) : null;
    const total = amount && yuan(withFee(amount, this.#feeBps));
    setText(byId("own-total"), amount ? t("lot.price-with-fee", { total, percent: this.#feeBps / 100 }) : "");
  }

  #enable() {
    const ready = this.#online && !this.#busy && !this.#waits() && this.#facts?.status === "open";
    for (const button of byId("bid-form").querySelectorAll("button")) button.disabled = !ready;
    if (this.#retry) this.#retry.button.root.disabled = !ready;
  }

  /** An answer that said "you lead" must not outlive the lead. */
  #lead(leading) {
    if (this.#leading && !leading) {
      this.#retry = null;
      byId("outcome").replaceChildren();
    }
    this.#leading = leading;
  }

  /** In open bidding nobody bids against themselves. */
  #waits() {
    return this.#leading && this.#lot.terms.bidding === "direct";
  }

  #bidOwn() {
    const amount = parseFen(byId("own-amount").value);
    if (amount === null) {
      this.#wrong(t("lot.not-an-amount"));
      return;
    }
    this.#bid(amount, { own: true });
  }

  async #bid(amount, { own = false } = {}) {
    if (this.#busy || this.#facts?.status !== "open") return;
    if (isBigJump(amount, this.#facts.price_fen, this.#lot.terms.start_price_fen) && !(await this.#confirmed(amount)))
      return;
    this.#busy = true;
    this.#enable();
    this.#tell("", t("lot.sending", { amount: yuan(amount) }));
    try {
      const receipt = await placeBid(this.#lotId, amount);
      if (own) {
        byId("own-amount").value = "";
        this.#ownTotal();
      }
      const words = receipt.leading ? "lot.accepted" : "lot.accepted-behind";
      this.#tell("good", t(words, { amount: yuan(receipt.amount_fen), price: yuan(receipt.price_fen) }));
    } catch (problem) {
      const unknown = problem.code === "outcome-unknown";
      this.#tell(unknown ? "warn" : "bad", problemText(problem, { amount: yuan(amount) }));
      if (RETRIED.includes(problem.code)) this.#offerRetry(problem.facts);
    } finally {
      this.#busy = false;
      this.#enable();
    }
  }

  /** A refused amount is bid again in one tap, at the least that would be accepted now. */
  #offerRetry({ minimum_fen: minimum, at_seq: atSeq }) {
    if (this.#isOver()) return;
    const button = this.#button({ class: "button main wide", "data-retry": "yes" });
    this.#retry = { button, atSeq };
    const newer = this.#facts.seq > atSeq;
    button.show(newer ? this.#facts.minimum_fen : minimum, t("lot.bid"));
    byId("outcome").append(button.root);
  }

  #confirmed(amount) {
    const dialog = byId("confirm");
    byId("confirm-text").textContent = t("lot.confirm-text", {
      amount: yuan(amount),
      price: yuan(this.#facts.price_fen || this.#lot.terms.start_price_fen),
    });
    setText(
      byId("confirm-fee"),
      this.#feeBps
        ? t("lot.confirm-fee", { percent: this.#feeBps / 100, total: yuan(withFee(amount, this.#feeBps)) })
        : "",
    );
    byId("confirm-yes").textContent = t("lot.confirm-yes", { amount: yuanShort(amount) });
    dialog.returnValue = "no";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    });
  }

  #tell(tone, text) {
    this.#retry = null;
    byId("outcome").replaceChildren(element("p", { class: `notice ${tone}` }, text));
  }

  #wrong(text) {
    const wrong = byId("own-wrong");
    wrong.hidden = !text;
    wrong.textContent = text;
    byId("own-amount").setAttribute("aria-invalid", text ? "true" : "false");
    if (text) this.#announce(text);
  }
}
