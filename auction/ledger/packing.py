"""Terms as the scripts read them: one msgpack map stored in the lot's hash, 0 for what the terms do not have."""

from typing import Any

import msgspec

from auction.domain.deposits import PurseDeposit
from auction.domain.terms import Bidding, Terms


def pack_terms(terms: Terms) -> bytes:
    """The terms' part that decides bids; amounts in fen, durations in ms."""
    soft = terms.soft_close
    jump = terms.max_jump
    packed: dict[str, Any] = {
        "proxy": terms.bidding is Bidding.PROXY,
        "start": terms.start_price_fen,
        "steps": [[band.from_fen, band.step_fen] for band in terms.increments],
        "grid": terms.on_grid,
        "cap": terms.cap_fen or 0,
        "reserve": terms.reserve_fen or 0,
        "review": terms.review_above_fen or 0,
        "window": soft.window_ms if soft else 0,
        "extension": soft.extension_ms if soft else 0,
        "hard": (soft.hard_stop_ms or 0) if soft else 0,
        "purse": isinstance(terms.deposit, PurseDeposit),
    }
    if jump is not None:
        packed["jump"] = {"steps": jump.steps or 0, "percent": jump.percent or 0, "fen": jump.fen or 0}
    return msgspec.msgpack.encode(packed)
