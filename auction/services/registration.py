"""Admits bidders to lots: the deposit is held first, then the books register them, then the ledger gives them power.

The answer of the payment provider does the registering (`auction.services.deposits.is_held`), whoever brings it: this
call, a notice, or the cashier after a crash. So nobody is admitted on a deposit that is not there.
"""

import hashlib
import secrets
from dataclasses import dataclass

from auction.books import bidders, defaults, deposits, operations
from auction.books.bidders import Registration
from auction.books.catalogue import DRAFT, LotRecord
from auction.books.deposits import REGISTRATION, Deposit
from auction.books.operations import Intent
from auction.books.unit_of_work import Work
from auction.domain.deposits import Power
from auction.domain.errors import AuctionError, ProblemCode, RefusalCode, RequestRefused
from auction.domain.lot import ADMITTING
from auction.domain.money import FEN_MAX, yuan
from auction.domain.settlement import barred_until_ms, required_deposit_fen
from auction.domain.terms import Terms
from auction.domain.terms_reader import read_terms
from auction.services.catalogue import lot_record
from auction.services.deposits import BARRED
from auction.services.house import House
from auction.services.payments import USUAL_METHOD, perform
from auction.services.power import held_for, is_barred_from, power_of_deposits, restate, tell

WAITING_MS = 5_000
"""A registration not seen admitted for so long is told to the ledger again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of a registration or top-up. `registration` None: the provider has not decided on the deposit yet."""

    registration: Registration | None
    deposit: Deposit | None
    created: bool


async def register(
    house: House,
    lot_id: str,
    *,
    bidder_id: str,
    name: str,
    deposit_fen: int | None = None,
    payment_method: str | None = None,
    device: str | None = None,
) -> Asked:
    """Register a bidder for a lot, holding the deposit first; again: the same registration, not created.

    Raises NotFound, RequestRefused(registration-closed, deposit-too-low, deposit-too-high, deposit-declined,
    bidder-barred), LedgerAway, BooksAway, PaymentsAway.
    """
    record = await lot_record(house, lot_id)
    async with house.books.reading() as work:
        known = await bidders.find_registration(work, lot_id=lot_id, bidder_id=bidder_id)
    if known is not None:
        if known.told_no < known.power_no or known.admitted_at_ms is None:
            await tell(house, lot_id, bidder_id)
        return Asked(known, None, created=False)
    await _still_admitting(house, record)
    waiting = await _ask_deposit(
        house,
        record,
        bidder_id=bidder_id,
        name=name,
        deposit_fen=deposit_fen,
        payment_method=payment_method or USUAL_METHOD,
        device=device,
    )
    if waiting is not None:
        waiting = await _hold(house, waiting)
    return await _outcome(house, lot_id, bidder_id, waiting)


async def top_up(
    house: House, lot_id: str, *, bidder_id: str, amount_fen: int, key: str, payment_method: str | None = None
) -> Asked:
    """Add to a deposit, which raises the limit; under the same key again: the same top-up, not created.

    Raises NotFound, RequestRefused(not-registered, deposit-not-needed, deposit-too-high, deposit-declined,
    registration-closed, key-reused), LedgerAway, BooksAway, PaymentsAway.
    """
    record = await lot_record(house, lot_id)
    request_key = f"top-up-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
    async with house.books.reading() as work:
        registered = await bidders.find_registration(work, lot_id=lot_id, bidder_id=bidder_id)
        before = [d for d in registered.deposits if d.request_key == request_key] if registered else []
    if registered is None:
        raise RequestRefused(RefusalCode.NOT_REGISTERED, "Register for the lot first; then its deposit can be raised.")
    if before:
        if before[0].amount_fen != amount_fen:
            raise RequestRefused(
                RefusalCode.KEY_REUSED,
                f"This Idempotency-Key was used for {yuan(before[0].amount_fen)} yuan; use a new one.",
                {"amount_fen": before[0].amount_fen},
            )
        deposit = await _hold(house, before[0])
        asked = await _outcome(house, lot_id, bidder_id, deposit)
        return Asked(asked.registration, deposit, created=False)
    await _still_admitting(house, record)
    terms = read_terms(record.terms)
    now_ms = house.clock_ms()
    async with house.books.transaction() as work:
        held_fen = sum(d.amount_fen for d in await held_for(work, record, terms, bidder_id) if d.counts)
        _check_top_up(await power_of_deposits(house, work, record, bidder_id), held_fen, amount_fen)
        deposit = await _intend_hold(
            house,
            work,
            record,
            terms,
            bidder_id=bidder_id,
            request_key=request_key,
            amount_fen=amount_fen,
            payment_method=payment_method or USUAL_METHOD,
            now_ms=now_ms,
        )
    deposit = await _hold(house, deposit)
    asked = await _outcome(house, lot_id, bidder_id, deposit)
    return Asked(asked.registration, deposit, created=True)


