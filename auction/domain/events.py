"""The events that a lot's ledger consists of, each with its own `seq`: what a decision about a bid or a lot writes.

The ledger's scripts (`auction/ledger/lua`) write them to the stream, the archive stores them, live gateways send them
to watchers, and `auction.domain.lot.apply` folds them into a lot. Amounts in fen, times in UTC ms.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar, get_args

CLERK = "the clerk"
"""The value of `by` in events that the clerk caused."""


class Outcome(StrEnum):
    """The outcome of a closed lot."""

    SOLD = "sold"
    NO_BIDS = "no-bids"
    RESERVE_UNMET = "reserve-unmet"


class FreezeCause(StrEnum):
    """Why a lot is frozen."""

    FORKED = "forked"
    """The stream continues another record than the archived one."""
    INCOMPLETE = "incomplete"
    """Entries between the archived ones and the next one of the stream are missing."""
    DAMAGED = "damaged"
    """An entry cannot be read, or the database does not accept it."""
    BEHIND = "behind"
    """The ledger's state is older than what was archived or acknowledged."""


class PauseCause(StrEnum):
    """Why a lot is paused."""

    STAFF = "staff"
    OUTAGE = "outage"
    """Bids could not be decided shortly before its end."""


class CloseCause(StrEnum):
    """What closed a lot."""

    TIME = "time"
    CAP = "cap"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Scheduled:
    """The lot entered the ledger with its frozen terms; always seq 1."""

    kind: ClassVar[str] = "scheduled"
    terms_sha256: str
    opens_at_ms: int
    ends_at_ms: int
    hard_stop_at_ms: int
    """0: no hard stop."""


@dataclass(frozen=True, slots=True)
class Rescheduled:
    """Staff gave a lot that has not opened other times."""

    kind: ClassVar[str] = "rescheduled"
    opens_at_ms: int
    ends_at_ms: int
    hard_stop_at_ms: int
    """0: no hard stop."""
    by: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """A bidder was admitted, or their limit or purse changed; -1: no limit, no purse."""

    kind: ClassVar[str] = "admitted"
    bidder_id: str
    paddle: int
    limit_fen: int
    purse_fen: int


@dataclass(frozen=True, slots=True)
class Opened:
    """Bidding began; `by` is a member of staff or CLERK."""

    kind: ClassVar[str] = "opened"
    ends_at_ms: int
    hard_stop_at_ms: int
    by: str


@dataclass(frozen=True, slots=True)
class BidPlaced:
    """A bid was accepted: the price it made, whether it leads (1 or 0), and the end in force after it.

    `amount_fen` is what its bidder committed to: the price in direct bidding, or the maximum behind the bid there and
    in proxy bidding. The key of a bid that a maximum made is `made_key`.
    """

    kind: ClassVar[str] = "bid"
    bidder_id: str
    paddle: int
    amount_fen: int
    key: str
    price_fen: int
    leading: int
    ends_at_ms: int


@dataclass(frozen=True, slots=True)
class MaximumSet:
    """The leader of a direct lot set another maximum behind their bid, or withdrew it (`amount_fen` 0); no bid.

    Price, leader and end are those in force then.
    """

    kind: ClassVar[str] = "maximum"
    bidder_id: str
    paddle: int
    amount_fen: int
    key: str
    price_fen: int
    leading: int
    ends_at_ms: int


@dataclass(frozen=True, slots=True)
class Held:
    """The price reached the review limit; bidding is stopped until staff resume it."""

    kind: ClassVar[str] = "held"
    remaining_ms: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Staff paused the lot."""

    kind: ClassVar[str] = "paused"
    remaining_ms: int
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The lot was paused, as bids could not be decided from `from_ms` to `to_ms` and it ends by `until_ms` (UTC ms)."""

    kind: ClassVar[str] = "interrupted"
    remaining_ms: int
    from_ms: int
    to_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """Bidding goes on with the time that remained; `review_above_fen` 0: no review limit from here on."""

    kind: ClassVar[str] = "resumed"
    ends_at_ms: int
    hard_stop_at_ms: int
    review_above_fen: int
    by: str


@dataclass(frozen=True, slots=True)
class Extended:
    """Staff moved the end, of a paused lot too. A bid that moves it (soft close) says so in `BidPlaced.ends_at_ms`."""

    kind: ClassVar[str] = "extended"
    ends_at_ms: int
    hard_stop_at_ms: int
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class BidVoided:
    """One bid was removed and the lot restated without it; the first event of a new epoch."""

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
    """Bidding is over. Names the leader, if there is one, whether or not the reserve was met."""

    kind: ClassVar[str] = "closed"
    outcome: str
    price_fen: int
    leader_id: str
    leader_paddle: int
    cause: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class LotVoided:
    """Staff voided the lot."""

    kind: ClassVar[str] = "void"
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Frozen:
    """The ledger's record of the lot is not the archived one, or is damaged: no bid is decided until it is restored."""

    kind: ClassVar[str] = "frozen"
    remaining_ms: int
    cause: str
    """A FreezeCause."""


@dataclass(frozen=True, slots=True)
class Restored:
    """The lot was rebuilt from the archive after a loss: a new epoch, and a seq above every one ever given out.

    The seqs between `archived_seq`, the last archived one, and this one are missing: up to `lost_to_seq` they were
    acknowledged and are lost (0: none is known to be), the others were never given out.
    """

    kind: ClassVar[str] = "restored"
    epoch: int
    seq: int
    archived_seq: int
    lost_to_seq: int
    status: str
    """A LotStatus: paused, or scheduled where bidding had not begun."""
    remaining_ms: int
    reason: str
    by: str


Event = (
    Scheduled
    | Rescheduled
    | Admitted
    | Opened
    | BidPlaced
    | Held
    | Paused
    | Interrupted
    | Resumed
    | Extended
    | BidVoided
    | Closed
    | LotVoided
    | Frozen
    | Restored
    | MaximumSet
)

KINDS: dict[str, type[Event]] = {event.kind: event for event in get_args(Event)}
_TYPES = {kind: [field.type for field in fields(event)] for kind, event in KINDS.items()}


_MADE = "maximum "
"""How the keys of bids begin that a maximum made; a bidder's key has no space."""


def made_key(seq: int, paddle: int) -> str:
    """The key of the bid with that seq, which a maximum made because of a bid with that paddle."""
    return f"{_MADE}{seq} {paddle}"


def is_made_key(key: str) -> bool:
    """Whether a bid with that key was made by a maximum."""
    return key.startswith(_MADE)


def from_row(row: list[Any]) -> Event:
    """An event from the array that a script writes: kind, then the fields in order. ValueError for anything else."""
    kind = KINDS.get(row[0]) if row and isinstance(row[0], str) else None
    if kind is None:
        raise ValueError(f"not an event of the ledger: {row!r}")
    values = row[1:]
    if list(map(type, values)) != _TYPES[kind.kind]:
        raise ValueError(f"a {kind.kind} event has fields {[field.name for field in fields(kind)]}, got {row!r}")
    return kind(*values)


def follows(first_seq: int, events: Sequence[Event], last_seq: int) -> bool:
    """Whether an entry of these events, from `first_seq` on, comes right after `last_seq` in a lot's record.

    Seqs have no holes but the one before a `restored` event.
    """
    return first_seq == last_seq + 1 or (first_seq > last_seq and isinstance(events[0], Restored))
