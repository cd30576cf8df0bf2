// Checks a published record as `auction verify FILE` does: the order of its lines, their chain, and its signed end.

import { bytesOf, fromHex, sha256, toHex } from "./signing.js";

const LINE = /^(\{.*),"head":"([0-9a-f]{64})"\}$/;
const GENESIS = "0".repeat(64);
const FAULTS_MAX = 100;
const AT_ONCE = 500;

/**
 * Read the lines of a record: {events, end, faults}. An event is {number, facts, body, head}, `number` its line from 1;
 * `end` {number, facts} or null; a fault {line, code} with the facts of its text.
 */
export function readRecord(text) {
  const events = [];
  const faults = [];
  let end = null;
  const lines = text.split("\n");
  // what follows the last line break is no line
  if (lines.at(-1) === "") lines.pop();
  for (const [index, raw] of lines.entries()) {
    const line = raw.replace(/\r$/, "");
    const number = index + 1;
    if (end) {
      faults.push({ line: number, code: "after-end", end: end.number });
      continue;
    }
    const facts = factsOf(line);
    const found = LINE.exec(line);
    if (facts?.type === "end") end = { number, facts };
    else if (!facts || !found) faults.push({ line: number, code: "no-line" });
    else events.push({ number, facts, body: `${found[1]}}`, head: found[2] });
  }
  return { events, end, faults };
}

function factsOf(line) {
  let facts;
  try {
    facts = JSON.parse(line);
  } catch {
    return null;
  }
  if (facts === null || typeof facts !== "object" || Array.isArray(facts)) return null;
  if (facts.type === "end") return facts;
  const isEvent = Number.isInteger(facts.seq) && typeof facts.type === "string" && "lot_id" in facts;
  return isEvent && (facts.type !== "restored" || Number.isInteger(facts.archived_seq)) ? facts : null;
}

/**
 * Check a record that was read: {faults, head, signedBy}. `keys`: the house's (null: the signature cannot be checked
 * here, and `signedBy` stays null).
 */
export async function checkRecord({ events, end, faults: unread }, keys) {
  const faults = [...unread, ...orderFaults(events)];
  faults.push(...(await chainFaults(events, new Set(faults.map(({ line }) => line)))));
  const head = events.at(-1)?.head ?? GENESIS;
  faults.push(...endFaults(end, events, head));
  let signedBy = null;
  if (end && keys) {
    const fault = await signatureFault(end.facts, keys);
    if (fault) faults.push({ line: end.number, ...fault });
    else signedBy = end.facts.kid;
  }
  faults.sort((a, b) => a.line - b.line);
  return { faults: faults.slice(0, FAULTS_MAX), head, signedBy };
}

/** What is doubled, put elsewhere, added or missing by its seqs. */
function orderFaults(events) {
  const faults = [];
  const all = new Set(events.map(({ facts }) => facts.seq));
  const first = new Map();
  let expected = 1;
  for (const event of events) {
    const { number: line, facts } = event;
    const before = first.get(facts.seq);
    if (before) {
      faults.push({ line, ...repeatFault(event, before) });
      continue;
    }
    first.set(facts.seq, event);
    if (facts.lot_id !== events[0].facts.lot_id) faults.push({ line, code: "other-lot", lot: facts.lot_id });
    const fault = placeFault(facts, expected, all);
    if (fault) faults.push({ line, ...fault });
    expected = Math.max(expected, facts.seq + 1);
  }
  return faults;
}

function repeatFault(event, before) {
  const isSame = before.body === event.body && before.head === event.head;
  return { code: isSame ? "doubled" : "added", seq: event.facts.seq, first: before.number };
}

/** What is wrong with the place of an event, where the next one is expected to have a certain seq; null: nothing. */
function placeFault({ seq, type, archived_seq: archivedSeq }, expected, all) {
  if (seq < expected) return { code: "moved", seq };
  const isRestored = type === "restored" && archivedSeq === expected - 1;
  if (seq === expected || isRestored) return null;
  let missing = expected;
  while (missing < seq && all.has(missing)) missing += 1;
  return missing < seq ? { code: "missing", seq: missing } : { code: "moved", seq };
}

/** The lines whose head is not that of their content; but those that are out of place, and what comes after each. */
async function chainFaults(events, outOfPlace) {
  const faults = [];
  for (let from = 0; from < events.length; from += AT_ONCE) {
    const some = events.slice(from, from + AT_ONCE);
    const heads = await Promise.all(
      some.map((event, at) => {
        const before = events[from + at - 1]?.head ?? GENESIS;
        return sha256(fromHex(before), bytesOf(event.body)).then(toHex);
      }),
    );
    for (const [at, { number: line, head, facts }] of some.entries()) {
      if (heads[at] !== head && !outOfPlace.has(line) && !outOfPlace.has(line - 1)) {
        faults.push({ line, code: "changed", seq: facts.seq });
      }
    }
  }
  return faults;
}

function endFaults(end, events, head) {
  if (!end) return [{ line: (events.at(-1)?.number ?? 0) + 1, code: "cut" }];
  const { number: line, facts } = end;
  const faults = [];
  const last = events.at(-1)?.facts;
  if (facts.events !== events.length) faults.push({ line, code: "count", said: facts.events, found: events.length });
  if (facts.head !== head) faults.push({ line, code: "other-head" });
  if (last && facts.lot_id !== last.lot_id) faults.push({ line, code: "other-lot", lot: facts.lot_id });
  if (last && "signature" in facts && (facts.epoch !== last.epoch || facts.seq !== last.seq)) {
    faults.push({ line, code: "other-end", seq: facts.seq });
  }
  return faults;
}

async function signatureFault(facts, keys) {
  if (!("signature" in facts) || typeof facts.kid !== "string") return { code: "unsigned" };
  if (!keys.has(facts.kid)) return { code: "unknown-key", kid: facts.kid };
  const { lot_id: lotId, epoch, seq, events, head } = facts;
  const statement = `flash-auction record 1\n${lotId}\n${epoch}\n${seq}\n${events}\n${head}\n`;
  return (await keys.verify(facts.kid, facts.signature, statement)) ? null : { code: "not-signed" };
}
