"""Declares a lot void after it closed: everything is reversed and everybody gets their money back. Two persons."""

from dataclasses import replace

from auction.books import defaults, deposits, journal, operations, settlements
from auction.books.defaults import Approval
from auction.books.deposits import Deposit
from auction.books.journal import Cause
from auction.books.settlements import Award
from auction.books.unit_of_work import Transaction
from auction.domain import journal as recipes
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.journal import JournalAccount
from auction.domain.states import SettlementState
from auction.services.context import AppContext
from auction.services.payments.deposit_outcomes import refund_of, return_money
from auction.services.settlement.dual_control import ask_or_agree
from auction.services.settlement.payment_outcomes import refund_of_payment, refund_payment, release_remaining
from auction.services.settlement.transitions import LockedSettlement, lock_settlement, move


async def void_settlement(context: AppContext, lot_id: str, *, actor: str, reason: str) -> Approval | None:
    """Undo a closed lot before it is settled: two persons must want it. The request that waits, or None: done.

    Raises NotFound(settlement-unknown), WrongState, RequestRefused(same-person, payment-pending).
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id, "void")
        waiting = await ask_or_agree(
            tx, lot_id, "void", actor=actor, reason=reason, now_ms=now_ms, since_ms=locked.settlement.changed_at_ms
        )
        if waiting is not None:
            return waiting
        cause = Cause("staff-action", f"void:{lot_id}:{actor}")
        award = await settlements.live_award(tx, lot_id)
        if award is not None:
            await _undo(tx, award, now_ms=now_ms, cause=cause)
        offer = await settlements.open_offer(tx, lot_id)
        if offer is not None:
            await settlements.answer_offer(tx, offer.offer_id, "withdrawn", at_ms=now_ms)
        await _return_forfeited(tx, locked, now_ms=now_ms, cause=cause)
        await release_remaining(tx, locked, now_ms=now_ms, cause=cause)
        await move(
            tx,
            lot_id,
            SettlementState.VOID,
            "void",
            actor=actor,
            at_ms=now_ms,
            deadline_at_ms=None,
            reason=reason,
            details={"award_id": None if award is None else award.award_id},
        )
    return None


async def _undo(tx: Transaction, award: Award, *, now_ms: int, cause: Cause) -> None:
    """Reverse an award, due or paid, and give back all that came in for it."""
    asked = await operations.operations_of_award(tx, award.award_id)
    if any(one.kind == "charge" and not one.resolved for one in asked):
        raise RequestRefused(
            ProblemCode.PAYMENT_PENDING, "A payment for this award is under way; wait for what becomes of it."
        )
    reverse = recipes.award_reversed if award.status == "due" else recipes.sale_reversed
    entry = reverse(
        award_id=award.award_id,
        lot_id=award.lot_id,
        bidder_id=award.bidder_id,
        price_fen=award.price_fen,
        fee_fen=award.fee_fen,
    )
    await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
    for deposit in await deposits.redirect(tx, award.award_id, "release", reason="void"):
        if deposit.is_cash:
            await return_money(
                tx,
                deposit,
                deposit.captured_fen or 0,
                source=JournalAccount.DEPOSITS_HELD,
                now_ms=now_ms,
                cause=cause,
            )
            await deposits.change(tx, deposit.deposit_id, status="releasing")
    given_back = {one.operation_id for one in asked if one.kind == "refund"}
    paid = [
        one
        for one in asked
        if one.kind == "charge" and one.status == "succeeded" and f"refund-{one.operation_id}" not in given_back
    ]
    applied = [one for one in await deposits.deposits_for_award(tx, award.award_id) if one.status == "applied"]
    if award.status == "due":
        for one in paid:
            await refund_payment(tx, one, JournalAccount.BUYER_RECEIVABLE, now_ms=now_ms, cause=cause)
    else:
        # the reversal made the house owe it all
        await operations.intend(tx, [refund_of_payment(one) for one in paid], at_ms=now_ms)
        left_fen = award.received_fen - sum(one.amount_fen for one in paid)
        for deposit in applied:
            # what was above the due went back when the deposit was applied
            part_fen = min(left_fen, deposit.captured_fen or 0)
            left_fen -= part_fen
            if part_fen:
                await _intend_return(tx, deposit, part_fen, now_ms)
        await _forget_resale(tx, award.lot_id)
    await settlements.change_award(tx, award.award_id, status="void")


async def _forget_resale(tx: Transaction, lot_id: str) -> None:
    """Defaults that are not shared out yet wait for another resale: this one is none."""
    for default in await defaults.unresolved_in_chain(tx, await defaults.ancestors_of(tx, lot_id)):
        if default.resale_lot_id == lot_id:
            await defaults.change(tx, default.default_id, resale_lot_id=None, resale_price_fen=None)


async def _intend_return(tx: Transaction, deposit: Deposit, amount_fen: int, now_ms: int) -> None:
    """A refund of its own name: the part above the due may have been refunded under the deposit's."""
    refund = refund_of(deposit, amount_fen)
    again = replace(refund, operation_id=f"{refund.operation_id}-void")
    await operations.intend(tx, [again], at_ms=now_ms)


async def _return_forfeited(tx: Transaction, locked: LockedSettlement, *, now_ms: int, cause: Cause) -> None:
    """Forfeited deposits that are not shared out go back; their defaults do not count."""
    for default in await defaults.of_lot(tx, locked.lot_id):
        if default.status not in {"collecting", "collected"}:
            continue
        theirs = await deposits.deposits_for_award(tx, default.default_id)
        if any(deposit.status == "held" for deposit in theirs):
            raise RequestRefused(
                ProblemCode.PAYMENT_PENDING, "A forfeited deposit is being captured; wait for what becomes of it."
            )
        for deposit in theirs:
            if deposit.status == "forfeited":
                entry = recipes.forfeiture_returned(
                    deposit_id=deposit.deposit_id,
                    lot_id=deposit.lot_id,
                    bidder_id=deposit.bidder_id,
                    amount_fen=deposit.captured_fen or 0,
                )
                await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
                await _intend_return(tx, deposit, deposit.captured_fen or 0, now_ms)
        await defaults.change(tx, default.default_id, status="returned", resolved_at_ms=now_ms)
