// An event of a published record in a sentence, with what everybody may know of it.

import { dateTime, hasText, t } from "../shared/i18n.js";
import { yuan } from "../shared/money.js";

const FACTS = {
  scheduled: (e) => ({ opens: dateTime(e.opens_at_ms), ends: dateTime(e.ends_at_ms) }),
  admitted: (e) => ({ paddle: e.paddle }),
  opened: (e) => ({ ends: dateTime(e.ends_at_ms) }),
  bid: (e) => ({ paddle: e.paddle, price: yuan(e.price_fen) }),
  maximum: (e) => ({ paddle: e.paddle }),
  paused: (e) => ({ reason: e.reason }),
  resumed: (e) => ({ ends: dateTime(e.ends_at_ms) }),
  extended: (e) => ({ ends: dateTime(e.ends_at_ms), reason: e.reason }),
  voided: (e) => ({ seq: e.bid_seq, reason: e.reason }),
  closed: (e) => ({ price: yuan(e.price_fen), paddle: e.leader_paddle }),
  void: (e) => ({ reason: e.reason }),
  restored: (e) => ({ after: e.archived_seq }),
};

/** The sentence for the facts of a line. */
export function eventText(facts) {
  const told = FACTS[facts.type]?.(facts) ?? {};
  const name = variant(facts);
  return hasText(name) ? t(name, told) : facts.type;
}

function variant(facts) {
  if (facts.type === "bid" && !facts.leading) return "record.event.bid-behind";
  if (facts.type === "closed") return `record.event.closed.${facts.outcome}`;
  return `record.event.${facts.type}`;
}
