// The exception queue above the settlements: what the payment provider told and could not be applied.

import { get, timeoutSignal } from "../shared/api.js";
import { confirmAction } from "../shared/confirm_dialog.js";
import { element } from "../shared/element.js";
import { reasonField } from "../shared/form_fields.js";
import { t } from "../shared/i18n.js";
import { yuan } from "../shared/money.js";
import { shortDateTime, staffProblemText } from "../shared/staff_text.js";

const ANSWER_MS = 8000;

/** One exception in words. */
function aboutText(one) {
  return t(one.payment_ref ? "exceptions.about-payment" : "exceptions.about", {
    type: t(`exceptions.type.${one.type}`),
    amount: one.amount_fen === null ? t("exceptions.no-amount") : `¥${yuan(one.amount_fen)}`,
    ref: one.ref,
    payment: one.payment_ref,
    when: shortDateTime(one.received_at_ms),
  });
}

/** The open exceptions in `host`, hidden while there are none; finance closes each with a reason. */
export class ExceptionQueue {
  #host;
  #who;
  #announce;
  #changed;
  #shown = "";

  constructor(host, { who, announce, changed }) {
    this.#host = host;
    this.#who = who;
    this.#announce = announce;
    this.#changed = changed;
  }

  async refresh() {
    const { exceptions } = await get("/ops/exceptions", { signal: timeoutSignal(ANSWER_MS) });
    const now = JSON.stringify(exceptions);
    if (now === this.#shown) return;
    this.#shown = now;
    this.#host.hidden = exceptions.length === 0;
    const count = exceptions.length;
    this.#host.replaceChildren(
      element(
        "h2",
        { id: "exceptions-title" },
        t(count === 1 ? "exceptions.title.one" : "exceptions.title", { n: count }),
      ),
      element("p", {}, t("exceptions.hint")),
      element(
        "ul",
        {},
        exceptions.map((one) => this.#row(one)),
      ),
    );
  }

  #row(one) {
    const lot = one.lot_id ? [" ", element("a", { href: `#lot=${encodeURIComponent(one.lot_id)}` }, one.lot_id)] : [];
    const words = element("p", {}, aboutText(one), ...lot);
    const reason = element("p", {}, t(`exceptions.reason.${one.reason}`));
    const row = element("li", { "data-exception": one.exception_id }, words, reason);
    if (this.#who.role === "finance") {
      row.append(
        element(
          "button",
          {
            class: "button",
            type: "button",
            id: `close-exception-${one.exception_id}`,
            onclick: () => this.#close(one),
          },
          t("exceptions.close"),
        ),
      );
    }
    return row;
  }

  async #close(one) {
    const closed = await confirmAction({
      title: t("exceptions.close.title", { ref: one.ref }),
      confirm: t("exceptions.close.confirm"),
      fields: { reason: reasonField("act-reason") },
      sentence: () => t("exceptions.close.sentence"),
      path: () => `/ops/exceptions/${one.exception_id}/close`,
      body: (values) => values,
      words: staffProblemText,
    });
    if (!closed) return;
    this.#announce(t("exceptions.close.done", { ref: one.ref }));
    await this.#changed();
  }
}
