"""Codes of bidders in receipts: whose a receipt is can be checked by the house alone, and guessed by nobody."""

import hashlib
import hmac
from collections.abc import Callable
from functools import lru_cache
from typing import Self

from auction.signing.public_keys import encode_url

_PURPOSE = b"flash-auction: bidders in receipts, version 1"
_BYTES = 12
KEPT_MAX = 65_536
"""Codes that a process keeps."""


class BidderCodes:
    """Computes codes with a key that is derived from the secret for this purpose alone."""

    def __init__(self, key: bytes) -> None:
        @lru_cache(KEPT_MAX)
        def code(bidder_id: str) -> str:
            return encode_url(hmac.digest(key, bidder_id.encode(), "sha256")[:_BYTES])

        self.code: Callable[[str], str] = code
        """Gives the code of a bidder's id: 16 URL-safe characters."""

    @classmethod
    def derive(cls, secret: str) -> Self:
        """The codes that follow from a secret."""
        return cls(hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256))
