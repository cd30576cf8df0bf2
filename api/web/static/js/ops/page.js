// The staff page: asks every second what changed of the lots, watches one of them live, and goes on whatever server is away.

import { get, timeoutSignal } from "../shared/api.js";
import { LedgerClock } from "../shared/clock.js";
import { showDefinitions } from "../shared/definition_list.js";
import { byId, element, setText } from "../shared/element.js";
import { t, timeOfDay } from "../shared/i18n.js";
import { LiveRegion } from "../shared/live_region.js";
import { signInHref } from "../shared/navigation.js";
import { showPageHeader } from "../shared/page_header.js";
import { formatCount } from "../shared/staff_text.js";
import { activeWarnings, Banners } from "./banners.js";
import { BidderRequests } from "./bidder_acts.js";
import { showGate } from "./gate.js";
import { LiveSubscription } from "./live_subscription.js";
import { filterLots, LotFilter } from "./lot_filter.js";
import { LotForm } from "./lot_form.js";
import { LotImport } from "./lot_import.js";
import { bidRateText, LotList, LotStore, RUNNING } from "./lot_list.js";
import { LotPanel } from "./lot_panel.js";
import { createSale } from "./new_sale.js";
import { loadPresets } from "./presets.js";
import { Recovery } from "./recovery.js";
import { SalesReader } from "./sales_reader.js";
import { Selection } from "./selection.js";
import { listenForShortcuts } from "./shortcuts.js";

const EVERY_MS = 1000;
const HIDDEN_MS = 5000;
const HEALTH_EVERY_MS = 3000;
const ANSWER_MS = 6000;
const FIRST_ANSWER_MS = 30_000;
const LIVE_LOST_MS = 4000;
const OVERDUE_MS = 5000;

const clock = new LedgerClock();
const store = new LotStore();
const list = new LotList(byId("lots"));
const recovery = new Recovery(byId("recovery"));
const banners = new Banners(byId("banners"));
const bidderRequests = new BidderRequests(byId("bidder-requests"), {
  me: () => me,
  changed(words) {
    liveRegion.announce(words);
    refresh();
  },
});
const liveRegion = new LiveRegion(byId("spoken"));
const live = new LiveSubscription(clock, showLive);
const reader = new SalesReader(store);
const filter = new LotFilter(byId("filter"), () => show());
const selection = new Selection(byId("bulk"), {
  lots: shownLots,
  get: (id) => store.get(id),
  pending: (id) => pendingActs.get(id),
  me: () => me,
  changed: () => show(),
  done: bulkDone,
});
const form = new LotForm(byId("panel"), {
  sales: () => reader.sales,
  created: lotCreated,
  seriesCreated,
  edited: lotEdited,
  newSale,
});

const lotImport = new LotImport(byId("panel"), { sales: () => reader.sales, created: lotsImported });

let me = null;
let pendingActs = new Map();
let health = null;
let panel = null;
let chosen = null;
let liveUrl = null;
let reached = { ok: true, at: null };
let failures = 0;
let ended = false;

start();

async function start() {
  const who = await showPageHeader();
  document.title = `${t("ops.title")} · ${t("brand")}`;
  if (who?.role !== "ops") {
    showGate(byId("gate"), who);
    return;
  }
  me = who.subject;
  byId("content").hidden = false;
  byId("new-sale").addEventListener("click", newSale);
  listenForShortcuts(byId("shortcuts"), {
    "/": () => filter.focus(),
    j: () => step(1),
    k: () => step(-1),
    x: () => chosen && selection.toggle(chosen, !selection.has(chosen)),
    a: () => selection.toggleAll(),
    p: () => panel?.press("pause"),
    r: () => panel?.press("resume"),
    e: () => panel?.press("extend"),
    Escape: () => {
      location.hash = "";
    },
  });
  byId("select-all").addEventListener("click", () => selection.toggleAll());
  liveUrl = (await get("/config").catch(() => ({}))).live_url ?? null;
  // the form asks again where this fails
  loadPresets().catch(() => null);
  await refresh();
  window.addEventListener("hashchange", route);
  route();
  loop(refresh, () => wait(EVERY_MS));
  loop(refreshHealth, () => wait(HEALTH_EVERY_MS));
  setInterval(tick, 200);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refresh());
}

function wait(everyMs) {
  const ms = document.visibilityState === "visible" ? everyMs : Math.max(everyMs, HIDDEN_MS);
  // a server in trouble is asked less often, and not by all pages at once
  return failures ? Math.min(8000, ms * 1.6 ** failures) * (0.6 + 0.4 * Math.random()) : ms;
}

