"""After a default: the lot is offered to runners-up who consent, else relisted or given up, as the terms say."""

import asyncio

from auction.books import archived, bidders, defaults, deposits, journal, settlements
from auction.books.journal import Cause
from auction.books.settlements import Award, Offer
from auction.books.unit_of_work import Work
from auction.domain.errors import NotFound, ProblemCode, RequestRefused
from auction.domain.events import BidPlaced
from auction.domain.money import share
from auction.domain.settlement import BestBid, SettlementState, floor_fen, offer_price_fen, runners_up
from auction.services.deposits import let_go
from auction.services.house import House
from auction.services.settlement.moving import HOUSE, Matter, lock_matter, move
from auction.services.settlement.opening import entry_of
from auction.services.settlement.receiving import release_kept
from auction.services.settlement.relisting import relist

StandingBids = list[tuple[int, BidPlaced]]


async def go_on(house: House, lot_id: str) -> str:
    """What comes after a default or a declined offer: the next offer, relisting, or unsold. The state then.

    In any other state: nothing.
    """
    async with house.books.transaction() as work:
        matter = await lock_matter(work, lot_id)
        if matter.settlement.state != SettlementState.DEFAULTED:
            return matter.settlement.state
        found = await _next_runner_up(work, matter)
        if found is not None:
            await _offer(house, work, matter, *found, actor=HOUSE)
            return str(SettlementState.OFFERED)
        return await _exhausted(house, work, matter)


async def offer_by_staff(house: House, lot_id: str, *, actor: str) -> Offer:
    """Offer a defaulted lot to the next runner-up now. Raises WrongState, RequestRefused(nobody-to-offer)."""
    async with house.books.transaction() as work:
        matter = await lock_matter(work, lot_id, "offer")
        found = await _next_runner_up(work, matter, beyond_depth=True)
        if found is None:
            raise RequestRefused(
                ProblemCode.NOBODY_TO_OFFER,
                "Nobody is left to offer this lot to: no other bidder, only accounts linked to the defaulter, "
                "or the price would be under the floor. Relist it.",
            )
        return await _offer(house, work, matter, *found, actor=actor)


async def accept_offer(house: House, offer_id: str, *, bidder_id: str) -> Award:
    """Consent to an offer: a new award, with its own time to pay; accepted before: the award it made.

    Raises NotFound(offer-unknown), RequestRefused(offer-over), WrongState.
    """
    now_ms = house.clock_ms()
    async with house.books.transaction() as work:
        matter, offer = await _own_offer(work, offer_id, bidder_id)
        if offer.status == "accepted":
            award = await settlements.find_award(work, _award_id(offer))
            if award is not None:
                return award
        _check_open(offer, now_ms)
        await settlements.answer_offer(work, offer_id, "accepted", at_ms=now_ms)
        terms = matter.terms.settlement
        pay_by_ms = now_ms + terms.payment_window_ms
        award = Award(
            award_id=_award_id(offer),
            lot_id=offer.lot_id,
            bidder_id=bidder_id,
            paddle=offer.paddle,
            source="offer",
            price_fen=offer.price_fen,
            fee_fen=share(offer.price_fen, terms.buyer_fee_bps),
            received_fen=0,
            status="due",
            awarded_at_ms=now_ms,
            pay_by_ms=pay_by_ms,
            default_at_ms=pay_by_ms + terms.grace_ms,
            paid_at_ms=None,
            delivery_centre=None,
            settled_at_ms=None,
        )
        await settlements.add_awards(work, [award])
        cause = Cause("bidder-action", f"accept:{offer_id}")
        await journal.post(work, [entry_of(award)], cause=cause, at_ms=now_ms)
        await _keep(work, offer, None)
        await move(
            work,
            offer.lot_id,
            SettlementState.AWARDED,
            "offer-accepted",
            actor=bidder_id,
            at_ms=now_ms,
            deadline_at_ms=award.default_at_ms,
            details={
                "offer_id": offer_id,
                "award_id": award.award_id,
                "paddle": offer.paddle,
                "price_fen": award.price_fen,
                "pay_by_ms": pay_by_ms,
            },
        )
    return award


async def decline_offer(house: House, offer_id: str, *, bidder_id: str) -> Offer:
    """Say no to an offer, without penalty; declined before: the same. Raises NotFound, RequestRefused(offer-over)."""
    now_ms = house.clock_ms()
    async with house.books.transaction() as work:
        matter, offer = await _own_offer(work, offer_id, bidder_id)
        if offer.status == "declined":
            return offer
        _check_open(offer, now_ms)
        return await _close_offer(work, matter, offer, "declined", actor=bidder_id, now_ms=now_ms)


async def lapse_offer(house: House, lot_id: str) -> bool:
    """Close an offer that nobody answered in time; whether there was one."""
    now_ms = house.clock_ms()
    async with house.books.transaction() as work:
        matter = await lock_matter(work, lot_id)
        offer = await settlements.open_offer(work, lot_id)
        if offer is None or now_ms < offer.expires_at_ms:
            return False
        await _close_offer(work, matter, offer, "lapsed", actor=HOUSE, now_ms=now_ms)
    return True


