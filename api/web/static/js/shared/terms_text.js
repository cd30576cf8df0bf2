// A lot's terms in words, for the people who agree to them.

import { element } from "./element.js";
import { language, t } from "./i18n.js";
import { yuanShort } from "./money.js";

const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
];

/** A duration in the largest unit of which it is a whole number, such as "30 days" or "5 minutes"; else in seconds. */
export function roundDurationText(ms) {
  const [unit, unitMs] = UNITS.find(([, size]) => ms % size === 0) ?? UNITS.at(-1);
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(ms / unitMs);
}

function steps(terms) {
  const bands = terms.increments;
  if (bands.length === 1) return `¥${yuanShort(bands[0].step_fen)}`;
  return bands
    .map((band) => t("terms.band", { from: yuanShort(band.from_fen), step: yuanShort(band.step_fen) }))
    .join("; ");
}

/** The least deposit with which a bidder may bid, in words. */
export function leastDepositText(deposit) {
  if (deposit.policy !== "ladder") return depositText(deposit);
  return t("terms.ladder-from", { deposit: yuanShort(deposit.bands[0].deposit_fen) });
}

/** The deposit a bidder is asked for, in words; each band of a ladder on a line of its own. */
export function depositText(deposit) {
  if (deposit.policy === "flat") return `¥${yuanShort(deposit.amount_fen)}`;
  if (deposit.policy === "purse") {
    return t("terms.purse", { amount: yuanShort(deposit.amount_fen), times: deposit.multiplier });
  }
  if (deposit.policy === "ladder") {
    return deposit.bands
      .map((band) =>
        t(band.limit_fen === null ? "terms.ladder-open" : "terms.ladder", {
          deposit: yuanShort(band.deposit_fen),
          limit: band.limit_fen === null ? "" : yuanShort(band.limit_fen),
        }),
      )
      .join("\n");
  }
  return t("terms.no-deposit");
}

/** Who is asked after a default, at which price and down to which. */
function runnersUp({ cascade }) {
  const offer = t(`terms.runners-up.${cascade.price}`, { who: t(`terms.runner.${cascade.depth}`) });
  const floors = [];
  if (cascade.floor_percent) floors.push(t("terms.floor-percent", { n: cascade.floor_percent }));
  if (cascade.floor_fen) floors.push(`¥${yuanShort(cascade.floor_fen)}`);
  return floors.length ? t("terms.floor", { offer, floor: floors.join(t("terms.floor-and")) }) : offer;
}

/** What a forfeited deposit pays, in order. */
function waterfall(settlement) {
  const cost = settlement.reauction_cost_fen;
  const steps = settlement.waterfall.map((step) =>
    step === "cost" && cost ? t("terms.waterfall.cost-of", { cost: yuanShort(cost) }) : t(`terms.waterfall.${step}`),
  );
  return t(`terms.waterfall-rest.${settlement.rest_to}`, { steps: steps.join(t("terms.waterfall-then")) });
}

function feeText(feeBps) {
  return feeBps ? t("terms.fee-percent", { n: feeBps / 100 }) : t("terms.none");
}

/** Whether there is a reserve and whether it is met; the amount is never public. */
function reserveText({ terms, reserve_met: isMet }) {
  if (isMet === true) return t("terms.reserve-met");
  if (isMet === false) return t("terms.reserve-unmet");
  return t(terms.reserve_fen ? "terms.reserve-hidden" : "terms.reserve-none");
}

function maxJump({ steps: increments, percent, fen }) {
  return [
    increments && t("terms.jump-steps", { n: increments }),
    percent && t("terms.jump-percent", { n: percent }),
    fen && `¥${yuanShort(fen)}`,
  ]
    .filter(Boolean)
    .join(t("terms.or"));
}

/** How bidding goes: [[name of the term, text]]. */
function biddingRows(lot) {
  const { terms } = lot;
  const { soft_close: soft } = terms;
  const extension = soft && {
    window: roundDurationText(soft.window_ms),
    extension: roundDurationText(soft.extension_ms),
  };
  return [
    ["bidding", t(`terms.${terms.bidding}`)],
    ["auto-bids", terms.auto_bids && t("terms.auto-bids-on")],
    ["start", `¥${yuanShort(terms.start_price_fen)}`],
    ["step", steps(terms)],
    ["cap", terms.cap_fen && `¥${yuanShort(terms.cap_fen)}`],
    ["reserve", reserveText(lot)],
    ["jump", terms.max_jump && maxJump(terms.max_jump)],
    ["soft-close", soft ? t("terms.soft", extension) : t("terms.no-soft")],
    ["hard-stop", soft && (soft.hard_stop_ms ? roundDurationText(soft.hard_stop_ms) : t("terms.hard-stop-none"))],
    ["review", terms.review_above_fen && t("terms.review-at", { amount: yuanShort(terms.review_above_fen) })],
  ];
}

/** Until when a paid lot is fetched, and what each day later costs. */
function collectionText({ handover_window_ms: windowMs, storage_fee_fen: feeFen }) {
  const facts = { window: roundDurationText(windowMs), fee: yuanShort(feeFen) };
  return t(feeFen ? "terms.collection-fee" : "terms.collection-within", facts);
}

/** What follows the end of bidding: [[name of the term, text]]. */
function settlementRows({ deposit, settlement }) {
  const hasDeposit = deposit.policy !== "none";
  const percent = (settlement.percent_bps ?? 0) / 100;
  const within = { window: roundDurationText(settlement.resale_window_ms) };
  return [
    ["deposit", depositText(deposit)],
    ["fee", feeText(settlement.buyer_fee_bps)],
    ["payment", roundDurationText(settlement.payment_window_ms)],
    ["grace", settlement.grace_ms ? roundDurationText(settlement.grace_ms) : t("terms.none")],
    [
      "cure",
      hasDeposit && settlement.cure_ms && t("terms.cure-within", { window: roundDurationText(settlement.cure_ms) }),
    ],
    ["collection", collectionText(settlement)],
    ["liability", t(`terms.liability.${settlement.default_liability}`, { percent })],
    ["waterfall", hasDeposit && waterfall(settlement)],
    ["resale", hasDeposit && t("terms.resale-within", within)],
    ["runners-up", settlement.cascade.depth && runnersUp(settlement)],
  ];
}

/**
 * Fill a definition list with a lot's terms. `lot` is a lot, or `{ terms }` of one that is not entered yet;
 * `twoPersons`: whether acts that change who wins need two members of staff, where that is known.
 */
export function showTerms(host, lot, { twoPersons = null } = {}) {
  const staff = twoPersons === null ? "" : t(twoPersons ? "terms.staff-two" : "terms.staff-one");
  const rows = [...biddingRows(lot), ...settlementRows(lot.terms), ["staff", staff]].filter(([, text]) => text);
  host.replaceChildren(
    ...rows.flatMap(([name, text]) => [
      element("dt", {}, t(`terms.${name}`)),
      element("dd", { "data-term": name }, text),
    ]),
  );
}
