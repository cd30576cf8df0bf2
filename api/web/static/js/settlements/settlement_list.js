// The closed lots: one row each, changed in place, and the states to filter by with their counts.

import { element, setText } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { KeyedList } from "../shared/keyed_list.js";
import { yuanShort } from "../shared/money.js";
import { formatCount } from "../shared/staff_text.js";
import { deadlineText, isUrgent, nameOf, STATE_TONES, STATES } from "./settlement_text.js";

const STAKES = ["due", "held", "forfeited", "claim"];

export class SettlementList {
  #list;
  #host;
  #now;
  #chosen = null;
  #buttons = new Map();

  constructor(host, states, { now, chosenState }) {
    this.#host = host;
    this.#now = now;
    this.#list = new KeyedList(host, (lotId) => this.#row(lotId));
    for (const state of [null, ...STATES]) {
      const tally = element("span", { class: "tally numbers" });
      const words = t(state ? `settlement.${state}` : "money.all");
      const button = element(
        "button",
        {
          class: "state",
          type: "button",
          "data-state": state ?? "all",
          "aria-pressed": state === null ? "true" : "false",
          onclick: () => chosenState(state),
        },
        element("span", {}, words),
        " ",
        tally,
      );
      this.#buttons.set(state, { button, tally });
      states.append(button);
    }
  }

  /** Show the newest board; `state`: which is chosen, null for all; `chosen`: the lot in the panel. */
  show(shown, { state, chosen }) {
    this.#chosen = chosen;
    const all = Object.values(shown.counts).reduce((a, b) => a + b, 0);
    for (const [name, { button, tally }] of this.#buttons) {
      const some = name === null ? all : (shown.counts[name] ?? 0);
      setText(tally, formatCount(some));
      button.setAttribute("aria-pressed", name === state ? "true" : "false");
      button.hidden = some === 0 && name !== null && name !== state;
    }
    this.#list.show(shown.settlements, (one) => one.lot_id);
  }

  /** Only what the clock moves. */
  tick() {
    for (const entry of this.#list.entries.values()) entry.tick();
  }

  focus(lotId) {
    this.#host.querySelector(`[data-lot="${CSS.escape(lotId)}"]`)?.focus({ preventScroll: false });
  }

  #row(lotId) {
    let settlement = null;
    const part = (name) => element("span", { class: name });
    const title = part("title");
    const id = part("id numbers");
    const price = part("price numbers");
    const badge = part("badge");
    const clock = part("clock numbers");
    const stakes = part("line numbers");
    const marks = part("marks");
    const link = element(
      "a",
      { class: "row", href: `#lot=${encodeURIComponent(lotId)}`, "data-lot": lotId },
      element("span", { class: "name" }, title, id),
      price,
      element("span", { class: "foot" }, element("span", { class: "line" }, badge, clock), stakes),
      marks,
    );
    const tick = () => {
      setText(clock, deadlineText(settlement, this.#now()));
      clock.classList.toggle("ending", isUrgent(settlement, this.#now()));
    };
    return {
      root: element("li", {}, link),
      tick,
      show: (newest) => {
        settlement = newest;
        link.dataset.state = settlement.state;
        setText(title, settlement.title);
        setText(id, lotId);
        const amount = settlement.price_fen ?? settlement.hammer_price_fen;
        setText(price, amount ? `¥${yuanShort(amount)}` : "–");
        badge.dataset.tone = STATE_TONES[settlement.state];
        setText(badge, t(`settlement.${settlement.state}`));
        const told = STAKES.filter((name) => settlement[`${name}_fen`]).map((name) =>
          t(`money.stake.${name}`, { amount: yuanShort(settlement[`${name}_fen`]) }),
        );
        setText(stakes, told.join(" · "));
        mark(marks, settlement);
        if (lotId === this.#chosen) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
        tick();
      },
    };
  }
}

/** What needs a person, plainly: an approval that waits, something the provider does not do. */
function mark(host, settlement) {
  const wanted = [
    ...settlement.approvals.map((one) => [
      "warn",
      t("money.mark.approval", { action: t(`money.action.${one.action}`), by: nameOf(one.asked_by) }),
    ]),
    ...(settlement.fetch_by_ms !== null && settlement.deadline_at_ms === null
      ? [["bad", t("money.mark.overdue")]]
      : []),
    ...(settlement.stuck.length ? [["bad", t("money.mark.stuck", { n: settlement.stuck.length })]] : []),
    ...(settlement.waiting_operations && !settlement.stuck.length
      ? [["info", t("money.mark.waiting", { n: settlement.waiting_operations })]]
      : []),
  ];
  while (host.childElementCount > wanted.length) host.lastElementChild.remove();
  wanted.forEach(([tone, words], index) => {
    if (!host.children[index]) host.append(element("span", { class: "badge mark" }));
    host.children[index].dataset.tone = tone;
    setText(host.children[index], words);
  });
}
