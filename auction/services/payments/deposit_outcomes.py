"""Records what the payment provider did with deposits (held, captured, released, refunded), and requests releases.

Beside the bid's way. The `record_...` functions run in the transaction that resolves an operation
(`auction.services.payments.gateway_calls`); each changes the deposit and posts the journal entry. What a deposit is
used for is decided before the provider is asked (`auction.books.deposits.set_disposition`).
"""

import hashlib
from collections.abc import Sequence

from auction.books import catalogue, deposits, journal, operations, purses, registration_batches
from auction.books.catalogue import LotRecord
from auction.books.deposits import Deposit
from auction.books.journal import Cause
from auction.books.operations import Intent, Operation
from auction.books.registration_batches import Held
from auction.books.unit_of_work import Transaction
from auction.domain import journal as postings
from auction.domain.accounts import JournalAccount
from auction.domain.journal import JournalEntry
from auction.domain.lot import ADMITTING
from auction.domain.states import (
    HOLD_ENDED,
    CauseKind,
    DepositReason,
    DepositStatus,
    Disposition,
    FailureCode,
    OperationKind,
)
from auction.payments.gateway import Reply
from auction.services.context import AppContext
from auction.services.registration.bidding_power import (
    defaulters_before,
    link,
    register_bidders,
    restate_power,
)

RETRY_MS_MIN, RETRY_MS_MAX = 2_000, 86_400_000
"""The first and the longest wait before a failed refund or release is repeated; it doubles with each failure."""


# --- outcomes of holds and captures -----------------------------------------------------------------------------------


async def record_holds(
    context: AppContext, tx: Transaction, outcomes: Sequence[tuple[Operation, Reply]], now_ms: int
) -> list[Deposit]:
    """Record successful holds or charges, of different bidders: each deposit is held, and its bidder registered.

    They are registered with the limit that it gives. A deposit is released again where the lot is over by now, or
    where its card links the bidder to a defaulter who may not bid on the lot. The deposits.
    """
    replied = [_held(operation, reply) for operation, reply in outcomes]
    held = await registration_batches.mark_all_held(tx, replied, at_ms=now_ms)
    of = dict(zip((operation.operation_id for operation, _ in outcomes), held, strict=True))
    entries = [
        (_entry_of(operation, of[operation.operation_id]), gateway_cause(operation)) for operation, _ in outcomes
    ]
    await journal.post_each(tx, entries, at_ms=now_ms)
    marks = [mark for one in held if (mark := _mark_of(one)) is not None]
    standings = await link(context, tx, marks, {one.bidder_id for one in held})
    lots = await catalogue.lock_lot_statuses(tx, sorted({one.lot_id for one in held}))
    defaulters = {lot_id: await defaulters_before(tx, lot) for lot_id, lot in lots.items()}
    registering: list[tuple[LotRecord, str]] = []
    after = {one.deposit_id: one for one in held}
    for operation, _ in outcomes:
        deposit = of[operation.operation_id]
        lot, until_ms = lots[deposit.lot_id], standings.bar_of(deposit.bidder_id, context.money.bidders)
        is_barred = until_ms is not None and now_ms < until_ms
        if lot.status not in ADMITTING:
            reason = DepositReason.LOT_OVER
        elif is_barred or standings.is_barred_after(defaulters[lot.lot_id], deposit.bidder_id):
            reason = DepositReason.BIDDER_BARRED
        else:
            registering.append((lot, deposit.bidder_id))
            continue
        cause = gateway_cause(operation)
        for one in await release_deposits(tx, [deposit], reason=reason, now_ms=now_ms, cause=cause):
            after[one.deposit_id] = one
    if registering:
        await register_bidders(context, tx, registering)
    return [after[one.deposit_id] for one in held]


def _held(operation: Operation, reply: Reply) -> Held:
    is_charge = operation.kind is OperationKind.CHARGE
    return Held(
        str(operation.deposit_id),
        provider_ref=reply.ref,
        instrument=reply.instrument,
        expires_at_ms=None if is_charge else reply.expires_at_ms,
        captured_fen=operation.amount_fen if is_charge else None,
    )


def _entry_of(operation: Operation, deposit: Deposit) -> JournalEntry:
    is_charge = operation.kind is OperationKind.CHARGE
    return (postings.deposit_charged if is_charge else postings.deposit_authorised)(
        deposit_id=deposit.deposit_id,
        lot_id=deposit.lot_id,
        bidder_id=deposit.bidder_id,
        amount_fen=deposit.amount_fen,
    )


def _mark_of(deposit: Deposit) -> tuple[str, str, str] | None:
    """What links a deposit's bidder to all who use the same card or account."""
    if deposit.instrument is None:
        return None
    return (
        deposit.bidder_id,
        "instrument",
        hashlib.sha256(f"{deposit.provider}:{deposit.instrument}".encode()).hexdigest(),
    )


