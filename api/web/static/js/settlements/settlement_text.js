// Texts of settlements: states, deadlines, the steps of the timeline, accounts and kinds of entries.

import { timeLeft } from "../shared/clock.js";
import { hasText, t } from "../shared/i18n.js";
import { yuan } from "../shared/money.js";
import { failureText } from "../shared/problems.js";
import { shortDateTime } from "../shared/staff_text.js";

export const STATES = ["awarded", "offered", "defaulted", "paid", "settled", "relisted", "unsold", "void"];
export const STATE_TONES = {
  awarded: "warn",
  offered: "warn",
  defaulted: "bad",
  paid: "info",
  settled: "good",
  relisted: "",
  unsold: "",
  void: "bad",
};
const URGENT_MS = 3_600_000;
const SYSTEM = "the house";

/** The text for a code of the server, or the code itself where there is none. */
export const textOrCode = (kind, name) => (hasText(`${kind}.${name}`) ? t(`${kind}.${name}`) : name);

export const isUrgent = (settlement, now) =>
  settlement.deadline_at_ms !== null && settlement.deadline_at_ms - now < URGENT_MS;

/** What happens next by itself, and in how long; nothing where only people move it on. */
export function deadlineText(settlement, now) {
  if (settlement.deadline_at_ms === null) return "";
  const left = settlement.deadline_at_ms - now;
  if (left <= 0) return t("money.next.due");
  return t(`money.next.${settlement.state}`, { left: timeLeft(left) });
}

const names = new Map();

/** Take in what an answer says of whom its ids stand for. */
export function addNames(found) {
  for (const [id, name] of Object.entries(found)) names.set(id, name);
}

/** The name of a bidder or of somebody of staff; the id where the name is not known. */
export const nameOf = (id) => names.get(id) ?? id;

/** Who did it: a person of staff, a bidder, or the system itself. */
export const actorText = (actor) => (actor === SYSTEM ? t("money.house") : nameOf(actor));

/** A step of the timeline in a sentence, with its amounts. */
export function stepText({ step, details }) {
  const facts = { ...details };
  for (const [name, value] of Object.entries(details)) {
    if (name.endsWith("_fen") && typeof value === "number") facts[name] = yuan(value);
    if (name.endsWith("_at_ms") || name.endsWith("by_ms")) facts[name] = shortDateTime(value);
  }
  facts.failure = failureText(details.failure);
  const phrase = phraseOf(step, details);
  return hasText(phrase) ? t(phrase, facts) : step;
}

function phraseOf(step, details) {
  if (step === "defaulted") return `step.defaulted.${details.cause}`;
  if (step === "unsold" && details.outcome) return `step.unsold.${details.outcome}`;
  if (step === "void" && details.outcome) return "step.void-bidding";
  if (step === "awarded" && !details.fee_fen) return "step.awarded-without-fee";
  return `step.${step}`;
}

/** The tone of a step's mark in the timeline. */
export function stepTone(step) {
  if (["paid", "settled", "payment-received", "offer-accepted"].includes(step)) return "good";
  if (["defaulted", "payment-declined", "deposit-lapsed", "cure-period", "void"].includes(step)) return "bad";
  if (["offered", "relisted", "waterfall", "awarded"].includes(step)) return "warn";
  return "";
}

/** Who was paid from a forfeited deposit: [[name, fen]], parts of nothing left out. */
export function waterfallParts(details) {
  const rest = details.rest_to === "seller" ? "rest-seller" : "rest-house";
  return [
    ["cost", details.cost_fen],
    ["gap", details.gap_fen],
    ["commission", details.commission_fen],
    [rest, details.rest_fen],
    ["claim", details.claim_fen],
  ].filter(([, fen]) => fen);
}
