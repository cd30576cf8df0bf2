"""Responses about a bidder's own deposits, awards and offers. Amounts are in fen, times in UTC ms."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Self

from pydantic import BaseModel, Field

from api.schemas.confirmations import ConfirmationResponse
from auction.books.operations import Operation
from auction.domain.payment_reference import BankAccount, grouped
from auction.domain.storage import REMIND_MS
from auction.services.registration.registrations import RegistrationOutcome
from auction.services.settlement.bidder_views import OwnAward, OwnDeposit, OwnOffer


class TopUpResponse(BaseModel):
    """An addition to a deposit, and the limit with it. `limit_fen` and `purse_fen` are null where there is none."""

    lot_id: str
    deposit_id: str
    status: str = Field(description="pending, or held.")
    amount_fen: int
    held_fen: int = Field(description="Everything that is held for the lot now.")
    limit_fen: int | None
    purse_fen: int | None
    confirmation: ConfirmationResponse | None = Field(description="What your bank wants you to confirm; null: nothing.")

    @classmethod
    def of(cls, outcome: RegistrationOutcome, unconfirmed: Operation | None) -> Self:
        """The response for a top-up."""
        registration, deposit = outcome.registration, outcome.deposit
        if registration is None or deposit is None:
            raise ValueError("a top-up without registration or deposit")
        return cls(
            lot_id=deposit.lot_id,
            deposit_id=deposit.deposit_id,
            status=deposit.status,
            amount_fen=deposit.amount_fen,
            held_fen=sum(one.left_fen for one in registration.deposits if one.status == "held"),
            limit_fen=registration.limit_fen,
            purse_fen=registration.purse_fen,
            confirmation=ConfirmationResponse.waiting(unconfirmed),
        )


class OwnDepositResponse(BaseModel):
    """One of your deposits, and its state."""

    deposit_id: str
    lot_id: str
    title: str
    policy: str
    method: str = Field(description="authorisation: reserved by the provider; charge: paid.")
    amount_fen: int
    left_fen: int = Field(description="What is left of it: the lots of a sale take their shares out of a purse.")
    part_of: str | None = Field(description="The deposit that this one is a lot's share of; null: it is no share.")
    status: str = Field(
        description="pending, held, failed, releasing, released, applied, forfeited, lapsed, or shared: all of it."
    )
    captured_fen: int | None = Field(description="How much of it has been collected; null: nothing yet.")
    created_at_ms: int
    held_at_ms: int | None
    expires_at_ms: int | None = Field(description="When the provider's authorisation expires.")
    kept_as_runner_up: bool = Field(description="It stays held, as a lot may still be offered to you.")
    ended_at_ms: int | None
    why: str | None = Field(description="Why it was declined, released or forfeited, as a word.")
    confirmation: ConfirmationResponse | None = Field(description="What your bank wants you to confirm; null: nothing.")

    @classmethod
    def of(cls, own: OwnDeposit) -> Self:
        """The response for a deposit."""
        deposit = own.deposit
        return cls(
            deposit_id=deposit.deposit_id,
            lot_id=deposit.lot_id,
            title=own.title,
            policy=deposit.policy,
            method=deposit.method,
            amount_fen=deposit.amount_fen,
            left_fen=deposit.left_fen,
            part_of=deposit.part_of,
            status=deposit.status,
            captured_fen=deposit.captured_fen,
            created_at_ms=deposit.created_at_ms,
            held_at_ms=deposit.held_at_ms,
            expires_at_ms=deposit.expires_at_ms,
            kept_as_runner_up=own.kept_as_runner_up,
            ended_at_ms=deposit.ended_at_ms,
            why=deposit.reason,
            confirmation=ConfirmationResponse.waiting(own.unconfirmed),
        )


class OwnDepositsResponse(BaseModel):
    """Your deposits, newest first."""

    now_ms: int
    deposits: list[OwnDepositResponse]

    @classmethod
    def of(cls, deposits: Sequence[OwnDeposit], *, now_ms: int) -> Self:
        """The response for a bidder's deposits."""
        return cls(now_ms=now_ms, deposits=[OwnDepositResponse.of(deposit) for deposit in deposits])


class BankAccountResponse(BaseModel):
    """Where to transfer to."""

    holder: str
    number: str
    bank: str


class ArrivedTransferResponse(BaseModel):
    """A transfer of yours that has arrived."""

    amount_fen: int
    value_date: str = Field(description="The day that the bank counts it from, as YYYY-MM-DD.")
    at_ms: int


class ReturnedTransferResponse(BaseModel):
    """A transfer of yours that is sent back."""

    amount_fen: int
    status: str = Field(description="asked, sent, confirmed or failed.")