/** Again and again, one at a time. */
function loop(work, pause) {
  setTimeout(async () => {
    if (ended) return;
    await work();
    loop(work, pause);
  }, pause());
}

let asking = false;

async function refresh() {
  if (asking || ended) return;
  asking = true;
  const asked = Date.now();
  try {
    const answer = await get(reader.path, { signal: timeoutSignal(reader.isEmpty ? FIRST_ANSWER_MS : ANSWER_MS) });
    clock.sample(asked, answer.now_ms, answer.now_ms, Date.now());
    reader.take(answer);
    filter.offer(reader.sales);
    pendingActs = new Map(answer.pending.filter((act) => act.lot_id).map((act) => [act.lot_id, act]));
    bidderRequests.show(answer.pending.filter((act) => !act.lot_id));
    reached = { ok: true, at: answer.now_ms };
    failures = 0;
  } catch (problem) {
    await requestFailed(problem);
  } finally {
    asking = false;
  }
  show();
}

async function requestFailed(problem) {
  if (problem.status === 401) {
    signedOut();
    return;
  }
  failures += 1;
  const answered = problem.status > 0;
  reached = { ok: answered, at: reached.at };
  if (!answered) return;
  await refreshHealth();
  // without the database the ledger still answers for lots that were loaded before
  if (problem.code === "books-away") await Promise.all(running().map((lot) => refreshOne(lot.lot_id)));
}

async function refreshOne(lotId) {
  const lot = await get(`/lots/${encodeURIComponent(lotId)}`, { signal: timeoutSignal(ANSWER_MS) }).catch(() => null);
  // the public's view, without the reserve: the terms that are known stay
  if (lot) store.take({ ...lot, terms: store.get(lotId).terms });
}

async function refreshHealth() {
  try {
    health = await get("/ops/health", { signal: timeoutSignal(ANSWER_MS) });
    if (reached.ok === false) refresh();
    await recovery.refresh(health);
    if (panel && store.get(chosen)?.status === "frozen") panel.show();
  } catch (problem) {
    if (problem.status === 401) signedOut();
  }
}

function signedOut() {
  if (ended) return;
  ended = true;
  live.stop();
  byId("banners").replaceChildren(
    element(
      "p",
      { class: "notice bad", id: "signed-out" },
      t("ops.signed-out"),
      " ",
      element("a", { href: signInHref(`/ops${location.search}${location.hash}`) }, t("ops.gate.sign-in")),
    ),
  );
  document.body.dataset.ended = "yes";
}

const lots = () => reader.order.map((id) => store.get(id));
const running = () => lots().filter((lot) => RUNNING.includes(lot.status));

function show() {
  if (ended) return;
  const part = filterLots(lots(), filter.wanted);
  list.show(part, store, chosen, clock.now(), { part: filter.isActive, selection });
  selection.show();
  showCount(part);
  figures();
  live.update(liveUrl, store.get(chosen), running());
  if (panel && store.get(chosen)) panel.show();
  tick();
}

function shownLots() {
  return filterLots(lots(), filter.wanted);
}

/** How many lots there are, how many are shown, and the button that selects those. */
function showCount(part) {
  const all = reader.order.length;
  const facts = { n: formatCount(part.length), all: formatCount(all) };
  setText(byId("shown"), filter.isActive ? t("ops.filter.shown", facts) : t("ops.filter.all", { n: formatCount(all) }));
  const report = byId("sale-report");
  report.hidden = !filter.wanted.sale;
  report.href = `/ops/report?sale=${encodeURIComponent(filter.wanted.sale)}`;
  const button = byId("select-all");
  button.hidden = part.length === 0;
  setText(button, t(part.every((lot) => selection.has(lot.lot_id)) ? "ops.bulk.clear" : "ops.bulk.select-all"));
}

/** Go to the next lot in the list, or the one before. */
function step(by) {
  const lotId = list.beside(chosen, by);
  if (lotId) location.hash = `lot=${encodeURIComponent(lotId)}`;
}

async function bulkDone(changed) {
  for (const lot of changed) store.take(lot);
  await refresh();
}

function figures() {
  const on = running();
  const rates = on.map((lot) => store.rate(lot.lot_id)).filter((rate) => rate !== null);
  const total = rates.length ? rates.reduce((a, b) => a + b, 0) : on.length ? null : 0;
  const rows = [
    ["ops.figure.running", formatCount(on.length)],
    ["ops.figure.pace", bidRateText(total)],
    ["ops.figure.watching", formatCount(on.reduce((sum, lot) => sum + lot.watchers, 0))],
    ["ops.figure.clock", timeOfDay(clock.now())],
  ];
  showDefinitions(byId("figures"), rows);
}

