"""Offers a defaulted lot to runners-up, who accept or decline; else relists it or leaves it unsold, by its terms."""

import asyncio

from auction.books import archive_queries, audit, bidders, defaults, deposits, journal, settlements
from auction.books import runners_up as kept
from auction.books.journal import Cause
from auction.books.settlements import Award, Offer
from auction.books.unit_of_work import Transaction
from auction.domain.deposits import PurseDeposit
from auction.domain.errors import NotFound, ProblemCode, RequestRefused
from auction.domain.events import BidPlaced
from auction.domain.money import share
from auction.domain.settlement import BestBid, floor_fen, offer_price_fen, runners_up
from auction.domain.states import (
    AwardSource,
    AwardStatus,
    CauseKind,
    DepositReason,
    OfferStatus,
    SettlementAction,
    SettlementState,
)
from auction.services.context import AppContext
from auction.services.payments.deposit_outcomes import release_deposits
from auction.services.settlement.awards import entry_of
from auction.services.settlement.payment_outcomes import release_remaining
from auction.services.settlement.purse_shares import let_stand
from auction.services.settlement.relists import relist
from auction.services.settlement.transitions import SYSTEM_ACTOR, LockedSettlement, lock_settlement, move

StandingBids = list[tuple[int, BidPlaced]]


async def advance(context: AppContext, lot_id: str) -> SettlementState:
    """Move a defaulted lot on: the next offer, or as the terms say when nobody is left. The state then.

    A lot in another state, or that staff still decide about, is not changed. Raises NotFound(settlement-unknown),
    BooksAway.
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id)
        if locked.settlement.state is not SettlementState.DEFAULTED or now_ms < (locked.settlement.deadline_at_ms or 0):
            return locked.settlement.state
        found = await _next_runner_up(tx, locked)
        if found is not None:
            await _offer(context, tx, locked, *found, actor=SYSTEM_ACTOR)
            return SettlementState.OFFERED
        return await _exhausted(context, tx, locked)


async def offer_by_staff(context: AppContext, lot_id: str, *, actor: str) -> Offer:
    """Offer a defaulted or unsold lot to the next runner-up now, beyond the depth of the terms too.

    Raises NotFound(settlement-unknown), WrongState, RequestRefused(nobody-to-offer), BooksAway.
    """
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id, SettlementAction.OFFER)
        found = await _next_runner_up(tx, locked, beyond_depth=True)
        if found is None:
            raise RequestRefused(
                ProblemCode.NOBODY_TO_OFFER,
                "There is no runner-up to offer this lot to: no other bidder, only accounts linked to the defaulter, "
                "or the price would be below the floor. Relist it.",
            )
        made = await _offer(context, tx, locked, *found, actor=actor)
        await audit.record_action(
            tx,
            actor=actor,
            action="offer-lot",
            lot_id=lot_id,
            details={
                "before": {"state": str(locked.settlement.state)},
                "after": {"offer_id": made.offer_id, "bidder_id": made.bidder_id, "price_fen": made.price_fen},
            },
        )
        return made


async def extend_decision(context: AppContext, lot_id: str, *, by_ms: int, actor: str, reason: str) -> None:
    """Give staff more time to decide about a defaulted lot before it moves on by itself, counted from now.

    Raises NotFound(settlement-unknown), WrongState, BooksAway.
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id, SettlementAction.EXTEND)
        until_ms = max(locked.settlement.deadline_at_ms or 0, now_ms + by_ms)
        await audit.record_action(
            tx, actor=actor, action="extend-decision", lot_id=lot_id, reason=reason, details={"until_ms": until_ms}
        )
        await move(
            tx,
            lot_id,
            SettlementAction.EXTEND,
            actor=actor,
            at_ms=now_ms,
            deadline_at_ms=until_ms,
            reason=reason,
            details={"decide_by_ms": until_ms},
        )


