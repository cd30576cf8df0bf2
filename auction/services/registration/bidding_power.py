"""Bidding power: what a bidder's held deposits allow on a lot, kept in the database and sent to the ledger.

Beside the bid's way. The database comes first: power is raised there, committed, then sent; it is lowered there and
sent before the deposit it rested on is released. It is sent under the registration's lock, so the ledger never gets an
older figure after a newer one; what a crash leaves unsent, the clerk sends within a second.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from auction.books import bidders, catalogue, defaults, deposits, reversals
from auction.books.bidders import Registration
from auction.books.catalogue import LotRecord
from auction.books.defaults import Default
from auction.books.deposits import Deposit
from auction.books.unit_of_work import Transaction
from auction.domain.deposits import Power, PurseDeposit
from auction.domain.errors import AuctionError, ProblemCode, RequestRefused
from auction.domain.lot import ADMITTING
from auction.domain.settlement import BidderPolicy, barred_until_ms, counted_deposit_fen, identity_limit_fen
from auction.domain.states import DepositStatus
from auction.domain.terms import Terms
from auction.domain.terms_reader import read_terms
from auction.ledger.keys import sale_of
from auction.services.context import AppContext

UNSEEN_MS = 5_000
"""A registration that is not archived as admitted after so long is sent to the ledger again."""


async def power_of(context: AppContext, tx: Transaction, record: LotRecord, bidder_id: str) -> Power:
    """The bidder's power on a lot: by its deposit policy, past defaults, and the limit of their identity level."""
    if await disputing(context, tx, [bidder_id]):
        return _no_power(read_terms(record.terms))
    power = await power_of_deposits(context, tx, record, bidder_id)
    return _capped(power, await bidders.identity_level(tx, bidder_id), context.money.bidders)


async def power_of_deposits(context: AppContext, tx: Transaction, record: LotRecord, bidder_id: str) -> Power:
    """The bidder's power on a lot, whatever their identity level.

    After a default, new deposits count for less; those from before it count in full.
    """
    terms = read_terms(record.terms)
    found = await deposits_for(tx, record, terms, bidder_id)
    return _backed(terms, found, await past_defaults(tx, bidder_id), context.money.bidders)


async def powers_of(
    context: AppContext, tx: Transaction, registrations: Sequence[Registration], records: Mapping[str, LotRecord]
) -> list[Power]:
    """`power_of` for many registrations, in few statements; `records` are their lots."""
    bidder_ids = sorted({registration.bidder_id for registration in registrations})
    terms = {lot_id: read_terms(record.terms) for lot_id, record in records.items()}
    sale_ids = sorted({record.sale_id for record in records.values()})
    levels = await bidders.identity_levels(tx, bidder_ids)
    linked = await bidders.linked_to_each(tx, bidder_ids)
    counted = await defaults.of_bidders(tx, sorted({one for some in linked.values() for one in some}))
    past = {
        bidder_id: [default for default in counted if default.bidder_id in linked[bidder_id]]
        for bidder_id in (bidder_ids if counted else ())
    }
    found: dict[tuple[str, str], list[Deposit]] = {}
    for sale_id, deposit in await deposits.deposits_on_sales(tx, sale_ids=sale_ids, bidder_ids=bidder_ids):
        for place in (deposit.lot_id, f"purse {sale_id}" if deposit.is_purse else None):
            if place is not None:
                found.setdefault((place, deposit.bidder_id), []).append(deposit)
    barred = await disputing(context, tx, bidder_ids)
    powers = []
    for registration in registrations:
        lot_id, bidder_id = registration.lot_id, registration.bidder_id
        of_lot = terms[lot_id]
        if bidder_id in barred:
            powers.append(_no_power(of_lot))
            continue
        place = f"purse {records[lot_id].sale_id}" if isinstance(of_lot.deposit, PurseDeposit) else lot_id
        held = found.get((place, bidder_id), [])
        power = _backed(of_lot, held, past.get(bidder_id, []), context.money.bidders)
        powers.append(_capped(power, levels.get(bidder_id, 0), context.money.bidders))
    return powers


