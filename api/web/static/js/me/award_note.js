// What an award says of itself under its bill: how it stands, in one sentence, by its status and the time.

import { dateTime, t } from "../shared/i18n.js";
import { yuan } from "../shared/money.js";

/** The time to pay is over, the grace included; the default follows by itself. */
export const isOver = (award, now) => now >= award.default_at_ms;

function noteWhileDue(award, facts, now) {
  if (award.confirmation) return ["", ""];
  if (award.payment_under_way) return ["", t("award.note.under-way")];
  if (isOver(award, now)) return ["bad", t("award.note.over")];
  if (award.cure_until_ms !== null) return ["warn", t("award.note.cure", facts)];
  if (now >= award.pay_by_ms) return ["warn", t("award.note.grace", facts)];
  return ["", ""];
}

/** [tone, text]; the text is empty where there is nothing to add. `now` is the ledger's time in ms. */
export function awardNote(award, now) {
  const { status } = award;
  const facts = { centre: award.delivery_centre ?? "", when: dateTime(award.settled_at_ms ?? award.default_at_ms) };
  if (status === "due") return noteWhileDue(award, facts, now);
  if (status === "paid") return noteWhilePaid(award, now);
  return [status === "settled" ? "good" : "bad", t(`award.note.${status}`, facts)];
}

/** Where and until when it is fetched; from a week before the end on as a reminder, and what being late costs. */
function noteWhilePaid(award, now) {
  const { delivery_centre: centre, fetch_by_ms: fetchByMs, remind_from_ms: remindFromMs } = award;
  const facts = { centre: centre ?? "", when: dateTime(fetchByMs), fee: yuan(award.storage_fee_fen) };
  const where = t(centre ? "award.note.fetch" : "award.note.choose", facts);
  if (now >= fetchByMs) {
    const late = t(award.storage_fee_fen ? "award.note.late-fee" : "award.note.late", facts);
    return ["bad", `${late} ${where}`];
  }
  const tone = centre && now < remindFromMs ? "good" : "warn";
  return [tone, `${where} ${t("award.note.fetch-by", facts)}`];
}
