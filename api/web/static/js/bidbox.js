// The bid box: registration, the next amounts, one's own amount, and the answer to every bid in plain words.

import { get, placeBid, post } from "./api.js";
import { byId, element } from "./element.js";
import { fenFrom, yuan, yuanShort } from "./money.js";
import { wordsOf } from "./problems.js";
import { depositWords } from "./termlist.js";
import { isBigJump, raisedBy } from "./terms.js";
import { say } from "./words.js";

const RAISES = [1, 5, 10];

export class BidBox {
  #lotId;
  #lot;
  #who;
  #said;
  #whenRegistered;
  #facts = null;
  #registration = null;
  #busy = false;
  #online = true;
  #leading = false;

  constructor({ lotId, lot, who, said, registered }) {
    this.#lotId = lotId;
    this.#lot = lot;
    this.#who = who;
    this.#said = said;
    this.#whenRegistered = registered;
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
    }
    this.#gate();
  }

  /** Whether the live channel is there: without it the price may be old, so bidding waits. */
  connected(online) {
    this.#online = online;
    this.#enable();
  }

  show(facts) {
    const opened = this.#facts?.status !== facts.status;
    this.#facts = facts;
    if (opened) this.#gate();
    if (!this.#registration) return;
    if (document.activeElement !== byId("own-amount") || !byId("own-amount").value) {
      byId("own-amount").placeholder = yuan(facts.minimum_fen);
    }
    // the lead may pass before the word of it comes: the price tells as well
    this.#lead(this.#registration.paddle === facts.leader);
    byId("own-hint").textContent = this.#waits()
      ? say("lot.leading-wait")
      : say("lot.minimum", { amount: yuan(facts.minimum_fen) });
    this.#steps(facts);
    this.#enable();
  }

  /** What the house says of this bidder: {leading, paddle, limit_fen, outbid_by}. */
  standing(you, facts) {
    const box = byId("standing");
    box.hidden = !you.paddle;
    if (!you.paddle) return;
    this.#lead(you.leading);
    this.#enable();
    const closed = facts && facts.status === "closed";
    box.dataset.leading = you.leading ? "yes" : you.outbid_by ? "outbid" : "no";
    const limit = you.limit_fen ? say("lot.limit", { limit: yuanShort(you.limit_fen) }) : "";
    const words = you.leading
      ? say(closed ? "lot.you-won" : "lot.you-lead", { paddle: you.paddle })
      : you.outbid_by
        ? say("lot.outbid", { paddle: you.outbid_by })
        : say("lot.your-paddle", { paddle: you.paddle });
    box.replaceChildren(element("strong", {}, words), element("span", { class: "numbers" }, limit));
  }

  #gate() {
    const gate = byId("gate");
    const status = this.#facts?.status ?? this.#lot.status;
    const over = ["closed", "void"].includes(status);
    const form = byId("bid-form");
    form.hidden = !this.#registration || over || status === "draft" || status === "scheduled";
    if (over) gate.replaceChildren(element("p", { class: "soft" }, say("lot.bidding-over")));
    else if (status === "draft") gate.replaceChildren(element("p", { class: "soft" }, say("lot.not-announced")));
    else if (!this.#who) gate.replaceChildren(...this.#signInFirst());
    else if (this.#who.role !== "bidder") gate.replaceChildren(element("p", { class: "soft" }, say("lot.staff-cannot-bid")));
    else if (!this.#registration) gate.replaceChildren(this.#registrationForm());
    else if (status === "scheduled") gate.replaceChildren(element("p", { class: "notice good" }, this.#registeredWords()));
    else gate.replaceChildren();
  }

  #registeredWords() {
    return say("lot.registered", { paddle: this.#registration.paddle });
  }

  #signInFirst() {
    const next = encodeURIComponent(location.pathname);
    return [
      element("p", { class: "soft" }, say("lot.sign-in-to-bid", { deposit: depositWords(this.#lot.terms.deposit) })),
      element("a", { class: "button main wide", href: `/sign-in?next=${next}` }, say("lot.sign-in")),
      element("a", { class: "button wide", href: `/sign-up?next=${next}` }, say("lot.sign-up")),
    ];
  }

  #registrationForm() {
    const { deposit } = this.#lot.terms;
    const consent = element("input", { type: "checkbox", id: "accept-terms", required: true });
    const choice = deposit.policy === "ladder" ? this.#bandChoice(deposit) : null;
    const button = element("button", { class: "button main wide", id: "register" }, say("lot.register"));
    const wrong = element("p", { class: "notice bad", role: "alert", hidden: true });
    const form = element(
      "form",
      { class: "register", novalidate: true },
      element("p", {}, say(`lot.deposit.${deposit.policy}`, { deposit: depositWords(deposit) })),
      choice,
      element("label", { class: "consent" }, consent, element("span", {}, say("lot.accept-terms"))),
      wrong,
      button,
    );
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      wrong.hidden = consent.checked;
      wrong.textContent = consent.checked ? "" : say("lot.accept-first");
      if (!consent.checked || button.disabled) return;
      button.disabled = true;
      try {
        const body = { accept_terms: true };
        if (choice) body.deposit_fen = Number(choice.querySelector("select").value);
        this.#registration = await post(`/lots/${encodeURIComponent(this.#lotId)}/registrations`, body);
        this.#gate();
        if (this.#facts) this.show(this.#facts);
        this.#tell("good", this.#registeredWords());
        this.#whenRegistered();
      } catch (problem) {
        wrong.textContent = wordsOf(problem);
        wrong.hidden = false;
        button.disabled = false;
      }
    });
    return form;
  }

  #bandChoice(deposit) {
    const options = deposit.bands.map((band) =>
      element(
        "option",
        { value: band.deposit_fen },
        say(band.limit_fen === null ? "terms.ladder-open" : "terms.ladder", {
          deposit: yuanShort(band.deposit_fen),
          limit: band.limit_fen === null ? "" : yuanShort(band.limit_fen),
        }),
      ),
    );
    return element(
      "div",
      { class: "field" },
      element("label", { for: "deposit-band" }, say("lot.choose-deposit")),
      element("select", { id: "deposit-band" }, options),
    );
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
      const amount = raisedBy(this.#lot.terms, facts.minimum_fen, steps);
      const raise = { amount: yuanShort(amount - facts.price_fen) };
      button.querySelector(".raise").textContent = say(facts.price_fen ? "lot.raise" : "lot.raise-first", raise);
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
    this.#bid(raisedBy(this.#lot.terms, this.#facts.minimum_fen, steps));
  }

  #bidOwn() {
    const amount = fenFrom(byId("own-amount").value);
    if (amount === null) {
      this.#wrong(say("lot.not-an-amount"));
      return;
    }
    this.#bid(amount, { own: true });
  }

  async #bid(amount, { own = false } = {}) {
    if (this.#busy || this.#facts?.status !== "open") return;
    if (isBigJump(amount, this.#facts.price_fen, this.#lot.terms.start_price_fen) && !(await this.#confirmed(amount))) return;
    this.#busy = true;
    this.#enable();
    this.#tell("", say("lot.sending", { amount: yuan(amount) }));
    try {
      const receipt = await placeBid(this.#lotId, amount);
      if (own) byId("own-amount").value = "";
      const words = receipt.leading ? "lot.accepted" : "lot.accepted-behind";
      this.#tell("good", say(words, { amount: yuan(receipt.amount_fen), price: yuan(receipt.price_fen) }));
    } catch (problem) {
      const unknown = problem.code === "outcome-unknown";
      this.#tell(unknown ? "warn" : "bad", wordsOf(problem, { amount: yuan(amount) }));
    } finally {
      this.#busy = false;
      this.#enable();
    }
  }

  #confirmed(amount) {
    const dialog = byId("confirm");
    byId("confirm-text").textContent = say("lot.confirm-text", {
      amount: yuan(amount),
      price: yuan(this.#facts.price_fen || this.#lot.terms.start_price_fen),
    });
    byId("confirm-yes").textContent = say("lot.confirm-yes", { amount: yuanShort(amount) });
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
    if (text) this.#said(text);
  }
}
