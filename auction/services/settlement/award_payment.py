"""What a winner does about an award: pays, refuses, says where to fetch the lot."""

import hashlib

from auction.books import deposits, operations, settlements
from auction.books.journal import Cause
from auction.books.operations import Intent, Operation
from auction.books.settlements import Award
from auction.books.unit_of_work import Transaction
from auction.domain.errors import NotFound, ProblemCode, RequestRefused, WrongState
from auction.services.context import AppContext
from auction.services.payments.deposit_outcomes import capture_of
from auction.services.payments.gateway_calls import USUAL_METHOD, perform
from auction.services.registration.bidding_power import held_for
from auction.services.settlement.payment_default import declare_default
from auction.services.settlement.payment_outcomes import apply_deposits
from auction.services.settlement.transitions import LockedSettlement, lock_settlement, must_allow, note


async def pay_award(
    context: AppContext, award_id: str, *, bidder_id: str, key: str, payment_method: str | None = None
) -> Award:
    """Pay what is due: the rest by a charge, then the deposit is applied. The award as it is then.

    Under the same key again: the same payment, whatever became of it. Raises NotFound(award-unknown),
    RequestRefused(payment-declined, payment-pending, payment-late), WrongState, PaymentsAway, BooksAway.
    """
    operation_id = await _intend_payment(
        context, award_id, bidder_id=bidder_id, key=key, payment_method=payment_method or USUAL_METHOD
    )
    if operation_id is not None:
        operation = await perform(context, operation_id)
        if operation.status == "failed":
            raise RequestRefused(
                ProblemCode.PAYMENT_DECLINED,
                f"The payment was declined ({operation.failure}); nothing was taken. Pay with another method, "
                "under a new Idempotency-Key.",
                {"failure": operation.failure},
            )
    await perform_captures(context, award_id)
    async with context.books.reading() as tx:
        found = await settlements.find_award(tx, award_id)
    if found is None:
        raise _no_award(award_id)
    return found


async def _intend_payment(
    context: AppContext, award_id: str, *, bidder_id: str, key: str, payment_method: str
) -> str | None:
    """Commit what is to be charged: its operation's id; None: the deposit covers all, or nothing is left to do."""
    now_ms = context.clock_ms()
    operation_id = f"charge-{award_id}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    async with context.books.transaction() as tx:
        award = await own_award(tx, award_id, bidder_id)
        locked = await lock_settlement(tx, award.lot_id)
        award = await own_award(tx, award_id, bidder_id)
        asked = await operations.operations_of_award(tx, award_id)
        if any(one.operation_id == operation_id for one in asked):
            return operation_id
        if award.status != "due":
            raise WrongState("pay for it", award.status, ["due"])
        must_allow(locked.settlement, "pay")
        _check_time(award, now_ms)
        _check_none_under_way(asked)
        charge_fen = await _to_charge_fen(tx, locked, award)
        if charge_fen == 0:
            await apply_deposits(
                context, tx, locked, award, now_ms=now_ms, cause=Cause("bidder-action", f"pay:{award_id}")
            )
            return None
        intent = Intent(
            operation_id=operation_id,
            kind="charge",
            lot_id=award.lot_id,
            bidder_id=bidder_id,
            amount_fen=charge_fen,
            provider=context.gateway.provider,
            payment_method=payment_method,
            award_id=award_id,
        )
        await operations.intend(tx, [intent], at_ms=now_ms)
    return operation_id


async def _to_charge_fen(tx: Transaction, locked: LockedSettlement, award: Award) -> int:
    """What is due beyond the deposits that will be applied, those on their way counted, in fen."""
    held = await held_for(tx, locked.record, locked.terms, award.bidder_id)
    secured_fen = sum(
        deposit.worth_fen
        for deposit in held
        if deposit.counts or (deposit.status == "held" and deposit.award_id == award.award_id)
    )
    return max(0, award.due_fen - secured_fen)


def _check_time(award: Award, now_ms: int) -> None:
    if now_ms >= award.default_at_ms:
        raise RequestRefused(
            ProblemCode.PAYMENT_LATE,
            "The time to pay for this lot is over, with its grace.",
            {"pay_by_ms": award.pay_by_ms, "default_at_ms": award.default_at_ms, "now_ms": now_ms},
        )


def _check_none_under_way(asked: list[Operation]) -> None:
    if any(one.kind == "charge" and not one.resolved for one in asked):
        raise RequestRefused(
            ProblemCode.PAYMENT_PENDING, "A payment for this award is under way; wait for what becomes of it."
        )


async def perform_captures(context: AppContext, award_id: str) -> None:
    """Ask for the captures that an award's payment has led to, now rather than in a moment."""
    async with context.books.reading() as tx:
        applied = await deposits.deposits_for_award(tx, award_id)
    for deposit in applied:
        if deposit.status == "held" and not deposit.is_cash:
            await perform(context, capture_of(deposit, deposit.amount_fen).operation_id)


async def refuse_award(context: AppContext, award_id: str, *, bidder_id: str, reason: str | None = None) -> Award:
    """The winner will not pay: a default at once. Raises NotFound(award-unknown), WrongState, PAYMENT_PENDING."""
    async with context.books.reading() as tx:
        award = await own_award(tx, award_id, bidder_id)
    await declare_default(context, award.lot_id, award_id=award_id, cause="refusal", actor=bidder_id, reason=reason)
    async with context.books.reading() as tx:
        return await own_award(tx, award_id, bidder_id)


async def choose_centre(context: AppContext, award_id: str, *, bidder_id: str, delivery_centre: str) -> Award:
    """Say where a paid lot is to be fetched. Raises NotFound, RequestRefused(delivery-centre-unknown), WrongState."""
    centres = context.money.delivery_centres
    if delivery_centre not in centres:
        raise RequestRefused(
            ProblemCode.DELIVERY_CENTRE_UNKNOWN,
            f"There is no such delivery centre; there are {', '.join(centres)}.",
            {"delivery_centres": list(centres)},
        )
    async with context.books.transaction() as tx:
        award = await own_award(tx, award_id, bidder_id)
        locked = await lock_settlement(tx, award.lot_id)
        award = await own_award(tx, award_id, bidder_id)
        if award.status != "paid":
            raise WrongState("choose where to fetch it", award.status, ["paid"])
        if award.delivery_centre != delivery_centre:
            await note(
                tx,
                award.lot_id,
                locked.settlement.state,
                "delivery-centre-chosen",
                actor=bidder_id,
                at_ms=context.clock_ms(),
                details={"delivery_centre": delivery_centre},
            )
        return await settlements.change_award(tx, award_id, delivery_centre=delivery_centre)


async def own_award(tx: Transaction, award_id: str, bidder_id: str) -> Award:
    """A bidder's own award; NotFound(award-unknown) for another's as for none."""
    award = await settlements.find_award(tx, award_id)
    if award is None or award.bidder_id != bidder_id:
        raise _no_award(award_id)
    return award


def _no_award(award_id: str) -> NotFound:
    return NotFound(ProblemCode.AWARD_UNKNOWN, f"You have no award {award_id[:64]}.")
