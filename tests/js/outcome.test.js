// What the end of a lot says to whom: one row a case.

import assert from "node:assert/strict";
import { test } from "node:test";

import { words as en } from "../../api/web/static/i18n/en.js";
import { words as zh } from "../../api/web/static/i18n/zh-CN.js";
import { outcomeOf } from "../../api/web/static/js/shared/outcome.js";

const FLAT = { deposit: { policy: "flat" } };
const SOLD = { status: "closed", outcome: "sold", leader: 1, price_fen: 600, terms: FLAT };
const AWARDED = { ...SOLD, settlement: "awarded", award_paddle: 1, award_price_fen: 600 };
const DEFAULTED = { ...SOLD, settlement: "defaulted" };
const OFFERED = { ...SOLD, settlement: "offered" };
const REAWARDED = { ...SOLD, settlement: "awarded", award_paddle: 2, award_price_fen: 300 };
const UNMET = { ...SOLD, outcome: "reserve-unmet" };
const VOID_AFTER = { ...SOLD, settlement: "void" };

const lost = (deposit) => ({ my_paddle: 3, my_deposit_status: deposit });
const won = (status) => ({ my_paddle: 1, my_award_status: status, my_award_source: "hammer" });
const failed = (deposit) => ({
  my_paddle: 1,
  my_award_status: "defaulted",
  my_award_source: "hammer",
  my_deposit_status: deposit,
});
const bought = (status) => ({
  my_paddle: 2,
  my_award_status: status,
  my_award_source: "offer",
  my_offer_status: "accepted",
});

// [what happened, to whom, the lot, the viewer's part, viewer, sentences, action]
const CASES = [
  ["sold", "a watcher", SOLD, {}, "watcher", ["lot.sold"], null],
  ["sold", "the leader, before the award", SOLD, { my_paddle: 1 }, "buyer", ["buyer", "your-award.sold"], null],
  ["sold", "a loser, live", SOLD, { my_paddle: 3 }, "bidder", ["not-won", "lot.sold"], null],
  ["awarded", "a watcher", AWARDED, {}, "watcher", ["lot.awarded"], null],
  ["awarded", "the winner", AWARDED, won("due"), "buyer", ["buyer", "your-award.awarded"], "pay"],
  ["awarded", "a loser", AWARDED, lost("released"), "bidder", ["not-won", "lot.awarded", "deposit.released"], null],
  [
    "awarded",
    "a loser who may be asked",
    AWARDED,
    lost("held"),
    "bidder",
    ["not-won", "lot.awarded", "deposit.kept"],
    null,
  ],
  [
    "paid",
    "the winner",
    { ...AWARDED, settlement: "paid" },
    won("paid"),
    "buyer",
    ["buyer", "your-award.paid"],
    "collect",
  ],
  [
    "paid",
    "a loser",
    { ...AWARDED, settlement: "paid" },
    lost("releasing"),
    "bidder",
    ["not-won", "lot.paid", "deposit.releasing"],
    null,
  ],
  [
    "settled",
    "the winner",
    { ...AWARDED, settlement: "settled" },
    won("settled"),
    "buyer",
    ["buyer", "your-award.settled"],
    "view",
  ],
  ["reserve unmet", "a watcher", UNMET, {}, "watcher", ["lot.reserve-unmet"], null],
  ["reserve unmet", "the leader, live", UNMET, { my_paddle: 1 }, "highest-bidder", ["highest-bidder"], null],
  [
    "reserve unmet",
    "the leader",
    { ...UNMET, settlement: "unsold" },
    { my_paddle: 1, my_deposit_status: "released" },
    "highest-bidder",
    ["highest-bidder", "deposit.released"],
    null,
  ],
  [
    "reserve unmet",
    "a loser",
    { ...UNMET, settlement: "unsold" },
    lost("held"),
    "bidder",
    ["not-won", "lot.reserve-unmet", "deposit.to-return"],
    null,
  ],
  [
    "no bids",
    "a bidder",
    { ...SOLD, outcome: "no-bids", leader: null },
    lost("released"),
    "bidder",
    ["lot.no-bids", "deposit.released"],
    null,
  ],
  [
    "refused",
    "the former winner",
    DEFAULTED,
    failed("forfeited"),
    "defaulter",
    ["defaulter", "deposit.forfeited"],
    null,
  ],
  ["refused", "a loser", DEFAULTED, lost("held"), "bidder", ["not-won", "lot.defaulted", "deposit.kept"], null],
  ["offered", "a watcher", OFFERED, {}, "watcher", ["lot.offered"], null],
  ["offered", "the former winner", OFFERED, failed("held"), "defaulter", ["defaulter", "deposit.forfeited"], null],
  [
    "offered",
    "the runner-up",
    OFFERED,
    { my_paddle: 2, my_offer_status: "open", my_deposit_status: "held" },
    "offered",
    ["offered-to-you"],
    "answer",
  ],
  [
    "offered on",
    "who declined",
    OFFERED,
    { my_paddle: 2, my_offer_status: "declined", my_deposit_status: "released" },
    "bidder",
    ["not-won", "lot.offered", "deposit.released"],
    null,
  ],
  [
    "accepted",
    "the runner-up",
    REAWARDED,
    bought("due"),
    "runner-up-buyer",
    ["runner-up-buyer", "your-award.awarded"],
    "pay",
  ],
  [
    "accepted",
    "the former winner",
    REAWARDED,
    failed("forfeited"),
    "defaulter",
    ["defaulter", "deposit.forfeited"],
    null,
  ],
  ["accepted", "a loser", REAWARDED, lost("released"), "bidder", ["not-won", "lot.awarded", "deposit.released"], null],
  [
    "accepted and not paid",
    "the runner-up",
    { ...SOLD, settlement: "unsold" },
    bought("defaulted"),
    "defaulter",
    ["defaulter"],
    null,
  ],
  ["unsold after a default", "a watcher", { ...SOLD, settlement: "unsold" }, {}, "watcher", ["lot.unsold"], null],
  [
    "relisted",
    "the former winner",
    { ...SOLD, settlement: "relisted" },
    failed("forfeited"),
    "defaulter",
    ["defaulter", "deposit.forfeited"],
    null,
  ],
  [
    "relisted",
    "a loser",
    { ...SOLD, settlement: "relisted" },
    lost("released"),
    "bidder",
    ["not-won", "lot.relisted", "deposit.released"],
    null,
  ],
  [
    "relisted below the reserve",
    "a watcher",
    { ...UNMET, settlement: "relisted" },
    {},
    "watcher",
    ["lot.relisted"],
    null,
  ],
  [
    "void after the end",
    "the winner",
    VOID_AFTER,
    { ...won("void"), my_deposit_status: "releasing" },
    "bidder",
    ["lot.void", "deposit.releasing"],
    null,
  ],
  [
    "void after a default",
    "the former winner",
    VOID_AFTER,
    failed("released"),
    "bidder",
    ["lot.void", "deposit.released"],
    null,
  ],
  [
    "void after a default",
    "the former winner, not refunded yet",
    VOID_AFTER,
    failed("forfeited"),
    "bidder",
    ["lot.void"],
    null,
  ],
  [
    "void while open",
    "the leader",
    { ...SOLD, status: "void", outcome: "void" },
    lost("held"),
    "bidder",
    ["lot.void", "deposit.to-return"],
    null,
  ],
  ["void while open", "a watcher", { ...SOLD, status: "void", outcome: "void" }, {}, "watcher", ["lot.void"], null],
];

