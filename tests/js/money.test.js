// Amounts as people read and write them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { parseFen, yuan, yuanShort } from "../../api/web/static/js/shared/money.js";

test("fen are shown as yuan with separators and two digits", () => {
  const shown = [
    [0, "0.00"],
    [1, "0.01"],
    [99, "0.99"],
    [100, "1.00"],
    [99_999, "999.99"],
    [100_000, "1,000.00"],
    [7_819_339_900, "78,193,399.00"],
    [-150_005, "-1,500.05"],
  ];
  for (const [fen, text] of shown) assert.equal(yuan(fen), text);
});

test("the short form leaves out fen that are zero, and only those", () => {
  assert.equal(yuanShort(120_000), "1,200");
  assert.equal(yuanShort(120_050), "1,200.50");
  assert.equal(yuanShort(100), "1");
});

test("what is typed as yuan is read as fen, however it is grouped or signed", () => {
  const typed = [
    ["1", 100],
    ["0.01", 1],
    ["1,200.5", 120_050],
    ["1，200.50", 120_050],
    [" ¥78,193,399 ", 7_819_339_900],
    ["￥12", 1200],
    ["12元", 1200],
    ["1 000", 100_000],
    ["99,999,999,999.99", 9_999_999_999_999],
    ["100000000000", null],
  ];
  for (const [text, fen] of typed) assert.equal(parseFen(text), fen, text);
});

test("what is no amount is refused instead of guessed", () => {
  for (const text of ["", " ", "abc", "0", "0.00", "-1", "+1", "1.234", "1.", ".5", "1e3", "0x10", "1.2.3", "NaN"]) {
    assert.equal(parseFen(text), null, text);
  }
});

test("every amount that is shown is read back the same", () => {
  for (let fen = 1; fen < 10 ** 13; fen = fen * 7 + 3) {
    assert.equal(parseFen(yuan(fen)), fen);
    assert.equal(parseFen(yuanShort(fen)), fen);
  }
});
