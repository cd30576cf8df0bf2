"""The bodies of answers, as in the public surface. Amounts in fen, times in UTC ms, durations in ms."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from api.schemas.requests import TERMS_FIELDS
from auction.books.bidders import Registration
from auction.books.deposits import Deposit
from auction.services.catalogue.lot_views import BidPage, LotView, SaleView

TermsResponse = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "description": "What bidders agree to. `reserve_fen` is there for staff only.",
            "properties": {**TERMS_FIELDS, "reserve_fen": {"type": ["integer", "null"]}},
            "required": list(TERMS_FIELDS),
            "additionalProperties": True,
        }
    ),
]


class BidAcceptedResponse(BaseModel):
    """An accepted bid; a retry with the same key gets the same bytes."""

    lot_id: str
    seq: int
    amount_fen: int
    price_fen: int = Field(description="The price after this bid.")
    minimum_fen: int = Field(description="The least another bidder could offer after this bid.")
    leading: bool
    ends_at_ms: int
    at_ms: int
    at_seq: int
    paddle: int
    receipt: str = Field(description="The house's signature over lot, seq, bidder, amount and time.")


class LotResponse(BaseModel):
    """A lot as it stands at `now_ms`, by the ledger's clock. `leader` is a paddle; `price_fen` 0: no bid yet."""

    lot_id: str
    sale_id: str
    title: str
    status: str
    terms: TermsResponse
    list_price_fen: int | None
    preset: str | None
    price_fen: int
    leader: int | None
    bids: int
    seq: int
    epoch: int
    opens_at_ms: int | None
    ends_at_ms: int | None
    remaining_ms: int = Field(description="Time left when a paused or held lot goes on.")
    review_above_fen: int | None
    now_ms: int
    minimum_fen: int
    watchers: int
    reserve_met: bool | None = Field(description="Whether the price has reached the reserve; null without a reserve.")
    outcome: str | None = Field(description="How it ended: sold, no-bids, reserve-unmet or void; null before the end.")
    settlement: str | None = Field(description="Where a closed lot stands: awarded, paid, relisted, ...")
    award_paddle: int | None = Field(description="Who holds the award in force: the winner, or a runner-up.")
    award_price_fen: int | None
    relisted_as: str | None = Field(description="The lot that is sold in its place, where its buyer did not pay.")
    relisted_from: str | None
    my_paddle: int | None = Field(description="To a bidder registered for a lot that has ended, as all of `my_*`.")
    my_award_status: str | None = Field(description="due, paid, settled, defaulted or void; null: never won by you.")
    my_award_source: str | None = Field(description="hammer, or offer.")
    my_offer_status: str | None = Field(description="open, accepted, declined, lapsed or withdrawn; null: no offer.")
    my_deposit_status: str | None = Field(description="held, releasing, released, applied, forfeited, ...")

    @classmethod
    def of(cls, view: LotView, *, to_staff: bool) -> Self:
        """The view as staff or the public may see it."""
        record, result = view.record, view.result
        terms = {name: term for name, term in record.terms.items() if to_staff or name != "reserve_fen"}
        return cls(
            lot_id=record.lot_id,
            sale_id=record.sale_id,
            title=record.title,
            status=view.status,
            terms=terms,
            list_price_fen=record.list_price_fen,
            preset=record.preset,
            price_fen=view.price_fen,
            leader=view.leader,
            bids=view.bids,
            seq=view.seq,
            epoch=view.epoch,
            opens_at_ms=view.opens_at_ms,
            ends_at_ms=view.ends_at_ms,
            remaining_ms=view.remaining_ms,
            review_above_fen=view.review_above_fen,
            now_ms=view.now_ms,
            minimum_fen=view.minimum_fen,
            watchers=view.watchers,
            reserve_met=view.reserve_met,
            outcome=view.outcome,
            settlement=view.settlement,
            award_paddle=view.award_paddle,
            award_price_fen=view.award_price_fen,
            relisted_as=view.relisted_as,
            relisted_from=record.relisted_from,
            my_paddle=result and result.paddle,
            my_award_status=result and result.award_status,
            my_award_source=result and result.award_source,
            my_offer_status=result and result.offer_status,
            my_deposit_status=result and result.deposit_status,
        )


