// A button that bids the amount written on it: while it is pressed, its amount stays what it was.

import { element } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { withFee, yuanShort } from "../shared/money.js";

const CLICK_WAIT_MS = 500;

/**
 * `root` is the button. `bid(amountFen)` is called with the amount that stood on it when it was pressed: new amounts
 * given meanwhile are shown after the press. Amounts in fen; `feeBps` is the buyer's fee in basis points.
 */
export class BidButton {
  #label;
  #price = element("span", { class: "to numbers" });
  #total = element("span", { class: "total numbers" });
  #feeBps;
  #latest = null;
  #isPressed = false;
  #timer = null;

  constructor({ feeBps, bid, ...attributes }) {
    this.#feeBps = feeBps;
    this.#label = element("span", { class: "raise" });
    this.amountFen = null;
    this.root = element(
      "button",
      { type: "button", ...attributes, onclick: () => this.#click(bid) },
      this.#label,
      this.#price,
      this.#total,
    );
    this.#total.hidden = !feeBps;
    this.root.addEventListener("pointerdown", (event) => event.button === 0 && this.#press("pointerup"));
    this.root.addEventListener("keydown", (event) => {
      if (![" ", "Enter"].includes(event.key)) return;
      // a key that is held down is one press
      if (event.repeat) event.preventDefault();
      else this.#press("keyup");
    });
    for (const end of ["pointercancel", "blur"]) this.root.addEventListener(end, () => this.#release());
  }

  /** Set the amount and the words above it; shown at once, or after the press that is under way. */
  show(amountFen, label) {
    this.#latest = { amountFen, label };
    if (!this.#isPressed) this.#render();
  }

  #render() {
    const { amountFen, label } = this.#latest;
    this.amountFen = amountFen;
    this.root.dataset.amountFen = amountFen;
    this.#label.textContent = label;
    this.#price.textContent = `¥${yuanShort(amountFen)}`;
    if (!this.#feeBps) return;
    this.#total.textContent = t("lot.bid-with-fee", { total: yuanShort(withFee(amountFen, this.#feeBps)) });
  }

  #press(end) {
    clearTimeout(this.#timer);
    this.#isPressed = true;
    // the click of a press comes right after its end; where none comes, the press was moved away from the button
    document.addEventListener(end, () => this.#releaseSoon(), { once: true });
  }

  #click(bid) {
    const amountFen = this.amountFen;
    this.#release();
    bid(amountFen);
  }

  #releaseSoon() {
    if (!this.#isPressed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#release(), CLICK_WAIT_MS);
  }

  #release() {
    clearTimeout(this.#timer);
    if (!this.#isPressed) return;
    this.#isPressed = false;
    this.#render();
  }
}
