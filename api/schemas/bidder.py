"""The bodies of answers about a bidder's own money: deposits, awards, offers. Amounts in fen, times in UTC ms."""

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, Field

from auction.services.registration.registrations import RegistrationOutcome
from auction.services.settlement.bidder_views import OwnAward, OwnDeposit, OwnOffer


class TopUpResponse(BaseModel):
    """A raised deposit and the limit that it gives. `limit_fen` and `purse_fen` null: without."""

    lot_id: str
    deposit_id: str
    status: str = Field(description="pending, or held.")
    amount_fen: int
    held_fen: int = Field(description="All that is held for the lot now.")
    limit_fen: int | None
    purse_fen: int | None

    @classmethod
    def of(cls, asked: RegistrationOutcome) -> Self:
        """What became of a top-up."""
        registration, deposit = asked.registration, asked.deposit
        if registration is None or deposit is None:
            raise ValueError("a top-up without registration or deposit")
        return cls(
            lot_id=deposit.lot_id,
            deposit_id=deposit.deposit_id,
            status=deposit.status,
            amount_fen=deposit.amount_fen,
            held_fen=sum(one.amount_fen for one in registration.deposits if one.status == "held"),
            limit_fen=registration.limit_fen,
            purse_fen=registration.purse_fen,
        )


class OwnDepositResponse(BaseModel):
    """A deposit of yours and where it is."""

    deposit_id: str
    lot_id: str
    title: str
    policy: str
    method: str = Field(description="authorisation: kept aside by the provider; charge: taken.")
    amount_fen: int
    status: str = Field(description="pending, held, failed, releasing, released, applied, forfeited or lapsed.")
    captured_fen: int | None = Field(description="What of it is with the house as money; null: nothing yet.")
    created_at_ms: int
    held_at_ms: int | None
    expires_at_ms: int | None = Field(description="When the provider lets it go by itself.")
    release_by_ms: int | None = Field(description="Until when it is kept, for you may yet be offered the lot.")
    ended_at_ms: int | None
    why: str | None = Field(description="Why it was declined, let go or lost, as a word.")

    @classmethod
    def of(cls, own: OwnDeposit) -> Self:
        """A deposit of the books."""
        deposit = own.deposit
        same = cls.model_fields.keys() - {"title", "why"}
        return cls(title=own.title, why=deposit.reason, **{name: getattr(deposit, name) for name in same})


class OwnDepositsResponse(BaseModel):
    """Your deposits, newest first."""

    now_ms: int
    deposits: list[OwnDepositResponse]


class AwardResponse(BaseModel):
    """A lot you won, and what is to be paid."""

    award_id: str
    lot_id: str
    title: str
    paddle: int
    source: str = Field(description="hammer, or offer.")
    status: str = Field(description="due, paid, settled, defaulted or void.")
    price_fen: int
    fee_fen: int
    total_fen: int
    received_fen: int
    deposit_fen: int = Field(description="What your deposit will pay.")
    due_fen: int = Field(description="What you are still to pay yourself.")
    payment_under_way: bool
    awarded_at_ms: int
    pay_by_ms: int
    default_at_ms: int = Field(description="The end of the grace: then it is a default.")
    paid_at_ms: int | None
    delivery_centre: str | None
    delivery_centres: list[str] = Field(description="Where it can be fetched.")
    settled_at_ms: int | None

    @classmethod
    def of(cls, own: OwnAward, centres: Sequence[str]) -> Self:
        """An award of the books."""
        award = own.award
        return cls(
            award_id=award.award_id,
            lot_id=award.lot_id,
            title=own.title,
            paddle=award.paddle,
            source=award.source,
            status=award.status,
            price_fen=award.price_fen,
            fee_fen=award.fee_fen,
            total_fen=award.total_fen,
            received_fen=award.received_fen,
            deposit_fen=own.deposit_fen,
            due_fen=own.to_pay_fen,
            payment_under_way=own.payment_under_way,
            awarded_at_ms=award.awarded_at_ms,
            pay_by_ms=award.pay_by_ms,
            default_at_ms=award.default_at_ms,
            paid_at_ms=award.paid_at_ms,
            delivery_centre=award.delivery_centre,
            delivery_centres=list(centres),
            settled_at_ms=award.settled_at_ms,
        )


class AwardsResponse(BaseModel):
    """Lots you won, newest first."""

    now_ms: int
    awards: list[AwardResponse]


class OfferResponse(BaseModel):
    """A lot offered to you because its winner did not pay."""

    offer_id: str
    lot_id: str
    title: str
    paddle: int
    status: str = Field(description="open, accepted, declined, lapsed or withdrawn.")
    price_fen: int
    fee_fen: int
    own_bid_fen: int
    offered_at_ms: int
    expires_at_ms: int
    answered_at_ms: int | None

    @classmethod
    def of(cls, own: OwnOffer) -> Self:
        """An offer of the books."""
        offer = own.offer
        more = {"title": own.title, "fee_fen": own.fee_fen}
        return cls(**more, **{name: getattr(offer, name) for name in cls.model_fields if name not in more})


class OffersResponse(BaseModel):
    """Offers made to you, newest first."""

    now_ms: int
    offers: list[OfferResponse]
