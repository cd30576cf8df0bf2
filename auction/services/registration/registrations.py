"""Requests registrations and top-ups of deposits: checks them, and states which deposit is to be held.

Beside the bid's way. Nothing here calls the payment provider: `auction.services.payments.registration_deposits` does,
and the provider's answer registers the bidder (`auction.services.payments.deposit_outcomes.record_hold`), whoever
brings it. So nobody is admitted on a deposit that is not held.
"""

import hashlib
import secrets
from dataclasses import dataclass

from auction.books import bidders, deposits, operations
from auction.books.bidders import Registration
from auction.books.catalogue import DRAFT, LotRecord
from auction.books.deposits import REGISTRATION, Deposit
from auction.books.operations import Intent
from auction.books.unit_of_work import Transaction
from auction.domain.currency import Currency
from auction.domain.deposits import Power
from auction.domain.errors import ProblemCode, RefusalCode, RequestRefused
from auction.domain.lot import ADMITTING
from auction.domain.money import FEN_MAX
from auction.domain.settlement import barred_until_ms, required_deposit_fen
from auction.domain.states import DepositMethod, DepositReason, DepositStatus, OperationKind
from auction.domain.terms import Terms
from auction.domain.terms_reader import read_terms
from auction.services.catalogue.lot_views import visible_lot
from auction.services.context import AppContext
from auction.services.registration.bidding_power import (
    deposits_for,
    disputing,
    is_barred_from,
    link,
    past_defaults,
    power_of_deposits,
    restate_power,
    sync_power,
)
from auction.services.registration.payment_methods import chosen_payment_method


@dataclass(frozen=True, slots=True)
class RegistrationOutcome:
    """A registration or top-up. `registration` None: the deposit is pending; `created` False: it was made before."""

    registration: Registration | None
    deposit: Deposit | None
    created: bool


# --- requests ---------------------------------------------------------------------------------------------------------


async def request_registration(
    context: AppContext,
    lot_id: str,
    *,
    bidder_id: str,
    name: str,
    deposit_fen: int | None,
    payment_method: str | None,
    device: str | None,
) -> RegistrationOutcome:
    """Request a registration for a lot, with its deposit in fen (None: the smallest).

    Where there is a deposit to hold, the outcome carries it and no registration. Where none is needed, the bidder is
    registered at once; one who is registered gets the same registration, not created. Raises NotFound,
    RequestRefused(registration-closed, deposit-too-low, deposit-too-high, payment-method-missing, bidder-barred),
    LedgerAway, BooksAway.
    """
    record = await visible_lot(context, lot_id)
    async with context.books.reading() as tx:
        known = await bidders.find_registration(tx, lot_id=lot_id, bidder_id=bidder_id)
    if known is not None:
        if known.synced_version < known.power_version or known.admitted_at_ms is None:
            await sync_power(context, lot_id, bidder_id)
        return RegistrationOutcome(known, None, created=False)
    await _check_admitting(context, record)
    deposit = await _request_deposit(
        context,
        record,
        bidder_id=bidder_id,
        name=name,
        deposit_fen=deposit_fen,
        payment_method=payment_method,
        device=device,
    )
    if deposit is None:
        return await outcome_of(context, lot_id, bidder_id, None)
    return RegistrationOutcome(None, deposit, created=True)


async def request_top_up(
    context: AppContext, lot_id: str, *, bidder_id: str, amount_fen: int, key: str, payment_method: str | None
) -> tuple[Deposit, bool]:
    """Request that so much is added to a deposit: the new deposit, and True; under a known key: that one, and False.

    Raises NotFound, RequestRefused(not-registered, deposit-not-needed, deposit-too-low, deposit-too-high,
    payment-method-missing, registration-closed, key-reused), LedgerAway, BooksAway.
    """
    record = await visible_lot(context, lot_id)
    request_key = f"top-up-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
    async with context.books.reading() as tx:
        registered = await bidders.find_registration(tx, lot_id=lot_id, bidder_id=bidder_id)
        before = [d for d in registered.deposits if d.request_key == request_key] if registered else []
    if registered is None:
        raise RequestRefused(RefusalCode.NOT_REGISTERED, "Register for the lot first; then its deposit can be raised.")
    if before:
        if before[0].amount_fen != amount_fen:
            raise RequestRefused(
                RefusalCode.KEY_REUSED,
                f"This Idempotency-Key was used for {context.money.text(before[0].amount_fen)}; use a new one.",
                {"amount_fen": before[0].amount_fen},
            )
        return before[0], False
    await _check_admitting(context, record)
    terms = read_terms(record.terms)
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        held_fen = await _held_fen(tx, record, terms, bidder_id)
        power = await power_of_deposits(context, tx, record, bidder_id)
        _check_top_up(power, held_fen, amount_fen, context.money.currency)
        _check_holdable(context, amount_fen)
        deposit = await _intend_hold(
            context,
            tx,
            record,
            terms,
            bidder_id=bidder_id,
            request_key=request_key,
            amount_fen=amount_fen,
            payment_method=payment_method,
            now_ms=now_ms,
        )
    return deposit, True


