// One lot on the settlements page: its state, what may be done, who must agree, and its details below.

import { get, timeoutSignal } from "../shared/api.js";
import { timeLeft } from "../shared/clock.js";
import { confirmAction } from "../shared/confirm_dialog.js";
import { showDefinitions } from "../shared/definition_list.js";
import { element, setText } from "../shared/element.js";
import { amountField, reasonField, textField } from "../shared/form_fields.js";
import { t } from "../shared/i18n.js";
import { KeyedList } from "../shared/keyed_list.js";
import { yuan } from "../shared/money.js";
import { shortDateTime, staffProblemText } from "../shared/staff_text.js";
import { ACTIONS, consequenceText, pendingApproval } from "./actions.js";
import { approvalNotice } from "./approval_notice.js";
import { addNames, isUrgent, nameOf, STATE_TONES } from "./settlement_text.js";
import { SettlementTimeline } from "./timeline.js";

const ANSWER_MS = 8000;
const IN_FORCE = ["awarded", "paid", "settled"];

/** Who has the lot, or had it. */
function bidderWords(settlement) {
  if (!settlement.bidder) return t("money.nobody");
  const words = t("money.bidder", { paddle: settlement.paddle, bidder: nameOf(settlement.bidder) });
  if (IN_FORCE.includes(settlement.state)) return words;
  return t(settlement.state === "void" ? "money.bidder-void" : "money.bidder-defaulted", { who: words });
}

/** Giving a payment up, or a refund that was paid in another way, as `confirmAction` takes it. */
const correction = (name, operation) => ({
  words: `money.operation.${name}`,
  fields: { reason: reasonField("act-reason") },
  path: name === "abandon" ? "abandon" : "refunded-otherwise",
  body: (values) => ({ ...values, operation_id: operation.operation_id }),
});

/** A payment of a claim; `agreed` is what another person has requested. */
function collection(claimed, agreed) {
  const amount = amountField("act-amount", "claim_amount", { required: true });
  const reference = textField("act-reference", "claim_reference", { most: 64 });
  if (agreed) {
    amount.write(agreed.amount_fen);
    reference.write(agreed.reference);
  }
  return {
    words: "money.collect",
    fields: { amount_fen: amount, reference },
    path: "claim-collected",
    body: (values) => ({ ...values, default_id: claimed.default_id }),
  };
}

/** The panel of one lot in `host`; `changed()` is called after an action, and where somebody was faster. */
export class SettlementPanel {
  #host;
  #lotId;
  #who;
  #now;
  #announce;
  #changed;
  #detail = null;
  #view = null;
  #parts = {};
  #buttons = new Map();
  #approvals = null;
  #busy = false;
  #stopped = false;

  constructor(host, lotId, { who, now, announce, changed }) {
    this.#host = host;
    this.#lotId = lotId;
    this.#who = who;
    this.#now = now;
    this.#announce = announce;
    this.#changed = changed;
    host.replaceChildren(
      element("a", { class: "back", href: "#" }, t("ops.back")),
      element("p", { class: "empty card", id: "panel-title" }, t("ops.loading")),
    );
  }

  stop() {
    this.#stopped = true;
  }

