"""What the provider's answers make of deposits: held, captured, let go; each change with its journal entry.

Beside the bid's way. Called by `auction.services.payments.gateway_calls` inside the transaction that resolves an
operation. A deposit has one end, decided before the provider is asked for it (`auction.books.deposits.decide`).
"""

import hashlib
from collections.abc import Sequence

from auction.books import bidders, catalogue, deposits, journal, operations
from auction.books.deposits import Deposit
from auction.books.journal import Cause
from auction.books.operations import Intent, Operation
from auction.books.unit_of_work import Transaction
from auction.domain import journal as recipes
from auction.domain.journal import JournalAccount, JournalEntry
from auction.domain.lot import ADMITTING
from auction.domain.states import FailureCode
from auction.domain.terms_reader import read_terms
from auction.payments.gateway import Reply
from auction.services.context import AppContext
from auction.services.registration.bidding_power import is_barred_from, restate_power

GONE = (FailureCode.EXPIRED, FailureCode.ALREADY_RELEASED)
"""A hold that cannot be let go because the provider has done so already."""
BARRED = "bidder-barred"
"""Why a deposit goes back whose instrument links its bidder to who defaulted on the lot before."""
RETRIES_MAX = 12
"""How often a refund or release that fails is asked for again before only people can help."""
RETRY_MS_MIN, RETRY_MS_MAX = 2_000, 3_600_000


async def record_hold(context: AppContext, tx: Transaction, operation: Operation, reply: Reply, now_ms: int) -> None:
    """The deposit is there: it counts from now, and its bidder is registered. Too late, or barred: it goes back."""
    deposit = await deposits.lock(tx, str(operation.deposit_id))
    charged = operation.kind == "charge"
    deposit = await deposits.change(
        tx,
        deposit.deposit_id,
        status="held",
        provider_ref=reply.ref,
        instrument=reply.instrument,
        expires_at_ms=None if charged else reply.expires_at_ms,
        captured_fen=deposit.amount_fen if charged else None,
        held_at_ms=now_ms,
    )
    recipe = recipes.deposit_charged if charged else recipes.deposit_authorised
    entry = recipe(
        deposit_id=deposit.deposit_id,
        lot_id=deposit.lot_id,
        bidder_id=deposit.bidder_id,
        amount_fen=deposit.amount_fen,
    )
    await journal.post(tx, [entry], cause=gateway_cause(operation), at_ms=now_ms)
    if reply.instrument is not None:
        digest = hashlib.sha256(f"{deposit.provider}:{reply.instrument}".encode()).hexdigest()
        await bidders.add_link(tx, bidder_id=deposit.bidder_id, kind="instrument", mark=digest)
    lot = await catalogue.lock_lot_status(tx, deposit.lot_id)
    if lot.status not in ADMITTING:
        await release_deposits(tx, [deposit], reason="lot-over", now_ms=now_ms, cause=gateway_cause(operation))
        return
    if await is_barred_from(tx, lot, deposit.bidder_id):
        # the card told who they are
        await release_deposits(tx, [deposit], reason=BARRED, now_ms=now_ms, cause=gateway_cause(operation))
        return
    paddle = await bidders.assign_paddle(tx, sale_id=lot.sale_id, bidder_id=deposit.bidder_id)
    await bidders.add_registration(
        tx,
        lot_id=lot.lot_id,
        bidder_id=deposit.bidder_id,
        paddle=paddle,
        limit_fen=0,
        purse_fen=None,
        terms_sha256=read_terms(lot.terms).sha256(),
    )
    await restate_power(context, tx, lot, deposit.bidder_id)


async def record_decline(tx: Transaction, operation: Operation, reply: Reply, now_ms: int) -> None:
    """The provider did not hold the deposit: nothing was taken, nobody is registered by it."""
    await deposits.change(
        tx, str(operation.deposit_id), status="failed", ended_at_ms=now_ms, reason=str(reply.failure or "declined")
    )


async def record_capture(tx: Transaction, operation: Operation, reply: Reply, now_ms: int) -> Deposit:
    """The provider's promise became money of the house: all of it, or what was asked for."""
    deposit = await deposits.lock(tx, str(operation.deposit_id))
    captured_fen = operation.amount_fen if reply.amount_fen is None else reply.amount_fen
    entry = recipes.deposit_captured(
        deposit_id=deposit.deposit_id,
        lot_id=deposit.lot_id,
        bidder_id=deposit.bidder_id,
        held_fen=deposit.amount_fen,
        captured_fen=captured_fen,
    )
    await journal.post(tx, [entry], cause=gateway_cause(operation), at_ms=now_ms)
    return await deposits.change(tx, deposit.deposit_id, captured_fen=captured_fen, expires_at_ms=None)


async def record_lapse(
    context: AppContext, tx: Transaction, operation: Operation, reply: Reply, now_ms: int
) -> Deposit:
    """The provider would not capture: the promise is worth nothing, and bidding power rests on it no longer."""
    before = await deposits.lock(tx, str(operation.deposit_id))
    entry = recipes.authorisation_ended(
        deposit_id=before.deposit_id,
        lot_id=before.lot_id,
        bidder_id=before.bidder_id,
        amount_fen=before.amount_fen,
    )
    await journal.post(tx, [entry], cause=gateway_cause(operation), at_ms=now_ms)
    deposit = await deposits.change(
        tx, before.deposit_id, status="lapsed", ended_at_ms=now_ms, reason=str(reply.failure or "lapsed")
    )
    if reply.failure not in GONE:
        # what would not be captured is not left to run out on the bidder's card either
        await operations.intend(tx, [_of_deposit(deposit, "release", deposit.amount_fen)], at_ms=now_ms)
    if before.disposition is None:
        lot = await catalogue.find_lot(tx, deposit.lot_id)
        await restate_power(context, tx, lot, deposit.bidder_id)
    return deposit


