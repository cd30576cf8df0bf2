// Looks for a bidder's accepted bids on a lot that was restored after a fault, by the receipts that the browser keeps.

import { post } from "../shared/api.js";
import { element } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { yuan } from "../shared/money.js";
import { problemText } from "../shared/problems.js";
import { wasRestored } from "./restored_notice.js";

const TONES = { stands: "good", voided: "warn", lost: "bad", pending: "" };

/** The button and its answers in `root`; `announce(text)` tells screen readers. */
export class BidCheck {
  #root;
  #lotId;
  #receipts;
  #announce;
  #button;
  #answers = element("ul", { class: "plain", id: "bid-check-answers" });

  constructor({ root, lotId, receipts, announce }) {
    this.#root = root;
    this.#lotId = lotId;
    this.#receipts = receipts;
    this.#announce = announce;
    this.#button = element(
      "button",
      { class: "button", type: "button", id: "bid-check-button", onclick: () => this.#check() },
      t("lot.check-bids"),
    );
    root.replaceChildren(element("p", { class: "soft" }, t("lot.check-bids-why")), this.#button, this.#answers);
  }

  /** Take the newest facts: there is something to look for on a restored lot of which receipts are kept. */
  show(facts) {
    this.#root.hidden = !wasRestored(facts) || this.#receipts.all().length === 0;
  }

  /** Ask for each kept receipt; the newest first. */
  async #check() {
    this.#button.disabled = true;
    this.#answers.replaceChildren();
    const found = [];
    try {
      for (const receipt of this.#receipts.all().reverse()) found.push(await this.#ask(receipt));
      this.#announce(found.join(" "));
    } catch (problem) {
      this.#add("bad", problemText(problem));
      this.#announce(problemText(problem));
    } finally {
      this.#button.disabled = false;
    }
  }

  async #ask(receipt) {
    const answer = await post(`/lots/${encodeURIComponent(this.#lotId)}/claims`, receipt);
    const words = answer.claim ? `lot.receipt-lost-${answer.claim.status}` : `lot.receipt-${answer.standing}`;
    const facts = { amount: yuan(receipt.amount_fen), seq: receipt.seq, reason: answer.claim?.reason ?? "" };
    return this.#add(TONES[answer.standing] ?? "", t(words, facts));
  }

  #add(tone, text) {
    this.#answers.append(element("li", { class: `notice ${tone}`.trim() }, text));
    return text;
  }
}
