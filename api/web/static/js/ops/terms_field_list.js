// The fields of a lot's terms: which there are, in which groups they are shown, and what each takes.

import {
  amountField,
  checkField,
  choiceField,
  durationField,
  percentField,
  wholeField,
} from "../shared/form_fields.js";
import { t } from "../shared/i18n.js";
import { amountTableField } from "./amount_table_field.js";

export const FLOOR = "settlement.cascade.floor_fen";

// every order in which a forfeited deposit may pay, as the field's values
const ORDERS = [
  "cost,gap,commission",
  "cost,commission,gap",
  "gap,cost,commission",
  "gap,commission,cost",
  "commission,cost,gap",
  "commission,gap,cost",
];

const orderWords = (order) =>
  order
    .split(",")
    .map((step) => t(`ops.waterfall.${step}`))
    .join(t("ops.waterfall.then"));

const choices = (prefix, values) => values.map((value) => [value, t(`${prefix}.${value}`)]);

/** The paths of the terms in each group of the form. */
export const FIELD_GROUPS = {
  price: ["bidding", "auto_bids", "start_price_fen", "increments", "on_grid", "reserve_fen", "cap_fen"],
  guard: ["max_jump.steps", "max_jump.percent", "max_jump.fen", "review_above_fen"],
  end: ["soft_close", "soft_close.window_ms", "soft_close.extension_ms", "soft_close.hard_stop_ms"],
  deposit: ["deposit.policy", "deposit.amount_fen", "deposit.multiplier", "deposit.bands"],
  after: [
    "settlement.payment_window_ms",
    "settlement.grace_ms",
    "settlement.cure_ms",
    "settlement.handover_window_ms",
    "settlement.storage_fee_fen",
    "settlement.buyer_fee_bps",
    "settlement.seller_commission_bps",
    "settlement.default_liability",
    "settlement.percent_bps",
    "settlement.waterfall",
    "settlement.rest_to",
    "settlement.reauction_cost_fen",
    "settlement.resale_window_ms",
    "settlement.decision_window_ms",
    "settlement.when_exhausted",
    "settlement.cascade.depth",
    "settlement.cascade.price",
    "settlement.cascade.floor_percent",
    "settlement.cascade.floor_fen",
    "settlement.cascade.offer_window_ms",
  ],
};

