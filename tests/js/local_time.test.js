// Wall-clock times around the changes of clocks, in zones of every kind.

import assert from "node:assert/strict";
import { test } from "node:test";

import { momentsOf, offsetText, wallOf } from "../../api/web/static/js/shared/local_time.js";

const ZONES = [
  "Asia/Shanghai",
  "Asia/Kolkata",
  "Europe/Berlin",
  "America/New_York",
  "America/St_Johns",
  "America/Santiago",
  "Australia/Lord_Howe",
  "Africa/Casablanca",
  "UTC",
];
const HOUR_MS = 3_600_000;

/** What a named zone adds to UTC at a moment, by the platform's own table. */
function offsetIn(zone) {
  const clock = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  return (atMs) => {
    const parts = Object.fromEntries(clock.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]));
    return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second) - atMs;
  };
}

/** Whole seconds from 2020 to 2040, the same at every run; half of them within a day of a change of clocks. */
function* moments(offsetAt) {
  const start = Date.UTC(2020, 0, 1);
  let state = 7;
  const random = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  for (let i = 0; i < 24; i += 1) {
    let atMs = start + Math.floor(random() * 20 * 365 * 86_400) * 1000;
    if (i % 2) {
      for (let days = 0; days < 200 && offsetAt(atMs) === offsetAt(atMs + 24 * HOUR_MS); days += 1)
        atMs += 24 * HOUR_MS;
      atMs += Math.floor(random() * 48 * 3600) * 1000;
    }
    yield atMs;
  }
}

test("a moment is among those at which clocks show its wall-clock time, and no other shows another", () => {
  for (const zone of ZONES) {
    const offsetAt = offsetIn(zone);
    for (const atMs of moments(offsetAt)) {
      const wall = wallOf(atMs, offsetAt);
      const found = momentsOf(wall, offsetAt);
      assert.ok(found.includes(atMs), `${zone} ${wall}`);
      assert.ok(found.length <= 2);
      for (const one of found) assert.equal(wallOf(one, offsetAt), wall);
    }
  }
});

test("an hour that a change skips has no moment, and one that it repeats has two", () => {
  for (const zone of ZONES) {
    const offsetAt = offsetIn(zone);
    for (const atMs of moments(offsetAt)) {
      // a wall-clock time without regard to the zone: whatever it is, the number of its moments follows by trying all
      const wall = new Date(atMs).toISOString().slice(0, 19);
      const tried = [];
      for (let offset = -12 * HOUR_MS; offset <= 14 * HOUR_MS; offset += HOUR_MS / 4)
        if (offsetAt(atMs - offset) === offset) tried.push(atMs - offset);
      assert.deepEqual(
        momentsOf(wall, offsetAt),
        tried.sort((a, b) => a - b),
        `${zone} ${wall}`,
      );
    }
  }
});

test("the changes of clocks in Berlin, by hand", () => {
  const berlin = offsetIn("Europe/Berlin");
  assert.deepEqual(momentsOf("2026-03-29T02:30", berlin), []);
  assert.deepEqual(momentsOf("2026-03-29T03:00", berlin), [Date.UTC(2026, 2, 29, 1)]);
  assert.deepEqual(momentsOf("2026-10-25T02:30", berlin), [Date.UTC(2026, 9, 25, 0, 30), Date.UTC(2026, 9, 25, 1, 30)]);
});

test("what is no time has no moments, and is not rolled over", () => {
  for (const wall of ["", "2026-06-31T10:00", "2026-02-29T10:00", "2026-01-01T24:00", "2026-01-01", "soon"])
    assert.equal(momentsOf(wall), null, wall);
});

test("an offset is shown in hours, and in minutes where it has some", () => {
  const shown = [8 * HOUR_MS, 0, -3.5 * HOUR_MS, 5.5 * HOUR_MS, 5.75 * HOUR_MS].map(offsetText);
  assert.deepEqual(shown, ["UTC+8", "UTC+0", "UTC-3:30", "UTC+5:30", "UTC+5:45"]);
});
