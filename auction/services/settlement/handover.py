"""The end of a sale: staff confirm the handover, the seller is paid, commission and fee are earned.

A lot that is not fetched in time costs a storage fee by its terms, and staff may choose where it is collected.

Where the lot was sold instead of a defaulter's, its price is the resale's from now on.
"""

from dataclasses import dataclass

from auction.books import audit, defaults, journal, settlements
from auction.books.journal import Cause
from auction.books.settlements import Award
from auction.books.unit_of_work import Transaction
from auction.domain import journal as postings
from auction.domain.errors import ProblemCode, RequestRefused, WrongState
from auction.domain.money import share
from auction.domain.provider_event_states import LIVE_REVERSAL
from auction.domain.states import AwardStatus, CauseKind, SettlementAction, SettlementState, StepName
from auction.domain.storage import storage_fee_fen, storage_fee_paid
from auction.domain.terms import Terms
from auction.services.context import AppContext
from auction.services.settlement.payment_outcomes import check_not_taken_back
from auction.services.settlement.transitions import SYSTEM_ACTOR, LockedSettlement, add_step, lock_settlement, move


@dataclass(frozen=True, slots=True)
class StoragePayment:
    """What the buyer has paid of the storage fee, in fen, and the receipt, or why the rest is waived."""

    paid_fen: int
    reason: str


def fetch_by_ms(award: Award, terms: Terms) -> int | None:
    """Until when a paid lot is to be fetched, UTC ms; None: it is not paid."""
    return None if award.paid_at_ms is None else award.paid_at_ms + terms.settlement.handover_window_ms


def fee_owed_fen(award: Award, terms: Terms, now_ms: int) -> int:
    """The storage fee that a paid lot costs its buyer so far, in fen."""
    deadline_ms = fetch_by_ms(award, terms)
    if award.status is not AwardStatus.PAID or deadline_ms is None:
        return 0
    return storage_fee_fen(terms.settlement.storage_fee_fen, fetch_by_ms=deadline_ms, now_ms=now_ms)


async def record_overdue(context: AppContext, lot_id: str) -> None:
    """Note in the timeline that the time to fetch a paid lot is over; staff may choose its delivery centre then."""
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id)
        deadline_ms = locked.settlement.deadline_at_ms
        if locked.settlement.state is not SettlementState.PAID or deadline_ms is None or deadline_ms > now_ms:
            return
        await settlements.set_deadline(tx, lot_id, deadline_at_ms=None)
        await add_step(
            tx,
            lot_id,
            SettlementState.PAID,
            StepName.HANDOVER_OVERDUE,
            actor=SYSTEM_ACTOR,
            at_ms=now_ms,
            details={"fetch_by_ms": deadline_ms, "fee_fen": locked.terms.settlement.storage_fee_fen},
        )


async def choose_centre_by_staff(
    context: AppContext, lot_id: str, *, delivery_centre: str, actor: str, reason: str
) -> None:
    """Choose where a paid lot is collected once the time to fetch it is over. Chosen before, nothing changes.

    Raises NotFound(settlement-unknown), RequestRefused(delivery-centre-unknown, handover-not-overdue), WrongState,
    BooksAway.
    """
    check_centre(context, delivery_centre)
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id, SettlementAction.CONFIRM_HANDOVER)
        award = await settlements.live_award(tx, lot_id)
        deadline_ms = None if award is None else fetch_by_ms(award, locked.terms)
        if award is None or deadline_ms is None:
            raise WrongState("choose where to collect it", locked.settlement.state, [AwardStatus.PAID])
        if now_ms < deadline_ms:
            raise RequestRefused(
                ProblemCode.HANDOVER_NOT_OVERDUE,
                "The buyer has time to fetch the lot, and chooses the delivery centre.",
                {"fetch_by_ms": deadline_ms},
            )
        if award.delivery_centre == delivery_centre:
            return
        details = {"delivery_centre": delivery_centre}
        await audit.record_action(
            tx, actor=actor, action="choose-centre", lot_id=lot_id, reason=reason, details=details
        )
        await add_step(
            tx,
            lot_id,
            SettlementState.PAID,
            StepName.DELIVERY_CENTRE_CHOSEN,
            actor=actor,
            at_ms=now_ms,
            reason=reason,
            details=details,
        )
        await settlements.set_delivery_centre(tx, award.award_id, delivery_centre)


