// The ledger's time as a page reckons it from round trips.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { LedgerClock, timeLeft } from "../../api/web/static/js/shared/clock.js";

beforeEach(() => mock.timers.reset());

/** A page whose own clock stands at `nowMs`. */
function at(nowMs) {
  mock.timers.enable({ apis: ["Date"], now: nowMs });
  return new LedgerClock();
}

test("without a sample the page's own clock is all there is", () => {
  assert.equal(at(5000).now(), 5000);
});

test("a rough guess counts until a round trip is measured, and never after", () => {
  const clock = at(1000);
  clock.guess(3000);
  assert.equal(clock.now(), 3000);
  clock.guess(9000);
  assert.equal(clock.now(), 3000);
  clock.sample(900, 1450, 1450, 1000);
  assert.equal(clock.now(), 1500);
  clock.guess(9000);
  assert.equal(clock.now(), 1500);
});

test("the sample with the shortest round trip wins, whenever it came", () => {
  const clock = at(10_000);
  clock.sample(0, 550, 550, 100);
  assert.equal(clock.now(), 10_500);
  clock.sample(0, 9000, 9000, 4000);
  assert.equal(clock.now(), 10_500);
  clock.sample(0, 210, 210, 20);
  assert.equal(clock.now(), 10_200);
});

test("the time the server took is no part of the round trip", () => {
  const clock = at(0);
  // 100 ms there, 900 ms in the server, 100 ms back: the offset is 1000, not 550
  clock.sample(0, 1100, 2000, 1100);
  clock.sample(0, 1, 1, 500);
  assert.equal(clock.now(), 1000);
});

test("a round trip that ended before it began is left out", () => {
  const clock = at(0);
  clock.sample(100, 900, 900, 50);
  assert.equal(clock.now(), 0);
});

test("only the newest eight samples count, so a clock that was set follows", () => {
  const clock = at(0);
  clock.sample(0, 5000, 5000, 0);
  for (let n = 0; n < 8; n += 1) clock.sample(0, 110, 110, 20);
  assert.equal(clock.now(), 100);
});

test("time goes on between samples", () => {
  const clock = at(0);
  clock.sample(0, 1000, 1000, 0);
  mock.timers.setTime(250);
  assert.equal(clock.now(), 1250);
});

test("time left is shown in the shortest form that says it", () => {
  const shown = [
    [-5, "0.0"],
    [0, "0.0"],
    [99, "0.0"],
    [9999, "9.9"],
    [10_000, "00:10"],
    [61_000, "01:01"],
    [3_599_999, "59:59"],
    [3_600_000, "1:00:00"],
    [86_399_000, "23:59:59"],
    [86_400_000, "1d 00:00:00"],
    [90_061_000, "1d 01:01:01"],
  ];
  for (const [ms, text] of shown) assert.equal(timeLeft(ms), text);
});
