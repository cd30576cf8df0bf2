"""What staff did to a lot in the ledger, from its events, for the audit log: who, what, why, before and after.

After the bid's way: the archive stores the actions in the transaction of their events, exactly once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from auction.books import audit
from auction.books.tables import bids, lots
from auction.books.unit_of_work import Transaction
from auction.domain.events import (
    CLERK,
    BidVoided,
    CloseCause,
    Closed,
    Event,
    Extended,
    LotVoided,
    Opened,
    Paused,
    Rescheduled,
    Resumed,
)


@dataclass(frozen=True, slots=True)
class StaffEvent:
    """An event that a member of staff caused; `status_before` None: the status in the database."""

    lot_id: str
    seq: int
    epoch: int
    at_ms: int
    actor: str
    action: str
    reason: str | None
    after: dict[str, Any]
    status_before: str | None


def staff_event(
    event: Event, *, lot_id: str, seq: int, epoch: int, at_ms: int, status_before: str | None
) -> StaffEvent | None:
    """What staff did by an event; None where nobody of staff did it."""
    found = _action(event)
    if found is None:
        return None
    actor, action, reason, after = found
    return StaffEvent(lot_id, seq, epoch, at_ms, actor, action, reason, after, status_before)


def _action(event: Event) -> tuple[str, str, str | None, dict[str, Any]] | None:
    """Actor, action, reason and what it led to."""
    match event:
        case Opened(ends_at_ms, _, by) if by != CLERK:
            return by, "open-lot", None, {"status": "open", "ends_at_ms": ends_at_ms}
        case Rescheduled(opens_at_ms, ends_at_ms, _, by):
            return by, "reschedule-lot", None, {"opens_at_ms": opens_at_ms, "closes_at_ms": ends_at_ms}
        case Paused(remaining_ms, reason, by):
            return by, "pause-lot", reason, {"status": "paused", "remaining_ms": remaining_ms}
        case Resumed(ends_at_ms, _, review_above_fen, by):
            after = {"status": "open", "ends_at_ms": ends_at_ms, "review_above_fen": review_above_fen or None}
            return by, "resume-lot", None, after
        case Extended(ends_at_ms, _, reason, by):
            return by, "extend-lot", reason, {"ends_at_ms": ends_at_ms}
        case Closed(outcome, price_fen, _, leader_paddle, CloseCause.STAFF, reason, by):
            after = {"status": "closed", "outcome": outcome, "price_fen": price_fen, "leader": leader_paddle or None}
            return by, "close-lot", reason, after
        case LotVoided(reason, by):
            return by, "void-lot", reason, {"status": "void"}
        case BidVoided(bid_seq, price_fen, _, leader_paddle, _, reason, by):
            return by, "void-bid", reason, {"seq": bid_seq, "price_fen": price_fen, "leader": leader_paddle or None}
        case _:
            return None


async def record(tx: Transaction, found: Iterable[StaffEvent]) -> None:
    """Store the actions; the bids of their batch are stored already, its statuses and times are not."""
    times: dict[str, dict[str, Any]] = {}
    for one in found:
        before: dict[str, Any] = {"status": one.status_before or await _status(tx, one.lot_id)}
        if one.action == "void-bid":
            before["bid"] = await _bid(tx, one.lot_id, one.after["seq"])
        elif one.action == "reschedule-lot":
            before |= times.get(one.lot_id) or await _times(tx, one.lot_id)
            times[one.lot_id] = one.after
        await audit.record_action(
            tx,
            actor=one.actor,
            action=one.action,
            lot_id=one.lot_id,
            reason=one.reason,
            details={"seq": one.seq, "epoch": one.epoch, "before": before, "after": one.after},
            at_ms=one.at_ms,
        )


async def _status(tx: Transaction, lot_id: str) -> str | None:
    return await tx.session.scalar(select(lots.c.status).where(lots.c.lot_id == lot_id))


async def _times(tx: Transaction, lot_id: str) -> dict[str, Any]:
    row = await tx.row(select(lots.c.opens_at_ms, lots.c.closes_at_ms).where(lots.c.lot_id == lot_id))
    return {} if row is None else dict(row)


async def _bid(tx: Transaction, lot_id: str, seq: int) -> dict[str, Any] | None:
    columns = (bids.c.bidder_id, bids.c.paddle, bids.c.amount_fen, bids.c.price_fen, bids.c.leading, bids.c.at_ms)
    row = await tx.row(select(*columns).where(bids.c.lot_id == lot_id, bids.c.seq == seq))
    return None if row is None else dict(row)
