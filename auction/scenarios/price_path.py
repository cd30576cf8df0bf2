"""Who bids in the no-show and when: a price path with the published marks, and bidders with means of their own.

The recorded bids of 22 October 2025 are not ours to give away; these are made from a seed, and the same seed makes the
same ones. Amounts in fen, times in ms since the opening.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from auction.demo.bots import name_of
from auction.demo.fixtures import LIST_PRICE_FEN, RECORD_FEN, YUAN, PricePath

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
"""A sale of the same car among people who want it: up to its list price."""
CROWDED = ((FIRST_MINUTE_MS, 0.12), (SIXTEEN_MINUTES_MS, 0.18), (FOUR_HOURS_MS, 0.70))
"""The part of all bids that comes before each time, from the time before it."""

BIDDERS = 60
BUDGET_MIN, BUDGET_MAX = 0.1, 6.0
"""What bidders would really pay, in list prices; as many between each two tenfolds."""
WALKER = 0
"""The number of the bidder who wins and is silent."""
WALKER_DEPOSIT_FEN = 50_000 * YUAN
"""What that bidder puts down at the most, where more bidding power asks for more."""


@dataclass(frozen=True, slots=True)
class PlannedBid:
    """A price that the path says somebody offers."""

    at_ms: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Person:
    """A bidder. The budget is what they would pay; the bluff, how far they go where a bid costs nothing."""

    bidder_id: str
    name: str
    budget_fen: int
    bluff_fen: int
    walks_away: bool = False


def planned_bids(path: PricePath, count: int, chance: random.Random) -> list[PlannedBid]:
    """So many rising bids along a path, crowded at its beginning; the last one is the path's last price."""
    ends = [0, *(end_ms for end_ms, _ in CROWDED)]
    times = [0.0]
    for (from_ms, to_ms), (_, part) in zip(pairwise(ends), CROWDED, strict=True):
        times += [chance.uniform(from_ms, to_ms) for _ in range(round(part * (count - 2)))]
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


def people(prefix: str, chance: random.Random) -> Sequence[Person]:
    """The bidders of a sale; the ids of two sales differ, as a default is remembered of a bidder."""
    found = [Person(f"{prefix}-{WALKER:02d}", name_of(WALKER), LIST_PRICE_FEN, RECORD_FEN, walks_away=True)]
    reach = math.log(BUDGET_MAX / BUDGET_MIN)
    for number in range(1, BIDDERS):
        place = (number - 1) / (BIDDERS - 2)
        budget = BUDGET_MIN * math.exp(reach * place + chance.uniform(-0.03, 0.03))
        # one in eight bluffs to the end; the others get off on the way
        bluff_fen = LIST_PRICE_FEN * math.exp(chance.uniform(0, math.log(RECORD_FEN / LIST_PRICE_FEN)))
        found.append(
            Person(
                f"{prefix}-{number:02d}",
                name_of(number),
                round(budget * LIST_PRICE_FEN / YUAN) * YUAN,
                RECORD_FEN if number % 8 == 0 else round(bluff_fen),
            )
        )
    return found
