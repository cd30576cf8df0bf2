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
from auction.books.unit_of_work import Transaction
from auction.domain.deposits import Power, PurseDeposit
from auction.domain.errors import AuctionError, ProblemCode
from auction.domain.settlement import counted_deposit_fen, identity_limit_fen
from auction.domain.terms import Terms
from auction.domain.terms_reader import read_terms
from auction.services.context import AppContext


async def power_of(context: AppContext, tx: Transaction, record: LotRecord, bidder_id: str) -> Power:
    """What the bidder's held deposits allow on a lot: by its policy, past defaults and how well they are known."""
    power = await power_of_deposits(context, tx, record, bidder_id)
    cap_fen = identity_limit_fen(await bidders.identity_level(tx, bidder_id), context.money.bidders)
    if cap_fen is None or (power.limit_fen is not None and power.limit_fen <= cap_fen):
        return power
    return Power(limit_fen=cap_fen, purse_fen=power.purse_fen)


async def power_of_deposits(context: AppContext, tx: Transaction, record: LotRecord, bidder_id: str) -> Power:
    """What the bidder's held deposits allow on a lot, however well they are known.

    A default makes the deposits after it count for less; those that were there before keep their worth.
    """
    terms = read_terms(record.terms)
    held = [one for one in await held_for(tx, record, terms, bidder_id) if one.counts]
    past = await defaults.of_bidder(tx, bidder_id)
    before_fen = sum(one.amount_fen for one in held if not past or one.created_at_ms <= past[0].at_ms)
    after_fen = sum(one.amount_fen for one in held) - before_fen
    counted_fen = before_fen + counted_deposit_fen(after_fen, len(past), context.money.bidders)
    if counted_fen < terms.deposit.minimum_fen():
        return Power(limit_fen=0, purse_fen=0 if isinstance(terms.deposit, PurseDeposit) else None)
    return terms.deposit.power(counted_fen)


async def is_barred_from(tx: Transaction, record: LotRecord, bidder_id: str) -> bool:
    """Whether a lot is sold again because this bidder, or somebody linked to them, did not pay for it."""
    if record.relisted_from is None:
        return False
    chain = await defaults.ancestors_of(tx, record.relisted_from)
    defaulters = {default.bidder_id for default in await defaults.of_lots(tx, chain)}
    return bidder_id in await bidders.linked_to(tx, defaulters)


async def held_for(tx: Transaction, record: LotRecord, terms: Terms, bidder_id: str) -> list[Deposit]:
    """The deposits that count for a lot: its own, or with a purse those of the whole sale."""
    if isinstance(terms.deposit, PurseDeposit):
        found = await deposits.deposits_on_sale(tx, sale_id=record.sale_id, bidder_id=bidder_id)
        return [deposit for deposit in found if deposit.policy == "purse"]
    return await deposits.deposits_of_lot(tx, record.lot_id, bidder_id=bidder_id)


async def restate_power(context: AppContext, tx: Transaction, record: LotRecord, bidder_id: str) -> None:
    """Write the power down that the deposits allow now, for every lot of the sale that it changes on."""
    await bidders.lock_paddle(tx, sale_id=record.sale_id, bidder_id=bidder_id)
    for registration in await bidders.registrations_on_sale(tx, sale_id=record.sale_id, bidder_id=bidder_id):
        lot = record if registration.lot_id == record.lot_id else await catalogue.find_lot(tx, registration.lot_id)
        power = await power_of(context, tx, lot, bidder_id)
        if (power.limit_fen, power.purse_fen) != (registration.limit_fen, registration.purse_fen):
            await bidders.change_power(
                tx,
                lot_id=registration.lot_id,
                bidder_id=bidder_id,
                limit_fen=power.limit_fen,
                purse_fen=power.purse_fen,
            )


async def sync_power(context: AppContext, lot_id: str, bidder_id: str) -> Registration:
    """Tell the ledger what the books hold for a bidder on a lot. Raises LedgerAway, WrongStatus, RequestRefused.

    A ledger that knows it already is told again without effect.
    """
    async with context.books.transaction() as tx:
        mine = await bidders.lock_registration(tx, lot_id=lot_id, bidder_id=bidder_id)
        try:
            await context.ledger.admit(
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
            await bidders.mark_synced(tx, mine)
            if mine.synced_version == 0:
                raise
            return mine
        await bidders.mark_synced(tx, mine)
    return mine


async def sync_sale_power(context: AppContext, sale_id: str, bidder_id: str) -> None:
    """Tell the ledger of every change on a sale that it was not told of. Raises LedgerAway."""
    async with context.books.reading() as tx:
        found = await bidders.registrations_on_sale(tx, sale_id=sale_id, bidder_id=bidder_id)
    for registration in unsynced(found):
        await sync_power(context, registration.lot_id, bidder_id)


def unsynced(registrations: Sequence[Registration]) -> list[Registration]:
    """Registrations with a change that the ledger was not told of."""
    return [registration for registration in registrations if registration.synced_version < registration.power_version]
