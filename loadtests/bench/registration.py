"""A launch day's registrations: each bidder's deposit is held at the sandbox and their limit told to the ledger.

So many people register for one lot, `AT_ONCE` at a time, in one process and through the services. The baseline writes
as many rows of each table for each person, one transaction a person and as many at a time, by plain INSERT into tables
of the same shape without triggers or foreign keys. At the end every rule of money is checked.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import insert, text

from auction.books.tables import (
    bidder_marks,
    bidders,
    deposits,
    journal_entries,
    journal_lines,
    paddles,
    payment_operations,
    registrations,
)
from auction.bootstrap import open_context
from auction.logs import configure_logs
from auction.migration import migrated_servers
from auction.services.catalogue.lots import create_lot, create_sale, open_lot
from auction.services.context import AppContext
from auction.services.payments.registration_deposits import register
from auction.services.verification.money_checks import check_money
from auction.settings import Settings, load_settings

PEOPLE = 2_000
AT_ONCE = 64
GOAL_PER_S = 500
WRITTEN = (bidders, bidder_marks, paddles, deposits, payment_operations, journal_entries, journal_lines, registrations)

Item = TypeVar("Item")


def bench_registration(*, people: int = PEOPLE, at_once: int = AT_ONCE) -> dict[str, Any]:
    """Registrations a second, the baseline's, and the rules of money that are broken after."""
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
            return asyncio.run(_measure(settings, people, at_once))


async def _measure(settings: Settings, people: int, at_once: int) -> dict[str, Any]:
    async with open_context(settings) as context:
        sale = await create_sale(context, title="bench", actor="bench", sale_id="bench")
        lot = await create_lot(context, sale_id=sale.sale_id, title="bench", preset="jd-flash", actor="bench")
        lot_id = lot.record.lot_id
        await open_lot(context, lot_id, duration_ms=3_600_000, actor="bench")

        async def register_one(number: int) -> None:
            who = f"bidder-{number:05}"
            done = await register(context, lot_id, bidder_id=who, name=who, payment_method="sandbox-ok")
            if done.registration is None or done.registration.admitted_at_ms is not None:
                raise SystemExit(f"{who} is not registered: {done}")

        cpu_s = time.process_time()
        took_s, waits_ms = await _in_turn(range(people), at_once, register_one)
        cpu_s = time.process_time() - cpu_s
        broken = [f"{rule.name}: {rule.broken[0]}" for rule in await check_money(context) if rule.broken]
        highest = await _highest_paddle(context)
        floor_s = await _measure_baseline(context, people, at_once)
    return {
        "people": people,
        "at_once": at_once,
        "per_s": round(people / took_s),
        "goal_per_s": GOAL_PER_S,
        "floor_per_s": round(people / floor_s),
        "ratio": round(floor_s / took_s, 3),
        "cpu_us": round(cpu_s / people * 1e6),
        "p50_ms": round(waits_ms[people // 2], 1),
        "p99_ms": round(waits_ms[people * 99 // 100], 1),
        "highest_paddle": highest,
        "durability": "synchronous commit",
        "broken_rules_of_money": broken,
    }


async def _in_turn(
    items: Sequence[Item], at_once: int, act: Callable[[Item], Awaitable[None]]
) -> tuple[float, list[float]]:
    """Do something with each item, so many at a time: the seconds in all, and those of each in ms, sorted."""
    waiting, waits_ms = list(reversed(items)), []

    async def work() -> None:
        while waiting:
            item, started_s = waiting.pop(), time.perf_counter()
            await act(item)
            waits_ms.append((time.perf_counter() - started_s) * 1000)

    started_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())
    return time.perf_counter() - started_s, sorted(waits_ms)


async def _highest_paddle(context: AppContext) -> int:
    async with context.books.reading() as tx:
        return int(await tx.session.scalar(text("SELECT max(paddle) FROM paddles")) or 0)


async def _measure_baseline(context: AppContext, people: int, at_once: int) -> float:
    """The seconds that the same rows take by plain INSERT into bare tables, a transaction a person."""
    rows: dict[Any, list[dict[str, Any]]] = {}
    async with context.books.transaction() as tx:
        for table in WRITTEN:
            await tx.session.execute(text(f"CREATE TABLE baseline_{table.name} (LIKE {table.name} INCLUDING INDEXES)"))
            columns = ", ".join(table.c.keys())
            query = f"SELECT {columns} FROM {table.name}"  # noqa: S608 - names of ours
            rows[table] = [dict(row) for row in await tx.rows(text(query))]
    bare = {table: table.to_metadata(type(table.metadata)(), name=f"baseline_{table.name}") for table in rows}

    async def write_one(number: int) -> None:
        async with context.books.transaction() as tx:
            for table, found in rows.items():
                each = len(found) // people
                await tx.session.execute(insert(bare[table]), found[number * each : (number + 1) * each])

    took_s, _ = await _in_turn(range(people), at_once, write_one)
    return took_s
