// How an award is paid by bank transfer: account and reference to copy, what has arrived, what is missing.

import { element, setText } from "../shared/element.js";
import { dateTime, t } from "../shared/i18n.js";
import { yuan } from "../shared/money.js";

/** The rows that are copied: [name, the text that is shown, the text that is copied]. */
function rowsOf(transfer) {
  const { account, payment_reference: reference, missing_fen: missing } = transfer;
  const amount = yuan(missing);
  return [
    ["holder", account.holder, account.holder],
    ["number", account.number, account.number.replace(/ /g, "")],
    ["bank", account.bank, account.bank],
    ["reference", reference, reference],
    ["amount", `¥${amount}`, amount.replace(/,/g, "")],
  ];
}

/** A row with its button; `announce` tells that it was copied. */
function copyRow(name, announce) {
  const value = element("span", { class: "value numbers" });
  let copied = "";
  const button = element("button", { class: "button small", type: "button", "data-copy": name }, t("transfer.copy"));
  let timer = 0;
  button.addEventListener("click", async () => {
    const label = t(`transfer.${name}`);
    try {
      await navigator.clipboard.writeText(copied);
    } catch {
      // no clipboard here: what is to be copied is selected instead
      getSelection().selectAllChildren(value);
      return;
    }
    setText(button, t("transfer.copied"));
    announce(t("transfer.was-copied", { what: label }));
    clearTimeout(timer);
    timer = setTimeout(() => setText(button, t("transfer.copy")), 2000);
  });
  return {
    root: element(
      "div",
      { class: "copy-row", "data-row": name },
      element("dt", {}, t(`transfer.${name}`)),
      element("dd", {}, value, button),
    ),
    show(shown, text) {
      setText(value, shown);
      copied = text;
      button.setAttribute("aria-label", `${t("transfer.copy")} ${t(`transfer.${name}`)}`);
    },
  };
}

function returnedText({ amount_fen: fen, status }) {
  return t(status === "confirmed" ? "transfer.returned" : "transfer.to-return", { amount: yuan(fen) });
}

/** What has arrived and what is sent back, a line each. */
function linesOf({ arrived, returned }) {
  return [
    ...arrived.map((one) => t("transfer.arrived", { amount: yuan(one.amount_fen), date: one.value_date })),
    ...returned.map(returnedText),
  ];
}

/** {root, show(award)}: what of the card is about transfers; hidden where none are offered and none came. */
export function transferPart(announce) {
  const rows = new Map();
  let known = 0;
  const list = element("dl", { class: "copy-rows" });
  const how = element("p", { class: "soft" }, t("transfer.how"));
  const came = element("ul", { class: "came numbers" });
  const sum = element("p", { class: "sum numbers" });
  const extended = element("p", { class: "notice good" });
  const summary = element("summary", {}, t("transfer.title"));
  const root = element("details", { class: "transfer", hidden: true }, summary, how, list, sum, came, extended);

  function showRows(transfer) {
    for (const [name, shown, text] of rowsOf(transfer)) {
      if (!rows.has(name)) {
        rows.set(name, copyRow(name, announce));
        list.append(rows.get(name).root);
      }
      rows.get(name).show(shown, text);
    }
  }

  return {
    root,
    show({ status, transfer }) {
      const isDue = status === "due";
      const pays = isDue && transfer.account !== null && transfer.missing_fen > 0;
      root.hidden = !pays && transfer.arrived.length === 0;
      how.hidden = !pays;
      list.hidden = !pays;
      if (pays) showRows(transfer);
      const facts = { arrived: yuan(transfer.arrived_fen), missing: yuan(transfer.missing_fen) };
      sum.hidden = transfer.arrived.length === 0;
      setText(sum, t(isDue ? "transfer.sum" : "transfer.sum-over", facts));
      const lines = linesOf(transfer);
      // what has come, or goes back, is seen without being looked for
      if (lines.length > known) root.open = true;
      known = lines.length;
      if (came.textContent !== lines.join("")) came.replaceChildren(...lines.map((words) => element("li", {}, words)));
      const until = isDue ? transfer.extended_until_ms : null;
      extended.hidden = until === null;
      setText(extended, until === null ? "" : t("transfer.extended", { when: dateTime(until) }));
    },
  };
}
