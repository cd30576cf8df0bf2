"""The frames that gateways send, and their encoding: each is built once, header included, for all who receive it.

After the bid's way. No I/O and no clock: values in, bytes out. Amounts in fen, times in UTC ms by the ledger's clock.
"""

from dataclasses import dataclass
from typing import assert_never

import msgspec

from api.live.protocol import VERSION
from auction.domain.events import (
    Admitted,
    BidPlaced,
    BidVoided,
    Closed,
    Event,
    Extended,
    Frozen,
    Held,
    Interrupted,
    LotVoided,
    MaximumSet,
    Opened,
    PauseCause,
    Paused,
    Rescheduled,
    Restored,
    Resumed,
    Scheduled,
)
from auction.domain.lot import Lot, LotStatus
from auction.domain.pricing import leader_maximum_fen


class Frame(msgspec.Struct, tag_field="type"):
    """A message of the gateway; `type` is its name."""


class HelloFrame(Frame, tag="hello"):
    """The first frame. A connection silent for longer than twice `ping_ms` is dead."""

    now_ms: int
    ping_ms: int
    v: int = VERSION


class LotFrame(Frame):
    """A frame about one lot."""

    lot_id: str


class StateFrame(LotFrame):
    """A lot's whole state, so that any may be skipped. `leader` is a paddle; `price_fen` 0: no bid yet."""

    epoch: int
    seq: int
    status: str
    price_fen: int
    leader: int | None
    bids: int
    minimum_fen: int
    ends_at_ms: int
    remaining_ms: int
    """The time that a paused or held lot has left."""
    now_ms: int
    watchers: int
    reserve_met: bool | None
    """Whether the price has reached the reserve; None without a reserve."""
    outcome: str | None
    """sold, no-bids, reserve-unmet or void; None before the lot has ended."""
    opens_at_ms: int | msgspec.UnsetType = msgspec.UNSET
    """Only where the lot is scheduled."""
    pause_cause: str | msgspec.UnsetType = msgspec.UNSET
    """Only where the lot is paused: staff, or outage."""
    ledger_away: bool | msgspec.UnsetType = msgspec.UNSET
    """Only where it is true: the ledger refuses the lot's shard, and nothing is decided now."""


class SnapFrame(StateFrame, tag="snap"):
    """Replaces everything the client knows of the lot."""


class TickFrame(StateFrame, tag="tick"):
    """The newest state."""


class BidFrame(LotFrame, tag="bid"):
    """Feed mode only: an accepted bid; `amount_fen` is the price it made."""

    seq: int
    prev_seq: int
    """The seq of the feed's frame before this one; a client that has a lower last seq has missed something."""
    paddle: int
    amount_fen: int
    at_ms: int
    leading: bool


class LotEventFrame(LotFrame):
    """An event that every watcher receives, however slow. `ends_at_ms` is the end in force after it."""

    seq: int
    at_ms: int
    ends_at_ms: int


class ExtendedFrame(LotEventFrame, tag="extended"):
    """A late bid (`by_bid`) or staff moved the end."""

    by_bid: bool
    reason: str


class RescheduledFrame(LotEventFrame, tag="rescheduled"):
    """Staff gave a lot that has not opened other times."""

    opens_at_ms: int


class HeldFrame(LotEventFrame, tag="held"):
    """The price reached the review limit; bidding is stopped until staff resume it."""

    remaining_ms: int


class PausedFrame(LotEventFrame, tag="paused"):
    """Staff paused the lot, or (`cause` outage) bids could not be decided shortly before its end."""

    remaining_ms: int
    reason: str
    cause: str = str(PauseCause.STAFF)


class ResumedFrame(LotEventFrame, tag="resumed"):
    """Staff resumed the lot."""


class VoidedFrame(LotEventFrame, tag="voided"):
    """One bid was voided: a new epoch, in which the price may be lower. A `snap` follows."""

    epoch: int
    bid_seq: int
    price_fen: int
    leader: int | None
    reason: str


class RestoredFrame(LotEventFrame, tag="restored"):
    """The lot goes on after a loss, in a new epoch; seqs of `missing` ([first, last]) were lost. A `snap` follows."""

    epoch: int
    remaining_ms: int
    missing: list[tuple[int, int]]


class ClosedFrame(LotEventFrame, tag="closed"):
    """The lot has ended; `status` is closed or void, `outcome` sold, no-bids, reserve-unmet or void."""

    status: str
    outcome: str
    price_fen: int
    leader: int | None
    reason: str


