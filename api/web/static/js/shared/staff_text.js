// The staff page's own words: problems as staff need to hear them, durations, lots by name.

import { timeLeft } from "./clock.js";
import { yuan, yuanShort } from "./money.js";
import { stateWords, wordsOf } from "./problems.js";
import { clockTime, known, language, say } from "./i18n.js";

/** Why an action or a form was not taken, for staff. */
export function staffWordsOf(problem) {
  const phrase = `ops.problem.${problem.code}`;
  if (!known(phrase)) return wordsOf(problem);
  const facts = problem.facts ?? {};
  const status = known(`status.${facts.lot_status}`) ? say(`status.${facts.lot_status}`) : "";
  const price = typeof facts.price_fen === "number" ? yuanShort(facts.price_fen) : "";
  return say(phrase, { status, price, state: stateWords(facts.state), detail: problem.message });
}

/** What a contradiction in terms says, in the page's language. */
export function contradictionWords(found) {
  const phrase = `ops.wrong.${found.code}`;
  if (!known(phrase)) return found.detail;
  const facts = {};
  for (const [name, value] of Object.entries(found.facts)) {
    if (name.endsWith("_fen")) facts[name] = yuanShort(value);
    else facts[name] = name.endsWith("_ms") ? span(value) : value;
  }
  if (found.code === "not-in-range") {
    const show = unitOf(found.field);
    facts.least = show(found.facts.least);
    facts.most = show(found.facts.most);
  }
  return say(phrase, facts);
}

function unitOf(field) {
  if (field.endsWith("_fen")) return (fen) => `¥${yuanShort(fen)}`;
  if (field.endsWith("_ms")) return span;
  if (field.endsWith("_bps")) return (bps) => `${bps / 100}%`;
  return (n) => n.toLocaleString(language);
}

/** A time left or to be added: 1:02:03, 04:12 or 9.8 s. */
export function span(ms) {
  return ms < 10_000
    ? say("terms.seconds", {
        n: Math.max(0, ms / 1000)
          .toFixed(1)
          .replace(/\.0$/, ""),
      })
    : timeLeft(ms);
}

/** A moment: the time of day, with the date where it is another day than today. */
export function moment(atMs) {
  const day = (ms) => new Date(ms).toDateString();
  if (day(atMs) === day(Date.now())) return clockTime(atMs);
  const date = new Intl.DateTimeFormat(language, { month: "short", day: "numeric" }).format(atMs);
  return language === "en" ? `${clockTime(atMs)} on ${date}` : `${date} ${clockTime(atMs)}`;
}

/** The price as staff see it: the start price while there is no bid. */
export function priceWords(lot) {
  return `¥${yuan(lot.price_fen || lot.terms.start_price_fen)}`;
}

export const count = (n) => n.toLocaleString(language);
