// The texts of the pages: the same names and facts in both languages, each used, none missing.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { words as en } from "../../api/web/static/i18n/en.js";
import { words as zh } from "../../api/web/static/i18n/zh-CN.js";
import { openDocument } from "./dom.js";

const WEB = fileURLToPath(new URL("../../api/web/", import.meta.url));
const factsOf = (text) => new Set(text.match(/\{\w+\}/g) ?? []);

function filesUnder(folder, ending) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(ending))
    .map((name) => readFileSync(`${folder}/${name}`, "utf-8"));
}

const scripts = filesUnder(`${WEB}static/js`, ".js");
const documents = [...filesUnder(`${WEB}pages`, ".html"), readFileSync(`${WEB}shell.html`, "utf-8")];

/** Every quoted string of the scripts, and the part before the first fact of every template. */
const quoted = new Set(scripts.flatMap((text) => [...text.matchAll(/"([^"\n]*)"/g)].map((found) => found[1])));
const prefixes = scripts.flatMap((text) => [...text.matchAll(/`([a-z][\w.-]*)\$\{/g)].map((found) => found[1]));

test("both languages have the same names", () => {
  assert.deepEqual(Object.keys(zh).sort(), Object.keys(en).sort());
});

test("a text takes the same facts in both languages, beside the currency, which it may name or not", () => {
  const given = (text) => new Set([...factsOf(text)].filter((fact) => fact !== "{currency}"));
  for (const name of Object.keys(en)) assert.deepEqual(given(zh[name]), given(en[name]), name);
});

test("every text that a script or a page names is there", () => {
  const named = scripts.flatMap((text) => [...text.matchAll(/\bt\("([^"]+)"/g)].map((found) => found[1]));
  const written = documents.flatMap((text) =>
    [...text.matchAll(/data-i18n(?:-label)?="([^"{]+)"/g)].map((found) => found[1]),
  );
  assert.ok(named.length > 100 && written.length > 30);
  assert.deepEqual(
    [...named, ...written].filter((name) => !(name in en)),
    [],
  );
});

test("every text is used: by its name, or by the start of a name that is made up of parts", () => {
  const written = [...documents, readFileSync(`${WEB}documents.py`, "utf-8")].join();
  const isMadeUp = (name) =>
    prefixes.some((prefix) => name.startsWith(prefix)) || quoted.has(name.slice(0, name.lastIndexOf(".")));
  const isUsed = (name) => quoted.has(name) || written.includes(`"${name}"`) || isMadeUp(name);
  assert.deepEqual(
    Object.keys(en).filter((name) => !isUsed(name)),
    [],
  );
});

test("a page knows the texts of its own language, fills in facts, and leaves what it does not know", async () => {
  openDocument("zh-CN", {});
  const { hasText, language, t } = await import("../../api/web/static/js/shared/i18n.js");
  assert.equal(language, "zh-CN");
  assert.equal(t("lot.paddle", { paddle: 7 }), zh["lot.paddle"].replace("{paddle}", "7"));
  assert.equal(t("no.such-text"), "no.such-text");
  assert.equal(t("sales.bids", { count: "1" }), zh["sales.bids.one"].replace("{count}", "1"));
  assert.equal(hasText("no.such-text"), false);
  assert.equal(hasText("lot.paddle"), true);
});

test("one of a thing is told in the singular", () => {
  const plurals = Object.keys(en).filter((name) => name.endsWith(".one"));
  assert.ok(plurals.length >= 4);
  for (const one of plurals) {
    const many = one.slice(0, -".one".length);
    assert.equal(`${en[one]}s`, en[many]);
    assert.deepEqual(factsOf(en[one]), factsOf(en[many]));
  }
});
