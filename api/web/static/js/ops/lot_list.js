// The lots of the staff page: newest facts of each, how fast bids come, and the list, whose rows keep their place.

import { timeLeft } from "../shared/clock.js";
import { element, setText } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { formatCount, priceText, shortDateTime } from "../shared/staff_text.js";

const RATE_WINDOW_MS = 5000;
const OVER_MAX = 12;
const DENSE_FROM = 24;
export const RUNNING = ["frozen", "held", "paused", "open"];
const STOPPED = ["paused", "held", "frozen"];
const GROUPS = [
  ["running", RUNNING],
  ["coming", ["scheduled"]],
  ["drafts", ["draft"]],
  ["over", ["closed", "void"]],
];

/** What a lot's clock shows, in ms: kept while it stands still. */
export function remainingOf(lot, now) {
  if (STOPPED.includes(lot.status)) return lot.remaining_ms;
  return Math.max(0, (lot.ends_at_ms ?? 0) - now);
}

/** The newest facts of each lot, by id. What is older than what is known is left out, so that no price falls within an epoch. */
export class LotStore {
  #known = new Map();
  #bids = new Map();

  get all() {
    return [...this.#known.values()];
  }

  get(lotId) {
    return this.#known.get(lotId) ?? null;
  }

  /** Take newer facts, all of them or some; false where they are older. */
  take(facts) {
    const before = this.#known.get(facts.lot_id);
    if (before && facts.epoch !== undefined) {
      const older = facts.epoch < before.epoch || (facts.epoch === before.epoch && facts.seq < before.seq);
      if (older) {
        // archived facts are older than what came live, and say all the same that the ledger is away
        if (facts.ledger_away) before.ledger_away = true;
        return false;
      }
    }
    const lot = { ...before, ...facts };
    // the live channel says 0 where the books say null
    lot.review_above_fen ||= null;
    this.#known.set(lot.lot_id, lot);
    this.#count(lot);
    return true;
  }

  /** At that time nothing had changed: a running lot that is not told of had no bid. */
  pass(lotId, nowMs) {
    const lot = this.#known.get(lotId);
    if (lot && RUNNING.includes(lot.status) && nowMs > lot.now_ms) this.#count({ ...lot, now_ms: nowMs });
  }

  #count(lot) {
    const seen = this.#bids.get(lot.lot_id) ?? [];
    const last = seen.at(-1);
    if (last && (lot.bids < last.bids || lot.epoch !== last.epoch)) seen.length = 0;
    if (!seen.length || lot.now_ms > seen.at(-1).now_ms)
      seen.push({ now_ms: lot.now_ms, bids: lot.bids, epoch: lot.epoch });
    while (seen.length > 2 && seen[1].now_ms <= lot.now_ms - RATE_WINDOW_MS) seen.shift();
    this.#bids.set(lot.lot_id, seen);
  }

  /** Bids a second over the last five seconds; null until it can be told. */
  rate(lotId) {
    const seen = this.#bids.get(lotId) ?? [];
    if (seen.length < 2) return null;
    const elapsed = seen.at(-1).now_ms - seen[0].now_ms;
    return elapsed < 500 ? null : ((seen.at(-1).bids - seen[0].bids) * 1000) / elapsed;
  }
}

/** 0, 3.2, 140. */
export function bidRateText(rate) {
  if (rate === null) return "–";
  return rate > 0 && rate < 10 ? rate.toFixed(1) : formatCount(Math.round(rate));
}

/** Time left as the list and the panel show it. */
export function timeLeftText(lot, now) {
  if (lot.ledger_away && !lot.outcome && lot.status !== "draft") return t("ops.from-archive");
  if (lot.status === "scheduled") {
    const wait = lot.opens_at_ms - now;
    return wait > 0 ? t("ops.opens-in", { left: timeLeft(wait) }) : t("lot.opening");
  }
  if (lot.status === "open") {
    const left = lot.ends_at_ms - now;
    return left > 0 ? timeLeft(left) : t("lot.closing");
  }
  if (STOPPED.includes(lot.status)) return t("ops.stands", { left: timeLeft(lot.remaining_ms) });
  if (lot.status === "draft") return t("ops.not-scheduled");
  return lot.ends_at_ms ? shortDateTime(lot.ends_at_ms) : "";
}

/** The same for the panel, which says beside it what it counts. */
export function timeLeftFigure(lot, now) {
  if (lot.status === "scheduled" && lot.opens_at_ms > now) return timeLeft(lot.opens_at_ms - now);
  if (STOPPED.includes(lot.status)) return timeLeft(lot.remaining_ms);
  return timeLeftText(lot, now);
}

/** The list: a row a lot, kept and changed in place, so that nothing moves under a finger. */
export class LotList {
  #host;
  #rows = new Map();
  #groups = new Map();
  #allOver = false;
  #shown = null;
  #selection = null;

