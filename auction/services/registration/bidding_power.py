"""Bidding power: what bidders' held deposits allow on lots, as it is kept in the database.

Beside the bid's way. The database comes first: power is raised there, committed, then sent
(`auction.services.registration.power_sync`); it is lowered there and sent before the deposit it rested on is released.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from auction.books import (
    bidder_blocks,
    bidders,
    catalogue,
    defaults,
    deposits,
    paddles,
    registration_batches,
    reversals,
)
from auction.books.bidders import Registration
from auction.books.catalogue import LotRecord
from auction.books.defaults import Default
from auction.books.deposits import Deposit
from auction.books.unit_of_work import Transaction
from auction.domain.deposits import Power, PurseDeposit
from auction.domain.settlement import BidderPolicy, barred_until_ms, counted_deposit_fen, identity_limit_fen
from auction.domain.states import DepositStatus
from auction.domain.terms import Terms
from auction.domain.terms_reader import read_terms
from auction.services.context import AppContext


async def power_of_deposits(context: AppContext, tx: Transaction, record: LotRecord, bidder_id: str) -> Power:
    """The bidder's power on a lot, whatever their identity level.

    After a default, new deposits count for less; those from before it count in full.
    """
    terms = read_terms(record.terms)
    found = await deposits_for(tx, record, terms, bidder_id)
    return _backed(terms, found, await past_defaults(tx, bidder_id), context.money.bidders)


@dataclass(frozen=True, slots=True)
class Standings:
    """What counts against bidders: the defaults of each and of those linked to them, oldest first, disputes, blocks."""

    linked: Mapping[str, Collection[str]]
    """Each with all who are linked to them, themselves included."""
    past: Mapping[str, Sequence[Default]]
    """Bidders without any are missing."""
    disputing: Collection[str]
    blocked: Collection[str]
    """By staff; linked accounts are not."""

    def has_no_power(self, bidder_id: str) -> bool:
        """Whether a bidder may not bid, whatever their deposits."""
        return bidder_id in self.disputing or bidder_id in self.blocked

    def is_barred_after(self, defaulters: Collection[str], bidder_id: str) -> bool:
        """Whether a bidder, or somebody linked to them, is one of those who defaulted on a lot before."""
        return any(one in defaulters for one in self.linked[bidder_id])

    def bar_of(self, bidder_id: str, rules: BidderPolicy) -> int | None:
        """Until when so many defaults bar a bidder, UTC ms; None: they do not."""
        return barred_until_ms([default.at_ms for default in self.past.get(bidder_id, ())], rules)


async def standings_of(
    context: AppContext,
    tx: Transaction,
    bidder_ids: Collection[str],
    *,
    linked_too: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Standings:
    """What counts against these bidders; `linked_too`: bidder -> others whom a mark not yet stored links them to."""
    linked = await bidders.linked_to_each(tx, bidder_ids)
    for bidder_id, others in linked_too.items():
        linked[bidder_id].update(others)
    counted = await defaults.of_bidders(tx, sorted({one for some in linked.values() for one in some}))
    past = {
        bidder_id: [default for default in counted if default.bidder_id in linked[bidder_id]]
        for bidder_id in (linked if counted else ())
    }
    blocked = await bidder_blocks.blocked_among(tx, bidder_ids)
    return Standings(linked, past, await disputing(context, tx, sorted(linked)), blocked)


async def powers_of(
    context: AppContext,
    tx: Transaction,
    registrations: Sequence[Registration],
    records: Mapping[str, LotRecord],
) -> list[Power]:
    """The bidders' power on lots, in few statements; `records` are their lots.

    By the lot's deposit policy, past defaults, and the limit of the identity level.
    """
    bidder_ids = sorted({registration.bidder_id for registration in registrations})
    terms = _terms_of(records.values())
    sale_ids = sorted({record.sale_id for record in records.values()})
    levels = await bidders.identity_levels(tx, bidder_ids) if context.money.bidders.identity_limits else {}
    standings = await standings_of(context, tx, bidder_ids)
    found: dict[tuple[str, str], list[Deposit]] = {}
    for sale_id, deposit in await deposits.deposits_on_sales(tx, sale_ids=sale_ids, bidder_ids=bidder_ids):
        for place in (deposit.lot_id, f"purse {sale_id}" if deposit.is_purse else None):
            if place is not None:
                found.setdefault((place, deposit.bidder_id), []).append(deposit)
    powers = []
    for registration in registrations:
        lot_id, bidder_id = registration.lot_id, registration.bidder_id
        of_lot = terms[lot_id]
        if standings.has_no_power(bidder_id):
            powers.append(_no_power(of_lot))
            continue
        place = f"purse {records[lot_id].sale_id}" if isinstance(of_lot.deposit, PurseDeposit) else lot_id
        held = found.get((place, bidder_id), [])
        power = _backed(of_lot, held, standings.past.get(bidder_id, ()), context.money.bidders)
        powers.append(_capped(power, levels.get(bidder_id, 0), context.money.bidders))
    return powers


def _terms_of(records: Iterable[LotRecord]) -> dict[str, Terms]:
    """Lot -> its terms. Equal terms are read once: most lots of a sale have the same."""
    read: dict[str, Terms] = {}
    agreed = {}
    for record in records:
        fingerprint = record.terms_sha256 or record.lot_id
        if fingerprint not in read:
            read[fingerprint] = read_terms(record.terms)
        agreed[record.lot_id] = read[fingerprint]
    return agreed


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


async def defaulters_before(tx: Transaction, record: LotRecord) -> set[str]:
    """Who defaulted on the lots that a lot is a relisting of: nobody linked to them may bid on it."""
    if record.relisted_from is None:
        return set()
    chain = await defaults.ancestors_of(tx, record.relisted_from)
    return {one.bidder_id for one in await defaults.of_lots(tx, chain) if one.counts}


async def deposits_for(tx: Transaction, record: LotRecord, terms: Terms, bidder_id: str) -> list[Deposit]:
    """The bidder's deposits that serve a lot: those for it, or under a purse policy all purses of the sale."""
    if isinstance(terms.deposit, PurseDeposit):
        found = await deposits.deposits_on_sale(tx, sale_id=record.sale_id, bidder_id=bidder_id)
        return [deposit for deposit in found if deposit.is_purse]
    return await deposits.deposits_of_lot(tx, record.lot_id, bidder_id=bidder_id)


