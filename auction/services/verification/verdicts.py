"""Checks lots against the promises: archive, ledger and rules must agree. Run by `auction verify`, after the bid's way.

For each lot: every archived entry continues both chains and follows the rules (`auction.domain.proof`); the bids and
the result derived from them say the same; what the ledger's stream still holds is what was archived, and continues it;
the ledger's state is what the entries fold to. Stops at a lot's first broken promise and goes on with the next lot.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from auction.books import archive, archive_queries, catalogue, ledger_expiry
from auction.books.catalogue import DRAFT
from auction.domain.proof import LotProof
from auction.domain.terms_reader import read_terms
from auction.services.catalogue.lot_views import lot_record
from auction.services.context import AppContext
from auction.services.verification.record_checks import (
    Breach,
    LotCheck,
    check_archive,
    check_state,
    check_stream,
    noting_breach,
)


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
    return await verify_lots(context, sorted(known))


async def verify_lots(context: AppContext, lot_ids: Sequence[str]) -> Verdict:
    """Check these lots, shard by shard, so that each stream is read once. Raises LedgerAway, BooksAway."""
    started = time.monotonic()
    verdict = Verdict()
    shards: dict[int, list[str]] = {}
    for lot_id in lot_ids:
        shards.setdefault(context.stream.keys.shard_of(lot_id), []).append(lot_id)
    for shard, of_shard in sorted(shards.items()):
        for check in await _verify_shard(context, shard, of_shard):
            verdict.lots += 1
            verdict.events += check.proof.lot.seq
            verdict.bids += len(check.proof.bids)
            if check.breach is not None:
                verdict.breaches.append(check.breach)
    verdict.seconds = time.monotonic() - started
    return verdict


async def _verify_shard(context: AppContext, shard: int, lot_ids: Sequence[str]) -> list[LotCheck]:
    """Check the lots of one shard. Their state is read before their record, which so reaches at least as far."""
    snapshots = await context.ledger.read_many(lot_ids)
    checks: dict[str, LotCheck] = {}
    for lot_id in lot_ids:
        terms = read_terms((await lot_record(context, lot_id)).terms)
        checks[lot_id] = LotCheck(lot_id, LotProof(terms), snapshots.get(lot_id))
    async with context.books.reading() as tx:
        cursor = await archive.cursor(tx, shard)
        with_an_end = await ledger_expiry.with_an_end(tx, lot_ids)
        for check in checks.values():
            check.may_be_dropped = check.lot_id in with_an_end
            with noting_breach(check):
                await check_archive(tx, check)
    await check_stream(context, shard, cursor, checks)
    moved = [r for r in checks.values() if r.snapshot is not None and r.snapshot.seq < r.proof.lot.seq]
    later = await context.ledger.read_many([check.lot_id for check in moved])
    for check in moved:
        check.later = later.get(check.lot_id)
    for check in checks.values():
        with noting_breach(check):
            check_state(check)
    return list(checks.values())
