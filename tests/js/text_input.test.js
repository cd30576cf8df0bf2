// What people type, as it is sent.

import assert from "node:assert/strict";
import { test } from "node:test";

import { typedText } from "../../api/web/static/js/shared/text_input.js";

test("white space of any kind becomes one ordinary space", () => {
  assert.equal(typedText("王\u3000小明"), "王 小明");
  assert.equal(typedText("a\u00a0b\tc\r\nd"), "a b c d");
  assert.equal(typedText("  a wrong\n\n description \n"), "a wrong description");
});

test("anything else stays as it was typed", () => {
  assert.equal(typedText("O'Neil-Đỗ, 3 🍎"), "O'Neil-Đỗ, 3 🍎");
  assert.equal(typedText("\u3000 "), "");
});
