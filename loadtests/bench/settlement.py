"""Thousands of lots closed at once: how fast they are awarded and the losers' deposits released, against bare rows.

Each lot has a winner, a runner-up whose deposit stays held, and a loser whose deposit is released. Lots, bids, deposits
and results are written to the database directly; what is measured goes through the services, with the sandbox as the
payment provider. The baseline writes as many rows, in batches of the same size, by plain INSERT into tables of the same
shape without triggers or foreign keys. At the end every rule of money is checked.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text

from auction.books import journal
from auction.books.journal import Cause
from auction.books.tables import (
    awards,
    bidder_marks,
    bidders,
    bids,
    deposits,
    journal_entries,
    journal_lines,
    lot_results,
    lots,
    payment_operations,
    runners_up,
    settlement_steps,
    settlements,
)
from auction.bootstrap import open_context
from auction.domain import journal as postings
from auction.domain.states import CauseKind
from auction.domain.terms import terms_as_mapping
from auction.domain.terms_reader import merge_terms, read_terms
from auction.logs import configure_logs
from auction.migration import migrated_servers
from auction.payments.gateway import Reply
from auction.presets import load_preset
from auction.services.catalogue.lots import create_sale
from auction.services.context import AppContext
from auction.services.payments.gateway_calls import perform_due
from auction.services.settlement.awards import LOTS_AT_ONCE, open_settlements
from auction.services.verification.money_checks import check_money
from auction.settings import Settings, load_settings
from auction.workers.cashier import OPERATIONS_AT_ONCE

LOTS = 10_000
BIDDERS_PER_LOT = 3
"""Winner, runner-up and loser."""
BIDDERS = 3_000
PRICE_FEN, STEP_FEN, DEPOSIT_FEN = 8_990_000, 100, 10_000
HOLDS_BATCH = 1_000
HOLD = "sandbox-ok"
GOAL_LOTS_PER_S = 500


def bench_settlement(*, lot_count: int = LOTS) -> dict[str, Any]:
    """Lots a second for awarding and releasing, the baseline of each, and the rules of money that are broken after."""
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
            return asyncio.run(_measure(settings, lot_count))


async def _measure(settings: Settings, lot_count: int) -> dict[str, Any]:
    async with open_context(settings) as context:
        await _create_lots(context, lot_count)
        awarding_s = await _award(context, lot_count)
        releasing_s = await _release(context)
        broken = [f"{rule.name}: {rule.broken[0]}" for rule in await check_money(context) if rule.broken]
        await _check_all_done(context, lot_count)
        baseline_s = await _measure_baseline(context)
    return {
        "lots": lot_count,
        "awarding": _rate(lot_count, awarding_s, baseline_s["awarding"]),
        "releasing": _rate(lot_count, releasing_s, baseline_s["releasing"]),
        "both_lots_per_s": round(lot_count / (awarding_s + releasing_s)),
        "goal_lots_per_s": GOAL_LOTS_PER_S,
        "durability": "synchronous commit",
        "broken_rules_of_money": broken,
    }


def _rate(lot_count: int, ours_s: float, baseline_s: float) -> dict[str, Any]:
    return {
        "lots_per_s": round(lot_count / ours_s),
        "floor_lots_per_s": round(lot_count / baseline_s),
        "ratio": round(baseline_s / ours_s, 3),
    }


async def _award(context: AppContext, lot_count: int) -> float:
    """Open every settlement, as the settler does; the seconds it took."""
    started_s, opened = time.perf_counter(), 0
    while more := await open_settlements(context):
        opened += more
    if opened != lot_count:
        raise SystemExit(f"{opened} of {lot_count} settlements were opened")
    return time.perf_counter() - started_s


async def _release(context: AppContext) -> float:
    """Perform every release of a deposit, as the cashier does; the seconds it took."""
    started_s = time.perf_counter()
    while await perform_due(context, limit=OPERATIONS_AT_ONCE):
        pass
    return time.perf_counter() - started_s


async def _check_all_done(context: AppContext, lot_count: int) -> None:
    async with context.books.reading() as tx:
        awarded = await tx.session.scalar(text("SELECT count(*) FROM awards WHERE status = 'due'"))
        released = await tx.session.scalar(text("SELECT count(*) FROM deposits WHERE status = 'released'"))
    if (awarded, released) != (lot_count, lot_count):
        raise SystemExit(f"of {lot_count} lots {awarded} are awarded, and {released} deposits are released")


# --- fixtures ---------------------------------------------------------------------------------------------------------


async def _create_lots(context: AppContext, lot_count: int) -> None:
    """Write closed lots with their bids, results and deposits; the deposits are held at the sandbox as well."""
    await create_sale(context, title="bench", actor="bench", sale_id="bench")
    terms = read_terms(merge_terms(load_preset("jd-flash"), {"settlement": {"cascade": {"depth": 1}}}))
    agreed, now_ms = terms_as_mapping(terms), context.clock_ms()
    seats = [(lot, place) for lot in range(1, lot_count + 1) for place in range(BIDDERS_PER_LOT)]
    people = [f"bidder-{number}" for number in range(BIDDERS)]
    async with context.books.transaction() as tx:
        await tx.copy(bidders, [(one, one) for one in people], ("bidder_id", "name"))
        marks = [(one, "instrument", f"{number:064x}") for number, one in enumerate(people)]
        await tx.copy(bidder_marks, marks, ("bidder_id", "kind", "mark"))
        for start in range(0, lot_count, LOTS_AT_ONCE):
            some = [
                {
                    "lot_id": _lot(number),
                    "sale_id": "bench",
                    "number": number,
                    "title": "bench",
                    "preset": "jd-flash",
                    "terms": agreed,
                    "terms_sha256": terms.sha256(),
                    "status": "closed",
                    "created_by": "bench",
                }
                for number in range(start + 1, min(lot_count, start + LOTS_AT_ONCE) + 1)
            ]
            await tx.session.execute(insert(lots), some)
        await tx.copy(bids, [_bid(lot, place, now_ms) for lot, place in seats], tuple(bids.c.keys()))
        results = [_result(number, now_ms) for number in range(1, lot_count + 1)]
        await tx.copy(lot_results, results, tuple(lot_results.c.keys()))
    await _hold_deposits(context, seats, now_ms)


async def _hold_deposits(context: AppContext, seats: Sequence[tuple[int, int]], now_ms: int) -> None:
    for start in range(0, len(seats), HOLDS_BATCH):
        some = seats[start : start + HOLDS_BATCH]
        replies = await asyncio.gather(*(_held(context, lot, place) for lot, place in some))
        entries = [
            (
                postings.deposit_authorised(
                    deposit_id=_deposit(lot, place),
                    lot_id=_lot(lot),
                    bidder_id=_bidder(lot, place),
                    amount_fen=DEPOSIT_FEN,
                ),
                Cause(CauseKind.GATEWAY_CALL, f"hold-{_deposit(lot, place)}"),
            )
            for lot, place in some
        ]
        held = [_deposit_row(lot, place, reply, now_ms) for (lot, place), reply in zip(some, replies, strict=True)]
        asked = [_operation_row(lot, place, reply, now_ms) for (lot, place), reply in zip(some, replies, strict=True)]
        async with context.books.transaction() as tx:
            await tx.session.execute(insert(deposits), held)
            await tx.session.execute(insert(payment_operations), asked)
            await journal.post_each(tx, entries, at_ms=now_ms)


async def _held(context: AppContext, lot: int, place: int) -> Reply:
    return await context.gateway.hold(
        f"hold-{_deposit(lot, place)}", amount_fen=DEPOSIT_FEN, payment_method=HOLD, payer=_bidder(lot, place)
    )


def _lot(number: int) -> str:
    return f"bench-{number:05d}"


def _bidder(lot: int, place: int) -> str:
    return f"bidder-{(lot * BIDDERS_PER_LOT + place) % BIDDERS}"


def _deposit(lot: int, place: int) -> str:
    return f"d{lot:05d}{place}"


def _bid(lot: int, place: int, now_ms: int) -> tuple[Any, ...]:
    """The winner's bid is the highest and the last one."""
    amount_fen, seq = PRICE_FEN - place * STEP_FEN, 10 - place
    who = _bidder(lot, place)
    return (_lot(lot), seq, 1, who, place + 1, amount_fen, amount_fen, True, f"key-{seq:08d}", now_ms, now_ms, None)


