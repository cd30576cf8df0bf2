// Sound and vibration: only for who asked, when they are outbid, and once for each of the last seconds.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openDocument } from "./dom.js";

openDocument("en", {});
const { Alerts } = await import("../../api/web/static/js/lot/alerts.js");

function alerts(kept = null) {
  openDocument("en", { box: "input" });
  const box = document.getElementById("box");
  const store = new Map(kept ? [["auction-alerts", kept]] : []);
  const played = [];
  const clock = { ms: 0 };
  const shown = new Alerts({
    box,
    now: () => clock.ms,
    store: { getItem: (name) => store.get(name) ?? null, setItem: (name, value) => store.set(name, value) },
    play: (alert) => played.push(alert),
  });
  const ask = (wanted) => {
    box.checked = wanted;
    box.dispatchEvent(new Event("change"));
  };
  return { ask, box, clock, played, shown, store };
}

test("nobody who has not asked hears anything", () => {
  const { clock, played, shown } = alerts();
  shown.show({ status: "open", ends_at_ms: 5_000 });
  clock.ms = 1_000;
  shown.tick();
  shown.outbid();
  assert.equal(played.length, 0);
});

test("who asks hears it at once, and it is kept for the next visit", () => {
  const { ask, played, store } = alerts();
  ask(true);
  assert.equal(played.length, 1);
  assert.equal(store.get("auction-alerts"), "on");
  assert.equal(alerts("on").box.checked, true);
  ask(false);
  assert.equal(store.get("auction-alerts"), "off");
});

test("each of the last ten seconds of an open lot is told once, and those of a moved end again", () => {
  const { clock, played, shown } = alerts("on");
  shown.show({ status: "open", ends_at_ms: 20_000 });
  for (clock.ms = 0; clock.ms < 21_000; clock.ms += 100) shown.tick();
  assert.equal(played.length, 10);
  shown.show({ status: "open", ends_at_ms: 23_000 });
  for (; clock.ms < 24_000; clock.ms += 100) shown.tick();
  assert.equal(played.length, 12);
  shown.show({ status: "paused", ends_at_ms: 30_000 });
  for (; clock.ms < 31_000; clock.ms += 100) shown.tick();
  assert.equal(played.length, 12);
});
