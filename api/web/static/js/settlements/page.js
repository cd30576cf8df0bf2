// The settlements page: asks for all closed lots every two seconds, and for everything about the chosen one.

import { get, timeoutSignal } from "../shared/api.js";
import { LedgerClock } from "../shared/clock.js";
import { showDefinitions } from "../shared/definition_list.js";
import { byId, element, setText } from "../shared/element.js";
import { t, timeOfDay } from "../shared/i18n.js";
import { LiveRegion } from "../shared/live_region.js";
import { yuanShort } from "../shared/money.js";
import { signInHref } from "../shared/navigation.js";
import { showPageHeader } from "../shared/page_header.js";
import { staffProblemText } from "../shared/staff_text.js";
import { BankView } from "./bank_view.js";
import { ExceptionQueue } from "./exceptions.js";
import { searchForm } from "./search_form.js";
import { SettlementList } from "./settlement_list.js";
import { SettlementPanel } from "./settlement_panel.js";
import { addNames } from "./settlement_text.js";

const EVERY_MS = 2000;
const ANSWER_MS = 8000;
const READERS = ["finance", "ops", "auditor"];

const clock = new LedgerClock();
const liveRegion = new LiveRegion(byId("spoken"));
const board = new SettlementList(byId("lots"), byId("states"), { now: () => clock.now(), chosenState: showState });

const search = searchForm(byId("search"), () => refresh());

let bank = null;
let isBank = false;
let who = null;
let exceptions = null;
let shown = null;
let state = null;
let panel = null;
let chosen = null;
let asked = 0;
let seenAt = null;
let failures = 0;
let ended = false;

start();

async function start() {
  who = await showPageHeader();
  document.title = `${t("money.title")} · ${t("brand")}`;
  if (!READERS.includes(who?.role)) {
    gate();
    return;
  }
  byId("content").hidden = false;
  const announce = (text) => liveRegion.announce(text);
  exceptions = new ExceptionQueue(byId("exceptions"), { who, announce, changed: refresh });
  await refresh();
  window.addEventListener("hashchange", route);
  route();
  setInterval(() => document.visibilityState === "visible" && refresh(), EVERY_MS);
  setInterval(tick, 250);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refresh());
}

/** Not signed in, or a bidder: say so, with the link to sign in. */
function gate() {
  const words = who
    ? t("money.gate.role", { name: who.name, role: t(`ops.role.${who.role}`) })
    : t("money.gate.nobody");
  byId("gate").replaceChildren(
    element("h1", {}, t("money.title")),
    element("p", {}, words),
    element("p", { class: "soft" }, t("ops.gate.how")),
    element(
      "a",
      { class: "button main", id: "gate-sign-in", href: signInHere() },
      t(who ? "ops.gate.other" : "ops.gate.sign-in"),
    ),
  );
  byId("gate").hidden = false;
}

const signInHere = () => signInHref(`/ops/settlements${location.hash}`);

/** The board and the chosen lot; an answer that was overtaken is dropped. */
async function refresh() {
  if (ended) return;
  asked += 1;
  const mine = asked;
  const before = Date.now();
  try {
    const query = new URLSearchParams([...search.query(), ...(state ? [["state", state]] : [])]);
    const [newest] = await Promise.all([
      get(`/ops/settlements?${query}`, { signal: timeoutSignal(ANSWER_MS) }),
      isBank ? bank.refresh() : panel?.refresh(),
      exceptions.refresh(),
    ]);
    if (mine !== asked) return;
    addNames(newest.names);
    clock.sample(before, newest.now_ms, newest.now_ms, Date.now());
    shown = newest;
    seenAt = newest.now_ms;
    failures = 0;
    byId("banners").replaceChildren(...faultNotices(newest.faults));
  } catch (problem) {
    if (mine === asked) requestFailed(problem);
  }
  show();
}

/** What the workers have set aside, each with its error. */
function faultNotices(faults) {
  if (!faults.length) return [];
  const rows = faults.map((one) =>
    element(
      "li",
      {},
      t("money.fault", {
        stage: t(`money.stage.${one.stage}`),
        item: one.item_id,
        error: one.error,
        count: one.count,
        when: timeOfDay(one.next_try_at_ms),
      }),
    ),
  );
  const words = element("p", {}, t("money.faults", { n: faults.length }));
  return [element("div", { class: "notice bad", id: "faults" }, words, element("ul", {}, rows))];
}

