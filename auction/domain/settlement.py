"""What follows the hammer: the states of a settlement, who is asked after a default and at which price.

Also what the house remembers of a bidder: past defaults raise their deposits and bar them for a time, and a limit goes
with how well their identity is known. Amounts in fen, times in UTC ms.
Source: domain rules, "Lot" and "Settlement"; the terms, section settlement.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from auction.domain.events import BidPlaced
from auction.domain.lot import standing_of
from auction.domain.terms import Bidding, Terms


class SettlementState(StrEnum):
    """Where a closed lot stands."""

    AWARDED = "awarded"
    PAID = "paid"
    SETTLED = "settled"
    DEFAULTED = "defaulted"
    OFFERED = "offered"
    RELISTED = "relisted"
    UNSOLD = "unsold"
    VOID = "void"


ALLOWED: Mapping[str, tuple[SettlementState, ...]] = MappingProxyType(
    {
        "pay": (SettlementState.AWARDED,),
        "default": (SettlementState.AWARDED,),
        "offer": (SettlementState.DEFAULTED, SettlementState.UNSOLD),
        "accept": (SettlementState.OFFERED,),
        "decline": (SettlementState.OFFERED,),
        "lapse": (SettlementState.OFFERED,),
        "relist": (SettlementState.DEFAULTED, SettlementState.UNSOLD),
        "give-up": (SettlementState.DEFAULTED,),
        "confirm-handover": (SettlementState.PAID,),
        "void": (
            SettlementState.AWARDED,
            SettlementState.PAID,
            SettlementState.DEFAULTED,
            SettlementState.OFFERED,
        ),
    }
)
"""The states in which each action may be taken.

An offer that is declined or lapses leaves the lot defaulted again; the next offer, the relisting or giving up (which
makes it unsold) starts from there, so nothing of the kind happens while an offer is open. A lot that stayed unsold may
still be offered or relisted by staff.
"""


@dataclass(frozen=True, slots=True)
class BestBid:
    """The highest standing bid of one bidder, in fen (in proxy lots their maximum), and its seq."""

    bidder_id: str
    paddle: int
    amount_fen: int
    seq: int


def runners_up(terms: Terms, bids: Sequence[tuple[int, BidPlaced]], barred: Collection[str]) -> list[BestBid]:
    """Who may be asked after a default, best first: the higher bid, and of equal ones the earlier.

    `bids` are the standing ones with their seqs; `barred` are the bidders left out: defaulters and those linked to
    them. Whoever stayed under the reserve would not have won the lot and is not asked either.
    """
    best: dict[str, BestBid] = {}
    for seq, bid in bids:
        if bid.bidder_id in barred or bid.amount_fen < (terms.reserve_fen or 0):
            continue
        made = BestBid(bid.bidder_id, bid.paddle, bid.amount_fen, seq)
        if bid.bidder_id not in best or _rank(made) < _rank(best[bid.bidder_id]):
            best[bid.bidder_id] = made
    return sorted(best.values(), key=_rank)


def _rank(bid: BestBid) -> tuple[int, int]:
    return -bid.amount_fen, bid.seq


def offer_price_fen(terms: Terms, bids: Sequence[tuple[int, BidPlaced]], *, to: str, without: Collection[str]) -> int:
    """The price at which a runner-up is offered the lot, in fen; never above their own best bid.

    `own_bid`: that best bid. `clean`: the price that the bids of all others make when each bid is read as a maximum, as
    if those in `without` had never bid: the defaulters, those linked to them, and those who were passed over.
    `bids` are the standing ones with their seqs, in their order. ValueError where `to` does not lead what is left.
    """
    left = sorted((seq, bid) for seq, bid in bids if bid.bidder_id not in without)
    clean = standing_of(replace(terms, bidding=Bidding.PROXY), [bid for _, bid in left])
    if clean.leader_id != to:
        raise ValueError(f"{to} does not lead without {', '.join(sorted(without))}; {clean.leader_id or 'nobody'} does")
    return clean.ceiling_fen if terms.settlement.cascade.price == "own_bid" else clean.price_fen


def floor_fen(terms: Terms, hammer_price_fen: int) -> int:
    """The least a lot is offered at after a default, in fen: a part of the hammer price, rounded up, or an amount.

    The higher of the two counts; below it the house relists instead.
    """
    cascade = terms.settlement.cascade
    of_hammer_fen = -(-hammer_price_fen * cascade.floor_percent // 100)
    return max(of_hammer_fen, cascade.floor_fen or 0)


# --- what the house remembers -----------------------------------------------------------------------------------------

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class BidderPolicy:
    """How past defaults and a bidder's identity count; ValueError where a figure makes no sense."""

    multiplier_percent: int = 150
    """A bidder with a default on record deposits this many percent of what others do."""
    bar_after: int = 2
    """From this many defaults on, a bidder is barred ..."""
    bar_ms: int = 180 * DAY_MS
    """... for this long after the latest."""
    identity_limits: tuple[tuple[int, int], ...] = ()
    """The highest bid, in fen, from a level of identity on; above the highest level named here there is no limit."""

    def __post_init__(self) -> None:
        if self.multiplier_percent < 100:
            raise ValueError(f"a default does not lower a deposit: multiplier_percent is {self.multiplier_percent}")
        if self.bar_after < 1 or self.bar_ms < 0:
            raise ValueError(f"a bar comes after a default and lasts: got {self.bar_after}, {self.bar_ms} ms")


def required_deposit_fen(minimum_fen: int, defaults: int, rules: BidderPolicy) -> int:
    """The least deposit of a bidder with that many defaults on record, in fen, rounded up; multiplied once."""
    return -(-minimum_fen * rules.multiplier_percent // 100) if defaults else minimum_fen


def counted_deposit_fen(held_fen: int, defaults: int, rules: BidderPolicy) -> int:
    """What of a held deposit counts for bidding power, in fen, rounded down: less where defaults are on record."""
    return held_fen * 100 // rules.multiplier_percent if defaults else held_fen


def barred_until_ms(default_times_ms: Sequence[int], rules: BidderPolicy) -> int | None:
    """When a bidder with these defaults may register again, UTC ms, which may have passed; None: never barred."""
    if len(default_times_ms) < rules.bar_after:
        return None
    return max(default_times_ms) + rules.bar_ms


def identity_limit_fen(level: int, rules: BidderPolicy) -> int | None:
    """The highest bid for a level of identity (0: a name only), in fen; None: no limit.

    A level between two that the rules name has the limit of the lower one.
    """
    limits = sorted(rules.identity_limits)
    if not limits or level > limits[-1][0]:
        return None
    reached = [limit for from_level, limit in limits if from_level <= level]
    return reached[-1] if reached else limits[0][1]
