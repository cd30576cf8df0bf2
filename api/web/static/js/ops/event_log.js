// A lot's event log, newest first and live: new events are put on top, older ones are fetched on request.

import { get } from "../shared/api.js";
import { element } from "../shared/element.js";
import { hasText, t, timeOfDay } from "../shared/i18n.js";
import { yuan, yuanShort } from "../shared/money.js";
import { durationText, freezeCauseText, shortDateTime, staffProblemText } from "../shared/staff_text.js";

const PAGE = 60;
const ROWS_MAX = 600;
const LOOK_BACK = 500;

function limitWords(event) {
  if (event.purse_fen > 0) return t("ops.event.purse", { purse: yuanShort(event.purse_fen) });
  return event.limit_fen < 0 ? t("ops.event.no-limit") : t("ops.event.limit", { limit: yuanShort(event.limit_fen) });
}

const EVENT_FACTS = {
  scheduled: (e) => ({
    opens: shortDateTime(e.opens_at_ms),
    ends: shortDateTime(e.ends_at_ms),
    hash: (e.terms_sha256 ?? "").slice(0, 8),
  }),
  rescheduled: (e) => ({ opens: shortDateTime(e.opens_at_ms), ends: shortDateTime(e.ends_at_ms) }),
  admitted: (e) => ({ bidder: e.bidder, paddle: e.paddle, limit: limitWords(e) }),
  opened: (e) => ({ ends: shortDateTime(e.ends_at_ms) }),
  bid: (e) => ({ paddle: e.paddle, bidder: e.bidder, price: yuan(e.price_fen) }),
  held: (e) => ({ left: durationText(e.remaining_ms) }),
  paused: (e) => ({ left: durationText(e.remaining_ms) }),
  interrupted: (e) => ({
    from: timeOfDay(e.from_ms),
    to: timeOfDay(e.to_ms),
    left: durationText(e.remaining_ms),
  }),
  resumed: (e) => ({ ends: shortDateTime(e.ends_at_ms), limit: yuanShort(e.review_above_fen) }),
  extended: (e) => ({ ends: shortDateTime(e.ends_at_ms) }),
  voided: (e) => ({ seq: e.bid_seq, price: yuan(e.price_fen), paddle: e.leader, bidder: e.leader_bidder }),
  closed: (e) => ({
    price: yuan(e.price_fen),
    paddle: e.leader,
    bidder: e.leader_bidder,
    cause: t(`ops.cause.${e.cause}`),
  }),
  void: () => ({}),
  frozen: (e) => ({ cause: freezeCauseText(e.cause), left: durationText(e.remaining_ms) }),
  restored: (e) => ({ epoch: e.epoch, lost: e.lost_to_seq, left: durationText(e.remaining_ms) }),
};

/** An event in a sentence. */
export function eventText(event) {
  const facts = EVENT_FACTS[event.kind]?.(event) ?? {};
  if (event.kind === "bid" && !event.leading) return t("ops.event.bid-behind", facts);
  if (event.kind === "resumed" && event.review_above_fen) return t("ops.event.resumed-review", facts);
  if (event.kind === "voided" && !event.leader) return t("ops.event.voided-empty", facts);
  if (event.kind === "restored" && event.lost_to_seq) return t("ops.event.restored-lost", facts);
  if (event.kind === "closed") return t(`ops.event.closed.${event.outcome}`, facts);
  return hasText(`ops.event.${event.kind}`) ? t(`ops.event.${event.kind}`, facts) : event.kind;
}

/** The log of one lot in `host`; `voidBid(event)` is asked when staff want a bid out. */
export class EventLog {
  #lotId;
  #voidBid;
  #rows = new Map();
  #lowest = null;
  #upTo = 0;
  #epoch = null;
  #withoutBids = false;
  #asking = false;
  #stopped = false;

