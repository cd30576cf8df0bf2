"""The body of a bid, `{"amount_fen": n}`: decoded quickly where it is right, diagnosed slowly where it is wrong."""

from typing import Annotated, Any

import msgspec

from api.http.bodies import BodyMalformed, read_json, shown
from api.http.problems import Fault, HttpCode, Unacceptable, problem_of_faults
from auction.domain.money import FEN_MAX, FEN_MIN

FIELD = "amount_fen"


class BidBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a bidder sends: an amount in fen, in proxy lots a maximum."""

    amount_fen: Annotated[int, msgspec.Meta(ge=FEN_MIN, le=FEN_MAX)]


_decode = msgspec.json.Decoder(BidBody).decode


def amount_of(raw: bytes) -> int:
    """The amount a bid's body asks for, in fen; Unacceptable where it is anything but exactly that."""
    try:
        amount_fen = _decode(raw).amount_fen
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unacceptable(raw, str(error)) from None
    # the decoder takes the last of a field given twice; a body of one whole number has exactly one colon
    if raw.count(b":") != 1:
        raise _unacceptable(raw, "it must have one field")
    return amount_fen


def _unacceptable(raw: bytes, otherwise: str) -> Unacceptable:
    try:
        faults = _faults(read_json(raw))
    except BodyMalformed as malformed:
        faults = [malformed.fault]
    return Unacceptable(
        problem_of_faults(faults or [Fault("", HttpCode.MALFORMED, f"The body is not acceptable: {otherwise}.")])
    )


def _faults(body: Any) -> list[Fault]:
    """Everything wrong with a bid's decoded body."""
    if not isinstance(body, dict):
        detail = f'The body must be an object like {{"amount_fen": 100}}, got {shown(body)}.'
        return [Fault("", HttpCode.WRONG_TYPE, detail)]
    found = [
        Fault(shown(name)[1:-1], HttpCode.UNKNOWN_FIELD, f"{shown(name)} is no field of a bid; it has amount_fen only.")
        for name in body
        if name != FIELD
    ]
    allowed = f"a whole number of fen from {FEN_MIN} to {FEN_MAX}"
    if FIELD not in body:
        found.append(Fault(FIELD, HttpCode.MISSING_FIELD, f"amount_fen is missing; it must be {allowed}."))
    elif type(amount := body[FIELD]) is not int:
        found.append(Fault(FIELD, HttpCode.WRONG_TYPE, f"amount_fen must be {allowed}, got {shown(amount)}."))
    elif not FEN_MIN <= amount <= FEN_MAX:
        found.append(Fault(FIELD, HttpCode.OUT_OF_RANGE, f"amount_fen must be {allowed}, got {shown(amount)}."))
    return found
