// Checks the receipt of a bid: that the house signed what it states, and that the record says the same.

import { bytesOf, fromBase64Url, sha256, toHex } from "./signing.js";

const HASH_BYTES = 32;
const NUMBER = "(?:0|[1-9][0-9]{0,15})";
const FORM = new RegExp(
  `^R1\\.(?<lotId>[a-z0-9-]{1,64})\\.(?<epoch>${NUMBER})\\.(?<atMs>${NUMBER})\\.(?<chain>[0-9a-f]{40})` +
    `\\.(?<kid>[A-Za-z0-9_-]{1,64})\\.(?<leaf>(?:${NUMBER}\\.){4}[01]\\.${NUMBER}\\.[0-9a-f]{64}` +
    `\\.[A-Za-z0-9_-]{1,64})\\.(?<index>${NUMBER})\\.(?<size>${NUMBER})\\.(?<path>[A-Za-z0-9_-]*)` +
    "\\.(?<signature>[A-Za-z0-9_-]+)$",
);
const COMPARED = {
  epoch: "epoch",
  atMs: "at_ms",
  paddle: "paddle",
  priceFen: "price_fen",
  leading: "leading",
  endsAtMs: "ends_at_ms",
};

/** What a receipt states, amounts in fen and times in ms; null where it is none. */
export function parseReceipt(text) {
  const groups = FORM.exec(text.trim())?.groups;
  const path = groups ? fromBase64Url(groups.path) : null;
  if (!path) return null;
  const [seq, paddle, amountFen, priceFen, leading, endsAtMs] = groups.leaf.split(".", 6).map(Number);
  const { lotId, chain, kid, leaf, signature } = groups;
  const [epoch, atMs, index, size] = [groups.epoch, groups.atMs, groups.index, groups.size].map(Number);
  const bid = { seq, paddle, amountFen, priceFen, leading, endsAtMs };
  return { lotId, epoch, atMs, chain, kid, leaf, index, size, path, signature, ...bid };
}

/** Whether one of the house's keys signed all that a receipt states. */
async function isSigned(stated, keys) {
  const root = await rootOf(stated);
  if (!root) return false;
  const { lotId, epoch, atMs, chain, size, kid, signature } = stated;
  const statement = `flash-auction receipts 1\n${lotId}.${epoch}.${atMs}.${chain}\n${size}\n${toHex(root)}\n`;
  return keys.verify(kid, signature, statement);
}

/** The root that a leaf and its path lead to (RFC 6962); null where it is no path of that leaf. */
async function rootOf({ leaf, index: start, size, path }) {
  if (start >= size) return null;
  let [index, last, left] = [start, size - 1, path];
  let node = await sha256(Uint8Array.of(0), bytesOf(leaf));
  while (last > 0) {
    if (index % 2 === 1 || index < last) {
      const sibling = left.subarray(0, HASH_BYTES);
      left = left.subarray(HASH_BYTES);
      if (sibling.length !== HASH_BYTES) return null;
      const pair = index % 2 === 1 ? [sibling, node] : [node, sibling];
      node = await sha256(Uint8Array.of(1), ...pair);
    }
    index = Math.floor(index / 2);
    last = Math.floor(last / 2);
  }
  return left.length ? null : node;
}

/**
 * Check a receipt against the events of a record, as `readRecord` gives them: {stated, faults, voidedBy}. A fault is a
 * {code} with the facts of its text; `voidedBy` is the seq that voided the bid, or null.
 */
export async function checkReceipt(text, events, keys) {
  const stated = parseReceipt(text);
  if (!stated) return { stated, faults: [{ code: "malformed" }], voidedBy: null };
  const faults = [];
  if (!keys.has(stated.kid)) faults.push({ code: "unknown-key", kid: stated.kid });
  else if (!(await isSigned(stated, keys))) faults.push({ code: "not-signed" });
  const lot = events[0]?.facts.lot_id;
  if (stated.lotId !== lot)
    return { stated, faults: [...faults, { code: "other-lot", lot: stated.lotId }], voidedBy: null };
  const voided = events.find(({ facts }) => facts.type === "voided" && facts.bid_seq === stated.seq);
  return { stated, faults: [...faults, ...differences(stated, events)], voidedBy: voided?.facts.seq ?? null };
}

function differences(stated, events) {
  const { seq } = stated;
  const facts = events.find((event) => event.facts.seq === seq)?.facts;
  if (!facts) {
    const isLost = events.some(
      (event) => event.facts.type === "restored" && event.facts.archived_seq < seq && seq < event.facts.seq,
    );
    return [{ code: isLost ? "lost" : "left-out", seq }];
  }
  if (facts.type !== "bid" && facts.type !== "maximum") return [{ code: "no-bid", seq }];
  const differing = Object.entries(COMPARED).filter(([own, name]) => facts[name] !== stated[own]);
  return differing.length ? [{ code: "differs", seq }] : [];
}
