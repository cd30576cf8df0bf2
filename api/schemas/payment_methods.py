"""Requests and responses about the cards that a bidder has saved."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, Field, StringConstraints

from api.schemas.requests import PaymentMethod, RequestModel
from auction.books.saved_methods import SavedMethod
from auction.payments.gateway import CardSetup


class CardSetupResponse(BaseModel):
    """A card that is being saved."""

    setup_id: str
    client_secret: str = Field(description="For the provider's own form on the page.")
    provider: str
    publishable_key: str | None = Field(description="Null: the house shows a form of its own.")

    @classmethod
    def of(cls, setup: CardSetup, *, provider: str, publishable_key: str | None) -> Self:
        """The response for a setup."""
        return cls(
            setup_id=setup.setup_ref,
            client_secret=setup.client_secret,
            provider=provider,
            publishable_key=publishable_key,
        )


class SaveCardRequest(RequestModel):
    """A card that its owner has confirmed."""

    setup_id: Annotated[
        str, StringConstraints(min_length=1, max_length=200, pattern="^[!-~]+$"), Field(examples=["seti_1"])
    ]
    card: PaymentMethod | None = Field(None, description="Of the sandbox: the card that was chosen on the page.")


class PaymentMethodResponse(BaseModel):
    """A card that you have saved."""

    method_id: str = Field(description="Name it in payment_method.")
    brand: str
    last4: str
    exp_month: int | None
    exp_year: int | None
    saved_at_ms: int

    @classmethod
    def of(cls, method: SavedMethod) -> Self:
        """The response for a saved card."""
        return cls(
            method_id=method.method_id,
            brand=method.brand,
            last4=method.last4,
            exp_month=method.exp_month,
            exp_year=method.exp_year,
            saved_at_ms=method.saved_at_ms,
        )


class PaymentMethodsResponse(BaseModel):
    """The cards that you have saved, newest first."""

    payment_methods: list[PaymentMethodResponse]

    @classmethod
    def of(cls, methods: Sequence[SavedMethod]) -> Self:
        """The response for a bidder's cards."""
        return cls(payment_methods=[PaymentMethodResponse.of(method) for method in methods])