function tick() {
  if (ended) return;
  const now = clock.now();
  list.tick(running(), now);
  list.tick(
    lots().filter((lot) => lot.status === "scheduled"),
    now,
  );
  if (panel && store.get(chosen)) panel.tick();
  const time = byId("figures").lastElementChild?.lastElementChild;
  if (time) setText(time, timeOfDay(now));
  const liveLost = live.lostMs() > LIVE_LOST_MS;
  // what is shown may be old, but an end that has passed is past: a ledger that is away closes nothing
  const trusted = !failures || (health && health.ledger !== "ok");
  const overdue =
    reached.ok && trusted ? running().find((lot) => lot.status === "open" && now - lot.ends_at_ms > OVERDUE_MS) : null;
  banners.show(activeWarnings({ health, reached, liveLost, overdue }));
  byId("content").dataset.stale = reached.ok && failures < 2 ? "no" : "yes";
}

// which lot, or the form: kept in the address, so that back, reload and a bookmark do what one expects

function route() {
  const [name, value] = location.hash.slice(1).split("=");
  const id = value ? decodeURIComponent(value) : null;
  const lot = id ? store.get(id) : null;
  if (name === "new") showForm(id, null);
  else if (name === "import") showImport();
  else if (name === "edit" && lot?.status === "draft") showForm(null, lot);
  else if (name === "lot" && lot) showLot(id);
  else showList();
  show();
}

function showForm(saleId, draft) {
  choose(null);
  byId("columns").dataset.view = "form";
  form.show(saleId, draft);
}

function showImport() {
  choose(null);
  byId("columns").dataset.view = "form";
  lotImport.show();
}

/** After an import the list shows its sale. */
function lotsImported(lines) {
  liveRegion.announce(t("ops.done.series", { n: lines.length }));
  const sale = lines[0].lot_id.slice(0, lines[0].lot_id.lastIndexOf("-"));
  refresh().then(() => {
    location.hash = "";
    filter.choose({ sale });
  });
}

function showLot(lotId) {
  if (chosen !== lotId || !panel) choose(lotId);
  byId("columns").dataset.view = "lot";
  byId("panel").focus({ preventScroll: !isNarrow() });
}

function showList() {
  const before = chosen;
  choose(null);
  byId("columns").dataset.view = "list";
  byId("panel").replaceChildren(
    element(
      "div",
      { class: "empty card" },
      element("h2", { id: "panel-title" }, t("ops.choose")),
      element("p", {}, t("ops.choose-hint")),
    ),
  );
  if (before && isNarrow()) list.focus(before);
}

const isNarrow = () => matchMedia("(max-width: 60rem)").matches;

function choose(lotId) {
  panel?.stop();
  panel = null;
  chosen = lotId;
  if (lotId) {
    const frozenCause = () => recovery.causeOf(lotId);
    panel = new LotPanel(byId("panel"), lotId, {
      store,
      now: () => clock.now(),
      done,
      frozenCause,
      pending: () => pendingActs.get(lotId),
      me,
      changed: refresh,
    });
  }
  live.update(liveUrl, store.get(chosen), running());
}

/** Newer facts of a lot from the live channel, between two answers of the server. */
function showLive(facts) {
  const before = store.get(facts.lot_id);
  if (!store.take(facts) || facts.lot_id !== chosen) return;
  if (before.status !== facts.status) refresh();
  panel?.show();
}

function done(lot, words) {
  store.take(lot);
  liveRegion.announce(words);
  show();
}

async function newSale() {
  const made = await createSale();
  if (!made) return;
  liveRegion.announce(t("ops.done.sale", { title: made.title }));
  await refresh();
  const hash = `#new=${encodeURIComponent(made.sale_id)}`;
  if (location.hash === hash) route();
  else location.hash = hash;
}

function lotCreated(lot, words = t("ops.done.lot", { title: lot.title })) {
  const sale = reader.sales.find((one) => one.sale_id === lot.sale_id);
  store.take({ ...lot, sale_title: sale?.title ?? "" });
  reader.enter(lot.lot_id);
  liveRegion.announce(words);
  location.hash = `lot=${encodeURIComponent(lot.lot_id)}`;
  refresh();
}

async function seriesCreated(lots) {
  const first = await get(`/lots/${encodeURIComponent(lots[0].lot_id)}`);
  lotCreated(first, t("ops.done.series", { n: lots.length }));
}

function lotEdited(lot) {
  store.take({ ...lot, sale_title: store.get(lot.lot_id).sale_title });
  liveRegion.announce(t("ops.done.edit", { title: lot.title }));
  location.hash = `lot=${encodeURIComponent(lot.lot_id)}`;
  refresh();
}