def _backed(terms: Terms, found: Sequence[Deposit], past: Sequence[Default], rules: BidderPolicy) -> Power:
    """The power that deposits give after these defaults, oldest first.

    What lots have taken of a purse gives no power, but counts towards the least deposit that admits.
    """
    held = [one for one in found if one.is_available]
    held_fen = sum(one.left_fen for one in held)
    before_fen = sum(one.left_fen for one in held if not past or one.created_at_ms <= past[0].at_ms)
    counted_fen = before_fen + counted_deposit_fen(held_fen - before_fen, len(past), rules)
    used_fen = sum(
        one.amount_fen for one in found if one.part_of is not None and one.status is not DepositStatus.LAPSED
    )
    power = terms.deposit.power(counted_fen)
    if counted_fen + used_fen < terms.deposit.minimum_fen():
        power = _no_power(terms)
    return power if power.purse_fen is None else replace(power, held_fen=held_fen)


async def past_defaults(tx: Transaction, bidder_id: str) -> list[Default]:
    """The defaults that count against a bidder, oldest first: theirs, and those of accounts linked to them."""
    return await defaults.of_bidders(tx, sorted(await bidders.linked_to(tx, {bidder_id})))


def _no_power(terms: Terms) -> Power:
    return Power(0, 0, 0) if isinstance(terms.deposit, PurseDeposit) else Power(limit_fen=0)


async def disputing(context: AppContext, tx: Transaction, bidder_ids: Collection[str]) -> set[str]:
    """Those of these bidders who dispute a payment, or have won such a dispute not long ago: they may not bid."""
    lost_since_ms = context.clock_ms() - context.money.bidders.bar_ms
    return await reversals.disputing(tx, bidder_ids, lost_since_ms=lost_since_ms)


def _capped(power: Power, level: int, rules: BidderPolicy) -> Power:
    """The power with the limit of an identity level."""
    cap_fen = identity_limit_fen(level, rules)
    if cap_fen is None or (power.limit_fen is not None and power.limit_fen <= cap_fen):
        return power
    return replace(power, limit_fen=cap_fen)


async def is_barred(context: AppContext, tx: Transaction, bidder_id: str) -> bool:
    """Whether so many defaults count against a bidder that they may not bid for a time."""
    times_ms = [default.at_ms for default in await past_defaults(tx, bidder_id)]
    until_ms = barred_until_ms(times_ms, context.money.bidders)
    return until_ms is not None and context.clock_ms() < until_ms


async def is_barred_from(tx: Transaction, record: LotRecord, bidder_id: str) -> bool:
    """Whether a lot is a relisting after a default by this bidder or by somebody linked to them."""
    if record.relisted_from is None:
        return False
    chain = await defaults.ancestors_of(tx, record.relisted_from)
    defaulters = {one.bidder_id for one in await defaults.of_lots(tx, chain) if one.counts}
    return bidder_id in await bidders.linked_to(tx, defaulters)


async def deposits_for(tx: Transaction, record: LotRecord, terms: Terms, bidder_id: str) -> list[Deposit]:
    """The bidder's deposits that serve a lot: those for it, or under a purse policy all purses of the sale."""
    if isinstance(terms.deposit, PurseDeposit):
        found = await deposits.deposits_on_sale(tx, sale_id=record.sale_id, bidder_id=bidder_id)
        return [deposit for deposit in found if deposit.is_purse]
    return await deposits.deposits_of_lot(tx, record.lot_id, bidder_id=bidder_id)


async def restate_power(context: AppContext, tx: Transaction, record: LotRecord, bidder_id: str) -> None:
    """Store the power that the deposits allow now, for every lot of the sale on which it changes."""
    await bidders.lock_paddle(tx, sale_id=record.sale_id, bidder_id=bidder_id)
    for registration in await bidders.registrations_on_sale(tx, sale_id=record.sale_id, bidder_id=bidder_id):
        lot = record if registration.lot_id == record.lot_id else await catalogue.find_lot(tx, registration.lot_id)
        power = await power_of(context, tx, lot, bidder_id)
        if power != Power(registration.limit_fen, registration.purse_fen, registration.held_fen):
            await bidders.change_power(
                tx,
                lot_id=registration.lot_id,
                bidder_id=bidder_id,
                limit_fen=power.limit_fen,
                purse_fen=power.purse_fen,
                held_fen=power.held_fen,
            )


