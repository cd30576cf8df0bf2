// Wall-clock times in the visitor's zone: reading them where a clock change makes one impossible or ambiguous.

const DAY_MS = 86_400_000;
const WALL = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2}))?$/;

/** What the visitor's zone adds to UTC at a moment, ms. */
export const ownOffset = (atMs) => -new Date(atMs).getTimezoneOffset() * 60_000;

/**
 * The moments at which clocks show a time such as 2026-03-29T02:30 (seconds optional), UTC ms, earliest first: one, two in
 * the hour that a change repeats, none in the hour that it skips; null where it is no time at all.
 */
export function momentsOf(wall, offsetAt = ownOffset) {
  const found = WALL.exec(wall);
  if (!found) return null;
  const [year, month, day, hour, minute, second] = found.slice(1).map((digits) => Number(digits ?? 0));
  const asUtc = Date.UTC(year, month - 1, day, hour, minute, second);
  const same = new Date(asUtc);
  // 31 June would roll over
  if (same.getUTCMonth() !== month - 1 || same.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59)
    return null;
  // no zone changes its clocks twice within two days
  const offsets = new Set([offsetAt(asUtc - DAY_MS), offsetAt(asUtc + DAY_MS)]);
  return [...offsets]
    .map((offset) => asUtc - offset)
    .filter((atMs) => atMs + offsetAt(atMs) === asUtc)
    .sort((a, b) => a - b);
}

/** A moment as a `datetime-local` field takes it. */
export const wallOf = (atMs, offsetAt = ownOffset) => new Date(atMs + offsetAt(atMs)).toISOString().slice(0, 19);

/** What a zone adds to UTC, as UTC+8 or UTC-3:30. */
export function offsetText(offsetMs) {
  const minutes = Math.abs(offsetMs) / 60_000;
  const rest = minutes % 60 ? `:${String(minutes % 60).padStart(2, "0")}` : "";
  return `UTC${offsetMs < 0 ? "-" : "+"}${Math.floor(minutes / 60)}${rest}`;
}

/** The name of the visitor's zone, such as Asia/Shanghai. */
export const zoneName = () => Intl.DateTimeFormat().resolvedOptions().timeZone;
