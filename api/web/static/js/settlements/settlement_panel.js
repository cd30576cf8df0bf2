// One lot on the settlement board: where it stands, what may be done, who must agree, and its whole story below.

import { get } from "../shared/api.js";
import { timeLeft } from "../shared/clock.js";
import { askFirst } from "../shared/confirm_dialog.js";
import { element, put } from "../shared/element.js";
import { KeyedList } from "../shared/keyed_list.js";
import { yuan } from "../shared/money.js";
import { moment, staffWordsOf } from "../shared/staff_text.js";
import { ACTIONS, consequence, waitingFor } from "./actions.js";
import { StoryView } from "./timeline.js";
import { STATE_TONES, isUrgent, learnNames, nameOf } from "./settlement_text.js";
import { say } from "../shared/i18n.js";

const ANSWER_MS = 8000;
const IN_FORCE = ["awarded", "paid", "settled"];

/** Who has the lot, or had it. */
function bidderWords(settlement) {
  if (!settlement.bidder) return say("money.nobody");
  const words = say("money.bidder", { paddle: settlement.paddle, bidder: nameOf(settlement.bidder) });
  if (IN_FORCE.includes(settlement.state)) return words;
  return say(settlement.state === "void" ? "money.bidder-void" : "money.bidder-defaulted", { who: words });
}

/** The panel of one lot in `host`; `changed()` is called after an action, and where somebody was faster. */
export class SettlementPanel {
  #host;
  #lotId;
  #who;
  #now;
  #say;
  #changed;
  #story = null;
  #view = null;
  #parts = {};
  #buttons = new Map();
  #approvals = null;
  #busy = false;
  #stopped = false;

  constructor(host, lotId, { who, now, say: speak, changed }) {
    this.#host = host;
    this.#lotId = lotId;
    this.#who = who;
    this.#now = now;
    this.#say = speak;
    this.#changed = changed;
    host.replaceChildren(
      element("a", { class: "back", href: "#" }, say("ops.back")),
      element("p", { class: "empty card", id: "panel-title" }, say("ops.loading")),
    );
  }

  stop() {
    this.#stopped = true;
  }

