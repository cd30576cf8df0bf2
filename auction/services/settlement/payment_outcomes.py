"""What a winner's payment does: the award fills up from payments and deposits until nothing is due, and then is paid.

Called inside the transaction that resolves a payment operation. A payment first, then the deposit: a declined card
costs nobody a deposit.
"""

from auction.books import defaults, deposits, journal, operations, settlements
from auction.books.deposits import Deposit
from auction.books.journal import Cause
from auction.books.operations import Intent, Operation
from auction.books.settlements import Award
from auction.books.unit_of_work import Transaction
from auction.domain import journal as recipes
from auction.domain.journal import JournalAccount
from auction.domain.states import SettlementState
from auction.services.context import AppContext
from auction.services.payments.deposit_outcomes import (
    capture_of,
    gateway_cause,
    refund_of,
    release_deposits,
    return_money,
)
from auction.services.registration.bidding_power import held_for, restate_power
from auction.services.settlement.transitions import HOUSE, LockedSettlement, lock_settlement, move, note


async def record_payment(context: AppContext, tx: Transaction, operation: Operation, now_ms: int) -> None:
    """A charge for an award came in, or was declined. For an award that is over it goes back at once."""
    award = await settlements.find_award(tx, str(operation.award_id))
    if award is None:
        raise RuntimeError(f"operation {operation.operation_id} pays for an award that is not in the books")
    locked = await lock_settlement(tx, operation.lot_id)
    details = {"award_id": award.award_id, "amount_fen": operation.amount_fen, "operation_id": operation.operation_id}
    if operation.status == "failed":
        details["failure"] = operation.failure or ""
        await note(
            tx,
            operation.lot_id,
            locked.settlement.state,
            "payment-declined",
            actor=HOUSE,
            at_ms=now_ms,
            details=details,
        )
        return
    entry = recipes.payment_received(
        operation_id=operation.operation_id,
        lot_id=operation.lot_id,
        bidder_id=operation.bidder_id,
        amount_fen=operation.amount_fen,
    )
    await journal.post(tx, [entry], cause=gateway_cause(operation), at_ms=now_ms)
    if award.status != "due" or operation.amount_fen > award.due_fen:
        await refund_payment(
            tx, operation, JournalAccount.BUYER_RECEIVABLE, now_ms=now_ms, cause=gateway_cause(operation)
        )
        return
    await note(
        tx,
        operation.lot_id,
        locked.settlement.state,
        "payment-received",
        actor=operation.bidder_id,
        at_ms=now_ms,
        details=details,
    )
    received_fen = award.received_fen + operation.amount_fen
    award = await settlements.change_award(tx, award.award_id, received_fen=received_fen)
    await apply_deposits(context, tx, locked, award, now_ms=now_ms, cause=gateway_cause(operation))


async def refund_payment(
    tx: Transaction, paid: Operation, source: JournalAccount, *, now_ms: int, cause: Cause
) -> None:
    """Owe a payment back out of an account, and ask the provider to return it."""
    key_id = f"refund-{paid.operation_id}"
    entry = recipes.refund_owed(
        key_id=key_id, lot_id=paid.lot_id, bidder_id=paid.bidder_id, amount_fen=paid.amount_fen, source=source
    )
    await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
    await operations.intend(tx, [refund_of_payment(paid)], at_ms=now_ms)


def refund_of_payment(paid: Operation) -> Intent:
    """The intent to return a payment, whole."""
    return Intent(
        operation_id=f"refund-{paid.operation_id}",
        kind="refund",
        lot_id=paid.lot_id,
        bidder_id=paid.bidder_id,
        amount_fen=paid.amount_fen,
        provider=paid.provider,
        payment_method=paid.payment_method,
        award_id=paid.award_id,
        target_ref=paid.provider_ref,
    )


async def apply_deposits(
    context: AppContext, tx: Transaction, locked: LockedSettlement, award: Award, *, now_ms: int, cause: Cause
) -> Award:
    """Decide that the winner's deposits pay what is due, capture those only promised, and complete if possible."""
    covered_fen = 0
    promised: list[tuple[Deposit, int]] = []
    for deposit in await held_for(tx, locked.record, locked.terms, award.bidder_id):
        left_fen = award.due_fen - covered_fen
        if not deposit.counts or left_fen <= 0:
            continue
        if not await deposits.decide(tx, [deposit.deposit_id], "apply", reason="paid", award_id=award.award_id):
            # a purse that pays for another lot of the sale by now
            continue
        if not deposit.is_cash:
            promised.append((deposit, left_fen))
        covered_fen += deposit.worth_fen
        if deposit.policy == "purse":
            await restate_power(context, tx, locked.record, award.bidder_id)
    for deposit, left_fen in promised:
        # of several, one may fail: then all of the others is needed, and what is too much goes back
        wanted_fen = min(deposit.amount_fen, left_fen) if len(promised) == 1 else deposit.amount_fen
        await operations.intend(tx, [capture_of(deposit, wanted_fen)], at_ms=now_ms)
    return await complete(tx, locked, award, now_ms=now_ms, cause=cause)


