"""Requests and responses of acts on many lots at once."""

from collections.abc import Callable
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, Field

from api.schemas.pending_acts import PendingActResponse
from api.schemas.public import LotResponse
from api.schemas.requests import (
    DurationMs,
    OpenRequest,
    PendingId,
    RequestModel,
    ResumeRequest,
    SeriesTimesRequest,
)
from api.schemas.text import IdReference, Reason
from auction.books.approvals import Approval
from auction.domain.errors import AuctionError
from auction.services.catalogue.bulk_acts import LOTS_MAX, LotOutcome, Target
from auction.services.catalogue.lot_views import LotView


class TargetRequest(RequestModel):
    """A lot to act on."""

    lot_id: IdReference = Field(examples=["launch-001"])
    pending_id: PendingId


def _named_once(lots: list[TargetRequest]) -> list[TargetRequest]:
    named = [lot.lot_id for lot in lots]
    for lot_id in named:
        if named.count(lot_id) > 1:
            raise ValueError(f"lot {lot_id} is named more than once")
    return lots


class BulkRequest(RequestModel):
    """The lots to act on, in the order in which it is done."""

    lots: Annotated[list[TargetRequest], AfterValidator(_named_once)] = Field(min_length=1, max_length=LOTS_MAX)

    def targets(self) -> list[Target]:
        """The lots with their places."""
        return [Target(place, lot.lot_id, lot.pending_id) for place, lot in enumerate(self.lots)]


class BulkScheduleRequest(BulkRequest, SeriesTimesRequest):
    """Opening of the first lot, how long each lasts, and how much later each next one opens."""


class BulkOpenRequest(BulkRequest, OpenRequest):
    """When the lots close that are opened now: a time, or a duration from now."""


class BulkReasonRequest(BulkRequest):
    """Why."""

    reason: Reason = Field(examples=["a fault in the stream"])


class BulkResumeRequest(BulkRequest, ResumeRequest):
    """How the lots resume."""


class BulkExtendRequest(BulkReasonRequest):
    """How much later each of the lots closes."""

    by_ms: DurationMs = Field(examples=[60_000])
    move_hard_stop: bool = Field(
        False, description="Whether each hard stop moves by as much; otherwise no end may pass it."
    )


ProblemContent = Callable[[AuctionError], dict[str, Any]]
"""Gives the members of a problem for an error."""


class LotOutcomeResponse(BaseModel):
    """What became of one lot: exactly one of `lot`, `pending` and `problem` is not null."""

    lot_id: str
    outcome: str = Field(description="done, requested (another person has to do the same) or refused.")
    lot: LotResponse | None = None
    pending: PendingActResponse | None = None
    problem: dict[str, Any] | None = Field(None, description="As the answer to the act on this lot alone would be.")

    @classmethod
    def of(cls, outcome: LotOutcome, problem: ProblemContent) -> Self:
        """The response for one lot."""
        result = outcome.result
        if isinstance(result, LotView):
            return cls(lot_id=outcome.lot_id, outcome="done", lot=LotResponse.of(result, to_staff=True))
        if isinstance(result, Approval):
            return cls(lot_id=outcome.lot_id, outcome="requested", pending=PendingActResponse.of(result))
        return cls(lot_id=outcome.lot_id, outcome="refused", problem=problem(result))


class BulkResponse(BaseModel):
    """What became of each lot, in the order in which they were named."""

    results: list[LotOutcomeResponse]

    @classmethod
    def of(cls, outcomes: list[LotOutcome], problem: ProblemContent) -> Self:
        """The response for these lots."""
        return cls(results=[LotOutcomeResponse.of(one, problem) for one in outcomes])