  /** Ask for the newest story; a problem is told by the page, unless there is nothing to show at all. */
  async refresh() {
    try {
      const signal = AbortSignal.timeout ? AbortSignal.timeout(ANSWER_MS) : undefined;
      this.#take(await get(`/ops/settlements/${encodeURIComponent(this.#lotId)}`, { signal }));
    } catch (problem) {
      if (problem.status === 401 || problem.status === 0 || problem.status >= 500) throw problem;
      if (!this.#story && !this.#stopped) put(this.#host.lastElementChild, staffWordsOf(problem));
    }
  }

  #take(story) {
    if (this.#stopped || (this.#story && story.now_ms < this.#story.now_ms)) return;
    if (!this.#story) this.#build(story);
    learnNames(story.names);
    this.#story = story;
    this.#show();
  }

  #build(story) {
    const parts = this.#parts;
    const { settlement } = story;
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
      "aria-label": say("ops.actions"),
    });
    parts.outcome = element("p", { class: "notice good", id: "lot-outcome", role: "status", hidden: true });
    parts.story = element("div", { class: "story" });
    this.#approvals = new KeyedList(parts.approvals, (action) => this.#approval(action));
    this.#host.replaceChildren(
      element("a", { class: "back", href: "#" }, say("ops.back")),
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
            element("p", { class: "soft" }, say("lot.hammer-price")),
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
      parts.story,
    );
    this.#view = new StoryView(parts.story, this.#lotId);
  }

  #show() {
    const { settlement } = this.#story;
    const parts = this.#parts;
    this.#host.dataset.state = settlement.state;
    parts.badge.dataset.tone = STATE_TONES[settlement.state];
    put(parts.badge, say(`settlement.${settlement.state}`));
    put(parts.price, settlement.hammer_price_fen ? `¥${yuan(settlement.hammer_price_fen)}` : "–");
    put(parts.bidder, bidderWords(settlement));
    this.#links(settlement);
    this.#facts(settlement);
    parts.stuck.hidden = settlement.stuck.length === 0;
    put(parts.stuck, say("money.stuck", { n: settlement.stuck.length, which: settlement.stuck.join(", ") }));
    const waits = settlement.state === "paid" && !settlement.delivery_centre ? say("money.waits-for-centre") : "";
    parts.waits.hidden = !waits;
    put(parts.waits, waits);
    this.#approvals.show(settlement.approvals, (one) => one.action);
    this.#offerActions(settlement);
    this.#view.show(this.#story);
    this.tick();
  }

  /** Only what the clock moves. */
  tick() {
    if (!this.#story) return;
    const { settlement } = this.#story;
    const { clock, clockLabel } = this.#parts;
    const at = settlement.deadline_at_ms;
    const left = at === null ? 0 : at - this.#now();
    put(clockLabel, say(at === null ? `money.rest.${settlement.state}` : `money.until.${settlement.state}`));
    put(clock, at === null ? "" : left > 0 ? timeLeft(left) : say("money.next.due"));
    clock.classList.toggle("ending", isUrgent(settlement, this.#now()));
  }

  #links(settlement) {
    const host = this.#parts.links;
    const wanted = [
      [`/lots/${encodeURIComponent(settlement.lot_id)}`, say("ops.public-page")],
      settlement.relisted_from
        ? [
            `#lot=${encodeURIComponent(settlement.relisted_from)}`,
            say("money.relisted-from", { lot: settlement.relisted_from }),
          ]
        : null,
      settlement.relisted_as
        ? [
            `/lots/${encodeURIComponent(settlement.relisted_as)}`,
            say("money.relisted-as", { lot: settlement.relisted_as }),
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
      ["money.price-now", settlement.price_fen ? `¥${yuan(settlement.price_fen)}` : "–"],
      ["money.centre", settlement.delivery_centre ?? "–"],
      ["money.changed", moment(settlement.changed_at_ms)],
    ];
    const host = this.#parts.facts;
    if (!host.childElementCount)
      host.append(...rows.map(([name]) => element("div", {}, element("dt", {}, say(name)), element("dd", {}))));
    rows.forEach(([, words], index) => put(host.children[index].lastElementChild, words));
  }

  /** One request that waits for a second person, with the way to agree for whoever may. */
  #approval(action) {
    const words = element("p", {});
    const why = element("q", { class: "why" });
    const mine = element("p", { class: "soft", hidden: true }, say("money.approval.yours"));
    const agree = element(
      "button",
      { class: "button main", type: "button", id: `agree-${action}`, onclick: () => this.act(action) },
      say("money.agree"),
    );
    return {
      root: element("div", { class: "notice warn approval", "data-approval": action }, words, why, mine, agree),
      show: (approval) => {
        const facts = {
          action: say(`money.action.${action}`),
          by: nameOf(approval.asked_by),
          when: moment(approval.asked_at_ms),
          until: moment(approval.expires_at_ms),
        };
        put(words, say("money.approval", facts));
        put(why, approval.reason);
        const own = approval.asked_by === this.#who.subject;
        mine.hidden = !own || this.#who.role !== "finance";
        agree.hidden = own || this.#who.role !== "finance";
        agree.disabled = this.#busy;
      },
    };
  }

  #offerActions(settlement) {
    const host = this.#parts.actions;
    if (this.#who.role !== "finance") {
      if (!host.childElementCount) host.append(element("p", { class: "soft" }, say("money.read-only")));
      return;
    }
    const names = Object.keys(ACTIONS).filter((name) => ACTIONS[name].possible(settlement));
    const shown = [...this.#buttons.keys()];
    if (!host.childElementCount || names.join() !== shown.join()) {
      const focused = host.contains(document.activeElement);
      this.#buttons = new Map(names.map((name) => [name, this.#button(name)]));
      host.replaceChildren(
        ...(names.length ? this.#buttons.values() : [element("p", { class: "soft" }, say("money.nothing-to-do"))]),
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
      say(`money.act.${name}`),
    );
  }

  /** Ask, and do it: once, whoever is in the dialog with them. */
  async act(name) {
    if (this.#busy || !this.#story) return;
    const action = ACTIONS[name];
    this.#busy = true;
    this.#parts.outcome.hidden = true;
    this.#show();
    const agrees =
      action.two && waitingFor(this.#story, name) && waitingFor(this.#story, name).asked_by !== this.#who.subject;
    const facts = { title: this.#story.settlement.title };
    try {
      const after = await askFirst({
        title: say(`money.act.${name}.title`, facts),
        confirm: say(agrees ? "money.agree.confirm" : action.two ? "money.ask.confirm" : `money.act.${name}.confirm`),
        danger: action.tone === "danger",
        fields: action.fields(this.#story),
        sentence: (values) => consequence(name, this.#story, values, this.#who.subject),
        stale: () =>
          action.possible(this.#story.settlement)
            ? ""
            : say("money.stale", { state: say(`settlement.${this.#story.settlement.state}`) }),
        path: () => `/ops/settlements/${encodeURIComponent(this.#lotId)}/${action.path}`,
        body: action.body,
        words: staffWordsOf,
        failed: (problem) => problem.status === 409 && this.#changed(),
      });
      if (after) this.#done(name, after, facts);
    } finally {
      this.#busy = false;
      if (this.#story && !this.#stopped) this.#show();
    }
  }

  #done(name, after, facts) {
    this.#take(after);
    const asked = ACTIONS[name].two && waitingFor(after, name) !== null;
    const words = asked
      ? say("money.asked", { action: say(`money.action.${name}`) })
      : say(`money.done.${name}`, facts);
    const { outcome } = this.#parts;
    outcome.className = `notice ${asked ? "warn" : "good"}`;
    put(outcome, words);
    outcome.hidden = false;
    this.#say(words);
    this.#changed();
  }
}