async def registrations_of(house: House, bidder_id: str) -> list[Registration]:
    """A bidder's registrations with their deposits, newest first."""
    async with house.books.reading() as work:
        return await bidders.registrations_of(work, bidder_id)


async def tell_waiting_powers(house: House) -> int:
    """Tell the ledger of powers that it may not have got; how many it was told."""
    before_ms = house.clock_ms() - WAITING_MS
    async with house.books.reading() as work:
        waiting = await bidders.registrations_to_tell(work, before_ms=before_ms)
    told = 0
    for registration in waiting:
        try:
            await tell(house, registration.lot_id, registration.bidder_id)
            told += 1
        except RequestRefused:
            continue
        except AuctionError as error:
            if error.code != ProblemCode.WRONG_STATUS:
                raise
    return told


async def _still_admitting(house: House, record: LotRecord) -> None:
    snapshot = None if record.status == DRAFT else await house.ledger.read(record.lot_id)
    status = DRAFT if snapshot is None else str(snapshot.status)
    if status not in ADMITTING:
        raise RequestRefused(
            ProblemCode.REGISTRATION_CLOSED,
            f"The lot is {status}; bidders are admitted while it is {', '.join(ADMITTING)}.",
            {"status": status, "allowed": [str(s) for s in ADMITTING]},
        )


async def _ask_deposit(
    house: House,
    record: LotRecord,
    *,
    bidder_id: str,
    name: str,
    deposit_fen: int | None,
    payment_method: str,
    device: str | None,
) -> Deposit | None:
    """Commit what is asked of the provider; None: the lot asks for no deposit, and the bidder is registered."""
    terms = read_terms(record.terms)
    now_ms = house.clock_ms()
    async with house.books.transaction() as work:
        await bidders.ensure_bidder(work, bidder_id=bidder_id, name=name)
        if device is not None:
            await bidders.mark(
                work, bidder_id=bidder_id, kind="device", mark=hashlib.sha256(device.encode()).hexdigest()
            )
        past = await _check_history(house, work, record, bidder_id, now_ms)
        held_fen = sum(d.amount_fen for d in await held_for(work, record, terms, bidder_id) if d.counts)
        least_fen = required_deposit_fen(terms.deposit.least_fen(), past, house.money.bidders)
        amount_fen = _deposit_to_hold(least_fen, deposit_fen, held_fen)
        if amount_fen == 0:
            await _register_without(house, work, record, terms, bidder_id)
            return None
        earlier = await deposits.deposits_of_lot(work, record.lot_id, bidder_id=bidder_id)
        declined = sum(1 for one in earlier if one.status == "failed")
        return await _intend_hold(
            house,
            work,
            record,
            terms,
            bidder_id=bidder_id,
            # a declined deposit does not stand in the way of another try
            request_key=REGISTRATION if not declined else f"{REGISTRATION}-{declined + 1}",
            amount_fen=amount_fen,
            payment_method=payment_method,
            now_ms=now_ms,
        )


async def _check_history(house: House, work: Work, record: LotRecord, bidder_id: str, now_ms: int) -> int:
    """How many defaults the bidder has on record; RequestRefused(bidder-barred) where they may not bid here."""
    theirs = await defaults.of_bidder(work, bidder_id)
    until_ms = barred_until_ms([default.at_ms for default in theirs], house.money.bidders)
    if until_ms is not None and now_ms < until_ms:
        raise RequestRefused(
            ProblemCode.BIDDER_BARRED,
            "You did not pay for lots you won; you may bid again later.",
            {"until_ms": until_ms},
        )
    if await is_barred_from(work, record, bidder_id):
        raise _barred()
    return len(theirs)


async def _register_without(house: House, work: Work, record: LotRecord, terms: Terms, bidder_id: str) -> None:
    """Register at once: no deposit is asked, or what is held on the sale serves for this lot too."""
    paddle = await bidders.assign_paddle(work, sale_id=record.sale_id, bidder_id=bidder_id)
    await bidders.add_registration(
        work,
        lot_id=record.lot_id,
        bidder_id=bidder_id,
        paddle=paddle,
        limit_fen=0,
        purse_fen=None,
        terms_sha256=terms.sha256(),
    )
    await restate(house, work, record, bidder_id)


