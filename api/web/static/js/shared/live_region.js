// What screen readers announce: only the latest text, and prices at most every few seconds.

const PRICE_EVERY_MS = 8000;
const EVERY_MS = 1200;

export class LiveRegion {
  #region;
  #waiting = null;
  #price = null;
  #priceAt = 0;

  constructor(region) {
    this.#region = region;
  }

  /** Say something that matters; what came a moment before gives way. */
  announce(text) {
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => {
      this.#region.textContent = text;
    }, EVERY_MS);
  }

  /** Say the newest price, not every one. */
  announcePrice(text) {
    const wait = Math.max(0, this.#priceAt + PRICE_EVERY_MS - Date.now());
    clearTimeout(this.#price);
    this.#price = setTimeout(() => {
      this.#priceAt = Date.now();
      this.#region.textContent = text;
    }, wait);
  }
}

/** After what is being drawn now. */
export const afterRender = (what) => setTimeout(what, 0);
