"""Acts of staff that wait for a second person."""

from typing import Self

from pydantic import Field

from api.schemas.records import RecordResponse
from auction.books.approvals import Approval


class PendingActResponse(RecordResponse):
    """An act that one person of staff has requested. The same call by another person, who names it, does it."""

    pending_id: int
    act: str = Field(
        description="close-lot, extend-lot, void-bid, void-lot, set-identity, block-bidder or unblock-bidder."
    )
    lot_id: str | None
    subject: str | None = Field(
        description="What of the lot: seq=7, by_ms=60000, moves_hard_stop by_ms=60000; about a bidder: first their id."
    )
    reason: str
    asked_by: str
    asked_at_ms: int
    expires_at_ms: int

    @classmethod
    def of(cls, approval: Approval) -> Self:
        """The response for a request that waits."""
        return cls.of_record(approval, pending_id=approval.approval_id, act=str(approval.action))
