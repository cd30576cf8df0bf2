"""Checks lots against the promises: archive, ledger and rules must agree. Run by `auction verify`, after the bid's way.

For each lot: every archived entry continues both chains and follows the rules (`auction.domain.proof`); the bids and
the result derived from them say the same; what the ledger's stream still holds is what was archived, and continues it;
the ledger's keys are what the entries fold to: state, terms, deadline, accepted keys, admitted bidders. Stops at the
first broken promise of a lot and goes on with the next; one lot's record is held in memory at a time.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from auction.books import archive, archive_queries, bidders, catalogue, ledger_expiry
from auction.books.catalogue import DRAFT
from auction.books.ledger_expiry import ENDED
from auction.domain.proof import NO_PHANTOMS, LotProof
from auction.domain.terms_reader import read_terms
from auction.domain.text import is_id
from auction.ledger.stored_lot import StoredLot, StoredLots
from auction.services.catalogue.lot_views import lot_record
from auction.services.context import AppContext
from auction.services.verification.record_checks import (
    Breach,
    LotCheck,
    check_archive,
    check_status,
    check_stream,
    noting_breach,
)
from auction.services.verification.shard_stream import ShardStream, read_shard_stream
from auction.services.verification.state_checks import (
    check_admissions,
    check_receipts,
    check_registrations,
    check_state,
    state_to_check,
)

OF_NOBODY = "the record or the ledger names this lot, which nobody created"


@dataclass(slots=True)
class Verdict:
    """The numbers of lots, events and bids checked, the breaches found, and how long it took."""

    lots: int = 0
    events: int = 0
    bids: int = 0
    breaches: list[Breach] = field(default_factory=list)
    seconds: float = 0.0


async def verify_lot(context: AppContext, lot_id: str) -> Verdict:
    """Check one lot. Raises NotFound, LedgerAway, BooksAway."""
    await lot_record(context, lot_id)
    return await verify_lots(context, [lot_id])


async def verify_sale(context: AppContext, sale_id: str) -> Verdict:
    """Check the lots of a sale. Raises NotFound, LedgerAway, BooksAway."""
    async with context.books.reading() as tx:
        await catalogue.find_sale(tx, sale_id)
        records = await catalogue.lots_of_sales(tx, [sale_id])
    return await verify_lots(context, [record.lot_id for record in records if record.status != DRAFT])


async def verify_all(context: AppContext) -> Verdict:
    """Check every lot that was ever scheduled. Raises LedgerAway, BooksAway."""
    async with context.books.reading() as tx:
        sales = await catalogue.list_sales(tx)
        records = await catalogue.lots_of_sales(tx, [sale.sale_id for sale in sales])
        known = {record.lot_id for record in records if record.status != DRAFT}
        known.update(await archive_queries.archived_lots(tx))
    return await _verify(context, sorted(known), everything=True)


async def verify_lots(context: AppContext, lot_ids: Sequence[str]) -> Verdict:
    """Check these lots, shard by shard, so that each stream is read once. Raises LedgerAway, BooksAway."""
    return await _verify(context, lot_ids, everything=False)


async def _verify(context: AppContext, lot_ids: Sequence[str], *, everything: bool) -> Verdict:
    started = time.monotonic()
    verdict = Verdict()
    shards: dict[int, list[str]] = {shard: [] for shard in context.stream.shards} if everything else {}
    for lot_id in lot_ids:
        shards.setdefault(context.stream.keys.shard_of(lot_id), []).append(lot_id)
    for shard, of_shard in sorted(shards.items()):
        stream = await _verify_shard(context, shard, of_shard, verdict)
        if everything:
            verdict.breaches += await _of_nobody(context, stream)
    verdict.seconds = time.monotonic() - started
    return verdict


async def _verify_shard(context: AppContext, shard: int, lot_ids: Sequence[str], verdict: Verdict) -> ShardStream:
    """Check the lots of one shard, one after the other. Their state is read before their record."""
    states = await StoredLots(context.ledger).states(lot_ids)
    async with context.books.reading() as tx:
        cursor = await archive.cursor(tx, shard)
    stream = await read_shard_stream(context, shard, cursor, lot_ids)
    for lot_id in lot_ids:
        verdict.lots += 1
        check = await _verify_lot(context, lot_id, states.pop(lot_id, None), stream)
        if check is None:
            verdict.breaches.append(Breach(lot_id, NO_PHANTOMS, 0, OF_NOBODY))
            continue
        verdict.events += check.proof.lot.seq
        verdict.bids += len(check.proof.bids)
        if check.breach is not None:
            verdict.breaches.append(check.breach)
    return stream


async def _verify_lot(
    context: AppContext, lot_id: str, before: StoredLot | None, stream: ShardStream
) -> LotCheck | None:
    """The check of one lot, which its caller does not keep; None where the database does not know it."""
    async with context.books.reading() as tx:
        record = (await catalogue.lots_by_id(tx, [lot_id])).get(lot_id)
        if record is None:
            return None
        check = LotCheck(lot_id, LotProof(read_terms(record.terms)))
        with noting_breach(check):
            await check_archive(tx, check)
            await check_status(tx, check, record)
        paddles = await bidders.paddles_on_lot(tx, lot_id)
        # the ledger keeps a lot that is over for a time only
        may_be_dropped = check.proof.lot.status in ENDED and lot_id in await ledger_expiry.with_an_end(tx, [lot_id])
    if check.breach is None:
        with noting_breach(check):
            check_stream(check, stream)
            if before is not None or not may_be_dropped:
                await _check_keys(context, check, before, may_be_dropped=may_be_dropped)
            check_registrations(check, paddles)
    return check


async def _check_keys(context: AppContext, check: LotCheck, before: StoredLot | None, *, may_be_dropped: bool) -> None:
    """The lot's keys in the ledger are what its record folds to. Raises RuleBroken."""
    ledger, lot_id, seq = StoredLots(context.ledger), check.lot_id, check.proof.lot.seq
    receipts, admissions = await ledger.receipts(lot_id), await ledger.admissions(lot_id)
    later = (await ledger.states([lot_id])).get(lot_id)
    if later is None and may_be_dropped:
        return
    stored = state_to_check(check, before, later)
    if stored is not None:
        check_state(check, stored)
    until_seq = seq if later is None else later.seq
    check_receipts(check, receipts, until_seq=until_seq)
    if until_seq == seq:
        check_admissions(check, admissions)


async def _of_nobody(context: AppContext, stream: ShardStream) -> list[Breach]:
    """Lots that a shard's stream or deadlines name, and that nobody created."""
    named = dict.fromkeys(await StoredLots(context.ledger).lots_due(stream.shard), 0) | stream.others
    unchecked = [lot_id for lot_id in named if lot_id not in stream.lots]
    if not unchecked:
        return []
    async with context.books.reading() as tx:
        known = await catalogue.lots_by_id(tx, [lot_id for lot_id in unchecked if is_id(lot_id)])
    return [
        Breach(lot_id, NO_PHANTOMS, named[lot_id], OF_NOBODY) for lot_id in sorted(unchecked) if lot_id not in known
    ]
