"""Request bodies. Amounts are in fen, times in UTC ms, durations in ms.

Validation is strict: unknown fields are refused, a number is not accepted as text nor text as a number.
"""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from api.schemas.text import (
    DeliveryCentre,
    IdReference,
    Name,
    NewSaleId,
    Password,
    Reason,
    SignInCode,
    Title,
    Username,
    VerifiedIdentity,
)
from auction.domain.money import FEN_MAX, FEN_MIN
from auction.domain.terms_reader import MS_MAX
from auction.services.catalogue.lot_series import NUMBER_PLACE, SERIES_LOTS_MAX

AT_MS_MIN = 946_684_800_000
"""2000-01-01: anything earlier is a mistake in the unit."""
AT_MS_MAX = 4_102_444_800_000
"""2100-01-01."""
SEQ_MAX = 2**53 - 1

_TERMS_EXAMPLE: dict[str, Any] = {
    "bidding": "direct",
    "start_price_fen": 100,
    "increments": [{"from_fen": 0, "step_fen": 100}],
    "soft_close": {"window_ms": 300_000, "extension_ms": 300_000, "hard_stop_ms": None},
    "deposit": {"policy": "flat", "amount_fen": 10_000},
}
_SETTLEMENT = (
    "payment_window_ms, grace_ms, buyer_fee_bps, seller_commission_bps; default_liability (deposit_only, shortfall, "
    "percent) and percent_bps; waterfall (cost, gap, commission in the order a forfeited deposit pays them), rest_to "
    "(house, seller); resale_window_ms (without a resale by then no gap is proven), reauction_cost_fen; "
    "decision_window_ms (time of staff after a default), cure_ms (time of a winner whose deposit could not be "
    "collected); handover_window_ms (how long after the payment a lot is to be fetched), storage_fee_fen (for each day "
    "that begins after it); cascade (depth, price, "
    "floor_percent, floor_fen, offer_window_ms); when_exhausted (relist, unsold)."
)
TERMS_FIELDS: dict[str, Any] = {
    "bidding": {"type": "string", "enum": ["direct", "proxy"]},
    "start_price_fen": {"type": "integer"},
    "increments": {"type": "array", "items": {"type": "object"}},
    "on_grid": {"type": "boolean"},
    "auto_bids": {
        "type": "boolean",
        "description": "Whether bidders of a direct lot may set a maximum up to which the lot bids for them.",
    },
    "max_jump": {"type": ["object", "null"]},
    "cap_fen": {"type": ["integer", "null"]},
    "review_above_fen": {"type": ["integer", "null"]},
    "soft_close": {"type": ["object", "null"]},
    "deposit": {"type": "object"},
    "settlement": {"type": "object", "description": _SETTLEMENT},
}

Fen = Annotated[int, Field(ge=FEN_MIN, le=FEN_MAX)]
AtMs = Annotated[int, Field(ge=AT_MS_MIN, le=AT_MS_MAX)]
DurationMs = Annotated[int, Field(ge=1, le=MS_MAX)]
PaymentMethod = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern="^[!-~]+$"),
    Field(description="One of your saved cards, by its method_id; or a card of the sandbox.", examples=["sandbox-ok"]),
]
TermsGiven = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "description": "Laid over the preset's; without a preset, all that has no default.",
            "properties": {
                **TERMS_FIELDS,
                "reserve_fen": {"type": ["integer", "null"]},
                # null: as where it is left out
                "deposit": {"type": ["object", "null"]},
                "settlement": {"type": ["object", "null"], "description": _SETTLEMENT},
            },
            "additionalProperties": False,
            "examples": [_TERMS_EXAMPLE],
        }
    ),
]


def _numbered_title(title: str) -> str:
    if NUMBER_PLACE not in title:
        raise ValueError(f"The title must have {NUMBER_PLACE} where the number goes.")
    return title


class RequestModel(BaseModel):
    """Base of request bodies: strict, immutable, no unknown fields."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


Code = Annotated[
    SignInCode, Field(description="Of the authenticator app, or a recovery code; staff's accounts need one.")
]


class SignInRequest(RequestModel):
    """User name, password and, for staff, a code."""

    username: Username
    password: Password
    code: Code = ""


class CreateAccountRequest(RequestModel):
    """A new bidder's account."""

    username: Username = Field(description="3 to 32 letters, digits, dots, hyphens or underscores.", examples=["ann"])
    password: Password = Field(description="At least 10 characters.")
    name: Name = Field(
        description="Your name, for the organiser only; other bidders see your paddle number.", examples=["Ann"]
    )


