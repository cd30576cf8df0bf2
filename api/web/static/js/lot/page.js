// The lot page: connects the live channel, the bid box, the list of bids and the price chart.

import { get, post } from "../shared/api.js";
import { LedgerClock } from "../shared/clock.js";
import { byId, element, restartAnimation, setText } from "../shared/element.js";
import { dateTime, t } from "../shared/i18n.js";
import { LiveClient } from "../shared/live_client.js";
import { afterRender, LiveRegion } from "../shared/live_region.js";
import { lotPicture } from "../shared/lot_picture.js";
import { withShownStatus } from "../shared/lot_status.js";
import { withFee, yuan } from "../shared/money.js";
import { showPageHeader } from "../shared/page_header.js";
import { showTerms } from "../shared/terms_text.js";
import { setWatched, watchedLots } from "../shared/watchlist.js";
import { Alerts } from "./alerts.js";
import { BidBox } from "./bid_box.js";
import { BidCheck } from "./bid_check.js";
import { BidList } from "./bid_list.js";
import { Countdown } from "./countdown.js";
import { PriceChart } from "./price_chart.js";
import { Receipts } from "./receipts.js";
import { RestoredNotice } from "./restored_notice.js";
import { LotResult } from "./result.js";
import { TabStatus } from "./tab_status.js";

const SILENT_BIDDER_MS = 5000;
const FIRST_SHOWN_MS = 2500;

const lotId = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const main = byId("lot");
const clock = new LedgerClock();
const liveRegion = new LiveRegion(byId("spoken"));
const list = new BidList(byId("bids"), byId("no-bids"));
const countdown = new Countdown(() => clock.now());
const restoredNotice = new RestoredNotice(byId("restored-note"), (text) => liveRegion.announce(text));
const alerts = new Alerts({ box: byId("alerts-on"), now: () => clock.now() });
const chart = new PriceChart(byId("chart"), () => clock.now());

let lot = null;
let shown = null;
let twoPersons = null;
let you = null;
let box = null;
let bidCheck = null;
let result = null;
let live = null;
let tab = null;

start().catch(fail);

async function start() {
  const who = await showPageHeader();
  byId("connection").textContent = t("lot.reconnecting");
  const config = await get("/config");
  twoPersons = config.two_persons;
  lot = await getLot();
  clock.guess(lot.now_ms);
  const sale = await get(`/sales/${encodeURIComponent(lot.sale_id)}?limit=1`).catch(() => null);
  describe(sale);
  const announce = (text) => liveRegion.announce(text);
  const receipts = who?.role === "bidder" ? new Receipts(lotId, who.subject) : null;
  if (receipts) bidCheck = new BidCheck({ root: byId("bid-check"), lotId, receipts, announce });
  box = new BidBox({
    lotId,
    lot,
    who,
    provider: config.payment_provider,
    announce,
    receipts,
    channel: () => live,
    hasBid: (paddle) => list.hasBidOf(paddle),
    // a deposit that was seen through before anybody listened is known to whoever listens first
    registered() {
      if (!live) return;
      live.stop();
      listen(who, config);
    },
  });
  result = new LotResult({
    lot,
    ownPaddle: () => box.paddle ?? you?.paddle ?? null,
    announce: (text) => liveRegion.announce(text),
    ended(outcome) {
      box.showOutcome(outcome);
      restoredNotice.ended(outcome);
    },
  });
  const loading = Promise.all([box.start(), loadBids()]);
  // what is shown at once does not jump when the rest comes; a long list of bids is not waited for
  await Promise.race([loading, new Promise((resolve) => setTimeout(resolve, FIRST_SHOWN_MS))]);
  show(lot);
  byId("content").hidden = false;
  await loading;
  if (lot.status === "draft") return;
  listen(who, config);
  setInterval(() => {
    countdown.tick();
    alerts.tick();
  }, 100);
}

async function getLot() {
  return withShownStatus(await get(`/lots/${encodeURIComponent(lotId)}`));
}

function fail(problem) {
  const unknown = problem.code === "lot-unknown" || problem.status === 404;
  byId("failure").textContent = t(unknown ? "lot.unknown" : "lot.cannot-load");
  byId("failure").hidden = false;
  byId("connection").dataset.state = "ended";
  if (unknown) byId("failure").append(" ", element("a", { href: "/" }, t("not-found.to-sales")));
  else {
    const again = element(
      "button",
      { class: "button", type: "button", onclick: () => location.reload() },
      t("try-again"),
    );
    byId("failure").append(" ", again);
  }
}

