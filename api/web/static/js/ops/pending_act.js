// An act on a lot that waits for a second member of staff: what was requested, by whom, and the two ways on.

import { element, setText } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { shortDateTime } from "../shared/staff_text.js";

/** The action of the staff page by the act's name. */
export const ACTION_OF_ACT = {
  "close-lot": "close",
  "extend-lot": "extend",
  "void-bid": "void-bid",
  "void-lot": "void",
};

/** The number in a subject such as `seq=7` or `by_ms=60000`; null where there is none. */
export function numberOf(pending) {
  const digits = /=(\d+)$/.exec(pending.subject ?? "");
  return digits ? Number(digits[1]) : null;
}

/** Whether an extension that waits moves the hard stop too. */
export const movesHardStop = (pending) => (pending.subject ?? "").startsWith("moves_hard_stop ");

/** The notice on a lot's panel. `confirm()` and `withdraw()` are called by its buttons. */
export class PendingAct {
  constructor({ me, confirm, withdraw }) {
    this.me = me;
    this.words = element("p", {});
    this.confirm = element(
      "button",
      { class: "button main", type: "button", id: "pending-confirm", onclick: confirm },
      t("ops.pending.confirm"),
    );
    this.withdraw = element(
      "button",
      { class: "button", type: "button", id: "pending-withdraw", onclick: withdraw },
      t("ops.pending.withdraw"),
    );
    this.root = element(
      "div",
      { class: "notice warn", id: "pending-act", role: "status", hidden: true },
      this.words,
      element("div", { class: "actions" }, this.confirm, this.withdraw),
    );
  }

  /** Show what waits; null: nothing does. */
  show(pending, busy) {
    this.root.hidden = !pending;
    if (!pending) return;
    const isMine = pending.asked_by === this.me;
    const facts = {
      who: pending.asked_by,
      act: t(`ops.pending.act.${pending.act}`, { seq: numberOf(pending) ?? "" }),
      reason: pending.reason,
      until: shortDateTime(pending.expires_at_ms),
    };
    setText(this.words, t(isMine ? "ops.pending.mine" : "ops.pending.other", facts));
    this.confirm.hidden = isMine;
    this.confirm.disabled = busy;
    this.withdraw.disabled = busy;
  }
}
