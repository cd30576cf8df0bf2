"""Responses about a loss of the ledger: what it stopped, what was restored, and what bidders claim. Times in UTC ms."""

from typing import Self

from pydantic import BaseModel, Field

from api.schemas.records import RecordResponse
from auction.books.bid_claims import BidClaim
from auction.domain.states import BidStanding, ClaimStatus
from auction.services.recovery.claims import CheckedBid
from auction.services.recovery.report import FrozenLotReport, RecoveryReport, RestoredLotReport


class FrozenLotResponse(RecordResponse):
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
        return cls.of_record(
            found.lot, acknowledged_seq=found.acknowledged_seq, entries_set_aside=found.entries_set_aside
        )


class RestoredLotResponse(RecordResponse):
    """A lot that was restored: it goes on at `seq` in a new epoch."""

    lot_id: str
    at_ms: int
    seq: int
    epoch: int
    lost_first_seq: int | None = Field(description="First seq that was acknowledged and is lost; null: none is known.")
    lost_last_seq: int | None
    settlement_held: bool = Field(description="The lot has ended, and is not settled until staff release it.")
    decided_at_ms: int | None = Field(description="When staff released its settlement; null: they have not.")
    decided_by: str | None
    reason: str | None

    @classmethod
    def of(cls, found: RestoredLotReport) -> Self:
        """The response for a restored lot."""
        first, last = found.lot.lost_seqs or (None, None)
        return cls.of_record(found.lot, lost_first_seq=first, lost_last_seq=last, settlement_held=found.is_held)


class BidClaimResponse(RecordResponse):
    """A bidder's claim that a bid was accepted and lost, proved by its receipt."""

    claim_id: int
    lot_id: str
    seq: int
    bidder_id: str
    amount_fen: int
    at_ms: int = Field(description="When the bid was accepted.")
    claimed_at_ms: int
    status: ClaimStatus
    decided_at_ms: int | None
    decided_by: str | None
    reason: str | None

    @classmethod
    def of(cls, claim: BidClaim) -> Self:
        """The response for a claim."""
        return cls.of_record(claim)


class RecoveryResponse(BaseModel):
    """What is stopped, what was restored, the newest first, and what bidders claim, the open claims first."""

    shards_stopped: list[int] | None = Field(
        description="Shards for which every call is refused; null: unknown while the ledger does not answer."
    )
    lots: list[FrozenLotResponse]
    restored: list[RestoredLotResponse]
    claims: list[BidClaimResponse] = Field(description="At most 500; the CSV has all.")
    claims_open: int = Field(description="How many claims wait for a decision.")
    names: dict[str, str] = Field(description="Id of a bidder or of a member of staff -> name.")

    @classmethod
    def of(cls, report: RecoveryReport) -> Self:
        """The response for a report."""
        return cls(
            shards_stopped=None if report.shards_stopped is None else list(report.shards_stopped),
            lots=[FrozenLotResponse.of(lot) for lot in report.lots],
            restored=[RestoredLotResponse.of(lot) for lot in report.restored],
            claims=[BidClaimResponse.of(claim) for claim in report.claims],
            claims_open=report.claims_open,
            names=dict(report.names),
        )


class OwnClaimResponse(RecordResponse):
    """What became of a bidder's claim."""

    claim_id: int
    status: ClaimStatus
    claimed_at_ms: int
    decided_at_ms: int | None
    reason: str | None = Field(description="Why staff decided so.")


class CheckedBidResponse(BaseModel):
    """Where the bid of a receipt is."""

    lot_id: str
    seq: int
    standing: BidStanding = Field(
        description="stands; voided (by staff); lost: accepted, and lost by a fault; pending: ask again in a while."
    )
    claim: OwnClaimResponse | None = Field(description="Of a bid that is lost.")

    @classmethod
    def of(cls, lot_id: str, seq: int, checked: CheckedBid) -> Self:
        """The response for a bid that was looked for."""
        claim = None if checked.claim is None else OwnClaimResponse.of_record(checked.claim)
        return cls(lot_id=lot_id, seq=seq, standing=checked.standing, claim=claim)