function describe(sale) {
  tab = new TabStatus(lot.title, document.querySelector('link[rel="icon"]'));
  byId("title").textContent = lot.title;
  byId("picture").replaceChildren(lotPicture(lotId));
  byId("sale-link").textContent = sale?.title ?? t("nav.sales");
  byId("sale-link").href = sale ? `/?sale=${encodeURIComponent(lot.sale_id)}` : "/";
  showWatched(watchedLots().includes(lotId));
  byId("watch").addEventListener("click", () =>
    showWatched(setWatched(lotId, byId("watch").getAttribute("aria-pressed") !== "true")),
  );
  byId("calendar-link").href = `/api/v1/lots/${encodeURIComponent(lotId)}/calendar.ics`;
  byId("record-link").href = `/lots/${encodeURIComponent(lotId)}/record`;
  byId("list-price").textContent = lot.list_price_fen ? t("lot.list-price", { price: yuan(lot.list_price_fen) }) : "";
  showTerms(byId("terms"), lot, { twoPersons });
}

function showWatched(isWatched) {
  byId("watch").setAttribute("aria-pressed", isWatched ? "true" : "false");
  setText(byId("watch"), t(isWatched ? "lot.watched" : "lot.watch"));
}

/** Every accepted bid so far, page by page, for the list and the chart; bids that come meanwhile are added after them. */
async function loadBids() {
  areBidsLoaded = false;
  try {
    const bids = await fetchBids();
    list.reset(bids);
    chart.reset(bids.filter((bid) => !bid.voided));
  } finally {
    areBidsLoaded = true;
    for (const bid of bufferedBids.splice(0)) addBid(bid);
  }
  // who was outbid while they were away is known from the bids
  if (you) box.standing(you);
  if (isReloadWanted) reloadBids();
}

async function fetchBids() {
  const bids = [];
  let after = 0;
  for (let page = 0; page < 40; page += 1) {
    const answer = await get(`/lots/${encodeURIComponent(lotId)}/bids?after_seq=${after}&limit=1000`);
    bids.push(...answer.bids);
    if (answer.next_after_seq === null) break;
    after = answer.next_after_seq;
  }
  return bids;
}

function reloadBids() {
  isReloadWanted = !areBidsLoaded;
  if (!areBidsLoaded) return;
  loadBids().catch(() => {
    // the list stays as it is; the next snapshot asks again
  });
}

function addBid(bid) {
  if (list.add(bid)) chart.add(bid.at_ms, bid.amount_fen);
}

let areBidsLoaded = false;
let isReloadWanted = false;
const bufferedBids = [];

function listen(who, config) {
  if (!config.live_url) {
    poll();
    return;
  }
  const token = who?.role === "bidder" ? async () => (await post("/auth/live-token")).token : undefined;
  live = new LiveClient({
    url: config.live_url,
    lotId,
    clock,
    token,
    // who bids has to know within seconds that the price may be old; a watcher may know later
    silentMs: token ? SILENT_BIDDER_MS : undefined,
    on: {
      connection: (state) => connected(state),
      state: (facts) => show(withShownStatus(facts)),
      snap: (facts) => onSnapshot(facts),
      bid: (bid) => {
        box.showBid(bid);
        if (areBidsLoaded) addBid(bid);
        else bufferedBids.push(bid);
      },
      event: (frame) => showEvent(frame),
      you: (frame) => {
        // said once, though the channel says it again when it is signed in anew
        const isNews = frame.outbid_by && frame.outbid_by !== you?.outbid_by;
        you = frame;
        box.standing(frame);
        list.markYours(frame.paddle);
        result.showLeader();
        tab.standing(frame);
        if (!isNews) return;
        alerts.outbid();
        liveRegion.announce(t("lot.outbid-spoken", { paddle: frame.outbid_by }));
      },
    },
  });
  live.start();
}

/** Without a live channel the page asks every two seconds. */
function poll() {
  setInterval(async () => {
    try {
      show(await getLot());
      connected("live");
    } catch {
      connected("lost");
    }
  }, 2000);
}

