"""Requests intended operations from the payment provider, and records their outcomes.

Beside the bid's way. An intent is committed before the provider is called, and resolved in one transaction after it.
After a crash between the two the operation is looked up by its id, and requested again only where the provider does not
know it; its id is the idempotency key as well, for requests that are on their way at once. An outcome comes
with the answer to the call, with a notice of the provider, or from looking the operation up; the first one counts and
the others change nothing. What an outcome means for an award is up to `AppContext.award_outcomes`.
"""

import asyncio
import contextlib
from collections.abc import Sequence

import structlog

from auction.books import catalogue, deposits, faults, operations, settlements
from auction.books.operations import Operation
from auction.books.unit_of_work import Transaction
from auction.domain.errors import AuctionError, BooksAway, PaymentsAway, Unavailable
from auction.domain.states import (
    HOLD_ENDED,
    RELEASE_SUPERSEDED,
    DepositStatus,
    FailureCode,
    OperationKind,
    OperationStatus,
)
from auction.payments.gateway import GatewayAway, Reply, ReplyStatus
from auction.services.context import AppContext
from auction.services.isolation import Stage, record_fault
from auction.services.payments import deposit_outcomes, hold_renewals
from auction.services.payments.provider_requests import request_operation
from auction.services.registration.power_sync import sync_sale_power

LOCKING_TRIES = 3
"""How often what an outcome changes is locked anew, where other awards were given the deposit meanwhile."""

log = structlog.get_logger()

CONCURRENT_CALLS_MAX = 16
"""Calls of the provider under way at a time."""
LOOK_UP_MS_MIN, LOOK_UP_MS_MAX = 1_000, 60_000
"""The first and the longest wait between two look-ups of a pending operation."""
CHANGES_POWER = (OperationKind.HOLD, OperationKind.CHARGE, OperationKind.CAPTURE)
"""Operations on deposits whose outcome may change what the bidder may bid."""


# --- requesting -------------------------------------------------------------------------------------------------------


async def perform(context: AppContext, operation_id: str, *, on_session: bool = False) -> Operation:
    """Request one intended operation now and record the outcome. The operation; a resolved one is not requested again.

    `on_session`: the card's owner asks for it, and can confirm it with their bank.
    Raises PaymentsAway, BooksAway, and LedgerAway where the ledger has to lower a bidder's power first.
    """
    async with context.books.transaction() as tx:
        claimed = await operations.claim(tx, operation_id, now_ms=context.clock_ms())
        if claimed is None:
            return await operations.lock(tx, operation_id)
    return await resolve(context, operation_id, await call_provider(context, claimed, on_session=on_session))


async def perform_due(context: AppContext, *, limit: int = 256) -> int:
    """Request the operations that are due, up to a limit; how many the provider answered. Raises BooksAway."""
    async with context.books.transaction() as tx:
        claimed = await operations.claim_due(tx, now_ms=context.clock_ms(), limit=limit)
        purses = await deposits.purses_among(tx, [one.deposit_id for one in claimed if one.deposit_id is not None])
    slots = asyncio.Semaphore(CONCURRENT_CALLS_MAX)

    async def call(operation: Operation) -> Reply | None:
        async with slots:
            try:
                return await call_provider(context, operation, of_purse=operation.deposit_id in purses)
            except Unavailable as error:
                log.warning("payment_delayed", operation=operation.operation_id, reason=error.code)
                return None

    replies = await asyncio.gather(*map(call, claimed))
    answered = [(one, reply) for one, reply in zip(claimed, replies, strict=True) if reply is not None]
    released = [
        one for one, reply in answered if one.kind is OperationKind.RELEASE and reply.status is ReplyStatus.SUCCEEDED
    ]
    resolved = await _resolve_releases(context, released)
    for one, reply in answered:
        if one.operation_id not in resolved:
            await _resolve_or_set_aside(context, one, reply)
    return len(answered)


async def call_provider(
    context: AppContext, operation: Operation, *, of_purse: bool = True, on_session: bool = False
) -> Reply:
    """What the provider answers. `of_purse`: the operation's deposit may be a purse, which other lots rest on.

    Raises PaymentsAway; where the answer, or the request, cannot be right, the operation is set aside with the error.
    """
    gateway = context.gateway_of(operation.provider)
    if gateway is None:
        raise PaymentsAway(
            f"{operation.operation_id} was requested from {operation.provider}, which is not configured here any more."
        )
    if of_purse:
        await _lower_power_first(context, operation)
    try:
        return await request_operation(context, gateway, operation, on_session=on_session)
    except GatewayAway as error:
        raise PaymentsAway from error
    except Exception as error:
        # an answer that nobody understands, or a fault of the program in this one operation: it delays no other
        log.exception("payment_impossible", operation=operation.operation_id)
        await _set_aside(context, operation, error)
        raise PaymentsAway("The payment provider's answer is not understood; staff have been told.") from error