class AwardTransferResponse(BaseModel):
    """How to pay by bank transfer, and what has come of it."""

    payment_reference: str = Field(description="Write this on the transfer; spaces do not matter.")
    account: BankAccountResponse | None = Field(description="Null: transfers are not offered.")
    arrived: list[ArrivedTransferResponse]
    arrived_fen: int
    missing_fen: int = Field(description="What you still have to pay.")
    returned: list[ReturnedTransferResponse]
    extended_until_ms: int | None = Field(description="End of the extension for a transfer on its way.")

    @classmethod
    def of(cls, own: OwnAward, account: BankAccount | None) -> Self:
        """The response for an award."""
        return cls(
            payment_reference=grouped(own.award.payment_reference),
            account=None if account is None else BankAccountResponse(**asdict(account)),
            arrived=[
                ArrivedTransferResponse(amount_fen=one.amount_fen, value_date=one.value_date, at_ms=one.at_ms)
                for one in own.transfers
            ],
            arrived_fen=sum(one.amount_fen for one in own.transfers),
            missing_fen=own.missing_fen,
            returned=[ReturnedTransferResponse(amount_fen=one.amount_fen, status=one.status) for one in own.returns],
            extended_until_ms=own.award.transfer_until_ms,
        )


class AwardResponse(BaseModel):
    """A lot that you bought, and what you have to pay."""

    award_id: str
    lot_id: str
    title: str
    paddle: int
    source: str = Field(description="hammer: you made the highest bid; offer: you accepted an offer.")
    status: str = Field(description="due, paid, settled, defaulted or void.")
    price_fen: int
    fee_fen: int
    total_fen: int
    received_fen: int
    waived_fen: int = Field(description="A rest that was too small to be charged, and is waived.")
    deposit_fen: int = Field(description="How much of it your deposit pays.")
    due_fen: int = Field(description="How much you still have to pay.")
    charges: int = Field(description="In how many charges a card pays that; 0: nothing is to be paid.")
    payment_under_way: bool
    confirmation: ConfirmationResponse | None = Field(description="What your bank wants you to confirm; null: nothing.")
    awarded_at_ms: int
    pay_by_ms: int
    default_at_ms: int = Field(description="End of the grace period; unpaid then, it is a default.")
    cure_until_ms: int | None = Field(
        description="Your deposit could not be collected: pay that part until then. Null: there was no such trouble."
    )
    paid_at_ms: int | None
    delivery_centre: str | None
    delivery_centres: list[str] = Field(description="Where the lot can be collected.")
    fetch_by_ms: int | None = Field(description="Until when you have to fetch a paid lot.")
    remind_from_ms: int | None = Field(description="From when you are reminded of it.")
    storage_fee_fen: int = Field(description="What you owe by now for fetching it late; it grows by each day.")
    settled_at_ms: int | None
    transfer: AwardTransferResponse

    @classmethod
    def of(cls, own: OwnAward, delivery_centres: Sequence[str], account: BankAccount | None) -> Self:
        """The response for an award."""
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
            waived_fen=award.waived_fen,
            charges=own.charges,
            deposit_fen=own.deposit_fen,
            due_fen=own.to_pay_fen,
            payment_under_way=own.payment_under_way,
            confirmation=ConfirmationResponse.waiting(own.unconfirmed),
            awarded_at_ms=award.awarded_at_ms,
            pay_by_ms=award.pay_by_ms,
            default_at_ms=award.default_at_ms,
            cure_until_ms=award.cure_until_ms,
            paid_at_ms=award.paid_at_ms,
            delivery_centre=award.delivery_centre,
            delivery_centres=list(delivery_centres),
            fetch_by_ms=own.fetch_by_ms,
            remind_from_ms=None if own.fetch_by_ms is None else own.fetch_by_ms - REMIND_MS,
            storage_fee_fen=own.storage_fee_fen,
            settled_at_ms=award.settled_at_ms,
            transfer=AwardTransferResponse.of(own, account),
        )


class AwardsResponse(BaseModel):
    """Lots that you bought, newest first."""

    now_ms: int
    awards: list[AwardResponse]

    @classmethod
    def of(
        cls,
        awards: Sequence[OwnAward],
        delivery_centres: Sequence[str],
        account: BankAccount | None,
        *,
        now_ms: int,
    ) -> Self:
        """The response for a bidder's awards."""
        return cls(now_ms=now_ms, awards=[AwardResponse.of(award, delivery_centres, account) for award in awards])


class OfferResponse(BaseModel):
    """A lot that is offered to you because its buyer did not pay."""

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
        """The response for an offer."""
        offer = own.offer
        return cls(
            offer_id=offer.offer_id,
            lot_id=offer.lot_id,
            title=own.title,
            paddle=offer.paddle,
            status=offer.status,
            price_fen=offer.price_fen,
            fee_fen=own.fee_fen,
            own_bid_fen=offer.own_bid_fen,
            offered_at_ms=offer.offered_at_ms,
            expires_at_ms=offer.expires_at_ms,
            answered_at_ms=offer.answered_at_ms,
        )


class OffersResponse(BaseModel):
    """Offers made to you, newest first."""

    now_ms: int
    offers: list[OfferResponse]

    @classmethod
    def of(cls, offers: Sequence[OwnOffer], *, now_ms: int) -> Self:
        """The response for a bidder's offers."""
        return cls(now_ms=now_ms, offers=[OfferResponse.of(offer) for offer in offers])
