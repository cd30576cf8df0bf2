// A problem of the house in plain words: why, and what would be accepted.

import { yuan } from "./money.js";
import { known, say } from "./words.js";

const AMOUNTS = ["minimum_fen", "maximum_fen", "limit_fen", "available_fen", "cap_fen", "price_fen"];

/** The sentence for a Problem; `facts` fills in what the page knows (the amount that was offered). */
export function wordsOf(problem, facts = {}) {
  const given = problem.facts ?? {};
  const money = {};
  for (const name of AMOUNTS) {
    if (typeof given[name] === "number") money[name] = yuan(given[name]);
  }
  const standing = `status.${given.lot_status}`;
  const status = known(standing) ? say(standing) : "";
  const phrase = `problem.${problem.code}`;
  return known(phrase) ? say(phrase, { ...facts, ...money, status }) : say("problem.other", { detail: problem.message });
}
