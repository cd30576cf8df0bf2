"""A rival without a server: one process decides in memory and writes a log, one fsync for all bids that wait."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from loadtests.baselines.bid_api import BIDDERS, LOT, STEP_FEN, Decision, Servers

Line = tuple[str, str, str, int]
"""Lot, bidder, key, amount in fen."""


class LogFile:
    """Lots in memory, and their log; read again at the start."""

    def __init__(self, path: Path) -> None:
        self.prices: dict[str, int] = {LOT: 0}
        self.seqs: dict[str, int] = {LOT: 0}
        self.deposits = {(LOT, f"bidder-{number}") for number in range(BIDDERS)}
        self.decided: dict[tuple[str, str, str], tuple[int, int]] = {}
        """(lot, bidder, key) -> (seq, amount)."""
        self._waiting: list[tuple[Line, asyncio.Future[None]]] = []
        self._came = asyncio.Event()
        with contextlib.suppress(FileNotFoundError):
            for line in path.read_text("utf-8").splitlines():
                self._apply(*json.loads(line))
        self.file: BinaryIO = path.open("ab", buffering=0)

    def _apply(self, lot_id: str, bidder_id: str, key: str, amount_fen: int) -> int:
        self.prices[lot_id] = amount_fen
        self.seqs[lot_id] += 1
        self.decided[lot_id, bidder_id, key] = self.seqs[lot_id], amount_fen
        return self.seqs[lot_id]

    async def place(self, lot_id: str, bidder_id: str, amount_fen: int, key: str) -> Decision:
        """Decide a bid at once, and answer once it is on the disk."""
        price_fen = self.prices.get(lot_id)
        if price_fen is None:
            return Decision(0, 0, "lot-unknown")
        if (lot_id, bidder_id) not in self.deposits:
            return Decision(0, price_fen, "not-registered")
        if (first := self.decided.get((lot_id, bidder_id, key))) is not None:
            seq, was_fen = first
            await self._written()
            return Decision(seq, price_fen, "" if was_fen == amount_fen else "key-reused", is_repeated=True)
        if amount_fen < price_fen + STEP_FEN:
            return Decision(0, price_fen, "bid-too-low")
        seq = self._apply(lot_id, bidder_id, key, amount_fen)
        await self._written((lot_id, bidder_id, key, amount_fen))
        return Decision(seq, amount_fen)

    async def _written(self, *lines: Line) -> None:
        """Wait until these lines, or what waits already, are on the disk."""
        future = asyncio.get_running_loop().create_future()
        self._waiting += [(line, future) for line in lines] or [(("", "", "", 0), future)]
        self._came.set()
        await future

    async def write(self) -> None:
        """Write what waits, batch after batch, until cancelled."""
        while True:
            await self._came.wait()
            self._came.clear()
            batch, self._waiting = self._waiting, []
            data = "".join(json.dumps(line) + "\n" for line, _ in batch if line[0]).encode()
            await asyncio.to_thread(self._sync, data)
            for _, future in batch:
                if not future.done():
                    future.set_result(None)

    def _sync(self, data: bytes) -> None:
        self.file.write(data)
        os.fdatasync(self.file.fileno())


@asynccontextmanager
async def open_log_file(servers: Servers) -> AsyncIterator[LogFile]:
    """FastAPI over one process's memory and a group-committed log."""
    store = LogFile(servers.folder / "bids.log")
    writing = asyncio.create_task(store.write())
    try:
        yield store
    finally:
        writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writing
        store.file.close()
