"""Responses of `GET /ops/recovery`: what a loss of the ledger has stopped, and what was restored. Times in UTC ms."""

from typing import Self

from pydantic import BaseModel, Field

from auction.services.recovery.report import FrozenLotReport, RecoveryReport, RestoredLotReport


class FrozenLotResponse(BaseModel):
    """A frozen lot: no bid on it is decided and it does not end until it is restored (`auction restore --lot ID`)."""

    lot_id: str
    cause: str = Field(description="forked, incomplete, damaged or behind.")
    detail: str = Field(description="What was found, in a sentence.")
    found_at_ms: int
    archived_seq: int = Field(description="The last seq of the archived record when it was found; 0: not looked up.")
    acknowledged_seq: int | None = Field(description="The last seq acknowledged to anybody; null: none is known.")
    entries_set_aside: int = Field(description="Stream entries that were kept out of the archive.")
    entered_at_ms: int | None = Field(description="When the ledger stopped the lot; null: it has not answered yet.")

    @classmethod
    def of(cls, found: FrozenLotReport) -> Self:
        """The response for a frozen lot."""
        lot = found.lot
        return cls(
            lot_id=lot.lot_id,
            cause=str(lot.cause),
            detail=lot.detail,
            found_at_ms=lot.found_at_ms,
            archived_seq=lot.archived_seq,
            acknowledged_seq=found.acknowledged_seq,
            entries_set_aside=found.entries_set_aside,
            entered_at_ms=lot.entered_at_ms,
        )


class RestoredLotResponse(BaseModel):
    """A lot that was restored: it goes on at `seq` in a new epoch."""

    lot_id: str
    at_ms: int
    seq: int
    epoch: int
    lost_first_seq: int | None = Field(description="First seq that was acknowledged and is lost; null: none is known.")
    lost_last_seq: int | None

    @classmethod
    def of(cls, found: RestoredLotReport) -> Self:
        """The response for a restored lot."""
        return cls(
            lot_id=found.lot_id,
            at_ms=found.at_ms,
            seq=found.seq,
            epoch=found.epoch,
            lost_first_seq=found.lost_first_seq,
            lost_last_seq=found.lost_last_seq,
        )


class RecoveryResponse(BaseModel):
    """What is stopped, and what was restored, the newest first."""

    shards_stopped: list[int] | None = Field(
        description="Shards for which every call is refused; null: unknown while the ledger does not answer."
    )
    lots: list[FrozenLotResponse]
    restored: list[RestoredLotResponse]

    @classmethod
    def of(cls, report: RecoveryReport) -> Self:
        """The response for a report."""
        return cls(
            shards_stopped=None if report.shards_stopped is None else list(report.shards_stopped),
            lots=[FrozenLotResponse.of(lot) for lot in report.lots],
            restored=[RestoredLotResponse.of(lot) for lot in report.restored],
        )
