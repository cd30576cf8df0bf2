import assert from "node:assert/strict";
import { test } from "node:test";

import { openDocument } from "./dom.js";

openDocument("en", {});

const { filterLots, matchesWords } = await import("../../api/web/static/js/ops/lot_filter.js");
const { SalesReader } = await import("../../api/web/static/js/ops/sales_reader.js");
const { LotStore } = await import("../../api/web/static/js/ops/lot_list.js");

const lot = (number, facts = {}) => ({
  lot_id: `launch-${String(number).padStart(3, "0")}`,
  sale_id: "launch",
  title: `No. ${number} of 100`,
  status: "open",
  price_fen: 0,
  bids: 0,
  ends_at_ms: number,
  terms: {},
  ...facts,
});

test("digits are a whole number, of the lot or in its title; other words are anywhere", () => {
  const found = (words) => [7, 17, 70].filter((number) => matchesWords(lot(number), words));
  assert.deepEqual(found("7"), [7]);
  assert.deepEqual(found("007"), [7]);
  assert.deepEqual(found("launch-0"), [7, 17, 70]);
  assert.deepEqual(found("no. OF 17"), [17]);
  assert.deepEqual(found("典藏"), []);
});

test("lots are chosen by status and sale and put in the order that is wanted", () => {
  const lots = [
    lot(1, { status: "draft", ends_at_ms: null }),
    lot(2, { status: "paused", price_fen: 500, bids: 9 }),
    lot(3, { sale_id: "later", status: "scheduled", opens_at_ms: 1, price_fen: 0 }),
    lot(4, { price_fen: 900, bids: 2 }),
  ];
  const ids = (wanted) => filterLots(lots, wanted).map((one) => Number(one.lot_id.slice(-3)));
  assert.deepEqual(ids({}), [1, 2, 3, 4]);
  assert.deepEqual(ids({ status: "running" }), [2, 4]);
  assert.deepEqual(ids({ status: "draft" }), [1]);
  assert.deepEqual(ids({ sale: "later" }), [3]);
  assert.deepEqual(ids({ sort: "price" }), [4, 2, 1, 3]);
  assert.deepEqual(ids({ sort: "bids", q: "launch" }), [2, 4, 1, 3]);
  assert.deepEqual(ids({ sort: "time" }), [3, 2, 4, 1]);
});

test("what changed is laid over what is known, and lots that are not told of have no bids", () => {
  const store = new LotStore();
  const reader = new SalesReader(store);
  const facts = (number, bids, now) => lot(number, { epoch: 1, seq: bids, bids, now_ms: now });
  assert.equal(reader.path, "/ops/lots");
  const sale = { sale_id: "launch", title: "Launch" };
  reader.take({
    revision: "a-1",
    complete: true,
    now_ms: 0,
    sales: [{ ...sale, lots: [facts(1, 0, 0), facts(2, 0, 0)] }],
  });
  assert.equal(reader.path, "/ops/lots?since=a-1");
  reader.take({ revision: "a-2", complete: false, now_ms: 1000, sales: [{ ...sale, lots: [facts(2, 10, 1000)] }] });
  assert.equal(store.rate("launch-002"), 10);
  assert.equal(store.rate("launch-001"), 0);
  reader.take({ revision: "a-3", complete: false, now_ms: 7000, sales: [] });
  assert.equal(store.rate("launch-002"), 0);
  const later = { sale_id: "later", title: "Later", lots: [] };
  reader.take({
    revision: "a-4",
    complete: false,
    now_ms: 8000,
    sales: [later, { ...sale, lots: [facts(3, 0, 8000)] }],
  });
  assert.deepEqual(reader.order, ["launch-001", "launch-002", "launch-003"]);
  assert.deepEqual(
    reader.sales.map((one) => one.sale_id),
    ["later", "launch"],
  );
  reader.take({ revision: "b-1", complete: true, now_ms: 9000, sales: [{ ...sale, lots: [facts(1, 0, 9000)] }] });
  assert.deepEqual(reader.order, ["launch-001"]);
});
