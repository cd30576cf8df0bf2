"""The demo's staff over HTTP: create the sale and its lots, open them, and resume a lot held for review."""

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
    """A lot that was created and scheduled, with its times (UTC ms)."""

    lot_id: str
    plan: LotPlan
    opens_at_ms: int
    closes_at_ms: int


class StaffClient:
    """Calls the staff's routes with a token of the role `ops`."""

    def __init__(self, client: ApiClient, speed: float) -> None:
        self._client = client
        self._speed = speed

    async def create_sale(self) -> str:
        """Create the sale; its id is numbered where the data directory has had demos before. Raises CallFailed."""
        for number in range(1, SALES_MAX + 1):
            sale_id = fixtures.SALE_ID if number == 1 else f"{fixtures.SALE_ID}-{number}"
            try:
                await self._client.post("/ops/sales", {"title": fixtures.SALE_TITLE, "sale_id": sale_id})
            except CallFailed as failed:
                if "sale-exists" not in str(failed):
                    raise
            else:
                return sale_id
        raise CallFailed(f"this data directory has had {SALES_MAX} demos; choose another with --data-dir")

    async def create_lots(self, sale_id: str, *, bots: bool) -> list[ScheduledLot]:
        """Create and schedule the lots: with bots far ahead, to be opened by `open`; without them, open at once."""
        drafts = []
        for plan in fixtures.LOTS:
            lot = await self._client.post(
                "/ops/lots",
                {
                    "sale_id": sale_id,
                    "title": plan.title,
                    "list_price_fen": plan.list_price_fen,
                    "preset": plan.preset,
                    "terms": plan.terms_at_speed(self._speed) if bots else plan.terms_without_bots(),
                },
            )
            drafts.append((lot["lot_id"], plan))
        now_ms = round(time.time() * 1000)
        opens_at_ms = now_ms + fixtures.SCHEDULED_AHEAD_MS if bots else now_ms
        scheduled = []
        for lot_id, plan in drafts:
            lot = ScheduledLot(lot_id, plan, opens_at_ms, opens_at_ms + self._open_ms(plan, bots=bots))
            times = {"opens_at_ms": lot.opens_at_ms, "closes_at_ms": lot.closes_at_ms}
            await self._client.post(f"/ops/lots/{lot_id}/schedule", times)
            scheduled.append(lot)
        return scheduled

    async def open(self, scheduled: ScheduledLot) -> ScheduledLot:
        """Open a scheduled lot now; the lot with its new times."""
        duration_ms = self._open_ms(scheduled.plan, bots=True)
        lot = await self._client.post(f"/ops/lots/{scheduled.lot_id}/open", {"duration_ms": duration_ms})
        return ScheduledLot(scheduled.lot_id, scheduled.plan, lot["now_ms"], lot["ends_at_ms"])

    def _open_ms(self, plan: LotPlan, *, bots: bool) -> int:
        return round((plan.open_ms if bots else fixtures.OPEN_WITHOUT_BOTS_MS) / self._speed)

    async def show(self, sale_id: str) -> dict[str, Any]:
        """The sale with the current state of its lots."""
        sale: dict[str, Any] = await self._client.get(f"/sales/{sale_id}")
        return sale

    async def settlements(self) -> list[dict[str, Any]]:
        """The settlements of all closed lots, one row each."""
        found: list[dict[str, Any]] = (await self._client.get("/ops/settlements"))["settlements"]
        return found

    async def settlement(self, lot_id: str) -> dict[str, Any]:
        """One lot's settlement with its steps, awards and offers."""
        found: dict[str, Any] = await self._client.get(f"/ops/settlements/{lot_id}")
        return found

    async def resume(self, lot_id: str) -> int | None:
        """Resume a held lot without a review limit; its new end (UTC ms), None where it is no longer held."""
        try:
            lot = await self._client.post(f"/ops/lots/{lot_id}/resume", {"review_above_fen": 0})
        except CallFailed as failed:
            if "wrong-status" not in str(failed):
                raise
            return None
        return int(lot["ends_at_ms"])