async def record_decline(tx: Transaction, operation: Operation, reply: Reply, now_ms: int) -> Deposit:
    """Record a declined hold or charge of a deposit: nothing was taken, and nobody is registered by it. The deposit."""
    reason = str(reply.failure or DepositReason.DECLINED)
    return await deposits.mark_failed(tx, str(operation.deposit_id), reason=reason, at_ms=now_ms)


async def record_hold_cancelled(context: AppContext, tx: Transaction, operation: Operation, now_ms: int) -> None:
    """Record that a hold which was recorded as held has been cancelled: its deposit gives no bidding power any more.

    One that is released, captured or renewed meanwhile rests on something else, or on nothing.
    """
    deposit = await deposits.lock(tx, str(operation.deposit_id))
    if not deposit.is_available or deposit.is_cash or deposit.provider_ref != operation.provider_ref:
        return
    reason = FailureCode.AUTHENTICATION_MISSING
    await end_authorisation(tx, deposit, reason=reason, now_ms=now_ms, cause=gateway_cause(operation))
    await restate_power(context, tx, await catalogue.find_lot(tx, deposit.lot_id), deposit.bidder_id)


async def record_capture(tx: Transaction, operation: Operation, reply: Reply, now_ms: int) -> list[Deposit]:
    """Record a successful capture: the deposit is cash, all of it or the amount that was asked for.

    A purse is captured whole, with the shares that were taken out of it. The deposits that are cash now.
    """
    held = await deposits.lock(tx, str(operation.deposit_id))
    captured_fen = operation.amount_fen if reply.amount_fen is None else reply.amount_fen
    shares = await purses.lock_authorised_shares(tx, held.deposit_id)
    if shares and captured_fen != held.amount_fen:
        raise RuntimeError(f"{captured_fen} fen were captured of purse {held.deposit_id} of {held.amount_fen} fen")
    entries = [
        postings.deposit_captured(
            deposit_id=one.deposit_id,
            lot_id=one.lot_id,
            bidder_id=one.bidder_id,
            held_fen=one.left_fen,
            captured_fen=one.amount_fen if one.part_of else captured_fen - one.shared_fen,
        )
        for one in (held, *shares)
        if one.left_fen
    ]
    await journal.post(tx, entries, cause=gateway_cause(operation), at_ms=now_ms)
    return [
        await deposits.mark_captured(tx, one.deposit_id, captured_fen=one.amount_fen if one.part_of else captured_fen)
        for one in (held, *shares)
    ]


async def record_lapse(
    context: AppContext, tx: Transaction, operation: Operation, reply: Reply, now_ms: int
) -> list[Deposit]:
    """Record a failed capture: the authorisation is worthless and gives no bidding power any more.

    So are the shares that were taken out of it. Its release is requested, unless the provider says that the hold has
    ended. A deposit whose release was confirmed before stays released. The deposits.
    """
    before = await deposits.lock(tx, str(operation.deposit_id))
    if before.status is DepositStatus.RELEASED:
        return [before]
    shares = await purses.lock_authorised_shares(tx, before.deposit_id)
    reason = str(reply.failure or DepositReason.LAPSED)
    lapsed = [
        await end_authorisation(tx, one, reason=reason, now_ms=now_ms, cause=gateway_cause(operation))
        for one in (before, *shares)
        if one.left_fen
    ]
    if reply.failure not in HOLD_ENDED:
        # otherwise the bidder's card stays blocked until the hold expires
        await operations.intend(tx, [_intent(before, OperationKind.RELEASE, before.amount_fen)], at_ms=now_ms)
    if before.disposition is None:
        lot = await catalogue.find_lot(tx, before.lot_id)
        await restate_power(context, tx, lot, before.bidder_id)
    return lapsed


async def end_authorisation(tx: Transaction, deposit: Deposit, *, reason: str, now_ms: int, cause: Cause) -> Deposit:
    """Record that the provider reserves a deposit no longer, and nothing was captured of it. The deposit."""
    entry = postings.authorisation_ended(
        deposit_id=deposit.deposit_id,
        lot_id=deposit.lot_id,
        bidder_id=deposit.bidder_id,
        amount_fen=deposit.left_fen,
    )
    await journal.post(tx, [entry], cause=cause, at_ms=now_ms)
    return await deposits.mark_lapsed(tx, deposit.deposit_id, reason=reason, at_ms=now_ms)


# --- releases and refunds ---------------------------------------------------------------------------------------------


async def release_deposits(
    tx: Transaction, some: Sequence[Deposit], *, reason: DepositReason, now_ms: int, cause: Cause
) -> list[Deposit]:
    """Decide that deposits are released, and request it; those with a disposition are left out. The deposits."""
    releasing = await deposits.set_disposition(
        tx, [deposit.deposit_id for deposit in some], Disposition.RELEASE, reason=reason
    )
    entries: list[JournalEntry] = []
    intents: list[Intent] = []
    for deposit in releasing:
        if deposit.captured_fen is None:
            intents.append(_intent(deposit, OperationKind.RELEASE, deposit.amount_fen))
        else:
            entries.append(_refund_owed(deposit, deposit.cash_fen))
            intents.append(refund_of(deposit, deposit.cash_fen))
    await journal.post(tx, entries, cause=cause, at_ms=now_ms)
    await operations.intend(tx, intents, at_ms=now_ms)
    return releasing


