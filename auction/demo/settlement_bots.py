"""What follows the hammer in the demo: bots that won pay or are silent, runners-up answer, and it is all in the news.

A bot pays where the price is fair, or where its deposit would hurt to lose. So the guarded lot is paid for, and the
record price, on a deposit of 100 yuan, is not.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from auction.demo.api_client import CallFailed
from auction.demo.bots import Bot
from auction.demo.lot_table import LotTable
from auction.demo.staff_client import StaffClient
from auction.domain.money import yuan

FAIR_TIMES = 2
"""A price up to so many list prices is fair."""
HURTS_PART = 20
"""A deposit of at least this part of the price hurts to lose."""
LOOK_EVERY_S = 0.5
THINKING_S, THINKING_S_MIN = 6.0, 0.5
"""How long a bot thinks about a payment or an offer at speed 1, and however fast the demo."""
LAST_ANSWERS_S = 10.0
"""How long the demo waits for the last decisions when every lot is over."""
_TOO_LATE = ("offer-over", "payment-late", "wrong-state")


def means_to_pay(*, price_fen: int, list_price_fen: int | None, deposit_fen: int) -> bool:
    """Whether a bot that won pays."""
    fair = list_price_fen is not None and price_fen <= FAIR_TIMES * list_price_fen
    return fair or deposit_fen * HURTS_PART >= price_fen


class SettlementBots:
    """Follows every closed lot of the board until cancelled."""

    def __init__(self, staff_client: StaffClient, seats: Sequence[Bot], table: LotTable, speed: float) -> None:
        self._desk = staff_client
        self._seats = seats
        self._board = table
        self._thinking_s = max(THINKING_S_MIN, THINKING_S / speed)
        self._changed: dict[str, int] = {}
        self._said: dict[str, int] = {}
        self._waiting: dict[str, tuple[float, str, Mapping[str, Any]]] = {}
        """Award or offer -> since when (monotonic s) somebody thinks about it, its lot, and what it says."""
        self._answered: set[str] = set()

    async def follow(self) -> None:
        """Look, decide and tell, again and again."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def finish(self) -> None:
        """Go on until the last lot's winner has decided, for a moment."""
        deadline_s = time.monotonic() + LAST_ANSWERS_S
        while time.monotonic() < deadline_s:
            await self.look()
            closed = {lot.lot_id for lot in self._board.lots.values() if lot.status == "closed"}
            if closed <= self._changed.keys() and not self._waiting:
                return
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Take in what has changed, and act where somebody has thought long enough."""
        for row in await self._desk.settlements():
            lot_id, changed_at_ms = row["lot_id"], row["changed_at_ms"]
            if lot_id in self._board.lots and self._changed.get(lot_id) != changed_at_ms:
                self._take(lot_id, await self._desk.settlement(lot_id))
                self._changed[lot_id] = changed_at_ms
        for what, (since_s, lot_id, facts) in list(self._waiting.items()):
            if time.monotonic() - since_s >= self._thinking_s:
                del self._waiting[what]
                self._answered.add(what)
                await self._decide(lot_id, facts)

    def _take(self, lot_id: str, story: Mapping[str, Any]) -> None:
        steps = story["steps"]
        for step in steps[self._said.get(lot_id, 0) :]:
            if sentence := news_of(lot_id, step["step"], step["details"]):
                self._board.say(sentence)
        self._said[lot_id] = len(steps)
        open_now = [("award_id", one) for one in story["awards"] if one["status"] == "due"]
        open_now += [("offer_id", one) for one in story["offers"] if one["status"] == "open"]
        for name, facts in open_now:
            if facts[name] not in self._answered:
                self._waiting.setdefault(facts[name], (time.monotonic(), lot_id, facts))

    async def _decide(self, lot_id: str, facts: Mapping[str, Any]) -> None:
        seats = [seat for seat in self._seats if (seat.lot.lot_id, seat.paddle) == (lot_id, facts["paddle"])]
        if not seats:
            # won by somebody who watches: theirs to decide, on their own page
            return
        try:
            await (self._pay(seats[0], facts) if "award_id" in facts else self._answer(seats[0], facts))
        except CallFailed as failed:
            if not any(code in str(failed) for code in _TOO_LATE):
                raise

    async def _pay(self, seat: Bot, award: Mapping[str, Any]) -> None:
        awards = (await seat.client.ask("/me/awards"))["awards"]
        (mine,) = [one for one in awards if one["award_id"] == award["award_id"]]
        willing = means_to_pay(
            price_fen=mine["price_fen"],
            list_price_fen=seat.lot.plan.list_price_fen,
            deposit_fen=mine["deposit_fen"],
        )
        if not willing:
            self._board.say(f"{seat.lot.lot_id}: paddle {seat.paddle} is silent")
            return
        path = f"/me/awards/{mine['award_id']}"
        await seat.client.tell(f"{path}/payment", key=f"pay-{mine['award_id']}")
        centre = seat.chance.choice(mine["delivery_centres"])
        await seat.client.tell(f"{path}/handover", {"delivery_centre": centre})

    async def _answer(self, seat: Bot, offer: Mapping[str, Any]) -> None:
        """A fair price is taken; else the first who is asked says no, and whoever comes after lets it lapse."""
        path = f"/me/offers/{offer['offer_id']}"
        if means_to_pay(price_fen=offer["price_fen"], list_price_fen=seat.lot.plan.list_price_fen, deposit_fen=0):
            await seat.client.tell(f"{path}/accept")
        elif offer["number"] == 1:
            await seat.client.tell(f"{path}/decline")


def news_of(lot_id: str, step: str, details: Mapping[str, Any]) -> str | None:
    """A step of a settlement as a sentence, if it is worth one."""
    paddle, price = details.get("paddle"), yuan(details.get("price_fen") or 0)
    sentences = {
        "paid": f"{lot_id}: paddle {paddle} has paid",
        "defaulted": f"{lot_id}: paddle {paddle} did not pay; {yuan(details.get('deposit_fen') or 0)} are forfeited",
        "offered": f"{lot_id} is offered to paddle {paddle} at {price}",
        "offer-accepted": f"{lot_id}: paddle {paddle} takes it at {price}",
        "offer-declined": f"{lot_id}: paddle {paddle} says no to {price}",
        "offer-lapsed": f"{lot_id}: paddle {paddle} did not answer the offer",
        "relisted": f"{lot_id} is to be sold again, as {details.get('relisted_as')}",
        "settled": f"{lot_id} is handed over, the seller is paid",
    }
    return sentences.get(step)
