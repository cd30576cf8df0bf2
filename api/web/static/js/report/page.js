// The report of a sale, made to be printed: results and figures of each lot, and small charts of its bids.

import { get, timeoutSignal } from "../shared/api.js";
import { showDefinitions } from "../shared/definition_list.js";
import { byId, element } from "../shared/element.js";
import { dateTime, hasText, t, timeOfDay } from "../shared/i18n.js";
import { yuanShort } from "../shared/money.js";
import { showPageHeader } from "../shared/page_header.js";
import { bidBars, priceSteps } from "../shared/small_chart.js";
import { formatCount, staffProblemText } from "../shared/staff_text.js";

const ANSWER_MS = 120_000;
const money = (fen) => (fen ? `¥${yuanShort(fen)}` : "–");

const COLUMNS = [
  ["report.lot", (lot) => lot.title],
  ["report.result", (lot) => resultText(lot)],
  ["report.list-price", (lot) => money(lot.list_price_fen)],
  ["report.reserve", (lot) => money(lot.reserve_fen)],
  ["report.price", (lot) => (lot.bids ? money(lot.price_fen) : "–")],
  ["report.winner", (lot) => lot.winner_paddle ?? "–"],
  ["report.registered", (lot) => formatCount(lot.registered)],
  ["report.bidders", (lot) => formatCount(lot.bidders)],
  [
    "report.bids",
    (lot) => (lot.voided_bids ? t("report.with-voided", { n: lot.bids, voided: lot.voided_bids }) : lot.bids),
  ],
  [
    "report.extensions",
    (lot) => t("report.extended", { bids: lot.extensions_by_bids, staff: lot.extensions_by_staff }),
  ],
  ["report.pauses", (lot) => lot.pauses],
  ["report.ended", (lot) => (lot.ends_at_ms ? dateTime(lot.ends_at_ms) : "–")],
];

function resultText(lot) {
  const name = `report.outcome.${lot.outcome}`;
  return lot.outcome && hasText(name) ? t(name) : t(`status.${lot.status}`);
}

function table(lots) {
  return element(
    "table",
    { class: "numbers" },
    element("caption", { class: "unseen" }, t("report.lots")),
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        COLUMNS.map(([name]) => element("th", { scope: "col" }, t(name))),
      ),
    ),
    element(
      "tbody",
      {},
      lots.map((lot) =>
        element(
          "tr",
          { "data-lot": lot.lot_id },
          COLUMNS.map(([, value], index) =>
            element(index ? "td" : "th", index ? {} : { scope: "row" }, String(value(lot))),
          ),
        ),
      ),
    ),
  );
}

function charts(lot) {
  const { parts, width_ms: width } = lot;
  const ends = { from: timeOfDay(parts[0].at_ms), until: timeOfDay(parts.at(-1).at_ms + width) };
  const price = t("report.chart-price", { price: yuanShort(Math.max(0, ...parts.map((part) => part.price_fen ?? 0))) });
  const most = Math.max(...parts.map((part) => part.bids));
  const bids = t("report.chart-bids", { n: formatCount(most), seconds: formatCount(width / 1000) });
  return element(
    "figure",
    { class: "card" },
    element("figcaption", {}, lot.title),
    ...[priceSteps(parts, width, price, price, ends), bidBars(parts, width, bids, bids, ends)].filter(Boolean),
  );
}

function show(report) {
  const { lots } = report;
  const sold = lots.filter((lot) => lot.outcome === "sold");
  document.title = `${report.title} · ${t("report.title")}`;
  byId("report-title").textContent = report.title;
  byId("report-facts").textContent = t("report.made", { sale: report.sale_id, when: dateTime(report.now_ms) });
  showDefinitions(byId("report-figures"), [
    ["report.figure.lots", formatCount(lots.length)],
    ["report.figure.sold", formatCount(sold.length)],
    ["report.figure.total", money(sold.reduce((sum, lot) => sum + lot.price_fen, 0))],
    ["report.figure.bids", formatCount(lots.reduce((sum, lot) => sum + lot.bids, 0))],
  ]);
  byId("report-table").replaceChildren(table(lots));
  byId("report-table").hidden = lots.length === 0;
  byId("report-lots").replaceChildren(...lots.filter((lot) => lot.parts.length).map(charts));
  byId("print").hidden = false;
}

async function start() {
  const who = await showPageHeader();
  document.title = `${t("report.title")} · ${t("brand")}`;
  byId("print").addEventListener("click", () => window.print());
  const saleId = new URLSearchParams(location.search).get("sale") ?? "";
  if (!who || who.role === "bidder") {
    byId("report-facts").textContent = t("report.staff-only");
    return;
  }
  byId("report-facts").textContent = t("ops.loading");
  try {
    show(await get(`/ops/sales/${encodeURIComponent(saleId)}/report`, { signal: timeoutSignal(ANSWER_MS) }));
  } catch (problem) {
    byId("report-facts").textContent =
      problem.status === 404 ? t("ops.problem.sale-unknown") : staffProblemText(problem);
  }
}

start();