async def refund_deposit(tx: Transaction, deposit: Deposit, *, now_ms: int, cause: Cause) -> None:
    """Owe the bidder a whole cash deposit that is to be released, and request the refund."""
    amount_fen = deposit.cash_fen
    await journal.post(tx, [_refund_owed(deposit, amount_fen)], cause=cause, at_ms=now_ms)
    await operations.intend(tx, [refund_of(deposit, amount_fen)], at_ms=now_ms)
    await deposits.mark_refunding(tx, deposit.deposit_id)


async def record_releases(tx: Transaction, released: Sequence[Operation], now_ms: int) -> None:
    """Record that the provider released holds: the authorisations end, and the deposits that wait for it.

    A deposit that had lapsed before has no authorisation any more, and one whose hold was renewed rests on another.
    """
    holds = await deposits.releasing_among(tx, [str(one.deposit_id) for one in released])
    ended = [one for one in released if one.deposit_id and holds.get(one.deposit_id) == one.target_ref]
    entries = [
        (
            postings.authorisation_ended(
                deposit_id=str(one.deposit_id), lot_id=one.lot_id, bidder_id=one.bidder_id, amount_fen=one.amount_fen
            ),
            gateway_cause(one),
        )
        for one in ended
    ]
    await journal.post_each(tx, entries, at_ms=now_ms)
    await deposits.mark_released(tx, [str(one.deposit_id) for one in ended], at_ms=now_ms)


async def record_refund(tx: Transaction, operation: Operation, now_ms: int) -> None:
    """Record a confirmed refund, and that the deposit is released if it waited for it."""
    entry = postings.refund_paid(
        key_id=operation.operation_id,
        lot_id=operation.lot_id,
        bidder_id=operation.bidder_id,
        amount_fen=operation.amount_fen,
    )
    await journal.post(tx, [entry], cause=gateway_cause(operation), at_ms=now_ms)
    if operation.deposit_id is not None:
        await deposits.mark_released(tx, [operation.deposit_id], at_ms=now_ms)


async def record_refund_failure(tx: Transaction, operation: Operation, now_ms: int) -> None:
    """Record that a confirmed refund came back: the money is there again, and owed; it is repeated."""
    entry = postings.refund_failed(
        key_id=operation.operation_id,
        lot_id=operation.lot_id,
        bidder_id=operation.bidder_id,
        amount_fen=operation.amount_fen,
    )
    await journal.post(tx, [entry], cause=gateway_cause(operation), at_ms=now_ms)
    if operation.deposit_id is not None:
        await deposits.mark_refund_failed(tx, operation.deposit_id)
    await repeat_operation(tx, operation, now_ms)


async def repeat_operation(tx: Transaction, operation: Operation, now_ms: int) -> None:
    """Intend a failed refund or release again, each time later, at most RETRY_MS_MAX apart, until it succeeds.

    It gets a new id: under the old one the provider would repeat its answer. Before it is sent, the one that it repeats
    is looked up.
    """
    number = operation.attempt_number + 1
    wait_ms = min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** min(number - 2, 20))
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


# --- intents and entries ----------------------------------------------------------------------------------------------


def capture_of(deposit: Deposit, amount_fen: int) -> Intent:
    """The intent to capture so much of an authorised deposit, which is no share of another."""
    return _intent(deposit, OperationKind.CAPTURE, amount_fen)


def release_of(deposit: Deposit) -> Intent:
    """The intent to release the hold of an authorised deposit."""
    return _intent(deposit, OperationKind.RELEASE, deposit.amount_fen)


def capture_id(deposit: Deposit) -> str:
    """The id of the operation that captures a deposit, or the purse that it is a share of."""
    return f"{OperationKind.CAPTURE}-{deposit.hold_id}"


def refund_of(deposit: Deposit, amount_fen: int) -> Intent:
    """The intent to refund so much of a cash deposit."""
    return _intent(deposit, OperationKind.REFUND, amount_fen)


def _intent(deposit: Deposit, kind: OperationKind, amount_fen: int) -> Intent:
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


def _refund_owed(deposit: Deposit, amount_fen: int) -> JournalEntry:
    return postings.refund_owed(
        key_id=f"refund-{deposit.deposit_id}",
        lot_id=deposit.lot_id,
        bidder_id=deposit.bidder_id,
        amount_fen=amount_fen,
        source=JournalAccount.DEPOSITS_HELD,
    )


def gateway_cause(operation: Operation) -> Cause:
    """The outcome of an operation as a cause of journal entries."""
    return Cause(CauseKind.GATEWAY_CALL, operation.operation_id)
