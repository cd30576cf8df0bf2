"""Requests and responses about holds and charges that a bidder confirms with their bank. Amounts are in fen."""

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, Field

from api.schemas.requests import RequestModel
from auction.books.operations import Operation
from auction.services.payments.confirmations import OpenedConfirmation


class ConfirmationResponse(BaseModel):
    """A hold or charge of yours, which your card's bank wants you to confirm."""

    confirmation_id: str
    lot_id: str
    award_id: str | None = Field(description="The award that it pays; null: it holds a deposit.")
    deposit_id: str | None = Field(description="The deposit that it holds; null: it pays an award.")
    amount_fen: int
    requires_action: bool = Field(description="Whether you have to confirm it now.")
    confirm_by_ms: int | None = Field(description="Until when; it is cancelled then. Null: you are not asked.")
    status: str = Field(description="intended or pending: not decided; succeeded; failed.")
    failure: str | None = Field(description="Why it failed, as a word.")

    @classmethod
    def of(cls, operation: Operation) -> Self:
        """The response for a hold or charge."""
        return cls(**_fields(operation))

    @classmethod
    def waiting(cls, operation: Operation | None) -> Self | None:
        """The response for a hold or charge while it waits for its card's owner, else None."""
        return None if operation is None or not operation.waits_for_owner else cls.of(operation)


def _fields(operation: Operation) -> dict[str, str | int | bool | None]:
    return {
        "confirmation_id": operation.operation_id,
        "lot_id": operation.lot_id,
        "award_id": operation.award_id,
        "deposit_id": operation.deposit_id,
        "amount_fen": operation.amount_fen,
        "requires_action": operation.waits_for_owner,
        "confirm_by_ms": operation.confirm_by_ms,
        "status": operation.status,
        "failure": operation.failure,
    }


class ConfirmationsResponse(BaseModel):
    """What you are to confirm with your bank, oldest first."""

    now_ms: int
    confirmations: list[ConfirmationResponse]

    @classmethod
    def of(cls, waiting: Sequence[Operation], *, now_ms: int) -> Self:
        """The response for what a bidder is to confirm."""
        return cls(now_ms=now_ms, confirmations=[ConfirmationResponse.of(one) for one in waiting])


class OpenedConfirmationResponse(ConfirmationResponse):
    """A hold or charge, and what the provider's own dialog on the page is opened with."""

    provider: str
    publishable_key: str | None = Field(description="Null: the house shows a form of its own.")
    client_secret: str | None = Field(description="For the provider's own dialog; null: there is nothing to confirm.")

    @classmethod
    def opened(cls, opened: OpenedConfirmation) -> Self:
        """The response for a confirmation that was opened."""
        return cls(
            **_fields(opened.operation),
            provider=opened.operation.provider,
            publishable_key=opened.publishable_key,
            client_secret=opened.client_secret,
        )


class ConfirmationOutcomeRequest(RequestModel):
    """That its owner is through with a confirmation."""

    confirmed: bool | None = Field(None, description="Of the sandbox: what was chosen in the form on the page.")
