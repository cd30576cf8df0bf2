"""What bots do after a lot has closed: winners pay or do not, runners-up answer offers; each step becomes news.

A bot pays a fair price, or where losing its deposit would cost it much. So the guarded lot is paid for, and the record
price, on a deposit of 100 yuan, is not.
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

FAIR_PRICE_TIMES = 2
"""A price up to so many list prices is fair."""
LARGE_DEPOSIT_PART = 20
"""A deposit of at least one such part of the price is not given up."""
POLL_S = 0.5
DECISION_S, DECISION_S_MIN = 6.0, 0.5
"""How long a bot takes to decide about a payment or an offer at speed 1, and however fast the demo."""
LAST_DECISIONS_S = 10.0
"""How long `finish` waits for the last decisions."""
_TOO_LATE = ("offer-over", "payment-late", "wrong-state")


def is_willing_to_pay(*, price_fen: int, list_price_fen: int | None, deposit_fen: int) -> bool:
    """Whether a bot pays this price."""
    fair = list_price_fen is not None and price_fen <= FAIR_PRICE_TIMES * list_price_fen
    return fair or deposit_fen * LARGE_DEPOSIT_PART >= price_fen


class SettlementBots:
    """Follows the settlement of every closed lot and acts for the bots."""

    def __init__(self, staff: StaffClient, bots: Sequence[Bot], table: LotTable, speed: float) -> None:
        self._staff = staff
        self._bots = bots
        self._table = table
        self._decision_s = max(DECISION_S_MIN, DECISION_S / speed)
        self._changed: dict[str, int] = {}
        """Lot -> when its settlement had last changed, as seen here (UTC ms)."""
        self._steps_told: dict[str, int] = {}
        self._pending: dict[str, tuple[float, str, Mapping[str, Any]]] = {}
        """Award or offer -> since when (monotonic s) it waits for a bot's decision, its lot, and its facts."""
        self._decided: set[str] = set()

    async def run(self) -> None:
        """Poll and act until cancelled."""
        while True:
            await self.poll()
            await asyncio.sleep(POLL_S)

    async def finish(self) -> None:
        """Poll and act until the bots have decided about every closed lot, at most LAST_DECISIONS_S."""
        deadline_s = time.monotonic() + LAST_DECISIONS_S
        while time.monotonic() < deadline_s:
            await self.poll()
            closed = {lot.lot_id for lot in self._table.lots.values() if lot.status == "closed"}
            if closed <= self._changed.keys() and not self._pending:
                return
            await asyncio.sleep(POLL_S)

    async def poll(self) -> None:
        """Take over what has changed, and act where a decision is due. Raises CallFailed."""
        for row in await self._staff.settlements():
            lot_id, changed_at_ms = row["lot_id"], row["changed_at_ms"]
            if lot_id in self._table.lots and self._changed.get(lot_id) != changed_at_ms:
                self._update(lot_id, await self._staff.settlement(lot_id))
                self._changed[lot_id] = changed_at_ms
        for key, (since_s, lot_id, facts) in list(self._pending.items()):
            if time.monotonic() - since_s >= self._decision_s:
                del self._pending[key]
                self._decided.add(key)
                await self._decide(lot_id, facts)

    def _update(self, lot_id: str, settlement: Mapping[str, Any]) -> None:
        steps = settlement["steps"]
        for step in steps[self._steps_told.get(lot_id, 0) :]:
            if sentence := news_of(lot_id, step["step"], step["details"]):
                self._table.add_news(sentence)
        self._steps_told[lot_id] = len(steps)
        undecided = [("award_id", award) for award in settlement["awards"] if award["status"] == "due"]
        undecided += [("offer_id", offer) for offer in settlement["offers"] if offer["status"] == "open"]
        for name, facts in undecided:
            if facts[name] not in self._decided:
                self._pending.setdefault(facts[name], (time.monotonic(), lot_id, facts))

    async def _decide(self, lot_id: str, facts: Mapping[str, Any]) -> None:
        bots = [bot for bot in self._bots if (bot.lot.lot_id, bot.paddle) == (lot_id, facts["paddle"])]
        if not bots:
            # won by a person, who decides on their own page
            return
        try:
            await (self._decide_payment(bots[0], facts) if "award_id" in facts else self._decide_offer(bots[0], facts))
        except CallFailed as failed:
            if not any(code in str(failed) for code in _TOO_LATE):
                raise

    async def _decide_payment(self, bot: Bot, award: Mapping[str, Any]) -> None:
        awards = (await bot.client.get("/me/awards"))["awards"]
        (own,) = [one for one in awards if one["award_id"] == award["award_id"]]
        is_willing = is_willing_to_pay(
            price_fen=own["price_fen"],
            list_price_fen=bot.lot.plan.list_price_fen,
            deposit_fen=own["deposit_fen"],
        )
        if not is_willing:
            self._table.add_news(f"{bot.lot.lot_id}: paddle {bot.paddle} does not pay")
            return
        path = f"/me/awards/{own['award_id']}"
        await bot.client.post(f"{path}/payment", key=f"pay-{own['award_id']}")
        centre = bot.rng.choice(own["delivery_centres"])
        await bot.client.post(f"{path}/handover", {"delivery_centre": centre})

    async def _decide_offer(self, bot: Bot, offer: Mapping[str, Any]) -> None:
        """Accept a fair price; otherwise the first runner-up declines and later ones let the offer lapse."""
        path = f"/me/offers/{offer['offer_id']}"
        if is_willing_to_pay(price_fen=offer["price_fen"], list_price_fen=bot.lot.plan.list_price_fen, deposit_fen=0):
            await bot.client.post(f"{path}/accept")
        elif offer["number"] == 1:
            await bot.client.post(f"{path}/decline")


def news_of(lot_id: str, step: str, details: Mapping[str, Any]) -> str | None:
    """A step of a settlement as a sentence; None for a step that is not news."""
    paddle, price = details.get("paddle"), yuan(details.get("price_fen") or 0)
    sentences = {
        "paid": f"{lot_id}: paddle {paddle} has paid",
        "defaulted": (
            f"{lot_id}: paddle {paddle} defaulted; the deposit of {yuan(details.get('deposit_fen') or 0)} is forfeited"
        ),
        "offered": f"{lot_id} is offered to paddle {paddle} at {price}",
        "offer-accepted": f"{lot_id}: paddle {paddle} accepts the offer at {price}",
        "offer-declined": f"{lot_id}: paddle {paddle} declines the offer at {price}",
        "offer-lapsed": f"{lot_id}: the offer to paddle {paddle} has lapsed",
        "relisted": f"{lot_id} is relisted as {details.get('relisted_as')}",
        "settled": f"{lot_id} is handed over and the seller is paid",
    }
    return sentences.get(step)
