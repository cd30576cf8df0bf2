"""The no-show, from the opening of the lot to the waterfall: the moves in their order, and what they came to.

A winner is silent. Their time passes, their deposit is forfeited, the lot goes to a runner-up who consents or is sold
again at its list price; then the deposit is shared out and what it does not cover is claimed, as the terms say.
"""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from auction.books import journal
from auction.books.defaults import Default
from auction.books.settlements import Award, Offer
from auction.demo.fixtures import LIST_PRICE_FEN, YUAN
from auction.domain.errors import AuctionError, ProblemCode, RequestRefused
from auction.domain.journal import JournalAccount
from auction.domain.states import SettlementState
from auction.domain.terms import Bidding, Terms
from auction.domain.terms_reader import merge_terms, read_terms
from auction.domain.waterfall import Split, claim_fen
from auction.presets import load_preset
from auction.scenarios.bidders import STAFF, Course, ScenarioBidders
from auction.scenarios.harness import ScenarioHarness
from auction.scenarios.price_path import (
    FOUR_HOURS_MS,
    LAUNCH_DAY,
    RECORD_BIDS,
    RESALE,
    Person,
    people,
    planned_bids,
)
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
ANSWERS_AFTER_MS = 3_600_000
"""How long a runner-up thinks about an offer, and a buyer about a payment."""
FINANCE = "finance"
HAMMER, DEFAULTED, BOUGHT, END = "hammer", "default", "bought", "end"
MOMENTS = (HAMMER, DEFAULTED, BOUGHT, END)
"""When the journal is read: after the award, after the default, with the car paid for, with everything done."""


@dataclass(frozen=True, slots=True)
class Resold:
    """The lot that was sold again, and whether the defaulter was let in."""

    lot_id: str
    price_fen: int
    paddle: int
    bids: int
    defaulter: str
    """The code with which the defaulter was turned away."""


@dataclass(slots=True)
class NoShow:
    """Everything that happened under one preset; amounts in fen."""

    preset: str
    terms: Terms
    lot_ids: list[str] = field(default_factory=list)
    course: Course = field(default_factory=lambda: Course(0))
    bidders: int = 0
    held_fen: int = 0
    """What all bidders together had put down when the hammer fell."""
    award: Award | None = None
    forfeited_fen: int = 0
    default: Default | None = None
    offers: Sequence[Offer] = ()
    resold: Resold | None = None
    bought: Award | None = None
    """The award that was paid in the end, by a runner-up or at the resale."""
    seller_fen: int = 0
    balances: dict[str, Mapping[JournalAccount, int]] = field(default_factory=dict)
    """At each of MOMENTS, what stood in the journal for this sale, debit above 0."""
    money: Sequence[MoneyCheck] = ()
    verdict: Verdict = field(default_factory=Verdict)
    seconds: float = 0.0

    @property
    def sound(self) -> bool:
        """Whether every promise and every rule of money holds."""
        return not self.verdict.breaches and not any(rule.broken for rule in self.money)

    @property
    def split(self) -> Split | None:
        """How the forfeited deposit was shared out."""
        return None if self.default is None or self.default.split is None else Split(**self.default.split)

    @property
    def claim_under_shortfall_fen(self) -> int:
        """What would be claimed if the terms made a defaulter liable for the whole shortfall."""
        if self.split is None or self.award is None:
            return 0
        return claim_fen(self.split, liability="shortfall", percent_bps=None, hammer_price_fen=self.award.price_fen)


def terms_of(preset: str) -> Terms:
    """The terms of the sale under a preset: from 1 yuan. NotFound(preset-unknown), RequestRefused for proxy bidding."""
    terms = read_terms(merge_terms(load_preset(preset, LIST_PRICE_FEN), FROM_ONE_YUAN))
    if terms.bidding is not Bidding.DIRECT:
        raise RequestRefused(
            ProblemCode.TERMS_INVALID,
            f"The no-show follows the prices that people called out; under {preset} a bid is a maximum that nobody "
            "sees. Choose a preset with direct bidding, such as jd-flash or guarded-flash.",
        )
    return terms


async def play(stage: ScenarioHarness, preset: str, *, seed: int, bids: int = RECORD_BIDS) -> NoShow:
    """Play the sale under a preset to its end."""
    began_s = time.monotonic()
    told = NoShow(preset, terms_of(preset))
    # the same people, path and whims under every preset
    chance = random.Random(seed)  # noqa: S311 - a repeatable story, no secret
    bidders = people(preset, chance)
    plan = planned_bids(LAUNCH_DAY, bids, chance)
    sale = await lots.create_sale(stage.context, title=f"Launch day under {preset}", actor=STAFF, sale_id=preset)
    view = await lots.create_lot(
        stage.context,
        sale_id=sale.sale_id,
        title=TITLE,
        actor=STAFF,
        list_price_fen=LIST_PRICE_FEN,
        preset=preset,
        terms=FROM_ONE_YUAN,
    )
    lot_id = view.record.lot_id
    told.lot_ids.append(lot_id)
    at_the_lot = ScenarioBidders(stage.context, lot_id, told.terms, sober=False, chance=chance, number=1)
    await lots.open_lot(stage.context, lot_id, duration_ms=FOUR_HOURS_MS, actor=STAFF)
    for person in bidders:
        await at_the_lot.register(person)
    told.bidders = len(at_the_lot.paddles)
    told.course = await at_the_lot.follow(plan)
    told.held_fen = at_the_lot.held_fen()
    await _fall(stage, told, lot_id)
    await _be_silent(stage, told, lot_id)
    await _ask_runners_up(stage, told, lot_id, bidders)
    await _sell_again(stage, told, lot_id, bidders, chance)
    await _count(stage, told, sale.sale_id)
    told.seconds = time.monotonic() - began_s
    return told


