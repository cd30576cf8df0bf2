"""What happens on a lot, for staff: bids and prices over time, registrations, and who bids most."""

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, Field

from api.schemas.records import RecordResponse
from auction.books.lot_activity import BidderActivity
from auction.services.catalogue.lot_activity import LotActivity


class ActivityPartResponse(RecordResponse):
    """The bids of a part of the time."""

    at_ms: int
    bids: int
    price_fen: int | None = Field(description="After the last bid of the part that stands; null: none stands.")


class LotActivityResponse(BaseModel):
    """A lot's bids by parts of `width_ms`, earliest first, without empty parts; and its registrations."""

    width_ms: int
    parts: list[ActivityPartResponse]
    registrations: int
    recent_registrations: int = Field(description="Of the last minute.")
    last_registration_at_ms: int | None
    refusals: dict[str, int] = Field(description="Code -> bids that were refused with it, most frequent first.")

    @classmethod
    def of(cls, activity: LotActivity) -> Self:
        """The response for a lot."""
        registered = activity.registrations
        return cls(
            width_ms=activity.bids.width_ms,
            parts=[ActivityPartResponse.of_record(part) for part in activity.bids.parts],
            registrations=registered.total,
            recent_registrations=registered.recent,
            last_registration_at_ms=registered.last_at_ms,
            refusals=dict(activity.refusals),
        )


class TopBidderResponse(RecordResponse):
    """A bidder on a lot."""

    bidder_id: str
    name: str
    paddle: int
    bids: int
    best_fen: int | None = Field(description="The highest price that a bid of theirs made and that stands.")
    last_at_ms: int
    blocked: bool = Field(description="By staff: they may not register nor bid until they are unblocked.")


class TopBiddersResponse(BaseModel):
    """The first bidders of a lot, highest first."""

    bidders: list[TopBidderResponse]

    @classmethod
    def of(cls, found: Sequence[BidderActivity]) -> Self:
        """The response for these bidders."""
        return cls(bidders=[TopBidderResponse.of_record(one) for one in found])