async def outcome_of(context: AppContext, lot_id: str, bidder_id: str, deposit: Deposit | None) -> RegistrationOutcome:
    """The registration that a held deposit, or none, has led to; its power is sent to the ledger if it was not.

    Raises RequestRefused(bidder-barred, registration-closed) where the deposit is released, LedgerAway, BooksAway.
    """
    async with context.books.reading() as tx:
        found = await bidders.find_registration(tx, lot_id=lot_id, bidder_id=bidder_id)
    if found is None:
        if deposit is not None and deposit.reason == DepositReason.BIDDER_BARRED:
            raise _barred()
        if deposit is not None and deposit.status is not DepositStatus.PENDING:
            raise RequestRefused(
                ProblemCode.REGISTRATION_CLOSED, "The lot ended while the deposit was being held; it is released again."
            )
        return RegistrationOutcome(None, deposit, created=True)
    if found.synced_version < found.power_version:
        await sync_power(context, lot_id, bidder_id)
    return RegistrationOutcome(found, deposit, created=True)


def hold_id(deposit: Deposit) -> str:
    """The id of the operation that holds a deposit."""
    return f"hold-{deposit.deposit_id}"


# --- registrations ----------------------------------------------------------------------------------------------------


async def register_bidder(
    context: AppContext, tx: Transaction, record: LotRecord, terms: Terms, bidder_id: str
) -> None:
    """Register a bidder for a lot, with the power that their held deposits give."""
    paddle = await bidders.assign_paddle(tx, sale_id=record.sale_id, bidder_id=bidder_id)
    await bidders.add_registration(
        tx,
        lot_id=record.lot_id,
        bidder_id=bidder_id,
        paddle=paddle,
        limit_fen=0,
        purse_fen=None,
        terms_sha256=terms.sha256(),
    )
    await restate_power(context, tx, record, bidder_id)


async def registrations_of(context: AppContext, bidder_id: str) -> list[Registration]:
    """A bidder's registrations with their deposits, newest first."""
    async with context.books.reading() as tx:
        return await bidders.registrations_of(tx, bidder_id)


# --- checks and intents -----------------------------------------------------------------------------------------------


async def _check_admitting(context: AppContext, record: LotRecord) -> None:
    snapshot = await context.ledger.read(record.lot_id)
    status = DRAFT if snapshot is None else str(snapshot.status)
    if snapshot is None and (ended := await context.ended_lots.find(context.books, record.lot_id)) is not None:
        status = str(ended.lot.status)
    if status not in ADMITTING:
        raise RequestRefused(
            ProblemCode.REGISTRATION_CLOSED,
            f"The lot is {status}; bidders are admitted while it is {', '.join(ADMITTING)}.",
            {"status": status, "allowed": [str(s) for s in ADMITTING]},
        )


async def _request_deposit(
    context: AppContext,
    record: LotRecord,
    *,
    bidder_id: str,
    name: str,
    deposit_fen: int | None,
    payment_method: str | None,
    device: str | None,
) -> Deposit | None:
    """Commit the deposit to hold and its intent; None: no deposit is needed, and the bidder is registered."""
    terms = read_terms(record.terms)
    now_ms = context.clock_ms()
    async with context.books.transaction() as tx:
        await bidders.ensure_bidder(tx, bidder_id=bidder_id, name=name)
        if device is not None:
            await link(context, tx, bidder_id, kind="device", mark=hashlib.sha256(device.encode()).hexdigest())
        past = await _check_history(context, tx, record, bidder_id, now_ms)
        held_fen = await _held_fen(tx, record, terms, bidder_id)
        minimum_fen = required_deposit_fen(terms.deposit.minimum_fen(), past, context.money.bidders)
        amount_fen = _deposit_to_hold(minimum_fen, deposit_fen, held_fen, context.money.currency)
        _check_holdable(context, amount_fen)
        if amount_fen == 0:
            await register_bidder(context, tx, record, terms, bidder_id)
            return None
        earlier = await deposits.deposits_of_lot(tx, record.lot_id, bidder_id=bidder_id)
        declined = sum(1 for one in earlier if one.status is DepositStatus.FAILED)
        return await _intend_hold(
            context,
            tx,
            record,
            terms,
            bidder_id=bidder_id,
            # after a declined deposit, another may be tried under a new key
            request_key=REGISTRATION if not declined else f"{REGISTRATION}-{declined + 1}",
            amount_fen=amount_fen,
            payment_method=payment_method,
            now_ms=now_ms,
        )


