// The audit log for finance and auditors: who did what to what, why, and what was before and after.

import { get } from "../shared/api.js";
import { byId, element, setText } from "../shared/element.js";
import { dateTime, hasText, t } from "../shared/i18n.js";
import { LiveRegion } from "../shared/live_region.js";
import { signInHref } from "../shared/navigation.js";
import { showPageHeader } from "../shared/page_header.js";
import { formatCount, staffProblemText } from "../shared/staff_text.js";
import { actionText, actorText } from "./action_text.js";
import { FilterForm } from "./filter_form.js";

const LIMIT = 50;
const READERS = ["finance", "auditor"];
const FILES = ["csv", "jsonl"];
const HASH_SHOWN = 16;
const FIRST = ["before", "after"];

const liveRegion = new LiveRegion(byId("spoken"));
let form = null;
let beforeId = null;
let asked = 0;

start();

async function start() {
  const who = await showPageHeader();
  document.title = `${t("audit.title")} · ${t("brand")}`;
  if (!READERS.includes(who?.role)) {
    gate(who);
    return;
  }
  byId("content").hidden = false;
  form = new FilterForm(byId("filter"), changed);
  byId("older").addEventListener("click", () => load({ more: true }));
  window.addEventListener("popstate", () => {
    form.read();
    load();
  });
  showHead();
  await load();
}

/** Not signed in, or in another role: say so, with the link to sign in. */
function gate(who) {
  const words = who
    ? t("audit.gate.role", { name: who.name, role: t(`ops.role.${who.role}`) })
    : t("audit.gate.nobody");
  byId("gate").replaceChildren(
    element("h1", {}, t("audit.title")),
    element("p", {}, words),
    element("a", { class: "button main", href: signInHref("/ops/audit") }, t("ops.gate.sign-in")),
  );
  byId("gate").hidden = false;
}

function changed() {
  const typed = form.typed().toString();
  history.pushState(null, "", typed ? `?${typed}` : location.pathname);
  load();
}

async function showHead() {
  try {
    const answer = await fetch("/.well-known/auction-audit.json");
    const head = await answer.json();
    const facts = { n: formatCount(head.rows), hash: head.sha256.slice(0, HASH_SHOWN) };
    setText(byId("head"), t("audit.head", facts));
    byId("head").title = head.sha256;
  } catch {
    // the rows are shown all the same
  }
}

/** The newest rows, or with `more` older ones below them; an answer that was overtaken is dropped. */
async function load({ more = false } = {}) {
  asked += 1;
  const mine = asked;
  const query = form.query();
  for (const kind of FILES) byId(kind).href = `/api/v1/ops/audit.${kind}?${query}`;
  query.set("limit", String(LIMIT));
  if (more) query.set("before_id", String(beforeId));
  byId("acts").setAttribute("aria-busy", "true");
  try {
    const page = await get(`/ops/audit?${query}`);
    if (mine !== asked) return;
    byId("trouble").hidden = true;
    show(page, more);
  } catch (problem) {
    if (mine === asked) failed(problem);
  }
}

function failed(problem) {
  const words = problem.status > 0 ? staffProblemText(problem) : t("audit.no-connection");
  byId("trouble").replaceChildren(
    ...(problem.status === 401
      ? [words, " ", element("a", { href: signInHref("/ops/audit") }, t("nav.sign-in"))]
      : [words]),
  );
  byId("trouble").hidden = false;
  byId("acts").setAttribute("aria-busy", "false");
}

function show(page, more) {
  const rows = page.actions.map(row);
  if (more) byId("acts").append(...rows);
  else byId("acts").replaceChildren(...rows);
  byId("acts").setAttribute("aria-busy", "false");
  beforeId = page.next_before_id;
  byId("older").hidden = beforeId === null;
  const shown = byId("acts").children.length;
  byId("none").hidden = shown > 0;
  liveRegion.announce(shown ? t("audit.shown", { n: formatCount(shown) }) : t("audit.none"));
  if (more) rows[0]?.querySelector("summary, a")?.focus();
}

function row(act) {
  const about = [
    act.lot_id && element("a", { href: `/lots/${encodeURIComponent(act.lot_id)}` }, t("audit.lot", { id: act.lot_id })),
    act.sale_id && !act.lot_id && element("span", {}, t("audit.sale", { id: act.sale_id })),
  ].filter(Boolean);
  const facts = Object.entries(act.details).sort(([a], [b]) => placeOf(a) - placeOf(b));
  return element(
    "li",
    { class: "card act", "data-action": act.action },
    element(
      "p",
      { class: "act-line" },
      element("strong", {}, actionText(act.action)),
      element("span", { class: "who" }, actorText(act.actor)),
      ...about,
      element("time", { class: "soft numbers", datetime: new Date(act.at_ms).toISOString() }, dateTime(act.at_ms)),
    ),
    act.reason ? element("p", { class: "reason" }, act.reason) : null,
    facts.length
      ? element("details", {}, element("summary", {}, t("audit.details", { id: act.action_id })), definitions(facts))
      : null,
  );
}

/** What was before and after comes first. */
const placeOf = (name) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);

function definitions(facts) {
  return element(
    "dl",
    { class: "facts" },
    ...facts.flatMap(([name, value]) => [
      element("dt", {}, hasText(`audit.fact.${name}`) ? t(`audit.fact.${name}`) : name),
      element("dd", {}, shownValue(value)),
    ]),
  );
}

function shownValue(value) {
  if (value === null || value === "") return t("audit.nothing");
  if (typeof value === "boolean") return t(value ? "audit.yes" : "audit.no");
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value.join(", ");
  return typeof value === "object" ? partsOf(value) : String(value);
}

/** The parts of a value, a line each; what has parts of its own as JSON. */
function partsOf(value) {
  const shown = (part) => (part !== null && typeof part === "object" ? JSON.stringify(part) : part);
  const lines = Object.entries(value).map(([name, part]) => `${name}: ${shown(part) ?? t("audit.nothing")}`);
  return element("code", {}, lines.join("\n"));
}
