// A bidder's kept receipts on a lot that was restored: when they may be checked, what is asked, and what is said.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { openDocument } from "./dom.js";

openDocument("en", { "bid-check": "div" });
const { BidCheck } = await import("../../api/web/static/js/lot/bid_check.js");
const { Receipts } = await import("../../api/web/static/js/lot/receipts.js");
const { t } = await import("../../api/web/static/js/shared/i18n.js");

const stored = new Map();
globalThis.localStorage = {
  getItem: (name) => stored.get(name) ?? null,
  setItem: (name, text) => stored.set(name, text),
};
beforeEach(() => stored.clear());

const accepted = (seq) => ({ seq, amount_fen: seq * 100, at_ms: 5, receipt: `r${seq}`, price_fen: 1, leading: true });
const RESTORED = { seq: 1_000_000, status: "closed" };

function opened(receipts, answers) {
  openDocument("en", { "bid-check": "div" });
  const asked = [];
  globalThis.fetch = (url, { body }) => {
    asked.push({ url, ...JSON.parse(body) });
    const answer = answers.shift();
    const text = () => Promise.resolve(JSON.stringify(answer));
    return Promise.resolve({ ok: !answer.code, status: answer.code ? 503 : 200, text });
  };
  const announced = [];
  const root = document.getElementById("bid-check");
  const check = new BidCheck({ root, lotId: "launch-001", receipts, announce: (text) => announced.push(text) });
  const [, button, list] = root.children;
  const press = async () => {
    button.dispatchEvent(new Event("click"));
    while (button.disabled) await new Promise((resolve) => setImmediate(resolve));
  };
  return { root, check, press, list, asked, announced };
}

test("bids are checked on a restored lot of which this bidder has receipts", () => {
  const receipts = new Receipts("launch-001", "ann");
  const { root, check } = opened(receipts, []);
  check.show(RESTORED);
  assert.equal(root.hidden, true);
  receipts.keep(accepted(7));
  check.show({ seq: 8, status: "open" });
  assert.equal(root.hidden, true);
  check.show(RESTORED);
  assert.equal(root.hidden, false);
  assert.deepEqual(new Receipts("launch-001", "bob").all(), []);
});

test("each receipt is presented as it was given, and each answer is told", async () => {
  const receipts = new Receipts("launch-001", "ann");
  receipts.keep(accepted(7));
  receipts.keep(accepted(7));
  receipts.keep(accepted(9));
  const claim = { status: "declined", reason: "seen" };
  const { press, list, asked, announced } = opened(receipts, [
    { standing: "lost", claim },
    { standing: "stands", claim: null },
  ]);
  await press();
  assert.deepEqual(asked, [
    { url: "/api/v1/lots/launch-001/claims", seq: 9, amount_fen: 900, at_ms: 5, receipt: "r9" },
    { url: "/api/v1/lots/launch-001/claims", seq: 7, amount_fen: 700, at_ms: 5, receipt: "r7" },
  ]);
  const said = [
    t("lot.receipt-lost-declined", { amount: "9.00", seq: 9, reason: "seen" }),
    t("lot.receipt-stands", { amount: "7.00", seq: 7 }),
  ];
  assert.deepEqual(
    list.children.map((line) => line.textContent),
    said,
  );
  assert.deepEqual(announced, [said.join(" ")]);
});

test("what could not be asked is said", async () => {
  const receipts = new Receipts("launch-001", "ann");
  receipts.keep(accepted(7));
  const { press, list } = opened(receipts, [{ code: "books-away" }]);
  await press();
  assert.deepEqual(
    list.children.map((line) => line.textContent),
    [t("problem.books-away")],
  );
});

test("a browser that keeps nothing, or something else, has no receipts", () => {
  stored.set("auction.receipts:ann:launch-001", "{}");
  const receipts = new Receipts("launch-001", "ann");
  assert.deepEqual(receipts.all(), []);
  stored.set("auction.receipts:ann:launch-001", "{");
  assert.deepEqual(receipts.all(), []);
  for (let seq = 1; seq <= 250; seq += 1) receipts.keep(accepted(seq));
  assert.deepEqual([receipts.all().length, receipts.all()[0].seq], [200, 51]);
});
