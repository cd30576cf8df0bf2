// A lot's terms in words, for the people who agree to them.

import { element } from "./element.js";
import { yuanShort } from "./money.js";
import { say } from "./i18n.js";

/** Minutes, hours or days, whichever says it shortest. */
export function duration(ms) {
  if (ms % 86_400_000 === 0) return say("terms.days", { n: ms / 86_400_000 });
  if (ms % 3_600_000 === 0) return say("terms.hours", { n: ms / 3_600_000 });
  if (ms % 60_000 === 0) return say("terms.minutes", { n: ms / 60_000 });
  return say("terms.seconds", { n: ms / 1000 });
}

function steps(terms) {
  const bands = terms.increments;
  if (bands.length === 1) return `¥${yuanShort(bands[0].step_fen)}`;
  return bands
    .map((band) => say("terms.band", { from: yuanShort(band.from_fen), step: yuanShort(band.step_fen) }))
    .join("; ");
}

/** The deposit a bidder is asked for, in words. */
export function depositWords(deposit) {
  if (deposit.policy === "flat") return `¥${yuanShort(deposit.amount_fen)}`;
  if (deposit.policy === "purse") {
    return say("terms.purse", { amount: yuanShort(deposit.amount_fen), times: deposit.multiplier });
  }
  if (deposit.policy === "ladder") {
    return deposit.bands
      .map((band) =>
        say(band.limit_fen === null ? "terms.ladder-open" : "terms.ladder", {
          deposit: yuanShort(band.deposit_fen),
          limit: band.limit_fen === null ? "" : yuanShort(band.limit_fen),
        }),
      )
      .join("; ");
  }
  return say("terms.no-deposit");
}

/** Who is asked after a default, at which price and down to which. */
function runnersUp({ cascade }) {
  const offer = say(`terms.runners-up.${cascade.price}`, { who: say(`terms.runner.${cascade.depth}`) });
  const floors = [];
  if (cascade.floor_percent) floors.push(say("terms.floor-percent", { n: cascade.floor_percent }));
  if (cascade.floor_fen) floors.push(`¥${yuanShort(cascade.floor_fen)}`);
  return floors.length ? say("terms.floor", { offer, floor: floors.join(say("terms.floor-and")) }) : offer;
}

/** What a forfeited deposit pays, in order. */
function waterfall(settlement) {
  const cost = settlement.reauction_cost_fen;
  const steps = settlement.waterfall.map((step) =>
    step === "cost" && cost
      ? say("terms.waterfall.cost-of", { cost: yuanShort(cost) })
      : say(`terms.waterfall.${step}`),
  );
  return say(`terms.waterfall-rest.${settlement.rest_to}`, { steps: steps.join(say("terms.waterfall-then")) });
}

/** Fill a definition list with a lot's terms. */
export function describeTerms(host, lot) {
  const { terms } = lot;
  const rows = [
    ["terms.bidding", say(`terms.${terms.bidding}`)],
    ["terms.start", `¥${yuanShort(terms.start_price_fen)}`],
    ["terms.step", steps(terms)],
  ];
  if (terms.cap_fen) rows.push(["terms.cap", `¥${yuanShort(terms.cap_fen)}`]);
  if (terms.max_jump) {
    const parts = [];
    if (terms.max_jump.steps) parts.push(say("terms.jump-steps", { n: terms.max_jump.steps }));
    if (terms.max_jump.percent) parts.push(say("terms.jump-percent", { n: terms.max_jump.percent }));
    if (terms.max_jump.fen) parts.push(`¥${yuanShort(terms.max_jump.fen)}`);
    rows.push(["terms.jump", parts.join(say("terms.or"))]);
  }
  const soft = terms.soft_close;
  rows.push([
    "terms.soft-close",
    soft
      ? say("terms.soft", { window: duration(soft.window_ms), extension: duration(soft.extension_ms) })
      : say("terms.no-soft"),
  ]);
  rows.push(["terms.deposit", depositWords(terms.deposit)]);
  rows.push(["terms.payment", duration(terms.settlement.payment_window_ms)]);
  rows.push(["terms.liability", say(`terms.liability.${terms.settlement.default_liability}`)]);
  if (terms.deposit.policy !== "none") {
    rows.push(["terms.waterfall", waterfall(terms.settlement)]);
    rows.push(["terms.resale", say("terms.resale-within", { window: duration(terms.settlement.resale_window_ms) })]);
  }
  if (terms.settlement.cascade.depth) rows.push(["terms.runners-up", runnersUp(terms.settlement)]);
  host.replaceChildren(...rows.flatMap(([name, text]) => [element("dt", {}, say(name)), element("dd", {}, text)]));
}
