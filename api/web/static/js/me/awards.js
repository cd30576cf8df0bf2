// A lot somebody won: what is to be paid until when, the payment, the refusal, and where the lot is fetched.

import { get, post, timeoutSignal } from "../shared/api.js";
import { timeLeft } from "../shared/clock.js";
import { confirmAction } from "../shared/confirm_dialog.js";
import { ConfirmationPanel, failedText } from "../shared/confirmation.js";
import { showDefinitions } from "../shared/definition_list.js";
import { element, setText } from "../shared/element.js";
import { dateTime, hasText, t } from "../shared/i18n.js";
import { yuan, yuanShort } from "../shared/money.js";
import { forgetPaymentKey, isFinalAnswer, paymentBody, paymentField, paymentKey } from "../shared/payment.js";
import { problemText, stateText } from "../shared/problems.js";
import { awardNote, isOver } from "./award_note.js";
import { transferPart } from "./transfer.js";

const TONES = { due: "warn", paid: "info", settled: "good", defaulted: "bad", void: "bad" };
const ANSWER_MS = 20_000;
const URGENT_MS = 3_600_000;

/** The elements of a card, and those of them that change, by name. */
function buildCard(awardId, { provider, announce, decided }) {
  const parts = {
    confirmation: new ConfirmationPanel({ provider, decided }),
    badge: element("span", { class: "badge" }),
    title: element("a", {}),
    about: element("p", { class: "soft numbers" }),
    clockLabel: element("span", { class: "soft" }),
    left: element("span", { class: "left numbers", role: "timer", "aria-live": "off" }),
    bill: element("dl", { class: "bill numbers" }),
    note: element("p", { class: "notice" }),
    outcome: element("p", { class: "notice", role: "status", hidden: true }),
    method: paymentField(`method-${awardId}`, provider),
    charges: element("p", { class: "soft", hidden: true }),
    pay: element("button", { class: "button main", "data-act": "pay" }),
    transfer: transferPart(announce),
    refuse: element("button", { class: "button danger", type: "button", "data-act": "refuse" }, t("award.refuse")),
    centre: element("select", { id: `centre-${awardId}` }),
    choose: element("button", { class: "button main", "data-act": "centre" }, t("award.choose")),
  };
  parts.countdown = element("p", { class: "countdown" }, parts.clockLabel, parts.left);
  parts.payForm = element(
    "form",
    { class: "act", novalidate: true },
    parts.method.root,
    parts.charges,
    element("div", { class: "actions" }, parts.pay, parts.refuse),
  );
  parts.centreForm = element(
    "form",
    { class: "act", novalidate: true },
    element(
      "div",
      { class: "field" },
      element("label", { for: `centre-${awardId}` }, t("award.centre")),
      element("div", { class: "beside" }, parts.centre, parts.choose),
    ),
  );
  parts.root = element(
    "article",
    { class: "card award", "data-award": awardId },
    element("div", { class: "row-between" }, element("h3", {}, parts.title), parts.badge),
    parts.about,
    parts.countdown,
    parts.bill,
    parts.note,
    parts.confirmation.root,
    parts.payForm,
    parts.transfer.root,
    parts.centreForm,
    parts.outcome,
  );
  return parts;
}

/** The card of one award. `page` knows the time, the provider and the deposits, and its `changed` is called after one. */
export class AwardCard {
  #awardId;
  #page;
  #parts;
  #award = null;
  #busy = false;
  /** Whether a payment was made here whose outcome is still to be told. */
  #isPaying = false;