for (const [what, whom, lot, mine, viewer, sentences, action] of CASES) {
  test(`${what}: ${whom}`, () => {
    const outcome = outcomeOf({ ...lot, ...mine });
    assert.equal(outcome.viewer, viewer);
    assert.deepEqual(
      outcome.sentences,
      sentences.map((name) => `outcome.${name}`),
    );
    assert.equal(outcome.action, action);
    const names = [outcome.title, outcome.badge, ...outcome.sentences];
    if (action) names.push(`outcome.action.${action}`);
    for (const words of [en, zh]) for (const name of names) assert.ok(words[name], `no text ${name}`);
  });
}

test("a lot that has not ended has no outcome", () => {
  for (const status of ["draft", "scheduled", "open", "paused", "held", "frozen"])
    assert.equal(outcomeOf({ ...SOLD, status }), null);
});

test("the buyer who is named, and the price, are those of the award in force", () => {
  assert.equal(outcomeOf(AWARDED).paddle, 1);
  const after = outcomeOf(REAWARDED);
  assert.deepEqual([after.paddle, after.priceFen], [2, 300]);
});

test("without a deposit nothing is said to be forfeited", () => {
  const free = { ...AWARDED, terms: { deposit: { policy: "none" } } };
  assert.deepEqual(outcomeOf({ ...free, ...won("due") }).sentences, [
    "outcome.buyer",
    "outcome.your-award.awarded-free",
  ]);
});

test("a purse stays for the sale's other lots", () => {
  const purse = { ...AWARDED, terms: { deposit: { policy: "purse" } } };
  assert.equal(outcomeOf({ ...purse, ...lost("held") }).sentences.at(-1), "outcome.deposit.purse");
});

test("nothing is final while the lot may move on or a deposit is on its way", () => {
  assert.equal(outcomeOf(AWARDED).isFinal, false);
  assert.equal(outcomeOf({ ...AWARDED, settlement: "settled" }).isFinal, true);
  assert.equal(outcomeOf({ ...VOID_AFTER, ...lost("releasing") }).isFinal, false);
  assert.equal(outcomeOf({ ...VOID_AFTER, ...lost("released") }).isFinal, true);
});