async def _set_aside(context: AppContext, operation: Operation, error: Exception) -> None:
    """Show an operation with its error, and leave it until it is tried again."""
    fault = await record_fault(context, Stage.PAYMENT, operation.operation_id, operation.lot_id, error)
    async with context.books.transaction() as tx:
        await operations.postpone(tx, operation.operation_id, next_try_at_ms=fault.next_try_at_ms)


async def _lower_power_first(context: AppContext, operation: Operation) -> None:
    """Send the lowered bidding power to the ledger before a purse shrinks that open lots of the sale rest on."""
    if operation.deposit_id is None or operation.kind in {OperationKind.HOLD, OperationKind.CHARGE}:
        return
    async with context.books.reading() as tx:
        deposit = await deposits.find(tx, operation.deposit_id)
        if not deposit.is_purse:
            return
        sale_id = (await catalogue.find_lot(tx, deposit.lot_id)).sale_id
    await sync_sale_power(context, sale_id, deposit.bidder_id)


# --- recording outcomes -----------------------------------------------------------------------------------------------


class DepositMoved(BooksAway):
    """A deposit was given to another lot's award between reading and locking: the next try locks that lot, too."""


async def resolve(context: AppContext, operation_id: str, reply: Reply) -> Operation:
    """Record an operation's outcome and everything that follows from it in one transaction; then update the ledger.

    An operation that is resolved stays as it is, but for a refund that failed after it had succeeded; one that is still
    pending will be looked up later. Raises BooksAway.
    """
    for _ in range(LOCKING_TRIES - 1):
        with contextlib.suppress(DepositMoved):
            return await _resolve(context, operation_id, reply)
    return await _resolve(context, operation_id, reply)


async def _resolve(context: AppContext, operation_id: str, reply: Reply) -> Operation:
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        (before,) = await lock_operations(tx, [operation_id])
        operation = await record_outcome(context, tx, before, reply, now_ms)
        if before.is_resolved or not operation.is_resolved:
            return operation
        sale_id = (await catalogue.find_lot(tx, operation.lot_id)).sale_id
    log.info(
        "payment_resolved", operation=operation_id, kind=operation.kind, status=operation.status, lot=operation.lot_id
    )
    if operation.deposit_id is not None and operation.kind in CHANGES_POWER:
        try:
            await sync_sale_power(context, sale_id, operation.bidder_id)
        except AuctionError as error:
            # the clerk sends what is not synced
            log.info("power_sync_delayed", lot=operation.lot_id, reason=error.code)
    return operation


async def record_outcome(
    context: AppContext, tx: Transaction, operation: Operation, reply: Reply, now_ms: int
) -> Operation:
    """Record an outcome of an operation that is locked, with everything that follows from it. The operation then."""
    if came_back(operation, reply):
        operation = await operations.mark_refund_failed(tx, operation.operation_id, failure=reply.failure, at_ms=now_ms)
        await deposit_outcomes.record_refund_failure(tx, operation, now_ms)
        await context.award_outcomes.record_refund_failure(tx, operation, now_ms)
        return operation
    if operation.is_resolved:
        if operation.kind is OperationKind.HOLD and reply.failure == FailureCode.AUTHENTICATION_MISSING:
            # it was cancelled in the moment in which its owner confirmed it
            await deposit_outcomes.record_hold_cancelled(context, tx, operation, now_ms)
        return operation
    if reply.status is ReplyStatus.PENDING:
        return await _record_pending(context, tx, operation, reply, now_ms)
    operation = await _record_final(tx, operation, reply, now_ms)
    await faults.clear(tx, stage=Stage.PAYMENT, item_ids=[operation.operation_id])
    await _apply_outcome(context, tx, operation, reply, now_ms)
    return operation


async def lock_operations(tx: Transaction, operation_ids: Sequence[str]) -> list[Operation]:
    """Lock everything that outcomes may change: settlements, the operations, their deposits, in this order; by id.

    The order is that of docs/money.md, so that nobody who follows it waits for another in a circle. Raises BooksAway
    where a deposit was given to another lot's award meanwhile: a later try locks that one too.
    """
    lot_ids = await operations.lots_of(tx, operation_ids)
    await settlements.lock_all(tx, lot_ids)
    locked = await operations.lock_all(tx, operation_ids)
    deposit_ids = [one.deposit_id for one in locked if one.deposit_id is not None]
    if deposit_ids:
        found = await deposits.lock_all(tx, deposit_ids)
        # what is not held yet is given to nobody
        is_fixed = all(one.status is DepositStatus.PENDING for one in found)
        if not is_fixed and await operations.lots_of(tx, operation_ids) != lot_ids:
            raise DepositMoved(
                f"A deposit of {', '.join(operation_ids)} was decided about at the same time; nothing was changed."
            )
    return locked