def _result(lot: int, now_ms: int) -> tuple[Any, ...]:
    return (_lot(lot), "sold", PRICE_FEN, _bidder(lot, 0), 1, 11, now_ms, "time")


def _deposit_row(lot: int, place: int, reply: Reply, now_ms: int) -> dict[str, Any]:
    return {
        "deposit_id": _deposit(lot, place),
        "lot_id": _lot(lot),
        "bidder_id": _bidder(lot, place),
        "request_key": "registration",
        "policy": "flat",
        "method": "authorisation",
        "amount_fen": DEPOSIT_FEN,
        "status": "held",
        "payment_method": HOLD,
        "provider": "sandbox",
        "provider_ref": reply.ref,
        "instrument": reply.instrument,
        "created_at_ms": now_ms,
        "held_at_ms": now_ms,
        "expires_at_ms": reply.expires_at_ms,
    }


def _operation_row(lot: int, place: int, reply: Reply, now_ms: int) -> dict[str, Any]:
    return {
        "operation_id": f"hold-{_deposit(lot, place)}",
        "first_operation_id": f"hold-{_deposit(lot, place)}",
        "attempt_number": 1,
        "kind": "hold",
        "lot_id": _lot(lot),
        "bidder_id": _bidder(lot, place),
        "deposit_id": _deposit(lot, place),
        "provider": "sandbox",
        "payment_method": HOLD,
        "amount_fen": DEPOSIT_FEN,
        "status": "succeeded",
        "provider_ref": reply.ref,
        "next_try_at_ms": now_ms,
        "created_at_ms": now_ms,
        "resolved_at_ms": now_ms,
    }


