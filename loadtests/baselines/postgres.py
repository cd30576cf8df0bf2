"""Rivals on PostgreSQL with synchronous commit: a bid in one statement, and a bid under `SELECT ... FOR UPDATE`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from loadtests.baselines.bid_api import BIDDERS, LOT, STEP_FEN, Decision, Servers

CONNECTIONS = 16
SCHEMA = """
CREATE SCHEMA IF NOT EXISTS rival;
CREATE TABLE IF NOT EXISTS rival.lots (
    lot_id text PRIMARY KEY, price_fen bigint NOT NULL, seq bigint NOT NULL, leader text
);
CREATE TABLE IF NOT EXISTS rival.deposits (lot_id text, bidder_id text, PRIMARY KEY (lot_id, bidder_id));
CREATE TABLE IF NOT EXISTS rival.bids (
    lot_id text, bidder_id text, key text, seq bigint NOT NULL, amount_fen bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (lot_id, bidder_id, key)
);
"""
KNOWN = "SELECT seq, amount_fen FROM rival.bids WHERE lot_id = $1 AND bidder_id = $2 AND key = $3"
DEPOSIT = "SELECT 1 FROM rival.deposits WHERE lot_id = $1 AND bidder_id = $2"
STATEMENT = f"""
WITH known AS ({KNOWN}),
raised AS (
    UPDATE rival.lots SET price_fen = $4, seq = seq + 1, leader = $2
    WHERE lot_id = $1 AND $4 >= price_fen + {STEP_FEN} AND EXISTS ({DEPOSIT}) AND NOT EXISTS (SELECT 1 FROM known)
    RETURNING seq
), placed AS (
    INSERT INTO rival.bids (lot_id, bidder_id, key, seq, amount_fen)
    SELECT $1, $2, $3, seq, $4 FROM raised RETURNING seq
)
SELECT (SELECT seq FROM placed) AS seq, EXISTS ({DEPOSIT}) AS has_deposit, price_fen
FROM rival.lots WHERE lot_id = $1
"""  # noqa: S608 - a number of ours


class _Store:
    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self.pool = pool


class OneStatement(_Store):
    """Price, deposit, key and insert in one statement; only a refused bid takes a second, for its reason."""

    async def place(self, lot_id: str, bidder_id: str, amount_fen: int, key: str) -> Decision:
        """Decide a bid."""
        async with self.pool.acquire() as connection:
            row = await connection.fetchrow(STATEMENT, lot_id, bidder_id, key, amount_fen)
            if row is None:
                return Decision(0, 0, "lot-unknown")
            if row["seq"] is not None:
                return Decision(row["seq"], amount_fen)
            first = await connection.fetchrow(KNOWN, lot_id, bidder_id, key)
        return _refused(first, row["price_fen"], amount_fen, has_deposit=row["has_deposit"])


class SelectForUpdate(_Store):
    """The lot's row is locked while the bid is checked and written."""

    async def place(self, lot_id: str, bidder_id: str, amount_fen: int, key: str) -> Decision:
        """Decide a bid."""
        async with self.pool.acquire() as connection, connection.transaction():
            lot = await connection.fetchrow(
                "SELECT price_fen, seq FROM rival.lots WHERE lot_id = $1 FOR UPDATE", lot_id
            )
            if lot is None:
                return Decision(0, 0, "lot-unknown")
            first = await connection.fetchrow(KNOWN, lot_id, bidder_id, key)
            has_deposit = await connection.fetchval(DEPOSIT, lot_id, bidder_id) is not None
            if first is not None or not has_deposit or amount_fen < lot["price_fen"] + STEP_FEN:
                return _refused(first, lot["price_fen"], amount_fen, has_deposit=has_deposit)
            seq = lot["seq"] + 1
            await connection.execute(
                "INSERT INTO rival.bids (lot_id, bidder_id, key, seq, amount_fen) VALUES ($1, $2, $3, $4, $5)",
                *(lot_id, bidder_id, key, seq, amount_fen),
            )
            await connection.execute(
                "UPDATE rival.lots SET price_fen = $2, seq = $3, leader = $4 WHERE lot_id = $1",
                *(lot_id, amount_fen, seq, bidder_id),
            )
        return Decision(seq, amount_fen)


def _refused(first: "asyncpg.Record | None", price_fen: int, amount_fen: int, *, has_deposit: bool) -> Decision:
    if not has_deposit:
        return Decision(0, price_fen, "not-registered")
    if first is None:
        return Decision(0, price_fen, "bid-too-low")
    if first["amount_fen"] != amount_fen:
        return Decision(0, price_fen, "key-reused")
    return Decision(first["seq"], price_fen, is_repeated=True)


@asynccontextmanager
async def _pool(servers: Servers) -> AsyncIterator["asyncpg.Pool[asyncpg.Record]"]:
    async with asyncpg.create_pool(servers.database_url, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        await pool.execute(SCHEMA)
        await pool.execute("INSERT INTO rival.lots VALUES ($1, 0, 0) ON CONFLICT DO NOTHING", LOT)
        await pool.executemany(
            "INSERT INTO rival.deposits VALUES ($1, $2) ON CONFLICT DO NOTHING",
            [(LOT, f"bidder-{number}") for number in range(BIDDERS)],
        )
        yield pool


@asynccontextmanager
async def open_one_statement(servers: Servers) -> AsyncIterator[OneStatement]:
    """FastAPI and asyncpg, one statement a bid."""
    async with _pool(servers) as pool:
        yield OneStatement(pool)


@asynccontextmanager
async def open_select_for_update(servers: Servers) -> AsyncIterator[SelectForUpdate]:
    """FastAPI and asyncpg, the lot's row locked for each bid."""
    async with _pool(servers) as pool:
        yield SelectForUpdate(pool)