async def restate_everywhere(context: AppContext, tx: Transaction, bidder_id: str) -> None:
    """Store the power that a bidder has now on every lot that they are registered for, sale by sale."""
    of_sale: dict[str, LotRecord] = {}
    for one in await bidders.registrations_of(tx, bidder_id):
        lot = await catalogue.find_lot(tx, one.lot_id)
        of_sale.setdefault(lot.sale_id, lot)
    for _, lot in sorted(of_sale.items()):
        await restate_power(context, tx, lot, bidder_id)


async def link(context: AppContext, tx: Transaction, bidder_id: str, *, kind: str, mark: str) -> None:
    """Link a bidder to all with the same mark; where one of them has defaulted, it counts against all from now on."""
    if not await bidders.add_link(tx, bidder_id=bidder_id, kind=kind, mark=mark):
        return
    linked = sorted(await bidders.linked_to(tx, {bidder_id}))
    if len(linked) > 1 and await defaults.of_bidders(tx, linked):
        for one in linked:
            await restate_everywhere(context, tx, one)


async def sync_power(context: AppContext, lot_id: str, bidder_id: str) -> Registration:
    """Send a bidder's stored power on a lot to the ledger, or the share of one that is over. The registration.

    Repeating it changes nothing. Raises LedgerAway, BooksAway, RequestRefused, and WrongStatus where the lot ended
    before the bidder was admitted.
    """
    async with context.books.transaction() as tx:
        registration = await bidders.lock_registration(tx, lot_id=lot_id, bidder_id=bidder_id)
        if registration.share_fen is not None:
            await context.ledger.set_share(lot_id, bidder_id=bidder_id, share_fen=registration.share_fen)
            await bidders.mark_synced(tx, registration)
            return registration
        try:
            async with context.ended_lots.known_as_ended(context.books, lot_id, "register for it", ADMITTING):
                await context.ledger.admit(
                    lot_id,
                    bidder_id=bidder_id,
                    paddle=registration.paddle,
                    limit_fen=registration.limit_fen,
                    purse_fen=registration.purse_fen,
                    held_fen=registration.held_fen,
                )
        except AuctionError as error:
            if error.code != ProblemCode.WRONG_STATUS:
                raise
            # the lot is over: nobody bids on it, whatever their power
            await bidders.mark_synced(tx, registration)
            if registration.synced_version == 0:
                raise
            return registration
        await bidders.mark_synced(tx, registration)
    return registration


async def sync_sale_power(context: AppContext, sale_id: str, bidder_id: str) -> None:
    """Send every change of a bidder's power on a sale that the ledger does not have. Raises LedgerAway, BooksAway."""
    async with context.books.reading() as tx:
        found = await bidders.registrations_on_sale(tx, sale_id=sale_id, bidder_id=bidder_id)
    for registration in unsynced(found):
        await sync_power(context, registration.lot_id, bidder_id)


def unsynced(registrations: Sequence[Registration]) -> list[Registration]:
    """Registrations with a change of power that the ledger does not have."""
    return [registration for registration in registrations if registration.synced_version < registration.power_version]


async def sync_waiting_powers(context: AppContext) -> int:
    """Send the powers to the ledger that it may not have; how many were sent. Raises LedgerAway, BooksAway."""
    before_ms = context.clock_ms() - UNSEEN_MS
    async with context.books.reading() as tx:
        waiting = await bidders.registrations_to_sync(tx, before_ms=before_ms)
    sent = 0
    for registration in waiting:
        try:
            if registration.share_fen is not None:
                # a share that was used has left a smaller purse: that comes before the share ends
                await sync_sale_power(context, sale_of(registration.lot_id), registration.bidder_id)
            await sync_power(context, registration.lot_id, registration.bidder_id)
            sent += 1
        except RequestRefused:
            continue
        except AuctionError as error:
            # a lot that is over, or on a stopped shard, delays no other
            if error.code not in {ProblemCode.WRONG_STATUS, ProblemCode.LEDGER_CHANGED}:
                raise
    return sent
