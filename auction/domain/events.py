"""The facts a lot's ledger consists of, in the order they happened: one event, one `seq`.

The ledger's scripts write them (`auction/ledger/lua`), the feed reads them, the archive keeps them, and
`auction.domain.lot.apply` folds them back into a lot. Amounts in fen, times in UTC ms.
"""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar

CLERK = "the clerk"
"""What stands in `by` where the clerk acted, and no member of staff."""


class Outcome(StrEnum):
    """How a closed lot ended."""

    SOLD = "sold"
    NO_BIDS = "no-bids"
    RESERVE_UNMET = "reserve-unmet"


class CloseCause(StrEnum):
    """What closed a lot."""

    TIME = "time"
    CAP = "cap"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Scheduled:
    """The terms were frozen and the lot entered the ledger; always seq 1."""

    kind: ClassVar[str] = "scheduled"
    terms_sha256: str
    opens_at_ms: int
    ends_at_ms: int
    hard_stop_at_ms: int
    """0: no hard stop."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A bidder may bid, or may bid up to another amount than before; -1: unlimited, no purse."""

    kind: ClassVar[str] = "admitted"
    bidder_id: str
    paddle: int
    limit_fen: int
    purse_fen: int


@dataclass(frozen=True, slots=True)
class Opened:
    """Bidding began; `by` is the staff member or the clerk."""

    kind: ClassVar[str] = "opened"
    ends_at_ms: int
    hard_stop_at_ms: int
    by: str


@dataclass(frozen=True, slots=True)
class BidPlaced:
    """A bid was accepted: what it did to the price, whether it leads, and the end in force after it."""

    kind: ClassVar[str] = "bid"
    bidder_id: str
    paddle: int
    amount_fen: int
    key: str
    price_fen: int
    leading: int
    ends_at_ms: int


@dataclass(frozen=True, slots=True)
class Held:
    """The price reached the review limit: bidding waits for staff."""

    kind: ClassVar[str] = "held"
    remaining_ms: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Staff stopped bidding for a while."""

    kind: ClassVar[str] = "paused"
    remaining_ms: int
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """Bidding goes on with the time that was left; `review_above_fen` 0: no review limit from here."""

    kind: ClassVar[str] = "resumed"
    ends_at_ms: int
    hard_stop_at_ms: int
    review_above_fen: int
    by: str


@dataclass(frozen=True, slots=True)
class Extended:
    """Staff moved the end."""

    kind: ClassVar[str] = "extended"
    ends_at_ms: int
    hard_stop_at_ms: int
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Voided:
    """One bid was taken out and the lot restated without it; the first event of a new epoch."""

    kind: ClassVar[str] = "voided"
    bid_seq: int
    price_fen: int
    leader_id: str
    leader_paddle: int
    ceiling_fen: int
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Closed:
    """Bidding is over. Names the leading bid's bidder or nobody, whether or not the reserve was met."""

    kind: ClassVar[str] = "closed"
    outcome: str
    price_fen: int
    leader_id: str
    leader_paddle: int
    cause: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The whole lot was declared void."""

    kind: ClassVar[str] = "void"
    reason: str
    by: str


Event = Scheduled | Admitted | Opened | BidPlaced | Held | Paused | Resumed | Extended | Voided | Closed | Withdrawn

KINDS: dict[str, type[Event]] = {
    event.kind: event
    for event in (Scheduled, Admitted, Opened, BidPlaced, Held, Paused, Resumed, Extended, Voided, Closed, Withdrawn)
}


def to_row(event: Event) -> list[Any]:
    """An event as the ledger writes it: its kind, then its fields in order."""
    return [event.kind, *(getattr(event, field.name) for field in fields(event))]


def from_row(row: list[Any]) -> Event:
    """An event from the ledger's array; ValueError where the kind or a field is not what the ledger writes."""
    kind = KINDS.get(row[0]) if row and isinstance(row[0], str) else None
    if kind is None:
        raise ValueError(f"not an event of the ledger: {row!r}")
    expected = fields(kind)
    if len(row) != len(expected) + 1 or any(
        type(value) is not field.type for value, field in zip(row[1:], expected, strict=True)
    ):
        raise ValueError(f"a {kind.kind} event has fields {[f.name for f in expected]}, got {row!r}")
    return kind(*row[1:])
