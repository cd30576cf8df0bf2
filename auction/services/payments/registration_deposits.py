"""Registers bidders and tops up their deposits: requests the deposit, has it held at the provider, gives the outcome.

Before the bid's way. A crash between the steps loses nothing: the cashier performs what was requested, and whoever
repeats the request gets the outcome.
"""

from dataclasses import replace

from auction.books import bidders, deposits
from auction.books.deposits import Deposit
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.states import DepositStatus
from auction.ledger.keys import sale_of
from auction.services.context import AppContext
from auction.services.payments.gateway_calls import perform
from auction.services.registration import registrations
from auction.services.registration.registrations import RegistrationOutcome


async def register(
    context: AppContext,
    lot_id: str,
    *,
    bidder_id: str,
    name: str,
    deposit_fen: int | None = None,
    payment_method: str | None = None,
    device: str | None = None,
) -> RegistrationOutcome:
    """Register a bidder for a lot, holding the deposit first; repeated: the same registration, not created.

    Raises NotFound, RequestRefused(registration-closed, deposit-too-low, deposit-too-high, deposit-declined,
    payment-method-missing, bidder-barred), LedgerAway, BooksAway, PaymentsAway, OverCapacity.
    """
    async with context.registration_queue.turn():
        requested = await registrations.request_registration(
            context,
            lot_id,
            bidder_id=bidder_id,
            name=name,
            deposit_fen=deposit_fen,
            payment_method=payment_method,
            device=device,
        )
        if requested.deposit is None:
            return requested
        await _reserve_paddle(context, lot_id, bidder_id)
        deposit = await _hold(context, requested.deposit)
        return await registrations.outcome_of(context, lot_id, bidder_id, deposit)


async def top_up(
    context: AppContext, lot_id: str, *, bidder_id: str, amount_fen: int, key: str, payment_method: str | None = None
) -> RegistrationOutcome:
    """Add to a deposit, which raises the limit; under the same key again: the same top-up, not created.

    Raises NotFound, RequestRefused(not-registered, deposit-not-needed, deposit-too-high, deposit-declined,
    payment-method-missing, registration-closed, key-reused), LedgerAway, BooksAway, PaymentsAway, OverCapacity.
    """
    async with context.registration_queue.turn():
        requested, is_new = await registrations.request_top_up(
            context,
            lot_id,
            bidder_id=bidder_id,
            amount_fen=amount_fen,
            key=key,
            payment_method=payment_method,
        )
        deposit = await _hold(context, requested)
        return replace(await registrations.outcome_of(context, lot_id, bidder_id, deposit), created=is_new)


async def _reserve_paddle(context: AppContext, lot_id: str, bidder_id: str) -> None:
    """Assign a bidder's number on a lot's sale before their deposit is held, in a transaction of its own.

    Where the hold's outcome assigned it, each would lock the sale until it has recorded all that follows. Not awaited
    on the disk: what is committed later is written after it. Raises BooksAway.
    """
    async with context.books.transaction() as tx:
        await tx.commit_lazily()
        await bidders.assign_paddle(tx, sale_id=sale_of(lot_id), bidder_id=bidder_id)


async def _hold(context: AppContext, deposit: Deposit) -> Deposit:
    """Have a pending deposit held: as it is then. Raises RequestRefused(deposit-declined), PaymentsAway."""
    if deposit.status is DepositStatus.PENDING:
        await perform(context, registrations.hold_id(deposit))
        async with context.books.reading() as tx:
            deposit = await deposits.find(tx, deposit.deposit_id)
    if deposit.status is DepositStatus.FAILED:
        raise RequestRefused(
            ProblemCode.DEPOSIT_DECLINED,
            f"The deposit of {context.money.text(deposit.amount_fen)} was declined ({deposit.reason}); nothing was "
            "charged. Try another payment method.",
            {"failure": deposit.reason, "amount_fen": deposit.amount_fen},
        )
    return deposit
