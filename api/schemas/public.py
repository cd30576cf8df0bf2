"""Responses of public routes and of registrations. Amounts are in fen, times in UTC ms, durations in ms."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, WithJsonSchema

from api.schemas.confirmations import ConfirmationResponse
from api.schemas.requests import TERMS_FIELDS
from auction.books.bidders import Registration
from auction.books.catalogue import Sale
from auction.books.deposits import Deposit
from auction.books.operations import Operation
from auction.services.catalogue.lot_views import BidPage, BidView, LotView, SalePage, SaleView
from auction.services.catalogue.published_ledger import OpeningPage
from auction.services.verification.readiness import OK, Readiness

TermsResponse = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "description": "The terms that bidders accept. Only staff see `reserve_fen`.",
            "properties": {**TERMS_FIELDS, "reserve_fen": {"type": ["integer", "null"]}},
            "required": list(TERMS_FIELDS),
            "additionalProperties": True,
        }
    ),
]


class BidAcceptedResponse(BaseModel):
    """An accepted bid. A retry with the same key gets exactly the same response."""

    lot_id: str
    seq: int
    amount_fen: int
    price_fen: int = Field(description="The price after this bid.")
    minimum_fen: int = Field(description="The lowest bid that another bidder could make after this one.")
    leading: bool
    ends_at_ms: int
    at_ms: int
    at_seq: int
    paddle: int
    receipt: str = Field(description="What the house signed of this bid, for whoever has its public keys.")


class LotResponse(BaseModel):
    """A lot at `now_ms` by the ledger's clock. `leader` is a paddle number; `price_fen` is 0 before the first bid."""

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
    remaining_ms: int = Field(description="Time left once a paused or held lot resumes.")
    review_above_fen: int | None
    now_ms: int
    minimum_fen: int
    watchers: int
    reserve_met: bool | None = Field(description="Whether the price has reached the reserve; null without a reserve.")
    pause_cause: str | None = Field(
        description="Why a paused lot is paused: staff, or outage (bids could not be decided shortly before its end)."
    )
    ledger_away: bool = Field(
        description="The ledger of this lot is being recovered: what is shown is archived, and nothing is decided now."
    )
    outcome: str | None = Field(description="How it ended: sold, no-bids, reserve-unmet or void; null before the end.")
    settlement: str | None = Field(description="State of a closed lot: awarded, paid, relisted, ...")
    award_paddle: int | None = Field(
        description="Paddle of the buyer under the current award: the winner, or a runner-up."
    )
    award_price_fen: int | None
    relisted_as: str | None = Field(description="The lot that replaces this one after its buyer did not pay.")
    relisted_from: str | None
    my_maximum_fen: int | None = Field(
        description="Your own maximum, where you lead with one: the lot bids for you up to it."
    )
    my_paddle: int | None = Field(
        description="Only for a bidder registered for a lot that has closed, like all that follow."
    )
    my_award_status: str | None = Field(description="due, paid, settled, defaulted or void; null: you have no award.")
    my_award_source: str | None = Field(description="hammer, or offer.")
    my_offer_status: str | None = Field(
        description="open, accepted, declined, lapsed or withdrawn; null: you have no offer."
    )
    my_deposit_status: str | None = Field(description="held, releasing, released, applied, forfeited, ...")

    @classmethod
    def of(cls, view: LotView, *, to_staff: bool) -> Self:
        """The response for staff, or for the public."""
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
            pause_cause=view.pause_cause,
            ledger_away=view.ledger_away,
            outcome=view.outcome,
            settlement=view.settlement,
            award_paddle=view.award_paddle,
            award_price_fen=view.award_price_fen,
            relisted_as=view.relisted_as,
            relisted_from=record.relisted_from,
            my_maximum_fen=view.my_maximum_fen,
            my_paddle=result and result.paddle,
            my_award_status=result and result.award_status,
            my_award_source=result and result.award_source,
            my_offer_status=result and result.offer_status,
            my_deposit_status=result and result.deposit_status,
        )


