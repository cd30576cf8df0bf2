// Blocking bidders and unblocking them, which two persons agree to: the question, and what waits for a second person.

import { remove } from "../shared/api.js";
import { confirmAction } from "../shared/confirm_dialog.js";
import { element } from "../shared/element.js";
import { reasonField } from "../shared/form_fields.js";
import { t } from "../shared/i18n.js";
import { shortDateTime, staffProblemText } from "../shared/staff_text.js";

const PATHS = { "block-bidder": "block", "unblock-bidder": "unblock" };

/** The bidder that a request is about: the first word of its subject. */
export const bidderOf = (pending) => (pending.subject ?? "").split(" ")[0];

/**
 * Ask, and block or unblock a bidder, or request it; `pending`: another person's request for it, which this confirms.
 * The server's answer, or null where they went back.
 */
export function askAboutBidder(act, bidderId, { name = bidderId, pending = null } = {}) {
  const asked = pending ? t("ops.pending.asked", { who: pending.asked_by, reason: pending.reason }) : "";
  return confirmAction({
    title: t(`ops.${act}.title`, { name }),
    confirm: t(`ops.${act}.confirm`),
    danger: act === "block-bidder",
    fields: { reason: reasonField("act-reason") },
    sentence: () => `${t(`ops.${act}.sentence`, { name })}${asked}`,
    path: () => `/ops/bidders/${encodeURIComponent(bidderId)}/${PATHS[act]}`,
    body: (values) => ({ reason: values.reason, ...(pending ? { pending_id: pending.pending_id } : {}) }),
    words: staffProblemText,
  });
}

/** What an act about a bidder has led to, in words. */
export function outcomeText(act, answer, name) {
  if (answer.pending_id) return t("ops.pending.requested", { until: shortDateTime(answer.expires_at_ms) });
  return t(answer.leads?.length ? `ops.${act}.done-leads` : `ops.${act}.done`, {
    name,
    lots: answer.leads?.join(", "),
  });
}

/**
 * The section of the staff page with the requests about bidders. After each act what came of it stays there until
 * another request comes, `changed(words)` is called with it.
 */
export class BidderRequests {
  #host;
  #me;
  #changed;
  #shown = "";
  #outcome = element("p", { class: "notice good", hidden: true });

  constructor(host, { me, changed }) {
    this.#host = host;
    this.#me = me;
    this.#changed = changed;
  }

  show(pending) {
    const key = JSON.stringify(pending);
    if (key === this.#shown) return;
    this.#shown = key;
    this.#host.hidden = pending.length === 0 && this.#outcome.hidden;
    this.#host.replaceChildren(...pending.map((one) => this.#notice(one)), this.#outcome);
  }

  #tell(words) {
    this.#outcome.textContent = words;
    this.#outcome.hidden = false;
    this.#host.hidden = false;
    this.#changed(words);
  }

  #notice(one) {
    const isMine = one.asked_by === this.#me();
    const facts = {
      who: one.asked_by,
      act: t(`ops.pending.act.${one.act}`, { bidder: bidderOf(one) }),
      reason: one.reason,
      until: shortDateTime(one.expires_at_ms),
    };
    const wrong = element("p", { class: "notice bad", hidden: true });
    const confirm = element("button", { class: "button main small", type: "button" }, t("ops.pending.confirm"));
    const withdraw = element("button", { class: "button small", type: "button" }, t("ops.pending.withdraw"));
    confirm.hidden = isMine || !(one.act in PATHS);
    confirm.addEventListener("click", async () => {
      const answer = await askAboutBidder(one.act, bidderOf(one), { pending: one });
      if (answer) this.#tell(outcomeText(one.act, answer, bidderOf(one)));
    });
    withdraw.addEventListener("click", async () => {
      withdraw.disabled = true;
      try {
        await remove(`/ops/pending/${one.pending_id}`);
        this.#tell(t("ops.pending.withdrawn"));
      } catch (problem) {
        wrong.textContent = staffProblemText(problem);
        wrong.hidden = false;
        withdraw.disabled = false;
      }
    });
    return element(
      "div",
      { class: "notice warn", "data-pending": one.pending_id },
      element("p", {}, t(isMine ? "ops.pending.mine" : "ops.pending.other", facts)),
      wrong,
      element("div", { class: "actions" }, confirm, withdraw),
    );
  }
}
