// The browser's tab of a lot: price and the viewer's standing in its title, and an icon for the standing.

import { t } from "../shared/i18n.js";
import { yuan } from "../shared/money.js";

/** Keeps title and icon as the newest facts say; `icon` is the page's icon link. */
export class TabStatus {
  #title;
  #icon;
  #price = null;
  #standing = "";
  #isOver = false;

  constructor(title, icon) {
    this.#title = title;
    this.#icon = icon;
    this.#draw();
  }

  /** Take the newest facts: `status`, `price_fen`. */
  show({ status, price_fen: priceFen }) {
    this.#isOver = ["closed", "void", "draft"].includes(status);
    this.#price = priceFen || null;
    this.#draw();
  }

  /** Take the viewer's own standing: `leading`, and `outbid_by` where somebody went higher. */
  standing({ leading, outbid_by: outbidBy }) {
    this.#standing = leading ? "leading" : outbidBy ? "outbid" : "";
    this.#draw();
  }

  #draw() {
    const standing = this.#isOver ? "" : this.#standing;
    const price = this.#price && !this.#isOver;
    document.title = price
      ? t(standing ? `lot.tab-${standing}` : "lot.tab-price", { price: yuan(this.#price), title: this.#title })
      : `${this.#title} · ${t("brand")}`;
    const address = `/static/icon${standing ? `-${standing}` : ""}.svg`;
    if (this.#icon.getAttribute("href") !== address) this.#icon.setAttribute("href", address);
  }
}
