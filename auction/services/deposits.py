"""What the provider's answers make of deposits: held, captured, let go; each change with its journal entry.

Beside the bid's way. Called by `auction.services.payments` inside the transaction that resolves an operation. A deposit
has one end, decided before the provider is asked for it (`auction.books.deposits.decide`).
"""

import hashlib
from collections.abc import Sequence

from auction.books import bidders, catalogue, deposits, journal, operations
from auction.books.deposits import Deposit
from auction.books.journal import Cause
from auction.books.operations import Intent, Operation
from auction.books.unit_of_work import Work
from auction.domain import journal as recipes
from auction.domain.journal import Account, Entry
from auction.domain.lot import ADMITTING
from auction.domain.terms_reader import read_terms
from auction.payments.gateway import FailureCode, Reply
from auction.services.house import House
from auction.services.power import is_barred_from, restate

GONE = (FailureCode.EXPIRED, FailureCode.ALREADY_RELEASED)
"""A hold that cannot be let go because the provider has done so already."""
BARRED = "bidder-barred"
"""Why a deposit goes back whose instrument links its bidder to who defaulted on the lot before."""
RETRIES_MAX = 12
"""How often a refund or release that fails is asked for again before only people can help."""
RETRY_FIRST_MS, RETRY_MOST_MS = 2_000, 3_600_000


