"""Offers to runners-up after a default (to whom, at which price), and how past defaults count against a bidder.

Past defaults raise a bidder's deposits and bar them for a time; the limit depends on how far their identity is
verified. Amounts in fen, times in UTC ms. The states of a settlement are in `auction.domain.states`.
Source: domain rules, "Lot" and "Settlement"; the terms, section settlement.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from auction.domain.events import BidPlaced
from auction.domain.pricing import fold_bids
from auction.domain.terms import Bidding, Terms


@dataclass(frozen=True, slots=True)
class BestBid:
    """The highest standing bid of one bidder, in fen (in proxy lots their maximum), and its seq."""

    bidder_id: str
    paddle: int
    amount_fen: int
    seq: int


def runners_up(terms: Terms, bids: Sequence[tuple[int, BidPlaced]], barred: Collection[str]) -> list[BestBid]:
    """Who may be offered the lot after a default, best first: the higher bid, and of equal bids the earlier.

    `bids` are the standing ones with their seqs; `barred` are the bidders left out: defaulters and those linked to
    them. Bidders below the reserve would not have won the lot and are left out too.
    """
    best: dict[str, BestBid] = {}
    for seq, bid in bids:
        offered_fen = _offered_fen(terms, bid)
        if bid.bidder_id in barred or offered_fen < (terms.reserve_fen or 0):
            continue
        made = BestBid(bid.bidder_id, bid.paddle, offered_fen, seq)
        if bid.bidder_id not in best or _rank(made) < _rank(best[bid.bidder_id]):
            best[bid.bidder_id] = made
    return sorted(best.values(), key=_rank)


def _offered_fen(terms: Terms, bid: BidPlaced) -> int:
    """What a bidder offered with a bid, in fen: their maximum in proxy bidding, the bid itself in direct bidding.

    A maximum behind a direct bid counts only as far as it was bid.
    """
    return bid.amount_fen if terms.bidding is Bidding.PROXY else bid.price_fen


def _rank(bid: BestBid) -> tuple[int, int]:
    return -bid.amount_fen, bid.seq


def offer_price_fen(terms: Terms, bids: Sequence[tuple[int, BidPlaced]], *, to: str, without: Collection[str]) -> int:
    """The price at which a runner-up is offered the lot, in fen; never above their own best bid.

    `own_bid`: that best bid. `clean`: the price that the remaining bids make when each is read as a maximum, as if the
    bidders in `without` had never bid: defaulters and those linked to them. The bids of runners-up who had an offer
    and declined it were good, and count: declining an offer makes the lot cheaper for nobody. `bids` are the standing
    ones with their seqs, in their order. ValueError where `to` has no bid among those that are left.
    """
    left = sorted((seq, bid) for seq, bid in bids if bid.bidder_id not in without)
    own_bids_fen = [_offered_fen(terms, bid) for _, bid in left if bid.bidder_id == to]
    if not own_bids_fen:
        raise ValueError(f"{to} has no bid without those of {', '.join(sorted(without)) or 'nobody'}")
    if terms.settlement.cascade.price == "own_bid":
        return max(own_bids_fen)
    maxima = [replace(bid, amount_fen=_offered_fen(terms, bid)) for _, bid in left]
    clean = fold_bids(replace(terms, bidding=Bidding.PROXY), maxima)
    return min(clean.price_fen, max(own_bids_fen))


def floor_fen(terms: Terms, hammer_price_fen: int) -> int:
    """The lowest price of an offer after a default, in fen: a part of the hammer price, rounded up, or an amount.

    The higher of the two counts; below it the lot is not offered.
    """
    cascade = terms.settlement.cascade
    of_hammer_fen = -(-hammer_price_fen * cascade.floor_percent // 100)
    return max(of_hammer_fen, cascade.floor_fen or 0)


# --- past defaults and identity ---------------------------------------------------------------------------------------

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class BidderPolicy:
    """How past defaults and a bidder's identity level count; ValueError for a figure out of range."""

    multiplier_percent: int = 150
    """A bidder with a default on record deposits this many percent of what others do."""
    bar_after: int = 2
    """From this many defaults on, a bidder is barred ..."""
    bar_ms: int = 180 * DAY_MS
    """... for this long after the latest."""
    identity_limits: tuple[tuple[int, int], ...] = ()
    """The highest bid, in fen, from a level of identity on; below the lowest level named here nobody may
    bid, above the highest one there is no limit."""

    def __post_init__(self) -> None:
        if self.multiplier_percent < 100:
            raise ValueError(f"multiplier_percent is at least 100, got {self.multiplier_percent}")
        if self.bar_after < 1 or self.bar_ms < 0:
            raise ValueError(f"bar_after is at least 1 and bar_ms at least 0, got {self.bar_after} and {self.bar_ms}")


def required_deposit_fen(minimum_fen: int, defaults: int, rules: BidderPolicy) -> int:
    """The smallest deposit of a bidder with that many defaults, in fen, rounded up; multiplied once, however many."""
    return -(-minimum_fen * rules.multiplier_percent // 100) if defaults else minimum_fen


def counted_deposit_fen(held_fen: int, defaults: int, rules: BidderPolicy) -> int:
    """How much of a held deposit counts for bidding power, in fen, rounded down: less for a bidder with defaults."""
    return held_fen * 100 // rules.multiplier_percent if defaults else held_fen


def barred_until_ms(default_times_ms: Sequence[int], rules: BidderPolicy) -> int | None:
    """Until when a bidder with these defaults is barred, UTC ms, which may have passed; None: not barred."""
    if len(default_times_ms) < rules.bar_after:
        return None
    return max(default_times_ms) + rules.bar_ms


def identity_limit_fen(level: int, rules: BidderPolicy) -> int | None:
    """The highest bid for a level of identity (0: a name only), in fen; None: no limit.

    A level between two configured ones has the limit of the lower one; below the lowest one nobody may bid.
    """
    limits = sorted(rules.identity_limits)
    if not limits or level > limits[-1][0]:
        return None
    reached = [limit for from_level, limit in limits if from_level <= level]
    return reached[-1] if reached else 0
