"""What a fault cost: every acknowledged bid is in the record, or named as lost; everything else holds without exception."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import text

from auction.domain.events import BidPlaced, Restored
from auction.domain.states import BidStanding
from auction.ledger.entry import decode_events
from auction.services.context import AppContext
from auction.services.recovery.claims import ReceivedBid, check_bid
from auction.signing.receipts import Batch
from tests.chaos.checkers import (
    PromiseBroken,
    check_deadline,
    check_durable,
    check_linear,
    check_no_phantoms,
    check_once,
    check_order,
)
from tests.chaos.history import STANDS, Attempt, History
from tests.chaos.record import Record

RECOVERY = 12


@dataclass(frozen=True, slots=True)
class Gap:
    """Where a record was restored: the seqs from `first` until before `restored` are no part of it."""

    first: int
    listed_to: int
    """The last seq that is named as lost; 0: none."""
    restored: int

    def holds(self, seq: int) -> bool:
        """Whether a seq lies in it."""
        return self.first <= seq < self.restored


@dataclass(frozen=True, slots=True)
class Losses:
    """Of one lot: bids acknowledged, and how many of them are lost, and how many of those are named."""

    acknowledged: int
    lost: int
    listed: int
    kept: tuple[Attempt, ...] = ()


def gaps_of(record: Record) -> list[Gap]:
    """The record's gaps."""
    found: list[Gap] = []
    last_seq = 0
    for entry in record.entries:
        restored = entry.events[0]
        if isinstance(restored, Restored):
            found.append(Gap(last_seq + 1, restored.lost_to_seq, restored.seq))
        last_seq = entry.last_seq
    return found


async def check_losses(context: AppContext, history: History, record: Record, *, is_forked: bool) -> Losses:
    """Check a lot's history against its record. Raises PromiseBroken.

    Where two servers took bids at once (`is_forked`), both gave out the same seqs, and answers about the other record
    are none about this one.
    """
    gaps = gaps_of(record)
    stored = {(bid.seq, bid.event.bidder_id, bid.event.key, bid.event.amount_fen) for bid in record.bids()}
    aside = await _set_aside(context, history.lot_id)
    kept, lost = History(history.lot_id), []
    for attempt in history.attempts:
        at_seq = attempt.answer.get("at_seq", 0)
        if attempt.outcome in STANDS and _named(attempt) not in stored:
            lost.append(attempt)
        elif not any(gap.holds(at_seq) for gap in gaps):
            kept.attempts.append(attempt)
    kept.looks = [look for look in history.looks if not any(gap.holds(look.answer["seq"]) for gap in gaps)]
    listed = [attempt for attempt in lost if _is_listed(attempt, gaps) or _named(attempt) in aside]
    if is_forked and gaps:
        # another bid has its seq: nothing lists it, but its lot is restored, and so its receipt opens a claim
        others = [attempt for attempt in lost if attempt not in listed]
        listed += [attempt for attempt in others if await _opens_a_claim(context, history.lot_id, attempt)]
    if len(listed) < len(lost):
        hidden = next(attempt for attempt in lost if attempt not in listed)
        raise PromiseBroken(RECOVERY, f"{len(lost) - len(listed)} lost and not named, such as {hidden}; gaps: {gaps}")
    check_no_phantoms(history, record)
    check_durable(kept, record)
    check_once(kept, record)
    check_order(record)
    check_deadline(record)
    if not is_forked:
        check_linear(kept, record)
        _check_seqs(attempt for attempt in history.attempts if attempt.outcome in STANDS)
    acknowledged = {_named(attempt) for attempt in history.attempts if attempt.outcome in STANDS}
    return Losses(len(acknowledged), len({*map(_named, lost)}), len({*map(_named, listed)}), tuple(kept.attempts))


def _named(attempt: Attempt) -> tuple[int, str, str, int]:
    return attempt.answer["seq"], attempt.bidder_id, attempt.key, attempt.amount_fen


def _is_listed(attempt: Attempt, gaps: Iterable[Gap]) -> bool:
    seq = attempt.answer["seq"]
    return any(gap.holds(seq) and seq <= gap.listed_to for gap in gaps)


def _check_seqs(acknowledged: Iterable[Attempt]) -> None:
    """No seq was given out for two bids."""
    owners: dict[int, tuple[str, str]] = {}
    for attempt in acknowledged:
        owner = owners.setdefault(attempt.answer["seq"], attempt.whose)
        if owner != attempt.whose:
            raise PromiseBroken(RECOVERY, f"seq {attempt.answer['seq']} was given to {owner} and to {attempt.whose}")


async def _opens_a_claim(context: AppContext, lot_id: str, attempt: Attempt) -> bool:
    """Whether the receipt of a lost bid is recorded as a claim for staff."""
    seq, at_ms = attempt.answer["seq"], attempt.answer["at_ms"]
    facts = {"lot_id": lot_id, "seq": seq, "bidder_id": attempt.bidder_id, "amount_fen": attempt.amount_fen}
    code = context.bidder_codes.code(attempt.bidder_id)
    bid = (seq, attempt.answer["paddle"], attempt.amount_fen, attempt.answer["price_fen"], 1, 0, attempt.key, code)
    batch = Batch(lot_id, 1, at_ms, "0" * 40, [bid])
    (receipt,) = batch.sign(context.house_keys.key_at(at_ms))
    checked = await check_bid(context, ReceivedBid(**facts, at_ms=at_ms, receipt=receipt))
    return checked.standing is BidStanding.LOST and checked.claim is not None


async def _set_aside(context: AppContext, lot_id: str) -> set[tuple[int, str, str, int]]:
    """The bids in entries that were kept out of the record."""
    statement = text("SELECT first_seq, packed FROM entries_set_aside WHERE lot_id = :lot").bindparams(lot=lot_id)
    async with context.books.reading() as tx:
        rows = await tx.rows(statement)
    return {
        (seq, event.bidder_id, event.key, event.amount_fen)
        for row in rows
        for seq, event in enumerate(decode_events(row["packed"]), row["first_seq"])
        if isinstance(event, BidPlaced)
    }
