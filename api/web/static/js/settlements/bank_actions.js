// What finance does about the bank: each as the dialog takes it, with its fields, its sentence, path and body.

import { amountField, dateField, reasonField, textField } from "../shared/form_fields.js";
import { t } from "../shared/i18n.js";
import { yuan } from "../shared/money.js";
import { nameOf } from "./settlement_text.js";

const VISIBLE = /^[!-~]+$/;
const field = (name, more = {}) =>
  textField(`act-${name}`, name, { label: `bank.field.${name}`, hint: false, ...more });
const reference = () => field("bank_reference", { most: 64, pattern: VISIBLE });
const valueDate = () => dateField("act-value_date", "value_date", { label: "bank.field.value_date", hint: false });
const amount = () =>
  amountField("act-amount_fen", "amount_fen", { label: "bank.field.amount", hint: false, required: true });

/** The fields of a receipt; what is optional is sent as empty text. */
function receiptFields() {
  return {
    bank_reference: reference(),
    amount_fen: amount(),
    value_date: valueDate(),
    payer_name: field("payer_name", { most: 100 }),
    payer_account: field("payer_account", { most: 40, required: false }),
    remittance: field("remittance", { most: 500, required: false }),
  };
}

const receiptBody = (values) => ({
  ...values,
  payer_account: values.payer_account ?? "",
  remittance: values.remittance ?? "",
});

const factsOf = ({ bank_reference, amount_fen, value_date, payer_name, payer_account, remittance }) => ({
  bank_reference,
  amount_fen,
  value_date,
  payer_name,
  payer_account,
  remittance,
});

const onReceipt = (receipt, verb) => `/ops/receipts/bank/${receipt.receipt_id}/${verb}`;
const onTransfer = (transfer, verb) => `/ops/transfers/${encodeURIComponent(transfer.transfer_id)}/${verb}`;

/** Each: fields, path and body, and the facts of its texts; `about` is the receipt or the transfer. */
const ACTIONS = {
  book: () => ({ fields: receiptFields(), path: "/ops/receipts/bank", body: receiptBody, facts: {} }),
  agree: (receipt) => ({
    fields: {},
    path: "/ops/receipts/bank",
    body: () => factsOf(receipt),
    facts: {
      payer: receipt.payer_name,
      amount: yuan(receipt.amount_fen),
      reference: receipt.bank_reference,
      date: receipt.value_date,
      by: nameOf(receipt.entered_by),
    },
  }),
  match(receipt) {
    const award = field("award", { most: 100 });
    if (receipt.proposal?.status === "due") award.write(receipt.proposal.payment_reference);
    return {
      fields: { award },
      path: onReceipt(receipt, "match"),
      body: (values) => values,
      facts: { payer: receipt.payer_name, left: yuan(receipt.unmatched_fen) },
    };
  },
  return(receipt) {
    const account = field("payee_account", { most: 40, required: false });
    account.write(receipt.payer_account);
    return {
      fields: { payee_account: account, reason: reasonField("act-reason") },
      path: onReceipt(receipt, "return"),
      body: (values) => ({ ...values, payee_account: values.payee_account ?? "" }),
      facts: { payer: receipt.payer_name, left: yuan(receipt.unmatched_fen) },
    };
  },
  send: (transfer) => ({
    fields: {},
    path: onTransfer(transfer, "sent"),
    body: () => (transfer.approval ? { pending_id: transfer.approval.pending_id } : {}),
    facts: payeeOf(transfer),
  }),
  confirm: (transfer) => ({
    fields: { bank_reference: reference(), value_date: valueDate() },
    path: onTransfer(transfer, "confirmed"),
    body: (values) => values,
    facts: payeeOf(transfer),
  }),
  fail: (transfer) => ({
    fields: { reason: reasonField("act-reason") },
    path: onTransfer(transfer, "failed"),
    body: (values) => values,
    facts: payeeOf(transfer),
  }),
};

const payeeOf = (transfer) => ({
  payee: transfer.payee_name,
  account: transfer.payee_account || t("bank.no-account"),
  amount: yuan(transfer.amount_fen),
});

/** What `confirmAction` needs for an action. */
export function bankAction(name, about) {
  const { fields, path, body, facts } = ACTIONS[name](about);
  return {
    title: t(`bank.${name}.title`, facts),
    confirm: t(`bank.${name}.confirm`),
    fields,
    sentence: () => t(`bank.${name}.sentence`, facts),
    path: () => path,
    body,
  };
}

/** What was done, or that it waits for a second person, for the line above the lists. */
export function bankOutcome(name, answer) {
  const waits = answer.status === "waiting" || (name === "send" && answer.status !== "sent");
  return { tone: waits ? "warn" : "good", words: t(waits ? "bank.asked" : `bank.${name}.done`) };
}
