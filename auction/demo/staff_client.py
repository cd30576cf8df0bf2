"""The house's desk in the demo: enters the sale and its lots over HTTP, and resumes what the review limit held."""

import time
from dataclasses import dataclass
from typing import Any

from auction.demo import fixtures
from auction.demo.api_client import ApiClient, CallFailed
from auction.demo.fixtures import LotPlan

SALES_MAX = 1000
"""How many demos one data directory takes."""


@dataclass(frozen=True, slots=True)
class ScheduledLot:
    """A lot as it was entered, with its times."""

    lot_id: str
    plan: LotPlan
    opens_at_ms: int
    closes_at_ms: int


class StaffClient:
    """Staff with the role `ops`."""

    def __init__(self, clerk: ApiClient, speed: float) -> None:
        self._clerk = clerk
        self._speed = speed

    async def enter_sale(self) -> str:
        """A new sale; its id counts on where the data directory has had demos before."""
        for number in range(1, SALES_MAX + 1):
            sale_id = fixtures.SALE_ID if number == 1 else f"{fixtures.SALE_ID}-{number}"
            try:
                await self._clerk.tell("/ops/sales", {"title": fixtures.SALE_TITLE, "sale_id": sale_id})
            except CallFailed as failed:
                if "sale-exists" not in str(failed):
                    raise
            else:
                return sale_id
        raise CallFailed(f"this data directory has had {SALES_MAX} demos; choose another with --data-dir")

    async def enter_lots(self, sale_id: str, *, by_hand: bool) -> list[ScheduledLot]:
        """The lots, scheduled: for staff to open when everybody is in, or at once and for long where people bid."""
        drafts = []
        for plan in fixtures.LOTS:
            lot = await self._clerk.tell(
                "/ops/lots",
                {
                    "sale_id": sale_id,
                    "title": plan.title,
                    "list_price_fen": plan.list_price_fen,
                    "preset": plan.preset,
                    "terms": plan.terms_by_hand() if by_hand else plan.terms_at_speed(self._speed),
                },
            )
            drafts.append((lot["lot_id"], plan))
        now_ms = round(time.time() * 1000)
        opens_at_ms = now_ms if by_hand else now_ms + fixtures.DOORS_MS
        scheduled = []
        for lot_id, plan in drafts:
            lot = ScheduledLot(lot_id, plan, opens_at_ms, opens_at_ms + self._open_ms(plan, by_hand=by_hand))
            times = {"opens_at_ms": lot.opens_at_ms, "closes_at_ms": lot.closes_at_ms}
            await self._clerk.tell(f"/ops/lots/{lot_id}/schedule", times)
            scheduled.append(lot)
        return scheduled

    async def open(self, scheduled: ScheduledLot) -> ScheduledLot:
        """Open a scheduled lot now; the lot with its real times."""
        duration_ms = self._open_ms(scheduled.plan, by_hand=False)
        lot = await self._clerk.tell(f"/ops/lots/{scheduled.lot_id}/open", {"duration_ms": duration_ms})
        return ScheduledLot(scheduled.lot_id, scheduled.plan, lot["now_ms"], lot["ends_at_ms"])

    def _open_ms(self, plan: LotPlan, *, by_hand: bool) -> int:
        return round((fixtures.BY_HAND_MS if by_hand else plan.open_ms) / self._speed)

    async def show(self, sale_id: str) -> dict[str, Any]:
        """The sale with its lots as they stand."""
        sale: dict[str, Any] = await self._clerk.ask(f"/sales/{sale_id}")
        return sale

    async def settlements(self) -> list[dict[str, Any]]:
        """Every lot after the hammer, in a row each."""
        found: list[dict[str, Any]] = (await self._clerk.ask("/ops/settlements"))["settlements"]
        return found

    async def settlement(self, lot_id: str) -> dict[str, Any]:
        """One lot's story after the hammer."""
        story: dict[str, Any] = await self._clerk.ask(f"/ops/settlements/{lot_id}")
        return story

    async def resume(self, lot_id: str) -> int | None:
        """Let a held lot go on without a review limit; its new end, None where somebody else was quicker."""
        try:
            lot = await self._clerk.tell(f"/ops/lots/{lot_id}/resume", {"review_above_fen": 0})
        except CallFailed as failed:
            if "wrong-status" not in str(failed):
                raise
            return None
        return int(lot["ends_at_ms"])
