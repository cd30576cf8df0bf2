"""The sale of a load run, created, opened and closed over HTTP as staff do it."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from auction.services.identity.tokens import Role, TokenKeys
from loadtests.server import AuctionServer

CLERK_LIFETIME_S = 7200
# no soft close: the run says when the lots end
TERMS: Mapping[str, Any] = {"soft_close": None}
OPEN_MS = 3_600_000


class Staff:
    """Calls the staff's routes with a token of the role `ops`."""

    def __init__(self, server: AuctionServer) -> None:
        token = TokenKeys(server.secret).issue(
            subject="load-clerk", role=Role.OPS, now_s=int(time.time()), lifetime_s=CLERK_LIFETIME_S
        )
        self._client = httpx.Client(
            base_url=f"{server.address}/api/v1/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=30.0,
            trust_env=False,
        )

    def open_sale(self, lots: int) -> tuple[str, list[str]]:
        """Create a sale of so many 1-yuan lots and open them; the id of the sale and those of the lots."""
        sale_id = self._post("ops/sales", {"title": "Load test"})["sale_id"]
        lot_ids = []
        for number in range(1, lots + 1):
            lot = {"sale_id": sale_id, "title": f"Lot {number}", "preset": "jd-flash", "terms": TERMS}
            lot_id = self._post("ops/lots", lot)["lot_id"]
            self._post(f"ops/lots/{lot_id}/open", {"duration_ms": OPEN_MS})
            lot_ids.append(lot_id)
        return sale_id, lot_ids

    def close(self, lot_id: str) -> Mapping[str, Any]:
        """Close a lot; its final state."""
        return self._post(f"ops/lots/{lot_id}/close", {"reason": "the load run is over"})

    def count_watchers(self, lot_ids: Sequence[str]) -> int:
        """How many watch these lots, as the server counts them."""
        return sum(self._get(f"lots/{lot_id}")["watchers"] for lot_id in lot_ids)

    def close_connections(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return _facts(self._client.post(path, json=body))

    def _get(self, path: str) -> dict[str, Any]:
        return _facts(self._client.get(path))


def _facts(answer: httpx.Response) -> dict[str, Any]:
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
