"""What staff see of one bidder."""

from typing import Self

from pydantic import BaseModel, Field

from auction.services.registration.blocked_bidders import BidderStatus


class BidderResponse(BaseModel):
    """A bidder, and how far their identity is verified."""

    bidder_id: str
    identity_level: int


class BidderStatusResponse(BidderResponse):
    """A bidder with their block, and the running lots that they lead."""

    blocked: bool
    blocked_reason: str | None
    blocked_by: str | None
    blocked_at_ms: int | None
    leads: list[str] = Field(description="Lots that have not ended and that the bidder leads; their bids stand.")

    @classmethod
    def of(cls, status: BidderStatus) -> Self:
        """The response for a bidder."""
        block = status.block
        return cls(
            bidder_id=status.bidder_id,
            identity_level=status.identity_level,
            blocked=block is not None,
            blocked_reason=None if block is None else block.reason,
            blocked_by=None if block is None else block.blocked_by,
            blocked_at_ms=None if block is None else block.blocked_at_ms,
            leads=status.leads,
        )
