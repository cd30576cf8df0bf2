"""Finding the PaymentIntent of an operation by our id in its metadata, without Stripe's id of it."""

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import stripe

from auction.payments.gateway import GatewayAway
from auction.payments.stripe import objects

if TYPE_CHECKING:
    from stripe.params import PaymentIntentListParams

_NEWEST_LOOKED_AT_MAX = 500
_PAGE = 100
_SEARCHABLE_AFTER_S = 3600
"""Stripe's search may be this much behind, in seconds; newer objects are looked for in the list."""


class StripeSearch:
    """Looks in Stripe's search, and among the newest, which search may lack yet; `send` awaits as the gateway does."""

    def __init__(
        self, client: stripe.StripeClient, send: Callable[[Awaitable[Any]], Awaitable[dict[str, Any]]]
    ) -> None:
        self._client = client
        self._send = send

    async def find_id(self, operation_id: str) -> str | None:
        """Stripe's id of the PaymentIntent of an operation; None: there is none.

        Raises GatewayAway where there are too many new ones to look at: None would be a guess then.
        """
        quoted = operation_id.replace("\\", "\\\\").replace("'", "\\'")
        query = f"metadata['{objects.OPERATION}']:'{quoted}'"
        try:
            found = await self._send(self._client.v1.payment_intents.search_async({"query": query, "limit": 1}))
        except stripe.InvalidRequestError:
            # search is not offered in every country: the list remains
            found = {"data": []}
        if found["data"]:
            return str(found["data"][0]["id"])
        since_s = time.time() - _SEARCHABLE_AFTER_S
        wanted: PaymentIntentListParams = {"limit": _PAGE}
        for _ in range(_NEWEST_LOOKED_AT_MAX // _PAGE):
            page = await self._send(self._client.v1.payment_intents.list_async(wanted))
            for intent in page["data"]:
                if objects.metadata(intent).get(objects.OPERATION) == operation_id:
                    return str(intent["id"])
            if not page["has_more"] or page["data"][-1]["created"] < since_s:
                return None
            wanted["starting_after"] = page["data"][-1]["id"]
        raise GatewayAway("too many payments are newer than Stripe's search knows")
