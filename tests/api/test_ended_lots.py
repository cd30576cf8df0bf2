"""Lots that are over leave the ledger once they are archived; whoever asks later is answered from the archive."""

from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from auction.books import bidders
from auction.ledger.keys import sale_of
from auction.services.context import AppContext
from auction.services.ended_lots import EndedLots
from auction.services.ledger_expiry import KEEP_MS, expire_ended_lots
from auction.services.registration.power_sync import sync_sale_power, unsynced
from auction.services.verification.verdicts import verify_all
from auction.workers.archiver import Archiver
from tests.api.conftest import OPS, Asker, signed


async def archive(context: AppContext) -> None:
    await Archiver(context.books, context.stream, keep_ms=3_600_000).catch_up()


async def time_to_live_ms(context: AppContext, key: str) -> int:
    """-1: it has no end, -2: there is no such key."""
    return int(await context.ledger.redis.pttl(key))


def keys_of(context: AppContext, lot_id: str) -> list[str]:
    keys = context.ledger.keys
    return [keys.lot(lot_id), keys.bidders(lot_id), keys.accepted(lot_id)]


async def drop(context: AppContext, *lot_ids: str) -> None:
    """Let the time that they are kept pass."""
    for lot_id in lot_ids:
        for key in keys_of(context, lot_id):
            await context.ledger.redis.pexpireat(key, 1)


async def ended_lot(asker: Asker, context: AppContext, **terms: Any) -> str:
    """A lot with two bidders and a bid of each, closed and archived."""
    lot_id = await asker.open_lot(bidders=("ann", "bob"), terms=terms)
    assert (await asker.bid(lot_id, 100, key="key-of-ann")).status_code == 201
    assert (await asker.bid(lot_id, 300, bidder="bob", key="key-of-bob")).status_code == 201
    await asker.ops(f"/lots/{lot_id}/close", {"reason": "for the test"})
    await archive(context)
    return lot_id


async def test_the_keys_of_a_lot_get_an_end_once_its_own_is_archived_and_not_before(
    asker: Asker, context: AppContext
) -> None:
    lot_id = await asker.open_lot(bidders=("ann",))
    running = await asker.open_lot(bidders=("ann",))
    assert (await asker.bid(lot_id, 100)).status_code == 201
    await archive(context)
    await asker.ops(f"/lots/{lot_id}/close", {"reason": "for the test"})
    assert await expire_ended_lots(context) == 0
    assert {await time_to_live_ms(context, key) for key in keys_of(context, lot_id)} == {-1}

    await archive(context)
    assert await expire_ended_lots(context) == 1
    for key in keys_of(context, lot_id):
        assert 0 < await time_to_live_ms(context, key) <= KEEP_MS
    assert await time_to_live_ms(context, context.ledger.keys.lot(running)) == -1
    assert await expire_ended_lots(context) == 0


async def test_a_retry_is_answered_from_the_archive_byte_for_byte(asker: Asker, context: AppContext) -> None:
    lot_id = await asker.open_lot(bidders=("ann", "bob"), terms={"soft_close": None, "on_grid": True})
    answers = {}
    for bidder, amount_fen in [("ann", 100), ("bob", 300), ("ann", 700)]:
        first = await asker.bid(lot_id, amount_fen, bidder=bidder, key=f"key-{amount_fen:05d}")
        answers[bidder, amount_fen] = first.content
    await asker.ops(f"/lots/{lot_id}/close", {"reason": "for the test"})
    await archive(context)
    await expire_ended_lots(context)
    await drop(context, lot_id)
    for (bidder, amount_fen), content in answers.items():
        again = await asker.bid(lot_id, amount_fen, bidder=bidder, key=f"key-{amount_fen:05d}")
        assert (again.status_code, again.content) == (200, content)


async def test_other_bids_get_the_answers_that_the_ledger_gave(asker: Asker, context: AppContext) -> None:
    lot_id = await ended_lot(asker, context)

    async def asked() -> list[dict[str, Any]]:
        answers = [
            await asker.bid(lot_id, 900, key="a-new-key"),
            await asker.bid(lot_id, 900, key="key-of-ann"),
            await asker.bid(lot_id, 900, bidder="eve", key="a-new-key"),
        ]
        return [{**answer.json(), "now_ms": 0} for answer in answers]

    before = await asked()
    assert [answer["code"] for answer in before] == ["lot-not-open", "key-reused", "not-registered"]
    await expire_ended_lots(context)
    await drop(context, lot_id)
    assert await asked() == before


async def test_the_lot_is_shown_as_before(asker: Asker, context: AppContext) -> None:
    lot_id = await ended_lot(asker, context)

    async def shown() -> list[Any]:
        lot = (await asker.get(f"/lots/{lot_id}", signed("bob"))).json()
        sales = (await asker.get("/sales")).json()
        bids = (await asker.get(f"/lots/{lot_id}/bids")).json()
        events = (await asker.get(f"/ops/lots/{lot_id}/events", OPS)).json()
        for one in [lot, *(lot for sale in sales["sales"] for lot in sale["lots"])]:
            one["now_ms"] = 0
        return [lot, sales, bids, events]

    before = await shown()
    assert (before[0]["status"], before[0]["price_fen"], before[0]["leader"]) == ("closed", 300, 2)
    await expire_ended_lots(context)
    await drop(context, lot_id)
    assert await shown() == before
    assert (await verify_all(context)).breaches == []