class YouFrame(LotFrame, tag="you"):
    """For one signed-in bidder. `paddle` null: not registered for the lot; `limit_fen` null: no limit."""

    leading: bool
    paddle: int | None
    limit_fen: int | None
    outbid_by: int | msgspec.UnsetType = msgspec.UNSET
    """The paddle that leads since this bidder was outbid."""
    my_maximum_fen: int | msgspec.UnsetType = msgspec.UNSET
    """Only where this bidder leads with one."""


class SyncedFrame(Frame, tag="synced"):
    """The ledger's time when the `sync` arrived (`s1`) and when this was sent (`s2`)."""

    c0: int | float
    s1: int
    s2: int


class AnswerFrame(Frame):
    """The answer to one bid, for the connection that placed it: status and body as over HTTP."""

    lot_id: str
    key: str
    status: int
    body: msgspec.Raw


class PlacedFrame(AnswerFrame, tag="placed"):
    """The bid was accepted, now (`status` 201) or before under the same key (200); the body is its receipt."""


class RefusedFrame(AnswerFrame, tag="refused"):
    """The bid was not accepted; the body is the problem."""


class HeartbeatFrame(LotFrame, tag="hb"):
    """Nothing has changed for a while; `seq` is the lot's last (0: the gateway is still reading it)."""

    now_ms: int
    seq: int
    watchers: int


_encode = msgspec.json.Encoder().encode
_TEXT = 0x81
"""The first byte of an unfragmented text message."""
PING = b"\x89\x00"
"""A WebSocket ping without payload."""


def encode_frame(frame: Frame) -> bytes:
    """A frame as it is sent: an unmasked WebSocket text message with its header."""
    body = _encode(frame)
    size = len(body)
    if size < 126:
        return bytes((_TEXT, size)) + body
    if size < 65536:
        return bytes((_TEXT, 126, size >> 8, size & 0xFF)) + body
    return bytes((_TEXT, 127)) + size.to_bytes(8, "big") + body


def state_frame(
    kind: type[SnapFrame] | type[TickFrame],
    lot_id: str,
    lot: Lot,
    *,
    now_ms: int,
    watchers: int,
    ledger_away: bool = False,
) -> bytes:
    """The encoded `snap` or `tick` of a lot's state."""
    return encode_frame(
        kind(
            lot_id=lot_id,
            epoch=lot.epoch,
            seq=lot.seq,
            status=str(lot.status),
            price_fen=lot.price_fen,
            leader=lot.leader_paddle or None,
            bids=lot.bids,
            minimum_fen=lot.minimum_fen(),
            ends_at_ms=lot.ends_at_ms,
            remaining_ms=lot.remaining_ms,
            now_ms=now_ms,
            watchers=watchers,
            reserve_met=lot.reserve_met,
            outcome=lot.outcome,
            opens_at_ms=lot.opens_at_ms if lot.status is LotStatus.SCHEDULED else msgspec.UNSET,
            pause_cause=lot.pause_cause or msgspec.UNSET,
            ledger_away=ledger_away or msgspec.UNSET,
        )
    )


def you_frame(
    lot_id: str, lot: Lot, bidder_id: str, admitted: tuple[int, int | None] | None, *, was_outbid: bool
) -> bytes:
    """The encoded `you` of one bidder; `admitted` is their paddle and limit in fen."""
    leading = lot.leader_id == bidder_id
    paddle, limit_fen = admitted or (None, None)
    outbid_by = lot.leader_paddle if was_outbid and not leading and lot.leader_paddle else msgspec.UNSET
    maximum_fen = leader_maximum_fen(lot.terms.bidding, price_fen=lot.price_fen, ceiling_fen=lot.ceiling_fen)
    my_maximum_fen = maximum_fen if leading and maximum_fen else msgspec.UNSET
    return encode_frame(YouFrame(lot_id, leading, paddle, limit_fen, outbid_by, my_maximum_fen))


@dataclass(frozen=True, slots=True)
class EventPosition:
    """An event's place: its lot, seq, time and epoch, and the end in force before it."""

    lot_id: str
    seq: int
    at_ms: int
    epoch: int
    ends_before_ms: int


SETS_END = (Scheduled, Rescheduled, Opened, BidPlaced, MaximumSet, Resumed, Extended)
"""Events that contain the end in force after them."""


