"""What the ledger's scripts answer, decoded: snapshots, answers to bids, and the errors that codes stand for.

In the bid's way, under `bid_ledger`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from auction.domain.bidding import Bid, Receipt, Refused
from auction.domain.errors import AuctionError, NotFound, ProblemCode, RefusalCode, RequestRefused, WrongStatus
from auction.domain.lot import LotStatus

_REFUSALS = {str(code): code for code in RefusalCode}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A lot's state in the ledger at `now_ms`. Amounts in fen (0: none), times in UTC ms (0: none)."""

    lot_id: str
    status: LotStatus
    epoch: int
    seq: int
    price_fen: int
    leader_id: str
    leader_paddle: int
    ceiling_fen: int
    bids: int
    minimum_fen: int
    opens_at_ms: int
    ends_at_ms: int
    hard_stop_at_ms: int
    remaining_ms: int
    review_above_fen: int
    now_ms: int
    chain: str
    pause_cause: str
    """A PauseCause; empty: not paused, or not known."""


@dataclass(slots=True)
class AcceptedBatch:
    """The bids that one script call accepted, and the lot's checksum after it."""

    lot_id: str
    epoch: int
    at_ms: int
    chain: str
    bids: list[tuple[Receipt, Bid]] = field(default_factory=list)
    receipts: dict[int, str] = field(default_factory=dict)
    """Seq -> the signed receipt; empty until one is asked for."""


@dataclass(frozen=True, slots=True)
class AcceptedBid:
    """The bid was accepted, by this call or (`repeated`) by an earlier one with the same key.

    `batch` is the call that accepted it, where that is known.
    """

    receipt: Receipt
    repeated: bool
    batch: AcceptedBatch | None = field(default=None, compare=False, repr=False)


BidAnswer = AcceptedBid | Refused


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The ledger's time and the next deadlines: (UTC ms, lot to open or close), earliest first."""

    now_ms: int
    upcoming: list[tuple[int, str]]
    interrupted: dict[tuple[int, int], list[str]] = field(default_factory=dict)
    """(Shard, the end of its last outage, UTC ms) -> lots with a deadline soon after it."""


def decode_deadlines(now_ms: int, rows: Sequence[Any]) -> Deadlines:
    """The deadlines of every shard: of each its lots with their deadlines, and its last outage, in turns."""
    upcoming: list[tuple[int, str]] = []
    interrupted: dict[tuple[int, int], list[str]] = {}
    for shard, (lots, (to_ms, until_ms)) in enumerate(zip(rows[::2], rows[1::2], strict=True)):
        deadlines = [(int(at_ms), lot_id.decode()) for lot_id, at_ms in lots]
        upcoming += deadlines
        if int(to_ms or 0):
            within = [lot_id for at_ms, lot_id in deadlines if at_ms <= int(until_ms)]
            interrupted[shard, int(to_ms)] = within
    return Deadlines(now_ms, sorted(upcoming), interrupted)


def check_code(code: str, snapshot: Snapshot | None, action: str, allowed: Sequence[LotStatus]) -> Snapshot:
    """The snapshot of an action that was done, now or before; else raises the error that its code stands for."""
    if code in ("ok", "done") and snapshot is not None:
        return snapshot
    raise control_error(code, snapshot, action, allowed)


def control_error(code: str, snapshot: Snapshot | None, action: str, allowed: Sequence[LotStatus]) -> AuctionError:
    if code == "in-the-past":
        return RequestRefused(ProblemCode.SCHEDULE_INVALID, "The end must lie in the future, by the ledger's clock.")
    if snapshot is None:
        return NotFound(ProblemCode.LOT_UNKNOWN, "The ledger knows no such lot; it has not been scheduled.")
    if code == "wrong-status":
        return WrongStatus(action, str(snapshot.status), tuple(map(str, allowed)))
    if code == "review-limit-too-low":
        return RequestRefused(
            ProblemCode.REVIEW_LIMIT_TOO_LOW,
            f"review_above_fen must be above the price of {snapshot.price_fen}, or 0 for none.",
            {"price_fen": snapshot.price_fen},
        )
    if code == "too-far":
        return RequestRefused(
            ProblemCode.SCHEDULE_INVALID,
            f"The end may be at most a year from now; it is at {snapshot.ends_at_ms}.",
        )
    if code == "past-hard-stop":
        return RequestRefused(
            ProblemCode.PAST_HARD_STOP,
            f"The end would pass the hard stop at {snapshot.hard_stop_at_ms}; extend by less, or move that too.",
            {"ends_at_ms": snapshot.ends_at_ms, "hard_stop_at_ms": snapshot.hard_stop_at_ms},
        )
    if code == "ledger-moved":
        return RequestRefused(
            ProblemCode.LEDGER_MOVED, "The lot changed meanwhile; look again and repeat.", {"at_seq": snapshot.seq}
        )
    if code == "paddle-differs":
        return RequestRefused(ProblemCode.PADDLE_DIFFERS, "This bidder is admitted to the lot with another paddle.")
    raise AssertionError(f"no error for the ledger's code {code}")


def decode_answer(row: list[Any], bid: Bid, now_ms: int, batch: AcceptedBatch) -> BidAnswer:
    """The answer to a bid of a call; one that the call accepted is added to its batch."""
    code = row[0]
    if code == "accepted":
        _, seq, amount, price, minimum, leading, paddle, ends_at, at = row
        receipt = Receipt(seq, amount, price, minimum, leading == 1, paddle, ends_at, at)
        batch.bids.append((receipt, bid))
        return AcceptedBid(receipt, repeated=False, batch=batch)
    if code == "repeated":
        _, seq, amount, price, minimum, leading, paddle, ends_at, at = row
        receipt = Receipt(seq, amount, price, minimum, leading == 1, paddle, ends_at, at)
        # sent twice in one call
        is_of_call = bool(batch.bids) and seq >= batch.bids[0][0].seq
        return AcceptedBid(receipt, repeated=True, batch=batch if is_of_call else None)
    refusal = _REFUSALS[code]
    # the script gives one fact, or false
    facts = dict(zip(refusal.facts, row[5:], strict=False))
    return Refused(refusal, facts, row[1], row[2], row[3], row[4], now_ms)
