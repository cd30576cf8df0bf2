// The notice that a lot goes on after a fault: when it is shown, and what it says of lost bids.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openDocument } from "./dom.js";

openDocument("en", { "restored-note": "p" });
const { RestoredNotice } = await import("../../api/web/static/js/lot/restored_notice.js");
const { t } = await import("../../api/web/static/js/shared/i18n.js");

function notice() {
  openDocument("en", { "restored-note": "p" });
  const announced = [];
  const root = document.getElementById("restored-note");
  return { root, announced, shown: new RestoredNotice(root, (text) => announced.push(text)) };
}

test("a lot that was never restored has no notice", () => {
  const { root, shown } = notice();
  shown.show({ seq: 999_999, status: "open" });
  assert.equal(root.hidden, true);
});

test("bids that were lost are counted and named until the lot is over", () => {
  const { root, announced, shown } = notice();
  shown.restored({ missing: [[6, 7]] });
  shown.show({ seq: 1_000_000, status: "paused" });
  const words = t("lot.restored-lost", { count: 2, range: "6–7" });
  assert.equal(root.hidden, false);
  assert.ok(root.textContent.includes(words));
  assert.ok(announced[0].includes(words));

  shown.show({ seq: 1_000_005, status: "open" });
  assert.ok(root.textContent.includes(words));
  shown.show({ seq: 1_000_006, status: "closed" });
  assert.equal(root.hidden, true);
});

test("where nothing is known to be lost it says so", () => {
  const { root, shown } = notice();
  shown.restored({ missing: [] });
  shown.show({ seq: 1_000_000, status: "paused" });
  assert.ok(root.textContent.includes(t("lot.restored-none")));
});

test("who comes later is told that bids may be lost", () => {
  const { root, shown } = notice();
  shown.show({ seq: 2_000_003, status: "open" });
  assert.equal(root.hidden, false);
  assert.ok(root.textContent.includes(t("lot.restored-unknown")));
});

test("the result of a restored lot is said to be under review until the award is made", () => {
  const { root, shown } = notice();
  shown.show({ seq: 1_000_009, status: "closed" });
  assert.equal(root.hidden, true);
  shown.ended({ stage: "sold" });
  assert.equal(root.hidden, false);
  assert.equal(root.textContent, t("lot.restored-review"));
  shown.ended({ stage: "awarded" });
  assert.equal(root.hidden, true);

  const other = notice();
  other.shown.show({ seq: 9, status: "closed" });
  other.shown.ended({ stage: "sold" });
  assert.equal(other.root.hidden, true);
});