async def _fall(stage: ScenarioHarness, told: NoShow, lot_id: str) -> None:
    """The hammer falls: staff close the lot, as its four hours took a moment only."""
    await lots.close_lot(stage.context, lot_id, reason="the four hours are over", actor=STAFF)
    await stage.pass_time(FOUR_HOURS_MS)
    told.award = (await stage.story(lot_id)).awards[0]
    await _note_balances(stage, told, HAMMER)


async def _be_silent(stage: ScenarioHarness, told: NoShow, lot_id: str) -> None:
    """Nothing is paid in the window and the grace: a default."""
    settlement = told.terms.settlement
    await stage.pass_time(settlement.payment_window_ms + settlement.grace_ms)
    (default,) = (await stage.story(lot_id)).defaults
    told.forfeited_fen = default.forfeited_fen
    await _note_balances(stage, told, DEFAULTED)


async def _ask_runners_up(stage: ScenarioHarness, told: NoShow, lot_id: str, bidders: Sequence[Person]) -> None:
    """Each runner-up takes the offer if they would really pay so much, and else says no."""
    budgets = {person.bidder_id: person.budget_fen for person in bidders}
    while (story := await stage.story(lot_id)).row.settlement.state == SettlementState.OFFERED:
        offer = story.offers[-1]
        await stage.pass_time(min(ANSWERS_AFTER_MS, (offer.expires_at_ms - stage.clock.ms) // 2))
        if offer.price_fen <= budgets[offer.bidder_id]:
            award = await accept_offer(stage.context, offer.offer_id, bidder_id=offer.bidder_id)
            told.bought = await _buy(stage, told, award)
        else:
            await decline_offer(stage.context, offer.offer_id, bidder_id=offer.bidder_id)
            await stage.settle()
    told.offers = story.offers


async def _sell_again(
    stage: ScenarioHarness, told: NoShow, lot_id: str, bidders: Sequence[Person], chance: random.Random
) -> None:
    """The relisted lot is sold among people who want the car, up to its list price; the defaulter is turned away."""
    relisted = (await stage.story(lot_id)).row.settlement.relisted_as
    if relisted is None:
        return
    told.lot_ids.append(relisted)
    await lots.open_lot(stage.context, relisted, duration_ms=FOUR_HOURS_MS, actor=STAFF)
    buyers = ScenarioBidders(stage.context, relisted, told.terms, sober=True, chance=chance, number=2)
    turned_away = "nobody"
    for person in bidders:
        try:
            await buyers.register(person)
        except AuctionError as refused:
            if told.award is None or person.bidder_id != told.award.bidder_id:
                raise
            turned_away = str(refused.code)
    course = await buyers.follow(planned_bids(RESALE, RESALE_BIDS, chance))
    await lots.close_lot(stage.context, relisted, reason="the resale is over", actor=STAFF)
    await stage.pass_time(FOUR_HOURS_MS)
    award = (await stage.story(relisted)).awards[0]
    told.resold = Resold(relisted, award.price_fen, award.paddle, course.accepted, turned_away)
    told.bought = await _buy(stage, told, award)


async def _buy(stage: ScenarioHarness, told: NoShow, award: Award) -> Award:
    """A buyer pays, says where to fetch the car, and fetches it: the seller is paid."""
    context = stage.context
    await stage.pass_time(min(ANSWERS_AFTER_MS, (award.pay_by_ms - stage.clock.ms) // 2))
    await pay_award(context, award.award_id, bidder_id=award.bidder_id, key=f"pay-{award.award_id}")
    await _note_balances(stage, told, BOUGHT)
    await stage.settle()
    await choose_centre(
        context, award.award_id, bidder_id=award.bidder_id, delivery_centre=context.money.delivery_centres[0]
    )
    bought = await confirm_handover(context, award.lot_id, actor=FINANCE)
    await stage.settle()
    return bought


async def _count(stage: ScenarioHarness, told: NoShow, sale_id: str) -> None:
    """What the journal says in the end, and whether all of it holds."""
    if (await stage.story(told.lot_ids[0])).defaults[0].status != "resolved":
        # never sold again: the deposit is shared out when the terms' time for that is over
        await stage.pass_time(told.terms.settlement.resale_window_ms)
    told.default = (await stage.story(told.lot_ids[0])).defaults[0]
    await _note_balances(stage, told, END)
    async with stage.context.books.reading() as tx:
        for lot_id in told.lot_ids:
            for entry in await journal.entries_of(tx, lot_id=lot_id):
                if entry.kind == "seller-paid":
                    told.seller_fen -= sum(
                        line.amount_fen for line in entry.lines if line.account is JournalAccount.CASH
                    )
    told.verdict = await verify_sale(stage.context, sale_id)
    told.money = await check_money(stage.context)


async def _note_balances(stage: ScenarioHarness, told: NoShow, moment: str) -> None:
    found: dict[JournalAccount, int] = {}
    async with stage.context.books.reading() as tx:
        for lot_id in told.lot_ids:
            for account, fen in (await journal.balances(tx, lot_id=lot_id)).items():
                found[account] = found.get(account, 0) + fen
    told.balances[moment] = found