def end_after(event: Event, ends_before_ms: int, at_ms: int) -> int:
    """The end in force after an event, UTC ms, as `auction.domain.lot.apply` sets it."""
    match event:
        case Scheduled() | Rescheduled() | Opened() | BidPlaced() | MaximumSet() | Resumed() | Extended():
            return event.ends_at_ms
        case Closed() | LotVoided():
            return min(ends_before_ms, at_ms)
        case Admitted() | Held() | Paused() | Interrupted() | BidVoided() | Frozen() | Restored():
            return ends_before_ms
    assert_never(event)


def bid_frame(position: EventPosition, event: BidPlaced, prev_seq: int) -> bytes:
    """The encoded `bid` of an accepted bid."""
    return encode_frame(
        BidFrame(
            lot_id=position.lot_id,
            seq=position.seq,
            prev_seq=prev_seq,
            paddle=event.paddle,
            amount_fen=event.price_fen,
            at_ms=position.at_ms,
            leading=event.leading == 1,
        )
    )


def event_frame(position: EventPosition, event: Event, price_fen: int, leader_paddle: int) -> bytes | None:
    """The encoded frame of an event that every watcher receives, None for other events. Price and leader: after it."""
    ends_at_ms = end_after(event, position.ends_before_ms, position.at_ms)
    lot_id, seq, at_ms = position.lot_id, position.seq, position.at_ms
    leader = leader_paddle or None
    frame: LotEventFrame
    match event:
        case BidPlaced():
            if ends_at_ms <= position.ends_before_ms:
                return None
            frame = ExtendedFrame(lot_id=lot_id, seq=seq, at_ms=at_ms, ends_at_ms=ends_at_ms, by_bid=True, reason="")
        case Extended(reason=reason):
            frame = ExtendedFrame(
                lot_id=lot_id, seq=seq, at_ms=at_ms, ends_at_ms=ends_at_ms, by_bid=False, reason=reason
            )
        case Rescheduled(opens_at_ms=opens_at_ms):
            frame = RescheduledFrame(
                lot_id=lot_id, seq=seq, at_ms=at_ms, ends_at_ms=ends_at_ms, opens_at_ms=opens_at_ms
            )
        case Held(remaining_ms=left):
            frame = HeldFrame(lot_id=lot_id, seq=seq, at_ms=at_ms, ends_at_ms=ends_at_ms, remaining_ms=left)
        case Paused(remaining_ms=left, reason=reason):
            frame = PausedFrame(
                lot_id=lot_id, seq=seq, at_ms=at_ms, ends_at_ms=ends_at_ms, remaining_ms=left, reason=reason
            )
        case Interrupted(remaining_ms=left):
            frame = PausedFrame(
                lot_id=lot_id,
                seq=seq,
                at_ms=at_ms,
                ends_at_ms=ends_at_ms,
                remaining_ms=left,
                reason="",
                cause=str(PauseCause.OUTAGE),
            )
        case Resumed():
            frame = ResumedFrame(lot_id=lot_id, seq=seq, at_ms=at_ms, ends_at_ms=ends_at_ms)
        case BidVoided():
            frame = VoidedFrame(
                lot_id=lot_id,
                seq=seq,
                at_ms=at_ms,
                ends_at_ms=ends_at_ms,
                epoch=position.epoch,
                bid_seq=event.bid_seq,
                price_fen=event.price_fen,
                leader=event.leader_paddle or None,
                reason=event.reason,
            )
        case Restored(archived_seq=archived_seq, lost_to_seq=lost_to_seq):
            lost = [(archived_seq + 1, lost_to_seq)] if lost_to_seq > archived_seq else []
            frame = RestoredFrame(
                lot_id=lot_id,
                seq=seq,
                at_ms=at_ms,
                ends_at_ms=ends_at_ms,
                epoch=event.epoch,
                remaining_ms=event.remaining_ms,
                missing=lost,
            )
        case Closed() | LotVoided():
            closed = isinstance(event, Closed)
            frame = ClosedFrame(
                lot_id=lot_id,
                seq=seq,
                at_ms=at_ms,
                ends_at_ms=ends_at_ms,
                status=str(LotStatus.CLOSED if closed else LotStatus.VOID),
                outcome=event.outcome if isinstance(event, Closed) else event.kind,
                price_fen=price_fen,
                leader=leader,
                reason=event.reason,
            )
        case _:
            return None
    return encode_frame(frame)
