// The form that bids: what its buttons send, what it says of the answers, and when it lets nobody bid.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { words } from "../../api/web/static/i18n/en.js";
import { openDocument } from "./dom.js";

const ELEMENTS = {
  "bid-form": "form",
  steps: "div",
  "own-amount": "input",
  "own-bid": "button",
  "own-hint": "span",
  "own-total": "span",
  "own-wrong": "span",
  "end-at-cap": "button",
  outcome: "div",
  confirm: "dialog",
  "confirm-text": "p",
  "confirm-fee": "p",
  "confirm-yes": "button",
};
const TERMS = {
  bidding: "direct",
  start_price_fen: 1000,
  increments: [{ from_fen: 0, step_fen: 100 }],
  settlement: { buyer_fee_bps: 0 },
};
const OPEN = { status: "open", epoch: 1, seq: 4, price_fen: 1000, minimum_fen: 1100, leader: 2 };

openDocument("en", ELEMENTS);
const { BidForm } = await import("../../api/web/static/js/lot/bid_form.js");

let asked = [];
let answers = [];
let announced = [];

beforeEach(() => {
  mock.reset();
  openDocument("en", ELEMENTS);
  const form = at("bid-form");
  form.append(at("steps"), at("own-amount"), at("own-bid"));
  asked = [];
  answers = [];
  announced = [];
  globalThis.fetch = (url, options) => {
    asked.push({ url, key: options.headers["Idempotency-Key"], amount: JSON.parse(options.body).amount_fen });
    return answers.shift()();
  };
});

const at = (id) => document.getElementById(id);
const buttons = () => at("steps").children;
const answer = (status, body) => async () => new Response(JSON.stringify(body), { status });
const accepted = (amount, leading = true) => answer(201, { amount_fen: amount, price_fen: amount, leading });
const refused = (code, facts) => answer(409, { code, title: code, detail: code, ...facts });

/** A form that has seen the lot. */
function opened(facts = OPEN, terms = {}, more = {}) {
  const form = new BidForm({
    ...more,
    lotId: "launch-001",
    lot: { terms: { ...TERMS, ...terms } },
    announce: (text) => announced.push(text),
  });
  form.show(facts);
  return form;
}

