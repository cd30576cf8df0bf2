"""The body of a bid: decoded fast where it is valid, examined in detail where it is not.

It is `{"amount_fen": n}`, or `{"maximum_fen": n}` for a maximum up to which a direct lot bids for the bidder.
"""

from typing import Annotated, Any

import msgspec

from api.http.bodies import BodyMalformed, quoted, read_json
from api.http.problems import Fault, HttpCode, Unacceptable, problem_of_faults
from auction.domain.money import FEN_MAX, FEN_MIN

LEAST = {"amount_fen": FEN_MIN, "maximum_fen": 0}
"""The fields that a bid may have, of which it has one -> the least that each may be, in fen."""
FIELD = "amount_fen"


class BidBody(msgspec.Struct, forbid_unknown_fields=True):
    """An amount in fen; in proxy lots, the bidder's maximum."""

    amount_fen: Annotated[int, msgspec.Meta(ge=FEN_MIN, le=FEN_MAX)]


class MaximumBody(msgspec.Struct, forbid_unknown_fields=True):
    """A maximum in fen; 0 withdraws the one that stands."""

    maximum_fen: Annotated[int, msgspec.Meta(ge=0, le=FEN_MAX)]


_decode = msgspec.json.Decoder(BidBody).decode
_decode_maximum = msgspec.json.Decoder(MaximumBody).decode


def offer_of(raw: bytes) -> tuple[int, bool]:
    """The amount in the body of a bid, in fen, and whether it is sent as a maximum.

    Raises Unacceptable, with every fault, for any other body.
    """
    is_maximum = b"maximum_fen" in raw
    try:
        amount_fen = _decode_maximum(raw).maximum_fen if is_maximum else _decode(raw).amount_fen
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refusal(raw, str(error)) from None
    # the decoder takes the last of duplicate fields; a body with one integer has exactly one colon
    if raw.count(b":") != 1:
        raise _refusal(raw, "it must have one field")
    return amount_fen, is_maximum


def _refusal(raw: bytes, fallback: str) -> Unacceptable:
    """The problem with every fault of a body; `fallback` is what the decoder said, where no other fault is found."""
    try:
        faults = _faults(read_json(raw))
    except BodyMalformed as malformed:
        faults = [malformed.fault]
    return Unacceptable(
        problem_of_faults(faults or [Fault("", HttpCode.MALFORMED, f"The body is not acceptable: {fallback}.")])
    )


def _faults(body: Any) -> list[Fault]:
    """Every fault of a decoded body."""
    if not isinstance(body, dict):
        detail = f'The body must be an object like {{"amount_fen": 100}}, got {quoted(body)}.'
        return [Fault("", HttpCode.WRONG_TYPE, detail)]
    field = "maximum_fen" if "maximum_fen" in body and FIELD not in body else FIELD
    found = [Fault(quoted(name)[1:-1], HttpCode.UNKNOWN_FIELD, _unknown(name)) for name in body if name != field]
    allowed = f"a whole number of fen from {LEAST[field]} to {FEN_MAX}"
    if field not in body:
        found.append(Fault(field, HttpCode.MISSING_FIELD, f"{field} is missing; it must be {allowed}."))
    elif type(amount := body[field]) is not int:
        found.append(Fault(field, HttpCode.WRONG_TYPE, f"{field} must be {allowed}, got {quoted(amount)}."))
    elif not LEAST[field] <= amount <= FEN_MAX:
        found.append(Fault(field, HttpCode.OUT_OF_RANGE, f"{field} must be {allowed}, got {quoted(amount)}."))
    return found


def _unknown(name: str) -> str:
    if name in LEAST:
        return "A bid has amount_fen, or maximum_fen in a lot that takes maxima, not both."
    return f"{quoted(name)} is not a field of a bid; send amount_fen only."