async def accept_offer(context: AppContext, offer_id: str, *, bidder_id: str) -> Award:
    """Accept an offer: a new award, with its own time to pay; accepted before: the same award.

    Raises NotFound(offer-unknown), RequestRefused(offer-over), WrongState, BooksAway.
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        locked, offer = await _own_offer(tx, offer_id, bidder_id)
        if offer.status is OfferStatus.ACCEPTED:
            award = await settlements.find_award(tx, _award_id(offer))
            if award is not None:
                return award
        _check_open(offer, now_ms)
        await settlements.close_offer(tx, offer_id, OfferStatus.ACCEPTED, at_ms=now_ms)
        terms = locked.terms.settlement
        pay_by_ms = now_ms + terms.payment_window_ms
        award = Award(
            award_id=_award_id(offer),
            lot_id=offer.lot_id,
            bidder_id=bidder_id,
            paddle=offer.paddle,
            source=AwardSource.OFFER,
            price_fen=offer.price_fen,
            fee_fen=share(offer.price_fen, terms.buyer_fee_bps),
            received_fen=0,
            status=AwardStatus.DUE,
            awarded_at_ms=now_ms,
            pay_by_ms=pay_by_ms,
            default_at_ms=pay_by_ms + terms.grace_ms,
            paid_at_ms=None,
            delivery_centre=None,
            settled_at_ms=None,
        )
        await settlements.add_awards(tx, [award])
        cause = Cause(CauseKind.BIDDER_ACTION, f"accept:{offer_id}")
        await journal.post(tx, [entry_of(award)], cause=cause, at_ms=now_ms)
        # from now on the award keeps the deposits
        await kept.release(tx, offer.lot_id, at_ms=now_ms, bidder_id=bidder_id)
        await move(
            tx,
            offer.lot_id,
            SettlementAction.ACCEPT,
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
        # with the number that the database has given it, which its payment reference needs
        return await settlements.find_award(tx, award.award_id) or award


async def decline_offer(context: AppContext, offer_id: str, *, bidder_id: str) -> Offer:
    """Decline an offer, without penalty; declined before: the same.

    Raises NotFound(offer-unknown), RequestRefused(offer-over), BooksAway.
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        locked, offer = await _own_offer(tx, offer_id, bidder_id)
        if offer.status is OfferStatus.DECLINED:
            return offer
        _check_open(offer, now_ms)
        return await _close_offer(tx, locked, offer, SettlementAction.DECLINE, actor=bidder_id, now_ms=now_ms)


async def lapse_offer(context: AppContext, lot_id: str) -> bool:
    """Close an offer that was not answered in time; whether there was one. Raises NotFound(settlement-unknown)."""
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id)
        offer = await settlements.open_offer(tx, lot_id)
        if offer is None or now_ms < offer.expires_at_ms:
            return False
        await _close_offer(tx, locked, offer, SettlementAction.LAPSE, actor=SYSTEM_ACTOR, now_ms=now_ms)
    return True


async def _close_offer(
    tx: Transaction, locked: LockedSettlement, offer: Offer, action: SettlementAction, *, actor: str, now_ms: int
) -> Offer:
    """Close an offer by DECLINE or LAPSE, and release the runner-up's deposits."""
    declined = action is SettlementAction.DECLINE
    status = OfferStatus.DECLINED if declined else OfferStatus.LAPSED
    offer = await settlements.close_offer(tx, offer.offer_id, status, at_ms=now_ms)
    await kept.release(tx, offer.lot_id, at_ms=now_ms, bidder_id=offer.bidder_id)
    await bidders.end_share(tx, lot_id=offer.lot_id, bidder_id=offer.bidder_id)
    theirs = await deposits.deposits_of_lot(tx, offer.lot_id, bidder_id=offer.bidder_id, locked=True)
    await release_deposits(
        tx,
        [deposit for deposit in theirs if deposit.is_available and not deposit.is_purse],
        reason=DepositReason.OFFER_DECLINED if declined else DepositReason.OFFER_LAPSED,
        now_ms=now_ms,
        cause=Cause(CauseKind.BIDDER_ACTION, offer.offer_id),
    )
    await move(
        tx,
        locked.lot_id,
        action,
        actor=actor,
        at_ms=now_ms,
        deadline_at_ms=now_ms,
        details={"offer_id": offer.offer_id, "paddle": offer.paddle, "price_fen": offer.price_fen},
    )
    return offer


async def _own_offer(tx: Transaction, offer_id: str, bidder_id: str) -> tuple[LockedSettlement, Offer]:
    offer = await settlements.find_offer(tx, offer_id)
    if offer is None or offer.bidder_id != bidder_id:
        raise NotFound(ProblemCode.OFFER_UNKNOWN, f"You have no offer {offer_id[:64]}.")
    locked = await lock_settlement(tx, offer.lot_id)
    again = await settlements.find_offer(tx, offer_id)
    return locked, again or offer