  constructor(awardId, page) {
    this.#awardId = awardId;
    this.#page = page;
    this.#parts = buildCard(awardId, { ...page, decided: (outcome) => this.#confirmed(outcome) });
    const { payForm, centreForm, refuse, centre } = this.#parts;
    payForm.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#act(() => this.#pay());
    });
    centreForm.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#act(() => this.#chooseCentre());
    });
    refuse.addEventListener("click", () => this.#act(() => this.#refuse()));
    centre.addEventListener("change", () => this.#enable());
  }

  get root() {
    return this.#parts.root;
  }

  /** Show the newest facts. */
  show(newest) {
    const chosenBefore = this.#award?.delivery_centre ?? null;
    const award = newest;
    const { root, badge, title, about, confirmation, payForm, method, charges, pay, choose, centre, centreForm } =
      this.#parts;
    this.#award = award;
    root.dataset.status = award.status;
    badge.dataset.tone = TONES[award.status];
    setText(badge, t(`award.${award.status}`));
    setText(title, award.title);
    title.href = `/lots/${encodeURIComponent(award.lot_id)}`;
    setText(about, t(`award.source.${award.source}`, { paddle: award.paddle, when: dateTime(award.awarded_at_ms) }));
    this.#showBill();
    this.#parts.transfer.show(award);
    this.#showCentres();
    if (award.delivery_centre !== chosenBefore) centre.value = award.delivery_centre ?? "";
    confirmation.show(award.confirmation);
    payForm.hidden = award.status !== "due" || award.confirmation !== null;
    method.root.hidden = award.due_fen === 0;
    charges.hidden = award.charges < 2;
    setText(charges, t("award.charges", { count: award.charges }));
    setText(pay, award.due_fen ? t("award.pay", { amount: yuan(award.due_fen) }) : t("award.pay-with-deposit"));
    setText(choose, t(award.delivery_centre ? "award.choose-other" : "award.choose"));
    centreForm.hidden = award.status !== "paid";
    this.#enable();
    this.tick();
    if (this.#isPaying && award.status === "paid") this.#tellPaid(false);
  }

  /** Only what the clock moves. */
  tick() {
    if (!this.#award) return;
    const award = this.#award;
    const { note, countdown, clockLabel, left } = this.#parts;
    const now = this.#page.now();
    const [tone, text] = awardNote(award, now);
    note.hidden = !text;
    note.className = `notice ${tone}`;
    setText(note, text);
    countdown.hidden = award.status !== "due" || isOver(award, now);
    if (countdown.hidden) return;
    const inGrace = now >= award.pay_by_ms;
    const until = inGrace ? award.default_at_ms : award.pay_by_ms;
    setText(clockLabel, t(inGrace ? "award.grace-left" : "award.time-left"));
    setText(left, timeLeft(until - now));
    left.classList.toggle("ending", inGrace || until - now < URGENT_MS);
  }

  #showBill() {
    const award = this.#award;
    const due = award.status === "due";
    const rows = [
      ["price", award.price_fen],
      ["fee", award.fee_fen],
      ["total", award.total_fen],
      due && award.received_fen ? ["received", -award.received_fen] : null,
      award.waived_fen ? ["waived", -award.waived_fen] : null,
      due && award.deposit_fen ? ["deposit", -award.deposit_fen] : null,
      due ? ["due", award.due_fen] : null,
    ].filter(Boolean);
    const amount = (fen) => `${fen < 0 ? "−" : ""}¥${yuan(Math.abs(fen))}`;
    showDefinitions(
      this.#parts.bill,
      rows.map(([name, fen]) => [`award.bill.${name}`, amount(fen), { row: name }]),
    );
  }

  #showCentres() {
    const { centre } = this.#parts;
    const { delivery_centres: centres, delivery_centre: chosen } = this.#award;
    if (centre.childElementCount === centres.length + 1) return;
    const choices = centres.map((name) => element("option", { value: name }, name));
    centre.replaceChildren(element("option", { value: "" }, t("award.centre-none")), ...choices);
    centre.value = chosen ?? "";
  }

  #enable() {
    const award = this.#award;
    const { pay, refuse, method, choose, centre } = this.#parts;
    const isClosed = this.#busy || !award || award.payment_under_way || isOver(award, this.#page.now());
    pay.disabled = isClosed;
    refuse.disabled = isClosed;
    method.control.disabled = this.#busy;
    choose.disabled = this.#busy || !award || centre.value === (award.delivery_centre ?? "");
  }

  #path(rest) {
    return `/me/awards/${encodeURIComponent(this.#awardId)}/${rest}`;
  }

  #tell(tone, text) {
    const { outcome } = this.#parts;
    outcome.hidden = !text;
    outcome.className = `notice ${tone}`;
    setText(outcome, text);
  }

  /** One thing at a time, however often it is pressed. */
  async #act(work) {
    if (this.#busy || !this.#award) return;
    this.#busy = true;
    this.#enable();
    try {
      await work();
    } finally {
      this.#busy = false;
      this.#enable();
      this.#page.changed();
    }
  }

  async #pay() {
    const { due_fen: dueFen } = this.#award;
    const intent = `pay ${this.#awardId} ${dueFen}`;
    this.#tell("", t("award.paying", { amount: yuan(dueFen) }));
    try {
      const options = { key: paymentKey(intent), signal: timeoutSignal(ANSWER_MS) };
      this.show(await post(this.#path("payment"), paymentBody(this.#parts.method), options));
      forgetPaymentKey(intent);
      if (this.#award.confirmation) {
        this.#tell("", "");
        this.#page.announce(t("confirmation.title"));
        this.#parts.confirmation.open();
      } else this.#tellPaid(this.#award.status === "due");
    } catch (problem) {
      const isFinal = isFinalAnswer(problem);
      if (isFinal) forgetPaymentKey(intent);
      const isExplained = isFinal || problem.code === "payments-away";
      this.#tell(isFinal ? "bad" : "warn", isExplained ? problemText(problem) : t("award.no-answer"));
    }
  }

  #tellPaid(isPending) {
    this.#isPaying = isPending;
    const text = t(isPending ? "award.pay-pending" : "award.pay-done", { title: this.#award.title });
    this.#tell(isPending ? "" : "good", text);
    this.#page.announce(text);
  }

  /** What came of a payment that was to be confirmed with the bank. */
  async #confirmed(outcome) {
    await this.#page.changed();
    if (outcome.status === "failed") {
      this.#tell("bad", failedText(outcome));
      this.#page.announce(failedText(outcome));
    } else this.#tellPaid(this.#award.status === "due");
  }

  /** What a refusal costs, in a sentence; the terms are those of the lot. */
  async #refusalText() {
    const award = this.#award;
    const lot = await get(`/lots/${encodeURIComponent(award.lot_id)}`).catch(() => null);
    const liability = `award.liability.${lot?.terms.settlement.default_liability}`;
    const heldFen = this.#page.deposits
      .filter((one) => one.lot_id === award.lot_id && one.status === "held")
      .reduce((sum, one) => sum + one.amount_fen, 0);
    const lostFen = Math.max(award.deposit_fen, heldFen);
    const facts = { title: award.title, amount: yuanShort(lostFen) };
    const sentences = [t(lostFen ? "award.refuse.sentence" : "award.refuse.sentence-free", facts)];
    if (lostFen && hasText(liability)) sentences.push(t(liability));
    return [...sentences, t("award.refuse.remembered")].join("");
  }

  async #refuse() {
    const sentence = await this.#refusalText();
    const isDue = () => this.#award.status === "due";
    const after = await confirmAction({
      title: t("award.refuse.title", { title: this.#award.title }),
      confirm: t("award.refuse.confirm"),
      danger: true,
      fields: {},
      sentence: () => sentence,
      stale: () => (isDue() ? "" : t("problem.wrong-state", { state: stateText(this.#award.status) })),
      path: () => this.#path("refuse"),
      body: () => ({}),
    });
    if (!after) return;
    this.show(after);
    this.#tell("", "");
  }

  async #chooseCentre() {
    const body = { delivery_centre: this.#parts.centre.value };
    try {
      this.show(await post(this.#path("handover"), body, { signal: timeoutSignal(ANSWER_MS) }));
      const text = t("award.centre-chosen", { centre: this.#award.delivery_centre });
      this.#tell("good", text);
      this.#page.announce(text);
    } catch (problem) {
      this.#tell("bad", problem.status ? problemText(problem) : t("me.no-connection"));
    }
  }
}
