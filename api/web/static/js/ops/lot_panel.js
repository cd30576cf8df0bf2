// One lot on the staff page: its live facts, what may be done with it now, its terms in words, and its event log.

import { remove } from "../shared/api.js";
import { confirmAction } from "../shared/confirm_dialog.js";
import { showDefinitions } from "../shared/definition_list.js";
import { element, setText } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { yuanShort } from "../shared/money.js";
import { formatCount, priceText, shortDateTime, staffProblemText } from "../shared/staff_text.js";
import { showTerms } from "../shared/terms_text.js";
import { Activity } from "./activity.js";
import { EventLog } from "./event_log.js";
import { ACTIONS, actionsFor } from "./lot_actions.js";
import { bidRateText, RUNNING, timeLeftFigure } from "./lot_list.js";
import { ACTION_OF_ACT, movesHardStop, numberOf, PendingAct } from "./pending_act.js";
import { presetLabel } from "./presets.js";
import { restoreCommand } from "./recovery.js";

const PRICE_LABELS = { closed: "lot.hammer-price", frozen: "lot.price-not-final" };

/**
 * The panel of one lot in `host`. `lot()` and `now()` give the newest; `done(lot, words)` is called after an action,
 * `frozenCause()` gives in words why the lot is frozen, `pending()` the act on it that waits for a second person, or
 * nothing; `me` is who is signed in, `changed()` asks the server again.
 */
export class LotPanel {
  #host;
  #lotId;
  #store;
  #now;
  #done;
  #cause;
  #pending;
  #changed;
  #notice;
  #log;
  #activity;
  #parts = {};
  #status = null;
  #busy = false;

  constructor(host, lotId, { store, now, done, frozenCause, pending, me, changed }) {
    this.#host = host;
    this.#lotId = lotId;
    this.#store = store;
    this.#now = now;
    this.#done = done;
    this.#cause = frozenCause;
    this.#pending = pending;
    this.#changed = changed;
    this.#notice = new PendingAct({ me, confirm: () => this.#confirm(), withdraw: () => this.#withdraw() });
    this.#build();
  }