class CreateSaleRequest(RequestModel):
    """A new sale."""

    title: Title = Field(examples=["Launch day"])
    sale_id: NewSaleId | None = Field(None, description="Optional; generated if left out.", examples=["launch"])


class CreateLotRequest(RequestModel):
    """A new lot, as a draft."""

    sale_id: IdReference = Field(examples=["launch"])
    title: Title = Field(examples=["No. 001"])
    list_price_fen: Fen | None = Field(None, examples=[8_990_000])
    preset: IdReference | None = Field(None, examples=["jd-flash"])
    terms: TermsGiven | None = None


class SeriesTimesRequest(RequestModel):
    """When the lots of a series open; `every_ms` equal to `duration_ms`: each when the one before is to end."""

    opens_at_ms: AtMs = Field(description="Opening of the first lot.", examples=[1_893_456_000_000])
    duration_ms: DurationMs = Field(examples=[600_000])
    every_ms: Annotated[int, Field(ge=0, le=MS_MAX)] = Field(
        description="How much later each next lot opens; 0: all at once.", examples=[600_000]
    )


class CreateSeriesRequest(RequestModel):
    """Many lots with the same terms; `{number}` in the title becomes each one's number."""

    sale_id: IdReference = Field(examples=["launch"])
    title: Annotated[Title, AfterValidator(_numbered_title)] = Field(examples=["No. {number}"])
    count: Annotated[int, Field(ge=1, le=SERIES_LOTS_MAX)] = Field(examples=[100])
    first_number: Annotated[int, Field(ge=0, le=999_999)] = Field(1, examples=[1])
    digits: Annotated[int, Field(ge=1, le=6)] = Field(3, description="Digits of a number, at least.", examples=[3])
    list_price_fen: Fen | None = Field(None, examples=[8_990_000])
    preset: IdReference | None = Field(None, examples=["jd-flash"])
    terms: TermsGiven | None = None
    times: SeriesTimesRequest | None = Field(None, description="Left out: the lots stay drafts.")


class EditLotRequest(RequestModel):
    """What replaces a draft's title, list price and terms; terms that are left out stay."""

    title: Title = Field(examples=["No. 001"])
    list_price_fen: Fen | None = Field(examples=[8_990_000])
    terms: TermsGiven | None = None


class ScheduleRequest(RequestModel):
    """Opening and closing time of a lot."""

    opens_at_ms: AtMs = Field(examples=[1_893_456_000_000])
    closes_at_ms: AtMs = Field(examples=[1_893_459_600_000])


def _one_of_two(minimum: int, maximum: int, example: int) -> WithJsonSchema:
    """The schema of an integer that is left out, never null, where the other field is given."""
    return WithJsonSchema({"type": "integer", "minimum": minimum, "maximum": maximum, "examples": [example]})


