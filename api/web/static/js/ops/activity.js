// What happens on a lot: bids and prices over time, registrations, and on request who bids most, which is audited.

import { get, timeoutSignal } from "../shared/api.js";
import { showDefinitions } from "../shared/definition_list.js";
import { element, setText } from "../shared/element.js";
import { hasText, t, timeOfDay } from "../shared/i18n.js";
import { yuanShort } from "../shared/money.js";
import { bidBars, priceSteps } from "../shared/small_chart.js";
import { formatCount, shortDateTime, staffProblemText } from "../shared/staff_text.js";
import { askAboutBidder, outcomeText } from "./bidder_acts.js";
import { bidRateText, RUNNING } from "./lot_list.js";

const EVERY_MS = 3000;
const ANSWER_MS = 6000;

/** The card of one lot; `lot()` gives its newest facts. */
export class Activity {
  #lot;
  #path;
  #stopped = false;
  #seen = null;
  #parts;

  constructor(host, lotId, lot) {
    this.#lot = lot;
    this.#path = `/ops/lots/${encodeURIComponent(lotId)}`;
    this.#parts = {
      facts: element("dl", { class: "facts numbers" }),
      refusals: element("div", { id: "refusals", hidden: true }),
      prices: element("div", {}),
      bids: element("div", {}),
      none: element("p", { class: "soft" }, t("ops.activity.none")),
      bidders: element("ol", { class: "top-bidders", id: "top-bidders", hidden: true }),
      wrong: element("p", { class: "notice bad", hidden: true }),
      button: element(
        "button",
        { class: "button small", type: "button", id: "show-bidders", onclick: () => this.#showBidders() },
        t("ops.activity.show-bidders"),
      ),
    };
    const { facts, prices, bids, none, bidders, wrong, button, refusals } = this.#parts;
    host.replaceChildren(
      element("div", { class: "row-between" }, element("h3", {}, t("ops.activity")), button),
      element("p", { class: "soft" }, t("ops.activity.audited")),
      bidders,
      wrong,
      none,
      element("div", { class: "charts" }, prices, bids),
      facts,
      refusals,
    );
    this.#loop();
  }

  stop() {
    this.#stopped = true;
  }

  async #loop() {
    if (this.#stopped) return;
    const lot = this.#lot();
    // what has ended, or has had nothing new, is not asked for again
    const key = `${lot.epoch} ${lot.bids} ${RUNNING.includes(lot.status) ? Date.now() : lot.status}`;
    if (key !== this.#seen && lot.status !== "draft" && document.visibilityState === "visible") {
      this.#seen = key;
      const found = await get(`${this.#path}/activity`, { signal: timeoutSignal(ANSWER_MS) }).catch(() => null);
      if (found && !this.#stopped) this.#show(found);
      else this.#seen = null;
    }
    setTimeout(() => this.#loop(), EVERY_MS);
  }

  #showRefusals(refusals) {
    const rows = Object.entries(refusals).map(([code, count]) => {
      const name = `ops.refusal.${code}`;
      return [hasText(name) ? name : code, formatCount(count)];
    });
    const facts = element("dl", { class: "facts numbers" });
    showDefinitions(facts, rows);
    this.#parts.refusals.hidden = rows.length === 0;
    this.#parts.refusals.replaceChildren(element("h4", {}, t("ops.activity.refusals")), facts);
  }

  #show({ refusals, ...rest }) {
    this.#showRefusals(refusals);
    this.#showBids(rest);
  }

  #showBids({ width_ms: width, parts, registrations, recent_registrations: recent, last_registration_at_ms: lastAt }) {
    const most = parts.length ? parts.reduce((a, b) => (b.bids > a.bids ? b : a)) : null;
    const rate = most ? bidRateText((most.bids * 1000) / width) : "0";
    showDefinitions(this.#parts.facts, [
      ["ops.activity.registrations", formatCount(registrations)],
      ["ops.activity.recent", formatCount(recent)],
      ["ops.activity.last", lastAt ? shortDateTime(lastAt) : "–"],
      ["ops.activity.peak", t("ops.pace", { rate })],
    ]);
    this.#parts.none.hidden = parts.length > 0;
    if (!parts.length) return;
    const ends = { from: timeOfDay(parts[0].at_ms), until: timeOfDay(parts.at(-1).at_ms + width) };
    const highest = Math.max(0, ...parts.map((part) => part.price_fen ?? 0));
    const price = t("ops.activity.price", { price: yuanShort(highest) });
    const bids = t("ops.activity.bids", { rate });
    this.#parts.prices.replaceChildren(...[priceSteps(parts, width, price, price, ends)].filter(Boolean));
    this.#parts.bids.replaceChildren(bidBars(parts, width, bids, bids, ends));
  }

  async #showBidders() {
    const { bidders, button, wrong } = this.#parts;
    button.disabled = true;
    wrong.hidden = true;
    try {
      const found = await get(`${this.#path}/top-bidders`, { signal: timeoutSignal(ANSWER_MS) });
      bidders.replaceChildren(...found.bidders.map((one) => bidderItem(one, (act) => this.#askAbout(act, one))));
      bidders.hidden = found.bidders.length === 0;
      setText(button, t("ops.activity.refresh-bidders"));
      if (!found.bidders.length) this.#tell(t("ops.activity.no-bidders"));
    } catch (problem) {
      this.#tell(staffProblemText(problem));
    } finally {
      button.disabled = false;
    }
  }

  async #askAbout(act, one) {
    const answer = await askAboutBidder(act, one.bidder_id, { name: one.name });
    if (!answer) return;
    await this.#showBidders();
    this.#tell(outcomeText(act, answer, one.name), "good");
  }

  #tell(words, tone = "bad") {
    this.#parts.wrong.className = `notice ${tone}`;
    setText(this.#parts.wrong, words);
    this.#parts.wrong.hidden = false;
  }
}

/** A bidder with what can be done about them; `ask(act)` is called by the button. */
function bidderItem(one, ask) {
  const act = one.blocked ? "unblock-bidder" : "block-bidder";
  return element(
    "li",
    { "data-bidder": one.bidder_id },
    element("strong", {}, t("ops.activity.bidder", { paddle: one.paddle, name: one.name })),
    element("span", { class: "soft" }, ` ${one.bidder_id}`),
    element(
      "span",
      { class: "numbers" },
      ` ${one.best_fen === null ? t("ops.activity.voided") : `¥${yuanShort(one.best_fen)}`} · ${t("ops.n-bids", { n: formatCount(one.bids) })} · ${timeOfDay(one.last_at_ms)} `,
    ),
    one.blocked ? element("span", { class: "badge" }, t("ops.bidder.blocked")) : "",
    element("button", { class: "button small", type: "button", onclick: () => ask(act) }, t(`ops.${act}`)),
  );
}
