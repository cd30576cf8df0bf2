// Texts of the staff pages: problems as staff need to hear them, durations, moments, prices.

import { timeLeft } from "./clock.js";
import { hasText, language, t, timeOfDay } from "./i18n.js";
import { yuan, yuanShort } from "./money.js";
import { problemText, stateText } from "./problems.js";

/** Why an action or a form was not taken, for staff. */
export function staffProblemText(problem) {
  const phrase = `ops.problem.${problem.code}`;
  if (!hasText(phrase)) return problemText(problem);
  const facts = problem.facts ?? {};
  const status = hasText(`status.${facts.lot_status}`) ? t(`status.${facts.lot_status}`) : "";
  const price = typeof facts.price_fen === "number" ? yuanShort(facts.price_fen) : "";
  const detail = facts.contradictions?.map(contradictionText).join(" ") ?? problem.message;
  return t(phrase, { status, price, state: stateText(facts.state), detail });
}

/** What a contradiction in terms says, in the page's language. */
export function contradictionText(found) {
  const phrase = `ops.wrong.${found.code}`;
  if (!hasText(phrase)) return found.detail;
  const facts = {};
  for (const [name, value] of Object.entries(found.facts)) {
    if (name.endsWith("_fen")) facts[name] = yuanShort(value);
    else facts[name] = name.endsWith("_ms") ? durationText(value) : value;
  }
  if (found.code === "not-in-range") {
    const show = unitOf(found.field);
    facts.least = show(found.facts.least);
    facts.most = show(found.facts.most);
  }
  return t(phrase, facts);
}

/** Why a lot is frozen, as a part of a sentence; a cause that is not known here as it is. */
export function freezeCauseText(cause) {
  const phrase = `ops.freeze-cause.${cause}`;
  return hasText(phrase) ? t(phrase) : String(cause);
}

function unitOf(field) {
  if (field.endsWith("_fen")) return (fen) => `¥${yuanShort(fen)}`;
  if (field.endsWith("_ms")) return durationText;
  if (field.endsWith("_bps")) return (bps) => `${bps / 100}%`;
  return (n) => n.toLocaleString(language);
}

/** A time left or to be added: 1:02:03, 04:12 or 9.8 s. */
export function durationText(ms) {
  return ms < 10_000
    ? t("terms.seconds", {
        n: Math.max(0, ms / 1000)
          .toFixed(1)
          .replace(/\.0$/, ""),
      })
    : timeLeft(ms);
}

/** A moment: the time of day, with the date where it is another day than today. */
export function shortDateTime(atMs) {
  const day = (ms) => new Date(ms).toDateString();
  if (day(atMs) === day(Date.now())) return timeOfDay(atMs);
  const date = new Intl.DateTimeFormat(language, { month: "short", day: "numeric" }).format(atMs);
  return language === "en" ? `${timeOfDay(atMs)} on ${date}` : `${date} ${timeOfDay(atMs)}`;
}

/** The price as staff see it: the start price while there is no bid. */
export function priceText(lot) {
  return `¥${yuan(lot.price_fen || lot.terms.start_price_fen)}`;
}

export const formatCount = (n) => n.toLocaleString(language);
