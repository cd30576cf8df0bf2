// The front page: every lot in one of three groups, refreshed while it is looked at.

import { get } from "../shared/api.js";
import { LedgerClock, timeLeft } from "../shared/clock.js";
import { byId, element } from "../shared/element.js";
import { dateTime, t } from "../shared/i18n.js";
import { lotPicture } from "../shared/lot_picture.js";
import { isBeingRecovered } from "../shared/lot_status.js";
import { withFee, yuan } from "../shared/money.js";
import { outcomeOf } from "../shared/outcome.js";
import { showPageHeader } from "../shared/page_header.js";
import { watchedLots } from "../shared/watchlist.js";

const EVERY_MS = 2000;
/** Sales a page. */
const PAGE = 20;
const GROUPS = [
  ["sales.on", ["open", "paused", "held", "frozen"]],
  ["sales.coming", ["scheduled"]],
  ["sales.over", ["closed", "void"]],
];

const clock = new LedgerClock();
const only = new URLSearchParams(location.search).get("sale");
/** How many pages of sales are shown; each answer says whether there is another. */
let pages = 1;
let sales = [];

showPageHeader();
byId("older").addEventListener("click", async () => {
  pages += 1;
  await refresh();
});
refresh();
setInterval(() => document.visibilityState === "visible" && refresh(), EVERY_MS);
setInterval(countDown, 1000);

async function refresh() {
  const asked = Date.now();
  try {
    sales = only ? await oneSale(only) : await newestSales();
  } catch {
    byId("failure").textContent = t("sales.cannot-load");
    byId("failure").hidden = false;
    return;
  } finally {
    byId("sales").removeAttribute("aria-busy");
  }
  byId("failure").hidden = true;
  const lots = sales.flatMap((sale) => sale.lots.map((lot) => ({ ...lot, sale: sale.title })));
  if (lots.length) clock.sample(asked, lots[0].now_ms, lots[0].now_ms, Date.now());
  show(lots);
}

/** The sales of the pages that are shown, newest first. */
async function newestSales() {
  const found = [];
  let cursor = null;
  for (let page = 0; page < pages; page += 1) {
    const answer = await get(`/sales?limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    found.push(...answer.sales);
    cursor = answer.next_cursor;
    if (!cursor) break;
  }
  byId("older").hidden = !cursor;
  return Promise.all(found.map(withAllLots));
}

/** A sale by its id, in a list; an empty one where there is none. */
async function oneSale(saleId) {
  try {
    return [await withAllLots(await get(`/sales/${encodeURIComponent(saleId)}`))];
  } catch (problem) {
    if (problem.status === 404) return [];
    throw problem;
  }
}

/** A sale with all its lots: an answer has the first of them. */
async function withAllLots(sale) {
  const lots = [...sale.lots];
  for (let after = sale.next_after_number; after !== null; ) {
    const more = await get(`/sales/${encodeURIComponent(sale.sale_id)}?after_number=${after}`);
    lots.push(...more.lots);
    after = more.next_after_number;
  }
  return { ...sale, lots };
}

function show(lots) {
  const focused = document.activeElement?.getAttribute("href");
  const watched = new Set(watchedLots());
  const others = lots.filter((lot) => !watched.has(lot.lot_id));
  const groups = [
    ["sales.watched", lots.filter((lot) => watched.has(lot.lot_id))],
    ...GROUPS.map(([name, statuses]) => [name, others.filter((lot) => statuses.includes(lot.status))]),
  ];
  const shown = groups.filter(([name, some]) => some.length > 0 || (name === "sales.on" && others.length > 0));
  if (shown.length === 0) {
    byId("sales").replaceChildren(element("p", { class: "empty card" }, t("sales.none")));
    return;
  }
  byId("sales").replaceChildren(
    ...shown.map(([name, some]) =>
      element(
        "section",
        { class: "group" },
        element("h2", {}, t(name)),
        some.length
          ? element(
              "ul",
              { class: "lots" },
              some.map((lot) => element("li", {}, card(lot))),
            )
          : element("p", { class: "soft" }, t("sales.none-on")),
      ),
    ),
  );
  if (focused)
    byId("sales")
      .querySelector(`a[href="${CSS.escape(focused)}"]`)
      ?.focus({ preventScroll: true });
  countDown();
}

function card(lot) {
  const picture = element("div", { "aria-hidden": "true" }, lotPicture(lot.lot_id));
  const facts = element(
    "div",
    { class: "facts numbers" },
    badge(lot),
    element("span", { class: "title" }, lot.title),
    element("span", { class: "sale" }, lot.sale),
    element("span", { class: "label" }, t(label(lot))),
    element("span", { class: "amount" }, `¥${yuan(lot.price_fen || lot.terms.start_price_fen)}`),
    totalWithFee(lot),
    foot(lot),
  );
  return element("a", { class: "card lot-card", href: `/lots/${encodeURIComponent(lot.lot_id)}` }, picture, facts);
}

/** How the lot turned out for a visitor who took part; for others its status. */
function badge(lot) {
  const outcome = outcomeOf(lot);
  if (isBeingRecovered(lot)) {
    return element("span", { class: "badge", "data-status": "frozen" }, t("status.frozen"));
  }
  if (!outcome || outcome.viewer === "watcher") {
    return element("span", { class: "badge", "data-status": lot.status }, t(`status.${lot.status}`));
  }
  return element("span", { class: "badge", "data-tone": outcome.tone }, t(outcome.badge));
}

function label(lot) {
  if (!lot.price_fen) return "sales.start";
  if (isBeingRecovered(lot)) return "sales.price-not-final";
  if (lot.status !== "closed" && lot.status !== "void") return "sales.price";
  return lot.outcome === "sold" ? "sales.hammer" : "sales.highest-bid";
}

/** The price with the buyer's fee, where there is one. */
function totalWithFee(lot) {
  const feeBps = lot.terms.settlement.buyer_fee_bps;
  if (!feeBps) return null;
  const total = withFee(lot.price_fen || lot.terms.start_price_fen, feeBps);
  return element("span", { class: "with-fee" }, t("sales.with-fee", { total: yuan(total) }));
}

function foot(lot) {
  const bids = lot.bids ? t("sales.bids", { count: lot.bids.toLocaleString() }) : "";
  if (lot.status === "open" && !lot.ledger_away) {
    return element(
      "span",
      { class: "foot" },
      element("span", { "data-until": lot.ends_at_ms }),
      bids ? ` · ${bids}` : "",
    );
  }
  if (isBeingRecovered(lot)) return element("span", { class: "foot" }, t("sales.frozen"));
  if (lot.status === "scheduled")
    return element("span", { class: "foot" }, t("sales.opens", { when: dateTime(lot.opens_at_ms) }));
  const outcome = outcomeOf(lot);
  if (outcome) {
    const { title, paddle, viewer, stage } = outcome;
    const parts = [t(title, { paddle }), bids];
    return element(
      "span",
      { class: "foot", "data-viewer": viewer, "data-stage": stage },
      parts.filter(Boolean).join(" · "),
    );
  }
  return element("span", { class: "foot" }, bids);
}

function countDown() {
  for (const place of document.querySelectorAll("[data-until]")) {
    place.textContent = `${t("lot.time-left")} ${timeLeft(Number(place.dataset.until) - clock.now()).replace(/\.\d$/, "")}`;
  }
}
