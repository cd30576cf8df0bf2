"""The body of a bid, `{"amount_fen": n}`: decoded fast where it is valid, examined in detail where it is not."""

from typing import Annotated, Any

import msgspec

from api.http.bodies import BodyMalformed, quoted, read_json
from api.http.problems import Fault, HttpCode, Unacceptable, problem_of_faults
from auction.domain.money import FEN_MAX, FEN_MIN

FIELD = "amount_fen"


class BidBody(msgspec.Struct, forbid_unknown_fields=True):
    """An amount in fen; in proxy lots, the bidder's maximum."""

    amount_fen: Annotated[int, msgspec.Meta(ge=FEN_MIN, le=FEN_MAX)]


_decode = msgspec.json.Decoder(BidBody).decode


def amount_of(raw: bytes) -> int:
    """The amount in the body of a bid, in fen. Raises Unacceptable, with every fault, for any other body."""
    try:
        amount_fen = _decode(raw).amount_fen
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refusal(raw, str(error)) from None
    # the decoder takes the last of duplicate fields; a body with one integer has exactly one colon
    if raw.count(b":") != 1:
        raise _refusal(raw, "it must have one field")
    return amount_fen


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
    found = [
        Fault(
            quoted(name)[1:-1], HttpCode.UNKNOWN_FIELD, f"{quoted(name)} is not a field of a bid; send amount_fen only."
        )
        for name in body
        if name != FIELD
    ]
    allowed = f"a whole number of fen from {FEN_MIN} to {FEN_MAX}"
    if FIELD not in body:
        found.append(Fault(FIELD, HttpCode.MISSING_FIELD, f"amount_fen is missing; it must be {allowed}."))
    elif type(amount := body[FIELD]) is not int:
        found.append(Fault(FIELD, HttpCode.WRONG_TYPE, f"amount_fen must be {allowed}, got {quoted(amount)}."))
    elif not FEN_MIN <= amount <= FEN_MAX:
        found.append(Fault(FIELD, HttpCode.OUT_OF_RANGE, f"amount_fen must be {allowed}, got {quoted(amount)}."))
    return found
