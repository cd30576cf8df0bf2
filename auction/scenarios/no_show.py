"""The no-show scenario, from the opening of the lot to the waterfall: its steps in order, and their results.

The winner does not pay. The award becomes a default and the deposit is forfeited; the lot goes to a runner-up who
accepts, or is resold at its list price; then the waterfall divides the deposit, and the terms say whether the rest is
claimed from the defaulter. In the ending `pays` the winner pays after all, by bank transfers.
"""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from auction.books import journal
from auction.books.defaults import Default
from auction.books.settlements import Award, Offer
from auction.demo.fixtures import LIST_PRICE_FEN, YUAN
from auction.domain.accounts import JournalAccount
from auction.domain.errors import AuctionError, ProblemCode, RequestRefused
from auction.domain.states import SettlementState
from auction.domain.terms import Bidding, Terms
from auction.domain.terms_reader import merge_terms, read_terms
from auction.domain.waterfall import Split, claim_fen
from auction.presets import load_preset
from auction.scenarios.bidders import STAFF, BiddingResult, LotBidders
from auction.scenarios.harness import ScenarioHarness
from auction.scenarios.price_path import (
    FOUR_HOURS_MS,
    LAUNCH_DAY,
    RECORD_BIDS,
    RESALE,
    BidderProfile,
    bidder_profiles,
    planned_bids,
)
from auction.scenarios.transfers import TransferPayment, pay_by_transfers
from auction.services.catalogue import lots
from auction.services.settlement.award_payment import choose_centre, pay_award
from auction.services.settlement.handover import confirm_handover
from auction.services.settlement.runner_up_offers import accept_offer, decline_offer
from auction.services.verification.money_checks import MoneyCheck, check_money
from auction.services.verification.verdicts import Verdict, verify_sale

TITLE = "No. 001 首发限量版 · Launch edition"
FROM_ONE_YUAN = {
    "start_price_fen": 1 * YUAN,
    "reserve_fen": None,
    "increments": [{"from_fen": 0, "step_fen": 1 * YUAN}],
}
RESALE_BIDS = 300
ANSWER_MS = 3_600_000
"""How long a runner-up takes to answer an offer, and a buyer to pay."""
FINANCE = "finance"
HAMMER, DEFAULTED, BOUGHT, END = "hammer", "default", "bought", "end"
BALANCE_TIMES = (HAMMER, DEFAULTED, BOUGHT, END)
"""When the journal's balances are read: after the award, after the default, after the payment, at the end."""


@dataclass(frozen=True, slots=True)
class Resale:
    """The relisted lot, and how the defaulter's registration for it was answered."""

    lot_id: str
    price_fen: int
    paddle: int
    bids: int
    defaulter: str
    """The code with which the defaulter was refused."""


@dataclass(slots=True)
class NoShow:
    """The results under one preset; amounts in fen."""

    preset: str
    terms: Terms
    lot_ids: list[str] = field(default_factory=list)
    bidding: BiddingResult = field(default_factory=lambda: BiddingResult(0))
    bidders: int = 0
    held_fen: int = 0
    """The sum of all deposits held when the lot closed."""
    award: Award | None = None
    forfeited_fen: int = 0
    default: Default | None = None
    offers: Sequence[Offer] = ()
    resale: Resale | None = None
    bought: Award | None = None
    """The award that was paid, by a runner-up or at the resale."""
    payment: TransferPayment | None = None
    """How the winner paid, where they did."""
    seller_fen: int = 0
    balances: dict[str, Mapping[JournalAccount, int]] = field(default_factory=dict)
    """The journal's balances for these lots at each of BALANCE_TIMES, debit above 0."""
    money: Sequence[MoneyCheck] = ()
    verdict: Verdict = field(default_factory=Verdict)
    seconds: float = 0.0

    @property
    def sound(self) -> bool:
        """Whether every promise and every rule of money holds, and the bank's books agree with the journal."""
        agrees = self.payment is None or self.payment.agrees
        return agrees and not self.verdict.breaches and not any(rule.broken for rule in self.money)

    @property
    def split(self) -> Split | None:
        """How the waterfall divided the forfeited deposit."""
        return None if self.default is None or self.default.split is None else Split(**self.default.split)

    @property
    def claim_under_shortfall_fen(self) -> int:
        """What would be claimed if the terms made the defaulter liable for the whole shortfall."""
        if self.split is None or self.award is None:
            return 0
        return claim_fen(self.split, liability="shortfall", percent_bps=None, hammer_price_fen=self.award.price_fen)


