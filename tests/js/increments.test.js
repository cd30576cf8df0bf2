// The amounts that the buttons offer: they grow with the price, rise, lie on the grid, and stay under every limit.

import assert from "node:assert/strict";
import { test } from "node:test";

import { incrementAt, maximumBid, quickBids, roundRaise } from "../../api/web/static/js/lot/increments.js";

const TERMS = { start_price_fen: 100, increments: [{ from_fen: 0, step_fen: 100 }], max_jump: null, cap_fen: null };
const BANDS = [
  { from_fen: 0, step_fen: 100 },
  { from_fen: 100_000, step_fen: 2_500 },
  { from_fen: 10_000_000, step_fen: 33_300 },
];

/** The least bid at a price, as auction/domain/lot.py has it. */
function minimumAt(terms, price) {
  const floor = price ? price + incrementAt(terms, price) : terms.start_price_fen;
  const step = incrementAt(terms, Math.max(price, terms.start_price_fen));
  const past = (floor - terms.start_price_fen) % step;
  const minimum = terms.on_grid && past ? floor + step - past : floor;
  return terms.cap_fen ? Math.min(minimum, terms.cap_fen) : minimum;
}

const at = (terms, price, limit = null) =>
  quickBids(terms, { price_fen: price, minimum_fen: minimumAt(terms, price) }, limit);

test("a raise is rounded up to 1, 2 or 5 times a power of ten", () => {
  const rounded = [
    [0.3, 1],
    [1, 1],
    [1.01, 2],
    [3, 5],
    [5, 5],
    [6, 10],
    [10, 10],
    [11, 20],
    [54_949_924, 100_000_000],
    [274_749_620, 500_000_000],
  ];
  for (const [fen, round] of rounded) assert.equal(roundRaise(fen), round, String(fen));
});

test("low prices are raised by increments, high ones by a part of the price", () => {
  const offered = [
    [0, [100, 300, 600]],
    [1_000, [1_100, 1_200, 1_500]],
    [100_000, [100_100, 101_000, 105_000]],
    [5_494_992_400, [5_494_992_500, 5_594_992_400, 5_994_992_400]],
  ];
  for (const [price, amounts] of offered) assert.deepEqual(at(TERMS, price), amounts, String(price));
});

test("nothing is offered above the cap, the jump limit or the bidder's own limit", () => {
  assert.deepEqual(at({ ...TERMS, cap_fen: 1_300 }, 1_000), [1_100, 1_200, 1_300]);
  assert.deepEqual(at({ ...TERMS, cap_fen: 1_150 }, 1_000), [1_100, 1_150]);
  assert.deepEqual(at({ ...TERMS, max_jump: { steps: 3, percent: null, fen: null } }, 1_000), [1_100, 1_200, 1_300]);
  assert.deepEqual(at({ ...TERMS, max_jump: { steps: null, percent: 20, fen: 10 } }, 1_000), [1_100, 1_200]);
  assert.deepEqual(at({ ...TERMS, max_jump: { steps: null, percent: null, fen: 450 } }, 1_000), [1_100, 1_200, 1_450]);
  assert.deepEqual(at(TERMS, 1_000, 1_250), [1_100, 1_200, 1_250]);
  // the least is always there: why it is refused is the answer's to say
  assert.deepEqual(at(TERMS, 1_000, 900), [1_100]);
});

const LIMITS = [
  [null, null, null],
  [20_000_050, null, null],
  [null, { steps: 4, percent: 3, fen: null }, null],
  [7_654_321, { steps: null, percent: null, fen: 123_456 }, 6_543_210],
];

/** Terms of every kind, each with prices from none to far up, and the bidder's limit. */
function* situations() {
  for (const onGrid of [true, false]) {
    for (const [cap, jump, limit] of LIMITS) {
      const terms = { start_price_fen: 170, increments: BANDS, on_grid: onGrid, cap_fen: cap, max_jump: jump };
      for (let price = 0; price < (cap ?? 10 ** 12); price = minimumAt(terms, Math.floor(price * 1.37))) {
        yield { terms, limit, facts: { price_fen: price, minimum_fen: minimumAt(terms, price) } };
      }
    }
  }
}

test("at any price and under any terms the first amount is the least, and the others rise from it", () => {
  for (const { terms, limit, facts } of situations()) {
    const amounts = quickBids(terms, facts, limit);
    assert.equal(amounts[0], facts.minimum_fen);
    assert.ok(amounts.length <= 3);
    amounts.reduce((lower, higher) => assert.ok(higher > lower, `${amounts}`) ?? higher);
  }
});

test("at any price and under any terms no amount is above what is allowed, or off the grid", () => {
  for (const { terms, limit, facts } of situations()) {
    const step = incrementAt(terms, Math.max(facts.price_fen, terms.start_price_fen));
    for (const amount of quickBids(terms, facts, limit).slice(1)) {
      assert.ok(amount <= maximumBid(terms, facts, limit));
      assert.ok(amount <= (terms.cap_fen ?? amount) && amount <= (limit ?? amount));
      if (terms.on_grid && amount !== terms.cap_fen) assert.equal((amount - terms.start_price_fen) % step, 0);
    }
  }
});
