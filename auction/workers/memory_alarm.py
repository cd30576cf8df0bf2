"""Logs once each time the ledger's memory becomes full enough for an alarm, or no longer is. Off the bid's way."""

import structlog

from auction.ledger.memory import ALARM_PERCENT, REFUSE_PERCENT, MemoryLevel, MemoryUse

log = structlog.get_logger("auction.workers")

_ADVICE = "give the server more memory (CONFIG SET maxmemory), or end lots: see docs/operations.md"


def log_memory_level(level: MemoryLevel, use: MemoryUse) -> None:
    """Log a level that was just reached."""
    facts = {"used_bytes": use.used_bytes, "max_bytes": use.max_bytes, "percent": round(use.percent, 1)}
    match level:
        case MemoryLevel.FULL:
            log.error("ledger_memory_full", **facts, refuse_percent=REFUSE_PERCENT, bids="refused", advice=_ADVICE)
        case MemoryLevel.HIGH:
            log.warning("ledger_memory_high", **facts, alarm_percent=ALARM_PERCENT, bids="accepted", advice=_ADVICE)
        case MemoryLevel.NORMAL:
            log.info("ledger_memory_normal", **facts)
