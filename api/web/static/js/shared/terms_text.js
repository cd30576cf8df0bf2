// A lot's terms in words, for the people who agree to them.

import { element } from "./element.js";
import { t } from "./i18n.js";
import { yuanShort } from "./money.js";

/** Minutes, hours or days, whichever says it shortest. */
export function roundDurationText(ms) {
  if (ms % 86_400_000 === 0) return t("terms.days", { n: ms / 86_400_000 });
  if (ms % 3_600_000 === 0) return t("terms.hours", { n: ms / 3_600_000 });
  if (ms % 60_000 === 0) return t("terms.minutes", { n: ms / 60_000 });
  return t("terms.seconds", { n: ms / 1000 });
}

function steps(terms) {
  const bands = terms.increments;
  if (bands.length === 1) return `¥${yuanShort(bands[0].step_fen)}`;
  return bands
    .map((band) => t("terms.band", { from: yuanShort(band.from_fen), step: yuanShort(band.step_fen) }))
    .join("; ");
}

/** The deposit a bidder is asked for, in words. */
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
      .join("; ");
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

/** Fill a definition list with a lot's terms. `lot` is a lot, or `{ terms }` of one that is not entered yet. */
export function showTerms(host, lot) {
  const { terms } = lot;
  const { settlement } = terms;
  const rows = [
    ["terms.bidding", t(`terms.${terms.bidding}`)],
    ["terms.start", `¥${yuanShort(terms.start_price_fen)}`],
    ["terms.step", steps(terms)],
  ];
  if (terms.cap_fen) rows.push(["terms.cap", `¥${yuanShort(terms.cap_fen)}`]);
  rows.push(["terms.reserve", reserveText(lot)]);
  if (terms.max_jump) {
    const parts = [];
    if (terms.max_jump.steps) parts.push(t("terms.jump-steps", { n: terms.max_jump.steps }));
    if (terms.max_jump.percent) parts.push(t("terms.jump-percent", { n: terms.max_jump.percent }));
    if (terms.max_jump.fen) parts.push(`¥${yuanShort(terms.max_jump.fen)}`);
    rows.push(["terms.jump", parts.join(t("terms.or"))]);
  }
  const soft = terms.soft_close;
  rows.push([
    "terms.soft-close",
    soft
      ? t("terms.soft", { window: roundDurationText(soft.window_ms), extension: roundDurationText(soft.extension_ms) })
      : t("terms.no-soft"),
  ]);
  if (soft) {
    rows.push([
      "terms.hard-stop",
      soft.hard_stop_ms ? roundDurationText(soft.hard_stop_ms) : t("terms.hard-stop-none"),
    ]);
  }
  if (terms.review_above_fen) {
    rows.push(["terms.review", t("terms.review-at", { amount: yuanShort(terms.review_above_fen) })]);
  }
  rows.push(["terms.deposit", depositText(terms.deposit)]);
  rows.push(["terms.fee", feeText(settlement.buyer_fee_bps)]);
  rows.push(["terms.payment", roundDurationText(settlement.payment_window_ms)]);
  rows.push(["terms.grace", settlement.grace_ms ? roundDurationText(settlement.grace_ms) : t("terms.none")]);
  rows.push([
    "terms.liability",
    t(`terms.liability.${settlement.default_liability}`, { percent: (settlement.percent_bps ?? 0) / 100 }),
  ]);
  if (terms.deposit.policy !== "none") {
    rows.push(["terms.waterfall", waterfall(settlement)]);
    rows.push(["terms.resale", t("terms.resale-within", { window: roundDurationText(settlement.resale_window_ms) })]);
  }
  if (settlement.cascade.depth) rows.push(["terms.runners-up", runnersUp(settlement)]);
  host.replaceChildren(
    ...rows.flatMap(([name, text]) => [element("dt", {}, t(name)), element("dd", { "data-term": name }, text)]),
  );
}
