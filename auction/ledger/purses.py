"""How a sale's purses are stored: each bidder's on each lot, with what is held behind it. Off the bid's way.

The scripts have the same in `lua/include/purse.lua`.
"""

from collections.abc import Sequence

import msgspec

from auction.domain.deposits import Power


def power_field(lot_id: str, bidder_id: str) -> str:
    """The field of a bidder's purse on a lot, and of what is held behind it."""
    return f"power:{lot_id} {bidder_id}"


def purse_fields(lot_id: str, bidder_id: str) -> list[str]:
    """The fields that `decode_purse` takes; in sales from before lots had shares, one purse serves all lots."""
    return [power_field(lot_id, bidder_id), f"purse:{bidder_id}"]


def decode_power(row: bytes | None, purse: Sequence[bytes | None]) -> Power | None:
    """A bidder's limit and purse on a lot, from their row there and their purse; None: they are not admitted."""
    if row is None:
        return None
    _paddle, limit_fen = msgspec.msgpack.decode(row)[:2]
    return Power(None if limit_fen == -1 else int(limit_fen), *decode_purse(purse))


def encode_purse(purse_fen: int, held_fen: int) -> bytes:
    """A purse and what is held behind it, in fen, as the scripts store them."""
    return msgspec.msgpack.encode((purse_fen, held_fen))


def decode_purse(rows: Sequence[bytes | None]) -> tuple[int | None, int | None]:
    """A purse and what is held behind it, in fen; None, None: there is none."""
    of_lot, of_sale = rows
    if of_lot is not None:
        purse_fen, held_fen = msgspec.msgpack.decode(of_lot, type=tuple[int, int])
        return purse_fen, held_fen
    return (None, None) if of_sale is None else (int(of_sale), int(of_sale))
