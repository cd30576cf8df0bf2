"""The bids and the bidders of the no-show: a price path through the published figures, and bidders with budgets.

The recorded bids of 22 October 2025 may not be redistributed; these are generated from a seed, and the same seed
generates the same ones. Amounts in fen, times in ms since the opening.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from auction.demo.fixtures import LIST_PRICE_FEN, RECORD_FEN, YUAN, PricePath
from auction.demo.names import name_of

FOUR_HOURS_MS = 4 * 3_600_000
RECORD_BIDS = 23_733
"""How many bids the sale had."""
FIRST_MINUTE_MS, SIXTEEN_MINUTES_MS = 60_000, 16 * 60_000
LAUNCH_DAY = PricePath(
    (
        (0, 1 * YUAN),
        # past 800,000 within the first minute, past 10 million by minute 16
        (56_000, 800_000 * YUAN),
        (950_000, 10_000_000 * YUAN),
        (FOUR_HOURS_MS, RECORD_FEN),
    )
)
RESALE = PricePath(((0, 1 * YUAN), (FOUR_HOURS_MS, LIST_PRICE_FEN)))
"""The resale of the same car: up to its list price."""
BID_DISTRIBUTION = ((FIRST_MINUTE_MS, 0.12), (SIXTEEN_MINUTES_MS, 0.18), (FOUR_HOURS_MS, 0.70))
"""The part of all bids that is made before each time, since the time before it."""

BIDDERS = 60
BUDGET_MIN, BUDGET_MAX = 0.1, 6.0
"""The smallest and the largest budget in list prices; budgets are spread evenly on a logarithmic scale."""
DEFAULTER = 0
"""The number of the bidder who wins and does not pay."""
DEFAULTER_DEPOSIT_FEN = 50_000 * YUAN
"""The largest deposit of that bidder, where a higher limit needs a larger deposit."""


@dataclass(frozen=True, slots=True)
class PlannedBid:
    """A bid of the path."""

    at_ms: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class BidderProfile:
    """A bidder: the budget is what they would pay; the bluff, how far they bid where a bid costs nothing."""

    bidder_id: str
    name: str
    budget_fen: int
    bluff_fen: int
    is_defaulter: bool = False


def planned_bids(path: PricePath, count: int, rng: random.Random) -> list[PlannedBid]:
    """At most `count` rising bids along a path, distributed by BID_DISTRIBUTION; the last is the path's last price."""
    ends = [0, *(end_ms for end_ms, _ in BID_DISTRIBUTION)]
    times = [0.0]
    for (from_ms, to_ms), (_, part) in zip(pairwise(ends), BID_DISTRIBUTION, strict=True):
        times += [rng.uniform(from_ms, to_ms) for _ in range(round(part * (count - 2)))]
    times = times[: count - 1]
    last_ms, last_fen = path.points[-1]
    planned, before_fen = [], 0
    for at_ms in sorted(times):
        amount_fen = max(before_fen + YUAN, path.at(at_ms) // YUAN * YUAN)
        if amount_fen >= last_fen:
            break
        planned.append(PlannedBid(round(at_ms), amount_fen))
        before_fen = amount_fen
    return [*planned, PlannedBid(round(last_ms), last_fen)]


def bid_rate(elapsed_ms: float) -> float:
    """How many times as many bids as on average come at a time of the four hours, by BID_DISTRIBUTION."""
    rate, from_ms = 0.0, 0
    for to_ms, part in BID_DISTRIBUTION:
        rate = part * FOUR_HOURS_MS / (to_ms - from_ms)
        if elapsed_ms < to_ms:
            break
        from_ms = to_ms
    return rate


def bidder_profiles(prefix: str, rng: random.Random) -> Sequence[BidderProfile]:
    """The bidders of a sale. The prefix keeps the ids of two sales apart, as a default counts in later sales too."""
    found = [
        BidderProfile(f"{prefix}-{DEFAULTER:02d}", name_of(DEFAULTER), LIST_PRICE_FEN, RECORD_FEN, is_defaulter=True)
    ]
    log_range = math.log(BUDGET_MAX / BUDGET_MIN)
    for number in range(1, BIDDERS):
        position = (number - 1) / (BIDDERS - 2)
        budget = BUDGET_MIN * math.exp(log_range * position + rng.uniform(-0.03, 0.03))
        # one in eight bluffs to the end; the others stop on the way
        bluff_fen = LIST_PRICE_FEN * math.exp(rng.uniform(0, math.log(RECORD_FEN / LIST_PRICE_FEN)))
        found.append(
            BidderProfile(
                f"{prefix}-{number:02d}",
                name_of(number),
                round(budget * LIST_PRICE_FEN / YUAN) * YUAN,
                RECORD_FEN if number % 8 == 0 else round(bluff_fen),
            )
        )
    return found
