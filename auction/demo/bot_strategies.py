"""How the demo's bidders decide what to bid: pure functions of what they have seen. Amounts in fen.

Three tempers. The follower keeps up with a price path and has a ceiling; the nibbler offers the least that counts up
to a maximum; the sniper waits for the last moment. Now and then each does something foolish, as people do: bids on a
price that is gone, while leading, or far too much.
"""

import random
from dataclasses import dataclass
from typing import Protocol

from auction.demo.fixtures import YUAN, Jump, PricePath
from auction.domain.money import FEN_MAX

LEAVE = -1
"""Instead of an amount: this bidder has had enough."""
WAIT = 0
"""Instead of an amount: not now."""


@dataclass(slots=True)
class LotView:
    """What a bidder knows of a lot, by the newest seq it was told."""

    seq: int = -1
    price_fen: int = 0
    minimum_fen: int = 0
    leading: bool = False

    def learn(self, *, seq: int, price_fen: int, minimum_fen: int, leading: bool) -> None:
        """Take in what an answer or a look says, unless something newer is known."""
        if seq >= self.seq:
            self.seq, self.price_fen, self.minimum_fen, self.leading = seq, price_fen, minimum_fen, leading


class BotStrategy(Protocol):
    """Decides one step of one bidder on one lot."""

    def next_bid(self, view: LotView, elapsed_ms: float, chance: random.Random) -> int:
        """An amount in fen, WAIT or LEAVE."""


@dataclass(frozen=True, slots=True)
class PathFollower:
    """Keeps up with the path until the ceiling; some bids are careless."""

    path: PricePath
    ceiling_fen: int
    jump: Jump | None = None
    careless: float = 0.1

    def next_bid(self, view: LotView, elapsed_ms: float, chance: random.Random) -> int:
        """About what the path says, if that is still above the price."""
        if view.minimum_fen > self.ceiling_fen:
            return WAIT if view.leading else LEAVE
        whim = chance.random()
        if whim < self.careless:
            # a little more than the last price seen, without a look at who leads or what it is by now
            return min(self.ceiling_fen, view.minimum_fen + chance.randint(0, 9) * YUAN)
        if view.leading and whim < 0.9:
            return WAIT
        # most are quick; who is slower bids on a price that is gone by then
        mood = 1.0 if chance.random() < 0.7 else chance.uniform(0.97, 1.0)
        wanted_fen = _whole_yuan(round(self.path.at(elapsed_ms) * mood), chance)
        end_fen = self.path.points[-1][1]
        if elapsed_ms >= self.path.points[-1][0]:
            wanted_fen = end_fen
        if wanted_fen < view.minimum_fen:
            return WAIT
        return min(wanted_fen, self.ceiling_fen, end_fen, self._amount_fen_max(view))

    def _amount_fen_max(self, view: LotView) -> int:
        if self.jump is None:
            return FEN_MAX
        reach_fen = view.price_fen + max(self.jump.fen, view.price_fen * self.jump.percent // 100)
        return max(view.minimum_fen, reach_fen - reach_fen % YUAN)


@dataclass(frozen=True, slots=True)
class RandomJumpBidder:
    """A follower who now and then offers three times the price."""

    inner: PathFollower
    wild: float = 0.08

    def next_bid(self, view: LotView, elapsed_ms: float, chance: random.Random) -> int:
        """The follower's bid, or far too much."""
        if chance.random() < self.wild and not view.leading:
            return max(view.minimum_fen, 1_000 * YUAN) * 3
        return self.inner.next_bid(view, elapsed_ms, chance)


@dataclass(frozen=True, slots=True)
class StepBidder:
    """Offers the least that counts, up to a maximum."""

    maximum_fen: int

    def next_bid(self, view: LotView, elapsed_ms: float, chance: random.Random) -> int:
        """The minimum, now and then a little more."""
        del elapsed_ms
        if view.minimum_fen > self.maximum_fen:
            return WAIT if view.leading else LEAVE
        if view.leading:
            return WAIT
        return min(self.maximum_fen, view.minimum_fen + chance.choice((0, 0, 0, 10, 50)) * YUAN)


@dataclass(frozen=True, slots=True)
class Sniper:
    """Waits, then offers the whole maximum at once."""

    maximum_fen: int
    from_ms: float

    def next_bid(self, view: LotView, elapsed_ms: float, chance: random.Random) -> int:
        """The maximum, once it is late enough."""
        del chance
        if view.minimum_fen > self.maximum_fen:
            return WAIT if view.leading else LEAVE
        if view.leading or elapsed_ms < self.from_ms:
            return WAIT
        return self.maximum_fen


def _whole_yuan(amount_fen: int, chance: random.Random) -> int:
    """Down to the yuan; large amounts often end in eights."""
    amount_fen -= amount_fen % YUAN
    if amount_fen > 100_000 * YUAN and chance.random() < 0.2:
        amount_fen += 888 * YUAN - amount_fen % (1_000 * YUAN)
    return amount_fen
