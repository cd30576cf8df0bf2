"""The demo's bots: forty bidders with tokens of their own, each registered for one to four lots, bidding over HTTP."""

import asyncio
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from auction.demo.api_client import ApiClient, ApiReply
from auction.demo.bot_strategies import (
    LEAVE,
    WAIT,
    BotStrategy,
    LotView,
    PathFollower,
    RandomJumpBidder,
    Sniper,
    StepBidder,
)
from auction.demo.fixtures import YUAN
from auction.demo.lot_table import LotTable
from auction.demo.staff_client import ScheduledLot

BOTS = 40
GUARDED_LOT_BOTS, MODEL_BOTS = 26, 18
EARLY_LOT_BOTS = range(12, 26)
"""The numbers of the bots at the lot that closes early; the first two follow its path to the end."""
FULL_PATH_BOTS = 8
"""So many bots follow the price paths to their end."""
INTERVAL_S, INTERVAL_S_MIN = 0.6, 0.15
"""The mean time between two decisions of a bot at speed 1, and however fast the demo."""
CONCURRENT_REGISTRATIONS = 8
LOST_RESPONSES = 0.03
"""The part of bids whose first response is lost."""
BIDS_WHILE_NOT_OPEN = 0.02
"""The part of decisions that are made although the lot is not open."""
_LIMIT_CODES = frozenset({"over-limit", "over-purse", "not-registered"})
"""Refusals after which a bot bids no more on the lot."""
# of the guarded lot's ladder: a deposit of 100, 10,000 or 50,000 yuan allows 10,000, 200,000 or 1,000,000
_DEPOSITS_FEN = (100 * YUAN, 10_000 * YUAN, 50_000 * YUAN)


@dataclass(slots=True)
class Bot:
    """One bidder at one lot."""

    client: ApiClient
    lot: ScheduledLot
    strategy: BotStrategy
    interval_s: float
    rng: random.Random
    deposit_fen: int | None = None
    view: LotView = field(default_factory=LotView)
    paddle: int = 0

    async def register(self, slots: asyncio.Semaphore) -> None:
        """Register for the lot."""
        async with slots:
            self.paddle = await self.client.register(self.lot.lot_id, self.deposit_fen)

    async def bid_until_closed(self, table: LotTable) -> None:
        """Decide and bid, again and again, until the lot is over or the strategy leaves."""
        lot = table.lots[self.lot.lot_id]
        is_outbid = False
        while not lot.over:
            # a bot that has just been outbid reacts faster
            await asyncio.sleep(self.rng.expovariate(1 / self.interval_s) * (0.4 if is_outbid else 1.0))
            if lot.status != "open" and self.rng.random() > BIDS_WHILE_NOT_OPEN:
                continue
            self.view.update(
                seq=lot.seq,
                price_fen=lot.price_fen,
                minimum_fen=lot.minimum_fen,
                leading=lot.leader == self.paddle,
            )
            amount_fen = self.strategy.next_bid(self.view, lot.elapsed_ms, self.rng)
            if amount_fen == LEAVE:
                return
            if amount_fen == WAIT:
                continue
            reply = await self.client.bid(
                lot.lot_id, amount_fen, lose_first_response=self.rng.random() < LOST_RESPONSES
            )
            self._update(reply, table)
            is_outbid = reply.code == "bid-too-low"
            if reply.code in _LIMIT_CODES:
                return

    def _update(self, reply: ApiReply, table: LotTable) -> None:
        facts = reply.facts
        if "minimum_fen" not in facts or "price_fen" not in facts:
            return
        leading = bool(facts["leading"]) if reply.accepted else reply.code == "already-leading"
        self.view.update(
            seq=facts["at_seq"], price_fen=facts["price_fen"], minimum_fen=facts["minimum_fen"], leading=leading
        )
        if reply.accepted:
            table.record_accepted(self.lot.lot_id, facts["ends_at_ms"])


def create_bots(
    scheduled: Sequence[ScheduledLot], client_for: Callable[[int], ApiClient], speed: float, rng: random.Random
) -> list[Bot]:
    """A bot for each bidder and lot: all at the car, most at the guarded lot, some at the model and the early lot."""
    car, guarded, model, early = scheduled
    interval_s = max(INTERVAL_S_MIN, INTERVAL_S / speed)
    bots = []
    for number in range(BOTS):
        client = client_for(number)
        to_the_end = number < FULL_PATH_BOTS
        bots.append(Bot(client, car, _follower(car, speed, rng, to_the_end=to_the_end), interval_s, rng))
        if number < GUARDED_LOT_BOTS:
            follower = _follower(guarded, speed, rng, to_the_end=to_the_end)
            deposit_fen = _DEPOSITS_FEN[2] if to_the_end else rng.choice(_DEPOSITS_FEN)
            strategy = RandomJumpBidder(follower) if number % 3 == 0 else follower
            bots.append(Bot(client, guarded, strategy, 1.6 * interval_s, rng, deposit_fen))
        if BOTS - number <= MODEL_BOTS:
            bots.append(Bot(client, model, _proxy_bidder(model, speed, rng), 6 * interval_s, rng))
        if number in EARLY_LOT_BOTS:
            follower = _follower(early, speed, rng, to_the_end=number in EARLY_LOT_BOTS[:2])
            bots.append(Bot(client, early, follower, interval_s, rng))
    return bots


def _follower(lot: ScheduledLot, speed: float, rng: random.Random, *, to_the_end: bool) -> PathFollower:
    if lot.plan.path is None:
        raise ValueError(f"{lot.plan.title} has no price path to follow")
    path = lot.plan.path.at_speed(speed)
    end_fen = path.points[-1][1]
    # the others stop somewhere on the way, as many between each two powers of ten
    first_fen = min(20_000 * YUAN, end_fen // 4)
    ceiling_fen = round(math.exp(rng.uniform(math.log(first_fen), math.log(end_fen))))
    return PathFollower(path, end_fen if to_the_end else ceiling_fen, lot.plan.jump)


def _proxy_bidder(lot: ScheduledLot, speed: float, rng: random.Random) -> BotStrategy:
    maximum_fen = round(rng.lognormvariate(math.log(1_500), 0.5)) * YUAN
    if rng.random() < 0.35:
        from_ms = rng.uniform(0.85, 0.99) * lot.plan.open_ms / speed
        return Sniper(maximum_fen, from_ms)
    return StepBidder(maximum_fen)


async def register_all(bots: Sequence[Bot]) -> None:
    """Register every bot, CONCURRENT_REGISTRATIONS at a time. Raises CallFailed, in a group."""
    slots = asyncio.Semaphore(CONCURRENT_REGISTRATIONS)
    async with asyncio.TaskGroup() as tasks:
        for bot in bots:
            tasks.create_task(bot.register(slots))


async def bid_all(bots: Sequence[Bot], table: LotTable) -> None:
    """Let every bot bid until its lot is over."""
    async with asyncio.TaskGroup() as tasks:
        for bot in bots:
            tasks.create_task(bot.bid_until_closed(table))