function connected(state) {
  main.dataset.connection = state;
  byId("connection").dataset.state = state;
  box?.connected(state !== "lost");
}

let epochSeen = null;

/** A snapshot replaces everything: after a hole or a new epoch the list is fetched again. */
function onSnapshot(facts) {
  const isKnown = epochSeen === facts.epoch && list.lastSeq >= facts.seq;
  epochSeen = facts.epoch;
  if (!isKnown) reloadBids();
}

function show(facts) {
  if (shown && (facts.epoch < shown.epoch || (facts.epoch === shown.epoch && facts.seq < shown.seq))) return;
  const before = shown;
  shown = { ...facts };
  if (facts.opens_at_ms) lot.opens_at_ms = facts.opens_at_ms;
  clock.guess(facts.now_ms);
  byId("watchers").textContent = facts.watchers ? t("lot.watchers", { count: facts.watchers.toLocaleString() }) : "";
  price(facts, before);
  reserve(facts);
  byId("bid-count").textContent = facts.bids ? facts.bids.toLocaleString() : "";
  box.show(facts);
  if (before && before.status !== facts.status) liveRegion.announce(t(`status.${facts.status}`));
  result.show(shown);
  tab.show(facts);
  alerts.show(facts);
  byId("calendar").hidden = !["scheduled", "open"].includes(facts.status);
  byId("alerts").hidden = ["closed", "void", "draft"].includes(facts.status);
  restoredNotice.show(facts);
  bidCheck?.show(facts);
  byId("record").hidden = facts.status !== "closed" && facts.status !== "void";
  countdown.show({ ...shown, opens_at_ms: shown.opens_at_ms ?? lot.opens_at_ms });
}

function price(facts, before) {
  const amount = facts.price_fen || lot.terms.start_price_fen;
  byId("price-label").textContent = t(facts.price_fen ? priceLabel(facts) : "lot.start-price");
  const text = yuan(amount);
  const figure = byId("price");
  const feeBps = lot.terms.settlement.buyer_fee_bps;
  const withBuyersFee = { total: yuan(withFee(amount, feeBps)), percent: feeBps / 100 };
  byId("price-with-fee").hidden = !feeBps || facts.status === "void";
  setText(byId("price-with-fee"), t("lot.price-with-fee", withBuyersFee));
  if (byId("price-figure").textContent === text) return;
  byId("price-figure").textContent = text;
  byId("bar-price").textContent = `¥${text}`;
  figure.dataset.length = text.length > 12 ? "long" : "short";
  if (!before) return;
  restartAnimation(figure, "moved");
  liveRegion.announcePrice(t("lot.price-spoken", { price: text }));
}

function priceLabel({ status, outcome }) {
  if (status === "frozen") return "lot.price-not-final";
  if (status !== "closed" && status !== "void") return "lot.price";
  return outcome === "sold" ? "lot.hammer-price" : "lot.highest-bid";
}

/** Whether the price has reached the reserve, where there is one; after the end the outcome tells. */
function reserve({ reserve_met: isMet, status }) {
  const line = byId("reserve");
  line.hidden = typeof isMet !== "boolean" || ["closed", "void", "draft"].includes(status);
  line.dataset.met = isMet ? "yes" : "no";
  setText(line, t(isMet ? "lot.reserve-met" : "lot.reserve-unmet"));
  if (isMet === lot.reserve_met) return;
  lot.reserve_met = isMet;
  showTerms(byId("terms"), lot, { twoPersons });
}

function showEvent(frame) {
  if (frame.type === "extended") {
    const text = countdown.showExtension(frame.ends_at_ms);
    afterRender(() => liveRegion.announce(text));
  } else if (frame.type === "rescheduled") {
    const times = { opens: dateTime(frame.opens_at_ms), ends: dateTime(frame.ends_at_ms) };
    afterRender(() => liveRegion.announce(t("lot.rescheduled", times)));
  } else if (frame.type === "paused") {
    result.paused(frame.cause);
  } else if (frame.type === "restored") {
    restoredNotice.restored(frame);
  } else if (frame.type === "voided") {
    list.void(frame.bid_seq);
    liveRegion.announce(t("lot.bid-voided"));
  }
}