async def complete(tx: Transaction, locked: LockedSettlement, award: Award, *, now_ms: int, cause: Cause) -> Award:
    """Apply the deposits once they are all money and cover what is due; until then they stay held, and nothing is paid.

    A deposit that could not be captured leaves a rest, which the winner pays by another payment.
    """
    waiting = [d for d in await deposits.deposits_for_award(tx, award.award_id) if d.status == "held"]
    if any(not deposit.is_cash for deposit in waiting):
        return award
    if sum(deposit.captured_fen or 0 for deposit in waiting) < award.due_fen:
        return award
    for deposit in waiting:
        award = await _apply(tx, deposit, award, now_ms=now_ms, cause=cause)
    return await _mark_paid(tx, locked, award, now_ms)


async def record_award_capture(tx: Transaction, operation: Operation, deposit: Deposit, now_ms: int) -> None:
    """A deposit was captured, or could not be: what it was captured for goes on."""
    if deposit.disposition == "release" and deposit.is_cash:
        # it was to be kept or applied, and was let go meanwhile
        await return_money(
            tx,
            deposit,
            deposit.captured_fen or 0,
            source=JournalAccount.DEPOSITS_HELD,
            now_ms=now_ms,
            cause=gateway_cause(operation),
        )
        await deposits.change(tx, deposit.deposit_id, status="releasing")
    if deposit.disposition == "forfeit" and deposit.is_cash:
        await forfeit(tx, deposit, now_ms=now_ms, cause=gateway_cause(operation))
    if deposit.disposition in {"apply", "forfeit"}:
        await add_capture_step(tx, operation, deposit, now_ms)
    if deposit.disposition == "apply":
        award = await settlements.find_award(tx, str(deposit.award_id))
        if award is not None and award.status == "due":
            locked = await lock_settlement(tx, award.lot_id)
            await complete(tx, locked, award, now_ms=now_ms, cause=gateway_cause(operation))


async def add_capture_step(tx: Transaction, operation: Operation, deposit: Deposit, now_ms: int) -> None:
    """Write down in the timeline what became of a deposit that was captured."""
    settlement = await settlements.find(tx, operation.lot_id)
    if settlement is None:
        return
    step = "deposit-captured" if deposit.is_cash else "deposit-lapsed"
    details = {"deposit_id": deposit.deposit_id, "amount_fen": deposit.captured_fen or deposit.amount_fen}
    await note(tx, operation.lot_id, settlement.state, step, actor=HOUSE, at_ms=now_ms, details=details)


async def forfeit(tx: Transaction, deposit: Deposit, *, now_ms: int, cause: Cause) -> None:
    """A captured or charged deposit of a defaulter waits in suspense for the waterfall."""
    entry = recipes.deposit_forfeited(
        deposit_id=deposit.deposit_id,
        lot_id=deposit.lot_id,
        bidder_id=deposit.bidder_id,
        amount_fen=deposit.captured_fen or 0,
    )
    await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
    await deposits.end_all(tx, [deposit.deposit_id], "forfeited", at_ms=now_ms)


async def _apply(tx: Transaction, deposit: Deposit, award: Award, *, now_ms: int, cause: Cause) -> Award:
    """Let a deposit that is cash pay; what it is above the due goes back to its bidder."""
    amount_fen = deposit.captured_fen or 0
    entry = recipes.deposit_applied(
        deposit_id=deposit.deposit_id,
        lot_id=deposit.lot_id,
        bidder_id=deposit.bidder_id,
        amount_fen=amount_fen,
        owed_fen=award.due_fen,
    )
    await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
    paid_fen = min(amount_fen, award.due_fen)
    if amount_fen > paid_fen:
        await operations.intend(tx, [refund_of(deposit, amount_fen - paid_fen)], at_ms=now_ms)
    await deposits.end_all(tx, [deposit.deposit_id], "applied", at_ms=now_ms)
    return await settlements.change_award(tx, award.award_id, received_fen=award.received_fen + paid_fen)


async def _mark_paid(tx: Transaction, locked: LockedSettlement, award: Award, now_ms: int) -> Award:
    """Nothing is due any more: the runners-up are free, and a default before this sale knows what the lot fetched."""
    award = await settlements.change_award(tx, award.award_id, status="paid", paid_at_ms=now_ms)
    await move(
        tx,
        locked.lot_id,
        SettlementState.PAID,
        "paid",
        actor=award.bidder_id,
        at_ms=now_ms,
        deadline_at_ms=None,
        details={"award_id": award.award_id, "received_fen": award.received_fen, "paddle": award.paddle},
    )
    await release_remaining(tx, locked, now_ms=now_ms, cause=Cause("lot-event", f"{locked.lot_id}:paid"))
    chain = await defaults.ancestors_of(tx, locked.lot_id)
    for default in await defaults.unresolved_in_chain(tx, chain):
        await defaults.change(tx, default.default_id, resale_lot_id=locked.lot_id, resale_price_fen=award.price_fen)
    return award


async def release_remaining(tx: Transaction, locked: LockedSettlement, *, now_ms: int, cause: Cause) -> None:
    """Let go what is still held for a lot; a purse waits for the other lots of the sale."""
    kept = [deposit for deposit in await deposits.deposits_of_lot(tx, locked.lot_id, locked=True) if deposit.counts]
    purses = [deposit.deposit_id for deposit in kept if deposit.policy == "purse"]
    if purses:
        await deposits.keep_for_runners_up(tx, purses, release_by_ms=now_ms)
    others = [deposit for deposit in kept if deposit.policy != "purse"]
    if others:
        await release_deposits(tx, others, reason="not-needed", now_ms=now_ms, cause=cause)
