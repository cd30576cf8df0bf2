// A lot somebody won: what is to be paid until when, the payment, the refusal, and where the lot is fetched.

import { get, post, timeoutSignal } from "../shared/api.js";
import { timeLeft } from "../shared/clock.js";
import { confirmAction } from "../shared/confirm_dialog.js";
import { element, setText } from "../shared/element.js";
import { dateTime, hasText, t } from "../shared/i18n.js";
import { yuan, yuanShort } from "../shared/money.js";
import { forgetPaymentKey, isFinalAnswer, paymentBody, paymentField, paymentKey } from "../shared/payment.js";
import { problemText, stateText } from "../shared/problems.js";

const TONES = { due: "warn", paid: "info", settled: "good", defaulted: "bad", void: "bad" };
const ANSWER_MS = 20_000;
const URGENT_MS = 3_600_000;

const isOver = (award, now) => now >= award.default_at_ms;

/** The card of one award: {root, show(award), tick()}. `page` knows the time, the provider, and is told of changes. */
export function awardCard(awardId, page) {
  let award = null;
  let busy = false;
  const path = (rest) => `/me/awards/${encodeURIComponent(awardId)}/${rest}`;
  const badge = element("span", { class: "badge" });
  const title = element("a", {});
  const about = element("p", { class: "soft numbers" });
  const clockLabel = element("span", { class: "soft" });
  const left = element("span", { class: "left numbers", role: "timer", "aria-live": "off" });
  const countdown = element("p", { class: "countdown" }, clockLabel, left);
  const bill = element("dl", { class: "bill numbers" });
  const note = element("p", { class: "notice" });
  const outcome = element("p", { class: "notice", role: "status", hidden: true });
  const method = paymentField(`method-${awardId}`, page.provider);
  const pay = element("button", { class: "button main", "data-act": "pay" });
  const refuse = element(
    "button",
    { class: "button danger", type: "button", "data-act": "refuse", onclick: () => act(askRefusal) },
    t("award.refuse"),
  );
  const payForm = element(
    "form",
    { class: "act", novalidate: true },
    method.root,
    element("div", { class: "actions" }, pay, refuse),
  );
  const centre = element("select", { id: `centre-${awardId}` });
  const choose = element("button", { class: "button main", "data-act": "centre" }, t("award.choose"));
  const centreForm = element(
    "form",
    { class: "act", novalidate: true },
    element(
      "div",
      { class: "field" },
      element("label", { for: `centre-${awardId}` }, t("award.centre")),
      element("div", { class: "beside" }, centre, choose),
    ),
  );
  const root = element(
    "article",
    { class: "card award", "data-award": awardId },
    element("div", { class: "row-between" }, element("h3", {}, title), badge),
    about,
    countdown,
    bill,
    note,
    payForm,
    centreForm,
    outcome,
  );
  payForm.addEventListener("submit", (event) => {
    event.preventDefault();
    act(sendPayment);
  });
  centreForm.addEventListener("submit", (event) => {
    event.preventDefault();
    act(sendCentre);
  });
  centre.addEventListener("change", enable);

  function tell(tone, words) {
    outcome.hidden = !words;
    outcome.className = `notice ${tone}`;
    setText(outcome, words);
  }

  /** One thing at a time, however often it is pressed. */
  async function act(work) {
    if (busy || !award) return;
    busy = true;
    enable();
    try {
      await work();
    } finally {
      busy = false;
      enable();
      page.changed();
    }
  }

  async function sendPayment() {
    const intent = `pay ${awardId} ${award.due_fen}`;
    tell("", t("award.paying", { amount: yuan(award.due_fen) }));
    try {
      show(
        await post(path("payment"), paymentBody(method), { key: paymentKey(intent), signal: timeoutSignal(ANSWER_MS) }),
      );
      forgetPaymentKey(intent);
      const words = t(award.status === "due" ? "award.pay-pending" : "award.pay-done", { title: award.title });
      tell(award.status === "due" ? "" : "good", words);
      page.announce(words);
    } catch (problem) {
      if (isFinalAnswer(problem)) forgetPaymentKey(intent);
      tell(
        isFinalAnswer(problem) ? "bad" : "warn",
        isFinalAnswer(problem) || problem.code === "payments-away" ? problemText(problem) : t("award.no-answer"),
      );
    }
  }

  async function askRefusal() {
    const lot = await get(`/lots/${encodeURIComponent(award.lot_id)}`).catch(() => null);
    const liability = `award.liability.${lot?.terms.settlement.default_liability}`;
    const held = page.deposits.filter((one) => one.lot_id === award.lot_id && one.status === "held");
    const lost = Math.max(
      award.deposit_fen,
      held.reduce((sum, one) => sum + one.amount_fen, 0),
    );
    const after = await confirmAction({
      title: t("award.refuse.title", { title: award.title }),
      confirm: t("award.refuse.confirm"),
      danger: true,
      fields: {},
      sentence: () =>
        [
          t(lost ? "award.refuse.sentence" : "award.refuse.sentence-free", {
            title: award.title,
            amount: yuanShort(lost),
          }),
          lost && hasText(liability) ? t(liability) : "",
          t("award.refuse.remembered"),
        ].join(""),
      stale: () => (award.status === "due" ? "" : t("problem.wrong-state", { state: stateText(award.status) })),
      path: () => path("refuse"),
      body: () => ({}),
    });
    if (!after) return;
    show(after);
    tell("", "");
  }

  async function sendCentre() {
    try {
      show(await post(path("handover"), { delivery_centre: centre.value }, { signal: timeoutSignal(ANSWER_MS) }));
      const words = t("award.centre-chosen", { centre: award.delivery_centre });
      tell("good", words);
      page.announce(words);
    } catch (problem) {
      tell("bad", problem.status ? problemText(problem) : t("me.no-connection"));
    }
  }

  function enable() {
    const late = award && isOver(award, page.now());
    pay.disabled = busy || !award || award.payment_under_way || late;
    refuse.disabled = busy || !award || award.payment_under_way || late;
    method.control.disabled = busy;
    choose.disabled = busy || !award || centre.value === (award.delivery_centre ?? "");
  }

  function showBill() {
    const due = award.status === "due";
    const rows = [
      ["price", award.price_fen],
      ["fee", award.fee_fen],
      ["total", award.total_fen],
      due && award.received_fen ? ["received", -award.received_fen] : null,
      due && award.deposit_fen ? ["deposit", -award.deposit_fen] : null,
      due ? ["due", award.due_fen] : null,
    ].filter(Boolean);
    if (bill.childElementCount !== rows.length) {
      bill.replaceChildren(...rows.map(() => element("div", {}, element("dt", {}), element("dd", {}))));
    }
    rows.forEach(([name, fen], index) => {
      bill.children[index].dataset.row = name;
      setText(bill.children[index].firstElementChild, t(`award.bill.${name}`));
      setText(bill.children[index].lastElementChild, `${fen < 0 ? "−" : ""}¥${yuan(Math.abs(fen))}`);
    });
  }

  function showCentres() {
    if (centre.childElementCount !== award.delivery_centres.length + 1) {
      const choices = award.delivery_centres.map((name) => element("option", { value: name }, name));
      centre.replaceChildren(element("option", { value: "" }, t("award.centre-none")), ...choices);
      centre.value = award.delivery_centre ?? "";
    }
  }

  function noteOf() {
    const { status } = award;
    const facts = { centre: award.delivery_centre ?? "", when: dateTime(award.settled_at_ms ?? award.default_at_ms) };
    if (status === "due" && award.payment_under_way) return ["", t("award.note.under-way")];
    if (status === "due" && isOver(award, page.now())) return ["bad", t("award.note.over")];
    if (status === "due" && page.now() >= award.pay_by_ms) return ["warn", t("award.note.grace", facts)];
    if (status === "due") return ["", ""];
    if (status === "paid")
      return award.delivery_centre ? ["good", t("award.note.fetch", facts)] : ["warn", t("award.note.choose")];
    return [TONES[status] === "good" ? "good" : "bad", t(`award.note.${status}`, facts)];
  }

  /** Show the newest facts. */
  function show(newest) {
    const chosenBefore = award?.delivery_centre ?? null;
    award = newest;
    root.dataset.status = award.status;
    badge.dataset.tone = TONES[award.status];
    setText(badge, t(`award.${award.status}`));
    setText(title, award.title);
    title.href = `/lots/${encodeURIComponent(award.lot_id)}`;
    setText(about, t(`award.source.${award.source}`, { paddle: award.paddle, when: dateTime(award.awarded_at_ms) }));
    showBill();
    showCentres();
    if (award.delivery_centre !== chosenBefore) centre.value = award.delivery_centre ?? "";
    payForm.hidden = award.status !== "due";
    method.root.hidden = award.due_fen === 0;
    setText(pay, award.due_fen ? t("award.pay", { amount: yuan(award.due_fen) }) : t("award.pay-with-deposit"));
    setText(choose, t(award.delivery_centre ? "award.choose-other" : "award.choose"));
    centreForm.hidden = award.status !== "paid";
    enable();
    tick();
  }

  /** Only what the clock moves. */
  function tick() {
    if (!award) return;
    const now = page.now();
    const [tone, words] = noteOf();
    note.hidden = !words;
    note.className = `notice ${tone}`;
    setText(note, words);
    countdown.hidden = award.status !== "due" || isOver(award, now);
    if (countdown.hidden) return;
    const inGrace = now >= award.pay_by_ms;
    const until = inGrace ? award.default_at_ms : award.pay_by_ms;
    setText(clockLabel, t(inGrace ? "award.grace-left" : "award.time-left"));
    setText(left, timeLeft(until - now));
    left.classList.toggle("ending", inGrace || until - now < URGENT_MS);
  }

  return { root, show, tick };
}
