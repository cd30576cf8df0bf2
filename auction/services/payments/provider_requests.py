"""Requests one operation from its provider: looks it up first where it may be known, and ends what waits too long.

Beside the bid's way. Nothing is recorded here but the provider's id of what it prepared;
`auction.services.payments.gateway_calls` records the outcome.
"""

from typing import Any

from auction.books import operations
from auction.books.operations import Operation
from auction.domain.states import FailureCode, OperationKind, OperationStatus
from auction.payments.gateway import GatewayAway, PaymentGateway, Reply, ReplyStatus
from auction.services.context import AppContext
from auction.services.payments.hold_renewals import is_renewal

KEY_MS = 23 * 3_600_000
"""How long an idempotency key is relied on; Stripe keeps one for at least 24 hours."""


async def request_operation(
    context: AppContext, gateway: PaymentGateway, operation: Operation, *, on_session: bool
) -> Reply:
    """Request an operation; end one that its card's owner was to confirm, and has not in time. Raises GatewayAway.

    `on_session`: the card's owner asks for it, and can confirm it with their bank.
    """
    reply = await _ask(context, gateway, operation, on_session=on_session)
    if reply.requires_action and _is_over(operation, context.clock_ms()):
        return await gateway.cancel(operation.operation_id, operation.kind, ref=reply.ref)
    return reply


def _is_over(operation: Operation, now_ms: int) -> bool:
    """Whether nobody is to confirm an operation any more. Of renewals nobody is told, as the deposit goes on."""
    is_late = operation.confirm_by_ms is not None and now_ms >= operation.confirm_by_ms
    return is_late or operation.abandon_asked_at_ms is not None or is_renewal(operation)


async def _ask(context: AppContext, gateway: PaymentGateway, operation: Operation, *, on_session: bool) -> Reply:
    """Request an operation; from the second time on only where a look-up finds nothing of it. Raises GatewayAway.

    The answer to an earlier request may have been lost, and the provider forgets idempotency keys. So what may take
    money twice is not repeated once its key may be forgotten: then it is known that the provider does not have it.
    """
    operation_id = operation.operation_id
    ref = operation.provider_ref
    is_given_up = operation.abandon_asked_at_ms is not None
    may_be_known = operation.attempts > 1 or operation.status is OperationStatus.PENDING
    if may_be_known or is_given_up:
        known = await gateway.look_up(operation_id, operation.kind, operation.target_ref or operation.provider_ref)
        if known is not None and not known.is_prepared:
            return known
        ref = None if known is None else known.ref
        moves_money = operation.is_opening or operation.kind is OperationKind.REFUND
        is_unsure = moves_money and known is None and context.clock_ms() - operation.created_at_ms >= KEY_MS
        if is_given_up or is_unsure:
            return Reply(ReplyStatus.FAILED, "", failure=FailureCode.ABANDONED)
    if operation.previous_id is not None and operation.kind is OperationKind.REFUND:
        before = await gateway.look_up(operation.previous_id, operation.kind, operation.target_ref)
        if before is not None and before.status is ReplyStatus.SUCCEEDED:
            # it had come through after all: nothing is refunded twice
            return before
        if before is not None and before.status is ReplyStatus.PENDING:
            raise GatewayAway(f"{operation.previous_id} is not decided yet")
    match operation.kind:
        case OperationKind.HOLD | OperationKind.CHARGE:
            return await _open(context, gateway, operation, ref, on_session=on_session)
        case OperationKind.CAPTURE:
            return await gateway.capture(operation_id, ref=str(operation.target_ref), amount_fen=operation.amount_fen)
        case OperationKind.RELEASE:
            return await gateway.release(operation_id, ref=str(operation.target_ref))
        case OperationKind.REFUND:
            return await gateway.refund(operation_id, ref=str(operation.target_ref), amount_fen=operation.amount_fen)


async def _open(
    context: AppContext, gateway: PaymentGateway, operation: Operation, prepared_ref: str | None, *, on_session: bool
) -> Reply:
    """Request a hold or charge, in two steps where the provider has them: the object is stored before it takes money.

    So whoever asks again, however late, asks about that one object. Raises GatewayAway, BooksAway.
    """
    operation_id, kind = operation.operation_id, operation.kind
    asked: dict[str, Any] = {
        "amount_fen": operation.amount_fen,
        "payment_method": operation.payment_method,
        "payer": operation.bidder_id,
    }
    ref = prepared_ref
    if ref is None:
        prepared = await gateway.prepare(operation_id, kind, **asked, attempt=operation.attempts)
        if prepared is not None and not prepared.is_prepared:
            return prepared
        ref = None if prepared is None else prepared.ref
    if ref is not None:
        async with context.books.transaction() as tx:
            ref = await operations.note_ref(tx, operation_id, ref)
    take = gateway.hold if kind is OperationKind.HOLD else gateway.charge
    return await take(operation_id, **asked, ref=ref, on_session=on_session)