async def release_deposits(
    tx: Transaction, some: Sequence[Deposit], *, reason: str, now_ms: int, cause: Cause
) -> list[Deposit]:
    """Decide that deposits go back, and ask for it; those with another end already are left alone."""
    decided = await deposits.decide(
        tx, [deposit.deposit_id for deposit in some], "release", reason=reason, status="releasing"
    )
    entries: list[JournalEntry] = []
    intents: list[Intent] = []
    for deposit in decided:
        if deposit.captured_fen is None:
            intents.append(_of_deposit(deposit, "release", deposit.amount_fen))
            continue
        entries.append(_refund_owed(deposit, deposit.captured_fen, JournalAccount.DEPOSITS_HELD))
        intents.append(_of_deposit(deposit, "refund", deposit.captured_fen))
    await journal.post(tx, entries, cause=cause, at_ms=now_ms)
    await operations.intend(tx, intents, at_ms=now_ms)
    return decided


async def record_releases(tx: Transaction, done: Sequence[Operation], now_ms: int) -> None:
    """The provider let holds go: the promises end, and with them the deposits, unless they have ended otherwise."""
    entries = [
        (
            recipes.authorisation_ended(
                deposit_id=str(one.deposit_id), lot_id=one.lot_id, bidder_id=one.bidder_id, amount_fen=one.amount_fen
            ),
            gateway_cause(one),
        )
        for one in done
    ]
    await journal.post_each(tx, entries, at_ms=now_ms)
    await deposits.end_releasing(tx, [str(one.deposit_id) for one in done], at_ms=now_ms)


async def record_refund(tx: Transaction, operation: Operation, now_ms: int) -> None:
    """The provider gave money back: the house owes it no longer."""
    entry = recipes.refund_paid(
        key_id=operation.first_operation_id,
        lot_id=operation.lot_id,
        bidder_id=operation.bidder_id,
        amount_fen=operation.amount_fen,
    )
    await journal.post(tx, [entry], cause=gateway_cause(operation), at_ms=now_ms)
    if operation.deposit_id is not None:
        deposit = await deposits.find(tx, operation.deposit_id)
        if deposit.status == "releasing":
            await deposits.end_all(tx, [deposit.deposit_id], "released", at_ms=now_ms)


async def retry_operation(tx: Transaction, operation: Operation, now_ms: int) -> None:
    """A refund or release that failed is asked for under a new id, later each time; the old answer would repeat."""
    number = operation.attempt_number + 1
    if number > RETRIES_MAX:
        return
    wait_ms = min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** (number - 2))
    again = Intent(
        operation_id=f"{operation.first_operation_id}.{number}",
        first_operation_id=operation.first_operation_id,
        attempt_number=number,
        kind=operation.kind,
        lot_id=operation.lot_id,
        bidder_id=operation.bidder_id,
        amount_fen=operation.amount_fen,
        provider=operation.provider,
        payment_method=operation.payment_method,
        deposit_id=operation.deposit_id,
        award_id=operation.award_id,
        target_ref=operation.target_ref,
    )
    await operations.intend(tx, [again], at_ms=now_ms, first_try_ms=wait_ms)


async def return_money(
    tx: Transaction, deposit: Deposit, amount_fen: int, *, source: JournalAccount, now_ms: int, cause: Cause
) -> None:
    """Owe a bidder back a part of a captured deposit out of an account, and ask the provider to give it back."""
    await journal.post(tx, [_refund_owed(deposit, amount_fen, source)], cause=cause, at_ms=now_ms)
    await operations.intend(tx, [_of_deposit(deposit, "refund", amount_fen)], at_ms=now_ms)


def capture_of(deposit: Deposit, amount_fen: int) -> Intent:
    """The intent to turn an authorised deposit into money."""
    return _of_deposit(deposit, "capture", amount_fen)


def refund_of(deposit: Deposit, amount_fen: int) -> Intent:
    """The intent to give back so much of a captured deposit."""
    return _of_deposit(deposit, "refund", amount_fen)


def _of_deposit(deposit: Deposit, kind: str, amount_fen: int) -> Intent:
    return Intent(
        operation_id=f"{kind}-{deposit.deposit_id}",
        kind=kind,
        lot_id=deposit.lot_id,
        bidder_id=deposit.bidder_id,
        amount_fen=amount_fen,
        provider=deposit.provider,
        payment_method=deposit.payment_method,
        deposit_id=deposit.deposit_id,
        target_ref=deposit.provider_ref,
    )


def _refund_owed(deposit: Deposit, amount_fen: int, source: JournalAccount) -> JournalEntry:
    return recipes.refund_owed(
        key_id=f"refund-{deposit.deposit_id}",
        lot_id=deposit.lot_id,
        bidder_id=deposit.bidder_id,
        amount_fen=amount_fen,
        source=source,
    )


def gateway_cause(operation: Operation) -> Cause:
    """The provider's answer to an operation, as a cause."""
    return Cause("gateway-call", operation.operation_id)