async def _close_offer(work: Work, matter: Matter, offer: Offer, status: str, *, actor: str, now_ms: int) -> Offer:
    offer = await settlements.answer_offer(work, offer.offer_id, status, at_ms=now_ms)
    theirs = await deposits.deposits_of_lot(work, offer.lot_id, bidder_id=offer.bidder_id, locked=True)
    going = [deposit for deposit in theirs if deposit.counts and deposit.policy != "purse"]
    await let_go(work, going, why=f"offer-{status}", now_ms=now_ms, cause=Cause("bidder-action", offer.offer_id))
    await move(
        work,
        matter.lot_id,
        SettlementState.DEFAULTED,
        f"offer-{status}",
        actor=actor,
        at_ms=now_ms,
        deadline_at_ms=now_ms,
        details={"offer_id": offer.offer_id, "paddle": offer.paddle, "price_fen": offer.price_fen},
    )
    return offer


async def _own_offer(work: Work, offer_id: str, bidder_id: str) -> tuple[Matter, Offer]:
    offer = await settlements.find_offer(work, offer_id)
    if offer is None or offer.bidder_id != bidder_id:
        raise NotFound(ProblemCode.OFFER_UNKNOWN, f"You have no offer {offer_id[:64]}.")
    matter = await lock_matter(work, offer.lot_id)
    again = await settlements.find_offer(work, offer_id)
    return matter, again or offer


def _check_open(offer: Offer, now_ms: int) -> None:
    if offer.status != "open" or now_ms >= offer.expires_at_ms:
        status = offer.status if offer.status != "open" else "lapsed"
        raise RequestRefused(
            ProblemCode.OFFER_OVER,
            f"This offer is over: it is {status}.",
            {"offer_status": status, "expires_at_ms": offer.expires_at_ms, "now_ms": now_ms},
        )


def _award_id(offer: Offer) -> str:
    return f"a-{offer.lot_id}-{offer.number + 1}"


async def _next_runner_up(work: Work, matter: Matter, *, beyond_depth: bool = False) -> tuple[BestBid, int] | None:
    """Who is offered the lot next, and at which price; None: nobody, or the price would be under the floor."""
    cascade = matter.terms.settlement.cascade
    if matter.settlement.offers_made >= cascade.depth and not beyond_depth:
        return None
    past = await settlements.offers_of_lot(work, matter.lot_id)
    defaulters = {default.bidder_id for default in await defaults.of_lot(work, matter.lot_id)}
    linked = await bidders.linked_to(work, defaulters)
    passed_over = {offer.bidder_id for offer in past}
    standing = await archived.standing_bids(work, matter.lot_id)
    return await asyncio.to_thread(_best_offer, matter, standing, linked | passed_over)


def _best_offer(matter: Matter, standing: StandingBids, without: set[str]) -> tuple[BestBid, int] | None:
    ranked = runners_up(matter.terms, standing, without)
    if not ranked:
        return None
    price_fen = offer_price_fen(matter.terms, standing, to=ranked[0].bidder_id, without=without)
    if price_fen < floor_fen(matter.terms, matter.settlement.hammer_price_fen or 0):
        return None
    return ranked[0], price_fen


async def _offer(house: House, work: Work, matter: Matter, best: BestBid, price_fen: int, *, actor: str) -> Offer:
    now_ms = house.clock_ms()
    number = matter.settlement.offers_made + 1
    offer = Offer(
        offer_id=f"o-{matter.lot_id}-{number}",
        lot_id=matter.lot_id,
        bidder_id=best.bidder_id,
        paddle=best.paddle,
        number=number,
        price_fen=price_fen,
        own_bid_fen=best.amount_fen,
        status="open",
        offered_at_ms=now_ms,
        expires_at_ms=now_ms + matter.terms.settlement.cascade.offer_window_ms,
        answered_at_ms=None,
    )
    await settlements.add_offer(work, offer)
    await _keep(work, offer, offer.expires_at_ms)
    await move(
        work,
        matter.lot_id,
        SettlementState.OFFERED,
        "offered",
        actor=actor,
        at_ms=now_ms,
        deadline_at_ms=offer.expires_at_ms,
        details={
            "offer_id": offer.offer_id,
            "paddle": offer.paddle,
            "price_fen": price_fen,
            "own_bid_fen": best.amount_fen,
            "expires_at_ms": offer.expires_at_ms,
        },
        offers_made=number,
    )
    return offer


async def _keep(work: Work, offer: Offer, until_ms: int | None) -> None:
    """What the runner-up put down stays while the offer is open, and until they have paid (None) once it is taken."""
    for deposit in await deposits.deposits_of_lot(work, offer.lot_id, bidder_id=offer.bidder_id):
        if deposit.counts:
            await deposits.change(work, deposit.deposit_id, release_by_ms=until_ms)


async def _exhausted(house: House, work: Work, matter: Matter) -> str:
    now_ms = house.clock_ms()
    if matter.terms.settlement.when_exhausted == "relist":
        await relist(house, work, matter, actor=HOUSE, cost_fen=matter.terms.settlement.reauction_cost_fen)
        return str(SettlementState.RELISTED)
    cause = Cause("deadline", f"{matter.lot_id}:exhausted")
    await release_kept(work, matter, now_ms=now_ms, cause=cause)
    await move(
        work,
        matter.lot_id,
        SettlementState.UNSOLD,
        "unsold",
        actor=HOUSE,
        at_ms=now_ms,
        deadline_at_ms=None,
        details={"why": "nobody to offer it to"},
    )
    return str(SettlementState.UNSOLD)
