// The bid box: registration first, then the form that bids, where this bidder stands, and what to do after the end.

import { get } from "../shared/api.js";
import { ConfirmationPanel } from "../shared/confirmation.js";
import { byId, element, setText } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { yuanShort } from "../shared/money.js";
import { signInHref, signUpHref } from "../shared/navigation.js";
import { leastDepositText } from "../shared/terms_text.js";
import { BidForm } from "./bid_form.js";
import { MaximumForm } from "./maximum_form.js";
import { canTopUp, refusalText, registerForLot, registrationForm, topUpForm } from "./registration.js";

export class BidBox {
  #lotId;
  #lot;
  #who;
  #provider;
  #announce;
  #whenRegistered;
  #hasBid;
  #form;
  #maximum;
  #facts = null;
  #registration = null;
  #waiting = false;
  #confirmation = null;
  #panel;
  #toConfirm = null;
  #refusal = "";
  #you = null;
  #outcome = null;

  constructor({ lotId, lot, who, provider, announce, receipts, channel, hasBid, registered: whenRegistered }) {
    this.#lotId = lotId;
    this.#lot = lot;
    this.#who = who;
    this.#provider = provider;
    this.#announce = announce;
    this.#whenRegistered = whenRegistered;
    this.#hasBid = hasBid;
    this.#panel = new ConfirmationPanel({ provider, decided: () => this.#wait(null) });
    this.#form = new BidForm({ lotId, lot, announce, receipts, channel });
    this.#maximum = new MaximumForm({
      lotId,
      lot,
      channel,
      receipts,
      announce,
      tell: (tone, text) => this.#form.tell(tone, text),
      confirmed: (amount, words) => this.#form.confirmed(amount, words),
    });
    this.#maximum.setOwn(lot.my_maximum_fen ?? null);
  }

  async start() {
    if (this.#who?.role === "bidder") {
      const mine = await get("/me/registrations").catch(() => ({ registrations: [] }));
      this.#registration = mine.registrations.find((found) => found.lot_id === this.#lotId) ?? null;
      if (this.#registration) await this.#resumeTopUp();
      else await this.#resume();
    }
    this.#gate();
  }

  /** A deposit that was being decided on when the page was left is seen through. */
  async #resume() {
    const mine = await get("/me/deposits").catch(() => ({ deposits: [] }));
    const pending = mine.deposits.find((one) => one.lot_id === this.#lotId && one.status === "pending");
    if (pending) this.#register({ accept_terms: true });
  }

  /** A higher deposit that was to be confirmed when the page was left is offered again. */
  async #resumeTopUp() {
    const { confirmations } = await get("/me/confirmations").catch(() => ({ confirmations: [] }));
    this.#toConfirm = confirmations.find((one) => one.lot_id === this.#lotId && one.deposit_id) ?? null;
  }

  /** Whether the live channel is there: without it the price may be old, so bidding waits. */
  connected(online) {
    this.#form.setOnline(online);
    this.#maximum.setOnline(online);
  }

  show(facts) {
    const changed = this.#facts?.status !== facts.status;
    const isNewLeader = this.#facts?.leader !== facts.leader;
    this.#facts = facts;
    if (changed) this.#gate();
    if ((changed || isNewLeader) && this.#you) this.standing(this.#you);
    this.#maximum.show(facts, this.#registration !== null);
    if (!this.#registration) return;
    // the price may show a new leader before the frame about this bidder arrives
    this.#form.setLeading(this.#registration.paddle === facts.leader);
    this.#form.setLimit(this.#registration.limit_fen);
    this.#form.show(facts);
  }

  /** What the end of the lot means to this bidder, as `outcomeOf` gives it: the way to pay, or to answer an offer. */
  showOutcome(outcome) {
    this.#outcome = outcome;
    this.#gate();
  }

  /** A bid of the feed. */
  showBid(bid) {
    this.#form.showBid(bid);
  }

  /** The paddle on this lot; null where not registered. */
  get paddle() {
    return this.#registration?.paddle ?? null;
  }

  /** How this bidder stands while bidding goes on: {leading, paddle, limit_fen, outbid_by}. */
  standing(you) {
    const box = byId("standing");
    this.#you = you;
    if (this.#lot.terms.auto_bids) this.#maximum.setOwn(you.my_maximum_fen ?? null);
    // who leads a frozen lot is not known
    box.hidden = !you.paddle || this.#isOver() || this.#facts?.status === "frozen";
    if (box.hidden) return;
    this.#form.setLeading(you.leading);
    const outbidBy = this.#outbidBy(you);
    box.dataset.leading = you.leading ? "yes" : outbidBy ? "outbid" : "no";
    const purse = this.#registration?.purse_fen;
    const limit = you.limit_fen
      ? t("lot.limit", { limit: yuanShort(you.limit_fen) })
      : purse
        ? t("registration.purse", { purse: yuanShort(purse) })
        : "";
    const words = you.leading
      ? t("lot.you-lead", { paddle: you.paddle })
      : outbidBy
        ? t("lot.outbid", { paddle: outbidBy })
        : t("lot.your-paddle", { paddle: you.paddle });
    box.replaceChildren(element("strong", {}, words), element("span", { class: "numbers" }, limit));
  }

  /** Who leads in this bidder's place: told when it happens, and after a reload known from the bids. */
  #outbidBy({ leading, paddle, outbid_by: outbidBy }) {
    const leader = this.#facts?.leader ?? null;
    if (leading || leader === paddle) return null;
    return outbidBy ?? (this.#hasBid(paddle) ? leader : null);
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
    byId("steps").hidden = form.hidden;
    byId("bid-bar").dataset.active = form.hidden ? "no" : "yes";
    if (over) {
      byId("standing").hidden = true;
      this.#form.clear();
      this.#showNextStep();
    } else if (status === "draft") gate.replaceChildren(element("p", { class: "soft" }, t("lot.not-announced")));
    else if (!this.#who) gate.replaceChildren(...this.#signInFirst());
    else if (this.#who.role !== "bidder")
      gate.replaceChildren(element("p", { class: "soft" }, t("lot.staff-cannot-bid")));
    else if (this.#waiting) this.#showWaiting(gate);
    else if (!this.#registration && status === "frozen")
      gate.replaceChildren(element("p", { class: "soft" }, t("lot.frozen-registration")));
    else if (!this.#registration)
      gate.replaceChildren(registrationForm(this.#lot, this.#provider, (body) => this.#register(body), this.#refusal));
    else if (status === "scheduled")
      gate.replaceChildren(element("p", { class: "notice good" }, this.#registeredWords()));
    else gate.replaceChildren();
    this.#more(status);
  }

  /** The deposit is not held yet: its owner confirms it with their bank, or the provider works on it. */
  #showWaiting(gate) {
    if (!this.#confirmation)
      gate.replaceChildren(
        element("p", { class: "notice", id: "deposit-waits", role: "status" }, t("lot.deposit-waits")),
      );
    else if (!gate.contains(this.#panel.root)) gate.replaceChildren(this.#panel.root);
  }

  /** After the end: the way to the payment or to the offer; where there is none, the box is not needed any more. */
  #showNextStep() {
    const action = this.#outcome?.action;
    byId("bidding").hidden = !action;
    if (!action) {
      byId("gate").replaceChildren();
      return;
    }
    setText(byId("bidding-title"), t("lot.next-step"));
    byId("gate").replaceChildren(
      element(
        "a",
        { class: "button main wide", id: "to-me", href: "/me", "data-action": action },
        t(`outcome.action.${action}`),
      ),
    );
  }

  /** The way to a higher limit, where there is one; an open form stays as it is. */
  #more(status) {
    const place = byId("more");
    const possible = canTopUp(this.#lot, this.#registration, status);
    if (!possible) place.replaceChildren();
    else if (!place.childElementCount) {
      const { root, resume } = topUpForm({
        lotId: this.#lotId,
        lot: this.#lot,
        registration: this.#registration,
        provider: this.#provider,
        raised: (answer) => this.#raised(answer),
      });
      place.replaceChildren(root);
      if (this.#toConfirm) resume(this.#toConfirm);
      this.#toConfirm = null;
    }
  }

  /** A higher deposit is held: what it allows is shown at once. `answer` null: it was held after a reload, look it up. */
  async #raised(answer) {
    if (answer === null) {
      const { registrations } = await get("/me/registrations");
      const own = registrations.find((found) => found.lot_id === this.#lotId);
      this.#raised({ ...own, held_fen: own.deposit.held_fen });
      return;
    }
    const { limit_fen: limit, purse_fen: purse, held_fen: held } = answer;
    this.#registration = {
      ...this.#registration,
      limit_fen: limit,
      purse_fen: purse,
      deposit: { ...this.#registration.deposit, held_fen: held },
    };
    byId("more").replaceChildren();
    this.#gate();
    this.standing({ leading: this.#form.leading, ...this.#you, paddle: this.#registration.paddle, limit_fen: limit });
    if (this.#facts) this.show(this.#facts);
    const words =
      purse !== null
        ? t("registration.purse", { purse: yuanShort(purse) })
        : t(limit === null ? "registration.no-limit" : "lot.limit", { limit: yuanShort(limit ?? 0) });
    this.#form.tell("good", t("top-up.done", { words }));
    this.#announce(words);
  }

  /** Register, however long the payment provider takes. */
  async #register(body) {
    this.#refusal = "";
    try {
      this.#registration = await registerForLot(this.#lotId, body, (confirmation) => this.#wait(confirmation));
      this.#wait(null, false);
      if (this.#facts) this.show(this.#facts);
      this.#form.tell("good", this.#registeredWords());
      this.#whenRegistered();
    } catch (problem) {
      this.#refusal = refusalText(problem);
      this.#wait(null, false);
      this.#announce(this.#refusal);
    }
  }

  /** Show that the deposit is not held yet: what its owner is to confirm, or that the provider works on it. */
  #wait(confirmation, waiting = true) {
    const changed = waiting !== this.#waiting || (confirmation === null) !== (this.#confirmation === null);
    this.#waiting = waiting;
    this.#confirmation = confirmation;
    this.#panel.show(confirmation);
    if (waiting && !changed) return;
    this.#gate();
    if (confirmation) this.#panel.open();
  }

  #registeredWords() {
    return t("lot.registered", { paddle: this.#registration.paddle });
  }

  #signInFirst() {
    const { deposit } = this.#lot.terms;
    const toBid = t("lot.sign-in-to-bid", { deposit: leastDepositText(deposit) });
    return [
      element("p", { class: "soft" }, deposit.policy === "none" ? t("lot.sign-in-without-deposit") : toBid),
      element("a", { class: "button main wide", href: signInHref() }, t("lot.sign-in")),
      element("a", { class: "button wide", href: signUpHref() }, t("lot.sign-up")),
    ];
  }
}
