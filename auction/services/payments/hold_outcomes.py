"""Records the outcomes of many people's holds in one transaction.

Beside the bid's way. As `gateway_calls.resolve` does for one: the first outcome of an operation counts, and what was
recorded before stays.
"""

from collections.abc import Sequence

import structlog

from auction.books import deposits, faults, hold_batches
from auction.books.deposits import Deposit
from auction.books.operations import Operation
from auction.payments.gateway import Reply, ReplyStatus
from auction.services.context import AppContext
from auction.services.isolation import Stage
from auction.services.payments import deposit_outcomes
from auction.services.payments.gateway_calls import lock_operations, record_outcome

log = structlog.get_logger()


async def record_hold_outcomes(context: AppContext, answered: Sequence[tuple[Operation, Reply]]) -> list[Deposit]:
    """Record what the provider answered to holds or charges of deposits, of different people. The deposits then.

    Raises BooksAway.
    """
    now_ms = context.clock_ms()
    replies = {operation.operation_id: reply for operation, reply in answered}
    after: dict[str, Deposit] = {}
    async with context.books.transaction() as tx:
        locked = await lock_operations(tx, list(replies))
        succeeded: dict[str, str | None] = {}
        for operation in locked:
            reply = replies[operation.operation_id]
            if not operation.is_resolved and reply.status is ReplyStatus.SUCCEEDED:
                succeeded[operation.operation_id] = reply.ref or None
            else:
                await record_outcome(context, tx, operation, reply, now_ms)
        if succeeded:
            opened = await hold_batches.mark_all_opened(tx, succeeded, at_ms=now_ms)
            await faults.clear(tx, stage=Stage.PAYMENT, item_ids=list(succeeded))
            outcomes = [(one, replies[one.operation_id]) for one in opened]
            held = await deposit_outcomes.record_holds(context, tx, outcomes, now_ms)
            after = {one.deposit_id: one for one in held}
        others = [one for one in locked if one.operation_id not in succeeded]
        if others:
            found = await deposits.lock_all(tx, [str(one.deposit_id) for one in others])
            after |= {one.deposit_id: one for one in found}
    for operation in locked:
        if not operation.is_resolved and replies[operation.operation_id].status is not ReplyStatus.PENDING:
            log.info(
                "payment_resolved",
                operation=operation.operation_id,
                kind=operation.kind,
                status=replies[operation.operation_id].status,
                lot=operation.lot_id,
            )
    return [after[str(operation.deposit_id)] for operation, _ in answered]