def terms_of(preset: str) -> Terms:
    """The terms of the sale under a preset, from 1 yuan. Raises NotFound, RequestRefused (proxy bidding)."""
    terms = read_terms(merge_terms(load_preset(preset, LIST_PRICE_FEN), FROM_ONE_YUAN))
    if terms.bidding is not Bidding.DIRECT:
        raise RequestRefused(
            ProblemCode.TERMS_INVALID,
            f"The no-show needs a preset with direct bidding, such as jd-flash or guarded-flash; {preset} has proxy "
            "bidding.",
        )
    return terms


async def run_no_show(
    harness: ScenarioHarness, preset: str, *, seed: int, bids: int = RECORD_BIDS, pays: bool = False
) -> NoShow:
    """Run the scenario under a preset; `pays`: with the ending in which the winner pays."""
    started_s = time.monotonic()
    result = NoShow(preset, terms_of(preset))
    # the same bidders and path under every preset
    rng = random.Random(seed)  # noqa: S311 - a repeatable run, no secret
    profiles = bidder_profiles(preset, rng)
    plan = planned_bids(LAUNCH_DAY, bids, rng)
    sale = await lots.create_sale(harness.context, title=f"Launch day under {preset}", actor=STAFF, sale_id=preset)
    view = await lots.create_lot(
        harness.context,
        sale_id=sale.sale_id,
        title=TITLE,
        actor=STAFF,
        list_price_fen=LIST_PRICE_FEN,
        preset=preset,
        terms=FROM_ONE_YUAN,
    )
    lot_id = view.record.lot_id
    result.lot_ids.append(lot_id)
    bidders = LotBidders(harness.context, lot_id, result.terms, within_budget=False, rng=rng, number=1)
    await lots.open_lot(harness.context, lot_id, duration_ms=FOUR_HOURS_MS, actor=STAFF)
    for profile in profiles:
        await bidders.register(profile)
    result.bidders = len(bidders.paddles)
    result.bidding = await bidders.follow(plan)
    result.held_fen = bidders.held_fen()
    await _close(harness, result, lot_id)
    if pays:
        await _pay(harness, result, lot_id)
    else:
        await _default(harness, result, lot_id)
        await _answer_offers(harness, result, lot_id, profiles)
        await _resell(harness, result, lot_id, profiles, rng)
        await _resolve(harness, result)
    await _read_results(harness, result, sale.sale_id)
    result.seconds = time.monotonic() - started_s
    return result


async def _close(harness: ScenarioHarness, result: NoShow, lot_id: str) -> None:
    """Close the lot, and advance the clock by the four hours that its bids stand for."""
    await lots.close_lot(harness.context, lot_id, reason="the four hours are over", actor=STAFF)
    await harness.pass_time(FOUR_HOURS_MS)
    result.award = (await harness.settlement(lot_id)).awards[0]
    await _record_balances(harness, result, HAMMER)


async def _pay(harness: ScenarioHarness, result: NoShow, lot_id: str) -> None:
    """The winner pays by transfers and collects the car."""
    award = (await harness.settlement(lot_id)).awards[0]
    result.payment = await pay_by_transfers(harness, award)
    await _record_balances(harness, result, BOUGHT)
    result.bought = await _hand_over(harness, award)


async def _default(harness: ScenarioHarness, result: NoShow, lot_id: str) -> None:
    """Let the payment window and the grace pass without a payment, and the time to decide without a decision."""
    settlement = result.terms.settlement
    await harness.pass_time(settlement.payment_window_ms + settlement.grace_ms)
    (default,) = (await harness.settlement(lot_id)).defaults
    result.forfeited_fen = default.forfeited_fen
    await _record_balances(harness, result, DEFAULTED)
    await harness.pass_time(settlement.decision_window_ms)


