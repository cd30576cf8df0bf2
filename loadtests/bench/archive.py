"""The archiver's rate from the ledger's stream to the database, beside the same rows copied into bare tables.

A lot is filled by calls of so many bids each, which makes entries as large; then one archiver catches up with them. The
baseline copies the rows that it wrote, in the binary form of COPY and in one transaction, into tables of the same
columns without indexes, triggers or foreign keys.
"""

import asyncio
import io
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from auction.bootstrap import open_context
from auction.logs import configure_logs
from auction.migration import migrated_servers
from auction.services.catalogue.lots import create_lot, create_sale, open_lot
from auction.services.context import AppContext
from auction.services.payments.registration_deposits import register
from auction.settings import Settings, load_settings
from auction.workers.archiver import Archiver
from loadtests.bench.rising_bids import RisingBids, bidder_id, place_rising

BIDDERS = 50
BIDS = {1: 50_000, 16: 200_000, 64: 1_000_000}
"""Bids an entry, and how many are archived."""
GOAL_PER_S = 50_000
WRITTEN = ("ledger_entries", "bids")


def bench_archive(*, bids: dict[int, int] | None = None) -> dict[str, Any]:
    """Archived bids a second by the bids of an entry, the baseline's, and the bytes that a bid takes up."""
    with bench_servers() as settings:
        return asyncio.run(_measure(settings, bids or BIDS))


@contextmanager
def bench_servers() -> Iterator[Settings]:
    """Embedded servers of a benchmark, migrated, in a folder of their own; their settings."""
    configure_logs("warning", "console")
    with tempfile.TemporaryDirectory(prefix="auction-bench-") as folder:
        wanted = load_settings(
            data_dir=Path(folder),
            redis_url=None,
            database_url=None,
            secret_key=os.urandom(32).hex(),
            payment_provider="sandbox",
        )
        with migrated_servers(wanted) as settings:
            yield settings


async def fill_lot(context: AppContext, sale_id: str, *, bids: int, size: int) -> str:
    """Open a lot of that sale and place so many bids in it, `size` a call; the lot's id. Nothing is archived yet."""
    lot = await create_lot(context, sale_id=sale_id, title="bench", preset="jd-flash", actor="bench")
    lot_id = lot.record.lot_id
    await open_lot(context, lot_id, duration_ms=3_600_000, actor="bench")
    for number in range(BIDDERS):
        who = bidder_id(number)
        await register(context, lot_id, bidder_id=who, name=who, payment_method="sandbox-ok")
    rising = RisingBids(BIDDERS)
    while rising.number < bids:
        await place_rising(context.ledger, lot_id, rising.take(size))
    return lot_id


async def _measure(settings: Settings, sizes: dict[int, int]) -> dict[str, Any]:
    figures: dict[str, Any] = {"goal_per_s": GOAL_PER_S, "durability": "synchronous commit"}
    url = str(settings.database_url).replace("postgresql+asyncpg://", "postgresql://")
    async with open_context(settings) as context:
        await create_sale(context, title="bench", actor="bench", sale_id="bench")
        plain = await asyncpg.connect(url)
        archiver = Archiver(context.books, context.stream)
        for size, bids in sizes.items():
            lot_id = await fill_lot(context, "bench", bids=bids, size=size)
            before_bytes, stored = await _table_bytes(plain), archiver.bids
            started_s, cpu_s = time.perf_counter(), time.process_time()
            await archiver.catch_up()
            took_s, cpu_s = time.perf_counter() - started_s, time.process_time() - cpu_s
            if archiver.bids - stored < bids:
                raise SystemExit(f"{archiver.bids - stored} of {bids} bids were archived")
            taken_bytes = await _table_bytes(plain) - before_bytes
            floor_s = await _copy_again(plain, lot_id)
            figures[f"{size} an entry"] = {
                "bids": bids,
                "per_s": round(bids / took_s),
                "floor_per_s": round(bids / floor_s),
                "ratio": round(floor_s / took_s, 3),
                "cpu_us_a_bid": round(cpu_s / bids * 1e6, 1),
                "database_bytes_a_bid": round(taken_bytes / bids),
            }
        await plain.close()
    return figures


async def _table_bytes(plain: Any) -> int:
    """The bytes of the archive's tables with their indexes."""
    query = "SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest($1::text[]) AS name"
    return int(await plain.fetchval(query, list(WRITTEN)))


async def _copy_again(plain: Any, lot_id: str) -> float:
    """The seconds that the rows of a lot take by COPY into bare tables."""
    rows = {}
    for table in WRITTEN:
        rows[table] = io.BytesIO()
        query = f"SELECT * FROM {table} WHERE lot_id = $1"  # noqa: S608 - names of ours
        await plain.copy_from_query(query, lot_id, output=rows[table], format="binary")
        await plain.execute(f"DROP TABLE IF EXISTS baseline_{table}")
        await plain.execute(f"CREATE TABLE baseline_{table} (LIKE {table})")
    started_s = time.perf_counter()
    async with plain.transaction():
        for table, found in rows.items():
            found.seek(0)
            await plain.copy_to_table(f"baseline_{table}", source=found, format="binary")
    return time.perf_counter() - started_s
