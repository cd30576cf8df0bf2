"""The bodies of requests, as in the public surface. Amounts in fen, times in UTC ms, durations in ms.

Strict: no field that is not asked for, no number as text, no text as number.
"""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from auction.domain.money import FEN_MAX, FEN_MIN
from auction.domain.terms_reader import MS_MAX
from auction.ledger.keys import ID_LENGTH_MAX, SALE_ID_LENGTH_MAX

AT_MS_MIN = 946_684_800_000
"""2000-01-01: a time before it is no time, but a mistake in its unit."""
AT_MS_MAX = 4_102_444_800_000
"""2100-01-01."""
SEQ_MAX = 2**53 - 1
ID_PATTERN = "^[a-z0-9]+(-[a-z0-9]+)*$"
TEXT_PATTERN = r"^[^\x00]*[^\s\x00][^\x00]*$"
PATTERNS_IN_WORDS = {
    ID_PATTERN: "must be lower-case letters and digits, with single hyphens between them",
    TEXT_PATTERN: "must hold more than blanks",
    "^[!-~]+$": "must be visible ASCII characters without blanks",
}

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
    "(house, seller); resale_window_ms (a resale paid later proves no gap), reauction_cost_fen; cascade (depth, price, "
    "floor_percent, floor_fen, offer_window_ms); when_exhausted (relist, unsold)."
)
TERMS_FIELDS: dict[str, Any] = {
    "bidding": {"type": "string", "enum": ["direct", "proxy"]},
    "start_price_fen": {"type": "integer"},
    "increments": {"type": "array", "items": {"type": "object"}},
    "on_grid": {"type": "boolean"},
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
Title = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=TEXT_PATTERN)]
Reason = Annotated[str, StringConstraints(min_length=3, max_length=500, pattern=TEXT_PATTERN)]
PaymentMethod = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern="^[!-~]+$"),
    Field(description="The provider's token for a card or account.", examples=["sandbox-ok"]),
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


class RequestModel(BaseModel):
    """A request's body: strict."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class SignInRequest(RequestModel):
    """A user name and the password that goes with it."""

    username: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=TEXT_PATTERN)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=TEXT_PATTERN)]


class CreateAccountRequest(RequestModel):
    """A bidder's account to be."""

    username: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=TEXT_PATTERN)] = Field(
        description="3 to 32 letters, digits, dots, hyphens or underscores.", examples=["ann"]
    )
    password: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=TEXT_PATTERN)] = Field(
        description="At least 10 characters."
    )
    name: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=TEXT_PATTERN)] = Field(
        description="What the house calls you; others see your paddle.", examples=["Ann"]
    )


class CreateSaleRequest(RequestModel):
    """A launch event to come."""

    title: Title = Field(examples=["Launch day"])
    sale_id: Annotated[str, StringConstraints(max_length=SALE_ID_LENGTH_MAX, pattern=ID_PATTERN)] | None = Field(
        None, description="An id of your own; one is made up where there is none.", examples=["launch"]
    )


class CreateLotRequest(RequestModel):
    """What is to be bid for."""

    sale_id: Annotated[str, StringConstraints(min_length=1, max_length=ID_LENGTH_MAX)] = Field(examples=["launch"])
    title: Title = Field(examples=["No. 001"])
    list_price_fen: Fen | None = Field(None, examples=[8_990_000])
    preset: Annotated[str, StringConstraints(min_length=1, max_length=ID_LENGTH_MAX)] | None = Field(
        None, examples=["jd-flash"]
    )
    terms: TermsGiven | None = None


class ScheduleRequest(RequestModel):
    """When a lot opens and closes."""

    opens_at_ms: AtMs = Field(examples=[1_893_456_000_000])
    closes_at_ms: AtMs = Field(examples=[1_893_459_600_000])


def _one_of_two(least: int, most: int, example: int) -> WithJsonSchema:
    """The schema of a field that is left out, never null, where the other is given."""
    return WithJsonSchema({"type": "integer", "minimum": least, "maximum": most, "examples": [example]})


class OpenRequest(RequestModel):
    """Until when a lot is opened now: a time, or a duration."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["closes_at_ms"]}, {"required": ["duration_ms"]}]}
    )

    closes_at_ms: Annotated[AtMs | None, _one_of_two(AT_MS_MIN, AT_MS_MAX, 1_893_459_600_000)] = None
    duration_ms: Annotated[DurationMs | None, _one_of_two(1, MS_MAX, 3_600_000)] = None

    @model_validator(mode="after")
    def _one_given(self) -> Self:
        given = [getattr(self, name) for name in self.model_fields_set]
        if len(given) != 1 or given[0] is None:
            raise ValueError("Give closes_at_ms or duration_ms: exactly one of the two.")
        return self


class ReasonRequest(RequestModel):
    """Why staff act; kept in the lot's ledger."""

    reason: Reason = Field(examples=["a bidder reported a wrong description"])


class ResumeRequest(RequestModel):
    """How a paused or held lot goes on."""

    review_above_fen: Annotated[int, Field(ge=0, le=FEN_MAX)] | None = Field(
        None, description="A new review limit above the price; 0: none; left out: as before."
    )


class ExtendRequest(ReasonRequest):
    """How much later a lot ends."""

    by_ms: DurationMs = Field(examples=[60_000])


class RegistrationRequest(RequestModel):
    """A bidder's registration for a lot."""

    accept_terms: bool = Field(description="Must be true.", examples=[True])
    deposit_fen: Fen | None = Field(None, description="Left out: the least the terms ask for.", examples=[10_000])
    payment_method: PaymentMethod | None = None


class TopUpRequest(RequestModel):
    """More on a deposit."""

    amount_fen: Fen = Field(examples=[90_000])
    payment_method: PaymentMethod | None = None


class PaymentRequest(RequestModel):
    """How an award is paid."""

    payment_method: PaymentMethod | None = None


class RefusalRequest(RequestModel):
    """Why a winner will not pay, if they say so."""

    reason: Reason | None = None


class HandoverRequest(RequestModel):
    """Where a paid lot is fetched."""

    delivery_centre: Annotated[str, StringConstraints(min_length=1, max_length=100)] = Field(examples=["Beijing"])


class RelistRequest(RequestModel):
    """What auctioning a lot again costs."""

    cost_fen: Annotated[int, Field(ge=0, le=FEN_MAX)] | None = Field(
        None, description="Left out: as the terms say.", examples=[120_000]
    )


class IdentityLevelRequest(RequestModel):
    """How well the house knows a bidder."""

    level: Annotated[int, Field(ge=0, le=9)] = Field(description="0: a name only.", examples=[1])
    identity: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=TEXT_PATTERN)] | None = Field(
        None, description="What was verified, such as a document's number; kept as a hash only."
    )


class BidRequest(RequestModel):
    """A bid; in proxy lots, a maximum."""

    amount_fen: Fen = Field(examples=[100])