async def _answer_offers(
    harness: ScenarioHarness, result: NoShow, lot_id: str, profiles: Sequence[BidderProfile]
) -> None:
    """Each runner-up accepts an offer within their budget and declines any other."""
    budgets = {profile.bidder_id: profile.budget_fen for profile in profiles}
    while (detail := await harness.settlement(lot_id)).row.settlement.state == SettlementState.OFFERED:
        offer = detail.offers[-1]
        await harness.pass_time(min(ANSWER_MS, (offer.expires_at_ms - harness.clock.ms) // 2))
        if offer.price_fen <= budgets[offer.bidder_id]:
            award = await accept_offer(harness.context, offer.offer_id, bidder_id=offer.bidder_id)
            result.bought = await _buy(harness, result, award)
        else:
            await decline_offer(harness.context, offer.offer_id, bidder_id=offer.bidder_id)
            await harness.settle()
    result.offers = detail.offers


async def _resell(
    harness: ScenarioHarness, result: NoShow, lot_id: str, profiles: Sequence[BidderProfile], rng: random.Random
) -> None:
    """Sell the relisted lot to bidders within their budgets, up to its list price; the defaulter is refused."""
    relisted = (await harness.settlement(lot_id)).row.settlement.relisted_as
    if relisted is None:
        return
    result.lot_ids.append(relisted)
    await lots.open_lot(harness.context, relisted, duration_ms=FOUR_HOURS_MS, actor=STAFF)
    bidders = LotBidders(harness.context, relisted, result.terms, within_budget=True, rng=rng, number=2)
    defaulter_code = "nobody"
    for profile in profiles:
        try:
            await bidders.register(profile)
        except AuctionError as refused:
            if result.award is None or profile.bidder_id != result.award.bidder_id:
                raise
            defaulter_code = str(refused.code)
    bidding = await bidders.follow(planned_bids(RESALE, RESALE_BIDS, rng))
    await lots.close_lot(harness.context, relisted, reason="the resale is over", actor=STAFF)
    await harness.pass_time(FOUR_HOURS_MS)
    award = (await harness.settlement(relisted)).awards[0]
    result.resale = Resale(relisted, award.price_fen, award.paddle, bidding.accepted, defaulter_code)
    result.bought = await _buy(harness, result, award)


async def _buy(harness: ScenarioHarness, result: NoShow, award: Award) -> Award:
    """Let the buyer pay, choose a delivery centre and take the car; the seller is paid then."""
    context = harness.context
    await harness.pass_time(min(ANSWER_MS, (award.pay_by_ms - harness.clock.ms) // 2))
    await pay_award(context, award.award_id, bidder_id=award.bidder_id, key=f"pay-{award.award_id}")
    await _record_balances(harness, result, BOUGHT)
    await harness.settle()
    return await _hand_over(harness, award)


async def _hand_over(harness: ScenarioHarness, award: Award) -> Award:
    """The buyer chooses a delivery centre and takes the car. The award."""
    context = harness.context
    await choose_centre(
        context, award.award_id, bidder_id=award.bidder_id, delivery_centre=context.money.delivery_centres[0]
    )
    bought = await confirm_handover(context, award.lot_id, actor=FINANCE)
    await harness.settle()
    return bought


async def _resolve(harness: ScenarioHarness, result: NoShow) -> None:
    """Let the waterfall run where it has not."""
    if (await harness.settlement(result.lot_ids[0])).defaults[0].status != "resolved":
        # not resold: the waterfall runs when the terms' time for a resale is over
        await harness.pass_time(result.terms.settlement.resale_window_ms)
    result.default = (await harness.settlement(result.lot_ids[0])).defaults[0]


async def _read_results(harness: ScenarioHarness, result: NoShow, sale_id: str) -> None:
    """Read the journal at the end, and verify the record and the rules of money."""
    await _record_balances(harness, result, END)
    async with harness.context.books.reading() as tx:
        for lot_id in result.lot_ids:
            for entry in await journal.entries_of(tx, lot_id=lot_id):
                if entry.kind == "seller-paid":
                    result.seller_fen -= sum(
                        line.amount_fen for line in entry.lines if line.account is JournalAccount.CASH
                    )
    result.verdict = await verify_sale(harness.context, sale_id)
    result.money = await check_money(harness.context)


async def _record_balances(harness: ScenarioHarness, result: NoShow, when: str) -> None:
    found: dict[JournalAccount, int] = {}
    async with harness.context.books.reading() as tx:
        for lot_id in result.lot_ids:
            for account, fen in (await journal.balances(tx, lot_id=lot_id)).items():
                found[account] = found.get(account, 0) + fen
    result.balances[when] = found