/** Until so many requests were made and the form may be used again, however long that takes. */
async function answered(requests = 1) {
  while (asked.length < requests || at("own-bid").disabled) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Let what is under way go on as far as it can by itself. */
async function settled() {
  for (let n = 0; n < 30; n += 1) await new Promise((resolve) => setImmediate(resolve));
}

const amounts = () =>
  buttons()
    .filter((button) => !button.disabled)
    .map((button) => Number(button.dataset.amountFen));

test("the buttons carry the minimum and two raises, which grow with the price", () => {
  const form = opened();
  assert.deepEqual(amounts(), [1100, 1200, 1500]);
  form.show({ ...OPEN, seq: 5, price_fen: 5_494_992_400, minimum_fen: 5_494_992_500 });
  assert.deepEqual(amounts(), [5_494_992_500, 5_594_992_400, 5_994_992_400]);
});

test("no button goes above the cap or the bidder's limit; one that has no amount left is empty", () => {
  const form = opened(OPEN, { cap_fen: 1300 });
  assert.deepEqual(amounts(), [1100, 1200, 1300]);
  form.setLimit(1150);
  assert.deepEqual(amounts(), [1100, 1150]);
  assert.equal(buttons()[2].dataset.empty, "yes");
  form.setLimit(null);
  assert.deepEqual(amounts(), [1100, 1200, 1300]);
});

test("a tap sends the amount on the button once, however often it is tapped before the answer", async () => {
  opened();
  answers = [accepted(1200)];
  buttons()[1].click();
  buttons()[1].click();
  buttons()[0].click();
  await answered();
  assert.equal(asked.length, 1);
  assert.equal(asked[0].url, "/api/v1/lots/launch-001/bids");
  assert.equal(asked[0].amount, 1200);
  assert.match(asked[0].key, /^[0-9a-f]{32}$/);
  assert.match(at("outcome").textContent, /12\.00/);
});

test("what stood on the button when it was pressed is sent, though another bid came meanwhile", async () => {
  const form = opened();
  answers = [refused("bid-too-low", { minimum_fen: 1300, at_seq: 5 })];
  const button = buttons()[0];
  button.dispatchEvent(Object.assign(new Event("pointerdown"), { button: 0 }));
  form.show({ ...OPEN, seq: 5, price_fen: 1200, minimum_fen: 1300 });
  assert.equal(Number(button.dataset.amountFen), 1100);
  button.click();
  await answered();
  assert.equal(asked[0].amount, 1100);
  assert.equal(Number(button.dataset.amountFen), 1300);
});

test("a bid that is too low by then is bid again in one tap at the amount that would be accepted now", async () => {
  const form = opened();
  answers = [refused("bid-too-low", { minimum_fen: 1300, at_seq: 5 }), accepted(1700)];
  buttons()[0].click();
  await answered();
  const [retry] = at("outcome").querySelectorAll("button");
  assert.equal(Number(retry.dataset.amountFen), 1300);
  form.show({ ...OPEN, seq: 9, price_fen: 1600, minimum_fen: 1700 });
  assert.equal(Number(retry.dataset.amountFen), 1700);
  retry.click();
  await answered(2);
  assert.deepEqual(
    asked.map(({ amount }) => amount),
    [1100, 1700],
  );
  assert.notEqual(asked[0].key, asked[1].key);
});

test("a refusal that another amount does not mend offers no retry", async () => {
  opened();
  answers = [refused("lot-not-open", { lot_status: "paused" })];
  buttons()[0].click();
  await answered();
  assert.equal(at("outcome").querySelectorAll("button").length, 0);
});

test("an answer that is lost is asked for again under the same key", async () => {
  opened();
  mock.method(Math, "random", () => 0);
  answers = [() => Promise.reject(new TypeError("network")), answer(503, { code: "ledger-away" }), accepted(1100)];
  buttons()[0].click();
  await answered(3);
  assert.equal(asked.length, 3);
  assert.equal(new Set(asked.map(({ key }) => key)).size, 1);
  assert.match(at("outcome").textContent, /11\.00/);
});

test("one's own amount is sent as it was typed, and the field is emptied once it is accepted", async () => {
  opened();
  answers = [refused("bid-too-low", { minimum_fen: 1300, at_seq: 5 }), accepted(2550)];
  at("own-amount").value = "12";
  at("bid-form").dispatchEvent(new Event("submit", { cancelable: true }));
  await answered();
  assert.equal(at("own-amount").value, "12");
  at("own-amount").value = "25.50";
  at("bid-form").dispatchEvent(new Event("submit", { cancelable: true }));
  await answered(2);
  assert.equal(at("own-amount").value, "");
  assert.deepEqual(
    asked.map(({ amount }) => amount),
    [1200, 2550],
  );
});

test("a decimal comma is not taken for thousands: it is said and nothing is sent", () => {
  opened();
  for (const typed of ["220,00", "12,34", "２２０，００"]) {
    at("own-amount").value = typed;
    at("bid-form").dispatchEvent(new Event("submit", { cancelable: true }));
    assert.equal(at("own-wrong").textContent, words["amount.grouping"]);
  }
  assert.equal(asked.length, 0);
});

test("what is no amount is said and not sent, until it is changed", () => {
  opened();
  at("own-amount").value = "a lot";
  at("bid-form").dispatchEvent(new Event("submit", { cancelable: true }));
  assert.equal(asked.length, 0);
  assert.equal(at("own-wrong").hidden, false);
  assert.equal(at("own-amount").getAttribute("aria-invalid"), "true");
  assert.equal(announced.length, 1);
  at("own-amount").dispatchEvent(new Event("input"));
  assert.equal(at("own-wrong").hidden, true);
  assert.equal(at("own-amount").getAttribute("aria-invalid"), "false");
});

test("an amount more than ten times the price is sent only once it is confirmed", async () => {
  opened();
  answers = [accepted(1_000_100)];
  at("own-amount").value = "10001";
  at("bid-form").dispatchEvent(new Event("submit", { cancelable: true }));
  await settled();
  assert.equal(at("confirm").open, true);
  assert.match(at("confirm-text").textContent, /10,001\.00/);
  at("confirm").closeWith("no");
  await settled();
  assert.equal(asked.length, 0);
  at("bid-form").dispatchEvent(new Event("submit", { cancelable: true }));
  await settled();
  at("confirm").closeWith("yes");
  await answered();
  assert.equal(asked[0].amount, 1_000_100);
});

test("nobody bids while the page is cut off, the lot stands still, or they lead in open bidding", () => {
  const form = opened();
  const disabled = () => [...buttons(), at("own-bid")].map((button) => button.disabled);
  assert.deepEqual(disabled(), [false, false, false, false]);
  form.setOnline(false);
  assert.deepEqual(disabled(), [true, true, true, true]);
  form.setOnline(true);
  form.show({ ...OPEN, status: "paused" });
  assert.deepEqual(disabled(), [true, true, true, true]);
  form.show(OPEN);
  form.setLeading(true);
  assert.deepEqual(disabled(), [true, true, true, true]);
  form.setLeading(false);
  assert.deepEqual(disabled(), [false, false, false, false]);
});

test("a leader may raise their own maximum in proxy bidding", () => {
  const form = opened(OPEN, { bidding: "proxy" });
  form.setLeading(true);
  assert.equal(buttons()[0].disabled, false);
});

const own = { amount_fen: 1100, price_fen: 1100, leading: true, seq: 5, paddle: 1, at_ms: 10_000 };
const higher = { seq: 6, paddle: 10, at_ms: 10_300, leading: true };

/** A bid of 11 yuan that was accepted. */
async function bidden() {
  const form = opened();
  answers = [answer(201, own)];
  buttons()[0].click();
  await answered();
  return form;
}

test("the result of a bid stays, and says who went higher and when", async () => {
  const form = await bidden();
  assert.equal(at("outcome").textContent, words["lot.accepted"].replace("{amount}", "11.00"));
  form.show({ ...OPEN, seq: 5, leader: 1, price_fen: 1100, minimum_fen: 1200 });
  form.setLeading(true);
  form.setLeading(false);
  form.show({ ...OPEN, seq: 6, leader: 10, price_fen: 1200, minimum_fen: 1300 });
  assert.equal(at("outcome").textContent, words["lot.accepted-before"].replace("{amount}", "11.00"));
  form.showBid(higher);
  const told = "Bid of ¥11.00 accepted. No. 10 went higher 0.3 s later.";
  assert.equal(at("outcome").textContent, told);
  form.showBid({ seq: 7, paddle: 11, at_ms: 10_900, leading: true });
  form.show({ ...OPEN, seq: 7, leader: 11, price_fen: 1300, minimum_fen: 1400 });
  form.setOnline(false);
  form.setOnline(true);
  assert.equal(at("outcome").textContent, told);
});

test("a bid that went higher before the answer came is told with the answer", async () => {
  const form = opened();
  answers = [answer(201, own)];
  buttons()[0].click();
  form.showBid({ ...higher, seq: 4 });
  form.showBid({ seq: 5, paddle: 1, at_ms: 10_000, leading: true });
  form.showBid(higher);
  await answered();
  assert.match(at("outcome").textContent, /No\. 10 went higher 0\.3 s later/);
});

test("a lower maximum of another bidder takes no lead", async () => {
  const form = await bidden();
  form.showBid({ ...higher, leading: false });
  assert.equal(at("outcome").textContent, words["lot.accepted"].replace("{amount}", "11.00"));
});

test("a button that has the focus keeps it while it is off, and bids nothing meanwhile", async () => {
  const form = opened();
  const [button] = buttons();
  document.activeElement = button;
  form.setOnline(false);
  assert.deepEqual([button.disabled, button.getAttribute("aria-disabled")], [false, "true"]);
  assert.equal(buttons()[1].disabled, true);
  button.click();
  await settled();
  assert.equal(asked.length, 0);
  assert.equal(at("own-hint").textContent, words["lot.offline-wait"]);
  document.activeElement = null;
  button.dispatchEvent(new Event("blur"));
  assert.equal(button.disabled, true);
  form.setOnline(true);
  assert.deepEqual([button.disabled, button.getAttribute("aria-disabled")], [false, "false"]);
});

test("an old refusal goes when something else is wrong, and a mistake goes with the next bid", async () => {
  opened();
  answers = [refused("bid-too-low", { minimum_fen: 1300, at_seq: 5 }), accepted(1100)];
  buttons()[0].click();
  await answered();
  at("own-amount").value = "12,34";
  at("bid-form").dispatchEvent(new Event("submit", { cancelable: true }));
  assert.equal(at("outcome").textContent, "");
  assert.equal(at("own-wrong").hidden, false);
  buttons()[0].click();
  await answered(2);
  assert.equal(at("own-wrong").hidden, true);
});

test("a question whose lot is no longer open is closed, and nothing is sent", async () => {
  for (const status of ["closed", "paused"]) {
    const form = opened();
    at("own-amount").value = "10001";
    at("bid-form").dispatchEvent(new Event("submit", { cancelable: true }));
    await settled();
    assert.equal(at("confirm").open, true);
    form.show({ ...OPEN, status });
    await settled();
    assert.deepEqual([at("confirm").open, asked.length], [false, 0]);
  }
});

test("with a buyer's fee each button says what the amount comes to with it", () => {
  opened(OPEN, { settlement: { buyer_fee_bps: 500 } });
  assert.match(buttons()[0].textContent, /11\.55/);
  at("own-amount").value = "100";
  at("own-amount").dispatchEvent(new Event("input"));
  assert.match(at("own-total").textContent, /105\.00/);
});

test("over the live channel a bid needs no request; without an answer it goes by HTTP under the same key", async () => {
  const placed = [];
  const told = [{ status: 201, body: { amount_fen: 1100, price_fen: 1100, leading: true } }, null];
  const channel = {
    place: (bid) => {
      placed.push(bid);
      return Promise.resolve(told.shift());
    },
  };
  opened(OPEN, {}, { channel: () => channel });
  answers = [accepted(1200)];
  buttons()[0].click();
  await settled();
  assert.equal(asked.length, 0);
  assert.match(at("outcome").textContent, /11\.00/);
  buttons()[1].click();
  await answered();
  assert.deepEqual(
    placed.map((bid) => bid.offer.amount_fen),
    [1100, 1200],
  );
  assert.notEqual(placed[0].key, placed[1].key);
  assert.equal(asked[0].key, placed[1].key);
  assert.equal(asked[0].amount, 1200);
});

test("a refusal over the live channel is told like one by HTTP, and nothing else is asked", async () => {
  const body = { code: "bid-too-low", title: "", detail: "", minimum_fen: 1300, at_seq: 5 };
  opened(OPEN, {}, { channel: () => ({ place: async () => ({ status: 409, body }) }) });
  buttons()[0].click();
  await settled();
  assert.equal(asked.length, 0);
  assert.match(at("outcome").textContent, /13\.00/);
});

test("a channel on which nobody is signed in any more leaves the bid to HTTP", async () => {
  const body = { code: "token-expired", title: "", detail: "" };
  opened(OPEN, {}, { channel: () => ({ place: async () => ({ status: 401, body }) }) });
  answers = [accepted(1100)];
  buttons()[0].click();
  await answered();
  assert.equal(asked.length, 1);
});
