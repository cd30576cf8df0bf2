// A bidder's own page: what is to be paid, offers to answer, deposits and registrations; asks again while looked at.

import { get, timeoutSignal } from "../shared/api.js";
import { LedgerClock } from "../shared/clock.js";
import { showDefinitions } from "../shared/definition_list.js";
import { byId, element, setText } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { KeyedList } from "../shared/keyed_list.js";
import { LiveRegion } from "../shared/live_region.js";
import { yuan } from "../shared/money.js";
import { signInHref } from "../shared/navigation.js";
import { outcomeOf } from "../shared/outcome.js";
import { showPageHeader } from "../shared/page_header.js";
import { problemText } from "../shared/problems.js";
import { AwardCard } from "./awards.js";
import { showCards } from "./cards.js";
import { depositRow, registrationRow } from "./deposits.js";
import { offerCard } from "./offers.js";
import { showSessions } from "./sessions.js";

const EVERY_MS = 2000;
const ANSWER_MS = 8000;
const LOTS_EVERY_MS = 10_000;
const LOTS_AT_ONCE = 20;
const URGENCY = { due: 0, paid: 1, settled: 2, defaulted: 2, void: 2 };
const PARTS = ["awards", "offers", "deposits", "registrations"];

const clock = new LedgerClock();
const liveRegion = new LiveRegion(byId("spoken"));
const page = {
  provider: null,
  now: () => clock.now(),
  announce: (text) => liveRegion.announce(text),
  changed: () => refresh(),
  deposits: [],
  lot: (lotId) => lotsById.get(lotId) ?? { title: lotId, status: null },
};
const lists = {
  awards: new KeyedList(byId("awards"), (id) => new AwardCard(id, page)),
  offers: new KeyedList(byId("offers"), (id) => offerCard(id, page)),
  deposits: new KeyedList(byId("deposits"), () => depositRow(page)),
  registrations: new KeyedList(byId("registrations"), () => registrationRow(page)),
};
const KEYS = { awards: "award_id", offers: "offer_id", deposits: "deposit_id", registrations: "lot_id" };

const lotsById = new Map();
let looked = 0;
let asked = 0;
let ended = false;
let failures = 0;

start();

async function start() {
  const who = await showPageHeader();
  document.title = `${t("me.title")} · ${t("brand")}`;
  if (who?.role !== "bidder") {
    gate(who);
    return;
  }
  page.provider = (await get("/config").catch(() => ({}))).payment_provider ?? null;
  showCards(page);
  showSessions(page);
  await refresh();
  setInterval(() => document.visibilityState === "visible" && refresh(), EVERY_MS);
  setInterval(tick, 250);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refresh());
}

/** Not signed in, or staff: say so, with the link to sign in. */
function gate(who) {
  byId("gate").replaceChildren(
    element("h1", {}, t("me.title")),
    element("p", {}, t(who ? "me.gate.staff" : "me.gate.nobody")),
    element("a", { class: "button main", id: "gate-sign-in", href: signInHref("/me") }, t("nav.sign-in")),
  );
  byId("gate").hidden = false;
}

/** Everything of mine at once; an answer that was overtaken by a later one is dropped. */
async function refresh() {
  if (ended) return;
  asked += 1;
  const mine = asked;
  const before = Date.now();
  const signal = timeoutSignal(ANSWER_MS);
  try {
    const answers = await Promise.all(PARTS.map((part) => get(`/me/${part}`, { signal })));
    if (mine !== asked) return;
    clock.sample(before, answers[0].now_ms, answers[0].now_ms, Date.now());
    failures = 0;
    byId("trouble").hidden = true;
    show(Object.fromEntries(PARTS.map((part, index) => [part, answers[index][part]])));
  } catch (problem) {
    if (mine === asked) requestFailed(problem);
  }
}

function requestFailed(problem) {
  if (problem.status === 401) {
    ended = true;
    const link = element("a", { href: signInHref("/me") }, t("nav.sign-in"));
    byId("trouble").replaceChildren(t("problem.unauthorized"), " ", link);
    byId("trouble").hidden = false;
    return;
  }
  failures += 1;
  // one answer that is late is no trouble
  if (failures < 2 && !byId("content").hidden) return;
  setText(byId("trouble"), problem.status > 0 ? problemText(problem) : t("me.no-connection"));
  byId("trouble").hidden = false;
}

function show(mine) {
  byId("content").hidden = false;
  page.deposits = mine.deposits;
  for (const one of [...mine.awards, ...mine.offers, ...mine.deposits])
    lotsById.set(one.lot_id, { status: null, ...lotsById.get(one.lot_id), title: one.title });
  lookAtLots(mine.registrations);
  placeOffers(mine.offers.some((offer) => offer.status === "open"));
  mine.awards.sort((a, b) => URGENCY[a.status] - URGENCY[b.status] || b.awarded_at_ms - a.awarded_at_ms);
  for (const part of PARTS) {
    lists[part].show(mine[part], (one) => one[KEYS[part]]);
    byId(`no-${part}`).hidden = mine[part].length > 0;
  }
  figures(mine);
  tick();
}

/** A registration does not say how its lot stands: looked up now and then, until its outcome can no longer change. */
function lookAtLots(registrations) {
  if (Date.now() < looked + LOTS_EVERY_MS) return;
  looked = Date.now();
  const lookedAt = ({ lot_id: lotId }) => lotsById.get(lotId)?.lookedAt ?? 0;
  const changing = registrations
    .filter((one) => !outcomeOf(lotsById.get(one.lot_id) ?? {})?.isFinal)
    .sort((a, b) => lookedAt(a) - lookedAt(b))
    .slice(0, LOTS_AT_ONCE);
  for (const { lot_id: lotId } of changing) {
    get(`/lots/${encodeURIComponent(lotId)}`).then(
      (lot) => {
        lotsById.set(lotId, { ...lot, lookedAt: looked });
        lists.registrations.show(registrations, (one) => one.lot_id);
      },
      () => {
        // it is looked up again soon enough
      },
    );
  }
}

/** Offers that wait come first; the sections change places only when that changes. */
function placeOffers(first) {
  const offers = byId("offers").parentElement;
  const awards = byId("awards").parentElement;
  if ((offers.nextElementSibling === awards) === first) return;
  const focused = document.activeElement;
  awards.parentElement.insertBefore(first ? offers : awards, first ? awards : offers);
  if (offers.contains(focused) || awards.contains(focused)) focused.focus({ preventScroll: true });
}

const urgent = (is) => ({ urgent: is ? "yes" : "no" });

function figures(mine) {
  const due = mine.awards.filter((award) => award.status === "due");
  const open = mine.offers.filter((offer) => offer.status === "open");
  const held = mine.deposits.filter((deposit) => deposit.status === "held");
  const sum = (some, name) => some.reduce((total, one) => total + one[name], 0);
  const rows = [
    ["me.figure.due", `¥${yuan(sum(due, "due_fen"))}`, urgent(due.length > 0)],
    ["me.figure.offers", String(open.length), urgent(open.length > 0)],
    ["me.figure.held", `¥${yuan(sum(held, "amount_fen"))}`, urgent(false)],
  ];
  showDefinitions(byId("figures"), rows);
}

function tick() {
  for (const part of ["awards", "offers"]) for (const entry of lists[part].entries.values()) entry.tick();
}