def came_back(operation: Operation, reply: Reply) -> bool:
    """Whether the provider says that a refund which it had confirmed has failed."""
    is_confirmed = operation.kind is OperationKind.REFUND and operation.status is OperationStatus.SUCCEEDED
    return is_confirmed and reply.status is ReplyStatus.FAILED


async def _record_pending(
    context: AppContext, tx: Transaction, operation: Operation, reply: Reply, now_ms: int
) -> Operation:
    next_try_at_ms = now_ms + min(LOOK_UP_MS_MAX, LOOK_UP_MS_MIN * 2 ** min(operation.attempts, 10))
    confirm_by_ms = None
    if reply.requires_action:
        confirm_by_ms = operation.confirm_by_ms or now_ms + context.money.confirm_ms
        next_try_at_ms = min(next_try_at_ms, max(now_ms, confirm_by_ms))
    return await operations.mark_pending(
        tx,
        operation.operation_id,
        provider_ref=reply.ref or None,
        next_try_at_ms=next_try_at_ms,
        confirm_by_ms=confirm_by_ms,
    )


async def _record_final(tx: Transaction, operation: Operation, reply: Reply, now_ms: int) -> Operation:
    ref = reply.ref or None
    if reply.status is ReplyStatus.SUCCEEDED:
        return await operations.mark_succeeded(tx, operation.operation_id, provider_ref=ref, at_ms=now_ms)
    return await operations.mark_failed(
        tx, operation.operation_id, provider_ref=ref, failure=reply.failure, at_ms=now_ms
    )


async def _apply_outcome(context: AppContext, tx: Transaction, operation: Operation, reply: Reply, now_ms: int) -> None:
    """Change deposit, award and journal according to a final outcome."""
    succeeded = operation.status is OperationStatus.SUCCEEDED
    match operation.kind:
        case OperationKind.HOLD | OperationKind.CHARGE:
            await _apply_opening(context, tx, operation, reply, now_ms)
        case OperationKind.CAPTURE:
            if succeeded:
                concerned = await deposit_outcomes.record_capture(tx, operation, reply, now_ms)
            else:
                concerned = await deposit_outcomes.record_lapse(context, tx, operation, reply, now_ms)
            for deposit in concerned:
                await context.award_outcomes.record_capture(tx, operation, deposit, now_ms)
        case OperationKind.RELEASE:
            if succeeded or reply.failure in HOLD_ENDED:
                await deposit_outcomes.record_releases(tx, [operation], now_ms)
            elif reply.failure not in RELEASE_SUPERSEDED:
                # what was captured meanwhile is refunded when that outcome is recorded
                await deposit_outcomes.repeat_operation(tx, operation, now_ms)
        case OperationKind.REFUND:
            if succeeded:
                await deposit_outcomes.record_refund(tx, operation, now_ms)
            else:
                await deposit_outcomes.repeat_operation(tx, operation, now_ms)


async def _apply_opening(context: AppContext, tx: Transaction, operation: Operation, reply: Reply, now_ms: int) -> None:
    """Apply the outcome of a hold or charge: of a deposit, of one that is renewed, or of an award."""
    succeeded = operation.status is OperationStatus.SUCCEEDED
    if hold_renewals.is_renewal(operation):
        if succeeded:
            await hold_renewals.record_renewal(tx, operation, reply, now_ms)
    elif operation.deposit_id is None:
        await context.award_outcomes.record_payment(context, tx, operation, now_ms)
    elif succeeded:
        await deposit_outcomes.record_holds(context, tx, [(operation, reply)], now_ms)
    else:
        await deposit_outcomes.record_decline(tx, operation, reply, now_ms)


async def _resolve_or_set_aside(context: AppContext, operation: Operation, reply: Reply) -> None:
    """Record one outcome of many. One that cannot be recorded is set aside with its error; it delays no other."""
    try:
        await resolve(context, operation.operation_id, reply)
    except Unavailable:
        raise
    except Exception as error:
        log.exception("payment_not_recorded", operation=operation.operation_id)
        await _set_aside(context, operation, error)


async def _resolve_releases(context: AppContext, released: Sequence[Operation]) -> set[str]:
    """Record many successful releases in one transaction: after the close of a busy lot there are thousands.

    The ids of those recorded; none where one of them cannot be: then each is recorded on its own.
    """
    if not released:
        return set()
    now_ms = context.clock_ms()
    try:
        async with context.books.transaction() as tx:
            locked = await operations.lock_all(tx, [one.operation_id for one in released])
            unresolved = [one for one in locked if not one.is_resolved]
            await operations.mark_all_succeeded(tx, [one.operation_id for one in unresolved], at_ms=now_ms)
            await deposit_outcomes.record_releases(tx, unresolved, now_ms)
            await faults.clear(tx, stage=Stage.PAYMENT, item_ids=[one.operation_id for one in unresolved])
    except Unavailable:
        raise
    except Exception:
        log.exception("releases_not_recorded", count=len(released))
        return set()
    log.info("deposits_released", count=len(unresolved))
    return {one.operation_id for one in released}
