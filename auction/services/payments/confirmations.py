"""Confirming a hold or charge with the card's bank (3-D Secure): opened by its owner, recorded, or cancelled.

Beside the bid's way. What waits for its owner is a pending operation with `confirm_by_ms`; after that time the cashier
ends it at the provider (`provider_requests`), so that another card can be used. Everything here asks the provider how
far it is, and its answer counts: a cancellation that comes too late has succeeded as a payment.
"""

from dataclasses import dataclass, field

from auction.books import operations, waiting_operations
from auction.books.deposits import Deposit
from auction.books.operations import Operation
from auction.domain.errors import NotFound, PaymentsAway, ProblemCode
from auction.domain.states import DepositStatus
from auction.payments.gateway import GatewayAway, HouseConfirmation, PaymentGateway
from auction.services.context import AppContext
from auction.services.payments.gateway_calls import perform, resolve
from auction.services.registration.hold_intents import hold_id


@dataclass(frozen=True, slots=True)
class OpenedConfirmation:
    """A hold or charge, and what its owner's page opens the provider's dialog with."""

    operation: Operation
    publishable_key: str | None = None
    """None: the house's page shows a form of its own."""
    client_secret: str | None = field(default=None, repr=False)


async def waiting_confirmations(context: AppContext, bidder_id: str) -> list[Operation]:
    """What a bidder is to confirm with their bank, oldest first."""
    async with context.books.reading() as tx:
        return await waiting_operations.waiting_for_owner(tx, bidder_id)


async def unconfirmed_hold(context: AppContext, deposit: Deposit | None) -> Operation | None:
    """What a bidder is to confirm before a pending deposit is held; None: nothing."""
    if deposit is None or deposit.status is not DepositStatus.PENDING:
        return None
    async with context.books.reading() as tx:
        found = await operations.find(tx, hold_id(deposit))
    return found if found.waits_for_owner else None


async def open_confirmation(context: AppContext, operation_id: str, *, bidder_id: str) -> OpenedConfirmation:
    """Have the provider ask the card's owner; a decided operation is not asked about.

    The secret comes from the provider each time, and is stored nowhere. Raises NotFound(confirmation-unknown),
    PaymentsAway, BooksAway.
    """
    operation, gateway = await _own(context, operation_id, bidder_id)
    if not operation.waits_for_owner or operation.provider_ref is None:
        return OpenedConfirmation(operation)
    try:
        opened = await gateway.open_confirmation(
            operation_id, operation.kind, ref=operation.provider_ref, payment_method=operation.payment_method
        )
    except GatewayAway as error:
        raise PaymentsAway from error
    if not opened.reply.requires_action:
        operation = await resolve(context, operation_id, opened.reply)
    return OpenedConfirmation(operation, gateway.publishable_key, opened.client_secret)


async def finish_confirmation(
    context: AppContext, operation_id: str, *, bidder_id: str, confirmed: bool | None = None
) -> Operation:
    """Record what came of a confirmation: the operation. `confirmed`: what was said in a form of the house's own.

    Providers with their own dialog know it, and `confirmed` is ignored. Raises NotFound(confirmation-unknown),
    PaymentsAway, BooksAway.
    """
    operation, gateway = await _own(context, operation_id, bidder_id)
    if confirmed is not None and isinstance(gateway, HouseConfirmation):
        try:
            await gateway.answer_confirmation(operation_id, confirmed=confirmed)
        except GatewayAway as error:
            raise PaymentsAway from error
    return operation if operation.is_resolved else await perform(context, operation_id, on_session=True)


async def cancel_confirmation(context: AppContext, operation_id: str, *, bidder_id: str) -> Operation:
    """Give up what waits for its owner: the operation, which has failed unless it was decided before.

    What does not wait for its owner stays as it is. Raises NotFound(confirmation-unknown), PaymentsAway, BooksAway.
    """
    operation, _ = await _own(context, operation_id, bidder_id)
    if operation.is_resolved:
        return operation
    async with context.books.transaction() as tx:
        await waiting_operations.end_waiting(tx, operation_id, at_ms=context.clock_ms())
    return await perform(context, operation_id, on_session=True)


async def _own(context: AppContext, operation_id: str, bidder_id: str) -> tuple[Operation, PaymentGateway]:
    async with context.books.reading() as tx:
        operation = await waiting_operations.find_opening(tx, operation_id, bidder_id)
    gateway = None if operation is None else context.gateway_of(operation.provider)
    if operation is None or gateway is None:
        raise NotFound(ProblemCode.CONFIRMATION_UNKNOWN, "You have no such payment to confirm.")
    return operation, gateway
