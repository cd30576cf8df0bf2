// The sentence for a problem the server answered with: why, and what would be accepted.

import { dateTime, hasText, t } from "./i18n.js";
import { yuan } from "./money.js";

const AMOUNTS = [
  "minimum_fen",
  "maximum_fen",
  "limit_fen",
  "available_fen",
  "cap_fen",
  "price_fen",
  "amount_fen",
  "charged_fen",
];
const MOMENTS = ["until_ms", "expires_at_ms", "default_at_ms"];

/** The sentence for a Problem; `facts` fills in what the page knows (the amount that was offered). */
export function problemText(problem, facts = {}) {
  const given = problem.facts ?? {};
  const told = {};
  for (const name of AMOUNTS) if (typeof given[name] === "number") told[name] = yuan(given[name]);
  for (const name of MOMENTS) if (typeof given[name] === "number") told[name] = dateTime(given[name]);
  const standing = `status.${given.lot_status}`;
  told.status = hasText(standing) ? t(standing) : "";
  told.state = stateText(given.state ?? given.offer_status);
  told.failure = failureText(given.failure);
  told.centres = (given.delivery_centres ?? []).join(", ");
  told.detail = problem.message;
  const phrase = phraseOf(problem);
  return hasText(phrase) ? t(phrase, { ...facts, ...told }) : t("problem.other", told);
}

/** The name of a problem's sentence; some codes have several. */
function phraseOf(problem) {
  const cause = `problem.bidder-barred.${problem.facts?.cause}`;
  if (problem.code === "bidder-barred" && hasText(cause)) return cause;
  const isPartPaid = problem.code === "payment-declined" && problem.facts?.charged_fen > 0;
  return isPartPaid ? "problem.payment-declined-in-part" : `problem.${problem.code}`;
}

/** Why a payment provider said no, as a part of a sentence; a bank's own code as it is. */
export function failureText(code) {
  if (!code) return t("failure.unknown");
  return hasText(`failure.${code}`) ? t(`failure.${code}`) : String(code);
}

/** The state of a settlement, an award or an offer, as a part of a sentence. */
export function stateText(state) {
  for (const phrase of [`settlement.${state}`, `award.${state}`, `offer.${state}`])
    if (hasText(phrase)) return t(phrase);
  return state ?? "";
}
