"""Frozen and restored lots as the API shows them."""

from auction.books import frozen_lots
from auction.books.archive_rows import Fault
from auction.domain.events import FreezeCause
from auction.ledger.rebuild import LedgerRebuild
from auction.services.context import AppContext
from auction.services.recovery.frozen import stop_frozen_lots
from auction.services.recovery.restore import Restorer
from auction.workers.archiver import Archiver
from tests.api.conftest import OPS, Asker

WHY = "the ledger ends before what was acknowledged"


async def freeze(context: AppContext, lot_id: str) -> None:
    """Freeze a lot as the checks of the service do, after everything was archived."""
    await Archiver(context.books, context.stream).catch_up()
    async with context.books.transaction() as tx:
        await frozen_lots.add(tx, {lot_id: Fault(FreezeCause.BEHIND, WHY, 3)})
    await stop_frozen_lots(context)


async def restore(context: AppContext, lot_id: str) -> None:
    """What `auction restore --lot ID` does."""
    await Archiver(context.books, context.stream).catch_up()
    ledger = context.ledger
    rebuild = LedgerRebuild(ledger.redis, ledger.keys)
    restorer = Restorer(context.books, rebuild, shards=ledger.keys.shards, lineage=ledger.lineage)
    report = await restorer.restore([lot_id], by="olga", reason="a test", dry_run=False)
    assert report.is_complete
    await Archiver(context.books, context.stream).catch_up()


async def test_a_bid_on_a_frozen_lot_is_unavailable_and_says_when_to_come_back(asker: Asker, context: AppContext):
    lot_id = await asker.open_lot()
    await freeze(context, lot_id)

    answer = await asker.bid(lot_id, 100)

    assert (answer.status_code, answer.json()["code"]) == (503, "lot-frozen")
    assert int(answer.headers["retry-after"]) > 0
    assert (await asker.get(f"/lots/{lot_id}")).json()["status"] == "frozen"


async def test_the_event_log_tells_why_a_lot_was_frozen_and_what_its_restoring_lost(asker: Asker, context: AppContext):
    lot_id = await asker.open_lot()
    await freeze(context, lot_id)
    await restore(context, lot_id)

    events = (await asker.get(f"/ops/lots/{lot_id}/events", OPS)).json()["events"]

    restored = next(event for event in events if event["kind"] == "restored")
    assert (restored["status"], restored["by"], restored["epoch"]) == ("paused", "olga", 2)
    assert restored["seq"] % 1_000_000 == 0