  /** Ask for the newest detail; a problem is told by the page, unless there is nothing to show at all. */
  async refresh() {
    try {
      const signal = timeoutSignal(ANSWER_MS);
      this.#take(await get(`/ops/settlements/${encodeURIComponent(this.#lotId)}`, { signal }));
    } catch (problem) {
      if (problem.status === 401 || problem.status === 0 || problem.status >= 500) throw problem;
      if (!this.#detail && !this.#stopped) setText(this.#host.lastElementChild, staffProblemText(problem));
    }
  }

  #take(detail) {
    if (this.#stopped || (this.#detail && detail.now_ms < this.#detail.now_ms)) return;
    if (!this.#detail) this.#build(detail);
    addNames(detail.names);
    this.#detail = detail;
    this.#show();
  }

  #build(detail) {
    const parts = this.#parts;
    const { settlement } = detail;
    parts.badge = element("span", { class: "badge", id: "lot-state" });
    parts.price = element("p", { class: "price numbers", id: "lot-price" });
    parts.bidder = element("p", { class: "leader numbers" });
    parts.clock = element("span", { class: "left numbers", id: "lot-clock", role: "timer", "aria-live": "off" });
    parts.clockLabel = element("span", { class: "soft" });
    parts.facts = element("dl", { class: "facts numbers", id: "lot-facts" });
    parts.links = element("p", { class: "soft links" });
    parts.stuck = element("p", { class: "notice bad", id: "lot-stuck", hidden: true });
    parts.waits = element("p", { class: "notice", id: "lot-waits", hidden: true });
    parts.approvals = element("div", { class: "approvals", id: "approvals" });
    parts.actions = element("div", {
      class: "lot-actions",
      id: "lot-actions",
      role: "group",
      "aria-label": t("ops.actions"),
    });
    parts.outcome = element("p", { class: "notice good", id: "lot-outcome", role: "status", hidden: true });
    parts.detail = element("div", { class: "settlement-detail" });
    this.#approvals = new KeyedList(parts.approvals, (key) => {
      const [action, subject] = key.split(" ");
      const agree = () => (subject ? this.#agreeAbout(subject) : this.act(action));
      return approvalNotice(action, { who: this.#who, isBusy: () => this.#busy, agree });
    });
    this.#host.replaceChildren(
      element("a", { class: "back", href: "#" }, t("ops.back")),
      element(
        "section",
        { class: "card now" },
        element(
          "div",
          { class: "row-between" },
          parts.badge,
          element("span", { class: "soft numbers" }, settlement.lot_id),
        ),
        element("h2", { id: "panel-title" }, settlement.title),
        parts.links,
        element(
          "div",
          { class: "gauges" },
          element(
            "div",
            { class: "gauge" },
            element("p", { class: "soft" }, t("lot.hammer-price")),
            parts.price,
            parts.bidder,
          ),
          element("div", { class: "gauge" }, parts.clockLabel, parts.clock),
        ),
        parts.stuck,
        parts.waits,
        parts.approvals,
        parts.actions,
        parts.outcome,
        parts.facts,
      ),
      parts.detail,
    );
    const correct = this.#who.role === "finance" ? (name, about) => this.#correct(name, about) : null;
    this.#view = new SettlementTimeline(parts.detail, this.#lotId, correct);
  }

  #show() {
    const { settlement } = this.#detail;
    const parts = this.#parts;
    this.#host.dataset.state = settlement.state;
    parts.badge.dataset.tone = STATE_TONES[settlement.state];
    setText(parts.badge, t(`settlement.${settlement.state}`));
    setText(parts.price, settlement.hammer_price_fen ? `¥${yuan(settlement.hammer_price_fen)}` : "–");
    setText(parts.bidder, bidderWords(settlement));
    this.#links(settlement);
    this.#facts(settlement);
    parts.stuck.hidden = settlement.stuck.length === 0;
    setText(parts.stuck, t("money.stuck", { n: settlement.stuck.length, which: settlement.stuck.join(", ") }));
    const waits = settlement.state === "paid" && !settlement.delivery_centre ? t("money.waits-for-centre") : "";
    parts.waits.hidden = !waits;
    setText(parts.waits, waits);
    this.#approvals.show(settlement.approvals, (one) => [one.action, one.subject].filter(Boolean).join(" "));
    this.#offerActions(settlement);
    this.#view.show(this.#detail);
    this.tick();
  }