function requestFailed(problem) {
  if (problem.status === 401) {
    ended = true;
    document.body.dataset.ended = "yes";
    const link = element("a", { href: signInHere() }, t("ops.gate.sign-in"));
    byId("banners").replaceChildren(
      element("p", { class: "notice bad", id: "signed-out" }, t("ops.signed-out"), " ", link),
    );
    return;
  }
  failures += 1;
  if (failures < 2 && shown) return;
  const lost = t("ops.trouble.connection", { at: seenAt ? timeOfDay(seenAt) : "–" });
  const words = problem.status > 0 ? staffProblemText(problem) : lost;
  byId("banners").replaceChildren(element("p", { class: "notice bad" }, words));
}

function show() {
  byId("content").dataset.stale = failures > 1 ? "yes" : "no";
  if (!shown || ended) return;
  byId("lots").removeAttribute("aria-busy");
  board.show(shown, { state, chosen });
  const empty = shown.settlements.length === 0;
  byId("no-lots").hidden = !empty;
  setText(byId("no-lots"), t(state ? "money.none-in-state" : "money.none"));
  const all = Object.entries(shown.counts).reduce((sum, [name, n]) => sum + (!state || state === name ? n : 0), 0);
  byId("more-lots").hidden = shown.settlements.length >= all;
  setText(byId("more-lots"), t("money.more", { shown: shown.settlements.length, all }));
  figures();
  tick();
}

/** What is at stake over the lots shown, and how many of them need a person. */
function figures() {
  const sum = (name) => `¥${yuanShort(shown.settlements.reduce((total, one) => total + one[name], 0))}`;
  const waiting = shown.settlements.filter((one) => one.stuck.length || one.approvals.length).length;
  const rows = [
    ["money.due", sum("due_fen"), { urgent: "no" }],
    ["money.held", sum("held_fen"), { urgent: "no" }],
    ["money.forfeited", sum("forfeited_fen"), { urgent: "no" }],
    ["money.claim", sum("claim_fen"), { urgent: "no" }],
    ["money.needs-a-person", String(waiting), { urgent: waiting ? "yes" : "no" }],
  ];
  showDefinitions(byId("figures"), rows);
}

function showState(wanted) {
  state = wanted;
  refresh();
}

function tick() {
  if (ended) return;
  board.tick();
  panel?.tick();
}

// which lot: kept in the address, so that back, reload and a bookmark do what one expects

function route() {
  const hash = location.hash.slice(1);
  showBank(hash === "bank");
  const lotId = hash.startsWith("lot=") ? decodeURIComponent(hash.slice(4)) : null;
  const narrow = matchMedia("(max-width: 60rem)").matches;
  const before = chosen;
  byId("columns").dataset.view = lotId ? "lot" : "list";
  if (lotId !== chosen || !panel) {
    panel?.stop();
    panel = null;
    chosen = lotId;
    if (lotId) {
      panel = new SettlementPanel(byId("panel"), lotId, {
        who,
        now: () => clock.now(),
        announce: (text) => liveRegion.announce(text),
        changed: refresh,
      });
      panel.refresh();
    } else {
      byId("panel").replaceChildren(
        element(
          "div",
          { class: "empty card" },
          element("h2", { id: "panel-title" }, t("ops.choose")),
          element("p", {}, t("money.choose-hint")),
        ),
      );
    }
  }
  if (isBank) return;
  if (lotId) byId("panel").focus({ preventScroll: !narrow });
  else if (before && narrow) board.focus(before);
  show();
}

/** The bank in the place of the lots, or the lots again. */
function showBank(wanted) {
  isBank = wanted;
  byId("bank").hidden = !wanted;
  byId("columns").hidden = wanted;
  for (const [id, current] of [
    ["view-bank", wanted],
    ["view-lots", !wanted],
  ]) {
    if (current) byId(id).setAttribute("aria-current", "page");
    else byId(id).removeAttribute("aria-current");
  }
  if (!wanted) return;
  bank ??= new BankView(byId("bank"), { who, announce: (text) => liveRegion.announce(text) });
  bank.refresh().catch(requestFailed);
}