class SaleResponse(BaseModel):
    """A sale and its lots, in the order of their numbers."""

    sale_id: str
    title: str
    lots: list[LotResponse]
    next_after_number: int | None = Field(description="Where the sale's lots go on; null: these are the last.")

    @classmethod
    def of(cls, view: SaleView, *, to_staff: bool) -> Self:
        """The response for staff, or for the public."""
        return cls(
            sale_id=view.sale_id,
            title=view.title,
            lots=[LotResponse.of(lot, to_staff=to_staff) for lot in view.lots],
            next_after_number=view.next_after_number,
        )


class SalesResponse(BaseModel):
    """A page of sales, newest first."""

    sales: list[SaleResponse]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null: these are the last.")

    @classmethod
    def of(cls, page: SalePage, *, to_staff: bool) -> Self:
        """The response for staff, or for the public."""
        return cls(
            sales=[SaleResponse.of(view, to_staff=to_staff) for view in page.sales], next_cursor=page.next_cursor
        )


class SaleCreatedResponse(BaseModel):
    """A sale that was created."""

    sale_id: str
    title: str

    @classmethod
    def of(cls, sale: Sale) -> Self:
        """The response to its creation."""
        return cls(sale_id=sale.sale_id, title=sale.title)


class BidResponse(BaseModel):
    """An accepted bid. In proxy lots, `amount_fen` is the price after the bid, never the bidder's maximum."""

    seq: int
    paddle: int
    amount_fen: int
    at_ms: int
    leading: bool = Field(description="Whether it was the leading bid when it was accepted.")
    voided: bool

    @classmethod
    def of(cls, bid: BidView) -> Self:
        """The response for a bid."""
        return cls(
            seq=bid.seq,
            paddle=bid.paddle,
            amount_fen=bid.amount_fen,
            at_ms=bid.at_ms,
            leading=bid.leading,
            voided=bid.voided,
        )


class BidsResponse(BaseModel):
    """A page of a lot's bids, oldest first. `next_after_seq` null: the last page."""

    bids: list[BidResponse]
    next_after_seq: int | None

    @classmethod
    def of(cls, page: BidPage) -> Self:
        """The response for a page of bids."""
        return cls(bids=[BidResponse.of(bid) for bid in page.bids], next_after_seq=page.next_after_seq)


class DepositResponse(BaseModel):
    """The bidder's deposit for the lot."""

    deposit_id: str | None = Field(description="Null where the lot requires none.")
    status: str = Field(
        description="none, pending, held, failed, releasing, released, applied, forfeited, lapsed or shared."
    )
    held_fen: int = Field(description="Held now, with top-ups.")

    @classmethod
    def of(cls, deposits: Sequence[Deposit]) -> Self:
        """The response for all deposits of a bidder for a lot: about the first that is held, else about the last."""
        if not deposits:
            return cls(deposit_id=None, status="none", held_fen=0)
        held = [deposit for deposit in deposits if deposit.status == "held"]
        representative = held[0] if held else deposits[-1]
        held_fen = sum(deposit.left_fen for deposit in held)
        return cls(deposit_id=representative.deposit_id, status=representative.status, held_fen=held_fen)


class RegistrationResponse(BaseModel):
    """A bidder's registration for a lot. `limit_fen` and `purse_fen` are null where there is no such limit."""

    lot_id: str
    paddle: int | None = Field(description="Null while the payment provider has not decided on the deposit.")
    limit_fen: int | None
    purse_fen: int | None = Field(
        description="The most that the lots of the sale which the bidder leads, or has won and not paid, may add up to."
    )
    deposit: DepositResponse
    confirmation: ConfirmationResponse | None = Field(
        None, description="What your bank wants you to confirm before the deposit is held; null: nothing."
    )

    @classmethod
    def of(cls, registration: Registration) -> Self:
        """The response for a registration."""
        return cls(
            lot_id=registration.lot_id,
            paddle=registration.paddle,
            limit_fen=registration.limit_fen,
            purse_fen=registration.purse_fen,
            deposit=DepositResponse.of(registration.deposits),
        )

    @classmethod
    def pending(cls, lot_id: str, deposit: Deposit | None, unconfirmed: Operation | None) -> Self:
        """The response while the payment provider has not decided on the deposit: bids are not accepted yet."""
        return cls(
            lot_id=lot_id,
            paddle=None,
            limit_fen=0,
            purse_fen=None,
            deposit=DepositResponse.of([] if deposit is None else [deposit]),
            confirmation=ConfirmationResponse.waiting(unconfirmed),
        )


