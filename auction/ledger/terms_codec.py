"""Encodes terms for the scripts: one msgpack map in the lot's hash, with 0 for what the terms do not have."""

from typing import Any

import msgspec

from auction.domain.deposits import NoDeposit, PurseDeposit
from auction.domain.terms import Bidding, Increment, MaxJump, SettlementTerms, SoftClose, Terms


def pack_terms(terms: Terms) -> bytes:
    """The part of the terms that decides bids; amounts in fen, durations in ms."""
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
    if terms.auto_bids:
        packed["auto"] = True
    if jump is not None:
        packed["jump"] = {"steps": jump.steps or 0, "percent": jump.percent or 0, "fen": jump.fen or 0}
    return msgspec.msgpack.encode(packed)


def unpack_terms(packed: bytes) -> Terms:
    """Terms that decide bids as the packed ones do.

    What decides no bid is not packed: settlement terms are the defaults, and of the deposit only a purse is known.
    """
    row: dict[str, Any] = msgspec.msgpack.decode(packed)
    jump = row.get("jump")
    return Terms(
        bidding=Bidding.PROXY if row["proxy"] else Bidding.DIRECT,
        start_price_fen=row["start"],
        increments=tuple(Increment(from_fen, step_fen) for from_fen, step_fen in row["steps"]),
        on_grid=row["grid"],
        max_jump=MaxJump(jump["steps"] or None, jump["percent"] or None, jump["fen"] or None) if jump else None,
        reserve_fen=row["reserve"] or None,
        cap_fen=row["cap"] or None,
        review_above_fen=row["review"] or None,
        soft_close=SoftClose(row["window"], row["extension"], row["hard"] or None) if row["window"] else None,
        deposit=PurseDeposit(multiplier=1, amount_fen=1) if row["purse"] else NoDeposit(),
        settlement=SettlementTerms(),
        auto_bids="auto" in row,
    )