class SaleResponse(BaseModel):
    """A sale and its lots, by number."""

    sale_id: str
    title: str
    lots: list[LotResponse]

    @classmethod
    def of(cls, view: SaleView, *, to_staff: bool) -> Self:
        """The view as staff or the public may see it."""
        return cls(
            sale_id=view.sale_id, title=view.title, lots=[LotResponse.of(lot, to_staff=to_staff) for lot in view.lots]
        )


class SalesResponse(BaseModel):
    """Every sale, newest first."""

    sales: list[SaleResponse]


class SaleCreatedResponse(BaseModel):
    """A new sale."""

    sale_id: str
    title: str


class BidResponse(BaseModel):
    """An accepted bid as the public sees it; `amount_fen` is the price it made, never a maximum."""

    model_config = ConfigDict(from_attributes=True)

    seq: int
    paddle: int
    amount_fen: int
    at_ms: int
    leading: bool = Field(description="Whether it led when it came.")
    voided: bool


class BidsResponse(BaseModel):
    """A lot's bids, oldest first; `next_after_seq` null: there are no more."""

    bids: list[BidResponse]
    next_after_seq: int | None

    @classmethod
    def of(cls, page: BidPage) -> Self:
        """A page of bids."""
        return cls(bids=[BidResponse.model_validate(bid) for bid in page.bids], next_after_seq=page.next_after_seq)


class DepositResponse(BaseModel):
    """What the bidder put down for the lot."""

    deposit_id: str | None = Field(description="Null where the lot asks for none.")
    status: str = Field(description="none, pending, held, failed, releasing, released, applied, forfeited or lapsed.")
    held_fen: int = Field(description="What is held now, top-ups counted.")

    @classmethod
    def of(cls, deposits: Sequence[Deposit]) -> Self:
        """The deposits of the books, the one that tells most: of the last, unless an earlier one is still held."""
        if not deposits:
            return cls(deposit_id=None, status="none", held_fen=0)
        held = [deposit for deposit in deposits if deposit.status == "held"]
        shown = held[0] if held else deposits[-1]
        held_fen = sum(deposit.amount_fen for deposit in held)
        return cls(deposit_id=shown.deposit_id, status=shown.status, held_fen=held_fen)


class RegistrationResponse(BaseModel):
    """A bidder's right to bid on a lot. `limit_fen` and `purse_fen` null: without."""

    lot_id: str
    paddle: int | None = Field(description="Null while the payment provider has not decided on the deposit.")
    limit_fen: int | None
    purse_fen: int | None = Field(description="What leading bids on all lots of the sale may come to together.")
    deposit: DepositResponse

    @classmethod
    def of(cls, registration: Registration) -> Self:
        """A registration of the books."""
        return cls(
            lot_id=registration.lot_id,
            paddle=registration.paddle,
            limit_fen=registration.limit_fen,
            purse_fen=registration.purse_fen,
            deposit=DepositResponse.of(registration.deposits),
        )

    @classmethod
    def waiting(cls, lot_id: str, deposit: Deposit | None) -> Self:
        """A registration that waits for its deposit: nothing may be bid yet."""
        return cls(
            lot_id=lot_id,
            paddle=None,
            limit_fen=0,
            purse_fen=None,
            deposit=DepositResponse.of([] if deposit is None else [deposit]),
        )


class RegistrationsResponse(BaseModel):
    """A bidder's own registrations, newest first."""

    registrations: list[RegistrationResponse]


class ConfigResponse(BaseModel):
    """What a page needs to know of the house."""

    live_url: str | None
    now_ms: int
    currency: str
    locale: str
    payment_provider: str = Field(description="sandbox, or stripe.")
    delivery_centres: list[str] = Field(description="Where a lot that was paid can be fetched.")


class HealthzResponse(BaseModel):
    """The process answers."""

    status: str


class ReadyzResponse(BaseModel):
    """Each part: "ok", or what is wrong with it."""

    ready: bool
    ledger: str
    books: str
    migrations: str
