"""A launch day's registrations: each bidder's deposit is held at the sandbox and their limit told to the ledger.

So many people register for one lot, `AT_ONCE` at a time, in one process and through the services. The baseline writes
as many rows of each table for each person, one transaction a person and as many at a time, by plain INSERT into tables
of the same shape without triggers or foreign keys. Both take turns, so that what else the machine does meets both. At
the end every rule of money is checked.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Self, TypeVar

from sqlalchemy import MetaData, Table, insert, text

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

PEOPLE = 4_000
AT_ONCE = 64
ROUNDS = 5
CONNECTIONS = 10
"""Of a process to the database."""
GOAL_PER_S = 500
WRITTEN = (bidders, bidder_marks, paddles, deposits, payment_operations, journal_entries, journal_lines, registrations)

Item = TypeVar("Item")


def bench_registration(*, people: int = PEOPLE, at_once: int = AT_ONCE, rounds: int = ROUNDS) -> dict[str, Any]:
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
            return asyncio.run(_measure(settings, people, at_once, rounds))


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of so many people: the rate, the processor time of this process for each, and the waits, sorted."""

    per_s: float
    cpu_us: float
    waits_ms: Sequence[float]


async def _measure(settings: Settings, people: int, at_once: int, rounds: int) -> dict[str, Any]:
    each = people // rounds
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

        ours, floors, baseline = [], [], None
        for number in range(rounds):
            ours.append(await _in_turn(range(number * each, (number + 1) * each), at_once, register_one))
            baseline = baseline or await _Baseline.of(context, each)
            floors.append(await baseline.measure(at_once))
        broken = [f"{rule.name}: {rule.broken[0]}" for rule in await check_money(context) if rule.broken]
        highest = await _highest_paddle(context)
    ratios = [one.per_s / floor.per_s for one, floor in zip(ours, floors, strict=True)]
    waits_ms = sorted(wait for one in ours for wait in one.waits_ms)
    return {
        "people": each * rounds,
        "at_once": at_once,
        "rounds": rounds,
        "per_s": round(median(one.per_s for one in ours)),
        "per_s_of_rounds": [round(one.per_s) for one in ours],
        "goal_per_s": GOAL_PER_S,
        "floor_per_s": round(median(one.per_s for one in floors)),
        "floor_per_s_of_rounds": [round(one.per_s) for one in floors],
        "ratio": round(median(ratios), 2),
        "ratio_of_rounds": [round(ratio, 2) for ratio in ratios],
        "cpu_us": round(median(one.cpu_us for one in ours)),
        "floor_cpu_us": round(median(one.cpu_us for one in floors)),
        "p50_ms": round(waits_ms[len(waits_ms) // 2], 1),
        "p99_ms": round(waits_ms[len(waits_ms) * 99 // 100], 1),
        "highest_paddle": highest,
        "durability": "synchronous commit",
        "broken_rules_of_money": broken,
    }


async def _in_turn(items: Sequence[Item], at_once: int, act: Callable[[Item], Awaitable[None]]) -> Round:
    """Do something with each item, so many at a time."""
    waiting, waits_ms = list(reversed(items)), []

    async def work() -> None:
        while waiting:
            item, started_s = waiting.pop(), time.perf_counter()
            await act(item)
            waits_ms.append((time.perf_counter() - started_s) * 1000)

    started_s, cpu_s = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())
    took_s, cpu_s = time.perf_counter() - started_s, time.process_time() - cpu_s
    return Round(len(items) / took_s, cpu_s / len(items) * 1e6, sorted(waits_ms))


async def _highest_paddle(context: AppContext) -> int:
    async with context.books.reading() as tx:
        return int(await tx.session.scalar(text("SELECT max(paddle) FROM paddles")) or 0)


@dataclass(frozen=True, slots=True)
class _Baseline:
    """The rows that so many registrations have written, and bare tables of the same shape for them."""

    context: AppContext
    people: int
    rows: Mapping[Table, Sequence[Mapping[str, Any]]]
    """Bare table -> its rows."""

    @classmethod
    async def of(cls, context: AppContext, people: int) -> Self:
        """The rows that there are now, which are those of so many people."""
        rows: dict[Table, list[dict[str, Any]]] = {}
        async with context.books.transaction() as tx:
            for table in WRITTEN:
                name = f"baseline_{table.name}"
                await tx.session.execute(text(f"CREATE TABLE {name} (LIKE {table.name} INCLUDING INDEXES)"))
                columns = ", ".join(table.c.keys())
                query = f"SELECT {columns} FROM {table.name}"  # noqa: S608 - names of ours
                bare = table.to_metadata(MetaData(), name=name)
                rows[bare] = [dict(row) for row in await tx.rows(text(query))]
        return cls(context, people, rows)

    async def measure(self, at_once: int) -> Round:
        """Write the rows by plain INSERT, a transaction a person, into emptied tables."""
        async with self.context.books.transaction() as tx:
            await tx.session.execute(text(f"TRUNCATE {', '.join(table.name for table in self.rows)}"))
        # one connection each: nobody waits so long for one that it fails
        connections = asyncio.Semaphore(CONNECTIONS)

        async def write_one(number: int) -> None:
            async with connections, self.context.books.transaction() as tx:
                for table, found in self.rows.items():
                    each = len(found) // self.people
                    await tx.session.execute(insert(table), found[number * each : (number + 1) * each])

        return await _in_turn(range(self.people), at_once, write_one)