  get #lot() {
    return this.#store.get(this.#lotId);
  }

  stop() {
    this.#log?.stop();
    this.#activity?.stop();
  }

  #build() {
    const lot = this.#lot;
    const parts = this.#parts;
    parts.badge = element("span", { class: "badge", id: "lot-status" });
    parts.price = element("p", { class: "price numbers", id: "lot-price" });
    parts.label = element("p", { class: "soft" });
    parts.leader = element("p", { class: "leader" });
    parts.clock = element("span", { class: "left numbers", id: "lot-clock", role: "timer", "aria-live": "off" });
    parts.clockLabel = element("span", { class: "soft" });
    parts.facts = element("dl", { class: "facts numbers" });
    parts.actions = element("div", {
      class: "lot-actions",
      id: "lot-actions",
      role: "group",
      "aria-label": t("ops.actions"),
    });
    parts.outcome = element("p", { class: "notice good", id: "lot-outcome", hidden: true });
    parts.note = element("p", { class: "notice warn", id: "lot-note", hidden: true });
    parts.command = element("code", { id: "lot-command" });
    parts.restore = element("p", { class: "command", hidden: true }, parts.command);
    const terms = element("dl", { class: "terms numbers" });
    showTerms(terms, lot);
    const log = element("section", { class: "card log-card" });
    const activity = element("section", { class: "card", id: "activity", hidden: lot.status === "draft" });
    this.#host.replaceChildren(
      element("a", { class: "back", href: "#" }, t("ops.back")),
      element(
        "section",
        { class: "card now" },
        element("div", { class: "row-between" }, parts.badge, element("span", { class: "soft numbers" }, lot.lot_id)),
        element("h2", { id: "panel-title" }, lot.title),
        element(
          "p",
          { class: "soft" },
          lot.sale_title,
          " · ",
          element("a", { href: `/lots/${encodeURIComponent(lot.lot_id)}` }, t("ops.public-page")),
        ),
        element(
          "div",
          { class: "gauges" },
          element("div", { class: "gauge" }, parts.label, parts.price, parts.leader),
          element("div", { class: "gauge" }, parts.clockLabel, parts.clock),
        ),
        parts.note,
        parts.restore,
        this.#notice.root,
        parts.actions,
        parts.outcome,
        parts.facts,
      ),
      activity,
      log,
      element("details", { class: "card" }, element("summary", {}, t("ops.terms")), terms),
    );
    this.#activity = new Activity(activity, this.#lotId, () => this.#lot);
    this.#log = new EventLog(log, this.#lotId, (event) => this.act("void-bid", event));
    this.show();
  }

  /** Show the newest facts. */
  show() {
    const lot = this.#lot;
    const parts = this.#parts;
    parts.badge.dataset.status = lot.status;
    setText(parts.badge, t(`status.${lot.status}`));
    setText(parts.label, t(lot.price_fen ? (PRICE_LABELS[lot.status] ?? "lot.price") : "lot.start-price"));
    setText(parts.price, priceText(lot));
    setText(
      parts.leader,
      lot.leader
        ? t(lot.status === "closed" ? "ops.ended-with" : "lot.leads", { paddle: lot.leader })
        : t("lot.nobody-leads"),
    );
    this.#facts(lot);
    this.#note(lot);
    if (this.#status !== lot.status) this.#offer(lot);
    this.#status = lot.status;
    this.#host.dataset.status = lot.status;
    this.#enable();
    this.tick();
    this.#log.refresh(lot);
  }

  /** Only what the clock moves. */
  tick() {
    const lot = this.#lot;
    const label = {
      scheduled: "lot.opens-in",
      paused: "lot.time-kept",
      held: "lot.time-kept",
      frozen: "lot.time-kept",
      closed: "lot.ended",
      void: "lot.ended",
      draft: "ops.clock",
    };
    setText(this.#parts.clockLabel, t(label[lot.status] ?? "lot.time-left"));
    setText(this.#parts.clock, timeLeftFigure(lot, this.#now()));
    this.#parts.clock.classList.toggle("ending", lot.status === "open" && lot.ends_at_ms - this.#now() < 60_000);
  }

  #facts(lot) {
    const { terms } = lot;
    const reserve = terms.reserve_fen;
    const rows = [
      ["ops.fact.bids", formatCount(lot.bids)],
      RUNNING.includes(lot.status) ? ["ops.fact.pace", bidRateText(this.#store.rate(lot.lot_id))] : null,
      RUNNING.includes(lot.status) || lot.watchers ? ["ops.fact.watchers", formatCount(lot.watchers)] : null,
      ["ops.fact.minimum", `¥${yuanShort(lot.minimum_fen)}`],
      lot.status === "scheduled" ? ["ops.fact.opens", shortDateTime(lot.opens_at_ms)] : null,
      ["open", "scheduled"].includes(lot.status) ? ["ops.fact.ends", shortDateTime(lot.ends_at_ms)] : null,
      reserve
        ? ["ops.fact.reserve", `¥${yuanShort(reserve)} ${t(lot.price_fen >= reserve ? "ops.met" : "ops.unmet")}`]
        : null,
      lot.review_above_fen ? ["ops.fact.review", `¥${yuanShort(lot.review_above_fen)}`] : null,
      terms.cap_fen ? ["terms.cap", `¥${yuanShort(terms.cap_fen)}`] : null,
      lot.list_price_fen ? ["ops.fact.list", `¥${yuanShort(lot.list_price_fen)}`] : null,
      lot.preset ? ["ops.fact.preset", presetLabel(lot.preset).name] : null,
      ["ops.fact.seq", `${formatCount(lot.seq)} / ${lot.epoch}`],
    ].filter(Boolean);
    showDefinitions(this.#parts.facts, rows);
  }

  #note(lot) {
    const isFrozen = lot.status === "frozen";
    this.#parts.note.className = `notice ${isFrozen ? "bad" : "warn"}`;
    this.#parts.restore.hidden = !isFrozen;
    setText(this.#parts.command, isFrozen ? restoreCommand(lot.lot_id) : "");
    const over = lot.status === "open" && this.#now() - lot.ends_at_ms > 5000;
    const words = over
      ? t("ops.note.overdue")
      : ["held", "draft", "frozen"].includes(lot.status)
        ? t(`ops.note.${lot.status}`, { cause: isFrozen ? this.#cause() : "" })
        : "";
    setText(this.#parts.note, words);
    this.#parts.note.hidden = !words;
  }

  #offer(lot) {
    const focused = this.#parts.actions.contains(document.activeElement);
    const names = actionsFor(lot.status);
    const buttons = names.map((name) => {
      const kind =
        ACTIONS[name].main && !(name === "open" && lot.status === "draft")
          ? " main"
          : ACTIONS[name].danger
            ? " danger"
            : "";
      return element(
        "button",
        { class: `button${kind}`, type: "button", id: `act-${name}`, onclick: () => this.#choose(name) },
        t(`ops.act.${name}`),
      );
    });
    if (lot.status === "draft") {
      const href = `#edit=${encodeURIComponent(lot.lot_id)}`;
      buttons.push(element("a", { class: "button", id: "act-edit", href }, t("ops.act.edit")));
    }
    this.#parts.actions.replaceChildren(
      ...(buttons.length ? buttons : [element("p", { class: "soft" }, t("ops.nothing-to-do"))]),
    );
    if (focused) this.#host.focus({ preventScroll: true });
  }

  #enable() {
    const pending = this.#pending();
    this.#notice.show(pending, this.#busy);
    for (const button of this.#parts.actions.querySelectorAll("button")) {
      const isFrozen = this.#lot.status === "frozen";
      if (isFrozen) {
        button.title = t("ops.frozen-why");
        button.setAttribute("aria-describedby", "lot-note");
      }
      const blocked = Boolean(pending) && button.id !== "act-pause";
      if (!isFrozen) button.title = blocked ? t("ops.pending.blocks") : "";
      button.disabled = isFrozen || blocked || this.#busy || (button.id === "act-void-bid" && !this.#lot.leader);
    }
  }

  /** Do what another person has requested, after it was read word for word. */
  async #confirm() {
    const pending = this.#pending();
    if (!pending) return;
    const name = ACTION_OF_ACT[pending.act];
    const bid = name === "void-bid" ? await this.#log.bidAt(numberOf(pending)) : null;
    if (name !== "void-bid" || bid) this.act(name, bid, pending);
  }

  async #withdraw() {
    const pending = this.#pending();
    if (!pending || this.#busy) return;
    this.#busy = true;
    this.#enable();
    try {
      await remove(`/ops/pending/${pending.pending_id}`);
      this.#say(t("ops.pending.withdrawn"));
    } catch (problem) {
      this.#say(staffProblemText(problem));
    } finally {
      this.#busy = false;
      await this.#changed();
    }
  }

  #say(words) {
    this.#parts.outcome.textContent = words;
    this.#parts.outcome.hidden = false;
  }

  /** Of a lot's own actions only one needs to know a bid: that of the leader. */
  async #choose(name) {
    if (name !== "void-bid") {
      this.act(name);
      return;
    }
    const bid = await this.#log.leadingBid(this.#lot.leader);
    if (bid) this.act(name, bid);
  }

  /** Do what its button does, where it can be done now. */
  press(name) {
    const button = this.#parts.actions.querySelector(`#act-${name}`);
    if (button && !button.disabled) button.click();
  }

  /** Ask, and do it, or request it; `pending`: another person's request for it, which this confirms. */
  async act(name, bid = null, pending = null) {
    if (this.#busy) return;
    const action = ACTIONS[name];
    const lot = this.#lot;
    this.#busy = true;
    this.#parts.outcome.hidden = true;
    this.#enable();
    const title = t(`ops.act.${name}.title`, { title: lot.title });
    const fields = action.fields(lot, this.#now());
    if (pending && fields.by_ms) {
      fields.by_ms.write(numberOf(pending));
      fields.by_ms.root.inert = true;
      fields.move_hard_stop.write(movesHardStop(pending));
      fields.move_hard_stop.root.inert = true;
    }
    const asked = pending ? t("ops.pending.asked", { who: pending.asked_by, reason: pending.reason }) : "";
    try {
      const after = await confirmAction({
        title,
        confirm: t(`ops.act.${name}.confirm`),
        danger: Boolean(action.danger),
        fields,
        sentence: (values) => `${action.sentence(this.#lot, values, this.#now(), bid)}${asked}`,
        stale: () =>
          action.statuses.includes(this.#lot.status) ? "" : t("ops.stale", { status: t(`status.${this.#lot.status}`) }),
        path: () => action.path(this.#lot, bid),
        replaces: Boolean(action.replaces),
        body: pending ? (values) => ({ ...action.body(values), pending_id: pending.pending_id }) : action.body,
        words: staffProblemText,
      });
      if (after?.pending_id) {
        this.#say(t("ops.pending.requested", { until: shortDateTime(after.expires_at_ms) }));
        await this.#changed();
      } else if (after) {
        const words = t(`ops.done.${name}`, {
          title: after.title,
          price: priceText(after),
          ends: shortDateTime(after.ends_at_ms ?? 0),
          opens: shortDateTime(after.opens_at_ms ?? 0),
        });
        this.#say(words);
        this.#done(after, words);
      }
    } finally {
      this.#busy = false;
      this.#enable();
    }
  }
}
