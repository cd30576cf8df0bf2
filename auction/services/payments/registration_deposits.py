"""Registers bidders and tops up their deposits: requests the deposit, has it held at the provider, gives the outcome.

Before the bid's way. Each step is taken together with those of all who are at the same step of theirs in this process
(`auction.services.batch_queue`): the requests are one transaction, so are the outcomes of the holds, and so is telling
the ledger the limits; only the provider is asked about each on its own, so many at a time. A crash between the steps
loses nothing: the cashier performs what was requested, the clerk tells the ledger, and whoever repeats the request gets
the outcome.
"""

from dataclasses import replace

from auction.books import deposits
from auction.books.bidders import Registration
from auction.books.deposits import Deposit
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.states import DepositStatus
from auction.services.context import AppContext
from auction.services.payments.gateway_calls import call_provider, perform
from auction.services.payments.hold_outcomes import record_hold_outcomes
from auction.services.registration.hold_intents import IntendedHold, hold_id
from auction.services.registration.power_sync import sync_powers
from auction.services.registration.registration_requests import (
    RegistrationRequest,
    Requested,
    request_registrations,
)
from auction.services.registration.registrations import RegistrationOutcome, outcome_of
from auction.services.registration.top_ups import request_top_up


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
    request = RegistrationRequest(lot_id, bidder_id, name, deposit_fen, payment_method, device)
    async with context.registration_queue.turn(bidder_id):
        steps = context.registration_steps
        requested: Requested = await steps.requests.add(request_registrations, context, request, key=bidder_id)
        if requested.outcome is not None:
            if requested.is_told:
                return requested.outcome
            return replace(requested.outcome, registration=await _told(context, lot_id, bidder_id))
        deposit = None if requested.intended is None else await _held(context, requested.intended)
        return await _outcome(context, lot_id, bidder_id, deposit)


async def top_up(
    context: AppContext, lot_id: str, *, bidder_id: str, amount_fen: int, key: str, payment_method: str | None = None
) -> RegistrationOutcome:
    """Add to a deposit, which raises the limit; under the same key again: the same top-up, not created.

    Raises NotFound, RequestRefused(not-registered, deposit-not-needed, deposit-too-high, deposit-declined,
    payment-method-missing, registration-closed, key-reused), LedgerAway, BooksAway, PaymentsAway, OverCapacity.
    """
    async with context.registration_queue.turn(bidder_id):
        async with context.registration_steps.alone:
            intended, is_new = await request_top_up(
                context,
                lot_id,
                bidder_id=bidder_id,
                amount_fen=amount_fen,
                key=key,
                payment_method=payment_method,
            )
        deposit = await _held(context, intended)
        return replace(await _outcome(context, lot_id, bidder_id, deposit), created=is_new)


async def _held(context: AppContext, intended: IntendedHold) -> Deposit:
    """Have a requested deposit held: as it is then. Raises RequestRefused(deposit-declined), PaymentsAway."""
    deposit, operation = intended.deposit, intended.operation
    steps = context.registration_steps
    if operation is not None:
        async with steps.provider_calls:
            reply = await call_provider(context, operation, of_purse=False, on_session=True)
        deposit = await steps.outcomes.add(record_hold_outcomes, context, (operation, reply), key=operation.bidder_id)
    elif deposit.status is DepositStatus.PENDING:
        # somebody else has requested it, and may not have got so far
        async with steps.alone:
            await perform(context, hold_id(deposit), on_session=True)
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


async def _outcome(context: AppContext, lot_id: str, bidder_id: str, deposit: Deposit | None) -> RegistrationOutcome:
    """What a deposit, or none, has led to, once the ledger knows."""
    return outcome_of(await _told(context, lot_id, bidder_id), deposit)


async def _told(context: AppContext, lot_id: str, bidder_id: str) -> Registration | None:
    """A bidder's registration, which the ledger has been told; None: there is none. Raises LedgerAway, BooksAway."""
    found: Registration | None = await context.registration_steps.powers.add(
        sync_powers, context, (lot_id, bidder_id), key=bidder_id
    )
    return found
