"""Freezing a lot whose record is not sound, and restoring it: the executable specification of the scripts for both.

Beside the bid's way. Source: promises, "Honest recovery".
"""

from dataclasses import dataclass

from auction.domain.events import FreezeCause, Frozen, Restored
from auction.domain.lot import ADMITTING, WRONG_STATUS, Action, Lot, LotStatus, NotAllowed


def freeze(lot: Lot, now_ms: int, cause: FreezeCause) -> Action:
    """Stop a lot whose record is not sound: nothing is decided, and its end does not come, until it is restored."""
    if lot.status is LotStatus.FROZEN:
        return ()
    if lot.status not in ADMITTING:
        return NotAllowed(WRONG_STATUS, lot.status)
    remaining_ms = max(0, lot.ends_at_ms - now_ms) if lot.status is LotStatus.OPEN else lot.remaining_ms
    return (Frozen(remaining_ms, str(cause)),)


SEQ_STEP = 1_000_000
"""A restored lot goes on at a multiple of this, so that no seq is given out twice."""


@dataclass(frozen=True, slots=True)
class HighMark:
    """The highest epoch and seq of a lot that are known from anywhere: archive, acknowledged bids, the ledger."""

    epoch: int
    seq: int


def restore(lot: Lot, highest: HighMark, last_sign_ms: int, *, reason: str, by: str) -> Restored | None:
    """Go on after a loss with what the archive folds to: a new epoch, and a seq above every one ever given out.

    A lot that had opened is paused with the time that it had left at `last_sign_ms` (UTC ms), its last known event.
    None: the lot is over, and nothing can follow.
    """
    if lot.status not in (*ADMITTING, LotStatus.FROZEN):
        return None
    has_opened = lot.status is not LotStatus.SCHEDULED and (lot.status is not LotStatus.FROZEN or lot.stopped_at_ms > 0)
    remaining_ms = max(0, lot.ends_at_ms - last_sign_ms) if lot.status is LotStatus.OPEN else lot.remaining_ms
    seq = (max(lot.seq, highest.seq) // SEQ_STEP + 1) * SEQ_STEP
    return Restored(
        epoch=max(lot.epoch, highest.epoch) + 1,
        seq=seq,
        archived_seq=lot.seq,
        lost_to_seq=highest.seq if highest.seq > lot.seq else 0,
        status=str(LotStatus.PAUSED if has_opened else LotStatus.SCHEDULED),
        remaining_ms=remaining_ms,
        reason=reason,
        by=by,
    )
