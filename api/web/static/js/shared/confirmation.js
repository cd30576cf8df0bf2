// A payment or deposit that the card's bank wants its owner to confirm: in the provider's own dialog, or, with the
// sandbox, in a form of the house's that stands in for the bank's page.

import { post } from "./api.js";
import { element, setText } from "./element.js";
import { dateTime, t } from "./i18n.js";
import { yuan } from "./money.js";
import { problemText } from "./problems.js";
import { openStripe } from "./stripe.js";

const path = (id, act) => `/me/confirmations/${encodeURIComponent(id)}/${act}`;

/** What is to be confirmed now; `decided(outcome)` is called once it has succeeded or failed. */
export class ConfirmationPanel {
  #provider;
  #decided;
  #shown = null;
  #busy = false;
  #words = element("p", { class: "confirmation-words" });
  #until = element("p", { class: "soft" });
  #outcome = element("p", { class: "notice", role: "status", hidden: true });
  #confirm = element("button", { class: "button main", type: "button", "data-act": "confirm" });
  #decline = element("button", { class: "button", type: "button", "data-act": "decline" });
  #cancel = element("button", { class: "button", type: "button", "data-act": "cancel-confirmation" });

  constructor({ provider, decided }) {
    this.#provider = provider;
    this.#decided = decided;
    const house = provider === "sandbox";
    setText(this.#confirm, t(house ? "confirmation.confirm" : "confirmation.continue"));
    setText(this.#decline, t("confirmation.decline"));
    setText(this.#cancel, t("confirmation.cancel"));
    this.#decline.hidden = !house;
    const bank = house ? element("p", { class: "confirmation-bank" }, t("confirmation.sandbox-bank")) : null;
    const first = element("div", { class: "actions" }, this.#confirm, this.#decline);
    this.root = element(
      "section",
      { class: "confirmation", "aria-label": t("confirmation.title"), hidden: true },
      element("h4", {}, t("confirmation.title")),
      this.#words,
      this.#until,
      element("div", { class: house ? "confirmation-page" : "" }, bank, first),
      this.#cancel,
      this.#outcome,
    );
    this.#confirm.addEventListener("click", () => this.#act(() => (house ? this.#answer(true) : this.#dialog())));
    this.#decline.addEventListener("click", () => this.#act(() => this.#answer(false)));
    this.#cancel.addEventListener("click", () => this.#act(() => post(path(this.#shown, "cancel"), {})));
  }

  /** Show what is to be confirmed; null: nothing. What was shown and is not there any more was decided elsewhere. */
  show(confirmation) {
    const before = this.#shown;
    this.#shown = confirmation?.confirmation_id ?? null;
    this.root.hidden = !confirmation;
    if (before && before !== this.#shown && !this.#busy) this.#ask(before);
    if (!confirmation) return;
    if (before !== this.#shown) this.#tell("", "");
    setText(this.#words, t("confirmation.words", { amount: yuan(confirmation.amount_fen) }));
    setText(this.#until, t("confirmation.until", { when: dateTime(confirmation.confirm_by_ms) }));
  }

  /** Begin at once, as whoever has just pressed a button expects; the house's form is there already. */
  open() {
    if (this.#shown && this.#provider !== "sandbox") this.#act(() => this.#dialog());
    else this.#confirm.focus({ preventScroll: true });
  }

  #tell(tone, text) {
    this.#outcome.className = `notice ${tone}`;
    this.#outcome.hidden = !text;
    setText(this.#outcome, text);
  }

  #enable(enabled) {
    for (const button of [this.#confirm, this.#decline, this.#cancel]) button.disabled = !enabled;
  }

  /** One thing at a time; what is still to be confirmed afterwards stays. */
  async #act(work) {
    if (this.#busy || !this.#shown) return;
    this.#busy = true;
    this.#enable(false);
    this.#tell("", t("confirmation.waiting"));
    try {
      const outcome = await work();
      this.#tell("", "");
      if (!outcome.requires_action) this.#decide(outcome);
    } catch (problem) {
      this.#tell("bad", problem.code ? problemText(problem) : problem.message);
    } finally {
      this.#busy = false;
      this.#enable(true);
    }
  }

  #decide(outcome) {
    this.#shown = null;
    this.root.hidden = true;
    this.#decided(outcome);
  }

  #answer(confirmed) {
    return post(path(this.#shown, "outcome"), { confirmed });
  }

  /** The provider's dialog: its secret is asked for each time, and kept nowhere. */
  async #dialog() {
    const id = this.#shown;
    const opened = await post(path(id, "open"), {});
    if (opened.client_secret) {
      const stripe = await openStripe(opened.publishable_key);
      const { error } = await stripe.handleNextAction({ clientSecret: opened.client_secret });
      const outcome = await post(path(id, "outcome"), {});
      if (error && outcome.requires_action) throw new Error(error.message);
      return outcome;
    }
    return opened;
  }

  async #ask(id) {
    try {
      const outcome = await post(path(id, "outcome"), {});
      if (!outcome.requires_action) this.#decided(outcome);
    } catch {
      // the page shows what became of it, only not why
    }
  }
}

/** Why a payment or deposit that was to be confirmed has failed, in a sentence. */
export function failedText(outcome) {
  const known = ["authentication_failed", "authentication_missing"].includes(outcome.failure);
  if (known) return t(`confirmation.${outcome.failure}`);
  const code = outcome.award_id ? "payment-declined" : "deposit-declined";
  return problemText({ code, facts: { failure: outcome.failure, amount_fen: outcome.amount_fen } });
}