def _check_open(offer: Offer, now_ms: int) -> None:
    is_open = offer.status is OfferStatus.OPEN
    if not is_open or now_ms >= offer.expires_at_ms:
        status = OfferStatus.LAPSED if is_open else offer.status
        raise RequestRefused(
            ProblemCode.OFFER_OVER,
            f"This offer is over: it is {status}.",
            {"offer_status": status, "expires_at_ms": offer.expires_at_ms, "now_ms": now_ms},
        )


def _award_id(offer: Offer) -> str:
    return f"a-{offer.lot_id}-{offer.number + 1}"


async def _next_runner_up(
    tx: Transaction, locked: LockedSettlement, *, beyond_depth: bool = False
) -> tuple[BestBid, int] | None:
    """Who is offered the lot next, and at which price in fen; None: nobody, or the price would be below the floor."""
    cascade = locked.terms.settlement.cascade
    if locked.settlement.offers_made >= cascade.depth and not beyond_depth:
        return None
    earlier = await settlements.offers_of_lot(tx, locked.lot_id)
    defaulters = {default.bidder_id for default in await defaults.of_lot(tx, locked.lot_id) if default.counts}
    linked = await bidders.linked_to(tx, defaulters)
    had_offer = {offer.bidder_id for offer in earlier}
    standing = await archive_queries.standing_bids(tx, locked.lot_id)
    return await asyncio.to_thread(_best_offer, locked, standing, without=linked, had_offer=had_offer)


def _best_offer(
    locked: LockedSettlement, standing: StandingBids, *, without: set[str], had_offer: set[str]
) -> tuple[BestBid, int] | None:
    """The best of those without an offer so far, at the price that all but `without` make."""
    ranked = runners_up(locked.terms, standing, without | had_offer)
    if not ranked:
        return None
    price_fen = offer_price_fen(locked.terms, standing, to=ranked[0].bidder_id, without=without)
    if price_fen < floor_fen(locked.terms, locked.settlement.hammer_price_fen or 0):
        return None
    return ranked[0], price_fen


async def _offer(
    context: AppContext, tx: Transaction, locked: LockedSettlement, best: BestBid, price_fen: int, *, actor: str
) -> Offer:
    now_ms = context.clock_ms()
    number = locked.settlement.offers_made + 1
    offer = Offer(
        offer_id=f"o-{locked.lot_id}-{number}",
        lot_id=locked.lot_id,
        bidder_id=best.bidder_id,
        paddle=best.paddle,
        number=number,
        price_fen=price_fen,
        own_bid_fen=best.amount_fen,
        status=OfferStatus.OPEN,
        offered_at_ms=now_ms,
        expires_at_ms=now_ms + locked.terms.settlement.cascade.offer_window_ms,
        answered_at_ms=None,
    )
    await settlements.add_offer(tx, offer)
    policy = locked.terms.deposit
    if isinstance(policy, PurseDeposit):
        await let_stand(
            tx,
            policy,
            sale_id=locked.record.sale_id,
            lot_id=offer.lot_id,
            bidder_id=offer.bidder_id,
            price_fen=offer.price_fen,
        )
    await move(
        tx,
        locked.lot_id,
        SettlementAction.OFFER,
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


async def _exhausted(context: AppContext, tx: Transaction, locked: LockedSettlement) -> SettlementState:
    """Relist a lot that nobody is left for, or leave it unsold, as the terms say. The state then."""
    now_ms = context.clock_ms()
    if locked.terms.settlement.when_exhausted == "relist":
        await relist(context, tx, locked, actor=SYSTEM_ACTOR, cost_fen=locked.terms.settlement.reauction_cost_fen)
        return SettlementState.RELISTED
    cause = Cause(CauseKind.DEADLINE, f"{locked.lot_id}:exhausted")
    await release_remaining(tx, locked, now_ms=now_ms, cause=cause)
    await move(
        tx,
        locked.lot_id,
        SettlementAction.GIVE_UP,
        actor=SYSTEM_ACTOR,
        at_ms=now_ms,
        deadline_at_ms=None,
        details={"why": "nobody to offer it to"},
    )
    return SettlementState.UNSOLD
