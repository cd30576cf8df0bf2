"""How full the ledger's memory is. Beside the bid's way: a bid reads one flag, which a task of its process keeps.

A ledger that runs out of memory refuses every write, closes included. So new bids are refused before that, and closing
and staff's actions keep the rest (domain rules, "Numbers": alarm at 70 %, no new bids from 85 %).
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from redis.asyncio import Redis

from auction.domain.errors import LedgerAway, ProblemCode, Unavailable
from auction.ledger.cancellation import raise_if_cancelled
from auction.ledger.connection import ledger_errors

ALARM_PERCENT, REFUSE_PERCENT = 70.0, 85.0
FALL_PERCENT = 2.0
"""A level is left only this far below where it begins, so that it does not change with every check."""
CHECK_S = 1.0


class MemoryLevel(IntEnum):
    """What the use of memory means."""

    NORMAL = 0
    HIGH = 1
    """From ALARM_PERCENT on."""
    FULL = 2
    """From REFUSE_PERCENT on: new bids are refused."""


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Bytes used, of the bytes that the server may use (0: it has no limit)."""

    used_bytes: int
    max_bytes: int

    @classmethod
    def of_info(cls, info: Mapping[str, Any]) -> "MemoryUse":
        """From a server's INFO; buffers that do not count against its limit are left out."""
        not_counted = int(info.get("mem_not_counted_for_evict", 0))
        return cls(int(info.get("used_memory", 0)) - not_counted, int(info.get("maxmemory", 0)))

    @property
    def percent(self) -> float:
        """How much of the limit is used; 0 without a limit."""
        return 100 * self.used_bytes / self.max_bytes if self.max_bytes else 0.0

    @property
    def level(self) -> MemoryLevel:
        """What it means."""
        if self.percent >= REFUSE_PERCENT:
            return MemoryLevel.FULL
        return MemoryLevel.HIGH if self.percent >= ALARM_PERCENT else MemoryLevel.NORMAL

    def level_after(self, before: MemoryLevel) -> MemoryLevel:
        """What it means where the level was `before`: one that was reached is left only FALL_PERCENT below."""
        for level, begins in ((MemoryLevel.FULL, REFUSE_PERCENT), (MemoryLevel.HIGH, ALARM_PERCENT)):
            if self.percent >= begins - (FALL_PERCENT if before >= level else 0.0):
                return level
        return MemoryLevel.NORMAL

    def sentence(self) -> str:
        """The use in words."""
        mib = 2**20
        if not self.max_bytes:
            return f"{self.used_bytes / mib:.0f} MiB used, no limit"
        return f"{self.percent:.0f} % used of {self.max_bytes / mib:.0f} MiB"


class LedgerFull(LedgerAway):
    """New bids are refused, as the ledger's memory is nearly used up; nothing was sent."""

    def __init__(self) -> None:
        Unavailable.__init__(
            self,
            ProblemCode.LEDGER_FULL,
            "The bid ledger's memory is nearly used up: no bids are taken now; nothing was changed. Try again.",
        )


class MemoryWatch:
    """The use of memory as one process knows it; nothing is known, and no bid refused, before `run` has asked."""

    def __init__(self) -> None:
        self.latest: MemoryUse | None = None
        self.level = MemoryLevel.NORMAL

    def check_bids_allowed(self) -> None:
        """Raise LedgerFull where new bids are to be refused."""
        if self.level is MemoryLevel.FULL:
            raise LedgerFull

    async def run(
        self, redis: "Redis", *, on_change: Callable[[MemoryLevel, MemoryUse], None] = lambda _level, _use: None
    ) -> None:
        """Ask again and again until cancelled; what is known stays while the ledger is away."""
        while True:
            raise_if_cancelled()
            try:
                self.latest = await read_memory(redis)
            except Unavailable:
                await asyncio.sleep(CHECK_S)
                continue
            level = self.latest.level_after(self.level)
            if level is not self.level:
                self.level = level
                on_change(level, self.latest)
            await asyncio.sleep(CHECK_S)


async def read_memory(redis: "Redis") -> MemoryUse:
    """The server's use of memory. Raises LedgerAway."""
    with ledger_errors():
        return MemoryUse.of_info(await redis.info("memory"))
