"""Frozen and restored lots, and stopped shards, as the API shows them."""

import csv
import io
from typing import Any, cast
from unittest.mock import ANY

import httpx

from api.app import create_app
from api.http.config import ApiConfig
from auction.books import acknowledged_marks, frozen_lots
from auction.books.archive_rows import Fault
from auction.domain.events import FreezeCause
from auction.domain.ledger_layout import Mark
from auction.ledger.rebuild import LedgerRebuild
from auction.services.context import AppContext
from auction.services.identity.tokens import Role
from auction.services.recovery.frozen import stop_frozen_lots
from auction.services.recovery.restore import Restorer
from auction.services.recovery.watch import RecoveryWatch
from auction.workers.archiver import Archiver
from tests.api.conftest import OPS, SECRET, Asker, signed

WHY = "the ledger ends before what was acknowledged"


async def freeze(context: AppContext, lot_id: str) -> None:
    """Freeze a lot as the checks of the service do, after everything was archived."""
    await Archiver(context.books, context.stream).catch_up()
    async with context.books.transaction() as tx:
        await frozen_lots.add(tx, {lot_id: Fault(FreezeCause.BEHIND, WHY, 3)})
    await stop_frozen_lots(context)


async def restore(context: AppContext, lot_id: str) -> None:
    """What `auction restore --lot ID` does."""
    ledger = context.ledger
    rebuild = LedgerRebuild(ledger.redis, ledger.keys)
    restorer = Restorer(context.books, rebuild, shards=ledger.keys.shards, lineage=ledger.lineage, spooled={})
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


async def test_staff_see_what_is_frozen_and_then_what_was_lost(asker: Asker, context: AppContext):
    lot_id = await asker.open_lot()
    archived_seq = (await asker.bid(lot_id, 100)).json()["seq"]
    await freeze(context, lot_id)
    async with context.books.transaction() as tx:
        await acknowledged_marks.record(tx, {lot_id: Mark(1, archived_seq + 3, "00")})

    report = (await asker.get("/ops/recovery", OPS)).json()
    lot = report["lots"][0]
    assert (report["shards_stopped"], report["restored"]) == ([], [])
    assert (lot["lot_id"], lot["cause"], lot["detail"]) == (lot_id, "behind", WHY)
    assert (lot["archived_seq"], lot["acknowledged_seq"], lot["entries_set_aside"]) == (3, archived_seq + 3, 0)
    assert lot["entered_at_ms"] >= lot["found_at_ms"]
    ready = await asker.http.get("/readyz")
    assert (ready.status_code, ready.json()["lots_frozen"]) == (200, [lot_id])

    # the `frozen` entry is archived as well, so two of the three are missing
    await restore(context, lot_id)
    report = (await asker.get("/ops/recovery", OPS)).json()
    restored = report["restored"][0]
    assert report["lots"] == []
    assert (restored["lot_id"], restored["epoch"], restored["seq"]) == (lot_id, 2, 1_000_000)
    assert restored["lost_last_seq"] == archived_seq + 3
    assert archived_seq < restored["lost_first_seq"] <= archived_seq + 3
    assert (await asker.http.get("/readyz")).json()["lots_frozen"] == []


async def test_the_report_is_taken_along_as_csv(asker: Asker, context: AppContext):
    lot_id = await asker.open_lot()
    await freeze(context, lot_id)

    answer = await asker.get("/ops/recovery.csv", signed("rita", Role.AUDITOR))

    header, row = csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")))
    found = dict(zip(header, row, strict=True))
    assert (found["what"], found["lot_id"], found["cause"], found["lost_first_seq"]) == ("frozen", lot_id, "behind", "")
    assert found["at_utc"].endswith("Z")


async def test_a_stopped_shard_is_not_ready_and_takes_no_bids(asker: Asker, context: AppContext):
    lot_id = await asker.open_lot()
    keys = context.ledger.keys
    shard = keys.shard_of(lot_id)
    await context.ledger.redis.set(keys.lineage(shard), "stopped")

    ready = await asker.http.get("/readyz")
    assert (ready.status_code, ready.json()["ready"], ready.json()["shards_stopped"]) == (503, False, [shard])
    assert (await asker.get("/ops/recovery", OPS)).json()["shards_stopped"] == [shard]
    assert (await asker.get("/ops/health", OPS)).json()["shards_stopped"] == [shard]
    refused = await asker.bid(lot_id, 100)
    assert (refused.status_code, refused.json()["code"]) == (503, "ledger-changed")
    assert int(refused.headers["retry-after"]) > 0


async def test_lots_of_a_stopped_shard_are_shown_from_the_archive_and_the_others_as_they_are(
    asker: Asker, context: AppContext
):
    stopped, other = await asker.open_lot(), await asker.open_lot()
    keys = context.ledger.keys
    assert keys.shard_of(stopped) != keys.shard_of(other)
    for lot_id in (stopped, other):
        assert (await asker.bid(lot_id, 100)).status_code == 201
    seen = (await asker.get(f"/lots/{stopped}")).json()
    seen_bids = (await asker.get(f"/lots/{stopped}/bids")).json()
    await Archiver(context.books, context.stream).catch_up()
    await context.ledger.redis.set(keys.lineage_of(stopped), "stopped")

    for path, who in (("/sales", None), ("/ops/lots", OPS), (f"/sales/{seen['sale_id']}", None)):
        answer = await asker.get(path, who) if who else await asker.get(path)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        lots = {lot["lot_id"]: lot for sale in found.get("sales", [found]) for lot in sale["lots"]}
        archived = lots[stopped]
        assert archived["ledger_away"]
        same = ("status", "price_fen", "leader", "bids", "seq", "epoch", "minimum_fen", "ends_at_ms", "reserve_met")
        assert [archived[name] for name in same] == [seen[name] for name in same]
        if other in lots:
            assert (lots[other]["ledger_away"], lots[other]["price_fen"]) == (False, 100)
    # the lot's own page
    assert (await asker.get(f"/lots/{stopped}")).json() == {**archived, "now_ms": ANY}
    # another record in the stream is no part of the lot
    stream = keys.stream_of(stopped)
    ((_, last),) = cast("Any", await context.ledger.redis.xrevrange(stream, count=1))
    await context.ledger.redis.xadd(stream, {**last, b"seq": 9})
    assert (await asker.get(f"/lots/{stopped}/bids")).json() == seen_bids


async def test_what_is_stopped_is_counted_in_the_metrics(asker: Asker, context: AppContext):
    lot_id, ended = await asker.open_lot(), await asker.open_lot()
    await freeze(context, ended)
    await restore(context, ended)
    await asker.ops(f"/lots/{ended}/resume", {})
    await asker.ops(f"/lots/{ended}/close", {"reason": "for the test"})
    await freeze(context, lot_id)
    watch = RecoveryWatch()
    transport = httpx.ASGITransport(app=create_app(context, ApiConfig(secret=SECRET), watch))
    async with httpx.AsyncClient(transport=transport, base_url="http://house") as client:
        assert "auction_lots_frozen" not in (await client.get("/metrics")).text

        await watch.check(context.ledger, context.books)

        metrics = (await client.get("/metrics")).text
        assert "auction_lots_frozen 1.0" in metrics
        assert "auction_shards_stopped 0.0" in metrics
        assert "auction_settlements_held 1.0" in metrics
