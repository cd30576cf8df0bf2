"""Checks the record against the promises: ledger against archive against a fold of the rules (`auction verify`).

For a lot: every archived entry continues both chains and folds through the rules (`auction.domain.proof`); the bids
and the result derived from them say the same; what the ledger's stream still holds is what was archived, and goes on
from there; the ledger's state is the fold's state. Stops at a lot's first broken promise and goes on with the next.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from auction.books import archive, archived, catalogue
from auction.books.catalogue import DRAFT
from auction.domain.proof import LotProof
from auction.domain.terms_reader import read_terms
from auction.services.catalogue import lot_record
from auction.services.examination import Breach, Record, check_archive, check_state, check_stream, examining
from auction.services.house import House


@dataclass(slots=True)
class Verdict:
    """What was checked, and what was found broken."""

    lots: int = 0
    events: int = 0
    bids: int = 0
    breaches: list[Breach] = field(default_factory=list)
    seconds: float = 0.0


async def verify_lot(house: House, lot_id: str) -> Verdict:
    """Check one lot. NotFound where there is none."""
    await lot_record(house, lot_id)
    return await verify_lots(house, [lot_id])


async def verify_sale(house: House, sale_id: str) -> Verdict:
    """Check the lots of a sale. NotFound where there is none."""
    async with house.books.reading() as work:
        await catalogue.find_sale(work, sale_id)
        records = await catalogue.lots_of_sales(work, [sale_id])
    return await verify_lots(house, [record.lot_id for record in records if record.status != DRAFT])


async def verify_all(house: House) -> Verdict:
    """Check every lot that was ever scheduled."""
    async with house.books.reading() as work:
        sales = await catalogue.list_sales(work)
        records = await catalogue.lots_of_sales(work, [sale.sale_id for sale in sales])
        known = {record.lot_id for record in records if record.status != DRAFT}
        known.update(await archived.archived_lots(work))
    return await verify_lots(house, sorted(known))


async def verify_lots(house: House, lot_ids: Sequence[str]) -> Verdict:
    """Check these lots, shard by shard, so that each stream is read once."""
    started = time.monotonic()
    verdict = Verdict()
    shards: dict[int, list[str]] = {}
    for lot_id in lot_ids:
        shards.setdefault(house.feed.keys.shard_of(lot_id), []).append(lot_id)
    for shard, some in sorted(shards.items()):
        for record in await _verify_shard(house, shard, some):
            verdict.lots += 1
            verdict.events += record.proof.lot.seq
            verdict.bids += len(record.proof.bids)
            if record.breach is not None:
                verdict.breaches.append(record.breach)
    verdict.seconds = time.monotonic() - started
    return verdict


async def _verify_shard(house: House, shard: int, lot_ids: Sequence[str]) -> list[Record]:
    """The lots of one shard. State is read first, the record after it: the record reaches at least that far."""
    snapshots = await house.ledger.read_many(lot_ids)
    records: dict[str, Record] = {}
    for lot_id in lot_ids:
        terms = read_terms((await lot_record(house, lot_id)).terms)
        records[lot_id] = Record(lot_id, LotProof(terms), snapshots.get(lot_id))
    async with house.books.reading() as work:
        position = (await archive.cursors(work)).get(shard, archive.START)
        for record in records.values():
            with examining(record):
                await check_archive(work, record)
    await check_stream(house, shard, position, records)
    moved = [r for r in records.values() if r.snapshot is not None and r.snapshot.seq < r.proof.lot.seq]
    later = await house.ledger.read_many([record.lot_id for record in moved])
    for record in moved:
        record.later = later.get(record.lot_id)
    for record in records.values():
        with examining(record):
            check_state(record)
    return list(records.values())
