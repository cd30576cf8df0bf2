// Rows of the bank's view: a receipt with what it pays or may pay, and a receipt that is sent back.

import { element, setText } from "../shared/element.js";
import { t } from "../shared/i18n.js";
import { yuan } from "../shared/money.js";
import { shortDateTime } from "../shared/staff_text.js";
import { nameOf } from "./settlement_text.js";

const RECEIPT_TONES = { waiting: "warn", unmatched: "bad", part: "warn", matched: "good", returned: "" };
const TRANSFER_TONES = { asked: "warn", sent: "info", confirmed: "good", failed: "bad" };

/** Where a receipt is, in a word. */
export function receiptState(receipt) {
  if (receipt.status === "waiting") return "waiting";
  if (receipt.unmatched_fen > 0) return receipt.matched_fen > 0 ? "part" : "unmatched";
  return receipt.matched_fen > 0 ? "matched" : "returned";
}

/** The award that a receipt may pay, as a sentence. */
export function proposalText(proposal) {
  return t(`bank.proposed.${proposal.status === "due" ? proposal.by : "over"}`, {
    title: proposal.title,
    paddle: proposal.paddle,
    bidder: nameOf(proposal.bidder),
    reference: proposal.payment_reference,
    missing: yuan(proposal.missing_fen),
    state: t(`award.${proposal.status}`),
  });
}

const lotLink = (lotId, words) => element("a", { href: `#lot=${encodeURIComponent(lotId)}` }, words);

function partLine(part) {
  return element("li", {}, lotLink(part.lot_id, part.title), ` ¥${yuan(part.amount_fen)}`);
}

/** A row of a list: title, amount, badge, facts, what else there is, and the buttons of whoever may act. */
function frame(kind) {
  const parts = {
    title: element("span", { class: "who" }),
    amount: element("span", { class: "amount numbers" }),
    badge: element("span", { class: "badge" }),
    facts: element("p", { class: "soft numbers" }),
    remittance: element("p", { class: "remittance" }),
    more: element("div", { class: "more" }),
    buttons: element("div", { class: "row-actions" }),
  };
  parts.root = element(
    "li",
    { class: `bank-row ${kind}` },
    element("span", { class: "head" }, parts.title, parts.badge, parts.amount),
    parts.facts,
    parts.remittance,
    parts.more,
    parts.buttons,
  );
  return parts;
}

function buttonsOf(names, tone, words, act) {
  return names.map((name) =>
    element(
      "button",
      { class: `button small ${tone(name)}`.trim(), type: "button", "data-act": name, onclick: () => act(name) },
      t(words(name)),
    ),
  );
}

/** Put new children in a place only where they say something else: what is pressed meanwhile stays. */
function refill(host, key, children) {
  if (host.dataset.shows === key) return;
  host.dataset.shows = key;
  host.replaceChildren(...children());
}

/** A receipt; `act(name, receipt)` is called for what finance does about it. */
export function receiptRow(who, act) {
  const parts = frame("receipt");
  let newest = null;
  return {
    root: parts.root,
    show(receipt) {
      newest = receipt;
      const state = receiptState(receipt);
      parts.root.dataset.state = state;
      parts.root.dataset.reference = receipt.bank_reference;
      setText(parts.title, receipt.payer_name);
      setText(parts.amount, `¥${yuan(receipt.amount_fen)}`);
      setText(parts.badge, t(`bank.receipt.${state}`, { left: yuan(receipt.unmatched_fen) }));
      parts.badge.dataset.tone = RECEIPT_TONES[state];
      const told = [receipt.value_date, receipt.bank_reference, receipt.payer_account, receipt.source];
      setText(parts.facts, told.filter(Boolean).join(" · "));
      setText(parts.remittance, receipt.remittance);
      parts.remittance.hidden = !receipt.remittance;
      refill(parts.more, JSON.stringify([receipt.parts, receipt.proposal, receipt.approval]), () => [
        ...(receipt.approval
          ? [
              element(
                "p",
                { class: "notice warn" },
                t("bank.waiting", {
                  by: nameOf(receipt.approval.asked_by),
                  until: shortDateTime(receipt.approval.expires_at_ms),
                }),
              ),
            ]
          : []),
        ...(receipt.parts.length ? [element("ul", { class: "parts numbers" }, receipt.parts.map(partLine))] : []),
        ...(receipt.proposal ? [element("p", { class: "proposal" }, proposalText(receipt.proposal))] : []),
      ]);
      const names = who.role === "finance" ? possible(receipt, who) : [];
      refill(parts.buttons, names.join(), () =>
        buttonsOf(
          names,
          (name) => (name === "return" ? "" : "main"),
          (name) => `bank.act.${name}`,
          (name) => act(name, newest),
        ),
      );
    },
  };
}

function possible(receipt, who) {
  if (receipt.status === "waiting") return receipt.approval?.asked_by === who.subject ? [] : ["agree"];
  return receipt.unmatched_fen > 0 ? ["match", "return"] : [];
}

const NEXT = { asked: ["send"], failed: ["send"], sent: ["confirm", "fail"], confirmed: [] };

/** A receipt that is sent back; `act(name, transfer)` is called for what finance does about it. */
export function transferRow(who, act) {
  const parts = frame("transfer-back");
  let newest = null;
  return {
    root: parts.root,
    show(transfer) {
      newest = transfer;
      parts.root.dataset.state = transfer.status;
      parts.root.dataset.transfer = transfer.transfer_id;
      setText(parts.title, transfer.payee_name);
      setText(parts.amount, `¥${yuan(transfer.amount_fen)}`);
      setText(parts.badge, t(`bank.transfer.${transfer.status}`));
      parts.badge.dataset.tone = TRANSFER_TONES[transfer.status];
      const told = [
        transfer.payee_account || t("bank.no-account"),
        transfer.bank_reference ? `${transfer.value_date} ${transfer.bank_reference}` : "",
        shortDateTime(transfer.resolved_at_ms ?? transfer.sent_at_ms ?? transfer.asked_at_ms),
      ];
      setText(parts.facts, told.filter(Boolean).join(" · "));
      setText(parts.remittance, transfer.status === "failed" ? t("bank.refused", { why: transfer.failure }) : "");
      parts.remittance.hidden = !parts.remittance.textContent;
      const { approval } = transfer;
      refill(parts.more, JSON.stringify([transfer.why, transfer.reason, approval]), () => [
        element(
          "p",
          { class: "proposal" },
          t(`bank.why.${transfer.why}`),
          ...(transfer.lot_id ? [" ", lotLink(transfer.lot_id, transfer.title)] : []),
          ...(transfer.reason ? [" ", element("q", {}, transfer.reason)] : []),
        ),
        ...(approval
          ? [
              element(
                "p",
                { class: "notice warn" },
                t("bank.send-waiting", { by: nameOf(approval.asked_by), until: shortDateTime(approval.expires_at_ms) }),
              ),
            ]
          : []),
      ]);
      const isOwn = approval?.asked_by === who.subject;
      const names = who.role === "finance" && !isOwn ? NEXT[transfer.status] : [];
      refill(parts.buttons, `${names.join()} ${approval ? "agree" : ""}`, () =>
        buttonsOf(
          names,
          (name) => (name === "fail" ? "" : "main"),
          (name) => (name === "send" && approval ? "bank.act.agree-send" : `bank.act.${name}`),
          (name) => act(name, newest),
        ),
      );
    },
  };
}