async def test_a_lot_that_is_missing_before_its_time_is_still_named_by_the_checks(
    asker: Asker, context: AppContext
) -> None:
    lot_id = await ended_lot(asker, context)
    await drop(context, lot_id)
    (breach,) = (await verify_all(context)).breaches
    assert breach.lot_id == lot_id


LATE_ACTS = {
    "open": {"duration_ms": 1_000},
    "pause": {"reason": "late"},
    "resume": {},
    "extend": {"by_ms": 1_000, "reason": "late"},
    "close": {"reason": "late"},
    "void": {"reason": "late"},
    "bids/3/void": {"reason": "late"},
}


async def test_staff_who_act_on_it_are_told_that_it_has_ended(asker: Asker, context: AppContext) -> None:
    lot_id = await ended_lot(asker, context)
    ended_at_ms = (await asker.get(f"/lots/{lot_id}")).json()["ends_at_ms"]
    await expire_ended_lots(context)
    await drop(context, lot_id)
    for path, body in LATE_ACTS.items():
        answer = await asker.post(f"/ops/lots/{lot_id}/{path}", body, OPS)
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["lot_status"]) == (409, "wrong-status", "closed"), path
        assert problem["ended_at_ms"] == ended_at_ms
        assert "archived" in problem["detail"]


async def test_whoever_registers_for_it_is_told_that_it_has_ended(asker: Asker, context: AppContext) -> None:
    lot_id = await ended_lot(asker, context)
    await expire_ended_lots(context)
    await drop(context, lot_id)
    answer = await asker.register(lot_id, "eve")
    assert (answer.status_code, answer.json()["code"]) == (409, "registration-closed")
    assert answer.json()["lot_status"] == "closed"


async def test_a_power_that_the_ledger_has_dropped_needs_not_be_sent(asker: Asker, context: AppContext) -> None:
    lot_id = await ended_lot(asker, context)
    async with context.books.transaction() as tx:
        await tx.session.execute(text("UPDATE registrations SET power_version = power_version + 1"))
    await expire_ended_lots(context)
    await drop(context, lot_id)
    await sync_sale_power(context, sale_of(lot_id), "ann")
    async with context.books.reading() as tx:
        registered = await bidders.registrations_on_sale(tx, sale_id=sale_of(lot_id), bidder_id="ann")
    assert unsynced(registered) == []


async def test_a_made_up_lot_is_looked_up_once_and_stays_unknown(
    asker: Asker, context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = []
    read = EndedLots._read

    async def counted(self: EndedLots, books: Any, lot_id: str) -> None:
        looked_up.append(lot_id)
        await read(self, books, lot_id)

    monkeypatch.setattr(EndedLots, "_read", counted)
    for _ in range(3):
        answer = await asker.bid("nowhere-001", 100)
        assert (answer.status_code, answer.json()["code"]) == (404, "lot-unknown")
    assert looked_up == ["nowhere-001"]


async def test_purses_are_kept_until_no_lot_of_the_sale_runs_and_no_award_is_open(
    asker: Asker, context: AppContext, redis: "Redis"
) -> None:
    lot_id = await asker.open_lot(bidders=())
    sale_id, purse = sale_of(lot_id), context.ledger.keys.purse(lot_id)
    await redis.hset(purse, "purse:ann", 100)
    await expire_ended_lots(context)
    assert await time_to_live_ms(context, purse) == -1
    await asker.ops(f"/lots/{lot_id}/close", {"reason": "for the test"})
    await archive(context)
    async with context.books.transaction() as tx:
        await tx.session.execute(
            text(
                "INSERT INTO settlements (lot_id, state, outcome, opened_at_ms, changed_at_ms) "
                "VALUES (:lot_id, 'awarded', 'sold', 1, 1)"
            ),
            {"lot_id": lot_id},
        )
    await expire_ended_lots(context)
    assert await time_to_live_ms(context, purse) == -1
    async with context.books.transaction() as tx:
        await tx.session.execute(text("UPDATE settlements SET state = 'unsold'"))
    await expire_ended_lots(context)
    assert 0 < await time_to_live_ms(context, purse) <= KEEP_MS

    # the sale goes on with another lot, for which somebody is admitted with a purse
    lot = await asker.ops("/lots", {"sale_id": sale_id, "title": "A lot", "preset": "jd-flash"}, 201)
    await asker.ops(f"/lots/{lot['lot_id']}/open", {"duration_ms": 3_600_000})
    await context.ledger.admit(lot["lot_id"], bidder_id="ann", paddle=1, limit_fen=None, purse_fen=500)
    assert await time_to_live_ms(context, purse) == -1
    async with context.books.reading() as tx:
        assert (await tx.returned(text("SELECT purse_until_ms FROM sales")))["purse_until_ms"] is None
