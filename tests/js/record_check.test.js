// The check of a record where it was restored, and what is no record: cases that no served record has.

import assert from "node:assert/strict";
import { test } from "node:test";

import { checkReceipt } from "../../api/web/static/js/record/receipt_check.js";
import { checkRecord, readRecord } from "../../api/web/static/js/record/record_check.js";
import { bytesOf, fromBase64Url, fromHex, HouseKeys, sha256, toHex } from "../../api/web/static/js/record/signing.js";

async function chained(events) {
  let head = "0".repeat(64);
  const lines = [];
  for (const event of events) {
    const body = JSON.stringify({ lot_id: "launch-001", epoch: 1, at_ms: 1, ...event });
    head = toHex(await sha256(fromHex(head), bytesOf(body)));
    lines.push(`${body.slice(0, -1)},"head":"${head}"}\n`);
  }
  const end = { type: "end", lot_id: "launch-001", events: events.length, head };
  return `${lines.join("")}${JSON.stringify(end)}\n`;
}

const codes = async (text, keys = null) => (await checkRecord(readRecord(text), keys)).faults.map(({ code }) => code);
const OPENED = { type: "opened", seq: 1 };
const BID = { type: "bid", seq: 2 };

test("a restored record leaves out the seqs that it names, and no others", async () => {
  const restored = { type: "restored", seq: 1_000_000, archived_seq: 2 };
  assert.deepEqual(await codes(await chained([OPENED, BID, restored])), []);
  assert.deepEqual(await codes(await chained([OPENED, BID, { ...restored, archived_seq: 1 }])), ["missing"]);
});

test("what is no record is cut, and its lines are none", async () => {
  assert.deepEqual(await codes(""), ["cut"]);
  assert.deepEqual(await codes("[]\nnull\n"), ["no-line", "cut", "no-line"]);
  assert.deepEqual(await codes((await chained([OPENED, BID])).replaceAll("\n", "\r\n")), []);
});

test("an end without a signature is named where the keys are there", async () => {
  const keys = await HouseKeys.from({ keys: [] });
  assert.deepEqual(await codes(await chained([OPENED, BID]), keys), ["unsigned"]);
  const signed = (await chained([OPENED, BID])).replace(
    '"type":"end"',
    '"type":"end","kid":"k","signature":"AA","epoch":1,"seq":2',
  );
  assert.deepEqual(await codes(signed, keys), ["unknown-key"]);
});

test("a bid that a restoring lost is told from one that was left out", async () => {
  const keys = await HouseKeys.from({ keys: [] });
  const receipt = `R1.launch-001.1.1.${"0".repeat(40)}.k.3.1.100.100.1.9.${"0".repeat(64)}.b.0.1..AA`;
  const found = async (...events) => {
    const { faults } = await checkReceipt(receipt, readRecord(await chained(events)).events, keys);
    return faults.map(({ code }) => code);
  };
  assert.deepEqual(await found(OPENED, BID), ["unknown-key", "left-out"]);
  assert.deepEqual(await found(OPENED, BID, { type: "restored", seq: 9, archived_seq: 2 }), ["unknown-key", "lost"]);
  assert.deepEqual(await found(OPENED, BID, { type: "paused", seq: 3 }), ["unknown-key", "no-bid"]);
});

test("base64url has one text for the same bytes", () => {
  assert.deepEqual(fromBase64Url("AA"), Uint8Array.of(0));
  for (const text of ["AB", "A", "AA==", "A+", null]) assert.equal(fromBase64Url(text), null);
});
