// What finance may do with a closed lot: when, the fields asked for, the consequence in a sentence, the request.

import { amountField, choiceField, durationField, reasonField } from "../shared/form_fields.js";
import { t } from "../shared/i18n.js";
import { yuanShort } from "../shared/money.js";
import { roundDurationText } from "../shared/terms_text.js";
import { nameOf } from "./settlement_text.js";

const reasoned = () => ({ reason: reasonField("act-reason") });
const asIs = (values) => values;

function factsOf(detail) {
  const { settlement, terms, deposits } = detail;
  const lost = deposits
    .filter((one) => one.bidder_id === settlement.bidder && one.status === "held")
    .reduce((sum, one) => sum + one.amount_fen, 0);
  return {
    title: settlement.title,
    price: yuanShort(settlement.price_fen ?? settlement.hammer_price_fen ?? 0),
    paddle: settlement.paddle,
    bidder: nameOf(settlement.bidder),
    deposit: yuanShort(lost),
    claim: yuanShort(settlement.claim_fen),
    owed: yuanShort(settlement.seller_owes_fen),
    centre: settlement.delivery_centre ?? "",
    storage: yuanShort(settlement.storage_fee_fen),
    commission: `${(terms.seller_commission_bps ?? 0) / 100}%`,
    window: terms.cascade ? roundDurationText(terms.cascade.offer_window_ms) : "",
  };
}

const plain = (name) => (detail) => t(`money.sentence.${name}`, factsOf(detail));

/** Each: whether it may be done now, its tone, whether two persons must want it, fields, sentence, path and body. */
export const ACTIONS = {
  handover: {
    possible: ({ state }) => state === "paid",
    ready: ({ delivery_centre: centre }) => centre !== null,
    tone: "main",
    fields({ settlement }) {
      if (!settlement.storage_fee_fen) return {};
      const paid = amountField("act-storage", "storage_paid", { required: true, zero: true });
      paid.write(settlement.storage_fee_fen);
      return { storage_fee_paid_fen: paid, reason: reasonField("act-reason") };
    },
    sentence: (detail) =>
      `${t("money.sentence.handover", factsOf(detail))}${detail.settlement.storage_fee_fen ? t("money.sentence.storage", factsOf(detail)) : ""}`,
    path: "handover-confirmed",
    body: (values) => ("reason" in values ? values : undefined),
  },
  centre: {
    possible: ({ state, fetch_by_ms: fetchByMs, deadline_at_ms: deadline }) =>
      state === "paid" && fetchByMs !== null && deadline === null,
    tone: "",
    fields: (detail) => ({
      delivery_centre: choiceField(
        "act-centre",
        "staff_centre",
        detail.delivery_centres.map((name) => [name, name]),
      ),
      reason: reasonField("act-reason"),
    }),
    sentence: plain("centre"),
    path: "centre",
    body: asIs,
  },
  offer: {
    possible: ({ state, price_fen: price }) => state === "defaulted" || (state === "unsold" && price !== null),
    tone: "main",
    fields: () => ({}),
    sentence: plain("offer"),
    path: "offer",
    body: () => undefined,
  },
  relist: {
    possible: ({ state }) => state === "defaulted" || state === "unsold",
    tone: "",
    fields(detail) {
      const cost = amountField("act-cost", "relist_cost", { zero: true });
      cost.write(detail.terms.reauction_cost_fen ?? null);
      return { cost_fen: cost };
    },
    sentence: (detail, { cost_fen: cost }) =>
      `${t("money.sentence.relist", factsOf(detail))}${cost ? t("money.sentence.relist-cost", { cost: yuanShort(cost) }) : ""}`,
    path: "relist",
    body: ({ cost_fen: cost }) => (cost === null ? {} : { cost_fen: cost }),
  },
  extend: {
    possible: ({ state }) => state === "defaulted",
    tone: "",
    fields: () => ({
      by_ms: durationField("act-by", "decide_by", { required: true }),
      reason: reasonField("act-reason"),
    }),
    sentence: plain("extend"),
    path: "extend",
    body: asIs,
  },
  "extend-payment": {
    possible: ({ state, payment_extended: isExtended }) => state === "awarded" && !isExtended,
    tone: "",
    fields: reasoned,
    sentence: plain("extend-payment"),
    path: "extend-payment",
    body: asIs,
  },
  "seller-repaid": {
    possible: ({ seller_owes_fen: owed }) => owed > 0,
    tone: "main",
    fields: reasoned,
    sentence: plain("seller-repaid"),
    path: "seller-repaid",
    body: asIs,
  },
  default: {
    possible: ({ state }) => state === "awarded",
    tone: "danger",
    two: true,
    fields: reasoned,
    sentence: plain("default"),
    path: "default",
    body: asIs,
  },
  writeoff: {
    possible: ({ claim_fen: claim }) => claim > 0,
    tone: "danger",
    two: true,
    fields: reasoned,
    sentence: plain("writeoff"),
    path: "writeoff",
    body: asIs,
  },
  void: {
    possible: ({ state }) => ["awarded", "paid", "defaulted", "offered", "relisted", "unsold"].includes(state),
    tone: "danger",
    two: true,
    fields: reasoned,
    sentence: plain("void"),
    path: "void",
    body: asIs,
  },
};

/** The request for an action that waits for a second person, if there is one. */
export const pendingApproval = (detail, name) => detail.settlement.approvals.find((one) => one.action === name) ?? null;

/** The whole consequence: of the act itself, and of asking for it or agreeing to it. */
export function consequenceText(name, detail, values, subject) {
  const sentence = ACTIONS[name].sentence(detail, values);
  if (!ACTIONS[name].two) return sentence;
  const waiting = pendingApproval(detail, name);
  if (waiting && waiting.asked_by !== subject)
    return `${sentence}${t("money.sentence.agrees", { by: nameOf(waiting.asked_by), why: waiting.reason })}`;
  return `${sentence}${t("money.sentence.two")}`;
}
