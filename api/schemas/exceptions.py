"""Responses about what a payment provider told and could not be applied. In fen and UTC ms."""

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, Field

from api.schemas.records import RecordResponse
from auction.books.provider_events import ProviderEvent


class ExceptionResponse(RecordResponse):
    """An event of a provider that a person has to look at."""

    exception_id: int
    provider: str
    event_id: str = Field(description="The provider's id of the event.")
    type: str = Field(
        description="outcome, hold-cancelled, hold-expired, hold-captured, refunded, refund-failed, dispute-inquiry, "
        "dispute-opened, dispute-won, dispute-lost or other-currency."
    )
    ref: str = Field(description="The provider's id of what it is about.")
    payment_ref: str | None = Field(description="The hold or charge of a refund or dispute.")
    operation_id: str | None
    amount_fen: int | None
    lot_id: str | None
    bidder_id: str | None
    received_at_ms: int
    status: str = Field(description="open or closed.")
    reason: str | None = Field(
        description="unmatched, inquiry, other-currency, after-end, amount-differs, refund-under-way, contradicts, "
        "undecided or fault."
    )
    closed_by: str | None
    closed_reason: str | None
    closed_at_ms: int | None

    @classmethod
    def of(cls, event: ProviderEvent) -> Self:
        """The response for an exception."""
        return cls.of_record(event, exception_id=event.event_number)


class ExceptionsResponse(BaseModel):
    """A page of exceptions, the newest first."""

    exceptions: list[ExceptionResponse]
    next_before: int | None = Field(description="Continue with this as `before`; null: there are no more.")

    @classmethod
    def of(cls, found: Sequence[ProviderEvent], *, limit: int) -> Self:
        """The response for `limit` exceptions and perhaps one more."""
        page = found[:limit]
        return cls(
            exceptions=[ExceptionResponse.of(event) for event in page],
            next_before=page[-1].event_number if len(found) > limit else None,
        )
