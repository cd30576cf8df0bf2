"""Encodes bids for the script that decides them. In the bid's way, under `bid_ledger`."""

from collections.abc import Sequence

import msgspec

from auction.domain.bidding import Bid

_encode = msgspec.msgpack.Encoder().encode


def pack_bids(bids: Sequence[Bid]) -> bytes:
    """The bids as `lua/include/batch.lua` reads them."""
    return _encode([_row(bid) for bid in bids])


def _row(bid: Bid) -> tuple[str | int, ...]:
    row = bid.bidder_id, bid.amount_fen, bid.key
    return (*row, 1) if bid.is_maximum else row
