"""What routes take from a request besides its body: the application context, and ids from the path.

An id that nothing can have is answered with 404 before anything is looked up.
"""

from typing import Annotated, Any

from fastapi import Depends, Header, Path, Request

from api.bids.idempotency import idempotency_key
from api.http.auth import SignedIn
from api.schemas.requests import SEQ_MAX
from auction.domain.errors import NotFound, ProblemCode
from auction.domain.text import ID_LENGTH_MAX, ID_PATTERN, is_id, is_visible_ascii
from auction.payments.gateway import OPERATION_ID_LENGTH_MAX
from auction.services.context import AppContext
from auction.services.second_person import Confirmation

AWARD_ID_LENGTH_MAX = 100
"""Of awards and offers: a lot's id with a prefix and a number."""
TRANSFER_ID_LENGTH_MAX = 160
NAME_LENGTH_MAX = 64
"""Of bidders' ids (the subjects of their tokens) and of payment providers."""
ID_SCHEMA: dict[str, Any] = {"pattern": ID_PATTERN, "maxLength": ID_LENGTH_MAX}
_ID_IN_WORDS = f"lower-case letters and digits, with single hyphens between them, at most {ID_LENGTH_MAX} characters"


def _visible_schema(length_max: int) -> dict[str, Any]:
    return {"pattern": "^[!-~]+$", "minLength": 1, "maxLength": length_max}


def _not_found(code: ProblemCode, what: str, field: str, allowed: str) -> NotFound:
    return NotFound(code, f"There is no such {what}: {field} must be {allowed}.")


def _checked(value: str, length_max: int, code: ProblemCode, what: str, field: str) -> str:
    if is_visible_ascii(value, 1, length_max):
        return value
    raise _not_found(code, what, field, f"1 to {length_max} visible ASCII characters")


async def _context(request: Request) -> AppContext:
    context: AppContext = request.app.state.context
    return context


async def _lot_id(lot_id: Annotated[str, Path(json_schema_extra=ID_SCHEMA, examples=["launch-001"])]) -> str:
    if not is_id(lot_id):
        raise _not_found(ProblemCode.LOT_UNKNOWN, "lot", "lot_id", _ID_IN_WORDS)
    return lot_id


async def _sale_id(sale_id: Annotated[str, Path(json_schema_extra=ID_SCHEMA, examples=["launch"])]) -> str:
    if not is_id(sale_id):
        raise _not_found(ProblemCode.SALE_UNKNOWN, "sale", "sale_id", _ID_IN_WORDS)
    return sale_id


async def _award_id(
    award_id: Annotated[str, Path(json_schema_extra=_visible_schema(AWARD_ID_LENGTH_MAX), examples=["a-launch-001-1"])],
) -> str:
    return _checked(award_id, AWARD_ID_LENGTH_MAX, ProblemCode.AWARD_UNKNOWN, "award", "award_id")


async def _offer_id(
    offer_id: Annotated[str, Path(json_schema_extra=_visible_schema(AWARD_ID_LENGTH_MAX), examples=["o-launch-001-1"])],
) -> str:
    return _checked(offer_id, AWARD_ID_LENGTH_MAX, ProblemCode.OFFER_UNKNOWN, "offer", "offer_id")


async def _confirmation_id(
    confirmation_id: Annotated[
        str,
        Path(
            json_schema_extra=_visible_schema(OPERATION_ID_LENGTH_MAX),
            examples=["charge-a-launch-001-1-5f0533a2d4623a1b"],
        ),
    ],
) -> str:
    return _checked(
        confirmation_id,
        OPERATION_ID_LENGTH_MAX,
        ProblemCode.CONFIRMATION_UNKNOWN,
        "payment to confirm",
        "confirmation_id",
    )


async def _bidder_id(
    bidder_id: Annotated[str, Path(json_schema_extra=_visible_schema(NAME_LENGTH_MAX), examples=["ann"])],
) -> str:
    return _checked(bidder_id, NAME_LENGTH_MAX, ProblemCode.BIDDER_UNKNOWN, "bidder", "bidder_id")


async def _session_id(
    session_id: Annotated[str, Path(json_schema_extra=_visible_schema(NAME_LENGTH_MAX), examples=["5f0533a2d462"])],
) -> str:
    return _checked(session_id, NAME_LENGTH_MAX, ProblemCode.SESSION_UNKNOWN, "session", "session_id")


async def _provider(
    provider: Annotated[str, Path(json_schema_extra=_visible_schema(NAME_LENGTH_MAX), examples=["stripe"])],
) -> str:
    return _checked(provider, NAME_LENGTH_MAX, ProblemCode.PROVIDER_UNKNOWN, "payment provider", "provider")


async def _transfer_id(
    transfer_id: Annotated[
        str, Path(json_schema_extra=_visible_schema(TRANSFER_ID_LENGTH_MAX), examples=["return-7-a-launch-001-1"])
    ],
) -> str:
    return _checked(
        transfer_id, TRANSFER_ID_LENGTH_MAX, ProblemCode.TRANSFER_UNKNOWN, "outgoing transfer", "transfer_id"
    )


async def _confirmation(
    staff: SignedIn,
    code: Annotated[
        str,
        Header(
            alias="X-Second-Factor",
            description="The code that your authenticator shows now, to agree to another person's request; needed "
            "where the house uses second factors.",
        ),
    ] = "",
) -> Confirmation:
    return Confirmation(staff.token_id, staff.device, code)


async def _method_id(
    method_id: Annotated[
        str, Path(json_schema_extra=_visible_schema(NAME_LENGTH_MAX), examples=["card-0123456789abcdef"])
    ],
) -> str:
    return _checked(method_id, NAME_LENGTH_MAX, ProblemCode.PAYMENT_METHOD_UNKNOWN, "payment method", "method_id")


Context = Annotated[AppContext, Depends(_context)]
Confirmed = Annotated[Confirmation, Depends(_confirmation)]
"""What a call of staff shows beside their account, to agree to another person's request."""
LotId = Annotated[str, Depends(_lot_id)]
SaleId = Annotated[str, Depends(_sale_id)]
AwardId = Annotated[str, Depends(_award_id)]
MethodId = Annotated[str, Depends(_method_id)]
OfferId = Annotated[str, Depends(_offer_id)]
ConfirmationId = Annotated[str, Depends(_confirmation_id)]
BidderId = Annotated[str, Depends(_bidder_id)]
SessionId = Annotated[str, Depends(_session_id)]
Provider = Annotated[str, Depends(_provider)]
IdempotencyKey = Annotated[str, Depends(idempotency_key)]
Seq = Annotated[int, Path(ge=1, le=SEQ_MAX, description="The bid's sequence number in the lot's ledger.")]
TransferId = Annotated[str, Depends(_transfer_id)]
ReceiptId = Annotated[int, Path(ge=1, le=SEQ_MAX, description="The bank receipt's number.")]
ClaimId = Annotated[int, Path(ge=1, le=SEQ_MAX, description="The claim's number.")]
