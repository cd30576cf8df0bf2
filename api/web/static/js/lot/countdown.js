// The time left on the lot page, and for a few seconds the word that the end was moved.

import { timeLeft } from "../shared/clock.js";
import { byId, setText } from "../shared/element.js";
import { dateTime, t, timeOfDay } from "../shared/i18n.js";

const EXTENDED_SHOWN_MS = 8000;
const ENDING_MS = 60_000;
const ENDED = ["closed", "void", "draft"];

/** Shows the newest facts of a lot; `now` gives the ledger's time in ms. */
export class Countdown {
  #now;
  #facts = null;
  #extendedUntil = 0;

  constructor(now) {
    this.#now = now;
  }

  /** Take the newest facts: `status`, `ends_at_ms`, `opens_at_ms`, `remaining_ms`. */
  show(facts) {
    this.#facts = facts;
    this.tick();
  }

  /** The end was moved to this moment; gives the sentence that says so. */
  showExtension(endsAtMs) {
    const text = t("lot.extended", { until: timeOfDay(endsAtMs) });
    setText(byId("extended"), text);
    byId("extended").hidden = false;
    this.#extendedUntil = Date.now() + EXTENDED_SHOWN_MS;
    return text;
  }

  /** Only what the clock moves. */
  tick() {
    if (!this.#facts) return;
    if (this.#extendedUntil && Date.now() > this.#extendedUntil) {
      byId("extended").hidden = true;
      this.#extendedUntil = 0;
    }
    const { status, ends_at_ms: endsAtMs } = this.#facts;
    byId("countdown").hidden = status === "frozen" || (ENDED.includes(status) && !endsAtMs);
    // a frozen lot has no end until its record is recovered
    if (status === "frozen") return;
    const { label, value, isEnding } = this.#text();
    setText(byId("countdown-label"), t(label));
    for (const place of [byId("time-left"), byId("bar-time")]) {
      setText(place, value);
      place.classList.toggle("ending", isEnding);
    }
  }

  #text() {
    const { status, ends_at_ms: endsAtMs, opens_at_ms: opensAtMs, remaining_ms: remainingMs } = this.#facts;
    if (ENDED.includes(status))
      return { label: "lot.ended", value: endsAtMs ? dateTime(endsAtMs) : "", isEnding: false };
    if (status === "paused" || status === "held") {
      return { label: "lot.time-kept", value: remainingMs ? timeLeft(remainingMs) : "–", isEnding: false };
    }
    if (status === "scheduled") {
      const ms = opensAtMs - this.#now();
      return { label: "lot.opens-in", value: ms > 0 ? timeLeft(ms) : t("lot.opening"), isEnding: false };
    }
    const ms = endsAtMs - this.#now();
    return { label: "lot.time-left", value: ms > 0 ? timeLeft(ms) : t("lot.closing"), isEnding: ms < ENDING_MS };
  }
}
