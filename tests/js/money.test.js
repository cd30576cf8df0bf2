// Amounts as people read and write them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { words as en } from "../../api/web/static/i18n/en.js";
import { words as zh } from "../../api/web/static/i18n/zh-CN.js";
import { parseFen, readYuan, yuan, yuanShort } from "../../api/web/static/js/shared/money.js";

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
    ["1\u00a0000\u3000元", 100_000],
    ["１，２００．５０", 120_050],
    ["￥７８，１９３，３９９", 7_819_339_900],
    ["007", 700],
    ["99,999,999,999.99", 9_999_999_999_999],
  ];
  for (const [text, fen] of typed) assert.equal(parseFen(text), fen, text);
});

test("what is no amount is refused instead of guessed", () => {
  for (const text of ["", " ", "abc", "0", "0.00", "-1", "+1", "1.234", "1.", ".5", "1e3", "0x10", "1.2.3", "NaN"]) {
    assert.equal(parseFen(text), null, text);
  }
});

const MISTAKES = [
  [
    "grouping",
    [
      "220,00",
      "12,34",
      "1,2",
      "1,23,456",
      "1234,567",
      "1,234,56",
      "0,123",
      "1,,234",
      "1,234 567",
      "2２0，００",
      "1 00",
      "5,0",
      "1,",
    ],
  ],
  ["range", ["0", "0.00", "００", "100000000000", "100,000,000,000"]],
  ["form", ["", "¥", "1.234", "1.234,56", "1'000", "1。5", "1²", "½", "十", "五千", "1万", "-5", "1,234.567", "12元3"]],
];

test("a mistake is named, and has its words in both languages", () => {
  for (const [mistake, texts] of MISTAKES) {
    for (const text of texts) assert.deepEqual(readYuan(text), { fen: null, mistake }, text);
    for (const words of [en, zh]) assert.ok(words[`amount.${mistake}`].length > 10);
  }
});

test("nothing counts as an amount only where it is asked for", () => {
  assert.deepEqual(readYuan("0", { leastFen: 0 }), { fen: 0, mistake: null });
  assert.deepEqual(readYuan("０.00", { leastFen: 0 }), { fen: 0, mistake: null });
  assert.deepEqual(readYuan("0"), { fen: null, mistake: "range" });
});

/** Text with every character that has a full-width form in that form. */
const wide = (text) => text.replace(/[!-~]/g, (one) => String.fromCharCode(one.charCodeAt(0) + 0xfee0));

test("an amount is read the same in either width, with and without sign, and not with a comma in any other place", () => {
  for (let fen = 1; fen < 10 ** 13; fen = fen * 3 + 17) {
    const shown = yuan(fen);
    const digits = shown.replaceAll(",", "");
    const forms = [shown, digits, shown.replaceAll(",", " ")];
    for (const form of forms.flatMap((each) => [each, `¥${each}`, ` ${each} 元`, `¥ ${each}元`])) {
      assert.equal(parseFen(form), fen, form);
      assert.equal(parseFen(wide(form)), fen, wide(form));
    }
    const whole = digits.length - 3;
    for (let place = 1; place < whole; place += 1) {
      const wrong = `${digits.slice(0, place)},${digits.slice(place)}`;
      if (wrong === shown) continue;
      assert.deepEqual(readYuan(wrong), { fen: null, mistake: "grouping" }, wrong);
      assert.deepEqual(readYuan(wide(wrong)), { fen: null, mistake: "grouping" }, wide(wrong));
    }
  }
});

test("every amount that is shown is read back the same", () => {
  for (let fen = 1; fen < 10 ** 13; fen = fen * 7 + 3) {
    assert.equal(parseFen(yuan(fen)), fen);
    assert.equal(parseFen(yuanShort(fen)), fen);
  }
});

test("of the yen an amount has no decimals", async () => {
  globalThis.document = { documentElement: { dataset: { exponent: "0" } } };
  const yen = await import("../../api/web/static/js/shared/money.js?yen");
  delete globalThis.document;
  assert.equal(yen.yuan(7_819_339_900), "7,819,339,900");
  assert.equal(yen.yuanShort(100), "100");
  for (const typed of ["1200", "1,200", "¥1,200", "1200日元", "１，２００"])
    assert.equal(yen.parseFen(typed), 1200, typed);
  assert.deepEqual(yen.readYuan("12.50"), { fen: null, mistake: "form" });
  assert.deepEqual(yen.readYuan("12,50"), { fen: null, mistake: "grouping" });
});
