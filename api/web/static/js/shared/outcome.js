// What the end of a lot means to whoever looks at it: one table for the lot, sales and account pages.

const SALE_STAGES = ["awarded", "paid", "settled", "defaulted", "offered", "relisted", "unsold"];
const BUYER_STAGES = { due: "awarded", paid: "paid", settled: "settled" };
const STAGES_OPEN_TO_RUNNERS_UP = ["sold", "awarded", "defaulted", "offered"];
const FINAL_STAGES = ["settled", "relisted", "void"];
const DEPOSITS_IN_MOTION = ["held", "releasing"];

/**
 * Where an ended lot stands: sold (the award is not made yet), awarded, paid, settled, defaulted, offered, relisted,
 * unsold, no-bids, reserve-unmet or void; null while bidding is not over.
 */
export function stageOf({ status, outcome, settlement }) {
  if (status === "void" || settlement === "void") return "void";
  if (status !== "closed") return null;
  const unsold = settlement === "unsold" || !settlement;
  if (unsold && (outcome === "no-bids" || outcome === "reserve-unmet")) return outcome;
  return SALE_STAGES.includes(settlement) ? settlement : "sold";
}

/**
 * Who is looking: buyer (holds the award in force, or led when the lot was sold), runner-up-buyer (bought through an
 * offer), defaulter, offered (has an offer to answer), highest-bidder (led below the reserve), bidder (registered, did
 * not win) or watcher.
 */
function viewerOf(stage, lot) {
  const { leader, my_paddle: paddle, my_award_status: award, my_award_source: source, my_offer_status: offer } = lot;
  if (stage === "void") return paddle ? "bidder" : "watcher";
  if (award in BUYER_STAGES) return source === "offer" ? "runner-up-buyer" : "buyer";
  if (award === "defaulted") return "defaulter";
  if (offer === "open" && stage === "offered") return "offered";
  if (!paddle) return "watcher";
  if (paddle === leader && stage === "sold") return "buyer";
  if (paddle === leader && stage === "reserve-unmet") return "highest-bidder";
  return "bidder";
}

/** The sentence about the viewer's own deposit; null where there is nothing to say. */
function depositText(stage, viewer, { my_deposit_status: deposit, terms }) {
  if (viewer === "defaulter") return ["held", "forfeited"].includes(deposit) ? "outcome.deposit.forfeited" : null;
  if (!["bidder", "highest-bidder"].includes(viewer)) return null;
  if (deposit === "held") {
    if (terms?.deposit?.policy === "purse") return "outcome.deposit.purse";
    return STAGES_OPEN_TO_RUNNERS_UP.includes(stage) ? "outcome.deposit.kept" : "outcome.deposit.to-return";
  }
  return ["releasing", "released"].includes(deposit) ? `outcome.deposit.${deposit}` : null;
}

const TITLES = {
  buyer: "outcome.title.won",
  "runner-up-buyer": "outcome.title.bought",
  defaulter: "outcome.title.not-paid-by-you",
  offered: "outcome.title.offered-to-you",
};
const BADGES = {
  buyer: "won",
  "runner-up-buyer": "won",
  defaulter: "not-paid",
  offered: "offered",
  bidder: "not-won",
};
const STAGE_BADGES = { void: "void", "no-bids": "not-sold", "reserve-unmet": "not-sold" };
const TONES = {
  buyer: "good",
  "runner-up-buyer": "good",
  defaulter: "bad",
  offered: "warn",
};
const ACTIONS = { awarded: "pay", paid: "collect", settled: "view", sold: null };

function sentencesOf(stage, viewer, { terms }) {
  if (viewer === "buyer" || viewer === "runner-up-buyer") {
    const free = stage === "awarded" && terms?.deposit?.policy === "none" ? "-free" : "";
    return [`outcome.${viewer}`, `outcome.your-award.${stage}${free}`];
  }
  if (viewer === "defaulter") return ["outcome.defaulter"];
  if (viewer === "offered") return ["outcome.offered-to-you"];
  if (viewer === "highest-bidder") return ["outcome.highest-bidder"];
  const lost = viewer === "bidder" && !["void", "no-bids"].includes(stage);
  return [...(lost ? ["outcome.not-won"] : []), `outcome.lot.${stage}`];
}

/**
 * What to say of an ended lot, as names of texts; null while bidding is not over.
 *
 * Takes a lot as `GET /lots/{lot_id}` gives it: `status`, `outcome`, `settlement`, `price_fen`, `leader`, `award_paddle`,
 * `award_price_fen`, `terms`, and for a signed-in bidder `my_paddle`, `my_award_status`, `my_award_source`,
 * `my_offer_status` and `my_deposit_status`.
 * Gives `viewer`, `stage`, `title`, `sentences` and a short `badge` (names of texts that take {paddle} and {price}), the
 * buyer's `paddle` and `priceFen`, `action` (pay, answer, collect, view or null), `tone` (good, warn, bad or "") and `isFinal` (whether
 * it can still change).
 */
export function outcomeOf(lot) {
  const lotStage = stageOf(lot);
  if (lotStage === null) return null;
  const viewer = viewerOf(lotStage, lot);
  const isBuyer = viewer === "buyer" || viewer === "runner-up-buyer";
  const stage = isBuyer ? (BUYER_STAGES[lot.my_award_status] ?? lotStage) : lotStage;
  const deposit = depositText(lotStage, viewer, lot);
  return {
    viewer,
    stage,
    title: TITLES[viewer] ?? `outcome.title.${stage}`,
    badge: `outcome.badge.${STAGE_BADGES[stage] ?? BADGES[viewer] ?? "not-won"}`,
    sentences: [...sentencesOf(stage, viewer, lot), ...(deposit ? [deposit] : [])],
    paddle: lot.award_paddle ?? lot.leader ?? null,
    priceFen: lot.award_price_fen ?? lot.price_fen,
    action: isBuyer ? ACTIONS[stage] : viewer === "offered" ? "answer" : null,
    tone: stage === "void" ? "bad" : (TONES[viewer] ?? ""),
    isFinal: FINAL_STAGES.includes(lotStage) && !DEPOSITS_IN_MOTION.includes(lot.my_deposit_status),
  };
}
