"""States which deposits are to be held: each with the intent to hold it, claimed for whoever requested it.

Beside the bid's way. Whoever requested it calls the provider as soon as that is committed; the cashier does so after a
crash, and looks the operation up first.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from auction.books import hold_batches, registration_batches
from auction.books.catalogue import LotRecord
from auction.books.deposits import Deposit
from auction.books.operations import Intent, Operation
from auction.books.registration_batches import DepositRequest
from auction.books.unit_of_work import Transaction
from auction.domain.states import DepositMethod, OperationKind
from auction.domain.terms import Terms
from auction.services.context import AppContext


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """A deposit in fen that a bidder wants to put down for a lot, by a payment method as the provider knows it."""

    record: LotRecord
    terms: Terms
    bidder_id: str
    request_key: str
    amount_fen: int
    payment_method: str


@dataclass(frozen=True, slots=True)
class IntendedHold:
    """A requested deposit, and the operation that is to hold it; None: it was requested before, by somebody else."""

    deposit: Deposit
    operation: Operation | None


def hold_id(deposit: Deposit) -> str:
    """The id of the operation that holds a deposit."""
    return f"hold-{deposit.deposit_id}"


async def intend_holds(
    context: AppContext, tx: Transaction, requests: Sequence[HoldRequest], *, now_ms: int
) -> list[IntendedHold]:
    """Add pending deposits and the intents to hold them; of one requested before under the same key: that one."""
    if not requests:
        return []
    wanted = [
        DepositRequest(
            deposit_id=f"d{secrets.token_hex(8)}",
            lot_id=one.record.lot_id,
            bidder_id=one.bidder_id,
            request_key=one.request_key,
            policy=one.terms.deposit.kind,
            method=context.money.deposit_method,
            amount_fen=one.amount_fen,
            payment_method=one.payment_method,
            provider=context.gateway.provider,
        )
        for one in requests
    ]
    requested = await registration_batches.request_deposits(tx, wanted, at_ms=now_ms)
    intents = [_intent(deposit) for deposit, is_new in requested if is_new]
    claimed = {one.operation_id: one for one in await hold_batches.intend_claimed(tx, intents, at_ms=now_ms)}
    return [IntendedHold(deposit, claimed.get(hold_id(deposit))) for deposit, _ in requested]


def _intent(deposit: Deposit) -> Intent:
    return Intent(
        operation_id=hold_id(deposit),
        kind=OperationKind.CHARGE if deposit.method is DepositMethod.CHARGE else OperationKind.HOLD,
        lot_id=deposit.lot_id,
        bidder_id=deposit.bidder_id,
        amount_fen=deposit.amount_fen,
        provider=deposit.provider,
        payment_method=deposit.payment_method,
        deposit_id=deposit.deposit_id,
    )
