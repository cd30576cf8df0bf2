"""The demo's bidders: forty people with tokens of their own, each at one to four lots, over HTTP like anyone else."""

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

BIDDERS = 40
AT_THE_GUARDED_LOT, AT_THE_MODEL = 26, 18
AT_THE_EARLY_LOT = range(12, 26)
"""These bidders, the first two of them to the end of its path."""
SERIOUS = 8
"""So many bidders go with the price path to its end."""
PACE_S, PACE_S_MIN = 0.6, 0.15
"""The mean time between two thoughts of a bidder at speed 1, and however fast the demo."""
REGISTERING_AT_ONCE = 8
BAD_LINES = 0.03
"""The part of bids whose answer is lost on the way."""
HEEDLESS = 0.02
"""The part of thoughts that do not notice that a lot is not open."""
_ENOUGH = frozenset({"over-limit", "over-purse", "not-registered"})
# of the guarded lot's ladder: a deposit of 100, 10,000 or 50,000 yuan allows 10,000, 200,000 or 1,000,000
_DEPOSITS_FEN = (100 * YUAN, 10_000 * YUAN, 50_000 * YUAN)
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN_NAMES = ("子涵", "雨桐", "浩然", "思远", "晓彤", "文博", "嘉怡", "俊杰", "一诺", "梓萱")


def name_of(number: int) -> str:
    """A name for people."""
    return _SURNAMES[number % len(_SURNAMES)] + _GIVEN_NAMES[number * 7 % len(_GIVEN_NAMES)]


@dataclass(slots=True)
class Bot:
    """One bidder at one lot."""

    client: ApiClient
    lot: ScheduledLot
    strategy: BotStrategy
    pace_s: float
    chance: random.Random
    deposit_fen: int | None = None
    view: LotView = field(default_factory=LotView)
    paddle: int = 0

    async def register(self, turns: asyncio.Semaphore) -> None:
        """Get a paddle."""
        async with turns:
            self.paddle = await self.client.register(self.lot.lot_id, self.deposit_fen)

    async def bid_along(self, table: LotTable) -> None:
        """Think, look, bid, until the lot is over or this bidder has had enough."""
        lot = table.lots[self.lot.lot_id]
        outbid = False
        while not lot.over:
            # who has just been outbid thinks less
            await asyncio.sleep(self.chance.expovariate(1 / self.pace_s) * (0.4 if outbid else 1.0))
            if lot.status != "open" and self.chance.random() > HEEDLESS:
                continue
            self.view.learn(
                seq=lot.seq,
                price_fen=lot.price_fen,
                minimum_fen=lot.minimum_fen,
                leading=lot.leader == self.paddle,
            )
            amount_fen = self.strategy.next_bid(self.view, lot.elapsed_ms, self.chance)
            if amount_fen == LEAVE:
                return
            if amount_fen == WAIT:
                continue
            reply = await self.client.bid(lot.lot_id, amount_fen, bad_line=self.chance.random() < BAD_LINES)
            self._learn(reply, table)
            outbid = reply.code == "bid-too-low"
            if reply.code in _ENOUGH:
                return

    def _learn(self, reply: ApiReply, table: LotTable) -> None:
        facts = reply.facts
        if "minimum_fen" not in facts or "price_fen" not in facts:
            return
        leading = bool(facts["leading"]) if reply.accepted else reply.code == "already-leading"
        self.view.learn(
            seq=facts["at_seq"], price_fen=facts["price_fen"], minimum_fen=facts["minimum_fen"], leading=leading
        )
        if reply.accepted:
            table.took(self.lot.lot_id, facts["ends_at_ms"])


def create_bots(
    scheduled: Sequence[ScheduledLot], visitor_for: Callable[[int], ApiClient], speed: float, chance: random.Random
) -> list[Bot]:
    """Everybody at the car, most at the guarded lot, some at the model and at the lot that closes early."""
    car, guarded, model, early = scheduled
    pace_s = max(PACE_S_MIN, PACE_S / speed)
    seats = []
    for number in range(BIDDERS):
        client = visitor_for(number)
        serious = number < SERIOUS
        seats.append(Bot(client, car, _follower(car, speed, chance, serious=serious), pace_s, chance))
        if number < AT_THE_GUARDED_LOT:
            follower = _follower(guarded, speed, chance, serious=serious)
            deposit_fen = _DEPOSITS_FEN[2] if serious else chance.choice(_DEPOSITS_FEN)
            strategy = RandomJumpBidder(follower) if number % 3 == 0 else follower
            seats.append(Bot(client, guarded, strategy, 1.6 * pace_s, chance, deposit_fen))
        if BIDDERS - number <= AT_THE_MODEL:
            seats.append(Bot(client, model, _collector(model, speed, chance), 6 * pace_s, chance))
        if number in AT_THE_EARLY_LOT:
            keen = number in AT_THE_EARLY_LOT[:2]
            seats.append(Bot(client, early, _follower(early, speed, chance, serious=keen), pace_s, chance))
    return seats


def _follower(lot: ScheduledLot, speed: float, chance: random.Random, *, serious: bool) -> PathFollower:
    if lot.plan.path is None:
        raise ValueError(f"{lot.plan.title} has no price path to follow")
    path = lot.plan.path.at_speed(speed)
    end_fen = path.points[-1][1]
    # most people get off somewhere on the way, as many at each tenfold of the price
    first_fen = min(20_000 * YUAN, end_fen // 4)
    ceiling_fen = round(math.exp(chance.uniform(math.log(first_fen), math.log(end_fen))))
    return PathFollower(path, end_fen if serious else ceiling_fen, lot.plan.jump)


def _collector(lot: ScheduledLot, speed: float, chance: random.Random) -> BotStrategy:
    maximum_fen = round(chance.lognormvariate(math.log(1_500), 0.5)) * YUAN
    if chance.random() < 0.35:
        late_ms = chance.uniform(0.85, 0.99) * lot.plan.open_ms / speed
        return Sniper(maximum_fen, late_ms)
    return StepBidder(maximum_fen)


async def bring_in(seats: Sequence[Bot]) -> None:
    """Register everybody, a few at a time."""
    turns = asyncio.Semaphore(REGISTERING_AT_ONCE)
    async with asyncio.TaskGroup() as tasks:
        for seat in seats:
            tasks.create_task(seat.register(turns))


async def bid_all(seats: Sequence[Bot], table: LotTable) -> None:
    """Let everybody bid until every lot is over."""
    async with asyncio.TaskGroup() as tasks:
        for seat in seats:
            tasks.create_task(seat.bid_along(table))
