"""Admits bidders to lots: deposit and paddle in the books first, then bidding power in the ledger.

The deposit is noted as held; what moves the money comes through the payment gateway of the house.
"""

import time

from auction.books import bidders
from auction.books.bidders import Registration
from auction.books.catalogue import DRAFT, LotRecord
from auction.domain.deposits import PurseDeposit
from auction.domain.errors import AuctionError, ProblemCode, RequestRefused
from auction.domain.lot import ADMITTING
from auction.domain.money import FEN_MAX, yuan
from auction.domain.terms import Terms
from auction.domain.terms_reader import read_terms
from auction.services.catalogue import lot_record
from auction.services.house import House

WAITING_MS = 5_000
"""A registration not seen admitted for so long is told to the ledger again."""


async def register(
    house: House, lot_id: str, *, bidder_id: str, name: str, deposit_fen: int | None = None
) -> tuple[Registration, bool]:
    """Register a bidder for a lot; again: the same registration, and False.

    Raises NotFound, RequestRefused(registration-closed, deposit-too-low), LedgerAway, BooksAway.
    """
    record = await lot_record(house, lot_id)
    async with house.books.reading() as work:
        known = await bidders.find_registration(work, lot_id=lot_id, bidder_id=bidder_id)
    if known is None:
        await _still_admitting(house, record)
        known, created = await _commit(house, record, bidder_id=bidder_id, name=name, deposit_fen=deposit_fen)
    else:
        created = False
    if known.admitted_at_ms is None:
        await _admit(house, known)
    return known, created


async def registrations_of(house: House, bidder_id: str) -> list[Registration]:
    """A bidder's registrations with their deposits, newest first."""
    async with house.books.reading() as work:
        return await bidders.registrations_of(work, bidder_id)


async def admit_waiting_bidders(house: House) -> int:
    """Tell the ledger of registrations that it may not have got; how many it had not."""
    before_ms = int(time.time() * 1000) - WAITING_MS
    async with house.books.reading() as work:
        waiting = await bidders.registrations_to_admit(work, before_ms=before_ms)
    admitted = 0
    for registration in waiting:
        try:
            await _admit(house, registration)
            admitted += 1
        except RequestRefused:
            continue
        except AuctionError as error:
            if error.code != ProblemCode.WRONG_STATUS:
                raise
    return admitted


async def _still_admitting(house: House, record: LotRecord) -> None:
    snapshot = None if record.status == DRAFT else await house.ledger.read(record.lot_id)
    status = DRAFT if snapshot is None else str(snapshot.status)
    if status not in ADMITTING:
        raise RequestRefused(
            ProblemCode.REGISTRATION_CLOSED,
            f"The lot is {status}; bidders are admitted while it is {', '.join(ADMITTING)}.",
            {"status": status, "allowed": [str(s) for s in ADMITTING]},
        )


async def _commit(
    house: House, record: LotRecord, *, bidder_id: str, name: str, deposit_fen: int | None
) -> tuple[Registration, bool]:
    terms = read_terms(record.terms)
    async with house.books.transaction() as work:
        await bidders.ensure_bidder(work, bidder_id=bidder_id, name=name)
        paddle = await bidders.assign_paddle(work, sale_id=record.sale_id, bidder_id=bidder_id)
        before_fen = 0
        if isinstance(terms.deposit, PurseDeposit):
            before_fen = await bidders.held_on_sale_fen(work, sale_id=record.sale_id, bidder_id=bidder_id)
        paid_fen = _deposit_to_hold(terms, deposit_fen, before_fen)
        power = terms.deposit.power(before_fen + paid_fen)
        _, created = await bidders.add_registration(
            work,
            lot_id=record.lot_id,
            bidder_id=bidder_id,
            paddle=paddle,
            limit_fen=power.limit_fen,
            purse_fen=power.purse_fen,
            terms_sha256=terms.sha256(),
        )
        if created and paid_fen:
            await bidders.hold_deposit(
                work,
                lot_id=record.lot_id,
                bidder_id=bidder_id,
                policy=str(terms.deposit.as_mapping()["policy"]),
                amount_fen=paid_fen,
            )
        registration = await bidders.find_registration(work, lot_id=record.lot_id, bidder_id=bidder_id)
    if registration is None:
        raise RuntimeError(f"the registration of {bidder_id} for {record.lot_id} vanished in its own transaction")
    return registration, created


def _deposit_to_hold(terms: Terms, wanted_fen: int | None, before_fen: int) -> int:
    """What this registration holds, in fen: the least the terms ask for unless more is offered; 0: no deposit.

    A purse that was filled for another lot of the sale serves for this one too.
    """
    least_fen = max(0, terms.deposit.least_fen() - before_fen)
    if wanted_fen is None:
        return least_fen
    if wanted_fen < least_fen:
        raise RequestRefused(
            ProblemCode.DEPOSIT_TOO_LOW,
            f"This lot asks for a deposit of at least {yuan(least_fen)} yuan; {yuan(wanted_fen)} was offered.",
            {"minimum_fen": least_fen},
        )
    if terms.deposit.least_fen() == 0:
        return 0
    if before_fen + wanted_fen > FEN_MAX:
        raise RequestRefused(
            ProblemCode.DEPOSIT_TOO_HIGH,
            f"Deposits on a sale may come to {yuan(FEN_MAX)} yuan at the most.",
            {"maximum_fen": FEN_MAX - before_fen},
        )
    return wanted_fen


async def _admit(house: House, registration: Registration) -> None:
    await house.ledger.admit(
        registration.lot_id,
        bidder_id=registration.bidder_id,
        paddle=registration.paddle,
        limit_fen=registration.limit_fen,
        purse_fen=registration.purse_fen,
    )
