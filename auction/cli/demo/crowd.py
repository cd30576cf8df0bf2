"""The demo's bidders: forty people with tokens of their own, each at one to four lots, over HTTP like anyone else."""

import asyncio
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from auction.cli.demo.appetite import LEAVE, WAIT, Appetite, Follower, Nibbler, Reckless, Sight, Sniper
from auction.cli.demo.board import Board
from auction.cli.demo.desk import StagedLot
from auction.cli.demo.stage import YUAN
from auction.cli.demo.visitor import Reply, Visitor

BIDDERS = 40
AT_THE_GUARDED_LOT, AT_THE_MODEL = 26, 18
AT_THE_EARLY_LOT = range(12, 26)
"""These bidders, the first two of them to the end of its path."""
SERIOUS = 8
"""So many bidders go with the price path to its end."""
PACE_S, PACE_LEAST_S = 0.6, 0.15
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
class Seat:
    """One bidder at one lot."""

    visitor: Visitor
    lot: StagedLot
    appetite: Appetite
    pace_s: float
    chance: random.Random
    deposit_fen: int | None = None
    sight: Sight = field(default_factory=Sight)
    paddle: int = 0

    async def register(self, turns: asyncio.Semaphore) -> None:
        """Get a paddle."""
        async with turns:
            self.paddle = await self.visitor.register(self.lot.lot_id, self.deposit_fen)

    async def bid_along(self, board: Board) -> None:
        """Think, look, bid, until the lot is over or this bidder has had enough."""
        lot = board.lots[self.lot.lot_id]
        outbid = False
        while not lot.over:
            # who has just been outbid thinks less
            await asyncio.sleep(self.chance.expovariate(1 / self.pace_s) * (0.4 if outbid else 1.0))
            if lot.status != "open" and self.chance.random() > HEEDLESS:
                continue
            self.sight.learn(
                seq=lot.seq,
                price_fen=lot.price_fen,
                minimum_fen=lot.minimum_fen,
                leading=lot.leader == self.paddle,
            )
            amount_fen = self.appetite.next_bid(self.sight, lot.elapsed_ms, self.chance)
            if amount_fen == LEAVE:
                return
            if amount_fen == WAIT:
                continue
            reply = await self.visitor.bid(lot.lot_id, amount_fen, bad_line=self.chance.random() < BAD_LINES)
            self._learn(reply, board)
            outbid = reply.code == "bid-too-low"
            if reply.code in _ENOUGH:
                return

    def _learn(self, reply: Reply, board: Board) -> None:
        facts = reply.facts
        if "minimum_fen" not in facts or "price_fen" not in facts:
            return
        leading = bool(facts["leading"]) if reply.accepted else reply.code == "already-leading"
        self.sight.learn(
            seq=facts["at_seq"], price_fen=facts["price_fen"], minimum_fen=facts["minimum_fen"], leading=leading
        )
        if reply.accepted:
            board.took(self.lot.lot_id, facts["ends_at_ms"])


def seat_everybody(
    staged: Sequence[StagedLot], visitor_for: Callable[[int], Visitor], speed: float, chance: random.Random
) -> list[Seat]:
    """Everybody at the car, most at the guarded lot, some at the model and at the lot that closes early."""
    car, guarded, model, early = staged
    pace_s = max(PACE_LEAST_S, PACE_S / speed)
    seats = []
    for number in range(BIDDERS):
        visitor = visitor_for(number)
        serious = number < SERIOUS
        seats.append(Seat(visitor, car, _follower(car, speed, chance, serious=serious), pace_s, chance))
        if number < AT_THE_GUARDED_LOT:
            follower = _follower(guarded, speed, chance, serious=serious)
            deposit_fen = _DEPOSITS_FEN[2] if serious else chance.choice(_DEPOSITS_FEN)
            appetite = Reckless(follower) if number % 3 == 0 else follower
            seats.append(Seat(visitor, guarded, appetite, 1.6 * pace_s, chance, deposit_fen))
        if BIDDERS - number <= AT_THE_MODEL:
            seats.append(Seat(visitor, model, _collector(model, speed, chance), 6 * pace_s, chance))
        if number in AT_THE_EARLY_LOT:
            keen = number in AT_THE_EARLY_LOT[:2]
            seats.append(Seat(visitor, early, _follower(early, speed, chance, serious=keen), pace_s, chance))
    return seats


def _follower(lot: StagedLot, speed: float, chance: random.Random, *, serious: bool) -> Follower:
    if lot.plan.path is None:
        raise ValueError(f"{lot.plan.title} has no price path to follow")
    path = lot.plan.path.at_speed(speed)
    end_fen = path.points[-1][1]
    # most people get off somewhere on the way, as many at each tenfold of the price
    first_fen = min(20_000 * YUAN, end_fen // 4)
    ceiling_fen = round(math.exp(chance.uniform(math.log(first_fen), math.log(end_fen))))
    return Follower(path, end_fen if serious else ceiling_fen, lot.plan.jump)


def _collector(lot: StagedLot, speed: float, chance: random.Random) -> Appetite:
    maximum_fen = round(chance.lognormvariate(math.log(1_500), 0.5)) * YUAN
    if chance.random() < 0.35:
        late_ms = chance.uniform(0.85, 0.99) * lot.plan.open_ms / speed
        return Sniper(maximum_fen, late_ms)
    return Nibbler(maximum_fen)


async def bring_in(seats: Sequence[Seat]) -> None:
    """Register everybody, a few at a time."""
    turns = asyncio.Semaphore(REGISTERING_AT_ONCE)
    async with asyncio.TaskGroup() as tasks:
        for seat in seats:
            tasks.create_task(seat.register(turns))


async def bid_all(seats: Sequence[Seat], board: Board) -> None:
    """Let everybody bid until every lot is over."""
    async with asyncio.TaskGroup() as tasks:
        for seat in seats:
            tasks.create_task(seat.bid_along(board))
