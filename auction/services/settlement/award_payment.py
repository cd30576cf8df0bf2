"""What a winner does about an award: pay it, refuse it, choose where to collect the lot."""

import hashlib

from auction.books import deposits, operations, settlements
from auction.books.journal import Cause
from auction.books.operations import Operation
from auction.books.settlements import Award
from auction.books.unit_of_work import Transaction
from auction.domain.currency import Currency
from auction.domain.errors import NotFound, ProblemCode, RequestRefused, WrongState
from auction.domain.states import (
    AwardStatus,
    CauseKind,
    DefaultCause,
    DepositStatus,
    OperationStatus,
    SettlementAction,
    StepName,
)
from auction.services.context import AppContext
from auction.services.payments.deposit_outcomes import capture_id
from auction.services.payments.gateway_calls import perform
from auction.services.registration.payment_methods import chosen_payment_method
from auction.services.settlement.charge_parts import can_waive, charge_of, parts_of, waive_rest
from auction.services.settlement.handover import check_centre
from auction.services.settlement.payment_default import declare_default
from auction.services.settlement.payment_outcomes import apply_deposits, check_no_open_charge, secured_fen
from auction.services.settlement.transitions import add_step, check_allowed, lock_settlement

PARTS_AT_ONCE = 10
"""How many parts of a payment a request charges itself; the cashier does the others."""


async def pay_award(
    context: AppContext, award_id: str, *, bidder_id: str, key: str, payment_method: str | None = None
) -> Award:
    """Charge what the deposit does not cover of an award, then apply the deposit. The award as it is then.

    A sum above the provider's most is charged in parts; what the cashier has still to do of them then is under way.
    Where the card's bank wants its owner, the award stays due until they have confirmed (`payments.confirmations`).
    Under the same key again: the same payment, whatever its outcome. Raises NotFound(award-unknown),
    RequestRefused(payment-declined, payment-method-missing, payment-pending, payment-late, payment-too-small),
    WrongState, PaymentsAway, BooksAway.
    """
    operation_id = await _intend_payment(context, award_id, bidder_id=bidder_id, key=key, payment_method=payment_method)
    for _ in range(PARTS_AT_ONCE):
        if operation_id is None:
            break
        operation = await perform(context, operation_id, on_session=True)
        async with context.books.reading() as tx:
            requested = await operations.operations_of_award(tx, award_id)
        parts = parts_of(requested, operation.first_operation_id)
        if operation.status is OperationStatus.FAILED:
            charged_fen = sum(one.amount_fen for one in parts if one.is_received_charge)
            raise _declined(operation, charged_fen, context.money.currency)
        # another one only where this one has succeeded
        operation_id = next((one.operation_id for one in parts if one.attempt_number > operation.attempt_number), None)
    await perform_captures(context, award_id)
    async with context.books.reading() as tx:
        found = await settlements.find_award(tx, award_id)
    if found is None:
        raise _no_award(award_id)
    return found


def _declined(operation: Operation, charged_fen: int, currency: Currency) -> RequestRefused:
    charged = f"{currency.text(charged_fen)} were charged before and count as a part payment" if charged_fen else ""
    return RequestRefused(
        ProblemCode.PAYMENT_DECLINED,
        f"The payment was declined ({operation.failure}); {charged or 'nothing was charged'}. Use another payment "
        "method and a new Idempotency-Key.",
        {"failure": operation.failure, "charged_fen": charged_fen},
    )