async def _intend_hold(
    house: House,
    work: Work,
    record: LotRecord,
    terms: Terms,
    *,
    bidder_id: str,
    request_key: str,
    amount_fen: int,
    payment_method: str,
    now_ms: int,
) -> Deposit:
    """Write down a deposit and the intent to have it held; asked before under the same key: that one."""
    deposit, created = await deposits.ask(
        work,
        deposit_id=f"d{secrets.token_hex(8)}",
        lot_id=record.lot_id,
        bidder_id=bidder_id,
        request_key=request_key,
        policy=str(terms.deposit.as_mapping()["policy"]),
        method=house.money.deposit_method,
        amount_fen=amount_fen,
        payment_method=payment_method,
        provider=house.gateway.provider,
        at_ms=now_ms,
    )
    if created:
        intent = Intent(
            operation_id=hold_id(deposit),
            kind="charge" if deposit.method == "charge" else "hold",
            lot_id=deposit.lot_id,
            bidder_id=bidder_id,
            amount_fen=amount_fen,
            provider=deposit.provider,
            payment_method=payment_method,
            deposit_id=deposit.deposit_id,
        )
        # this call asks at once; the cashier only if it does not come to that
        await operations.intend(work, [intent], at_ms=now_ms, first_try_ms=operations.CLAIM_MS)
    return deposit


def hold_id(deposit: Deposit) -> str:
    """The operation by which a deposit is held."""
    return f"hold-{deposit.deposit_id}"


async def _hold(house: House, deposit: Deposit) -> Deposit:
    """Ask for the deposit, or look what became of it. Raises RequestRefused(deposit-declined), PaymentsAway."""
    if deposit.status == "pending":
        await perform(house, hold_id(deposit))
        async with house.books.reading() as work:
            deposit = await deposits.find(work, deposit.deposit_id)
    if deposit.status == "failed":
        raise RequestRefused(
            ProblemCode.DEPOSIT_DECLINED,
            f"The deposit of {yuan(deposit.amount_fen)} yuan was declined ({deposit.why}); nothing was taken. "
            "Try another way to pay.",
            {"failure": deposit.why, "amount_fen": deposit.amount_fen},
        )
    return deposit


async def _outcome(house: House, lot_id: str, bidder_id: str, deposit: Deposit | None) -> Asked:
    async with house.books.reading() as work:
        found = await bidders.find_registration(work, lot_id=lot_id, bidder_id=bidder_id)
    if found is None:
        if deposit is not None and deposit.why == BARRED:
            raise _barred()
        if deposit is not None and deposit.status != "pending":
            raise RequestRefused(
                ProblemCode.REGISTRATION_CLOSED, "The lot ended while the deposit was being held; it goes back to you."
            )
        return Asked(None, deposit, created=True)
    if found.told_no < found.power_no:
        await tell(house, lot_id, bidder_id)
    return Asked(found, deposit, created=True)


def _barred() -> RequestRefused:
    return RequestRefused(
        ProblemCode.BIDDER_BARRED, "This lot is sold again because its buyer did not pay; that buyer may not bid on it."
    )


def _deposit_to_hold(least_fen: int, wanted_fen: int | None, held_fen: int) -> int:
    """What a registration holds, in fen: the least that is asked for unless more is offered; 0: no deposit.

    A purse that was filled for another lot of the sale serves for this one too.
    """
    missing_fen = max(0, least_fen - held_fen)
    if wanted_fen is None:
        return missing_fen
    if wanted_fen < missing_fen:
        raise RequestRefused(
            ProblemCode.DEPOSIT_TOO_LOW,
            f"This lot asks you for a deposit of at least {yuan(missing_fen)} yuan; {yuan(wanted_fen)} was offered.",
            {"minimum_fen": missing_fen},
        )
    if least_fen == 0:
        return 0
    if held_fen + wanted_fen > FEN_MAX:
        raise RequestRefused(
            ProblemCode.DEPOSIT_TOO_HIGH,
            f"Deposits on a sale may come to {yuan(FEN_MAX)} yuan at the most.",
            {"maximum_fen": FEN_MAX - held_fen},
        )
    return wanted_fen


def _check_top_up(power: Power, held_fen: int, amount_fen: int) -> None:
    if held_fen + amount_fen > FEN_MAX:
        raise RequestRefused(
            ProblemCode.DEPOSIT_TOO_HIGH,
            f"Deposits on a sale may come to {yuan(FEN_MAX)} yuan at the most.",
            {"maximum_fen": FEN_MAX - held_fen},
        )
    if power == Power():
        raise RequestRefused(
            ProblemCode.DEPOSIT_NOT_NEEDED, "A larger deposit would not raise your limit on this lot: you have none."
        )