async def restate_power(context: AppContext, tx: Transaction, record: LotRecord, bidder_id: str) -> None:
    """Store the power that the deposits allow now, for every lot of the sale on which it changes."""
    await paddles.lock_paddle(tx, sale_id=record.sale_id, bidder_id=bidder_id)
    await _store_powers(context, tx, {record.lot_id: record}, [bidder_id])


async def register_bidders(context: AppContext, tx: Transaction, registering: Sequence[tuple[LotRecord, str]]) -> None:
    """Register bidders for lots, with the power that their held deposits give; who is registered stays so.

    What counts against them is read after their power is locked: a block or a dispute that was stored before counts.
    """
    pairs = {(record.sale_id, bidder_id) for record, bidder_id in registering}
    numbers = await paddles.lock(tx, pairs)
    for sale_id in sorted({sale_id for sale_id, _ in pairs}):
        without = sorted(bidder_id for sale, bidder_id in pairs if sale == sale_id and (sale, bidder_id) not in numbers)
        if without:
            new = await paddles.assign(tx, sale_id=sale_id, bidder_ids=without)
            numbers |= {(sale_id, bidder_id): number for bidder_id, number in new.items()}
    records = {record.lot_id: record for record, _ in registering}
    fingerprints = {lot_id: terms.sha256() for lot_id, terms in _terms_of(records.values()).items()}
    wanted = [
        Registration(
            lot_id=record.lot_id,
            bidder_id=bidder_id,
            paddle=numbers[record.sale_id, bidder_id],
            limit_fen=0,
            purse_fen=None,
            held_fen=None,
            share_fen=None,
            terms_sha256=fingerprints[record.lot_id],
            registered_at_ms=0,
            admitted_at_ms=None,
        )
        for record, bidder_id in registering
    ]
    bidder_ids = [bidder_id for _, bidder_id in registering]
    await _store_powers(context, tx, records, bidder_ids, wanted=wanted)


async def _store_powers(
    context: AppContext,
    tx: Transaction,
    records: Mapping[str, LotRecord],
    bidder_ids: Sequence[str],
    *,
    wanted: Sequence[Registration] = (),
) -> None:
    """Store the power of bidders, locked by the caller, on all lots of these lots' sales; add those wanted."""
    sale_ids = {record.sale_id for record in records.values()}
    stored = await registration_batches.lock_registrations_on_sales(tx, sale_ids=sale_ids, bidder_ids=bidder_ids)
    known = {(one.lot_id, one.bidder_id) for one in stored}
    new = [one for one in wanted if (one.lot_id, one.bidder_id) not in known]
    others = sorted({one.lot_id for one in stored} - records.keys())
    records = {**records, **(await catalogue.lots_by_id(tx, others) if others else {})}
    powers = await powers_of(context, tx, [*stored, *new], records)
    for registration, power in zip(stored, powers, strict=False):
        if power != Power(registration.limit_fen, registration.purse_fen, registration.held_fen):
            await bidders.change_power(
                tx,
                lot_id=registration.lot_id,
                bidder_id=registration.bidder_id,
                limit_fen=power.limit_fen,
                purse_fen=power.purse_fen,
                held_fen=power.held_fen,
            )
    if new:
        powered = [
            replace(one, limit_fen=power.limit_fen, purse_fen=power.purse_fen, held_fen=power.held_fen)
            for one, power in zip(new, powers[len(stored) :], strict=True)
        ]
        await registration_batches.add_registrations(tx, powered)


async def restate_everywhere(context: AppContext, tx: Transaction, bidder_id: str) -> None:
    """Store the power that a bidder has now on every lot that they are registered for, sale by sale.

    Their power on every sale is locked before it is asked what they are registered for: who is registering them has
    either ended by then, or sees what this transaction has stored against them.
    """
    await paddles.lock_all_of(tx, bidder_id)
    of_sale: dict[str, LotRecord] = {}
    for one in await bidders.registrations_of(tx, bidder_id):
        lot = await catalogue.find_lot(tx, one.lot_id)
        of_sale.setdefault(lot.sale_id, lot)
    for _, lot in sorted(of_sale.items()):
        await restate_power(context, tx, lot, bidder_id)


async def link(
    context: AppContext, tx: Transaction, marks: Collection[tuple[str, str, str]], bidder_ids: Collection[str]
) -> Standings:
    """Store marks (bidder, kind, SHA-256 in hex) of bidders: each links its bidder to all who have the same.

    Where one of them has defaulted, it counts against all from now on. What counts against the bidders then.
    """
    new = await bidders.add_links(tx, marks)
    standings = await standings_of(context, tx, bidder_ids)
    newly_counted = [standings.linked[one] for one in new if len(standings.linked[one]) > 1 and standings.past.get(one)]
    for one in sorted({one for some in newly_counted for one in some}):
        await restate_everywhere(context, tx, one)
    return standings