  /** Only what the clock moves. */
  tick() {
    if (!this.#detail) return;
    const { settlement } = this.#detail;
    const { clock, clockLabel } = this.#parts;
    const at = settlement.deadline_at_ms;
    const left = at === null ? 0 : at - this.#now();
    setText(clockLabel, t(at === null ? `money.rest.${settlement.state}` : `money.until.${settlement.state}`));
    setText(clock, at === null ? "" : left > 0 ? timeLeft(left) : t("money.next.due"));
    clock.classList.toggle("ending", isUrgent(settlement, this.#now()));
  }

  #links(settlement) {
    const host = this.#parts.links;
    const wanted = [
      [`/lots/${encodeURIComponent(settlement.lot_id)}`, t("ops.public-page")],
      settlement.relisted_from
        ? [
            `#lot=${encodeURIComponent(settlement.relisted_from)}`,
            t("money.relisted-from", { lot: settlement.relisted_from }),
          ]
        : null,
      settlement.relisted_as
        ? [
            `/lots/${encodeURIComponent(settlement.relisted_as)}`,
            t("money.relisted-as", { lot: settlement.relisted_as }),
          ]
        : null,
    ].filter(Boolean);
    if (host.childElementCount === wanted.length) return;
    host.replaceChildren(...wanted.map(([href, words]) => element("a", { href }, words)));
  }

  #facts(settlement) {
    const rows = [
      ["money.due", `¥${yuan(settlement.due_fen)}`],
      ["money.held", `¥${yuan(settlement.held_fen)}`],
      ["money.forfeited", `¥${yuan(settlement.forfeited_fen)}`],
      ["money.claim", `¥${yuan(settlement.claim_fen)}`],
      ...(settlement.fetch_by_ms ? [["money.fetch-by", shortDateTime(settlement.fetch_by_ms)]] : []),
      ...(settlement.storage_fee_fen ? [["money.storage", `¥${yuan(settlement.storage_fee_fen)}`]] : []),
      ...(settlement.disputed_fen ? [["money.disputed", `¥${yuan(settlement.disputed_fen)}`]] : []),
      ...(settlement.seller_owes_fen ? [["money.seller-owes", `¥${yuan(settlement.seller_owes_fen)}`]] : []),
      ["money.price-now", settlement.price_fen ? `¥${yuan(settlement.price_fen)}` : "–"],
      ["transfer.reference", settlement.payment_reference ?? "–"],
      ["money.centre", settlement.delivery_centre ?? "–"],
      ["money.changed", shortDateTime(settlement.changed_at_ms)],
    ];
    showDefinitions(this.#parts.facts, rows);
  }

  #offerActions(settlement) {
    const host = this.#parts.actions;
    if (this.#who.role !== "finance") {
      if (!host.childElementCount) host.append(element("p", { class: "soft" }, t("money.read-only")));
      return;
    }
    const names = Object.keys(ACTIONS).filter((name) => ACTIONS[name].possible(settlement));
    const shown = [...this.#buttons.keys()];
    if (!host.childElementCount || names.join() !== shown.join()) {
      const focused = host.contains(document.activeElement);
      this.#buttons = new Map(names.map((name) => [name, this.#button(name)]));
      host.replaceChildren(
        ...(names.length ? this.#buttons.values() : [element("p", { class: "soft" }, t("money.nothing-to-do"))]),
      );
      if (focused) this.#host.focus({ preventScroll: true });
    }
    for (const [name, button] of this.#buttons)
      button.disabled = this.#busy || !(ACTIONS[name].ready?.(settlement) ?? true);
  }

  #button(name) {
    return element(
      "button",
      {
        class: `button ${ACTIONS[name].tone}`.trim(),
        type: "button",
        id: `act-${name}`,
        onclick: () => this.act(name),
      },
      t(`money.act.${name}`),
    );
  }

  /** Ask, and do it: once, whoever is in the dialog with them. */
  async act(name) {
    if (this.#busy || !this.#detail) return;
    const action = ACTIONS[name];
    this.#busy = true;
    this.#parts.outcome.hidden = true;
    this.#show();
    const waiting = action.two ? pendingApproval(this.#detail, name) : null;
    const agrees = waiting && waiting.asked_by !== this.#who.subject;
    const facts = { title: this.#detail.settlement.title };
    try {
      const after = await confirmAction({
        title: t(`money.act.${name}.title`, facts),
        confirm: t(agrees ? "money.agree.confirm" : action.two ? "money.ask.confirm" : `money.act.${name}.confirm`),
        danger: action.tone === "danger",
        fields: action.fields(this.#detail),
        sentence: (values) => consequenceText(name, this.#detail, values, this.#who.subject),
        stale: () =>
          action.possible(this.#detail.settlement)
            ? ""
            : t("money.stale", { state: t(`settlement.${this.#detail.settlement.state}`) }),
        path: () => `/ops/settlements/${encodeURIComponent(this.#lotId)}/${action.path}`,
        body: agrees ? (values) => ({ ...action.body(values), pending_id: waiting.pending_id }) : action.body,
        words: staffProblemText,
        failed: (problem) => problem.status === 409 && this.#changed(),
      });
      if (after) this.#done(name, after, facts);
    } finally {
      this.#busy = false;
      if (this.#detail && !this.#stopped) this.#show();
    }
  }

  /** Agree that a refund was paid in another way, or to a large payment of a claim. */
  #agreeAbout(subject) {
    const approval = this.#detail.settlement.approvals.find((one) => one.subject === subject);
    const operation = this.#detail.operations.find((one) => one.operation_id === subject);
    if (operation) this.#correct("otherwise", operation, { approval });
    const [defaultId, amountFen, reference] = subject.split(":");
    const claimed = this.#detail.defaults.find((one) => one.default_id === defaultId);
    if (claimed) this.#correct("collect", claimed, { approval, amount_fen: Number(amountFen), reference });
  }

  /** Give up a payment, record that a refund was paid in another way, or record what a defaulter paid. */
  async #correct(name, about, agreed = null) {
    if (this.#busy) return;
    this.#busy = true;
    const { words, fields, path, body } = name === "collect" ? collection(about, agreed) : correction(name, about);
    const facts = {
      which: about.operation_id,
      amount: yuan(about.amount_fen ?? 0),
      bidder: nameOf(about.bidder_id),
      left: yuan(about.claim_left_fen ?? 0),
    };
    try {
      const after = await confirmAction({
        title: t(`${words}.title`, facts),
        confirm: t(`${words}.confirm`),
        danger: name !== "collect",
        fields,
        sentence: () => t(`${words}.sentence`, facts),
        stale: () => "",
        path: () => `/ops/settlements/${encodeURIComponent(this.#lotId)}/${path}`,
        body: agreed ? (values) => ({ ...body(values), pending_id: agreed.approval.pending_id }) : body,
        words: staffProblemText,
        failed: (problem) => problem.status === 409 && this.#changed(),
      });
      if (after) this.#take(after);
    } finally {
      this.#busy = false;
      if (this.#detail && !this.#stopped) this.#show();
    }
  }

  #done(name, after, facts) {
    this.#take(after);
    const asked = ACTIONS[name].two && pendingApproval(after, name) !== null;
    const words = asked ? t("money.asked", { action: t(`money.action.${name}`) }) : t(`money.done.${name}`, facts);
    const { outcome } = this.#parts;
    outcome.className = `notice ${asked ? "warn" : "good"}`;
    setText(outcome, words);
    outcome.hidden = false;
    this.#announce(words);
    this.#changed();
  }
}
