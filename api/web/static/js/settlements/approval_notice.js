// A request that waits for a second person, with the button to agree for whoever may.

import { element, setText } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { shortDateTime } from "../shared/staff_text.js";
import { nameOf } from "./settlement_text.js";

/** {root, show(approval)} for one action; only finance may agree, and nobody to their own request. */
export function approvalNotice(action, { who, isBusy, agree }) {
  const words = element("p", {});
  const reason = element("q", { class: "why" });
  const own = element("p", { class: "soft", hidden: true }, t("money.approval.yours"));
  const button = element(
    "button",
    { class: "button main", type: "button", id: `agree-${action}`, onclick: agree },
    t("money.agree"),
  );
  return {
    root: element("div", { class: "notice warn approval", "data-approval": action }, words, reason, own, button),
    show(approval) {
      const facts = {
        action: t(`money.action.${action}`),
        by: nameOf(approval.asked_by),
        when: shortDateTime(approval.asked_at_ms),
        until: shortDateTime(approval.expires_at_ms),
      };
      setText(words, t("money.approval", facts));
      setText(reason, approval.reason);
      const isOwn = approval.asked_by === who.subject;
      own.hidden = !isOwn || who.role !== "finance";
      button.hidden = isOwn || who.role !== "finance";
      button.disabled = isBusy();
    },
  };
}
