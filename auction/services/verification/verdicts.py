"""Checks the record against the promises: ledger against archive against a fold of the rules (`auction verify`).

For a lot: every archived entry continues both chains and folds through the rules (`auction.domain.proof`); the bids
and the result derived from them say the same; what the ledger's stream still holds is what was archived, and goes on
from there; the ledger's state is the fold's state. Stops at a lot's first broken promise and goes on with the next.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from auction.books import archive, archive_queries, catalogue
from auction.books.catalogue import DRAFT
from auction.domain.proof import LotProof
from auction.domain.terms_reader import read_terms
from auction.services.catalogue.lot_views import lot_record
from auction.services.context import AppContext
from auction.services.verification.record_checks import (
    Breach,
    Record,
    check_archive,
    check_state,
    check_stream,
    examining,
)


@dataclass(slots=True)
class Verdict:
    """What was checked, and what was found broken."""

    lots: int = 0
    events: int = 0
    bids: int = 0
    breaches: list[Breach] = field(default_factory=list)
    seconds: float = 0.0


async def verify_lot(context: AppContext, lot_id: str) -> Verdict:
    """Check one lot. NotFound where there is none."""
    await lot_record(context, lot_id)
    return await verify_lots(context, [lot_id])


async def verify_sale(context: AppContext, sale_id: str) -> Verdict:
    """Check the lots of a sale. NotFound where there is none."""
    async with context.books.reading() as tx:
        await catalogue.find_sale(tx, sale_id)
        records = await catalogue.lots_of_sales(tx, [sale_id])
    return await verify_lots(context, [record.lot_id for record in records if record.status != DRAFT])


async def verify_all(context: AppContext) -> Verdict:
    """Check every lot that was ever scheduled."""
    async with context.books.reading() as tx:
        sales = await catalogue.list_sales(tx)
        records = await catalogue.lots_of_sales(tx, [sale.sale_id for sale in sales])
        known = {record.lot_id for record in records if record.status != DRAFT}
        known.update(await archive_queries.archived_lots(tx))
    return await verify_lots(context, sorted(known))


async def verify_lots(context: AppContext, lot_ids: Sequence[str]) -> Verdict:
    """Check these lots, shard by shard, so that each stream is read once."""
    started = time.monotonic()
    verdict = Verdict()
    shards: dict[int, list[str]] = {}
    for lot_id in lot_ids:
        shards.setdefault(context.stream.keys.shard_of(lot_id), []).append(lot_id)
    for shard, some in sorted(shards.items()):
        for record in await _verify_shard(context, shard, some):
            verdict.lots += 1
            verdict.events += record.proof.lot.seq
            verdict.bids += len(record.proof.bids)
            if record.breach is not None:
                verdict.breaches.append(record.breach)
    verdict.seconds = time.monotonic() - started
    return verdict


async def _verify_shard(context: AppContext, shard: int, lot_ids: Sequence[str]) -> list[Record]:
    """The lots of one shard. State is read first, the record after it: the record reaches at least that far."""
    snapshots = await context.ledger.read_many(lot_ids)
    records: dict[str, Record] = {}
    for lot_id in lot_ids:
        terms = read_terms((await lot_record(context, lot_id)).terms)
        records[lot_id] = Record(lot_id, LotProof(terms), snapshots.get(lot_id))
    async with context.books.reading() as tx:
        position = (await archive.cursors(tx)).get(shard, archive.START)
        for record in records.values():
            with examining(record):
                await check_archive(tx, record)
    await check_stream(context, shard, position, records)
    moved = [r for r in records.values() if r.snapshot is not None and r.snapshot.seq < r.proof.lot.seq]
    later = await context.ledger.read_many([record.lot_id for record in moved])
    for record in moved:
        record.later = later.get(record.lot_id)
    for record in records.values():
        with examining(record):
            check_state(record)
    return list(records.values())
