// The page of a lot's published record: shows it to anybody, and checks it and receipts in the browser.

import { get, Problem } from "../shared/api.js";
import { byId, element } from "../shared/element.js";
import { dateTime, joinSentences, t } from "../shared/i18n.js";
import { yuan } from "../shared/money.js";
import { showPageHeader } from "../shared/page_header.js";
import { problemText } from "../shared/problems.js";
import { EventPages } from "./event_pages.js";
import { keptReceipts } from "./kept_receipts.js";
import { checkReceipt } from "./receipt_check.js";
import { checkRecord, readRecord } from "./record_check.js";
import { canHash, HouseKeys } from "./signing.js";

const KEYS = "/.well-known/auction-keys.json";
const lotId = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const lotPath = `/lots/${encodeURIComponent(lotId)}`;
const recordHref = `/api/v1${lotPath}/ledger.jsonl`;
const pages = new EventPages();

let record = null;
let keys = null;

start().catch((problem) => {
  byId("failure").textContent = problemText(problem);
  byId("failure").hidden = false;
  byId("content").removeAttribute("aria-busy");
});

async function start() {
  byId("lot-link").href = lotPath;
  byId("download").href = recordHref;
  byId("keys-link").href = KEYS;
  await showPageHeader();
  const lot = await get(lotPath);
  document.title = `${t("record.title", { title: lot.title })} · ${t("brand")}`;
  byId("title").textContent = t("record.title", { title: lot.title });
  record = readRecord(await download(recordHref));
  byId("command").textContent = `auction verify ${lotId}.jsonl --keys auction-keys.json`;
  byId("record").hidden = false;
  pages.reset(record.events);
  keys = await HouseKeys.from(JSON.parse(await download(KEYS)));
  await check();
  listenForReceipts();
  byId("content").removeAttribute("aria-busy");
}

async function download(address) {
  const response = await fetch(address, { credentials: "same-origin" }).catch((error) => {
    throw new Problem({ code: "no-connection", detail: String(error) }, 0);
  });
  const text = await response.text();
  if (response.ok) return text;
  let problem = {};
  try {
    problem = JSON.parse(text);
  } catch {
    // what is no problem is told by its status
  }
  throw new Problem(problem, response.status);
}

async function check() {
  if (!canHash()) {
    say("checks", [["warn", t("record.cannot-hash")]]);
    return;
  }
  say("checks", [["", t("record.checking")]]);
  const { faults, head, signedBy } = await checkRecord(record, keys);
  byId("head").textContent = head;
  const lines = faults.map((fault) => ["bad", t("record.line", { line: fault.line, what: faultText(fault) })]);
  const isWhole = faults.length === 0;
  const chain = isWhole
    ? ["good", t("record.whole", { count: record.events.length.toLocaleString() })]
    : ["bad", t("record.not-whole")];
  const signature = signedBy ? ["good", t("record.signed", { kid: signedBy })] : ["warn", t("record.cannot-verify")];
  say("checks", [chain, ...lines, ...(keys && !signedBy ? [] : [signature])]);
}

const faultText = (fault) => t(`record.fault.${fault.code}`, fault);

function say(id, lines) {
  byId(id).replaceChildren(
    ...lines.map(([tone, text]) => element("li", { class: `notice ${tone}`.trim(), "data-tone": tone }, text)),
  );
}

function listenForReceipts() {
  const canCheck = keys !== null;
  byId("receipt-button").disabled = !canCheck;
  byId("no-receipts").hidden = canCheck;
  byId("receipt-form").addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    checkAll([byId("receipt").value]);
  });
  const kept = keptReceipts(lotId);
  const button = byId("kept-button");
  button.hidden = kept.length === 0 || !canCheck;
  button.textContent = t("record.check-kept", { count: kept.length });
  button.addEventListener("click", () => checkAll(kept));
}

async function checkAll(receipts) {
  const checked = [];
  for (const receipt of receipts) checked.push(await checkReceipt(receipt, record.events, keys));
  say("receipt-answers", checked.map(answer));
  if (checked.length === 1 && checked[0].stated && !checked[0].faults.length) pages.goTo(checked[0].stated.seq);
}

function answer({ stated, faults, voidedBy }) {
  if (faults.length) {
    const why = faults.map((fault) => t(`record.receipt-fault.${fault.code}`, fault));
    return ["bad", joinSentences([t("record.receipt-bad"), ...why])];
  }
  const { seq, paddle, amountFen, priceFen, atMs } = stated;
  const facts = { seq, paddle, amount: yuan(amountFen), price: yuan(priceFen), when: dateTime(atMs) };
  const voided = voidedBy === null ? "" : t("record.receipt-voided", { by: voidedBy });
  return [voided ? "warn" : "good", joinSentences([t("record.receipt-good", facts), voided])];
}
