"""Asks the payment provider for what the books intend, and writes down what it answers.

Beside the bid's way. An intent is committed before the provider is asked and resolved in one transaction after; its id
is the provider's idempotency key, so a crash between the two is mended by asking again. Answers come from the call,
from a notice of the provider or from looking it up; whichever is first counts, the others change nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from auction.books import catalogue, deposits, operations, settlements
from auction.books.operations import Operation
from auction.books.unit_of_work import StatementRejected, Transaction
from auction.domain.errors import AuctionError, NotFound, PaymentsAway, ProblemCode, RequestRefused, Unavailable
from auction.domain.states import FailureCode, OperationKind
from auction.payments.gateway import GatewayAway, NoticeRefused, Reply, ReplyStatus
from auction.services.context import AppContext
from auction.services.payments import deposit_outcomes as money
from auction.services.registration.bidding_power import sync_sale_power
from auction.services.settlement import payment_outcomes

log = structlog.get_logger()

USUAL_METHOD = "sandbox-ok"
"""What is paid with where nothing is said: the sandbox takes it, a real provider declines it."""
AT_ONCE = 16
"""Questions to the provider that are under way at a time."""
LOOK_UP_MS_MIN, LOOK_UP_MS_MAX = 1_000, 60_000
"""How long after its first answer a pending operation is looked up, and how rarely in the end."""


async def perform(context: AppContext, operation_id: str) -> Operation:
    """Ask for one operation now and write the answer down; resolved before: as it was.

    Raises PaymentsAway, BooksAway, LedgerAway (where the ledger has to hear of a deposit first).
    """
    async with context.books.transaction() as tx:
        claimed = await operations.claim(tx, operation_id, now_ms=context.clock_ms())
        if claimed is None:
            return await operations.lock(tx, operation_id)
    return await resolve(context, operation_id, await _ask(context, claimed))


async def perform_due(context: AppContext, *, limit: int = 256) -> int:
    """Ask for everything that is due; how many answers were written down. Raises BooksAway."""
    async with context.books.transaction() as tx:
        claimed = await operations.claim_due(tx, now_ms=context.clock_ms(), limit=limit)
        shared = await deposits.purses_among(tx, [one.deposit_id for one in claimed if one.deposit_id is not None])
    turns = asyncio.Semaphore(AT_ONCE)

    async def answer(operation: Operation) -> Reply | None:
        async with turns:
            try:
                return await _ask(context, operation, lowers_power=operation.deposit_id in shared)
            except Unavailable as error:
                log.warning("payment_waits", operation=operation.operation_id, reason=error.code)
                return None
            except ValueError:
                # a fault of ours in this one operation: it shows as stuck, and holds nothing else up
                log.exception("payment_impossible", operation=operation.operation_id)
                return None

    replies = await asyncio.gather(*map(answer, claimed))
    answered = [(one, reply) for one, reply in zip(claimed, replies, strict=True) if reply is not None]
    released = [one for one, reply in answered if one.kind == "release" and reply.status is ReplyStatus.SUCCEEDED]
    await _resolve_releases(context, released)
    done = {one.operation_id for one in released}
    for one, reply in answered:
        if one.operation_id not in done:
            await _resolve_alone(context, one.operation_id, reply)
    return len(answered)


async def _resolve_alone(context: AppContext, operation_id: str, reply: Reply) -> None:
    """Write one answer of many down; one that the books do not take shows as stuck, and holds nothing else up."""
    try:
        await resolve(context, operation_id, reply)
    except (StatementRejected, ValueError, RuntimeError):
        log.exception("payment_not_written_down", operation=operation_id)


async def take_notice(context: AppContext, provider: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Take in what a provider says unasked; False: genuine, and nothing of ours.

    Raises NotFound(provider-unknown), RequestRefused(notice-refused).
    """
    if provider != context.gateway.provider:
        raise NotFound(
            ProblemCode.PROVIDER_UNKNOWN,
            f"This house is paid through {context.gateway.provider}.",
            {"provider": provider[:64]},
        )
    try:
        notice = context.gateway.read_notice(body, headers, context.clock_ms() / 1000)
    except NoticeRefused as error:
        raise RequestRefused(ProblemCode.NOTICE_REFUSED, f"The notice is not accepted: {error}.") from None
    if notice is None:
        return False
    async with context.books.reading() as tx:
        found = await operations.find_by_notice(
            tx, operation_id=notice.operation_id, kind=str(notice.kind), ref=notice.ref
        )
    if found is None:
        return False
    await resolve(context, found.operation_id, notice.reply)
    return True


async def resolve(context: AppContext, operation_id: str, reply: Reply) -> Operation:
    """Write an answer down, once, with all that follows from it; then tell the ledger what changed for it."""
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        operation = await operations.find(tx, operation_id)
        # the settlement first: whoever moves it reads the operations of its lot
        await settlements.lock(tx, operation.lot_id)
        operation = await operations.lock(tx, operation_id)
        if operation.resolved:
            return operation
        if reply.status is ReplyStatus.PENDING:
            await _wait_for(tx, operation, reply, now_ms)
            return await operations.lock(tx, operation_id)
        await operations.change(
            tx,
            operation_id,
            status=str(reply.status),
            provider_ref=reply.ref or None,
            failure=reply.failure,
            resolved_at_ms=now_ms,
        )
        operation = await operations.lock(tx, operation_id)
        await _follow(context, tx, operation, reply, now_ms)
        sale_id = (await catalogue.find_lot(tx, operation.lot_id)).sale_id
    log.info(
        "payment_resolved", operation=operation_id, kind=operation.kind, status=operation.status, lot=operation.lot_id
    )
    if operation.deposit_id is not None and operation.kind in {"hold", "charge", "capture"}:
        try:
            await sync_sale_power(context, sale_id, operation.bidder_id)
        except AuctionError as error:
            # the clerk tells what is untold
            log.info("power_told_later", lot=operation.lot_id, reason=error.code)
    return operation