def check_centre(context: AppContext, delivery_centre: str) -> None:
    """Raises RequestRefused(delivery-centre-unknown) where the house has no such delivery centre."""
    centres = context.money.delivery_centres
    if delivery_centre not in centres:
        raise RequestRefused(
            ProblemCode.DELIVERY_CENTRE_UNKNOWN,
            f"Unknown delivery centre; choose one of {', '.join(centres)}.",
            {"delivery_centres": list(centres)},
        )


async def confirm_handover(
    context: AppContext, lot_id: str, *, actor: str, storage: StoragePayment | None = None
) -> Award:
    """Record that the winner has collected the lot at its delivery centre, and pay the seller. The settled award.

    `storage` is what was paid of the fee for a lot that is fetched late. Raises NotFound(settlement-unknown),
    WrongState, RequestRefused(delivery-centre-missing, payment-disputed, storage-fee-owed), BooksAway.
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id, SettlementAction.CONFIRM_HANDOVER)
        award = await settlements.live_award(tx, lot_id)
        if award is None or award.status is not AwardStatus.PAID:
            raise WrongState("confirm the handover", locked.settlement.state, [AwardStatus.PAID])
        await check_not_taken_back(context, tx, award, LIVE_REVERSAL)
        if award.delivery_centre is None:
            raise RequestRefused(
                ProblemCode.DELIVERY_CENTRE_MISSING, "The winner has not chosen a delivery centre yet."
            )
        commission_fen = share(award.price_fen, locked.terms.settlement.seller_commission_bps)
        entries = [
            postings.lot_settled(
                award_id=award.award_id,
                lot_id=lot_id,
                bidder_id=award.bidder_id,
                price_fen=award.price_fen,
                fee_fen=award.fee_fen,
                commission_fen=commission_fen,
            )
        ]
        to_seller_fen = award.price_fen - commission_fen
        if to_seller_fen:
            entries.append(postings.seller_paid(key_id=award.award_id, lot_id=lot_id, amount_fen=to_seller_fen))
        cause = Cause(CauseKind.STAFF_ACTION, f"handover:{lot_id}:{actor}")
        await journal.post(tx, entries, cause=cause, at_ms=now_ms)
        reason = None if storage is None else storage.reason
        await audit.record_action(tx, actor=actor, action="confirm-handover", lot_id=lot_id, reason=reason)
        await _record_storage_fee(context, tx, locked, award, storage, actor=actor, now_ms=now_ms, cause=cause)
        await move(
            tx,
            lot_id,
            SettlementAction.CONFIRM_HANDOVER,
            actor=actor,
            at_ms=now_ms,
            deadline_at_ms=None,
            details={
                "award_id": award.award_id,
                "delivery_centre": award.delivery_centre,
                "seller_fen": to_seller_fen,
                "commission_fen": commission_fen + award.fee_fen,
            },
        )
        await _record_resale(tx, award)
        return await settlements.mark_award_settled(tx, award.award_id, at_ms=now_ms)


async def _record_storage_fee(
    context: AppContext,
    tx: Transaction,
    locked: LockedSettlement,
    award: Award,
    storage: StoragePayment | None,
    *,
    actor: str,
    now_ms: int,
    cause: Cause,
) -> None:
    """Book what was paid of the storage fee; the rest is waived. Raises RequestRefused(storage-fee-owed)."""
    owed_fen = fee_owed_fen(award, locked.terms, now_ms)
    paid_fen = 0 if storage is None else storage.paid_fen
    if (owed_fen and storage is None) or paid_fen > owed_fen:
        raise RequestRefused(
            ProblemCode.STORAGE_FEE_OWED,
            f"A storage fee of {context.money.text(owed_fen)} is owed: say how much of it was paid, and the "
            "receipt or why the rest is waived.",
            {"amount_fen": owed_fen},
        )
    if storage is None or owed_fen == 0:
        return
    if paid_fen:
        entry = storage_fee_paid(award_id=award.award_id, lot_id=award.lot_id, amount_fen=paid_fen)
        await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
    await add_step(
        tx,
        award.lot_id,
        locked.settlement.state,
        StepName.STORAGE_FEE_PAID,
        actor=actor,
        at_ms=now_ms,
        reason=storage.reason,
        details={"amount_fen": paid_fen, "owed_fen": owed_fen},
    )


async def _record_resale(tx: Transaction, award: Award) -> None:
    """Name the lot as the resale of defaults on it and on the lots before it: their waterfalls may run.

    Not before: a sale that is only paid can still be declared void.
    """
    chain = await defaults.ancestors_of(tx, award.lot_id)
    for default in await defaults.lock_unresolved(tx, chain):
        await defaults.set_resale(tx, default.default_id, lot_id=award.lot_id, price_fen=award.price_fen)
