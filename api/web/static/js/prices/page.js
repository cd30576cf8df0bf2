// The prices of all lots: what each was offered and sold for, the newest sale first.

import { get } from "../shared/api.js";
import { byId, element } from "../shared/element.js";
import { dateTime, t } from "../shared/i18n.js";
import { withShownStatus } from "../shared/lot_status.js";
import { yuan } from "../shared/money.js";
import { showPageHeader } from "../shared/page_header.js";

/** Sales a page. */
const PAGE = 20;

let cursor = null;

showPageHeader();
byId("older").addEventListener("click", () => load());
load();

async function load() {
  byId("older").disabled = true;
  try {
    const page = await get(`/prices?limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    cursor = page.next_cursor;
    byId("rows").append(...page.lots.map(row));
    byId("failure").hidden = true;
    byId("older").hidden = cursor === null;
    byId("table-box").hidden = byId("rows").childElementCount === 0;
    byId("none").hidden = !byId("table-box").hidden;
  } catch {
    byId("failure").textContent = t("prices.cannot-load");
    byId("failure").hidden = false;
    byId("older").hidden = false;
  } finally {
    byId("older").disabled = false;
    byId("content").removeAttribute("aria-busy");
  }
}

function row(lot) {
  const ended = lot.outcome === null ? t(`status.${withShownStatus(lot).status}`) : t(`prices.outcome.${lot.outcome}`);
  return element(
    "tr",
    { "data-lot": lot.lot_id },
    element(
      "th",
      { scope: "row" },
      element("a", { href: `/lots/${encodeURIComponent(lot.lot_id)}` }, lot.title),
      element("span", { class: "soft" }, lot.sale_title),
    ),
    cell("prices.list-price", amount(lot.list_price_fen)),
    cell("prices.reserve", lot.reserve_met === null ? "–" : t(lot.reserve_met ? "prices.met" : "prices.unmet")),
    cell("prices.bids", lot.bids.toLocaleString()),
    cell("prices.price", amount(lot.price_fen)),
    cell("prices.final", lot.final_price_fen === null ? ended : amount(lot.final_price_fen)),
    cell("prices.fee", fee(lot)),
    cell("prices.total", amount(lot.total_fen)),
    cell("prices.end", lot.ends_at_ms === null ? "–" : dateTime(lot.ends_at_ms)),
  );
}

/** A cell that names its column, for screens on which the head of the table is not shown. */
const cell = (name, text) => element("td", { "data-column": t(name) }, text);

const amount = (fen) => (fen === null ? "–" : `¥${yuan(fen)}`);

function fee({ buyer_fee_bps: bps, buyer_fee_fen: fen }) {
  if (!bps) return t("terms.none");
  return fen === null ? `${bps / 100}%` : `¥${yuan(fen)} (${bps / 100}%)`;
}