  constructor(host) {
    this.#host = host;
    for (const [name] of GROUPS) {
      const list = element("ul", { class: "rows" });
      const tally = element("span", { class: "tally numbers" });
      const none = element("p", { class: "soft none" });
      const more = element(
        "button",
        { class: "button small", type: "button", hidden: true, onclick: () => this.#showAll() },
        t("ops.show-all"),
      );
      const root = element(
        "section",
        { class: "lot-group", "data-group": name },
        element("h3", {}, t(`ops.list.${name}`), " ", tally),
        list,
        none,
        more,
      );
      this.#groups.set(name, { root, list, tally, none, more });
      host.append(root);
    }
  }

  #showAll() {
    this.#allOver = true;
    if (this.#shown) this.show(...this.#shown);
  }

  /** Show these lots in this order; `part`: they are not all there are, so that none of them is left out. */
  show(lots, store, selected, now, { part = false, selection = null } = {}) {
    this.#shown = [lots, store, selected, now, { part, selection }];
    this.#selection = selection;
    this.#host.removeAttribute("aria-busy");
    this.#host.classList.toggle("dense", lots.length > DENSE_FROM);
    for (const [name, statuses] of GROUPS) {
      const members = lots.filter((lot) => statuses.includes(lot.status));
      if (name === "running") members.sort((a, b) => RUNNING.indexOf(a.status) - RUNNING.indexOf(b.status));
      const shown = name === "over" && !this.#allOver && !part ? members.slice(0, OVER_MAX) : members;
      this.#showGroup(name, members, shown);
      for (const lot of shown) this.#fill(lot, store, lot.lot_id === selected, now);
    }
    const group = this.#groups.get("running");
    if (part && lots.length) group.root.hidden = group.list.childElementCount === 0;
    setText(group.none, t(part ? "ops.filter.none" : lots.length ? "ops.none-running" : "ops.no-lots"));
  }

  #showGroup(name, members, shown) {
    const group = this.#groups.get(name);
    group.tally.textContent = members.length ? formatCount(members.length) : "";
    group.more.hidden = shown.length === members.length;
    group.root.hidden = shown.length === 0 && name !== "running";
    group.none.hidden = shown.length > 0;
    this.#place(group.list, shown);
  }

  #place(list, lots) {
    lots.forEach((lot, index) => {
      const row = this.#rowOf(lot);
      if (list.children[index] === row.root) return;
      const focused = row.root.contains(document.activeElement);
      list.insertBefore(row.root, list.children[index] ?? null);
      if (focused) row.link.focus({ preventScroll: true });
    });
    while (list.childElementCount > lots.length) list.lastElementChild.remove();
  }

  #rowOf(lot) {
    const known = this.#rows.get(lot.lot_id);
    if (known) return known;
    const part = (name, extra = "") => element("span", { class: `${name} ${extra}`.trim() });
    const row = {
      title: part("title"),
      id: part("id", "numbers"),
      badge: part("badge"),
      price: part("price", "numbers"),
      clock: part("clock", "numbers"),
      pace: part("pace", "numbers"),
      watch: part("watch", "numbers"),
    };
    row.link = element(
      "a",
      { class: "row", href: `#lot=${encodeURIComponent(lot.lot_id)}`, "data-lot": lot.lot_id },
      element("span", { class: "name" }, row.title, row.id),
      row.price,
      element(
        "span",
        { class: "foot" },
        element("span", { class: "line" }, row.badge, row.clock),
        element("span", { class: "line" }, row.pace, row.watch),
      ),
    );
    row.box = element("input", {
      type: "checkbox",
      "data-select": lot.lot_id,
      onchange: () => this.#selection?.toggle(lot.lot_id, row.box.checked),
    });
    row.root = element("li", {}, element("label", { class: "select" }, row.box), row.link);
    this.#rows.set(lot.lot_id, row);
    return row;
  }

  #fill(lot, store, selected, now) {
    const row = this.#rows.get(lot.lot_id);
    const running = RUNNING.includes(lot.status);
    setText(row.title, lot.title);
    setText(row.id, lot.lot_id);
    setText(row.badge, t(lot.ledger_away ? "ops.ledger-away" : `status.${lot.status}`));
    row.badge.dataset.status = lot.ledger_away ? "frozen" : lot.status;
    setText(row.price, priceText(lot));
    row.price.classList.toggle("soft", !lot.price_fen);
    setText(row.clock, timeLeftText(lot, now));
    row.clock.classList.toggle("ending", lot.status === "open" && lot.ends_at_ms - now < 60_000);
    setText(
      row.pace,
      running
        ? t("ops.pace", { rate: bidRateText(store.rate(lot.lot_id)) })
        : lot.bids
          ? t("ops.n-bids", { n: formatCount(lot.bids) })
          : "",
    );
    setText(row.watch, running || lot.watchers ? t("ops.watching", { n: formatCount(lot.watchers) }) : "");
    row.link.dataset.status = lot.status;
    row.box.checked = Boolean(this.#selection?.has(lot.lot_id));
    row.box.setAttribute("aria-label", t("ops.bulk.select", { title: lot.title }));
    if (selected && !row.link.hasAttribute("aria-current")) row.link.scrollIntoView?.({ block: "nearest" });
    if (selected) row.link.setAttribute("aria-current", "true");
    else row.link.removeAttribute("aria-current");
  }

  /** Only what the clock moves. */
  tick(lots, now) {
    for (const lot of lots) {
      const row = this.#rows.get(lot.lot_id);
      if (!row) continue;
      setText(row.clock, timeLeftText(lot, now));
      row.clock.classList.toggle("ending", lot.status === "open" && lot.ends_at_ms - now < 60_000);
    }
  }

  /** The id of the lot that is so many rows below one that is shown (null: the first); null at an end. */
  beside(lotId, by) {
    const rows = [...this.#host.querySelectorAll(".row")].map((row) => row.dataset.lot);
    if (!lotId || !rows.includes(lotId)) return rows[0] ?? null;
    return rows[rows.indexOf(lotId) + by] ?? null;
  }

  focus(lotId) {
    this.#rows.get(lotId)?.link.focus({ preventScroll: false });
  }
}