/** A field for each term, by its path, in the order shown; `changed(path)` gives what a table calls after a change. */
export function termsFieldList(changed) {
  const id = (path) => `term-${path.replaceAll(".", "-")}`;
  const all = [
    ["bidding", choiceField(id("bidding"), "bidding", choices("terms", ["direct", "proxy"]))],
    ["auto_bids", checkField(id("auto_bids"), "auto_bids")],
    ["start_price_fen", amountField(id("start_price_fen"), "start_price_fen", { required: true })],
    [
      "increments",
      amountTableField(
        id("increments"),
        "increments",
        { name: "from_fen", key: "from_fen", required: true, zero: true },
        { name: "step_fen", key: "step_fen", required: true },
        changed("increments"),
      ),
    ],
    ["on_grid", checkField(id("on_grid"), "on_grid")],
    ["reserve_fen", amountField(id("reserve_fen"), "reserve_fen")],
    ["cap_fen", amountField(id("cap_fen"), "cap_fen")],
    ["max_jump.steps", wholeField(id("max_jump.steps"), "jump_steps", { unit: "ops.unit.steps" })],
    ["max_jump.percent", wholeField(id("max_jump.percent"), "jump_percent", { unit: "ops.unit.percent" })],
    ["max_jump.fen", amountField(id("max_jump.fen"), "jump_fen")],
    ["review_above_fen", amountField(id("review_above_fen"), "review_above_fen")],
    ["soft_close", checkField(id("soft_close"), "soft_close")],
    ["soft_close.window_ms", durationField(id("soft_close.window_ms"), "window_ms", { required: true })],
    ["soft_close.extension_ms", durationField(id("soft_close.extension_ms"), "extension_ms", { required: true })],
    ["soft_close.hard_stop_ms", durationField(id("soft_close.hard_stop_ms"), "hard_stop_ms")],
    [
      "deposit.policy",
      choiceField(id("deposit.policy"), "policy", choices("ops.policy", ["none", "flat", "ladder", "purse"])),
    ],
    ["deposit.amount_fen", amountField(id("deposit.amount_fen"), "deposit_fen", { required: true })],
    [
      "deposit.multiplier",
      wholeField(id("deposit.multiplier"), "multiplier", { required: true, unit: "ops.unit.times" }),
    ],
    [
      "deposit.bands",
      amountTableField(
        id("deposit.bands"),
        "bands",
        { name: "band_deposit_fen", key: "deposit_fen", required: true },
        { name: "band_limit_fen", key: "limit_fen" },
        changed("deposit.bands"),
      ),
    ],
    [
      "settlement.payment_window_ms",
      durationField(id("settlement.payment_window_ms"), "payment_window_ms", { required: true }),
    ],
    ["settlement.grace_ms", durationField(id("settlement.grace_ms"), "grace_ms", { required: true })],
    ["settlement.cure_ms", durationField(id("settlement.cure_ms"), "cure_ms", { required: true })],
    [
      "settlement.handover_window_ms",
      durationField(id("settlement.handover_window_ms"), "handover_window_ms", { required: true }),
    ],
    [
      "settlement.storage_fee_fen",
      amountField(id("settlement.storage_fee_fen"), "storage_fee_fen", { required: true, zero: true }),
    ],
    ["settlement.buyer_fee_bps", percentField(id("settlement.buyer_fee_bps"), "buyer_fee_bps", { required: true })],
    [
      "settlement.seller_commission_bps",
      percentField(id("settlement.seller_commission_bps"), "seller_commission_bps", { required: true }),
    ],
    [
      "settlement.default_liability",
      choiceField(
        id("settlement.default_liability"),
        "default_liability",
        choices("terms.liability", ["deposit_only", "shortfall", "percent"]),
      ),
    ],
    ["settlement.percent_bps", percentField(id("settlement.percent_bps"), "percent_bps", { required: true })],
    [
      "settlement.waterfall",
      choiceField(
        id("settlement.waterfall"),
        "waterfall",
        ORDERS.map((order) => [order, orderWords(order)]),
      ),
    ],
    ["settlement.rest_to", choiceField(id("settlement.rest_to"), "rest_to", choices("ops.rest", ["house", "seller"]))],
    [
      "settlement.reauction_cost_fen",
      amountField(id("settlement.reauction_cost_fen"), "reauction_cost_fen", { required: true, zero: true }),
    ],
    [
      "settlement.resale_window_ms",
      durationField(id("settlement.resale_window_ms"), "resale_window_ms", { required: true }),
    ],
    [
      "settlement.decision_window_ms",
      durationField(id("settlement.decision_window_ms"), "decision_window_ms", { required: true }),
    ],
    [
      "settlement.when_exhausted",
      choiceField(id("settlement.when_exhausted"), "when_exhausted", choices("ops.exhausted", ["relist", "unsold"])),
    ],
    [
      "settlement.cascade.depth",
      choiceField(
        id("settlement.cascade.depth"),
        "depth",
        [0, 1, 2, 3].map((n) => [n, t(`ops.depth.${n}`)]),
      ),
    ],
    [
      "settlement.cascade.price",
      choiceField(id("settlement.cascade.price"), "cascade_price", choices("ops.cascade", ["clean", "own_bid"])),
    ],
    [
      "settlement.cascade.floor_percent",
      wholeField(id("settlement.cascade.floor_percent"), "floor_percent", {
        required: true,
        unit: "ops.unit.percent",
      }),
    ],
    [FLOOR, amountField(id(FLOOR), "floor_fen")],
    [
      "settlement.cascade.offer_window_ms",
      durationField(id("settlement.cascade.offer_window_ms"), "offer_window_ms", { required: true }),
    ],
  ];
  return new Map(all);
}