class RegistrationsResponse(BaseModel):
    """A bidder's own registrations, newest first."""

    registrations: list[RegistrationResponse]

    @classmethod
    def of(cls, registrations: Sequence[Registration]) -> Self:
        """The response for a bidder's registrations."""
        return cls(registrations=[RegistrationResponse.of(registration) for registration in registrations])


class ConfigResponse(BaseModel):
    """What pages need before anything else."""

    live_url: str | None
    now_ms: int
    currency: str
    currency_exponent: int = Field(
        description="How many decimals it has; amounts are whole minor units, named *_fen whatever the currency."
    )
    locale: str
    payment_provider: str = Field(description="The provider in use, such as stripe.")
    delivery_centres: list[str] = Field(description="Where a paid lot can be collected.")
    two_persons: bool = Field(description="Whether voiding a bid, closing early and extending need two staff members.")


class SigningKey(BaseModel):
    """A public key as a JWK (RFC 8037)."""

    kty: str = Field(examples=["OKP"])
    crv: str = Field(examples=["Ed25519"])
    alg: str = Field(examples=["EdDSA"])
    use: str = Field(examples=["sig"])
    kid: str = Field(description="The first 16 characters of the key's thumbprint (RFC 7638).")
    x: str = Field(description="The 32 bytes of the key, base64url.")
    from_ms: int = Field(description="What happened from then on is signed with it, UTC ms.")
    until_ms: int | None = Field(description="From when the next key signs; null: it is the newest.")


class SigningKeysResponse(BaseModel):
    """The public keys of the house, oldest first."""

    keys: list[SigningKey]


class HealthzResponse(BaseModel):
    """The process is running."""

    status: str


class ReadyzResponse(BaseModel):
    """Whether bids can be taken and archived. Each part: "ok", or what is wrong with it.

    `processes` names those of this host that keep ending; `ready` depends neither on it nor on `ledger_memory` nor on
    `lots_frozen`. `shards_stopped` and `lots_frozen`: what waits for `auction restore` after a loss of the ledger.
    """

    ready: bool
    ledger: str
    books: str
    migrations: str
    ledger_memory: str
    shards_stopped: list[int]
    lots_frozen: list[str]
    processes: str

    @classmethod
    def of(cls, readiness: Readiness, *, failing: Sequence[str]) -> Self:
        """The response for a check, and the processes that keep ending."""
        return cls(
            ready=readiness.ready,
            ledger=readiness.ledger,
            books=readiness.books,
            migrations=readiness.migrations,
            ledger_memory=readiness.ledger_memory,
            shards_stopped=list(readiness.shards_stopped),
            lots_frozen=list(readiness.lots_frozen),
            processes=f"keeps ending and is started again: {', '.join(failing)}" if failing else OK,
        )


class OpeningResponse(BaseModel):
    """Opens the commitment to one bid: it is SHA-256 over the salt's bytes and the text `private` in UTF-8."""

    seq: int
    salt: str = Field(description="16 bytes, hex.")
    private: str = Field(description="JSON of what was committed to: `bidder_id`, `amount_fen`, `key`.")


class OpeningsResponse(BaseModel):
    """Openings by seq; `next_after_seq` continues after the last, null where there were no more."""

    openings: list[OpeningResponse]
    next_after_seq: int | None

    @classmethod
    def of(cls, page: OpeningPage) -> Self:
        """The response."""
        return cls(
            openings=[OpeningResponse(seq=one.seq, salt=one.salt.hex(), private=one.private) for one in page.openings],
            next_after_seq=page.next_after_seq,
        )
