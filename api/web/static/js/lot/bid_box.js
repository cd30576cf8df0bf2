// The bid box: registration, the next amounts, one's own amount, and the answer to every bid in plain words.

import { canTopUp, registerForLot, registrationForm, topUpForm } from "./registration.js";
import { get, placeBid } from "../shared/api.js";
import { byId, element } from "../shared/element.js";
import { parseFen, yuan, yuanShort } from "../shared/money.js";
import { problemText } from "../shared/problems.js";
import { depositText } from "../shared/terms_text.js";
import { isBigJump, amountAfterSteps } from "./increments.js";
import { t } from "../shared/i18n.js";

const RAISES = [1, 5, 10];

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
    byId("own-amount").addEventListener("input", () => this.#wrong(""));
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
    const opened =
      this.#facts?.status !== facts.status || (facts.status === "closed" && this.#facts.leader !== facts.leader);
    this.#facts = facts;
    if (opened) this.#gate();
    if (!this.#registration) return;
    if (document.activeElement !== byId("own-amount") || !byId("own-amount").value) {
      byId("own-amount").placeholder = yuan(facts.minimum_fen);
    }
    // the lead may pass before the word of it comes: the price tells as well
    this.#lead(this.#registration.paddle === facts.leader);
    byId("own-hint").textContent = this.#waits()
      ? t("lot.leading-wait")
      : t("lot.minimum", { amount: yuan(facts.minimum_fen) });
    this.#steps(facts);
    this.#enable();
  }

  /** What the house says of this bidder: {leading, paddle, limit_fen, outbid_by}. */
  standing(you, facts) {
    const box = byId("standing");
    this.#you = you;
    box.hidden = !you.paddle;
    if (!you.paddle) return;
    this.#lead(you.leading);
    this.#enable();
    const closed = facts && facts.status === "closed";
    box.dataset.leading = you.leading ? "yes" : you.outbid_by ? "outbid" : "no";
    const purse = this.#registration?.purse_fen;
    const limit = you.limit_fen
      ? t("lot.limit", { limit: yuanShort(you.limit_fen) })
      : purse
        ? t("registration.purse", { purse: yuanShort(purse) })
        : "";
    const words = you.leading
      ? t(closed ? "lot.you-won" : "lot.you-lead", { paddle: you.paddle })
      : you.outbid_by
        ? t("lot.outbid", { paddle: you.outbid_by })
        : t("lot.your-paddle", { paddle: you.paddle });
    box.replaceChildren(element("strong", {}, words), element("span", { class: "numbers" }, limit));
  }

  #gate() {
    const gate = byId("gate");
    const status = this.#facts?.status ?? this.#lot.status;
    const over = ["closed", "void"].includes(status);
    const form = byId("bid-form");
    form.hidden = !this.#registration || over || status === "draft" || status === "scheduled";
    if (over) gate.replaceChildren(...this.#afterwards(status));
    else if (status === "draft") gate.replaceChildren(element("p", { class: "soft" }, t("lot.not-announced")));
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

  /** After the hammer: the winner is sent to where it is paid. */
  #afterwards(status) {
    const won = status === "closed" && this.#registration && this.#registration.paddle === this.#facts?.leader;
    if (!won) return [element("p", { class: "soft" }, t("lot.bidding-over"))];
    return [
      element("p", { class: "notice good" }, t("lot.you-won-pay")),
      element("a", { class: "button main wide", id: "to-me", href: "/me" }, t("lot.to-payment")),
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
    this.standing(
      { leading: this.#leading, ...this.#you, paddle: this.#registration.paddle, limit_fen: limit },
      this.#facts,
    );
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
    return [
      element("p", { class: "soft" }, t("lot.sign-in-to-bid", { deposit: depositText(this.#lot.terms.deposit) })),
      element("a", { class: "button main wide", href: `/sign-in?next=${next}` }, t("lot.sign-in")),
      element("a", { class: "button wide", href: `/sign-up?next=${next}` }, t("lot.sign-up")),
    ];
  }

  #steps(facts) {
    const host = byId("steps");
    if (host.childElementCount === 0) {
      host.append(
        ...RAISES.map((steps) =>
          element(
            "button",
            { class: "button main", type: "button", "data-steps": steps, onclick: () => this.#bidSteps(steps) },
            element("span", { class: "raise" }),
            element("span", { class: "to numbers" }),
          ),
        ),
      );
    }
    for (const button of host.children) {
      const steps = Number(button.dataset.steps);
      const amount = amountAfterSteps(this.#lot.terms, facts.minimum_fen, steps);
      const raise = { amount: yuanShort(amount - facts.price_fen) };
      button.querySelector(".raise").textContent = t(facts.price_fen ? "lot.raise" : "lot.raise-first", raise);
      button.querySelector(".to").textContent = `¥${yuanShort(amount)}`;
    }
  }

  #enable() {
    const ready = this.#online && !this.#busy && !this.#waits() && this.#facts?.status === "open";
    for (const button of byId("bid-form").querySelectorAll("button")) button.disabled = !ready;
  }

  /** An answer that said "you lead" must not outlive the lead. */
  #lead(leading) {
    if (this.#leading && !leading) byId("outcome").replaceChildren();
    this.#leading = leading;
  }

  /** In open bidding nobody bids against themselves. */
  #waits() {
    return this.#leading && this.#lot.terms.bidding === "direct";
  }

  #bidSteps(steps) {
    this.#bid(amountAfterSteps(this.#lot.terms, this.#facts.minimum_fen, steps));
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
      if (own) byId("own-amount").value = "";
      const words = receipt.leading ? "lot.accepted" : "lot.accepted-behind";
      this.#tell("good", t(words, { amount: yuan(receipt.amount_fen), price: yuan(receipt.price_fen) }));
    } catch (problem) {
      const unknown = problem.code === "outcome-unknown";
      this.#tell(unknown ? "warn" : "bad", problemText(problem, { amount: yuan(amount) }));
    } finally {
      this.#busy = false;
      this.#enable();
    }
  }

  #confirmed(amount) {
    const dialog = byId("confirm");
    byId("confirm-text").textContent = t("lot.confirm-text", {
      amount: yuan(amount),
      price: yuan(this.#facts.price_fen || this.#lot.terms.start_price_fen),
    });
    byId("confirm-yes").textContent = t("lot.confirm-yes", { amount: yuanShort(amount) });
    dialog.returnValue = "no";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    });
  }

  #tell(tone, text) {
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
