// A lot's terms as the page needs them: the increment at a price, and the next amounts worth offering.

/** The increment in force at a price, in fen. */
export function incrementAt(terms, priceFen) {
  let step = terms.increments[0].step_fen;
  for (const band of terms.increments) {
    if (band.from_fen > priceFen) break;
    step = band.step_fen;
  }
  return step;
}

/** The minimum raised by so many increments less one (1: the minimum itself), in fen; never above the cap. */
export function amountAfterSteps(terms, minimumFen, steps) {
  let amount = minimumFen;
  for (let step = 1; step < steps; step += 1) amount += incrementAt(terms, amount);
  return terms.cap_fen ? Math.min(amount, terms.cap_fen) : amount;
}

/** True where an amount is so far above the price that it is worth asking twice. */
export function isBigJump(amountFen, priceFen, startFen) {
  return amountFen > 10 * Math.max(priceFen, startFen);
}