class OpenRequest(RequestModel):
    """When a lot that is opened now closes: a time, or a duration from now."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["closes_at_ms"]}, {"required": ["duration_ms"]}]}
    )

    closes_at_ms: Annotated[AtMs | None, _one_of_two(AT_MS_MIN, AT_MS_MAX, 1_893_459_600_000)] = None
    duration_ms: Annotated[DurationMs | None, _one_of_two(1, MS_MAX, 3_600_000)] = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        times = {"closes_at_ms": self.closes_at_ms, "duration_ms": self.duration_ms}
        given = [at for name, at in times.items() if name in self.model_fields_set]
        if len(given) != 1 or given[0] is None:
            raise ValueError("Give closes_at_ms or duration_ms: exactly one of the two.")
        return self


class ReasonRequest(RequestModel):
    """The reason for an action of staff; recorded with it."""

    reason: Reason = Field(examples=["a bidder reported a wrong description"])


PendingId = Annotated[
    int | None,
    Field(
        None,
        ge=1,
        le=SEQ_MAX,
        description="The other person's request that you have read and agree to; left out: you request it yourself.",
    ),
]


class TwoPersonRequest(ReasonRequest):
    """The reason for an action that needs two persons; the second one names the request that they agree to."""

    pending_id: PendingId


class ClaimRequest(RequestModel):
    """An accepted bid as its answer stated it, with the receipt that came with it."""

    seq: int = Field(ge=1, le=SEQ_MAX)
    amount_fen: Fen
    at_ms: int = Field(ge=0, le=SEQ_MAX, description="When the bid was accepted, UTC ms.")
    receipt: str = Field(pattern=r"^[A-Za-z0-9_\-.]{1,1024}$", description="The receipt that came with the bid.")


class ResumeRequest(RequestModel):
    """How a paused or held lot resumes."""

    review_above_fen: Annotated[int, Field(ge=0, le=FEN_MAX)] | None = Field(
        None, description="New review limit, above the current price; 0: none; left out: unchanged."
    )


class ExtendRequest(ReasonRequest):
    """How much later a lot closes, or how much more time there is to decide about it."""

    by_ms: DurationMs = Field(examples=[60_000])


class ExtendLotRequest(ExtendRequest):
    """How much later a lot closes; after the first bid the second person names the request that they agree to."""

    move_hard_stop: bool = Field(
        False, description="Whether the hard stop moves by as much; otherwise the end may not pass it."
    )
    pending_id: PendingId


class ClaimPaymentRequest(RequestModel):
    """A part of a claim that a defaulter has paid."""

    default_id: Annotated[
        str, Field(min_length=1, max_length=160, pattern=r"^[!-~]+$", examples=["launch-001/default/1"])
    ]
    amount_fen: Fen
    reference: Annotated[
        str,
        Field(
            min_length=1,
            max_length=64,
            pattern=r"^[!-~]+$",
            examples=["r-2026-0117"],
            description="Of the receipt; once a claim.",
        ),
    ]
    pending_id: PendingId


class OperationRequest(TwoPersonRequest):
    """An operation of the payment provider, and why staff correct it."""

    operation_id: Annotated[
        str, Field(min_length=1, max_length=160, pattern=r"^[!-~]+$", examples=["launch-001/refund/1"])
    ]


class HandoverConfirmation(RequestModel):
    """What the buyer has paid of the storage fee of a lot that was fetched late."""

    storage_fee_paid_fen: int = Field(ge=0, le=FEN_MAX, description="At most what is owed; the rest is waived.")
    reason: Reason = Field(examples=["receipt 2026-118"], description="The receipt, or why the rest is waived.")


class StaffCentreRequest(ReasonRequest):
    """Where staff let a lot be collected that its buyer has not fetched in time."""

    delivery_centre: DeliveryCentre = Field(examples=["Beijing"])


class RegistrationRequest(RequestModel):
    """A bidder's registration for a lot."""

    accept_terms: bool = Field(description="Must be true.", examples=[True])
    deposit_fen: Fen | None = Field(
        None, description="Left out: the smallest deposit that the terms require.", examples=[10_000]
    )
    payment_method: PaymentMethod | None = None


class TopUpRequest(RequestModel):
    """An addition to a deposit."""

    amount_fen: Fen = Field(examples=[90_000])
    payment_method: PaymentMethod | None = None


class PaymentRequest(RequestModel):
    """How an award is paid."""

    payment_method: PaymentMethod | None = None


class RefusalRequest(RequestModel):
    """Why the winner refuses to pay; optional."""

    reason: Reason | None = None


class HandoverRequest(RequestModel):
    """Where a paid lot is collected."""

    delivery_centre: DeliveryCentre = Field(examples=["Beijing"])


class RelistRequest(RequestModel):
    """What auctioning the lot again costs."""

    cost_fen: Annotated[int, Field(ge=0, le=FEN_MAX)] | None = Field(
        None, description="Left out: as in the terms.", examples=[120_000]
    )


class IdentityLevelRequest(RequestModel):
    """How far a bidder's identity has been verified."""

    level: Annotated[int, Field(ge=0, le=9)] = Field(description="0: a name only.", examples=[1])
    identity: VerifiedIdentity | None = Field(
        None, description="What was verified, such as a document number; only its hash is stored."
    )
    pending_id: PendingId


class BidRequest(RequestModel):
    """A bid; in proxy lots, the bidder's maximum."""

    amount_fen: Fen = Field(examples=[100])


class MaximumRequest(RequestModel):
    """The maximum up to which a direct lot with `auto_bids` bids for the bidder; 0 withdraws the one that stands."""

    maximum_fen: Annotated[int, Field(ge=0, le=FEN_MAX)] = Field(examples=[500_000])
