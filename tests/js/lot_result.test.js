// The state of a lot in words on its page: why it is paused, and until when that is said.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { words } from "../../api/web/static/i18n/en.js";
import { openDocument } from "./dom.js";

const ELEMENTS = { lot: "main", status: "span", leader: "p", "state-note": "p" };
const OPEN = { status: "open", epoch: 1, seq: 4, price_fen: 1000, minimum_fen: 1100, leader: 2 };
const PAUSED = { ...OPEN, status: "paused", seq: 5 };

openDocument("en", ELEMENTS);
const { LotResult } = await import("../../api/web/static/js/lot/result.js");

const ignore = () => null;

let result;
const note = () => document.getElementById("state-note");

beforeEach(() => {
  openDocument("en", ELEMENTS);
  result = new LotResult({ lot: { terms: {} }, ownPaddle: () => null, announce: ignore, ended: ignore });
  result.show(OPEN);
});

test("a lot that an outage paused says so until it is resumed", () => {
  result.paused("outage");
  assert.equal(note().hidden, true);
  result.show(PAUSED);
  assert.deepEqual([note().hidden, note().textContent], [false, words["lot.note.outage"]]);
  result.show({ ...OPEN, seq: 6 });
  assert.equal(note().hidden, true);
});

test("a pause by staff after an outage is not put down to the outage", () => {
  result.paused("outage");
  result.show(PAUSED);
  result.paused("staff");
  assert.equal(note().textContent, words["lot.note.paused"]);
});

test("a later pause whose cause was not heard is not put down to an earlier outage", () => {
  result.paused("outage");
  result.show(PAUSED);
  result.show({ ...OPEN, seq: 6 });
  result.show({ ...PAUSED, seq: 7 });
  assert.equal(note().textContent, words["lot.note.paused"]);
});

test("a page that was loaded during the pause says its cause, without having heard the event", () => {
  result.show({ ...PAUSED, pause_cause: "outage" });
  assert.equal(note().textContent, words["lot.note.outage"]);
  result.show({ ...PAUSED, seq: 6, pause_cause: "staff" });
  assert.equal(note().textContent, words["lot.note.paused"]);
});
