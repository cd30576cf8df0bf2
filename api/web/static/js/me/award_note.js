// What an award says of itself under its bill: how it stands, in one sentence, by its status and the time.

import { dateTime, t } from "../shared/i18n.js";

/** The time to pay is over, the grace included; the default follows by itself. */
export const isOver = (award, now) => now >= award.default_at_ms;

function noteWhileDue(award, facts, now) {
  if (award.payment_under_way) return ["", t("award.note.under-way")];
  if (isOver(award, now)) return ["bad", t("award.note.over")];
  if (award.cure_until_ms !== null) return ["warn", t("award.note.cure", facts)];
  if (now >= award.pay_by_ms) return ["warn", t("award.note.grace", facts)];
  return ["", ""];
}

/** [tone, text]; the text is empty where there is nothing to add. `now` is the ledger's time in ms. */
export function awardNote(award, now) {
  const { status, delivery_centre: centre } = award;
  const facts = { centre: centre ?? "", when: dateTime(award.settled_at_ms ?? award.default_at_ms) };
  if (status === "due") return noteWhileDue(award, facts, now);
  if (status === "paid") return centre ? ["good", t("award.note.fetch", facts)] : ["warn", t("award.note.choose")];
  return [status === "settled" ? "good" : "bad", t(`award.note.${status}`, facts)];
}
