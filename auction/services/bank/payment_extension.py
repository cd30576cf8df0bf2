"""Extends the time to pay an award, once, while a bank transfer is on its way."""

from auction.books import audit, settlements
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.states import SettlementAction, StepName
from auction.services.context import AppContext
from auction.services.settlement.transitions import add_step, check_allowed, lock_settlement

TRANSFER_EXTENSION_MS = 72 * 3_600_000


async def extend_payment(context: AppContext, lot_id: str, *, actor: str, reason: str) -> None:
    """Give a winner 72 hours more to pay, once an award.

    Raises NotFound(settlement-unknown), RequestRefused(already-extended), WrongState, BooksAway.
    """
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        locked = await lock_settlement(tx, lot_id)
        check_allowed(locked.settlement, SettlementAction.PAY)
        award = await settlements.live_award(tx, lot_id)
        if award is None:
            raise RuntimeError(f"lot {lot_id} is awarded and has no award")
        if award.transfer_until_ms is not None:
            raise RequestRefused(
                ProblemCode.ALREADY_EXTENDED,
                "The time to pay this lot was extended already; that can be done once.",
                {"pay_by_ms": award.pay_by_ms},
            )
        award = await settlements.extend_for_transfer(tx, award.award_id, by_ms=TRANSFER_EXTENSION_MS)
        await settlements.set_deadline(tx, lot_id, deadline_at_ms=award.default_at_ms)
        details = {"award_id": award.award_id, "pay_by_ms": award.pay_by_ms}
        await audit.record_action(
            tx, actor=actor, action="extend-payment", lot_id=lot_id, reason=reason, details=details
        )
        await add_step(
            tx,
            lot_id,
            locked.settlement.state,
            StepName.PAYMENT_EXTENDED,
            actor=actor,
            at_ms=now_ms,
            reason=reason,
            details=details,
        )
