// The amounts worth offering on buttons: the minimum, and two raises that grow with the price; and what needs a question.

/** The second and the third button: at least so many increments, and at least such a part of the price. */
const RAISES = [
  { increments: 2, partOfPrice: 100 },
  { increments: 5, partOfPrice: 20 },
];

const NO_LIMIT = Number.POSITIVE_INFINITY;

/** The increment in force at a price, in fen. */
export function incrementAt(terms, priceFen) {
  let step = terms.increments[0].step_fen;
  for (const band of terms.increments) {
    if (band.from_fen > priceFen) break;
    step = band.step_fen;
  }
  return step;
}

/** The least of 1, 2, 5, 10, 20, 50 ... fen that is not below the amount. */
export function roundRaise(fen) {
  let unit = 1;
  while (unit * 10 < fen) unit *= 10;
  return [1, 2, 5, 10].map((times) => times * unit).find((round) => round >= fen);
}

/**
 * The most that a bid may be by cap, jump limit and the bidder's own limit (`limitFen`, null: none), in fen, on the grid;
 * NO_LIMIT without any. Mirrors `highest_jump_fen` of auction/domain/bidding.py.
 */
export function maximumBid(terms, { price_fen: priceFen, minimum_fen: minimumFen }, limitFen = null) {
  const base = Math.max(priceFen, terms.start_price_fen);
  const step = incrementAt(terms, base);
  const jump = terms.max_jump;
  const jumps = [jump?.fen ?? 0, (jump?.steps ?? 0) * step, Math.floor((base * (jump?.percent ?? 0)) / 100)];
  const highest = jump ? Math.max(minimumFen, base + Math.max(...jumps)) : NO_LIMIT;
  const most = Math.min(highest, limitFen ?? NO_LIMIT);
  if (terms.cap_fen && most >= terms.cap_fen) return terms.cap_fen;
  return terms.on_grid && most < NO_LIMIT ? most - ((most - terms.start_price_fen) % step) : most;
}

/**
 * The amounts for the buttons, rising, the minimum first: at most three, fewer where cap, jump limit or `limitFen` leave
 * no room for more. Raises are 1, 2 or 5 times a power of ten, moved up onto the grid where the terms have one.
 */
export function quickBids(terms, facts, limitFen = null) {
  const { price_fen: priceFen, minimum_fen: minimumFen } = facts;
  const base = Math.max(priceFen, terms.start_price_fen);
  const step = incrementAt(terms, base);
  const most = maximumBid(terms, facts, limitFen);
  const amounts = [minimumFen];
  for (const { increments, partOfPrice } of RAISES) {
    const raised = base + Math.max(increments * step, roundRaise(base / partOfPrice));
    const above = Math.max(0, raised - minimumFen);
    const onGrid = terms.on_grid ? Math.ceil(above / step) * step : above;
    amounts.push(Math.min(minimumFen + onGrid, most));
  }
  return amounts.filter((amount, place) => place === 0 || amount > amounts[place - 1]);
}

/** True where an amount is so far above the price that it is worth asking twice. */
export function isBigJump(amountFen, priceFen, startFen) {
  return amountFen > 10 * Math.max(priceFen, startFen);
}
