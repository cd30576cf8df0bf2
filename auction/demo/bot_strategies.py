"""Bidding strategies of the demo's bots: pure functions of what a bot knows of a lot. Amounts in fen.

A path follower keeps up with a price path to a ceiling; a step bidder bids the minimum up to a maximum; a sniper waits
until shortly before the end; a random jump bidder is a follower that sometimes bids far too much. Some bids are meant
to be refused: below a price that has moved on, by the leader, beyond the largest jump.
"""

import random
from dataclasses import dataclass
from typing import Protocol

from auction.demo.fixtures import YUAN, Jump, PricePath
from auction.domain.money import FEN_MAX

LEAVE = -1
"""Instead of an amount: this bot bids no more on this lot."""
WAIT = 0
"""Instead of an amount: no bid now."""


@dataclass(slots=True)
class LotView:
    """What a bot knows of a lot, as of the highest seq it has received."""

    seq: int = -1
    price_fen: int = 0
    minimum_fen: int = 0
    leading: bool = False

    def update(self, *, seq: int, price_fen: int, minimum_fen: int, leading: bool) -> None:
        """Take over what a response says, unless something newer is known."""
        if seq >= self.seq:
            self.seq, self.price_fen, self.minimum_fen, self.leading = seq, price_fen, minimum_fen, leading


class BotStrategy(Protocol):
    """Decides the next step of one bot on one lot."""

    def next_bid(self, view: LotView, elapsed_ms: float, rng: random.Random) -> int:
        """An amount in fen, WAIT or LEAVE."""


@dataclass(frozen=True, slots=True)
class PathFollower:
    """Keeps up with the path until the ceiling; the part `careless` of its bids ignores who leads and the path."""

    path: PricePath
    ceiling_fen: int
    jump: Jump | None = None
    careless: float = 0.1

    def next_bid(self, view: LotView, elapsed_ms: float, rng: random.Random) -> int:
        """An amount near the path, if that is at least the minimum."""
        if view.minimum_fen > self.ceiling_fen:
            return WAIT if view.leading else LEAVE
        draw = rng.random()
        if draw < self.careless:
            return min(self.ceiling_fen, view.minimum_fen + rng.randint(0, 9) * YUAN)
        if view.leading and draw < 0.9:
            return WAIT
        # some are behind the path: their bid may be too low when it arrives
        lag = 1.0 if rng.random() < 0.7 else rng.uniform(0.97, 1.0)
        wanted_fen = _whole_yuan(round(self.path.at(elapsed_ms) * lag), rng)
        end_fen = self.path.points[-1][1]
        if elapsed_ms >= self.path.points[-1][0]:
            wanted_fen = end_fen
        if wanted_fen < view.minimum_fen:
            return WAIT
        return min(wanted_fen, self.ceiling_fen, end_fen, self._amount_fen_max(view))

    def _amount_fen_max(self, view: LotView) -> int:
        if self.jump is None:
            return FEN_MAX
        largest_fen = view.price_fen + max(self.jump.fen, view.price_fen * self.jump.percent // 100)
        return max(view.minimum_fen, largest_fen - largest_fen % YUAN)


@dataclass(frozen=True, slots=True)
class RandomJumpBidder:
    """A path follower whose bids are, in the part `jumps`, three times the minimum."""

    inner: PathFollower
    jumps: float = 0.08

    def next_bid(self, view: LotView, elapsed_ms: float, rng: random.Random) -> int:
        """The follower's bid, or three times the minimum."""
        if rng.random() < self.jumps and not view.leading:
            return max(view.minimum_fen, 1_000 * YUAN) * 3
        return self.inner.next_bid(view, elapsed_ms, rng)


@dataclass(frozen=True, slots=True)
class StepBidder:
    """Bids the minimum, or a little more, up to a maximum."""

    maximum_fen: int

    def next_bid(self, view: LotView, elapsed_ms: float, rng: random.Random) -> int:
        """The minimum, in two of five bids a little more."""
        del elapsed_ms
        if view.minimum_fen > self.maximum_fen:
            return WAIT if view.leading else LEAVE
        if view.leading:
            return WAIT
        return min(self.maximum_fen, view.minimum_fen + rng.choice((0, 0, 0, 10, 50)) * YUAN)


@dataclass(frozen=True, slots=True)
class Sniper:
    """Bids its maximum once, `from_ms` after the opening."""

    maximum_fen: int
    from_ms: float

    def next_bid(self, view: LotView, elapsed_ms: float, rng: random.Random) -> int:
        """The maximum, once `from_ms` is reached."""
        del rng
        if view.minimum_fen > self.maximum_fen:
            return WAIT if view.leading else LEAVE
        if view.leading or elapsed_ms < self.from_ms:
            return WAIT
        return self.maximum_fen


def _whole_yuan(amount_fen: int, rng: random.Random) -> int:
    """The amount rounded down to the yuan; one in five large amounts ends in 888."""
    amount_fen -= amount_fen % YUAN
    if amount_fen > 100_000 * YUAN and rng.random() < 0.2:
        amount_fen += 888 * YUAN - amount_fen % (1_000 * YUAN)
    return amount_fen
