// The live channel of the staff page: one lot at a time, for its newest price and to notice when the channel is gone.

import { LiveClient } from "../shared/live_client.js";

const FIELDS = [
  "lot_id",
  "epoch",
  "seq",
  "status",
  "price_fen",
  "leader",
  "bids",
  "minimum_fen",
  "ends_at_ms",
  "remaining_ms",
  "now_ms",
  "watchers",
];

const SILENT_MS = 5000;

/** Whether a lot has news to tell. */
const isLive = (lot) => Boolean(lot) && !["draft", "closed", "void"].includes(lot.status);

/** Watches one lot; `received(facts)` is given its newest facts, by the names they have in HTTP answers. */
export class LiveSubscription {
  #clock;
  #received;
  #client = null;
  #lotId = null;
  #lostAt = null;

  constructor(clock, received) {
    this.#clock = clock;
    this.#received = received;
  }

  /** For how many ms the channel has been gone; 0 while it is there, or nothing is watched. */
  lostMs() {
    return this.#lostAt === null ? 0 : Date.now() - this.#lostAt;
  }

  stop() {
    this.#client?.stop();
    this.#client = null;
  }

  /** Watch the chosen lot, else one that runs: the one that is watched, as long as it runs. No `url`: nothing. */
  update(url, chosen, running) {
    if (!url) return;
    const isStill = running.some((lot) => lot.lot_id === this.#lotId);
    const other = isStill ? this.#lotId : (running[0]?.lot_id ?? null);
    const wanted = isLive(chosen) ? chosen.lot_id : other;
    if (wanted === this.#lotId) return;
    this.stop();
    this.#lotId = wanted;
    if (wanted) this.#watch(url, wanted);
    else this.#lostAt = null;
  }

  #watch(url, lotId) {
    this.#client = new LiveClient({
      url,
      lotId,
      mode: "state",
      silentMs: SILENT_MS,
      clock: this.#clock,
      on: {
        connection: (state) => {
          if (state === "live" || state === "ended") this.#lostAt = null;
          else if (state === "lost") this.#lostAt ??= Date.now();
        },
        state: (frame) => this.#received(Object.fromEntries(FIELDS.map((name) => [name, frame[name]]))),
      },
    });
    this.#client.start();
  }
}
