// The ledger's time in this page: the offset with the shortest round trip is used, so slow answers do no harm.

const SAMPLES_KEPT = 8;

export class LedgerClock {
  #samples = [];

  /** A rough start from any answer that carries `now_ms`, used until a round trip was measured. */
  guess(nowMs) {
    if (this.#samples.length === 0) this.#samples.push({ offset: nowMs - Date.now(), trip: 10_000 });
  }

  /** One round trip: sent and received by this page's clock, s1 and s2 by the ledger's. */
  sample(sentMs, s1, s2, receivedMs) {
    const trip = receivedMs - sentMs - (s2 - s1);
    if (trip < 0) return;
    this.#samples.push({ offset: (s1 - sentMs + (s2 - receivedMs)) / 2, trip });
    if (this.#samples.length > SAMPLES_KEPT) this.#samples.shift();
  }

  /** Now, by the ledger, UTC ms. */
  now() {
    if (this.#samples.length === 0) return Date.now();
    const best = this.#samples.reduce((a, b) => (b.trip < a.trip ? b : a));
    return Date.now() + best.offset;
  }
}

/** Milliseconds left as 1:02:03, 02:03 or, in the last ten seconds, 9.8. */
export function timeLeft(ms) {
  if (ms <= 0) return "0.0";
  if (ms < 10_000) return (Math.floor(ms / 100) / 10).toFixed(1);
  const seconds = Math.floor(ms / 1000);
  const two = (n) => String(n).padStart(2, "0");
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor(seconds / 3600) % 24;
  const clock = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  if (days) return `${days}d ${two(hours)}:${clock}`;
  return hours ? `${hours}:${clock}` : clock;
}
