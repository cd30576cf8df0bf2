// A lot offered to a runner-up: the price, the time to answer, and the two answers.

import { timeLeft } from "../shared/clock.js";
import { confirmAction } from "../shared/confirm_dialog.js";
import { showDefinitions } from "../shared/definition_list.js";
import { element, setText } from "../shared/element.js";
import { dateTime, t } from "../shared/i18n.js";
import { yuan } from "../shared/money.js";
import { stateText } from "../shared/problems.js";

const TONES = { open: "warn", accepted: "good", declined: "", lapsed: "", withdrawn: "" };
const URGENT_MS = 600_000;

/** The card of one offer: {root, show(offer), tick()}. */
export function offerCard(offerId, page) {
  let offer = null;
  let busy = false;
  const badge = element("span", { class: "badge" });
  const title = element("a", {});
  const words = element("p", { class: "soft numbers" });
  const left = element("span", { class: "left numbers", role: "timer", "aria-live": "off" });
  const countdown = element(
    "p",
    { class: "countdown" },
    element("span", { class: "soft" }, t("offer.time-left")),
    left,
  );
  const bill = element("dl", { class: "bill numbers" });
  const accept = element(
    "button",
    { class: "button main", type: "button", "data-act": "accept", onclick: () => answer("accept") },
    t("offer.accept"),
  );
  const decline = element(
    "button",
    { class: "button", type: "button", "data-act": "decline", onclick: () => answer("decline") },
    t("offer.decline"),
  );
  const actions = element("div", { class: "actions" }, accept, decline);
  const root = element(
    "article",
    { class: "card offer", "data-offer": offerId },
    element("div", { class: "row-between" }, element("h3", {}, title), badge),
    words,
    countdown,
    bill,
    actions,
  );
  const isOpen = () => offer.status === "open" && page.now() < offer.expires_at_ms;

  async function answer(how) {
    if (busy) return;
    busy = true;
    const facts = { title: offer.title, total: yuan(offer.price_fen + offer.fee_fen) };
    try {
      const after = await confirmAction({
        title: t(`offer.${how}.title`, facts),
        confirm: t(`offer.${how}.confirm`),
        fields: {},
        sentence: () => t(`offer.${how}.sentence`, facts),
        stale: () =>
          isOpen()
            ? ""
            : t("problem.offer-over", { state: stateText(offer.status === "open" ? "lapsed" : offer.status) }),
        path: () => `/me/offers/${encodeURIComponent(offerId)}/${how}`,
        body: () => undefined,
      });
      if (after) page.announce(t(`offer.${how}.done`, facts));
    } finally {
      busy = false;
      page.changed();
    }
  }

  /** Show the newest facts. */
  function show(newest) {
    offer = newest;
    root.dataset.status = offer.status;
    badge.dataset.tone = TONES[offer.status];
    setText(title, offer.title);
    title.href = `/lots/${encodeURIComponent(offer.lot_id)}`;
    const rows = [
      ["offer.price", `¥${yuan(offer.price_fen)}`],
      ["award.bill.fee", `¥${yuan(offer.fee_fen)}`],
      ["offer.total", `¥${yuan(offer.price_fen + offer.fee_fen)}`, { row: "due" }],
    ];
    showDefinitions(bill, rows);
    tick();
  }

  /** Only what the clock moves. */
  function tick() {
    if (!offer) return;
    const open = isOpen();
    setText(badge, t(`offer.${offer.status === "open" && !open ? "lapsed" : offer.status}`));
    actions.hidden = !open;
    countdown.hidden = !open;
    const facts = {
      paddle: offer.paddle,
      own: yuan(offer.own_bid_fen),
      when: dateTime(offer.answered_at_ms ?? offer.expires_at_ms),
    };
    setText(words, t(open ? "offer.about" : `offer.past.${offer.status === "open" ? "lapsed" : offer.status}`, facts));
    if (!open) return;
    setText(left, timeLeft(offer.expires_at_ms - page.now()));
    left.classList.toggle("ending", offer.expires_at_ms - page.now() < URGENT_MS);
  }

  return { root, show, tick };
}
