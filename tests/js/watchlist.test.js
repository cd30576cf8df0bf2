// The lots that a visitor watches.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setWatched, watchedLots } from "../../api/web/static/js/shared/watchlist.js";

function storeOf(kept) {
  return {
    kept,
    getItem: (name) => kept[name] ?? null,
    setItem(name, value) {
      kept[name] = value;
    },
  };
}

test("a lot is watched once, and no more once it is not", () => {
  const store = storeOf({});
  assert.deepEqual(watchedLots(store), []);
  assert.equal(setWatched("a-001", true, store), true);
  assert.equal(setWatched("b-001", true, store), true);
  assert.equal(setWatched("a-001", true, store), true);
  assert.deepEqual(watchedLots(store), ["b-001", "a-001"]);
  assert.equal(setWatched("b-001", false, store), false);
  assert.deepEqual(watchedLots(store), ["a-001"]);
});

test("of very many lots the newest are kept", () => {
  const store = storeOf({});
  for (let number = 0; number < 210; number += 1) setWatched(`lot-${number}`, true, store);
  assert.equal(watchedLots(store).length, 200);
  assert.equal(watchedLots(store).at(-1), "lot-209");
});

test("what else is kept, or a browser that keeps nothing, is an empty list", () => {
  for (const kept of ["{", '"text"', "[1, null]"])
    assert.deepEqual(watchedLots(storeOf({ "auction-watchlist": kept })), []);
  const closed = {
    getItem() {
      throw new Error("closed");
    },
    setItem() {
      throw new Error("closed");
    },
  };
  assert.equal(setWatched("a-001", true, closed), false);
});