async def _intend_payment(
    context: AppContext, award_id: str, *, bidder_id: str, key: str, payment_method: str | None
) -> str | None:
    """Commit the charge of a payment: the id of its operation; None: there is nothing to charge.

    Of one that was committed before, in parts, the last part.
    """
    now_ms = context.clock_ms()
    operation_id = f"charge-{award_id}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    async with context.books.transaction() as tx:
        award = await own_award(tx, award_id, bidder_id)
        locked = await lock_settlement(tx, award.lot_id)
        award = await own_award(tx, award_id, bidder_id)
        requested = await operations.operations_of_award(tx, award_id)
        if known := parts_of(requested, operation_id):
            return known[-1].operation_id
        if award.status is not AwardStatus.DUE:
            raise WrongState("pay for it", award.status, [AwardStatus.DUE])
        check_allowed(locked.settlement, SettlementAction.PAY)
        _check_in_time(award, now_ms)
        check_no_open_charge(requested)
        secured = await secured_fen(tx, locked.record, locked.terms, award)
        charge_fen = context.gateway.charge_limits.sum_to_charge_fen(award.due_fen, secured)
        if charge_fen == 0:
            cause = Cause(CauseKind.BIDDER_ACTION, f"pay:{award_id}")
            if can_waive(context, award, secured_fen=secured):
                award = await waive_rest(tx, locked, award, now_ms=now_ms, cause=cause)
            elif secured < award.due_fen:
                least_fen = context.gateway.charge_limits.min_fen
                raise _too_small(award.due_fen, least_fen, context.money.currency)
            await apply_deposits(context, tx, locked, award, now_ms=now_ms, cause=cause)
            return None
        intent = charge_of(
            context,
            award,
            operation_id=operation_id,
            sum_fen=charge_fen,
            provider=context.gateway.provider,
            payment_method=await chosen_payment_method(context, tx, bidder_id, payment_method),
        )
        # whoever pays calls the provider at once, on session; the cashier only after a crash
        await operations.intend(tx, [intent], at_ms=now_ms, first_try_ms=operations.CLAIM_MS)
    return operation_id


def _too_small(due_fen: int, minimum_fen: int, currency: Currency) -> RequestRefused:
    return RequestRefused(
        ProblemCode.PAYMENT_TOO_SMALL,
        f"{currency.text(due_fen)} are due, and the payment provider charges at least {currency.text(minimum_fen)}; "
        "pay by bank transfer, or ask the auction house.",
        {"amount_fen": due_fen, "minimum_fen": minimum_fen},
    )


def _check_in_time(award: Award, now_ms: int) -> None:
    if now_ms >= award.default_at_ms:
        raise RequestRefused(
            ProblemCode.PAYMENT_LATE,
            "The time to pay for this lot is over, its grace period included.",
            {"pay_by_ms": award.pay_by_ms, "default_at_ms": award.default_at_ms, "now_ms": now_ms},
        )


async def perform_captures(context: AppContext, award_id: str) -> None:
    """Request the captures that the payment of an award needs now, without waiting for the cashier."""
    async with context.books.reading() as tx:
        applied = await deposits.deposits_for_award(tx, award_id)
    for deposit in applied:
        if deposit.status is DepositStatus.HELD and not deposit.is_cash:
            await perform(context, capture_id(deposit))


async def refuse_award(context: AppContext, award_id: str, *, bidder_id: str, reason: str | None = None) -> Award:
    """Declare a default because the winner will not pay. The award.

    Raises NotFound(award-unknown), WrongState, RequestRefused(payment-pending), BooksAway.
    """
    async with context.books.reading() as tx:
        award = await own_award(tx, award_id, bidder_id)
    await declare_default(
        context, award.lot_id, award_id=award_id, cause=DefaultCause.REFUSAL, actor=bidder_id, reason=reason
    )
    async with context.books.reading() as tx:
        return await own_award(tx, award_id, bidder_id)


async def choose_centre(context: AppContext, award_id: str, *, bidder_id: str, delivery_centre: str) -> Award:
    """Set where a paid lot will be collected. The award.

    Raises NotFound(award-unknown), RequestRefused(delivery-centre-unknown), WrongState, BooksAway.
    """
    check_centre(context, delivery_centre)
    async with context.books.transaction() as tx:
        award = await own_award(tx, award_id, bidder_id)
        locked = await lock_settlement(tx, award.lot_id)
        award = await own_award(tx, award_id, bidder_id)
        if award.status is not AwardStatus.PAID:
            raise WrongState("choose where to collect it", award.status, [AwardStatus.PAID])
        if award.delivery_centre != delivery_centre:
            await add_step(
                tx,
                award.lot_id,
                locked.settlement.state,
                StepName.DELIVERY_CENTRE_CHOSEN,
                actor=bidder_id,
                at_ms=context.clock_ms(),
                details={"delivery_centre": delivery_centre},
            )
        return await settlements.set_delivery_centre(tx, award_id, delivery_centre)


async def own_award(tx: Transaction, award_id: str, bidder_id: str) -> Award:
    """A bidder's own award. Raises NotFound(award-unknown), for another bidder's award too."""
    award = await settlements.find_award(tx, award_id)
    if award is None or award.bidder_id != bidder_id:
        raise _no_award(award_id)
    return award


def _no_award(award_id: str) -> NotFound:
    return NotFound(ProblemCode.AWARD_UNKNOWN, f"You have no award {award_id[:64]}.")
