// Where pages lead: nowhere but to pages of this site.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { goTo, ownPage, signInHref } from "../../api/web/static/js/shared/navigation.js";

const ORIGIN = "https://auction.example";
const SCRIPTS = new URL("../../api/web/static/js/", import.meta.url);

test("pages of this site are led to with their query and fragment", () => {
  for (const address of ["/", "/lots/launch-001", "/ops#lot=launch-001", "/?sale=launch", "/me?a=1#b"]) {
    assert.equal(ownPage(address, ORIGIN), address);
  }
  assert.equal(ownPage(`${ORIGIN}/me`, ORIGIN), "/me");
});

test("whatever a browser would read as another site leads to the start page", () => {
  const hostile = [
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/.//evil.example",
    "/x/..//evil.example",
    "https://evil.example/",
    "https:evil.example",
    "https://auction.example@evil.example/",
    "http://auction.example/",
    "https://auction.example:444/",
    "javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,x",
    "https://[",
  ];
  for (const address of hostile) {
    const led = ownPage(address, ORIGIN);
    assert.equal(new URL(led, ORIGIN).origin, ORIGIN, address);
    assert.ok(!/evil|alert|data:/.test(new URL(led, ORIGIN).host), address);
    assert.ok(!led.startsWith("//"), address);
  }
  assert.equal(ownPage("/\t/evil.example", ORIGIN), "/");
  assert.equal(ownPage(null, ORIGIN), "/");
});

test("a navigation and the sign-in link go by it", () => {
  const assigned = [];
  globalThis.location = { origin: ORIGIN, pathname: "/me", assign: (address) => assigned.push(address) };
  goTo("/\t/evil.example");
  goTo("/ops#new");
  assert.deepEqual(assigned, ["/", "/ops#new"]);
  assert.equal(signInHref(), "/sign-in?next=%2Fme");
  assert.equal(signInHref("//evil.example"), "/sign-in?next=%2F");
});

test("no other script leaves for an address of its own", () => {
  const scripts = readdirSync(SCRIPTS, { recursive: true }).filter((name) => name.endsWith(".js"));
  assert.ok(scripts.length > 20);
  const leaving = /\blocation\.(assign|replace)\(|\blocation(\.href)?\s*=[^=]|\bwindow\.open\(|\?next=/;
  const found = scripts.filter((name) => leaving.test(readFileSync(new URL(name, SCRIPTS), "utf8")));
  assert.deepEqual(found, ["shared/navigation.js"]);
});