# --- baseline ---------------------------------------------------------------------------------------------------------

AWARDED = {
    settlements: "true",
    awards: "true",
    settlement_steps: "true",
    journal_entries: "kind = 'award'",
    journal_lines: "key LIKE 'award:%'",
    payment_operations: "kind = 'release'",
    deposits: "status = 'released'",
    runners_up: "true",
}
"""The rows that awarding writes: new ones, and one for each deposit that it changes."""
RELEASED = {
    journal_entries: "kind = 'authorisation-ended'",
    journal_lines: "key LIKE 'authorisation-ended:%'",
    payment_operations: "kind = 'release'",
    deposits: "status = 'released'",
}


async def _measure_baseline(context: AppContext) -> dict[str, float]:
    """The seconds that the same rows take by plain INSERT into bare tables, in batches of the same size."""
    return {
        "awarding": await _insert_again(context, AWARDED, LOTS_AT_ONCE),
        "releasing": await _insert_again(context, RELEASED, OPERATIONS_AT_ONCE),
    }


async def _insert_again(context: AppContext, written: dict[Any, str], lots_a_batch: int) -> float:
    rows: dict[Any, list[dict[str, Any]]] = {}
    async with context.books.transaction() as tx:
        for table, which in written.items():
            await tx.session.execute(text(f"DROP TABLE IF EXISTS baseline_{table.name}"))
            await tx.session.execute(text(f"CREATE TABLE baseline_{table.name} (LIKE {table.name} INCLUDING INDEXES)"))
            columns = ", ".join(table.c.keys())
            query = f"SELECT {columns} FROM {table.name} WHERE {which}"  # noqa: S608 - names of ours
            rows[table] = [dict(row) for row in await tx.rows(text(query))]
    bare = {table: table.to_metadata(type(table.metadata)(), name=f"baseline_{table.name}") for table in rows}
    lot_count = min(map(len, rows.values()))
    took_s = 0.0
    for start in range(0, lot_count, lots_a_batch):
        started_s = time.perf_counter()
        async with context.books.transaction() as tx:
            for table, found in rows.items():
                a_lot = len(found) // lot_count
                some = found[start * a_lot : (start + lots_a_batch) * a_lot]
                await tx.session.execute(insert(bare[table]), some)
        took_s += time.perf_counter() - started_s
    return took_s