  constructor(host, lotId, voidBid) {
    this.#lotId = lotId;
    this.#voidBid = voidBid;
    this.list = element("ol", { class: "log numbers", id: "log", tabindex: 0 });
    this.none = element("p", { class: "empty", hidden: true }, t("ops.log.none"));
    this.older = element(
      "button",
      { class: "button small", type: "button", id: "log-older", hidden: true, onclick: () => this.#fetchOlder() },
      t("ops.log.older"),
    );
    this.wrong = element("p", { class: "notice warn", role: "status", hidden: true });
    const filter = element("input", { type: "checkbox", id: "log-filter" });
    filter.addEventListener("change", () => {
      this.#withoutBids = filter.checked;
      this.#reload();
    });
    host.append(
      element(
        "div",
        { class: "log-head" },
        element("h3", { id: "log-title" }, t("ops.log")),
        element(
          "label",
          { class: "inline", for: "log-filter" },
          filter,
          element("span", {}, t("ops.log.without-bids")),
        ),
      ),
      this.wrong,
      this.list,
      this.none,
      this.older,
    );
    this.list.setAttribute("aria-labelledby", "log-title");
  }

  stop() {
    this.#stopped = true;
  }

  /** The bid by which that paddle leads; null where it is not among the newest, or cannot be asked for. */
  async leadingBid(paddle) {
    const voided = new Set();
    let found = null;
    await this.#ask(async () => {
      const query = new URLSearchParams({ limit: LOOK_BACK });
      const { events } = await get(`/ops/lots/${encodeURIComponent(this.#lotId)}/events?${query}`);
      for (const event of events) {
        if (event.kind === "voided") voided.add(event.bid_seq);
        else if (!found && event.kind === "bid" && event.leading && event.paddle === paddle && !voided.has(event.seq))
          found = event;
      }
    });
    return found;
  }

  /** The bid at a sequence number; null where there is none. */
  async bidAt(seq) {
    let found = null;
    await this.#ask(async () => {
      const query = new URLSearchParams({ after_seq: seq - 1, before_seq: seq + 1, limit: 1 });
      const { events } = await get(`/ops/lots/${encodeURIComponent(this.#lotId)}/events?${query}`);
      found = events.find((event) => event.kind === "bid" && event.seq === seq) ?? null;
    });
    return found;
  }

  /** Fetch what is newer than what is shown, if the lot has moved on. */
  async refresh(lot) {
    if (this.#stopped || this.#asking) return;
    if (lot.status === "draft") {
      this.none.hidden = false;
      return;
    }
    if (this.#epoch !== null && lot.epoch < this.#epoch) return;
    if (this.#epoch === lot.epoch && lot.seq <= this.#upTo) return;
    await this.#ask(async () => {
      const seq = lot.seq;
      const page = await this.#page({ after_seq: this.#upTo });
      if (this.#stopped) return;
      // more came than one page holds: go on from the newest, what lies between is fetched when asked for
      if (page.next_before_seq !== undefined && this.#rows.size) this.#clear();
      if (this.#lowest === null || page.next_before_seq !== undefined) this.#lowest = page.next_before_seq ?? 0;
      for (const event of [...page.events].reverse()) this.#add(event);
      this.#markVoids();
      this.#upTo = Math.max(this.#upTo, seq, page.events[0]?.seq ?? 0);
      this.#epoch = lot.epoch;
      this.#trim();
    });
  }

  #reload() {
    this.#clear();
    this.#upTo = 0;
    this.#lowest = null;
    this.#epoch = null;
  }

  #clear() {
    this.#rows.clear();
    this.list.replaceChildren();
    this.#lowest = null;
  }

  async #fetchOlder() {
    await this.#ask(async () => {
      const page = await this.#page({ before_seq: this.#lowest });
      this.#lowest = page.next_before_seq ?? 0;
      for (const event of page.events) this.#add(event);
      this.#markVoids();
    });
  }

  #page(wanted) {
    const query = new URLSearchParams({ ...wanted, limit: PAGE, without_bids: this.#withoutBids });
    return get(`/ops/lots/${encodeURIComponent(this.#lotId)}/events?${query}`);
  }

  async #ask(work) {
    this.#asking = true;
    this.older.disabled = true;
    try {
      await work();
      this.wrong.hidden = true;
    } catch (problem) {
      if (problem.status === 401) return;
      this.wrong.textContent = t("ops.log.behind", { why: staffProblemText(problem) });
      this.wrong.hidden = false;
    } finally {
      this.#asking = false;
      this.older.disabled = false;
      this.older.hidden = !this.#lowest || this.#lowest <= 1;
      this.none.hidden = this.#rows.size > 0;
    }
  }

  #add(event) {
    if (this.#rows.has(event.seq)) return;
    const row = { event, root: this.#row(event) };
    this.#rows.set(event.seq, row);
    let place = this.list.firstElementChild;
    // nearly always the first or the last
    if (place && event.seq < Number(this.list.lastElementChild.dataset.seq)) place = null;
    while (place && Number(place.dataset.seq) > event.seq) place = place.nextElementSibling;
    this.list.insertBefore(row.root, place);
  }

  #markVoid(seq) {
    this.#rows.get(seq)?.root.classList.add("voided");
    this.#rows.get(seq)?.root.querySelector(".void-bid")?.remove();
  }

  /** Strike through what was declared void; the event that says so is always newer than the bid. */
  #markVoids() {
    for (const { event } of this.#rows.values()) if (event.kind === "voided") this.#markVoid(event.bid_seq);
  }

  #trim() {
    while (this.list.childElementCount > ROWS_MAX) {
      const last = this.list.lastElementChild;
      this.#rows.delete(Number(last.dataset.seq));
      last.remove();
      this.#lowest = Number(this.list.lastElementChild.dataset.seq);
    }
  }

  #row(event) {
    const who = event.by ? element("span", { class: "by" }, event.by) : null;
    const why = event.reason ? element("q", { class: "why" }, event.reason) : null;
    const bid = event.kind === "bid";
    const out = bid
      ? element(
          "button",
          {
            class: "button small danger void-bid",
            type: "button",
            "aria-label": t("ops.void-this-bid", { seq: event.seq }),
            onclick: () => this.#voidBid(event),
          },
          t("ops.act.void-bid"),
        )
      : null;
    return element(
      "li",
      { "data-kind": event.kind, "data-seq": event.seq },
      element("span", { class: "when" }, timeOfDay(event.at_ms)),
      element("span", { class: "what" }, element("span", { class: "told" }, eventText(event)), why, who),
      element("span", { class: "seq" }, `#${event.seq}`),
      out,
    );
  }
}