async def _check_history(context: AppContext, tx: Transaction, record: LotRecord, bidder_id: str, now_ms: int) -> int:
    """How many defaults count against the bidder, those of accounts linked to them included.

    Raises RequestRefused(bidder-barred) where they may not bid on the lot.
    """
    theirs = await past_defaults(tx, bidder_id)
    until_ms = barred_until_ms([default.at_ms for default in theirs], context.money.bidders)
    if until_ms is not None and now_ms < until_ms:
        raise RequestRefused(
            ProblemCode.BIDDER_BARRED,
            "Lots that you, or an account linked to yours, won were not paid for; you may bid again later.",
            {"until_ms": until_ms},
        )
    if await disputing(context, tx, [bidder_id]):
        raise RequestRefused(
            ProblemCode.BIDDER_BARRED,
            "A payment of yours was disputed with your bank; you may bid again once that is decided for the house.",
        )
    if await is_barred_from(tx, record, bidder_id):
        raise _barred()
    return len(theirs)


async def _held_fen(tx: Transaction, record: LotRecord, terms: Terms, bidder_id: str) -> int:
    return sum(one.left_fen for one in await deposits_for(tx, record, terms, bidder_id) if one.is_available)


async def _intend_hold(
    context: AppContext,
    tx: Transaction,
    record: LotRecord,
    terms: Terms,
    *,
    bidder_id: str,
    request_key: str,
    amount_fen: int,
    payment_method: str | None,
    now_ms: int,
) -> Deposit:
    """Add a pending deposit and the intent to hold it; requested before under the same key: that one."""
    method = await chosen_payment_method(context, tx, bidder_id, payment_method)
    deposit, created = await deposits.request(
        tx,
        deposit_id=f"d{secrets.token_hex(8)}",
        lot_id=record.lot_id,
        bidder_id=bidder_id,
        request_key=request_key,
        policy=terms.deposit.kind,
        method=context.money.deposit_method,
        amount_fen=amount_fen,
        payment_method=method,
        provider=context.gateway.provider,
        at_ms=now_ms,
    )
    if created:
        intent = Intent(
            operation_id=hold_id(deposit),
            kind=OperationKind.CHARGE if deposit.method is DepositMethod.CHARGE else OperationKind.HOLD,
            lot_id=deposit.lot_id,
            bidder_id=bidder_id,
            amount_fen=amount_fen,
            provider=deposit.provider,
            payment_method=method,
            deposit_id=deposit.deposit_id,
        )
        # whoever requested it calls the provider at once; the cashier only after a crash
        await operations.intend(tx, [intent], at_ms=now_ms, first_try_ms=operations.CLAIM_MS)
    return deposit


def _barred() -> RequestRefused:
    return RequestRefused(
        ProblemCode.BIDDER_BARRED, "This lot is sold again because its buyer did not pay; that buyer may not bid on it."
    )


def _deposit_to_hold(minimum_fen: int, wanted_fen: int | None, held_fen: int, currency: Currency) -> int:
    """How much a registration holds, in fen: what is missing of the minimum, or more if wanted; 0: no deposit.

    `held_fen` is held already: a purse for another lot of the sale serves for this one too.
    """
    missing_fen = max(0, minimum_fen - held_fen)
    if wanted_fen is None:
        return missing_fen
    if wanted_fen < missing_fen:
        raise RequestRefused(
            ProblemCode.DEPOSIT_TOO_LOW,
            f"The deposit for this lot is at least {currency.text(missing_fen)}; {currency.text(wanted_fen)} was "
            "offered.",
            {"minimum_fen": missing_fen},
        )
    if minimum_fen == 0:
        return 0
    if held_fen + wanted_fen > FEN_MAX:
        raise RequestRefused(
            ProblemCode.DEPOSIT_TOO_HIGH,
            f"The deposits on a sale are limited to {currency.text(FEN_MAX)}.",
            {"maximum_fen": FEN_MAX - held_fen},
        )
    return wanted_fen


def _check_holdable(context: AppContext, amount_fen: int) -> None:
    """Raises RequestRefused(deposit-too-low, deposit-too-high) for what the provider does not hold at once; 0 is."""
    limits = context.gateway.charge_limits
    if 0 < amount_fen < limits.min_fen:
        raise RequestRefused(
            ProblemCode.DEPOSIT_TOO_LOW,
            f"The payment provider holds at least {context.money.text(limits.min_fen)}; put down that much.",
            {"minimum_fen": limits.min_fen},
        )
    if amount_fen > limits.max_fen:
        raise RequestRefused(
            ProblemCode.DEPOSIT_TOO_HIGH,
            f"The payment provider holds at most {context.money.text(limits.max_fen)} at once; raise "
            "the deposit afterwards.",
            {"maximum_fen": limits.max_fen},
        )


def _check_top_up(power: Power, held_fen: int, amount_fen: int, currency: Currency) -> None:
    if held_fen + amount_fen > FEN_MAX:
        raise RequestRefused(
            ProblemCode.DEPOSIT_TOO_HIGH,
            f"The deposits on a sale are limited to {currency.text(FEN_MAX)}.",
            {"maximum_fen": FEN_MAX - held_fen},
        )
    if power == Power():
        raise RequestRefused(
            ProblemCode.DEPOSIT_NOT_NEEDED, "A larger deposit would not raise your limit on this lot: you have none."
        )
