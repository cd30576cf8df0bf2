"""Bidding power: what a bidder's held deposits allow, kept in the books and told to the ledger.

Beside the bid's way. The books come first: power is raised there, committed, then told; it is lowered there and told
before the deposit it rested on goes anywhere. Telling happens under the registration's lock, so the ledger never hears
an older figure after a newer one; whatever a crash leaves untold the clerk tells within a second.
"""

from collections.abc import Sequence

from auction.books import bidders, catalogue, defaults, deposits
from auction.books.bidders import Registration
from auction.books.catalogue import LotRecord
from auction.books.deposits import Deposit
from auction.books.unit_of_work import Work
from auction.domain.deposits import Power, PurseDeposit
from auction.domain.errors import AuctionError, ProblemCode
from auction.domain.settlement import counted_deposit_fen, identity_limit_fen, required_deposit_fen
from auction.domain.terms import Terms
from auction.domain.terms_reader import read_terms
from auction.services.house import House


async def power_of(house: House, work: Work, record: LotRecord, bidder_id: str) -> Power:
    """What the bidder's held deposits allow on a lot: by its policy, past defaults and how well they are known."""
    terms = read_terms(record.terms)
    held = await held_for(work, record, terms, bidder_id)
    past = len(await defaults.of_bidder(work, bidder_id))
    rules = house.money.bidders
    held_fen = sum(deposit.amount_fen for deposit in held if deposit.counts)
    if held_fen < required_deposit_fen(terms.deposit.least_fen(), past, rules):
        power = Power(limit_fen=0, purse_fen=0 if isinstance(terms.deposit, PurseDeposit) else None)
    else:
        power = terms.deposit.power(counted_deposit_fen(held_fen, past, rules))
    cap_fen = identity_limit_fen(await bidders.identity_level(work, bidder_id), rules)
    if cap_fen is None or (power.limit_fen is not None and power.limit_fen <= cap_fen):
        return power
    return Power(limit_fen=cap_fen, purse_fen=power.purse_fen)


async def held_for(work: Work, record: LotRecord, terms: Terms, bidder_id: str) -> list[Deposit]:
    """The deposits that count for a lot: its own, or with a purse those of the whole sale."""
    if isinstance(terms.deposit, PurseDeposit):
        found = await deposits.deposits_on_sale(work, sale_id=record.sale_id, bidder_id=bidder_id)
        return [deposit for deposit in found if deposit.policy == "purse"]
    return await deposits.deposits_of_lot(work, record.lot_id, bidder_id=bidder_id)


async def restate(house: House, work: Work, record: LotRecord, bidder_id: str) -> None:
    """Write the power down that the deposits allow now, for every lot of the sale that it changes on."""
    await bidders.lock_paddle(work, sale_id=record.sale_id, bidder_id=bidder_id)
    for registration in await bidders.registrations_on_sale(work, sale_id=record.sale_id, bidder_id=bidder_id):
        lot = record if registration.lot_id == record.lot_id else await catalogue.find_lot(work, registration.lot_id)
        power = await power_of(house, work, lot, bidder_id)
        if (power.limit_fen, power.purse_fen) != (registration.limit_fen, registration.purse_fen):
            await bidders.change_power(
                work,
                lot_id=registration.lot_id,
                bidder_id=bidder_id,
                limit_fen=power.limit_fen,
                purse_fen=power.purse_fen,
            )


async def tell(house: House, lot_id: str, bidder_id: str) -> Registration:
    """Tell the ledger what the books hold for a bidder on a lot. Raises LedgerAway, WrongStatus, RequestRefused.

    A ledger that knows it already is told again without effect.
    """
    async with house.books.transaction() as work:
        mine = await bidders.lock_registration(work, lot_id=lot_id, bidder_id=bidder_id)
        try:
            await house.ledger.admit(
                lot_id,
                bidder_id=bidder_id,
                paddle=mine.paddle,
                limit_fen=mine.limit_fen,
                purse_fen=mine.purse_fen,
            )
        except AuctionError as error:
            if error.code != ProblemCode.WRONG_STATUS:
                raise
            # the lot is over: nobody bids on it, whatever their power
            await bidders.note_told(work, mine)
            if mine.told_no == 0:
                raise
            return mine
        await bidders.note_told(work, mine)
    return mine


async def tell_sale(house: House, sale_id: str, bidder_id: str) -> None:
    """Tell the ledger of every change on a sale that it was not told of. Raises LedgerAway."""
    async with house.books.reading() as work:
        found = await bidders.registrations_on_sale(work, sale_id=sale_id, bidder_id=bidder_id)
    for registration in untold(found):
        await tell(house, registration.lot_id, bidder_id)


def untold(registrations: Sequence[Registration]) -> list[Registration]:
    """Registrations with a change that the ledger was not told of."""
    return [registration for registration in registrations if registration.told_no < registration.power_no]
