"""Counts the watchers of each lot over all live gateways: each gateway reports its own number, readers add them up.

Off the bid's way. Approximate: the report of a gateway that has died counts for some seconds more.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from auction.ledger.bid_ledger import BidLedger
from auction.ledger.connection import ledger_errors, microseconds

REPORT_AGE_MS_MAX = 10_000
"""Older reports do not count; gateways repeat theirs more often."""
KEPT_S = 60
"""A lot's reports are removed that long after the last one."""


async def report_watchers(ledger: BidLedger, gateway: str, counts: Mapping[str, int], *, now_ms: int) -> dict[str, int]:
    """Store a gateway's number of watchers of each lot (0: remove it); returns the other gateways' numbers by lot.

    `now_ms` is the ledger's time. Outdated reports of other gateways are removed. Raises LedgerAway.
    """
    if not counts:
        return {}
    keys = ledger.keys
    pipeline = ledger.redis.pipeline(transaction=False)
    for lot_id, count in counts.items():
        key = keys.watchers(lot_id)
        if count:
            pipeline.hset(key, gateway, f"{count} {now_ms}")
            pipeline.expire(key, KEPT_S)
        else:
            pipeline.hdel(key, gateway)
        pipeline.hgetall(key)
    with ledger_errors():
        replies: list[Any] = await pipeline.execute()
        reports = dict(zip(counts, (reply for reply in replies if isinstance(reply, dict)), strict=True))
        await _remove_outdated(ledger, reports, now_ms)
    own = gateway.encode()
    return {
        lot_id: _sum_of_fresh({name: report for name, report in of_lot.items() if name != own}, now_ms)
        for lot_id, of_lot in reports.items()
    }


async def _remove_outdated(ledger: BidLedger, reports: Mapping[str, dict[bytes, bytes]], now_ms: int) -> None:
    for lot_id, of_lot in reports.items():
        outdated = [name for name, report in of_lot.items() if now_ms - _parse(report)[1] > REPORT_AGE_MS_MAX]
        if outdated:
            await ledger.redis.hdel(ledger.keys.watchers(lot_id), *outdated)


async def count_watchers(ledger: BidLedger, lot_ids: Sequence[str]) -> dict[str, int]:
    """The present number of watchers of each lot. Raises LedgerAway."""
    if not lot_ids:
        return {}
    pipeline = ledger.redis.pipeline(transaction=False)
    pipeline.time()
    for lot_id in lot_ids:
        pipeline.hgetall(ledger.keys.watchers(lot_id))
    with ledger_errors():
        time, *reports = await pipeline.execute()
    now_ms = microseconds(time) // 1000
    return {lot_id: _sum_of_fresh(of_lot, now_ms) for lot_id, of_lot in zip(lot_ids, reports, strict=True)}


def _sum_of_fresh(reports: Mapping[bytes, bytes], now_ms: int) -> int:
    return sum(count for count, at_ms in map(_parse, reports.values()) if now_ms - at_ms <= REPORT_AGE_MS_MAX)


def _parse(report: bytes) -> tuple[int, int]:
    count, _, at_ms = report.partition(b" ")
    return int(count), int(at_ms)