async def is_held(house: House, work: Work, operation: Operation, reply: Reply, now_ms: int) -> None:
    """The deposit is there: it counts from now, and its bidder is registered. Too late, or barred: it goes back."""
    deposit = await deposits.lock(work, str(operation.deposit_id))
    charged = operation.kind == "charge"
    deposit = await deposits.change(
        work,
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
    await journal.post(work, [entry], cause=called(operation), at_ms=now_ms)
    if reply.instrument is not None:
        digest = hashlib.sha256(f"{deposit.provider}:{reply.instrument}".encode()).hexdigest()
        await bidders.mark(work, bidder_id=deposit.bidder_id, kind="instrument", mark=digest)
    lot = await catalogue.hold_status(work, deposit.lot_id)
    if lot.status not in ADMITTING:
        await let_go(work, [deposit], why="lot-over", now_ms=now_ms, cause=called(operation))
        return
    if await is_barred_from(work, lot, deposit.bidder_id):
        # the card told who they are
        await let_go(work, [deposit], why=BARRED, now_ms=now_ms, cause=called(operation))
        return
    paddle = await bidders.assign_paddle(work, sale_id=lot.sale_id, bidder_id=deposit.bidder_id)
    await bidders.add_registration(
        work,
        lot_id=lot.lot_id,
        bidder_id=deposit.bidder_id,
        paddle=paddle,
        limit_fen=0,
        purse_fen=None,
        terms_sha256=read_terms(lot.terms).sha256(),
    )
    await restate(house, work, lot, deposit.bidder_id)


async def is_declined(work: Work, operation: Operation, reply: Reply, now_ms: int) -> None:
    """The provider did not hold the deposit: nothing was taken, nobody is registered by it."""
    await deposits.change(
        work, str(operation.deposit_id), status="failed", ended_at_ms=now_ms, why=str(reply.failure or "declined")
    )


async def is_captured(work: Work, operation: Operation, reply: Reply, now_ms: int) -> Deposit:
    """The provider's promise became money of the house: all of it, or what was asked for."""
    deposit = await deposits.lock(work, str(operation.deposit_id))
    captured_fen = operation.amount_fen if reply.amount_fen is None else reply.amount_fen
    entry = recipes.deposit_captured(
        deposit_id=deposit.deposit_id,
        lot_id=deposit.lot_id,
        bidder_id=deposit.bidder_id,
        held_fen=deposit.amount_fen,
        captured_fen=captured_fen,
    )
    await journal.post(work, [entry], cause=called(operation), at_ms=now_ms)
    return await deposits.change(work, deposit.deposit_id, captured_fen=captured_fen, expires_at_ms=None)


async def has_lapsed(house: House, work: Work, operation: Operation, reply: Reply, now_ms: int) -> Deposit:
    """The provider would not capture: the promise is worth nothing, and bidding power rests on it no longer."""
    before = await deposits.lock(work, str(operation.deposit_id))
    entry = recipes.authorisation_ended(
        deposit_id=before.deposit_id,
        lot_id=before.lot_id,
        bidder_id=before.bidder_id,
        amount_fen=before.amount_fen,
    )
    await journal.post(work, [entry], cause=called(operation), at_ms=now_ms)
    deposit = await deposits.change(
        work, before.deposit_id, status="lapsed", ended_at_ms=now_ms, why=str(reply.failure or "lapsed")
    )
    if reply.failure not in GONE:
        # what would not be captured is not left to run out on the bidder's card either
        await operations.intend(work, [_of_deposit(deposit, "release", deposit.amount_fen)], at_ms=now_ms)
    if before.disposition is None:
        lot = await catalogue.find_lot(work, deposit.lot_id)
        await restate(house, work, lot, deposit.bidder_id)
    return deposit


async def let_go(work: Work, some: Sequence[Deposit], *, why: str, now_ms: int, cause: Cause) -> list[Deposit]:
    """Decide that deposits go back, and ask for it; those with another end already are left alone."""
    decided = await deposits.decide(
        work, [deposit.deposit_id for deposit in some], "release", why=why, status="releasing"
    )
    entries: list[Entry] = []
    intents: list[Intent] = []
    for deposit in decided:
        if deposit.captured_fen is None:
            intents.append(_of_deposit(deposit, "release", deposit.amount_fen))
            continue
        entries.append(_refund_owed(deposit, deposit.captured_fen, Account.DEPOSITS_HELD))
        intents.append(_of_deposit(deposit, "refund", deposit.captured_fen))
    await journal.post(work, entries, cause=cause, at_ms=now_ms)
    await operations.intend(work, intents, at_ms=now_ms)
    return decided


async def are_released(work: Work, done: Sequence[Operation], now_ms: int) -> None:
    """The provider let holds go: the promises end, and with them the deposits, unless they have ended otherwise."""
    entries = [
        (
            recipes.authorisation_ended(
                deposit_id=str(one.deposit_id), lot_id=one.lot_id, bidder_id=one.bidder_id, amount_fen=one.amount_fen
            ),
            called(one),
        )
        for one in done
    ]
    await journal.post_each(work, entries, at_ms=now_ms)
    await deposits.end_releasing(work, [str(one.deposit_id) for one in done], at_ms=now_ms)


async def is_refunded(work: Work, operation: Operation, now_ms: int) -> None:
    """The provider gave money back: the house owes it no longer."""
    entry = recipes.refund_paid(
        key_id=first_id(operation.operation_id),
        lot_id=operation.lot_id,
        bidder_id=operation.bidder_id,
        amount_fen=operation.amount_fen,
    )
    await journal.post(work, [entry], cause=called(operation), at_ms=now_ms)
    if operation.deposit_id is not None:
        deposit = await deposits.find(work, operation.deposit_id)
        if deposit.status == "releasing":
            await deposits.end_all(work, [deposit.deposit_id], "released", at_ms=now_ms)


async def ask_again(work: Work, operation: Operation, now_ms: int) -> None:
    """A refund or release that failed is asked for under a new id, later each time; the old answer would repeat."""
    number = attempt_of(operation.operation_id) + 1
    if number > RETRIES_MAX:
        return
    wait_ms = min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** (number - 2))
    again = Intent(
        operation_id=f"{first_id(operation.operation_id)}.{number}",
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
    await operations.intend(work, [again], at_ms=now_ms, first_try_ms=wait_ms)


async def return_money(
    work: Work, deposit: Deposit, amount_fen: int, *, source: Account, now_ms: int, cause: Cause
) -> None:
    """Owe a bidder back a part of a captured deposit out of an account, and ask the provider to give it back."""
    await journal.post(work, [_refund_owed(deposit, amount_fen, source)], cause=cause, at_ms=now_ms)
    await operations.intend(work, [_of_deposit(deposit, "refund", amount_fen)], at_ms=now_ms)


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


def _refund_owed(deposit: Deposit, amount_fen: int, source: Account) -> Entry:
    return recipes.refund_owed(
        key_id=f"refund-{deposit.deposit_id}",
        lot_id=deposit.lot_id,
        bidder_id=deposit.bidder_id,
        amount_fen=amount_fen,
        source=source,
    )


def called(operation: Operation) -> Cause:
    """The provider's answer to an operation, as a cause."""
    return Cause("gateway-call", operation.operation_id)


def first_id(operation_id: str) -> str:
    """The id under which something was first asked for: `refund-d1.3` is the third try of `refund-d1`."""
    return operation_id.partition(".")[0]


def attempt_of(operation_id: str) -> int:
    """Which try this is, from 1."""
    return int(operation_id.partition(".")[2] or 1)