async def _ask(context: AppContext, operation: Operation, *, lowers_power: bool = True) -> Reply:
    """What the provider says; `lowers_power`: other lots may rest on the deposit that this is about."""
    gateway, operation_id = context.gateway, operation.operation_id
    if operation.provider != gateway.provider:
        raise PaymentsAway(f"{operation_id} was asked of {operation.provider}, which this house does not use any more.")
    if lowers_power:
        await _lower_power_first(context, operation)
    try:
        if operation.status == "pending":
            known = await gateway.look_up(operation_id, OperationKind(operation.kind), _ref(operation))
            if known is not None:
                return known
        match OperationKind(operation.kind):
            case OperationKind.HOLD:
                return await gateway.hold(
                    operation_id,
                    amount_fen=operation.amount_fen,
                    payment_method=operation.payment_method,
                    payer=operation.bidder_id,
                )
            case OperationKind.CHARGE:
                return await gateway.charge(
                    operation_id,
                    amount_fen=operation.amount_fen,
                    payment_method=operation.payment_method,
                    payer=operation.bidder_id,
                )
            case OperationKind.CAPTURE:
                return await gateway.capture(
                    operation_id, ref=str(operation.target_ref), amount_fen=operation.amount_fen
                )
            case OperationKind.RELEASE:
                return await gateway.release(operation_id, ref=str(operation.target_ref))
            case OperationKind.REFUND:
                return await gateway.refund(
                    operation_id, ref=str(operation.target_ref), amount_fen=operation.amount_fen
                )
    except GatewayAway as error:
        raise PaymentsAway from error


async def _lower_power_first(context: AppContext, operation: Operation) -> None:
    """Where other lots of the sale are open on the same purse, the ledger hears of the lower one before it shrinks."""
    if operation.deposit_id is None or operation.kind in {"hold", "charge"}:
        return
    async with context.books.reading() as tx:
        deposit = await deposits.find(tx, operation.deposit_id)
        if deposit.policy != "purse":
            return
        sale_id = (await catalogue.find_lot(tx, deposit.lot_id)).sale_id
    await sync_sale_power(context, sale_id, deposit.bidder_id)


def _ref(operation: Operation) -> str | None:
    return operation.target_ref or operation.provider_ref


async def _wait_for(tx: Transaction, operation: Operation, reply: Reply, now_ms: int) -> None:
    wait_ms = min(LOOK_UP_MS_MAX, LOOK_UP_MS_MIN * 2 ** min(operation.attempts, 10))
    await operations.change(
        tx,
        operation.operation_id,
        status="pending",
        provider_ref=reply.ref or None,
        next_try_at_ms=now_ms + wait_ms,
    )


async def _follow(context: AppContext, tx: Transaction, operation: Operation, reply: Reply, now_ms: int) -> None:
    """What an answer that is final brings about."""
    done = reply.status is ReplyStatus.SUCCEEDED
    match OperationKind(operation.kind):
        case OperationKind.HOLD | OperationKind.CHARGE if operation.deposit_id is not None:
            if done:
                await money.record_hold(context, tx, operation, reply, now_ms)
            else:
                await money.record_decline(tx, operation, reply, now_ms)
        case OperationKind.HOLD | OperationKind.CHARGE:
            await payment_outcomes.record_payment(context, tx, operation, now_ms)
        case OperationKind.CAPTURE:
            if done:
                deposit = await money.record_capture(tx, operation, reply, now_ms)
            else:
                deposit = await money.record_lapse(context, tx, operation, reply, now_ms)
            await payment_outcomes.record_award_capture(tx, operation, deposit, now_ms)
        case OperationKind.RELEASE:
            if done or reply.failure in money.GONE:
                await money.record_releases(tx, [operation], now_ms)
            elif reply.failure != FailureCode.ALREADY_CAPTURED:
                # what was captured meanwhile goes back as money, when that answer is written down
                await money.retry_operation(tx, operation, now_ms)
        case OperationKind.REFUND:
            if done:
                await money.record_refund(tx, operation, now_ms)
            else:
                await money.retry_operation(tx, operation, now_ms)


async def _resolve_releases(context: AppContext, released: Sequence[Operation]) -> None:
    """Write many releases down in one transaction: after a storm there are thousands."""
    if not released:
        return
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        mine = await operations.lock_all(tx, [one.operation_id for one in released])
        waiting = [one for one in mine if not one.resolved]
        await operations.resolve_all(tx, [one.operation_id for one in waiting], status="succeeded", at_ms=now_ms)
        await money.record_releases(tx, waiting, now_ms)
    log.info("deposits_released", count=len(waiting))
