// What rows of the audit log are called in words.

import { hasText, t } from "../shared/i18n.js";

/** The acts that somebody may look for. */
export const ACTIONS = [
  "abandon-payment",
  "accept-claim",
  "bank-receipt",
  "block-bidder",
  "book-receipt",
  "change-password",
  "change-role",
  "choose-centre",
  "close-exception",
  "close-lot",
  "collect",
  "collect-claim",
  "confirm-handover",
  "confirm-transfer",
  "create-lot",
  "create-sale",
  "decline-claim",
  "default",
  "disable-account",
  "edit-lot",
  "enable-account",
  "end-session",
  "end-sessions",
  "enrol-second-factor",
  "export",
  "extend-decision",
  "extend-lot",
  "extend-payment",
  "fail-transfer",
  "import-lots",
  "import-statement",
  "know-bidder",
  "match-receipt",
  "offer-lot",
  "open-lot",
  "pause-lot",
  "read-names",
  "refund-otherwise",
  "refuse-sign-in",
  "release-settlement",
  "relist",
  "reschedule-lot",
  "reset-second-factor",
  "restore-lot",
  "resume-lot",
  "return-receipt",
  "rotate-keys",
  "save-statement-mapping",
  "schedule-lot",
  "seller-repaid",
  "send-transfer",
  "set-identity",
  "sign-in",
  "sign-out",
  "unblock-bidder",
  "use-recovery-code",
  "view-bidders",
  "void",
  "void-bid",
  "void-lot",
  "writeoff",
];
const STAGES = ["ask", "approve", "withdraw"];

/** An act in words; the code of one that has none. */
export function actionText(action) {
  if (hasText(`audit.action.${action}`)) return t(`audit.action.${action}`);
  const stage = STAGES.find((one) => action.startsWith(`${one}-`));
  return stage ? t(`audit.stage.${stage}`, { act: actionText(action.slice(stage.length + 1)) }) : action;
}

/** Who acted, in words. */
export const actorText = (actor) => (hasText(`audit.actor.${actor}`) ? t(`audit.actor.${actor}`) : actor);
